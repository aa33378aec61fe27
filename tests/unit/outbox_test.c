#include "link/outbox.h"

#include "tap.h"

/* An outbox with made-up links, connections and time. What goes out and what is reported is written down, a line each:
 *
 *   CONNECTION> ID
 *   CONNECTION leaves
 *   CONNECTION anew
 *   ID sent | failed REASON ATTEMPTS MS */
enum { LINKS = 2, CONNECTIONS = 4 };

static struct outbox box;
static struct outbox_config box_config;
static struct link_config config[LINKS];
static struct link links[LINKS];
static union {
    struct connection c;
    char room[sizeof(struct connection) + 64]; /* for its peer */
} connections[CONNECTIONS];
static char last[CONNECTIONS][16];                      /* what was sent on it last */
static bool busy[CONNECTIONS], refuses, stalled, begun; /* begun: what is being sent is under way */
static size_t total;
static int64_t now;
static struct bytes seen;

/* ---- what the connections do ---- */

bool connection_send(struct connection *c, const unsigned char *text, size_t n, int64_t at)
{
    const char *id = (const char *)text + strlen("MSH|^~\\&|");
    (void)at;
    if (n < 12 || text[n - 1] != '\r' || memchr(text, '\n', n))
        abort();
    if (refuses)
        return false;
    if (busy[c->number])
        abort();
    busy[c->number] = true;
    snprintf(last[c->number], sizeof *last, "%.*s", (int)strcspn(id, "|"), id);
    bytes_printf(&seen, "%d> %.*s\n", (int)c->number, (int)strcspn(id, "|"), id);
    return true;
}

/* Of the same id as the one before is one for which an answer could be mistaken. */
bool connection_renew(struct connection *c, const unsigned char *text, size_t n)
{
    const char *id = (const char *)text + strlen("MSH|^~\\&|");
    size_t len = strcspn(id, "|");
    (void)n;
    if (strlen(last[c->number]) != len || memcmp(id, last[c->number], len) != 0)
        return false;
    c->leaving = true;
    bytes_printf(&seen, "%d anew\n", (int)c->number);
    return true;
}

bool connection_withdraw(struct connection *c)
{
    if (begun || !busy[c->number])
        return false;
    busy[c->number] = false;
    bytes_printf(&seen, "%d withdrawn\n", (int)c->number);
    return true;
}

void connection_leave(struct connection *c)
{
    c->leaving = true;
    bytes_printf(&seen, "%d leaves\n", (int)c->number);
}

/* ---- the stage ---- */

static void on_report(void *context, const struct outbox_report *r)
{
    (void)context;
    bytes_printf(&seen, "%.*s %s%s %d %d\n", (int)r->id.n, (const char *)r->id.p, r->sent ? "sent" : "failed ",
                 r->sent ? "" : r->reason, (int)r->attempts, (int)r->ms);
}

static bool is_stalled(void *context)
{
    (void)context;
    return stalled;
}

static void begin(uint64_t attempts, int64_t timeout_ms, size_t max_held)
{
    static const struct outbox_hooks hooks = {NULL, on_report, is_stalled};
    now = 1000;
    refuses = stalled = false;
    begun = true;
    box_config = (struct outbox_config){.attempts = attempts, .timeout_ms = timeout_ms, .max_held = max_held};
    outbox_open(&box, &box_config, &hooks, &total);
    memset(links, 0, sizeof links);
    memset(connections, 0, sizeof connections);
    memset(busy, 0, sizeof busy);
    for (int i = 0; i < LINKS; i++) {
        config[i] = link_defaults(&protocol_hl7, ASTM_HOST);
        config[i].name = i ? "two" : "one";
        links[i].config = &config[i];
        links[i].next = i + 1 < LINKS ? &links[i + 1] : NULL;
    }
}

/* Lets the outbox do what is due now. A loop that would never rest fails. */
static void turn(void)
{
    for (int i = 0; box.source.deadline(&box.source) <= now; i++) {
        if (i == 100)
            abort();
        box.source.tick(&box.source, now);
    }
}

static void up(unsigned number, unsigned link, const char *peer)
{
    struct connection *c = &connections[number].c;
    *c = (struct connection){.number = number, .link = &links[link]};
    c->machine.protocol = config[link].protocol;
    snprintf(c->peer, 64, "%s", peer);
    busy[number] = false;
    last[number][0] = '\0';
    outbox_up(&box, c);
    turn();
}

