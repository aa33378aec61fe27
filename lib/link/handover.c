#include "link/handover.h"

#include "base/log.h"
#include "link/endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    IN_PLACE = 32 << 10, /* bytes: a message up to this is rendered at once, without a copy */
    SPARE_JOBS = 64,
    NO_MEMORY_MS = 100,     /* until rendering is tried again */
    PIECE_KEPT = 512 << 10, /* bytes of storage that is kept for what is rendered next */
    PIECE_FULL = 256 << 10, /* bytes rendered and not written, past which messages wait as copies */
};

static short interest(struct loop_source *source)
{
    const struct handover *h = (const struct handover *)source;
    if (h->error || h->frozen)
        return LOOP_IGNORE;
    return h->piece.len > h->piece_at || (h->unrendered && !h->render_at) ? POLLOUT : 0;
}

static int64_t deadline(struct loop_source *source)
{
    const struct handover *h = (const struct handover *)source;
    return h->render_at && !h->error ? h->render_at : INT64_MAX;
}

static void tick(struct loop_source *source, int64_t now)
{
    struct handover *h = (struct handover *)source;
    h->render_at = 0;
    handover_pump(h, now);
}

static void fail(struct handover *h, int error)
{
    if (h->error)
        return;
    h->error = error ? error : EIO;
    log_line(LOG_ERROR, "cannot write to stdout: %s", strerror(h->error));
}

static void ready(struct loop_source *source, short revents, int64_t now)
{
    struct handover *h = (struct handover *)source;
    if ((revents & (POLLERR | POLLNVAL | POLLHUP)) && h->outlet.kind != OUTLET_FILE)
        fail(h, EPIPE);
    handover_pump(h, now);
}

void handover_open(struct handover *h, enum view_format format, uint32_t dedup, uint64_t limit)
{
    *h = (struct handover){.format = format, .limit = limit};
    outlet_open(&h->outlet, STDOUT_FILENO);
    h->source = (struct loop_source){
        .fd = h->outlet.fd, .interest = interest, .ready = ready, .deadline = deadline, .tick = tick};
    ledger_init(&h->ledger, dedup);
    ident_init(&h->ident);
    if (format == VIEW_TSV && result_tsv_header(&h->piece))
        h->produced = h->piece.len;
}

/* ---- jobs ---- */

static struct handover_job *create(struct handover *h)
{
    struct handover_job *job = h->spare;
    if (!job)
        return calloc(1, sizeof *job);
    h->spare = job->next;
    h->spares--;
    *job = (struct handover_job){0};
    return job;
}

static struct handover_job *append(struct handover *h)
{
    struct handover_job *job = create(h);
    if (!job)
        return NULL;
    job->entry = LEDGER_NONE;
    if (h->last)
        h->last->next = job;
    else
        h->first = job;
    h->last = job;
    return job;
}

static void release(struct handover *h, struct handover_job *job)
{
    h->held -= job->copy.cap;
    bytes_free(&job->copy);
    if (h->spares == SPARE_JOBS) {
        free(job);
        return;
    }
    job->next = h->spare;
    h->spare = job;
    h->spares++;
}

/* Copies a message and its envelope into the job. */
static bool keep(struct handover *h, struct handover_job *job, const struct message *m, const struct envelope *e)
{
    const char *texts[] = {e->id, e->peer, e->received};
    size_t at[3], n = 3;
    if (!bytes_append(&job->copy, m->text, m->len) || !bytes_append(&job->copy, m->notes, m->notes_len))
        return false;
    for (size_t i = 0; i < n; i++) {
        at[i] = job->copy.len;
        if (!bytes_append(&job->copy, texts[i], strlen(texts[i]) + 1))
            return false;
    }
    const char *base = (const char *)job->copy.data;
    job->message = *m;
    job->message.text = job->copy.data;
    job->message.notes = base + m->len;
    job->message.own = NULL; /* it is of the other text */
    job->envelope = (struct envelope){base + at[0], e->link, base + at[1], base + at[2], NULL, 0};
    h->held += job->copy.cap;
    return true;
}

