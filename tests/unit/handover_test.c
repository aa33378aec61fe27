#include "link/handover.h"

#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A hand-over to a pipe whose reader reads when the test lets it, and the verdicts that came. */
struct stage {
    struct handover h;
    struct link_config config;
    struct link link;
    int reader, writer;
    struct bytes got; /* by the reader */
    int verdicts;
    struct handover_party party; /* of the last verdict */
    enum verdict verdict;
    bool query; /* it was for one */
    int repeats;
    char trail[64]; /* the tickets of all verdicts */
    int settled;
};

static void on_verdict(void *context, const struct handover_party *party, enum verdict verdict,
                       const struct reply *reply, int64_t now)
{
    struct stage *s = context;
    (void)now;
    s->query = reply->query;
    s->verdicts++;
    s->party = *party;
    s->verdict = verdict;
    snprintf(s->trail + strlen(s->trail), sizeof s->trail - strlen(s->trail), "%u ", (unsigned)party->ticket);
}

static void on_repeated(void *context, const struct handover_party *party)
{
    (void)party;
    ((struct stage *)context)->repeats++;
}

static void on_settled(void *context, int64_t now)
{
    struct stage *s = context;
    (void)now;
    s->settled++;
    is_int(handover_orphans(&s->h, "link", "10.0.0.5:1"), 0, "then nothing is owed");
}

/* stdout stays TAP's; the outlet is put on the stage's descriptor. */
static void open_on(struct stage *s, int fd, enum view_format format, uint32_t dedup, uint64_t limit)
{
    s->config = link_defaults(&protocol_astm, ASTM_HOST);
    s->config.astm_view.format = format;
    s->config.name = "link";
    s->link.config = &s->config;
    handover_open(&s->h, format, dedup, limit);
    outlet_close(&s->h.out.outlet);
    outlet_open(&s->h.out.outlet, fd);
    s->h.out.base.source.fd = s->h.out.outlet.fd;
    s->h.context = s;
    s->h.verdict = on_verdict;
    s->h.repeated = on_repeated;
    s->h.settled = on_settled;
    s->h.room = SIZE_MAX;
}

static void begin(struct stage *s, enum view_format format, uint32_t dedup, uint64_t limit)
{
    int ends[2];
    memset(s, 0, sizeof *s);
    if (pipe(ends) != 0)
        abort();
    s->reader = ends[0];
    s->writer = ends[1];
    fcntl(s->reader, F_SETFL, O_NONBLOCK);
    open_on(s, s->writer, format, dedup, limit);
}

static void finish(struct stage *s)
{
    handover_close(&s->h);
    bytes_free(&s->got);
    close(s->reader);
    close(s->writer);
}

/* The reader reads at most n bytes. Returns how many there were. */
static size_t read_some(struct stage *s, size_t n)
{
    static unsigned char buffer[64 << 10];
    ssize_t got = read(s->reader, buffer, n < sizeof buffer ? n : sizeof buffer);
    if (got > 0 && !bytes_append(&s->got, buffer, (size_t)got))
        abort();
    return got > 0 ? (size_t)got : 0;
}

static void read_all(struct stage *s)
{
    do
        handover_pump(&s->h, 0);
    while (read_some(s, SIZE_MAX));
}

static size_t lines(const struct stage *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->got.len; i++)
        n += s->got.data[i] == '\n';
    return n;
}

/* Leaves no room in the pipe. */
static void stall(struct stage *s)
{
    static char junk[4096];
    while (outlet_write(&s->h.out.outlet, junk, sizeof junk) > 0)
        ;
}

static struct reply no_reply; /* nobody looks at it */

/* A message with that control id, of about len bytes. The same id and length are the same bytes. */
static struct message message(const char *id, size_t len)
{
    static struct bytes text;
    text.len = 0;
    bytes_printf(&text, "H|\\^&|%s||sender\r", id);
    while (text.len + 60 < len)
        bytes_printf(&text, "R|%zu|^^^GLU|5.4|mmol/L\r", text.len);
    bytes_puts(&text, "L|1|N\r");
    return (struct message){.text = text.data, .len = text.len, .notes = "", .complete = true, .framed = true};
}

