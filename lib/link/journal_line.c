#include "link/journal_line.h"

enum {
    DIGITS = 2 * JOURNAL_KEY,
    PROVEN = 4096, /* keys that are kept of messages that are not met yet */
};

/* ---- a line ---- */

static void skip_blanks(struct journal_text *t)
{
    while (t->p < t->end && (*t->p == ' ' || *t->p == '\t' || *t->p == '\r'))
        t->p++;
}

static bool take(struct journal_text *t, unsigned char c)
{
    skip_blanks(t);
    if (t->p == t->end || *t->p != c)
        return false;
    t->p++;
    return true;
}

/* Takes a string; *content is what stands between its quotation marks, escapes as they are. */
static bool take_string(struct journal_text *t, struct journal_text *content)
{
    if (!take(t, '"'))
        return false;
    content->p = t->p;
    for (; t->p < t->end && *t->p != '"'; t->p++)
        if (*t->p == '\\' && ++t->p == t->end)
            return false;
    content->end = t->p;
    return take(t, '"');
}

/* Takes an object or an array, whatever is in it. */
static bool take_nested(struct journal_text *t)
{
    struct journal_text content;
    size_t depth = 0;
    do {
        unsigned char c = *t->p;
        if (c == '"') {
            if (!take_string(t, &content))
                return false;
            continue;
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        t->p++;
    } while (depth && t->p < t->end);
    return !depth;
}

static bool take_value(struct journal_text *t)
{
    struct journal_text content;
    skip_blanks(t);
    if (t->p == t->end)
        return false;
    if (*t->p == '"')
        return take_string(t, &content);
    if (*t->p == '{' || *t->p == '[')
        return take_nested(t);
    while (t->p < t->end && *t->p != ',' && *t->p != '}')
        t->p++;
    return t->p < t->end;
}

static bool is(const struct journal_text *t, const char *word)
{
    size_t n = strlen(word);
    return (size_t)(t->end - t->p) == n && memcmp(t->p, word, n) == 0;
}

bool journal_key_read(const struct journal_text *digits, unsigned char key[JOURNAL_KEY])
{
    static const char hex[] = "0123456789abcdef";
    if (digits->end - digits->p != DIGITS)
        return false;
    for (size_t i = 0; i < JOURNAL_KEY; i++) {
        const char *high = memchr(hex, digits->p[2 * i], 16), *low = memchr(hex, digits->p[2 * i + 1], 16);
        if (!high || !low)
            return false;
        key[i] = (unsigned char)((high - hex) << 4 | (low - hex));
    }
    return true;
}

/* Where the value of that member goes; NULL: it is not wanted. */
bool journal_line_read(const unsigned char *line, size_t n, struct journal_line *l)
{
    struct journal_text t = {line, line + n}, name, value;
    bool message = false, keyed = false;
    *l = (struct journal_line){0};
    if (!n || !take(&t, '{'))
        return false;
    do {
        if (!take_string(&t, &name) || !take(&t, ':'))
            return false;
        struct journal_text *to = is(&name, "protocol") ? &l->protocol : NULL;
        bool type = is(&name, "type");
        if (!type && !is(&name, "key")) {
            if (to ? !take_string(&t, to) : !take_value(&t))
                return false;
            continue;
        }
        if (!take_string(&t, &value) || !(type ? is(&value, "message") : journal_key_read(&value, l->key)))
            return false;
        message = message || type;
        keyed = keyed || !type;
    } while (!(message && keyed) && take(&t, ','));
    return message && keyed;
}

/* ---- which lines count ---- */

bool journal_past_prove(struct journal_past *p, const unsigned char key[JOURNAL_KEY])
{
    if (p->proven.len >= (size_t)PROVEN * JOURNAL_KEY)
        bytes_drop(&p->proven, JOURNAL_KEY);
    return bytes_append(&p->proven, key, JOURNAL_KEY);
}

/* Takes the key out, the one that was met last. */
static bool take_out(struct bytes *proven, const unsigned char key[JOURNAL_KEY])
{
    for (size_t at = proven->len; at; at -= JOURNAL_KEY) {
        unsigned char *one = proven->data + at - JOURNAL_KEY;
        if (memcmp(one, key, JOURNAL_KEY) != 0)
            continue;
        memmove(one, one + JOURNAL_KEY, proven->len - at);
        proven->len -= JOURNAL_KEY;
        return true;
    }
    return false;
}

bool journal_past_counts(struct journal_past *p, const unsigned char key[JOURNAL_KEY])
{
    return !take_out(&p->proven, key);
}

void journal_past_free(struct journal_past *p)
{
    bytes_free(&p->proven);
}
