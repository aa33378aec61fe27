#include "astm/record.h"

#include "tap.h"

static struct astm_slice slice(const char *text)
{
    return (struct astm_slice){(const unsigned char *)text, strlen(text)};
}

static void delimiters(void)
{
    static const struct {
        const char *text, *want; /* field, repeat, component, escape; blank: there is none */
        bool odd;
    } cases[] = {
        {"H|\\^&", "|\\^&", false},
        {"H|\\^&\rP|1\r", "|\\^&", false},
        {"H|\\^&|||sender\rL|1\r", "|\\^&", false},
        {"H|`^&|||Erba", "|`^&", false},
        {"H|@^\\|||GeneXpert", "|@^\\", false},
        {"H;#:!;", ";#:!", false},
        {"H\"\\^&\"", "\"\\^&", false},
        {"H|\\\\^&|", "|\\^&", true},
        {"H|\\^|", "|\\^&", true},
        {"H|\\|", "|\\^&", true},
        {"H||", "|\\^&", true},
        {"H|", "|\\^&", true},
        {"H|\r\\^&", "|\\^&", true},
        {"H|\\\\&|", "|\\^&", true},
        {"H|\\^^|", "|\\^&", true},
        {"H|&^&|", "|\\^&", true},
        {"H|\\^&~|", "|\\^&", true},
        {"H|abc|", "|\\^&", true},
        {"H|\\1&|", "|\\^&", true},
        {"H|\\ &|", "|\\^&", true},
        {"H|\\^\x80|", "|\\^&", true},
        {"H!\\\\^!", "!\\^&", true},
        {"H\\^^&\\", "\\ ^&", true},
        {"H^\\\\&^", "^\\ &", true},
        {"H&\\\\^&", "&\\^ ", true},
        {"HA\\^&", "|\\^&", false}, /* no header at all */
        {"H1\\^&", "|\\^&", false},
        {"H \\^&", "|\\^&", false},
        {"H\\", "\\ ^&", true},
        {"H", "|\\^&", false},
        {"", "|\\^&", false},
        {"P|1|x^y", "|\\^&", false},
        {"h|!@#|", "|\\^&", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = strlen(cases[i].text);
        unsigned char *text = exact_copy(cases[i].text, n);
        struct astm_delimiters d = astm_delimiters_of(text, n);
        unsigned char got[4] = {d.field, d.repeat, d.component, d.escape};
        for (size_t k = 0; k < 4; k++)
            got[k] = got[k] ? got[k] : ' ';
        is_bytes(got, 4, cases[i].want, 4, "delimiters of %s", cases[i].text);
        is_int(d.odd, cases[i].odd, "%s is %s", cases[i].text, cases[i].odd ? "odd" : "in order");
        free(text);
    }
}

static void parts(void)
{
    static const struct {
        const char *whole;
        unsigned char delimiter;
        size_t index;
        const char *want;
    } cases[] = {
        {"a^b^c", '^', 0, "a"}, {"a^b^c", '^', 1, "b"}, {"a^b^c", '^', 2, "c"}, {"a^b^c", '^', 3, ""},
        {"a^b^c", '^', 99, ""}, {"", '^', 0, ""},       {"", '^', 1, ""},       {"^", '^', 0, ""},
        {"^", '^', 1, ""},      {"^b", '^', 1, "b"},    {"a^", '^', 0, "a"},    {"a^", '^', 1, ""},
        {"abc", '^', 0, "abc"}, {"abc", '^', 1, ""},    {"a^b", 0, 0, "a^b"},   {"a^b", 0, 1, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = strlen(cases[i].whole);
        unsigned char *text = exact_copy(cases[i].whole, n);
        struct astm_slice got = astm_part((struct astm_slice){text, n}, cases[i].delimiter, cases[i].index);
        is_bytes(got.p, got.n, cases[i].want, strlen(cases[i].want), "part %zu of '%s'", cases[i].index,
                 cases[i].whole);
        free(text);
    }
}

static void fields(void)
{
    const struct astm_delimiters d = {'|', '\\', '^', '&', false};
    const struct astm_slice record = slice("R|1|^^^GLU|5.4||");
    static const char *const want[] = {"R", "1", "^^^GLU", "5.4", "", "", "", ""};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct astm_slice got = astm_field(record, &d, i + 1);
        is_bytes(got.p, got.n, want[i], strlen(want[i]), "field %zu", i + 1);
    }
}

static void records(void)
{
    static const struct {
        const char *text;
        size_t n;
        const char *want; /* joined by / */
    } cases[] = {
        {"", 0, ""},
        {"H|\rP|1\rL|1\r", 11, "H|/P|1/L|1/"},
        {"H|\rL|1", 6, "H|/L|1/"},
        {"\r\rL\r", 4, "//L/"},
        {"a\nb\r", 4, "a\nb/"},
        {"a\0b\r", 4, "a\0b/"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char *text = exact_copy(cases[i].text, cases[i].n);
        struct bytes got = {0};
        struct astm_slice record;
        size_t at = 0;
        while (astm_record_next(text, cases[i].n, &at, &record)) {
            bytes_append(&got, record.p, record.n);
            bytes_puts(&got, "/");
        }
        size_t want = i == 5 ? 4 : strlen(cases[i].want);
        is_bytes(got.data, got.len, cases[i].want, want, "the records of case %zu", i);
        is_int(at, cases[i].n, "and nothing is left over");
        bytes_free(&got);
        free(text);
    }
}

/* ---- escapes ---- */

static void unescape(const char *charset, const char *text, const char *want)
{
    const struct astm_delimiters d = {'|', '\\', '^', '&', false};
    struct charset c = {0};
    struct bytes out = {0};
    size_t n = strlen(text);
    unsigned char *exact = exact_copy(text, n);
    if (charset && !charset_open(&c, charset))
        abort();
    ok(astm_unescape(&d, &c, (struct astm_slice){exact, n}, &out), "%.40s is unescaped", text);
    is_bytes(out.data, out.len, want, strlen(want), "%.40s in %s", text, charset_name(&c));
    charset_close(&c);
    bytes_free(&out);
    free(exact);
}

static void escapes(void)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"a&F&b", "a|b"},
        {"&S&", "^"},
        {"&R&", "\\"},
        {"&E&", "&"},
        {"&F&&S&&R&&E&", "|^\\&"},
        {"&E&F&E&", "&F&"}, /* an escaped escape character opens nothing */
        {"&.br&", "\n"},
        {"a&.br&&.br&b", "a\n\nb"},
        {"&X41&", "A"},
        {"&X41426A&", "ABj"},
        {"&X0D0a&", "\r\n"},
        {"&XC3A9&", "\xC3\xA9"},
        {"&XE282AC&", "\xE2\x82\xAC"},
        /* kept as they are */
        {"&H&bold&N&", "&H&bold&N&"},
        {"&Zlocal&", "&Zlocal&"},
        {"&Q&", "&Q&"},
        {"&f&", "&f&"},
        {"&.sp&", "&.sp&"},
        {"&.br+1&", "&.br+1&"},
        {"&X&", "&X&"},
        {"&X4&", "&X4&"},
        {"&X414&", "&X414&"},
        {"&X4G&", "&X4G&"},
        {"&x41&", "&x41&"},
        {"&XE9&", "&XE9&"}, /* no UTF-8 */
        {"&XC3&&XA9&", "&XC3&&XA9&"},
        /* characters that open nothing */
        {"&", "&"},
        {"&&", "&&"},
        {"&&&", "&&&"},
        {"a & b", "a & b"},
        {"a & b & c", "a & b & c"},
        {"salt&pepper", "salt&pepper"},
        {"R&D and &F& and B&B", "R&D and | and B&B"}, /* what stands between two may be no sequence */
        {"&F&F&", "|F&"},
        {"& &F&", "& |"},
        {"&F", "&F"},
        {"F&", "F&"},
        {"&a^b&F&", "&a^b|"}, /* no sequence spans components */
        {"&seventeen letters&F&", "&seventeen letters|"},
        {"&aaaaaaaaaaaaaaaaa&F&", "&aaaaaaaaaaaaaaaaa|"},
        {"&aaaaaaaaaaaaaaaa&F&", "&aaaaaaaaaaaaaaaa&F&"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        unescape(NULL, cases[i].text, cases[i].want);
    unescape("ISO-8859-1", "&XE9&", "\xC3\xA9");
    unescape("ISO-8859-1", "&XC3A9&", "\xC3\x83\xC2\xA9");
    unescape("windows-1252", "&X80&", "\xE2\x82\xAC");
    unescape("GB18030", "&XC0EE&", "\xE6\x9D\x8E");
    unescape("GB18030", "&XC0&", "&XC0&");
    unescape("US-ASCII", "&XE9&", "&XE9&");
}

/* &X41…& of n bytes; more than ASTM_ESCAPE_HEX are left as they are. */
static void long_hexadecimal(size_t n)
{
    const struct astm_delimiters d = {'|', '\\', '^', '&', false};
    struct charset c;
    struct bytes text = {0}, out = {0}, want = {0};
    bytes_puts(&text, "&X");
    for (size_t i = 0; i < n; i++) {
        bytes_puts(&text, "80");
        bytes_puts(&want, "\xE2\x82\xAC");
    }
    bytes_puts(&text, "&");
    charset_open(&c, "windows-1252");
    astm_unescape(&d, &c, (struct astm_slice){text.data, text.len}, &out);
    const struct bytes *same = n > ASTM_ESCAPE_HEX ? &text : &want;
    is_bytes(out.data, out.len, same->data, same->len, "%zu hexadecimal bytes", n);
    bytes_free(&text);
    bytes_free(&out);
    bytes_free(&want);
    charset_close(&c);
}

static void other_delimiters(void)
{
    static const struct {
        struct astm_delimiters d;
        const char *text, *want;
    } cases[] = {
        {{'!', '@', '#', '$', false}, "$F$$R$$S$$E$", "!@#$"},
        {{'!', '@', '#', '$', false}, "&F&", "&F&"},
        {{'|', 0, '^', '&', true}, "&R&&S&", "&R&^"}, /* a delimiter that is not there has no sequence */
        {{'|', '\\', '^', 0, true}, "&F&", "&F&"},
        {{'|', '\\', '.', '&', false}, "&.br&", "&.br&"}, /* nor does a sequence hold delimiters */
        {{'|', '+', '^', '&', false}, "&Z+&F&", "&Z+|"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct charset c = {0};
        struct bytes out = {0};
        astm_unescape(&cases[i].d, &c, slice(cases[i].text), &out);
        is_bytes(out.data, out.len, cases[i].want, strlen(cases[i].want), "%s where the delimiters are other ones",
                 cases[i].text);
        bytes_free(&out);
    }
}

int main(void)
{
    delimiters();
    parts();
    fields();
    records();
    escapes();
    long_hexadecimal(ASTM_ESCAPE_HEX - 1);
    long_hexadecimal(ASTM_ESCAPE_HEX);
    long_hexadecimal(ASTM_ESCAPE_HEX + 1);
    long_hexadecimal(100000);
    other_delimiters();
    return done();
}
