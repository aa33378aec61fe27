#include "astm/view.h"

#include "astm/names.h"
#include "astm/results.h"
#include "base/digest.h"
#include "out/json.h"

#include <stdio.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { PRELUDE, RECORD, FIELDS, AFTERWORD, FINISHED };

enum {
    RUN = 1024,                                         /* most bytes of text written between two looks at the room */
    ROOM = RUN * JSON_GROWTH + ASTM_ESCAPE_MAX * JSON_GROWTH + 256, /* most that is written between them */
};

/* ---- what a message is known by ---- */

static struct astm_slice header_of(const struct astm_message *m)
{
    size_t at = 0;
    struct astm_slice header = {m->text, 0};
    if (astm_is_header(m->text, m->len))
        astm_record_next(m->text, m->len, &at, &header);
    return header;
}

static void add_rest(struct digest *digest, const struct astm_message *m)
{
    size_t n = header_of(m).n;
    digest_add(digest, m->text + n, m->len - n);
}

void astm_message_digest(const struct astm_message *m, unsigned char out[16])
{
    struct digest digest;
    digest_init(&digest);
    add_rest(&digest, m);
    digest_end(&digest, out);
}

void astm_message_key(const struct astm_message *m, unsigned char key[16])
{
    struct astm_slice header = header_of(m);
    struct astm_delimiters d = astm_delimiters_of(m->text, m->len);
    struct digest digest;
    digest_init(&digest);
    for (size_t number = 3; number <= 5; number += 2) {
        struct astm_slice field = astm_field(header, &d, number);
        digest_add(&digest, field.p, field.n);
        digest_add(&digest, "\r", 1);
    }
    add_rest(&digest, m);
    digest_end(&digest, key);
}

bool astm_message_query(const struct astm_message *m)
{
    struct astm_delimiters d = astm_delimiters_of(m->text, m->len);
    size_t at = 0;
    struct astm_slice record;
    while (astm_record_next(m->text, m->len, &at, &record))
        if (record.n > 1 && record.p[0] == 'Q' && record.p[1] == d.field)
            return true;
    return false;
}

/* ---- beginning ---- */

/* The set is decided once for the whole message, never for a field. */
static bool decide_charset(struct astm_view *v)
{
    const struct astm_message *m = &v->message;
    v->text = m->text;
    v->len = m->len;
    v->charset_note = NULL;
    v->charset = v->config->charset;
    if (!v->charset && !utf8_valid(m->text, m->len)) {
        v->charset = &v->own_charset;
        v->charset_note = "charset not valid UTF-8: read as ISO-8859-1";
        charset_open(&v->own_charset, "ISO-8859-1");
    } else if (!v->charset) {
        v->own_charset = (struct charset){0};
        v->charset = &v->own_charset;
        return true;
    }
    if (v->charset->kind == CHARSET_UTF8 && utf8_valid(m->text, m->len))
        return true;
    v->converted.len = 0;
    enum charset_result result = charset_to_utf8(v->charset, m->text, m->len, &v->converted);
    if (result == CHARSET_REPLACED)
        v->charset_note = "charset bytes that are not in the declared set were replaced";
    v->text = v->converted.data;
    v->len = v->converted.len;
    return result != CHARSET_NOMEM;
}

bool astm_view_begin(struct astm_view *v, const struct astm_view_config *config, const struct astm_message *message,
                     const struct envelope *envelope)
{
    v->config = config;
    v->message = *message;
    v->envelope = envelope;
    v->at = 0;
    v->stage = PRELUDE;
    v->in_value = v->records = false;
    v->patient = v->order = v->header = (struct astm_slice){(const unsigned char *)"", 0};
    if (config->format == VIEW_RAW) {
        v->text = message->text;
        v->len = message->len;
        return true;
    }
    if (!decide_charset(v))
        return false;
    v->delimiters = astm_delimiters_of(v->text, v->len);
    if (config->format == VIEW_MESSAGE)
        astm_message_digest(message, v->digest);
    if (astm_is_header(v->text, v->len)) {
        size_t at = 0;
        astm_record_next(v->text, v->len, &at, &v->header);
    }
    return true;
}

/* ---- the envelope ---- */

static bool write_text(struct astm_view *v, struct astm_slice text, struct bytes *out)
{
    struct bytes plain = {0};
    bool fine = astm_unescape(&v->delimiters, v->charset, text, &plain) && json_string(out, plain.data, plain.len);
    bytes_free(&plain);
    return fine;
}

