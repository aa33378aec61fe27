#include "link/hub.h"

#include "base/clock.h"
#include "base/log.h"
#include "link/connection.h"
#include "link/port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CLOSE_MS = 2500 };

struct connection *hub_connection(struct hub *hub, uint64_t number)
{
    size_t slot = number & UINT32_MAX;
    struct connection *c = slot < hub->slots_n ? hub->slots[slot] : NULL;
    return c && c->number == number ? c : NULL;
}

static void on_verdict(void *context, const struct handover_party *party, enum verdict verdict, int64_t now)
{
    struct connection *c = hub_connection(context, party->connection);
    if (c)
        connection_verdict(c, party, verdict, now);
}

static void on_repeated(void *context, const struct handover_party *party)
{
    struct connection *c = hub_connection(context, party->connection);
    if (c)
        log_line(LOG_EVENT, "%s: %s: a message came again: not handed over twice", port_name(c->port), c->peer);
}

static void close_all(struct hub *hub, int64_t now)
{
    for (size_t i = 0; i < hub->slots_n; i++)
        if (hub->slots[i])
            connection_close(hub->slots[i], now);
}

void hub_stop(struct hub *hub, int64_t grace_ms, int64_t now)
{
    if (!hub->stopping || now + grace_ms < hub->stop_by)
        hub->stop_by = now + grace_ms;
    hub->stopping = true;
    for (struct port *p = hub->ports; p; p = p->next)
        port_close(p);
    for (size_t i = 0; i < hub->slots_n; i++)
        if (hub->slots[i])
            connection_advance(hub->slots[i], now);
}

static void on_signal(void *context, int signal, int64_t now)
{
    struct hub *hub = context;
    if (hub->signals++) {
        handover_rescue(hub->handover);
        hub->end = HUB_SIGNAL;
        hub->signal = signal;
        hub->loop.stop = true;
        return;
    }
    log_line(LOG_DETAIL, "stopping");
    hub_stop(hub, hub->config->grace_ms, now);
}

/* Whether nothing keeps a hub that is being stopped. */
static bool finished(const struct hub *hub)
{
    return !hub->connections && handover_idle(hub->handover);
}

static void settle(struct hub *hub)
{
    struct handover *h = hub->handover;
    bool stalled = !handover_idle(h);
    unsigned lost = handover_rescue(h);
    if (h->error || lost || (stalled && handover_torn(h)))
        hub->end = HUB_IO;
    if (stalled && !h->error)
        log_line(LOG_ERROR, "stdout is stalled: what is in flight is not acknowledged%s",
                 handover_torn(h) ? "; the last line is torn" : "");
    hub->loop.stop = true;
}

void hub_check_stop(struct hub *hub, int64_t now)
{
    if (!hub->stopping && (handover_complete(hub->handover) || hub->handover->error)) {
        hub_stop(hub, CLOSE_MS, now);
        close_all(hub, now);
    }
    if (!hub->stopping || hub->loop.stop)
        return;
    if (finished(hub) || now >= hub->stop_by + (hub->connections ? CLOSE_MS : 0))
        settle(hub);
    else if (now >= hub->stop_by)
        close_all(hub, now);
}

static void after_turn(void *context, int64_t now)
{
    struct hub *hub = context;
    handover_pump(hub->handover, now);
    hub_check_stop(hub, now);
}

static int64_t before_poll(void *context)
{
    const struct hub *hub = context;
    if (!hub->stopping)
        return INT64_MAX;
    int64_t now = clock_ms();
    return now < hub->stop_by ? hub->stop_by : hub->stop_by + CLOSE_MS;
}

bool hub_open(struct hub *hub, const struct hub_config *config, const struct hub_hooks *hooks, struct handover *handover)
{
    memset(hub, 0, offsetof(struct hub, buffer));
    hub->config = config;
    hub->handover = handover;
    if (hooks)
        hub->hooks = *hooks;
    hub->seed = (uint64_t)clock_wall_us() ^ (uint64_t)getpid() << 32;
    hub->loop.context = hub;
    hub->loop.on_signal = on_signal;
    hub->loop.after_turn = after_turn;
    hub->loop.before_poll = before_poll;
    handover->context = hub;
    handover->verdict = on_verdict;
    handover->repeated = on_repeated;
    loop_add(&hub->loop, &handover->source);
    signal(SIGPIPE, SIG_IGN);
    return loop_catch(SIGTERM) && loop_catch(SIGINT) && loop_catch(SIGHUP);
}

enum hub_error hub_add(struct hub *hub, const struct endpoint *endpoint, const char *name, char *why, size_t why_size)
{
    enum hub_error error;
    struct port *p = port_open(hub, endpoint, name, &error, why, why_size);
    struct port **at = &hub->ports;
    while (*at)
        at = &(*at)->next;
    *at = p;
    return error;
}

void hub_announce(const struct hub *hub, int fd)
{
    char line[400];
    for (const struct port *p = hub->ports; p; p = p->next) {
        if (p->state == PORT_LISTENING)
            endpoint_bound_text(&p->endpoint, p->source.fd, line, sizeof line - 1);
        else
            snprintf(line, sizeof line - 1, "%s", p->endpoint.text);
        strcat(line, "\n");
        if (write(fd, line, strlen(line)) < 0)
            break;
    }
    close(fd);
}

enum hub_end hub_run(struct hub *hub)
{
    if (!loop_run(&hub->loop)) {
        log_line(LOG_ERROR, "poll: %s", strerror(errno));
        return HUB_FAILED;
    }
    return hub->end;
}

void hub_raise_limit(size_t max_connections)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < max_connections + 16)
        log_line(LOG_ERROR, "%zu connections do not fit into the limit of %llu descriptors", max_connections,
                 (unsigned long long)limit.rlim_cur);
}

void hub_close(struct hub *hub)
{
    int64_t now = clock_ms();
    for (size_t i = 0; i < hub->slots_n; i++)
        if (hub->slots[i])
            connection_drop(hub->slots[i], now);
    for (struct port *p = hub->ports; p; p = p->next)
        port_close(p);
    loop_free(&hub->loop);
    free(hub->slots);
}
