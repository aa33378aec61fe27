/* Messages that come one after the other and go out over one link; and what becomes of each, in the same order. A few
 * are on their way at once; of those behind them no more is held than is worth holding. */
#ifndef INSTLINK_SENDER_H
#define INSTLINK_SENDER_H

#include "link/hub.h"
#include "link/messages.h"
#include "link/sent.h"

enum {
    SENDER_HELD = 1000,       /* messages that wait to be sent or reported, at most */
    SENDER_BYTES = 64 << 20,  /* bytes of them, past which none is taken */
    SENDER_STALL = 256 << 10, /* bytes of reports that wait to be read, past which nothing is begun */
};

struct sender_config {
    struct outbox_config outbox;
    size_t parallel; /* how many messages are on their way at once */
    bool confirms;   /* `ok`, `retry WHY` or `reject WHY` in place of reports */
    uint64_t limit;  /* how many messages are taken; 0: any number */
};

struct sender {
    struct loop_source source; /* to be added to the loop */
    const struct sender_config *config;
    struct outbox outbox; /* its source likewise */
    struct hub *hub;
    struct link *link;
    struct sent *sent;          /* NULL: nothing is remembered */
    struct sender_item *first;  /* in the order in which they came; all that is not reported */
    struct sender_item **last;  /* where the next one goes */
    struct sender_item *next;   /* the first that waits to be sent */
    size_t held, bytes, flying; /* how many there are, what they hold, and how many are on their way */
    size_t unsaved;             /* how many were sent and are not remembered yet: until they are they stand for flying */
    uint64_t taken;             /* how many messages there were */
    uint64_t delivered, failed, known, wrong;
    bool filling, over;
    bool cut;       /* the hub stopped while more messages might have come */
    bool forgetful; /* what was sent could not be remembered, and yet it was reported */
    int64_t again;  /* when that is tried again; 0: it need not be */
    struct log_fault sent_fault;
};

/* hub, config and sent (or NULL) stay the caller's. */
void sender_open(struct sender *s, const struct sender_config *config, struct hub *hub, struct sent *sent);

/* The link that messages go to, once it is there. */
void sender_use(struct sender *s, struct link *link);

/* Whether no more is to be given now, or (sender_full) ever. */
bool sender_rests(const struct sender *s);
bool sender_full(const struct sender *s);

/* Takes a message, or what was to be one; it is copied. */
void sender_take(struct sender *s, const struct messages_item *item, int64_t now);

/* No more messages come: when all are reported the hub is stopped. */
void sender_finish(struct sender *s);

/* For the hub's hooks: a connection is there, it is gone, it is done with a message; the hub stops. */
void sender_up(void *context, struct connection *c, int64_t now);
void sender_down(void *context, struct connection *c, int64_t now);
void sender_done(void *context, struct connection *c, const struct delivery *delivery, int64_t now);
void sender_stopping(void *context, int64_t now);

/* Frees all. What is left is not reported. */
void sender_close(struct sender *s);

#endif
