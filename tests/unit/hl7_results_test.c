#include "hl7/results.h"

#include "hl7_message.h"
#include "tap.h"

#define MSH "MSH|^~\\&|LAB^X|MAIN|||20240301||ORU^R01|M1|P|2.5.1\r"

/* The values of some keys in each result of a message: `a,b;c,d;` */
static void is_found(const char *name, const struct hl7_specimen *specimen, const char *text, const char *keys,
                     const char *want)
{
    const struct hl7_view_config config = {.format = VIEW_RESULT, .specimen = specimen};
    struct bytes lines = {0}, got = {0};
    render(&config, NULL, text, strlen(text), 0, &lines);
    bytes_append(&lines, "", 1);
    for (char *line = strtok((char *)lines.data, "\n"); line; line = strtok(NULL, "\n")) {
        for (const char *key = keys; *key; key += *key == ',') {
            char quoted[40];
            size_t n = strcspn(key, ",");
            snprintf(quoted, sizeof quoted, "\"%.*s\":", (int)n, key);
            const char *value = strstr(line, quoted);
            if (value) {
                value += strlen(quoted);
                size_t end = *value == '['   ? strcspn(value, "]") + 1
                             : *value == '"' ? strcspn(value + 1, "\"") + 2
                                             : strcspn(value, ",}");
                bytes_append(&got, value + (*value == '"'), end - 2 * (*value == '"'));
            }
            key += n;
            bytes_puts(&got, *key ? "," : ";");
        }
    }
    is_bytes(got.data, got.len, want, strlen(want), "%s", name);
    bytes_free(&lines);
    bytes_free(&got);
}

static void is_result(const char *name, const char *text, const char *want)
{
    const struct hl7_view_config config = {.format = VIEW_RESULT};
    const struct envelope envelope = {.id = "ID", .link = "xn", .received = "T"};
    struct bytes out = {0};
    render(&config, &envelope, text, strlen(text), 0, &out);
    is_bytes(out.data, out.len, want, strlen(want), "%s", name);
    bytes_free(&out);
}

static void whole_results(void)
{
    is_result(
        "everything that a result may have",
        MSH "PID|1|old|P-7^^^HOSP^MR~P-8||DOE&van^JANE^^\rORC|RE|O-1^X|F-1\r"
            "OBR|1|PL-1&a^LIS|FI-1^LAB|CHEM|||20240301\r"
            "OBX|1|SN|GLU^Glucose^L^2345-7^Gluc^LN|2|>^90|mmol/L^^UCUM|3.9-6.1|H~A^Abnormal^HL7|||F|||"
            "20240301101112^S||op1^SMITH||M-7^X~M-8|20240302\r"
            "NTE|1||first~second\rNTE|2||\rNTE|3||th\\S\\ird\rSPM|1|S-1&LIS^S-2||SER\r",
        "{\"type\":\"result\",\"protocol\":\"hl7\",\"message_id\":\"ID\",\"link\":\"xn\",\"instrument\":\"M-7\","
        "\"received\":\"T\",\"patient_id\":\"P-7\",\"patient_name\":\"DOE&van^JANE\",\"specimen_id\":\"S-1\","
        "\"placer_id\":\"PL-1\",\"filler_id\":\"FI-1\",\"order_id\":\"O-1\",\"test\":\"GLU\","
        "\"test_id\":[\"GLU\",\"Glucose\",\"L\",\"2345-7\",\"Gluc\",\"LN\"],\"test_name\":\"Glucose\","
        "\"test_system\":\"L\",\"sub_id\":\"2\",\"value\":\">^90\",\"value_type\":\"text\","
        "\"value_parts\":[\">\",\"90\"],\"units\":\"mmol/L\",\"reference_range\":\"3.9-6.1\",\"flags\":[\"H\",\"A\"],"
        "\"status\":\"F\",\"observed\":\"2024-03-01T10:11:12\",\"operator\":\"op1\","
        "\"comments\":[\"first\",\"second\",\"th^ird\"],\"qc\":false}\n");
    is_result("next to nothing", "MSH|^~\\&|||||||ORU^R01|M1\rOBX|1|NM|||5.40\r",
              "{\"type\":\"result\",\"protocol\":\"hl7\",\"message_id\":\"ID\",\"link\":\"xn\",\"received\":\"T\","
              "\"value\":\"5.40\",\"value_type\":\"number\",\"qc\":false}\n");
    is_result("nothing at all", "MSH|^~\\&|||||||ORU^R01|M1\rOBX\r",
              "{\"type\":\"result\",\"protocol\":\"hl7\",\"message_id\":\"ID\",\"link\":\"xn\",\"received\":\"T\","
              "\"qc\":false}\n");
}

