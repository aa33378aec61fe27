#include "astm/sequence.h"

void astm_sequence_begin(struct astm_sequence *s, int expected)
{
    s->expected = expected;
    s->number = -1;
}

static bool is_repeat(const struct astm_sequence *s, const struct astm_frame *f)
{
    return f->number == s->number && f->end == s->end && f->len == s->text.len &&
           (!f->len || memcmp(f->text, s->text.data, f->len) == 0);
}

enum astm_turn astm_sequence_judge(const struct astm_sequence *s, const struct astm_frame *f, bool open)
{
    if (is_repeat(s, f))
        return ASTM_TURN_REPEAT;
    if (s->expected < 0 || f->number == s->expected || (!open && f->number == 1))
        return ASTM_TURN_NEXT;
    bool odd = s->end == ASTM_ETX && (f->number == s->number || f->number == 1);
    return odd ? ASTM_TURN_ODD : ASTM_TURN_GAP;
}

void astm_sequence_take(struct astm_sequence *s, const struct astm_frame *f)
{
    s->text.len = 0;
    s->number = bytes_append(&s->text, f->text, f->len) ? f->number : -1;
    s->end = f->end;
    s->expected = (f->number + 1) % 8;
}

void astm_sequence_free(struct astm_sequence *s)
{
    bytes_free(&s->text);
}
