#include "base/digest.h"

#include <string.h>

/* The first 64 bits behind the point of ln 3, 5, 7, 11, 13, 17, 19, 23, made odd. */
#define LN3 UINT64_C(0x193EA7AAD030A977)
#define LN5 UINT64_C(0x9C041F7ED8D336AF)
#define LN7 UINT64_C(0xF2272AE325A57547)
#define LN11 UINT64_C(0x65DC76EFE6E976F7)
#define LN13 UINT64_C(0x90A08566318A1FD1)
#define LN17 UINT64_C(0xD54D783F4FEF39DF)
#define LN19 UINT64_C(0xF1C6C0C096658E41)
#define LN23 UINT64_C(0x22AFBFBA367E0123)

uint64_t digest_multiply_plain(uint64_t x, uint64_t y, uint64_t *high)
{
    uint64_t x0 = x & UINT32_MAX, x1 = x >> 32, y0 = y & UINT32_MAX, y1 = y >> 32;
    uint64_t low = x0 * y0, cross = x1 * y0 + (low >> 32), middle = x0 * y1 + (cross & UINT32_MAX);
    *high = x1 * y1 + (cross >> 32) + (middle >> 32);
    return middle << 32 | (low & UINT32_MAX);
}

static inline uint64_t multiply(uint64_t x, uint64_t y, uint64_t *high)
{
#ifdef __SIZEOF_INT128__
    __extension__ unsigned __int128 product = (unsigned __int128)x * y;
    *high = (uint64_t)(product >> 64);
    return (uint64_t)product;
#else
    return digest_multiply_plain(x, y, high);
#endif
}

static inline uint64_t load(const unsigned char *s)
{
#if defined __BYTE_ORDER__ && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t word;
    memcpy(&word, s, 8);
    return word;
#else
    uint64_t word = 0;
    for (int i = 7; i >= 0; i--)
        word = word << 8 | s[i];
    return word;
#endif
}

/* Each lane multiplies two words; the halves of both products go to both lanes, and so do the factors, lest a factor of
 * zero make the other one vanish. */
static inline void mix(struct digest *d, uint64_t a, uint64_t b, uint64_t c, uint64_t e)
{
    uint64_t x = a ^ d->left, y = b ^ LN3, u = c ^ d->right, v = e ^ LN5, high_left, high_right;
    uint64_t low_left = multiply(x, y, &high_left), low_right = multiply(u, v, &high_right);
    d->left = (low_left ^ high_right) + (x + v);
    d->right = (low_right ^ high_left) + (u + y);
}

static const unsigned char *blocks(struct digest *d, const unsigned char *s, size_t n)
{
    struct digest state = {.left = d->left, .right = d->right};
    for (; n >= 32; n -= 32, s += 32)
        mix(&state, load(s), load(s + 8), load(s + 16), load(s + 24));
    d->left = state.left;
    d->right = state.right;
    return s;
}

void digest_init(struct digest *d)
{
    *d = (struct digest){.left = LN7, .right = LN11};
}

void digest_add(struct digest *d, const void *data, size_t n)
{
    const unsigned char *s = data, *end;
    size_t have = d->total % 32;
    if (!n)
        return;
    d->total += n;
    end = s + n;
    if (have) {
        size_t part = n < 32 - have ? n : 32 - have;
        memcpy(d->rest + have, s, part);
        s += part;
        if (have + part < 32)
            return;
        blocks(d, d->rest, 32);
    }
    s = blocks(d, s, (size_t)(end - s));
    memcpy(d->rest, s, (size_t)(end - s));
}

static uint64_t scramble(uint64_t x)
{
    x = (x ^ x >> 32) * LN13;
    x = (x ^ x >> 29) * LN17;
    return x ^ x >> 32;
}

static void store(unsigned char out[8], uint64_t word)
{
    for (int i = 7; i >= 0; i--, word >>= 8)
        out[i] = (unsigned char)word;
}

void digest_end(struct digest *d, unsigned char out[16])
{
    size_t have = d->total % 32;
    if (have) {
        memset(d->rest + have, 0, 32 - have);
        blocks(d, d->rest, 32);
    }
    mix(d, d->total, LN19, d->total * LN23, LN17);
    mix(d, LN23, d->right, LN13, d->left);
    uint64_t left = scramble(d->left), right = scramble(d->right + left);
    store(out, left + right);
    store(out + 8, right);
}

void digest_once(const void *data, size_t n, unsigned char out[16])
{
    struct digest d;
    digest_init(&d);
    digest_add(&d, data, n);
    digest_end(&d, out);
}

void digest_hex(const unsigned char digest[16], char out[33])
{
    for (size_t i = 0; i < 16; i++) {
        out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    out[32] = '\0';
}
