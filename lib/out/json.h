/* JSON text, appended to a buffer. Strings must be valid UTF-8; control characters, quotation marks and backslashes are
 * escaped. Each function returns false when memory is exhausted; what was appended before that stays. */
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

/* Writes n bytes of text without quotation marks at o, where there is room for n * JSON_GROWTH bytes. Returns the place
 * behind. */
unsigned char *json_escaped(unsigned char *o, const void *text, size_t n);

/* Writes the digits of a number at o, at most 20. Returns the place behind. */
unsigned char *json_digits(unsigned char *o, uint64_t number);

#endif
