/* The way back from a `message` line to the message's own text: what is the same for all protocols. The line is one
 * that a decoder or a listener printed, or one that somebody else made: `{"records":[…]}` is enough. astm/encode.h and
 * hl7/encode.h read the records; the text is made in UTF-8 and then converted as a whole.
 *
 *     struct encoder e = {0};
 *     while (a line comes)
 *         switch (hl7_encode(&e, line, n, max, &text)) …
 *     encode_free(&e);
 */
#ifndef INSTLINK_ENCODE_H
#define INSTLINK_ENCODE_H

#include "base/bytes.h"
#include "base/charset.h"
#include "base/json_reader.h"
#include "out/special.h"

enum {
    ENCODE_WHY = 256,     /* longest complaint, with NUL */
    ENCODE_CHARSET = 32,  /* longest name of a character set, with NUL */
    ENCODE_SEPARATORS = 4 /* most of them beside the escape character */
};

enum encode_result {
    ENCODE_DONE,
    ENCODE_TEXT,     /* there are no records, but `text`, which is the message already: see the envelope */
    ENCODE_WRONG,    /* `why` says what is wrong, and where */
    ENCODE_NO_MEMORY /* and nobody's fault */
};

/* What the line says beside its records. Slices of the line, unescaped; p is NULL for what is not there or null. Other
 * keys are passed over. */
struct encode_envelope {
    struct json_slice id; /* or a number's text */
    struct json_slice digest, link, peer, charset, protocol;
    struct json_slice text;            /* as it was written in the line: UTF-8, its records ended by whatever it has */
    struct json_slice field_delimiter; /* ASTM: what follows H, where that is not `|` */
    bool positional;                   /* HL7: escape sequences are as sent */
};

/* What has a meaning of its own in the text of this message. */
struct encode_marks {
    struct special special;                                                /* all of what follows */
    unsigned char separator[ENCODE_SEPARATORS], letter[ENCODE_SEPARATORS]; /* each with the letter of its sequence */
    unsigned char escape;                                                  /* 0: there is none */
    bool verbatim;  /* escape sequences and control characters stand as they are to be sent */
    bool line_ends; /* LF ends a record */
};

/* Encodes one line after the other. Zero-initialised is valid; what was opened for one line is kept for the next. */
struct encoder {
    struct encode_envelope envelope; /* of the last line, as long as that stays; where it is wrong, what was read */
    char why[ENCODE_WHY];            /* ENCODE_WRONG: printable ASCII, at most two words of it are the line's own */

    /* What follows is for the rooms that read records. */
    struct json_reader reader; /* between encode_begin and encode_end: in the array of records */
    struct bytes *out;         /* the text in UTF-8 */
    struct charset charset;    /* of the text */
    struct encode_marks marks;
    /* How many bytes at p, where the escape character is, are a sequence that decoding leaves as it is; 0: none. */
    size_t (*kept)(struct encoder *e, const unsigned char *p, size_t n);
    void *own;            /* of whoever set kept */
    size_t record, index; /* where we are, for complaints; index SIZE_MAX: no number */
    struct json_slice key;
    struct bytes members; /* of one record: whatever has to be sorted */

    /* What follows is private. */
    enum encode_result result;
    struct bytes *text, utf8;
    size_t begin, base, max; /* where the message begins in text, and in out; bytes */
    bool records_last;       /* they are being read, and other keys may follow */
    char charset_name[ENCODE_CHARSET];
};

void encode_free(struct encoder *e);

/* Reads the line up to its records, and the envelope as far as it matters for them. Returns whether records follow:
 * then each comes from e->reader, up to the end of their array, and then comes encode_end, whether they were right or
 * not. Otherwise encode_end comes at once. protocol is whose records they are to be; text is to hold at most max bytes
 * more than it does. */
bool encode_begin(struct encoder *e, const char *protocol, unsigned char *line, size_t n, size_t max,
                  struct bytes *text);

/* Reads the rest of the line, and appends the text to that of encode_begin, which is as it was if the result is not
 * ENCODE_DONE. */
enum encode_result encode_end(struct encoder *e);

/* A word that is none of the line, as e->key. */
struct json_slice encode_word(const char *name);

/* Says what is wrong at e->record, e->key and e->index, unless something was wrong before. Returns false. The same for
 * a token that cannot be there, which may be JSON_WRONG; and for want of memory. */
bool encode_fail(struct encoder *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool encode_unexpected(struct encoder *e, enum json_kind kind, const char *expected);
bool encode_no_memory(struct encoder *e);

/* Sets marks. separators and letters have `count` members, of which some may be 0: there is none. */
void encode_set_marks(struct encoder *e, const char *separators, const char *letters, size_t count,
                      unsigned char escape);

/* Appends a value's text with what has a meaning escaped [LIS02-A2 5.4.6; HL7 v2.5.1 chapter 2, 2.7]. False: it cannot
 * be, and e says why. */
bool encode_value(struct encoder *e, struct json_slice text);

/* Appends a separator `count` times. 0: the message has none, which is an error; name says of what kind. */
bool encode_separators(struct encoder *e, unsigned char separator, size_t count, const char *name);

/* The same once. */
static inline bool encode_separator(struct encoder *e, unsigned char separator, const char *name)
{
    struct bytes *out = e->out;
    if (!separator || out->len == out->cap || out->len - e->base >= e->max)
        return encode_separators(e, separator, 1, name);
    out->data[out->len++] = separator;
    return true;
}

/* Ends a record with CR. A blank one would be none: it gets a field separator. */
bool encode_record_end(struct encoder *e, bool blank, unsigned char field);

/* Appends text that is to stand as it is, without a character that ends a field or record, nor one that only a link may
 * send. field: the field separator; 0: not looked at. */
bool encode_verbatim(struct encoder *e, struct json_slice text, unsigned char field);

#endif
