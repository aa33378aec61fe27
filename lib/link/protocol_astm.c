#include "astm/query.h"
#include "link/protocol.h"

#include "astm/encode.h"

#include <stdio.h>

static enum log_level level_of(enum astm_notice notice)
{
    switch (notice) {
    case ASTM_NOTICE_LOST:
    case ASTM_NOTICE_SPOILED:
    case ASTM_NOTICE_NO_MEMORY:
        return LOG_ERROR;
    case ASTM_NOTICE_DROPPED:
    case ASTM_NOTICE_BAD_CHECKSUM:
    case ASTM_NOTICE_MALFORMED:
    case ASTM_NOTICE_WRONG_NUMBER:
    case ASTM_NOTICE_NOT_HANDED:
    case ASTM_NOTICE_REFUSED:
    case ASTM_NOTICE_NO_REPLY:
    case ASTM_NOTICE_LEARNED:
    case ASTM_NOTICE_BUSY:
        return LOG_EVENT;
    default:
        return LOG_DETAIL;
    }
}

/* ---- the machine ---- */

static void on_notice(void *context, enum astm_notice notice, const char *text)
{
    struct machine *m = context;
    const struct machine_notice told = {&protocol_astm, notice, level_of(notice), astm_notice_name(notice), text};
    m->owner.observer->notice(m->owner.context, &told);
}

static void on_wire(void *context, const struct astm_wire *wire)
{
    struct machine *m = context;
    m->owner.observer->wire(m->owner.context, &(struct machine_wire){.astm = wire});
}

static void on_acknowledged(void *context, uint64_t first, uint64_t last, bool proven)
{
    struct machine *m = context;
    m->owner.observer->acknowledged(m->owner.context, first, last, proven);
}

static void init(struct machine *m)
{
    struct astm_observer observer = {m->owner.observer->wire ? on_wire : NULL, on_notice, on_acknowledged, m};
    astm_link_init(&m->astm, &m->config->astm, &observer, m->seed);
}

static size_t push(struct machine *m, const unsigned char *bytes, size_t n, int64_t now)
{
    m->astm.pausing = m->signs.looking;
    return astm_link_push(&m->astm, bytes, n, now);
}

static struct delivery delivery_of(const struct astm_event *event)
{
    bool yielded = event->outcome == ASTM_INTERRUPTED || event->outcome == ASTM_YIELDED;
    return (struct delivery){
        .result = event->outcome == ASTM_SENT ? DELIVERY_SENT
                  : yielded                   ? DELIVERY_YIELDED
                                              : DELIVERY_LATER,
        .outcome = astm_outcome_name(event->outcome),
        .code = "",
        .frame = event->frame,
        .frames = event->frames,
    };
}

static size_t count_records(const struct message *m)
{
    size_t n = 0;
    const unsigned char *p = m->text, *end = p + m->len;
    while (p < end && (p = memchr(p, '\r', (size_t)(end - p)))) {
        n++;
        p++;
    }
    return n;
}

static bool next(struct machine *m, struct machine_event *event)
{
    struct astm_event e;
    if (!astm_link_next(&m->astm, &e))
        return false;
    if (e.kind == ASTM_EVENT_MESSAGE) {
        *event = (struct machine_event){MACHINE_MESSAGE, .message = e.message, .ticket = e.ticket,
                                        .session = m->astm.session, .owed = e.owed};
        event->message.records = count_records(&e.message);
    } else {
        *event = (struct machine_event){MACHINE_DELIVERY, .delivery = delivery_of(&e)};
    }
    return true;
}

static void answer(struct machine *m, uint64_t ticket, enum verdict verdict, const struct reply *reply, int64_t now)
{
    (void)reply; /* it goes out as a message of its own */
    astm_link_answer(&m->astm, ticket, verdict, now);
}

static bool awaits(const struct machine *m, uint64_t ticket)
{
    return astm_link_awaits(&m->astm, ticket);
}

static void settle(struct machine *m, int64_t now)
{
    astm_link_settle(&m->astm, now);
}

static bool mute(const struct machine *m)
{
    return astm_link_waiting(&m->astm) && !astm_link_receiving(&m->astm);
}

static bool waiting(const struct machine *m)
{
    return astm_link_waiting(&m->astm);
}

static bool indebted(const struct machine *m)
{
    return m->astm.owed != 0;
}

/* A frame that waits for its verdict, or for its refusal, is refused as if the time for it were over. */
static void refuse(struct machine *m, int64_t now)
{
    (void)now;
    if (waiting(m) && !mute(m))
        astm_link_tick(&m->astm, astm_link_deadline(&m->astm));
}

static bool put_up(struct machine *m, const unsigned char *text, size_t n, int64_t now)
{
    return astm_link_send(&m->astm, text, n, now);
}

static bool withdraw(struct machine *m)
{
    return astm_link_withdraw(&m->astm);
}

static const char *unsendable(const unsigned char *text, size_t n)
{
    return astm_is_header(text, n) ? protocol_restricted(text, n) : "it does not begin with an H record";
}

static enum record_role role(const unsigned char *record, size_t n)
{
    bool last = *record == 'L' && (n == 1 || astm_is_header((const unsigned char[]){'H', record[1]}, 2));
    return astm_is_header(record, n) ? RECORD_FIRST : last ? RECORD_LAST : RECORD_INNER;
}

