/* What a made-up instrument asks its host, and what it makes of the answers: a host query [LIS02-A2 11], a query by
 * parameter [HL7 v2.5.1 chapter 5, 5.4], one of IHE LAW (LAB-27, LAB-28), or one of the old display mode (QRY^Q02
 * [HL7 v2.3.1 chapter 5, 5.4]). The same message gives the same bytes. */
#ifndef INSTLINK_SIM_QUERY_H
#define INSTLINK_SIM_QUERY_H

#include "sim/profile.h"

enum sim_query_kind {
    SIM_QUERY_ASTM, /* H Q L; the host answers in a session of its own */
    SIM_QUERY_QBP,  /* QBP^Q11; orders are in the RSP^K11 */
    SIM_QUERY_LAW,  /* QBP^Q11 of LAB-27; orders come as OML^O33 (LAB-28) behind the RSP^K11 */
    SIM_QUERY_QRY,  /* QRY^Q02; orders come as DSR^Q03 behind the QCK^Q02, or instead of it */
};

/* Sets *kind to the HL7 kind of that name: qbp, law, qry. False, and *kind as it was, when there is none. */
bool sim_query_parse(const char *name, enum sim_query_kind *kind);

/* A query. What it points to stays the caller's. */
struct sim_query {
    enum sim_query_kind kind;
    const struct sim_message *by; /* whose instrument, control id and time it has */
    const char *specimens;        /* ids with commas between them, or ALL; in HL7 one alone */
};

/* Whether it asks for whatever there is. */
bool sim_query_all(const struct sim_query *q);

/* Appends the query, each record or segment ended by CR. Delimiters in ids are escaped. False when memory is exhausted;
 * out is then as it was. */
bool sim_query_make(const struct sim_query *q, struct bytes *out);

enum sim_answer {
    SIM_ANSWER_ORDERS,  /* it has what was asked for */
    SIM_ANSWER_NOTHING, /* nothing is known */
    SIM_ANSWER_FOLLOWS, /* HL7: the query is taken, and another message brings the orders */
    SIM_ANSWER_OTHER,   /* it is no answer to this */
    SIM_ANSWER_WRONG,   /* it answers this, and is not as it has to be, or says that the query failed */
};

/* What a message of the host says to the query, its records or segments each ended by CR. answers: it is the HL7 answer
 * whose MSA-2 is the control id; else it came by itself. why: in a few words, for people. */
enum sim_answer sim_query_judge(const struct sim_query *q, const unsigned char *text, size_t n, bool answers,
                                const char **why);

/* Whether an HL7 answer says more than a plain acknowledgement. */
bool sim_query_says(const unsigned char *text, size_t n);

/* Whether the message is an order of LAW, LAB-28, which wants ORL^O34 for an answer. any: whatever MSH-21 says. */
bool sim_order_is(const unsigned char *text, size_t n, bool any);

/* Appends the ORL^O34 that accepts all of such an order: SPM and SAC as they came, an ORC for each of theirs. time and
 * id are its MSH-7 and MSH-10. False when memory is exhausted; out is then as it was. */
bool sim_order_accept(const unsigned char *text, size_t n, const char *time, const char *id, struct bytes *out);

#endif
