/* What a journal line says, and which lines count after a kill. */
#include "link/journal_line.h"
#include "tap.h"

#define KEY "00112233445566778899aabbccddeeff"

static bool read_exactly(const char *text, size_t n, struct journal_line *l)
{
    unsigned char *copy = malloc(n ? n : 1);
    memcpy(copy, text, n);
    bool read = journal_line_read(copy, n, l);
    free(copy);
    return read;
}

static void reads(void)
{
    static const struct {
        const char *line;
        bool fine;
    } lines[] = {
        {"{\"type\":\"message\",\"key\":\"" KEY "\"}", true},
        {"{\"key\":\"" KEY "\",\"type\":\"message\"}", true},
        {" { \"type\" : \"message\" , \"n\" : 1.5 , \"a\":[{\"b\":\"}]\"}], \"key\" : \"" KEY "\"", true},
        {"{\"type\":\"message\",\"sender\":[\"a\\\"b\",\"key\"],\"key\":\"" KEY "\",\"records\":[", true},
        {"{\"type\":\"message\",\"key\":\"00112233445566778899AABBCCDDEEFF\"}", false},
        {"{\"type\":\"message\",\"key\":\"0011\"}", false},
        {"{\"type\":\"message\",\"key\":5}", false},
        {"{\"type\":\"message\"}", false},
        {"{\"type\":\"window\",\"key\":\"" KEY "\"}", false},
        {"{\"type\":\"message\",\"records\":[{\"key\":\"" KEY "\"}]}", false},
        {"{\"type\":\"message\",\"key\":\"" KEY, false},
        {"{\"type\":\"message\",\"link\":5,\"key\":\"" KEY "\"}", false},
        {"a note", false},
        {"{", false},
        {"", false},
    };
    struct journal_line l;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        size_t n = strlen(lines[i].line), cut = 0;
        ok(read_exactly(lines[i].line, n, &l) == lines[i].fine, "%s is%s one with a key", lines[i].line,
           lines[i].fine ? "" : " not");
        while (cut < n && !read_exactly(lines[i].line, cut, &l))
            cut++;
        ok(lines[i].fine || cut == n, "nor is its beginning, where it is not");
    }
}

/* One of a past, the last first: seconds before 12:00, protocol, link, peer, and whether it counts. */
struct past {
    int before;
    const char *protocol, *link, *peer;
    bool counts;
};

static void counts(const char *name, const struct past *past, size_t n)
{
    struct journal_past p = {0};
    for (size_t i = 0; i < n; i++) {
        char line[300];
        struct journal_line l;
        int at = 43200 - past[i].before;
        int len = snprintf(line, sizeof line,
                           "{\"type\":\"message\",\"protocol\":\"%s\",\"link\":\"%s\",\"peer\":\"%s\",\"received\":"
                           "\"2026-11-21T%02d:%02d:%02d.000000Z\",\"key\":\"" KEY "\"}",
                           past[i].protocol, past[i].link, past[i].peer, at / 3600, at / 60 % 60, at % 60);
        bool read = read_exactly(line, (size_t)len, &l);
        struct journal_line whole;
        journal_line_read((const unsigned char *)line, (size_t)len, &whole);
        ok(read && journal_past_counts(&p, &whole) == past[i].counts, "%s, %zu from the end: %s", name, i,
           past[i].counts ? "counts" : "does not");
    }
    journal_past_free(&p);
}

#define COUNTS(name, ...)                                                                                              \
    do {                                                                                                               \
        static const struct past past[] = {__VA_ARGS__};                                                               \
        counts(name, past, sizeof past / sizeof *past);                                                                \
    } while (0)

static void many(void)
{
    struct journal_past p = {0};
    static const char line[] =
        "{\"type\":\"message\",\"protocol\":\"astm\",\"link\":\"x\",\"peer\":\"10.0.0.%u:%u\",\"received\":"
        "\"2026-11-21T12:00:00Z\",\"key\":\"" KEY "\"}";
    unsigned n = 0, last = 0;
    for (unsigned i = 0; i < 20000; i++) {
        char text[300];
        struct journal_line l;
        snprintf(text, sizeof text, line, i % 200, i);
        journal_line_read((const unsigned char *)text, strlen(text), &l);
        if (journal_past_counts(&p, &l)) {
            n++;
            last = i;
        }
    }
    ok(n > 3000 && last < 10000, "of very many connections the last %u count", n);
    journal_past_free(&p);
}

int main(void)
{
    reads();
    COUNTS("HL7", {0, "hl7", "a", "10.0.0.1:1", true}, {0, "hl7", "a", "10.0.0.1:1", true},
           {9000, "hl7", "a", "10.0.0.1:1", true});
    COUNTS("one ASTM connection", {0, "astm", "a", "10.0.0.1:1", true}, {0, "astm", "a", "10.0.0.1:1", false},
           {9000, "astm", "a", "10.0.0.1:1", false});
    COUNTS("several ASTM connections", {0, "astm", "a", "10.0.0.1:1", true}, {1, "astm", "a", "10.0.0.1:2", true},
           {2, "astm", "a", "10.0.0.1:1", false}, {60, "astm", "a", "10.0.0.1:3", true},
           {61, "astm", "a", "10.0.0.1:4", false}, {61, "astm", "a", "10.0.0.2:4", true},
           {61, "astm", "b", "10.0.0.1:4", true}, {99, "astm", "b", "10.0.0.1:4", false});
    COUNTS("ASTM after HL7", {0, "hl7", "a", "10.0.0.1:1", true}, {50, "astm", "a", "10.0.0.1:1", true},
           {9000, "astm", "b", "[::1]:1", true}, {9000, "astm", "b", "[::1]:2", false});
    COUNTS("peers without a port", {0, "astm", "a", "unix", true}, {1, "astm", "a", "unix", false},
           {9000, "astm", "b", "/dev/ttyS0", true}, {9001, "astm", "b", "/dev/ttyS0", false});
    many();
    return done();
}
