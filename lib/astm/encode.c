#include "astm/encode.h"

#include "astm/frame.h"
#include "astm/names.h"
#include "astm/record.h"

/* A key of a record, and its value as it was written. */
struct member {
    size_t number; /* of the field, from 2 on */
    struct json_slice key, value;
};

/* What a record says of itself. */
struct record {
    struct json_slice type, fields; /* the second as it was written */
    struct member *members;
    size_t count;
};

static const struct astm_delimiters standard = {'|', '\\', '^', '&', false};

static const struct astm_delimiters *delimiters(const struct encoder *e)
{
    return e->own;
}

static size_t kept(struct encoder *e, const unsigned char *p, size_t n)
{
    unsigned char resolved[ASTM_ESCAPE_MAX];
    size_t len, left;
    if (astm_escape(delimiters(e), &e->charset, p, n, resolved, &len, &left))
        return 0;
    return left > 1 ? left : 0;
}

static void set_delimiters(struct encoder *e, struct astm_delimiters *own, struct astm_delimiters d)
{
    const char separators[] = {(char)d.field, (char)d.component, (char)d.repeat};
    *own = d;
    e->own = own;
    encode_set_marks(e, separators, "FSR", sizeof separators, d.escape);
    e->marks.line_ends = true;
}

static bool is(struct json_slice text, const char *word)
{
    return text.n == strlen(word) && memcmp(text.p, word, text.n) == 0;
}

/* ---- fields ---- */

/* The token that was read last, as text. */
static bool write_scalar(struct encoder *e, const struct json_reader *r, enum json_kind kind)
{
    if (kind == JSON_STRING || kind == JSON_NUMBER)
        return encode_value(e, r->text);
    return kind == JSON_NULL || encode_unexpected(e, kind, "a string");
}

/* An array of components whose first token was read. */
static bool write_components(struct encoder *e, struct json_reader *r, enum json_kind kind)
{
    for (bool more = false; kind != JSON_ARRAY_END; kind = json_reader_next(r), more = true)
        if ((more && !encode_separator(e, delimiters(e)->component, "component delimiter")) ||
            !write_scalar(e, r, kind))
            return false;
    return true;
}

/* An array that is a whole field: of components, or of repeats, each an array of components. */
static bool write_array(struct encoder *e, struct json_reader *r)
{
    enum json_kind kind = json_reader_next(r);
    if (kind != JSON_ARRAY)
        return write_components(e, r, kind);
    for (bool more = false; kind != JSON_ARRAY_END; kind = json_reader_next(r), more = true) {
        if (kind != JSON_ARRAY)
            return encode_unexpected(e, kind, "an array of components, as before it,");
        if ((more && !encode_separator(e, delimiters(e)->repeat, "repeat delimiter")) ||
            !write_components(e, r, json_reader_next(r)))
            return false;
    }
    return true;
}

static bool write_field(struct encoder *e, struct json_reader *r, enum json_kind kind)
{
    return kind == JSON_ARRAY ? write_array(e, r) : write_scalar(e, r, kind);
}

/* ---- the header ---- */

/* The field that declares the delimiters, behind the H that was written: declared, or `\^&` where that is empty. */
static bool write_delimiters(struct encoder *e, struct astm_delimiters *own, struct json_slice declared)
{
    struct json_slice field = e->envelope.field_delimiter;
    if (!field.n)
        field = encode_word("|");
    if (field.n != 1 || !astm_is_header((const unsigned char[]){'H', *field.p}, 2)) {
        e->record = SIZE_MAX;
        e->key = encode_word("field_delimiter");
        return encode_fail(e, "it is none");
    }
    if (!encode_verbatim(e, field, 0) || !encode_verbatim(e, declared, *field.p))
        return false;
    set_delimiters(e, own, astm_delimiters_of(e->out->data + e->base, e->out->len - e->base));
    return true;
}

static bool is_header(const struct encoder *e, struct json_slice type)
{
    return !e->record && is(type, "H");
}

/* Reads a value that is to be a string. */
static bool read_string(struct encoder *e, struct json_slice value, struct json_slice *text)
{
    struct json_reader r;
    json_reader_init(&r, (unsigned char *)(uintptr_t)value.p, value.n);
    enum json_kind kind = json_reader_next(&r);
    *text = r.text;
    return kind == JSON_STRING || encode_unexpected(e, kind, "a string");
}

