#include "hl7/split.h"

#include "tap.h"

#define A "MSH|^~\\&|LAB||||||ORU^R01|1|P|2.3"
#define B "MSH|^~\\&|LAB||||||ORU^R01|2|P|2.3"
#define TEXT(s) (s), sizeof(s) - 1

/* The first tokens of the notes, each with a blank before it. */
static void write_notes(struct bytes *log, const struct hl7_message *m)
{
    for (size_t i = 0; i < m->notes_len; i += strlen(m->notes + i) + 1)
        bytes_printf(log, " %.*s", (int)strcspn(m->notes + i, " "), m->notes + i);
}

/* One line a message: what is wrong with it or its control id, its notes, its text with `/` for CR. */
static void write_message(struct bytes *log, const struct hl7_message *m)
{
    if (m->header.why)
        bytes_printf(log, "[%s]", m->header.why);
    else
        bytes_append(log, m->header.msh[HL7_CONTROL_ID].p, m->header.msh[HL7_CONTROL_ID].n);
    write_notes(log, m);
    bytes_puts(log, ": ");
    for (size_t i = 0; i < m->len; i++)
        bytes_append(log, m->text[i] == '\r' ? (const unsigned char *)"/" : m->text + i, 1);
    bytes_puts(log, "\n");
}

static struct bytes split(const void *text, size_t n, const struct hl7_token *block, enum hl7_segment_end end)
{
    struct bytes log = {0}, buffer = {0};
    struct hl7_split s = {.messages = 0};
    struct hl7_message m;
    bytes_append(&buffer, text, n);
    if (!hl7_split_begin(&s, &buffer, block, end))
        abort();
    while (hl7_split_next(&s, &m))
        write_message(&log, &m);
    if (hl7_split_next(&s, &m))
        bytes_puts(&log, "and more");
    hl7_split_free(&s);
    bytes_free(&buffer);
    return log;
}

struct vector {
    const char *name, *input;
    size_t len;
    const char *want;
};