static void down(unsigned number)
{
    outbox_down(&box, &connections[number].c);
    turn();
}

static void done_with(unsigned number, enum delivery_result result, const char *outcome, bool reconnect)
{
    struct delivery d = {.result = result, .outcome = outcome, .code = "", .reconnect = reconnect};
    busy[number] = false;
    outbox_done(&box, &connections[number].c, &d, now);
    turn();
}

static void sent(unsigned number)
{
    done_with(number, DELIVERY_SENT, "sent", false);
}

static struct outbox_slice slice(const char *text)
{
    return (struct outbox_slice){(const unsigned char *)text, text ? strlen(text) : 0};
}

static void add(unsigned link, const char *id, const char *peer)
{
    char text[80];
    snprintf(text, sizeof text, "MSH|^~\\&|%s||||||OML|7|P|2.5\nPID|1\r\n", id);
    struct outbox_message m = {.id = slice(id), .peer = slice(peer), .text = slice(text)};
    outbox_add(&box, &links[link], &m, now);
    turn();
}

/* What has happened since it was asked last. */
static void is_seen(const char *want, const char *name)
{
    bytes_append(&seen, "", 1);
    is_str((const char *)seen.data, want, "%s", name);
    seen.len = 0;
}

static void end(const char *name)
{
    outbox_close(&box);
    is_int(box.held, 0, "%s: nothing is held at the end", name);
    is_int(total, 0, "%s: nor counted", name);
    bytes_free(&seen);
}

/* ---- the tests ---- */

static void test_order(void)
{
    begin(5, 60000, 1 << 20);
    up(0, 0, "10.0.0.5:1");
    add(0, "a", NULL);
    add(0, "b", NULL);
    is_seen("0> a\n", "one at a time");
    now += 7;
    sent(0);
    is_seen("a sent 1 7\n0> b\n", "the next one after it");
    sent(0);
    is_seen("b sent 1 7\n", "and its report");
    down(0);
    ok(box.links == NULL, "a link without connections and messages is forgotten");
    end("order");
}

static void test_again(void)
{
    static const int64_t waits[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};
    begin(9, 600000, 1 << 20);
    up(0, 0, "10.0.0.5:1");
    add(0, "a", NULL);
    add(0, "b", NULL);
    seen.len = 0;
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        done_with(0, DELIVERY_LATER, "error", false);
        is_int(box.source.deadline(&box.source), now + waits[i], "wait %zu doubles, up to 30 s", i + 1);
        now += waits[i] - 1;
        turn();
        is_seen("", "nothing goes before it");
        now++;
        turn();
        is_seen("0> a\n", "then it is tried again, before what comes after it");
    }
    done_with(0, DELIVERY_YIELDED, "yielded", false);
    is_seen("0> a\n", "what yields is sent again at once");
    done_with(0, DELIVERY_LATER, "error", false);
    now += 30000;
    turn();
    is_seen("0> a\n", "and that was no attempt");
    done_with(0, DELIVERY_LATER, "error", false);
    is_seen("a failed error 9 121000\n0> b\n", "the last attempt is the last");
    done_with(0, DELIVERY_NEVER, "rejected", false);
    is_seen("b failed rejected 1 121000\n", "never is never");
    end("again");
}

static void test_time(void)
{
    begin(9, 3500, 1 << 20);
    add(0, "a", NULL);
    now += 500;
    add(0, "b", NULL);
    is_seen("", "nobody is there");
    now += 2999;
    turn();
    is_seen("", "not yet");
    now++;
    turn();
    is_seen("a failed no-connection 0 3500\n", "a message waits for so long");
    up(0, 0, "10.0.0.5:1");
    add(0, "c", NULL);
    is_seen("0> b\n", "the next one is in time");
    now += 400;
    done_with(0, DELIVERY_LATER, "error", false);
    is_seen("b failed error 1 3400\n0> c\n", "what would be tried again too late is given up");
    now += 10000;
    turn();
    is_seen("", "what is being sent is waited for");
    add(0, "d", NULL);
    now += 3500;
    turn();
    is_seen("d failed timeout 0 3500\n", "who waits behind it is not");
    sent(0);
    is_seen("c sent 1 13900\n", "and it was in time all the same");
    box_config.timeout_ms = 0;
    add(0, "now", NULL);
    add(0, "never", NULL);
    is_seen("0> now\nnever failed timeout 0 0\n", "no time at all: now or never");
    end("time");
}

