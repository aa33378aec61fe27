#include "sim/script.h"

#include "astm/frame.h"
#include "hl7/block.h"
#include "hl7/header.h"

#include "tap.h"

static struct {
    unsigned n;
    uint64_t last;
} defects;

static void on_defect(void *context, uint64_t offset, const char *text)
{
    defects.n += context == &defects && *text;
    defects.last = offset;
}

/* A capture, in an allocation of its own size. */
static bool read_capture(struct sim_script *s, const void *bytes, size_t n)
{
    unsigned char *copy = exact_copy(bytes, n);
    defects.n = 0;
    bool fine = sim_script_read(s, copy, n, on_defect, &defects);
    free(copy);
    return fine;
}

static void is_message(const struct sim_script *s, uint64_t index, const char *want, const char *name)
{
    struct bytes got = {0};
    bytes_puts(&got, "before");
    ok(sim_script_message(s, index, &got), "message %llu", (unsigned long long)index);
    ok(got.len >= 6 && memcmp(got.data, "before", 6) == 0, "... is appended");
    is_bytes(got.data + 6, got.len - 6, want, strlen(want), "... %s", name);
    bytes_free(&got);
}

static bool append_frame(struct bytes *out, int number, const char *text, bool last)
{
    return astm_frame_build(out, (unsigned)number, (const unsigned char *)text, strlen(text),
                            last ? ASTM_ETX : ASTM_ETB, ASTM_CHECKSUM_STD);
}

/* ---- captures of ASTM ---- */

static void astm(void)
{
    struct sim_script s = {0};
    struct bytes capture = {0};
    bytes_puts(&capture, "\x05");
    append_frame(&capture, 1, "H|\\^&|17||cobas\r", true);
    append_frame(&capture, 2, "P|1\rL|1|N\r", true);
    bytes_puts(&capture, "\x04\x05");
    append_frame(&capture, 1, "H|\\^&|18\rL|1|N\r", true);
    bytes_puts(&capture, "\x04");
    ok(read_capture(&s, capture.data, capture.len), "a capture of ASTM is read");
    is_int(sim_script_count(&s), 2, "it has two messages");
    is_int(defects.n + s.defects, 0, "and no defects");
    is_message(&s, 0, "H|\\^&|17||cobas\rP|1\rL|1|N\r", "the first one, as it is");
    is_message(&s, 1, "H|\\^&|18\rL|1|N\r", "the second one");
    is_message(&s, 2, "H|\\^&|17-2||cobas\rP|1\rL|1|N\r", "the first one again: another message by its control id");
    is_message(&s, 3, "H|\\^&|18-2\rL|1|N\r", "the second one again");
    is_message(&s, 4, "H|\\^&|17-3||cobas\rP|1\rL|1|N\r", "and so on");
    is_message(&s, UINT64_MAX, "H|\\^&|18-9223372036854775808\rL|1|N\r", "for as long as anybody waits");
    bytes_free(&capture);
    sim_script_free(&s);
}