static const struct vector vectors[] = {
    {"one message", TEXT(A "\rPID|1\r"), "1: " A "/PID|1/\n"},
    {"the last segment gets its CR", TEXT(A "\rPID|1"), "1: " A "/PID|1/\n"},
    {"also when it is the only one", TEXT(A), "1: " A "/\n"},

    {"LF ends segments where there is no CR", TEXT(A "\nPID|1\nzz\n"), "1 segment-end: " A "/PID|1/zz/\n"},
    {"CR LF ends segments", TEXT(A "\r\nPID|1\r\n"), "1 segment-end: " A "/PID|1/\n"},
    {"LF ends a segment before a name and the field separator", TEXT(A "\rPID|1\nOBX|1\nZ12|\r"),
     "1 segment-end: " A "/PID|1/OBX|1/Z12|/\n"},
    {"else it is data", TEXT(A "\rNTE|1|a\nb\n\nOB|\nobx|1\nOBX^1\nOBXX|\n12A|\r"),
     "1: " A "/NTE|1|a\nb\n\nOB|\nobx|1\nOBX^1\nOBXX|\n12A|/\n"},
    {"LF at the end of the text ends the last segment", TEXT(A "\rPID|1\n"), "1 segment-end: " A "/PID|1/\n"},
    {"the field separator is the message's own", TEXT("MSH@~&#\\@A@@@@@@ORU@1@P\rNTE@a\nOBX|1\nOBX@2\r"),
     "1 segment-end: MSH@~&#\\@A@@@@@@ORU@1@P/NTE@a\nOBX|1/OBX@2/\n"},
    {"endings may be mixed", TEXT(A "\rEVN|1\nPID|1\r\nPV1|1"), "1 segment-end: " A "/EVN|1/PID|1/PV1|1/\n"},
    {"empty segments are left out", TEXT(A "\r\r\rPID|1\r\r \r\0\r\n"), "1 empty-segment segment-end: " A "/PID|1/\n"},

    {"several messages", TEXT(A "\rPID|1\r" B "\rPID|2\r"), "1: " A "/PID|1/\n2 several-messages: " B "/PID|2/\n"},
    {"with LF between them", TEXT(A "\nPID|1\n" B "\nPID|2\n"),
     "1 segment-end: " A "/PID|1/\n2 segment-end several-messages: " B "/PID|2/\n"},
    {"with empty lines between them", TEXT(A "\rPID|1\r\n\r\n" B "\r"),
     "1 segment-end empty-segment: " A "/PID|1/\n2 several-messages: " B "/\n"},
    {"each with its own separators", TEXT(A "\rNTE|\nOBX@1\rMSH@~&#\\@A@@@@@@ORU@2@P\rNTE@\nOBX@1\nOBX|2\r"),
     "1: " A "/NTE|\nOBX@1/\n2 segment-end several-messages: MSH@~&#\\@A@@@@@@ORU@2@P/NTE@/OBX@1\nOBX|2/\n"},
    {"MSH within a segment begins nothing", TEXT(A "\rNTE|" B "\r"), "1: " A "/NTE|" B "/\n"},

    {"a batch envelope belongs to no message", TEXT("FHS|^~\\&|X\rBHS|^~\\&|Y\r" A "\rPID|1\r" B "\rBTS|2\rFTS|1\r"),
     "1 batch: " A "/PID|1/\n2 batch several-messages: " B "/\n"},
    {"nor does one with LF", TEXT("FHS|^~\\&\nBHS|^~\\&\n" A "\nPID|1\nBTS|1\nFTS|1\n"),
     "1 segment-end batch: " A "/PID|1/\n"},
    {"nor a trailer without fields", TEXT(A "\rBTS\r" B "\rFTS"),
     "1 batch: " A "/\n2 batch several-messages: " B "/\n"},
    {"what follows the batch does not stand in it", TEXT("BHS|^~\\&\r" A "\rBTS|1\r" B "\r"),
     "1 batch: " A "/\n2 several-messages: " B "/\n"},
    {"but it does in the file", TEXT("FHS|^~\\&\rBHS|^~\\&\r" A "\rBTS|1\r" B "\rFTS|1"),
     "1 batch: " A "/\n2 batch several-messages: " B "/\n"},
    {"an envelope may have other separators", TEXT("FHS@~&#\\\rBHS@~&#\\\r" A "\rBTS|1\rFTS|1"), "1 batch: " A "/\n"},
    {"an envelope alone holds no message", TEXT("FHS|^~\\&|\rBHS|^~\\&|\rBTS|0\rFTS|1\r"), ""},
    {"another segment that begins so is none", TEXT(A "\rBTSX|1\rFTX|2\r"), "1: " A "/BTSX|1/FTX|2/\n"},

    {"nothing is an empty block", TEXT(""), "[the block is empty]: \n"},
    {"empty segments are an empty block", TEXT("\r\r\n \r"), "[the block is empty]: \n"},
    {"a block without MSH cannot be read", TEXT("PID|1\rOBX|1"), "[it does not begin with MSH]: PID|1/OBX|1/\n"},
    {"nor one that is no message", TEXT("hello"), "[it does not begin with MSH]: hello/\n"},
    {"nor one whose MSH is cut short", TEXT("MSH|^~\\&|LAB"),
     "[MSH ends before its control id (MSH-10)]: MSH|^~\\&|LAB/\n"},
    {"nor one with a letter behind MSH", TEXT("MSHA^~\\&"), "[no field separator follows MSH]: MSHA^~\\&/\n"},
    {"segments before MSH cannot be read", TEXT("PID|0\r" A "\rPID|1\r"),
     "[it does not begin with MSH]: PID|0/\n1 several-messages: " A "/PID|1/\n"},
    {"nor those behind an envelope", TEXT(A "\rBTS|1\rNTE|1\r"),
     "1 batch: " A "/\n[it does not begin with MSH] several-messages: NTE|1/\n"},
    {"blanks before MSH are left out", TEXT(" \t\r\n" A "\r"), "1 before-msh: " A "/\n"},
    {"and control characters", TEXT("\0\x02" A "\r"), "1 before-msh: " A "/\n"},
    {"and a byte-order mark", TEXT("\xEF\xBB\xBF" A "\r"), "1 before-msh: " A "/\n"},
    {"and lines that are no segments", TEXT("0042\r\n" A "\r"), "1 before-msh: " A "/\n"},

    {"odd separators are noted", TEXT("MSH|^~|A||||||ORU|1|P\r"), "1 separators: MSH|^~|A||||||ORU|1|P/\n"},
    {"so is a missing type", TEXT("MSH|^~\\&||||||||1|P\r"), "1 no-type: MSH|^~\\&||||||||1|P/\n"},
    {"and a missing control id", TEXT("MSH|^~\\&|||||||ORU||P\r"), " no-control-id: MSH|^~\\&|||||||ORU||P/\n"},
    {"and a condition that is none", TEXT(A "||||2\r"), "1 original-mode: " A "||||2/\n"},

    {"UTF-16 becomes UTF-8",
     TEXT("\xFF\xFEM\0S\0H\0|\0^\0~\0\\\0&\0|\0|\0|\0|\0|\0|\0|\0O\0R\0U\0|\0"
          "1\0\r\0N\0T\0E\0|\0\xE4\0\xAC\x20\x3D\xD8\x00\xDE\r\0"),
     "1 utf-16: MSH|^~\\&|||||||ORU|1/NTE|\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80/\n"},
    {"big-endian too",
     TEXT("\xFE\xFF\0M\0S\0H\0|\0^\0~\0\\\0&\0|\0|\0|\0|\0|\0|\0|\0O\0R\0U\0|\0"
          "1\0\r\0N\0T\0E\0|\0\xE4"),
     "1 utf-16: MSH|^~\\&|||||||ORU|1/NTE|\xC3\xA4/\n"},
    {"also without a byte-order mark",
     TEXT("M\0S\0H\0|\0^\0~\0\\\0&\0|\0|\0|\0|\0|\0|\0|\0O\0R\0U\0|\0"
          "1\0"),
     "1 utf-16: MSH|^~\\&|||||||ORU|1/\n"},
    {"half a character at its end is lost",
     TEXT("\0M\0S\0H\0|\0^\0~\0\\\0&\0|\0|\0|\0|\0|\0|\0|\0O\0R\0U\0|\0"
          "1\0\r\xD8\x3D\0"),
     "1 utf-16 charset: MSH|^~\\&|||||||ORU|1/\xEF\xBF\xBD/\n"},
    {"a byte-order mark alone is an empty block", TEXT("\xFF\xFE"), "[the block is empty] utf-16: \n"},
};

