/* Lines on stderr: for people `program: text`, or for machines a JSON object each. One line is one write of at most
 * LOG_LINE bytes, so that lines of several programs never mix. Control characters are shown as `?`: nothing in a text
 * moves a terminal. */
#ifndef INSTLINK_LOG_H
#define INSTLINK_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum { LOG_LINE = 512, LOG_JSON_LINE = 2048, LOG_NUMBERS = 3 };

enum log_level { LOG_ERROR, LOG_EVENT, LOG_DETAIL, LOG_WIRE };

/* Names the program and the most talkative level that is printed. may_wait: a stderr that nobody reads makes us wait;
 * else the line is dropped and counted. */
void log_open(const char *program, enum log_level level, bool may_wait);

/* Has every line printed as JSON from here on. */
void log_as_json(bool json);

/* Whether lines of that level are printed. */
bool log_wants(enum log_level level);

/* Prints a line, printf-like; as JSON {"type":"log","level":…,"time":…,"text":…}. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Something that happened on a link. Strings may be NULL. */
struct log_event {
    const char *event; /* a stable word: connected, retrying, … */
    const char *link, *peer;
    const char *reason; /* a stable word */
    struct {
        const char *name;
        int64_t value;
    } numbers[LOG_NUMBERS]; /* up to the first without a name */
};

/* Prints it: for people as `program: link: peer: text`, the text printf-like and the peer left out where the link is
 * called after it; as JSON {"type":"link","event":…,"time":…,"link":…,"peer":…,"reason":…,NUMBERS,"text":…}. */
void log_event(enum log_level level, const struct log_event *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for whoever has its arguments as a list; event NULL: as log_line. */
void log_event_v(enum log_level level, const struct log_event *event, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* A fault that lasts: told when it begins and when it ends, in between once a minute with how often it happened.
 * Zero-initialised is valid. Private. */
struct log_fault {
    bool known, told; /* since a line was told of it; that line stands until the fault ends */
    int64_t at;       /* when that was, ms */
    uint64_t n;       /* how often it happened since */
};

/* It happened. Returns how often since it was told last, when it is to be told now; else 0. */
uint64_t log_fault_happens(struct log_fault *fault, int64_t now);

/* Whether a line was told of it in the last minute. */
bool log_fault_is_recent(const struct log_fault *fault, int64_t now);

/* It is over. Returns whether that is to be told. */
bool log_fault_ends(struct log_fault *fault);

/* "; 57 times in the last minute", for more than once; else an empty text. */
const char *log_fault_times(uint64_t n, char out[64]);

/* How many lines were dropped. */
uint64_t log_dropped(void);

#endif
