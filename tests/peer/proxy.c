/* proxy: a bad network between instruments and a listener.
 *
 * usage: proxy [-i] [-s SEED] [-d N] [-c N] [-l N] [-m MS] [-R FD] TARGET-PORT
 *
 * Listens on a free port of 127.0.0.1, prints it on FD (or stdout), and passes on what comes to TARGET-PORT, in pieces
 * of random lengths. One of about N bytes (0: none) is an accident:
 *
 *   -d N   the connection is dropped, in both directions, with what was not passed on yet; at answers, which are single
 *          bytes, one in N / 60
 *   -c N   it is corrupted: in what an instrument sends, and printable ones only, so that a checksum notices; never two
 *          in a frame
 *   -l N   it and what follows comes late, by MS milliseconds (5) at most
 *
 * With -i the instrument is who listens at TARGET-PORT: answers go there, and what is corrupted comes from there.
 * From SIGUSR1 on nothing is dropped nor corrupted. Ends with SIGTERM, and tells on stderr what it did. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINES = 256, HELD = 4096, FRAME = 300, ANSWERS = 60 };

/* One direction of a connection: bytes read from `from` and not yet written to its partner. */
struct lane {
    int from, to;
    unsigned char held[HELD];
    size_t len;
    size_t since;  /* bytes since the last corruption */
    bool eof;      /* read, and passed on once all is */
    int64_t until; /* nothing is passed on before */
};

struct line {
    bool open;
    struct lane out, back;
};

static struct line lines[LINES];
static uint64_t state;
static unsigned long drop_every, corrupt_every, late_every, late_ms = 5;
static unsigned long connections, drops, corruptions;
static bool instrument_listens;
static volatile sig_atomic_t ended, calm;

static void on_term(int number)
{
    (void)number;
    ended = 1;
}

static void on_calm(int number)
{
    (void)number;
    calm = 1;
}

