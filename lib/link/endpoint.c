#include "link/endpoint.h"

#include "base/option.h"
#include "link/system.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096 }; /* a whole laboratory that comes back at once; the system takes less where it must */

static const char LOOPBACK[] = "127.0.0.1";

static bool starts(const char **text, const char *prefix)
{
    size_t n = strlen(prefix);
    if (strncmp(*text, prefix, n) != 0)
        return false;
    *text += n;
    return true;
}

static bool copy(char *out, size_t size, const char *text, size_t n)
{
    if (n >= size)
        return false;
    memcpy(out, text, n);
    out[n] = 0;
    return true;
}

static bool parse_port(const char *text, uint16_t *port)
{
    int number;
    if (!parse_int_range(text, 0, 65535, &number))
        return false;
    *port = (uint16_t)number;
    return true;
}

static bool parse_host_port(const char *text, struct endpoint *e, const char **why)
{
    const char *colon = strrchr(text, ':');
    *why = "the port is a number from 0 to 65535";
    if (!colon) {
        strcpy(e->host, LOOPBACK);
        return parse_port(text, &e->port);
    }
    if (!parse_port(colon + 1, &e->port))
        return false;
    size_t n = (size_t)(colon - text);
    bool brackets = n >= 2 && text[0] == '[' && text[n - 1] == ']';
    if (brackets) {
        text++;
        n -= 2;
    }
    if (brackets != (memchr(text, ':', n) != NULL)) {
        *why = "an IPv6 address, and nothing else, stands in brackets, as in [::1]:4000";
        return false;
    }
    *why = "the host's name is too long";
    if (!n)
        return copy(e->host, sizeof e->host, LOOPBACK, strlen(LOOPBACK));
    return copy(e->host, sizeof e->host, text, n);
}

bool endpoint_parse(const char *text, bool listener, struct endpoint *e, const char **why)
{
    *e = (struct endpoint){.kind = listener ? ENDPOINT_LISTEN : ENDPOINT_DIAL, .text = text, .fd = -1};
    if (starts(&text, "fd:")) {
        e->kind = ENDPOINT_FD;
        *why = "the descriptor is a number from 0 on";
        return parse_int_range(text, 0, 1 << 20, &e->fd);
    }
    if (starts(&text, "serial:")) {
        e->kind = ENDPOINT_SERIAL;
        return serial_parse(text, e->host, sizeof e->host, &e->serial, why);
    }
    if (starts(&text, "listen:"))
        e->kind = ENDPOINT_LISTEN;
    else if (starts(&text, "dial:"))
        e->kind = ENDPOINT_DIAL;
    if (starts(&text, "unix:")) {
        e->is_unix = true;
        *why = "the path is empty or too long";
        return *text && copy(e->host, sizeof((struct sockaddr_un *)0)->sun_path, text, strlen(text));
    }
    if (!parse_host_port(text, e, why))
        return false;
    *why = "one cannot dial every address, nor port 0";
    return e->kind == ENDPOINT_LISTEN || (strcmp(e->host, "*") != 0 && e->port);
}

bool endpoint_unix_address(const struct endpoint *e, struct address *address)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (!copy(un.sun_path, sizeof un.sun_path, e->host, strlen(e->host)))
        return false;
    memcpy(&address->storage, &un, sizeof un);
    address->len = sizeof un;
    return true;
}

void endpoint_remove_stale(const struct endpoint *e)
{
    struct stat status;
    struct address address;
    if (lstat(e->host, &status) != 0 || !S_ISSOCK(status.st_mode) || !endpoint_unix_address(e, &address))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)&address.storage, address.len) != 0 && errno == ECONNREFUSED)
        unlink(e->host);
    close(fd);
}

static void set_non_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int endpoint_listen(const struct endpoint *e, const struct address *address)
{
    int on = 1, off = 0, family = address->storage.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, strcmp(e->host, "*") == 0 ? &off : &on, sizeof on);
    set_non_blocking(fd);
    if (bind(fd, (const struct sockaddr *)&address->storage, address->len) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int endpoint_connect(const struct address *address)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    endpoint_tune(fd, false);
    if (connect(fd, (const struct sockaddr *)&address->storage, address->len) == 0 || errno == EINPROGRESS)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

bool endpoint_is_itself(int fd)
{
    struct address here = {.len = sizeof here.storage}, there = {.len = sizeof there.storage};
    if (getsockname(fd, (struct sockaddr *)&here.storage, &here.len) != 0 ||
        getpeername(fd, (struct sockaddr *)&there.storage, &there.len) != 0)
        return false;
    char one[64], other[64];
    address_text(&here, one, sizeof one);
    address_text(&there, other, sizeof other);
    return here.storage.ss_family != AF_UNIX && strcmp(one, other) == 0;
}

void endpoint_tune(int fd, bool inherited)
{
    int on = 1;
    if (inherited)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    else
        set_non_blocking(fd);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    system_notice_dead_peer(fd);
}

void address_text(const struct address *address, char *out, size_t n)
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (address->storage.ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, &address->storage, sizeof in);
        inet_ntop(AF_INET, &in.sin_addr, host, sizeof host);
        snprintf(out, n, "%s:%u", host, ntohs(in.sin_port));
    } else if (address->storage.ss_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, &address->storage, sizeof in);
        inet_ntop(AF_INET6, &in.sin6_addr, host, sizeof host);
        if (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr))
            snprintf(out, n, "%s:%u", host + strlen("::ffff:"), ntohs(in.sin6_port));
        else
            snprintf(out, n, "[%s]:%u", host, ntohs(in.sin6_port));
    } else {
        snprintf(out, n, "unix");
    }
}

size_t address_host_len(const char *text)
{
    const char *colon = strrchr(text, ':');
    return colon ? (size_t)(colon - text) : strlen(text);
}

void endpoint_bound_text(const struct endpoint *e, int fd, char *out, size_t n)
{
    struct address address = {.len = sizeof address.storage};
    char text[64];
    if (e->is_unix) {
        snprintf(out, n, "listen:unix:%s", e->host);
    } else if (getsockname(fd, (struct sockaddr *)&address.storage, &address.len) == 0) {
        address_text(&address, text, sizeof text);
        if (address.storage.ss_family == AF_UNIX)
            snprintf(out, n, "%s", e->text);
        else
            snprintf(out, n, "listen:%s", text);
    } else {
        snprintf(out, n, "%s", e->text);
    }
}
