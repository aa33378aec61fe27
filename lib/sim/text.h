/* What the writers of sim/profile.h and sim/hl7.h have in common: texts escaped, bytes as base64. Private to lib/sim.
 * False when memory is exhausted; what was appended before stays. */
#ifndef INSTLINK_SIM_TEXT_H
#define INSTLINK_SIM_TEXT_H

#include "base/bytes.h"

/* A delimiter in a text becomes its letter between two escape characters (`&F&`), a control byte X and two hexadecimal
 * digits (`&X0D&`). */
struct sim_escapes {
    char escape;
    const char *delimiters, *letters; /* as many letters as delimiters, the escape character's among them */
};

/* Appends the NUL-terminated text, escaped. */
bool sim_text(struct bytes *out, const char *text, const struct sim_escapes *escapes);

/* Appends n bytes as base64, padded. */
bool sim_base64(struct bytes *out, const unsigned char *data, size_t n);

#endif
