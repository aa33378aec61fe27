/* The journal with real files in a folder of its own. What the disk can hardly be made to do (to fail when it syncs, or
 * cuts; to be interrupted) is played by functions that stand in the place of the system's. */
#include "base/digest.h"
#include "link/protocol.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/mount.h>
#endif

#define N(a) (sizeof(a) / sizeof *(a))

/* What was called, a letter each, and what is to go wrong. */
static struct {
    char calls[64];
    size_t n;
    int interruptions;           /* so many calls are interrupted */
    int write_error, sync_error; /* errno; 0: none */
    int cut_error, folder_error;
    int errors;  /* so many times; then it goes well again */
    size_t most; /* bytes that a write takes; 0: all */
    off_t room;  /* bytes that are written before write_error */
    void (*before_lock)(void);
    void (*meanwhile)(void); /* somebody else does something before a sync */
} fake;

static void called(char c)
{
    if (fake.n + 1 < sizeof fake.calls)
        fake.calls[fake.n++] = c;
}

static bool goes_wrong(int error)
{
    if (fake.interruptions) {
        fake.interruptions--;
        errno = EINTR;
        return true;
    }
    if (!error || !fake.errors)
        return false;
    fake.errors--;
    errno = error;
    return true;
}

static ssize_t fake_write(int fd, const void *data, size_t n)
{
    called('w');
    if (fake.room && (off_t)n > fake.room) {
        n = (size_t)fake.room;
    } else if (!fake.room && goes_wrong(fake.write_error)) {
        return -1;
    }
    if (fake.most && n > fake.most)
        n = fake.most;
    ssize_t written = write(fd, data, n);
    if (fake.room && written > 0)
        fake.room -= written;
    return written;
}

static int fake_fdatasync(int fd)
{
    called('s');
    if (fake.meanwhile)
        fake.meanwhile();
    return goes_wrong(fake.sync_error) ? -1 : fdatasync(fd);
}

static int fake_fsync(int fd)
{
    called('f');
    return goes_wrong(fake.folder_error) ? -1 : fsync(fd);
}

static int fake_ftruncate(int fd, off_t size)
{
    called('t');
    return goes_wrong(fake.cut_error) ? -1 : ftruncate(fd, size);
}

/* Up to where it was said that the file need not stay in memory. */
static off_t cool_to;

static int fake_fadvise(int fd, off_t at, off_t n, int advice)
{
    (void)fd;
    ok(advice == POSIX_FADV_DONTNEED && at == cool_to, "what leaves the memory is what comes next");
    cool_to = at + n;
    return 0;
}

static int fake_flock(int fd, int how)
{
    called('l');
    if (fake.before_lock)
        fake.before_lock();
    return flock(fd, how);
}

static int fake_close(int fd)
{
    called('c');
    return close(fd);
}

#define write fake_write
#define fdatasync fake_fdatasync
#define fsync fake_fsync
#define ftruncate fake_ftruncate
#define flock fake_flock
#define posix_fadvise fake_fadvise
#define close fake_close
#include "link/folder.c"
#include "link/journal.c"

/* The key of a line, as far as it is read. */
static bool line_key(const unsigned char *line, size_t n, unsigned char key[JOURNAL_KEY])
{
    struct journal_line l;
    if (!journal_line_read(line, n, &l))
        return false;
    memcpy(key, l.key, JOURNAL_KEY);
    return true;
}

#undef write
#undef fdatasync
#undef fsync
#undef ftruncate
#undef flock
#undef posix_fadvise
#undef close

static void well(void)
{
    memset(&fake, 0, sizeof fake);
}

/* ---- files ---- */

static char folder[] = "/tmp/journal-test-XXXXXX";
static char file[64], other[64];

static void put_file(const char *path, const void *data, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, data, n) != (ssize_t)n || close(fd) != 0)
        abort();
}

static void put_text(const char *path, const char *text)
{
    put_file(path, text, strlen(text));
}

static void add_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_APPEND);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) != 0)
        abort();
}

static struct bytes get_file(const char *path)
{
    struct bytes all = {0};
    struct stat status;
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return all;
    if (fstat(fd, &status) != 0 || !bytes_reserve(&all, (size_t)status.st_size + 1))
        abort();
    ssize_t n = read(fd, all.data, (size_t)status.st_size);
    if (n < 0)
        abort();
    all.len = (size_t)n;
    close(fd);
    return all;
}

static off_t size_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? status.st_size : -1;
}

__attribute__((format(printf, 3, 4))) static void holds(const char *path, const char *want, const char *format, ...)
{
    struct bytes all = get_file(path);
    va_list args;
    char name[200];
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    is_bytes(all.data ? (const char *)all.data : "", all.len, want, strlen(want), "%s", name);
    bytes_free(&all);
}

static const char whole[] = "{\"type\":\"message\",\"id\":\"1\"}\n";

static void no_file(void)
{
    unlink(file);
    unlink(other);
    well();
}

static void open_well(struct journal *j)
{
    if (journal_open(j, file) != JOURNAL_OK) {
        printf("Bail out! %s\n", j->why);
        exit(1);
    }
}

static void append(struct journal *j, const char *text)
{
    if (!bytes_puts(&j->batch, text))
        abort();
}

static enum journal_result commit(struct journal *j, const char *text)
{
    append(j, text);
    return journal_commit(j);
}

/* ---- opening ---- */

