#include "base/log.h"

#include "tap.h"

#include <fcntl.h>
#include <unistd.h>

/* stderr is a pipe; what is in it is read from here. */
static int reader;

static void open_pipe(void)
{
    int ends[2];
    if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
        abort();
    close(ends[1]);
    reader = ends[0];
}

static size_t printed(char *text, size_t size)
{
    ssize_t n = read(reader, text, size - 1);
    text[n > 0 ? n : 0] = 0;
    return n > 0 ? (size_t)n : 0;
}

static void lines(void)
{
    char text[2048];
    log_open("a-program", LOG_EVENT, true);
    log_line(LOG_ERROR, "%s: %d", "wrong", 7);
    printed(text, sizeof text);
    is_str(text, "a-program: wrong: 7\n", "a line says who speaks");
    log_line(LOG_EVENT, "one");
    log_line(LOG_EVENT, "two");
    printed(text, sizeof text);
    is_str(text, "a-program: one\na-program: two\n", "each is a line of its own");
    log_line(LOG_EVENT, "%s", "a\tb\nc\x1B[2J\x7F\r\xC3\xA9");
    printed(text, sizeof text);
    is_str(text, "a-program: a?b?c?[2J??\xC3\xA9\n", "control characters never reach a terminal");
    log_line(LOG_EVENT, "%s", "");
    printed(text, sizeof text);
    is_str(text, "a-program: \n", "an empty line");
}

static void levels(void)
{
    static const enum log_level all[] = {LOG_ERROR, LOG_EVENT, LOG_DETAIL, LOG_WIRE};
    char text[2048];
    for (size_t level = 0; level < 4; level++) {
        unsigned got = 0;
        log_open("p", all[level], true);
        for (size_t i = 0; i < 4; i++) {
            log_line(all[i], "x");
            got |= (unsigned)(printed(text, sizeof text) > 0) << i;
            ok(log_wants(all[i]) == (i <= level), "level %zu %s level %zu", level,
               i <= level ? "wants" : "does not want", i);
        }
        is_int(got, (2u << level) - 1, "and prints what it wants");
    }
}

static void length(void)
{
    char text[2048], long_text[1000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    log_open("p", LOG_EVENT, true);
    log_line(LOG_EVENT, "%s", long_text);
    is_int(printed(text, sizeof text), LOG_LINE, "a line is no longer than LOG_LINE");
    is_int(text[LOG_LINE - 1], '\n', "and ends nevertheless");
    log_open(long_text, LOG_EVENT, true);
    log_line(LOG_EVENT, "y");
    size_t n = printed(text, sizeof text);
    ok(n <= LOG_LINE && n && text[n - 1] == '\n', "not even where the program has a long name");
}

/* A stderr that nobody reads. */
static void dropped(void)
{
    char text[2048];
    size_t lines = 0;
    log_open("p", LOG_EVENT, false);
    uint64_t before = log_dropped();
    for (int i = 0; i < 100000 && log_dropped() == before; i++)
        log_line(LOG_EVENT, "line %d, which is of some length so that the pipe is full before long", i);
    is_int(log_dropped(), before + 1, "where nobody reads, a line is dropped and counted");
    log_line(LOG_EVENT, "another");
    is_int(log_dropped(), before + 2, "and so is the next");
    for (size_t n; (n = printed(text, sizeof text)) > 0;)
        for (size_t i = 0; i < n; i++)
            lines += text[i] == '\n';
    ok(lines > 100, "what was printed before is whole");
    log_line(LOG_EVENT, "again");
    printed(text, sizeof text);
    is_str(text, "p: again\n", "and once there is room, lines are printed again");
    close(reader);
}

int main(void)
{
    open_pipe();
    lines();
    levels();
    length();
    dropped();
    return done();
}