static bool write_sender(struct astm_view *v, struct bytes *out)
{
    struct astm_slice sender = astm_part(astm_field(v->header, &v->delimiters, 5), v->delimiters.repeat, 0);
    if (!sender.n)
        return true;
    bool fine = json_key(out, "sender") && bytes_puts(out, "[");
    for (size_t i = 0; fine; i++) {
        struct astm_slice part = astm_part(sender, v->delimiters.component, i);
        fine = (!i || bytes_puts(out, ",")) && write_text(v, part, out);
        if (part.p + part.n == sender.p + sender.n)
            break;
    }
    return fine && bytes_puts(out, "]");
}

static bool write_control_id(struct astm_view *v, struct bytes *out)
{
    struct astm_slice id = astm_field(v->header, &v->delimiters, 3);
    return !id.n || (json_key(out, "control_id") && write_text(v, id, out));
}

static bool write_note(struct bytes *out, const char *note, bool *first)
{
    bool fine = *first || bytes_puts(out, ",");
    *first = false;
    return fine && json_text(out, note);
}

static bool write_notes(struct astm_view *v, struct bytes *out)
{
    const struct astm_message *m = &v->message;
    bool first = true, fine = json_key(out, "notes") && bytes_puts(out, "[");
    for (size_t i = 0; i < m->notes_len && fine; i += strlen(m->notes + i) + 1)
        fine = write_note(out, m->notes + i, &first);
    if (v->charset_note && fine)
        fine = write_note(out, v->charset_note, &first);
    if (v->delimiters.odd && fine)
        fine = write_note(out, "delimiters what H declares cannot be: read as \\^&", &first);
    return fine && bytes_puts(out, "]");
}

static bool write_prelude(struct astm_view *v, struct bytes *out)
{
    char digest[33];
    digest_hex(v->digest, digest);
    const char *charset = v->charset->kind == CHARSET_UTF8 ? NULL : charset_name(v->charset);
    return bytes_puts(out, "{\"type\":\"message\",\"protocol\":\"astm\"") && json_member(out, "id", v->envelope->id) &&
           envelope_write(out, v->envelope) && write_sender(v, out) && write_control_id(v, out) &&
           json_member(out, "charset", charset) && json_member(out, "digest", digest) && json_key(out, "complete") &&
           bytes_puts(out, v->message.complete ? "true" : "false") && write_notes(v, out) && json_key(out, "records") &&
           bytes_puts(out, "[");
}

/* ---- records ---- */

/* The bytes that end a stretch which can be copied as it is. */
struct specials {
    unsigned char field, repeat, component, escape;
};

static bool special(const struct specials *s, unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\' || c == s->field || c == s->component || c == s->repeat || c == s->escape;
}

/* Copies up to the first special byte, at most RUN bytes. Returns how many; o has room for all and 16 more. */
static size_t copy_run(const struct specials *s, const unsigned char *p, size_t n, unsigned char *o)
{
    size_t i = 0;
    if (n > RUN)
        n = RUN;
#ifdef __SSE2__
    const __m128i field = _mm_set1_epi8((char)s->field), repeat = _mm_set1_epi8((char)s->repeat),
                  component = _mm_set1_epi8((char)s->component), escape = _mm_set1_epi8((char)s->escape),
                  control = _mm_set1_epi8(0x1F), quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    for (; n - i >= 16; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        _mm_storeu_si128((__m128i *)(void *)(o + i), x);
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(x, field), _mm_cmpeq_epi8(_mm_min_epu8(x, control), x));
        hit = _mm_or_si128(hit, _mm_or_si128(_mm_cmpeq_epi8(x, repeat), _mm_cmpeq_epi8(x, component)));
        hit = _mm_or_si128(hit, _mm_or_si128(_mm_cmpeq_epi8(x, escape), _mm_cmpeq_epi8(x, quote)));
        hit = _mm_or_si128(hit, _mm_cmpeq_epi8(x, backslash));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask)
            return i + (size_t)__builtin_ctz(mask);
    }
#endif
    for (; i < n && !special(s, p[i]); i++)
        o[i] = p[i];
    return i;
}

static unsigned char *write_literal(unsigned char *o, const char *text, size_t n)
{
    memcpy(o, text, n);
    return o + n;
}

