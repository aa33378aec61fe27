#include "link/allow.h"

#include "base/option.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static const unsigned char mapped[12] = {[10] = 0xFF, [11] = 0xFF};

const struct allow allow_loopback = {
    .networks = {{{[10] = 0xFF, [11] = 0xFF, [12] = 127}, 104}, {{[15] = 1}, 128}},
    .n = 2,
};

/* Bits that all IPv4 addresses have in common. A shorter network is one of IPv6 alone. */
enum { MAPPED = 8 * sizeof mapped };

static bool is_mapped(const unsigned char address[16])
{
    return memcmp(address, mapped, sizeof mapped) == 0;
}

static bool parse_address(const char *text, unsigned char bytes[16], unsigned *bits)
{
    *bits = 128;
    if (inet_pton(AF_INET6, text, bytes) == 1)
        return true;
    *bits = 32;
    memcpy(bytes, mapped, sizeof mapped);
    return inet_pton(AF_INET, text, bytes + 12) == 1;
}

/* One network, n characters. Bits behind the prefix count for nothing. */
static bool parse_network(const char *text, size_t n, unsigned char bytes[16], unsigned *prefix)
{
    char copy[64];
    unsigned bits;
    int given;
    if (n >= sizeof copy)
        return false;
    memcpy(copy, text, n);
    copy[n] = 0;
    char *slash = strchr(copy, '/');
    if (slash)
        *slash++ = 0;
    if (!parse_address(copy, bytes, &bits))
        return false;
    given = (int)bits;
    if (slash && !parse_int_range(slash, 0, (int)bits, &given))
        return false;
    *prefix = (unsigned)given + 128 - bits;
    return true;
}

bool allow_add(struct allow *allow, const char *text, const char **wrong)
{
    for (;;) {
        size_t n = strcspn(text, ",");
        *wrong = text;
        if (allow->n == ALLOW_MAX ||
            !parse_network(text, n, allow->networks[allow->n].bytes, &allow->networks[allow->n].prefix))
            return false;
        allow->n++;
        if (!text[n])
            return true;
        text += n + 1;
    }
}

static bool within(const unsigned char address[16], const unsigned char network[16], unsigned prefix)
{
    unsigned whole = prefix / 8, rest = prefix % 8;
    if (memcmp(address, network, whole) != 0)
        return false;
    return !rest || (address[whole] ^ network[whole]) >> (8 - rest) == 0;
}

bool allow_peer(const struct allow *allow, const struct address *peer)
{
    unsigned char bytes[16];
    if (!allow->n || peer->storage.ss_family == AF_UNIX)
        return true;
    if (peer->storage.ss_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, &peer->storage, sizeof in);
        memcpy(bytes, &in.sin6_addr, 16);
    } else {
        struct sockaddr_in in;
        memcpy(&in, &peer->storage, sizeof in);
        memcpy(bytes, mapped, sizeof mapped);
        memcpy(bytes + 12, &in.sin_addr, 4);
    }
    for (size_t i = 0; i < allow->n; i++)
        if ((allow->networks[i].prefix >= MAPPED || !is_mapped(bytes)) &&
            within(bytes, allow->networks[i].bytes, allow->networks[i].prefix))
            return true;
    return false;
}
