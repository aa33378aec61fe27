#include "hl7/header.h"

#include "tap.h"

#define MSH "MSH|^~\\&|LAB|HOSP|LIS|MAIN|20240301101112||ORU^R01^ORU_R01|MSG1|P|2.5.1|||AL|NE||8859/1"

static void slice_is(struct hl7_slice slice, const char *want, const char *name)
{
    is_bytes(slice.p, slice.n, want, strlen(want), "%s", name);
}

/* Reads an exact copy, so that nothing is read behind it; the fields point into the original. */
static struct hl7_header header(const char *text)
{
    struct hl7_header h, copied;
    size_t n = strlen(text);
    unsigned char *copy = exact_copy(text, n);
    hl7_header_read(&copied, copy, n);
    free(copy);
    hl7_header_read(&h, (const unsigned char *)text, n);
    return h;
}

static void separators(void)
{
    static const struct {
        const char *text, *want; /* field, component, repetition, escape, subcomponent, truncation; blank: none */
        bool odd;
        const char *name;
    } table[] = {
        {"MSH|^~\\&|A", "|^~\\& ", false, "the usual separators are read"},
        {"MSH|^~\\&#|A", "|^~\\&#", false, "the truncation character of 2.7 is read"},
        {"MSH@~&#\\@A", "@~&#\\ ", false, "any characters may be separators"},
        {"MSH\t^~\\&\tA", "\t^~\\& ", false, "a tab may separate fields"},
        {"MSH|^~\\&", "|^~\\& ", false, "MSH may end behind MSH-2"},
        {"MSH|^~\\&\rPID", "|^~\\& ", false, "MSH-2 ends where the segment does"},
        {"MSH|^~|A", "|^~\\& ", true, "too short an MSH-2 is filled up"},
        {"MSH|@|A", "|@~\\& ", true, "a lone component separator counts"},
        {"MSH|~|A", "|~ \\& ", true, "what it takes is not used twice"},
        {"MSH||A", "|^~\\& ", true, "an empty MSH-2 is the usual one"},
        {"MSH|^^\\&|A", "|^~\\& ", true, "a character twice makes MSH-2 the usual one"},
        {"MSH|^~\\A|A", "|^~\\& ", true, "a letter makes MSH-2 the usual one"},
        {"MSH|^~ &|A", "|^~\\& ", true, "a blank makes MSH-2 the usual one"},
        {"MSH|^~\\&^|A", "|^~\\& ", true, "a truncation character that is taken is none"},
        {"MSH|^~\\&#*|A", "|^~\\& ", true, "of too long an MSH-2 the first four count"},
        {"MSH^^A", "^ ~\\& ", true, "the usual character is not used where it separates fields"},
        {"PID|1", "|^~\\& ", false, "without MSH they are the usual ones"},
        {"MSHA1", "|^~\\& ", false, "likewise where no field separator follows MSH"},
        {"FHS!@#$%!A", "!@#$% ", false, "FHS declares them too"},
        {"BHS!@#$%!A", "!@#$% ", false, "and BHS"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t n = strlen(table[i].text);
        unsigned char *text = exact_copy(table[i].text, n);
        struct hl7_separators s = hl7_separators_of(text, n);
        unsigned char got[] = {s.field, s.component, s.repetition, s.escape, s.subcomponent, s.truncation};
        for (size_t k = 0; k < sizeof got; k++)
            got[k] = got[k] ? got[k] : ' ';
        is_bytes(got, 6, table[i].want, 6, "%s", table[i].name);
        is_int(s.odd, table[i].odd, "and is %s", table[i].odd ? "odd" : "not odd");
        free(text);
    }
}

static void which_can_be_separators(void)
{
    size_t wrong = 0;
    for (unsigned c = 0; c < 256; c++) {
        bool never = c > 0x7E || c == ' ' || memchr("\0\n\v\f\r\x1C", (int)c, 6) || (c >= '0' && c <= '9') ||
                     (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        wrong += hl7_separator((unsigned char)c) == never;
    }
    is_int(wrong, 0, "letters, digits, blanks, what ends something, and all beyond ASCII cannot be separators");
}

static void fields_are_numbered_as_the_standard_does(void)
{
    struct hl7_separators s = hl7_separators_of((const unsigned char *)MSH, strlen(MSH));
    struct hl7_slice msh = {(const unsigned char *)MSH, strlen(MSH)}, pid = {(const unsigned char *)"PID|1||X^Y|", 11};
    slice_is(hl7_field(msh, &s, 0), "MSH", "field 0 is the name");
    slice_is(hl7_field(msh, &s, 1), "|", "MSH-1 is the field separator");
    slice_is(hl7_field(msh, &s, 2), "^~\\&", "MSH-2 the encoding characters");
    slice_is(hl7_field(msh, &s, 3), "LAB", "MSH-3 is MSH-3");
    slice_is(hl7_field(msh, &s, 18), "8859/1", "MSH-18 is MSH-18");
    slice_is(hl7_field(msh, &s, 99), "", "what is not there is empty");
    slice_is(hl7_field(pid, &s, 0), "PID", "so it is in other segments");
    slice_is(hl7_field(pid, &s, 1), "1", "PID-1 is PID-1");
    slice_is(hl7_field(pid, &s, 3), "X^Y", "PID-3 is PID-3");
    slice_is(hl7_field(pid, &s, 4), "", "PID-4 is empty");
    slice_is(hl7_part(hl7_field(pid, &s, 3), s.component, 1), "Y", "PID-3.2 is its second component");
}

static void reads_the_msh(void)
{
    struct hl7_header h = header(MSH "\rPID|1\r");
    ok(!h.why, "a common MSH is readable");
    slice_is(h.msh[HL7_SENDING_APPLICATION], "LAB", "MSH-3");
    slice_is(h.msh[HL7_SENDING_FACILITY], "HOSP", "MSH-4");
    slice_is(h.msh[HL7_RECEIVING_APPLICATION], "LIS", "MSH-5");
    slice_is(h.msh[HL7_RECEIVING_FACILITY], "MAIN", "MSH-6");
    slice_is(h.msh[HL7_TIME], "20240301101112", "MSH-7");
    slice_is(h.msh[HL7_MESSAGE_TYPE], "ORU^R01^ORU_R01", "MSH-9");
    slice_is(h.msh[HL7_CONTROL_ID], "MSG1", "MSH-10");
    slice_is(h.msh[HL7_PROCESSING_ID], "P", "MSH-11");
    slice_is(h.msh[HL7_VERSION], "2.5.1", "MSH-12");
    slice_is(h.msh[HL7_ACCEPT_CONDITION], "AL", "MSH-15");
    slice_is(h.msh[HL7_APPLICATION_CONDITION], "NE", "MSH-16");
    slice_is(h.msh[HL7_CHARSET], "8859/1", "MSH-18");
    slice_is(h.msh[HL7_PROFILE], "", "MSH-21 is not there");
    slice_is(h.rest, "PID|1\r", "the rest begins behind its CR");
    slice_is(hl7_header_type(&h, 1), "ORU", "MSH-9.1");
    slice_is(hl7_header_type(&h, 2), "R01", "MSH-9.2");
    slice_is(hl7_header_type(&h, 3), "ORU_R01", "MSH-9.3");
    slice_is(hl7_header_type(&h, 4), "", "MSH-9.4 is not there");
}

static void keeps_every_byte(void)
{
    struct hl7_header h = header("MSH|^~\\&|a\\F\\b^c|\xE4\xF6|||\"\"||ORU|A^B~C\\T\\D&E \xFC|P|2.3");
    ok(!h.why, "odd contents are readable");
    slice_is(h.msh[HL7_SENDING_APPLICATION], "a\\F\\b^c", "escapes and components stay");
    slice_is(h.msh[HL7_SENDING_FACILITY], "\xE4\xF6", "bytes beyond ASCII stay");
    slice_is(h.msh[HL7_TIME], "\"\"", "an explicit null stays");
    slice_is(h.msh[HL7_CONTROL_ID], "A^B~C\\T\\D&E \xFC", "a control id with everything in it stays");
    slice_is(hl7_header_type(&h, 1), "ORU", "a type of one component is its first");
}

static void says_why_not(void)
{
    static const struct {
        const char *text, *why;
        enum hl7_error error;
    } table[] = {
        {"", "the block is empty", HL7_ERROR_SEQUENCE},
        {"M", "it does not begin with MSH", HL7_ERROR_SEQUENCE},
        {"PID|1\r", "it does not begin with MSH", HL7_ERROR_SEQUENCE},
        {"msh|^~\\&|A|||||||B|\r", "it does not begin with MSH", HL7_ERROR_SEQUENCE},
        {"MSH", "no field separator follows MSH", HL7_ERROR_SEQUENCE},
        {"MSH\r", "no field separator follows MSH", HL7_ERROR_SEQUENCE},
        {"MSHX^~\\&X", "no field separator follows MSH", HL7_ERROR_SEQUENCE},
        {"MSH\xC2\xA7^~\\&\xC2\xA7", "no field separator follows MSH", HL7_ERROR_SEQUENCE},
        {"MSH|", "MSH ends before its control id (MSH-10)", HL7_ERROR_MISSING},
        {"MSH||||", "MSH ends before its control id (MSH-10)", HL7_ERROR_MISSING},
        {"MSH|^~\\&|LAB|HOSP|LIS|MAIN|2024", "MSH ends before its control id (MSH-10)", HL7_ERROR_MISSING},
        {"MSH|^~\\&|LAB|HOSP|LIS|MAIN|2024||ORU^R01", "MSH ends before its control id (MSH-10)", HL7_ERROR_MISSING},
        {"MSH|^~\\&|LAB|HOSP|LIS\rMAIN|2024||ORU^R01|1|P|2.3\r", "MSH ends before its control id (MSH-10)",
         HL7_ERROR_MISSING},
        {"MSH||||||||||||||||||||||||||", "MSH has neither message type nor control id", HL7_ERROR_MISSING},
        {"MSH|^~\\&|LAB|HOSP|LIS|MAIN|2024||ORU^R01|", NULL, HL7_ERROR_NONE},
        {"MSH|^~\\&|||||||ORU|1", NULL, HL7_ERROR_NONE},
        {"MSH|^~\\&||||||||1", NULL, HL7_ERROR_NONE},
        {"MSH@~&#\\@A@B@@@@@X~Y@7@P@2.3", NULL, HL7_ERROR_NONE},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct hl7_header h = header(table[i].text);
        is_str(h.why, table[i].why, "%.30s is %s", table[i].text, table[i].why ? "unreadable" : "readable");
        is_int(h.error, table[i].error, "with error %d", (int)table[i].error);
    }
}

static void every_beginning_is_read_or_refused(void)
{
    bool fine = true;
    for (size_t n = 0; n <= strlen(MSH); n++) {
        struct hl7_header h;
        unsigned char *text = exact_copy(MSH, n);
        bool readable = hl7_header_read(&h, text, n);
        bool reached = n >= strlen("MSH|^~\\&|LAB|HOSP|LIS|MAIN|20240301101112||ORU^R01^ORU_R01|");
        for (size_t i = 0; i <= HL7_MSH_FIELDS; i++)
            fine = fine && (h.msh[i].n == 0 || (h.msh[i].p >= text && h.msh[i].p + h.msh[i].n <= text + n));
        fine = fine && readable == reached && readable == !h.why;
        free(text);
    }
    ok(fine, "an MSH cut anywhere is read within its bounds, and readable from MSH-10 on");
}

static void sets_with_separators_inside_characters(void)
{
    struct hl7_header h = header("MSH|^~\\&|\x95\x7C|B|||||ORU^R01|1|P|2.3||||||GB 18030-2000");
    slice_is(h.msh[HL7_SENDING_APPLICATION], "\x95\x7C", "in GB 18030 the second byte of a character is no separator");
    slice_is(h.msh[HL7_CONTROL_ID], "1", "and the control id is where it is");
    h = header("MSH|^~\\&|\x95\x7C|B|||||ORU^R01|1|P|2.3||||||BIG-5");
    slice_is(h.msh[HL7_CONTROL_ID], "1", "nor in Big5");
    h = header("MSH|^~\\&|\xB1|\x83\x7C|||||ORU^R01|1|P|2.3||||||SHIFT-JIS");
    slice_is(h.msh[HL7_SENDING_APPLICATION], "\xB1", "in Shift_JIS a half-width letter is one byte");
    slice_is(h.msh[HL7_CONTROL_ID], "1", "and others are two");
    h = header("MSH|^~\\&|\x1B$B%|%|\x1B(B|B|||||ORU^R01|1|P|2.3||||||~ISO IR87");
    slice_is(h.msh[HL7_SENDING_APPLICATION], "\x1B$B%|%|\x1B(B",
             "in ISO-2022-JP nothing separates between escape sequences");
    slice_is(h.msh[HL7_CONTROL_ID], "1", "and what follows is found");
    h = header("MSH|^~\\&|\xE9|B|||||ORU^R01|1|P|2.3||||||8859/1");
    slice_is(h.msh[HL7_SENDING_APPLICATION], "\xE9", "in Latin-1 a letter is one byte");
    slice_is(h.msh[HL7_CHARSET], "8859/1", "and MSH-18 is found");
    h = header("MSH|^~\\&|\x95|B|||||ORU^R01|1|P|2.3");
    slice_is(h.msh[HL7_SENDING_APPLICATION], "\x95", "without MSH-18 every separator separates");
}

static void finds_the_msa(void)
{
    struct hl7_msa msa;
    struct hl7_header h = header("MSH|^~\\&|||||||ACK|9|P|2.3\rMSA|AE|M^1|disk full\r");
    ok(hl7_header_msa(&h, &msa), "an answer has an MSA");
    slice_is(msa.code, "AE", "MSA-1");
    slice_is(msa.control_id, "M^1", "MSA-2");
    slice_is(msa.text, "disk full", "MSA-3");
    h = header("MSH|^~\\&|||||||RSP^K11|9|P|2.5\rSFT|x\rMSA|AA|1\rQAK|1\r");
    ok(hl7_header_msa(&h, &msa), "it may stand behind SFT");
    slice_is(msa.text, "", "MSA-3 may be missing");
    h = header("MSH@~&#\\@A@B@@@@@ACK@7@P@2.3\rMSA@AA@5\r");
    ok(hl7_header_msa(&h, &msa), "other separators are no hindrance");
    slice_is(msa.control_id, "5", "to find MSA-2");
    h = header(MSH "\rPID|1\rNTE|1||MSA|AA|1\rMSAX|\rMSA");
    ok(!hl7_header_msa(&h, &msa), "a message without MSA has none");
    h = header("MSA|AA|1\r");
    ok(h.why && hl7_header_msa(&h, &msa), "also a text without MSH may have one");
}

static void knows_queries(void)
{
    static const struct {
        const char *type;
        bool query;
    } table[] = {{"QRY^Q02", true}, {"QBP^Q11^QBP_Q11", true}, {"QRY", true},      {"ORU^R01", false},
                 {"QBPX", false},   {"RSP^K11", false},        {"QCK^Q02", false}, {"", false}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char text[100];
        snprintf(text, sizeof text, "MSH|^~\\&|||||||%s|1|P|2.3\r", table[i].type);
        struct hl7_header h = header(text);
        ok(hl7_header_query(&h) == table[i].query, "%s is %s query", table[i].type, table[i].query ? "a" : "no");
    }
}

static void knows_conditions(void)
{
    static const struct {
        const char *text;
        enum hl7_condition condition;
    } table[] = {{"", HL7_CONDITION_NONE},  {"AL", HL7_CONDITION_AL},  {"NE", HL7_CONDITION_NE},
                 {"ER", HL7_CONDITION_ER},  {"SU", HL7_CONDITION_SU},  {"0", HL7_CONDITION_ODD},
                 {"al", HL7_CONDITION_ODD}, {"ALL", HL7_CONDITION_ODD}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        is_int(hl7_condition_of((struct hl7_slice){(const unsigned char *)table[i].text, strlen(table[i].text)}),
               table[i].condition, "'%s' is condition %d", table[i].text, (int)table[i].condition);
}

static void digest_of(struct hl7_header *h, unsigned char digest[16])
{
    memcpy(digest, hl7_header_digest(h), 16);
}

static bool same(const char *a, const char *b, void (*digest)(struct hl7_header *, unsigned char *))
{
    unsigned char of_a[16], of_b[16];
    struct hl7_header h = header(a);
    digest(&h, of_a);
    h = header(b);
    digest(&h, of_b);
    return memcmp(of_a, of_b, 16) == 0;
}

static void digests(void)
{
    static const char first[] = "MSH|^~\\&|LAB|H|||2024||ORU|1|P|2.3\rPID|1\r",
                      resent[] = "MSH|^~\\&|LAB|H|||2025|x|ORU|1|P|2.3\rPID|1\r",
                      other_id[] = "MSH|^~\\&|LAB|H|||2024||ORU|2|P|2.3\rPID|1\r",
                      other_sender[] = "MSH|^~\\&|LAB|I|||2024||ORU|1|P|2.3\rPID|1\r",
                      moved[] = "MSH|^~\\&|LABH||||2024||ORU|1|P|2.3\rPID|1\r",
                      other_rest[] = "MSH|^~\\&|LAB|H|||2024||ORU|1|P|2.3\rPID|2\r";
    ok(same(first, resent, digest_of), "the digest of a message sent again at another time is the same");
    ok(same(first, other_id, digest_of), "the control id has no part in the digest");
    ok(!same(first, other_rest, digest_of), "what follows MSH has");
    ok(same(first, resent, hl7_header_key), "the key of a message sent again is the same");
    ok(!same(first, other_id, hl7_header_key), "another control id makes another key");
    ok(!same(first, other_sender, hl7_header_key), "another sender does");
    ok(!same(first, moved, hl7_header_key), "the sender's parts are not run together");
    ok(!same(first, other_rest, hl7_header_key), "other contents make another key");
}

int main(void)
{
    separators();
    which_can_be_separators();
    fields_are_numbered_as_the_standard_does();
    reads_the_msh();
    keeps_every_byte();
    says_why_not();
    every_beginning_is_read_or_refused();
    sets_with_separators_inside_characters();
    finds_the_msa();
    knows_queries();
    knows_conditions();
    digests();
    return done();
}
