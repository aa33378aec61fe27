/* Sends back whatever it is sent, on connections to a port of 127.0.0.1 that it names on stdout, for ten minutes at
 * most: what a server costs that does nothing else. echo FILE SIZE: before it sends anything back, it appends SIZE
 * bytes to FILE for each block that came, in one piece, and waits until the disk has them; when it is told to end
 * (SIGTERM) it prints the median of what that took, in microseconds. Nothing of lib/ is in it. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 1024, SECONDS = 600, BLOCK = 64 << 10, SIZE_MAX_BYTES = 1 << 20, TIMES = 1 << 20 };

static struct pollfd fds[CONNECTIONS + 1];
static struct {
    char bytes[BLOCK]; /* read, and not sent back yet */
    ssize_t n;
} blocks[CONNECTIONS + 1];
static nfds_t n = 1;

static int file = -1;
static size_t size; /* of an append for one block */
static char *lines;
static double times[TIMES];
static size_t times_n;

static volatile sig_atomic_t over;

static void on_term(int number)
{
    (void)number;
    over = 1;
}

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Listens, and names the endpoint. */
static int begin(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    socklen_t length = sizeof in;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&in, length) != 0 || listen(fd, CONNECTIONS) != 0 ||
        getsockname(fd, (struct sockaddr *)&in, &length) != 0)
        return -1;
    printf("listen:127.0.0.1:%d\n", ntohs(in.sin_port));
    fflush(stdout);
    return fd;
}

/* The file to append to. */
static bool begin_file(const char *path, const char *text)
{
    struct sigaction action = {.sa_handler = on_term};
    size = strtoul(text, NULL, 10);
    file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    lines = size && size <= SIZE_MAX_BYTES ? malloc(size * CONNECTIONS) : NULL;
    if (file < 0 || !lines)
        return false;
    memset(lines, 'x', size * CONNECTIONS);
    return sigaction(SIGTERM, &action, NULL) == 0;
}

static bool append(size_t blocks_n)
{
    double begun = now_us();
    if (write(file, lines, size * blocks_n) != (ssize_t)(size * blocks_n) || fdatasync(file) != 0)
        return false;
    if (times_n < TIMES)
        times[times_n++] = now_us() - begun;
    return true;
}

/* Whoever sends waits for what comes back, so that this never waits for long. */
static bool send_back(nfds_t i)
{
    ssize_t at = 0, some = 1;
    for (; at < blocks[i].n && some > 0; at += some)
        some = write(fds[i].fd, blocks[i].bytes + at, (size_t)(blocks[i].n - at));
    return some > 0;
}

static void leave(nfds_t i)
{
    close(fds[i].fd);
    fds[i] = fds[--n];
}

/* Reads what has come, and sends it back. */
static bool serve(void)
{
    size_t come = 0;
    for (nfds_t i = 1; i < n; i++) {
        bool ready = fds[i].revents;
        blocks[i].n = ready ? read(fds[i].fd, blocks[i].bytes, BLOCK) : 0;
        fds[i].revents = ready; /* whether it is to be answered, or has ended */
        come += blocks[i].n > 0;
    }
    if (come && file >= 0 && !append(come))
        return false;
    for (nfds_t i = n - 1; i > 0; i--)
        if (fds[i].revents && (blocks[i].n <= 0 || !send_back(i)))
            leave(i);
    return true;
}

int main(int argc, char **argv)
{
    alarm(SECONDS);
    if (argc != 1 && (argc != 3 || !begin_file(argv[1], argv[2])))
        return 64;
    fds[0] = (struct pollfd){.fd = begin(), .events = POLLIN};
    while (fds[0].fd >= 0 && !over && poll(fds, n, -1) > 0 && serve()) {
        int fd = fds[0].revents && n <= CONNECTIONS ? accept(fds[0].fd, NULL, NULL) : -1;
        if (fd >= 0)
            fds[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    if (!over || !times_n) {
        perror("echo");
        return 1;
    }
    qsort(times, times_n, sizeof *times, compare);
    printf("%.1f\n", times[times_n / 2]);
    return 0;
}
