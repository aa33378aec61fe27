#include "link/rejects.h"

#include "base/log.h"
#include "link/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool fail(int fd, int error)
{
    close(fd);
    errno = error;
    return false;
}

/* -1: errno says why. */
static int open_it(const char *file)
{
    int fd = open(file, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && !folder_sync(file)) {
        fail(fd, errno);
        return -1;
    }
    return fd;
}

bool rejects_make(const char *file)
{
    int fd = open_it(file);
    return fd >= 0 && close(fd) == 0;
}

bool rejects_append(const char *file, const void *text, size_t n)
{
    int fd = open_it(file);
    if (fd < 0)
        return false;
    off_t before = lseek(fd, 0, SEEK_END);
    ssize_t written = write(fd, text, n);
    if (written == (ssize_t)n && fdatasync(fd) == 0)
        return close(fd) == 0;
    int error = written >= 0 && written < (ssize_t)n ? ENOSPC : errno;
    if (before >= 0 && ftruncate(fd, before) != 0)
        log_line(LOG_ERROR, "%s: a message is torn in it: %s", file, strerror(errno));
    return fail(fd, error);
}
