/* LIS02 records [LIS02-A2 5.4, 6]: delimiters, fields, escapes. All text here is UTF-8. */
#ifndef INSTLINK_ASTM_RECORD_H
#define INSTLINK_ASTM_RECORD_H

#include "base/bytes.h"
#include "base/charset.h"

/* A stretch of somebody else's bytes. */
struct astm_slice {
    const unsigned char *p;
    size_t n;
};

struct astm_delimiters {
    unsigned char field, repeat, component, escape;
    bool odd; /* the H record declared what cannot be: repeat, component and escape are `\^&` */
};

/* The delimiters that a message declares in its H record; `|\^&` where it has none. */
struct astm_delimiters astm_delimiters_of(const unsigned char *text, size_t n);

/* The part of `whole` with the given index from 0, split at `delimiter`; empty when there are not so many. */
struct astm_slice astm_part(struct astm_slice whole, unsigned char delimiter, size_t index);

/* Field `number` of a record, counted from 1 as the standard does: 1 is the record type. */
struct astm_slice astm_field(struct astm_slice record, const struct astm_delimiters *d, size_t number);

/* The record at *at, without its CR; *at moves behind it. False at the end of the text. */
bool astm_record_next(const unsigned char *text, size_t n, size_t *at, struct astm_slice *record);

enum { ASTM_ESCAPE_HEX = 2048, ASTM_ESCAPE_MAX = 3 * ASTM_ESCAPE_HEX };

/* Resolves the escape sequence at p, where *p is the escape delimiter, [LIS02-A2 5.4.6]. Returns how many bytes it
 * takes, and puts what it stands for into out (*len bytes of UTF-8, at most ASTM_ESCAPE_MAX). 0: it stands for itself,
 * and *kept says how many bytes to leave as they are (1 where it opens no sequence). charset is the message's. */
size_t astm_escape(const struct astm_delimiters *d, struct charset *charset, const unsigned char *p, size_t n,
                   unsigned char out[ASTM_ESCAPE_MAX], size_t *len, size_t *kept);

/* Appends text with its escapes resolved. False when memory is exhausted. */
bool astm_unescape(const struct astm_delimiters *d, struct charset *charset, struct astm_slice text, struct bytes *out);

#endif
