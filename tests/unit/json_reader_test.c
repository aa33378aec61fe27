#include "base/json_reader.h"

#include "astm/reader.h"
#include "astm/view.h"
#include "base/utf8.h"
#include "hl7/reader.h"
#include "hl7/view.h"
#include "json_rewrite.h"
#include "tap.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* ---- the grammar ---- */

struct text {
    const char *text;
    size_t n;
    const char *want; /* written again; NULL: the same */
};

#define SAME(text)                                                                                                     \
    {                                                                                                                  \
        text, sizeof(text) - 1, NULL                                                                                   \
    }
#define READ(text, want)                                                                                               \
    {                                                                                                                  \
        text, sizeof(text) - 1, want                                                                                   \
    }

static const struct text good[] = {
    SAME("null"),
    SAME("true"),
    SAME("false"),
    SAME("0"),
    SAME("-0"),
    SAME("7"),
    SAME("10"),
    SAME("-123456789012345678901234567890"),
    SAME("0.0"),
    SAME("1.50"),
    SAME("-0.1"),
    SAME("0e0"),
    SAME("1E9"),
    SAME("1e+09"),
    SAME("1.25e-300"),
    SAME("\"\""),
    SAME("\"plain\""),
    SAME("\"a text that is longer than two vectors of sixteen bytes each\""),
    SAME("\"\x7F \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80\""),
    SAME("\"\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\""),
    SAME("\"\\\"\\\\\\b\\f\\n\\r\\t\""),
    READ("\"\\/\"", "\"/\""),
    READ("\"\\u0041\\u00e9\\u20AC\\uD83D\\ude00\"", "\"A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""),
    READ("\"\\uD800\\uDC00\\uDBFF\\uDFFF\"", "\"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\""),
    READ("\"\\uD7FF\\uE000\\uFFFF\"", "\"\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\""),
    READ("\"\\u0022\\u005C\\u002f\"", "\"\\\"\\\\/\""),
    SAME("\"\\u0000\""),
    SAME("\"a\\u0000b\\u001f\""),
    SAME("[]"),
    SAME("{}"),
    SAME("[[]]"),
    SAME("[{}]"),
    SAME("[1]"),
    SAME("[1,2,\"3\",null,true,false,[],{}]"),
    SAME("[[[[\"A\"],[\"B\"]]],[]]"),
    SAME("{\"a\":1}"),
    SAME("{\"\":\"\"}"),
    SAME("{\"a\":{\"a\":{\"a\":[]}},\"b\":[{\"c\":-1}]}"),
    SAME("{\"a\":1,\"a\":2}"),
    READ("{\"\\u0069d\":1}", "{\"id\":1}"),
    READ(" \t\r\n1 \t\r\n", "1"),
    READ("1\r", "1"),
    READ("\"a\"\r\n", "\"a\""),
    READ(" [ ] ", "[]"),
    READ(" [ 1 , [ ] , { } ] ", "[1,[],{}]"),
    READ("\t{ \"a\"\t:\r1\n, \"b\" : [ 2 ] } ", "{\"a\":1,\"b\":[2]}"),
    READ("\xEF\xBB\xBF{\"a\":1}", "{\"a\":1}"),
    READ("\xEF\xBB\xBF 1", "1"),
    SAME("{\"link\":\"cobas\",\"id\":\"o-17\",\"peer\":\"10.0.0.5\",\"text\":\"H|\\\\^&\\rL|1\\r\"}"),
};

struct defect {
    const char *text;
    size_t n;
    enum json_error error;
    size_t at;
};

#define BAD(text, error, at)                                                                                           \
    {                                                                                                                  \
        text, sizeof(text) - 1, error, at                                                                              \
    }

static const struct defect bad[] = {
    BAD("", JSON_EMPTY, 0),
    BAD(" \t\r\n", JSON_EMPTY, 4),
    BAD("\xEF\xBB\xBF", JSON_EMPTY, 3),
    BAD("\xEF\xBB", JSON_NO_VALUE, 0),
    BAD(" \xEF\xBB\xBF"
        "1",
        JSON_NO_VALUE, 1),
    BAD("1\xEF\xBB\xBF", JSON_BEHIND, 1),
    BAD("\v1", JSON_NO_VALUE, 0),
    BAD("\xC2\xA0"
        "1",
        JSON_NO_VALUE, 0),
    BAD("\0", JSON_NO_VALUE, 0),
    BAD("1\0", JSON_BEHIND, 1),
    BAD("/**/1", JSON_NO_VALUE, 0),
    BAD("1 //", JSON_BEHIND, 2),
    BAD("'a'", JSON_NO_VALUE, 0),
    BAD(",", JSON_NO_VALUE, 0),
    BAD(":", JSON_NO_VALUE, 0),
    BAD("]", JSON_NO_VALUE, 0),
    BAD("}", JSON_NO_VALUE, 0),
    /* words */
    BAD("nul", JSON_BAD_WORD, 0),
    BAD("nulll", JSON_BAD_WORD, 0),
    BAD("null1", JSON_BAD_WORD, 0),
    BAD("True", JSON_BAD_WORD, 0),
    BAD("NULL", JSON_BAD_WORD, 0),
    BAD("NaN", JSON_BAD_WORD, 0),
    BAD("Infinity", JSON_BAD_WORD, 0),
    BAD("undefined", JSON_BAD_WORD, 0),
    BAD("[fals]", JSON_BAD_WORD, 1),
    BAD("[t", JSON_BAD_WORD, 1),
    BAD("{a:1}", JSON_NO_KEY, 1),
    /* numbers */
    BAD("-", JSON_BAD_NUMBER, 0),
    BAD("+1", JSON_BAD_NUMBER, 0),
    BAD("--1", JSON_BAD_NUMBER, 0),
    BAD("01", JSON_BAD_NUMBER, 0),
    BAD("-01", JSON_BAD_NUMBER, 0),
    BAD("00", JSON_BAD_NUMBER, 0),
    BAD("1.", JSON_BAD_NUMBER, 0),
    BAD("1.e1", JSON_BAD_NUMBER, 0),
    BAD("-.5", JSON_BAD_NUMBER, 0),
    BAD(".5", JSON_BAD_NUMBER, 0),
    BAD("1e", JSON_BAD_NUMBER, 0),
    BAD("1e+", JSON_BAD_NUMBER, 0),
    BAD("1E-", JSON_BAD_NUMBER, 0),
    BAD("1e1.5", JSON_BAD_NUMBER, 0),
    BAD("1.2.3", JSON_BAD_NUMBER, 0),
    BAD("0x1F", JSON_BAD_NUMBER, 0),
    BAD("1a", JSON_BAD_NUMBER, 0),
    BAD("-Infinity", JSON_BAD_NUMBER, 0),
    BAD("[1,02]", JSON_BAD_NUMBER, 3),
    BAD("1,2", JSON_BEHIND, 1),
    BAD("1 2", JSON_BEHIND, 2),
    /* strings */
    BAD("\"", JSON_OPEN_STRING, 0),
    BAD(" \"abc", JSON_OPEN_STRING, 1),
    BAD("\"abc\\", JSON_OPEN_STRING, 0),
    BAD("\"abc\\\"", JSON_OPEN_STRING, 0),
    BAD("[\"a long text that has no end, as a torn line has", JSON_OPEN_STRING, 1),
    BAD("{\"a", JSON_OPEN_STRING, 1),
    BAD("\"\n\"", JSON_BAD_CONTROL, 1),
    BAD("\"a\tb\"", JSON_BAD_CONTROL, 2),
    BAD("\"a\0\"", JSON_BAD_CONTROL, 2),
    BAD("\"\x1F\"", JSON_BAD_CONTROL, 1),
    BAD("\"\\x\"", JSON_BAD_ESCAPE, 1),
    BAD("\"\\'\"", JSON_BAD_ESCAPE, 1),
    BAD("\"\\a\"", JSON_BAD_ESCAPE, 1),
    BAD("\"\\0\"", JSON_BAD_ESCAPE, 1),
    BAD("\"\\N\"", JSON_BAD_ESCAPE, 1),
    BAD("\"\\\n\"", JSON_BAD_ESCAPE, 1),
    BAD("\"\\\xC3\xA9\"", JSON_BAD_ESCAPE, 1),
    BAD("\"\\U0041\"", JSON_BAD_ESCAPE, 1),
    BAD("\"\\u\"", JSON_BAD_ESCAPE, 1),
    BAD("\"\\u12\"", JSON_BAD_ESCAPE, 1),
    BAD("\"\\u123\"", JSON_BAD_ESCAPE, 1),
    BAD("\"\\u123g\"", JSON_BAD_ESCAPE, 1),
    BAD("\"\\u-123\"", JSON_BAD_ESCAPE, 1),
    BAD("\"\\u 123\"", JSON_BAD_ESCAPE, 1),
    BAD("\"\\u00@1\"", JSON_BAD_ESCAPE, 1),
    BAD("\"\\u00:1\"", JSON_BAD_ESCAPE, 1),
    BAD("\"ab\\u12", JSON_BAD_ESCAPE, 3),
    BAD("\"\\uD800\"", JSON_BAD_PAIR, 1),
    BAD("\"\\uD800", JSON_BAD_PAIR, 1),
    BAD("\"\\uD800\\uDC0", JSON_BAD_PAIR, 1),
    BAD("\"\\uD800\\n0000\"", JSON_BAD_PAIR, 1),
    BAD("\"\\uD800\\u0041\"", JSON_BAD_PAIR, 1),
    BAD("\"\\uD800\\uD800\"", JSON_BAD_PAIR, 1),
    BAD("\"\\uD800x\\uDC00\"", JSON_BAD_PAIR, 1),
    BAD("\"\\uDBFF\\uE000\"", JSON_BAD_PAIR, 1),
    BAD("\"a\\uDC00\\uD800\"", JSON_BAD_PAIR, 2),
    BAD("\"\\uDFFF\"", JSON_BAD_PAIR, 1),
    BAD("\"\x80\"", JSON_BAD_UTF8, 1),
    BAD("\"\xC3\"", JSON_BAD_UTF8, 1),
    BAD("\"\xC3", JSON_BAD_UTF8, 1),
    BAD("\"\xC0\x80\"", JSON_BAD_UTF8, 1),
    BAD("\"\xE0\x80\x80\"", JSON_BAD_UTF8, 1),
    BAD("\"\xED\xA0\x80\"", JSON_BAD_UTF8, 1),
    BAD("\"\xF4\x90\x80\x80\"", JSON_BAD_UTF8, 1),
    BAD("\"\xFF\"", JSON_BAD_UTF8, 1),
    BAD("\"M\xFCller\"", JSON_BAD_UTF8, 2),
    BAD("\"\xC3\xA9\xE9\"", JSON_BAD_UTF8, 3),
    BAD("{\"\xFC\":1}", JSON_BAD_UTF8, 2),
    BAD("\"a\" \"b\"", JSON_BEHIND, 4),
    /* arrays */
    BAD("[", JSON_CUT, 1),
    BAD("[1", JSON_CUT, 2),
    BAD("[1,", JSON_CUT, 3),
    BAD("[ ", JSON_CUT, 2),
    BAD("[[]", JSON_CUT, 3),
    BAD("[,]", JSON_NO_VALUE, 1),
    BAD("[1,]", JSON_NO_VALUE, 3),
    BAD("[1,,2]", JSON_NO_VALUE, 3),
    BAD("[,1]", JSON_NO_VALUE, 1),
    BAD("[1 2]", JSON_NO_COMMA, 3),
    BAD("[\"a\"\"b\"]", JSON_NO_COMMA, 4),
    BAD("[1:2]", JSON_NO_COMMA, 2),
    BAD("[1}", JSON_NO_COMMA, 2),
    BAD("[}", JSON_NO_VALUE, 1),
    BAD("[]]", JSON_BEHIND, 2),
    BAD("[],", JSON_BEHIND, 2),
    BAD("[][]", JSON_BEHIND, 2),
    /* objects */
    BAD("{", JSON_CUT, 1),
    BAD("{\"a\"", JSON_CUT, 4),
    BAD("{\"a\":", JSON_CUT, 5),
    BAD("{\"a\":1", JSON_CUT, 6),
    BAD("{\"a\":1,", JSON_CUT, 7),
    BAD("{\"a\":{}", JSON_CUT, 7),
    BAD("{\"a\":1,}", JSON_NO_KEY, 7),
    BAD("{,}", JSON_NO_KEY, 1),
    BAD("{1:2}", JSON_NO_KEY, 1),
    BAD("{null:2}", JSON_NO_KEY, 1),
    BAD("{\"a\"}", JSON_NO_COLON, 4),
    BAD("{\"a\",\"b\"}", JSON_NO_COLON, 4),
    BAD("{\"a\" 1}", JSON_NO_COLON, 5),
    BAD("{\"a\":}", JSON_NO_VALUE, 5),
    BAD("{\"a\"::1}", JSON_NO_VALUE, 5),
    BAD("{\"a\":1 \"b\":2}", JSON_NO_COMMA, 7),
    BAD("{\"a\":1;\"b\":2}", JSON_NO_COMMA, 6),
    BAD("{\"a\":1]", JSON_NO_COMMA, 6),
    BAD("{]", JSON_NO_KEY, 1),
    BAD("{}}", JSON_BEHIND, 2),
    BAD("{\"a\":1}{\"a\":2}", JSON_BEHIND, 7),
};

/* Skips the whole text, in an exact copy. Returns whether it was right, and stayed as it was; tells its reader. */
static bool skip_all(const void *text, size_t n, struct json_reader *r, struct json_slice *value)
{
    unsigned char *copy = exact_copy(text, n);
    json_reader_init(r, copy, n);
    bool fine = json_reader_skip(r, value) && json_reader_next(r) == JSON_END;
    value->p = value->p ? (const unsigned char *)text + (value->p - copy) : NULL;
    if (n && memcmp(copy, text, n) != 0)
        abort();
    free(copy);
    return fine;
}

static void read_good(const struct text *c)
{
    unsigned char *copy = exact_copy(c->text, c->n);
    const char *want = c->want ? c->want : c->text;
    struct bytes out = {0}, again = {0};
    struct json_reader r;
    struct json_slice value;
    json_reader_init(&r, copy, c->n);
    ok(rewrite(&r, &out) && r.error == JSON_FINE && json_reader_next(&r) == JSON_END, "read: %s", want);
    is_bytes(out.data, out.len, want, c->want ? strlen(want) : c->n, "written again: %s", want);
    bool fine = skip_all(c->text, c->n, &r, &value) && value.p;
    if (fine) {
        bytes_append(&again, value.p, value.n);
        json_reader_init(&r, again.data, again.len);
        again.len = 0;
        struct bytes second = {0};
        fine = rewrite(&r, &second) && second.len == out.len && !memcmp(second.data, out.data, out.len);
        bytes_free(&second);
    }
    ok(fine, "skipped, its text is the same: %s", want);
    bytes_free(&out);
    bytes_free(&again);
    free(copy);
}

static void read_bad(const struct defect *c)
{
    unsigned char *copy = exact_copy(c->text, c->n);
    struct bytes out = {0};
    struct json_reader r;
    struct json_slice value;
    json_reader_init(&r, copy, c->n);
    ok(!rewrite(&r, &out) && json_reader_next(&r) == JSON_WRONG && !json_reader_skip(&r, NULL),
       "wrong, and stays so: %s", c->text);
    is_int(r.error, c->error, "why: %s", c->text);
    is_int(r.wrong, c->at, "where: %s", c->text);
    ok(!skip_all(c->text, c->n, &r, &value) && r.error == c->error && r.wrong == c->at, "the same when skipped: %s",
       c->text);
    bytes_free(&out);
    free(copy);
}

/* What is not ended is not right, wherever it is cut off. */
static void cut(const struct text *c)
{
    struct json_reader r;
    struct json_slice value;
    size_t end = c->n;
    while (end && strchr(" \t\r\n", c->text[end - 1]))
        end--;
    if (!end || !strchr("]}\"", c->text[end - 1]))
        return;
    int right = 0;
    for (size_t n = 0; n < end; n++)
        right += skip_all(c->text, n, &r, &value) || r.wrong > n;
    is_int(right, 0, "cut off anywhere it is wrong: %s", c->text);
}

/* Every byte in a string by itself, and every two behind a backslash. */
static void every_byte(void)
{
    int wrong = 0;
    struct json_reader r;
    struct json_slice value;
    for (unsigned c = 0; c < 256; c++) {
        const char plain[] = {'"', (char)c, '"'}, escaped[] = {'"', '\\', (char)c, '"'};
        bool taken = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
        wrong += skip_all(plain, sizeof plain, &r, &value) != taken;
        wrong += skip_all(escaped, sizeof escaped, &r, &value) != (c && strchr("\"\\/bfnrt", (int)c));
        wrong += skip_all(&plain[1], 1, &r, &value) != (c >= '0' && c <= '9');
    }
    is_int(wrong, 0, "of all bytes those are taken that the grammar has");
}

/* ---- strings ---- */

static bool is_point(uint32_t point)
{
    return point < 0xD800 || point > 0xDFFF;
}

static void put_unit(struct bytes *out, uint32_t unit, bool upper)
{
    bytes_printf(out, upper ? "\\u%04X" : "\\u%04x", (unsigned)unit);
}

static void put_escaped(struct bytes *out, uint32_t point)
{
    if (point < 0x10000) {
        put_unit(out, point, point & 1);
    } else {
        put_unit(out, 0xD800 + ((point - 0x10000) >> 10), point & 1);
        put_unit(out, 0xDC00 + ((point - 0x10000) & 0x3FF), point & 2);
    }
}

/* Reads a string that is the whole of json, and compares. */
static bool reads_as(struct bytes *json, const struct bytes *text)
{
    unsigned char *copy = exact_copy(json->data, json->len);
    struct json_reader r;
    struct json_slice read;
    json_reader_init(&r, copy, json->len);
    bool fine =
        json_reader_string(&r, &read) && read.n == text->len && (!read.n || !memcmp(read.p, text->data, read.n));
    free(copy);
    return fine;
}

/* Every character there is, 997 in a string, as json_string writes it and as an escape. */
static void every_character(void)
{
    enum { EACH = 997 };
    int wrong = 0;
    struct bytes text = {0}, written = {0}, escaped = {0};
    for (uint32_t from = 0; from <= 0x10FFFF; from += EACH) {
        text.len = written.len = escaped.len = 0;
        bytes_puts(&escaped, "\"");
        for (uint32_t point = from; point < from + EACH && point <= 0x10FFFF; point++) {
            unsigned char bytes[4];
            if (!is_point(point))
                continue;
            bytes_append(&text, bytes, utf8_encode(point, bytes));
            put_escaped(&escaped, point);
        }
        bytes_puts(&escaped, "\"");
        json_string(&written, text.data, text.len);
        if (!text.len) /* surrogates alone */
            continue;
        wrong += !reads_as(&written, &text) + !reads_as(&escaped, &text);
    }
    is_int(wrong, 0, "every character there is, as our writer writes it and as an escape");
    bytes_free(&text);
    bytes_free(&written);
    bytes_free(&escaped);
}

/* Texts of every length up to 100 with a special byte in every place, so that escapes stand at all places of a vector.
 */
static void every_place(void)
{
    static const char *const specials[] = {"\r", "\"", "\\", "\x01", "\xC3\xA9", "\xF0\x9F\x98\x80"};
    int wrong = 0;
    struct bytes text = {0}, written = {0};
    for (size_t i = 0; i < COUNT(specials); i++)
        for (size_t n = 0; n < 100; n++)
            for (size_t at = 0; at <= n; at += n < 40 ? 1 : 7) {
                text.len = written.len = 0;
                for (size_t k = 0; k < n; k++)
                    bytes_puts(&text, k == at || k == n - at ? specials[i] : "x");
                json_string(&written, text.data, text.len);
                wrong += !reads_as(&written, &text);
            }
    is_int(wrong, 0, "special bytes in every place");
    bytes_free(&text);
    bytes_free(&written);
}

static void random_texts(void)
{
    int wrong = 0;
    unsigned seed = 5;
    struct bytes text = {0}, written = {0};
    for (int round = 0; round < 3000; round++) {
        text.len = written.len = 0;
        for (unsigned n = (seed = seed * 1103515245 + 12345) >> 16 & 63; n; n--) {
            unsigned char bytes[4];
            uint32_t point = (seed = seed * 1103515245 + 12345) >> 8;
            point = point & 0x800000 ? point & 0x7F : point & 0x400000 ? point & 0x7FF : point & 0xFFFF;
            bytes_append(&text, bytes, utf8_encode(is_point(point) ? point : '|', bytes));
        }
        json_string(&written, text.data, text.len);
        wrong += !reads_as(&written, &text);
    }
    is_int(wrong, 0, "random texts are read as they were written");
    bytes_free(&text);
    bytes_free(&written);
}

/* ---- large and deep ---- */

static void fill(struct bytes *b, const char *piece, size_t times)
{
    for (size_t n = strlen(piece); times; times--)
        bytes_append(b, piece, n);
}

static void large(void)
{
    static const char *const pieces[] = {"x", "\\r", "\\u0000", "\\ud83d\\ude00", "\xE2\x82\xAC", "R|1|^^^GLU|5.4\\r"};
    static const size_t lengths[] = {1, 1, 1, 4, 3, 15};
    for (size_t i = 0; i < COUNT(pieces); i++) {
        struct bytes json = {0};
        struct json_reader r;
        struct json_slice text;
        size_t times = (10 << 20) / strlen(pieces[i]);
        fill(&json, "\"", 1);
        fill(&json, pieces[i], times);
        fill(&json, "\"", 1);
        json_reader_init(&r, json.data, json.len);
        ok(json_reader_string(&r, &text) && text.n == times * lengths[i] &&
               memcmp(text.p, text.p + lengths[i], text.n - lengths[i]) == 0,
           "a string of 10 MB of %s", pieces[i]);
        bytes_free(&json);
    }
}

static void deep(void)
{
    static const struct {
        const char *open, *inside, *close;
    } kinds[] = {{"[", "", "]"}, {"{\"a\":", "1", "}"}, {"[{\"a\":", "1", "}]"}};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        size_t each = i == 2 ? 2 : 1;
        struct bytes json = {0};
        struct json_reader r;
        struct json_slice value;
        fill(&json, kinds[i].open, JSON_DEPTH / each);
        fill(&json, kinds[i].inside, 1);
        fill(&json, kinds[i].close, JSON_DEPTH / each);
        ok(skip_all(json.data, json.len, &r, &value), "%s as deep as may be", kinds[i].open);
        bytes_free(&json);
        fill(&json, kinds[i].open, 1000000);
        size_t place = JSON_DEPTH / each * strlen(kinds[i].open);
        ok(!skip_all(json.data, json.len, &r, &value) && r.error == JSON_TOO_DEEP && r.wrong == place,
           "%s a million times is too deep", kinds[i].open);
        bytes_free(&json);
    }
    struct bytes json = {0};
    struct json_reader r;
    struct json_slice value;
    fill(&json, "[", 1);
    fill(&json, "[[],{}],", 200000);
    fill(&json, "[]]", 1);
    ok(skip_all(json.data, json.len, &r, &value), "many beside each other are not deep");
    bytes_free(&json);
}

