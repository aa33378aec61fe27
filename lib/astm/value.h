/* Values as JSON, piece by piece: a string, an array of components, or an array of repeats, each an array of
 * components. Escape sequences are resolved [LIS02-A2 5.4.6]. */
#ifndef INSTLINK_ASTM_VALUE_H
#define INSTLINK_ASTM_VALUE_H

#include "astm/record.h"
#include "out/json.h"
#include "out/special.h"

enum astm_shape {
    ASTM_SHAPE_STRING, /* one string, whatever is in it */
    ASTM_SHAPE_LIST,   /* an array of components */
    ASTM_SHAPE_FIELD,  /* by what occurs: an array of repeats of components, an array of components, or a string */
};

enum {
    ASTM_VALUE_RUN = 1024, /* most bytes of text that are written between two looks at the limit */
    ASTM_VALUE_ROOM = (ASTM_VALUE_RUN + ASTM_ESCAPE_MAX) * JSON_GROWTH + 64, /* most that is written between them */
};

/* One value being written; it may be used for one after the other. Zero-initialised is closed. */
struct astm_value {
    const struct special *special; /* of the message's delimiters */
    const struct astm_delimiters *delimiters;
    struct charset *charset;                 /* the message's */
    const unsigned char *at, *end;           /* of the text that is not written yet */
    const unsigned char *kept;               /* no escape sequence begins before it */
    unsigned char repeat, component, escape; /* what delimits this value; 0: nothing does */
    bool open, nested, list;
};

/* Begins a value. verbatim: escape sequences stay as they are. Writes at o, at most ASTM_VALUE_ROOM bytes, and returns
 * the place behind. */
unsigned char *astm_value_begin(struct astm_value *v, struct astm_slice text, enum astm_shape shape, bool verbatim,
                                unsigned char *o);

/* Goes on with it while o is below the limit; may pass the limit by ASTM_VALUE_ROOM bytes. Returns the place behind;
 * v->open tells whether there is more. */
unsigned char *astm_value_more(struct astm_value *v, unsigned char *o, const unsigned char *limit);

#endif
