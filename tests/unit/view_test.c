#include "astm/view.h"

#include "astm/names.h"
#include "out/json.h"
#include "tap.h"

#include <stdint.h>

static const struct envelope no_envelope;

struct rendering {
    enum view_format format;
    bool positional;
    const char *charset; /* NULL: as it comes */
    const struct envelope *envelope;
    const char *notes;
    size_t notes_len;
    bool incomplete;
};

/* Writes a message to out, each piece into a buffer that holds `before` bytes already, and checks how large they are.
 */
static bool render(const struct rendering *how, const void *text, size_t n, size_t before, struct bytes *out)
{
    struct charset charset = {0};
    struct astm_view_config config = {.format = how->format, .positional = how->positional};
    struct message message = {.text = exact_copy(text, n),
                                   .len = n,
                                   .notes = how->notes,
                                   .notes_len = how->notes_len,
                                   .complete = !how->incomplete,
                                   .framed = true};
    struct astm_view view = {0};
    struct bytes piece = {0};
    bool small = true;
    if (how->charset && charset_open(&charset, how->charset))
        config.charset = &charset;
    if (!astm_view_begin(&view, &config, &message, how->envelope ? how->envelope : &no_envelope))
        abort();
    enum view_progress progress;
    do {
        piece.len = 0;
        while (piece.len < before)
            bytes_puts(&piece, "{");
        progress = astm_view_more(&view, &piece);
        small = small && piece.len - before <= 2 * VIEW_PIECE && piece.cap <= before + 8 * VIEW_PIECE;
        if (piece.len > before)
            bytes_append(out, piece.data + before, piece.len - before);
    } while (progress == VIEW_GOES_ON);
    if (progress != VIEW_DONE)
        abort();
    astm_view_free(&view);
    charset_close(&charset);
    bytes_free(&piece);
    void *copy = (void *)(uintptr_t)message.text;
    free(copy);
    return small;
}

static void is_rendered(const char *name, const struct rendering *how, const char *text, size_t n, const char *want,
                        size_t want_n)
{
    struct bytes out = {0};
    render(how, text, n, 0, &out);
    is_bytes(out.data, out.len, want, want_n, "%s", name);
    bytes_free(&out);
}

#define RENDERED(name, how, text, want)                                                                                \
    is_rendered(name, &(const struct rendering)how, text, sizeof(text) - 1, want, sizeof(want) - 1)
#define HOW(...)                                                                                                       \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

/* ---- the envelope ---- */

static void envelopes(void)
{
    const struct envelope listener = {.id = "ID", .link = "cobas", .peer = "10.0.0.5:49152", .received = "2026-11-21"};
    const struct envelope decoder = {.id = "ID", .source = "a\"b.astm", .offset = 12345678901};
    RENDERED(
        "a message from an instrument", HOW(.format = VIEW_MESSAGE, .envelope = &listener),
        "H|\\^&|M1||cobas-e411^1|||||||P\rL|1|N\r",
        "{\"type\":\"message\",\"protocol\":\"astm\",\"id\":\"ID\",\"link\":\"cobas\",\"peer\":\"10.0.0.5:49152\","
        "\"received\":\"2026-11-21\",\"sender\":[\"cobas-e411\",\"1\"],\"control_id\":\"M1\","
        "\"digest\":\"7046fe11c258c14f5830c12dd37d19fd\",\"complete\":true,\"notes\":[],\"records\":["
        "{\"type\":\"H\",\"delimiters\":\"\\\\^&\",\"message_control_id\":\"M1\",\"sender\":[\"cobas-e411\",\"1\"],"
        "\"processing_id\":\"P\"},{\"type\":\"L\",\"seq\":\"1\",\"termination_code\":\"N\"}]}\n");
    RENDERED("a message from a file, without sender and control id",
             HOW(.format = VIEW_MESSAGE, .envelope = &decoder, .incomplete = true), "H|\\^&\rP|1\r",
             "{\"type\":\"message\",\"protocol\":\"astm\",\"id\":\"ID\",\"source\":\"a\\\"b.astm\","
             "\"offset\":12345678901,\"digest\":\"404fe7d355441eb6013a04f14a72f157\",\"complete\":false,\"notes\":[],"
             "\"records\":[{\"type\":\"H\",\"delimiters\":\"\\\\^&\"},{\"type\":\"P\",\"seq\":\"1\"}]}\n");
    RENDERED(
        "record lines with the id of their message", HOW(.format = VIEW_RECORD, .envelope = &listener),
        "H|\\^&\rC|1|I|text\r",
        "{\"type\":\"H\",\"message_id\":\"ID\",\"link\":\"cobas\",\"delimiters\":\"\\\\^&\"}\n"
        "{\"type\":\"C\",\"message_id\":\"ID\",\"link\":\"cobas\",\"seq\":\"1\",\"source\":\"I\",\"text\":\"text\"}\n");
    RENDERED("a comment's source is never mistaken for a file", HOW(.format = VIEW_RECORD, .envelope = &decoder),
             "C|1|I\r", "{\"type\":\"C\",\"message_id\":\"ID\",\"seq\":\"1\",\"source\":\"I\"}\n");
}

