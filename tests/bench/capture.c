/* Writes made-up ASTM traffic of a given size to stdout: capture framed|bare BYTES. */
#include "astm/frame.h"
#include "base/option.h"
#include "sim/profile.h"

#include <stdio.h>

static void add_frames(struct bytes *out, const struct bytes *text)
{
    unsigned number = 1;
    bytes_append(out, "\005", 1);
    for (size_t at = 0; at < text->len; number++) {
        unsigned char end;
        size_t n = astm_frame_take(text->data + at, text->len - at, ASTM_TEXT_SMALL, false, &end);
        astm_frame_build(out, number, text->data + at, n, end, ASTM_CHECKSUM_STD);
        at += n;
    }
    bytes_append(out, "\004", 1);
}

int main(int argc, char **argv)
{
    size_t size, written = 0;
    if (argc != 3 || !parse_size(argv[2], &size)) {
        fprintf(stderr, "usage: capture framed|bare BYTES\n");
        return 64;
    }
    bool framed = strcmp(argv[1], "framed") == 0;
    const struct sim_profile *profile = sim_profile_find("chemistry");
    struct sim_message message;
    struct bytes text = {0}, out = {0};
    for (uint64_t i = 0; written < size; i++) {
        text.len = out.len = 0;
        sim_generate(profile, 1, i, &message);
        sim_message_astm(&message, &text);
        if (framed)
            add_frames(&out, &text);
        const struct bytes *b = framed ? &out : &text;
        if (fwrite(b->data, 1, b->len, stdout) != b->len)
            return 74;
        written += b->len;
    }
    return fflush(stdout) == EOF ? 74 : 0;
}
