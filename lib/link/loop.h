/* The poll() loop: descriptors, deadlines and signals, and nothing else waits. What a source wants is asked of it on
 * every turn, never stored. A turn is signals, then I/O, then deadlines: a deadline counts as missed only after what
 * had arrived was read. */
#ifndef INSTLINK_LOOP_H
#define INSTLINK_LOOP_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

/* Something the loop looks after; embedded in what it belongs to. */
struct loop_source {
    int fd; /* -1: none, deadlines only */
    bool gone;
    /* POLLIN, POLLOUT, or 0 to be told of errors alone; LOOP_IGNORE: the descriptor is not looked at. */
    short (*interest)(struct loop_source *source);
    void (*ready)(struct loop_source *source, short revents, int64_t now);
    /* When tick is due, ms; INT64_MAX never. NULL: never. */
    int64_t (*deadline)(struct loop_source *source);
    void (*tick)(struct loop_source *source, int64_t now); /* NULL: the end of the turn sees to it */
    void (*removed)(struct loop_source *source);           /* the loop has let go of it: it may be freed */
    struct loop_source *next;
    size_t slot; /* in the loop's poll set of this turn */
};

enum { LOOP_IGNORE = 0x4000 };

struct loop {
    struct loop_source *sources;
    struct pollfd *set;
    size_t capacity;
    bool any_gone;
    bool stop; /* set by whoever wants loop_run to return */
    int64_t signals_at; /* when signals are let in next */
    void *context;
    void (*on_signal)(void *context, int signal, int64_t now);
    void (*after_turn)(void *context, int64_t now); /* after I/O and deadlines; may be NULL */
    int64_t wall_us;                                /* the time of this turn, of the clock on the wall */
    int64_t (*before_poll)(void *context);          /* a deadline of the owner's, ms; may be NULL */
};

/* Adds a source. It stays the caller's; it must stay in place until removed is called. */
void loop_add(struct loop *loop, struct loop_source *source);

/* Lets go of a source at the end of the turn; it is called no more. */
void loop_remove(struct loop *loop, struct loop_source *source);

/* Blocks the signal but while the loop waits, and has on_signal told of it. False when the system refuses. */
bool loop_catch(int signal);

/* Turns until stop is set. False when poll fails for good, or memory is exhausted. */
bool loop_run(struct loop *loop);

/* Lets go of all sources and releases the storage. */
void loop_free(struct loop *loop);

#endif
