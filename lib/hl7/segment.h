/* HL7 v2 segments [HL7 v2.5.1 chapter 2, 2.5]: separators, fields, and where a segment ends. All of it works on the raw
 * bytes of a message, in the sender's character set. */
#ifndef INSTLINK_HL7_SEGMENT_H
#define INSTLINK_HL7_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>

/* A stretch of somebody else's bytes. */
struct hl7_slice {
    const unsigned char *p;
    size_t n;
};

struct hl7_separators {
    unsigned char field;
    unsigned char component, repetition, escape, subcomponent; /* 0: there is none */
    unsigned char truncation;                                  /* from version 2.7; 0: there is none */
    bool odd; /* MSH-2 is not what it has to be; what it says is used as far as it can be, `^~\&` for the rest */
};

/* Whether c can be a separator: an ASCII character that is neither letter, digit nor blank, nor NUL, LF, VT, FF, CR or
 * FS. */
bool hl7_separator(unsigned char c);

/* Whether bytes begin with `name` (MSH, FHS, BHS) and a field separator. */
bool hl7_begins(const unsigned char *p, size_t n, const char *name);

/* Whether bytes begin with the name of a segment: a capital letter and two letters or digits, and then `field`. */
bool hl7_names_segment(const unsigned char *p, size_t n, unsigned char field);

/* Whether a segment has that name, and a field behind it. */
bool hl7_segment_is(struct hl7_slice segment, const char *name, unsigned char field);

/* The separators that an MSH, FHS or BHS segment declares at the beginning of a text; `|^~\&` where there is none. What
 * MSH-2 cannot mean (too short, too long, a letter, one character twice) is odd. Where one of `^~\&` is the field
 * separator there is none of that kind. */
struct hl7_separators hl7_separators_of(const unsigned char *text, size_t n);

/* The part of `whole` with the given index from 0, split at `separator`; empty when there are not so many. */
struct hl7_slice hl7_part(struct hl7_slice whole, unsigned char separator, size_t index);

/* Field `number` of a segment as the standard counts: 0 is the segment's name, MSH-1 is the field separator itself. */
struct hl7_slice hl7_field(struct hl7_slice segment, const struct hl7_separators *s, size_t number);

/* The segment at *at of a message whose segments end with CR (as hl7_split makes them), without its CR; *at moves
 * behind it. False at the end of the text. */
bool hl7_segment_next(const unsigned char *text, size_t n, size_t *at, struct hl7_slice *segment);

bool hl7_slice_is(struct hl7_slice slice, const char *text);
bool hl7_slice_same(struct hl7_slice a, struct hl7_slice b);

#endif
