#include "hl7/value.h"

static unsigned char *put(unsigned char *o, const char *text, size_t n)
{
    memcpy(o, text, n);
    return o + n;
}

#define PUT(o, text) put((o), "" text, sizeof(text) - 1)

static bool has(struct hl7_slice text, unsigned char c)
{
    return c && text.n && memchr(text.p, c, text.n);
}

bool hl7_is_null(struct hl7_slice text)
{
    return text.n == 2 && text.p[0] == '"' && text.p[1] == '"';
}

/* ---- levels ---- */

static bool ends_text(const struct hl7_value *v, const unsigned char *p)
{
    return p == v->end || (*p && (*p == v->repetition || *p == v->component || *p == v->subcomponent));
}

static unsigned char *begin_text(struct hl7_value *v, unsigned char *o)
{
    v->quoted = v->end - v->at < 2 || !hl7_is_null((struct hl7_slice){v->at, 2}) || !ends_text(v, v->at + 2);
    if (v->quoted)
        return PUT(o, "\"");
    v->at += 2;
    return PUT(o, "null");
}

static unsigned char *end_text(const struct hl7_value *v, unsigned char *o)
{
    *o = '"';
    return o + v->quoted;
}

static unsigned char *begin_component(struct hl7_value *v, unsigned char *o)
{
    v->array = v->nested;
    if (v->list && v->subcomponent) {
        struct hl7_slice rest = {v->at, (size_t)(v->end - v->at)};
        v->array = has(hl7_part(rest, v->component, 0), v->subcomponent);
    }
    *o = '[';
    return begin_text(v, o + v->array);
}

static unsigned char *end_component(const struct hl7_value *v, unsigned char *o)
{
    o = end_text(v, o);
    *o = ']';
    return o + v->array;
}

unsigned char *hl7_value_begin(struct hl7_value *v, struct hl7_slice text, enum hl7_shape shape, bool verbatim,
                               unsigned char *o)
{
    const struct hl7_separators *s = v->separators;
    bool field = shape == HL7_SHAPE_FIELD;
    bool subcomponents = field && has(text, s->subcomponent);
    v->nested = field && has(text, s->repetition);
    v->list = !v->nested && (subcomponents || (field && has(text, s->component)));
    v->repetition = v->nested ? s->repetition : 0;
    v->component = v->nested || v->list ? s->component : 0;
    v->subcomponent = subcomponents ? s->subcomponent : 0;
    v->escape = verbatim ? 0 : s->escape;
    v->at = v->kept = text.p;
    v->end = text.p + text.n;
    v->open = true;
    if (!field) {
        v->array = false;
        v->quoted = true;
        return PUT(o, "\"");
    }
    o = v->nested ? PUT(o, "[[") : v->list ? PUT(o, "[") : o;
    return begin_component(v, o);
}

/* ---- text ---- */

/* Writes the escape sequence at v->at. Returns o where there is none, or it is kept. */
static unsigned char *resolve(struct hl7_value *v, unsigned char *o)
{
    unsigned char resolved[HL7_ESCAPE_MAX];
    size_t len, kept;
    size_t taken = hl7_escape(v->separators, v->charset, v->at, (size_t)(v->end - v->at), resolved, &len, &kept);
    if (!taken) {
        v->kept = v->at + kept;
        return o;
    }
    v->at += taken;
    return json_escaped(o, resolved, len);
}

/* Writes the special byte at v->at, or the sequence that it begins. */
static unsigned char *special(struct hl7_value *v, unsigned char *o)
{
    unsigned char c = *v->at;
    if (c && c == v->escape && v->at >= v->kept) {
        const unsigned char *before = v->at;
        o = resolve(v, o);
        if (v->at > before)
            return o;
    }
    v->at++;
    if (c && c == v->repetition)
        return begin_component(v, PUT(end_component(v, o), "],["));
    if (c && c == v->component)
        return begin_component(v, PUT(end_component(v, o), ","));
    if (c && c == v->subcomponent)
        return begin_text(v, PUT(end_text(v, o), ","));
    return json_escaped(o, &c, 1);
}

unsigned char *hl7_value_more(struct hl7_value *v, unsigned char *o, const unsigned char *limit)
{
    while (v->at < v->end && o < limit) {
        size_t left = (size_t)(v->end - v->at);
        size_t run = special_copy(v->special, o, v->at, left < HL7_VALUE_RUN ? left : HL7_VALUE_RUN);
        v->at += run;
        o += run;
        if (v->at < v->end && special_is(v->special, *v->at))
            o = special(v, o);
    }
    if (v->at < v->end)
        return o;
    v->open = false;
    o = end_component(v, o);
    return v->nested ? PUT(o, "]]") : v->list ? PUT(o, "]") : o;
}
