#include "base/charset_iconv.h"

#include <errno.h>
#include <stdlib.h>

#define POINTS 1024
#define TRIAL_POINTS 16
#define WRITE_ROOM 64

/* The result of a trial: how many characters, or */
#define TRIAL_BAD SIZE_MAX
#define TRIAL_CUT (SIZE_MAX - 1)

static uint32_t load(const unsigned char *s)
{
    return s[0] | (uint32_t)s[1] << 8 | (uint32_t)s[2] << 16 | (uint32_t)s[3] << 24;
}

static size_t trial(struct charset *c, const void *s, size_t n, uint32_t points[TRIAL_POINTS])
{
    unsigned char wide[4 * TRIAL_POINTS];
    char *from = (char *)(uintptr_t)s, *to = (char *)wide;
    size_t room = sizeof wide;
    iconv(c->reader, NULL, NULL, NULL, NULL);
    if (iconv(c->reader, &from, &n, &to, &room) == (size_t)-1)
        return errno == EINVAL ? TRIAL_CUT : TRIAL_BAD;
    iconv(c->reader, NULL, NULL, &to, &room);
    size_t count = (sizeof wide - room) / 4;
    for (size_t i = 0; i < count; i++)
        points[i] = load(wide + 4 * i);
    return count;
}

static void probe_single(struct charset *c)
{
    uint32_t points[TRIAL_POINTS];
    c->unit = 1;
    while (c->unit < 4 && trial(c, "\0\0\0", c->unit, points) == TRIAL_CUT)
        c->unit *= 2;
    c->plain_ascii = true;
    for (unsigned char b = 0; b < 0x80; b++) {
        size_t n = trial(c, &b, 1, points);
        if (n != 1 || points[0] != b)
            c->plain_ascii = false;
        if (n == 0 || n == TRIAL_CUT)
            c->below_80 = true;
    }
}

/* A byte from 80 up and one below: does the second still stand for itself? */
static void probe_pairs(struct charset *c)
{
    static const unsigned char trails[] = "0Aa|\\";
    for (size_t t = 0; t < sizeof trails - 1 && !c->below_80; t++) {
        uint32_t one[TRIAL_POINTS], two[TRIAL_POINTS];
        size_t n = trial(c, trails + t, 1, one);
        for (unsigned lead = 0x80; lead < 0x100 && n == 1 && !c->below_80; lead++) {
            size_t m = trial(c, (unsigned char[]){(unsigned char)lead, trails[t]}, 2, two);
            c->below_80 = m == TRIAL_CUT || m == 0 || (m != TRIAL_BAD && two[m - 1] != one[0]);
        }
    }
}

/* GB18030 by hand, where iconv has its characters of four bytes wrong (musl: all beyond U+D7FF, and slow at all). Their
 * rows are the characters of the BMP that have not two bytes, in order, and then, from 90 30 81 30 on, all others. */
#define FOUR_BYTES_BMP 39420
#define FOUR_BYTES_BEYOND 189000

static void mark_two_bytes(struct charset *c, unsigned char *marked)
{
    uint32_t points[TRIAL_POINTS];
    for (unsigned lead = 0x81; lead < 0xFF; lead++)
        for (unsigned trail = 0x40; trail < 0xFF; trail++) {
            unsigned char pair[2] = {(unsigned char)lead, (unsigned char)trail};
            if (trial(c, pair, 2, points) == 1 && points[0] < 0x10000)
                marked[points[0]] = 1;
        }
}

static bool build_four_bytes(struct charset *c)
{
    unsigned char *marked = calloc(0x10000, 1);
    c->four_bytes = malloc(FOUR_BYTES_BMP * sizeof *c->four_bytes);
    bool good = marked && c->four_bytes;
    if (good) {
        size_t row = 0;
        mark_two_bytes(c, marked);
        for (uint32_t point = 0x80; point < 0x10000 && row < FOUR_BYTES_BMP; point++)
            if (!marked[point] && (point < 0xD800 || point > 0xDFFF))
                c->four_bytes[row++] = (uint16_t)point;
        while (row < FOUR_BYTES_BMP)
            c->four_bytes[row++] = 0xFFFD;
    }
    free(marked);
    return good;
}

bool charset_iconv_probe(struct charset *c)
{
    uint32_t points[TRIAL_POINTS];
    probe_single(c);
    probe_pairs(c);
    if (trial(c, "\x81\x30\x81\x30", 4, points) != 1 || points[0] != 0x80)
        return true;
    return (trial(c, "\x90\x30\x81\x30", 4, points) == 1 && points[0] == 0x10000) || build_four_bytes(c);
}

/* Runs iconv once and appends what came of it. Returns 0 when the input is used up, E2BIG when there is more to do,
 * EILSEQ or EINVAL when a character is bad or cut off, ENOMEM. With from NULL it empties iconv. */
