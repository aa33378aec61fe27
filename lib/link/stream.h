/* Messages rendered one behind the other, for a target that takes them as one stream of bytes: a bounded piece of it at
 * a time, whatever their size. */
#ifndef INSTLINK_STREAM_H
#define INSTLINK_STREAM_H

#include "link/target.h"

struct stream {
    bool lines;         /* one `message` line each, whatever -o says */
    struct views views; /* of the job that is being rendered */
    bool viewing;
    struct job *unrendered;   /* the first in the target's queue that is not rendered whole */
    struct bytes piece;       /* rendered and not taken */
    size_t at;                /* what of it has been taken */
    struct bytes aside;       /* other lines, that come after the message which is being rendered */
    uint64_t produced, taken; /* bytes of the stream */
    int64_t again;            /* memory is exhausted: when rendering is tried again, ms; 0: it is not */
    size_t most, rendered;    /* jobs in the queue that may be rendered (0: any number), and how many are */
};

/* Renders a short message at once, where nothing waits before it, and appends its job to the target's queue. False: it
 * has to wait as a copy. */
bool stream_in_place(struct stream *s, struct target *target, struct job *job, const struct message *message,
                     const struct envelope *envelope);

/* A job that was appended to the target's queue is to be rendered. */
void stream_add(struct stream *s, struct job *job);

/* Renders jobs that wait, as far as there is room. */
void stream_render(struct stream *s, int64_t now);

/* Whether rendering would go on if the piece were taken. */
bool stream_waits(const struct stream *s);

/* What is rendered and not taken. */
const unsigned char *stream_rest(const struct stream *s, size_t *n);

/* n bytes of it have been taken. */
void stream_take(struct stream *s, size_t n);

/* Takes all of it, and puts it at the end of `to`. False when memory is exhausted: nothing is taken then. */
bool stream_move(struct stream *s, struct bytes *to);

/* All that is rendered and not taken is dropped, with the beginning of a message that is rendered in part: those jobs
 * are to be forgotten, or rendered anew. */
void stream_reset(struct stream *s);

/* Puts in a whole line that is no message. False when memory is exhausted: it is left out. */
bool stream_put(struct stream *s, const void *line, size_t n);

/* A job leaves the queue. */
void stream_forget(struct stream *s, const struct job *job);

void stream_free(struct stream *s);

#endif
