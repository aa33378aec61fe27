#include "sim/hl7.h"

#include "sim/text.h"

#include <stdio.h>

struct writer {
    const struct sim_message *m;
    enum sim_hl7 kind;
    struct bytes *out;
    bool ok;
    unsigned field, component; /* where the next byte goes; numbers are the standard's */
};

struct order {
    size_t number, first, end; /* from 1; its results */
};

bool sim_hl7_parse(const char *name, enum sim_hl7 *kind)
{
    static const char *const names[] = {[SIM_HL7_ORU_231] = "oru-2.3.1",
                                        [SIM_HL7_ORU_251] = "oru-2.5.1",
                                        [SIM_HL7_OUL_251] = "oul-2.5.1",
                                        [SIM_HL7_LAW] = "law"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i])) {
            *kind = (enum sim_hl7)i;
            return true;
        }
    return false;
}

static bool writer_old(const struct writer *w)
{
    return w->kind == SIM_HL7_ORU_231;
}

/* Whether specimens stand before their orders. */
static bool writer_oul(const struct writer *w)
{
    return w->kind == SIM_HL7_OUL_251 || w->kind == SIM_HL7_LAW;
}

static void write_raw(struct writer *w, const void *data, size_t n)
{
    w->ok = w->ok && bytes_append(w->out, data, n);
}

static void write_segment(struct writer *w, const char *name)
{
    write_raw(w, name, strlen(name));
    w->field = 0;
    w->component = 1;
}

static void write_end(struct writer *w)
{
    write_raw(w, "\r", 1);
}

/* Writes the separators up to a place that is not before the last one. */
static void write_place(struct writer *w, unsigned field, unsigned component)
{
    for (; w->field < field; w->field++, w->component = 1)
        write_raw(w, "|", 1);
    for (; w->component < component; w->component++)
        write_raw(w, "^", 1);
}

static void write_component(struct writer *w, unsigned field, unsigned component, const char *text)
{
    static const struct sim_escapes escapes = {'\\', "|^&~\\", "FSTRE"};
    if (!*text)
        return;
    write_place(w, field, component);
    w->ok = w->ok && sim_text(w->out, text, &escapes);
}

static void write_field(struct writer *w, unsigned field, const char *text)
{
    write_component(w, field, 1, text);
}

static void write_letter(struct writer *w, unsigned field, char letter)
{
    write_field(w, field, (char[]){letter, 0});
}

static void write_number(struct writer *w, unsigned field, size_t n)
{
    char text[24];
    snprintf(text, sizeof text, "%zu", n);
    write_field(w, field, text);
}

static void write_code(struct writer *w, unsigned field, const char *code, const char *name)
{
    write_field(w, field, code);
    write_component(w, field, 2, name);
    write_component(w, field, 3, *code ? "99KS" : "");
}

static void write_test(struct writer *w, unsigned field, const struct sim_result *r)
{
    write_code(w, field, r->code, r->name);
    write_component(w, field, 4, r->loinc);
    write_component(w, field, 6, *r->loinc ? "LN" : "");
}

static void write_header(struct writer *w)
{
    static const char *const types[][3] = {[SIM_HL7_ORU_231] = {"ORU", "R01", ""},
                                           [SIM_HL7_ORU_251] = {"ORU", "R01", "ORU_R01"},
                                           [SIM_HL7_OUL_251] = {"OUL", "R22", "OUL_R22"},
                                           [SIM_HL7_LAW] = {"OUL", "R22", "OUL_R22"}};
    write_segment(w, "MSH|^~\\&");
    w->field = 2;
    write_field(w, 3, w->m->instrument);
    write_field(w, 4, w->m->serial);
    write_field(w, 7, w->m->sent);
    for (unsigned i = 0; i < 3; i++)
        write_component(w, 9, i + 1, types[w->kind][i]);
    write_field(w, 10, w->m->control_id);
    write_field(w, 11, "P");
    write_field(w, 12, writer_old(w) ? "2.3.1" : "2.5.1");
    if (writer_old(w) && w->m->qc)
        write_field(w, 16, "2");
    write_field(w, 15, w->kind == SIM_HL7_LAW ? "NE" : "");
    write_field(w, 16, w->kind == SIM_HL7_LAW ? "AL" : "");
    write_field(w, 18, "UNICODE UTF-8");
    if (w->kind == SIM_HL7_LAW) {
        write_field(w, 21, "LAB-29");
        write_component(w, 21, 2, "IHE");
    }
    write_end(w);
}

static void write_patient(struct writer *w)
{
    if (w->m->qc)
        return;
    write_segment(w, "PID");
    write_number(w, 1, 1);
    write_field(w, 3, w->m->patient_id);
    write_field(w, 5, w->m->last_name);
    write_component(w, 5, 2, w->m->first_name);
    write_field(w, 7, w->m->birth_date);
    write_letter(w, 8, w->m->sex);
    write_end(w);
}

static void write_specimen(struct writer *w)
{
    write_segment(w, "SPM");
    write_number(w, 1, 1);
    write_field(w, 2, w->m->specimen_id);
    write_code(w, 4, w->m->specimen_type, "");
    write_field(w, 11, w->m->qc ? "Q" : "P");
    write_component(w, 11, 2, w->m->qc ? "Control specimen" : "Patient");
    write_component(w, 11, 3, "HL70369");
    write_field(w, 17, w->m->collected);
    write_end(w);
}

