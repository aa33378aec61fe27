#include "base/json_reader.h"

#include "base/scan.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* What may come next: `due`. */
enum { VALUE, FIRST_VALUE, FIRST_KEY, MORE, NOTHING };

/* Returns JSON_WRONG, which is false. */
static enum json_kind fail(struct json_reader *r, enum json_error error, size_t at)
{
    r->error = error;
    r->wrong = at;
    r->text = (struct json_slice){NULL, 0};
    return r->kind = JSON_WRONG;
}

void json_reader_init(struct json_reader *r, unsigned char *text, size_t n)
{
    bool mark = n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0;
    *r = (struct json_reader){.kind = JSON_END, .line = text, .len = n, .at = mark ? 3 : 0, .due = VALUE};
}

/* ---- where we are ---- */

/* What follows a value that is over. */
static unsigned char after_value(const struct json_reader *r)
{
    return r->depth ? MORE : NOTHING;
}

static enum json_kind enter(struct json_reader *r, bool object)
{
    if (r->depth == JSON_DEPTH)
        return fail(r, JSON_TOO_DEEP, r->at);
    r->objects = r->objects << 1 | object;
    r->depth++;
    r->at++;
    r->due = object ? FIRST_KEY : FIRST_VALUE;
    return object ? JSON_OBJECT : JSON_ARRAY;
}

static enum json_kind leave(struct json_reader *r)
{
    bool object = r->objects & 1;
    r->objects >>= 1;
    r->depth--;
    r->at++;
    r->due = after_value(r);
    return object ? JSON_OBJECT_END : JSON_ARRAY_END;
}

/* Whether the array or object that we are in ends here. */
static bool at_end(const struct json_reader *r)
{
    return r->line[r->at] == (r->objects & 1 ? '}' : ']');
}

/* Passes what may stand between tokens. False: the text is over. */
static bool pass_blanks(struct json_reader *r)
{
    const unsigned char *p = r->line;
    while (r->at < r->len && (p[r->at] == ' ' || p[r->at] == '\t' || p[r->at] == '\r' || p[r->at] == '\n'))
        r->at++;
    return r->at < r->len;
}

/* ---- strings ---- */

/* How many bytes at p can be taken as they are. */
static size_t plain_run(const unsigned char *p, size_t n)
{
    size_t i = scan_json_special(p, n);
    while (i < n && p[i] >= 0x80) {
        uint32_t point;
        size_t len = utf8_decode(p + i, n - i, &point);
        if (!len)
            break;
        i += len;
        if (i < n && p[i] < 0x80)
            i += scan_json_special(p + i, n - i);
    }
    return i;
}

/* The value of the four hexadecimal digits at p; above FFFF where they are not there. */
static uint32_t four_digits(const unsigned char *p, size_t n)
{
    uint32_t value = 0;
    if (n < 4)
        return UINT32_MAX;
    for (size_t i = 0; i < 4; i++) {
        unsigned char lower = p[i] | 0x20;
        bool digit = p[i] >= '0' && p[i] <= '9';
        if (!digit && !(lower >= 'a' && lower <= 'f'))
            return UINT32_MAX;
        value = value << 4 | (uint32_t)(digit ? p[i] - '0' : lower - 'a' + 10);
    }
    return value;
}

/* Reads `\u` at p, and the pair that it begins. Returns its length; 0 and *error where it is wrong. */
static size_t read_point(const unsigned char *p, size_t n, uint32_t *point, enum json_error *error)
{
    uint32_t low;
    *point = four_digits(p + 2, n - 2);
    *error = *point > 0xFFFF ? JSON_BAD_ESCAPE : JSON_BAD_PAIR;
    if (*point > 0xFFFF || (*point >= 0xDC00 && *point <= 0xDFFF))
        return 0;
    if (*point < 0xD800 || *point > 0xDFFF)
        return 6;
    low = n >= 12 && p[6] == '\\' && p[7] == 'u' ? four_digits(p + 8, n - 8) : 0;
    if (low < 0xDC00 || low > 0xDFFF)
        return 0;
    *point = 0x10000 + ((*point - 0xD800) << 10) + (low - 0xDC00);
    return 12;
}

