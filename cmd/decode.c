#include "decode.h"

#include "base/log.h"
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK = 256 << 10 };

/* What people call the file. */
static const char *label(const char *name)
{
    return strcmp(name, "-") == 0 ? "stdin" : name;
}

/* What went wrong first is the exit status; defects count least. */
static void fail(struct decoder *d, int status)
{
    if (d->status == STATUS_DONE || d->status == STATUS_DEFECTIVE)
        d->status = status;
}

static void fail_output(struct decoder *d)
{
    log_line(LOG_ERROR, "cannot write to stdout: %s", strerror(errno));
    fail(d, STATUS_IO);
    d->stop = d->broken = true;
    d->out.len = 0;
}

bool decode_flush(struct decoder *d, bool all)
{
    size_t at = 0;
    while (at < d->out.len && (all || d->out.len - at >= VIEW_PIECE)) {
        ssize_t n = write(STDOUT_FILENO, d->out.data + at, d->out.len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            fail_output(d);
            return false;
        }
        at += (size_t)n;
    }
    bytes_drop(&d->out, at);
    return true;
}

void decode_defect(struct decoder *d, uint64_t offset, const char *text)
{
    log_line(LOG_ERROR, "%s: offset %llu: %s", label(d->source), (unsigned long long)offset, text);
    d->defects++;
    if (!d->status)
        d->status = STATUS_DEFECTIVE;
}

void decode_no_memory(struct decoder *d)
{
    log_line(LOG_ERROR, "memory is exhausted");
    fail(d, STATUS_SYSTEM);
    d->stop = true;
}

/* Returns whether there was any. */
static bool write_messages(struct decoder *d)
{
    bool any = false;
    while (!d->stop && d->protocol->next(d)) {
        any = true;
        if (d->count && d->messages == d->count)
            d->stop = true;
        decode_flush(d, false);
    }
    return any;
}

/* Feeds what is in the buffer; what is not taken moves to its beginning. Returns how many bytes stay. */
static size_t feed(struct decoder *d, unsigned char *buffer, size_t n)
{
    size_t at = 0;
    while (at < n && !d->stop) {
        size_t taken = d->protocol->push(d, buffer + at, n - at);
        if (!write_messages(d) && !taken)
            break;
        at += taken;
    }
    memmove(buffer, buffer + at, n - at);
    return n - at;
}

static bool would_wait(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 0;
}

/* Reads up to the end of the file, an error, or d->stop. Whoever waits for input keeps no lines back. */
static void read_all(struct decoder *d, int fd, unsigned char *buffer)
{
    size_t held = 0;
    while (!d->stop) {
        if (d->out.len && would_wait(fd) && !decode_flush(d, true))
            return;
        ssize_t n = read(fd, buffer + held, CHUNK - held);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            log_line(LOG_ERROR, "%s: %s", label(d->source), strerror(errno));
            fail(d, STATUS_IO);
        }
        if (n <= 0)
            break;
        d->bytes += (uint64_t)n;
        held = feed(d, buffer, held + (size_t)n);
    }
    if (d->stop)
        return;
    d->protocol->eof(d, buffer, held);
    write_messages(d);
}

/* Says how much of each a file had, beyond what there was before. */
static void tell(const struct decoder *d, uint64_t bytes, uint64_t messages, uint64_t defects)
{
    if (!d->broken)
        log_line(LOG_DETAIL, "%s: bytes %llu, messages %llu, defects %llu", label(d->source),
                 (unsigned long long)(d->bytes - bytes), (unsigned long long)(d->messages - messages),
                 (unsigned long long)(d->defects - defects));
}

static void decode_file(struct decoder *d, const char *name, unsigned char *buffer)
{
    uint64_t bytes = d->bytes, messages = d->messages, defects = d->defects;
    bool standard = strcmp(name, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        log_line(LOG_ERROR, "%s: %s", name, strerror(errno));
        fail(d, errno == EACCES || errno == EPERM ? STATUS_NOT_PERMITTED : STATUS_NO_INPUT);
        return;
    }
    d->source = name;
    d->protocol->begin(d);
    read_all(d, fd, buffer);
    d->protocol->end(d);
    tell(d, bytes, messages, defects);
    if (!standard)
        close(fd);
}

static void decode_each(struct decoder *d, char *const *files, int n)
{
    unsigned char *buffer = malloc(CHUNK);
    if (!buffer) {
        decode_no_memory(d);
        return;
    }
    ident_init(&d->ident);
    if (!n)
        decode_file(d, "-", buffer);
    for (int i = 0; i < n && !d->stop; i++)
        decode_file(d, files[i], buffer);
    free(buffer);
}

int decode_files(struct decoder *d, char *const *files, int n)
{
    decode_each(d, files, n);
    if (!d->broken && decode_flush(d, true) && close(STDOUT_FILENO) != 0 && errno != EBADF)
        fail_output(d);
    bytes_free(&d->out);
    return d->status;
}
