#include "out/result.h"

#include "base/date.h"
#include "out/json.h"

struct result_item {
    size_t at, len;
};

enum shape { TEXT, LIST };

enum { CHUNK = 4096 }; /* bytes of text between two looks at the room */

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
    [RESULT_VALUE_PARTS] = {"value_parts", TEXT, NULL},
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
    r->qc = r->parts = r->key_open = false;
    r->key = r->item = r->at = 0;
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

bool result_take_observed(struct result *r, size_t from)
{
    char iso[40];
    if (r->text.len == from)
        return true;
    if (!date_iso((const char *)r->text.data + from, r->text.len - from, iso))
        return result_take(r, RESULT_OBSERVED_RAW, from);
    r->text.len = from;
    return result_set(r, RESULT_OBSERVED, iso, strlen(iso));
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

static unsigned char *put(unsigned char *o, const char *text)
{
    size_t n = strlen(text);
    memcpy(o, text, n);
    return o + n;
}

static unsigned char *tsv_escaped(unsigned char *o, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = p[i] == '\t' ? 't' : p[i] == '\n' ? 'n' : p[i] == '\r' ? 'r' : p[i] == '\\' ? '\\' : 0;
        if (c)
            *o++ = '\\';
        *o++ = c ? (unsigned char)c : p[i];
    }
    return o;
}

/* Goes on with the list or string whose key is open: a piece of an item, and what stands around it. */
static unsigned char *write_item(struct result *r, bool table, unsigned char *o)
{
    const struct result_slot *slot = &r->slots[r->key];
    struct result_item item = item_at(r, slot->first + r->item);
    size_t left = item.len - r->at, n = left < CHUNK ? left : CHUNK;
    const unsigned char *text = item.len ? r->text.data + item.at + r->at : (const unsigned char *)"";
    if (!r->at && r->item)
        o = !table ? put(o, ",") : tsv_escaped(o, (const unsigned char *)keys[r->key].joint, 1);
    if (!r->at && !table)
        *o++ = '"';
    o = table ? tsv_escaped(o, text, n) : json_escaped(o, text, n);
    r->at += n;
    if (n == left) {
        if (!table)
            *o++ = '"';
        r->at = 0;
        r->item++;
    }
    return o;
}

static unsigned char *open_key(struct result *r, bool table, unsigned char *o)
{
    r->key_open = true;
    if (table)
        return o;
    o = put(o, r->key ? ",\"" : "{\"type\":\"result\",\"");
    o = put(put(o, keys[r->key].name), "\":");
    return keys[r->key].shape == LIST ? put(o, "[") : o;
}

static unsigned char *close_key(struct result *r, bool table, unsigned char *o)
{
    if (table)
        o = put(o, "\t");
    else if (keys[r->key].shape == LIST)
        o = put(o, "]");
    r->key_open = false;
    r->item = 0;
    r->key++;
    return o;
}

static unsigned char *write_end(const struct result *r, bool table, unsigned char *o)
{
    o = put(o, table ? "" : ",\"qc\":");
    return put(put(o, r->qc ? "true" : "false"), table ? "\n" : "}\n");
}

enum result_progress result_more(struct result *r, bool table, struct bytes *out)
{
    if (!bytes_reserve(out, VIEW_PIECE + (CHUNK + 16) * JSON_GROWTH))
        return RESULT_NO_MEMORY;
    unsigned char *o = out->data + out->len, *limit = o + VIEW_PIECE;
    enum result_progress progress = RESULT_GOES_ON;
    while (o < limit && progress == RESULT_GOES_ON) {
        if (r->key == RESULT_QC) {
            o = write_end(r, table, o);
            progress = RESULT_DONE;
        } else if (r->key_open && r->item < r->slots[r->key].count) {
            o = write_item(r, table, o);
        } else if (r->key_open) {
            o = close_key(r, table, o);
        } else if (r->key == RESULT_VALUE_PARTS && r->parts) {
            o = open_key(r, table, o);
            progress = RESULT_PARTS;
        } else if (table || r->slots[r->key].count) {
            o = open_key(r, table, o);
        } else {
            r->key++;
        }
    }
    out->len = (size_t)(o - out->data);
    return progress;
}

bool tsv_cell(struct bytes *out, const void *text, size_t n)
{
    if (n > SIZE_MAX / 2 || !bytes_reserve(out, 2 * n))
        return false;
    out->len = (size_t)(tsv_escaped(out->data + out->len, text, n) - out->data);
    return true;
}

bool result_tsv_header(struct bytes *out)
{
    bool fine = true;
    for (size_t key = 0; key < RESULT_KEYS && fine; key++)
        fine = (!key || bytes_puts(out, "\t")) && bytes_puts(out, keys[key].name);
    return fine && bytes_puts(out, "\n");
}

void result_free(struct result *r)
{
    bytes_free(&r->text);
    bytes_free(&r->items);
}
