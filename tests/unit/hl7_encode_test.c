#include "hl7/encode.h"

#include "encode_case.h"

#define MSH "[\"MSH\",\"|\",\"^~\\\\&\",\"A\"]"
#define LINE(segment) "{\"records\":[" MSH "," segment "]}"
#define TEXT(segment) "MSH|^~\\&|A\r" segment "\r"
#define POSITIONAL(segment) "{\"positional\":true,\"records\":[" MSH "," segment "]}"

static struct encoder encoder;

static void fields(void)
{
    static const struct encode_case cases[] = {
        {LINE("[\"PID\",\"1\",\"\",\"x\"]"), TEXT("PID|1||x")},
        {LINE("[\"PID\",\"1\",\"\"]"), TEXT("PID|1|")},
        {LINE("[\"PID\"]"), TEXT("PID")},
        {LINE("[\"\"]"), TEXT("|")},
        {LINE("[\" \"]"), TEXT(" |")},
        {LINE("[\"odd^name\",\"x\"]"), TEXT("odd^name|x")},
        {LINE("[\"PID\",[\"A\",\"B\"]]"), TEXT("PID|A^B")},
        {LINE("[\"PID\",[[\"A\",\"B\"]]]"), TEXT("PID|A&B")},
        {LINE("[\"PID\",[\"A\",[\"B\",\"C\"],\"\"]]"), TEXT("PID|A^B&C^")},
        {LINE("[\"PID\",[[[\"A\"]],[[\"B\"]]]]"), TEXT("PID|A~B")},
        {LINE("[\"PID\",[[[\"A\"],[\"B\",\"C\"]],[[\"D\"]],[]]]"), TEXT("PID|A^B&C~D~")},
        {LINE("[\"PID\",[],[[]],[[[]]]]"), TEXT("PID|||")},
        {LINE("[\"PID\",[[],\"A\"]]"), TEXT("PID|^A")},
        {LINE("[\"PID\",null,[null,\"A\"],[[null,\"B\"]],[[[null]],[[\"C\"]]]]"),
         TEXT("PID|\"\"|\"\"^A|\"\"&B|\"\"~C")},
        {LINE("[\"PID\",\"\\\"\\\"\",[\"\\\"\\\"\"],\"\\\"\"]"), TEXT("PID|\\X22\\\"|\\X22\\\"|\"")},
        {LINE("[\"OBX\",1,-5.40E+1]"), TEXT("OBX|1|-5.40E+1")},
    };
    BECOMES(hl7_encode, &encoder, cases);
}

static void separators(void)
{
    static const struct encode_case cases[] = {
        {"{\"records\":[[\"MSH\",\"\",\"\",\"A&B\"]]}", "MSH|^~\\&|A\\T\\B\r"},
        {"{\"records\":[[\"MSH\",null,null,\"A\"]]}", "MSH|^~\\&|A\r"},
        {"{\"records\":[[\"MSH\",\"|\",\"\",\"A&B\"]]}", "MSH||A\\T\\B\r"},
        {"{\"records\":[[\"MSH\",\"#\",\"@!%$\",\"A@#!%$|^\"]]}", "MSH#@!%$#A%S%%F%%R%%E%%T%|^\r"},
        {"{\"records\":[[\"MSH\",\"|\",\"^~\\\\&#\",\"#\"]]}", "MSH|^~\\&#|#\r"},
        {"{\"records\":[[\"PID\",\"A|B\"]]}", "PID|A\\F\\B\r"},
        {LINE("[\"BHS\",\"|\",\"^~\\\\&\",\"A\"]"), TEXT("BHS|^~\\&|A")},
        {LINE("[\"FHS\"]"), TEXT("FHS")},
        {LINE("[\"FHS\",\"|\"]"), TEXT("FHS|")},
        {"{\"records\":[[\"MSH\"]]}", "MSH\r"},
    };
    BECOMES(hl7_encode, &encoder, cases);
}

static void escaped(void)
{
    static const struct encode_case cases[] = {
        {LINE("[\"NTE\",\"a|b^c&d~e\\\\f\"]"), TEXT("NTE|a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f")},
        {LINE("[\"NTE\",\"a\\nb\\tc\\rd\\u0000\"]"), TEXT("NTE|a\\.br\\b\\X09\\c\\X0D\\d\\X00\\")},
        {LINE("[\"NTE\",\"\\u0002\\u000b\\u001c\"]"), TEXT("NTE|\\X02\\\\X0B\\\\X1C\\")},
        {LINE("[\"NTE\",\"\\\\H\\\\bold\\\\N\\\\ \\\\Zlocal\\\\ \\\\XE9\\\\ \\\\XC3A9\\\\ \\\\.sp 3\\\\\"]"),
         TEXT("NTE|\\H\\bold\\N\\ \\Zlocal\\ \\XE9\\ \\E\\XC3A9\\E\\ \\.sp 3\\")},
        {LINE("[\"NTE\",\"\\\\F\\\\ \\\\.br\\\\ \\\\ \\\\\\\\\"]"),
         TEXT("NTE|\\E\\F\\E\\ \\E\\.br\\E\\ \\E\\ \\E\\\\E\\")},
        {LINE("[\"NTE\",\"\\\"caf\\u00e9\\\"\"]"), TEXT("NTE|\"caf\xC3\xA9\"")},
        {"{\"records\":[[\"MSH\",\"|\",\"^~.&\",\"a\\nb\"]]}", "MSH|^~.&|a.X0A.b\r"},
        {"{\"records\":[[\"MSH\",\"\\\\\",\"^\",\"a\\tb\\nc\"]]}", "MSH\\^\\a\tb\nc\r"},
    };
    BECOMES(hl7_encode, &encoder, cases);
}

