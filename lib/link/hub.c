#include "link/hub.h"

#include "base/clock.h"
#include "base/log.h"
#include "link/child.h"
#include "link/connection.h"
#include "link/metrics.h"
#include "link/notify.h"
#include "link/port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    METRICS_MS = 1000,
    CLOSE_MS = 2500, /* until all connections that are being closed are gone */
    SPARE = 24,      /* descriptors besides those of connections */
    DRAINING = 16,   /* connections that may be closing where only one may be open */
};

struct hub_config hub_defaults(void)
{
    return (struct hub_config){
        .max_connections = 1024,
        .max_buffer = (size_t)256 << 20,
        .grace_ms = 10000,
    };
}

/* The connection of that number. NULL when it is gone. */
static struct connection *connection_of(struct hub *hub, uint64_t number)
{
    size_t slot = number & UINT32_MAX;
    struct connection *c = slot < hub->slots_n ? hub->slots[slot] : NULL;
    return c && c->number == number ? c : NULL;
}

struct connection *hub_any(const struct hub *hub)
{
    for (size_t i = 0; i < hub->slots_n; i++)
        if (hub->slots[i])
            return hub->slots[i];
    return NULL;
}

/* ---- what the hand-over tells ---- */

static void on_verdict(void *context, const struct handover_party *party, enum verdict verdict,
                       const struct reply *reply, int64_t now)
{
    struct connection *c = connection_of(context, party->connection);
    if (c)
        connection_verdict(c, party, verdict, reply, now);
}

static void on_repeated(void *context, const struct handover_party *party)
{
    const struct connection *c = connection_of(context, party->connection);
    const struct log_event event = {"repeat", party->link->config->name, c ? c->peer : NULL, NULL, {{0}}};
    log_event(LOG_EVENT, &event, "a message came again: not handed over twice");
}

static void on_settled(void *context, int64_t now)
{
    struct hub *hub = context;
    for (size_t i = 0; i < hub->slots_n; i++)
        if (hub->slots[i])
            connection_settled(hub->slots[i], now);
}

/* ---- stopping ---- */

void hub_stop(struct hub *hub, int64_t grace_ms, int64_t now)
{
    if (!hub->stopping || now + grace_ms < hub->stop_by)
        hub->stop_by = now + grace_ms;
    if (!hub->stopping)
        notify_service("STOPPING=1");
    hub->stopping = true;
    for (struct port *p = hub->ports; p; p = p->next)
        port_close(p);
    if (hub->hooks.stopping)
        hub->hooks.stopping(hub->hooks.context, now);
}

/* How long what is in flight may take, so that all is closed, the last drain included, when the grace is over. */
static int64_t grace(const struct hub *hub)
{
    int64_t ms = hub->config->grace_ms;
    return ms > CONNECTION_DRAIN_MS ? ms - CONNECTION_DRAIN_MS : 0;
}

/* Hands over no more, closes all connections at once, and saves what is owed, that which has just come of them too.
 * Returns how many messages are lost. */
static unsigned wind_up(struct hub *hub, int64_t now)
{
    handover_freeze(hub->handover, now);
    for (size_t i = 0; i < hub->slots_n; i++)
        if (hub->slots[i])
            connection_drop(hub->slots[i], now);
    return handover_rescue(hub->handover);
}

static void on_signal(void *context, int signal, int64_t now)
{
    struct hub *hub = context;
    if (signal == SIGCHLD)
        return; /* targets look after their children at the end of each turn */
    if (signal == SIGUSR1) {
        metrics_print(hub->links);
        return;
    }
    if (signal == SIGHUP && hub->hooks.reload) {
        notify_service("RELOADING=1");
        hub->hooks.reload(hub->hooks.context, now);
        hub->settled = false;
        return;
    }
    if (hub->signals++) {
        wind_up(hub, now);
        hub->end = HUB_SIGNAL;
        hub->signal = signal;
        hub->loop.stop = true;
        return;
    }
    log_line(LOG_DETAIL, "stopping");
    hub->handover->over_by = now + hub->config->grace_ms;
    hub_stop(hub, grace(hub), now);
}

static void close_connections(struct hub *hub, bool all, int64_t now)
{
    for (size_t i = 0; i < hub->slots_n; i++)
        if (hub->slots[i] && (all || connection_idle(hub->slots[i])))
            connection_close(hub->slots[i], now);
}

