#include "astm/frame.h"

#include "base/scan.h"

#include "tap.h"

enum ending { OPEN, LATE, LOST }; /* nothing follows, 200 ms pass, the stream ends */

/* input: as it is, but @ is the checksum of the frame before it, ~ without ETX or ETB, $ with STX, ^ exclusive or, ? a
 * wrong one. log: what must come of it, as describe() writes it. */
struct vector {
    const char *name;
    enum astm_checksum convention;
    const char *input;
    enum ending ending;
    const char *log;
};

#define STD ASTM_CHECKSUM_STD
#define NOTERM ASTM_CHECKSUM_NOTERM
#define STX ASTM_CHECKSUM_STX
#define XOR ASTM_CHECKSUM_XOR
#define NONE ASTM_CHECKSUM_NONE
#define AUTO ASTM_CHECKSUM_AUTO

#define F1 "\0021H|\r\3@\r\n"
#define F1_LOG "[1 H|/ ETX 05]"

static const struct vector vectors[] = {
    {"a good frame", STD, F1, OPEN, F1_LOG},
    {"an intermediate frame", STD, "\0022ab\27@\r\n", OPEN, "[2 ab ETB 0C]"},
    {"each control byte", STD, "\5\4\6\25", OPEN, "ENQ EOT ACK NAK "},
    {"frames one behind the other", STD, F1 "\0022P|\r\3@\r\n", OPEN, F1_LOG "[2 P|/ ETX 0E]"},
    {"a session", STD, "\5" F1 "\0022L\r\3@\r\n\4", OPEN, "ENQ " F1_LOG "[2 L/ ETX 8E]EOT "},
    {"lower-case hexadecimal digits", STD, "\0022ab\0270c\r\n", OPEN, "[2 ab ETB 0C]"},
    {"no text", STD, "\0021\3@\r\n", OPEN, "[1  ETX 34]"},
    {"neither number nor text", STD, "\2\00303\r\n", OPEN, "[-  ETX 03 bad]"},
    {"no number", STD, "\2H|\r\3@\r\n", OPEN, "[- |/ ETX D4 bad]"},
    {"8 is no number", STD, "\0028H|\r\3@\r\n", OPEN, "[- H|/ ETX 0C bad]"},
    {"a wrong checksum", STD, "\0021H|\r\3?\r\n", OPEN, "[1 H|/ ETX 3A computed 05 bad]"},
    {"one that fits without ETX", STD, "\0021H|\r\3~\r\n", OPEN, "[1 H|/ ETX 02 computed 05 bad fits noterm]"},
    {"one that fits with STX", STD, "\0021H|\r\3$\r\n", OPEN, "[1 H|/ ETX 07 computed 05 bad fits stx]"},
    {"one that fits as exclusive or", STD, "\0021H|\r\3^\r\n", OPEN, "[1 H|/ ETX 0B computed 05 bad fits xor]"},
    {"no checksum at all", STD, "\0021H|\r\3\r\n", OPEN, "[1 H|/ ETX -- computed 05 bad]"},
    {"no hexadecimal digits", STD, "\0021H|\r\3ZZ\r\n", OPEN, "[1 H|/ ETX -- computed 05 bad]'ZZ//'"},
    {"one digit and no CR", STD, "\0022e\3\x39Z\r\n", OPEN, "[2 e ETX -- computed 9A bad]'Z//'"},
    {"one digit and CR", STD, "\0022d\32y\0038\r\n", OPEN, "[2 d%1Ay ETX -8 computed 2C bad]"},
    {"an unpadded checksum", STD, "\0021Hf\46\0038\r\n", OPEN, "[1 Hf& ETX -8 good]"},
    {"convention noterm", NOTERM, "\0021H|\r\3~\r\n\0021H|\r\27~\r\n", OPEN, "[1 H|/ ETX 02][1 H|/ ETB 02]"},
    {"convention stx", STX, "\0021H|\r\3$\r\n", OPEN, "[1 H|/ ETX 07]"},
    {"convention xor", XOR, "\0021H|\r\3^\r\n", OPEN, "[1 H|/ ETX 0B]"},
    {"convention none, none given", NONE, "\0021H|\r\3\r\n", OPEN, "[1 H|/ ETX -- good]"},
    {"convention none, a wrong one given", NONE, "\0021H|\r\3?\r\n", OPEN, "[1 H|/ ETX 3A good]"},
    {"a set convention stays", NOTERM, F1, OPEN, "[1 H|/ ETX 05 computed 02 bad fits std]"},
    {"auto: std", AUTO, F1 "\0021H|\r\3~\r\n", OPEN, F1_LOG "[1 H|/ ETX 02 computed 05 bad fits noterm]"},
    {"auto: noterm is learned, and kept to", AUTO, "\0021H|\r\3~\r\n" F1, OPEN,
     "[1 H|/ ETX 02 learned noterm][1 H|/ ETX 05 computed 02 bad fits std]"},
    {"auto: stx", AUTO, "\0021H|\r\3$\r\n\0021H|\r\3$\r\n", OPEN, "[1 H|/ ETX 07 learned stx][1 H|/ ETX 07]"},
    {"auto: xor", AUTO, "\0021H|\r\3^\r\n\0021H|\r\3^\r\n", OPEN, "[1 H|/ ETX 0B learned xor][1 H|/ ETX 0B]"},
    {"auto: what fits none teaches nothing", AUTO, "\0021H|\r\3?\r\n\0021H|\r\3~\r\n", OPEN,
     "[1 H|/ ETX 3A computed 05 bad][1 H|/ ETX 02 learned noterm]"},
    {"auto: never none", AUTO, "\0021H|\r\3\r\n", OPEN, "[1 H|/ ETX -- computed 05 bad]"},
    {"auto: a frame without a number teaches nothing", AUTO, "\2H|\r\3~\r\n" F1, OPEN,
     "[- |/ ETX D1 computed D4 bad]" F1_LOG},
    {"no CR LF, and another frame", STD, "\0021H|\r\3@" F1, OPEN, F1_LOG F1_LOG},
    {"no CR LF, and EOT", STD, "\0021H|\r\3@\4", OPEN, F1_LOG "EOT "},
    {"no CR LF, and ENQ", STD, "\0021H|\r\3@\5", OPEN, F1_LOG "ENQ "},
    {"no CR LF, and text", STD, "\0021H|\r\3@FF", OPEN, F1_LOG "'FF'"},
    {"no CR LF: the frame ends after 200 ms", STD, "\0021H|\r\3@", LATE, F1_LOG},
    {"no CR LF: or with the stream", STD, "\0021H|\r\3@", LOST, F1_LOG},
    {"CR without LF ends after 200 ms", STD, "\0021H|\r\3@\r", LATE, F1_LOG},
    {"or with the next frame", STD, "\0021H|\r\3@\r\0021H|\r\3@\r\n", OPEN, F1_LOG F1_LOG},
    {"LF without CR", STD, "\0021H|\r\3@\n", OPEN, F1_LOG},
    {"CR CR LF", STD, "\0021H|\r\3@\r\r\n", OPEN, F1_LOG},
    {"a digit behind CR is none of the checksum's", STD, "\0021H|\r\0033\r8\r\n", OPEN,
     "[1 H|/ ETX -3 computed 05 bad]'8//'"},
    {"a third digit neither", STD, "\0021H|\r\3@9\r\n", OPEN, F1_LOG "'9//'"},
    {"the checksum's second digit is late: it is waited for", STD, "\0021H|\r\0033", LATE, ""},
    {"all of it is late", STD, "\0021H|\r\3", LATE, ""},
    {"without a convention nothing is waited for", NONE, "\0021H|\r\3", LATE, "[1 H|/ ETX -- good]"},
    {"the stream ends inside the text", STD, "\0021H|", LOST, "cut(1H|)"},
    {"at once", STD, "\2", LOST, "cut()"},
    {"or before the checksum is there", STD, "\0021H|\r\0033", LOST, "cut(1H|/)"},
    {"or behind it", STD, "\0021H|\r\00305\r", LOST, F1_LOG},
    {"STX inside a frame", STD, "\0021H" F1, OPEN, "cut(1H)" F1_LOG},
    {"STX STX", STD, "\2" F1, OPEN, "cut()" F1_LOG},
    {"EOT inside a frame", STD, "\0021H\4", OPEN, "cut(1H)EOT "},
    {"ENQ inside a frame", STD, "\0021H\5", OPEN, "cut(1H)ENQ "},
    {"EOT before the checksum", STD, "\0021H|\r\3\4", OPEN, "cut(1H|/)EOT "},
    {"ENQ within the checksum", STD, "\0021H|\r\0033\5", OPEN, "cut(1H|/)ENQ "},
    {"STX before the checksum", STD, "\0021H|\r\3" F1, OPEN, "[1 H|/ ETX -- computed 05 bad]" F1_LOG},
    {"ACK and NAK inside a frame are text", STD, "\0021\6\25\3@\r\n", OPEN, "[1 %06%15 ETX 4F]"},
    {"bytes above 7F", STD, "\0021M\374ller\3@\r\n", OPEN, "[1 M%FCller ETX 2C]"},
    {"noise around frames", STD, "x\r\n" F1 "\r\nabc" F1 "z", OPEN, "'x//'" F1_LOG "'//abc'" F1_LOG "'z'"},
    {"a message without frames", STD, "H|\r\nL|\r", OPEN, "'H|//L|/'"},
    {"nothing", STD, "", LATE, ""},
};

