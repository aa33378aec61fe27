#include "sim/query.h"

#include "astm/query.h"
#include "hl7/ack.h"
#include "hl7/header.h"
#include "sim/text.h"

#include <string.h>

static const struct sim_escapes astm_escapes = {'&', "|^\\&", "FSRE"};
static const struct sim_escapes hl7_escapes = {'\\', "|^&~\\", "FSTRE"};

bool sim_query_parse(const char *name, enum sim_query_kind *kind)
{
    static const struct {
        const char *name;
        enum sim_query_kind kind;
    } names[] = {{"qbp", SIM_QUERY_QBP}, {"law", SIM_QUERY_LAW}, {"qry", SIM_QUERY_QRY}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i].name) == 0) {
            *kind = names[i].kind;
            return true;
        }
    return false;
}

bool sim_query_all(const struct sim_query *q)
{
    return strcmp(q->specimens, "ALL") == 0;
}

/* ---- the query ---- */

/* The next of ids with commas between them. NULL: there is none. */
static const char *next_id(const char **at, size_t *n)
{
    const char *id = *at;
    if (!*id)
        return NULL;
    *n = strcspn(id, ",");
    *at += *n + (id[*n] == ',');
    return id;
}

static bool put_id(struct bytes *out, const char *id, size_t n, const struct sim_escapes *escapes)
{
    struct bytes text = {0};
    bool fine =
        bytes_append(&text, id, n) && bytes_append(&text, "", 1) && sim_text(out, (const char *)text.data, escapes);
    bytes_free(&text);
    return fine;
}

static bool put_astm_ids(const struct sim_query *q, struct bytes *out)
{
    const char *at = q->specimens, *id;
    size_t n;
    bool first = true, fine = true;
    for (; fine && (id = next_id(&at, &n)); first = false)
        fine = bytes_puts(out, first ? "^" : "\\^") && put_id(out, id, n, &astm_escapes);
    return fine;
}

static bool make_astm(const struct sim_query *q, struct bytes *out)
{
    const struct sim_message *m = q->by;
    return bytes_printf(out, "H|\\^&|%s||%s^%s^%s|||||||P|LIS2-A2|%s\rQ|1|", m->control_id, m->instrument, m->version,
                        m->serial, m->sent) &&
           (sim_query_all(q) ? bytes_puts(out, "ALL") : put_astm_ids(q, out)) &&
           bytes_puts(out, "||ALL||||||||O\rL|1|N\r");
}

/* Appends MSH up to MSH-12. */
static bool put_header(const struct sim_query *q, const char *type, const char *version, struct bytes *out)
{
    const struct sim_message *m = q->by;
    return bytes_printf(out, "MSH|^~\\&|%s|%s|||%s||%s|%s|P|%s", m->instrument, m->serial, m->sent, type, m->control_id,
                        version);
}

static bool put_specimen(const struct sim_query *q, struct bytes *out)
{
    return put_id(out, q->specimens, strlen(q->specimens), &hl7_escapes);
}

/* QPD-2 is the control id with a letter before it, lest one be taken for the other. */
static bool make_qbp(const struct sim_query *q, struct bytes *out)
{
    return put_header(q, "QBP^Q11^QBP_Q11", "2.5.1", out) &&
           bytes_printf(out, "||||||UNICODE UTF-8\rQPD|ORDERS^Orders of a specimen^99KS|T%s|", q->by->control_id) &&
           put_specimen(q, out) && bytes_puts(out, "\rRCP|I\r");
}

static bool make_law(const struct sim_query *q, struct bytes *out)
{
    bool all = sim_query_all(q);
    return put_header(q, "QBP^Q11^QBP_Q11", "2.5.1", out) &&
           bytes_printf(out, "|||NE|AL||UNICODE UTF-8|||LAB-27^IHE\rQPD|%s^IHELAW|T%s",
                        all ? "WOS_ALL^Work Order Step All" : "WOS^Work Order Step", q->by->control_id) &&
           (all || (bytes_puts(out, "|") && put_specimen(q, out))) && bytes_puts(out, "\rRCP|I||R^^HL70394\r");
}

static bool make_qry(const struct sim_query *q, struct bytes *out)
{
    const struct sim_message *m = q->by;
    return put_header(q, "QRY^Q02", "2.3.1", out) &&
           bytes_printf(out, "\rQRD|%s|R|D|T%s|||RD|", m->sent, m->control_id) && put_specimen(q, out) &&
           bytes_printf(out, "|OTH|||T\rQRF|%s|||||RCT|COR|ALL\r", m->instrument);
}

