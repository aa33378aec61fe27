/* A consumer as a target: one command that runs on, is fed a `message` line for each message, and answers line by line,
 * in order: `ok`, `ok "TEXT"` (a JSON string, to be sent back), `retry WHY`, `reject WHY`. When it dies, or does not
 * answer in time, what it was fed and has not answered is refused for now; it is started again. */
#ifndef INSTLINK_TARGET_SINK_H
#define INSTLINK_TARGET_SINK_H

#include "link/child.h"
#include "link/stream.h"

enum sink_state {
    SINK_WAITING, /* it is started when it is due */
    SINK_UP,
    SINK_DYING,   /* it is being ended, to be started again */
    SINK_LEAVING, /* its stdin is closed for good; it may finish until it is due */
    SINK_OVER,
};

struct target_sink {
    struct target base;        /* the source is the pipe from its stdout, and has the deadlines */
    struct loop_source feeder; /* the pipe to its stdin */
    bool added;                /* to the loop */
    const char *command;
    enum sink_state state;
    struct child child;
    struct stream stream;
    uint64_t served;    /* bytes of the stream up to which all is decided */
    struct bytes heard; /* a line of it that has not come to its end */
    size_t searched;    /* what of it has no end of a line */
    bool readable;      /* there is something to read */
    bool confirmed;     /* since it was started it took a message */
    bool mute;          /* its stdout is closed */
    char wrong[160];    /* what it did that it should not have; empty: nothing */
    int64_t answer_ms;  /* how long an answer may take */
    int64_t since;      /* of the last answer, or what was written later while it owed none, ms */
    int64_t silent_by;  /* one of its pipes is closed: until then it may end by itself, ms; 0: none is */
    int64_t due;        /* of the states that have one, ms */
    int64_t wait_ms;    /* until it is started again; grows */
};

/* window: how many messages it is fed ahead of its answers. answer_ms: how long one of these may take. command stays
 * the caller's. */
void target_sink_open(struct target_sink *t, const char *command, size_t window, int64_t answer_ms);

#endif