static void log_is(struct bytes *log, const char *want, const char *name)
{
    is_bytes(log->data, log->len, want, strlen(want), "%s", name);
    bytes_free(log);
}

static void every_vector(void)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct bytes log = split(vectors[i].input, vectors[i].len, NULL, HL7_END_AUTO);
        log_is(&log, vectors[i].want, vectors[i].name);
    }
}

static void segment_ends_by_option(void)
{
    static const char text[] = A "\rNTE|1|a\rb\nOBX|1\r\nOBX|2\n";
    struct bytes log = split(text, sizeof text - 1, NULL, HL7_END_AUTO);
    log_is(&log, "1 segment-end: " A "/NTE|1|a/b/OBX|1/OBX|2/\n", "auto: what ends segments is seen from what follows");
    log = split(text, sizeof text - 1, NULL, HL7_END_CR);
    log_is(&log, "1 segment-end: " A "/NTE|1|a/b\nOBX|1/OBX|2\n/\n", "cr: LF is data");
    log = split(text, sizeof text - 1, NULL, HL7_END_LF);
    log_is(&log, "1 segment-end: " A "\nNTE|1|a\nb/OBX|1/OBX|2/\n", "lf: CR is data, and becomes LF");
}

static void names(void)
{
    static const char *const ends[] = {"auto", "cr", "lf"};
    enum hl7_segment_end end = HL7_END_CR;
    for (size_t i = 0; i < 3; i++)
        ok(hl7_segment_end_parse(ends[i], &end) && end == (enum hl7_segment_end)i, "%s is a value of --segment-end",
           ends[i]);
    ok(!hl7_segment_end_parse("crlf", &end) && end == HL7_END_LF, "crlf is none");
}

static void what_the_block_was_like(void)
{
    static const struct {
        struct hl7_token block;
        const char *want, *name;
        bool framed, complete;
        uint64_t offset;
    } table[] = {
        {{.kind = HL7_TOKEN_BLOCK, .offset = 100}, "1: " A "/\n", "a block", true, true, 101},
        {{.kind = HL7_TOKEN_BLOCK, .offset = 100, .bare = true, .no_cr = true},
         "1 unframed: " A "/\n",
         "a message without VT",
         false,
         true,
         100},
        {{.kind = HL7_TOKEN_BLOCK, .no_cr = true}, "1 block-end: " A "/\n", "a block without CR", true, true, 1},
        {{.kind = HL7_TOKEN_BLOCK, .fs_inside = true, .vt_inside = true},
         "1 fs-inside vt-inside: " A "/\n",
         "a block with FS and VT in it",
         true,
         true,
         1},
        {{.kind = HL7_TOKEN_CUT}, "1: " A "/\n", "a block that was cut off", true, false, 1},
        {{.kind = HL7_TOKEN_TOO_LONG}, "1: " A "/\n", "a block that was too long", true, false, 1},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct bytes text = {0}, log = split(A, strlen(A), &table[i].block, HL7_END_AUTO);
        struct hl7_split s = {.messages = 0};
        struct hl7_message m;
        log_is(&log, table[i].want, table[i].name);
        bytes_puts(&text, A);
        ok(hl7_split_begin(&s, &text, &table[i].block, HL7_END_AUTO) && hl7_split_next(&s, &m) &&
               m.framed == table[i].framed && m.complete == table[i].complete && m.offset == table[i].offset,
           "%s is known as such", table[i].name);
        hl7_split_free(&s);
        bytes_free(&text);
    }
}

