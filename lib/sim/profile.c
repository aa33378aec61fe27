#include "sim/profile.h"

#include "base/clock.h"
#include "sim/tests.h"
#include "sim/text.h"

#include <inttypes.h>
#include <stdio.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *const last_names[] = {"TESTPERSON", "SAMPLE", "DEMO",    "FICTION", "PLACEHOLDER", "INVENTED",
                                         "MADEUP",     "NOBODY", "EXAMPLE", "DUMMY",   "IMAGINARY",   "PRETEND"};
static const char *const rare_last_names[] = {"ÜBUNGSPERSON",     "ÉCHANTILLON", "PRØVEPERSON", "FICCIÓN",
                                              "EXEMPLO-INVENÇÃO", "TEST&SAMPLE", "O'FICTION"};
static const char *const men[] = {"ALFA", "BRAVO", "CHARLIE", "DELTA", "ECHO",   "FOXTROT",
                                  "GOLF", "HOTEL", "Jürgen",  "Søren", "Étienne"};
static const char *const women[] = {"INDIA",  "JULIETT",  "LIMA", "NOVEMBER", "PAPA",  "QUEBEC",
                                    "SIERRA", "VICTORIA", "Zoë",  "Åse",      "Begoña"};

static const int64_t first_sent = INT64_C(1767600000); /* 2026-01-05 08:00:00 */

struct draw {
    const struct sim_profile *p;
    uint64_t rng;
    unsigned panels, themes, qc_level;
    bool invalid;
    char sex;
    int64_t value[SIM_RESULTS]; /* scaled, or the index of the choice */
    int64_t target[SIM_RESULTS];
};

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t draw_bits(struct draw *d)
{
    d->rng += UINT64_C(0x9e3779b97f4a7c15);
    return mix(d->rng);
}

static unsigned draw_below(struct draw *d, unsigned n)
{
    return (unsigned)((draw_bits(d) >> 32) * n >> 32);
}

static bool draw_chance(struct draw *d, unsigned one_in)
{
    return draw_below(d, one_in) == 0;
}

static int64_t draw_normal(struct draw *d, int64_t mean, int64_t sd)
{
    int64_t sum = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t bits = draw_bits(d);
        for (int k = 0; k < 64; k += 16)
            sum += (int64_t)(bits >> k & 0xffff);
    }
    return mean + sd * (sum - 6 * 65536) / 65536;
}

static int64_t draw_towards(struct draw *d, int64_t from, int64_t to)
{
    int64_t u = draw_below(d, 4096);
    return from + (to - from) * (u * u * u) / (INT64_C(1) << 36);
}

static const char *draw_name(struct draw *d, const char *const *names, size_t n)
{
    return names[draw_below(d, (unsigned)n)];
}

static void text_copy(char *to, size_t size, const char *from)
{
    size_t len = from ? strlen(from) : 0;
    if (len >= size)
        len = size - 1;
    if (len)
        memcpy(to, from, len);
    to[len] = 0;
}

static void time_format(char *to, int64_t seconds)
{
    char iso[28];
    time_iso_us(seconds * 1000000, iso);
    for (const char *c = iso; *c && *c != '.'; c++)
        if (*c >= '0' && *c <= '9')
            *to++ = *c;
    *to = 0;
}

static void number_format(char *to, size_t size, const char *before, int64_t v, unsigned decimals)
{
    int64_t scale = 1, magnitude = v < 0 ? -v : v;
    for (unsigned i = 0; i < decimals; i++)
        scale *= 10;
    const char *sign = v < 0 ? "-" : "";
    if (decimals)
        snprintf(to, size, "%s%s%" PRId64 ".%0*" PRId64, before, sign, magnitude / scale, (int)decimals,
                 magnitude % scale);
    else
        snprintf(to, size, "%s%s%" PRId64, before, sign, magnitude);
}

static bool span_given(struct sim_span s)
{
    return s.low || s.high;
}

static bool span_above(struct sim_span s, int64_t v)
{
    if (!span_given(s) || s.high == SIM_NONE)
        return false;
    return s.low == SIM_NONE ? v >= s.high : v > s.high;
}