/* Whether nothing keeps a hub that is being stopped. Once all is decided, commands that are at work are ended. */
static bool finished(const struct hub *hub, int64_t now)
{
    struct handover *h = hub->handover;
    bool alone = !hub->connections || now >= hub->stop_by + CLOSE_MS;
    if (alone && handover_idle(h))
        handover_freeze(h, now);
    return alone && handover_over(h);
}

static void end(struct hub *hub, int64_t now)
{
    struct handover *h = hub->handover;
    bool stalled = !handover_idle(h), torn = stalled && target_stdout_torn(&h->out);
    unsigned lost = wind_up(hub, now);
    if (h->failed || lost || torn)
        hub->end = HUB_IO;
    if (stalled && !h->failed)
        log_line(LOG_ERROR, "stdout is stalled: what is in flight is not acknowledged%s",
                 torn ? "; the last line is torn" : "");
    hub->loop.stop = true;
}

/* Whether no connection is there, nor will ever be. */
static bool deserted(const struct hub *hub)
{
    for (const struct port *p = hub->ports; p; p = p->next)
        if (p->state != PORT_CLOSED)
            return false;
    return !hub->connections;
}

static bool any_given_up(const struct hub *hub)
{
    for (const struct port *p = hub->ports; p; p = p->next)
        if (p->given_up)
            return true;
    return false;
}

static void check_stop(struct hub *hub, int64_t now)
{
    struct handover *h = hub->handover;
    bool over = handover_complete(h) || h->failed;
    if (!hub->stopping && over) {
        hub_stop(hub, CLOSE_MS, now);
    } else if (!hub->stopping && handover_idle(h) && deserted(hub) && (!hub->hooks.stays || any_given_up(hub))) {
        hub->end = any_given_up(hub) ? HUB_GIVEN_UP : HUB_DONE;
        hub->deserted = true;
        hub_stop(hub, CLOSE_MS, now); /* what is reported then may take that long */
    }
    if (!hub->stopping || hub->loop.stop)
        return;
    if (now >= hub->stop_by)
        handover_freeze(h, now);
    close_connections(hub, over || now >= hub->stop_by, now);
    if (finished(hub, now))
        end(hub, now);
}

/* ---- links that are retired ---- */

static struct link **find_link(struct hub *hub, const struct link *link)
{
    struct link **at = &hub->links;
    while (*at != link)
        at = &(*at)->next;
    return at;
}

static void free_link(struct hub *hub, struct link *link)
{
    const struct link_config *config = link->config;
    for (struct port *p = hub->ports, *next; p; p = next) {
        next = p->next;
        if (p->link == link)
            port_remove(p);
    }
    *find_link(hub, link) = link->next;
    free(link);
    hub->gone--;
    if (hub->hooks.retired)
        hub->hooks.retired(hub->hooks.context, config);
}

/* Closes what has come to rest of links that are retired, and frees those that nobody needs. */
static void clear_gone(struct hub *hub, int64_t now)
{
    if (!hub->gone)
        return;
    for (size_t i = 0; i < hub->slots_n; i++) {
        struct connection *c = hub->slots[i];
        if (c && c->link->gone && (connection_idle(c) || now >= hub->gone_by))
            connection_close(c, now);
    }
    for (struct link *link = hub->links, *next; link; link = next) {
        next = link->next;
        if (link->gone && !link->connections && !handover_needs(hub->handover, link))
            free_link(hub, link);
    }
}

struct link *hub_link(struct hub *hub, const struct link_config *config)
{
    struct link *link = calloc(1, sizeof *link), **at = &hub->links;
    if (!link)
        return NULL;
    link->config = config;
    while (*at)
        at = &(*at)->next;
    *at = link;
    return link;
}

bool hub_is_dead(const struct hub *hub, const struct link *link)
{
    for (const struct port *p = hub->ports; p; p = p->next)
        if (p->link == link && p->state != PORT_CLOSED)
            return false;
    return !link->connections;
}

void hub_retire(struct hub *hub, struct link *link, int64_t now)
{
    if (link->gone)
        return;
    link->gone = true;
    hub->gone++;
    hub->gone_by = now + grace(hub);
    for (struct port *p = hub->ports; p; p = p->next)
        if (p->link == link)
            port_close(p);
}

/* ---- the end of a turn ---- */