static enum verdict offer(struct stage *s, const char *id, size_t len, uint64_t connection, uint64_t ticket)
{
    struct message m = message(id, len);
    struct handover_party party = {connection, ticket, false, &s->link, &protocol_astm, 0};
    return handover_offer(&s->h, &party, &m, "10.0.0.5:49152", &no_reply, 0);
}

static enum verdict offer_owed(struct stage *s, const char *id, uint64_t connection, uint64_t ticket)
{
    struct message m = message(id, 80);
    struct handover_party party = {connection, ticket, true, &s->link, &protocol_astm, 0};
    return handover_offer(&s->h, &party, &m, "10.0.0.5:49152", &no_reply, 0);
}

/* ---- the verdict ---- */

static void test_order(void)
{
    struct stage s;
    begin(&s, VIEW_MESSAGE, 10, 0);
    is_int(offer(&s, "a", 100, 1, 1), VERDICT_WAIT, "a message waits for its verdict");
    is_int(offer(&s, "b", 100, 2, 7), VERDICT_WAIT, "and so does another");
    is_int(s.verdicts, 0, "nothing is decided before it is written");
    ok(!handover_idle(&s.h), "the hand-over is not idle");
    handover_pump(&s.h, 0);
    is_str(s.trail, "1 7 ", "both are, in order, when they are");
    ok(s.verdict == VERDICT_ACCEPT && s.party.connection == 2, "and whoever offered it is told");
    ok(handover_idle(&s.h), "then it is idle");
    read_all(&s);
    is_int(lines(&s), 2, "each is a line");
    ok(s.got.len == s.h.out.stream.taken, "all that was written is there");
    finish(&s);
}

static void test_stalled(void)
{
    struct stage s;
    begin(&s, VIEW_MESSAGE, 10, 0);
    stall(&s);
    is_int(offer(&s, "a", 9000, 1, 1), VERDICT_WAIT, "a message waits while stdout is stalled");
    handover_pump(&s.h, 0);
    ok(!s.verdicts && !target_stdout_torn(&s.h.out), "nothing is decided, nothing is torn");
    read_some(&s, 4096);
    handover_pump(&s.h, 0);
    ok(s.h.out.stream.taken > 0 && !s.verdicts, "nor while only a part of its line is written (%d bytes)",
       (int)s.h.out.stream.taken);
    ok(target_stdout_torn(&s.h.out), "the line is torn");
    s.got.len = 0;
    read_all(&s);
    ok(s.verdicts == 1 && s.verdict == VERDICT_ACCEPT, "only when the whole line is");
    ok(!target_stdout_torn(&s.h.out) && s.got.data[s.got.len - 1] == '\n', "then nothing is torn");
    finish(&s);
}

static void test_torn_text(void)
{
    struct stage s;
    begin(&s, VIEW_RAW, 10, 0);
    stall(&s);
    offer(&s, "a", 9000, 1, 1);
    read_some(&s, 4096);
    handover_pump(&s.h, 0);
    ok(s.h.out.stream.taken && target_stdout_torn(&s.h.out), "a raw message that is written in part is torn too");
    read_all(&s);
    ok(s.verdicts == 1 && !target_stdout_torn(&s.h.out), "one that is written whole is not");
    finish(&s);
}

static void put_report(struct stage *s, size_t len)
{
    static char report[2000];
    memset(report, 'x', len);
    report[len - 1] = '\n';
    ok(target_stdout_put(&s->h.out, report, len), "a report of %d bytes", (int)len);
}