static uint64_t random_number(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* True once in about n times; n 0: never. */
static bool chance(unsigned long n)
{
    return n && random_number() % n == 0;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void prepare(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
}

static void accept_line(int listener, const struct sockaddr_in *target)
{
    int from = accept(listener, NULL, NULL), to = socket(AF_INET, SOCK_STREAM, 0);
    size_t i = 0;
    while (i < LINES && lines[i].open)
        i++;
    if (from < 0 || to < 0 || i == LINES || connect(to, (const struct sockaddr *)target, sizeof *target) != 0) {
        close(from);
        close(to);
        return;
    }
    prepare(from);
    prepare(to);
    memset(&lines[i], 0, sizeof lines[i]);
    lines[i].open = true;
    lines[i].out.from = lines[i].back.to = from;
    lines[i].out.to = lines[i].back.from = to;
    connections++;
}

static void close_line(struct line *l)
{
    close(l->out.from);
    close(l->out.to);
    l->open = false;
}

/* Reads into the lane. messages: of an instrument; else answers come. False: the connection breaks. */
static bool take(struct lane *a, bool messages)
{
    unsigned long drop = messages || !drop_every ? drop_every : drop_every / ANSWERS + 1;
    ssize_t n = read(a->from, a->held + a->len, sizeof a->held - a->len);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    a->eof = n == 0;
    for (size_t i = a->len; i < a->len + (size_t)n; i++) {
        bool printable = a->held[i] > ' ' && a->held[i] < 0x7E;
        if (!calm && chance(drop)) {
            drops++;
            return false;
        }
        if (messages && printable && ++a->since > FRAME && !calm && chance(corrupt_every)) {
            a->held[i]++;
            a->since = 0;
            corruptions++;
        }
        if (chance(late_every))
            a->until = now_ms() + (int64_t)(random_number() % late_ms);
    }
    a->len += (size_t)n;
    return true;
}

/* Passes a piece on. False: the connection breaks. */
static bool pass(struct lane *a, int64_t now)
{
    if (now < a->until)
        return true;
    if (a->len) {
        ssize_t n = write(a->to, a->held, 1 + random_number() % a->len);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        a->len -= (size_t)n;
        memmove(a->held, a->held + n, a->len);
    } else if (a->eof) {
        shutdown(a->to, SHUT_WR);
        a->from = -1;
    }
    return true;
}

/* What to wait for in a lane; *timeout is shortened to when it may go on. */
static void want(const struct lane *a, struct pollfd *in, struct pollfd *out, int64_t now, int *timeout)
{
    bool pending = a->from >= 0 && (a->len || a->eof);
    *in = (struct pollfd){.fd = a->from >= 0 && !a->eof && a->len < HELD ? a->from : -1, .events = POLLIN};
    *out = (struct pollfd){.fd = pending && now >= a->until ? a->to : -1, .events = POLLOUT};
    if (pending && now < a->until && a->until - now < *timeout)
        *timeout = (int)(a->until - now);
}

static void serve(struct line *l, const struct pollfd *set, int64_t now)
{
    int from = l->out.from >= 0 ? l->out.from : l->back.to, to = l->out.to;
    bool fine = (!set[0].revents || take(&l->out, !instrument_listens)) && (!set[1].revents || pass(&l->out, now)) &&
                (!set[2].revents || take(&l->back, instrument_listens)) && (!set[3].revents || pass(&l->back, now));
    if (fine && (l->out.from >= 0 || l->back.from >= 0))
        return;
    l->out.from = from;
    l->out.to = to;
    close_line(l);
}

static void run(int listener, const struct sockaddr_in *target)
{
    static struct pollfd set[1 + 4 * LINES];
    while (!ended) {
        int64_t now = now_ms();
        int timeout = 1000;
        size_t n = 1;
        set[0] = (struct pollfd){.fd = listener, .events = POLLIN};
        for (size_t i = 0; i < LINES; i++)
            if (lines[i].open) {
                want(&lines[i].out, &set[n], &set[n + 1], now, &timeout);
                want(&lines[i].back, &set[n + 2], &set[n + 3], now, &timeout);
                n += 4;
            }
        if (poll(set, n, timeout) < 0)
            continue;
        now = now_ms();
        n = 1;
        for (size_t i = 0; i < LINES; i++)
            if (lines[i].open) {
                serve(&lines[i], &set[n], now);
                n += 4;
            }
        if (set[0].revents)
            accept_line(listener, target);
    }
}

static int open_listener(int ready_fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t n = sizeof address;
    char line[16];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &n) != 0)
        fail("proxy: listen");
    int len = snprintf(line, sizeof line, "%u\n", ntohs(address.sin_port));
    if (write(ready_fd, line, (size_t)len) != len)
        fail("proxy: ready");
    if (ready_fd != STDOUT_FILENO)
        close(ready_fd);
    return fd;
}

int main(int argc, char **argv)
{
    struct sockaddr_in target = {.sin_family = AF_INET};
    int ready_fd = STDOUT_FILENO;
    state = 1;
    for (int c; (c = getopt(argc, argv, "is:d:c:l:m:R:")) != -1;) {
        unsigned long value = optarg ? strtoul(optarg, NULL, 10) : 0;
        if (c == 'i')
            instrument_listens = true;
        else if (c == 's')
            state = value * 2 + 1;
        else if (c == 'd')
            drop_every = value;
        else if (c == 'c')
            corrupt_every = value;
        else if (c == 'l')
            late_every = value;
        else if (c == 'm' && value)
            late_ms = value;
        else if (c == 'R')
            ready_fd = (int)value;
        else
            return 2;
    }
    if (argc - optind != 1)
        return 2;
    target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    target.sin_port = htons((uint16_t)atoi(argv[optind]));
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_term);
    signal(SIGUSR1, on_calm);
    run(open_listener(ready_fd), &target);
    fprintf(stderr, "proxy: %lu connections, %lu dropped, %lu bytes corrupted\n", connections, drops, corruptions);
    return EXIT_SUCCESS;
}
