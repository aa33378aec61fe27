#include "hl7/view.h"

#include "base/digest.h"
#include "base/scan.h"
#include "out/json.h"
#include "out/seek.h"

enum {
    PRELUDE,
    SENDER,
    FACILITY,
    CONTROL_ID,
    NOTES,
    SEGMENT,
    TYPE,
    AFTER_TYPE,
    NAME,
    AFTER_NAME,
    FIELDS,
    RESULT,
    PARTS
};

/* The most that is written between two looks at the room. */
enum { ROOM = HL7_VALUE_ROOM + 512 };

/* Empty fields that are written between two looks. */
enum { EMPTY_RUN = 64 };

#define PUT(o, text) ((unsigned char *)memcpy((o), "" text, sizeof(text) - 1) + sizeof(text) - 1)

/* ---- beginning ---- */

/* The message in UTF-8, ended by CR as all segments are. False when memory is exhausted. */
static bool convert(struct hl7_view *v)
{
    static struct charset utf8;
    const struct hl7_message *m = &v->message;
    const struct hl7_slice text = {m->text, m->len};
    bool as_is;
    v->converted.len = 0;
    if (!hl7_charset_read(&v->charset, m->utf16 ? &utf8 : v->config->charset, m->header.msh[HL7_CHARSET],
                          m->header.separators.repetition, text, &v->converted, &as_is))
        return false;
    if (m->utf16)
        v->charset.name = "UTF-16";
    bool ended = !as_is && v->converted.len && v->converted.data[v->converted.len - 1] == '\r';
    if (as_is && (!m->len || m->text[m->len - 1] == '\r')) {
        v->text = m->text;
        v->len = m->len;
        return true;
    }
    if ((as_is && !bytes_append(&v->converted, m->text, m->len)) || (!ended && !bytes_append(&v->converted, "\r", 1)))
        return false;
    v->text = v->converted.data;
    v->len = v->converted.len;
    return true;
}

/* Whether the segment at `at` begins with the separators: fields 1 and 2 are these. */
static bool declares(const struct hl7_view *v, size_t at)
{
    const unsigned char *p = v->text + at;
    size_t n = v->len - at;
    return (*p == 'M' || *p == 'F' || *p == 'B') &&
           (hl7_begins(p, n, "MSH") || hl7_begins(p, n, "FHS") || hl7_begins(p, n, "BHS")) &&
           p[3] == v->separators.field;
}

bool hl7_view_begin(struct hl7_view *v, const struct hl7_view_config *config, const struct hl7_message *message,
                    const struct envelope *envelope)
{
    bool lines = !config->get;
    v->config = config;
    v->message = *message;
    v->envelope = envelope;
    v->at = v->empty = 0;
    v->stage = lines && config->format == VIEW_MESSAGE ? PRELUDE : SEGMENT;
    v->after_segment = v->value.open = false;
    v->scratch.len = 0;
    if (lines && config->format == VIEW_RAW) {
        v->text = message->text;
        v->len = message->len;
        return true;
    }
    if (!convert(v))
        return false;
    v->separators = hl7_separators_of(v->text, v->len);
    v->msh = (struct hl7_slice){v->text, 0};
    size_t at = 0;
    if (hl7_begins(v->text, v->len, "MSH"))
        hl7_segment_next(v->text, v->len, &at, &v->msh);
    const struct hl7_separators *s = &v->separators;
    const unsigned char special[] = {s->field, s->component, s->repetition, s->subcomponent,
                                     config->positional ? s->field : s->escape};
    special_init(&v->special, special, sizeof special);
    v->value = (struct hl7_value){.special = &v->special, .separators = s, .charset = &v->charset};
    if (config->format == VIEW_RESULT || config->format == VIEW_TSV || !lines)
        hl7_results_begin(&v->results, s, &v->charset, config->specimen);
    if (!lines)
        get_begin(&v->row);
    return !lines || config->format != VIEW_RECORD ||
           (json_member(&v->scratch, "message_id", envelope->id) && json_member(&v->scratch, "link", envelope->link));
}

/* ---- the envelope ---- */

static struct hl7_slice header_field(const struct hl7_view *v, size_t number)
{
    if (v->text == v->message.text && !v->message.header.why && !v->config->charset)
        return v->message.header.msh[number];
    return v->msh.n ? hl7_field(v->msh, &v->separators, number) : v->msh;
}

