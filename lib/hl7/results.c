#include "hl7/results.h"

#include "hl7/escape.h"
#include "hl7/header.h"
#include "hl7/value.h"

static const struct hl7_slice nothing = {(const unsigned char *)"", 0};

static const struct get_path specimen_paths[] = {
    {.name = "SPM", .field = 2, .component = 1, .subcomponent = 1},
    {.name = "SPM", .field = 2, .component = 2, .subcomponent = 1},
    {.name = "SAC", .field = 3, .component = 1, .subcomponent = 1},
    {.name = "OBR", .field = 3, .component = 1, .subcomponent = 1},
    {.name = "OBR", .field = 2, .component = 1, .subcomponent = 1},
};

const struct hl7_specimen hl7_specimen_default = {specimen_paths, sizeof specimen_paths / sizeof *specimen_paths};

/* ---- parts ---- */

/* The explicit null is nothing. */
static struct hl7_slice there(struct hl7_slice text)
{
    return hl7_is_null(text) ? nothing : text;
}

static struct hl7_slice either(struct hl7_slice a, struct hl7_slice b)
{
    return a.n ? a : b;
}

static struct hl7_slice first_repetition(const struct hl7_results *s, struct hl7_slice field)
{
    return hl7_part(field, s->separators->repetition, 0);
}

/* A component of the first repetition, counted from 1. */
static struct hl7_slice component(const struct hl7_results *s, struct hl7_slice field, size_t number)
{
    return there(hl7_part(first_repetition(s, field), s->separators->component, number - 1));
}

/* The component of that number; where there is none, the other one. */
static struct hl7_slice either_component(const struct hl7_results *s, struct hl7_slice field, size_t number,
                                         size_t other)
{
    struct hl7_slice text = component(s, field, number);
    return text.n ? text : component(s, field, other);
}

/* The same of an identifier: its first subcomponent. */
static struct hl7_slice identifier(const struct hl7_results *s, struct hl7_slice field, size_t number)
{
    return there(hl7_part(component(s, field, number), s->separators->subcomponent, 0));
}

static struct hl7_slice field(const struct hl7_results *s, struct hl7_slice segment, size_t number)
{
    return segment.n ? there(hl7_field(segment, s->separators, number)) : nothing;
}

/* The fields of a segment other than MSH, from 1 on; those that are not there are empty. */
static void split(const struct hl7_results *s, struct hl7_slice segment, struct hl7_slice *fields, size_t n)
{
    const unsigned char *p = segment.p, *end = segment.p + segment.n;
    for (size_t i = 0; i < n; i++) {
        const unsigned char *stop = p ? memchr(p, s->separators->field, (size_t)(end - p)) : NULL;
        fields[i] = p ? (struct hl7_slice){p, (size_t)((stop ? stop : end) - p)} : nothing;
        p = stop ? stop + 1 : NULL;
    }
}

static bool is(const struct hl7_results *s, struct hl7_slice segment, const char *name)
{
    return (segment.n == 3 && memcmp(segment.p, name, 3) == 0) || hl7_segment_is(segment, name, s->separators->field);
}

static bool has(struct hl7_slice text, unsigned char c)
{
    return c && text.n && memchr(text.p, c, text.n);
}

/* ---- what governs results ---- */

void hl7_results_begin(struct hl7_results *s, const struct hl7_separators *separators, struct hl7_charset *charset,
                       const struct hl7_specimen *specimen)
{
    *s = (struct hl7_results){.separators = separators, .charset = charset};
    s->specimen = specimen ? specimen : &hl7_specimen_default;
    s->msh = s->pid = s->orc = s->obr = s->spm = s->sac = s->next_orc = nothing;
}

/* What comes before the first OBR of a patient. */
static void scout(struct hl7_results *s, struct hl7_slice following)
{
    size_t at = 0;
    struct hl7_slice segment;
    s->specimen_first = s->orc_first = false;
    while (hl7_segment_next(following.p, following.n, &at, &segment)) {
        if (is(s, segment, "OBR") || is(s, segment, "PID"))
            return;
        s->specimen_first |= is(s, segment, "SPM") || is(s, segment, "SAC");
        s->orc_first |= is(s, segment, "ORC");
    }
}