static void positional(void)
{
    static const struct encode_case cases[] = {
        {POSITIONAL("[\"NTE\",\"\\\\F\\\\ \\\\\",[\"a\",\"\\t\\n\"],\"\",\"\"]"), TEXT("NTE|\\F\\ \\|a^\t\n||")},
        {POSITIONAL("[\"NTE\",null,\"a|b^c\",\"\\r\"]"), TEXT("NTE|\"\"|a\\F\\b\\S\\c|\\X0D\\")},
        {"{\"records\":[" MSH ",[\"NTE\",\"\\\\F\\\\\"]],\"positional\":true,\"notes\":[]}", TEXT("NTE|\\F\\")},
    };
    BECOMES(hl7_encode, &encoder, cases);
}

static void wrong(void)
{
    static const struct encode_case cases[] = {
        {"{\"records\":[]}", "records[0]: there is none"},
        {"{\"records\":[{\"type\":\"H\"}]}", "records[0]: an array is expected, and an object is there"},
        {"{\"protocol\":\"astm\",\"records\":[]}", "protocol: it is not hl7"},
        {LINE("[]"), "records[1][0]: it has no name"},
        {LINE("[1]"), "records[1][0]: a name is expected, and a number is there"},
        {LINE("[\"PI|\"]"), "records[1][0]: it holds a separator, which ends it"},
        {LINE("[\"PI\\r\"]"), "records[1][0]: it holds CR, which ends it"},
        {LINE("[\"PI\\u001c\"]"), "records[1][0]: it holds FS, which cannot be sent"},
        {LINE("[\"PID\",true]"), "records[1][1]: a string is expected, and true is there"},
        {LINE("[\"PID\",\"\",{\"a\":1}]"), "records[1][2]: a string is expected, and an object is there"},
        {LINE("[\"PID\",[\"A\",[[\"B\"]]]]"),
         "records[1][1]: an array stands where a subcomponent is expected; with repetitions all of it has three "
         "levels"},
        {LINE("[\"PID\",[[[\"A\"]],\"B\"]]"),
         "records[1][1]: an array of components is expected, and a string is there"},
        {LINE("[\"PID\",[[[\"A\"],\"B\"]]]"),
         "records[1][1]: an array of subcomponents is expected, and a string is there"},
        {LINE("[\"PID\",[[[[\"A\"]]]]]"),
         "records[1][1]: an array stands where a subcomponent is expected; with repetitions all of it has three "
         "levels"},
        {LINE("[\"BHS\",\"#\"]"), "records[1][1]: it is not the separator of the message"},
        {POSITIONAL("[\"PID\",\"a\\u0005\"]"), "records[1][1]: it holds ENQ, which cannot be sent"},
        {"{\"records\":[[\"MSH\",\"ab\"]]}", "records[0][1]: it is no separator"},
        {"{\"records\":[[\"MSH\",\"A\"]]}", "records[0][1]: it is no separator"},
        {"{\"records\":[[\"MSH\",[\"|\"]]]}", "records[0][1]: a string is expected, and an array is there"},
        {"{\"records\":[[\"MSH\",\"|\",[\"\",\"\"]]]}", "records[0][2]: a string is expected, and an array is there"},
        {"{\"records\":[[\"MSH\",\"|\",\"^|\"]]}", "records[0][2]: it holds a separator, which ends it"},
        {"{\"records\":[[\"MSH\",\"|\",\"\\u0002\"]]}", "records[0][2]: it holds STX, which cannot be sent"},
        {"{\"records\":[[\"MSH\",\"\\\\\",\"^\",\"\\\\\"]]}",
         "records[0][3]: it holds \\, which separates, and the message has no escape character"},
        {"{\"records\":[[\"MSH\",\"\\\\\",\"^\",\"\\r\"]]}",
         "records[0][3]: it holds CR, and the message has no escape character"},
        {"{\"records\":[[\"MSH\",\"~\",\"^\",[[[\"A\"]],[[\"B\"]]]]]}",
         "records[0][3]: the message has no repetition separator"},
    };
    IS_WRONG(hl7_encode, &encoder, cases);
    is_wrong_when_cut(hl7_encode, &encoder, LINE("[\"PID\",[[[\"a\\u00e9\"],[\"b\"]],[]],null,1]"));
}

int main(void)
{
    fields();
    separators();
    escaped();
    positional();
    wrong();
    encode_free(&encoder);
    return done();
}
