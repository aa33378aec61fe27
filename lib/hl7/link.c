#include "hl7/link.h"

#include "base/digest.h"
#include "base/glimpse.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    DRIP_MS_PER_BYTE = 20,        /* 50 bytes a second */
    DRIP_MAX_MS = 30 * 60 * 1000, /* however steadily a message drips */
    ACK_ROOM = 512,               /* most acknowledgements are shorter */
    OUT_MAX = 256 << 10,          /* while so many bytes of answers wait to be sent, nothing is taken */
};

static const char *const notice_names[HL7_NOTICES] = {
    [HL7_NOTICE_NOISE] = "noise",           [HL7_NOTICE_BLANKS] = "blanks",
    [HL7_NOTICE_CUT] = "cut-block",         [HL7_NOTICE_UNREADABLE] = "unreadable",
    [HL7_NOTICE_TOO_LONG] = "too-long",     [HL7_NOTICE_TOO_SLOW] = "too-slow",
    [HL7_NOTICE_NO_MEMORY] = "no-memory",   [HL7_NOTICE_NOT_HANDED] = "not-handed-over",
    [HL7_NOTICE_BATCH] = "batch",           [HL7_NOTICE_CONDITION] = "original-mode",
    [HL7_NOTICE_OWN_ANSWER] = "own-answer", [HL7_NOTICE_UNMATCHED] = "unmatched-answer",
    [HL7_NOTICE_LATE] = "late-answer",      [HL7_NOTICE_DUPLICATE] = "duplicate-answer",
    [HL7_NOTICE_ODD_ANSWER] = "odd-answer", [HL7_NOTICE_COMMIT] = "commit",
    [HL7_NOTICE_NO_ANSWER] = "no-answer",   [HL7_NOTICE_COUNT] = "batch-count",
};

const char *hl7_notice_name(enum hl7_notice notice)
{
    return notice_names[notice];
}

const char *hl7_outcome_name(enum hl7_outcome outcome)
{
    static const char *const names[] = {"sent", "error", "rejected", "odd-answer", "no-answer", "connection-lost"};
    return names[outcome];
}

struct hl7_link_config hl7_link_defaults(void)
{
    return (struct hl7_link_config){
        .ack = HL7_ACK_AUTO,
        .segment_end = HL7_END_AUTO,
        .release = 1,
        .max_message = (size_t)10 << 20,
        .answer_ms = 30000,
        .message_ms = 60000,
    };
}

/* ---- what the rest is made of ---- */

