/* A port: an endpoint at work. It accepts connections, or dials and dials again, or holds an inherited socket. */
#ifndef INSTLINK_PORT_H
#define INSTLINK_PORT_H

#include "link/hub.h"
#include "link/resolve.h"

enum port_state {
    PORT_LISTENING,
    PORT_FULL,       /* the system has no descriptors or memory: accepting rests until due */
    PORT_WAITING,    /* the next attempt is due */
    PORT_RESOLVING,
    PORT_CONNECTING,
    PORT_UP,         /* connected */
    PORT_CLOSED,
};

struct port {
    struct loop_source source;
    struct hub *hub;
    struct port *next;
    struct endpoint endpoint;
    const char *name;
    enum port_state state;
    int64_t due;         /* of the state's end, ms */
    int64_t give_up;     /* of the attempt that is on */
    int64_t wait_ms;     /* before the next attempt but one; grows */
    uint64_t failures;   /* in a row */
    struct resolve *resolve;
    size_t address;      /* which of the addresses is being tried */
};

struct port *port_open(struct hub *hub, const struct endpoint *endpoint, const char *name, enum hub_error *error, char *why,
                       size_t why_size);

const char *port_name(const struct port *port);
bool port_dials(const struct port *port);

/* Its connection is gone. worked: something had come over it. */
void port_lost(struct port *port, bool worked, int64_t now);

/* Listens and dials no more. */
void port_close(struct port *port);

#endif
