#include "sim/profile.h"

#include "tap.h"

static const char *const names[] = {"chemistry",   "hematology", "coagulation", "urinalysis",
                                    "immunoassay", "bloodgas",   "molecular"};

enum { NAMES = sizeof names / sizeof *names };

static const struct sim_profile *found(const char *name)
{
    const struct sim_profile *p = sim_profile_find(name);
    if (!p)
        abort();
    return p;
}

static struct bytes written(const char *name, uint64_t seed, uint64_t index)
{
    static struct sim_message m;
    struct bytes b = {0};
    sim_generate(found(name), seed, index, &m);
    if (!sim_message_astm(&m, &b))
        abort();
    return b;
}

static bool bytes_equal(const struct bytes *a, const struct bytes *b)
{
    return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

static void names_are_found(void)
{
    char list[256] = "";
    for (size_t i = 0; i < NAMES; i++) {
        ok(sim_profile_find(names[i]) != NULL, "there is a profile %s", names[i]);
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "", names[i]);
    }
    is_str(sim_profile_names(), list, "all are named for people");
    ok(!sim_profile_find("serology") && !sim_profile_find("") && !sim_profile_find("chemistry "),
       "others are not there");
}

static void depends_on_its_arguments_only(const char *name)
{
    bool same = true, by_index = true, by_seed = true;
    for (uint64_t i = 0; i < 200; i++) {
        struct bytes first = written(name, 1, i), other = written(name, 1, i + 1), seed = written(name, 2, i);
        struct bytes again = written(name, 1, i);
        same = same && bytes_equal(&first, &again);
        by_index = by_index && !bytes_equal(&first, &other);
        by_seed = by_seed && !bytes_equal(&first, &seed);
        bytes_free(&first);
        bytes_free(&other);
        bytes_free(&seed);
        bytes_free(&again);
    }
    ok(same, "%s: the same seed and index give the same bytes", name);
    ok(by_index, "%s: another index gives others", name);
    ok(by_seed, "%s: another seed gives others", name);
}

static void fills_the_struct_whole(const char *name)
{
    static struct sim_message a, b;
    memset(&a, 0x55, sizeof a);
    memset(&b, 0xaa, sizeof b);
    bool same = true;
    for (uint64_t i = 0; i < 40; i++) {
        sim_generate(found(name), 3, i, &a);
        sim_generate(found(name), 3, i, &b);
        same = same && !memcmp(&a, &b, sizeof a);
    }
    ok(same, "%s: what was in the struct before does not matter", name);
}

static void takes_any_number(const char *name)
{
    static const uint64_t numbers[] = {0, 1, UINT32_MAX, INT64_MAX, UINT64_MAX};
    bool good = true;
    for (size_t s = 0; s < 5; s++)
        for (size_t i = 0; i < 5; i++) {
            struct bytes b = written(name, numbers[s], numbers[i]);
            good = good && b.len > 50;
            bytes_free(&b);
        }
    ok(good, "%s: seed and index may be any number", name);
}

static bool utf8_text(const unsigned char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t more = s[i] < 0x80 ? 0 : s[i] >= 0xc2 && s[i] < 0xe0 ? 1 : s[i] >= 0xe0 && s[i] < 0xf0 ? 2 : 9;
        if (more > n - i - 1 || (s[i] < 0x20 && s[i] != '\r') || s[i] == 0x7f)
            return false;
        for (i++; more; more--)
            if ((s[i++] & 0xc0) != 0x80)
                return false;
    }
    return true;
}

/* Field n of the record, numbered as the standard does; empty when it has fewer. Good until the fourth call after. */
static const char *field(const char *record, size_t n)
{
    static char text[4][2048];
    static unsigned turn;
    char *to = text[turn++ % 4];
    while (--n && *record)
        record += strcspn(record, "|") + (record[strcspn(record, "|")] == '|');
    size_t len = strcspn(record, "|");
    memcpy(to, record, len);
    to[len] = 0;
    return to;
}

