#include "hl7/header.h"

#include "base/digest.h"
#include "base/scan.h"
#include "base/utf8.h"

#include <string.h>

/* Sets in which a byte within a character may look like a separator. */
enum width { PAIRS, SHIFTED, ESCAPED, WIDTHS };

/* How MSH-18 names them. */
static const char *const names_of[WIDTHS][6] = {
    [PAIRS] = {"GB 18030", "GB18030", "GBK", "GB2312", "BIG-5", "BIG5"},
    [SHIFTED] = {"SHIFT", "Shift", "SJIS", "CP932"},
    [ESCAPED] = {"ISO IR87", "ISO IR159", "ISO-2022"},
};

/* How many bytes the character at p takes. */
static size_t character(enum width width, const unsigned char *p, size_t n)
{
    if (width == ESCAPED && n > 2 && p[0] == 0x1B && p[1] == '$') {
        const unsigned char *back = memchr(p + 2, 0x1B, n - 2);
        return back ? (size_t)(back - p) : n;
    }
    bool pair = width == PAIRS ? p[0] > 0x80 : width == SHIFTED && p[0] > 0x80 && (p[0] < 0xA0 || p[0] > 0xDF);
    return pair && n > 1 ? 2 : 1;
}

/* The fields from `number` on are absent. */
static void absent(struct hl7_header *h, size_t number, const unsigned char *end)
{
    for (; number <= HL7_MSH_FIELDS; number++)
        h->msh[number] = (struct hl7_slice){end, 0};
}

/* Splits the MSH segment where every separator is one. Returns the number of its last field, of those that are kept. */
static size_t split(struct hl7_header *h, struct hl7_slice segment)
{
    enum { FIRST = 2, MOST = HL7_MSH_FIELDS + 1 - FIRST };
    const unsigned char *p = segment.p + 4, *end = segment.p + segment.n;
    size_t at[MOST], n = scan_each(p, (size_t)(end - p), h->separators.field, at, MOST), begin = 0;
    for (size_t i = 0; i < n; i++) {
        h->msh[FIRST + i] = (struct hl7_slice){p + begin, at[i] - begin};
        begin = at[i] + 1;
    }
    if (n == MOST)
        return HL7_MSH_FIELDS;
    h->msh[FIRST + n] = (struct hl7_slice){p + begin, (size_t)(end - p) - begin};
    absent(h, FIRST + n + 1, end);
    return FIRST + n;
}

/* The same, where bytes within a character are none. */
static size_t split_wide(struct hl7_header *h, struct hl7_slice segment, enum width width)
{
    const unsigned char *p = segment.p + 4, *end = segment.p + segment.n;
    for (size_t number = 2;; number++) {
        size_t n = 0;
        while (p + n < end && p[n] != h->separators.field)
            n += number > 2 ? character(width, p + n, (size_t)(end - p) - n) : 1;
        h->msh[number] = (struct hl7_slice){p, n};
        p += n;
        if (p == end || number == HL7_MSH_FIELDS) {
            absent(h, number + 1, end);
            return number;
        }
        p++;
    }
}

static bool contains(struct hl7_slice text, const char *word)
{
    size_t n = strlen(word);
    for (size_t at = 0; at + n <= text.n; at++)
        if (memcmp(text.p + at, word, n) == 0)
            return true;
    return false;
}

static bool names(struct hl7_slice charset, enum width width)
{
    for (size_t i = 0; i < sizeof names_of[width] / sizeof *names_of[width] && names_of[width][i]; i++)
        if (contains(charset, names_of[width][i]))
            return true;
    return false;
}

/* Splits it as the set wants it that MSH-18 declares when it is split so. */
static size_t split_by_set(struct hl7_header *h, struct hl7_slice segment)
{
    bool plain = ascii_only(segment.p, segment.n) && !memchr(segment.p, 0x1B, segment.n);
    for (enum width width = PAIRS; !plain && width < WIDTHS; width++) {
        size_t last = split_wide(h, segment, width);
        if (names(h->msh[HL7_CHARSET], width))
            return last;
    }
    return split(h, segment);
}

static bool fail(struct hl7_header *h, enum hl7_error error, const char *why)
{
    h->error = error;
    h->why = why;
    return false;
}

