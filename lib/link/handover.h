/* The hand-over: where messages go, and the verdict that comes back. A message is acknowledged only after it has been
 * handed over; nothing piles up, for whoever waits for a verdict sends nothing meanwhile. */
#ifndef INSTLINK_HANDOVER_H
#define INSTLINK_HANDOVER_H

#include "base/clock.h"
#include "base/verdict.h"
#include "link/ledger.h"
#include "link/link.h"
#include "link/loop.h"
#include "link/outlet.h"

/* Who offered a message and waits for its verdict. */
struct handover_party {
    uint64_t connection; /* its number, never used again; 0: nobody */
    uint64_t ticket;
    bool owed;         /* acknowledged already, or without acknowledgement: it is handed over whatever happens */
    struct link *link; /* needed for as long as the message waits */
    const struct protocol *protocol;
};

/* Who offered a message that was being handed over already, and waits for the same verdict. */
struct handover_waiter {
    struct handover_waiter *next;
    struct handover_party party;
    uint32_t entry; /* in the ledger */
};

struct handover_job {
    struct handover_job *next;
    struct handover_party party;
    uint32_t entry;  /* in the ledger, or LEDGER_NONE */
    uint64_t end;    /* the stream offset behind its last byte; 0: not rendered yet */
    size_t records;  /* of the message */
    int64_t wall_us; /* when it was offered */
    /* what is needed to render it later; all in `copy` */
    struct message message;
    struct envelope envelope;
    struct bytes copy;
};

struct handover {
    struct loop_source source; /* of stdout */
    struct outlet outlet;
    enum view_format format; /* of every link */
    struct views views;      /* of the job that is being rendered */
    bool viewing;
    struct ledger ledger;
    uint64_t limit; /* -c: how many messages are handed over; 0: any number */
    uint64_t offered, accepted;
    struct bytes piece; /* rendered and not written */
    size_t piece_at;
    uint64_t produced, written; /* bytes of the stream */
    uint64_t whole;             /* bytes up to which all messages are whole; what is written past it is torn */
    struct handover_job *first, *last, *unrendered;
    struct handover_job *spare; /* storage for jobs to come */
    unsigned spares;
    struct handover_waiter *waiters;
    unsigned owed;                 /* how many of them are */
    struct handover_job *stranded; /* owed, and not to be handed over any more */
    unsigned strandings;           /* how many there were, kept or not */
    unsigned char last_byte;       /* written */
    size_t held;                   /* bytes in copies */
    size_t room;                   /* bytes that a copy may take; the owner's, set before an offer */
    int64_t wall_us;               /* the time; the owner's, set before an offer */
    int64_t render_at;             /* memory is exhausted: when rendering is tried again; 0: it is not */
    bool frozen;                   /* nothing more is written, whatever waits */
    int error;                     /* errno of stdout's end; 0 while it works */
    struct ident ident;
    struct time_text received;
    const char *rejects; /* --rejects FILE, or NULL */
    void *context;
    /* What a message was worth. */
    void (*verdict)(void *context, const struct handover_party *party, enum verdict verdict, int64_t now);
    /* A message came again. */
    void (*repeated)(void *context, const struct handover_party *party);
};

/* stdout is the target. dedup: how many messages are remembered to know repeats. */
void handover_open(struct handover *h, enum view_format format, uint32_t dedup, uint64_t limit);

/* Offers a message. peer is copied where needed. VERDICT_WAIT:
 * the verdict comes later through `verdict`. */
enum verdict handover_offer(struct handover *h, const struct handover_party *party, const struct message *message,
                            const char *peer);

/* The connection is gone: nobody waits for verdicts there; what it is owed is handed over all the same. */
void handover_orphan(struct handover *h, uint64_t connection);

/* How many messages are owed to connections that are gone, of that link and that peer, whatever its port. */
unsigned handover_orphans(const struct handover *h, const char *link, const char *peer);

/* Writes a wire event (-o frame). */
void handover_wire(struct handover *h, const struct link *link, const struct protocol *protocol,
                   const struct machine_wire *wire, const char *peer);

/* Whether messages of that link wait. */
bool handover_needs(const struct handover *h, const struct link *link);

/* Whether so much waits to be written that nobody should read more from instruments (-o frame). */
bool handover_full(const struct handover *h);

/* The acknowledgement of these tickets went out, or (proven) has arrived. */
void handover_acknowledged(struct handover *h, uint64_t connection, uint64_t first, uint64_t last, bool proven);

/* Writes what can be written, and gives the verdicts that follow. Called at the end of each turn. */
void handover_pump(struct handover *h, int64_t now);

/* Refuses all that waits, and writes no more: what is refused must not appear all the same. */
void handover_freeze(struct handover *h, int64_t now);

/* Whether all that was offered has been decided. */
bool handover_idle(const struct handover *h);

/* Whether -c's count is reached. */
bool handover_complete(const struct handover *h);

/* At shutdown, with stdout stalled: owed messages go to the rejects file. Returns how many could not be kept. */
unsigned handover_rescue(struct handover *h);

/* Whether a line, or a message that is not written as lines, is written in part. */
bool handover_torn(const struct handover *h);

void handover_close(struct handover *h);

#endif
