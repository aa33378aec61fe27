/* Any bytes and any lapse of time through the link machine: no crash, no answer to a message before its verdict, every
 * answer in a block of its own, bounded memory. Of each pair of bytes the first says what happens, the second is what
 * comes; some of what comes are words, as chance would hardly write them. */
#include "hl7/link.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { HELD_MAX = 4 << 20, IN_MAX = 4096 };

static const char ours[] = "MSH|^~\\&|LIS|||LAB|||OML^O21|77|P|2.5.1\r";

struct world {
    struct hl7_link link;
    unsigned char in[IN_MAX];
    size_t held;
    int64_t now;
    uint64_t waiting; /* the ticket that is undecided; 0 none */
    bool sending;
};

static void wire(void *context, const struct hl7_wire *event)
{
    const struct world *w = context;
    bool of_ours = event->len == sizeof ours - 1 && memcmp(event->text, ours, event->len) == 0;
    if (!event->sent)
        return;
    if (w->waiting && !of_ours)
        abort();
    if (event->len && (memchr(event->text, 0x0B, event->len) || memchr(event->text, 0x1C, event->len)))
        abort();
}

static void take_events(struct world *w)
{
    struct hl7_event event;
    while (hl7_link_next(&w->link, &event)) {
        if (event.kind == HL7_EVENT_DONE) {
            if (!w->sending)
                abort();
            w->sending = false;
        } else if (w->waiting || event.message->header.why) {
            abort();
        } else {
            w->waiting = event.ticket;
        }
    }
}

static void push(struct world *w)
{
    size_t taken;
    do {
        uint64_t before = w->link.ticket;
        taken = hl7_link_push(&w->link, w->in, w->held, w->now);
        memmove(w->in, w->in + taken, w->held - taken);
        w->held -= taken;
        take_events(w);
        taken += w->link.ticket - before;
    } while (taken && w->held);
}

static void come(struct world *w, const void *bytes, size_t n)
{
    if (w->held + n <= IN_MAX) {
        memcpy(w->in + w->held, bytes, n);
        w->held += n;
    }
    push(w);
}

static void answer(struct world *w, enum verdict verdict, bool own)
{
    static const char text[] = "MSH|^~\\&|||||||ACK|9|P|2.5\rMSA|AA|1\rMSH|^~\\&|||||||OML^O33|10|P|2.5\r";
    const struct reply reply = {"why", (const unsigned char *)text, sizeof text - 1};
    uint64_t ticket = w->waiting;
    w->waiting = 0;
    if (ticket)
        hl7_link_answer(&w->link, ticket, verdict, own ? &reply : NULL, w->now);
    take_events(w);
    push(w);
}

static void words(struct world *w, uint8_t which)
{
    static const char *const all[] = {
        "\x0BMSH|^~\\&|A|B|C|D|||ORU^R01|1|P|2.5\r\x1C\r",
        "\x0BMSH|^~\\&|||||||ORU|2|P|2.3|||AL|SU\rOBX|1\r\x1C\r",
        "\x0BMSH|^~\\&|||||||ACK|3|P|2.5\rMSA|AA|77\r\x1C\r",
        "\x0BMSH|^~\\&|||||||ACK|3|P|2.5\rMSA|CA|77\r\x1C\r",
        "\x0B\x06\x1C\r",
        "\x0B\x15\x1C\r",
        "MSH|^~\\&|",
        "\x0B"
        "FHS|^~\\&\rBHS|^~\\&\r",
        "MSH^~|\\&",
        "\rMSA|",
        "\x1C",
        "\x1C\r",
        "\x0B",
        "||||||||",
        "AL",
        "UNICODE UTF-16",
        "\xFE\xFF\0M\0S\0H",
        "\n",
    };
    const char *word = all[which % (sizeof all / sizeof *all)];
    come(w, word, which % (sizeof all / sizeof *all) == 16 ? 8 : strlen(word));
}

static void step(struct world *w, uint8_t what, uint8_t byte)
{
    size_t n;
    switch (what % 16) {
    case 0:
        w->now += byte * 100;
        for (int i = 0; i < 8 && hl7_link_deadline(&w->link) <= w->now; i++)
            hl7_link_tick(&w->link, w->now);
        take_events(w);
        break;
    case 1:
        answer(w, VERDICT_ACCEPT, byte & 1);
        break;
    case 2:
        answer(w, byte & 1 ? VERDICT_LATER : VERDICT_NEVER, byte & 2);
        break;
    case 3:
        if (hl7_link_send(&w->link, (const unsigned char *)ours, sizeof ours - 1, w->now))
            w->sending = true;
        break;
    case 4:
        hl7_link_out(&w->link, &n);
        hl7_link_sent(&w->link, byte & 1 ? n : n / 2, w->now);
        take_events(w);
        push(w);
        break;
    case 5:
    case 6:
    case 7:
        words(w, byte);
        break;
    default:
        come(w, &byte, 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    struct hl7_link_config config = hl7_link_defaults();
    config.ack = (enum hl7_ack_mode)(data[0] & 3);
    config.release = data[0] & 4 ? 2 : 1;
    config.strict = data[0] & 8;
    config.segment_end = (enum hl7_segment_end)(data[1] % 3);
    config.max_message = 1000;
    struct world w = {.now = 1000};
    struct hl7_observer observer = {wire, NULL, NULL, &w, NULL, NULL};
    hl7_link_init(&w.link, &config, &observer);
    for (size_t i = 2; i + 1 < n; i += 2) {
        step(&w, data[i], data[i + 1]);
        if (hl7_link_held(&w.link) > HELD_MAX)
            abort();
    }
    w.waiting = 0;
    hl7_link_eof(&w.link, w.now);
    take_events(&w);
    if (w.sending)
        abort();
    hl7_link_free(&w.link);
    return 0;
}
