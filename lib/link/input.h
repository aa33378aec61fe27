/* -i: messages for instruments, read from stdin, one JSON object a line; and what becomes of each, a line on stdout. */
#ifndef INSTLINK_INPUT_H
#define INSTLINK_INPUT_H

#include "base/lines.h"
#include "link/feed.h"
#include "link/outbox.h"

struct input {
    struct hub *hub;
    struct outbox *outbox;
    struct lines lines;
    size_t held; /* bytes of a long line, as counted in the hub */
    struct bytes line;
    bool failed;      /* reading has ended with an error, which was told */
    struct feed feed; /* its source is to be added to the loop */
};

/* Reads from fd, which stays the caller's and as it is. max_line: bytes of the longest line. */
void input_open(struct input *in, int fd, size_t max_line, struct hub *hub, struct outbox *outbox);

/* Reads no more. Lines that have been read are looked at. */
void input_stop(struct input *in, int64_t now);

/* For struct outbox_hooks, with the input as context. */
void input_report(void *context, const struct outbox_report *report);
bool input_stalled(void *context);

void input_close(struct input *in);

#endif
