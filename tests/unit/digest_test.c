#include "base/digest.h"

#include "tap.h"

static void fill(unsigned char *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        data[i] = (unsigned char)(i * 7 + 1);
}

/* These never change: journals and databases hold such digests. */
static void golden(void)
{
    static const struct {
        size_t n;
        const char *hex;
    } cases[] = {
        {0, "fd567e8038a86a8e92bf0f3de66090b8"},
        {1, "7390be40e36fc5502efc8c9ffc15f6a3"},
        {7, "4dea7645920b94c53fae77cc9d0c15b9"},
        {8, "8c6915b80865f57d00f6d6b7b65bdaf5"},
        {9, "6dd480fc09e0035d656e6b28cbccc3d5"},
        {31, "16984150981ecd691c49dc59983699a0"},
        {32, "c94312e0c07b7280dbcb27b58a99a7e2"},
        {33, "6a1dbbffbd9e1ff163a474f364f9e963"},
        {63, "5d311e302aa527e86de48c8dcaa08163"},
        {64, "f0e47b89c95d200e916b31aca32d5a66"},
        {65, "fe1a18ab697959959bd0e4c5f9c32465"},
        {200, "a6214408c659804f0f424491b7cbca14"},
        {1000, "996d93c3992236b17df4847e7b3bd74e"},
        {4096, "1c97b709a70400d1cfd93a3a1af6d97b"},
    };
    unsigned char data[4096], out[16];
    char hex[33];
    fill(data, sizeof data);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char *exact = exact_copy(data, cases[i].n);
        digest_once(exact, cases[i].n, out);
        digest_hex(out, hex);
        is_str(hex, cases[i].hex, "%zu bytes", cases[i].n);
        free(exact);
    }
    digest_once("P|1||PID-7\rR|1|^^^GLU|5.4\rL|1|N\r", 32, out);
    digest_hex(out, hex);
    is_str(hex, "9ab6a5219873cee0f17365611367f74b", "a message");
}

static void splits(void)
{
    unsigned char text[200], want[16], out[16];
    int wrong = 0;
    fill(text, sizeof text);
    digest_once(text, sizeof text, want);
    for (size_t first = 0; first <= sizeof text; first++)
        for (size_t second = first; second <= sizeof text; second++) {
            struct digest d;
            digest_init(&d);
            digest_add(&d, text, first);
            digest_add(&d, text + first, second - first);
            digest_add(&d, text + second, sizeof text - second);
            digest_end(&d, out);
            wrong += memcmp(out, want, 16) != 0;
        }
    is_int(wrong, 0, "a text cut in three anywhere has the digest of the whole");
    for (size_t step = 1; step <= 67; step++) {
        struct digest d;
        digest_init(&d);
        for (size_t at = 0; at < sizeof text; at += step)
            digest_add(&d, text + at, step < sizeof text - at ? step : sizeof text - at);
        digest_add(&d, NULL, 0);
        digest_end(&d, out);
        is_bytes(out, 16, want, 16, "pieces of %zu", step);
    }
}

static void copies(void)
{
    unsigned char text[200], want[16], out[16];
    struct digest d, copy;
    fill(text, sizeof text);
    digest_once(text, sizeof text, want);
    digest_init(&d);
    digest_add(&d, text, 77);
    copy = d;
    digest_end(&d, out);
    digest_add(&copy, text + 77, sizeof text - 77);
    digest_end(&copy, out);
    is_bytes(out, 16, want, 16, "a copy goes on from where it was taken");
}

static int bits_unlike(const unsigned char a[16], const unsigned char b[16])
{
    int count = 0;
    for (size_t i = 0; i < 16; i++)
        count += __builtin_popcount((unsigned)(a[i] ^ b[i]));
    return count;
}