static bool span_below(struct sim_span s, int64_t v)
{
    if (!span_given(s) || s.low == SIM_NONE)
        return false;
    return s.high == SIM_NONE ? v <= s.low : v < s.low;
}

static struct sim_span test_range(const struct sim_test *t, char sex)
{
    return sex == 'F' && span_given(t->women) ? t->women : t->range;
}

static void test_usual(const struct sim_test *t, struct sim_span s, int64_t *mean, int64_t *sd)
{
    if (!span_given(s))
        s = t->worst;
    if (t->sd)
        *mean = t->mean, *sd = t->sd;
    else if (s.low == SIM_NONE)
        *mean = s.high * 2 / 5, *sd = s.high / 5;
    else if (s.high == SIM_NONE)
        *mean = s.low * 3 / 2, *sd = s.low / 5;
    else
        *mean = (s.low + s.high) / 2, *sd = (s.high - s.low + 2) / 5;
    if (*sd < 1)
        *sd = 1;
}

static unsigned test_choices(const struct sim_test *t, bool abnormal)
{
    unsigned n = 0;
    for (const struct sim_choice *c = t->choices; c->text; c++)
        n += (c->flag[0] == 'A') == abnormal;
    return n;
}

static bool draw_theme(const struct draw *d, int theme)
{
    return theme && d->themes >> (theme < 0 ? -theme : theme) & 1;
}

static bool draw_abnormal(struct draw *d, const struct sim_test *t)
{
    return draw_theme(d, t->theme) ? !draw_chance(d, 4) : draw_chance(d, 40);
}

static int64_t draw_choice(struct draw *d, const struct sim_test *t, bool abnormal)
{
    unsigned normal = test_choices(t, false), n = test_choices(t, abnormal);
    if (!n)
        return 0;
    return (abnormal ? normal : 0) + draw_towards(d, 0, n);
}

static int64_t draw_number(struct draw *d, const struct sim_test *t, bool abnormal)
{
    struct sim_span range = test_range(t, d->sex);
    int64_t mean, sd, v;
    test_usual(t, range, &mean, &sd);
    if (abnormal && span_given(range)) {
        bool up = draw_theme(d, t->theme) ? t->theme > 0 : draw_chance(d, 2);
        if (range.low == SIM_NONE || (up && range.high != SIM_NONE))
            v = draw_towards(d, range.high, t->worst.high);
        else
            v = draw_towards(d, range.low, t->worst.low);
    } else {
        v = draw_normal(d, mean, sd);
    }
    return v < t->worst.low ? t->worst.low : v > t->worst.high ? t->worst.high : v;
}

static void draw_patient(struct draw *d)
{
    for (size_t i = 0; i < d->p->n_tests; i++) {
        const struct sim_test *t = &d->p->tests[i];
        bool abnormal = draw_abnormal(d, t);
        d->value[i] = t->choices ? draw_choice(d, t, abnormal) : draw_number(d, t, abnormal);
    }
    if (d->p->derive)
        d->p->derive(d->value);
}

static int64_t control_target(const struct sim_test *t, unsigned level)
{
    int64_t mean, sd;
    test_usual(t, t->range, &mean, &sd);
    return level == 2 && span_given(t->range) && t->range.high != SIM_NONE ? t->range.high + 2 * sd : mean;
}

static int64_t control_measurable(const struct sim_test *t, int64_t v)
{
    int64_t mean, sd;
    test_usual(t, t->range, &mean, &sd);
    if (span_given(t->measured) && v < t->measured.low + 2 * sd)
        return t->measured.low + 2 * sd;
    if (span_given(t->measured) && v > t->measured.high - 2 * sd)
        return t->measured.high - 2 * sd;
    return v;
}

static int64_t control_value(struct draw *d, const struct sim_test *t, int64_t target)
{
    int64_t mean, sd;
    test_usual(t, t->range, &mean, &sd);
    int64_t v = draw_normal(d, target, (2 * sd + 2) / 3);
    return t->worst.low >= 0 && v < 0 ? 0 : v;
}

