#include "base/charset.h"

#include "tap.h"

#define BAD "\xEF\xBF\xBD"

static void names(void)
{
    static const struct {
        const char *name, *canonical;
        enum charset_kind kind;
    } known[] = {
        {"utf-8", "UTF-8", CHARSET_UTF8}, {"UTF8", "UTF-8", CHARSET_UTF8}, {"UNICODE UTF-8", "UTF-8", CHARSET_UTF8},
        {"ascii", "US-ASCII", CHARSET_ASCII}, {"US-ASCII", "US-ASCII", CHARSET_ASCII},
        {"ANSI_X3.4-1968", "US-ASCII", CHARSET_ASCII}, {"ISO IR6", "US-ASCII", CHARSET_ASCII},
        {"iso-8859-1", "ISO-8859-1", CHARSET_LATIN1}, {"iso8859-1", "ISO-8859-1", CHARSET_LATIN1},
        {"ISO_8859-1", "ISO-8859-1", CHARSET_LATIN1}, {"8859/1", "ISO-8859-1", CHARSET_LATIN1},
        {"latin1", "ISO-8859-1", CHARSET_LATIN1}, {"L1", "ISO-8859-1", CHARSET_LATIN1},
        {"ISO-8859-15", "ISO-8859-15", CHARSET_LATIN9}, {"Latin-9", "ISO-8859-15", CHARSET_LATIN9},
        {"8859/15", "ISO-8859-15", CHARSET_LATIN9}, {"Windows-1252", "windows-1252", CHARSET_CP1252},
        {"CP1252", "windows-1252", CHARSET_CP1252}, {"win1252", "windows-1252", CHARSET_CP1252},
        {"8859/2", "ISO-8859-2", CHARSET_ICONV}, {"iso8859-5", "ISO-8859-5", CHARSET_ICONV},
        {"cp1251", "windows-1251", CHARSET_ICONV}, {"WIN1250", "windows-1250", CHARSET_ICONV},
        {"gb18030", "GB18030", CHARSET_ICONV}, {"GB 18030-2000", "GB18030", CHARSET_ICONV},
        {"BIG-5", "BIG5", CHARSET_ICONV}, {"Shift_JIS", "Shift_JIS", CHARSET_ICONV},
        {"sjis", "Shift_JIS", CHARSET_ICONV}, {"cp932", "Shift_JIS", CHARSET_ICONV},
        {"iso ir87", "ISO-2022-JP", CHARSET_ICONV}, {"KOI8-R", "KOI8-R", CHARSET_ICONV},
        {"UTF-16LE", "UTF-16LE", CHARSET_ICONV},
    };
    static const char *const unknown[] = {
        "", " ", "-", "klingon", "utf-9", "8859/99", "windows-125", "UTF-8//IGNORE", "GBK//TRANSLIT", "/etc/passwd",
        "../../evil", "utf-8\n", "latin1,", "a name that is longer than any set has",
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct charset c, again;
        ok(charset_open(&c, known[i].name) && c.kind == known[i].kind, "%s is known", known[i].name);
        is_str(charset_name(&c), known[i].canonical, "%s in the output", known[i].name);
        bool reopened = charset_open(&again, charset_name(&c)) && again.kind == c.kind;
        ok(reopened, "%s can be opened again", known[i].canonical);
        is_str(charset_name(&again), known[i].canonical, "and %s stays %s", known[i].canonical, known[i].canonical);
        charset_close(&again);
        charset_close(&c);
    }
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        struct charset c;
        ok(!charset_open(&c, unknown[i]), "'%s' is unknown", unknown[i]);
        is_str(charset_name(&c), "UTF-8", "and UTF-8 is used");
        charset_close(&c);
    }
}