static size_t fields(const char *record)
{
    size_t n = 1;
    for (const char *c = record; *c; c++)
        n += *c == '|';
    return n;
}

static bool record_good(const char *record, const char *before)
{
    static const struct {
        char type;
        const char *after;
        size_t min, max;
    } rules[] = {{'H', "", 14, 14},  {'P', "H", 2, 9},      {'O', "P", 26, 26}, {'C', "OR", 5, 5},
                 {'M', "OCM", 5, 5}, {'R', "OCMR", 14, 14}, {'L', "RC", 3, 3}};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (*record == rules[i].type)
            return record[1] == '|' && (*before ? strchr(rules[i].after, *before) != NULL : *record == 'H') &&
                   fields(record) >= rules[i].min && fields(record) <= rules[i].max;
    return false;
}

static bool field_is(const char *record, size_t n, const char *want)
{
    return !strcmp(field(record, n), want);
}

static bool header_holds(const char *r, const struct sim_message *m)
{
    char sender[96];
    snprintf(sender, sizeof sender, "%s^%s^%s", m->instrument, m->version, m->serial);
    return field_is(r, 2, "\\^&") && field_is(r, 3, m->control_id) && field_is(r, 5, sender) && field_is(r, 12, "P") &&
           field_is(r, 13, "LIS2-A2") && field_is(r, 14, m->sent);
}

static bool order_holds(const char *r, const struct sim_message *m)
{
    char first[32];
    snprintf(first, sizeof first, "^^^%s", m->order_code[0] ? m->order_code : m->results[0].code);
    return field_is(r, 3, m->specimen_id) && !strncmp(field(r, 5), first, strlen(first)) &&
           field(r, 6)[0] == m->priority && field_is(r, 7, m->ordered) && field_is(r, 8, m->collected) &&
           field(r, 12)[0] == m->action && field_is(r, 16, m->specimen_type) && field_is(r, 26, "F");
}

static bool result_holds(const char *r, const struct sim_message *m, size_t i)
{
    const struct sim_result *want = &m->results[i];
    char sequence[24], test[32];
    snprintf(sequence, sizeof sequence, "%zu", i + 1);
    snprintf(test, sizeof test, "^^^%s", want->code);
    return field_is(r, 2, sequence) && field_is(r, 3, test) && field_is(r, 4, want->value) && *want->value &&
           field_is(r, 5, want->units) && field_is(r, 6, want->range) && field_is(r, 7, want->flag) &&
           field_is(r, 9, "F") && field_is(r, 11, want->operator_id) && field_is(r, 13, want->completed) &&
           field_is(r, 14, m->serial);
}

static bool patient_holds(const char *r, const struct sim_message *m)
{
    if (m->qc)
        return fields(r) == 2;
    return field_is(r, 3, m->patient_id) && field_is(r, 8, m->birth_date) && field(r, 9)[0] == m->sex &&
           strchr(field(r, 6), '^');
}

static bool record_holds(const char *r, const struct sim_message *m, size_t *results)
{
    switch (*r) {
    case 'H':
        return header_holds(r, m);
    case 'P':
        return patient_holds(r, m);
    case 'O':
        return order_holds(r, m);
    case 'R':
        return *results < m->n_results && result_holds(r, m, (*results)++);
    default:
        return true;
    }
}

static bool message_good(const struct sim_message *m, struct bytes *b)
{
    const char *before = "";
    size_t results = 0;
    if (!utf8_text(b->data, b->len) || !bytes_append(b, "", 1))
        return false;
    for (char *r = (char *)b->data, *end; *r; r = end + 1) {
        end = strchr(r, '\r');
        if (!end)
            return false;
        *end = 0;
        if (!record_good(r, before) || !record_holds(r, m, &results))
            return !ok(false, "record as the standard has it: %s", r);
        before = r;
    }
    return *before == 'L' && results == m->n_results;
}

