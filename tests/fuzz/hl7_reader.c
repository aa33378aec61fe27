/* Any bytes, in any pieces, through the reader and every view: no crash, and every line is valid UTF-8. The first byte
 * chooses the format, the second how the rest is cut, the third what ends a segment and the character set. */
#include "base/utf8.h"
#include "hl7/reader.h"
#include "hl7/view.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void render(struct hl7_view *view, const struct hl7_view_config *config, const struct hl7_message *message)
{
    struct envelope envelope = {.id = "01", .source = "fuzz", .offset = message->offset};
    struct bytes out = {0};
    enum view_progress progress = VIEW_NO_MEMORY;
    if (hl7_view_begin(view, config, message, &envelope))
        do
            progress = hl7_view_more(view, &out);
        while (progress == VIEW_GOES_ON);
    if (progress != VIEW_DONE || (config->format != VIEW_RAW && !utf8_valid(out.data, out.len)))
        abort();
    if (config->format == VIEW_MESSAGE && !config->get && (out.len < 2 || out.data[out.len - 1] != '\n'))
        abort();
    bytes_free(&out);
}

static void fetch(struct hl7_reader *reader, struct hl7_view *view, const struct hl7_view_config *config)
{
    struct hl7_message message;
    while (hl7_reader_next(reader, &message))
        render(view, config, &message);
}

static void read_all(struct hl7_reader *reader, struct hl7_view *view, const struct hl7_view_config *config,
                     const uint8_t *data, size_t n, size_t piece)
{
    unsigned char *bytes = malloc(n + 1);
    size_t from = 0, held = 0;
    for (size_t at = 0; at < n; at += piece) {
        size_t some = n - at < piece ? n - at : piece, taken;
        memcpy(bytes + from + held, data + at, some);
        held += some;
        do {
            taken = hl7_reader_push(reader, bytes + from, held);
            fetch(reader, view, config);
            from += taken;
            held -= taken;
        } while (taken && held);
    }
    hl7_reader_eof(reader, bytes + from, held);
    fetch(reader, view, config);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const enum view_format formats[] = {VIEW_MESSAGE, VIEW_RECORD, VIEW_RESULT, VIEW_TSV, VIEW_TEXT, VIEW_RAW};
    static struct get_paths get;
    if (n < 3)
        return 0;
    get_parse(&get, &hl7_get_names, "MSH-2,MSH-10,PID-3[2].1.2,OBX-3.1,OBX-5,ZZZ-1");
    struct hl7_view_config config = {.format = formats[data[0] % 6], .positional = data[0] & 0x80};
    if (data[0] & 0x40 && config.format != VIEW_RAW)
        config.get = &get;
    struct hl7_reader_config reading = {.max_message = 4096, .segment_end = (enum hl7_segment_end)(data[2] % 3)};
    struct charset charset = {0};
    if (data[2] & 0x40 && charset_open(&charset, data[2] & 0x80 ? "GB18030" : "UTF-8"))
        config.charset = &charset;
    struct hl7_reader reader;
    struct hl7_view view = {0};
    hl7_reader_init(&reader, &reading);
    read_all(&reader, &view, &config, data + 3, n - 3, data[1] ? data[1] : n);
    hl7_reader_free(&reader);
    hl7_view_free(&view);
    charset_close(&charset);
    return 0;
}