/* ---- playing them ---- */

struct log {
    struct astm_framer framer;
    struct bytes text;
    bool outside; /* the last was TEXT */
};

static void escape(struct bytes *out, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] == '\r' || p[i] == '\n')
            bytes_puts(out, "/");
        else
            bytes_printf(out, p[i] < 32 || p[i] > 126 ? "%%%02X" : "%c", p[i]);
}

static void describe_frame(struct bytes *out, const struct astm_frame *f, enum astm_checksum convention)
{
    bytes_puts(out, "[");
    bytes_printf(out, f->number < 0 ? "- " : "%d ", f->number);
    escape(out, f->text, f->len > 40 ? 40 : f->len);
    bytes_puts(out, f->end == ASTM_ETX ? " ETX " : f->end == ASTM_ETB ? " ETB " : " ??? ");
    bytes_printf(out, f->given < 0 ? "--" : f->unpadded ? "-%X" : "%02X", (unsigned)f->given);
    if (f->given != f->computed && !f->good)
        bytes_printf(out, " computed %02X", f->computed);
    if (!f->good)
        bytes_puts(out, " bad");
    else if (f->unpadded || f->given != f->computed)
        bytes_puts(out, " good");
    if (f->fits != ASTM_CHECKSUM_NONE)
        bytes_printf(out, " fits %s", astm_checksum_name(f->fits));
    if (f->learned)
        bytes_printf(out, " learned %s", astm_checksum_name(convention));
    if (f->too_long)
        bytes_puts(out, " long");
    bytes_puts(out, "]");
}