/* ---- skipping ---- */

static void skips(void)
{
    char text[] = "{\"a\":[1,{\"b\":\"\\u0041\"},[]],\"c\":\"\\u0042\",\"d\":[\"e\",{\"f\":{}},\"g\"],\"h\":null}";
    struct json_reader r;
    struct json_slice value;
    json_reader_init(&r, (unsigned char *)text, sizeof text - 1);
    is_int(json_reader_next(&r), JSON_OBJECT, "an object begins");
    is_int(json_reader_next(&r), JSON_KEY, "its first key");
    ok(json_reader_skip(&r, &value), "its value is skipped");
    is_bytes(value.p, value.n, "[1,{\"b\":\"\\u0041\"},[]]", 21, "and is there as it was written");
    ok(json_reader_skip(&r, &value) && !value.p, "then there is nothing to skip");
    is_int(json_reader_next(&r), JSON_KEY, "the second key comes next");
    is_int(r.from, 27, "from where it stands");
    ok(json_reader_skip(&r, &value) && value.n == 8 && value.p[1] == '\\', "a string that is skipped stays as it is");
    json_reader_next(&r);
    json_reader_next(&r);
    json_reader_next(&r);
    ok(json_reader_skip(&r, &value) && !value.p && r.kind == JSON_STRING, "behind a string there is nothing to skip");
    is_int(json_reader_next(&r), JSON_OBJECT, "an element that is an object");
    ok(json_reader_skip(&r, &value), "the rest of it is skipped");
    is_bytes(value.p, value.n, "{\"f\":{}}", 8, "it is told from its bracket on");
    is_int(json_reader_next(&r), JSON_STRING, "the element behind it comes next");
    is_int(json_reader_next(&r), JSON_ARRAY_END, "and the end of the array");
    is_int(json_reader_next(&r), JSON_KEY, "and a key");
    is_bytes(r.text.p, r.text.n, "h", 1, "the last one");
    ok(json_reader_skip(&r, &value) && value.n == 4, "null is skipped");
    is_int(json_reader_next(&r), JSON_OBJECT_END, "the object is over");
    is_int(json_reader_next(&r), JSON_END, "and so is the text");
    ok(json_reader_skip(&r, &value) && !value.p, "there is nothing left to skip");
}

