/* Host queries [LIS02-A2 11]: whether a message asks for orders, and what says that there are none. */
#ifndef INSTLINK_ASTM_QUERY_H
#define INSTLINK_ASTM_QUERY_H

#include "astm/record.h"

enum astm_query {
    ASTM_QUERY_NONE,      /* no Q record */
    ASTM_QUERY_ASKS,      /* a Q record that asks for something */
    ASTM_QUERY_CANCELLED, /* each Q record takes an earlier one back (Q.13 is A): nothing is to be answered */
};

/* What the message, records each ended by CR, asks for. */
enum astm_query astm_query_of(const unsigned char *text, size_t n);

/* Appends the answer that nothing is known: H, and L with the termination code I. The delimiters, processing id and
 * version are those of the query, its sender is the receiver and the other way round; time is H.14. False when memory
 * is exhausted; out is then as it was. */
bool astm_query_nothing(struct bytes *out, const unsigned char *query, size_t n, const char *time);

#endif
