#include "hl7/ack.h"

#include "base/utf8.h"

#include <string.h>

enum { REASON_MAX = 200 };

static const char *const modes[] = {"auto", "original", "enhanced", "none"};
static const char *const codes[] = {"", "AA", "AE", "AR", "CA", "CE", "CR"};

bool hl7_ack_parse(const char *name, enum hl7_ack_mode *mode)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(name, modes[i]) == 0) {
            *mode = (enum hl7_ack_mode)i;
            return true;
        }
    return false;
}

const char *hl7_code_name(enum hl7_code code)
{
    return codes[code];
}

enum hl7_code hl7_code_of(struct hl7_slice field)
{
    for (enum hl7_code code = HL7_CODE_AA; code <= HL7_CODE_CR; code++)
        if (hl7_slice_is(field, codes[code]))
            return code;
    return HL7_CODE_NONE;
}

/* ---- which are due ---- */

static bool accept_code(enum hl7_code code)
{
    return code >= HL7_CODE_CA;
}

static bool valid(enum hl7_condition condition)
{
    return condition != HL7_CONDITION_NONE && condition != HL7_CONDITION_ODD;
}

static bool asks(enum hl7_condition condition, enum hl7_code code)
{
    bool success = code == HL7_CODE_AA || code == HL7_CODE_CA;
    return condition == HL7_CONDITION_AL || (condition == HL7_CONDITION_SU && success) ||
           (condition == HL7_CONDITION_ER && !success);
}

bool hl7_ack_odd(const struct hl7_header *theirs)
{
    return hl7_condition_of(theirs->msh[HL7_ACCEPT_CONDITION]) == HL7_CONDITION_ODD ||
           hl7_condition_of(theirs->msh[HL7_APPLICATION_CONDITION]) == HL7_CONDITION_ODD;
}

/* Whether enhanced mode applies; *accept and *application are then what the message asks for. */
static bool enhanced(const struct hl7_header *theirs, bool forced, enum hl7_condition *accept,
                     enum hl7_condition *application)
{
    *accept = hl7_condition_of(theirs->msh[HL7_ACCEPT_CONDITION]);
    *application = hl7_condition_of(theirs->msh[HL7_APPLICATION_CONDITION]);
    if (!forced)
        return !hl7_ack_odd(theirs) && (valid(*accept) || valid(*application));
    if (!valid(*accept))
        *accept = HL7_CONDITION_AL;
    if (!valid(*application))
        *application = HL7_CONDITION_NE;
    return true;
}

bool hl7_ack_asked(const struct hl7_header *theirs, const struct hl7_msa *msa, enum hl7_ack_mode mode,
                   enum hl7_code code)
{
    enum hl7_condition accept, application;
    if (mode == HL7_ACK_NONE || code == HL7_CODE_NONE)
        return false;
    if (msa && !hl7_header_deferred(theirs))
        return accept_code(code) && !accept_code(hl7_code_of(msa->code)) && mode != HL7_ACK_ORIGINAL &&
               enhanced(theirs, false, &accept, &application) && asks(accept, code);
    if (mode == HL7_ACK_ORIGINAL || !enhanced(theirs, mode == HL7_ACK_ENHANCED, &accept, &application))
        return !accept_code(code);
    return asks(accept_code(code) ? accept : application, code);
}

struct hl7_due hl7_ack_due(const struct hl7_header *theirs, const struct hl7_msa *msa, enum hl7_ack_mode mode,
                           enum verdict verdict)
{
    static const struct hl7_due both[] = {
        [VERDICT_WAIT] = {HL7_CODE_NONE, HL7_CODE_NONE},
        [VERDICT_ACCEPT] = {HL7_CODE_CA, HL7_CODE_AA},
        [VERDICT_LATER] = {HL7_CODE_CE, HL7_CODE_AE},
        [VERDICT_NEVER] = {HL7_CODE_CR, HL7_CODE_AR},
    };
    struct hl7_due due = both[verdict];
    if (!hl7_ack_asked(theirs, msa, mode, due.accept))
        due.accept = HL7_CODE_NONE;
    if ((due.accept && verdict != VERDICT_ACCEPT) || !hl7_ack_asked(theirs, msa, mode, due.application))
        due.application = HL7_CODE_NONE;
    return due;
}

static bool comes_on_success(enum hl7_condition condition)
{
    return condition == HL7_CONDITION_AL || condition == HL7_CONDITION_SU;
}

struct hl7_wanted hl7_ack_wanted(const struct hl7_header *ours)
{
    enum hl7_condition accept, application;
    struct hl7_msa msa;
    bool answer = hl7_header_msa(ours, &msa) && !hl7_header_deferred(ours);
    if (!enhanced(ours, false, &accept, &application))
        return (struct hl7_wanted){.application = !answer};
    struct hl7_wanted wanted = {
        .enhanced = true,
        .accept = comes_on_success(accept) && !(answer && accept_code(hl7_code_of(msa.code))),
        .application = comes_on_success(application) && !answer,
    };
    wanted.refusal = !wanted.accept && !wanted.application && !answer &&
                     (accept == HL7_CONDITION_ER || application == HL7_CONDITION_ER);
    return wanted;
}

