/* Bytes to lines, each ended by LF, for whoever reads a pipe in pieces. A line that is longer than a bound is skipped
 * to its end, and told of there with its number; no more of it than the bound ever lies in memory. How the bytes are
 * cut into pieces changes nothing. */
#ifndef INSTLINK_LINES_H
#define INSTLINK_LINES_H

#include "base/bytes.h"

#include <stdint.h>

enum line_state {
    LINE_WHOLE,
    LINE_TOO_LONG,  /* it was skipped */
    LINE_NO_MEMORY, /* the same */
};

struct line {
    enum line_state state;
    bool ended;          /* LF stands behind it; false only of the last one */
    uint64_t number;     /* counted from 1 */
    unsigned char *text; /* without its LF; a CR before that is of the text, and so is NUL. NULL where it was skipped.
                            The caller may change it; it is valid until the next push, eof or free. */
    size_t n;            /* bytes of text */
};

/* What is in it is private. */
struct lines {
    size_t max;
    struct line line;  /* the one that is open, or is to be fetched */
    struct bytes held; /* what has come of it, where it did not come in one piece */
    bool open, ready;  /* it has begun; it is to be fetched */
};

/* max: the most bytes that a line may have, without its LF. Nothing is allocated. */
void lines_init(struct lines *l, size_t max);

/* Takes bytes up to the end of a line, and returns how many; 0 as long as a line has not been fetched. After each call:
 * lines_next until it is false. The bytes have to stay in place until a line of theirs is done with, which lies in them
 * where it came in one piece. What was not taken is to be pushed again. */
size_t lines_push(struct lines *l, unsigned char *bytes, size_t n);

/* The bytes are over: a line that has no LF ends here. Then lines_next until it is false. */
void lines_eof(struct lines *l);

/* The next line. False when there is none. */
bool lines_next(struct lines *l, struct line *line);

void lines_free(struct lines *l);

#endif
