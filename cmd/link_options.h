/* Options that say how a link is spoken on. They have the same names wherever links are described. */
#ifndef INSTLINK_LINK_OPTIONS_H
#define INSTLINK_LINK_OPTIONS_H

#include "link/protocol.h"
#include "options.h"

/* What an option is for. */
enum {
    LINK_ASTM = 1,
    LINK_HL7 = 2,
    LINK_SENDS = 4,    /* who begins the talking */
    LINK_RECEIVES = 8, /* who answers */
};

/* A link's configuration, and what it points to. It must not be moved. */
struct link_options {
    struct link_config config;
    unsigned side; /* LINK_SENDS or LINK_RECEIVES */
    struct charset charset;
    struct hl7_specimen specimen;
    struct get_paths specimen_paths;
    char *password, *orders;
    char wrong[256]; /* why an option was not taken, without its name */
    int status;      /* and how to exit then */
};

/* The defaults for that side; protocol may still be NULL. */
void link_options_init(struct link_options *o, const struct protocol *protocol, unsigned side, enum astm_role role);

/* Takes an option of its side. value is NULL for one that has none. False: o->wrong says why not. */
bool link_option_take(struct link_options *o, const char *name, const char *value);

/* Whether the option is for that protocol (LINK_ASTM or LINK_HL7). */
bool link_option_for(const char *name, unsigned protocol);

enum {
    LINK_OPTION = 1000, /* val in getopt_long's list */
    LINK_OPTIONS_MAX = 32,
};

/* Adds the options for one of these protocols and that side to a list for getopt_long, which has room for
 * LINK_OPTIONS_MAX more than its n, and ends the list. */
void link_options_list(struct option *list, size_t n, unsigned protocols, unsigned side);

/* The protocol of that name: astm, hl7 or auto. NULL: there is none. */
const struct protocol *link_protocol(const char *name);

void link_options_free(struct link_options *o);

#endif
