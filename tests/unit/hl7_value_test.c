#include "hl7/value.h"

#include "tap.h"

static const struct hl7_separators usual = {'|', '^', '~', '\\', '&', 0, false};
static const struct hl7_separators few = {'|', '^', 0, 0, 0, 0, false};

struct value_case {
    const char *text, *want;
};

static const struct value_case fields[] = {
    {"", "\"\""},
    {"A", "\"A\""},
    {"A^B", "[\"A\",\"B\"]"},
    {"A&B", "[[\"A\",\"B\"]]"},
    {"A~B", "[[[\"A\"]],[[\"B\"]]]"},
    {"A^B&C", "[\"A\",[\"B\",\"C\"]]"},
    {"A&B^C", "[[\"A\",\"B\"],\"C\"]"},
    {"A^B&C^D", "[\"A\",[\"B\",\"C\"],\"D\"]"},
    {"A^B~C", "[[[\"A\"],[\"B\"]],[[\"C\"]]]"},
    {"A&B~C^D", "[[[\"A\",\"B\"]],[[\"C\"],[\"D\"]]]"},
    {"^", "[\"\",\"\"]"},
    {"&", "[[\"\",\"\"]]"},
    {"~", "[[[\"\"]],[[\"\"]]]"},
    {"A^", "[\"A\",\"\"]"},
    {"A^^", "[\"A\",\"\",\"\"]"},
    {"^A&", "[\"\",[\"A\",\"\"]]"},
    {"~~A", "[[[\"\"]],[[\"\"]],[[\"A\"]]]"},
    {"~^&", "[[[\"\"]],[[\"\"],[\"\",\"\"]]]"},
    /* null */
    {"\"\"", "null"},
    {"\"\"^A", "[null,\"A\"]"},
    {"A^\"\"", "[\"A\",null]"},
    {"\"\"&A", "[[null,\"A\"]]"},
    {"A&\"\"^\"\"", "[[\"A\",null],null]"},
    {"\"\"~A", "[[[null]],[[\"A\"]]]"},
    {"A~\"\"", "[[[\"A\"]],[[null]]]"},
    {"\"", "\"\\\"\""},
    {"\"\"\"", "\"\\\"\\\"\\\"\""},
    {"\"\"x", "\"\\\"\\\"x\""},
    {"x\"\"", "\"x\\\"\\\"\""},
    {"\"\"\"\"^\"\"x", "[\"\\\"\\\"\\\"\\\"\",\"\\\"\\\"x\"]"},
    {"\\X2222\\", "\"\\\"\\\"\""},
    /* escapes are no separators */
    {"A\\S\\B^C\\R\\D", "[\"A^B\",\"C~D\"]"},
    {"\\T\\&\\T\\", "[[\"&\",\"&\"]]"},
    {"a\\.br\\b", "\"a\\nb\""},
    {"\\H\\x\\N\\", "\"\\\\H\\\\x\\\\N\\\\\""},
    {"a\\^\\b", "[\"a\\\\\",\"\\\\b\"]"},
    {"say \"hi\"\ttab", "\"say \\\"hi\\\"\\ttab\""},
};

static const struct value_case verbatim[] = {
    {"A\\S\\B", "\"A\\\\S\\\\B\""},
    {"A\\S\\B^C", "[\"A\\\\S\\\\B\",\"C\"]"},
    {"\"\"", "null"},
    {"\\.br\\", "\"\\\\.br\\\\\""},
};

static const struct value_case strings[] = {
    {"", "\"\""},           {"^~\\&", "\"^~\\\\&\""}, {"A^B~C&D", "\"A^B~C&D\""},
    {"A\\S\\B", "\"A^B\""}, {"\"\"", "\"\\\"\\\"\""},
};

static const struct value_case without[] = {
    {"A^B~C&D\\S\\", "[\"A\",\"B~C&D\\\\S\\\\\"]"},
};

/* Writes a value, step bytes between two looks at most. */
static void write_value(const struct hl7_separators *s, enum hl7_shape shape, bool as_sent, const char *text,
                        size_t step, struct bytes *out)
{
    const unsigned char delimiters[] = {s->field, s->component, s->repetition, s->subcomponent, s->escape};
    struct hl7_charset charset = {0};
    struct special special;
    size_t n = strlen(text);
    unsigned char *copy = exact_copy(text, n);
    bool as_is;
    hl7_charset_read(&charset, NULL, (struct hl7_slice){copy, 0}, 0, (struct hl7_slice){copy, 0}, out, &as_is);
    special_init(&special, delimiters, sizeof delimiters);
    struct hl7_value v = {.special = &special, .separators = s, .charset = &charset};
    bytes_reserve(out, 2 * HL7_VALUE_ROOM);
    unsigned char *o = hl7_value_begin(&v, (struct hl7_slice){copy, n}, shape, as_sent, out->data);
    while (v.open)
        o = hl7_value_more(&v, o, o + step);
    out->len = (size_t)(o - out->data);
    hl7_charset_close(&charset);
    free(copy);
}

static void table(const char *name, const struct hl7_separators *s, enum hl7_shape shape, bool as_sent,
                  const struct value_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t step = 1; step < 1000; step *= 30) {
            struct bytes out = {0};
            write_value(s, shape, as_sent, cases[i].text, step, &out);
            is_bytes(out.data, out.len, cases[i].want, strlen(cases[i].want), "%s %s, %zu at a time", name,
                     cases[i].text, step);
            bytes_free(&out);
        }
}

#define TABLE(name, s, shape, as_sent, cases) table(name, s, shape, as_sent, cases, sizeof(cases) / sizeof *(cases))

int main(void)
{
    TABLE("the field", &usual, HL7_SHAPE_FIELD, false, fields);
    TABLE("as sent", &usual, HL7_SHAPE_FIELD, true, verbatim);
    TABLE("the string", &usual, HL7_SHAPE_STRING, false, strings);
    TABLE("without most separators", &few, HL7_SHAPE_FIELD, false, without);
    return done();
}
