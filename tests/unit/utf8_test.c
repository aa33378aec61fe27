#include "base/utf8.h"

#include "tap.h"

static void ascii_runs(void)
{
    int wrong = 0;
    for (size_t n = 0; n <= 100; n++)
        for (size_t at = 0; at <= n; at++) {
            unsigned char text[100];
            memset(text, 0x7F, sizeof text);
            if (at < n)
                text[at] = (unsigned char)(0x80 + at);
            unsigned char *exact = exact_copy(text, n);
            wrong += ascii_run(exact, n) != at || ascii_run_plain(exact, n) != at || ascii_only(exact, n) != (at == n);
            free(exact);
        }
    is_int(wrong, 0, "the first byte of 80 and more is found at each place, with and without vectors");
    ok(ascii_only(NULL, 0) && utf8_valid(NULL, 0), "nothing is ASCII and UTF-8");
}

/* The grammar of RFC 3629, section 4, word for word: the length of the character at s, or 0. */
static size_t by_grammar(const unsigned char *s, size_t n)
{
    static const struct {
        size_t len;
        unsigned char range[4][2];
    } rules[] = {
        {1, {{0x00, 0x7F}}},
        {2, {{0xC2, 0xDF}, {0x80, 0xBF}}},
        {3, {{0xE0, 0xE0}, {0xA0, 0xBF}, {0x80, 0xBF}}},
        {3, {{0xE1, 0xEC}, {0x80, 0xBF}, {0x80, 0xBF}}},
        {3, {{0xED, 0xED}, {0x80, 0x9F}, {0x80, 0xBF}}},
        {3, {{0xEE, 0xEF}, {0x80, 0xBF}, {0x80, 0xBF}}},
        {4, {{0xF0, 0xF0}, {0x90, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}}},
        {4, {{0xF1, 0xF3}, {0x80, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}}},
        {4, {{0xF4, 0xF4}, {0x80, 0x8F}, {0x80, 0xBF}, {0x80, 0xBF}}},
    };
    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++) {
        size_t i = 0;
        while (i < rules[r].len && i < n && s[i] >= rules[r].range[i][0] && s[i] <= rules[r].range[i][1])
            i++;
        if (i == rules[r].len)
            return i;
    }
    return 0;
}

static void against_grammar(void)
{
    static const unsigned char edges[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF,
                                          0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF};
    size_t count = sizeof edges, total = count * count * count * count, wrong = 0;
    for (size_t i = 0; i < total; i++) {
        unsigned char s[4] = {edges[i % count], edges[i / count % count], edges[i / count / count % count],
                              edges[i / count / count / count]};
        for (size_t n = 1; n <= 4; n++) {
            uint32_t point = 0;
            size_t run = 0, step;
            while (run < n && (step = by_grammar(s + run, n - run)) != 0)
                run += step;
            wrong += utf8_run(s, n) != run || utf8_valid(s, n) != (run == n);
            wrong += utf8_decode(s, n, &point) != by_grammar(s, n);
        }
    }
    is_int(wrong, 0, "%zu sequences at the edges of the grammar are judged as it says", total);
}

static void every_point(void)
{
    size_t wrong = 0, seen = 0;
    for (uint32_t point = 0; point <= 0x10FFFF; point++) {
        if (point == 0xD800)
            point = 0xE000;
        unsigned char s[4];
        uint32_t back = 0;
        size_t n = utf8_encode(point, s);
        wrong += utf8_decode(s, n, &back) != n || back != point || by_grammar(s, n) != n;
        seen++;
    }
    is_int(seen, 0x110000 - 0x800, "there are 1112064 characters");
    is_int(wrong, 0, "each is written, and read back as itself");
}

static void in_long_text(void)
{
    static const char *const pieces[] = {"\xC3\xA9", "\xE4\xBD\xA0", "\xF0\x9F\x98\x80",
                                         "\x80",     "\xED\xA0\x80", "\xC3"};
    int wrong = 0;
    for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++)
        for (size_t at = 0; at < 80; at++) {
            char text[100];
            size_t n = strlen(pieces[p]);
            memset(text, 'x', sizeof text);
            memcpy(text + at, pieces[p], n);
            unsigned char *exact = exact_copy(text, at + n + 10);
            wrong += utf8_valid(exact, at + n + 10) != (p < 3);
            wrong += utf8_run(exact, at + n + 10) != (p < 3 ? at + n + 10 : at);
            free(exact);
            exact = exact_copy(text, at + n);
            wrong += utf8_valid(exact, at + n) != (p < 3) || (n > 1 && utf8_valid(exact, at + n - 1));
            free(exact);
        }
    is_int(wrong, 0, "a character or a bad byte is seen wherever it stands among ASCII");
}

static void shown(void)
{
    static const struct {
        const char *text;
        size_t step;
        bool shown;
    } cases[] = {
        {" ", 1, true},         {"~", 1, true},         {"\x1F", 1, false},    {"\x7F", 1, false},
        {"\xC2\x80", 2, false}, {"\xC2\x9F", 2, false}, {"\xC2\xA0", 2, true}, {"\xE2\x82\xAC", 3, true},
        {"\xE2\x82", 1, false}, {"\x80", 1, false},     {"\xFF", 1, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t step = 0, n = strlen(cases[i].text);
        unsigned char *exact = exact_copy(cases[i].text, n);
        ok(utf8_shown(exact, n, &step) == cases[i].shown && step == cases[i].step, "case %zu of what is shown", i + 1);
        free(exact);
    }
}

int main(void)
{
    ascii_runs();
    against_grammar();
    every_point();
    in_long_text();
    shown();
    return done();
}
