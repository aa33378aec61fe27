/* The header that a balancer puts before what it passes on, so that the address of who connected to it is known behind
 * it [The PROXY protocol, versions 1 & 2]: version 1 is a line of text, version 2 is binary. */
#ifndef INSTLINK_PROXY_HEADER_H
#define INSTLINK_PROXY_HEADER_H

#include "link/endpoint.h"

enum { PROXY_HEADER_MAX = 4096 }; /* bytes of a header, what version 2 adds to the addresses included */

enum proxy_header_result {
    PROXY_HEADER_MORE,    /* it may be one: more bytes have to come; never of PROXY_HEADER_MAX bytes or more */
    PROXY_HEADER_NONE,    /* a header that tells no address (LOCAL, UNKNOWN, UNSPEC): the socket's own counts */
    PROXY_HEADER_ADDRESS, /* a header with the address of who connected to the balancer */
    PROXY_HEADER_INVALID,
};

struct proxy_header {
    size_t len;             /* of the header; what stands behind it is the instrument's; MORE, INVALID: 0 */
    struct address address; /* ADDRESS: IPv4, IPv6, or AF_UNIX without its path */
    const char *why;        /* INVALID: what is wrong, for people */
};

/* Looks at the first bytes of a connection, from their beginning each time. What is said of some bytes is said of them
 * with any others behind them as well, unless it was MORE. Additions (TLVs) and checksums are passed over. */
enum proxy_header_result proxy_header_parse(const unsigned char *bytes, size_t n, struct proxy_header *header);

#endif
