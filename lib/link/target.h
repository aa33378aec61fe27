/* A target of the hand-over: somewhere that messages go. Each has a queue of the messages that are its own now, decides
 * each of them in its own time, and gives it back with a verdict (handover_served). */
#ifndef INSTLINK_TARGET_H
#define INSTLINK_TARGET_H

#include "base/verdict.h"
#include "link/link.h"
#include "link/loop.h"

struct handover;

/* In the order in which a message passes them: what is in the journal is with all the others. */
enum target_order { TARGET_EXEC, TARGET_SINK, TARGET_STDOUT, TARGET_JOURNAL, TARGETS };

/* Who offered a message and waits for its verdict. */
struct handover_party {
    uint64_t connection; /* its number, never used again; 0: nobody */
    uint64_t ticket;
    bool owed;         /* acknowledged already, or without acknowledgement: it is handed over whatever happens */
    struct link *link; /* needed for as long as the message waits */
    const struct protocol *protocol;
    uint64_t session; /* the first ticket of the session that it came in: a query is sent again only within that */
};

/* A message on its way. */
struct job {
    struct job *next; /* in the queue of its target */
    struct handover_party party;
    uint32_t entry;  /* in the ledger, or LEDGER_NONE */
    uint64_t begin;  /* the offset of its first byte in the stream of its target; UINT64_MAX: not begun there yet */
    uint64_t end;    /* and behind its last; 0: it is not rendered whole there yet */
    size_t records;  /* of the message */
    int64_t wall_us; /* when it was offered */
    int64_t again;   /* owed, and refused for now: when it is tried again, ms */
    unsigned lacks;  /* the targets that it is still to go to, bits by enum target_order; the lowest has it now */
    /* what is needed to render it later; all in `copy` */
    struct message message;
    struct envelope envelope;
    struct bytes copy;
    char key[33];
    struct bytes reply; /* what a consumer gave back for it */
};

struct target;

struct target_kind {
    enum target_order order;
    bool rejects; /* it may say that it will never take a message */
    /* Takes a message at once, without a copy; `text` is not needed beyond the call, and the job is in the queue then.
     * False: it comes again through take, as a copy. NULL: it always does. */
    bool (*in_place)(struct target *t, struct job *job, const struct message *text, const struct envelope *envelope);
    /* A job was put into the queue that has its message. NULL: pump looks there. */
    void (*take)(struct target *t, struct job *job, int64_t now);
    /* Goes on with what waits. Called at the end of each turn, also after stop. */
    void (*pump)(struct target *t, int64_t now);
    /* A job is taken out of the queue undecided. NULL: nothing else knows of it. */
    void (*forget)(struct target *t, struct job *job);
    /* Nothing more is begun, what is at work is ended. Called once; the queue is empty then. NULL: nothing is. */
    void (*stop)(struct target *t, int64_t now);
    /* After stop: whether nothing is at work any more, which has to come of itself. NULL: always. */
    bool (*over)(const struct target *t);
    /* Whether nothing is at work that is not in the queue. NULL: nothing ever is. */
    bool (*idle)(const struct target *t);
    /* Bytes that it holds beside those of its jobs. NULL: none. */
    size_t (*held)(const struct target *t);
    void (*close)(struct target *t);
};

/* Embedded at the beginning of what a target is. */
struct target {
    struct loop_source source; /* added to the loop when the hub opens */
    const struct target_kind *kind;
    struct handover *handover;
    struct job *first, *last;
};

/* Puts a job at the end of the queue. */
void target_append(struct target *t, struct job *job);

/* Takes a job out of the queue, wherever it stands. */
void target_remove(struct target *t, struct job *job);

/* The most bytes that may be sent back for it: as many as its link's messages may have. */
size_t target_reply_max(const struct job *job);

/* What a consumer gave back for the job, which is its own still, made ready to be sent: the records of an ASTM reply
 * are ended by CR alone; blanks and a byte order mark before it are left out. Where nothing was given back for an ASTM
 * query, by none of the consumers, it becomes the message that says that nothing is known. False where there is none:
 * nothing but blanks, no ASTM message, or for a query that is cancelled; it tells of these two, and of what stands
 * before the first message of HL7. */
bool target_reply_fits(const struct job *job, struct bytes *text);

#endif
