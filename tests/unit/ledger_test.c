#include "link/ledger.h"

#include "tap.h"

#include <time.h>

#define N(a) (sizeof(a) / sizeof *(a))

static const unsigned char *key(unsigned n)
{
    static unsigned char bytes[16];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(n >> 8 * (i % 4)) ^ (unsigned char)(i / 4 * 37);
    return bytes;
}

/* Keys that all fall into one chain, however many chains there are. */
static const unsigned char *chained_key(unsigned n)
{
    static unsigned char bytes[16];
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes + 8, &n, sizeof n);
    return bytes;
}

static uint32_t add(struct ledger *l, const unsigned char *k, uint64_t connection, uint64_t ticket, bool accept)
{
    uint32_t entry = ledger_add(l, k);
    if (entry == LEDGER_NONE)
        abort();
    ledger_at(l, entry)->connection = connection;
    ledger_at(l, entry)->ticket = ticket;
    if (accept)
        ledger_accept(l, entry);
    return entry;
}

static bool knows(const struct ledger *l, const unsigned char *k)
{
    uint32_t entry = ledger_find(l, k);
    return entry != LEDGER_NONE && memcmp(l->entries[entry].key, k, 16) == 0;
}

static void test_empty(void)
{
    struct ledger l;
    ledger_init(&l, 10);
    ok(!knows(&l, key(1)), "an empty ledger knows nothing");
    ledger_acknowledged(&l, 1, 0, UINT64_MAX, true);
    ok(!l.entries && !l.chains, "nothing is allocated before the first");
    ledger_free(&l);
    ok(!l.entries && l.window == 10, "an empty one may be freed");
}

static void test_find(void)
{
    struct ledger l;
    ledger_init(&l, 10);
    uint32_t one = add(&l, key(1), 7, 3, false);
    ok(ledger_find(&l, key(1)) == one, "what was added is found");
    ok(!ledger_at(&l, one)->accepted && !ledger_at(&l, one)->query, "as offered and not decided");
    ok(!knows(&l, key(2)), "another is not");
    ledger_accept(&l, one);
    ok(knows(&l, key(1)) && ledger_at(&l, one)->accepted, "after it was handed over it is remembered");
    add(&l, key(2), 7, 4, false);
    ledger_forget(&l, ledger_find(&l, key(2)));
    ok(!knows(&l, key(2)) && knows(&l, key(1)), "what was refused is forgotten");
    ledger_forget(&l, one);
    is_int(l.used, 0, "nothing is left");
    is_int(l.decided, 0, "nor counted");
    ledger_free(&l);
}

/* The window counts accepted messages; those that are not decided never fall out of it. */
static void test_window(void)
{
    struct ledger l;
    ledger_init(&l, 100);
    uint32_t open = add(&l, key(5000), 1, 1, false);
    for (unsigned i = 0; i < 1000; i++)
        add(&l, key(i), 1, i, true);
    unsigned known = 0;
    for (unsigned i = 0; i < 900; i++)
        known += knows(&l, key(i));
    is_int(known, 0, "the oldest are forgotten");
    for (unsigned i = 900; i < 1000; i++)
        known += knows(&l, key(i));
    is_int(known, 100, "the last 100 are remembered");
    ok(ledger_find(&l, key(5000)) == open, "one that is not decided is not forgotten");
    is_int(l.used, 101, "no more is kept than that");
    ok(l.capacity < 512, "nor is there room for more (%u)", l.capacity);
    ledger_free(&l);
}

/* Entries come and go at random in chains of all lengths; a plain array tells what should be there. */
static void churn(const char *name, const unsigned char *(*make)(unsigned))
{
    static bool present[600];
    struct ledger l;
    uint32_t random = 12345;
    bool fine = true;
    memset(present, 0, sizeof present);
    ledger_init(&l, 600);
    for (int step = 0; step < 20000 && fine; step++) {
        random = random * 1664525 + 1013904223;
        unsigned n = (random >> 8) % N(present);
        uint32_t entry = ledger_find(&l, make(n));
        fine = (entry != LEDGER_NONE) == present[n];
        if (entry == LEDGER_NONE)
            add(&l, make(n), 1, n, random >> 31);
        else
            ledger_forget(&l, entry);
        present[n] = !present[n];
    }
    unsigned count = 0;
    for (unsigned n = 0; n < N(present); n++) {
        fine &= knows(&l, make(n)) == present[n];
        count += present[n];
    }
    ok(fine && l.used == count, "%s: what is there is found, and nothing else", name);
    ledger_free(&l);
}

