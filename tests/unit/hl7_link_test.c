#include "hl7/link.h"

#include "tap.h"

#define VT "\x0B"
#define FS "\x1C"
#define END FS "\r"
#define TEXT(s) (s), sizeof(s) - 1

/* A message with a control id, and with what comes behind MSH-12; and the same as the log has it. */
#define MORE(id, more) "MSH|^~\\&|LAB|H|LIS|M|2024||ORU^R01|" id "|P|2.3" more "\rPID|1\r"
#define BLOCK(id) VT MORE(id, "") END
#define ASKING(id, accept, application) VT MORE(id, "|||" accept "|" application) END
#define GOT(id) "message " id "\n"
/* Our nth answer to it; and to a block that cannot be read. */
#define SAID(n, code, id) "> MSH|^~\\&|LIS|M|LAB|H|T||ACK^R01|N" n "|P|2.3/MSA|" code "|" id "/\n"
#define WHY(n, code, id)                                                                                               \
    "> MSH|^~\\&|LIS|M|LAB|H|T||ACK^R01|N" n "|P|2.3/MSA|" code "|" id "|Application internal error/\n"
#define UNREADABLE(n, error, why)                                                                                      \
    "> MSH|^~\\&|||||T||ACK|N" n "|P|2.5/MSA|AR|/ERR|||" error "^" why "^HL70357|E/\n! unreadable\n"
/* Theirs to a message of ours. */
#define REPLY(code, id) VT "MSH|^~\\&|LIS|M|LAB|H|2024||ACK^R01|X|P|2.3\rMSA|" code "|" id "\r" END

struct rig {
    struct hl7_link_config config;
    struct hl7_link link;
    struct bytes log, wire, sent;
    const char *verdicts; /* a handed over, l later, n never, w not yet; the last one for all that follow */
    struct reply reply;
    uint64_t ticket;
    unsigned stamps;
    bool sound;
};

static void log_text(struct bytes *log, const unsigned char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] == '\r')
            bytes_puts(log, "/");
        else if (text[i] < ' ')
            bytes_printf(log, "<%02X>", text[i]);
        else
            bytes_append(log, text + i, 1);
}

static void on_wire(void *context, const struct hl7_wire *wire)
{
    struct rig *rig = context;
    if (!wire->sent)
        return;
    hl7_block_build(&rig->wire, wire->text, wire->len);
    bytes_puts(&rig->log, "> ");
    if (strcmp(wire->event, "block") == 0)
        log_text(&rig->log, wire->text, wire->len);
    else
        bytes_puts(&rig->log, wire->event);
    bytes_puts(&rig->log, "\n");
}

static void on_notice(void *context, enum hl7_notice notice, const char *text)
{
    struct rig *rig = context;
    rig->sound = rig->sound && *text && strlen(text) < 199;
    bytes_printf(&rig->log, "! %s\n", hl7_notice_name(notice));
}

static void on_stamp(void *context, struct hl7_stamp *stamp)
{
    struct rig *rig = context;
    strcpy(stamp->time, "T");
    snprintf(stamp->id, sizeof stamp->id, "N%u", ++rig->stamps);
}

static void on_follow(void *context, const unsigned char *text, size_t n)
{
    struct rig *rig = context;
    bytes_puts(&rig->log, "follows ");
    log_text(&rig->log, text, n);
    bytes_puts(&rig->log, "\n");
}

static void start(struct rig *rig, const char *verdicts)
{
    struct hl7_observer observer = {on_wire, on_notice, on_stamp, rig, NULL, on_follow};
    *rig = (struct rig){.config = hl7_link_defaults(), .verdicts = verdicts, .sound = true};
    hl7_link_init(&rig->link, &rig->config, &observer);
}

static void stop(struct rig *rig)
{
    hl7_link_free(&rig->link);
    is_int(hl7_link_held(&rig->link), 0, "all storage is released");
    bytes_free(&rig->log);
    bytes_free(&rig->wire);
    bytes_free(&rig->sent);
}

/* What the machine has to send goes, in small pieces. */
static void flush(struct rig *rig, int64_t now)
{
    size_t n;
    for (const unsigned char *p = hl7_link_out(&rig->link, &n); n; p = hl7_link_out(&rig->link, &n)) {
        n = n < 1000 && n > 7 ? 7 : n;
        bytes_append(&rig->sent, p, n);
        hl7_link_sent(&rig->link, n, now);
    }
}

static void answer(struct rig *rig, char verdict, int64_t now)
{
    enum verdict what = verdict == 'a'   ? VERDICT_ACCEPT
                        : verdict == 'l' ? VERDICT_LATER
                        : verdict == 'n' ? VERDICT_NEVER
                                         : VERDICT_WAIT;
    hl7_link_answer(&rig->link, rig->ticket, what, &rig->reply, now);
}

static void on_event(struct rig *rig, const struct hl7_event *event, int64_t now)
{
    const struct hl7_message *m = event->message;
    if (event->kind == HL7_EVENT_DONE) {
        const char *code = hl7_code_name(event->code);
        bytes_printf(&rig->log, "done %s%s%s%s\n", hl7_outcome_name(event->outcome), *code ? " " : "", code,
                     event->uncommitted ? " uncommitted" : "");
        return;
    }
    bytes_puts(&rig->log, event->answer ? "answer " : "message ");
    log_text(&rig->log, m->header.msh[HL7_CONTROL_ID].p, m->header.msh[HL7_CONTROL_ID].n);
    for (size_t i = 0; i < m->notes_len; i += strlen(m->notes + i) + 1)
        bytes_printf(&rig->log, " %.*s", (int)strcspn(m->notes + i, " "), m->notes + i);
    bytes_puts(&rig->log, "\n");
    rig->ticket = event->ticket;
    rig->sound = rig->sound && m->len && m->text[m->len - 1] == '\r' && hl7_link_waiting(&rig->link);
    answer(rig, rig->verdicts[0], now);
    rig->verdicts += rig->verdicts[1] != '\0';
}

static void take_events(struct rig *rig, int64_t now)
{
    struct hl7_event event;
    for (flush(rig, now); hl7_link_next(&rig->link, &event); flush(rig, now))
        on_event(rig, &event, now);
    flush(rig, now);
}

/* Bytes in an allocation of their own; what is not taken is offered again. Returns how many were taken. */
static size_t feed(struct rig *rig, const void *bytes, size_t n, int64_t now)
{
    size_t at = 0;
    for (int idle = 0; at < n && idle < 2;) {
        unsigned char *rest = exact_copy((const char *)bytes + at, n - at);
        size_t taken = hl7_link_push(&rig->link, rest, n - at, now);
        free(rest);
        take_events(rig, now);
        at += taken;
        idle = taken ? 0 : idle + 1;
    }
    return at;
}

static void feed_text(struct rig *rig, const char *text, int64_t now)
{
    feed(rig, text, strlen(text), now);
}

static void tick(struct rig *rig, int64_t now)
{
    hl7_link_tick(&rig->link, now);
    take_events(rig, now);
}

static void finish(struct rig *rig, int64_t now)
{
    hl7_link_eof(&rig->link, now);
    take_events(rig, now);
}

static bool send_text(struct rig *rig, const char *text, int64_t now)
{
    unsigned char *copy = exact_copy(text, strlen(text));
    bool fine = hl7_link_send(&rig->link, copy, strlen(text), now);
    free(copy);
    take_events(rig, now);
    return fine;
}

static void log_is(struct rig *rig, const char *want, const char *name)
{
    is_bytes(rig->log.data, rig->log.len, want, strlen(want), "%s", name);
    rig->log.len = 0;
}

/* ---- whole conversations, at every split ---- */

struct vector {
    const char *name, *verdicts, *send; /* send: a message of ours that goes first, or NULL */
    const char *input;
    size_t len;
    const char *want;
};

struct run {
    const struct vector *vector;
    struct hl7_link_config config;
    size_t failed;
    struct bytes wrong;
};

