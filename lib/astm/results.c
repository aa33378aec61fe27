#include "astm/results.h"

#include "out/json.h"

/* The text of a slice, escapes resolved, under that key. */
static bool put(struct astm_view *v, enum result_key key, struct astm_slice text)
{
    size_t from = v->result.text.len;
    return astm_unescape(&v->delimiters, v->charset, text, &v->result.text) && result_take(&v->result, key, from);
}

static struct astm_slice field(const struct astm_view *v, struct astm_slice record, size_t number)
{
    return astm_field(record, &v->delimiters, number);
}

static struct astm_slice component(const struct astm_view *v, struct astm_slice whole, size_t number)
{
    return astm_part(astm_part(whole, v->delimiters.repeat, 0), v->delimiters.component, number - 1);
}

/* The field with its components joined by ^, whatever the sender's delimiter, without empty ones at its end. */
static bool put_name(struct astm_view *v, enum result_key key, struct astm_slice name)
{
    size_t from = v->result.text.len, end = from;
    for (size_t i = 1; name.n; i++) {
        struct astm_slice part = component(v, name, i);
        if (i > 1 && !bytes_puts(&v->result.text, "^"))
            return false;
        if (!astm_unescape(&v->delimiters, v->charset, part, &v->result.text))
            return false;
        if (part.n)
            end = v->result.text.len;
        if (part.p + part.n == name.p + name.n || part.p[part.n] != v->delimiters.component)
            break;
    }
    v->result.text.len = end;
    return result_take(&v->result, key, from);
}

static bool put_parts(struct astm_view *v, enum result_key key, struct astm_slice whole, unsigned char delimiter,
                      bool empty_too)
{
    const unsigned char *p = whole.p, *end = whole.p + whole.n;
    while (whole.n) {
        const unsigned char *stop = delimiter ? memchr(p, delimiter, (size_t)(end - p)) : NULL;
        struct astm_slice part = {p, (size_t)((stop ? stop : end) - p)};
        if ((part.n || empty_too) && !put(v, key, part))
            return false;
        if (!stop)
            break;
        p = stop + 1;
    }
    return true;
}

static struct astm_slice either(struct astm_slice a, struct astm_slice b)
{
    return a.n ? a : b;
}

static struct astm_slice last_component(const struct astm_view *v, struct astm_slice id)
{
    struct astm_slice last = {id.p, 0};
    const unsigned char *p = id.p, *end = id.p + id.n;
    while (p <= end) {
        const unsigned char *stop = v->delimiters.component && p < end
                                        ? memchr(p, v->delimiters.component, (size_t)(end - p))
                                        : NULL;
        size_t n = (size_t)((stop ? stop : end) - p);
        if (n)
            last = (struct astm_slice){p, n};
        if (!stop)
            break;
        p = stop + 1;
    }
    return last;
}

/* The sender's name: the first component of H.5 that is there. */
static struct astm_slice sender_name(const struct astm_view *v)
{
    struct astm_slice sender = astm_part(field(v, v->header, 5), v->delimiters.repeat, 0);
    while (sender.n && *sender.p == v->delimiters.component) {
        sender.p++;
        sender.n--;
    }
    return astm_part(sender, v->delimiters.component, 0);
}

static bool put_envelope(struct astm_view *v)
{
    const struct envelope *e = v->envelope;
    struct result *r = &v->result;
    return result_set(r, RESULT_PROTOCOL, "astm", 4) && result_set(r, RESULT_MESSAGE_ID, e->id, strlen(e->id)) &&
           (!e->link || result_set(r, RESULT_LINK, e->link, strlen(e->link))) &&
           (!e->source || result_set(r, RESULT_SOURCE, e->source, strlen(e->source))) &&
           (!e->received || result_set(r, RESULT_RECEIVED, e->received, strlen(e->received)));
}

