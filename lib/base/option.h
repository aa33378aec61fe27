/* Numbers on a command line or in a links file, checked. Each takes the whole string and nothing but it, whatever the
 * locale: no blanks, no sign where none is possible, no overflow. False leaves *out as it was. */
#ifndef INSTLINK_OPTION_H
#define INSTLINK_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A size in bytes: digits, and K, M or G (1024 each, either case) or nothing. */
bool parse_size(const char *s, size_t *out);

/* A time in milliseconds: seconds, or what the unit ms, s, m or h behind it says, with decimals (`0.1`, `1.5m`).
 * Parts of a millisecond are rounded up, so that only zero is 0. At most ten years (87600h). */
bool parse_duration_ms(const char *s, int64_t *out);

/* Digits only. */
bool parse_count(const char *s, uint64_t *out);

/* A number from low to high, both included; a minus sign may stand before it. */
bool parse_int_range(const char *s, int low, int high, int *out);

#endif
