#include "hl7/block.h"

#include "base/scan.h"
#include "hl7/segment.h"

enum {
    OUTSIDE,
    BEGINNING, /* outside, in what may be MSH and a field separator */
    INSIDE,
    LINE,     /* inside a message without VT, at the beginning of a line */
    AFTER_VT, /* inside, behind a VT */
    TAIL,     /* behind FS */

    HEAD = 4,       /* bytes: MSH and a field separator */
    STRETCH = 1024, /* bytes that are searched at a time, so that what is searched twice is bounded */
};

void hl7_block_init(struct hl7_block_reader *r, size_t max_message, bool strict)
{
    *r = (struct hl7_block_reader){.max_message = max_message, .allowance = SIZE_MAX, .strict = strict};
}

/* ---- the text of the block that is open ---- */

static size_t length(const struct hl7_block_reader *r)
{
    return r->slice ? r->slice_len : r->text.len;
}

static const unsigned char *text_of(const struct hl7_block_reader *r)
{
    return r->slice ? r->slice : r->text.data;
}

static void give(struct hl7_block_reader *r, struct hl7_token *token, enum hl7_token_kind kind)
{
    *token = (struct hl7_token){
        .kind = kind,
        .offset = r->start,
        .text = length(r) ? text_of(r) : (const unsigned char *)"",
        .len = length(r),
        .bare = r->bare,
        .fs_inside = r->fs_inside,
        .vt_inside = r->vt_inside,
    };
    r->given = true;
}

static void pass_limit(struct hl7_block_reader *r, bool no_memory, struct hl7_token *token)
{
    if (r->skipping)
        return;
    give(r, token, HL7_TOKEN_TOO_LONG);
    token->no_memory = no_memory;
    r->skipping = true;
}

/* Where the last message begins among those that begin lines within text[from..to); `from` when none does. */
static size_t last_message(const unsigned char *text, size_t from, size_t to)
{
    size_t last = from;
    for (size_t at = from; at < to; at++) {
        at += scan_line_end(text + at, to - at);
        if (at + 1 < to && hl7_begins(text + at + 1, to - at - 1, "MSH"))
            last = at + 1;
    }
    return last;
}

/* The limit counts from the beginning of the last message in the block. beyond: how many bytes behind it are looked at
 * before it counts as passed, for with them another message may begin. */
static void check_limits(struct hl7_block_reader *r, size_t beyond, struct hl7_token *token)
{
    size_t n = length(r), max = r->max_message;
    while (n - r->message > max && n - r->message - max > beyond) {
        size_t limit = r->message + max, to = n - limit < HEAD ? n : limit + HEAD;
        size_t last = last_message(text_of(r), r->message, to);
        if (last == r->message) {
            pass_limit(r, false, token);
            token->len = limit;
            return;
        }
        r->message = last;
    }
    if (n > r->allowance)
        pass_limit(r, true, token);
}

/* What lies in the caller's bytes is copied before they go. */
static void stash(struct hl7_block_reader *r, struct hl7_token *token)
{
    const unsigned char *p = r->slice;
    if (!p)
        return;
    if (!bytes_append(&r->text, p, r->slice_len)) {
        pass_limit(r, true, token);
        return;
    }
    r->slice = NULL;
    r->slice_len = 0;
}

/* Adds bytes that do not stay where they are. */
static void copy(struct hl7_block_reader *r, const unsigned char *p, size_t n, struct hl7_token *token)
{
    if (!r->skipping)
        stash(r, token);
    if (r->skipping)
        return;
    if (!bytes_append(&r->text, p, n))
        pass_limit(r, true, token);
    else
        check_limits(r, HEAD, token);
}

/* Adds a stretch of what is being pushed; it stays where it is as long as it is one stretch. */
static void keep(struct hl7_block_reader *r, const unsigned char *p, size_t n, struct hl7_token *token)
{
    if (r->skipping || !n)
        return;
    if (!r->slice && !r->text.len) {
        r->slice = p;
        r->slice_len = n;
    } else if (r->slice && r->slice + r->slice_len == p) {
        r->slice_len += n;
    } else {
        copy(r, p, n, token);
        return;
    }
    check_limits(r, HEAD, token);
}

static void forget_text(struct hl7_block_reader *r)
{
    bytes_free(&r->text);
    r->slice = NULL;
    r->slice_len = 0;
    r->message = 0;
}

/* ---- beginning and ending ---- */

static void begin(struct hl7_block_reader *r, bool bare, int64_t now)
{
    forget_text(r);
    r->fs_inside = r->vt_inside = r->skipping = r->begin = r->cr_due = r->lf_due = false;
    r->bare = bare;
    memset(r->first, '-', sizeof r->first);
    r->began = now;
    r->state = INSIDE;
}

