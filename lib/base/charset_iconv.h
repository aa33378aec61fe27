/* The part of charset.c that runs iconv; private to it. */
#ifndef INSTLINK_CHARSET_ICONV_H
#define INSTLINK_CHARSET_ICONV_H

#include "base/charset.h"

#define CHARSET_NO_ICONV ((iconv_t)-1)

/* Finds out by trial what c->reader's set is like: sets unit, plain_ascii, below_80 and four_bytes. False when memory
 * is exhausted. */
bool charset_iconv_probe(struct charset *c);

/* As charset_to_utf8 and charset_from_utf8, but what was appended before a failure stays. Text is read by way of UTF-32
 * and written as UTF-8 by us: of broken EUC-KR musl makes surrogates, and then writes UTF-8 outside its buffer. */
enum charset_result charset_iconv_read(struct charset *c, const unsigned char *s, size_t n, struct bytes *out);
bool charset_iconv_write(struct charset *c, const unsigned char *s, size_t n, struct bytes *out);

#endif
