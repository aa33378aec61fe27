#include "link/sent.h"

#include "base/digest.h"
#include "base/json_reader.h"
#include "base/lines.h"
#include "base/option.h"
#include "out/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CAPACITY = 256,          /* entries at first */
    LINE_MAX_LEN = 16 << 20, /* bytes; an id is not longer */
};

enum sent_kind {
    UNUSED,
    SENT, /* a message that was sent, by its text and count, and its id if it has one */
    TEXT, /* how many with that text, and that id if they have one, there were in this run */
    ID,   /* what is known of the messages with that id */
};

struct sent_entry {
    unsigned char digest[16];
    enum sent_kind kind;
    bool shared; /* an ID: several came within a run, and texts tell them apart */
    bool sent;   /* an ID that is not shared: its message was sent */
    bool came;   /* an ID: one came in this run, … */
    union {
        unsigned char first[16]; /* … the first with a text of that digest */
        uint64_t count;          /* of a TEXT */
    };
};

/* ---- the table ---- */

static struct sent_entry *find(const struct sent *s, const unsigned char digest[16], enum sent_kind kind)
{
    size_t at;
    memcpy(&at, digest, sizeof at);
    for (;; at++) {
        struct sent_entry *e = &s->entries[at & (s->capacity - 1)];
        if (e->kind == UNUSED || (e->kind == kind && memcmp(e->digest, digest, 16) == 0))
            return e;
    }
}

/* Has room for one more. */
static bool grow(struct sent *s)
{
    struct sent old = *s;
    if (s->n < s->capacity / 2)
        return true;
    s->capacity = old.capacity ? old.capacity * 2 : CAPACITY;
    s->entries = calloc(s->capacity, sizeof *s->entries);
    if (!s->entries) {
        s->entries = old.entries;
        s->capacity = old.capacity;
        return false;
    }
    for (size_t i = 0; i < old.capacity; i++)
        if (old.entries[i].kind != UNUSED)
            *find(s, old.entries[i].digest, old.entries[i].kind) = old.entries[i];
    free(old.entries);
    return true;
}

/* The entry of that digest, made where there is none; another is where it was after the next call. NULL when memory is
 * exhausted. */
static struct sent_entry *need(struct sent *s, const unsigned char digest[16], enum sent_kind kind)
{
    if (!grow(s))
        return NULL;
    struct sent_entry *e = find(s, digest, kind);
    if (e->kind == UNUSED) {
        e->kind = kind;
        memcpy(e->digest, digest, 16);
        s->n++;
    }
    return e;
}

/* Of the text and, where there is one, the id. */
static void digest_both(const struct sent_key *key, unsigned char out[16])
{
    unsigned char both[32];
    memcpy(out, key->digest, 16);
    if (!key->id)
        return;
    memcpy(both, key->digest, 16);
    digest_once(key->id, key->id_len, both + 16);
    digest_once(both, sizeof both, out);
}

/* Of the whole key. */
static void digest_of(const struct sent_key *key, unsigned char out[16])
{
    struct digest d;
    unsigned char both[16];
    digest_both(key, both);
    digest_init(&d);
    digest_add(&d, both, sizeof both);
    digest_add(&d, &key->count, sizeof key->count);
    digest_end(&d, out);
}

static struct sent_entry *need_id(struct sent *s, const struct sent_key *key)
{
    unsigned char digest[16];
    digest_once(key->id, key->id_len, digest);
    return need(s, digest, ID);
}

/* The message was sent. False when memory is exhausted. */
static bool remember(struct sent *s, const struct sent_key *key)
{
    unsigned char digest[16];
    struct sent_entry *id = key->id ? need_id(s, key) : NULL;
    if (key->id && !id)
        return false;
    if (id && !key->count) {
        id->sent = true;
        return true;
    }
    if (id)
        id->shared = true;
    digest_of(key, digest);
    return need(s, digest, SENT);
}

/* ---- the file ---- */

/* Reads a line of the file. False: it is none of ours. */
static bool read_line(struct line *line, struct sent_key *key)
{
    enum { TYPE, NAME, DIGEST, COUNT, WANTED };
    struct json_wanted wanted[WANTED] = {[TYPE] = {.key = "type", .required = true},
                                         [NAME] = {.key = "id"},
                                         [DIGEST] = {.key = "digest"},
                                         [COUNT] = {.key = "count", .number = true}};
    struct json_reader r;
    char number[24];
    json_reader_init(&r, line->text, line->n);
    if (line->state != LINE_WHOLE || !json_reader_members(&r, wanted, WANTED) || wanted[TYPE].text.n != 4 ||
        memcmp(wanted[TYPE].text.p, "sent", 4) != 0)
        return false;
    const struct json_slice *id = &wanted[NAME].text, *digest = &wanted[DIGEST].text, *count = &wanted[COUNT].text;
    *key = (struct sent_key){.id = id->p, .id_len = id->n};
    if (id->p && !digest->p)
        return true;
    if (!digest->p || !count->p || count->n >= sizeof number ||
        !journal_key_read(&(struct journal_text){digest->p, digest->p + digest->n}, key->digest))
        return false;
    memcpy(number, count->p, count->n);
    number[count->n] = '\0';
    return parse_count(number, &key->count) && key->count;
}

