#include "hl7/encode.h"

#include "encode_case.h"

#define RECORDS "\"records\":[[\"MSH\",\"|\",\"^~\\\\&\",\"caf\\u00e9\"]]"
#define LATIN1 "MSH|^~\\&|caf\xE9\r"
#define UTF8 "MSH|^~\\&|caf\xC3\xA9\r"

static struct encoder encoder;

static void keys(void)
{
    static const struct encode_case cases[] = {
        {"{" RECORDS "}", UTF8},
        {" { \"records\" : [ [ \"MSH\" , \"|\" , \"^~\\\\&\" , \"caf\\u00e9\" ] ] } \r\n", UTF8},
        {"{\"charset\":\"latin1\"," RECORDS "}", LATIN1},
        {"{" RECORDS ",\"charset\":\"ISO-8859-1\"}", LATIN1},
        {"{" RECORDS ",\"charset\":\"ISO-8859-1\",\"notes\":[]}", LATIN1},
        {"{\"charset\":null,\"records\":[[\"MSH\"]],\"notes\":[[]]}", "MSH\r"},
        {"{\"other\":{\"records\":[1,{}]},\"protocol\":\"hl7\"," RECORDS "}", UTF8},
        {"{\"type\":17," RECORDS ",\"x\":[{}]}", UTF8},
        {"{\"positional\":false," RECORDS "}", UTF8},
        {"{\"id\":4711," RECORDS "}", UTF8},
    };
    static const struct encode_case wrong[] = {
        {"{" RECORDS "," RECORDS "}", "records: there are records already"},
        {"{" RECORDS "," RECORDS ",\"a\":1}", "records: it comes twice"},
        {"{\"text\":\"MSH\"," RECORDS "}", "there are records and a text: which is meant?"},
        {"{" RECORDS ",\"text\":\"MSH\",\"a\":[[]]}", "text: there are records already"},
        {"{" RECORDS ",\"charset\":\"ISO-8859-1\",\"a\":[[]]}", "charset: it has to stand before the records"},
        {"{" RECORDS ",\"positional\":true,\"a\":[[]]}", "positional: it has to stand before the records"},
        {"{\"protocol\":\"astm\",\"text\":\"MSH\"}", "protocol: it is not hl7"},
        {"{\"id\":\"a\",\"id\":\"b\"," RECORDS "}", "id: it comes twice"},
        {"{\"id\":[]," RECORDS "}", "id: a string is expected, and an array is there"},
        {"{\"link\":1," RECORDS "}", "link: a string is expected, and a number is there"},
        {"{\"positional\":1," RECORDS "}", "positional: true or false is expected, and a number is there"},
        {"{\"charset\":\"no\\u0007such\"," RECORDS "}", "charset: no?such is not known here"},
        {"{\"charset\":\"utf8\\u0000\"," RECORDS "}", "charset: utf8? is not known here"},
        {"{\"charset\":\"01234567890123456789012345678901234567890123456789\"," RECORDS "}",
         "charset: 0123456789012345678901234567890123456789... is not known here"},
        {"{" RECORDS "} x", "column 47: something stands behind the value"},
        {"{\"records\":1}", "records: an array is expected, and a number is there"},
        {"{\"records\":[[\"MSH\"]] \"a\":1}", "column 22: a comma or a closing bracket is missing"},
        {"{\"charset\":\"ISO-8859-1\",\"records\":[[\"MSH\"],[\"PID\",\"\\u00e9\\u4e2d\"]]}",
         "records[1]: U+4E2D is not in ISO-8859-1"},
        {"{\"charset\":\"US-ASCII\",\"records\":[[\"MSH\"],[\"PID\",\"\\u00e9\"]]}",
         "records[1]: U+00E9 is not in US-ASCII"},
    };
    BECOMES(hl7_encode, &encoder, cases);
    IS_WRONG(hl7_encode, &encoder, wrong);
}

static void is_slice(struct json_slice got, const char *want, const char *name)
{
    is_bytes(got.p, got.n, want, strlen(want), "%s", name);
}

