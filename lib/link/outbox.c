#include "link/outbox.h"

#include "base/charset.h"

#include <stdio.h>
#include <stdlib.h>

enum { AGAIN_MS = 1000, AGAIN_MAX_MS = 30000 };

struct outbox_item {
    struct outbox_item *next;
    struct outbox_way *way; /* where it is being sent; NULL: it waits */
    int64_t came, due;
    uint64_t attempts;
    const char *reason, *code; /* of the last attempt that failed; NULL: there was none */
    char tried[64];            /* the peer of the last attempt */
    size_t size;               /* bytes counted */
    bool passed;               /* by another link: for `peer` where there are several, and not reported */
    bool stranded; /* likewise, a reply whose connection is gone: but for `peer` whatever others there are */
    struct outbox_slice id, peer;
    struct bytes text;
    unsigned char own[]; /* id and peer */
};

struct outbox_list {
    struct outbox_item *first, *last;
    size_t n;
};

/* A connection that messages can go out on. */
struct outbox_way {
    struct outbox_way *next; /* an older one */
    struct connection *c;
    struct outbox_item *item; /* that is being sent; stands in its list still … */
    int64_t since;            /* … from then on */
    bool replying;            /* it is a reply */
    struct outbox_list replies;
    int64_t rests_until;             /* it has not taken a message that it should have */
    const struct protocol *protocol; /* as it was looked at last */
    bool taken;                      /* nothing (more) can be begun on it */
};

struct outbox_link {
    struct outbox_link *next;
    struct link *link;
    struct outbox_way *ways; /* the newest first */
    struct outbox_list queue;
    bool changed;   /* something may be begun */
    bool held_back; /* something would be, if reports were read */
    bool buried;    /* the link is gone, and what waited is reported */
    int64_t due;    /* when something may be begun, or is given up */
};

/* ---- lists ---- */

static void append(struct outbox_list *list, struct outbox_item *item)
{
    if (list->last)
        list->last->next = item;
    else
        list->first = item;
    list->last = item;
    list->n++;
}

/* Puts an item into the queue before those that came after it: they are given up in their order. */
static void insert(struct outbox_list *queue, struct outbox_item *item)
{
    struct outbox_item **at = &queue->first;
    while (*at && (*at)->came <= item->came)
        at = &(*at)->next;
    item->next = *at;
    *at = item;
    if (!item->next)
        queue->last = item;
    queue->n++;
}

static void unlink_item(struct outbox_list *list, struct outbox_item *item)
{
    struct outbox_item **at = &list->first, *before = NULL;
    while (*at != item) {
        before = *at;
        at = &before->next;
    }
    *at = item->next;
    if (list->last == item)
        list->last = before;
    list->n--;
}

static void discard(struct outbox *o, struct outbox_list *list, struct outbox_item *item)
{
    unlink_item(list, item);
    o->held -= item->size;
    *o->total -= item->size;
    bytes_free(&item->text);
    free(item);
}

static struct outbox_link *find_link(const struct outbox *o, const struct link *link)
{
    struct outbox_link *l = o->links;
    while (l && l->link != link)
        l = l->next;
    return l;
}

static struct outbox_link *need_link(struct outbox *o, struct link *link)
{
    struct outbox_link *l = find_link(o, link);
    if (l || !(l = calloc(1, sizeof *l)))
        return l;
    l->link = link;
    l->due = INT64_MAX;
    l->next = o->links;
    o->links = l;
    return l;
}

static struct outbox_way *find_way(const struct outbox_link *l, const struct connection *c)
{
    struct outbox_way *way = l ? l->ways : NULL;
    while (way && way->c != c)
        way = way->next;
    return way;
}

/* ---- what becomes of messages ---- */

static const char *name_of(const struct link *link)
{
    return link->config->name;
}