static void describe(struct log *log, const struct astm_token *token)
{
    static const char *const names[] = {"", "ENQ ", "EOT ", "ACK ", "NAK "};
    struct bytes *out = &log->text;
    bool outside = token->kind == ASTM_TOKEN_TEXT;
    if (token->kind == ASTM_TOKEN_NONE)
        return;
    if (outside && log->outside)
        out->len--;
    else if (outside)
        bytes_puts(out, "'");
    log->outside = outside;
    if (token->kind == ASTM_TOKEN_FRAME) {
        describe_frame(out, &token->frame, log->framer.convention);
    } else if (outside || token->kind == ASTM_TOKEN_CUT) {
        bytes_puts(out, outside ? "" : "cut(");
        escape(out, token->text, token->len);
        bytes_puts(out, outside ? "'" : ")");
    } else {
        bytes_puts(out, names[token->kind]);
    }
}

static void push_all(struct log *log, const unsigned char *p, size_t n, int64_t now)
{
    struct astm_token token;
    size_t idle = 0;
    for (size_t at = 0; at < n && idle < 3;) {
        size_t taken = astm_framer_push(&log->framer, p + at, n - at, now, &token);
        at += taken;
        idle = taken ? 0 : idle + 1;
        describe(log, &token);
    }
    if (idle)
        bytes_puts(&log->text, "stuck");
}

