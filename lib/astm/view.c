#include "astm/view.h"

#include "astm/names.h"
#include "base/digest.h"
#include "out/json.h"
#include "out/seek.h"

#include <stdio.h>

enum { PRELUDE, CONTROL_ID, NOTES, RECORD, AFTER_TYPE, FIELDS, RESULT, PARTS };

/* The most that is written between two looks at the room. */
enum { ROOM = ASTM_VALUE_ROOM + 256 };

/* ---- what a message is known by ---- */

/* The header record; empty where the text does not begin with one. */
static struct astm_slice header_of(const unsigned char *text, size_t n)
{
    size_t at = 0;
    struct astm_slice header = {text, 0};
    if (astm_is_header(text, n))
        astm_record_next(text, n, &at, &header);
    return header;
}

static void add_rest(struct digest *digest, const struct message *m)
{
    size_t n = header_of(m->text, m->len).n;
    digest_add(digest, m->text + n, m->len - n);
}

void astm_message_digest(const struct message *m, unsigned char out[16])
{
    struct digest digest;
    digest_init(&digest);
    add_rest(&digest, m);
    digest_end(&digest, out);
}

void astm_message_key(const struct message *m, unsigned char key[16])
{
    struct astm_slice header = header_of(m->text, m->len);
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

/* ---- beginning ---- */

/* The set is decided once for the whole message, never for a field. */
static void decide_charset(struct astm_view *v, bool valid)
{
    v->charset = v->config->charset;
    v->charset_note = NULL;
    if (v->charset)
        return;
    v->charset = &v->own_charset;
    v->own_charset = (struct charset){0};
    if (valid)
        return;
    charset_open(&v->own_charset, "ISO-8859-1");
    v->charset_note = "charset not valid UTF-8: read as ISO-8859-1";
}

/* The message in UTF-8, its last record ended by CR as all are. False when memory is exhausted. */
static bool convert(struct astm_view *v)
{
    const struct message *m = &v->message;
    bool valid = utf8_valid(m->text, m->len);
    decide_charset(v, valid);
    v->text = m->text;
    v->len = m->len;
    if (v->charset->kind == CHARSET_UTF8 && valid && (!m->len || m->text[m->len - 1] == '\r'))
        return true;
    v->converted.len = 0;
    enum charset_result result = charset_to_utf8(v->charset, m->text, m->len, &v->converted);
    if (result == CHARSET_NOMEM)
        return false;
    if (result == CHARSET_REPLACED)
        v->charset_note = "charset bytes that are not in the set were replaced";
    bool ended = !v->converted.len || v->converted.data[v->converted.len - 1] == '\r';
    if (!ended && !bytes_append(&v->converted, "\r", 1))
        return false;
    v->text = v->converted.data;
    v->len = v->converted.len;
    return true;
}

bool astm_view_begin(struct astm_view *v, const struct astm_view_config *config, const struct message *message,
                     const struct envelope *envelope)
{
    v->config = config;
    v->message = *message;
    v->envelope = envelope;
    v->at = 0;
    v->stage = config->format == VIEW_MESSAGE ? PRELUDE : RECORD;
    v->after_record = v->value.open = false;
    if (config->format == VIEW_RAW) {
        v->text = message->text;
        v->len = message->len;
        return true;
    }
    if (!convert(v))
        return false;
    v->delimiters = astm_delimiters_of(v->text, v->len);
    v->header = header_of(v->text, v->len);
    const struct astm_delimiters *d = &v->delimiters;
    const unsigned char special[] = {d->field, d->repeat, d->component, d->escape};
    special_init(&v->special, special, sizeof special);
    v->value = (struct astm_value){.special = &v->special, .delimiters = d, .charset = v->charset};
    astm_results_begin(&v->results, d, v->charset);
    v->scratch.len = 0;
    if (config->format == VIEW_MESSAGE)
        astm_message_digest(message, v->digest);
    return config->format != VIEW_RECORD ||
           (json_member(&v->scratch, "message_id", envelope->id) && json_member(&v->scratch, "link", envelope->link));
}

/* ---- the envelope ---- */

static bool begin_value(struct astm_view *v, struct astm_slice text, enum astm_shape shape, bool verbatim,
                        struct bytes *out)
{
    if (!bytes_reserve(out, ROOM))
        return false;
    unsigned char *o = out->data + out->len;
    out->len += (size_t)(astm_value_begin(&v->value, text, shape, verbatim, o) - o);
    return true;
}

static bool write_prelude(struct astm_view *v, struct bytes *out)
{
    struct astm_slice sender = astm_part(astm_field(v->header, &v->delimiters, 5), v->delimiters.repeat, 0);
    return bytes_puts(out, "{\"type\":\"message\",\"protocol\":\"astm\"") && json_member(out, "id", v->envelope->id) &&
           envelope_write(out, v->envelope) &&
           (!sender.n || (json_key(out, "sender") && begin_value(v, sender, ASTM_SHAPE_LIST, false, out)));
}

static bool write_control_id(struct astm_view *v, struct bytes *out)
{
    struct astm_slice id = astm_field(v->header, &v->delimiters, 3);
    return !id.n || (json_key(out, "control_id") && begin_value(v, id, ASTM_SHAPE_STRING, false, out));
}

static bool write_note(struct bytes *out, const char *note)
{
    return (out->data[out->len - 1] == '[' || bytes_puts(out, ",")) && json_text(out, note);
}

static bool write_notes(struct astm_view *v, struct bytes *out)
{
    const struct message *m = &v->message;
    char digest[33];
    digest_hex(v->digest, digest);
    bool fine = v->charset->kind == CHARSET_UTF8 || json_member(out, "charset", charset_name(v->charset));
    if (v->header.n && v->delimiters.field != '|')
        fine = fine && json_member(out, "field_delimiter", (char[]){(char)v->delimiters.field, '\0'});
    fine = fine && bytes_puts(out, ",\"digest\":\"") && bytes_append(out, digest, 32) &&
           bytes_puts(out, m->complete ? "\",\"complete\":true" : "\",\"complete\":false") &&
           bytes_puts(out, ",\"notes\":[");
    for (size_t i = 0; i < m->notes_len && fine; i += strlen(m->notes + i) + 1)
        fine = write_note(out, m->notes + i);
    if (v->charset_note)
        fine = fine && write_note(out, v->charset_note);
    if (v->delimiters.odd)
        fine = fine && write_note(out, "delimiters what H declares cannot be: read as \\^&");
    return fine && bytes_puts(out, "],\"records\":[");
}

/* ---- fields ---- */

#define PUT(o, text) ((unsigned char *)memcpy((o), "" text, sizeof(text) - 1) + sizeof(text) - 1)

/* How the fields of a record are called. */
struct keys {
    const struct astm_name *names;
    size_t count;
    bool positional;
};

static struct keys keys_of(const struct astm_view *v)
{
    struct keys keys = {.positional = v->config->positional};
    keys.names = astm_names(v->record_type, &keys.count);
    return keys;
}

/* What stands before a value, with the quotation mark that begins a string. */
static inline unsigned char *write_key(struct keys keys, size_t number, unsigned char *o)
{
    if (keys.positional) {
        *o = ',';
        o += number > 1;
    } else if (number <= keys.count) {
        memcpy(o, keys.names[number - 1].text, sizeof keys.names->text);
        o += keys.names[number - 1].len;
    } else {
        o = PUT(json_digits(PUT(o, ",\"field_"), number), "\":");
    }
    *o = '"';
    return o + 1;
}

#define INLINE static inline __attribute__((always_inline))

INLINE unsigned char *write_short(const struct keys keys, size_t number, const unsigned char *p,
                                  const unsigned char *stop, const struct seek *s, unsigned char *o)
{
    if (stop == p && !keys.positional)
        return o;
    return PUT(seek_copy(s, write_key(keys, number, o), p, stop), "\"");
}

/* Writes plain components up to what ends the last one, or gives up where they are long; *stop is what ends the first
 * one. */
INLINE unsigned char *write_list(unsigned char component, const unsigned char *p, const unsigned char **stop,
                                 struct seek *s, unsigned char *o)
{
    const unsigned char *const begin = p;
    o = PUT(o, "[\"");
    while (**stop == component && *stop - begin <= ASTM_VALUE_RUN) {
        o = PUT(seek_copy(s, o, p, *stop), "\",\"");
        p = *stop + 1;
        *stop = seek_next(s);
    }
    return *stop - begin > ASTM_VALUE_RUN ? o : PUT(seek_copy(s, o, p, *stop), "\"]");
}

/* Writes fields that are short and plain, or lists of short plain components, as nearly all of them are, from v->at on:
 * up to the end of the record, another kind of field, or the limit. Returns whether v->at is the end of the record. */
INLINE bool plain_fields(struct astm_view *v, unsigned char **out, const unsigned char *limit, const struct keys keys)
{
    const unsigned char field = v->delimiters.field, component = v->delimiters.component;
    const unsigned char *p = v->text + v->at;
    struct seek s = seek_from(&v->special, p, v->text + v->len);
    unsigned char *o = *out;
    size_t number = v->field;
    bool ended = false;
    while (o < limit) {
        const unsigned char *stop = seek_next(&s);
        if (stop - p > ASTM_VALUE_RUN)
            break;
        if (*stop == field) {
            o = write_short(keys, number, p, stop, &s, o);
        } else if (*stop == '\r') {
            o = write_short(keys, number, p, stop, &s, o);
            p = stop;
            ended = true;
            break;
        } else if (*stop == component && component) {
            unsigned char *after = write_list(component, p, &stop, &s, write_key(keys, number, o) - 1);
            if ((*stop != field && *stop != '\r') || stop - p > ASTM_VALUE_RUN)
                break;
            o = after;
            p = stop;
            ended = *stop == '\r';
            if (ended)
                break;
        } else {
            break;
        }
        p = stop + 1;
        number++;
    }
    *out = o;
    v->at = (size_t)(p - v->text);
    v->field = number;
    return ended;
}

static bool write_plain_fields(struct astm_view *v, unsigned char **out, const unsigned char *limit)
{
    const struct keys keys = keys_of(v);
    if (keys.positional)
        return plain_fields(v, out, limit, (struct keys){NULL, 0, true});
    return plain_fields(v, out, limit, (struct keys){keys.names, keys.count, false});
}

/* Where the record ends that v->at is in; looked for once. */
static size_t record_end(struct astm_view *v)
{
    if (!v->record_end) {
        const unsigned char *cr = memchr(v->text + v->at, '\r', v->len - v->at);
        v->record_end = (size_t)(cr - v->text);
    }
    return v->record_end;
}

/* The field that begins at v->at. */
static struct astm_slice field_at(struct astm_view *v)
{
    return astm_part((struct astm_slice){v->text + v->at, record_end(v) - v->at}, v->delimiters.field, 0);
}

/* Begins the field at v->at, whatever it is. */
static unsigned char *begin_field(struct astm_view *v, unsigned char *o)
{
    const struct keys keys = keys_of(v);
    struct astm_slice text = field_at(v);
    bool delimiters = v->field == 2 && v->header.n && v->at == 2;
    o = write_key(keys, v->field, o) - 1;
    return astm_value_begin(&v->value, text, delimiters ? ASTM_SHAPE_STRING : ASTM_SHAPE_FIELD,
                            delimiters || keys.positional, o);
}

/* ---- records ---- */

static bool at_record_end(const struct astm_view *v)
{
    return v->text[v->at] == '\r';
}

static unsigned char *end_record(struct astm_view *v, unsigned char *o)
{
    o = v->config->positional ? PUT(o, "]}") : PUT(o, "}");
    if (v->config->format == VIEW_RECORD)
        *o++ = '\n';
    v->at++;
    v->after_record = true;
    v->stage = RECORD;
    return o;
}

/* The field that ends at v->at is written, or left out. */
static unsigned char *end_field(struct astm_view *v, unsigned char *o)
{
    if (at_record_end(v))
        return end_record(v, o);
    v->at++;
    v->field++;
    return o;
}

static unsigned char *write_fields(struct astm_view *v, unsigned char *o, const unsigned char *limit)
{
    bool odd = v->header.n && v->at <= 2; /* it ends in, or is, the field that declares the delimiters */
    if (!odd && write_plain_fields(v, &o, limit))
        return end_record(v, o);
    if (o >= limit)
        return o;
    if (v->config->positional || (!at_record_end(v) && v->text[v->at] != v->delimiters.field))
        return begin_field(v, o);
    return end_field(v, o);
}

static unsigned char *begin_record(struct astm_view *v, unsigned char *o)
{
    o = v->after_record && v->config->format == VIEW_MESSAGE ? PUT(o, ",{\"type\":") : PUT(o, "{\"type\":");
    const unsigned char *p = v->text + v->at;
    v->stage = AFTER_TYPE;
    v->record_end = 0;
    v->record_type = 0;
    if (special_is(&v->special, *p) || (p[1] != v->delimiters.field && p[1] != '\r'))
        return astm_value_begin(&v->value, field_at(v), ASTM_SHAPE_STRING, true, o);
    v->record_type = *p;
    *o++ = '"';
    *o++ = *p;
    *o++ = '"';
    return o;
}

static unsigned char *after_type(struct astm_view *v, unsigned char *o)
{
    if (v->scratch.len) {
        memcpy(o, v->scratch.data, v->scratch.len);
        o += v->scratch.len;
    }
    v->stage = FIELDS;
    v->field = 1;
    if (v->config->positional)
        return PUT(o, ",\"fields\":[");
    v->at += v->record_type ? 1 : field_at(v).n;
    return end_field(v, o);
}

static unsigned char *more_value(struct astm_view *v, unsigned char *o, const unsigned char *limit)
{
    o = astm_value_more(&v->value, o, limit);
    if (v->value.open || v->stage != FIELDS)
        return o;
    v->at = (size_t)(v->value.end - v->text);
    return end_field(v, o);
}

static enum view_progress write_records(struct astm_view *v, struct bytes *out, size_t stop)
{
    if (!bytes_reserve(out, stop - out->len + v->scratch.len + ROOM))
        return VIEW_NO_MEMORY;
    unsigned char *o = out->data + out->len, *const limit = out->data + stop;
    while (o < limit && (v->stage != RECORD || v->at < v->len)) {
        if (v->value.open)
            o = more_value(v, o, limit);
        else if (v->stage == FIELDS)
            o = write_fields(v, o, limit);
        else if (v->stage == AFTER_TYPE)
            o = after_type(v, o);
        else
            o = begin_record(v, o);
    }
    bool done = o < limit;
    if (done && v->config->format == VIEW_MESSAGE)
        o = PUT(o, "]}\n");
    out->len = (size_t)(o - out->data);
    return done ? VIEW_DONE : VIEW_GOES_ON;
}

static bool write_envelope(struct astm_view *v, struct bytes *out)
{
    switch (v->stage++) {
    case PRELUDE:
        return write_prelude(v, out);
    case CONTROL_ID:
        return write_control_id(v, out);
    default:
        return write_notes(v, out);
    }
}

static enum view_progress write_message(struct astm_view *v, struct bytes *out, size_t stop)
{
    while (v->stage < RECORD && out->len < stop) {
        size_t before = out->len;
        unsigned char stage = v->stage;
        if (v->value.open) {
            if (!bytes_reserve(out, stop - out->len + ROOM))
                return VIEW_NO_MEMORY;
            unsigned char *o = astm_value_more(&v->value, out->data + out->len, out->data + stop);
            out->len = (size_t)(o - out->data);
        } else if (!write_envelope(v, out)) {
            out->len = before;
            v->stage = stage;
            return VIEW_NO_MEMORY;
        }
    }
    return out->len < stop ? write_records(v, out, stop) : VIEW_GOES_ON;
}

/* ---- results ---- */

/* Fills the next result. False when memory is exhausted; v->stage is RECORD where there is none. */
static bool next_result(struct astm_view *v)
{
    struct astm_slice record, parts;
    size_t at = v->at;
    while (astm_record_next(v->text, v->len, &at, &record)) {
        struct astm_slice following = {v->text + at, v->len - at};
        if (astm_results_take(&v->results, record)) {
            if (!astm_results_fill(&v->results, record, following, v->envelope, &v->result, &parts))
                return false;
            v->at = at;
            v->stage = RESULT;
            v->parts = parts;
            return true;
        }
        v->at = at;
    }
    return true;
}

/* Appends a piece of value_parts. */
static bool write_parts(struct astm_view *v, struct bytes *out)
{
    enum { PIECE = 8192 };
    bool table = v->config->format == VIEW_TSV;
    v->scratch.len = 0;
    if (!bytes_reserve(&v->scratch, PIECE + ROOM) || !bytes_reserve(out, 2 * (PIECE + ROOM)))
        return false;
    unsigned char *o = v->scratch.data;
    if (!v->value.open)
        o = astm_value_begin(&v->value, v->parts, ASTM_SHAPE_FIELD, false, o);
    o = astm_value_more(&v->value, o, v->scratch.data + PIECE);
    v->stage = v->value.open ? PARTS : RESULT;
    size_t n = (size_t)(o - v->scratch.data);
    return table ? tsv_cell(out, v->scratch.data, n) : bytes_append(out, v->scratch.data, n);
}

/* Goes on with the line of the result. False when memory is exhausted. */
static bool write_result(struct astm_view *v, struct bytes *out)
{
    switch (result_more(&v->result, v->config->format == VIEW_TSV, out)) {
    case RESULT_NO_MEMORY:
        return false;
    case RESULT_PARTS:
        v->stage = PARTS;
        return true;
    case RESULT_DONE:
        v->stage = RECORD;
        return true;
    default:
        return true;
    }
}

static enum view_progress write_results(struct astm_view *v, struct bytes *out, size_t stop)
{
    while (out->len < stop) {
        bool fine = v->stage == PARTS    ? write_parts(v, out)
                    : v->stage == RESULT ? write_result(v, out)
                                         : next_result(v);
        if (!fine)
            return VIEW_NO_MEMORY;
        if (v->stage == RECORD && v->at >= v->len)
            return VIEW_DONE;
    }
    return VIEW_GOES_ON;
}

/* ---- text ---- */

static enum view_progress write_plain(struct astm_view *v, struct bytes *out)
{
    bool text = v->config->format == VIEW_TEXT;
    size_t left = v->len - v->at, n = left < VIEW_PIECE ? left : VIEW_PIECE;
    if (!bytes_reserve(out, n + 1))
        return VIEW_NO_MEMORY;
    bytes_append(out, v->text + v->at, n);
    for (size_t i = out->len - n; text && i < out->len; i++)
        if (out->data[i] == '\r')
            out->data[i] = '\n';
    v->at += n;
    if (v->at < v->len)
        return VIEW_GOES_ON;
    if (text)
        bytes_append(out, "\n", 1);
    return VIEW_DONE;
}

/* ---- pieces ---- */

static enum view_progress write_piece(struct astm_view *v, struct bytes *out)
{
    size_t stop = out->len + VIEW_PIECE;
    switch (v->config->format) {
    case VIEW_MESSAGE:
        return write_message(v, out, stop);
    case VIEW_RECORD:
        return write_records(v, out, stop);
    case VIEW_RESULT:
    case VIEW_TSV:
        return write_results(v, out, stop);
    case VIEW_TEXT:
    case VIEW_RAW:
        return write_plain(v, out);
    default:
        return VIEW_DONE;
    }
}

enum view_progress astm_view_more(struct astm_view *v, struct bytes *out)
{
    size_t before = out->len;
    enum view_progress progress = write_piece(v, out);
    return progress == VIEW_NO_MEMORY && out->len > before ? VIEW_GOES_ON : progress;
}

void astm_view_free(struct astm_view *v)
{
    bytes_free(&v->converted);
    bytes_free(&v->scratch);
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
    bool fine = bytes_puts(out, "{\"type\":\"frame\",\"protocol\":\"astm\"") &&
                json_member(out, "event", wire->event) && json_member(out, "link", envelope->link) &&
                json_member(out, "peer", envelope->peer) && json_member(out, "source", envelope->source) &&
                json_member(out, "time", envelope->received) &&
                json_member(out, "direction",
                            wire->sent       ? "out"
                            : envelope->link ? "in"
                                             : NULL);
    if (!wire->sent)
        fine = fine && json_key(out, "offset") && json_number(out, wire->offset);
    if (wire->frame)
        fine = fine && write_frame(out, wire->frame, wire->sent);
    else if (wire->len)
        fine = fine && json_key(out, "length") && json_number(out, wire->len);
    return fine && bytes_puts(out, "}\n");
}
