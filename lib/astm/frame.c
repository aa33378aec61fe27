#include "astm/frame.h"

#include "base/scan.h"

#include <stdio.h>

enum { OUTSIDE, INSIDE, TAIL };

static const char *const names[] = {"std", "noterm", "stx", "xor", "none", "auto"};

const char *astm_checksum_name(enum astm_checksum convention)
{
    return names[convention];
}

bool astm_checksum_parse(const char *name, enum astm_checksum *convention)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            *convention = (enum astm_checksum)i;
            return true;
        }
    return false;
}

bool astm_is_header(const unsigned char *p, size_t n)
{
    if (n < 2 || p[0] != 'H' || p[1] <= ' ' || p[1] >= 0x7F)
        return false;
    unsigned char lower = p[1] | 0x20;
    return !(p[1] >= '0' && p[1] <= '9') && !(lower >= 'a' && lower <= 'z');
}

void astm_framer_init(struct astm_framer *f, enum astm_checksum convention, size_t max_text)
{
    *f = (struct astm_framer){.convention = convention, .max_text = max_text < SIZE_MAX ? max_text : SIZE_MAX - 1};
}

static void reset(struct astm_framer *f)
{
    bytes_free(&f->text);
    f->slice = NULL;
    f->slice_len = 0;
    f->state = OUTSIDE;
    f->too_long = f->no_memory = f->cr = false;
    f->sum = f->digits = f->value = 0;
}

static void copy(struct astm_framer *f, const unsigned char *p, size_t n)
{
    if (!f->no_memory && !bytes_append(&f->text, p, n))
        f->too_long = f->no_memory = true;
}

/* Adds a stretch to FN and text, as far as there is room; a first stretch stays where it is. */
static void keep(struct astm_framer *f, const unsigned char *p, size_t n)
{
    size_t room = f->max_text + 1 - f->text.len;
    f->sum = (unsigned char)(f->sum + scan_sum(p, n));
    if (n > room) {
        f->too_long = true;
        n = room;
    }
    if (f->text.len || f->no_memory) {
        copy(f, p, n);
    } else {
        f->slice = p;
        f->slice_len = n;
    }
}

/* What lies in the caller's bytes is copied before they go. */
static void stash(struct astm_framer *f)
{
    if (f->slice)
        copy(f, f->slice, f->slice_len);
    f->slice = NULL;
    f->slice_len = 0;
}

static unsigned char exclusive_or(const unsigned char *p, size_t n, unsigned char end)
{
    unsigned char x = end;
    for (size_t i = 0; i < n; i++)
        x ^= p[i];
    return x;
}

static unsigned char checksum(enum astm_checksum convention, const unsigned char *body, size_t n, unsigned char sum,
                              unsigned char end)
{
    switch (convention) {
    case ASTM_CHECKSUM_NOTERM:
        return sum;
    case ASTM_CHECKSUM_STX:
        return (unsigned char)(sum + end + ASTM_STX);
    case ASTM_CHECKSUM_XOR:
        return exclusive_or(body, n, end);
    default:
        return (unsigned char)(sum + end);
    }
}

/* The first of the conventions that come with a checksum that gives `given`; NONE when none does. */
static enum astm_checksum fitting(const unsigned char *body, size_t n, unsigned char sum, unsigned char end, int given)
{
    for (enum astm_checksum c = ASTM_CHECKSUM_STD; c <= ASTM_CHECKSUM_XOR; c++)
        if (checksum(c, body, n, sum, end) == given)
            return c;
    return ASTM_CHECKSUM_NONE;
}

/* Sets what depends on the checksum; the convention AUTO, as long as nothing is learned, computes as STD does. */
static void judge(struct astm_framer *f, struct astm_frame *frame, const unsigned char *body, size_t n)
{
    bool sound = frame->number >= 0 && !frame->too_long;
    enum astm_checksum fits = sound ? fitting(body, n, f->sum, f->end, frame->given) : ASTM_CHECKSUM_NONE;
    if (f->convention == ASTM_CHECKSUM_AUTO && fits != ASTM_CHECKSUM_NONE) {
        f->convention = fits;
        frame->learned = fits != ASTM_CHECKSUM_STD;
    }
    frame->computed = checksum(f->convention, body, n, f->sum, f->end);
    bool right = f->convention == ASTM_CHECKSUM_NONE || frame->given == frame->computed;
    frame->fits = right ? ASTM_CHECKSUM_NONE : fits;
    frame->good = right && sound;
}

