#include "link/messages.h"

#include "base/scan.h"
#include "base/utf8.h"
#include "link/journal.h"

#include <stdio.h>

enum { UNKNOWN, LINES, TEXT };

enum {
    LINE_GROWTH = 8,   /* bytes of a line for one of its message, at most */
    RECORD_HEAD = 256, /* bytes of a record that is too long which are kept to tell what it is */
};

static const char no_memory[] = "no-memory", too_long[] = "too-long it is longer than --max-message",
                  not_in_set[] = "bad-text a character is not in the character set";

void messages_init(struct messages *m, const struct protocol *protocol, struct charset *charset, size_t max)
{
    *m = (struct messages){.protocol = protocol, .charset = charset, .max = max};
    lines_init(&m->lines, max < SIZE_MAX / LINE_GROWTH ? max * LINE_GROWTH : max);
}

/* What was found is to be fetched. wrong NULL: m->done is a message. */
static void put(struct messages *m, uint64_t line, const char *wrong)
{
    struct outbox_slice *id = &m->item.control_id;
    m->ready = true;
    m->item.line = line;
    m->item.wrong = wrong;
    if (wrong)
        return;
    m->item.text = (struct outbox_slice){m->done.data, m->done.len};
    m->protocol->control_id(m->done.data, m->done.len, &id->p, &id->n);
    if (!id->n || !utf8_valid(id->p, id->n))
        *id = (struct outbox_slice){NULL, 0};
}

/* Has m->done in the set that it is to be sent in. Why not; NULL: it is. */
static const char *convert(struct messages *m)
{
    struct bytes out = {0};
    if (m->done.len > m->max)
        return too_long;
    if (!m->charset)
        return NULL;
    if (!charset_from_utf8(m->charset, m->done.data, m->done.len, &out)) {
        bytes_free(&out);
        return not_in_set;
    }
    bytes_free(&m->done);
    m->done = out;
    return NULL;
}

/* ---- lines ---- */

/* Makes m->done the message that the line is. Why it is none; NULL: it is one. */
static const char *encode(struct messages *m, const struct line *line)
{
    const struct encode_envelope *e = &m->encoder.envelope;
    m->done.len = 0;
    switch (m->protocol->encode(&m->encoder, line->text, line->n, m->max, &m->done)) {
    case ENCODE_DONE:
        return e->charset.p ? NULL : convert(m);
    case ENCODE_TEXT:
        return outbox_put_records(&m->done, e->text.p, e->text.n) ? convert(m) : no_memory;
    case ENCODE_NO_MEMORY:
        return no_memory;
    default:
        snprintf(m->why, sizeof m->why, "bad-line %s", m->encoder.why);
        return m->why;
    }
}

static void take_object(struct messages *m, const struct line *line)
{
    const char *wrong = encode(m, line);
    m->item.id = (struct outbox_slice){m->encoder.envelope.id.p, m->encoder.envelope.id.n};
    put(m, line->number, wrong);
}

static void take_line(struct messages *m, struct line *line)
{
    size_t blank = 0;
    while (blank < line->n && strchr(" \t\r", line->text[blank]) && line->text[blank])
        blank++;
    line->number += m->line;
    if (line->state == LINE_TOO_LONG)
        put(m, line->number, "bad-line it is too long");
    else if (line->state == LINE_NO_MEMORY)
        put(m, line->number, no_memory);
    else if (blank < line->n && !journal_begins_keys(line->text, line->n))
        take_object(m, line);
}

static size_t push_lines(struct messages *m, unsigned char *bytes, size_t n)
{
    struct line line;
    size_t taken = lines_push(&m->lines, bytes, n);
    if (lines_next(&m->lines, &line))
        take_line(m, &line);
    return taken;
}

/* ---- text ---- */

static void end_message(struct messages *m)
{
    struct bytes spare = m->done;
    m->done = m->text;
    m->text = spare;
    m->text.len = 0;
    m->inside = false;
    put(m, m->first, m->failure ? m->failure : convert(m));
}

