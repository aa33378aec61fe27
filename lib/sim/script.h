/* The messages that a simulated instrument sends, by number: those of captures, over and over, or made-up ones. */
#ifndef INSTLINK_SIM_SCRIPT_H
#define INSTLINK_SIM_SCRIPT_H

#include "sim/hl7.h"

struct sim_script {
    bool hl7;                          /* else ASTM */
    const struct sim_profile *profile; /* made up; NULL: of captures */
    enum sim_hl7 kind;                 /* of made-up HL7 */
    uint64_t seed;
    struct bytes texts; /* the captures' messages, one behind the other */
    struct bytes ends;  /* size_t: where each ends */
    size_t defects;     /* places of the captures that were damaged, and messages that cannot be sent */
};

/* Adds the messages of a capture. defect: told of each such place, with its offset. False when memory is exhausted. */
bool sim_script_read(struct sim_script *s, const unsigned char *bytes, size_t n,
                     void (*defect)(void *context, uint64_t offset, const char *text), void *context);

/* How many messages the captures have. */
size_t sim_script_count(const struct sim_script *s);

/* Appends message `index` (from 0): records or segments, each ended by CR. From the second time on that a message of a
 * capture comes round, its control id (H.3, MSH-10) is a fresh one: its own and the number of the pass, `17-2`. False
 * when memory is exhausted. */
bool sim_script_message(const struct sim_script *s, uint64_t index, struct bytes *out);

void sim_script_free(struct sim_script *s);

#endif
