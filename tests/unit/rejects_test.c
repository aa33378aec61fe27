#include "link/rejects.h"

#include "base/log.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What fails, once. */
static struct {
    bool fsync, fdatasync;
    size_t most; /* bytes of a write; 0: all */
    int folders; /* synced */
} fake;

static bool goes_wrong(bool *what)
{
    bool wrong = *what;
    *what = false;
    if (wrong)
        errno = EIO;
    return wrong;
}

static ssize_t fake_write(int fd, const void *data, size_t n)
{
    size_t most = fake.most;
    fake.most = 0;
    return write(fd, data, most && most < n ? most : n);
}

static int fake_fdatasync(int fd)
{
    return goes_wrong(&fake.fdatasync) ? -1 : fdatasync(fd);
}

static int fake_fsync(int fd)
{
    fake.folders++;
    return goes_wrong(&fake.fsync) ? -1 : fsync(fd);
}

#define write fake_write
#define fdatasync fake_fdatasync
#define fsync fake_fsync
#include "link/folder.c"
#include "link/rejects.c"
#undef write
#undef fdatasync
#undef fsync

static const char *slurp(const char *file)
{
    static char text[256];
    int fd = open(file, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = 0;
    if (fd >= 0)
        close(fd);
    return text;
}

static void test_make(const char *file)
{
    struct stat status;
    ok(rejects_make(file) && stat(file, &status) == 0, "the file is made");
    is_int(status.st_mode & 0777, 0600, "for its owner alone");
    is_int(fake.folders, 1, "and its folder is synced");
    ok(rejects_make(file), "it may be there");
    is_int(fake.folders, 1, "whose folder is synced already");
    unlink(file);
    fake.fsync = true;
    ok(!rejects_make(file) && errno == EIO, "where the folder cannot be synced it is not made");
    unlink(file);
    ok(!rejects_make("/no/such/folder/rejects") && errno == ENOENT, "nor where there is no folder");
}

static void test_append(const char *file)
{
    ok(rejects_append(file, "one\r", 4) && rejects_append(file, "two\r", 4), "two messages");
    is_str(slurp(file), "one\rtwo\r", "stand one behind the other");
    fake.most = 2;
    ok(!rejects_append(file, "three\r", 6) && errno == ENOSPC, "one that does not fit");
    is_str(slurp(file), "one\rtwo\r", "leaves nothing of it");
    fake.fdatasync = true;
    ok(!rejects_append(file, "four\r", 5) && errno == EIO, "nor does one that cannot be synced");
    is_str(slurp(file), "one\rtwo\r", "which is cut off again");
    unlink(file);
    fake.folders = 0;
    ok(rejects_append(file, "five\r", 5), "the file may have gone meanwhile");
    ok(strcmp(slurp(file), "five\r") == 0 && fake.folders == 1, "and is made anew");
    unlink(file);
    fake.fsync = true;
    ok(!rejects_append(file, "six\r", 4), "but not where its folder cannot be synced");
    unlink(file);
}

int main(void)
{
    char dir[] = "/tmp/rejects-test-XXXXXX", file[64];
    if (!mkdtemp(dir))
        abort();
    snprintf(file, sizeof file, "%s/rejects", dir);
    test_make(file);
    test_append(file);
    rmdir(dir);
    return done();
}
