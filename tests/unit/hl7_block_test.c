#include "hl7/block.h"

#include "tap.h"

#define VT "\x0B"
#define FS "\x1C"
#define END FS "\r"

/* One line a token: what, offset, what is special about it, text. */
static void write_token(struct bytes *log, const struct hl7_token *t)
{
    static const char *const kinds[] = {"", "block", "ACK", "NAK", "cut", "too-long", "noise"};
    if (t->kind == HL7_TOKEN_NONE)
        return;
    bytes_printf(log, "%s %llu%s%s%s%s%s%s ", kinds[t->kind], (unsigned long long)t->offset, t->bare ? " bare" : "",
                 t->no_cr && !t->bare && t->kind == HL7_TOKEN_BLOCK ? " no-cr" : "", t->fs_inside ? " fs" : "",
                 t->vt_inside ? " vt" : "", t->no_memory ? " no-memory" : "", t->blank ? " blank" : "");
    bool noise = t->kind == HL7_TOKEN_NOISE;
    if (noise)
        bytes_printf(log, "%zu ", t->len);
    size_t n = noise && t->len > HL7_NOISE_SHOWN ? HL7_NOISE_SHOWN : t->len;
    for (size_t i = 0; i < n; i++)
        if (t->text[i])
            bytes_append(log, t->text + i, 1);
        else
            bytes_puts(log, "<NUL>");
    bytes_puts(log, "\n");
}

/* Each push gets an allocation of its own, so that nothing is read behind it, nor later. */
static void feed(struct hl7_block_reader *r, const void *bytes, size_t n, int64_t now, struct bytes *log)
{
    for (size_t at = 0, idle = 0; at < n && idle < 3;) {
        struct hl7_token token;
        unsigned char *rest = exact_copy((const char *)bytes + at, n - at);
        size_t taken = hl7_block_push(r, rest, n - at, now, &token);
        write_token(log, &token);
        free(rest);
        idle = taken ? 0 : idle + 1;
        at += taken;
    }
}

static void feed_text(struct hl7_block_reader *r, const char *text, int64_t now, struct bytes *log)
{
    feed(r, text, strlen(text), now, log);
}

static void end(struct hl7_block_reader *r, struct bytes *log)
{
    struct hl7_token token;
    for (int i = 0; i < 2; i++) {
        hl7_block_eof(r, &token);
        write_token(log, &token);
    }
}

static void tick(struct hl7_block_reader *r, int64_t now, struct bytes *log)
{
    struct hl7_token token;
    hl7_block_tick(r, now, &token);
    write_token(log, &token);
}

static void log_is(struct bytes *log, const char *want, const char *name)
{
    is_bytes(log->data, log->len, want, strlen(want), "%s", name);
    log->len = 0;
}

struct vector {
    const char *name, *input;
    size_t len; /* of input */
    const char *want;
};

struct run {
    const struct vector *vector;
    bool strict;
    size_t max, failed;
    struct bytes wrong; /* what came of it where it was wrong first */
};

static void play(void *arg, const struct piece *pieces, size_t count)
{
    struct run *run = arg;
    struct hl7_block_reader r;
    struct bytes log = {0};
    hl7_block_init(&r, run->max, run->strict);
    for (size_t i = 0; i < count; i++)
        feed(&r, pieces[i].data, pieces[i].len, 1000, &log);
    end(&r, &log);
    if (r.text.cap || log.len != strlen(run->vector->want) ||
        (log.len && memcmp(log.data, run->vector->want, log.len))) {
        if (!run->failed++)
            bytes_append(&run->wrong, log.data, log.len);
    }
    hl7_block_free(&r);
    bytes_free(&log);
}

#define TEXT(s) (s), sizeof(s) - 1