/* Writes a string, or the beginning of one that has to be looked at closely. */
static bool begin_string(struct hl7_view *v, struct hl7_slice text, struct bytes *out)
{
    unsigned char escape = v->separators.escape;
    if (text.n <= HL7_VALUE_RUN && !(escape && text.n && memchr(text.p, escape, text.n)))
        return json_string(out, text.p, text.n);
    if (!bytes_reserve(out, ROOM))
        return false;
    unsigned char *o = out->data + out->len;
    out->len += (size_t)(hl7_value_begin(&v->value, text, HL7_SHAPE_STRING, false, o) - o);
    return true;
}

static bool has_sender(const struct hl7_view *v)
{
    return header_field(v, HL7_SENDING_APPLICATION).n || header_field(v, HL7_SENDING_FACILITY).n;
}

static bool write_prelude(struct hl7_view *v, struct bytes *out)
{
    return bytes_puts(out, "{\"type\":\"message\",\"protocol\":\"hl7\"") && json_member(out, "id", v->envelope->id) &&
           envelope_write(out, v->envelope);
}

static bool write_sender(struct hl7_view *v, struct bytes *out)
{
    return !has_sender(v) || (json_key(out, "sender") && bytes_puts(out, "[") &&
                              begin_string(v, header_field(v, HL7_SENDING_APPLICATION), out));
}

static bool write_facility(struct hl7_view *v, struct bytes *out)
{
    return !has_sender(v) || (bytes_puts(out, ",") && begin_string(v, header_field(v, HL7_SENDING_FACILITY), out));
}

static bool write_control_id(struct hl7_view *v, struct bytes *out)
{
    struct hl7_slice id = header_field(v, HL7_CONTROL_ID);
    return (!has_sender(v) || bytes_puts(out, "]")) &&
           (!id.n || (json_key(out, "control_id") && begin_string(v, id, out)));
}

static bool write_note(struct bytes *out, const char *note)
{
    return (out->data[out->len - 1] == '[' || bytes_puts(out, ",")) && json_text(out, note);
}

static bool write_notes(struct hl7_view *v, struct bytes *out)
{
    const struct hl7_message *m = &v->message;
    char digest[33];
    digest_hex(hl7_header_digest(&v->message.header), digest);
    bool fine = json_member(out, "charset", v->charset.name) && bytes_puts(out, ",\"digest\":\"") &&
                bytes_append(out, digest, 32) &&
                bytes_puts(out, m->complete ? "\",\"complete\":true" : "\",\"complete\":false");
    if (v->config->positional)
        fine = fine && bytes_puts(out, ",\"positional\":true");
    fine = fine && bytes_puts(out, ",\"notes\":[");
    for (size_t i = 0; i < m->notes_len && fine; i += strlen(m->notes + i) + 1)
        fine = write_note(out, m->notes + i);
    if (v->charset.note[0])
        fine = fine && write_note(out, v->charset.note);
    return fine && bytes_puts(out, "],\"records\":[");
}

static bool write_envelope(struct hl7_view *v, struct bytes *out)
{
    switch (v->stage++) {
    case PRELUDE:
        return write_prelude(v, out);
    case SENDER:
        return write_sender(v, out);
    case FACILITY:
        return write_facility(v, out);
    case CONTROL_ID:
        return write_control_id(v, out);
    default:
        return write_notes(v, out);
    }
}

/* ---- fields ---- */

static bool is_record(const struct hl7_view *v)
{
    return v->config->format == VIEW_RECORD;
}

enum { EMPTY_SIZE = 3 };

static inline unsigned char *write_empty(unsigned char *o, size_t n)
{
    for (; n; n--)
        o = PUT(o, ",\"\"");
    return o;
}

/* Writes `before`, what lies between p and stop, and a quotation mark. */
#define PUT_STRING(seek, o, before, p, stop) PUT(seek_copy(seek, PUT(o, before), p, stop), "\"")

/* Writes the list of components that begins at p, the first of which ends at *stop; then *stop is where the last one
 * does. NULL where one of them is long, or ends with something else than a separator. */
static inline __attribute__((always_inline)) unsigned char *plain_list(const struct hl7_view *v, struct seek *seek,
                                                                       unsigned char *o, const unsigned char *p,
                                                                       const unsigned char **stop,
                                                                       const unsigned char *limit)
{
    o = PUT_STRING(seek, o, ",[\"", p, *stop);
    do {
        p = *stop + 1;
        *stop = seek_next(seek);
        if (*stop - p > HL7_VALUE_RUN || o >= limit)
            return NULL;
        o = PUT_STRING(seek, o, ",\"", p, *stop);
    } while (**stop == v->separators.component);
    return **stop == v->separators.field || **stop == '\r' ? PUT(o, "]") : NULL;
}

