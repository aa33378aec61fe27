/* JSON that was read, written again without blanks: what our own writer wrote comes out as it was. */
#ifndef JSON_REWRITE_H
#define JSON_REWRITE_H

#include "base/json_reader.h"
#include "out/json.h"

/* Appends one token, with the comma or colon that stands before it. */
static inline void rewrite_token(struct bytes *out, enum json_kind kind, struct json_slice text)
{
    static const char *const plain[] = {
        [JSON_NULL] = "null",   [JSON_FALSE] = "false", [JSON_TRUE] = "true",   [JSON_ARRAY] = "[",
        [JSON_ARRAY_END] = "]", [JSON_OBJECT] = "{",    [JSON_OBJECT_END] = "}"};
    unsigned char last = out->len ? out->data[out->len - 1] : '[';
    if (kind != JSON_ARRAY_END && kind != JSON_OBJECT_END && last != '[' && last != '{' && last != ':')
        bytes_puts(out, ",");
    if (kind == JSON_STRING || kind == JSON_KEY)
        json_string(out, text.p, text.n);
    else if (kind == JSON_NUMBER)
        bytes_append(out, text.p, text.n);
    else
        bytes_puts(out, plain[kind]);
    if (kind == JSON_KEY)
        bytes_puts(out, ":");
}

/* Reads on to the end, appending what comes. Returns whether all of it was right. */
static inline bool rewrite(struct json_reader *r, struct bytes *out)
{
    enum json_kind kind;
    while ((kind = json_reader_next(r)) != JSON_END && kind != JSON_WRONG)
        rewrite_token(out, kind, r->text);
    return kind == JSON_END;
}

#endif