/* Blocks of one stream, each ended by an FS: which messages stand in a batch, and what is wrong with its number. */
static void batch_is(const char *name, const char *blocks, const char *want)
{
    struct hl7_split s = {.messages = 0};
    struct bytes log = {0};
    for (size_t n; *blocks; blocks += n + (blocks[n] != '\0')) {
        struct bytes text = {0};
        struct hl7_message m;
        n = strcspn(blocks, "\x1C");
        bytes_append(&text, blocks, n);
        if (!hl7_split_begin(&s, &text, NULL, HL7_END_AUTO))
            abort();
        for (bool more = true; more;) {
            more = hl7_split_next(&s, &m);
            if (s.batch.odd)
                bytes_printf(&log, "%u is not %u at %u; ", (unsigned)s.batch.said, (unsigned)s.batch.counted,
                             (unsigned)s.batch.offset);
            s.batch.odd = false;
            if (more) {
                bytes_append(&log, m.header.msh[HL7_CONTROL_ID].p, m.header.msh[HL7_CONTROL_ID].n);
                write_notes(&log, &m);
                bytes_puts(&log, "; ");
            }
        }
        hl7_split_free(&s);
        bytes_free(&text);
    }
    is_bytes(log.data, log.len, want, strlen(want), "%s", name);
    bytes_free(&log);
}

static void batches(void)
{
#define FS "\x1C"
#define ANSWER "MSH|^~\\&|||||||ACK|9\rMSA|AA|1\r"
    batch_is("over several blocks", "FHS|^~\\&" FS "BHS|^~\\&" FS A FS B FS "BTS|2" FS "FTS|1" FS A,
             "1 batch; 2 batch; 1; ");
    batch_is("its head with the first message, its end with the last",
             "FHS|^~\\&\rBHS|^~\\&\r" A FS A FS B "\rBTS|3\rFTS|1\r" FS B, "1 batch; 1 batch; 2 batch; 2; ");
    batch_is("its end alone is known", A FS B "\rBTS|7\r", "1; 2 batch; ");
    batch_is("too few", "BHS|^~\\&\r" A FS B FS "BTS|3|of three\r", "1 batch; 2 batch; 3 is not 2 at 0; ");
    batch_is("too many", "BHS|^~\\&\r" A "\r" B "\rBTS|1\r" A "\r",
             "1 batch; 2 batch several-messages; 1 is not 2 at 77; 1 several-messages; ");
    batch_is("none at all", "BHS|^~\\&\rBTS|1\r", "1 is not 0 at 9; ");
    batch_is("each batch of a file on its own", "FHS|^~\\&\rBHS|^~\\&\r" A "\rBTS|1\rBHS|^~\\&\r" B "\rBTS|2\rFTS|2\r",
             "1 batch; 2 batch several-messages; 2 is not 1 at 101; ");
    batch_is("a number that is none, or is not there, says nothing",
             "BHS|^~\\&\rBTS\rBHS|^~\\&\rBTS|\rBHS|^~\\&\rBTS|two\rBHS|^~\\&\rBTS|1x\rBHS|^~\\&\r"
             "BTS|99999999999999999999999\r",
             "");
    batch_is("zeros before it", "BHS|^~\\&\r" A "\rBTS|0001|\r", "1 batch; ");
    batch_is("one that began anew", "BHS|^~\\&\r" A FS "BHS|^~\\&\r" A "\rBTS|1\r", "1 batch; 1 batch; ");
    batch_is("answers lie in between", "BHS|^~\\&\r" A FS ANSWER FS B "\rBTS|2\r", "1 batch; 9; 2 batch; ");
    batch_is("a batch of answers", "BHS|^~\\&\r" ANSWER FS A FS ANSWER "BTS|2\r", "9 batch; 1; 9 batch; ");
    batch_is("with other separators", "BHS!^~\\&!" FS "MSH!^~\\&!!!!!!!ORU!5" FS "BTS!2" FS,
             "5 batch; 2 is not 1 at 0; ");
}