static void test_create(void)
{
    struct journal j;
    struct stat status;
    no_file();
    mode_t mask = umask(0);
    is_int(journal_open(&j, file), JOURNAL_OK, "a file that is not there is created");
    umask(mask);
    ok(stat(file, &status) == 0 && (status.st_mode & 07777) == 0600, "for its owner alone");
    ok(strchr(fake.calls, 'f'), "and its folder is synced (%s)", fake.calls);
    ok(fcntl(j.fd, F_GETFD) & FD_CLOEXEC && fcntl(j.fd, F_GETFL) & O_APPEND, "close-on-exec, appending");
    is_int(journal_commit(&j), JOURNAL_OK, "to commit nothing is fine");
    is_int(commit(&j, whole), JOURNAL_OK, "a line");
    journal_close(&j);
    ok(j.fd == -1 && !j.batch.data, "closed");
    chmod(file, 0640);
    open_well(&j);
    ok(stat(file, &status) == 0 && (status.st_mode & 07777) == 0640, "a file that is there keeps its mode");
    commit(&j, "two\n");
    holds(file, "{\"type\":\"message\",\"id\":\"1\"}\ntwo\n", "and its lines");
    journal_close(&j);
    no_file();
    fake.folder_error = EIO;
    fake.errors = 1;
    is_int(journal_open(&j, file), JOURNAL_FAILED, "a new file whose folder cannot be synced is none");
    ok(j.fd == -1 && strstr(j.why, file) && strstr(j.why, strerror(EIO)) && j.error == EIO, "... %s", j.why);
    no_file();
    fake.folder_error = EINVAL;
    fake.errors = 1;
    is_int(journal_open(&j, file), JOURNAL_OK, "where folders cannot be synced at all, it is one");
    journal_close(&j);
    put_text(file, "");
    fake.folder_error = EACCES;
    fake.errors = 1;
    is_int(journal_open(&j, file), JOURNAL_OK, "of an old file the folder may be closed to us");
    journal_close(&j);
    fake.folder_error = EIO;
    fake.errors = 1;
    is_int(journal_open(&j, file), JOURNAL_FAILED, "but not broken");
    fake.interruptions = 2;
    is_int(journal_open(&j, file), JOURNAL_OK, "interruptions do not matter");
    journal_close(&j);
}

static void refused(const char *path, enum journal_result want, const char *name)
{
    struct journal j;
    well();
    is_int(journal_open(&j, path), want, "%s", name);
    ok(j.fd == -1 && strstr(j.why, path) == j.why && strchr(j.why + strlen(path), ':'), "... %s", j.why);
}

static void test_refusals(void)
{
    char deep[100];
    no_file();
    refused(folder, JOURNAL_NOT_FILE, "a folder is no journal");
    refused("/dev/null", JOURNAL_NOT_FILE, "nor is a device");
    if (access("/dev/full", W_OK) == 0)
        refused("/dev/full", JOURNAL_NOT_FILE, "nor one that is full");
    if (mkfifo(file, 0600) != 0)
        abort();
    refused(file, JOURNAL_NOT_FILE, "nor a pipe, and nobody waits for its reader");
    unlink(file);
    snprintf(deep, sizeof deep, "%s/there/is/none", folder);
    refused(deep, JOURNAL_FAILED, "a folder that is not there is not created");
    if (symlink(other, file) != 0)
        abort();
    struct journal j;
    is_int(journal_open(&j, file), JOURNAL_OK, "a link to a file that is not there yet leads to it");
    commit(&j, "line\n");
    holds(other, "line\n", "... where the lines are then");
    journal_close(&j);
}

static void test_long_path(void)
{
    char path[2000];
    struct journal j;
    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    is_int(journal_open(&j, path), JOURNAL_FAILED, "a name that is too long is no file");
    ok(strlen(j.why) < sizeof j.why && strstr(j.why, strerror(ENAMETOOLONG)),
       "... and the reason is told all the same");
}

/* As somebody who is not root: runs in a child. */
static int open_denied(void)
{
    struct journal j;
    if (geteuid() == 0 && setuid(65534) != 0)
        return 100;
    int result = journal_open(&j, file);
    return result == JOURNAL_DENIED && strstr(j.why, strerror(EACCES)) ? 1 : 50 + result;
}

static int in_child(int (*run)(void))
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(run());
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

static void test_denied(void)
{
    no_file();
    chmod(folder, 0755);
    is_int(geteuid() == 0 ? in_child(open_denied) : 1, 1, "no permission for a folder is told");
    put_text(file, "line\n");
    chmod(file, 0400);
    is_int(in_child(open_denied), 1, "nor for a file");
    chmod(folder, 0700);
}

static int open_locked_by_parent(void)
{
    struct journal j;
    return journal_open(&j, file) == JOURNAL_LOCKED ? 1 : 2;
}

static void test_lock(void)
{
    struct journal j, second;
    no_file();
    open_well(&j);
    commit(&j, "{\"type\":\"message\"}\n{\"type");
    is_int(journal_open(&second, file), JOURNAL_LOCKED, "two journals in one file are one too many");
    ok(second.fd == -1 && strstr(second.why, "another process"), "... %s", second.why);
    is_int(in_child(open_locked_by_parent), 1, "also those of two processes");
    holds(file, "{\"type\":\"message\"}\n{\"type", "nothing is cut off from what is somebody's");
    journal_close(&j);
    is_int(journal_open(&second, file), JOURNAL_OK, "after the first, the second");
    journal_close(&second);
}

static void somebody_renames_once(void)
{
    fake.before_lock = NULL;
    if (rename(file, other) != 0)
        abort();
}

static void somebody_renames(void)
{
    if (rename(file, other) != 0)
        abort();
}

static void test_lock_late(void)
{
    struct journal j;
    no_file();
    put_text(file, "old\n");
    fake.before_lock = somebody_renames_once;
    is_int(journal_open(&j, file), JOURNAL_OK, "a file that is put aside before it is locked");
    commit(&j, "new\n");
    holds(file, "new\n", "is not the journal");
    holds(other, "old\n", "and is left alone");
    journal_close(&j);
    fake.before_lock = somebody_renames;
    is_int(journal_open(&j, file), JOURNAL_FAILED, "but not for ever");
    ok(j.fd == -1 && strstr(j.why, "replacing"), "... %s", j.why);
}

/* ---- torn lines ---- */

static void mended(const void *data, size_t n, size_t keep, bool ended, const char *name)
{
    struct journal j;
    well();
    put_file(file, data, n);
    enum journal_result result = journal_open(&j, file);
    off_t size = size_of(file);
    bool counted = j.cut == (ended ? 0 : n - keep) && j.ended == ended;
    bool synced = strchr(fake.calls, 's');
    commit(&j, "next\n");
    struct bytes all = get_file(file);
    ok(result == JOURNAL_OK && size == (off_t)(keep + ended) && counted && synced && all.len == keep + ended + 5 &&
           memcmp(all.data, data, keep) == 0 && memcmp(all.data + keep, ended ? "\nnext\n" : "next\n", 5 + ended) == 0,
       "%s: %zu bytes stay of %zu%s", name, keep, n, ended ? ", and are ended" : "");
    bytes_free(&all);
    journal_close(&j);
}

