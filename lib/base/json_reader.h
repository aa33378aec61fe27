/* JSON text, read a token at a time [RFC 8259], exactly: what the grammar does not have is an error, and so are invalid
 * UTF-8 and half a surrogate pair, since neither can be passed on as text without being made into something else. The
 * text lies in memory as a whole, a line as a rule. Nothing is allocated: strings are read in place, so that the text
 * is changed, but for what is skipped. A byte order mark at the beginning is left out; blanks, CR and LF may stand
 * where the grammar has them, and so before and behind the value. */
#ifndef INSTLINK_JSON_READER_H
#define INSTLINK_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How deep arrays and objects may stand in each other, and the longest complaint, with NUL. */
enum { JSON_DEPTH = 64, JSON_COMPLAINT = 160 };

enum json_kind {
    JSON_WRONG, /* an error: it stays, and nothing else comes */
    JSON_END,   /* the text is over, and was right as a whole; nothing else comes */
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY, /* begins; its values follow */
    JSON_ARRAY_END,
    JSON_OBJECT, /* begins; a key and a value follow for each member. The same key may come twice. */
    JSON_OBJECT_END,
    JSON_KEY
};

enum json_error {
    JSON_FINE,
    JSON_EMPTY,       /* there is nothing but blanks */
    JSON_NO_VALUE,    /* where there has to be one */
    JSON_NO_KEY,      /* the same */
    JSON_NO_COLON,    /* the same */
    JSON_NO_COMMA,    /* nor the end of the array or object */
    JSON_CUT,         /* the text ends within an array or object */
    JSON_BEHIND,      /* something stands behind the value */
    JSON_BAD_WORD,    /* none of true, false, null */
    JSON_BAD_NUMBER,  /* 01, 1., +1, .5, 1e */
    JSON_OPEN_STRING, /* it has no end; where it begins */
    JSON_BAD_CONTROL, /* a byte below 20 in a string */
    JSON_BAD_UTF8,    /* in a string */
    JSON_BAD_ESCAPE,  /* one that is not known, or without four hexadecimal digits */
    JSON_BAD_PAIR,    /* half a surrogate pair */
    JSON_TOO_DEEP,    /* more than JSON_DEPTH */
    JSON_NOT_OBJECT,  /* json_reader_members */
    JSON_NOT_STRING,  /* the same, and json_reader_string */
    JSON_TWICE,       /* json_reader_members: a key that is wanted */
    JSON_MISSING      /* the same */
};

struct json_slice {
    const unsigned char *p; /* of the text that is being read, and not ended by NUL */
    size_t n;
};

struct json_reader {
    enum json_kind kind;    /* the token that was read last */
    size_t from;            /* where it begins in the text, in bytes */
    struct json_slice text; /* of a string or key what it stands for: UTF-8, with NUL where \u0000 was; of a number its
                               own text. Valid as long as the text is. */
    enum json_error error;
    size_t wrong; /* where, in bytes: at most the length of the text */

    /* What follows is private. */
    unsigned char *line;
    size_t len, at;
    uint64_t objects; /* bit 0: the innermost of `depth` is an object, bit 1: the one around it, … */
    unsigned depth;
    unsigned char due; /* what may come */
    bool skipping;     /* strings stay as they are */
    const char *key;   /* the one in question */
};

/* Begins with the n bytes at text, which are the caller's and have to stay. */
void json_reader_init(struct json_reader *r, unsigned char *text, size_t n);

/* Reads the next token. */
enum json_kind json_reader_next(struct json_reader *r);

/* Skips what the last token has begun: of a key its value, of a bracket its array or object; before the first token,
 * the value that the text is. After any other token there is nothing to skip. What is skipped is checked like all else,
 * and stays as it is: *value, unless value is NULL, is its text as it was written, brackets and quotation marks
 * included, which may be read by itself later; p is NULL where there was nothing to skip. False when it is wrong. */
bool json_reader_skip(struct json_reader *r, struct json_slice *value);

/* A member that is wanted of an object. */
struct json_wanted {
    const char *key;
    bool required;
    bool number;            /* a number will do as well, and its text is taken */
    struct json_slice text; /* filled in; p is NULL where it is not there */
};

/* Reads the object that has just begun, or else has to come next. Where it is the whole text, that is read to its very
 * end. Members that are not wanted are skipped. null is as good as nothing: it is what jq writes for what is not there.
 * False when something is wrong: no object, a value that is no string, a member that is wanted and comes twice, since
 * nobody could tell which was meant, or a required one that does not come; the texts mean nothing then. */
bool json_reader_members(struct json_reader *r, struct json_wanted *wanted, size_t count);

/* Reads a string, which has to come next; where it is the whole text, to its very end. */
bool json_reader_string(struct json_reader *r, struct json_slice *text);

/* Writes the error for people: `column 17: a string has no end`. Columns are counted in bytes, from 1. Nothing of the
 * text appears in it. */
void json_reader_complaint(const struct json_reader *r, char text[JSON_COMPLAINT]);

#endif