/* Remembers the lines in p. False when memory is exhausted. */
static bool read_lines(struct sent *s, struct lines *lines, unsigned char *p, size_t n)
{
    struct line line;
    struct sent_key key;
    for (size_t at = 0; at < n;) {
        at += lines_push(lines, p + at, n - at);
        if (lines_next(lines, &line) && read_line(&line, &key) && !remember(s, &key))
            return false;
    }
    return true;
}

static bool read_file(struct sent *s)
{
    static unsigned char buffer[64 << 10];
    struct lines lines;
    ssize_t n;
    off_t at = 0;
    bool fine = true;
    lines_init(&lines, LINE_MAX_LEN);
    while (fine && (n = pread(s->journal.fd, buffer, sizeof buffer, at)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        fine = n > 0 && read_lines(s, &lines, buffer, (size_t)n);
        at += n;
    }
    lines_free(&lines);
    return fine;
}

enum journal_result sent_open(struct sent *s, const char *path)
{
    *s = (struct sent){.capacity = 0};
    enum journal_result result = journal_open(&s->journal, path);
    if (result != JOURNAL_OK || read_file(s))
        return result;
    sent_close(s);
    strcpy(s->journal.why, "it cannot be read, or memory is exhausted");
    return JOURNAL_FAILED;
}

/* Appends the line of a message to the batch. */
static bool write_line(struct sent *s, const struct sent_key *key)
{
    struct bytes *out = &s->journal.batch;
    size_t before = out->len;
    char hex[33];
    digest_hex(key->digest, hex);
    bool fine =
        bytes_puts(out, "{\"type\":\"sent\"") &&
        (!key->id || (json_key(out, "id") && json_string(out, key->id, key->id_len))) &&
        (!key->count || (json_member(out, "digest", hex) && json_key(out, "count") && json_number(out, key->count))) &&
        bytes_puts(out, "}\n");
    if (!fine)
        out->len = before;
    return fine;
}

/* ---- from outside ---- */

/* Counts the message among those of its text and id. */
static bool count(struct sent *s, struct sent_key *key)
{
    unsigned char digest[16];
    digest_both(key, digest);
    struct sent_entry *e = need(s, digest, TEXT);
    if (e)
        key->count = ++e->count;
    return e;
}

/* A second message of that id has come: from now on texts tell them apart, and if the first was sent, that is written
 * again by its text. */
static bool share(struct sent *s, const struct sent_key *key)
{
    struct sent_entry *id = need_id(s, key);
    struct sent_key first = {.id = key->id, .id_len = key->id_len};
    if (!id)
        return false;
    bool was_sent = id->sent;
    memcpy(first.digest, id->first, 16);
    id->shared = true;
    return count(s, &first) && (!was_sent || sent_add(s, &first));
}

bool sent_look(struct sent *s, const unsigned char *id, size_t id_len, const unsigned char *text, size_t n,
               struct sent_key *key, bool *known)
{
    unsigned char digest[16];
    *key = (struct sent_key){.id = id_len ? id : NULL, .id_len = id_len};
    digest_once(text, n, key->digest);
    struct sent_entry *e = key->id ? need_id(s, key) : NULL;
    if (key->id && !e)
        return false;
    if (e && !e->shared && !e->came) {
        e->came = true;
        memcpy(e->first, key->digest, 16);
        *known = e->sent;
        return true;
    }
    if ((e && !e->shared && !share(s, key)) || !count(s, key))
        return false;
    digest_of(key, digest);
    *known = find(s, digest, SENT)->kind == SENT;
    return true;
}

bool sent_add(struct sent *s, const struct sent_key *key)
{
    struct sent_key whole = *key;
    struct sent_entry *id = key->id ? need_id(s, key) : NULL;
    if (key->id && !id)
        return false;
    if (id && id->shared && !key->count)
        whole.count = 1; /* it came first, before it was known that there are others */
    return remember(s, &whole) && write_line(s, &whole);
}

bool sent_unsaved(const struct sent *s)
{
    return s->journal.batch.len;
}

enum journal_result sent_sync(struct sent *s)
{
    enum journal_result result = journal_commit(&s->journal);
    if (result == JOURNAL_GONE && journal_reopen(&s->journal, NULL, 0) <= JOURNAL_SAME)
        result = journal_commit(&s->journal);
    return result == JOURNAL_OK ? JOURNAL_OK : JOURNAL_FAILED;
}

void sent_close(struct sent *s)
{
    journal_close(&s->journal);
    free(s->entries);
    s->entries = NULL;
    s->n = s->capacity = 0;
}