/* A block whose first bytes are in head: its text begins with them. */
static void begin_with_head(struct hl7_block_reader *r, bool bare, int64_t now, struct hl7_token *token)
{
    size_t n = r->head_len;
    r->start = r->head_at;
    r->head_len = 0;
    begin(r, bare, now);
    copy(r, r->head, n, token);
}

/* The block that is open has come to its end. */
static void give_block(struct hl7_block_reader *r, bool with_cr, struct hl7_token *token)
{
    bool single = length(r) == 1 && !r->bare;
    check_limits(r, 0, token);
    if (token->kind != HL7_TOKEN_NONE)
        return;
    give(r, token, HL7_TOKEN_BLOCK);
    token->no_cr = !with_cr;
    if (single && *token->text == HL7_ACK)
        token->kind = HL7_TOKEN_COMMIT_ACK;
    else if (single && *token->text == HL7_NAK)
        token->kind = HL7_TOKEN_COMMIT_NAK;
}

/* The block that is open is over where one begins whose first bytes are in head. */
static void change_over(struct hl7_block_reader *r, bool bare, int64_t now, struct hl7_token *token)
{
    if (r->skipping) {
        begin_with_head(r, bare, now, token);
        return;
    }
    if (r->bare)
        give_block(r, false, token);
    else
        give(r, token, HL7_TOKEN_CUT);
    r->begin = true;
    r->begin_bare = bare;
    r->began = now;
    r->start = r->head_at;
}

/* Forgets what the last token was made of. */
static void settle(struct hl7_block_reader *r, int64_t now, struct hl7_token *token)
{
    *token = (struct hl7_token){.kind = HL7_TOKEN_NONE};
    if (r->given)
        forget_text(r);
    r->given = false;
    if (r->begin)
        begin_with_head(r, r->begin_bare, now, token);
}

static void finish(struct hl7_block_reader *r, bool with_cr, struct hl7_token *token)
{
    r->state = OUTSIDE;
    r->word = false;
    if (!r->skipping)
        give_block(r, with_cr, token);
    r->skipping = false;
}

/* ---- outside blocks ---- */

static bool blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\0' || c == '\r' || c == '\n';
}

static bool letter_or_digit(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static void add_noise(struct hl7_block_reader *r, const unsigned char *p, size_t n, uint64_t offset)
{
    if (!r->noise) {
        r->noise_at = offset;
        r->noise_blank = true;
    }
    for (size_t i = 0; i < n; i++, r->noise++) {
        if (r->noise < HL7_NOISE_SHOWN)
            r->noise_head[r->noise] = p[i];
        r->noise_blank = r->noise_blank && blank(p[i]);
    }
    r->word = letter_or_digit(p[n - 1]);
}

static void give_noise(struct hl7_block_reader *r, struct hl7_token *token)
{
    if (!r->noise)
        return;
    *token = (struct hl7_token){
        .kind = HL7_TOKEN_NOISE,
        .offset = r->noise_at,
        .text = r->noise_head,
        .len = r->noise,
        .blank = r->noise_blank,
    };
    r->noise = 0;
}

/* The end of the last block: CR, LF or CR LF, however late. */
static bool belongs_to_end(struct hl7_block_reader *r, unsigned char c)
{
    bool due = (c == '\r' && r->cr_due) || (c == '\n' && r->lf_due);
    r->cr_due = false;
    r->lf_due = due && c == '\r';
    return due;
}

/* Whether head and then c are the beginning of MSH, FHS or BHS and a field separator. */
static bool fits(const struct hl7_block_reader *r, unsigned char c)
{
    static const char *const names[] = {"MSH", "FHS", "BHS"};
    if (r->head_len == 3)
        return hl7_separator(c);
    for (size_t i = 0; i < 3; i++)
        if (memcmp(r->head, names[i], r->head_len) == 0 && (unsigned char)names[i][r->head_len] == c)
            return true;
    return false;
}

static size_t outside(struct hl7_block_reader *r, const unsigned char *p, size_t n, struct hl7_token *token)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == HL7_VT && r->noise) {
            give_noise(r, token);
            return i;
        }
        if (p[i] == HL7_VT) {
            r->start = r->offset + i;
            begin(r, false, r->heard);
            return i + 1;
        }
        r->head_len = 0;
        if (!r->word && fits(r, p[i])) {
            r->head_at = r->offset + i;
            r->state = BEGINNING;
            return i;
        }
        if (!belongs_to_end(r, p[i]))
            add_noise(r, p + i, 1, r->offset + i);
    }
    return n;
}