static void test_who(void)
{
    begin(5, 60000, 1 << 20);
    up(0, 0, "10.0.0.5:1");
    up(1, 0, "10.0.0.5:2");
    add(0, "new", NULL);
    is_seen("1> new\n", "the newest connection");
    add(0, "old", "10.0.0.5:1");
    add(0, "next", "10.0.0.5");
    is_seen("0> old\n", "the one that peer names, beside it; an address alone is its newest");
    sent(1);
    is_seen("new sent 1 0\n1> next\n", "which comes free");
    up(2, 0, "[2001:db8::1]:7");
    add(0, "who", NULL);
    is_seen("who failed ambiguous 0 0\n", "two addresses");
    add(0, "six", "2001:db8::1");
    is_seen("2> six\n", "an address of IPv6 without brackets");
    sent(2);
    connections[2].c.closing = true;
    add(0, "one", NULL);
    sent(1);
    is_seen("six sent 1 0\nnext sent 1 0\n1> one\n", "a connection that is being closed does not count");
    add(1, "other", NULL);
    up(3, 1, "unix");
    is_seen("3> other\n", "another link has its own");
    end("who");
}

static void test_lost(void)
{
    begin(5, 60000, 1 << 20);
    up(0, 0, "10.0.0.5:1");
    add(0, "a", NULL);
    done_with(0, DELIVERY_LATER, "no-answer", true);
    is_seen("0> a\n0 leaves\n", "a late answer cannot be mistaken");
    now += 5000;
    turn();
    is_seen("", "nothing goes out on a connection that leaves");
    down(0);
    up(1, 0, "10.0.0.5:2");
    is_seen("1> a\n", "the next connection has it");
    connections[1].c.source.gone = true;
    done_with(1, DELIVERY_LATER, "connection-lost", false);
    down(1);
    now += 2000;
    up(2, 0, "10.0.0.5:3");
    is_seen("2> a\n", "and the one after that");
    sent(2);
    is_seen("a sent 3 7000\n", "the attempts are counted");
    refuses = true;
    add(0, "b", NULL);
    is_seen("", "a connection that takes nothing");
    refuses = false;
    now += 1000;
    turn();
    is_seen("2> b\n", "is asked again after a second");
    end("lost");
}

static void test_anew(void)
{
    begin(5, 60000, 1 << 20);
    box_config.renews = box_config.spreads = true;
    up(0, 0, "10.0.0.5:1");
    add(0, "a", NULL);
    add(0, "a", NULL);
    add(0, "b", NULL);
    sent(0);
    is_seen("0> a\na sent 1 0\n0 anew\n", "an answer could be mistaken: nothing goes out on that connection");
    now += 5000;
    turn();
    is_seen("", "nor what comes after it");
    down(0);
    up(0, 0, "10.0.0.5:1");
    is_seen("0> a\n", "the new one has it");
    sent(0);
    is_seen("a sent 1 5000\n0> b\n", "that was one attempt; another one follows on the same connection");
    sent(0);
    up(1, 0, "10.0.0.5:2");
    seen.len = 0;
    add(0, "b", NULL);
    is_seen("1> b\n", "of two, the one that had no such message");
    sent(1);
    add(0, "b", NULL);
    is_seen("b sent 1 0\n1 anew\n0 anew\n", "none is left: each is made anew");
    outbox_stop(&box, "stopping", now, now);
    is_seen("b failed stopping 0 0\n", "what waits for it may be given up");
    end("anew");

    begin(5, 60000, 1 << 20);
    up(0, 0, "10.0.0.5:1");
    add(0, "a", NULL);
    add(0, "a", NULL);
    sent(0);
    is_seen("0> a\na sent 1 0\n0> a\n", "only where that is wanted");
    end("not anew");
}

