/* The messages that were sent, remembered in a file, so that a sender that starts again knows which it need not send. A
 * message is known by its id. Where several of one run have the same id, or where it has none or an empty one, it is
 * known by the digest of its text and by how many with the same text (and id) came before it: the same input is known
 * again message for message.
 *
 * The file is a journal that only grows, a line for each message: {"type":"sent","id":…}, or with `digest` and `count`
 * in place of `id`. With all three it is one of several with that id, and there may be a line with the id alone for one
 * of them, which does not count any more. What else stands in it is passed over. */
#ifndef INSTLINK_SENT_H
#define INSTLINK_SENT_H

#include "link/journal.h"

/* What a message is known by. Its id stays the caller's. */
struct sent_key {
    const unsigned char *id; /* UTF-8; NULL: it has none */
    size_t id_len;
    unsigned char digest[16]; /* of the text */
    uint64_t count;           /* how many with that text and id there are up to this one; 0: the first of its id */
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

/* The key of the next message, of that id (NULL or empty: none) and text. *known: it was sent before. A line may have
 * to be written by the next sent_sync then, before anybody is told what becomes of the message. False when memory is
 * exhausted. */
bool sent_look(struct sent *s, const unsigned char *id, size_t id_len, const unsigned char *text, size_t n,
               struct sent_key *key, bool *known);

/* The message was sent: its line is written by the next sent_sync. False when memory is exhausted. */
bool sent_add(struct sent *s, const struct sent_key *key);

/* Whether there is something to be written by sent_sync. */
bool sent_unsaved(const struct sent *s);

/* Has what was added on stable storage. JOURNAL_FAILED: it is tried again with the next. */
enum journal_result sent_sync(struct sent *s);

void sent_close(struct sent *s);

#endif
