#include "links.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "link/links.h"
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(struct links *l, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool fail(struct links *l, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(l->wrong, sizeof l->wrong, format, args);
    va_end(args);
    l->status = status;
    return false;
}

/* Whether two descriptors are the same file or socket. */
bool links_same_file(int fd, int other)
{
    struct stat one, two;
    return fd >= 0 && fstat(fd, &one) == 0 && fstat(other, &two) == 0 && one.st_dev == two.st_dev &&
           one.st_ino == two.st_ino;
}

/* What is told goes to people, never to an instrument: a stderr that is the link's own socket is let go of. */
static void spare_instrument(const struct endpoint *e)
{
    int nowhere;
    if (e->kind != ENDPOINT_FD || e->fd == STDERR_FILENO || !links_same_file(e->fd, STDERR_FILENO))
        return;
    nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere < 0 || dup2(nowhere, STDERR_FILENO) < 0)
        close(STDERR_FILENO);
    if (nowhere > STDERR_FILENO)
        close(nowhere);
}

/* ---- entries ---- */

static void free_entry(struct links_entry *e)
{
    link_options_free(&e->options);
    free(e->text);
    free(e);
}

static void append(struct links_entry **list, struct links_entry *e)
{
    while (*list)
        list = &(*list)->next;
    *list = e;
}

/* Names are printed in JSON as they are. */
static bool is_utf8(const char *name)
{
    return utf8_valid((const unsigned char *)name, strlen(name));
}

/* An entry with what the command line says of all links. NULL: links->wrong says why. */
static struct links_entry *create(struct links *l, const char *name, const struct protocol *protocol)
{
    const struct links_common *common = l->common;
    struct links_entry *e = calloc(1, sizeof *e);
    if (!e) {
        fail(l, STATUS_SYSTEM, "memory is exhausted");
        return NULL;
    }
    link_options_init(&e->options, protocol, LINK_RECEIVES, ASTM_HOST);
    struct link_config *c = &e->options.config;
    for (size_t i = 0; i < common->given_n; i++) /* each was taken before; a file may have gone since */
        if (!link_option_take(&e->options, common->given[i].name, common->given[i].value)) {
            fail(l, e->options.status, "--%s: %s", common->given[i].name, e->options.wrong);
            free_entry(e);
            return NULL;
        }
    c->name = name;
    c->astm_view.format = c->hl7_view.format = common->format;
    c->astm_view.positional = c->hl7_view.positional = common->positional;
    c->get = c->hl7_view.get = common->get;
    c->wire = common->format == VIEW_FRAME;
    return e;
}

/* Whether its options go with its endpoint. Which socket fd: is shows when it is opened. */
static bool goes_together(const struct links_entry *e)
{
    return !e->options.config.proxy_protocol || e->endpoint.kind == ENDPOINT_LISTEN || e->endpoint.kind == ENDPOINT_FD;
}

bool links_add(struct links *l, const char *name, const char *endpoint)
{
    const char *why;
    if (!is_utf8(name))
        return fail(l, STATUS_USAGE, "'%s' is no name for a link: it is not UTF-8", name);
    struct links_entry *e = create(l, name, l->common->protocol);
    if (!e)
        return false;
    append(&l->entries, e);
    if (!endpoint_parse(endpoint, true, &e->endpoint, &why))
        return fail(l, STATUS_USAGE, "'%s' is no endpoint: %s", endpoint, why);
    spare_instrument(&e->endpoint);
    return goes_together(e) || fail(l, STATUS_USAGE, "--proxy-protocol: '%s' does not listen", endpoint);
}

/* ---- the file ---- */

/* Whether an option is for links of that protocol. */
static bool suits(const char *option, const struct protocol *protocol)
{
    return (protocol != &protocol_hl7 && link_option_for(option, LINK_ASTM)) ||
           (protocol != &protocol_astm && link_option_for(option, LINK_HL7));
}

static bool add_text(struct links_entry *e, const char *text)
{
    size_t n = strlen(text) + 1;
    char *longer = realloc(e->text, e->text_n + n);
    if (!longer)
        return false;
    memcpy(longer + e->text_n, text, n);
    e->text = longer;
    e->text_n += n;
    return true;
}

