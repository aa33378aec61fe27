#include "out/encode.h"

#include "base/restricted.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    WORD = 40,         /* most bytes of a word of the line's own in a complaint */
    KEPT_MAX = 1 << 20 /* bytes of storage that is kept for the next line */
};

/* ---- complaints ---- */

/* Copies a word for people: printable ASCII, and not too much of it. */
static void copy_word(char to[WORD + 4], struct json_slice word)
{
    size_t n = word.n < WORD ? word.n : WORD;
    for (size_t i = 0; i < n; i++)
        to[i] = (char)(word.p[i] >= ' ' && word.p[i] < 0x7F ? word.p[i] : '?');
    snprintf(to + n, 4, "%s", word.n > n ? "..." : "");
}

/* Where we are: `records[3].value: `, `records[3][5]: `. */
static size_t write_place(const struct encoder *e, char why[ENCODE_WHY])
{
    char key[WORD + 4] = "";
    size_t n = 0;
    if (e->key.n)
        copy_word(key, e->key);
    if (e->record < SIZE_MAX)
        n = (size_t)snprintf(why, ENCODE_WHY, "records[%zu]%s%s", e->record, key[0] ? "." : "", key);
    else
        n = (size_t)snprintf(why, ENCODE_WHY, "%s", key);
    if (e->record < SIZE_MAX && e->index < SIZE_MAX)
        n += (size_t)snprintf(why + n, ENCODE_WHY - n, "[%zu]", e->index);
    return n + (size_t)snprintf(why + n, ENCODE_WHY - n, "%s", n ? ": " : "");
}

struct json_slice encode_word(const char *name)
{
    return (struct json_slice){(const unsigned char *)name, strlen(name)};
}

bool encode_fail(struct encoder *e, const char *format, ...)
{
    if (e->result != ENCODE_DONE)
        return false;
    size_t n = write_place(e, e->why);
    va_list args;
    va_start(args, format);
    vsnprintf(e->why + n, ENCODE_WHY - n, format, args);
    va_end(args);
    e->result = ENCODE_WRONG;
    return false;
}

bool encode_no_memory(struct encoder *e)
{
    if (e->result == ENCODE_DONE)
        e->result = ENCODE_NO_MEMORY;
    return false;
}

/* The line is no JSON. */
static bool fail_reading(struct encoder *e)
{
    char complaint[JSON_COMPLAINT];
    json_reader_complaint(&e->reader, complaint);
    e->record = e->index = SIZE_MAX;
    e->key.n = 0;
    return encode_fail(e, "%s", complaint);
}

bool encode_unexpected(struct encoder *e, enum json_kind kind, const char *expected)
{
    static const char *const kinds[] = {
        [JSON_NULL] = "null",      [JSON_FALSE] = "false",     [JSON_TRUE] = "true",        [JSON_NUMBER] = "a number",
        [JSON_ARRAY] = "an array", [JSON_STRING] = "a string", [JSON_OBJECT] = "an object",
    };
    if (kind == JSON_WRONG)
        return fail_reading(e);
    const char *found = (size_t)kind < sizeof kinds / sizeof *kinds ? kinds[kind] : NULL;
    return encode_fail(e, "%s is expected, and %s is there", expected, found ? found : "nothing");
}

/* ---- the envelope ---- */

static bool is(struct json_slice text, const char *word)
{
    return text.n == strlen(word) && memcmp(text.p, word, text.n) == 0;
}

