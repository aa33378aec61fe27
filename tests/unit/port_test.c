#include "link/port.h"

#include "base/log.h"
#include "link/connection.h"
#include "tap.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Ports under a made-up clock, in a hub that does not run. */
static struct hub hub;
static struct hub_config hub_config;
static struct handover handover;
static struct link_config config;
static int64_t now;

/* ---- the system's part ---- */

/* What accept answers for so many calls, and how often it was called. */
static int accept_error;
static unsigned accept_failures, accept_calls;

int accept(int fd, struct sockaddr *address, socklen_t *n)
{
    accept_calls++;
    if (!accept_failures)
        return accept4(fd, address, n, 0);
    accept_failures--;
    errno = accept_error;
    return -1;
}

/* A name server that does not answer. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    (void)host, (void)service, (void)hints, (void)found;
    sleep(30);
    _exit(1);
}

/* ---- turns ---- */

static struct link *open_hub(void)
{
    now = 1000;
    hub_config = hub_defaults();
    config = link_defaults(&protocol_auto, ASTM_HOST);
    config.name = "test";
    handover_open(&handover, VIEW_MESSAGE, 0, 0);
    if (!hub_open(&hub, &hub_config, NULL, &handover))
        abort();
    return hub_link(&hub, &config);
}

static void close_hub(void)
{
    hub_close(&hub);
    handover_close(&handover);
}

static struct port *open_port(struct link *link, const char *text)
{
    struct endpoint e;
    struct hub_failure failure;
    const char *why;
    if (!endpoint_parse(text, true, &e, &why))
        abort();
    struct port **at = &hub.ports;
    if (!hub_add(&hub, &e, link, &failure))
        abort();
    while ((*at)->next)
        at = &(*at)->next;
    return *at;
}

/* What has come of its descriptor, if anything; of an attempt to connect it always comes. */
static void look(struct port *p)
{
    short interest = p->source.interest(&p->source);
    struct pollfd set = {.fd = p->source.fd, .events = interest};
    if (interest != LOOP_IGNORE && poll(&set, 1, p->state == PORT_CONNECTING ? 10000 : 0) > 0)
        p->source.ready(&p->source, set.revents, now);
}

/* A turn: I/O, then the deadline. */
static void turn(struct port *p)
{
    look(p);
    if (p->source.deadline(&p->source) <= now)
        p->source.tick(&p->source, now);
    while (p->state == PORT_CONNECTING)
        look(p);
}

/* Lets time pass until the port's next deadline. */
static void advance(struct port *p)
{
    now = p->source.deadline(&p->source);
    turn(p);
}

/* A port of this machine where nobody listens: `dial:127.0.0.1:40123`. */
static int reserve(char *text, size_t size)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    socklen_t n = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&in, n) != 0 || getsockname(fd, (struct sockaddr *)&in, &n) != 0)
        abort();
    snprintf(text, size, "dial:127.0.0.1:%u", ntohs(in.sin_port));
    return fd;
}

static int lowest_descriptor(void)
{
    int fd = dup(STDIN_FILENO);
    close(fd);
    return fd;
}

/* ---- dialling ---- */

static void test_many(void)
{
    enum { PORTS = 500, MINUTE = 60000 };
    static struct port *ports[PORTS];
    struct link *link = open_hub();
    char text[64];
    int reserved = reserve(text, sizeof text), before = lowest_descriptor();
    unsigned wrong = 0, same = 0;
    for (size_t i = 0; i < PORTS; i++)
        ports[i] = open_port(link, text);
    for (int64_t end = now + MINUTE; now < end; now += 50)
        for (size_t i = 0; i < PORTS; i++)
            turn(ports[i]);
    for (size_t i = 0; i < PORTS; i++) {
        wrong += ports[i]->failures < 5 || ports[i]->failures > 6 || ports[i]->state != PORT_WAITING;
        for (size_t j = 0; j < i; j++)
            same += ports[i]->due == ports[j]->due;
    }
    is_int(wrong, 0, "500 dials to a port where nobody is: in a minute each tries five or six times");
    ok(same < PORTS, "and they do not go in step (%u pairs do)", same);
    is_int(lowest_descriptor(), before, "no descriptor is left");
    close(reserved);
    close_hub();
}