/* Whether the accepted ones, from the oldest on and back again, are those with these tickets. */
static bool ordered(const struct ledger *l, const uint64_t *tickets, uint32_t n)
{
    uint32_t i = l->oldest, last = LEDGER_NONE, count = 0;
    bool fine = l->decided == n;
    for (; fine && i != LEDGER_NONE; last = i, i = l->entries[i].newer, count++)
        fine = count < n && l->entries[i].ticket == tickets[count] && l->entries[i].accepted && l->entries[i].used &&
               l->entries[i].older == last;
    return fine && count == n && l->newest == last;
}

static void test_order(void)
{
    struct ledger l;
    uint32_t entries[6];
    ledger_init(&l, 3);
    for (unsigned i = 1; i <= 5; i++)
        entries[i] = add(&l, key(i), 1, i, false);
    for (unsigned i = 5; i > 2; i--)
        ledger_accept(&l, entries[i]);
    ok(ordered(&l, (uint64_t[]){5, 4, 3}, 3), "messages are remembered in the order of their acceptance");
    ledger_accept(&l, entries[1]);
    ok(!knows(&l, key(5)) && ordered(&l, (uint64_t[]){4, 3, 1}, 3), "the first that was accepted goes first");
    ok(knows(&l, key(2)), "one that was offered before all of them, and is not decided, stays");
    ledger_accept(&l, entries[2]);
    ok(!knows(&l, key(4)) && ordered(&l, (uint64_t[]){3, 1, 2}, 3), "and then the second");
    ledger_free(&l);
    ok(ordered(&l, NULL, 0), "after that there is none");
}

static void test_forget_anywhere(void)
{
    struct ledger l;
    ledger_init(&l, 5);
    for (unsigned i = 1; i <= 5; i++)
        add(&l, key(i), 1, i, true);
    ledger_forget(&l, ledger_find(&l, key(3)));
    ok(ordered(&l, (uint64_t[]){1, 2, 4, 5}, 4), "one in the middle may be forgotten");
    ledger_forget(&l, ledger_find(&l, key(1)));
    ok(ordered(&l, (uint64_t[]){2, 4, 5}, 3), "the oldest");
    ledger_forget(&l, ledger_find(&l, key(5)));
    ok(ordered(&l, (uint64_t[]){2, 4}, 2), "and the newest");
    for (unsigned i = 6; i <= 9; i++)
        add(&l, key(i), 1, i, true);
    ok(ordered(&l, (uint64_t[]){4, 6, 7, 8, 9}, 5), "others come in their place, and the oldest is known");
    for (unsigned i = 4; i <= 9; i++)
        ledger_acknowledged(&l, 1, i, i, true);
    ok(ordered(&l, NULL, 0) && !l.used, "all may go");
    add(&l, key(1), 1, 1, true);
    ok(ordered(&l, (uint64_t[]){1}, 1), "and the first come again");
    ledger_free(&l);
}

/* The first of more and more entries stay where they are. */
static void test_growth(void)
{
    static uint64_t tickets[1000];
    struct ledger l;
    uint32_t capacity = 0, times = 0, wrong = 0;
    ledger_init(&l, N(tickets));
    for (unsigned i = 0; i < N(tickets); i++) {
        add(&l, key(i), 1, i, true);
        tickets[i] = i;
        times += l.capacity != capacity;
        wrong += l.capacity != capacity && !ordered(&l, tickets, i + 1);
        capacity = l.capacity;
    }
    ok(times == 5 && !wrong && ordered(&l, tickets, N(tickets)), "growth keeps their order");
    unsigned known = 0;
    for (unsigned i = 0; i < N(tickets); i++)
        known += ledger_find(&l, key(i)) == i;
    is_int(known, N(tickets), "and their places");
    ledger_free(&l);
}

