#include "astm/reader.h"

#include "base/digest.h"
#include "base/scan.h"

#include <stdarg.h>
#include <stdio.h>

static void defect(struct astm_reader *r, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void defect(struct astm_reader *r, uint64_t offset, const char *format, ...)
{
    char text[200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (r->config->defect)
        r->config->defect(r->config->context, offset, text);
}

static void note(struct astm_reader *r, const char *text)
{
    notes_once(&r->assembly.notes, r->assembly.notes_base, text);
}

void astm_reader_init(struct astm_reader *r, const struct astm_reader_config *config)
{
    *r = (struct astm_reader){.config = config, .expected = -1};
    r->last.number = -1;
    astm_framer_init(&r->framer, config->checksum, config->max_message);
}

void astm_reader_free(struct astm_reader *r)
{
    astm_framer_free(&r->framer);
    astm_assembly_free(&r->assembly);
}

/* Bytes that are neither frames nor records: told of once for a whole stretch. */
static void tell_noise(struct astm_reader *r)
{
    if (r->noise)
        defect(r, r->noise_at, "noise %zu bytes are neither frame nor record", r->noise);
    r->noise = 0;
}

static void add_noise(struct astm_reader *r, uint64_t offset, size_t n)
{
    if (!r->noise)
        r->noise_at = offset;
    r->noise += n;
}

/* ---- messages ---- */

static void ready(struct astm_reader *r, enum astm_assembly_result result)
{
    r->ready = true;
    r->result = (unsigned char)result;
}

/* The message that is open, if there is one, ends here without its L record. */
static void close_message(struct astm_reader *r)
{
    enum astm_assembly_result result = astm_assembly_end_record(&r->assembly);
    if (astm_assembly_open(&r->assembly))
        ready(r, result);
    r->skipping = r->line_open = false;
}

static void forget(struct astm_reader *r, enum astm_assembly_result result)
{
    defect(r, r->began, "too-long a message of more than %zu bytes was left out%s", r->config->max_message,
           result == ASTM_ASSEMBLY_MEMORY ? ": memory is exhausted" : "");
    r->assembly.text.len = 0;
    r->assembly.notes.text.len = 0;
    r->assembly.record = 0;
    r->assembly.headed = false;
    r->skipping = true;
    r->taking = false;
}

/* Takes text into the message that is open. Returns how many bytes went. */
static size_t take(struct astm_reader *r, const unsigned char *text, size_t n)
{
    enum astm_assembly_result result;
    size_t taken = astm_assembly_push(&r->assembly, text, n, r->config->max_message, &result);
    if (result == ASTM_ASSEMBLY_FULL || result == ASTM_ASSEMBLY_MEMORY) {
        forget(r, result);
        return n;
    }
    if (result != ASTM_ASSEMBLY_MORE)
        ready(r, result);
    return taken;
}

/* Goes on with the frame that is being taken. */
static void take_rest(struct astm_reader *r)
{
    size_t taken = take(r, r->rest, r->rest_len);
    r->rest += taken;
    r->rest_len -= taken;
    if (r->ready || !r->taking)
        return;
    r->taking = false;
    if (r->frame_end != ASTM_ETX)
        return;
    enum astm_assembly_result result = astm_assembly_end_record(&r->assembly);
    if (result == ASTM_ASSEMBLY_MEMORY)
        forget(r, result);
    else if (result != ASTM_ASSEMBLY_MORE)
        ready(r, result);
}

bool astm_reader_next(struct astm_reader *r, struct astm_message *message)
{
    if (!r->ready && r->taking)
        take_rest(r);
    if (!r->ready)
        return false;
    enum astm_assembly_result result = (enum astm_assembly_result)r->result;
    r->ready = false;
    *message = astm_assembly_message(&r->assembly, result);
    message->framed = !r->bare;
    message->complete = message->complete && !r->gap;
    message->offset = r->began;
    if (!message->complete && !r->gap)
        defect(r, r->began, "incomplete %s", result == ASTM_ASSEMBLY_ENDED ? "records without an H record before them"
                                                                           : "a message without L record");
    r->gap = false;
    astm_assembly_next(&r->assembly, result);
    if (result == ASTM_ASSEMBLY_HEADED)
        r->began = r->header_at;
    r->settled = true;
    return true;
}

/* What has been fetched is forgotten. */
static void settle(struct astm_reader *r)
{
    if (r->settled)
        astm_assembly_commit(&r->assembly);
    r->settled = false;
}

/* ---- frames ---- */

static void report_damage(struct astm_reader *r, const struct astm_frame *f)
{
    if (f->too_long || f->number < 0) {
        defect(r, f->offset, "malformed-frame %s", f->too_long ? "more text than a message may have" : "no frame number");
    } else if (f->given < 0) {
        defect(r, f->offset, "bad-checksum frame %d: none given, computed %02X", f->number, (unsigned)f->computed);
    } else {
        bool fits = f->fits != ASTM_CHECKSUM_NONE;
        defect(r, f->offset, "bad-checksum frame %d: given %02X, computed %02X%s%s", f->number, (unsigned)f->given,
               (unsigned)f->computed, fits ? "; it would fit --checksum " : "", fits ? astm_checksum_name(f->fits) : "");
    }
}

static bool repeated(struct astm_reader *r, const struct astm_frame *f)
{
    unsigned char digest[16];
    struct digest d;
    digest_init(&d);
    digest_add(&d, f->text, f->len);
    digest_end(&d, digest);
    bool same = r->last.number == f->number && r->last.len == f->len && r->last.end == f->end &&
                memcmp(r->last.digest, digest, sizeof digest) == 0;
    r->last.number = f->number;
    r->last.len = f->len;
    r->last.end = f->end;
    memcpy(r->last.digest, digest, sizeof digest);
    return same;
}

static void judge_number(struct astm_reader *r, const struct astm_frame *f, const unsigned char last_end, int last)
{
    bool open = astm_assembly_open(&r->assembly);
    if (r->expected < 0 || f->number == r->expected || (!open && f->number == 1))
        return;
    notes_add(&r->assembly.notes, r->assembly.notes_base, "frame-number frame %d where %d was due", f->number,
              r->expected);
    if (last_end == ASTM_ETX && (f->number == last || f->number == 1))
        return;
    defect(r, f->offset, "gap frame %d where %d was due: something is missing", f->number, r->expected);
    r->gap = true;
}

static void on_frame(struct astm_reader *r, const struct astm_frame *f)
{
    bool usable = f->good || (r->config->ignore_checksum && f->number >= 0 && !f->too_long);
    if (!f->good)
        report_damage(r, f);
    if (!usable)
        return;
    int last = r->last.number;
    unsigned char last_end = r->last.end;
    if (repeated(r, f)) {
        note(r, "repeat a frame came again");
        return;
    }
    judge_number(r, f, last_end, last);
    if (!f->good)
        notes_add(&r->assembly.notes, r->assembly.notes_base,
                  "bad-checksum frame %d at offset %llu: given %02X, computed %02X", f->number,
                  (unsigned long long)f->offset, (unsigned)f->given & 0xFF, (unsigned)f->computed);
    if (f->learned)
        notes_add(&r->assembly.notes, r->assembly.notes_base, "checksum-learned the convention is %s, not std",
                  astm_checksum_name(r->framer.convention));
    r->expected = (f->number + 1) % 8;
    r->bare = false;
    if (r->skipping && !astm_is_header(f->text, f->len))
        return;
    r->skipping = false;
    if (!astm_assembly_open(&r->assembly))
        r->began = f->offset;
    r->header_at = f->offset;
    r->rest = f->text;
    r->rest_len = f->len;
    r->frame_end = f->end;
    r->taking = true;
    take_rest(r);
}

static const char *const token_names[] = {
    [ASTM_TOKEN_NONE] = "",     [ASTM_TOKEN_ENQ] = "ENQ",     [ASTM_TOKEN_EOT] = "EOT", [ASTM_TOKEN_ACK] = "ACK",
    [ASTM_TOKEN_NAK] = "NAK",   [ASTM_TOKEN_FRAME] = "frame", [ASTM_TOKEN_CUT] = "cut", [ASTM_TOKEN_TEXT] = "text",
};

static void watch(struct astm_reader *r, const struct astm_token *t)
{
    if (!r->config->wire || t->kind == ASTM_TOKEN_NONE)
        return;
    bool frame = t->kind == ASTM_TOKEN_FRAME;
    struct astm_wire wire = {.event = token_names[t->kind],
                             .offset = t->offset,
                             .frame = frame ? &t->frame : NULL,
                             .len = t->kind == ASTM_TOKEN_CUT || t->kind == ASTM_TOKEN_TEXT ? t->len : 0};
    r->config->wire(r->config->context, &wire);
}

static void on_token(struct astm_reader *r, const struct astm_token *t)
{
    watch(r, t);
    switch (t->kind) {
    case ASTM_TOKEN_FRAME:
        tell_noise(r);
        on_frame(r, &t->frame);
        break;
    case ASTM_TOKEN_ENQ:
    case ASTM_TOKEN_EOT:
        tell_noise(r);
        close_message(r);
        r->expected = t->kind == ASTM_TOKEN_ENQ ? 1 : -1;
        r->last.number = -1;
        break;
    case ASTM_TOKEN_CUT:
        defect(r, t->offset, "cut-frame a frame is cut off after %zu bytes", t->len);
        break;
    default:
        break;
    }
}

/* ---- outside frames ---- */

static bool blank(unsigned char c)
{
    return c == '\r' || c == '\n' || c == ' ' || c == '\t' || c == 0;
}

static bool letter(unsigned char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* How many bytes, from the beginning of a line, lie before a record or a comment. */
static size_t leading_blanks(const unsigned char *p, size_t n)
{
    size_t i = 0;
    while (i < n && blank(p[i]))
        i++;
    return i;
}

static void take_line(struct astm_reader *r, const unsigned char *p, size_t n, uint64_t offset)
{
    if (!astm_assembly_open(&r->assembly)) {
        note(r, "unframed the records have no frames");
        r->began = offset;
        r->bare = true;
    }
    r->header_at = offset;
    take(r, p, n);
}

/* A line, or a part of one, that is complete or as long as what was pushed. */
static void on_line(struct astm_reader *r, const unsigned char *p, size_t n, size_t shown, uint64_t offset)
{
    bool record = shown >= 1 && (astm_is_header(p, shown) || (letter(*p) && shown > 1 && p[1] == '|'));
    bool open = r->bare && astm_assembly_open(&r->assembly);
    if (r->line_open && open) {
        take(r, p, n);
    } else if (r->in_comment || *p == '#') {
        r->in_comment = p[n - 1] != '\r' && p[n - 1] != '\n';
    } else if (r->skipping && (r->line_open || !astm_is_header(p, shown))) {
        /* the rest of a message that is too long */
    } else if (!r->line_open && (record || open)) {
        tell_noise(r);
        r->skipping = false;
        take_line(r, p, n, offset);
    } else {
        add_noise(r, offset, n);
    }
    r->line_open = p[n - 1] != '\r' && p[n - 1] != '\n';
}

/* Takes up to a line of bytes outside frames. 0: the line's beginning does not say yet what it is. */
static size_t push_line(struct astm_reader *r, const unsigned char *p, size_t n, bool last)
{
    size_t skip = r->line_open ? 0 : leading_blanks(p, n);
    if (skip && r->bare && astm_assembly_open(&r->assembly) && *p == '\n' && r->assembly.after_cr) {
        take(r, p, 1);
        return 1;
    }
    if (skip)
        return skip;
    if (n == 1 && !r->line_open && !last)
        return 0;
    size_t end = scan_line_end(p, n);
    on_line(r, p, end + (end < n), end, r->framer.offset);
    return end + (end < n);
}

/* How many bytes come before the next control byte. What has been searched is not searched again. */
static size_t plain_run(struct astm_reader *r, const unsigned char *p, size_t n)
{
    uint64_t offset = r->framer.offset;
    size_t known = r->plain_until > offset ? (size_t)(r->plain_until - offset) : 0;
    if (known >= n)
        return n;
    if (known)
        return known;
    size_t run = scan_link_control(p, n);
    r->plain_until = offset + run;
    return run;
}

static size_t push_some(struct astm_reader *r, const unsigned char *p, size_t n, bool last)
{
    if (!astm_framer_inside(&r->framer)) {
        size_t run = plain_run(r, p, n);
        if (run) {
            size_t taken = push_line(r, p, run, last || run < n);
            r->framer.offset += taken;
            return taken;
        }
        r->line_open = r->in_comment = false;
        if (r->bare && astm_assembly_open(&r->assembly)) {
            close_message(r);
            return 0;
        }
    }
    struct astm_token token;
    size_t taken = astm_framer_push(&r->framer, p, n, 0, &token);
    on_token(r, &token);
    return taken;
}

size_t astm_reader_push(struct astm_reader *r, const unsigned char *bytes, size_t n)
{
    size_t taken = 0;
    settle(r);
    while (taken < n && !r->ready && !r->taking) {
        size_t step = push_some(r, bytes + taken, n - taken, false);
        if (!step && !r->ready)
            break;
        taken += step;
    }
    return taken;
}

void astm_reader_eof(struct astm_reader *r, const unsigned char *bytes, size_t n)
{
    struct astm_token token;
    settle(r);
    if (n)
        push_some(r, bytes, n, true);
    astm_framer_eof(&r->framer, &token);
    on_token(r, &token);
    if (!r->ready && !r->taking)
        close_message(r);
    tell_noise(r);
}
