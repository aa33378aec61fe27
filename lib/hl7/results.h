/* From segments to results: an OBX carries its instrument, patient, specimen, order and comments [HL7 v2.5.1 chapters
 * 4, 7 and 13]. Where a patient's first SPM or SAC stands before the first OBR (OUL^R22, OML^O33), a specimen governs
 * the orders after it; otherwise (ORU^R01, OUL^R24) it belongs to the order before it, and to all results of that
 * order. PID starts afresh. */
#ifndef INSTLINK_HL7_RESULTS_H
#define INSTLINK_HL7_RESULTS_H

#include "hl7/charset.h"
#include "hl7/get.h"
#include "out/result.h"

/* Where a specimen's id is looked for: of SPM, SAC, OBR, ORC, PID. The first that is there counts. */
struct hl7_specimen {
    const struct get_path *path;
    size_t count;
};

/* SPM-2.1.1, SPM-2.2.1, SAC-3.1.1, OBR-3.1.1, OBR-2.1.1. */
extern const struct hl7_specimen hl7_specimen_default;

/* Reads fields with commas between them. NULL when all is well; else the one that is wrong, up to its end or comma. */
const char *hl7_specimen_parse(struct get_paths *paths, const char *text);

/* What the segments so far say of the results that follow. The slices are of the message's text; those that are not
 * there are empty. */
struct hl7_results {
    const struct hl7_separators *separators;
    struct hl7_charset *charset;
    const struct hl7_specimen *specimen;
    struct hl7_slice msh, pid, orc, obr, spm, sac; /* those that govern */
    struct hl7_slice next_orc;                     /* of the OBR to come */
    bool specimen_first, orc_first;                /* before the first OBR of this patient */
    bool qc;                                       /* MSH says so */
    /* What these segments say, once it has been looked for since one of them changed. */
    struct {
        bool known;
        struct hl7_slice instrument, patient_id, patient_name, specimen_id, placer_id, filler_id, order_id, observed;
        bool qc;
    } said;
};

/* Begins a message. What the pointers point to must stay. */
void hl7_results_begin(struct hl7_results *s, const struct hl7_separators *separators, struct hl7_charset *charset,
                       const struct hl7_specimen *specimen);

/* Takes the next segment in; `following` is the text behind it. Returns whether it is a result. */
bool hl7_results_take(struct hl7_results *s, struct hl7_slice segment, struct hl7_slice following);

/* Fills r with what a result's segment stands for; `following` is the text behind it, where its comments are. parts
 * gets the value where it has repetitions, components or subcomponents, to be written as value_parts, and else nothing.
 * False when memory is exhausted. */
bool hl7_results_fill(struct hl7_results *s, struct hl7_slice segment, struct hl7_slice following,
                      const struct envelope *envelope, struct result *r, struct hl7_slice *parts);

#endif
