#include "base/bytes.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

bool bytes_reserve(struct bytes *b, size_t more)
{
    if (b->cap - b->len >= more)
        return true;
    if (more > SIZE_MAX / 2 - b->len)
        return false;
    size_t cap = b->cap ? b->cap : 256;
    while (cap < b->len + more)
        cap *= 2;
    unsigned char *data = realloc(b->data, cap);
    if (!data)
        return false;
    b->data = data;
    b->cap = cap;
    return true;
}

bool bytes_printf(struct bytes *b, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0)
        return false;
    size_t len = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    return bytes_append(b, text, len);
}

void bytes_drop(struct bytes *b, size_t n)
{
    b->len -= n;
    if (n && b->len)
        memmove(b->data, b->data + n, b->len);
}

void bytes_free(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}

void spares_take(struct spares *s, struct bytes *b)
{
    if (s && s->n && !b->cap)
        *b = s->list[--s->n];
}

void spares_give(struct spares *s, struct bytes *b)
{
    if (!s || s->n == SPARES || !b->cap || b->cap > SPARE_MAX) {
        bytes_free(b);
        return;
    }
    s->list[s->n++] = (struct bytes){b->data, 0, b->cap};
    *b = (struct bytes){0};
}

void spares_free(struct spares *s)
{
    while (s->n)
        bytes_free(&s->list[--s->n]);
}
