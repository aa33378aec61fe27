#include "link/target.h"

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

bool target_reply_fits(const struct job *job, struct bytes *text)
{
    const struct log_event event = {"reply", job->party.link->config->name, job->envelope.peer, NULL, {{0}}};
    if (is_blank(text))
        return false;
    if (job->party.protocol->answers_each)
        return true; /* its machine finds the answer in it */
    if (astm_is_header(text->data, text->len) && end_records(text))
        return true;
    log_event(LOG_ERROR, &event, "what was given back is no ASTM message, which begins with an H record: not sent");
    return false;
}
