/* Escape sequences [HL7 v2.5.1 chapter 2, 2.7]. All text here is UTF-8. Resolved, each once, are
 * \F\ \S\ \T\ \R\ \E\ and \P\ (the separators, where the message has them), \Xhh…\ (bytes in the message's character
 * set) and \.br\ (LF). All others stay as they are: highlighting, formatting, switches of the character set, a sender's
 * own (\Z…\), unknown ones, bytes that are not in the set, and an escape character that opens no sequence. */
#ifndef INSTLINK_HL7_ESCAPE_H
#define INSTLINK_HL7_ESCAPE_H

#include "hl7/charset.h"

enum { HL7_ESCAPE_HEX = 2048, HL7_ESCAPE_MAX = 3 * HL7_ESCAPE_HEX };

/* Resolves the sequence at p, where *p is the escape character. Returns how many bytes it takes, and puts what it
 * stands for into out (*len bytes of UTF-8, at most HL7_ESCAPE_MAX). 0: it stands for itself, and *kept says how many
 * bytes to leave as they are (1 where it opens no sequence). charset is the message's. */
size_t hl7_escape(const struct hl7_separators *s, struct hl7_charset *charset, const unsigned char *p, size_t n,
                  unsigned char out[HL7_ESCAPE_MAX], size_t *len, size_t *kept);

/* Appends text with its sequences resolved. False when memory is exhausted. */
bool hl7_unescape(const struct hl7_separators *s, struct hl7_charset *charset, struct hl7_slice text,
                  struct bytes *out);

#endif
