#include "link/port.h"

#include "base/clock.h"
#include "base/log.h"
#include "link/connection.h"
#include "link/preface.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ACCEPT_AT_ONCE = 64, /* connections a turn */
    FULL_MS = 1000,
};

static struct port *of(const struct loop_source *source)
{
    return (struct port *)(uintptr_t)source;
}

bool port_dials(const struct port *p)
{
    return p->endpoint.kind == ENDPOINT_DIAL || p->endpoint.kind == ENDPOINT_SERIAL;
}

bool port_is_unbound(const struct port *p)
{
    return p->endpoint.kind == ENDPOINT_LISTEN && (p->state == PORT_WAITING || p->state == PORT_RESOLVING);
}

static void close_fd(struct port *p)
{
    if (p->source.fd >= 0)
        close(p->source.fd);
    p->source.fd = -1;
}

/* Ends the attempt that is on. */
static void leave(struct port *p)
{
    if (p->state == PORT_RESOLVING)
        p->source.fd = -1; /* the pipe is the look-up's */
    close_fd(p);
    if (p->resolve)
        resolve_end(p->resolve);
}

/* ---- listening ---- */

static bool bind_to(struct port *p, const struct address *address, struct hub_failure *failure);
static void bind_addresses(struct port *p, int64_t now);

/* It goes on after it had failed. */
static void accepts(struct port *p)
{
    if (log_fault_ends(&p->full))
        log_line(LOG_ERROR, "%s: accepting goes on", p->link->config->name);
}

/* True when accepting may go on in this turn. */
static bool refuse_for_now(struct port *p, int error, int64_t now)
{
    char times[64];
    if (error == EINTR || error == ECONNABORTED)
        return true;
    if (error == EAGAIN || error == EWOULDBLOCK) {
        accepts(p);
        return false;
    }
    uint64_t n = log_fault_happens(&p->full, now);
    if (n)
        log_line(LOG_ERROR, "%s: cannot accept: %s; accepting rests for a second%s", p->link->config->name,
                 strerror(error), log_fault_times(n, times));
    p->state = PORT_FULL;
    p->due = now + FULL_MS;
    return false;
}

/* Where attempts from that host are counted. */
static struct log_fault *stranger(struct link *link, const char *peer, int64_t now)
{
    size_t len = address_host_len(peer), at = 0, spare = LINK_STRANGERS - 1;
    for (; at < LINK_STRANGERS - 1; at++) {
        if (strlen(link->strangers[at].host) == len && memcmp(link->strangers[at].host, peer, len) == 0)
            return &link->strangers[at].fault;
        if (spare == LINK_STRANGERS - 1 && !log_fault_is_recent(&link->strangers[at].fault, now))
            spare = at;
    }
    if (spare < LINK_STRANGERS - 1) {
        memcpy(link->strangers[spare].host, peer, len);
        link->strangers[spare].host[len] = 0;
        link->strangers[spare].fault = (struct log_fault){0};
    }
    return &link->strangers[spare].fault;
}

void port_refuse(struct port *p, int fd, const struct address *address, enum log_level told, const char *reason,
                 const char *why, int64_t now)
{
    char peer[64], times[64];
    address_text(address, peer, sizeof peer);
    uint64_t n = log_fault_happens(stranger(p->link, peer, now), now);
    const struct log_event event = {"refused", p->link->config->name, peer, reason, {{0}}};
    log_event(n ? told : LOG_DETAIL, &event, "refused a connection from %s: %s%s", peer, why,
              log_fault_times(n, times));
    p->link->counters.refused_connections++;
    close(fd);
}

/* Counts the connections of the link that come from the same host; those that are to be replaced are retired, and count
 * no more. */
static size_t same_peer(struct port *p, const char *peer, int64_t now)
{
    size_t n = 0, len = address_host_len(peer);
    for (size_t i = 0; i < p->hub->slots_n; i++) {
        struct connection *c = p->hub->slots[i];
        if (!c || c->link != p->link || c->closing || address_host_len(c->peer) != len ||
            memcmp(c->peer, peer, len) != 0)
            continue;
        n++;
        if (p->link->config->replace)
            connection_replace(c, now);
    }
    return p->link->config->replace ? 0 : n;
}

