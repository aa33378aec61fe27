/* JSON text, appended to a buffer. Strings must be valid UTF-8; control characters, quotation marks and backslashes are
 * escaped. Each function returns false when memory is exhausted; the buffer may then end in the middle of a value. */
#ifndef INSTLINK_JSON_H
#define INSTLINK_JSON_H

#include "base/bytes.h"

#include <stdint.h>

/* The longest that one byte of text becomes. */
enum { JSON_GROWTH = 6 };

/* A string with its quotation marks. */
bool json_string(struct bytes *out, const void *text, size_t n);

/* The same, of a NUL-terminated string. */
bool json_text(struct bytes *out, const char *text);

/* `"name":` and a comma before it, unless it follows `{`. The name is written as it is. */
bool json_key(struct bytes *out, const char *name);

/* Key and string; nothing when text is NULL. */
bool json_member(struct bytes *out, const char *name, const char *text);

bool json_number(struct bytes *out, uint64_t number);

/* One control character, quotation mark or backslash, escaped, at p. Returns how many bytes it wrote, at most
 * JSON_GROWTH. */
size_t json_escape(unsigned char *p, unsigned char c);

#endif
