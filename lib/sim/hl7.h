/* What a made-up instrument says (sim/profile.h), as HL7 v2 text. It depends on the message alone: the same message
 * gives the same bytes. */
#ifndef INSTLINK_SIM_HL7_H
#define INSTLINK_SIM_HL7_H

#include "sim/profile.h"

enum sim_hl7 {
    SIM_HL7_ORU_231, /* ORU^R01, version 2.3.1:           MSH [PID] { OBR     [NTE] { OBX [NTE] } } */
    SIM_HL7_ORU_251, /* ORU^R01^ORU_R01, version 2.5.1:   MSH [PID] { ORC OBR [NTE] { OBX [NTE] } SPM } */
    SIM_HL7_OUL_251, /* OUL^R22^OUL_R22, version 2.5.1:   MSH [PID] SPM { OBR ORC [NTE] { OBX [NTE] } } */
    SIM_HL7_LAW      /* the same as IHE LAW has it (LAB-29): in enhanced mode, AA alone is asked for */
};

/* Sets *kind to the one of that name: oru-2.3.1, oru-2.5.1, oul-2.5.1 or law. False, and *kind as it was, when there is
 * none. */
bool sim_hl7_parse(const char *name, enum sim_hl7 *kind);

/* Appends the message, each segment ended by CR, to be acknowledged in original mode (MSH-15 is empty,
 * MSH-16 too, or none of the standard's values), in LAW by an application acknowledgement (NE, AL).
 * Fields are where chapters 2, 3, 4 and 7 of the version have them. Delimiters and control bytes in texts are escaped
 * (\F\ \S\ \T\ \R\ \E\ \Xhh\), empty fields and components at an end left out. False when memory is exhausted; the
 * buffer is then as it was.
 *
 * MSH-3 is the instrument, MSH-4 its serial number. A panel is one OBR with all results; without one each result has
 * an OBR of its own. The specimen id is SPM-2.1 and OBR-2 (ORC-2), in 2.3.1 OBR-3 too; OBR-3 (ORC-3) of 2.5.1 is the
 * specimen id, "-" and the number of the order. The specimen's type is SPM-4, in 2.3.1 OBR-15. Its comment is an NTE
 * of the first order.
 *
 * OBX-2 is NM, SN ("<0.010" is `<^0.010`) or ST. OBX-3 is code^name^99KS, and ^LOINC^^LN where that is known. The time
 * measured is OBX-14 in 2.3.1 and OBX-19 in 2.5.1, where OBX-14 would be that of collection (OBR-7, SPM-17); OBX-18,
 * new in 2.5.1, is serial number^instrument. Histograms are OBX of type ED, `^Application^Octet-stream^Base64^…` of
 * one byte a channel, behind the results of the last order; their code is "HIST-" and the name.
 *
 * Quality control has no PID, and SPM-11 is Q; 2.3.1 has no field for it, and has MSH-16 2 as some analyzers do. */
bool sim_message_hl7(const struct sim_message *m, enum sim_hl7 kind, struct bytes *out);

#endif
