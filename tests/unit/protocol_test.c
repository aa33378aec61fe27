#include "link/protocol.h"

#include "tap.h"

/* A machine as a connection has it: bytes come in pieces, what is not taken is offered again with those that follow,
 * every message is handed over at once. What happens is written down, a line each:
 *
 *   message TEXT          CR is /; -incomplete, +owed, .unframed
 *   done OUTCOME RESULT   of a message of ours
 *   ! NAME: TEXT          a notice of nobody's protocol
 *   > BYTES               all that went out, at the end */
struct rig {
    struct link_config config;
    struct machine machine;
    struct bytes in, out, log;
    enum verdict verdict;
    bool all_notices; /* those of the protocols too */
    int64_t now;
    unsigned stamps;
};

static void log_bytes(struct bytes *log, const unsigned char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] == '\r')
            bytes_puts(log, "/");
        else if (text[i] < ' ' || text[i] > '~')
            bytes_printf(log, "<%02X>", text[i]);
        else
            bytes_append(log, text + i, 1);
}

static void log_out(struct bytes *log, const unsigned char *out, size_t n)
{
    bytes_puts(log, "> ");
    log_bytes(log, out, n);
    bytes_puts(log, "\n");
}

static void on_notice(void *context, const struct machine_notice *notice)
{
    struct rig *r = context;
    if (r->all_notices || notice->protocol == &protocol_auto)
        bytes_printf(&r->log, "! %s: %s\n", notice->name, notice->text);
}

static void on_acknowledged(void *context, uint64_t first, uint64_t last, bool proven)
{
    struct rig *r = context;
    if (r->all_notices)
        bytes_printf(&r->log, "acknowledged %d-%d%s\n", (int)first, (int)last, proven ? " proven" : "");
}

static void stamp(unsigned number, struct hl7_stamp *s)
{
    snprintf(s->time, sizeof s->time, "T");
    snprintf(s->id, sizeof s->id, "N%u", number);
}

static void on_stamp(void *context, struct hl7_stamp *s)
{
    struct rig *r = context;
    stamp(++r->stamps, s);
}

static void begin(struct rig *r, const struct protocol *protocol)
{
    *r = (struct rig){.config = link_defaults(protocol, ASTM_HOST), .verdict = VERDICT_ACCEPT};
    static const struct machine_observer observer = {NULL, on_notice, on_acknowledged, on_stamp, NULL};
    machine_init(&r->machine, &r->config, &(struct machine_owner){&observer, r, NULL}, 7);
}

static void finish(struct rig *r)
{
    r->machine.protocol->free(&r->machine);
    bytes_free(&r->in);
    bytes_free(&r->out);
    bytes_free(&r->log);
}

static void log_message(struct bytes *log, const struct message *m, bool owed)
{
    bytes_puts(log, "message ");
    log_bytes(log, m->text, m->len);
    bytes_printf(log, "%s%s%s\n", m->complete ? "" : " -incomplete", m->framed ? "" : " .unframed",
                 owed ? " +owed" : "");
}

static bool take_event(struct rig *r)
{
    struct machine_event event;
    if (!machine_next(&r->machine, &event))
        return false;
    if (event.kind == MACHINE_DELIVERY) {
        bytes_printf(&r->log, "done %s %d%s%s\n", event.delivery.outcome, (int)event.delivery.result,
                     *event.delivery.code ? " " : "", event.delivery.code);
        return true;
    }
    log_message(&r->log, &event.message, event.owed);
    r->machine.protocol->answer(&r->machine, event.ticket, event.owed ? VERDICT_ACCEPT : r->verdict, NULL, r->now);
    if (event.owed)
        r->machine.protocol->settle(&r->machine, r->now);
    return true;
}

static void drain(struct rig *r)
{
    size_t n;
    const unsigned char *out = r->machine.protocol->out(&r->machine, &n);
    if (!n)
        return;
    if (r->all_notices) /* where it matters when */
        log_out(&r->log, out, n);
    bytes_append(&r->out, out, n);
    r->machine.protocol->sent(&r->machine, n, r->now);
}

static void end(struct rig *r)
{
    machine_eof(&r->machine, r->now);
    while (take_event(r))
        drain(r);
}

static void feed(struct rig *r, const unsigned char *bytes, size_t n)
{
    bytes_append(&r->in, bytes, n);
    for (bool moved = true; moved && r->in.len;) {
        unsigned char *copy = exact_copy(r->in.data, r->in.len);
        size_t some = machine_look(&r->machine, copy, r->in.len, r->now), taken = 0;
        if (machine_changes(&r->machine)) {
            end(r);
            machine_change(&r->machine);
            some = machine_look(&r->machine, copy, r->in.len, r->now);
        }
        if (some)
            taken = machine_push(&r->machine, copy, some, r->now);
        free(copy);
        bytes_drop(&r->in, taken);
        moved = take_event(r) || taken || r->machine.signs.rested;
        drain(r);
    }
    while (take_event(r))
        drain(r);
}

/* What has happened, as text. */
static const char *says(struct rig *r)
{
    if (r->out.len)
        log_out(&r->log, r->out.data, r->out.len);
    bytes_append(&r->log, "", 1);
    return (const char *)r->log.data;
}

/* ---- detection ---- */

