#include "base/scan.h"

#include <stdbool.h>

static bool frame_control(unsigned char c)
{
    return (c >= 0x02 && c <= 0x05) || c == 0x17;
}

static bool link_control(unsigned char c)
{
    return c == 0x02 || (c >= 0x04 && c <= 0x06) || c == 0x15;
}

size_t scan_frame_control_plain(const unsigned char *p, size_t n)
{
    size_t i = 0;
    while (i < n && !frame_control(p[i]))
        i++;
    return i;
}

size_t scan_link_control_plain(const unsigned char *p, size_t n)
{
    size_t i = 0;
    while (i < n && !link_control(p[i]))
        i++;
    return i;
}

size_t scan_line_end_plain(const unsigned char *p, size_t n)
{
    size_t i = 0;
    while (i < n && p[i] != '\r' && p[i] != '\n')
        i++;
    return i;
}

size_t scan_json_special_plain(const unsigned char *p, size_t n)
{
    size_t i = 0;
    while (i < n && p[i] >= 0x20 && p[i] < 0x80 && p[i] != '"' && p[i] != '\\')
        i++;
    return i;
}

/* From `from` on, with `found` of them known. */
static size_t each(const unsigned char *p, size_t from, size_t n, unsigned char c, size_t *at, size_t found,
                   size_t most)
{
    for (size_t i = from; i < n && found < most; i++)
        if (p[i] == c)
            at[found++] = i;
    return found;
}

size_t scan_each_plain(const unsigned char *p, size_t n, unsigned char c, size_t *at, size_t most)
{
    return each(p, 0, n, c, at, 0, most);
}

unsigned char scan_sum_plain(const unsigned char *p, size_t n)
{
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += p[i];
    return (unsigned char)sum;
}

#ifdef __SSE2__
#include <emmintrin.h>

static __m128i load(const unsigned char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* Which of 16 bytes lie between low and low + span. */
static __m128i between(__m128i x, char low, char span)
{
    __m128i from_low = _mm_sub_epi8(x, _mm_set1_epi8(low));
    return _mm_cmpeq_epi8(_mm_min_epu8(from_low, _mm_set1_epi8(span)), from_low);
}

static __m128i equal(__m128i x, char c)
{
    return _mm_cmpeq_epi8(x, _mm_set1_epi8(c));
}

static inline __m128i frame_controls(__m128i x)
{
    return _mm_or_si128(between(x, 0x02, 3), equal(x, 0x17));
}

static inline __m128i link_controls(__m128i x)
{
    return _mm_or_si128(_mm_or_si128(equal(x, 0x02), equal(x, 0x15)), between(x, 0x04, 2));
}

static inline __m128i line_ends(__m128i x)
{
    return _mm_or_si128(equal(x, '\r'), equal(x, '\n'));
}

/* Bytes above 7F are negative numbers here. */
static inline __m128i json_specials(__m128i x)
{
    __m128i marks = _mm_or_si128(equal(x, '"'), equal(x, '\\'));
    return _mm_or_si128(marks, _mm_cmplt_epi8(x, _mm_set1_epi8(0x20)));
}

/* The first of at least 16 bytes that `hits` tells. The last vector may overlap the one before it. */
static inline size_t first(__m128i (*hits)(__m128i), const unsigned char *p, size_t n)
{
    for (size_t i = 0;;) {
        unsigned mask = (unsigned)_mm_movemask_epi8(hits(load(p + i)));
        if (mask)
            return i + (unsigned)__builtin_ctz(mask);
        if (i == n - 16)
            return n;
        i = n - i < 32 ? n - 16 : i + 16;
    }
}

size_t scan_frame_control(const unsigned char *p, size_t n)
{
    return n < 16 ? scan_frame_control_plain(p, n) : first(frame_controls, p, n);
}

size_t scan_link_control(const unsigned char *p, size_t n)
{
    return n < 16 ? scan_link_control_plain(p, n) : first(link_controls, p, n);
}

size_t scan_line_end(const unsigned char *p, size_t n)
{
    return n < 16 ? scan_line_end_plain(p, n) : first(line_ends, p, n);
}

/* How many bytes, in blocks of 64, have none: a text may be long, as other things that are looked for here are not. */
static size_t blocks_without_json_special(const unsigned char *p, size_t n)
{
    size_t i = 0;
    for (; n - i >= 64; i += 64) {
        __m128i low = _mm_or_si128(json_specials(load(p + i)), json_specials(load(p + i + 16)));
        __m128i high = _mm_or_si128(json_specials(load(p + i + 32)), json_specials(load(p + i + 48)));
        if (_mm_movemask_epi8(_mm_or_si128(low, high)))
            break;
    }
    return i;
}

size_t scan_json_special(const unsigned char *p, size_t n)
{
    if (n < 16)
        return scan_json_special_plain(p, n);
    unsigned mask = (unsigned)_mm_movemask_epi8(json_specials(load(p)));
    if (mask)
        return (unsigned)__builtin_ctz(mask);
    size_t at = 16 + blocks_without_json_special(p + 16, n - 16);
    if (n - at < 16)
        at = n - 16;
    return at + first(json_specials, p + at, n - at);
}

size_t scan_each(const unsigned char *p, size_t n, unsigned char c, size_t *at, size_t most)
{
    size_t found = 0, i = 0;
    for (; n - i >= 16; i += 16) {
        unsigned mask = (unsigned)_mm_movemask_epi8(equal(load(p + i), (char)c));
        for (; mask; mask &= mask - 1) {
            if (found == most)
                return found;
            at[found++] = i + (unsigned)__builtin_ctz(mask);
        }
    }
    return each(p, i, n, c, at, found, most);
}

unsigned char scan_sum(const unsigned char *p, size_t n)
{
    static const unsigned char keep[32] = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                          "\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377";
    const __m128i zero = _mm_setzero_si128();
    __m128i sum = zero;
    size_t i = 0;
    if (n < 16)
        return scan_sum_plain(p, n);
    for (; n - i >= 16; i += 16)
        sum = _mm_add_epi64(sum, _mm_sad_epu8(load(p + i), zero));
    __m128i rest = _mm_and_si128(load(p + n - 16), load(keep + (n - i))); /* the last n - i bytes */
    sum = _mm_add_epi64(sum, _mm_sad_epu8(rest, zero));
    return (unsigned char)((unsigned)_mm_cvtsi128_si32(sum) + (unsigned)_mm_cvtsi128_si32(_mm_srli_si128(sum, 8)));
}

#else

size_t scan_each(const unsigned char *p, size_t n, unsigned char c, size_t *at, size_t most)
{
    return scan_each_plain(p, n, c, at, most);
}

size_t scan_frame_control(const unsigned char *p, size_t n)
{
    return scan_frame_control_plain(p, n);
}

size_t scan_link_control(const unsigned char *p, size_t n)
{
    return scan_link_control_plain(p, n);
}

size_t scan_line_end(const unsigned char *p, size_t n)
{
    return scan_line_end_plain(p, n);
}

size_t scan_json_special(const unsigned char *p, size_t n)
{
    return scan_json_special_plain(p, n);
}

unsigned char scan_sum(const unsigned char *p, size_t n)
{
    return scan_sum_plain(p, n);
}

#endif