static void notes(void)
{
    static const char two[] = "bad-checksum frame 3\0lf \"records\"";
    const struct rendering how = {.format = VIEW_MESSAGE, .notes = two, .notes_len = sizeof two};
    struct bytes out = {0};
    render(&how, "H|\\\\^&\r", 7, 0, &out);
    bytes_append(&out, "", 1);
    const char *notes = strstr((const char *)out.data, "\"notes\":");
    const char *want = "\"notes\":[\"bad-checksum frame 3\",\"lf \\\"records\\\"\","
                       "\"delimiters what H declares cannot be: read as \\\\^&\"],\"records\":[";
    ok(notes && strncmp(notes, want, strlen(want)) == 0, "notes are strings, and odd delimiters are one");
    bytes_free(&out);
}

/* The sender and the control id of a header, as the envelope has them. */
static void is_envelope(const char *header, const char *want)
{
    const struct rendering how = {.format = VIEW_MESSAGE};
    struct bytes out = {0};
    render(&how, header, strlen(header), 0, &out);
    const char *from = "{\"type\":\"message\",\"protocol\":\"astm\"";
    bytes_append(&out, "", 1);
    char *end = strstr((char *)out.data, ",\"digest\":");
    if (end)
        *end = 0;
    is_str((char *)out.data + strlen(from), want, "the envelope of %.30s", header);
    bytes_free(&out);
}

static void senders(void)
{
    is_envelope("H|\\^&|||one^two^^four\r", ",\"sender\":[\"one\",\"two\",\"\",\"four\"]");
    is_envelope("H|\\^&|||first^1\\second^2\r", ",\"sender\":[\"first\",\"1\"]");
    is_envelope("H|\\^&|||a^\r", ",\"sender\":[\"a\",\"\"]");
    is_envelope("H|\\^&|||R&E&D^&\"&\r", ",\"sender\":[\"R&D\",\"&\\\"&\"]");
    is_envelope("H|\\^&|a^b\\c&F&\r", ",\"control_id\":\"a^b\\\\c|\"");
    is_envelope("H|\\^&|||\\x\r", "");
    is_envelope("H\"\\^&\"\"\"x\r", ",\"sender\":[\"x\"],\"field_delimiter\":\"\\\"\"");
    is_envelope("P|1|M1||sender\r", "");
    is_envelope("HX|\\^&|M1||sender\r", "");
    is_envelope("", "");
}

/* ---- values ---- */

static void values(void)
{
    static const struct {
        const char *field, *want;
    } cases[] = {
        {"a", "\"a\""},
        {"a^b", "[\"a\",\"b\"]"},
        {"a^b^c", "[\"a\",\"b\",\"c\"]"},
        {"^^^GLU", "[\"\",\"\",\"\",\"GLU\"]"},
        {"a^", "[\"a\",\"\"]"},
        {"^", "[\"\",\"\"]"},
        {"a\\b", "[[\"a\"],[\"b\"]]"},
        {"a^b\\c", "[[\"a\",\"b\"],[\"c\"]]"},
        {"a\\b^c\\", "[[\"a\"],[\"b\",\"c\"],[\"\"]]"},
        {"\\", "[[\"\"],[\"\"]]"},
        {"^\\^", "[[\"\",\"\"],[\"\",\"\"]]"},
        {"&F&", "\"|\""},
        {"a&S&b", "\"a^b\""},
        {"a^&S&^&R&", "[\"a\",\"^\",\"\\\\\"]"},
        {"a\\&F&^&E&", "[[\"a\"],[\"|\",\"&\"]]"},
        {"&.br&", "\"\\n\""},
        {"&X0D&", "\"\\r\""},
        {"&X00&", "\"\\u0000\""},
        {"&X22&", "\"\\\"\""},
        {"&H&x&N&", "\"&H&x&N&\""},
        {"&H&^&Zq&", "[\"&H&\",\"&Zq&\"]"},
        {"&", "\"&\""},
        {"a&b^c&d", "[\"a&b\",\"c&d\"]"},
        {"&a^b&F&", "[\"&a\",\"b|\"]"},
        {"\"", "\"\\\"\""},
        {"a\tb", "\"a\\tb\""},
        {"\x01", "\"\\u0001\""},
        {"\x7F", "\"\x7F\""},
        {"a\"^b", "[\"a\\\"\",\"b\"]"},
        {"M\xC3\xBCller^\xE6\x9D\x8E", "[\"M\xC3\xBCller\",\"\xE6\x9D\x8E\"]"},
        {"exactly 16 bytes", "\"exactly 16 bytes\""},
        {"a value of more than sixteen bytes^and one of more than thirty-two of them",
         "[\"a value of more than sixteen bytes\",\"and one of more than thirty-two of them\"]"},
    };
    const struct rendering how = {.format = VIEW_RECORD};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes text = {0}, out = {0}, want = {0};
        bytes_printf(&text, "H|\\^&\rR|1|%s|v|%s\r", cases[i].field, cases[i].field);
        bytes_printf(&want,
                     "{\"type\":\"H\",\"delimiters\":\"\\\\^&\"}\n{\"type\":\"R\",\"seq\":\"1\","
                     "\"universal_test_id\":%s,\"value\":\"v\",\"units\":%s}\n",
                     cases[i].want, cases[i].want);
        render(&how, text.data, text.len, 0, &out);
        is_bytes(out.data, out.len, want.data, want.len, "the value %s", cases[i].field);
        bytes_free(&text);
        bytes_free(&out);
        bytes_free(&want);
    }
}