#define VT "\x0B"
#define FS "\x1C"
#define ENQ "\x05"
#define EOT "\x04"
#define STX "\x02"
#define ETX "\x03"
/* Frames that carry their checksums. */
#define FRAME_1 STX "1H|\\^&\r" ETX "E5\r\n"
#define FRAME_2 STX "2L|1|N\r" ETX "05\r\n"
#define ASTM FRAME_1 FRAME_2 EOT
#define ASTM_SAID "message H|\\^&/L|1|N/\n"
#define TEXT "MSH|^~\\&|A|B|C|D|2024||ORU^R01|1|P|2.3\rPID|1\r"
#define BLOCK VT TEXT FS "\r"
#define HL7_SAID "message MSH|^~\\&|A|B|C|D|2024||ORU^R01|1|P|2.3/PID|1/\n"
#define ACKS(n) "<0B>MSH|^~\\&|C|D|A|B|T||ACK^R01|N" n "|P|2.3/MSA|AA|1/<1C>/"
#define REFUSED "<0B>MSH|^~\\&|||||T||ACK|N1|P|2.5/MSA|AR|/ERR|||100^it does not begin with MSH^HL70357|E/<1C>/"
#define NOISE(n, at, shown)                                                                                            \
    "! noise: " #n " bytes at offset " #at " that begin no message ignored, beginning " shown "\n"
#define BLANKS(n, at, shown)                                                                                           \
    "! blanks: " #n " bytes at offset " #at " that begin no message ignored, beginning " shown "\n"
#define IS_ASTM(sign) "! protocol: this is ASTM: " sign "\n"
#define IS_HL7(sign) "! protocol: this is HL7: " sign "\n"
#define FOREIGN_HL7(sign) "! wrong-protocol: the other side speaks HL7 (" sign "), this link is for ASTM\n"
#define FOREIGN_ASTM(sign) "! wrong-protocol: the other side speaks ASTM (" sign "), this link is for HL7\n"

struct talk {
    const struct protocol *protocol;
    const char *bytes;
    size_t n;
    const char *says;
    size_t wrong; /* how many ways of cutting it came out otherwise */
    struct bytes first_wrong;
};

static void play_talk(void *arg, const struct piece *pieces, size_t count)
{
    struct talk *t = arg;
    struct rig r;
    begin(&r, t->protocol);
    for (size_t i = 0; i < count; i++)
        feed(&r, pieces[i].data, pieces[i].len);
    end(&r);
    if (strcmp(says(&r), t->says) != 0 && !t->wrong++)
        bytes_append(&t->first_wrong, r.log.data, r.log.len);
    finish(&r);
}

static void talks(const struct talk *table, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct talk t = table[i];
        every_split(t.bytes, t.n, play_talk, &t);
        if (!is_int(t.wrong, 0, "%s, talk %zu, however it is cut", t.protocol->name, i))
            is_str((const char *)t.first_wrong.data, t.says, "... it goes so");
        bytes_free(&t.first_wrong);
    }
}

#define TALK(protocol, bytes, says)                                                                                    \
    {                                                                                                                  \
        &protocol, "" bytes, sizeof bytes - 1, says, 0,                                                                \
        {                                                                                                              \
            0                                                                                                          \
        }                                                                                                              \
    }

