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

unsigned char scan_sum_plain(const unsigned char *p, size_t n)
{
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += p[i];
    return (unsigned char)sum;
}

#ifdef __SSE2__
#include <emmintrin.h>

/* Which of 16 bytes lie between low and low + span. */
static __m128i between(__m128i x, char low, char span)
{
    __m128i from_low = _mm_sub_epi8(x, _mm_set1_epi8(low));
    return _mm_cmpeq_epi8(_mm_min_epu8(from_low, _mm_set1_epi8(span)), from_low);
}

static unsigned mask_of(__m128i x)
{
    return (unsigned)_mm_movemask_epi8(x);
}

size_t scan_frame_control(const unsigned char *p, size_t n)
{
    size_t i = 0;
    for (; n - i >= 16; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        unsigned mask = mask_of(_mm_or_si128(between(x, 0x02, 3), _mm_cmpeq_epi8(x, _mm_set1_epi8(0x17))));
        if (mask)
            return i + (size_t)__builtin_ctz(mask);
    }
    return i + scan_frame_control_plain(p + i, n - i);
}

size_t scan_link_control(const unsigned char *p, size_t n)
{
    size_t i = 0;
    for (; n - i >= 16; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8(0x02)), _mm_cmpeq_epi8(x, _mm_set1_epi8(0x15)));
        unsigned mask = mask_of(_mm_or_si128(hit, between(x, 0x04, 2)));
        if (mask)
            return i + (size_t)__builtin_ctz(mask);
    }
    return i + scan_link_control_plain(p + i, n - i);
}

size_t scan_line_end(const unsigned char *p, size_t n)
{
    size_t i = 0;
    for (; n - i >= 16; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        unsigned mask =
            mask_of(_mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('\r')), _mm_cmpeq_epi8(x, _mm_set1_epi8('\n'))));
        if (mask)
            return i + (size_t)__builtin_ctz(mask);
    }
    return i + scan_line_end_plain(p + i, n - i);
}

unsigned char scan_sum(const unsigned char *p, size_t n)
{
    __m128i sum = _mm_setzero_si128();
    size_t i = 0;
    for (; n - i >= 16; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        sum = _mm_add_epi64(sum, _mm_sad_epu8(x, _mm_setzero_si128()));
    }
    int low = _mm_cvtsi128_si32(sum);
    int high = _mm_cvtsi128_si32(_mm_srli_si128(sum, 8));
    return (unsigned char)((unsigned)low + (unsigned)high + scan_sum_plain(p + i, n - i));
}

#else

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

unsigned char scan_sum(const unsigned char *p, size_t n)
{
    return scan_sum_plain(p, n);
}

#endif