static void test_torn(void)
{
    static const char torn[] = "{\"type\":\"message\",\"protocol\":\"hl7\",\"id\":\"2\",\"records\":[]}\n";
    char data[300];
    size_t before = sizeof whole - 1;
    no_file();
    memcpy(data, whole, before);
    for (size_t n = 1; n < sizeof torn - 1; n++) {
        memcpy(data + before, torn, n);
        mended(data, before + n, before, false, "a torn line");
        mended(data + before, n, 0, false, "a torn line alone");
        memset(data + before + n, 0, 100);
        mended(data, before + n + 100, before, false, "with NULs behind it");
    }
    mended(data, before, before, false, "no torn line");
    mended("", 0, 0, false, "nothing");
    memset(data, 0, sizeof data);
    mended(data, 200, 0, false, "NULs alone");
    memcpy(data, whole, before);
    mended(data, 200, before, false, "NULs behind a whole line");
    memcpy(data + 150, "\"}", 2);
    mended(data, 152, before, false, "the end of a line behind NULs");
    mended("{\"type\":\"window\",\"ke", 20, 0, false, "a torn window line");
}

/* A last line of somebody else's, behind one of ours. */
static void foreign(const char *line, const char *name)
{
    char data[100];
    int n = snprintf(data, sizeof data, "%s%s", whole, line);
    mended(data, (size_t)n, (size_t)n, true, name);
}

static void test_foreign(void)
{
    no_file();
    foreign("a comment", "somebody's last line without an end");
    foreign("one\ntwo", "behind others");
    foreign("{\"type\": 1", "one that looks a little like ours");
    foreign("x", "a byte");
}

/* A file with that in it is none of ours, and stays as it is. */
static void none_of_ours(const void *data, size_t n, const char *name)
{
    struct journal j;
    well();
    put_file(file, data, n);
    enum journal_result result = journal_open(&j, file);
    struct bytes all = get_file(file);
    ok(result == JOURNAL_NOT_FILE && j.fd < 0 && strstr(j.why, "it begins with something else") && all.len == n &&
           memcmp(all.data, data, n) == 0,
       "no journal: %s", name);
    bytes_free(&all);
}

static void test_no_journal(void)
{
    static char nuls[2 * BLOCK + 7];
    no_file();
    none_of_ours("a comment", 9, "a text");
    none_of_ours("x", 1, "a byte");
    none_of_ours("\n", 1, "an empty line");
    none_of_ours("{\"type\": 1}\n", 12, "an object like ours");
    none_of_ours("H|\\^&\n{\"type\":\"message\"}\n", 26, "lines of ours behind others");
    none_of_ours("# HELP instlink_connections Connections that are open.\n", 55, "metrics");
    mended(nuls, sizeof nuls, 0, false, "NULs alone, many of them");
    for (size_t at = 1; at < sizeof nuls; at += at < 20 ? 1 : BLOCK - 10) {
        nuls[at] = 'x';
        none_of_ours(nuls, sizeof nuls, "NULs with something among them");
        nuls[at] = '\0';
    }
}

/* A torn line of many blocks, which begins and ends at all places in them. */
static void test_torn_long(void)
{
    static const size_t sizes[] = {BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK, 2 * BLOCK + 1, 10 << 20};
    size_t before = sizeof whole - 1;
    no_file();
    for (size_t i = 0; i < N(sizes); i++)
        for (size_t shift = 0; shift < 2; shift++) {
            size_t n = sizes[i] + shift * before;
            char *data = malloc(n);
            if (!data)
                abort();
            memset(data, 'x', n);
            memcpy(data, whole, before);
            memcpy(data + before, LINE_BEGIN, sizeof LINE_BEGIN - 1);
            mended(data, n, before, false, "a torn line, long");
            free(data);
        }
}

static void test_mend_fails(void)
{
    struct journal j;
    no_file();
    put_text(file, "{\"type\":\"sent\"}\n{\"type\":\"mess");
    fake.cut_error = EIO;
    fake.errors = 1;
    is_int(journal_open(&j, file), JOURNAL_FAILED, "a torn line that cannot be cut off is an error");
    well();
    fake.sync_error = EIO;
    fake.errors = 1;
    is_int(journal_open(&j, file), JOURNAL_FAILED, "and so is a cut that is not on stable storage");
    well();
    put_text(file, "{\"type\":\"sent\"}\n{\"type\":\"mess");
    open_well(&j);
    holds(file, "{\"type\":\"sent\"}\n", "another time it goes well");
    fake.interruptions = 1;
    is_int(cut(j.fd, 0), true, "interruptions do not matter");
    journal_close(&j);
}

/* ---- appending ---- */

static void test_commit(void)
{
    struct journal j;
    no_file();
    open_well(&j);
    well();
    append(&j, "one\n");
    append(&j, "tw");
    append(&j, "o\n");
    is_int(size_of(file), 0, "nothing is written before the commit");
    is_int(journal_commit(&j), JOURNAL_OK, "a batch");
    is_str(fake.calls, "ws", "is one write and one sync");
    holds(file, "one\ntwo\n", "in its order");
    is_int(j.batch.len, 0, "the batch is empty then");
    append(&j, "three\n");
    journal_drop(&j);
    is_int(commit(&j, "four\n"), JOURNAL_OK, "what is dropped");
    holds(file, "one\ntwo\nfour\n", "is not written");
    well();
    fake.most = 3;
    is_int(commit(&j, "a longer line\n"), JOURNAL_OK, "short writes are gone on with");
    is_str(fake.calls, "wwwwws", "until all is written");
    well();
    fake.interruptions = 3;
    is_int(commit(&j, "five\n"), JOURNAL_OK, "interruptions do not matter");
    holds(file, "one\ntwo\nfour\na longer line\nfive\n", "nothing is missing, nothing twice");
    journal_close(&j);
}

static void test_big_batch(void)
{
    struct journal j;
    size_t n = 10 << 20;
    no_file();
    open_well(&j);
    well();
    if (!bytes_reserve(&j.batch, n))
        abort();
    memset(j.batch.data, 'x', n);
    j.batch.data[n - 1] = '\n';
    j.batch.len = n;
    is_int(journal_commit(&j), JOURNAL_OK, "a line of 10 MB");
    is_str(fake.calls, "ws", "is one write");
    is_int(size_of(file), n, "whole");
    ok(!j.batch.cap, "its storage is given back");
    commit(&j, "short\n");
    ok(j.batch.cap, "that of a short one is kept");
    journal_close(&j);
}

/* A write fails after `room` bytes, or the sync does: nothing stays, and the next commit writes all of it. */
static void add_megabytes(struct journal *j, int n)
{
    static const char line[] = "{\"type\":\"x\"}\n";
    enum { LINE = sizeof line - 1 };
    for (int i = 0; i < n; i++) {
        while (j->batch.len < 1 << 20)
            if (!bytes_append(&j->batch, line, LINE))
                abort();
        if (journal_commit(j) != JOURNAL_OK)
            abort();
    }
}

