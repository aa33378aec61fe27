#include "outputs.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where a name leads to: a regular file, or a place in a folder where nothing is yet. */
struct place {
    bool known; /* false: something else, or nothing can be said */
    dev_t device;
    ino_t inode;      /* of the file, or of the folder */
    const char *name; /* in the folder; NULL: the file is there */
};

static void set(struct place *p, const struct stat *status, const char *name)
{
    *p = (struct place){true, status->st_dev, status->st_ino, name};
}

static struct place place_of_fd(int fd)
{
    struct stat status;
    struct place p = {.known = false};
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        set(&p, &status, NULL);
    return p;
}

/* A name that is too long for its folder to be looked at is too long for a file to be made too. */
static struct place place_of(const char *file)
{
    char folder[4096] = ".";
    const char *slash = strrchr(file, '/');
    size_t n = slash ? (size_t)(slash - file) + 1 : 0;
    struct stat status;
    struct place p = {.known = false};
    if (stat(file, &status) == 0) {
        if (S_ISREG(status.st_mode))
            set(&p, &status, NULL);
        return p;
    }
    if (n >= sizeof folder)
        return p;
    if (n) {
        memcpy(folder, file, n);
        folder[n] = '\0';
    }
    if (stat(folder, &status) == 0)
        set(&p, &status, file + n);
    return p;
}

static bool same(const struct place *a, const struct place *b)
{
    return a->known && b->known && a->device == b->device && a->inode == b->inode && !a->name == !b->name &&
           (!a->name || strcmp(a->name, b->name) == 0);
}

bool outputs_distinct(const struct output *outputs, size_t n, const struct output **one, const char **other)
{
    const struct place out = place_of_fd(STDOUT_FILENO), error = place_of_fd(STDERR_FILENO);
    for (size_t i = 0; i < n; i++) {
        if (!outputs[i].file)
            continue;
        const struct place here = place_of(outputs[i].file);
        *one = &outputs[i];
        *other = same(&here, &out) ? "stdout" : same(&here, &error) ? "stderr" : NULL;
        for (size_t k = 0; k < i && !*other; k++) {
            const struct place there = outputs[k].file ? place_of(outputs[k].file) : (struct place){.known = false};
            if (same(&here, &there))
                *other = outputs[k].what;
        }
        if (*other)
            return false;
    }
    return true;
}