static void below_80(void)
{
    static const char *const yes[] = {"GB18030", "GBK", "Big5", "Shift_JIS", "CP932", "ISO-2022-JP",
                                      "UTF-16", "UTF-16LE", "UTF-32", "UCS-2"};
    static const char *const no[] = {"UTF-8", "US-ASCII", "ISO-8859-1", "ISO-8859-15", "windows-1252", "ISO-8859-2",
                                     "ISO-8859-5", "windows-1251", "windows-1258", "KOI8-R", "EUC-JP", "GB2312"};
    struct charset c = {0};
    ok(!charset_below_80(&c), "a zero-initialised set is UTF-8");
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        ok(charset_open(&c, yes[i]) && charset_below_80(&c), "%s has bytes below 80 within characters", yes[i]);
        charset_close(&c);
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        ok(charset_open(&c, no[i]) && !charset_below_80(&c), "%s has none", no[i]);
        charset_close(&c);
    }
}

#define TEXT(s) s, sizeof(s) - 1

static const struct {
    const char *set, *text;
    size_t n;
    const char *utf8;
    bool replaced;
} readings[] = {
    {"UTF-8", TEXT("caf\xC3\xA9"), "caf\xC3\xA9", false},
    {"UTF-8", TEXT("\x80" "a\xC3"), BAD "a" BAD, true},
    {"UTF-8", TEXT("\xE2\x82" "A\xE2\x82\xAC"), BAD BAD "A\xE2\x82\xAC", true},
    {"UTF-8", TEXT("\xED\xA0\x80\xC0\xAF\xF4\x90\x80\x80"), BAD BAD BAD BAD BAD BAD BAD BAD BAD, true},
    {"US-ASCII", TEXT("a\x80\xFFz"), "a" BAD BAD "z", true},
    {"ISO-8859-1", TEXT("\x80\x9F\xA0\xA4\xE9\xFF"), "\xC2\x80\xC2\x9F\xC2\xA0\xC2\xA4\xC3\xA9\xC3\xBF", false},
    {"ISO-8859-15", TEXT("\xA4\xA6\xA8\xB4\xB8\xBC\xBD\xBE\x80\xE9"),
     "\xE2\x82\xAC\xC5\xA0\xC5\xA1\xC5\xBD\xC5\xBE\xC5\x92\xC5\x93\xC5\xB8\xC2\x80\xC3\xA9", false},
    {"windows-1252", TEXT("\x80\x85\x99\x9F\xE9"), "\xE2\x82\xAC\xE2\x80\xA6\xE2\x84\xA2\xC5\xB8\xC3\xA9", false},
    {"windows-1252", TEXT("\x81\x8D\x8F\x90\x9D"), "\xC2\x81\xC2\x8D\xC2\x8F\xC2\x90\xC2\x9D", false},
    {"ISO-8859-5", TEXT("\xBF\xE0"), "\xD0\x9F\xD1\x80", false},
    {"KOI8-R", TEXT("|\xF0\xD2^"), "|\xD0\x9F\xD1\x80^", false},
    {"GBK", TEXT("a|\xC4\xE3\xBA\xC3|\x81\x5C\\"), "a|\xE4\xBD\xA0\xE5\xA5\xBD|\xE4\xB9\x97\\", false},
    {"GBK", TEXT("A\xC4"), "A" BAD, true},
    {"GB18030", TEXT("\x81\x30\x81\x30\x95\x32\x82\x36\xC4\xE3"), "\xC2\x80\xF0\xA0\x80\x80\xE4\xBD\xA0", false},
    {"GB18030", TEXT("a|\x90\x30\x81\x30|\xE3\x32\x9A\x35\xC4\xE3"),
     "a|\xF0\x90\x80\x80|\xF4\x8F\xBF\xBF\xE4\xBD\xA0", false},
    {"GB18030", TEXT("\x84\x31\xA4\x39\x84\x31\x95\x33\x83\x36\xD0\x30\x81\x39\xEE\x39"),
     "\xEF\xBF\xBF\xEF\xBB\xBF\xEE\xA1\xA5\xE3\x90\x80", false},
    {"GB18030", TEXT("\x82\x35\x8F\x33|\x83\x36\xC7\x38\x90\x30\x81"),
     "\xE9\xBE\xA6|\xED\x9F\xBF" BAD "0" BAD, true},
    {"BIG5", TEXT("\xA7\x41\xA6\x6E|\xB3\x5C"), "\xE4\xBD\xA0\xE5\xA5\xBD|\xE8\xA8\xB1", false},
    {"Shift_JIS", TEXT("H|\\^&\r\x93\xFA\x96\x7B\x83\x5C"), "H|\\^&\r\xE6\x97\xA5\xE6\x9C\xAC\xE3\x82\xBD", false},
    {"Shift_JIS", TEXT("\x93"), BAD, true},
    {"EUC-JP", TEXT("\xC6\xFC\xCB\xDC"), "\xE6\x97\xA5\xE6\x9C\xAC", false},
    {"EUC-KR", TEXT("\xB0\xA1"), "\xEA\xB0\x80", false},
    {"ISO-2022-JP", TEXT("P|\x1B$BF|K\\\x1B(B|x"), "P|\xE6\x97\xA5\xE6\x9C\xAC|x", false},
    {"UTF-16LE", TEXT("a\0\x60\x4F"), "a\xE4\xBD\xA0", false},
    {"UTF-16LE", TEXT("\x3D\xD8\x00\xDE"), "\xF0\x9F\x98\x80", false},
    {"UTF-16LE", TEXT("\0\xDC" "a\0"), BAD "a", true},
    {"UTF-16LE", TEXT("a\0b"), "a" BAD, true},
    {"UTF-16BE", TEXT("\0a\xD8\x3D"), "a" BAD, true},
    {"UTF-32LE", TEXT("a\0\0\0\0\0\x11\0b\0\0\0"), "a" BAD "b", true},
};

