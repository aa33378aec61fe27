/* The bytes that cannot be copied into a JSON string as they are: control characters, quotation marks, backslashes, and
 * whatever delimits the parts of a message. They are looked for a block at a time, a vector at a time where the CPU
 * can.
 */
#ifndef INSTLINK_SPECIAL_H
#define INSTLINK_SPECIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SPECIAL_BLOCK = 64, SPECIAL_DELIMITERS = 5 };

struct special {
    unsigned char low[16], high[16]; /* a byte is special where those of its two halves have a bit in common */
    unsigned char delimiters[SPECIAL_DELIMITERS]; /* each of them, some twice */
    bool wide;                                    /* the CPU has the widest of the vectors that we can use */
};

/* The special bytes where these delimiters are in force, at most SPECIAL_DELIMITERS of them, all ASCII. 0 is special
 * anyway. */
void special_init(struct special *s, const unsigned char *delimiters, size_t n);

static inline bool special_is(const struct special *s, unsigned char c)
{
    return s->low[c & 15] & s->high[c >> 4];
}

/* Bit i tells whether block[i] is special; block has SPECIAL_BLOCK bytes. */
uint64_t special_mask(const struct special *s, const unsigned char *block);

/* The same of the n bytes at p, fewer than SPECIAL_BLOCK; what would lie behind them is special. */
uint64_t special_mask_end(const struct special *s, const unsigned char *p, size_t n);

/* special_mask without vectors, for the tests. */
uint64_t special_mask_plain(const struct special *s, const unsigned char *block);

/* Copies up to the first special byte, at most n bytes. Returns how many. */
size_t special_copy(const struct special *s, unsigned char *to, const unsigned char *p, size_t n);

#endif