static void test_bounds(void)
{
    char id[16], want[40];
    begin(5, 60000, 1 << 20);
    for (int i = 1; i <= OUTBOX_QUEUE + 1; i++) {
        snprintf(id, sizeof id, "%d", i);
        add(0, id, NULL);
    }
    snprintf(want, sizeof want, "%d failed queue-full 0 0\n", OUTBOX_QUEUE + 1);
    is_seen(want, "one message too many");
    ok(!outbox_full(&box, links), "nobody takes them, and others could: it is no use to wait");
    add(1, "x", NULL);
    is_seen("", "another link has room");
    links[1].gone = true;
    turn();
    is_seen("x failed link-gone 0 0\n", "what waits for a link that is gone fails");
    up(0, 0, "10.0.0.5:1");
    ok(outbox_full(&box, links), "with a connection it is");
    end("bounds");

    begin(5, 60000, 2000);
    up(0, 0, "10.0.0.5:1");
    links[1].gone = true;
    for (int i = 0; !outbox_full(&box, links) && i < 100; i++)
        add(0, "m", NULL);
    ok(box.held >= 2000 && total == box.held, "memory is bounded: the only link is waited for");
    seen.len = 0;
    add(0, "more", NULL);
    is_seen("more failed queue-full 0 0\n", "who does not wait fails");
    sent(0);
    ok(!outbox_full(&box, links), "then there is room again");
    seen.len = 0;
    static char big[4000];
    memset(big, 'x', sizeof big - 1);
    memcpy(big, "MSH|^~\\&|||||||ADT|7|", strlen("MSH|^~\\&|||||||ADT|7|"));
    struct outbox_message m = {.id = slice("big"), .text = slice(big)};
    outbox_add(&box, &links[0], &m, now);
    is_seen("big failed no-memory the message is too long 0 0\n", "one that never fits");
    end("memory");
}

static void test_stalled(void)
{
    begin(5, 60000, 1 << 20);
    up(0, 0, "10.0.0.5:1");
    stalled = true;
    add(0, "a", NULL);
    is_seen("", "nothing is begun while reports are not read");
    stalled = false;
    turn();
    is_seen("0> a\n", "then it is");
    end("stalled");
}

static void test_detected(void)
{
    begin(5, 60000, 1 << 20);
    config[0].protocol = &protocol_auto;
    up(0, 0, "10.0.0.5:1");
    add(0, "a", NULL);
    is_seen("", "a connection that has said nothing yet");
    connections[0].c.machine.protocol = &protocol_hl7;
    turn();
    is_seen("0> a\n", "it speaks HL7");
    connections[0].c.machine.protocol = &protocol_astm;
    add(0, "b", NULL);
    sent(0);
    is_seen("a sent 1 0\nb failed bad-text this connection speaks astm: it does not begin with an H record 0 0\n",
            "another one does not");
    end("detected");
}

static void test_reply(void)
{
    static const unsigned char text[] = "MSH|^~\\&|reply||||||RSP|7|P|2.5\nPID|1\n", bad[] = "PID|1\n";
    begin(2, 60000, 1 << 20);
    up(0, 0, "10.0.0.5:1");
    up(1, 0, "10.0.0.5:2");
    add(0, "a", "10.0.0.5:1");
    add(0, "b", "10.0.0.5:1");
    outbox_reply(&box, &connections[0].c, text, sizeof text - 1, now);
    outbox_reply(&box, &connections[0].c, bad, sizeof bad - 1, now);
    turn();
    is_seen("0> a\n", "a reply waits for what is being sent");
    sent(0);
    is_seen("a sent 1 0\n0> reply\n", "and goes before the queue");
    done_with(0, DELIVERY_LATER, "error", false);
    is_seen("", "it is tried again");
    now += 1000;
    turn();
    sent(0);
    is_seen("0> reply\n0> b\n", "and not reported");
    outbox_reply(&box, &connections[0].c, text, sizeof text - 1, now);
    connections[0].c.source.gone = true;
    done_with(0, DELIVERY_LATER, "connection-lost", false);
    up(2, 0, "10.0.0.6:1");
    down(0);
    is_seen("1> reply\n", "when its connection is gone it goes to another from there");
    sent(1);
    add(0, "c", "10.0.0.5");
    is_seen("1> c\n", "and is not reported");
    outbox_reply(&box, &connections[1].c, text, sizeof text - 1, now);
    connections[1].c.source.gone = true;
    done_with(1, DELIVERY_LATER, "connection-lost", false);
    down(1);
    is_seen("", "or it waits for one");
    now += 50000;
    up(3, 0, "10.0.0.5:7");
    is_seen("3> c\n", "of what waits what came first goes first");
    sent(3);
    is_seen("c sent 2 50000\n3> reply\n", "then the reply");
    done_with(3, DELIVERY_LATER, "error", false);
    is_seen("", "which is not taken");
    now += 1000;
    turn();
    is_seen("3> reply\n", "and tried again");
    sent(3);
    is_seen("", "but not reported");
    end("reply");
}

