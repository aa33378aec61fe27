#include "base/restricted.h"

const char *restricted_says(unsigned char c)
{
    static const char *const sentences[] = {
        [0x02] = "it holds STX", [0x03] = "it holds ETX", [0x04] = "it holds EOT", [0x05] = "it holds ENQ",
        [0x0B] = "it holds VT",  [0x17] = "it holds ETB", [0x1C] = "it holds FS",
    };
    return c < sizeof sentences / sizeof *sentences ? sentences[c] : NULL;
}

size_t restricted_find(const unsigned char *p, size_t n)
{
    size_t i = 0;
    while (i < n && !restricted_says(p[i]))
        i++;
    return i;
}