static void take_header(struct hl7_results *s, struct hl7_slice segment, struct hl7_slice following)
{
    struct hl7_slice mode = hl7_field(segment, s->separators, HL7_APPLICATION_CONDITION);
    enum hl7_condition accept = hl7_condition_of(hl7_field(segment, s->separators, HL7_ACCEPT_CONDITION));
    bool original = accept == HL7_CONDITION_NONE || accept == HL7_CONDITION_ODD;
    s->msh = segment;
    s->qc = original && (hl7_slice_is(mode, "1") || hl7_slice_is(mode, "2"));
    scout(s, following);
}

static void take_patient(struct hl7_results *s, struct hl7_slice segment, struct hl7_slice following)
{
    s->pid = segment;
    s->orc = s->obr = s->spm = s->sac = s->next_orc = nothing;
    scout(s, following);
}

/* The first SPM and SAC up to the next order or patient. */
static void find_specimen(struct hl7_results *s, struct hl7_slice following)
{
    size_t at = 0;
    struct hl7_slice segment;
    s->spm = s->sac = nothing;
    while (hl7_segment_next(following.p, following.n, &at, &segment)) {
        if (is(s, segment, "OBR") || is(s, segment, "PID"))
            return;
        if (!s->spm.n && is(s, segment, "SPM"))
            s->spm = segment;
        else if (!s->sac.n && is(s, segment, "SAC"))
            s->sac = segment;
    }
}

static void take_order(struct hl7_results *s, struct hl7_slice segment, struct hl7_slice following)
{
    s->obr = segment;
    s->orc = s->next_orc;
    s->next_orc = nothing;
    if (!s->specimen_first)
        find_specimen(s, following);
}

/* Of the order before it, or the beginning of a new one. */
static void take_common_order(struct hl7_results *s, struct hl7_slice segment)
{
    s->orc = segment;
    if (!s->orc_first && s->obr.n)
        return;
    s->next_orc = segment;
    s->obr = nothing;
    if (!s->specimen_first)
        s->spm = s->sac = nothing;
}

static void take_specimen(struct hl7_results *s, struct hl7_slice segment)
{
    if (!s->specimen_first)
        return;
    s->spm = segment;
    s->sac = s->obr = s->orc = s->next_orc = nothing;
}

bool hl7_results_take(struct hl7_results *s, struct hl7_slice segment, struct hl7_slice following)
{
    if (is(s, segment, "OBX"))
        return true;
    s->said.known = false;
    if (is(s, segment, "OBR"))
        take_order(s, segment, following);
    else if (is(s, segment, "ORC"))
        take_common_order(s, segment);
    else if (is(s, segment, "SPM"))
        take_specimen(s, segment);
    else if (is(s, segment, "SAC") && s->specimen_first)
        s->sac = segment;
    else if (is(s, segment, "PID"))
        take_patient(s, segment, following);
    else if (!s->msh.n && is(s, segment, "MSH"))
        take_header(s, segment, following);
    return false;
}

/* ---- what that says ---- */

static struct hl7_slice governing(const struct hl7_results *s, const char *name)
{
    const struct hl7_slice all[] = {s->spm, s->sac, s->obr, s->orc, s->pid};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (is(s, all[i], name))
            return all[i];
    return nothing;
}

static struct hl7_slice specimen_id(const struct hl7_results *s)
{
    struct hl7_slice id = nothing;
    for (size_t i = 0; i < s->specimen->count && !id.n; i++) {
        struct hl7_slice segment = governing(s, s->specimen->path[i].name);
        if (segment.n)
            id = there(hl7_get_slice(segment, s->separators, &s->specimen->path[i]));
    }
    return id;
}