/* Whether one connection more would be too many; it is refused then. */
static bool is_full(struct port *p, int fd, const struct address *address, int64_t now)
{
    char why[96];
    size_t sockets = p->hub->connections + p->hub->prefaces, n = sockets - p->hub->draining;
    if (n < p->hub->max_connections && sockets < p->hub->max_sockets)
        return false;
    if (n < p->hub->max_connections)
        snprintf(why, sizeof why, "%zu are still being closed (--max-connections)", p->hub->draining);
    else
        snprintf(why, sizeof why, "there are %zu already (--max-connections)", n);
    port_refuse(p, fd, address, LOG_ERROR, "max-connections", why, now);
    return true;
}

void port_admit(struct port *p, int fd, const struct address *address, int64_t now)
{
    char peer[64], why[96];
    const struct link_config *config = p->link->config;
    address_text(address, peer, sizeof peer);
    if (!allow_peer(&config->allow, address)) {
        port_refuse(p, fd, address, LOG_EVENT, "allow", "it is not allowed (--allow)", now);
        return;
    }
    /* first, so that its own old connection does not keep it out */
    size_t n = config->max_per_peer || config->replace ? same_peer(p, peer, now) : 0;
    if (is_full(p, fd, address, now))
        return;
    if (config->max_per_peer && n >= config->max_per_peer) {
        snprintf(why, sizeof why, "there are %zu from there (--max-connections-per-peer)", config->max_per_peer);
        port_refuse(p, fd, address, LOG_ERROR, "max-connections-per-peer", why, now);
    } else {
        connection_open(p->hub, p, fd, peer, now);
    }
}

/* Whether the header that is waited for may make room by itself. */
static bool may_replace(const struct port *p)
{
    return p->link->config->replace && p->hub->connections + p->hub->prefaces < p->hub->max_sockets;
}

/* A balancer's connection: whose it is stands in the header that it begins with. */
static void await_header(struct port *p, int fd, const struct address *address, int64_t now)
{
    const struct allow *from = &p->link->config->proxy_from;
    if (!allow_peer(from->n ? from : &allow_loopback, address))
        port_refuse(p, fd, address, LOG_EVENT, "proxy-from", "it is no balancer that is known here (--proxy-from)",
                    now);
    else if (may_replace(p) || !is_full(p, fd, address, now))
        preface_open(p, fd, address, now);
}

static void accept_some(struct port *p, int64_t now)
{
    for (int i = 0; i < ACCEPT_AT_ONCE && p->state == PORT_LISTENING; i++) {
        struct address peer = {.len = sizeof peer.storage};
        int fd = accept(p->source.fd, (struct sockaddr *)&peer.storage, &peer.len);
        if (fd >= 0)
            accepts(p);
        if (fd >= 0 && p->link->config->proxy_protocol)
            await_header(p, fd, &peer, now);
        else if (fd >= 0)
            port_admit(p, fd, &peer, now);
        else if (!refuse_for_now(p, errno, now))
            return;
    }
}

/* ---- dialling ---- */

static void give_up(struct port *p, const char *why)
{
    const struct log_event event = {
        "given-up", p->link->config->name, NULL, NULL, {{"attempts", (int64_t)p->failures}}};
    log_event(LOG_ERROR, &event, "%s; given up after %llu attempt%s", why, (unsigned long long)p->failures,
              p->failures == 1 ? "" : "s");
    p->state = PORT_CLOSED;
    p->given_up = true;
}

static void schedule(struct port *p, const char *why, int64_t now)
{
    struct hub *hub = p->hub;
    const struct link_config *config = p->link->config;
    leave(p);
    if (p->failures++ >= config->max_retries) {
        give_up(p, why);
        return;
    }
    hub->seed = hub->seed * 6364136223846793005U + 1442695040888963407U;
    double jitter = 0.9 + 0.2 * (double)(hub->seed >> 40) / (double)(1 << 24);
    int64_t wait = (int64_t)((double)p->wait_ms * jitter), attempt = (int64_t)p->failures + 1;
    const struct log_event event = {"retrying", config->name, NULL, NULL, {{"attempt", attempt}, {"wait_ms", wait}}};
    log_event(LOG_EVENT, &event, "%s; retrying in %.1f s (attempt %lld)", why, (double)wait / 1000, (long long)attempt);
    double longer = (double)p->wait_ms * config->retry_factor;
    p->wait_ms = longer < (double)config->retry_max_ms ? (int64_t)longer : config->retry_max_ms;
    p->state = PORT_WAITING;
    p->due = now + wait;
}