/* Plays one endpoint for a day. Its waits are 5 s, half as long again each time, 600 s at most, a tenth more or less.
 */
static void play_day(const char *text)
{
    struct link *link = open_hub();
    struct port *p = open_port(link, text);
    int64_t wait = 5000, day = now + 24 * 3600 * 1000, least = INT64_MAX, most = 0;
    unsigned wrong = 0, longest = 0;
    for (turn(p); now < day; advance(p)) {
        int64_t waits = p->due - now;
        wrong += p->state != PORT_WAITING || waits < wait * 9 / 10 - 1 || waits > wait * 11 / 10;
        if (wait == 600000) {
            longest++;
            least = waits < least ? waits : least;
            most = waits > most ? waits : most;
        }
        wait = wait * 3 / 2 < 600000 ? wait * 3 / 2 : 600000;
    }
    is_int(wrong, 0, "%s: a day of waits, each half as long again, a tenth more or less", text);
    ok(longest > 130 && longest < 160 && least < 570000 && most > 630000, "never longer than 600 s and a tenth (%u)",
       longest);
    close_hub();
}

static void test_waits(void)
{
    char text[64];
    int reserved = reserve(text, sizeof text);
    play_day(text);
    play_day("dial:unix:/nowhere/socket");
    play_day("serial:/nowhere/ttyS0");
    close(reserved);
}

static void test_lost(void)
{
    struct link *link = open_hub();
    struct port *p = open_port(link, "dial:unix:/nowhere/socket");
    for (int i = 0; i < 20; i++)
        advance(p);
    p->state = PORT_UP;
    port_lost(p, false, now);
    ok(p->due - now >= 540000, "after a connection over which nothing came the wait is as long as before");
    p->state = PORT_UP;
    port_lost(p, true, now);
    ok(p->due - now >= 4500 && p->due - now <= 5500, "after one that worked it is 5 s again");
    advance(p);
    ok(p->due - now >= 6749 && p->due - now <= 8250, "and grows anew");
    p->state = PORT_UP;
    port_renew(p, now);
    ok(p->state == PORT_WAITING && p->due == now, "after one that was to be made anew there is none");
    is_int(p->failures, 0, "... and it is no retry");
    turn(p);
    ok(p->due - now >= 4500 && p->due - now <= 5500, "where that is in vain the wait is 5 s");
    advance(p);
    config.max_retries = 3;
    for (int i = 0; i < 2; i++)
        advance(p);
    ok(p->state == PORT_CLOSED && p->given_up, "after --max-retries in a row it is given up");
    is_int(p->failures, 4, "... one attempt more than retries");
    ok(p->source.deadline(&p->source) == INT64_MAX, "and never tried again");
    close_hub();
}

/* A dial to a port of this machine where nobody listens may be given that very port for its own end. */
static void test_itself(void)
{
    struct link *link = open_hub();
    char text[64];
    int itself = reserve(text, sizeof text);
    struct sockaddr_storage address;
    socklen_t n = sizeof address;
    struct port *p = open_port(link, text);
    if (getsockname(itself, (struct sockaddr *)&address, &n) != 0)
        abort();
    turn(p);
    if (connect(itself, (struct sockaddr *)&address, n) != 0) {
        skip("a dial that connects to itself is refused", "the system does not let a socket connect to itself");
        close(itself);
    } else {
        p->source.fd = itself;
        p->state = PORT_CONNECTING;
        p->address = 0;
        look(p);
        ok(p->state == PORT_WAITING && !hub.connections, "a dial that connects to itself is refused");
    }
    close_hub();
}

static void test_silent_name_server(void)
{
    struct link *link = open_hub();
    struct port *p = open_port(link, "dial:analyzer.example:4000");
    turn(p);
    int64_t began = now;
    is_int(p->state, PORT_RESOLVING, "a name is asked for, and nobody waits");
    now += 9999;
    turn(p);
    is_int(p->state, PORT_RESOLVING, "the name server has as long as the connection");
    pid_t child = p->resolve->child;
    advance(p);
    is_int(now - began, 10000, "and no longer");
    is_int(p->state, PORT_WAITING, "then it is tried again later");
    ok(kill(child, 0) != 0 && errno == ESRCH, "the process that asked is gone");
    advance(p);
    is_int(p->state, PORT_RESOLVING, "and asked anew");
    close_hub();
}

