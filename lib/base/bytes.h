/* A growing byte buffer. The storage belongs to the buffer; it exists only while the buffer has been used since
 * bytes_free. Zero-initialised is empty and valid. All sizes are in bytes. */
#ifndef INSTLINK_BYTES_H
#define INSTLINK_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct bytes {
    unsigned char *data; /* NULL while cap is 0 */
    size_t len, cap;
};

/* Makes room for `more` bytes behind len. False when memory is exhausted; the buffer is then as it was. */
bool bytes_reserve(struct bytes *b, size_t more);

/* Appends n bytes. False when memory is exhausted; the buffer is then as it was. */
static inline bool bytes_append(struct bytes *b, const void *data, size_t n)
{
    if (b->cap - b->len < n && !bytes_reserve(b, n))
        return false;
    if (n)
        memcpy(b->data + b->len, data, n);
    b->len += n;
    return true;
}

/* Appends a NUL-terminated string without its NUL. */
static inline bool bytes_puts(struct bytes *b, const char *s)
{
    return bytes_append(b, s, strlen(s));
}

/* Appends as printf does; at most 1 KiB of text, the rest is cut. */
bool bytes_printf(struct bytes *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Removes the first n bytes (n <= len). */
void bytes_drop(struct bytes *b, size_t n);

/* Releases the storage; the buffer is empty and may be used again. */
void bytes_free(struct bytes *b);

/* Storage that is kept for whoever needs some next, where buffers come and go by the message. Zero-initialised is
 * empty and valid. */
enum { SPARES = 128, SPARE_MAX = 4096 /* bytes of each, at most */ };

struct spares {
    size_t n;
    struct bytes list[SPARES];
};

/* Gives b, which is empty, storage if there is some. s may be NULL, here and below. */
void spares_take(struct spares *s, struct bytes *b);

/* Empties b as bytes_free does, and keeps its storage if there is room for it. */
void spares_give(struct spares *s, struct bytes *b);

void spares_free(struct spares *s);

#endif