/* ---- what they look like ---- */

static const char *table_text(enum hl7_error error)
{
    switch (error) {
    case HL7_ERROR_SEQUENCE:
        return "Segment sequence error";
    case HL7_ERROR_MISSING:
        return "Required field missing";
    case HL7_ERROR_INTERNAL:
        return "Application internal error";
    case HL7_ERROR_NONE:
        break;
    }
    return "Message accepted";
}

/* Where the next byte goes; there is room for all of it. */
struct writer {
    unsigned char *o;
    struct hl7_separators s;
};

/* A separator of each kind, also where their message has none of it. */
static void complete(struct hl7_separators *s)
{
    static const unsigned char others[] = "^~\\&@#$%*";
    unsigned char *const kinds[] = {&s->component, &s->repetition, &s->escape, &s->subcomponent};
    for (size_t i = 0, next = 0; i < 4; i++)
        while (!*kinds[i]) {
            unsigned char c = others[next++];
            if (c != s->field && c != s->component && c != s->repetition && c != s->escape && c != s->subcomponent)
                *kinds[i] = c;
        }
}

static struct hl7_slice slice(const char *text)
{
    return (struct hl7_slice){(const unsigned char *)text, strlen(text)};
}

static void put(struct writer *w, struct hl7_slice text)
{
    if (text.n)
        memcpy(w->o, text.p, text.n);
    w->o += text.n;
}

static void put_char(struct writer *w, unsigned char c)
{
    *w->o++ = c;
}

static void put_field(struct writer *w, struct hl7_slice text)
{
    put_char(w, w->s.field);
    put(w, text);
}

/* A text of ours within a field: separators escaped, blanks for control characters, and `?` for a character beyond
 * ASCII, since the character set is theirs. */
static void put_text(struct writer *w, const char *text)
{
    const unsigned char kinds[] = {w->s.field, w->s.component, w->s.subcomponent, w->s.repetition, w->s.escape};
    for (size_t i = 0; text[i] && i < REASON_MAX; i++) {
        unsigned char c = (unsigned char)text[i];
        const unsigned char *kind = memchr(kinds, c, sizeof kinds);
        if (kind) {
            put_char(w, w->s.escape);
            put_char(w, (unsigned char)"FSTRE"[kind - kinds]);
            put_char(w, w->s.escape);
        } else if (c < 0x80 || c >= 0xC0) {
            put_char(w, c < ' ' || c == 0x7F ? ' ' : c < 0x80 ? c : '?');
        }
    }
}

/* MSH-9, with as many components as theirs. */
static void put_type(struct writer *w, const struct hl7_header *theirs)
{
    struct hl7_slice trigger = hl7_header_type(theirs, 2), structure = hl7_header_type(theirs, 3);
    put_field(w, slice("ACK"));
    if (trigger.n || structure.n) {
        put_char(w, w->s.component);
        put(w, trigger);
    }
    if (structure.n) {
        put_char(w, w->s.component);
        put(w, slice("ACK"));
    }
}

static void put_msh(struct writer *w, const struct hl7_header *theirs, const struct hl7_ack *ack)
{
    const unsigned char kinds[] = {w->s.component, w->s.repetition, w->s.escape, w->s.subcomponent};
    struct hl7_slice charset = ack->charset ? slice(ack->charset) : theirs->msh[HL7_CHARSET];
    put(w, slice("MSH"));
    put_field(w, theirs->separators.odd ? (struct hl7_slice){kinds, sizeof kinds} : theirs->msh[2]);
    put_field(w, theirs->msh[HL7_RECEIVING_APPLICATION]);
    put_field(w, theirs->msh[HL7_RECEIVING_FACILITY]);
    put_field(w, theirs->msh[HL7_SENDING_APPLICATION]);
    put_field(w, theirs->msh[HL7_SENDING_FACILITY]);
    put_field(w, slice(ack->time));
    put_field(w, slice(""));
    put_type(w, theirs);
    put_field(w, slice(ack->id));
    put_field(w, theirs->msh[HL7_PROCESSING_ID]);
    put_field(w, theirs->msh[HL7_VERSION]);
    for (size_t i = HL7_VERSION + 1; charset.n && i < HL7_CHARSET; i++)
        put_field(w, slice(""));
    if (charset.n)
        put_field(w, charset);
    put_char(w, '\r');
}

