#include "link/link.h"

static const unsigned char astm_refusals[] = {
    ASTM_NOTICE_BAD_CHECKSUM, ASTM_NOTICE_MALFORMED,  ASTM_NOTICE_WRONG_NUMBER,
    ASTM_NOTICE_SPOILED,      ASTM_NOTICE_NOT_HANDED, ASTM_NOTICE_NO_MEMORY,
    ASTM_NOTICE_DROPPED,      ASTM_NOTICE_LOST,       ASTM_NOTICE_BUSY,
};

static const unsigned char hl7_refusals[] = {
    HL7_NOTICE_UNREADABLE, HL7_NOTICE_TOO_LONG,   HL7_NOTICE_TOO_SLOW,
    HL7_NOTICE_NO_MEMORY,  HL7_NOTICE_NOT_HANDED, HL7_NOTICE_CUT,
};

/* A reason that both protocols have stands once, in the list of ASTM. */
static uint64_t hl7_count_of(const struct link_counters *c, const char *name)
{
    for (size_t i = 0; i < sizeof hl7_refusals; i++)
        if (strcmp(hl7_notice_name((enum hl7_notice)hl7_refusals[i]), name) == 0)
            return c->hl7_notices[hl7_refusals[i]];
    return 0;
}

static bool in_astm(const char *name)
{
    for (size_t i = 0; i < sizeof astm_refusals; i++)
        if (strcmp(astm_notice_name((enum astm_notice)astm_refusals[i]), name) == 0)
            return true;
    return false;
}

bool link_refusal(const struct link_counters *c, size_t index, struct link_refusal *refusal)
{
    if (index < sizeof astm_refusals) {
        refusal->reason = astm_notice_name((enum astm_notice)astm_refusals[index]);
        refusal->count = c->astm_notices[astm_refusals[index]] + hl7_count_of(c, refusal->reason);
        return true;
    }
    index -= sizeof astm_refusals;
    for (size_t i = 0; i < sizeof hl7_refusals; i++) {
        refusal->reason = hl7_notice_name((enum hl7_notice)hl7_refusals[i]);
        refusal->count = c->hl7_notices[hl7_refusals[i]];
        if (!in_astm(refusal->reason) && !index--)
            return true;
    }
    return false;
}

uint64_t link_checksum_errors(const struct link_counters *c)
{
    return c->astm_notices[ASTM_NOTICE_BAD_CHECKSUM];
}

uint64_t link_retransmissions(const struct link_counters *c)
{
    return c->astm_notices[ASTM_NOTICE_REPEAT] + c->repeats;
}

uint64_t link_timeouts(const struct link_counters *c)
{
    return c->astm_notices[ASTM_NOTICE_NO_REPLY] + c->hl7_notices[HL7_NOTICE_TOO_SLOW] +
           c->hl7_notices[HL7_NOTICE_NO_ANSWER] + c->idle_timeouts;
}
