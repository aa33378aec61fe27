#include "base/charset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/charset_iconv.h"

#define KEY_SIZE 32
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct charset_alias {
    const char *key, *name;
    enum charset_kind kind;
};

/* Keys are lower-case letters and digits only. */
static const struct charset_alias aliases[] = {
    {"utf8", "UTF-8", CHARSET_UTF8},
    {"unicodeutf8", "UTF-8", CHARSET_UTF8},
    {"ascii", "US-ASCII", CHARSET_ASCII},
    {"usascii", "US-ASCII", CHARSET_ASCII},
    {"ansix341968", "US-ASCII", CHARSET_ASCII},
    {"iso646us", "US-ASCII", CHARSET_ASCII},
    {"isoir6", "US-ASCII", CHARSET_ASCII},
    {"iso88591", "ISO-8859-1", CHARSET_LATIN1},
    {"88591", "ISO-8859-1", CHARSET_LATIN1},
    {"latin1", "ISO-8859-1", CHARSET_LATIN1},
    {"l1", "ISO-8859-1", CHARSET_LATIN1},
    {"isoir100", "ISO-8859-1", CHARSET_LATIN1},
    {"cp819", "ISO-8859-1", CHARSET_LATIN1},
    {"iso885915", "ISO-8859-15", CHARSET_LATIN9},
    {"885915", "ISO-8859-15", CHARSET_LATIN9},
    {"latin9", "ISO-8859-15", CHARSET_LATIN9},
    {"l9", "ISO-8859-15", CHARSET_LATIN9},
    {"windows1252", "windows-1252", CHARSET_CP1252},
    {"win1252", "windows-1252", CHARSET_CP1252},
    {"cp1252", "windows-1252", CHARSET_CP1252},
    {"gb18030", "GB18030", CHARSET_ICONV},
    {"gb180302000", "GB18030", CHARSET_ICONV},
    {"gbk", "GBK", CHARSET_ICONV},
    {"gb2312", "GB2312", CHARSET_ICONV},
    {"big5", "BIG5", CHARSET_ICONV},
    {"shiftjis", "Shift_JIS", CHARSET_ICONV},
    {"sjis", "Shift_JIS", CHARSET_ICONV},
    {"cp932", "Shift_JIS", CHARSET_ICONV},
    {"mskanji", "Shift_JIS", CHARSET_ICONV},
    {"windows31j", "Shift_JIS", CHARSET_ICONV},
    {"iso2022jp", "ISO-2022-JP", CHARSET_ICONV},
    {"isoir87", "ISO-2022-JP", CHARSET_ICONV},
    {"eucjp", "EUC-JP", CHARSET_ICONV},
    {"euckr", "EUC-KR", CHARSET_ICONV},
    {"utf16", "UTF-16", CHARSET_ICONV},
    {"utf32", "UTF-32", CHARSET_ICONV},
};

/* Families of which only the number at the end differs. */
static const struct charset_alias families[] = {
    {"iso8859", "ISO-8859-", CHARSET_ICONV},
    {"8859", "ISO-8859-", CHARSET_ICONV},
    {"windows125", "windows-125", CHARSET_ICONV},
    {"win125", "windows-125", CHARSET_ICONV},
    {"cp125", "windows-125", CHARSET_ICONV},
};

/* windows-1252 from 80 to 9F. */
static const uint16_t cp1252_points[32] = {
    0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x008D,
    0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A,
    0x0153, 0x009D, 0x017E, 0x0178,
};

/* Where ISO-8859-15 differs from ISO-8859-1. */
static const uint16_t latin9_points[][2] = {
    {0xA4, 0x20AC}, {0xA6, 0x0160}, {0xA8, 0x0161}, {0xB4, 0x017D},
    {0xB8, 0x017E}, {0xBC, 0x0152}, {0xBD, 0x0153}, {0xBE, 0x0178},
};

static bool key_make(const char *name, char key[KEY_SIZE])
{
    size_t n = 0;
    if (strlen(name) >= KEY_SIZE)
        return false;
    for (; *name; name++) {
        if (*name >= 'A' && *name <= 'Z')
            key[n++] = (char)(*name - 'A' + 'a');
        else if ((*name >= 'a' && *name <= 'z') || (*name >= '0' && *name <= '9'))
            key[n++] = *name;
        else if (!strchr("-_.:+()/ ", *name))
            return false;
    }
    key[n] = '\0';
    return n > 0;
}

static enum charset_kind key_find(const char *key, char name[KEY_SIZE])
{
    for (size_t i = 0; i < COUNT(aliases); i++)
        if (!strcmp(key, aliases[i].key)) {
            snprintf(name, KEY_SIZE, "%s", aliases[i].name);
            return aliases[i].kind;
        }
    for (size_t i = 0; i < COUNT(families); i++) {
        const char *number = key + strlen(families[i].key);
        if (!strncmp(key, families[i].key, strlen(families[i].key)) && *number && strlen(number) <= 2) {
            snprintf(name, KEY_SIZE, "%s%s", families[i].name, number);
            return CHARSET_ICONV;
        }
    }
    return CHARSET_ICONV;
}

