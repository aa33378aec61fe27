/* crowd: many connections to one port, that say nothing, or each a message.
 *
 * usage: crowd [HOST:]PORT N KEPT
 *        crowd -x [HOST:]PORT N
 *        crowd -m [HOST:]PORT N
 *
 * Opens N connections, of which the other side is expected to keep KEPT and to close the others; prints "OPEN CLOSED"
 * when that is so, holds on until its stdin ends, and prints the same again. With -x it connects and closes, N times,
 * one after the other. With -m N connections are open at once, and each sends a message: the first, third, … in an ASTM
 * session, the others as HL7, with control ids from 1 on; prints how many were answered as they should.
 *
 * HOST is 127.0.0.1 unless given, and numeric. Exit status: 0 all connections were made and with -m answered, 1 some
 * were not, 2 usage. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { AT_ONCE = 256, PATIENCE_MS = 30000 };

struct crowd {
    struct pollfd *set; /* fd -1: closed by the other side */
    size_t n, closed;
};

static bool set_address(struct sockaddr_in *address, char *text)
{
    char *colon = strrchr(text, ':');
    *address = (struct sockaddr_in){.sin_family = AF_INET};
    address->sin_port = htons((uint16_t)atoi(colon ? colon + 1 : text));
    if (colon)
        *colon = 0;
    return inet_pton(AF_INET, colon ? text : "127.0.0.1", &address->sin_addr) == 1;
}

static int connect_one(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0)
        return fd;
    perror("crowd: connect");
    exit(EXIT_FAILURE);
}

/* Closes what the other side has closed. */
static void sweep(struct crowd *c, int timeout_ms)
{
    if (poll(c->set, c->n, timeout_ms) <= 0)
        return;
    for (size_t i = 0; i < c->n; i++)
        if (c->set[i].revents) {
            close(c->set[i].fd);
            c->set[i].fd = -1;
            c->set[i].revents = 0;
            c->closed++;
        }
}

static void wait_closed(struct crowd *c, size_t closed)
{
    for (int left = PATIENCE_MS; c->closed < closed && left > 0; left -= 100)
        sweep(c, 100);
}

static void tell(const struct crowd *c)
{
    printf("%zu %zu\n", c->n - c->closed, c->closed);
    fflush(stdout);
}

static int gather(const struct sockaddr_in *address, size_t n, size_t kept)
{
    struct crowd c = {.set = calloc(n ? n : 1, sizeof *c.set)};
    char end;
    if (!c.set)
        return EXIT_FAILURE;
    while (c.n < n) {
        c.set[c.n++] = (struct pollfd){.fd = connect_one(address), .events = POLLIN};
        if (c.n % AT_ONCE == 0 && c.n > kept)
            wait_closed(&c, c.n - kept);
    }
    wait_closed(&c, n > kept ? n - kept : 0);
    tell(&c);
    while (read(STDIN_FILENO, &end, 1) > 0)
        ;
    sweep(&c, 0);
    tell(&c);
    free(c.set);
    return EXIT_SUCCESS;
}

/* ---- messages ---- */

enum { ACK = 6, SENTENCE = 128 };

/* Who sends one: what it says next, and what has to come before that. */
struct speaker {
    unsigned number, step;
    char answer[SENTENCE];
    size_t len;
    bool done;
};

static void say(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        perror("crowd: write");
}

/* H, R and L records in one frame. */
static void say_frame(int fd, unsigned number)
{
    char text[SENTENCE];
    unsigned sum = 0;
    int n = snprintf(text, sizeof text - 8, "\0021H|\\^&|%u||crowd\rR|1|^^^GLU|5.4\rL|1|N\r\003", number);
    for (int i = 1; i < n; i++)
        sum += (unsigned char)text[i];
    snprintf(text + n, sizeof text - (size_t)n, "%02X\r\n", sum & 0xFF);
    say(fd, text);
}

static void say_block(int fd, unsigned number)
{
    char text[SENTENCE];
    snprintf(text, sizeof text, "\013MSH|^~\\&|crowd||||2026||ORU^R01|%u|P|2.3.1\rOBX|1|NM|GLU||5.4\r\034\r", number);
    say(fd, text);
}

static bool is_astm(const struct speaker *s)
{
    return s->number % 2;
}

/* ENQ, the frame and EOT, each after an ACK. */
static void hear_astm(struct speaker *s, int fd)
{
    if (s->len != 1 || s->answer[0] != ACK)
        return;
    s->len = 0;
    if (s->step++ == 0) {
        say_frame(fd, s->number);
    } else {
        say(fd, "\004");
        s->done = true;
    }
}

static void hear_hl7(struct speaker *s)
{
    char wanted[32];
    snprintf(wanted, sizeof wanted, "\rMSA|AA|%u\r\034\r", s->number);
    size_t n = strlen(wanted);
    s->done = s->len > n && memcmp(s->answer + s->len - n, wanted, n) == 0;
}

/* Returns whether there is more to come. */
static bool hear(struct speaker *s, int fd)
{
    ssize_t n = read(fd, s->answer + s->len, sizeof s->answer - s->len);
    if (n <= 0)
        return false;
    s->len += (size_t)n;
    if (is_astm(s))
        hear_astm(s, fd);
    else
        hear_hl7(s);
    return !s->done;
}

static int send_messages(const struct sockaddr_in *address, size_t n)
{
    struct pollfd *set = calloc(n, sizeof *set);
    struct speaker *speakers = calloc(n, sizeof *speakers);
    size_t open = n, answered = 0;
    if (!set || !speakers)
        return EXIT_FAILURE;
    for (size_t i = 0; i < n; i++)
        set[i] = (struct pollfd){.fd = connect_one(address), .events = POLLIN};
    for (size_t i = 0; i < n; i++) {
        speakers[i].number = (unsigned)i + 1;
        if (is_astm(&speakers[i]))
            say(set[i].fd, "\005");
        else
            say_block(set[i].fd, speakers[i].number);
    }
    while (open && poll(set, n, PATIENCE_MS) > 0)
        for (size_t i = 0; i < n; i++) {
            if (!set[i].revents || hear(&speakers[i], set[i].fd))
                continue;
            set[i].fd = -1; /* it stays connected, as the others are */
            set[i].revents = 0;
            answered += speakers[i].done;
            open--;
        }
    printf("%zu\n", answered);
    free(set);
    free(speakers);
    return answered == n ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct rlimit limit;
    struct sockaddr_in address;
    bool visit = argc == 4 && strcmp(argv[1], "-x") == 0, speak = argc == 4 && strcmp(argv[1], "-m") == 0;
    if (argc != 4 || !set_address(&address, argv[visit || speak ? 2 : 1])) {
        fputs("usage: crowd [HOST:]PORT N KEPT\n       crowd -x|-m [HOST:]PORT N\n", stderr);
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    size_t n = strtoul(argv[visit || speak ? 3 : 2], NULL, 10);
    if (speak)
        return send_messages(&address, n);
    if (!visit)
        return gather(&address, n, strtoul(argv[3], NULL, 10));
    for (size_t i = 0; i < n; i++)
        close(connect_one(&address));
    return EXIT_SUCCESS;
}
