#include "link/outlet.h"

#include "base/clock.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { BIG = 1 << 20 };

static char big[BIG];

static bool blocking(int fd)
{
    return !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

/* Writes until nothing more fits, or the time is up. Returns how much. */
static size_t fill(struct outlet *o)
{
    size_t all = 0;
    long n;
    while ((n = outlet_write(o, big, sizeof big)) > 0 && all < (size_t)64 << 20)
        all += (size_t)n;
    return n < 0 ? SIZE_MAX : all;
}

static size_t drain(int fd, size_t n)
{
    static char buffer[BIG];
    size_t all = 0;
    while (all < n) {
        ssize_t got = read(fd, buffer, n - all < sizeof buffer ? n - all : sizeof buffer);
        if (got <= 0)
            break;
        all += (size_t)got;
    }
    return all;
}

/* The rules that hold for every outlet that may be shared and whose reader may be slow. */
static void test_slow_reader(const char *name, int reader, int writer)
{
    struct outlet o;
    int shared = dup(writer);
    outlet_open(&o, writer);
    int64_t before = clock_ms();
    size_t written = fill(&o);
    ok(written && written < SIZE_MAX && clock_ms() - before < 5000,
       "%s: writing to a stalled reader does not wait (%zu)", name, written);
    is_int(outlet_write(&o, "x", 1), 0, "... and says that nothing fits");
    ok(blocking(shared), "... the description that others share stays blocking");
    is_int(drain(reader, written), written, "... the reader goes on, and finds all that was written");
    ok(poll(&(struct pollfd){.fd = o.fd, .events = POLLOUT}, 1, 5000) == 1, "... there is room again");
    ok(outlet_write(&o, big, 100) > 0, "... and more fits");
    outlet_close(&o);
    ok(fcntl(shared, F_GETFD) >= 0 && fcntl(writer, F_GETFD) >= 0, "... what was given stays open");
    close(shared);
}

static void test_reader_gone(const char *name, int reader, int writer)
{
    struct outlet o;
    outlet_open(&o, writer);
    close(reader);
    long n = outlet_write(&o, big, 100);
    ok(n < 0 && (errno == EPIPE || errno == EIO || errno == ECONNRESET), "%s: a reader that has gone is an error",
       name);
    outlet_close(&o);
    close(writer);
}

static void test_pipe(void)
{
    int ends[2];
    if (pipe(ends) != 0)
        abort();
    test_slow_reader("a pipe", ends[0], ends[1]);
    test_reader_gone("a pipe", ends[0], ends[1]);
}

/* As where there is no /proc: nothing but poll tells whether writing would wait. */
static void test_shared_pipe(void)
{
    int ends[2];
    struct outlet o;
    if (pipe(ends) != 0)
        abort();
    o = (struct outlet){.fd = ends[1], .pipe = true, .kind = OUTLET_SHARED};
    size_t written = fill(&o);
    ok(written && written < SIZE_MAX && blocking(ends[1]), "a pipe that cannot be opened again: does not wait (%zu)",
       written);
    is_int(drain(ends[0], written), written, "... the reader goes on");
    ok(outlet_write(&o, big, 100) > 0, "... and more fits");
    test_reader_gone("one that cannot be opened again", ends[0], ends[1]);
}

static void test_socket(void)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        abort();
    struct outlet o;
    outlet_open(&o, ends[1]);
    is_int(o.kind, OUTLET_SOCKET, "a socket is known");
    outlet_close(&o);
    test_slow_reader("a socket", ends[0], ends[1]);
    test_reader_gone("a socket", ends[0], ends[1]);
}

static void test_terminal(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY), slave = -1;
    struct termios raw;
    if (master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0)
        slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    if (slave < 0 || tcgetattr(slave, &raw) != 0) {
        skip("a terminal", "there is none to be had");
        return;
    }
    raw.c_oflag &= ~(tcflag_t)OPOST;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    tcsetattr(slave, TCSANOW, &raw);
    struct outlet o = {.fd = slave, .kind = OUTLET_SHARED};
    size_t written = 0;
    for (long n = 1; n > 0 && written < BIG; written += (size_t)n)
        n = outlet_write(&o, big, sizeof big);
    ok(written && written < BIG, "a terminal that cannot be opened again: does not wait (%zu)", written);
    is_int(drain(master, written), written, "... the reader goes on");
    outlet_open(&o, slave);
    ok(o.kind == OUTLET_OWN || o.kind == OUTLET_SHARED, "a terminal is no file");
    written = fill(&o);
    ok(written && written < SIZE_MAX && blocking(slave), "a terminal: does not wait (%zu), stays blocking", written);
    outlet_close(&o);
    close(slave);
    close(master);
}

