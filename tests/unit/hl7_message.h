/* HL7 messages for tests: from text with CR, as a block would bring it. */
#ifndef HL7_MESSAGE_H
#define HL7_MESSAGE_H

#include "hl7/split.h"
#include "hl7/view.h"
#include "tap.h"

struct test_message {
    struct bytes text;
    struct hl7_split split;
    struct hl7_message message;
};

static inline void make_message(struct test_message *m, const void *text, size_t n)
{
    const struct hl7_token token = {.kind = HL7_TOKEN_BLOCK};
    *m = (struct test_message){0};
    if (!bytes_append(&m->text, text, n) || !hl7_split_begin(&m->split, &m->text, &token, HL7_END_AUTO) ||
        !hl7_split_next(&m->split, &m->message))
        abort();
}

static inline void free_message(struct test_message *m)
{
    hl7_split_free(&m->split);
    bytes_free(&m->text);
}

/* Writes a message to out, each piece into a buffer that holds `before` bytes already. Returns whether all the pieces
 * were small. */
static inline bool render(const struct hl7_view_config *config, const struct envelope *envelope, const void *text,
                          size_t n, size_t before, struct bytes *out)
{
    static const struct envelope none;
    struct test_message m;
    struct hl7_view view = {0};
    struct bytes piece = {0};
    bool small = true;
    make_message(&m, text, n);
    if (!hl7_view_begin(&view, config, &m.message, envelope ? envelope : &none))
        abort();
    enum view_progress progress;
    do {
        piece.len = 0;
        while (piece.len < before)
            bytes_puts(&piece, "{");
        progress = hl7_view_more(&view, &piece);
        small = small && piece.len - before <= 2 * VIEW_PIECE && piece.cap <= before + 8 * VIEW_PIECE;
        if (piece.len > before)
            bytes_append(out, piece.data + before, piece.len - before);
    } while (progress == VIEW_GOES_ON);
    if (progress != VIEW_DONE)
        abort();
    hl7_view_free(&view);
    bytes_free(&piece);
    free_message(&m);
    return small;
}

#endif
