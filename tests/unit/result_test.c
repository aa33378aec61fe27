#include "astm/view.h"

#include "tap.h"

#include <stdint.h>

static const struct envelope envelope = {.id = "ID", .link = "cobas", .received = "2026-11-21"};

static void render(const char *text, enum view_format format, struct bytes *out)
{
    const struct astm_view_config config = {.format = format};
    const struct message message = {
        .text = (const unsigned char *)text, .len = strlen(text), .notes = "", .complete = true};
    struct astm_view view = {0};
    enum view_progress progress = VIEW_GOES_ON;
    if (!astm_view_begin(&view, &config, &message, &envelope))
        abort();
    while (progress == VIEW_GOES_ON)
        progress = astm_view_more(&view, out);
    astm_view_free(&view);
}

static void is_lines(const char *name, enum view_format format, const char *text, const char *want)
{
    struct bytes out = {0};
    render(text, format, &out);
    is_bytes(out.data, out.len, want, strlen(want), "%s", name);
    bytes_free(&out);
}

#define BEGIN "{\"type\":\"result\",\"protocol\":\"astm\",\"message_id\":\"ID\",\"link\":\"cobas\","
#define RECEIVED "\"received\":\"2026-11-21\""

/* The whole of a result. */
static void whole(void)
{
    static const char text[] =
        "H|\\^&|||cobas-e411^1\r"
        "P|1|PRACTICE|LAB^x|THIRD|DOE^JANE^^^\r"
        "O|1|S-1^0|INSTR||R||||||N\r"
        "R|1|^^^GLU^extra|5.4|mmol/L|3.9^6.1|N\\H||F||done^verified|20240301101000|20240301101112|e411^2\r"
        "C|1|I|first &F& comment\r"
        "C|2|I|second\r"
        "L|1|N\r";
    is_lines(
        "a result as JSON", VIEW_RESULT, text,
        BEGIN
        "\"instrument\":\"e411\"," RECEIVED ",\"patient_id\":\"LAB\",\"patient_name\":\"DOE^JANE\","
        "\"specimen_id\":\"S-1\",\"test\":\"GLU\",\"test_id\":[\"\",\"\",\"\",\"GLU\",\"extra\"],\"value\":\"5.4\","
        "\"value_type\":\"number\",\"units\":\"mmol/L\",\"reference_range\":\"3.9^6.1\",\"flags\":[\"N\",\"H\"],"
        "\"status\":\"F\",\"observed\":\"2024-03-01T10:11:12\",\"operator\":\"done\","
        "\"comments\":[\"first | comment\",\"second\"],\"qc\":false}\n");
    is_lines("and in a table", VIEW_TSV, text,
             "astm\tID\tcobas\t\te411\t2026-11-21\tLAB\tDOE^JANE\tS-1\t\t\t\tGLU\t^^^GLU^extra\t\t\t\t5.4\tnumber\t\t"
             "mmol/L\t3.9^6.1\tN,H\tF\t2024-03-01T10:11:12\t\tdone\tfirst | comment\\nsecond\tfalse\n");
    is_lines("a result of nothing", VIEW_RESULT, "R\r", BEGIN RECEIVED ",\"qc\":false}\n");
    is_lines("and in a table", VIEW_TSV, "R\r",
             "astm\tID\tcobas\t\t\t2026-11-21\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\tfalse\n");
    is_lines("no result", VIEW_RESULT, "H|\\^&\rP|1\rO|1\rC|1\rRX|1\rL|1\r", "");
}

static void columns(void)
{
    struct bytes header = {0}, line = {0};
    const char *want =
        "protocol\tmessage_id\tlink\tsource\tinstrument\treceived\tpatient_id\tpatient_name\tspecimen_id\t"
        "placer_id\tfiller_id\torder_id\ttest\ttest_id\ttest_name\ttest_system\tsub_id\tvalue\tvalue_type\t"
        "value_parts\tunits\treference_range\tflags\tstatus\tobserved\tobserved_raw\toperator\tcomments\tqc\n";
    int tabs = 0;
    ok(result_tsv_header(&header), "there is a line of column names");
    is_bytes(header.data, header.len, want, strlen(want), "the columns");
    render("R|1|a\tb^\\|x\r", VIEW_TSV, &line);
    for (size_t i = 0; i < line.len; i++)
        tabs += line.data[i] == '\t';
    is_int(tabs, RESULT_KEYS - 1, "each line has as many");
    bytes_free(&header);
    bytes_free(&line);
}

