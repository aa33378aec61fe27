#include "out/json.h"

#include <stdio.h>

size_t json_escape(unsigned char *p, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[32] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    p[0] = '\\';
    if (c >= 0x20 || letters[c]) {
        p[1] = c >= 0x20 ? c : (unsigned char)letters[c];
        return 2;
    }
    p[1] = 'u';
    p[2] = p[3] = '0';
    p[4] = (unsigned char)hex[c >> 4];
    p[5] = (unsigned char)hex[c & 15];
    return 6;
}

bool json_string(struct bytes *out, const void *text, size_t n)
{
    const unsigned char *p = text;
    if (n > SIZE_MAX / JSON_GROWTH - 2 || !bytes_reserve(out, n * JSON_GROWTH + 2))
        return false;
    unsigned char *o = out->data + out->len;
    *o++ = '"';
    for (size_t i = 0; i < n; i++) {
        if (p[i] < 0x20 || p[i] == '"' || p[i] == '\\')
            o += json_escape(o, p[i]);
        else
            *o++ = p[i];
    }
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
    bool first = out->len && out->data[out->len - 1] == '{';
    return bytes_puts(out, first ? "\"" : ",\"") && bytes_puts(out, name) && bytes_puts(out, "\":");
}

bool json_member(struct bytes *out, const char *name, const char *text)
{
    return !text || (json_key(out, name) && json_text(out, text));
}

bool json_number(struct bytes *out, uint64_t number)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    return bytes_puts(out, digits);
}
