#include "astm/results.h"

static const struct astm_slice nothing = {(const unsigned char *)"", 0};

/* The fields of a record from 1 on; those that are not there are empty. */
static void split(const struct astm_results *s, struct astm_slice record, struct astm_slice *fields, size_t n)
{
    const unsigned char *p = record.p, *end = record.p + record.n;
    for (size_t i = 1; i < n; i++) {
        const unsigned char *stop = p ? memchr(p, s->delimiters->field, (size_t)(end - p)) : NULL;
        fields[i] = p ? (struct astm_slice){p, (size_t)((stop ? stop : end) - p)} : nothing;
        p = stop ? stop + 1 : NULL;
    }
}

static struct astm_slice first_repeat(const struct astm_results *s, struct astm_slice field)
{
    return astm_part(field, s->delimiters->repeat, 0);
}

/* A component of the first repeat, counted from 1. */
static struct astm_slice component(const struct astm_results *s, struct astm_slice field, size_t number)
{
    return astm_part(first_repeat(s, field), s->delimiters->component, number - 1);
}

/* Without empty components at the end. */
static struct astm_slice trim(const struct astm_results *s, struct astm_slice field)
{
    while (s->delimiters->component && field.n && field.p[field.n - 1] == s->delimiters->component)
        field.n--;
    return field;
}

static struct astm_slice either(struct astm_slice a, struct astm_slice b)
{
    return a.n ? a : b;
}

static bool has(struct astm_slice text, unsigned char c)
{
    return c && text.n && memchr(text.p, c, text.n);
}

static bool is_q(struct astm_slice text)
{
    return text.n == 1 && *text.p == 'Q';
}

/* ---- what governs results ---- */

void astm_results_begin(struct astm_results *s, const struct astm_delimiters *delimiters, struct charset *charset)
{
    *s = (struct astm_results){delimiters, charset, nothing, nothing, nothing, nothing, false, false};
}

static void take_header(struct astm_results *s, struct astm_slice record)
{
    struct astm_slice field[13];
    split(s, record, field, 13);
    struct astm_slice sender = first_repeat(s, field[5]);
    while (sender.n && *sender.p == s->delimiters->component) {
        sender.p++;
        sender.n--;
    }
    s->instrument = astm_part(sender, s->delimiters->component, 0);
    s->header_qc = is_q(field[12]);
}

static void take_patient(struct astm_results *s, struct astm_slice record)
{
    struct astm_slice field[7];
    split(s, record, field, 7);
    struct astm_slice id = either(component(s, field[4], 1), component(s, field[3], 1));
    s->patient_id = either(id, component(s, field[5], 1));
    s->patient_name = trim(s, first_repeat(s, field[6]));
    s->specimen_id = nothing;
    s->order_qc = false;
}

static void take_order(struct astm_results *s, struct astm_slice record)
{
    struct astm_slice field[13];
    split(s, record, field, 13);
    s->specimen_id = either(component(s, field[3], 1), component(s, field[4], 1));
    s->order_qc = is_q(field[12]);
}

static unsigned char type_of(const struct astm_results *s, struct astm_slice record)
{
    return record.n == 1 || (record.n && record.p[1] == s->delimiters->field) ? *record.p : 0;
}

bool astm_results_take(struct astm_results *s, struct astm_slice record)
{
    unsigned char type = type_of(s, record);
    if (type == 'H')
        take_header(s, record);
    else if (type == 'P')
        take_patient(s, record);
    else if (type == 'O')
        take_order(s, record);
    return type == 'R';
}

/* ---- a result ---- */

struct filling {
    const struct astm_results *s;
    struct result *r;
};

/* The text of a slice, escapes resolved, under that key. */
static bool put(const struct filling *f, enum result_key key, struct astm_slice text)
{
    size_t from = f->r->text.len;
    return astm_unescape(f->s->delimiters, f->s->charset, text, &f->r->text) && result_take(f->r, key, from);
}

/* Each part of a field, as an item of a list. */
static bool put_parts(const struct filling *f, enum result_key key, struct astm_slice field, unsigned char delimiter,
                      bool empty_too)
{
    while (field.n) {
        struct astm_slice part = astm_part(field, delimiter, 0);
        if ((part.n || empty_too) && !put(f, key, part))
            return false;
        if (part.n == field.n)
            break;
        field.p += part.n + 1;
        field.n -= part.n + 1;
        if (!field.n && empty_too)
            return put(f, key, nothing);
    }
    return true;
}