/* One key of the only result; NULL where it is not there. */
static void has(const char *name, const char *text, const char *key, const char *want)
{
    struct bytes out = {0};
    char member[64];
    render(text, VIEW_RESULT, &out);
    bytes_append(&out, "", 1);
    snprintf(member, sizeof member, ",\"%s\":", key);
    char *at = strstr((char *)out.data, member);
    char *value = at ? at + strlen(member) : NULL;
    if (value && want && strncmp(value, want, strlen(want)) == 0 && strchr(",}", value[strlen(want)]))
        value[strlen(want)] = 0;
    is_str(value, want, "%s", name);
    bytes_free(&out);
}

static void patients(void)
{
    has("the patient is P.4", "P|1|three|four|five\rR|1\r", "patient_id", "\"four\"");
    has("else P.3", "P|1|three||five\rR|1\r", "patient_id", "\"three\"");
    has("else P.5", "P|1|||five^x\\y\rR|1\r", "patient_id", "\"five\"");
    has("else nobody", "P|1\rR|1\r", "patient_id", NULL);
    has("an id whose first component is empty is none", "P|1|three|^x\rR|1\r", "patient_id", "\"three\"");
    has("a new patient has another id", "P|1||A\rP|2\rR|1\r", "patient_id", NULL);
    has("and other specimens", "P|1\rO|1|S\rP|2\rR|1\r", "specimen_id", NULL);
    has("a name is joined by ^, whatever the delimiter", "H!@#$\rP!1!!!!DOE#JANE##X##\rR!1\r", "patient_name",
        "\"DOE^JANE^^X\"");
    has("the first name counts", "P|1||||DOE^J\\ROE^R\rR|1\r", "patient_name", "\"DOE^J\"");
    has("a name of delimiters is none", "P|1||||^^^\rR|1\r", "patient_name", NULL);
    has("escapes in a name", "P|1||||O&E&Neil^&F&\rR|1\r", "patient_name", "\"O&Neil^|\"");
}

static void orders(void)
{
    has("the specimen is O.3", "O|1|S1^x|S2\rR|1\r", "specimen_id", "\"S1\"");
    has("else O.4", "O|1||S2^x\rR|1\r", "specimen_id", "\"S2\"");
    has("else none", "O|1\rR|1\r", "specimen_id", NULL);
    has("the order before it counts", "O|1|A\rR|9\rO|2|B\rR|1\r", "specimen_id", "\"A\"");
    has("other results are no quality control", "O|1||||||||||N\rR|1\r", "qc", "false");
    has("Q in O.12 is", "O|1|S|||||||||Q\rR|1\r", "qc", "true");
    has("Q in H.12 is", "H|\\^&||||||||||Q\rR|1\r", "qc", "true");
    has("for this order only", "O|1||||||||||Q\rO|2\rR|1\r", "qc", "false");
    has("for this patient only", "O|1|S|||||||||Q\rP|1\rR|1\r", "qc", "false");
    has("there is no order id", "O|1|S1|S2\rR|1\r", "order_id", NULL);
}

