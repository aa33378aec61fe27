#include "hl7/charset.h"

#include "tap.h"

#define AS_UTF8 "\xE5\xB1\xB1\xE7\x94\xB0"

struct text_case {
    const char *declared, *text, *want;
    const char *name; /* NULL: UTF-8 */
    const char *note;
};

static void is_read(struct hl7_charset *c, struct charset *forced, const struct text_case *t)
{
    const struct hl7_slice declared = {(const unsigned char *)t->declared, strlen(t->declared)};
    size_t n = strlen(t->text);
    unsigned char *text = exact_copy(t->text, n);
    struct bytes out = {0};
    bool as_is = false;
    bool fine = hl7_charset_read(c, forced, declared, '~', (struct hl7_slice){text, n}, &out, &as_is);
    ok(fine, "%zu bytes that MSH-18 says are '%s'", n, t->declared);
    is_bytes(as_is ? text : out.data, as_is ? n : out.len, t->want, strlen(t->want), "as UTF-8");
    ok(!as_is || !out.len, "it was either converted or not");
    is_str(c->name, t->name, "and its name");
    is_str(c->note, t->note, "and the note");
    bytes_free(&out);
    free(text);
}

static const struct text_case cases[] = {
    /* nothing declared */
    {"", "plain", "plain", NULL, ""},
    {"", "M\xC3\xBCller", "M\xC3\xBCller", NULL, "charset MSH-18 is empty: read as UTF-8"},
    {"", "M\xFCller", "M\xC3\xBCller", "ISO-8859-1", "charset MSH-18 is empty: read as ISO-8859-1"},
    {"", "5 \x80", "5 \xE2\x82\xAC", "windows-1252", "charset MSH-18 is empty: read as windows-1252"},
    {"", "esc \x1B$B;3", "esc \x1B$B;3", NULL, ""},
    /* ASCII */
    {"ASCII", "plain", "plain", NULL, ""},
    {"ASCII", "M\xFCller", "M\xC3\xBCller", "ISO-8859-1",
     "charset MSH-18 'ASCII' is not what was sent: read as ISO-8859-1"},
    {"ISO IR6", "plain", "plain", NULL, ""},
    /* UTF-8 */
    {"UNICODE UTF-8", "M\xC3\xBCller", "M\xC3\xBCller", NULL, ""},
    {"UTF-8", "M\xC3\xBCller", "M\xC3\xBCller", NULL, ""},
    {" UNICODE UTF-8 ", "M\xC3\xBCller", "M\xC3\xBCller", NULL, ""},
    {"UNICODE UTF-8", "M\xFCller", "M\xC3\xBCller", "ISO-8859-1",
     "charset MSH-18 'UNICODE UTF-8' is not what was sent: read as ISO-8859-1"},
    {"UNICODE UTF-8", "5 \x80", "5 \xE2\x82\xAC", "windows-1252",
     "charset MSH-18 'UNICODE UTF-8' is not what was sent: read as windows-1252"},
    {"UNICODE", "M\xC3\xBCller", "M\xC3\xBCller", NULL, ""},
    {"UNICODE UTF-16", "M\xC3\xBCller", "M\xC3\xBCller", NULL,
     "charset MSH-18 'UNICODE UTF-16' is not known here: read as UTF-8"},
    {"UTF-16", "plain", "plain", NULL, "charset MSH-18 'UTF-16' is not known here: read as UTF-8"},
    /* ISO 8859 */
    {"8859/1", "plain", "plain", "ISO-8859-1", ""},
    {"8859/1", "M\xFCller", "M\xC3\xBCller", "ISO-8859-1", ""},
    {"8859/1", "M\xC3\xBCller", "M\xC3\x83\xC2\xBCller", "ISO-8859-1", ""},
    {"8859/1", "5 \x80", "5 \xE2\x82\xAC", "windows-1252",
     "charset MSH-18 '8859/1' is not what was sent: read as windows-1252"},
    {"8859/1", "\xC3\x84rger", "\xC3\x84rger", NULL, "charset MSH-18 '8859/1' is not what was sent: read as UTF-8"},
    {"8859/2", "\xB1", "\xC4\x85", "ISO-8859-2", ""},
    {"8859/5", "\xBF", "\xD0\x9F", "ISO-8859-5", ""},
    {"8859/15", "\xA4", "\xE2\x82\xAC", "ISO-8859-15", ""},
    {"WINDOWS-1252", "\x80", "\xE2\x82\xAC", "windows-1252", ""},
    {"ISO IR101", "\xB1", "\xC4\x85", "ISO-8859-2", ""},
    /* several bytes a character, some below 80 */
    {"GB 18030-2000", "\x81|\xB0\xA2|x", "\xE4\xBA\x85\xE9\x98\xBF|x", "GB18030", ""},
    {"BIG-5", "\xA5\x5C|", "\xE5\x8A\x9F|", "BIG5", ""},
    {"KS X 1001", "\xB1\xE8|", "\xEA\xB9\x80|", "EUC-KR", ""},
    {"ISO IR14", "\xD4\xCF\xC0", "\xEF\xBE\x94\xEF\xBE\x8F\xEF\xBE\x80", "Shift_JIS", ""},
    {"GB 18030-2000", "\xE9\x98\xBF", "\xE9\x98\xBF", NULL,
     "charset MSH-18 'GB 18030-2000' is not what was sent: read as UTF-8"},
    {"GB 18030-2000", "\xB0\xA2\xB0\xA2\xFF", "\xE9\x98\xBF\xE9\x98\xBF\xEF\xBF\xBD", "GB18030",
     "charset bytes that are not in GB18030 were replaced"},
    /* ISO 2022 */
    {"~ISO IR87", "A|\x1B$B;3ED\x1B(B|B", "A|" AS_UTF8 "|B", "ISO-2022-JP", ""},
    {"ISO IR6~ISO IR87", "\x1B$B;3ED\x1B(B", AS_UTF8, "ISO-2022-JP", ""},
    {"ISO IR87", "\x1B$B;3ED\x1B(B", AS_UTF8, "ISO-2022-JP", ""},
    {"ASCII~ISO IR87", "\x1B$@;3ED\x1B(J\x1B$(B;3ED\x1B(B", AS_UTF8 AS_UTF8, "ISO-2022-JP", ""},
    {"~ISO IR87", "\x1B$B;3ED\rPID|1\r", AS_UTF8 "\rPID|1\r", "ISO-2022-JP", ""},
    {"~ISO IR87", "\x1B$B;3E",
     "\xE5\xB1\xB1"
     "E",
     "ISO-2022-JP", ""},
    {"ISO IR14~ISO IR87", "\xD4\xCF\x1B$B;3\x1B(B", "\xEF\xBE\x94\xEF\xBE\x8F\xE5\xB1\xB1", "ISO-2022-JP", ""},
    {"8859/1~ISO IR87", "\xFC\x1B$B;3\x1B(B\xFC", "\xC3\xBC\xE5\xB1\xB1\xC3\xBC", "ISO-2022-JP", ""},
    {"~ISO IR87", "\x1B(I4\x1B(B", "\xEF\xBD\xB4", "ISO-2022-JP-3", ""},
    {"~KS X 1001", "Kim\x1B$)C\xB1\xE8\r", "Kim\xEA\xB9\x80\r", "EUC-KR", ""},
    {"8859/1~8859/2", "\xB1\x1B-B\xB1", "\xC2\xB1\xC4\x85", "ISO-8859-1", ""},
    {"8859/1~8859/2", "\xB1", "\xC2\xB1", "ISO-8859-1", ""},
    {"~ISO IR87", "\x1B[1m", "\x1B[1m", NULL, ""},
    {"~ISO IR87", "\xFC\x1B$B;3\x1B(B", "\xC3\xBC\xE5\xB1\xB1", "ISO-8859-1",
     "charset MSH-18 is empty: read as ISO-8859-1"},
    {"~ISO IR87", "\x1B$B;3\x1B(B\xFC", "\xE5\xB1\xB1\xC3\xBC", "ISO-8859-1",
     "charset MSH-18 is empty: read as ISO-8859-1"},
    {"~ISO IR87", "5 \x80\x1B$B\x1B(B", "5 \xE2\x82\xAC", "windows-1252",
     "charset MSH-18 is empty: read as windows-1252"},
    {"~ISO IR87", "\xC3\xBC\x1B$B;3\x1B(B", "\xC3\xBC\xE5\xB1\xB1", NULL, "charset MSH-18 is empty: read as UTF-8"},
    {"ASCII~ISO IR87", "\xFC\x1B$B;3\x1B(B", "\xC3\xBC\xE5\xB1\xB1", "ISO-8859-1",
     "charset MSH-18 'ASCII' is not what was sent: read as ISO-8859-1"},
    /* what nobody knows */
    {"ISO IR 999", "plain", "plain", NULL, "charset MSH-18 'ISO IR 999' is not known here: read as UTF-8"},
    {"ISO IR 999", "M\xFCller", "M\xC3\xBCller", "ISO-8859-1",
     "charset MSH-18 'ISO IR 999' is not known here: read as ISO-8859-1"},
    {"/etc/passwd", "plain", "plain", NULL, "charset MSH-18 '/etc/passwd' is not known here: read as UTF-8"},
    {"a name that is longer than any set has", "x", "x", NULL, "charset MSH-18 '' is not known here: read as UTF-8"},
    {"\xFF", "x", "x", NULL, "charset MSH-18 '' is not known here: read as UTF-8"},
};

