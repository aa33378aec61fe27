#include "out/json.h"

#include "tap.h"

static void strings(void)
{
    static const struct {
        const char *text;
        size_t n;
        const char *want;
    } cases[] = {
        {"", 0, "\"\""},
        {"plain", 5, "\"plain\""},
        {"\"\\/", 3, "\"\\\"\\\\/\""},
        {"\b\t\n\f\r", 5, "\"\\b\\t\\n\\f\\r\""},
        {"\0\x01\x0B\x1F", 4, "\"\\u0000\\u0001\\u000b\\u001f\""},
        {" ~\x7F", 3, "\" ~\x7F\""},
        {"\xC3\xA9\xE2\x82\xAC", 5, "\"\xC3\xA9\xE2\x82\xAC\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char *text = exact_copy(cases[i].text, cases[i].n);
        struct bytes out = {0};
        ok(json_string(&out, text, cases[i].n), "string %zu is written", i);
        is_bytes(out.data, out.len, cases[i].want, strlen(cases[i].want), "string %zu", i);
        bytes_free(&out);
        free(text);
    }
    struct bytes out = {0};
    ok(json_string(&out, NULL, 0), "no text at all is an empty string");
    ok(json_text(&out, "a\"b"), "a C string likewise");
    is_bytes(out.data, out.len, "\"\"\"a\\\"b\"", 8, "they are appended");
    bytes_free(&out);
}

/* Every byte below 80, in a room that is exactly large enough. */
static void room(void)
{
    int wrong = 0;
    for (unsigned c = 0; c < 0x80; c++) {
        unsigned char text[3] = {(unsigned char)c, (unsigned char)c, (unsigned char)c};
        unsigned char *exact = malloc(sizeof text * JSON_GROWTH);
        if (!exact)
            abort();
        size_t n = (size_t)(json_escaped(exact, text, sizeof text) - exact);
        wrong += n % 3 != 0 || n > sizeof text * JSON_GROWTH || memcmp(exact, exact + n / 3, n / 3) != 0;
        free(exact);
    }
    is_int(wrong, 0, "no byte grows to more than JSON_GROWTH");
}

static void members(void)
{
    struct bytes out = {0};
    const char *want = "{\"a\":\"1\",\"c\":\"\",\"n\":0,\"max\":18446744073709551615,\"d\":{\"e\":10}";
    bytes_puts(&out, "{");
    ok(json_member(&out, "a", "1") && json_member(&out, "b", NULL) && json_member(&out, "c", ""), "members");
    ok(json_key(&out, "n") && json_number(&out, 0) && json_key(&out, "max") && json_number(&out, UINT64_MAX) &&
           json_key(&out, "d") && bytes_puts(&out, "{") && json_key(&out, "e") && json_number(&out, 10) &&
           bytes_puts(&out, "}"),
       "keys and numbers");
    is_bytes(out.data, out.len, want, strlen(want), "commas stand where they belong, what is NULL is left out");
    bytes_free(&out);
}

int main(void)
{
    strings();
    room();
    members();
    return done();
}
