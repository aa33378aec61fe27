/* HL7 segments as JSON arrays, back to text [HL7 v2.5.1 chapter 2, 2.5, 2.7]. See out/encode.h. */
#ifndef INSTLINK_HL7_ENCODE_H
#define INSTLINK_HL7_ENCODE_H

#include "out/encode.h"

/* Appends to text the message that a line holds: each segment ended by CR, in the character set that the line names,
 * whatever MSH-18 says, else in UTF-8, and at most max bytes of it. The line, n bytes, is changed by that. Unless
 * ENCODE_DONE is returned text is as it was. Values nest as in hl7/value.h. */
enum encode_result hl7_encode(struct encoder *e, unsigned char *line, size_t n, size_t max, struct bytes *text);

#endif
