#include "link/target_journal.h"

#include "base/clock.h"
#include "base/log.h"
#include "link/handover.h"
#include "link/ledger.h"

enum {
    PATIENCE_MAX_US = 2000, /* a batch never waits longer for more messages */
};

static struct target_journal *of(const struct target *t)
{
    return (struct target_journal *)(uintptr_t)t;
}

/* ---- the loop's questions ---- */

/* While a batch waits for more, the loop goes round without waiting. */
static int64_t deadline(struct loop_source *source)
{
    const struct target_journal *t = of((struct target *)source);
    if (!t->base.first)
        return INT64_MAX;
    return t->base.first == t->stream.unrendered ? t->stream.again : 0; /* `again` is 0 where there is memory */
}

/* ---- batches ---- */

static void serve_first(struct target_journal *t, enum verdict verdict, int64_t now)
{
    struct job *job = t->base.first;
    stream_forget(&t->stream, job);
    target_remove(&t->base, job);
    t->waiting--;
    handover_served(t->base.handover, &t->base, job, verdict, NULL, now);
}

/* Serves the jobs that are rendered whole now. A verdict may bring the next message of its connection, which is none of
 * them. */
static void serve(struct target_journal *t, enum verdict verdict, int64_t now)
{
    for (size_t n = t->stream.rendered; n; n--)
        serve_first(t, verdict, now);
}

/* Refuses what is rendered, also in part. */
static void refuse(struct target_journal *t, const char *why, int64_t now)
{
    bool partial = t->stream.viewing;
    if (!t->failing)
        log_line(LOG_ERROR, "JOURNAL: %s: messages are refused until it can be written again", why);
    t->failing = true;
    journal_drop(&t->journal);
    stream_reset(&t->stream);
    serve(t, VERDICT_LATER, now);
    if (partial)
        serve_first(t, VERDICT_LATER, now);
}

static void tell_mended(const struct journal *j)
{
    if (j->cut)
        log_line(LOG_ERROR, "JOURNAL: %s: its last line was torn: %llu bytes, never acknowledged, were cut off",
                 j->path, (unsigned long long)j->cut);
    if (j->ended)
        log_line(LOG_ERROR, "JOURNAL: %s: its last line had no end: it was given one", j->path);
    if (j->damaged)
        log_line(LOG_ERROR, "JOURNAL: %s: %llu lines in it are damaged", j->path, (unsigned long long)j->damaged);
    if (j->unread)
        log_line(LOG_ERROR, "JOURNAL: %s: of the messages before its last %d MB no repeat is known (--dedup)", j->path,
                 JOURNAL_TAIL >> 20);
}

static bool window(const struct ledger *ledger, struct bytes *keys)
{
    for (uint32_t i = ledger->oldest; i != LEDGER_NONE; i = ledger->entries[i].newer)
        if (ledger->entries[i].accepted && !ledger->entries[i].query &&
            !bytes_append(keys, ledger->entries[i].key, JOURNAL_KEY))
            return false;
    return true;
}

static enum journal_result reopen(struct target_journal *t)
{
    struct bytes keys = {0};
    enum journal_result result = JOURNAL_FAILED;
    if (window(t->ledger, &keys))
        result = journal_reopen(&t->journal, keys.data, keys.len / JOURNAL_KEY);
    if (result == JOURNAL_OK) {
        tell_mended(&t->journal);
        bytes_free(&t->window);
        t->window = keys;
        t->written = false;
    } else {
        bytes_free(&keys);
    }
    return result;
}

static void tell_missing(struct journal *j)
{
    if (j->missing)
        log_line(LOG_ERROR, "JOURNAL: %s: somebody truncated it: %llu bytes of its lines are gone", j->path,
                 (unsigned long long)j->missing);
    j->missing = 0;
}

static void commit(struct target_journal *t, int64_t now)
{
    if (t->astray)
        target_journal_reopen(t);
    size_t proven = t->proven.len / JOURNAL_KEY;
    bool told = proven && journal_append_proven(&t->journal, t->proven.data, proven);
    int64_t before = clock_us();
    enum journal_result result = journal_commit(&t->journal);
    if (result == JOURNAL_GONE && reopen(t) == JOURNAL_OK) {
        log_line(LOG_ERROR, "JOURNAL: %s was deleted: it begins anew", t->journal.path);
        result = journal_commit(&t->journal);
    }
    tell_missing(&t->journal);
    if (result != JOURNAL_OK) {
        refuse(t, t->journal.why, now);
        return;
    }
    t->written = true;
    if (told)
        t->proven.len = 0;
    if (t->failing)
        log_line(LOG_ERROR, "JOURNAL: %s can be written again", t->journal.path);
    t->failing = false;
    int64_t took = clock_us() - before;
    t->patience_us = took / 2 < PATIENCE_MAX_US ? took / 2 : PATIENCE_MAX_US;
    t->expected -= (t->expected + 7) / 8;
    if (t->waiting > t->expected)
        t->expected = t->waiting;
    serve(t, VERDICT_ACCEPT, now);
}

/* Whether the batch goes out now. Who has just been answered sends the next message soon: a batch is whole when as many
 * have come as went with the last ones, and nothing more comes; it does not wait for those who do not come for long. */