/* Whether the checksum is there: two digits, or one and CR. */
static bool summed(const struct astm_framer *f)
{
    return f->digits == 2 || (f->digits && f->cr);
}

/* Whether nothing more than CR LF may be missing. */
static bool ended(const struct astm_framer *f)
{
    return f->state == TAIL && (summed(f) || f->cr || f->convention == ASTM_CHECKSUM_NONE);
}

/* The frame has come to its end: fills the token. The text stays valid until the framer is fed again. */
static void finish(struct astm_framer *f, struct astm_token *token)
{
    const unsigned char *body = f->slice ? f->slice : f->text.data;
    size_t n = f->slice ? f->slice_len : f->text.len;
    token->kind = ASTM_TOKEN_FRAME;
    token->offset = f->start;
    token->frame = (struct astm_frame){
        .text = n ? body + 1 : (const unsigned char *)"",
        .len = n ? n - 1 : 0,
        .offset = f->start,
        .number = n && body[0] >= '0' && body[0] <= '7' ? body[0] - '0' : -1,
        .end = f->end,
        .given = summed(f) ? f->value : -1,
        .unpadded = f->digits == 1 && f->cr,
        .too_long = f->too_long,
        .no_memory = f->no_memory,
    };
    judge(f, &token->frame, body, n);
    f->state = OUTSIDE;
}

static void cut(struct astm_framer *f, struct astm_token *token)
{
    token->kind = ASTM_TOKEN_CUT;
    token->offset = f->start;
    token->text = f->slice ? f->slice : f->text.data;
    token->len = f->slice ? f->slice_len : f->text.len;
    f->state = OUTSIDE;
}

static size_t outside(struct astm_framer *f, const unsigned char *p, size_t n, struct astm_token *token)
{
    static const unsigned char kinds[] = {
        [ASTM_EOT] = ASTM_TOKEN_EOT,
        [ASTM_ENQ] = ASTM_TOKEN_ENQ,
        [ASTM_ACK] = ASTM_TOKEN_ACK,
        [ASTM_NAK] = ASTM_TOKEN_NAK,
    };
    size_t run = scan_link_control(p, n);
    token->offset = f->offset;
    if (run) {
        token->kind = ASTM_TOKEN_TEXT;
        token->text = p;
        token->len = run;
        return run;
    }
    if (*p == ASTM_STX) {
        reset(f);
        f->state = INSIDE;
        f->start = f->offset;
    } else {
        token->kind = (enum astm_token_kind)kinds[*p];
    }
    return 1;
}

static size_t inside(struct astm_framer *f, const unsigned char *p, size_t n, struct astm_token *token)
{
    size_t run = scan_frame_control(p, n);
    if (run)
        keep(f, p, run);
    if (run == n)
        return n;
    if (p[run] == ASTM_ETX || p[run] == ASTM_ETB) {
        f->end = p[run];
        f->state = TAIL;
        return run + 1;
    }
    cut(f, token);
    return run;
}