static void envelope(void)
{
    char line[] = "{\"id\":\"o-\\u0031\",\"digest\":\"00ff\",\"link\":\"cobas\",\"peer\":\"10.0.0.5:4000\",\"charset\":"
                  "\"latin1\",\"protocol\":\"hl7\"," RECORDS "}";
    char text_line[] = "{\"link\":\"cobas\",\"id\":17,\"peer\":null,\"text\":\"MSH|\\rPID|\\r\"}";
    struct bytes text = {0};
    const struct encode_envelope *v = &encoder.envelope;
    is_int(encode_line(hl7_encode, &encoder, (unsigned char *)line, strlen(line), &text), ENCODE_DONE,
           "a line with an envelope");
    is_slice(v->id, "o-1", "its id");
    is_slice(v->digest, "00ff", "its digest");
    is_slice(v->link, "cobas", "its link");
    is_slice(v->peer, "10.0.0.5:4000", "its peer");
    is_slice(v->charset, "latin1", "its character set");
    is_slice(v->protocol, "hl7", "its protocol");
    ok(!v->text.p && !v->positional, "and nothing else");
    is_int(encode_line(hl7_encode, &encoder, (unsigned char *)text_line, strlen(text_line), &text), ENCODE_TEXT,
           "a line with a text has no records");
    is_slice(v->text, "MSH|\rPID|\r", "but the text");
    is_slice(v->id, "17", "and a number as its id");
    ok(!v->peer.p && !v->digest.p && !v->charset.p && !v->protocol.p, "and nothing of the line before");
    bytes_free(&text);
}

/* The text may have exactly `max` bytes, in the set that it is sent in. */
static void limits(void)
{
    static const struct {
        const char *line;
        size_t max;
        bool fits;
    } cases[] = {
        {"{" RECORDS "}", sizeof UTF8 - 1, true},
        {"{" RECORDS "}", sizeof UTF8 - 2, false},
        {"{" RECORDS "}", 5, false},
        {"{" RECORDS "}", 0, false},
        {"{\"records\":[[\"MSH\",\"|\",\"^~\\\\&\",\"\\r\\r\\r\"],[\"A\"],[\"B\"]]}", 12, false},
        {"{\"records\":[[\"\",[[[\"\"],[\"\"],[\"\"],[\"\"]]],\"\"]]}", 6, true},
        {"{\"records\":[[\"\",[[[\"\"],[\"\"],[\"\"],[\"\"]]],\"\"]]}", 5, false},
    };
    struct bytes text = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = strlen(cases[i].line);
        char why[64];
        unsigned char *line = exact_copy(cases[i].line, n);
        text.len = 0;
        enum encode_result result = hl7_encode(&encoder, line, n, cases[i].max, &text);
        snprintf(why, sizeof why, ": the message is longer than %zu bytes", cases[i].max);
        ok(cases[i].fits ? result == ENCODE_DONE && text.len <= cases[i].max
                         : result == ENCODE_WRONG && strstr(encoder.why, why + 2),
           "%s in %zu bytes: %s", cases[i].line, cases[i].max, encoder.why);
        free(line);
    }
    bytes_free(&text);
}

/* A set in which characters have bytes that separate: it is made in UTF-8 first. */
static void multi_byte(void)
{
    static const struct encode_case cases[] = {
        {"{\"charset\":\"Shift_JIS\",\"records\":[[\"MSH\",\"|\",\"^~\\\\&\",\"\\u8868|\"]]}",
         "MSH|^~\\&|\x95\x5C\\F\\\r"},
        {"{\"charset\":\"ISO-2022-JP\",\"records\":[[\"MSH\",\"|\",\"^~\\\\&\",\"\\u65e5\"]]}",
         "MSH|^~\\&|\x1B$BF|\x1B(B\r"},
    };
    struct charset set;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *name = i ? "ISO-2022-JP" : "Shift_JIS";
        if (charset_open(&set, name) && set.writer != (iconv_t)-1)
            becomes(hl7_encode, &encoder, &cases[i], 1);
        else
            skip(name, "the system's iconv does not write it");
        charset_close(&set);
    }
}

int main(void)
{
    keys();
    envelope();
    limits();
    multi_byte();
    encode_free(&encoder);
    return done();
}