/* Writes the input of a vector. */
static void expand(const char *input, struct bytes *out)
{
    size_t start = 0;
    for (; *input; input++) {
        const unsigned char *body = out->len ? out->data + start : NULL;
        size_t n = out->len - start, kind = (size_t)(strchr("@~$^?", *input) ? strchr("@~$^?", *input) - "@~$^?" : 9);
        unsigned sum = 0, x = 0;
        for (size_t i = 0; i < n; i++) {
            sum += body[i];
            x ^= body[i];
        }
        unsigned last = n ? body[n - 1] : 0;
        unsigned sums[] = {sum, sum - last, sum + 2, x, sum + 0x35};
        if (kind < 5)
            bytes_printf(out, "%02X", sums[kind] & 0xFF);
        else
            bytes_append(out, input, 1);
        if (*input == 2)
            start = out->len;
    }
}

struct plays {
    const struct vector *vector;
    unsigned wrong;
    struct bytes last;
};

static void play(void *arg, const struct piece *pieces, size_t count)
{
    struct plays *plays = arg;
    const struct vector *v = plays->vector;
    struct log log = {.outside = false};
    struct astm_token token;
    astm_framer_init(&log.framer, v->convention, 100);
    for (size_t i = 0; i < count; i++)
        push_all(&log, pieces[i].data, pieces[i].len, 1000);
    if (v->ending == LATE) {
        if (astm_framer_deadline(&log.framer) != INT64_MAX && astm_framer_deadline(&log.framer) != 1200)
            bytes_puts(&log.text, "deadline");
        astm_framer_tick(&log.framer, 1199, &token);
        describe(&log, &token);
        if (*v->log && log.text.len)
            bytes_puts(&log.text, "early");
        astm_framer_tick(&log.framer, 1200, &token);
        describe(&log, &token);
    } else if (v->ending == LOST) {
        astm_framer_eof(&log.framer, &token);
        describe(&log, &token);
    }
    bytes_free(&plays->last);
    plays->last = log.text;
    plays->wrong +=
        log.text.len != strlen(v->log) || (log.text.len && memcmp(log.text.data, v->log, log.text.len) != 0);
    astm_framer_free(&log.framer);
    if (log.framer.text.data)
        plays->wrong++;
}

static void every_vector(void)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct plays plays = {.vector = &vectors[i]};
        struct bytes input = {0};
        expand(vectors[i].input, &input);
        play(&plays, &(struct piece){input.data, input.len}, 1);
        is_bytes(plays.last.data, plays.last.len, vectors[i].log, strlen(vectors[i].log), "%s", vectors[i].name);
        plays.wrong = 0;
        every_split(input.len ? input.data : (const void *)"", input.len, play, &plays);
        is_int(plays.wrong, 0, "%s: the same at every split", vectors[i].name);
        bytes_free(&plays.last);
        bytes_free(&input);
    }
}

/* ---- offsets, lengths, the clock ---- */

