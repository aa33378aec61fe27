/* What instsim asks its host, and what becomes of that. It is a target of the hand-over, so that it sees all that
 * comes. Orders of LAW are accepted with ORL^O34, whether it has asked for them or not. */
#ifndef INSTLINK_CMD_ASK_H
#define INSTLINK_CMD_ASK_H

#include "link/connection.h"
#include "sim/query.h"

enum { ASK_ANSWER_MS = 60000 };

struct ask {
    struct target target;  /* to be added to the hand-over */
    const char *specimens; /* ids with commas between them, or ALL; NULL: nothing is asked */
    enum sim_query_kind kind;
    int64_t answer_ms;                           /* how long it waits for the answer, or for orders behind it */
    void (*decided)(void *context, int64_t now); /* a query has found its end, and is counted */
    void *context;
    uint64_t found, nothing, failed; /* queries that brought orders, that brought none, or no good answer */

    char *one; /* HL7: the specimen that is asked for now */
    struct sim_message by;
    struct sim_query query; /* the last one */
    uint64_t number;        /* its own, from 1 */
    bool waits;             /* it is sent, and not decided */
    bool some;              /* of ALL something has come */
    int64_t due;            /* when waiting ends */
    struct short_ident ids; /* control ids of our answers */
};

/* Whether that can be asked for: ids with commas between them, none of them empty, or ALL. */
bool ask_fits(const char *specimens);

/* Makes it a target that has asked nothing. specimens, kind and answer_ms are set before, decided and context too. */
void ask_open(struct ask *a);

/* How many queries ask for everything once: in ASTM one, in HL7 one for each specimen. */
uint64_t ask_count(const struct ask *a);

/* Appends query number `index`, as the instrument of that profile asks it. False when memory is exhausted. */
bool ask_make(struct ask *a, const struct sim_profile *profile, uint64_t seed, uint64_t index, struct bytes *out);

/* The query was taken there; delivery has the answer to it, where there was one, which is printed. */
void ask_sent(struct ask *a, const struct connection *c, const struct delivery *delivery, int64_t now);

/* When waiting ends; INT64_MAX: it does not wait. */
int64_t ask_deadline(const struct ask *a);
void ask_tick(struct ask *a, int64_t now);

/* What became of all, as an exit status. wanted: how many queries there were to be. */
int ask_status(const struct ask *a, uint64_t wanted);

#endif
