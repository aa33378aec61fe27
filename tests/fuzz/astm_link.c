/* Any bytes and any lapse of time through the link machine: no crash, no ACK for a message's end without its verdict,
 * bounded memory. Of each pair of bytes the first says what happens, the second is what comes. */
#include "astm/link.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { HELD_MAX = 1 << 20, IN_MAX = 4096 };

struct world {
    struct astm_link link;
    unsigned char in[IN_MAX];
    size_t held;
    int64_t now;
    uint64_t waiting;  /* the ticket that is undecided; 0 none */
    unsigned owed;
};

static void take_events(struct world *w)
{
    struct astm_event event;
    while (astm_link_next(&w->link, &event)) {
        if (event.kind != ASTM_EVENT_MESSAGE)
            continue;
        for (size_t i = 0; i < event.message.len; i++)
            if (event.message.text[i] == '\n')
                abort();
        if (event.owed) {
            w->owed++;
            astm_link_answer(&w->link, event.ticket, VERDICT_ACCEPT, w->now);
        } else {
            w->waiting = event.ticket;
        }
    }
}

static void acknowledged(void *context, uint64_t first, uint64_t last, bool proven)
{
    const struct world *w = context;
    if (first > last || (!proven && w->waiting && w->waiting <= last && w->waiting >= first))
        abort();
}

static void push(struct world *w)
{
    size_t taken;
    do {
        uint64_t before = w->link.ticket;
        taken = astm_link_push(&w->link, w->in, w->held, w->now);
        memmove(w->in, w->in + taken, w->held - taken);
        w->held -= taken;
        take_events(w);
        taken += w->link.ticket - before;
    } while (taken && w->held);
}

static void answer(struct world *w, enum verdict verdict)
{
    uint64_t ticket = w->waiting;
    w->waiting = 0;
    if (ticket)
        astm_link_answer(&w->link, ticket, verdict, w->now);
    take_events(w);
    push(w);
}

static void step(struct world *w, uint8_t what, uint8_t byte)
{
    size_t n;
    switch (what % 16) {
    case 0:
        w->now += byte * 100;
        for (int i = 0; i < 8 && astm_link_deadline(&w->link) <= w->now; i++)
            astm_link_tick(&w->link, w->now);
        take_events(w);
        break;
    case 1:
        answer(w, VERDICT_ACCEPT);
        break;
    case 2:
        answer(w, byte & 1 ? VERDICT_LATER : VERDICT_NEVER);
        break;
    case 3:
        if (w->owed) {
            w->owed--;
            astm_link_settle(&w->link, w->now);
            take_events(w);
            push(w);
        }
        break;
    case 4:
        astm_link_send(&w->link, (const unsigned char *)"H|\\^&\rL|1|N\r", 12, w->now);
        break;
    case 5:
        astm_link_out(&w->link, &n);
        astm_link_sent(&w->link, n, w->now);
        break;
    default:
        if (w->held < IN_MAX)
            w->in[w->held++] = byte;
        push(w);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    struct astm_link_config config = astm_link_defaults(data[0] & 1 ? ASTM_HOST : ASTM_INSTRUMENT);
    config.checksum = data[0] & 2 ? ASTM_CHECKSUM_NONE : ASTM_CHECKSUM_AUTO;
    config.any_frame_number = data[0] & 4;
    config.interrupt = data[0] & 8;
    config.max_message = 1000;
    struct world w = {.now = 1000};
    struct astm_observer observer = {NULL, NULL, acknowledged, &w};
    astm_link_init(&w.link, &config, &observer, data[1]);
    for (size_t i = 2; i + 1 < n; i += 2) {
        step(&w, data[i], data[i + 1]);
        if (astm_link_held(&w.link) > HELD_MAX)
            abort();
    }
    w.waiting = 0;
    astm_link_eof(&w.link, w.now);
    take_events(&w);
    astm_link_free(&w.link);
    return 0;
}