static void test_file(void)
{
    char name[] = "/tmp/outlet-test-XXXXXX";
    int fd = mkstemp(name), full = open("/dev/full", O_WRONLY);
    struct outlet o;
    unlink(name);
    outlet_open(&o, fd);
    is_int(o.kind, OUTLET_FILE, "a file is known");
    is_int(outlet_write(&o, big, sizeof big), BIG, "all of it is written");
    is_int(outlet_write(&o, "end", 3), 3, "and what follows");
    is_int(lseek(fd, 0, SEEK_END), BIG + 3, "one behind the other");
    outlet_close(&o);
    ok(fcntl(fd, F_GETFD) >= 0, "the file stays open");
    close(fd);
    if (full < 0) {
        skip("a full disk is an error", "there is no /dev/full");
        return;
    }
    outlet_open(&o, full);
    ok(outlet_write(&o, "x", 1) < 0 && errno == ENOSPC, "a full disk is an error");
    outlet_close(&o);
    close(full);
}

/* ---- lines of two writers on one pipe ---- */

static void write_lines(int fd, char letter, size_t lines, size_t len)
{
    struct outlet o;
    char *text = malloc(lines * len);
    if (!text)
        abort();
    memset(text, letter, lines * len);
    for (size_t i = 0; i < lines; i++)
        text[(i + 1) * len - 1] = '\n';
    outlet_open(&o, fd);
    for (size_t at = 0; at < lines * len;) {
        long n = outlet_write(&o, text + at, lines * len - at);
        if (n < 0)
            _exit(1);
        at += (size_t)n;
        if (!n)
            poll(&(struct pollfd){.fd = o.fd, .events = POLLOUT}, 1, 1000);
    }
    outlet_close(&o);
    free(text);
}

static void test_two_writers(void)
{
    enum { LINES = 3000, LEN = 700 };
    int ends[2];
    if (pipe(ends) != 0)
        abort();
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            write_lines(ends[1], "ab"[i], LINES, LEN);
            _exit(0);
        }
    }
    close(ends[1]);
    FILE *f = fdopen(ends[0], "r");
    char *line = NULL;
    size_t size = 0, whole = 0;
    ssize_t n;
    while ((n = getline(&line, &size, f)) > 0)
        whole += n == LEN && strspn(line, (char[]){line[0], 0}) == LEN - 1;
    is_int(whole, 2 * LINES, "lines of two writers that share a pipe do not mix");
    free(line);
    fclose(f);
    while (wait(NULL) > 0)
        ;
}

/* What goes in one write: whole lines, up to PIPE_BUF bytes. */
static void test_portions(void)
{
    static char text[3 * PIPE_BUF];
    static const struct {
        size_t len, newline, written;
    } cases[] = {
        {100, 50, 100},
        {PIPE_BUF, 50, PIPE_BUF},
        {PIPE_BUF + 1, 50, 51},
        {3 * PIPE_BUF, PIPE_BUF - 1, PIPE_BUF},
        {3 * PIPE_BUF, PIPE_BUF, PIPE_BUF},
        {3 * PIPE_BUF, 0, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int ends[2];
        struct outlet o;
        if (pipe(ends) != 0)
            abort();
        memset(text, 'a', sizeof text);
        text[cases[i].newline] = '\n';
        outlet_open(&o, ends[1]);
        is_int(outlet_write(&o, text, cases[i].len), cases[i].written, "%zu bytes with a line's end at %zu",
               cases[i].len, cases[i].newline);
        outlet_close(&o);
        close(ends[0]);
        close(ends[1]);
    }
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    memset(big, 'x', sizeof big);
    test_pipe();
    test_shared_pipe();
    test_socket();
    test_terminal();
    test_file();
    test_portions();
    test_two_writers();
    return done();
}
