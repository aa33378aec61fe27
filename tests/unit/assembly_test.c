#include "astm/assembly.h"

#include "tap.h"

enum { LIMIT = 40 };

/* What a push brings, as text: messages as {text} or, incomplete, as -{text}, their notes behind them in brackets; at
 * the end what is open, as …text. In texts CR is / and LF is $. */
struct vector {
    const char *name, *input, *log;
};

static const struct vector vectors[] = {
    {"from H to L", "H|\\^&/P|1/L|1/", "{H|\\^&/P|1/L|1/}"},
    {"a bare L record", "H|\\^&/L/", "{H|\\^&/L/}"},
    {"what follows is the next message", "H|\\^&/L|1/H|\\^&|2/P", "{H|\\^&/L|1/}...H|\\^&|2/P"},
    {"LF ends records", "H|\\^&$P|1$L|1$", "{H|\\^&/P|1/L|1/}[lf]"},
    {"CR LF ends records", "H|\\^&/$P|1/$L|1/$", "{H|\\^&/P|1/L|1/}[crlf]"},
    {"both", "H|\\^&/$P|1$L|1/", "{H|\\^&/P|1/L|1/}[crlf lf]"},
    {"an LF that ends no record right after CR is noted as such", "H|\\^&/$$L|1/", "{H|\\^&/L|1/}[crlf lf]"},
    {"empty records are none", "//H|\\^&///P|1//L|1/", "{H|\\^&/P|1/L|1/}"},
    {"before a message LF is none either", "$$H|\\^&/L|1/$$", "{H|\\^&/L|1/}"},
    {"H without L ends at the next H", "H|\\^&/P|1/H|\\^&|2/L|1/", "-{H|\\^&/P|1/}{H|\\^&|2/L|1/}"},
    {"records before any H are a message of their own", "P|1/R|1/H|\\^&/L|1/", "-{P|1/R|1/}{H|\\^&/L|1/}"},
    {"also with an L of their own", "P|1/L|1/H|\\^&/L|1/", "-{P|1/L|1/}{H|\\^&/L|1/}"},
    {"several messages", "H|\\^&/L|1/H|\\^&/L|2/H|\\^&/L|3/", "{H|\\^&/L|1/}{H|\\^&/L|2/}{H|\\^&/L|3/}"},
    {"L is what the field delimiter of H follows", "H!@^\\/L|1/L!1/", "{H!@^\\/L|1/L!1/}"},
    {"or nothing", "H!@^\\/LX/L/", "{H!@^\\/LX/L/}"},
    {"without H that is |", "P|1/L!1/L|1/", "-{P|1/L!1/L|1/}"},
    {"H is what a delimiter follows", "H|\\^&/HELLO/H/H1/L|1/", "{H|\\^&/HELLO/H/H1/L|1/}"},
    {"and at the beginning of a record", "H|\\^&/P|H|/L|1/", "{H|\\^&/P|H|/L|1/}"},
    {"any byte above 7F", "H|\\^&/P|\374\344/L|1/", "{H|\\^&/P|\374\344/L|1/}"},
    {"a record that goes on", "H|\\^&/P|1", "...H|\\^&/P|1"},
    {"nothing", "", ""},
    {"as long as the limit, with its last CR", "H|\\^&/C|1|AAAAAAAAAAAAAAAAAAAAAAAAA/L|1/",
     "{H|\\^&/C|1|AAAAAAAAAAAAAAAAAAAAAAAAA/L|1/}"},
    {"a byte longer", "H|\\^&/C|1|AAAAAAAAAAAAAAAAAAAAAAAAAA/L|1/", "full"},
    {"each has the limit for itself", "H|\\^&/C|1|AAAAAAAAAA/L|1/H|\\^&/C|1|AAAAAAAAAA/L|1/",
     "{H|\\^&/C|1|AAAAAAAAAA/L|1/}{H|\\^&/C|1|AAAAAAAAAA/L|1/}"},
    {"the next H does not count for the message without L", "H|\\^&/C|1|AAAAAAAAAAAAAAAAAAAAAAAAAAAAA/H|\\^&/",
     "-{H|\\^&/C|1|AAAAAAAAAAAAAAAAAAAAAAAAAAAAA/}...H|\\^&/"},
    {"nor a part of it", "H|\\^&/C|1|AAAAAAAAAAAAAAAAAAAAAAAAAAAAA/H|\\",
     "...H|\\^&/C|1|AAAAAAAAAAAAAAAAAAAAAAAAAAAAA/H|\\"},
    {"but H that is no header does", "H|\\^&/C|1|AAAAAAAAAAAAAAAAAAAAAAAAAAAAA/HX", "full"},
};