static void declared(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hl7_charset c = {0};
        is_read(&c, NULL, &cases[i]);
        hl7_charset_close(&c);
    }
}

/* One set after the other, each twice, as messages of one connection have them. */
static void one_after_the_other(void)
{
    struct hl7_charset c = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        is_read(&c, NULL, &cases[i]);
        is_read(&c, NULL, &cases[i]);
    }
    hl7_charset_close(&c);
}

/* JIS X 0212, which musl does not have. */
static void supplement(void)
{
    static const struct text_case there = {"~ISO IR159", "\x1B$(D0!\x1B(B", "\xE4\xB8\x82", "ISO-2022-JP-2", ""};
    static const struct text_case lacking = {"~ISO IR159", "\x1B$(D0!\x1B(B", "\xEF\xBF\xBD\xE4\xBA\x9C",
                                             "ISO-2022-JP-2",
                                             "charset bytes that are not in ISO-2022-JP-2 were replaced"};
    struct charset set;
    struct bytes out = {0};
    bool has = charset_open(&set, "EUC-JP") &&
               charset_to_utf8(&set, (const unsigned char *)"\x8F\xB0\xA1", 3, &out) == CHARSET_OK;
    struct hl7_charset c = {0};
    is_read(&c, NULL, has ? &there : &lacking);
    hl7_charset_close(&c);
    charset_close(&set);
    bytes_free(&out);
}

static void forced(void)
{
    static const struct text_case told[] = {
        {"UNICODE UTF-8", "M\xFCller", "M\xC3\xBCller", "ISO-8859-1", ""},
        {"", "5 \x80", "5 \xC2\x80", "ISO-8859-1", ""},
        {"~ISO IR87", "\x1B$B;3", "\x1B$B;3", "ISO-8859-1", ""},
        {"ISO IR 999", "plain", "plain", "ISO-8859-1", ""},
    };
    struct charset latin1, utf8;
    struct hl7_charset c = {0};
    charset_open(&latin1, "latin1");
    charset_open(&utf8, "utf-8");
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        is_read(&c, &latin1, &told[i]);
    is_read(&c, &utf8, &(const struct text_case){"8859/1", "\xC3\xBC", "\xC3\xBC", NULL, ""});
    is_read(&c, &utf8,
            &(const struct text_case){"8859/1", "\xFC!", "\xEF\xBF\xBD!", NULL,
                                      "charset bytes that are not in UTF-8 were replaced"});
    hl7_charset_close(&c);
}

int main(void)
{
    declared();
    one_after_the_other();
    supplement();
    forced();
    return done();
}
