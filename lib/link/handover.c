#include "link/handover.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    IN_PLACE = 32 << 10,    /* bytes: a message up to this is rendered at once, without a copy */
    PIECE_FULL = 256 << 10, /* bytes rendered and not written, past which messages wait as copies */
};

static short interest(struct loop_source *source)
{
    const struct handover *h = (const struct handover *)source;
    if (h->error)
        return LOOP_IGNORE;
    return h->piece.len > h->piece_at || h->unrendered ? POLLOUT : 0;
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

void handover_open(struct handover *h, const struct astm_view_config *format, uint32_t dedup, uint64_t limit)
{
    *h = (struct handover){.format = *format, .limit = limit};
    outlet_open(&h->outlet, STDOUT_FILENO);
    h->source = (struct loop_source){.fd = h->outlet.fd, .interest = interest, .ready = ready};
    ledger_init(&h->ledger, dedup);
    ident_init(&h->ident);
    if (format->format == VIEW_TSV && result_tsv_header(&h->piece))
        h->produced = h->piece.len;
}

/* ---- jobs ---- */

static struct handover_job *append(struct handover *h)
{
    struct handover_job *job = calloc(1, sizeof *job);
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
    free(job);
}

static bool keep_text(struct bytes *copy, const void *text, size_t n)
{
    return bytes_append(copy, text, n) && bytes_append(copy, "", 1);
}

/* Copies a message and its envelope into the job. */
static bool keep(struct handover *h, struct handover_job *job, const struct astm_message *m, const struct envelope *e)
{
    const char *texts[] = {e->id, e->link, e->peer, e->received};
    size_t at[4], n = 4;
    if (!bytes_reserve(&job->copy, m->len + m->notes_len + 512) || !bytes_append(&job->copy, m->text, m->len) ||
        !bytes_append(&job->copy, m->notes, m->notes_len))
        return false;
    for (size_t i = 0; i < n; i++) {
        at[i] = job->copy.len;
        if (!keep_text(&job->copy, texts[i], strlen(texts[i])))
            return false;
    }
    const char *base = (const char *)job->copy.data;
    job->message = *m;
    job->message.text = job->copy.data;
    job->message.notes = base + m->len;
    job->envelope = (struct envelope){base + at[0], base + at[1], base + at[2], base + at[3], NULL, 0};
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

static void finish_job(struct handover *h, enum verdict verdict, int64_t now)
{
    struct handover_job *job = h->first;
    h->first = job->next;
    if (!h->first)
        h->last = NULL;
    if (verdict == VERDICT_ACCEPT)
        h->accepted++;
    else
        h->offered--;
    struct handover_party party = job->party;
    if (job->entry != LEDGER_NONE) {
        struct ledger_entry *e = ledger_at(&h->ledger, job->entry);
        if (!party.owed) {
            party.connection = e->connection;
            party.ticket = e->ticket;
        }
        if (verdict == VERDICT_ACCEPT)
            ledger_accept(&h->ledger, job->entry);
        else
            ledger_forget(&h->ledger, job->entry);
    }
    bool tell = party.connection != 0;
    release(h, job);
    if (tell)
        h->verdict(h->context, &party, verdict, now);
}

/* ---- rendering ---- */

static enum view_progress more(struct handover *h)
{
    size_t before = h->piece.len;
    enum view_progress progress = astm_view_more(&h->view, &h->piece);
    if (progress == VIEW_NO_MEMORY)
        h->piece.len = before;
    h->produced += h->piece.len - before;
    return progress;
}

/* Renders jobs that wait as copies, as far as there is room. */
static void render(struct handover *h)
{
    while (h->unrendered && h->piece.len - h->piece_at < PIECE_FULL) {
        struct handover_job *job = h->unrendered;
        if (!h->viewing && !astm_view_begin(&h->view, &h->format, &job->message, &job->envelope))
            return;
        h->viewing = true;
        enum view_progress progress = more(h);
        if (progress == VIEW_NO_MEMORY)
            return;
        if (progress == VIEW_GOES_ON)
            continue;
        h->viewing = false;
        job->end = h->produced;
        h->unrendered = job->next;
    }
}

/* Renders a short message at once, where nothing waits before it. False: it has to wait as a copy. */
static bool render_in_place(struct handover *h, const struct astm_message *m, const struct envelope *e)
{
    if (h->unrendered || m->len > IN_PLACE || h->piece.len - h->piece_at >= PIECE_FULL)
        return false;
    size_t before = h->piece.len;
    uint64_t produced = h->produced;
    enum view_progress progress = VIEW_NO_MEMORY;
    if (astm_view_begin(&h->view, &h->format, m, e))
        do
            progress = more(h);
        while (progress == VIEW_GOES_ON);
    if (progress == VIEW_DONE)
        return true;
    h->piece.len = before;
    h->produced = produced;
    return false;
}

/* ---- offers ---- */

static enum verdict offer_again(struct handover *h, struct ledger_entry *e, const struct handover_party *party)
{
    if (h->repeated)
        h->repeated(h->context, party);
    e->connection = party->connection;
    e->ticket = party->ticket;
    return e->accepted ? VERDICT_ACCEPT : VERDICT_WAIT;
}

static bool create_job(struct handover *h, const struct handover_party *party, uint32_t entry,
                       const struct astm_message *m, const char *link, const char *peer)
{
    char id[27], received[28];
    int64_t wall = clock_wall_us();
    ident_next(&h->ident, wall, id);
    time_iso_us(wall, received);
    struct envelope envelope = {.id = id, .link = link, .peer = peer, .received = received};
    struct handover_job *job = append(h);
    if (!job)
        return false;
    job->party = *party;
    job->entry = entry;
    if (!party->owed && render_in_place(h, m, &envelope)) {
        job->end = h->produced;
    } else if (!keep(h, job, m, &envelope)) {
        drop_last(h);
        return false;
    } else if (!h->unrendered) {
        h->unrendered = job;
    }
    h->offered++;
    return true;
}

/* A message that has been acknowledged and cannot be handed over now, nor later by us: it waits for handover_rescue. */
static void strand(struct handover *h, const struct handover_party *party, const struct astm_message *m,
                   const struct envelope *envelope)
{
    struct handover_job *job = calloc(1, sizeof *job);
    h->strandings++;
    if (!job || !keep(h, job, m, envelope)) {
        free(job);
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

enum verdict handover_offer(struct handover *h, const struct handover_party *party, const struct astm_message *m,
                            const char *link, const char *peer)
{
    unsigned char key[16];
    uint32_t entry = LEDGER_NONE;
    if (!party->owed) {
        astm_message_key(m, key);
        entry = ledger_find(&h->ledger, key);
    }
    if (entry != LEDGER_NONE) {
        struct ledger_entry *e = ledger_at(&h->ledger, entry);
        if (repeats(e, party))
            return offer_again(h, e, party);
        ledger_forget(&h->ledger, entry);
    }
    if (h->error || (h->limit && h->offered >= h->limit)) {
        struct envelope nothing = {"", "", "", "", NULL, 0};
        if (party->owed)
            strand(h, party, m, &nothing);
        return VERDICT_LATER;
    }
    entry = party->owed ? LEDGER_NONE : enter(h, key, astm_message_query(m), party);
    if (!party->owed && entry == LEDGER_NONE)
        return VERDICT_LATER;
    if (create_job(h, party, entry, m, link, peer))
        return VERDICT_WAIT;
    if (entry != LEDGER_NONE)
        ledger_forget(&h->ledger, entry);
    return VERDICT_LATER;
}

void handover_wire(struct handover *h, const struct astm_wire *wire, const char *link, const char *peer)
{
    char received[28];
    time_iso_us(clock_wall_us(), received);
    struct envelope envelope = {.link = link, .peer = peer, .received = received};
    size_t before = h->piece.len;
    if (h->error)
        return;
    if (astm_wire_line(&h->piece, wire, &envelope))
        h->produced += h->piece.len - before;
    else
        h->piece.len = before;
}

bool handover_full(const struct handover *h)
{
    return h->format.format == VIEW_FRAME && h->piece.len - h->piece_at >= PIECE_FULL;
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
        bytes_free(&h->piece);
        h->piece_at = 0;
    } else if (h->piece_at >= VIEW_PIECE) {
        bytes_drop(&h->piece, h->piece_at);
        h->piece_at = 0;
    }
}

void handover_pump(struct handover *h, int64_t now)
{
    bool moved;
    do {
        uint64_t written = h->written, produced = h->produced;
        render(h);
        if (h->piece.len > h->piece_at)
            write_piece(h);
        moved = h->written > written || h->produced > produced;
    } while (moved && !h->error && h->unrendered);
    while (h->first && h->first != h->unrendered && h->first->end <= h->written)
        finish_job(h, VERDICT_ACCEPT, now);
    while (h->error && h->first) {
        struct handover_job *job = h->first;
        if (h->unrendered == job)
            h->unrendered = job->next;
        if (job->party.owed)
            strand(h, &job->party, &job->message, &job->envelope);
        finish_job(h, VERDICT_LATER, now);
    }
}

bool handover_idle(const struct handover *h)
{
    return !h->first && h->piece.len == h->piece_at;
}

bool handover_complete(const struct handover *h)
{
    return h->limit && h->accepted >= h->limit;
}

bool handover_torn(const struct handover *h)
{
    bool lines = h->format.format != VIEW_TEXT && h->format.format != VIEW_RAW;
    return lines ? h->written && h->last_byte != '\n' : h->piece_at > 0;
}

/* ---- shutdown ---- */

static bool append_to_rejects(const char *file, const struct handover_job *job)
{
    int fd = file && job->copy.len ? open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0)
        return false;
    ssize_t n = write(fd, job->message.text, job->message.len);
    bool fine = n == (ssize_t)job->message.len && fdatasync(fd) == 0;
    return close(fd) == 0 && fine;
}

static unsigned rescue(struct handover *h, const struct handover_job *job)
{
    bool kept = append_to_rejects(h->rejects, job);
    log_line(LOG_ERROR,
             kept ? "a message that was acknowledged and could not be handed over went to %s"
                  : "A MESSAGE THAT WAS ACKNOWLEDGED COULD NOT BE HANDED OVER AND IS LOST (%s)",
             h->rejects ? h->rejects : "there is no --rejects file");
    return !kept;
}

unsigned handover_rescue(struct handover *h)
{
    unsigned lost = h->strandings;
    for (const struct handover_job *job = h->stranded; job; job = job->next)
        lost -= !rescue(h, job);
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
    while (h->stranded) {
        struct handover_job *job = h->stranded;
        h->stranded = job->next;
        release(h, job);
    }
    astm_view_free(&h->view);
    bytes_free(&h->piece);
    ledger_free(&h->ledger);
    outlet_close(&h->outlet);
}
