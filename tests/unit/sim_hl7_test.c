#include "sim/hl7.h"

#include "base/utf8.h"

#include "tap.h"

static const char *const profiles[] = {"chemistry",   "hematology", "coagulation", "urinalysis",
                                       "immunoassay", "bloodgas",   "molecular"};
static const char *const kinds[] = {"oru-2.3.1", "oru-2.5.1", "oul-2.5.1", "law"};

enum { PROFILES = sizeof profiles / sizeof *profiles, KINDS = sizeof kinds / sizeof *kinds };

static enum sim_hl7 kind_of(const char *name)
{
    enum sim_hl7 kind;
    if (!sim_hl7_parse(name, &kind))
        abort();
    return kind;
}

static const struct sim_message *generated(const char *profile, uint64_t seed, uint64_t index)
{
    static struct sim_message m;
    const struct sim_profile *p = sim_profile_find(profile);
    if (!p)
        abort();
    sim_generate(p, seed, index, &m);
    return &m;
}

static struct bytes written(const struct sim_message *m, enum sim_hl7 kind)
{
    struct bytes b = {0};
    if (!sim_message_hl7(m, kind, &b))
        abort();
    return b;
}

static void kinds_are_found(void)
{
    enum sim_hl7 kind = SIM_HL7_OUL_251;
    ok(sim_hl7_parse("oru-2.3.1", &kind) && kind == SIM_HL7_ORU_231, "oru-2.3.1 is a kind");
    ok(sim_hl7_parse("oru-2.5.1", &kind) && kind == SIM_HL7_ORU_251, "oru-2.5.1 is a kind");
    ok(sim_hl7_parse("oul-2.5.1", &kind) && kind == SIM_HL7_OUL_251, "oul-2.5.1 is a kind");
    ok(sim_hl7_parse("law", &kind) && kind == SIM_HL7_LAW, "law is a kind");
    kind = SIM_HL7_ORU_251;
    ok(!sim_hl7_parse("oul-2.3.1", &kind) && !sim_hl7_parse("", &kind) && !sim_hl7_parse("ORU-2.5.1", &kind) &&
           !sim_hl7_parse("oru-2.5.1 ", &kind) && kind == SIM_HL7_ORU_251,
       "others are none, and change nothing");
}

/* A reader of its own: one segment's text, NUL-terminated, without CR. */

static const char *field_find(const char *segment, unsigned field)
{
    for (unsigned at = !strncmp(segment, "MSH|", 4); at < field && *segment; at++) {
        segment += strcspn(segment, "|");
        segment += *segment == '|';
    }
    return segment;
}

static void unescape(const char *from, size_t n, char *to)
{
    for (const char *end = from + n; from < end;) {
        if (*from != '\\') {
            *to++ = *from++;
            continue;
        }
        const char *letter = strchr("F|S^T&R~E\\", from[1]), *close = strchr(from + 1, '\\');
        *to++ = from[1] == 'X' ? (char)strtol((char[]){from[2], from[3], 0}, NULL, 16) : letter ? letter[1] : '?';
        from = close ? close + 1 : end;
    }
    *to = 0;
}

/* A component, escapes resolved; empty where it is absent. Good until the eighth call after. */
static const char *get(const char *segment, unsigned field, unsigned component)
{
    static char text[8][1024];
    static unsigned turn;
    char *to = text[turn++ % 8];
    const char *at = field_find(segment, field), *end = at + strcspn(at, "|");
    for (; component > 1 && at < end; component--) {
        at += strcspn(at, "|^");
        at += *at == '^';
    }
    if (component > 1)
        at = end;
    unescape(at, strcspn(at, "|^"), to);
    return to;
}

/* How many components of the segment are not empty; those of MSH from MSH-3 on. */
static unsigned filled(const char *segment)
{
    unsigned n = 0;
    for (const char *c = field_find(segment, strncmp(segment, "MSH|", 4) ? 1 : 3); *c; c++)
        n += *c != '|' && *c != '^' && (c[-1] == '|' || c[-1] == '^');
    return n;
}

struct want {
    unsigned field, component;
    const char *text;
};