/* A reply that is an answer is of no use on another connection; and at the end none waits for one. */
static void test_stranded(void)
{
    static const unsigned char text[] = "H|\\^&||||reply|\n", order[] = "MSH|^~\\&|order||||||OML|7|P|2.5\nPID|1\n";
    begin(2, 60000, 1 << 20);
    config[0].protocol = &protocol_astm;
    up(0, 0, "10.0.0.5:1");
    up(1, 0, "10.0.0.5:2");
    outbox_reply(&box, &connections[0].c, text, sizeof text - 1, now);
    down(0);
    turn();
    is_seen("", "a reply of ASTM goes to no other connection");
    is_int(box.held, 0, "and is given up");
    up(3, 0, "10.0.0.5:3");
    outbox_reply(&box, &connections[3].c, text, sizeof text - 1, now);
    turn();
    connections[3].c.source.gone = true;
    done_with(3, DELIVERY_LATER, "connection-lost", false);
    is_seen("3> reply\n", "one whose connection is lost under it");
    is_int(box.held, 0, "is given up at once");
    down(3);
    up(2, 1, "10.0.0.6:1");
    outbox_reply(&box, &connections[2].c, order, sizeof order - 1, now);
    outbox_reply(&box, &connections[2].c, order, sizeof order - 1, now);
    turn();
    outbox_stop(&box, "stopping", now + 10000, now);
    turn();
    connections[2].c.source.gone = true;
    done_with(2, DELIVERY_LATER, "connection-lost", false);
    down(2);
    is_seen("2> order\n", "at the end");
    is_int(box.held, 0, "nothing waits");
    end("stranded");
}

/* What was given back on another link: it goes where the asker is, if there are others. */
static void test_passed(void)
{
    static const unsigned char text[] = "MSH|^~\\&|order||||||OML|7|P|2.5\nPID|1\n";
    begin(2, 60000, 1 << 20);
    outbox_pass(&box, &links[0], "10.0.0.5:1", text, sizeof text - 1, now);
    turn();
    up(0, 0, "10.0.0.6:1");
    is_seen("0> order\n", "to who is there");
    up(1, 0, "10.0.0.5:7");
    up(2, 0, "10.0.0.7:1");
    outbox_pass(&box, &links[0], "10.0.0.5:1", text, sizeof text - 1, now);
    turn();
    is_seen("1> order\n", "of several to that address");
    sent(1);
    is_seen("", "and it is not reported");
    outbox_pass(&box, &links[0], "10.0.0.8:1", text, sizeof text - 1, now);
    turn();
    is_seen("", "nor sent to another");
    up(3, 0, "10.0.0.8:2");
    is_seen("3> order\n", "it waits");
    end("passed");
}

/* What a connection does not take for as long as anything is tried is taken back. */
static void test_withdrawn(void)
{
    static const unsigned char text[] = "MSH|^~\\&|reply||||||RSP|7|P|2.5\nPID|1\n";
    begin(5, 60000, 1 << 20);
    up(0, 0, "10.0.0.5:1");
    outbox_reply(&box, &connections[0].c, text, sizeof text - 1, now);
    outbox_reply(&box, &connections[0].c, text, sizeof text - 1, now);
    turn();
    add(0, "a", NULL);
    now += 59999;
    turn();
    is_seen("0> reply\n", "a connection that is busy");
    now += 1;
    turn();
    is_seen("a failed timeout 0 60000\n", "it has begun at last");
    begun = false;
    now += 1000;
    turn();
    is_seen("0 withdrawn\n", "it has not come to anything; what waits behind it has waited for as long");
    box_config.timeout_ms = 0;
    add(0, "b", NULL);
    is_seen("0> b\n", "the connection is free");
    now += 999;
    turn();
    is_seen("", "even what has no time at all has a moment to begin");
    now += 1;
    turn();
    is_seen("0 withdrawn\nb failed timeout 0 1000\n", "one that is to be reported");
    box_config.timeout_ms = 60000;
    outbox_reply(&box, &connections[0].c, text, sizeof text - 1, now);
    turn();
    done_with(0, DELIVERY_LATER, "error", false);
    now += 1000;
    turn();
    sent(0);
    is_seen("0> reply\n0> reply\n", "one that is taken in time");
    end("withdrawn");
}

