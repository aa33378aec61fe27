/* The character set of a message [HL7 v2.5.1 chapter 2, 2.15.9.18; table 0211]. It is decided once a message: what the
 * caller says, else what MSH-18 declares, else what the bytes look like. Where MSH-18 names further sets behind the
 * first one, escape sequences of ISO 2022 switch to those and back. */
#ifndef INSTLINK_HL7_CHARSET_H
#define INSTLINK_HL7_CHARSET_H

#include "base/charset.h"
#include "hl7/segment.h"

enum {
    HL7_CHARSET_NAME = 32,  /* longest name in MSH-18 that is looked up, with NUL */
    HL7_CHARSET_SHIFTS = 5, /* sets of several bytes that can be switched to */
};

/* The set of one message after the other; what was opened for one is kept for the next. Zero-initialised is valid. */
struct hl7_charset {
    struct charset *base; /* what is not switched is in it */
    bool switches;        /* escape sequences switch */
    const char *name;     /* for the envelope; NULL: the message was UTF-8 */
    char note[128];       /* empty: all was as the standard says */
    /* private */
    struct charset declared, fallback;
    char declared_name[HL7_CHARSET_NAME]; /* what `declared` was opened for */
    bool declared_known;
    struct charset shifted[HL7_CHARSET_SHIFTS];
    bool shifted_tried[HL7_CHARSET_SHIFTS], shifted_known[HL7_CHARSET_SHIFTS];
    struct charset right; /* the right half of ISO 8859 that was switched to last */
    char right_name[HL7_CHARSET_NAME];
    struct bytes scratch, resolved; /* resolved: what the last escape sequence of bytes stood for */
};

/* Decides the set of a text and reads it. forced: the set it is in whatever it says; NULL: MSH-18 (declared, with its
 * repetition separator) is believed as far as the bytes fit it: else it is UTF-8 where it is valid UTF-8, else
 * windows-1252 (ISO-8859-1 where that makes no difference), with a note. *as_is: the text is UTF-8 as it stands, and
 * nothing was appended to out. False when memory is exhausted. */
bool hl7_charset_read(struct hl7_charset *c, struct charset *forced, struct hl7_slice declared,
                      unsigned char repetition, struct hl7_slice text, struct bytes *out, bool *as_is);

/* Appends bytes that an escape sequence stands for, in the set that was decided. */
enum charset_result hl7_charset_bytes(struct hl7_charset *c, struct hl7_slice bytes, struct bytes *out);

void hl7_charset_close(struct hl7_charset *c);

#endif