static void skips_the_rest(void)
{
    char text[] = "[[1,\"a\",[2],3],{\"b\":1,\"c\":2}]";
    struct json_reader r;
    json_reader_init(&r, (unsigned char *)text, sizeof text - 1);
    json_reader_next(&r);
    json_reader_next(&r);
    ok(json_reader_skip(&r, NULL) && json_reader_next(&r) == JSON_OBJECT, "an array that has begun is skipped");
    ok(json_reader_skip(&r, NULL) && json_reader_next(&r) == JSON_ARRAY_END, "and an object");
    char empty[] = "[[],{}]";
    json_reader_init(&r, (unsigned char *)empty, sizeof empty - 1);
    json_reader_next(&r);
    ok(json_reader_next(&r) == JSON_ARRAY && json_reader_skip(&r, NULL) && json_reader_next(&r) == JSON_OBJECT,
       "an empty array");
    ok(json_reader_skip(&r, NULL) && json_reader_next(&r) == JSON_ARRAY_END && json_reader_next(&r) == JSON_END,
       "an empty object");
}

/* ---- members ---- */

static bool read_members(const char *text, struct json_wanted *wanted, size_t count, char complaint[JSON_COMPLAINT])
{
    static unsigned char line[1024];
    struct json_reader r;
    size_t n = strlen(text);
    memcpy(line, text, n);
    json_reader_init(&r, line, n);
    bool fine = json_reader_members(&r, wanted, count);
    json_reader_complaint(&r, complaint);
    return fine;
}

