/* What may be shown of bytes that nobody expected: the first three, and of these neither letters nor digits, which may
 * be a patient's. */
#ifndef INSTLINK_GLIMPSE_H
#define INSTLINK_GLIMPSE_H

#include <stddef.h>

enum { GLIMPSE = 3, GLIMPSE_TEXT = 4 * GLIMPSE + 1 };

/* The first GLIMPSE bytes at p as text in out, NUL-terminated: punctuation as it is, a letter (and any byte above 7F)
 * as `x`, a digit as `9`, a control character or blank as `<0D>`. Returns out. */
const char *glimpse(const unsigned char *p, size_t n, char out[GLIMPSE_TEXT]);

#endif
