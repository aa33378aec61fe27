#include "link/input.h"

#include "base/json_reader.h"
#include "link/report.h"

enum { STALLED = 256 << 10 /* bytes that wait on stdout, past which nothing is read and nothing begun */ };

/* ---- reports ---- */

/* What is left out for want of memory, or after stdout's end, has been told on stderr. */
static void print(struct input *in, const struct outbox_report *r, const struct report_origin *origin)
{
    in->line.len = 0;
    if (report_line(&in->line, r, origin))
        target_stdout_put(&in->hub->handover->out, in->line.data, in->line.len);
    if (in->line.cap > sizeof in->feed.buffer)
        bytes_free(&in->line);
}

void input_report(void *context, const struct outbox_report *r)
{
    print(context, r, &(struct report_origin){0});
}

bool input_stalled(void *context)
{
    const struct input *in = context;
    return target_stdout_waiting(&in->hub->handover->out) > STALLED;
}

/* ---- lines ---- */

static const struct outbox_slice none;

static struct outbox_slice slice(const struct json_wanted *w)
{
    return (struct outbox_slice){w->text.p, w->text.n};
}

/* A line that is no message for any link. */
static void refuse(struct input *in, uint64_t number, struct outbox_slice id, struct outbox_slice link,
                   const char *reason)
{
    log_line(LOG_ERROR, "stdin: line %llu: %s", (unsigned long long)number, reason);
    print(in, &(struct outbox_report){.id = id, .reason = reason},
          &(struct report_origin){.wanted_link = link, .line = number});
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
        refuse(in, line->number, none, none, reason);
        return;
    }
    struct link *link = find(in, &wanted[LINK], &why);
    if (!link) {
        refuse(in, line->number, slice(&wanted[ID]), slice(&wanted[LINK]), why);
        return;
    }
    const struct outbox_message message = {
        .id = slice(&wanted[ID]), .peer = slice(&wanted[PEER]), .text = slice(&wanted[TEXT])};
    outbox_add(in->outbox, link, &message, now);
}

static void take_line(struct input *in, const struct line *line, int64_t now)
{
    if (line->state == LINE_TOO_LONG)
        refuse(in, line->number, none, none, "bad-line it is too long");
    else if (line->state == LINE_NO_MEMORY)
        refuse(in, line->number, none, none, "no-memory");
    else if (!is_blank(line))
        take_object(in, line, now);
}

static void account(struct input *in)
{
    in->hub->held += in->lines.held.cap - in->held;
    in->held = in->lines.held.cap;
}

/* ---- what is read ---- */

static bool rests(void *context)
{
    const struct input *in = context;
    return input_stalled(context) || outbox_full(in->outbox, in->hub->links);
}

static size_t take(void *context, unsigned char *bytes, size_t n, int64_t now)
{
    struct input *in = context;
    struct line line;
    size_t taken = lines_push(&in->lines, bytes, n);
    if (lines_next(&in->lines, &line))
        take_line(in, &line, now);
    account(in);
    return taken;
}

static void end(void *context, int error, int64_t now)
{
    struct input *in = context;
    struct line line;
    in->failed = error;
    if (error)
        log_line(LOG_ERROR, "cannot read stdin: %s", strerror(error));
    else
        log_line(LOG_DETAIL, "stdin has ended: no more messages are taken");
    lines_eof(&in->lines);
    if (lines_next(&in->lines, &line))
        take_line(in, &line, now);
    lines_free(&in->lines);
    account(in);
}

/* ---- from outside ---- */

void input_open(struct input *in, int fd, size_t max_line, struct hub *hub, struct outbox *outbox)
{
    memset(in, 0, offsetof(struct input, feed));
    in->hub = hub;
    in->outbox = outbox;
    feed_open(&in->feed, fd, &(struct feed_reader){in, rests, take, end});
    lines_init(&in->lines, max_line);
}

void input_stop(struct input *in, int64_t now)
{
    if (in->feed.over)
        return;
    feed_stop(&in->feed, now);
    lines_free(&in->lines);
    account(in);
}

void input_close(struct input *in)
{
    lines_free(&in->lines);
    bytes_free(&in->line);
}