/* Whether it is a segment of that name which holds each of these texts, up to one without a place, and no other. */
static bool segment_is(const char *segment, const char *name, const struct want *want)
{
    unsigned n = 0;
    bool good = segment && !strncmp(segment, name, 3) && segment[3] == '|';
    for (; good && want->field; want++) {
        good = !strcmp(get(segment, want->field, want->component), want->text);
        n += *want->text != 0;
        if (!good)
            ok(false, "%s: %s-%u.%u is \"%s\"", segment, name, want->field, want->component, want->text);
    }
    return good && filled(segment) == n;
}

#define holds(segment, name, ...) segment_is(segment, name, (const struct want[]){__VA_ARGS__, {0, 0, NULL}})

struct cursor {
    char *next; /* the rest of the message, NUL-terminated */
    const struct sim_message *m;
    enum sim_hl7 kind;
};

/* The next segment, NULL at the end. */
static const char *take(struct cursor *c)
{
    char *segment = c->next, *end = strchr(segment, '\r');
    if (!end)
        return NULL;
    *end = 0;
    c->next = end + 1;
    return segment;
}

static bool old(const struct cursor *c)
{
    return c->kind == SIM_HL7_ORU_231;
}

static bool is_oul(const struct cursor *c)
{
    return c->kind == SIM_HL7_OUL_251 || c->kind == SIM_HL7_LAW;
}

static bool takes_header(struct cursor *c)
{
    const char *s = take(c);
    bool oul = is_oul(c), law = c->kind == SIM_HL7_LAW;
    return s && !strncmp(s, "MSH|^~\\&|", 9) &&
           holds(s, "MSH", {3, 1, c->m->instrument}, {4, 1, c->m->serial}, {7, 1, c->m->sent},
                 {9, 1, oul ? "OUL" : "ORU"}, {9, 2, oul ? "R22" : "R01"},
                 {9, 3,
                  old(c) ? ""
                  : oul  ? "OUL_R22"
                         : "ORU_R01"},
                 {10, 1, c->m->control_id}, {11, 1, "P"}, {12, 1, old(c) ? "2.3.1" : "2.5.1"}, {15, 1, law ? "NE" : ""},
                 {16, 1,
                  law                  ? "AL"
                  : old(c) && c->m->qc ? "2"
                                       : ""},
                 {18, 1, "UNICODE UTF-8"}, {21, 1, law ? "LAB-29" : ""}, {21, 2, law ? "IHE" : ""});
}

static bool takes_patient(struct cursor *c)
{
    return c->m->qc || holds(take(c), "PID", {1, 1, "1"}, {3, 1, c->m->patient_id}, {5, 1, c->m->last_name},
                             {5, 2, c->m->first_name}, {7, 1, c->m->birth_date}, {8, 1, (char[]){c->m->sex, 0}});
}

static bool takes_specimen(struct cursor *c)
{
    const char *role = c->m->qc ? "Q" : "P", *text = c->m->qc ? "Control specimen" : "Patient";
    return holds(take(c), "SPM", {1, 1, "1"}, {2, 1, c->m->specimen_id}, {4, 1, c->m->specimen_type}, {4, 3, "99KS"},
                 {11, 1, role}, {11, 2, text}, {11, 3, "HL70369"}, {17, 1, c->m->collected});
}

static void filler_id(const struct cursor *c, size_t order, char out[64])
{
    if (old(c))
        snprintf(out, 64, "%s", c->m->specimen_id);
    else
        snprintf(out, 64, "%s-%zu", c->m->specimen_id, order);
}

static bool takes_common_order(struct cursor *c, size_t order)
{
    char filler[64];
    filler_id(c, order, filler);
    return holds(take(c), "ORC", {1, 1, "RE"}, {2, 1, c->m->specimen_id}, {3, 1, filler}, {5, 1, "CM"});
}