static void tests(void)
{
    has("the test is R.3.4", "R|1|a^b^c^d^e\r", "test", "\"d\"");
    has("else the last component that is there", "R|1|a^b^^\r", "test", "\"b\"");
    has("whatever comes behind", "R|1|^^^^Xpert\r", "test", "\"Xpert\"");
    has("a plain one", "R|1|GLU\r", "test", "\"GLU\"");
    has("none", "R|1||5\r", "test", NULL);
    has("nor one of delimiters only", "R|1|^^^|5\r", "test", NULL);
    has("its name", "R|1|a^b^c\r", "test_name", "\"b\"");
    has("its system", "R|1|a^b^c\r", "test_system", "\"c\"");
    has("all of it", "R|1|a^b^^\r", "test_id", "[\"a\",\"b\",\"\",\"\"]");
    has("a plain one is a list as well", "R|1|GLU\r", "test_id", "[\"GLU\"]");
    has("none is no list", "R|1||5\r", "test_id", NULL);
    has("one of delimiters is", "R|1|^\r", "test_id", "[\"\",\"\"]");
    has("the first repeat counts", "R|1|^^^A\\^^^B\r", "test_id", "[\"\",\"\",\"\",\"A\"]");
    has("and is the test", "R|1|^^^A\\^^^B\r", "test", "\"A\"");
    has("escapes in it", "R|1|^^^A&S&\r", "test_id", "[\"\",\"\",\"\",\"A^\"]");
}

