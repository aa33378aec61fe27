/* The messages that were sent, remembered in a file, so that a sender that starts again knows which it need not send. A
 * message is known by its id; where it has none, by the digest of its text and by how many with the same text came
 * before it: the same input is known again message for message.
 *
 * The file is a journal that only grows, a line for each message: {"type":"sent","id":…}, or with `digest` and `count`
 * in place of `id`. What else stands in it is passed over. */
#ifndef INSTLINK_SENT_H
#define INSTLINK_SENT_H

#include "link/journal.h"

/* What a message is known by. Its id stays the caller's. */
struct sent_key {
    const unsigned char *id; /* UTF-8; NULL: it has none */
    size_t id_len;
    unsigned char digest[16]; /* of the id, or of the text */
    uint64_t count;           /* how many with that text there are up to this one; 0: it has an id */
};

/* What is in it is private, but journal.why, which says what failed. */
struct sent {
    struct journal journal;
    struct sent_entry *entries; /* open addressing; a power of two, or none */
    size_t n, capacity;
};

/* Opens the file, or creates it, and reads what is in it; path stays the caller's. Memory that is exhausted is
 * JOURNAL_FAILED. */
enum journal_result sent_open(struct sent *s, const char *path);

/* The key of the next message, of that id (NULL: none) and text. *known: it was sent before. False when memory is
 * exhausted. */
bool sent_look(struct sent *s, const unsigned char *id, size_t id_len, const unsigned char *text, size_t n,
               struct sent_key *key, bool *known);

/* The message was sent: its line is written by the next sent_sync. False when memory is exhausted. */
bool sent_add(struct sent *s, const struct sent_key *key);

/* Has what was added on stable storage. JOURNAL_FAILED: it is tried again with the next. */
enum journal_result sent_sync(struct sent *s);

void sent_close(struct sent *s);

#endif
