#include "astm/value.h"

static unsigned char *put(unsigned char *o, const char *text, size_t n)
{
    memcpy(o, text, n);
    return o + n;
}

#define PUT(o, text) put((o), "" text, sizeof(text) - 1)

static bool has(struct astm_slice text, unsigned char c)
{
    return c && text.n && memchr(text.p, c, text.n);
}

unsigned char *astm_value_begin(struct astm_value *v, struct astm_slice text, enum astm_shape shape, bool verbatim,
                                unsigned char *o)
{
    const struct astm_delimiters *d = v->delimiters;
    v->nested = shape == ASTM_SHAPE_FIELD && has(text, d->repeat);
    v->list = v->nested || shape == ASTM_SHAPE_LIST || (shape == ASTM_SHAPE_FIELD && has(text, d->component));
    v->repeat = v->nested ? d->repeat : 0;
    v->component = v->list ? d->component : 0;
    v->escape = verbatim ? 0 : d->escape;
    v->at = v->kept = text.p;
    v->end = text.p + text.n;
    v->open = true;
    return v->nested ? PUT(o, "[[\"") : v->list ? PUT(o, "[\"") : PUT(o, "\"");
}

/* Writes the escape sequence at v->at. Returns o where there is none, or it is kept. */
static unsigned char *resolve(struct astm_value *v, unsigned char *o)
{
    unsigned char resolved[ASTM_ESCAPE_MAX];
    size_t len, kept;
    size_t taken = astm_escape(v->delimiters, v->charset, v->at, (size_t)(v->end - v->at), resolved, &len, &kept);
    if (!taken) {
        v->kept = v->at + kept;
        return o;
    }
    v->at += taken;
    return json_escaped(o, resolved, len);
}

/* Writes the special byte at v->at, or the sequence that it begins. */
static unsigned char *special(struct astm_value *v, unsigned char *o)
{
    unsigned char c = *v->at;
    if (c && c == v->escape && v->at >= v->kept) {
        const unsigned char *before = v->at;
        o = resolve(v, o);
        if (v->at > before)
            return o;
    }
    v->at++;
    if (c && c == v->repeat)
        return PUT(o, "\"],[\"");
    if (c && c == v->component)
        return PUT(o, "\",\"");
    return json_escaped(o, &c, 1);
}

unsigned char *astm_value_more(struct astm_value *v, unsigned char *o, const unsigned char *limit)
{
    while (v->at < v->end && o < limit) {
        size_t left = (size_t)(v->end - v->at);
        size_t run = special_copy(v->special, o, v->at, left < ASTM_VALUE_RUN ? left : ASTM_VALUE_RUN);
        v->at += run;
        o += run;
        if (v->at < v->end && special_is(v->special, *v->at))
            o = special(v, o);
    }
    if (v->at < v->end)
        return o;
    v->open = false;
    return v->nested ? PUT(o, "\"]]") : v->list ? PUT(o, "\"]") : PUT(o, "\"");
}