/* Tries the addresses from the one that is next; those that are left share the time that is left. */
static void connect_next(struct port *p, const char *why, int64_t now)
{
    for (; p->address < p->resolve->n; p->address++) {
        p->source.fd = endpoint_connect(&p->resolve->addresses[p->address]);
        if (p->source.fd >= 0) {
            p->state = PORT_CONNECTING;
            p->due = now + (p->give_up - now) / (int64_t)(p->resolve->n - p->address);
            return;
        }
        why = strerror(errno);
    }
    schedule(p, why, now);
}

/* Asks for the addresses of its name. False when the system refuses. */
static bool look_up(struct port *p)
{
    if (!resolve_begin(p->resolve, p->endpoint.host, p->endpoint.port))
        return false;
    p->source.fd = p->resolve->fd;
    p->state = PORT_RESOLVING;
    return true;
}

static void dial(struct port *p, int64_t now)
{
    struct resolve *r = p->resolve;
    p->address = 0;
    p->give_up = p->due = now + p->link->config->connect_ms;
    *r = (struct resolve){.fd = -1};
    bool known = p->endpoint.is_unix ? endpoint_unix_address(&p->endpoint, r->addresses)
                                     : resolve_numeric(p->endpoint.host, p->endpoint.port, r->addresses);
    if (known) {
        r->n = 1;
        connect_next(p, "", now);
    } else if (!look_up(p)) {
        schedule(p, strerror(errno), now);
    }
}

static void resolved(struct port *p, int64_t now)
{
    if (!resolve_read(p->resolve))
        return;
    leave(p);
    if (port_is_unbound(p))
        bind_addresses(p, now);
    else
        connect_next(p, resolve_why(p->resolve), now);
}

static void next_address(struct port *p, const char *why, int64_t now)
{
    close_fd(p);
    p->address++;
    connect_next(p, why, now);
}

static void connected(struct port *p, int64_t now)
{
    char peer[64];
    int error = 0, fd = p->source.fd;
    socklen_t n = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
        error = errno;
    if (!error && endpoint_is_itself(fd))
        error = ECONNREFUSED;
    if (error) {
        next_address(p, strerror(error), now);
        return;
    }
    p->source.fd = -1;
    p->state = PORT_UP;
    address_text(&p->resolve->addresses[p->address], peer, sizeof peer);
    if (!connection_open(p->hub, p, fd, peer, now))
        schedule(p, "memory is exhausted", now);
}

static void open_line(struct port *p, int64_t now)
{
    int fd = serial_open(p->endpoint.host, &p->endpoint.serial);
    if (fd < 0) {
        const struct serial *s = &p->endpoint.serial;
        int error = errno;
        char why[64];
        snprintf(why, sizeof why, "the device does not take %lu,%d%c%d", s->speed, s->bits, s->parity, s->stop);
        schedule(p, error == EINVAL ? why : strerror(error), now);
        return;
    }
    p->state = PORT_UP;
    if (!connection_open(p->hub, p, fd, p->endpoint.host, now))
        schedule(p, "memory is exhausted", now);
}

/* A connection had come that was of use. */
static void worked_once(struct port *p)
{
    p->failures = 0;
    p->wait_ms = p->link->config->retry_min_ms;
}

void port_lost(struct port *p, bool worked, int64_t now)
{
    if (p->state != PORT_UP)
        return;
    if (worked)
        worked_once(p);
    if (p->hub->stopping || p->link->gone || !port_dials(p))
        p->state = PORT_CLOSED;
    else
        schedule(p, p->endpoint.kind == ENDPOINT_SERIAL ? "the line is gone" : "the connection is gone", now);
}

bool port_renews(const struct port *p)
{
    return p->endpoint.kind == ENDPOINT_DIAL;
}

void port_renew(struct port *p, int64_t now)
{
    if (p->state != PORT_UP || p->hub->stopping || p->link->gone) {
        port_lost(p, true, now);
        return;
    }
    worked_once(p);
    p->state = PORT_WAITING;
    p->due = now;
}

/* ---- listening on a name ---- */

static void cannot_listen(struct port *p, enum hub_error error, const char *why, int64_t now)
{
    struct hub_failure failure = {.error = error};
    snprintf(failure.why, sizeof failure.why, "%s: %s", p->endpoint.text, why);
    hub_unbound(p->hub, p->link, &failure, now);
}

