/* The links of a listener: those of its command line, and those of a links file, which may change while it runs. */
#ifndef INSTLINK_CMD_LINKS_H
#define INSTLINK_CMD_LINKS_H

#include "link/endpoint.h"
#include "link/hub.h"
#include "link_options.h"

/* What the command line says of all links. */
struct links_common {
    const struct protocol *protocol; /* of the endpoints on the command line */
    struct {
        const char *name, *value;
    } given[LINK_OPTIONS_MAX * 2]; /* options of link_options_list; a links file's own come after them */
    size_t given_n;
    enum view_format format;
    bool positional;
    const struct get_paths *get; /* --get, with format VIEW_TEXT; or NULL */
};

struct links_entry {
    struct links_entry *next;
    struct link_options options;
    struct endpoint endpoint;
    struct link *link;   /* NULL: not open */
    char *text;          /* of the links file: name, protocol, endpoint, options, one behind the other with NUL */
    size_t text_n, line; /* and where in the file that is */
    bool of_file, kept;
};

struct links {
    const struct links_common *common;
    const char *file; /* NULL: none */
    struct links_entry *entries;
    char wrong[512]; /* what failed, for people: file:line: what, or option or endpoint */
    int status;      /* and how to exit then */
};

/* Opens an endpoint as a link of its own; both config and endpoint must stay. NULL: *failure says why not. */
struct link *link_open(struct hub *hub, const struct link_config *config, const struct endpoint *endpoint,
                       struct hub_failure *failure);

/* Whether two descriptors are the same file or socket; -1 is none. */
bool links_same_file(int fd, int other);

/* The exit status that a failure stands for. */
int link_status(const struct hub_failure *failure);

/* Adds a link of the command line; name and endpoint stay the caller's. False: links->wrong says why not. */
bool links_add(struct links *links, const char *name, const char *endpoint);

/* Reads links->file and adds its links. False: links->wrong says why not; nothing has changed. */
bool links_read(struct links *links);

/* Opens all that are not open yet, in their order. False: links->wrong says why one could not be. */
bool links_open(struct links *links, struct hub *hub);

/* Reads the file again: links that did not change stay as they are, those that are gone are retired, new ones opened.
 * What is wrong is told on stderr; a file that is wrong changes nothing. */
void links_reload(struct links *links, struct hub *hub, int64_t now);

/* A retired link is no longer needed. */
void links_forget(struct links *links, const struct link_config *config);

void links_free(struct links *links);

#endif