static struct json_slice *wanted(struct encode_envelope *v, struct json_slice key)
{
    struct {
        const char *name;
        struct json_slice *slice;
    } members[] = {{"id", &v->id},           {"digest", &v->digest},
                   {"link", &v->link},       {"peer", &v->peer},
                   {"charset", &v->charset}, {"protocol", &v->protocol},
                   {"text", &v->text},       {"field_delimiter", &v->field_delimiter}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (is(key, members[i].name))
            return members[i].slice;
    return NULL;
}

/* Whether the records were made without this being known, and needed it. */
static bool too_late(struct encoder *e, struct json_slice key)
{
    return e->records_last && (is(key, "charset") || is(key, "positional") || is(key, "field_delimiter"));
}

static bool read_positional(struct encoder *e)
{
    enum json_kind kind = json_reader_next(&e->reader);
    e->envelope.positional = kind == JSON_TRUE;
    return kind == JSON_TRUE || kind == JSON_FALSE || kind == JSON_NULL || encode_unexpected(e, kind, "true or false");
}

/* Reads the member whose key was read; not that of the records. */
static bool read_member(struct encoder *e)
{
    struct json_slice key = e->reader.text, *slice = wanted(&e->envelope, key);
    e->key = key;
    if (too_late(e, key))
        return encode_fail(e, "it has to stand before the records");
    if (is(key, "positional"))
        return read_positional(e);
    if (!slice)
        return json_reader_skip(&e->reader, NULL) || fail_reading(e);
    enum json_kind kind = json_reader_next(&e->reader);
    if (kind == JSON_NULL)
        return true;
    if (kind != JSON_STRING && !(kind == JSON_NUMBER && slice == &e->envelope.id))
        return encode_unexpected(e, kind, "a string");
    if (slice->p)
        return encode_fail(e, "it comes twice");
    *slice = e->reader.text;
    return true;
}

/* Whether the last member of the line is an array of arrays or objects, as decoders print it: then nothing has to be
 * looked for behind the records. */
static bool ends_with_records(const unsigned char *line, size_t n)
{
    while (n && (line[n - 1] == ' ' || line[n - 1] == '\t' || line[n - 1] == '\r' || line[n - 1] == '\n'))
        n--;
    return n > 3 && line[n - 1] == '}' && line[n - 2] == ']' && (line[n - 3] == ']' || line[n - 3] == '}');
}

static bool read_begin(struct encoder *e)
{
    enum json_kind kind = json_reader_next(&e->reader);
    return kind == JSON_OBJECT || encode_unexpected(e, kind, "an object");
}

static bool read_end(struct encoder *e)
{
    return e->reader.kind == JSON_OBJECT_END && json_reader_next(&e->reader) == JSON_END ? true : fail_reading(e);
}

static bool enter_records(struct encoder *e)
{
    e->key = encode_word("records");
    enum json_kind kind = json_reader_next(&e->reader);
    return kind == JSON_ARRAY || encode_unexpected(e, kind, "an array");
}

/* Reads members up to the end, and the records only where they come last; else e->reader goes back to them. */
static bool read_line(struct encoder *e, bool last, bool *found)
{
    struct json_reader records;
    while (json_reader_next(&e->reader) == JSON_KEY) {
        if (!is(e->reader.text, "records")) {
            if (!read_member(e))
                return false;
            continue;
        }
        e->key = e->reader.text;
        if (*found)
            return encode_fail(e, "it comes twice");
        *found = true;
        records = e->reader;
        e->records_last = last;
        if (last)
            return enter_records(e);
        if (!json_reader_skip(&e->reader, NULL))
            return fail_reading(e);
    }
    e->key.n = 0;
    if (!read_end(e))
        return false;
    if (!*found)
        return true;
    e->reader = records;
    return enter_records(e);
}

/* ---- the character set ---- */

static bool open_charset(struct encoder *e)
{
    struct json_slice name = e->envelope.charset;
    char wanted_name[ENCODE_CHARSET] = "", word[WORD + 4];
    if (name.n < sizeof wanted_name && name.n)
        memcpy(wanted_name, name.p, name.n);
    if (strcmp(wanted_name, e->charset_name) == 0 && name.n < sizeof wanted_name)
        return true;
    charset_close(&e->charset);
    e->charset_name[0] = '\0';
    if (!name.n)
        return true;
    if (name.n >= sizeof wanted_name || strlen(wanted_name) != name.n || !charset_open(&e->charset, wanted_name)) {
        copy_word(word, name);
        e->key = encode_word("charset");
        return encode_fail(e, "%s is not known here", word);
    }
    memcpy(e->charset_name, wanted_name, sizeof wanted_name);
    return true;
}

/* ---- the line ---- */

static void forget(struct encoder *e)
{
    e->envelope = (struct encode_envelope){0};
    e->result = ENCODE_DONE;
    e->why[0] = '\0';
    e->record = e->index = SIZE_MAX;
    e->key = (struct json_slice){0};
    e->records_last = false;
    e->own = NULL;
    e->utf8.len = 0;
}

/* Whether the records are what is to be encoded, and can be. */
static bool accept_envelope(struct encoder *e, const char *protocol, bool found)
{
    const struct encode_envelope *v = &e->envelope;
    e->key.n = 0;
    if (found && v->text.p)
        return encode_fail(e, "there are records and a text: which is meant?");
    if (!found && !v->text.p)
        return encode_fail(e, "it has no records");
    e->key = encode_word("protocol");
    if (v->protocol.p && !is(v->protocol, protocol))
        return encode_fail(e, "it is not %s", protocol);
    if (found)
        return open_charset(e);
    e->result = ENCODE_TEXT;
    return false;
}

bool encode_begin(struct encoder *e, const char *protocol, unsigned char *line, size_t n, size_t max,
                  struct bytes *text)
{
    bool found = false;
    forget(e);
    e->text = text;
    e->begin = text->len;
    e->max = max;
    json_reader_init(&e->reader, line, n);
    if (!read_begin(e) || !read_line(e, ends_with_records(line, n), &found) || !accept_envelope(e, protocol, found))
        return false;
    e->key.n = 0;
    e->out = e->charset.kind == CHARSET_UTF8 ? text : &e->utf8;
    e->base = e->out->len;
    return true;
}

/* The number of the record that holds the byte at `at` of what was made. */
static size_t record_at(const struct encoder *e, size_t at)
{
    size_t record = 0;
    for (size_t i = e->base; i < at; i++)
        record += e->out->data[i] == '\r';
    return record;
}

/* Finds the first character that the set does not have. */
static bool fail_converting(struct encoder *e)
{
    struct bytes none = {0};
    uint32_t point = 0;
    size_t at = 0, len = 1;
    const unsigned char *p = e->utf8.data;
    while (at < e->utf8.len) {
        len = utf8_decode(p + at, e->utf8.len - at, &point);
        none.len = 0;
        if (point >= 0x80 && !charset_from_utf8(&e->charset, p + at, len, &none))
            break;
        at += len;
    }
    bytes_free(&none);
    if (at == e->utf8.len)
        return encode_no_memory(e);
    e->record = record_at(e, at);
    return encode_fail(e, "U+%04lX is not in %s", (unsigned long)point, charset_name(&e->charset));
}

static bool convert(struct encoder *e)
{
    struct bytes *text = e->text;
    if (e->out == text)
        return true;
    if (!charset_from_utf8(&e->charset, e->utf8.data, e->utf8.len, text))
        return fail_converting(e);
    if (text->len - e->begin > e->max)
        return encode_fail(e, "the message is longer than %zu bytes", e->max);
    size_t n = text->len - e->begin;
    size_t at = charset_below_80(&e->charset) ? restricted_find(text->data + e->begin, n) : n;
    return at == n || encode_fail(e, "in %s %s, which cannot be sent", charset_name(&e->charset),
                                  restricted_says(text->data[e->begin + at]));
}

static bool read_rest(struct encoder *e)
{
    if (!e->records_last)
        return true;
    while (json_reader_next(&e->reader) == JSON_KEY) {
        e->key = e->reader.text;
        if (is(e->reader.text, "records") || is(e->reader.text, "text"))
            return encode_fail(e, "there are records already");
        if (!read_member(e))
            return false;
    }
    e->key.n = 0;
    return read_end(e);
}

enum encode_result encode_end(struct encoder *e)
{
    e->record = e->index = SIZE_MAX;
    e->key.n = 0;
    if (e->result == ENCODE_DONE && read_rest(e))
        convert(e);
    if (e->result != ENCODE_DONE)
        e->text->len = e->begin;
    if (e->utf8.cap > KEPT_MAX)
        bytes_free(&e->utf8);
    return e->result;
}

void encode_free(struct encoder *e)
{
    charset_close(&e->charset);
    bytes_free(&e->utf8);
    bytes_free(&e->members);
    *e = (struct encoder){0};
}

/* ---- values ---- */

void encode_set_marks(struct encoder *e, const char *separators, const char *letters, size_t count,
                      unsigned char escape)
{
    struct encode_marks *m = &e->marks;
    unsigned char special[SPECIAL_DELIMITERS] = {escape};
    for (size_t i = 0; i < ENCODE_SEPARATORS; i++) {
        m->separator[i] = i < count ? (unsigned char)separators[i] : 0;
        m->letter[i] = i < count ? (unsigned char)letters[i] : 0;
        special[i + 1] = m->separator[i];
    }
    m->escape = escape;
    special_init(&m->special, special, sizeof special);
}

/* The letter of the sequence that stands for c; 0: it separates nothing. */
static unsigned char letter_of(const struct encode_marks *m, unsigned char c)
{
    for (size_t i = 0; c && i < ENCODE_SEPARATORS; i++)
        if (m->separator[i] == c)
            return m->letter[i];
    return 0;
}

static bool has_room(struct encoder *e, size_t n)
{
    size_t used = e->out->len - e->base;
    return (used <= e->max && n <= e->max - used) || encode_fail(e, "the message is longer than %zu bytes", e->max);
}

static bool put(struct encoder *e, const void *p, size_t n)
{
    return bytes_append(e->out, p, n) || encode_no_memory(e);
}

/* Appends the sequence with that body. */
static bool put_sequence(struct encoder *e, const char *body)
{
    unsigned char text[8] = {e->marks.escape};
    size_t n = strlen(body);
    memcpy(text + 1, body, n);
    text[n + 1] = e->marks.escape;
    return put(e, text, n + 2);
}

static bool put_separator(struct encoder *e, unsigned char c, unsigned char letter)
{
    if (!e->marks.escape)
        return encode_fail(e, "it holds %c, which separates, and the message has no escape character", c);
    return put_sequence(e, (char[]){(char)letter, '\0'});
}

static bool put_control(struct encoder *e, unsigned char c)
{
    const struct encode_marks *m = &e->marks;
    bool ends = c == '\r' || (c == '\n' && m->line_ends);
    char body[4];
    if (!ends && (m->verbatim || !m->escape)) {
        const char *why = restricted_says(c);
        return why ? encode_fail(e, "%s, which cannot be sent", why) : put(e, &c, 1);
    }
    if (!m->escape)
        return encode_fail(e, "it holds %s, and the message has no escape character", c == '\r' ? "CR" : "LF");
    if (c == '\n' && !letter_of(m, '.') && m->escape != '.')
        return put_sequence(e, ".br");
    snprintf(body, sizeof body, "X%02X", c);
    return put_sequence(e, body);
}

/* How many bytes of text, which begins with the escape character, are a sequence that is to stand as it is. */
static size_t kept_sequence(struct encoder *e, const unsigned char *p, size_t n)
{
    size_t len = e->kept(e, p, n);
    for (size_t i = 0; i < len; i++)
        if (letter_of(&e->marks, p[i]) || p[i] < ' ')
            return 0;
    return len;
}

/* Appends the special byte at p, or the sequence that it begins. Returns how many bytes that are; 0: it cannot be. */
static size_t put_special(struct encoder *e, const unsigned char *p, size_t n)
{
    const struct encode_marks *m = &e->marks;
    unsigned char c = *p, letter = letter_of(m, c);
    if (c && c == m->escape && !m->verbatim) {
        size_t kept = kept_sequence(e, p, n);
        if (kept)
            return put(e, p, kept) ? kept : 0;
        return put_sequence(e, "E");
    }
    if (letter)
        return put_separator(e, c, letter);
    if (c < ' ')
        return put_control(e, c);
    return put(e, &c, 1);
}

bool encode_value(struct encoder *e, struct json_slice text)
{
    struct bytes *out = e->out;
    const unsigned char *p = text.p;
    size_t left = text.n;
    while (left) {
        if (!has_room(e, left))
            return false;
        if (out->cap - out->len < left && !bytes_reserve(out, left))
            return encode_no_memory(e);
        size_t run = special_copy(&e->marks.special, out->data + out->len, p, left);
        out->len += run;
        p += run;
        left -= run;
        size_t taken = left ? put_special(e, p, left) : 0;
        if (left && !taken)
            return false;
        p += taken;
        left -= taken;
    }
    return true;
}

bool encode_separators(struct encoder *e, unsigned char separator, size_t count, const char *name)
{
    struct bytes *out = e->out;
    if (!separator)
        return encode_fail(e, "the message has no %s", name);
    if (!has_room(e, count))
        return false;
    if (!bytes_reserve(out, count))
        return encode_no_memory(e);
    memset(out->data + out->len, separator, count);
    out->len += count;
    return true;
}

bool encode_record_end(struct encoder *e, bool blank, unsigned char field)
{
    return (!blank || encode_separator(e, field, "field separator")) && encode_separator(e, '\r', "");
}

bool encode_verbatim(struct encoder *e, struct json_slice text, unsigned char field)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = text.p[i];
        if (c == '\r' || (c == '\n' && e->marks.line_ends) || (field && c == field))
            return encode_fail(e, "it holds %s, which ends it", c == '\r' ? "CR" : c == '\n' ? "LF" : "a separator");
        if (restricted_says(c))
            return encode_fail(e, "%s, which cannot be sent", restricted_says(c));
    }
    return has_room(e, text.n) && put(e, text.p, text.n);
}