/* The names to try, the best first: glibc's SHIFT_JIS makes 5C a yen sign, its CP932 does not; musl has only the first
 * name, and means the second. */
bool charset_open(struct charset *c, const char *name)
{
    char key[KEY_SIZE];
    *c = (struct charset){0};
    if (!key_make(name, key))
        return false;
    c->kind = key_find(key, c->name);
    if (c->kind != CHARSET_ICONV)
        return true;
    bool given = !c->name[0];
    if (given)
        snprintf(c->name, sizeof c->name, "%s", name);
    const char *const names[] = {strcmp(c->name, "Shift_JIS") ? c->name : "CP932", c->name, given ? c->name : name};
    for (size_t i = 0; i < COUNT(names); i++) {
        if (strpbrk(names[i], "/ "))
            continue;
        c->reader = iconv_open("UTF-32LE", names[i]);
        if (c->reader == CHARSET_NO_ICONV)
            continue;
        if (names[i] == name)
            snprintf(c->name, sizeof c->name, "%s", name);
        c->writer = iconv_open(names[i], "UTF-8");
        if (charset_iconv_probe(c))
            return true;
        charset_close(c);
        return false;
    }
    *c = (struct charset){0};
    return false;
}

void charset_close(struct charset *c)
{
    if (c->kind == CHARSET_ICONV) {
        iconv_close(c->reader);
        if (c->writer != CHARSET_NO_ICONV)
            iconv_close(c->writer);
        free(c->four_bytes);
    }
    *c = (struct charset){0};
}

const char *charset_name(const struct charset *c)
{
    return c->name[0] ? c->name : "UTF-8";
}

bool charset_below_80(const struct charset *c)
{
    return c->below_80;
}

static uint32_t point_of_byte(enum charset_kind kind, unsigned char b)
{
    if (kind == CHARSET_ASCII)
        return 0xFFFD;
    if (kind == CHARSET_CP1252 && b < 0xA0)
        return cp1252_points[b - 0x80];
    if (kind == CHARSET_LATIN9)
        for (size_t i = 0; i < COUNT(latin9_points); i++)
            if (latin9_points[i][0] == b)
                return latin9_points[i][1];
    return b;
}

/* The byte from 80 up that means point, or 0. */
static unsigned char byte_of_point(enum charset_kind kind, uint32_t point)
{
    if (kind == CHARSET_ASCII)
        return 0;
    if (point >= 0x80 && point < 0x100 && point_of_byte(kind, (unsigned char)point) == point)
        return (unsigned char)point;
    if (kind != CHARSET_LATIN1)
        for (unsigned b = 0x80; b < 0x100; b++)
            if (point_of_byte(kind, (unsigned char)b) == point)
                return (unsigned char)b;
    return 0;
}

/* UTF-8 and the sets of one byte a character. */
static enum charset_result read_own(enum charset_kind kind, const unsigned char *s, size_t n, struct bytes *out)
{
    enum charset_result result = CHARSET_OK;
    while (n) {
        size_t run = kind == CHARSET_UTF8 ? utf8_run(s, n) : ascii_run(s, n);
        if (!bytes_append(out, s, run))
            return CHARSET_NOMEM;
        s += run;
        n -= run;
        if (!n)
            break;
        uint32_t point = kind == CHARSET_UTF8 ? 0xFFFD : point_of_byte(kind, *s);
        unsigned char text[4];
        if (!bytes_append(out, text, utf8_encode(point, text)))
            return CHARSET_NOMEM;
        if (point == 0xFFFD)
            result = CHARSET_REPLACED;
        s++;
        n--;
    }
    return result;
}

enum charset_result charset_to_utf8(struct charset *c, const unsigned char *s, size_t n, struct bytes *out)
{
    size_t start = out->len;
    enum charset_result result;
    if (c->kind != CHARSET_ICONV)
        result = read_own(c->kind, s, n, out);
    else if (c->plain_ascii && ascii_only(s, n))
        result = bytes_append(out, s, n) ? CHARSET_OK : CHARSET_NOMEM;
    else
        result = charset_iconv_read(c, s, n, out);
    if (result == CHARSET_NOMEM)
        out->len = start;
    return result;
}

static bool write_own(enum charset_kind kind, const unsigned char *s, size_t n, struct bytes *out)
{
    while (n) {
        size_t run = ascii_run(s, n);
        if (!bytes_append(out, s, run))
            return false;
        s += run;
        n -= run;
        if (!n)
            break;
        uint32_t point;
        size_t len = utf8_decode(s, n, &point);
        unsigned char b = len ? byte_of_point(kind, point) : 0;
        if (!b || !bytes_append(out, &b, 1))
            return false;
        s += len;
        n -= len;
    }
    return true;
}

bool charset_from_utf8(struct charset *c, const unsigned char *s, size_t n, struct bytes *out)
{
    size_t start = out->len;
    bool good = utf8_valid(s, n);
    if (good && c->kind == CHARSET_UTF8)
        good = bytes_append(out, s, n);
    else if (good)
        good = c->kind == CHARSET_ICONV ? charset_iconv_write(c, s, n, out) : write_own(c->kind, s, n, out);
    if (!good)
        out->len = start;
    return good;
}
