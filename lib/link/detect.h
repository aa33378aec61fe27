/* Which protocol a connection speaks, from its first bytes: ENQ, a frame or an H record that begins a line is ASTM; a
 * block or an MSH, FHS or BHS segment is HL7. Blanks, CR, LF and NUL before it say nothing, nor do other bytes, which
 * are noise. */
#ifndef INSTLINK_DETECT_H
#define INSTLINK_DETECT_H

#include <stdbool.h>
#include <stddef.h>

enum detect { DETECT_MORE, DETECT_ASTM, DETECT_HL7 };

enum { DETECT_UNDECIDED = 3 };

/* Looks at bytes from the beginning of what has come; line: they begin a line. MORE: not to be told yet; *undecided is
 * how many bytes at the end have to be looked at again together with what comes next, at most DETECT_UNDECIDED. Else
 * *undecided is how many bytes there are from where the protocol begins on, and *sign what it was told by, for people.
 * Whole or split, the answer is the same. */
enum detect detect_protocol(const unsigned char *bytes, size_t n, bool line, size_t *undecided, const char **sign);

/* Whether what follows these bytes begins a line: a control character stands before it, or nothing, with blanks between
 * them at most. line: whether these bytes do. */
bool detect_line(const unsigned char *bytes, size_t n, bool line);

#endif
