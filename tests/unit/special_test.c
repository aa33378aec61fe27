#include "out/special.h"

#include "tap.h"

#include <stdint.h>

static const unsigned char astm[] = {'|', '\\', '^', '&'}, hl7[] = {'|', '^', '~', '\\', '&'};

static void which(const char *name, const unsigned char *delimiters, size_t n)
{
    struct special s;
    int wrong = 0;
    special_init(&s, delimiters, n);
    for (unsigned c = 0; c < 256; c++) {
        bool want = c < 0x20 || c == '"' || c == '\\' || (n && memchr(delimiters, (int)c, n));
        wrong += special_is(&s, (unsigned char)c) != want;
    }
    is_int(wrong, 0, "controls, quotation marks, backslashes and the delimiters are special: %s", name);
}

/* Each byte at each place of a block, by all the ways there are. */
static void masks(const char *name, const unsigned char *delimiters, size_t n)
{
    struct special s;
    unsigned char *block = malloc(SPECIAL_BLOCK);
    int wrong = 0;
    special_init(&s, delimiters, n);
    for (unsigned c = 0; c < 256 && block; c++)
        for (size_t at = 0; at < SPECIAL_BLOCK; at++) {
            memset(block, 'a', SPECIAL_BLOCK);
            block[at] = (unsigned char)c;
            uint64_t want = special_is(&s, (unsigned char)c) ? UINT64_C(1) << at : 0;
            struct special narrow = s;
            narrow.wide = false;
            wrong += special_mask(&s, block) != want || special_mask(&narrow, block) != want ||
                     special_mask_plain(&s, block) != want;
        }
    free(block);
    is_int(wrong, 0, "special bytes are found, with and without vectors: %s", name);
}

static void random_masks(void)
{
    struct special s;
    unsigned char *block = malloc(SPECIAL_BLOCK);
    uint64_t seed = 1;
    int wrong = 0;
    special_init(&s, hl7, sizeof hl7);
    struct special narrow = s;
    narrow.wide = false;
    for (int round = 0; round < 10000 && block; round++) {
        for (size_t i = 0; i < SPECIAL_BLOCK; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            block[i] = (unsigned char)(seed >> 56);
        }
        uint64_t want = special_mask_plain(&s, block);
        wrong += special_mask(&s, block) != want || special_mask(&narrow, block) != want;
    }
    free(block);
    is_int(wrong, 0, "all ways find the same in random bytes");
}

static void ends(void)
{
    struct special s;
    int wrong = 0;
    special_init(&s, astm, sizeof astm);
    for (size_t n = 0; n < SPECIAL_BLOCK; n++) {
        unsigned char text[SPECIAL_BLOCK];
        memset(text, 'a', sizeof text);
        if (n)
            text[n / 2] = '|';
        unsigned char *exact = exact_copy(text, n);
        uint64_t want = ~UINT64_C(0) << n | (n ? UINT64_C(1) << n / 2 : 0);
        wrong += special_mask_end(&s, exact, n) != want;
        free(exact);
    }
    is_int(wrong, 0, "what lies behind the end is special");
}

static void copies(void)
{
    struct special s;
    int wrong = 0;
    special_init(&s, astm, sizeof astm);
    for (size_t n = 0; n <= 200; n++)
        for (size_t at = 0; at <= n; at++) {
            unsigned char text[200];
            memset(text, 'x', sizeof text);
            if (at < n)
                text[at] = '"';
            unsigned char *exact = exact_copy(text, n), *to = malloc(n + 1);
            if (!to)
                abort();
            memset(to, '?', n + 1);
            wrong += special_copy(&s, to, exact, n) != at || memcmp(to, text, at) != 0 || to[n] != '?';
            free(exact);
            free(to);
        }
    is_int(wrong, 0, "text is copied up to the first special byte");
}

int main(void)
{
    which("none", NULL, 0);
    which("ASTM", astm, sizeof astm);
    which("HL7", hl7, sizeof hl7);
    which("odd ones", (const unsigned char *)"!\x7F", 2);
    which("one that is not there", (const unsigned char *)"|\0", 2);
    masks("ASTM", astm, sizeof astm);
    masks("HL7", hl7, sizeof hl7);
    random_masks();
    ends();
    copies();
    return done();
}
