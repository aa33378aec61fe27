/* A port: an endpoint at work. It accepts connections, or dials and dials again, or holds an inherited socket. */
#ifndef INSTLINK_PORT_H
#define INSTLINK_PORT_H

#include "base/log.h"
#include "link/hub.h"
#include "link/resolve.h"

#include <sys/types.h>

enum port_state {
    PORT_LISTENING,
    PORT_FULL,      /* the system has no descriptors or memory: accepting rests until due */
    PORT_WAITING,   /* the next attempt is due */
    PORT_RESOLVING, /* also of one that is to listen: it is bound when the addresses of its name are there */
    PORT_CONNECTING,
    PORT_UP,     /* connected */
    PORT_CLOSED, /* no connection will ever come of it */
};

struct port {
    struct loop_source source;
    struct hub *hub;
    struct port *next;
    struct endpoint endpoint;
    struct link *link;
    struct preface *prefaces; /* connections whose PROXY header is waited for */
    enum port_state state;
    struct log_fault full;   /* accepting fails */
    bool given_up;           /* it was dialled in vain for as often as it may be */
    int64_t due;             /* of the state's end, ms */
    int64_t give_up;         /* of the attempt that is on, over all addresses */
    int64_t wait_ms;         /* before the next attempt but one; grows */
    uint64_t failures;       /* in a row */
    struct resolve *resolve; /* of one that dials, or listens on a name; else NULL */
    size_t address;          /* which of the addresses is being tried */
    dev_t device;            /* of the unix socket's file, so that only our own is removed */
    ino_t inode;
};

/* A port that listens on an address of its endpoint. NULL: *failure says what is wrong; likewise the others. */
struct port *port_listen(struct hub *hub, const struct endpoint *endpoint, const struct address *address,
                         struct link *link, struct hub_failure *failure);

/* A port that listens on all addresses of a name that this machine has, once the hub runs and they are known. */
struct port *port_listen_by_name(struct hub *hub, const struct endpoint *endpoint, struct link *link,
                                 struct hub_failure *failure);

/* A port that dials once the hub runs. */
struct port *port_dial(struct hub *hub, const struct endpoint *endpoint, struct link *link,
                       struct hub_failure *failure);

/* A port on a serial line, opened once the hub runs, and again when it is gone. */
struct port *port_serial(struct hub *hub, const struct endpoint *endpoint, struct link *link,
                         struct hub_failure *failure);

/* A port on an inherited socket, listening or connected. */
struct port *port_inherit(struct hub *hub, const struct endpoint *endpoint, struct link *link,
                          struct hub_failure *failure);

bool port_dials(const struct port *port);

/* Whether it is still to be bound. */
bool port_is_unbound(const struct port *port);

/* Takes an accepted connection of that peer in, which becomes one of the link's, or refuses it. */
void port_admit(struct port *port, int fd, const struct address *peer, int64_t now);

/* Closes an accepted connection and counts it. Why is told as `told`, but of those from one host once a minute; each
 * time with -v. reason: a stable word; why: for people. */
void port_refuse(struct port *port, int fd, const struct address *peer, enum log_level told, const char *reason,
                 const char *why, int64_t now);

/* Its connection is gone. worked: something had come over it. */
void port_lost(struct port *port, bool worked, int64_t now);

/* Whether port_renew may be called for its connection. */
bool port_renews(const struct port *port);

/* Its connection, which had been of use, was ended so that it is dialled anew: at once, and that counts as no retry. */
void port_renew(struct port *port, int64_t now);

/* Listens and dials no more. */
void port_close(struct port *port);

/* Likewise, and it is freed; it has no connection any more. */
void port_remove(struct port *port);

#endif