static void report(struct outbox *o, const struct link *link, const struct outbox_item *item, bool sent,
                   const char *reason, const struct delivery *d, int64_t now)
{
    if (item->passed)
        return;
    struct outbox_report r = {.id = item->id,
                              .peer = item->peer,
                              .link = link,
                              .sent = sent,
                              .reason = reason,
                              .code = d ? d->code : item->code,
                              .delivery = d,
                              .attempts = item->attempts,
                              .ms = now - item->came};
    if (*item->tried)
        r.peer = (struct outbox_slice){(const unsigned char *)item->tried, strlen(item->tried)};
    o->hooks.report(o->hooks.context, &r);
}

static const char *tried_peer(const struct outbox_item *item)
{
    return *item->tried ? item->tried : NULL;
}

static void tell_sent(const struct outbox *o, const struct link *link, const struct outbox_item *item, int64_t now)
{
    int64_t ms = now - item->came, attempts = (int64_t)item->attempts;
    const struct log_event event = {
        "delivered", name_of(link), tried_peer(item), NULL, {{"attempts", attempts}, {"milliseconds", ms}}};
    log_event(o->config->told, &event, "message delivered");
}

static void tell_failed(const struct link *link, const struct outbox_item *item, const char *reason)
{
    int64_t attempts = (int64_t)item->attempts;
    const struct log_event event = {"undelivered", name_of(link), tried_peer(item), reason, {{"attempts", attempts}}};
    log_event(LOG_ERROR, &event, "a message is not delivered: %s (attempts: %lld)", reason, (long long)attempts);
}

static void tell_again(const struct link *link, const struct outbox_item *item, int64_t wait)
{
    int64_t attempts = (int64_t)item->attempts;
    const struct log_event event = {
        "deferred", name_of(link), tried_peer(item), item->reason, {{"attempts", attempts}, {"wait_ms", wait}}};
    log_event(LOG_EVENT, &event, "a message is not taken: %s; tried again in %.1f s (attempt %lld)", item->reason,
              (double)wait / 1000, (long long)attempts + 1);
}

/* The list that an item stands in: the replies of that way, or (NULL) the queue. */
static struct outbox_list *list_of(struct outbox_link *l, struct outbox_way *replier)
{
    return replier ? &replier->replies : &l->queue;
}

static void give_up(struct outbox *o, struct outbox_link *l, struct outbox_way *replier, struct outbox_item *item,
                    const char *reason, const struct delivery *d, int64_t now)
{
    tell_failed(l->link, item, reason);
    if (!replier)
        report(o, l->link, item, false, reason, d, now);
    discard(o, list_of(l, replier), item);
}

/* ---- adding ---- */

bool outbox_put_records(struct bytes *out, const unsigned char *text, size_t n)
{
    size_t from = 0;
    if (!bytes_reserve(out, n + 1))
        return false;
    for (size_t at = 0; at <= n; at++) {
        if (at < n && text[at] != '\r' && text[at] != '\n')
            continue;
        if (at > from && !(bytes_append(out, text + from, at - from) && bytes_append(out, "\r", 1)))
            return false;
        from = at + 1;
    }
    return true;
}

/* Makes the text what will be sent. NULL when it can be; else why not. */
static const char *prepare(const struct link *link, struct outbox_slice text, struct bytes *out)
{
    struct charset *charset = link->config->astm_view.charset; /* HL7's is the same */
    struct bytes records = {0};
    if (!outbox_put_records(&records, text.p, text.n)) {
        bytes_free(&records);
        return "no-memory";
    }
    if (!charset) {
        *out = records;
        return NULL;
    }
    bool fine = charset_from_utf8(charset, records.data, records.len, out);
    bytes_free(&records);
    return fine ? NULL : "bad-text a character is not in the link's character set";
}

