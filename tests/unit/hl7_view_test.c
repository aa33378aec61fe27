#include "hl7/view.h"

#include "base/digest.h"
#include "hl7_message.h"
#include "tap.h"

static void is_rendered(const char *name, const struct hl7_view_config *config, const struct envelope *envelope,
                        const char *text, size_t n, const char *want)
{
    struct bytes out = {0};
    render(config, envelope, text, n, 0, &out);
    is_bytes(out.data, out.len, want, strlen(want), "%s", name);
    bytes_free(&out);
}

#define RENDERED(name, config, envelope, text, want)                                                                   \
    is_rendered(name, &(const struct hl7_view_config)config, envelope, text, sizeof(text) - 1, want)
#define HOW(...)                                                                                                       \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

#define MSH(rest) "MSH|^~\\&|LAB|MAIN|||20240301||ORU^R01|M1|P|2.5.1" rest "\r"
#define MSH_JSON(rest)                                                                                                 \
    "[\"MSH\",\"|\",\"^~\\\\&\",\"LAB\",\"MAIN\",\"\",\"\",\"20240301\",\"\",[\"ORU\",\"R01\"],\"M1\",\"P\",\"2.5."    \
    "1\"" rest "]"

/* ---- the envelope ---- */

/* The same for a message line whose digest is that of `rest`, which stands in `want` as 32 times x. */
static void is_message(const char *name, const struct envelope *envelope, const char *text, const char *rest,
                       const char *want)
{
    const struct hl7_view_config config = {.format = VIEW_MESSAGE};
    unsigned char binary[16];
    char digits[33], whole[1024];
    struct digest digest;
    digest_init(&digest);
    digest_add(&digest, rest, strlen(rest));
    digest_end(&digest, binary);
    digest_hex(binary, digits);
    snprintf(whole, sizeof whole, "%s", want);
    char *place = strstr(whole, "xxxxxxxx");
    if (place)
        memcpy(place, digits, 32);
    is_rendered(name, &config, envelope, text, strlen(text), whole);
}

static void envelopes(void)
{
    const struct envelope listener = {.id = "ID", .link = "xn", .peer = "10.0.0.5:49152", .received = "2026-11-21"};
    const struct envelope decoder = {.id = "ID", .source = "a\"b.hl7", .offset = 12345678901};
    is_message("a message from an instrument", &listener, MSH("") "PID|1\r", "PID|1\r",
               "{\"type\":\"message\",\"protocol\":\"hl7\",\"id\":\"ID\",\"link\":\"xn\",\"peer\":\"10.0.0.5:49152\","
               "\"received\":\"2026-11-21\",\"sender\":[\"LAB\",\"MAIN\"],\"control_id\":\"M1\","
               "\"digest\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\",\"complete\":true,\"notes\":[],\"records\":[" MSH_JSON(
                   "") ",[\"PID\",\"1\"]]}\n");
    is_message("a message from a file, without sender and control id", &decoder, "MSH|^~\\&|||||||ACK||\r", "",
               "{\"type\":\"message\",\"protocol\":\"hl7\",\"id\":\"ID\",\"source\":\"a\\\"b.hl7\","
               "\"offset\":12345678901,\"digest\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\",\"complete\":true,"
               "\"notes\":[\"no-control-id MSH-10 is empty\"],"
               "\"records\":[[\"MSH\",\"|\",\"^~\\\\&\",\"\",\"\",\"\",\"\",\"\",\"\",\"ACK\"]]}\n");
    RENDERED(
        "record lines with the id of their message", HOW(.format = VIEW_RECORD), &listener,
        "MSH|^~\\&|||||||ACK|1\rMSA|AA|77\r",
        "{\"type\":\"MSH\",\"message_id\":\"ID\",\"link\":\"xn\",\"fields\":[\"MSH\",\"|\",\"^~\\\\&\",\"\",\"\",\"\","
        "\"\",\"\",\"\",\"ACK\",\"1\"]}\n"
        "{\"type\":\"MSA\",\"message_id\":\"ID\",\"link\":\"xn\",\"fields\":[\"MSA\",\"AA\",\"77\"]}\n");
}

/* What lies between two strings of a message's line. */
static void has_part(const char *name, const char *text, size_t n, bool positional, const char *want)
{
    const struct hl7_view_config config = {.format = VIEW_MESSAGE, .positional = positional};
    struct bytes out = {0};
    render(&config, NULL, text, n, 0, &out);
    bytes_append(&out, "", 1);
    if (!ok(out.data && strstr((const char *)out.data, want), "%s", name))
        printf("# in %s", out.data);
    bytes_free(&out);
}