static const struct vector vectors[] = {
    {"a block is VT, text, FS, CR", TEXT(VT "MSH|1" END), "block 0 MSH|1\n"},
    {"two blocks follow each other", TEXT(VT "MSH|1" END VT "MSH|2" END), "block 0 MSH|1\nblock 8 MSH|2\n"},
    {"nothing is nothing", TEXT(""), ""},
    {"an empty block is a block", TEXT(VT END), "block 0 \n"},
    {"a block need not hold a message", TEXT(VT "hello" END), "block 0 hello\n"},
    {"a block may hold any bytes", TEXT(VT "\0\x80\xFF\x02\x03\n\r" END), "block 0 <NUL>\x80\xFF\x02\x03\n\r\n"},

    {"FS LF ends a block", TEXT(VT "A" FS "\n" VT "B" END), "block 0 no-cr A\nblock 4 B\n"},
    {"FS CR LF ends a block", TEXT(VT "A" FS "\r\n" VT "B" END), "block 0 A\nblock 5 B\n"},
    {"FS NUL ends a block", TEXT(VT "A" FS "\0\r" VT "B" END), "block 0 no-cr A\nblock 5 B\n"},
    {"FS VT ends a block and begins the next", TEXT(VT "A" FS VT "B" END), "block 0 no-cr A\nblock 3 B\n"},
    {"FS at the end of the stream ends a block", TEXT(VT "A" FS), "block 0 no-cr A\n"},
    {"an FS before any other byte is data", TEXT(VT "A" FS "B" FS FS "C" END), "block 0 fs A" FS "B" FS FS "C\n"},
    {"also as the first byte", TEXT(VT FS "A" END), "block 0 fs " FS "A\n"},
    {"in UTF-16 the second half of a character is no FS, nor a VT", TEXT(VT "\0M\0S\x04" FS "\0\r\x04" VT "\0M" END),
     "block 0 <NUL>M<NUL>S\x04" FS "<NUL>\r\x04" VT "<NUL>M\n"},
    {"nor is the first half, unless CR follows", TEXT(VT "M\0S\0" FS "\x20" FS "\0A\0" END),
     "block 0 M<NUL>S<NUL>" FS "\x20" FS "<NUL>A<NUL>\n"},
    {"also after a byte-order mark", TEXT(VT "\xFF\xFEM\0" FS "\x04" END), "block 0 \xFF\xFEM<NUL>" FS "\x04\n"},
    {"a doubled FS is data and end", TEXT(VT "A" FS FS "\r"), "block 0 fs A" FS "\n"},

    {"VT before MSH starts over", TEXT(VT "MSH|1\rPI" VT "MSH|2" END), "cut 0 MSH|1\rPI\nblock 9 MSH|2\n"},
    {"VT before FHS and BHS too", TEXT(VT "A" VT "FHS|" VT "BHS|" END), "cut 0 A\ncut 2 FHS|\nblock 7 BHS|\n"},
    {"any other VT is data", TEXT(VT "A" VT "B" VT VT "MS" VT "M" VT END),
     "block 0 vt A" VT "B" VT VT "MS" VT "M" VT "\n"},
    {"two VT before MSH begin one block", TEXT(VT VT "MSH|" END), "cut 0 \nblock 1 MSH|\n"},
    {"MSH in a block without VT before it is data", TEXT(VT "MSH|1\rMSH|2" END), "block 0 MSH|1\rMSH|2\n"},
    {"VT FS in a block is data and end", TEXT(VT "A" VT END), "block 0 vt A" VT "\n"},
    {"a block that does not end is cut", TEXT(VT "MSH|1"), "cut 0 MSH|1\n"},
    {"also within what may be a new one", TEXT(VT "A" VT "MS"), "cut 0 vt A" VT "MS\n"},
    {"a lone VT is cut", TEXT(VT), "cut 0 \n"},
    {"cut after a cut", TEXT(VT "MSH|1" VT "MSH|2" VT "MSH"), "cut 0 MSH|1\ncut 6 MSH|2\ncut 12 MSH\n"},

    {"noise before and between blocks is told once a stretch", TEXT("xyzzy" VT "A" END " \r\n" VT "B" END "!?"),
     "noise 0 5 xyz\nblock 5 A\nnoise 9 blank 3  \r\n\nblock 12 B\nnoise 16 2 !?\n"},
    {"a doubled CR is noise", TEXT(VT "A" END "\r" VT "B" END), "block 0 A\nnoise 4 blank 1 \r\nblock 5 B\n"},
    {"NUL between blocks is noise", TEXT(VT "A" END "\0\0" VT "B" END),
     "block 0 A\nnoise 4 blank 2 <NUL><NUL>\nblock 6 B\n"},
    {"a stray FS CR is noise", TEXT(END VT "A" END), "noise 0 2 " FS "\r\nblock 2 A\n"},
    {"CR before the first block is noise", TEXT("\r" VT "A" END), "noise 0 blank 1 \r\nblock 1 A\n"},

    {"a commit ACK is a block of its own", TEXT(VT "\x06" END VT "A" END), "ACK 0 \x06\nblock 4 A\n"},
    {"a commit NAK too", TEXT(VT "\x15" END), "NAK 0 \x15\n"},
    {"more than one byte is none", TEXT(VT "\x06\x06" END), "block 0 \x06\x06\n"},
    {"outside a block it is noise", TEXT("\x06"), "noise 0 1 \x06\n"},

    {"a message without VT ends at FS", TEXT("MSH|1\rPID|1\r" END "MSH|2" FS),
     "block 0 bare MSH|1\rPID|1\r\nblock 14 bare MSH|2\n"},
    {"at the next MSH that begins a line", TEXT("MSH|1\rPID|MSH|\rMSH|2\nMSH|3"),
     "block 0 bare MSH|1\rPID|MSH|\r\n"
     "block 15 bare MSH|2\n\nblock 21 bare MSH|3\n"},
    {"at a VT before MSH", TEXT("MSH|1\r" VT "MSH|2" END), "block 0 bare MSH|1\r\nblock 6 MSH|2\n"},
    {"not at another VT", TEXT("MSH|1" VT "\r" END), "block 0 bare vt MSH|1" VT "\r\n"},
    {"at FHS and BHS, not at BTS and FTS", TEXT("FHS|\rBHS|\rMSH|1\rBTS|\rFTS|\rFHS|"),
     "block 0 bare FHS|\r\nblock 5 bare BHS|\r\nblock 10 bare MSH|1\rBTS|\rFTS|\r\nblock 26 bare FHS|\n"},
    {"not at what only begins so", TEXT("MSH|1\rMS\rMSHA|\rM"), "block 0 bare MSH|1\rMS\rMSHA|\rM\n"},
    {"at the end of the stream", TEXT("MSH|1\rMSH"), "block 0 bare MSH|1\rMSH\n"},
    {"it begins behind noise", TEXT("noise\rMSH|1"), "noise 0 6 noi\nblock 6 bare MSH|1\n"},
    {"but not within a word", TEXT("XMSH|1"), "noise 0 6 XMS\n"},
    {"nor where no separator follows", TEXT("MSHX|1 MSH\r"), "noise 0 11 MSH\n"},
    {"VT within what may be MSH begins a block", TEXT("MS" VT "A" END), "noise 0 2 MS\nblock 2 A\n"},
    {"and behind a block", TEXT(VT "A" END "MSH|1"), "block 0 A\nblock 4 bare MSH|1\n"},
    {"an FS in it before another byte is data", TEXT("MSH|1" FS "2"), "block 0 bare fs MSH|1" FS "2\n"},
};

