/* Which messages have been handed over lately, so that one that is sent again, its acknowledgement having been lost, is
 * acknowledged and not handed over twice. A message is known by a key: sender, control id and a digest of the rest. */
#ifndef INSTLINK_LEDGER_H
#define INSTLINK_LEDGER_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LEDGER_NONE = UINT32_MAX };

struct ledger_entry {
    unsigned char key[16];
    uint64_t connection, ticket; /* where it was offered last; a ticket of a connection is for one message */
    uint32_t next;               /* in its chain, or in the list of free ones */
    uint32_t older, newer;       /* among those in the window, in the order in which they were decided */
    bool used, accepted;
    bool decided;       /* it is in the window: accepted, or refused when some targets had it */
    unsigned had;       /* refused: the targets that have it, bits by enum target_order */
    struct bytes reply; /* what a consumer gave back */
    bool withheld;      /* … and what did not go out, its query having been refused meanwhile */
    bool query;         /* it is known only until its acknowledgement is sent */
};

struct ledger {
    struct ledger_entry *entries;
    uint32_t *chains;
    uint32_t capacity, buckets, used;
    uint32_t window; /* how many decided messages are remembered */
    uint32_t decided;
    uint32_t oldest, newest; /* of these */
    size_t replies;          /* bytes */
    uint32_t free;           /* the first free entry */
    struct bytes *proven;    /* the owner's: keys of those that were forgotten for being proven are appended; or NULL */
};

/* window: how many messages are remembered. Nothing is allocated before the first. */
void ledger_init(struct ledger *ledger, uint32_t window);

/* The entry of that key, or LEDGER_NONE. */
uint32_t ledger_find(const struct ledger *ledger, const unsigned char key[16]);

/* Adds a key that is not there yet, as offered and not decided. LEDGER_NONE when memory is exhausted. */
uint32_t ledger_add(struct ledger *ledger, const unsigned char key[16]);

struct ledger_entry *ledger_at(struct ledger *ledger, uint32_t entry);

/* It has been handed over: it is remembered, and the one decided first is forgotten, if it is beyond the window. */
void ledger_accept(struct ledger *ledger, uint32_t entry);

/* Keeps what a consumer gave back for it, whose storage it takes; it is released where there is too much of it. */
void ledger_keep_reply(struct ledger *ledger, uint32_t entry, struct bytes *reply);

/* Gives back what was kept, if anything was. */
void ledger_take_reply(struct ledger *ledger, uint32_t entry, struct bytes *reply);

/* It was refused, but these targets have it: when it comes again only the others get it. */
void ledger_refuse(struct ledger *ledger, uint32_t entry, unsigned had);

/* It is on its way again. */
void ledger_reopen(struct ledger *ledger, uint32_t entry);

/* It was refused, or need not be known any more. */
void ledger_forget(struct ledger *ledger, uint32_t entry);

/* The acknowledgement of the accepted ones that were offered last on that connection with these tickets was sent, or
 * (proven) has arrived: forgets those that need not be known any more. */
void ledger_acknowledged(struct ledger *ledger, uint64_t connection, uint64_t first, uint64_t last, bool proven);

/* What was given back for the accepted one that was offered last on that connection with that ticket has not gone out.
 */
void ledger_withhold(struct ledger *ledger, uint64_t connection, uint64_t ticket);

void ledger_free(struct ledger *ledger);

#endif