static void test_memory(void)
{
    enum { MB = 1 << 20 };
    struct journal j;
    no_file();
    open_well(&j);
    well();
    cool_to = 0;
    add_megabytes(&j, 8);
    is_int(cool_to, 0, "8 MB stay in memory");
    add_megabytes(&j, 12);
    is_int(cool_to, 12 * MB, "... and no more");
    if (truncate(file, 0) != 0)
        abort();
    cool_to = MB; /* behind the first batch after that */
    add_megabytes(&j, 10);
    is_int(cool_to, 2 * MB, "a file that was truncated begins anew");
    journal_close(&j);
    open_well(&j);
    cool_to = 10 * MB;
    add_megabytes(&j, 8);
    is_int(cool_to, 10 * MB, "what was there before is nothing to us");
    add_megabytes(&j, 4);
    is_int(cool_to, 14 * MB, "what came since is");
    journal_close(&j);
}

static void fails(const char *name, int write_error, off_t room, int sync_error)
{
    struct journal j;
    no_file();
    open_well(&j);
    commit(&j, "one\n");
    well();
    fake.write_error = write_error;
    fake.sync_error = sync_error;
    fake.room = room;
    fake.errors = 1;
    is_int(commit(&j, "two\nthree\n"), JOURNAL_FAILED, "%s", name);
    int error = write_error ? write_error : sync_error;
    ok(j.error == error && strstr(j.why, file) == j.why && strstr(j.why, strerror(error)), "... %s", j.why);
    holds(file, "one\n", "... what was written of it is cut off again");
    is_int(j.batch.len, 10, "... the batch stays");
    well();
    append(&j, "four\n");
    is_int(journal_commit(&j), JOURNAL_OK, "... another time it goes well");
    is_str(fake.calls, "ws", "... and is written again, not synced alone");
    holds(file, "one\ntwo\nthree\nfour\n", "... whole, and once");
    journal_close(&j);
}

static void test_failures(void)
{
    fails("a full disk", ENOSPC, 0, 0);
    fails("a disk that fills within a line", ENOSPC, 2, 0);
    fails("a disk that fills between lines", ENOSPC, 4, 0);
    fails("a quota", EDQUOT, 3, 0);
    fails("a disk that breaks", EIO, 7, 0);
    fails("a failed sync", 0, 0, EIO);
    fails("a sync that finds the disk full", 0, 0, ENOSPC);
}

/* The cut fails too: nothing is written before it has been made up for. */
static void test_cut_fails(void)
{
    struct journal j;
    no_file();
    open_well(&j);
    commit(&j, "one\n");
    well();
    fake.sync_error = fake.cut_error = EIO;
    fake.errors = 3;
    is_int(commit(&j, "two\n"), JOURNAL_FAILED, "a sync fails, and so does the cut");
    holds(file, "one\ntwo\n", "what was written is there still");
    is_int(journal_commit(&j), JOURNAL_FAILED, "as long as it cannot be cut off");
    holds(file, "one\ntwo\n", "nothing is written");
    well();
    is_int(journal_commit(&j), JOURNAL_OK, "then it is cut off");
    is_str(fake.calls, "tws", "first");
    holds(file, "one\ntwo\n", "and what stands there is acknowledged");
    fake.sync_error = fake.cut_error = EIO;
    fake.errors = 2;
    commit(&j, "three\n");
    well();
    journal_close(&j);
    holds(file, "one\ntwo\n", "closing makes up for it too");
}

/* Under a limit on the size of files, which is gone again when this returns: it would hold for our own output too. */
static enum journal_result commit_limited(struct journal *j, const char *text, rlim_t most)
{
    struct rlimit before, limit;
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = most;
    setrlimit(RLIMIT_FSIZE, &limit);
    enum journal_result result = commit(j, text);
    setrlimit(RLIMIT_FSIZE, &before);
    return result;
}

static void test_limit(void)
{
    struct journal j;
    no_file();
    signal(SIGXFSZ, SIG_IGN);
    open_well(&j);
    commit(&j, "one\n");
    is_int(commit_limited(&j, "two\nthree\nfour\n", 10), JOURNAL_FAILED, "a file that may not grow: the batch fails");
    is_int(j.error, EFBIG, "... for that reason");
    holds(file, "one\n", "... and is cut off");
    journal_drop(&j);
    is_int(commit_limited(&j, "two\n", 10), JOURNAL_OK, "a smaller one fits");
    is_int(commit_limited(&j, "three\n", 8), JOURNAL_FAILED, "until there is no room at all");
    is_int(journal_commit(&j), JOURNAL_OK, "with room it goes on by itself");
    holds(file, "one\ntwo\nthree\n", "nothing is missing, nothing twice");
    journal_close(&j);
}

#ifdef __linux__
/* A disk of 64 KB: 1 when all is as it should be, 2 when there is none to be had. */
static int fill_disk(void)
{
    struct journal j;
    char path[100];
    static char line[30000];
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "", MS_REC | MS_PRIVATE, "") != 0 ||
        mount("none", folder, "tmpfs", 0, "size=64k") != 0)
        return 2;
    snprintf(path, sizeof path, "%s/ballast", folder);
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 2] = '\n';
    put_text(path, line);
    open_well(&j);
    bool fine = commit(&j, line) == JOURNAL_OK && commit(&j, line) == JOURNAL_FAILED && j.error == ENOSPC;
    fine = fine && size_of(file) == (off_t)strlen(line) && j.batch.len == strlen(line);
    fine = fine && journal_commit(&j) == JOURNAL_FAILED && unlink(path) == 0 && journal_commit(&j) == JOURNAL_OK;
    return fine && size_of(file) == 2 * (off_t)strlen(line) ? 1 : 3;
}

static void test_full_disk(void)
{
    no_file();
    int result = in_child(fill_disk);
    if (result == 2)
        printf("# no disk of our own may be mounted here: a full one is played alone\n");
    else
        is_int(result, 1, "a full disk: the batch is cut off, and written when there is room");
}
#endif

/* ---- others ---- */

static void somebody_adds(void)
{
    add_text(file, "somebody's\n");
}

static void somebody_truncates(void)
{
    if (truncate(file, 0) != 0)
        abort();
}

static void somebody_deletes(void)
{
    unlink(file);
}

