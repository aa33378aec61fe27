#include "link/port.h"

#include "base/clock.h"
#include "base/log.h"
#include "link/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ACCEPT_AT_ONCE = 64, /* connections a turn */
    FULL_MS = 1000,
};

static struct port *of(const struct loop_source *source)
{
    return (struct port *)(uintptr_t)source;
}

const char *port_name(const struct port *p)
{
    return p->name;
}

bool port_dials(const struct port *p)
{
    return p->endpoint.kind == ENDPOINT_DIAL;
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
    resolve_end(p->resolve);
}

/* ---- listening ---- */

/* True when accepting may go on in this turn. */
static bool refuse_for_now(struct port *p, int error, int64_t now)
{
    if (error == EINTR || error == ECONNABORTED)
        return true;
    if (error == EAGAIN || error == EWOULDBLOCK)
        return false;
    log_line(LOG_ERROR, "%s: cannot accept: %s; accepting rests for a second", p->name, strerror(error));
    p->state = PORT_FULL;
    p->due = now + FULL_MS;
    return false;
}

static void accept_some(struct port *p, int64_t now)
{
    for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
        struct address peer = {.len = sizeof peer.storage};
        char text[64];
        int fd = accept(p->source.fd, (struct sockaddr *)&peer.storage, &peer.len);
        if (fd < 0) {
            if (!refuse_for_now(p, errno, now))
                return;
        } else if (p->hub->connections >= p->hub->config->max_connections) {
            address_text(&peer, text, sizeof text);
            log_line(LOG_ERROR, "%s: refused a connection from %s: there are %zu already (--max-connections)", p->name,
                     text, p->hub->connections);
            close(fd);
        } else {
            connection_open(p->hub, p, fd, &peer, now);
        }
    }
}

/* ---- dialling ---- */

static void schedule(struct port *p, const char *why, int64_t now)
{
    struct hub *hub = p->hub;
    const struct hub_config *config = hub->config;
    leave(p);
    if (p->failures++ >= config->max_retries) {
        log_line(LOG_ERROR, "%s: %s; given up after %llu attempts", p->name, why, (unsigned long long)p->failures);
        p->state = PORT_CLOSED;
        if (hub->hooks.unreachable)
            hub->hooks.unreachable(hub->hooks.context, now);
        return;
    }
    hub->seed = hub->seed * 6364136223846793005U + 1442695040888963407U;
    double jitter = 0.9 + 0.2 * (double)(hub->seed >> 40) / (double)(1 << 24);
    int64_t wait = (int64_t)((double)p->wait_ms * jitter);
    log_line(LOG_EVENT, "%s: %s; retrying in %.1f s (attempt %llu)", p->name, why, (double)wait / 1000,
             (unsigned long long)p->failures + 1);
    double longer = (double)p->wait_ms * config->retry_factor;
    p->wait_ms = longer < (double)config->retry_max_ms ? (int64_t)longer : config->retry_max_ms;
    p->state = PORT_WAITING;
    p->due = now + wait;
}

static void connect_next(struct port *p, int64_t now)
{
    int error = 0;
    for (; p->address < p->resolve->n; p->address++) {
        p->source.fd = endpoint_connect(&p->resolve->addresses[p->address]);
        if (p->source.fd >= 0) {
            p->state = PORT_CONNECTING;
            return;
        }
        error = errno;
    }
    schedule(p, error ? strerror(error) : "the host is unknown", now);
}

static void dial(struct port *p, int64_t now)
{
    struct resolve *r = p->resolve;
    p->address = 0;
    p->give_up = now + p->hub->config->connect_ms;
    *r = (struct resolve){.fd = -1};
    bool known = p->endpoint.is_unix ? endpoint_unix_address(&p->endpoint, r->addresses)
                                     : resolve_numeric(p->endpoint.host, p->endpoint.port, r->addresses);
    if (known) {
        r->n = 1;
        connect_next(p, now);
    } else if (resolve_begin(r, p->endpoint.host, p->endpoint.port)) {
        p->source.fd = r->fd;
        p->state = PORT_RESOLVING;
    } else {
        schedule(p, strerror(errno), now);
    }
}

static void resolved(struct port *p, int64_t now)
{
    if (!resolve_read(p->resolve))
        return;
    leave(p);
    connect_next(p, now);
}

static void connected(struct port *p, int64_t now)
{
    int error = 0, fd = p->source.fd;
    socklen_t n = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
        error = errno;
    if (!error && endpoint_is_itself(fd))
        error = ECONNREFUSED;
    if (error) {
        close_fd(p);
        p->address++;
        if (p->address < p->resolve->n)
            connect_next(p, now);
        else
            schedule(p, strerror(error), now);
        return;
    }
    p->source.fd = -1;
    p->state = PORT_UP;
    if (!connection_open(p->hub, p, fd, &p->resolve->addresses[p->address], now))
        schedule(p, "memory is exhausted", now);
}

