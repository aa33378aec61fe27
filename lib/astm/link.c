#include "astm/link.h"

#include "base/digest.h"
#include "base/scan.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    VERDICT_MARGIN_MS = 3000,     /* a verdict is awaited that much less than a reply */
    RETRY_MS = 2000,              /* a refusal that may be mended goes no sooner after its frame */
    HASTY_MS = 1000,              /* a sender that gives up waiting for our answer has waited longer than that */
    PATIENCE_MS = 15000,          /* a sender waits that long for an answer, or longer if our own wait is */
    PROOF_MS = 10000,             /* going on within it proves that our ACK has arrived */
    FREE_MS = 15000,              /* the line is left free after a receiver interrupt */
    SILENCE_MS = 2000,            /* ends an unframed message */
    DRIP_MS_PER_BYTE = 20,        /* 50 bytes a second */
    DRIP_MAX_MS = 30 * 60 * 1000, /* however steadily a message drips */
    TRIES = 6,                    /* of one frame */
    OWED_MOST = 2,                /* messages without L that are kept for the sender; then its frames have to wait */
    OUT_MOST = 128 << 10,         /* bytes waiting to be sent, past which none are taken */
    NO_NUMBER = 8,                /* stands for the number of a frame that has none */
    VT = 0x0B,
    STRETCH = 1024, /* bytes of an unframed message that are looked through at a time */
};

/* clang-format off */
enum state { NEUTRAL, BIDDING, SENDING, RECEIVING, OWING, HOLDING, REFUSING, BARE, PAUSED, STATES };

enum input {
    NOTHING,
    ENQ, ENQ_BUSY, EOT, ACK, NAK,         /* from the wire; BUSY: a message to hand over is overdue, or none is taken */
    HEADER, NEXT, REPEAT, WRONG, DAMAGED, /* a frame: 1 with H out of nowhere, the next, the last, out of turn, bad */
    BARE_H, BARE_TEXT, CONTROL,           /* outside frames: H and a delimiter, records, a control byte */
    LATE, LOST,                           /* the state's deadline, the connection */
    BID,                                  /* there is something to send, and the line is free */
    VERDICT, SETTLED,                     /* of the hand-over: on the message offered; on one that is owed */
    /* these follow from actions */
    TAKEN, OFFERED, TURNED_DOWN, SPOILED, /* the frame is good, ends a message, is refused for now, for good */
    EMPTY, FINISHED, GIVEN_UP,            /* there are no more records, no more frames, no more tries */
    INPUTS,
};
/* clang-format on */

/* What one input carries. */
struct arrival {
    const struct astm_token *token;
    const unsigned char *text;
    size_t len, taken;
    int64_t now;
};

/* What an input does in a state; the table of all is rules[], behind the actions that it names. An action returns the
 * input that follows from it, or NOTHING. */
struct rule {
    enum input (*act)(struct astm_link *, struct arrival *);
    enum state next;
};

static const char *const notice_names[ASTM_NOTICES] = {
    [ASTM_NOTICE_BAD_CHECKSUM] = "bad-checksum",
    [ASTM_NOTICE_MALFORMED] = "malformed-frame",
    [ASTM_NOTICE_WRONG_NUMBER] = "wrong-number",
    [ASTM_NOTICE_SPOILED] = "spoiled",
    [ASTM_NOTICE_REPEAT] = "repeat",
    [ASTM_NOTICE_ODD_NUMBER] = "frame-number",
    [ASTM_NOTICE_LEARNED] = "checksum-learned",
    [ASTM_NOTICE_NO_ENQ] = "no-enq",
    [ASTM_NOTICE_NOISE] = "noise",
    [ASTM_NOTICE_CUT] = "cut-frame",
    [ASTM_NOTICE_STRAY_FRAME] = "stray-frame",
    [ASTM_NOTICE_DROPPED] = "dropped",
    [ASTM_NOTICE_LOST] = "lost",
    [ASTM_NOTICE_NOT_HANDED] = "not-handed-over",
    [ASTM_NOTICE_BUSY] = "busy",
    [ASTM_NOTICE_CONTENTION] = "contention",
    [ASTM_NOTICE_NO_REPLY] = "no-reply",
    [ASTM_NOTICE_REFUSED] = "refused",
    [ASTM_NOTICE_INTERRUPTED] = "interrupted",
    [ASTM_NOTICE_NO_MEMORY] = "no-memory",
};

const char *astm_notice_name(enum astm_notice notice)
{
    return notice_names[notice];
}

const char *astm_outcome_name(enum astm_outcome outcome)
{
    static const char *const names[] = {"sent", "no-reply", "refused", "interrupted", "yielded", "connection-lost"};
    return names[outcome];
}

struct astm_link_config astm_link_defaults(enum astm_role role)
{
    return (struct astm_link_config){
        .role = role,
        .frame_size = ASTM_TEXT_SMALL,
        .max_message = (size_t)10 << 20,
        .reply_ms = 15000,
        .receive_ms = 30000,
        .busy_ms = 10000,
        .contention_ms = 20000,
        .message_ms = 60000,
    };
}

/* ---- what the actions are made of ---- */

