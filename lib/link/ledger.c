#include "link/ledger.h"

#include <stdlib.h>
#include <string.h>

/* Without a window an accepted message is remembered until its acknowledgement was sent: this many at most. */
enum { LEDGER_UNSENT = 64 };

void ledger_init(struct ledger *l, uint32_t window)
{
    *l = (struct ledger){.window = window};
}

struct ledger_entry *ledger_at(struct ledger *l, uint32_t entry)
{
    return &l->entries[entry];
}

static uint32_t bucket_of(const struct ledger *l, const unsigned char key[16])
{
    uint32_t hash;
    memcpy(&hash, key, sizeof hash);
    return hash & (l->buckets - 1);
}

uint32_t ledger_find(const struct ledger *l, const unsigned char key[16])
{
    if (!l->buckets)
        return LEDGER_NONE;
    uint32_t i = l->chains[bucket_of(l, key)];
    while (i != LEDGER_NONE && memcmp(l->entries[i].key, key, 16) != 0)
        i = l->entries[i].next;
    return i;
}

static void link_in(struct ledger *l, uint32_t entry)
{
    uint32_t *chain = &l->chains[bucket_of(l, l->entries[entry].key)];
    l->entries[entry].next = *chain;
    *chain = entry;
}

static bool grow(struct ledger *l)
{
    uint32_t capacity = l->capacity ? l->capacity * 2 : 64;
    if (capacity <= l->capacity)
        return false;
    struct ledger_entry *entries = realloc(l->entries, capacity * sizeof *entries);
    if (!entries)
        return false;
    l->entries = entries;
    uint32_t *chains = realloc(l->chains, capacity * sizeof *chains);
    if (!chains)
        return false;
    l->chains = chains;
    memset(entries + l->capacity, 0, (capacity - l->capacity) * sizeof *entries);
    memset(chains, 0xFF, capacity * sizeof *chains);
    l->buckets = capacity;
    for (uint32_t i = 0; i < l->capacity; i++)
        if (entries[i].used)
            link_in(l, i);
    l->capacity = capacity;
    return true;
}

uint32_t ledger_add(struct ledger *l, const unsigned char key[16])
{
    if (l->used == l->capacity && !grow(l))
        return LEDGER_NONE;
    uint32_t i = (uint32_t)(l->age % l->capacity);
    while (l->entries[i].used)
        i = i + 1 == l->capacity ? 0 : i + 1;
    l->entries[i] = (struct ledger_entry){.used = true, .age = ++l->age};
    memcpy(l->entries[i].key, key, 16);
    link_in(l, i);
    l->used++;
    return i;
}

void ledger_forget(struct ledger *l, uint32_t entry)
{
    struct ledger_entry *e = &l->entries[entry];
    uint32_t *at = &l->chains[bucket_of(l, e->key)];
    while (*at != entry)
        at = &l->entries[*at].next;
    *at = e->next;
    l->accepted -= e->accepted;
    e->used = e->accepted = false;
    l->used--;
}

static uint32_t oldest(const struct ledger *l)
{
    uint32_t found = LEDGER_NONE;
    for (uint32_t i = 0; i < l->capacity; i++)
        if (l->entries[i].used && l->entries[i].accepted &&
            (found == LEDGER_NONE || l->entries[i].age < l->entries[found].age))
            found = i;
    return found;
}

void ledger_accept(struct ledger *l, uint32_t entry)
{
    l->entries[entry].accepted = true;
    if (++l->accepted > (l->window ? l->window : LEDGER_UNSENT))
        ledger_forget(l, oldest(l));
}

void ledger_acknowledged(struct ledger *l, uint64_t connection, uint64_t first, uint64_t last, bool proven)
{
    if (!l->accepted)
        return;
    for (uint32_t i = 0; i < l->capacity; i++) {
        const struct ledger_entry *e = &l->entries[i];
        bool over = proven || e->query || !l->window;
        if (over && e->used && e->accepted && e->connection == connection && e->ticket >= first && e->ticket <= last)
            ledger_forget(l, i);
    }
}

void ledger_free(struct ledger *l)
{
    free(l->entries);
    free(l->chains);
    ledger_init(l, l->window);
}