static void draw_control(struct draw *d)
{
    for (size_t i = 0; i < d->p->n_tests; i++) {
        const struct sim_test *t = &d->p->tests[i];
        if (!t->choices)
            d->target[i] = control_target(t, d->qc_level);
        else if (d->qc_level == 2 && test_choices(t, true))
            d->target[i] = test_choices(t, false);
        else
            d->target[i] = 0;
    }
    if (d->p->derive)
        d->p->derive(d->target);
    for (size_t i = 0; i < d->p->n_tests; i++) {
        const struct sim_test *t = &d->p->tests[i];
        if (!t->choices)
            d->target[i] = control_measurable(t, d->target[i]);
        d->value[i] = t->choices ? d->target[i] : control_value(d, t, d->target[i]);
    }
}

static struct sim_span draw_range(const struct draw *d, size_t i)
{
    const struct sim_test *t = &d->p->tests[i];
    if (!d->qc_level)
        return test_range(t, d->sex);
    int64_t mean, sd;
    test_usual(t, t->range, &mean, &sd);
    struct sim_span range = {(int)(d->target[i] - 2 * sd), (int)(d->target[i] + 2 * sd)};
    if (t->worst.low >= 0 && range.low < 0)
        range.low = 0;
    return range;
}

static bool draw_reported(const struct draw *d, size_t i)
{
    const struct sim_test *t = &d->p->tests[i];
    if (d->invalid)
        return t->choices != NULL;
    if (t->gate && d->p->tests[t->gate - 1].choices[d->value[t->gate - 1]].flag[0] != 'A')
        return false;
    if (d->qc_level)
        return !t->choices || t->expected;
    if (t->sex && t->sex != d->sex)
        return false;
    return d->panels >> t->panel & 1;
}

static void range_format(char *to, size_t size, struct sim_span s, unsigned decimals)
{
    if (!span_given(s))
        return;
    if (s.low == SIM_NONE) {
        number_format(to, size, "<", s.high, decimals);
    } else if (s.high == SIM_NONE) {
        number_format(to, size, ">", s.low, decimals);
    } else {
        number_format(to, size, "", s.low, decimals);
        size_t len = strlen(to);
        number_format(to + len, size - len, "-", s.high, decimals);
    }
}

static const char *number_flag(const struct sim_test *t, struct sim_span range, bool control, int64_t v)
{
    if (!span_given(range))
        return "";
    if (span_above(range, v))
        return !control && span_above(t->critical, v) ? "HH" : "H";
    if (span_below(range, v))
        return !control && span_below(t->critical, v) ? "LL" : "L";
    return "N";
}

static void result_number(const struct draw *d, size_t i, struct sim_result *r)
{
    const struct sim_test *t = &d->p->tests[i];
    struct sim_span range = draw_range(d, i);
    int64_t v = d->value[i];
    if (span_given(t->measured) && v < t->measured.low)
        number_format(r->value, sizeof r->value, "<", t->measured.low, t->decimals);
    else if (span_given(t->measured) && v > t->measured.high)
        number_format(r->value, sizeof r->value, ">", t->measured.high, t->decimals);
    else
        number_format(r->value, sizeof r->value, "", v, t->decimals);
    range_format(r->range, sizeof r->range, range, t->decimals);
    text_copy(r->flag, sizeof r->flag, number_flag(t, range, d->qc_level > 0, v));
}

static void result_choice(const struct draw *d, size_t i, struct sim_result *r)
{
    const struct sim_test *t = &d->p->tests[i];
    const struct sim_choice *c = &t->choices[d->value[i]];
    text_copy(r->value, sizeof r->value, d->invalid ? "INVALID" : c->text);
    text_copy(r->range, sizeof r->range, d->qc_level ? c->text : t->expected);
    text_copy(r->flag, sizeof r->flag, d->invalid ? "" : d->qc_level ? "N" : c->flag);
}

static const char *result_comment(struct draw *d, const struct sim_test *t, const struct sim_result *r)
{
    char flag = r->flag[0];
    if (d->invalid)
        return "INTERNAL CONTROL FAILED; REPEAT & DO NOT REPORT";
    if (d->qc_level)
        return flag == 'L' || flag == 'H' ? "OUT OF TARGET RANGE" : "";
    if (r->flag[1] && draw_chance(d, 2))
        return "CRITICAL VALUE, CALLED & READ BACK";
    if (r->value[0] == '>')
        return "ABOVE MEASURING RANGE, NOT DILUTED";
    return t->note && (flag == 'H' || flag == 'A') && draw_chance(d, 3) ? t->note : "";
}