static size_t beginning(struct hl7_block_reader *r, unsigned char c, struct hl7_token *token)
{
    if (!fits(r, c)) {
        add_noise(r, r->head, r->head_len, r->head_at);
        r->state = OUTSIDE;
        return 0;
    }
    if (r->head_len == HEAD - 1 && r->noise) {
        give_noise(r, token);
        return 0;
    }
    r->head[r->head_len++] = c;
    if (r->head_len == HEAD)
        begin_with_head(r, true, r->heard, token);
    return 1;
}

/* ---- inside blocks ---- */

/* The first FS or VT. */
static size_t scan_block_control(const unsigned char *p, size_t n)
{
    for (size_t at = 0; at < n; at += STRETCH) {
        size_t part = n - at < STRETCH ? n - at : STRETCH;
        const unsigned char *fs = memchr(p + at, HL7_FS, part);
        const unsigned char *vt = memchr(p + at, HL7_VT, fs ? (size_t)(fs - p) - at : part);
        if (vt || fs)
            return (size_t)((vt ? vt : fs) - p);
    }
    return n;
}

/* The first line end behind which a message may begin; what follows the last byte is not known. */
static size_t scan_lines(const unsigned char *p, size_t n)
{
    size_t at = scan_line_end(p, n);
    while (at + 1 < n && p[at + 1] != 'M' && p[at + 1] != 'F' && p[at + 1] != 'B')
        at += 1 + scan_line_end(p + at + 1, n - at - 1);
    return at;
}

/* Where in the text of the block the byte at offset stands. */
static uint64_t place(const struct hl7_block_reader *r, uint64_t offset)
{
    return offset - r->start - !r->bare;
}

/* Whether the block is in UTF-16: then FS and VT may be one half of a character. */
static bool is_wide(const struct hl7_block_reader *r)
{
    static const unsigned char beginnings[][2] = {{0, 'M'}, {'M', 0}, {0xFE, 0xFF}, {0xFF, 0xFE}};
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (memcmp(r->first, beginnings[i], 2) == 0)
            return !r->bare;
    return false;
}

static void remember_first(struct hl7_block_reader *r, const unsigned char *p, size_t n)
{
    for (uint64_t at = place(r, r->offset); at < 2 && n; at++, n--)
        r->first[at] = *p++;
}

static size_t inside(struct hl7_block_reader *r, const unsigned char *p, size_t n, struct hl7_token *token)
{
    remember_first(r, p, n);
    if (r->bare && n > STRETCH)
        n = STRETCH;
    size_t limit = r->bare ? scan_lines(p, n) : n, run = scan_block_control(p, limit);
    if (run == limit && limit < n) {
        keep(r, p, run + 1, token);
        r->state = LINE;
        r->head_len = 0;
        return run + 1;
    }
    if (run < n && is_wide(r) && (p[run] == HL7_VT || place(r, r->offset + run) % 2)) {
        keep(r, p, run + 1, token);
        return run + 1;
    }
    keep(r, p, run, token);
    if (run == n || token->kind != HL7_TOKEN_NONE)
        return run;
    r->state = p[run] == HL7_FS ? TAIL : AFTER_VT;
    r->head_len = 0;
    r->head_at = r->offset + run;
    return run + 1;
}

static size_t begin_line(struct hl7_block_reader *r, unsigned char c, struct hl7_token *token)
{
    if (!fits(r, c)) {
        r->state = INSIDE;
        if (r->head_len)
            copy(r, r->head, r->head_len, token);
        return 0;
    }
    if (!r->head_len)
        r->head_at = r->offset;
    r->head[r->head_len++] = c;
    if (r->head_len == HEAD)
        change_over(r, true, r->heard, token);
    return 1;
}

static void vt_is_data(struct hl7_block_reader *r, struct hl7_token *token)
{
    const unsigned char vt = HL7_VT;
    r->state = INSIDE;
    r->vt_inside = true;
    copy(r, &vt, 1, token);
    copy(r, r->head, r->head_len, token);
}

static size_t after_vt(struct hl7_block_reader *r, unsigned char c, struct hl7_token *token)
{
    if (!fits(r, c)) {
        vt_is_data(r, token);
        return 0;
    }
    r->head[r->head_len++] = c;
    if (r->head_len == 3)
        change_over(r, false, r->heard, token);
    return 1;
}

static size_t tail(struct hl7_block_reader *r, unsigned char c, struct hl7_token *token)
{
    const unsigned char fs = HL7_FS;
    bool wide = is_wide(r);
    if (c == '\r' || (!r->strict && !wide && (c == '\n' || c == '\0' || c == HL7_VT))) {
        finish(r, c == '\r', token);
        r->cr_due = c == '\0';
        r->lf_due = c == '\0' || c == '\r';
        return c != HL7_VT;
    }
    r->fs_inside |= !wide;
    r->state = INSIDE;
    copy(r, &fs, 1, token);
    return 0;
}