static void values(void)
{
    static const struct {
        const char *value, *type;
    } cases[] = {
        {"5.4", "number"},    {"-5.4", "number"}, {"+5", "number"},      {".5", "number"},   {"5.", "number"},
        {"0", "number"},      {"1e5", "number"},  {"1.5E-12", "number"}, {"1E+2", "number"}, {"<5.4", "text"},
        {">5", "text"},       {"5,4", "text"},    {"1e", "text"},        {"e5", "text"},     {".", "text"},
        {"-", "text"},        {"+-1", "text"},    {"1 2", "text"},       {"0x10", "text"},   {"NaN", "text"},
        {"positive", "text"}, {" 5", "text"},     {"5 ", "text"},        {"1.2.3", "text"},  {"--5", "text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char *exact = exact_copy(cases[i].value, strlen(cases[i].value));
        is_str(result_value_type(exact, strlen(cases[i].value)), cases[i].type, "'%s'", cases[i].value);
        free(exact);
    }
    has("a value stays as it was sent", "R|1||005.40\r", "value", "\"005.40\"");
    has("its type", "R|1||005.40\r", "value_type", "\"number\"");
    has("no value has no type", "R|1||\r", "value_type", NULL);
    has("a plain value has no parts", "R|1||5.4\r", "value_parts", NULL);
    has("nor has one with an escaped delimiter", "R|1||a&S&b\r", "value_parts", NULL);
    has("which is its text", "R|1||a&S&b\r", "value", "\"a^b\"");
    has("a value with components", "R|1||POS^1.2&F&\r", "value", "\"POS^1.2|\"");
    has("has parts", "R|1||POS^1.2&F&\r", "value_parts", "[\"POS\",\"1.2|\"]");
    has("and is text", "R|1||1^2\r", "value_type", "\"text\"");
    has("a value with repeats", "R|1||a^b\\c\r", "value_parts", "[[\"a\",\"b\"],[\"c\"]]");
    has("a value of delimiters only", "R|1||^\r", "value_parts", "[\"\",\"\"]");
    is_lines("parts in a table", VIEW_TSV, "R|1||a\"\\b^\r",
             "astm\tID\tcobas\t\t\t2026-11-21\t\t\t\t\t\t\t\t\t\t\t\ta\"\\\\b^\ttext\t[[\"a\\\\\"\"],[\"b\",\"\"]]"
             "\t\t\t\t\t\t\t\t\t"
             "false\n");
}

static void others(void)
{
    has("the instrument is R.14", "H|\\^&|||sender\rR|1||||||||||||i^x\r", "instrument", "\"i\"");
    has("else the first component of H.5 that is there", "H|\\^&|||^name^1\rR|1\r", "instrument", "\"name\"");
    has("else none", "H|\\^&|||^\rR|1\r", "instrument", NULL);
    has("flags", "R|1|||||H\\A\r", "flags", "[\"H\",\"A\"]");
    has("empty flags are none", "R|1|||||\\\r", "flags", NULL);
    has("an empty one between others is left out", "R|1|||||H\\\\A\r", "flags", "[\"H\",\"A\"]");
    has("a flag's components stay together", "R|1|||||H^x\\A\r", "flags", "[\"H^x\",\"A\"]");
    has("the operator who performed it", "R|1|||||||||p^v\r", "operator", "\"p\"");
    has("else the one who verified it", "R|1|||||||||^v\r", "operator", "\"v\"");
    has("completed", "R|1||||||||||20240301|20240302\r", "observed", "\"2024-03-02\"");
    has("else started", "R|1||||||||||20240301\r", "observed", "\"2024-03-01\"");
    has("a time that cannot be read is not there", "R|1|||||||||||2024-31-01x\r", "observed", NULL);
    has("but as it was sent", "R|1|||||||||||2024-31&F&\r", "observed_raw", "\"2024-31|\"");
    has("a time that can is not there as it was sent", "R|1|||||||||||20240302\r", "observed_raw", NULL);
    has("comments follow directly", "R|1\rC|1|I|a\rL|1\rC|2|I|b\r", "comments", "[\"a\"]");
    has("and not after other records", "R|1\rM|1\rC|1|I|a\r", "comments", NULL);
    has("a comment without text is none", "R|1\rC|1|I\rC|2|I|b\r", "comments", "[\"b\"]");
    has("a comment with components", "R|1\rC|1|I|a^b\r", "comments", "[\"a^b\"]");
}

/* Tab, newline, carriage return and backslash in a cell. */
static void cells(void)
{
    struct bytes out = {0};
    ok(tsv_cell(&out, "a\tb\nc\rd\\e\"\xC3\xA9", 12) && tsv_cell(&out, NULL, 0), "cells");
    is_bytes(out.data, out.len, "a\\tb\\nc\\rd\\\\e\"\xC3\xA9", 16, "are escaped as COPY has it");
    bytes_free(&out);
    is_lines("in a result too", VIEW_TSV, "P|1||a&X09&b&.br&&X0D&&R&\rR|1\r",
             "astm\tID\tcobas\t\t\t2026-11-21\ta\\tb\\n\\r\\\\\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\tfalse\n");
}

/* A result of n records' worth of text comes in pieces, and they are the same as one. */
static void pieces(enum view_format format)
{
    struct bytes text = {0}, whole = {0}, pieces = {0}, piece = {0};
    bytes_puts(&text, "P|1||");
    for (int i = 0; i < 100000; i++)
        bytes_puts(&text, "0123456789");
    bytes_puts(&text, "\rR|1||");
    for (int i = 0; i < 1000000; i++)
        bytes_puts(&text, i % 1000 ? "\"^" : "\\");
    for (int i = 0; i < 100000; i++)
        bytes_printf(&text, "\rC|%d|I|comment\t%d\x01", i, i);
    bytes_puts(&text, "\rR|2||b\r");
    bytes_append(&text, "", 1);
    render((const char *)text.data, format, &whole);
    const struct astm_view_config config = {.format = format};
    const struct message message = {.text = text.data, .len = text.len - 1, .notes = "", .complete = true};
    struct astm_view view = {0};
    bool small = astm_view_begin(&view, &config, &message, &envelope);
    for (enum view_progress progress = VIEW_GOES_ON; progress == VIEW_GOES_ON;) {
        piece.len = 0;
        progress = astm_view_more(&view, &piece);
        small = small && piece.len <= 3 * VIEW_PIECE && progress != VIEW_NO_MEMORY;
        bytes_append(&pieces, piece.data, piece.len);
    }
    ok(small, "a huge result comes in small pieces");
    ok(pieces.len > 4000000 && pieces.data[pieces.len - 1] == '\n', "all of it");
    ok(pieces.len == whole.len && memcmp(pieces.data, whole.data, whole.len) == 0, "and the same as in one go");
    astm_view_free(&view);
    bytes_free(&piece);
    bytes_free(&text);
    bytes_free(&whole);
    bytes_free(&pieces);
}

int main(void)
{
    whole();
    columns();
    patients();
    orders();
    tests();
    values();
    others();
    cells();
    pieces(VIEW_RESULT);
    pieces(VIEW_TSV);
    return done();
}
