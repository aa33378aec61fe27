/* From records to results: a result carries its instrument, patient, specimen and comments [LIS02-A2 6.2]. */
#ifndef INSTLINK_ASTM_RESULTS_H
#define INSTLINK_ASTM_RESULTS_H

#include "astm/record.h"
#include "out/result.h"

/* What the records so far say of the results that follow. The slices are of the message's text. */
struct astm_results {
    const struct astm_delimiters *delimiters;
    struct charset *charset;
    struct astm_slice instrument;               /* of H */
    struct astm_slice patient_id, patient_name; /* of P */
    struct astm_slice specimen_id;              /* of O */
    bool header_qc, order_qc;
};

/* Begins a message. What the pointers point to must stay. */
void astm_results_begin(struct astm_results *s, const struct astm_delimiters *delimiters, struct charset *charset);

/* Takes the next record in. Returns whether it is a result. */
bool astm_results_take(struct astm_results *s, struct astm_slice record);

/* Fills r with what a result record stands for; `following` is the text behind it, where its comments are. parts gets
 * the value where it has components or repeats, to be written as value_parts, and else nothing. False when memory is
 * exhausted. */
bool astm_results_fill(const struct astm_results *s, struct astm_slice record, struct astm_slice following,
                       const struct envelope *envelope, struct result *r, struct astm_slice *parts);

#endif
