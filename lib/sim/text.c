#include "sim/text.h"

#include <stdint.h>

static bool is_plain(unsigned char c, const struct sim_escapes *e)
{
    return c >= 0x20 && c != 0x7f && !strchr(e->delimiters, c);
}

static bool escape(struct bytes *out, unsigned char c, const struct sim_escapes *e)
{
    const char *at = strchr(e->delimiters, c);
    if (at)
        return bytes_printf(out, "%c%c%c", e->escape, e->letters[at - e->delimiters], e->escape);
    return bytes_printf(out, "%cX%02X%c", e->escape, c, e->escape);
}

bool sim_text(struct bytes *out, const char *text, const struct sim_escapes *escapes)
{
    while (*text) {
        size_t plain = 0;
        while (is_plain((unsigned char)text[plain], escapes))
            plain++;
        if (!bytes_append(out, text, plain))
            return false;
        text += plain;
        if (*text && !escape(out, (unsigned char)*text++, escapes))
            return false;
    }
    return true;
}

bool sim_base64(struct bytes *out, const unsigned char *data, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bool ok = true;
    for (size_t i = 0; i < n && ok; i += 3) {
        size_t left = n - i;
        uint32_t group = (uint32_t)data[i] << 16;
        group |= left > 1 ? (uint32_t)data[i + 1] << 8 : 0;
        group |= left > 2 ? (uint32_t)data[i + 2] : 0;
        char text[4] = {digits[group >> 18], digits[group >> 12 & 63], left > 1 ? digits[group >> 6 & 63] : '=',
                        left > 2 ? digits[group & 63] : '='};
        ok = bytes_append(out, text, sizeof text);
    }
    return ok;
}
