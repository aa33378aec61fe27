#include "link/proxy_header.h"

#include "base/option.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

enum {
    LINE_MAX_1 = 107, /* of version 1, CR LF included [2.1] */
    FIXED_2 = 16,     /* of version 2: signature, version and command, family and transport, length [2.2] */
    INET_2 = 4 + 4 + 2 + 2,
    INET6_2 = 16 + 16 + 2 + 2,
    UNIX_2 = 108 + 108,
};

static const unsigned char line_start[] = {'P', 'R', 'O', 'X', 'Y', ' '};
static const unsigned char signature[] = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

static enum proxy_header_result invalid(struct proxy_header *h, const char *why)
{
    *h = (struct proxy_header){.why = why};
    return PROXY_HEADER_INVALID;
}

/* Whether they begin as that, as far as they go. */
static bool begins(const unsigned char *bytes, size_t n, const unsigned char *with, size_t with_n)
{
    return memcmp(bytes, with, n < with_n ? n : with_n) == 0;
}

/* The address in the bytes of the network's order, 4 of them or 16. */
static void set_address(struct address *a, const unsigned char *bytes, bool six, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (six) {
        memcpy(&in6.sin6_addr, bytes, 16);
        memcpy(&a->storage, &in6, sizeof in6);
        a->len = sizeof in6;
    } else {
        memcpy(&in.sin_addr, bytes, 4);
        memcpy(&a->storage, &in, sizeof in);
        a->len = sizeof in;
    }
}

/* ---- version 1 ---- */

/* Cuts the next field off, which ends at a blank or at the end. It is empty when there is none. */
static const char *field(char **rest)
{
    char *start = *rest, *end = start + strcspn(start, " ");
    *rest = *end ? end + 1 : end;
    *end = 0;
    return start;
}

/* Decimal, as a number is written: no sign, no zeros before it. */
static bool parse_port(const char *text, uint16_t *port)
{
    int number;
    if (*text < '0' || *text > '9' || (*text == '0' && text[1]) || !parse_int_range(text, 0, 65535, &number))
        return false;
    *port = (uint16_t)number;
    return true;
}

/* The address that connected, and the one that it connected to, which has to be right too. */
static bool parse_line(char *rest, bool six, struct address *address)
{
    unsigned char from[16], to[16];
    uint16_t from_port, to_port;
    int family = six ? AF_INET6 : AF_INET;
    size_t blanks = 0;
    for (const char *p = rest; *p; p++)
        blanks += *p == ' ';
    if (blanks != 3 || inet_pton(family, field(&rest), from) != 1 || inet_pton(family, field(&rest), to) != 1 ||
        !parse_port(field(&rest), &from_port) || !parse_port(field(&rest), &to_port))
        return false;
    set_address(address, from, six, from_port);
    return true;
}

static enum proxy_header_result parse_1(const unsigned char *bytes, size_t n, struct proxy_header *h)
{
    char line[LINE_MAX_1];
    size_t within = n < LINE_MAX_1 ? n : LINE_MAX_1;
    const unsigned char *end = memchr(bytes, '\n', within);
    if (!end)
        return n < LINE_MAX_1 ? PROXY_HEADER_MORE : invalid(h, "its PROXY line has no end");
    size_t len = (size_t)(end - bytes);
    if (end[-1] != '\r')
        return invalid(h, "its PROXY line is malformed");
    h->len = len + 1;
    memcpy(line, bytes, len);
    line[len - 1] = 0;
    char *rest = line + sizeof line_start;
    if (strcmp(rest, "UNKNOWN") == 0 || strncmp(rest, "UNKNOWN ", 8) == 0) /* what follows is to be ignored */
        return PROXY_HEADER_NONE;
    if (strlen(line) != len - 1)
        return invalid(h, "its PROXY line is malformed");
    const char *family = field(&rest);
    bool six = strcmp(family, "TCP6") == 0;
    if ((six || strcmp(family, "TCP4") == 0) && parse_line(rest, six, &h->address))
        return PROXY_HEADER_ADDRESS;
    return invalid(h, "its PROXY line is malformed");
}

/* ---- version 2 ---- */

enum { LOCAL, PROXY };                            /* the command */
enum { ANY_FAMILY, INET, INET6, UNIX, FAMILIES }; /* the families */
enum { ANY_TRANSPORT, STREAM };

static uint16_t number_at(const unsigned char *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* The address that begins the variable part, which is long enough for its family. */
static void take_address(const unsigned char *p, unsigned family, struct address *a)
{
    if (family == UNIX) {
        a->storage.ss_family = AF_UNIX;
        a->len = sizeof(struct sockaddr_un);
    } else {
        set_address(a, p, family == INET6, number_at(p + (family == INET6 ? 32 : 8)));
    }
}

/* Each byte is judged when it is there, so that no more of them can change what was said. */
static enum proxy_header_result parse_2(const unsigned char *bytes, size_t n, struct proxy_header *h)
{
    static const size_t least[FAMILIES] = {[INET] = INET_2, [INET6] = INET6_2, [UNIX] = UNIX_2};
    if (n < 13)
        return PROXY_HEADER_MORE;
    unsigned command = bytes[12] & 15;
    if (bytes[12] >> 4 != 2 || command > PROXY)
        return invalid(h, "its PROXY header has an unknown version or command");
    if (n < 14)
        return PROXY_HEADER_MORE;
    unsigned family = bytes[13] >> 4, transport = bytes[13] & 15;
    if (command == PROXY && (family >= FAMILIES || transport > STREAM))
        return invalid(h, "its PROXY header is of no stream, or of an unknown family");
    if (n < FIXED_2)
        return PROXY_HEADER_MORE;
    size_t len = number_at(bytes + 14);
    bool told = command == PROXY && family != ANY_FAMILY && transport == STREAM;
    if (len > PROXY_HEADER_MAX - FIXED_2)
        return invalid(h, "its PROXY header is too long");
    if (told && len < least[family])
        return invalid(h, "its PROXY header is too short for its addresses");
    if (n < FIXED_2 + len)
        return PROXY_HEADER_MORE;
    h->len = FIXED_2 + len;
    if (told)
        take_address(bytes + FIXED_2, family, &h->address);
    return told ? PROXY_HEADER_ADDRESS : PROXY_HEADER_NONE;
}

enum proxy_header_result proxy_header_parse(const unsigned char *bytes, size_t n, struct proxy_header *h)
{
    *h = (struct proxy_header){0};
    if (!n)
        return PROXY_HEADER_MORE;
    if (begins(bytes, n, line_start, sizeof line_start))
        return n < sizeof line_start ? PROXY_HEADER_MORE : parse_1(bytes, n, h);
    if (begins(bytes, n, signature, sizeof signature))
        return n < sizeof signature ? PROXY_HEADER_MORE : parse_2(bytes, n, h);
    return invalid(h, "it does not begin with a PROXY header");
}
