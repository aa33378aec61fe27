/* The time: monotonic for deadlines, wall clock for people, and identifiers that sort by it. */
#ifndef INSTLINK_CLOCK_H
#define INSTLINK_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds on a clock that never goes back; for deadlines. */
int64_t clock_ms(void);

/* The same in microseconds; to measure with. */
int64_t clock_us(void);

/* Microseconds since 1970-01-01T00:00:00Z; may jump. */
int64_t clock_wall_us(void);

/* Writes a clock_wall_us time as `2026-11-21T01:30:00.123456Z` and NUL. A time outside the years 0000 to 9999 is
 * written as their first or last moment. */
void time_iso_us(int64_t us, char out[28]);

/* Writes a clock_wall_us time as HL7 does, in local time with its zone: `20261121013000.123+0100`, and NUL [HL7 v2.5.1
 * 2.A.22]. A time outside the years 0000 to 9999 is written as one of their first or last days. */
void time_hl7_us(int64_t us, char out[32]);

/* A time as text that is written anew only when its second changes. Zero-initialised is valid. Private. */
struct time_text {
    bool known;
    int64_t second;
    char text[32];
};

/* What time_iso_us and time_hl7_us write; valid until t is used again, and for one of them only. */
const char *time_iso_text(struct time_text *t, int64_t us);
const char *time_hl7_text(struct time_text *t, int64_t us);

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

/* Where short identifiers come from, for formats that have no room for 26 characters: one for each process. Private. */
struct short_ident {
    uint64_t us; /* of the last identifier; never goes back */
    uint32_t salt;
};

void short_ident_init(struct short_ident *d);

/* Writes the next identifier and NUL: 15 characters of base 32, 55 bits of microseconds, then 20 that are this
 * process's own. It is greater, as text too, than each before it from the same struct. */
void short_ident_next(struct short_ident *d, int64_t wall_us, char out[16]);

#endif
