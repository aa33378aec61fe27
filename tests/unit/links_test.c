#include "link/links.h"

#include "base/bytes.h"

#include "tap.h"

/* What a line says: `name protocol endpoint option=value option`, each in brackets; `empty`; `wrong: why`. */
static void read_line(const char *text, size_t n, struct bytes *out)
{
    struct links_line *line = malloc(sizeof *line);
    char *copy = exact_copy(text, n);
    const char *why = "?";
    out->len = 0;
    enum links_result result = links_parse(line, copy, n, &why);
    free(copy);
    if (result == LINKS_EMPTY)
        bytes_puts(out, "empty");
    else if (result == LINKS_WRONG)
        bytes_printf(out, "wrong: %s", why);
    else
        bytes_printf(out, "[%s] [%s] [%s]", line->name, line->protocol, line->endpoint);
    for (size_t i = 0; result == LINKS_LINK && i < line->options_n; i++)
        bytes_printf(out, line->options[i].value ? " %s=[%s]" : " %s", line->options[i].name, line->options[i].value);
    bytes_append(out, "", 1);
    free(line);
}

#define FIELDS "wrong: a link is a name, a protocol (astm, hl7, auto), an endpoint, and options"
#define NAMELESS "wrong: an option without a name"
#define NUL_IN_IT "wrong: the line holds a NUL"
#define LINE(text, says)                                                                                               \
    {                                                                                                                  \
        "" text, sizeof text - 1, says                                                                                 \
    }

static const struct {
    const char *text;
    size_t n;
    const char *says;
} lines[] = {
    LINE("cobas astm dial:10.0.0.5:4001", "[cobas] [astm] [dial:10.0.0.5:4001]"),
    LINE("cobas astm 4001 charset=ISO-8859-1,timers=reply=20",
         "[cobas] [astm] [4001] charset=[ISO-8859-1] timers=[reply=20]"),
    LINE("\t cobas\tastm \t 4001  replace \t", "[cobas] [astm] [4001] replace"),
    LINE("a b c\r", "[a] [b] [c]"),
    LINE("a b c d\r", "[a] [b] [c] d"),
    LINE("a b serial:/dev/ttyS0,9600,8N1", "[a] [b] [serial:/dev/ttyS0,9600,8N1]"),
    LINE("sysmex hl7 listen:*:4002 allow=10.0.0.0/8,idle-timeout=1h",
         "[sysmex] [hl7] [listen:*:4002] allow=[10.0.0.0/8] idle-timeout=[1h]"),
    /* nothing */
    LINE("", "empty"),
    LINE(" \t\r", "empty"),
    LINE("#", "empty"),
    LINE("# a b c", "empty"),
    LINE("  \t# a b c", "empty"),
    LINE("#a b c", "empty"),
    /* comments */
    LINE("a b c # d", "[a] [b] [c]"),
    LINE("a b c d #e", "[a] [b] [c] d"),
    LINE("a b c d # e f g", "[a] [b] [c] d"),
    LINE("a#1 b #c", FIELDS),
    LINE("a#1 b c#d e#f=g#h", "[a#1] [b] [c#d] e#f=[g#h]"),
    LINE("\\#a b c", "[#a] [b] [c]"),
    LINE("a b c \\#d", "[a] [b] [c] #d"),
    /* what stands behind a backslash */
    LINE("a\\ b c d", "[a b] [c] [d]"),
    LINE("a\\\tb c d", "[a\tb] [c] [d]"),
    LINE("a\\\\ b c", "[a\\] [b] [c]"),
    LINE("a\\\\\\ b c d", "[a\\ b] [c] [d]"),
    LINE("\\a\\b\\c d e", "[abc] [d] [e]"),
    LINE("a b c x=1\\,2,y=3", "[a] [b] [c] x=[1,2] y=[3]"),
    LINE("a b c x=1\\\\,y=3", "[a] [b] [c] x=[1\\] y=[3]"),
    LINE("a b c x=\\ ,y", "[a] [b] [c] x=[ ] y"),
    LINE("a b c x\\=1=2", "[a] [b] [c] x=1=[2]"),
    LINE("a b c x\\,y", "[a] [b] [c] x,y"),
    LINE("a b c x=\\#", "[a] [b] [c] x=[#]"),
    LINE("a b c\\", "[a] [b] [c\\]"),
    LINE("a b c x=\\", "[a] [b] [c] x=[\\]"),
    LINE("a b c d\\ \\ ", "[a] [b] [c] d  "),
    /* values */
    LINE("a b c x=", "[a] [b] [c] x=[]"),
    LINE("a b c x=,y=", "[a] [b] [c] x=[] y=[]"),
    LINE("a b c x==", "[a] [b] [c] x=[=]"),
    LINE("a b c x=\xC3\xA9\xFF", "[a] [b] [c] x=[\xC3\xA9\xFF]"),
    /* what is none */
    LINE("a", FIELDS),
    LINE("a b", FIELDS),
    LINE("a b # c", FIELDS),
    LINE("a b c d e", FIELDS),
    LINE("a b c x=1, y=2", FIELDS),
    LINE("a b c =1", NAMELESS),
    LINE("a b c ,", NAMELESS),
    LINE("a b c x,", NAMELESS),
    LINE("a b c ,x", NAMELESS),
    LINE("a b c x,,y", NAMELESS),
    LINE("a b c x,=", NAMELESS),
    LINE("\0", NUL_IN_IT),
    LINE("a b c\0", NUL_IN_IT),
    LINE("# a\0b", NUL_IN_IT),
};

