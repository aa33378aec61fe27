#include "link/protocol.h"

#include "hl7/encode.h"

#include <stdio.h>

static enum log_level level_of(enum hl7_notice notice)
{
    switch (notice) {
    case HL7_NOTICE_BLANKS:
    case HL7_NOTICE_BATCH:
    case HL7_NOTICE_CONDITION:
    case HL7_NOTICE_COMMIT:
        return LOG_DETAIL;
    case HL7_NOTICE_UNREADABLE:
    case HL7_NOTICE_TOO_LONG:
    case HL7_NOTICE_TOO_SLOW:
    case HL7_NOTICE_NO_MEMORY:
    case HL7_NOTICE_NOT_HANDED:
        return LOG_ERROR;
    default:
        return LOG_EVENT;
    }
}

/* ---- the machine ---- */

static void on_notice(void *context, enum hl7_notice notice, const char *text)
{
    struct machine *m = context;
    const struct machine_notice told = {&protocol_hl7, notice, level_of(notice), hl7_notice_name(notice), text};
    m->owner.observer->notice(m->owner.context, &told);
}

static void on_wire(void *context, const struct hl7_wire *wire)
{
    struct machine *m = context;
    struct hl7_wire shown = *wire;
    if (strcmp(wire->event, "ACK") == 0 || strcmp(wire->event, "NAK") == 0)
        shown.len = 0; /* that of a single byte says nothing */
    m->owner.observer->wire(m->owner.context, &(struct machine_wire){.hl7 = &shown});
}

static void on_stamp(void *context, struct hl7_stamp *stamp)
{
    struct machine *m = context;
    m->owner.observer->stamp(m->owner.context, stamp);
}

/* What is to be sent is UTF-8 until it is put up. */
static void on_follow(void *context, const unsigned char *text, size_t n)
{
    struct machine *m = context;
    struct bytes utf8 = {0};
    struct charset *charset = m->config->hl7_view.charset;
    if (!charset)
        m->owner.observer->follow(m->owner.context, text, n);
    else if (charset_to_utf8(charset, text, n, &utf8) != CHARSET_NOMEM)
        m->owner.observer->follow(m->owner.context, utf8.data, utf8.len);
    else
        on_notice(m, HL7_NOTICE_OWN_ANSWER, "there is no memory for what was given back with the answer: not sent");
    bytes_free(&utf8);
}

static void init(struct machine *m)
{
    const struct machine_observer *o = m->owner.observer;
    struct hl7_observer observer = {
        o->wire ? on_wire : NULL,    on_notice, o->stamp ? on_stamp : NULL, m, m->owner.spares,
        o->follow ? on_follow : NULL};
    hl7_link_init(&m->hl7, &m->config->hl7, &observer);
    m->hl7.noise_told = m->signs.noise_told;
    m->hl7.blank_told = m->signs.blanks_told;
}

static size_t push(struct machine *m, const unsigned char *bytes, size_t n, int64_t now)
{
    m->hl7.pausing = m->signs.looking;
    return hl7_link_push(&m->hl7, bytes, n, now);
}

static struct message neutral(struct hl7_message *h)
{
    return (struct message){
        .text = h->text,
        .len = h->len,
        .notes = h->notes,
        .notes_len = h->notes_len,
        .records = h->segments,
        .complete = h->complete,
        .framed = h->framed,
        .utf16 = h->utf16,
        .offset = h->offset,
        .own = h,
    };
}

/* The message as HL7 has it: at hand, or put together in `space`. */
static struct hl7_message *own_of(const struct message *m, struct hl7_message *space)
{
    if (m->own)
        return m->own;
    *space = (struct hl7_message){
        .text = m->text,
        .len = m->len,
        .notes = m->notes,
        .notes_len = m->notes_len,
        .complete = m->complete,
        .framed = m->framed,
        .utf16 = m->utf16,
        .offset = m->offset,
    };
    hl7_header_read(&space->header, m->text, m->len);
    return space;
}

static struct delivery delivery_of(const struct hl7_event *event)
{
    static const enum delivery_result results[] = {
        [HL7_SENT] = DELIVERY_SENT, [HL7_ERROR] = DELIVERY_LATER,     [HL7_REJECTED] = DELIVERY_NEVER,
        [HL7_ODD] = DELIVERY_LATER, [HL7_NO_ANSWER] = DELIVERY_LATER, [HL7_UNSENT] = DELIVERY_LATER,
    };
    return (struct delivery){
        .result = results[event->outcome],
        .outcome = hl7_outcome_name(event->outcome),
        .reconnect = event->outcome == HL7_NO_ANSWER,
        .uncommitted = event->uncommitted,
        .code = hl7_code_name(event->code),
        .text = event->msa.text.p,
        .len = event->msa.text.n,
        .answer = {event->text.p, event->text.n},
    };
}

static bool next(struct machine *m, struct machine_event *event)
{
    struct hl7_event e;
    if (!hl7_link_next(&m->hl7, &e))
        return false;
    if (e.kind == HL7_EVENT_MESSAGE) {
        *event = (struct machine_event){MACHINE_MESSAGE, .message = neutral(e.message), .ticket = e.ticket};
    } else {
        *event = (struct machine_event){MACHINE_DELIVERY, .delivery = delivery_of(&e)};
    }
    return true;
}

static void answer(struct machine *m, uint64_t ticket, enum verdict verdict, const struct reply *reply, int64_t now)
{
    struct bytes text = {0};
    struct charset *charset = m->config->hl7_view.charset;
    struct reply own = reply ? *reply : (struct reply){0};
    if (charset && own.text) {
        bool fine = charset_from_utf8(charset, own.text, own.len, &text);
        own.text = fine ? text.data : NULL;
        own.len = text.len;
        if (!fine)
            on_notice(m, HL7_NOTICE_OWN_ANSWER, "what was given back is not in the link's character set: not sent");
    }
    hl7_link_answer(&m->hl7, ticket, verdict, &own, now);
    bytes_free(&text);
}