static bool write_metrics(struct hub *hub, int64_t now)
{
    char times[64];
    const char *file = hub->config->metrics, *why = metrics_write(hub->links, file, &hub->metrics);
    uint64_t n = why ? log_fault_happens(&hub->metrics_fault, now) : 0;
    if (n)
        log_line(LOG_ERROR, "--metrics: %s: %s%s", file, why, log_fault_times(n, times));
    else if (!why && log_fault_ends(&hub->metrics_fault))
        log_line(LOG_ERROR, "--metrics: %s: it is written again", file);
    return !why;
}

/* The metrics are rewritten within a second of a change, and at most once a second. */
static void keep_metrics(struct hub *hub, int64_t now)
{
    if (!hub->config->metrics)
        return;
    if (now < hub->metrics_at) {
        if (hub->metrics_at == INT64_MAX)
            hub->metrics_at = now > hub->metrics_last + METRICS_MS ? now : hub->metrics_last + METRICS_MS;
        if (now < hub->metrics_at)
            return;
    }
    hub->metrics_at = write_metrics(hub, now) ? INT64_MAX : now + METRICS_MS;
    hub->metrics_last = now;
}

static void keep_watchdog(struct hub *hub, int64_t now)
{
    if (!hub->watchdog_ms || now < hub->watchdog_at)
        return;
    hub->watchdog_at = now + hub->watchdog_ms;
    notify_service("WATCHDOG=1");
}

static void tell_endpoints(const struct hub *hub)
{
    char text[400];
    for (const struct port *p = hub->ports; p; p = p->next)
        if (p->state == PORT_LISTENING) {
            endpoint_bound_text(&p->endpoint, p->source.fd, text, sizeof text);
            log_line(LOG_DETAIL, "%s: listens on %s", p->link->config->name, text);
        }
}

static void write_endpoints(const struct hub *hub, int fd)
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
    if (fd > STDERR_FILENO)
        close(fd);
}

/* Once nothing is still to be bound, at the beginning and whenever the links were read again. */
static void check_ready(struct hub *hub)
{
    if (hub->settled || hub->stopping)
        return;
    for (const struct port *p = hub->ports; p; p = p->next)
        if (port_is_unbound(p))
            return;
    hub->settled = hub->bound = true;
    tell_endpoints(hub);
    if (hub->ready_fd >= 0)
        write_endpoints(hub, hub->ready_fd);
    hub->ready_fd = -1;
    notify_service("READY=1");
}

