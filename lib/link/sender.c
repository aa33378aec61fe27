#include "link/sender.h"

#include "base/clock.h"
#include "link/report.h"
#include "out/json.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    LAST_WORDS_MS = 3000, /* for answers and reports once all is sent */
    AGAIN_MS = 2000,      /* until a file that could not be written is tried again */
};

enum item_state { WAITING, FLYING, REPORTED };

struct sender_item {
    struct sender_item *next;
    enum item_state state;
    uint64_t number;
    int64_t came;
    struct sent_key key;
    struct outbox_slice id, control_id, text; /* in `own` */
    struct bytes line;                        /* the report */
    size_t size;
    unsigned char own[];
};

/* ---- what becomes of messages ---- */

/* The one of that number: it is among the first few. */
static struct sender_item *find(const struct sender *s, uint64_t number)
{
    struct sender_item *item = s->first;
    while (item && item->number != number)
        item = item->next;
    return item;
}

/* The line of a sink. */
static bool confirm(struct bytes *out, const struct outbox_report *r, bool never)
{
    if (r->sent)
        return bytes_puts(out, "ok\n");
    return bytes_puts(out, never ? "reject " : "retry ") && bytes_puts(out, r->reason) &&
           (!r->code || !*r->code || (bytes_puts(out, " ") && bytes_puts(out, r->code))) && bytes_puts(out, "\n");
}

static void decide(struct sender *s, struct sender_item *item, struct outbox_report *r, uint64_t line, bool never)
{
    const struct report_origin origin = {item->number, item->control_id, {NULL, 0}, line};
    r->id = item->id;
    bool fine = s->config->confirms ? confirm(&item->line, r, never) : report_line(&item->line, r, &origin);
    if (!fine)
        log_line(LOG_ERROR, "there is no memory for the report on message %llu", (unsigned long long)item->number);
    item->state = REPORTED;
}

/* It was sent: that is to be remembered. */
static void note(struct sender *s, const struct sender_item *item)
{
    if (s->sent && sent_add(s->sent, &item->key)) {
        s->unsaved++;
    } else if (s->sent) {
        s->forgetful = true;
        log_line(LOG_ERROR, "memory is exhausted: message %llu may be sent again", (unsigned long long)item->number);
    }
}

static void fill(struct sender *s, int64_t now);

static void on_report(void *context, const struct outbox_report *report)
{
    struct sender *s = context;
    struct outbox_report r = *report;
    uint64_t number;
    memcpy(&number, r.id.p, sizeof number);
    struct sender_item *item = find(s, number);
    bool wrong = !r.sent && !r.attempts && strncmp(r.reason, "bad-text", 8) == 0;
    bool never = wrong || (r.delivery && r.delivery->result == DELIVERY_NEVER);
    s->flying--;
    s->delivered += r.sent;
    s->failed += !r.sent && !wrong;
    s->wrong += wrong;
    decide(s, item, &r, 0, never);
    if (r.sent)
        note(s, item);
    fill(s, clock_ms());
}

static bool is_stalled(void *context)
{
    const struct sender *s = context;
    return target_stdout_waiting(&s->hub->handover->out) > SENDER_STALL;
}

/* ---- taking ---- */

bool sender_full(const struct sender *s)
{
    return s->over || (s->config->limit && s->taken >= s->config->limit);
}

bool sender_rests(const struct sender *s)
{
    return s->held >= SENDER_HELD || s->bytes >= SENDER_BYTES || is_stalled((void *)(uintptr_t)s);
}

static unsigned char *copy(unsigned char *to, struct outbox_slice *to_slice, struct outbox_slice from)
{
    *to_slice = (struct outbox_slice){from.p ? to : NULL, from.n};
    if (from.n)
        memcpy(to, from.p, from.n);
    return to + from.n;
}

static struct sender_item *create(struct sender *s, const struct messages_item *m, int64_t now)
{
    size_t size = sizeof(struct sender_item) + m->id.n + m->control_id.n + m->text.n;
    struct sender_item *item = malloc(size);
    if (!item)
        return NULL;
    *item = (struct sender_item){.number = ++s->taken, .came = now, .size = size};
    unsigned char *to = copy(item->own, &item->id, m->id);
    to = copy(to, &item->control_id, m->control_id);
    copy(to, &item->text, m->text);
    *s->last = item;
    s->last = &item->next;
    s->held++;
    s->bytes += size;
    return item;
}

/* Whether it was sent before. */
static bool is_known(struct sender *s, struct sender_item *item)
{
    bool known = false;
    if (s->sent && !sent_look(s->sent, item->id.p, item->id.n, item->text.p, item->text.n, &item->key, &known))
        log_line(LOG_ERROR, "memory is exhausted: message %llu may be sent again", (unsigned long long)item->number);
    return known;
}

void sender_take(struct sender *s, const struct messages_item *m, int64_t now)
{
    struct outbox_report r = {.link = s->link};
    if (sender_full(s))
        return;
    struct sender_item *item = create(s, m, now);
    if (!item) {
        s->failed++;
        log_line(LOG_ERROR, "there is no memory for a message in line %llu: it is not sent",
                 (unsigned long long)m->line);
    } else if (m->wrong) {
        s->wrong++;
        log_line(LOG_ERROR, "line %llu: %s", (unsigned long long)m->line, m->wrong);
        r.reason = m->wrong;
        decide(s, item, &r, m->line, strcmp(m->wrong, "no-memory") != 0);
    } else if (is_known(s, item)) {
        s->known++;
        r.sent = true;
        r.reason = "sent-before";
        decide(s, item, &r, 0, false);
    } else if (!s->next) {
        s->next = item;
    }
    fill(s, now);
}