/* Nothing is owed: each message is answered after its hand-over. */
static void settle(struct machine *m, int64_t now)
{
    (void)m;
    (void)now;
}

static bool waiting(const struct machine *m)
{
    return hl7_link_waiting(&m->hl7);
}

static bool never(const struct machine *m)
{
    (void)m;
    return false;
}

static void refuse(struct machine *m, int64_t now)
{
    if (waiting(m))
        hl7_link_answer(&m->hl7, m->hl7.ticket, VERDICT_LATER, NULL, now);
}

static bool put_up(struct machine *m, const unsigned char *text, size_t n, int64_t now)
{
    return hl7_link_send(&m->hl7, text, n, now);
}

static bool confusable(const struct machine *m, const unsigned char *text, size_t n)
{
    return hl7_link_confusable(&m->hl7, text, n);
}

static const char *unsendable(const unsigned char *text, size_t n)
{
    struct hl7_header h;
    const char *why = protocol_restricted(text, n);
    return why || hl7_header_read(&h, text, n) ? why : "it has no MSH segment that can be read";
}

static enum record_role role(const unsigned char *record, size_t n)
{
    static const char envelopes[][4] = {"FHS", "BHS", "BTS", "FTS"};
    if (hl7_begins(record, n, "MSH"))
        return RECORD_FIRST;
    for (size_t i = 0; i < sizeof envelopes / sizeof *envelopes; i++)
        if (hl7_begins(record, n, envelopes[i]) || (n == 3 && memcmp(record, envelopes[i], 3) == 0))
            return RECORD_ENVELOPE;
    return RECORD_INNER;
}

static void control_id(const unsigned char *text, size_t n, const unsigned char **id, size_t *len)
{
    struct hl7_header h;
    hl7_header_read(&h, text, n);
    *id = h.msh[HL7_CONTROL_ID].p;
    *len = h.msh[HL7_CONTROL_ID].n;
}

static const unsigned char *out(const struct machine *m, size_t *n)
{
    return hl7_link_out(&m->hl7, n);
}

static void sent(struct machine *m, size_t n, int64_t now)
{
    hl7_link_sent(&m->hl7, n, now);
}

static int64_t deadline(const struct machine *m)
{
    return hl7_link_deadline(&m->hl7);
}

static void tick(struct machine *m, int64_t now)
{
    hl7_link_tick(&m->hl7, now);
}

static void eof(struct machine *m, int64_t now)
{
    hl7_link_eof(&m->hl7, now);
}

static bool idle(const struct machine *m)
{
    return hl7_link_idle(&m->hl7);
}

static size_t held(const struct machine *m)
{
    return hl7_link_held(&m->hl7);
}

static void release(struct machine *m)
{
    m->signs.noise_told = m->hl7.noise_told;
    m->signs.blanks_told = m->hl7.blank_told;
    hl7_link_free(&m->hl7);
}

static void inform(struct machine *m, size_t room, int debts)
{
    (void)debts;
    m->hl7.allowance = m->hl7.reader.text.len + room;
}

/* ---- messages ---- */

static const char *refusal(const struct link_config *config, const struct message *m)
{
    (void)config;
    (void)m;
    return NULL;
}

static bool key(const struct message *m, unsigned char bytes[16], bool *query)
{
    struct hl7_message space;
    struct hl7_header *h = &own_of(m, &space)->header;
    *query = false;
    if (h->why || !h->msh[HL7_CONTROL_ID].n || hl7_header_query(h))
        return false;
    hl7_header_key(h, bytes);
    return true;
}

/* ---- views ---- */

static bool view_begin(struct views *v, const struct link_config *config, bool line, const struct message *m,
                       const struct envelope *envelope)
{
    struct hl7_message space;
    if (line) {
        v->hl7_line = config->hl7_view;
        v->hl7_line.format = VIEW_MESSAGE;
        v->hl7_line.get = NULL;
    }
    return hl7_view_begin(&v->hl7, line ? &v->hl7_line : &config->hl7_view, own_of(m, &space), envelope);
}

static enum view_progress view_more(struct views *v, struct bytes *out)
{
    return hl7_view_more(&v->hl7, out);
}

static bool wire_line(struct bytes *out, const struct machine_wire *wire, const struct envelope *envelope)
{
    return hl7_wire_line(out, wire->hl7, envelope);
}

static void wire_text(const struct machine_wire *wire, char *out, size_t n)
{
    const struct hl7_wire *w = wire->hl7;
    if (w->len)
        snprintf(out, n, "%c %s, %zu bytes", w->sent ? '>' : '<', w->event, w->len);
    else
        snprintf(out, n, "%c %s", w->sent ? '>' : '<', w->event);
}

const struct protocol protocol_hl7 = {
    .name = "hl7",
    .answers_each = true,
    .farewell = -1,
    .init = init,
    .push = push,
    .next = next,
    .answer = answer,
    .settle = settle,
    .refuse = refuse,
    .send = put_up,
    .confusable = confusable,
    .unsendable = unsendable,
    .out = out,
    .sent = sent,
    .deadline = deadline,
    .tick = tick,
    .eof = eof,
    .idle = idle,
    .quiet = idle,
    .resting = idle,
    .waiting = waiting,
    .mute = never,
    .indebted = never,
    .held = held,
    .free = release,
    .inform = inform,
    .role = role,
    .control_id = control_id,
    .encode = hl7_encode,
    .refusal = refusal,
    .key = key,
    .view_begin = view_begin,
    .view_more = view_more,
    .wire_line = wire_line,
    .wire_text = wire_text,
};
