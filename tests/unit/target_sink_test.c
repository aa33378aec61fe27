#include "link/target_sink.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "stage.h"

static char dir[] = "/tmp/sink-test-XXXXXX";
static struct target_sink sink;

static bool is_up(struct stage *s)
{
    (void)s;
    return sink.state == SINK_UP;
}

static bool is_down(struct stage *s)
{
    (void)s;
    return sink.state != SINK_UP;
}

static bool is_fed(struct stage *s)
{
    size_t n;
    (void)s;
    return sink.stream.taken && !stream_rest(&sink.stream, &n);
}

static void begin(struct stage *s, const struct protocol *protocol, const char *command, size_t window)
{
    stage_open(s, protocol, VIEW_TSV);
    target_sink_open(&sink, command, window, 60000);
    stage_add(s, &sink.base);
    stage_run(s, is_up);
}

static const char *path(const char *name)
{
    static char text[128];
    snprintf(text, sizeof text, "%s/%s", dir, name);
    return text;
}

static void touch(const char *name)
{
    close(open(path(name), O_CREAT | O_WRONLY, 0600));
}

static void test_answers(void)
{
    struct stage s;
    begin(&s, &protocol_astm,
          "read -r l; echo ok; read -r l; echo retry the database is down; read -r l; echo 'reject no such test';"
          "read -r l; printf 'ok \\r\\n'; read -r l; echo retry; cat >/dev/null",
          64);
    stage_offer(&s, "a", 100, 1);
    stage_await(&s, 1);
    is_str(s.trail, "1+ ", "ok takes a message");
    stage_offer(&s, "b", 100, 2);
    stage_await(&s, 2);
    ok(s.verdict == VERDICT_LATER, "retry refuses it for now");
    is_str(s.reason, "the database is down", "in its own words");
    stage_offer(&s, "c", 100, 3);
    stage_await(&s, 3);
    ok(s.verdict == VERDICT_NEVER, "reject for good");
    is_str(s.reason, "no such test", "likewise");
    stage_offer(&s, "d", 100, 4);
    stage_await(&s, 4);
    ok(s.verdict == VERDICT_ACCEPT, "a CR and blanks behind an answer are nothing");
    stage_offer(&s, "e", 100, 5);
    stage_await(&s, 5);
    ok(s.verdict == VERDICT_LATER && !*s.reason, "nobody has to say why");
    ok(sink.state == SINK_UP, "after all that it is still there");
    stage_close(&s);
}

static void test_line(void)
{
    struct stage s;
    char wanted[] = "{\"type\":\"message\",";
    begin(&s, &protocol_astm, "while read -r l; do printf '%s\\n' \"$l\" >>$DIR/lines; echo ok; done", 64);
    stage_offer(&s, "a", 100, 1);
    stage_offer(&s, "b", 40000, 2);
    stage_offer(&s, "c", 100, 3);
    stage_await(&s, 3);
    is_str(s.trail, "1+ 2+ 3+ ", "messages are answered in order");
    const char *text = stage_slurp(path("lines"));
    ok(strncmp(text, wanted, strlen(wanted)) == 0, "it gets a message line, whatever the format is");
    const char *second = strchr(text, '\n');
    ok(second && strncmp(second + 1, wanted, strlen(wanted)) == 0 && strstr(second, "\"control_id\":\"b\""),
       "one for each");
    unlink(path("lines"));
    stage_close(&s);
}

