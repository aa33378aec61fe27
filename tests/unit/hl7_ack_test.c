#include "hl7/ack.h"

#include "tap.h"

static struct hl7_header header(const char *text)
{
    struct hl7_header h;
    hl7_header_read(&h, (const unsigned char *)text, strlen(text));
    return h;
}

/* A header with these conditions in MSH-15 and MSH-16; good until the next call. */
static struct hl7_header asking(const char *accept, const char *application)
{
    static char text[200];
    snprintf(text, sizeof text, "MSH|^~\\&|A||B||||ORU^R01|1|P|2.3|||%s|%s\rPID|1\r", accept, application);
    return header(text);
}

static const char *const modes[] = {"auto", "original", "enhanced", "none"};

static void names(void)
{
    for (size_t i = 0; i < 4; i++) {
        enum hl7_ack_mode mode;
        ok(hl7_ack_parse(modes[i], &mode) && mode == (enum hl7_ack_mode)i, "%s is a mode", modes[i]);
    }
    enum hl7_ack_mode mode = HL7_ACK_NONE;
    ok(!hl7_ack_parse("AUTO", &mode) && !hl7_ack_parse("", &mode) && mode == HL7_ACK_NONE, "others are not");
    is_int(hl7_code_of((struct hl7_slice){(const unsigned char *)"CE", 2}), HL7_CODE_CE, "CE is a code");
    is_int(hl7_code_of((struct hl7_slice){(const unsigned char *)"ce", 2}), HL7_CODE_NONE, "ce is none");
    is_int(hl7_code_of((struct hl7_slice){(const unsigned char *)"", 0}), HL7_CODE_NONE, "nor is nothing");
}

/* What goes out, in order. */
static const char *due_text(struct hl7_due due)
{
    static char text[16];
    snprintf(text, sizeof text, "%s%s%s", hl7_code_name(due.accept), due.accept && due.application ? " " : "",
             hl7_code_name(due.application));
    return text;
}

