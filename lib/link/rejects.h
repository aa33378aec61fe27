/* The rejects file: messages that nobody will send again, and that could not be handed over, one behind the other. */
#ifndef INSTLINK_REJECTS_H
#define INSTLINK_REJECTS_H

#include <stdbool.h>
#include <stddef.h>

/* Makes the file, for its owner alone, unless it is there. False: errno says why not. */
bool rejects_make(const char *file);

/* Appends n bytes, whole and on stable storage, or not at all; makes the file where it is gone. False: errno says why
 * not. */
bool rejects_append(const char *file, const void *text, size_t n);

#endif
