#include "link/target_stdout.h"

#include "base/log.h"
#include "link/handover.h"

#include <errno.h>

enum { FULL = 256 << 10 }; /* bytes */

static struct target_stdout *of(const struct target *t)
{
    return (struct target_stdout *)(uintptr_t)t;
}

static void fail(struct target_stdout *t, int error)
{
    if (t->error)
        return;
    t->error = error ? error : EIO;
    log_line(LOG_ERROR, "cannot write to stdout: %s", strerror(t->error));
    handover_fail(t->base.handover);
}

/* ---- the loop's questions ---- */

static short interest(struct loop_source *source)
{
    const struct target_stdout *t = of((struct target *)source);
    size_t n;
    bool waits = stream_rest(&t->stream, &n) || stream_waits(&t->stream);
    if (t->error || t->frozen || (t->left && !waits))
        return LOOP_IGNORE;
    return waits ? POLLOUT : 0;
}

static int64_t deadline(struct loop_source *source)
{
    const struct target_stdout *t = of((struct target *)source);
    return t->stream.again && !t->error ? t->stream.again : INT64_MAX;
}

static void tick(struct loop_source *source, int64_t now)
{
    stream_render(&of((struct target *)source)->stream, now);
}

static void ready(struct loop_source *source, short revents, int64_t now)
{
    struct target_stdout *t = of((struct target *)source);
    (void)now; /* what can be written is, at the end of the turn */
    if ((revents & (POLLERR | POLLNVAL | POLLHUP)) && t->outlet.kind != OUTLET_FILE)
        fail(t, EPIPE);
}

/* ---- writing ---- */

static void write_rest(struct target_stdout *t)
{
    size_t n;
    const unsigned char *p;
    while ((p = stream_rest(&t->stream, &n)) && !t->error) {
        long written = outlet_write(&t->outlet, p, n);
        if (written < 0)
            fail(t, errno);
        if (written <= 0)
            break;
        t->last_byte = p[written - 1];
        stream_take(&t->stream, (size_t)written);
    }
}

static bool in_place(struct target *target, struct job *job, const struct message *text,
                     const struct envelope *envelope)
{
    return stream_in_place(&of(target)->stream, target, job, text, envelope);
}

static void take(struct target *target, struct job *job, int64_t now)
{
    (void)now;
    stream_add(&of(target)->stream, job);
}

static bool writes_lines(const struct target_stdout *t)
{
    return t->format != VIEW_TEXT && t->format != VIEW_RAW;
}

/* Whether the job is no line, and a part of it is written. */
static bool is_cut(const struct target_stdout *t, const struct job *job)
{
    return !writes_lines(t) && t->stream.taken > job->begin && (!job->end || t->stream.taken < job->end);
}

static void serve(struct target_stdout *t, enum verdict verdict, int64_t now)
{
    struct job *job = t->base.first;
    if (verdict == VERDICT_ACCEPT)
        t->whole = job->end;
    t->cut |= is_cut(t, job);
    stream_forget(&t->stream, job);
    target_remove(&t->base, job);
    handover_served(t->base.handover, &t->base, job, verdict, NULL, now);
}

static void pump(struct target *target, int64_t now)
{
    struct target_stdout *t = of(target);
    struct stream *s = &t->stream;
    bool moved;
    if (t->frozen)
        return;
    do {
        uint64_t taken = s->taken, produced = s->produced;
        stream_render(s, now);
        write_rest(t);
        moved = s->taken > taken || s->produced > produced;
    } while (moved && !t->error && s->unrendered);
    while (target->first && target->first != s->unrendered && target->first->end <= s->taken)
        serve(t, VERDICT_ACCEPT, now);
    while (t->error && target->first)
        serve(t, VERDICT_LATER, now);
}

static void forget(struct target *target, struct job *job)
{
    struct target_stdout *t = of(target);
    t->cut |= is_cut(t, job);
    stream_forget(&t->stream, job);
}

static void stop(struct target *target, int64_t now)
{
    (void)now;
    of(target)->frozen = true;
}

static bool idle(const struct target *target)
{
    const struct target_stdout *t = of(target);
    size_t n;
    return t->error || !stream_rest(&t->stream, &n);
}

static size_t held(const struct target *target)
{
    return of(target)->stream.piece.cap;
}

static void close_it(struct target *target)
{
    stream_free(&of(target)->stream);
    outlet_close(&of(target)->outlet);
}

static const struct target_kind kind = {
    .order = TARGET_STDOUT,
    .in_place = in_place,
    .take = take,
    .pump = pump,
    .forget = forget,
    .stop = stop,
    .idle = idle,
    .held = held,
    .close = close_it,
};

void target_stdout_open(struct target_stdout *t, int fd, enum view_format format)
{
    *t = (struct target_stdout){.base = {.kind = &kind}, .format = format};
    outlet_open(&t->outlet, fd);
    t->base.source = (struct loop_source){
        .fd = t->outlet.fd, .interest = interest, .ready = ready, .deadline = deadline, .tick = tick};
    if (format == VIEW_TSV && result_tsv_header(&t->stream.piece))
        t->stream.produced = t->stream.piece.len;
}

void target_stdout_leave(struct target_stdout *t)
{
    stream_free(&t->stream); /* the header of a table */
    t->stream = (struct stream){0};
    t->left = true;
}

/* ---- what is no message ---- */

bool target_stdout_put(struct target_stdout *t, const void *line, size_t n)
{
    return !t->error && !t->frozen && stream_put(&t->stream, line, n);
}

bool target_stdout_full(const struct target_stdout *t)
{
    size_t n;
    return t->format == VIEW_FRAME && stream_rest(&t->stream, &n) && n >= FULL;
}

size_t target_stdout_waiting(const struct target_stdout *t)
{
    size_t n;
    stream_rest(&t->stream, &n);
    return n + t->stream.aside.len;
}

bool target_stdout_torn(const struct target_stdout *t)
{
    const struct job *job = t->base.first;
    return t->cut || (job && is_cut(t, job)) || (t->stream.taken > t->whole && t->last_byte != '\n');
}
