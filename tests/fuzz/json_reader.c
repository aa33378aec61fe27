/* Any bytes as one JSON text: read, skipped and taken as an object with a few members. No crash; reading and skipping
 * come to the same verdict, and what is skipped stays as it is; an error lies within the text; every string is UTF-8;
 * and what was read, written again, is read as the same. */
#include "../unit/json_rewrite.h"

#include "base/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static unsigned char *copy(const void *data, size_t n)
{
    unsigned char *bytes = malloc(n);
    if (n)
        memcpy(bytes, data, n);
    return bytes;
}

/* Every token, up to the end; returns the reader as it is then. */
static struct json_reader read_all(unsigned char *text, size_t n, struct bytes *out)
{
    struct json_reader r;
    size_t tokens = 0, from = 0;
    json_reader_init(&r, text, n);
    while (json_reader_next(&r) > JSON_END) {
        if (r.text.n && !utf8_valid(r.text.p, r.text.n))
            abort();
        if (++tokens > n || (tokens > 1 && r.from <= from))
            abort();
        from = r.from;
        rewrite_token(out, r.kind, r.text);
    }
    if (r.wrong > n || (r.kind == JSON_END) != (r.error == JSON_FINE))
        abort();
    return r;
}

static void skip_all(const uint8_t *data, size_t n, const struct json_reader *read)
{
    unsigned char *text = copy(data, n);
    struct json_reader r;
    struct json_slice value;
    json_reader_init(&r, text, n);
    if (json_reader_skip(&r, &value))
        json_reader_next(&r);
    if (r.kind != read->kind || r.error != read->error || r.wrong != read->wrong || (n && memcmp(text, data, n) != 0))
        abort();
    free(text);
}

static void read_members(const uint8_t *data, size_t n, const struct json_reader *read)
{
    struct json_wanted wanted[] = {{.key = "id", .required = true, .number = true}, {.key = "text"}, {.key = ""}};
    unsigned char *text = copy(data, n);
    char complaint[JSON_COMPLAINT];
    struct json_reader r;
    json_reader_init(&r, text, n);
    bool fine = json_reader_members(&r, wanted, 3);
    if ((fine && (read->kind != JSON_END || !wanted[0].text.p)) || r.wrong > n)
        abort();
    for (size_t i = 0; fine && i < 3; i++)
        if (wanted[i].text.n && !utf8_valid(wanted[i].text.p, wanted[i].text.n))
            abort();
    json_reader_complaint(&r, complaint);
    free(text);
}

static void read_again(const struct bytes *out)
{
    unsigned char *text = copy(out->data, out->len);
    struct bytes again = {0};
    if (read_all(text, out->len, &again).kind != JSON_END || again.len != out->len ||
        memcmp(again.data, out->data, out->len) != 0)
        abort();
    bytes_free(&again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    unsigned char *text = copy(data, n);
    struct bytes out = {0};
    struct json_reader r = read_all(text, n, &out);
    if (r.kind == JSON_END)
        read_again(&out);
    skip_all(data, n, &r);
    read_members(data, n, &r);
    bytes_free(&out);
    free(text);
    return 0;
}
