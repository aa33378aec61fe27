#include "link/endpoint.h"

#include "link/resolve.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LISTENER = true, SENDER = false };

#define HOST_255                                                                                                       \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."                                                 \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."                                                 \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."                                                 \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
    const char *text;
    bool listener;
    enum endpoint_kind kind;
    bool is_unix;
    const char *host;
    int port, fd;
} good[] = {
    {"4000", LISTENER, ENDPOINT_LISTEN, false, "127.0.0.1", 4000, -1},
    {"4000", SENDER, ENDPOINT_DIAL, false, "127.0.0.1", 4000, -1},
    {"0", LISTENER, ENDPOINT_LISTEN, false, "127.0.0.1", 0, -1},
    {"65535", LISTENER, ENDPOINT_LISTEN, false, "127.0.0.1", 65535, -1},
    {":4000", LISTENER, ENDPOINT_LISTEN, false, "127.0.0.1", 4000, -1},
    {"lis.example:4000", LISTENER, ENDPOINT_LISTEN, false, "lis.example", 4000, -1},
    {"lis.example:4000", SENDER, ENDPOINT_DIAL, false, "lis.example", 4000, -1},
    {"10.0.0.5:4000", SENDER, ENDPOINT_DIAL, false, "10.0.0.5", 4000, -1},
    {HOST_255 ":1", SENDER, ENDPOINT_DIAL, false, HOST_255, 1, -1},
    {"*:4000", LISTENER, ENDPOINT_LISTEN, false, "*", 4000, -1},
    {"[::1]:4000", LISTENER, ENDPOINT_LISTEN, false, "::1", 4000, -1},
    {"[2001:db8::7]:4000", SENDER, ENDPOINT_DIAL, false, "2001:db8::7", 4000, -1},
    {"[fe80::1%eth0]:4000", SENDER, ENDPOINT_DIAL, false, "fe80::1%eth0", 4000, -1},
    {"listen:4000", SENDER, ENDPOINT_LISTEN, false, "127.0.0.1", 4000, -1},
    {"listen:*:4000", SENDER, ENDPOINT_LISTEN, false, "*", 4000, -1},
    {"listen:[::]:0", SENDER, ENDPOINT_LISTEN, false, "::", 0, -1},
    {"dial:4000", LISTENER, ENDPOINT_DIAL, false, "127.0.0.1", 4000, -1},
    {"dial:cobas:4000", LISTENER, ENDPOINT_DIAL, false, "cobas", 4000, -1},
    {"dial:[::1]:4000", LISTENER, ENDPOINT_DIAL, false, "::1", 4000, -1},
    {"unix:/run/lis.sock", LISTENER, ENDPOINT_LISTEN, true, "/run/lis.sock", 0, -1},
    {"unix:/run/lis.sock", SENDER, ENDPOINT_DIAL, true, "/run/lis.sock", 0, -1},
    {"unix:a:b", LISTENER, ENDPOINT_LISTEN, true, "a:b", 0, -1},
    {"listen:unix:s", SENDER, ENDPOINT_LISTEN, true, "s", 0, -1},
    {"dial:unix:s", LISTENER, ENDPOINT_DIAL, true, "s", 0, -1},
    {"fd:0", LISTENER, ENDPOINT_FD, false, "", 0, 0},
    {"fd:17", SENDER, ENDPOINT_FD, false, "", 0, 17},
};

static const struct {
    const char *text;
    bool listener;
    const char *why; /* a word of it */
} bad[] = {
    {"", LISTENER, "number"},
    {":", LISTENER, "number"},
    {"localhost", LISTENER, "number"},
    {"localhost:", LISTENER, "number"},
    {"localhost:http", LISTENER, "number"},
    {"65536", LISTENER, "65535"},
    {"-1", LISTENER, "number"},
    {"+4000", LISTENER, "number"},
    {" 4000", LISTENER, "number"},
    {"4000 ", LISTENER, "number"},
    {"0x10", LISTENER, "number"},
    {"99999999999999999999", LISTENER, "number"},
    {"*", LISTENER, "number"},
    {"::1:4000", LISTENER, "brackets"},
    {"[::1:4000", LISTENER, "brackets"},
    {"::1]:4000", LISTENER, "brackets"},
    {"[::1]4000", LISTENER, "number"},
    {"[::1]", LISTENER, "number"},
    {"[]:4000", LISTENER, "brackets"},
    {"[localhost]:4000", LISTENER, "brackets"},
    {HOST_255 "a:1", LISTENER, "too long"},
    {"listen:", LISTENER, "number"},
    {"dial:", LISTENER, "number"},
    {"dial:cobas:0", LISTENER, "port 0"},
    {"cobas:0", SENDER, "port 0"},
    {"0", SENDER, "port 0"},
    {"*:4000", SENDER, "every address"},
    {"dial:*:4000", LISTENER, "every address"},
    {"unix:", LISTENER, "empty"},
    {"dial:unix:", LISTENER, "empty"},
    {"unix:" HOST_255, LISTENER, "too long"},
    {"fd:", LISTENER, "descriptor"},
    {"fd:-1", LISTENER, "descriptor"},
    {"fd:3x", LISTENER, "descriptor"},
    {"fd:99999999", LISTENER, "descriptor"},
};

