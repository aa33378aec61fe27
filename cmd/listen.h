/* What listeners share: options, endpoints, the run and its exit status. */
#ifndef INSTLINK_LISTEN_H
#define INSTLINK_LISTEN_H

#include "link/hub.h"
#include "link/input.h"
#include "link/target_journal.h"
#include "links.h"

/* Help that all listeners have in common: what an endpoint is, where messages come from and go to, who may connect and
 * how dials are repeated. */
#define LISTENER_ENDPOINT_HELP                                                                                         \
    "ENDPOINT is PORT, HOST:PORT or listen:HOST:PORT (HOST is 127.0.0.1 unless given, '*'\n"                           \
    "is every address), dial:HOST:PORT, serial:DEVICE[,9600[,8N1[,rtscts|xonxoff]]],\n"                                \
    "unix:PATH, or fd:N for an inherited socket.\n"
#define LISTENER_HANDOVER_HELP                                                                                         \
    "  -n, --name NAME         the link's name in the output (the endpoint as written)\n"                              \
    "  -c, --count N           stop after N messages\n"                                                                \
    "  -j, --journal FILE      append each message to FILE, on stable storage before it is\n"                          \
    "                          acknowledged; SIGHUP opens FILE again\n"                                                \
    "  -i, --input             messages for instruments from stdin, a JSON object a line,\n"                           \
    "                          and what becomes of each to stdout\n"                                                   \
    "      --send-timeout T    how long such a message is tried for (10 m)\n"                                          \
    "      --attempts N        and how often (5)\n"                                                                    \
    "  -R, --ready-fd FD       when all is bound, write a line for each endpoint to FD\n"                              \
    "  -x, --exec CMD          run CMD for each message, with the message on its stdin: status\n"                      \
    "                          0 is accepted, 65 never, else later; what it prints is sent\n"                          \
    "                          back\n"                                                                                 \
    "      --jobs N            most CMDs at a time (4)\n"                                                              \
    "      --exec-timeout T    longest time for one CMD (10 s)\n"                                                      \
    "  -s, --sink CMD          run CMD, and again when it ends; it reads a message a line and\n"                       \
    "                          answers each with a line: ok, retry WHY or reject WHY\n"                                \
    "      --window N          most lines ahead of its answers (64)\n"                                                 \
    "      --sink-timeout T    longest time for one answer of it (60 s)\n"                                             \
    "      --stdout            with -j, -x or -s, print on stdout as well\n"
#define LISTENER_PEER_HELP                                                                                             \
    "      --allow NETWORK     who may connect, as in 10.0.0.0/8; several (everybody)\n"                               \
    "      --max-connections-per-peer N  from one address (any number)\n"                                              \
    "      --replace           a new connection from an address retires the one before\n"                              \
    "      --proxy-protocol    connections begin with a PROXY header, v1 or v2; its\n"                                 \
    "                          address is the peer\n"                                                                  \
    "      --proxy-from NETWORK  the balancers that it is taken from (127.0.0.0/8, ::1)\n"                             \
    "      --connect-timeout T a dial takes at most so long (10 s)\n"                                                  \
    "      --retry MIN,FACTOR,MAX  waits between dials (5,1.5,600)\n"                                                  \
    "      --max-retries N     give a dial up after N retries (never)\n"

/* All that a listener's command line says. */
struct listener {
    struct program program;
    struct hub_config hub;
    struct links_common common;
    struct links links;
    struct link_options scratch; /* where options are tried */
    unsigned protocols;          /* LINK_ASTM, LINK_HL7: whose options there are */
    struct get_paths get;
    bool chosen;      /* -o */
    const char *name; /* -n */
    uint64_t count;   /* -c; 0: for ever */
    uint64_t dedup;
    const char *journal; /* -j, or NULL */
    struct target_journal to_journal;
    bool reads; /* -i */
    struct outbox_config sending;
    struct outbox outbox;
    struct input input;
    int ready_fd; /* -R; -1: none */
    const char *rejects;
    const char *exec, *sink;       /* -x, -s; NULL: none */
    const char *of_exec, *of_sink; /* an option that was given for the one, and for the other; NULL: none was */
    uint64_t jobs, window;
    int64_t exec_ms, sink_ms;
    bool keep_stdout; /* --stdout */
    struct hub *running;
    int status;
};

/* The defaults of a listener for that protocol; of protocol_auto: for all of them, with a links file. */
void listener_init(struct listener *l, const char *name, const char *help, const struct protocol *protocol);

/* Reads the options. False: exit with l->status. On success optind is at the first endpoint. */
bool listener_options(struct listener *l, int argc, char **argv);

/* Listens on the endpoints, or what LISTEN_FDS names, until it is stopped. Returns the exit status. */
int listener_run(struct listener *l, char **endpoints, int n);

/* Announces the hub's endpoints on ready_fd (-1: nowhere), runs it and returns the exit status that its end stands
 * for. */
int run_hub(struct hub *hub, int ready_fd);

/* Opens what is closed of stdin, stdout and stderr on /dev/null, so that no socket comes to lie there. False: stdout
 * was closed, and the program prints there; it has complained, and *status says how to exit. */
bool standard_open(bool prints, int *status);

/* Values of options that listeners and instsim share; each complains by itself. False: *status is 64. */
bool option_ready_fd(const struct program *program, const char *text, int *fd, int *status);

/* Takes an option of link_options_list; complains by itself. False: *status says how to exit. */
bool option_link(const struct program *program, struct link_options *link, const char *name, int *status);

#endif