static void test_others_add(void)
{
    struct journal j;
    no_file();
    open_well(&j);
    commit(&j, "one\n");
    somebody_adds();
    is_int(commit(&j, "two\n"), JOURNAL_OK, "somebody's line");
    holds(file, "one\nsomebody's\ntwo\n", "stays where it is");
    add_text(file, "no end");
    is_int(commit(&j, "three\n"), JOURNAL_OK, "a line without an end");
    holds(file, "one\nsomebody's\ntwo\nno end\nthree\n", "is ended");
    well();
    fake.sync_error = EIO;
    fake.errors = 1;
    fake.meanwhile = somebody_adds;
    is_int(commit(&j, "four\n"), JOURNAL_FAILED, "a batch fails behind which somebody has written");
    holds(file, "one\nsomebody's\ntwo\nno end\nthree\nfour\nsomebody's\n", "nothing is cut off");
    well();
    is_int(journal_commit(&j), JOURNAL_OK, "the batch is written again");
    holds(file, "one\nsomebody's\ntwo\nno end\nthree\nfour\nsomebody's\nfour\n", "behind that");
    add_text(file, "no end");
    fake.sync_error = EIO;
    fake.errors = 1;
    is_int(commit(&j, "five\n"), JOURNAL_FAILED, "a batch fails that had to end a line first");
    holds(file, "one\nsomebody's\ntwo\nno end\nthree\nfour\nsomebody's\nfour\nno end", "that end is cut off with it");
    journal_close(&j);
}

/* The cut fails, and then it is too late for it. */
static void test_others_add_later(void)
{
    struct journal j;
    no_file();
    open_well(&j);
    fake.write_error = fake.cut_error = EIO;
    fake.room = 2;
    fake.errors = 2;
    is_int(commit(&j, "one\n"), JOURNAL_FAILED, "a line is torn, and cannot be cut off");
    well();
    add_text(file, "somebody's");
    is_int(journal_commit(&j), JOURNAL_OK, "somebody has written behind it when it could be");
    holds(file, "onsomebody's\none\n", "nothing is cut off, and what follows is a line of its own");
    journal_close(&j);
}

static void test_others_truncate(void)
{
    struct journal j;
    no_file();
    open_well(&j);
    commit(&j, "one\ntwo\n");
    if (truncate(file, 0) != 0)
        abort();
    is_int(commit(&j, "three\n"), JOURNAL_OK, "somebody has truncated the file");
    is_int(j.missing, 8, "... which is known");
    holds(file, "three\n", "the lines go on where it ends now");
    if (truncate(file, 3) != 0)
        abort();
    commit(&j, "four\n");
    holds(file, "thr\nfour\n", "also where that is within a line");
    well();
    fake.sync_error = EIO;
    fake.errors = 1;
    fake.meanwhile = somebody_truncates;
    is_int(commit(&j, "five\n"), JOURNAL_FAILED, "a batch fails while somebody truncates the file");
    holds(file, "", "which is not made longer by cutting");
    well();
    is_int(journal_commit(&j), JOURNAL_OK, "it goes on");
    holds(file, "five\n", "from there");
    is_int(j.missing, 8 + 3 + 9, "what is missing is added up");
    journal_close(&j);
}

static void test_others_delete(void)
{
    struct journal j;
    no_file();
    open_well(&j);
    commit(&j, "one\n");
    unlink(file);
    well();
    is_int(commit(&j, "two\n"), JOURNAL_GONE, "into a deleted file nothing is handed over");
    is_str(fake.calls, "", "... nor written");
    ok(strstr(j.why, "deleted"), "... %s", j.why);
    is_int(journal_reopen(&j, NULL, 0), JOURNAL_OK, "it is made anew");
    is_int(journal_commit(&j), JOURNAL_OK, "and the batch written there");
    holds(file, "{\"type\":\"window\",\"keys\":[]}\ntwo\n", "whole");
    well();
    fake.meanwhile = somebody_deletes;
    is_int(commit(&j, "three\n"), JOURNAL_GONE, "nor into one that is deleted meanwhile");
    well();
    is_int(journal_reopen(&j, NULL, 0), JOURNAL_OK, "it is made anew");
    is_int(journal_commit(&j), JOURNAL_OK, "and the batch written there");
    holds(file, "{\"type\":\"window\",\"keys\":[]}\nthree\n", "whole");
    unlink(file);
    well();
    fake.write_error = ENOSPC;
    fake.errors = 1;
    is_int(commit(&j, "four\n"), JOURNAL_GONE, "deleted where the disk is full");
    is_int(journal_reopen(&j, NULL, 0), JOURNAL_FAILED, "it cannot be made anew at first");
    ok(fake.calls[0] == 'c' && j.fd == -1, "the room of the old one is given back before (%s)", fake.calls);
    ok(strstr(j.why, strerror(ENOSPC)), "... %s", j.why);
    is_int(journal_commit(&j), JOURNAL_GONE, "... and nothing is handed over without it");
    is_int(journal_reopen(&j, NULL, 0), JOURNAL_OK, "then it is made anew");
    is_int(journal_commit(&j), JOURNAL_OK, "and the batch written there");
    holds(file, "{\"type\":\"window\",\"keys\":[]}\nfour\n", "whole");
    commit(&j, "three\n");
    if (rename(file, other) != 0)
        abort();
    is_int(commit(&j, "four\n"), JOURNAL_OK, "a renamed file goes on");
    holds(other, "{\"type\":\"window\",\"keys\":[]}\nfour\nthree\nfour\n", "under its new name");
    journal_close(&j);
}

/* ---- opening again ---- */

