#include "out/json.h"

static size_t escape(unsigned char *o, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[32] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    o[0] = '\\';
    if (c >= 0x20 || letters[c]) {
        o[1] = c >= 0x20 ? c : (unsigned char)letters[c];
        return 2;
    }
    o[1] = 'u';
    o[2] = o[3] = '0';
    o[4] = (unsigned char)hex[c >> 4];
    o[5] = (unsigned char)hex[c & 15];
    return 6;
}

/* Whether one of eight bytes has to be escaped. */
static bool any_special(uint64_t x)
{
    const uint64_t ones = UINT64_MAX / 255, high = ones << 7;
    uint64_t quote = x ^ ones * '"', backslash = x ^ ones * '\\';
    uint64_t found = ((x - ones * 0x20) & ~x) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash);
    return found & high;
}

static unsigned char *escape_each(unsigned char *o, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] < 0x20 || p[i] == '"' || p[i] == '\\')
            o += escape(o, p[i]);
        else
            *o++ = p[i];
    }
    return o;
}

unsigned char *json_escaped(unsigned char *o, const void *text, size_t n)
{
    const unsigned char *p = text;
    uint64_t eight;
    bool plain = n >= 8; /* the eight bytes before were */
    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&eight, p, 8);
        plain = !any_special(eight);
        if (plain) {
            memcpy(o, &eight, 8);
            o += 8;
        } else {
            o = escape_each(o, p, 8);
        }
    }
    if (n && plain && (memcpy(&eight, p + n - 8, 8), !any_special(eight))) {
        memcpy(o + n - 8, &eight, 8); /* some of them for the second time */
        return o + n;
    }
    return escape_each(o, p, n);
}

static unsigned char *put_string(unsigned char *o, const void *text, size_t n)
{
    *o++ = '"';
    o = json_escaped(o, text, n);
    *o++ = '"';
    return o;
}

/* The key that comes next in out, written at o. */
static unsigned char *put_key(const struct bytes *out, unsigned char *o, const char *name, size_t n)
{
    *o = ',';
    o += !(out->len && out->data[out->len - 1] == '{');
    *o++ = '"';
    memcpy(o, name, n);
    o += n;
    *o++ = '"';
    *o++ = ':';
    return o;
}

/* What a key needs beside its name, and a string beside its text. */
enum { KEY = 4, STRING = 2 };

bool json_string(struct bytes *out, const void *text, size_t n)
{
    if (n > SIZE_MAX / JSON_GROWTH - STRING || !bytes_reserve(out, n * JSON_GROWTH + STRING))
        return false;
    out->len = (size_t)(put_string(out->data + out->len, text, n) - out->data);
    return true;
}

bool json_text(struct bytes *out, const char *text)
{
    return json_string(out, text, strlen(text));
}

bool json_key(struct bytes *out, const char *name)
{
    size_t n = strlen(name);
    if (!bytes_reserve(out, n + KEY))
        return false;
    out->len = (size_t)(put_key(out, out->data + out->len, name, n) - out->data);
    return true;
}

bool json_member(struct bytes *out, const char *name, const char *text)
{
    if (!text)
        return true;
    size_t name_n = strlen(name), n = strlen(text);
    if (n > SIZE_MAX / JSON_GROWTH / 2 || !bytes_reserve(out, name_n + KEY + n * JSON_GROWTH + STRING))
        return false;
    unsigned char *o = put_key(out, out->data + out->len, name, name_n);
    out->len = (size_t)(put_string(o, text, n) - out->data);
    return true;
}

unsigned char *json_digits(unsigned char *o, uint64_t number)
{
    unsigned char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (unsigned char)('0' + number % 10);
    while (number /= 10);
    memcpy(o, digits + at, sizeof digits - at);
    return o + sizeof digits - at;
}

bool json_number(struct bytes *out, uint64_t number)
{
    if (!bytes_reserve(out, 20))
        return false;
    out->len = (size_t)(json_digits(out->data + out->len, number) - out->data);
    return true;
}