static void offsets_and_places(void)
{
    static const char text[] = "\r" A "\r\nPID|1\r\n\r\n" B "\r\n";
    struct hl7_token block = {.kind = HL7_TOKEN_BLOCK, .offset = 10};
    struct bytes buffer = {0};
    struct hl7_split s = {.messages = 0};
    struct hl7_message first, second;
    bytes_append(&buffer, text, sizeof text - 1);
    ok(hl7_split_begin(&s, &buffer, &block, HL7_END_AUTO) && hl7_split_next(&s, &first), "there is a first message");
    is_int(first.offset, 12, "that knows where it began");
    ok(hl7_split_next(&s, &second), "and a second one");
    is_int(second.offset, 11 + strlen("\r" A "\r\nPID|1\r\n\r\n"), "that knows it too");
    is_bytes(first.text, first.len, A "\rPID|1\r", strlen(A "\rPID|1\r"), "the first stays as it was");
    ok(first.text >= buffer.data && second.text + second.len <= buffer.data + buffer.cap, "both lie in the buffer");
    hl7_split_free(&s);
    bytes_free(&buffer);
}

/* A message and 8 MB of a pattern. */
static void much(const char *pattern, size_t n, size_t want, const char *name)
{
    struct bytes text = {0};
    struct hl7_split s = {.messages = 0};
    struct hl7_message m;
    size_t messages = 0;
    bytes_puts(&text, A "\r");
    for (size_t i = 0; i < (8 << 20) / n; i++)
        bytes_append(&text, pattern, n);
    if (!hl7_split_begin(&s, &text, NULL, HL7_END_AUTO))
        abort();
    for (; hl7_split_next(&s, &m); messages++)
        if (m.notes_len > NOTES_MAX)
            abort();
    is_int(messages, want, "8 MB of %s take linear time", name);
    hl7_split_free(&s);
    bytes_free(&text);
}

/* What holds of every message, whatever came. */
static bool sound(const struct hl7_message *m)
{
    bool fine = m->len == 0 || m->text[m->len - 1] == '\r';
    size_t at = 0;
    struct hl7_slice segment;
    while (hl7_segment_next(m->text, m->len, &at, &segment))
        fine = fine && segment.n;
    for (size_t i = 0; i <= HL7_MSH_FIELDS; i++)
        fine = fine && (!m->header.msh[i].n ||
                        (m->header.msh[i].p > m->text && m->header.msh[i].p + m->header.msh[i].n < m->text + m->len));
    return fine && (m->notes_len == 0 || m->notes[m->notes_len - 1] == '\0');
}

static void random_bytes(void)
{
    static const char *const words[] = {"MSH|", "\r", "\n", "FHS|", "BTS", "^~\\&|",   "PID|",
                                        "|",    "A",  "\0", " ",    A,     "\xFF\xFE", "\xEF\xBB\xBF"};
    uint64_t seed = 7;
    size_t wrong = 0, messages = 0;
    for (int round = 0; round < 20000; round++) {
        struct bytes text = {0}, exact = {0};
        struct hl7_split s = {.messages = 0};
        struct hl7_message m;
        for (int i = 0; i < 12; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            size_t word = (seed >> 33) % (sizeof words / sizeof *words);
            bytes_append(&text, words[word], word == 9 ? 1 : strlen(words[word]));
        }
        exact = (struct bytes){exact_copy(text.data, text.len), text.len, text.len};
        if (!hl7_split_begin(&s, &exact, NULL, (enum hl7_segment_end)(round % 3)))
            abort();
        for (; hl7_split_next(&s, &m); messages++)
            wrong += !sound(&m);
        hl7_split_free(&s);
        bytes_free(&exact);
        bytes_free(&text);
    }
    is_int(wrong, 0, "whatever comes, messages are segments that end with CR, and headers lie within them");
    ok(messages >= 10000, "there were %zu", messages);
}

int main(void)
{
    every_vector();
    segment_ends_by_option();
    names();
    what_the_block_was_like();
    offsets_and_places();
    batches();
    much("\r", 1, 1, "empty segments");
    much("\n", 1, 1, "LF");
    much("\r\n", 2, 1, "empty lines");
    much("PID|1\n", 6, 1, "short segments");
    much("BTS|\r", 5, 1, "envelopes");
    much("MSH|\r", 5, (8 << 20) / 5 + 1, "beginnings");
    much("BTS\rx\r", 6, 2, "rubbish behind envelopes");
    random_bytes();
    return done();
}