static void detected(void)
{
    static const struct talk table[] = {
        TALK(protocol_auto, "", ""),
        TALK(protocol_auto, "\0 \r\n\t\x06\x15\x04", BLANKS(8, 0, "<00><20><0D>")),
        TALK(protocol_auto, "\0 \r\n\t\x06\x15\x04noise\xFF", NOISE(14, 0, "<00><20><0D>")),
        TALK(protocol_auto, "GET / HTTP/1.1\r\nHost: lab\r\n\r\n", NOISE(29, 0, "xxx")),
        TALK(protocol_auto, "SSH-2.0-x\r\n", NOISE(11, 0, "xxx")),
        TALK(protocol_auto, ENQ ASTM, IS_ASTM("ENQ") ASTM_SAID "> <06><06><06>\n"),
        TALK(protocol_auto, "\0\0 \r\n" ENQ ASTM,
             BLANKS(5, 0, "<00><00><20>") IS_ASTM("ENQ") ASTM_SAID "> <06><06><06>\n"),
        TALK(protocol_auto, "noise" EOT ENQ ENQ ASTM,
             NOISE(6, 0, "xxx") IS_ASTM("ENQ") ASTM_SAID "> <06><06><06><06>\n"),
        TALK(protocol_auto, ASTM, IS_ASTM("a frame") ASTM_SAID "> <06><06>\n"),
        TALK(protocol_auto, STX STX "\r\n" ASTM,
             NOISE(4, 0, "<02><02><0D>") IS_ASTM("a frame") ASTM_SAID "> <06><06>\n"),
        TALK(protocol_auto, "H|\\^&\rL|1|N\r", IS_ASTM("an H record") "message H|\\^&/L|1|N/ .unframed +owed\n"),
        TALK(protocol_auto, "\0\n H@!~$\rL@1\r",
             BLANKS(3, 0, "<00><0A><20>") IS_ASTM("an H record") "message H@!~$/L@1/ .unframed +owed\n"),
        TALK(protocol_auto, BLOCK, IS_HL7("VT") HL7_SAID "> " ACKS("1") "\n"),
        TALK(protocol_auto, "\0 \r\n" BLOCK, BLANKS(4, 0, "<00><20><0D>") IS_HL7("VT") HL7_SAID "> " ACKS("1") "\n"),
        TALK(protocol_auto, "HELLO" VT "\r" BLOCK, NOISE(7, 0, "xxx") IS_HL7("VT") HL7_SAID "> " ACKS("1") "\n"),
        TALK(protocol_auto, VT "\x06" FS "\r" BLOCK, IS_HL7("VT") HL7_SAID "> " ACKS("1") "\n"),
        TALK(protocol_auto, VT "\x15" FS "\r" BLOCK, IS_HL7("VT") HL7_SAID "> " ACKS("1") "\n"),
        TALK(protocol_auto, TEXT BLOCK,
             IS_HL7("MSH") "message MSH|^~\\&|A|B|C|D|2024||ORU^R01|1|P|2.3/PID|1/ .unframed\n" HL7_SAID "> " ACKS("1")
                 ACKS("2") "\n"),
        TALK(protocol_auto, "MMS" TEXT BLOCK,
             NOISE(3, 0, "xxx")
                 IS_HL7("MSH") "message MSH|^~\\&|A|B|C|D|2024||ORU^R01|1|P|2.3/PID|1/ .unframed\n" HL7_SAID
                               "> " ACKS("1") ACKS("2") "\n"),
        TALK(protocol_auto, "FHS|\r" BLOCK, IS_HL7("FHS") HL7_SAID "> " ACKS("1") "\n"),
        TALK(protocol_auto, "\nBHS#\r" BLOCK, BLANKS(1, 0, "<0A>") IS_HL7("BHS") HL7_SAID "> " ACKS("1") "\n"),
        TALK(protocol_auto, BLOCK BLOCK, IS_HL7("VT") HL7_SAID HL7_SAID "> " ACKS("1") ACKS("2") "\n"),
        /* an H that begins no line is none: names, greetings */
        TALK(protocol_auto, "SMITH^JANE|F\r" FS "\r" BLOCK,
             NOISE(15, 0, "xxx") IS_HL7("VT") HL7_SAID "> " ACKS("1") "\n"),
        TALK(protocol_auto, "JONES^ROBERT H^^\r" FS "\r" BLOCK,
             NOISE(19, 0, "xxx") IS_HL7("VT") HL7_SAID "> " ACKS("1") "\n"),
        TALK(protocol_auto, "OH-1 H/W\r\n" ENQ ASTM, NOISE(10, 0, "xx-") IS_ASTM("ENQ") ASTM_SAID "> <06><06><06>\n"),
        TALK(protocol_auto, "x\rH|\\^&\rL|1|N\r",
             NOISE(2, 0, "x<0D>") IS_ASTM("an H record") "message H|\\^&/L|1|N/ .unframed +owed\n"),
        /* noise is told once, whoever is there then */
        TALK(protocol_auto, "noise" BLOCK "noise" BLOCK,
             NOISE(5, 0, "xxx") IS_HL7("VT") HL7_SAID HL7_SAID "> " ACKS("1") ACKS("2") "\n"),
    };
    talks(table, sizeof table / sizeof *table);
}

/* A first guess that was wrong, and is mended without the loss of a byte. */
static void mended(void)
{
    static const struct talk table[] = {
        TALK(protocol_auto, ENQ BLOCK, IS_ASTM("ENQ") IS_HL7("VT") HL7_SAID "> <06>" ACKS("1") "\n"),
        TALK(protocol_auto, ENQ "\0\r\n " BLOCK, IS_ASTM("ENQ") IS_HL7("VT") HL7_SAID "> <06>" ACKS("1") "\n"),
        TALK(protocol_auto, "\r\n" ENQ EOT "noise" BLOCK,
             BLANKS(2, 0, "<0D><0A>") IS_ASTM("ENQ") IS_HL7("VT") HL7_SAID "> <06>" ACKS("1") "\n"),
        TALK(protocol_auto, ENQ ENQ BLOCK, IS_ASTM("ENQ") IS_HL7("VT") HL7_SAID "> <06><06>" ACKS("1") "\n"),
        TALK(protocol_auto, ENQ TEXT BLOCK,
             IS_ASTM("ENQ") IS_HL7("MSH") "message MSH|^~\\&|A|B|C|D|2024||ORU^R01|1|P|2.3/PID|1/ .unframed\n" HL7_SAID
                                          "> <06>" ACKS("1") ACKS("2") "\n"),
        TALK(protocol_auto, ENQ ASTM BLOCK,
             IS_ASTM("ENQ") ASTM_SAID IS_HL7("VT") HL7_SAID "> <06><06><06>" ACKS("1") "\n"),
        TALK(protocol_auto, BLOCK ENQ ASTM,
             IS_HL7("VT") HL7_SAID IS_ASTM("ENQ") ASTM_SAID "> " ACKS("1") "<06><06><06>\n"),
        TALK(protocol_auto, BLOCK "\r\n" ASTM,
             IS_HL7("VT") HL7_SAID IS_ASTM("a frame") ASTM_SAID "> " ACKS("1") "<06><06>\n"),
        TALK(protocol_auto, ENQ ASTM BLOCK ENQ ASTM BLOCK,
             IS_ASTM("ENQ") ASTM_SAID IS_HL7("VT") HL7_SAID IS_ASTM("ENQ") ASTM_SAID IS_HL7("VT") HL7_SAID
             "> <06><06><06>" ACKS("1") "<06><06><06>" ACKS("2") "\n"),
        /* in a session, with a message or in the middle of one */
        TALK(protocol_auto, ENQ FRAME_1 FRAME_2 BLOCK,
             IS_ASTM("ENQ") ASTM_SAID IS_HL7("VT") HL7_SAID "> <06><06><06>" ACKS("1") "\n"),
        TALK(protocol_auto, ENQ FRAME_1 BLOCK ENQ ASTM,
             IS_ASTM("ENQ") IS_HL7("VT") HL7_SAID IS_ASTM("ENQ") ASTM_SAID "> <06><06>" ACKS("1") "<06><06><06>\n"),
        /* behind what is no message: a frame that is cut off, one that is refused, noise, a block that is refused */
        TALK(protocol_auto, ENQ STX "1H|" EOT BLOCK, IS_ASTM("ENQ") IS_HL7("VT") HL7_SAID "> <06>" ACKS("1") "\n"),
        TALK(protocol_auto, ENQ STX "2H|" ETX "00\r\n" BLOCK,
             IS_ASTM("ENQ") IS_HL7("VT") HL7_SAID "> <06><15>" ACKS("1") "\n"),
        TALK(protocol_auto, ENQ "H|H|noiseM" BLOCK, IS_ASTM("ENQ") IS_HL7("VT") HL7_SAID "> <06>" ACKS("1") "\n"),
        TALK(protocol_auto, VT "Junk" FS "\r" ENQ ASTM,
             IS_HL7("VT") IS_ASTM("ENQ") ASTM_SAID "> " REFUSED "<06><06><06>\n"),
        /* records without frames end at what they cannot have */
        TALK(protocol_auto, "H|\\^&\rP|1\r" BLOCK,
             IS_ASTM("an H record") "message H|\\^&/P|1/ -incomplete .unframed +owed\n" IS_HL7("VT") HL7_SAID
             "> " ACKS("1") "\n"),
        TALK(protocol_auto, "H/W ok\r\n" BLOCK,
             IS_ASTM("an H record") "message H/W ok/ -incomplete .unframed +owed\n" IS_HL7("VT") HL7_SAID
             "> " ACKS("1") "\n"),
        TALK(protocol_auto, "H|\\^&\r" FS "\r" ENQ ASTM,
             IS_ASTM("an H record") "message H|\\^&/ -incomplete .unframed +owed\n" ASTM_SAID "> <06><06><06>\n"),
    };
    talks(table, sizeof table / sizeof *table);
}