bool sim_query_make(const struct sim_query *q, struct bytes *out)
{
    static bool (*const makers[])(const struct sim_query *q, struct bytes *out) = {[SIM_QUERY_ASTM] = make_astm,
                                                                                   [SIM_QUERY_QBP] = make_qbp,
                                                                                   [SIM_QUERY_LAW] = make_law,
                                                                                   [SIM_QUERY_QRY] = make_qry};
    size_t before = out->len;
    if (makers[q->kind](q, out))
        return true;
    out->len = before;
    return false;
}

/* ---- its answer, ASTM ---- */

/* Whether it was asked for: one of the ids, escaped as a query has them. */
static bool is_asked(const struct sim_query *q, const unsigned char *p, size_t n, const struct sim_escapes *escapes)
{
    const char *at = q->specimens, *id;
    size_t id_n;
    bool found = sim_query_all(q);
    while (!found && n && (id = next_id(&at, &id_n))) {
        struct bytes text = {0};
        found = put_id(&text, id, id_n, escapes) && text.len == n && memcmp(text.data, p, n) == 0;
        bytes_free(&text);
    }
    return found;
}

static enum sim_answer judge_astm(const struct sim_query *q, const unsigned char *text, size_t n, const char **why)
{
    struct astm_delimiters d = astm_delimiters_of(text, n);
    struct astm_slice record;
    size_t at = 0, orders = 0;
    while (astm_record_next(text, n, &at, &record)) {
        if (record.n < 2 || record.p[0] != 'O' || record.p[1] != d.field)
            continue;
        struct astm_slice id = astm_part(astm_field(record, &d, 3), d.component, 0);
        if (is_asked(q, id.p, id.n, &astm_escapes))
            return SIM_ANSWER_ORDERS;
        orders++;
    }
    *why = orders ? "orders of another specimen" : "a message without orders";
    return orders ? SIM_ANSWER_OTHER : SIM_ANSWER_NOTHING;
}

/* ---- its answer, HL7 ---- */

/* A field of the first segment of that name behind MSH; without bytes where there is none. */
static struct hl7_slice field_of(const struct hl7_header *h, const char *name, size_t number)
{
    struct hl7_slice segment;
    size_t at = 0;
    while (hl7_segment_next(h->rest.p, h->rest.n, &at, &segment))
        if (hl7_slice_is(hl7_field(segment, &h->separators, 0), name))
            return hl7_field(segment, &h->separators, number);
    return (struct hl7_slice){NULL, 0};
}

static bool is_tag(const struct sim_query *q, struct hl7_slice tag)
{
    size_t n = strlen(q->by->control_id);
    return tag.n == n + 1 && tag.p[0] == 'T' && memcmp(tag.p + 1, q->by->control_id, n) == 0;
}

/* What QAK says; `good` where all is well. */
static enum sim_answer judge_status(const struct sim_query *q, const struct hl7_header *h, enum sim_answer good,
                                    const char **why)
{
    struct hl7_slice tag = field_of(h, "QAK", 1), status = field_of(h, "QAK", 2);
    bool old = q->kind == SIM_QUERY_QRY; /* where QAK may be left out */
    if (!is_tag(q, tag) && !(old && !tag.n)) {
        *why = tag.n ? "QAK-1 is not the query's" : "QAK-1 is missing";
        return SIM_ANSWER_WRONG;
    }
    if (hl7_slice_is(status, "NF")) {
        *why = "QAK-2 is NF";
        return SIM_ANSWER_NOTHING;
    }
    if (hl7_slice_is(status, "OK") || (old && !status.n))
        return good;
    *why = status.n ? "QAK-2 says that the query failed" : "QAK-2 is missing";
    return SIM_ANSWER_WRONG;
}

/* Where all is well the answer has the orders. */
static enum sim_answer judge_rows(const struct sim_query *q, const struct hl7_header *h, const char **why)
{
    enum sim_answer answer = judge_status(q, h, SIM_ANSWER_ORDERS, why);
    if (answer != SIM_ANSWER_ORDERS || field_of(h, "ORC", 0).n || field_of(h, "OBR", 0).n)
        return answer;
    *why = "QAK-2 is OK, and there is no order (ORC, OBR)";
    return SIM_ANSWER_WRONG;
}