static int hexadecimal(unsigned char c)
{
    unsigned char lower = c | 0x20;
    return c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Behind ETX or ETB: takes what belongs to the frame, which EOT and ENQ cut off as long as its checksum is not there.
 */
static size_t tail(struct astm_framer *f, const unsigned char *p, size_t n, struct astm_token *token)
{
    for (size_t i = 0; i < n; i++) {
        int digit = hexadecimal(p[i]);
        if (!f->cr && f->digits < 2 && digit >= 0) {
            f->value = (unsigned char)(f->value << 4 | digit);
            f->digits++;
        } else if (p[i] == ASTM_CR) {
            f->cr = true;
        } else if (!ended(f) && (p[i] == ASTM_EOT || p[i] == ASTM_ENQ)) {
            cut(f, token);
            return i;
        } else {
            finish(f, token);
            return i + (p[i] == ASTM_LF);
        }
    }
    return n;
}

size_t astm_framer_push(struct astm_framer *f, const unsigned char *bytes, size_t n, int64_t now,
                        struct astm_token *token)
{
    size_t taken = 0;
    *token = (struct astm_token){.kind = ASTM_TOKEN_NONE};
    if (f->state == OUTSIDE && f->text.data)
        bytes_free(&f->text);
    while (taken < n && token->kind == ASTM_TOKEN_NONE) {
        const unsigned char *p = bytes + taken;
        size_t step = f->state == OUTSIDE  ? outside(f, p, n - taken, token)
                      : f->state == INSIDE ? inside(f, p, n - taken, token)
                                           : tail(f, p, n - taken, token);
        taken += step;
        f->offset += step;
    }
    if (f->state != OUTSIDE) {
        stash(f);
        f->heard = now;
    }
    return taken;
}

int64_t astm_framer_deadline(const struct astm_framer *f)
{
    return ended(f) ? f->heard + ASTM_TAIL_MS : INT64_MAX;
}

void astm_framer_tick(struct astm_framer *f, int64_t now, struct astm_token *token)
{
    *token = (struct astm_token){.kind = ASTM_TOKEN_NONE};
    if (now >= astm_framer_deadline(f))
        finish(f, token);
}

void astm_framer_eof(struct astm_framer *f, struct astm_token *token)
{
    *token = (struct astm_token){.kind = ASTM_TOKEN_NONE};
    if (ended(f))
        finish(f, token);
    else if (f->state != OUTSIDE)
        cut(f, token);
}

bool astm_framer_inside(const struct astm_framer *f)
{
    return f->state != OUTSIDE;
}

void astm_framer_free(struct astm_framer *f)
{
    reset(f);
}

void astm_frame_damage(const struct astm_frame *f, char *text, size_t size)
{
    bool fits = f->fits != ASTM_CHECKSUM_NONE;
    if (f->too_long || f->number < 0)
        snprintf(text, size, "malformed-frame %s",
                 f->no_memory  ? "memory is exhausted"
                 : f->too_long ? "more text than a message may have"
                               : "no frame number");
    else if (f->given < 0)
        snprintf(text, size, "bad-checksum frame %d: none given, computed %02X", f->number, (unsigned)f->computed);
    else
        snprintf(text, size, "bad-checksum frame %d: given %02X, computed %02X%s%s", f->number, (unsigned)f->given,
                 (unsigned)f->computed, fits ? "; it would fit --checksum " : "",
                 fits ? astm_checksum_name(f->fits) : "");
}

bool astm_frame_build(struct bytes *out, unsigned number, const unsigned char *text, size_t n, unsigned char end,
                      enum astm_checksum convention)
{
    static const char hex[] = "0123456789ABCDEF";
    if (!bytes_reserve(out, n + 7))
        return false;
    size_t start = out->len;
    unsigned char *p = out->data + start;
    *p++ = ASTM_STX;
    *p++ = (unsigned char)('0' + number % 8);
    if (n)
        memcpy(p, text, n);
    p += n;
    *p++ = end;
    if (convention != ASTM_CHECKSUM_NONE) {
        const unsigned char *body = out->data + start + 1;
        unsigned char sum = checksum(convention, body, n + 1, scan_sum(body, n + 1), end);
        *p++ = (unsigned char)hex[sum >> 4];
        *p++ = (unsigned char)hex[sum & 15];
    }
    *p++ = ASTM_CR;
    *p++ = ASTM_LF;
    out->len = (size_t)(p - out->data);
    return true;
}

size_t astm_frame_take(const unsigned char *text, size_t n, size_t size, bool whole, unsigned char *end)
{
    size_t unit = n;
    if (!whole) {
        const unsigned char *cr = memchr(text, ASTM_CR, n);
        if (cr)
            unit = (size_t)(cr - text) + 1;
    }
    *end = unit > size ? ASTM_ETB : ASTM_ETX;
    return unit > size ? size : unit;
}