#define LITERAL(o, text) write_literal((o), "" text, sizeof(text) - 1)

static unsigned char *write_escaped(unsigned char *o, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] < 0x20 || p[i] == '"' || p[i] == '\\')
            o += json_escape(o, p[i]);
        else
            *o++ = p[i];
    }
    return o;
}

static struct specials specials_of(const struct astm_view *v)
{
    const struct astm_delimiters *d = &v->delimiters;
    struct specials s = {d->field, d->repeat, d->component, d->escape};
    if (v->config->positional)
        s.escape = d->field;
    return s;
}

/* Begins the value at `at`: finds its end, its nesting, and writes what opens it. */
static unsigned char *open_value(struct astm_view *v, unsigned char *o)
{
    const unsigned char *p = v->text + v->at;
    const unsigned char *end = memchr(p, v->delimiters.field, v->record_end - v->at);
    size_t n = end ? (size_t)(end - p) : v->record_end - v->at;
    bool delimiters = v->field == 2 && v->text + v->at == v->header.p + 2;
    v->field_end = v->at + n;
    v->verbatim = delimiters || v->config->positional;
    v->repeats = !delimiters && n && v->delimiters.repeat && memchr(p, v->delimiters.repeat, n);
    v->components = !delimiters && n && (v->repeats || (v->delimiters.component && memchr(p, v->delimiters.component, n)));
    v->in_value = true;
    return v->repeats ? LITERAL(o, "[[\"") : v->components ? LITERAL(o, "[\"") : LITERAL(o, "\"");
}

static unsigned char *close_value(struct astm_view *v, unsigned char *o)
{
    v->in_value = false;
    return v->repeats ? LITERAL(o, "\"]]") : v->components ? LITERAL(o, "\"]") : LITERAL(o, "\"");
}

static unsigned char *write_escape_sequence(struct astm_view *v, unsigned char *o)
{
    unsigned char resolved[ASTM_ESCAPE_MAX];
    const unsigned char *p = v->text + v->at;
    size_t n = v->field_end - v->at, len, kept;
    size_t taken = astm_escape(&v->delimiters, v->charset, p, n, resolved, &len, &kept);
    if (!taken && kept > RUN)
        kept = RUN;
    o = taken ? write_escaped(o, resolved, len) : write_escaped(o, p, kept);
    v->at += taken ? taken : kept;
    return o;
}

/* Writes the byte at `at`, which is special and stands inside a value. */
static unsigned char *write_special(struct astm_view *v, unsigned char *o)
{
    unsigned char c = v->text[v->at];
    if (v->repeats && c == v->delimiters.repeat)
        o = LITERAL(o, "\"],[\"");
    else if (v->components && c == v->delimiters.component)
        o = LITERAL(o, "\",\"");
    else if (c == v->delimiters.escape && !v->verbatim)
        return write_escape_sequence(v, o);
    else
        o = write_escaped(o, &c, 1);
    v->at++;
    return o;
}

/* Goes on with the value at `at`. True when it is closed; else the room is used up. */
static bool write_value(struct astm_view *v, const struct specials *s, struct bytes *out)
{
    unsigned char *o = out->data + out->len, *limit = out->data + out->cap - ROOM;
    while (v->at < v->field_end && o < limit) {
        size_t run = copy_run(s, v->text + v->at, v->field_end - v->at, o);
        v->at += run;
        o += run;
        if (run < RUN && v->at < v->field_end)
            o = write_special(v, o);
    }
    if (v->at == v->field_end)
        o = close_value(v, o);
    out->len = (size_t)(o - out->data);
    return !v->in_value;
}

static unsigned char *write_key(const struct astm_view *v, const struct astm_name *names, size_t count,
                                unsigned char *o)
{
    if (v->config->positional)
        return v->field == 1 ? o : LITERAL(o, ",");
    if (v->field <= count) {
        memcpy(o, names[v->field - 1].text, sizeof names->text);
        return o + names[v->field - 1].len;
    }
    return o + snprintf((char *)o, 64, ",\"field_%zu\":", v->field);
}