static bool takes_request(struct cursor *c, size_t order)
{
    const struct sim_message *m = c->m;
    const struct sim_result *r = &m->results[order - 1];
    char number[24], filler[64];
    bool panel = *m->order_code;
    snprintf(number, sizeof number, "%zu", order);
    filler_id(c, order, filler);
    return holds(take(c), "OBR", {1, 1, number}, {2, 1, m->specimen_id}, {3, 1, filler},
                 {4, 1, panel ? m->order_code : r->code}, {4, 2, panel ? m->order_name : r->name}, {4, 3, "99KS"},
                 {4, 4, panel ? "" : r->loinc}, {4, 6, panel || !*r->loinc ? "" : "LN"},
                 {5, 1, (char[]){m->priority, 0}}, {6, 1, m->ordered}, {7, 1, m->collected},
                 {15, 1, old(c) ? m->specimen_type : ""}, {22, 1, m->sent}, {25, 1, "F"});
}

static bool takes_comment(struct cursor *c, const char *text)
{
    return !*text || holds(take(c), "NTE", {1, 1, "1"}, {2, 1, "L"}, {3, 1, text});
}

static bool takes_result(struct cursor *c, const struct sim_result *r, size_t number)
{
    char id[24], sign[2] = {0};
    bool beyond = (*r->value == '<' || *r->value == '>') && strspn(r->value + 1, "0123456789.-") &&
                  !r->value[1 + strspn(r->value + 1, "0123456789.-")];
    snprintf(id, sizeof id, "%zu", number);
    if (beyond)
        sign[0] = *r->value;
    return holds(take(c), "OBX", {1, 1, id},
                 {2, 1,
                  r->numeric ? "NM"
                  : beyond   ? "SN"
                             : "ST"},
                 {3, 1, r->code}, {3, 2, r->name}, {3, 3, "99KS"}, {3, 4, r->loinc}, {3, 6, *r->loinc ? "LN" : ""},
                 {5, 1, beyond ? sign : r->value}, {5, 2, beyond ? r->value + 1 : ""}, {6, 1, r->units},
                 {7, 1, r->range}, {8, 1, r->flag}, {11, 1, "F"}, {14, 1, old(c) ? r->completed : ""},
                 {16, 1, r->operator_id}, {18, 1, old(c) ? "" : c->m->serial}, {18, 2, old(c) ? "" : c->m->instrument},
                 {19, 1, old(c) ? "" : r->completed}) &&
           takes_comment(c, r->comment);
}

static size_t base64_read(const char *text, unsigned char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = 0, have = 0;
    size_t n = 0;
    for (; *text && *text != '='; text++) {
        const char *digit = strchr(digits, *text);
        if (!digit)
            return 0;
        bits = (bits << 6 | (unsigned)(digit - digits)) & 0xffff;
        have += 6;
        if (have >= 8)
            out[n++] = (unsigned char)(bits >> (have -= 8));
    }
    return n;
}

static bool takes_histogram(struct cursor *c, const struct sim_histogram *h, size_t number)
{
    char id[24], code[24], name[24], data[1024];
    unsigned char channels[1024];
    const char *s = take(c);
    if (!s)
        return false;
    snprintf(id, sizeof id, "%zu", number);
    snprintf(code, sizeof code, "HIST-%s", h->name);
    snprintf(name, sizeof name, "%s histogram", h->name);
    snprintf(data, sizeof data, "%s", get(s, 5, 5));
    return holds(s, "OBX", {1, 1, id}, {2, 1, "ED"}, {3, 1, code}, {3, 2, name}, {3, 3, "99KS"}, {5, 2, "Application"},
                 {5, 3, "Octet-stream"}, {5, 4, "Base64"}, {5, 5, data}, {11, 1, "F"},
                 {18, 1, old(c) ? "" : c->m->serial}, {18, 2, old(c) ? "" : c->m->instrument}) &&
           strlen(data) % 4 == 0 && base64_read(data, channels) == SIM_CHANNELS &&
           !memcmp(channels, h->channels, SIM_CHANNELS);
}

static bool takes_order(struct cursor *c, size_t order, size_t first, size_t end)
{
    bool good = (c->kind != SIM_HL7_ORU_251 || takes_common_order(c, order)) && takes_request(c, order) &&
                (!is_oul(c) || takes_common_order(c, order)) && takes_comment(c, order == 1 ? c->m->comment : "");
    for (size_t i = first; i < end && good; i++)
        good = takes_result(c, &c->m->results[i], i - first + 1);
    for (size_t i = 0; end == c->m->n_results && i < c->m->n_histograms && good; i++)
        good = takes_histogram(c, &c->m->histograms[i], end - first + i + 1);
    return good && (c->kind != SIM_HL7_ORU_251 || takes_specimen(c));
}

