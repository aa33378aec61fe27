#include "hl7/charset.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { ESCAPE = 0x1B };

static const struct hl7_slice nothing = {(const unsigned char *)"", 0};

/* ---- what MSH-18 names ---- */

/* Names of table 0211, and of its like, that charset_open does not know or knows otherwise. */
static const struct {
    const char *name, *set;
} names[] = {
    {"ISO IR13", "Shift_JIS"},    {"ISO IR14", "Shift_JIS"},   {"ISO IR87", "US-ASCII"},    {"ISO IR159", "US-ASCII"},
    {"ISO IR101", "ISO-8859-2"},  {"ISO IR109", "ISO-8859-3"}, {"ISO IR110", "ISO-8859-4"}, {"ISO IR144", "ISO-8859-5"},
    {"ISO IR127", "ISO-8859-6"},  {"ISO IR126", "ISO-8859-7"}, {"ISO IR138", "ISO-8859-8"}, {"ISO IR148", "ISO-8859-9"},
    {"ISO IR166", "TIS-620"},     {"ISO IR149", "EUC-KR"},     {"ISO IR58", "GB2312"},      {"KS X 1001", "EUC-KR"},
    {"CNS 11643-1992", "EUC-TW"}, {"ISO IR192", "UTF-8"},      {"UNICODE", "UTF-8"},
};

static bool blank(unsigned char c)
{
    return c == ' ' || c == '\t';
}

/* Copies a name without the blanks around it. False when it is empty, too long, or no printable ASCII. */
static bool copy_name(struct hl7_slice text, char name[HL7_CHARSET_NAME])
{
    while (text.n && blank(text.p[text.n - 1]))
        text.n--;
    while (text.n && blank(*text.p)) {
        text.p++;
        text.n--;
    }
    if (!text.n || text.n >= HL7_CHARSET_NAME)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < ' ' || text.p[i] > '~')
            return false;
    memcpy(name, text.p, text.n);
    name[text.n] = '\0';
    return true;
}

/* Sets whose characters have two bytes or more, all of them, cannot be it: MSH was read byte by byte. */
static bool open_named(struct charset *set, const char *name)
{
    const char *wanted = name;
    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(name, names[i].name) == 0)
            wanted = names[i].set;
    if (!charset_open(set, wanted))
        return false;
    if (set->kind != CHARSET_ICONV || set->unit == 1)
        return true;
    charset_close(set);
    return false;
}

enum declaration { NONE, KNOWN, UNKNOWN };

/* Opens the first set that MSH-18 names, unless it is open from the message before. */
static enum declaration open_declared(struct hl7_charset *c, struct hl7_slice first)
{
    char name[HL7_CHARSET_NAME] = "";
    bool good = copy_name(first, name);
    if (!first.n)
        return NONE;
    if (!good || strcmp(name, c->declared_name) != 0) {
        charset_close(&c->declared);
        c->declared_known = good && open_named(&c->declared, name);
        memcpy(c->declared_name, name, sizeof name);
    }
    return c->declared_known ? KNOWN : UNKNOWN;
}

/* ---- switching [ISO 2022] ---- */

enum form {
    BASE,     /* back to the set of the message */
    RIGHT,    /* ISO 8859: the bytes above 9F are of the set; those below 80 are ASCII */
    WHOLE,    /* the bytes are of the set as they stand */
    PAIRS,    /* pairs of seven bits: of the set with the eighth bit on */
    PAIRS_8F, /* the same, and 8F before each pair */
    KANA,     /* single bytes of seven bits: with the eighth bit on, and 8E before each */
};

enum { EUC_JP, EUC_KR, GB2312, EUC_TW, SHIFT_JIS };

static const char *const shifted_names[HL7_CHARSET_SHIFTS] = {
    [EUC_JP] = "EUC-JP", [EUC_KR] = "EUC-KR", [GB2312] = "GB2312", [EUC_TW] = "EUC-TW", [SHIFT_JIS] = "Shift_JIS",
};

struct shift {
    const char *escape; /* what follows ESC */
    enum form form;
    int set;
    const char *name; /* RIGHT: of the set. Else for the envelope */
};