/* Keeps all that the line says: the entry's strings lie in it, and by it a link is known again. */
static bool keep_text(struct links_entry *e, const struct links_line *line)
{
    bool fine = add_text(e, line->name) && add_text(e, line->endpoint) && add_text(e, line->protocol);
    for (size_t i = 0; i < line->options_n && fine; i++)
        fine = add_text(e, line->options[i].name) &&
               add_text(e, line->options[i].value ? line->options[i].value : "\1"); /* none is not an empty one */
    return fine;
}

static bool take_options(struct links *l, struct links_entry *e, const struct links_line *line, const char *place)
{
    const struct protocol *protocol = e->options.config.protocol;
    for (size_t i = 0; i < line->options_n; i++) {
        const char *name = line->options[i].name;
        if (link_option_for(name, LINK_ASTM | LINK_HL7) && !suits(name, protocol))
            return fail(l, STATUS_LINKS_FILE, "%s: %s: it is not for %s", place, name, protocol->name);
        if (!link_option_take(&e->options, name, line->options[i].value))
            return fail(l, STATUS_LINKS_FILE, "%s: %s: %s", place, name, e->options.wrong);
    }
    return true;
}

static bool is_used(const struct links_entry *list, const char *name)
{
    for (; list; list = list->next)
        if (strcmp(list->options.config.name, name) == 0)
            return true;
    return false;
}

static bool fill(struct links *l, struct links_entry *e, const struct links_line *line, const char *place)
{
    const char *why;
    if (!keep_text(e, line))
        return fail(l, STATUS_SYSTEM, "memory is exhausted");
    const char *endpoint = e->text + strlen(e->text) + 1;
    e->of_file = true;
    e->options.config.name = e->text;
    if (!endpoint_parse(endpoint, true, &e->endpoint, &why))
        return fail(l, STATUS_LINKS_FILE, "%s: '%s' is no endpoint: %s", place, endpoint, why);
    spare_instrument(&e->endpoint);
    if (!take_options(l, e, line, place))
        return false;
    return goes_together(e) || fail(l, STATUS_LINKS_FILE, "%s: proxy-protocol: '%s' does not listen", place, endpoint);
}

/* Takes a line of the file into the list. */
static bool take_line(struct links *l, struct links_entry **list, const char *text, size_t n, size_t number)
{
    struct links_line line;
    const char *why;
    char place[300];
    snprintf(place, sizeof place, "%.250s:%zu", l->file, number);
    enum links_result result = links_parse(&line, text, n, &why);
    if (result == LINKS_EMPTY)
        return true;
    if (result == LINKS_WRONG)
        return fail(l, STATUS_LINKS_FILE, "%s: %s", place, why);
    const struct protocol *protocol = link_protocol(line.protocol);
    if (!protocol)
        return fail(l, STATUS_LINKS_FILE, "%s: the protocol '%s' is none of astm, hl7, auto", place, line.protocol);
    if (!is_utf8(line.name))
        return fail(l, STATUS_LINKS_FILE, "%s: the name is not UTF-8", place);
    bool of_command = false;
    for (const struct links_entry *e = l->entries; e; e = e->next)
        of_command |= !e->of_file && strcmp(e->options.config.name, line.name) == 0;
    if (of_command || is_used(*list, line.name))
        return fail(l, STATUS_LINKS_FILE, "%s: there is another link of the name '%s'", place, line.name);
    struct links_entry *e = create(l, NULL, protocol);
    if (!e)
        return false;
    e->line = number;
    if (fill(l, e, &line, place)) {
        append(list, e);
        return true;
    }
    free_entry(e);
    return false;
}