/* The same for a port that is to listen: until all was bound once that ends the run, and is told after that. */
static void test_silent_name_server_listening(bool bound)
{
    struct link *link = open_hub();
    struct port *p = open_port(link, "listen:analyzer.example:4000"), *other = open_port(link, "listen:127.0.0.1:0");
    hub.bound = bound;
    ok(port_is_unbound(p) && !port_is_unbound(other), "a name to listen on is asked for when the hub runs");
    turn(p);
    int64_t began = now;
    is_int(p->state, PORT_RESOLVING, "... and nobody waits");
    now += 9999;
    turn(p);
    pid_t child = p->resolve->child;
    advance(p);
    is_int(now - began, 10000, "the name server has as long as a dial");
    is_int(p->state, PORT_CLOSED, "then the link is not listened on");
    is_int(other->state, PORT_CLOSED, "... nowhere");
    ok(hub_is_dead(&hub, link), "... to be tried again when the links are read again");
    ok(kill(child, 0) != 0 && errno == ESRCH, "the process that asked is gone");
    is_int(hub.stopping, !bound, "the run ends unless all was bound once");
    is_int(hub.end, bound ? HUB_DONE : HUB_UNBOUND, "... and how");
    if (!bound)
        is_str(hub.failure.why, "listen:analyzer.example:4000: the name server is silent", "... and why");
    close_hub();
}

static void test_stop_while_asking(void)
{
    struct port *p = open_port(open_hub(), "listen:analyzer.example:4000");
    turn(p);
    pid_t child = p->resolve->child;
    hub_stop(&hub, 10000, now);
    is_int(p->state, PORT_CLOSED, "a hub that is stopped waits for no name");
    ok(kill(child, 0) != 0 && errno == ESRCH, "the process that asked is gone");
    is_int(hub.end, HUB_DONE, "and that is no failure");
    close_hub();
}

/* ---- accepting ---- */

static struct port *listen_here(struct link *link, struct address *address)
{
    struct port *p = open_port(link, "listen:127.0.0.1:0");
    address->len = sizeof address->storage;
    if (getsockname(p->source.fd, (struct sockaddr *)&address->storage, &address->len) != 0)
        abort();
    return p;
}

/* A client that waits to be accepted. */
static int visit(const struct address *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address->storage, address->len) != 0)
        abort();
    return fd;
}

/* Accepting fails with that error thirty times. */
static void test_full(int error, const char *name)
{
    enum { TRIES = 30 };
    struct link *link = open_hub();
    struct address address;
    struct port *p = listen_here(link, &address);
    int client = visit(&address);
    int64_t began = now;
    unsigned turns = 0, wrong = 0;
    accept_error = error;
    accept_failures = TRIES;
    accept_calls = 0;
    for (; !hub.connections && turns < 10 * TRIES; turns++) {
        turn(p);
        if (p->state == PORT_FULL) {
            wrong += p->source.interest(&p->source) != LOOP_IGNORE;
            now = p->source.deadline(&p->source);
        }
    }
    is_int(hub.connections, 1, "%s: who waits is accepted in the end", name);
    is_int(wrong, 0, "%s: until then the socket is not looked at", name);
    is_int(now - began, TRIES * 1000, "%s: after a second for each try", name);
    ok(accept_calls <= TRIES + 2, "%s: which is all that it does (%u calls)", name, accept_calls);
    is_int(p->state, PORT_LISTENING, "%s: and goes on", name);
    close(client);
    close_hub();
}