static bool is(struct json_slice text, const char *want)
{
    return want ? text.p && text.n == strlen(want) && !memcmp(text.p, want, text.n) : !text.p;
}

static void members(void)
{
    static const struct {
        const char *line, *id, *text, *peer; /* id NULL: it is wrong, and text is the complaint */
    } cases[] = {
        {"{\"link\":\"cobas\",\"id\":\"o-17\",\"peer\":\"10.0.0.5\",\"text\":\"H|\\\\^&\\rL|1\\r\"}", "o-17",
         "H|\\^&\rL|1\r", "10.0.0.5"},
        {" { \"text\" : \"\" , \"id\" : \"\" } \r", "", "", NULL},
        {"{\"id\":17,\"text\":\"t\"}", "17", "t", NULL},
        {"{\"id\":-1.5e3,\"text\":\"t\",\"peer\":null}", "-1.5e3", "t", NULL},
        {"{\"x\":{\"id\":\"no\",\"text\":[1]},\"id\":\"yes\",\"text\":\"t\",\"X\":[\"id\"],\"te\":1,\"texts\":true}",
         "yes", "t", NULL},
        {"{\"\\u0069\\u0064\":\"\\ud83d\\ude00\",\"te\\u0078t\":\"t\"}", "\xF0\x9F\x98\x80", "t", NULL},
        {"{\"x\":1,\"x\":2,\"id\":\"a\",\"text\":\"t\"}", "a", "t", NULL},
        {"{\"id\":\"a\"}", NULL, "column 1: text: it is missing", NULL},
        {"  {\"text\":null,\"id\":\"a\"}", NULL, "column 3: text: it is missing", NULL},
        {"{}", NULL, "column 1: id: it is missing", NULL},
        {"{\"id\":\"a\",\"text\":5}", NULL, "column 18: text: a string is expected", NULL},
        {"{\"id\":true,\"text\":\"t\"}", NULL, "column 7: id: a string is expected", NULL},
        {"{\"id\":\"a\",\"text\":[\"t\"]}", NULL, "column 18: text: a string is expected", NULL},
        {"{\"id\":\"a\",\"text\":\"t\",\"peer\":{}}", NULL, "column 29: peer: a string is expected", NULL},
        {"{\"id\":\"a\",\"text\":\"t\",\"id\":\"a\"}", NULL, "column 22: id: it comes twice", NULL},
        {"[]", NULL, "column 1: an object is expected", NULL},
        {"\"text\"", NULL, "column 1: an object is expected", NULL},
        {"", NULL, "column 1: there is nothing in it", NULL},
        {"{\"id\":\"a\",\"text\":\"t\"} x", NULL, "column 23: something stands behind the value", NULL},
        {"{\"id\":\"a\",\"text\":\"t\"", NULL, "column 21: the text ends within an array or object", NULL},
        {"{\"id\":\"a\",\"text\":\"t", NULL, "column 18: a string has no end", NULL},
        {"{\"id\":\"a\",\"text\":tea}", NULL, "column 18: a word that is none of true, false and null", NULL},
        {"{\"id\":\"a\",\"x\":[\"\\uD800\"]}", NULL, "column 17: half a surrogate pair, which is no character", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json_wanted wanted[] = {
            {.key = "id", .required = true, .number = true}, {.key = "text", .required = true}, {.key = "peer"}};
        char complaint[JSON_COMPLAINT];
        bool fine = read_members(cases[i].line, wanted, COUNT(wanted), complaint);
        if (cases[i].id)
            ok(fine && is(wanted[0].text, cases[i].id) && is(wanted[1].text, cases[i].text) &&
                   is(wanted[2].text, cases[i].peer),
               "%s: %s", cases[i].line, complaint);
        else if (ok(!fine, "it is wrong: %s", cases[i].line))
            is_str(complaint, cases[i].text, "and said to be: %s", cases[i].line);
    }
}

/* Objects within something else. */
static void members_within(void)
{
    char text[] = "{\"type\":\"message\",\"records\":[{\"type\":\"H\",\"sender\":[\"x\"]},{\"type\":\"L\"}],\"end\":1}";
    struct json_wanted wanted[] = {{.key = "type", .required = true}};
    struct json_reader r;
    json_reader_init(&r, (unsigned char *)text, sizeof text - 1);
    for (int i = 0; i < 4; i++)
        json_reader_next(&r);
    is_int(json_reader_next(&r), JSON_ARRAY, "the array of a member");
    char types[3] = "";
    for (size_t n = 0; json_reader_next(&r) == JSON_OBJECT && json_reader_members(&r, wanted, 1); n++)
        types[n & 1] = (char)wanted[0].text.p[0];
    is_str(types, "HL", "its objects one by one");
    is_int(r.kind, JSON_ARRAY_END, "up to its end");
    ok(json_reader_next(&r) == JSON_KEY && !json_reader_members(&r, wanted, 1), "a number is no object");
    is_int(r.error, JSON_NOT_OBJECT, "and said to be none");
}

static void strings(void)
{
    static const struct {
        const char *line, *text, *complaint;
    } cases[] = {
        {"\"MSH|^~\\\\&\\r\"\r", "MSH|^~\\&\r", "column 1: nothing is wrong"},
        {"\"\"", "", "column 1: nothing is wrong"},
        {"\"a\" b", NULL, "column 5: something stands behind the value"},
        {" 5", NULL, "column 2: a string is expected"},
        {"text", NULL, "column 1: a word that is none of true, false and null"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char line[64], complaint[JSON_COMPLAINT];
        struct json_reader r;
        struct json_slice text;
        snprintf(line, sizeof line, "%s", cases[i].line);
        json_reader_init(&r, (unsigned char *)line, strlen(line));
        ok(json_reader_string(&r, &text) == !!cases[i].text && is(text, cases[i].text), "a string: %s", cases[i].line);
        json_reader_complaint(&r, complaint);
        is_str(complaint, cases[i].complaint, "what is said of it: %s", cases[i].line);
    }
}

static void complaints(void)
{
    char complaint[JSON_COMPLAINT];
    struct json_reader r = {.wrong = SIZE_MAX - 1};
    size_t longest = 0;
    for (r.error = JSON_FINE; r.error <= JSON_MISSING; r.error++) {
        json_reader_complaint(&r, complaint);
        longest = strlen(complaint) > longest ? strlen(complaint) : longest;
    }
    ok(longest > 20 && longest + 40 < JSON_COMPLAINT, "each error has a sentence, and there is room for it and a key");
}

/* ---- our own lines ---- */

struct lines_read {
    int lines, wrong;
};

/* Reads each line of out, and writes it again. */
static void read_lines(struct lines_read *read, const struct bytes *out)
{
    struct bytes again = {0};
    for (size_t at = 0; at < out->len;) {
        const unsigned char *begin = out->data + at, *lf = memchr(begin, '\n', out->len - at);
        size_t n = lf ? (size_t)(lf - begin) : out->len - at;
        unsigned char *copy = exact_copy(begin, n);
        struct json_reader r;
        again.len = 0;
        json_reader_init(&r, copy, n);
        read->wrong += !lf || !rewrite(&r, &again) || again.len != n || memcmp(again.data, begin, n) != 0;
        read->lines++;
        free(copy);
        at += n + 1;
    }
    bytes_free(&again);
}

static void read_file(const char *file, struct bytes *bytes)
{
    char path[64], piece[4096];
    snprintf(path, sizeof path, "tests/data/%s", file);
    FILE *f = fopen(path, "rb");
    for (size_t n; f && (n = fread(piece, 1, sizeof piece, f)) > 0;)
        bytes_append(bytes, piece, n);
    if (f)
        fclose(f);
}

static const enum view_format formats[] = {VIEW_MESSAGE, VIEW_RECORD, VIEW_RESULT};
static const struct envelope envelope = {.id = "ID", .link = "a\"b", .received = "2026-11-21", .source = "\\"};

static void view_astm(struct lines_read *read, const struct message *message)
{
    for (size_t i = 0; i < 2 * COUNT(formats); i++) {
        const struct astm_view_config config = {.format = formats[i / 2], .positional = i & 1};
        struct astm_view view = {0};
        struct bytes out = {0};
        if (!astm_view_begin(&view, &config, message, &envelope))
            abort();
        while (astm_view_more(&view, &out) == VIEW_GOES_ON)
            ;
        read_lines(read, &out);
        astm_view_free(&view);
        bytes_free(&out);
    }
}

static void astm_event(void *context, const struct astm_wire *wire)
{
    struct bytes out = {0};
    astm_wire_line(&out, wire, &envelope);
    read_lines(context, &out);
    bytes_free(&out);
}

static void astm_file(const char *file)
{
    struct lines_read read = {0};
    const struct astm_reader_config config = {
        .ignore_checksum = true, .max_message = 1 << 20, .wire = astm_event, .context = &read};
    struct astm_reader reader;
    struct message message;
    struct bytes bytes = {0};
    read_file(file, &bytes);
    astm_reader_init(&reader, &config);
    size_t at = 0, taken;
    do {
        at += taken = astm_reader_push(&reader, bytes.data + at, bytes.len - at);
        while (astm_reader_next(&reader, &message))
            view_astm(&read, &message);
    } while (taken && at < bytes.len);
    astm_reader_eof(&reader, bytes.data + at, bytes.len - at);
    while (astm_reader_next(&reader, &message))
        view_astm(&read, &message);
    ok(read.lines > 10 && !read.wrong, "%s: %d lines of %d are read and written as they were", file,
       read.lines - read.wrong, read.lines);
    astm_reader_free(&reader);
    bytes_free(&bytes);
}

static void view_hl7(struct lines_read *read, const struct hl7_message *message)
{
    for (size_t i = 0; i < 2 * COUNT(formats); i++) {
        const struct hl7_view_config config = {.format = formats[i / 2], .positional = i & 1};
        struct hl7_view view = {0};
        struct bytes out = {0};
        if (!hl7_view_begin(&view, &config, message, &envelope))
            abort();
        while (hl7_view_more(&view, &out) == VIEW_GOES_ON)
            ;
        read_lines(read, &out);
        hl7_view_free(&view);
        bytes_free(&out);
    }
}

static void hl7_event(void *context, const struct hl7_wire *wire)
{
    struct bytes out = {0};
    hl7_wire_line(&out, wire, &envelope);
    read_lines(context, &out);
    bytes_free(&out);
}

static void hl7_file(const char *file)
{
    struct lines_read read = {0};
    const struct hl7_reader_config config = {.max_message = 1 << 20, .wire = hl7_event, .context = &read};
    struct hl7_reader reader;
    struct hl7_message message;
    struct bytes bytes = {0};
    read_file(file, &bytes);
    hl7_reader_init(&reader, &config);
    size_t at = 0, taken;
    do {
        at += taken = hl7_reader_push(&reader, bytes.data + at, bytes.len - at);
        while (hl7_reader_next(&reader, &message))
            view_hl7(&read, &message);
    } while (taken && at < bytes.len);
    hl7_reader_eof(&reader, bytes.data + at, bytes.len - at);
    while (hl7_reader_next(&reader, &message))
        view_hl7(&read, &message);
    ok(read.lines > 10 && !read.wrong, "%s: %d lines of %d are read and written as they were", file,
       read.lines - read.wrong, read.lines);
    hl7_reader_free(&reader);
    bytes_free(&bytes);
}

static void own_lines(void)
{
    static const char *const astm[] = {"chemistry.astm", "gb18030.astm", "latin1.astm", "logbook.astm",
                                       "long.astm",      "mishaps.astm", "noterm.astm", "resent.astm",
                                       "short.astm",     "ten.astm",     "two.astm"};
    static const char *const hl7[] = {"batch.hl7", "both.hl7", "cut.hl7", "iso2022.hl7", "latin1.hl7", "oul.hl7"};
    for (size_t i = 0; i < COUNT(astm); i++)
        astm_file(astm[i]);
    for (size_t i = 0; i < COUNT(hl7); i++)
        hl7_file(hl7[i]);
}

int main(void)
{
    for (size_t i = 0; i < COUNT(good); i++)
        read_good(&good[i]);
    for (size_t i = 0; i < COUNT(bad); i++)
        read_bad(&bad[i]);
    for (size_t i = 0; i < COUNT(good); i++)
        cut(&good[i]);
    every_byte();
    every_character();
    every_place();
    random_texts();
    large();
    deep();
    skips();
    skips_the_rest();
    members();
    members_within();
    strings();
    complaints();
    own_lines();
    return done();
}
