/* Writes made-up traffic of a given size to stdout: capture KIND BYTES.
 *   framed, bare   ASTM messages of a chemistry analyzer, in frames or without
 *   blocks         HL7 ORU^R01 of 1 to 2.6 kB in MLLP blocks, of several analyzers and two versions
 *   document       one such message in its block, with a PDF of base64 in an OBX that makes up the size */
#include "astm/frame.h"
#include "base/option.h"
#include "hl7/block.h"
#include "sim/hl7.h"

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

static void add_oru(struct bytes *out, uint64_t i)
{
    static const struct {
        const char *profile;
        enum sim_hl7 kind;
    } kinds[] = {{"molecular", SIM_HL7_ORU_251},
                 {"urinalysis", SIM_HL7_ORU_251},
                 {"coagulation", SIM_HL7_ORU_231},
                 {"bloodgas", SIM_HL7_ORU_231}};
    struct sim_message message;
    sim_generate(sim_profile_find(kinds[i % 4].profile), 1, i, &message);
    sim_message_hl7(&message, kinds[i % 4].kind, out);
}

/* n bytes that look like base64 of something compressed. */
static void add_base64(struct bytes *out, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint64_t state = 1;
    for (; n; n--) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
        bytes_append(out, &digits[state >> 58], 1);
    }
}

static void add_chemistry(struct bytes *out, struct bytes *text, uint64_t i, bool framed)
{
    struct sim_message message;
    sim_generate(sim_profile_find("chemistry"), 1, i, &message);
    sim_message_astm(&message, framed ? text : out);
    if (framed)
        add_frames(out, text);
}

static void add_block(struct bytes *out, struct bytes *text, uint64_t i)
{
    add_oru(text, i);
    hl7_block_build(out, text->data, text->len);
}

static void add_document(struct bytes *out, struct bytes *text, size_t size)
{
    static const char before[] = "OBX|99|ED|PDF^Report^99KS||^Application^PDF^Base64^", after[] = "||||||F\r";
    add_oru(text, 0);
    bytes_puts(text, before);
    add_base64(text, size > text->len ? size - text->len : 0);
    bytes_puts(text, after);
    hl7_block_build(out, text->data, text->len);
}

int main(int argc, char **argv)
{
    const char *kind = argc == 3 ? argv[1] : "";
    bool framed = strcmp(kind, "framed") == 0, blocks = strcmp(kind, "blocks") == 0;
    bool document = strcmp(kind, "document") == 0;
    size_t size, written = 0;
    if ((!framed && !blocks && !document && strcmp(kind, "bare") != 0) || !parse_size(argv[2], &size)) {
        fprintf(stderr, "usage: capture framed|bare|blocks|document BYTES\n");
        return 64;
    }
    struct bytes text = {0}, out = {0};
    for (uint64_t i = 0; written < size; i++) {
        text.len = out.len = 0;
        if (document)
            add_document(&out, &text, size);
        else if (blocks)
            add_block(&out, &text, i);
        else
            add_chemistry(&out, &text, i, framed);
        if (fwrite(out.data, 1, out.len, stdout) != out.len)
            return 74;
        written += out.len;
    }
    return fflush(stdout) == EOF ? 74 : 0;
}