static void fields(void)
{
    RENDERED("empty fields are left out", HOW(.format = VIEW_RECORD), "P|1|||||||F||\r",
             "{\"type\":\"P\",\"seq\":\"1\",\"sex\":\"F\"}\n");
    RENDERED("a record of one letter", HOW(.format = VIEW_RECORD), "L\r", "{\"type\":\"L\"}\n");
    RENDERED("a record of a type and a delimiter", HOW(.format = VIEW_RECORD), "L|\r", "{\"type\":\"L\"}\n");
    RENDERED("reserved fields, and those past the last", HOW(.format = VIEW_RECORD),
             "P|1||||||||||r|||||||||||||||||||||||last|36|37\r",
             "{\"type\":\"P\",\"seq\":\"1\",\"field_12\":\"r\",\"dosage_category\":\"last\",\"field_36\":\"36\","
             "\"field_37\":\"37\"}\n");
    RENDERED("field 100 and more", HOW(.format = VIEW_RECORD),
             "L||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||99^x|"
             "a\\b\r",
             "{\"type\":\"L\",\"field_99\":[\"99\",\"x\"],\"field_100\":[[\"a\"],[\"b\"]]}\n");
    RENDERED("a manufacturer's record has a sequence only", HOW(.format = VIEW_RECORD), "M|1|a^b|c\r",
             "{\"type\":\"M\",\"seq\":\"1\",\"field_3\":[\"a\",\"b\"],\"field_4\":\"c\"}\n");
    RENDERED("an unknown type of one letter has numbers only", HOW(.format = VIEW_RECORD), "Z|1||x\r",
             "{\"type\":\"Z\",\"field_2\":\"1\",\"field_4\":\"x\"}\n");
    RENDERED("and so has one of several", HOW(.format = VIEW_RECORD), "ZAB|1\rRx|1\r",
             "{\"type\":\"ZAB\",\"field_2\":\"1\"}\n{\"type\":\"Rx\",\"field_2\":\"1\"}\n");
    RENDERED("a type is written as it is", HOW(.format = VIEW_RECORD), "&F&|1\r\"|1\ra^b\\c|1\r|1\r",
             "{\"type\":\"&F&\",\"field_2\":\"1\"}\n{\"type\":\"\\\"\",\"field_2\":\"1\"}\n"
             "{\"type\":\"a^b\\\\c\",\"field_2\":\"1\"}\n{\"type\":\"\",\"field_2\":\"1\"}\n");
    RENDERED("empty records", HOW(.format = VIEW_RECORD), "\rL\r\r",
             "{\"type\":\"\"}\n{\"type\":\"L\"}\n{\"type\":\"\"}\n");
    RENDERED("nothing", HOW(.format = VIEW_RECORD), "", "");
    RENDERED("a last record without CR", HOW(.format = VIEW_RECORD), "P|1\rL|1",
             "{\"type\":\"P\",\"seq\":\"1\"}\n"
             "{\"type\":\"L\",\"seq\":\"1\"}\n");
}