/* Reports of deliveries, between messages that are no lines, and where no messages go. */
static void test_torn_reports(void)
{
    struct stage s;
    begin(&s, VIEW_RAW, 10, 0);
    offer(&s, "a", 100, 1, 1);
    read_all(&s);
    put_report(&s, 100);
    read_all(&s);
    ok(s.h.out.stream.taken > s.h.out.whole && !target_stdout_torn(&s.h.out), "a report after a raw message is whole");
    stall(&s);
    offer(&s, "b", 9000, 1, 2);
    handover_pump(&s.h, 0);
    ok(!target_stdout_torn(&s.h.out), "a raw message of which nothing is written yet is not torn");
    handover_freeze(&s.h, 0);
    ok(!target_stdout_torn(&s.h.out), "nor when it is refused");
    finish(&s);

    begin(&s, VIEW_RAW, 10, 0);
    stall(&s);
    offer(&s, "a", 9000, 1, 1);
    read_some(&s, 4096);
    handover_pump(&s.h, 0);
    handover_freeze(&s.h, 0);
    ok(s.verdict == VERDICT_LATER && target_stdout_torn(&s.h.out), "but one that is written in part is, also then");
    finish(&s);

    begin(&s, VIEW_TEXT, 10, 0);
    target_stdout_leave(&s.h.out);
    put_report(&s, 100);
    read_all(&s);
    ok(s.h.out.stream.taken && !target_stdout_torn(&s.h.out), "where no messages go a report is whole");
    stall(&s);
    for (int i = 0; i < 4; i++)
        put_report(&s, 2000);
    read_some(&s, 4096);
    s.h.out.outlet.pipe = false; /* whatever fits */
    handover_pump(&s.h, 0);
    ok(target_stdout_torn(&s.h.out), "until one is written in part");
    finish(&s);
}

static void test_invisible(void)
{
    struct stage s;
    begin(&s, VIEW_FRAME, 10, 0);
    offer(&s, "a", 100, 1, 1);
    handover_pump(&s.h, 0);
    ok(s.verdicts == 1 && !s.h.out.stream.taken, "a view that shows nothing of a message has handed it over at once");
    stall(&s);
    struct astm_wire wire = {.event = "ENQ"};
    handover_wire(&s.h, &s.link, &protocol_astm, &(struct machine_wire){.astm = &wire}, "10.0.0.5:49152");
    offer(&s, "b", 100, 1, 2);
    handover_pump(&s.h, 0);
    is_int(s.verdicts, 1, "but not before the events of its frames are written");
    for (int i = 0; i < 10000 && !target_stdout_full(&s.h.out); i++)
        handover_wire(&s.h, &s.link, &protocol_astm, &(struct machine_wire){.astm = &wire}, "10.0.0.5:49152");
    ok(target_stdout_full(&s.h.out), "events that nobody reads stop the reading of more");
    s.got.len = 0;
    read_all(&s);
    ok(s.verdicts == 2 && !target_stdout_full(&s.h.out), "until they are read");
    finish(&s);
}

/* ---- memory ---- */

static void test_big(void)
{
    enum { MANY = 6, LEN = 2 << 20 };
    struct stage s;
    size_t most = 0;
    char id[16];
    begin(&s, VIEW_MESSAGE, 10, 0);
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "big-%d", i);
        is_int(offer(&s, id, LEN, 1, (uint64_t)i), VERDICT_WAIT, "message %d of 2 MiB waits", i);
    }
    ok(s.h.held >= (size_t)MANY * LEN, "what is held is counted");
    do {
        handover_pump(&s.h, 0);
        if (s.h.out.stream.piece.cap > most)
            most = s.h.out.stream.piece.cap;
    } while (read_some(&s, SIZE_MAX));
    is_int(s.verdicts, MANY, "all are handed over");
    is_int(lines(&s), MANY, "each as a line");
    ok(most <= 1 << 20, "which was never whole in memory (%zu bytes at most)", most);
    is_int(s.h.held, 0, "nothing is held any more");
    ok(s.h.out.stream.piece.len == 0 && s.h.out.stream.piece.cap <= 512 << 10, "but a buffer for what comes next");
    finish(&s);
}

static void test_room(void)
{
    struct stage s;
    begin(&s, VIEW_MESSAGE, 10, 0);
    s.h.room = 50000;
    is_int(offer(&s, "a", 100000, 1, 1), VERDICT_LATER, "a message that there is no room for is refused as later");
    is_int(offer(&s, "a", 100000, 1, 1), VERDICT_LATER, "and is no repeat when it comes again");
    is_int(s.repeats, 0, "not at all");
    is_int(offer(&s, "b", 100, 1, 2), VERDICT_WAIT, "a short one is taken");
    s.h.room = SIZE_MAX;
    is_int(offer(&s, "a", 100000, 1, 3), VERDICT_WAIT, "and the long one, once there is room");
    read_all(&s);
    is_str(s.trail, "2 3 ", "both are handed over");
    finish(&s);
}

