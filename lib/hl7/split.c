#include "hl7/split.h"

#include "base/scan.h"
#include "base/utf8.h"
#include "hl7/ack.h"

#include <stdio.h>

static const char *const ends[] = {"auto", "cr", "lf"};

bool hl7_segment_end_parse(const char *name, enum hl7_segment_end *end)
{
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (strcmp(name, ends[i]) == 0) {
            *end = (enum hl7_segment_end)i;
            return true;
        }
    return false;
}

/* ---- UTF-16 ---- */

/* Where in each pair the low byte lies: 0 little-endian, 1 big-endian, -1: it is not UTF-16. */
static int utf16_low(const unsigned char *p, size_t n)
{
    if (n >= 2 && ((p[0] == 0xFF && p[1] == 0xFE) || (p[0] == 0xFE && p[1] == 0xFF)))
        return p[0] == 0xFE;
    for (int low = 0; low < 2 && n >= 6; low++) {
        const unsigned char letters[] = {p[low], p[2 + low], p[4 + low]};
        bool wide = !p[1 - low] && !p[3 - low] && !p[5 - low];
        if (wide && (!memcmp(letters, "MSH", 3) || !memcmp(letters, "FHS", 3) || !memcmp(letters, "BHS", 3)))
            return low;
    }
    return -1;
}

static unsigned unit(const unsigned char *p, int low)
{
    return (unsigned)p[1 - low] << 8 | p[low];
}

/* *damaged: something in it is no character. */
static bool from_utf16(struct bytes *text, int low, bool *damaged)
{
    struct bytes out = {0};
    const unsigned char *p = text->data;
    if (!bytes_reserve(&out, text->len / 2 * 3 + 3))
        return false;
    for (size_t i = 0; i + 1 < text->len; i += 2) {
        uint32_t point = unit(p + i, low);
        if (i == 0 && point == 0xFEFF)
            continue;
        if (point >= 0xD800 && point < 0xDC00 && i + 3 < text->len && unit(p + i + 2, low) >> 10 == 0x37) {
            point = 0x10000 + ((point - 0xD800) << 10) + (unit(p + i + 2, low) - 0xDC00);
            i += 2;
        }
        *damaged |= point >> 11 == 0x1B;
        out.len += utf8_encode(point >> 11 == 0x1B ? 0xFFFD : point, out.data + out.len);
    }
    *damaged |= text->len % 2;
    bytes_free(text);
    *text = out;
    return true;
}

/* ---- segments ---- */

/* Whether a segment begins here that belongs to no message before it. */
static bool begins_message(const struct hl7_split *s, size_t at)
{
    const unsigned char *p = s->text->data + at;
    return at < s->text->len && *p == 'M' && hl7_begins(p, s->text->len - at, "MSH");
}

static bool begins_envelope(const struct hl7_split *s, size_t at)
{
    const unsigned char *p = s->text->data + at;
    size_t n = s->text->len - at;
    if (!n || (*p != 'F' && *p != 'B'))
        return false;
    if (hl7_begins(p, n, "FHS") || hl7_begins(p, n, "BHS"))
        return true;
    return n >= 3 && (!memcmp(p, "BTS", 3) || !memcmp(p, "FTS", 3)) &&
           (n == 3 || p[3] == s->field || p[3] == '\r' || p[3] == '\n');
}

static bool lf_ends(const struct hl7_split *s, size_t at)
{
    if (s->end != HL7_END_AUTO)
        return s->end == HL7_END_LF;
    size_t next = at + 1;
    return !s->has_cr || next == s->text->len || begins_message(s, next) || begins_envelope(s, next) ||
           hl7_names_segment(s->text->data + next, s->text->len - next, s->field);
}

/* Where the segment ends that begins at s->at; s->at moves to the next one. */
static size_t segment_end(struct hl7_split *s)
{
    unsigned char *p = s->text->data;
    size_t n = s->text->len, at = s->at;
    if (!s->has_lf && s->end != HL7_END_LF) {
        const unsigned char *cr = memchr(p + at, '\r', n - at);
        s->at = cr ? (size_t)(cr - p) + 1 : n;
        return s->at - (cr != NULL);
    }
    for (at += scan_line_end(p + at, n - at); at < n; at++, at += scan_line_end(p + at, n - at)) {
        bool lf = p[at] == '\n', crlf = !lf && at + 1 < n && p[at + 1] == '\n';
        if (lf ? lf_ends(s, at) : crlf || s->end != HL7_END_LF) {
            s->at = at + 1 + crlf;
            if (lf || crlf)
                notes_once(&s->notes, 0, crlf ? "segment-end CR LF ends a segment" : "segment-end LF ends a segment");
            return at;
        }
        p[at] = '\n';
    }
    s->at = n;
    return n;
}