static void writes_records(const char *name)
{
    static struct sim_message m;
    struct bytes b = {0};
    bool good = true;
    for (uint64_t i = 0; i < 2000 && good; i++) {
        b.len = 0;
        sim_generate(found(name), 4, i, &m);
        good = sim_message_astm(&m, &b) && message_good(&m, &b);
    }
    ok(good, "%s: H P O, then C and M, R and C, L; UTF-8, no control byte but CR; every field in its place", name);
    bytes_free(&b);
}

/* Thousandths; *s moves behind the number. */
static bool number_read(const char **s, long long *v)
{
    bool minus = **s == '-';
    const char *c = *s + minus;
    if (*c < '0' || *c > '9')
        return false;
    for (*v = 0; *c >= '0' && *c <= '9'; c++)
        *v = *v * 10 + (*c - '0');
    int digits = 0;
    if (*c == '.')
        for (c++; *c >= '0' && *c <= '9'; c++, digits++)
            *v = *v * 10 + (*c - '0');
    for (; digits < 3; digits++)
        *v *= 10;
    *v = minus ? -*v : *v;
    *s = c;
    return true;
}

/* What a reader of value and range would flag: L N H, 0 when the range is empty, ? when it can't be told. */
static char flag_expected(const char *value, const char *range)
{
    char beyond = *value == '<' || *value == '>' ? *value++ : 0, open = *range == '<' || *range == '>' ? *range++ : 0;
    long long v, low, high;
    if (!*range)
        return 0;
    if (!number_read(&value, &v) || *value || !number_read(&range, &low))
        return '?';
    high = low;
    if (!open && (*range++ != '-' || !number_read(&range, &high) || low > high))
        return '?';
    if (*range)
        return '?';
    if (beyond == '<')
        return open != '<' && v <= low ? 'L' : open == '<' && v <= high ? 'N' : '?';
    if (beyond == '>')
        return open != '>' && v >= high ? 'H' : open == '>' && v >= low ? 'N' : '?';
    if (open)
        return open == '<' ? (v >= high ? 'H' : 'N') : (v <= low ? 'L' : 'N');
    return v < low ? 'L' : v > high ? 'H' : 'N';
}

static bool flag_good(const struct sim_message *m, const struct sim_result *r)
{
    const char *c = r->value + (*r->value == '<' || *r->value == '>');
    long long v;
    bool number = number_read(&c, &v) && !*c;
    if (r->numeric != (number && *r->value != '<' && *r->value != '>'))
        return false;
    if (number) {
        bool twice = r->flag[1] == r->flag[0] && (*r->flag == 'L' || *r->flag == 'H') && !r->flag[2] && !m->qc;
        return r->flag[0] == flag_expected(r->value, r->range) && (!r->flag[0] || !r->flag[1] || twice);
    }
    if (!strcmp(r->value, "INVALID"))
        return !*r->flag && *r->comment;
    return strcmp(r->value, r->range) ? !strcmp(r->flag, "A") || !strcmp(r->flag, "N") : !strcmp(r->flag, "N");
}

static void flags_agree(const char *name)
{
    static struct sim_message m;
    const struct sim_result *bad = NULL;
    for (uint64_t i = 0; i < 2000 && !bad; i++) {
        sim_generate(found(name), 5, i, &m);
        for (size_t k = 0; k < m.n_results && !bad; k++)
            if (!flag_good(&m, &m.results[k]))
                bad = &m.results[k];
    }
    ok(!bad, "%s: flags agree with values and ranges: %s %s (%s) %s", name, bad ? bad->code : "",
       bad ? bad->value : "all", bad ? bad->range : "", bad ? bad->flag : "");
}

static int text_compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool all_differ(char (*ids)[32], size_t n)
{
    qsort(ids, n, sizeof *ids, text_compare);
    for (size_t i = 1; i < n; i++)
        if (!strcmp(ids[i - 1], ids[i]))
            return false;
    return true;
}

static void identifiers_are_unique(const char *name)
{
    enum { N = 10000 };
    static char controls[N][32], specimens[N][32];
    static struct sim_message m;
    for (size_t i = 0; i < N; i++) {
        sim_generate(found(name), 6, i, &m);
        memcpy(controls[i], m.control_id, sizeof *controls);
        memcpy(specimens[i], m.specimen_id, sizeof *specimens);
    }
    ok(all_differ(controls, N), "%s: %d control ids, all different", name, N);
    ok(all_differ(specimens, N), "%s: %d specimen ids, all different", name, N);
}

