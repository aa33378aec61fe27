#include "link/journal_line.h"

#include "base/digest.h"

#include <time.h>

enum {
    DIGITS = 2 * JOURNAL_KEY,
    DIGEST = 16,
    MINUTE = 60,   /* seconds before the last message, in which each connection counts */
    LINES = 10000, /* of ASTM messages that are looked at */
    SEEN = 4096,   /* connections and addresses that are told apart */
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
static struct journal_text *wanted(struct journal_line *l, const struct journal_text *name)
{
    return is(name, "protocol")   ? &l->protocol
           : is(name, "link")     ? &l->link
           : is(name, "peer")     ? &l->peer
           : is(name, "received") ? &l->received
                                  : NULL;
}

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
        struct journal_text *to = wanted(l, &name);
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

/* Seconds since 1970 of `2026-11-21T01:30:00…`; 0 where it is none. */
static int64_t seconds(const struct journal_text *t)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd";
    int part[6] = {0}, n = 0;
    if (t->end - t->p < (ptrdiff_t)sizeof shape - 1)
        return 0;
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        bool digit = t->p[i] >= '0' && t->p[i] <= '9';
        if (shape[i] == 'd' ? !digit : t->p[i] != shape[i])
            return 0;
        if (digit)
            part[n] = part[n] * 10 + (t->p[i] - '0');
        else
            n++;
    }
    struct tm tm = {.tm_year = part[0] - 1900,
                    .tm_mon = part[1] - 1,
                    .tm_mday = part[2],
                    .tm_hour = part[3],
                    .tm_min = part[4],
                    .tm_sec = part[5]};
    return timegm(&tm);
}

/* Whether such a peer of that link was not met before. */
static bool is_new(struct journal_past *p, const struct journal_text *link, const unsigned char *peer, size_t n)
{
    unsigned char digest[DIGEST];
    struct digest d;
    digest_init(&d);
    digest_add(&d, link->p, (size_t)(link->end - link->p));
    digest_add(&d, "", 1);
    digest_add(&d, peer, n);
    digest_end(&d, digest);
    for (size_t at = 0; at < p->seen.len; at += DIGEST)
        if (memcmp(p->seen.data + at, digest, DIGEST) == 0)
            return false;
    return p->seen.len < (size_t)SEEN * DIGEST && bytes_append(&p->seen, digest, DIGEST);
}

bool journal_past_counts(struct journal_past *p, const struct journal_line *l)
{
    int64_t at = seconds(&l->received);
    if (!p->last)
        p->last = at;
    if (!is(&l->protocol, "astm"))
        return true;
    if (p->lines++ >= LINES)
        return false;
    size_t n = (size_t)(l->peer.end - l->peer.p);
    const unsigned char *port = n ? memrchr(l->peer.p, ':', n) : NULL;
    bool connection = at >= p->last - MINUTE && is_new(p, &l->link, l->peer.p, n);
    bool address =
        port ? is_new(p, &l->link, l->peer.p, (size_t)(port - l->peer.p)) : is_new(p, &l->link, l->peer.p, n);
    return connection || address;
}

void journal_past_free(struct journal_past *p)
{
    bytes_free(&p->seen);
}