/* Neither a full window nor an acknowledgement costs more where more is remembered. */
static void test_speed(void)
{
    enum { WINDOW = 1 << 16, ACCEPTS = 100000 };
    struct ledger l;
    clock_t began = clock();
    ledger_init(&l, WINDOW);
    for (unsigned i = 0; i < WINDOW + ACCEPTS; i++) {
        add(&l, key(i), i % 7, i, true);
        ledger_acknowledged(&l, i % 7, i, i, false);
    }
    is_int(l.decided, WINDOW, "the window is full");
    for (unsigned i = WINDOW + ACCEPTS; i-- > ACCEPTS;)
        ledger_acknowledged(&l, i % 7, i, i, true);
    is_int(l.used, 0, "until all are acknowledged");
    double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
    ok(seconds < 5, "%d accepts in a window of %d, each acknowledged twice, are quick (%.3f s)", ACCEPTS, WINDOW,
       seconds);
    ledger_free(&l);
}

static void test_acknowledged(void)
{
    struct ledger l;
    ledger_init(&l, 10);
    for (unsigned i = 1; i <= 5; i++)
        add(&l, key(i), 7, i, true);
    add(&l, key(6), 8, 3, true);
    add(&l, key(7), 7, 3, false);
    ledger_acknowledged(&l, 7, 2, 4, false);
    is_int(l.used, 7, "an acknowledgement that was sent may be lost: nothing is forgotten");
    ledger_acknowledged(&l, 7, 2, 4, true);
    ok(knows(&l, key(1)) && !knows(&l, key(2)) && !knows(&l, key(3)) && !knows(&l, key(4)) && knows(&l, key(5)),
       "one that has arrived: its tickets need not be known any more, others do");
    ok(knows(&l, key(6)), "nor are those of another connection meant");
    ok(knows(&l, key(7)), "nor one that is not decided");
    ledger_acknowledged(&l, 7, 2, 6, true);
    ok(knows(&l, key(1)) && !knows(&l, key(5)), "not every ticket that is meant need be known");
    ledger_acknowledged(&l, 7, 0, UINT64_MAX, true);
    ok(!knows(&l, key(1)) && knows(&l, key(6)) && knows(&l, key(7)), "all tickets may be meant");
    ledger_free(&l);
}

static void test_query(void)
{
    struct ledger l;
    ledger_init(&l, 10);
    uint32_t query = add(&l, key(1), 7, 1, false);
    ledger_at(&l, query)->query = true;
    ledger_acknowledged(&l, 7, 1, 1, false);
    ok(knows(&l, key(1)), "a query is known while it waits for its verdict");
    ledger_accept(&l, query);
    ok(knows(&l, key(1)), "and until its acknowledgement is sent");
    ledger_acknowledged(&l, 7, 1, 1, false);
    ok(!knows(&l, key(1)), "but no longer: an instrument may ask the same again");
    ledger_free(&l);
}

/* --dedup 0: a message is known while its first copy is being handed over, so that it is not handed over twice. */
static void test_off(void)
{
    struct ledger l;
    ledger_init(&l, 0);
    uint32_t entry = add(&l, key(1), 7, 1, false);
    ok(knows(&l, key(1)), "without a window a message is known while it waits for its verdict");
    ledger_accept(&l, entry);
    ok(knows(&l, key(1)), "and until its acknowledgement is sent");
    ledger_acknowledged(&l, 7, 1, 1, false);
    ok(!knows(&l, key(1)), "but no longer");
    for (unsigned i = 0; i < 1000; i++)
        add(&l, key(i), i, 1, true);
    ok(l.used < 100, "connections that go before their acknowledgement do not make it grow (%u)", l.used);
    ledger_free(&l);
}

int main(void)
{
    test_empty();
    test_find();
    test_window();
    test_order();
    test_forget_anywhere();
    test_growth();
    test_speed();
    churn("many chains", key);
    churn("one chain", chained_key);
    test_acknowledged();
    test_query();
    test_off();
    return done();
}