static bool time_good(const char *t)
{
    return strlen(t) == 14 && strspn(t, "0123456789") == 14 && strncmp(t, "20251231", 8) > 0 && t[4] <= '1' &&
           t[6] <= '3' && t[8] <= '2' && t[10] <= '5' && t[12] <= '5';
}

static void times_are_in_order(const char *name)
{
    static struct sim_message m;
    char last[16] = "";
    bool good = true;
    for (uint64_t i = 0; i < 2000; i++) {
        sim_generate(found(name), 7, i, &m);
        good = good && strcmp(last, m.sent) < 0 && strcmp(m.ordered, m.collected) <= 0;
        const char *before = m.collected;
        for (size_t k = 0; k < m.n_results; before = m.results[k++].completed)
            good = good && time_good(m.results[k].completed) && strcmp(before, m.results[k].completed) < 0;
        good = good && time_good(m.ordered) && time_good(m.sent) && strcmp(before, m.sent) < 0;
        memcpy(last, m.sent, sizeof last);
    }
    ok(good, "%s: ordered, collected, measured, sent: in this order, from message to message too", name);
    sim_generate(found(name), 7, 0, &m);
    is_str(m.sent, "20260105080000", "%s: the first message is of a fixed day", name);
}

static void controls_come_regularly(const char *name)
{
    static struct sim_message m;
    bool good = true, levels[3] = {false};
    for (uint64_t i = 0; i < 400; i++) {
        sim_generate(found(name), 8, i, &m);
        bool qc = i % SIM_QC_EVERY == SIM_QC_EVERY - 1;
        good = good && m.qc == qc && m.action == (qc ? 'Q' : 'N') && !*m.patient_id == qc && !*m.last_name == qc &&
               !m.sex == qc && !*m.qc_lot == !qc && (m.qc_level > 0) == qc && m.qc_level <= 2;
        levels[m.qc_level % 3] = true;
    }
    ok(good && levels[1] && levels[2], "%s: every 20th message is a control, of either level and of no patient", name);
}

static bool loinc_good(const char *code)
{
    size_t digits = strspn(code, "0123456789");
    if (digits < 3 || digits > 7 || code[digits] != '-' || strlen(code) != digits + 2)
        return false;
    int sum = 0;
    for (size_t i = digits; i-- > 0;) {
        int value = (code[i] - '0') * ((digits - i) % 2 ? 2 : 1);
        sum += value / 10 + value % 10;
    }
    return (10 - sum % 10) % 10 == code[digits + 1] - '0';
}

static void texts_fit(const char *name)
{
    static struct sim_message m;
    const char *bad = NULL;
    for (uint64_t i = 0; i < 1000 && !bad; i++) {
        sim_generate(found(name), 9, i, &m);
        for (size_t k = 0; k < m.n_results && !bad; k++) {
            const struct sim_result *r = &m.results[k];
            bool fit = *r->code && *r->name && strlen(r->code) + 1 < sizeof r->code &&
                       strlen(r->name) + 1 < sizeof r->name && strlen(r->units) + 1 < sizeof r->units &&
                       strlen(r->value) + 1 < sizeof r->value && strlen(r->range) + 1 < sizeof r->range &&
                       strlen(r->comment) + 1 < sizeof r->comment && r->status == 'F';
            if (!fit || (*r->loinc && !loinc_good(r->loinc)))
                bad = r->name;
        }
        if (strlen(m.comment) + 1 >= sizeof m.comment || strlen(m.last_name) + 1 >= sizeof m.last_name ||
            strlen(m.specimen_type) + 1 >= sizeof m.specimen_type || strlen(m.control_id) + 1 >= sizeof m.control_id)
            bad = m.control_id;
    }
    ok(!bad, "%s: no text is cut, and each LOINC has its check digit: %s", name, bad ? bad : "all");
}

