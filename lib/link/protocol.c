#include "link/protocol.h"

#include "base/restricted.h"
#include "link/detect.h"

#include <stdio.h>

enum { FOREIGN_MS = 1000 }; /* a message that comes so soon after another protocol's sign tells that it was none */

struct link_config link_defaults(const struct protocol *protocol, enum astm_role role)
{
    return (struct link_config){
        .protocol = protocol,
        .astm = astm_link_defaults(role),
        .hl7 = hl7_link_defaults(),
        .connect_ms = 10000,
        .retry_min_ms = 5000,
        .retry_max_ms = 600000,
        .retry_factor = 1.5,
        .max_retries = UINT64_MAX,
    };
}

void machine_init(struct machine *m, const struct link_config *config, const struct machine_owner *owner, uint64_t seed)
{
    m->protocol = config->protocol;
    m->config = config;
    m->owner = *owner;
    m->seed = seed;
    m->signs = (struct machine_signs){.due = INT64_MAX, .looking = true};
    m->protocol->init(m);
}

/* ---- detection ---- */

static void tell(struct machine *m, enum log_level level, const char *name, const char *text)
{
    const struct machine_notice notice = {&protocol_auto, 0, level, name, text};
    m->owner.observer->notice(m->owner.context, &notice);
}

static bool detects(const struct machine *m)
{
    return m->config->protocol == &protocol_auto;
}

static const struct protocol *protocol_of(enum detect found)
{
    return found == DETECT_HL7 ? &protocol_hl7 : &protocol_astm;
}

static void tell_foreign(struct machine *m)
{
    char text[120];
    const struct protocol *foreign = m->signs.foreign;
    if (!foreign)
        return;
    bool hl7 = foreign == &protocol_hl7;
    m->signs.foreign = NULL;
    m->signs.due = INT64_MAX;
    snprintf(text, sizeof text, "the other side speaks %s (%s), this link is for %s", hl7 ? "HL7" : "ASTM",
             m->signs.sign, hl7 ? "ASTM" : "HL7");
    tell(m, LOG_ERROR, "wrong-protocol", text);
}

/* The link's own protocol is spoken, as a message shows: what looked like another was noise. */
static void settle(struct machine *m)
{
    m->signs.looking = detects(m);
    m->signs.foreign = NULL;
    m->signs.due = INT64_MAX;
}

static size_t at_most(size_t n, size_t most)
{
    return n < most ? n : most;
}

/* On a link that does not detect: what a protocol begins with among these bytes and those before them that were
 * undecided. *at: where among these, 0 for those before; or their number. */
static enum detect find(struct machine *m, const unsigned char *bytes, size_t n, size_t *at)
{
    struct machine_signs *s = &m->signs;
    unsigned char joined[2 * DETECT_UNDECIDED + 1];
    size_t before = s->tail_len, len = before + at_most(n, DETECT_UNDECIDED + 1), undecided = 0;
    if (before) {
        memcpy(joined, s->tail, before);
        memcpy(joined + before, bytes, len - before);
        enum detect found = detect_protocol(joined, len, true, &undecided, &s->sign);
        s->tail_len = 0;
        if (found && undecided > len - before && protocol_of(found) != m->protocol) {
            *at = 0;
            return found;
        }
        if (!found && undecided > n) {
            s->tail_len = undecided;
            memcpy(s->tail, joined + len - undecided, undecided);
            *at = n;
            return DETECT_MORE;
        }
    }
    enum detect found = detect_protocol(bytes, n, !s->midline, &undecided, &s->sign);
    *at = found ? n - undecided : n;
    if (!found) {
        s->tail_len = undecided;
        memcpy(s->tail, bytes + n - undecided, undecided);
    }
    return found;
}

static size_t look_for_foreign(struct machine *m, const unsigned char *bytes, size_t n, int64_t now)
{
    struct machine_signs *s = &m->signs;
    size_t at;
    if (!m->protocol->resting(m)) {
        s->tail_len = 0;
        return n;
    }
    if (s->clear)
        return at_most(n, s->clear);
    enum detect found = find(m, bytes, n, &at);
    if (found && !at && protocol_of(found) != m->protocol) {
        s->looking = false;
        s->foreign = protocol_of(found);
        s->due = now + FOREIGN_MS;
        return n;
    }
    s->clear = found && !at ? 1 : at;
    return s->clear;
}

/* Where a protocol begins the machine gets one byte: if that is the beginning of something for it, it rests no longer;
 * else there may be another sign right behind it. */
size_t machine_look(struct machine *m, const unsigned char *bytes, size_t n, int64_t now)
{
    struct machine_signs *s = &m->signs;
    size_t undecided = 0;
    s->rested = false;
    if (!detects(m))
        return s->looking && n ? look_for_foreign(m, bytes, n, now) : n;
    if (!m->protocol->resting(m))
        return n;
    if (s->clear || s->other)
        return at_most(n, s->clear);
    enum detect found = detect_protocol(bytes, n, !s->midline, &undecided, &s->sign);
    if (found && undecided == n && protocol_of(found) != m->protocol)
        s->other = protocol_of(found);
    else
        s->clear = found && undecided == n ? 1 : n - undecided;
    return s->clear;
}

bool machine_changes(const struct machine *m)
{
    return m->signs.other != NULL;
}

void machine_change(struct machine *m)
{
    char text[80];
    const struct protocol *protocol = m->signs.other;
    snprintf(text, sizeof text, "this is %s: %s", protocol == &protocol_hl7 ? "HL7" : "ASTM", m->signs.sign);
    m->protocol->free(m);
    m->protocol = protocol;
    m->signs.other = NULL;
    protocol->init(m);
    tell(m, LOG_EVENT, "protocol", text);
}

/* ---- what detection has to know of ---- */

size_t machine_push(struct machine *m, const unsigned char *bytes, size_t n, int64_t now)
{
    struct machine_signs *s = &m->signs;
    s->rested = false;
    if (!s->looking)
        return m->protocol->push(m, bytes, n, now);
    bool resting = m->protocol->resting(m);
    size_t taken = m->protocol->push(m, bytes, n, now);
    s->rested = !resting && m->protocol->resting(m);
    s->clear -= at_most(taken, s->clear);
    s->midline = !detect_line(bytes, taken, !s->midline);
    return taken;
}

bool machine_next(struct machine *m, struct machine_event *event)
{
    if (!m->protocol->next(m, event))
        return false;
    if (event->kind == MACHINE_MESSAGE ? event->message.complete : event->delivery.result == DELIVERY_SENT)
        settle(m);
    return true;
}

int64_t machine_deadline(const struct machine *m)
{
    int64_t due = m->protocol->deadline(m);
    return due < m->signs.due ? due : m->signs.due;
}

void machine_tick(struct machine *m, int64_t now)
{
    if (now >= m->signs.due)
        tell_foreign(m);
    if (now >= m->protocol->deadline(m))
        m->protocol->tick(m, now);
}

void machine_eof(struct machine *m, int64_t now)
{
    m->protocol->eof(m, now);
    tell_foreign(m);
}

const char *protocol_restricted(const unsigned char *text, size_t n)
{
    size_t at = restricted_find(text, n);
    return at < n ? restricted_says(text[at]) : NULL;
}

void views_free(struct views *v)
{
    astm_view_free(&v->astm);
    astm_get_free(&v->get);
    hl7_view_free(&v->hl7);
}
