#include "base/utf8.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

size_t ascii_run_plain(const unsigned char *s, size_t n)
{
    size_t i = 0;
    for (; n - i >= 16; i += 16) {
        uint64_t word[2];
        memcpy(word, s + i, 16);
        if ((word[0] | word[1]) & UINT64_C(0x8080808080808080))
            break;
    }
    while (i < n && s[i] < 0x80)
        i++;
    return i;
}

#ifdef __SSE2__
size_t ascii_run(const unsigned char *s, size_t n)
{
    size_t i = 0;
    for (; n - i >= 32; i += 32) {
        __m128i low = _mm_loadu_si128((const __m128i *)(const void *)(s + i));
        __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(s + i + 16));
        if (_mm_movemask_epi8(_mm_or_si128(low, high)))
            break;
    }
    for (; n - i >= 16; i += 16) {
        int mask = _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)(s + i)));
        if (mask)
            return i + (size_t)__builtin_ctz((unsigned)mask);
    }
    if (i < n && n >= 16 && !_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)(s + n - 16))))
        return n; /* the last bytes, some of them for the second time */
    while (i < n && s[i] < 0x80)
        i++;
    return i;
}
#else
size_t ascii_run(const unsigned char *s, size_t n)
{
    return ascii_run_plain(s, n);
}
#endif

bool ascii_only(const unsigned char *s, size_t n)
{
    return ascii_run(s, n) == n;
}

size_t utf8_decode(const unsigned char *s, size_t n, uint32_t *point)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
    if (len == 0 || len > n)
        return 0;
    uint32_t value = len == 1 ? s[0] : s[0] & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
        value = value << 6 | (s[i] & 0x3Fu);
    }
    if (value < least[len] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    *point = value;
    return len;
}

bool utf8_shown(const unsigned char *s, size_t n, size_t *step)
{
    uint32_t point;
    size_t len = utf8_decode(s, n, &point);
    *step = len ? len : 1;
    return len && point >= 0x20 && (point < 0x7F || point >= 0xA0);
}

size_t utf8_encode(uint32_t point, unsigned char out[4])
{
    if (point < 0x80) {
        out[0] = (unsigned char)point;
        return 1;
    }
    size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, point >>= 6)
        out[i] = (unsigned char)(0x80 | (point & 0x3F));
    out[0] = (unsigned char)((0xF00u >> len & 0xFF) | point);
    return len;
}

size_t utf8_run(const unsigned char *s, size_t n)
{
    size_t i = 0;
    while (i < n) {
        uint32_t point;
        size_t step = s[i] < 0x80 ? ascii_run(s + i, n - i) : utf8_decode(s + i, n - i, &point);
        if (!step)
            break;
        i += step;
    }
    return i;
}

bool utf8_valid(const unsigned char *s, size_t n)
{
    return utf8_run(s, n) == n;
}