static const struct shift shifts[] = {
    {"(B", BASE, 0, NULL},
    {"(J", BASE, 0, NULL},
    {"$B", PAIRS, EUC_JP, "ISO-2022-JP"},
    {"$@", PAIRS, EUC_JP, "ISO-2022-JP"},
    {"$(B", PAIRS, EUC_JP, "ISO-2022-JP"},
    {"$(@", PAIRS, EUC_JP, "ISO-2022-JP"},
    {"$(D", PAIRS_8F, EUC_JP, "ISO-2022-JP-2"},
    {"(I", KANA, EUC_JP, "ISO-2022-JP-3"},
    {")I", WHOLE, SHIFT_JIS, NULL},
    {"$)C", WHOLE, EUC_KR, "EUC-KR"},
    {"$(C", PAIRS, EUC_KR, "ISO-2022-JP-2"},
    {"$)A", WHOLE, GB2312, "GB2312"},
    {"$(A", PAIRS, GB2312, "ISO-2022-JP-2"},
    {"$A", PAIRS, GB2312, "ISO-2022-JP-2"},
    {"$)G", WHOLE, EUC_TW, "EUC-TW"},
    {"$(G", PAIRS, EUC_TW, "EUC-TW"},
    {"-A", RIGHT, 0, "ISO-8859-1"},
    {"-B", RIGHT, 0, "ISO-8859-2"},
    {"-C", RIGHT, 0, "ISO-8859-3"},
    {"-D", RIGHT, 0, "ISO-8859-4"},
    {"-F", RIGHT, 0, "ISO-8859-7"},
    {"-G", RIGHT, 0, "ISO-8859-6"},
    {"-H", RIGHT, 0, "ISO-8859-8"},
    {"-L", RIGHT, 0, "ISO-8859-5"},
    {"-M", RIGHT, 0, "ISO-8859-9"},
    {"-T", RIGHT, 0, "TIS-620"},
    {"-b", RIGHT, 0, "ISO-8859-15"},
};

/* The switch at p, where *p is ESC; NULL when it is none that is known. */
static const struct shift *shift_at(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < COUNT(shifts); i++) {
        size_t len = strlen(shifts[i].escape);
        if (n > len && memcmp(p + 1, shifts[i].escape, len) == 0)
            return &shifts[i];
    }
    return NULL;
}

/* The set that is switched to; NULL where it is not to be had. */
static struct charset *shifted_set(struct hl7_charset *c, const struct shift *shift)
{
    if (shift->form == RIGHT) {
        if (strcmp(c->right_name, shift->name) != 0) {
            charset_close(&c->right);
            bool known = charset_open(&c->right, shift->name);
            snprintf(c->right_name, sizeof c->right_name, "%s", known ? shift->name : "");
        }
        return c->right_name[0] ? &c->right : NULL;
    }
    if (!c->shifted_tried[shift->set])
        c->shifted_known[shift->set] = charset_open(&c->shifted[shift->set], shifted_names[shift->set]);
    c->shifted_tried[shift->set] = true;
    return c->shifted_known[shift->set] ? &c->shifted[shift->set] : NULL;
}

static bool graphic(unsigned char byte)
{
    return byte > 0x20 && byte < 0x7F;
}

/* Bytes of seven bits as the set has them in eight, into c->scratch. */
static bool widen(struct hl7_charset *c, enum form form, struct hl7_slice text)
{
    if (text.n > SIZE_MAX / 2 || !bytes_reserve(&c->scratch, 2 * text.n))
        return false;
    unsigned char *o = c->scratch.data;
    for (size_t i = 0; i < text.n; i++) {
        bool pair = form != KANA && i + 1 < text.n && graphic(text.p[i + 1]);
        if (!graphic(text.p[i]) || (form != KANA && !pair)) {
            *o++ = text.p[i];
            continue;
        }
        if (form != PAIRS)
            *o++ = form == KANA ? 0x8E : 0x8F;
        *o++ = text.p[i] | 0x80;
        if (pair)
            *o++ = text.p[++i] | 0x80;
    }
    c->scratch.len = (size_t)(o - c->scratch.data);
    return true;
}