/* Whether there is nothing in it but blanks and control characters. */
static bool blank(const unsigned char *p, size_t n)
{
    size_t i = 0;
    while (i < n && p[i] <= ' ')
        i++;
    return i == n;
}

/* Takes segments up to the next message or envelope, and closes the gaps between them. Returns the end of the last. */
static size_t take_segments(struct hl7_split *s)
{
    unsigned char *p = s->text->data;
    size_t to = s->at;
    for (bool first = true; s->at < s->text->len; first = false) {
        size_t at = s->at;
        if (!first && (begins_message(s, at) || begins_envelope(s, at)))
            break;
        size_t n = segment_end(s) - at;
        if (blank(p + at, n)) {
            notes_once(&s->notes, 0, "empty-segment an empty segment was left out");
            continue;
        }
        s->msa |= n > 3 && memcmp(p + at, "MSA", 3) == 0;
        if (to != at)
            memmove(p + to, p + at, n);
        s->segments++;
        to += n;
        p[to++] = '\r';
    }
    return to;
}

/* ---- messages ---- */

static void note_block(struct hl7_split *s)
{
    const struct hl7_token *b = &s->block;
    if (b->kind == HL7_TOKEN_BLOCK && b->bare)
        notes_once(&s->notes, 0, "unframed the message came without VT");
    else if (b->kind == HL7_TOKEN_BLOCK && b->no_cr)
        notes_once(&s->notes, 0, "block-end no CR followed FS");
    if (b->fs_inside)
        notes_once(&s->notes, 0, "fs-inside an FS in the block is data");
    if (b->vt_inside)
        notes_once(&s->notes, 0, "vt-inside a VT in the block is data");
    if (s->utf16)
        notes_once(&s->notes, 0, "utf-16 the message came in UTF-16");
    if (s->damaged)
        notes_once(&s->notes, 0, "charset what is not UTF-16 was replaced or left out");
}

/* Where the message stands: in the batch that has begun, or in one whose end follows it; and in its block. */
static void note_place(struct hl7_split *s)
{
    struct hl7_batch *b = &s->batch;
    bool inside = b->file || b->open;
    if (inside && !b->any) {
        b->any = true;
        b->answers = s->msa;
    }
    inside = inside && s->msa == b->answers;
    b->came += inside;
    if (inside || (begins_envelope(s, s->at) && s->text->data[s->at + 1] == 'T'))
        notes_once(&s->notes, 0, "batch the message came in a batch envelope");
    if (s->messages > 1)
        notes_add(&s->notes, 0, "several-messages it is message %u of its block", s->messages);
}

/* Compares BTS-1 with the messages that came; one that is no number says nothing. */
static void count_batch(struct hl7_batch *b, const unsigned char *p, size_t n, uint64_t offset)
{
    uint64_t said = 0;
    size_t i = 4;
    for (; i < n && p[i] >= '0' && p[i] <= '9' && said < UINT64_MAX / 100; i++)
        said = said * 10 + (p[i] - '0');
    if (i == 4 || (i < n && p[i] != p[3]) || !b->open || said == b->came || b->odd)
        return;
    b->odd = true;
    b->said = said;
    b->counted = b->came;
    b->offset = offset;
}

/* Takes a segment of an envelope in: FHS, BHS, BTS or FTS. */
static void take_envelope(struct hl7_split *s)
{
    struct hl7_batch *b = &s->batch;
    size_t at = s->at, n = segment_end(s) - at;
    const unsigned char *p = s->text->data + at;
    bool file = p[0] == 'F', begins = p[1] == 'H';
    s->envelope = s->any = true;
    if (!begins && !file)
        count_batch(b, p, n, s->block.offset + !s->block.bare + at);
    if (begins) {
        b->any = false;
        b->came = 0;
        b->field = p[3];
    }
    b->open = begins && !file;
    b->file = file ? begins : b->file;
}

static void note_header(struct hl7_split *s, const struct hl7_header *h)
{
    if (h->why)
        return;
    if (h->separators.odd)
        notes_once(&s->notes, 0, "separators MSH-2 is not what it has to be; missing ones are read as ^~\\&");
    if (!h->msh[HL7_MESSAGE_TYPE].n)
        notes_once(&s->notes, 0, "no-type MSH-9 is empty");
    if (!h->msh[HL7_CONTROL_ID].n)
        notes_once(&s->notes, 0, "no-control-id MSH-10 is empty");
    if (hl7_ack_odd(h))
        notes_once(&s->notes, 0, "original-mode MSH-15 or MSH-16 is none of AL, NE, ER, SU");
}