static void test_reopen(void)
{
    struct journal j;
    unsigned char keys[2 * JOURNAL_KEY];
    static const char window[] = "{\"type\":\"window\",\"keys\":[\"00010203040506070809"
                                 "0a0b0c0d0e0f\","
                                 "\"101112131415161718191a1b1c1d1e1f\"]}\n";
    for (size_t i = 0; i < sizeof keys; i++)
        keys[i] = (unsigned char)i;
    no_file();
    open_well(&j);
    commit(&j, whole);
    int fd = j.fd;
    is_int(journal_reopen(&j, keys, 2), JOURNAL_SAME, "the same file is kept");
    ok(j.fd == fd && size_of(file) == sizeof whole - 1, "... untouched");
    if (rename(file, other) != 0)
        abort();
    append(&j, "two\n");
    well();
    is_int(journal_reopen(&j, keys, 2), JOURNAL_OK, "another one is opened");
    is_str(fake.calls, "lfcswsc", "... locked, its name and first line synced, and only then the old one let go");
    holds(file, window, "... its first line is the window");
    is_int(journal_commit(&j), JOURNAL_OK, "the batch that waits");
    char want[300];
    snprintf(want, sizeof want, "%stwo\n", window);
    holds(file, want, "goes into the new one");
    holds(other, whole, "and not into the old one");
    struct journal second;
    is_int(journal_open(&second, other), JOURNAL_OK, "the old one is free");
    is_int(journal_open(&(struct journal){0}, file), JOURNAL_LOCKED, "the new one is not");
    journal_close(&second);
    put_text(other, "{\"type\":\"message\"}\n{\"type\":\"mess");
    if (rename(other, file) != 0)
        abort();
    is_int(journal_reopen(&j, keys, 2), JOURNAL_OK, "one that is there already");
    is_int(j.cut, 13, "loses its torn line");
    snprintf(want, sizeof want, "{\"type\":\"message\"}\n%s", window);
    holds(file, want, "and goes on with the window");
    journal_close(&j);
}

static void reopen_fails(struct journal *j, enum journal_result want, const char *name)
{
    int fd = j->fd;
    is_int(journal_reopen(j, NULL, 0), want, "%s", name);
    ok(j->fd == fd && strstr(j->why, file) == j->why && j->error, "... the old one is kept: %s", j->why);
    well();
    is_int(journal_commit(j), JOURNAL_OK, "... with its batch");
    append(j, "more\n");
}

static void test_reopen_fails(void)
{
    struct journal j, second;
    no_file();
    open_well(&j);
    append(&j, "one\n");
    if (rename(file, other) != 0 || mkdir(file, 0700) != 0)
        abort();
    reopen_fails(&j, JOURNAL_NOT_FILE, "another file that is none");
    rmdir(file);
    open_well(&second);
    reopen_fails(&j, JOURNAL_LOCKED, "one that is somebody else's");
    journal_close(&second);
    well();
    fake.write_error = ENOSPC;
    fake.errors = 1;
    reopen_fails(&j, JOURNAL_FAILED, "one without room for a line");
    is_int(size_of(file), 0, "... in which nothing is left");
    fake.sync_error = EIO;
    fake.errors = 1;
    reopen_fails(&j, JOURNAL_FAILED, "one on a broken disk");
    unlink(file);
    fake.folder_error = EIO;
    fake.errors = 1;
    reopen_fails(&j, JOURNAL_FAILED, "one in a broken folder");
    holds(other, "one\nmore\nmore\nmore\nmore\n", "no line is lost");
    is_int(journal_reopen(&j, NULL, 0), JOURNAL_OK, "another time it goes well");
    journal_close(&j);
}

/* ---- lines ---- */

#define HEX "000102030405060708090a0b0c0d0e0f"

static void test_line(void)
{
    static const struct {
        const char *line;
        bool keyed;
    } cases[] = {
        {"{\"type\":\"message\",\"key\":\"" HEX "\"}", true},
        {"{\"type\":\"message\",\"protocol\":\"hl7\",\"id\":\"1\",\"link\":\"a\",\"peer\":\"b\",\"key\":\"" HEX
         "\",\"sender\":[\"A\",\"B\"],\"records\":[{\"type\":\"PID\"}]}",
         true},
        {"{\"type\":\"message\",\"sender\":[\"a\\\"]\",\"{[\"],\"x\":{\"type\":\"window\",\"key\":\"z\"},\"n\":1.5e3,"
         "\"t\":true,\"key\":\"" HEX "\",\"records\"",
         true},
        {" { \"key\" : \"" HEX "\" , \"type\" : \"message\" } ", true},
        {"{\"type\":\"message\",\"link\":\"\\\\\",\"key\":\"" HEX "\"}", true},
        {"{\"type\":\"message\",\"notes\":[],\"records\":[{\"key\":\"" HEX "\"}]}", false},
        {"{\"type\":\"message\",\"link\":\"\\\",\\\"key\\\":\\\"" HEX "\\\"\"}", false},
        {"{\"type\":\"message\",\"id\":\"1\"}", false},
        {"{\"type\":\"delivery\",\"key\":\"" HEX "\"}", false},
        {"{\"key\":\"" HEX "\"}", false},
        {"{\"type\":\"message\",\"key\":\"" HEX "0\"}", false},
        {"{\"type\":\"message\",\"key\":\"00010203\"}", false},
        {"{\"type\":\"message\",\"key\":\"000102030405060708090A0B0C0D0E0F\"}", false},
        {"{\"type\":\"message\",\"key\":null}", false},
        {"{\"type\":\"message\",\"key\":\"" HEX, false},
        {"{\"type\":[\"message\"],\"key\":\"" HEX "\"}", false},
        {"[\"type\",\"message\",\"key\",\"" HEX "\"]", false},
        {"# a comment with \"type\":\"message\",\"key\":\"" HEX "\"", false},
        {"{}", false},
        {"{", false},
        {"{\"", false},
        {"{\"a\\", false},
        {"{\"a\":", false},
        {"{\"a\":[[{]}", false},
        {"{\"a\":\"\\", false},
        {"", false},
    };
    for (size_t i = 0; i < N(cases); i++) {
        unsigned char key[JOURNAL_KEY];
        size_t n = strlen(cases[i].line);
        unsigned char *line = exact_copy(cases[i].line, n);
        bool keyed = line_key(line, n, key), right = !keyed;
        for (size_t at = 0; keyed && at < JOURNAL_KEY; at++)
            right = key[at] == at && (right || !at);
        ok(keyed == cases[i].keyed && (right || !keyed), "%s a key: %s", keyed ? "it has" : "it has not",
           cases[i].line);
        free(line);
        for (size_t cut = 0; cut < n; cut++) {
            line = exact_copy(cases[i].line, cut);
            if (line_key(line, cut, key) && !cases[i].keyed)
                ok(false, "the first %zu bytes of it have a key", cut);
            free(line);
        }
    }
}

/* The key that the ledger knows a message by is that which the journal reads from its line, whatever has become there
 * of the bytes that it is made of. */
