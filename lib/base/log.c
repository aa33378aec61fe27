#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
    const char *program;
    enum log_level level;
    bool may_wait;
    uint64_t dropped;
} log_state = {"instlink", LOG_EVENT, true, 0};

void log_open(const char *program, enum log_level level, bool may_wait)
{
    log_state.program = program;
    log_state.level = level;
    log_state.may_wait = may_wait;
}

bool log_wants(enum log_level level)
{
    return level <= log_state.level;
}

static void print(const char *line, size_t n)
{
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (!log_state.may_wait && (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT))) {
        log_state.dropped++;
        return;
    }
    while (n) {
        ssize_t written = write(STDERR_FILENO, line, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            log_state.dropped++;
            return;
        }
        line += written;
        n -= (size_t)written;
    }
}

void log_line(enum log_level level, const char *format, ...)
{
    if (!log_wants(level))
        return;
    char line[LOG_LINE]; /* the LF takes the place of the NUL */
    int head = snprintf(line, sizeof line, "%.64s: ", log_state.program);
    va_list args;
    va_start(args, format);
    int body = vsnprintf(line + head, sizeof line - (size_t)head, format, args);
    va_end(args);
    if (body < 0)
        return;
    size_t n = strlen(line);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7F)
            line[i] = '?';
    line[n++] = '\n';
    print(line, n);
}

uint64_t log_dropped(void)
{
    return log_state.dropped;
}