static void play(void *arg, const struct piece *pieces, size_t count)
{
    struct run *run = arg;
    struct rig rig;
    struct bytes rest = {0};
    start(&rig, run->vector->verdicts);
    rig.config = run->config;
    hl7_link_free(&rig.link);
    hl7_link_init(&rig.link, &rig.config, &(struct hl7_observer){on_wire, on_notice, on_stamp, &rig, NULL, on_follow});
    if (run->vector->send)
        send_text(&rig, run->vector->send, 1000);
    for (size_t i = 0; i < count; i++) {
        bytes_append(&rest, pieces[i].data, pieces[i].len);
        bytes_drop(&rest, feed(&rig, rest.data, rest.len, 1000));
    }
    finish(&rig, 1000);
    const char *want = run->vector->want;
    bool right = rig.log.len == strlen(want) && (!rig.log.len || !memcmp(rig.log.data, want, rig.log.len));
    bool same = rig.wire.len == rig.sent.len && (!rig.sent.len || !memcmp(rig.wire.data, rig.sent.data, rig.sent.len));
    if (!right || !same || !rig.sound || rest.len || !hl7_link_idle(&rig.link)) {
        if (!run->failed++)
            bytes_append(&run->wrong, rig.log.data, rig.log.len);
    }
    hl7_link_free(&rig.link);
    if (hl7_link_held(&rig.link))
        run->failed++;
    bytes_free(&rig.log);
    bytes_free(&rig.wire);
    bytes_free(&rig.sent);
    bytes_free(&rest);
}

static void at_every_split(const struct vector *v, size_t n, const struct hl7_link_config *config)
{
    for (; n; n--, v++) {
        struct run run = {.vector = v, .config = *config};
        every_split(v->input, v->len, play, &run);
        if (!ok(!run.failed, "%s", v->name)) {
            printf("# %zu of %zu\n", run.failed, v->len + 3);
            tap_escaped(" got", run.wrong.data, run.wrong.len, 0);
            tap_escaped("want", v->want, strlen(v->want), 0);
        }
        bytes_free(&run.wrong);
    }
}

static const struct vector receiving[] = {
    {"a message is answered after its hand-over", "a", NULL, TEXT(BLOCK("1")), GOT("1") SAID("1", "AA", "1")},
    {"two blocks are answered in order", "a", NULL, TEXT(BLOCK("1") BLOCK("2")),
     GOT("1") SAID("1", "AA", "1") GOT("2") SAID("2", "AA", "2")},
    {"one that cannot be handed over now gets AE", "l", NULL, TEXT(BLOCK("1")),
     GOT("1") WHY("1", "AE", "1") "! not-handed-over\n"},
    {"one that never can be gets AR", "n", NULL, TEXT(BLOCK("1")), GOT("1") WHY("1", "AR", "1") "! not-handed-over\n"},
    {"the next one is judged anew", "la", NULL, TEXT(BLOCK("1") BLOCK("1")),
     GOT("1") WHY("1", "AE", "1") "! not-handed-over\n" GOT("1") SAID("2", "AA", "1")},
    {"a connection without a byte is silent", "a", NULL, TEXT(""), ""},

    {"AL, AL: CA, then AA", "a", NULL, TEXT(ASKING("1", "AL", "AL")),
     GOT("1") SAID("1", "CA", "1") SAID("2", "AA", "1")},
    {"AL, AL, not now: CE and nothing after it", "l", NULL, TEXT(ASKING("1", "AL", "AL")),
     GOT("1") WHY("1", "CE", "1") "! not-handed-over\n"},
    {"NE, NE: nothing", "a", NULL, TEXT(ASKING("1", "NE", "NE")), GOT("1")},
    {"NE, NE, never: nothing but a notice", "n", NULL, TEXT(ASKING("1", "NE", "NE")), GOT("1") "! not-handed-over\n"},
    {"NE, ER, never: AR", "n", NULL, TEXT(ASKING("1", "NE", "ER")), GOT("1") WHY("1", "AR", "1") "! not-handed-over\n"},
    {"Mindray's 2 in MSH-16 is no condition, and told of once", "a", NULL,
     TEXT(ASKING("1", "", "2") ASKING("2", "", "0")),
     "! original-mode\nmessage 1 original-mode\n" SAID("1", "AA", "1") "message 2 original-mode\n" SAID("2", "AA",
                                                                                                        "2")},

    {"an empty block gets AR without a control id", "a", NULL, TEXT(VT END BLOCK("2")),
     UNREADABLE("1", "100", "the block is empty") GOT("2") SAID("2", "AA", "2")},
    {"so does a block without MSH", "a", NULL, TEXT(VT "PID|1\r" END),
     UNREADABLE("1", "100", "it does not begin with MSH")},
    {"and an MSH cut short", "a", NULL, TEXT(VT "MSH|^~\\&|LAB|H" END BLOCK("2")),
     UNREADABLE("1", "101", "MSH ends before its control id (MSH-10)") GOT("2") SAID("2", "AA", "2")},
    {"and MSH||||", "a", NULL, TEXT(VT "MSH||||" END),
     UNREADABLE("1", "101", "MSH ends before its control id (MSH-10)")},
    {"but not what has an MSA", "a", NULL, TEXT(VT "MSA|AR|\r" END), "! unreadable\n"},

    {"garbage and line ends between blocks are told of once", "a", NULL,
     TEXT("garbage" BLOCK("1") "\r\n\0 " BLOCK("2") "\r\n"
                                                    "x" BLOCK("3")),
     "! noise\n" GOT("1") SAID("1", "AA", "1") "! blanks\n" GOT("2") SAID("2", "AA", "2") GOT("3")
         SAID("3", "AA", "3")},
    {"FS without CR, with LF, with CR LF", "a", NULL,
     TEXT(VT MORE("1", "") FS VT MORE("2", "") FS "\n" VT MORE("3", "") FS "\r\n" VT MORE("4", "") FS),
     "message 1 block-end\n" SAID("1", "AA", "1") "message 2 block-end\n" SAID("2", "AA", "2") GOT("3")
         SAID("3", "AA", "3") "message 4 block-end\n" SAID("4", "AA", "4")},
    {"an FS within a field is data", "a", NULL, TEXT(VT MORE("1", "") "NTE|1||a" FS "b\r" END),
     "message 1 fs-inside\n" SAID("1", "AA", "1")},
    {"what a new block cut off is neither handed over nor answered", "a", NULL, TEXT(VT MORE("1", "") "OBX" BLOCK("2")),
     "! cut-block\n" GOT("2") SAID("1", "AA", "2")},
    {"nor what the end of the connection cut off", "a", NULL, TEXT(BLOCK("1") VT MORE("2", "")),
     GOT("1") SAID("1", "AA", "1") "! cut-block\n"},
    {"any other VT is data", "a", NULL, TEXT(VT MORE("1", "") "NTE|1||a" VT "b\r" END),
     "message 1 vt-inside\n" SAID("1", "AA", "1")},
    {"a message without VT is answered in a block", "a", NULL, TEXT(MORE("1", "") END MORE("2", "") BLOCK("3")),
     "message 1 unframed\n" SAID("1", "AA", "1") "message 2 unframed\n" SAID("2", "AA", "2") GOT("3")
         SAID("3", "AA", "3")},
    {"the last byte of a half-closed connection ends it too", "a", NULL, TEXT(MORE("1", "") MORE("2", "")),
     "message 1 unframed\n" SAID("1", "AA", "1") "message 2 unframed\n" SAID("2", "AA", "2")},

    {"each message of a block is answered on its own, in order", "alna", NULL,
     TEXT(VT MORE("1", "") MORE("2", "") MORE("3", "") MORE("4", "") END),
     GOT("1") SAID("1", "AA", "1") "message 2 several-messages\n" WHY(
         "2", "AE", "2") "! not-handed-over\n"
                         "message 3 several-messages\n" WHY("3", "AR",
                                                            "3") "! not-handed-over\n"
                                                                 "message 4 several-messages\n" SAID("4", "AA", "4")},
    {"a batch envelope is noted, not answered", "a", NULL,
     TEXT(VT "FHS|^~\\&\rBHS|^~\\&\r" MORE("1", "") "BTS|1\rFTS|1\r" END),
     "message 1 batch\n" SAID("1", "AA", "1") "! batch\n"},
    {"also without VT", "a", NULL, TEXT("FHS|^~\\&\rBHS|^~\\&\r" MORE("1", "") "BTS|1\rFTS|1\r"),
     "! batch\n! batch\nmessage 1 unframed batch\n" SAID("1", "AA", "1") "! batch\n"},
    {"its number is compared with what came, also over several blocks", "a", NULL,
     TEXT(VT "BHS|^~\\&\r" MORE("1", "") END VT MORE("2", "") "BTS|3\r" END),
     "message 1 batch\n" SAID("1", "AA", "1") "! batch\nmessage 2 batch\n" SAID("2", "AA",
                                                                                "2") "! batch-count\n! batch\n"},
    {"messages that cannot be read are refused among the others", "a", NULL,
     TEXT(VT "PID|0\r" MORE("1", "") "MSH|^~\\&|x\r" MORE("2", "") END),
     UNREADABLE("1", "100", "it does not begin with MSH") "message 1 several-messages\n" SAID("2", "AA", "1")
         UNREADABLE("3", "101",
                    "MSH ends before its control id (MSH-10)") "message 2 several-messages\n" SAID("4", "AA", "2")},
    {"LF ends segments where there is no CR", "a", NULL,
     TEXT(VT "MSH|^~\\&|LAB|H|LIS|M|2024||ORU^R01|1|P|2.3\nPID|1\n" END),
     "message 1 segment-end\n" SAID("1", "AA", "1")},

    {"the control id is echoed byte for byte", "a", NULL, TEXT(BLOCK("A^B~C\\T\\D&E \xFC")),
     GOT("A^B~C\\T\\D&E \xFC") SAID("1", "AA", "A^B~C\\T\\D&E \xFC")},
    {"except for what would end the block", "a", NULL, TEXT(BLOCK("A" FS "B" VT "C")),
     "message A<1C>B<0B>C fs-inside vt-inside\n" SAID("1", "AA", "A?B?C")},
    {"their separators are used", "a", NULL, TEXT(VT "MSH@~&#\\@LAB@H@@@@@ORU~R01@1@P@2.5\rPID@1\r" END),
     GOT("1") "> MSH@~&#\\@@@LAB@H@T@@ACK~R01@N1@P@2.5/MSA@AA@1/\n"},
    {"UTF-16 is understood, and answered in UTF-8", "a", NULL,
     TEXT(VT "\xFF\xFEM\0S\0H\0|\0^\0~\0\\\0&\0|\0L\0|\0|\0|\0|\0|\0|\0O\0R\0U\0|\0"
             "1\0|\0P\0|\0"
             "2\0.\0"
             "3\0\r\0" END),
     "message 1 utf-16\n> MSH|^~\\&|||L||T||ACK|N1|P|2.3||||||UNICODE UTF-8/MSA|AA|1/\n"},

    {"an ACK that nobody waits for is no message", "a", NULL, TEXT(REPLY("AA", "1") REPLY("CE", "")),
     "! unmatched-answer\n! unmatched-answer\n"},
    {"other answers that nobody waits for are, which is told, and get no application answer", "a", NULL,
     TEXT(VT "MSH|^~\\&|A||||||RSP^K11|7|P|2.5\rMSA|AA|1\rQAK|1\r" END), "! unmatched-answer\nanswer 7\n"},
    {"a deferred response is a message, and is answered", "a", NULL,
     TEXT(VT "MSH|^~\\&|A||||||DSR^Q03|7|P|2.3\rMSA|AA|1\rDSP|1\r" END),
     "answer 7\n> MSH|^~\\&|||A||T||ACK^Q03|N1|P|2.3/MSA|AA|7/\n"},
    {"but CA where they ask for it", "al", NULL,
     TEXT(VT "MSH|^~\\&|A||||||RSP^K11|7|P|2.5|||AL|AL\rMSA|AA|1\r" END VT
             "MSH|^~\\&|A||||||ORL^O34|8|P|2.5|||AL|AL\rMSA|AE|1\r" END),
     "! unmatched-answer\nanswer 7\n> MSH|^~\\&|||A||T||ACK^K11|N1|P|2.5/MSA|CA|7/\n"
     "! unmatched-answer\nanswer 8\n> MSH|^~\\&|||A||T||ACK^O34|N2|P|2.5/MSA|CE|8/ERR|||207^Application internal "
     "error^HL70357|E/\n"
     "! not-handed-over\n"},
    {"an ACK of a message gets CA where it asks for it", "a", NULL,
     TEXT(VT "MSH|^~\\&|A||||||ACK|7|P|2.5|||AL|AL\rMSA|AA|1\r" END),
     "> MSH|^~\\&|||A||T||ACK|N1|P|2.5/MSA|CA|7/\n! unmatched-answer\n"},
    {"but not an ACK of an ACK", "a", NULL, TEXT(VT "MSH|^~\\&|A||||||ACK|7|P|2.5|||AL|AL\rMSA|CA|1\r" END),
     "! unmatched-answer\n"},
    {"commit blocks are of no use in release 1", "a", NULL, TEXT(VT "\x06" END VT "\x15" END BLOCK("1")),
     "! commit\n! commit\n" GOT("1") SAID("1", "AA", "1")},
};