static const struct vector strict_vectors[] = {
    {"strictly only FS CR ends a block", TEXT(VT "A" FS "\n" FS VT "B" FS "\0" END),
     "block 0 fs vt A" FS "\n" FS VT "B" FS "<NUL>\n"},
    {"strictly FS at the end of the stream cuts", TEXT(VT "A" FS), "cut 0 A\n"},
    {"strictly FS CR is enough", TEXT(VT "A" END VT "B" END), "block 0 A\nblock 4 B\n"},
};

/* Of a reader whose messages may have 10 bytes. */
static const struct vector limit_vectors[] = {
    {"a block of just the limit is taken", TEXT(VT "MSH|567890" END), "block 0 MSH|567890\n"},
    {"past the limit it is told at once, and the rest skipped", TEXT(VT "MSH|5678901\rMSH|" END VT "A" END),
     "too-long 0 MSH|567890\nblock 19 A\n"},
    {"what is skipped may hold FS and VT", TEXT(VT "MSH|56789012345" FS "2" VT "3" END VT "A" END),
     "too-long 0 MSH|567890\nblock 22 A\n"},
    {"a new block ends the skipping", TEXT(VT "MSH|56789012345" VT "MSH|2" END),
     "too-long 0 MSH|567890\nblock 16 MSH|2\n"},
    {"so does the end of the stream", TEXT(VT "MSH|56789012345"), "too-long 0 MSH|567890\n"},
    {"the limit is of a message, not of the block", TEXT(VT "MSH|567\rMSH|56789\nMSH|\r" END),
     "block 0 MSH|567\rMSH|56789\nMSH|\r\n"},
    {"the message that is too long may be any", TEXT(VT "MSH|567\rMSH|5678901" END),
     "too-long 0 MSH|567\rMSH|567890\n"},
    {"a message without VT has the same limit", TEXT("MSH|5678901\rPID\rMSH|2"),
     "too-long 0 bare MSH|567890\nblock 16 bare MSH|2\n"},
};

