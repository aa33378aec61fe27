#include "link/metrics.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Prometheus ---- */

static bool is_plain(unsigned char c)
{
    return c != '\\' && c != '"' && c != '\n';
}

static bool put_label(struct bytes *out, const char *value)
{
    bool fine = true;
    for (; *value && fine; value++)
        fine = is_plain((unsigned char)*value) ? bytes_append(out, value, 1)
                                               : bytes_puts(out, *value == '\n'  ? "\\n"
                                                                 : *value == '"' ? "\\\""
                                                                                 : "\\\\");
    return fine;
}

static bool put_head(struct bytes *out, const char *name, const char *type, const char *help)
{
    return bytes_printf(out, "# HELP instlink_%s %s\n# TYPE instlink_%s %s\n", name, help, name, type);
}

static bool put_value(struct bytes *out, const char *name, const char *link, const char *reason, uint64_t value)
{
    return bytes_printf(out, "instlink_%s{link=\"", name) && put_label(out, link) && bytes_puts(out, "\"") &&
           (!reason || bytes_printf(out, ",reason=\"%s\"", reason)) && bytes_printf(out, "} %" PRIu64 "\n", value);
}

static uint64_t connections_now(const struct link *l)
{
    return l->connections - l->draining;
}

#define COUNTER(name, expression)                                                                                      \
    static uint64_t name(const struct link *l)                                                                         \
    {                                                                                                                  \
        return expression;                                                                                             \
    }

COUNTER(connections, l->counters.connections)
COUNTER(connections_refused, l->counters.refused_connections)
COUNTER(messages, l->counters.messages)
COUNTER(records, l->counters.records)
COUNTER(dropped, l->counters.dropped)
COUNTER(bytes_received, l->counters.bytes_received)
COUNTER(bytes_sent, l->counters.bytes_sent)
COUNTER(checksum_errors, link_checksum_errors(&l->counters))
COUNTER(retransmissions, link_retransmissions(&l->counters))
COUNTER(timeouts, link_timeouts(&l->counters))
COUNTER(delivered, l->counters.delivered)
COUNTER(undelivered, l->counters.undelivered)

static const struct {
    const char *name, *type, *help;
    uint64_t (*value)(const struct link *link);
} metrics[] = {
    {"connections", "gauge", "Connections that are open.", connections_now},
    {"connections_total", "counter", "Connections accepted or made.", connections},
    {"connections_refused_total", "counter", "Connections refused.", connections_refused},
    {"messages_total", "counter", "Messages handed over.", messages},
    {"records_total", "counter", "Records or segments of messages handed over.", records},
    {"messages_dropped_total", "counter", "Messages that nobody sends again, and that were lost.", dropped},
    {"received_bytes_total", "counter", "Bytes received.", bytes_received},
    {"sent_bytes_total", "counter", "Bytes sent.", bytes_sent},
    {"checksum_errors_total", "counter", "Frames refused for their checksum.", checksum_errors},
    {"retransmissions_total", "counter", "Frames and messages that came again.", retransmissions},
    {"timeouts_total", "counter", "Waits that ended without what was waited for.", timeouts},
    {"delivered_total", "counter", "Messages of ours that were accepted.", delivered},
    {"undelivered_total", "counter", "Attempts to send a message that failed.", undelivered},
};

/* Links in the order of their names: those that share one are counted together, for a series may be there only once. */
struct group {
    const struct link **links; /* the first of a name, and those of the same name behind it */
    size_t n;
};

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct link *const *)a)->config->name, (*(const struct link *const *)b)->config->name);
}

/* The group behind that one; of the links up to `end`. */
static bool next_group(struct group *g, const struct link **end)
{
    g->links += g->n;
    g->n = 0;
    while (g->links + g->n < end && by_name(g->links, g->links + g->n) == 0)
        g->n++;
    return g->n;
}

static const char *group_name(const struct group *g)
{
    return g->links[0]->config->name;
}

static bool put_metric(struct bytes *out, size_t index, const struct link **links, const struct link **end)
{
    bool fine = put_head(out, metrics[index].name, metrics[index].type, metrics[index].help);
    for (struct group g = {links, 0}; fine && next_group(&g, end);) {
        uint64_t sum = 0;
        for (size_t i = 0; i < g.n; i++)
            sum += metrics[index].value(g.links[i]);
        fine = put_value(out, metrics[index].name, group_name(&g), NULL, sum);
    }
    return fine;
}

static bool put_refusals(struct bytes *out, const struct link **links, const struct link **end)
{
    struct link_refusal refusal;
    bool fine = put_head(out, "refusals_total", "counter", "Frames and messages refused or dropped, by reason.");
    for (struct group g = {links, 0}; fine && next_group(&g, end);)
        for (size_t reason = 0; fine && link_refusal(&g.links[0]->counters, reason, &refusal); reason++) {
            uint64_t sum = 0;
            for (size_t i = 0; i < g.n && link_refusal(&g.links[i]->counters, reason, &refusal); i++)
                sum += refusal.count;
            fine = put_value(out, "refusals_total", group_name(&g), refusal.reason, sum);
        }
    return fine;
}