static enum charset_result read_shifted(struct hl7_charset *c, const struct shift *shift, struct hl7_slice text,
                                        struct bytes *out)
{
    bool base = !shift || shift->form == BASE;
    struct charset *set = base ? c->base : shifted_set(c, shift);
    if (!set)
        return charset_to_utf8(&(struct charset){.kind = CHARSET_ASCII}, text.p, text.n, out) == CHARSET_NOMEM
                   ? CHARSET_NOMEM
                   : CHARSET_REPLACED;
    if (base || shift->form == RIGHT || shift->form == WHOLE)
        return charset_to_utf8(set, text.p, text.n, out);
    if (!widen(c, shift->form, text))
        return CHARSET_NOMEM;
    return charset_to_utf8(set, c->scratch.data, c->scratch.len, out);
}

/* How many bytes come before the next switch, or the end of the segment, which ends what was switched. */
static size_t stretch(const unsigned char *p, size_t n, bool switched)
{
    for (size_t i = 0; i < n; i++)
        if ((p[i] == ESCAPE && shift_at(p + i, n - i)) || (switched && p[i] == '\r'))
            return i;
    return n;
}

static enum charset_result read_switching(struct hl7_charset *c, struct hl7_slice text, struct bytes *out)
{
    enum charset_result result = CHARSET_OK;
    const struct shift *shift = NULL;
    const unsigned char *p = text.p, *end = text.p + text.n;
    while (p < end) {
        size_t n = stretch(p, (size_t)(end - p), shift != NULL);
        enum charset_result part = read_shifted(c, shift, (struct hl7_slice){p, n}, out);
        if (part == CHARSET_NOMEM)
            return part;
        if (part == CHARSET_REPLACED)
            result = part;
        p += n;
        shift = p < end && *p == ESCAPE ? shift_at(p, (size_t)(end - p)) : NULL;
        if (!shift)
            continue;
        p += 1 + strlen(shift->escape);
        if (shift->form != RIGHT && shift->name)
            c->name = shift->name;
    }
    return result;
}

static enum charset_result read_text(struct hl7_charset *c, struct hl7_slice text, struct bytes *out)
{
    size_t before = out->len;
    enum charset_result result =
        c->switches ? read_switching(c, text, out) : charset_to_utf8(c->base, text.p, text.n, out);
    if (result == CHARSET_NOMEM)
        out->len = before;
    return result;
}

enum charset_result hl7_charset_bytes(struct hl7_charset *c, struct hl7_slice bytes, struct bytes *out)
{
    const char *name = c->name;
    enum charset_result result = read_text(c, bytes, out);
    c->name = name;
    return result;
}

/* ---- deciding ---- */

/* Whether there is a byte from 80 to 9F: control characters in ISO 8859, which nobody sends. */
static bool has_c1(struct hl7_slice text)
{
    size_t i = 0;
    while (i < text.n) {
        i += ascii_run(text.p + i, text.n - i);
        for (; i < text.n && text.p[i] >= 0x80; i++)
            if (text.p[i] < 0xA0)
                return true;
    }
    return false;
}

/* The set is what the bytes look like. */
static void fall_back(struct hl7_charset *c, struct hl7_slice text)
{
    bool utf8 = utf8_valid(text.p, text.n);
    charset_open(&c->fallback, utf8 ? "UTF-8" : has_c1(text) ? "windows-1252" : "ISO-8859-1");
    c->base = &c->fallback;
}

static void set_name(struct hl7_charset *c)
{
    bool utf8 = c->base->kind == CHARSET_UTF8 || c->base->kind == CHARSET_ASCII;
    c->name = utf8 ? NULL : charset_name(c->base);
}

static void add_note(struct hl7_charset *c, enum declaration declaration)
{
    const char *read_as = charset_name(c->base);
    if (declaration == NONE)
        snprintf(c->note, sizeof c->note, "charset MSH-18 is empty: read as %s", read_as);
    else
        snprintf(c->note, sizeof c->note, "charset MSH-18 '%s' %s: read as %s", c->declared_name,
                 declaration == UNKNOWN ? "is not known here" : "is not what was sent", read_as);
}

/* Whether bytes above 7F may be of the set, as far as that can be told without reading them. */
static bool may_fit(const struct charset *set, struct hl7_slice text)
{
    switch (set->kind) {
    case CHARSET_UTF8:
        return utf8_valid(text.p, text.n);
    case CHARSET_ASCII:
        return false;
    case CHARSET_LATIN1:
        return !has_c1(text);
    default:
        return true;
    }
}