/* Whether a message of this version has an ERR segment with the fields of 2.5. */
static bool has_err(struct hl7_slice version)
{
    unsigned number[2] = {0, 0};
    size_t i = 0;
    for (size_t part = 0; part < 2; part++, i++)
        for (; i < version.n && version.p[i] >= '0' && version.p[i] <= '9' && number[part] < 1000; i++)
            number[part] = number[part] * 10 + (version.p[i] - '0');
    return number[0] > 2 || (number[0] == 2 && number[1] >= 5);
}

static void put_err(struct writer *w, const struct hl7_ack *ack, const char *reason)
{
    const unsigned char code[] = {(unsigned char)('0' + ack->error / 100), (unsigned char)('0' + ack->error / 10 % 10),
                                  (unsigned char)('0' + ack->error % 10)};
    put(w, slice("ERR"));
    put_field(w, slice(""));
    put_field(w, slice(""));
    put_field(w, (struct hl7_slice){code, ack->error ? 3 : 1});
    put_char(w, w->s.component);
    put_text(w, reason);
    put_char(w, w->s.component);
    put(w, slice("HL70357"));
    put_field(w, slice("E"));
    put_char(w, '\r');
}

static void put_msa(struct writer *w, const struct hl7_header *theirs, const struct hl7_ack *ack)
{
    bool refused = ack->code != HL7_CODE_AA && ack->code != HL7_CODE_CA, err = has_err(theirs->msh[HL7_VERSION]);
    const char *reason = ack->reason ? ack->reason : table_text(ack->error);
    put(w, slice("MSA"));
    put_field(w, slice(codes[ack->code]));
    put_field(w, theirs->msh[HL7_CONTROL_ID]);
    if (refused && !err) {
        put_field(w, slice(""));
        put_text(w, reason);
    }
    put_char(w, '\r');
    if (refused && err)
        put_err(w, ack, reason);
}

/* At least as many bytes as the answer has: what is taken from theirs, our own, and the rest of two or three segments.
 */
static size_t room_for(const struct hl7_header *theirs, const struct hl7_ack *ack)
{
    enum { REST = 256 };
    bool accepted = ack->code == HL7_CODE_AA || ack->code == HL7_CODE_CA;
    size_t room = REST + (accepted ? 0 : 3 * REASON_MAX) + strlen(ack->time) + strlen(ack->id);
    for (size_t i = 2; i <= HL7_CHARSET; i++)
        room += theirs->msh[i].n;
    return room + theirs->msh[HL7_CONTROL_ID].n + (ack->charset ? strlen(ack->charset) : 0);
}

bool hl7_ack_build(struct bytes *out, const struct hl7_header *theirs, const struct hl7_ack *ack)
{
    static const char blank[] = "MSH|^~\\&|||||||||P|2.5";
    struct hl7_header unknown;
    if (theirs->why) {
        hl7_header_read(&unknown, (const unsigned char *)blank, strlen(blank));
        theirs = &unknown;
    }
    if (!bytes_reserve(out, room_for(theirs, ack)))
        return false;
    struct writer w = {out->data + out->len, theirs->separators};
    complete(&w.s);
    put_msh(&w, theirs, ack);
    put_msa(&w, theirs, ack);
    out->len = (size_t)(w.o - out->data);
    return true;
}

/* ---- what an answer says ---- */

struct reason {
    char *out;
    size_t len, room; /* without the NUL */
};

static void add_reason(struct reason *r, struct hl7_slice text)
{
    for (size_t at = 0, step; at < text.n; at += step) {
        bool shown = utf8_shown(text.p + at, text.n - at, &step);
        size_t width = shown ? step : 1;
        if (width > r->room - r->len) {
            r->room = r->len;
            return;
        }
        memcpy(r->out + r->len, shown ? (const char *)text.p + at : "?", width);
        r->len += width;
    }
}

static void add_field(struct reason *r, const char *name, struct hl7_slice field)
{
    if (!field.n)
        return;
    add_reason(r, slice(r->len ? "; " : ""));
    add_reason(r, slice(name));
    add_reason(r, slice(" "));
    add_reason(r, field);
}

const char *hl7_ack_reason(const unsigned char *text, size_t n, char *out, size_t size)
{
    struct reason r = {out, 0, size - 1};
    struct hl7_header h;
    struct hl7_msa msa;
    struct hl7_slice segment;
    size_t at = 0;
    hl7_header_read(&h, text, n);
    if (hl7_header_msa(&h, &msa))
        add_field(&r, "MSA-3", msa.text);
    while (r.len < r.room && hl7_segment_next(h.rest.p, h.rest.n, &at, &segment)) {
        if (!hl7_segment_is(segment, "ERR", h.separators.field))
            continue;
        add_field(&r, "ERR-3", hl7_field(segment, &h.separators, 3));
        add_field(&r, "ERR-8", hl7_field(segment, &h.separators, 8));
    }
    out[r.len] = '\0';
    return out;
}