static void reads(void)
{
    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        struct charset c;
        struct bytes out = {0};
        unsigned char *text = exact_copy(readings[i].text, readings[i].n);
        bool opened = charset_open(&c, readings[i].set) && bytes_puts(&out, "before ");
        for (int round = 0; round < 2; round++) {
            out.len = 7;
            enum charset_result result = charset_to_utf8(&c, text, readings[i].n, &out);
            ok(opened && result == (readings[i].replaced ? CHARSET_REPLACED : CHARSET_OK), "line %zu: %s is read", i,
               readings[i].set);
            is_bytes(out.data + 7, out.len - 7, readings[i].utf8, strlen(readings[i].utf8), "line %zu: as UTF-8", i);
        }
        charset_close(&c);
        bytes_free(&out);
        free(text);
    }
}

/* What was read without loss is written back as it was, but for escape sequences that musl repeats. */
static void writes(void)
{
    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        struct charset c;
        struct bytes out = {0};
        if (readings[i].replaced)
            continue;
        bool opened = charset_open(&c, readings[i].set) && bytes_puts(&out, "before ");
        bool written = opened && charset_from_utf8(&c, (const unsigned char *)readings[i].utf8,
                                                   strlen(readings[i].utf8), &out);
        if (c.kind == CHARSET_ICONV && c.writer == (iconv_t)-1)
            ok(!written && out.len == 7, "line %zu: %s can only be read here", i, readings[i].set);
        else if (ok(written, "line %zu: %s is written", i, readings[i].set) && strcmp(readings[i].set, "ISO-2022-JP"))
            is_bytes(out.data + 7, out.len - 7, readings[i].text, readings[i].n, "line %zu: byte for byte", i);
        charset_close(&c);
        bytes_free(&out);
    }
}