static void test_reply(void)
{
    static const struct {
        const char *answer, *reply; /* NULL: it dies of it */
    } cases[] = {
        {"ok \"MSH|1\\rMSA|AA\\r\"", "MSH|1\rMSA|AA\r"},
        {"ok  \"\\u00e4\\u20AC\\ud83d\\ude00\\\\\\/\\\"\\b\\f\\n\\t\" ", "\u00e4\u20ac\U0001F600\\/\"\b\f\n\t"},
        {"ok \"\u00e4\"", "\u00e4"},
        {"ok \"\"", ""},
        {"ok \" \"", ""},
        {"ok \"", NULL},
        {"ok \"a\" \"b\"", NULL},
        {"ok \"a", NULL},
        {"ok a", NULL},
        {"ok {}", NULL},
        {"ok \"\\x\"", NULL},
        {"ok \"\\ud83d\"", NULL},
        {"ok \"\\ude00\\ud83d\"", NULL},
        {"ok \"\\u12\"", NULL},
        {"ok \"\\\"", NULL},
        {"ok \"\t\"", NULL},
        {"ok \"\xff\"", NULL},
        {"okay", NULL},
        {"OK", NULL},
        {"", NULL},
        {"retrying", NULL},
        {"message", NULL},
    };
    struct stage s;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fd = open(path("answer"), O_CREAT | O_WRONLY | O_TRUNC, 0600);
        ssize_t n = write(fd, cases[i].answer, strlen(cases[i].answer));
        n += write(fd, "\n", 1);
        close(fd);
        begin(&s, &protocol_hl7, "read -r l; cat $DIR/answer; cat >/dev/null", 64);
        stage_offer(&s, "a", 100, 1);
        stage_await(&s, 1);
        if (cases[i].reply)
            ok(n > 0 && s.verdict == VERDICT_ACCEPT && strcmp(s.reply, cases[i].reply) == 0, "%s", cases[i].answer);
        else
            ok(n > 0 && s.verdict == VERDICT_LATER && is_down(&s), "it dies of: %s", cases[i].answer);
        stage_close(&s);
    }
    unlink(path("answer"));

    begin(&s, &protocol_astm, "read -r l; printf '%s\\n' 'ok \"H|\\\\^&\\nL|1\"'; cat >/dev/null", 64);
    stage_offer(&s, "a", 100, 1);
    stage_await(&s, 1);
    is_str(s.reply, "H|\\^&\rL|1\r", "an ASTM reply has its records ended");
    stage_close(&s);
    begin(&s, &protocol_astm, "read -r l; echo 'ok \"thanks\"'; cat >/dev/null", 64);
    stage_offer(&s, "a", 100, 1);
    stage_await(&s, 1);
    ok(s.verdict == VERDICT_ACCEPT && !*s.reply, "and what is none is left out");
    stage_close(&s);
    begin(&s, &protocol_hl7, "read -r l; printf 'ok \"%01000d\"\\n' 1; cat >/dev/null", 64);
    s.config.hl7.max_message = 999;
    stage_offer(&s, "a", 100, 1);
    stage_await(&s, 1);
    ok(s.verdict == VERDICT_ACCEPT && !*s.reply, "so is what is longer than a message may be");
    stage_close(&s);
    begin(&s, &protocol_hl7, "read -r l; printf 'reject \\033[31mred\\n'; read -r l; printf 'reject %01000d\\n' 1; cat",
          64);
    stage_offer(&s, "a", 100, 1);
    stage_await(&s, 1);
    ok(s.verdict == VERDICT_NEVER && !*s.reason, "a reason with control characters is none");
    stage_offer(&s, "b", 100, 2);
    stage_await(&s, 2);
    ok(s.verdict == VERDICT_NEVER && strlen(s.reason) == 200, "and a long one is cut");
    stage_close(&s);
}

static void test_window(void)
{
    struct stage s;
    char id[16];
    begin(&s, &protocol_astm,
          "while :; do for i in 1 2 3 4; do read -r l || exit 0; echo x >>$DIR/fed; done;"
          "echo ok; echo ok; echo ok; echo ok; done",
          4);
    for (unsigned i = 1; i <= 12; i++) {
        snprintf(id, sizeof id, "m-%u", i);
        stage_offer(&s, id, 100, i);
    }
    handover_pump(&s.h, clock_ms());
    is_int(sink.stream.rendered, 4, "no more are fed than the window has room for");
    ok(stage_await(&s, 12), "a consumer that answers only when its window is full gets all");
    is_str(s.trail, "1+ 2+ 3+ 4+ 5+ 6+ 7+ 8+ 9+ 10+ 11+ 12+ ", "in order");
    is_int(sink.stream.rendered, 0, "none is left");
    unlink(path("fed"));
    stage_close(&s);
}

