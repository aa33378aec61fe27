/* Which peers may connect (--allow): networks as `10.0.0.0/8`, `2001:db8::/32`, or single addresses. */
#ifndef INSTLINK_ALLOW_H
#define INSTLINK_ALLOW_H

#include "link/endpoint.h"

enum { ALLOW_MAX = 64 };

struct allow {
    struct {
        unsigned char bytes[16]; /* an IPv4 address stands at the end of ::ffff:0:0/96 */
        unsigned prefix;
    } networks[ALLOW_MAX];
    size_t n; /* none: everybody may */
};

/* 127.0.0.0/8 and ::1. */
extern const struct allow allow_loopback;

/* Adds the networks of a list with commas, or one. False: *wrong points at the one that is none, or one too many. */
bool allow_add(struct allow *allow, const char *text, const char **wrong);

/* Whether that peer may connect. A network of IPv6, ::/0 too, has no peer of IPv4 in it, nor the other way round. A
 * unix socket's peer always may: its file has permissions. */
bool allow_peer(const struct allow *allow, const struct address *peer);

#endif