static void which_are_due(void)
{
    static const struct {
        enum hl7_ack_mode mode;
        const char *accept, *application; /* MSH-15, MSH-16 */
        const char *handed, *later, *never;
    } table[] = {
        {HL7_ACK_AUTO, "", "", "AA", "AE", "AR"},
        {HL7_ACK_AUTO, "AL", "AL", "CA AA", "CE", "CR"},
        {HL7_ACK_AUTO, "AL", "NE", "CA", "CE", "CR"},
        {HL7_ACK_AUTO, "AL", "", "CA", "CE", "CR"},
        {HL7_ACK_AUTO, "AL", "ER", "CA", "CE", "CR"},
        {HL7_ACK_AUTO, "AL", "SU", "CA AA", "CE", "CR"},
        {HL7_ACK_AUTO, "NE", "AL", "AA", "AE", "AR"},
        {HL7_ACK_AUTO, "", "AL", "AA", "AE", "AR"},
        {HL7_ACK_AUTO, "NE", "NE", "", "", ""},
        {HL7_ACK_AUTO, "", "NE", "", "", ""},
        {HL7_ACK_AUTO, "NE", "", "", "", ""},
        {HL7_ACK_AUTO, "NE", "ER", "", "AE", "AR"},
        {HL7_ACK_AUTO, "NE", "SU", "AA", "", ""},
        {HL7_ACK_AUTO, "ER", "AL", "AA", "CE", "CR"},
        {HL7_ACK_AUTO, "ER", "NE", "", "CE", "CR"},
        {HL7_ACK_AUTO, "ER", "ER", "", "CE", "CR"},
        {HL7_ACK_AUTO, "ER", "SU", "AA", "CE", "CR"},
        {HL7_ACK_AUTO, "SU", "AL", "CA AA", "AE", "AR"},
        {HL7_ACK_AUTO, "SU", "NE", "CA", "", ""},
        {HL7_ACK_AUTO, "SU", "ER", "CA", "AE", "AR"},
        {HL7_ACK_AUTO, "SU", "SU", "CA AA", "", ""},
        {HL7_ACK_AUTO, "", "0", "AA", "AE", "AR"},
        {HL7_ACK_AUTO, "", "2", "AA", "AE", "AR"},
        {HL7_ACK_AUTO, "AL", "1", "AA", "AE", "AR"},
        {HL7_ACK_AUTO, "al", "ne", "AA", "AE", "AR"},
        {HL7_ACK_ORIGINAL, "AL", "AL", "AA", "AE", "AR"},
        {HL7_ACK_ORIGINAL, "NE", "NE", "AA", "AE", "AR"},
        {HL7_ACK_ENHANCED, "", "", "CA", "CE", "CR"},
        {HL7_ACK_ENHANCED, "", "0", "CA", "CE", "CR"},
        {HL7_ACK_ENHANCED, "", "AL", "CA AA", "CE", "CR"},
        {HL7_ACK_ENHANCED, "NE", "AL", "AA", "AE", "AR"},
        {HL7_ACK_NONE, "", "", "", "", ""},
        {HL7_ACK_NONE, "AL", "AL", "", "", ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct hl7_header h = asking(table[i].accept, table[i].application);
        const char *mode = modes[table[i].mode];
        is_str(due_text(hl7_ack_due(&h, NULL, table[i].mode, VERDICT_ACCEPT)), table[i].handed,
               "%s, MSH-15 '%s', MSH-16 '%s': handed over", mode, table[i].accept, table[i].application);
        is_str(due_text(hl7_ack_due(&h, NULL, table[i].mode, VERDICT_LATER)), table[i].later, "and not now");
        is_str(due_text(hl7_ack_due(&h, NULL, table[i].mode, VERDICT_NEVER)), table[i].never, "and never");
    }
    struct hl7_header h = asking("AL", "AL");
    is_str(due_text(hl7_ack_due(&h, NULL, HL7_ACK_AUTO, VERDICT_WAIT)), "", "before the verdict nothing is due");
}

static void answers_are_not_answered(void)
{
    static const struct {
        const char *code, *accept, *application, *due, *name;
    } table[] = {
        {"AA", "", "", "", "an application answer in original mode"},
        {"AA", "AL", "AL", "CA", "an application answer that asks for both"},
        {"AA", "", "AL", "", "an application answer that asks for an application answer"},
        {"AE", "AL", "NE", "CA", "a negative application answer that asks for CA"},
        {"AA", "ER", "NE", "", "an application answer that asks for CE"},
        {"CA", "AL", "AL", "", "an accept acknowledgement that asks for both"},
        {"CE", "AL", "AL", "", "a CE that asks for both"},
        {"CR", "AL", "AL", "", "a CR that asks for both"},
        {"", "AL", "", "CA", "an answer without a code that asks for CA"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct hl7_msa msa = {.code = {(const unsigned char *)table[i].code, strlen(table[i].code)}};
        struct hl7_header h = asking(table[i].accept, table[i].application);
        is_str(due_text(hl7_ack_due(&h, &msa, HL7_ACK_AUTO, VERDICT_ACCEPT)), table[i].due, "%s gets '%s'",
               table[i].name, table[i].due);
        is_str(due_text(hl7_ack_due(&h, &msa, HL7_ACK_ORIGINAL, VERDICT_ACCEPT)), "", "and nothing in original mode");
    }
    struct hl7_msa msa = {.code = {(const unsigned char *)"AA", 2}};
    struct hl7_header h = asking("AL", "AL");
    is_str(due_text(hl7_ack_due(&h, &msa, HL7_ACK_AUTO, VERDICT_LATER)), "CE", "an answer that is not taken gets CE");
    h = asking("", "");
    is_str(due_text(hl7_ack_due(&h, &msa, HL7_ACK_ENHANCED, VERDICT_ACCEPT)), "",
           "enhanced mode that is ours alone makes no acknowledgement of an answer");
}

static void what_we_wait_for(void)
{
    static const struct {
        const char *accept, *application;
        bool enhanced, ca, aa;
    } table[] = {
        {"", "", false, false, true},     {"AL", "AL", true, true, true},   {"AL", "NE", true, true, false},
        {"NE", "AL", true, false, true},  {"NE", "NE", true, false, false}, {"ER", "AL", true, false, true},
        {"ER", "ER", true, false, false}, {"SU", "SU", true, true, true},   {"", "0", false, false, true},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct hl7_header h = asking(table[i].accept, table[i].application);
        struct hl7_wanted w = hl7_ack_wanted(&h);
        ok(w.enhanced == table[i].enhanced && w.accept == table[i].ca && w.application == table[i].aa,
           "MSH-15 '%s', MSH-16 '%s': we wait for%s%s%s", table[i].accept, table[i].application,
           table[i].ca ? " CA" : "", table[i].aa ? " AA" : "", table[i].ca || table[i].aa ? "" : " nothing");
    }
    struct hl7_header h = header("MSH|^~\\&|||||||RSP^K11|1|P|2.5\rMSA|AA|1\r");
    struct hl7_wanted w = hl7_ack_wanted(&h);
    ok(!w.accept && !w.application, "an answer of ours is not answered");
    h = header("MSH|^~\\&|||||||RSP^K11|1|P|2.5|||AL|AL\rMSA|AA|1\r");
    w = hl7_ack_wanted(&h);
    ok(w.accept && !w.application, "but gets CA where it asks");
    h = header("MSH|^~\\&|||||||DSR^Q03|1|P|2.3.1\rMSA|AA|1\r");
    w = hl7_ack_wanted(&h);
    ok(!w.accept && w.application, "a deferred response is");
    struct hl7_msa msa = {.code = {(const unsigned char *)"AA", 2}};
    is_str(due_text(hl7_ack_due(&h, &msa, HL7_ACK_AUTO, VERDICT_ACCEPT)), "AA", "and so is theirs");
    h = header("MSH|^~\\&|||||||DSR^Q01|1|P|2.3.1\rMSA|AA|1\r");
    is_str(due_text(hl7_ack_due(&h, &msa, HL7_ACK_AUTO, VERDICT_ACCEPT)), "", "an immediate response is an answer");
}

#define HEAD "MSH|^~\\&|LAB|HOSP|LIS|MAIN|2024||"
#define OURS "MSH|^~\\&|LIS|MAIN|LAB|HOSP|20240301||"

static void what_they_look_like(void)
{
    static const struct {
        const char *name, *theirs;
        struct hl7_ack ack;
        const char *want;
    } table[] = {
        {"an AA swaps sender and receiver and echoes version and processing id",
         HEAD "ORU^R01|M1|P|2.3.1\rPID|1\r",
         {.code = HL7_CODE_AA},
         OURS "ACK^R01|N1|P|2.3.1\rMSA|AA|M1\r"},
        {"MSH-9 of one component is answered with one",
         HEAD "ORU|M1|P|2.3\r",
         {.code = HL7_CODE_AA},
         OURS "ACK|N1|P|2.3\rMSA|AA|M1\r"},
        {"MSH-9 of three components is answered with three",
         HEAD "ORU^R01^ORU_R01|M1|P|2.5\r",
         {.code = HL7_CODE_CA},
         OURS "ACK^R01^ACK|N1|P|2.5\rMSA|CA|M1\r"},
        {"MSH-9 without a trigger keeps its place",
         HEAD "ORU^^ORU_R01|M1|P|2.5\r",
         {.code = HL7_CODE_AA},
         OURS "ACK^^ACK|N1|P|2.5\rMSA|AA|M1\r"},
        {"an empty MSH-9 is answered with ACK",
         HEAD "|M1|P|2.5\r",
         {.code = HL7_CODE_AA},
         OURS "ACK|N1|P|2.5\rMSA|AA|M1\r"},
        {"MSH-18 is echoed",
         HEAD "ORU|M1|P|2.3||||||8859/1~ISO IR87\r",
         {.code = HL7_CODE_AA},
         OURS "ACK|N1|P|2.3||||||8859/1~ISO IR87\rMSA|AA|M1\r"},
        {"or set by the caller",
         HEAD "ORU|M1|P|2.3||||||UNICODE UTF-16\r",
         {.code = HL7_CODE_AA, .charset = "UNICODE UTF-8"},
         OURS "ACK|N1|P|2.3||||||UNICODE UTF-8\rMSA|AA|M1\r"},
        {"MSA-2 is MSH-10 byte for byte",
         HEAD "ORU|A^B~C\\T\\D&E \xFC|P|2.3\r",
         {.code = HL7_CODE_AA},
         OURS "ACK|N1|P|2.3\rMSA|AA|A^B~C\\T\\D&E \xFC\r"},
        {"an empty control id stays empty", HEAD "ORU||P|2.3\r", {.code = HL7_CODE_AA}, OURS "ACK|N1|P|2.3\rMSA|AA|\r"},
        {"names of theirs are echoed as they came",
         "MSH|^~\\&|L\xC4^1^x|H\\F\\|||||ORU|M1|P^T|2.5.1^USA\r",
         {.code = HL7_CODE_AA},
         "MSH|^~\\&|||L\xC4^1^x|H\\F\\|20240301||ACK|N1|P^T|2.5.1^USA\rMSA|AA|M1\r"},
        {"their separators are used",
         "MSH@~&#\\@LAB@HOSP@@@@@ORU~R01@M1@P@2.5\r",
         {.code = HL7_CODE_AE, .error = HL7_ERROR_INTERNAL, .reason = "a~b@c&d#e\\f|^"},
         "MSH@~&#\\@@@LAB@HOSP@20240301@@ACK~R01@N1@P@2.5\rMSA@AE@M1\r"
         "ERR@@@207~a#S#b#F#c#R#d#E#e#T#f|^~HL70357@E\r"},
        {"the truncation character is echoed",
         "MSH|^~\\&#|A|||||||M1|P|2.7\r",
         {.code = HL7_CODE_AA},
         "MSH|^~\\&#|||A||20240301||ACK|N1|P|2.7\rMSA|AA|M1\r"},
        {"impossible separators are answered with possible ones",
         "MSH|^~|A|B|||||ORU^R01|M1|P|2.3\r",
         {.code = HL7_CODE_AA},
         "MSH|^~\\&|||A|B|20240301||ACK^R01|N1|P|2.3\rMSA|AA|M1\r"},
        {"also where the usual one separates fields",
         "MSH^^A^B^^^^^ORU^M1^P^2.5\r",
         {.code = HL7_CODE_AR, .error = HL7_ERROR_MISSING, .reason = "x"},
         "MSH^@~\\&^^^A^B^20240301^^ACK^N1^P^2.5\rMSA^AR^M1\rERR^^^101@x@HL70357^E\r"},
        {"before version 2.5 the reason stands in MSA-3",
         HEAD "ORU|M1|P|2.4\r",
         {.code = HL7_CODE_AE, .error = HL7_ERROR_INTERNAL, .reason = "disk full"},
         OURS "ACK|N1|P|2.4\rMSA|AE|M1|disk full\r"},
        {"from version 2.5 on in ERR",
         HEAD "ORU|M1|P|2.5\r",
         {.code = HL7_CODE_AR, .error = HL7_ERROR_INTERNAL, .reason = "not for us"},
         OURS "ACK|N1|P|2.5\rMSA|AR|M1\rERR|||207^not for us^HL70357|E\r"},
        {"also for accept acknowledgements, in 2.5.1",
         HEAD "ORU|M1|P|2.5.1\r",
         {.code = HL7_CODE_CE, .error = HL7_ERROR_INTERNAL},
         OURS "ACK|N1|P|2.5.1\rMSA|CE|M1\rERR|||207^Application internal error^HL70357|E\r"},
        {"and in 2.8.2 of the USA",
         HEAD "ORU|M1|P|2.8.2^USA\r",
         {.code = HL7_CODE_CR, .error = HL7_ERROR_SEQUENCE},
         OURS "ACK|N1|P|2.8.2^USA\rMSA|CR|M1\rERR|||100^Segment sequence error^HL70357|E\r"},
        {"a message without version gets its reason in MSA-3",
         HEAD "ORU|M1|P\r",
         {.code = HL7_CODE_AE, .error = HL7_ERROR_INTERNAL},
         OURS "ACK|N1|P|\rMSA|AE|M1|Application internal error\r"},
        {"a reason cannot break the segment, nor the character set",
         HEAD "ORU|M1|P|2.3\r",
         {.code = HL7_CODE_AE, .error = HL7_ERROR_INTERNAL, .reason = "a|b\rc\nd\x0B\x1C\xC3\xA4\xE2\x82\xAC!\x7F"},
         OURS "ACK|N1|P|2.3\rMSA|AE|M1|a\\F\\b c d  ?\?! \r"},
        {"an acceptance has no reason",
         HEAD "ORU|M1|P|2.5\r",
         {.code = HL7_CODE_AA, .reason = "x"},
         OURS "ACK|N1|P|2.5\rMSA|AA|M1\r"},
        {"of an unreadable MSH nothing is used",
         "MSH@~&#\\@LAB@HOSP",
         {.code = HL7_CODE_AR, .error = HL7_ERROR_MISSING, .reason = "cut"},
         "MSH|^~\\&|||||20240301||ACK|N1|P|2.5\rMSA|AR|\rERR|||101^cut^HL70357|E\r"},
        {"nor of what is no message",
         "GET / HTTP/1.1",
         {.code = HL7_CODE_AR, .error = HL7_ERROR_SEQUENCE, .reason = "it does not begin with MSH"},
         "MSH|^~\\&|||||20240301||ACK|N1|P|2.5\rMSA|AR|\rERR|||100^it does not begin with MSH^HL70357|E\r"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct hl7_header h = header(table[i].theirs);
        struct hl7_ack ack = table[i].ack;
        struct bytes out = {0};
        ack.time = "20240301";
        ack.id = "N1";
        bytes_puts(&out, "before");
        ok(hl7_ack_build(&out, &h, &ack), "%s: it is built", table[i].name);
        is_bytes(out.data + 6, out.len - 6, table[i].want, strlen(table[i].want), "%s", table[i].name);
        bytes_free(&out);
    }
}

static void long_texts(void)
{
    struct bytes text = {0}, out = {0};
    struct hl7_header h;
    char reason[1000];
    bytes_puts(&text, HEAD "ORU|");
    for (size_t i = 0; i < 1000; i++)
        bytes_puts(&text, "0123456789");
    bytes_puts(&text, "|P|2.3\r");
    hl7_header_read(&h, text.data, text.len);
    memset(reason, '|', sizeof reason);
    reason[sizeof reason - 1] = '\0';
    struct hl7_ack ack = {.code = HL7_CODE_AE, .reason = reason, .time = "", .id = ""};
    ok(hl7_ack_build(&out, &h, &ack), "a control id of 10 kB is answered");
    struct hl7_header ours;
    struct hl7_msa msa = {0};
    hl7_header_read(&ours, out.data, out.len);
    ok(hl7_header_msa(&ours, &msa) && hl7_slice_same(msa.control_id, h.msh[HL7_CONTROL_ID]), "with all of it");
    is_int(msa.text.n, 600, "a reason is cut at 200 characters, each of them whole");
    bytes_free(&text);
    bytes_free(&out);
}

static void reasons(void)
{
    static const struct {
        const char *segments, *want;
        size_t size;
    } table[] = {
        {"MSA|AA|1\r", "", 200},
        {"MSA|AR|1|never\r", "MSA-3 never", 200},
        {"MSA|AE|1\rERR|||207^error^HL70357|E||||the disk\r", "ERR-3 207^error^HL70357; ERR-8 the disk", 200},
        {"MSA|AE|1|no\rERR|\rERRX||1\rERR|||100\rERR||||||||b\\S\\\r", "MSA-3 no; ERR-3 100; ERR-8 b\\S\\", 200},
        {"MSA|AE|1|a\x1B[1mb\x7F\xC2\x9B"
         "c\xFF\xC3\xA9\n\r",
         "MSA-3 a?[1mb??c?\xC3\xA9?", 200},
        {"MSA|AE|1|12\xC3\xA9z\r", "MSA-3 12", 10},
        {"MSA|AE|1|12\xC3\xA9z\r", "MSA-3 12\xC3\xA9", 11},
        {"MSA|AE|1|12\rERR|||3\r", "MSA-3 12;", 10},
        {"MSA|AE|1|12\r", "", 1},
        {"ERR|||101\r", "ERR-3 101", 200},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct bytes text = {0};
        bytes_puts(&text, "MSH|^~\\&|||||||ACK|9\r");
        bytes_puts(&text, table[i].segments);
        char *out = malloc(table[i].size);
        is_str(hl7_ack_reason(text.data, text.len, out, table[i].size), table[i].want, "what an answer says: %zu", i);
        free(out);
        bytes_free(&text);
    }
    static const char other[] = "MSH!^~\\&!!!!!!!ACK!9\rMSA!AR!1!x\rERR!!!2\r";
    char out[20];
    is_str(hl7_ack_reason((const unsigned char *)other, strlen(other), out, sizeof out), "MSA-3 x; ERR-3 2",
           "with other separators");
    is_str(hl7_ack_reason((const unsigned char *)"", 0, out, sizeof out), "", "nothing says nothing");
}

int main(void)
{
    reasons();
    names();
    which_are_due();
    answers_are_not_answered();
    what_we_wait_for();
    what_they_look_like();
    long_texts();
    return done();
}
