#include "hl7/escape.h"

/* The longest sequence that is looked for, with both its escape characters. */
enum { LONGEST = 2 * HL7_ESCAPE_HEX + 3 };

static int hexadecimal(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \Xhh…\: bytes in the message's character set. False where they are no such bytes. */
static bool hex_bytes(struct hl7_charset *charset, struct hl7_slice digits, unsigned char *out, size_t *len)
{
    unsigned char raw[HL7_ESCAPE_HEX];
    size_t n = digits.n / 2;
    if (!n || digits.n % 2 || n > HL7_ESCAPE_HEX)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = hexadecimal(digits.p[2 * i]), low = hexadecimal(digits.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        raw[i] = (unsigned char)(high << 4 | low);
    }
    struct bytes *text = &charset->resolved;
    text->len = 0;
    if (hl7_charset_bytes(charset, (struct hl7_slice){raw, n}, text) != CHARSET_OK || !text->len ||
        text->len > HL7_ESCAPE_MAX)
        return false;
    memcpy(out, text->data, text->len);
    *len = text->len;
    return true;
}

/* What a sequence of one letter stands for; 0: nothing, or the message has no such separator. */
static unsigned char separator(const struct hl7_separators *s, unsigned char letter)
{
    switch (letter) {
    case 'F':
        return s->field;
    case 'S':
        return s->component;
    case 'T':
        return s->subcomponent;
    case 'R':
        return s->repetition;
    case 'E':
        return s->escape;
    case 'P':
        return s->truncation;
    default:
        return 0;
    }
}

static bool is_separator(const struct hl7_separators *s, unsigned char c)
{
    return c == s->component || c == s->repetition || c == s->subcomponent;
}

/* Whether this may be a sequence, known or not: letters and digits; behind a point a number with a sign too. */
static bool plausible(const struct hl7_separators *s, struct hl7_slice body)
{
    if (!body.n || (body.n > 16 && *body.p != 'X' && *body.p != 'Z'))
        return false;
    for (size_t i = 0; i < body.n; i++) {
        unsigned char c = body.p[i], lower = c | 0x20;
        bool mark = c == '.' || ((c == '+' || c == '-' || c == ' ') && *body.p == '.');
        if (is_separator(s, c) || (!mark && !(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'z')))
            return false;
    }
    return true;
}

size_t hl7_escape(const struct hl7_separators *s, struct hl7_charset *charset, const unsigned char *p, size_t n,
                  unsigned char out[HL7_ESCAPE_MAX], size_t *len, size_t *kept)
{
    size_t within = n < LONGEST ? n : LONGEST;
    const unsigned char *close = within > 1 ? memchr(p + 1, s->escape, within - 1) : NULL;
    *kept = 1;
    *len = 1;
    if (!close)
        return 0;
    struct hl7_slice body = {p + 1, (size_t)(close - p - 1)};
    if (!plausible(s, body))
        return 0;
    *out = body.n == 1 ? separator(s, *body.p) : 0;
    if (body.n == 3 && memcmp(body.p, ".br", 3) == 0)
        *out = '\n';
    if (*out || (*body.p == 'X' && hex_bytes(charset, (struct hl7_slice){body.p + 1, body.n - 1}, out, len)))
        return body.n + 2;
    *kept = body.n + 2;
    return 0;
}

bool hl7_unescape(const struct hl7_separators *s, struct hl7_charset *charset, struct hl7_slice text, struct bytes *out)
{
    unsigned char resolved[HL7_ESCAPE_MAX];
    const unsigned char *p = text.p, *end = text.p + text.n;
    while (p < end) {
        const unsigned char *escape = s->escape ? memchr(p, s->escape, (size_t)(end - p)) : NULL;
        size_t run = (size_t)((escape ? escape : end) - p), len, kept;
        if (!bytes_append(out, p, run))
            return false;
        p += run;
        if (!escape)
            break;
        size_t taken = hl7_escape(s, charset, p, (size_t)(end - p), resolved, &len, &kept);
        if (!bytes_append(out, taken ? resolved : p, taken ? len : kept))
            return false;
        p += taken ? taken : kept;
    }
    return true;
}
