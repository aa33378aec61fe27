#include "hl7/escape.h"

#include "tap.h"

static const struct hl7_separators usual = {'|', '^', '~', '\\', '&', 0, false};
static const struct hl7_separators newer = {'|', '^', '~', '\\', '&', '#', false};
static const struct hl7_separators other = {'!', '@', '$', '/', '%', 0, false};
static const struct hl7_separators few = {'|', '^', 0, '\\', 0, 0, false};
static const struct hl7_separators none = {'\\', '^', '~', 0, '&', 0, false};

/* A set that was decided for a message which declares it. */
static void decide(struct hl7_charset *c, const char *declared)
{
    const struct hl7_slice name = {(const unsigned char *)declared, strlen(declared)};
    const struct hl7_slice text = {(const unsigned char *)"MSH|\x1B$B;3\x1B(B", 12};
    struct bytes out = {0};
    bool as_is;
    if (!hl7_charset_read(c, NULL, name, '~', text, &out, &as_is))
        abort();
    bytes_free(&out);
}

static void sequences(void)
{
    static const struct {
        const char *charset;
        const struct hl7_separators *separators;
        const char *text, *want;
    } cases[] = {
        {"", &usual, "", ""},
        {"", &usual, "plain", "plain"},
        {"", &usual, "\\F\\", "|"},
        {"", &usual, "a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f", "a|b^c&d~e\\f"},
        {"", &other, "/F/ /S/ /T/ /R/ /E/ \\F\\", "! @ % $ / \\F\\"},
        {"", &newer, "cut\\P\\", "cut#"},
        {"", &usual, "cut\\P\\", "cut\\P\\"},
        {"", &few, "\\R\\ \\T\\ \\S\\", "\\R\\ \\T\\ ^"},
        {"", &none, "\\F\\", "\\F\\"},
        /* each once */
        {"", &usual, "\\E\\F\\E\\", "\\F\\"},
        {"", &usual, "\\E\\\\F\\", "\\|"},
        {"", &usual, "\\X5C\\F\\X5C\\", "\\F\\"},
        /* bytes */
        {"", &usual, "\\X41\\", "A"},
        {"", &usual, "\\X4a4B\\", "JK"},
        {"", &usual, "\\X0D0A\\", "\r\n"},
        {"", &usual, "\\XC3A4\\", "\xC3\xA4"},
        {"", &usual, "\\XE4\\", "\\XE4\\"},
        {"8859/1", &usual, "\\XE4\\", "\xC3\xA4"},
        {"8859/15", &usual, "\\XA4\\", "\xE2\x82\xAC"},
        {"GB 18030-2000", &usual, "\\XB0A2\\", "\xE9\x98\xBF"},
        {"~ISO IR87", &usual, "\\X1B2442\\\\X3B33\\", "\\X1B2442\\;3"},
        {"~ISO IR87", &usual, "\\X1B24423B331B2842\\", "\xE5\xB1\xB1"},
        {"", &usual, "\\X\\", "\\X\\"},
        {"", &usual, "\\X4\\", "\\X4\\"},
        {"", &usual, "\\X414\\", "\\X414\\"},
        {"", &usual, "\\X4G\\", "\\X4G\\"},
        {"", &usual, "\\x41\\", "\\x41\\"},
        /* lines */
        {"", &usual, "one\\.br\\two", "one\ntwo"},
        {"", &usual, "one\\.br\\\\.br\\two", "one\n\ntwo"},
        {"", &usual, "one\\.BR\\two", "one\\.BR\\two"},
        /* as they are */
        {"", &usual, "\\H\\loud\\N\\", "\\H\\loud\\N\\"},
        {"", &usual, "\\.sp\\\\.sp3\\\\.in+4\\\\.ti-2\\\\.sk 3\\\\.ce\\",
         "\\.sp\\\\.sp3\\\\.in+4\\\\.ti-2\\\\.sk 3\\\\.ce\\"},
        {"", &usual, "\\C2842\\\\M242842\\", "\\C2842\\\\M242842\\"},
        {"", &usual, "\\Z03BC\\\\Zany0thing\\", "\\Z03BC\\\\Zany0thing\\"},
        {"", &usual, "\\Q\\S\\", "\\Q\\S\\"}, /* what closes a sequence opens none */
        {"", &usual, "\\unknown\\F\\", "\\unknown\\F\\"},
        {"", &usual, "\\", "\\"},
        {"", &usual, "\\\\", "\\\\"},
        {"", &usual, "\\\\\\", "\\\\\\"},
        {"", &usual, "C:\\", "C:\\"},
        {"", &usual, "a \\ b \\ c", "a \\ b \\ c"},
        {"", &usual, "a \\ b\\F\\", "a \\ b|"},
        {"", &usual, "\\^\\F\\", "\\^|"},
        {"", &usual, "\\F", "\\F"},
        {"", &usual, "\\X41", "\\X41"},
        {"", &usual, "F\\", "F\\"},
        {"", &usual, "\\aVeryLongWordIndeed\\F\\", "\\aVeryLongWordIndeed|"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hl7_charset charset = {0};
        struct bytes out = {0};
        size_t n = strlen(cases[i].text);
        unsigned char *text = exact_copy(cases[i].text, n);
        decide(&charset, cases[i].charset);
        ok(hl7_unescape(cases[i].separators, &charset, (struct hl7_slice){text, n}, &out), "memory for it");
        is_bytes(out.data, out.len, cases[i].want, strlen(cases[i].want), "%s%s%s", cases[i].text,
                 *cases[i].charset ? " in " : "", cases[i].charset);
        free(text);
        bytes_free(&out);
        hl7_charset_close(&charset);
    }
}

/* As many bytes as are looked at, and one more. */
static void long_ones(void)
{
    struct hl7_charset charset = {0};
    static unsigned char text[2 * HL7_ESCAPE_HEX + 16], out[HL7_ESCAPE_MAX];
    size_t len = 0, kept = 0;
    decide(&charset, "8859/1");
    memset(text, '6', sizeof text);
    text[0] = '\\';
    text[1] = 'X';
    text[2 + 2 * HL7_ESCAPE_HEX] = '\\';
    is_int(hl7_escape(&usual, &charset, text, sizeof text, out, &len, &kept), 2 * HL7_ESCAPE_HEX + 3,
           "the longest sequence of bytes");
    ok(len == HL7_ESCAPE_HEX && out[0] == 'f' && out[len - 1] == 'f', "is resolved");
    text[2 + 2 * HL7_ESCAPE_HEX] = '6';
    text[4 + 2 * HL7_ESCAPE_HEX] = '\\';
    is_int(hl7_escape(&usual, &charset, text, sizeof text, out, &len, &kept), 0, "a longer one");
    is_int(kept, 1, "is kept");
    hl7_charset_close(&charset);
}

int main(void)
{
    sequences();
    long_ones();
    return done();
}