static void begin_message(struct messages *m)
{
    if (m->inside)
        end_message(m);
    m->inside = true;
    m->astray = false;
    m->failure = NULL;
    m->first = m->line + 1;
}

static void fail(struct messages *m, const char *why)
{
    if (!m->failure)
        m->failure = why;
    bytes_free(&m->text);
}

/* A record outside of any message. Told of the first of several. */
static void leave_out(struct messages *m)
{
    if (!m->astray)
        put(m, m->line + 1,
            *m->record.data < ' ' ? "bad-text it is not text, but what a link sends: take the frames off it first"
                                  : "bad-text it is outside of any message");
    m->astray = true;
}

static void append_record(struct messages *m)
{
    if (m->failure)
        return;
    if (m->cut || m->text.len + m->record.len >= m->max)
        fail(m, too_long);
    else if (!bytes_append(&m->text, m->record.data, m->record.len) || !bytes_append(&m->text, "\r", 1))
        fail(m, no_memory);
}

static void end_record(struct messages *m)
{
    if (!m->record.len)
        return;
    enum record_role role = m->protocol->role(m->record.data, m->record.len);
    if (role == RECORD_FIRST)
        begin_message(m);
    if (role == RECORD_ENVELOPE && m->inside)
        end_message(m);
    else if (m->inside)
        append_record(m);
    else if (role != RECORD_ENVELOPE)
        leave_out(m);
    if (role == RECORD_LAST && m->inside)
        end_message(m);
    m->record.len = 0;
    m->cut = false;
}

/* Takes what is there of the open record. Of one that is too long for any message only the head is kept. */
static void take_record(struct messages *m, const unsigned char *bytes, size_t n)
{
    size_t most = m->max > RECORD_HEAD ? m->max : RECORD_HEAD, room = most - m->record.len;
    m->cut = m->cut || n > room;
    if (!bytes_append(&m->record, bytes, n < room ? n : room))
        m->cut = true;
}

static size_t push_text(struct messages *m, const unsigned char *bytes, size_t n)
{
    size_t run = scan_line_end(bytes, n);
    bool after_cr = m->after_cr && !run;
    take_record(m, bytes, run);
    m->after_cr = run < n && bytes[run] == '\r';
    if (run == n)
        return n;
    end_record(m);
    m->line += !(after_cr && bytes[run] == '\n');
    return run + 1;
}

/* ---- both ---- */

/* What tells nothing yet: blanks, ends of lines, and a byte order mark. Returns how many bytes are. */
static size_t push_unknown(struct messages *m, const unsigned char *bytes, size_t n)
{
    size_t at = 0;
    while (at < n && (memchr(" \t\r\n", bytes[at], 4) || memchr("\xEF\xBB\xBF", bytes[at], 3)))
        m->line += bytes[at++] == '\n';
    if (at < n)
        m->kind = bytes[at] == '{' ? LINES : TEXT;
    return at;
}

size_t messages_push(struct messages *m, unsigned char *bytes, size_t n)
{
    if (m->ready || !n)
        return 0;
    m->item = (struct messages_item){0};
    size_t at = m->kind == UNKNOWN ? push_unknown(m, bytes, n) : 0;
    if (at == n)
        return n;
    return at + (m->kind == LINES ? push_lines(m, bytes + at, n - at) : push_text(m, bytes + at, n - at));
}

void messages_eof(struct messages *m)
{
    struct line line;
    m->item = (struct messages_item){0};
    if (m->kind == LINES) {
        lines_eof(&m->lines);
        if (lines_next(&m->lines, &line))
            take_line(m, &line);
    } else if (m->kind == TEXT) {
        end_record(m);
        if (!m->ready && m->inside)
            end_message(m);
    }
}

bool messages_next(struct messages *m, struct messages_item *item)
{
    *item = m->item;
    if (!m->ready)
        return false;
    m->ready = false;
    return true;
}

void messages_free(struct messages *m)
{
    lines_free(&m->lines);
    bytes_free(&m->record);
    bytes_free(&m->text);
    bytes_free(&m->done);
    encode_free(&m->encoder);
}
