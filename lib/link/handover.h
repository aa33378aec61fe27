/* The hand-over: where messages go, and the verdict that comes back. A message passes its targets one after the other,
 * and is acknowledged only after the last of them has it; nothing piles up, for whoever waits for a verdict sends
 * nothing meanwhile. */
#ifndef INSTLINK_HANDOVER_H
#define INSTLINK_HANDOVER_H

#include "base/clock.h"
#include "link/ledger.h"
#include "link/target_stdout.h"

/* Who offered a message that was being handed over already, and waits for the same verdict. */
struct handover_waiter {
    struct handover_waiter *next;
    struct handover_party party;
    uint32_t entry; /* in the ledger */
};

struct handover {
    struct loop_source source;       /* owed messages that are tried again */
    struct target *targets[TARGETS]; /* NULL: there is none of that kind */
    struct loop *loop;               /* where targets find one; NULL: there is none */
    unsigned wanted;                 /* those that messages go to, bits by enum target_order */
    struct target_stdout out;        /* stdout, also where messages do not go to it */
    struct ledger ledger;
    uint64_t limit; /* -c: how many messages are handed over; 0: any number */
    uint64_t offered, accepted;
    struct job *again; /* owed, and refused for now */
    struct job *spare; /* storage for jobs to come */
    unsigned spares;
    struct handover_waiter *waiters;
    unsigned owed;   /* how many jobs are */
    unsigned lost;   /* how many were owed, and could be neither handed over nor kept */
    size_t held;     /* bytes in copies */
    size_t pieces;   /* bytes that targets hold, as of the end of the last turn */
    size_t room;     /* bytes that a copy may take; the owner's, set before an offer */
    int64_t wall_us; /* the time; the owner's, set before an offer */
    int64_t over_by; /* when nothing may be at work in a target any more, ms; 0: whenever; the owner's */
    bool frozen;     /* nothing more is handed over, whatever waits */
    bool failed;     /* a target has ended that there is no other for: likewise */
    struct ident ident;
    struct time_text received;
    const char *rejects; /* --rejects FILE, or NULL */
    void *context;
    /* What a message was worth, and what a consumer said of it; *reply and what it points to are gone afterwards. */
    void (*verdict)(void *context, const struct handover_party *party, enum verdict verdict, const struct reply *reply,
                    int64_t now);
    /* A message came again. */
    void (*repeated)(void *context, const struct handover_party *party);
    /* A message that was owed to a connection that is gone has found its end: handover_orphans are less. NULL: nobody
     * asks. */
    void (*settled)(void *context, int64_t now);
};

/* Messages go to stdout, in that format, until other targets are added. dedup: how many messages are remembered to know
 * repeats. limit: -c. */
void handover_open(struct handover *h, enum view_format format, uint32_t dedup, uint64_t limit);

/* Messages go to this target, which must outlive the hand-over; and no more to stdout, unless keep_stdout. */
void handover_add(struct handover *h, struct target *target, bool keep_stdout);

/* Whether messages go to stdout. */
bool handover_prints(const struct handover *h);

/* Offers a message. peer is copied where needed. VERDICT_WAIT: the verdict comes later through `verdict`. *reply says
 * whether it is a query. For VERDICT_ACCEPT, a repeat's, it is what a consumer gave back the first time, valid until
 * the next call. For one that is owed VERDICT_NEVER: nothing is handed over any more, and it went to the rejects file,
 * or is lost, or left out as more than -c asks for; VERDICT_LATER: there is no memory to keep it in. Who then cannot
 * have it sent again calls handover_lose. */
enum verdict handover_offer(struct handover *h, const struct handover_party *party, const struct message *message,
                            const char *peer, struct reply *reply, int64_t now);

/* An owed message of that link could not be kept, and nobody will send it again. */
void handover_lose(struct handover *h, struct link *link);

/* For targets: a job that was taken out of the queue has this verdict there. *reply may be NULL; what it points to is
 * copied where needed. */
void handover_served(struct handover *h, struct target *target, struct job *job, enum verdict verdict,
                     const struct reply *reply, int64_t now);

/* For targets: nothing can be handed over any more, ever. */
void handover_fail(struct handover *h);

/* The connection is gone: nobody waits for verdicts there; what it is owed is handed over all the same. */
void handover_orphan(struct handover *h, uint64_t connection);

/* How many messages are owed to connections that are gone, of that link and that peer, whatever its port. */
unsigned handover_orphans(const struct handover *h, const char *link, const char *peer);

/* Writes a wire event (-o frame), where messages go to stdout. */
void handover_wire(struct handover *h, const struct link *link, const struct protocol *protocol,
                   const struct machine_wire *wire, const char *peer);

/* Whether messages of that link wait. */
bool handover_needs(const struct handover *h, const struct link *link);

/* Bytes held, in copies and in targets. */
size_t handover_held(const struct handover *h);

/* What was given back for that ticket has not gone out: it goes with the answer when the message is repeated. */
void handover_withhold(struct handover *h, uint64_t connection, uint64_t ticket);

/* The acknowledgement of these tickets went out, or (proven) has arrived. */
void handover_acknowledged(struct handover *h, uint64_t connection, uint64_t first, uint64_t last, bool proven);

/* Hands over what can be, and gives the verdicts that follow. Called at the end of each turn. */
void handover_pump(struct handover *h, int64_t now);

/* Refuses all that waits, and hands over no more: what is refused must not appear all the same. */
void handover_freeze(struct handover *h, int64_t now);

/* Whether all that was offered has been decided. */
bool handover_idle(const struct handover *h);

/* Whether it is frozen, and nothing is at work in any target any more; that has to come of itself. */
bool handover_over(const struct handover *h);

/* Whether -c's count is reached. */
bool handover_complete(const struct handover *h);

/* At shutdown: owed messages that still wait go to the rejects file. Returns how many were lost since the beginning, or
 * since the last call. */
unsigned handover_rescue(struct handover *h);

void handover_close(struct handover *h);

#endif
