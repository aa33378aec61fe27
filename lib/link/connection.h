/* One connection: a socket, the machine behind it, and what lies between. */
#ifndef INSTLINK_CONNECTION_H
#define INSTLINK_CONNECTION_H

#include "link/hub.h"

struct connection {
    struct loop_source source;
    struct hub *hub;
    struct port *port;
    struct link *link;
    uint64_t number; /* slot in the low 32 bits, generation above */
    struct machine machine;
    struct bytes in; /* read and not yet taken by the machine */
    size_t held;     /* as counted in the hub */
    int64_t active;  /* when the last byte came or went */
    union {
        int64_t sent;     /* when the last one went; 0: none yet */
        int64_t close_by; /* closing: when patience ends */
    };
    unsigned debts;     /* messages of this link and peer that are owed on other connections */
    int error;          /* why it is lost; 0: not known */
    bool lost;          /* nothing can be sent any more */
    bool heard;         /* a byte has come */
    bool eof, eof_told; /* the peer has sent its last byte; the machine knows */
    bool leaving;       /* it is to be closed */
    bool renewed;       /* … and dialled anew at once */
    bool line;          /* it is no socket */
    bool closing, shut; /* by our own choice; the write side is shut */
    char peer[];        /* as it is shown */
};

/* A new connection on a connected socket or an open line, which it owns from now on. peer is copied. NULL when memory
 * is exhausted; the descriptor is then closed. */
struct connection *connection_open(struct hub *hub, struct port *port, int fd, const char *peer, int64_t now);

/* The verdict on a message that it offered. */
void connection_verdict(struct connection *c, const struct handover_party *party, enum verdict verdict,
                        const struct reply *reply, int64_t now);

/* Puts a message up for sending. False when it is sending one already, or is closing. */
bool connection_send(struct connection *c, const unsigned char *text, size_t n, int64_t now);

/* Before a message for which a late answer to the one before could be taken: where it was dialled, it is closed as
 * connection_leave does, and dialled anew at once, so that such an answer comes to nothing. False: neither is so, and
 * the message may be sent. */
bool connection_renew(struct connection *c, const unsigned char *text, size_t n);

/* Takes that message back, and no hook is called. False: it is under way, or has ended. */
bool connection_withdraw(struct connection *c);

enum {
    CONNECTION_DRAIN_MS = 2000,
    CONNECTION_RENEW_MS = 500, /* likewise, of one that is dialled anew: what was sent has been answered */
};

/* Closes by our own choice: a frame that still waits for its verdict is refused, the last answer is flushed, the write
 * side shut, and input discarded for up to 2 s, until EOT or the peer's close; closing over unread bytes could destroy
 * the answer in flight. Where there can be none, for the connection has been idle and nothing was sent for a while, it
 * ends at once. */
void connection_close(struct connection *c, int64_t now);

/* A new connection of the same peer takes its place. */
void connection_replace(struct connection *c, int64_t now);

/* A message that was owed on a connection that is gone has found its end: what has waited for that goes on. */
void connection_settled(struct connection *c, int64_t now);

/* Has it closed when what is being done on it is done; for hooks. */
void connection_leave(struct connection *c);

/* Closes at once. */
void connection_drop(struct connection *c, int64_t now);

/* Whether nothing is in flight on it. */
bool connection_idle(const struct connection *c);

#endif