/* ---- repeats ---- */

static void test_repeats(void)
{
    struct stage s;
    begin(&s, VIEW_MESSAGE, 10, 0);
    stall(&s);
    offer(&s, "a", 100, 1, 1);
    is_int(offer(&s, "a", 100, 2, 5), VERDICT_WAIT, "a repeat waits while its first copy is being handed over");
    is_int(s.repeats, 1, "it is told of");
    read_all(&s);
    is_str(s.trail, "1 5 ", "both get the same verdict");
    ok(s.verdict == VERDICT_ACCEPT && s.party.connection == 2, "each where it came");
    handover_acknowledged(&s.h, 2, 5, 5, false);
    is_int(offer(&s, "a", 100, 3, 1), VERDICT_ACCEPT, "one that comes later is acknowledged at once");
    is_int(offer(&s, "a", 200, 3, 2), VERDICT_WAIT, "other content under the same control id is no repeat");
    is_int(offer(&s, "b", 100, 3, 3), VERDICT_WAIT, "nor the same under another");
    handover_acknowledged(&s.h, 3, 1, 1, true);
    is_int(offer(&s, "a", 100, 3, 4), VERDICT_WAIT, "once its acknowledgement has arrived, it is sent on purpose");
    s.got.len = 0;
    read_all(&s);
    is_int(lines(&s), 3, "and is handed over again");
    finish(&s);
}

static void test_starting_over(void)
{
    struct stage s;
    begin(&s, VIEW_MESSAGE, 10, 0);
    stall(&s);
    offer(&s, "a", 100, 1, 1);
    offer(&s, "a", 100, 2, 1);
    for (uint64_t ticket = 2; ticket < 10; ticket++) {
        offer(&s, "a", 100, 1, ticket);
        offer(&s, "a", 100, 2, ticket * 10);
    }
    offer(&s, "a", 100, 3, 7);
    handover_orphan(&s.h, 3);
    read_all(&s);
    is_str(s.trail, "9 90 ", "who starts over again and again gets one verdict, and who has gone none");
    handover_orphan(&s.h, 1);
    finish(&s);

    begin(&s, VIEW_MESSAGE, 10, 0);
    stall(&s);
    offer(&s, "a", 100, 1, 1);
    handover_orphan(&s.h, 1);
    offer(&s, "a", 100, 2, 2);
    read_all(&s);
    is_str(s.trail, "2 ", "who comes back on another connection gets the verdict there");
    s.got.len = 0;
    offer(&s, "b", 100, 2, 3);
    stall(&s);
    offer(&s, "b", 100, 3, 4);
    finish(&s);
}

static void test_repeat_of_refused(void)
{
    struct stage s;
    begin(&s, VIEW_MESSAGE, 10, 0);
    stall(&s);
    offer(&s, "a", 100, 1, 1);
    offer(&s, "a", 100, 2, 1);
    close(s.reader);
    handover_pump(&s.h, 0);
    ok(s.verdicts == 2 && s.verdict == VERDICT_LATER && s.party.connection == 2,
       "a repeat of a message that is refused is refused");
    s.reader = open("/dev/null", O_RDONLY);
    finish(&s);
}

static void test_query(void)
{
    static const char text[] = "H|\\^&|q||sender\rQ|1|^S-1||ALL\rL|1|N\r";
    struct message m = {
        .text = (const unsigned char *)text, .len = strlen(text), .notes = "", .complete = true, .framed = true};
    struct stage s;
    struct handover_party one = {1, 1, false, &s.link, &protocol_astm, 0};
    struct handover_party two = {2, 1, false, &s.link, &protocol_astm, 0},
                          again = {1, 2, false, &s.link, &protocol_astm, 0};
    begin(&s, VIEW_MESSAGE, 10, 0);
    is_int(handover_offer(&s.h, &one, &m, "p", &no_reply, 0), VERDICT_WAIT, "a query waits");
    handover_pump(&s.h, 0);
    is_int(handover_offer(&s.h, &again, &m, "p", &no_reply, 0), VERDICT_ACCEPT,
           "a query whose ACK is not sent yet is known");
    is_int(handover_offer(&s.h, &two, &m, "p", &no_reply, 0), VERDICT_WAIT, "but not on another connection");
    handover_pump(&s.h, 0);
    handover_acknowledged(&s.h, 2, 1, 1, false);
    is_int(handover_offer(&s.h, &two, &m, "p", &no_reply, 0), VERDICT_WAIT, "nor after its ACK");
    read_all(&s);
    is_int(lines(&s), 3, "it is asked again");
    finish(&s);
}