/* Writes the fields from `at` on. True when the record's last one is written; else the room is used up. */
static bool write_fields(struct astm_view *v, struct bytes *out)
{
    const struct specials s = specials_of(v);
    const unsigned char field = s.field, *text = v->text;
    const bool positional = v->config->positional;
    size_t count;
    const struct astm_name *names = astm_names(v->record_type, &count);
    if (v->in_value && !write_value(v, &s, out))
        return false;
    unsigned char *o = out->data + out->len, *limit = out->data + out->cap - ROOM;
    while (v->at <= v->record_end) {
        if (v->after_field) {
            if (v->at == v->record_end)
                break;
            v->at++;
            v->field++;
            v->after_field = false;
        }
        while (!positional && v->at < v->record_end && text[v->at] == field) {
            v->at++;
            v->field++;
        }
        if (o >= limit)
            break;
        v->after_field = true;
        if (!positional && v->at == v->record_end)
            break;
        o = write_key(v, names, count, o);
        /* most values are short and plain */
        size_t left = v->record_end - v->at;
        size_t run = copy_run(&s, text + v->at, left, o + 1);
        if (run < RUN && (run == left || text[v->at + run] == field)) {
            o[0] = '"';
            o[run + 1] = '"';
            o += run + 2;
            v->at += run;
            continue;
        }
        o = open_value(v, o);
        out->len = (size_t)(o - out->data);
        if (!write_value(v, &s, out))
            return false;
        o = out->data + out->len;
    }
    out->len = (size_t)(o - out->data);
    return v->after_field && v->at == v->record_end;
}

static bool open_record(struct astm_view *v, struct bytes *out)
{
    const unsigned char *p = v->text + v->at, *cr = memchr(p, '\r', v->len - v->at);
    v->record_end = cr ? (size_t)(cr - v->text) : v->len;
    const unsigned char *stop = memchr(p, v->delimiters.field, v->record_end - v->at);
    size_t type = stop ? (size_t)(stop - p) : v->record_end - v->at;
    v->record_type = type == 1 ? *p : 0;
    v->field = 1;
    v->after_field = false;
    bool fine = !v->records || v->config->format == VIEW_RECORD || bytes_puts(out, ",");
    v->records = true;
    fine = fine && bytes_puts(out, "{\"type\":") && json_string(out, p, type);
    if (v->config->format == VIEW_RECORD)
        fine = fine && json_member(out, "message_id", v->envelope->id) && json_member(out, "link", v->envelope->link) &&
               json_member(out, "source", v->envelope->source);
    if (v->config->positional)
        return fine && bytes_puts(out, ",\"fields\":[");
    v->at += type;
    v->after_field = true;
    return fine;
}

static bool close_record(struct astm_view *v, struct bytes *out)
{
    v->at = v->record_end + (v->record_end < v->len);
    return bytes_puts(out, v->config->positional ? "]}" : "}") &&
           (v->config->format != VIEW_RECORD || bytes_puts(out, "\n"));
}

static enum view_progress write_records(struct astm_view *v, struct bytes *out, size_t stop)
{
    while (out->len < stop) {
        if (!bytes_reserve(out, 2 * ROOM))
            return VIEW_NO_MEMORY;
        if (v->stage == RECORD) {
            if (v->at >= v->len)
                return VIEW_DONE;
            if (!open_record(v, out))
                return VIEW_NO_MEMORY;
            v->stage = FIELDS;
            continue;
        }
        if (write_fields(v, out)) {
            v->stage = RECORD;
            if (!close_record(v, out))
                return VIEW_NO_MEMORY;
        }
    }
    return VIEW_GOES_ON;
}

/* ---- the other forms ---- */

static bool govern(struct astm_view *v, struct astm_slice record)
{
    struct astm_slice type = astm_field(record, &v->delimiters, 1);
    unsigned char letter = type.n == 1 ? *type.p : 0;
    if (letter == 'P') {
        v->patient = record;
        v->order = (struct astm_slice){record.p, 0};
    } else if (letter == 'O') {
        v->order = record;
    }
    return letter == 'R';
}

static enum view_progress write_results(struct astm_view *v, struct bytes *out, size_t stop)
{
    struct astm_slice record;
    while (out->len < stop) {
        if (!astm_record_next(v->text, v->len, &v->at, &record))
            return VIEW_DONE;
        struct astm_slice following = {v->text + v->at, v->len - v->at};
        if (govern(v, record) && !astm_result_line(v, record, following, out))
            return VIEW_NO_MEMORY;
    }
    return VIEW_GOES_ON;
}

