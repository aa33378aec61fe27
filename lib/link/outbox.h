/* Messages for instruments: a queue for each link, from which each of its connections is given one at a time, in order.
 * One that is not taken is tried again after a wait, for so often and for so long. It knows connections, and neither
 * where messages come from nor where reports go. */
#ifndef INSTLINK_OUTBOX_H
#define INSTLINK_OUTBOX_H

#include "link/connection.h"

enum { OUTBOX_QUEUE = 1000 /* messages that wait for a link, and replies that wait for a connection, at most */ };

struct outbox_config {
    uint64_t attempts;   /* how often a message is tried */
    int64_t timeout_ms;  /* how long it is tried for, and how long it waits for a connection */
    size_t max_held;     /* bytes over all queues */
    enum log_level told; /* at which level it is told that a message was delivered */
    bool renews;         /* a connection is made anew where a late answer to the message before could be mistaken */
    bool spreads;        /* a message goes to any connection that is free, wherever it leads; else to the newest */
};

/* p is NULL where there is none. */
struct outbox_slice {
    const unsigned char *p;
    size_t n;
};

struct outbox_message {
    struct outbox_slice id;   /* the sender's, for the report */
    struct outbox_slice peer; /* whose connection it is for: an address, with or without a port */
    struct outbox_slice text; /* UTF-8; CR, LF and CR LF end records */
    int64_t came;             /* when its time began to run; 0: now */
};

/* What became of a message. All of it is gone after the call. */
struct outbox_report {
    struct outbox_slice id, peer; /* peer: of the connection that it was tried on last, else the one that was wanted */
    const struct link *link;
    bool sent;
    const char *reason;              /* why not; begins with a stable word */
    const char *code;                /* as in struct delivery, of the last attempt; may be empty */
    const struct delivery *delivery; /* what decided; NULL: no attempt did */
    uint64_t attempts;
    int64_t ms; /* since it was added */
};

struct outbox_hooks {
    void *context;
    void (*report)(void *context, const struct outbox_report *report);
    /* Whether reports are not read, so that nothing is to be begun now; NULL: never. Asked on every turn. */
    bool (*stalled)(void *context);
};

struct outbox {
    struct loop_source source; /* to be added to the loop */
    const struct outbox_config *config;
    struct outbox_hooks hooks;
    struct outbox_link *links; /* those that have connections or messages */
    size_t *total;             /* bytes held by whoever counts them over all; those of the outbox are in it */
    size_t held;
    const char *stopping; /* why nothing more is begun; NULL: it is */
    int64_t stop_by;
};

/* An empty outbox. config and *total stay the caller's. */
void outbox_open(struct outbox *o, const struct outbox_config *config, const struct outbox_hooks *hooks, size_t *total);

/* Puts a message into the link's queue; it is copied. What becomes of it is reported, at once where it cannot be put
 * there or sent at all. */
void outbox_add(struct outbox *o, struct link *link, const struct outbox_message *message, int64_t now);

/* Puts a message up for exactly that connection, before those of the queue; it is copied as outbox_add does, and not
 * reported. That it is not taken is told on stderr. When the connection ends before it is sent, one of a
 * protocol that answers each message waits for the next one from that address, whatever the port; any other is given
 * up. */
void outbox_reply(struct outbox *o, struct connection *c, const unsigned char *text, size_t n, int64_t now);

/* Drops the reply that was put up last for that connection, unless it is under way, and says so on stderr. */
void outbox_cancel(struct outbox *o, struct connection *c);

/* Puts a message that was given back on another link into this link's queue; it is copied as outbox_add does, and not
 * reported. That it is not taken is told on stderr. It goes to the newest connection; where there are some from several
 * addresses, to the newest from that of peer, whatever the port. */
void outbox_pass(struct outbox *o, struct link *link, const char *peer, const unsigned char *text, size_t n,
                 int64_t now);

/* Appends the records of a text, each ended by CR; empty ones are none. False when memory is exhausted. */
bool outbox_put_records(struct bytes *out, const unsigned char *text, size_t n);

/* Whether no link could take a message more now, and each of them has a connection: to wait is better than to add. */
bool outbox_full(const struct outbox *o, const struct link *links);

/* The hub's hooks: a connection is there, it is gone, it is done with a message. */
void outbox_up(struct outbox *o, struct connection *c);
void outbox_down(struct outbox *o, struct connection *c);
void outbox_done(struct outbox *o, struct connection *c, const struct delivery *delivery, int64_t now);

/* Nothing more is begun: what waits is reported now, what is being sent at stop_by at the latest, with that reason,
 * which stays the caller's. May be called again. */
void outbox_stop(struct outbox *o, const char *why, int64_t stop_by, int64_t now);

/* Frees what is left, without a report. */
void outbox_close(struct outbox *o);

#endif
