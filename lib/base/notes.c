#include "base/notes.h"

#include <stdarg.h>
#include <stdio.h>

static void append(struct notes *notes, size_t base, const char *note, size_t n)
{
    static const char more[] = "more-notes there were more than are kept";
    if (notes->text.len - base + n + sizeof more + 1 > NOTES_MAX)
        notes_once(notes, base, more);
    else
        bytes_append(&notes->text, note, n + 1);
}

void notes_add(struct notes *notes, size_t base, const char *format, ...)
{
    char note[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(note, sizeof note, format, args);
    va_end(args);
    if (n > 0)
        append(notes, base, note, (size_t)n < sizeof note ? (size_t)n : sizeof note - 1);
}

void notes_once(struct notes *notes, size_t base, const char *note)
{
    size_t token = strcspn(note, " ");
    for (size_t i = base; i < notes->text.len;) {
        const char *have = (const char *)notes->text.data + i;
        size_t n = strlen(have);
        if (n >= token && memcmp(have, note, token) == 0 && (have[token] == ' ' || !have[token]))
            return;
        i += n + 1;
    }
    bytes_append(&notes->text, note, strlen(note) + 1);
}

void notes_free(struct notes *notes)
{
    bytes_free(&notes->text);
}