#define OUT(id, more) "> MSH|^~\\&|LAB|H|LIS|M|2024||ORU^R01|" id "|P|2.3" more "/PID|1/\n"

static const struct vector sending[] = {
    {"AA: sent", "a", MORE("S", ""), TEXT(REPLY("AA", "S")), OUT("S", "") "done sent AA\n"},
    {"AE: an error", "a", MORE("S", ""), TEXT(REPLY("AE", "S")), OUT("S", "") "done error AE\n"},
    {"AR: rejected", "a", MORE("S", ""), TEXT(REPLY("AR", "S")), OUT("S", "") "done rejected AR\n"},
    {"CA, where AA is asked for, is odd, and AA still awaited", "a", MORE("S", ""),
     TEXT(REPLY("CA", "S") REPLY("AA", "S")), OUT("S", "") "! odd-answer\ndone sent AA\n"},
    {"CE and CR are refusals all the same", "a", MORE("S", ""), TEXT(REPLY("CR", "S") REPLY("CE", "S")),
     OUT("S", "") "done rejected CR\n! duplicate-answer\n"},
    {"a code that is none is no success", "a", MORE("S", ""), TEXT(REPLY("OK", "S")),
     OUT("S", "") "! odd-answer\ndone odd-answer\n"},
    {"an answer to another message is not ours", "a", MORE("S", ""), TEXT(REPLY("AA", "X") REPLY("AA", "S")),
     OUT("S", "") "! unmatched-answer\ndone sent AA\n"},
    {"nor is AA without control id", "a", MORE("S", ""), TEXT(REPLY("AA", "") REPLY("AA", "S")),
     OUT("S", "") "! unmatched-answer\ndone sent AA\n"},
    {"but a refusal without control id is", "a", MORE("S", ""), TEXT(REPLY("AR", "")),
     OUT("S", "") "done rejected AR\n"},
    {"a second answer is a duplicate", "a", MORE("S", ""), TEXT(REPLY("AE", "S") REPLY("AA", "S")),
     OUT("S", "") "done error AE\n! duplicate-answer\n"},
    {"both answers in one block", "a", MORE("S", "|||AL|AL"),
     TEXT(VT "MSH|^~\\&|||||||ACK|X|P|2.3\rMSA|CA|S\rMSH|^~\\&|||||||ACK|Y|P|2.3\rMSA|AA|S\r" END),
     OUT("S", "|||AL|AL") "done sent AA\n"},
    {"CA, then AA, where both are asked for", "a", MORE("S", "|||AL|AL"), TEXT(REPLY("CA", "S") REPLY("AA", "S")),
     OUT("S", "|||AL|AL") "done sent AA\n"},
    {"CA, then AE", "a", MORE("S", "|||AL|AL"), TEXT(REPLY("CA", "S") REPLY("AE", "S")),
     OUT("S", "|||AL|AL") "done error AE\n"},
    {"CA, then nothing more", "a", MORE("S", "|||AL|AL"), TEXT(REPLY("CA", "S")),
     OUT("S", "|||AL|AL") "done connection-lost\n"},
    {"AA without CA", "a", MORE("S", "|||AL|AL"), TEXT(REPLY("AA", "S") REPLY("CA", "S")),
     OUT("S", "|||AL|AL") "done sent AA\n! duplicate-answer\n"},
    {"CE, where both are asked for", "a", MORE("S", "|||AL|AL"), TEXT(REPLY("CE", "S")),
     OUT("S", "|||AL|AL") "done error CE\n"},
    {"CA, where only that is asked for", "a", MORE("S", "|||AL|NE"), TEXT(REPLY("CA", "S")),
     OUT("S", "|||AL|NE") "done sent CA\n"},
    {"NE, NE: sent when it has gone out", "a", MORE("S", "|||NE|NE"), TEXT(""), OUT("S", "|||NE|NE") "done sent\n"},
    {"ER, ER: an error is waited for", "a", MORE("S", "|||ER|ER"), TEXT(REPLY("CE", "S")),
     OUT("S", "|||ER|ER") "done error CE\n"},
    {"NE, ER: likewise", "a", MORE("S", "|||NE|ER"), TEXT(REPLY("AR", "S")), OUT("S", "|||NE|ER") "done rejected AR\n"},
    {"ER alone, and AA all the same", "a", MORE("S", "|||ER"), TEXT(REPLY("AA", "S")),
     OUT("S", "|||ER") "done sent AA\n"},
    {"a 2 in MSH-16 makes no enhanced mode", "a", MORE("S", "||||2"), TEXT(REPLY("AA", "S")),
     OUT("S", "||||2") "done sent AA\n"},
    {"an answer of ours waits for nothing", "a", "MSH|^~\\&|A||||||RSP^K11|7|P|2.5\rMSA|AA|1\r", TEXT(""),
     "> MSH|^~\\&|A||||||RSP^K11|7|P|2.5/MSA|AA|1/\ndone sent\n"},
    {"the control id is compared byte for byte", "a", MORE("A^B\\T\\ \xFC", ""),
     TEXT(REPLY("AA", "A^B") REPLY("AA", "A^B\\T\\ \xFC")),
     OUT("A^B\\T\\ \xFC", "") "! unmatched-answer\ndone sent AA\n"},
    {"an answer may be more than an ACK", "a", "MSH|^~\\&|A||||||QBP^Q11|7|P|2.5\rQPD|1\r",
     TEXT(VT "MSH|^~\\&|B||||||RSP^K11|8|P|2.5\rMSA|AA|7\rQAK|1\r" END),
     "> MSH|^~\\&|A||||||QBP^Q11|7|P|2.5/QPD|1/\ndone sent AA\n"},
    {"the answer gets CA where it asks for it", "a", MORE("S", ""),
     TEXT(VT "MSH|^~\\&|B||||||RSP^K11|8|P|2.5|||AL|NE\rMSA|AA|S\rQAK|1\r" END),
     OUT("S", "") "> MSH|^~\\&|||B||T||ACK^K11|N1|P|2.5/MSA|CA|8/\ndone sent AA\n"},
    {"with separators of its own", "a", MORE("S", ""), TEXT(VT "MSH@~&#\\@A@@@@@@ACK@1@P@2.3\rMSA@AA@S\r" END),
     OUT("S", "") "done sent AA\n"},
    {"messages that come meanwhile are answered", "a", MORE("S", ""), TEXT(BLOCK("1") REPLY("AA", "S") BLOCK("2")),
     OUT("S", "") GOT("1") SAID("1", "AA", "1") "done sent AA\n" GOT("2") SAID("2", "AA", "2")},
    {"an answer cut off is none", "a", MORE("S", ""),
     TEXT(VT "MSH|^~\\&|||||||ACK|X|P|2.3\rMSA|AA|S\r" REPLY("AE", "S")), OUT("S", "") "! cut-block\ndone error AE\n"},
    {"the connection is lost before an answer", "a", MORE("S", ""), TEXT(""), OUT("S", "") "done connection-lost\n"},
    {"an answer without VT counts at the end of the connection", "a", MORE("S", ""),
     TEXT("MSH|^~\\&|||||||ACK|X|P|2.3\rMSA|AA|S\r"), OUT("S", "") "done sent AA\n"},
};

