#include "ask.h"

#include "base/log.h"
#include "status.h"

#include <stdlib.h>

enum { QUIET_MS = 2000 }; /* of ALL, nobody says which message is the last: none comes for so long */

static struct ask *of(struct target *t)
{
    return (struct ask *)(void *)t;
}

bool ask_fits(const char *specimens)
{
    size_t n = strlen(specimens);
    return n && *specimens != ',' && specimens[n - 1] != ',' && !strstr(specimens, ",,");
}

/* ---- queries ---- */

uint64_t ask_count(const struct ask *a)
{
    uint64_t n = 1;
    for (const char *p = a->specimens; a->kind != SIM_QUERY_ASTM && *p; p++)
        n += *p == ',';
    return n;
}

/* Chooses the specimens of that query: in HL7 one of them. */
static bool choose(struct ask *a, uint64_t index)
{
    const char *at = a->specimens;
    a->query.specimens = at;
    if (a->kind == SIM_QUERY_ASTM)
        return true;
    for (uint64_t i = index % ask_count(a); i > 0; i--)
        at = strchr(at, ',') + 1;
    free(a->one);
    a->query.specimens = a->one = strndup(at, strcspn(at, ","));
    return a->one;
}

bool ask_make(struct ask *a, const struct sim_profile *profile, uint64_t seed, uint64_t index, struct bytes *out)
{
    sim_generate(profile, seed, index, &a->by);
    a->query.kind = a->kind;
    a->query.by = &a->by;
    a->number = index + 1;
    return choose(a, index) && sim_query_make(&a->query, out);
}

static void decide(struct ask *a, uint64_t *count, int64_t now)
{
    ++*count;
    a->waits = false;
    a->decided(a->context, now);
}

static void tell(const struct ask *a, const char *what, const char *why)
{
    log_line(LOG_EVENT, "query %llu: %s%s%s", (unsigned long long)a->number, what, why ? ": " : "", why ? why : "");
}

static void go_by(struct ask *a, enum sim_answer answer, const char *why, int64_t now)
{
    switch (answer) {
    case SIM_ANSWER_ORDERS:
        tell(a, "orders have come", NULL);
        if (sim_query_all(&a->query) && a->kind == SIM_QUERY_LAW) {
            a->some = true;
            a->due = now + QUIET_MS;
        } else {
            decide(a, &a->found, now);
        }
        break;
    case SIM_ANSWER_NOTHING:
        tell(a, "nothing is known", why);
        decide(a, &a->nothing, now);
        break;
    case SIM_ANSWER_WRONG:
        log_line(LOG_ERROR, "query %llu: the answer is wrong: %s", (unsigned long long)a->number, why);
        decide(a, &a->failed, now);
        break;
    case SIM_ANSWER_OTHER:
        tell(a, "that is no answer to it", why);
        break;
    case SIM_ANSWER_FOLLOWS:
        break;
    }
}

/* Prints the answer to a query as what comes by itself is printed. */
static void print(struct ask *a, const struct connection *c, const struct delivery *d, int64_t now)
{
    struct handover *h = a->target.handover;
    const struct handover_party party = {.link = c->link, .protocol = c->machine.protocol};
    struct message m = {.text = d->answer.p, .len = d->answer.n, .complete = true, .framed = true};
    struct reply reply;
    for (size_t i = 0; i < m.len; i++)
        m.records += m.text[i] == '\r';
    h->room = SIZE_MAX;
    h->wall_us = clock_wall_us();
    handover_offer(h, &party, &m, c->peer, &reply, now);
}

void ask_sent(struct ask *a, const struct connection *c, const struct delivery *d, int64_t now)
{
    const char *why = NULL;
    a->waits = true;
    a->some = false;
    a->due = now + a->answer_ms;
    if (a->kind == SIM_QUERY_ASTM)
        return;
    enum sim_answer answer = sim_query_judge(&a->query, d->answer.p, d->answer.n, true, &why);
    if (sim_query_says(d->answer.p, d->answer.n))
        print(a, c, d, now);
    go_by(a, answer, why, now);
}

int64_t ask_deadline(const struct ask *a)
{
    return a->waits ? a->due : INT64_MAX;
}

void ask_tick(struct ask *a, int64_t now)
{
    if (!a->waits || now < a->due)
        return;
    if (a->some) {
        decide(a, &a->found, now);
        return;
    }
    log_line(LOG_ERROR, "query %llu: no answer within %g s", (unsigned long long)a->number,
             (double)a->answer_ms / 1000);
    decide(a, &a->failed, now);
}

int ask_status(const struct ask *a, uint64_t wanted)
{
    return a->found + a->nothing < wanted ? STATUS_UNREACHABLE : a->nothing ? STATUS_DEFECTIVE : STATUS_DONE;
}

/* ---- the target ---- */

/* The answer to an order. Without memory for it the plain one is sent. */
static void accept_order(struct ask *a, const struct job *job, struct bytes *out)
{
    const struct message *m = &job->message;
    bool law = a->specimens && a->kind == SIM_QUERY_LAW;
    char time[32], id[16];
    if (job->party.protocol != &protocol_hl7 || !sim_order_is(m->text, m->len, law))
        return;
    time_hl7_us(job->wall_us, time);
    short_ident_next(&a->ids, job->wall_us, id);
    sim_order_accept(m->text, m->len, time, id, out);
}

static void pump(struct target *t, int64_t now)
{
    struct ask *a = of(t);
    struct job *job;
    while ((job = t->first)) {
        struct bytes text = {0};
        const char *why = NULL;
        bool judged = a->waits && job->party.connection; /* else it is what we have printed */
        enum sim_answer answer = SIM_ANSWER_OTHER;
        if (judged)
            answer = sim_query_judge(&a->query, job->message.text, job->message.len, false, &why);
        accept_order(a, job, &text);
        struct reply reply = {.text = text.len ? text.data : NULL, .len = text.len};
        target_remove(t, job);
        handover_served(t->handover, t, job, VERDICT_ACCEPT, &reply, now);
        bytes_free(&text);
        if (judged)
            go_by(a, answer, why, now);
    }
}

static void close_it(struct target *t)
{
    struct ask *a = of(t);
    free(a->one);
    a->one = NULL;
}

/* What comes when the turn's work is done, since that let another message in, is not left until something happens. */
static int64_t deadline(struct loop_source *source)
{
    return ((const struct target *)(void *)source)->first ? 0 : INT64_MAX;
}

void ask_open(struct ask *a)
{
    static const struct target_kind kind = {.order = TARGET_EXEC, .pump = pump, .close = close_it};
    a->target = (struct target){.source = {.fd = -1, .deadline = deadline}, .kind = &kind};
    a->due = INT64_MAX;
    short_ident_init(&a->ids);
}