static void tell(struct astm_link *l, enum astm_notice notice, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(struct astm_link *l, enum astm_notice notice, const char *format, ...)
{
    if (!l->observer.notice)
        return;
    char text[200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    l->observer.notice(l->observer.context, notice, text);
}

static void watch(struct astm_link *l, const char *event, bool sent, const struct astm_token *token)
{
    if (!l->observer.wire)
        return;
    struct astm_wire wire = {.event = event, .sent = sent};
    if (token) {
        wire.offset = token->offset;
        wire.len = token->len;
        wire.frame = token->kind == ASTM_TOKEN_FRAME ? &token->frame : NULL;
    }
    l->observer.wire(l->observer.context, &wire);
}

/* Sends one control byte. Without memory for it the peer's timer does what it would have done. */
static void put(struct astm_link *l, unsigned char c)
{
    bytes_append(&l->out, &c, 1);
    watch(l, c == ASTM_ACK ? "ACK" : c == ASTM_NAK ? "NAK" : c == ASTM_ENQ ? "ENQ" : "EOT", true, NULL);
}

static void note(struct astm_link *l, const char *text)
{
    notes_once(&l->assembly.notes, l->assembly.notes_base, text);
}

/* Seconds and tenths of a wait, for people. */
static double seconds(int64_t ms)
{
    return (double)ms / 1000;
}

static void forget_session(struct astm_link *l)
{
    astm_assembly_free(&l->assembly);
    bytes_free(&l->rest);
    l->began = 0;
    l->drip = 0;
    l->wrong = 0;
    l->refused = l->later = l->cut_owed = l->cut_known = l->nak_last = l->stopped = l->hasty = false;
    l->unproven = 0;
    l->session = l->ticket + 1;
    l->last.number = -1;
    l->expected = 1;
}

/* Drops what is incomplete: the sender will send it again. */
static void drop(struct astm_link *l, const char *why)
{
    if (astm_assembly_open(&l->assembly))
        tell(l, ASTM_NOTICE_DROPPED, "an incomplete message of %zu bytes: %s", l->assembly.text.len - l->assembly.base,
             why);
    forget_session(l);
}

/* Likewise; and where an answer is owed it will not come, whatever becomes of the message in the hand-over. */
static void abandon(struct astm_link *l, const char *why)
{
    if (l->state == OWING || l->state == HOLDING) {
        tell(l, ASTM_NOTICE_NOT_HANDED, "frame %d gets no answer: %s before its message was handed over",
             l->taking.number, why);
        forget_session(l);
    } else {
        drop(l, why);
    }
}

/* Our last answer to a frame is a refusal. */
static void deny(struct astm_link *l, int number)
{
    l->nak_last = true;
    l->nak_number = number;
    put(l, ASTM_NAK);
}

/* Whether EOT now tells that our last ACK has arrived: it comes soon after it, and too soon for a sender that has
 * waited for it in vain, which a late verdict leaves little time for. */
static bool is_timely(const struct astm_link *l, int64_t now)
{
    int64_t patience = l->config->reply_ms > PATIENCE_MS ? l->config->reply_ms : PATIENCE_MS;
    return now - l->acked <= PROOF_MS && now - l->arrived < patience - patience / 10;
}

/* The sender has gone on; in time, and after our last ACK has left us: it has arrived. */
static void prove(struct astm_link *l, bool in_time)
{
    if (l->unproven && in_time && !l->out.len && l->observer.acknowledged)
        l->observer.acknowledged(l->observer.context, l->unproven_from, l->unproven, true);
    l->unproven = 0;
}

/* How long a verdict is awaited: less than the sender waits for our answer. */
static int64_t verdict_ms(const struct astm_link *l)
{
    int64_t reply = l->config->reply_ms;
    return reply > VERDICT_MARGIN_MS ? reply - VERDICT_MARGIN_MS : reply / 2;
}

static size_t limit_of(const struct astm_link *l)
{
    return l->allowance < l->config->max_message ? l->allowance : l->config->max_message;
}

static enum input offer(struct astm_link *l, enum astm_assembly_result result, bool owed)
{
    l->result = (unsigned char)result;
    l->event = (struct astm_event){
        .kind = ASTM_EVENT_MESSAGE,
        .message = astm_assembly_message(&l->assembly, result),
        .ticket = ++l->ticket,
        .owed = owed,
    };
    l->pending = true;
    if (owed)
        l->owed++;
    return OFFERED;
}

/* Says why a message is refused. True: for want of memory, which may be mended. */
static bool lacks_memory(struct astm_link *l, enum astm_assembly_result result)
{
    bool lacking = result == ASTM_ASSEMBLY_MEMORY || limit_of(l) < l->config->max_message;
    if (lacking)
        tell(l, ASTM_NOTICE_NO_MEMORY, "a message is refused: there is no memory for it now");
    else
        tell(l, ASTM_NOTICE_SPOILED, "a message of more than %zu bytes is refused: --max-message", limit_of(l));
    return lacking;
}

static enum input over_limit(struct astm_link *l, enum astm_assembly_result result)
{
    if (lacks_memory(l, result)) {
        l->refused = l->later = true;
        return TURNED_DOWN;
    }
    put(l, ASTM_NAK);
    return SPOILED;
}

/* Goes on with the text of the frame being taken, from where the last message in it ended. */
static enum input take_text(struct astm_link *l, const unsigned char *text, size_t n)
{
    enum astm_assembly_result result;
    size_t taken = astm_assembly_push(&l->assembly, text, n, limit_of(l), &result);
    if (result == ASTM_ASSEMBLY_MORE && l->taking.end == ASTM_ETX)
        result = astm_assembly_end_record(&l->assembly);
    if (result == ASTM_ASSEMBLY_FULL || result == ASTM_ASSEMBLY_MEMORY)
        return over_limit(l, result);
    if (result == ASTM_ASSEMBLY_MORE)
        return l->refused ? TURNED_DOWN : TAKEN;
    if (taken < n && !l->rest.len && !bytes_append(&l->rest, text + taken, n - taken))
        return over_limit(l, ASTM_ASSEMBLY_MEMORY);
    l->rest_at = l->rest.len - (n - taken);
    bool owed = result == ASTM_ASSEMBLY_HEADED && astm_assembly_was_before(&l->assembly);
    l->cut_owed |= owed;
    return offer(l, result, owed);
}

/* ---- receiving ---- */

static enum input welcome(struct astm_link *l, struct arrival *a)
{
    forget_session(l);
    l->heard = a->now;
    put(l, ASTM_ACK);
    return NOTHING;
}

/* Who was refused leaves the line alone for a while: it is ours, also after a contention. */
static enum input busy(struct astm_link *l, struct arrival *a)
{
    bool deaf = l->config->deaf;
    abandon(l, "the sender started over");
    tell(l, ASTM_NOTICE_BUSY, "ENQ answered with NAK: %s",
         deaf ? "nothing is received here" : "an earlier message is not handed over yet");
    put(l, ASTM_NAK);
    if (deaf && l->bid_at > a->now)
        l->bid_at = a->now;
    return NOTHING;
}

static enum input start_over(struct astm_link *l, struct arrival *a)
{
    abandon(l, "the sender started over");
    return welcome(l, a);
}

static enum input unannounced(struct astm_link *l, struct arrival *a)
{
    forget_session(l);
    tell(l, ASTM_NOTICE_NO_ENQ, "a session began without ENQ, with frame 1 and H");
    note(l, "no-enq the session began without ENQ");
    l->heard = a->now;
    return NEXT;
}

static enum input stray(struct astm_link *l, struct arrival *a)
{
    tell(l, ASTM_NOTICE_STRAY_FRAME, "a frame at offset %llu outside a session was ignored",
         (unsigned long long)a->token->offset);
    return NOTHING;
}

static void note_frame(struct astm_link *l, const struct astm_frame *frame)
{
    if (frame->learned) {
        tell(l, ASTM_NOTICE_LEARNED, "the checksum convention is %s", astm_checksum_name(l->framer.convention));
        notes_add(&l->assembly.notes, l->assembly.notes_base, "checksum-learned the convention is %s, not std",
                  astm_checksum_name(l->framer.convention));
    }
    if (frame->unpadded)
        note(l, "unpadded-checksum a checksum came as one digit");
    if (frame->number != l->expected) {
        tell(l, ASTM_NOTICE_ODD_NUMBER, "frame %d was taken where %d was due", frame->number, l->expected);
        notes_add(&l->assembly.notes, l->assembly.notes_base, "frame-number frame %d was taken where %d was due",
                  frame->number, l->expected);
    }
}

/* Whether the frame is H of another message, where one that we refused before it would have gone on. */
static bool another_begins(const struct astm_link *l, const struct astm_frame *frame)
{
    return l->nak_last && frame->number != l->expected && frame->number != l->nak_number &&
           astm_is_header(frame->text, frame->len);
}

static enum input take(struct astm_link *l, struct arrival *a)
{
    const struct astm_frame *frame = &a->token->frame;
    prove(l, a->now - l->acked <= PROOF_MS);
    if (another_begins(l, frame))
        drop(l, "the sender did not heed our refusal, and began the next one");
    astm_assembly_begin(&l->assembly);
    note_frame(l, frame);
    l->wrong = 0;
    l->refused = l->later = l->cut_owed = l->hasty = false;
    l->headed = astm_is_header(frame->text, frame->len);
    l->first_ticket = l->ticket + 1;
    l->rest.len = 0;
    l->arrived = a->now;
    if (l->owed >= OWED_MOST) {
        l->refused = l->later = true;
        return TURNED_DOWN;
    }
    return take_text(l, frame->text, frame->len);
}

static enum input await(struct astm_link *l, struct arrival *a)
{
    (void)a;
    l->due = l->arrived + verdict_ms(l);
    return NOTHING;
}

/* The message in the frame has been judged: on to the next, if the frame holds one. */
static enum input resume(struct astm_link *l, struct arrival *a)
{
    (void)a;
    astm_assembly_next(&l->assembly, (enum astm_assembly_result)l->result);
    l->began = 0;
    l->drip = 0;
    if (l->rest_at == l->rest.len)
        return take_text(l, (const unsigned char *)"", 0);
    return take_text(l, l->rest.data + l->rest_at, l->rest.len - l->rest_at);
}

/* The time that we owed an answer does not count against the sender. */
static void restart_clocks(struct astm_link *l, int64_t now)
{
    if (l->began)
        l->began += now - l->arrived;
    l->heard = now;
    if (!astm_assembly_open(&l->assembly)) {
        l->began = 0;
        l->drip = 0;
    }
}

/* A frame that ends a message is never answered with EOT: its message is handed over, and a sender that takes EOT for
 * what it is would send it again. */
static enum input acknowledge(struct astm_link *l, struct arrival *a)
{
    bool ends = l->ticket >= l->first_ticket;
    astm_assembly_commit(&l->assembly);
    if (!astm_assembly_open(&l->assembly))
        astm_assembly_free(&l->assembly);
    bytes_free(&l->rest);
    restart_clocks(l, a->now);
    l->last = l->taking;
    l->expected = (l->taking.number + 1) % 8;
    l->acked = a->now;
    l->nak_last = l->cut_known = false;
    if (ends) {
        l->unproven = l->ticket;
        l->unproven_from = l->first_ticket;
        if (l->observer.acknowledged)
            l->observer.acknowledged(l->observer.context, l->unproven_from, l->unproven, false);
    }
    l->stopped = l->config->interrupt && l->sending.len && !ends;
    if (l->stopped)
        tell(l, ASTM_NOTICE_INTERRUPTED, "frame %d answered with EOT: we have something to send", l->taking.number);
    put(l, l->stopped ? ASTM_EOT : ASTM_ACK);
    return NOTHING;
}

static enum input hold(struct astm_link *l, struct arrival *a)
{
    int64_t wait = verdict_ms(l) < RETRY_MS ? verdict_ms(l) : RETRY_MS;
    l->due = l->later ? l->arrived + wait : a->now;
    return l->due <= a->now ? LATE : NOTHING;
}

/* A refusal takes the frame back: its retransmission is judged anew. */
static enum input take_back(struct astm_link *l, struct arrival *a)
{
    astm_assembly_rollback(&l->assembly, !l->cut_owed);
    l->cut_known = l->headed && l->last.end == ASTM_ETX && astm_assembly_open(&l->assembly);
    bytes_free(&l->rest);
    restart_clocks(l, a->now);
    tell(l, ASTM_NOTICE_NOT_HANDED, "frame %d refused: its message is not handed over", l->taking.number);
    deny(l, l->taking.number);
    return NOTHING;
}

static enum input repeat(struct astm_link *l, struct arrival *a)
{
    tell(l, ASTM_NOTICE_REPEAT, "frame %d came again: acknowledged, not stored twice", a->token->frame.number);
    l->wrong = 0;
    l->heard = a->now;
    l->arrived = l->acked = a->now;
    l->nak_last = false;
    put(l, ASTM_ACK);
    return NOTHING;
}

static enum input out_of_turn(struct astm_link *l, struct arrival *a)
{
    l->heard = a->now;
    tell(l, ASTM_NOTICE_WRONG_NUMBER, "frame %d at offset %llu refused: %d is due", a->token->frame.number,
         (unsigned long long)a->token->offset, l->expected);
    deny(l, a->token->frame.number);
    if (++l->wrong < 2)
        return NOTHING;
    tell(l, ASTM_NOTICE_SPOILED, "two frames in a row are out of turn: refused until the sender begins again");
    return SPOILED;
}

static void tell_damage(struct astm_link *l, const struct astm_frame *f)
{
    unsigned long long offset = f->offset;
    bool fits = f->fits != ASTM_CHECKSUM_NONE;
    if (f->too_long || f->number < 0)
        tell(l, ASTM_NOTICE_MALFORMED, "a frame at offset %llu refused: %s", offset,
             f->no_memory  ? "no memory for it"
             : f->too_long ? "more text than a frame may have"
                           : "no frame number");
    else if (f->given < 0)
        tell(l, ASTM_NOTICE_BAD_CHECKSUM, "frame %d at offset %llu refused: no checksum given, computed %02X",
             f->number, offset, (unsigned)f->computed);
    else
        tell(l, ASTM_NOTICE_BAD_CHECKSUM, "frame %d at offset %llu refused: checksum given %02X, computed %02X%s%s",
             f->number, offset, (unsigned)f->given, (unsigned)f->computed, fits ? "; it would fit --checksum " : "",
             fits ? astm_checksum_name(f->fits) : "");
}

static enum input damaged(struct astm_link *l, struct arrival *a)
{
    int number = a->token->frame.number;
    l->heard = a->now;
    tell_damage(l, &a->token->frame);
    deny(l, number < 0 ? NO_NUMBER : number);
    return NOTHING;
}

static enum input refuse(struct astm_link *l, struct arrival *a)
{
    l->heard = a->now;
    put(l, ASTM_NAK);
    return NOTHING;
}

static enum input spoil(struct astm_link *l, struct arrival *a)
{
    drop(l, "the message is refused as a whole");
    l->heard = a->now;
    return NOTHING;
}

static enum input silent(struct astm_link *l, struct arrival *a)
{
    (void)a;
    astm_framer_free(&l->framer);
    tell(l, ASTM_NOTICE_NO_REPLY, "the sender was silent for %g s", seconds(l->config->receive_ms));
    drop(l, "the sender fell silent");
    return NOTHING;
}

static enum input vanished(struct astm_link *l, struct arrival *a)
{
    (void)a;
    abandon(l, "the connection was lost");
    return LOST;
}

/* The sender waits for our answer no longer: it would be taken for that to its next ENQ. */
static enum input withdrawn(struct astm_link *l, struct arrival *a)
{
    (void)a;
    abandon(l, "the sender gave up");
    return NOTHING;
}

/* Whether EOT now ends a message without L: right after our ACK of an ETX frame, or in place of another H. Else there
 * would be more of it, and the sender will send it again. */
static bool is_whole(const struct astm_link *l, int64_t now)
{
    bool acked = l->last.number >= 0 && l->last.end == ASTM_ETX && !l->nak_last && !l->stopped;
    return astm_assembly_open(&l->assembly) && (l->cut_known || (acked && is_timely(l, now)));
}

/* EOT is never answered. */
static enum input terminate(struct astm_link *l, struct arrival *a)
{
    bool whole = is_whole(l, a->now);
    prove(l, !l->stopped && is_timely(l, a->now));
    if (whole)
        offer(l, ASTM_ASSEMBLY_MORE, true);
    else if (l->nak_last && l->refused)
        drop(l, "its last frame was refused, and the sender has given up");
    else
        drop(l, "EOT came before its L record, and not right after our ACK of an ETX frame");
    return NOTHING;
}

/* ---- records without frames ---- */

static enum input offer_bare(struct astm_link *l, enum astm_assembly_result result)
{
    enum input input = offer(l, result, true);
    l->event.message.framed = false;
    return input;
}

static enum input bare_begin(struct astm_link *l, struct arrival *a)
{
    (void)a;
    forget_session(l);
    l->skipping = false;
    note(l, "unframed the records came without frames");
    return BARE_TEXT;
}

static enum input bare_take(struct astm_link *l, struct arrival *a)
{
    enum astm_assembly_result result;
    a->taken = astm_assembly_push(&l->assembly, a->text, a->len, limit_of(l), &result);
    l->due = a->now + SILENCE_MS;
    if (result == ASTM_ASSEMBLY_MORE)
        return NOTHING;
    if (result != ASTM_ASSEMBLY_FULL && result != ASTM_ASSEMBLY_MEMORY)
        return offer_bare(l, result);
    lacks_memory(l, result);
    return SPOILED;
}

static enum input bare_close(struct astm_link *l, struct arrival *a)
{
    (void)a;
    enum astm_assembly_result result = astm_assembly_end_record(&l->assembly);
    if (result == ASTM_ASSEMBLY_MEMORY) {
        lacks_memory(l, result);
        return SPOILED;
    }
    return offer_bare(l, result);
}

static enum input bare_drop(struct astm_link *l, struct arrival *a)
{
    tell(l, ASTM_NOTICE_LOST, "an unframed message was dropped after %zu bytes; its instrument will not know",
         l->assembly.text.len);
    forget_session(l);
    l->skipping = true;
    l->heard = a->now;
    return NOTHING;
}

static enum input unpause(struct astm_link *l, struct arrival *a)
{
    astm_assembly_next(&l->assembly, (enum astm_assembly_result)l->result);
    astm_assembly_commit(&l->assembly);
    l->due = a->now + SILENCE_MS;
    l->began = 0;
    l->drip = 0;
    return astm_assembly_open(&l->assembly) ? NOTHING : EMPTY;
}

static enum input bare_end(struct astm_link *l, struct arrival *a)
{
    (void)a;
    forget_session(l);
    return NOTHING;
}

/* ---- sending ---- */

static enum input done(struct astm_link *l, enum astm_outcome outcome)
{
    l->event = (struct astm_event){
        .kind = ASTM_EVENT_DONE, .outcome = outcome, .frame = l->send_number % 8, .frames = l->send_number};
    l->pending = true;
    bytes_free(&l->sending);
    return NOTHING;
}

static enum input bid(struct astm_link *l, struct arrival *a)
{
    l->bid_at = 0;
    l->due = a->now + l->config->reply_ms;
    put(l, ASTM_ENQ);
    return NOTHING;
}

static void transmit(struct astm_link *l, int64_t now)
{
    unsigned char end;
    const unsigned char *text = l->sending.data + l->sent_at;
    l->piece = astm_frame_take(text, l->sending.len - l->sent_at, l->config->frame_size, l->config->whole, &end);
    enum astm_checksum convention = l->config->checksum == ASTM_CHECKSUM_AUTO ? ASTM_CHECKSUM_STD : l->config->checksum;
    astm_frame_build(&l->out, l->send_number, text, l->piece, end, convention);
    l->due = now + l->config->reply_ms;
    struct astm_token token = {.kind = ASTM_TOKEN_FRAME};
    token.frame = (struct astm_frame){
        .text = text, .len = l->piece, .number = (int)(l->send_number % 8), .end = end, .given = -1, .good = true};
    watch(l, "frame", true, &token);
}

static enum input first_frame(struct astm_link *l, struct arrival *a)
{
    l->sent_at = 0;
    l->send_number = 1;
    l->tries = 1;
    transmit(l, a->now);
    return NOTHING;
}

static enum input next_frame(struct astm_link *l, struct arrival *a)
{
    l->sent_at += l->piece;
    if (l->sent_at == l->sending.len)
        return FINISHED;
    l->send_number++;
    l->tries = 1;
    transmit(l, a->now);
    return NOTHING;
}

static enum input same_frame(struct astm_link *l, struct arrival *a)
{
    tell(l, ASTM_NOTICE_REFUSED, "frame %u was refused (%u of %d)", l->send_number % 8, l->tries, TRIES);
    if (l->tries++ == TRIES)
        return GIVEN_UP;
    transmit(l, a->now);
    return NOTHING;
}

static enum input finish(struct astm_link *l, struct arrival *a)
{
    (void)a;
    put(l, ASTM_EOT);
    return done(l, ASTM_SENT);
}

static enum input give_up(struct astm_link *l, struct arrival *a)
{
    (void)a;
    put(l, ASTM_EOT);
    return done(l, ASTM_REFUSED);
}

/* A late answer must not be taken for that to our next ENQ. */
static enum input no_reply(struct astm_link *l, struct arrival *a)
{
    tell(l, ASTM_NOTICE_NO_REPLY, "no answer within %g s", seconds(l->config->reply_ms));
    put(l, ASTM_EOT);
    l->bid_at = a->now + l->config->reply_ms;
    return done(l, ASTM_NO_REPLY);
}

static enum input cut_off(struct astm_link *l, struct arrival *a)
{
    (void)a;
    return l->sending.len ? done(l, ASTM_UNSENT) : NOTHING;
}

static enum input held_off(struct astm_link *l, struct arrival *a)
{
    tell(l, ASTM_NOTICE_BUSY, "the receiver is busy: next bid in %g s", seconds(l->config->busy_ms));
    l->bid_at = a->now + l->config->busy_ms;
    return NOTHING;
}

/* The instrument wins. Neither answers the ENQ it collided with. */
static int64_t contention_wait(struct astm_link *l)
{
    if (l->config->role == ASTM_HOST)
        return l->config->contention_ms;
    l->seed ^= l->seed << 13;
    l->seed ^= l->seed >> 7;
    l->seed ^= l->seed << 17;
    return 1000 + (int64_t)(l->seed % 1000);
}

static enum input contention(struct astm_link *l, struct arrival *a)
{
    int64_t wait = contention_wait(l);
    tell(l, ASTM_NOTICE_CONTENTION, "both sides sent ENQ: next bid in %g s", seconds(wait));
    l->bid_at = a->now + wait;
    return NOTHING;
}

static enum input yield_line(struct astm_link *l, struct arrival *a)
{
    contention(l, a);
    return done(l, ASTM_YIELDED);
}

static enum input interrupted(struct astm_link *l, struct arrival *a)
{
    bool last = l->sent_at + l->piece == l->sending.len && !l->out.len;
    tell(l, ASTM_NOTICE_INTERRUPTED, "the receiver answered frame %u with EOT", l->send_number % 8);
    put(l, ASTM_EOT);
    l->bid_at = a->now + FREE_MS;
    return done(l, last ? ASTM_SENT : ASTM_INTERRUPTED);
}

/* ---- the machine ---- */

/* clang-format off */
/* LIS01 on one screen. Two rules: the action runs, then the state becomes `next`; an input that the action returned is
 * looked up in the new state. What is not in the table is ignored. */
static const struct rule rules[STATES][INPUTS] = {
    /* nobody has the line */
    [NEUTRAL][ENQ] = {welcome, RECEIVING},
    [NEUTRAL][ENQ_BUSY] = {busy, NEUTRAL},
    [NEUTRAL][HEADER] = {unannounced, RECEIVING},
    [NEUTRAL][WRONG] = {stray, NEUTRAL},
    [NEUTRAL][BARE_H] = {bare_begin, BARE},
    [NEUTRAL][BID] = {bid, BIDDING},
    [NEUTRAL][LATE] = {silent, NEUTRAL},
    [NEUTRAL][LOST] = {cut_off, NEUTRAL},
    /* we have sent ENQ */
    [BIDDING][ACK] = {first_frame, SENDING},
    [BIDDING][NAK] = {held_off, NEUTRAL},
    [BIDDING][ENQ] = {contention, NEUTRAL},
    [BIDDING][ENQ_BUSY] = {contention, NEUTRAL},
    [BIDDING][LATE] = {no_reply, NEUTRAL},
    [BIDDING][LOST] = {cut_off, NEUTRAL},
    /* we have sent a frame */
    [SENDING][ACK] = {next_frame, SENDING},
    [SENDING][FINISHED] = {finish, NEUTRAL},
    [SENDING][NAK] = {same_frame, SENDING},
    [SENDING][GIVEN_UP] = {give_up, NEUTRAL},
    [SENDING][EOT] = {interrupted, NEUTRAL},
    [SENDING][ENQ] = {yield_line, NEUTRAL},
    [SENDING][ENQ_BUSY] = {yield_line, NEUTRAL},
    [SENDING][LATE] = {no_reply, NEUTRAL},
    [SENDING][LOST] = {cut_off, NEUTRAL},
    /* we wait for a frame */
    [RECEIVING][ENQ] = {start_over, RECEIVING},
    [RECEIVING][ENQ_BUSY] = {busy, NEUTRAL},
    [RECEIVING][EOT] = {terminate, NEUTRAL},
    [RECEIVING][NEXT] = {take, RECEIVING},
    [RECEIVING][TAKEN] = {acknowledge, RECEIVING},
    [RECEIVING][OFFERED] = {await, OWING},
    [RECEIVING][TURNED_DOWN] = {hold, HOLDING},
    [RECEIVING][REPEAT] = {repeat, RECEIVING},
    [RECEIVING][WRONG] = {out_of_turn, RECEIVING},
    [RECEIVING][DAMAGED] = {damaged, RECEIVING},
    [RECEIVING][SPOILED] = {spoil, REFUSING},
    [RECEIVING][LATE] = {silent, NEUTRAL},
    [RECEIVING][LOST] = {vanished, NEUTRAL},
    /* we owe an answer: the verdict on a message that ended in the frame */
    [OWING][VERDICT] = {resume, RECEIVING},
    [OWING][LATE] = {take_back, RECEIVING},
    [OWING][ENQ] = {start_over, RECEIVING},
    [OWING][ENQ_BUSY] = {busy, NEUTRAL},
    [OWING][EOT] = {withdrawn, NEUTRAL},
    [OWING][LOST] = {vanished, NEUTRAL},
    /* we owe a refusal, and hold it back a while */
    [HOLDING][LATE] = {take_back, RECEIVING},
    [HOLDING][ENQ] = {start_over, RECEIVING},
    [HOLDING][ENQ_BUSY] = {busy, NEUTRAL},
    [HOLDING][EOT] = {withdrawn, NEUTRAL},
    [HOLDING][LOST] = {vanished, NEUTRAL},
    /* the message is spoiled; the sender has to begin again */
    [REFUSING][WRONG] = {refuse, REFUSING},
    [REFUSING][DAMAGED] = {damaged, REFUSING},
    [REFUSING][ENQ] = {start_over, RECEIVING},
    [REFUSING][ENQ_BUSY] = {busy, NEUTRAL},
    [REFUSING][EOT] = {terminate, NEUTRAL},
    [REFUSING][LATE] = {silent, NEUTRAL},
    [REFUSING][LOST] = {vanished, NEUTRAL},
    /* records come without frames */
    [BARE][BARE_TEXT] = {bare_take, BARE},
    [BARE][CONTROL] = {bare_close, BARE},
    [BARE][LATE] = {bare_close, BARE},
    [BARE][LOST] = {bare_close, BARE},
    [BARE][SPOILED] = {bare_drop, NEUTRAL},
    [BARE][EMPTY] = {bare_end, NEUTRAL},
    [BARE][OFFERED] = {await, PAUSED},
    /* one of them waits until it is handed over */
    [PAUSED][SETTLED] = {unpause, BARE},
};
/* clang-format on */

static void run(struct astm_link *l, enum input input, struct arrival *a)
{
    while (input != NOTHING) {
        const struct rule *rule = &rules[l->state][input];
        if (!rule->act)
            return;
        input = rule->act(l, a);
        l->state = (unsigned char)rule->next;
    }
}

static bool takes_nothing(const struct astm_link *l)
{
    return l->owed || l->config->deaf;
}

static void feed(struct astm_link *l, enum input input, struct arrival *a)
{
    run(l, input == ENQ && takes_nothing(l) ? ENQ_BUSY : input, a);
    if (l->ended && !l->pending && !astm_link_waiting(l))
        run(l, LOST, a);
}

static struct astm_frame_identity identity(const struct astm_frame *frame)
{
    struct astm_frame_identity id = {.number = frame->number, .len = frame->len, .end = frame->end};
    digest_once(frame->text, frame->len, id.digest);
    return id;
}

static bool same(const struct astm_frame_identity *a, const struct astm_frame_identity *b)
{
    return a->number == b->number && a->len == b->len && a->end == b->end &&
           memcmp(a->digest, b->digest, sizeof a->digest) == 0;
}

/* After an ETX frame some senders begin again with 1, or do not count at all. After a refusal only a retransmission
 * may, or the next message: any other frame would come from one who does not heed us. */
static bool counts_anew(const struct astm_link *l, const struct astm_frame *frame)
{
    if (l->last.number < 0 || l->last.end != ASTM_ETX || (frame->number != 1 && frame->number != l->last.number))
        return false;
    return !l->nak_last || l->nak_number < 0 || l->nak_number == frame->number ||
           astm_is_header(frame->text, frame->len);
}

static enum input classify(struct astm_link *l, const struct astm_frame *frame)
{
    bool first = frame->good && frame->number == 1 && astm_is_header(frame->text, frame->len);
    l->taking = identity(frame);
    if (l->state == NEUTRAL)
        return first && !takes_nothing(l) ? HEADER : WRONG;
    if (!frame->good)
        return DAMAGED;
    if (l->state == REFUSING)
        return WRONG;
    if (same(&l->taking, &l->last))
        return REPEAT;
    if (frame->number == l->expected || l->config->any_frame_number || counts_anew(l, frame))
        return NEXT;
    return WRONG;
}

static void on_cut(struct astm_link *l, const struct astm_token *token)
{
    int number = token->len && *token->text >= '0' && *token->text <= '7' ? *token->text - '0' : NO_NUMBER;
    if (token->len || !l->nak_last)
        l->nak_number = token->len ? number : -1;
    l->nak_last = true;
    tell(l, ASTM_NOTICE_CUT, "a frame begun at offset %llu was cut off after %zu bytes",
         (unsigned long long)token->offset, token->len);
}

static void on_token(struct astm_link *l, const struct astm_token *token, int64_t now)
{
    static const char *const names[] = {NULL, "ENQ", "EOT", "ACK", "NAK", "frame", "cut", "noise"};
    struct arrival a = {.token = token, .now = now};
    if (names[token->kind])
        watch(l, names[token->kind], false, token);
    switch (token->kind) {
    case ASTM_TOKEN_NONE:
        break;
    case ASTM_TOKEN_ENQ:
        feed(l, ENQ, &a);
        break;
    case ASTM_TOKEN_EOT:
        feed(l, EOT, &a);
        break;
    case ASTM_TOKEN_ACK:
    case ASTM_TOKEN_NAK:
        if (!l->out.len) /* else it is a late answer to something else */
            feed(l, token->kind == ASTM_TOKEN_ACK ? ACK : NAK, &a);
        break;
    case ASTM_TOKEN_FRAME:
        feed(l, classify(l, &token->frame), &a);
        break;
    case ASTM_TOKEN_CUT:
        on_cut(l, token);
        break;
    case ASTM_TOKEN_TEXT:
        tell(l, ASTM_NOTICE_NOISE, "%zu bytes at offset %llu outside frames were ignored", token->len,
             (unsigned long long)token->offset);
        break;
    }
}

/* ---- bytes in ---- */

static bool blank(unsigned char c)
{
    return c == ' ' || c == '\t';
}

/* Whether an unframed message may begin with the H that follows this byte outside frames, blanks left out: at the
 * beginning of a line, or behind a control byte; after a message that was dropped, behind the end of a line. What else
 * has an H and a delimiter, as a flag of HL7 between its two, is none. */
static bool may_precede(const struct astm_link *l, unsigned char before)
{
    return l->skipping ? before == '\r' || before == '\n' : before < ' ' || before == 0x7F;
}

/* Where in a run of bytes outside frames an unframed message begins, with H and a delimiter; the run's length when
 * nowhere. *last: whether it ends with an H that more bytes may make one. */
static size_t find_bare(const struct astm_link *l, const unsigned char *p, size_t run, bool *last)
{
    unsigned char before = l->before;
    *last = false;
    for (size_t i = 0; i < run; before = blank(p[i]) ? before : p[i], i++) {
        bool may = p[i] == 'H' && may_precede(l, before);
        if (may && astm_is_header(p + i, run - i))
            return i;
        *last = may;
    }
    return run;
}

/* These bytes outside frames have passed. */
static void pass(struct astm_link *l, const unsigned char *p, size_t n)
{
    while (n && blank(p[n - 1]))
        n--;
    if (n)
        l->before = p[n - 1];
}

static size_t push_noise(struct astm_link *l, const unsigned char *p, size_t n, int64_t now)
{
    struct astm_token noise = {.kind = ASTM_TOKEN_TEXT, .offset = l->framer.offset, .text = p, .len = n};
    l->framer.offset += n;
    pass(l, p, n);
    on_token(l, &noise, now);
    return n;
}

/* Whether an unframed message ends there: at a control byte of any protocol, which records never have. What ends lines,
 * tabs, and what character sets and barcodes are made of (ESC, SO, SI, GS …) they may have. */
static bool ends_bare(unsigned char c)
{
    static const unsigned char ends[] = {0x01, ASTM_STX, ASTM_ETX, ASTM_EOT, ASTM_ENQ, ASTM_ACK, VT,
                                         0x0C, 0x10,     ASTM_NAK, 0x16,     ASTM_ETB, 0x1C};
    return c < ' ' && memchr(ends, c, sizeof ends);
}

static size_t scan_bare(const unsigned char *p, size_t n)
{
    size_t run = 0;
    while (run < n && run < STRETCH && !ends_bare(p[run]))
        run++;
    return run;
}

/* Records without frames, from p on. Returns how many bytes were taken: none where a control byte ends them. */
static size_t push_bare(struct astm_link *l, enum input input, const unsigned char *p, size_t n, int64_t now)
{
    size_t run = scan_bare(p, n);
    struct arrival a = {.text = p, .len = run, .now = now};
    if (!run)
        input = CONTROL;
    feed(l, input, &a);
    l->framer.offset += a.taken;
    pass(l, p, a.taken);
    return a.taken;
}

/* The H that came last, and was taken for noise, begins a message. */
static size_t push_after_h(struct astm_link *l, const unsigned char *p, size_t run, int64_t now)
{
    l->lone_h = false;
    l->framer.offset--;
    push_bare(l, BARE_H, (const unsigned char *)"H", 1, now);
    return l->state == BARE ? push_bare(l, BARE_TEXT, p, run, now) : push_noise(l, p, run, now);
}

/* Bytes outside frames while nobody has the line. Returns how many were taken; 0: a message begins, but an earlier one
 * is not handed over yet. */
static size_t push_neutral(struct astm_link *l, const unsigned char *p, size_t run, int64_t now)
{
    bool silence = now - l->heard >= SILENCE_MS && !l->owed && !l->blocked, last;
    l->heard = now;
    l->blocked = false;
    if (l->config->deaf)
        return push_noise(l, p, run, now);
    if (silence) {
        l->before = 0;
        l->skipping = l->lone_h = false;
    }
    bool after_h = l->lone_h && astm_is_header((const unsigned char[]){'H', *p}, 2);
    size_t at = after_h ? 0 : find_bare(l, p, run, &last);
    l->blocked = !at && l->owed;
    if (l->blocked)
        return 0;
    if (!at)
        return after_h ? push_after_h(l, p, run, now) : push_bare(l, BARE_H, p, run, now);
    l->lone_h = last && at == run;
    return push_noise(l, p, at, now);
}

static size_t push_framer(struct astm_link *l, const unsigned char *p, size_t n, int64_t now)
{
    struct astm_token token;
    bool known = l->framer.too_long;
    size_t taken = astm_framer_push(&l->framer, p, n, now, &token);
    l->before = 0;
    l->skipping = l->lone_h = false;
    if (astm_framer_inside(&l->framer))
        l->heard = now;
    if (astm_framer_inside(&l->framer) && l->framer.too_long && !known)
        tell(l, ASTM_NOTICE_MALFORMED, "a frame at offset %llu has more text than a frame may have, and goes on",
             (unsigned long long)l->framer.start);
    on_token(l, &token, now);
    return taken;
}

/* While we send, only ACK, NAK, EOT and ENQ count: STX is noise and opens nothing that could swallow them. */
static size_t push_reply(struct astm_link *l, const unsigned char *p, size_t n, int64_t now)
{
    size_t run = scan_link_control(p, n);
    if (run < n && p[run] == ASTM_STX)
        run++;
    return run ? push_noise(l, p, run, now) : push_framer(l, p, n, now);
}

/* EOT while our answer is awaited, at p. From a sender that sends it, or more frames, without waiting it is taken in
 * its turn. One that has given up must not get our answer any more: it would be taken for that to its next ENQ. */
static size_t push_early_eot(struct astm_link *l, const unsigned char *p, size_t n, int64_t now)
{
    const unsigned char *stx = memchr(p, ASTM_STX, n), *enq = memchr(p, ASTM_ENQ, n);
    if (enq && memchr(p, VT, (size_t)(enq - p))) /* a block of another protocol stands before it, and is not skipped */
        enq = NULL;
    struct astm_token token = {.kind = ASTM_TOKEN_EOT, .offset = l->framer.offset};
    if (enq && (!stx || enq < stx)) {
        token.kind = ASTM_TOKEN_ENQ;
        token.offset += (uint64_t)(enq - p);
    } else {
        l->hasty |= stx || now - l->arrived < HASTY_MS;
        if (l->hasty)
            return 0;
    }
    size_t taken = (size_t)(token.offset - l->framer.offset) + 1;
    l->framer.offset += taken;
    on_token(l, &token, now);
    return taken;
}

/* Whether that is the frame that our answer is awaited to, as far as can be told. */
static bool is_copy(const struct astm_link *l, const struct astm_frame *frame)
{
    struct astm_frame_identity id = identity(frame);
    return frame->good ? same(&id, &l->taking) : frame->number == l->taking.number;
}

/* A sender that waits for our answer sends nothing but the same frame again, EOT, or ENQ. The same frame is swallowed,
 * for of two answers the second would be taken for that to the next frame. At ENQ the sender has started over. Any
 * other frame comes from a sender that does not wait: it is taken in its turn, and so is what follows it. */
static size_t push_waiting(struct astm_link *l, const unsigned char *p, size_t n, int64_t now)
{
    struct astm_framer ahead;
    struct astm_token token;
    if (l->state == PAUSED)
        return 0;
    astm_framer_init(&ahead, l->framer.convention, l->framer.max_text);
    ahead.offset = l->framer.offset;
    size_t taken = astm_framer_push(&ahead, p, n, now, &token);
    if (token.kind == ASTM_TOKEN_EOT)
        taken = push_early_eot(l, p, n, now);
    else if (token.kind == ASTM_TOKEN_NONE || (token.kind == ASTM_TOKEN_FRAME && !is_copy(l, &token.frame)))
        taken = 0;
    else
        l->framer.offset += taken;
    if (taken && token.kind == ASTM_TOKEN_FRAME) {
        watch(l, "frame", false, &token);
        tell(l, ASTM_NOTICE_REPEAT, "frame %d came again while its first copy waits", l->taking.number);
    } else if (taken && token.kind != ASTM_TOKEN_EOT) {
        on_token(l, &token, now);
    }
    astm_framer_free(&ahead);
    return taken;
}

static size_t push_some(struct astm_link *l, const unsigned char *p, size_t n, int64_t now)
{
    if (astm_link_waiting(l))
        return push_waiting(l, p, n, now);
    if (l->state == BIDDING || l->state == SENDING)
        return push_reply(l, p, n, now);
    if (l->state == BARE)
        return push_bare(l, BARE_TEXT, p, n, now);
    if (l->state == NEUTRAL && !astm_framer_inside(&l->framer)) {
        size_t run = scan_link_control(p, n);
        if (run)
            return push_neutral(l, p, run, now);
    }
    return push_framer(l, p, n, now);
}

size_t astm_link_push(struct astm_link *l, const unsigned char *bytes, size_t n, int64_t now)
{
    size_t taken = 0;
    bool on = true;
    while (on && taken < n && !l->pending && l->out.len < OUT_MOST) {
        unsigned char before = l->state;
        bool inside = astm_framer_inside(&l->framer), resting = astm_link_resting(l);
        size_t step = push_some(l, bytes + taken, n - taken, now);
        on = step || l->state != before || astm_framer_inside(&l->framer) != inside;
        on = on && !(l->pausing && !resting && astm_link_resting(l));
        taken += step;
    }
    if (!l->began && (astm_framer_inside(&l->framer) || astm_assembly_open(&l->assembly)))
        l->began = now;
    if (l->began)
        l->drip += taken;
    return taken;
}

bool astm_link_next(struct astm_link *l, struct astm_event *event)
{
    if (!l->pending)
        return false;
    *event = l->event;
    l->pending = false;
    return true;
}

/* The caller could not keep a message that it was to keep. */
static void unkept(struct astm_link *l)
{
    l->event.owed = l->cut_owed = false;
    l->owed--;
    if (l->state == NEUTRAL)
        tell(l, ASTM_NOTICE_LOST, "a message of %zu bytes, acknowledged already, could not be kept",
             l->event.message.len);
}

void astm_link_answer(struct astm_link *l, uint64_t ticket, enum verdict verdict, int64_t now)
{
    struct arrival a = {.now = now};
    if (ticket != l->ticket || verdict == VERDICT_WAIT || (l->state != OWING && l->state != NEUTRAL))
        return;
    if (l->event.owed && verdict != VERDICT_ACCEPT)
        unkept(l);
    if (l->state == NEUTRAL)
        forget_session(l);
    l->refused |= verdict != VERDICT_ACCEPT;
    l->later |= verdict == VERDICT_LATER;
    feed(l, VERDICT, &a);
}

void astm_link_settle(struct astm_link *l, int64_t now)
{
    struct arrival a = {.now = now};
    if (l->owed)
        l->owed--;
    feed(l, SETTLED, &a);
}

bool astm_link_send(struct astm_link *l, const unsigned char *text, size_t n, int64_t now)
{
    if (l->sending.len || l->ended || !n || !bytes_append(&l->sending, text, n))
        return false;
    if (l->bid_at < now)
        l->bid_at = now;
    l->sent_at = l->piece = 0;
    l->send_number = 0;
    return true;
}

bool astm_link_withdraw(struct astm_link *l)
{
    if (!l->sending.len || l->state == BIDDING || l->state == SENDING)
        return false;
    bytes_free(&l->sending);
    return true;
}

const unsigned char *astm_link_out(const struct astm_link *l, size_t *n)
{
    *n = l->out.len;
    return l->out.data;
}

void astm_link_sent(struct astm_link *l, size_t n, int64_t now)
{
    bytes_drop(&l->out, n);
    if (!n || l->out.len)
        return;
    bytes_free(&l->out);
    if (l->state == BIDDING || l->state == SENDING)
        l->due = now + l->config->reply_ms;
}

static int64_t state_deadline(const struct astm_link *l)
{
    switch ((enum state)l->state) {
    case NEUTRAL:
        if (astm_framer_inside(&l->framer))
            return l->heard + l->config->receive_ms;
        return l->sending.len && !l->owed ? l->bid_at : INT64_MAX;
    case RECEIVING:
    case REFUSING:
        return l->heard + l->config->receive_ms;
    case PAUSED:
        return INT64_MAX;
    default:
        return l->due;
    }
}

/* A message takes at most message_ms, or longer up to half an hour while it averages 50 bytes a second. */
static int64_t message_deadline(const struct astm_link *l)
{
    if (!l->began || (l->state != RECEIVING && l->state != BARE))
        return INT64_MAX;
    int64_t limit = l->drip < DRIP_MAX_MS / DRIP_MS_PER_BYTE ? (int64_t)l->drip * DRIP_MS_PER_BYTE : DRIP_MAX_MS;
    return l->began + (limit > l->config->message_ms ? limit : l->config->message_ms);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t astm_link_deadline(const struct astm_link *l)
{
    if (l->pending)
        return INT64_MAX;
    return earlier(earlier(state_deadline(l), message_deadline(l)), astm_framer_deadline(&l->framer));
}

void astm_link_tick(struct astm_link *l, int64_t now)
{
    if (l->pending)
        return;
    struct arrival a = {.now = now};
    struct astm_token token;
    if (now >= astm_framer_deadline(&l->framer)) {
        astm_framer_tick(&l->framer, now, &token);
        on_token(l, &token, now);
    } else if (now >= message_deadline(l)) {
        tell(l, ASTM_NOTICE_SPOILED, "a message took more than %g s", seconds(message_deadline(l) - l->began));
        feed(l, SPOILED, &a);
    } else if (now >= state_deadline(l)) {
        feed(l, l->state == NEUTRAL && !astm_framer_inside(&l->framer) ? BID : LATE, &a);
    }
}

void astm_link_eof(struct astm_link *l, int64_t now)
{
    struct arrival a = {.now = now};
    struct astm_token token;
    l->ended = true;
    if (!astm_link_waiting(l)) {
        astm_framer_eof(&l->framer, &token);
        on_token(l, &token, now);
    }
    if (!l->pending)
        feed(l, LOST, &a);
}

bool astm_link_idle(const struct astm_link *l)
{
    return l->state == NEUTRAL && !l->pending && !l->sending.len && !astm_framer_inside(&l->framer) && !l->owed;
}

bool astm_link_quiet(const struct astm_link *l)
{
    return (l->state == NEUTRAL || l->state == RECEIVING) && !l->pending && !astm_framer_inside(&l->framer) &&
           !astm_assembly_open(&l->assembly) && !l->owed;
}

bool astm_link_resting(const struct astm_link *l)
{
    return (l->state == NEUTRAL || l->state == RECEIVING || l->state == REFUSING) && !l->pending && !l->owed &&
           !astm_framer_inside(&l->framer);
}

bool astm_link_waiting(const struct astm_link *l)
{
    return l->state == OWING || l->state == HOLDING || l->state == PAUSED;
}

bool astm_link_awaits(const struct astm_link *l, uint64_t ticket)
{
    return l->state == OWING && ticket == l->ticket;
}

bool astm_link_receiving(const struct astm_link *l)
{
    return l->state == RECEIVING || l->state == OWING || l->state == HOLDING || l->state == REFUSING;
}

size_t astm_link_held(const struct astm_link *l)
{
    return l->framer.text.cap + l->assembly.text.cap + l->assembly.notes.text.cap + l->rest.cap + l->sending.cap +
           l->out.cap;
}

void astm_link_init(struct astm_link *l, const struct astm_link_config *config, const struct astm_observer *observer,
                    uint64_t seed)
{
    *l = (struct astm_link){.config = config, .allowance = SIZE_MAX, .seed = seed * 2 + 1};
    if (observer)
        l->observer = *observer;
    astm_framer_init(&l->framer, config->checksum, ASTM_TEXT_LARGE);
    forget_session(l);
}

void astm_link_free(struct astm_link *l)
{
    astm_framer_free(&l->framer);
    astm_assembly_free(&l->assembly);
    bytes_free(&l->rest);
    bytes_free(&l->sending);
    bytes_free(&l->out);
}
