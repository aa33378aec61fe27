#include "link/allow.h"

#include "link/resolve.h"

#include "tap.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

/* A list with commas, in an allocation of its own size. wrong: where in it the fault was found; -1: it is fine. */
static bool add(struct allow *allow, const char *list, long *wrong)
{
    char *copy = exact_copy(list, strlen(list) + 1);
    const char *at = NULL;
    bool fine = allow_add(allow, copy, &at);
    *wrong = fine ? -1 : (long)(at - copy);
    free(copy);
    return fine;
}

static void good(void)
{
    static const struct {
        const char *list;
        size_t n;
    } lists[] = {
        {"10.0.0.0/8", 1},
        {"10.0.0.5", 1},
        {"0.0.0.0/0", 1},
        {"255.255.255.255/32", 1},
        {"::", 1},
        {"::/0", 1},
        {"::1/128", 1},
        {"2001:db8::/32", 1},
        {"::ffff:10.0.0.0/104", 1},
        {"2001:db8:aaaa:bbbb:cccc:dddd:255.255.255.255/127", 1},
        {"10.0.0.0/8,192.168.1.1,2001:db8::/32", 3},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct allow allow = {.n = 0};
        long wrong;
        ok(add(&allow, lists[i].list, &wrong) && allow.n == lists[i].n, "%s are %zu", lists[i].list, lists[i].n);
    }
}

static void bad(void)
{
    static const struct {
        const char *list;
        long wrong;
    } lists[] = {
        {"", 0},
        {",", 0},
        {"10.0.0.5,", 9},
        {",10.0.0.5", 0},
        {"10.0.0.5,,10.0.0.6", 9},
        {"10.0.0.5, 10.0.0.6", 9},
        {" 10.0.0.5", 0},
        {"10.0.0.5 ", 0},
        {"10.0.0", 0},
        {"10.0.0.256", 0},
        {"10.0.0.0.0", 0},
        {"10.0.0.0/", 0},
        {"10.0.0.0/33", 0},
        {"10.0.0.0/-1", 0},
        {"10.0.0.0/+8", 0},
        {"10.0.0.0/8/8", 0},
        {"10.0.0.0/8x", 0},
        {"10.0.0.0/255.0.0.0", 0},
        {"10.0.0.0/4294967304", 0},
        {"/8", 0},
        {"::1,::/129", 4},
        {"[::1]", 0},
        {"::1%lo", 0},
        {"localhost", 0},
        {"10.0.0.5:4000", 0},
        {"10.0.0.5,2001:db8:aaaa:bbbb:cccc:dddd:255.255.255.255/00000000000000000000127", 9},
        {"10.0.0.5,0000000000000000000000000000000000000000000000000000000000000000000000000000", 9},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct allow allow = {.n = 0};
        long wrong;
        ok(!add(&allow, lists[i].list, &wrong), "'%s' is wrong", lists[i].list);
        is_int(wrong, lists[i].wrong, "... there");
    }
}

static void full(void)
{
    struct allow allow = {.n = 0};
    long wrong;
    size_t added = 0;
    while (added <= ALLOW_MAX && add(&allow, "10.0.0.5", &wrong))
        added++;
    is_int(added, ALLOW_MAX, "so many networks, and no more");
    allow.n--;
    ok(!add(&allow, "::1,::2", &wrong) && wrong == 4, "the first that is too many is the wrong one");
    is_int(allow.n, ALLOW_MAX, "those before it are kept");
}

static struct address address_of(const char *host)
{
    struct address address;
    if (!resolve_numeric(host, 4000, &address))
        abort();
    return address;
}

static void peers(void)
{
    static const struct {
        const char *list, *peer;
        bool may;
    } cases[] = {
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "9.255.255.255", false},
        {"10.99.99.99/8", "10.0.0.1", true}, /* bits behind the prefix count for nothing */
        {"10.0.0.0/9", "10.127.255.255", true},
        {"10.0.0.0/9", "10.128.0.0", false},
        {"10.0.0.128/25", "10.0.0.127", false},
        {"10.0.0.128/25", "10.0.0.128", true},
        {"10.0.0.4/31", "10.0.0.5", true},
        {"10.0.0.4/31", "10.0.0.6", false},
        {"10.0.0.5", "10.0.0.5", true},
        {"10.0.0.5", "10.0.0.4", false},
        {"10.0.0.5/32", "10.0.0.5", true},
        {"0.0.0.0/0", "255.255.255.255", true},
        {"0.0.0.0/0", "2001:db8::1", false}, /* every IPv4 address is not every address */
        {"::/0", "2001:db8::1", true},
        {"::/0", "10.0.0.5", false}, /* nor the other way round */
        {"::/0", "::ffff:10.0.0.5", false},
        {"::/95", "::ffff:10.0.0.5", false},
        {"::/95", "::1", true},
        {"::ffff:0:0/96", "10.0.0.5", true}, /* but that is what it says */
        {"::/0,0.0.0.0/0", "10.0.0.5", true},
        {"::/0,0.0.0.0/0", "2001:db8::1", true},
        {"2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true},
        {"2001:db8::/32", "2001:db9::", false},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"2001:db8::1", "2001:db8::1", true},
        {"2001:db8::1", "2001:db8::2", false},
        {"::a00:5", "10.0.0.5", false},
        /* an IPv4 peer of a socket for both */
        {"10.0.0.0/8", "::ffff:10.0.0.5", true},
        {"10.0.0.0/8", "::ffff:11.0.0.5", false},
        {"::ffff:10.0.0.0/104", "10.0.0.5", true},
        {"::ffff:10.0.0.0/104", "::ffff:11.0.0.5", false},
        {"::1", "127.0.0.1", false},
        /* the first, the last, none */
        {"10.0.0.0/8,192.168.0.0/16", "10.0.0.5", true},
        {"10.0.0.0/8,192.168.0.0/16", "192.168.3.4", true},
        {"10.0.0.0/8,192.168.0.0/16", "192.169.0.0", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct allow allow = {.n = 0};
        struct address peer = address_of(cases[i].peer);
        long wrong;
        add(&allow, cases[i].list, &wrong);
        ok(allow_peer(&allow, &peer) == cases[i].may, "%s %s %s", cases[i].peer, cases[i].may ? "is in" : "is not in",
           cases[i].list);
    }
}

static void everybody(void)
{
    struct allow allow = {.n = 0};
    struct address peer = address_of("10.0.0.5"), file = {.len = sizeof(struct sockaddr_un)};
    long wrong;
    file.storage.ss_family = AF_UNIX;
    ok(allow_peer(&allow, &peer) && allow_peer(&allow, &file), "without a list everybody may");
    add(&allow, "::1", &wrong);
    ok(!allow_peer(&allow, &peer), "with one, those on it");
    ok(allow_peer(&allow, &file), "and the peers of a unix socket");
}

static void loopback(void)
{
    static const struct {
        const char *peer;
        bool is;
    } cases[] = {
        {"127.0.0.1", true},  {"127.255.255.255", true}, {"::ffff:127.0.0.9", true}, {"::1", true},
        {"126.0.0.1", false}, {"128.0.0.0", false},      {"10.0.0.1", false},        {"::", false},
        {"::2", false},       {"::127.0.0.1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct address peer = address_of(cases[i].peer);
        ok(allow_peer(&allow_loopback, &peer) == cases[i].is, "%s is %sthe loopback", cases[i].peer,
           cases[i].is ? "" : "not ");
    }
}

int main(void)
{
    good();
    bad();
    full();
    peers();
    everybody();
    loopback();
    return done();
}