/* What a message holds says nothing of the protocol. */
static void inside(void)
{
    static const struct talk table[] = {
        TALK(protocol_auto, VT "MSH|^~\\&|A|B|C|D|2024||ORU^R01|1|P|2.3\rH|\\^&\rNTE|" ENQ STX "1H|\r" FS "\r",
             IS_HL7("VT") "message MSH|^~\\&|A|B|C|D|2024||ORU^R01|1|P|2.3/H|\\^&/NTE|<05><02>1H|/\n> " ACKS("1") "\n"),
        TALK(protocol_auto, "H|\\^&\rC|1|MSH|^~\rL|1\r",
             IS_ASTM("an H record") "message H|\\^&/C|1|MSH|^~/L|1/ .unframed +owed\n"),
    };
    talks(table, sizeof table / sizeof *table);
}

/* A link that has a protocol says once that it is the wrong one, and changes nothing; unless a message shows that it is
 * the right one. */
static void foreign(void)
{
    static const struct talk table[] = {
        TALK(protocol_astm, ENQ ASTM, ASTM_SAID "> <06><06><06>\n"),
        TALK(protocol_hl7, BLOCK, HL7_SAID "> " ACKS("1") "\n"),
        TALK(protocol_hl7, ENQ ENQ ENQ, FOREIGN_ASTM("ENQ")),
        TALK(protocol_astm, BLOCK BLOCK, FOREIGN_HL7("VT")),
        TALK(protocol_astm, ENQ EOT BLOCK, FOREIGN_HL7("VT") "> <06>\n"),
        TALK(protocol_astm, "\r\n" TEXT TEXT, FOREIGN_HL7("MSH")),
        TALK(protocol_astm, STX "9" ENQ "FHS|", FOREIGN_HL7("FHS") "> <06>\n"),
        TALK(protocol_hl7, FRAME_1 FRAME_1, FOREIGN_ASTM("a frame")),
        TALK(protocol_hl7, "MSHH" STX STX "1H|", FOREIGN_ASTM("a frame")),
        TALK(protocol_hl7, "H|\\^&\rL|1|N\rH|\\^&\rL|1|N\r", FOREIGN_ASTM("an H record")),
        TALK(protocol_hl7, "noise\r\nH|\\^&\r", FOREIGN_ASTM("an H record")),
        TALK(protocol_hl7, VT "Junk" FS "\r" ENQ, FOREIGN_ASTM("ENQ") "> " REFUSED "\n"),
        TALK(protocol_hl7, "SMITH^JANE|F\r" FS "\r", ""),
        TALK(protocol_hl7, "SMITH^JANE|F\r" FS "\r" BLOCK, HL7_SAID "> " ACKS("1") "\n"),
        TALK(protocol_hl7, ENQ BLOCK ENQ, HL7_SAID "> " ACKS("1") "\n"),
        TALK(protocol_hl7, BLOCK ENQ FRAME_1, HL7_SAID "> " ACKS("1") "\n"),
        TALK(protocol_astm, BLOCK ENQ ASTM BLOCK, ASTM_SAID "> <06><06><06>\n"),
    };
    talks(table, sizeof table / sizeof *table);
    struct rig r;
    begin(&r, &protocol_hl7);
    feed(&r, (const unsigned char *)ENQ, 1);
    is_int(machine_deadline(&r.machine), 1000, "it waits a second for such a message");
    machine_tick(&r.machine, 1000);
    ok(machine_deadline(&r.machine) > 1000, "and no longer");
    r.log.len = 0;
    feed(&r, (const unsigned char *)ENQ, 1);
    end(&r);
    is_str(says(&r), "", "and tells of it once");
    finish(&r);
}