static void values(void)
{
    static const struct {
        const char *name, *segments, *keys, *want;
    } cases[] = {
        {"values are text", "OBX|1|NM|A||***.**\rOBX|2|NM|A||007\rOBX|3|NM|A||-1.5E3\rOBX|4|NM|A||<0.01\r",
         "value,value_type", "***.**,text;007,number;-1.5E3,number;<0.01,text;"},
        {"a value is as sent", "OBX|1|TX|A||a\\T\\b\\.br\\c\rOBX|2|CE|A||x^y~z\r", "value", "a&b\\nc;x^y~z;"},
        {"repetitions are parts", "OBX|1|NM|A||1~2\rOBX|2|NM|A||1&2\rOBX|3|NM|A||1\r", "value,value_parts",
         "1~2,[[[\"1\"];1&2,[[\"1\",\"2\"];1,;"},
        {"the explicit null is no id, but a value",
         "PID|1|\"\"|\"\"||\"\"\rOBX|1|NM|A|\"\"|\"\"|\"\"|\"\"|\"\"|||\"\"\r",
         "patient_id,patient_name,sub_id,value,units,flags,status", ",,,\\,,,;"},
        {"the second id where the first is null", "PID|1|old|\"\"\rOBX|1|NM|A\r", "patient_id", "old;"},
        {"the old patient id", "PID|1|old^x\rOBX|1|NM|A\r", "patient_id", "old;"},
        {"a name without its empty end", "PID|1||1||A^B^^^\rOBX|1|NM|A\r", "patient_name", "A^B;"},
        {"the first of several names", "PID|1||1||A^B~C^D\rOBX|1|NM|A\r", "patient_name", "A^B;"},
        {"a test known by its alternate, or by its text", "OBX|1|NM|^^^2345-7\rOBX|2|NM|^Glucose\r", "test,test_name",
         "2345-7,;Glucose,Glucose;"},
        {"what tells tests apart is whole", "OBX|1|NM|A&a^B&b^L&l|1&i\rOBX|2|NM|A&z^B&y^L&x|1&j\r",
         "test,test_name,test_system,test_id,sub_id",
         "A&a,B&b,L&l,[\"A&a\",\"B&b\",\"L&l\"],1&i;A&z,B&y,L&x,[\"A&z\",\"B&y\",\"L&x\"],1&j;"},
        {"and so is what is said of the value", "OBX|1|NM|A||7&8|g&h^x|1-2~3&4|H&x~L|||F~P|||||op&1~op2\r",
         "value,units,reference_range,flags,status,operator", "7&8,g&h,1-2~3&4,[\"H&x\",\"L\"],F~P,op&1;"},
        {"of identifiers the first subcomponent",
         "PID|1||P&x^y~Q\rORC|RE|O&x^y\rOBR|1|PL&x^y|FI&x^y\rOBX|1|NM|A|||||||||||||||M&x^y\r",
         "instrument,patient_id,specimen_id,placer_id,filler_id,order_id", "M,P,FI,PL,FI,O;"},
        {"units by their text", "OBX|1|NM|A||1|^percent\r", "units", "percent;"},
        {"a flag with components", "OBX|1|NM|A||1|||^high~L^low\r", "flags", "[\"high\",\"L\"];"},
        {"the time analysed, or that of the order",
         "OBR|1||||||202402\rOBX|1|NM|A||1||||||F||||||||20240301\rOBX|2|NM|A\r", "observed", "2024-03-01;2024-02;"},
        {"a time that cannot be read", "OBX|1|NM|A|||||||||||yesterday\r", "observed,observed_raw", ",yesterday;"},
        {"an operator without id", "OBX|1|NM|A|||||||||||||^SMITH&van\r", "operator", "SMITH;"},
        {"the instrument of the message", "OBX|1|NM|A\rOBX|2|NM|A|||||||||||||||^X\r", "instrument", "LAB;LAB;"},
        {"comments behind details of the result, and no others",
         "OBX|1|NM|A\rPRT|1\rTCD|A\rNTE|1||a\rOBX|2|NM|B\rZZZ|1\rNTE|1||z\rOBX|3|NM|C\rNTE|1\r", "test,comments",
         "A,[\"a\"];B,;C,;"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes text = {0};
        bytes_puts(&text, MSH);
        bytes_puts(&text, cases[i].segments);
        bytes_append(&text, "", 1);
        is_found(cases[i].name, NULL, (const char *)text.data, cases[i].keys, cases[i].want);
        bytes_free(&text);
    }
}

static void separators(void)
{
    is_found("other separators", NULL,
             "MSH!@$/%!LAB@X!!!!!!ORU@R01!1\rPID!!!7@x!!A%a@B@@\rOBX!!!G@g@L!!a/S/b@c!!!H$L\r",
             "instrument,patient_id,patient_name,test_id,value,flags",
             "LAB,7,A&a^B,[\"G\",\"g\",\"L\"],a@b@c,[\"H\",\"L\"];");
}

/* ---- what governs ---- */

static void specimens(void)
{
    static const struct {
        const char *name, *segments, *want; /* specimen and test of each result */
    } cases[] = {
        {"ORU^R01: a specimen belongs to the order before it",
         "PID|1\rORC|RE\rOBR|1|P1|F1\rOBX|1|NM|A\rOBX|2|NM|B\rSPM|1|S1\rOBX|3|NM|C\r"
         "ORC|RE\rOBR|2|P2|F2\rOBX|1|NM|D\rSPM|1|S2\rOBR|3|P3|F3\rOBX|1|NM|E\r",
         "S1,A;S1,B;S1,C;S2,D;F3,E;"},
        {"OUL^R22: a specimen governs the orders after it",
         "PID|1\rSPM|1|S1\rOBX|0|NM|X\rOBR|1|P1|F1\rORC|RE\rOBX|1|NM|A\rOBR|2|P2|F2\rOBX|1|NM|B\r"
         "SPM|2|S2\rOBR|3|P3|F3\rOBX|1|NM|C\r",
         "S1,X;S1,A;S1,B;S2,C;"},
        {"OUL^R24: a specimen after the order's results, with a container",
         "PID|1\rOBR|1|P1|F1\rORC|RE\rOBX|1|NM|A\rSPM|1|\rSAC|1||C1\rOBR|2|P2\rOBX|1|NM|B\r", "C1,A;P2,B;"},
        {"a container before the orders",
         "PID|1\rSAC|1||C1\rOBR|1|P1|F1\rOBX|1|NM|A\rSAC|1||C2\rOBR|2|P2|F2\rOBX|1|NM|B\r", "C1,A;C2,B;"},
        {"a container in a specimen without id", "SPM|1\rSAC|||C1^x\rOBR|1|P1|F1\rOBX|1|NM|A\r", "C1,A;"},
        {"the filler's id of a specimen", "OBR|1|P1|F1\rOBX|1|NM|A\rSPM|1|^S9&LAB\r", "S9,A;"},
        {"the order where there is no specimen", "OBR|1|P1|F1\rOBX|1|NM|A\rOBR|2|P2\rOBX|1|NM|B\rOBR|3\rOBX|1|NM|C\r",
         "F1,A;P2,B;,C;"},
        {"nobody's results", "PID|1\rOBX|1|NM|A\rOBR|1|P1\rOBX|1|NM|B\r", ",A;P1,B;"},
        {"a patient starts afresh, in the way of its own",
         "PID|1\rSPM|1|S1\rOBR|1|P1\rOBX|1|NM|A\rPID|2\rOBX|0|NM|X\rOBR|1|P2\rOBX|1|NM|B\rSPM|1|S2\r"
         "PID|3\rSPM|1|S3\rOBR|1|P3\rOBX|1|NM|C\r",
         "S1,A;,X;S2,B;S3,C;"},
        {"an ORC behind its OBR ends nothing", "OBR|1|P1\rOBX|1|NM|A\rSPM|1|S1\rORC|RE\rOBX|1|NM|B\r", "S1,A;S1,B;"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes text = {0};
        bytes_puts(&text, MSH);
        bytes_puts(&text, cases[i].segments);
        bytes_append(&text, "", 1);
        is_found(cases[i].name, NULL, (const char *)text.data, "specimen_id,test", cases[i].want);
        bytes_free(&text);
    }
}

static void elsewhere(void)
{
    struct get_path path;
    const struct hl7_specimen specimen = {&path, 1};
    ok(get_path_parse(&path, &hl7_get_names, "OBR-2.1", 7), "OBR-2.1 is a path");
    is_found("where else the link says", &specimen, MSH "OBR|1|BC-1^x|F1\rOBX|1|NM|A\rSPM|1|S1\r", "specimen_id",
             "BC-1;");
    is_found("and nowhere besides", &specimen, MSH "OBR|1||F1\rOBX|1|NM|A\rSPM|1|S1\r", "specimen_id", ";");
}

static void orders(void)
{
    static const char keys[] = "placer_id,filler_id,order_id,test";
    is_found("ORC before OBR", NULL,
             MSH "PID|1\rORC|RE|C1\rOBR|1|P1|F1\rOBX|1|NM|A\rORC|RE|C2\rOBR|2|P2\rOBX|1|NM|B\rOBR|3|P3\rOBX|1|NM|C\r"
                 "ORC|RE|C4\rOBX|1|NM|D\r",
             keys, "P1,F1,C1,A;P2,,C2,B;P3,,P3,C;,,C4,D;");
    is_found("ORC after OBR", NULL,
             MSH "SPM|1|S\rOBR|1|P1|F1\rORC|RE|C1\rOBX|1|NM|A\rOBR|2|P2\rORC|RE|C2\rOBX|1|NM|B\rOBR|3|P3\rOBX|1|NM|C\r"
                 "SPM|2|T\rOBX|1|NM|D\r",
             keys, "P1,F1,C1,A;P2,,C2,B;P3,,P3,C;,,,D;");
    is_found("no ORC", NULL, MSH "OBR|1|P1&x^y\rOBX|1|NM|A\rPID|1\rOBX|1|NM|B\r", keys, "P1,,P1,A;,,,B;");
}

static void qc(void)
{
    static const struct {
        const char *msh15, *rest, *want;
    } cases[] = {
        {"|", "OBR|1\rOBX|1|NM|A\r", "false;"},
        {"|1", "OBX|1|NM|A\r", "true;"},
        {"|2", "OBX|1|NM|A\r", "true;"},
        {"|0", "OBX|1|NM|A\r", "false;"},
        {"0|2", "OBX|1|NM|A\r", "true;"},
        {"AL|1", "OBX|1|NM|A\r", "false;"},
        {"|AL", "OBX|1|NM|A\r", "false;"},
        {"|", "SPM|1|S|||||||||Q^Control\rOBR|1\rOBX|1|NM|A\rSPM|2|T|||||||||P\rOBR|1\rOBX|1|NM|A\r", "true;false;"},
        {"|", "OBR|1\rOBX|1|NM|A\rSPM|1|S|||||||||Q\rOBR|1\rOBX|1|NM|A\r", "true;false;"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes text = {0};
        bytes_puts(&text, "MSH|^~\\&|A||||||ORU^R01|1|P|2.3.1|||");
        bytes_puts(&text, cases[i].msh15);
        bytes_puts(&text, "\r");
        bytes_puts(&text, cases[i].rest);
        bytes_append(&text, "", 1);
        is_found("quality control", NULL, (const char *)text.data, "qc", cases[i].want);
        bytes_free(&text);
    }
}

int main(void)
{
    whole_results();
    values();
    separators();
    specimens();
    elsewhere();
    orders();
    qc();
    return done();
}
