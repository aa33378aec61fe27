#include "link/connection.h"

#include "base/clock.h"
#include "base/log.h"
#include "link/port.h"
#include "link/serial.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    IN_MAX = 64 << 10,   /* bytes that are read ahead while an answer is owed */
    OUT_MAX = 128 << 10, /* bytes that the peer does not take, past which nothing more is read from it */
    FLIGHT_MS = 5000,    /* what was sent before that has arrived, or never will */
};

static struct connection *of(const struct loop_source *source)
{
    return (struct connection *)(uintptr_t)source;
}

static const char *name_of(const struct connection *c)
{
    return c->link->config->name;
}

static const struct protocol *protocol_of(const struct connection *c)
{
    return c->machine.protocol;
}

static void account(struct connection *c)
{
    size_t held = protocol_of(c)->held(&c->machine) + c->in.cap;
    c->hub->held += held - c->held;
    c->held = held;
}

/* ---- what the machine tells ---- */

static void tell(const struct connection *c, enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void tell(const struct connection *c, enum log_level level, const char *event, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_event_v(level, &(struct log_event){.event = event, .link = name_of(c), .peer = c->peer}, format, args);
    va_end(args);
}

static void on_notice(void *context, const struct machine_notice *notice)
{
    struct connection *c = context;
    if (notice->protocol == &protocol_astm)
        c->link->counters.astm_notices[notice->number]++;
    else if (notice->protocol == &protocol_hl7)
        c->link->counters.hl7_notices[notice->number]++;
    tell(c, notice->level, notice->name, "%s %s", notice->name, notice->text);
}

static void on_wire(void *context, const struct machine_wire *wire)
{
    struct connection *c = context;
    char text[128];
    if (c->link->config->wire)
        handover_wire(c->hub->handover, c->link, protocol_of(c), wire, c->peer);
    if (!log_wants(LOG_WIRE))
        return;
    protocol_of(c)->wire_text(wire, text, sizeof text);
    tell(c, LOG_WIRE, "wire", "%s", text);
}

static void on_acknowledged(void *context, uint64_t first, uint64_t last, bool proven)
{
    struct connection *c = context;
    handover_acknowledged(c->hub->handover, c->number, first, last, proven);
}

static void on_stamp(void *context, struct hl7_stamp *stamp)
{
    struct connection *c = context;
    int64_t wall = c->hub->loop.wall_us;
    memcpy(stamp->time, time_hl7_text(&c->hub->stamp_time, wall), sizeof stamp->time);
    short_ident_next(&c->hub->control_ids, wall, stamp->id);
}

/* It goes out when the answer has, and nothing else is being sent. */
static void on_follow(void *context, const unsigned char *text, size_t n)
{
    struct connection *c = context;
    if (c->hub->hooks.reply)
        c->hub->hooks.reply(c->hub->hooks.context, c, text, n, clock_ms());
}

static const struct machine_observer observer = {NULL, on_notice, on_acknowledged, on_stamp, on_follow},
                                     wire_observer = {on_wire, on_notice, on_acknowledged, on_stamp, on_follow};

/* ---- messages ---- */

/* How many bytes more may be held. */
static size_t room(const struct connection *c)
{
    const struct handover *h = c->hub->handover;
    size_t held = c->hub->held + handover_held(h), max = c->hub->config->max_buffer;
    return held < max ? max - held : 0;
}

static enum verdict judge(struct connection *c, const struct machine_event *event, struct reply *reply, int64_t now)
{
    struct handover_party party = {c->number, event->ticket, event->owed, c->link, protocol_of(c), event->session};
    const char *why = protocol_of(c)->refusal(c->link->config, &event->message);
    if (why) {
        tell(c, LOG_ERROR, "rejected", "rejected a message: %s", why);
        c->link->counters.dropped += event->owed;
        return VERDICT_NEVER;
    }
    if (c->link->config->deaf) {
        reply->reason = "nothing is received here";
        return VERDICT_LATER;
    }
    c->hub->handover->room = room(c);
    c->hub->handover->wall_us = c->hub->loop.wall_us;
    return handover_offer(c->hub->handover, &party, &event->message, c->peer, reply, now);
}

static void tell_verdict(const struct connection *c, enum verdict verdict)
{
    if (verdict == VERDICT_ACCEPT)
        tell(c, LOG_EVENT, "message", "message handed over");
    else if (verdict == VERDICT_LATER)
        tell(c, LOG_EVENT, "refused", "a message cannot be handed over now");
}

/* The answer to a message that is not owed. Who cannot send it again gains nothing from a refusal that is held back. */
static void answer(struct connection *c, uint64_t ticket, enum verdict verdict, const struct reply *reply, int64_t now)
{
    protocol_of(c)->answer(&c->machine, ticket, verdict, reply, now);
    if ((c->eof || c->hub->handover->failed) && verdict == VERDICT_LATER)
        protocol_of(c)->refuse(&c->machine, now);
}

/* Keeping a message that is owed is what the machine waits for, and whether it is handed over comes later. One that
 * cannot be kept comes again with the frame that is not answered yet, if there is one; else it is lost. */
static void answer_owed(struct connection *c, uint64_t ticket, enum verdict verdict, int64_t now)
{
    const struct protocol *p = protocol_of(c);
    bool kept = verdict != VERDICT_LATER, mute = p->mute(&c->machine), waiting = p->waiting(&c->machine);
    if (verdict == VERDICT_NEVER || verdict == VERDICT_ACCEPT || (!kept && mute)) {
        answer(c, ticket, VERDICT_ACCEPT, NULL, now);
        p->settle(&c->machine, now);
    } else {
        answer(c, ticket, kept ? VERDICT_ACCEPT : VERDICT_LATER, NULL, now);
    }
    if (!kept && (mute || !waiting))
        handover_lose(c->hub->handover, c->link);
}

/* What is given back where an answer says nothing of its own is a message of ours. */
static void give_back(struct connection *c, enum verdict verdict, const struct reply *reply, int64_t now)
{
    const struct hub_hooks *hooks = &c->hub->hooks;
    if (verdict == VERDICT_ACCEPT && reply && reply->text && !reply->repeated && !protocol_of(c)->answers_each &&
        hooks->reply)
        hooks->reply(hooks->context, c, reply->text, reply->len, now);
}

/* Who asked was refused meanwhile, or has given up: it is answered when it asks again. */
static bool is_too_late(struct connection *c, const struct handover_party *party, const struct reply *reply)
{
    bool late =
        reply->query && reply->text && protocol_of(c)->awaits && !protocol_of(c)->awaits(&c->machine, party->ticket);
    if (late) {
        handover_withhold(c->hub->handover, c->number, party->ticket);
        tell(c, LOG_ERROR, "reply", "what was given back comes too late for its query: sent only if that is repeated");
    }
    return late;
}

static void on_message(struct connection *c, const struct machine_event *event, int64_t now)
{
    if (!event->message.complete)
        tell(c, LOG_EVENT, "incomplete", "an incomplete message of %zu bytes", event->message.len);
    struct reply reply = {0};
    enum verdict verdict = judge(c, event, &reply, now);
    if (verdict != VERDICT_ACCEPT) /* at once is only what came again */
        tell_verdict(c, verdict);
    if (reply.query && verdict == VERDICT_WAIT && protocol_of(c)->cancels && protocol_of(c)->cancels(&event->message) &&
        c->hub->hooks.cancelled)
        c->hub->hooks.cancelled(c->hub->hooks.context, c);
    give_back(c, verdict, &reply, now); /* with the acknowledgement it may be forgotten */
    if (event->owed)
        answer_owed(c, event->ticket, verdict, now);
    else
        answer(c, event->ticket, verdict, &reply, now);
}

static void on_delivery(struct connection *c, const struct delivery *delivery, int64_t now)
{
    if (delivery->result == DELIVERY_SENT)
        c->link->counters.delivered++;
    else if (delivery->result != DELIVERY_YIELDED)
        c->link->counters.undelivered++;
    if (c->hub->hooks.done)
        c->hub->hooks.done(c->hub->hooks.context, c, delivery, now);
}

static bool take_event(struct connection *c, int64_t now)
{
    struct machine_event event;
    if (!machine_next(&c->machine, &event))
        return false;
    if (event.kind == MACHINE_MESSAGE)
        on_message(c, &event, now);
    else
        on_delivery(c, &event.delivery, now);
    return true;
}

/* ---- bytes ---- */

/* Tells the machine how much it may hold, over all that is held; and how many messages of this link and peer are owed
 * that came over connections before. */
static void inform(struct connection *c)
{
    unsigned debts = handover_orphans(c->hub->handover, name_of(c), c->peer);
    protocol_of(c)->inform(&c->machine, room(c), (int)debts - (int)c->debts);
    c->debts = debts;
}

/* Without memory for what comes in, or for an answer, the connection is as good as lost. */
static void fail(struct connection *c)
{
    tell(c, LOG_ERROR, "no-memory", "memory is exhausted: the connection is closed");
    c->lost = c->eof = true;
}

static bool takes_bytes(const struct connection *c)
{
    return !c->closing && !c->source.gone && (protocol_of(c)->answers_each || !handover_complete(c->hub->handover));
}

static size_t pending_out(const struct connection *c)
{
    size_t n;
    protocol_of(c)->out(&c->machine, &n);
    return n;
}

/* Has the machine become one of another protocol, once what it has to send has gone: so it loses nothing. */
static bool change(struct connection *c, int64_t now)
{
    if (pending_out(c))
        return false;
    machine_eof(&c->machine, now);
    while (take_event(c, now))
        ;
    machine_change(&c->machine);
    c->debts = 0; /* the new one does not know of them */
    return true;
}

/* How many of these bytes the machine may have now. */
static size_t look(struct connection *c, const unsigned char *p, size_t n, int64_t now)
{
    size_t some = machine_look(&c->machine, p, n, now);
    if (!machine_changes(&c->machine))
        return some;
    return change(c, now) ? machine_look(&c->machine, p, n, now) : 0;
}

/* Feeds the machine from p. What it does not take is kept in c->in, unless it lies there already. */
static void feed(struct connection *c, const unsigned char *p, size_t n, int64_t now)
{
    size_t at = 0;
    bool moved = true;
    while (moved && at < n && takes_bytes(c)) {
        size_t some = look(c, p + at, n - at, now);
        inform(c);
        size_t taken = some ? machine_push(&c->machine, p + at, some, now) : 0;
        at += taken;
        moved = take_event(c, now) || taken || c->machine.signs.rested;
    }
    if (p == c->in.data)
        bytes_drop(&c->in, at);
    else if (at < n && !bytes_append(&c->in, p + at, n - at))
        fail(c);
    if (!c->in.len)
        bytes_free(&c->in);
}

/* The first error says why; what is written after it fails for it is lost. */
static void lose(struct connection *c, int error)
{
    c->lost = true;
    if (!c->error && error != EPIPE)
        c->error = error;
}

/* Whether anything went. */
static bool write_out(struct connection *c, int64_t now)
{
    size_t n;
    bool went = false;
    const unsigned char *p = protocol_of(c)->out(&c->machine, &n);
    while (n) {
        ssize_t sent = c->lost   ? (ssize_t)n
                       : c->line ? write(c->source.fd, p, n)
                                 : send(c->source.fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return went;
        if (sent < 0) {
            if (errno == ENOBUFS || errno == ENOMEM)
                fail(c);
            lose(c, errno);
            continue;
        }
        protocol_of(c)->sent(&c->machine, (size_t)sent, now);
        c->link->counters.bytes_sent += (size_t)sent;
        c->active = now;
        if (!c->closing)
            c->sent = now;
        went = true;
        p = protocol_of(c)->out(&c->machine, &n);
    }
    return went;
}

static void tell_eof(struct connection *c, int64_t now)
{
    c->eof_told = true;
    machine_eof(&c->machine, now);
    while (take_event(c, now))
        ;
}

static void shut(struct connection *c)
{
    c->shut = true;
    if (c->line)
        c->eof = true; /* a line has no end that would have to come */
    else
        shutdown(c->source.fd, SHUT_WR);
}

/* Whether a verdict has to come before the end of the connection means anything. */
static bool needs_verdict(const struct connection *c)
{
    const struct protocol *p = protocol_of(c);
    return p->waiting(&c->machine) && (!c->lost || p->mute(&c->machine));
}

/* Whether bytes wait for an owed message to find its end: they may be a message that nobody sends again. */
static bool is_held_up(const struct connection *c)
{
    return c->in.len && protocol_of(c)->indebted(&c->machine);
}

/* Whether nothing can come of it any more. */
static bool is_over(const struct connection *c)
{
    if (pending_out(c))
        return false;
    return c->closing ? c->eof : c->eof_told && !needs_verdict(c);
}

static void take_in(struct connection *c, int64_t now)
{
    inform(c);
    while (take_event(c, now))
        ;
    if (c->in.len)
        feed(c, c->in.data, c->in.len, now);
    if (c->eof && !c->eof_told && !needs_verdict(c) && !is_held_up(c) && (!c->in.len || c->lost || !pending_out(c)))
        tell_eof(c, now);
}

/* Lets it go on with what it holds. What waited for answers to go may be taken when they have. */
static void advance(struct connection *c, int64_t now)
{
    if (c->source.gone)
        return;
    do {
        if (!c->closing)
            take_in(c, now);
    } while (write_out(c, now) && !c->closing && ((c->in.len && !pending_out(c)) || (c->eof && !c->eof_told)));
    while (!c->closing && take_event(c, now)) /* what went out may have been the end of something */
        ;
    account(c);
    if (c->closing && !c->shut && !pending_out(c))
        shut(c);
    if (is_over(c))
        connection_drop(c, now);
    else if (c->leaving)
        connection_close(c, now);
}

/* ---- the loop's questions ---- */

/* Whether more input would only pile up: an answer is owed and enough is read ahead, the peer does not take what we
 * send, or stdout does not take what we print of it. */
static bool is_stuffed(const struct connection *c)
{
    return protocol_of(c)->mute(&c->machine) || c->in.len >= IN_MAX || pending_out(c) >= OUT_MAX ||
           target_stdout_full(&c->hub->handover->out);
}

static short interest(struct loop_source *source)
{
    struct connection *c = of(source);
    short wants = pending_out(c) ? POLLOUT : 0;
    if (!c->eof && (c->closing || !is_stuffed(c)))
        wants |= POLLIN;
    return wants ? wants : LOOP_IGNORE;
}

static void heard(struct connection *c, int64_t now)
{
    c->active = now;
    if (c->heard)
        return;
    c->heard = true;
    if (!port_dials(c->port))
        tell(c, LOG_EVENT, "connected", "connected");
}

/* While closing, input is only looked at for the byte that ends it. */
static void discard(struct connection *c, const unsigned char *p, size_t n)
{
    int farewell = protocol_of(c)->farewell;
    if (n && farewell >= 0 && memchr(p, farewell, n))
        c->eof = true;
}

static void on_readable(struct connection *c, int64_t now)
{
    size_t room = sizeof c->hub->buffer;
    if (c->in.len)
        room = IN_MAX > c->in.len ? IN_MAX - c->in.len : 1;
    ssize_t n =
        c->line ? read(c->source.fd, c->hub->buffer, room) : recv(c->source.fd, c->hub->buffer, room, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (n <= 0) {
        if (n < 0)
            lose(c, errno);
        c->eof = true;
        return;
    }
    heard(c, now);
    c->link->counters.bytes_received += (size_t)n;
    if (c->closing)
        discard(c, c->hub->buffer, (size_t)n);
    else if (!c->in.len)
        feed(c, c->hub->buffer, (size_t)n, now);
    else if (bytes_append(&c->in, c->hub->buffer, (size_t)n))
        feed(c, c->in.data, c->in.len, now);
    else
        fail(c);
}

static void ready(struct loop_source *source, short revents, int64_t now)
{
    struct connection *c = of(source);
    if (revents & ~POLLOUT)
        on_readable(c, now);
    advance(c, now);
}

static int64_t deadline(struct loop_source *source)
{
    struct connection *c = of(source);
    if (c->closing)
        return c->close_by;
    if (c->leaving)
        return 0;
    int64_t due = machine_deadline(&c->machine), idle = INT64_MAX, idle_ms = c->link->config->idle_ms;
    if (idle_ms && protocol_of(c)->idle(&c->machine))
        idle = c->active + idle_ms;
    return due < idle ? due : idle;
}

static void tick(struct loop_source *source, int64_t now)
{
    struct connection *c = of(source);
    if (c->closing) {
        connection_drop(c, now);
    } else if (c->leaving) {
        connection_close(c, now);
    } else if (now >= machine_deadline(&c->machine)) {
        machine_tick(&c->machine, now);
        advance(c, now);
    } else {
        c->link->counters.idle_timeouts++;
        tell(c, LOG_EVENT, "idle", "idle for too long");
        connection_close(c, now);
    }
}

static void removed(struct loop_source *source)
{
    struct connection *c = of(source);
    protocol_of(c)->free(&c->machine);
    bytes_free(&c->in);
    free(c);
}

/* ---- from outside ---- */

static bool claim_slot(struct hub *hub, struct connection *c)
{
    size_t slot = 0;
    while (slot < hub->slots_n && hub->slots[slot])
        slot++;
    if (slot == hub->slots_n) {
        size_t n = hub->slots_n ? hub->slots_n * 2 : 16;
        struct connection **slots = realloc(hub->slots, n * sizeof(*slots));
        if (!slots)
            return false;
        memset(slots + hub->slots_n, 0, (n - hub->slots_n) * sizeof(*slots));
        hub->slots = slots;
        hub->slots_n = n;
    }
    hub->slots[slot] = c;
    hub->connections++;
    c->number = ++hub->generation << 32 | slot;
    return true;
}

struct connection *connection_open(struct hub *hub, struct port *port, int fd, const char *peer, int64_t now)
{
    size_t peer_n = strlen(peer);
    struct connection *c = calloc(1, sizeof *c + peer_n + 1);
    if (!c || !claim_slot(hub, c)) {
        log_line(LOG_ERROR, "%s: memory is exhausted: a connection is closed", port->link->config->name);
        free(c);
        close(fd);
        return NULL;
    }
    c->source = (struct loop_source){
        .fd = fd, .interest = interest, .ready = ready, .deadline = deadline, .tick = tick, .removed = removed};
    c->hub = hub;
    c->port = port;
    c->link = port->link;
    c->line = port->endpoint.kind == ENDPOINT_SERIAL;
    c->active = now;
    memcpy(c->peer, peer, peer_n + 1);
    bool wire = c->link->config->wire || log_wants(LOG_WIRE);
    struct machine_owner owner = {wire ? &wire_observer : &observer, c, &hub->spares};
    machine_init(&c->machine, c->link->config, &owner, hub->seed++);
    if (!c->line)
        endpoint_tune(fd, port->endpoint.kind == ENDPOINT_FD);
    c->link->connections++;
    c->link->counters.connections++;
    loop_add(&hub->loop, &c->source);
    if (port_dials(port))
        tell(c, LOG_EVENT, "connected", "connected");
    if (hub->hooks.up)
        hub->hooks.up(hub->hooks.context, c, now);
    return c;
}

void connection_verdict(struct connection *c, const struct handover_party *party, enum verdict verdict,
                        const struct reply *reply, int64_t now)
{
    bool late = verdict == VERDICT_ACCEPT && is_too_late(c, party, reply);
    if (!reply || !reply->rejected)
        tell_verdict(c, verdict);
    if (party->owed)
        protocol_of(c)->settle(&c->machine, now);
    else
        answer(c, party->ticket, verdict, reply, now);
    if (!late)
        give_back(c, verdict, reply, now);
    advance(c, now);
}

void connection_settled(struct connection *c, int64_t now)
{
    if (c->debts)
        advance(c, now);
}

bool connection_send(struct connection *c, const unsigned char *text, size_t n, int64_t now)
{
    return !c->leaving && !c->closing && !c->eof && !c->source.gone && protocol_of(c)->send(&c->machine, text, n, now);
}

bool connection_renew(struct connection *c, const unsigned char *text, size_t n)
{
    const struct protocol *p = protocol_of(c);
    if (!port_renews(c->port) || !p->confusable || !p->confusable(&c->machine, text, n))
        return false;
    tell(c, LOG_DETAIL, "renewed", "connecting anew: the next message could be given a late answer to the last one");
    c->renewed = true;
    connection_leave(c);
    return true;
}

bool connection_withdraw(struct connection *c)
{
    return protocol_of(c)->withdraw && protocol_of(c)->withdraw(&c->machine);
}

bool connection_idle(const struct connection *c)
{
    return protocol_of(c)->quiet(&c->machine) && !c->in.len && !pending_out(c);
}

void connection_replace(struct connection *c, int64_t now)
{
    tell(c, LOG_EVENT, "replaced", "a new connection from there takes its place");
    connection_close(c, now);
}

void connection_leave(struct connection *c)
{
    c->leaving = true;
}

void connection_close(struct connection *c, int64_t now)
{
    c->leaving = false;
    if (c->closing || c->source.gone)
        return;
    bool at_rest = connection_idle(c) && protocol_of(c)->idle(&c->machine) && (!c->sent || now - c->sent >= FLIGHT_MS);
    protocol_of(c)->refuse(&c->machine, now);
    c->closing = true;
    c->hub->draining++;
    c->link->draining++;
    c->close_by = at_rest && !pending_out(c) ? now : now + (c->renewed ? CONNECTION_RENEW_MS : CONNECTION_DRAIN_MS);
    discard(c, c->in.data, c->in.len);
    advance(c, now);
}

static void tell_disconnected(const struct connection *c)
{
    const char *why = c->error == ETIMEDOUT ? "the peer does not answer any more" : strerror(c->error);
    tell(c, LOG_EVENT, "disconnected", "disconnected%s%s", c->error ? ": " : "", c->error ? why : "");
}

void connection_drop(struct connection *c, int64_t now)
{
    struct hub *hub = c->hub;
    if (c->source.gone)
        return;
    loop_remove(&hub->loop, &c->source);
    if (c->heard || port_dials(c->port))
        tell_disconnected(c);
    if (!c->eof_told)
        tell_eof(c, now);
    handover_orphan(hub->handover, c->number);
    if (c->line)
        serial_close(c->source.fd);
    else
        close(c->source.fd);
    c->source.fd = -1;
    hub->held -= c->held;
    hub->slots[c->number & UINT32_MAX] = NULL;
    hub->connections--;
    hub->draining -= c->closing;
    c->link->connections--;
    c->link->draining -= c->closing;
    if (hub->hooks.down)
        hub->hooks.down(hub->hooks.context, c, now);
    if (c->renewed)
        port_renew(c->port, now);
    else
        port_lost(c->port, c->heard, now);
}
