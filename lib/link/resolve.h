/* Names to addresses, in a child process: the loop never waits for a name server. */
#ifndef INSTLINK_RESOLVE_H
#define INSTLINK_RESOLVE_H

#include "link/endpoint.h"

#include <sys/types.h>

enum { RESOLVE_MAX = 16 };

struct resolve {
    int fd; /* readable when the answer, or a part of it, is there; -1: nothing is asked */
    pid_t child;
    bool silent;      /* no address is known, for the name server does not answer */
    size_t n, filled; /* addresses; bytes of them that have come */
    struct address addresses[RESOLVE_MAX];
};

/* A numeric address, or `*` for all, without asking anybody. False when host is a name. */
bool resolve_numeric(const char *host, uint16_t port, struct address *address);

/* Asks for the addresses of a name. False when the system refuses; errno says why. */
bool resolve_begin(struct resolve *r, const char *host, uint16_t port);

/* Reads what has come. False while more may come; true: n addresses are there (0: the name is unknown). */
bool resolve_read(struct resolve *r);

/* Why there are no addresses. */
const char *resolve_why(const struct resolve *r);

/* Ends the child, if there is one, and closes the pipe. */
void resolve_end(struct resolve *r);

#endif