static const struct vector release_2[] = {
    {"commit ACK goes before the answer", "a", NULL, TEXT(BLOCK("1")), GOT("1") "> ACK\n" SAID("1", "AA", "1")},
    {"commit NAK where it is not handed over", "l", NULL, TEXT(BLOCK("1")),
     GOT("1") "! not-handed-over\n> NAK\n" WHY("1", "AE", "1")},
    {"one commit block for all messages of a block, before their answers", "ala", NULL,
     TEXT(VT MORE("1", "") MORE("2", "") MORE("3", "") END BLOCK("4")),
     GOT("1") "message 2 several-messages\n! not-handed-over\nmessage 3 several-messages\n> NAK\n" SAID("1", "AA", "1")
         WHY("2", "AE", "2") SAID("3", "AA", "3") GOT("4") "> ACK\n" SAID("4", "AA", "4")},
    {"commit NAK and AR where it cannot be read", "a", NULL, TEXT(VT "x" END),
     "! unreadable\n> NAK\n> MSH|^~\\&|||||T||ACK|N1|P|2.5/MSA|AR|/ERR|||100^it does not begin with MSH^HL70357|E/\n"},
    {"NE, NE: the commit block alone", "a", NULL, TEXT(ASKING("1", "NE", "NE")), GOT("1") "> ACK\n"},
    {"an answer gets its commit ACK", "a", MORE("S", ""), TEXT(VT "\x06" END REPLY("AA", "S")),
     OUT("S", "") "done sent AA\n> ACK\n"},
    {"without an answer to wait for, commit ACK is enough", "a", MORE("S", "|||NE|NE"), TEXT(VT "\x06" END),
     OUT("S", "|||NE|NE") "done sent\n"},
    {"commit NAK is an error", "a", MORE("S", ""), TEXT(VT "\x15" END), OUT("S", "") "done error\n"},
    {"an answer says that it is stored, too", "a", MORE("S", ""), TEXT(REPLY("AA", "S") VT "\x06" END),
     OUT("S", "") "! odd-answer\ndone sent AA uncommitted\n> ACK\n! commit\n"},
    {"and so does CA", "a", MORE("S", "|||AL|AL"), TEXT(REPLY("CA", "S") REPLY("AA", "S")),
     OUT("S", "|||AL|AL") "! odd-answer\n> ACK\ndone sent AA uncommitted\n> ACK\n"},
    {"CA and commit ACK", "a", MORE("S", "|||AL|NE"), TEXT(VT "\x06" END REPLY("CA", "S")),
     OUT("S", "|||AL|NE") "done sent CA\n> ACK\n"},
};

static const struct vector without_acknowledgement[] = {
    {"--ack none answers nothing", "aln", NULL, TEXT(BLOCK("1") ASKING("2", "AL", "AL") BLOCK("3") VT END),
     GOT("1") GOT("2") "! not-handed-over\n" GOT("3") "! not-handed-over\n! unreadable\n"},
};

static const struct vector original_mode[] = {
    {"--ack original answers AA, whatever is asked for", "a", NULL,
     TEXT(ASKING("1", "NE", "NE") ASKING("2", "AL", "AL")),
     GOT("1") SAID("1", "AA", "1") GOT("2") SAID("2", "AA", "2")},
};

static const struct vector small_messages[] = {
    {"a message past the limit gets AR at once, the rest is skipped, the link stays up", "a", NULL,
     TEXT(VT MORE("1", "") "OBX|12345678901234567890123456789012345678901234567890\r" END BLOCK("2")),
     "! too-long\n> MSH|^~\\&|LIS|M|LAB|H|T||ACK^R01|N1|P|2.3/MSA|AR|1|the message is too long/\n" GOT("2")
         SAID("2", "AA", "2")},
    {"without its MSH it gets AR without a control id", "a", NULL,
     TEXT(VT "MSH|^~\\&|LAB|H|LIS|M|2024||ORU^R01|123456789012345678901234567890123456789012345678901234567890\r" END),
     "! too-long\n> MSH|^~\\&|||||T||ACK|N1|P|2.5/MSA|AR|/ERR|||207^the message is too long^HL70357|E/\n"},
    {"a block of several is not too long while none of them is", "a", NULL,
     TEXT(VT MORE("1", "") MORE("2", "") MORE("3", "") END),
     GOT("1") SAID("1", "AA", "1") "message 2 several-messages\n" SAID(
         "2", "AA", "2") "message 3 several-messages\n" SAID("3", "AA", "3")},
    {"where one is, those before it are dealt with all the same", "a", NULL,
     TEXT(VT MORE("1", "") MORE("2", "") "OBX|12345678901234567890123456789012345678901234567890\r" MORE("3", "") END),
     "! too-long\n" GOT("1")
         SAID("1", "AA", "1") "> MSH|^~\\&|LIS|M|LAB|H|T||ACK^R01|N2|P|2.3/MSA|AR|2|the message is too long/\n"},
    {"a message too long that asks for nothing gets nothing", "a", NULL,
     TEXT(VT MORE("1", "|||NE|NE") "OBX|12345678901234567890123456789012345678901234567890\r" END BLOCK("2")),
     "! too-long\n" GOT("2") SAID("1", "AA", "2")},
    {"an answer too long is not answered", "a", NULL,
     TEXT(VT "MSH|^~\\&|||||||ACK|X|P|2.3\rMSA|AA|S\rERR|12345678901234567890123456789012345678901234567890\r" END),
     "! too-long\n"},
};

