/* Values as JSON, piece by piece, nested by what occurs: a string; with components an array, in which a component with
 * subcomponents is an array; with repetitions always three levels, value[repetition][component][subcomponent]. Escape
 * sequences are resolved. What consists of `""` alone, be it the field, a component or a subcomponent, is the explicit
 * null, JSON null [HL7 v2.5.1 chapter 2, 2.5.3, 2.7]. */
#ifndef INSTLINK_HL7_VALUE_H
#define INSTLINK_HL7_VALUE_H

#include "hl7/escape.h"
#include "out/json.h"
#include "out/special.h"

enum hl7_shape {
    HL7_SHAPE_STRING, /* one string, whatever is in it; `""` is no null */
    HL7_SHAPE_FIELD,  /* by what occurs */
};

enum {
    HL7_VALUE_RUN = 1024, /* most bytes of text that are written between two looks at the limit */
    HL7_VALUE_ROOM = (HL7_VALUE_RUN + HL7_ESCAPE_MAX) * JSON_GROWTH + 64, /* most that is written between them */
};

/* One value being written; it may be used for one after the other. Zero-initialised is closed. */
struct hl7_value {
    const struct special *special; /* of the message's separators */
    const struct hl7_separators *separators;
    struct hl7_charset *charset;                               /* the message's */
    const unsigned char *at, *end;                             /* of the text that is not written yet */
    const unsigned char *kept;                                 /* no escape sequence begins before it */
    unsigned char repetition, component, subcomponent, escape; /* what delimits this value; 0: nothing does */
    bool open;
    bool nested; /* three levels */
    bool list;   /* an array of components */
    bool array;  /* the component that is open is an array of subcomponents */
    bool quoted; /* what is open is a string, not a null */
};

/* Begins a value. verbatim: escape sequences stay as they are. Writes at o, at most HL7_VALUE_ROOM bytes, and returns
 * the place behind. */
unsigned char *hl7_value_begin(struct hl7_value *v, struct hl7_slice text, enum hl7_shape shape, bool verbatim,
                               unsigned char *o);

/* Goes on with it while o is below the limit; may pass the limit by HL7_VALUE_ROOM bytes. Returns the place behind;
 * v->open tells whether there is more. */
unsigned char *hl7_value_more(struct hl7_value *v, unsigned char *o, const unsigned char *limit);

/* Whether the text is the explicit null. */
bool hl7_is_null(struct hl7_slice text);

#endif
