/* The characters that only a link itself may send, and that no text may hold: what frames and blocks are made of
 * [LIS01-A2 6.3.3, 6.6; MLLP]. */
#ifndef INSTLINK_RESTRICTED_H
#define INSTLINK_RESTRICTED_H

#include <stddef.h>

/* The name of such a character: STX, ETX, EOT, ENQ, VT, ETB or FS. NULL: c is none. */
const char *restricted_name(unsigned char c);

/* Where the first of them stands in p[0..n); n: there is none. */
size_t restricted_find(const unsigned char *p, size_t n);

#endif
