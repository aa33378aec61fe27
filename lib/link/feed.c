#include "link/feed.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct feed *of(struct loop_source *source)
{
    return (struct feed *)((char *)source - offsetof(struct feed, source));
}

static bool rests(const struct feed *f)
{
    return f->reader.rests(f->reader.context);
}

/* Gives on what has been read. all: whether or not it is wanted. */
static void give(struct feed *f, bool all, int64_t now)
{
    while (f->at < f->n && (all || !rests(f)))
        f->at += f->reader.take(f->reader.context, f->buffer + f->at, f->n - f->at, now);
}

static short interest(struct loop_source *source)
{
    const struct feed *f = of(source);
    return f->over || f->at < f->n || rests(f) ? LOOP_IGNORE : POLLIN;
}

static int64_t deadline(struct loop_source *source)
{
    const struct feed *f = of(source);
    return !f->over && f->at < f->n && !rests(f) ? 0 : INT64_MAX;
}

static void tick(struct loop_source *source, int64_t now)
{
    give(of(source), false, now);
}

static void ready(struct loop_source *source, short revents, int64_t now)
{
    struct feed *f = of(source);
    (void)revents;
    ssize_t n = f->socket ? recv(source->fd, f->buffer, sizeof f->buffer, MSG_DONTWAIT)
                          : read(source->fd, f->buffer, sizeof f->buffer);
    if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (n <= 0) {
        f->over = true;
        f->reader.end(f->reader.context, n < 0 ? errno : 0, now);
        return;
    }
    f->at = 0;
    f->n = (size_t)n;
    give(f, false, now);
}

void feed_open(struct feed *f, int fd, const struct feed_reader *reader)
{
    struct stat status;
    f->reader = *reader;
    f->socket = fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
    f->over = false;
    f->at = f->n = 0;
    f->source.fd = fd;
    f->source.interest = interest;
    f->source.ready = ready;
    f->source.deadline = deadline;
    f->source.tick = tick;
}

void feed_stop(struct feed *f, int64_t now)
{
    if (f->over)
        return;
    give(f, true, now);
    f->over = true;
}