static void avalanche(void)
{
    int low = 128, high = 0, sum = 0, bits[128] = {0};
    for (int round = 0; round < 20; round++) {
        unsigned char text[64], want[16], out[16];
        fill(text, sizeof text);
        text[0] = (unsigned char)round;
        digest_once(text, sizeof text, want);
        for (size_t bit = 0; bit < 512; bit++) {
            text[bit / 8] ^= (unsigned char)(1 << bit % 8);
            digest_once(text, sizeof text, out);
            text[bit / 8] ^= (unsigned char)(1 << bit % 8);
            int unlike = bits_unlike(want, out);
            low = unlike < low ? unlike : low;
            high = unlike > high ? unlike : high;
            sum += unlike;
            for (size_t i = 0; i < 128; i++)
                bits[i] += (want[i / 8] ^ out[i / 8]) >> i % 8 & 1;
        }
    }
    ok(low >= 36 && high <= 92, "each bit flipped changes %d to %d of 128 bits", low, high);
    ok(sum / 10240 >= 63 && sum / 10240 <= 64, "on average half of them");
    low = high = bits[0];
    for (size_t i = 1; i < 128; i++) {
        low = bits[i] < low ? bits[i] : low;
        high = bits[i] > high ? bits[i] : high;
    }
    ok(low > 4800 && high < 5440, "each bit of the digest changes in %d to %d of 10240 cases", low, high);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

static size_t equal(unsigned char (*digests)[16], size_t count)
{
    size_t same = 0;
    qsort(digests, count, 16, compare);
    for (size_t i = 1; i < count; i++)
        same += !memcmp(digests[i - 1], digests[i], 16);
    return same;
}

static void collisions(void)
{
    size_t count = 1000000, n = 0;
    unsigned char(*digests)[16] = malloc(count * 16), zeros[1024] = {0}, sparse[64];
    if (!digests)
        abort();
    for (uint64_t i = 0; i < count; i++)
        digest_once(&i, sizeof i, digests[i]);
    is_int(equal(digests, count), 0, "a million counters have as many digests");
    for (size_t i = 0; i < count; i++) {
        char text[64];
        digest_once(text, (size_t)snprintf(text, sizeof text, "O|1|S-%zu^%zu||^^^GLU", i % 1000, i / 1000), digests[i]);
    }
    is_int(equal(digests, count), 0, "a million short texts have as many digests");
    for (size_t i = 0; i <= sizeof zeros; i++)
        digest_once(zeros, i, digests[i]);
    is_int(equal(digests, sizeof zeros + 1), 0, "zeros of each length have a digest of their own");
    for (size_t i = 0; i < 512; i++)
        for (size_t k = i + 1; k < 512; k++) {
            memset(sparse, 0, sizeof sparse);
            sparse[i / 8] ^= (unsigned char)(1 << i % 8);
            sparse[k / 8] ^= (unsigned char)(1 << k % 8);
            digest_once(sparse, sizeof sparse, digests[n++]);
        }
    is_int(equal(digests, n), 0, "two bits among zeros have a digest wherever they stand");
    free(digests);
}

static void products(void)
{
    static const uint64_t edges[] = {0, 1, 2, UINT32_MAX, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX,
                                     UINT64_C(0x123456789ABCDEF0), UINT64_C(0xFEDCBA9876543210)};
    uint64_t high, low = digest_multiply_plain(UINT64_MAX, UINT64_MAX, &high);
    ok(low == 1 && high == UINT64_MAX - 1, "the greatest product");
    low = digest_multiply_plain(UINT64_C(0x123456789ABCDEF0), UINT64_C(0xFEDCBA9876543210), &high);
    ok(high == UINT64_C(0x121FA00AD77D7422) && low == UINT64_C(0x236D88FE5618CF00), "a product");
#ifdef __SIZEOF_INT128__
    int wrong = 0;
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        for (size_t k = 0; k < sizeof edges / sizeof *edges; k++) {
            __extension__ unsigned __int128 want = (unsigned __int128)edges[i] * edges[k];
            low = digest_multiply_plain(edges[i], edges[k], &high);
            wrong += low != (uint64_t)want || high != (uint64_t)(want >> 64);
        }
    is_int(wrong, 0, "products are those of 128-bit integers");
#else
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        low = digest_multiply_plain(edges[i], 2, &high);
        ok(low == edges[i] << 1 && high == edges[i] >> 63, "twice %llx", (unsigned long long)edges[i]);
    }
#endif
}

int main(void)
{
    golden();
    splits();
    copies();
    avalanche();
    collisions();
    products();
    return done();
}