static void astm_headers(void)
{
    static const struct {
        const char *header, *again;
    } cases[] = {
        {"H|\\^&|17", "H|\\^&|17-2"},   {"H|\\^&|17|||x|y", "H|\\^&|17-2|||x|y"},
        {"H|\\^&", "H|\\^&|-2"},        {"H|\\^&|", "H|\\^&|-2"},
        {"H|\\^&||", "H|\\^&|-2|"},     {"H|\\^&|||x", "H|\\^&|-2||x"},
        {"H|\\^&|a^b", "H|\\^&|a^b-2"}, {"H@!~$@17@x|y", "H@!~$@17-2@x|y"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sim_script s = {0};
        char text[64], again[64];
        snprintf(text, sizeof text, "%s\rL|1\r", cases[i].header);
        snprintf(again, sizeof again, "%s\rL|1\r", cases[i].again);
        read_capture(&s, text, strlen(text));
        if (is_int(sim_script_count(&s), 1, "%s is a message", cases[i].header)) {
            is_message(&s, 0, text, "as it is");
            is_message(&s, 1, again, "with a fresh control id");
        }
        sim_script_free(&s);
    }
}

static void damaged_astm(void)
{
    struct sim_script s = {0};
    struct bytes capture = {0};
    append_frame(&capture, 1, "H|\\^&|1\rL|1|N\r", true);
    size_t damage = capture.len;
    append_frame(&capture, 1, "H|\\^&|2\rL|1|N\r", true);
    capture.data[damage + 3] ^= 1;
    append_frame(&capture, 1, "H|\\^&|3\rL|1|N\r", true);
    ok(read_capture(&s, capture.data, capture.len), "a damaged capture is read");
    ok(defects.n >= 1 && s.defects == defects.n, "and its damage is told and counted");
    is_int(defects.last, damage, "with its place");
    bytes_free(&capture);
    sim_script_free(&s);
}

/* ---- captures of HL7 ---- */

#define MSH(id) "MSH|^~\\&|A|B|C|D|2024||ORU^R01|" id "|P|2.3"
#define VT "\x0B"
#define FS "\x1C\r"

static void hl7(void)
{
    static const char capture[] =
        VT MSH("17") "\rPID|1\r" FS VT
                     "MSH|^~\\&|A\r" FS VT MSH("a-1") "|||AL|NE\rZZZ|17\r" FS VT MSH("") "\rPID|2\r" FS;
    struct sim_script s = {.hl7 = true};
    ok(read_capture(&s, capture, sizeof capture - 1), "a capture of HL7 is read");
    if (!is_int(sim_script_count(&s), 3, "it has three messages that can be sent"))
        return;
    is_message(&s, 0, MSH("17") "\rPID|1\r", "the first one, as it is");
    is_message(&s, 1, MSH("a-1") "|||AL|NE\rZZZ|17\r", "the second one");
    is_message(&s, 2, MSH("") "\rPID|2\r", "the third one");
    is_message(&s, 3, MSH("17-2") "\rPID|1\r", "the first one again, with a control id of its own");
    is_message(&s, 4, MSH("a-1-2") "|||AL|NE\rZZZ|17\r", "the second one again");
    is_message(&s, 5, MSH("") "\rPID|2\r", "the third one has no control id, and never gets one");
    is_message(&s, 1500, MSH("17-501") "\rPID|1\r", "and so on");
    is_int(defects.n, 1, "the one that cannot be read is left out");
    is_int(defects.last, sizeof(VT MSH("17") "\rPID|1\r" FS VT) - 1, "and told of, with its place");
    sim_script_free(&s);
}

static void left_out(void)
{
    static const struct {
        const char *bytes;
        size_t n, messages, defects;
    } cases[] = {
#define CASE(bytes, messages, defects) {bytes, sizeof bytes - 1, messages, defects}
        CASE(VT "PID|1\r" FS VT MSH("1") "\r" FS, 1, 1),
        CASE(VT "MSH\r" FS, 0, 1),
        CASE(VT "MSH|^~\\&|A\r" FS, 0, 1),
        CASE(VT MSH("1") "\rNTE|a\x1C"
                         "b\r" FS VT MSH("2") "\r" FS,
             1, 1), /* it cannot be sent in a block */
        CASE(VT MSH("1") "\r" MSH("2") "\r" FS, 2, 0),
        CASE(VT "FHS|^~\\&\rBHS|^~\\&\r" MSH("1") "\rBTS|1\rFTS|1\r" FS, 1, 0),
        CASE(MSH("1") "\rPID|1\r" MSH("2") "\r", 2, 0),
        CASE("", 0, 0),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sim_script s = {.hl7 = true};
        struct bytes text = {0};
        ok(read_capture(&s, cases[i].bytes, cases[i].n), "capture %zu is read", i);
        is_int(sim_script_count(&s), cases[i].messages, "... its messages");
        is_int(s.defects, cases[i].defects, "... what cannot be sent");
        is_int(defects.n, s.defects, "... is told of");
        for (size_t m = 0; m < 3 * sim_script_count(&s); m++) {
            struct hl7_header h;
            text.len = 0;
            ok(sim_script_message(&s, m, &text) && hl7_header_read(&h, text.data, text.len) && !h.why &&
                   hl7_block_fits(text.data, text.len),
               "... message %zu can be sent", m);
        }
        bytes_free(&text);
        sim_script_free(&s);
    }
}

static void several_captures(void)
{
    struct sim_script s = {.hl7 = true};
    ok(read_capture(&s, VT MSH("1") "\r" FS, sizeof VT MSH("1") "\r" FS - 1) &&
           read_capture(&s, VT "MSH\r" FS, sizeof VT "MSH\r" FS - 1) &&
           read_capture(&s, VT MSH("2") "\r" FS, sizeof VT MSH("2") "\r" FS - 1),
       "several captures");
    is_int(sim_script_count(&s), 2, "are one row of messages");
    is_message(&s, 1, MSH("2") "\r", "the one of the last");
    is_message(&s, 2, MSH("1-2") "\r", "then the one of the first");
    is_int(s.defects, 1, "their defects are counted together");
    sim_script_free(&s);
    is_int(sim_script_count(&s), 0, "nothing is left of them");
}

/* ---- made up ---- */

static void made_up(const char *profile)
{
    static const char *const kinds[] = {"oru-2.3.1", "oru-2.5.1", "oul-2.5.1"};
    struct sim_script s = {.profile = sim_profile_find(profile), .seed = 42};
    size_t wrong = 0, alike = 0;
    for (size_t k = 0; k < 4; k++) {
        struct bytes last = {0};
        s.hl7 = k > 0;
        if (s.hl7 && !sim_hl7_parse(kinds[k - 1], &s.kind))
            abort();
        for (uint64_t i = 0; i < 60; i++) {
            struct bytes got = {0}, want = {0};
            struct sim_message m;
            sim_generate(s.profile, s.seed, i, &m);
            if (s.hl7 ? !sim_message_hl7(&m, s.kind, &want) : !sim_message_astm(&m, &want))
                abort();
            wrong +=
                !sim_script_message(&s, i, &got) || got.len != want.len || memcmp(got.data, want.data, got.len) != 0;
            alike += got.len == last.len && memcmp(got.data, last.data, got.len) == 0;
            bytes_free(&last);
            bytes_free(&want);
            last = got;
        }
        bytes_free(&last);
    }
    is_int(wrong, 0, "%s: made-up messages are those of the profile", profile);
    is_int(alike, 0, "... and each is another");
}

int main(void)
{
    astm();
    astm_headers();
    damaged_astm();
    hl7();
    left_out();
    several_captures();
    made_up("chemistry");
    made_up("hematology");
    return done();
}
