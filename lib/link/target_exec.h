/* Commands as a target: one is run for each message, with the message on its stdin, and its status is the verdict: 0 is
 * accept, 65 never, anything else later. What it prints is sent back where it exits with 0. */
#ifndef INSTLINK_TARGET_EXEC_H
#define INSTLINK_TARGET_EXEC_H

#include "link/child.h"
#include "link/target.h"

/* A command at work, or its place. */
struct exec_run {
    struct loop_source in, out; /* the pipes; that to its stdin has the deadlines */
    struct target_exec *exec;
    struct child child;
    struct job *job;    /* NULL while the child is there: the message was refused meanwhile */
    struct views views; /* of the message */
    bool whole;         /* it is rendered whole */
    struct bytes piece; /* rendered and not written */
    size_t at;          /* what of it is written */
    struct bytes reply; /* what the command has printed */
    const char *wrong;  /* why its status does not count any more; NULL: it does */
    int64_t due;        /* when it has had its time, ms */
};

struct target_exec {
    struct target base;
    const char *command;
    int64_t timeout_ms;
    size_t jobs, running; /* how many may run at once, and do */
    struct exec_run *runs;
    struct job *next; /* the first in the queue for which none runs */
    bool stopped;
};

/* At most `jobs` commands at once, each for at most timeout_ms. command stays the caller's. False when memory is
 * exhausted. */
bool target_exec_open(struct target_exec *t, const char *command, size_t jobs, int64_t timeout_ms);

#endif
