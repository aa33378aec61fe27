#include "link/protocol.h"

#include <stdio.h>

/* The machine of a link that does not know its protocol yet: it takes what says nothing, tells of it once, when 2 s
 * pass or something follows that says more, and does nothing else. machine_change makes another of it. */

enum { SILENCE_MS = 2000, EOT = 0x04, ACK = 0x06, NAK = 0x15 };

static void init(struct machine *m)
{
    m->noise = (struct machine_noise){.blank = true};
}

static void release(struct machine *m)
{
    (void)m;
}

/* What instruments send that begin anew, besides blanks. */
static bool says_nothing(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\0' || c == '\r' || c == '\n' || c == EOT || c == ACK || c == NAK;
}

static size_t push(struct machine *m, const unsigned char *bytes, size_t n, int64_t now)
{
    struct machine_noise *noise = &m->noise;
    for (size_t i = 0; i < n; i++, noise->len++) {
        if (noise->len < GLIMPSE)
            noise->head[noise->len] = bytes[i];
        noise->blank = noise->blank && says_nothing(bytes[i]);
    }
    noise->offset += n;
    noise->heard = now;
    return n;
}

static void tell(struct machine *m)
{
    struct machine_noise *noise = &m->noise;
    char text[120], shown[GLIMPSE_TEXT];
    bool *told = noise->blank ? &m->signs.blanks_told : &m->signs.noise_told;
    if (noise->len && !*told) {
        *told = true;
        snprintf(text, sizeof text, "%zu bytes at offset %llu that begin no message ignored, beginning %s", noise->len,
                 (unsigned long long)(noise->offset - noise->len), glimpse(noise->head, noise->len, shown));
        const struct machine_notice notice = {&protocol_auto, 0, noise->blank ? LOG_DETAIL : LOG_EVENT,
                                              noise->blank ? "blanks" : "noise", text};
        m->owner.observer->notice(m->owner.context, &notice);
    }
    noise->len = 0;
    noise->blank = true;
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

static enum record_role role(const unsigned char *record, size_t n)
{
    enum record_role of_hl7 = protocol_hl7.role(record, n);
    return of_hl7 == RECORD_INNER ? protocol_astm.role(record, n) : of_hl7;
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
    return m->noise.len ? m->noise.heard + SILENCE_MS : INT64_MAX;
}

static void end(struct machine *m, int64_t now)
{
    (void)now;
    tell(m);
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
    .tick = end,
    .eof = end,
    .idle = yes,
    .quiet = yes,
    .resting = yes,
    .waiting = no,
    .mute = no,
    .indebted = no,
    .held = held,
    .free = release,
    .inform = inform,
    .role = role,
};