/* ORC and OBR have the placer's and the filler's number at the same places. */
static void write_order_numbers(struct writer *w, const struct order *o)
{
    char filler[64];
    snprintf(filler, sizeof filler, "%s-%zu", w->m->specimen_id, o->number);
    write_field(w, 2, w->m->specimen_id);
    write_field(w, 3, writer_old(w) ? w->m->specimen_id : filler);
}

static void write_common_order(struct writer *w, const struct order *o)
{
    write_segment(w, "ORC");
    write_field(w, 1, "RE");
    write_order_numbers(w, o);
    write_field(w, 5, "CM");
    write_end(w);
}

static void write_request(struct writer *w, const struct order *o)
{
    write_segment(w, "OBR");
    write_number(w, 1, o->number);
    write_order_numbers(w, o);
    if (w->m->order_code[0])
        write_code(w, 4, w->m->order_code, w->m->order_name);
    else
        write_test(w, 4, &w->m->results[o->first]);
    write_letter(w, 5, w->m->priority);
    write_field(w, 6, w->m->ordered);
    write_field(w, 7, w->m->collected);
    if (writer_old(w))
        write_field(w, 15, w->m->specimen_type);
    write_field(w, 22, w->m->sent);
    write_field(w, 25, "F");
    write_end(w);
}

static void write_comment(struct writer *w, const char *text)
{
    if (!*text)
        return;
    write_segment(w, "NTE");
    write_number(w, 1, 1);
    write_field(w, 2, "L");
    write_field(w, 3, text);
    write_end(w);
}

static bool value_beyond(const char *value)
{
    return (*value == '<' || *value == '>') && value[1] && !value[1 + strspn(value + 1, "-0123456789.")];
}

static void write_value(struct writer *w, const struct sim_result *r)
{
    if (value_beyond(r->value)) {
        write_letter(w, 5, *r->value);
        write_component(w, 5, 2, r->value + 1);
    } else {
        write_field(w, 5, r->value);
    }
}

static void write_equipment(struct writer *w)
{
    if (writer_old(w))
        return;
    write_field(w, 18, w->m->serial);
    write_component(w, 18, 2, w->m->instrument);
}

static void write_result(struct writer *w, const struct sim_result *r, size_t number)
{
    write_segment(w, "OBX");
    write_number(w, 1, number);
    write_field(w, 2, r->numeric ? "NM" : value_beyond(r->value) ? "SN" : "ST");
    write_test(w, 3, r);
    write_value(w, r);
    write_field(w, 6, r->units);
    write_field(w, 7, r->range);
    write_field(w, 8, r->flag);
    write_letter(w, 11, r->status);
    if (writer_old(w))
        write_field(w, 14, r->completed);
    write_field(w, 16, r->operator_id);
    write_equipment(w);
    if (!writer_old(w))
        write_field(w, 19, r->completed);
    write_end(w);
    write_comment(w, r->comment);
}

static void write_histogram(struct writer *w, const struct sim_histogram *h, size_t number)
{
    char code[24], name[24];
    snprintf(code, sizeof code, "HIST-%s", h->name);
    snprintf(name, sizeof name, "%s histogram", h->name);
    write_segment(w, "OBX");
    write_number(w, 1, number);
    write_field(w, 2, "ED");
    write_code(w, 3, code, name);
    write_component(w, 5, 2, "Application");
    write_component(w, 5, 3, "Octet-stream");
    write_component(w, 5, 4, "Base64");
    write_place(w, 5, 5);
    w->ok = w->ok && sim_base64(w->out, h->channels, SIM_CHANNELS);
    write_field(w, 11, "F");
    write_equipment(w);
    write_end(w);
}

static void write_results(struct writer *w, const struct order *o)
{
    size_t number = 1;
    for (size_t i = o->first; i < o->end; i++)
        write_result(w, &w->m->results[i], number++);
    for (size_t i = 0; o->end == w->m->n_results && i < w->m->n_histograms; i++)
        write_histogram(w, &w->m->histograms[i], number++);
}

static void write_order(struct writer *w, const struct order *o)
{
    if (w->kind == SIM_HL7_ORU_251)
        write_common_order(w, o);
    write_request(w, o);
    if (writer_oul(w))
        write_common_order(w, o);
    write_comment(w, o->number == 1 ? w->m->comment : "");
    write_results(w, o);
    if (w->kind == SIM_HL7_ORU_251)
        write_specimen(w);
}

static void write_orders(struct writer *w)
{
    size_t results = w->m->n_results;
    if (w->m->order_code[0])
        write_order(w, &(struct order){1, 0, results});
    for (size_t i = 0; !w->m->order_code[0] && i < results; i++)
        write_order(w, &(struct order){i + 1, i, i + 1});
}

bool sim_message_hl7(const struct sim_message *m, enum sim_hl7 kind, struct bytes *out)
{
    size_t before = out->len;
    struct writer w = {.m = m, .kind = kind, .out = out, .ok = true};
    write_header(&w);
    write_patient(&w);
    if (writer_oul(&w))
        write_specimen(&w);
    write_orders(&w);
    if (!w.ok)
        out->len = before;
    return w.ok;
}
