#include "link/resolve.h"

#include "link/child.h"
#include "link/system.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

bool resolve_numeric(const char *host, uint16_t port, struct address *address)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    *address = (struct address){.len = 0};
    if (strcmp(host, "*") != 0 && inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        memcpy(&address->storage, &v4, sizeof v4);
        address->len = sizeof v4;
    } else if (strcmp(host, "*") == 0 || inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
        memcpy(&address->storage, &v6, sizeof v6);
        address->len = sizeof v6;
    }
    return address->len != 0;
}

static bool known(const struct address *addresses, size_t n, const struct addrinfo *a)
{
    for (size_t i = 0; i < n; i++)
        if (addresses[i].len == a->ai_addrlen && memcmp(&addresses[i].storage, a->ai_addr, a->ai_addrlen) == 0)
            return true;
    return false;
}

/* Returns how many addresses there are; none: *silent says whether nobody has answered. */
static size_t look_up(const char *host, uint16_t port, struct address *addresses, bool *silent)
{
    char service[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    size_t n = 0;
    snprintf(service, sizeof service, "%u", port);
    int error = getaddrinfo(host, service, &hints, &found);
    *silent = error == EAI_AGAIN;
    if (error)
        return 0;
    for (struct addrinfo *a = found; a && n < RESOLVE_MAX; a = a->ai_next) {
        if (a->ai_addrlen > sizeof addresses->storage || known(addresses, n, a))
            continue;
        memset(&addresses[n], 0, sizeof addresses[n]);
        memcpy(&addresses[n].storage, a->ai_addr, a->ai_addrlen);
        addresses[n++].len = a->ai_addrlen;
    }
    freeaddrinfo(found);
    return n;
}

/* What the parent has open is not held on to: neither its connections, nor its locks. */
static void keep_only(int *fd)
{
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    if (dup2(*fd, STDERR_FILENO + 1) < 0)
        _exit(1);
    *fd = STDERR_FILENO + 1;
    system_close_from(*fd + 1);
}

/* The child: default signals, one look-up, the addresses through the pipe; a lone byte says that nobody has answered.
 */
static void child(int fd, const char *host, uint16_t port)
{
    struct address addresses[RESOLVE_MAX];
    bool silent;
    child_reset_signals();
    keep_only(&fd);
    size_t n = look_up(host, port, addresses, &silent) * sizeof *addresses;
    const char *p = (const char *)addresses;
    if (silent) {
        n = 1;
        p = "";
    }
    while (n) {
        ssize_t written = write(fd, p, n);
        if (written <= 0)
            break;
        p += written;
        n -= (size_t)written;
    }
    _exit(0);
}

bool resolve_begin(struct resolve *r, const char *host, uint16_t port)
{
    int pipes[2];
    *r = (struct resolve){.fd = -1};
    if (pipe(pipes) != 0)
        return false;
    pid_t pid = fork();
    if (pid == 0)
        child(pipes[1], host, port);
    int error = errno;
    close(pipes[1]);
    if (pid < 0) {
        close(pipes[0]);
        errno = error;
        return false;
    }
    fcntl(pipes[0], F_SETFD, FD_CLOEXEC);
    fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    r->fd = pipes[0];
    r->child = pid;
    return true;
}

bool resolve_read(struct resolve *r)
{
    for (;;) {
        size_t room = sizeof r->addresses - r->filled;
        ssize_t n = room ? read(r->fd, (char *)r->addresses + r->filled, room) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n <= 0)
            break;
        r->filled += (size_t)n;
    }
    r->n = r->filled / sizeof *r->addresses;
    r->silent = r->filled == 1;
    return true;
}

const char *resolve_why(const struct resolve *r)
{
    return r->silent ? "the host is unknown, for the name server is silent" : "the host is unknown";
}

void resolve_end(struct resolve *r)
{
    if (r->fd < 0)
        return;
    close(r->fd);
    r->fd = -1;
    kill(r->child, SIGKILL);
    while (waitpid(r->child, NULL, 0) < 0 && errno == EINTR)
        ;
}