static bool ripe(struct target_journal *t)
{
    const struct job *last = t->base.last;
    int64_t now_us = clock_us();
    bool more = last != t->seen;
    if (more)
        t->more_us = now_us;
    if (!t->since_us)
        t->since_us = now_us;
    bool whole = t->waiting >= t->expected || now_us - t->more_us >= t->patience_us / 4;
    bool ready = (!more && whole) || now_us - t->since_us >= t->patience_us;
    t->seen = ready ? NULL : t->base.last;
    if (ready)
        t->since_us = 0;
    return ready;
}

/* Has the batch end with its last whole line: the message that is rendered in part is rendered anew. */
static void cut_torn(struct target_journal *t)
{
    struct bytes *batch = &t->journal.batch;
    const unsigned char *lf = batch->len ? memrchr(batch->data, '\n', batch->len) : NULL;
    stream_reset(&t->stream);
    batch->len = lf ? (size_t)(lf - batch->data) + 1 : 0;
}

/* Moves what is rendered to the batch. False when memory is exhausted. */
static bool gather(struct target_journal *t, int64_t now)
{
    struct stream *s = &t->stream;
    uint64_t produced;
    do {
        produced = s->produced;
        stream_render(s, now);
        if (!stream_move(s, &t->journal.batch))
            return false;
    } while (s->produced > produced);
    if (s->viewing)
        cut_torn(t);
    return true;
}

static void pump(struct target *target, int64_t now)
{
    struct target_journal *t = of(target);
    if (!target->first)
        return;
    if (!gather(t, now)) {
        refuse(t, "memory is exhausted", now);
        t->since_us = 0;
    } else if (target->first != t->stream.unrendered && ripe(t)) {
        commit(t, now);
    }
}

/* ---- the rest of a target ---- */

static bool in_place(struct target *target, struct job *job, const struct message *text,
                     const struct envelope *envelope)
{
    struct target_journal *t = of(target);
    bool fits = stream_in_place(&t->stream, target, job, text, envelope);
    t->waiting += fits;
    return fits;
}

static void take(struct target *target, struct job *job, int64_t now)
{
    (void)now;
    of(target)->waiting++;
    stream_add(&of(target)->stream, job);
}

/* What of it stands in the batch must not get into the file. */
static void forget(struct target *target, struct job *job)
{
    struct target_journal *t = of(target);
    stream_forget(&t->stream, job);
    stream_reset(&t->stream);
    journal_drop(&t->journal);
    t->waiting--;
}

static size_t held(const struct target *target)
{
    const struct target_journal *t = of(target);
    return t->stream.piece.cap + t->journal.batch.cap;
}

/* An orderly end: the next run is to remember no more than this one. */
static void put_window(struct target_journal *t)
{
    struct bytes keys = {0};
    bool known = window(t->ledger, &keys);
    bool same = keys.len == t->window.len && (!keys.len || memcmp(keys.data, t->window.data, keys.len) == 0);
    if (known && (t->written || !same) && journal_append_window(&t->journal, keys.data, keys.len / JOURNAL_KEY))
        journal_commit(&t->journal);
    bytes_free(&keys);
}

static void close_it(struct target *target)
{
    struct target_journal *t = of(target);
    journal_drop(&t->journal);
    put_window(t);
    journal_close(&t->journal);
    stream_free(&t->stream);
    bytes_free(&t->window);
    bytes_free(&t->proven);
}

static const struct target_kind kind = {
    .order = TARGET_JOURNAL,
    .in_place = in_place,
    .take = take,
    .pump = pump,
    .forget = forget,
    .held = held,
    .close = close_it,
};

/* ---- opening ---- */

/* What the last lines say was handed over is known again. */
static bool remember(struct target_journal *t, struct ledger *ledger)
{
    struct bytes keys = {0};
    bool fine = !ledger->window || journal_tail(&t->journal, ledger->window, &keys);
    for (size_t at = 0; fine && at < keys.len; at += JOURNAL_KEY) {
        const unsigned char *key = keys.data + at;
        uint32_t entry = ledger_find(ledger, key) == LEDGER_NONE ? ledger_add(ledger, key) : LEDGER_NONE;
        if (entry != LEDGER_NONE)
            ledger_accept(ledger, entry);
    }
    bytes_free(&keys);
    return fine && window(ledger, &t->window);
}

enum journal_result target_journal_open(struct target_journal *t, const char *path, struct ledger *ledger)
{
    *t = (struct target_journal){.base = {.kind = &kind}, .stream = {.lines = true}, .ledger = ledger};
    t->base.source = (struct loop_source){.fd = -1, .deadline = deadline};
    enum journal_result result = journal_open(&t->journal, path);
    if (result != JOURNAL_OK) {
        log_line(LOG_ERROR, "--journal: %s", t->journal.why);
    } else if (!remember(t, ledger)) {
        log_line(LOG_ERROR, "--journal: %s: its end cannot be read, or memory is exhausted", path);
        journal_close(&t->journal);
        bytes_free(&t->window);
        result = JOURNAL_FAILED;
    } else {
        ledger->proven = &t->proven;
        tell_mended(&t->journal);
    }
    return result;
}

void target_journal_reopen(struct target_journal *t)
{
    bool astray = t->astray;
    enum journal_result result = reopen(t);
    t->astray = result != JOURNAL_OK && result != JOURNAL_SAME;
    if (t->astray && !astray)
        log_line(LOG_ERROR, "JOURNAL: %s: the open file is kept until then", t->journal.why);
    else if (astray && !t->astray)
        log_line(LOG_ERROR, "JOURNAL: %s is used now", t->journal.path);
}
