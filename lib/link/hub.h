/* Many links in one process: ports (endpoints that listen or dial), the connections that they bring, the hand-over they
 * share, and the loop under them all. */
#ifndef INSTLINK_HUB_H
#define INSTLINK_HUB_H

#include "base/log.h"
#include "link/endpoint.h"
#include "link/handover.h"
#include "link/loop.h"

struct connection;
struct port;

struct hub_config {
    size_t max_connections; /* over all ports */
    size_t max_buffer;      /* bytes held over all connections and the hand-over */
    int64_t grace_ms;       /* SIGTERM: how long messages in flight may take */
    const char *metrics;    /* the file that is kept current; NULL: none */
};

/* What a program wants to know; each may be NULL. None may close a connection: they are called from within one. */
struct hub_hooks {
    void *context;
    void (*up)(void *context, struct connection *connection, int64_t now);
    void (*down)(void *context, struct connection *connection, int64_t now);
    void (*done)(void *context, struct connection *connection, const struct delivery *delivery, int64_t now);
    /* A consumer gave a text back for a message that came there, which is to go out as one of our own. */
    void (*reply)(void *context, struct connection *connection, const unsigned char *text, size_t n, int64_t now);
    /* The query that came there last is taken back: what waits to answer it is of no use any more. */
    void (*cancelled)(void *context, struct connection *connection);
    /* The hub stops, at stop_by at the latest; once more when that comes earlier. */
    void (*stopping)(void *context, int64_t now);
    /* SIGHUP came; without this hook it ends the run as SIGTERM does. */
    void (*reload)(void *context, int64_t now);
    bool stays; /* also without any link: reload may bring some */
    /* A retired link is no longer needed; its configuration may be freed. */
    void (*retired)(void *context, const struct link_config *config);
};

/* How a run ended. */
enum hub_end {
    HUB_DONE,
    HUB_GIVEN_UP, /* nothing is left to listen on or to dial, and something was dialled in vain */
    HUB_IO,       /* stdout failed, a line is torn, or an acknowledged message could not be kept */
    HUB_UNBOUND,  /* before all was bound an endpoint could not be: hub->failure says why */
    HUB_FAILED,   /* the system does not let the loop go on */
    HUB_SIGNAL,   /* a second signal: exit at once */
};

enum hub_error {
    HUB_FINE,
    HUB_USAGE,
    HUB_UNREACHABLE,
    HUB_NO_SUCH_ADDRESS, /* it is none of this machine's */
    HUB_NOT_PERMITTED,
    HUB_SYSTEM,
};

/* Why an endpoint could not be opened. */
struct hub_failure {
    enum hub_error error;
    char why[512];
};

struct hub {
    struct loop loop;
    const struct hub_config *config;
    struct hub_hooks hooks;
    struct handover *handover;
    struct port *ports;
    struct link *links;
    size_t gone;        /* how many of them are retired */
    int64_t gone_by;    /* when their connections are closed, whatever is in flight */
    int64_t metrics_at; /* when the metrics are to be written; INT64_MAX: nothing has happened since they were */
    int64_t metrics_last;
    struct bytes metrics; /* as they were written last */
    struct log_fault metrics_fault;
    int64_t watchdog_ms, watchdog_at; /* 0: nobody watches */
    struct connection **slots;        /* by number; NULL: free */
    size_t slots_n, connections;
    size_t draining;        /* of these: we have closed them, and only wait for the peer's end */
    size_t prefaces;        /* accepted, and no connections yet: their PROXY header is waited for */
    size_t max_connections; /* the configuration's, or what the limit on descriptors leaves of it */
    size_t max_sockets;     /* with those that are draining */
    uint64_t generation;
    size_t held; /* bytes held by connections */
    struct spares spares;
    uint64_t seed;
    struct short_ident control_ids; /* of our own HL7 messages */
    struct time_text stamp_time;
    bool deserted; /* it stops because nothing is left to listen on, to dial or to talk to */
    bool stopping;
    int64_t stop_by;
    bool settled, bound; /* nothing is still to be bound; that was so once */
    int ready_fd;        /* where to say so then; -1: nowhere, or it is said */
    struct hub_failure failure;
    int signals;      /* how many SIGTERM, SIGINT and SIGHUP came */
    enum hub_end end; /* what hub_run will return */
    int signal;       /* the second one, for HUB_SIGNAL */
    unsigned char buffer[64 << 10];
};

/* The defaults of the contract. */
struct hub_config hub_defaults(void);

/* An empty hub. config and handover stay the caller's; signals are caught from here on. The limit on descriptors is
 * raised as far as it goes. False: the system refuses. */
bool hub_open(struct hub *hub, const struct hub_config *config, const struct hub_hooks *hooks,
              struct handover *handover);

/* Adds an endpoint; a listening one is bound, to all addresses of a name once the hub runs and they are known; a
 * dialling one begins when the hub runs. The endpoint's text stays the caller's. False: *failure says why. */
bool hub_add(struct hub *hub, const struct endpoint *endpoint, struct link *link, struct hub_failure *failure);

/* A link for endpoints to be added to. config stays the caller's until the hub is closed, or says that the link is
 * retired. NULL when memory is exhausted. */
struct link *hub_link(struct hub *hub, const struct link_config *config);

/* Whether no connection is on the link, nor will ever be: it was given up, or its socket is gone. */
bool hub_is_dead(const struct hub *hub, const struct link *link);

/* Ends a link while the others go on: its ports are closed at once, its connections when nothing is in flight on them,
 * or after grace_ms. */
void hub_retire(struct hub *hub, struct link *link, int64_t now);

/* Has a line written to fd when all is bound, for each bound socket, and for each endpoint that has none, in the order
 * in which they were added; then fd is closed, unless it is stderr. */
void hub_announce(struct hub *hub, int fd);

/* A link cannot be listened on, as turns out while the hub runs: its ports are closed. It ends the run until all was
 * bound once, and is told after that. */
void hub_unbound(struct hub *hub, struct link *link, const struct hub_failure *failure, int64_t now);

/* Runs until it is stopped, or nothing is left that could bring a connection. */
enum hub_end hub_run(struct hub *hub);

/* Stops accepting and dialling, lets what is in flight finish for at most grace_ms, closes the rest. */
void hub_stop(struct hub *hub, int64_t grace_ms, int64_t now);

void hub_close(struct hub *hub);

/* Any connection. NULL when there is none. */
struct connection *hub_any(const struct hub *hub);

#endif