static int read_some(struct charset *c, char **from, size_t *n, struct bytes *out, bool *replaced)
{
    unsigned char wide[4 * POINTS];
    char *to = (char *)wide;
    size_t room = sizeof wide;
    size_t lost = iconv(c->reader, from, n, &to, &room);
    int error = lost == (size_t)-1 ? errno : *n ? EILSEQ : 0;
    if (!bytes_reserve(out, sizeof wide))
        return ENOMEM;
    for (size_t i = 0; i < sizeof wide - room; i += 4) {
        uint32_t point = load(wide + i);
        bool good = point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
        *replaced = *replaced || !good;
        out->len += utf8_encode(good ? point : 0xFFFD, out->data + out->len);
    }
    *replaced = *replaced || (lost && lost != (size_t)-1);
    return error == E2BIG && room == sizeof wide ? EILSEQ : error;
}

static enum charset_result read_span(struct charset *c, const unsigned char *s, size_t n, struct bytes *out)
{
    char *from = (char *)(uintptr_t)s;
    bool replaced = false;
    iconv(c->reader, NULL, NULL, NULL, NULL);
    while (n) {
        int error = read_some(c, &from, &n, out, &replaced);
        if (error == ENOMEM)
            return CHARSET_NOMEM;
        if (error == 0 || error == E2BIG)
            continue;
        if (!bytes_append(out, "\xEF\xBF\xBD", 3))
            return CHARSET_NOMEM;
        size_t skip = n < c->unit ? n : c->unit;
        from += skip;
        n -= skip;
        replaced = true;
    }
    if (read_some(c, NULL, &n, out, &replaced) == ENOMEM)
        return CHARSET_NOMEM;
    return replaced ? CHARSET_REPLACED : CHARSET_OK;
}

static uint32_t four_bytes_point(const struct charset *c, const unsigned char *s)
{
    uint32_t row = (((s[0] - 0x81u) * 10 + s[1] - 0x30) * 126 + s[2] - 0x81) * 10 + s[3] - 0x30;
    if (row < FOUR_BYTES_BMP)
        return c->four_bytes[row];
    row -= FOUR_BYTES_BEYOND;
    return row < 0x100000 ? 0x10000 + row : 0xFFFD;
}

static bool is_four_bytes(const unsigned char *s, size_t n)
{
    return n >= 4 && s[0] >= 0x81 && s[0] < 0xFF && s[1] >= 0x30 && s[1] <= 0x39 && s[2] >= 0x81 && s[2] < 0xFF &&
           s[3] >= 0x30 && s[3] <= 0x39;
}

/* How many bytes are before the next four. */
static size_t four_bytes_find(const unsigned char *s, size_t n)
{
    size_t i = 0;
    while (i < n && !is_four_bytes(s + i, n - i))
        i += s[i] >= 0x81 && n - i >= 2 && s[i + 1] >= 0x40 ? 2 : 1;
    return i;
}

static enum charset_result read_four_bytes(struct charset *c, const unsigned char *s, size_t n, struct bytes *out)
{
    enum charset_result result = CHARSET_OK;
    while (n) {
        size_t span = four_bytes_find(s, n);
        enum charset_result part = span ? read_span(c, s, span, out) : CHARSET_OK;
        if (part == CHARSET_NOMEM || !bytes_reserve(out, 4))
            return CHARSET_NOMEM;
        s += span;
        n -= span;
        if (n) {
            uint32_t point = four_bytes_point(c, s);
            out->len += utf8_encode(point, out->data + out->len);
            part = point == 0xFFFD ? CHARSET_REPLACED : part;
            s += 4;
            n -= 4;
        }
        if (part == CHARSET_REPLACED)
            result = CHARSET_REPLACED;
    }
    return result;
}

enum charset_result charset_iconv_read(struct charset *c, const unsigned char *s, size_t n, struct bytes *out)
{
    return c->four_bytes ? read_four_bytes(c, s, n, out) : read_span(c, s, n, out);
}

/* U+E0000 to U+E007F, which glibc leaves out without a word. */
static bool has_tags(const unsigned char *s, size_t n)
{
    for (size_t i = 0; i + 3 < n; i++)
        if (s[i] == 0xF3 && s[i + 1] == 0xA0 && (s[i + 2] == 0x80 || s[i + 2] == 0x81))
            return true;
    return false;
}

/* Runs iconv until the input is used up; with from NULL it writes what leads back to the initial state. False when a
 * character is lacking or replaced, or memory is exhausted. */
static bool write_all(struct charset *c, char **from, size_t *n, struct bytes *out)
{
    for (;;) {
        if (!bytes_reserve(out, *n + WRITE_ROOM))
            return false;
        char *to = (char *)out->data + out->len;
        size_t room = out->cap - out->len, before = *n + room;
        size_t lost = iconv(c->writer, from, n, &to, &room);
        int error = errno;
        out->len = out->cap - room;
        if (lost != (size_t)-1)
            return !lost && !*n;
        if (error != E2BIG || before == *n + room)
            return false;
    }
}

bool charset_iconv_write(struct charset *c, const unsigned char *s, size_t n, struct bytes *out)
{
    char *from = (char *)(uintptr_t)s;
    if (c->plain_ascii && ascii_only(s, n))
        return bytes_append(out, s, n);
    if (c->writer == CHARSET_NO_ICONV || (c->unit == 1 && has_tags(s, n)))
        return false;
    iconv(c->writer, NULL, NULL, NULL, NULL);
    if (n && !write_all(c, &from, &n, out))
        return false;
    n = 0;
    return write_all(c, NULL, &n, out);
}