#define HAS(name, text, want) has_part(name, text, sizeof(text) - 1, false, want)

static void envelope_parts(void)
{
    HAS("no facility", "MSH|^~\\&|LAB||||||ACK|1\r", "\"sender\":[\"LAB\",\"\"],\"control_id\":\"1\"");
    HAS("a facility alone", "MSH|^~\\&||F|||||ACK|1\r", "\"sender\":[\"\",\"F\"]");
    HAS("a sender with components is text", "MSH|^~\\&|LAB^1.2^ISO|A\\T\\B|||||ACK|1\r",
        "\"sender\":[\"LAB^1.2^ISO\",\"A&B\"]");
    HAS("a control id is text", "MSH|^~\\&|||||||ACK|1^2\\F\\\r", "\"control_id\":\"1^2|\"");
    HAS("a set that is not UTF-8 is told", "MSH|^~\\&|||||||ACK|1||||||||8859/1\rMSA|\xFC\r",
        "\"charset\":\"ISO-8859-1\",\"digest\"");
    HAS("and its text is UTF-8", "MSH|^~\\&|||||||ACK|1||||||||8859/1\rMSA|\xFC\r", "[\"MSA\",\"\xC3\xBC\"]");
    HAS("UTF-8 is not told", "MSH|^~\\&|||||||ACK|1||||||||UNICODE UTF-8\rMSA|\xC3\xBC\r",
        "\"control_id\":\"1\",\"digest\"");
    HAS("a set that was not declared is noted", "MSH|^~\\&|||||||ACK|1\rMSA|\xFC\r",
        "\"notes\":[\"charset MSH-18 is empty: read as ISO-8859-1\"]");
    HAS("separators that cannot be are noted", "MSH|^~|||||||ACK|1\rMSA|a&b\r", "\"notes\":[\"separators ");
    HAS("UTF-16 is told",
        "M\0S\0H\0|\0^\0~\0\\\0&\0|\0|\0|\0|\0|\0|\0|\0A\0|\0"
        "1\0\r\0",
        "\"charset\":\"UTF-16\"");
    has_part("the positional form says so", MSH(""), sizeof MSH("") - 1, true, "\"complete\":true,\"positional\":true");
}

/* ---- segments ---- */

static void is_segment(const char *segment, const char *want, bool positional)
{
    const struct hl7_view_config config = {.format = VIEW_MESSAGE, .positional = positional};
    struct bytes text = {0}, out = {0}, whole = {0};
    bytes_puts(&text, MSH(""));
    bytes_puts(&text, segment);
    bytes_puts(&text, "\r");
    render(&config, NULL, text.data, text.len, 0, &out);
    bytes_append(&out, "", 1);
    bytes_puts(&whole, "],");
    bytes_puts(&whole, want);
    bytes_puts(&whole, "]}\n");
    size_t n = out.len - 1 < whole.len ? out.len - 1 : whole.len;
    is_bytes(out.data + out.len - 1 - n, n, whole.data, whole.len, "%s%s", segment, positional ? ", positional" : "");
    bytes_free(&text);
    bytes_free(&out);
    bytes_free(&whole);
}

