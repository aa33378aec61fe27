/* What a made-up laboratory instrument says: messages with realistic tests, units, ranges and flags, of patients who
 * are plainly invented. The content is neutral; a writer turns it into the text of one protocol. Everything follows
 * from profile, seed and index alone: no clock, no locale, no floating point, so the bytes are the same everywhere.
 * Every text is NUL-terminated, UTF-8, free of control characters and not escaped. A text that is absent is empty.
 * Times are YYYYMMDDHHMMSS without a zone. */
#ifndef INSTLINK_SIM_PROFILE_H
#define INSTLINK_SIM_PROFILE_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SIM_RESULTS = 32,   /* results of one message, at most */
    SIM_HISTOGRAMS = 3, /* histograms of one message, at most */
    SIM_CHANNELS = 256, /* channels of a histogram */
    SIM_QC_EVERY = 20   /* every 20th message is quality control: indexes 19, 39, 59, … */
};

/* A kind of instrument. Constant; never freed. */
struct sim_profile;

struct sim_result {
    char code[16]; /* the instrument's own code of the test */
    char name[48];
    char loinc[12]; /* empty where there is no certain one */
    char value[24]; /* decimal number, "<…" or ">…" beyond the measuring range, or text */
    bool numeric;   /* value is a plain decimal number */
    char units[16];
    char range[32]; /* "3.9-5.6" (with both limits), "<5.0", ">1.0", the expected text, or empty */
    char flag[4];   /* N L H LL HH A, or empty where no range applies; LL, HH beyond a critical limit */
    char status;    /* F: final */
    char operator_id[16];
    char completed[16];
    char comment[96];
};

/* Counts per channel, scaled to 0..255. */
struct sim_histogram {
    char name[8];
    unsigned char channels[SIM_CHANNELS];
};

struct sim_message {
    char instrument[24], version[16], serial[16];
    char control_id[32]; /* unique per index of a seed */
    char sent[16];       /* later than every result's completed */

    bool qc;           /* quality control: no patient, ranges are target ranges */
    char action;       /* LIS02-A2 action code: N for a patient's specimen, Q for a control */
    unsigned qc_level; /* 1 normal, 2 pathological; 0 without qc */
    char qc_lot[16];

    char patient_id[16], last_name[32], first_name[32];
    char birth_date[12]; /* YYYYMMDD */
    char sex;            /* M F U; NUL when there is no patient */

    char specimen_id[32]; /* unique per index of a seed */
    char specimen_type[24];
    char priority;       /* R routine, S stat */
    char order_code[16]; /* the panel that was ordered; empty when each result's test was ordered by itself */
    char order_name[48];
    char ordered[16], collected[16];
    char comment[96]; /* about the specimen */

    struct sim_histogram histograms[SIM_HISTOGRAMS];
    size_t n_histograms;
    struct sim_result results[SIM_RESULTS];
    size_t n_results; /* at least 1 */
};

/* The profile of that name, NULL when there is none. */
const struct sim_profile *sim_profile_find(const char *name);

/* The names of all profiles, in one line for people: "chemistry, hematology, …". Constant. */
const char *sim_profile_names(void);

/* Fills *out with message number `index` (any value) of the stream `seed`. */
void sim_generate(const struct sim_profile *p, uint64_t seed, uint64_t index, struct sim_message *out);

/* Appends the message as LIS02-A2 text: H P O [C] [M…] then R [C] per result, and L, each record ended by CR. Fields
 * are where LIS02-A2 has them; delimiters and control bytes in texts are escaped (&F& &S& &R& &E& &Xhh&), trailing
 * empty fields left out. A histogram is M with "HISTOGRAM", its name and "UINT8:base64^<channels>". False when memory
 * is exhausted; the buffer is then as it was. */
bool sim_message_astm(const struct sim_message *m, struct bytes *out);

#endif
