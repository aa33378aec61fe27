#include "link/journal.h"

#include "base/digest.h"
#include "link/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BLOCK = 64 << 10,  /* bytes that are read at a time, backwards */
    AT_ONCE = 1 << 30, /* the most bytes of one write */
    TRIES = 3,         /* to open a file that others put aside meanwhile */
    HOT = 8 << 20,     /* bytes at the end of the file that stay in memory, for those who follow it */
    COOL = 1 << 20,    /* bytes that leave it at a time */
    ENTRY = 35,        /* bytes of a key in a window line, with what stands before it: ,"…" */
    DIGITS = 2 * JOURNAL_KEY,
};

#define WINDOW_BEGIN "{\"type\":\"window\",\"keys\":["
#define PROVEN_BEGIN "{\"type\":\"proven\",\"keys\":[" /* as long */
#define WINDOW_END "]}"
#define LINE_BEGIN "{\"type\":\""

/* ---- what went wrong ---- */

static enum journal_result fail(struct journal *j, enum journal_result result, int error, const char *why)
{
    enum { PATH = JOURNAL_WHY - 128 };
    j->error = error ? error : EIO;
    snprintf(j->why, sizeof j->why, "%.*s: %s", PATH, j->path, why ? why : strerror(j->error));
    return result;
}

/* errno says it. */
static enum journal_result fail_errno(struct journal *j)
{
    bool denied = errno == EACCES || errno == EPERM;
    return fail(j, denied ? JOURNAL_DENIED : JOURNAL_FAILED, errno, NULL);
}

/* ---- reading ---- */