static void segments(void)
{
    static const struct {
        const char *segment, *want, *positional; /* NULL: the same */
    } cases[] = {
        {"PID", "[\"PID\"]", NULL},
        {"PID|", "[\"PID\"]", "[\"PID\",\"\"]"},
        {"PID|||", "[\"PID\"]", "[\"PID\",\"\",\"\",\"\"]"},
        {"PID|1", "[\"PID\",\"1\"]", NULL},
        {"PID||2", "[\"PID\",\"\",\"2\"]", NULL},
        {"PID||2||", "[\"PID\",\"\",\"2\"]", "[\"PID\",\"\",\"2\",\"\",\"\"]"},
        {"PID|||A^B||C~D|||E&F|",
         "[\"PID\",\"\",\"\",[\"A\",\"B\"],\"\",[[[\"C\"]],[[\"D\"]]],\"\",\"\",[[\"E\",\"F\"]]]",
         "[\"PID\",\"\",\"\",[\"A\",\"B\"],\"\",[[[\"C\"]],[[\"D\"]]],\"\",\"\",[[\"E\",\"F\"]],\"\"]"},
        {"PID||\"\"|", "[\"PID\",\"\",null]", "[\"PID\",\"\",null,\"\"]"},
        {"PID|^", "[\"PID\",[\"\",\"\"]]", NULL},
        {"OBX|1|TX|||a\\F\\b\\.br\\c\\H\\", "[\"OBX\",\"1\",\"TX\",\"\",\"\",\"a|b\\nc\\\\H\\\\\"]",
         "[\"OBX\",\"1\",\"TX\",\"\",\"\",\"a\\\\F\\\\b\\\\.br\\\\c\\\\H\\\\\"]"},
        {"NTE|1||two\nlines", "[\"NTE\",\"1\",\"\",\"two\\nlines\"]", NULL},
        {"pid|1", "[\"pid\",\"1\"]", NULL},
        {"Z\"1|1", "[\"Z\\\"1\",\"1\"]", NULL},
        {"A^B\\F\\|1", "[\"A^B\\\\F\\\\\",\"1\"]", NULL},
        {"rubbish", "[\"rubbish\"]", NULL},
        {"X", "[\"X\"]", NULL},
        {"|1", "[\"\",\"1\"]", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        is_segment(cases[i].segment, cases[i].want, false);
        is_segment(cases[i].segment, cases[i].positional ? cases[i].positional : cases[i].want, true);
    }
}

static void headers(void)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"MSH|^~\\&#|A||||||B|C\rPID|1\r",
         "[[\"MSH\",\"|\",\"^~\\\\&#\",\"A\",\"\",\"\",\"\",\"\",\"\",\"B\",\"C\"],[\"PID\",\"1\"]]}\n"},
        {"MSH@~&#\\@A@@@@@@B@C\rPID@a~b&c#d\r", "[[\"MSH\",\"@\",\"~&#\\\\\",\"A\",\"\",\"\",\"\",\"\",\"\",\"B\","
                                                "\"C\"],[\"PID\",[[[\"a\"],[\"b\"]],[[\"c#d\"]]]]]}\n"},
        {"MSH\"^~\\&\"A\"\"\"\"\"\"B\"C\rPID\"1^2\r",
         "[[\"MSH\",\"\\\"\",\"^~\\\\&\",\"A\",\"\",\"\",\"\",\"\",\"\",\"B\",\"C\"],[\"PID\",[\"1\",\"2\"]]]}\n"},
        {"MSH||A||||||B|C\r", "[[\"MSH\",\"|\",\"\",\"A\",\"\",\"\",\"\",\"\",\"\",\"B\",\"C\"]]}\n"},
        {"PID|1|A^B\r", "[[\"PID\",\"1\",[\"A\",\"B\"]]]}\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct hl7_view_config config = {.format = VIEW_MESSAGE};
        struct bytes out = {0};
        render(&config, NULL, cases[i].text, strlen(cases[i].text), 0, &out);
        bytes_append(&out, "", 1);
        const char *records = strstr((const char *)out.data, "\"records\":");
        is_str(records ? records + strlen("\"records\":") : NULL, cases[i].want, "%.8s", cases[i].text);
        bytes_free(&out);
    }
}

/* ---- other forms ---- */

static void others(void)
{
    RENDERED("text has a segment a line", HOW(.format = VIEW_TEXT), NULL, MSH("") "NTE|1||two\nlines\rPID|\xFC\r",
             "MSH|^~\\&|LAB|MAIN|||20240301||ORU^R01|M1|P|2.5.1\nNTE|1||two\\.br\\lines\nPID|\xC3\xBC\n\n");
    RENDERED("raw is the message's own bytes", HOW(.format = VIEW_RAW), NULL, MSH("") "PID|\xFC\n",
             MSH("") "PID|\xFC\r");
    RENDERED("a message without results has no result", HOW(.format = VIEW_RESULT), NULL, MSH("") "PID|1\r", "");
    RENDERED(
        "a result in a table", HOW(.format = VIEW_TSV), NULL, MSH("") "OBX|1|SN|GLU^Glucose^L||>^90\rNTE|1||a~b\n\r",
        "hl7\t\t\t\tLAB\t\t\t\t\t\t\t\tGLU\tGLU^Glucose^L\tGlucose\tL\t\t>^90\ttext\t[\">\",\"90\"]\t\t\t\t\t\t\t\t"
        "a\\nb\\n\tfalse\n");
}