static void conversations(void)
{
    struct hl7_link_config config = hl7_link_defaults();
    at_every_split(receiving, sizeof receiving / sizeof *receiving, &config);
    at_every_split(sending, sizeof sending / sizeof *sending, &config);
    config.max_message = 60;
    at_every_split(small_messages, sizeof small_messages / sizeof *small_messages, &config);
    config = hl7_link_defaults();
    config.release = 2;
    at_every_split(release_2, sizeof release_2 / sizeof *release_2, &config);
    config = hl7_link_defaults();
    config.ack = HL7_ACK_NONE;
    at_every_split(without_acknowledgement, 1, &config);
    config.ack = HL7_ACK_ORIGINAL;
    at_every_split(original_mode, 1, &config);
}

/* ---- the clock ---- */

static void late_verdicts(void)
{
    struct rig rig;
    start(&rig, "w");
    size_t n = strlen(BLOCK("1"));
    is_int(feed(&rig, BLOCK("1") BLOCK("2"), 2 * n, 1000), n,
           "push takes nothing behind a message that is not answered");
    is_int(hl7_link_deadline(&rig.link), INT64_MAX, "nothing is due while a verdict is awaited");
    ok(hl7_link_waiting(&rig.link) && !hl7_link_idle(&rig.link), "it waits");
    log_is(&rig, GOT("1"), "nothing is answered");
    hl7_link_answer(&rig.link, rig.ticket + 1, VERDICT_ACCEPT, NULL, 2000);
    hl7_link_answer(&rig.link, rig.ticket, VERDICT_WAIT, NULL, 2000);
    ok(hl7_link_waiting(&rig.link), "what is no answer to it is none");
    answer(&rig, 'a', 1000 + 36000000);
    take_events(&rig, 1000 + 36000000);
    log_is(&rig, SAID("1", "AA", "1"), "a verdict may come ten hours later");
    answer(&rig, 'l', 1000 + 36000000);
    log_is(&rig, "", "a second one is ignored");
    ok(hl7_link_idle(&rig.link) && !rig.link.text.cap, "the link is idle, and holds nothing");
    feed_text(&rig, BLOCK("2"), 40000000);
    finish(&rig, 40000001);
    log_is(&rig, GOT("2"), "the peer closes its half");
    answer(&rig, 'a', 40000002);
    take_events(&rig, 40000002);
    log_is(&rig, SAID("2", "AA", "2"), "and still gets its answer");
    ok(hl7_link_idle(&rig.link), "then all is done");
    stop(&rig);

    start(&rig, "w");
    static const char bare[] = "MSH|^~\\&|||||||ORU|1|P|2.3\rMSH|^~\\&|||||||ORU|2|P|2.3\r";
    n = feed(&rig, bare, sizeof bare - 1, 1000);
    log_is(&rig, "message 1 unframed\n", "a message without VT ends at the next");
    answer(&rig, 'a', 90000);
    is_int(hl7_link_deadline(&rig.link), 92000, "for which the clock stood still meanwhile");
    feed_text(&rig, bare + n, 90000);
    tick(&rig, 92000);
    ok(hl7_link_waiting(&rig.link), "and which is whole after 2 s of silence");
    answer(&rig, 'a', 99000);
    take_events(&rig, 99000);
    log_is(&rig,
           "> MSH|^~\\&|||||T||ACK|N1|P|2.3/MSA|AA|1/\nmessage 2 unframed\n"
           "> MSH|^~\\&|||||T||ACK|N2|P|2.3/MSA|AA|2/\n",
           "both are answered");
    stop(&rig);
}

static void slow_blocks(void)
{
    struct rig rig;
    start(&rig, "a");
    feed_text(&rig, VT, 1000);
    is_int(hl7_link_deadline(&rig.link), 61000, "a block has 60 s from its first byte");
    feed_text(&rig, MORE("1", ""), 50000);
    is_int(hl7_link_deadline(&rig.link), 61000, "however late the others come");
    tick(&rig, 60999);
    log_is(&rig, "", "not less");
    tick(&rig, 61000);
    log_is(&rig, "! too-slow\n> MSH|^~\\&|LIS|M|LAB|H|T||ACK^R01|N1|P|2.3/MSA|AR|1|the message took too long/\n",
           "then it is refused");
    ok(hl7_link_idle(&rig.link) && !hl7_link_held(&rig.link), "and nothing of it kept");
    is_int(hl7_link_deadline(&rig.link), INT64_MAX, "nor waited for");
    feed_text(&rig, "OBX|1\r" END BLOCK("2"), 100000);
    log_is(&rig, GOT("2") SAID("2", "AA", "2"), "its rest is skipped, the next one taken");

    feed_text(&rig, VT MORE("3", "") "OBX|", 200000);
    for (int64_t now = 201000; now <= 290000; now += 1000)
        feed_text(&rig, "1234567890123456789012345678901234567890123456789012", now);
    int64_t bytes = (int64_t)strlen(VT MORE("3", "") "OBX|") + 90 * 52;
    is_int(hl7_link_deadline(&rig.link), 200000 + 20 * bytes, "a block of 50 bytes a second has longer");
    ok(290000 < hl7_link_deadline(&rig.link), "past its 60 s");
    feed_text(&rig, "\r" END, 290000);
    log_is(&rig, GOT("3") SAID("3", "AA", "3"), "and is taken");
    stop(&rig);

    start(&rig, "a");
    static char much[200000];
    memset(much, 'x', sizeof much - 1);
    feed_text(&rig, VT MORE("1", "") "OBX|", 1000);
    feed_text(&rig, much, 1000);
    is_int(hl7_link_deadline(&rig.link), 1000 + 1800000, "but not longer than half an hour");
    stop(&rig);

    start(&rig, "a");
    feed_text(&rig, VT, 1000);
    tick(&rig, 61000);
    log_is(&rig, "! too-slow\n> MSH|^~\\&|||||T||ACK|N1|P|2.5/MSA|AR|/ERR|||207^the message took too long^HL70357|E/\n",
           "a VT that nothing follows is refused");
    feed_text(&rig, VT "MSH|^~\\&|LAB|H|LIS|M|2024||ORU^R01|12", 100000);
    tick(&rig, 160000);
    log_is(&rig,
           "! too-slow\n> MSH|^~\\&|||||T||ACK|N2|P|2.5/MSA|AR|/ERR|||207^the message took too "
           "long^HL70357|E/\n",
           "half a control id is not echoed");
    feed_text(&rig, VT MORE("1", "") FS, 200000);
    is_int(hl7_link_deadline(&rig.link), 200100, "CR may be 100 ms late");
    tick(&rig, 200100);
    log_is(&rig, "message 1 block-end\n" SAID("3", "AA", "1"), "then the block has ended");
    feed_text(&rig, "\r" BLOCK("2"), 201000);
    log_is(&rig, GOT("2") SAID("4", "AA", "2"), "and a later CR is nothing");
    stop(&rig);
}

static void answers_in_time(void)
{
    struct rig rig;
    start(&rig, "w");
    ok(!hl7_link_sending(&rig.link) && send_text(&rig, MORE("S", ""), 1000), "a message is sent");
    ok(hl7_link_sending(&rig.link) && !hl7_link_idle(&rig.link) && !send_text(&rig, MORE("T", ""), 1000),
       "no other while it is");
    is_int(hl7_link_deadline(&rig.link), 31000, "it waits 30 s for its answer");
    log_is(&rig, OUT("S", ""), "the block has gone out");
    feed_text(&rig, BLOCK("1"), 11000);
    is_int(hl7_link_deadline(&rig.link), INT64_MAX, "the clock stands still while a verdict is awaited");
    answer(&rig, 'a', 71000);
    take_events(&rig, 71000);
    is_int(hl7_link_deadline(&rig.link), 91000, "and goes on after it");
    rig.log.len = 0;
    tick(&rig, 90999);
    log_is(&rig, "", "not yet");
    tick(&rig, 91000);
    log_is(&rig, "! no-answer\ndone no-answer\n", "then there was none");
    feed_text(&rig, REPLY("AA", "S"), 92000);
    log_is(&rig, "! late-answer\n", "one that comes after that is late");
    ok(send_text(&rig, MORE("T", ""), 100000), "the next one may be sent");
    feed_text(&rig, REPLY("AA", "S"), 101000);
    log_is(&rig, OUT("T", "") "! late-answer\n", "and a late answer to the one before is not mistaken for its own");
    feed_text(&rig, REPLY("AA", "T"), 102000);
    log_is(&rig, "done sent AA\n", "its own is its own");
    ok(send_text(&rig, MORE("U", "|||AL|AL"), 200000), "one that asks for both");
    feed_text(&rig, REPLY("CA", "U"), 220000);
    is_int(hl7_link_deadline(&rig.link), 250000, "waits for each");
    tick(&rig, 250000);
    log_is(&rig, OUT("U", "|||AL|AL") "! no-answer\ndone no-answer\n", "and for both");
    ok(send_text(&rig, MORE("V", "|||ER|ER"), 300000), "one that asks to be told of errors alone");
    tick(&rig, 329999);
    log_is(&rig, OUT("V", "|||ER|ER"), "waits for one as long");
    tick(&rig, 330000);
    log_is(&rig, "done sent\n", "and without one all is well");
    stop(&rig);
}

