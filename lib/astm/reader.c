#include "astm/reader.h"

#include "base/scan.h"

#include <stdarg.h>
#include <stdio.h>

#define UNFRAMED "unframed the records came without frames"

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

static void watch(struct astm_reader *r, const struct astm_wire *wire)
{
    if (r->config->wire)
        r->config->wire(r->config->context, wire);
}

static void note(struct astm_reader *r, const char *text)
{
    notes_once(&r->assembly.notes, r->assembly.notes_base, text);
}

void astm_reader_init(struct astm_reader *r, const struct astm_reader_config *config)
{
    *r = (struct astm_reader){.config = config};
    astm_sequence_begin(&r->sequence, -1);
    astm_framer_init(&r->framer, config->checksum, config->max_message);
}

void astm_reader_free(struct astm_reader *r)
{
    astm_framer_free(&r->framer);
    astm_assembly_free(&r->assembly);
    astm_sequence_free(&r->sequence);
}

/* Bytes that are neither frames nor records: told of once for a whole stretch. */
static void tell_noise(struct astm_reader *r)
{
    defect(r, r->noise_at, "noise %zu bytes are neither frame nor record", r->noise);
    watch(r, &(struct astm_wire){.event = "noise", .offset = r->noise_at, .len = r->noise});
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

/* The message that is open is left out, with all that comes of it. */
static void forget(struct astm_reader *r, enum astm_assembly_result result)
{
    defect(r, r->began, "too-long a message of more than %zu bytes was left out%s", r->config->max_message,
           result == ASTM_ASSEMBLY_MEMORY ? ": memory is exhausted" : "");
    astm_assembly_free(&r->assembly);
    r->frame.from = 0;
    r->gap = false;
    r->skipping = true;
}

/* What the end of a record means for its message. */
static void end_record(struct astm_reader *r)
{
    enum astm_assembly_result result = astm_assembly_end_record(&r->assembly);
    if (result == ASTM_ASSEMBLY_MEMORY)
        forget(r, result);
    else if (result != ASTM_ASSEMBLY_MORE)
        ready(r, result);
}

/* The message that is open, if there is one, ends here, whether its L record has come or not. */
static void close_message(struct astm_reader *r)
{
    end_record(r);
    r->closing = r->ready && r->result == ASTM_ASSEMBLY_HEADED;
    if (!r->ready && astm_assembly_open(&r->assembly))
        ready(r, ASTM_ASSEMBLY_MORE);
    r->skipping = false;
}

/* Takes text into the message that is open. Returns how many bytes went. */
static size_t take(struct astm_reader *r, const unsigned char *text, size_t n)
{
    enum astm_assembly_result result;
    size_t taken = astm_assembly_push(&r->assembly, text, n, r->config->max_message, &result);
    if (result == ASTM_ASSEMBLY_FULL || result == ASTM_ASSEMBLY_MEMORY) {
        forget(r, result);
        r->fresh = taken && (text[taken - 1] == ASTM_CR || text[taken - 1] == ASTM_LF);
    } else if (result != ASTM_ASSEMBLY_MORE) {
        ready(r, result);
    }
    return taken;
}

/* How much of a frame's text belongs to the message that is left out: up to an H record. */
static size_t skip(struct astm_reader *r, const unsigned char *text, size_t n)
{
    size_t at = 0;
    while (at < n) {
        if (r->fresh && astm_is_header(text + at, n - at)) {
            r->skipping = false;
            r->began = r->frame.at;
            break;
        }
        size_t end = at + scan_line_end(text + at, n - at);
        r->fresh = end < n;
        at = end + r->fresh;
    }
    return at;
}

/* Goes on with the frame that is being taken, up to the end of a message. */
static void take_frame(struct astm_reader *r)
{
    while (r->frame.rest_len && !r->ready) {
        size_t taken =
            r->skipping ? skip(r, r->frame.rest, r->frame.rest_len) : take(r, r->frame.rest, r->frame.rest_len);
        r->frame.rest += taken;
        r->frame.rest_len -= taken;
    }
    if (r->ready)
        return;
    r->frame.open = false;
    if (r->frame.end == ASTM_ETX) {
        r->fresh = true;
        end_record(r);
    }
    if (r->assembly.record >= r->frame.from)
        r->record_at = r->frame.at;
}

/* The message that was fetched is over; where does the next one begin? */
static void begin_next(struct astm_reader *r, enum astm_assembly_result result)
{
    bool of_frame = r->frame.open && r->assembly.record >= r->frame.from;
    r->began = of_frame || result != ASTM_ASSEMBLY_HEADED ? r->frame.at : r->record_at;
    if (r->bare)
        r->began = r->record_at;
    astm_assembly_next(&r->assembly, result);
    if (r->bare && astm_assembly_open(&r->assembly))
        note(r, UNFRAMED);
    r->gap = false;
    r->fetched = true;
}

bool astm_reader_next(struct astm_reader *r, struct message *message)
{
    if (!r->ready && r->frame.open)
        take_frame(r);
    if (!r->ready && r->closing)
        close_message(r);
    if (!r->ready)
        return false;
    enum astm_assembly_result result = (enum astm_assembly_result)r->result;
    r->ready = false;
    *message = astm_assembly_message(&r->assembly, result);
    message->framed = !r->bare;
    message->complete = message->complete && !r->gap;
    message->offset = r->began;
    if (!message->complete && !r->gap)
        defect(r, r->began, "incomplete %s",
               result == ASTM_ASSEMBLY_ENDED ? "records without an H record before them"
                                             : "a message without L record");
    begin_next(r, result);
    return true;
}

/* What has been fetched is forgotten. */
static void settle(struct astm_reader *r)
{
    if (r->fetched)
        astm_assembly_commit(&r->assembly);
    r->fetched = false;
}

/* ---- frames ---- */

static void report_damage(struct astm_reader *r, const struct astm_frame *f)
{
    char text[120];
    astm_frame_damage(f, text, sizeof text);
    defect(r, f->offset, "%s", text);
}

static void note_turn(struct astm_reader *r, const struct astm_frame *f, enum astm_turn turn)
{
    int due = r->sequence.expected;
    if (turn == ASTM_TURN_NEXT)
        return;
    notes_add(&r->assembly.notes, r->assembly.notes_base, "frame-number frame %d was taken where %d was due", f->number,
              due);
    if (turn != ASTM_TURN_GAP)
        return;
    defect(r, f->offset, "gap frame %d where %d was due: something is missing", f->number, due);
    r->gap = astm_assembly_open(&r->assembly) || !astm_is_header(f->text, f->len);
}

static void note_oddities(struct astm_reader *r, const struct astm_frame *f)
{
    if (!f->good)
        notes_add(&r->assembly.notes, r->assembly.notes_base,
                  "bad-checksum frame %d at offset %llu: given %02X, computed %02X", f->number,
                  (unsigned long long)f->offset, (unsigned)f->given & 0xFF, (unsigned)f->computed);
    if (f->learned)
        notes_add(&r->assembly.notes, r->assembly.notes_base, "checksum-learned the convention is %s, not std",
                  astm_checksum_name(r->framer.convention));
    if (f->unpadded)
        note(r, "unpadded-checksum a checksum came as one digit");
}

static void begin_frame(struct astm_reader *r, const struct astm_frame *f)
{
    r->bare = false;
    if (!astm_assembly_open(&r->assembly))
        r->began = f->offset;
    r->frame.open = true;
    r->frame.rest = f->text;
    r->frame.rest_len = f->len;
    r->frame.from = r->assembly.text.len;
    r->frame.at = f->offset;
    r->frame.end = f->end;
}

static void on_frame(struct astm_reader *r, const struct astm_frame *f)
{
    if (!f->good)
        report_damage(r, f);
    if (!f->good && (!r->config->ignore_checksum || f->number < 0 || f->too_long))
        return;
    bool open = astm_assembly_open(&r->assembly);
    enum astm_turn turn = astm_sequence_judge(&r->sequence, f, open);
    if (turn == ASTM_TURN_REPEAT) {
        if (open)
            note(r, "repeat a frame came again");
        return;
    }
    if (!r->skipping) {
        note_turn(r, f, turn);
        note_oddities(r, f);
    }
    astm_sequence_take(&r->sequence, f);
    begin_frame(r, f);
    take_frame(r);
}

static void watch_token(struct astm_reader *r, const struct astm_token *t)
{
    static const char *const names[] = {
        [ASTM_TOKEN_ENQ] = "ENQ", [ASTM_TOKEN_EOT] = "EOT",     [ASTM_TOKEN_ACK] = "ACK",
        [ASTM_TOKEN_NAK] = "NAK", [ASTM_TOKEN_FRAME] = "frame", [ASTM_TOKEN_CUT] = "cut",
    };
    if (!r->config->wire)
        return;
    struct astm_wire wire = {.event = names[t->kind], .offset = t->offset};
    if (t->kind == ASTM_TOKEN_FRAME)
        wire.frame = &t->frame;
    if (t->kind == ASTM_TOKEN_CUT)
        wire.len = t->len;
    watch(r, &wire);
}

static void on_token(struct astm_reader *r, const struct astm_token *t)
{
    if (t->kind == ASTM_TOKEN_NONE)
        return;
    if (r->noise)
        tell_noise(r);
    watch_token(r, t);
    switch (t->kind) {
    case ASTM_TOKEN_FRAME:
        on_frame(r, &t->frame);
        break;
    case ASTM_TOKEN_ENQ:
    case ASTM_TOKEN_EOT:
        close_message(r);
        astm_sequence_begin(&r->sequence, t->kind == ASTM_TOKEN_ENQ ? 1 : -1);
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

static bool bare_open(const struct astm_reader *r)
{
    return r->bare && astm_assembly_open(&r->assembly);
}

/* The byte order mark with which editors begin a file in UTF-8. */
static bool order_mark(uint64_t offset, unsigned char c)
{
    static const unsigned char mark[] = {0xEF, 0xBB, 0xBF};
    return offset < sizeof mark && c == mark[offset];
}

/* What lies before a line: blanks, and the ends of empty lines. Those count for what the message is noted for. */
static size_t push_blanks(struct astm_reader *r, const unsigned char *p, size_t n)
{
    size_t i = 0;
    if (bare_open(r) && (*p == '\r' || *p == '\n'))
        return take(r, p, 1);
    while (i < n && (blank(p[i]) || order_mark(r->framer.offset + i, p[i])) && !(i && (p[i] == '\r' || p[i] == '\n')))
        i++;
    return i;
}

/* What the line that begins with these bytes is; whole: more of it will not come. ASTM_LINE_NONE: they are too few. */
static enum astm_reader_line classify(const struct astm_reader *r, const unsigned char *p, size_t n, bool whole)
{
    bool header = astm_is_header(p, n);
    if (*p == '#')
        return ASTM_LINE_COMMENT;
    if (bare_open(r))
        return ASTM_LINE_RECORD;
    if (n == 1 && !whole && letter(*p))
        return ASTM_LINE_NONE;
    if (r->skipping && !header)
        return ASTM_LINE_SKIPPED;
    if (header || (letter(*p) && n > 1 && p[1] == '|' && !astm_assembly_open(&r->assembly)))
        return ASTM_LINE_RECORD;
    return ASTM_LINE_NOISE;
}

/* The line that begins at offset is a record. */
static void begin_line(struct astm_reader *r, uint64_t offset)
{
    r->record_at = offset;
    r->skipping = false;
    if (astm_assembly_open(&r->assembly))
        return;
    if (r->noise)
        tell_noise(r);
    note(r, UNFRAMED);
    r->began = offset;
    r->bare = true;
}

/* How many bytes, from within a line that is a record, come before a line that may be something else, or an H record,
 * or after what may be the L record. */
static size_t records(const unsigned char *p, size_t n)
{
    size_t at = 0, line;
    do {
        line = at;
        at += scan_line_end(p + at, n - at);
        at += at + 1 < n && p[at] == '\r' && p[at + 1] == '\n';
        at += at < n;
    } while (at < n && !blank(p[at]) && p[at] != '#' && p[at] != 'H' && p[line] != 'L');
    return at;
}

/* Goes on with the line that is open, and with records that follow. Returns how many bytes went. */
static size_t push_line(struct astm_reader *r, const unsigned char *p, size_t n)
{
    size_t end = scan_line_end(p, n), taken = end + (end < n);
    if (r->line == ASTM_LINE_RECORD)
        taken = take(r, p, records(p, n));
    else if (r->line == ASTM_LINE_NOISE)
        add_noise(r, r->framer.offset, taken);
    if (taken && (p[taken - 1] == '\r' || p[taken - 1] == '\n'))
        r->line = ASTM_LINE_NONE;
    else if (r->skipping && r->line == ASTM_LINE_RECORD)
        r->line = ASTM_LINE_SKIPPED;
    return taken;
}

/* Takes some of the bytes outside frames; whole: a control byte or the end follows them. False when they are too few
 * to tell what they are. */
static bool push_text(struct astm_reader *r, const unsigned char *p, size_t n, bool whole, size_t *taken)
{
    if (r->line == ASTM_LINE_NONE) {
        *taken = push_blanks(r, p, n);
        if (*taken)
            return true;
        r->line = classify(r, p, n, whole);
        if (r->line == ASTM_LINE_NONE)
            return false;
        if (r->line == ASTM_LINE_RECORD && !r->bare && astm_assembly_open(&r->assembly)) {
            close_message(r);
            r->line = ASTM_LINE_NONE;
            return true;
        }
        if (r->line == ASTM_LINE_RECORD)
            begin_line(r, r->framer.offset);
    }
    *taken = push_line(r, p, n);
    return true;
}

/* ---- the capture ---- */

/* How many bytes come before the next control byte. What has been searched is not searched again. */
static size_t plain_run(struct astm_reader *r, const unsigned char *p, size_t n)
{
    uint64_t offset = r->framer.offset;
    if (*p == ASTM_STX)
        return 0;
    size_t run = r->plain_until > offset ? (size_t)(r->plain_until - offset) : 0;
    if (run >= n)
        return n;
    run += scan_link_control(p + run, n - run);
    r->plain_until = offset + run;
    return run;
}

/* Takes some bytes. False when they are too few to tell what they are; last: more of them will not come. */
static bool push_some(struct astm_reader *r, const unsigned char *p, size_t n, bool last, size_t *taken)
{
    *taken = 0;
    if (!astm_framer_inside(&r->framer)) {
        size_t run = plain_run(r, p, n);
        if (run) {
            bool fine = push_text(r, p, run, last || run < n, taken);
            r->framer.offset += *taken;
            return fine;
        }
        r->line = ASTM_LINE_NONE;
        if (bare_open(r)) {
            close_message(r);
            return true;
        }
    }
    struct astm_token token;
    *taken = astm_framer_push(&r->framer, p, n, 0, &token);
    on_token(r, &token);
    return true;
}

static size_t push(struct astm_reader *r, const unsigned char *bytes, size_t n, bool last)
{
    size_t taken = 0, step;
    settle(r);
    while (taken < n && !r->ready && push_some(r, bytes + taken, n - taken, last, &step))
        taken += step;
    return taken;
}

size_t astm_reader_push(struct astm_reader *r, const unsigned char *bytes, size_t n)
{
    return push(r, bytes, n, false);
}

void astm_reader_eof(struct astm_reader *r, const unsigned char *bytes, size_t n)
{
    struct astm_token token;
    push(r, bytes, n, true);
    astm_framer_eof(&r->framer, &token);
    on_token(r, &token);
    if (r->noise)
        tell_noise(r);
    r->closing = true;
}