/* The name with its components joined by ^, whatever the sender's delimiter. */
static bool put_name(const struct filling *f, struct astm_slice name)
{
    struct bytes *text = &f->r->text;
    const unsigned char delimiter = f->s->delimiters->component;
    size_t from = text->len;
    while (name.n) {
        struct astm_slice part = astm_part(name, delimiter, 0);
        bool last = part.n == name.n;
        if (!astm_unescape(f->s->delimiters, f->s->charset, part, text) || (!last && !bytes_puts(text, "^")))
            return false;
        name.p += part.n + !last;
        name.n -= part.n + !last;
    }
    return result_take(f->r, RESULT_PATIENT_NAME, from);
}

static struct astm_slice last_component(const struct astm_results *s, struct astm_slice id)
{
    const unsigned char delimiter = s->delimiters->component;
    size_t n = 0;
    id = trim(s, id);
    while (n < id.n && id.p[id.n - n - 1] != delimiter)
        n++;
    return (struct astm_slice){id.p + id.n - n, n};
}

static bool set(struct result *r, enum result_key key, const char *text)
{
    return !text || result_set(r, key, text, strlen(text));
}

static bool put_envelope(const struct filling *f, const struct envelope *e)
{
    return set(f->r, RESULT_PROTOCOL, "astm") && set(f->r, RESULT_MESSAGE_ID, e->id) &&
           set(f->r, RESULT_LINK, e->link) && set(f->r, RESULT_SOURCE, e->source) &&
           set(f->r, RESULT_RECEIVED, e->received);
}

static bool put_test(const struct filling *f, struct astm_slice field)
{
    const struct astm_results *s = f->s;
    struct astm_slice id = first_repeat(s, field);
    return put(f, RESULT_TEST, either(component(s, id, 4), last_component(s, id))) &&
           put_parts(f, RESULT_TEST_ID, id, s->delimiters->component, true) &&
           put(f, RESULT_TEST_NAME, component(s, id, 2)) && put(f, RESULT_TEST_SYSTEM, component(s, id, 3));
}

static bool put_value(const struct filling *f, struct astm_slice value, struct astm_slice *parts)
{
    size_t from = f->r->text.len;
    bool composed = has(value, f->s->delimiters->component) || has(value, f->s->delimiters->repeat);
    *parts = composed ? value : nothing;
    f->r->parts = composed;
    if (!put(f, RESULT_VALUE, value))
        return false;
    size_t n = f->r->text.len - from;
    return !n || set(f->r, RESULT_VALUE_TYPE, result_value_type(f->r->text.data + from, n));
}

static bool put_observed(const struct filling *f, struct astm_slice when)
{
    struct bytes *text = &f->r->text;
    size_t from = text->len;
    return astm_unescape(f->s->delimiters, f->s->charset, when, text) && result_take_observed(f->r, from);
}

/* The comments that follow the record directly. */
static bool put_comments(const struct filling *f, struct astm_slice following)
{
    size_t at = 0;
    struct astm_slice record;
    while (astm_record_next(following.p, following.n, &at, &record) && type_of(f->s, record) == 'C') {
        struct astm_slice text = astm_field(record, f->s->delimiters, 4);
        if (text.n && !put(f, RESULT_COMMENTS, text))
            return false;
    }
    return true;
}

bool astm_results_fill(const struct astm_results *s, struct astm_slice record, struct astm_slice following,
                       const struct envelope *envelope, struct result *r, struct astm_slice *parts)
{
    const struct filling f = {s, r};
    struct astm_slice field[15];
    split(s, record, field, 15);
    result_begin(r);
    r->qc = s->order_qc || s->header_qc;
    return put_envelope(&f, envelope) &&
           put(&f, RESULT_INSTRUMENT, either(component(s, field[14], 1), s->instrument)) &&
           put(&f, RESULT_PATIENT_ID, s->patient_id) && put_name(&f, s->patient_name) &&
           put(&f, RESULT_SPECIMEN_ID, s->specimen_id) && put_test(&f, field[3]) && put_value(&f, field[4], parts) &&
           put(&f, RESULT_UNITS, field[5]) && put(&f, RESULT_REFERENCE_RANGE, field[6]) &&
           put_parts(&f, RESULT_FLAGS, field[7], s->delimiters->repeat, false) && put(&f, RESULT_STATUS, field[9]) &&
           put_observed(&f, either(field[13], field[12])) &&
           put(&f, RESULT_OPERATOR, either(component(s, field[11], 1), component(s, field[11], 2))) &&
           put_comments(&f, following);
}