static void delimiters(void)
{
    RENDERED("the delimiters of H", HOW(.format = VIEW_RECORD), "H!@#$!a#b@c!!$F$\rP!1!&F&^|\\\r",
             "{\"type\":\"H\",\"delimiters\":\"@#$\",\"message_control_id\":[[\"a\",\"b\"],[\"c\"]],\"sender\":\"!\"}\n"
             "{\"type\":\"P\",\"seq\":\"1\",\"practice_patient_id\":\"&F&^|\\\\\"}\n");
    RENDERED("odd ones are shown as they came", HOW(.format = VIEW_RECORD), "H|a^b\\|x^y\r",
             "{\"type\":\"H\",\"delimiters\":\"a^b\\\\\",\"message_control_id\":[\"x\",\"y\"]}\n");
    RENDERED("odd ones, and nothing else", HOW(.format = VIEW_RECORD), "H|\\\\^&",
             "{\"type\":\"H\",\"delimiters\":\"\\\\\\\\^&\"}\n");
    RENDERED("none", HOW(.format = VIEW_RECORD), "H||x\rH|\r",
             "{\"type\":\"H\",\"message_control_id\":\"x\"}\n{\"type\":\"H\"}\n");
    RENDERED("a field delimiter that the others mean", HOW(.format = VIEW_RECORD), "H^\\^&^x\rP^1^a\\b&S&\r",
             "{\"type\":\"H\",\"delimiters\":\"\\\\\",\"message_control_id\":\"&\",\"access_password\":\"x\"}\n"
             "{\"type\":\"P\",\"seq\":\"1\",\"practice_patient_id\":[[\"a\"],[\"b&S&\"]]}\n");
    RENDERED("a delimiter that is not there is no NUL", HOW(.format = VIEW_RECORD),
             "H^\\^&\rP^1^a\0b\\c\0d\0\rH&x&\rC&\0F\0&\0\r",
             "{\"type\":\"H\",\"delimiters\":\"\\\\\",\"message_control_id\":\"&\"}\n"
             "{\"type\":\"P\",\"seq\":\"1\",\"practice_patient_id\":[[\"a\\u0000b\"],[\"c\\u0000d\\u0000\"]]}\n"
             "{\"type\":\"H&x&\"}\n{\"type\":\"C&\\u0000F\\u0000&\\u0000\"}\n");
    RENDERED("nor where the escape character is the field delimiter's", HOW(.format = VIEW_RECORD),
             "H&\\^&\rP&1&\0F\0^b\r",
             "{\"type\":\"H\",\"delimiters\":\"\\\\^\"}\n"
             "{\"type\":\"P\",\"seq\":\"1\",\"practice_patient_id\":[\"\\u0000F\\u0000\",\"b\"]}\n");
}

static void positional(void)
{
    RENDERED("positional records", HOW(.format = VIEW_RECORD, .positional = true),
             "H|\\^&|||a^b\rR|1||&F&\\&x|\"||\rL\rZ|\r|\r",
             "{\"type\":\"H\",\"fields\":[\"H\",\"\\\\^&\",\"\",\"\",[\"a\",\"b\"]]}\n"
             "{\"type\":\"R\",\"fields\":[\"R\",\"1\",\"\",[[\"&F&\"],[\"&x\"]],\"\\\"\",\"\",\"\"]}\n"
             "{\"type\":\"L\",\"fields\":[\"L\"]}\n{\"type\":\"Z\",\"fields\":[\"Z\",\"\"]}\n"
             "{\"type\":\"\",\"fields\":[\"\",\"\"]}\n");
    RENDERED("a type with components", HOW(.format = VIEW_RECORD, .positional = true), "a^b|c\r",
             "{\"type\":\"a^b\",\"fields\":[[\"a\",\"b\"],\"c\"]}\n");
    RENDERED("positional odd delimiters", HOW(.format = VIEW_RECORD, .positional = true), "H|\\\\^&|x\r",
             "{\"type\":\"H\",\"fields\":[\"H\",\"\\\\\\\\^&\",\"x\"]}\n");
    RENDERED("an empty positional record", HOW(.format = VIEW_RECORD, .positional = true), "\r",
             "{\"type\":\"\",\"fields\":[\"\"]}\n");
    const struct rendering how = {.format = VIEW_MESSAGE, .positional = true};
    struct bytes out = {0};
    render(&how, "H|\\^&|||a&F&\r", 13, 0, &out);
    bytes_append(&out, "", 1);
    ok(strstr((char *)out.data, ",\"sender\":[\"a|\"]") != NULL, "the envelope resolves escapes all the same");
    ok(strstr((char *)out.data, "\"records\":[{\"type\":\"H\",\"fields\":[") != NULL, "and has positional records");
    bytes_free(&out);
}

/* ---- character sets ---- */

static bool contains(const struct bytes *out, const char *text)
{
    return memmem(out->data, out->len, text, strlen(text)) != NULL;
}

