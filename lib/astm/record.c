#include "astm/record.h"

#include "astm/frame.h"

static bool delimiter(unsigned char c)
{
    unsigned char lower = c | 0x20;
    return c > ' ' && c < 0x7F && !(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'z');
}

static struct astm_slice slice(const unsigned char *p, size_t n)
{
    return (struct astm_slice){p, n};
}

struct astm_delimiters astm_delimiters_of(const unsigned char *text, size_t n)
{
    struct astm_delimiters d = {'|', '\\', '^', '&', false};
    if (!astm_is_header(text, n))
        return d;
    d.field = text[1];
    size_t at = 0;
    struct astm_slice record = {text, 0};
    astm_record_next(text, n, &at, &record);
    struct astm_slice own = astm_part(record, d.field, 1);
    const unsigned char *p = own.p;
    if (own.n == 3 && delimiter(p[0]) && delimiter(p[1]) && delimiter(p[2]) && p[0] != p[1] && p[0] != p[2] &&
        p[1] != p[2]) {
        d.repeat = p[0];
        d.component = p[1];
        d.escape = p[2];
        return d;
    }
    d.odd = true;
    if (d.repeat == d.field)
        d.repeat = 0;
    if (d.component == d.field)
        d.component = 0;
    if (d.escape == d.field)
        d.escape = 0;
    return d;
}

struct astm_slice astm_part(struct astm_slice whole, unsigned char c, size_t index)
{
    const unsigned char *p = whole.p, *end = whole.p + whole.n;
    for (;; index--) {
        const unsigned char *stop = c && p < end ? memchr(p, c, (size_t)(end - p)) : NULL;
        if (!index)
            return slice(p, (size_t)((stop ? stop : end) - p));
        if (!stop)
            return slice(end, 0);
        p = stop + 1;
    }
}

struct astm_slice astm_field(struct astm_slice record, const struct astm_delimiters *d, size_t number)
{
    return astm_part(record, d->field, number - 1);
}

bool astm_record_next(const unsigned char *text, size_t n, size_t *at, struct astm_slice *record)
{
    if (*at >= n)
        return false;
    const unsigned char *p = text + *at, *cr = memchr(p, '\r', n - *at);
    *record = slice(p, cr ? (size_t)(cr - p) : n - *at);
    *at += record->n + (cr != NULL);
    return true;
}

static int hexadecimal(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* &Xhh…&: bytes in the message's character set. False where they are no such bytes. */
static bool hex_bytes(struct charset *charset, struct astm_slice digits, unsigned char *out, size_t *len)
{
    unsigned char raw[ASTM_ESCAPE_HEX];
    if (!digits.n || digits.n % 2 || digits.n / 2 > ASTM_ESCAPE_HEX)
        return false;
    for (size_t i = 0; i < digits.n / 2; i++) {
        int high = hexadecimal(digits.p[2 * i]), low = hexadecimal(digits.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        raw[i] = (unsigned char)(high << 4 | low);
    }
    struct bytes text = {0};
    bool fine = charset_to_utf8(charset, raw, digits.n / 2, &text) == CHARSET_OK && text.len <= ASTM_ESCAPE_MAX;
    if (fine) {
        memcpy(out, text.data, text.len);
        *len = text.len;
    }
    bytes_free(&text);
    return fine;
}

/* Whether this may be a sequence of the sender's own: letters, digits, and `.`, `+`, `-` where they delimit nothing. */
static bool plausible(const struct astm_delimiters *d, struct astm_slice body)
{
    if (!body.n || (body.n > 16 && *body.p != 'X' && *body.p != 'Z'))
        return false;
    for (size_t i = 0; i < body.n; i++) {
        unsigned char c = body.p[i], lower = c | 0x20;
        bool mark = (c == '.' || c == '+' || c == '-') && c != d->component && c != d->repeat;
        if (!mark && !(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'z'))
            return false;
    }
    return true;
}

size_t astm_escape(const struct astm_delimiters *d, struct charset *charset, const unsigned char *p, size_t n,
                   unsigned char out[ASTM_ESCAPE_MAX], size_t *len, size_t *kept)
{
    const unsigned char *close = n > 1 ? memchr(p + 1, d->escape, n - 1) : NULL;
    *kept = 1;
    *len = 1;
    if (!close)
        return 0;
    struct astm_slice body = slice(p + 1, (size_t)(close - p - 1));
    size_t whole = body.n + 2;
    unsigned char letter = body.n == 1 ? *body.p : 0;
    *out = letter == 'F'   ? d->field
           : letter == 'S' ? d->component
           : letter == 'R' ? d->repeat
           : letter == 'E' ? d->escape
                           : 0;
    if (*out)
        return whole;
    if (!plausible(d, body))
        return 0;
    if (body.n == 3 && memcmp(body.p, ".br", 3) == 0) {
        *out = '\n';
        return whole;
    }
    if (*body.p == 'X' && hex_bytes(charset, slice(body.p + 1, body.n - 1), out, len))
        return whole;
    *kept = whole;
    return 0;
}

bool astm_unescape(const struct astm_delimiters *d, struct charset *charset, struct astm_slice text, struct bytes *out)
{
    unsigned char resolved[ASTM_ESCAPE_MAX];
    const unsigned char *p = text.p, *end = text.p + text.n;
    while (p < end) {
        const unsigned char *escape = d->escape ? memchr(p, d->escape, (size_t)(end - p)) : NULL;
        size_t run = (size_t)((escape ? escape : end) - p), len, kept;
        if (!bytes_append(out, p, run))
            return false;
        p += run;
        if (!escape)
            break;
        size_t taken = astm_escape(d, charset, p, (size_t)(end - p), resolved, &len, &kept);
        if (!bytes_append(out, taken ? resolved : p, taken ? len : kept))
            return false;
        p += taken ? taken : kept;
    }
    return true;
}
