#include "link/ledger.h"

#include <stdlib.h>
#include <string.h>

/* Without a window an accepted message is remembered until its acknowledgement was sent, and a refused one that some
 * targets have until it comes again: this many at most. */
enum { LEDGER_UNSENT = 64 };

enum { REPLIES_MAX = 16 << 20 }; /* bytes, over all */

void ledger_init(struct ledger *l, uint32_t window)
{
    *l = (struct ledger){.window = window, .oldest = LEDGER_NONE, .newest = LEDGER_NONE, .free = LEDGER_NONE};
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
    memset(chains, 0xFF, capacity * sizeof *chains);
    l->buckets = capacity;
    for (uint32_t i = 0; i < l->capacity; i++)
        if (entries[i].used)
            link_in(l, i);
    for (uint32_t i = capacity; i-- > l->capacity; l->free = i)
        entries[i] = (struct ledger_entry){.next = l->free};
    l->capacity = capacity;
    return true;
}

uint32_t ledger_add(struct ledger *l, const unsigned char key[16])
{
    if (l->free == LEDGER_NONE && !grow(l))
        return LEDGER_NONE;
    uint32_t i = l->free;
    l->free = l->entries[i].next;
    l->entries[i] = (struct ledger_entry){.used = true};
    memcpy(l->entries[i].key, key, 16);
    link_in(l, i);
    l->used++;
    return i;
}

static void take_out_decided(struct ledger *l, const struct ledger_entry *e)
{
    *(e->older == LEDGER_NONE ? &l->oldest : &l->entries[e->older].newer) = e->newer;
    *(e->newer == LEDGER_NONE ? &l->newest : &l->entries[e->newer].older) = e->older;
    l->decided--;
}

void ledger_forget(struct ledger *l, uint32_t entry)
{
    struct ledger_entry *e = &l->entries[entry];
    uint32_t *at = &l->chains[bucket_of(l, e->key)];
    while (*at != entry)
        at = &l->entries[*at].next;
    *at = e->next;
    if (e->decided)
        take_out_decided(l, e);
    l->replies -= e->reply.cap;
    bytes_free(&e->reply);
    e->used = e->accepted = e->decided = false;
    e->next = l->free;
    l->free = entry;
    l->used--;
}

/* Puts it at the end of the window. */
static void decide(struct ledger *l, uint32_t entry)
{
    struct ledger_entry *e = &l->entries[entry];
    e->decided = true;
    e->older = l->newest;
    e->newer = LEDGER_NONE;
    *(l->newest == LEDGER_NONE ? &l->oldest : &l->entries[l->newest].newer) = entry;
    l->newest = entry;
    if (++l->decided > (l->window ? l->window : LEDGER_UNSENT))
        ledger_forget(l, l->oldest);
}

void ledger_accept(struct ledger *l, uint32_t entry)
{
    l->entries[entry].accepted = true;
    decide(l, entry);
}

void ledger_keep_reply(struct ledger *l, uint32_t entry, struct bytes *reply)
{
    struct ledger_entry *e = &l->entries[entry];
    if (l->replies + reply->cap > REPLIES_MAX) {
        bytes_free(reply);
        return;
    }
    e->reply = *reply;
    l->replies += reply->cap;
    *reply = (struct bytes){0};
}

void ledger_take_reply(struct ledger *l, uint32_t entry, struct bytes *reply)
{
    struct ledger_entry *e = &l->entries[entry];
    *reply = e->reply;
    l->replies -= reply->cap;
    e->reply = (struct bytes){0};
}

void ledger_refuse(struct ledger *l, uint32_t entry, unsigned had)
{
    l->entries[entry].had = had;
    decide(l, entry);
}

void ledger_reopen(struct ledger *l, uint32_t entry)
{
    take_out_decided(l, &l->entries[entry]);
    l->entries[entry].decided = false;
}

/* What was accepted last is acknowledged first: the search from there ends after a few steps, once it has met an entry
 * for each ticket. */
void ledger_acknowledged(struct ledger *l, uint64_t connection, uint64_t first, uint64_t last, bool proven)
{
    uint64_t more = last - first; /* tickets to look for after the next that is met */
    uint32_t older;
    for (uint32_t i = l->newest; i != LEDGER_NONE; i = older) {
        const struct ledger_entry *e = &l->entries[i];
        older = e->older;
        if (!e->accepted || e->connection != connection || e->ticket < first || e->ticket > last)
            continue;
        if (proven && l->proven && !e->query)
            bytes_append(l->proven, e->key, sizeof e->key); /* without memory for it, it is a repeat once too often */
        if (proven || e->query || !l->window)
            ledger_forget(l, i);
        if (!more--)
            return;
    }
}

void ledger_withhold(struct ledger *l, uint64_t connection, uint64_t ticket)
{
    uint32_t i = l->newest;
    while (i != LEDGER_NONE && (l->entries[i].connection != connection || l->entries[i].ticket != ticket))
        i = l->entries[i].older;
    if (i != LEDGER_NONE)
        l->entries[i].withheld = true;
}

void ledger_free(struct ledger *l)
{
    for (uint32_t i = 0; i < l->capacity; i++)
        bytes_free(&l->entries[i].reply);
    free(l->entries);
    free(l->chains);
    ledger_init(l, l->window);
}
