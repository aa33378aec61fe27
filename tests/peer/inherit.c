/* inherit: starts a program with sockets that listen, as a service manager does.
 *
 * usage: inherit N PROGRAM [ARG ...]
 *
 * N sockets on free ports of 127.0.0.1 are descriptors 3 and up, and LISTEN_FDS and LISTEN_PID say so; -N: they do not,
 * and +N: LISTEN_PID is another's. Their ports are printed on stderr, one a line. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST = 3 };

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void listen_at(int wanted)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t n = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 16) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &n) != 0)
        fail("inherit: listen");
    fprintf(stderr, "%u\n", ntohs(address.sin_port));
    if (fd != wanted && (dup2(fd, wanted) < 0 || close(fd) != 0))
        fail("inherit: dup2");
}

int main(int argc, char **argv)
{
    char text[24];
    int n = argc > 2 ? abs(atoi(argv[1])) : 0;
    if (!n) {
        fputs("usage: inherit N PROGRAM [ARG ...]\n", stderr);
        return 2;
    }
    for (int i = 0; i < n; i++)
        listen_at(FIRST + i);
    if (argv[1][0] != '-') {
        snprintf(text, sizeof text, "%d", n);
        setenv("LISTEN_FDS", text, 1);
        snprintf(text, sizeof text, "%ld", (long)getpid() + (argv[1][0] == '+'));
        setenv("LISTEN_PID", text, 1);
    }
    execvp(argv[2], argv + 2);
    fail(argv[2]);
}