/* Reads the escape at p. Returns its length; 0 and *error where it is wrong. What it stands for is shorter than it. */
static size_t read_escape(const unsigned char *p, size_t n, uint32_t *point, enum json_error *error)
{
    static const unsigned char letters[256] = {
        ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'};
    *error = n < 2 ? JSON_OPEN_STRING : JSON_BAD_ESCAPE;
    if (n < 2)
        return 0;
    *point = letters[p[1]];
    if (p[1] == 'u')
        return read_point(p, n, point, error);
    return *point ? 2 : 0;
}

static enum json_error why_not_plain(unsigned char c)
{
    return c < 0x20 ? JSON_BAD_CONTROL : JSON_BAD_UTF8;
}

/* Reads the string that begins here into r->text, moving what stands behind an escape down. */
static bool read_string(struct json_reader *r)
{
    const size_t begin = r->at + 1;
    size_t at = begin, to = begin;
    for (;;) {
        size_t run = plain_run(r->line + at, r->len - at);
        if (to != at && !r->skipping)
            memmove(r->line + to, r->line + at, run);
        at += run;
        to += run;
        if (at == r->len)
            return fail(r, JSON_OPEN_STRING, begin - 1);
        if (r->line[at] == '"')
            break;
        if (r->line[at] != '\\')
            return fail(r, why_not_plain(r->line[at]), at);
        uint32_t point;
        enum json_error error;
        unsigned char text[4];
        size_t taken = read_escape(r->line + at, r->len - at, &point, &error);
        if (!taken)
            return fail(r, error, error == JSON_OPEN_STRING ? begin - 1 : at);
        size_t n = utf8_encode(point, text);
        if (!r->skipping)
            memcpy(r->line + to, text, n);
        at += taken;
        to += n;
    }
    r->text = (struct json_slice){r->line + begin, to - begin};
    r->at = at + 1;
    return true;
}

/* ---- numbers and words ---- */

static size_t digits(const unsigned char *p, size_t n)
{
    size_t i = 0;
    while (i < n && p[i] >= '0' && p[i] <= '9')
        i++;
    return i;
}

/* The length of the number at p; 0: there is none. */
static size_t number_length(const unsigned char *p, size_t n)
{
    size_t i = n && p[0] == '-', some = i < n && p[i] == '0' ? 1 : digits(p + i, n - i);
    if (!some)
        return 0;
    i += some;
    if (i < n && p[i] == '.') {
        some = digits(p + i + 1, n - i - 1);
        if (!some)
            return 0;
        i += 1 + some;
    }
    if (i < n && (p[i] | 0x20) == 'e') {
        i++;
        i += i < n && (p[i] == '+' || p[i] == '-');
        some = digits(p + i, n - i);
        if (!some)
            return 0;
        i += some;
    }
    return i;
}

static bool of_number(unsigned char c)
{
    return (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

static bool of_word(unsigned char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* Whether something stands at `at` that cannot follow a number or word directly. */
static bool goes_on(const struct json_reader *r, size_t at)
{
    return at < r->len && (of_number(r->line[at]) || of_word(r->line[at]));
}

static enum json_kind read_number(struct json_reader *r)
{
    size_t n = number_length(r->line + r->at, r->len - r->at);
    if (!n || goes_on(r, r->at + n))
        return fail(r, JSON_BAD_NUMBER, r->at);
    r->text = (struct json_slice){r->line + r->at, n};
    r->at += n;
    return JSON_NUMBER;
}

static enum json_kind read_word(struct json_reader *r)
{
    static const struct {
        const char *text;
        size_t n;
        enum json_kind kind;
    } words[] = {{"null", 4, JSON_NULL}, {"true", 4, JSON_TRUE}, {"false", 5, JSON_FALSE}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = words[i].n;
        if (r->len - r->at >= n && memcmp(r->line + r->at, words[i].text, n) == 0 && !goes_on(r, r->at + n)) {
            r->at += n;
            return words[i].kind;
        }
    }
    return fail(r, JSON_BAD_WORD, r->at);
}

/* ---- tokens ---- */

static enum json_kind read_value(struct json_reader *r)
{
    unsigned char c = r->line[r->at];
    if (c == '{' || c == '[')
        return enter(r, c == '{');
    r->due = after_value(r);
    if (c == '"')
        return read_string(r) ? JSON_STRING : JSON_WRONG;
    if (of_number(c))
        return read_number(r);
    return of_word(c) ? read_word(r) : fail(r, JSON_NO_VALUE, r->at);
}

/* Reads a key and its colon. */
static enum json_kind read_key(struct json_reader *r)
{
    if (r->line[r->at] != '"')
        return fail(r, JSON_NO_KEY, r->at);
    if (!read_string(r))
        return JSON_WRONG;
    if (!pass_blanks(r))
        return fail(r, JSON_CUT, r->at);
    if (r->line[r->at] != ':')
        return fail(r, JSON_NO_COLON, r->at);
    r->at++;
    r->due = VALUE;
    return JSON_KEY;
}

/* Reads what follows a comma. */
static enum json_kind read_more(struct json_reader *r)
{
    if (r->line[r->at] != ',')
        return fail(r, JSON_NO_COMMA, r->at);
    r->at++;
    if (!pass_blanks(r))
        return fail(r, JSON_CUT, r->at);
    r->from = r->at;
    return r->objects & 1 ? read_key(r) : read_value(r);
}

static enum json_kind read_token(struct json_reader *r)
{
    bool more = pass_blanks(r);
    r->from = r->at;
    r->text = (struct json_slice){NULL, 0};
    if (r->due == NOTHING)
        return more ? fail(r, JSON_BEHIND, r->at) : JSON_END;
    if (!more)
        return fail(r, r->depth ? JSON_CUT : JSON_EMPTY, r->at);
    if (r->due == VALUE)
        return read_value(r);
    if (at_end(r))
        return leave(r);
    return r->due == MORE ? read_more(r) : r->due == FIRST_KEY ? read_key(r) : read_value(r);
}

enum json_kind json_reader_next(struct json_reader *r)
{
    if (r->kind != JSON_WRONG)
        r->kind = read_token(r);
    return r->kind;
}

bool json_reader_skip(struct json_reader *r, struct json_slice *value)
{
    bool begun = r->due == FIRST_VALUE || r->due == FIRST_KEY, due = r->due == VALUE;
    unsigned depth = r->depth - begun;
    r->skipping = true;
    if (due)
        json_reader_next(r);
    size_t from = r->from;
    while (r->depth > depth && r->kind != JSON_WRONG)
        json_reader_next(r);
    r->skipping = false;
    if (value)
        *value = (struct json_slice){NULL, 0};
    if (value && (begun || due) && r->kind != JSON_WRONG)
        *value = (struct json_slice){r->line + from, r->at - from};
    return r->kind != JSON_WRONG;
}

/* ---- objects with few members, and single strings ---- */

/* Whether what was read is right; at the top level the text has to end with it. */
static bool is_right(struct json_reader *r)
{
    return r->kind != JSON_WRONG && (r->depth || json_reader_next(r) == JSON_END);
}

/* Fails, unless something was wrong before. key may be NULL. */
static enum json_kind fail_at_key(struct json_reader *r, enum json_error error, size_t at, const char *key)
{
    if (r->kind == JSON_WRONG)
        return JSON_WRONG;
    r->key = key;
    return fail(r, error, at);
}

static struct json_wanted *find(struct json_wanted *wanted, size_t count, struct json_slice key)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(wanted[i].key) == key.n && memcmp(wanted[i].key, key.p, key.n) == 0)
            return &wanted[i];
    return NULL;
}

/* Reads the member whose key was read. */
static bool read_member(struct json_reader *r, struct json_wanted *wanted, size_t count)
{
    struct json_wanted *member = find(wanted, count, r->text);
    if (!member)
        return json_reader_skip(r, NULL);
    if (member->text.p)
        return fail_at_key(r, JSON_TWICE, r->from, member->key);
    enum json_kind kind = json_reader_next(r);
    if (kind == JSON_STRING || (kind == JSON_NUMBER && member->number))
        member->text = r->text;
    else if (kind != JSON_NULL)
        return fail_at_key(r, JSON_NOT_STRING, r->from, member->key);
    return true;
}

bool json_reader_members(struct json_reader *r, struct json_wanted *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++)
        wanted[i].text = (struct json_slice){NULL, 0};
    if (r->due != FIRST_KEY)
        json_reader_next(r);
    if (r->kind != JSON_OBJECT)
        return fail_at_key(r, JSON_NOT_OBJECT, r->from, NULL);
    size_t from = r->from;
    while (json_reader_next(r) == JSON_KEY)
        if (!read_member(r, wanted, count))
            return false;
    for (size_t i = 0; i < count; i++)
        if (wanted[i].required && !wanted[i].text.p)
            return fail_at_key(r, JSON_MISSING, from, wanted[i].key);
    return is_right(r);
}

bool json_reader_string(struct json_reader *r, struct json_slice *text)
{
    *text = (struct json_slice){NULL, 0};
    if (json_reader_next(r) != JSON_STRING)
        return fail_at_key(r, JSON_NOT_STRING, r->from, NULL);
    struct json_slice read = r->text;
    if (!is_right(r))
        return false;
    *text = read;
    return true;
}

/* ---- errors ---- */

/* Where there is a key in question, it stands before the sentence. */
static const char *sentence(enum json_error error)
{
    static const char *const sentences[] = {
        [JSON_FINE] = "nothing is wrong",
        [JSON_EMPTY] = "there is nothing in it",
        [JSON_NO_VALUE] = "a value is missing",
        [JSON_NO_KEY] = "a key in quotation marks is missing",
        [JSON_NO_COLON] = "a colon is missing behind the key",
        [JSON_NO_COMMA] = "a comma or a closing bracket is missing",
        [JSON_CUT] = "the text ends within an array or object",
        [JSON_BEHIND] = "something stands behind the value",
        [JSON_BAD_WORD] = "a word that is none of true, false and null",
        [JSON_BAD_NUMBER] = "a number that JSON does not have",
        [JSON_OPEN_STRING] = "a string has no end",
        [JSON_BAD_CONTROL] = "a control character in a string, not escaped",
        [JSON_BAD_UTF8] = "a string is not UTF-8",
        [JSON_BAD_ESCAPE] = "an escape that JSON does not have",
        [JSON_BAD_PAIR] = "half a surrogate pair, which is no character",
        [JSON_TOO_DEEP] = "arrays and objects stand too deep in each other",
        [JSON_NOT_OBJECT] = "an object is expected",
        [JSON_NOT_STRING] = "a string is expected",
        [JSON_TWICE] = "it comes twice",
        [JSON_MISSING] = "it is missing",
    };
    return sentences[error];
}

void json_reader_complaint(const struct json_reader *r, char text[JSON_COMPLAINT])
{
    snprintf(text, JSON_COMPLAINT, "column %zu: %s%s%s", r->wrong + 1, r->key ? r->key : "", r->key ? ": " : "",
             sentence(r->error));
}