static void wire_lines(void)
{
    static const struct {
        struct hl7_wire wire;
        struct envelope envelope;
        const char *want;
    } cases[] = {
        {{.event = "block", .offset = 7, .len = 120},
         {.source = "f.hl7"},
         "{\"type\":\"frame\",\"protocol\":\"hl7\",\"event\":\"block\",\"source\":\"f.hl7\",\"offset\":7,\"length\":"
         "120}\n"},
        {{.event = "ACK", .sent = true},
         {.link = "xn", .peer = "p", .received = "T"},
         "{\"type\":\"frame\",\"protocol\":\"hl7\",\"event\":\"ACK\",\"link\":\"xn\",\"peer\":\"p\",\"time\":\"T\","
         "\"direction\":\"out\"}\n"},
        {{.event = "noise", .offset = 0, .len = 3},
         {.link = "xn"},
         "{\"type\":\"frame\",\"protocol\":\"hl7\",\"event\":\"noise\",\"link\":\"xn\",\"direction\":\"in\",\"offset\":"
         "0,"
         "\"length\":3}\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes out = {0};
        hl7_wire_line(&out, &cases[i].wire, &cases[i].envelope);
        is_bytes(out.data, out.len, cases[i].want, strlen(cases[i].want), "the event %s", cases[i].wire.event);
        bytes_free(&out);
    }
}

/* ---- pieces ---- */

/* A message with all that is long: fields, lists, empty fields, names, the header. */
static void build_long(struct bytes *text)
{
    bytes_puts(text, "MSH|^~\\&|A|");
    for (int i = 0; i < 90000; i++)
        bytes_puts(text, "s\\S\\");
    bytes_puts(text, "|||||ORU^R01|");
    for (int i = 0; i < 90000; i++)
        bytes_puts(text, "id\"");
    bytes_puts(text, "\rOBX|1|ED|A^B||^^^Base64^");
    for (int i = 0; i < 200000; i++)
        bytes_puts(text, "AAAA");
    bytes_puts(text, "\rOBX|2|");
    for (int i = 0; i < 50000; i++)
        bytes_puts(text, "c^");
    bytes_puts(text, "|C||");
    for (int i = 0; i < 50000; i++)
        bytes_puts(text, "r~x&\"\"^");
    bytes_puts(text, "\rPID");
    for (int i = 0; i < 300000; i++)
        bytes_puts(text, "|");
    bytes_puts(text, "last|||\r");
    for (int i = 0; i < 100000; i++)
        bytes_puts(text, "Z");
    bytes_puts(text, "|1\rZZZ\r");
    for (int i = 0; i < 20000; i++)
        bytes_puts(text, "OBX|1|NM|GLU||5.4\r");
}

static void pieces(void)
{
    struct get_paths get;
    struct bytes text = {0};
    get_parse(&get, &hl7_get_names, "MSH-9,OBX-1,OBX-4");
    build_long(&text);
    for (int format = VIEW_MESSAGE; format <= VIEW_RAW + 1; format++)
        for (int positional = 0; positional < 2; positional++) {
            if (format == VIEW_FRAME)
                continue;
            const struct hl7_view_config config = {.format = (enum view_format)(format % (VIEW_RAW + 1)),
                                                   .positional = positional,
                                                   .get = format > VIEW_RAW ? &get : NULL};
            struct bytes alone = {0}, behind = {0};
            bool small = render(&config, NULL, text.data, text.len, 0, &alone);
            render(&config, NULL, text.data, text.len, 999, &behind);
            ok(small, "format %d%s comes in small pieces", format, positional ? ", positional" : "");
            ok(alone.len == behind.len && memcmp(alone.data, behind.data, alone.len) == 0,
               "and the same behind other text");
            if (format == VIEW_MESSAGE || format == VIEW_RECORD)
                ok(alone.len > 2000000, "all of it: %zu bytes", alone.len);
            bytes_free(&alone);
            bytes_free(&behind);
        }
    bytes_free(&text);
}

/* Empty fields, as many as they may be, before something. */
static void empties(void)
{
    for (int n = 0; n < 300; n += 7) {
        struct bytes segment = {0}, want = {0};
        bytes_puts(&segment, "PID|");
        bytes_puts(&want, "[\"PID\",");
        for (int i = 0; i < n; i++) {
            bytes_puts(&segment, "|");
            bytes_puts(&want, "\"\",");
        }
        bytes_append(&segment, "x", 2);
        bytes_append(&want, "\"x\"]", 5);
        is_segment((const char *)segment.data, (const char *)want.data, false);
        segment.len -= 2;
        want.len -= 5;
        bytes_append(&segment, "x^y|", 5);
        bytes_append(&want, "[\"x\",\"y\"]]", 11);
        is_segment((const char *)segment.data, (const char *)want.data, false);
        bytes_free(&segment);
        bytes_free(&want);
    }
}

int main(void)
{
    envelopes();
    envelope_parts();
    segments();
    headers();
    others();
    wire_lines();
    empties();
    pieces();
    return done();
}
