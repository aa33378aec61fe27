/* What listeners share: options, endpoints, the run and its exit status. */
#ifndef INSTLINK_LISTEN_H
#define INSTLINK_LISTEN_H

#include "link/hub.h"
#include "link/input.h"
#include "link/target_journal.h"
#include "links.h"

/* All that a listener's command line says. */
struct listener {
    struct program program;
    struct hub_config hub;
    struct links_common common;
    struct links links;
    struct link_options scratch; /* where options are tried */
    unsigned protocols;          /* LINK_ASTM, LINK_HL7: whose options there are */
    struct get_paths get;
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
    const char *exec, *sink; /* -x, -s; NULL: none */
    uint64_t jobs, window;
    int64_t exec_ms;
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
 * was closed; it has complained, and *status says how to exit. */
bool standard_open(int *status);

/* Values of options that listeners and instsim share; each complains by itself. False: *status is 64. */
bool option_ready_fd(const struct program *program, const char *text, int *fd, int *status);

/* Takes an option of link_options_list; complains by itself. False: *status says how to exit. */
bool option_link(const struct program *program, struct link_options *link, const char *name, int *status);

#endif
