/* Bytes as a `message` line, or as a message that is decoded first. No crash; what is made ends with CR and holds
 * nothing that only a link may send. From a decoded message: in positional form its own bytes come back, in default
 * form what is decoded to the same again. The first byte chooses. */
#include "base/restricted.h"
#include "hl7/encode.h"
#include "hl7/split.h"
#include "hl7/view.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct encoder encoder;
static struct hl7_view view;

static void stop(const char *what, const struct bytes *line, const struct bytes *text)
{
    fprintf(stderr, "%s: %s\n%.*s\n%.*s\n", what, encoder.why, (int)line->len, (const char *)line->data, (int)text->len,
            (const char *)text->data);
    abort();
}

static void decode(const struct hl7_message *message, bool positional, struct bytes *line)
{
    static const struct envelope none;
    const struct hl7_view_config config = {.format = VIEW_MESSAGE, .positional = positional};
    enum view_progress progress;
    if (!hl7_view_begin(&view, &config, message, &none))
        abort();
    do
        progress = hl7_view_more(&view, line);
    while (progress == VIEW_GOES_ON);
}

/* The line is copied to where a sanitizer sees its end. */
static enum encode_result encode(const struct bytes *line, struct bytes *text)
{
    unsigned char *copy = malloc(line->len);
    memcpy(copy, line->data, line->len);
    enum encode_result result = hl7_encode(&encoder, copy, line->len, 1 << 20, text);
    free(copy);
    if (result == ENCODE_NO_MEMORY || (result == ENCODE_WRONG) != (encoder.why[0] != '\0') ||
        (result != ENCODE_DONE && text->len))
        abort();
    if (result == ENCODE_DONE && !encoder.charset.name[0] &&
        (!text->len || text->data[text->len - 1] != '\r' || restricted_find(text->data, text->len) < text->len))
        abort();
    return result;
}

static bool split(struct hl7_split *s, struct bytes *text, struct hl7_message *message)
{
    const struct hl7_token token = {.kind = HL7_TOKEN_BLOCK};
    *s = (struct hl7_split){0};
    return hl7_split_begin(s, text, &token, HL7_END_CR) && hl7_split_next(s, message);
}

static void give_back(const struct hl7_message *message)
{
    struct bytes line = {0}, text = {0};
    decode(message, true, &line);
    if (encode(&line, &text) == ENCODE_DONE
            ? text.len != message->len || memcmp(text.data, message->text, text.len) != 0
            : restricted_find(message->text, message->len) == message->len)
        stop("not given back", &line, &text);
    bytes_free(&line);
    bytes_free(&text);
}

static size_t records(const struct bytes *line)
{
    const unsigned char *p = memmem(line->data, line->len, "\"records\":", 10);
    return (size_t)(p - line->data);
}

static void decode_again(const struct hl7_message *message)
{
    struct bytes line = {0}, again = {0}, text = {0};
    struct hl7_split s = {.messages = 0};
    struct hl7_message second;
    decode(message, false, &line);
    if (encode(&line, &text) != ENCODE_DONE) {
        if (restricted_find(message->text, message->len) == message->len)
            stop("refused", &line, &text);
    } else {
        if (!split(&s, &text, &second))
            abort();
        decode(&second, false, &again);
        size_t a = records(&line), b = records(&again);
        if (line.len - a != again.len - b || memcmp(line.data + a, again.data + b, line.len - a) != 0)
            stop("not the same", &line, &again);
        hl7_split_free(&s);
    }
    bytes_free(&line);
    bytes_free(&again);
    bytes_free(&text);
}

/* Whether the text, in whatever set it is taken to be, is the only one that says the same: it does not switch, is not
 * read as what it looks like only because of bytes that an escape sequence could have stood for, nor is an LF left out
 * when it is read again. */
static bool is_unambiguous(const struct hl7_message *m)
{
    struct bytes line = {0};
    decode(m, true, &line);
    bool fine = !m->utf16 && !view.charset.switches && !strstr(view.charset.note, "replaced") &&
                view.charset.base->kind != CHARSET_ICONV && !memmem(m->text, m->len, "\r\n", 2);
    bytes_free(&line);
    return fine && (utf8_valid(m->text, m->len) || !memchr(m->text, 'X', m->len));
}

static void decode_first(const uint8_t *data, size_t n, bool positional)
{
    struct bytes text = {0};
    struct hl7_split s = {.messages = 0};
    struct hl7_message message;
    bytes_append(&text, data, n);
    bool more = split(&s, &text, &message);
    for (; more; more = hl7_split_next(&s, &message))
        if (message.len && message.text[0] > ' ' && message.text[0] < 0x7F && is_unambiguous(&message)) {
            if (positional)
                give_back(&message);
            else
                decode_again(&message);
        }
    hl7_split_free(&s);
    bytes_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct bytes line = {0}, text = {0};
    if (!n)
        return 0;
    if (*data % 3) {
        decode_first(data + 1, n - 1, *data % 3 == 1);
        return 0;
    }
    bytes_append(&line, data + 1, n - 1);
    if (n > 1)
        encode(&line, &text);
    bytes_free(&line);
    bytes_free(&text);
    return 0;
}
