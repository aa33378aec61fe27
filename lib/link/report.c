#include "link/report.h"

#include "base/charset.h"
#include "out/json.h"

enum { TEXT_MAX = 1000 /* bytes of MSA-3 */ };

static bool put_slice(struct bytes *out, const char *name, struct outbox_slice s)
{
    return !s.p || (json_key(out, name) && json_string(out, s.p, s.n));
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
        return put_slice(out, "text", (struct outbox_slice){p, n});
    fine = charset_to_utf8(&latin1, p, n, &text) != CHARSET_NOMEM &&
           put_slice(out, "text", (struct outbox_slice){text.data, text.len});
    bytes_free(&text);
    return fine;
}

static bool put_delivery(struct bytes *out, const struct delivery *d, bool sent)
{
    return !d || (put_text(out, d->text, d->len) &&
                  (sent || !d->frames ||
                   (json_key(out, "frame") && json_number(out, d->frame) && put_number(out, "frames", d->frames))));
}

static bool put_head(struct bytes *out, const struct outbox_report *r, const struct report_origin *o)
{
    return bytes_puts(out, "{\"type\":\"delivery\"") && put_slice(out, "id", r->id) &&
           put_number(out, "number", o->number) && put_slice(out, "control_id", o->control_id) &&
           (r->link ? json_member(out, "link", r->link->config->name) : put_slice(out, "link", o->wanted_link)) &&
           put_slice(out, "peer", r->peer);
}

/* What a try, or several, came to; a line that is no message was never tried. */
static bool put_end(struct bytes *out, const struct outbox_report *r, const struct report_origin *o)
{
    if (o->line)
        return put_number(out, "line", o->line);
    return json_member(out, "code", r->code && *r->code ? r->code : NULL) && put_delivery(out, r->delivery, r->sent) &&
           put_number(out, "attempts", r->attempts) && json_key(out, "milliseconds") &&
           json_number(out, (uint64_t)r->ms);
}

bool report_line(struct bytes *out, const struct outbox_report *r, const struct report_origin *o)
{
    size_t before = out->len;
    bool fine = put_head(out, r, o) && json_member(out, "status", r->sent ? "sent" : "failed") &&
                json_member(out, "reason", r->reason) && put_end(out, r, o) && bytes_puts(out, "}\n");
    if (!fine)
        out->len = before;
    return fine;
}