static void line_of_message(const struct protocol *protocol, const char *text)
{
    struct link_config config = link_defaults(protocol, ASTM_HOST);
    const struct message m = {.text = (const unsigned char *)text, .len = strlen(text), .notes = "", .complete = true};
    unsigned char key[JOURNAL_KEY], read[JOURNAL_KEY];
    struct views views = {0};
    struct bytes line = {0};
    char digits[33];
    bool query;
    if (!protocol->key(&m, key, &query))
        abort();
    digest_hex(key, digits);
    const struct envelope envelope = {.id = "1", .link = "a\"b", .peer = "p", .received = "now", .key = digits};
    if (!protocol->view_begin(&views, &config, true, &m, &envelope))
        abort();
    while (protocol->view_more(&views, &line) == VIEW_GOES_ON)
        ;
    ok(line_key(line.data, line.len, read) && memcmp(key, read, sizeof key) == 0,
       "the key in the line of a message is its own: %.60s", (const char *)line.data + line.len - 60);
    views_free(&views);
    bytes_free(&line);
}

static void test_line_of_message(void)
{
    line_of_message(&protocol_astm, "H|\\^&|M&F&1||Labor^1\\Zwei|||||||P|1|20261121\rP|1\rL|1|N\r");
    line_of_message(&protocol_astm, "H|\\^&|\xFC||Ger\xE4t^\xA0|||||||P|1|20261121\rP|1||||M\xFCller\rL|1|N\r");
    line_of_message(&protocol_astm, "P|1\rL|1|N\r");
    line_of_message(&protocol_hl7, "MSH|^~\\&|Ger\xE4t\\T\\x^\"|L\xFC|||||ORU^R01|\xE4\\X41\\1|P|2.3\rOBX|1\r");
    line_of_message(&protocol_hl7, "MSH|^~\\&|||||||ORU^R01|1|P|2.3\r");
}

/* ---- the tail ---- */

/* A key that is a number. */
static const unsigned char *key_of(unsigned number)
{
    static unsigned char key[JOURNAL_KEY];
    memset(key, 0xEE, sizeof key);
    for (size_t i = 0; i < 4; i++)
        key[i] = (unsigned char)(number >> 8 * i);
    return key;
}

/* Adds a message line, padded to at least that many bytes. */
static void add_message(struct bytes *out, unsigned number, size_t size)
{
    char digits[33];
    size_t begin = out->len;
    digest_hex(key_of(number), digits);
    bool fine = bytes_printf(out, "{\"type\":\"message\",\"protocol\":\"hl7\",\"id\":\"%u\",\"key\":\"%s\",\"notes\":[",
                             number, digits);
    size_t n = out->len - begin + 20 < size ? size - (out->len - begin) - 20 : 0;
    fine = fine && bytes_puts(out, "],\"records\":[\"") && bytes_reserve(out, n);
    if (!fine)
        abort();
    memset(out->data + out->len, 'x', n);
    out->len += n;
    bytes_puts(out, "\"]}\n");
}

static void add_line(struct bytes *out, const char *line)
{
    if (!bytes_puts(out, line))
        abort();
}

/* Opens a file of that text and holds its last keys against numbers: first, first + 1, … */
static uint64_t tail_is(const struct bytes *text, size_t most, unsigned first, size_t n, const char *name)
{
    struct journal j;
    struct bytes keys = {0};
    well();
    put_file(file, text->len ? text->data : (const unsigned char *)"", text->len);
    open_well(&j);
    add_line(&keys, "kept");
    bool fine = journal_tail(&j, most, &keys) && keys.len == 4 + n * JOURNAL_KEY && memcmp(keys.data, "kept", 4) == 0;
    for (size_t i = 0; fine && i < n; i++)
        fine = memcmp(keys.data + 4 + i * JOURNAL_KEY, key_of(first + (unsigned)i), JOURNAL_KEY) == 0;
    ok(fine && !j.unread, "%s: %zu keys of %zu", name, (keys.len - 4) / JOURNAL_KEY, n);
    uint64_t damaged = j.damaged;
    bytes_free(&keys);
    journal_close(&j);
    return damaged;
}

/* A line of the keys of so many numbers. */
static void add_keys(struct bytes *out, const char *begin, unsigned first, unsigned n)
{
    struct bytes keys = {0};
    for (unsigned i = 0; i < n; i++)
        if (!bytes_append(&keys, key_of(first + i), JOURNAL_KEY))
            abort();
    if (!put_keys(out, begin, keys.data, n))
        abort();
    bytes_free(&keys);
}

static void add_window(struct bytes *out, unsigned first, unsigned n)
{
    add_keys(out, WINDOW_BEGIN, first, n);
}

static void test_tail(void)
{
    struct bytes text = {0};
    no_file();
    tail_is(&text, 1000, 0, 0, "an empty file");
    for (unsigned i = 0; i < 100000; i++)
        add_message(&text, i, 0);
    tail_is(&text, 1000, 99000, 1000, "100 000 short lines");
    tail_is(&text, 1, 99999, 1, "the last of them");
    tail_is(&text, 0, 0, 0, "none of them");
    tail_is(&text, 1000000, 0, 100000, "all of them");
    add_line(&text, "{\"type\":\"mess");
    tail_is(&text, 1000, 99000, 1000, "with a torn one behind them");
    bytes_free(&text);
}

static void test_tail_mixed(void)
{
    static const char *const others[] = {
        "# somebody's comment\n",
        "{\"type\":\"delivery\",\"id\":\"o-17\",\"key\":\"" HEX "\",\"status\":\"sent\"}\n",
        "{\"type\":\"message\",\"protocol\":\"hl7\",\"id\":\"a query\",\"notes\":[],\"records\":[]}\n",
        "\n",
        "{\"type\":\"windows\",\"keys\":[]}\n",
        "{\"type\":\"window\",\"keys\":[\"\"]}\n",
        "{\"type\":\"window\",\"keys\":[]\n",
        "{\"type\":\"window\",\"keys\":[]x\n",
        "{}\n",
        "]}\n",
    };
    struct bytes text = {0};
    no_file();
    for (unsigned i = 0; i < 3000; i++) {
        add_message(&text, i, i % 7 == 0 ? i * 20 : 200);
        add_line(&text, others[i % N(others)]);
    }
    tail_is(&text, 1000, 2000, 1000, "lines of all kinds and lengths");
    text.len = 0;
    for (size_t i = 0; i < N(others); i++)
        add_line(&text, others[(i + 1) % N(others)]); /* a journal begins with a line of ours */
    tail_is(&text, 1000, 0, 0, "lines of all kinds but messages");
    bytes_free(&text);
}

