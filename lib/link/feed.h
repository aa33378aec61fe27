/* A descriptor that is read as the loop allows, and its bytes given on as fast as they are wanted. */
#ifndef INSTLINK_FEED_H
#define INSTLINK_FEED_H

#include "link/loop.h"

#include <stdbool.h>
#include <stddef.h>

/* Who reads. */
struct feed_reader {
    void *context;
    /* Whether what comes next is better left where it is. Asked on every turn. */
    bool (*rests)(void *context);
    /* Takes bytes, at least one, and returns how many. It may change them; what it keeps of them has to be a copy,
     * unless it takes no more than what it is done with before it returns. */
    size_t (*take)(void *context, unsigned char *bytes, size_t n, int64_t now);
    /* Nothing more comes. error: errno where it cannot be read, else 0. The feed may be opened again from there. */
    void (*end)(void *context, int error, int64_t now);
};

struct feed {
    struct loop_source source; /* to be added to the loop */
    struct feed_reader reader;
    bool socket;  /* read without waiting; anything else only when poll says that there is something */
    bool over;    /* nothing more is read */
    size_t at, n; /* what of buffer is not taken yet */
    unsigned char buffer[64 << 10];
};

/* Reads from fd, which stays the caller's and as it is. The source may stand in a loop already. */
void feed_open(struct feed *f, int fd, const struct feed_reader *reader);

/* Reads no more. What has been read is taken, whether or not the reader rests. */
void feed_stop(struct feed *f, int64_t now);

#endif
