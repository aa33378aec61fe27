/* The characters that only a link itself may send, and that no text may hold: what frames and blocks are made of
 * [LIS01-A2 6.3.3, 6.6; MLLP]. */
#ifndef INSTLINK_RESTRICTED_H
#define INSTLINK_RESTRICTED_H

#include <stddef.h>

/* Says which one c is: `it holds STX`; so ETX, EOT, ENQ, VT, ETB and FS. NULL: c is none. */
const char *restricted_says(unsigned char c);

/* Where the first of them stands in p[0..n); n: there is none. */
size_t restricted_find(const unsigned char *p, size_t n);

#endif