static void test_parse(void)
{
    struct endpoint e;
    const char *why;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const char *text = good[i].text;
        if (!ok(endpoint_parse(text, good[i].listener, &e, &why), "%.40s is an endpoint", text))
            continue;
        ok(e.kind == good[i].kind && e.is_unix == good[i].is_unix && e.port == good[i].port && e.fd == good[i].fd &&
               e.text == text && strcmp(e.host, good[i].host) == 0,
           "... and is read rightly");
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        why = NULL;
        ok(!endpoint_parse(bad[i].text, bad[i].listener, &e, &why), "'%.40s' is none", bad[i].text);
        ok(why && strstr(why, bad[i].why), "... and it says why: %s", why ? why : "");
    }
}

/* ---- sockets ---- */

static struct address address_of(const char *host, uint16_t port)
{
    struct address address;
    if (!resolve_numeric(host, port, &address))
        abort();
    return address;
}

static const char *bound_text(const char *text, int fd)
{
    static char line[300];
    struct endpoint e;
    const char *why;
    endpoint_parse(text, true, &e, &why);
    endpoint_bound_text(&e, fd, line, sizeof line);
    return line;
}

static bool flag(int fd, int command, int bit)
{
    return fcntl(fd, command) & bit;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in in;
    socklen_t n = sizeof in;
    getsockname(fd, (struct sockaddr *)&in, &n);
    return ntohs(in.sin_port);
}

static void test_listen(void)
{
    struct endpoint e;
    const char *why;
    char wanted[40];
    endpoint_parse("127.0.0.1:0", true, &e, &why);
    struct address address = address_of("127.0.0.1", 0);
    int fd = endpoint_listen(&e, &address);
    ok(fd >= 0 && port_of(fd), "port 0 is any port");
    ok(flag(fd, F_GETFL, O_NONBLOCK) && flag(fd, F_GETFD, FD_CLOEXEC), "it does not block, nor survives exec");
    snprintf(wanted, sizeof wanted, "listen:127.0.0.1:%u", port_of(fd));
    is_str(bound_text("127.0.0.1:0", fd), wanted, "what it is bound to");
    address = address_of("127.0.0.1", port_of(fd));
    int second = endpoint_listen(&e, &address);
    ok(second < 0 && errno == EADDRINUSE, "an address in use");
    close(fd);

    endpoint_parse("*:0", true, &e, &why);
    address = address_of("*", 0);
    fd = endpoint_listen(&e, &address);
    if (fd < 0 && errno == EAFNOSUPPORT) {
        skip("every address", "this machine has no IPv6");
        return;
    }
    address = address_of("127.0.0.1", 0);
    struct sockaddr_in6 six;
    socklen_t n = sizeof six;
    getsockname(fd, (struct sockaddr *)&six, &n);
    address = address_of("127.0.0.1", ntohs(six.sin6_port));
    int client = endpoint_connect(&address);
    ok(client >= 0, "* is one socket for IPv6 and IPv4");
    close(client);
    close(fd);
}

static void test_unix(void)
{
    char dir[] = "/tmp/endpoint-test-XXXXXX", text[64];
    struct endpoint e;
    struct address address;
    const char *why;
    struct stat status;
    if (!mkdtemp(dir))
        abort();
    snprintf(text, sizeof text, "unix:%s/socket", dir);
    endpoint_parse(text, true, &e, &why);
    ok(endpoint_unix_address(&e, &address), "a unix address");

    endpoint_remove_stale(&e);
    int fd = endpoint_listen(&e, &address);
    ok(fd >= 0, "it listens");
    is_str(bound_text(text, fd) + strlen("listen:"), text, "what it is bound to");
    endpoint_remove_stale(&e);
    ok(lstat(e.host, &status) == 0, "a socket on which somebody answers is left alone");
    close(fd);
    endpoint_remove_stale(&e);
    ok(lstat(e.host, &status) != 0, "a stale one is removed");

    fd = open(e.host, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(fd);
    endpoint_remove_stale(&e);
    ok(lstat(e.host, &status) == 0, "a file that is no socket is left alone");
    unlink(e.host);
    rmdir(dir);
}

static void test_full_backlog(void)
{
    char dir[] = "/tmp/endpoint-test-XXXXXX", text[64];
    struct endpoint e;
    struct address address;
    struct stat status;
    const char *why;
    int clients[16];
    if (!mkdtemp(dir))
        abort();
    snprintf(text, sizeof text, "unix:%s/socket", dir);
    endpoint_parse(text, true, &e, &why);
    endpoint_unix_address(&e, &address);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&address.storage, address.len) != 0 || listen(fd, 0) != 0)
        abort();
    for (size_t i = 0; i < 16; i++)
        clients[i] = endpoint_connect(&address);
    endpoint_remove_stale(&e);
    ok(lstat(e.host, &status) == 0, "one whose owner is too busy to accept is not waited for, and left alone");
    for (size_t i = 0; i < 16; i++)
        close(clients[i]);
    close(fd);
    unlink(e.host);
    rmdir(dir);
}

