/* Delivery reports: what became of a message that was to be sent, as a line of JSON. */
#ifndef INSTLINK_REPORT_H
#define INSTLINK_REPORT_H

#include "link/outbox.h"

/* What whoever took the message knows of it besides. */
struct report_origin {
    uint64_t number;                 /* which message of the input it is; 0: that is not said */
    struct outbox_slice control_id;  /* its own; UTF-8 */
    struct outbox_slice wanted_link; /* the link that the line named, where there is no such one */
    uint64_t line;                   /* of the input, where it is no message; 0: none */
};

/* Appends the line, with its LF. Members without a value are left out. False when memory is exhausted: nothing was
 * appended. */
bool report_line(struct bytes *out, const struct outbox_report *report, const struct report_origin *origin);

#endif
