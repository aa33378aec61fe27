#include "out/result.h"

#include "base/date.h"
#include "out/json.h"

struct result_item {
    size_t at, len;
};

enum shape { TEXT, LIST, RAW };

static const struct {
    const char *name;
    enum shape shape;
    const char *joint;
} keys[RESULT_KEYS] = {
    [RESULT_PROTOCOL] = {"protocol", TEXT, NULL},
    [RESULT_MESSAGE_ID] = {"message_id", TEXT, NULL},
    [RESULT_LINK] = {"link", TEXT, NULL},
    [RESULT_SOURCE] = {"source", TEXT, NULL},
    [RESULT_INSTRUMENT] = {"instrument", TEXT, NULL},
    [RESULT_RECEIVED] = {"received", TEXT, NULL},
    [RESULT_PATIENT_ID] = {"patient_id", TEXT, NULL},
    [RESULT_PATIENT_NAME] = {"patient_name", TEXT, NULL},
    [RESULT_SPECIMEN_ID] = {"specimen_id", TEXT, NULL},
    [RESULT_PLACER_ID] = {"placer_id", TEXT, NULL},
    [RESULT_FILLER_ID] = {"filler_id", TEXT, NULL},
    [RESULT_ORDER_ID] = {"order_id", TEXT, NULL},
    [RESULT_TEST] = {"test", TEXT, NULL},
    [RESULT_TEST_ID] = {"test_id", LIST, "^"},
    [RESULT_TEST_NAME] = {"test_name", TEXT, NULL},
    [RESULT_TEST_SYSTEM] = {"test_system", TEXT, NULL},
    [RESULT_SUB_ID] = {"sub_id", TEXT, NULL},
    [RESULT_VALUE] = {"value", TEXT, NULL},
    [RESULT_VALUE_TYPE] = {"value_type", TEXT, NULL},
    [RESULT_VALUE_PARTS] = {"value_parts", RAW, NULL},
    [RESULT_UNITS] = {"units", TEXT, NULL},
    [RESULT_REFERENCE_RANGE] = {"reference_range", TEXT, NULL},
    [RESULT_FLAGS] = {"flags", LIST, ","},
    [RESULT_STATUS] = {"status", TEXT, NULL},
    [RESULT_OBSERVED] = {"observed", TEXT, NULL},
    [RESULT_OBSERVED_RAW] = {"observed_raw", TEXT, NULL},
    [RESULT_OPERATOR] = {"operator", TEXT, NULL},
    [RESULT_COMMENTS] = {"comments", LIST, "\n"},
    [RESULT_QC] = {"qc", TEXT, NULL},
};

void result_begin(struct result *r)
{
    r->text.len = r->items.len = 0;
    memset(r->slots, 0, sizeof r->slots);
    r->qc = false;
}

bool result_take(struct result *r, enum result_key key, size_t from)
{
    struct result_item item = {from, r->text.len - from};
    if (!item.len && keys[key].shape != LIST)
        return true;
    struct result_slot *slot = &r->slots[key];
    if (!slot->count++)
        slot->first = r->items.len / sizeof item;
    return bytes_append(&r->items, &item, sizeof item);
}

bool result_set(struct result *r, enum result_key key, const void *text, size_t n)
{
    size_t from = r->text.len;
    return bytes_append(&r->text, text, n) && result_take(r, key, from);
}

bool result_observed(struct result *r, const void *text, size_t n)
{
    char iso[40];
    if (date_iso(text, n, iso))
        return result_set(r, RESULT_OBSERVED, iso, strlen(iso));
    return result_set(r, RESULT_OBSERVED_RAW, text, n);
}

static size_t digits(const unsigned char *p, size_t n)
{
    size_t i = 0;
    while (i < n && p[i] >= '0' && p[i] <= '9')
        i++;
    return i;
}

