#include "link/loop.h"

#include "base/clock.h"
#include "tap.h"

#include <time.h>
#include <unistd.h>

/* A source that writes down what happens to it: i ready to read, o to write, e error, t tick, x removed. */
struct probe {
    struct loop_source source;
    struct loop *loop;
    short wants;
    int64_t due;
    char story[32];
    void (*on_ready)(struct probe *);
    void (*on_tick)(struct probe *);
};

static void tell(struct probe *p, char what)
{
    size_t n = strlen(p->story);
    if (n + 1 < sizeof p->story)
        p->story[n] = what;
}

static short interest(struct loop_source *source)
{
    return ((struct probe *)source)->wants;
}

static void ready(struct loop_source *source, short revents, int64_t now)
{
    struct probe *p = (struct probe *)source;
    (void)now;
    tell(p, revents & POLLIN ? 'i' : revents & POLLOUT ? 'o' : 'e');
    if (p->on_ready)
        p->on_ready(p);
    else
        p->loop->stop = true;
}

static int64_t deadline(struct loop_source *source)
{
    return ((struct probe *)source)->due;
}

static void tick(struct loop_source *source, int64_t now)
{
    struct probe *p = (struct probe *)source;
    tell(p, now >= p->due ? 't' : 'T');
    p->due = INT64_MAX;
    if (p->on_tick)
        p->on_tick(p);
    else
        p->loop->stop = true;
}

static void removed(struct loop_source *source)
{
    tell((struct probe *)source, 'x');
}

static struct probe probe(struct loop *loop, int fd, short wants)
{
    struct probe p = {.loop = loop, .wants = wants, .due = INT64_MAX};
    p.source = (struct loop_source){
        .fd = fd, .interest = interest, .ready = ready, .deadline = deadline, .tick = tick, .removed = removed};
    return p;
}

static void make_pipe(int ends[2])
{
    if (pipe(ends) != 0)
        abort();
}