static void at_every_split(const struct vector *v, size_t n, bool strict, size_t max)
{
    for (; n; n--, v++) {
        struct run run = {.vector = v, .strict = strict, .max = max};
        every_split(v->input, v->len, play, &run);
        if (!ok(!run.failed, "%s", v->name)) {
            tap_escaped(" got", run.wrong.data, run.wrong.len, 0);
            tap_escaped("want", v->want, strlen(v->want), 0);
        }
        bytes_free(&run.wrong);
    }
}

static struct hl7_block_reader reader(size_t max)
{
    struct hl7_block_reader r;
    hl7_block_init(&r, max, false);
    return r;
}

static void late_ends(void)
{
    struct hl7_block_reader r = reader(1000);
    struct bytes log = {0};
    is_int(hl7_block_deadline(&r), INT64_MAX, "a reader waits for bytes alone");
    feed_text(&r, VT "A", 1000, &log);
    is_int(hl7_block_deadline(&r), INT64_MAX, "also within a block");
    feed_text(&r, FS, 2000, &log);
    is_int(hl7_block_deadline(&r), 2100, "behind FS it waits 100 ms for CR");
    tick(&r, 2099, &log);
    log_is(&log, "", "before that nothing happens");
    tick(&r, 2100, &log);
    log_is(&log, "block 0 no-cr A\n", "then the block has ended without it");
    is_int(hl7_block_deadline(&r), INT64_MAX, "and nothing is due");
    feed_text(&r, "\r", 9000, &log);
    feed_text(&r, VT "B" END, 9000, &log);
    log_is(&log, "block 4 B\n", "a CR that comes later is swallowed");
    feed_text(&r, VT "C" FS, 9000, &log);
    tick(&r, 9100, &log);
    feed_text(&r, "\r\n" VT "D" FS, 9200, &log);
    tick(&r, 9300, &log);
    feed_text(&r, "\n" VT "E" END, 9400, &log);
    log_is(&log, "block 8 no-cr C\nblock 13 no-cr D\nblock 17 E\n", "so are CR LF and LF");
    feed_text(&r, VT "F" FS, 9500, &log);
    tick(&r, 9600, &log);
    feed_text(&r, "\r\r", 9700, &log);
    tick(&r, 20000, &log);
    log_is(&log, "block 21 no-cr F\nnoise 25 blank 1 \r\n", "but not a second CR");
    feed_text(&r, VT "G" FS, 30000, &log);
    feed_text(&r, "H", 30099, &log);
    tick(&r, 40000, &log);
    feed_text(&r, END, 40000, &log);
    log_is(&log, "block 26 fs G" FS "H\n", "a byte within 100 ms makes FS data, however late the end comes");
    hl7_block_free(&r);

    hl7_block_init(&r, 1000, true);
    feed_text(&r, VT "A" FS, 1000, &log);
    is_int(hl7_block_deadline(&r), INT64_MAX, "strictly FS waits for ever");
    feed_text(&r, "\r", 99000, &log);
    log_is(&log, "block 0 A\n", "for its CR");
    hl7_block_free(&r);
    bytes_free(&log);
}

