/* play: one side of a conversation, written by hand, over a socket.
 *
 * It links nothing of lib/, on purpose: a listener and a simulator made from one library prove only that they agree.
 *
 * usage: play [-b] [HOST:]PORT FILE             connects; prints its own address, a line for each connection
 *        play -l [-b] [-R FD] [HOST:]PORT FILE  listens (port 0: any), prints the port on FD (or stdout)
 *
 * -b sends every byte in a write of its own, whatever the transcript says. HOST is 127.0.0.1 unless given.
 * FILE is a transcript, a line a step:
 *
 *   > TEXT        send these bytes, in one write
 *   < TEXT        exactly these bytes must be the next to arrive
 *   quiet MS      nothing may arrive for so long (also written <? MS)
 *   pause MS      let time pass
 *   timeout MS    how long a step may wait from here on (5000)
 *   bytewise on   from here on every byte is a write of its own, until `bytewise off`
 *   repeat N      the steps up to the matching `end`, N times
 *   shutdown      nothing more will be sent; what the peer sends still counts
 *   eof           the peer must say that it sends nothing more
 *   close         leave, at once
 *   reconnect     after close: connect (or accept) again
 *   + TEXT        goes on with the TEXT of the step before, so that a long one stands on several lines
 *   # TEXT        a comment
 *
 * A transcript that does not end with close or eof ends with shutdown and eof: an answer too many is always found.
 *
 * TEXT is printable ASCII; other bytes are <xHH> or one of <NUL> <SOH> <STX> <ETX> <EOT> <ENQ> <ACK> <LF> <VT> <CR>
 * <DLE> <NAK> <SYN> <ETB> <FS>; <*N:C> is N times C, a character or xHH; <turn> is the number of the round of the
 * innermost repeat, from 1. What arrives may hold what nobody knows beforehand; it ends at a byte of another kind:
 *
 *   <time>   a time stamp as HL7 writes it, at least to the minute
 *   <id>     1 to 20 letters, digits and any of -._ that have not come as <id> before in this transcript
 *   <words>  a text for people: letters, digits, blanks and any of .,:;()'/-
 *
 * Checksums are computed over what follows the last <STX> of that direction, also over several lines:
 *
 *   <CS>           as LIS01 has it: the sum up to and with the ETX or ETB, two upper-case digits
 *   <cs>           the same in lower case           <CS!>          one that is wrong by every convention below
 *   <CS:noterm>    without the ETX or ETB           <CS:stx>       with the STX
 *   <CS:xor>       exclusive or instead of the sum  <CS:unpadded>  without the leading zero
 *
 * <cs> without a letter and <CS:unpadded> of two digits show nothing: they are errors of the transcript.
 *
 * Exit status: 0 the whole transcript passed, 1 it did not, 2 usage or a defective transcript. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_DEFECT = 2, NESTING = 8, SHOWN = 160, HOLES = 64, ID_MAX = 20, STX = 0x02, MAX_TEXT = 16 << 20 };

struct text {
    unsigned char *data;
    size_t len, cap;
};

/* A TEXT: its bytes, and what nobody knows beforehand, in front of the byte at `at`. */
struct pattern {
    struct text text;
    struct {
        size_t at, kind;
    } holes[HOLES];
    size_t count;
};

/* How far a pattern and what arrived are the same. */
struct place {
    size_t wanted, got, hole;
};

/* What has gone by since the last STX of one direction. */
struct tally {
    bool open;
    unsigned sum, exor, last;
};

struct loop {
    size_t line; /* of `repeat` */
    long turn, turns;
};

struct play {
    const char *file;
    char **lines;
    size_t count, line; /* line is the index of the step being played */
    struct loop loops[NESTING];
    size_t depth;
    const char *host, *port;
    int listener, fd; /* -1: none */
    int ready_fd;
    long timeout_ms;
    bool bytewise, always_bytewise;
    bool ended;     /* close or eof was the last thing said about this connection */
    struct text in; /* arrived, and not expected yet */
    bool in_eof;
    struct tally sent, wanted;
    char (*ids)[ID_MAX + 1]; /* that have come */
    size_t id_count;
};

/* -- saying why it failed -------------------------------------------------------------------------------------- */

