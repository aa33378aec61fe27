/* The counters of links, as Prometheus text [exposition format 0.0.4] and for people. */
#ifndef INSTLINK_METRICS_H
#define INSTLINK_METRICS_H

#include "base/bytes.h"
#include "link/link.h"

/* Appends them all: HELP and TYPE once for each metric, a line for each link, labels escaped. False when memory is
 * exhausted. */
bool metrics_text(const struct link *links, struct bytes *out);

/* Writes them to the file, unless they are what `last` holds: beside it and renamed over it, so that a reader finds the
 * old ones or the new ones, whole. What is there already has to be a regular file, and no journal that is open. Returns
 * why it cannot be written, or NULL. */
const char *metrics_write(const struct link *links, const char *file, struct bytes *last);

/* Prints a line for each link on stderr. */
void metrics_print(const struct link *links);

#endif