static bool said(const char *name, const char *text)
{
    bool there = false;
    for (uint64_t i = 0; i < 3000 && !there; i++) {
        struct bytes b = written(name, 10, i);
        there = bytes_append(&b, "", 1) && strstr((char *)b.data, text);
        bytes_free(&b);
    }
    return there;
}

static void says_what_such_instruments_say(void)
{
    static const struct {
        const char *profile, *text;
    } wanted[] = {
        {"chemistry", "|^^^K|"},
        {"chemistry", "|HH|"},
        {"chemistry", "|LL|"},
        {"chemistry", "|>700|U/L|"},
        {"chemistry", "&F&"},
        {"chemistry", "&E&"},
        {"hematology", "\rM|1|HISTOGRAM"},
        {"hematology", "|L||F|"},
        {"coagulation", "|^^^INR|"},
        {"coagulation", "|<0.19|"},
        {"urinalysis", "|NEG||NEG|N|"},
        {"urinalysis", "|1+||NEG|A|"},
        {"urinalysis", "|<5|/HPF|<5|N|"},
        {"immunoassay", "|<0.010|"},
        {"immunoassay", "|>10.000|ug/L|"},
        {"immunoassay", "|REACTIVE|"},
        {"bloodgas", "|^^^TEMP|"},
        {"bloodgas", "|-2.0-3.0|"},
        {"molecular", "|DETECTED|"},
        {"molecular", "|NOT DETECTED|"},
        {"molecular", "|INVALID|"},
        {"molecular", "-CT|"},
        {"molecular", "\rC|1|I|"},
        {"chemistry", "^J\xc3\xbcrgen|"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        ok(said(wanted[i].profile, wanted[i].text), "%s: says %s", wanted[i].profile,
           *wanted[i].text == '\r' ? wanted[i].text + 1 : wanted[i].text);
}

static long long result_value(const struct sim_message *m, const char *code)
{
    long long v = 0;
    for (size_t i = 0; i < m->n_results; i++) {
        const char *value = m->results[i].value + strspn(m->results[i].value, "<>");
        if (!strcmp(m->results[i].code, code) && !number_read(&value, &v))
            abort();
    }
    return v;
}

static void calculated_values_follow(void)
{
    static struct sim_message m;
    bool sums = true, counts = true, many = true;
    for (uint64_t i = 0; i < 2000; i++) {
        sim_generate(found("hematology"), 11, i, &m);
        many = many && m.n_results >= 18 && m.n_histograms == 3;
        if (m.qc)
            continue;
        sums = sums && result_value(&m, "NEUT%") + result_value(&m, "LYMPH%") + result_value(&m, "MONO%") +
                               result_value(&m, "EO%") + result_value(&m, "BASO%") ==
                           100000;
        long long apart = result_value(&m, "WBC") * result_value(&m, "NEUT%") / 100000 - result_value(&m, "NEUT#");
        counts = counts && apart >= -10 && apart <= 10;
    }
    ok(many, "hematology: at least 18 results and three histograms");
    ok(sums, "hematology: the differential adds up to 100 %%");
    ok(counts, "hematology: absolute counts are shares of the leukocytes");
    bool ratio = true;
    for (uint64_t i = 0; i < 2000; i++) {
        sim_generate(found("coagulation"), 11, i, &m);
        long long apart = result_value(&m, "PT") / 12 - result_value(&m, "INR");
        ratio = ratio && (m.qc || *m.results[0].value == '>' || (apart >= -10 && apart <= 10));
    }
    ok(ratio, "coagulation: INR follows the prothrombin time");
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

static void histograms_survive(void)
{
    static struct sim_message m;
    struct bytes b = {0};
    sim_generate(found("hematology"), 12, 0, &m);
    ok(sim_message_astm(&m, &b) && bytes_append(&b, "", 1), "a message with histograms is written");
    const char *at = (char *)b.data;
    for (size_t i = 0; i < m.n_histograms; i++) {
        char text[1024] = "";
        unsigned char channels[1024];
        at = strstr(at, "UINT8:base64^") + strlen("UINT8:base64^");
        memcpy(text, at, strcspn(at, "\r"));
        size_t n = base64_read(text, channels);
        is_int(strlen(text) % 4, 0, "%s: base64 is padded", m.histograms[i].name);
        is_bytes(channels, n, m.histograms[i].channels, SIM_CHANNELS, "%s: and decodes", m.histograms[i].name);
    }
    bytes_free(&b);
}

static void sexes_differ(void)
{
    static struct sim_message m;
    bool good = true;
    unsigned tests = 0;
    for (uint64_t i = 0; i < 2000; i++) {
        sim_generate(found("immunoassay"), 13, i, &m);
        for (size_t k = 0; k < m.n_results && !m.qc; k++) {
            bool of_men = !strcmp(m.results[k].code, "PSA"), of_women = !strcmp(m.results[k].code, "HCG");
            good = good && (!of_men || m.sex == 'M') && (!of_women || m.sex == 'F');
            tests += of_men || of_women;
        }
    }
    ok(good && tests, "immunoassay: PSA is measured in men, HCG in women");
}

static void writer_escapes(void)
{
    struct sim_message m = {.instrument = "A|B",
                            .version = "1",
                            .serial = "S^1",
                            .control_id = "C\\1",
                            .sent = "20260105080000",
                            .action = 'N',
                            .patient_id = "P&1",
                            .last_name = "TEST&F&",
                            .first_name = "A^B\nC\x7f",
                            .birth_date = "19700101",
                            .sex = 'U',
                            .specimen_id = "X",
                            .specimen_type = "SERUM",
                            .priority = 'R',
                            .ordered = "20260105070000",
                            .n_results = 2};
    m.results[0] = (struct sim_result){.code = "T\r1", .value = "1^2", .status = 'F', .comment = "\xc3\x9c|"};
    m.results[1] = (struct sim_result){.code = "T2", .value = "2", .units = "10^3/uL", .flag = "N", .status = 'F'};
    static const char want[] = "kept"
                               "H|\\^&|C&R&1||A&F&B^1^S&S&1|||||||P|LIS2-A2|20260105080000\r"
                               "P|1|P&E&1|||TEST&E&F&E&^A&S&B&X0A&C&X7F&||19700101|U\r"
                               "O|1|X||^^^T&X0D&1\\^^^T2|R|20260105070000|||||N||||SERUM|||||||20260105080000|||F\r"
                               "R|1|^^^T&X0D&1|1&S&2|||||F|||||S&S&1\r"
                               "C|1|I|\xc3\x9c&F&|G\r"
                               "R|2|^^^T2|2|10&S&3/uL||N||F|||||S&S&1\r"
                               "L|1|N\r";
    struct bytes b = {0};
    ok(bytes_puts(&b, "kept") && sim_message_astm(&m, &b), "a message is appended");
    is_bytes(b.data, b.len, want, sizeof want - 1, "with delimiters and control bytes escaped, empty ends left out");
    bytes_free(&b);
}

static void writer_fails_cleanly(void)
{
    static struct sim_message m;
    sim_generate(found("chemistry"), 14, 0, &m);
    struct bytes full = {NULL, SIZE_MAX / 2, SIZE_MAX / 2};
    ok(!sim_message_astm(&m, &full) && full.len == SIZE_MAX / 2, "without memory nothing is appended");
}

int main(void)
{
    names_are_found();
    for (size_t i = 0; i < NAMES; i++) {
        depends_on_its_arguments_only(names[i]);
        fills_the_struct_whole(names[i]);
        takes_any_number(names[i]);
        writes_records(names[i]);
        flags_agree(names[i]);
        identifiers_are_unique(names[i]);
        times_are_in_order(names[i]);
        controls_come_regularly(names[i]);
        texts_fit(names[i]);
    }
    says_what_such_instruments_say();
    calculated_values_follow();
    histograms_survive();
    sexes_differ();
    writer_escapes();
    writer_fails_cleanly();
    return done();
}