static void say(struct hl7_results *s)
{
    struct hl7_slice list = identifier(s, field(s, s->pid, 3), 1), old = identifier(s, field(s, s->pid, 2), 1);
    s->said.known = true;
    s->said.instrument = identifier(s, field(s, s->msh, HL7_SENDING_APPLICATION), 1);
    s->said.patient_id = either(list, old);
    s->said.patient_name = first_repetition(s, field(s, s->pid, 5));
    s->said.specimen_id = specimen_id(s);
    s->said.placer_id = identifier(s, field(s, s->obr, 2), 1);
    s->said.filler_id = identifier(s, field(s, s->obr, 3), 1);
    s->said.order_id = either(identifier(s, field(s, s->orc, 2), 1), s->said.placer_id);
    s->said.observed = component(s, field(s, s->obr, 7), 1);
    s->said.qc = s->qc || hl7_slice_is(component(s, field(s, s->spm, 11), 1), "Q");
}

/* ---- a result ---- */

struct filling {
    const struct hl7_results *s;
    struct result *r;
};

static bool unescape(const struct filling *f, struct hl7_slice text)
{
    return hl7_unescape(f->s->separators, f->s->charset, text, &f->r->text);
}

/* The text of a slice, escapes resolved, under that key. */
static bool put(const struct filling *f, enum result_key key, struct hl7_slice text)
{
    size_t from = f->r->text.len;
    return unescape(f, text) && result_take(f->r, key, from);
}

static bool set(struct result *r, enum result_key key, const char *text)
{
    return !text || result_set(r, key, text, strlen(text));
}

/* The first of several parts, which is cut off their front. False when there is none any more: they are empty, or have
 * been told so by *more. */
static bool next_part(struct hl7_slice *rest, unsigned char separator, struct hl7_slice *part, bool *more)
{
    if (!*more)
        return false;
    *part = hl7_part(*rest, separator, 0);
    *more = part->n < rest->n;
    rest->p += part->n + *more;
    rest->n -= part->n + *more;
    return true;
}

static bool put_envelope(const struct filling *f, const struct envelope *e)
{
    return set(f->r, RESULT_PROTOCOL, "hl7") && set(f->r, RESULT_MESSAGE_ID, e->id) &&
           set(f->r, RESULT_LINK, e->link) && set(f->r, RESULT_SOURCE, e->source) &&
           set(f->r, RESULT_RECEIVED, e->received);
}

/* Components joined by ^ and subcomponents by &, whatever the sender's separators, without empty components at the end.
 */
static bool put_name(const struct filling *f, struct hl7_slice name)
{
    const struct hl7_separators *s = f->s->separators;
    struct bytes *text = &f->r->text;
    size_t from = text->len;
    while (name.n && s->component && name.p[name.n - 1] == s->component)
        name.n--;
    struct hl7_slice part, piece;
    for (bool more = name.n; next_part(&name, s->component, &part, &more);) {
        part = there(part);
        for (bool pieces = part.n; next_part(&part, s->subcomponent, &piece, &pieces);)
            if (!unescape(f, piece) || (pieces && !bytes_puts(text, "&")))
                return false;
        if (more && !bytes_puts(text, "^"))
            return false;
    }
    return result_take(f->r, RESULT_PATIENT_NAME, from);
}

static bool put_order(const struct filling *f)
{
    const struct hl7_results *s = f->s;
    return put(f, RESULT_PATIENT_ID, s->said.patient_id) && put_name(f, s->said.patient_name) &&
           put(f, RESULT_SPECIMEN_ID, s->said.specimen_id) && put(f, RESULT_PLACER_ID, s->said.placer_id) &&
           put(f, RESULT_FILLER_ID, s->said.filler_id) && put(f, RESULT_ORDER_ID, s->said.order_id);
}

static bool put_test(const struct filling *f, struct hl7_slice id, struct hl7_slice sub_id)
{
    const struct hl7_results *s = f->s;
    struct hl7_slice name = component(s, id, 2), code = either(either_component(s, id, 1, 4), name), part;
    if (!put(f, RESULT_TEST, code))
        return false;
    struct hl7_slice rest = first_repetition(s, id);
    for (bool more = rest.n; next_part(&rest, s->separators->component, &part, &more);)
        if (!put(f, RESULT_TEST_ID, there(part)))
            return false;
    return put(f, RESULT_TEST_NAME, name) && put(f, RESULT_TEST_SYSTEM, component(s, id, 3)) &&
           put(f, RESULT_SUB_ID, sub_id);
}