static enum view_progress write_plain(struct astm_view *v, struct bytes *out)
{
    size_t n = v->len - v->at < VIEW_PIECE ? v->len - v->at : VIEW_PIECE;
    if (!bytes_append(out, v->text + v->at, n))
        return VIEW_NO_MEMORY;
    v->at += n;
    bool text = v->config->format == VIEW_TEXT;
    for (size_t i = out->len - n; text && i < out->len; i++)
        if (out->data[i] == '\r')
            out->data[i] = '\n';
    if (v->at < v->len)
        return VIEW_GOES_ON;
    return !text || bytes_puts(out, "\n") ? VIEW_DONE : VIEW_NO_MEMORY;
}

static enum view_progress write_message(struct astm_view *v, struct bytes *out, size_t stop)
{
    if (v->stage == PRELUDE && v->config->format == VIEW_MESSAGE && !write_prelude(v, out))
        return VIEW_NO_MEMORY;
    if (v->stage == PRELUDE)
        v->stage = RECORD;
    enum view_progress progress = write_records(v, out, stop);
    if (progress == VIEW_DONE && v->config->format == VIEW_MESSAGE && !bytes_puts(out, "]}\n"))
        return VIEW_NO_MEMORY;
    return progress;
}

enum view_progress astm_view_more(struct astm_view *v, struct bytes *out)
{
    size_t stop = out->len + VIEW_PIECE;
    switch (v->config->format) {
    case VIEW_RESULT:
    case VIEW_TSV:
        return write_results(v, out, stop);
    case VIEW_TEXT:
    case VIEW_RAW:
        return write_plain(v, out);
    case VIEW_FRAME:
        return VIEW_DONE;
    default:
        return write_message(v, out, stop);
    }
}

bool astm_value_json(struct astm_view *v, struct astm_slice value, struct bytes *out)
{
    struct astm_view part = *v;
    struct astm_view_config config = *v->config;
    config.positional = false;
    part.config = &config;
    part.at = (size_t)(value.p - v->text);
    part.record_end = part.at + value.n;
    part.field = 0;
    const struct specials s = specials_of(&part);
    if (!bytes_reserve(out, 2 * ROOM))
        return false;
    out->len = (size_t)(open_value(&part, out->data + out->len) - out->data);
    while (!write_value(&part, &s, out))
        if (!bytes_reserve(out, 2 * ROOM))
            return false;
    return true;
}

void astm_view_free(struct astm_view *v)
{
    bytes_free(&v->converted);
    result_free(&v->result);
}

/* ---- the wire ---- */

static bool write_hex(struct bytes *out, const char *name, int value)
{
    char digits[8];
    snprintf(digits, sizeof digits, "%02X", (unsigned)value & 0xFF);
    return value < 0 || json_member(out, name, digits);
}

static bool write_frame(struct bytes *out, const struct astm_frame *f, bool sent)
{
    bool fine = f->number < 0 || (json_key(out, "number") && json_number(out, (uint64_t)f->number));
    fine = fine && json_key(out, "length") && json_number(out, f->len) &&
           json_member(out, "end", f->end == ASTM_ETX ? "ETX" : "ETB");
    if (sent)
        return fine;
    fine = fine && write_hex(out, "checksum", f->given) && write_hex(out, "computed", f->computed) &&
           json_key(out, "good") && bytes_puts(out, f->good ? "true" : "false");
    if (f->fits != ASTM_CHECKSUM_NONE)
        fine = fine && json_member(out, "fits", astm_checksum_name(f->fits));
    return fine && (!f->too_long || (json_key(out, "too_long") && bytes_puts(out, "true")));
}

bool astm_wire_line(struct bytes *out, const struct astm_wire *wire, const struct envelope *envelope)
{
    bool fine = bytes_puts(out, "{\"type\":\"frame\",\"protocol\":\"astm\"") && json_member(out, "event", wire->event) &&
                json_member(out, "link", envelope->link) && json_member(out, "peer", envelope->peer) &&
                json_member(out, "source", envelope->source) && json_member(out, "time", envelope->received) &&
                json_member(out, "direction", wire->sent ? "out" : envelope->link ? "in" : NULL);
    if (!wire->sent)
        fine = fine && json_key(out, "offset") && json_number(out, wire->offset);
    if (wire->frame)
        fine = fine && write_frame(out, wire->frame, wire->sent);
    else if (wire->len)
        fine = fine && json_key(out, "length") && json_number(out, wire->len);
    return fine && bytes_puts(out, "}\n");
}
