/* From records to results: a result carries its patient, order, specimen and comments [LIS02-A2 6.2]. */
#ifndef INSTLINK_ASTM_RESULTS_H
#define INSTLINK_ASTM_RESULTS_H

#include "astm/view.h"

/* Appends the result that the R record stands for, as JSON or TSV; `following` is the text behind it, where its comments
 * are. The patient and order records are the view's. False when memory is exhausted. */
bool astm_result_line(struct astm_view *v, struct astm_slice record, struct astm_slice following, struct bytes *out);

/* Appends a field's value as JSON: a string, an array of components, or an array of repeats of components. */
bool astm_value_json(struct astm_view *v, struct astm_slice field, struct bytes *out);

#endif
