/* A hand-over with targets that have children, and the loop under it: messages are offered, verdicts come. */
#ifndef STAGE_H
#define STAGE_H

#include "base/clock.h"
#include "link/handover.h"
#include "link/loop.h"

#include <fcntl.h>
#include <unistd.h>

#include "tap.h"

enum { STAGE_PATIENCE_MS = 60000 };

struct stage {
    struct handover h;
    struct loop loop;
    struct link_config config;
    struct link link;
    int verdicts;
    enum verdict verdict; /* the last */
    char trail[512];      /* of each verdict its ticket and what it was: `1+ 2- 3x ` */
    char reply[4096], reason[256];
    bool (*until)(struct stage *s);
    int64_t by;
    int wanted; /* verdicts */
    const char *file;
};

static void stage_verdict(void *context, const struct handover_party *party, enum verdict verdict,
                          const struct reply *reply, int64_t now)
{
    struct stage *s = context;
    size_t at = strlen(s->trail);
    (void)now;
    s->verdicts++;
    s->verdict = verdict;
    snprintf(s->trail + at, sizeof s->trail - at, "%u%c ", (unsigned)party->ticket,
             verdict == VERDICT_ACCEPT  ? '+'
             : verdict == VERDICT_LATER ? '-'
                                        : 'x');
    *s->reply = *s->reason = 0;
    if (reply && reply->text)
        snprintf(s->reply, sizeof s->reply, "%.*s", (int)reply->len, (const char *)reply->text);
    if (reply && reply->reason)
        snprintf(s->reason, sizeof s->reason, "%s", reply->reason);
}

static void stage_turn(void *context, int64_t now)
{
    struct stage *s = context;
    handover_pump(&s->h, now);
    s->loop.stop = s->until(s) || now >= s->by;
}

static int64_t stage_due(void *context)
{
    (void)context;
    return clock_ms() + 50;
}

/* Turns the loop until it is so. False when the test's patience is at its end. */
static bool stage_run(struct stage *s, bool (*until)(struct stage *s))
{
    s->until = until;
    s->by = clock_ms() + STAGE_PATIENCE_MS;
    s->loop.stop = until(s);
    loop_run(&s->loop);
    return until(s);
}

static bool stage_decided(struct stage *s)
{
    return s->verdicts >= s->wanted;
}

/* Until so many verdicts have come. */
static bool stage_await(struct stage *s, int verdicts)
{
    s->wanted = verdicts;
    return stage_run(s, stage_decided);
}

static bool stage_file_there(struct stage *s)
{
    return access(s->file, F_OK) == 0;
}

/* Until there is such a file. */
static bool stage_await_file(struct stage *s, const char *file)
{
    s->file = file;
    return stage_run(s, stage_file_there);
}

static bool stage_over(struct stage *s)
{
    return handover_over(&s->h);
}

static void stage_open(struct stage *s, const struct protocol *protocol, enum view_format format)
{
    memset(s, 0, sizeof *s);
    s->config = link_defaults(protocol, ASTM_HOST);
    s->config.astm_view.format = s->config.hl7_view.format = format;
    s->config.name = "link";
    s->link.config = &s->config;
    handover_open(&s->h, format, 100, 0);
    s->h.context = s;
    s->h.verdict = stage_verdict;
    s->h.room = SIZE_MAX;
    s->h.loop = &s->loop;
    s->loop.context = s;
    s->loop.after_turn = stage_turn;
    s->loop.before_poll = stage_due;
    loop_catch(SIGCHLD);
    signal(SIGPIPE, SIG_IGN);
}

static void stage_add(struct stage *s, struct target *target)
{
    handover_add(&s->h, target, false);
    loop_add(&s->loop, &target->source);
}

static void stage_close(struct stage *s)
{
    loop_free(&s->loop);
    handover_close(&s->h);
}

/* A message with that control id, of about len bytes; it is said to come on the connection of its ticket. */
static enum verdict stage_offer(struct stage *s, const char *id, size_t len, uint64_t ticket)
{
    static struct bytes text;
    static struct reply reply;
    bool hl7 = s->config.protocol == &protocol_hl7;
    text.len = 0;
    if (hl7)
        bytes_printf(&text, "MSH|^~\\&|sender|LAB|||20260301101500||ORU^R01|%s|P|2.5.1\r", id);
    else
        bytes_printf(&text, "H|\\^&|%s||sender\r", id);
    while (text.len + 60 < len)
        bytes_printf(&text, hl7 ? "OBX|%zu|NM|GLU||5.4|mmol/L\r" : "R|%zu|^^^GLU|5.4|mmol/L\r", text.len);
    bytes_puts(&text, hl7 ? "OBX|1|NM|K||4\r" : "L|1|N\r");
    struct message m = {.text = text.data, .len = text.len, .notes = "", .complete = true, .framed = true};
    struct handover_party party = {ticket, ticket, false, &s->link, s->config.protocol, 0};
    return handover_offer(&s->h, &party, &m, "10.0.0.5:49152", &reply, clock_ms());
}

/* What is in the file; valid until the next call. */
static inline const char *stage_slurp(const char *file)
{
    static char text[1 << 16];
    int fd = open(file, O_RDONLY);
    ssize_t n = 0, some = 1;
    while (fd >= 0 && some > 0 && (size_t)n < sizeof text - 1) {
        some = read(fd, text + n, sizeof text - 1 - (size_t)n);
        n += some > 0 ? some : 0;
    }
    if (fd >= 0)
        close(fd);
    text[n] = 0;
    return text;
}

#endif