/* Takes the next step: to ask, or where nobody has answered in time, to give up. */
static void look_up_to_listen(struct port *p, int64_t now)
{
    if (p->state == PORT_RESOLVING) {
        cannot_listen(p, HUB_UNREACHABLE, "the name server is silent", now);
        return;
    }
    p->due = now + p->link->config->connect_ms;
    if (!look_up(p))
        cannot_listen(p, HUB_SYSTEM, strerror(errno), now);
}

/* The first address is its own; for each other one there is a port behind it. */
static void bind_addresses(struct port *p, int64_t now)
{
    struct hub_failure failure;
    struct port *last = NULL;
    if (!p->resolve->n) {
        cannot_listen(p, HUB_UNREACHABLE, resolve_why(p->resolve), now);
        return;
    }
    for (size_t i = 0; i < p->resolve->n; i++) {
        const struct address *address = &p->resolve->addresses[i];
        struct port *other = last ? port_listen(p->hub, &p->endpoint, address, p->link, &failure) : NULL;
        if (other) {
            other->next = last->next;
            last = last->next = other;
        } else if (!last && bind_to(p, address, &failure)) {
            last = p;
        } else if (failure.error != HUB_NO_SUCH_ADDRESS) {
            hub_unbound(p->hub, p->link, &failure, now);
            return;
        }
    }
    if (!last)
        hub_unbound(p->hub, p->link, &failure, now);
}

/* ---- the loop's questions ---- */

static short interest(struct loop_source *source)
{
    switch (of(source)->state) {
    case PORT_LISTENING:
    case PORT_RESOLVING:
        return POLLIN;
    case PORT_CONNECTING:
        return POLLOUT;
    default:
        return LOOP_IGNORE;
    }
}

static void ready(struct loop_source *source, short revents, int64_t now)
{
    struct port *p = of(source);
    (void)revents;
    if (p->state == PORT_LISTENING)
        accept_some(p, now);
    else if (p->state == PORT_RESOLVING)
        resolved(p, now);
    else if (p->state == PORT_CONNECTING)
        connected(p, now);
}

static int64_t deadline(struct loop_source *source)
{
    const struct port *p = of(source);
    switch (p->state) {
    case PORT_FULL:
    case PORT_WAITING:
    case PORT_RESOLVING:
    case PORT_CONNECTING:
        return p->due;
    default:
        return INT64_MAX;
    }
}

static void tick(struct loop_source *source, int64_t now)
{
    struct port *p = of(source);
    if (p->state == PORT_FULL)
        p->state = PORT_LISTENING;
    else if (port_is_unbound(p))
        look_up_to_listen(p, now);
    else if (p->state == PORT_WAITING && p->endpoint.kind == ENDPOINT_SERIAL)
        open_line(p, now);
    else if (p->state == PORT_WAITING)
        dial(p, now);
    else if (p->state == PORT_RESOLVING)
        schedule(p, "the name server is silent", now);
    else
        next_address(p, "no answer in time", now);
}

static void removed(struct loop_source *source)
{
    struct port *p = of(source);
    free(p->resolve);
    free(p);
}

/* ---- opening ---- */

static struct port *create(struct hub *hub, const struct endpoint *e, struct link *link, struct hub_failure *failure)
{
    struct port *p = calloc(1, sizeof *p);
    *failure = (struct hub_failure){HUB_SYSTEM, "memory is exhausted"};
    if (!p)
        return NULL;
    *p = (struct port){.hub = hub, .endpoint = *e, .link = link, .wait_ms = link->config->retry_min_ms};
    p->source = (struct loop_source){
        .fd = -1, .interest = interest, .ready = ready, .deadline = deadline, .tick = tick, .removed = removed};
    return p;
}

/* Into the loop, or away with it. */
static struct port *settle(struct port *p, bool fine)
{
    if (fine) {
        loop_add(&p->hub->loop, &p->source);
        return p;
    }
    removed(&p->source);
    return NULL;
}

static bool fail(const struct port *p, enum hub_error error, const char *doing, struct hub_failure *failure)
{
    failure->error = error;
    snprintf(failure->why, sizeof failure->why, "%s: %s: %s", p->endpoint.text, doing, strerror(errno));
    return false;
}

