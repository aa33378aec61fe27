/* The neutral shape of a measured result: the same keys whichever protocol it came by. */
#ifndef INSTLINK_RESULT_H
#define INSTLINK_RESULT_H

#include "out/view.h"

/* In the order in which they are written. */
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
    RESULT_TEST_ID, /* a list */
    RESULT_TEST_NAME,
    RESULT_TEST_SYSTEM,
    RESULT_SUB_ID,
    RESULT_VALUE,
    RESULT_VALUE_TYPE,
    RESULT_VALUE_PARTS, /* never set: see parts */
    RESULT_UNITS,
    RESULT_REFERENCE_RANGE,
    RESULT_FLAGS, /* a list */
    RESULT_STATUS,
    RESULT_OBSERVED,
    RESULT_OBSERVED_RAW,
    RESULT_OPERATOR,
    RESULT_COMMENTS, /* a list */
    RESULT_QC,       /* never set: see qc */
    RESULT_KEYS,
};

/* A result being put together, then written. Zero-initialised is empty. */
struct result {
    struct bytes text;  /* all the strings, one behind the other */
    struct bytes items; /* struct result_item, those of one list side by side */
    struct result_slot {
        size_t first, count; /* of items; count 0: not there */
    } slots[RESULT_KEYS];
    bool qc;
    bool parts; /* the value has parts, which the caller writes when he is asked to */
    /* private: how far it is written */
    size_t key, item, at;
    bool key_open;
};

/* Forgets what was set; keeps the storage. */
void result_begin(struct result *r);

/* Sets a string, or adds one more to a list (all of one list in a row). An empty string leaves a key out, but counts
 * in a list. UTF-8. False when memory is exhausted. */
bool result_set(struct result *r, enum result_key key, const void *text, size_t n);

/* The same for the string that ends at the end of r->text, the caller having appended it from byte `from` on. */
bool result_take(struct result *r, enum result_key key, size_t from);

/* Likewise, a time: sets observed, or observed_raw where it can't be read. */
bool result_take_observed(struct result *r, size_t from);

/* `number` when text is a decimal number, else `text`. */
const char *result_value_type(const void *text, size_t n);

enum result_progress {
    RESULT_GOES_ON,
    RESULT_PARTS, /* append value_parts, as JSON (in a table as a cell, see tsv_cell), then go on */
    RESULT_DONE,
    RESULT_NO_MEMORY, /* nothing was appended; it may be called again */
};

/* Appends about VIEW_PIECE bytes at most of the result: a JSON object and LF, keys without a value left out; or, for a
 * table, a line of tab-separated values: lists are joined by `^` (test_id), `,` (flags) and LF (comments), and tab, LF,
 * CR and backslash are written `\t \n \r \\`. The one or the other until it is done. */
enum result_progress result_more(struct result *r, bool table, struct bytes *out);

/* Appends the line with the names of the columns. */
bool result_tsv_header(struct bytes *out);

/* Appends text as a TSV cell, or a part of one. */
bool tsv_cell(struct bytes *out, const void *text, size_t n);

void result_free(struct result *r);

#endif