static void charset(const char *name, const char *forced, const char *text, const char *want, const char *note)
{
    const struct rendering how = {.format = VIEW_MESSAGE, .charset = forced};
    struct bytes out = {0};
    render(&how, text, strlen(text), 0, &out);
    if (!ok(contains(&out, want), "%s", name))
        is_bytes(out.data, out.len, want, strlen(want), "is what should contain that");
    if (note)
        ok(contains(&out, note), "%s: a note", name);
    else
        ok(contains(&out, "\"notes\":[]"), "%s: no note", name);
    bytes_free(&out);
}

static void charsets(void)
{
    charset("UTF-8", NULL, "P|1|\xC3\xBC\r", "\"practice_patient_id\":\"\xC3\xBC\"", NULL);
    charset("what is no UTF-8 is Latin-1, all of it", NULL, "P|1|\xFC\xC3\xBC^x\r",
            "\"practice_patient_id\":[\"\xC3\xBC\xC3\x83\xC2\xBC\",\"x\"]",
            "\"notes\":[\"charset not valid UTF-8: read as ISO-8859-1\"]");
    charset("and the message says so", NULL, "P|1|\xFC\r", ",\"charset\":\"ISO-8859-1\",\"digest\":", "charset");
    charset("hexadecimal in it is Latin-1 too", NULL, "H|\\^&\rP|1|\xFC&XE9&\r", "\"\xC3\xBC\xC3\xA9\"", "charset");
    charset("a set of the user's", "windows-1252", "P|1|\x80\r", "\"practice_patient_id\":\"\xE2\x82\xAC\"", NULL);
    charset("its name", "cp1252", "P|1|x\r", ",\"charset\":\"windows-1252\",\"digest\":", NULL);
    charset("UTF-8 of the user's", "UTF-8", "P|1|\xC3\xBC\r", "\"practice_patient_id\":\"\xC3\xBC\"", NULL);
    charset("what is not in it is replaced", "UTF-8", "P|1|\xFCx\r", "\"practice_patient_id\":\"\xEF\xBF\xBDx\"",
            "\"notes\":[\"charset bytes that are not in the set were replaced\"]");
    charset("or in ASCII", "US-ASCII", "P|1|\xFCx\r", "\"practice_patient_id\":\"\xEF\xBF\xBDx\"", "charset");
    charset("GB18030 with a delimiter as a second byte", "GB18030", "H|\\^&\rP|1|\x81|^\x81\x5E|\xC0\xEE\r",
            "\"practice_patient_id\":[\"\xE4\xBA\x85\",\"\xE4\xB9\x9B\"],\"laboratory_patient_id\":\"\xE6\x9D\x8E\"",
            NULL);
    charset("Shift_JIS with a backslash as a second byte", "Shift_JIS", "P|1|\x95\x5C\\x\r",
            "\"practice_patient_id\":[[\"\xE8\xA1\xA8\"],[\"x\"]]", NULL);
    charset("a message that ends in the middle of a character", "GB18030", "P|1|\xC0\r", "\xEF\xBF\xBD", "charset");
    charset("UTF-16, of all things", "UTF-16LE", "P|1|\r", "\"records\":[{\"type\":\"", "charset");
    RENDERED("text is converted", HOW(.format = VIEW_TEXT), "P|1|\xFC\r", "P|1|\xC3\xBC\n\n");
    RENDERED("raw is not", HOW(.format = VIEW_RAW), "P|1|\xFC\rL\r", "P|1|\xFC\rL\r");
}

/* ---- text ---- */

static void plain(void)
{
    RENDERED("text", HOW(.format = VIEW_TEXT), "H|\\^&\rP|1|&F&\rL|1\r", "H|\\^&\nP|1|&F&\nL|1\n\n");
    RENDERED("no text", HOW(.format = VIEW_TEXT), "", "\n");
    RENDERED("raw bytes", HOW(.format = VIEW_RAW), "H|\\^&\r\0\xFF\rL", "H|\\^&\r\0\xFF\rL");
    RENDERED("frames are not made here", HOW(.format = VIEW_FRAME), "H|\\^&\r", "");
}

/* ---- what a message is known by ---- */

static void digests(const char *what, const char *a, const char *b, bool same_digest, bool same_key)
{
    const struct message x = {.text = (const unsigned char *)a, .len = strlen(a)};
    const struct message y = {.text = (const unsigned char *)b, .len = strlen(b)};
    unsigned char one[16], other[16];
    astm_message_digest(&x, one);
    astm_message_digest(&y, other);
    ok((memcmp(one, other, sizeof one) == 0) == same_digest, "%s digest: %s", same_digest ? "the same" : "another",
       what);
    astm_message_key(&x, one);
    astm_message_key(&y, other);
    ok((memcmp(one, other, sizeof one) == 0) == same_key, "%s key: %s", same_key ? "the same" : "another", what);
}

