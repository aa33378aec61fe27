/* What every line says of where it came from, and the forms that lines have: common to all protocols. */
#ifndef INSTLINK_VIEW_H
#define INSTLINK_VIEW_H

#include "base/bytes.h"

#include <stdint.h>

enum view_format { VIEW_MESSAGE, VIEW_RECORD, VIEW_RESULT, VIEW_TSV, VIEW_FRAME, VIEW_TEXT, VIEW_RAW };

enum view_progress { VIEW_GOES_ON, VIEW_DONE, VIEW_NO_MEMORY };

enum { VIEW_PIECE = 64 << 10 }; /* bytes: about how much of a line is produced at a time */

/* The format of that name (message, record, …). False when there is none. */
bool view_parse(const char *name, enum view_format *format);

/* Where a message came from. Strings are the caller's; what is NULL is left out. */
struct envelope {
    const char *id;       /* unique, sorts by time */
    const char *link;     /* listeners: the link's name */
    const char *peer;     /* listeners: its address */
    const char *received; /* listeners: ISO 8601, UTC */
    const char *source;   /* decoders: the file's name */
    uint64_t offset;      /* decoders: bytes from its beginning; written with source */
    const char *key;      /* journals: by what it is known when it comes again, 32 hexadecimal digits */
};

/* Appends the members link, peer, received, key, source and offset, each with its key, as far as they are there. False
 * when memory is exhausted. */
bool envelope_write(struct bytes *out, const struct envelope *envelope);

#endif
