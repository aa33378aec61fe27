/* What a message that was handed over is worth: the word between hand-over and the protocols. */
#ifndef INSTLINK_VERDICT_H
#define INSTLINK_VERDICT_H

enum verdict {
    VERDICT_WAIT,   /* not known yet */
    VERDICT_ACCEPT, /* handed over */
    VERDICT_LATER,  /* not handed over; may succeed later */
    VERDICT_NEVER,  /* the consumer will never take it */
};

#endif
