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

enum { TERMINAL_AT_ONCE = 16 }; /* bytes to a terminal that says that it has room for one */

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
    o->pipe = S_ISFIFO(status.st_mode);
    if (S_ISSOCK(status.st_mode)) {
        o->kind = OUTLET_SOCKET;
    } else if (!o->pipe && !isatty(fd)) {
        o->kind = OUTLET_FILE;
    } else {
        int own = open_again(fd);
        if (own < 0)
            return;
        o->fd = own;
        o->close_it = true;
        o->kind = OUTLET_OWN;
    }
}

/* How much goes in one write to a pipe: whole lines, as many as are written in one piece. */
static size_t portion(const unsigned char *data, size_t n)
{
    if (n <= PIPE_BUF)
        return n;
    size_t end = PIPE_BUF;
    while (end && data[end - 1] != '\n')
        end--;
    return end ? end : PIPE_BUF;
}

/* poll promises room for PIPE_BUF bytes in a pipe, and for less in a terminal. */
static long write_shared(const struct outlet *o, const void *data, size_t n)
{
    struct pollfd p = {.fd = o->fd, .events = POLLOUT};
    size_t most = o->pipe ? PIPE_BUF : TERMINAL_AT_ONCE;
    int ready = poll(&p, 1, 0);
    if (ready <= 0)
        return ready;
    return (long)write(o->fd, data, n < most ? n : most);
}

long outlet_write(struct outlet *o, const void *data, size_t n)
{
    long written;
    if (o->pipe)
        n = portion(data, n);
    if (o->kind == OUTLET_SHARED)
        written = write_shared(o, data, n);
    else if (o->kind == OUTLET_SOCKET)
        written = (long)send(o->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    else
        written = (long)write(o->fd, data, n);
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