static bool takes_message(struct cursor *c)
{
    bool good = takes_header(c) && takes_patient(c) && (!is_oul(c) || takes_specimen(c));
    if (*c->m->order_code)
        good = good && takes_order(c, 1, 0, c->m->n_results);
    for (size_t i = 0; !*c->m->order_code && i < c->m->n_results && good; i++)
        good = takes_order(c, i + 1, i, i + 1);
    return good && !*c->next;
}

/* UTF-8 without a control byte but CR; behind MSH-2 no repetition, no subcomponent, only escapes of the standard;
 * nothing empty at an end. */
static bool text_clean(const struct bytes *b)
{
    const unsigned char *s = b->data;
    if (b->len < 9 || memcmp(s, "MSH|^~\\&|", 9) != 0 || s[b->len - 1] != '\r' || !utf8_valid(s, b->len))
        return false;
    for (size_t i = 9; i < b->len; i++) {
        size_t left = b->len - i;
        if ((s[i] < 0x20 && s[i] != '\r') || s[i] == 0x7f || s[i] == '~' || s[i] == '&')
            return false;
        if ((s[i] == '\r' && strchr("|^\r", s[i - 1])) || (s[i] == '|' && s[i - 1] == '^'))
            return false;
        if (s[i] != '\\')
            continue;
        if (left > 2 && s[i + 2] == '\\' && strchr("FSTRE", s[i + 1]))
            i += 2;
        else if (left > 4 && s[i + 1] == 'X' && s[i + 4] == '\\')
            i += 4;
        else
            return false;
    }
    return true;
}

static bool message_good(const struct sim_message *m, enum sim_hl7 kind)
{
    struct bytes b = written(m, kind);
    bool clean = text_clean(&b);
    if (!clean)
        ok(false, "%s: clean text", m->control_id);
    if (!bytes_append(&b, "", 1))
        abort();
    struct cursor c = {(char *)b.data, m, kind};
    bool good = clean && takes_message(&c) && c.next == (char *)b.data + b.len - 1;
    bytes_free(&b);
    return good;
}

static void fields_are_in_their_places(const char *profile, const char *kind)
{
    bool good = true;
    for (uint64_t i = 0; i < 500 && good; i++)
        good = message_good(generated(profile, 4, i), kind_of(kind));
    ok(good, "%s %s: the segments of its structure, every text in its place and no other, clean UTF-8", profile, kind);
    good = true;
    static const uint64_t numbers[] = {0, UINT32_MAX, INT64_MAX, UINT64_MAX};
    for (size_t i = 0; i < 16 && good; i++)
        good = message_good(generated(profile, numbers[i / 4], numbers[i % 4]), kind_of(kind));
    ok(good, "%s %s: with any seed and index", profile, kind);
}

static void depends_on_the_message_only(const char *profile, const char *kind)
{
    bool same = true, by_index = true;
    for (uint64_t i = 0; i < 200; i++) {
        struct bytes first = written(generated(profile, 1, i), kind_of(kind));
        struct bytes other = written(generated(profile, 1, i + 1), kind_of(kind)), again = {0};
        same = same && bytes_puts(&again, "x") && sim_message_hl7(generated(profile, 1, i), kind_of(kind), &again) &&
               again.len == first.len + 1 && !memcmp(again.data + 1, first.data, first.len);
        by_index = by_index && (first.len != other.len || memcmp(first.data, other.data, first.len) != 0);
        bytes_free(&first);
        bytes_free(&other);
        bytes_free(&again);
    }
    ok(same, "%s %s: the same message gives the same bytes, behind what is there", profile, kind);
    ok(by_index, "%s %s: another one gives others", profile, kind);
}