static void what_cannot_be_sent(void)
{
    struct rig rig;
    start(&rig, "a");
    ok(!send_text(&rig, "PID|1\r", 1000), "a text without MSH cannot be sent");
    ok(!send_text(&rig, "", 1000), "nor nothing");
    ok(!send_text(&rig, MORE("1", "") VT, 1000) && !send_text(&rig, MORE("1", "") FS "x", 1000), "nor VT and FS");
    ok(!hl7_link_held(&rig.link) && hl7_link_idle(&rig.link), "nothing is kept of it");
    finish(&rig, 1000);
    ok(!send_text(&rig, MORE("1", ""), 1000), "nor anything to a peer that has gone");
    log_is(&rig, "", "no event tells of it");
    stop(&rig);
}

/* ---- what goes out ---- */

static void answers_do_not_break_blocks(void)
{
    struct rig rig;
    size_t n, at = 0;
    static const char want[] = VT MORE("S", "") END VT "MSH|^~\\&|LIS|M|LAB|H|T||ACK^R01|N1|P|2.3\rMSA|AA|1\r" END;
    start(&rig, "a");
    ok(hl7_link_send(&rig.link, (const unsigned char *)MORE("S", ""), strlen(MORE("S", "")), 1000),
       "a message is sent");
    hl7_link_out(&rig.link, &n);
    is_int(n, strlen(MORE("S", "")) + 3, "all of the block waits to go");
    bytes_append(&rig.sent, hl7_link_out(&rig.link, &n), 10);
    hl7_link_sent(&rig.link, 10, 2000);
    is_int(hl7_link_deadline(&rig.link), 32000, "each byte that goes puts the deadline off");
    struct hl7_event event;
    at = hl7_link_push(&rig.link, (const unsigned char *)BLOCK("1"), strlen(BLOCK("1")), 3000);
    ok(at == strlen(BLOCK("1")) && hl7_link_next(&rig.link, &event), "a message comes meanwhile");
    hl7_link_answer(&rig.link, event.ticket, VERDICT_ACCEPT, NULL, 3000);
    flush(&rig, 4000);
    is_bytes(rig.sent.data, rig.sent.len, want, sizeof want - 1, "and is answered behind our block");
    stop(&rig);

    start(&rig, "a");
    at = hl7_link_push(&rig.link, (const unsigned char *)BLOCK("1"), strlen(BLOCK("1")), 3000);
    hl7_link_next(&rig.link, &event);
    hl7_link_answer(&rig.link, event.ticket, VERDICT_ACCEPT, NULL, 3000);
    hl7_link_send(&rig.link, (const unsigned char *)MORE("S", "|||NE|NE"), strlen(MORE("S", "|||NE|NE")), 3000);
    ok(hl7_link_out(&rig.link, &n)[1] == 'M' && n < 100, "an answer that waits goes before a block that is not begun");
    rig.log.len = 0;
    take_events(&rig, 3000);
    log_is(&rig, "done sent\n", "which goes then");
    stop(&rig);

    start(&rig, "a");
    hl7_link_send(&rig.link, (const unsigned char *)MORE("S", ""), strlen(MORE("S", "")), 1000);
    bytes_append(&rig.sent, hl7_link_out(&rig.link, &n), 10);
    hl7_link_sent(&rig.link, 10, 1000);
    hl7_link_push(&rig.link, (const unsigned char *)REPLY("AR", "S"), strlen(REPLY("AR", "S")), 1000);
    ok(hl7_link_next(&rig.link, &event) && event.outcome == HL7_REJECTED, "an answer may come before the block is out");
    ok(hl7_link_sending(&rig.link), "which is sent to its end");
    rig.log.len = 0;
    take_events(&rig, 1000);
    is_bytes(rig.sent.data, rig.sent.len, VT MORE("S", "") END, strlen(MORE("S", "")) + 3, "all of it");
    log_is(&rig, "", "and not told of again");
    ok(!hl7_link_sending(&rig.link), "then the next may go");
    stop(&rig);
}

static void a_peer_that_reads_nothing(void)
{
    struct rig rig;
    struct hl7_event event;
    size_t n, pushed = 0;
    start(&rig, "a");
    for (size_t taken = 1; taken && pushed < 100000; pushed++) {
        taken = hl7_link_push(&rig.link, (const unsigned char *)BLOCK("1"), strlen(BLOCK("1")), 1000);
        while (hl7_link_next(&rig.link, &event))
            hl7_link_answer(&rig.link, event.ticket, VERDICT_ACCEPT, NULL, 1000);
        rig.log.len = rig.wire.len = 0;
    }
    hl7_link_out(&rig.link, &n);
    ok(pushed < 10000 && n < 300000, "a peer that reads nothing is not read from after 256 kB of answers");
    flush(&rig, 1000);
    ok(hl7_link_push(&rig.link, (const unsigned char *)BLOCK("1"), strlen(BLOCK("1")), 1000), "until it reads");
    stop(&rig);

    struct bytes block = {0};
    start(&rig, "a");
    bytes_puts(&block, VT);
    for (size_t i = 0; i < 100000; i++)
        bytes_puts(&block, "MSH|\r");
    bytes_puts(&block, END);
    hl7_link_push(&rig.link, block.data, block.len, 1000);
    hl7_link_out(&rig.link, &n);
    ok(n < 300000 && hl7_link_deadline(&rig.link) == INT64_MAX,
       "nor are the messages of a block refused faster than that");
    ok(!hl7_link_next(&rig.link, &event) && !hl7_link_idle(&rig.link), "the rest of it waits");
    rig.log.len = 0;
    size_t most = 0, all = 0;
    for (const unsigned char *p = hl7_link_out(&rig.link, &n); p && n; p = hl7_link_out(&rig.link, &n)) {
        all += n;
        most = n > most ? n : most;
        hl7_link_sent(&rig.link, n, 1000);
        hl7_link_next(&rig.link, &event);
        rig.log.len = rig.wire.len = 0;
    }
    is_int(rig.stamps, 100000, "all are refused in the end");
    ok(most < 300000 && all > 10000000 && hl7_link_idle(&rig.link), "piece by piece");
    bytes_free(&block);
    stop(&rig);
}

/* ---- answers of the caller's ---- */

