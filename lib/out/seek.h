/* Walking through text from one special byte (out/special.h) to the next, a block at a time. */
#ifndef INSTLINK_SEEK_H
#define INSTLINK_SEEK_H

#include "out/special.h"

#include <string.h>

/* The text has to end with a special byte, and nobody walks past it. */
struct seek {
    const struct special *special;
    const unsigned char *block, *end; /* of the text */
    const unsigned char *edge;        /* from here on there are fewer than 16 bytes */
    uint64_t mask;                    /* of those in the block that have not been passed */
};

static inline void seek_block(struct seek *s, const unsigned char *p)
{
    size_t left = (size_t)(s->end - p);
    s->block = p;
    s->mask = left >= SPECIAL_BLOCK ? special_mask(s->special, p) : special_mask_end(s->special, p, left);
}

/* Begins at p. */
static inline struct seek seek_from(const struct special *special, const unsigned char *p, const unsigned char *end)
{
    struct seek s = {special, p, end, end - p < 16 ? p : end - 15, 0};
    seek_block(&s, p);
    return s;
}

/* The next special byte, which is passed thereby. */
static inline const unsigned char *seek_next(struct seek *s)
{
    while (!s->mask)
        seek_block(s, s->block + SPECIAL_BLOCK);
    const unsigned char *p = s->block + (size_t)__builtin_ctzll(s->mask);
    s->mask &= s->mask - 1;
    return p;
}

/* Copies what lies between p and stop, and up to 15 bytes behind it where that is easier. Returns the place behind what
 * was meant. */
static inline unsigned char *seek_copy(const struct seek *s, unsigned char *o, const unsigned char *p,
                                       const unsigned char *stop)
{
    size_t n = (size_t)(stop - p);
    if (stop >= s->edge) {
        memcpy(o, p, n);
    } else {
        memcpy(o, p, 16);
        for (size_t i = 16; i < n; i += 16)
            memcpy(o + i, p + i, 16);
    }
    return o + n;
}

#endif
