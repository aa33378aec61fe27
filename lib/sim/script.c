#include "sim/script.h"

#include "astm/reader.h"
#include "astm/record.h"
#include "hl7/reader.h"

#include <string.h>

enum { MESSAGE_MAX = 1 << 30 };

/* ---- captures ---- */

struct reading {
    struct sim_script *script;
    void (*defect)(void *context, uint64_t offset, const char *text);
    void *context;
};

static void on_defect(void *context, uint64_t offset, const char *text)
{
    struct reading *r = context;
    r->script->defects++;
    r->defect(r->context, offset, text);
}

static bool keep(struct sim_script *s, const unsigned char *text, size_t n)
{
    if (!bytes_append(&s->texts, text, n))
        return false;
    size_t end = s->texts.len;
    return bytes_append(&s->ends, &end, sizeof end);
}

static bool fetch_astm(struct sim_script *s, struct astm_reader *reader)
{
    struct message m;
    bool fine = true;
    while (astm_reader_next(reader, &m))
        fine = fine && keep(s, m.text, m.len);
    return fine;
}

static bool read_astm(struct reading *r, const unsigned char *bytes, size_t n)
{
    const struct astm_reader_config config = {
        .checksum = ASTM_CHECKSUM_AUTO, .max_message = MESSAGE_MAX, .defect = on_defect, .context = r};
    struct astm_reader reader;
    size_t at = 0, taken = 1;
    bool fine = true;
    astm_reader_init(&reader, &config);
    while (fine && taken && at < n) {
        taken = astm_reader_push(&reader, bytes + at, n - at);
        at += taken;
        fine = fetch_astm(r->script, &reader);
    }
    astm_reader_eof(&reader, bytes + at, n - at);
    fine = fine && fetch_astm(r->script, &reader);
    astm_reader_free(&reader);
    return fine;
}

static bool fetch_hl7(struct reading *r, struct hl7_reader *reader)
{
    struct hl7_message m;
    bool fine = true;
    while (hl7_reader_next(reader, &m)) {
        if (m.header.why)
            continue; /* the reader has told of it */
        if (!hl7_block_fits(m.text, m.len))
            on_defect(r, m.offset, "a message that cannot be sent is left out: it holds VT or FS");
        else
            fine = fine && keep(r->script, m.text, m.len);
    }
    return fine;
}

static bool read_hl7(struct reading *r, const unsigned char *bytes, size_t n)
{
    const struct hl7_reader_config config = {.max_message = MESSAGE_MAX, .defect = on_defect, .context = r};
    struct hl7_reader reader;
    size_t at = 0, taken = 1;
    bool fine = true;
    hl7_reader_init(&reader, &config);
    while (fine && taken && at < n) {
        taken = hl7_reader_push(&reader, bytes + at, n - at);
        at += taken;
        fine = fetch_hl7(r, &reader);
    }
    hl7_reader_eof(&reader, bytes + at, n - at);
    fine = fine && fetch_hl7(r, &reader);
    hl7_reader_free(&reader);
    return fine;
}

bool sim_script_read(struct sim_script *s, const unsigned char *bytes, size_t n,
                     void (*defect)(void *context, uint64_t offset, const char *text), void *context)
{
    struct reading r = {s, defect, context};
    return s->hl7 ? read_hl7(&r, bytes, n) : read_astm(&r, bytes, n);
}

size_t sim_script_count(const struct sim_script *s)
{
    return s->ends.len / sizeof(size_t);
}

/* ---- messages ---- */

static size_t end_of(const struct sim_script *s, size_t message)
{
    size_t end;
    memcpy(&end, s->ends.data + message * sizeof end, sizeof end);
    return end;
}

/* Appends the header record with another control id (H.3), and returns its length in *header; 0: there is none. */
static bool fresh_astm(const unsigned char *text, size_t n, uint64_t pass, size_t *header, struct bytes *out)
{
    size_t at = 0;
    struct astm_slice h = {text, 0};
    if (!astm_is_header(text, n) || !astm_record_next(text, n, &at, &h))
        return true;
    struct astm_delimiters d = astm_delimiters_of(text, n);
    struct astm_slice delimiters = astm_field(h, &d, 2), id = astm_field(h, &d, 3);
    const unsigned char *rest = delimiters.p + delimiters.n, *end = h.p + h.n;
    size_t head = (size_t)(rest - h.p);
    if (rest < end)
        rest += 1 + id.n;
    *header = h.n;
    return bytes_append(out, text, head) && bytes_append(out, &d.field, 1) && bytes_append(out, id.p, id.n) &&
           bytes_printf(out, "-%llu", (unsigned long long)pass) && bytes_append(out, rest, (size_t)(end - rest));
}

/* Likewise the text up to MSH-10; a message that has none is no repeat in any case. */
static bool fresh_hl7(const unsigned char *text, size_t n, uint64_t pass, size_t *header, struct bytes *out)
{
    struct hl7_header h;
    if (!hl7_header_read(&h, text, n) || !h.msh[HL7_CONTROL_ID].n)
        return true;
    const struct hl7_slice *id = &h.msh[HL7_CONTROL_ID];
    *header = (size_t)(id->p + id->n - text);
    return bytes_append(out, text, *header) && bytes_printf(out, "-%llu", (unsigned long long)pass);
}

static bool captured(const struct sim_script *s, uint64_t index, struct bytes *out)
{
    size_t n = sim_script_count(s), message = (size_t)(index % n), header = 0;
    size_t from = message ? end_of(s, message - 1) : 0, len = end_of(s, message) - from;
    const unsigned char *text = s->texts.data + from;
    uint64_t pass = index / n + 1;
    if (pass > 1 && !(s->hl7 ? fresh_hl7 : fresh_astm)(text, len, pass, &header, out))
        return false;
    return bytes_append(out, text + header, len - header);
}

bool sim_script_message(const struct sim_script *s, uint64_t index, struct bytes *out)
{
    struct sim_message m;
    if (!s->profile)
        return captured(s, index, out);
    sim_generate(s->profile, s->seed, index, &m);
    return s->hl7 ? sim_message_hl7(&m, s->kind, out) : sim_message_astm(&m, out);
}

void sim_script_free(struct sim_script *s)
{
    bytes_free(&s->texts);
    bytes_free(&s->ends);
}
