#include "base/restricted.h"

static const char *const names[] = {
    [0x02] = "STX", [0x03] = "ETX", [0x04] = "EOT", [0x05] = "ENQ", [0x0B] = "VT", [0x17] = "ETB", [0x1C] = "FS",
};

const char *restricted_name(unsigned char c)
{
    return c < sizeof names / sizeof *names ? names[c] : NULL;
}

size_t restricted_find(const unsigned char *p, size_t n)
{
    size_t i = 0;
    while (i < n && !restricted_name(p[i]))
        i++;
    return i;
}
