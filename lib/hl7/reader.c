#include "hl7/reader.h"

#include <stdarg.h>
#include <stdio.h>

static void defect(struct hl7_reader *r, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void defect(struct hl7_reader *r, uint64_t offset, const char *format, ...)
{
    char text[200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (r->config->defect)
        r->config->defect(r->config->context, offset, text);
}

void hl7_reader_init(struct hl7_reader *r, const struct hl7_reader_config *config)
{
    *r = (struct hl7_reader){.config = config};
    hl7_block_init(&r->blocks, config->max_message, false);
}

void hl7_reader_free(struct hl7_reader *r)
{
    hl7_block_free(&r->blocks);
    hl7_split_free(&r->split);
    bytes_free(&r->text);
}

/* ---- tokens ---- */

static void watch(struct hl7_reader *r, const struct hl7_token *t)
{
    static const char *const names[] = {
        [HL7_TOKEN_BLOCK] = "block", [HL7_TOKEN_COMMIT_ACK] = "ACK",    [HL7_TOKEN_COMMIT_NAK] = "NAK",
        [HL7_TOKEN_CUT] = "cut",     [HL7_TOKEN_TOO_LONG] = "too-long", [HL7_TOKEN_NOISE] = "noise",
    };
    bool commit = t->kind == HL7_TOKEN_COMMIT_ACK || t->kind == HL7_TOKEN_COMMIT_NAK;
    const struct hl7_wire wire = {
        .event = names[t->kind], .offset = t->offset, .text = t->text, .len = commit ? 0 : t->len};
    if (r->config->wire)
        r->config->wire(r->config->context, &wire);
}

/* The messages of a block are to be fetched. */
static void open_block(struct hl7_reader *r, struct hl7_token *t)
{
    hl7_split_free(&r->split);
    bytes_free(&r->text);
    r->open =
        hl7_block_take(&r->blocks, t, &r->text) && hl7_split_begin(&r->split, &r->text, t, r->config->segment_end);
    if (!r->open)
        defect(r, t->offset, "too-long a block was left out: memory is exhausted");
}

/* A byte order mark at the beginning, or a comment. */
static bool meant(const struct hl7_token *t)
{
    size_t shown = t->len < HL7_NOISE_SHOWN ? t->len : HL7_NOISE_SHOWN;
    size_t i = 0;
    if (t->offset == 0 && t->len == 3 && memcmp(t->text, "\xEF\xBB\xBF", 3) == 0)
        return true;
    while (i < shown && (t->text[i] == '\r' || t->text[i] == '\n' || t->text[i] == ' '))
        i++;
    return i < shown && t->text[i] == '#';
}

static void on_token(struct hl7_reader *r, struct hl7_token *t)
{
    if (t->kind == HL7_TOKEN_NONE || (t->kind == HL7_TOKEN_NOISE && (t->blank || meant(t))))
        return;
    watch(r, t);
    switch (t->kind) {
    case HL7_TOKEN_BLOCK:
        open_block(r, t);
        break;
    case HL7_TOKEN_CUT:
        defect(r, t->offset, "cut-block a block was cut off after %zu bytes, and left out", t->len);
        break;
    case HL7_TOKEN_TOO_LONG:
        defect(r, t->offset, "too-long a message of more than %zu bytes was left out%s", r->config->max_message,
               t->no_memory ? ": memory is exhausted" : "");
        break;
    case HL7_TOKEN_NOISE:
        defect(r, t->offset, "noise %zu bytes are neither block nor message", t->len);
        break;
    default:
        break;
    }
}

/* ---- the capture ---- */

size_t hl7_reader_push(struct hl7_reader *r, const unsigned char *bytes, size_t n)
{
    size_t taken = 0;
    while (taken < n && !r->open) {
        struct hl7_token token;
        taken += hl7_block_push(&r->blocks, bytes + taken, n - taken, 0, &token);
        on_token(r, &token);
    }
    return taken;
}

/* Goes on with a capture that has ended, up to a block. False when it is over. */
static bool drain(struct hl7_reader *r)
{
    struct hl7_token token;
    size_t taken = hl7_reader_push(r, r->rest, r->rest_len);
    if (taken)
        r->rest += taken;
    r->rest_len -= taken;
    while (!r->open && r->ended) {
        hl7_block_eof(&r->blocks, &token);
        r->ended = token.kind != HL7_TOKEN_NONE;
        on_token(r, &token);
    }
    return r->open;
}

/* Tells of a message that cannot be read. Returns whether there is anything of it. */
static bool judge(struct hl7_reader *r, struct hl7_message *m)
{
    if (!m->header.why)
        return true;
    defect(r, m->offset, "unreadable %s", m->header.why);
    m->complete = false;
    return m->len > 0;
}

/* Tells of a batch that says another number of messages than have come. */
static void tell_count(struct hl7_reader *r)
{
    char text[HL7_BATCH_TEXT];
    if (hl7_batch_odd(&r->split.batch, text))
        defect(r, r->split.batch.offset, "batch-count %s", text);
}

bool hl7_reader_next(struct hl7_reader *r, struct hl7_message *message)
{
    while (r->open || ((r->ended || r->rest_len) && drain(r))) {
        r->open = hl7_split_next(&r->split, message);
        tell_count(r);
        if (r->open && judge(r, message))
            return true;
    }
    return false;
}

void hl7_reader_eof(struct hl7_reader *r, const unsigned char *bytes, size_t n)
{
    r->rest = bytes;
    r->rest_len = n;
    r->ended = true;
}
