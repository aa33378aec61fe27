#include "base/lines.h"

void lines_init(struct lines *l, size_t max)
{
    *l = (struct lines){.max = max};
}

static void begin(struct lines *l)
{
    bytes_free(&l->held);
    l->line = (struct line){.state = LINE_WHOLE, .number = l->line.number + 1};
    l->open = true;
}

static void leave_out(struct lines *l, enum line_state why)
{
    bytes_free(&l->held);
    l->line.state = why;
}

/* Takes a piece of the line that is open; ended: its last one. */
static void take(struct lines *l, unsigned char *bytes, size_t n, bool ended)
{
    if (l->line.state != LINE_WHOLE)
        return;
    if (n > l->max - l->held.len) {
        leave_out(l, LINE_TOO_LONG);
    } else if (ended && !l->held.len) {
        l->line.text = bytes;
        l->line.n = n;
    } else if (!bytes_append(&l->held, bytes, n)) {
        leave_out(l, LINE_NO_MEMORY);
    }
}

static void end(struct lines *l, bool ended)
{
    if (l->held.len) {
        l->line.text = l->held.data;
        l->line.n = l->held.len;
    }
    l->line.ended = ended;
    l->open = false;
    l->ready = true;
}

size_t lines_push(struct lines *l, unsigned char *bytes, size_t n)
{
    if (l->ready || !n)
        return 0;
    if (!l->open)
        begin(l);
    unsigned char *lf = memchr(bytes, '\n', n);
    size_t some = lf ? (size_t)(lf - bytes) : n;
    take(l, bytes, some, lf);
    if (lf)
        end(l, true);
    return some + !!lf;
}

void lines_eof(struct lines *l)
{
    if (l->open)
        end(l, false);
}

bool lines_next(struct lines *l, struct line *line)
{
    if (!l->ready)
        return false;
    *line = l->line;
    l->ready = false;
    return true;
}

void lines_free(struct lines *l)
{
    bytes_free(&l->held);
}