static void silence(void)
{
    struct hl7_block_reader r = reader(1000);
    struct bytes log = {0};
    feed_text(&r, "MSH|1\rPID|1\r", 1000, &log);
    is_int(hl7_block_deadline(&r), 3000, "a message without VT ends after 2 s of silence");
    feed_text(&r, "OBX|1\rM", 2500, &log);
    is_int(hl7_block_deadline(&r), 4500, "counted from its last byte");
    tick(&r, 4499, &log);
    log_is(&log, "", "not before");
    tick(&r, 4500, &log);
    log_is(&log, "block 0 bare MSH|1\rPID|1\rOBX|1\rM\n", "and is whole then");
    feed_text(&r, "what", 5000, &log);
    feed_text(&r, "ever MS", 6000, &log);
    tick(&r, 7999, &log);
    log_is(&log, "", "noise is told of when it has ended");
    tick(&r, 8000, &log);
    log_is(&log, "noise 19 11 wha\n", "after 2 s too");
    is_int(hl7_block_deadline(&r), INT64_MAX, "once");
    feed_text(&r, "MS", 9000, &log);
    feed_text(&r, "H|2", 10000, &log);
    tick(&r, 12000, &log);
    log_is(&log, "block 30 bare MSH|2\n", "a slow beginning is a beginning");
    feed_text(&r, "MSH|3\rMSH|4", 20000, &log);
    is_int(hl7_block_deadline(&r), 22000, "a message that ends another one is open");
    hl7_block_resume(&r, 30000);
    is_int(hl7_block_deadline(&r), 32000, "time of the caller's does not count");
    tick(&r, 32000, &log);
    log_is(&log, "block 35 bare MSH|3\r\nblock 41 bare MSH|4\n", "nothing of it is lost");
    hl7_block_free(&r);
    bytes_free(&log);
}

