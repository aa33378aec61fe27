/* A link: one instrument, or several of a kind, as the outside knows it: a name, a configuration, counters. */
#ifndef INSTLINK_LINK_H
#define INSTLINK_LINK_H

#include "base/log.h"
#include "link/protocol.h"

/* What has happened on it since the program began. */
struct link_counters {
    uint64_t connections; /* made or accepted */
    uint64_t refused_connections;
    uint64_t messages; /* handed over */
    uint64_t records;  /* records or segments of these */
    uint64_t bytes_received, bytes_sent;
    uint64_t dropped;                /* nobody sends them again, and they were lost */
    uint64_t repeats;                /* messages that came again */
    uint64_t delivered, undelivered; /* messages of ours */
    uint64_t idle_timeouts;          /* connections closed for silence */
    uint64_t astm_notices[ASTM_NOTICES], hl7_notices[HL7_NOTICES];
    int64_t last_message_us; /* wall clock; 0: none yet */
};

enum { LINK_STRANGERS = 8 };

struct link {
    const struct link_config *config;
    struct link *next;
    size_t connections; /* open now */
    size_t draining;    /* of these: we have closed them, and only wait for the peer's end */
    bool gone;          /* it is no longer configured; it stays while somebody needs it */
    struct {
        char host[64];
        struct log_fault fault;
    } strangers[LINK_STRANGERS]; /* who may not connect, and tries; the last one is for all who do not fit in */
    struct link_counters counters;
};

/* How often messages or frames were refused for one reason. */
struct link_refusal {
    const char *reason;
    uint64_t count;
};

/* Refusal number `index` (from 0) of all that there can be, also those that never happened. False: there are no more.
 */
bool link_refusal(const struct link_counters *c, size_t index, struct link_refusal *refusal);

/* Sums over the notices. */
uint64_t link_checksum_errors(const struct link_counters *c);
uint64_t link_retransmissions(const struct link_counters *c);
uint64_t link_timeouts(const struct link_counters *c);

#endif
