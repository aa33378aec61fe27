/* Captured ASTM traffic to messages: framed sessions, one direction or both mixed, and bare records with CR, LF or CR LF.
 * A reader refuses nothing: what is damaged is told of and left out, a gap makes its message incomplete, and the rest is
 * decoded. It holds one message at a time, so that a capture of any size takes constant memory. */
#ifndef INSTLINK_ASTM_READER_H
#define INSTLINK_ASTM_READER_H

#include "astm/assembly.h"
#include "astm/frame.h"
#include "astm/link.h"

struct astm_reader_config {
    enum astm_checksum checksum;
    bool ignore_checksum; /* frames with a wrong checksum are used all the same, and noted */
    size_t max_message;
    /* Whoever wants to know; either may be NULL. defect: a line for people on what was damaged or left out, and where. */
    void (*wire)(void *context, const struct astm_wire *wire);
    void (*defect)(void *context, uint64_t offset, const char *text);
    void *context;
};

struct astm_reader {
    const struct astm_reader_config *config;
    struct astm_framer framer;
    struct astm_assembly assembly;
    const unsigned char *rest; /* of the frame that is being taken */
    size_t rest_len;
    unsigned char frame_end, result;
    bool ready;      /* a message is to be fetched */
    bool taking;     /* rest, or at least the end of its frame, is still to be taken */
    bool bare;       /* the message that is open has no frames */
    bool line_open;  /* its line goes on: what comes first is no new line */
    bool gap;        /* something of it is missing */
    bool skipping;   /* it was longer than max_message: the rest of it is left out */
    bool in_comment; /* a # line that goes on */
    int expected;    /* the next frame's number; -1 any */
    struct { int number; size_t len; unsigned char end, digest[16]; } last;
    uint64_t began;  /* where the message begins */
    uint64_t header_at; /* where the frame or line begins that is being taken */
    bool settled;    /* what was fetched is to be forgotten */
    uint64_t plain_until; /* no control byte comes before it */
    uint64_t noise_at;
    size_t noise;    /* bytes left out since noise_at, not told of yet */
};

void astm_reader_init(struct astm_reader *r, const struct astm_reader_config *config);

/* Takes bytes up to the end of a message, and returns how many. What it did not take is offered again, together with what
 * comes after it. After each call: astm_reader_next until it is false. */
size_t astm_reader_push(struct astm_reader *r, const unsigned char *bytes, size_t n);

/* The next message. False when there is none. It is valid until the reader is called again; the bytes pushed must stay
 * in place until then. */
bool astm_reader_next(struct astm_reader *r, struct astm_message *message);

/* The capture has ended; bytes are what push did not take. Then astm_reader_next until it is false. */
void astm_reader_eof(struct astm_reader *r, const unsigned char *bytes, size_t n);

void astm_reader_free(struct astm_reader *r);

#endif