/* Lines that begin and end at all places in a block. */
static void test_tail_places(void)
{
    struct bytes text = {0};
    no_file();
    for (size_t shift = 0; shift < 3; shift++) {
        text.len = 0;
        for (unsigned i = 0; i < 200; i++)
            add_message(&text, i, i < 8 ? BLOCK - 4 + i : 1024);
        add_message(&text, 200, BLOCK * 2 - shift);
        tail_is(&text, 1000, 0, 201, "lines of blocks");
    }
    text.len = 0;
    for (unsigned i = 0; i < 3; i++)
        add_message(&text, i, 10 << 20);
    add_message(&text, 3, 0);
    tail_is(&text, 1000, 0, 4, "lines of 10 MB");
    bytes_free(&text);
}

/* A file too long to be looked through: a hole, before it a message. */
static void test_tail_bounded(void)
{
    struct bytes text = {0}, keys = {0};
    struct journal j;
    no_file();
    add_message(&text, 1, 0);
    put_file(file, text.data, text.len);
    if (truncate(file, (off_t)JOURNAL_TAIL + 5000) != 0)
        abort();
    add_text(file, "\n");
    text.len = 0;
    add_message(&text, 2, 0);
    bytes_append(&text, "", 1);
    add_text(file, (const char *)text.data);
    open_well(&j);
    ok(journal_tail(&j, 1000, &keys) && keys.len == JOURNAL_KEY && memcmp(keys.data, key_of(2), JOURNAL_KEY) == 0,
       "a file that is too long is not looked through to its beginning");
    ok(j.unread, "... which is known");
    is_int(j.damaged, 0, "... nor judged");
    journal_close(&j);
    bytes_free(&keys);
    bytes_free(&text);
    unlink(file);
}

static void test_tail_damaged(void)
{
    struct bytes text = {0};
    no_file();
    add_message(&text, 1, 0);
    size_t begin = text.len;
    add_message(&text, 7, 100000);
    memset(text.data + begin + 50000, 0, 4096);
    add_message(&text, 2, 0);
    is_int(tail_is(&text, 1000, 1, 2, "a line with NULs in it was never acknowledged"), 1, "... it is counted");
    bytes_free(&text);
}

static void test_tail_window(void)
{
    struct bytes text = {0};
    no_file();
    add_window(&text, 0, 1000);
    tail_is(&text, 1000, 0, 1000, "a window line alone");
    tail_is(&text, 10, 990, 10, "the last of it");
    for (unsigned i = 1000; i < 1300; i++)
        add_message(&text, i, 0);
    tail_is(&text, 1000, 300, 1000, "a window line, and messages behind it");
    tail_is(&text, 2000, 0, 1300, "all of them");
    tail_is(&text, 100, 1200, 100, "messages behind it alone");
    add_window(&text, 50, 1);
    tail_is(&text, 1000, 50, 1, "what stands before a window line does not count");
    add_window(&text, 0, 0);
    tail_is(&text, 1000, 0, 0, "nor before an empty one");
    text.len = 0;
    add_message(&text, 77777, 0);
    add_window(&text, 0, 10000);
    tail_is(&text, 1000000, 0, 10000, "a window line of many blocks");
    text.len -= 300;
    tail_is(&text, 1000, 77777, 1, "one that is torn is cut off");
    bytes_free(&text);
}

static void test_tail_proven(void)
{
    struct bytes text = {0};
    no_file();
    for (unsigned i = 0; i < 100; i++)
        add_message(&text, i, 0);
    add_keys(&text, PROVEN_BEGIN, 90, 10);
    tail_is(&text, 1000, 0, 90, "what is proven does not count");
    tail_is(&text, 20, 80, 10, "but is one of those that are looked at");
    add_message(&text, 100, 0);
    add_message(&text, 101, 0);
    add_keys(&text, PROVEN_BEGIN, 0, 90);
    tail_is(&text, 1000, 100, 2, "several lines of what is proven");
    add_keys(&text, PROVEN_BEGIN, 101, 1);
    add_message(&text, 101, 0);
    tail_is(&text, 1000, 100, 2, "one that came again after it was proven counts, and once");
    text.len = 0;
    add_window(&text, 0, 10);
    add_message(&text, 10, 0);
    add_keys(&text, PROVEN_BEGIN, 0, 8);
    tail_is(&text, 1000, 8, 3, "nor does that of a window line which was proven since");
    text.len = 0;
    for (unsigned i = 0; i < 5000; i++)
        add_message(&text, i, 0);
    add_keys(&text, PROVEN_BEGIN, 0, 5000);
    tail_is(&text, 100000, 4096, 904, "of a line of very many some are kept");
    bytes_free(&text);
}

static void test_tail_own(void)
{
    struct journal j;
    struct bytes keys = {0};
    no_file();
    open_well(&j);
    add_message(&j.batch, 1, 0);
    add_message(&j.batch, 2, 0);
    journal_commit(&j);
    journal_append_window(&j, key_of(2), 1);
    add_message(&j.batch, 3, 0);
    journal_commit(&j);
    journal_close(&j);
    open_well(&j);
    ok(journal_tail(&j, 9, &keys) && keys.len == 2 * JOURNAL_KEY && memcmp(keys.data, key_of(2), JOURNAL_KEY) == 0 &&
           memcmp(keys.data + JOURNAL_KEY, key_of(3), JOURNAL_KEY) == 0,
       "what was written at an orderly end is what is known at the next start");
    if (truncate(file, 10) != 0)
        abort();
    ok(!journal_tail(&j, 9, &keys) && keys.len == 2 * JOURNAL_KEY, "a file that is truncated meanwhile is an error");
    journal_close(&j);
    bytes_free(&keys);
}

int main(void)
{
    if (!mkdtemp(folder))
        return 1;
    snprintf(file, sizeof file, "%s/journal", folder);
    snprintf(other, sizeof other, "%s/journal.1", folder);
    test_create();
    test_refusals();
    test_long_path();
    test_denied();
    test_lock();
    test_lock_late();
    test_torn();
    test_foreign();
    test_no_journal();
    test_torn_long();
    test_mend_fails();
    test_commit();
    test_big_batch();
    test_memory();
    test_failures();
    test_cut_fails();
    test_limit();
#ifdef __linux__
    test_full_disk();
#endif
    test_others_add();
    test_others_add_later();
    test_others_truncate();
    test_others_delete();
    test_reopen();
    test_reopen_fails();
    test_line();
    test_line_of_message();
    test_tail();
    test_tail_mixed();
    test_tail_places();
    test_tail_bounded();
    test_tail_damaged();
    test_tail_window();
    test_tail_proven();
    test_tail_own();
    no_file();
    rmdir(folder);
    return done();
}
