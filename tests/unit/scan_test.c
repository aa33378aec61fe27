#include "base/scan.h"

#include "tap.h"

enum { LENGTHS = 100, ALIGNMENTS = 32 };

struct search {
    const char *name;
    size_t (*fast)(const unsigned char *, size_t), (*plain)(const unsigned char *, size_t);
    const char *bytes; /* what it looks for */
};

static const struct search searches[] = {
    {"frame control", scan_frame_control, scan_frame_control_plain, "\2\3\4\5\27"},
    {"link control", scan_link_control, scan_link_control_plain, "\2\4\5\6\25"},
    {"line end", scan_line_end, scan_line_end_plain, "\r\n"},
};

/* The n bytes at every alignment, each time in an allocation that ends with them. */
static bool agree(const struct search *s, const unsigned char *bytes, size_t n, size_t want)
{
    bool good = s->plain(bytes, n) == want;
    for (size_t shift = 0; shift < ALIGNMENTS && good; shift++) {
        unsigned char *room = malloc(shift + n + 1);
        memset(room, s->bytes[0], shift);
        if (n)
            memcpy(room + shift, bytes, n);
        unsigned char *exact = exact_copy(room, shift + n);
        good = s->fast(exact + shift, n) == want;
        free(exact);
        free(room);
    }
    return good;
}

/* For each of the 256 bytes: alone, whether it is looked for. */
static void knows_its_bytes(const struct search *s)
{
    bool plain = true, fast = true;
    for (unsigned c = 0; c < 256; c++) {
        unsigned char bytes[16];
        memset(bytes, (int)c, sizeof bytes);
        size_t want = c && strchr(s->bytes, (int)c) ? 0 : 1;
        plain = plain && s->plain(bytes, 1) == want && s->fast(bytes, 1) == want;
        fast = fast && s->fast(bytes, 16) == (want ? 16 : 0);
    }
    ok(plain, "%s: one byte is found or not, whichever of the 256 it is", s->name);
    ok(fast, "%s: sixteen of them likewise", s->name);
}

/* One byte that is looked for, at every position of every length. */
static void finds_it_anywhere(const struct search *s)
{
    bool good = true;
    unsigned char bytes[LENGTHS];
    for (size_t n = 0; n <= LENGTHS && good; n++)
        for (size_t at = 0; at <= n && good; at++) {
            memset(bytes, 0x80 | s->bytes[0], sizeof bytes);
            if (at < n)
                bytes[at] = (unsigned char)s->bytes[at % strlen(s->bytes)];
            good = agree(s, bytes, n, at);
        }
    ok(good, "%s: found at every position of 0 to %d bytes, at every alignment", s->name, LENGTHS);
}

static void finds_the_first(const struct search *s)
{
    bool good = true;
    unsigned char bytes[64];
    for (size_t first = 0; first < 40 && good; first++) {
        memset(bytes, 'x', sizeof bytes);
        memset(bytes + first, s->bytes[1], sizeof bytes - first);
        good = agree(s, bytes, sizeof bytes, first);
    }
    ok(good, "%s: of several the first is found", s->name);
}

static void random_bytes(const struct search *s)
{
    bool good = true;
    unsigned seed = 1;
    for (int round = 0; round < 2000 && good; round++) {
        unsigned char bytes[200];
        size_t n = (seed = seed * 1103515245 + 12345) >> 16 & 127;
        for (size_t i = 0; i < n; i++)
            bytes[i] = (unsigned char)((seed = seed * 1103515245 + 12345) >> 16);
        good = agree(s, bytes, n, s->plain(bytes, n));
    }
    ok(good, "%s: any bytes", s->name);
}

/* The bytes of JSON strings, among them more than half of all: each of them at every position of 0 to 50. */
static void json_specials(void)
{
    const struct search s = {"json special", scan_json_special, scan_json_special_plain, "x"};
    bool good = true;
    for (unsigned c = 0; c < 256; c++)
        for (size_t n = 0; n <= 50 && good; n += n % 16 == 1 ? 14 : 1)
            for (size_t at = 0; at < n && good; at++) {
                unsigned char bytes[50];
                bool special = c < 0x20 || c >= 0x80 || c == '"' || c == '\\';
                memset(bytes, 'x', sizeof bytes);
                bytes[at] = (unsigned char)c;
                good = s.plain(bytes, n) == (special ? at : n) && agree(&s, bytes, n, special ? at : n);
            }
    ok(good, "%s: found at every position or passed, whichever of the 256 it is", s.name);
    random_bytes(&s);
}

static void sums(void)
{
    bool good = true;
    unsigned seed = 7;
    for (size_t n = 0; n < 300 && good; n++)
        for (size_t shift = 0; shift < 20 && good; shift++) {
            unsigned char bytes[320];
            unsigned want = 0;
            memset(bytes, 0xFF, sizeof bytes);
            for (size_t i = 0; i < n; i++)
                want += bytes[shift + i] = (unsigned char)((seed = seed * 1103515245 + 12345) >> 16);
            unsigned char *exact = exact_copy(bytes, shift + n);
            good = scan_sum(exact + shift, n) == (want & 0xFF) && scan_sum_plain(exact + shift, n) == (want & 0xFF);
            free(exact);
        }
    ok(good, "sums of 0 to 299 bytes, at every alignment");
    size_t n = 1 << 20;
    unsigned char *many = malloc(n);
    memset(many, 0xFF, n);
    is_int(scan_sum(many, n - 1), 1, "a long sum is the sum modulo 256");
    free(many);
}

/* Every place of a byte, and not one more than there is room for. */
static void places(void)
{
    bool good = true;
    unsigned seed = 3;
    for (size_t n = 0; n < 80; n++)
        for (size_t most = 0; most < 24; most++) {
            unsigned char bytes[80];
            size_t at[25], plain_at[25], want[80], wanted = 0;
            for (size_t i = 0; i < n; i++) {
                bytes[i] = (seed = seed * 1103515245 + 12345) >> 16 & 3 ? 'x' : '|';
                if (bytes[i] == '|' && wanted < most)
                    want[wanted++] = i;
            }
            at[most] = plain_at[most] = 4711;
            unsigned char *exact = exact_copy(bytes, n);
            good = good && scan_each(exact, n, '|', at, most) == wanted && !memcmp(at, want, wanted * sizeof *at) &&
                   scan_each_plain(exact, n, '|', plain_at, most) == wanted &&
                   !memcmp(plain_at, want, wanted * sizeof *at) && at[most] == 4711 && plain_at[most] == 4711;
            free(exact);
        }
    ok(good, "each place of a byte is told, up to as many as there is room for");
}

int main(void)
{
    for (size_t i = 0; i < sizeof searches / sizeof *searches; i++) {
        knows_its_bytes(&searches[i]);
        finds_it_anywhere(&searches[i]);
        finds_the_first(&searches[i]);
        random_bytes(&searches[i]);
    }
    json_specials();
    sums();
    places();
    return done();
}