/* Whether MSA-2, or in a message without it QRD-4, names the query. */
static bool is_display_of(const struct sim_query *q, const struct hl7_header *h, const char **why)
{
    struct hl7_slice id = field_of(h, "MSA", 2), tag = field_of(h, "QRD", 4);
    *why = id.n && !hl7_slice_is(id, q->by->control_id) ? "MSA-2 is not the query's"
           : tag.n                                      ? is_tag(q, tag) ? NULL : "QRD-4 is not the query's"
           : id.n                                       ? NULL
                                                        : "it has neither MSA-2 nor QRD-4";
    return !*why;
}

/* A display response has lines, or there is nothing to display. */
static enum sim_answer judge_display(const struct sim_query *q, const struct hl7_header *h, const char **why)
{
    if (!is_display_of(q, h, why))
        return SIM_ANSWER_OTHER;
    enum sim_answer answer = judge_status(q, h, SIM_ANSWER_ORDERS, why);
    if (answer != SIM_ANSWER_ORDERS || field_of(h, "DSP", 1).n || field_of(h, "DSP", 3).n)
        return answer;
    *why = "a response without lines";
    return SIM_ANSWER_NOTHING;
}

static bool is_plain(const struct hl7_header *h)
{
    struct hl7_slice type = hl7_header_type(h, 1);
    return !type.n || hl7_slice_is(type, "ACK");
}

bool sim_query_says(const unsigned char *text, size_t n)
{
    struct hl7_header h;
    return hl7_header_read(&h, text, n) && !is_plain(&h);
}

static enum sim_answer judge_answer(const struct sim_query *q, const struct hl7_header *h, const char **why)
{
    struct hl7_slice type = hl7_header_type(h, 1);
    bool old = q->kind == SIM_QUERY_QRY;
    if (is_plain(h)) {
        *why = "a plain acknowledgement";
        return SIM_ANSWER_NOTHING;
    }
    if (old && hl7_slice_is(type, "DSR"))
        return judge_display(q, h, why);
    if (!hl7_slice_is(type, old ? "QCK" : "RSP")) {
        *why = old ? "MSH-9 is neither QCK nor DSR" : "MSH-9 is no RSP";
        return SIM_ANSWER_WRONG;
    }
    return q->kind == SIM_QUERY_QBP ? judge_rows(q, h, why) : judge_status(q, h, SIM_ANSWER_FOLLOWS, why);
}

/* Whether the segment names a specimen that was asked for. */
static bool names_specimen(const struct sim_query *q, const struct hl7_header *h, struct hl7_slice segment)
{
    static const struct {
        const char *segment;
        size_t field, component;
    } places[] = {{"SPM", 2, 0}, {"SPM", 2, 1}, {"SAC", 3, 0}, {"OBR", 2, 0}, {"OBR", 3, 0}};
    const struct hl7_separators *s = &h->separators;
    struct hl7_slice name = hl7_field(segment, s, 0);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (!hl7_slice_is(name, places[i].segment))
            continue;
        struct hl7_slice id = hl7_part(hl7_field(segment, s, places[i].field), s->component, places[i].component);
        id = hl7_part(id, s->subcomponent, 0);
        if (is_asked(q, id.p, id.n, &hl7_escapes))
            return true;
    }
    return false;
}

/* An order, or the one with ORC-1 DC that says that there is none. */
static enum sim_answer judge_order(const struct sim_query *q, const struct hl7_header *h, const char **why)
{
    struct hl7_slice segment;
    bool named = sim_query_all(q), orders = false;
    size_t at = 0;
    while (hl7_segment_next(h->rest.p, h->rest.n, &at, &segment)) {
        named = named || names_specimen(q, h, segment);
        orders |= hl7_slice_is(hl7_field(segment, &h->separators, 0), "ORC") &&
                  !hl7_slice_is(hl7_field(segment, &h->separators, 1), "DC");
    }
    if (!named)
        *why = "an order of another specimen";
    else if (!orders)
        *why = "an order without work";
    return !named ? SIM_ANSWER_OTHER : orders ? SIM_ANSWER_ORDERS : SIM_ANSWER_NOTHING;
}