/* ---- sending ---- */

/* Begins what can be begun. What goes after a message that was sent waits until that is remembered: whatever happens,
 * nothing is sent again that came before it. */
static void fill(struct sender *s, int64_t now)
{
    if (s->filling)
        return;
    s->filling = true; /* what fails at once is reported within */
    while (s->next && s->link && (s->hub->stopping || s->flying + s->unsaved < s->config->parallel)) {
        struct sender_item *item = s->next;
        while (s->next && (s->next == item || s->next->state != WAITING))
            s->next = s->next->next;
        item->state = FLYING;
        s->flying++;
        const struct outbox_message m = {.id = {(unsigned char *)&item->number, sizeof item->number},
                                         .text = item->text,
                                         .came = s->config->confirms ? item->came : 0};
        outbox_add(&s->outbox, s->link, &m, now);
    }
    s->filling = false;
}

/* Gives up what waits, all at once: nobody would read the reports. */
static void abandon(struct sender *s)
{
    uint64_t n = 0;
    for (; s->next; s->next = s->next->next) {
        n += s->next->state == WAITING; /* behind one that waits, none is on its way */
        s->next->state = REPORTED;
    }
    s->failed += n;
    if (n)
        log_line(LOG_ERROR, "stopping: messages not tried: %llu", (unsigned long long)n);
}

/* Has what was sent remembered before anybody is told of it. */
static bool remember(struct sender *s, int64_t now)
{
    char times[64];
    if (!s->sent || !sent_unsaved(s->sent))
        return true;
    if (sent_sync(s->sent) == JOURNAL_OK) {
        s->unsaved = 0;
        s->again = 0;
        if (log_fault_ends(&s->sent_fault))
            log_line(LOG_ERROR, "--state: it is written again");
        return true;
    }
    uint64_t n = log_fault_happens(&s->sent_fault, now);
    if (n)
        log_line(LOG_ERROR, "--state: %s%s", s->sent->journal.why, log_fault_times(n, times));
    return false;
}

static void release(struct sender *s)
{
    struct sender_item *item = s->first;
    s->first = item->next;
    if (!s->first)
        s->last = &s->first;
    s->held--;
    s->bytes -= item->size;
    bytes_free(&item->line);
    free(item);
}

/* Puts out what is decided, as far as those before it are. */
static void flush(struct sender *s, int64_t now)
{
    if (!remember(s, now)) {
        s->again = now + AGAIN_MS;
        if (!s->hub->stopping)
            return;
        s->forgetful = true; /* nothing is gained by waiting */
    }
    while (s->first && s->first->state == REPORTED) {
        target_stdout_put(&s->hub->handover->out, s->first->line.data, s->first->line.len);
        release(s);
    }
}

/* ---- the loop's questions ---- */

static struct sender *of(struct loop_source *source)
{
    return (struct sender *)((char *)source - offsetof(struct sender, source));
}

static bool is_finished(const struct sender *s)
{
    return sender_full(s) && !s->first && !s->hub->stopping;
}

static int64_t deadline(struct loop_source *source)
{
    const struct sender *s = of(source);
    if (is_finished(s))
        return 0;
    return s->unsaved || (s->first && s->first->state == REPORTED) ? s->again : INT64_MAX;
}

static void tick(struct loop_source *source, int64_t now)
{
    struct sender *s = of(source);
    flush(s, now);
    fill(s, now);
    if (is_finished(s))
        hub_stop(s->hub, LAST_WORDS_MS, now);
}

/* ---- from outside ---- */

void sender_open(struct sender *s, const struct sender_config *config, struct hub *hub, struct sent *sent)
{
    const struct outbox_hooks hooks = {s, on_report, is_stalled};
    *s = (struct sender){.config = config, .hub = hub, .sent = sent, .last = NULL};
    s->last = &s->first;
    s->source = (struct loop_source){.fd = -1, .deadline = deadline, .tick = tick};
    outbox_open(&s->outbox, &config->outbox, &hooks, &hub->held);
    loop_add(&hub->loop, &s->source);
    loop_add(&hub->loop, &s->outbox.source);
}

void sender_use(struct sender *s, struct link *link)
{
    s->link = link;
}

void sender_finish(struct sender *s)
{
    s->over = true;
}

void sender_up(void *context, struct connection *c, int64_t now)
{
    (void)now;
    outbox_up(&((struct sender *)context)->outbox, c);
}

void sender_down(void *context, struct connection *c, int64_t now)
{
    (void)now;
    outbox_down(&((struct sender *)context)->outbox, c);
}

void sender_done(void *context, struct connection *c, const struct delivery *delivery, int64_t now)
{
    outbox_done(&((struct sender *)context)->outbox, c, delivery, now);
}

void sender_stopping(void *context, int64_t now)
{
    struct sender *s = context;
    s->cut = !sender_full(s);
    s->over = true;
    if (s->hub->handover->failed)
        abandon(s);
    outbox_stop(&s->outbox, s->hub->deserted ? "no-connection" : "stopping", s->hub->stop_by, now);
    fill(s, now); /* what waits is reported */
    flush(s, now);
}

void sender_close(struct sender *s)
{
    while (s->first)
        release(s);
    outbox_close(&s->outbox);
}