static void what_is_inside(void)
{
    struct hl7_block_reader r = reader(10);
    struct hl7_token token;
    struct bytes log = {0}, text = {0};
    ok(!hl7_block_inside(&r), "a reader begins outside");
    hl7_block_refuse(&r, &token);
    is_int(token.kind, HL7_TOKEN_NONE, "there is nothing to refuse");
    feed_text(&r, "MS", 1000, &log);
    ok(!hl7_block_inside(&r), "it is outside until it is certain");
    feed_text(&r, "x" VT "MSH|1\r", 1000, &log);
    ok(hl7_block_inside(&r) && r.text.cap, "inside a block its text is kept");
    hl7_block_refuse(&r, &token);
    log.len = 0;
    write_token(&log, &token);
    log_is(&log, "too-long 3 MSH|1\r\n", "what is refused is told of as far as it came");
    ok(!hl7_block_inside(&r), "and the rest is not kept");
    feed_text(&r, "12345678901234567890123456789012345678901234567890", 1000, &log);
    ok(!r.text.cap, "nor stored");
    feed_text(&r, END, 1000, &log);
    log_is(&log, "", "nor told of");
    feed_text(&r, VT "AB", 1000, &log);
    hl7_block_push(&r, (const unsigned char *)"C" END, 3, 1000, &token);
    const unsigned char *where = r.text.data;
    ok(token.kind == HL7_TOKEN_BLOCK && hl7_block_take(&r, &token, &text), "the text of a block can be taken");
    is_bytes(text.data, text.len, "ABC", 3, "as it is");
    ok(text.data == where && token.text == where && !r.text.data, "without copying, where it came in pieces");
    text.len = 0;
    hl7_block_push(&r, (const unsigned char *)VT "whole" END, 8, 1000, &token);
    ok(hl7_block_take(&r, &token, &text) && token.text == text.data, "and with, where it did not");
    is_bytes(text.data, text.len, "whole", 5, "as it is");
    feed_text(&r, VT "A", 1000, &log);
    hl7_block_free(&r);
    ok(!hl7_block_inside(&r) && !r.text.cap, "when it is freed the block is forgotten");
    bytes_free(&text);
    bytes_free(&log);
}

static void limits_that_cannot_be(void)
{
    struct hl7_block_reader r = reader(0);
    struct bytes log = {0};
    feed_text(&r, VT "MSH|1" END "MSH|1" END VT END, 1000, &log);
    log_is(&log, "too-long 0 \ntoo-long 8 bare \nblock 15 \n", "a limit of nothing leaves nothing");
    hl7_block_free(&r);
    r = reader(SIZE_MAX);
    r.allowance = 4;
    feed_text(&r, "?" VT "MSH|" END "?MSH|" END VT "MSH|5", 1000, &log);
    log_is(&log, "noise 0 1 ?\nblock 1 MSH|\nnoise 8 1 ?\nblock 9 bare MSH|\ntoo-long 15 no-memory MSH|5\n",
           "no more than the allowance is kept");
    r.allowance = 0;
    feed_text(&r, END "?MSH|1", 1000, &log);
    log_is(&log, "noise 23 1 ?\ntoo-long 24 bare no-memory MSH|\n", "it may shrink to nothing");
    hl7_block_free(&r);
    bytes_free(&log);
}

/* Pieces of the given size; the reader is pushed n bytes in all. */
static void long_block(size_t n, size_t piece, const char *name)
{
    struct hl7_block_reader r = reader(SIZE_MAX);
    struct hl7_token token;
    unsigned char *bytes = malloc(piece);
    size_t left = n, taken = 1;
    memset(bytes, 'x', piece);
    hl7_block_push(&r, (const unsigned char *)VT, 1, 1000, &token);
    for (; left && taken; left -= taken)
        taken = hl7_block_push(&r, bytes, piece < left ? piece : left, 1000, &token);
    hl7_block_push(&r, (const unsigned char *)END, 2, 1000, &token);
    ok(token.kind == HL7_TOKEN_BLOCK && token.len == n, "%s", name);
    ok(r.text.cap < 2 * n + 256, "and takes at most twice its size");
    hl7_block_free(&r);
    free(bytes);
}

static void a_block_that_does_not_end(void)
{
    struct hl7_block_reader r = reader(1 << 20);
    struct hl7_token token;
    size_t most = 0, told = 0;
    static unsigned char bytes[4096];
    memset(bytes, '\r', sizeof bytes);
    hl7_block_push(&r, (const unsigned char *)VT "MSH|", 5, 1000, &token);
    for (size_t i = 0; i < 20000; i++)
        for (size_t at = 0; at < sizeof bytes;) {
            at += hl7_block_push(&r, bytes + at, sizeof bytes - at, 1000, &token);
            told += token.kind != HL7_TOKEN_NONE;
            most = r.text.cap > most ? r.text.cap : most;
        }
    is_int(told, 1, "a block that does not end is told of once");
    ok(most <= 4 << 20 && !r.text.cap, "and its storage is bounded, and released");
    hl7_block_free(&r);
}

