/* ASTM records as JSON, back to text [LIS02-A2 5.4]. See out/encode.h. */
#ifndef INSTLINK_ASTM_ENCODE_H
#define INSTLINK_ASTM_ENCODE_H

#include "out/encode.h"

/* Most keys of one record; in positional form there may be any number of fields. */
enum { ASTM_ENCODE_KEYS = 65536 };

/* Appends to text the message that a line holds: each record ended by CR, in the character set that the line names,
 * else in UTF-8, and at most max bytes of it. The line, n bytes, is changed by that. Unless ENCODE_DONE is returned
 * text is as it was. Records have the names of their fields as keys, in any order, or one key `fields`. */
enum encode_result astm_encode(struct encoder *e, unsigned char *line, size_t n, size_t max, struct bytes *text);

#endif
