#include "link/input.h"

#include "base/charset.h"
#include "base/json_reader.h"
#include "out/json.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    STALLED = 256 << 10, /* bytes that wait on stdout, past which nothing is read and nothing begun */
    TEXT_MAX = 1000,     /* bytes of MSA-3 in a report */
};

/* ---- reports ---- */

static bool put_slice(struct bytes *out, const char *name, const unsigned char *p, size_t n)
{
    return !p || (json_key(out, name) && json_string(out, p, n));
}

static bool put_number(struct bytes *out, const char *name, uint64_t number)
{
    return !number || (json_key(out, name) && json_number(out, number));
}

/* MSA-3 as UTF-8, or not much of it. */
static bool put_text(struct bytes *out, const unsigned char *p, size_t n)
{
    struct charset latin1 = {.kind = CHARSET_LATIN1};
    struct bytes text = {0};
    bool fine = true;
    size_t run = n > TEXT_MAX ? utf8_run(p, TEXT_MAX) : n;
    if (n > TEXT_MAX)
        n = TEXT_MAX - run < 4 ? run : TEXT_MAX; /* no character is cut */
    if (!n)
        return true;
    if (utf8_valid(p, n))
        return put_slice(out, "text", p, n);
    fine = charset_to_utf8(&latin1, p, n, &text) != CHARSET_NOMEM && put_slice(out, "text", text.data, text.len);
    bytes_free(&text);
    return fine;
}

static bool begin_line(struct bytes *out, struct outbox_slice id, const char *link, struct outbox_slice peer)
{
    out->len = 0;
    return bytes_puts(out, "{\"type\":\"delivery\"") && put_slice(out, "id", id.p, id.n) &&
           json_member(out, "link", link) && put_slice(out, "peer", peer.p, peer.n);
}

/* What is left out for want of memory, or after stdout's end, has been told on stderr. */
static void end_line(struct input *in, bool fine)
{
    if (fine && bytes_puts(&in->line, "}\n"))
        target_stdout_put(&in->hub->handover->out, in->line.data, in->line.len);
    if (in->line.cap > sizeof in->buffer)
        bytes_free(&in->line);
}

static bool put_delivery(struct bytes *out, const struct delivery *d, bool sent)
{
    return !d || (put_text(out, d->text, d->len) &&
                  (sent || !d->frames ||
                   (json_key(out, "frame") && json_number(out, d->frame) && put_number(out, "frames", d->frames))));
}

void input_report(void *context, const struct outbox_report *r)
{
    struct input *in = context;
    struct bytes *out = &in->line;
    end_line(in, begin_line(out, r->id, r->link->config->name, r->peer) &&
                     json_member(out, "status", r->sent ? "sent" : "failed") && json_member(out, "reason", r->reason) &&
                     json_member(out, "code", r->code && *r->code ? r->code : NULL) &&
                     put_delivery(out, r->delivery, r->sent) && put_number(out, "attempts", r->attempts) &&
                     json_key(out, "milliseconds") && json_number(out, (uint64_t)r->ms));
}

bool input_stalled(void *context)
{
    const struct input *in = context;
    return target_stdout_waiting(&in->hub->handover->out) > STALLED;
}

/* ---- lines ---- */

static struct outbox_slice slice(const struct json_wanted *w)
{
    return (struct outbox_slice){w->text.p, w->text.n};
}

/* A line that is no message for any link. */
static void refuse(struct input *in, uint64_t number, const struct json_wanted *id, const struct json_wanted *link,
                   const char *reason)
{
    struct bytes *out = &in->line;
    struct outbox_slice none = {NULL, 0};
    log_line(LOG_ERROR, "stdin: line %llu: %s", (unsigned long long)number, reason);
    end_line(in, begin_line(out, id ? slice(id) : none, NULL, none) &&
                     (!link || put_slice(out, "link", link->text.p, link->text.n)) &&
                     json_member(out, "status", "failed") && json_member(out, "reason", reason) &&
                     put_number(out, "line", number));
}

static bool is_name(const struct link *link, const struct json_wanted *name)
{
    const char *text = link->config->name;
    return !name->text.p || (name->text.n == strlen(text) && memcmp(text, name->text.p, name->text.n) == 0);
}

/* The link of that name, or the only one. NULL: *why says why there is none. */
static struct link *find(const struct input *in, const struct json_wanted *name, const char **why)
{
    struct link *found = NULL;
    for (struct link *link = in->hub->links; link; link = link->next) {
        if (link->gone || !is_name(link, name))
            continue;
        if (found) {
            *why = name->text.p ? "unknown-link there are several of that name"
                                : "unknown-link there are several, and the line names none";
            return NULL;
        }
        found = link;
    }
    *why = "unknown-link there is none of that name";
    return found;
}