/* ---- records by name ---- */

/* The number that the key of a record of that type has; 0: none. */
static size_t number_of(unsigned char type, struct json_slice key, size_t before)
{
    size_t count, number = 0;
    const struct astm_name *names = astm_names(type, &count);
    for (size_t i = 0; i < count; i++) {
        const struct astm_name *name = &names[(before + i) % count];
        if (name->len == key.n + 4 && memcmp(name->text + 2, key.p, key.n) == 0)
            return (before + i) % count + 1;
    }
    if (key.n < 7 || key.n > 15 || memcmp(key.p, "field_", 6) != 0 || key.p[6] == '0')
        return 0;
    for (size_t i = 6; i < key.n; i++) {
        if (key.p[i] < '0' || key.p[i] > '9')
            return 0;
        number = 10 * number + (size_t)(key.p[i] - '0');
    }
    return number;
}

static bool number_members(struct encoder *e, const struct record *record, bool *sorted)
{
    unsigned char type = record->type.n == 1 ? *record->type.p : 0;
    size_t before = 0;
    *sorted = true;
    for (size_t i = 0; i < record->count; i++) {
        struct member *m = &record->members[i];
        e->key = m->key;
        m->number = number_of(type, m->key, before);
        if (m->number < 2)
            return encode_fail(e, "records of this type have no such field");
        *sorted = *sorted && m->number > before;
        before = m->number;
    }
    return true;
}

/* Lets the member at `at` sink to its place in a heap of n, the greatest number on top. */
static void sink(struct member *m, size_t at, size_t n)
{
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        child += child + 1 < n && m[child + 1].number > m[child].number;
        if (m[at].number >= m[child].number)
            return;
        struct member swapped = m[at];
        m[at] = m[child];
        m[child] = swapped;
    }
}

static void sort(struct member *m, size_t n)
{
    for (size_t i = n / 2; i; i--)
        sink(m, i - 1, n);
    for (size_t i = n; i > 1; i--) {
        struct member greatest = m[0];
        m[0] = m[i - 1];
        m[i - 1] = greatest;
        sink(m, 0, i - 1);
    }
}

static bool write_member(struct encoder *e, const struct member *m, size_t before)
{
    struct json_reader r;
    e->key = m->key;
    if (m->number == before)
        return encode_fail(e, "it comes twice");
    json_reader_init(&r, (unsigned char *)(uintptr_t)m->value.p, m->value.n);
    return encode_separators(e, delimiters(e)->field, m->number - before, "field delimiter") &&
           write_field(e, &r, json_reader_next(&r));
}

static bool write_members(struct encoder *e, struct astm_delimiters *own, const struct record *record)
{
    struct json_slice declared = encode_word("\\^&");
    size_t before = 1, i = 0;
    bool sorted;
    if (!number_members(e, record, &sorted))
        return false;
    if (!sorted)
        sort(record->members, record->count);
    if (is_header(e, record->type)) {
        e->key = encode_word("delimiters");
        if (record->count && record->members[0].number == 2) {
            e->key = record->members[0].key;
            if (!read_string(e, record->members[i++].value, &declared))
                return false;
        }
        if (!write_delimiters(e, own, declared))
            return false;
        before = 2;
    }
    for (; i < record->count; i++) {
        if (!write_member(e, &record->members[i], before))
            return false;
        before = record->members[i].number;
    }
    return true;
}

/* ---- records by number ---- */

/* Writes the first field, which has to be the type. */
static bool write_type_field(struct encoder *e, struct json_reader *r, struct json_slice type)
{
    size_t begin = e->out->len;
    e->index = 0;
    enum json_kind kind = json_reader_next(r);
    if (kind == JSON_ARRAY_END)
        return encode_fail(e, "the first field is the type, and is missing");
    if (!write_field(e, r, kind))
        return false;
    return (e->out->len - begin == type.n && (!type.n || memcmp(e->out->data + begin, type.p, type.n) == 0)) ||
           encode_fail(e, "it is not the type of the record");
}

