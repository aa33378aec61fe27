/* Messages out of a stream of bytes: however it is cut, the same ones come. */
#include "link/messages.h"

#include "tap.h"

/* What came out, as text: line, id, control id and the text with `;` for CR, or what is wrong:
 * `1 o-7 [17] H|\^&|17;L|1; / 4 !bad-text …`. */
static void tell(struct bytes *out, const struct messages_item *item)
{
    bytes_printf(out, "%s%d ", out->len ? " / " : "", (int)item->line);
    if (item->id.p) {
        bytes_append(out, item->id.p, item->id.n);
        bytes_puts(out, " ");
    }
    if (item->wrong) {
        bytes_printf(out, "!%.40s", item->wrong);
        return;
    }
    if (item->control_id.p) {
        bytes_puts(out, "[");
        bytes_append(out, item->control_id.p, item->control_id.n);
        bytes_puts(out, "] ");
    }
    for (size_t i = 0; i < item->text.n; i++)
        bytes_append(out, item->text.p[i] == '\r' ? (const unsigned char *)";" : item->text.p + i, 1);
}

static void fetch(struct messages *m, struct bytes *out)
{
    struct messages_item item;
    while (messages_next(m, &item))
        tell(out, &item);
}

struct splits {
    const struct protocol *protocol;
    const char *want, *charset;
    size_t max;
    int wrong;
};

/* Each piece is gone before the next one comes, as in a buffer that is filled again. */
static void play(void *arg, const struct piece *pieces, size_t count)
{
    struct splits *s = arg;
    struct messages m;
    struct messages_item item;
    struct charset charset = {0};
    struct bytes out = {0};
    if (s->charset && !charset_open(&charset, s->charset))
        abort();
    messages_init(&m, s->protocol, s->charset ? &charset : NULL, s->max);
    for (size_t i = 0; i < count; i++) {
        unsigned char *copy = exact_copy(pieces[i].data, pieces[i].len);
        size_t at = 0, taken;
        do {
            at += taken = messages_push(&m, copy + at, pieces[i].len - at);
            fetch(&m, &out);
        } while (taken);
        s->wrong += at != pieces[i].len;
        free(copy);
    }
    for (messages_eof(&m); messages_next(&m, &item); messages_eof(&m))
        tell(&out, &item);
    messages_free(&m);
    charset_close(&charset);
    if (out.len != strlen(s->want) || (out.len && memcmp(out.data, s->want, out.len) != 0)) {
        if (!s->wrong++)
            printf("# got:    %.*s\n# wanted: %s\n", (int)out.len, (const char *)out.data, s->want);
    }
    bytes_free(&out);
}

struct flow {
    const char *text;
    size_t n;
    const char *want;
    size_t max;
    const char *charset; /* NULL: none */
};

#define LIMITED(text, want, max, charset)                                                                              \
    {                                                                                                                  \
        text, sizeof(text) - 1, want, max, charset                                                                     \
    }
#define STREAM(text, want) LIMITED(text, want, 1000, NULL)
#define CONVERTED(text, want, charset) LIMITED(text, want, 1000, charset)

static void every_way(const struct protocol *protocol, const struct flow *streams, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct flow *c = &streams[i];
        struct splits s = {protocol, c->want, c->charset, c->max, 0};
        every_split(c->text, c->n, play, &s);
        is_int(s.wrong, 0, "%s %d however it comes: %s", protocol->name, (int)i, c->want);
    }
}

#define H "H|\\^&|"
#define OUTSIDE "!bad-text it is outside of any message"
#define FRAMED "!bad-text it is not text, but what a link "
#define TOO_LONG "!too-long it is longer than --max-message"

static void astm(void)
{
    static const struct flow streams[] = {
        STREAM("", ""),
        STREAM("\r\n \t\n\xEF\xBB\xBF\r\n", ""),
        STREAM(H "1\rL|1\r", "1 [1] " H "1;L|1;"),
        STREAM(H "1\nL|1\n", "1 [1] " H "1;L|1;"),
        STREAM(H "1\r\nL|1\r\n", "1 [1] " H "1;L|1;"),
        STREAM(H "1\r\nL|1", "1 [1] " H "1;L|1;"),
        STREAM("\xEF\xBB\xBF" H "1\rL|1\r", "1 [1] " H "1;L|1;"),
        STREAM("\n\n" H "1\n\nP|1\n\nL|1\n", "3 [1] " H "1;P|1;L|1;"),
        STREAM(H "1\nP|1\n" H "2\nL|1\n" H "3", "1 [1] " H "1;P|1; / 3 [2] " H "2;L|1; / 5 [3] " H "3;"),
        STREAM(H "\rL|1\r" H "\xE9\rL\r", "1 H|\\^&|;L|1; / 3 H|\\^&|\xE9;L;"),
        STREAM(H "1\rL|1\rR|1\rR|2\r" H "2\rR|1\rL|1\rQ|1",
               "1 [1] " H "1;L|1; / 3 " OUTSIDE " / 5 [2] " H "2;R|1;L|1; / 8 " OUTSIDE),
        STREAM("H!^~\\!1\rLook!1\rL!1\rL|1", "1 [1] H!^~\\!1;Look!1;L!1; / 4 " OUTSIDE),
        STREAM("\5\2"
               "1" H "1\r\3"
               "7F\r\n\4",
               "1 !bad-text it is not text, but what a link"),
        LIMITED(H "1\rP|123456789\rL|1\r" H "2\rL|1\r", "1 " TOO_LONG " / 4 [2] " H "2;L|1;", 20, NULL),
        LIMITED(H "1\rL|1\r" H "12\rL|1\r", "1 [1] " H "1;L|1; / 3 " TOO_LONG, 12, NULL),
    };
    every_way(&protocol_astm, streams, sizeof streams / sizeof *streams);
}

