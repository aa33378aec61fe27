#include "link/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef PIPE_BUF
#define PIPE_BUF 512
#endif

static int open_again(int fd)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

void outlet_open(struct outlet *o, int fd)
{
    struct stat status;
    *o = (struct outlet){.fd = fd, .kind = OUTLET_SHARED};
    if (fstat(fd, &status) != 0)
        return;
    if (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode) || (S_ISCHR(status.st_mode) && !isatty(fd))) {
        o->kind = OUTLET_FILE;
    } else if (S_ISSOCK(status.st_mode)) {
        o->kind = OUTLET_SOCKET;
    } else if (S_ISFIFO(status.st_mode)) {
        int own = open_again(fd);
        if (own >= 0)
            *o = (struct outlet){.fd = own, .close_it = true, .kind = OUTLET_OWN};
    }
}

static long write_shared(const struct outlet *o, const void *data, size_t n)
{
    struct pollfd p = {.fd = o->fd, .events = POLLOUT};
    int ready = poll(&p, 1, 0);
    if (ready < 0 || !(p.revents & (POLLOUT | POLLERR)))
        return ready < 0 && errno != EINTR ? -1 : 0;
    return (long)write(o->fd, data, n < PIPE_BUF ? n : PIPE_BUF);
}

long outlet_write(struct outlet *o, const void *data, size_t n)
{
    long written = o->kind == OUTLET_SHARED   ? write_shared(o, data, n)
                   : o->kind == OUTLET_SOCKET ? (long)send(o->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL)
                                              : (long)write(o->fd, data, n);
    if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    return written;
}

void outlet_close(struct outlet *o)
{
    if (o->close_it)
        close(o->fd);
    o->close_it = false;
}