static int text_compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void control_ids_are_unique(const char *profile, const char *kind)
{
    enum { N = 2000 };
    static char ids[N][64];
    for (size_t i = 0; i < N; i++) {
        struct bytes b = written(generated(profile, 6, i), kind_of(kind));
        struct cursor c = {(char *)b.data, NULL, kind_of(kind)};
        snprintf(ids[i], sizeof *ids, "%s", get(take(&c), 10, 1));
        bytes_free(&b);
    }
    qsort(ids, N, sizeof *ids, text_compare);
    bool good = *ids[0];
    for (size_t i = 1; i < N; i++)
        good = good && strcmp(ids[i - 1], ids[i]) != 0;
    ok(good, "%s %s: %d messages, all of another MSH-10", profile, kind, N);
}

static bool said(const char *profile, enum sim_hl7 kind, const char *text)
{
    bool there = false;
    for (uint64_t i = 0; i < 3000 && !there; i++) {
        struct bytes b = written(generated(profile, 9, i), kind);
        if (!bytes_append(&b, "", 1))
            abort();
        there = strstr((char *)b.data, text);
        bytes_free(&b);
    }
    return there;
}

static void says_what_such_instruments_say(void)
{
    static const struct {
        const char *profile;
        enum sim_hl7 kind;
        const char *text;
    } wanted[] = {
        {"chemistry", SIM_HL7_ORU_231, "|NM|K^Potassium^99KS^2823-3^^LN||"},
        {"chemistry", SIM_HL7_ORU_231, "||>^700|U/L|"},
        {"chemistry", SIM_HL7_ORU_231, "|||||||SERUM|"},
        {"chemistry", SIM_HL7_ORU_251, "|SERUM^^99KS|||||||P^Patient^HL70369|"},
        {"chemistry", SIM_HL7_OUL_251, "|CONTROL^^99KS|||||||Q^Control specimen^HL70369|"},
        {"chemistry", SIM_HL7_OUL_251, "\\F\\"},
        {"chemistry", SIM_HL7_OUL_251, "J\xc3\xbcrgen"},
        {"immunoassay", SIM_HL7_ORU_251, "|SN|TNT^Troponin T, cardiac^99KS^6598-7^^LN||<^0.010|ug/L|<0.014|N|||F"},
        {"immunoassay", SIM_HL7_OUL_251, "|REACTIVE||NON-REACTIVE|A|||F|"},
        {"immunoassay", SIM_HL7_OUL_251, "REPEAT IN 3 H \\T\\ COMPARE\r"},
        {"hematology", SIM_HL7_ORU_251, "|CBCDIFF^Complete blood count with differential^99KS|"},
        {"hematology", SIM_HL7_ORU_251, "|ED|HIST-PLT^PLT histogram^99KS||^Application^Octet-stream^Base64^"},
        {"bloodgas", SIM_HL7_ORU_231, "|-2.0-3.0|"},
        {"molecular", SIM_HL7_OUL_251, "|ST|SARS2^SARS-CoV-2 RNA^99KS^94500-6^^LN||DETECTED|"},
        {"molecular", SIM_HL7_OUL_251, "\rNTE|1|L|"},
        {"urinalysis", SIM_HL7_ORU_231, "||1+||NEG|A|"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        ok(said(wanted[i].profile, wanted[i].kind, wanted[i].text), "%s %s: says %s", wanted[i].profile,
           kinds[wanted[i].kind], wanted[i].text + (*wanted[i].text == '\r'));
}

/* Every character of one byte, and some of more, from a place on that differs from call to call; whole characters. */
static void text_awkward(char *to, size_t size)
{
    static unsigned at;
    static const char *const more[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\xa7\xaa"};
    size_t n = 0;
    while (n + 5 <= size) {
        unsigned c = at++ % 130;
        if (c && c < 128)
            to[n++] = (char)c;
        else
            n += (size_t)snprintf(to + n, size - n, "%s", more[c % 3]);
    }
    memset(to + n, 0, size - n);
}

#define awkward(array) text_awkward(array, sizeof(array))

static void message_awkward(struct sim_message *m)
{
    awkward(m->instrument), awkward(m->serial), awkward(m->control_id), awkward(m->sent);
    awkward(m->patient_id), awkward(m->last_name), awkward(m->first_name), awkward(m->birth_date);
    awkward(m->specimen_id), awkward(m->specimen_type), awkward(m->ordered), awkward(m->collected);
    awkward(m->comment);
    if (*m->order_code)
        awkward(m->order_code), awkward(m->order_name);
    for (size_t i = 0; i < m->n_results; i++) {
        struct sim_result *r = &m->results[i];
        awkward(r->code), awkward(r->name), awkward(r->value), awkward(r->units), awkward(r->range);
        awkward(r->operator_id), awkward(r->completed), awkward(r->comment);
        r->numeric = false;
    }
    for (size_t i = 0; i < m->n_histograms; i++)
        awkward(m->histograms[i].name);
    m->priority = '|', m->sex = '\\';
}

static void any_text_is_kept(const char *kind)
{
    bool good = true;
    for (size_t i = 0; i < 40 * PROFILES && good; i++) {
        struct sim_message m = *generated(profiles[i % PROFILES], 7, i);
        if (i % 2)
            m.order_code[0] = 0;
        message_awkward(&m);
        good = message_good(&m, kind_of(kind));
    }
    ok(good, "%s: texts of any characters are in their places, and escaped", kind);
}

static void values_have_types(void)
{
    static const struct {
        const char *value, *type, *field;
    } cases[] = {
        {"5.4", "NM", "5.4"},     {"-2.0", "NM", "-2.0"}, {"<0.010", "SN", "<^0.010"}, {">700", "SN", ">^700"},
        {">-5", "SN", ">^-5"},    {"NEG", "ST", "NEG"},   {"1+", "ST", "1+"},          {"<", "ST", "<"},
        {"<5 mm", "ST", "<5 mm"}, {">>", "ST", ">>"},     {"1:128", "ST", "1:128"},    {"***.**", "ST", "***.**"},
        {"A^B", "ST", "A\\S\\B"}, {"<|", "ST", "<\\F\\"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sim_message m = {.qc = true, .order_code = "P", .n_results = 1};
        struct sim_result *r = &m.results[0];
        char want[64];
        snprintf(r->value, sizeof r->value, "%s", cases[i].value);
        snprintf(want, sizeof want, "OBX|1|%s|||%s\r", cases[i].type, cases[i].field);
        r->numeric = !strcmp(cases[i].type, "NM");
        struct bytes b = written(&m, SIM_HL7_ORU_231);
        size_t n = strlen(want);
        is_bytes(b.data + (b.len > n ? b.len - n : 0), b.len > n ? n : b.len, want, n, "\"%s\" is of type %s",
                 cases[i].value, cases[i].type);
        bytes_free(&b);
    }
}

static void absent_is_left_out(void)
{
    struct sim_message m = {.order_code = "P", .n_results = 1};
    struct bytes b = written(&m, SIM_HL7_OUL_251);
    static const char want[] = "MSH|^~\\&|||||||OUL^R22^OUL_R22||P|2.5.1||||||UNICODE UTF-8\rPID|1\r"
                               "SPM|1||||||||||P^Patient^HL70369\rOBR|1||-1|P^^99KS|||||||||||||||||||||F\r"
                               "ORC|RE||-1||CM\rOBX|1|ST\r";
    is_bytes(b.data, b.len, want, sizeof want - 1, "what is absent leaves nothing but its separators");
    bytes_free(&b);
}

static struct sim_message patient_message(void)
{
    struct sim_message m = {.instrument = "A|B",
                            .version = "1",
                            .serial = "S^1",
                            .control_id = "C\\1",
                            .sent = "20260105080000",
                            .action = 'N',
                            .patient_id = "P&1",
                            .last_name = "TEST~&",
                            .first_name = "A^B\nC\x7f",
                            .birth_date = "19700101",
                            .sex = 'U',
                            .specimen_id = "X",
                            .specimen_type = "SERUM",
                            .priority = 'S',
                            .ordered = "20260105070000",
                            .collected = "20260105071000",
                            .comment = "HEMOLYSIS 1+ | ICTERUS 0",
                            .n_results = 3};
    m.results[0] = (struct sim_result){.code = "GLU",
                                       .name = "Glucose",
                                       .loinc = "14749-6",
                                       .value = "5.4",
                                       .numeric = true,
                                       .units = "mmol/L",
                                       .range = "3.9-5.6",
                                       .flag = "N",
                                       .status = 'F',
                                       .operator_id = "OP01",
                                       .completed = "20260105075950"};
    m.results[1] = (struct sim_result){
        .code = "T\r1", .name = "One", .value = "<0.010", .status = 'F', .comment = "\xc3\x9c|\r\nTWO LINES"};
    m.results[2] = (struct sim_result){.code = "T2", .value = "1^2", .units = "10^3/uL", .status = 'F'};
    return m;
}

static void golden_oru_231(void)
{
    static const char want[] =
        "kept"
        "MSH|^~\\&|A\\F\\B|S\\S\\1|||20260105080000||ORU^R01|C\\E\\1|P|2.3.1||||||UNICODE UTF-8\r"
        "PID|1||P\\T\\1||TEST\\R\\\\T\\^A\\S\\B\\X0A\\C\\X7F\\||19700101|U\r"
        "OBR|1|X|X|GLU^Glucose^99KS^14749-6^^LN|S|20260105070000|20260105071000||||||||SERUM|||||||20260105080000|||F\r"
        "NTE|1|L|HEMOLYSIS 1+ \\F\\ ICTERUS 0\r"
        "OBX|1|NM|GLU^Glucose^99KS^14749-6^^LN||5.4|mmol/L|3.9-5.6|N|||F|||20260105075950||OP01\r"
        "OBR|2|X|X|T\\X0D\\1^One^99KS|S|20260105070000|20260105071000||||||||SERUM|||||||20260105080000|||F\r"
        "OBX|1|SN|T\\X0D\\1^One^99KS||<^0.010||||||F\r"
        "NTE|1|L|\xc3\x9c\\F\\\\X0D\\\\X0A\\TWO LINES\r"
        "OBR|3|X|X|T2^^99KS|S|20260105070000|20260105071000||||||||SERUM|||||||20260105080000|||F\r"
        "OBX|1|ST|T2^^99KS||1\\S\\2|10\\S\\3/uL|||||F\r";
    struct sim_message m = patient_message();
    struct bytes b = {0};
    ok(bytes_puts(&b, "kept") && sim_message_hl7(&m, SIM_HL7_ORU_231, &b), "a message is appended");
    is_bytes(b.data, b.len, want, sizeof want - 1, "oru-2.3.1: the whole text, an order for each test");
    bytes_free(&b);
}

static void golden_oru_251(void)
{
    static const char want[] =
        "MSH|^~\\&|A\\F\\B|S\\S\\1|||20260105080000||ORU^R01^ORU_R01|C\\E\\1|P|2.5.1||||||UNICODE UTF-8\r"
        "PID|1||P\\T\\1||TEST\\R\\\\T\\^A\\S\\B\\X0A\\C\\X7F\\||19700101|U\r"
        "ORC|RE|X|X-1||CM\r"
        "OBR|1|X|X-1|GLU^Glucose^99KS^14749-6^^LN|S|20260105070000|20260105071000|||||||||||||||20260105080000|||F\r"
        "NTE|1|L|HEMOLYSIS 1+ \\F\\ ICTERUS 0\r"
        "OBX|1|NM|GLU^Glucose^99KS^14749-6^^LN||5.4|mmol/L|3.9-5.6|N|||F|||||OP01||S\\S\\1^A\\F\\B|20260105075950\r"
        "SPM|1|X||SERUM^^99KS|||||||P^Patient^HL70369||||||20260105071000\r"
        "ORC|RE|X|X-2||CM\r"
        "OBR|2|X|X-2|T\\X0D\\1^One^99KS|S|20260105070000|20260105071000|||||||||||||||20260105080000|||F\r"
        "OBX|1|SN|T\\X0D\\1^One^99KS||<^0.010||||||F|||||||S\\S\\1^A\\F\\B\r"
        "NTE|1|L|\xc3\x9c\\F\\\\X0D\\\\X0A\\TWO LINES\r"
        "SPM|1|X||SERUM^^99KS|||||||P^Patient^HL70369||||||20260105071000\r"
        "ORC|RE|X|X-3||CM\r"
        "OBR|3|X|X-3|T2^^99KS|S|20260105070000|20260105071000|||||||||||||||20260105080000|||F\r"
        "OBX|1|ST|T2^^99KS||1\\S\\2|10\\S\\3/uL|||||F|||||||S\\S\\1^A\\F\\B\r"
        "SPM|1|X||SERUM^^99KS|||||||P^Patient^HL70369||||||20260105071000\r";
    struct sim_message m = patient_message();
    struct bytes b = written(&m, SIM_HL7_ORU_251);
    is_bytes(b.data, b.len, want, sizeof want - 1, "oru-2.5.1: the whole text, the specimen behind each order");
    bytes_free(&b);
}

static void golden_oul_251(void)
{
    static const char want[] =
        "MSH|^~\\&|HemaSim|HS1|||20260105080000||OUL^R22^OUL_R22|Q-1|P|2.5.1||||||UNICODE UTF-8\r"
        "SPM|1|QC1||CONTROL^^99KS|||||||Q^Control specimen^HL70369||||||20260105071000\r"
        "OBR|1|QC1|QC1-1|CBC^Blood count^99KS|R|20260105070000|20260105071000|||||||||||||||20260105080000|||F\r"
        "ORC|RE|QC1|QC1-1||CM\r"
        "NTE|1|L|QC LEVEL 1 LOT HS10001\r"
        "OBX|1|NM|WBC^Leukocytes^99KS^6690-2^^LN||7.00|10*3/uL|6.00-8.00|N|||F|||||OP02||HS1^HemaSim|20260105075950\r"
        "OBX|2|NM|PCT^Plateletcrit^99KS||0.50|%|0.10-0.30|H|||F|||||OP02||HS1^HemaSim|20260105075955\r"
        "NTE|1|L|OUT OF TARGET RANGE\r";
    struct sim_message m = {.instrument = "HemaSim",
                            .serial = "HS1",
                            .control_id = "Q-1",
                            .sent = "20260105080000",
                            .qc = true,
                            .action = 'Q',
                            .qc_level = 1,
                            .qc_lot = "HS10001",
                            .specimen_id = "QC1",
                            .specimen_type = "CONTROL",
                            .priority = 'R',
                            .order_code = "CBC",
                            .order_name = "Blood count",
                            .ordered = "20260105070000",
                            .collected = "20260105071000",
                            .comment = "QC LEVEL 1 LOT HS10001",
                            .n_results = 2};
    m.results[0] = (struct sim_result){"WBC", "Leukocytes", "6690-2", "7.00",           true, "10*3/uL", "6.00-8.00",
                                       "N",   'F',          "OP02",   "20260105075950", ""};
    m.results[1] = (struct sim_result){"PCT",
                                       "Plateletcrit",
                                       "",
                                       "0.50",
                                       true,
                                       "%",
                                       "0.10-0.30",
                                       "H",
                                       'F',
                                       "OP02",
                                       "20260105075955",
                                       "OUT OF TARGET RANGE"};
    struct bytes b = written(&m, SIM_HL7_OUL_251);
    is_bytes(b.data, b.len, want, sizeof want - 1, "oul-2.5.1: the whole text of a control, one panel");
    bytes_free(&b);
}

static void writer_fails_cleanly(void)
{
    for (size_t i = 0; i < KINDS; i++) {
        struct bytes full = {NULL, SIZE_MAX / 2, SIZE_MAX / 2};
        ok(!sim_message_hl7(generated("chemistry", 14, 0), kind_of(kinds[i]), &full) && full.len == SIZE_MAX / 2,
           "%s: without memory nothing is appended", kinds[i]);
    }
}

int main(void)
{
    kinds_are_found();
    for (size_t i = 0; i < PROFILES; i++)
        for (size_t k = 0; k < KINDS; k++) {
            fields_are_in_their_places(profiles[i], kinds[k]);
            depends_on_the_message_only(profiles[i], kinds[k]);
            control_ids_are_unique(profiles[i], kinds[k]);
        }
    for (size_t k = 0; k < KINDS; k++)
        any_text_is_kept(kinds[k]);
    says_what_such_instruments_say();
    values_have_types();
    absent_is_left_out();
    golden_oru_231();
    golden_oru_251();
    golden_oul_251();
    writer_fails_cleanly();
    return done();
}
