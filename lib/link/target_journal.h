/* A journal as a target (-j FILE): a message is handed over when its line is on stable storage. One wait for the disk
 * serves all messages that have come by then. */
#ifndef INSTLINK_TARGET_JOURNAL_H
#define INSTLINK_TARGET_JOURNAL_H

#include "link/journal.h"
#include "link/stream.h"

struct ledger;

struct target_journal {
    struct target base;
    struct stream stream;
    struct journal journal;
    const struct ledger *ledger; /* what is remembered, for the window of a new file */
    struct job *seen;            /* the last in the queue, as of the turn before */
    int64_t since_us;            /* since when the first of the batch waits; 0: none does */
    int64_t more_us;             /* when the last of it came */
    int64_t patience_us;         /* how long at most a batch waits for more */
    uint32_t waiting, expected;  /* how many are in the queue, and are worth to wait for */
    struct bytes window;         /* what the file says is remembered, as of the start or the last window line */
    struct bytes proven;         /* keys of which the next batch says that they are */
    bool written;                /* a batch was, since then */
    bool failing;                /* it was told that the last batch failed */
    bool astray;                 /* the path leads to another file, which cannot be used yet */
};

/* Opens the journal of that path, which stays the caller's, and fills the ledger with what its last lines say. All but
 * OK: the reason has been told. */
enum journal_result target_journal_open(struct target_journal *t, const char *path, struct ledger *ledger);

/* SIGHUP: lets go of a file that the path does not lead to any more. Where the other cannot be used, it is tried again
 * with each batch. */
void target_journal_reopen(struct target_journal *t);

#endif