static bool take_lines(struct links *l, struct links_entry **list, const struct bytes *text)
{
    static const unsigned char mark[] = {0xEF, 0xBB, 0xBF}; /* of UTF-8, as some editors put it first */
    size_t number = 1, at = text->len >= sizeof mark && memcmp(text->data, mark, sizeof mark) == 0 ? sizeof mark : 0;
    for (; at < text->len; number++) {
        const unsigned char *p = text->data + at, *end = memchr(p, '\n', text->len - at);
        size_t n = end ? (size_t)(end - p) : text->len - at;
        if (!take_line(l, list, (const char *)p, n, number))
            return false;
        at += n + 1;
    }
    return true;
}

static void free_list(struct links_entry *list)
{
    while (list) {
        struct links_entry *e = list;
        list = e->next;
        free_entry(e);
    }
}

/* Reads the whole file. Who runs already waits for nobody: it has to be a regular file then. At the beginning it may be
 * whatever ends; a FIFO without a writer is one of which nothing would ever come. */
static bool read_file(struct links *l, bool running, struct bytes *text)
{
    struct stat status = {0};
    int fd = open(l->file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return fail(l, errno == EACCES ? STATUS_NOT_PERMITTED : STATUS_NO_INPUT, "%s: %s", l->file, strerror(errno));
    bool known = fstat(fd, &status) == 0, fine;
    if (running && !(known && S_ISREG(status.st_mode)))
        fine = fail(l, STATUS_NO_INPUT, "%s: it is no regular file", l->file);
    else if (!slurp(fd, text))
        fine = fail(l, STATUS_IO, "%s: %s", l->file, strerror(errno));
    else if (S_ISFIFO(status.st_mode) && !text->len)
        fine = fail(l, STATUS_NO_INPUT, "%s: nobody writes to this pipe", l->file);
    else
        fine = true;
    close(fd);
    return fine;
}

static const struct links_entry *find(const struct links_entry *list, const char *name, bool of_file)
{
    while (list && (list->of_file != of_file || strcmp(list->options.config.name, name) != 0))
        list = list->next;
    return list;
}

/* Whether orders go to a link that there is and that takes them. */
static bool has_orders(struct links *l, const struct links_entry *list, const struct links_entry *e)
{
    char place[300] = "--orders";
    const char *name = e->options.config.orders;
    if (!name || e->options.config.protocol == &protocol_astm)
        return true;
    const struct links_entry *to = find(l->entries, name, false);
    to = to ? to : find(list, name, true);
    if (to && to->options.config.protocol != &protocol_astm)
        return true;
    if (e->of_file)
        snprintf(place, sizeof place, "%.250s:%zu: orders", l->file, e->line);
    return fail(l, e->of_file ? STATUS_LINKS_FILE : STATUS_USAGE, "%s: '%s' is %s", place, name,
                to ? "a link for ASTM" : "no link");
}

/* Whether that holds for those of the list, which are of the file, and those of the command line. */
static bool have_orders(struct links *l, const struct links_entry *list)
{
    for (const struct links_entry *e = list; e; e = e->next)
        if (!has_orders(l, list, e))
            return false;
    for (const struct links_entry *e = l->entries; e; e = e->next)
        if (!e->of_file && !has_orders(l, list, e))
            return false;
    return true;
}

/* The links of the file, all or none. */
static bool read_list(struct links *l, bool running, struct links_entry **list)
{
    struct bytes text = {0};
    *list = NULL;
    bool fine = read_file(l, running, &text) && take_lines(l, list, &text) && have_orders(l, *list);
    bytes_free(&text);
    if (!fine) {
        free_list(*list);
        *list = NULL;
    }
    return fine;
}

bool links_read(struct links *l)
{
    struct links_entry *list;
    if (!read_list(l, false, &list))
        return false;
    append(&l->entries, list);
    return true;
}

/* ---- open ---- */

struct link *link_open(struct hub *hub, const struct link_config *config, const struct endpoint *endpoint,
                       struct hub_failure *failure)
{
    *failure = (struct hub_failure){HUB_USAGE, ""};
    spare_instrument(endpoint);
    if (handover_prints(hub->handover) && links_same_file(endpoint->fd, STDOUT_FILENO)) {
        snprintf(failure->why, sizeof failure->why, "%s is the link and stdout at once: records and answers would mix",
                 endpoint->text);
        return NULL;
    }
    if (endpoint->fd == STDERR_FILENO) {
        snprintf(failure->why, sizeof failure->why, "%s is where errors are told", endpoint->text);
        return NULL;
    }
    struct link *link = hub_link(hub, config);
    if (!link)
        *failure = (struct hub_failure){HUB_SYSTEM, "memory is exhausted"};
    else if (!hub_add(hub, endpoint, link, failure))
        hub_retire(hub, link, clock_ms());
    return link && !link->gone ? link : NULL;
}

int link_status(const struct hub_failure *failure)
{
    static const int statuses[] = {
        [HUB_USAGE] = STATUS_USAGE,
        [HUB_UNREACHABLE] = STATUS_UNREACHABLE,
        [HUB_NO_SUCH_ADDRESS] = STATUS_UNREACHABLE,
        [HUB_NOT_PERMITTED] = STATUS_NOT_PERMITTED,
        [HUB_SYSTEM] = STATUS_SYSTEM,
    };
    return statuses[failure->error];
}

static bool open_entry(struct links *l, struct hub *hub, struct links_entry *e)
{
    struct hub_failure failure;
    e->link = link_open(hub, &e->options.config, &e->endpoint, &failure);
    if (e->link)
        return true;
    if (!e->of_file)
        return fail(l, link_status(&failure), "%s", failure.why);
    return fail(l, link_status(&failure), "%.250s:%zu: %s: %s", l->file, e->line, e->options.config.name, failure.why);
}

bool links_open(struct links *l, struct hub *hub)
{
    if (!l->file && !have_orders(l, NULL))
        return false;
    for (struct links_entry *e = l->entries; e; e = e->next)
        if (!e->link && !open_entry(l, hub, e))
            return false;
    return true;
}

/* ---- read again ---- */

/* The entry of an open link that is as this one says. One that was given up is none: it is tried anew. */
static struct links_entry *same(const struct hub *hub, struct links_entry *list, const struct links_entry *e)
{
    for (; list; list = list->next)
        if (list->of_file && !list->kept && list->text_n == e->text_n && memcmp(list->text, e->text, e->text_n) == 0 &&
            list->link && !list->link->gone && !hub_is_dead(hub, list->link))
            return list;
    return NULL;
}

/* Of the new list, leaves those that are not there yet; marks those that are. */
static size_t keep_same(struct links *l, const struct hub *hub, struct links_entry **list)
{
    size_t kept = 0;
    for (struct links_entry *e = l->entries; e; e = e->next)
        e->kept = !e->of_file;
    while (*list) {
        struct links_entry *e = *list, *old = same(hub, l->entries, e);
        if (!old) {
            list = &e->next;
            continue;
        }
        old->kept = true;
        kept++;
        *list = e->next;
        free_entry(e);
    }
    return kept;
}

void links_reload(struct links *l, struct hub *hub, int64_t now)
{
    struct links_entry *list;
    size_t kept, opened = 0, ended = 0;
    if (!read_list(l, true, &list)) {
        log_line(LOG_ERROR, "%s; the links stay as they are", l->wrong);
        return;
    }
    kept = keep_same(l, hub, &list);
    for (struct links_entry *e = l->entries; e; e = e->next)
        if (!e->kept && e->link && !e->link->gone) {
            hub_retire(hub, e->link, now);
            ended++;
        }
    append(&l->entries, list);
    for (struct links_entry *e = list; e; e = e->next) {
        if (open_entry(l, hub, e))
            opened++;
        else /* it is tried again when the file is read again */
            log_line(LOG_ERROR, "%s", l->wrong);
    }
    log_line(LOG_EVENT, "%s read again: %zu links kept, %zu ended, %zu new", l->file, kept, ended, opened);
}

void links_forget(struct links *l, const struct link_config *config)
{
    struct links_entry **at = &l->entries;
    while (*at && &(*at)->options.config != config)
        at = &(*at)->next;
    struct links_entry *e = *at;
    if (!e)
        return;
    *at = e->next;
    free_entry(e);
}

void links_free(struct links *l)
{
    free_list(l->entries);
    l->entries = NULL;
}
