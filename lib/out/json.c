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

unsigned char *json_escaped(unsigned char *o, const void *text, size_t n)
{
    const unsigned char *p = text;
    size_t i = 0;
    uint64_t eight;
    while (i < n) {
        if (n - i >= 8 && (memcpy(&eight, p + i, 8), !any_special(eight))) {
            memcpy(o, &eight, 8);
            o += 8;
            i += 8;
            continue;
        }
        for (size_t stop = n - i < 8 ? n : i + 8; i < stop; i++) {
            if (p[i] < 0x20 || p[i] == '"' || p[i] == '\\')
                o += escape(o, p[i]);
            else
                *o++ = p[i];
        }
    }
    return o;
}

bool json_string(struct bytes *out, const void *text, size_t n)
{
    if (n > SIZE_MAX / JSON_GROWTH - 2 || !bytes_reserve(out, n * JSON_GROWTH + 2))
        return false;
    unsigned char *o = out->data + out->len;
    *o++ = '"';
    o = json_escaped(o, text, n);
    *o++ = '"';
    out->len = (size_t)(o - out->data);
    return true;
}

bool json_text(struct bytes *out, const char *text)
{
    return json_string(out, text, strlen(text));
}

bool json_key(struct bytes *out, const char *name)
{
    size_t n = strlen(name);
    bool first = out->len && out->data[out->len - 1] == '{';
    if (!bytes_reserve(out, n + 4))
        return false;
    unsigned char *o = out->data + out->len;
    *o = ',';
    o += !first;
    *o++ = '"';
    memcpy(o, name, n);
    o += n;
    *o++ = '"';
    *o++ = ':';
    out->len = (size_t)(o - out->data);
    return true;
}

bool json_member(struct bytes *out, const char *name, const char *text)
{
    return !text || (json_key(out, name) && json_text(out, text));
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
