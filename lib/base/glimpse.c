#include "base/glimpse.h"

#include <stdio.h>

static unsigned char masked(unsigned char c)
{
    unsigned char lower = c | 0x20;
    if (c > 0x7F || (lower >= 'a' && lower <= 'z'))
        return 'x';
    return c >= '0' && c <= '9' ? '9' : c;
}

const char *glimpse(const unsigned char *p, size_t n, char out[GLIMPSE_TEXT])
{
    size_t used = 0;
    for (size_t i = 0; i < n && i < GLIMPSE; i++) {
        unsigned char c = masked(p[i]);
        used += (size_t)snprintf(out + used, GLIMPSE_TEXT - used, c > ' ' && c < 0x7F ? "%c" : "<%02X>", c);
    }
    out[used] = '\0';
    return out;
}
