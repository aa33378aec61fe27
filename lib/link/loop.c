#include "link/loop.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>

enum {
    SIGNALS = 65,
    SIGNALS_MS = 50, /* as long as something can always be read, signals are looked at so often */
};

static volatile sig_atomic_t caught[SIGNALS];
static volatile sig_atomic_t any_caught;
static sigset_t while_waiting;
static bool mask_known;

static void on_signal(int number)
{
    if (number > 0 && number < SIGNALS)
        caught[number]++;
    any_caught = 1;
}

bool loop_catch(int number)
{
    sigset_t block;
    struct sigaction action = {.sa_handler = on_signal};
    if (!mask_known && sigprocmask(SIG_BLOCK, NULL, &while_waiting) != 0)
        return false;
    mask_known = true;
    sigdelset(&while_waiting, number);
    sigemptyset(&block);
    sigaddset(&block, number);
    sigfillset(&action.sa_mask);
    return sigprocmask(SIG_BLOCK, &block, NULL) == 0 && sigaction(number, &action, NULL) == 0;
}

void loop_add(struct loop *loop, struct loop_source *source)
{
    source->gone = false;
    source->slot = SIZE_MAX;
    source->next = loop->sources;
    loop->sources = source;
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
    source->gone = true;
    loop->any_gone = true;
}

static void reap(struct loop *loop)
{
    struct loop_source **at = &loop->sources;
    if (!loop->any_gone)
        return;
    loop->any_gone = false;
    while (*at) {
        struct loop_source *source = *at;
        if (!source->gone) {
            at = &source->next;
            continue;
        }
        *at = source->next;
        if (source->removed)
            source->removed(source);
    }
}

static bool grow(struct loop *loop, size_t n)
{
    if (n < loop->capacity)
        return true;
    size_t capacity = loop->capacity ? loop->capacity * 2 : 64;
    struct pollfd *set = realloc(loop->set, capacity * sizeof *set);
    if (!set)
        return false;
    loop->set = set;
    loop->capacity = capacity;
    return true;
}

/* Builds the poll set from what the sources want now, and finds the earliest deadline. */
static bool gather(struct loop *loop, size_t *n, int64_t *deadline)
{
    *n = 0;
    *deadline = loop->before_poll ? loop->before_poll(loop->context) : INT64_MAX;
    for (struct loop_source *s = loop->sources; s; s = s->next) {
        int64_t due = s->gone || !s->deadline ? INT64_MAX : s->deadline(s);
        if (due < *deadline)
            *deadline = due;
        s->slot = SIZE_MAX;
        short interest = s->gone || s->fd < 0 ? LOOP_IGNORE : s->interest(s);
        if (interest == LOOP_IGNORE)
            continue;
        if (!grow(loop, *n))
            return false;
        s->slot = *n;
        loop->set[(*n)++] = (struct pollfd){.fd = s->fd, .events = interest};
    }
    return true;
}

static bool wait_for(struct loop *loop, size_t n, int64_t deadline)
{
    struct timespec timeout = {0};
    int64_t wait = deadline == INT64_MAX ? -1 : deadline - clock_ms();
    if (wait > 0) {
        timeout.tv_sec = (time_t)(wait / 1000);
        timeout.tv_nsec = (long)(wait % 1000) * 1000000;
    }
    int ready = ppoll(loop->set, n, deadline == INT64_MAX ? NULL : &timeout, mask_known ? &while_waiting : NULL);
    if (ready >= 0)
        return true;
    for (size_t i = 0; i < n; i++)
        loop->set[i].revents = 0;
    return errno == EINTR || errno == ENOMEM || errno == EAGAIN;
}

/* Signals come in while the loop waits; where it never has to, for there is always something to read, they are let in
 * here. */
static void admit_signals(struct loop *loop, int64_t now)
{
    sigset_t blocked;
    if (!mask_known || now < loop->signals_at)
        return;
    loop->signals_at = now + SIGNALS_MS;
    sigprocmask(SIG_SETMASK, &while_waiting, &blocked);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
}

static void deliver_signals(struct loop *loop)
{
    if (!any_caught)
        return;
    any_caught = 0;
    for (int number = 1; number < SIGNALS; number++)
        for (; caught[number]; caught[number]--)
            if (loop->on_signal)
                loop->on_signal(loop->context, number, clock_ms());
}

static void deliver_io(struct loop *loop, int64_t now)
{
    for (struct loop_source *s = loop->sources; s; s = s->next)
        if (!s->gone && s->slot != SIZE_MAX && loop->set[s->slot].revents)
            s->ready(s, loop->set[s->slot].revents, now);
}

static void deliver_deadlines(struct loop *loop, int64_t now)
{
    for (struct loop_source *s = loop->sources; s; s = s->next)
        if (!s->gone && s->deadline && s->tick && s->deadline(s) <= now)
            s->tick(s, now);
}

bool loop_run(struct loop *loop)
{
    while (!loop->stop) {
        size_t n;
        int64_t deadline;
        if (!gather(loop, &n, &deadline) || !wait_for(loop, n, deadline))
            return false;
        loop->wall_us = clock_wall_us();
        int64_t now = clock_ms();
        admit_signals(loop, now);
        deliver_signals(loop);
        deliver_io(loop, now);
        deliver_deadlines(loop, now);
        if (loop->after_turn)
            loop->after_turn(loop->context, now);
        reap(loop);
    }
    return true;
}

void loop_free(struct loop *loop)
{
    for (struct loop_source *s = loop->sources; s; s = s->next)
        loop_remove(loop, s);
    reap(loop);
    free(loop->set);
    *loop = (struct loop){0};
}