void port_lost(struct port *p, bool worked, int64_t now)
{
    if (p->state != PORT_UP)
        return;
    if (worked) {
        p->failures = 0;
        p->wait_ms = p->hub->config->retry_min_ms;
    }
    if (p->hub->stopping || p->endpoint.kind != ENDPOINT_DIAL)
        p->state = PORT_CLOSED;
    else
        schedule(p, "the connection is gone", now);
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
    if (p->state == PORT_FULL || p->state == PORT_WAITING)
        return p->due;
    return p->state == PORT_RESOLVING || p->state == PORT_CONNECTING ? p->give_up : INT64_MAX;
}

static void tick(struct loop_source *source, int64_t now)
{
    struct port *p = of(source);
    if (p->state == PORT_FULL)
        p->state = PORT_LISTENING;
    else if (p->state == PORT_WAITING)
        dial(p, now);
    else if (p->state == PORT_RESOLVING)
        schedule(p, "the name server is silent", now);
    else
        schedule(p, "no answer in time", now);
}

/* ---- opening ---- */

static enum hub_error system_error(const char *doing, const struct endpoint *e, char *why, size_t size)
{
    int error = errno;
    snprintf(why, size, "%s: %s: %s", e->text, doing, strerror(error));
    if (error == EACCES || error == EPERM)
        return HUB_NOT_PERMITTED;
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS ? HUB_SYSTEM : HUB_UNREACHABLE;
}

static enum hub_error open_listening(struct port *p, char *why, size_t size)
{
    const struct endpoint *e = &p->endpoint;
    if (e->is_unix) {
        endpoint_remove_stale(e);
        endpoint_unix_address(e, p->resolve->addresses);
    } else if (!resolve_now(p->resolve, e->host, e->port)) {
        snprintf(why, size, "%s: the host '%s' is unknown", e->text, e->host);
        return HUB_UNREACHABLE;
    }
    p->source.fd = endpoint_listen(e, p->resolve->addresses);
    if (p->source.fd < 0 && errno == EAFNOSUPPORT && strcmp(e->host, "*") == 0 &&
        resolve_numeric("0.0.0.0", e->port, p->resolve->addresses))
        p->source.fd = endpoint_listen(e, p->resolve->addresses);
    p->state = PORT_LISTENING;
    return p->source.fd < 0 ? system_error("cannot listen", e, why, size) : HUB_FINE;
}

static enum hub_error open_inherited(struct port *p, char *why, size_t size)
{
    int listening = 0, fd = p->endpoint.fd;
    socklen_t n = sizeof listening;
    struct address peer = {.len = sizeof peer.storage};
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) != 0)
        return system_error("no socket", &p->endpoint, why, size), HUB_USAGE;
    if (listening) {
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        p->source.fd = fd;
        p->state = PORT_LISTENING;
        return HUB_FINE;
    }
    if (getpeername(fd, (struct sockaddr *)&peer.storage, &peer.len) != 0)
        return system_error("neither listening nor connected", &p->endpoint, why, size), HUB_USAGE;
    p->state = PORT_UP;
    return connection_open(p->hub, p, fd, &peer, clock_ms()) ? HUB_FINE : HUB_SYSTEM;
}

static void removed(struct loop_source *source)
{
    struct port *p = of(source);
    free(p->resolve);
    free(p);
}

struct port *port_open(struct hub *hub, const struct endpoint *e, const char *name, enum hub_error *error, char *why,
                       size_t size)
{
    struct port *p = calloc(1, sizeof *p);
    struct resolve *r = calloc(1, sizeof *r);
    *error = HUB_SYSTEM;
    snprintf(why, size, "memory is exhausted");
    if (!p || !r) {
        free(p);
        free(r);
        return NULL;
    }
    *p = (struct port){.hub = hub, .endpoint = *e, .name = name, .resolve = r, .wait_ms = hub->config->retry_min_ms};
    r->fd = -1;
    p->source = (struct loop_source){.fd = -1, .interest = interest, .ready = ready, .deadline = deadline, .tick = tick, .removed = removed};
    *error = HUB_FINE;
    p->state = PORT_WAITING;
    if (e->kind == ENDPOINT_LISTEN)
        *error = open_listening(p, why, size);
    else if (e->kind == ENDPOINT_FD)
        *error = open_inherited(p, why, size);
    if (*error != HUB_FINE) {
        removed(&p->source);
        return NULL;
    }
    loop_add(&hub->loop, &p->source);
    return p;
}

void port_close(struct port *p)
{
    if (p->state == PORT_LISTENING && p->endpoint.is_unix)
        unlink(p->endpoint.host);
    leave(p);
    p->state = p->state == PORT_UP ? PORT_UP : PORT_CLOSED;
}
