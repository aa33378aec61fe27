/* The files that a program is told to write, or to read again while it runs: each has to be a file of its own, or one
 * would destroy what is in the other. */
#ifndef INSTLINK_CMD_OUTPUTS_H
#define INSTLINK_CMD_OUTPUTS_H

#include <stdbool.h>
#include <stddef.h>

struct output {
    const char *what; /* the option, as the user knows it */
    const char *file; /* NULL: there is none */
};

/* Whether all are files of their own, and none is what stdout or stderr leads to. Files that are not there yet are
 * compared by their folder and name; devices and the like are nobody's own. False: *one is the file that is another as
 * well, and *other names that. */
bool outputs_distinct(const struct output *outputs, size_t n, const struct output **one, const char **other);

#endif
