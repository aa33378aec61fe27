/* Two link machines wired back to back under a made-up clock: an instrument and a host, each with messages for the
 * other, over a wire that delays, loses and spoils bytes, before hand-overs that take their time and refuse. Whatever
 * happens, each message is handed over exactly once (one that comes again before its acknowledgement is known to have
 * arrived is recognised, as the standard's sender needs it), and neither side ever takes as delivered what was not. */
#include "astm/link.h"

#include "tap.h"

enum { MOST = 40, WIRE = 1 << 16, TURNS = 3000000 };

struct world_config {
    const char *name;
    unsigned messages[2];      /* at most, of the instrument and the host */
    unsigned lose, spoil, add; /* of 100 frames or answers: those that lose a byte, get one spoiled, and one too many */
    unsigned slow, refuse;     /* hand-overs of 100 that take up to 14 s, and that refuse */
    bool whole, interrupt;
};

struct wire {
    unsigned char bytes[WIRE];
    int64_t due[WIRE];
    unsigned head, tail;
};

/* One message, as its receiver's hand-over knows it. */
struct delivery {
    struct bytes text;
    unsigned handed_over;
    bool in_flight, accepted, proven, refusing;
    uint64_t ticket; /* the last it was offered with */
    int64_t decided; /* when its verdict comes */
};

struct end {
    struct world *world;
    struct end *peer;
    struct astm_link link;
    struct astm_link_config config;
    struct wire in;                   /* bytes on their way to this end */
    struct bytes unread;              /* have come and were not taken */
    struct delivery deliveries[MOST]; /* what this end is to receive */
    unsigned receives;
    unsigned sent; /* messages of the peer's deliveries that this end has sent */
    bool sending;
    int64_t again; /* when it sends next */
    unsigned contentions;
};

struct world {
    const struct world_config *config;
    struct end ends[2];
    int64_t now;
    uint64_t seed;
    const char *wrong;
    unsigned faults, repeats, refusals;
};

static uint64_t dice(struct world *w, uint64_t sides)
{
    w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
    return (w->seed >> 33) % sides;
}

static void blame(struct world *w, const char *what)
{
    if (!w->wrong)
        w->wrong = what;
}

/* ---- the wire ---- */

static void put(struct wire *wire, unsigned char byte, int64_t due)
{
    wire->bytes[wire->head % WIRE] = byte;
    wire->due[wire->head++ % WIRE] = due;
}

/* What a spoiled byte may become: nothing that is a word of the protocol by itself, for LIS01 has no remedy against an
 * ACK that was never sent, an ENQ whose ACK is taken for that to a frame, or a shorter frame whose sum is right by
 * chance. */
static unsigned char spoiled(struct world *w, unsigned char byte)
{
    unsigned char other;
    do
        other = (unsigned char)dice(w, 256);
    while (other == byte || (other >= ASTM_STX && other <= ASTM_ACK) || other == ASTM_ETB);
    return other;
}

static void carry(struct end *from)
{
    struct world *w = from->world;
    size_t n;
    const unsigned char *out = astm_link_out(&from->link, &n);
    int64_t due = w->now + 1 + (int64_t)dice(w, 40);
    struct wire *wire = &from->peer->in;
    if (wire->head != wire->tail && wire->due[(wire->head - 1) % WIRE] > due)
        due = wire->due[(wire->head - 1) % WIRE];
    /* one fault each, for two may leave the sum of a frame as it was */
    uint64_t fault = dice(w, 100), at = n ? dice(w, n) : 0;
    bool lose = fault < w->config->lose, spoil = !lose && (fault -= w->config->lose) < w->config->spoil;
    bool add = !lose && !spoil && fault - w->config->spoil < w->config->add;
    for (size_t i = 0; i < n; i++) {
        bool here = i == at;
        w->faults += here && (lose || spoil || add);
        if (here && add)
            put(wire, "\r\n\377x\021"[dice(w, 5)], due);
        if (!(here && lose))
            put(wire, here && spoil ? spoiled(w, out[i]) : out[i], due);
    }
    astm_link_sent(&from->link, n, w->now);
}

/* ---- the hand-over ---- */

static struct delivery *find(struct end *e, const struct message *m)
{
    for (unsigned i = 0; i < e->receives; i++) {
        struct delivery *d = &e->deliveries[i];
        if (d->text.len == m->len && memcmp(d->text.data, m->text, m->len) == 0)
            return d;
    }
    return NULL;
}

static void decide(struct end *e, struct delivery *d)
{
    d->in_flight = false;
    d->accepted = !d->refusing;
    d->handed_over += d->accepted;
    e->world->refusals += d->refusing;
    astm_link_answer(&e->link, d->ticket,
                     d->accepted     ? VERDICT_ACCEPT
                     : d->ticket & 1 ? VERDICT_LATER
                                     : VERDICT_NEVER,
                     e->world->now);
}