static _Noreturn void stop(const struct play *p, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static _Noreturn void stop(const struct play *p, int status, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s:%zu: ", p->file, p->line + 1);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(status);
}

static const struct {
    const char *name;
    unsigned char byte;
} control[] = {
    {"NUL", 0x00}, {"SOH", 0x01}, {"STX", 0x02}, {"ETX", 0x03}, {"EOT", 0x04},
    {"ENQ", 0x05}, {"ACK", 0x06}, {"LF", 0x0a},  {"VT", 0x0b},  {"CR", 0x0d},
    {"DLE", 0x10}, {"NAK", 0x15}, {"SYN", 0x16}, {"ETB", 0x17}, {"FS", 0x1c},
};
enum { CONTROLS = sizeof control / sizeof control[0] };

static bool is_time(struct play *p, const char *s);
static bool is_new_id(struct play *p, const char *s);
static bool is_words(struct play *p, const char *s);

#define DIGITS "0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* What nobody knows beforehand. */
static const struct {
    const char *name, *bytes, *otherwise;
    bool (*holds)(struct play *, const char *);
} unknown[] = {
    {"time", DIGITS ".+-", "no time stamp", is_time},
    {"id", DIGITS LETTERS "-._", "no new id", is_new_id},
    {"words", DIGITS LETTERS " .,:;()'/-", "no words", is_words},
};
enum { UNKNOWNS = sizeof unknown / sizeof unknown[0] };

static void show_byte(FILE *f, unsigned char c)
{
    for (size_t i = 0; i < CONTROLS; i++)
        if (control[i].byte == c) {
            fprintf(f, "<%s>", control[i].name);
            return;
        }
    if (c < 0x20 || c >= 0x7f || c == '<')
        fprintf(f, "<x%02X>", c);
    else
        fputc(c, f);
}

static void show(FILE *f, const char *label, const struct pattern *w, size_t from)
{
    size_t len = w->text.len, n = len - from < SHOWN ? len - from : SHOWN;

    fprintf(f, "  %s: %s", label, from > 0 ? "..." : "");
    for (size_t i = from; i < from + n; i++) {
        for (size_t hole = 0; hole < w->count; hole++)
            if (w->holes[hole].at == i)
                fprintf(f, "<%s>", unknown[w->holes[hole].kind].name);
        show_byte(f, w->text.data[i]);
    }
    fprintf(f, "%s\n", from + n < len ? "..." : n == 0 ? "nothing" : "");
}

static size_t a_little_before(size_t at, size_t len)
{
    size_t from = at > SHOWN / 2 ? at - SHOWN / 2 : 0;

    return from < len ? from : len;
}

static _Noreturn void mismatch(const struct play *p, const char *why, const struct pattern *wanted, struct place at)
{
    const struct pattern got = {.text = p->in};

    fprintf(stderr, "%s:%zu: %s at byte %zu\n", p->file, p->line + 1, why, at.got);
    show(stderr, "wanted", wanted, a_little_before(at.wanted, wanted->text.len));
    show(stderr, "got   ", &got, a_little_before(at.got, got.text.len));
    exit(EXIT_FAILURE);
}

/* -- small things ---------------------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void text_reserve(struct text *t, size_t more)
{
    if (t->cap - t->len >= more)
        return;
    size_t cap = (t->len + more) * 2;
    unsigned char *data = realloc(t->data, cap);
    if (!data) {
        perror("play");
        exit(EXIT_FAILURE);
    }
    t->data = data;
    t->cap = cap;
}

static void text_add(struct text *t, const void *data, size_t n)
{
    text_reserve(t, n);
    memcpy(t->data + t->len, data, n);
    t->len += n;
}

/* A decimal number of at least min that s holds up to `stop_at`; -1 when it is anything else. */
static long number(const char *s, char stop_at, long min)
{
    char *end;

    if (*s < '0' || *s > '9')
        return -1;
    errno = 0;
    long n = strtol(s, &end, 10);
    return errno == 0 && *end == stop_at && n >= min && n <= MAX_TEXT ? n : -1;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* -- the notation ---------------------------------------------------------------------------------------------- */

static void tally_byte(struct tally *t, unsigned char c)
{
    if (c == STX) {
        *t = (struct tally){.open = true};
        return;
    }
    t->sum += c;
    t->exor ^= c;
    t->last = c;
}

static void put_byte(struct pattern *out, struct tally *t, unsigned char c)
{
    text_add(&out->text, &c, 1);
    tally_byte(t, c);
}

static unsigned wrong_checksum(const struct tally *t)
{
    unsigned c = (t->sum + 0x50) & 0xff;

    return c == (t->exor & 0xff) ? (c + 1) & 0xff : c;
}

/* Writes the checksum that `name` asks for into digits. False when there is no such. */
static bool checksum(const struct play *p, const struct tally *t, const char *name, char digits[3])
{
    unsigned std = t->sum & 0xff;

    if (!t->open)
        stop(p, EXIT_DEFECT, "<%s> before any <STX>", name);
    if (strcmp(name, "CS") == 0)
        snprintf(digits, 3, "%02X", std);
    else if (strcmp(name, "CS!") == 0)
        snprintf(digits, 3, "%02X", wrong_checksum(t) & 0xff);
    else if (strcmp(name, "CS:noterm") == 0)
        snprintf(digits, 3, "%02X", (t->sum - t->last) & 0xff);
    else if (strcmp(name, "CS:stx") == 0)
        snprintf(digits, 3, "%02X", (t->sum + STX) & 0xff);
    else if (strcmp(name, "CS:xor") == 0)
        snprintf(digits, 3, "%02X", t->exor & 0xff);
    else if (strcmp(name, "CS:unpadded") == 0 || strcmp(name, "cs") == 0)
        snprintf(digits, 3, name[0] == 'c' ? "%02x" : "%X", std);
    else
        return false;
    if (strcmp(name, "CS:unpadded") == 0 && digits[1] != '\0')
        stop(p, EXIT_DEFECT, "<CS:unpadded>: %s has two digits anyway", digits);
    if (strcmp(name, "cs") == 0 && !strpbrk(digits, "abcdef"))
        stop(p, EXIT_DEFECT, "<cs>: %s has no letter", digits);
    return true;
}

/* The byte that `name` stands for (a control name or xHH), or -1. */
static int named_byte(const char *name)
{
    if (name[0] == 'x' && strlen(name) == 3 && hex_digit(name[1]) >= 0 && hex_digit(name[2]) >= 0)
        return hex_digit(name[1]) * 16 + hex_digit(name[2]);
    for (size_t i = 0; i < CONTROLS; i++)
        if (strcmp(control[i].name, name) == 0)
            return control[i].byte;
    return -1;
}

static void put_run(const struct play *p, struct pattern *out, struct tally *t, const char *name)
{
    const char *colon = strchr(name, ':');
    long n = colon ? number(name + 1, ':', 1) : -1;
    int c = n > 0 ? colon[1] && !colon[2] ? (unsigned char)colon[1] : named_byte(colon + 1) : -1;

    if (c < 0)
        stop(p, EXIT_DEFECT, "<%s>: a run is written <*N:C>", name);
    for (long i = 0; i < n; i++)
        put_byte(out, t, (unsigned char)c);
}

static void put_turn(const struct play *p, struct pattern *out, struct tally *t)
{
    char digits[24];

    if (p->depth == 0)
        stop(p, EXIT_DEFECT, "<turn> outside repeat");
    snprintf(digits, sizeof digits, "%ld", p->loops[p->depth - 1].turn);
    for (const char *s = digits; *s; s++)
        put_byte(out, t, (unsigned char)*s);
}

/* False when there is no such. */
static bool put_hole(const struct play *p, struct pattern *out, const char *name)
{
    size_t kind = 0;

    while (kind < UNKNOWNS && strcmp(unknown[kind].name, name) != 0)
        kind++;
    if (kind == UNKNOWNS)
        return false;
    if (out->count == HOLES)
        stop(p, EXIT_DEFECT, "<%s>: more than %d such in a TEXT", name, HOLES);
    out->holes[out->count].at = out->text.len;
    out->holes[out->count++].kind = kind;
    return true;
}

static void put_name(const struct play *p, struct pattern *out, struct tally *t, const char *name)
{
    int c = named_byte(name);
    char digits[3];

    if (c >= 0)
        put_byte(out, t, (unsigned char)c);
    else if (name[0] == '*')
        put_run(p, out, t, name);
    else if (strcmp(name, "turn") == 0)
        put_turn(p, out, t);
    else if ((name[0] == 'C' || name[0] == 'c') && checksum(p, t, name, digits))
        text_add(&out->text, digits, strlen(digits));
    else if (!put_hole(p, out, name))
        stop(p, EXIT_DEFECT, "<%s> means nothing", name);
}

static struct pattern parse(const struct play *p, struct tally *t, const char *s)
{
    struct pattern out = {.count = 0};
    char name[24];

    if (*s == '\0')
        stop(p, EXIT_DEFECT, "TEXT is missing");
    for (; *s; s++) {
        if (*s != '<') {
            if (*s < 0x20 || *s > 0x7e)
                stop(p, EXIT_DEFECT, "TEXT has a byte that is not printable ASCII; write <xHH>");
            put_byte(&out, t, (unsigned char)*s);
            continue;
        }
        size_t n = strcspn(s, ">");
        if (s[n] == '\0' || n - 1 >= sizeof name)
            stop(p, EXIT_DEFECT, "a < without its >");
        memcpy(name, s + 1, n - 1);
        name[n - 1] = '\0';
        put_name(p, &out, t, name);
        s += n;
    }
    if (out.count > 0 && out.holes[out.count - 1].at == out.text.len)
        stop(p, EXIT_DEFECT, "<%s> at the end of TEXT: nothing says where it ends", name);
    return out;
}

/* -- what nobody knows beforehand ------------------------------------------------------------------------------ */

/* Whether two digits make a number from min to max. */
static bool between(const char *s, int min, int max)
{
    int n = (s[0] - '0') * 10 + s[1] - '0';

    return n >= min && n <= max;
}

static bool is_time(struct play *p, const char *s)
{
    size_t digits = strspn(s, DIGITS);

    (void)p;
    if ((digits != 12 && digits != 14) || !between(s + 4, 1, 12) || !between(s + 6, 1, 31) || !between(s + 8, 0, 23) ||
        !between(s + 10, 0, 59) || (digits == 14 && !between(s + 12, 0, 60)))
        return false;
    s += digits;
    if (*s == '.' && digits == 14) {
        size_t fraction = strspn(s + 1, DIGITS);
        if (fraction < 1 || fraction > 4)
            return false;
        s += 1 + fraction;
    }
    return *s == '\0' || (strchr("+-", *s) && strspn(s + 1, DIGITS) == 4 && s[5] == '\0');
}

static bool is_new_id(struct play *p, const char *s)
{
    size_t len = strlen(s);

    if (len < 1 || len > ID_MAX)
        return false;
    for (size_t i = 0; i < p->id_count; i++)
        if (strcmp(p->ids[i], s) == 0)
            return false;
    p->ids = realloc(p->ids, (p->id_count + 1) * sizeof *p->ids);
    if (!p->ids)
        stop(p, EXIT_FAILURE, "memory is exhausted");
    memcpy(p->ids[p->id_count++], s, len + 1);
    return true;
}

static bool is_words(struct play *p, const char *s)
{
    (void)p;
    return *s != '\0';
}

/* -- the socket ------------------------------------------------------------------------------------------------ */

/* True when there is something to read before the time is up. */
static bool readable(int fd, int64_t until)
{
    for (;;) {
        struct pollfd f = {.fd = fd, .events = POLLIN};
        int64_t left = until - now_ms();
        int n = poll(&f, 1, left > 0 ? (int)left : 0);
        if (n > 0)
            return true;
        if (n == 0 && now_ms() >= until)
            return false;
        if (n < 0 && errno != EINTR) {
            perror("poll");
            exit(EXIT_FAILURE);
        }
    }
}

/* Reads once what has arrived. False at the peer's close. */
static bool take_in(struct play *p)
{
    if (p->in_eof)
        return false;
    text_reserve(&p->in, 4096);
    ssize_t n = read(p->fd, p->in.data + p->in.len, p->in.cap - p->in.len);
    if (n < 0 && errno != EINTR)
        stop(p, EXIT_FAILURE, "reading: %s", strerror(errno));
    if (n == 0)
        p->in_eof = true;
    if (n > 0)
        p->in.len += (size_t)n;
    return !p->in_eof;
}

static void write_all(const struct play *p, const unsigned char *data, size_t n)
{
    while (n > 0) {
        ssize_t done = write(p->fd, data, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            stop(p, EXIT_FAILURE, "sending: %s", errno == EAGAIN ? "the peer does not read" : strerror(errno));
        data += done;
        n -= (size_t)done;
    }
}

static struct addrinfo *resolve(const struct play *p)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    int error = getaddrinfo(p->host, p->port, &hints, &list);

    if (error != 0) {
        fprintf(stderr, "play: %s: %s\n", p->host, gai_strerror(error));
        exit(EXIT_DEFECT);
    }
    return list;
}

static void fail_system(const char *what)
{
    fprintf(stderr, "play: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

/* Writes "PORT" or "HOST:PORT" of our end of fd to the descriptor. */
static void tell_address(int fd, int to, bool with_host)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    char host[64], port[16], line[96];

    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0 ||
        getnameinfo((struct sockaddr *)&address, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        fail_system("own address");
    int n = snprintf(line, sizeof line, "%s%s%s\n", with_host ? host : "", with_host ? ":" : "", port);
    if (write(to, line, (size_t)n) != n)
        fail_system("telling the address");
}

static void listen_socket(struct play *p)
{
    struct addrinfo *a = resolve(p);
    int on = 1;

    p->listener = socket(a->ai_family, SOCK_STREAM, 0);
    if (p->listener < 0)
        fail_system("socket");
    setsockopt(p->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(p->listener, a->ai_addr, a->ai_addrlen) != 0 || listen(p->listener, 4) != 0)
        fail_system("listen");
    freeaddrinfo(a);
    tell_address(p->listener, p->ready_fd, false);
    if (p->ready_fd != STDOUT_FILENO)
        close(p->ready_fd);
}

static int connect_socket(const struct play *p)
{
    struct addrinfo *a = resolve(p);
    int fd = socket(a->ai_family, SOCK_STREAM, 0);

    if (fd < 0 || connect(fd, a->ai_addr, a->ai_addrlen) != 0)
        fail_system("connect");
    freeaddrinfo(a);
    tell_address(fd, STDOUT_FILENO, true);
    return fd;
}

static void begin(struct play *p)
{
    struct timeval limit = {.tv_sec = 10};
    int on = 1;

    if (p->listener >= 0 && !readable(p->listener, now_ms() + p->timeout_ms))
        stop(p, EXIT_FAILURE, "nobody connected");
    p->fd = p->listener >= 0 ? accept(p->listener, NULL, NULL) : connect_socket(p);
    if (p->fd < 0)
        fail_system("accept");
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    p->in.len = 0;
    p->in_eof = p->ended = false;
    p->sent = p->wanted = (struct tally){0};
}

/* -- the steps ------------------------------------------------------------------------------------------------- */

static void step_send(struct play *p, const char *arg)
{
    struct pattern t = parse(p, &p->sent, arg);

    if (t.count > 0)
        stop(p, EXIT_DEFECT, "<%s> can only be expected", unknown[t.holes[0].kind].name);
    if (p->bytewise || p->always_bytewise)
        for (size_t i = 0; i < t.text.len; i++)
            write_all(p, t.text.data + i, 1);
    else
        write_all(p, t.text.data, t.text.len);
    free(t.text.data);
}

/* The next byte that arrives. */
static unsigned char arrived(struct play *p, const struct pattern *wanted, struct place at, int64_t until)
{
    while (p->in.len <= at.got) {
        if (!p->in_eof && !readable(p->fd, until))
            mismatch(p, "nothing more in time", wanted, at);
        if (!take_in(p))
            mismatch(p, "the peer closed", wanted, at);
    }
    return p->in.data[at.got];
}

static void expect_hole(struct play *p, const struct pattern *wanted, struct place *at, int64_t until)
{
    size_t kind = wanted->holes[at->hole].kind;
    struct place end = *at;
    char found[256];

    for (int c; (c = arrived(p, wanted, end, until)) != 0 && strchr(unknown[kind].bytes, c);)
        end.got++;
    size_t n = end.got - at->got;
    if (n < sizeof found)
        memcpy(found, p->in.data + at->got, n);
    found[n < sizeof found ? n : 0] = '\0';
    if (!unknown[kind].holds(p, found))
        mismatch(p, unknown[kind].otherwise, wanted, *at);
    end.hole++;
    *at = end;
}

static void step_expect(struct play *p, const char *arg)
{
    struct pattern t = parse(p, &p->wanted, arg);
    int64_t until = now_ms() + p->timeout_ms;
    struct place at = {0};

    while (at.wanted < t.text.len) {
        if (at.hole < t.count && t.holes[at.hole].at == at.wanted) {
            expect_hole(p, &t, &at, until);
            continue;
        }
        if (arrived(p, &t, at, until) != t.text.data[at.wanted])
            mismatch(p, "something else", &t, at);
        at.wanted++;
        at.got++;
    }
    memmove(p->in.data, p->in.data + at.got, p->in.len - at.got);
    p->in.len -= at.got;
    free(t.text.data);
}

static void nothing_left(const struct play *p)
{
    if (p->in.len > 0)
        mismatch(p, "bytes that nobody expected", &(struct pattern){.count = 0}, (struct place){0});
}

static void step_quiet(struct play *p, const char *arg)
{
    long ms = number(arg, '\0', 1);

    if (ms < 0)
        stop(p, EXIT_DEFECT, "quiet needs milliseconds");
    nothing_left(p);
    if (!p->in_eof && readable(p->fd, now_ms() + ms) && !take_in(p))
        stop(p, EXIT_FAILURE, "the peer closed");
    nothing_left(p);
}

static void step_pause(struct play *p, const char *arg)
{
    long ms = number(arg, '\0', 1);

    if (ms < 0)
        stop(p, EXIT_DEFECT, "pause needs milliseconds");
    int64_t until = now_ms() + ms;
    for (int64_t left = ms; left > 0; left = until - now_ms())
        nanosleep(&(struct timespec){.tv_sec = (time_t)(left / 1000), .tv_nsec = (long)(left % 1000) * 1000000}, NULL);
}

static void step_timeout(struct play *p, const char *arg)
{
    p->timeout_ms = number(arg, '\0', 1);
    if (p->timeout_ms < 0)
        stop(p, EXIT_DEFECT, "timeout needs milliseconds");
}

static void step_bytewise(struct play *p, const char *arg)
{
    p->bytewise = strcmp(arg, "on") == 0;
    if (!p->bytewise && strcmp(arg, "off") != 0)
        stop(p, EXIT_DEFECT, "bytewise is on or off");
}

static void step_repeat(struct play *p, const char *arg)
{
    long n = number(arg, '\0', 1);

    if (n < 0 || p->depth == NESTING)
        stop(p, EXIT_DEFECT, "repeat needs a count, and goes %d deep at most", NESTING);
    p->loops[p->depth++] = (struct loop){.line = p->line, .turn = 1, .turns = n};
}

static void step_end(struct play *p, const char *arg)
{
    if (*arg || p->depth == 0)
        stop(p, EXIT_DEFECT, "end without repeat");
    struct loop *l = &p->loops[p->depth - 1];
    if (++l->turn <= l->turns)
        p->line = l->line;
    else
        p->depth--;
}

static void step_shutdown(struct play *p, const char *arg)
{
    (void)arg;
    if (shutdown(p->fd, SHUT_WR) != 0 && errno != ENOTCONN)
        stop(p, EXIT_FAILURE, "shutdown: %s", strerror(errno));
}

static void step_eof(struct play *p, const char *arg)
{
    int64_t until = now_ms() + p->timeout_ms;

    (void)arg;
    do {
        nothing_left(p);
        if (!p->in_eof && !readable(p->fd, until))
            stop(p, EXIT_FAILURE, "the peer did not close in time");
    } while (take_in(p));
    p->ended = true;
}

static void step_close(struct play *p, const char *arg)
{
    (void)arg;
    nothing_left(p);
    close(p->fd);
    p->fd = -1;
    p->ended = true;
}

static void step_reconnect(struct play *p, const char *arg)
{
    (void)arg;
    if (p->fd >= 0)
        stop(p, EXIT_DEFECT, "reconnect without close");
    begin(p);
}

static const struct step {
    const char *name;
    void (*run)(struct play *, const char *);
    bool connected; /* makes sense only while there is a connection */
} steps[] = {
    {">", step_send, true},
    {"<", step_expect, true},
    {"<?", step_quiet, true},
    {"quiet", step_quiet, true},
    {"pause", step_pause, false},
    {"timeout", step_timeout, false},
    {"bytewise", step_bytewise, false},
    {"repeat", step_repeat, false},
    {"end", step_end, false},
    {"shutdown", step_shutdown, true},
    {"eof", step_eof, true},
    {"close", step_close, true},
    {"reconnect", step_reconnect, false},
};

static void play_line(struct play *p)
{
    const char *line = p->lines[p->line];
    size_t n;

    while (*line == ' ' && p->depth > 0) /* steps inside repeat may be indented */
        line++;
    if (*line == '\0' || *line == '#')
        return;
    n = strcspn(line, " ");
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (strlen(steps[i].name) != n || memcmp(steps[i].name, line, n) != 0)
            continue;
        if (steps[i].connected && p->fd < 0)
            stop(p, EXIT_DEFECT, "%s without a connection", steps[i].name);
        if (steps[i].connected)
            p->ended = false;
        steps[i].run(p, line[n] ? line + n + 1 : line + n);
        return;
    }
    stop(p, EXIT_DEFECT, "no such step: %s", line);
}

static void play_all(struct play *p)
{
    for (; p->line < p->count; p->line++)
        play_line(p);
    if (p->depth > 0)
        stop(p, EXIT_DEFECT, "repeat without end");
    if (!p->ended) {
        step_shutdown(p, "");
        step_eof(p, "");
    }
}

/* -- from the command line ------------------------------------------------------------------------------------- */

static _Noreturn void usage(void)
{
    fputs("usage: play [-b] [HOST:]PORT FILE\n       play -l [-b] [-R FD] [HOST:]PORT FILE\n", stderr);
    exit(EXIT_DEFECT);
}

/* What a line adds to the step before, or NULL. */
static const char *continuation(const char *line)
{
    line += strspn(line, " ");
    return strncmp(line, "+ ", 2) == 0 ? line + 2 : NULL;
}

/* Adds TEXT to the last step that is there. */
static void go_on(struct play *p, const char *more)
{
    size_t step = p->count;

    while (step > 0 && !*p->lines[step - 1])
        step--;
    const char *begins = step > 0 ? p->lines[step - 1] + strspn(p->lines[step - 1], " ") : "";
    if (*begins != '>' && *begins != '<') {
        p->line = p->count;
        stop(p, EXIT_DEFECT, "+ goes on with nothing");
    }
    size_t len = strlen(p->lines[step - 1]);
    char *line = realloc(p->lines[step - 1], len + strlen(more) + 1);
    if (!line)
        fail_system(p->file);
    strcpy(line + len, more);
    p->lines[step - 1] = line;
}

static void add_line(struct play *p, char *line)
{
    const char *more = continuation(line);

    if (more) {
        go_on(p, more);
        *line = '\0';
    }
    p->lines = realloc(p->lines, (p->count + 1) * sizeof *p->lines);
    if (!p->lines)
        fail_system(p->file);
    p->lines[p->count++] = line;
}

static void load(struct play *p, const char *file)
{
    FILE *f = fopen(file, "r");
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    p->file = file;
    if (!f) {
        perror(file);
        exit(EXIT_DEFECT);
    }
    while ((n = getline(&line, &cap, f)) > 0) {
        if (line[n - 1] == '\n')
            line[n - 1] = '\0';
        add_line(p, line);
        line = NULL;
        cap = 0;
    }
    free(line);
    fclose(f);
}

static void set_address(struct play *p, char *s)
{
    char *colon = strrchr(s, ':');

    p->host = "127.0.0.1";
    p->port = colon ? colon + 1 : s;
    if (colon && colon > s) {
        p->host = *s == '[' ? s + 1 : s;
        colon[colon[-1] == ']' ? -1 : 0] = '\0';
    }
    if (number(p->port, '\0', 0) < 0)
        usage();
}

int main(int argc, char **argv)
{
    struct play p = {.listener = -1, .fd = -1, .ready_fd = STDOUT_FILENO, .timeout_ms = 5000};
    bool listening = false;

    for (int c; (c = getopt(argc, argv, "blR:")) != -1;)
        switch (c) {
        case 'b':
            p.always_bytewise = true;
            break;
        case 'l':
            listening = true;
            break;
        case 'R':
            p.ready_fd = (int)number(optarg, '\0', 0);
            if (p.ready_fd < 0)
                usage();
            break;
        default:
            usage();
        }
    if (argc - optind != 2)
        usage();
    set_address(&p, argv[optind]);
    load(&p, argv[optind + 1]);
    signal(SIGPIPE, SIG_IGN);
    if (listening)
        listen_socket(&p);
    begin(&p);
    play_all(&p);
    for (size_t i = 0; i < p.count; i++)
        free(p.lines[i]);
    free(p.lines);
    free(p.ids);
    free(p.in.data);
    return EXIT_SUCCESS;
}
