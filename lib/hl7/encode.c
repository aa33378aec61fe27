#include "hl7/encode.h"

#include "hl7/escape.h"

/* Of the message: separators from its first segment, and the set, for sequences that stand for bytes. */
struct own {
    struct hl7_separators separators;
    struct hl7_charset charset;
};

static size_t kept(struct encoder *e, const unsigned char *p, size_t n)
{
    struct own *own = e->own;
    unsigned char resolved[HL7_ESCAPE_MAX];
    size_t len, left;
    if (hl7_escape(&own->separators, &own->charset, p, n, resolved, &len, &left))
        return 0;
    return left > 1 ? left : 0;
}

static void set_separators(struct encoder *e, struct own *own, struct hl7_separators s)
{
    const char separators[] = {(char)s.field, (char)s.component, (char)s.repetition, (char)s.subcomponent};
    own->separators = s;
    encode_set_marks(e, separators, "FSRT", sizeof separators, s.escape);
    e->marks.verbatim = e->envelope.positional;
}

static const struct hl7_separators *separators(const struct encoder *e)
{
    return &((const struct own *)e->own)->separators;
}

/* ---- fields ---- */

static bool is_null(struct json_slice text)
{
    return text.n == 2 && text.p[0] == '"' && text.p[1] == '"';
}

/* The text of two quotation marks, which by themselves would be the explicit null. */
static bool write_quotes(struct encoder *e)
{
    const unsigned char sequence[] = {e->marks.escape, 'X', '2', '2', e->marks.escape, '"'};
    if (!e->marks.escape)
        return encode_fail(e, "it holds two quotation marks alone, and the message has no escape character");
    return bytes_append(e->out, sequence, sizeof sequence) || encode_no_memory(e);
}

/* The token that was read last, as text. */
static inline bool write_scalar(struct encoder *e, enum json_kind kind)
{
    switch (kind) {
    case JSON_STRING:
        if (is_null(e->reader.text) && !e->marks.verbatim)
            return write_quotes(e);
        return encode_value(e, e->reader.text);
    case JSON_NUMBER:
        return encode_value(e, e->reader.text);
    case JSON_NULL:
        return bytes_append(e->out, "\"\"", 2) || encode_no_memory(e);
    default:
        return encode_unexpected(e, kind, "a string");
    }
}

/* An array of subcomponents, whose first token was read. */
static bool write_subcomponents(struct encoder *e, enum json_kind kind)
{
    for (bool more = false; kind != JSON_ARRAY_END; kind = json_reader_next(&e->reader), more = true) {
        if (kind == JSON_ARRAY)
            return encode_fail(e, "an array stands where a subcomponent is expected; with repetitions all of it has "
                                  "three levels");
        if ((more && !encode_separator(e, separators(e)->subcomponent, "subcomponent separator")) ||
            !write_scalar(e, kind))
            return false;
    }
    return true;
}

/* An array of components, each of them an array, whose first token was read. */
static bool write_repetition(struct encoder *e, enum json_kind kind)
{
    for (bool more = false; kind != JSON_ARRAY_END; kind = json_reader_next(&e->reader), more = true) {
        if (kind != JSON_ARRAY)
            return encode_unexpected(e, kind, "an array of subcomponents");
        if ((more && !encode_separator(e, separators(e)->component, "component separator")) ||
            !write_subcomponents(e, json_reader_next(&e->reader)))
            return false;
    }
    return true;
}

/* An array that is a whole field: of components, or where the first of them begins with three brackets, of repetitions.
 */
static bool write_array(struct encoder *e)
{
    const struct hl7_separators *s = separators(e);
    bool more = false, nested = false;
    for (;; more = true) {
        enum json_kind kind = json_reader_next(&e->reader), first = kind;
        if (kind == JSON_ARRAY_END)
            return true;
        if (kind == JSON_ARRAY)
            first = json_reader_next(&e->reader);
        nested = more ? nested : kind == JSON_ARRAY && first == JSON_ARRAY;
        if (nested && kind != JSON_ARRAY)
            return encode_unexpected(e, kind, "an array of components");
        if ((more && !encode_separator(e, nested ? s->repetition : s->component,
                                       nested ? "repetition separator" : "component separator")))
            return false;
        if (!(nested               ? write_repetition(e, first)
              : kind == JSON_ARRAY ? write_subcomponents(e, first)
                                   : write_scalar(e, kind)))
            return false;
    }
}

