/* Commands of the user's at work: the room for fork and exec. A command is run by /bin/sh, in a process group of its
 * own, with default signals, none of our descriptors but pipes to its stdin and from its stdout, our stderr, and the
 * limit on descriptors that we were given. Nothing here waits.
 *
 * SIGCHLD has to be caught (loop_catch), so that the loop turns when a child ends; all else is asked for. */
#ifndef INSTLINK_CHILD_H
#define INSTLINK_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

enum { CHILD_KILL_MS = 1000 }; /* from SIGTERM to SIGKILL */

struct child {
    pid_t pid;       /* and its group; 0: there is none */
    int in, out;     /* our ends of the pipes to its stdin and from its stdout, non-blocking; -1: closed */
    int64_t kill_at; /* it was told to end: when it is made to, ms; INT64_MAX: it was; 0: nobody told it */
};

/* A variable that is added to the environment. */
struct child_variable {
    const char *name, *value;
};

/* The limit on descriptors that children have; without this call they have ours. */
void child_keep_limit(const struct rlimit *descriptors);

/* In a child that was just forked: all signals do again what they do by default, and none is blocked. */
void child_reset_signals(void);

/* Runs a command. False: errno says why not. */
bool child_start(struct child *c, const char *command, const struct child_variable *variables, size_t n);

/* Closes one of its pipes, where it is open. */
void child_close(int *pipe);

/* Whether the command itself has ended, whatever else is in its group; *status is then as of waitpid. It stays a
 * zombie, and its group its own, until child_over. */
bool child_ended(const struct child *c, int *status);

/* Tells the group to end (SIGTERM); CHILD_KILL_MS later child_over makes it (SIGKILL). */
void child_end(struct child *c, int64_t now);

/* Whether the command has ended, and, where it was told to, its group was made to: then its pipes are closed, and
 * nothing is left. Where it ended by itself, whatever else is in its group is told to (SIGTERM), and not waited for:
 * who wants to go on leaves the group (setsid). *status as above. */
bool child_over(struct child *c, int64_t now, int *status);

/* When child_over is due, ms; INT64_MAX: when there is something new. */
int64_t child_deadline(const struct child *c);

/* Makes it end at once, if there is one. */
void child_kill(struct child *c);

/* `ended with status 3`, `was killed by signal 9`. */
const char *child_status_text(int status, char text[40]);

#endif
