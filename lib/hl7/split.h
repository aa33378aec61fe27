/* From the text of a block to messages [HL7 v2.5.1 chapter 2, 2.10.3]: a block holds one message, or by the sender's
 * habit several, or a batch with its envelope (FHS BHS messages BTS FTS), which belongs to no message. Each message
 * comes out as segments that end with CR, whatever ended them, none of them empty. */
#ifndef INSTLINK_HL7_SPLIT_H
#define INSTLINK_HL7_SPLIT_H

#include "base/bytes.h"
#include "base/notes.h"
#include "hl7/block.h"
#include "hl7/header.h"

/* What ends a segment (--segment-end). */
enum hl7_segment_end {
    HL7_END_AUTO, /* CR, CR LF, and LF where it is no data: where the name of a segment and the field separator follow
                   * it, where the block ends with it, or where the block has no CR */
    HL7_END_CR,   /* CR and CR LF; any other LF is data */
    HL7_END_LF,   /* LF and CR LF; any other CR is data, and becomes LF */
};

/* What has that name, as options write it: auto, cr, lf. False when nothing has. */
bool hl7_segment_end_parse(const char *name, enum hl7_segment_end *end);

/* A message as it was received. Slices: valid as long as whoever hands it out says. */
struct hl7_message {
    const unsigned char *text; /* segments, each ended by CR, in the sender's character set (utf16: in UTF-8) */
    size_t len;
    const char *notes; /* NUL-terminated strings one behind the other */
    size_t notes_len;
    size_t segments;
    struct hl7_header header; /* of text; header.why: it is no message that can be read, nor answered by its name */
    uint64_t offset;          /* where in the stream or file it begins */
    bool complete;            /* its block has come to its end, or another message of the block follows */
    bool framed;              /* it came in a block with VT */
    bool utf16;               /* it came in UTF-16, and is UTF-8 now, whatever MSH-18 says */
    bool has_msa;             /* there may be an MSA segment behind its MSH */
};

/* The batch that messages of a stream stand in, from block to block. Messages that go one way and their answers may
 * lie mixed: what has an MSA segment counts only where the first one has, and the other way round. Zero-initialised:
 * there is none. */
struct hl7_batch {
    bool file, open;     /* FHS has come, and no FTS; BHS, and no BTS */
    bool any, answers;   /* a message of it has come; it has an MSA segment */
    bool odd;            /* a BTS-1 is not the number of messages since BHS; until hl7_batch_odd has told of it */
    unsigned char field; /* the field separator of the envelope */
    uint64_t came;       /* messages since BHS */
    uint64_t said, counted, offset; /* odd: BTS-1, the messages, and where in the stream BTS is */
};

enum { HL7_BATCH_TEXT = 96 };

/* Whether a BTS-1 that came is not the number of messages since BHS; then text says so, once. */
bool hl7_batch_odd(struct hl7_batch *b, char text[HL7_BATCH_TEXT]);

struct hl7_split {
    struct bytes *text;
    enum hl7_segment_end end;
    struct hl7_token block; /* what it came in; its text is not used */
    size_t at;              /* where in text the next segment begins */
    unsigned char field;    /* the field separator in force */
    bool has_cr, has_lf, utf16, any;
    bool damaged;           /* the text was no whole UTF-16 */
    size_t segments;        /* of the message that is being made */
    bool msa;               /* the message that is being made has a segment of that name */
    bool envelope;          /* there is a segment of an envelope */
    struct hl7_batch batch; /* that its messages stand in */
    unsigned messages;      /* how many there were */
    struct notes notes;     /* of the message that is being made */
};

/* Begins with the text of a block, which stays the caller's and is changed in place: nothing else may touch it until
 * the last message has been dealt with. block: the token that it came in, which the notes speak of; NULL for a text
 * that came otherwise. The batch of the block before goes on, where *s was used for that; else it is
 * zero-initialised. UTF-16 is turned into UTF-8. False when memory is exhausted. */
bool hl7_split_begin(struct hl7_split *s, struct bytes *text, const struct hl7_token *block, enum hl7_segment_end end);

/* The next message. False when there is none. Its text is valid as long as the buffer is, its notes until the next
 * call. Of a block in which there is no message a single one without text comes, with header.why, unless there is an
 * envelope; likewise segments that stand before any MSH come as one that cannot be read. */
bool hl7_split_next(struct hl7_split *s, struct hl7_message *message);

/* Releases the notes. */
void hl7_split_free(struct hl7_split *s);

#endif