/* Noise is told when 2 s have passed without a byte. */
static void silence(void)
{
    struct rig r;
    begin(&r, &protocol_auto);
    ok(machine_deadline(&r.machine) == INT64_MAX, "without noise there is nothing to tell");
    feed(&r, (const unsigned char *)"\0\0", 2);
    is_int(machine_deadline(&r.machine), 2000, "blanks are told of after 2 s");
    machine_tick(&r.machine, r.now = 2000);
    feed(&r, (const unsigned char *)"abc", 3);
    r.now = 3000;
    feed(&r, (const unsigned char *)"d", 1);
    is_int(machine_deadline(&r.machine), 5000, "noise, 2 s after its last byte");
    machine_tick(&r.machine, r.now = 5000);
    ok(machine_deadline(&r.machine) == INT64_MAX, "and that was all of it");
    feed(&r, (const unsigned char *)"\0more", 5);
    end(&r);
    is_str(says(&r), BLANKS(2, 0, "<00><00>") NOISE(4, 2, "xxx"), "each of them once");
    finish(&r);
}

/* What looks like the beginning of something is kept back, and nothing else. */
static void looked_at(void)
{
    static const struct {
        const char *bytes;
        size_t n, allowed;
    } cases[] = {
        {"", 0, 0},       {"noise", 5, 5}, {"noiseM", 6, 5}, {"noiseMS", 7, 5},  {"MSH", 3, 0},
        {"MSHA", 4, 4},   {"H", 1, 0},     {"HH", 2, 2},     {"\x02", 1, 0},     {"\x0B", 1, 0},
        {"\0\0\0", 3, 3}, {"FH", 2, 0},    {"BHSB", 4, 3},   {"\x0B\x0B", 2, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig r;
        begin(&r, &protocol_auto);
        unsigned char *copy = exact_copy(cases[i].bytes, cases[i].n);
        is_int(machine_look(&r.machine, copy, cases[i].n, 0), cases[i].allowed, "of %zu undecided bytes, case %zu",
               cases[i].n, i);
        ok(r.machine.protocol == &protocol_auto, "... it is nobody's protocol yet");
        free(copy);
        finish(&r);
    }
}

static void nobody(void)
{
    struct rig r;
    size_t n = 1;
    struct machine_event event;
    begin(&r, &protocol_auto);
    const struct protocol *p = r.machine.protocol;
    is_str(p->name, "auto", "a machine of no protocol");
    ok(p->idle(&r.machine) && p->quiet(&r.machine), "does nothing");
    ok(!p->waiting(&r.machine) && !p->mute(&r.machine) && !p->held(&r.machine), "waits for nothing and holds nothing");
    ok(p->deadline(&r.machine) == INT64_MAX && p->farewell < 0, "has no deadline");
    ok(!p->send(&r.machine, (const unsigned char *)"H|\r", 3, 0), "sends nothing");
    is_int(p->push(&r.machine, (const unsigned char *)"abc", 3, 0), 3, "takes what comes");
    p->out(&r.machine, &n);
    ok(n == 0 && !p->next(&r.machine, &event), "and says nothing to it");
    p->tick(&r.machine, 0);
    p->refuse(&r.machine, 0);
    p->inform(&r.machine, 1, 1);
    p->eof(&r.machine, 0);
    finish(&r);
}

/* ---- the machines below ---- */

static const unsigned char astm_talk[] =
    ENQ ASTM ENQ FRAME_1 STX "2L|1|N\r" ETX "06\r\n" FRAME_2 FRAME_2 EOT "noise H|\\^&\rL|1|N\r" ENQ FRAME_1 EOT ENQ;
static const unsigned char hl7_talk[] = "noise" BLOCK VT "junk" FS "\r" BLOCK BLOCK VT "MSH|^~\\&|A" FS VT;
static const unsigned char our_astm[] = "H|\\^&\rQ|1\rL|1|N\r", our_hl7[] = "MSH|^~\\&|C|D|A|B|2024||QRY^R02|7|P|2.3\r";

static void log_state(struct bytes *log, int64_t deadline, size_t held, unsigned flags)
{
    bytes_printf(log, "%lld %zu %X\n", (long long)deadline, held, flags);
}

static void rig_state(struct rig *r)
{
    const struct protocol *p = r->machine.protocol;
    log_state(&r->log, p->deadline(&r->machine), p->held(&r->machine),
              (unsigned)p->idle(&r->machine) << 2 | (unsigned)p->quiet(&r->machine) << 1 |
                  (unsigned)p->waiting(&r->machine));
}

static void through_machine(const struct protocol *protocol, const unsigned char *in, size_t n,
                            const unsigned char *our, size_t our_n, bool lost, struct bytes *log)
{
    struct rig r;
    begin(&r, protocol);
    r.all_notices = true;
    const struct protocol *p = r.machine.protocol;
    for (size_t i = 0; i < n; r.now += 10, i++) {
        for (bool resting = p->resting(&r.machine), moved = true; moved && !p->push(&r.machine, in + i, 1, r.now);) {
            moved = take_event(&r) || resting != p->resting(&r.machine);
            resting = p->resting(&r.machine);
            drain(&r);
        }
        drain(&r);
        while (take_event(&r))
            drain(&r);
        rig_state(&r);
    }
    bytes_puts(&r.log, p->send(&r.machine, our, our_n, r.now) ? "sends\n" : "does not send\n");
    drain(&r);
    for (int ticks = 0; !lost && ticks < 20 && p->deadline(&r.machine) < INT64_MAX; ticks++) {
        r.now = p->deadline(&r.machine);
        p->tick(&r.machine, r.now);
        while (take_event(&r))
            ;
        drain(&r);
        rig_state(&r);
    }
    end(&r);
    rig_state(&r);
    bytes_append(log, r.log.data, r.log.len);
    finish(&r);
}

/* The same, without the face. */
struct below {
    struct bytes log;
    int64_t now;
    unsigned stamps;
};

static void astm_noticed(void *context, enum astm_notice notice, const char *text)
{
    bytes_printf(&((struct below *)context)->log, "! %s: %s\n", astm_notice_name(notice), text);
}

static void astm_acknowledged(void *context, uint64_t first, uint64_t last, bool proven)
{
    bytes_printf(&((struct below *)context)->log, "acknowledged %d-%d%s\n", (int)first, (int)last,
                 proven ? " proven" : "");
}

static void astm_drain(struct below *b, struct astm_link *l)
{
    size_t n;
    const unsigned char *out = astm_link_out(l, &n);
    if (!n)
        return;
    log_out(&b->log, out, n);
    astm_link_sent(l, n, b->now);
}

static bool astm_event_taken(struct below *b, struct astm_link *l)
{
    static const int results[] = {
        [ASTM_SENT] = DELIVERY_SENT,           [ASTM_NO_REPLY] = DELIVERY_LATER,  [ASTM_REFUSED] = DELIVERY_LATER,
        [ASTM_INTERRUPTED] = DELIVERY_YIELDED, [ASTM_YIELDED] = DELIVERY_YIELDED, [ASTM_UNSENT] = DELIVERY_LATER};
    struct astm_event e;
    if (!astm_link_next(l, &e))
        return false;
    if (e.kind == ASTM_EVENT_DONE) {
        bytes_printf(&b->log, "done %s %d\n", astm_outcome_name(e.outcome), results[e.outcome]);
        return true;
    }
    log_message(&b->log, &e.message, e.owed);
    astm_link_answer(l, e.ticket, VERDICT_ACCEPT, b->now);
    if (e.owed)
        astm_link_settle(l, b->now);
    return true;
}

static void astm_state(struct below *b, const struct astm_link *l)
{
    log_state(&b->log, astm_link_deadline(l), astm_link_held(l),
              (unsigned)astm_link_idle(l) << 2 | (unsigned)astm_link_quiet(l) << 1 | (unsigned)astm_link_waiting(l));
}

static void through_astm(const unsigned char *in, size_t n, const unsigned char *our, size_t our_n, bool lost,
                         struct bytes *log)
{
    struct astm_link_config config = astm_link_defaults(ASTM_HOST);
    struct below b = {.now = 0};
    struct astm_link l;
    astm_link_init(&l, &config, &(struct astm_observer){NULL, astm_noticed, astm_acknowledged, &b}, 7);
    for (size_t i = 0; i < n; b.now += 10, i++) {
        while (!astm_link_push(&l, in + i, 1, b.now) && astm_event_taken(&b, &l))
            astm_drain(&b, &l);
        astm_drain(&b, &l);
        while (astm_event_taken(&b, &l))
            astm_drain(&b, &l);
        astm_state(&b, &l);
    }
    bytes_puts(&b.log, astm_link_send(&l, our, our_n, b.now) ? "sends\n" : "does not send\n");
    astm_drain(&b, &l);
    for (int ticks = 0; !lost && ticks < 20 && astm_link_deadline(&l) < INT64_MAX; ticks++) {
        b.now = astm_link_deadline(&l);
        astm_link_tick(&l, b.now);
        while (astm_event_taken(&b, &l))
            ;
        astm_drain(&b, &l);
        astm_state(&b, &l);
    }
    astm_link_eof(&l, b.now);
    while (astm_event_taken(&b, &l))
        astm_drain(&b, &l);
    astm_state(&b, &l);
    bytes_append(log, b.log.data, b.log.len);
    bytes_free(&b.log);
    astm_link_free(&l);
}

static void hl7_noticed(void *context, enum hl7_notice notice, const char *text)
{
    bytes_printf(&((struct below *)context)->log, "! %s: %s\n", hl7_notice_name(notice), text);
}

static void hl7_stamped(void *context, struct hl7_stamp *s)
{
    stamp(++((struct below *)context)->stamps, s);
}

static void hl7_drain(struct below *b, struct hl7_link *l)
{
    size_t n;
    const unsigned char *out = hl7_link_out(l, &n);
    if (!n)
        return;
    log_out(&b->log, out, n);
    hl7_link_sent(l, n, b->now);
}

static bool hl7_event_taken(struct below *b, struct hl7_link *l)
{
    static const int results[] = {
        [HL7_SENT] = DELIVERY_SENT, [HL7_ERROR] = DELIVERY_LATER,     [HL7_REJECTED] = DELIVERY_NEVER,
        [HL7_ODD] = DELIVERY_LATER, [HL7_NO_ANSWER] = DELIVERY_LATER, [HL7_UNSENT] = DELIVERY_LATER};
    struct hl7_event e;
    if (!hl7_link_next(l, &e))
        return false;
    if (e.kind == HL7_EVENT_DONE) {
        const char *code = hl7_code_name(e.code);
        bytes_printf(&b->log, "done %s %d%s%s\n", hl7_outcome_name(e.outcome), results[e.outcome], *code ? " " : "",
                     code);
        return true;
    }
    const struct message m = {
        .text = e.message->text, .len = e.message->len, .complete = e.message->complete, .framed = e.message->framed};
    log_message(&b->log, &m, false);
    hl7_link_answer(l, e.ticket, VERDICT_ACCEPT, NULL, b->now);
    return true;
}

static void hl7_state(struct below *b, const struct hl7_link *l)
{
    log_state(&b->log, hl7_link_deadline(l), hl7_link_held(l),
              (hl7_link_idle(l) ? 6u : 0) | (unsigned)hl7_link_waiting(l));
}

static void through_hl7(const unsigned char *in, size_t n, const unsigned char *our, size_t our_n, bool lost,
                        struct bytes *log)
{
    struct hl7_link_config config = hl7_link_defaults();
    struct below b = {.now = 0};
    struct hl7_link l;
    hl7_link_init(&l, &config, &(struct hl7_observer){NULL, hl7_noticed, hl7_stamped, &b, NULL, NULL});
    for (size_t i = 0; i < n; b.now += 10, i++) {
        while (!hl7_link_push(&l, in + i, 1, b.now) && hl7_event_taken(&b, &l))
            hl7_drain(&b, &l);
        hl7_drain(&b, &l);
        while (hl7_event_taken(&b, &l))
            hl7_drain(&b, &l);
        hl7_state(&b, &l);
    }
    bytes_puts(&b.log, hl7_link_send(&l, our, our_n, b.now) ? "sends\n" : "does not send\n");
    hl7_drain(&b, &l);
    for (int ticks = 0; !lost && ticks < 20 && hl7_link_deadline(&l) < INT64_MAX; ticks++) {
        b.now = hl7_link_deadline(&l);
        hl7_link_tick(&l, b.now);
        while (hl7_event_taken(&b, &l))
            ;
        hl7_drain(&b, &l);
        hl7_state(&b, &l);
    }
    hl7_link_eof(&l, b.now);
    while (hl7_event_taken(&b, &l))
        hl7_drain(&b, &l);
    hl7_state(&b, &l);
    bytes_append(log, b.log.data, b.log.len);
    bytes_free(&b.log);
    hl7_link_free(&l);
}

/* Whatever the talk stops at, the machine does what the one below it does. */
static void alike(void)
{
    size_t wrong = 0;
    for (size_t n = 0; n < 2 * sizeof astm_talk; n++) {
        struct bytes got = {0}, want = {0};
        through_machine(&protocol_astm, astm_talk, n / 2, our_astm, sizeof our_astm - 1, n & 1, &got);
        through_astm(astm_talk, n / 2, our_astm, sizeof our_astm - 1, n & 1, &want);
        if (n + 1 == 2 * sizeof astm_talk || (got.len != want.len || memcmp(got.data, want.data, got.len) != 0))
            wrong += !is_bytes(got.data, got.len, want.data, want.len, "ASTM, %zu bytes", n / 2);
        bytes_free(&got);
        bytes_free(&want);
    }
    is_int(wrong, 0, "a machine of ASTM is the one of astm/link");
    wrong = 0;
    for (size_t n = 0; n < 2 * sizeof hl7_talk; n++) {
        struct bytes got = {0}, want = {0};
        through_machine(&protocol_hl7, hl7_talk, n / 2, our_hl7, sizeof our_hl7 - 1, n & 1, &got);
        through_hl7(hl7_talk, n / 2, our_hl7, sizeof our_hl7 - 1, n & 1, &want);
        if (n + 1 == 2 * sizeof hl7_talk || (got.len != want.len || memcmp(got.data, want.data, got.len) != 0))
            wrong += !is_bytes(got.data, got.len, want.data, want.len, "HL7, %zu bytes", n / 2);
        bytes_free(&got);
        bytes_free(&want);
    }
    is_int(wrong, 0, "a machine of HL7 is the one of hl7/link");
}

/* ---- what becomes of our messages ---- */

#define REPLY(code) VT "MSH|^~\\&|A|B|C|D|2024||ACK|X|P|2.3\rMSA|" code "|7\r" FS "\r"

static void deliveries(void)
{
    static const struct {
        const struct protocol *protocol;
        const char *pieces[5], *says;
    } cases[] = {
        {&protocol_hl7, {REPLY("AA")}, "done sent 0 AA\n"},
        {&protocol_hl7, {REPLY("AE")}, "done error 1 AE\n"},
        {&protocol_hl7, {REPLY("AR")}, "done rejected 2 AR\n"},
        {&protocol_hl7, {""}, "done connection-lost 1\n"},
        {&protocol_astm, {"\x06", "\x06", "\x06", "\x06"}, "done sent 0\n"},
        {&protocol_astm, {"\x06", "\x04"}, "done interrupted 3\n"},
        {&protocol_astm, {"\x06", "\x06"}, "done connection-lost 1\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig r;
        begin(&r, cases[i].protocol);
        bool hl7 = cases[i].protocol == &protocol_hl7;
        r.machine.protocol->send(&r.machine, hl7 ? our_hl7 : our_astm, hl7 ? sizeof our_hl7 - 1 : sizeof our_astm - 1,
                                 0);
        if (!hl7) /* it bids when nobody else may */
            r.machine.protocol->tick(&r.machine, r.now = r.machine.protocol->deadline(&r.machine));
        drain(&r);
        ok(!r.machine.protocol->idle(&r.machine), "a message is under way");
        for (size_t j = 0; cases[i].pieces[j]; j++)
            feed(&r, (const unsigned char *)cases[i].pieces[j], strlen(cases[i].pieces[j]));
        end(&r);
        r.out.len = 0;
        is_str(says(&r), cases[i].says, "%s, delivery %zu", cases[i].protocol->name, i);
        finish(&r);
    }
}

static void late_answer(void)
{
    struct rig r;
    struct machine_event event;
    begin(&r, &protocol_hl7);
    const struct protocol *p = r.machine.protocol;
    p->send(&r.machine, our_hl7, sizeof our_hl7 - 1, 0);
    drain(&r);
    p->tick(&r.machine, p->deadline(&r.machine));
    ok(p->next(&r.machine, &event) && event.kind == MACHINE_DELIVERY && event.delivery.result == DELIVERY_LATER &&
           event.delivery.reconnect && !*event.delivery.code,
       "without an answer: connect anew, lest it come late");
    finish(&r);
}

static void refused(void)
{
    struct rig r;
    begin(&r, &protocol_hl7);
    r.verdict = VERDICT_WAIT;
    feed(&r, (const unsigned char *)BLOCK, sizeof BLOCK - 1);
    const struct protocol *p = r.machine.protocol;
    ok(p->waiting(&r.machine) && !p->mute(&r.machine), "HL7: a message waits for its verdict");
    p->refuse(&r.machine, 0);
    ok(!p->waiting(&r.machine), "and is refused");
    drain(&r);
    ok(strstr(says(&r), "MSA|AE|1"), "as one that may come again");
    finish(&r);

    begin(&r, &protocol_astm);
    r.verdict = VERDICT_WAIT;
    feed(&r, (const unsigned char *)ENQ FRAME_1 FRAME_2, sizeof ENQ FRAME_1 FRAME_2 - 1);
    p = r.machine.protocol;
    r.out.len = 0;
    ok(p->waiting(&r.machine) && !p->mute(&r.machine), "ASTM: a frame waits for its verdict");
    p->refuse(&r.machine, 0);
    drain(&r);
    is_bytes(r.out.data, r.out.len, "\x15", 1, "and is refused with NAK");
    finish(&r);

    begin(&r, &protocol_astm);
    p = r.machine.protocol;
    p->inform(&r.machine, 1000, 1);
    feed(&r, (const unsigned char *)ENQ, 1);
    is_bytes(r.out.data, r.out.len, "\x15", 1, "ASTM: while a message is owed, ENQ is answered with NAK");
    p->inform(&r.machine, 1000, -1);
    feed(&r, (const unsigned char *)ENQ, 1);
    is_bytes(r.out.data, r.out.len, "\x15\x06", 2, "and then with ACK");
    finish(&r);
}

/* ---- messages ---- */

static void passwords(void)
{
    static const struct {
        const char *password, *text;
        bool fits;
    } cases[] = {
        {NULL, "H|\\^&\r", true},
        {"secret", "H|\\^&|1|secret|x\r", true},
        {"secret", "H|\\^&|1|secret\rP|1\r", true},
        {"secret", "H@!~$@1@secret\r", true},
        {"secret", "H|\\^&|1|secrets\r", false},
        {"secret", "H|\\^&|1|secre\r", false},
        {"secret", "H|\\^&|1||secret\r", false},
        {"secret", "H|\\^&\r", false},
        {"secret", "P|1||secret\r", false},
        {"secret", "", false},
        {"", "H|\\^&\r", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct link_config config = link_defaults(&protocol_astm, ASTM_HOST);
        config.password = cases[i].password;
        unsigned char *text = exact_copy(cases[i].text, strlen(cases[i].text));
        const struct message m = {.text = text, .len = strlen(cases[i].text)};
        const char *why = protocol_astm.refusal(&config, &m);
        ok(cases[i].fits ? !why : why && !strstr(why, "secret"), "password %zu", i);
        free(text);
    }
}

static void keys(void)
{
    static const struct {
        const char *text;
        bool known;
    } cases[] = {
        {TEXT, true},
        {"MSH|^~\\&|A|B|C|D|2024||ORU^R01||P|2.3\r", false},  /* no control id */
        {"MSH|^~\\&|A|B|C|D|2024||QRY^R02|1|P|2.3\r", false}, /* a query is asked again on purpose */
        {"PID|1\r", false},
        {"", false},
    };
    unsigned char one[16], two[16];
    bool query = true;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char *text = exact_copy(cases[i].text, strlen(cases[i].text));
        const struct message m = {.text = text, .len = strlen(cases[i].text)};
        ok(protocol_hl7.key(&m, one, &query) == cases[i].known && !query, "HL7, key %zu", i);
        free(text);
    }
    const struct message m = {.text = (const unsigned char *)"H|\\^&|1\rL|1\r", .len = 13};
    const struct message asks = {.text = (const unsigned char *)"H|\\^&|1\rQ|1\rL|1\r", .len = 17};
    ok(protocol_astm.key(&m, one, &query) && !query, "ASTM, a message");
    ok(protocol_astm.key(&asks, two, &query) && query && memcmp(one, two, 16) != 0, "ASTM, a query");
}

int main(void)
{
    detected();
    mended();
    inside();
    foreign();
    silence();
    looked_at();
    nobody();
    alike();
    deliveries();
    late_answer();
    refused();
    passwords();
    keys();
    return done();
}