static void keys(void)
{
    digests("itself", "H|\\^&|1||s\rP|1\rL\r", "H|\\^&|1||s\rP|1\rL\r", true, true);
    digests("another time in H", "H|\\^&|1||s|||||||||1\rP|1\r", "H|\\^&|1||s|||||||||2\rP|1\r", true, true);
    digests("another control id", "H|\\^&|1||s\rP|1\rL\r", "H|\\^&|2||s\rP|1\rL\r", true, false);
    digests("another sender", "H|\\^&|1||s\rP|1\rL\r", "H|\\^&|1||t\rP|1\rL\r", true, false);
    digests("another patient", "H|\\^&|1||s\rP|1\rL\r", "H|\\^&|1||s\rP|2\rL\r", false, false);
    digests("parts that have moved", "H|\\^&|1||2\rP\r", "H|\\^&|12||\rP\r", true, false);
    digests("no header", "P|1\rL\r", "P|2\rL\r", false, false);
}

/* ---- wire events ---- */

static void wire(void)
{
    const struct envelope file = {.source = "a.astm"}, link = {.link = "cobas", .peer = "p", .received = "now"};
    const struct astm_frame good = {.len = 12,
                                    .number = 3,
                                    .end = ASTM_ETX,
                                    .given = 0x0A,
                                    .computed = 0x0A,
                                    .good = true,
                                    .fits = ASTM_CHECKSUM_NONE};
    const struct astm_frame bad = {.len = 0,
                                   .number = -1,
                                   .end = ASTM_ETB,
                                   .given = -1,
                                   .computed = 0xFF,
                                   .too_long = true,
                                   .fits = ASTM_CHECKSUM_XOR};
    static const struct {
        const char *event, *want;
        int frame, envelope;
        bool sent;
        size_t len;
    } cases[] = {
        {"ENQ", "\"event\":\"ENQ\",\"source\":\"a.astm\",\"offset\":77}\n", 0, 0, false, 0},
        {"cut", "\"event\":\"cut\",\"source\":\"a.astm\",\"offset\":77,\"length\":5}\n", 0, 0, false, 5},
        {"frame",
         "\"event\":\"frame\",\"source\":\"a.astm\",\"offset\":77,\"number\":3,\"length\":12,\"end\":\"ETX\","
         "\"checksum\":\"0A\",\"computed\":\"0A\",\"good\":true}\n",
         1, 0, false, 0},
        {"frame",
         "\"event\":\"frame\",\"source\":\"a.astm\",\"offset\":77,\"length\":0,\"end\":\"ETB\",\"computed\":\"FF\","
         "\"good\":false,\"fits\":\"xor\",\"too_long\":true}\n",
         2, 0, false, 0},
        {"ACK", "\"event\":\"ACK\",\"link\":\"cobas\",\"peer\":\"p\",\"time\":\"now\",\"direction\":\"out\"}\n", 0, 1,
         true, 0},
        {"frame",
         "\"event\":\"frame\",\"link\":\"cobas\",\"peer\":\"p\",\"time\":\"now\",\"direction\":\"out\",\"number\":3,"
         "\"length\":12,\"end\":\"ETX\"}\n",
         1, 1, true, 0},
        {"EOT",
         "\"event\":\"EOT\",\"link\":\"cobas\",\"peer\":\"p\",\"time\":\"now\",\"direction\":\"in\",\"offset\":77}\n",
         0, 1, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *begin = "{\"type\":\"frame\",\"protocol\":\"astm\",";
        struct astm_wire event = {.event = cases[i].event, .sent = cases[i].sent, .offset = 77, .len = cases[i].len};
        struct bytes out = {0}, want = {0};
        event.frame = cases[i].frame == 1 ? &good : cases[i].frame == 2 ? &bad : NULL;
        bytes_printf(&want, "%s%s", begin, cases[i].want);
        ok(astm_wire_line(&out, &event, cases[i].envelope ? &link : &file), "event %zu is written", i);
        is_bytes(out.data, out.len, want.data, want.len, "event %zu, %s", i, cases[i].event);
        bytes_free(&out);
        bytes_free(&want);
    }
}

/* ---- against another hand ---- */

/* The same lines by splitting and splitting again, with no regard for time and memory. */
static void slow_value(struct bytes *out, const struct astm_delimiters *d, struct astm_slice text, bool verbatim)
{
    bool repeats = d->repeat && text.n && memchr(text.p, d->repeat, text.n);
    bool list = repeats || (d->component && text.n && memchr(text.p, d->component, text.n));
    struct charset utf8 = {0};
    bytes_puts(out, repeats ? "[[" : list ? "[" : "");
    const unsigned char *begin = text.p, *end = text.p + text.n;
    for (const unsigned char *p = begin; p <= end; p++) {
        bool repeat = p < end && repeats && *p == d->repeat,
             component = p < end && list && d->component && *p == d->component;
        if (p < end && !repeat && !component)
            continue;
        struct astm_slice part = {begin, (size_t)(p - begin)};
        struct bytes plain = {0};
        if (verbatim)
            bytes_append(&plain, part.p, part.n);
        else
            astm_unescape(d, &utf8, part, &plain);
        json_string(out, plain.data, plain.len);
        bytes_free(&plain);
        bytes_puts(out, repeat ? "],[" : component ? "," : "");
        begin = p + 1;
    }
    bytes_puts(out, repeats ? "]]" : list ? "]" : "");
}

static void slow_record(struct bytes *out, const struct astm_delimiters *d, struct astm_slice record, bool header,
                        bool positional)
{
    static const struct astm_delimiters none;
    struct astm_slice type = astm_part(record, d->field, 0);
    size_t count;
    const struct astm_name *names = astm_names(type.n == 1 ? *type.p : 0, &count);
    bytes_puts(out, "{\"type\":");
    json_string(out, type.p, type.n);
    bytes_puts(out, positional ? ",\"fields\":[" : "");
    const unsigned char *p = record.p, *end = record.p + record.n;
    for (size_t number = 1; p <= end; number++) {
        struct astm_slice field = astm_part((struct astm_slice){p, (size_t)(end - p)}, d->field, 0);
        bool delimiters = header && number == 2;
        p += field.n + 1;
        if (!positional && (number == 1 || !field.n))
            continue;
        if (positional)
            bytes_puts(out, number > 1 ? "," : "");
        else if (number <= count)
            bytes_append(out, names[number - 1].text, names[number - 1].len);
        else
            bytes_printf(out, ",\"field_%zu\":", number);
        slow_value(out, delimiters ? &none : d, field, delimiters || positional);
    }
    bytes_puts(out, positional ? "]}\n" : "}\n");
}

static void slow_view(struct bytes *out, const struct bytes *text, bool positional)
{
    struct astm_delimiters d = astm_delimiters_of(text->data, text->len);
    bool header = astm_is_header(text->data, text->len);
    struct astm_slice record;
    for (size_t at = 0; astm_record_next(text->data, text->len, &at, &record); header = false)
        slow_record(out, &d, record, header, positional);
}

static uint64_t seed = 20261121;

static unsigned draw(unsigned below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % below;
}

/* Text in which everything occurs that means something, and some of it much too often. */
static void draw_text(struct bytes *text, const char *own, size_t n)
{
    static const char *const pieces[] = {
        "H",
        "R",
        "O",
        "M",
        "Zz",
        "1",
        "\"",
        "\\",
        "\x01",
        "\n",
        "\t",
        "\xC3\xBC",
        "\xE6\x9D\x8E",
        "F",
        "S",
        "E",
        "X41",
        "X4",
        "Zq",
        ".br",
        "H",
        "plain text of some length, so that it is copied in steps",
        "5.4",
        "GLU",
        "|",
        "^",
        "&",
    };
    unsigned often = draw(6);
    for (size_t start = text->len; text->len - start < n;) {
        unsigned what = draw(16);
        if (what < 2 + often) {
            bytes_append(text, own + draw(4), 1);
        } else if (what == 15 && !draw(4)) {
            bytes_puts(text, "\r");
        } else if (what == 14 && !draw(200)) {
            for (unsigned k = draw(5000); k > 0; k--)
                bytes_puts(text, draw(50) ? "x" : "^");
        } else {
            bytes_puts(text, pieces[draw(sizeof pieces / sizeof *pieces)]);
        }
    }
    bytes_puts(text, "\r");
}

static void against(unsigned round, size_t size)
{
    static const char *const own[] = {"|\\^&", "!@#$", "|`^&", "\"\\^&", "|\\^\\", "^\\^&", "&\\^&", "||||"};
    const char *delimiters = own[draw(sizeof own / sizeof *own)];
    struct bytes text = {0};
    if (draw(8))
        bytes_printf(&text, "H%s", delimiters);
    draw_text(&text, delimiters, size);
    for (int positional = 0; positional < 2; positional++) {
        const struct rendering how = {.format = VIEW_RECORD, .positional = positional};
        struct bytes want = {0};
        slow_view(&want, &text, positional);
        for (size_t before = 0; before < 3; before++) {
            struct bytes got = {0};
            bool small = render(&how, text.data, text.len, before * 40000, &got);
            bool same = got.len == want.len && memcmp(got.data, want.data, got.len) == 0;
            if (!same || !small)
                is_bytes(got.data, got.len, want.data, want.len, "round %u, %zu bytes, %s", round, text.len,
                         small ? "in small pieces" : "in pieces that are too large");
            bytes_free(&got);
            tap.failed += !small;
        }
        bytes_free(&want);
    }
    bytes_free(&text);
}

static void against_another_hand(void)
{
    int failed = tap.failed;
    for (unsigned round = 0; round < 3000; round++)
        against(round, draw(draw(2) ? 200 : 2000));
    for (unsigned round = 0; round < 60; round++)
        against(round, 60000 + draw(200000));
    is_int(tap.failed - failed, 0, "3 060 random messages are written as another hand writes them");
}

/* ---- size ---- */

/* A message of one huge stretch: prefix, n times piece, suffix. The line must be what it is for a short one. */
static void huge(const char *name, enum view_format format, const char *prefix, const char *piece, size_t n,
                 const char *suffix, const char *want_piece, size_t want_joint)
{
    struct bytes text = {0}, out = {0};
    const struct rendering how = {.format = format};
    bytes_puts(&text, prefix);
    for (size_t i = 0; i < n; i++)
        bytes_puts(&text, piece);
    bytes_puts(&text, suffix);
    ok(render(&how, text.data, text.len, 0, &out), "%s: in small pieces", name);
    size_t runs = 0, len = strlen(want_piece);
    for (size_t i = 0; i + len <= out.len; i++)
        if (out.data[i] == (unsigned char)*want_piece && memcmp(out.data + i, want_piece, len) == 0) {
            runs++;
            i += len - 1;
        }
    is_int(runs, n + want_joint, "%s: all of it", name);
    bytes_free(&text);
    bytes_free(&out);
}

static void sizes(void)
{
    size_t million = 1000000;
    huge("a field of 10 MB", VIEW_MESSAGE, "H|\\^&\rR|1|", "0123456789", million, "|end\rL|1\r", "0123456789", 0);
    huge("10 million components", VIEW_MESSAGE, "H|\\^&\rR|1|", "^", 10 * million, "\rL|1\r", ",\"\"", 0);
    huge("a million repeats", VIEW_RECORD, "H|\\^&\rR|1|", "a\\", million, "\rL|1\r", "[\"a\"],", 0);
    huge("a million escapes", VIEW_MESSAGE, "H|\\^&\rR|1|", "&E&", million, "\rL|1\r", "&", 1);
    huge("a million control characters", VIEW_MESSAGE, "R|1|", "\x01", million, "\r", "\\u0001", 0);
    huge("a million fields", VIEW_RECORD, "M|", "|a", million, "\r", "\":\"a\"", 0);
    huge("a million empty fields", VIEW_RECORD, "M|1", "|", million, "x\r", "\":\"x\"", 1 - million);
    huge("a million records", VIEW_MESSAGE, "H|\\^&\r", "L|1\r", million, "", "\"type\":\"L\",\"seq\":\"1\"}", 0);
    huge("a type of 10 MB", VIEW_RECORD, "", "0123456789", million, "|1\r", "0123456789", 0);
    huge("a control id of 10 MB", VIEW_MESSAGE, "H|\\^&|", "0123456789", million, "\rL|1\r", "0123456789", million);
    huge("a sender of a million components", VIEW_MESSAGE, "H|\\^&|||", "ab^", million, "\rL|1\r", "\"ab\"", million);
    huge("a long sequence that is kept", VIEW_RECORD, "R|1|&Z", "0123456789", million, "&F&F&\r", "0123456789", 0);
    huge("what follows it", VIEW_RECORD, "R|1|&Z", "0123456789", million, "&F&F&\r", "&F|\"}\n", 1 - million);
    huge("10 MB of text", VIEW_TEXT, "", "0123456\r", million, "", "0123456\n", 0);
    huge("10 MB raw", VIEW_RAW, "", "0123456\r", million, "", "0123456\r", 0);
    RENDERED("a sequence that is kept ends where it ends", HOW(.format = VIEW_RECORD), "R|1|&Zx&F&&F&\r",
             "{\"type\":\"R\",\"seq\":\"1\",\"universal_test_id\":\"&Zx&F&|\"}\n");
}

int main(void)
{
    envelopes();
    notes();
    senders();
    values();
    fields();
    delimiters();
    positional();
    charsets();
    plain();
    keys();
    wire();
    sizes();
    against_another_hand();
    return done();
}
