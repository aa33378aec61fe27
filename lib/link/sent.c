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

/* A message that was sent, by the digest of its key; or how many with the text of that digest there were. */
struct sent_entry {
    unsigned char digest[16];
    uint64_t count; /* 0: it was sent; else of a text. Of an unused entry, digest and count are 0. */
    bool used;
};

/* ---- the table ---- */

static struct sent_entry *find(const struct sent *s, const unsigned char digest[16], bool text)
{
    size_t at;
    memcpy(&at, digest, sizeof at);
    for (;; at++) {
        struct sent_entry *e = &s->entries[at & (s->capacity - 1)];
        if (!e->used || (memcmp(e->digest, digest, 16) == 0 && (e->count != 0) == text))
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
        if (old.entries[i].used)
            *find(s, old.entries[i].digest, old.entries[i].count) = old.entries[i];
    free(old.entries);
    return true;
}

/* The entry of that digest, made where there is none. NULL when memory is exhausted. */
static struct sent_entry *need(struct sent *s, const unsigned char digest[16], bool text)
{
    if (!grow(s))
        return NULL;
    struct sent_entry *e = find(s, digest, text);
    if (!e->used) {
        e->used = true;
        memcpy(e->digest, digest, 16);
        s->n++;
    }
    return e;
}

/* By what the message stands in the table. */
static void digest_of(const struct sent_key *key, unsigned char out[16])
{
    struct digest d;
    digest_init(&d);
    digest_add(&d, key->digest, sizeof key->digest);
    digest_add(&d, &key->count, sizeof key->count);
    digest_end(&d, out);
}

static void digest_text(const unsigned char *p, size_t n, unsigned char out[16])
{
    struct digest d;
    digest_init(&d);
    digest_add(&d, p, n);
    digest_end(&d, out);
}

static bool remember(struct sent *s, const struct sent_key *key)
{
    unsigned char digest[16];
    digest_of(key, digest);
    return need(s, digest, false);
}

/* ---- the file ---- */

/* Reads a line of the file. False: it is none of ours. */
static bool read_line(struct line *line, struct sent_key *key)
{
    enum { TYPE, ID, DIGEST, COUNT, WANTED };
    struct json_wanted wanted[WANTED] = {[TYPE] = {.key = "type", .required = true},
                                         [ID] = {.key = "id"},
                                         [DIGEST] = {.key = "digest"},
                                         [COUNT] = {.key = "count", .number = true}};
    struct json_reader r;
    char number[24];
    json_reader_init(&r, line->text, line->n);
    if (line->state != LINE_WHOLE || !json_reader_members(&r, wanted, WANTED) || wanted[TYPE].text.n != 4 ||
        memcmp(wanted[TYPE].text.p, "sent", 4) != 0)
        return false;
    *key = (struct sent_key){0};
    if (wanted[ID].text.p) {
        digest_text(wanted[ID].text.p, wanted[ID].text.n, key->digest);
        return true;
    }
    const struct json_slice *digest = &wanted[DIGEST].text, *count = &wanted[COUNT].text;
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

/* ---- from outside ---- */

bool sent_look(struct sent *s, const unsigned char *id, size_t id_len, const unsigned char *text, size_t n,
               struct sent_key *key, bool *known)
{
    unsigned char digest[16];
    *key = (struct sent_key){.id = id, .id_len = id_len};
    digest_text(id ? id : text, id ? id_len : n, key->digest);
    if (!id) {
        struct sent_entry *e = need(s, key->digest, true);
        if (!e)
            return false;
        key->count = ++e->count;
    }
    digest_of(key, digest);
    *known = s->capacity && find(s, digest, false)->used;
    return true;
}

bool sent_add(struct sent *s, const struct sent_key *key)
{
    struct bytes *out = &s->journal.batch;
    size_t before = out->len;
    char hex[33];
    digest_hex(key->digest, hex);
    bool fine = remember(s, key) && bytes_puts(out, "{\"type\":\"sent\"") &&
                (key->id ? json_key(out, "id") && json_string(out, key->id, key->id_len)
                         : json_member(out, "digest", hex) && json_key(out, "count") && json_number(out, key->count)) &&
                bytes_puts(out, "}\n");
    if (!fine)
        out->len = before;
    return fine;
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
