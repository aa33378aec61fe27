/* Any bytes, in any pieces, through the reader and every view: no crash, and every line is valid UTF-8. The first byte
 * chooses the format, the second how the rest is cut. */
#include "astm/reader.h"
#include "astm/view.h"
#include "base/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void render(const struct astm_view_config *config, const struct message *message)
{
    struct envelope envelope = {.id = "01", .source = "fuzz", .offset = message->offset};
    struct astm_view view = {0};
    struct bytes out = {0};
    enum view_progress progress = VIEW_NO_MEMORY;
    if (astm_view_begin(&view, config, message, &envelope))
        do
            progress = astm_view_more(&view, &out);
        while (progress == VIEW_GOES_ON);
    if (progress != VIEW_DONE || (config->format != VIEW_RAW && !utf8_valid(out.data, out.len)))
        abort();
    if (config->format == VIEW_MESSAGE && (out.len < 2 || out.data[out.len - 1] != '\n'))
        abort();
    astm_view_free(&view);
    bytes_free(&out);
}

static void fetch(struct astm_reader *reader, const struct astm_view_config *config)
{
    struct message message;
    while (astm_reader_next(reader, &message))
        render(config, &message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const enum view_format formats[] = {VIEW_MESSAGE, VIEW_RECORD, VIEW_RESULT, VIEW_TSV, VIEW_TEXT, VIEW_RAW};
    if (n < 2)
        return 0;
    struct astm_view_config config = {.format = formats[data[0] % 6], .positional = data[0] & 0x80};
    struct astm_reader_config reading = {
        .checksum = (enum astm_checksum)((data[0] >> 3) % 6), .ignore_checksum = data[0] & 0x40, .max_message = 4096};
    size_t piece = data[1] ? data[1] : n, held = 0;
    unsigned char *bytes = malloc(n);
    struct astm_reader reader;
    astm_reader_init(&reader, &reading);
    size_t from = 0;
    for (size_t at = 2; at < n; at += piece) {
        size_t some = n - at < piece ? n - at : piece;
        memcpy(bytes + from + held, data + at, some);
        held += some;
        size_t taken;
        do {
            taken = astm_reader_push(&reader, bytes + from, held);
            fetch(&reader, &config);
            from += taken;
            held -= taken;
        } while (taken && held);
    }
    astm_reader_eof(&reader, bytes + from, held);
    fetch(&reader, &config);
    astm_reader_free(&reader);
    free(bytes);
    return 0;
}