/* It is killed with two messages unanswered, one of which it has not read, and others that it was not fed. */
static void test_death(void)
{
    struct stage s;
    begin(&s, &protocol_astm,
          "if [ -e $DIR/second ]; then while read -r l; do echo ok; done; else read -r l; echo ok; sleep 1000; fi", 2);
    stage_offer(&s, "a", 100, 1);
    stage_await(&s, 1);
    touch("second");
    stage_offer(&s, "b", 100, 2);
    stage_offer(&s, "c", 100, 3);
    stage_offer(&s, "d", 100, 4);
    stage_offer(&s, "e", 50000, 5);
    stage_run(&s, is_fed);
    kill(sink.child.pid, SIGKILL);
    stage_await(&s, 3);
    is_str(s.trail, "1+ 2- 3- ", "what it was fed and has not answered is refused for now when it dies");
    ok(sink.state == SINK_DYING || sink.state == SINK_WAITING, "it is started again later");
    stage_await(&s, 5);
    is_str(s.trail, "1+ 2- 3- 4+ 5+ ", "and gets what it was not fed");
    is_int(sink.wait_ms, 1500, "after one that took a message the wait begins anew");
    unlink(path("second"));
    stage_close(&s);
}

static void test_answered_then_died(void)
{
    struct stage s;
    begin(&s, &protocol_astm, "read -r a; read -r b; read -r c; echo ok; echo ok; exit 3", 64);
    stage_offer(&s, "a", 100, 1);
    stage_offer(&s, "b", 100, 2);
    stage_offer(&s, "c", 100, 3);
    stage_await(&s, 3);
    is_str(s.trail, "1+ 2+ 3- ", "what it answered before it died counts");
    stage_close(&s);
}

static void test_too_many(void)
{
    struct stage s;
    begin(&s, &protocol_astm, "read -r l; echo ok; echo ok; echo >$DIR/told; cat >/dev/null", 64);
    pid_t pid = sink.child.pid;
    stage_offer(&s, "a", 100, 1);
    stage_await(&s, 1);
    ok(stage_run(&s, is_down), "an answer too many is its death");
    ok(stage_run(&s, is_up) && sink.child.pid != pid, "and another one is started");
    ok(kill(pid, 0) != 0, "the first is gone");
    stage_close(&s);
    unlink(path("told"));
    begin(&s, &protocol_astm, "head -c 20000000 /dev/zero; cat", 64);
    stage_offer(&s, "a", 100, 1);
    ok(stage_await(&s, 1) && s.verdict == VERDICT_LATER, "so is a line without end");
    stage_close(&s);
}

static void test_closed_pipes(void)
{
    struct stage s;
    begin(&s, &protocol_astm, "exec >&-; cat >/dev/null", 64);
    ok(stage_run(&s, is_down), "one that closes its stdout has died");
    stage_close(&s);
    begin(&s, &protocol_astm, "exec <&-; sleep 1000", 64);
    ok(stage_run(&s, is_down), "and so has one that closes its stdin");
    stage_close(&s);
    begin(&s, &protocol_astm, "read -r l; exec <&-; until [ -e $DIR/go ]; do sleep 0.05; done; echo ok; sleep 1000",
          64);
    stage_offer(&s, "a", 100, 1);
    stage_run(&s, is_fed);
    touch("go");
    stage_await(&s, 1);
    is_str(s.trail, "1+ ", "which still may give the answers that it owes");
    unlink(path("go"));
    stage_close(&s);
}

