/* Messages to be sent, out of a stream of bytes: lines of JSON, or text. What begins with `{` is lines, each an object
 * with `text`, or with `records` as the decoders print them, or of a journal its keys, which are passed over; all else
 * is text, in which a record ends with CR, LF or CR LF, and a message where the next one begins, where it says so
 * itself (an L record), or with the stream. How the bytes are cut into pieces changes nothing. */
#ifndef INSTLINK_MESSAGES_H
#define INSTLINK_MESSAGES_H

#include "base/lines.h"
#include "link/outbox.h"

enum { MESSAGES_WHY = ENCODE_WHY + 16 };

/* A message, or what cannot be one. What it points to is valid until the next push, eof or free. */
struct messages_item {
    const char *wrong;              /* why it is none, beginning with a stable word; NULL: it is one */
    uint64_t line;                  /* of the stream, from 1: where it begins */
    struct outbox_slice id;         /* as the line has it; p NULL: it has none */
    struct outbox_slice text;       /* as it is to be sent, records ended by CR; of one that is wrong there is none */
    struct outbox_slice control_id; /* its own, where that is UTF-8; p NULL: none */
};

/* What is in it is private. */
struct messages {
    const struct protocol *protocol;
    struct charset *charset;
    size_t max;
    unsigned char kind;
    struct lines lines;
    uint64_t line;             /* how many lines are over; of lines of JSON, blank ones before the first */
    struct bytes record, text; /* the open record; what has come of the message before it */
    uint64_t first;            /* the line that the message begins in */
    bool inside;               /* a message has begun */
    const char *failure;       /* why it can be none, and is skipped; NULL: it may become one */
    bool cut;                  /* the open record is longer than any message: only its head was kept */
    bool after_cr;             /* the last byte was a CR */
    bool astray;               /* of the records outside messages that come now, one was told of */
    struct bytes done;         /* the message that is to be fetched */
    bool ready;                /* item is to be fetched */
    struct messages_item item;
    struct encoder encoder;
    char why[MESSAGES_WHY];
};

/* max: the most bytes that a message may have. charset: what messages are to be sent in, and the stream is UTF-8 then;
 * NULL: text as it is, lines in UTF-8. Records go out in the set that their line names, if it does. It and protocol
 * stay the caller's. Nothing is allocated. */
void messages_init(struct messages *m, const struct protocol *protocol, struct charset *charset, size_t max);

/* Takes bytes up to the end of a message, and returns how many, 0 as long as one has not been fetched. After each call:
 * messages_next until it is false. The bytes may be changed. */
size_t messages_push(struct messages *m, unsigned char *bytes, size_t n);

/* The stream is over. Then messages_next until it is false, and once more messages_eof until there is nothing; then
 * it may be freed. */
void messages_eof(struct messages *m);

/* The next one. False when there is none. */
bool messages_next(struct messages *m, struct messages_item *item);

void messages_free(struct messages *m);

#endif
