#include "link/proxy_header.h"

#include "tap.h"

#include <arpa/inet.h>
#include <sys/un.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define CASE(text) text, sizeof text - 1

/* The result, and for an address its text: "more", "none", "invalid", "10.0.0.5:4711". */
static const char *word(enum proxy_header_result result, const struct proxy_header *h, char *text, size_t size)
{
    if (result == PROXY_HEADER_ADDRESS)
        address_text(&h->address, text, size);
    else
        snprintf(text, size, "%s",
                 result == PROXY_HEADER_MORE   ? "more"
                 : result == PROXY_HEADER_NONE ? "none"
                                               : "invalid");
    return text;
}

/* What the first n of these bytes are, in an allocation of their size. */
static const char *judge(const char *bytes, size_t n, struct proxy_header *h, char *text, size_t size)
{
    unsigned char *copy = exact_copy(bytes, n);
    word(proxy_header_parse(copy, n, h), h, text, size);
    free(copy);
    return text;
}

/* Of every beginning nothing but MORE may be said that is not said of the whole, nor with more behind it. */
static bool is_steady(const char *bytes, size_t n, const char *want, size_t from)
{
    char text[64];
    struct proxy_header h;
    bool steady = true;
    for (size_t some = 0; some <= n; some++) {
        judge(bytes, some, &h, text, sizeof text);
        steady = steady && strcmp(text, some < from ? "more" : want) == 0;
    }
    char longer[8192];
    memset(longer, 5, sizeof longer);
    memcpy(longer, bytes, n);
    if (from <= n)
        steady = steady && strcmp(judge(longer, sizeof longer, &h, text, sizeof text), want) == 0;
    return steady;
}

struct vector {
    const char *bytes;
    size_t n;
    const char *want;
    size_t from; /* of so many bytes on it is known; a header that is good has this length */
    const char *name;
};

static void play(const struct vector *v)
{
    char text[64];
    struct proxy_header h;
    is_str(judge(v->bytes, v->n, &h, text, sizeof text), v->want, "%s", v->name);
    ok(is_steady(v->bytes, v->n, v->want, v->from), "... from byte %zu on, and never otherwise", v->from);
    bool good = strcmp(v->want, "more") != 0 && strcmp(v->want, "invalid") != 0;
    is_int(h.len, good ? v->from : 0, "... its length");
    ok((h.why != NULL) == (strcmp(v->want, "invalid") == 0), "... and why, if it is wrong");
}