static void on_message(struct end *e, const struct astm_event *event)
{
    struct world *w = e->world;
    struct delivery *d = find(e, &event->message);
    if (!d || !event->message.complete || event->owed || !event->message.framed) {
        blame(w, "something was offered that nobody sent");
        astm_link_answer(&e->link, event->ticket, VERDICT_ACCEPT, w->now);
        return;
    }
    d->ticket = event->ticket;
    w->repeats += d->in_flight || d->accepted;
    if (d->accepted) {
        if (d->proven)
            blame(w, "a message came again although its acknowledgement had arrived");
        astm_link_answer(&e->link, event->ticket, VERDICT_ACCEPT, w->now);
    } else if (!d->in_flight) {
        d->in_flight = true;
        d->refusing = dice(w, 100) < w->config->refuse;
        d->decided = w->now + (dice(w, 100) < w->config->slow ? (int64_t)dice(w, 14000) : 0);
    }
}

static void on_acknowledged(void *context, uint64_t first, uint64_t last, bool proven)
{
    struct end *e = context;
    for (unsigned i = 0; i < e->receives; i++) {
        struct delivery *d = &e->deliveries[i];
        if (d->ticket < first || d->ticket > last || !d->ticket)
            continue;
        if (!d->accepted)
            blame(e->world, "a message was acknowledged that was not handed over");
        d->proven |= proven;
    }
}

static void on_notice(void *context, enum astm_notice notice, const char *text)
{
    struct end *e = context;
    (void)text;
    e->contentions += notice == ASTM_NOTICE_CONTENTION;
}

static void on_done(struct end *e, const struct astm_event *event)
{
    struct world *w = e->world;
    e->sending = false;
    e->again = w->now + (int64_t)dice(w, 3000);
    if (event->outcome == ASTM_SENT && e->peer->deliveries[e->sent++].handed_over != 1)
        blame(w, "a message counts as sent that was not handed over");
}

/* ---- the loop ---- */

static bool events(struct end *e)
{
    struct astm_event event;
    if (!astm_link_next(&e->link, &event))
        return false;
    if (event.kind == ASTM_EVENT_DONE)
        on_done(e, &event);
    else
        on_message(e, &event);
    return true;
}

static void feed(struct end *e)
{
    size_t taken;
    do {
        e->link.allowance = e->world->config->refuse && dice(e->world, 200) == 0 ? dice(e->world, 300) : SIZE_MAX;
        unsigned char *copy = exact_copy(e->unread.data, e->unread.len);
        taken = e->unread.len ? astm_link_push(&e->link, copy, e->unread.len, e->world->now) : 0;
        free(copy);
        bytes_drop(&e->unread, taken);
        taken += events(e);
        carry(e);
    } while (taken);
}

static void arrive(struct end *e)
{
    struct wire *wire = &e->in;
    while (wire->tail != wire->head && wire->due[wire->tail % WIRE] <= e->world->now)
        bytes_append(&e->unread, &wire->bytes[wire->tail++ % WIRE], 1);
    feed(e);
}

static void turn(struct end *e)
{
    struct world *w = e->world;
    arrive(e);
    for (unsigned i = 0; i < e->receives; i++)
        if (e->deliveries[i].in_flight && e->deliveries[i].decided <= w->now) {
            decide(e, &e->deliveries[i]);
            feed(e);
        }
    if (!e->sending && e->sent < e->peer->receives && e->again <= w->now) {
        struct bytes *text = &e->peer->deliveries[e->sent].text;
        e->sending = astm_link_send(&e->link, text->data, text->len, w->now);
    }
    if (astm_link_deadline(&e->link) <= w->now)
        astm_link_tick(&e->link, w->now);
    feed(e);
}

static int64_t soonest(const struct end *e)
{
    int64_t next = astm_link_deadline(&e->link);
    if (e->in.tail != e->in.head && e->in.due[e->in.tail % WIRE] < next)
        next = e->in.due[e->in.tail % WIRE];
    for (unsigned i = 0; i < e->receives; i++)
        if (e->deliveries[i].in_flight && e->deliveries[i].decided < next)
            next = e->deliveries[i].decided;
    if (!e->sending && e->sent < e->peer->receives && e->again < next)
        next = e->again;
    return next;
}

static bool finished(const struct world *w)
{
    for (int i = 0; i < 2; i++)
        if (w->ends[i].sent < w->ends[1 - i].receives || !astm_link_idle(&w->ends[i].link))
            return false;
    return true;
}

/* ---- worlds ---- */

