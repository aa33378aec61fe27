/* Sends back whatever it is sent, on connections to a port of 127.0.0.1 that it names on stdout, for ten minutes at
 * most: what a server costs that does nothing else. Nothing of lib/ is in it. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

enum { CONNECTIONS = 1024, SECONDS = 600 };

/* Listens, and names the endpoint. */
static int begin(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    socklen_t size = sizeof in;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&in, size) != 0 || listen(fd, CONNECTIONS) != 0 ||
        getsockname(fd, (struct sockaddr *)&in, &size) != 0)
        return -1;
    printf("listen:127.0.0.1:%d\n", ntohs(in.sin_port));
    fclose(stdout);
    return fd;
}

/* Whoever sends waits for what comes back, so that this never waits for long. */
static bool send_back(int fd)
{
    static char bytes[64 << 10];
    ssize_t n = read(fd, bytes, sizeof bytes), at = 0, some = 1;
    for (; at < n && some > 0; at += some)
        some = write(fd, bytes + at, (size_t)(n - at));
    return n > 0 && some > 0;
}

int main(void)
{
    static struct pollfd fds[CONNECTIONS + 1];
    nfds_t n = 1;
    fds[0] = (struct pollfd){.fd = begin(), .events = POLLIN};
    alarm(SECONDS);
    while (fds[0].fd >= 0 && poll(fds, n, -1) > 0) {
        for (nfds_t i = n - 1; i > 0; i--)
            if (fds[i].revents && !send_back(fds[i].fd)) {
                close(fds[i].fd);
                fds[i] = fds[--n];
            }
        int fd = fds[0].revents && n <= CONNECTIONS ? accept(fds[0].fd, NULL, NULL) : -1;
        if (fd >= 0)
            fds[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    perror("echo");
    return 1;
}
