/* The tables behind sim/profile.h: what a kind of instrument measures, and what comes out of it. Private to lib/sim.
 * Numbers are scaled integers: 7.35 with two decimals is 735. The order of tests and of choices is part of what a
 * seed means: append, never reorder. */
#ifndef INSTLINK_SIM_TESTS_H
#define INSTLINK_SIM_TESTS_H

#include "sim/profile.h"

#include <limits.h>

enum { SIM_NONE = INT_MIN };

/* One end may be SIM_NONE: open. Two zeros: no span at all. */
struct sim_span {
    int low, high;
};

/* One outcome of a test whose value is text. */
struct sim_choice {
    const char *text, *flag;
};

struct sim_test {
    const char *code, *name, *loinc, *units; /* loinc and units may be NULL */
    unsigned decimals;
    struct sim_span range;            /* reference range; of men, where women differ */
    struct sim_span worst;            /* nothing drawn for a patient is beyond; values lie there if there is no range */
    struct sim_span women;            /* their reference range; none: as range */
    struct sim_span critical;         /* beyond, LL or HH; at or outside the reference range */
    struct sim_span measured;         /* beyond, "<low" or ">high"; low is at most the range's low (its high where
                                         the low end is open), high at least the range's high */
    int mean, sd;                     /* of the healthy; sd 0: taken from the reference range */
    unsigned panel;                   /* 0 always reported, 1..7 with the rest of its panel */
    int theme;                        /* the disorder 1..7 that pushes it up or, negative, down; 0 none */
    unsigned gate;                    /* reported only if the test at gate - 1 came out flagged A; 0 always */
    char sex;                         /* M or F: measured in them alone; 0 in all */
    const struct sim_choice *choices; /* for text: the normal ones, then those flagged A, then NULL; else NULL */
    const char *expected;             /* for text: the reference range, or NULL */
    const char *note;                 /* now and then the comment of a high or abnormal result, or NULL */
};

struct sim_profile {
    const char *name, *instrument, *version;
    const char *prefix;                  /* of serial numbers and specimen ids: two letters */
    const char *order_code, *order_name; /* NULL: each test is ordered by itself */
    const char *specimens[2];
    const char *comments[3];       /* now and then about the specimen */
    unsigned interval, turnaround; /* seconds between messages; from order to result, over 120 */
    bool fallible;                 /* now and then a whole run yields no result */
    void (*derive)(int64_t *v);    /* computes the calculated tests in place, or NULL */
    size_t (*draw)(const int64_t *v, struct sim_histogram *out); /* fills histograms, returns how many; or NULL */
    const struct sim_test *tests;
    size_t n_tests; /* at most SIM_RESULTS */
};

extern const struct sim_profile sim_profiles[];
extern const size_t sim_profiles_count;

#endif
