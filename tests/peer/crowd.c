/* crowd: many connections to one port, that say nothing.
 *
 * usage: crowd [HOST:]PORT N KEPT
 *        crowd -x [HOST:]PORT N
 *
 * Opens N connections, of which the other side is expected to keep KEPT and to close the others; prints "OPEN CLOSED"
 * when that is so, holds on until its stdin ends, and prints the same again. With -x it connects and closes, N times,
 * one after the other.
 *
 * HOST is 127.0.0.1 unless given, and numeric. Exit status: 0 all connections were made, 1 some were not, 2 usage. */
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

int main(int argc, char **argv)
{
    struct rlimit limit;
    struct sockaddr_in address;
    bool visit = argc == 4 && strcmp(argv[1], "-x") == 0;
    if (argc != 4 || !set_address(&address, argv[visit ? 2 : 1])) {
        fputs("usage: crowd [HOST:]PORT N KEPT\n       crowd -x [HOST:]PORT N\n", stderr);
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    size_t n = strtoul(argv[visit ? 3 : 2], NULL, 10);
    if (!visit)
        return gather(&address, n, strtoul(argv[3], NULL, 10));
    for (size_t i = 0; i < n; i++)
        close(connect_one(&address));
    return EXIT_SUCCESS;
}