static void lines(void)
{
#define LONGEST "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535"
    static const struct vector vectors[] = {
        {CASE("PROXY TCP4 10.0.0.5 192.0.2.1 4711 4000\r\n\x05"), "10.0.0.5:4711", 41, "IPv4, and ENQ behind it"},
        {CASE("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255:65535", 56, "IPv4, most"},
        {CASE("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"), "0.0.0.0:0", 32, "IPv4, least"},
        {CASE("PROXY TCP6 2001:db8::5 ::1 4711 4000\r\n"), "[2001:db8::5]:4711", 38, "IPv6"},
        {CASE("PROXY TCP6 ::ffff:10.0.0.5 ::1 4711 4000\r\n"), "10.0.0.5:4711", 42, "IPv4 within IPv6"},
        {CASE("PROXY TCP6 " LONGEST "\r\n"), "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", 104, "IPv6, most"},
        {CASE("PROXY UNKNOWN\r\n\x05"), "none", 15, "UNKNOWN"},
        {CASE("PROXY UNKNOWN " LONGEST "\r\n"), "none", 107, "UNKNOWN, the longest line that there is"},
        {CASE("PROXY UNKNOWN \0\r!\r\n"), "none", 19, "UNKNOWN, and what is to be ignored"},
        {CASE("PROXY UNKNOWN " LONGEST "x\r\n"), "invalid", 107, "one byte longer"},
        {CASE("PROXY UNKNOWNS\r\n"), "invalid", 16, "UNKNOWN with more behind it"},
        {CASE("PROXY UNKNOWN\n"), "invalid", 14, "LF alone"},
        {CASE("PROXY UNKNOWN\r"), "more", 99, "CR alone"},
        {CASE("PROXY \r\n"), "invalid", 8, "no family"},
        {CASE("PROXY \n"), "invalid", 7, "no family, and LF alone"},
        {CASE("PROXY  TCP4 10.0.0.5 192.0.2.1 1 2\r\n"), "invalid", 36, "two blanks"},
        {CASE("PROXY TCP4 10.0.0.5 192.0.2.1 1 2 \r\n"), "invalid", 36, "a blank at the end"},
        {CASE("PROXY TCP4 10.0.0.5 192.0.2.1 1\r\n"), "invalid", 33, "a port is missing"},
        {CASE("PROXY TCP4 10.0.0.5 192.0.2.1 1 2 3\r\n"), "invalid", 37, "a port too many"},
        {CASE("PROXY TCP4\r\n"), "invalid", 12, "no addresses"},
        {CASE("PROXY TCP5 10.0.0.5 192.0.2.1 1 2\r\n"), "invalid", 35, "another family"},
        {CASE("PROXY tcp4 10.0.0.5 192.0.2.1 1 2\r\n"), "invalid", 35, "small letters"},
        {CASE("PROXY TCP4 ::1 ::1 1 2\r\n"), "invalid", 24, "IPv6 called IPv4"},
        {CASE("PROXY TCP6 10.0.0.5 192.0.2.1 1 2\r\n"), "invalid", 35, "IPv4 called IPv6"},
        {CASE("PROXY TCP4 10.0.0.5 192.0.2.256 1 2\r\n"), "invalid", 37, "the other address is none"},
        {CASE("PROXY TCP4 010.0.0.5 192.0.2.1 1 2\r\n"), "invalid", 36, "a zero before a number"},
        {CASE("PROXY TCP6 ::1%lo ::1 1 2\r\n"), "invalid", 27, "a zone"},
        {CASE("PROXY TCP4 10.0.0.5 192.0.2.1 65536 2\r\n"), "invalid", 39, "a port that is too large"},
        {CASE("PROXY TCP4 10.0.0.5 192.0.2.1 1 65536\r\n"), "invalid", 39, "the other one too"},
        {CASE("PROXY TCP4 10.0.0.5 192.0.2.1 -1 2\r\n"), "invalid", 36, "a port with a sign"},
        {CASE("PROXY TCP4 10.0.0.5 192.0.2.1 01 2\r\n"), "invalid", 36, "a port with a zero before it"},
        {CASE("PROXY TCP4 10.0.0.5 192.0.2.1 1x 2\r\n"), "invalid", 36, "a port with a letter"},
        {CASE("PROXY TCP4 10.0.0.5 192.0.2.1 1 2\0\r\n"), "invalid", 36, "NUL at the end"},
        {CASE("PROXY TCP4\t10.0.0.5 192.0.2.1 1 2\r\n"), "invalid", 35, "TAB"},
        {CASE("PROXY TCP4 10.0.0.5 192.0.2.1 1 2\n"), "invalid", 34, "an address and LF alone"},
        {CASE("PROXYTCP4"), "invalid", 6, "no blank"},
        {CASE("Proxy"), "invalid", 2, "small letters at the beginning"},
        {CASE("PROX"), "more", 99, "cut"},
        {CASE(""), "more", 99, "nothing"},
        {CASE("\x05"), "invalid", 1, "ENQ without a header"},
        {CASE("\x0BMSH|"), "invalid", 1, "a block without a header"},
        {CASE("\nPROXY"), "invalid", 1, "something before it"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        play(&vectors[i]);
}

#define V4 "\x0A\0\0\x05\xC0\0\x02\x01\x12\x67\x0F\xA0"
#define V6                                                                                                             \
    "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x05"                                                                       \
    "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x06\x12\x67\x0F\xA0"
#define ZEROS_36 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define PATHS ZEROS_36 ZEROS_36 ZEROS_36 ZEROS_36 ZEROS_36 ZEROS_36

static void binary(void)
{
    static const struct vector vectors[] = {
        {CASE(SIGNATURE "\x21\x11\0\x0C" V4 "\x05"), "10.0.0.5:4711", 28, "IPv4, and ENQ behind it"},
        {CASE(SIGNATURE "\x21\x11\0\x13" V4 "\x03\0\x04"
                        "\1\2\3\4"),
         "10.0.0.5:4711", 35, "a TLV, a checksum, not looked at"},
        {CASE(SIGNATURE "\x21\x11\0\x0F" V4 "\x04\xFF\xFF"), "10.0.0.5:4711", 31, "a TLV longer than the header"},
        {CASE(SIGNATURE "\x21\x21\0\x24" V6), "[2001:db8::5]:4711", 52, "IPv6"},
        {CASE(SIGNATURE "\x21\x21\0\x24"
                        "\0\0\0\0\0\0\0\0\0\0\xFF\xFF\x0A\0\0\x05"
                        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x12\x67\x0F\xA0"),
         "10.0.0.5:4711", 52, "IPv4 within IPv6"},
        {CASE(SIGNATURE "\x21\x31\0\xD8" PATHS), "unix", 232, "unix"},
        {CASE(SIGNATURE "\x20\0\0\0"), "none", 16, "LOCAL"},
        {CASE(SIGNATURE "\x20\x11\0\x0C" V4), "none", 28, "LOCAL with addresses"},
        {CASE(SIGNATURE "\x20\xFF\0\x01!"), "none", 17, "LOCAL with a family that there is not"},
        {CASE(SIGNATURE "\x21\0\0\0"), "none", 16, "no family"},
        {CASE(SIGNATURE "\x21\x01\0\x03!!!"), "none", 19, "no family, and something"},
        {CASE(SIGNATURE "\x21\x10\0\x02!!"), "none", 18, "no transport"},
        {CASE(SIGNATURE "\x21\x11\0\x0B" V4), "invalid", 16, "too short for IPv4"},
        {CASE(SIGNATURE "\x21\x11\0\0" V4), "invalid", 16, "no addresses"},
        {CASE(SIGNATURE "\x21\x21\0\x23" V6), "invalid", 16, "too short for IPv6"},
        {CASE(SIGNATURE "\x21\x21\0\x0C" V4), "invalid", 16, "IPv4 called IPv6"},
        {CASE(SIGNATURE "\x21\x31\0\xD7" PATHS), "invalid", 16, "too short for unix"},
        {CASE(SIGNATURE "\x21\x12\0\x0C" V4), "invalid", 14, "datagrams"},
        {CASE(SIGNATURE "\x21\x13\0\x0C" V4), "invalid", 14, "another transport"},
        {CASE(SIGNATURE "\x21\x41\0\x0C" V4), "invalid", 14, "another family"},
        {CASE(SIGNATURE "\x22\x11\0\x0C" V4), "invalid", 13, "another command"},
        {CASE(SIGNATURE "\x11\x11\0\x0C" V4), "invalid", 13, "version 1"},
        {CASE(SIGNATURE "\x31\x11\0\x0C" V4), "invalid", 13, "version 3"},
        {CASE(SIGNATURE "\x21\x11\x0F\xF1" V4), "invalid", 16, "one byte too long"},
        {CASE(SIGNATURE "\x20\0\xFF\xFF"), "invalid", 16, "as long as there is"},
        {CASE(SIGNATURE "\x21\x11\x0F\xF0" V4), "more", 9999, "the longest, cut"},
        {CASE("\r\n\r\n\0\r\nQUIT\r"), "invalid", 12, "another signature"},
        {CASE("\r\n\r\nQUIT\n"), "invalid", 5, "one without NUL"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        play(&vectors[i]);
}

static void longest(void)
{
    char bytes[PROXY_HEADER_MAX] = SIGNATURE "\x21\x11\x0F\xF0" V4;
    const struct vector v = {bytes, sizeof bytes, "10.0.0.5:4711", sizeof bytes, "the longest"};
    play(&v);
}

/* Each byte of a good header, made into each other one: whatever it is then, no more bytes change it. */
static void mutants(void)
{
    static const char line[] = "PROXY TCP4 10.0.0.5 192.0.2.1 4711 4000\r\n", block[] = SIGNATURE "\x21\x11\0\x0C" V4;
    const struct {
        const char *bytes;
        size_t n;
    } good[] = {{line, sizeof line - 1}, {block, sizeof block - 1}};
    size_t unsteady = 0;
    for (size_t i = 0; i < 2; i++)
        for (size_t at = 0; at < good[i].n; at++)
            for (int byte = 0; byte < 256; byte++) {
                char bytes[64], first[64], text[64];
                struct proxy_header h;
                bool decided = false;
                memcpy(bytes, good[i].bytes, good[i].n);
                bytes[at] = (char)byte;
                for (size_t n = 0; n <= good[i].n; n++) {
                    judge(bytes, n, &h, text, sizeof text);
                    unsteady += decided ? strcmp(text, first) != 0 : 0;
                    if (!decided && strcmp(text, "more") != 0) {
                        decided = true;
                        strcpy(first, text);
                    }
                }
            }
    is_int(unsteady, 0, "a byte that is otherwise: what is said once stays");
}

static void fields(void)
{
    struct proxy_header h;
    static const unsigned char unix_header[232] = SIGNATURE "\x21\x31\0\xD8/run/instrument";
    ok(proxy_header_parse(unix_header, sizeof unix_header, &h) == PROXY_HEADER_ADDRESS &&
           h.address.storage.ss_family == AF_UNIX && h.address.len == sizeof(struct sockaddr_un),
       "an address of unix is one as accept has it");
}

int main(void)
{
    lines();
    binary();
    longest();
    mutants();
    fields();
    return done();
}
