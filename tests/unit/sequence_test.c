#include "astm/sequence.h"

#include "tap.h"

/* Frames as NUMBER, text, and ETX or ETB as } or ~, with `*` behind one at which no message is open; ENQ and EOT as <
 * and >. The turns of the frames: next, repeat, odd, gap as n r o g. */
static const struct {
    const char *name, *frames, *turns;
} vectors[] = {
    {"from 1 on, and from 7 to 0", "<1a}2a}3a}4a}5a}6a}7a}0a}1a}", "nnnnnnnnn"},
    {"before any ENQ the first may have any number", "5a}6a}", "nn"},
    {"behind EOT too", "<1a}>4a}", "nn"},
    {"behind ENQ it is 1", "<2a}", "g"},
    {"number, text and ending again", "<1a}1a}2b~2b~", "nrnr"},
    {"again without text", "<1}1}", "nr"},
    {"... and not what only begins alike", "<1a}1ab}", "no"},
    {"a repeat is none behind ENQ", "<1a}<1a}", "nn"},
    {"nor behind EOT", "<1a}>1a}", "nn"},
    {"nor with another ending", "<1a}1a~", "no"},
    {"the same number with another text, behind ETX", "<1a}2b}2c}3d}", "nnon"},
    {"behind ETB something is missing", "<1a}2b~2c}", "nng"},
    {"1 again, behind ETX", "<1a}2b}1c}2d}", "nnon"},
    {"behind ETB something is missing", "<1a}2b~1c}", "nng"},
    {"1 where no message is open, whatever was before", "<1a}2b~1c}*2d}", "nnnn"},
    {"another number", "<1a}3b}4c}", "ngn"},
    {"another number, no message open", "<1a}3b}*", "ng"},
};

static enum astm_turn turn_of(struct astm_sequence *s, const char **p)
{
    struct astm_frame f = {.number = **p - '0', .text = (const unsigned char *)*p + 1, .len = strcspn(*p + 1, "}~")};
    *p += 1 + f.len;
    f.end = *(*p)++ == '}' ? ASTM_ETX : ASTM_ETB;
    bool open = **p != '*';
    *p += !open;
    enum astm_turn turn = astm_sequence_judge(s, &f, open);
    if (turn != ASTM_TURN_REPEAT)
        astm_sequence_take(s, &f);
    return turn;
}

int main(void)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct astm_sequence s = {0};
        char turns[16] = "";
        size_t n = 0;
        astm_sequence_begin(&s, -1);
        for (const char *p = vectors[i].frames; *p;)
            if (*p == '<' || *p == '>')
                astm_sequence_begin(&s, *p++ == '<' ? 1 : -1);
            else
                turns[n++] = "nrog"[turn_of(&s, &p)];
        is_str(turns, vectors[i].turns, "%s: %s", vectors[i].name, vectors[i].frames);
        astm_sequence_free(&s);
    }
    return done();
}