static void result_fill(struct draw *d, size_t i, struct sim_result *r)
{
    const struct sim_test *t = &d->p->tests[i];
    text_copy(r->code, sizeof r->code, t->code);
    text_copy(r->name, sizeof r->name, t->name);
    text_copy(r->loinc, sizeof r->loinc, t->loinc);
    text_copy(r->units, sizeof r->units, t->units);
    if (t->choices)
        result_choice(d, i, r);
    else
        result_number(d, i, r);
    r->numeric = r->value[strspn(r->value, "-0123456789.")] == 0;
    r->status = 'F';
    text_copy(r->comment, sizeof r->comment, result_comment(d, t, r));
}

static void message_results(struct draw *d, struct sim_message *m)
{
    bool any = false;
    for (size_t i = 0; i < d->p->n_tests; i++)
        any = any || draw_reported(d, i);
    if (!any)
        d->panels = ~0U;
    for (size_t i = 0; i < d->p->n_tests; i++)
        if (draw_reported(d, i))
            result_fill(d, i, &m->results[m->n_results++]);
}

static void message_times(struct draw *d, uint64_t index, struct sim_message *m)
{
    int64_t sent = first_sent + (int64_t)(index % 100000000) * d->p->interval;
    int64_t ordered = sent - d->p->turnaround - draw_below(d, 600);
    unsigned person = 1 + draw_below(d, 12);
    time_format(m->sent, sent);
    time_format(m->ordered, ordered);
    time_format(m->collected, ordered + draw_below(d, d->p->turnaround - 120));
    for (size_t i = 0; i < m->n_results; i++) {
        struct sim_result *r = &m->results[i];
        time_format(r->completed, sent - 5 - 3 * (int64_t)(m->n_results - 1 - i));
        snprintf(r->operator_id, sizeof r->operator_id, "OP%02u", person);
    }
}

static void message_histograms(struct draw *d, struct sim_message *m)
{
    if (!d->p->draw)
        return;
    m->n_histograms = d->p->draw(d->value, m->histograms);
    for (size_t i = 0; i < m->n_histograms; i++) {
        unsigned char *channels = m->histograms[i].channels;
        for (size_t k = 0; k < SIM_CHANNELS; k++)
            channels[k] = (unsigned char)(channels[k] - draw_below(d, 1U + channels[k] / 16U));
    }
}

static void message_patient(struct draw *d, struct sim_message *m)
{
    d->sex = m->sex = draw_chance(d, 16) ? 'U' : draw_chance(d, 2) ? 'F' : 'M';
    snprintf(m->patient_id, sizeof m->patient_id, "TEST%06u", draw_below(d, 1000000));
    bool rare = draw_chance(d, 8);
    text_copy(m->last_name, sizeof m->last_name,
              rare ? draw_name(d, rare_last_names, COUNT(rare_last_names))
                   : draw_name(d, last_names, COUNT(last_names)));
    text_copy(m->first_name, sizeof m->first_name,
              m->sex == 'F' ? draw_name(d, women, COUNT(women)) : draw_name(d, men, COUNT(men)));
    unsigned year = 1931 + draw_below(d, 76), month = 1 + draw_below(d, 12), day = 1 + draw_below(d, 28);
    snprintf(m->birth_date, sizeof m->birth_date, "%04u%02u%02u", year, month, day);
    text_copy(m->specimen_type, sizeof m->specimen_type, d->p->specimens[draw_below(d, 2)]);
    m->priority = draw_chance(d, 6) ? 'S' : 'R';
    if (draw_chance(d, 10))
        text_copy(m->comment, sizeof m->comment, draw_name(d, d->p->comments, COUNT(d->p->comments)));
}

