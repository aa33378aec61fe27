#include "link/handover.h"

#include "base/digest.h"
#include "base/log.h"
#include "link/endpoint.h"
#include "link/rejects.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SPARE_JOBS = 64,
    STORES = 1 << TARGET_SINK | 1 << TARGET_JOURNAL, /* whose lines say the key */
    OWED_MS = 2000,                                  /* until an owed message that was refused for now is tried again */
};

/* ---- those that are tried again ---- */

static int64_t deadline(struct loop_source *source)
{
    const struct handover *h = (const struct handover *)source;
    int64_t due = INT64_MAX;
    for (const struct job *job = h->again; job; job = job->next)
        if (job->again < due)
            due = job->again;
    return due;
}

static void give(struct handover *h, struct job *job, int64_t now);

/* The targets are asked at the end of the turn. */
static void tick(struct loop_source *source, int64_t now)
{
    struct handover *h = (struct handover *)source;
    for (struct job **at = &h->again; *at;) {
        struct job *job = *at;
        if (job->again > now) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        give(h, job, now);
    }
}

void handover_open(struct handover *h, enum view_format format, uint32_t dedup, uint64_t limit)
{
    *h = (struct handover){.limit = limit};
    h->source = (struct loop_source){.fd = -1, .deadline = deadline, .tick = tick};
    target_stdout_open(&h->out, STDOUT_FILENO, format);
    h->out.base.handover = h;
    h->targets[TARGET_STDOUT] = &h->out.base;
    h->wanted = 1u << TARGET_STDOUT;
    ledger_init(&h->ledger, dedup);
    ident_init(&h->ident);
}

void handover_add(struct handover *h, struct target *target, bool keep_stdout)
{
    if (!keep_stdout && handover_prints(h)) {
        h->wanted &= ~(1u << TARGET_STDOUT);
        target_stdout_leave(&h->out);
    }
    target->handover = h;
    h->targets[target->kind->order] = target;
    h->wanted |= 1u << target->kind->order;
}

bool handover_prints(const struct handover *h)
{
    return h->wanted & 1u << TARGET_STDOUT;
}

/* The lowest of these targets. */
static struct target *lowest(const struct handover *h, unsigned targets)
{
    return h->targets[__builtin_ctz(targets)];
}

/* ---- jobs ---- */

static struct job *create(struct handover *h)
{
    struct job *job = h->spare;
    if (!job)
        return calloc(1, sizeof *job);
    h->spare = job->next;
    h->spares--;
    *job = (struct job){0};
    return job;
}

static void release(struct handover *h, struct job *job)
{
    h->held -= job->copy.cap + job->reply.cap;
    bytes_free(&job->copy);
    bytes_free(&job->reply);
    if (h->spares == SPARE_JOBS) {
        free(job);
        return;
    }
    job->next = h->spare;
    h->spare = job;
    h->spares++;
}

/* Copies a message and its envelope into the job. */
static bool keep(struct handover *h, struct job *job, const struct message *m, const struct envelope *e)
{
    const char *texts[] = {e->id, e->peer, e->received};
    size_t at[3], n = 3;
    bool fine = bytes_append(&job->copy, m->text, m->len) && bytes_append(&job->copy, m->notes, m->notes_len);
    for (size_t i = 0; i < n && fine; i++) {
        at[i] = job->copy.len;
        fine = bytes_append(&job->copy, texts[i], strlen(texts[i]) + 1);
    }
    if (!fine) {
        bytes_free(&job->copy); /* it was not counted */
        return false;
    }
    const char *base = (const char *)job->copy.data;
    job->message = *m;
    job->message.text = job->copy.data;
    job->message.notes = base + m->len;
    job->message.own = NULL; /* it is of the other text */
    job->envelope = (struct envelope){.id = base + at[0],
                                      .link = e->link,
                                      .peer = base + at[1],
                                      .received = base + at[2],
                                      .key = e->key ? job->key : NULL};
    if (e->key)
        memcpy(job->key, e->key, sizeof job->key);
    h->held += job->copy.cap;
    return true;
}

