/* The names of LIS02 fields [LIS02-A2 6 to 14], in snake case. */
#ifndef INSTLINK_ASTM_NAMES_H
#define INSTLINK_ASTM_NAMES_H

#include <stddef.h>

/* A name ready to be written, `,"name":` and the quotation mark that begins a string; len counts without that mark. All
 * of text may be copied. */
struct astm_name {
    unsigned char len;
    char text[47];
};

/* The names of a record type's fields, index 0 being field 1, `type`. *count is how many the standard names; what comes
 * after them is `field_N`. Field 2 is `seq` but for H; an unknown type has a `type` only. */
const struct astm_name *astm_names(unsigned char type, size_t *count);

#endif