static enum hub_error kind_of(int error)
{
    switch (error) {
    case EACCES:
    case EPERM:
        return HUB_NOT_PERMITTED;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
        return HUB_SYSTEM;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return HUB_NO_SUCH_ADDRESS;
    default:
        return HUB_UNREACHABLE;
    }
}

/* A unix socket's file is removed at the end, if it still is ours. */
static void remember_file(struct port *p)
{
    struct stat status;
    if (p->endpoint.is_unix && lstat(p->endpoint.host, &status) == 0) {
        p->device = status.st_dev;
        p->inode = status.st_ino;
    }
}

static void remove_file(const struct port *p)
{
    struct stat status;
    if (p->inode && lstat(p->endpoint.host, &status) == 0 && status.st_dev == p->device && status.st_ino == p->inode)
        unlink(p->endpoint.host);
}

static bool bind_to(struct port *p, const struct address *address, struct hub_failure *failure)
{
    p->source.fd = endpoint_listen(&p->endpoint, address);
    if (p->source.fd < 0)
        return fail(p, kind_of(errno), "cannot listen", failure);
    p->state = PORT_LISTENING;
    remember_file(p);
    return true;
}

struct port *port_listen(struct hub *hub, const struct endpoint *e, const struct address *address, struct link *link,
                         struct hub_failure *failure)
{
    struct port *p = create(hub, e, link, failure);
    return p ? settle(p, bind_to(p, address, failure)) : NULL;
}

/* A port that begins with a look-up once the hub runs. */
static struct port *create_asking(struct hub *hub, const struct endpoint *e, struct link *link,
                                  struct hub_failure *failure)
{
    struct port *p = create(hub, e, link, failure);
    if (!p)
        return NULL;
    p->state = PORT_WAITING;
    p->resolve = calloc(1, sizeof *p->resolve);
    if (p->resolve)
        p->resolve->fd = -1;
    return settle(p, p->resolve != NULL);
}

struct port *port_listen_by_name(struct hub *hub, const struct endpoint *e, struct link *link,
                                 struct hub_failure *failure)
{
    return create_asking(hub, e, link, failure);
}

struct port *port_dial(struct hub *hub, const struct endpoint *e, struct link *link, struct hub_failure *failure)
{
    return create_asking(hub, e, link, failure);
}

struct port *port_serial(struct hub *hub, const struct endpoint *e, struct link *link, struct hub_failure *failure)
{
    struct port *p = create(hub, e, link, failure);
    if (!p)
        return NULL;
    p->state = PORT_WAITING;
    return settle(p, true);
}

static bool inherit(struct port *p, struct hub_failure *failure)
{
    int listening = 0, fd = p->endpoint.fd;
    socklen_t n = sizeof listening;
    struct address peer = {.len = sizeof peer.storage};
    char text[64];
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) != 0)
        return fail(p, HUB_USAGE, "no socket", failure);
    if (listening) {
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        p->source.fd = fd;
        p->state = PORT_LISTENING;
        return true;
    }
    if (getpeername(fd, (struct sockaddr *)&peer.storage, &peer.len) != 0)
        return fail(p, HUB_USAGE, "neither listening nor connected", failure);
    if (p->link->config->proxy_protocol) {
        errno = EISCONN;
        return fail(p, HUB_USAGE, "--proxy-protocol is for sockets that listen", failure);
    }
    p->state = PORT_UP;
    address_text(&peer, text, sizeof text);
    return connection_open(p->hub, p, fd, text, clock_ms()) != NULL;
}

struct port *port_inherit(struct hub *hub, const struct endpoint *e, struct link *link, struct hub_failure *failure)
{
    struct port *p = create(hub, e, link, failure);
    return p ? settle(p, inherit(p, failure)) : NULL;
}

void port_close(struct port *p)
{
    if (p->state == PORT_LISTENING || p->state == PORT_FULL)
        remove_file(p);
    preface_close_all(p);
    leave(p);
    p->state = p->state == PORT_UP ? PORT_UP : PORT_CLOSED;
}

void port_remove(struct port *p)
{
    struct port **at = &p->hub->ports;
    while (*at && *at != p)
        at = &(*at)->next;
    if (*at)
        *at = p->next;
    p->state = PORT_WAITING; /* there is nothing that would have to be kept */
    port_close(p);
    loop_remove(&p->hub->loop, &p->source);
}