static void offsets(void)
{
    static const char input[] = "\r\n\5\0021H|\r\00305\r\n\4";
    uint64_t want[] = {0, 2, 3, 13};
    struct astm_framer f;
    struct astm_token token;
    bool good = true;
    astm_framer_init(&f, ASTM_CHECKSUM_STD, 240);
    for (size_t at = 0, n = 0; at < sizeof input - 1; n++) {
        at += astm_framer_push(&f, (const unsigned char *)input + at, sizeof input - 1 - at, 0, &token);
        good = good && n < 4 && token.offset == want[n] && (token.kind != ASTM_TOKEN_FRAME || token.frame.offset == 3);
    }
    ok(good, "a token's offset is that of its first byte in the stream");
    astm_framer_free(&f);
}

static void the_clock(void)
{
    struct astm_framer f;
    struct astm_token token;
    astm_framer_init(&f, ASTM_CHECKSUM_STD, 240);
    ok(astm_framer_deadline(&f) == INT64_MAX, "outside frames nothing is due");
    astm_framer_push(&f, (const unsigned char *)"\0021H|\r\0030", 7, 1000, &token);
    ok(astm_framer_deadline(&f) == INT64_MAX && astm_framer_inside(&f), "nor inside one, as long as bytes are missing");
    astm_framer_push(&f, (const unsigned char *)"5", 1, 1150, &token);
    is_int(astm_framer_deadline(&f), 1350, "CR LF may be 200 ms late");
    astm_framer_push(&f, (const unsigned char *)"\r", 1, 1300, &token);
    is_int(astm_framer_deadline(&f), 1500, "and LF another 200 ms");
    astm_framer_tick(&f, 1499, &token);
    ok(token.kind == ASTM_TOKEN_NONE, "before that the frame has not ended");
    astm_framer_tick(&f, 1500, &token);
    ok(token.kind == ASTM_TOKEN_FRAME && token.frame.good && !astm_framer_inside(&f), "then it has");
    astm_framer_push(&f, (const unsigned char *)"\n\0022", 3, 1600, &token);
    ok(token.kind == ASTM_TOKEN_TEXT && token.len == 1, "an LF that comes still later is noise");
    astm_framer_free(&f);
}

struct lengths {
    size_t max, n;
    unsigned wrong;
};

static void play_length(void *arg, const struct piece *pieces, size_t count)
{
    struct lengths *l = arg;
    struct astm_framer f;
    struct astm_token token, frame = {.kind = ASTM_TOKEN_NONE};
    astm_framer_init(&f, ASTM_CHECKSUM_STD, l->max);
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at < pieces[i].len;) {
            at += astm_framer_push(&f, pieces[i].data + at, pieces[i].len - at, 0, &token);
            if (token.kind == ASTM_TOKEN_FRAME) {
                frame = token;
                l->wrong += frame.frame.len != (l->n > l->max ? l->max : l->n) || frame.frame.number != 3 ||
                            frame.frame.good != (l->n <= l->max) || frame.frame.too_long != (l->n > l->max) ||
                            (frame.frame.len && frame.frame.text[frame.frame.len - 1] != 'x');
            }
            l->wrong += f.text.len > l->max + 1;
        }
    l->wrong += frame.kind != ASTM_TOKEN_FRAME;
    astm_framer_free(&f);
}

static void lengths(void)
{
    for (size_t max = 0; max < 20; max += 3)
        for (size_t n = 0; n < 40; n++) {
            struct lengths l = {max, n, 0};
            struct bytes text = {0}, frame = {0};
            for (size_t i = 0; i < n; i++)
                bytes_puts(&text, "x");
            astm_frame_build(&frame, 3, text.data, n, ASTM_ETX, ASTM_CHECKSUM_STD);
            every_split(frame.data, frame.len, play_length, &l);
            if (l.wrong || n == 39)
                is_int(l.wrong, 0, "at most %zu bytes of text are taken, of a longer one the first, at every split",
                       max);
            bytes_free(&text);
            bytes_free(&frame);
        }
    struct astm_framer f;
    astm_framer_init(&f, ASTM_CHECKSUM_STD, SIZE_MAX);
    struct astm_token token;
    astm_framer_push(&f, (const unsigned char *)"\0021H|\r\00305\r\n", 10, 0, &token);
    ok(token.frame.good, "no limit is a limit too");
    astm_framer_free(&f);
}