static void refuses(void)
{
    static const struct {
        const char *set, *utf8;
    } lacking[] = {
        {"UTF-8", "a\xC3"}, {"UTF-8", "\xED\xA0\x80"}, {"US-ASCII", "caf\xC3\xA9"}, {"ISO-8859-1", "\xE2\x82\xAC"},
        {"ISO-8859-1", "\xC4\x80"}, {"ISO-8859-15", "\xC2\xA4"}, {"ISO-8859-15", "\xE4\xBD\xA0"},
        {"windows-1252", "\xC2\x80"}, {"windows-1252", "a\xC4\x80z"}, {"ISO-8859-5", "\xE4\xBD\xA0"},
        {"KOI8-R", "ab\xC3\xA9" "cd"}, {"GBK", "\xF0\x9F\x98\x80"}, {"CP932", "\xD7\xA9"},
        {"EUC-JP", "\xF0\x9F\x98\x80"},
        {"ISO-2022-JP", "\xE6\x97\xA5\xF0\x9F\x98\x80"}, {"ISO-8859-2", "a\xF3\xA0\x81\x81z"}, {"ISO-8859-2", "a\xFF"},
    };
    for (size_t i = 0; i < sizeof lacking / sizeof *lacking; i++) {
        struct charset c;
        struct bytes out = {0};
        bool opened = charset_open(&c, lacking[i].set) && bytes_puts(&out, "kept");
        bool written = charset_from_utf8(&c, (const unsigned char *)lacking[i].utf8, strlen(lacking[i].utf8), &out);
        ok(opened && !written, "line %zu: %s lacks a character", i, lacking[i].set);
        is_bytes(out.data, out.len, "kept", 4, "line %zu: and nothing is written", i);
        charset_close(&c);
        bytes_free(&out);
    }
}

static void every_byte(void)
{
    static const char *const sets[] = {"ISO-8859-1", "ISO-8859-15", "windows-1252"};
    unsigned char all[256];
    for (size_t i = 0; i < 256; i++)
        all[i] = (unsigned char)i;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        struct charset c;
        struct bytes utf8 = {0}, back = {0};
        bool good = charset_open(&c, sets[i]) && charset_to_utf8(&c, all, 256, &utf8) == CHARSET_OK;
        ok(good && charset_from_utf8(&c, utf8.data, utf8.len, &back), "all bytes of %s are characters", sets[i]);
        is_bytes(back.data, back.len, all, 256, "and come back as they were");
        iconv_t theirs = iconv_open("UTF-8", sets[i]);
        int wrong = 0;
        for (size_t b = 0; b < 256; b++) {
            char *from = (char *)all + b, want[8], *to = want;
            size_t n = 1, room = sizeof want;
            if (iconv(theirs, &from, &n, &to, &room) == (size_t)-1)
                continue;
            utf8.len = 0;
            charset_to_utf8(&c, all + b, 1, &utf8);
            wrong += utf8.len != sizeof want - room || memcmp(utf8.data, want, utf8.len) != 0;
        }
        iconv_close(theirs);
        is_int(wrong, 0, "%s is what iconv says it is", sets[i]);
        charset_close(&c);
        bytes_free(&utf8);
        bytes_free(&back);
    }
}

static void any_input(void)
{
    static const char *const sets[] = {
        "UTF-8", "US-ASCII", "ISO-8859-1", "windows-1252", "ISO-8859-7", "windows-1258", "GB18030", "GBK", "GB2312",
        "BIG5", "CP932", "EUC-JP", "EUC-KR", "ISO-2022-JP", "UTF-16", "UTF-16BE", "UTF-32", "UCS-2",
    };
    static const unsigned char favourites[16] = "\x1B$B(J\x81\x30\x80\xFF+~\x0E\xC8\x41\x90\xD8";
    uint32_t random = 1;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        struct charset c;
        struct bytes out = {0}, back = {0};
        int invalid = 0, unlike = 0, opened = charset_open(&c, sets[i]);
        for (int round = 0; round < 3000; round++) {
            unsigned char text[400];
            size_t n = (size_t)round % sizeof text;
            for (size_t k = 0; k < n; k++) {
                random = random * 1664525 + 1013904223;
                text[k] = round % 3 ? (unsigned char)(random >> 24) : favourites[random >> 28];
            }
            unsigned char *exact = exact_copy(text, n);
            out.len = back.len = 0;
            enum charset_result result = charset_to_utf8(&c, exact, n, &out);
            invalid += result == CHARSET_NOMEM || !utf8_valid(out.data, out.len);
            bool lost = out.len && memmem(out.data, out.len, BAD, 3);
            unlike += lost != (result == CHARSET_REPLACED) && c.kind != CHARSET_ICONV;
            charset_from_utf8(&c, exact, n, &back);
            charset_from_utf8(&c, out.data, out.len, &back);
            free(exact);
        }
        ok(opened && !invalid, "%s: any input becomes valid UTF-8", sets[i]);
        is_int(unlike, 0, "%s: and what was replaced is told", sets[i]);
        charset_close(&c);
        bytes_free(&out);
        bytes_free(&back);
    }
}