#define MSH(id) "MSH|^~\\&|||||||A|" id

static void hl7(void)
{
    static const struct flow streams[] = {
        STREAM(MSH("1") "\rPID|1\r", "1 [1] " MSH("1") ";PID|1;"),
        STREAM(MSH("1") "\nPID|1\n\n" MSH("2") "\r\nPID|1", "1 [1] " MSH("1") ";PID|1; / 4 [2] " MSH("2") ";PID|1;"),
        STREAM("FHS|^~\\&\rBHS|^~\\&\r" MSH("1") "\rPID|1\rBTS|1\rFTS\rPID|2\rFTS|1",
               "3 [1] " MSH("1") ";PID|1; / 7 " OUTSIDE),
        STREAM("MSH\r" MSH("1"), "1 " OUTSIDE " / 2 [1] " MSH("1") ";"),
        STREAM("\v" MSH("1") "\r\x1c\r", "1 !bad-text it is not text, but what a link"),
    };
    every_way(&protocol_hl7, streams, sizeof streams / sizeof *streams);
}

static void lines(void)
{
    static const struct flow streams[] = {
        STREAM("{\"id\":\"a\",\"text\":\"H|\\\\^&|1\\rL|1\"}\n", "1 a [1] " H "1;L|1;"),
        STREAM("\n\r\n  {\"text\":\"H|\\\\^&|1\\r\\nL|1\\n\"}", "3 [1] " H "1;L|1;"),
        STREAM("{\"id\":7,\"text\":\"H|\\\\^&|\\u00e9\"}\n\n{}\n[]\nx",
               "1 7 [\xC3\xA9] " H "\xC3\xA9; / 3 !bad-line it has no records / 4 !bad-line an object "
               "is expected, and an a / 5 !bad-line column 1: a word that is none o"),
        STREAM("{\"type\":\"window\",\"keys\":[]}\n{\"text\":\"H|\\\\^&|1\"}", "2 [1] " H "1;"),
        STREAM("{\"id\":\"m\",\"records\":[{\"type\":\"H\",\"delimiters\":\"\\\\^&\",\"message_control_id\":\"5\"},{"
               "\"type\":\"L\",\"seq\":\"1\"}]}",
               "1 m [5] " H "5;L|1;"),
        STREAM("{\"text\":\"H|\\\\^&|1\",\"id\":\"", "1 !bad-line column 25: a string has no end"),
        LIMITED("{\"text\":\"H|\\\\^&|123456789\"}\n{\"text\":\"H|\\\\^&|1\"}", "1 " TOO_LONG " / 2 [1] " H "1;", 12,
                NULL),
        LIMITED("{\"text\":\"xxxxxxxxxxxxxxxxxxxx\"}\n{\"text\":\"H\"}", "1 !bad-line it is too long / 2 H;", 2, NULL),
    };
    every_way(&protocol_astm, streams, sizeof streams / sizeof *streams);
}

static void charsets(void)
{
    static const struct flow streams[] = {
        CONVERTED(H "\xC3\xA9\nL|1\n" H "\xD0\x96\nL|1\n" H "\xE9\nL\n",
                  "1 H|\\^&|\xE9;L|1; / 3 !bad-text a character is not in the chara / 5 !bad-text a character is not in "
                  "the chara",
                  "ISO-8859-1"),
        CONVERTED("{\"text\":\"H|\\\\^&|\\u00e9\"}\n{\"text\":\"H|\\\\^&|\\u0416\"}",
                  "1 H|\\^&|\xE9; / 2 !bad-text a character is not in the chara", "ISO-8859-1"),
        CONVERTED(
            "{\"charset\":\"ISO-8859-1\",\"records\":[{\"type\":\"H\",\"delimiters\":\"\\\\^&\",\"access_password\":"
            "\"\xC3\xA9\"}]}",
            "1 H|\\^&||\xE9;", "UTF-8"),
    };
    every_way(&protocol_astm, streams, sizeof streams / sizeof *streams);
}

/* A record without end takes no more memory than a message may have. */
static void bound(void)
{
    enum { PIECE = 65536, MOST = 100000 };
    static unsigned char piece[PIECE];
    for (int json = 0; json < 2; json++) {
        struct messages m;
        struct messages_item item;
        size_t most = 0;
        messages_init(&m, &protocol_astm, NULL, MOST);
        memset(piece, 'x', sizeof piece);
        memcpy(piece, json ? "{\"text\":\"" : "H|\\^&|\nC|", 9);
        for (int i = 0; i < 300; i++) {
            messages_push(&m, piece, PIECE);
            memset(piece, 'x', 16);
            size_t held = m.lines.held.cap + m.record.cap + m.text.cap + m.done.cap;
            most = held > most ? held : most;
        }
        ok(most < 20 * MOST, "%s without end is bounded: %zu", json ? "a line" : "a record", most);
        memcpy(piece, "\n", 1);
        messages_push(&m, piece, 1);
        bool found = messages_next(&m, &item);
        if (!found) {
            messages_eof(&m);
            found = messages_next(&m, &item);
        }
        ok(found && item.wrong, "and is told of: %s", item.wrong ? item.wrong : "");
        messages_free(&m);
    }
}

int main(void)
{
    astm();
    hl7();
    lines();
    charsets();
    bound();
    return done();
}
