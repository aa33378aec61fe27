#include "astm/encode.h"

#include "encode_case.h"

#define H "{\"type\":\"H\",\"delimiters\":\"\\\\^&\"}"
#define LINE(record) "{\"records\":[" H "," record "]}"
#define TEXT(record) "H|\\^&\r" record "\r"

static struct encoder encoder;

static void named(void)
{
    static const struct encode_case cases[] = {
        {LINE("{\"type\":\"L\",\"seq\":\"1\",\"termination_code\":\"N\"}"), TEXT("L|1|N")},
        {LINE("{\"type\":\"R\",\"value\":\"5.4\"}"), TEXT("R|||5.4")},
        {LINE("{\"value\":\"5.4\",\"seq\":\"1\",\"type\":\"R\"}"), TEXT("R|1||5.4")},
        {LINE("{\"units\":\"g\",\"value\":\"5\",\"status\":\"F\",\"seq\":\"1\",\"type\":\"R\"}"),
         TEXT("R|1||5|g||||F")},
        {LINE("{\"type\":\"R\",\"field_4\":\"5.4\",\"field_20\":\"x\"}"), TEXT("R|||5.4||||||||||||||||x")},
        {LINE("{\"type\":\"M\",\"field_3\":\"x\"}"), TEXT("M||x")},
        {LINE("{\"type\":\"XY\",\"field_2\":\"x\"}"), TEXT("XY|x")},
        {LINE("{\"type\":\"L\"}"), TEXT("L")},
        {LINE("{\"type\":\"\"}"), TEXT("|")},
        {LINE("{\"type\":\"P\",\"name\":[\"NOWAK\",\"ANNA\"]}"), TEXT("P|||||NOWAK^ANNA")},
        {LINE("{\"type\":\"R\",\"abnormal_flags\":[[\"H\"],[\"A\",\"B\"],[]]}"), TEXT("R||||||H\\A^B\\")},
        {LINE("{\"type\":\"R\",\"abnormal_flags\":[[\"H\"]]}"), TEXT("R||||||H")},
        {LINE("{\"type\":\"R\",\"seq\":1,\"value\":-5.40e+1}"), TEXT("R|1||-5.40e+1")},
        {LINE("{\"type\":\"R\",\"seq\":null,\"value\":[null,\"x\"]}"), TEXT("R|||^x")},
        {LINE("{\"type\":\"R\",\"value\":[]}"), TEXT("R|||")},
        {"{\"records\":[{\"type\":\"H\"},{\"type\":\"L\"}]}", "H|\\^&\rL\r"},
        {"{\"records\":[{\"type\":\"L\",\"seq\":\"a|b\"}]}", "L|a&F&b\r"},
        {"{\"records\":[{\"sender\":[\"a\",\"b\"],\"delimiters\":\"!#~\",\"type\":\"H\"},{\"type\":\"R\",\"value\":"
         "\"!#~^&\"}]}",
         "H|!#~|||a#b\rR|||~R~~S~~E~^&\r"},
        {"{\"field_delimiter\":\"*\",\"records\":[{\"type\":\"H\"},{\"type\":\"R\",\"value\":\"*|\"}]}",
         "H*\\^&\rR***&F&|\r"},
    };
    BECOMES(astm_encode, &encoder, cases);
}

static void escaped(void)
{
    static const struct encode_case cases[] = {
        {LINE("{\"type\":\"C\",\"text\":\"a|b^c\\\\d&e\"}"), TEXT("C|||a&F&b&S&c&R&d&E&e")},
        {LINE("{\"type\":\"C\",\"text\":\"a\\nb\\tc\\rd\\u0000\"}"), TEXT("C|||a&.br&b&X09&c&X0D&d&X00&")},
        {LINE("{\"type\":\"C\",\"text\":\"\\u0002\\u000b\\u001c\"}"), TEXT("C|||&X02&&X0B&&X1C&")},
        {LINE("{\"type\":\"C\",\"text\":\"&H&bold&N& &Zlocal& &XE9& &XC3A9&\"}"),
         TEXT("C|||&H&bold&N& &Zlocal& &XE9& &E&XC3A9&E&")},
        {LINE("{\"type\":\"C\",\"text\":\"&F& &.br& & &&\"}"), TEXT("C|||&E&F&E& &E&.br&E& &E& &E&&E&")},
        {LINE("{\"type\":\"C\",\"text\":\"\\\"caf\\u00e9\\\"\"}"), TEXT("C|||\"caf\xC3\xA9\"")},
        {"{\"records\":[{\"type\":\"H\",\"delimiters\":\"\\\\^.\"},{\"type\":\"C\",\"text\":\"a\\nb.\"}]}",
         "H|\\^.\rC|||a.X0A.b.E.\r"},
        {"{\"field_delimiter\":\".\",\"records\":[{\"type\":\"H\"},{\"type\":\"C\",\"text\":\"a\\nb&.in&\"}]}",
         "H.\\^&\rC...a&X0A&b&E&&F&in&E&\r"},
        {"{\"field_delimiter\":\"&\",\"records\":[{\"type\":\"H\",\"delimiters\":\"xx\"},{\"type\":\"C\",\"text\":"
         "\"a\\tb\"}]}",
         "H&xx\rC&&&a\tb\r"},
    };
    BECOMES(astm_encode, &encoder, cases);
}