static void message_control(struct draw *d, uint64_t seed, struct sim_message *m)
{
    m->qc = true;
    m->qc_level = d->qc_level;
    m->priority = 'R';
    snprintf(m->qc_lot, sizeof m->qc_lot, "%s%u%04u", d->p->prefix, m->qc_level,
             (unsigned)(mix(seed + m->qc_level) % 10000));
    text_copy(m->specimen_type, sizeof m->specimen_type, "CONTROL");
    snprintf(m->comment, sizeof m->comment, "QC LEVEL %u LOT %s", m->qc_level, m->qc_lot);
}

static void message_identity(const struct sim_profile *p, uint64_t stream, uint64_t index, struct sim_message *m)
{
    text_copy(m->instrument, sizeof m->instrument, p->instrument);
    text_copy(m->version, sizeof m->version, p->version);
    snprintf(m->serial, sizeof m->serial, "%s%06u", p->prefix, (unsigned)(stream % 1000000));
    snprintf(m->control_id, sizeof m->control_id, "%08X-%06" PRIu64, (unsigned)(stream >> 32), index);
    text_copy(m->order_code, sizeof m->order_code, p->order_code);
    text_copy(m->order_name, sizeof m->order_name, p->order_name);
    m->action = m->qc ? 'Q' : 'N';
    snprintf(m->specimen_id, sizeof m->specimen_id, "%s%03u%06" PRIu64, m->qc ? "QC" : p->prefix,
             (unsigned)(stream >> 20 & 0xffff) % 1000, index);
}

static void draw_init(struct draw *d, const struct sim_profile *p, uint64_t stream, uint64_t index)
{
    memset(d, 0, sizeof *d);
    d->p = p;
    d->rng = mix(stream ^ mix(index + 1));
    if (index % SIM_QC_EVERY == SIM_QC_EVERY - 1)
        d->qc_level = 1 + (unsigned)(index / SIM_QC_EVERY % 2);
    d->panels = draw_below(d, 256) | 1;
    for (unsigned theme = 1; theme <= 7; theme++)
        d->themes |= (unsigned)draw_chance(d, 8) << theme;
    d->invalid = p->fallible && !d->qc_level && draw_chance(d, 30);
}

const struct sim_profile *sim_profile_find(const char *name)
{
    for (size_t i = 0; i < sim_profiles_count; i++)
        if (!strcmp(sim_profiles[i].name, name))
            return &sim_profiles[i];
    return NULL;
}

const char *sim_profile_names(void)
{
    return "chemistry, hematology, coagulation, urinalysis, immunoassay, bloodgas, molecular";
}

void sim_generate(const struct sim_profile *p, uint64_t seed, uint64_t index, struct sim_message *out)
{
    uint64_t stream = mix(seed + UINT64_C(0x9e3779b97f4a7c15));
    for (const char *c = p->name; *c; c++)
        stream = mix(stream ^ (unsigned char)*c);
    struct draw d;
    draw_init(&d, p, stream, index);
    memset(out, 0, sizeof *out);
    if (d.qc_level) {
        message_control(&d, stream, out);
        draw_control(&d);
    } else {
        message_patient(&d, out);
        draw_patient(&d);
    }
    message_identity(p, stream, index, out);
    message_results(&d, out);
    message_times(&d, index, out);
    message_histograms(&d, out);
}

struct writer {
    struct bytes *out;
    bool ok;
    unsigned fields, components; /* separators owed until the next text */
};

static void write_raw(struct writer *w, const void *data, size_t n)
{
    w->ok = w->ok && bytes_append(w->out, data, n);
}

static void write_owed(struct writer *w)
{
    for (; w->fields; w->fields--)
        write_raw(w, "|", 1);
    for (; w->components; w->components--)
        write_raw(w, "^", 1);
}

static void write_text(struct writer *w, const char *text)
{
    static const struct sim_escapes escapes = {'&', "|^\\&", "FSRE"};
    if (!*text)
        return;
    write_owed(w);
    w->ok = w->ok && sim_text(w->out, text, &escapes);
}

static void write_component(struct writer *w, const char *text)
{
    w->components++;
    write_text(w, text);
}

static void write_skip(struct writer *w, unsigned fields)
{
    w->fields += fields;
    w->components = 0;
}

static void write_field(struct writer *w, const char *text)
{
    write_skip(w, 1);
    write_text(w, text);
}

static void write_code(struct writer *w, char code)
{
    write_field(w, (char[]){code, 0});
}