static void after_turn(void *context, int64_t now)
{
    struct hub *hub = context;
    handover_pump(hub->handover, now);
    clear_gone(hub, now);
    check_ready(hub);
    check_stop(hub, now);
    keep_metrics(hub, now);
    keep_watchdog(hub, now);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When something that is being closed has had its time: patience until `by`, and until all are gone behind that. */
static int64_t closing_due(int64_t by)
{
    int64_t now = clock_ms();
    return now < by ? by : now < by + CLOSE_MS ? by + CLOSE_MS : INT64_MAX;
}

static int64_t before_poll(void *context)
{
    const struct hub *hub = context;
    int64_t due = hub->metrics_at;
    if (hub->watchdog_ms)
        due = earlier(due, hub->watchdog_at);
    if (hub->gone)
        due = earlier(due, closing_due(hub->gone_by));
    if (hub->stopping)
        due = earlier(due, closing_due(hub->stop_by));
    return due;
}

/* ---- beginning and end ---- */

/* Raises the limit on descriptors, and keeps to what it leaves. */
static void fit_descriptors(struct hub *hub)
{
    struct rlimit limit;
    hub->max_connections = hub->config->max_connections;
    hub->max_sockets = 2 * hub->max_connections + DRAINING;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    child_keep_limit(&limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= hub->max_sockets + SPARE)
        return;
    hub->max_sockets = limit.rlim_cur > SPARE ? (size_t)limit.rlim_cur - SPARE : 1;
    if (hub->max_sockets >= hub->max_connections)
        return;
    hub->max_connections = hub->max_sockets;
    log_line(LOG_ERROR, "%zu connections do not fit into the limit of %llu descriptors: at most %zu are taken",
             hub->config->max_connections, (unsigned long long)limit.rlim_cur, hub->max_connections);
}

/* nohup has seen to it that the program outlives its terminal. */
static bool is_ignored(int signal)
{
    struct sigaction action;
    return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

bool hub_open(struct hub *hub, const struct hub_config *config, const struct hub_hooks *hooks,
              struct handover *handover)
{
    memset(hub, 0, offsetof(struct hub, buffer));
    hub->config = config;
    hub->handover = handover;
    hub->ready_fd = -1;
    if (hooks)
        hub->hooks = *hooks;
    hub->seed = (uint64_t)clock_wall_us() ^ (uint64_t)getpid() << 32;
    short_ident_init(&hub->control_ids);
    hub->metrics_at = config->metrics ? 0 : INT64_MAX; /* the file is there from the beginning on */
    hub->watchdog_ms = notify_watchdog_ms();
    hub->loop.context = hub;
    hub->loop.on_signal = on_signal;
    hub->loop.after_turn = after_turn;
    hub->loop.before_poll = before_poll;
    handover->context = hub;
    handover->verdict = on_verdict;
    handover->repeated = on_repeated;
    handover->settled = on_settled;
    handover->loop = &hub->loop;
    loop_add(&hub->loop, &handover->source);
    for (unsigned i = 0; i < TARGETS; i++)
        if (handover->targets[i])
            loop_add(&hub->loop, &handover->targets[i]->source);
    fit_descriptors(hub);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    return loop_catch(SIGTERM) && loop_catch(SIGINT) && loop_catch(SIGUSR1) && loop_catch(SIGCHLD) &&
           (is_ignored(SIGHUP) || loop_catch(SIGHUP));
}

static bool append(struct hub *hub, struct port *p)
{
    struct port **at = &hub->ports;
    while (*at)
        at = &(*at)->next;
    *at = p;
    return p != NULL;
}

/* `*` without IPv6 is every address of IPv4. */
static bool listen_somewhere(struct hub *hub, const struct endpoint *e, struct link *link, struct hub_failure *failure)
{
    struct address address;
    if (e->is_unix) {
        endpoint_remove_stale(e);
        endpoint_unix_address(e, &address);
    } else if (!resolve_numeric(e->host, e->port, &address)) {
        return append(hub, port_listen_by_name(hub, e, link, failure));
    }
    if (append(hub, port_listen(hub, e, &address, link, failure)))
        return true;
    return failure->error == HUB_NO_SUCH_ADDRESS && strcmp(e->host, "*") == 0 &&
           resolve_numeric("0.0.0.0", e->port, &address) && append(hub, port_listen(hub, e, &address, link, failure));
}

bool hub_add(struct hub *hub, const struct endpoint *e, struct link *link, struct hub_failure *failure)
{
    if (e->kind == ENDPOINT_LISTEN)
        return listen_somewhere(hub, e, link, failure);
    if (e->kind == ENDPOINT_DIAL)
        return append(hub, port_dial(hub, e, link, failure));
    if (e->kind == ENDPOINT_SERIAL)
        return append(hub, port_serial(hub, e, link, failure));
    return append(hub, port_inherit(hub, e, link, failure));
}

void hub_announce(struct hub *hub, int fd)
{
    hub->ready_fd = fd;
}

void hub_unbound(struct hub *hub, struct link *link, const struct hub_failure *failure, int64_t now)
{
    for (struct port *p = hub->ports; p; p = p->next)
        if (p->link == link)
            port_close(p);
    if (hub->bound) {
        log_line(LOG_ERROR, "%s: %s", link->config->name, failure->why);
        return;
    }
    hub->failure = *failure;
    hub->end = HUB_UNBOUND;
    hub_stop(hub, 0, now);
}

enum hub_end hub_run(struct hub *hub)
{
    check_ready(hub);
    if (!loop_run(&hub->loop)) {
        log_line(LOG_ERROR, "poll: %s", strerror(errno));
        return HUB_FAILED;
    }
    return hub->end;
}

void hub_close(struct hub *hub)
{
    int64_t now = clock_ms();
    hub->stopping = true;
    wind_up(hub, now);
    for (struct port *p = hub->ports; p; p = p->next)
        port_close(p);
    if (hub->config->metrics)
        write_metrics(hub, now);
    loop_free(&hub->loop);
    spares_free(&hub->spares);
    while (hub->links) {
        struct link *link = hub->links;
        hub->links = link->next;
        free(link);
    }
    bytes_free(&hub->metrics);
    free(hub->slots);
}