static void tell(struct hl7_link *l, enum hl7_notice notice, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(struct hl7_link *l, enum hl7_notice notice, const char *format, ...)
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

static void watch(struct hl7_link *l, const char *event, const struct hl7_token *token)
{
    struct hl7_wire wire = {event, false, token->offset, token->text, token->len};
    if (l->observer.wire)
        l->observer.wire(l->observer.context, &wire);
}

static void watch_sent(struct hl7_link *l, const char *event, const unsigned char *text, size_t n)
{
    struct hl7_wire wire = {event, true, 0, text, n};
    if (l->observer.wire)
        l->observer.wire(l->observer.context, &wire);
}

static unsigned long long begins_at(const struct hl7_token *token)
{
    return token->offset;
}

static double seconds(int64_t ms)
{
    return (double)ms / 1000;
}

/* Whether an event, or a verdict, is awaited before anything else is done. */
static bool stopped(const struct hl7_link *l)
{
    return l->waiting || l->pending || l->done_pending;
}

/* Whether bytes and deadlines have to wait. */
static bool occupied(const struct hl7_link *l)
{
    return stopped(l) || l->open;
}

/* The block whose messages have been dealt with is released when nobody looks at them any more. */
static void release(struct hl7_link *l)
{
    if (!l->over || l->pending || l->done_pending)
        return;
    spares_give(l->observer.spares, &l->text);
    spares_give(l->observer.spares, &l->offer);
    l->over = false;
}

/* ---- answers of ours ---- */

/* Without memory for an answer the sender's timer does what it would have done. */
static void put_block(struct hl7_link *l, const unsigned char *text, size_t n)
{
    if (l->config->release != 2) {
        if (hl7_block_build(&l->out, text, n))
            watch_sent(l, "block", text, n);
    } else if (l->replies.len < l->text.len + OUT_MAX) {
        hl7_block_build(&l->replies, text, n);
    }
}

static struct hl7_stamp new_stamp(struct hl7_link *l)
{
    struct hl7_stamp stamp = {.time = ""};
    l->answers++;
    if (l->observer.stamp)
        l->observer.stamp(l->observer.context, &stamp);
    else
        snprintf(stamp.id, sizeof stamp.id, "%llu", (unsigned long long)l->answers);
    return stamp;
}

/* From there on a byte that would end or begin a block becomes `?`. */
static void replace(struct bytes *out, size_t from, unsigned char byte)
{
    unsigned char *at = out->data + from;
    while ((at = memchr(at, byte, (size_t)(out->data + out->len - at))))
        *at = '?';
}

/* An acknowledgement is made in the place that it goes out from. */
static void acknowledge(struct hl7_link *l, const struct hl7_message *m, enum hl7_code code, enum hl7_error error,
                        const char *reason)
{
    struct bytes *out = l->config->release == 2 ? &l->replies : &l->out;
    size_t before = out->len, from = before + 1;
    if (code == HL7_CODE_NONE || (out == &l->replies && out->len >= l->text.len + OUT_MAX))
        return;
    struct hl7_stamp stamp = new_stamp(l);
    spares_take(l->observer.spares, out);
    struct hl7_ack ack = {code, error, reason, stamp.time, stamp.id, m->utf16 ? "UNICODE UTF-8" : NULL};
    if (!bytes_reserve(out, ACK_ROOM) || !bytes_append(out, "\x0B", 1) || !hl7_ack_build(out, &m->header, &ack) ||
        !bytes_reserve(out, 2)) {
        out->len = before;
        return;
    }
    replace(out, from, HL7_VT);
    replace(out, from, HL7_FS);
    size_t n = out->len - from;
    bytes_append(out, "\x1C\r", 2);
    if (out == &l->out)
        watch_sent(l, "block", out->data + from, n);
}

/* Refuses a message as its MSH asks. Returns the code that was sent. */
static enum hl7_code refuse(struct hl7_link *l, const struct hl7_message *m, const struct hl7_msa *msa,
                            enum verdict verdict, enum hl7_error error, const char *reason)
{
    struct hl7_due due = {HL7_CODE_NONE, HL7_CODE_NONE};
    l->refused = true;
    if (!m->header.why)
        due = hl7_ack_due(&m->header, msa, l->config->ack, verdict);
    else if (!msa && l->config->ack != HL7_ACK_NONE)
        due.application = verdict == VERDICT_LATER ? HL7_CODE_AE : HL7_CODE_AR;
    acknowledge(l, m, due.accept, error, reason);
    acknowledge(l, m, due.application, error, reason);
    return due.accept ? due.accept : due.application;
}

static bool is_acknowledgement(const struct hl7_header *h)
{
    struct hl7_slice type = hl7_header_type(h, 1);
    return !type.n || hl7_slice_is(type, "ACK") || hl7_slice_is(type, "MCF");
}

/* The messages that a caller gives back for one of theirs, taken from a copy. */
struct given {
    const struct reply *reply;
    const struct hl7_header *theirs;
    struct bytes copy;
    struct hl7_split split;
    size_t number; /* of the message, from 1 */
    struct hl7_message message;
    bool has_msa, names; /* it has an MSA segment; which names theirs */
    struct hl7_msa msa;
};

static bool given_begin(struct given *g, const struct reply *reply, const struct hl7_header *theirs)
{
    *g = (struct given){.reply = reply, .theirs = theirs};
    return bytes_append(&g->copy, reply->text, reply->len) && hl7_split_begin(&g->split, &g->copy, NULL, HL7_END_AUTO);
}

static bool given_next(struct given *g)
{
    if (!hl7_split_next(&g->split, &g->message))
        return false;
    const struct hl7_header *h = &g->message.header;
    g->number++;
    g->has_msa = !h->why && hl7_header_msa(h, &g->msa);
    g->names = g->has_msa && hl7_slice_same(g->msa.control_id, g->theirs->msh[HL7_CONTROL_ID]);
    return true;
}

static void given_end(struct given *g)
{
    hl7_split_free(&g->split);
    bytes_free(&g->copy);
}

/* The number of the message that answers theirs; 0: there is none. A deferred response does where nothing else does. */
static size_t find_answer(const struct reply *reply, const struct hl7_header *theirs)
{
    struct given g;
    size_t deferred = 0, found = 0;
    bool on = given_begin(&g, reply, theirs);
    while (on && !found && given_next(&g)) {
        if (g.names && !hl7_header_deferred(&g.message.header))
            found = g.number;
        else if (g.names && !deferred)
            deferred = g.number;
    }
    given_end(&g);
    return found ? found : deferred;
}

/* A plain acknowledgement goes only where it is asked for; an answer that says more is always welcome. False: the plain
 * one has to do. */
static bool send_answer(struct hl7_link *l, const struct given *g)
{
    const struct hl7_message *m = &g->message;
    bool fits = hl7_block_fits(m->text, m->len);
    if (!fits)
        tell(l, HL7_NOTICE_OWN_ANSWER, "the answer given holds VT or FS: not sent");
    else if (is_acknowledgement(&m->header) &&
             !hl7_ack_asked(g->theirs, NULL, l->config->ack, hl7_code_of(g->msa.code)))
        tell(l, HL7_NOTICE_OWN_ANSWER, "the acknowledgement given was not asked for: not sent");
    else
        put_block(l, m->text, m->len);
    return fits;
}

/* Another message that was given back with the answer. */
static void follow(struct hl7_link *l, const struct given *g)
{
    const struct hl7_message *m = &g->message;
    const char *why = m->header.why ? m->header.why
                      : g->has_msa && !(g->names && hl7_header_deferred(&m->header))
                          ? g->names ? "it is a second answer" : "it answers another message"
                      : !hl7_block_fits(m->text, m->len) ? "it holds VT or FS"
                                                         : NULL;
    if (why)
        tell(l, HL7_NOTICE_OWN_ANSWER, "message %zu of those given back is not sent: %s", g->number, why);
    else if (!g->reply->repeated && l->observer.follow)
        l->observer.follow(l->observer.context, m->text, m->len);
}

/* Sends the caller's own answer, and what follows it. False: the plain one has to do. */
static bool answer_with(struct hl7_link *l, const struct hl7_header *theirs, const struct reply *reply)
{
    struct given g;
    size_t number = find_answer(reply, theirs);
    bool answered = false;
    if (!number)
        tell(l, HL7_NOTICE_OWN_ANSWER, "what was given back has no message with MSA-2 as the control id: not sent");
    else if (!given_begin(&g, reply, theirs))
        given_end(&g);
    else {
        while (given_next(&g))
            if (g.number == number)
                answered = send_answer(l, &g);
            else
                follow(l, &g);
        given_end(&g);
    }
    return answered;
}

/* A message that is offered, and the MSA segment that it has. */
struct hl7_offer {
    struct hl7_message message;
    bool answer;
    struct hl7_msa msa;
};

static struct hl7_offer *offered(const struct hl7_link *l)
{
    return (struct hl7_offer *)(void *)l->offer.data;
}

static void accept(struct hl7_link *l, const struct hl7_message *m, const struct hl7_msa *msa,
                   const struct reply *reply)
{
    struct hl7_due due = hl7_ack_due(&m->header, msa, l->config->ack, VERDICT_ACCEPT);
    acknowledge(l, m, due.accept, HL7_ERROR_NONE, NULL);
    if (msa || !reply || !reply->text || !answer_with(l, &m->header, reply))
        acknowledge(l, m, due.application, HL7_ERROR_NONE, NULL);
}

static void decline(struct hl7_link *l, const struct hl7_message *m, const struct hl7_msa *msa, enum verdict verdict,
                    const struct reply *reply)
{
    enum hl7_code code = refuse(l, m, msa, verdict, HL7_ERROR_INTERNAL, reply ? reply->reason : NULL);
    tell(l, HL7_NOTICE_NOT_HANDED, "a message of %zu bytes is not handed over: %s%s", m->len,
         code ? "answered " : "no answer is asked for", hl7_code_name(code));
}

/* ---- the message that is being sent ---- */

static void finish(struct hl7_link *l, enum hl7_outcome outcome, const struct hl7_message *m, const struct hl7_msa *msa)
{
    digest_once(l->id.data, l->id.len, l->last.digest);
    l->last.known = true;
    l->last.answered = outcome != HL7_NO_ANSWER;
    l->last.asked = l->asked || m;
    l->last.nameless = m && !msa->control_id.n && (outcome == HL7_ERROR || outcome == HL7_REJECTED);
    memset(&l->done, 0, sizeof l->done);
    l->done.outcome = outcome;
    l->done.uncommitted = l->uncommitted;
    if (m) {
        l->done.text = (struct hl7_slice){m->text, m->len};
        l->done.msa = *msa;
        l->done.code = hl7_code_of(msa->code);
    }
    l->done_pending = true;
    l->busy = false;
    bytes_free(&l->id);
    if (!l->sent_at)
        bytes_free(&l->sending);
}

/* Whether the message is on its way, and nothing comes unless something goes wrong. */
static bool is_silence_consent(const struct hl7_link *l)
{
    return l->wants_refusal && !l->sending.len && !l->wants_commit;
}

/* It is sent when it has gone out and nothing more is waited for. */
static void check_sent(struct hl7_link *l, const struct hl7_message *m, const struct hl7_msa *msa)
{
    if (l->busy && !l->sending.len && !l->wants_commit && !l->wants_accept && !l->wants_application &&
        !l->wants_refusal)
        finish(l, HL7_SENT, m, msa);
}

/* An answer is awaited anew. */
static void set_due(struct hl7_link *l)
{
    l->due = l->now + l->config->answer_ms;
    l->due_stands = l->now;
}

static void on_commit(struct hl7_link *l, bool stored)
{
    if (!l->busy || !l->wants_commit) {
        tell(l, HL7_NOTICE_COMMIT, "a commit block (%s) that nobody waits for", stored ? "ACK" : "NAK");
        return;
    }
    l->wants_commit = false;
    set_due(l);
    if (stored)
        check_sent(l, NULL, NULL);
    else
        finish(l, HL7_ERROR, NULL, NULL);
}

/* An answer that accepts stands in for a commit block that has not come: the message would only come twice. */
static void do_without_commit(struct hl7_link *l, const char *code)
{
    if (!l->wants_commit)
        return;
    tell(l, HL7_NOTICE_ODD_ANSWER, "answered %s without a commit block before", code);
    l->wants_commit = false;
    l->uncommitted = true;
}

/* An answer to the message that is being sent. */
static void decide(struct hl7_link *l, const struct hl7_message *m, const struct hl7_msa *msa)
{
    switch (hl7_code_of(msa->code)) {
    case HL7_CODE_AA:
        do_without_commit(l, "AA");
        finish(l, HL7_SENT, m, msa);
        break;
    case HL7_CODE_CA:
        do_without_commit(l, "CA");
        if (!l->wants_accept)
            tell(l, HL7_NOTICE_ODD_ANSWER,
                 "answered CA, which the message did not ask for: the answer is still awaited");
        l->wants_accept = false;
        set_due(l);
        check_sent(l, m, msa);
        break;
    case HL7_CODE_AE:
    case HL7_CODE_CE:
        finish(l, HL7_ERROR, m, msa);
        break;
    case HL7_CODE_AR:
    case HL7_CODE_CR:
        finish(l, HL7_REJECTED, m, msa);
        break;
    case HL7_CODE_NONE:
        tell(l, HL7_NOTICE_ODD_ANSWER, "answered with a code of %zu bytes that is none", msa->code.n);
        finish(l, HL7_ODD, m, msa);
        break;
    }
}

static bool is_last(const struct hl7_link *l, struct hl7_slice control_id)
{
    unsigned char digest[16];
    digest_once(control_id.p, control_id.n, digest);
    return l->last.known && memcmp(digest, l->last.digest, sizeof digest) == 0;
}

static bool answers_last(const struct hl7_link *l, struct hl7_slice control_id)
{
    return control_id.n && is_last(l, control_id);
}

static void tell_unmatched(struct hl7_link *l, const struct hl7_msa *msa)
{
    char shown[GLIMPSE_TEXT];
    const char *code = hl7_code_name(hl7_code_of(msa->code));
    if (!answers_last(l, msa->control_id))
        tell(l, HL7_NOTICE_UNMATCHED, "an acknowledgement (%s) %s: its MSA-2 has %zu bytes and begins %s", code,
             l->busy ? "of another message" : "that nobody waits for", msa->control_id.n,
             glimpse(msa->control_id.p, msa->control_id.n, shown));
    else if (l->last.answered)
        tell(l, HL7_NOTICE_DUPLICATE, "an acknowledgement (%s) of a message that has been answered already", code);
    else
        tell(l, HL7_NOTICE_LATE, "an acknowledgement (%s) of a message that has been given up", code);
}

/* A refusal without a control id can only be of the one message that is under way: its MSH was not understood. */
static bool answers_ours(const struct hl7_link *l, const struct hl7_msa *msa)
{
    struct hl7_slice id = {l->id.data, l->id.len};
    enum hl7_code code = hl7_code_of(msa->code);
    bool refusal = code != HL7_CODE_NONE && code != HL7_CODE_AA && code != HL7_CODE_CA;
    return l->busy && (hl7_slice_same(msa->control_id, id) || (!msa->control_id.n && refusal));
}

/* An answer that is not handed over. It may ask for an accept acknowledgement. */
static void on_answer(struct hl7_link *l, const struct hl7_message *m, const struct hl7_msa *msa)
{
    acknowledge(l, m, hl7_ack_due(&m->header, msa, l->config->ack, VERDICT_ACCEPT).accept, HL7_ERROR_NONE, NULL);
    if (answers_ours(l, msa))
        decide(l, m, msa);
    else
        tell_unmatched(l, msa);
}

/* ---- messages that come ---- */

static void offer(struct hl7_link *l, const struct hl7_message *m, const struct hl7_msa *msa)
{
    spares_take(l->observer.spares, &l->offer);
    if (!bytes_reserve(&l->offer, sizeof(struct hl7_offer))) {
        refuse(l, m, msa, VERDICT_LATER, HL7_ERROR_INTERNAL, "no memory for the message now");
        tell(l, HL7_NOTICE_NO_MEMORY, "a message of %zu bytes is refused: memory is exhausted", m->len);
        return;
    }
    struct hl7_offer *offer = offered(l);
    offer->message = *m;
    offer->answer = msa != NULL;
    offer->msa = msa ? *msa : (struct hl7_msa){{NULL, 0}, {NULL, 0}, {NULL, 0}};
    l->ticket++;
    l->pending = l->waiting = true;
    l->due_stands = l->now;
    if (hl7_ack_odd(&m->header) && !l->condition_told) {
        l->condition_told = true;
        tell(l, HL7_NOTICE_CONDITION, "MSH-15 or MSH-16 is none of AL, NE, ER, SU: original mode");
    }
}

/* An answer that says more than a code is handed over also when nobody waits for it. */
static void offer_unasked(struct hl7_link *l, const struct hl7_message *m, const struct hl7_msa *msa)
{
    if (msa && !hl7_header_deferred(&m->header))
        tell_unmatched(l, msa);
    offer(l, m, msa);
}

static void unreadable(struct hl7_link *l, const struct hl7_message *m, const struct hl7_msa *msa)
{
    enum hl7_code code = refuse(l, m, msa, VERDICT_NEVER, m->header.error, m->header.why);
    tell(l, HL7_NOTICE_UNREADABLE, "%zu bytes at offset %llu cannot be read: %s%s%s", m->len,
         (unsigned long long)m->offset, m->header.why, code ? "; answered " : "", hl7_code_name(code));
}

/* Whether this message of the block is the one that passed a limit: the last one. */
static bool passed_limit(const struct hl7_link *l)
{
    return l->refusing != HL7_NOTICES && l->split.at == l->text.len;
}

/* What is cut within MSH cannot be relied on. */
static void over_limit(struct hl7_link *l, struct hl7_message *m, const struct hl7_msa *msa)
{
    enum hl7_notice notice = (enum hl7_notice)l->refusing;
    const char *reason = notice == HL7_NOTICE_TOO_LONG   ? "the message is too long"
                         : notice == HL7_NOTICE_TOO_SLOW ? "the message took too long"
                                                         : "no memory for the message now";
    if (!m->header.rest.n)
        m->header.why = reason;
    refuse(l, m, msa, notice == HL7_NOTICE_NO_MEMORY ? VERDICT_LATER : VERDICT_NEVER, HL7_ERROR_INTERNAL, reason);
}

static void on_message(struct hl7_link *l, struct hl7_message *m)
{
    struct hl7_msa own;
    const struct hl7_msa *msa = m->has_msa && hl7_header_msa(&m->header, &own) ? &own : NULL;
    if (passed_limit(l))
        over_limit(l, m, msa);
    else if (m->header.why)
        unreadable(l, m, msa);
    else if (msa && (answers_ours(l, msa) || is_acknowledgement(&m->header)))
        on_answer(l, m, msa);
    else
        offer_unasked(l, m, msa);
}

/* Release 2: the commit block goes before the answers to what was in the block. */
static void commit(struct hl7_link *l)
{
    const unsigned char control = l->refused ? HL7_NAK : HL7_ACK;
    if (l->config->release != 2)
        return;
    if (hl7_block_build(&l->out, &control, 1))
        watch_sent(l, l->refused ? "NAK" : "ACK", &control, 1);
    for (size_t from = 0; from < l->replies.len;) {
        const unsigned char *p = l->replies.data + from + 1;
        const unsigned char *fs = memchr(p, HL7_FS, l->replies.len - from - 1);
        size_t n = (size_t)(fs - p);
        if (hl7_block_build(&l->out, p, n))
            watch_sent(l, "block", p, n);
        from += n + 3;
    }
    bytes_free(&l->replies);
}

static void tell_count(struct hl7_link *l)
{
    char text[HL7_BATCH_TEXT];
    if (hl7_batch_odd(&l->split.batch, text))
        tell(l, HL7_NOTICE_COUNT, "%s", text);
}

static void close_block(struct hl7_link *l)
{
    if (l->split.envelope)
        tell(l, HL7_NOTICE_BATCH, "a block with %u messages has a batch envelope", l->split.messages);
    commit(l);
    hl7_split_free(&l->split);
    l->open = false;
    l->over = true;
}

/* refusing: why all of it is refused; HL7_NOTICES: it is not. */
static void open_block(struct hl7_link *l, struct hl7_token *token, enum hl7_notice refusing)
{
    l->text.len = 0;
    spares_take(l->observer.spares, &l->text);
    l->over = false;
    l->refusing = (unsigned char)refusing;
    l->refused = refusing != HL7_NOTICES;
    if (l->refused)
        tell(l, refusing, "a message of the block begun at offset %llu is refused after %zu bytes; the rest is skipped",
             begins_at(token), token->len);
    l->open = hl7_block_take(&l->reader, token, &l->text) &&
              hl7_split_begin(&l->split, &l->text, token, l->config->segment_end);
    if (l->open)
        return;
    struct hl7_message m = {.text = token->text, .len = token->len, .has_msa = true};
    hl7_header_read(&m.header, m.text, m.len);
    l->split.at = l->text.len;
    l->refusing = HL7_NOTICE_NO_MEMORY;
    tell(l, HL7_NOTICE_NO_MEMORY, "a block begun at offset %llu is refused: memory is exhausted", begins_at(token));
    on_message(l, &m);
    commit(l);
    bytes_free(&l->text);
}

static void on_noise(struct hl7_link *l, const struct hl7_token *token)
{
    bool *told = token->blank ? &l->blank_told : &l->noise_told;
    char shown[GLIMPSE_TEXT];
    l->noise += token->len;
    if (!*told)
        tell(l, token->blank ? HL7_NOTICE_BLANKS : HL7_NOTICE_NOISE,
             "%zu bytes at offset %llu outside blocks ignored, beginning %s", token->len, begins_at(token),
             glimpse(token->text, token->len, shown));
    *told = true;
}

static void on_token(struct hl7_link *l, struct hl7_token *token)
{
    switch (token->kind) {
    case HL7_TOKEN_BLOCK:
        watch(l, "block", token);
        open_block(l, token, HL7_NOTICES);
        break;
    case HL7_TOKEN_TOO_LONG:
        watch(l, "too-long", token);
        open_block(l, token, token->no_memory ? HL7_NOTICE_NO_MEMORY : HL7_NOTICE_TOO_LONG);
        break;
    case HL7_TOKEN_COMMIT_ACK:
    case HL7_TOKEN_COMMIT_NAK:
        watch(l, token->kind == HL7_TOKEN_COMMIT_ACK ? "ACK" : "NAK", token);
        on_commit(l, token->kind == HL7_TOKEN_COMMIT_ACK);
        break;
    case HL7_TOKEN_CUT:
        watch(l, "cut", token);
        tell(l, HL7_NOTICE_CUT, "a block begun at offset %llu was cut off after %zu bytes", begins_at(token),
             token->len);
        break;
    case HL7_TOKEN_NOISE:
        watch(l, "noise", token);
        on_noise(l, token);
        break;
    case HL7_TOKEN_NONE:
        break;
    }
}

/* ---- the machine ---- */

/* Deals with the messages of the block until one is offered, or too many answers wait to be sent; at the end of the
 * stream, with what the reader has left. */
static void advance(struct hl7_link *l)
{
    struct hl7_message m;
    struct hl7_token token;
    while (!stopped(l) && l->out.len < OUT_MAX && (l->open || (l->ended && !l->drained))) {
        if (l->open) {
            bool more = hl7_split_next(&l->split, &m);
            tell_count(l);
            if (more)
                on_message(l, &m);
            else
                close_block(l);
        } else {
            l->drained = true;
            hl7_block_eof(&l->reader, &token);
            on_token(l, &token);
        }
    }
}

size_t hl7_link_push(struct hl7_link *l, const unsigned char *bytes, size_t n, int64_t now)
{
    size_t taken = 0;
    struct hl7_token token;
    l->now = now;
    release(l);
    advance(l);
    for (bool on = true; on && taken < n && !occupied(l) && l->out.len < OUT_MAX;) {
        bool inside = hl7_block_inside(&l->reader);
        l->reader.allowance = l->allowance;
        taken += hl7_block_push(&l->reader, bytes + taken, n - taken, now, &token);
        on_token(l, &token);
        advance(l);
        on = !l->pausing || !inside || hl7_block_inside(&l->reader);
    }
    release(l);
    return taken;
}

static bool next_message(struct hl7_link *l, struct hl7_event *event)
{
    struct hl7_offer *offer = offered(l);
    l->pending = false;
    *event = (struct hl7_event){
        .kind = HL7_EVENT_MESSAGE,
        .message = &offer->message,
        .msa = offer->msa,
        .ticket = l->ticket,
        .answer = offer->answer,
    };
    return true;
}

static bool next_done(struct hl7_link *l, struct hl7_event *event)
{
    l->done_pending = false;
    *event = (struct hl7_event){
        .kind = HL7_EVENT_DONE,
        .outcome = l->done.outcome,
        .uncommitted = l->done.uncommitted,
        .code = l->done.code,
        .msa = l->done.msa,
        .text = l->done.text,
    };
    return true;
}

bool hl7_link_next(struct hl7_link *l, struct hl7_event *event)
{
    release(l);
    advance(l);
    if (l->pending)
        return next_message(l, event);
    if (l->done_pending)
        return next_done(l, event);
    release(l);
    return false;
}

void hl7_link_answer(struct hl7_link *l, uint64_t ticket, enum verdict verdict, const struct reply *reply, int64_t now)
{
    if (!l->waiting || ticket != l->ticket || verdict == VERDICT_WAIT)
        return;
    l->now = now;
    l->waiting = l->pending = false;
    l->due += now - l->due_stands;
    hl7_block_resume(&l->reader, now);
    const struct hl7_message *m = &offered(l)->message;
    const struct hl7_msa *msa = offered(l)->answer ? &offered(l)->msa : NULL;
    if (verdict == VERDICT_ACCEPT)
        accept(l, m, msa, reply);
    else
        decline(l, m, msa, verdict, reply);
    advance(l);
    release(l);
}

bool hl7_link_send(struct hl7_link *l, const unsigned char *text, size_t n, int64_t now)
{
    struct hl7_header h;
    l->now = now;
    release(l);
    if (hl7_link_sending(l) || !hl7_block_fits(text, n) || !hl7_header_read(&h, text, n))
        return false;
    struct hl7_slice id = h.msh[HL7_CONTROL_ID];
    if (!bytes_append(&l->id, id.p, id.n) || !hl7_block_build(&l->sending, text, n)) {
        bytes_free(&l->id);
        return false;
    }
    struct hl7_wanted wanted = hl7_ack_wanted(&h);
    l->busy = true;
    l->enhanced = wanted.enhanced;
    l->wants_commit = l->config->release == 2;
    l->uncommitted = false;
    l->wants_accept = wanted.accept;
    l->wants_application = wanted.application;
    l->wants_refusal = wanted.refusal;
    l->asked = l->wants_commit || wanted.accept || wanted.application || wanted.refusal;
    set_due(l);
    watch_sent(l, "block", text, n);
    return true;
}

bool hl7_link_sending(const struct hl7_link *l)
{
    return l->busy || l->done_pending || l->sending.len || l->ended;
}

bool hl7_link_confusable(const struct hl7_link *l, const unsigned char *text, size_t n)
{
    struct hl7_header h;
    return l->last.asked && hl7_header_read(&h, text, n) && (l->last.nameless || is_last(l, h.msh[HL7_CONTROL_ID]));
}

/* An answer never goes out in the middle of a block. */
static bool in_sending(const struct hl7_link *l)
{
    return l->sending.len && (l->sent_at || !l->out.len);
}

const unsigned char *hl7_link_out(const struct hl7_link *l, size_t *n)
{
    bool sending = in_sending(l);
    *n = sending ? l->sending.len - l->sent_at : l->out.len;
    return sending ? l->sending.data + l->sent_at : l->out.data;
}

void hl7_link_sent(struct hl7_link *l, size_t n, int64_t now)
{
    l->now = now;
    release(l);
    if (!in_sending(l)) {
        bytes_drop(&l->out, n);
        if (!l->out.len)
            spares_give(l->observer.spares, &l->out);
        return;
    }
    l->sent_at += n;
    set_due(l);
    if (l->sent_at < l->sending.len)
        return;
    bytes_free(&l->sending);
    l->sent_at = 0;
    check_sent(l, NULL, NULL);
}

/* A block takes at most message_ms, or longer up to half an hour while it averages 50 bytes a second. */
static int64_t message_deadline(const struct hl7_link *l)
{
    if (!hl7_block_inside(&l->reader))
        return INT64_MAX;
    uint64_t bytes = l->reader.offset - l->reader.start;
    int64_t limit = bytes < DRIP_MAX_MS / DRIP_MS_PER_BYTE ? (int64_t)bytes * DRIP_MS_PER_BYTE : DRIP_MAX_MS;
    return l->reader.began + (limit > l->config->message_ms ? limit : l->config->message_ms);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t hl7_link_deadline(const struct hl7_link *l)
{
    if (occupied(l))
        return INT64_MAX;
    int64_t due = l->busy ? l->due : INT64_MAX;
    return earlier(due, earlier(message_deadline(l), hl7_block_deadline(&l->reader)));
}

void hl7_link_tick(struct hl7_link *l, int64_t now)
{
    struct hl7_token token;
    l->now = now;
    release(l);
    if (occupied(l))
        return;
    if (now >= hl7_block_deadline(&l->reader)) {
        hl7_block_tick(&l->reader, now, &token);
        on_token(l, &token);
    } else if (now >= message_deadline(l)) {
        hl7_block_refuse(&l->reader, &token);
        watch(l, "too-long", &token);
        open_block(l, &token, HL7_NOTICE_TOO_SLOW);
    } else if (l->busy && now >= l->due && is_silence_consent(l)) {
        finish(l, HL7_SENT, NULL, NULL);
    } else if (l->busy && now >= l->due) {
        tell(l, HL7_NOTICE_NO_ANSWER, "no answer within %g s", seconds(l->config->answer_ms));
        finish(l, HL7_NO_ANSWER, NULL, NULL);
    }
    advance(l);
    release(l);
}

void hl7_link_eof(struct hl7_link *l, int64_t now)
{
    l->now = now;
    release(l);
    l->ended = true;
    advance(l);
    if (l->busy)
        finish(l, HL7_UNSENT, NULL, NULL);
}

bool hl7_link_idle(const struct hl7_link *l)
{
    return !occupied(l) && !l->busy && !hl7_block_inside(&l->reader);
}

bool hl7_link_waiting(const struct hl7_link *l)
{
    return l->waiting;
}

size_t hl7_link_held(const struct hl7_link *l)
{
    return l->reader.text.cap + l->text.cap + l->offer.cap + l->split.notes.text.cap + l->out.cap + l->replies.cap +
           l->sending.cap + l->id.cap;
}

void hl7_link_init(struct hl7_link *l, const struct hl7_link_config *config, const struct hl7_observer *observer)
{
    *l = (struct hl7_link){.config = config, .allowance = SIZE_MAX};
    if (observer)
        l->observer = *observer;
    hl7_block_init(&l->reader, config->max_message, config->strict);
}

void hl7_link_free(struct hl7_link *l)
{
    hl7_block_free(&l->reader);
    hl7_split_free(&l->split);
    bytes_free(&l->text);
    bytes_free(&l->offer);
    bytes_free(&l->out);
    bytes_free(&l->replies);
    bytes_free(&l->sending);
    bytes_free(&l->id);
}