/* Reads all n bytes at that offset. */
static bool read_at(int fd, void *data, size_t n, off_t at)
{
    for (unsigned char *to = data; n;) {
        ssize_t got = pread(fd, to, n, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = EIO; /* somebody truncated it */
        if (got <= 0)
            return false;
        to += got;
        at += got;
        n -= (size_t)got;
    }
    return true;
}

/* The file, walked through from its end to its beginning. */
struct walk {
    int fd;
    off_t begin; /* of what is in the block */
    size_t n;
    bool nul; /* a NUL was passed over; the caller's to reset */
    unsigned char block[BLOCK], head[JOURNAL_HEAD];
};

static struct walk *walk_new(int fd)
{
    struct walk *w = malloc(sizeof *w);
    if (w) {
        w->fd = fd;
        w->begin = 0;
        w->n = 0;
        w->nul = false;
    }
    return w;
}

/* Has the block hold the byte before `end`. */
static bool load(struct walk *w, off_t end)
{
    if (end > w->begin && end <= w->begin + (off_t)w->n)
        return true;
    w->begin = (end - 1) / BLOCK * BLOCK;
    w->n = (size_t)(end - w->begin);
    if (read_at(w->fd, w->block, w->n, w->begin))
        return true;
    w->n = 0;
    return false;
}

/* Sets *begin to the place behind the last LF before `end`, 0 where there is none; or to something below `least`, where
 * there is none from there on. */
static bool line_begin(struct walk *w, off_t end, off_t least, off_t *begin)
{
    *begin = 0;
    while (end > least) {
        if (!load(w, end))
            return false;
        size_t n = (size_t)(end - w->begin);
        const unsigned char *lf = memrchr(w->block, '\n', n);
        size_t from = lf ? (size_t)(lf - w->block) + 1 : 0;
        w->nul = w->nul || memchr(w->block + from, 0, n - from);
        if (lf) {
            *begin = w->begin + (off_t)from;
            return true;
        }
        end = w->begin;
    }
    return true;
}

/* ---- writing ---- */

/* Writes all n bytes; *written counts them as they go. */
static bool write_all(int fd, const unsigned char *data, size_t n, off_t *written)
{
    while (n) {
        ssize_t some = write(fd, data, n < AT_ONCE ? n : AT_ONCE);
        if (some < 0 && errno == EINTR)
            continue;
        if (some == 0)
            errno = ENOSPC;
        if (some <= 0)
            return false;
        data += some;
        n -= (size_t)some;
        *written += some;
    }
    return true;
}

static bool sync_data(int fd)
{
    int result;
    do
        result = fdatasync(fd);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

static bool cut(int fd, off_t size)
{
    int result;
    do
        result = ftruncate(fd, size);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

/* Cuts off what a failed batch left, if it is still the end of the file. */
static bool cut_back(struct journal *j)
{
    struct stat status;
    if (j->cut_from == j->cut_to)
        return true;
    if (fstat(j->fd, &status) != 0 || (status.st_size == j->cut_to && !cut(j->fd, j->cut_from)))
        return false;
    j->cut_from = j->cut_to = 0;
    return true;
}

/* Whether what is written next begins a line. False: it cannot be known. */
static bool line_ended(const struct journal *j, off_t size, bool *ended)
{
    unsigned char last = '\n';
    if (size != j->size && size > 0 && !read_at(j->fd, &last, 1, size - 1))
        return false;
    *ended = last == '\n';
    return true;
}

/* What has left the file's end is written once and hardly ever read: without it in memory the system has warm pages
 * for what comes next, and keeps those of others. */
static void cool(struct journal *j)
{
    if (j->size < j->cool)
        j->cool = j->size / COOL * COOL; /* somebody truncated it */
    if (j->size - j->cool < HOT + COOL)
        return;
    off_t to = (j->size - HOT) / COOL * COOL;
    posix_fadvise(j->fd, j->cool, to - j->cool, POSIX_FADV_DONTNEED);
    j->cool = to;
}

/* Appends the batch at `at`, where the file ends, and syncs it. */
static bool put(struct journal *j, off_t at)
{
    off_t written = 0;
    bool ended;
    if (!line_ended(j, at, &ended))
        return false;
    if ((ended || write_all(j->fd, (const unsigned char *)"\n", 1, &written)) &&
        write_all(j->fd, j->batch.data, j->batch.len, &written) && sync_data(j->fd)) {
        j->size = at + written;
        cool(j);
        return true;
    }
    int error = errno;
    j->cut_from = at;
    j->cut_to = at + written;
    cut_back(j);
    errno = error;
    return false;
}

static enum journal_result gone(struct journal *j)
{
    return fail(j, JOURNAL_GONE, ENOENT, "it was deleted");
}

enum journal_result journal_commit(struct journal *j)
{
    struct stat file;
    if (!j->batch.len)
        return JOURNAL_OK;
    if (j->fd < 0)
        return gone(j);
    bool known = fstat(j->fd, &file) == 0;
    if (known && !file.st_nlink)
        return gone(j);
    if (known && file.st_size < j->size) {
        j->missing += (uint64_t)(j->size - file.st_size);
        j->size = -1;
    }
    if (!cut_back(j) || fstat(j->fd, &file) != 0 || !put(j, file.st_size) || fstat(j->fd, &file) != 0)
        return fail(j, JOURNAL_FAILED, errno, NULL);
    if (!file.st_nlink)
        return gone(j);
    journal_drop(j);
    return JOURNAL_OK;
}

void journal_drop(struct journal *j)
{
    j->batch.len = 0;
    if (j->batch.cap > JOURNAL_KEPT)
        bytes_free(&j->batch);
}

/* Puts a line of keys: `begin`, the keys, and their end. */
static bool put_keys(struct bytes *out, const char *begin, const unsigned char *keys, size_t n)
{
    char digits[DIGITS + 1];
    if (n > SIZE_MAX / ENTRY / 2 || !bytes_reserve(out, n * ENTRY + sizeof WINDOW_BEGIN + sizeof WINDOW_END))
        return false;
    bytes_puts(out, begin);
    for (size_t i = 0; i < n; i++) {
        digest_hex(keys + i * JOURNAL_KEY, digits);
        bytes_puts(out, i ? ",\"" : "\"");
        bytes_append(out, digits, DIGITS);
        bytes_puts(out, "\"");
    }
    return bytes_puts(out, WINDOW_END "\n");
}

bool journal_begins_keys(const unsigned char *line, size_t n)
{
    enum { BEGIN = sizeof WINDOW_BEGIN - 1 };
    return n >= BEGIN && (memcmp(line, WINDOW_BEGIN, BEGIN) == 0 || memcmp(line, PROVEN_BEGIN, BEGIN) == 0);
}

bool journal_append_window(struct journal *j, const unsigned char *keys, size_t n)
{
    return put_keys(&j->batch, WINDOW_BEGIN, keys, n);
}

bool journal_append_proven(struct journal *j, const unsigned char *keys, size_t n)
{
    return put_keys(&j->batch, PROVEN_BEGIN, keys, n);
}

/* ---- opening ---- */

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Opens what is at the path, or creates it, and nothing but a regular file. */
static enum journal_result open_file(struct journal *j, bool *created)
{
    enum { FLAGS = O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK };
    struct stat status;
    if (stat(j->path, &status) == 0 && !S_ISREG(status.st_mode)) /* opening may wait, or do something */
        return fail(j, JOURNAL_NOT_FILE, EINVAL, "it is not a regular file");
    j->fd = open(j->path, FLAGS);
    if (j->fd < 0 && errno == ENOENT) {
        j->fd = open(j->path, FLAGS | O_CREAT, 0600);
        *created = j->fd >= 0;
    }
    if (j->fd < 0 || fstat(j->fd, &status) != 0)
        return fail_errno(j);
    return S_ISREG(status.st_mode) ? JOURNAL_OK : fail(j, JOURNAL_NOT_FILE, EINVAL, "it is not a regular file");
}

static enum journal_result lock(struct journal *j)
{
    int result;
    do
        result = flock(j->fd, LOCK_EX | LOCK_NB);
    while (result != 0 && errno == EINTR);
    if (result == 0)
        return JOURNAL_OK;
    if (errno == EWOULDBLOCK)
        return fail(j, JOURNAL_LOCKED, errno, "it is the journal of another process");
    return fail_errno(j);
}

/* Whether the path leads to the open file. */
static bool is_current(const struct journal *j)
{
    struct stat named, held;
    return stat(j->path, &named) == 0 && fstat(j->fd, &held) == 0 && same_file(&named, &held);
}

static void let_go(struct journal *j)
{
    int error = errno;
    if (j->fd >= 0)
        close(j->fd);
    j->fd = -1;
    errno = error;
}

/* What is opened, may have been put aside before it was locked. */
static enum journal_result open_locked(struct journal *j)
{
    for (int i = 0; i < TRIES; i++) {
        bool created = false;
        enum journal_result result = open_file(j, &created);
        if (result == JOURNAL_OK)
            result = lock(j);
        if (result == JOURNAL_OK && is_current(j)) {
            /* the folder of an old one may be closed to us */
            if (!folder_sync(j->path) && (created || errno != EACCES))
                return fail_errno(j);
            return JOURNAL_OK;
        }
        let_go(j);
        if (result != JOURNAL_OK)
            return result;
    }
    return fail(j, JOURNAL_FAILED, EAGAIN, "others keep replacing it");
}

/* Whether a torn line that begins at `begin` is one of ours, or nothing but what a power cut leaves. */
static bool is_ours(int fd, off_t begin, off_t end, bool *ours)
{
    char head[sizeof LINE_BEGIN - 1] = {0};
    size_t n = end - begin < (off_t)sizeof head ? (size_t)(end - begin) : sizeof head;
    if (!read_at(fd, head, n, begin))
        return false;
    size_t text = strnlen(head, n);
    *ours = memcmp(head, LINE_BEGIN, text) == 0;
    return true;
}

/* Whether the file is nothing but NULs. */
static bool is_blank(struct walk *w, off_t size, bool *blank)
{
    *blank = true;
    for (off_t at = 0; *blank && at < size; at += (off_t)w->n) {
        if (!load(w, size - at < BLOCK ? size : at + BLOCK))
            return false;
        *blank = w->block[0] == 0 && memcmp(w->block, w->block + 1, w->n - 1) == 0;
    }
    return true;
}

/* Whether the file begins as one of ours, or as a power cut leaves the first line of one; whatever stands behind that.
 */
static bool is_journal(struct journal *j, struct walk *w, off_t size, bool *ours)
{
    unsigned char first;
    *ours = true;
    if (size == 0)
        return true;
    if (!read_at(j->fd, &first, 1, 0))
        return false;
    return first ? is_ours(j->fd, 0, size, ours) : is_blank(w, size, ours);
}

/* Has the file end with LF, or be empty. */
static bool mend(struct journal *j, struct walk *w, off_t size)
{
    off_t begin, written = 0;
    bool ours;
    j->size = size;
    j->cool = size / COOL * COOL;
    if (!line_begin(w, size, 0, &begin))
        return false;
    if (begin == size)
        return true;
    if (!is_ours(j->fd, begin, size, &ours))
        return false;
    if (ours ? !cut(j->fd, begin) : !write_all(j->fd, (const unsigned char *)"\n", 1, &written))
        return false;
    j->cut = ours ? (uint64_t)(size - begin) : 0;
    j->ended = !ours;
    j->size = ours ? begin : size + written;
    return true;
}

/* What is in a journal counts as handed over, so it has to be on stable storage, whoever wrote it and was killed then.
 * What is none is left as it is. */
static enum journal_result check(struct journal *j)
{
    struct stat status;
    bool ours = true;
    if (fstat(j->fd, &status) != 0)
        return fail_errno(j);
    struct walk *w = walk_new(j->fd);
    bool fine = w && is_journal(j, w, status.st_size, &ours);
    fine = fine && (!ours || (mend(j, w, status.st_size) && sync_data(j->fd)));
    free(w);
    if (!fine)
        return fail_errno(j);
    return ours ? JOURNAL_OK : fail(j, JOURNAL_NOT_FILE, EINVAL, "it is no journal: it begins with something else");
}

enum journal_result journal_open(struct journal *j, const char *path)
{
    *j = (struct journal){.path = path, .fd = -1};
    enum journal_result result = open_locked(j);
    if (result == JOURNAL_OK)
        result = check(j);
    if (result != JOURNAL_OK)
        let_go(j);
    return result;
}

/* Opens the file at the path beside the old one, its first line written. */
static enum journal_result open_next(struct journal *next, const char *path, const unsigned char *keys, size_t n)
{
    enum journal_result result = journal_open(next, path);
    if (result != JOURNAL_OK)
        return result;
    result = journal_append_window(next, keys, n) ? journal_commit(next) : fail(next, JOURNAL_FAILED, ENOMEM, NULL);
    if (result != JOURNAL_OK)
        journal_close(next);
    return result;
}

enum journal_result journal_reopen(struct journal *j, const unsigned char *keys, size_t n)
{
    struct journal next;
    struct stat held;
    if (is_current(j))
        return JOURNAL_SAME;
    if (j->fd >= 0 && fstat(j->fd, &held) == 0 && !held.st_nlink) {
        let_go(j);
        j->cut_from = j->cut_to = 0;
    }
    enum journal_result result = open_next(&next, j->path, keys, n);
    if (result != JOURNAL_OK) {
        j->error = next.error;
        memcpy(j->why, next.why, sizeof j->why);
        return result;
    }
    struct bytes spare = next.batch;
    next.batch = j->batch;
    j->batch = spare;
    journal_close(j);
    *j = next;
    return JOURNAL_OK;
}

void journal_close(struct journal *j)
{
    if (j->fd >= 0)
        cut_back(j);
    let_go(j);
    bytes_free(&j->batch);
}

/* ---- the tail ---- */

struct tail {
    struct walk *walk;
    struct bytes *keys; /* the newest first, until the search has ended */
    size_t more;        /* how many messages are looked at still */
    struct journal_past past;
};

/* The first bytes of the line from begin to end; NULL where they cannot be read. */
static const unsigned char *head_of(struct walk *w, off_t begin, off_t end, size_t *n)
{
    *n = end - begin < JOURNAL_HEAD ? (size_t)(end - begin) : JOURNAL_HEAD;
    if (begin >= w->begin && end <= w->begin + (off_t)w->n)
        return w->block + (begin - w->begin);
    return read_at(w->fd, w->head, *n, begin) ? w->head : NULL;
}

static bool take_key(struct tail *t, const unsigned char key[JOURNAL_KEY])
{
    t->more--;
    return bytes_append(t->keys, key, JOURNAL_KEY);
}

static bool take_message(struct tail *t, const struct journal_line *l)
{
    if (journal_past_counts(&t->past, l->key))
        return take_key(t, l->key);
    t->more--;
    return true;
}

/* Whether a line that begins so, and ends at `end`, is one of keys, and what it begins with; *list is where its entries
 * begin, the first of which has [ before it where the others have a comma. */
static bool is_keys(struct walk *w, const char *what, const unsigned char *head, size_t n, off_t begin, off_t end,
                    off_t *list)
{
    enum { BEGIN = sizeof WINDOW_BEGIN - 1, END = sizeof WINDOW_END - 1 };
    unsigned char last[END];
    *list = begin + BEGIN - 1;
    off_t entries = end - END - *list;
    return n >= BEGIN + END && memcmp(head, what, BEGIN) == 0 && (entries == 1 || entries % ENTRY == 0) &&
           read_at(w->fd, last, END, end - END) && memcmp(last, WINDOW_END, END) == 0;
}

static bool take_window_key(struct tail *t, const unsigned char key[JOURNAL_KEY])
{
    return !journal_past_counts(&t->past, key) || take_key(t, key);
}

static bool take_proven_key(struct tail *t, const unsigned char key[JOURNAL_KEY])
{
    return journal_past_prove(&t->past, key);
}

/* Gives on the keys of a line whose list is there, from the last on. */
static bool take_keys(struct tail *t, off_t list, off_t end,
                      bool (*take)(struct tail *t, const unsigned char key[JOURNAL_KEY]))
{
    enum { SOME = JOURNAL_HEAD / ENTRY };
    unsigned char key[JOURNAL_KEY], *entries = t->walk->head;
    for (off_t at = end - (off_t)(sizeof WINDOW_END - 1); at - list >= ENTRY && t->more;) {
        size_t n = (at - list) / ENTRY < SOME ? (size_t)((at - list) / ENTRY) : SOME;
        at -= (off_t)(n * ENTRY);
        if (!read_at(t->walk->fd, entries, n * ENTRY, at))
            return false;
        while (n-- && t->more) {
            const unsigned char *digits = entries + n * ENTRY + 2;
            if (journal_key_read(&(struct journal_text){digits, digits + DIGITS}, key) && !take(t, key))
                return false;
        }
    }
    return true;
}

static bool take_line(struct tail *t, off_t begin, off_t end)
{
    size_t n;
    off_t list;
    struct journal_line line;
    const unsigned char *head = head_of(t->walk, begin, end, &n);
    if (!head)
        return false;
    if (is_keys(t->walk, WINDOW_BEGIN, head, n, begin, end, &list)) {
        bool fine = take_keys(t, list, end, take_window_key);
        t->more = 0;
        return fine;
    }
    if (is_keys(t->walk, PROVEN_BEGIN, head, n, begin, end, &list))
        return take_keys(t, list, end, take_proven_key);
    return !journal_line_read(head, n, &line) || take_message(t, &line);
}

/* Goes through the lines before `end`, which is the end of one. */
static bool collect(struct journal *j, struct tail *t, off_t end)
{
    off_t begin, least = end > JOURNAL_TAIL ? end - JOURNAL_TAIL : 0;
    for (; end > least && t->more; end = begin) {
        t->walk->nul = false;
        if (!line_begin(t->walk, end - 1, least, &begin))
            return false;
        j->unread = begin < least;
        if (j->unread)
            return true;
        j->damaged += t->walk->nul;
        if (!t->walk->nul && !take_line(t, begin, end - 1))
            return false;
    }
    j->unread = end && t->more;
    return true;
}

static void reverse(unsigned char *keys, size_t n)
{
    unsigned char key[JOURNAL_KEY];
    for (size_t i = 0; i < n / 2; i++) {
        unsigned char *a = keys + i * JOURNAL_KEY, *b = keys + (n - 1 - i) * JOURNAL_KEY;
        memcpy(key, a, JOURNAL_KEY);
        memcpy(a, b, JOURNAL_KEY);
        memcpy(b, key, JOURNAL_KEY);
    }
}

bool journal_tail(struct journal *j, size_t most, struct bytes *keys)
{
    size_t before = keys->len;
    struct tail t = {.walk = walk_new(j->fd), .keys = keys, .more = most};
    bool fine = t.walk && collect(j, &t, j->size);
    free(t.walk);
    journal_past_free(&t.past);
    if (!fine)
        keys->len = before;
    else if (keys->len > before)
        reverse(keys->data + before, (keys->len - before) / JOURNAL_KEY);
    return fine;
}
