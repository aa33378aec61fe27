#include "base/lines.h"

#include "tap.h"

/* What came out, as text: `1:abc;` a line, `1:abc.` one without LF, `1!;` one that was too long. */
static void tell(struct bytes *out, const struct line *line)
{
    bytes_printf(out, "%d%s", (int)line->number, line->state == LINE_WHOLE ? ":" : "!");
    bytes_append(out, line->text, line->n);
    bytes_puts(out, line->ended ? ";" : ".");
}

static void fetch(struct lines *l, struct bytes *out)
{
    struct line line;
    while (lines_next(l, &line))
        tell(out, &line);
}

struct splits {
    const char *want;
    size_t want_n, max;
    int wrong;
};

/* Each piece is gone before the next one comes, as in a buffer that is filled again. */
static void play(void *arg, const struct piece *pieces, size_t count)
{
    struct splits *s = arg;
    struct lines l;
    struct bytes out = {0};
    lines_init(&l, s->max);
    for (size_t i = 0; i < count; i++) {
        unsigned char *copy = exact_copy(pieces[i].data, pieces[i].len);
        size_t at = 0, taken;
        do {
            at += taken = lines_push(&l, copy + at, pieces[i].len - at);
            fetch(&l, &out);
        } while (taken);
        s->wrong += at != pieces[i].len;
        free(copy);
    }
    lines_eof(&l);
    fetch(&l, &out);
    lines_free(&l);
    s->wrong += out.len != s->want_n || (out.len && memcmp(out.data, s->want, out.len) != 0);
    bytes_free(&out);
}

#define CASE(text, max, want)                                                                                          \
    {                                                                                                                  \
        text, sizeof(text) - 1, want, sizeof(want) - 1, max                                                            \
    }

static void every_way(void)
{
    static const struct {
        const char *text;
        size_t n;
        const char *want;
        size_t want_n, max;
    } cases[] = {
        CASE("", 4, ""),
        CASE("\n", 4, "1:;"),
        CASE("\n\n", 4, "1:;2:;"),
        CASE("a\n", 4, "1:a;"),
        CASE("a", 4, "1:a."),
        CASE("abc\nde\n\nf", 4, "1:abc;2:de;3:;4:f."),
        CASE("ab\r\n\r\n", 4, "1:ab\r;2:\r;"),
        CASE("a\0b\n\0", 4, "1:a\0b;2:\0."),
        CASE("abcd\nabcd", 4, "1:abcd;2:abcd."),
        CASE("abcde\nabcd\n", 4, "1!;2:abcd;"),
        CASE("abcde", 4, "1!."),
        CASE("ok\nabcdefghijklmnop\nok\nabcdefgh", 4, "1:ok;2!;3:ok;4!."),
        CASE("\na\n", 0, "1:;2!;"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct splits s = {cases[i].want, cases[i].want_n, cases[i].max, 0};
        every_split(cases[i].text, cases[i].n, play, &s);
        is_int(s.wrong, 0, "however it comes: %s", cases[i].want);
    }
}

static void pieces(void)
{
    unsigned char text[] = "one\ntwo\nthree";
    struct lines l;
    struct line line;
    lines_init(&l, 100);
    is_int(lines_push(&l, text, 13), 4, "a line is taken");
    is_int(lines_push(&l, text + 4, 9), 0, "nothing more before it is fetched");
    ok(lines_next(&l, &line) && line.text == text && line.n == 3, "a line in one piece lies in that piece");
    ok(!l.held.cap, "and takes no memory");
    is_int(lines_push(&l, text + 4, 2), 2, "a line in part");
    ok(!lines_next(&l, &line), "is none yet");
    is_int(lines_push(&l, text + 6, 7), 2, "its rest");
    ok(lines_next(&l, &line), "and it is there");
    is_bytes(line.text, line.n, "two", 3, "as it was sent");
    ok(line.ended && line.number == 2, "with its number");
    is_int(lines_push(&l, text + 8, 5), 5, "the last one has no LF");
    lines_eof(&l);
    ok(lines_next(&l, &line) && !line.ended && line.number == 3, "and is told at the end");
    lines_eof(&l);
    ok(!lines_next(&l, &line), "once");
    lines_free(&l);
}

static void bound(void)
{
    enum { PIECE = 65536 };
    static unsigned char piece[PIECE];
    struct lines l;
    struct line line;
    size_t most = 0;
    memset(piece, 'x', sizeof piece);
    lines_init(&l, 1 << 20);
    for (int i = 0; i < 1000; i++) {
        lines_push(&l, piece, PIECE);
        most = l.held.cap > most ? l.held.cap : most;
    }
    ok(most <= 2 << 20 && !l.held.cap, "a line of 64 MB takes no more than twice the bound, and then nothing");
    piece[9] = '\n';
    is_int(lines_push(&l, piece, PIECE), 10, "it is skipped to its end");
    ok(lines_next(&l, &line) && line.state == LINE_TOO_LONG && line.number == 1 && !line.text, "and told of");
    is_int(lines_push(&l, piece, PIECE), 10, "the next one");
    ok(lines_next(&l, &line) && line.state == LINE_WHOLE && line.n == 9, "is a line again");
    lines_free(&l);
}

int main(void)
{
    every_way();
    pieces();
    bound();
    return done();
}
