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
    bool blank = is_blank(text);
    if (job->party.protocol->answers_each)
        return !blank; /* its machine finds the answer in it */
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
