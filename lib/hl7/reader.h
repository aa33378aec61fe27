/* Captured HL7 traffic to messages: MLLP blocks, one direction or both mixed, and messages without VT and FS, with CR,
 * LF or CR LF. A reader refuses nothing: what is damaged is told of and left out, and the rest is decoded. It holds one
 * block at a time, so that a capture of any size takes constant memory. */
#ifndef INSTLINK_HL7_READER_H
#define INSTLINK_HL7_READER_H

#include "hl7/link.h"

struct hl7_reader_config {
    size_t max_message;
    enum hl7_segment_end segment_end;
    /* Whoever wants to know; either may be NULL. defect: a line for people on what was damaged or left out, and where.
     */
    void (*wire)(void *context, const struct hl7_wire *wire);
    void (*defect)(void *context, uint64_t offset, const char *text);
    void *context;
};

/* What is in it is private. */
struct hl7_reader {
    const struct hl7_reader_config *config;
    struct hl7_block_reader blocks;
    struct bytes text;         /* of the block whose messages are being fetched */
    struct hl7_split split;    /* of text */
    bool open;                 /* there is such a block */
    bool ended;                /* the capture is over, but for `rest` */
    const unsigned char *rest; /* of the capture; not taken yet when it ended */
    size_t rest_len;
};

/* config must outlive the reader. */
void hl7_reader_init(struct hl7_reader *r, const struct hl7_reader_config *config);

/* Takes bytes up to the end of a block, and returns how many. What it did not take is offered again, together with what
 * comes after it. After each call: hl7_reader_next until it is false. */
size_t hl7_reader_push(struct hl7_reader *r, const unsigned char *bytes, size_t n);

/* The next message. False when there is none. It is valid until the reader is called again. A message whose MSH cannot
 * be read is not complete. */
bool hl7_reader_next(struct hl7_reader *r, struct hl7_message *message);

/* The capture has ended; bytes are what push did not take, and must stay in place. Then hl7_reader_next until it is
 * false. */
void hl7_reader_eof(struct hl7_reader *r, const unsigned char *bytes, size_t n);

void hl7_reader_free(struct hl7_reader *r);

#endif
