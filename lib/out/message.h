/* A message as it was received, whatever the protocol. */
#ifndef INSTLINK_MESSAGE_H
#define INSTLINK_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Slices: valid as long as whoever hands it out says. */
struct message {
    const unsigned char *text; /* records or segments, each ended by CR, in the sender's character set */
    size_t len;
    const char *notes; /* NUL-terminated strings one behind the other */
    size_t notes_len;
    size_t records;  /* how many there are, for whoever counts them; not known to decoders */
    bool complete;   /* nothing is missing: from H to L, or a whole block */
    bool framed;     /* it came in frames, or in a block */
    bool utf16;      /* it came in UTF-16, and is UTF-8 now, whatever it says of itself */
    uint64_t offset; /* where in the stream or capture it begins */
    void *own;       /* the same as the protocol's own struct, read already; NULL: it is not at hand */
};

#endif
