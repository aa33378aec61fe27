#include "out/special.h"

#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

void special_init(struct special *s, const unsigned char *delimiters, size_t n)
{
    unsigned char all[SPECIAL_DELIMITERS + 2] = "\"\\";
    for (size_t i = 0; i < SPECIAL_DELIMITERS; i++)
        all[2 + i] = s->delimiters[i] = i < n ? delimiters[i] : '"';
    memset(s->low, 1, sizeof s->low);
    memset(s->high, 0, sizeof s->high);
    s->high[0] = s->high[1] = 1; /* control characters */
    for (size_t i = 0; i < sizeof all; i++) {
        s->low[all[i] & 15] |= (unsigned char)(2 << i);
        s->high[all[i] >> 4] |= (unsigned char)(2 << i);
    }
#ifdef __SSE2__
    s->wide = __builtin_cpu_supports("avx2");
#endif
}

uint64_t special_mask_plain(const struct special *s, const unsigned char *block)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < SPECIAL_BLOCK; i++)
        mask |= (uint64_t)special_is(s, block[i]) << i;
    return mask;
}

#ifdef __SSE2__
/* A shuffle looks 32 halves of bytes up at once; bytes above 7F give 0. */
__attribute__((target("avx2"))) static uint64_t mask_wide(const struct special *s, const unsigned char *block)
{
    const __m256i low = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)s->low));
    const __m256i high = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)s->high));
    uint64_t plain = 0;
    for (size_t i = 0; i < SPECIAL_BLOCK; i += 32) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(block + i));
        __m256i upper = _mm256_and_si256(_mm256_srli_epi16(x, 4), _mm256_set1_epi8(15));
        __m256i hit = _mm256_and_si256(_mm256_shuffle_epi8(low, x), _mm256_shuffle_epi8(high, upper));
        hit = _mm256_cmpeq_epi8(hit, _mm256_setzero_si256());
        plain |= (uint64_t)(unsigned)_mm256_movemask_epi8(hit) << i;
    }
    return ~plain;
}

static uint64_t mask_narrow(const struct special *s, const unsigned char *block)
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

uint64_t special_mask(const struct special *s, const unsigned char *block)
{
    return s->wide ? mask_wide(s, block) : mask_narrow(s, block);
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
        size_t run = mask ? (unsigned)__builtin_ctzll(mask) : SPECIAL_BLOCK;
        memcpy(to + i, p + i, run);
        if (mask)
            return i + run;
    }
    for (; i < n && !special_is(s, p[i]); i++)
        to[i] = p[i];
    return i;
}
