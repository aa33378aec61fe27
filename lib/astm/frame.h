/* LIS01 frames [LIS01-A2 6.3; E1381-95 6.3]: bytes to tokens, and text to frames.
 *
 *     STX FN text ETB|ETX CS CS CR LF
 *
 * The framer is fed bytes in any pieces and the time; how they are split never changes the tokens, as long as the
 * time stands still (but a run of bytes outside frames comes as one TEXT or as several). It refuses nothing: a token
 * says what came and whether it is good; what follows from that is the link machine's business. */
#ifndef INSTLINK_ASTM_FRAME_H
#define INSTLINK_ASTM_FRAME_H

#include "base/bytes.h"

#include <stdint.h>

enum {
    ASTM_STX = 0x02,
    ASTM_ETX = 0x03,
    ASTM_EOT = 0x04,
    ASTM_ENQ = 0x05,
    ASTM_ACK = 0x06,
    ASTM_LF = 0x0A,
    ASTM_CR = 0x0D,
    ASTM_NAK = 0x15,
    ASTM_ETB = 0x17,

    ASTM_TEXT_SMALL = 240,   /* text of a frame as E1381-95 limits it */
    ASTM_TEXT_LARGE = 63993, /* text of a frame as LIS01-A2 limits it: 64 000 with overhead */
    ASTM_TAIL_MS = 200,      /* how long CR LF may be late before the frame counts as ended without them */
};

/* What the two checksum digits stand for. STD is the standard's: the sum from FN to ETX/ETB, both included. */
enum astm_checksum {
    ASTM_CHECKSUM_STD,
    ASTM_CHECKSUM_NOTERM, /* the sum leaves ETX/ETB out */
    ASTM_CHECKSUM_STX,    /* the sum begins with STX */
    ASTM_CHECKSUM_XOR,    /* exclusive or from FN to ETX/ETB */
    ASTM_CHECKSUM_NONE,   /* there is none, or it is not looked at */
    ASTM_CHECKSUM_AUTO,   /* the first of the first four that fits a frame, and then that one for good */
};

/* The name as options and notes write it: std, noterm, stx, xor, none, auto. */
const char *astm_checksum_name(enum astm_checksum convention);

/* The convention of that name. False when there is none. */
bool astm_checksum_parse(const char *name, enum astm_checksum *convention);

/* A frame that has come to its end. */
struct astm_frame {
    const unsigned char
        *text; /* between FN and ETX/ETB, in what was pushed or in the framer; valid until either goes */
    size_t len;
    uint64_t offset;         /* of its STX in the stream */
    int number;              /* 0 to 7; -1 when FN is no such digit */
    unsigned char end;       /* ASTM_ETX or ASTM_ETB */
    int given;               /* the checksum that came, 0 to 255; -1 when none came */
    unsigned char computed;  /* the checksum by the convention in force */
    bool good;               /* number, checksum and length are all right */
    bool too_long;           /* more than max_text; the text is cut */
    bool no_memory;          /* the text is cut for want of memory */
    bool unpadded;           /* the checksum came as one digit */
    bool learned;            /* this frame taught --checksum auto its convention */
    enum astm_checksum fits; /* not good by its checksum: a convention by which it would be; else NONE */
};

enum astm_token_kind {
    ASTM_TOKEN_NONE, /* more bytes are needed */
    ASTM_TOKEN_ENQ,
    ASTM_TOKEN_EOT,
    ASTM_TOKEN_ACK,
    ASTM_TOKEN_NAK,
    ASTM_TOKEN_FRAME,
    ASTM_TOKEN_CUT,  /* a frame was begun, then STX, or before its checksum EOT, ENQ or the stream's end: no frame */
    ASTM_TOKEN_TEXT, /* bytes outside frames: noise, or records without framing */
};

struct astm_token {
    enum astm_token_kind kind;
    uint64_t offset;           /* of its first byte in the stream */
    struct astm_frame frame;   /* FRAME */
    const unsigned char *text; /* TEXT: a slice of what was pushed; CUT: what there was of the frame, with FN */
    size_t len;                /* of text, else 0 */
};

struct astm_framer {
    enum astm_checksum convention; /* AUTO until it has learned */
    size_t max_text;               /* longest text of a frame that is taken */
    struct bytes text;             /* FN and text of a frame that came in several pieces; else empty */
    const unsigned char *slice;    /* FN and text of a frame that lies whole in what is being pushed; else NULL */
    size_t slice_len;
    uint64_t offset; /* of the next byte in the stream */
    uint64_t start;  /* of the STX of the frame that is open */
    int64_t heard;   /* when the last byte of the frame that is open came, ms */
    unsigned char state, end, sum, digits, value;
    bool cr, too_long, no_memory;
};

/* An empty framer. Nothing is allocated before a frame is split over two pushes. */
void astm_framer_init(struct astm_framer *f, enum astm_checksum convention, size_t max_text);

/* Takes bytes up to the end of the next token. Returns how many it took; token->kind is NONE when all were taken and
 * more are needed. CUT is given without taking the byte that cut the frame. now: ms on a monotonic clock. */
size_t astm_framer_push(struct astm_framer *f, const unsigned char *bytes, size_t n, int64_t now,
                        struct astm_token *token);

/* When the framer wants astm_framer_tick, in ms; INT64_MAX when it waits for bytes alone. */
int64_t astm_framer_deadline(const struct astm_framer *f);

/* Ends a frame whose CR LF is late; token->kind is NONE when there is none. */
void astm_framer_tick(struct astm_framer *f, int64_t now, struct astm_token *token);

/* The stream has ended: a frame whose checksum has come is a FRAME, any other that is open is CUT. */
void astm_framer_eof(struct astm_framer *f, struct astm_token *token);

/* Whether a frame is open. */
bool astm_framer_inside(const struct astm_framer *f);

/* Releases the storage and forgets an open frame; what --checksum auto has learned stays. */
void astm_framer_free(struct astm_framer *f);

/* Says what makes the frame no good, for people, its first token stable: malformed-frame or bad-checksum. At most size
 * bytes with the NUL. */
void astm_frame_damage(const struct astm_frame *frame, char *text, size_t size);

/* Appends a frame; AUTO is STD. number is taken modulo 8; end is ASTM_ETX or ASTM_ETB. False when memory is exhausted.
 */
bool astm_frame_build(struct bytes *out, unsigned number, const unsigned char *text, size_t n, unsigned char end,
                      enum astm_checksum convention);

/* How much of the text, records each ended by CR, goes into the next frame of at most `size` bytes of text, and
 * whether ETX or ETB ends it. One ETX frame a record; whole: one run of ETB frames closed by one ETX frame. */
size_t astm_frame_take(const unsigned char *text, size_t n, size_t size, bool whole, unsigned char *end);

/* Whether bytes begin as a header record does: H and a printable byte that is neither letter nor digit. */
bool astm_is_header(const unsigned char *p, size_t n);

#endif