/* ---- text to frames and back ---- */

static const enum astm_checksum with_sum[] = {STD, NOTERM, STX, XOR, NONE};

static void builds(void)
{
    struct bytes b = {0};
    ok(astm_frame_build(&b, 1, (const unsigned char *)"H|\\^&\r", 6, ASTM_ETX, ASTM_CHECKSUM_STD) &&
           astm_frame_build(&b, 8, (const unsigned char *)"x", 1, ASTM_ETB, ASTM_CHECKSUM_AUTO) &&
           astm_frame_build(&b, 7, NULL, 0, ASTM_ETX, ASTM_CHECKSUM_NONE),
       "frames are built");
    is_bytes(b.data, b.len, "\0021H|\\^&\r\003E5\r\n\0020x\027BF\r\n\0027\003\r\n", 26,
             "the number is taken modulo 8, the digits are upper case, AUTO is STD, NONE has none");
    bytes_free(&b);
}

/* Every frame number under every convention, read back. */
static void every_number(void)
{
    for (size_t c = 0; c < sizeof with_sum / sizeof *with_sum; c++) {
        struct astm_framer f;
        struct astm_token token;
        bool good = true;
        astm_framer_init(&f, with_sum[c], 240);
        for (unsigned number = 0; number < 17; number++) {
            struct bytes b = {0};
            unsigned char end = number & 1 ? ASTM_ETX : ASTM_ETB;
            astm_frame_build(&b, number, (const unsigned char *)"R|1|\344\r", 6, end, with_sum[c]);
            size_t taken = astm_framer_push(&f, b.data, b.len, 0, &token);
            good = good && taken == b.len && token.kind == ASTM_TOKEN_FRAME && token.frame.good &&
                   token.frame.number == (int)(number % 8) && token.frame.end == end && token.frame.len == 6;
            bytes_free(&b);
        }
        ok(good, "frames 0 to 16 come back as they went, convention %s", astm_checksum_name(with_sum[c]));
        astm_framer_free(&f);
    }
}

/* A message in frames of at most `size`, taken out again. */
static bool round_trip(const unsigned char *text, size_t n, size_t size, bool whole)
{
    struct bytes back = {0};
    struct astm_framer f;
    struct astm_token token;
    bool good = true, ended = true;
    unsigned number = 1;
    astm_framer_init(&f, ASTM_CHECKSUM_STD, size);
    for (size_t at = 0; at < n && good; number++) {
        struct bytes frame = {0};
        unsigned char end;
        size_t piece = astm_frame_take(text + at, n - at, size, whole, &end);
        astm_frame_build(&frame, number, text + at, piece, end, ASTM_CHECKSUM_STD);
        bool last = whole ? at + piece == n : text[at + piece - 1] == '\r';
        good = piece && piece <= size && last == (end == ASTM_ETX) && (last || piece == size) &&
               astm_framer_push(&f, frame.data, frame.len, 0, &token) == frame.len && token.frame.good &&
               token.frame.number == (int)(number % 8);
        if (good)
            bytes_append(&back, token.frame.text, token.frame.len);
        ended = end == ASTM_ETX;
        at += piece;
        bytes_free(&frame);
    }
    good = good && ended && back.len == n && memcmp(back.data, text, n) == 0;
    astm_framer_free(&f);
    bytes_free(&back);
    return good;
}

static void round_trips(void)
{
    static const size_t sizes[] = {1, 7, 240, ASTM_TEXT_SMALL + 1, 1024, ASTM_TEXT_LARGE};
    struct bytes text = {0};
    bytes_puts(&text, "H|\\^&|||x\r");
    for (int i = 0; i < 300; i++) {
        for (int j = 0; j < (i == 150 ? 70000 : i * 3); j++)
            bytes_append(&text, &"abc|^\\\344\303\274"[(i + j) % 9], 1);
        bytes_puts(&text, "\r");
    }
    bytes_puts(&text, "L|1|N\r");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ok(round_trip(text.data, text.len, sizes[i], false), "a frame a record comes back, at most %zu bytes each",
           sizes[i]);
        ok(round_trip(text.data, text.len, sizes[i], true), "so does one run of frames, at most %zu bytes each",
           sizes[i]);
    }
    bytes_free(&text);
}

