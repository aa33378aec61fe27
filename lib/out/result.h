/* The neutral shape of a measured result: the same keys whichever protocol it came by. */
#ifndef INSTLINK_RESULT_H
#define INSTLINK_RESULT_H

#include "out/view.h"

/* In the order in which they are written. Those marked * are lists. */
enum result_key {
    RESULT_PROTOCOL,
    RESULT_MESSAGE_ID,
    RESULT_LINK,
    RESULT_SOURCE,
    RESULT_INSTRUMENT,
    RESULT_RECEIVED,
    RESULT_PATIENT_ID,
    RESULT_PATIENT_NAME,
    RESULT_SPECIMEN_ID,
    RESULT_PLACER_ID,
    RESULT_FILLER_ID,
    RESULT_ORDER_ID,
    RESULT_TEST,
    RESULT_TEST_ID, /* * */
    RESULT_TEST_NAME,
    RESULT_TEST_SYSTEM,
    RESULT_SUB_ID,
    RESULT_VALUE,
    RESULT_VALUE_TYPE,
    RESULT_VALUE_PARTS, /* JSON already */
    RESULT_UNITS,
    RESULT_REFERENCE_RANGE,
    RESULT_FLAGS, /* * */
    RESULT_STATUS,
    RESULT_OBSERVED,
    RESULT_OBSERVED_RAW,
    RESULT_OPERATOR,
    RESULT_COMMENTS, /* * */
    RESULT_QC,       /* result_flag */
    RESULT_KEYS,
};

/* A result being put together. Zero-initialised is empty. */
struct result {
    struct bytes text;  /* all the strings, one behind the other */
    struct bytes items; /* struct result_item, those of one list side by side */
    struct result_slot {
        size_t first, count; /* of items; count 0: not there */
    } slots[RESULT_KEYS];
    bool qc;
};

/* Forgets what was set; keeps the storage. */
void result_begin(struct result *r);

/* Sets a string, or adds one more to a list (all of one list in a row). An empty string leaves a key out, but counts
 * in a list. UTF-8. False when memory is exhausted. */
bool result_set(struct result *r, enum result_key key, const void *text, size_t n);

/* The same for the string that ends at the end of r->text, the caller having appended it from byte `from` on. */
bool result_take(struct result *r, enum result_key key, size_t from);

/* Sets observed, or observed_raw where the time can't be read. */
bool result_observed(struct result *r, const void *text, size_t n);

/* `number` when text is a decimal number, else `text`. */
const char *result_value_type(const void *text, size_t n);

/* Appends the result as one JSON object and LF; keys without a value are left out. */
bool result_json(struct bytes *out, const struct result *r);

/* Appends the result as one line of tab-separated values: lists are joined by `^` (test_id), `,` (flags) and LF
 * (comments, written `\n`); tab, LF, CR and backslash are written `\t \n \r \\`. */
bool result_tsv(struct bytes *out, const struct result *r);

/* Appends the line with the names of the columns. */
bool result_tsv_header(struct bytes *out);

/* Appends text as a TSV cell. */
bool tsv_cell(struct bytes *out, const void *text, size_t n);

void result_free(struct result *r);

#endif
