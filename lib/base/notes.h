/* Notes: in plain words, what about a message was not as the standard says. Each begins with a stable first token
 * (`bad-checksum frame 3: …`). They are kept as NUL-terminated strings, one behind the other, so that a stretch of
 * them is a slice. Bounded: past NOTES_MAX bytes a last one, `more-notes`, says that there were more. */
#ifndef INSTLINK_NOTES_H
#define INSTLINK_NOTES_H

#include "base/bytes.h"

enum { NOTES_MAX = 4096 };

struct notes {
    struct bytes text;
};

/* Adds a note, printf-like (at most 255 bytes of it). base: where in text the notes begin that NOTES_MAX counts.
 * Dropped where that is reached or memory is exhausted. */
void notes_add(struct notes *notes, size_t base, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Adds a note unless one with the same first token stands behind byte `base` already. Not counted against NOTES_MAX:
 * there are only so many tokens. */
void notes_once(struct notes *notes, size_t base, const char *note);

/* Releases the storage. */
void notes_free(struct notes *notes);

#endif