/* What iconv makes of these differs from libc to libc. */
static void broken_text(void)
{
    static const struct {
        const char *set, *text;
    } cases[] = {
        {"EUC-KR", "\xC8\x41|\xC8\x41|"}, {"GB18030", "\xE3\x32\x9A\x36|"}, {"GB18030", "\x84\x31\xA5\x30|"},
        {"ISO-2022-JP", "\x1B$B\xFF\xFF\x1B(B|"}, {"BIG5", "\xFF\xFF|"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct charset c;
        struct bytes out = {0};
        bool opened = charset_open(&c, cases[i].set);
        enum charset_result result =
            charset_to_utf8(&c, (const unsigned char *)cases[i].text, strlen(cases[i].text), &out);
        ok(opened && result == CHARSET_REPLACED && utf8_valid(out.data, out.len) && memmem(out.data, out.len, BAD, 3),
           "line %zu: broken %s is told and replaced", i, cases[i].set);
        ok(out.len && out.data[out.len - 1] == '|', "line %zu: and what follows is read", i);
        charset_close(&c);
        bytes_free(&out);
    }
}

static void shifts(void)
{
    static const char text[] = "P|\xE6\x97\xA5\xE6\x9C\xAC|\xE6\x97\xA5";
    struct charset c;
    struct bytes jis = {0}, back = {0};
    bool opened = charset_open(&c, "ISO-2022-JP");
    ok(opened && charset_from_utf8(&c, (const unsigned char *)text, strlen(text), &jis), "ISO-2022-JP is written");
    ok(jis.len > 3 && !memcmp(jis.data + jis.len - 3, "\x1B(B", 3), "and ends in the initial state");
    bool again = charset_from_utf8(&c, (const unsigned char *)text, strlen(text), &jis);
    ok(again && charset_to_utf8(&c, jis.data, jis.len / 2, &back) == CHARSET_OK, "each time");
    is_bytes(back.data, back.len, text, strlen(text), "and comes back");
    charset_close(&c);
    bytes_free(&jis);
    bytes_free(&back);
}

static void plain_text(void)
{
    struct charset c;
    struct bytes out = {0};
    bool opened = charset_open(&c, "GBK");
    ok(opened && charset_from_utf8(&c, (const unsigned char *)"H|\\^&\r", 6, &out), "ASCII can be written in GBK");
    ok(charset_to_utf8(&c, (const unsigned char *)"L|1\r", 4, &out) == CHARSET_OK, "and read");
    is_bytes(out.data, out.len, "H|\\^&\rL|1\r", 10, "wherever iconv has GBK at all");
    ok(charset_to_utf8(&c, NULL, 0, &out) == CHARSET_OK && charset_from_utf8(&c, NULL, 0, &out) && out.len == 10,
       "nothing becomes nothing");
    charset_close(&c);
    bytes_free(&out);
}

static void long_text(void)
{
    struct charset c;
    struct bytes text = {0}, out = {0}, back = {0};
    for (int i = 0; i < 100000; i++)
        bytes_append(&text, "\xC4\xE3|", 3);
    bool read = charset_open(&c, "GB18030") && charset_to_utf8(&c, text.data, text.len, &out) == CHARSET_OK;
    ok(read && out.len == 400000, "a long text is read whole");
    if (c.kind != CHARSET_ICONV || c.writer != (iconv_t)-1) {
        ok(charset_from_utf8(&c, out.data, out.len, &back), "and written whole");
        is_bytes(back.data, back.len, text.data, text.len, "the same");
    }
    charset_close(&c);
    bytes_free(&text);
    bytes_free(&out);
    bytes_free(&back);
}

int main(void)
{
    names();
    below_80();
    reads();
    writes();
    refuses();
    every_byte();
    any_input();
    broken_text();
    shifts();
    plain_text();
    long_text();
    return done();
}