static bool has_alternates(struct hl7_slice declared, struct hl7_slice first)
{
    char name[HL7_CHARSET_NAME];
    return declared.n > first.n + 1 ||
           (copy_name(first, name) && (strcmp(name, "ISO IR87") == 0 || strcmp(name, "ISO IR159") == 0));
}

static bool replaced(struct hl7_charset *c)
{
    snprintf(c->note, sizeof c->note, "charset bytes that are not in %s were replaced",
             c->name ? c->name : charset_name(c->base));
    return true;
}

/* Reads the text as c->base and c->switches say. */
static bool read_as_decided(struct hl7_charset *c, struct hl7_slice text, struct bytes *out, bool *as_is)
{
    set_name(c);
    *as_is = !c->switches && c->base->kind == CHARSET_UTF8 && utf8_valid(text.p, text.n);
    if (*as_is)
        return true;
    enum charset_result result = read_text(c, text, out);
    return result == CHARSET_OK || (result == CHARSET_REPLACED && replaced(c));
}

/* Reads the text as what it looks like. Where that is more than ASCII it is its set, whatever else it switches to. */
static bool read_fallen_back(struct hl7_charset *c, enum declaration declaration, struct hl7_slice text,
                             struct bytes *out, bool *as_is)
{
    fall_back(c, text);
    add_note(c, declaration);
    bool fine = read_as_decided(c, text, out, as_is);
    if (!ascii_only(text.p, text.n))
        set_name(c);
    return fine;
}

/* Reads the text as MSH-18 says; where that cannot be, as what it looks like. */
static bool read_declared(struct hl7_charset *c, enum declaration declaration, struct hl7_slice text, struct bytes *out,
                          bool *as_is)
{
    size_t before = out->len;
    set_name(c);
    if (c->switches || may_fit(c->base, text)) {
        *as_is = !c->switches && c->base->kind == CHARSET_UTF8;
        enum charset_result result = *as_is ? CHARSET_OK : read_text(c, text, out);
        if (result != CHARSET_REPLACED)
            return result == CHARSET_OK;
        if (c->base->kind == CHARSET_ICONV && !utf8_valid(text.p, text.n))
            return replaced(c);
    }
    out->len = before;
    return read_fallen_back(c, declaration, text, out, as_is);
}

bool hl7_charset_read(struct hl7_charset *c, struct charset *forced, struct hl7_slice declared,
                      unsigned char repetition, struct hl7_slice text, struct bytes *out, bool *as_is)
{
    bool ascii = ascii_only(text.p, text.n);
    c->note[0] = '\0';
    c->switches = false;
    c->fallback = (struct charset){0};
    if (forced) {
        c->base = forced;
        if (!ascii || (forced->kind == CHARSET_ICONV && !forced->plain_ascii))
            return read_as_decided(c, text, out, as_is);
        set_name(c);
        *as_is = true;
        return true;
    }
    struct hl7_slice first = declared.n ? hl7_part(declared, repetition, 0) : nothing;
    enum declaration declaration = open_declared(c, first);
    c->base = declaration == KNOWN ? &c->declared : &c->fallback;
    c->switches = c->base->kind != CHARSET_UTF8 || declaration == NONE;
    c->switches = c->switches && has_alternates(declared, first) && memchr(text.p, ESCAPE, text.n);
    if (declaration == UNKNOWN)
        return read_fallen_back(c, UNKNOWN, text, out, as_is);
    if (ascii && !c->switches && (c->base->kind != CHARSET_ICONV || c->base->plain_ascii)) {
        set_name(c);
        *as_is = true;
        return true;
    }
    if (declaration == NONE)
        charset_open(&c->fallback, "US-ASCII");
    return read_declared(c, declaration, text, out, as_is);
}

void hl7_charset_close(struct hl7_charset *c)
{
    charset_close(&c->declared);
    charset_close(&c->right);
    for (size_t i = 0; i < HL7_CHARSET_SHIFTS; i++)
        charset_close(&c->shifted[i]);
    bytes_free(&c->scratch);
    bytes_free(&c->resolved);
    *c = (struct hl7_charset){0};
}