static void control_id(const unsigned char *text, size_t n, const unsigned char **id, size_t *len)
{
    struct astm_delimiters d = astm_delimiters_of(text, n);
    struct astm_slice header = {(const unsigned char *)"", 0};
    size_t at = 0;
    astm_record_next(text, n, &at, &header);
    struct astm_slice field = astm_field(header, &d, 3);
    *id = field.p;
    *len = field.n;
}

static const unsigned char *out(const struct machine *m, size_t *n)
{
    return astm_link_out(&m->astm, n);
}

static void sent(struct machine *m, size_t n, int64_t now)
{
    astm_link_sent(&m->astm, n, now);
}

static int64_t deadline(const struct machine *m)
{
    return astm_link_deadline(&m->astm);
}

static void tick(struct machine *m, int64_t now)
{
    astm_link_tick(&m->astm, now);
}

static void eof(struct machine *m, int64_t now)
{
    astm_link_eof(&m->astm, now);
}

static bool idle(const struct machine *m)
{
    return astm_link_idle(&m->astm);
}

static bool quiet(const struct machine *m)
{
    return astm_link_quiet(&m->astm);
}

static bool resting(const struct machine *m)
{
    return astm_link_resting(&m->astm);
}

static size_t held(const struct machine *m)
{
    return astm_link_held(&m->astm);
}

static void release(struct machine *m)
{
    astm_link_free(&m->astm);
}

/* While a message is owed, ENQ is answered with NAK. */
static void inform(struct machine *m, size_t room, int debts)
{
    m->astm.allowance = m->astm.assembly.text.len + room;
    m->astm.owed += (unsigned)debts;
}

/* ---- messages ---- */

static const char *refusal(const struct link_config *config, const struct message *m)
{
    size_t at = 0;
    struct astm_slice header = {m->text, 0};
    if (!config->password)
        return NULL;
    struct astm_delimiters d = astm_delimiters_of(m->text, m->len);
    if (astm_is_header(m->text, m->len))
        astm_record_next(m->text, m->len, &at, &header);
    struct astm_slice given = astm_field(header, &d, 4);
    bool fits = given.n == strlen(config->password) && memcmp(given.p, config->password, given.n) == 0;
    return fits ? NULL : "its password (H.4) is not the one expected";
}

static bool key(const struct message *m, unsigned char bytes[16], bool *query)
{
    astm_message_key(m, bytes);
    *query = astm_query_of(m->text, m->len) != ASTM_QUERY_NONE;
    return true;
}

static bool cancels(const struct message *m)
{
    return astm_query_of(m->text, m->len) == ASTM_QUERY_CANCELLED;
}

/* ---- views ---- */

static bool view_begin(struct views *v, const struct link_config *config, bool line, const struct message *m,
                       const struct envelope *envelope)
{
    if (line) {
        v->astm_line = config->astm_view;
        v->astm_line.format = VIEW_MESSAGE;
    }
    v->get.paths = line ? NULL : config->get;
    astm_get_begin(&v->get);
    return astm_view_begin(&v->astm, line ? &v->astm_line : &config->astm_view, m, envelope);
}

static enum view_progress view_more(struct views *v, struct bytes *out)
{
    return v->get.paths ? astm_get_more(&v->get, &v->astm, out) : astm_view_more(&v->astm, out);
}

static bool wire_line(struct bytes *out, const struct machine_wire *wire, const struct envelope *envelope)
{
    return astm_wire_line(out, wire->astm, envelope);
}

static void wire_text(const struct machine_wire *wire, char *out, size_t n)
{
    const struct astm_wire *w = wire->astm;
    const struct astm_frame *f = w->frame;
    const char *end = f && f->end == ASTM_ETX ? "ETX" : "ETB";
    if (f && w->sent)
        snprintf(out, n, "> frame %d %s, %zu bytes", f->number, end, f->len);
    else if (f)
        snprintf(out, n, "< frame %d %s, %zu bytes, checksum %02X, computed %02X", f->number, end, f->len,
                 (unsigned)f->given & 0xFF, (unsigned)f->computed);
    else
        snprintf(out, n, "%c %s", w->sent ? '>' : '<', w->event);
}

const struct protocol protocol_astm = {
    .name = "astm",
    .tells_acknowledged = true,
    .farewell = ASTM_EOT,
    .init = init,
    .push = push,
    .next = next,
    .answer = answer,
    .awaits = awaits,
    .settle = settle,
    .refuse = refuse,
    .send = put_up,
    .withdraw = withdraw,
    .unsendable = unsendable,
    .out = out,
    .sent = sent,
    .deadline = deadline,
    .tick = tick,
    .eof = eof,
    .idle = idle,
    .quiet = quiet,
    .resting = resting,
    .waiting = waiting,
    .mute = mute,
    .indebted = indebted,
    .held = held,
    .free = release,
    .inform = inform,
    .role = role,
    .control_id = control_id,
    .encode = astm_encode,
    .refusal = refusal,
    .key = key,
    .cancels = cancels,
    .view_begin = view_begin,
    .view_more = view_more,
    .wire_line = wire_line,
    .wire_text = wire_text,
};