/* What costs most to look at: beginnings that come to nothing. */
static void hostile(const char *pattern, size_t n, const char *name)
{
    size_t times = (8 << 20) / n, tokens = 0;
    unsigned char *bytes = malloc(times * n);
    for (size_t i = 0; i < times; i++)
        memcpy(bytes + i * n, pattern, n);
    struct hl7_block_reader r = reader(1 << 20);
    struct hl7_token token;
    for (size_t at = 0; at < times * n;) {
        at += hl7_block_push(&r, bytes + at, times * n - at, 1000, &token);
        tokens++;
    }
    ok(tokens <= times + 2, "8 MB of %s are read in one go", name);
    hl7_block_free(&r);
    free(bytes);
}

/* Random bytes, mostly those that mean something. */
static void random_bytes(void)
{
    static const char alphabet[] = VT VT FS FS "\r\r\nMSHFB||A^\x06\x15 ";
    uint64_t seed = 1;
    size_t wrong = 0;
    for (int round = 0; round < 3000; round++) {
        unsigned char bytes[64];
        size_t n = 0;
        struct bytes whole = {0}, pieces = {0};
        struct hl7_block_reader one = reader(20), other = reader(20);
        for (; n < sizeof bytes; n++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            bytes[n] = (unsigned char)alphabet[(seed >> 33) % (sizeof alphabet - 1)];
        }
        feed(&one, bytes, n, 1000, &whole);
        end(&one, &whole);
        for (size_t at = 0, piece; at < n; at += piece) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            piece = 1 + (seed >> 33) % 5;
            piece = piece < n - at ? piece : n - at;
            feed(&other, bytes + at, piece, 1000, &pieces);
        }
        end(&other, &pieces);
        wrong += whole.len != pieces.len || (whole.len && memcmp(whole.data, pieces.data, whole.len));
        wrong += one.text.cap || other.text.cap;
        bytes_free(&whole);
        bytes_free(&pieces);
        hl7_block_free(&one);
        hl7_block_free(&other);
    }
    is_int(wrong, 0, "random bytes give the same tokens however they are split, and leave nothing behind");
}

static void blocks_are_built(void)
{
    struct bytes out = {0};
    ok(hl7_block_build(&out, (const unsigned char *)"MSH|\r", 5) && hl7_block_build(&out, NULL, 0), "blocks are built");
    is_bytes(out.data, out.len, VT "MSH|\r" END VT END, 11, "of VT, text, FS and CR");
    bytes_free(&out);
    ok(hl7_block_fits((const unsigned char *)"MSH|\r\n\0", 7), "a text without VT and FS fits");
    ok(!hl7_block_fits((const unsigned char *)"A" VT, 2) && !hl7_block_fits((const unsigned char *)FS "A", 2),
       "one with them does not");
}

int main(void)
{
    at_every_split(vectors, sizeof vectors / sizeof *vectors, false, 1000);
    at_every_split(strict_vectors, sizeof strict_vectors / sizeof *strict_vectors, true, 1000);
    at_every_split(limit_vectors, sizeof limit_vectors / sizeof *limit_vectors, false, 10);
    late_ends();
    silence();
    what_is_inside();
    limits_that_cannot_be();
    long_block(50 << 20, 1, "a block of 50 MB comes a byte at a time");
    long_block(50 << 20, 64 << 10, "a block of 50 MB comes 64 kB at a time");
    a_block_that_does_not_end();
    hostile(VT "MSH", 4, "blocks that are begun");
    hostile(VT, 1, "VT");
    hostile(FS, 1, "FS");
    hostile("MSH|\r", 5, "messages without VT");
    hostile("MSH", 3, "what is no message");
    hostile(VT END, 3, "empty blocks");
    random_bytes();
    blocks_are_built();
    return done();
}
