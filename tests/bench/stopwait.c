/* Stop-and-wait with nothing else around it. stopwait: acknowledges each line and each ENQ with a byte, on connections,
 * one after the other, to a port of 127.0.0.1 that it names on stdout, for ten minutes at most. stopwait PORT COUNT
 * SIZE: sends COUNT lines of SIZE bytes, each when the one before is acknowledged, and prints how many a second.
 * Nothing of lib/ is in it. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ENQ = 5, ACK = 6, SECONDS = 600, LONGEST = 4096 };

static int open_socket(int port, bool listens)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    socklen_t size = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
        return -1;
    if (!listens)
        return connect(fd, (struct sockaddr *)&in, sizeof in) == 0 ? fd : -1;
    if (bind(fd, (struct sockaddr *)&in, sizeof in) != 0 || listen(fd, 1) != 0 ||
        getsockname(fd, (struct sockaddr *)&in, &size) != 0)
        return -1;
    printf("listen:127.0.0.1:%d\n", ntohs(in.sin_port));
    fclose(stdout);
    return fd;
}

static bool acknowledge(int fd)
{
    static char bytes[64 << 10], acks[sizeof bytes];
    ssize_t n = read(fd, bytes, sizeof bytes);
    size_t wanted = 0;
    for (ssize_t i = 0; i < n; i++)
        wanted += bytes[i] == ENQ || bytes[i] == '\n';
    memset(acks, ACK, wanted);
    return n > 0 && write(fd, acks, wanted) == (ssize_t)wanted;
}

static int serve(void)
{
    int one = 1, listening = open_socket(0, true), fd;
    alarm(SECONDS);
    while ((fd = accept(listening, NULL, NULL)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        while (acknowledge(fd))
            continue;
        close(fd);
    }
    perror("stopwait");
    return 1;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    static char line[LONGEST];
    char ack;
    if (argc != 4)
        return serve();
    int fd = open_socket(atoi(argv[1]), false), count = atoi(argv[2]), size = atoi(argv[3]);
    double begin = seconds();
    if (fd < 0 || size < 1 || size > LONGEST)
        return 1;
    memset(line, 'x', (size_t)size);
    line[size - 1] = '\n';
    for (int i = 0; i < count; i++)
        if (write(fd, line, (size_t)size) != size || read(fd, &ack, 1) != 1)
            return 1;
    printf("%.0f\n", count / (seconds() - begin));
    return 0;
}