/* The message that begins at s->at. */
static void take_message(struct hl7_split *s, struct hl7_message *m)
{
    size_t start = s->at;
    s->messages++;
    s->any = true;
    note_block(s);
    s->msa = false;
    s->segments = 0;
    size_t len = take_segments(s) - start;
    note_place(s);
    *m = (struct hl7_message){
        .text = s->text->data + start,
        .len = len,
        .segments = s->segments,
        .offset = s->block.offset + !s->block.bare + start,
        .complete = s->at < s->text->len || (s->block.kind != HL7_TOKEN_CUT && s->block.kind != HL7_TOKEN_TOO_LONG),
        .framed = !s->block.bare,
        .utf16 = s->utf16,
        .has_msa = s->msa,
    };
    hl7_header_read(&m->header, m->text, len);
    note_header(s, &m->header);
    m->notes = (const char *)s->notes.text.data;
    m->notes_len = s->notes.text.len;
}

/* Whether a segment begins a line before `to`. */
static bool holds_segments(const struct hl7_split *s, size_t to)
{
    const unsigned char *p = s->text->data;
    for (size_t at = s->at; at < to; at++) {
        if (hl7_names_segment(p + at, to - at, s->field))
            return true;
        at += scan_line_end(p + at, to - at);
    }
    return false;
}

/* Where the next message or envelope begins a line; the end of the text when none does. */
static size_t find_message(const struct hl7_split *s)
{
    size_t n = s->text->len;
    for (size_t at = s->at; at < n; at++) {
        if (begins_message(s, at) || begins_envelope(s, at))
            return at;
        at += scan_line_end(s->text->data + at, n - at);
    }
    return n;
}

/* Leaves out what stands before a message and holds no segment. */
static void skip_rubbish(struct hl7_split *s)
{
    const unsigned char *p = s->text->data;
    size_t n = s->text->len, from = s->at;
    if (n - from >= 3 && memcmp(p + from, "\xEF\xBB\xBF", 3) == 0)
        s->at += 3;
    while (s->at < n && p[s->at] <= ' ')
        s->at++;
    size_t to = find_message(s);
    if (to < n && !holds_segments(s, to))
        s->at = to;
    if (s->at > from && s->at < n)
        notes_once(&s->notes, 0, "before-msh there was something before MSH");
}

bool hl7_split_begin(struct hl7_split *s, struct bytes *text, const struct hl7_token *block, enum hl7_segment_end end)
{
    const struct hl7_batch batch = s->batch;
    *s = (struct hl7_split){.text = text, .end = end, .block = {.bare = true}, .field = '|', .batch = batch};
    if (batch.file || batch.open)
        s->field = batch.field;
    if (block)
        s->block = *block;
    if (!bytes_reserve(text, 1))
        return false;
    int low = utf16_low(text->data, text->len);
    s->utf16 = low >= 0;
    if (s->utf16 && !from_utf16(text, low, &s->damaged))
        return false;
    s->has_cr = text->len && memchr(text->data, '\r', text->len);
    s->has_lf = text->len && memchr(text->data, '\n', text->len);
    return true;
}

bool hl7_split_next(struct hl7_split *s, struct hl7_message *message)
{
    const unsigned char *p = s->text->data;
    s->notes.text.len = 0;
    while (s->at < s->text->len) {
        skip_rubbish(s);
        bool envelope = begins_envelope(s, s->at);
        if (s->at + 3 < s->text->len && (begins_message(s, s->at) || (envelope && p[s->at + 1] == 'H')))
            s->field = p[s->at + 3];
        if (!envelope && s->at < s->text->len) {
            take_message(s, message);
            return true;
        }
        if (envelope)
            take_envelope(s);
    }
    if (s->any)
        return false;
    take_message(s, message);
    return true;
}

bool hl7_batch_odd(struct hl7_batch *b, char text[HL7_BATCH_TEXT])
{
    bool odd = b->odd;
    b->odd = false;
    if (odd)
        snprintf(text, HL7_BATCH_TEXT, "BTS-1 says %llu, and the messages since BHS are %llu",
                 (unsigned long long)b->said, (unsigned long long)b->counted);
    return odd;
}

void hl7_split_free(struct hl7_split *s)
{
    notes_free(&s->notes);
}
