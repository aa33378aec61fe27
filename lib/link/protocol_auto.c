#include "link/protocol.h"

/* The machine of a link that does not know its protocol yet: it takes what says nothing, and does nothing else.
 * machine_look makes another of it. */

static void init(struct machine *m)
{
    (void)m;
}

static size_t push(struct machine *m, const unsigned char *bytes, size_t n, int64_t now)
{
    (void)m;
    (void)bytes;
    (void)now;
    return n;
}

static bool next(struct machine *m, struct machine_event *event)
{
    (void)m;
    (void)event;
    return false;
}

static void answer(struct machine *m, uint64_t ticket, enum verdict verdict, const struct reply *reply, int64_t now)
{
    (void)reply;
    (void)m;
    (void)ticket;
    (void)verdict;
    (void)now;
}

static void at(struct machine *m, int64_t now)
{
    (void)m;
    (void)now;
}

static bool put_up(struct machine *m, const unsigned char *text, size_t n, int64_t now)
{
    (void)m;
    (void)text;
    (void)n;
    (void)now;
    return false;
}

/* What it is for shows. */
static const char *unsendable(const unsigned char *text, size_t n)
{
    bool hl7 = n >= 3 && memcmp(text, "MSH", 3) == 0;
    return (hl7 ? &protocol_hl7 : &protocol_astm)->unsendable(text, n);
}

static const unsigned char *out(const struct machine *m, size_t *n)
{
    (void)m;
    *n = 0;
    return NULL;
}

static void sent(struct machine *m, size_t n, int64_t now)
{
    (void)m;
    (void)n;
    (void)now;
}

static int64_t deadline(const struct machine *m)
{
    (void)m;
    return INT64_MAX;
}

static bool yes(const struct machine *m)
{
    (void)m;
    return true;
}

static bool no(const struct machine *m)
{
    (void)m;
    return false;
}

static size_t held(const struct machine *m)
{
    (void)m;
    return 0;
}

static void inform(struct machine *m, size_t room, int debts)
{
    (void)m;
    (void)room;
    (void)debts;
}

const struct protocol protocol_auto = {
    .name = "auto",
    .farewell = -1,
    .init = init,
    .push = push,
    .next = next,
    .answer = answer,
    .settle = at,
    .refuse = at,
    .send = put_up,
    .unsendable = unsendable,
    .out = out,
    .sent = sent,
    .deadline = deadline,
    .tick = at,
    .eof = at,
    .idle = yes,
    .quiet = yes,
    .waiting = no,
    .mute = no,
    .held = held,
    .free = init,
    .inform = inform,
};