static bool put_patient(struct astm_view *v)
{
    struct astm_slice p = v->patient;
    struct astm_slice id = either(component(v, field(v, p, 4), 1), component(v, field(v, p, 3), 1));
    return put(v, RESULT_PATIENT_ID, either(id, component(v, field(v, p, 5), 1))) &&
           put_name(v, RESULT_PATIENT_NAME, astm_part(field(v, p, 6), v->delimiters.repeat, 0)) &&
           put(v, RESULT_SPECIMEN_ID,
               either(component(v, field(v, v->order, 3), 1), component(v, field(v, v->order, 4), 1)));
}

static bool put_test(struct astm_view *v, struct astm_slice record)
{
    struct astm_slice id = astm_part(field(v, record, 3), v->delimiters.repeat, 0);
    struct astm_slice local = component(v, id, 4);
    return put(v, RESULT_TEST, local.n ? local : last_component(v, id)) &&
           put_parts(v, RESULT_TEST_ID, id, v->delimiters.component, true) &&
           put(v, RESULT_TEST_NAME, component(v, id, 2)) && put(v, RESULT_TEST_SYSTEM, component(v, id, 3));
}

static bool has(struct astm_slice s, unsigned char c)
{
    return c && s.n && memchr(s.p, c, s.n);
}

static bool put_value(struct astm_view *v, struct astm_slice record)
{
    struct astm_slice value = field(v, record, 4);
    size_t from = v->result.text.len;
    if (!put(v, RESULT_VALUE, value))
        return false;
    size_t n = v->result.text.len - from;
    const char *type = n ? result_value_type(v->result.text.data + from, n) : "";
    if (!result_set(&v->result, RESULT_VALUE_TYPE, type, strlen(type)))
        return false;
    if (!has(value, v->delimiters.component) && !has(value, v->delimiters.repeat))
        return true;
    from = v->result.text.len;
    return astm_value_json(v, value, &v->result.text) && result_take(&v->result, RESULT_VALUE_PARTS, from);
}

static bool put_observed(struct astm_view *v, struct astm_slice record)
{
    struct astm_slice when = either(field(v, record, 13), field(v, record, 12));
    return !when.n || result_observed(&v->result, when.p, when.n);
}

/* The comments that follow the record directly. */
static bool put_comments(struct astm_view *v, struct astm_slice following)
{
    size_t at = 0;
    struct astm_slice record;
    while (astm_record_next(following.p, following.n, &at, &record)) {
        struct astm_slice type = field(v, record, 1);
        if (type.n != 1 || *type.p != 'C')
            break;
        struct astm_slice text = field(v, record, 4);
        if (text.n && !put(v, RESULT_COMMENTS, text))
            return false;
    }
    return true;
}

static bool is_q(struct astm_slice s)
{
    return s.n == 1 && *s.p == 'Q';
}

bool astm_result_line(struct astm_view *v, struct astm_slice record, struct astm_slice following, struct bytes *out)
{
    struct astm_slice operators = field(v, record, 11);
    struct astm_slice instrument = either(component(v, field(v, record, 14), 1), sender_name(v));
    result_begin(&v->result);
    v->result.qc = is_q(field(v, v->order, 12)) || is_q(field(v, v->header, 12));
    bool fine = put_envelope(v) && put(v, RESULT_INSTRUMENT, instrument) && put_patient(v) && put_test(v, record) &&
                put_value(v, record) && put(v, RESULT_UNITS, field(v, record, 5)) &&
                put(v, RESULT_REFERENCE_RANGE, field(v, record, 6)) &&
                put_parts(v, RESULT_FLAGS, field(v, record, 7), v->delimiters.repeat, false) &&
                put(v, RESULT_STATUS, field(v, record, 9)) && put_observed(v, record) &&
                put(v, RESULT_OPERATOR, either(component(v, operators, 1), component(v, operators, 2))) &&
                put_comments(v, following);
    return fine && (v->config->format == VIEW_TSV ? result_tsv(out, &v->result) : result_json(out, &v->result));
}