/* A socket that is bound to a port and connects to that port talks to itself. */
static void test_itself(void)
{
    struct address address = address_of("127.0.0.1", 0);
    int fd = socket(AF_INET, SOCK_STREAM, 0), pair[2];
    bind(fd, (struct sockaddr *)&address.storage, address.len);
    address = address_of("127.0.0.1", port_of(fd));
    if (connect(fd, (struct sockaddr *)&address.storage, address.len) != 0)
        skip("a dial that connects to itself is noticed", "the system does not let a socket connect to itself");
    else
        ok(endpoint_is_itself(fd), "a dial that connects to itself is noticed");
    close(fd);

    struct endpoint e;
    const char *why;
    endpoint_parse("0", true, &e, &why);
    address = address_of("127.0.0.1", 0);
    int listener = endpoint_listen(&e, &address);
    address = address_of("127.0.0.1", port_of(listener));
    fd = endpoint_connect(&address);
    poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 5000);
    ok(!endpoint_is_itself(fd), "another is not itself");
    ok(flag(fd, F_GETFL, O_NONBLOCK) && flag(fd, F_GETFD, FD_CLOEXEC), "it does not block, nor survives exec");
    close(fd);
    close(listener);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        abort();
    ok(!endpoint_is_itself(pair[0]), "nor is a pair of unix sockets");
    endpoint_tune(pair[0], true);
    ok(!flag(pair[0], F_GETFL, O_NONBLOCK), "an inherited socket keeps its flags: others may share the description");
    close(pair[0]);
    close(pair[1]);
}

static int option_of(int fd, int option)
{
    int value = -1;
    socklen_t n = sizeof value;
    getsockopt(fd, IPPROTO_TCP, option, &value, &n);
    return value;
}

/* A peer that has gone without a word is found out within 60 s, whether something is on its way to it or not. */
static void test_dead_peer(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 0;
    socklen_t n = sizeof on;
    endpoint_tune(fd, false);
    ok(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &n) == 0 && on, "connections are kept alive");
    ok(option_of(fd, TCP_NODELAY) > 0, "and what is written goes out at once");
#ifdef __linux__
    int seconds = option_of(fd, TCP_KEEPIDLE) + option_of(fd, TCP_KEEPINTVL) * option_of(fd, TCP_KEEPCNT);
    ok(seconds >= 20 && seconds < 60, "a silent peer is asked, and given up after %d s", seconds);
    ok(option_of(fd, TCP_USER_TIMEOUT) < 60000, "one that acknowledges nothing after %d ms",
       option_of(fd, TCP_USER_TIMEOUT));
#endif
    close(fd);
}

static void test_texts(void)
{
    static const struct {
        const char *host;
        uint16_t port;
        const char *text;
    } texts[] = {
        {"10.0.0.5", 49152, "10.0.0.5:49152"},
        {"::1", 1, "[::1]:1"},
        {"::ffff:10.0.0.5", 65535, "10.0.0.5:65535"},
        {"*", 4000, "[::]:4000"},
    };
    char out[64];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct address address = address_of(texts[i].host, texts[i].port);
        address_text(&address, out, sizeof out);
        is_str(out, texts[i].text, "%s as text", texts[i].host);
    }
    struct address address = {.len = sizeof(struct sockaddr_un)};
    address.storage.ss_family = AF_UNIX;
    address_text(&address, out, sizeof out);
    is_str(out, "unix", "a unix peer has no name");
}

/* Waits for the answer. */
static size_t look_up(struct resolve *r, const char *host)
{
    struct pollfd p = {.events = POLLIN};
    if (!resolve_begin(r, host, 4000))
        abort();
    p.fd = r->fd;
    do
        poll(&p, 1, -1);
    while (!resolve_read(r));
    resolve_end(r);
    return r->n;
}

static void test_resolve(void)
{
    struct address address;
    struct resolve r;
    ok(!resolve_numeric("localhost", 1, &address), "a name is not numeric");
    ok(!resolve_numeric("1.2.3", 1, &address), "nor is half an address");
    ok(look_up(&r, "localhost") >= 1, "localhost is known");
    for (size_t i = 0; i < r.n; i++)
        for (size_t j = 0; j < i; j++)
            ok(r.addresses[i].len != r.addresses[j].len ||
                   memcmp(&r.addresses[i].storage, &r.addresses[j].storage, r.addresses[i].len) != 0,
               "no address comes twice");
    is_int(look_up(&r, "no-such-host.invalid"), 0, "an unknown name has none");
    ok(strncmp(resolve_why(&r), "the host is unknown", 19) == 0, "which is said");
    ok(r.fd < 0, "and no child is left");
    ok(resolve_begin(&r, "localhost", 1), "a look-up begins");
    resolve_end(&r);
    ok(r.fd < 0, "and may be ended at any time");
    resolve_end(&r);
}

int main(void)
{
    test_parse();
    test_listen();
    test_unix();
    test_full_backlog();
    test_itself();
    test_dead_peer();
    test_texts();
    test_resolve();
    return done();
}