enum sim_answer sim_query_judge(const struct sim_query *q, const unsigned char *text, size_t n, bool answers,
                                const char **why)
{
    struct hl7_header h;
    *why = NULL;
    if (q->kind == SIM_QUERY_ASTM)
        return judge_astm(q, text, n, why);
    if (!hl7_header_read(&h, text, n)) {
        *why = "it cannot be read";
        return answers ? SIM_ANSWER_WRONG : SIM_ANSWER_OTHER;
    }
    if (answers)
        return judge_answer(q, &h, why);
    if (q->kind == SIM_QUERY_LAW && sim_order_is(text, n, true))
        return judge_order(q, &h, why);
    if (q->kind == SIM_QUERY_QRY && hl7_header_deferred(&h))
        return judge_display(q, &h, why);
    *why = "a message of another kind";
    return SIM_ANSWER_OTHER;
}

/* ---- orders ---- */

bool sim_order_is(const unsigned char *text, size_t n, bool any)
{
    struct hl7_header h;
    return hl7_header_read(&h, text, n) && hl7_slice_is(hl7_header_type(&h, 1), "OML") &&
           hl7_slice_is(hl7_header_type(&h, 2), "O33") && (any || hl7_slice_is(h.msh[HL7_PROFILE], "LAB-28^IHE")) &&
           hl7_ack_asked(&h, NULL, HL7_ACK_AUTO, HL7_CODE_AA);
}

static bool put(struct bytes *out, struct hl7_slice text)
{
    return bytes_append(out, text.p, text.n);
}

/* The separators are theirs, and so is the character set of what is copied. */
static bool put_accept_header(const struct hl7_header *h, const char *time, const char *id, struct bytes *out)
{
    const unsigned char f = h->separators.field, c = h->separators.component ? h->separators.component : '^';
    return bytes_printf(out, "MSH%c", f) && put(out, h->msh[2]) && bytes_printf(out, "%c", f) &&
           put(out, h->msh[HL7_RECEIVING_APPLICATION]) && bytes_printf(out, "%c", f) &&
           put(out, h->msh[HL7_RECEIVING_FACILITY]) && bytes_printf(out, "%c", f) &&
           put(out, h->msh[HL7_SENDING_APPLICATION]) && bytes_printf(out, "%c", f) &&
           put(out, h->msh[HL7_SENDING_FACILITY]) &&
           bytes_printf(out, "%c%s%c%cORL%cO34%cORL_O34%c%s%c", f, time, f, f, c, c, f, id, f) &&
           put(out, h->msh[HL7_PROCESSING_ID]) && bytes_printf(out, "%c", f) && put(out, h->msh[HL7_VERSION]) &&
           bytes_printf(out, "%c%c%cNE%cNE%c%c", f, f, f, f, f, f) && put(out, h->msh[HL7_CHARSET]) &&
           bytes_printf(out, "%c%c%c", f, f, f) && put(out, h->msh[HL7_PROFILE]) &&
           bytes_printf(out, "\rMSA%cAA%c", f, f) && put(out, h->msh[HL7_CONTROL_ID]) && bytes_puts(out, "\r");
}

/* ORC-1 is OK, or CR where theirs cancels; ORC-2 the placer's number; ORC-5 SC. */
static bool put_accept_order(const struct hl7_header *h, struct hl7_slice order, struct bytes *out)
{
    const struct hl7_separators *s = &h->separators;
    const unsigned char f = s->field;
    bool cancels = hl7_slice_is(hl7_field(order, s, 1), "CA");
    return bytes_printf(out, "ORC%c%s%c", f, cancels ? "CR" : "OK", f) && put(out, hl7_field(order, s, 2)) &&
           bytes_printf(out, "%c%c%c%s\r", f, f, f, cancels ? "CA" : "SC");
}

bool sim_order_accept(const unsigned char *text, size_t n, const char *time, const char *id, struct bytes *out)
{
    struct hl7_header h;
    struct hl7_slice segment;
    size_t at = 0, before = out->len;
    bool fine = hl7_header_read(&h, text, n) && put_accept_header(&h, time, id, out);
    while (fine && hl7_segment_next(h.rest.p, h.rest.n, &at, &segment)) {
        struct hl7_slice name = hl7_field(segment, &h.separators, 0);
        if (hl7_slice_is(name, "SPM") || hl7_slice_is(name, "SAC"))
            fine = put(out, segment) && bytes_puts(out, "\r");
        else if (hl7_slice_is(name, "ORC"))
            fine = put_accept_order(&h, segment, out);
    }
    if (!fine)
        out->len = before;
    return fine;
}