static void close_pipe(int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

static int64_t cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void test_readiness(void)
{
    struct loop loop = {0};
    int ends[2];
    make_pipe(ends);
    struct probe out = probe(&loop, ends[1], POLLOUT), in = probe(&loop, ends[0], POLLIN);
    loop_add(&loop, &out.source);
    ok(loop_run(&loop), "the loop runs until it is stopped");
    is_str(out.story, "o", "a pipe with room can be written to");
    out.wants = LOOP_IGNORE;
    loop_add(&loop, &in.source);
    if (write(ends[1], "x", 1) != 1)
        abort();
    loop.stop = false;
    loop_run(&loop);
    is_str(in.story, "i", "one with bytes can be read");
    is_str(out.story, "o", "what is not wanted is not told");
    loop_free(&loop);
    is_str(in.story, "ix", "what is freed with the loop is told that it was removed");
    is_str(out.story, "ox", "... each");
    close_pipe(ends);
}

static void test_deadlines(void)
{
    struct loop loop = {0};
    struct probe a = probe(&loop, -1, 0), b = probe(&loop, -1, 0);
    int64_t now = clock_ms();
    a.due = now + 60000;
    b.due = now + 30;
    loop_add(&loop, &a.source);
    loop_add(&loop, &b.source);
    loop_run(&loop);
    int64_t waited = clock_ms() - now;
    is_str(b.story, "t", "what is due is ticked, and not before");
    is_str(a.story, "", "what is not due is not");
    ok(waited >= 30 && waited < 5000, "after its time (%lld ms)", (long long)waited);
    loop.stop = false;
    b.due = now - 1000;
    loop_run(&loop);
    is_str(b.story, "tt", "a deadline in the past is due at once");
    loop_free(&loop);
}

/* A deadline counts as missed only after what had arrived was read. */
static void come_in_time(struct probe *p)
{
    p->due = INT64_MAX;
    p->loop->stop = true;
}

static void test_order(void)
{
    struct loop loop = {0};
    int ends[2];
    make_pipe(ends);
    struct probe p = probe(&loop, ends[0], POLLIN);
    p.on_ready = come_in_time;
    p.due = clock_ms() - 10;
    if (write(ends[1], "x", 1) != 1)
        abort();
    loop_add(&loop, &p.source);
    loop_run(&loop);
    is_str(p.story, "i", "what has arrived is read before a deadline is missed");
    loop_free(&loop);
    close_pipe(ends);
}

/* ---- sources that come and go in callbacks ---- */

static struct probe *victim;

static void remove_victim(struct probe *p)
{
    loop_remove(p->loop, &victim->source);
    p->loop->stop = true;
}

static void remove_itself(struct probe *p)
{
    loop_remove(p->loop, &p->source);
    p->loop->stop = true;
}

static void test_removal(void)
{
    struct loop loop = {0};
    int ends[2];
    make_pipe(ends);
    struct probe first = probe(&loop, ends[1], POLLOUT), second = probe(&loop, ends[1], POLLOUT);
    second.due = clock_ms() - 1;
    victim = &second;
    first.on_ready = remove_victim;
    loop_add(&loop, &second.source);
    loop_add(&loop, &first.source); /* comes first */
    loop_run(&loop);
    is_str(second.story, "x", "a source removed in another's callback is called no more, not even for its deadline");
    first.on_ready = remove_itself;
    loop.stop = false;
    loop_run(&loop);
    is_str(first.story, "oox", "a source may remove itself, and is told at the end of the turn");
    ok(!loop.sources, "none is left");
    loop_free(&loop);
    close_pipe(ends);
}

static struct probe *newcomer;

static void add_newcomer(struct probe *p)
{
    p->on_ready = NULL;
    loop_add(p->loop, &newcomer->source);
    p->wants = LOOP_IGNORE;
}

/* The place of an old source in the poll set must not be taken for that of a new one. */
static void test_adding(void)
{
    struct loop loop = {0};
    int ends[2], other[2];
    make_pipe(ends);
    make_pipe(other);
    struct probe old = probe(&loop, ends[1], POLLOUT), new = probe(&loop, other[0], POLLIN);
    newcomer = &new;
    old.on_ready = add_newcomer;
    new.due = clock_ms() + 20;
    loop_add(&loop, &old.source);
    loop_run(&loop);
    is_str(new.story, "t", "a source added in a callback is looked at from the next turn on");
    loop_free(&loop);
    close_pipe(ends);
    close_pipe(other);
}

static void change_descriptor(struct probe *p)
{
    p->source.fd = -1;
    p->on_ready = NULL;
}

static void test_changes(void)
{
    struct loop loop = {0};
    int ends[2];
    make_pipe(ends);
    struct probe p = probe(&loop, ends[1], POLLOUT);
    p.on_ready = change_descriptor;
    p.due = clock_ms() + 20;
    loop_add(&loop, &p.source);
    loop_run(&loop);
    is_str(p.story, "ot", "a source may change its descriptor, or have none");
    loop_free(&loop);
    close_pipe(ends);
}

static void test_many(void)
{
    enum { MANY = 300 };
    static struct probe probes[MANY];
    struct loop loop = {0};
    int ends[2];
    make_pipe(ends);
    for (int i = 0; i < MANY; i++) {
        probes[i] = probe(&loop, ends[1], POLLOUT);
        loop_add(&loop, &probes[i].source);
    }
    loop_run(&loop);
    int told = 0;
    for (int i = 0; i < MANY; i++)
        told += strcmp(probes[i].story, "o") == 0;
    is_int(told, MANY, "each of many is told in one turn");
    loop_free(&loop);
    close_pipe(ends);
}

/* ---- nothing spins ---- */

static void test_no_spinning(void)
{
    struct loop loop = {0};
    int ends[2];
    make_pipe(ends);
    if (write(ends[1], "x", 1) != 1)
        abort();
    close(ends[1]); /* readable, and hung up */
    struct probe paused = probe(&loop, ends[0], LOOP_IGNORE), timer = probe(&loop, -1, 0);
    timer.due = clock_ms() + 200;
    loop_add(&loop, &paused.source);
    loop_add(&loop, &timer.source);
    int64_t before = cpu_ms();
    loop_run(&loop);
    int64_t used = cpu_ms() - before;
    is_str(paused.story, "", "a paused descriptor is not told of, even when it hangs up");
    ok(used < 100, "and does not spin (%lld ms of 200)", (long long)used);
    loop_free(&loop);
    close(ends[0]);
}

static void test_errors_alone(void)
{
    struct loop loop = {0};
    int ends[2];
    make_pipe(ends);
    close(ends[0]);
    struct probe p = probe(&loop, ends[1], 0);
    loop_add(&loop, &p.source);
    loop_run(&loop);
    is_str(p.story, "e", "who wants nothing is told at once that its reader has gone");
    loop_free(&loop);
    close(ends[1]);
}

/* ---- signals and turns ---- */

static char story[64];

static void on_signal(void *context, int number, int64_t now)
{
    (void)now;
    strcat(story, number == SIGUSR1 ? "1" : "2");
    ((struct loop *)context)->stop = strlen(story) >= 3;
}

static void test_signals(void)
{
    struct loop loop = {.on_signal = on_signal};
    struct probe timer = probe(&loop, -1, 0);
    loop.context = &loop;
    ok(loop_catch(SIGUSR1) && loop_catch(SIGUSR2), "signals are caught");
    raise(SIGUSR1);
    raise(SIGUSR2);
    is_str(story, "", "and kept until the loop waits");
    timer.due = clock_ms() + 50;
    loop_add(&loop, &timer.source);
    loop_run(&loop);
    ok(strlen(story) == 2 && strchr(story, '1') && strchr(story, '2'), "each is told (%s)", story);
    loop.stop = false;
    timer.due = clock_ms() + 60000;
    pid_t child = fork();
    if (child == 0) {
        kill(getppid(), SIGUSR1);
        _exit(0);
    }
    loop_run(&loop);
    ok(strlen(story) == 3 && story[2] == '1', "one that comes while the loop waits wakes it");
    loop_free(&loop);
}

static int64_t owners_deadline(void *context)
{
    return *(int64_t *)context;
}

static struct loop *turning;

static void after_turn(void *context, int64_t now)
{
    if (now >= *(int64_t *)context)
        turning->stop = true;
}

static void test_owner(void)
{
    int64_t due = clock_ms() + 30;
    struct loop loop = {.context = &due, .before_poll = owners_deadline, .after_turn = after_turn};
    turning = &loop;
    loop_run(&loop);
    ok(clock_ms() >= due, "the owner's deadline wakes the loop, and its turn comes last");
    loop_free(&loop);
}

int main(void)
{
    test_readiness();
    test_deadlines();
    test_order();
    test_removal();
    test_adding();
    test_changes();
    test_many();
    test_no_spinning();
    test_errors_alone();
    test_signals();
    test_owner();
    return done();
}