static struct outbox_item *create(const struct link *link, const struct outbox_message *m, const char **why,
                                  char wrong[128], int64_t now)
{
    struct outbox_item *item = calloc(1, sizeof *item + m->id.n + m->peer.n);
    *why = item ? NULL : "no-memory";
    if (!item)
        return NULL;
    item->due = now;
    item->came = m->came ? m->came : now;
    item->id = item->peer = (struct outbox_slice){NULL, 0};
    if (m->id.p)
        item->id = (struct outbox_slice){memcpy(item->own, m->id.p, m->id.n), m->id.n};
    if (m->peer.p)
        item->peer = (struct outbox_slice){memcpy(item->own + m->id.n, m->peer.p, m->peer.n), m->peer.n};
    *why = prepare(link, m->text, &item->text);
    const char *unsendable = *why ? NULL : link->config->protocol->unsendable(item->text.data, item->text.len);
    if (unsendable) {
        snprintf(wrong, 128, "bad-text %s", unsendable);
        *why = wrong;
    }
    item->size = sizeof *item + m->id.n + m->peer.n + item->text.cap;
    return item;
}

/* One report is for one message. */
static const char *no_single(const struct link *link, const struct bytes *text)
{
    size_t firsts = 0;
    const unsigned char *end;
    for (const unsigned char *p = text->data, *stop = p + text->len; p < stop; p = end + 1) {
        end = memchr(p, '\r', (size_t)(stop - p));
        firsts += link->config->protocol->role(p, (size_t)(end - p)) == RECORD_FIRST;
    }
    return firsts > 1 ? "bad-text it holds several messages" : NULL;
}

/* Why there is no room for the item; NULL: there is. */
static const char *no_room(const struct outbox *o, const struct outbox_list *list, const struct outbox_item *item)
{
    if (item->size > o->config->max_held)
        return "no-memory the message is too long";
    return list->n >= OUTBOX_QUEUE || o->held >= o->config->max_held ? "queue-full" : NULL;
}

static void keep(struct outbox *o, struct outbox_link *l, struct outbox_list *list, struct outbox_item *item)
{
    append(list, item);
    o->held += item->size;
    *o->total += item->size;
    l->changed = true;
}

static void free_item(struct outbox_item *item)
{
    if (item)
        bytes_free(&item->text);
    free(item);
}

/* Puts a message into the link's queue, or says why it cannot be. */
static void enqueue(struct outbox *o, struct link *link, const struct outbox_message *m, bool passed, int64_t now)
{
    char wrong[128];
    const char *why;
    struct outbox_item *item = create(link, m, &why, wrong, now),
                       bare = {.id = m->id, .peer = m->peer, .came = now, .passed = passed};
    if (!why)
        why = no_single(link, &item->text);
    struct outbox_link *l = why ? NULL : need_link(o, link);
    if (!why)
        why = o->stopping ? o->stopping : !l ? "no-memory" : no_room(o, &l->queue, item);
    if (!why) {
        item->passed = passed;
        keep(o, l, &l->queue, item);
        return;
    }
    tell_failed(link, &bare, why);
    report(o, link, &bare, false, why, NULL, now);
    free_item(item);
}

void outbox_add(struct outbox *o, struct link *link, const struct outbox_message *m, int64_t now)
{
    enqueue(o, link, m, false, now);
}

void outbox_pass(struct outbox *o, struct link *link, const char *peer, const unsigned char *text, size_t n,
                 int64_t now)
{
    const struct outbox_message m = {.peer = {(const unsigned char *)peer, address_host_len(peer)}, .text = {text, n}};
    enqueue(o, link, &m, true, now);
}

void outbox_reply(struct outbox *o, struct connection *c, const unsigned char *text, size_t n, int64_t now)
{
    char wrong[128];
    const char *why;
    const struct outbox_message m = {.peer = {(const unsigned char *)c->peer, address_host_len(c->peer)},
                                     .text = {text, n}};
    struct outbox_item *item = create(c->link, &m, &why, wrong, now);
    struct outbox_link *l = find_link(o, c->link);
    struct outbox_way *way = find_way(l, c);
    if (!why)
        why = !way ? "connection-lost" : no_room(o, &way->replies, item);
    if (!why) {
        keep(o, l, &way->replies, item);
        return;
    }
    struct outbox_item bare = {0};
    snprintf(bare.tried, sizeof bare.tried, "%s", c->peer);
    tell_failed(c->link, &bare, why);
    free_item(item);
}

