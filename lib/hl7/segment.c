#include "hl7/segment.h"

#include <string.h>

static bool capital(unsigned char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

bool hl7_separator(unsigned char c)
{
    return c && c < 0x7F && c != ' ' && !(c >= '\n' && c <= '\r') && c != 0x1C && !digit(c) && !capital(c & 0xDF);
}

bool hl7_begins(const unsigned char *p, size_t n, const char *name)
{
    return n > 3 && memcmp(p, name, 3) == 0 && hl7_separator(p[3]);
}

bool hl7_segment_is(struct hl7_slice segment, const char *name, unsigned char field)
{
    return segment.n > 3 && memcmp(segment.p, name, 3) == 0 && segment.p[3] == field;
}

bool hl7_names_segment(const unsigned char *p, size_t n, unsigned char field)
{
    return n > 3 && capital(p[0]) && (capital(p[1]) || digit(p[1])) && (capital(p[2]) || digit(p[2])) && p[3] == field;
}

static bool declares(const unsigned char *p, size_t n)
{
    return hl7_begins(p, n, "MSH") || hl7_begins(p, n, "FHS") || hl7_begins(p, n, "BHS");
}

/* How many characters MSH-2 has; 6 stands for more than five. */
static size_t declared(const unsigned char *p, size_t n, unsigned char field)
{
    size_t i = 0;
    while (i < 6 && i < n && p[i] != field && p[i] != '\r' && p[i] != '\n')
        i++;
    return i;
}

static bool distinct(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!hl7_separator(p[i]) || memchr(p, p[i], i))
            return false;
    return true;
}

struct hl7_separators hl7_separators_of(const unsigned char *text, size_t n)
{
    unsigned char use[5] = {'^', '~', '\\', '&', 0};
    if (n > 8 && memcmp(text, "MSH|^~\\&|", 9) == 0)
        return (struct hl7_separators){'|', '^', '~', '\\', '&', 0, false};
    if (!declares(text, n))
        return (struct hl7_separators){'|', use[0], use[1], use[2], use[3], 0, false};
    unsigned char field = text[3];
    const unsigned char *own = text + 4;
    size_t have = declared(own, n - 4, field);
    bool odd = have < 4 || have > 5 || !distinct(own, have);
    size_t good = have > 4 ? 4 : have;
    if (!distinct(own, good))
        good = 0;
    for (size_t i = good; i < 4; i++)
        if (use[i] == field || memchr(own, use[i], good))
            use[i] = 0;
    memcpy(use, own, good);
    if (!odd && have == 5)
        use[4] = own[4];
    return (struct hl7_separators){field, use[0], use[1], use[2], use[3], use[4], odd};
}

struct hl7_slice hl7_part(struct hl7_slice whole, unsigned char separator, size_t index)
{
    const unsigned char *p = whole.p, *end = whole.p + whole.n;
    for (;; index--) {
        const unsigned char *stop = separator && p < end ? memchr(p, separator, (size_t)(end - p)) : NULL;
        if (!index)
            return (struct hl7_slice){p, (size_t)((stop ? stop : end) - p)};
        if (!stop)
            return (struct hl7_slice){end, 0};
        p = stop + 1;
    }
}

struct hl7_slice hl7_field(struct hl7_slice segment, const struct hl7_separators *s, size_t number)
{
    if (number && declares(segment.p, segment.n)) {
        if (number == 1)
            return (struct hl7_slice){segment.p + 3, 1};
        number--;
    }
    return hl7_part(segment, s->field, number);
}

bool hl7_segment_next(const unsigned char *text, size_t n, size_t *at, struct hl7_slice *segment)
{
    if (*at >= n)
        return false;
    const unsigned char *p = text + *at, *cr = memchr(p, '\r', n - *at);
    *segment = (struct hl7_slice){p, cr ? (size_t)(cr - p) : n - *at};
    *at += segment->n + (cr != NULL);
    return true;
}

bool hl7_slice_is(struct hl7_slice slice, const char *text)
{
    return slice.n == strlen(text) && (!slice.n || memcmp(slice.p, text, slice.n) == 0);
}

bool hl7_slice_same(struct hl7_slice a, struct hl7_slice b)
{
    return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}