static void write_message(struct world *w, struct bytes *text, int end, unsigned n)
{
    bytes_printf(text, "H|\\^&|%d-%u||sender\r", end, n);
    for (uint64_t i = 0, records = dice(w, 6); i < records; i++) {
        bytes_printf(text, "R|%d|^^^T|", (int)i);
        for (uint64_t length = dice(w, 60); length; length--)
            bytes_append(text, &"0123456789H|LR^.\344"[dice(w, 17)], 1);
        bytes_puts(text, "\r");
    }
    bytes_puts(text, "L|1|N\r");
}

static void begin(struct world *w, const struct world_config *config, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    w->config = config;
    w->seed = seed * 977 + 1;
    w->now = 1000;
    for (int i = 0; i < 2; i++) {
        struct end *e = &w->ends[i];
        struct astm_observer observer = {.notice = on_notice, .acknowledged = on_acknowledged, .context = e};
        e->world = w;
        e->peer = &w->ends[1 - i];
        e->config = astm_link_defaults(i ? ASTM_HOST : ASTM_INSTRUMENT);
        e->config.frame_size = 10 + dice(w, 100);
        e->config.whole = config->whole && dice(w, 2);
        e->config.interrupt = config->interrupt && i;
        e->receives = config->messages[1 - i] ? 1 + (unsigned)dice(w, config->messages[1 - i]) : 0;
        for (unsigned n = 0; n < e->receives; n++)
            write_message(w, &e->deliveries[n].text, i, n);
        astm_link_init(&e->link, &e->config, &observer, seed * 2 + (uint64_t)i);
    }
}

static void end(struct world *w)
{
    for (int i = 0; i < 2; i++) {
        struct end *e = &w->ends[i];
        for (unsigned n = 0; n < e->receives; n++) {
            if (!w->wrong && e->deliveries[n].handed_over != 1)
                blame(w, "a message was not handed over exactly once");
            bytes_free(&e->deliveries[n].text);
        }
        astm_link_free(&e->link);
        bytes_free(&e->unread);
    }
}

/* Plays a world to its end. NULL, or what went wrong. */
static const char *play(struct world *w, const struct world_config *config, uint64_t seed)
{
    begin(w, config, seed);
    for (unsigned turns = 0; !w->wrong && !finished(w); turns++) {
        for (int i = 0; i < 2; i++)
            turn(&w->ends[i]);
        int64_t a = soonest(&w->ends[0]), b = soonest(&w->ends[1]), next = a < b ? a : b;
        if (next == INT64_MAX && !finished(w))
            blame(w, "nothing will ever happen again");
        else if (next > w->now && next != INT64_MAX)
            w->now = next;
        if (turns == TURNS)
            blame(w, "it does not come to an end");
    }
    end(w);
    return w->wrong;
}

static const struct world_config configs[] = {
    {"an instrument sends", {8, 0}, 0, 0, 0, 0, 0, false, false},
    {"a host sends", {0, 8}, 0, 0, 0, 0, 0, false, false},
    {"both send", {8, 8}, 0, 0, 0, 0, 0, true, false},
    {"both send, and the host interrupts", {8, 8}, 0, 0, 0, 0, 0, true, true},
    {"hand-overs are slow", {6, 6}, 0, 0, 0, 50, 0, true, false},
    {"hand-overs refuse", {6, 6}, 0, 0, 0, 20, 30, true, false},
    {"bytes get lost", {6, 6}, 10, 0, 0, 0, 0, true, false},
    {"bytes get spoiled", {6, 6}, 0, 10, 0, 0, 0, true, false},
    {"noise comes between the bytes", {6, 6}, 0, 0, 20, 0, 0, true, false},
    {"everything at once", {6, 6}, 6, 6, 6, 30, 20, true, false},
};

int main(int argc, char **argv)
{
    static struct world w;
    uint64_t seeds = argc > 1 ? strtoull(argv[1], NULL, 10) : 150;
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        unsigned contentions = 0, faults = 0, repeats = 0, refusals = 0;
        uint64_t seed = 0;
        const char *wrong = NULL;
        for (; seed < seeds && !wrong; seed++) {
            wrong = play(&w, &configs[i], seed);
            contentions += w.ends[0].contentions + w.ends[1].contentions;
            faults += w.faults;
            repeats += w.repeats;
            refusals += w.refusals;
        }
        if (!ok(!wrong, "%s: each message is handed over exactly once", configs[i].name))
            printf("# with seed %d: %s\n", (int)seed - 1, wrong);
        printf("# %u contentions, %u faults, %u repeats, %u refusals\n", contentions, faults, repeats, refusals);
        ok(!(configs[i].messages[0] && configs[i].messages[1]) || contentions, "%s: contentions are as they should be",
           configs[i].name);
    }
    return done();
}