static bool put_value(const struct filling *f, struct hl7_slice value, struct hl7_slice *parts)
{
    const struct hl7_separators *s = f->s->separators;
    size_t from = f->r->text.len;
    f->r->parts = has(value, s->component) || has(value, s->repetition) || has(value, s->subcomponent);
    *parts = f->r->parts ? value : nothing;
    if (!put(f, RESULT_VALUE, value))
        return false;
    size_t n = f->r->text.len - from;
    return !n || set(f->r, RESULT_VALUE_TYPE, result_value_type(f->r->text.data + from, n));
}

/* The code of each repetition. */
static bool put_flags(const struct filling *f, struct hl7_slice flags)
{
    struct hl7_slice flag;
    for (bool more = flags.n; next_part(&flags, f->s->separators->repetition, &flag, &more);) {
        struct hl7_slice code = either_component(f->s, flag, 1, 2);
        if (code.n && !put(f, RESULT_FLAGS, code))
            return false;
    }
    return true;
}

/* own: OBX-14, else OBX-19. */
static bool put_observed(const struct filling *f, struct hl7_slice own)
{
    size_t from = f->r->text.len;
    return unescape(f, either(own, f->s->said.observed)) && result_take_observed(f->r, from);
}

/* Segments that may stand between a result and its comments. */
static bool is_detail(const struct hl7_results *s, struct hl7_slice segment)
{
    return is(s, segment, "PRT") || is(s, segment, "TCD") || is(s, segment, "SID");
}

/* NTE-3 of what follows the result directly. */
static bool put_comments(const struct filling *f, struct hl7_slice following)
{
    const struct hl7_results *s = f->s;
    size_t at = 0;
    struct hl7_slice segment, comment;
    bool more = hl7_segment_next(following.p, following.n, &at, &segment);
    while (more && is_detail(s, segment))
        more = hl7_segment_next(following.p, following.n, &at, &segment);
    for (; more && is(s, segment, "NTE"); more = hl7_segment_next(following.p, following.n, &at, &segment)) {
        struct hl7_slice text = field(s, segment, 3);
        for (bool lines = text.n; next_part(&text, s->separators->repetition, &comment, &lines);)
            if (comment.n && !put(f, RESULT_COMMENTS, comment))
                return false;
    }
    return true;
}

bool hl7_results_fill(struct hl7_results *s, struct hl7_slice segment, struct hl7_slice following,
                      const struct envelope *envelope, struct result *r, struct hl7_slice *parts)
{
    const struct filling f = {s, r};
    struct hl7_slice obx[20];
    split(s, segment, obx, 20);
    for (size_t i = 0; i < 20; i++)
        if (i != 5)
            obx[i] = there(obx[i]);
    if (!s->said.known)
        say(s);
    result_begin(r);
    r->qc = s->said.qc;
    return put_envelope(&f, envelope) &&
           put(&f, RESULT_INSTRUMENT, either(identifier(s, obx[18], 1), s->said.instrument)) && put_order(&f) &&
           put_test(&f, obx[3], obx[4]) && put_value(&f, obx[5], parts) &&
           put(&f, RESULT_UNITS, either_component(s, obx[6], 1, 2)) && put(&f, RESULT_REFERENCE_RANGE, obx[7]) &&
           put_flags(&f, obx[8]) && put(&f, RESULT_STATUS, obx[11]) &&
           put_observed(&f, either(component(s, obx[14], 1), component(s, obx[19], 1))) &&
           put(&f, RESULT_OPERATOR, either(component(s, obx[16], 1), identifier(s, obx[16], 2))) &&
           put_comments(&f, following);
}

const char *hl7_specimen_parse(struct get_paths *paths, const char *text)
{
    static const char *const names[] = {"SPM", "SAC", "OBR", "ORC", "PID"};
    const char *wrong = get_parse(paths, &hl7_get_names, text);
    for (size_t i = 0; i < paths->count && !wrong; i++, text += strcspn(text, ",") + 1) {
        size_t known = 0;
        while (known < sizeof names / sizeof *names && strcmp(names[known], paths->path[i].name) != 0)
            known++;
        if (known == sizeof names / sizeof *names)
            wrong = text;
    }
    return wrong;
}