static void positional(void)
{
    static const struct encode_case cases[] = {
        {"{\"records\":[{\"type\":\"H\",\"fields\":[\"H\",\"\\\\^&\",\"\",[\"a\",\"b\"],\"\"]}]}", "H|\\^&||a^b|\r"},
        {"{\"records\":[{\"type\":\"H\",\"fields\":[\"H\",null,\"x\"]}]}", "H|\\^&|x\r"},
        {"{\"records\":[{\"type\":\"H\",\"fields\":[\"H\"]}]}", "H\r"},
        {LINE("{\"fields\":[\"R\",\"&F&\",\"\\t&\",[[\"a\"],[\"b\",\"|\"]],\"\",\"\"],\"type\":\"R\"}"),
         TEXT("R|&F&|\t&|a\\b^&F&||")},
        {LINE("{\"type\":\"R^X\",\"fields\":[[\"R\",\"X\"],\"a\\nb\\r\"]}"), TEXT("R^X|a&.br&b&X0D&")},
    };
    BECOMES(astm_encode, &encoder, cases);
}

static void wrong(void)
{
    static const struct encode_case cases[] = {
        {"", "column 1: there is nothing in it"},
        {"[]", "an object is expected, and an array is there"},
        {"{\"type\":\"result\"}", "it has no records"},
        {"{\"records\":[]}", "records[0]: there is none"},
        {"{\"records\":{}}", "records: an array is expected, and an object is there"},
        {"{\"records\":[\"H\"]}", "records[0]: an object is expected, and a string is there"},
        {"{\"records\":[[\"MSH\"]]}", "records[0]: an object is expected, and an array is there"},
        {"{\"protocol\":\"hl7\",\"records\":[]}", "protocol: it is not astm"},
        {LINE("{\"seq\":\"1\"}"), "records[1]: it has no type"},
        {LINE("{\"type\":1}"), "records[1].type: a string is expected, and a number is there"},
        {LINE("{\"type\":\"R\",\"type\":\"R\"}"), "records[1].type: it comes twice"},
        {LINE("{\"type\":\"R|\"}"), "records[1].type: it holds a separator, which ends it"},
        {LINE("{\"type\":\"R\\n\"}"), "records[1].type: it holds LF, which ends it"},
        {LINE("{\"type\":\"R\\u0002\"}"), "records[1].type: it holds STX, which cannot be sent"},
        {LINE("{\"type\":\"R\",\"valeu\":\"1\"}"), "records[1].valeu: records of this type have no such field"},
        {LINE("{\"type\":\"R\",\"name\":\"1\"}"), "records[1].name: records of this type have no such field"},
        {LINE("{\"type\":\"R\",\"field_1\":\"1\"}"), "records[1].field_1: records of this type have no such field"},
        {LINE("{\"type\":\"R\",\"field_04\":\"1\"}"), "records[1].field_04: records of this type have no such field"},
        {LINE("{\"type\":\"R\",\"\\u001b\\u00e9\":\"1\"}"), "records[1].???: records of this type have no such field"},
        {LINE("{\"type\":\"R\",\"0123456789012345678901234567890123456789tail\":\"1\"}"),
         "records[1].0123456789012345678901234567890123456789...: records of this type have no such field"},
        {LINE("{\"type\":\"R\",\"value\":\"1\",\"field_4\":\"1\"}"), "records[1].value: it comes twice"},
        {LINE("{\"type\":\"R\",\"value\":\"1\",\"seq\":\"1\",\"value\":\"2\"}"), "records[1].value: it comes twice"},
        {LINE("{\"type\":\"R\",\"value\":true}"), "records[1].value: a string is expected, and true is there"},
        {LINE("{\"type\":\"R\",\"value\":{}}"), "records[1].value: a string is expected, and an object is there"},
        {LINE("{\"type\":\"R\",\"value\":[\"a\",[\"b\"]]}"),
         "records[1].value: a string is expected, and an array is there"},
        {LINE("{\"type\":\"R\",\"value\":[[\"a\"],\"b\"]}"),
         "records[1].value: an array of components, as before it, is expected, and a string is there"},
        {LINE("{\"type\":\"R\",\"value\":[[[\"a\"]]]}"),
         "records[1].value: a string is expected, and an array is there"},
        {LINE("{\"type\":\"R\",\"field_999999999\":\"1\"}"),
         "records[1].field_999999999: the message is longer than 4096 bytes"},
        {LINE("{\"type\":\"R\",\"fields\":\"R\"}"), "records[1].fields: an array is expected, and a string is there"},
        {LINE("{\"type\":\"R\",\"fields\":[]}"), "records[1].fields[0]: the first field is the type, and is missing"},
        {LINE("{\"type\":\"R\",\"fields\":[\"C\"]}"), "records[1].fields[0]: it is not the type of the record"},
        {LINE("{\"type\":\"R\",\"fields\":[\"R\",\"\",false]}"),
         "records[1].fields[2]: a string is expected, and false is there"},
        {LINE("{\"type\":\"R\",\"fields\":[\"R\",\"\\u0003\"]}"),
         "records[1].fields[1]: it holds ETX, which cannot be sent"},
        {LINE("{\"type\":\"R\",\"fields\":[\"R\"],\"seq\":\"1\"}"),
         "records[1].seq: a record with fields has no other keys"},
        {"{\"records\":[{\"type\":\"H\",\"delimiters\":[\"\\\\\"]}]}",
         "records[0].delimiters: a string is expected, and an array is there"},
        {"{\"records\":[{\"type\":\"H\",\"delimiters\":\"|^&\"}]}",
         "records[0].delimiters: it holds a separator, which ends it"},
        {"{\"field_delimiter\":\"&\",\"records\":[{\"type\":\"H\"}]}",
         "records[0].delimiters: it holds a separator, which ends it"},
        {"{\"field_delimiter\":\"ab\",\"records\":[{\"type\":\"H\"}]}", "field_delimiter: it is none"},
        {"{\"field_delimiter\":\"&\",\"records\":[{\"type\":\"H\",\"delimiters\":\"xx\"},{\"type\":\"C\",\"text\":"
         "\"a^b\"}]}",
         "records[1].text: it holds ^, which separates, and the message has no escape character"},
        {"{\"field_delimiter\":\"^\",\"records\":[{\"type\":\"H\",\"delimiters\":\"xx\"},{\"type\":\"C\",\"text\":"
         "[\"a\",\"b\"]}]}",
         "records[1].text: the message has no component delimiter"},
    };
    IS_WRONG(astm_encode, &encoder, cases);
    is_wrong_when_cut(astm_encode, &encoder, LINE("{\"type\":\"R\",\"value\":[[\"a\\u00e9\"],[\"b\"]],\"seq\":1}"));
}

/* Many keys, in the worst of orders. */
static void many_keys(void)
{
    enum { MANY = ASTM_ENCODE_KEYS };
    struct bytes line = {0}, text = {0};
    for (int more = 0; more < 2; more++) {
        line.len = text.len = 0;
        bytes_puts(&line, "{\"records\":[{");
        for (int i = MANY + more; i; i--)
            bytes_printf(&line, "\"field_%d\":\"%d\",", i + 1, i % 10);
        bytes_puts(&line, "\"type\":\"M\"}]}");
        enum encode_result result = astm_encode(&encoder, line.data, line.len, 10 << 20, &text);
        if (more)
            is_str(encoder.why, "records[0].field_2: a record has at most 65536 keys", "one key too many");
        else
            ok(result == ENCODE_DONE && text.len == 2 + 2 * MANY && memcmp(text.data, "M|1|2|3|4", 9) == 0,
               "%d keys are put in order", MANY);
    }
    bytes_free(&line);
    bytes_free(&text);
}

int main(void)
{
    named();
    escaped();
    positional();
    wrong();
    many_keys();
    encode_free(&encoder);
    return done();
}
