/* Paths into messages (out/get.h): `MSH-10`, `PID-3[2].1`, `OBX-3.1`, `SPM-2.1.1`. */
#ifndef INSTLINK_HL7_GET_H
#define INSTLINK_HL7_GET_H

#include "hl7/segment.h"
#include "out/get.h"

extern const struct get_names hl7_get_names;

/* What a path names in a segment of its name, as it was sent; nothing where it is absent. A field alone is the whole of
 * it; a component without a repetition is of the first one. MSH-1 and MSH-2 have no parts. */
struct hl7_slice hl7_get_slice(struct hl7_slice segment, const struct hl7_separators *s, const struct get_path *path);

#endif
