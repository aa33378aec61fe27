#include "link/target.h"

#include "astm/query.h"
#include "base/clock.h"
#include "base/log.h"

void target_append(struct target *t, struct job *job)
{
    job->next = NULL;
    job->begin = UINT64_MAX;
    job->end = 0;
    if (t->last)
        t->last->next = job;
    else
        t->first = job;
    t->last = job;
}

void target_remove(struct target *t, struct job *job)
{
    struct job **at = &t->first, *before = NULL;
    while (*at != job) {
        before = *at;
        at = &before->next;
    }
    *at = job->next;
    if (t->last == job)
        t->last = before;
    job->next = NULL;
}

size_t target_reply_max(const struct job *job)
{
    const struct link_config *config = job->party.link->config;
    return job->party.protocol == &protocol_hl7 ? config->hl7.max_message : config->astm.max_message;
}

/* CR, LF and CR LF end records; so does the end. */
static bool end_records(struct bytes *text)
{
    size_t n = 0;
    unsigned char before = 0;
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = text->data[i];
        if (c != '\n' || before != '\r')
            text->data[n++] = c == '\n' ? '\r' : c;
        before = c;
    }
    text->len = n;
    return text->data[n - 1] == '\r' || bytes_append(text, "\r", 1);
}

static bool is_blank(const struct bytes *text)
{
    for (size_t i = 0; i < text->len; i++)
        if (text->data[i] > ' ')
            return false;
    return true;
}

/* A byte order mark and what is blank say nothing before a message. */
static void skip_blanks(struct bytes *text)
{
    static const char mark[] = "\xEF\xBB\xBF";
    size_t n = text->len >= 3 && memcmp(text->data, mark, 3) == 0 ? 3 : 0;
    while (n < text->len && memchr(" \t\r\n", text->data[n], 4))
        n++;
    bytes_drop(text, n);
}

/* How many bytes stand before the first line that begins a message; all of them where none does. */
static size_t before_first(const struct protocol *protocol, const struct bytes *text)
{
    for (size_t at = 0, end; at < text->len; at = end + 1) {
        for (end = at; end < text->len && text->data[end] != '\r' && text->data[end] != '\n';)
            end++;
        if (end > at && protocol->role(text->data + at, end - at) != RECORD_INNER)
            return at;
    }
    return text->len;
}

static void tell(const struct job *job, const char *text)
{
    const struct log_event event = {"reply", job->party.link->config->name, job->envelope.peer, NULL, {{0}}};
    log_event(LOG_ERROR, &event, "%s", text);
}

/* Whether another consumer still has to say what it knows, or one before has said it. */
static bool is_for_others(const struct job *job)
{
    const unsigned consumers = 1u << TARGET_EXEC | 1u << TARGET_SINK;
    return job->reply.len || (job->lacks & (job->lacks - 1) & consumers);
}

/* Its machine finds the answer in it. */
static void tell_lead(const struct job *job, const struct bytes *text)
{
    size_t before = before_first(job->party.protocol, text);
    if (before && before < text->len)
        tell(job, "what was given back has something before its first MSH segment: that is left out");
}

/* To a query an instrument waits for an answer, and sends what it does not get in vain once more. */
static bool say_nothing_known(const struct job *job, struct bytes *text)
{
    char time[32];
    struct bytes query = {0};
    const struct message *m = &job->message;
    struct charset *charset = job->party.link->config->astm_view.charset; /* with one, what is sent is made of UTF-8 */
    time_hl7_us(job->wall_us, time);
    time[14] = 0; /* without fraction and zone */
    text->len = 0;
    bool fine = charset ? charset_to_utf8(charset, m->text, m->len, &query) != CHARSET_NOMEM
                        : bytes_append(&query, m->text, m->len);
    fine = fine && astm_query_nothing(text, query.data, query.len, time);
    bytes_free(&query);
    if (!fine)
        tell(job, "there is no memory to say that nothing is known: not sent");
    return fine;
}

bool target_reply_fits(const struct job *job, struct bytes *text)
{
    skip_blanks(text);
    bool blank = is_blank(text);
    if (job->party.protocol->answers_each) {
        tell_lead(job, text);
        return !blank;
    }
    enum astm_query query =
        job->copy.len ? astm_query_of(job->message.text, job->message.len) : ASTM_QUERY_NONE; /* a query has a copy */
    if (blank)
        return query == ASTM_QUERY_ASKS && !is_for_others(job) && say_nothing_known(job, text);
    if (query == ASTM_QUERY_CANCELLED) {
        tell(job, "what was given back is for a query that is cancelled: not sent");
        return false;
    }
    if (astm_is_header(text->data, text->len) && end_records(text))
        return true;
    tell(job, "what was given back is no ASTM message, which begins with an H record: not sent");
    return false;
}