/* The end of the name that begins at p, where it is that of a segment which needs no care; else NULL. */
static inline const unsigned char *plain_name(const struct hl7_view *v, struct seek *seek, const unsigned char *p)
{
    if (p == v->text + v->len || *p == 'M' || *p == 'F' || *p == 'B')
        return NULL;
    const unsigned char *stop = seek_next(seek);
    return stop - p == 3 && *stop == v->separators.field ? stop : NULL;
}

/* Writes fields that are short and plain, or lists of short plain components, as nearly all of them are, from v->at on:
 * up to another kind of field, or the limit, or to the end of a segment; in messages only one behind which there is no
 * plain name. Returns whether v->at is the end of the segment. Empty fields are written as they come, and taken back
 * where nothing follows them that is written. */
static inline __attribute__((always_inline)) bool plain_fields(struct hl7_view *v, unsigned char **out,
                                                               const unsigned char *limit, bool positional)
{
    const unsigned char field = v->separators.field;
    const unsigned char *p = v->text + v->at, *segment = p, *name;
    struct seek seek = seek_from(&v->special, p, v->text + v->len);
    unsigned char *kept = *out, *o = write_empty(kept, v->empty);
    bool ended = false;
    while (o < limit) {
        const unsigned char *stop = seek_next(&seek), *begin = p;
        if (stop == p && *stop == field) {
            o = PUT(o, ",\"\"");
            kept = positional ? o : kept;
            p = stop + 1;
            continue;
        }
        if (stop - p > HL7_VALUE_RUN)
            break;
        unsigned char *behind = PUT_STRING(&seek, o, ",\"", p, stop);
        if (*stop != field && *stop == v->separators.component && *stop)
            behind = plain_list(v, &seek, o, p, &stop, limit);
        if (!behind || (*stop != field && *stop != '\r'))
            break;
        o = behind;
        p = stop + 1;
        kept = stop > begin || positional ? o : kept;
        if (*stop == field)
            continue;
        ended = is_record(v) || !(name = plain_name(v, &seek, p));
        if (ended)
            break;
        kept = o = PUT_STRING(&seek, kept, "],[\"", p, name);
        segment = p = name + 1;
    }
    if (segment > v->text + v->at)
        v->segment_end = 0;
    *out = kept;
    v->at = (size_t)(p - v->text) - ended;
    v->empty = (size_t)(o - kept) / EMPTY_SIZE;
    return ended;
}

static bool write_plain_fields(struct hl7_view *v, unsigned char **out, const unsigned char *limit)
{
    return v->config->positional ? plain_fields(v, out, limit, true) : plain_fields(v, out, limit, false);
}

/* Where the segment ends that v->at is in; looked for once. */
static size_t segment_end(struct hl7_view *v)
{
    if (!v->segment_end) {
        const unsigned char *cr = memchr(v->text + v->at, '\r', v->len - v->at);
        v->segment_end = (size_t)(cr - v->text);
    }
    return v->segment_end;
}

/* The field that begins at v->at. */
static struct hl7_slice field_at(struct hl7_view *v)
{
    return hl7_part((struct hl7_slice){v->text + v->at, segment_end(v) - v->at}, v->separators.field, 0);
}

static bool at_segment_end(const struct hl7_view *v)
{
    return v->text[v->at] == '\r';
}

static unsigned char *end_segment(struct hl7_view *v, unsigned char *o)
{
    o = is_record(v) ? PUT(o, "]}\n") : PUT(o, "]");
    v->at++;
    v->after_segment = true;
    v->stage = SEGMENT;
    return o;
}

/* The field that ends at v->at is written. */
static unsigned char *end_field(struct hl7_view *v, unsigned char *o)
{
    if (at_segment_end(v))
        return end_segment(v, o);
    v->at++;
    return o;
}

/* Empty fields that something follows. */
static unsigned char *write_owed(struct hl7_view *v, unsigned char *o, const unsigned char *limit)
{
    while (v->empty && o < limit) {
        size_t n = v->empty < EMPTY_RUN ? v->empty : EMPTY_RUN;
        o = write_empty(o, n);
        v->empty -= n;
    }
    return o;
}

