#include "out/special.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

void special_init(struct special *s, const unsigned char *delimiters, size_t n)
{
    memset(s->is, 1, ' ');
    memset(s->is + ' ', 0, sizeof s->is - ' ');
    s->is['"'] = s->is['\\'] = 1;
    for (size_t i = 0; i < SPECIAL_DELIMITERS; i++) {
        s->delimiters[i] = i < n ? delimiters[i] : '"';
        s->is[s->delimiters[i]] = 1;
    }
}

uint64_t special_mask_plain(const struct special *s, const unsigned char *block)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < SPECIAL_BLOCK; i++)
        mask |= (uint64_t)s->is[block[i]] << i;
    return mask;
}

#ifdef __SSE2__
uint64_t special_mask(const struct special *s, const unsigned char *block)
{
    const __m128i control = _mm_set1_epi8(0x1F), quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    __m128i delimiter[SPECIAL_DELIMITERS];
    for (size_t d = 0; d < SPECIAL_DELIMITERS; d++)
        delimiter[d] = _mm_set1_epi8((char)s->delimiters[d]);
    uint64_t mask = 0;
    for (size_t i = 0; i < SPECIAL_BLOCK; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(block + i));
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, backslash));
        hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_min_epu8(x, control), x));
        for (size_t d = 0; d < SPECIAL_DELIMITERS; d++)
            hit = _mm_or_si128(hit, _mm_cmpeq_epi8(x, delimiter[d]));
        mask |= (uint64_t)(unsigned)_mm_movemask_epi8(hit) << i;
    }
    return mask;
}
#else
uint64_t special_mask(const struct special *s, const unsigned char *block)
{
    return special_mask_plain(s, block);
}
#endif

uint64_t special_mask_end(const struct special *s, const unsigned char *p, size_t n)
{
    unsigned char block[SPECIAL_BLOCK] = {0};
    memcpy(block, p, n);
    return special_mask(s, block);
}

size_t special_copy(const struct special *s, unsigned char *to, const unsigned char *p, size_t n)
{
    size_t i = 0;
    for (; n - i >= SPECIAL_BLOCK; i += SPECIAL_BLOCK) {
        uint64_t mask = special_mask(s, p + i);
        size_t run = mask ? (size_t)__builtin_ctzll(mask) : SPECIAL_BLOCK;
        memcpy(to + i, p + i, run);
        if (mask)
            return i + run;
    }
    for (; i < n && !s->is[p[i]]; i++)
        to[i] = p[i];
    return i;
}
