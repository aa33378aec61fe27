#include "link/target.h"

void target_append(struct target *t, struct job *job)
{
    job->next = NULL;
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