void outbox_cancel(struct outbox *o, struct connection *c)
{
    struct outbox_link *l = find_link(o, c->link);
    struct outbox_way *way = find_way(l, c);
    struct outbox_item *item = way ? way->replies.last : NULL;
    if (item && item == way->item) {
        if (!connection_withdraw(c))
            return; /* it is under way */
        way->item = NULL;
    }
    if (!item)
        return;
    discard(o, &way->replies, item);
    l->changed = true;
    const struct log_event event = {"reply", name_of(c->link), c->peer, NULL, {{0}}};
    log_event(LOG_EVENT, &event, "the query is cancelled, and its answer is not sent");
}

/* ---- who goes where ---- */

/* Whether something can be sent over it, sooner or later. */
static bool alive(const struct outbox_way *way)
{
    const struct connection *c = way->c;
    return !c->closing && !c->leaving && !c->eof && !c->lost && !c->source.gone;
}

static bool fits(const struct outbox_item *item, const struct connection *c)
{
    const unsigned char *p = item->peer.p;
    size_t n = item->peer.n, host = address_host_len(c->peer);
    if (!p)
        return true;
    if (n == strlen(c->peer) || n == host)
        return memcmp(p, c->peer, n) == 0;
    return host == n + 2 && *c->peer == '[' && memcmp(p, c->peer + 1, n) == 0; /* IPv6 without brackets */
}

/* Whether the link has connections from more than one address. */
static bool is_ambiguous(const struct outbox_link *l)
{
    const char *first = NULL;
    size_t n = 0;
    for (const struct outbox_way *way = l->ways; way; way = way->next) {
        if (!alive(way))
            continue;
        if (first && (address_host_len(way->c->peer) != n || memcmp(first, way->c->peer, n) != 0))
            return true;
        first = way->c->peer;
        n = address_host_len(first);
    }
    return false;
}

/* The newest connection that the item is for; free: of those that something can be begun on. */
static struct outbox_way *choose(const struct outbox_link *l, const struct outbox_item *item, bool free)
{
    bool anywhere = item->passed && !item->stranded && !is_ambiguous(l);
    struct outbox_way *way = l->ways;
    while (way && !(alive(way) && (anywhere || fits(item, way->c)) && !(free && way->taken)))
        way = way->next;
    return way;
}

static bool is_busy(const struct outbox_way *way, int64_t now)
{
    return way->item || !alive(way) || now < way->rests_until || way->c->machine.protocol == &protocol_auto;
}

static void expect(struct outbox_link *l, int64_t due)
{
    if (due < l->due)
        l->due = due;
}

