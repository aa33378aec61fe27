/* Bytes as a `message` line, or as a message that is decoded first. No crash; what is made ends with CR and holds
 * neither LF nor anything that only a link may send. From a decoded message: in positional form its own bytes come
 * back, in default form what is decoded to the same again. The first byte chooses. */
#include "astm/assembly.h"
#include "astm/encode.h"
#include "astm/view.h"
#include "base/restricted.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct encoder encoder;
static struct astm_view view;

static void stop(const char *what, const struct bytes *line, const struct bytes *text)
{
    fprintf(stderr, "%s: %s\n%.*s\n%.*s\n", what, encoder.why, (int)line->len, (const char *)line->data, (int)text->len,
            (const char *)text->data);
    abort();
}

static void decode(const struct message *message, bool positional, struct bytes *line)
{
    static const struct envelope none;
    const struct astm_view_config config = {.format = VIEW_MESSAGE, .positional = positional};
    enum view_progress progress;
    if (!astm_view_begin(&view, &config, message, &none))
        abort();
    do
        progress = astm_view_more(&view, line);
    while (progress == VIEW_GOES_ON);
}

/* The line is copied to where a sanitizer sees its end. */
static enum encode_result encode(const struct bytes *line, struct bytes *text)
{
    unsigned char *copy = malloc(line->len);
    memcpy(copy, line->data, line->len);
    enum encode_result result = astm_encode(&encoder, copy, line->len, 1 << 20, text);
    free(copy);
    if (result == ENCODE_NO_MEMORY || (result == ENCODE_WRONG) != (encoder.why[0] != '\0') ||
        (result != ENCODE_DONE && text->len))
        abort();
    if (result == ENCODE_DONE && !encoder.charset.name[0] &&
        (!text->len || text->data[text->len - 1] != '\r' || memchr(text->data, '\n', text->len) ||
         restricted_find(text->data, text->len) < text->len))
        abort();
    return result;
}

static void give_back(const struct message *message)
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

static void decode_again(const struct message *message)
{
    struct bytes line = {0}, again = {0}, text = {0};
    decode(message, false, &line);
    if (encode(&line, &text) != ENCODE_DONE) {
        if (restricted_find(message->text, message->len) == message->len)
            stop("refused", &line, &text);
    } else {
        const struct message second = {.text = text.data, .len = text.len};
        decode(&second, false, &again);
        size_t a = records(&line), b = records(&again);
        if (line.len - a != again.len - b || memcmp(line.data + a, again.data + b, line.len - a) != 0)
            stop("not the same", &line, &again);
    }
    bytes_free(&line);
    bytes_free(&again);
    bytes_free(&text);
}

/* Whether the text is the only one that says the same: its header says what delimits, and it is not read as what it
 * looks like only because of bytes that an escape sequence could have stood for. */
static bool is_unambiguous(const struct message *m)
{
    bool declares =
        m->text[0] != 'H' || (m->len > 2 && m->text[1] != '\r' && m->text[2] != m->text[1] && m->text[2] != '\r');
    return declares && (utf8_valid(m->text, m->len) || !memchr(m->text, 'X', m->len));
}

static void decode_first(const uint8_t *data, size_t n, bool positional)
{
    struct astm_assembly a = {0};
    enum astm_assembly_result result;
    astm_assembly_begin(&a);
    for (size_t at = 0; at < n;) {
        at += astm_assembly_push(&a, data + at, n - at, 1 << 20, &result);
        if (result == ASTM_ASSEMBLY_MORE)
            result = astm_assembly_end_record(&a);
        struct message message = astm_assembly_message(&a, result);
        if (message.len && is_unambiguous(&message)) {
            if (positional)
                give_back(&message);
            else
                decode_again(&message);
        }
        astm_assembly_next(&a, result);
    }
    astm_assembly_free(&a);
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