static void append_visible(struct bytes *out, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bytes_append(out, p[i] == '\r' ? "/" : p[i] == '\n' ? "$" : (const char *)p + i, 1);
}

static void append_message(struct bytes *out, const struct message *m)
{
    bytes_puts(out, m->complete ? "{" : "-{");
    append_visible(out, m->text, m->len);
    bytes_puts(out, "}");
    for (size_t i = 0; i < m->notes_len; i += strlen(m->notes + i) + 1) {
        bytes_puts(out, i ? " " : "[");
        bytes_append(out, m->notes + i, strcspn(m->notes + i, " "));
    }
    bytes_puts(out, m->notes_len ? "]" : "");
}

/* Pushes all of it, and fetches what it brings. False: the limit was passed. */
static bool push(struct astm_assembly *a, const unsigned char *p, size_t n, struct bytes *out)
{
    enum astm_assembly_result result;
    for (size_t at = 0; at < n;) {
        at += astm_assembly_push(a, p + at, n - at, LIMIT, &result);
        if (result == ASTM_ASSEMBLY_FULL || result == ASTM_ASSEMBLY_MEMORY)
            return false;
        if (result == ASTM_ASSEMBLY_MORE)
            continue;
        struct message m = astm_assembly_message(a, result);
        append_message(out, &m);
        astm_assembly_next(a, result);
    }
    return true;
}

static void append_open(struct bytes *out, const struct astm_assembly *a)
{
    if (!astm_assembly_open(a))
        return;
    struct message m = astm_assembly_message(a, ASTM_ASSEMBLY_MORE);
    bytes_puts(out, "...");
    append_visible(out, m.text, m.len);
}

struct plays {
    const char *want;
    bool commit;
    unsigned wrong;
    struct bytes last;
};

static void play(void *arg, const struct piece *pieces, size_t count)
{
    struct plays *plays = arg;
    struct astm_assembly a = {.record = 0};
    struct bytes out = {0};
    bool fits = true;
    for (size_t i = 0; i < count && fits; i++) {
        astm_assembly_begin(&a);
        fits = push(&a, pieces[i].data, pieces[i].len, &out);
        if (plays->commit)
            astm_assembly_commit(&a);
    }
    if (fits)
        append_open(&out, &a);
    else
        bytes_puts(&out, "full");
    plays->wrong += out.len != strlen(plays->want) || (out.len && memcmp(out.data, plays->want, out.len) != 0);
    bytes_free(&plays->last);
    plays->last = out;
    astm_assembly_free(&a);
}

static void visible_to_bytes(const char *text, struct bytes *out)
{
    for (; *text; text++)
        bytes_append(out, *text == '/' ? "\r" : *text == '$' ? "\n" : text, 1);
}

static void every_vector(void)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct plays plays = {.want = vectors[i].log};
        struct bytes input = {0};
        visible_to_bytes(vectors[i].input, &input);
        play(&plays, &(struct piece){input.data, input.len}, 1);
        is_bytes(plays.last.data, plays.last.len, vectors[i].log, strlen(vectors[i].log), "%s", vectors[i].name);
        plays.wrong = 0;
        const void *data = input.len ? input.data : (const void *)"";
        every_split(data, input.len, play, &plays);
        plays.commit = true;
        every_split(data, input.len, play, &plays);
        is_int(plays.wrong, 0, "%s: the same at every split, committed after each piece or not", vectors[i].name);
        bytes_free(&plays.last);
        bytes_free(&input);
    }
}

/* ---- a frame at a time ---- */

struct trial {
    struct astm_assembly a;
    struct bytes out;
};

/* Takes a frame's text: one message of it, or all. */
static enum astm_assembly_result frame(struct trial *t, const char *text)
{
    enum astm_assembly_result result;
    struct bytes bytes = {0};
    visible_to_bytes(text, &bytes);
    size_t taken = astm_assembly_push(&t->a, bytes.data, bytes.len, LIMIT, &result);
    if (result == ASTM_ASSEMBLY_MORE && taken != bytes.len)
        result = ASTM_ASSEMBLY_MEMORY;
    bytes_free(&bytes);
    return result;
}

static void shows(struct trial *t, enum astm_assembly_result result, const char *want, const char *name)
{
    t->out.len = 0;
    struct message m = astm_assembly_message(&t->a, result);
    append_message(&t->out, &m);
    is_bytes(t->out.data, t->out.len, want, strlen(want), "%s", name);
}