static void write_number(struct writer *w, size_t n)
{
    char text[24];
    snprintf(text, sizeof text, "%zu", n);
    write_field(w, text);
}

static void write_test(struct writer *w, const char *code)
{
    w->components = 3;
    write_text(w, code);
}

static void write_end(struct writer *w)
{
    write_raw(w, "\r", 1);
    w->fields = w->components = 0;
}

static void write_record(struct writer *w, const char *type, size_t sequence)
{
    write_text(w, type);
    write_number(w, sequence);
}

static void write_header(struct writer *w, const struct sim_message *m)
{
    write_raw(w, "H|\\^&", 5);
    write_field(w, m->control_id);
    write_skip(w, 1);
    write_field(w, m->instrument);
    write_component(w, m->version);
    write_component(w, m->serial);
    write_skip(w, 6);
    write_field(w, "P");
    write_field(w, "LIS2-A2");
    write_field(w, m->sent);
    write_end(w);
}

static void write_patient(struct writer *w, const struct sim_message *m)
{
    write_record(w, "P", 1);
    write_field(w, m->patient_id);
    write_skip(w, 2);
    write_field(w, m->last_name);
    write_component(w, m->first_name);
    write_skip(w, 1);
    write_field(w, m->birth_date);
    write_code(w, m->sex);
    write_end(w);
}

static void write_order_tests(struct writer *w, const struct sim_message *m)
{
    write_skip(w, 1);
    if (m->order_code[0])
        write_test(w, m->order_code);
    for (size_t i = 0; !m->order_code[0] && i < m->n_results; i++) {
        if (i)
            write_raw(w, "\\", 1);
        write_test(w, m->results[i].code);
    }
}

static void write_order(struct writer *w, const struct sim_message *m)
{
    write_record(w, "O", 1);
    write_field(w, m->specimen_id);
    write_skip(w, 1);
    write_order_tests(w, m);
    write_code(w, m->priority);
    write_field(w, m->ordered);
    write_field(w, m->collected);
    write_skip(w, 3);
    write_code(w, m->action);
    write_skip(w, 3);
    write_field(w, m->specimen_type);
    write_skip(w, 6);
    write_field(w, m->sent);
    write_skip(w, 2);
    write_field(w, "F");
    write_end(w);
}

static void write_comment(struct writer *w, const char *text)
{
    if (!*text)
        return;
    write_record(w, "C", 1);
    write_field(w, "I");
    write_field(w, text);
    write_field(w, "G");
    write_end(w);
}

static void write_histogram(struct writer *w, const struct sim_histogram *h, size_t sequence)
{
    write_record(w, "M", sequence);
    write_field(w, "HISTOGRAM");
    write_field(w, h->name);
    write_field(w, "UINT8:base64");
    w->components++;
    write_owed(w);
    w->ok = w->ok && sim_base64(w->out, h->channels, SIM_CHANNELS);
    write_end(w);
}

static void write_result(struct writer *w, const struct sim_message *m, size_t i)
{
    const struct sim_result *r = &m->results[i];
    write_record(w, "R", i + 1);
    write_skip(w, 1);
    write_test(w, r->code);
    write_field(w, r->value);
    write_field(w, r->units);
    write_field(w, r->range);
    write_field(w, r->flag);
    write_skip(w, 1);
    write_code(w, r->status);
    write_skip(w, 1);
    write_field(w, r->operator_id);
    write_skip(w, 1);
    write_field(w, r->completed);
    write_field(w, m->serial);
    write_end(w);
    write_comment(w, r->comment);
}

bool sim_message_astm(const struct sim_message *m, struct bytes *out)
{
    size_t before = out->len;
    struct writer w = {.out = out, .ok = true};
    write_header(&w, m);
    write_patient(&w, m);
    write_order(&w, m);
    write_comment(&w, m->comment);
    for (size_t i = 0; i < m->n_histograms; i++)
        write_histogram(&w, &m->histograms[i], i + 1);
    for (size_t i = 0; i < m->n_results; i++)
        write_result(&w, m, i);
    write_raw(&w, "L|1|N\r", 6);
    if (!w.ok)
        out->len = before;
    return w.ok;
}
