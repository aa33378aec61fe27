/* MLLP blocks [HL7 v2 implementation guide, appendix C; MLLP release 1 and 2]: bytes to tokens, and text to blocks.
 *
 *     VT text FS CR
 *
 * The reader is fed bytes in any pieces and the time; how they are split never changes the tokens, as long as the time
 * stands still. It refuses nothing: a token says what came; what follows from that is the link machine's business. It
 * serves decoders too, which let the time stand still, and files of messages without VT and FS.
 *
 * What begins with MSH, FHS or BHS and a field separator outside blocks is a message without VT. It ends at FS, at the
 * next MSH, FHS or BHS that begins a line or follows a VT, at the end of the stream, or after 2 s of silence. */
#ifndef INSTLINK_HL7_BLOCK_H
#define INSTLINK_HL7_BLOCK_H

#include "base/bytes.h"

#include <stdint.h>

enum {
    HL7_VT = 0x0B,
    HL7_FS = 0x1C,
    HL7_ACK = 0x06, /* release 2: the text of a block that says that a block is stored */
    HL7_NAK = 0x15, /* … that it is not */

    HL7_TAIL_MS = 100,     /* how long CR may be late before a block counts as ended without it */
    HL7_SILENCE_MS = 2000, /* ends a message without VT, and a stretch of noise */
    HL7_NOISE_SHOWN = 3,   /* so many bytes of noise are kept */
};

enum hl7_token_kind {
    HL7_TOKEN_NONE,       /* more bytes are needed */
    HL7_TOKEN_BLOCK,      /* the text of a block, or of a message without VT */
    HL7_TOKEN_COMMIT_ACK, /* release 2: the peer has stored our block */
    HL7_TOKEN_COMMIT_NAK, /* … has not */
    HL7_TOKEN_CUT,        /* a block was begun, then another one or the end of the stream came: there is no block */
    HL7_TOKEN_TOO_LONG,   /* a block passed a limit: text is what there was of it; the rest is skipped without a word */
    HL7_TOKEN_NOISE,      /* a stretch of bytes outside blocks, told of when it has ended */
};

struct hl7_token {
    enum hl7_token_kind kind;
    uint64_t offset;           /* of its first byte in the stream: VT, where there is one */
    const unsigned char *text; /* valid until the reader is called again; NOISE: its first HL7_NOISE_SHOWN bytes */
    size_t len;                /* of text; NOISE: how many bytes it had */
    bool bare;                 /* without VT */
    bool no_cr;                /* the end was not FS CR */
    bool fs_inside, vt_inside; /* the text holds an FS, or a VT: data */
    bool no_memory;            /* TOO_LONG: past the allowance, or memory is exhausted */
    bool blank;                /* NOISE: nothing but blank, tab, NUL, CR and LF */
};

struct hl7_block_reader {
    size_t max_message;  /* most bytes of a message: a block, or each of several messages in a block */
    size_t allowance;    /* most bytes of a block, whatever is in it; the caller may change it at any time */
    bool strict;         /* FS CR alone ends a block */
    struct bytes text;   /* of a block that came in several pieces; else empty */
    const unsigned char *slice; /* the text of a block that lies whole in what is being pushed; else NULL */
    size_t slice_len;
    uint64_t offset;     /* of the next byte in the stream */
    uint64_t start;      /* of the block that is open */
    int64_t heard;       /* when the last byte came, ms */
    int64_t began;       /* when the first byte of the block that is open came, ms */
    size_t message;      /* where in the text of the block the message begins that the limit is counted from */
    unsigned char state;
    unsigned char head[4], head_len; /* what may be the beginning of a message, not taken into the text yet */
    uint64_t head_at;
    bool bare, skipping, fs_inside, vt_inside;
    unsigned char first[2]; /* bytes of the block's text */
    bool given;          /* a token has been given: what it was made of is to be forgotten */
    bool begin;          /* and a block whose first bytes are in head is open */
    bool begin_bare;
    bool cr_due, lf_due; /* what may still come of the end of the last block */
    bool word;           /* the byte before, outside blocks, was a letter or digit */
    bool noise_blank;
    unsigned char noise_head[HL7_NOISE_SHOWN];
    uint64_t noise_at;
    size_t noise;        /* bytes of noise not told of yet */
};

/* A reader outside any block. Nothing is allocated before a block is split over two pushes. */
void hl7_block_init(struct hl7_block_reader *r, size_t max_message, bool strict);

/* Takes bytes up to the end of the next token. Returns how many it took; token->kind is NONE when all were taken and
 * more are needed. A token may be given without taking a byte. now: ms on a monotonic clock; a decoder's stands
 * still. */
size_t hl7_block_push(struct hl7_block_reader *r, const unsigned char *bytes, size_t n, int64_t now,
                      struct hl7_token *token);

/* When the reader wants hl7_block_tick, in ms; INT64_MAX when it waits for bytes alone. */
int64_t hl7_block_deadline(const struct hl7_block_reader *r);

/* Ends a block whose CR is late, a message without VT, or a stretch of noise. */
void hl7_block_tick(struct hl7_block_reader *r, int64_t now, struct hl7_token *token);

/* The stream has ended. One token at most. */
void hl7_block_eof(struct hl7_block_reader *r, struct hl7_token *token);

/* Gives what there is of the open block as TOO_LONG, and skips the rest. NONE when there is no open block. */
void hl7_block_refuse(struct hl7_block_reader *r, struct hl7_token *token);

/* The time during which nothing was pushed, for whatever reason of the caller's, does not count. */
void hl7_block_resume(struct hl7_block_reader *r, int64_t now);

/* Moves the text of the token just given into an empty buffer, without copying where it lies in the reader's own; the
 * token's text is then there. False when memory is exhausted; the token stays as it was. */
bool hl7_block_take(struct hl7_block_reader *r, struct hl7_token *token, struct bytes *to);

/* Whether a block is open whose text is being kept. */
bool hl7_block_inside(const struct hl7_block_reader *r);

/* Releases the storage and forgets an open block. */
void hl7_block_free(struct hl7_block_reader *r);

/* Appends a block. False when memory is exhausted; out is then as it was. */
bool hl7_block_build(struct bytes *out, const unsigned char *text, size_t n);

/* Whether a text can stand in a block: no VT, no FS. */
bool hl7_block_fits(const unsigned char *text, size_t n);

#endif