/* Drops the job that was appended last. */
static void drop_last(struct handover *h)
{
    struct handover_job **at = &h->first, *before = NULL;
    while ((*at)->next) {
        before = *at;
        at = &(*at)->next;
    }
    release(h, *at);
    *at = NULL;
    h->last = before;
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

static void count(const struct handover_job *job)
{
    struct link_counters *c = &job->party.link->counters;
    c->messages++;
    c->records += job->records;
    c->last_message_us = job->wall_us;
}

static void finish_job(struct handover *h, enum verdict verdict, int64_t now)
{
    struct handover_job *job = h->first;
    struct handover_party party = job->party;
    struct handover_waiter *waiters = NULL;
    h->first = job->next;
    if (!h->first)
        h->last = NULL;
    h->owed -= party.owed;
    if (verdict == VERDICT_ACCEPT) {
        count(job);
        h->accepted++;
        h->whole = job->end;
    } else {
        h->offered--;
    }
    if (job->entry != LEDGER_NONE) {
        waiters = take_waiters(h, job->entry);
        if (verdict == VERDICT_ACCEPT && (h->ledger.window || party.protocol->tells_acknowledged))
            ledger_accept(&h->ledger, job->entry);
        else
            ledger_forget(&h->ledger, job->entry);
    }
    release(h, job);
    if (party.connection)
        h->verdict(h->context, &party, verdict, now);
    while (waiters) {
        struct handover_waiter *waiter = waiters;
        waiters = waiter->next;
        h->verdict(h->context, &waiter->party, verdict, now);
        free(waiter);
    }
}

/* ---- rendering ---- */

static bool view_begin(struct handover *h, const struct handover_party *party, const struct message *m,
                       const struct envelope *e)
{
    return party->protocol->view_begin(&h->views, party->link->config, m, e);
}

static enum view_progress more(struct handover *h, const struct protocol *protocol)
{
    size_t before = h->piece.len;
    enum view_progress progress = protocol->view_more(&h->views, &h->piece);
    if (progress == VIEW_NO_MEMORY)
        h->piece.len = before;
    h->produced += h->piece.len - before;
    return progress;
}

/* Renders jobs that wait as copies, as far as there is room. */
static void render(struct handover *h, int64_t now)
{
    while (h->unrendered && !h->render_at && h->piece.len - h->piece_at < PIECE_FULL) {
        struct handover_job *job = h->unrendered;
        if (!h->viewing)
            h->viewing = view_begin(h, &job->party, &job->message, &job->envelope);
        enum view_progress progress = h->viewing ? more(h, job->party.protocol) : VIEW_NO_MEMORY;
        if (progress == VIEW_NO_MEMORY)
            h->render_at = now + NO_MEMORY_MS;
        if (progress != VIEW_DONE)
            continue;
        h->viewing = false;
        job->end = h->produced;
        h->unrendered = job->next;
    }
}

/* Renders a short message at once, where nothing waits before it. False: it has to wait as a copy. */
static bool render_in_place(struct handover *h, const struct handover_party *party, const struct message *m,
                            const struct envelope *e)
{
    if (h->unrendered || m->len > IN_PLACE || h->piece.len - h->piece_at >= PIECE_FULL)
        return false;
    size_t before = h->piece.len;
    uint64_t produced = h->produced;
    enum view_progress progress = VIEW_NO_MEMORY;
    if (view_begin(h, party, m, e))
        do
            progress = more(h, party->protocol);
        while (progress == VIEW_GOES_ON);
    if (progress == VIEW_DONE)
        return true;
    h->piece.len = before;
    h->produced = produced;
    return false;
}

/* ---- offers ---- */

/* Who waits for that entry's verdict on the same connection. NULL when nobody does. */
static struct handover_party *waiting_there(struct handover *h, uint32_t entry, uint64_t connection)
{
    for (struct handover_job *job = h->first; job; job = job->next)
        if (job->entry == entry && job->party.connection == connection)
            return &job->party;
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

static enum verdict offer_again(struct handover *h, uint32_t entry, const struct handover_party *party)
{
    struct ledger_entry *e = ledger_at(&h->ledger, entry);
    party->link->counters.repeats++;
    if (h->repeated)
        h->repeated(h->context, party);
    e->connection = party->connection;
    e->ticket = party->ticket;
    return e->accepted ? VERDICT_ACCEPT : wait_too(h, entry, party);
}

static bool create_job(struct handover *h, const struct handover_party *party, uint32_t entry, const struct message *m,
                       const struct envelope *envelope)
{
    struct handover_job *job = append(h);
    if (!job)
        return false;
    job->party = *party;
    job->entry = entry;
    job->records = m->records;
    job->wall_us = h->wall_us;
    if (!party->owed && render_in_place(h, party, m, envelope)) {
        job->end = h->produced;
    } else if ((!party->owed && m->len > h->room) || !keep(h, job, m, envelope)) {
        drop_last(h);
        return false;
    } else if (!h->unrendered) {
        h->unrendered = job;
    }
    h->offered++;
    h->owed += party->owed;
    return true;
}

/* A message that has been acknowledged and cannot be handed over now, nor later by us: it waits for handover_rescue. */
static void strand(struct handover *h, const struct handover_party *party, const struct message *m,
                   const struct envelope *envelope)
{
    struct handover_job *job = calloc(1, sizeof *job);
    h->strandings++;
    if (!job)
        return;
    if (!keep(h, job, m, envelope)) {
        release(h, job);
        return;
    }
    job->party = *party;
    job->next = h->stranded;
    h->stranded = job;
}

/* A query is a repeat only on the connection that still waits for its acknowledgement. */
static bool repeats(const struct ledger_entry *e, const struct handover_party *party)
{
    return !e->query || !e->accepted || e->connection == party->connection;
}

static uint32_t enter(struct handover *h, const unsigned char key[16], bool query, const struct handover_party *party)
{
    uint32_t entry = ledger_add(&h->ledger, key);
    if (entry != LEDGER_NONE) {
        struct ledger_entry *e = ledger_at(&h->ledger, entry);
        e->connection = party->connection;
        e->ticket = party->ticket;
        e->query = query;
    }
    return entry;
}

/* Offers a message that is no repeat. */
static enum verdict offer_anew(struct handover *h, const struct handover_party *party, uint32_t entry,
                               const struct message *m, const char *peer)
{
    char id[27];
    ident_next(&h->ident, h->wall_us, id);
    struct envelope envelope = {
        .id = id, .link = party->link->config->name, .peer = peer, .received = time_iso_text(&h->received, h->wall_us)};
    if (create_job(h, party, entry, m, &envelope))
        return VERDICT_WAIT;
    log_line(LOG_ERROR, "%s: %s: no memory for a message of %zu bytes (--max-buffer)", envelope.link, peer, m->len);
    if (entry != LEDGER_NONE)
        ledger_forget(&h->ledger, entry);
    if (party->owed)
        strand(h, party, m, &envelope);
    return VERDICT_LATER;
}

/* After stdout has failed, or with all that -c asks for: whoever is not acknowledged keeps the message. One that has no
 * acknowledgement and comes after the last that is asked for is left out as if it had come after the end. */
static enum verdict turn_down(struct handover *h, const struct handover_party *party, const struct message *m)
{
    struct envelope nothing = {"", "", "", "", NULL, 0};
    if (party->owed && (h->error || m->framed))
        strand(h, party, m, &nothing);
    else if (party->owed)
        log_line(LOG_ERROR, "a message of %zu bytes without frames came after the last one (--count): left out",
                 m->len);
    return VERDICT_LATER;
}

enum verdict handover_offer(struct handover *h, const struct handover_party *party, const struct message *m,
                            const char *peer)
{
    unsigned char key[16];
    bool query = false, keyed = !party->owed && party->protocol->key(m, key, &query); /* what is owed is no repeat */
    uint32_t entry = keyed ? ledger_find(&h->ledger, key) : LEDGER_NONE;
    if (entry != LEDGER_NONE) {
        if (repeats(ledger_at(&h->ledger, entry), party))
            return offer_again(h, entry, party);
        ledger_forget(&h->ledger, entry);
    }
    if (h->error || h->frozen || (h->limit && h->offered >= h->limit))
        return turn_down(h, party, m);
    entry = keyed ? enter(h, key, query, party) : LEDGER_NONE;
    if (keyed && entry == LEDGER_NONE)
        return VERDICT_LATER;
    return offer_anew(h, party, entry, m, peer);
}

void handover_orphan(struct handover *h, uint64_t connection)
{
    for (struct handover_job *job = h->first; job; job = job->next)
        if (job->party.connection == connection)
            job->party.connection = 0;
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
    size_t len = address_host_len(peer);
    for (const struct handover_job *job = h->owed ? h->first : NULL; job; job = job->next)
        n += job->party.owed && !job->party.connection && strcmp(job->envelope.link, link) == 0 &&
             address_host_len(job->envelope.peer) == len && memcmp(job->envelope.peer, peer, len) == 0;
    return n;
}

void handover_wire(struct handover *h, const struct link *link, const struct protocol *protocol,
                   const struct machine_wire *wire, const char *peer)
{
    char received[28];
    time_iso_us(clock_wall_us(), received);
    struct envelope envelope = {.link = link->config->name, .peer = peer, .received = received};
    size_t before = h->piece.len;
    if (h->error)
        return;
    if (protocol->wire_line(&h->piece, wire, &envelope))
        h->produced += h->piece.len - before;
    else
        h->piece.len = before;
}

bool handover_needs(const struct handover *h, const struct link *link)
{
    for (const struct handover_job *job = h->first; job; job = job->next)
        if (job->party.link == link)
            return true;
    for (const struct handover_job *job = h->stranded; job; job = job->next)
        if (job->party.link == link)
            return true;
    return false;
}

bool handover_full(const struct handover *h)
{
    return h->format == VIEW_FRAME && h->piece.len - h->piece_at >= PIECE_FULL;
}

void handover_acknowledged(struct handover *h, uint64_t connection, uint64_t first, uint64_t last, bool proven)
{
    ledger_acknowledged(&h->ledger, connection, first, last, proven);
}

/* ---- writing ---- */

static void write_piece(struct handover *h)
{
    while (h->piece.len > h->piece_at && !h->error) {
        long n = outlet_write(&h->outlet, h->piece.data + h->piece_at, h->piece.len - h->piece_at);
        if (n < 0)
            fail(h, errno);
        if (n <= 0)
            break;
        h->piece_at += (size_t)n;
        h->written += (uint64_t)n;
        h->last_byte = h->piece.data[h->piece_at - 1];
    }
    if (h->piece_at == h->piece.len) {
        if (h->piece.cap > PIECE_KEPT)
            bytes_free(&h->piece);
        h->piece.len = h->piece_at = 0;
    } else if (h->piece_at >= VIEW_PIECE) {
        bytes_drop(&h->piece, h->piece_at);
        h->piece_at = 0;
    }
}

/* All that waits is later. */
static void refuse_all(struct handover *h, int64_t now)
{
    while (h->first) {
        struct handover_job *job = h->first;
        if (h->unrendered == job)
            h->unrendered = job->next;
        if (job->party.owed)
            strand(h, &job->party, &job->message, &job->envelope);
        finish_job(h, VERDICT_LATER, now);
    }
}

void handover_pump(struct handover *h, int64_t now)
{
    bool moved;
    if (h->frozen)
        return;
    do {
        uint64_t written = h->written, produced = h->produced;
        render(h, now);
        if (h->piece.len > h->piece_at)
            write_piece(h);
        moved = h->written > written || h->produced > produced;
    } while (moved && !h->error && h->unrendered);
    while (h->first && h->first != h->unrendered && h->first->end <= h->written)
        finish_job(h, VERDICT_ACCEPT, now);
    if (h->error)
        refuse_all(h, now);
}

void handover_freeze(struct handover *h, int64_t now)
{
    h->frozen = true;
    refuse_all(h, now);
}

bool handover_idle(const struct handover *h)
{
    return !h->first && (h->error || h->piece.len == h->piece_at);
}

bool handover_complete(const struct handover *h)
{
    return h->limit && h->accepted >= h->limit;
}

bool handover_torn(const struct handover *h)
{
    bool lines = h->format != VIEW_TEXT && h->format != VIEW_RAW;
    return lines ? h->written && h->last_byte != '\n' : h->written > h->whole;
}

/* ---- shutdown ---- */

/* Appends the message whole, or not at all. */
static bool append_to_rejects(const char *file, const struct handover_job *job)
{
    int fd = file && job->copy.len ? open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0)
        return false;
    off_t before = lseek(fd, 0, SEEK_END);
    bool fine = write(fd, job->message.text, job->message.len) == (ssize_t)job->message.len && fdatasync(fd) == 0;
    if (!fine && before >= 0 && ftruncate(fd, before) != 0)
        log_line(LOG_ERROR, "%s: a message is torn in it: %s", file, strerror(errno));
    return close(fd) == 0 && fine;
}

static unsigned rescue(const struct handover *h, const struct handover_job *job)
{
    if (append_to_rejects(h->rejects, job)) {
        log_line(LOG_ERROR, "a message that nobody will send again went to %s", h->rejects);
        return 0;
    }
    log_line(LOG_ERROR, "A MESSAGE THAT NOBODY WILL SEND AGAIN COULD NOT BE HANDED OVER AND IS LOST (%s)",
             h->rejects ? h->rejects : "there is no --rejects file");
    return 1;
}

unsigned handover_rescue(struct handover *h)
{
    unsigned lost = h->strandings;
    for (const struct handover_job *job = h->stranded; job; job = job->next)
        lost -= 1 - rescue(h, job);
    for (const struct handover_job *job = h->first; job; job = job->next)
        if (job->party.owed)
            lost += rescue(h, job);
    return lost;
}

void handover_close(struct handover *h)
{
    while (h->first) {
        struct handover_job *job = h->first;
        h->first = job->next;
        release(h, job);
    }
    h->last = h->unrendered = NULL;
    while (h->waiters) {
        struct handover_waiter *waiter = h->waiters;
        h->waiters = waiter->next;
        free(waiter);
    }
    while (h->stranded) {
        struct handover_job *job = h->stranded;
        h->stranded = job->next;
        release(h, job);
    }
    while (h->spare) {
        struct handover_job *job = h->spare;
        h->spare = job->next;
        free(job);
    }
    views_free(&h->views);
    bytes_free(&h->piece);
    ledger_free(&h->ledger);
    outlet_close(&h->outlet);
}
