/* stdout as a target: a message is handed over when its last byte is written. It also takes what is no message: wire
 * events and delivery reports. */
#ifndef INSTLINK_TARGET_STDOUT_H
#define INSTLINK_TARGET_STDOUT_H

#include "link/outlet.h"
#include "link/stream.h"

struct target_stdout {
    struct target base;
    struct outlet outlet;
    enum view_format format; /* of every link */
    struct stream stream;
    uint64_t whole;          /* bytes up to which all messages are whole; what is taken past it ends with a line */
    unsigned char last_byte; /* written */
    bool cut;                /* a message that is not written as lines was refused when a part of it was written */
    bool frozen;             /* nothing more is written, whatever waits */
    bool left;               /* no messages go there */
    int error;               /* errno of stdout's end; 0 while it works */
};

/* fd stays the caller's. */
void target_stdout_open(struct target_stdout *t, int fd, enum view_format format);

/* No messages go there, and nobody minds when its reader goes, but where there is something to write. To be called
 * before anything goes there. */
void target_stdout_leave(struct target_stdout *t);

/* Puts in a whole line that is no message. False when it is left out: memory is exhausted, or stdout has ended. */
bool target_stdout_put(struct target_stdout *t, const void *line, size_t n);

/* Whether so much waits to be written that nobody should read more from instruments (-o frame). */
bool target_stdout_full(const struct target_stdout *t);

/* Bytes that wait to be written. */
size_t target_stdout_waiting(const struct target_stdout *t);

/* Whether a line, or a message that is not written as lines (-o text, raw), is written in part. */
bool target_stdout_torn(const struct target_stdout *t);

#endif