const char *result_value_type(const void *text, size_t n)
{
    const unsigned char *p = text;
    size_t i = n && (*p == '-' || *p == '+');
    size_t whole = digits(p + i, n - i), part = 0;
    i += whole;
    if (i < n && p[i] == '.') {
        part = digits(p + i + 1, n - i - 1);
        i += 1 + part;
    }
    if (whole + part && i < n && (p[i] | 0x20) == 'e') {
        size_t sign = i + 1 < n && (p[i + 1] == '-' || p[i + 1] == '+');
        size_t power = digits(p + i + 1 + sign, n - i - 1 - sign);
        i = power ? i + 1 + sign + power : i;
    }
    return whole + part && i == n ? "number" : "text";
}

static struct result_item item_at(const struct result *r, size_t index)
{
    struct result_item item;
    memcpy(&item, r->items.data + index * sizeof item, sizeof item);
    return item;
}

static bool json_value(struct bytes *out, const struct result *r, enum result_key key)
{
    const struct result_slot *slot = &r->slots[key];
    bool list = keys[key].shape == LIST;
    bool fine = !list || bytes_puts(out, "[");
    for (size_t i = 0; i < slot->count && fine; i++) {
        struct result_item item = item_at(r, slot->first + i);
        const unsigned char *text = item.len ? r->text.data + item.at : (const unsigned char *)"";
        fine = (!i || bytes_puts(out, ",")) && (keys[key].shape == RAW ? bytes_append(out, text, item.len)
                                                                      : json_string(out, text, item.len));
    }
    return fine && (!list || bytes_puts(out, "]"));
}

bool result_json(struct bytes *out, const struct result *r)
{
    bool fine = bytes_puts(out, "{\"type\":\"result\"");
    for (enum result_key key = 0; key < RESULT_QC && fine; key++)
        if (r->slots[key].count)
            fine = json_key(out, keys[key].name) && json_value(out, r, key);
    return fine && json_key(out, "qc") && bytes_puts(out, r->qc ? "true}\n" : "false}\n");
}

bool tsv_cell(struct bytes *out, const void *text, size_t n)
{
    const unsigned char *p = text;
    if (n > SIZE_MAX / 2 || !bytes_reserve(out, 2 * n))
        return false;
    for (size_t i = 0; i < n; i++) {
        const char *escaped = p[i] == '\t'   ? "\\t"
                              : p[i] == '\n' ? "\\n"
                              : p[i] == '\r' ? "\\r"
                              : p[i] == '\\' ? "\\\\"
                                             : NULL;
        if (escaped) {
            out->data[out->len++] = (unsigned char)escaped[0];
            out->data[out->len++] = (unsigned char)escaped[1];
        } else {
            out->data[out->len++] = p[i];
        }
    }
    return true;
}

static bool tsv_value(struct bytes *out, const struct result *r, enum result_key key)
{
    const struct result_slot *slot = &r->slots[key];
    bool fine = true;
    for (size_t i = 0; i < slot->count && fine; i++) {
        struct result_item item = item_at(r, slot->first + i);
        fine = (!i || tsv_cell(out, keys[key].joint, strlen(keys[key].joint))) &&
               (!item.len || tsv_cell(out, r->text.data + item.at, item.len));
    }
    return fine;
}

bool result_tsv(struct bytes *out, const struct result *r)
{
    bool fine = true;
    for (enum result_key key = 0; key < RESULT_QC && fine; key++)
        fine = tsv_value(out, r, key) && bytes_puts(out, "\t");
    return fine && bytes_puts(out, r->qc ? "true\n" : "false\n");
}

bool result_tsv_header(struct bytes *out)
{
    bool fine = true;
    for (enum result_key key = 0; key < RESULT_KEYS && fine; key++)
        fine = (!key || bytes_puts(out, "\t")) && bytes_puts(out, keys[key].name);
    return fine && bytes_puts(out, "\n");
}

void result_free(struct result *r)
{
    bytes_free(&r->text);
    bytes_free(&r->items);
}