/* A reply that cannot be sent where it turns out to go keeps nobody waiting. */
static void test_wrong_reply(void)
{
    static const unsigned char text[] = "MSH|^~\\&|reply||||||RSP|7|P|2.5\nPID|1\n", wrong[] = "H|\\^&\nL|1\n";
    begin(5, 60000, 1 << 20);
    config[0].protocol = &protocol_auto;
    up(0, 0, "10.0.0.5:1");
    connections[0].c.machine.protocol = &protocol_hl7;
    outbox_reply(&box, &connections[0].c, wrong, sizeof wrong - 1, now);
    outbox_reply(&box, &connections[0].c, text, sizeof text - 1, now);
    turn();
    is_seen("0> reply\n", "the next one goes");
    sent(0);
    outbox_reply(&box, &connections[0].c, wrong, sizeof wrong - 1, now);
    add(0, "a", NULL);
    is_seen("0> a\n", "and so does the queue");
    end("wrong reply");
}

/* A query is taken back before it was answered. */
static void test_cancelled(void)
{
    static const unsigned char text[] = "MSH|^~\\&|reply||||||RSP|7|P|2.5\nPID|1\n";
    begin(5, 60000, 1 << 20);
    up(0, 0, "10.0.0.5:1");
    up(1, 0, "10.0.0.5:2");
    outbox_cancel(&box, &connections[0].c);
    for (int i = 0; i < 4; i++)
        outbox_reply(&box, &connections[i / 3].c, text, sizeof text - 1, now);
    turn();
    is_seen("1> reply\n0> reply\n", "an answer is under way");
    outbox_cancel(&box, &connections[0].c);
    turn();
    sent(1);
    sent(0);
    is_seen("0> reply\n", "the last one behind it is dropped, and it alone");
    sent(0);
    turn();
    is_seen("", "no more is there");
    outbox_reply(&box, &connections[0].c, text, sizeof text - 1, now);
    turn();
    begun = false;
    outbox_cancel(&box, &connections[0].c);
    is_seen("0> reply\n0 withdrawn\n", "one that has not come to anything is taken back");
    is_int(box.held, 0, "and dropped");
    outbox_reply(&box, &connections[0].c, text, sizeof text - 1, now);
    turn();
    is_seen("0> reply\n", "what comes later goes");
    add(0, "a", "10.0.0.5:1");
    outbox_cancel(&box, &connections[0].c);
    turn();
    is_seen("0 withdrawn\n0> a\n", "and so does the queue");
    begun = true;
    outbox_cancel(&box, &connections[0].c);
    sent(0);
    is_seen("a sent 1 0\n", "which is no answer");
    end("cancelled");
}

static void test_stop(void)
{
    begin(5, 60000, 1 << 20);
    up(0, 0, "10.0.0.5:1");
    up(1, 1, "10.0.0.6:1");
    add(0, "a", NULL);
    add(0, "b", NULL);
    add(1, "c", NULL);
    seen.len = 0;
    outbox_stop(&box, "stopping", now + 10000, now);
    turn();
    is_seen("b failed stopping 0 0\n", "what waits is reported");
    add(0, "d", NULL);
    is_seen("d failed stopping 0 0\n", "and what comes");
    now += 9000;
    sent(0);
    is_seen("a sent 1 9000\n", "what is being sent may be sent");
    now += 1000;
    turn();
    is_seen("c failed stopping 0 10000\n", "until the time is up");
    done_with(1, DELIVERY_SENT, "sent", false);
    is_seen("", "then nobody wants to know");
    end("stop");
}

int main(void)
{
    if (!freopen("/dev/null", "w", stderr)) /* the log tells of every message that is not delivered */
        abort();
    test_order();
    test_again();
    test_time();
    test_who();
    test_lost();
    test_anew();
    test_bounds();
    test_stalled();
    test_detected();
    test_reply();
    test_stranded();
    test_passed();
    test_withdrawn();
    test_wrong_reply();
    test_cancelled();
    test_stop();
    return done();
}