static void test_not_there(void)
{
    struct stage s;
    begin(&s, &protocol_astm, "[ -e $DIR/there ] || exit 127; while read -r l; do echo ok; done", 64);
    stage_run(&s, is_down);
    is_int(stage_offer(&s, "a", 100, 1), VERDICT_WAIT, "while there is no consumer a message waits");
    ok(sink.wait_ms > 1000, "the wait grows");
    touch("there");
    ok(stage_await(&s, 1) && s.verdict == VERDICT_ACCEPT, "until there is one");
    unlink(path("there"));
    stage_close(&s);
}

static void test_shutdown(void)
{
    struct stage s;
    begin(&s, &protocol_astm, "while read -r l; do echo ok; done; echo >$DIR/finished", 64);
    stage_offer(&s, "a", 100, 1);
    stage_await(&s, 1);
    ok(handover_idle(&s.h) && !handover_over(&s.h), "a consumer keeps nobody busy");
    handover_freeze(&s.h, clock_ms());
    ok(stage_run(&s, stage_over), "at the end its stdin is closed, and it ends");
    ok(access(path("finished"), F_OK) == 0, "having finished what it does then");
    unlink(path("finished"));
    stage_close(&s);

    begin(&s, &protocol_astm, "trap 'echo >$DIR/told; exit' TERM; echo >$DIR/ready; while :; do sleep 0.05; done", 64);
    stage_await_file(&s, path("ready"));
    stage_offer(&s, "a", 100, 1);
    int64_t before = clock_ms();
    handover_freeze(&s.h, before);
    is_str(s.trail, "1- ", "what it has not answered then is refused");
    ok(stage_run(&s, stage_over) && clock_ms() - before >= 5000, "one that does not heed it has 5 s");
    ok(access(path("told"), F_OK) == 0, "and is then told to");
    unlink(path("told"));
    unlink(path("ready"));
    stage_close(&s);
}

/* The end of all comes before its 5 s are over; time is made up. */
static void test_over_by(void)
{
    static const struct {
        int64_t over_by, told;
        const char *name;
    } cases[] = {
        {0, 5000, "with no end set it has 5 s"},
        {10000, 5000, "and so where there is time enough"},
        {6000, 5000, "just enough"},
        {5999, 4999, "else less, so that it can be made to end in time"},
        {2000, 1000, "much less"},
        {500, 0, "nothing at all"},
    };
    struct stage s;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(&s, &protocol_astm, "trap '' TERM; echo >$DIR/ready; while :; do sleep 0.05; done", 64);
        stage_await_file(&s, path("ready"));
        int64_t now = clock_ms() + 100000, told = now + cases[i].told;
        s.h.over_by = cases[i].over_by ? now + cases[i].over_by : 0;
        handover_freeze(&s.h, now);
        handover_pump(&s.h, told - 1);
        ok(!cases[i].told || !sink.child.kill_at, "%s", cases[i].name);
        handover_pump(&s.h, told);
        is_int(sink.child.kill_at - told, 1000, "... and then a second");
        unlink(path("ready"));
        stage_close(&s);
    }
}

static void test_group(void)
{
    struct stage s;
    begin(&s, &protocol_astm, "sleep 1000 & echo $! >$DIR/pid; while read -r l; do echo no; done", 64);
    stage_await_file(&s, path("pid"));
    stage_offer(&s, "a", 100, 1);
    stage_await(&s, 1);
    stage_run(&s, is_up);
    pid_t pid = (pid_t)strtol(stage_slurp(path("pid")), NULL, 10);
    stage_close(&s);
    ok(pid < 2 || kill(pid, 0) != 0 || getpgid(pid) != pid, "its group dies with it");
    unlink(path("pid"));
    ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "none is left as a zombie");
}

int main(void)
{
    if (!mkdtemp(dir) || setenv("DIR", dir, 1) != 0)
        abort();
    test_answers();
    test_line();
    test_reply();
    test_window();
    test_death();
    test_answered_then_died();
    test_too_many();
    test_closed_pipes();
    test_not_there();
    test_shutdown();
    test_over_by();
    test_group();
    rmdir(dir);
    return done();
}