static void vectors(void)
{
    struct bytes said = {0};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        read_line(lines[i].text, lines[i].n, &said);
        is_str((const char *)said.data, lines[i].says, "'%s'", lines[i].text);
    }
    bytes_free(&said);
}

static void lengths(void)
{
    struct bytes text = {0}, said = {0};
    bytes_puts(&text, "a b c ");
    while (text.len < LINKS_LINE - 1)
        bytes_puts(&text, "x");
    read_line((const char *)text.data, text.len, &said);
    ok(strncmp((const char *)said.data, "[a] [b] [c] x", 13) == 0, "the longest line is one");
    bytes_puts(&text, "x");
    read_line((const char *)text.data, text.len, &said);
    is_str((const char *)said.data, "wrong: the line is too long", "a longer one is none");
    *text.data = '#';
    read_line((const char *)text.data, text.len, &said);
    is_str((const char *)said.data, "wrong: the line is too long", "nor is a comment of that length");
    bytes_free(&text);
    bytes_free(&said);
}

static void many_options(void)
{
    struct bytes text = {0}, said = {0};
    bytes_puts(&text, "a b c o=0");
    for (size_t i = 1; i < LINKS_OPTIONS; i++)
        bytes_printf(&text, ",o=%zu", i);
    read_line((const char *)text.data, text.len, &said);
    ok(strstr((const char *)said.data, " o=[0] ") && strstr((const char *)said.data, " o=[31]"), "many options");
    bytes_puts(&text, ",o");
    read_line((const char *)text.data, text.len, &said);
    is_str((const char *)said.data, "wrong: it has more options than a link can have", "one too many");
    bytes_free(&text);
    bytes_free(&said);
}

/* A line is read alike, whatever the one before it has left behind. */
static void used_again(void)
{
    struct links_line *line = malloc(sizeof *line);
    const char *why;
    memset(line, 'x', sizeof *line);
    ok(links_parse(line, "a b c d,e=1", 11, &why) == LINKS_LINK && line->options_n == 2, "a line");
    ok(links_parse(line, "f g h", 5, &why) == LINKS_LINK && line->options_n == 0 && strcmp(line->endpoint, "h") == 0,
       "the next one has none of its options");
    ok(links_parse(line, "i", 1, &why) == LINKS_WRONG && links_parse(line, "", 0, &why) == LINKS_EMPTY,
       "nor of its fields");
    free(line);
}

int main(void)
{
    vectors();
    lengths();
    many_options();
    used_again();
    return done();
}
