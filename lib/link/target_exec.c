#include "link/target_exec.h"

#include "base/log.h"
#include "link/handover.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    READ_SIZE = 16 << 10,
    READS = 64, /* at most, one after the other */
    NEVER = 65, /* the status of a command that will never take the message */
};

static struct target_exec *of(const struct target *t)
{
    return (struct target_exec *)(uintptr_t)t;
}

static void tell(const struct job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell(const struct job *job, const char *format, ...)
{
    const struct log_event event = {"command", job->envelope.link, job->envelope.peer, NULL, {{0}}};
    va_list args;
    va_start(args, format);
    log_event_v(LOG_ERROR, &event, format, args);
    va_end(args);
}

/* ---- a command's pipes ---- */

/* It is ended, and what it was told to do counts as not done. */
static void give_up(struct exec_run *r, const char *why, int64_t now)
{
    if (!r->wrong)
        r->wrong = why;
    child_end(&r->child, now);
}

/* Renders a piece of the message. False: there is none. */
static bool render(struct exec_run *r, int64_t now)
{
    enum view_progress progress = VIEW_GOES_ON;
    r->piece.len = r->at = 0;
    while (!r->whole && !r->piece.len && progress != VIEW_NO_MEMORY) {
        progress = r->job->party.protocol->view_more(&r->views, &r->piece);
        r->whole = progress == VIEW_DONE;
    }
    if (progress == VIEW_NO_MEMORY)
        give_up(r, "was ended: there is no memory for the message", now);
    return progress != VIEW_NO_MEMORY && r->piece.len;
}

/* Writes what its stdin takes. That it does not read is no error. What is refused meanwhile never comes to an end that
 * might be taken for the message's. */
static void feed(struct exec_run *r, int64_t now)
{
    while (r->job && r->child.in >= 0 && (r->at < r->piece.len || render(r, now))) {
        ssize_t n = write(r->child.in, r->piece.data + r->at, r->piece.len - r->at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (n < 0 && errno != EPIPE)
            give_up(r, "was ended: it cannot be given the message", now);
        if (n < 0)
            break;
        r->at += (size_t)n;
    }
    if (r->child.kill_at || !r->job)
        return;
    child_close(&r->child.in);
    r->in.fd = -1;
    bytes_free(&r->piece);
}

/* Reads what it has printed. */
static void hear(struct exec_run *r, int64_t now)
{
    unsigned char piece[READ_SIZE];
    for (int i = 0; i < READS && r->child.out >= 0; i++) {
        ssize_t n = read(r->child.out, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (n <= 0) {
            child_close(&r->child.out);
            r->out.fd = -1;
        } else if (r->job && r->reply.len + (size_t)n > target_reply_max(r->job))
            give_up(r, "was ended: it printed more than --max-message", now);
        else if (r->job && !r->wrong && !bytes_append(&r->reply, piece, (size_t)n))
            give_up(r, "was ended: there is no memory for what it printed", now);
    }
}

static struct exec_run *run_of_in(struct loop_source *source)
{
    return (struct exec_run *)source;
}

static struct exec_run *run_of_out(struct loop_source *source)
{
    return (struct exec_run *)(void *)((char *)source - offsetof(struct exec_run, out));
}

static short interest_in(struct loop_source *source)
{
    return run_of_in(source)->child.kill_at ? LOOP_IGNORE : POLLOUT;
}

static short interest_out(struct loop_source *source)
{
    (void)source;
    return POLLIN;
}

static void ready_in(struct loop_source *source, short revents, int64_t now)
{
    (void)revents;
    feed(run_of_in(source), now);
}

static void ready_out(struct loop_source *source, short revents, int64_t now)
{
    (void)revents;
    hear(run_of_out(source), now);
}

static int64_t deadline(struct loop_source *source)
{
    const struct exec_run *r = run_of_in(source);
    if (!r->child.pid)
        return INT64_MAX;
    return r->child.kill_at ? child_deadline(&r->child) : r->due;
}

/* ---- a command's life ---- */

/* The job is decided, and leaves the queue. */
static void serve(struct target_exec *t, struct job *job, enum verdict verdict, const struct reply *reply, int64_t now)
{
    if (t->next == job)
        t->next = job->next;
    target_remove(&t->base, job);
    handover_served(t->base.handover, &t->base, job, verdict, reply, now);
}

static bool start(struct exec_run *r, struct job *job, int64_t now)
{
    const struct envelope *e = &job->envelope;
    const struct link_config *config = job->party.link->config;
    const struct child_variable variables[] = {
        {"INSTLINK_LINK", e->link},
        {"INSTLINK_PEER", e->peer},
        {"INSTLINK_PROTOCOL", job->party.protocol->name},
        {"INSTLINK_ID", e->id},
    };
    if (!job->party.protocol->view_begin(&r->views, config, false, &job->message, e)) {
        tell(job, "there is no memory to run a command");
        return false;
    }
    if (!child_start(&r->child, r->exec->command, variables, sizeof variables / sizeof *variables)) {
        tell(job, "a command cannot be run: %s", strerror(errno));
        return false;
    }
    r->job = job;
    r->whole = false;
    r->at = 0;
    r->wrong = NULL;
    r->due = now + r->exec->timeout_ms;
    r->in.fd = r->child.in;
    r->out.fd = r->child.out;
    r->exec->running++;
    feed(r, now);
    return true;
}

static enum verdict judge(const struct exec_run *r, int status)
{
    char text[40];
    bool exited = !r->wrong && WIFEXITED(status), never = exited && WEXITSTATUS(status) == NEVER;
    if (exited && WEXITSTATUS(status) == 0)
        return VERDICT_ACCEPT;
    tell(r->job, "the command %s: the message is refused %s", r->wrong ? r->wrong : child_status_text(status, text),
         never ? "for good" : "for now");
    return never ? VERDICT_NEVER : VERDICT_LATER;
}

/* The command itself has ended, and all that it printed is read. */
static void decide(struct exec_run *r, int status, int64_t now)
{
    struct job *job = r->job;
    struct bytes text = r->reply;
    enum verdict verdict = job ? judge(r, status) : VERDICT_LATER;
    r->job = NULL;
    r->reply = (struct bytes){0};
    if (job) {
        bool fits = verdict == VERDICT_ACCEPT && target_reply_fits(job, &text);
        struct reply reply = {.text = fits ? text.data : NULL, .len = fits ? text.len : 0};
        serve(r->exec, job, verdict, &reply, now);
    }
    bytes_free(&text);
}

/* Nothing is left of the command. */
static void finish(struct exec_run *r, int status, int64_t now)
{
    r->in.fd = r->out.fd = -1;
    r->exec->running--;
    bytes_free(&r->piece);
    decide(r, status, now);
}

static void look_after(struct exec_run *r, int64_t now)
{
    int status;
    if (!r->job)
        child_end(&r->child, now);
    if (!r->child.kill_at && child_ended(&r->child, &status))
        hear(r, now); /* what lies in the pipe; what its own children print later is lost */
    else if (!r->child.kill_at && now >= r->due)
        give_up(r, "took longer than --exec-timeout", now);
    if (child_over(&r->child, now, &status))
        finish(r, status, now);
    else if (r->job && r->child.kill_at && child_ended(&r->child, &status))
        decide(r, status, now); /* nobody waits for what else is in its group */
}

/* ---- the target ---- */

static void take(struct target *target, struct job *job, int64_t now)
{
    (void)now;
    if (!of(target)->next)
        of(target)->next = job;
}

static void prepare(struct exec_run *r, struct target_exec *t)
{
    if (r->exec)
        return;
    r->exec = t;
    r->in = (struct loop_source){.fd = -1, .interest = interest_in, .ready = ready_in, .deadline = deadline};
    r->out = (struct loop_source){.fd = -1, .interest = interest_out, .ready = ready_out};
    if (t->base.handover->loop) {
        loop_add(t->base.handover->loop, &r->in);
        loop_add(t->base.handover->loop, &r->out);
    }
}

static struct exec_run *free_place(struct target_exec *t)
{
    for (size_t i = 0; i < t->jobs; i++)
        if (!t->runs[i].child.pid)
            return &t->runs[i];
    return NULL;
}

static void start_some(struct target_exec *t, int64_t now)
{
    struct exec_run *r;
    while (t->next && (r = free_place(t))) {
        struct job *job = t->next;
        t->next = job->next;
        prepare(r, t);
        if (!start(r, job, now))
            serve(t, job, VERDICT_LATER, NULL, now);
    }
}

static void pump(struct target *target, int64_t now)
{
    struct target_exec *t = of(target);
    for (size_t i = 0; t->running && i < t->jobs; i++)
        if (t->runs[i].child.pid)
            look_after(&t->runs[i], now);
    if (!t->stopped)
        start_some(t, now);
}

static void forget(struct target *target, struct job *job)
{
    struct target_exec *t = of(target);
    if (t->next == job)
        t->next = job->next;
    for (size_t i = 0; i < t->jobs; i++)
        if (t->runs[i].job == job)
            t->runs[i].job = NULL;
}

static void stop(struct target *target, int64_t now)
{
    struct target_exec *t = of(target);
    t->stopped = true;
    for (size_t i = 0; i < t->jobs; i++)
        child_end(&t->runs[i].child, now);
}

static bool over(const struct target *target)
{
    return !of(target)->running;
}

static size_t held(const struct target *target)
{
    const struct target_exec *t = of(target);
    size_t n = 0;
    for (size_t i = 0; t->running && i < t->jobs; i++)
        n += t->runs[i].piece.cap + t->runs[i].reply.cap;
    return n;
}

static void close_it(struct target *target)
{
    struct target_exec *t = of(target);
    for (size_t i = 0; i < t->jobs; i++) {
        child_kill(&t->runs[i].child);
        views_free(&t->runs[i].views);
        bytes_free(&t->runs[i].piece);
        bytes_free(&t->runs[i].reply);
    }
    free(t->runs);
    t->runs = NULL;
    t->jobs = t->running = 0;
}

/* What came when commands had been started in this turn, since the end of another let it in, is not left until
 * something happens. */
static int64_t start_due(struct loop_source *source)
{
    const struct target_exec *t = (const struct target_exec *)(void *)source;
    return t->next && !t->stopped && t->running < t->jobs ? 0 : INT64_MAX;
}

static const struct target_kind kind = {
    .order = TARGET_EXEC,
    .rejects = true,
    .take = take,
    .pump = pump,
    .forget = forget,
    .stop = stop,
    .over = over,
    .idle = over,
    .held = held,
    .close = close_it,
};

/* The target itself has no descriptor: its commands have. */
bool target_exec_open(struct target_exec *t, const char *command, size_t jobs, int64_t timeout_ms)
{
    *t = (struct target_exec){.base = {.source = {.fd = -1, .deadline = start_due}, .kind = &kind},
                              .command = command,
                              .timeout_ms = timeout_ms,
                              .jobs = jobs};
    t->runs = calloc(jobs, sizeof *t->runs);
    return t->runs != NULL;
}