static int64_t expiry(const struct outbox *o, const struct outbox_item *item)
{
    return item->came + o->config->timeout_ms;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* When that is given up which a connection is busy with, which has had a moment by then. */
static int64_t sending_expiry(const struct outbox *o, const struct outbox_way *way)
{
    return later(expiry(o, way->item), way->since + AGAIN_MS);
}

/* Marks the connections that nothing can be begun on. Returns how many others there are. */
static size_t survey(struct outbox_link *l, int64_t now)
{
    size_t n = 0;
    for (struct outbox_way *way = l->ways; way; way = way->next) {
        way->protocol = way->c->machine.protocol;
        way->taken = is_busy(way, now);
        n += !way->taken;
        if (now < way->rests_until)
            expect(l, way->rests_until);
    }
    return n;
}

/* Begins to send. False: the item can never be sent there, and is gone. */
static bool begin(struct outbox *o, struct outbox_link *l, struct outbox_way *way, bool reply, struct outbox_item *item,
                  int64_t now)
{
    char wrong[128];
    const char *why = NULL;
    way->taken = true;
    if (o->config->renews && connection_renew(way->c, item->text.data, item->text.len)) {
        l->changed = true; /* another connection may have it */
        return true;
    }
    snprintf(item->tried, sizeof item->tried, "%s", way->c->peer);
    if (way->protocol != l->link->config->protocol)
        why = way->protocol->unsendable(item->text.data, item->text.len);
    if (why) {
        snprintf(wrong, sizeof wrong, "bad-text this connection speaks %s: %s", way->protocol->name, why);
        give_up(o, l, reply ? way : NULL, item, wrong, NULL, now);
        return false;
    }
    if (connection_send(way->c, item->text.data, item->text.len, now)) {
        item->way = way;
        way->item = item;
        way->since = now;
        way->replying = reply;
        expect(l, sending_expiry(o, way));
    } else {
        way->rests_until = now + AGAIN_MS;
        expect(l, way->rests_until);
    }
    return true;
}

static void begin_reply(struct outbox *o, struct outbox_link *l, struct outbox_way *way, int64_t now)
{
    struct outbox_item *item = way->replies.first;
    if (!item || way->taken)
        return;
    way->taken = true;
    if (item->due > now)
        expect(l, item->due);
    else if (!begin(o, l, way, true, item, now))
        l->changed = true; /* the next one */
}

/* ---- waiting ---- */

/* Gives up what has waited for too long, or all that waits. */
static void expire(struct outbox *o, struct outbox_link *l, const char *reason, int64_t now)
{
    struct outbox_item **at = &l->queue.first;
    while (*at && (reason || now >= expiry(o, *at))) {
        struct outbox_item *item = *at;
        if (item->way)
            at = &item->next;
        else
            give_up(o, l, NULL, item,
                    reason                   ? reason
                    : item->reason           ? item->reason
                    : choose(l, item, false) ? "timeout"
                                             : "no-connection",
                    NULL, now);
    }
    if (*at)
        expect(l, expiry(o, *at));
}

static const char *expired(const struct outbox_item *item)
{
    return item->reason ? item->reason : "timeout";
}

/* Gives up what a connection is busy with for too long, where that has not come to anything yet, and the replies that
 * wait for it. */
static void expire_way(struct outbox *o, struct outbox_link *l, struct outbox_way *way, int64_t now)
{
    struct outbox_item *item = way->item;
    int64_t by = item ? sending_expiry(o, way) : 0;
    if (item && now >= by && connection_withdraw(way->c)) {
        way->item = NULL;
        l->changed = true;
        give_up(o, l, way->replying ? way : NULL, item, expired(item), NULL, now);
    } else if (item) {
        expect(l, now < by ? by : now + AGAIN_MS);
    }
    while (!way->item && (item = way->replies.first) && now >= expiry(o, item))
        give_up(o, l, way, item, expired(item), NULL, now);
    if (!way->item && item)
        expect(l, expiry(o, item));
}

/* Begins what can be begun of the queue: on each connection, the first that is for it. */
static void begin_some(struct outbox *o, struct outbox_link *l, size_t n, int64_t now)
{
    bool spreads = o->config->spreads, ambiguous = !spreads && is_ambiguous(l),
         stalled = o->hooks.stalled && o->hooks.stalled(o->hooks.context);
    struct outbox_item **at = &l->queue.first;
    while (*at && (n || ambiguous)) {
        struct outbox_item *item = *at;
        struct outbox_way *way = item->way ? NULL : choose(l, item, spreads);
        if (!item->way && !item->peer.p && ambiguous) {
            give_up(o, l, NULL, item, "ambiguous", NULL, now);
            continue;
        }
        if (way && !way->taken) {
            n--;
            way->taken = true;
            if (item->due > now)
                expect(l, item->due);
            else if (stalled)
                l->held_back = true;
            else if (!begin(o, l, way, false, item, now)) {
                l->changed = true;
                continue;
            }
        }
        at = &item->next;
    }
}

static void pump(struct outbox *o, struct outbox_link *l, int64_t now)
{
    l->changed = l->held_back = false;
    l->due = INT64_MAX;
    l->buried = l->buried || l->link->gone; /* a link that was gone may be there no more */
    if (o->stopping || l->buried)
        expire(o, l, o->stopping ? o->stopping : "link-gone", now);
    for (struct outbox_way *way = l->ways; way; way = way->next)
        expire_way(o, l, way, now);
    size_t n = survey(l, now);
    for (struct outbox_way *way = l->ways; way; way = way->next) {
        n -= !way->taken && way->replies.first;
        begin_reply(o, l, way, now);
    }
    begin_some(o, l, n, now);
    expire(o, l, NULL, now);
}

/* ---- the loop's questions ---- */

static struct outbox *of(struct loop_source *source)
{
    return (struct outbox *)((char *)source - offsetof(struct outbox, source));
}

/* Whether a connection has come to know its protocol. */
static bool has_learned(const struct outbox_link *l)
{
    for (const struct outbox_way *way = l->ways; way; way = way->next)
        if (way->protocol == &protocol_auto && way->c->machine.protocol != way->protocol)
            return true;
    return false;
}

static bool is_due(const struct outbox_link *l, bool stalled)
{
    return l->changed || (l->held_back && !stalled) || (!l->buried && l->link->gone) || has_learned(l);
}

static int64_t deadline(struct loop_source *source)
{
    const struct outbox *o = of(source);
    bool stalled = o->hooks.stalled && o->hooks.stalled(o->hooks.context);
    int64_t due = o->stopping ? o->stop_by : INT64_MAX;
    for (const struct outbox_link *l = o->links; l; l = l->next) {
        if (is_due(l, stalled))
            return 0;
        due = l->due < due ? l->due : due;
    }
    return due;
}

/* Time is up: what is being sent is not waited for any longer. */
static void abandon(struct outbox *o, struct outbox_link *l, int64_t now)
{
    for (struct outbox_way *way = l->ways; way; way = way->next) {
        if (way->item)
            give_up(o, l, way->replying ? way : NULL, way->item, o->stopping, NULL, now);
        way->item = NULL;
    }
}

static void tick(struct loop_source *source, int64_t now)
{
    struct outbox *o = of(source);
    bool stalled = o->hooks.stalled && o->hooks.stalled(o->hooks.context);
    for (struct outbox_link **at = &o->links, *l; (l = *at);) {
        if (is_due(l, stalled) || now >= l->due)
            pump(o, l, now);
        if (o->stopping && now >= o->stop_by)
            abandon(o, l, now);
        if (l->ways || l->queue.first) {
            at = &l->next;
        } else {
            *at = l->next;
            free(l);
        }
    }
    if (o->stopping && now >= o->stop_by)
        o->stop_by = INT64_MAX;
}

/* ---- the hub's hooks ---- */

void outbox_up(struct outbox *o, struct connection *c)
{
    struct outbox_link *l = need_link(o, c->link);
    struct outbox_way *way = l ? calloc(1, sizeof *way) : NULL;
    if (!way) {
        log_line(LOG_ERROR, "%s: %s: memory is exhausted: nothing can be sent on this connection", name_of(c->link),
                 c->peer);
        return;
    }
    way->c = c;
    way->protocol = c->machine.protocol;
    way->next = l->ways;
    l->ways = way;
    l->changed = true;
}

/* Whether its replies wait for the next connection from there, as they do where each message has an answer; else they
 * answered what is over. */
static bool outlives(const struct outbox_way *way)
{
    return way->c->machine.protocol->answers_each;
}

/* A reply whose connection is gone. */
static void strand(struct outbox *o, struct outbox_link *l, struct outbox_way *way)
{
    struct outbox_item *item = way->replies.first;
    bool waits = outlives(way) && !o->stopping;
    if (!waits || l->queue.n >= OUTBOX_QUEUE) {
        give_up(o, l, way, item, o->stopping ? o->stopping : waits ? "queue-full" : "connection-lost", NULL, 0);
        return;
    }
    unlink_item(&way->replies, item);
    item->way = NULL;
    item->passed = item->stranded = true;
    insert(&l->queue, item);
}

void outbox_down(struct outbox *o, struct connection *c)
{
    struct outbox_link *l = find_link(o, c->link);
    struct outbox_way *way = find_way(l, c), **at = l ? &l->ways : NULL;
    if (!way)
        return;
    while (way->replies.first)
        strand(o, l, way);
    if (way->item && !way->replying)
        way->item->way = NULL;
    while (*at != way)
        at = &(*at)->next;
    *at = way->next;
    free(way);
    l->changed = true;
}

static int64_t back_off(uint64_t attempts)
{
    int64_t ms = AGAIN_MS;
    for (uint64_t i = 1; i < attempts && ms < AGAIN_MAX_MS; i++)
        ms *= 2;
    return ms < AGAIN_MAX_MS ? ms : AGAIN_MAX_MS;
}

/* An attempt has failed: it is put off, or was the last one. */
static void put_off(struct outbox *o, struct outbox_link *l, struct outbox_way *replier, struct outbox_item *item,
                    const struct delivery *d, int64_t now)
{
    int64_t wait = back_off(++item->attempts);
    item->reason = d->outcome;
    item->code = d->code;
    item->due = now + wait;
    bool orphaned = replier && !outlives(replier) && !alive(replier);
    if (d->result == DELIVERY_NEVER || o->stopping || l->link->gone || item->attempts >= o->config->attempts ||
        item->due >= expiry(o, item) || orphaned)
        give_up(o, l, replier, item, d->outcome, d, now);
    else
        tell_again(l->link, item, wait);
}

void outbox_done(struct outbox *o, struct connection *c, const struct delivery *d, int64_t now)
{
    struct outbox_link *l = find_link(o, c->link);
    struct outbox_way *way = find_way(l, c), *replier;
    struct outbox_item *item = way ? way->item : NULL;
    if (!item)
        return;
    replier = way->replying ? way : NULL;
    way->item = NULL;
    item->way = NULL;
    if (d->result == DELIVERY_SENT) {
        item->attempts++;
        tell_sent(o, l->link, item, now);
        if (!replier)
            report(o, l->link, item, true, NULL, d, now);
        discard(o, list_of(l, replier), item);
    } else if (d->result != DELIVERY_YIELDED) {
        put_off(o, l, replier, item, d, now);
    }
    if (d->reconnect)
        connection_leave(c);
    pump(o, l, now);
}

/* ---- from outside ---- */

bool outbox_full(const struct outbox *o, const struct link *links)
{
    bool any = false;
    for (const struct link *link = links; link; link = link->next) {
        const struct outbox_link *l = link->gone ? NULL : find_link(o, link);
        const struct outbox_way *way = l ? l->ways : NULL;
        if (link->gone)
            continue;
        while (way && !alive(way))
            way = way->next;
        if (!way || (l->queue.n < OUTBOX_QUEUE && o->held < o->config->max_held))
            return false;
        any = true;
    }
    return any;
}

void outbox_stop(struct outbox *o, const char *why, int64_t stop_by, int64_t now)
{
    if (!o->stopping)
        o->stopping = why;
    o->stop_by = stop_by;
    for (struct outbox_link *l = o->links; l; l = l->next)
        expire(o, l, o->stopping, now);
}

void outbox_open(struct outbox *o, const struct outbox_config *config, const struct outbox_hooks *hooks, size_t *total)
{
    *o = (struct outbox){.config = config, .hooks = *hooks, .total = total};
    o->source = (struct loop_source){.fd = -1, .deadline = deadline, .tick = tick};
}

void outbox_close(struct outbox *o)
{
    while (o->links) {
        struct outbox_link *l = o->links;
        while (l->queue.first)
            discard(o, &l->queue, l->queue.first);
        while (l->ways) {
            struct outbox_way *way = l->ways;
            l->ways = way->next;
            while (way->replies.first)
                discard(o, &way->replies, way->replies.first);
            free(way);
        }
        o->links = l->next;
        free(l);
    }
}
