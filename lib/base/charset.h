/* Character sets: everything a machine sends becomes UTF-8 here, and goes back. UTF-8, US-ASCII, ISO-8859-1,
 * ISO-8859-15 and windows-1252 are converted by tables of our own, the rest by iconv. All sizes are in bytes. Nothing
 * here keeps the caller's memory, and no input is too broken to be converted. */
#ifndef INSTLINK_CHARSET_H
#define INSTLINK_CHARSET_H

#include <iconv.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/utf8.h"

enum charset_kind {
    CHARSET_UTF8,
    CHARSET_ASCII,
    CHARSET_LATIN1, /* ISO-8859-1, 80..9F are the C1 controls */
    CHARSET_LATIN9, /* ISO-8859-15 */
    CHARSET_CP1252, /* windows-1252; 81 8D 8F 90 9D are U+0081 and so on */
    CHARSET_ICONV
};

enum charset_result {
    CHARSET_OK,
    CHARSET_REPLACED, /* something was not in the set: U+FFFD stands in its place */
    CHARSET_NOMEM     /* memory is exhausted; the output is as it was */
};

/* One set, ready to convert both ways. Zero-initialised is UTF-8 and valid. Not to be copied once opened, nor used by
 * two threads at once. Members other than kind are private; all but kind and name mean something for CHARSET_ICONV
 * only. */
struct charset {
    enum charset_kind kind;
    bool below_80;          /* see charset_below_80 */
    bool plain_ascii;       /* each byte below 80 is always the ASCII character */
    size_t unit;            /* a bad character is skipped by this many bytes: 1, 2 (UTF-16) or 4 (UTF-32) */
    uint16_t *four_bytes;   /* GB18030's characters of four bytes, where iconv has them wrong (musl), else NULL */
    iconv_t reader, writer; /* to UTF-32LE, from UTF-8; writer is (iconv_t)-1 where iconv only reads the set (musl) */
    char name[32];
};

/* Opens the set called `name`: the usual spellings in any case, with or without `-`, `_` and blanks (utf8, latin1,
 * 8859/1, UNICODE UTF-8, cp1252, sjis, GB 18030-2000, ...), and every name that iconv knows. False when nobody knows
 * it, iconv cannot load it or memory is exhausted; *c is then UTF-8. What was open in *c must have been closed. The
 * only caller of iconv_open. Takes some milliseconds at most. */
bool charset_open(struct charset *c, const char *name);

/* Releases what charset_open took; *c is then UTF-8. */
void charset_close(struct charset *c);

/* The name to print, which charset_open takes again: `UTF-8`, `ISO-8859-1`, `windows-1252`, `GB18030`, ... What is
 * called `Shift_JIS` is its superset CP932, in which 5C is a backslash. Belongs to c. */
const char *charset_name(const struct charset *c);

/* Whether the set may have characters of several bytes with bytes below 80 in them (GB18030, GBK, Big5, CP932,
 * ISO-2022-JP, UTF-16, ...), so that text has to be converted before separators are looked for. Found by trial when
 * the set was opened, not by name. */
bool charset_below_80(const struct charset *c);

/* Appends s[0..n) to out as UTF-8, each call from the set's initial state. What is appended is always valid UTF-8:
 * each byte (in UTF-16 and UTF-32 each unit) that cannot be read becomes one U+FFFD. */
enum charset_result charset_to_utf8(struct charset *c, const unsigned char *s, size_t n, struct bytes *out);

/* Appends the UTF-8 text s[0..n) to out in the set. False, with out as it was, when a character is not in the set,
 * the text is not valid UTF-8, or memory is exhausted. A set that iconv can only read takes ASCII where plain_ascii
 * says. */
bool charset_from_utf8(struct charset *c, const unsigned char *s, size_t n, struct bytes *out);

#endif