/* There is no MSH. */
static bool fail_whole(struct hl7_header *h, struct hl7_slice text, const char *why)
{
    const unsigned char *nothing = (const unsigned char *)"";
    h->separators = hl7_separators_of(nothing, 0);
    h->rest = text;
    absent(h, 0, nothing);
    return fail(h, HL7_ERROR_SEQUENCE, why);
}

bool hl7_header_read(struct hl7_header *h, const unsigned char *text, size_t n)
{
    size_t at = 0;
    struct hl7_slice segment = {text, n};
    h->digested = false;
    if (!n)
        return fail_whole(h, segment, "the block is empty");
    if (n < 3 || memcmp(text, "MSH", 3) != 0)
        return fail_whole(h, segment, "it does not begin with MSH");
    if (!hl7_begins(text, n, "MSH"))
        return fail_whole(h, segment, "no field separator follows MSH");
    h->separators = hl7_separators_of(text, n);
    hl7_segment_next(text, n, &at, &segment);
    h->rest = (struct hl7_slice){text + at, n - at};
    h->msh[0] = (struct hl7_slice){text, 0};
    h->msh[1] = (struct hl7_slice){text + 3, 1};
    size_t last = split_by_set(h, segment);
    if (last < HL7_CONTROL_ID)
        return fail(h, HL7_ERROR_MISSING, "MSH ends before its control id (MSH-10)");
    if (!h->msh[HL7_MESSAGE_TYPE].n && !h->msh[HL7_CONTROL_ID].n)
        return fail(h, HL7_ERROR_MISSING, "MSH has neither message type nor control id");
    h->error = HL7_ERROR_NONE;
    h->why = NULL;
    return true;
}

struct hl7_slice hl7_header_type(const struct hl7_header *h, size_t number)
{
    struct hl7_slice first = hl7_part(h->msh[HL7_MESSAGE_TYPE], h->separators.repetition, 0);
    return hl7_part(first, h->separators.component, number - 1);
}

bool hl7_header_deferred(const struct hl7_header *h)
{
    return hl7_slice_is(hl7_header_type(h, 1), "DSR") && hl7_slice_is(hl7_header_type(h, 2), "Q03");
}

bool hl7_header_query(const struct hl7_header *h)
{
    struct hl7_slice type = hl7_header_type(h, 1);
    return hl7_slice_is(type, "QRY") || hl7_slice_is(type, "QBP");
}

const unsigned char *hl7_header_digest(struct hl7_header *h)
{
    if (!h->digested)
        digest_once(h->rest.p, h->rest.n, h->digest);
    h->digested = true;
    return h->digest;
}

void hl7_header_key(struct hl7_header *h, unsigned char key[16])
{
    static const size_t known_by[] = {HL7_SENDING_APPLICATION, HL7_SENDING_FACILITY, HL7_CONTROL_ID};
    unsigned char parts[128]; /* gathered, as far as there is room */
    size_t used = 0;
    struct digest d;
    digest_init(&d);
    for (size_t i = 0; i < 3; i++) {
        struct hl7_slice part = h->msh[known_by[i]];
        if (part.n >= sizeof parts - used) {
            digest_add(&d, parts, used);
            digest_add(&d, part.p, part.n);
            used = 0;
        } else {
            memcpy(parts + used, part.p, part.n);
            used += part.n;
        }
        parts[used++] = '\r';
    }
    digest_add(&d, parts, used);
    digest_add(&d, hl7_header_digest(h), 16);
    digest_end(&d, key);
}

enum hl7_condition hl7_condition_of(struct hl7_slice field)
{
    static const char *const names[] = {"", "AL", "NE", "ER", "SU"};
    if (!field.n)
        return HL7_CONDITION_NONE;
    for (size_t i = 1; i < sizeof names / sizeof *names; i++)
        if (hl7_slice_is(field, names[i]))
            return (enum hl7_condition)i;
    return HL7_CONDITION_ODD;
}

bool hl7_header_msa(const struct hl7_header *h, struct hl7_msa *msa)
{
    size_t at = 0;
    struct hl7_slice segment;
    while (hl7_segment_next(h->rest.p, h->rest.n, &at, &segment))
        if (hl7_segment_is(segment, "MSA", h->separators.field)) {
            msa->code = hl7_field(segment, &h->separators, 1);
            msa->control_id = hl7_field(segment, &h->separators, 2);
            msa->text = hl7_field(segment, &h->separators, 3);
            return true;
        }
    return false;
}