static unsigned char *write_fields(struct hl7_view *v, unsigned char *o, const unsigned char *limit)
{
    if (v->empty <= EMPTY_RUN && write_plain_fields(v, &o, limit))
        return end_segment(v, o);
    if (o >= limit)
        return o;
    struct hl7_slice text = field_at(v);
    if (!text.n && !v->config->positional) {
        v->empty++;
        if (at_segment_end(v))
            return end_segment(v, o);
        v->at++;
        return o;
    }
    o = write_owed(v, o, limit);
    if (v->empty || o >= limit)
        return o;
    return hl7_value_begin(&v->value, text, HL7_SHAPE_FIELD, v->config->positional, PUT(o, ","));
}

/* ---- segments ---- */

static unsigned char *begin_segment(struct hl7_view *v, unsigned char *o)
{
    v->segment_end = v->empty = 0;
    v->stage = is_record(v) ? TYPE : NAME;
    if (is_record(v))
        return PUT(o, "{\"type\":");
    return v->after_segment ? PUT(o, ",[") : PUT(o, "[");
}

/* The name of the segment, as it stands. */
static unsigned char *write_name(struct hl7_view *v, unsigned char *o)
{
    bool plain = hl7_names_segment(v->text + v->at, v->len - v->at, v->separators.field);
    if (plain) {
        *o = '"';
        memcpy(o + 1, v->text + v->at, 3);
        o[4] = '"';
        o += 5;
    }
    if (plain && v->stage == NAME && !declares(v, v->at)) {
        v->stage = FIELDS;
        v->at += 3;
        return end_field(v, o);
    }
    v->stage++;
    return plain ? o : hl7_value_begin(&v->value, field_at(v), HL7_SHAPE_STRING, true, o);
}

static unsigned char *after_type(struct hl7_view *v, unsigned char *o)
{
    v->stage = NAME;
    if (v->scratch.len) {
        memcpy(o, v->scratch.data, v->scratch.len);
        o += v->scratch.len;
    }
    return v->config->positional ? PUT(o, ",\"positional\":true,\"fields\":[") : PUT(o, ",\"fields\":[");
}

static unsigned char *after_name(struct hl7_view *v, unsigned char *o)
{
    v->stage = FIELDS;
    if (!declares(v, v->at)) {
        v->at += field_at(v).n;
        return end_field(v, o);
    }
    o = PUT(json_escaped(PUT(o, ",\""), &v->separators.field, 1), "\",");
    v->at += 4;
    return hl7_value_begin(&v->value, field_at(v), HL7_SHAPE_STRING, true, o);
}

static unsigned char *more_value(struct hl7_view *v, unsigned char *o, const unsigned char *limit)
{
    o = hl7_value_more(&v->value, o, limit);
    if (v->value.open || v->stage != FIELDS)
        return o;
    v->at = (size_t)(v->value.end - v->text);
    return end_field(v, o);
}

static unsigned char *write_some(struct hl7_view *v, unsigned char *o, const unsigned char *limit)
{
    if (v->value.open)
        return more_value(v, o, limit);
    switch (v->stage) {
    case FIELDS:
        return write_fields(v, o, limit);
    case TYPE:
    case NAME:
        return write_name(v, o);
    case AFTER_TYPE:
        return after_type(v, o);
    case AFTER_NAME:
        return after_name(v, o);
    default:
        return begin_segment(v, o);
    }
}

static enum view_progress write_segments(struct hl7_view *v, struct bytes *out, size_t stop)
{
    if (!bytes_reserve(out, stop - out->len + v->scratch.len + ROOM))
        return VIEW_NO_MEMORY;
    unsigned char *o = out->data + out->len, *const limit = out->data + stop;
    while (o < limit && (v->stage != SEGMENT || v->at < v->len))
        o = write_some(v, o, limit);
    bool done = o < limit;
    if (done && !is_record(v))
        o = PUT(o, "]}\n");
    out->len = (size_t)(o - out->data);
    return done ? VIEW_DONE : VIEW_GOES_ON;
}

static enum view_progress write_message(struct hl7_view *v, struct bytes *out, size_t stop)
{
    while (v->stage < SEGMENT && out->len < stop) {
        size_t before = out->len;
        unsigned char stage = v->stage;
        if (v->value.open) {
            if (!bytes_reserve(out, stop - out->len + ROOM))
                return VIEW_NO_MEMORY;
            unsigned char *o = hl7_value_more(&v->value, out->data + out->len, out->data + stop);
            out->len = (size_t)(o - out->data);
        } else if (!write_envelope(v, out)) {
            out->len = before;
            v->stage = stage;
            return VIEW_NO_MEMORY;
        }
    }
    return out->len < stop ? write_segments(v, out, stop) : VIEW_GOES_ON;
}

