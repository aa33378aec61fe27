#include "link/target_sink.h"

#include "base/json_reader.h"
#include "base/log.h"
#include "base/utf8.h"
#include "link/handover.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum {
    READ_SIZE = 64 << 10,
    READ_LEAST = 256, /* where there is no memory for more */
    READS = 16,       /* at most, one after the other */
    ANSWER_MAX = 16 << 20,
    WHY_MAX = 200,
    SILENT_MS = 500, /* from a pipe's end to that of the consumer, which is then told of */
    OWED_MS = 5000,  /* … where it may still print answers that it owes */
    LEAVE_MS = 5000,
    WAIT_MIN_MS = 1000,
    WAIT_MAX_MS = 60000,
};

static struct target_sink *of(const struct target *t)
{
    return (struct target_sink *)(uintptr_t)t;
}

static struct target_sink *of_source(const struct loop_source *source)
{
    return of((const struct target *)(const void *)source);
}

static struct target_sink *of_feeder(const struct loop_source *source)
{
    return (struct target_sink *)(void *)((uintptr_t)source - offsetof(struct target_sink, feeder));
}

/* What it did is its death. */
static void blame(struct target_sink *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void blame(struct target_sink *t, const char *format, ...)
{
    va_list args;
    if (*t->wrong)
        return;
    va_start(args, format);
    vsnprintf(t->wrong, sizeof t->wrong, format, args);
    va_end(args);
}

/* Whether it has been fed a whole message that it has not answered. */
static bool owes_answer(const struct target_sink *t)
{
    const struct job *job = t->base.first;
    return job && job->end && job->end <= t->stream.taken;
}

/* When it has to have answered, or to have read on where no message is with it whole. */
static int64_t answer_by(const struct target_sink *t)
{
    return t->base.first && t->served < t->stream.taken ? t->since + t->answer_ms : INT64_MAX;
}

static void serve(struct target_sink *t, enum verdict verdict, const struct reply *reply, int64_t now)
{
    struct job *job = t->base.first;
    t->served = job->end ? job->end : t->stream.produced;
    t->since = now;
    stream_forget(&t->stream, job);
    target_remove(&t->base, job);
    handover_served(t->base.handover, &t->base, job, verdict, reply, now);
}

/* ---- its life ---- */

static void close_pipes(struct target_sink *t)
{
    child_close(&t->child.in);
    child_close(&t->child.out);
    t->feeder.fd = t->base.source.fd = -1;
}

static void schedule(struct target_sink *t, const char *what, int64_t now)
{
    log_line(LOG_ERROR, "the consumer %s; it is started again in %.1f s", what, (double)t->wait_ms / 1000);
    t->due = now + t->wait_ms;
    t->wait_ms = t->wait_ms * 3 / 2 < WAIT_MAX_MS ? t->wait_ms * 3 / 2 : WAIT_MAX_MS;
}

static void start(struct target_sink *t, int64_t now)
{
    char what[128];
    if (!t->added && t->base.handover->loop)
        loop_add(t->base.handover->loop, &t->feeder);
    t->added = true;
    if (!child_start(&t->child, t->command, NULL, 0)) {
        snprintf(what, sizeof what, "cannot be started: %s", strerror(errno));
        schedule(t, what, now);
        return;
    }
    log_line(LOG_DETAIL, "the consumer is started");
    t->base.source.fd = t->child.out;
    t->feeder.fd = t->child.in;
    t->state = SINK_UP;
    t->readable = t->confirmed = t->mute = false;
    *t->wrong = 0;
    t->silent_by = 0;
    t->heard.len = t->searched = 0;
}

/* Refuses what it was fed, in part or whole; the rest is fed to the next one. */
static void refuse_fed(struct target_sink *t, int64_t now)
{
    struct stream *s = &t->stream;
    while (t->base.first && t->served < s->taken)
        serve(t, VERDICT_LATER, NULL, now);
    if (t->served > s->taken)
        stream_take(s, (size_t)(t->served - s->taken)); /* the rest of a line that was begun */
}

/* It has died, or must: what is left of it is ended. */
static void die(struct target_sink *t, const char *what, int64_t now)
{
    close_pipes(t);
    child_end(&t->child, now);
    t->state = SINK_DYING;
    bytes_free(&t->heard);
    if (t->confirmed)
        t->wait_ms = WAIT_MIN_MS;
    schedule(t, what, now);
    refuse_fed(t, now);
}

/* ---- answers ---- */

/* Reads p[0..n), a JSON string and nothing else, in place. False when it is none. */
static bool read_string(unsigned char *p, size_t n, struct json_slice *text)
{
    struct json_reader r;
    if (n < 2 || p[0] != '"' || p[n - 1] != '"')
        return false;
    json_reader_init(&r, p, n);
    return json_reader_string(&r, text);
}

/* `ok`, and perhaps a text to be sent back. */
static void confirm(struct target_sink *t, unsigned char *p, size_t n, int64_t now)
{
    struct job *job = t->base.first;
    struct bytes text = {0};
    struct json_slice given = {p, 0};
    if (n && !read_string(p, n, &given)) {
        blame(t, "answered ok with something behind it that is no JSON string");
        return;
    }
    if (given.n > target_reply_max(job))
        log_line(LOG_ERROR, "the consumer's text of %zu bytes is longer than --max-message: not sent", given.n);
    else if (!bytes_append(&text, given.p, given.n))
        log_line(LOG_ERROR, "there is no memory for the consumer's text of %zu bytes: not sent", given.n);
    bool fits = target_reply_fits(job, &text);
    struct reply reply = {.text = fits ? text.data : NULL, .len = fits ? text.len : 0};
    t->confirmed = true;
    serve(t, VERDICT_ACCEPT, &reply, now);
    bytes_free(&text);
}

/* Its own words, as far as they can be shown: UTF-8 without control characters. */
static const char *reason_of(const unsigned char *p, size_t n, char why[WHY_MAX + 1])
{
    size_t len = 0, step;
    for (; len < n; len += step) {
        if (!utf8_shown(p + len, n - len, &step))
            return NULL;
        if (len + step > WHY_MAX)
            break;
    }
    memcpy(why, p, len);
    why[len] = 0;
    return len ? why : NULL;
}

static void refuse(struct target_sink *t, enum verdict verdict, const unsigned char *p, size_t n, int64_t now)
{
    char why[WHY_MAX + 1];
    const struct job *job = t->base.first;
    struct reply reply = {.reason = reason_of(p, n, why)};
    const struct log_event event = {"consumer", job->party.link->config->name, job->envelope.peer, NULL, {{0}}};
    log_event(LOG_ERROR, &event, "the consumer refuses a message for %s%s%s", verdict == VERDICT_NEVER ? "good" : "now",
              reply.reason ? ": " : "", reply.reason ? reply.reason : "");
    serve(t, verdict, &reply, now);
}

/* Whether the line is that word alone, or followed by something, which is then *rest. */
static bool begins(unsigned char *p, size_t n, const char *word, size_t *rest)
{
    size_t len = strlen(word);
    if (n < len || memcmp(p, word, len) != 0 || (n > len && p[len] != ' '))
        return false;
    while (len < n && p[len] == ' ')
        len++;
    *rest = len;
    return true;
}

static void answer(struct target_sink *t, unsigned char *p, size_t n, int64_t now)
{
    size_t at;
    while (n && (p[n - 1] == '\r' || p[n - 1] == ' '))
        n--;
    if (!owes_answer(t))
        blame(t, "answered more than it was asked");
    else if (begins(p, n, "ok", &at))
        confirm(t, p + at, n - at, now);
    else if (begins(p, n, "retry", &at))
        refuse(t, VERDICT_LATER, p + at, n - at, now);
    else if (begins(p, n, "reject", &at))
        refuse(t, VERDICT_NEVER, p + at, n - at, now);
    else
        blame(t, "answered with %zu bytes, '%.*s' first, which is none of ok, retry, reject", n, n < 3 ? (int)n : 3, p);
}

/* Takes the lines that have come whole. */
static void take_lines(struct target_sink *t, int64_t now)
{
    size_t at = 0;
    unsigned char *end;
    while (!*t->wrong && t->searched < t->heard.len &&
           (end = memchr(t->heard.data + t->searched, '\n', t->heard.len - t->searched))) {
        unsigned char *line = t->heard.data + at;
        at = t->searched = (size_t)(end - t->heard.data) + 1;
        answer(t, line, (size_t)(end - line), now);
    }
    bytes_drop(&t->heard, at);
    t->searched = t->heard.len;
    if (t->heard.len > ANSWER_MAX)
        blame(t, "answered with a line without end");
}

/* How much can be read behind what is heard. */
static size_t room_to_hear(struct target_sink *t)
{
    return bytes_reserve(&t->heard, READ_SIZE) ? READ_SIZE : bytes_reserve(&t->heard, READ_LEAST) ? READ_LEAST : 0;
}

static void hear(struct target_sink *t, int64_t now)
{
    for (int i = 0; i < READS && t->child.out >= 0 && !*t->wrong; i++) {
        size_t room = room_to_hear(t);
        ssize_t n = room ? read(t->child.out, t->heard.data + t->heard.len, room) : -1;
        if (!room)
            blame(t, "cannot be heard: there is no memory");
        if (!room || (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)))
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            child_close(&t->child.out);
            t->base.source.fd = -1;
            t->mute = true;
        } else {
            t->heard.len += (size_t)n;
            take_lines(t, now);
        }
    }
    t->readable = false;
    if (!t->heard.len)
        bytes_free(&t->heard);
}

