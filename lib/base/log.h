/* Lines for people, on stderr: `program: text`. One line is one write of at most LOG_LINE bytes, so that lines of
 * several programs never mix. Control characters are shown as `?`: nothing in a text moves a terminal. */
#ifndef INSTLINK_LOG_H
#define INSTLINK_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum { LOG_LINE = 512 };

enum log_level { LOG_ERROR, LOG_EVENT, LOG_DETAIL, LOG_WIRE };

/* Names the program and the most talkative level that is printed. may_wait: a stderr that nobody reads makes us wait;
 * else the line is dropped and counted. */
void log_open(const char *program, enum log_level level, bool may_wait);

/* Whether lines of that level are printed. */
bool log_wants(enum log_level level);

/* Prints a line, printf-like. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* How many lines were dropped. */
uint64_t log_dropped(void);

#endif