static void takes(void)
{
    static const struct {
        const char *name, *text;
        size_t size;
        bool whole;
        size_t want;
        unsigned char end;
    } cases[] = {
        {"a record that just fits is not cut", "abcd\refg\r", 5, false, 5, ASTM_ETX},
        {"one that is a byte longer is", "abcde\refg\r", 5, false, 5, ASTM_ETB},
        {"its rest is a frame of its own", "\refg\r", 5, false, 1, ASTM_ETX},
        {"the whole message, when it fits", "abcd\refg\r", 9, true, 9, ASTM_ETX},
        {"or as much as fits, over records", "abcd\refg\r", 8, true, 8, ASTM_ETB},
        {"a last record without CR", "abc", 5, false, 3, ASTM_ETX},
        {"nothing", "", 5, false, 0, ASTM_ETX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char end = 0, *copy = exact_copy(cases[i].text, strlen(cases[i].text));
        size_t n = astm_frame_take(copy, strlen(cases[i].text), cases[i].size, cases[i].whole, &end);
        ok(n == cases[i].want && end == cases[i].end, "%s", cases[i].name);
        free(copy);
    }
}

static void damage(void)
{
    static const struct {
        struct astm_frame frame;
        const char *text;
    } cases[] = {
        {{.number = -1}, "malformed-frame no frame number"},
        {{.too_long = true}, "malformed-frame more text than a message may have"},
        {{.too_long = true, .no_memory = true}, "malformed-frame memory is exhausted"},
        {{.number = 3, .given = -1, .computed = 0x0A, .fits = ASTM_CHECKSUM_NONE},
         "bad-checksum frame 3: none given, computed 0A"},
        {{.number = 0, .given = 2, .computed = 0xFF, .fits = ASTM_CHECKSUM_NONE},
         "bad-checksum frame 0: given 02, computed FF"},
        {{.number = 7, .given = 0xFF, .computed = 0, .fits = ASTM_CHECKSUM_NOTERM},
         "bad-checksum frame 7: given FF, computed 00; it would fit --checksum noterm"},
    };
    char text[120];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        astm_frame_damage(&cases[i].frame, text, sizeof text);
        is_str(text, cases[i].text, "%s", cases[i].text);
    }
}

static void headers(void)
{
    static const struct {
        const char *text;
        bool header;
    } cases[] = {{"H|\\^&", true}, {"H!", true},     {"H~", true},     {"H`", true},  {"H^", true},  {"H", false},
                 {"", false},      {"h|", false},    {"HL", false},    {"H7", false}, {"Hz", false}, {"H ", false},
                 {"H\r", false},   {"H\177", false}, {"H\344", false}, {"P|", false}, {"H@", true},  {"H[", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char *copy = exact_copy(cases[i].text, strlen(cases[i].text));
        ok(astm_is_header(copy, strlen(cases[i].text)) == cases[i].header,
           "%s: H and a printable byte, no letter or digit", cases[i].text);
        free(copy);
    }
}

static void names(void)
{
    bool good = true;
    enum astm_checksum c, back;
    for (c = ASTM_CHECKSUM_STD; c <= ASTM_CHECKSUM_AUTO; c++)
        good = good && astm_checksum_parse(astm_checksum_name(c), &back) && back == c;
    ok(good, "each convention is known by its name");
    ok(!astm_checksum_parse("", &back) && !astm_checksum_parse("STD", &back), "and by no other");
}

int main(void)
{
    every_vector();
    offsets();
    the_clock();
    lengths();
    builds();
    every_number();
    round_trips();
    takes();
    damage();
    headers();
    names();
    return done();
}