/* ---- feeding ---- */

static void feed(struct target_sink *t, int64_t now)
{
    struct stream *s = &t->stream;
    size_t n;
    const unsigned char *p;
    stream_render(s, now);
    while (t->child.in >= 0 && (p = stream_rest(s, &n))) {
        ssize_t written = write(t->child.in, p, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (written < 0) {
            child_close(&t->child.in);
            t->feeder.fd = -1;
            return;
        }
        if (!owes_answer(t))
            t->since = now;
        stream_take(s, (size_t)written);
        stream_render(s, now);
    }
}

/* One that has closed a pipe will not go on; it is given a moment to end by itself, so that its status can be told, and
 * a longer one where it reads no more and owes answers. */
static bool is_silent(struct target_sink *t, int64_t now)
{
    bool answers = !t->mute && owes_answer(t);
    int64_t by = now + (answers ? OWED_MS : SILENT_MS);
    if ((t->mute || t->child.in < 0) && (!t->silent_by || by < t->silent_by))
        t->silent_by = by;
    return t->silent_by && now >= t->silent_by;
}

static void go_on(struct target_sink *t, int64_t now)
{
    int status;
    char text[40];
    bool ended = child_ended(&t->child, &status); /* all that it printed is in the pipe then */
    if (t->readable || ended)
        hear(t, now);
    if (!ended && !*t->wrong)
        feed(t, now);
    if (*t->wrong)
        die(t, t->wrong, now);
    else if (ended)
        die(t, child_status_text(status, text), now);
    else if (is_silent(t, now))
        die(t, t->mute ? "has closed its stdout" : "has closed its stdin", now);
    else if (now >= answer_by(t))
        die(t, "has not answered within --sink-timeout", now);
}

/* Its answers mean nothing any more; they are read lest it waits for that. */
static void leave(struct target_sink *t, int64_t now)
{
    int status;
    *t->wrong = 0;
    t->heard.len = t->searched = 0;
    for (int i = 0; i < READS && t->child.out >= 0 && bytes_reserve(&t->heard, READ_SIZE); i++) {
        ssize_t n = read(t->child.out, t->heard.data, READ_SIZE);
        if (n == 0) {
            child_close(&t->child.out);
            t->base.source.fd = -1;
        } else if (n < 0) {
            break;
        }
    }
    if (now >= t->due && !t->child.kill_at) {
        log_line(LOG_ERROR, "the consumer has not ended after its stdin was closed: it is ended");
        child_end(&t->child, now);
    }
    if (child_over(&t->child, now, &status)) {
        close_pipes(t);
        t->state = SINK_OVER;
    }
}

static void pump(struct target *target, int64_t now)
{
    struct target_sink *t = of(target);
    int status;
    if (t->state == SINK_DYING && child_over(&t->child, now, &status))
        t->state = SINK_WAITING;
    if (t->state == SINK_WAITING && now >= t->due)
        start(t, now);
    if (t->state == SINK_UP)
        go_on(t, now);
    else if (t->state == SINK_LEAVING)
        leave(t, now);
}

/* ---- the loop's questions ---- */

static short interest(struct loop_source *source)
{
    (void)source;
    return POLLIN;
}

static void ready(struct loop_source *source, short revents, int64_t now)
{
    (void)revents;
    (void)now; /* it is read at the end of the turn */
    of_source(source)->readable = true;
}

static short feeder_interest(struct loop_source *source)
{
    const struct target_sink *t = of_feeder(source);
    size_t n;
    return t->state == SINK_UP && (stream_rest(&t->stream, &n) || stream_waits(&t->stream)) ? POLLOUT : 0;
}

static void feeder_ready(struct loop_source *source, short revents, int64_t now)
{
    struct target_sink *t = of_feeder(source);
    (void)now; /* what can be written is, at the end of the turn */
    if (!(revents & (POLLERR | POLLNVAL | POLLHUP)))
        return;
    child_close(&t->child.in);
    t->feeder.fd = -1;
}

static int64_t up_deadline(const struct target_sink *t)
{
    int64_t by = answer_by(t);
    int64_t other = t->silent_by ? t->silent_by : t->stream.again ? t->stream.again : INT64_MAX;
    return other < by ? other : by;
}

static int64_t deadline(struct loop_source *source)
{
    const struct target_sink *t = of_source(source);
    switch (t->state) {
    case SINK_WAITING:
        return t->due;
    case SINK_UP:
        return up_deadline(t);
    case SINK_DYING:
        return child_deadline(&t->child);
    case SINK_LEAVING:
        return t->child.kill_at ? child_deadline(&t->child) : t->due;
    default:
        return INT64_MAX;
    }
}

/* ---- the target ---- */

static bool in_place(struct target *target, struct job *job, const struct message *text,
                     const struct envelope *envelope)
{
    struct target_sink *t = of(target);
    return t->state == SINK_UP && stream_in_place(&t->stream, target, job, text, envelope);
}

static void take(struct target *target, struct job *job, int64_t now)
{
    (void)now;
    stream_add(&of(target)->stream, job);
}

/* All that waits is refused: nothing is fed any more, and no answer means anything. */
static void forget(struct target *target, struct job *job)
{
    struct target_sink *t = of(target);
    stream_forget(&t->stream, job);
    if (t->state == SINK_UP) {
        t->state = SINK_LEAVING;
        t->due = INT64_MAX;
    }
}

/* Until when it may finish: so that it is over in time, when it has to be made to. */
static int64_t leave_by(const struct target_sink *t, int64_t now)
{
    int64_t over_by = t->base.handover->over_by, by = now + LEAVE_MS;
    if (!over_by || over_by - CHILD_KILL_MS >= by)
        return by;
    return over_by - CHILD_KILL_MS > now ? over_by - CHILD_KILL_MS : now;
}

static void stop(struct target *target, int64_t now)
{
    struct target_sink *t = of(target);
    child_close(&t->child.in);
    t->feeder.fd = -1;
    t->due = leave_by(t, now);
    t->state = t->child.pid ? SINK_LEAVING : SINK_OVER;
}

static bool over(const struct target *target)
{
    return of(target)->state == SINK_OVER;
}

static size_t held(const struct target *target)
{
    return of(target)->stream.piece.cap + of(target)->heard.cap;
}

static void close_it(struct target *target)
{
    child_kill(&of(target)->child);
    stream_free(&of(target)->stream);
    bytes_free(&of(target)->heard);
}

static const struct target_kind kind = {
    .order = TARGET_SINK,
    .rejects = true,
    .in_place = in_place,
    .take = take,
    .pump = pump,
    .forget = forget,
    .stop = stop,
    .over = over,
    .held = held,
    .close = close_it,
};

void target_sink_open(struct target_sink *t, const char *command, size_t window, int64_t answer_ms)
{
    *t = (struct target_sink){.base = {.kind = &kind},
                              .command = command,
                              .answer_ms = answer_ms,
                              .wait_ms = WAIT_MIN_MS,
                              .child = {.in = -1, .out = -1}};
    t->base.source = (struct loop_source){.fd = -1, .interest = interest, .ready = ready, .deadline = deadline};
    t->feeder = (struct loop_source){.fd = -1, .interest = feeder_interest, .ready = feeder_ready};
    t->stream.lines = true;
    t->stream.most = window;
}