static void finish(struct trial *t)
{
    astm_assembly_free(&t->a);
    ok(!t->a.text.data && !t->a.notes.text.data && !astm_assembly_open(&t->a), "freed, it holds nothing");
    bytes_free(&t->out);
}

static void etx_ends_a_record(void)
{
    struct trial t = {.out = {0}};
    is_int(astm_assembly_end_record(&t.a), ASTM_ASSEMBLY_MORE, "where there is no record ETX ends none");
    frame(&t, "H|\\^&");
    is_int(astm_assembly_end_record(&t.a), ASTM_ASSEMBLY_MORE, "ETX ends a record that has no CR");
    frame(&t, "L|1");
    is_int(astm_assembly_end_record(&t.a), ASTM_ASSEMBLY_ENDED, "and with it the message");
    shows(&t, ASTM_ASSEMBLY_ENDED, "{H|\\^&/L|1/}", "which is whole");
    astm_assembly_next(&t.a, ASTM_ASSEMBLY_ENDED);
    astm_assembly_commit(&t.a);
    is_int(frame(&t, "$H|\\^&/"), ASTM_ASSEMBLY_MORE, "LF behind it is an empty record");
    shows(&t, ASTM_ASSEMBLY_MORE, "-{H|\\^&/}", "and not noted");
    finish(&t);
}

static void takes_back(void)
{
    struct trial t = {.out = {0}};
    frame(&t, "H|\\^&/$P|");
    astm_assembly_begin(&t.a);
    is_int(frame(&t, "1$L|1/"), ASTM_ASSEMBLY_ENDED, "a frame ends a message");
    shows(&t, ASTM_ASSEMBLY_ENDED, "{H|\\^&/P|1/L|1/}[crlf lf]", "of which an earlier one brought a part");
    astm_assembly_rollback(&t.a, true);
    shows(&t, ASTM_ASSEMBLY_MORE, "-{H|\\^&/P|}[crlf]", "taken back, text and notes are as they were");
    is_int(frame(&t, "1$L|1/"), ASTM_ASSEMBLY_ENDED, "and the frame may come again");
    shows(&t, ASTM_ASSEMBLY_ENDED, "{H|\\^&/P|1/L|1/}[crlf lf]", "with the same result");
    finish(&t);
}

static void takes_several_back(void)
{
    struct trial t = {.out = {0}};
    frame(&t, "H|\\^&/");
    astm_assembly_begin(&t.a);
    is_int(frame(&t, "L|1/"), ASTM_ASSEMBLY_ENDED, "one message ends in the frame");
    astm_assembly_next(&t.a, ASTM_ASSEMBLY_ENDED);
    is_int(frame(&t, "H!@^\\/L!2/"), ASTM_ASSEMBLY_ENDED, "and another");
    shows(&t, ASTM_ASSEMBLY_ENDED, "{H!@^\\/L!2/}", "with its own delimiters");
    astm_assembly_next(&t.a, ASTM_ASSEMBLY_ENDED);
    frame(&t, "H|\\^&|3/");
    astm_assembly_rollback(&t.a, true);
    shows(&t, ASTM_ASSEMBLY_MORE, "-{H|\\^&/}", "taken back, the first is open again");
    is_int(frame(&t, "L|1/"), ASTM_ASSEMBLY_ENDED, "under its own delimiters");
    finish(&t);
}

static void commits(void)
{
    struct trial t = {.out = {0}};
    frame(&t, "H|\\^&$L|1/");
    astm_assembly_next(&t.a, ASTM_ASSEMBLY_ENDED);
    frame(&t, "H|\\^&|2/$P|1");
    astm_assembly_commit(&t.a);
    is_int(t.a.text.len, 11, "what is over is forgotten");
    shows(&t, ASTM_ASSEMBLY_MORE, "-{H|\\^&|2/P|1}[crlf]", "what is open stays, with its notes");
    astm_assembly_begin(&t.a);
    frame(&t, "/L|2/");
    astm_assembly_rollback(&t.a, true);
    shows(&t, ASTM_ASSEMBLY_MORE, "-{H|\\^&|2/P|1}[crlf]", "and is what a later frame is taken back to");
    is_int(frame(&t, "/L|2/"), ASTM_ASSEMBLY_ENDED, "from where it goes on");
    finish(&t);
}

static void remembers_cr(void)
{
    struct trial t = {.out = {0}};
    frame(&t, "H|\\^&/");
    astm_assembly_commit(&t.a);
    astm_assembly_begin(&t.a);
    frame(&t, "P|1");
    astm_assembly_rollback(&t.a, true);
    frame(&t, "$L|1/");
    shows(&t, ASTM_ASSEMBLY_ENDED, "{H|\\^&/L|1/}[crlf]", "that CR came last is taken back too");
    finish(&t);
}