static void own_answers(void)
{
    static const struct {
        const char *name, *message, *own, *want;
    } table[] = {
        {"an answer of the caller's is sent instead of ours", MORE("1", ""),
         "MSH|^~\\&|X||||||RSP^K11|9|P|2.5\rMSA|AA|1\rQAK|\r", "> MSH|^~\\&|X||||||RSP^K11|9|P|2.5/MSA|AA|1/QAK|/\n"},
        {"its segments may end with LF", MORE("1", ""), "MSH|^~\\&|X||||||RSP^K11|9|P|2.5\nMSA|AA|1\nQAK|",
         "> MSH|^~\\&|X||||||RSP^K11|9|P|2.5/MSA|AA|1/QAK|/\n"},
        {"of several the one with the MSA is taken, and the others follow", MORE("1", ""),
         "MSH|^~\\&|X||||||OML^O33|8|P|2.5\nPID|1\nMSH|^~\\&|X||||||RSP^K11|9|P|2.5\nMSA|AA|1\nMSH|^~\\&|X||||||OML^"
         "O33|7|P|2.5\n",
         "follows MSH|^~\\&|X||||||OML^O33|8|P|2.5/PID|1/\n> MSH|^~\\&|X||||||RSP^K11|9|P|2.5/MSA|AA|1/\n"
         "follows MSH|^~\\&|X||||||OML^O33|7|P|2.5/\n"},
        {"a deferred response to it follows, although it has an MSA", MORE("1", ""),
         "MSH|^~\\&|X||||||DSR^Q03|8|P|2.3\rMSA|AA|1\rMSH|^~\\&|X||||||QCK^Q02|9|P|2.3\rMSA|AA|1\r",
         "follows MSH|^~\\&|X||||||DSR^Q03|8|P|2.3/MSA|AA|1/\n> MSH|^~\\&|X||||||QCK^Q02|9|P|2.3/MSA|AA|1/\n"},
        {"and is the answer where there is no other", MORE("1", ""), "MSH|^~\\&|X||||||DSR^Q03|8|P|2.3\rMSA|AA|1\r",
         "> MSH|^~\\&|X||||||DSR^Q03|8|P|2.3/MSA|AA|1/\n"},
        {"a second answer, one to another message, and what is none are left out", MORE("1", ""),
         "MSH|^~\\&|X||||||RSP|9|P|2.5\rMSA|AA|1\rMSH|^~\\&|X||||||RSP|8|P|2.5\rMSA|AE|1\rMSH|^~\\&|X||||||ACK|7|P|"
         "2.5\rMSA|AA|2\rMSH|^~\\&|X||||||DSR^Q03|6|P|2.5\rMSA|AA|2\rMSH|\rMSH|^~\\&|X||||||OML|5|P|2.5|" FS "\r",
         "> MSH|^~\\&|X||||||RSP|9|P|2.5/MSA|AA|1/\n! own-answer\n! own-answer\n! own-answer\n! own-answer\n"
         "! own-answer\n"},
        {"what stands before the first MSH does not count", MORE("1", ""),
         "orders:\nMSH|^~\\&|X||||||RSP|9|P|2.5\nMSA|AA|1\n", "> MSH|^~\\&|X||||||RSP|9|P|2.5/MSA|AA|1/\n"},
        {"CA goes before it where it is asked for", MORE("1", "|||AL|AL"),
         "MSH|^~\\&|X||||||RSP^K11|9|P|2.5\rMSA|AA|1\r",
         SAID("1", "CA", "1") "> MSH|^~\\&|X||||||RSP^K11|9|P|2.5/MSA|AA|1/\n"},
        {"it is sent also where no AA is asked for", MORE("1", "|||AL|NE"),
         "MSH|^~\\&|X||||||RSP^K11|9|P|2.5\rMSA|AA|1\r",
         SAID("1", "CA", "1") "> MSH|^~\\&|X||||||RSP^K11|9|P|2.5/MSA|AA|1/\n"},
        {"but a plain acknowledgement is not", MORE("1", "|||NE|NE"), "MSH|^~\\&|X||||||ACK|9|P|2.5\rMSA|AA|1\r",
         "! own-answer\n"},
        {"it may be a refusal", MORE("1", "|||NE|ER"), "MSH|^~\\&|X||||||ACK|9|P|2.5\rMSA|AE|1\r",
         "> MSH|^~\\&|X||||||ACK|9|P|2.5/MSA|AE|1/\n"},
        {"with another control id it is not sent", MORE("1", ""), "MSH|^~\\&|X||||||ACK|9|P|2.5\rMSA|AA|2\r",
         "! own-answer\n" SAID("1", "AA", "1")},
        {"nor without MSA", MORE("1", ""), "MSH|^~\\&|X||||||OML^O33|9|P|2.5\rPID|1\r",
         "! own-answer\n" SAID("1", "AA", "1")},
        {"nor without MSH", MORE("1", ""), "OK\n", "! own-answer\n" SAID("1", "AA", "1")},
        {"nor when it is empty", MORE("1", ""), "", "! own-answer\n" SAID("1", "AA", "1")},
        {"nor with VT or FS in it", MORE("1", ""), "MSH|^~\\&|X||||||ACK|9|P|2.5\rMSA|AA|1|" FS "\r",
         "! own-answer\n" SAID("1", "AA", "1")},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct rig rig;
        start(&rig, "w");
        feed_text(&rig, VT, 1000);
        feed_text(&rig, table[i].message, 1000);
        feed_text(&rig, END, 1000);
        rig.log.len = 0;
        rig.reply = (struct reply){.text = exact_copy(table[i].own, strlen(table[i].own)), .len = strlen(table[i].own)};
        answer(&rig, 'a', 1000);
        take_events(&rig, 1000);
        free((void *)(uintptr_t)rig.reply.text);
        log_is(&rig, table[i].want, table[i].name);
        hl7_link_free(&rig.link);
        bytes_free(&rig.log);
        bytes_free(&rig.wire);
        bytes_free(&rig.sent);
    }
}

/* What has followed the answer before does not follow it again. */
static void repeated(void)
{
    static const char own[] = "MSH|^~\\&|X||||||ORR|9|P|2.3\rMSA|AA|1\rMSH|^~\\&|X||||||ORM|8|P|2.3\r";
    struct rig rig;
    start(&rig, "w");
    feed_text(&rig, BLOCK("1"), 1000);
    rig.log.len = 0;
    rig.reply = (struct reply){.text = (const unsigned char *)own, .len = sizeof own - 1, .repeated = true};
    answer(&rig, 'a', 1000);
    log_is(&rig, "> MSH|^~\\&|X||||||ORR|9|P|2.3/MSA|AA|1/\n", "to a repeat the answer alone is sent");
    stop(&rig);
}

static void reasons(void)
{
    struct rig rig;
    start(&rig, "l");
    rig.reply.reason = "disk full";
    feed_text(&rig, BLOCK("1"), 1000);
    log_is(&rig, GOT("1") "> MSH|^~\\&|LIS|M|LAB|H|T||ACK^R01|N1|P|2.3/MSA|AE|1|disk full/\n! not-handed-over\n",
           "a refusal has the caller's reason");
    stop(&rig);
    struct hl7_link link;
    struct hl7_link_config config = hl7_link_defaults();
    struct hl7_event event;
    size_t n;
    hl7_link_init(&link, &config, NULL);
    hl7_link_push(&link, (const unsigned char *)BLOCK("1"), strlen(BLOCK("1")), 1000);
    ok(hl7_link_next(&link, &event), "without an observer a link works too");
    hl7_link_answer(&link, event.ticket, VERDICT_ACCEPT, NULL, 1000);
    const unsigned char *p = hl7_link_out(&link, &n);
    static const char want[] = VT "MSH|^~\\&|LIS|M|LAB|H|||ACK^R01|1|P|2.3\rMSA|AA|1\r" END;
    is_bytes(p, n, want, sizeof want - 1, "its answers have no time, and are numbered");
    hl7_link_free(&link);
}

/* What an event holds when it is given. */
static void events(void)
{
    struct rig rig;
    struct hl7_event event;
    start(&rig, "w");
    static const char text[] = VT MORE("1", "|||AL|AL") END;
    hl7_link_push(&rig.link, (const unsigned char *)text, sizeof text - 1, 1000);
    ok(hl7_link_next(&rig.link, &event) && event.kind == HL7_EVENT_MESSAGE && !event.answer, "a message is an event");
    is_bytes(event.message->text, event.message->len, MORE("1", "|||AL|AL"), sizeof text - 4, "with its text");
    ok(hl7_slice_is(hl7_header_type(&event.message->header, 1), "ORU") && event.message->complete &&
           event.message->framed && event.message->offset == 1,
       "its header and where it came from");
    ok(!hl7_link_next(&rig.link, &event), "once");
    hl7_link_answer(&rig.link, event.ticket, VERDICT_NEVER, NULL, 1000);
    rig.log.len = 0;
    take_events(&rig, 1000);
    send_text(&rig, MORE("S", ""), 1000);
    static const char reply[] = VT "MSH|^~\\&|||||||ACK|X|P|2.5\rMSA|AE|S|no\rERR|||207\r" END;
    hl7_link_push(&rig.link, (const unsigned char *)reply, sizeof reply - 1, 1000);
    ok(hl7_link_next(&rig.link, &event) && event.kind == HL7_EVENT_DONE && event.code == HL7_CODE_AE,
       "what became of a message is one");
    is_bytes(event.text.p, event.text.n, reply + 1, sizeof reply - 4, "with the answer");
    ok(hl7_slice_is(event.msa.text, "no") && hl7_slice_is(event.msa.control_id, "S"), "and its MSA");
    ok(!hl7_link_next(&rig.link, &event) && !rig.link.text.cap, "once, and then it is released");
    stop(&rig);
}

/* ---- bad days ---- */

static void little_memory(void)
{
    struct rig rig;
    start(&rig, "a");
    rig.link.allowance = 70;
    feed_text(&rig, VT MORE("1", "") "OBX|1234567890123456789012345678901234567890\r" END BLOCK("2"), 1000);
    log_is(&rig,
           "! no-memory\n> MSH|^~\\&|LIS|M|LAB|H|T||ACK^R01|N1|P|2.3/MSA|AE|1|no memory for the message now/\n" GOT("2")
               SAID("2", "AA", "2"),
           "a message past the allowance may come again");
    rig.link.allowance = 0;
    feed_text(&rig, BLOCK("3"), 1000);
    log_is(&rig, "! no-memory\n> MSH|^~\\&|LIS|M|LAB|H|T||ACK^R01|N3|P|2.3/MSA|AE|3|no memory for the message now/\n",
           "also where there is nothing left");
    stop(&rig);
}