/* The field of the header that declares the delimiters, if there is one. *there: the record goes on behind. */
static bool write_declared(struct encoder *e, struct json_reader *r, struct astm_delimiters *own, bool *there)
{
    struct json_slice declared = encode_word("\\^&");
    e->index = 1;
    enum json_kind kind = json_reader_next(r);
    *there = kind != JSON_ARRAY_END;
    if (!*there)
        return true;
    if (kind == JSON_STRING)
        declared = r->text;
    else if (kind != JSON_NULL)
        return encode_unexpected(e, kind, "a string");
    return write_delimiters(e, own, declared);
}

static bool write_fields(struct encoder *e, struct astm_delimiters *own, const struct record *record)
{
    struct json_reader r;
    enum json_kind kind;
    bool there = true;
    e->key = encode_word("fields");
    if (record->count) {
        e->key = record->members[0].key;
        return encode_fail(e, "a record with fields has no other keys");
    }
    json_reader_init(&r, (unsigned char *)(uintptr_t)record->fields.p, record->fields.n);
    kind = json_reader_next(&r);
    if (kind != JSON_ARRAY)
        return encode_unexpected(e, kind, "an array");
    if (!write_type_field(e, &r, record->type) || (is_header(e, record->type) && !write_declared(e, &r, own, &there)))
        return false;
    while (there && (kind = json_reader_next(&r)) != JSON_ARRAY_END) {
        e->index++;
        if (!encode_separator(e, delimiters(e)->field, "field delimiter") || !write_field(e, &r, kind))
            return false;
    }
    return true;
}

/* ---- records ---- */

/* Reads the member whose key was read; its value stays as it is. */
static bool read_member(struct encoder *e, struct record *record)
{
    struct member member = {.key = e->reader.text};
    struct json_slice *known = is(member.key, "type")     ? &record->type
                               : is(member.key, "fields") ? &record->fields
                                                          : NULL;
    e->key = member.key;
    if (!json_reader_skip(&e->reader, &member.value))
        return encode_unexpected(e, JSON_WRONG, "");
    if (known && known->p)
        return encode_fail(e, "it comes twice");
    if (known)
        *known = member.value;
    else if (record->count == ASTM_ENCODE_KEYS)
        return encode_fail(e, "a record has at most %d keys", ASTM_ENCODE_KEYS);
    else if (!bytes_append(&e->members, &member, sizeof member))
        return encode_no_memory(e);
    record->count += !known;
    return true;
}

static bool read_record(struct encoder *e, struct record *record)
{
    struct json_slice type;
    *record = (struct record){0};
    e->members.len = 0;
    while (json_reader_next(&e->reader) == JSON_KEY)
        if (!read_member(e, record))
            return false;
    e->key.n = 0;
    if (e->reader.kind != JSON_OBJECT_END)
        return encode_unexpected(e, JSON_WRONG, "");
    if (!record->type.p)
        return encode_fail(e, "it has no type");
    e->key = encode_word("type");
    if (!read_string(e, record->type, &type))
        return false;
    record->type = type;
    record->members = (struct member *)(void *)e->members.data;
    return true;
}

static bool write_record(struct encoder *e, struct astm_delimiters *own, const struct record *record)
{
    size_t begin = e->out->len;
    bool fine;
    e->marks.verbatim = record->fields.p;
    if (record->fields.p)
        fine = write_fields(e, own, record);
    else
        fine = encode_verbatim(e, record->type, own->field) && write_members(e, own, record);
    return fine && encode_record_end(e, e->out->len == begin, own->field);
}

static bool write_records(struct encoder *e, struct astm_delimiters *own)
{
    struct record record;
    enum json_kind kind;
    for (e->record = 0; (kind = json_reader_next(&e->reader)) != JSON_ARRAY_END; e->record++) {
        e->key.n = 0;
        e->index = SIZE_MAX;
        if (kind != JSON_OBJECT)
            return encode_unexpected(e, kind, "an object");
        if (!read_record(e, &record) || !write_record(e, own, &record))
            return false;
    }
    e->key.n = 0;
    return e->record > 0 || encode_fail(e, "there is none");
}

enum encode_result astm_encode(struct encoder *e, unsigned char *line, size_t n, size_t max, struct bytes *text)
{
    struct astm_delimiters own;
    if (encode_begin(e, "astm", line, n, max, text)) {
        e->kept = kept;
        set_delimiters(e, &own, standard);
        write_records(e, &own);
        e->own = NULL;
    }
    if (e->members.cap > 64 << 10)
        bytes_free(&e->members);
    return encode_end(e);
}
