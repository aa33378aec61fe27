/* HL7 acknowledgements [HL7 v2.5.1 chapter 2, 2.9]: which are due for a message, and what they look like. Time and
 * control id of an answer are the caller's. */
#ifndef INSTLINK_HL7_ACK_H
#define INSTLINK_HL7_ACK_H

#include "base/bytes.h"
#include "base/verdict.h"
#include "hl7/header.h"

/* Which rules apply to messages that come (--ack). */
enum hl7_ack_mode {
    HL7_ACK_AUTO,     /* enhanced mode where MSH-15 or MSH-16 asks for it, else original mode */
    HL7_ACK_ORIGINAL, /* always one answer, whatever MSH-15 and MSH-16 say */
    HL7_ACK_ENHANCED, /* always enhanced mode; an MSH-15 that says nothing valid is AL, such an MSH-16 NE */
    HL7_ACK_NONE,     /* no acknowledgement at all */
};

/* The mode of that name, as options write it: auto, original, enhanced, none. False when there is none. */
bool hl7_ack_parse(const char *name, enum hl7_ack_mode *mode);

/* Acknowledgement codes (table 0008): application and accept; accepted, error, rejected. */
enum hl7_code { HL7_CODE_NONE, HL7_CODE_AA, HL7_CODE_AE, HL7_CODE_AR, HL7_CODE_CA, HL7_CODE_CE, HL7_CODE_CR };

/* "AA" …; "" for HL7_CODE_NONE. */
const char *hl7_code_name(enum hl7_code code);

/* The code that MSA-1 has; HL7_CODE_NONE for any other text. */
enum hl7_code hl7_code_of(struct hl7_slice field);

/* Whether the message holds a value in MSH-15 or MSH-16 that is no condition, for which reason original mode applies.
 */
bool hl7_ack_odd(const struct hl7_header *theirs);

/* Whether the message asks for an acknowledgement with this code. msa: of the message itself, when it is an answer (no
 * application answer is given to an answer, unless it is a deferred response, and an accept acknowledgement only to one
 * that is none); else NULL. */
bool hl7_ack_asked(const struct hl7_header *theirs, const struct hl7_msa *msa, enum hl7_ack_mode mode,
                   enum hl7_code code);

/* What is to be sent for a message, in this order; HL7_CODE_NONE: nothing. */
struct hl7_due {
    enum hl7_code accept, application;
};

struct hl7_due hl7_ack_due(const struct hl7_header *theirs, const struct hl7_msa *msa, enum hl7_ack_mode mode,
                           enum verdict verdict);

/* What we wait for when we send a message, by its own MSH-15 and MSH-16: an accept acknowledgement, an application
 * acknowledgement, both, or nothing; or, where none comes but on error (ER), whether one does. */
struct hl7_wanted {
    bool enhanced;
    bool accept, application;
    bool refusal; /* none of them, but one that says that something went wrong: silence means that nothing did */
};

struct hl7_wanted hl7_ack_wanted(const struct hl7_header *ours);

struct hl7_ack {
    enum hl7_code code;
    enum hl7_error error; /* of a refusal */
    const char *reason;   /* of a refusal, UTF-8, at most 200 bytes of it are used; NULL: the table's text for error */
    const char *time;     /* MSH-7, as HL7 writes it: 20240301101112+0100 */
    const char *id;       /* MSH-10: unique among our messages */
    const char *charset;  /* MSH-18 instead of theirs; NULL: theirs */
};

/* Appends an acknowledgement message: segments, each ended by CR, without VT and FS. It has the separators, character
 * set, version and processing id of the message that it answers, and in MSA-2 its MSH-10, byte for byte. Of a message
 * whose MSH is unreadable nothing is used; version 2.5 then. The reason of a refusal stands in an ERR segment from
 * version 2.5 on, and in MSA-3 before. False when memory is exhausted; out is then as it was. */
bool hl7_ack_build(struct bytes *out, const struct hl7_header *theirs, const struct hl7_ack *ack);

/* What an answer says of why it refuses, for people: MSA-3, and ERR-3 and ERR-8 of each ERR segment, those that are not
 * empty, as in `MSA-3 full; ERR-3 207^error^HL70357; ERR-8 the disk`; nothing where it says nothing. The text is
 * NUL-terminated and cut to size bytes (not 0), between characters; escape sequences are as sent, control characters
 * and what is no UTF-8 are `?`. Returns out. */
const char *hl7_ack_reason(const unsigned char *text, size_t n, char *out, size_t size);

#endif