/* A verdict that came after its query had been refused. */
static void test_late_query(void)
{
    static const char text[] = "H|\\^&|q||sender\rQ|1|^S-1||ALL\rL|1|N\r";
    struct message m = {
        .text = (const unsigned char *)text, .len = strlen(text), .notes = "", .complete = true, .framed = true};
    struct stage s;
    struct handover_party party = {1, 1, false, &s.link, &protocol_astm, 1};
    struct reply reply = {0};
    begin(&s, VIEW_MESSAGE, 10, 0);
    handover_offer(&s.h, &party, &m, "p", &reply, 0);
    handover_pump(&s.h, 0);
    ok(s.verdicts == 1 && s.query, "a verdict says that it is for a query");
    handover_withhold(&s.h, 1, 1);
    party.ticket = 2;
    is_int(handover_offer(&s.h, &party, &m, "p", &reply, 0), VERDICT_ACCEPT, "in its session it is a repeat");
    ok(!reply.repeated, "for which what was withheld goes out");
    party.ticket = 3;
    is_int(handover_offer(&s.h, &party, &m, "p", &reply, 0), VERDICT_ACCEPT, "and once more");
    ok(reply.repeated, "for which nothing does");
    party.ticket = party.session = 4;
    is_int(handover_offer(&s.h, &party, &m, "p", &reply, 0), VERDICT_WAIT, "in the next session it is asked anew");
    read_all(&s);
    is_int(lines(&s), 2, "and handed over again");
    offer(&s, "a", 100, 1, 5);
    read_all(&s);
    ok(s.verdicts == 3 && !s.query, "any other message is none");
    finish(&s);
}

static void test_no_dedup(void)
{
    struct stage s;
    begin(&s, VIEW_MESSAGE, 0, 0);
    stall(&s);
    offer(&s, "a", 100, 1, 1);
    is_int(offer(&s, "a", 100, 1, 2), VERDICT_WAIT, "without memory a message is known while it is being handed over");
    s.got.len = 0;
    read_all(&s);
    handover_acknowledged(&s.h, 1, 2, 2, false);
    is_int(offer(&s, "a", 100, 1, 3), VERDICT_WAIT, "and not any more after its acknowledgement");
    read_all(&s);
    is_int(s.verdicts, 2, "it is handed over twice then");
    finish(&s);
}

/* ---- -c ---- */

static void test_limit(void)
{
    struct stage s;
    begin(&s, VIEW_MESSAGE, 10, 2);
    offer(&s, "a", 100, 1, 1);
    offer(&s, "b", 100, 2, 1);
    is_int(offer(&s, "c", 100, 3, 1), VERDICT_LATER, "what is more than was asked for is refused as later");
    is_int(offer(&s, "a", 100, 3, 2), VERDICT_WAIT, "a repeat is not counted");
    ok(!handover_complete(&s.h), "the count is not reached before they are handed over");
    read_all(&s);
    ok(handover_complete(&s.h), "then it is");
    is_int(offer(&s, "c", 100, 3, 1), VERDICT_LATER, "and the rest is refused");
    is_int(offer(&s, "b", 100, 3, 1), VERDICT_ACCEPT, "but a repeat");
    is_int(lines(&s), 2, "exactly so many lines");
    is_int(handover_rescue(&s.h), 0, "none is lost");
    finish(&s);
}

/* What is refused when the time is over does not appear all the same. */
static void test_freeze(void)
{
    struct stage s;
    begin(&s, VIEW_MESSAGE, 10, 0);
    stall(&s);
    offer(&s, "a", 100, 1, 1);
    offer(&s, "b", 100, 2, 2);
    handover_freeze(&s.h, 0);
    is_int(s.verdicts, 2, "both are refused");
    is_int(s.verdict, VERDICT_LATER, "as later");
    is_int(offer(&s, "c", 100, 1, 3), VERDICT_LATER, "so is what comes after");
    while (read_some(&s, SIZE_MAX))
        handover_pump(&s.h, 0);
    ok(!memchr(s.got.data, '{', s.got.len), "and nothing of them is written");
    finish(&s);
}

