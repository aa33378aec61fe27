/* Any bytes as a line of the journal, whole and cut off at every place: no crash, nothing read behind it, and what the
 * beginning says is what the whole line says. Then as a whole file: it opens, ends with LF, and its tail is read in
 * bounds; nothing that had an end is cut off. */
#include "link/journal.h"
#include "link/journal_line.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* The key of a line, as far as it is read. */
static bool line_key(const unsigned char *line, size_t n, unsigned char key[JOURNAL_KEY])
{
    struct journal_line l;
    if (!journal_line_read(line, n, &l))
        return false;
    memcpy(key, l.key, JOURNAL_KEY);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { CUTS = 300 }; /* bytes from the beginning that are cut one by one */

static bool key_of(const uint8_t *data, size_t n, unsigned char key[JOURNAL_KEY])
{
    unsigned char *line = malloc(n + !n);
    if (!line)
        abort();
    if (n)
        memcpy(line, data, n);
    bool keyed = line_key(line, n, key);
    free(line);
    return keyed;
}

static void as_line(const uint8_t *data, size_t n)
{
    unsigned char key[JOURNAL_KEY], part[JOURNAL_KEY];
    bool keyed = key_of(data, n, key);
    for (size_t cut = 0; cut < n && cut < CUTS; cut++)
        if (key_of(data, cut, part) && (!keyed || memcmp(key, part, sizeof key) != 0))
            abort();
}

static size_t whole_lines(const uint8_t *data, size_t n)
{
    while (n && data[n - 1] != '\n')
        n--;
    return n;
}

static void as_file(const uint8_t *data, size_t n)
{
    char name[] = "/tmp/journal-fuzz-XXXXXX";
    struct journal journal;
    struct bytes keys = {0};
    int fd = mkstemp(name);
    if (fd < 0 || write(fd, data, n) != (ssize_t)n)
        abort();
    size_t whole = whole_lines(data, n);
    if (journal_open(&journal, name) != JOURNAL_OK)
        abort();
    off_t size = lseek(fd, 0, SEEK_END);
    if (size != (off_t)whole && (size != (off_t)n + 1 || !journal.ended))
        abort();
    if (!journal_tail(&journal, 8, &keys) || keys.len > 8 * JOURNAL_KEY)
        abort();
    journal_close(&journal);
    bytes_free(&keys);
    close(fd);
    unlink(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    as_line(data, n);
    as_file(data, n);
    return 0;
}