/* Takes out those who wait for the entry's verdict. */
static struct handover_waiter *take_waiters(struct handover *h, uint32_t entry)
{
    struct handover_waiter **at = &h->waiters, *taken = NULL;
    while (*at) {
        struct handover_waiter *waiter = *at;
        if (waiter->entry != entry) {
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        waiter->next = taken;
        taken = waiter;
    }
    return taken;
}

/* The next of all jobs that are on their way; NULL: after the last. */
struct walk {
    unsigned target; /* TARGETS: those that are tried again */
    struct job *job;
};

static bool walk(const struct handover *h, struct walk *w)
{
    if (w->job)
        w->job = w->job->next;
    while (!w->job && w->target <= TARGETS) {
        unsigned at = w->target++;
        if (at == TARGETS)
            w->job = h->again;
        else if (h->targets[at])
            w->job = h->targets[at]->first;
    }
    return w->job;
}

/* ---- the rejects file ---- */

static bool append_to_rejects(const char *file, const struct message *m)
{
    if (!file || !m->len)
        return false;
    bool fine = rejects_append(file, m->text, m->len);
    if (!fine)
        log_line(LOG_ERROR, "--rejects: %s: %s", file, strerror(errno));
    return fine;
}

/* A message that nobody will send again, and that is not to be handed over. Returns how many are lost thereby. */
static unsigned rescue(const struct handover *h, struct link *link, const struct message *m)
{
    if (append_to_rejects(h->rejects, m)) {
        log_line(LOG_ERROR, "a message that nobody will send again went to %s", h->rejects);
        return 0;
    }
    link->counters.dropped++;
    log_line(LOG_ERROR, "A MESSAGE THAT NOBODY WILL SEND AGAIN COULD NOT BE HANDED OVER AND IS LOST (%s)",
             h->rejects ? h->rejects : "there is no --rejects file");
    return 1;
}

void handover_lose(struct handover *h, struct link *link)
{
    h->lost++;
    link->counters.dropped++;
    log_line(LOG_ERROR, "%s: A MESSAGE THAT NOBODY WILL SEND AGAIN COULD NOT BE KEPT AND IS LOST: no memory for it",
             link->config->name);
}

/* A consumer will never take what nobody will send again. Without a rejects file that is the end of it. */
static void reject_owed(struct handover *h, const struct job *job)
{
    unsigned lost = rescue(h, job->party.link, &job->message);
    if (h->rejects)
        h->lost += lost;
}

/* A consumer will never take it: where the sender cannot be told so, it goes to the rejects file. */
static enum verdict reject(const struct handover *h, const struct job *job)
{
    if (job->party.protocol->answers_each || !append_to_rejects(h->rejects, &job->message))
        return VERDICT_NEVER;
    const struct log_event event = {"rejected", job->envelope.link, job->envelope.peer, NULL, {{0}}};
    log_event(LOG_ERROR, &event, "a message that was rejected is acknowledged, and went to %s", h->rejects);
    return VERDICT_ACCEPT;
}

/* ---- verdicts ---- */

static void count(const struct job *job)
{
    struct link_counters *c = &job->party.link->counters;
    c->messages++;
    c->records += job->records;
    c->last_message_us = job->wall_us;
}

/* Whether the message asks for something: what is given back for it depends on what it is. */
static bool is_query(struct handover *h, uint32_t entry)
{
    return entry != LEDGER_NONE && ledger_at(&h->ledger, entry)->query;
}

/* Remembers what is needed to know it again, and what to do then. */
static void remember(struct handover *h, const struct job *job, enum verdict verdict, const struct reply *reply)
{
    unsigned had = h->wanted & ~job->lacks;
    struct bytes kept = {0};
    if (verdict == VERDICT_ACCEPT && (h->ledger.window || job->party.protocol->tells_acknowledged)) {
        if (reply && reply->text && bytes_append(&kept, reply->text, reply->len))
            ledger_keep_reply(&h->ledger, job->entry, &kept);
        ledger_accept(&h->ledger, job->entry);
    } else if (verdict != VERDICT_ACCEPT && had) {
        if (job->reply.len && bytes_append(&kept, job->reply.data, job->reply.len))
            ledger_keep_reply(&h->ledger, job->entry, &kept);
        ledger_refuse(&h->ledger, job->entry, had);
    } else {
        ledger_forget(&h->ledger, job->entry);
    }
}

/* The end of a job, which is in no queue any more. */
static void finish(struct handover *h, struct job *job, enum verdict verdict, const struct reply *reply, int64_t now)
{
    struct handover_party party = job->party;
    struct handover_waiter *waiters = NULL;
    struct reply own = reply ? *reply : (struct reply){0};
    own.query = is_query(h, job->entry);
    h->owed -= party.owed;
    if (verdict == VERDICT_ACCEPT) {
        count(job);
        h->accepted++;
    } else {
        h->offered--;
    }
    if (job->entry != LEDGER_NONE) {
        waiters = take_waiters(h, job->entry);
        remember(h, job, verdict, reply);
    }
    if (party.connection)
        h->verdict(h->context, &party, verdict, &own, now);
    else if (party.owed && h->settled)
        h->settled(h->context, now);
    while (waiters) {
        struct handover_waiter *waiter = waiters;
        waiters = waiter->next;
        h->verdict(h->context, &waiter->party, verdict, &own, now);
        free(waiter);
    }
    release(h, job);
}

/* An owed job's hand-over is tried until it succeeds. */
static void retry(struct handover *h, struct job *job, int64_t now)
{
    job->again = now + OWED_MS;
    job->next = h->again;
    h->again = job;
}

/* A job is refused, which is in no queue any more. */
static void refuse(struct handover *h, struct job *job, enum verdict verdict, const struct reply *reply, int64_t now)
{
    bool ending = h->failed || h->frozen;
    if (job->party.owed && verdict == VERDICT_LATER && !ending) {
        retry(h, job, now);
        return;
    }
    if (verdict == VERDICT_NEVER && job->party.owed)
        reject_owed(h, job);
    else if (verdict == VERDICT_NEVER)
        verdict = reject(h, job);
    else if (job->party.owed)
        h->lost += rescue(h, job->party.link, &job->message);
    const struct reply kept = {.rejected = true};
    finish(h, job, verdict, verdict == VERDICT_ACCEPT ? &kept : reply, now);
}

/* Gives a job to the next of its targets. */
static void give(struct handover *h, struct job *job, int64_t now)
{
    struct target *t = lowest(h, job->lacks);
    target_append(t, job);
    if (t->kind->take)
        t->kind->take(t, job, now);
}

/* What the first consumer gave back is kept until the last has the message. */
static void keep_reply(struct handover *h, struct job *job, const struct reply *reply)
{
    if (!reply || !reply->text || job->reply.len)
        return;
    if (bytes_append(&job->reply, reply->text, reply->len))
        h->held += job->reply.cap;
    else
        log_line(LOG_ERROR, "%s: no memory for what a consumer gave back: not sent", job->party.link->config->name);
}

void handover_served(struct handover *h, struct target *target, struct job *job, enum verdict verdict,
                     const struct reply *reply, int64_t now)
{
    if (verdict != VERDICT_ACCEPT) {
        refuse(h, job, verdict, reply, now);
        return;
    }
    job->lacks &= ~(1u << target->kind->order);
    if (job->lacks) {
        keep_reply(h, job, reply);
        give(h, job, now);
        return;
    }
    struct reply kept = {.text = job->reply.data, .len = job->reply.len};
    finish(h, job, VERDICT_ACCEPT, job->reply.len ? &kept : reply, now);
}

static void refuse_all(struct handover *h, int64_t now)
{
    for (unsigned i = 0; i < TARGETS; i++) {
        struct target *t = h->targets[i];
        while (t && t->first) {
            struct job *job = t->first;
            if (t->kind->forget)
                t->kind->forget(t, job);
            target_remove(t, job);
            refuse(h, job, VERDICT_LATER, NULL, now);
        }
    }
    while (h->again) {
        struct job *job = h->again;
        h->again = job->next;
        refuse(h, job, VERDICT_LATER, NULL, now);
    }
}

void handover_fail(struct handover *h)
{
    h->failed = true;
}

/* ---- offers ---- */

/* Who waits for that entry's verdict on the same connection. NULL when nobody does. */
static struct handover_party *waiting_there(struct handover *h, uint32_t entry, uint64_t connection)
{
    struct walk w = {0, NULL};
    while (walk(h, &w))
        if (w.job->entry == entry && w.job->party.connection == connection)
            return &w.job->party;
    for (struct handover_waiter *waiter = h->waiters; waiter; waiter = waiter->next)
        if (waiter->entry == entry && waiter->party.connection == connection)
            return &waiter->party;
    return NULL;
}

/* A repeat of a message that is being handed over waits for its verdict. */
static enum verdict wait_too(struct handover *h, uint32_t entry, const struct handover_party *party)
{
    struct handover_party *before = waiting_there(h, entry, party->connection);
    if (before) {
        *before = *party;
        return VERDICT_WAIT;
    }
    struct handover_waiter *waiter = malloc(sizeof *waiter);
    if (!waiter)
        return VERDICT_LATER;
    *waiter = (struct handover_waiter){h->waiters, *party, entry};
    h->waiters = waiter;
    return VERDICT_WAIT;
}

static enum verdict offer_again(struct handover *h, uint32_t entry, const struct handover_party *party,
                                struct reply *reply)
{
    struct ledger_entry *e = ledger_at(&h->ledger, entry);
    party->link->counters.repeats++;
    if (h->repeated)
        h->repeated(h->context, party);
    bool here = !e->withheld && (e->connection == party->connection || party->link->config->orders);
    e->withheld = false;
    e->connection = party->connection;
    e->ticket = party->ticket;
    if (!e->accepted)
        return wait_too(h, entry, party);
    *reply = (struct reply){.text = e->reply.data, .len = e->reply.len, .repeated = here};
    return VERDICT_ACCEPT;
}

/* Whether the only target that it lacks can take it as it comes. Where the message itself may still be needed it
 * cannot. */
static bool takes_in_place(struct handover *h, struct job *job, const struct message *m,
                           const struct envelope *envelope)
{
    struct target *t = lowest(h, job->lacks);
    bool only = !(job->lacks & (job->lacks - 1)), needed = job->party.owed || is_query(h, job->entry);
    needed = needed || (h->rejects && t->kind->rejects);
    return only && !needed && t->kind->in_place && t->kind->in_place(t, job, m, envelope);
}

static bool create_job(struct handover *h, const struct handover_party *party, uint32_t entry, unsigned lacks,
                       const struct message *m, const struct envelope *envelope, int64_t now)
{
    struct job *job = create(h);
    if (!job)
        return false;
    job->party = *party;
    job->entry = entry;
    job->lacks = lacks;
    job->records = m->records;
    job->wall_us = h->wall_us;
    if (lacks != h->wanted) { /* what those gave back that have it */
        ledger_take_reply(&h->ledger, entry, &job->reply);
        h->held += job->reply.cap;
    }
    if (!takes_in_place(h, job, m, envelope)) {
        if ((!party->owed && m->len > h->room) || !keep(h, job, m, envelope)) {
            if (job->reply.cap) { /* it is still to come with the verdict on a later try */
                h->held -= job->reply.cap;
                ledger_keep_reply(&h->ledger, entry, &job->reply);
            }
            release(h, job);
            return false;
        }
        give(h, job, now);
    }
    h->offered++;
    h->owed += party->owed;
    return true;
}

/* A query is a repeat only in the session that still waits for its acknowledgement: asked again later, it is asked
 * anew. */
static bool repeats(const struct ledger_entry *e, const struct handover_party *party)
{
    return !e->query || !e->accepted || (e->connection == party->connection && e->ticket >= party->session);
}

static void enter(struct handover *h, uint32_t entry, bool query, const struct handover_party *party)
{
    struct ledger_entry *e = ledger_at(&h->ledger, entry);
    e->connection = party->connection;
    e->ticket = party->ticket;
    e->query = query;
}

/* Offers a message that is no repeat, or one of which some targets have no copy yet. */
static enum verdict offer_anew(struct handover *h, const struct handover_party *party, uint32_t entry, unsigned lacks,
                               const struct message *m, const unsigned char *key, const char *peer, int64_t now)
{
    char id[27], digits[33];
    bool keyed = key && h->wanted & STORES;
    if (keyed)
        digest_hex(key, digits);
    ident_next(&h->ident, h->wall_us, id);
    struct envelope envelope = {.id = id,
                                .link = party->link->config->name,
                                .peer = peer,
                                .received = time_iso_text(&h->received, h->wall_us),
                                .key = keyed ? digits : NULL};
    if (create_job(h, party, entry, lacks, m, &envelope, now))
        return VERDICT_WAIT;
    log_line(LOG_ERROR, "%s: %s: no memory for a message of %zu bytes (--max-buffer)", envelope.link, peer, m->len);
    if (entry != LEDGER_NONE && lacks == h->wanted)
        ledger_forget(&h->ledger, entry);
    else if (entry != LEDGER_NONE)
        ledger_refuse(&h->ledger, entry, h->wanted & ~lacks);
    return VERDICT_LATER;
}

/* Whether all that -c asks for have been offered. */
static bool has_all(const struct handover *h)
{
    return h->limit && h->offered >= h->limit;
}

/* At the end, or with all that -c asks for: whoever is not acknowledged keeps the message. One that has no
 * acknowledgement and comes after the last that is asked for is left out as if it had come after the end. */
static enum verdict turn_down(struct handover *h, const struct handover_party *party, const struct message *m)
{
    if (!party->owed)
        return VERDICT_LATER;
    if (has_all(h) && !m->framed && !h->failed)
        log_line(LOG_ERROR, "a message of %zu bytes without frames came after the last one (--count): left out",
                 m->len);
    else
        h->lost += rescue(h, party->link, m);
    return VERDICT_NEVER;
}

enum verdict handover_offer(struct handover *h, const struct handover_party *party, const struct message *m,
                            const char *peer, struct reply *reply, int64_t now)
{
    unsigned char key[16];
    bool query = false, keyed = !party->owed && party->protocol->key(m, key, &query); /* what is owed is no repeat */
    uint32_t entry = keyed ? ledger_find(&h->ledger, key) : LEDGER_NONE;
    unsigned had = 0;
    bool partial = false; /* it was refused when some targets had it */
    *reply = (struct reply){.query = query};
    if (entry != LEDGER_NONE) {
        struct ledger_entry *e = ledger_at(&h->ledger, entry);
        partial = e->decided && !e->accepted;
        if (!partial && repeats(e, party))
            return offer_again(h, entry, party, reply);
        had = partial ? e->had : 0;
    }
    if (h->failed || h->frozen || has_all(h))
        return turn_down(h, party, m);
    if (partial)
        ledger_reopen(&h->ledger, entry);
    else if (entry != LEDGER_NONE)
        ledger_forget(&h->ledger, entry);
    if (!partial && keyed)
        entry = ledger_add(&h->ledger, key);
    if (keyed && entry == LEDGER_NONE)
        return VERDICT_LATER;
    if (keyed)
        enter(h, entry, query, party);
    return offer_anew(h, party, entry, h->wanted & ~had, m, keyed && !query ? key : NULL, peer, now);
}

void handover_orphan(struct handover *h, uint64_t connection)
{
    struct walk w = {0, NULL};
    while (walk(h, &w))
        if (w.job->party.connection == connection)
            w.job->party.connection = 0;
    for (struct handover_waiter **at = &h->waiters; *at;) {
        struct handover_waiter *waiter = *at;
        if (waiter->party.connection == connection) {
            *at = waiter->next;
            free(waiter);
        } else {
            at = &waiter->next;
        }
    }
}

unsigned handover_orphans(const struct handover *h, const char *link, const char *peer)
{
    unsigned n = 0;
    struct walk w = {0, NULL};
    size_t len = address_host_len(peer);
    while (h->owed && walk(h, &w))
        n += w.job->party.owed && !w.job->party.connection && strcmp(w.job->envelope.link, link) == 0 &&
             address_host_len(w.job->envelope.peer) == len && memcmp(w.job->envelope.peer, peer, len) == 0;
    return n;
}

void handover_wire(struct handover *h, const struct link *link, const struct protocol *protocol,
                   const struct machine_wire *wire, const char *peer)
{
    char received[28];
    struct bytes line = {0};
    if (!handover_prints(h))
        return;
    time_iso_us(clock_wall_us(), received);
    struct envelope envelope = {.link = link->config->name, .peer = peer, .received = received};
    if (protocol->wire_line(&line, wire, &envelope))
        target_stdout_put(&h->out, line.data, line.len);
    bytes_free(&line);
}

bool handover_needs(const struct handover *h, const struct link *link)
{
    struct walk w = {0, NULL};
    while (walk(h, &w))
        if (w.job->party.link == link)
            return true;
    return false;
}

size_t handover_held(const struct handover *h)
{
    return h->held + h->pieces;
}

void handover_withhold(struct handover *h, uint64_t connection, uint64_t ticket)
{
    ledger_withhold(&h->ledger, connection, ticket);
}

void handover_acknowledged(struct handover *h, uint64_t connection, uint64_t first, uint64_t last, bool proven)
{
    ledger_acknowledged(&h->ledger, connection, first, last, proven);
}

/* ---- the turn's end, and the end ---- */

void handover_pump(struct handover *h, int64_t now)
{
    h->pieces = 0;
    for (unsigned i = 0; i < TARGETS; i++) {
        struct target *t = h->targets[i];
        if (!t)
            continue;
        t->kind->pump(t, now);
        h->pieces += t->kind->held ? t->kind->held(t) : 0;
    }
    if (h->failed)
        refuse_all(h, now);
}

void handover_freeze(struct handover *h, int64_t now)
{
    if (h->frozen)
        return;
    h->frozen = true;
    refuse_all(h, now);
    for (unsigned i = 0; i < TARGETS; i++)
        if (h->targets[i] && h->targets[i]->kind->stop)
            h->targets[i]->kind->stop(h->targets[i], now);
}

bool handover_idle(const struct handover *h)
{
    for (unsigned i = 0; i < TARGETS; i++) {
        const struct target *t = h->targets[i];
        if (t && (t->first || (t->kind->idle && !t->kind->idle(t))))
            return false;
    }
    return !h->again;
}

bool handover_over(const struct handover *h)
{
    for (unsigned i = 0; i < TARGETS; i++)
        if (h->targets[i] && h->targets[i]->kind->over && !h->targets[i]->kind->over(h->targets[i]))
            return false;
    return h->frozen;
}

bool handover_complete(const struct handover *h)
{
    return h->limit && h->accepted >= h->limit;
}

unsigned handover_rescue(struct handover *h)
{
    struct walk w = {0, NULL};
    unsigned lost = h->lost;
    h->lost = 0;
    while (walk(h, &w))
        if (w.job->party.owed)
            lost += rescue(h, w.job->party.link, &w.job->message);
    return lost;
}

static void release_all(struct handover *h, struct job **list)
{
    while (*list) {
        struct job *job = *list;
        *list = job->next;
        release(h, job);
    }
}

void handover_close(struct handover *h)
{
    for (unsigned i = 0; i < TARGETS; i++) {
        struct target *t = h->targets[i];
        if (!t)
            continue;
        release_all(h, &t->first);
        t->last = NULL;
        t->kind->close(t);
    }
    release_all(h, &h->again);
    while (h->waiters) {
        struct handover_waiter *waiter = h->waiters;
        h->waiters = waiter->next;
        free(waiter);
    }
    while (h->spare) {
        struct job *job = h->spare;
        h->spare = job->next;
        free(job);
    }
    ledger_free(&h->ledger);
}
