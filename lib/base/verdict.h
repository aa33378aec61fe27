/* What a message that was handed over is worth: the word between hand-over and the protocols. */
#ifndef INSTLINK_VERDICT_H
#define INSTLINK_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

enum verdict {
    VERDICT_WAIT,   /* not known yet */
    VERDICT_ACCEPT, /* handed over */
    VERDICT_LATER,  /* not handed over; may succeed later */
    VERDICT_NEVER,  /* the consumer will never take it */
};

/* What a consumer adds to its verdict. What it points to stays the caller's. */
struct reply {
    const char *reason;        /* of a refusal, for people; NULL: none is known */
    const unsigned char *text; /* accepted: a message, or several, to be sent back; NULL: none */
    size_t len;
    bool rejected; /* accepted, for what the consumer will never take is kept elsewhere; that has been told */
    bool query;    /* it is for a query: it goes out only with the acknowledgement of that */
    bool repeated; /* it was given to the same connection before: what is no answer to the message is there already */
};

#endif
