/* The time: monotonic for deadlines, wall clock for people, and identifiers that sort by it. */
#ifndef INSTLINK_CLOCK_H
#define INSTLINK_CLOCK_H

#include <stdint.h>

/* Milliseconds on a clock that never goes back; for deadlines. */
int64_t clock_ms(void);

/* Microseconds since 1970-01-01T00:00:00Z; may jump. */
int64_t clock_wall_us(void);

/* Writes a clock_wall_us time as `2026-11-21T01:30:00.123456Z` and NUL. A time outside the years 0000 to 9999 is
 * written as their first or last moment. */
void time_iso_us(int64_t us, char out[28]);

/* Where identifiers come from: one for each process and thread, initialised again after fork. Private. */
struct ident {
    uint64_t ms;        /* of the last identifier; never goes back */
    uint64_t high, low; /* the other 80 bits of it: 16 and 64 */
};

/* Takes a random beginning from the system (getentropy, else /dev/urandom, else clocks and the process id). */
void ident_init(struct ident *d);

/* Writes the next identifier and NUL: 26 characters of Crockford's base 32 in the shape of a ULID, 48 bits of
 * milliseconds (0 before 1970), then 80 bits that count up from the random beginning. It is greater, as text too, than
 * each before it from the same struct, also when the clock stands still or goes back. */
void ident_next(struct ident *d, int64_t wall_us, char out[27]);

#endif