static void test_limit_unframed(void)
{
    struct message m = message("x", 100);
    struct stage s;
    struct handover_party party = {1, 1, true, &s.link, &protocol_astm, 0};
    begin(&s, VIEW_MESSAGE, 10, 1);
    offer(&s, "a", 100, 1, 1);
    m = message("x", 100);
    m.framed = false;
    is_int(handover_offer(&s.h, &party, &m, "p", &no_reply, 0), VERDICT_NEVER,
           "without frames, what is more is left out");
    is_int(handover_rescue(&s.h), 0, "which is no loss: nobody acknowledged it");
    m.framed = true;
    handover_offer(&s.h, &party, &m, "p", &no_reply, 0);
    is_int(handover_rescue(&s.h), 1, "what was acknowledged is one");
    finish(&s);
}

/* ---- what cannot be kept ---- */

static void test_unkept(void)
{
    struct message m = message("x", 100);
    struct stage s;
    struct handover_party party = {1, 1, true, &s.link, &protocol_astm, 0};
    begin(&s, VIEW_MESSAGE, 10, 0);
    m.len = SIZE_MAX / 4;
    is_int(handover_offer(&s.h, &party, &m, "p", &no_reply, 0), VERDICT_LATER, "an owed message without memory for it");
    is_int(handover_rescue(&s.h), 0, "is not lost: it may come again");
    handover_lose(&s.h, &s.link);
    is_int(s.link.counters.dropped, 1, "unless somebody says so");
    is_int(handover_rescue(&s.h), 1, "which is told of");
    is_int(handover_rescue(&s.h), 0, "once");
    handover_freeze(&s.h, 0);
    m.len = 100;
    m.framed = false;
    is_int(handover_offer(&s.h, &party, &m, "p", &no_reply, 0), VERDICT_NEVER,
           "one without frames that comes after the end is kept");
    is_int(handover_rescue(&s.h), 1, "and lost without a rejects file");
    is_int(handover_rescue(&s.h), 0, "once");
    finish(&s);
}

/* ---- the end ---- */

static void test_reader_gone(void)
{
    struct stage s;
    begin(&s, VIEW_MESSAGE, 10, 0);
    offer(&s, "a", 100, 1, 1);
    offer(&s, "b", 300000, 2, 1);
    offer(&s, "c", 300000, 3, 1);
    close(s.reader);
    handover_pump(&s.h, 0);
    is_int(s.h.out.error, EPIPE, "the reader of stdout has gone");
    ok(s.verdicts == 3 && s.verdict == VERDICT_LATER, "all that was in flight is refused");
    ok(handover_idle(&s.h) || s.h.out.stream.piece.len, "nothing waits any more");
    is_int(offer(&s, "d", 100, 1, 2), VERDICT_LATER, "and so is what comes");
    is_int(s.h.out.base.source.interest(&s.h.out.base.source), LOOP_IGNORE, "the descriptor is not looked at any more");
    s.reader = open("/dev/null", O_RDONLY);
    finish(&s);
}

static void test_disk_full(void)
{
    struct stage s;
    int full = open("/dev/full", O_WRONLY);
    if (full < 0) {
        skip("a full disk", "there is no /dev/full");
        return;
    }
    memset(&s, 0, sizeof s);
    open_on(&s, full, VIEW_MESSAGE, 10, 0);
    is_int(offer(&s, "a", 100, 1, 1), VERDICT_WAIT, "a message for a full disk");
    handover_pump(&s.h, 0);
    ok(s.verdicts == 1 && s.verdict == VERDICT_LATER && s.h.out.error == ENOSPC, "is not handed over");
    handover_close(&s.h);
    close(full);
}

