#include "base/log.h"

#include "base/clock.h"
#include "base/utf8.h"

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
    bool may_wait, json;
    uint64_t dropped;
} log_state = {"instlink", LOG_EVENT, true, false, 0};

void log_open(const char *program, enum log_level level, bool may_wait)
{
    log_state.program = program;
    log_state.level = level;
    log_state.may_wait = may_wait;
}

void log_as_json(bool json)
{
    log_state.json = json;
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

/* ---- for people ---- */

static void print_text(const char *link, const char *peer, const char *text)
{
    char line[LOG_LINE]; /* the LF takes the place of the NUL */
    bool both = link && peer && !strstr(link, peer);
    int all = snprintf(line, sizeof line, "%.64s: %s%s%s%s%s", log_state.program, link ? link : "", link ? ": " : "",
                       both ? peer : "", both ? ": " : "", text);
    size_t n = all < LOG_LINE ? (size_t)all : LOG_LINE - 1;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7F)
            line[i] = '?';
        else if (line[i] == '\xC2' && (line[i + 1] & '\xE0') == '\x80') /* U+0080 to U+009F */
            line[i] = line[i + 1] = '?';
    line[n++] = '\n';
    print(line, n);
}

/* ---- for machines ---- */

/* A line of JSON that never grows too long: a member that does not fit is left out. */
struct json_line {
    char text[LOG_JSON_LINE];
    size_t len;
    bool full;
};

enum { TAIL = 8 }; /* room that is kept for the end of the line */

static void add(struct json_line *line, const char *text, size_t n)
{
    line->full = line->full || line->len + n > sizeof line->text - TAIL;
    if (line->full)
        return;
    memcpy(line->text + line->len, text, n);
    line->len += n;
}

/* A string, quoted; bytes that are no UTF-8 become `?`, as control characters do. */
static void add_string(struct json_line *line, const char *text, size_t max)
{
    size_t n = strlen(text);
    add(line, "\"", 1);
    for (size_t at = 0, step; at < n && at < max; at += step) {
        bool shown = utf8_shown((const unsigned char *)text + at, n - at, &step);
        if (text[at] == '"' || text[at] == '\\')
            add(line, text[at] == '"' ? "\\\"" : "\\\\", 2);
        else
            add(line, shown ? text + at : "?", shown ? step : 1);
    }
    add(line, "\"", 1);
}

/* The member that began there is over. */
static void end_member(struct json_line *line, size_t start)
{
    line->len = line->full ? start : line->len;
    line->full = false;
}

static void add_member(struct json_line *line, const char *name, const char *value, size_t max)
{
    size_t start = line->len;
    if (!value)
        return;
    add(line, line->len > 1 ? "," : "", line->len > 1);
    add_string(line, name, SIZE_MAX);
    add(line, ":", 1);
    add_string(line, value, max);
    end_member(line, start);
}

static void add_number(struct json_line *line, const char *name, int64_t value)
{
    char text[32];
    size_t start = line->len;
    add(line, ",", 1);
    add_string(line, name, SIZE_MAX);
    add(line, text, (size_t)snprintf(text, sizeof text, ":%lld", (long long)value));
    end_member(line, start);
}

static void add_time(struct json_line *line)
{
    char time[28];
    time_iso_us(clock_wall_us(), time);
    add_member(line, "time", time, SIZE_MAX);
}

static void end_line(struct json_line *line)
{
    memcpy(line->text + line->len, "}\n", 2);
    print(line->text, line->len + 2);
}

static void print_event(const struct log_event *e, const char *text)
{
    struct json_line line = {"{", 1, false};
    add_member(&line, "type", "link", SIZE_MAX);
    add_member(&line, "event", e->event, SIZE_MAX);
    add_time(&line);
    add_member(&line, "link", e->link, 300);
    add_member(&line, "peer", e->peer, 100);
    add_member(&line, "reason", e->reason, 100);
    for (size_t i = 0; i < LOG_NUMBERS && e->numbers[i].name; i++)
        add_number(&line, e->numbers[i].name, e->numbers[i].value);
    add_member(&line, "text", text, 400);
    end_line(&line);
}

static void print_log(enum log_level level, const char *text)
{
    static const char *const levels[] = {"error", "event", "detail", "wire"};
    struct json_line line = {"{", 1, false};
    add_member(&line, "type", "log", SIZE_MAX);
    add_member(&line, "level", levels[level], SIZE_MAX);
    add_time(&line);
    add_member(&line, "text", text, 500);
    end_line(&line);
}

/* ---- both ---- */

void log_event_v(enum log_level level, const struct log_event *event, const char *format, va_list args)
{
    char text[LOG_LINE];
    if (!log_wants(level))
        return;
    vsnprintf(text, sizeof text, format, args);
    if (!log_state.json)
        print_text(event ? event->link : NULL, event ? event->peer : NULL, text);
    else if (event)
        print_event(event, text);
    else
        print_log(level, text);
}

void log_line(enum log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_event_v(level, NULL, format, args);
    va_end(args);
}

void log_event(enum log_level level, const struct log_event *event, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_event_v(level, event, format, args);
    va_end(args);
}

/* ---- faults that last ---- */

enum { FAULT_MS = 60000 };

bool log_fault_is_recent(const struct log_fault *f, int64_t now)
{
    return f->known && now < f->at + FAULT_MS;
}

uint64_t log_fault_happens(struct log_fault *f, int64_t now)
{
    uint64_t n = ++f->n;
    if (log_fault_is_recent(f, now))
        return 0;
    *f = (struct log_fault){.known = true, .told = true, .at = now};
    return n;
}

bool log_fault_ends(struct log_fault *f)
{
    bool told = f->told;
    f->told = false;
    return told;
}

const char *log_fault_times(uint64_t n, char out[64])
{
    out[0] = '\0';
    if (n > 1)
        snprintf(out, 64, "; %llu times in the last minute", (unsigned long long)n);
    return out;
}

uint64_t log_dropped(void)
{
    return log_state.dropped;
}