static size_t step(struct hl7_block_reader *r, const unsigned char *p, size_t n, struct hl7_token *token)
{
    switch (r->state) {
    case OUTSIDE:
        return outside(r, p, n, token);
    case BEGINNING:
        return beginning(r, *p, token);
    case INSIDE:
        return inside(r, p, n, token);
    case LINE:
        return begin_line(r, *p, token);
    case AFTER_VT:
        return after_vt(r, *p, token);
    default:
        return tail(r, *p, token);
    }
}

size_t hl7_block_push(struct hl7_block_reader *r, const unsigned char *bytes, size_t n, int64_t now,
                      struct hl7_token *token)
{
    size_t taken = 0;
    settle(r, now, token);
    if (n)
        r->heard = now;
    while (taken < n && token->kind == HL7_TOKEN_NONE) {
        size_t some = step(r, bytes + taken, n - taken, token);
        taken += some;
        r->offset += some;
    }
    if (token->kind == HL7_TOKEN_NONE)
        stash(r, token);
    return taken;
}

int64_t hl7_block_deadline(const struct hl7_block_reader *r)
{
    if (r->begin)
        return r->begin_bare ? r->heard + HL7_SILENCE_MS : INT64_MAX;
    if (r->state == TAIL)
        return r->strict ? INT64_MAX : r->heard + HL7_TAIL_MS;
    bool waits = r->state == OUTSIDE ? r->noise != 0 : r->state == BEGINNING || r->bare;
    return waits ? r->heard + HL7_SILENCE_MS : INT64_MAX;
}

/* Nothing follows: what may have been the beginning of a message is none. */
static void settle_head(struct hl7_block_reader *r, struct hl7_token *token)
{
    if (r->state == BEGINNING) {
        add_noise(r, r->head, r->head_len, r->head_at);
        r->state = OUTSIDE;
    } else if (r->state == LINE) {
        r->state = INSIDE;
        copy(r, r->head, r->head_len, token);
    } else if (r->state == AFTER_VT) {
        vt_is_data(r, token);
    }
}

/* No more bytes come: a block that is open ends. */
static void end(struct hl7_block_reader *r, struct hl7_token *token)
{
    settle_head(r, token);
    if (r->state == OUTSIDE) {
        give_noise(r, token);
        r->word = false;
    } else if (token->kind == HL7_TOKEN_NONE) {
        bool whole = r->bare || (r->state == TAIL && !r->strict);
        finish(r, false, token);
        if (!whole && token->kind == HL7_TOKEN_BLOCK)
            token->kind = HL7_TOKEN_CUT;
    }
}

void hl7_block_tick(struct hl7_block_reader *r, int64_t now, struct hl7_token *token)
{
    if (now < hl7_block_deadline(r)) {
        *token = (struct hl7_token){.kind = HL7_TOKEN_NONE};
        return;
    }
    settle(r, now, token);
    r->cr_due = r->lf_due = r->state == TAIL;
    end(r, token);
}

void hl7_block_eof(struct hl7_block_reader *r, struct hl7_token *token)
{
    settle(r, r->heard, token);
    end(r, token);
}

void hl7_block_refuse(struct hl7_block_reader *r, struct hl7_token *token)
{
    settle(r, r->heard, token);
    if (r->state > BEGINNING)
        pass_limit(r, false, token);
}

void hl7_block_resume(struct hl7_block_reader *r, int64_t now)
{
    r->heard = r->began = now;
}

bool hl7_block_take(struct hl7_block_reader *r, struct hl7_token *token, struct bytes *to)
{
    if (token->text == r->text.data && r->text.data) {
        bytes_free(to);
        *to = r->text;
        r->text = (struct bytes){0};
        to->len = token->len;
    } else if (!bytes_append(to, token->text, token->len)) {
        return false;
    }
    token->text = to->data;
    return true;
}

bool hl7_block_inside(const struct hl7_block_reader *r)
{
    return r->begin || (r->state > BEGINNING && !r->skipping);
}

void hl7_block_free(struct hl7_block_reader *r)
{
    forget_text(r);
    r->state = OUTSIDE;
    r->given = r->begin = r->skipping = false;
}

bool hl7_block_build(struct bytes *out, const unsigned char *text, size_t n)
{
    if (n > SIZE_MAX - 3 || !bytes_reserve(out, n + 3))
        return false;
    unsigned char *p = out->data + out->len;
    *p = HL7_VT;
    if (n)
        memcpy(p + 1, text, n);
    p[n + 1] = HL7_FS;
    p[n + 2] = '\r';
    out->len += n + 3;
    return true;
}

bool hl7_block_fits(const unsigned char *text, size_t n)
{
    return scan_block_control(text, n) == n;
}