static bool is_blank(const struct line *line)
{
    size_t i = 0;
    while (i < line->n && (line->text[i] == ' ' || line->text[i] == '\t' || line->text[i] == '\r'))
        i++;
    return i == line->n;
}

static void take_object(struct input *in, const struct line *line, int64_t now)
{
    enum { LINK, ID, PEER, TEXT, WANTED };
    struct json_wanted wanted[WANTED] = {[LINK] = {.key = "link"},
                                         [ID] = {.key = "id"},
                                         [PEER] = {.key = "peer"},
                                         [TEXT] = {.key = "text", .required = true}};
    struct json_reader r;
    char reason[sizeof "bad-line " + JSON_COMPLAINT] = "bad-line ";
    const char *why;
    json_reader_init(&r, line->text, line->n);
    if (!json_reader_members(&r, wanted, WANTED)) {
        json_reader_complaint(&r, reason + strlen(reason));
        refuse(in, line->number, NULL, NULL, reason);
        return;
    }
    struct link *link = find(in, &wanted[LINK], &why);
    if (!link) {
        refuse(in, line->number, &wanted[ID], &wanted[LINK], why);
        return;
    }
    const struct outbox_message message = {slice(&wanted[ID]), slice(&wanted[PEER]), slice(&wanted[TEXT])};
    outbox_add(in->outbox, link, &message, now);
}

static void take_line(struct input *in, const struct line *line, int64_t now)
{
    if (line->state == LINE_TOO_LONG)
        refuse(in, line->number, NULL, NULL, "bad-line it is too long");
    else if (line->state == LINE_NO_MEMORY)
        refuse(in, line->number, NULL, NULL, "no-memory");
    else if (!is_blank(line))
        take_object(in, line, now);
}

/* Whether what comes next is better left where it is: reports are not read, or every queue is full and moves. */
static bool rests(const struct input *in)
{
    return input_stalled((struct input *)(uintptr_t)in) || outbox_full(in->outbox, in->hub->links);
}

static void account(struct input *in)
{
    in->hub->held += in->lines.held.cap - in->held;
    in->held = in->lines.held.cap;
}

/* Looks at what has been read. all: whether or not there is room. */
static void look(struct input *in, bool all, int64_t now)
{
    struct line line;
    while (in->at < in->n && (all || !rests(in))) {
        in->at += lines_push(&in->lines, in->buffer + in->at, in->n - in->at);
        if (lines_next(&in->lines, &line))
            take_line(in, &line, now);
    }
    account(in);
}

/* ---- the loop's questions ---- */

static struct input *of(struct loop_source *source)
{
    return (struct input *)((char *)source - offsetof(struct input, source));
}

static short interest(struct loop_source *source)
{
    const struct input *in = of(source);
    return in->over || in->at < in->n || rests(in) ? LOOP_IGNORE : POLLIN;
}

static int64_t deadline(struct loop_source *source)
{
    const struct input *in = of(source);
    return in->at < in->n && !in->hub->stopping && !rests(in) ? 0 : INT64_MAX;
}

static void tick(struct loop_source *source, int64_t now)
{
    look(of(source), false, now);
}

static void end(struct input *in, int64_t now)
{
    struct line line;
    in->over = true;
    lines_eof(&in->lines);
    if (lines_next(&in->lines, &line))
        take_line(in, &line, now);
    lines_free(&in->lines);
    account(in);
}

static void ready(struct loop_source *source, short revents, int64_t now)
{
    struct input *in = of(source);
    (void)revents;
    ssize_t n = in->socket ? recv(source->fd, in->buffer, sizeof in->buffer, MSG_DONTWAIT)
                           : read(source->fd, in->buffer, sizeof in->buffer);
    if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (n <= 0) {
        if (n < 0)
            log_line(LOG_ERROR, "cannot read stdin: %s", strerror(errno));
        else
            log_line(LOG_DETAIL, "stdin has ended: no more messages are taken");
        end(in, now);
        return;
    }
    in->at = 0;
    in->n = (size_t)n;
    look(in, false, now);
}

/* ---- from outside ---- */

void input_open(struct input *in, int fd, size_t max_line, struct hub *hub, struct outbox *outbox)
{
    struct stat status;
    memset(in, 0, offsetof(struct input, buffer));
    in->hub = hub;
    in->outbox = outbox;
    in->socket = fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
    in->source =
        (struct loop_source){.fd = fd, .interest = interest, .ready = ready, .deadline = deadline, .tick = tick};
    lines_init(&in->lines, max_line);
}

void input_stop(struct input *in, int64_t now)
{
    if (in->over)
        return;
    in->over = true;
    look(in, true, now);
    lines_free(&in->lines);
    account(in);
}

void input_close(struct input *in)
{
    lines_free(&in->lines);
    bytes_free(&in->line);
}
