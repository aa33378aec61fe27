/* stdout, which may be shared with other processes: it is never made non-blocking, and yet writing to it never waits,
 * but for a regular file. */
#ifndef INSTLINK_OUTLET_H
#define INSTLINK_OUTLET_H

#include <stdbool.h>
#include <stddef.h>

enum outlet_kind {
    OUTLET_FILE,   /* may wait for the disk */
    OUTLET_SOCKET, /* told not to wait call by call */
    OUTLET_OWN,    /* opened again, so that being non-blocking is ours alone */
    OUTLET_SHARED, /* written a little at a time, when poll says that it fits */
};

struct outlet {
    int fd;
    bool close_it; /* fd is one of our own */
    bool pipe;     /* whole lines go in one write where they can, so that those of several writers do not mix */
    enum outlet_kind kind;
};

/* An outlet to a descriptor, which stays the caller's. */
void outlet_open(struct outlet *outlet, int fd);

/* Writes what fits. Returns how many bytes, 0 when none fits now; -1 when the reader has gone or the system refuses,
 * and errno says why. */
long outlet_write(struct outlet *outlet, const void *data, size_t n);

void outlet_close(struct outlet *outlet);

#endif