/* A client that is gone again, or a signal: the next one is taken in the same turn. */
static void test_passing(int error, const char *name)
{
    struct link *link = open_hub();
    struct address address;
    struct port *p = listen_here(link, &address);
    int client = visit(&address);
    accept_error = error;
    accept_failures = 3;
    look(p);
    is_int(hub.connections, 1, "%s: the next one is accepted at once", name);
    accept_failures = UINT32_MAX;
    accept_calls = 0;
    int other = visit(&address);
    look(p);
    ok(accept_calls <= 64, "%s: however often, others have their turn (%u calls)", name, accept_calls);
    is_int(p->state, PORT_LISTENING, "%s: and it goes on", name);
    accept_failures = 0;
    look(p);
    is_int(hub.connections, 2, "%s: ... as it does", name);
    close(client);
    close(other);
    close_hub();
}

/* ---- the end ---- */

/* How long a connection is waited for that sent its last byte so long ago (-1: none yet). */
static int64_t drain(int64_t ago, bool answers)
{
    struct link *link = open_hub();
    struct address address;
    struct port *p = listen_here(link, &address);
    int client = visit(&address);
    now = 100000;
    look(p);
    struct connection *c = hub.slots[0];
    if (answers) { /* it is asked for the link, and gives it */
        struct pollfd set = {.fd = c->source.fd, .events = POLLIN};
        if (write(client, "\5", 1) != 1 || poll(&set, 1, 10000) != 1)
            abort();
        c->source.ready(&c->source, POLLIN, now);
    }
    if (ago >= 0)
        c->sent = now - ago;
    connection_close(c, now);
    int64_t waits = c->close_by - now;
    is_int(hub.connections - hub.draining, 0, "it counts no more");
    is_int(link->connections - link->draining, 0, "... nor for its link");
    close(client);
    close_hub();
    return waits;
}

static void test_drain(void)
{
    is_int(drain(-1, false), 0, "a connection on which nothing was sent is closed at once");
    is_int(drain(6000, false), 0, "so is one whose last answer is long there");
    is_int(drain(1000, false), 2000, "one whose last answer may be in flight has 2 s");
    is_int(drain(6000, true), 2000, "and so has one in the middle of something");
}

/* What is told of a connection that ends with that error. */
static const char *told(int error)
{
    static char text[256];
    int ends[2], stderr_was = dup(STDERR_FILENO);
    struct link *link = open_hub();
    struct address address;
    struct port *p = listen_here(link, &address);
    int client = visit(&address);
    look(p);
    struct connection *c = hub.slots[0];
    c->heard = true;
    c->error = error;
    if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0)
        abort();
    log_open("port_test", LOG_EVENT, false);
    connection_drop(c, now);
    log_open("port_test", LOG_ERROR, false);
    dup2(stderr_was, STDERR_FILENO);
    close(stderr_was);
    close(ends[1]);
    ssize_t n = read(ends[0], text, sizeof text - 1);
    text[n > 0 ? n - 1 : 0] = 0;
    close(ends[0]);
    close(client);
    close_hub();
    const char *at = strstr(text, "disconnected");
    return at ? at : text;
}

static void test_told(void)
{
    is_str(told(0), "disconnected", "the end of a connection is told");
    is_str(told(ECONNRESET), "disconnected: Connection reset by peer", "with the error that it ends with");
    is_str(told(ETIMEDOUT), "disconnected: the peer does not answer any more",
           "which for one that is dead is in words that say so");
}

static void test_grace(void)
{
    open_hub();
    hub.loop.on_signal(&hub, SIGTERM, now);
    is_int(hub.stop_by + CONNECTION_DRAIN_MS - now, 10000, "SIGTERM: all is over after 10 s, the last drain included");
    close_hub();
}

int main(void)
{
    log_open("port_test", LOG_ERROR, false);
    test_many();
    test_waits();
    test_lost();
    test_itself();
    test_silent_name_server();
    test_silent_name_server_listening(false);
    test_silent_name_server_listening(true);
    test_stop_while_asking();
    test_full(EMFILE, "EMFILE");
    test_full(ENFILE, "ENFILE");
    test_full(ENOMEM, "ENOMEM");
    test_full(ENOBUFS, "ENOBUFS");
    test_full(EPROTO, "EPROTO");
    test_passing(ECONNABORTED, "ECONNABORTED");
    test_passing(EINTR, "EINTR");
    test_drain();
    test_told();
    test_grace();
    return done();
}