static char *slurp(const char *file)
{
    static char text[4096];
    FILE *f = fopen(file, "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    text[n] = 0;
    if (f)
        fclose(f);
    return text;
}

static void test_rescue(void)
{
    char dir[] = "/tmp/handover-test-XXXXXX", file[64];
    struct stage s;
    struct stat status;
    if (!mkdtemp(dir))
        abort();
    snprintf(file, sizeof file, "%s/rejects", dir);
    begin(&s, VIEW_MESSAGE, 10, 0);
    s.h.rejects = file;
    stall(&s);
    is_int(offer_owed(&s, "a", 1, 1), VERDICT_WAIT, "a message that was acknowledged waits");
    offer(&s, "b", 100, 1, 2);
    is_int(offer_owed(&s, "c", 1, 3), VERDICT_WAIT, "and so does another");
    handover_pump(&s.h, 0);
    is_int(handover_rescue(&s.h), 0, "at the end they are kept in the rejects file");
    is_str(slurp(file),
           "H|\\^&|a||sender\rR|16|^^^GLU|5.4|mmol/L\rL|1|N\rH|\\^&|c||sender\rR|16|^^^GLU|5.4|mmol/L\rL|1|N\r",
           "as they came, and no others");
    ok(stat(file, &status) == 0 && (status.st_mode & 0777) == 0600, "which only its owner can read");
    s.h.rejects = "/no/such/folder/rejects";
    is_int(handover_rescue(&s.h), 2, "where that cannot be written, they are lost, and counted");
    s.h.rejects = NULL;
    is_int(handover_rescue(&s.h), 2, "likewise without one");
    finish(&s);
    unlink(file);

    begin(&s, VIEW_MESSAGE, 10, 0);
    s.h.rejects = file;
    stall(&s);
    offer_owed(&s, "a", 1, 1);
    close(s.reader);
    handover_pump(&s.h, 0);
    is_int(offer_owed(&s, "b", 1, 2), VERDICT_NEVER, "when stdout is gone what is owed is kept as well");
    is_int(handover_rescue(&s.h), 0, "... in the rejects file");
    ok(strstr(slurp(file), "|a|") && strstr(slurp(file), "|b|"), "... all of it");
    s.reader = open("/dev/null", O_RDONLY);
    finish(&s);
    unlink(file);
    rmdir(dir);
}

static void test_orphans(void)
{
    struct stage s;
    begin(&s, VIEW_MESSAGE, 10, 0);
    stall(&s);
    offer_owed(&s, "a", 1, 1);
    offer_owed(&s, "b", 2, 1);
    is_int(handover_orphans(&s.h, "link", "10.0.0.5:1"), 0, "what is owed to a living connection is its own affair");
    handover_orphan(&s.h, 1);
    is_int(handover_orphans(&s.h, "link", "10.0.0.5:1"), 1, "what is owed to one that is gone is its peer's");
    is_int(handover_orphans(&s.h, "link", "10.0.0.50:1"), 0, "not another's");
    is_int(handover_orphans(&s.h, "other", "10.0.0.5:1"), 0, "nor another link's");
    read_all(&s);
    is_int(handover_orphans(&s.h, "link", "10.0.0.5:1"), 0, "until it is handed over");
    ok(s.verdicts == 1 && s.party.connection == 2 && s.party.owed, "of which the living one is told");
    is_int(s.settled, 1, "and for the other those who wait for it");
    finish(&s);
}

static void test_close(void)
{
    struct stage s;
    begin(&s, VIEW_TSV, 10, 0);
    handover_pump(&s.h, 0);
    read_all(&s);
    is_int(lines(&s), 1, "tsv begins with its header, before any message");
    stall(&s);
    offer(&s, "a", 100, 1, 1);
    offer(&s, "b", 300000, 1, 2);
    offer_owed(&s, "c", 1, 3);
    handover_pump(&s.h, 0);
    finish(&s);
    is_int(s.h.held, 0, "it can be closed with messages in flight");
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    test_order();
    test_stalled();
    test_torn_text();
    test_torn_reports();
    test_invisible();
    test_big();
    test_room();
    test_repeats();
    test_starting_over();
    test_repeat_of_refused();
    test_query();
    test_late_query();
    test_no_dedup();
    test_limit();
    test_limit_unframed();
    test_unkept();
    test_freeze();
    test_reader_gone();
    test_disk_full();
    test_rescue();
    test_orphans();
    test_close();
    return done();
}
