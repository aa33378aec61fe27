#include "link/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool folder_sync(const char *file)
{
    char *name = realpath(file, NULL), *slash = name ? strrchr(name, '/') : NULL;
    if (!slash) {
        free(name);
        return false;
    }
    slash[slash == name] = '\0';
    int folder = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(name);
    if (folder < 0)
        return false;
    int result;
    do
        result = fsync(folder);
    while (result != 0 && errno == EINTR);
    bool fine = result == 0 || errno == EINVAL; /* some file systems know of no such thing */
    int error = errno;
    close(folder);
    errno = error;
    return fine;
}
