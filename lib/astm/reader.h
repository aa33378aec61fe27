/* Captured ASTM traffic to messages: framed sessions, one direction or both mixed, and bare records with CR, LF or CR
 * LF. A reader refuses nothing: what is damaged is told of and left out, a gap makes its message incomplete, and the
 * rest is decoded. It holds one message at a time, so that a capture of any size takes constant memory. */
#ifndef INSTLINK_ASTM_READER_H
#define INSTLINK_ASTM_READER_H

#include "astm/assembly.h"
#include "astm/frame.h"
#include "astm/link.h"
#include "astm/sequence.h"

struct astm_reader_config {
    enum astm_checksum checksum;
    bool ignore_checksum; /* frames with a wrong checksum are used all the same, and noted */
    size_t max_message;
    /* Whoever wants to know; either may be NULL. defect: a line for people on what was damaged or left out, and where.
     */
    void (*wire)(void *context, const struct astm_wire *wire);
    void (*defect)(void *context, uint64_t offset, const char *text);
    void *context;
};

enum astm_reader_line { ASTM_LINE_NONE, ASTM_LINE_RECORD, ASTM_LINE_COMMENT, ASTM_LINE_NOISE, ASTM_LINE_SKIPPED };

/* What is in it is private. */
struct astm_reader {
    const struct astm_reader_config *config;
    struct astm_framer framer;
    struct astm_assembly assembly;
    bool ready;                 /* a message is to be fetched */
    bool closing;               /* what is open when nothing is to be fetched any more ends there */
    bool fetched;               /* what has been fetched is to be forgotten */
    bool bare;                  /* the message that is open has no frames */
    bool gap;                   /* something of it is missing */
    bool skipping;              /* it was longer than max_message: the rest of it is left out */
    bool fresh;                 /* while skipping: a record begins here */
    unsigned char result;       /* enum astm_assembly_result of the message to be fetched */
    enum astm_reader_line line; /* outside frames: what the line is that is open */
    uint64_t began;             /* where the message that is open begins */
    uint64_t record_at;         /* where the frame or line begins that the open record begins in */
    struct {
        bool open;                 /* rest, or at least its end, is still to be taken */
        const unsigned char *rest; /* of its text */
        size_t rest_len;
        size_t from; /* where in the assembly's text its own begins */
        uint64_t at; /* where it begins */
        unsigned char end;
    } frame; /* the one that is being taken */
    struct astm_sequence sequence;
    uint64_t plain_until; /* no control byte comes before it */
    uint64_t noise_at;
    size_t noise; /* bytes left out since noise_at, not told of yet */
};

void astm_reader_init(struct astm_reader *r, const struct astm_reader_config *config);

/* Takes bytes up to the end of a message, and returns how many. What it did not take is offered again, together with
 * what comes after it. After each call: astm_reader_next until it is false. */
size_t astm_reader_push(struct astm_reader *r, const unsigned char *bytes, size_t n);

/* The next message. False when there is none. It is valid until the reader is called again; the bytes pushed must stay
 * in place until then. */
bool astm_reader_next(struct astm_reader *r, struct message *message);

/* The capture has ended; bytes are what push did not take. Then astm_reader_next until it is false. */
void astm_reader_eof(struct astm_reader *r, const unsigned char *bytes, size_t n);

void astm_reader_free(struct astm_reader *r);

#endif
