/* Lines and the text that they become, for the tests of encoding. */
#ifndef ENCODE_CASE_H
#define ENCODE_CASE_H

#include "out/encode.h"
#include "tap.h"

typedef enum encode_result encode_function(struct encoder *, unsigned char *, size_t, size_t, struct bytes *);

struct encode_case {
    const char *line, *want; /* the text; in lines that are wrong why they are */
};

/* Encodes a line behind some text that is there already. The line must stay as long as the envelope is looked at. */
static inline enum encode_result encode_line(encode_function *encode, struct encoder *e, unsigned char *line, size_t n,
                                             struct bytes *text)
{
    text->len = 0;
    bytes_puts(text, "before");
    enum encode_result result = encode(e, line, n, 4096, text);
    if (text->len < 6 || memcmp(text->data, "before", 6) != 0 || (result != ENCODE_DONE && text->len != 6))
        abort();
    bytes_drop(text, 6);
    return result;
}

static inline void becomes(encode_function *encode, struct encoder *e, const struct encode_case *c, size_t count)
{
    struct bytes text = {0};
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(c[i].line);
        unsigned char *line = exact_copy(c[i].line, n);
        enum encode_result result = encode_line(encode, e, line, n, &text);
        if (is_int(result, ENCODE_DONE, "%s can be encoded", c[i].line))
            is_bytes(text.data, text.len, c[i].want, strlen(c[i].want), "%s", c[i].line);
        else
            printf("# %s\n", e->why);
        free(line);
    }
    bytes_free(&text);
}

static inline void is_wrong(encode_function *encode, struct encoder *e, const struct encode_case *c, size_t count)
{
    struct bytes text = {0};
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(c[i].line);
        unsigned char *line = exact_copy(c[i].line, n);
        is_int(encode_line(encode, e, line, n, &text), ENCODE_WRONG, "%s is wrong", c[i].line);
        is_str(e->why, c[i].want, "why: %s", c[i].line);
        free(line);
    }
    bytes_free(&text);
}

/* A line that is cut off anywhere is wrong. */
static inline void is_wrong_when_cut(encode_function *encode, struct encoder *e, const char *whole)
{
    struct bytes text = {0};
    size_t n = 0, wrong = 0;
    for (; n < strlen(whole); n++) {
        unsigned char *line = exact_copy(whole, n);
        wrong += encode_line(encode, e, line, n, &text) == ENCODE_WRONG && e->why[0];
        free(line);
    }
    is_int(wrong, n, "cut off it is wrong: %s", whole);
    bytes_free(&text);
}

#define BECOMES(encode, e, cases) becomes(encode, e, cases, sizeof(cases) / sizeof *(cases))
#define IS_WRONG(encode, e, cases) is_wrong(encode, e, cases, sizeof(cases) / sizeof *(cases))

#endif