static inline bool write_field(struct encoder *e, enum json_kind kind)
{
    return kind == JSON_ARRAY ? write_array(e) : write_scalar(e, kind);
}

/* ---- segments ---- */

static bool declares(struct json_slice name)
{
    return name.n == 3 &&
           (memcmp(name.p, "MSH", 3) == 0 || memcmp(name.p, "FHS", 3) == 0 || memcmp(name.p, "BHS", 3) == 0);
}

/* The next field of a segment that declares separators, as it stands. Empty where it is not there, or null; *there
 * tells whether the segment goes on. */
static bool read_declared(struct encoder *e, struct json_slice *text, bool *there)
{
    text->n = 0;
    if (!*there)
        return true;
    e->index++;
    enum json_kind kind = json_reader_next(&e->reader);
    *there = kind != JSON_ARRAY_END;
    if (kind == JSON_STRING)
        *text = e->reader.text;
    return kind == JSON_STRING || kind == JSON_NULL || !*there || encode_unexpected(e, kind, "a string");
}

/* The field separator and the other ones of the segment whose name was written. *there: the segment goes on behind. */
static bool write_declared(struct encoder *e, struct own *own, size_t begin, bool *there)
{
    struct json_slice field = encode_word("|"), others, text;
    const bool first = !e->record;
    *there = true;
    if (!read_declared(e, &text, there) || !*there)
        return e->result == ENCODE_DONE;
    if (text.n)
        field = text;
    if (field.n != 1 || !hl7_separator(*field.p) || (!first && *field.p != own->separators.field))
        return encode_fail(e, first ? "it is no separator" : "it is not the separator of the message");
    if (!read_declared(e, &others, there))
        return false;
    if (first && !text.n && !others.n)
        others = encode_word("^~\\&");
    if (!encode_verbatim(e, field, 0) || !encode_verbatim(e, others, *field.p))
        return false;
    if (first)
        set_separators(e, own, hl7_separators_of(e->out->data + begin, e->out->len - begin));
    return true;
}

/* Whether what was made from `begin` on are blanks and control characters alone. */
static bool is_blank(const struct encoder *e, size_t begin)
{
    while (begin < e->out->len && e->out->data[begin] <= ' ')
        begin++;
    return begin == e->out->len;
}

/* The segment whose bracket was read. */
static bool write_segment(struct encoder *e, struct own *own)
{
    size_t begin = e->out->len;
    bool there = true;
    e->index = 0;
    enum json_kind kind = json_reader_next(&e->reader);
    if (kind != JSON_STRING)
        return kind == JSON_ARRAY_END ? encode_fail(e, "it has no name") : encode_unexpected(e, kind, "a name");
    struct json_slice name = e->reader.text;
    if (!encode_verbatim(e, name, own->separators.field) || (declares(name) && !write_declared(e, own, begin, &there)))
        return false;
    const unsigned char field = own->separators.field;
    while (there && (kind = json_reader_next(&e->reader)) != JSON_ARRAY_END) {
        e->index++;
        if (!encode_separator(e, field, "field separator") || !write_field(e, kind))
            return false;
    }
    return encode_record_end(e, is_blank(e, begin), field);
}

static bool write_segments(struct encoder *e, struct own *own)
{
    enum json_kind kind;
    for (e->record = 0; (kind = json_reader_next(&e->reader)) != JSON_ARRAY_END; e->record++) {
        e->index = SIZE_MAX;
        if (kind != JSON_ARRAY)
            return encode_unexpected(e, kind, "an array");
        if (!write_segment(e, own))
            return false;
    }
    e->index = SIZE_MAX;
    return e->record > 0 || encode_fail(e, "there is none");
}

enum encode_result hl7_encode(struct encoder *e, unsigned char *line, size_t n, size_t max, struct bytes *text)
{
    struct own own = {.charset = {.base = &e->charset}};
    if (encode_begin(e, "hl7", line, n, max, text)) {
        e->own = &own;
        e->kept = kept;
        set_separators(e, &own, hl7_separators_of((const unsigned char *)"", 0));
        write_segments(e, &own);
        e->own = NULL;
    }
    bytes_free(&own.charset.resolved);
    bytes_free(&own.charset.scratch);
    return encode_end(e);
}
