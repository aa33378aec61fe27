/* UTF-8 (RFC 3629) and the ASCII in it. All sizes are in bytes. */
#ifndef INSTLINK_UTF8_H
#define INSTLINK_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether s[0..n) is UTF-8: no overlong form, no surrogate, nothing above U+10FFFF. NUL is a character. */
bool utf8_valid(const unsigned char *s, size_t n);

/* How many bytes at the start of s[0..n) are valid UTF-8; a character that is cut off does not count. */
size_t utf8_run(const unsigned char *s, size_t n);

/* Reads the character at s (n > 0). Returns its length, 1 to 4, and sets *point; 0 when it is not valid or cut off. */
size_t utf8_decode(const unsigned char *s, size_t n, uint32_t *point);

/* Whether the character at s (n > 0) may be shown to people: it is valid, and no control character (C0, DEL, C1). Sets
 * *step to its length; where it is not valid, to 1. */
bool utf8_shown(const unsigned char *s, size_t n, size_t *step);

/* Writes a character (not a surrogate, at most U+10FFFF). Returns its length, 1 to 4. */
size_t utf8_encode(uint32_t point, unsigned char out[4]);

/* Whether all of s[0..n) is below 80. */
bool ascii_only(const unsigned char *s, size_t n);

/* How many bytes at the start of s[0..n) are below 80. ascii_run_plain is the same without vectors, for the tests. */
size_t ascii_run(const unsigned char *s, size_t n);
size_t ascii_run_plain(const unsigned char *s, size_t n);

#endif