static void long_messages(void)
{
    struct rig rig;
    struct hl7_event event;
    size_t n = 50 << 20, pushes = 0;
    unsigned char *bytes = malloc(n);
    static const unsigned char x = 'x';
    memset(bytes, 'x', n);
    start(&rig, "w");
    rig.config.max_message = rig.link.reader.max_message = SIZE_MAX;
    feed_text(&rig, VT MORE("1", "") "OBX|1|ED|||", 1000);
    for (size_t i = 0; i < n; i++)
        pushes += hl7_link_push(&rig.link, &x, 1, 1000);
    feed_text(&rig, "\r" END, 1000);
    log_is(&rig, GOT("1"), "a message of 50 MB comes a byte at a time");
    is_int(pushes, n, "in as many pushes");
    ok(hl7_link_held(&rig.link) < 3 * n, "and is held once");
    answer(&rig, 'a', 1000);
    take_events(&rig, 1000);
    log_is(&rig, SAID("1", "AA", "1"), "it is answered");
    feed_text(&rig, VT MORE("2", "") "OBX|1|ED|||", 1000);
    hl7_link_push(&rig.link, bytes, n, 1000);
    ok(!hl7_link_next(&rig.link, &event), "as is one in a single push");
    feed_text(&rig, END, 1000);
    answer(&rig, 'a', 1000);
    take_events(&rig, 1000);
    log_is(&rig, GOT("2") SAID("2", "AA", "2"), "in the same way");
    free(bytes);
    stop(&rig);
}

static void long_control_ids(void)
{
    struct bytes text = {0}, reply = {0};
    struct rig rig;
    start(&rig, "w");
    bytes_puts(&text, "MSH|^~\\&|||||||ORU|");
    bytes_puts(&reply, VT "MSH|^~\\&|||||||ACK|1|P|2.3\rMSA|AA|");
    for (size_t i = 0; i < 1000; i++) {
        bytes_puts(&text, "0123456789");
        bytes_puts(&reply, "0123456789");
    }
    bytes_append(&text, "|P|2.3\r", 8);
    bytes_append(&reply, "\r" END, 4);
    text.data[text.len - 1] = reply.data[reply.len - 1] = '\0';
    send_text(&rig, (const char *)text.data, 1000);
    rig.log.len = 0;
    feed_text(&rig, (const char *)reply.data, 1000);
    log_is(&rig, "done sent AA\n", "a control id of 10 kB is compared");
    feed(&rig, VT, 1, 1000);
    feed_text(&rig, (const char *)text.data, 1000);
    feed_text(&rig, END, 1000);
    rig.log.len = rig.sent.len = 0;
    answer(&rig, 'a', 1000);
    take_events(&rig, 1000);
    ok(rig.sent.len > 10000, "and echoed");
    bytes_free(&text);
    bytes_free(&reply);
    stop(&rig);
}

/* Random bytes, mostly those that mean something. */
static void random_bytes(void)
{
    static const char *const words[] = {VT,
                                        VT,
                                        END,
                                        END,
                                        FS,
                                        "\r",
                                        "\n",
                                        "MSH|",
                                        "MSA|AA|1\r",
                                        BLOCK("1"),
                                        MORE("2", ""),
                                        "FHS|",
                                        "BTS|\r",
                                        "\x06",
                                        "x",
                                        REPLY("AA", "S"),
                                        "\0",
                                        ASKING("3", "AL", "AL"),
                                        "|||||||||"};
    uint64_t seed = 3;
    size_t wrong = 0, answered = 0;
    for (int round = 0; round < 4000; round++) {
        struct bytes text = {0}, want = {0};
        for (int i = 0; i < 20; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            size_t word = (seed >> 33) % (sizeof words / sizeof *words);
            bytes_append(&text, words[word], word == 16 ? 1 : strlen(words[word]));
        }
        for (size_t piece = text.len; piece; piece = piece == text.len ? 1 + (seed >> 40) % 7 : 0) {
            struct rig rig;
            struct bytes rest = {0};
            start(&rig, "alan");
            rig.config.max_message = rig.link.reader.max_message = 120;
            rig.config.release = 1 + round % 2;
            if (round % 3 == 0)
                send_text(&rig, MORE("S", ""), 1000);
            for (size_t at = 0; at < text.len; at += piece) {
                bytes_append(&rest, text.data + at, piece < text.len - at ? piece : text.len - at);
                bytes_drop(&rest, feed(&rig, rest.data, rest.len, 1000));
            }
            finish(&rig, 1000);
            wrong += rest.len || !rig.sound || !hl7_link_idle(&rig.link) || rig.wire.len != rig.sent.len ||
                     (rig.sent.len && memcmp(rig.wire.data, rig.sent.data, rig.sent.len));
            if (piece == text.len)
                bytes_append(&want, rig.log.data, rig.log.len);
            else
                wrong += want.len != rig.log.len || (want.len && memcmp(want.data, rig.log.data, want.len));
            answered += rig.stamps;
            hl7_link_free(&rig.link);
            wrong += hl7_link_held(&rig.link) != 0;
            bytes_free(&rig.log);
            bytes_free(&rig.wire);
            bytes_free(&rig.sent);
            bytes_free(&rest);
        }
        bytes_free(&text);
        bytes_free(&want);
    }
    is_int(wrong, 0, "random bytes give the same events however they are split, and nothing is left of them");
    ok(answered > 10000, "%zu answers were given", answered);
}

/* ---- late answers ---- */

/* A message of ours, and the answer to it, or NULL; and whether a late one could be taken for that to the next. */
struct confusion {
    const char *name, *send, *input, *next;
    unsigned release;
    bool want;
};

static const struct confusion confusions[] = {
    {"nothing was sent before", NULL, NULL, MORE("S", ""), 1, false},
    {"the same control id", MORE("S", ""), REPLY("AA", "S"), MORE("S", "more"), 1, true},
    {"... after a refusal", MORE("S", ""), REPLY("AE", "S"), MORE("S", ""), 1, true},
    {"... after a code that is none", MORE("S", ""), REPLY("ZZ", "S"), MORE("S", ""), 1, true},
    {"another one", MORE("S", ""), REPLY("AA", "S"), MORE("S2", ""), 1, false},
    {"none either time", MORE("", ""), REPLY("AA", ""), MORE("", ""), 1, true},
    {"one, then none", MORE("S", ""), REPLY("AA", "S"), MORE("", ""), 1, false},
    {"none, then one", MORE("", ""), REPLY("AA", ""), MORE("S", ""), 1, false},
    {"a refusal without MSA-2, then any", MORE("S", ""), REPLY("AR", ""), MORE("S2", ""), 1, true},
    {"no answer was asked for, and none came", MORE("S", "|||NE|NE"), NULL, MORE("S", ""), 1, false},
    {"CA alone was asked for", MORE("S", "|||AL|NE"), REPLY("CA", "S"), MORE("S", "|||NE|NE"), 1, true},
    {"a commit block was the answer", MORE("S", "|||NE|NE"), VT "\x06" END, MORE("S", ""), 2, true},
};

static void late_answers(void)
{
    for (size_t i = 0; i < sizeof confusions / sizeof *confusions; i++) {
        const struct confusion *c = &confusions[i];
        struct rig rig;
        start(&rig, "a");
        rig.config.release = c->release;
        bool fine = !c->send || send_text(&rig, c->send, 1000);
        if (c->input)
            feed_text(&rig, c->input, 1000);
        unsigned char *next = exact_copy(c->next, strlen(c->next));
        ok(fine && !hl7_link_sending(&rig.link), "%s: the message before has ended", c->name);
        is_int(hl7_link_confusable(&rig.link, next, strlen(c->next)), c->want, "%s", c->name);
        free(next);
        stop(&rig);
    }
}

int main(void)
{
    conversations();
    late_verdicts();
    slow_blocks();
    answers_in_time();
    late_answers();
    what_cannot_be_sent();
    answers_do_not_break_blocks();
    a_peer_that_reads_nothing();
    own_answers();
    repeated();
    reasons();
    events();
    little_memory();
    long_messages();
    long_control_ids();
    random_bytes();
    return done();
}