/* A message without L, in which H of the next one comes with a frame that may be refused. */
static void without_l(void)
{
    struct trial t = {.out = {0}};
    frame(&t, "H|\\^&$P|1/");
    astm_assembly_begin(&t.a);
    is_int(frame(&t, "H|\\^&|2/"), ASTM_ASSEMBLY_HEADED, "the next H ends a message without L");
    ok(astm_assembly_was_before(&t.a), "which had come in whole before the frame");
    shows(&t, ASTM_ASSEMBLY_HEADED, "-{H|\\^&/P|1/}[lf]", "it ends before that H");
    astm_assembly_next(&t.a, ASTM_ASSEMBLY_HEADED);
    is_int(frame(&t, "L|2/"), ASTM_ASSEMBLY_ENDED, "the next one goes on");
    shows(&t, ASTM_ASSEMBLY_ENDED, "{H|\\^&|2/L|2/}", "from its H");
    astm_assembly_rollback(&t.a, false);
    ok(!astm_assembly_open(&t.a), "taken back without the first, nothing is open");
    is_int(frame(&t, "H|\\^&|2/L|2/"), ASTM_ASSEMBLY_ENDED, "and the frame may come again");
    shows(&t, ASTM_ASSEMBLY_ENDED, "{H|\\^&|2/L|2/}", "with the second alone");
    finish(&t);
}

static void without_l_kept(void)
{
    struct trial t = {.out = {0}};
    frame(&t, "H|\\^&/P|1/");
    astm_assembly_begin(&t.a);
    frame(&t, "H|\\^&|2/");
    astm_assembly_next(&t.a, ASTM_ASSEMBLY_HEADED);
    astm_assembly_rollback(&t.a, true);
    shows(&t, ASTM_ASSEMBLY_MORE, "-{H|\\^&/P|1/}", "taken back with the first, that is open again");
    is_int(frame(&t, "H|\\^&|2/"), ASTM_ASSEMBLY_HEADED, "and found again");
    finish(&t);
}

static void header_in_two_frames(void)
{
    struct trial t = {.out = {0}};
    frame(&t, "H|\\^&/P|1/H|");
    astm_assembly_begin(&t.a);
    is_int(frame(&t, "\\^&|2/"), ASTM_ASSEMBLY_HEADED, "an H may be spread over two frames");
    ok(astm_assembly_was_before(&t.a), "the message before it had come in whole all the same");
    astm_assembly_next(&t.a, ASTM_ASSEMBLY_HEADED);
    astm_assembly_rollback(&t.a, false);
    shows(&t, ASTM_ASSEMBLY_MORE, "-{H|}", "taken back without it, the first part of H is open");
    is_int(frame(&t, "\\^&|2/L|2/"), ASTM_ASSEMBLY_ENDED, "which goes on");
    shows(&t, ASTM_ASSEMBLY_ENDED, "{H|\\^&|2/L|2/}", "and is complete");
    finish(&t);
}

static void not_before(void)
{
    struct trial t = {.out = {0}};
    frame(&t, "H|\\^&/P|1");
    astm_assembly_begin(&t.a);
    is_int(frame(&t, "/H|\\^&|2/"), ASTM_ASSEMBLY_HEADED, "a message whose last record ends with the frame");
    ok(!astm_assembly_was_before(&t.a), "had not come in whole before it");
    finish(&t);
}

static void begins_full(void)
{
    struct trial t = {.out = {0}};
    enum astm_assembly_result result;
    astm_assembly_begin(&t.a);
    size_t taken = astm_assembly_push(&t.a, (const unsigned char *)"H", 1, 0, &result);
    ok(result == ASTM_ASSEMBLY_FULL && taken <= 1, "a limit of nothing lets nothing in");
    astm_assembly_rollback(&t.a, true);
    ok(!astm_assembly_open(&t.a), "and what was too much is taken back");
    taken = astm_assembly_push(&t.a, NULL, 0, 0, &result);
    ok(!taken && result == ASTM_ASSEMBLY_MORE, "nothing is never too much");
    finish(&t);
}

int main(void)
{
    every_vector();
    etx_ends_a_record();
    takes_back();
    takes_several_back();
    commits();
    remembers_cr();
    without_l();
    without_l_kept();
    header_in_two_frames();
    not_before();
    begins_full();
    return done();
}
