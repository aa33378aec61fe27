/* Checks that print the Test Anything Protocol. Each takes a printf-like name, prints one line (and, where it fails,
 * what it got), and returns whether it passed. main ends with `return done();`, which prints the plan and returns the
 * exit status. */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ok(condition, ...) tap_ok(__FILE__, __LINE__, (condition), __VA_ARGS__)
#define is_int(got, want, ...) tap_int(__FILE__, __LINE__, (long long)(got), (long long)(want), __VA_ARGS__)
#define is_str(got, want, ...) tap_str(__FILE__, __LINE__, (got), (want), __VA_ARGS__)
#define is_bytes(got, got_len, want, want_len, ...)                                                                    \
    tap_bytes(__FILE__, __LINE__, (got), (got_len), (want), (want_len), __VA_ARGS__)

struct piece {
    unsigned char *data;
    size_t len;
};

static struct {
    int run, failed;
} tap;

/* One line of result. `#` in a name is escaped, so that no name reads as a directive. */
__attribute__((format(printf, 4, 0))) static inline bool tap_result(const char *file, int line, bool pass,
                                                                    const char *format, va_list args)
{
    char name[512];
    vsnprintf(name, sizeof name, format, args);
    tap.run++;
    tap.failed += !pass;
    printf("%s %d - ", pass ? "ok" : "not ok", tap.run);
    for (const char *c = name; *c; c++)
        fputs(*c == '#' ? "\\#" : *c == '\n' ? "\\n" : (char[]){*c, 0}, stdout);
    printf(pass ? "\n" : "\n# at %s:%d\n", file, line);
    fflush(stdout);
    return pass;
}

__attribute__((format(printf, 4, 5))) static inline bool tap_ok(const char *file, int line, bool pass,
                                                                const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tap_result(file, line, pass, format, args);
    va_end(args);
    return pass;
}

__attribute__((format(printf, 5, 6))) static inline bool tap_int(const char *file, int line, long long got,
                                                                 long long want, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool pass = tap_result(file, line, got == want, format, args);
    va_end(args);
    if (!pass)
        printf("#  got %lld\n# want %lld\n", got, want);
    return pass;
}

/* The bytes as a C string has them, from a little before `around`. */
static inline void tap_escaped(const char *label, const void *data, size_t len, size_t around)
{
    const unsigned char *byte = data;
    size_t from = around > 100 ? around - 100 : 0, to = len - from > 300 ? from + 300 : len;
    printf("# %s %zu bytes: %s\"", label, len, from ? "..." : "");
    for (size_t i = from; i < to; i++) {
        if (byte[i] == '\r' || byte[i] == '\n' || byte[i] == '"' || byte[i] == '\\')
            printf("\\%c", byte[i] == '\r' ? 'r' : byte[i] == '\n' ? 'n' : byte[i]);
        else
            printf(byte[i] < 32 || byte[i] > 126 ? "\\x%02x" : "%c", byte[i]);
    }
    printf("\"%s\n", to < len ? "..." : "");
}

__attribute__((format(printf, 7, 0))) static inline bool tap_same(const char *file, int line, const void *got,
                                                                  size_t got_len, const void *want, size_t want_len,
                                                                  const char *format, va_list args)
{
    size_t common = got_len < want_len ? got_len : want_len, at = 0;
    while (at < common && ((const unsigned char *)got)[at] == ((const unsigned char *)want)[at])
        at++;
    bool pass = tap_result(file, line, at == got_len && at == want_len, format, args);
    if (!pass) {
        printf("# first difference at byte %zu\n", at);
        tap_escaped(" got", got, got_len, at);
        tap_escaped("want", want, want_len, at);
    }
    return pass;
}

__attribute__((format(printf, 7, 8))) static inline bool tap_bytes(const char *file, int line, const void *got,
                                                                   size_t got_len, const void *want, size_t want_len,
                                                                   const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool pass = tap_same(file, line, got, got_len, want, want_len, format, args);
    va_end(args);
    return pass;
}

/* NULL equals NULL only. */
__attribute__((format(printf, 5, 6))) static inline bool tap_str(const char *file, int line, const char *got,
                                                                 const char *want, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool pass;
    if (got && want) {
        pass = tap_same(file, line, got, strlen(got), want, strlen(want), format, args);
    } else {
        pass = tap_result(file, line, got == want, format, args);
        if (!pass)
            printf("#  got %s\n# want %s\n", got ? got : "NULL", want ? want : "NULL");
    }
    va_end(args);
    return pass;
}

static inline void skip(const char *name, const char *why)
{
    printf("ok %d - %s # SKIP %s\n", ++tap.run, name, why);
    fflush(stdout);
}

static inline int done(void)
{
    printf("1..%d\n", tap.run);
    return fflush(stdout) || tap.failed || !tap.run;
}

/* n bytes in an allocation of exactly that size, so that a sanitizer sees the first byte read behind them. The caller
 * frees it. */
static inline void *exact_copy(const void *data, size_t n)
{
    void *copy = malloc(n);
    if (!copy && n)
        abort();
    if (n)
        memcpy(copy, data, n);
    return copy;
}

/* play once with these pieces, each an exact copy */
static inline void tap_play(const unsigned char *data, size_t n, size_t count, size_t first,
                            void (*play)(void *arg, const struct piece *pieces, size_t count), void *arg)
{
    struct piece *pieces = calloc(count + 1, sizeof *pieces);
    if (!pieces)
        abort();
    for (size_t i = 0, at = 0; i < count; at += pieces[i++].len) {
        pieces[i].len = i + 1 == count ? n - at : first;
        pieces[i].data = exact_copy(data + at, pieces[i].len);
    }
    play(arg, pieces, count);
    for (size_t i = 0; i < count; i++)
        free(pieces[i].data);
    free(pieces);
}

/* Calls play with the data whole, then cut in two at every place (before the first byte and behind the last too), then
 * as single bytes: n + 3 times. */
static inline void every_split(const void *data, size_t n,
                               void (*play)(void *arg, const struct piece *pieces, size_t count), void *arg)
{
    tap_play(data, n, 1, n, play, arg);
    for (size_t cut = 0; cut <= n; cut++)
        tap_play(data, n, 2, cut, play, arg);
    tap_play(data, n, n, 1, play, arg);
}

#endif
