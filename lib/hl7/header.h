/* What an HL7 v2 message says of itself: its MSH segment, and the MSA segment of an answer [HL7 v2.5.1 chapter 2,
 * 2.15.9 and 2.15.8]. Everything is a slice of the message's own bytes, verbatim. */
#ifndef INSTLINK_HL7_HEADER_H
#define INSTLINK_HL7_HEADER_H

#include "hl7/segment.h"

/* The numbers of the fields that are looked at here. */
enum hl7_msh {
    HL7_SENDING_APPLICATION = 3,
    HL7_SENDING_FACILITY = 4,
    HL7_RECEIVING_APPLICATION = 5,
    HL7_RECEIVING_FACILITY = 6,
    HL7_TIME = 7,
    HL7_MESSAGE_TYPE = 9,
    HL7_CONTROL_ID = 10,
    HL7_PROCESSING_ID = 11,
    HL7_VERSION = 12,
    HL7_ACCEPT_CONDITION = 15,
    HL7_APPLICATION_CONDITION = 16,
    HL7_CHARSET = 18,
    HL7_PROFILE = 21,
    HL7_MSH_FIELDS = 21, /* the last that is kept */
};

/* Table 0357, as far as an answer of ours names it. */
enum hl7_error {
    HL7_ERROR_NONE = 0,
    HL7_ERROR_SEQUENCE = 100, /* segment sequence error */
    HL7_ERROR_MISSING = 101,  /* required field missing */
    HL7_ERROR_INTERNAL = 207, /* application internal error */
};

struct hl7_header {
    const char *why; /* NULL: the MSH is readable. Else what is wrong with it, for people; fields may be empty then */
    enum hl7_error error; /* the same, for the sender */
    struct hl7_separators separators;
    struct hl7_slice msh[HL7_MSH_FIELDS + 1]; /* msh[n] is MSH-n; 0 is empty. Absent and empty fields have no bytes */
    struct hl7_slice rest;                    /* everything after the MSH segment and its CR */
    bool digested;                            /* digest is that of rest */
    unsigned char digest[16];
};

/* Reads the MSH at the beginning of a text whose segments end with CR (hl7_split makes such) and returns whether it
 * is readable: it begins with MSH and a field separator, reaches MSH-10, and names a type or a control id. The text
 * stays the caller's, and must stay. Where MSH-18 declares a set whose characters have several bytes, bytes within a
 * character are no separators. */
bool hl7_header_read(struct hl7_header *h, const unsigned char *text, size_t n);

/* Component `number` (from 1) of MSH-9: ORU, R01, ORU_R01. */
struct hl7_slice hl7_header_type(const struct hl7_header *h, size_t number);

/* Whether the message is a query (MSH-9.1 is QRY or QBP): a query is never a repeat. Nor is a message without a control
 * id. */
bool hl7_header_query(const struct hl7_header *h);

/* Whether the message is a deferred response (MSH-9 is DSR^Q03): it is a message of its own and wants an answer,
 * although its MSA segment names the query, which was answered before [HL7 v2.3.1 chapter 2, 2.19.2]. */
bool hl7_header_deferred(const struct hl7_header *h);

/* The digest of everything after the MSH segment, by which a message that comes again is known. It is kept in h, for
 * whoever asks next. */
const unsigned char *hl7_header_digest(struct hl7_header *h);

/* The same, with the sender (MSH-3 and 4) and the control id (MSH-10) as they came: the key of a repeat. */
void hl7_header_key(struct hl7_header *h, unsigned char key[16]);

/* MSH-15 and MSH-16: when an acknowledgement is wanted. */
enum hl7_condition {
    HL7_CONDITION_NONE, /* empty */
    HL7_CONDITION_AL,   /* always */
    HL7_CONDITION_NE,   /* never */
    HL7_CONDITION_ER,   /* on error or reject only */
    HL7_CONDITION_SU,   /* on success only */
    HL7_CONDITION_ODD,  /* something else */
};

enum hl7_condition hl7_condition_of(struct hl7_slice field);

/* The MSA segment. */
struct hl7_msa {
    struct hl7_slice code;       /* MSA-1 */
    struct hl7_slice control_id; /* MSA-2: MSH-10 of the message that is answered */
    struct hl7_slice text;       /* MSA-3 */
};

/* The first MSA segment after the MSH; where the MSH is not readable, of the whole text. False when there is none: the
 * message is no answer. */
bool hl7_header_msa(const struct hl7_header *h, struct hl7_msa *msa);

#endif
