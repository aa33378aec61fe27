#include "link/stream.h"

enum {
    IN_PLACE = 32 << 10,    /* bytes: a message up to this is rendered at once, without a copy */
    NO_MEMORY_MS = 100,     /* until rendering is tried again */
    PIECE_KEPT = 512 << 10, /* bytes of storage that is kept for what is rendered next */
    PIECE_FULL = 256 << 10, /* bytes rendered and not taken, past which messages wait as copies */
};

static bool begin(struct stream *s, const struct handover_party *party, const struct message *m,
                  const struct envelope *e)
{
    return party->protocol->view_begin(&s->views, party->link->config, s->lines, m, e);
}

static enum view_progress more(struct stream *s, const struct protocol *protocol)
{
    size_t before = s->piece.len;
    enum view_progress progress = protocol->view_more(&s->views, &s->piece);
    if (progress == VIEW_NO_MEMORY)
        s->piece.len = before;
    s->produced += s->piece.len - before;
    return progress;
}

static bool full(const struct stream *s)
{
    return s->piece.len - s->at >= PIECE_FULL;
}

static bool enough(const struct stream *s)
{
    return s->most && s->rendered >= s->most;
}

bool stream_in_place(struct stream *s, struct target *target, struct job *job, const struct message *m,
                     const struct envelope *e)
{
    const struct handover_party *party = &job->party;
    if (s->unrendered || m->len > IN_PLACE || full(s) || enough(s))
        return false;
    size_t before = s->piece.len;
    uint64_t produced = s->produced;
    enum view_progress progress = VIEW_NO_MEMORY;
    if (begin(s, party, m, e))
        do
            progress = more(s, party->protocol);
        while (progress == VIEW_GOES_ON);
    if (progress == VIEW_DONE) {
        target_append(target, job);
        job->begin = produced;
        job->end = s->produced;
        s->rendered++;
        return true;
    }
    s->piece.len = before;
    s->produced = produced;
    return false;
}

void stream_add(struct stream *s, struct job *job)
{
    if (!s->unrendered)
        s->unrendered = job;
}

static bool put(struct stream *s, const void *line, size_t n)
{
    if (!bytes_append(&s->piece, line, n))
        return false;
    s->produced += n;
    return true;
}

bool stream_put(struct stream *s, const void *line, size_t n)
{
    return s->viewing ? bytes_append(&s->aside, line, n) : put(s, line, n);
}

/* The other lines' turn has come. Without memory they wait for the end of the next message. */
static void put_aside(struct stream *s)
{
    if (s->aside.len && put(s, s->aside.data, s->aside.len))
        bytes_free(&s->aside);
}

void stream_render(struct stream *s, int64_t now)
{
    if (s->again && now >= s->again)
        s->again = 0;
    while (s->unrendered && !s->again && !full(s) && !enough(s)) {
        struct job *job = s->unrendered;
        if (!s->viewing) {
            s->viewing = begin(s, &job->party, &job->message, &job->envelope);
            job->begin = s->produced;
        }
        enum view_progress progress = s->viewing ? more(s, job->party.protocol) : VIEW_NO_MEMORY;
        if (progress == VIEW_NO_MEMORY)
            s->again = now + NO_MEMORY_MS;
        if (progress != VIEW_DONE)
            continue;
        s->viewing = false;
        job->end = s->produced;
        s->rendered++;
        put_aside(s);
        s->unrendered = job->next;
    }
}

bool stream_waits(const struct stream *s)
{
    return s->unrendered && !s->again && !enough(s);
}

const unsigned char *stream_rest(const struct stream *s, size_t *n)
{
    *n = s->piece.len - s->at;
    return *n ? s->piece.data + s->at : NULL;
}

void stream_take(struct stream *s, size_t n)
{
    s->at += n;
    s->taken += n;
    if (s->at == s->piece.len) {
        if (s->piece.cap > PIECE_KEPT)
            bytes_free(&s->piece);
        s->piece.len = s->at = 0;
    } else if (s->at >= VIEW_PIECE) {
        bytes_drop(&s->piece, s->at);
        s->at = 0;
    }
}

bool stream_move(struct stream *s, struct bytes *to)
{
    size_t n = s->piece.len - s->at;
    if (!n)
        return true;
    if (!to->len && !s->at) {
        struct bytes spare = *to;
        *to = s->piece;
        s->piece = spare;
        s->taken += n;
        return true;
    }
    if (!bytes_append(to, s->piece.data + s->at, n))
        return false;
    stream_take(s, n);
    return true;
}

void stream_reset(struct stream *s)
{
    stream_take(s, s->piece.len - s->at);
    s->viewing = false;
}

void stream_forget(struct stream *s, const struct job *job)
{
    if (s->unrendered == job) {
        s->unrendered = job->next;
        s->viewing = false;
    } else if (job->end) {
        s->rendered--;
    }
}

void stream_free(struct stream *s)
{
    views_free(&s->views);
    bytes_free(&s->piece);
    bytes_free(&s->aside);
}