/* ---- results ---- */

/* Fills the next result. False when memory is exhausted; v->stage is SEGMENT where there is none. */
static bool next_result(struct hl7_view *v)
{
    struct hl7_slice segment, parts;
    size_t at = v->at;
    while (hl7_segment_next(v->text, v->len, &at, &segment)) {
        struct hl7_slice following = {v->text + at, v->len - at};
        if (hl7_results_take(&v->results, segment, following)) {
            if (!hl7_results_fill(&v->results, segment, following, v->envelope, &v->result, &parts))
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
static bool write_parts(struct hl7_view *v, struct bytes *out)
{
    enum { PIECE = 8192 };
    bool table = v->config->format == VIEW_TSV;
    v->scratch.len = 0;
    if (!bytes_reserve(&v->scratch, PIECE + ROOM) || !bytes_reserve(out, 2 * (PIECE + ROOM)))
        return false;
    unsigned char *o = v->scratch.data;
    if (!v->value.open)
        o = hl7_value_begin(&v->value, v->parts, HL7_SHAPE_FIELD, false, o);
    o = hl7_value_more(&v->value, o, v->scratch.data + PIECE);
    v->stage = v->value.open ? PARTS : RESULT;
    size_t n = (size_t)(o - v->scratch.data);
    return table ? tsv_cell(out, v->scratch.data, n) : bytes_append(out, v->scratch.data, n);
}

/* Goes on with the line of the result. False when memory is exhausted. */
static bool write_result(struct hl7_view *v, struct bytes *out)
{
    switch (result_more(&v->result, v->config->format == VIEW_TSV, out)) {
    case RESULT_NO_MEMORY:
        return false;
    case RESULT_PARTS:
        v->stage = PARTS;
        return true;
    case RESULT_DONE:
        v->stage = SEGMENT;
        return true;
    default:
        return true;
    }
}

static enum view_progress write_results(struct hl7_view *v, struct bytes *out, size_t stop)
{
    while (out->len < stop) {
        bool fine = v->stage == PARTS    ? write_parts(v, out)
                    : v->stage == RESULT ? write_result(v, out)
                                         : next_result(v);
        if (!fine)
            return VIEW_NO_MEMORY;
        if (v->stage == SEGMENT && v->at >= v->len)
            return VIEW_DONE;
    }
    return VIEW_GOES_ON;
}

/* ---- chosen fields ---- */

static bool write_cell(void *context, const struct get_path *path, struct get_record record, struct bytes *out)
{
    struct hl7_view *v = context;
    struct hl7_slice segment = {record.p, record.n};
    struct hl7_slice text = hl7_get_slice(segment, &v->separators, path);
    if (path->field <= 2 && hl7_begins(segment.p, segment.n, "MSH"))
        return bytes_append(out, text.p, text.n);
    return hl7_unescape(&v->separators, &v->charset, text, out);
}

static bool is_opening(struct hl7_slice name)
{
    static const char *const opening[] = {"PID", "SPM", "SAC", "ORC", "OBR", "OBX"};
    for (size_t i = 0; i < sizeof opening / sizeof *opening; i++)
        if (hl7_slice_is(name, opening[i]))
            return true;
    return false;
}

static bool take(struct hl7_view *v, const void *name, struct hl7_slice segment)
{
    return get_take(&v->row, v->config->get, name, 3, (struct get_record){segment.n ? segment.p : NULL, segment.n});
}

/* Takes a segment in. What governs it is as in results. Returns whether a row is due. */
static bool take_segment(struct hl7_view *v, struct hl7_slice segment, struct hl7_slice following)
{
    struct hl7_slice name = hl7_field(segment, &v->separators, 0);
    struct hl7_results *s = &v->results;
    if (name.n != 3)
        return false;
    hl7_results_take(s, segment, following);
    if (is_opening(name)) {
        const char text[] = {(char)name.p[0], (char)name.p[1], (char)name.p[2], '\0'};
        get_forget(&v->row, v->config->get, hl7_get_names.depth(text));
    }
    take(v, "PID", s->pid);
    take(v, "SPM", s->spm);
    take(v, "SAC", s->sac);
    take(v, "ORC", s->orc);
    take(v, "OBR", s->obr);
    return take(v, name.p, segment);
}

static enum view_progress write_rows(struct hl7_view *v, struct bytes *out, size_t stop)
{
    struct hl7_slice segment;
    while (out->len < stop) {
        size_t at = v->at;
        if (!hl7_segment_next(v->text, v->len, &at, &segment))
            return VIEW_DONE;
        if (take_segment(v, segment, (struct hl7_slice){v->text + at, v->len - at}) &&
            !get_write(&v->row, v->config->get, write_cell, v, &v->scratch, out))
            return VIEW_NO_MEMORY;
        v->at = at;
    }
    return VIEW_GOES_ON;
}

/* ---- text ---- */

/* One segment a line: an LF within it is written as the sequence that stands for it, or as a blank. */
static bool write_break(struct hl7_view *v, struct bytes *out)
{
    const char sequence[] = {(char)v->separators.escape, '.', 'b', 'r', (char)v->separators.escape};
    return v->separators.escape ? bytes_append(out, sequence, sizeof sequence) : bytes_append(out, " ", 1);
}

static enum view_progress write_text(struct hl7_view *v, struct bytes *out, size_t stop)
{
    if (!bytes_reserve(out, VIEW_PIECE + 16))
        return VIEW_NO_MEMORY;
    while (out->len < stop && v->at < v->len) {
        const unsigned char *p = v->text + v->at;
        size_t left = v->len - v->at, most = stop - out->len, n = left < most ? left : most;
        size_t run = scan_line_end(p, n);
        bytes_append(out, p, run);
        v->at += run;
        if (run == n)
            continue;
        if (!(p[run] == '\r' ? bytes_append(out, "\n", 1) : write_break(v, out)))
            return VIEW_NO_MEMORY;
        v->at++;
    }
    if (v->at < v->len || out->len >= stop)
        return VIEW_GOES_ON;
    bytes_append(out, "\n", 1);
    return VIEW_DONE;
}

static enum view_progress write_raw(struct hl7_view *v, struct bytes *out)
{
    size_t left = v->len - v->at, n = left < VIEW_PIECE ? left : VIEW_PIECE;
    if (!bytes_append(out, v->text + v->at, n))
        return VIEW_NO_MEMORY;
    v->at += n;
    return v->at < v->len ? VIEW_GOES_ON : VIEW_DONE;
}

/* ---- pieces ---- */

static enum view_progress write_piece(struct hl7_view *v, struct bytes *out)
{
    size_t stop = out->len + VIEW_PIECE;
    if (v->config->get)
        return write_rows(v, out, stop);
    switch (v->config->format) {
    case VIEW_MESSAGE:
        return write_message(v, out, stop);
    case VIEW_RECORD:
        return write_segments(v, out, stop);
    case VIEW_RESULT:
    case VIEW_TSV:
        return write_results(v, out, stop);
    case VIEW_TEXT:
        return write_text(v, out, stop);
    case VIEW_RAW:
        return write_raw(v, out);
    default:
        return VIEW_DONE;
    }
}

enum view_progress hl7_view_more(struct hl7_view *v, struct bytes *out)
{
    size_t before = out->len;
    enum view_progress progress = write_piece(v, out);
    return progress == VIEW_NO_MEMORY && out->len > before ? VIEW_GOES_ON : progress;
}

void hl7_view_free(struct hl7_view *v)
{
    hl7_charset_close(&v->charset);
    bytes_free(&v->converted);
    bytes_free(&v->scratch);
    result_free(&v->result);
}

/* ---- the wire ---- */

bool hl7_wire_line(struct bytes *out, const struct hl7_wire *wire, const struct envelope *envelope)
{
    bool fine = bytes_puts(out, "{\"type\":\"frame\",\"protocol\":\"hl7\"") && json_member(out, "event", wire->event) &&
                json_member(out, "link", envelope->link) && json_member(out, "peer", envelope->peer) &&
                json_member(out, "source", envelope->source) && json_member(out, "time", envelope->received) &&
                json_member(out, "direction",
                            wire->sent       ? "out"
                            : envelope->link ? "in"
                                             : NULL);
    if (!wire->sent)
        fine = fine && json_key(out, "offset") && json_number(out, wire->offset);
    if (wire->len)
        fine = fine && json_key(out, "length") && json_number(out, wire->len);
    return fine && bytes_puts(out, "}\n");
}
