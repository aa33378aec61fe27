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
        {"{\"type\":\"message\",\"protocol\":5,\"key\":\"" KEY "\"}", false},
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

/* A key of our own for each number. */
static const unsigned char *key_of(unsigned n)
{
    static unsigned char key[JOURNAL_KEY];
    memset(key, 0, sizeof key);
    memcpy(key, &n, sizeof n);
    return key;
}

static void past(void)
{
    struct journal_past p = {0};
    ok(journal_past_counts(&p, key_of(1)), "what nothing is said of counts");
    ok(journal_past_prove(&p, key_of(1)) && journal_past_prove(&p, key_of(2)) && journal_past_prove(&p, key_of(1)),
       "two messages with the same key are proven, and one more");
    ok(journal_past_counts(&p, key_of(3)), "another counts");
    ok(!journal_past_counts(&p, key_of(1)) && !journal_past_counts(&p, key_of(1)), "neither of the two counts");
    ok(journal_past_counts(&p, key_of(1)), "one before them does");
    ok(!journal_past_counts(&p, key_of(2)) && journal_past_counts(&p, key_of(2)), "and one of the other key does not");
    journal_past_free(&p);
    for (unsigned i = 0; i < 5000; i++)
        journal_past_prove(&p, key_of(i));
    ok(p.proven.len == (size_t)4096 * JOURNAL_KEY, "of very many the last are kept");
    ok(!journal_past_counts(&p, key_of(4999)) && !journal_past_counts(&p, key_of(904)), "which do not count");
    ok(journal_past_counts(&p, key_of(903)), "those before them do");
    journal_past_free(&p);
}

int main(void)
{
    reads();
    past();
    return done();
}