static bool put_last_message(struct bytes *out, const struct link **links, const struct link **end)
{
    static const char name[] = "last_message_timestamp_seconds";
    bool fine = put_head(out, name, "gauge", "When the last message was handed over.");
    for (struct group g = {links, 0}; fine && next_group(&g, end);) {
        int64_t last = 0;
        for (size_t i = 0; i < g.n; i++)
            if (g.links[i]->counters.last_message_us > last)
                last = g.links[i]->counters.last_message_us;
        if (last)
            fine = bytes_printf(out, "instlink_%s{link=\"", name) && put_label(out, group_name(&g)) &&
                   bytes_printf(out, "\"} %" PRId64 ".%06d\n", last / 1000000, (int)(last % 1000000));
    }
    return fine;
}

bool metrics_text(const struct link *links, struct bytes *out)
{
    size_t n = 0, at = 0;
    for (const struct link *l = links; l; l = l->next)
        n++;
    const struct link **sorted = malloc((n + !n) * sizeof(*sorted));
    if (!sorted)
        return false;
    for (const struct link *l = links; l; l = l->next)
        sorted[at++] = l;
    qsort(sorted, n, sizeof(*sorted), by_name);
    const struct link **end = sorted + n;
    bool fine = true;
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
        fine = fine && put_metric(out, i, sorted, end);
    fine = fine && put_refusals(out, sorted, end) && put_last_message(out, sorted, end);
    free(sorted);
    return fine;
}

/* ---- the file ---- */

static bool write_all(int fd, const struct bytes *text)
{
    for (size_t at = 0; at < text->len;) {
        ssize_t n = write(fd, text->data + at, text->len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

/* Whether somebody holds a lock on the file, as journals are held; an empty one too may be such. */
static bool is_locked(const char *file)
{
    int fd = open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    bool locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (fd >= 0)
        close(fd);
    return locked;
}

/* Makes the file that is renamed: a new one, and nothing that somebody else has put there. What a process of ours has
 * left is removed. -1: *why says why not. */
static int make(const char *file, const char **why)
{
    struct stat status;
    if (lstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() && !is_locked(file))
        unlink(file);
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        *why =
            errno == EEXIST || errno == ELOOP ? "what is called so with .new behind it is not ours" : strerror(errno);
    return fd;
}

/* Nothing else is put in the place of a file: no device, and no link that leads elsewhere. */
static bool is_in_the_way(const char *file)
{
    struct stat status;
    return lstat(file, &status) == 0 && !S_ISREG(status.st_mode);
}

static const char *replace(const char *file, const struct bytes *text)
{
    struct bytes beside = {0};
    const char *why = NULL;
    int fd;
    if (is_in_the_way(file))
        return "it is no regular file";
    if (is_locked(file))
        return "it is a journal, or locked by others";
    if (!bytes_puts(&beside, file) || !bytes_append(&beside, ".new", 5)) {
        bytes_free(&beside);
        return "memory is exhausted";
    }
    fd = make((const char *)beside.data, &why);
    if (fd >= 0) {
        bool fine = write_all(fd, text);
        if (close(fd) != 0 || !fine || rename((const char *)beside.data, file) != 0)
            why = strerror(errno);
        if (why)
            unlink((const char *)beside.data);
    }
    bytes_free(&beside);
    return why;
}

const char *metrics_write(const struct link *links, const char *file, struct bytes *last)
{
    struct bytes text = {0};
    const char *why = metrics_text(links, &text) ? NULL : "memory is exhausted";
    bool same = !why && text.len == last->len && text.len && memcmp(text.data, last->data, text.len) == 0;
    if (!why && !same)
        why = replace(file, &text);
    bytes_free(why ? &text : last);
    if (!why)
        *last = text;
    return why;
}

/* ---- for people ---- */

void metrics_print(const struct link *links)
{
    struct link_refusal refusal;
    for (const struct link *l = links; l; l = l->next) {
        const struct link_counters *c = &l->counters;
        uint64_t refusals = 0;
        for (size_t i = 0; link_refusal(c, i, &refusal); i++)
            refusals += refusal.count;
        const struct log_event event = {"counters", l->config->name, NULL, NULL, {{0}}};
        log_event(LOG_ERROR, &event,
                  "connections %zu of %" PRIu64 ", messages %" PRIu64 ", records %" PRIu64 ", bytes %" PRIu64
                  " received %" PRIu64 " sent, refusals %" PRIu64 ", dropped %" PRIu64 ", checksum errors %" PRIu64
                  ", retransmissions %" PRIu64 ", timeouts %" PRIu64,
                  l->connections - l->draining, c->connections, c->messages, c->records, c->bytes_received,
                  c->bytes_sent, refusals, c->dropped, link_checksum_errors(c), link_retransmissions(c),
                  link_timeouts(c));
    }
}
