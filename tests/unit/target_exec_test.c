#include "link/target_exec.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "stage.h"

static char dir[] = "/tmp/exec-test-XXXXXX";
static struct target_exec exec_target;

static void begin(struct stage *s, const struct protocol *protocol, enum view_format format, const char *command,
                  size_t jobs, int64_t timeout_ms)
{
    stage_open(s, protocol, format);
    if (!target_exec_open(&exec_target, command, jobs, timeout_ms))
        abort();
    stage_add(s, &exec_target.base);
}

/* Offers one message to the command, and waits for the verdict. */
static void once(struct stage *s, const struct protocol *protocol, const char *command, int64_t timeout_ms)
{
    begin(s, protocol, VIEW_MESSAGE, command, 4, timeout_ms);
    if (stage_offer(s, "a", 200, 1) != VERDICT_WAIT)
        abort();
    stage_await(s, 1);
    stage_close(s);
}

static void test_verdicts(void)
{
    static const struct {
        const char *command;
        enum verdict verdict;
        const char *name;
    } cases[] = {
        {"cat >/dev/null", VERDICT_ACCEPT, "a command that exits 0 has taken the message"},
        {"true", VERDICT_ACCEPT, "also one that does not read its stdin"},
        {"exit 65", VERDICT_NEVER, "65 is never"},
        {"exit 75", VERDICT_LATER, "75 is later"},
        {"exit 1", VERDICT_LATER, "any other status is later"},
        {"/no/such/program 2>/dev/null", VERDICT_LATER, "also that of a command that is not there"},
        {"/dev/null 2>/dev/null", VERDICT_LATER, "or cannot be run"},
        {"kill -9 $$", VERDICT_LATER, "or is killed"},
    };
    struct stage s;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        once(&s, &protocol_astm, cases[i].command, 60000);
        ok(s.verdicts == 1 && s.verdict == cases[i].verdict, "%s", cases[i].name);
    }
    ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "none is left as a zombie");
}

static void test_input(void)
{
    static const struct {
        enum view_format format;
        const char *command;
    } cases[] = {
        {VIEW_MESSAGE,
         "read -r l && case $l in '{\"type\":\"message\"'*'\"link\":\"link\"'*) ! read -r l;; *) false;; esac"},
        {VIEW_RECORD, "[ $(grep -c '\"message_id\":') = 4 ]"},
        {VIEW_TEXT, "[ \"$(head -n 1)\" = 'H|\\^&|a||sender' ]"},
        {VIEW_FRAME, "! read -r l"},
    };
    struct stage s;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(&s, &protocol_astm, cases[i].format, cases[i].command, 4, 60000);
        stage_offer(&s, "a", 100, 1);
        stage_await(&s, 1);
        ok(s.verdict == VERDICT_ACCEPT, "the message is on stdin in the chosen format (%d)", cases[i].format);
        stage_close(&s);
    }
    once(&s, &protocol_astm,
         "[ \"$INSTLINK_LINK $INSTLINK_PEER $INSTLINK_PROTOCOL\" = 'link 10.0.0.5:49152 astm' ] && "
         "grep -q \"\\\"id\\\":\\\"$INSTLINK_ID\\\"\"",
         60000);
    is_int(s.verdict, VERDICT_ACCEPT, "the environment says whose it is, and its id");
}

static void test_big(void)
{
    struct stage s;
    char command[128];
    begin(&s, &protocol_astm, VIEW_TEXT, "[ $(wc -c) -gt 3000000 ]", 4, 60000);
    stage_offer(&s, "a", 3 << 20, 1);
    stage_await(&s, 1);
    is_int(s.verdict, VERDICT_ACCEPT, "a message of 3 MiB comes whole");
    stage_close(&s);
    snprintf(command, sizeof command, "until [ -e %s/go ]; do sleep 0.05; done", dir);
    begin(&s, &protocol_astm, VIEW_TEXT, command, 4, 60000);
    stage_offer(&s, "a", 3 << 20, 1);
    handover_pump(&s.h, clock_ms());
    ok(exec_target.base.kind->held(&exec_target.base) < 300 << 10, "of which little is in memory beside its copy");
    snprintf(command, sizeof command, "%s/go", dir);
    close(open(command, O_CREAT | O_WRONLY, 0600));
    stage_await(&s, 1);
    is_int(s.verdict, VERDICT_ACCEPT, "and which need not be read");
    unlink(command);
    stage_close(&s);
}

static void test_reply(void)
{
    struct stage s;
    once(&s, &protocol_astm, "printf 'H|\\\\^&\\nL|1\\r\\n'", 60000);
    is_str(s.reply, "H|\\^&\rL|1\r", "what it prints is the reply; CR, LF and CR LF end its records");
    once(&s, &protocol_astm, "printf 'H|\\\\^&\\n\\rL|1|I'", 60000);
    is_str(s.reply, "H|\\^&\r\rL|1|I\r", "and so does its end");
    once(&s, &protocol_astm, "echo stored", 60000);
    ok(s.verdict == VERDICT_ACCEPT && !*s.reply, "what is no message is left out");
    once(&s, &protocol_astm, "echo", 60000);
    ok(s.verdict == VERDICT_ACCEPT && !*s.reply, "and so is nothing");
    once(&s, &protocol_astm, "printf 'H|\\\\^&\\nL|1\\n'; exit 75", 60000);
    ok(s.verdict == VERDICT_LATER && !*s.reply, "without exit 0 there is no reply");
    once(&s, &protocol_hl7, "printf 'MSH|x\\rMSA|AA|a\\r'", 60000);
    is_str(s.reply, "MSH|x\rMSA|AA|a\r", "in HL7 the machine judges it");
    once(&s, &protocol_astm, "printf 'H|\\\\^&\\rL|1\\r'; sleep 3 >/dev/null & exit 0", 60000);
    is_str(s.reply, "H|\\^&\rL|1\r", "what it leaves in the background is not waited for");
    once(&s, &protocol_astm, "sleep 3 & printf 'H|\\\\^&\\rL|1\\r'", 60000);
    is_str(s.reply, "H|\\^&\rL|1\r", "not even where that has its stdout");

    begin(&s, &protocol_astm, VIEW_MESSAGE, "yes H; exit 0", 4, 60000);
    s.config.astm.max_message = 100000;
    stage_offer(&s, "a", 100, 1);
    stage_await(&s, 1);
    ok(s.verdict == VERDICT_LATER && !*s.reply, "one that prints more than a message may have is ended");
    stage_close(&s);
}

static void test_timeout(void)
{
    struct stage s;
    int64_t before = clock_ms();
    once(&s, &protocol_astm, "sleep 1000 & sleep 1000; exit 0", 100);
    ok(s.verdict == VERDICT_LATER, "a command that takes too long is ended, with its group");
    ok(clock_ms() - before >= 100, "but not before its time");
    once(&s, &protocol_astm, "trap '' TERM; while :; do sleep 0.1; done", 100);
    ok(s.verdict == VERDICT_LATER, "whether it heeds that or not");
    once(&s, &protocol_astm, "trap 'exit 0' TERM; while :; do sleep 0.05; done", 100);
    ok(s.verdict == VERDICT_LATER, "and its status does not count then");
}

/* As soon as the command itself has ended, whatever else is in its group. Time stands still, so that its second never
 * is over. */
static void test_timeout_answer(void)
{
    struct stage s;
    char file[64];
    int64_t begun = clock_ms();
    snprintf(file, sizeof file, "%s/ready", dir);
    setenv("READY", file, 1);
    begin(&s, &protocol_astm, VIEW_MESSAGE, "(trap '' TERM; echo >$READY; sleep 1000) & sleep 1000", 1, 3600000);
    stage_offer(&s, "a", 100, 1);
    stage_await_file(&s, file);
    int64_t late = clock_ms() + 3600000;
    handover_pump(&s.h, late);
    while (!s.verdicts && clock_ms() - begun < STAGE_PATIENCE_MS) {
        poll(NULL, 0, 5);
        handover_pump(&s.h, late);
    }
    is_str(s.trail, "1- ", "after the time-out nobody waits for more than the command itself");
    is_int(exec_target.running, 1, "its group has its second");
    pid_t pid = exec_target.runs[0].child.pid;
    handover_pump(&s.h, late + 1000);
    is_int(exec_target.running, 0, "then nothing is left");
    is_str(s.trail, "1- ", "and nothing more is said");
    ok(kill(pid, 0) != 0, "the command is reaped");
    unlink(file);
    stage_close(&s);
}

static void test_jobs(void)
{
    struct stage s;
    char command[256], file[64];
    snprintf(command, sizeof command, "echo x >>%s/begun; until [ -e %s/go ]; do sleep 0.02; done", dir, dir);
    begin(&s, &protocol_astm, VIEW_MESSAGE, command, 2, 60000);
    stage_offer(&s, "a", 100, 1);
    stage_offer(&s, "b", 100, 2);
    stage_offer(&s, "c", 100, 3);
    handover_pump(&s.h, clock_ms());
    is_int(exec_target.running, 2, "no more commands run than --jobs");
    ok(!handover_idle(&s.h), "it is not idle");
    snprintf(file, sizeof file, "%s/begun", dir);
    stage_await_file(&s, file);
    snprintf(file, sizeof file, "%s/go", dir);
    close(open(file, O_CREAT | O_WRONLY, 0600));
    ok(stage_await(&s, 3) && s.verdict == VERDICT_ACCEPT, "the others follow");
    ok(strstr(s.trail, "3+ ") > strstr(s.trail, "1+ ") || strstr(s.trail, "3+ ") > strstr(s.trail, "2+ "),
       "when there is room");
    ok(handover_idle(&s.h) && !exec_target.running, "then it is idle");
    snprintf(file, sizeof file, "%s/begun", dir);
    is_str(stage_slurp(file), "x\nx\nx\n", "one for each message");
    unlink(file);
    snprintf(file, sizeof file, "%s/go", dir);
    unlink(file);
    stage_close(&s);
}

static void test_many(void)
{
    struct stage s;
    char id[16];
    begin(&s, &protocol_astm, VIEW_MESSAGE, "cat >/dev/null", 8, 60000);
    for (unsigned i = 0; i < 40; i++) {
        snprintf(id, sizeof id, "m-%u", i);
        stage_offer(&s, id, 100, i + 1);
    }
    ok(stage_await(&s, 40) && !strchr(s.trail, '-'), "forty messages, eight commands at a time: all are taken");
    is_int(s.h.held, 0, "nothing is held any more");
    stage_close(&s);
}

static void test_freeze(void)
{
    struct stage s;
    char command[128], file[64];
    snprintf(command, sizeof command, "echo >%s/begun; sleep 1000", dir);
    snprintf(file, sizeof file, "%s/begun", dir);
    begin(&s, &protocol_astm, VIEW_MESSAGE, command, 1, 60000);
    stage_offer(&s, "a", 100, 1);
    stage_offer(&s, "b", 100, 2);
    stage_await_file(&s, file);
    pid_t pid = exec_target.runs[0].child.pid;
    handover_freeze(&s.h, clock_ms());
    is_str(s.trail, "1- 2- ", "at the end all is refused, what is at work too");
    ok(stage_run(&s, stage_over), "and the command is ended");
    ok(kill(pid, 0) != 0, "and reaped");
    stage_close(&s);
    unlink(file);

    begin(&s, &protocol_astm, VIEW_MESSAGE, command, 1, 60000);
    stage_offer(&s, "a", 100, 1);
    stage_await_file(&s, file);
    pid = exec_target.runs[0].child.pid;
    stage_close(&s);
    ok(kill(pid, 0) != 0, "closing ends it at once");
    unlink(file);
}

/* Without processes, or descriptors, a message is refused for now. */
static void test_cannot_fork(void)
{
    struct stage s;
    struct rlimit old, few;
    begin(&s, &protocol_astm, VIEW_MESSAGE, "true", 1, 60000);
    getrlimit(RLIMIT_NOFILE, &old);
    few = old;
    few.rlim_cur = 4;
    setrlimit(RLIMIT_NOFILE, &few);
    stage_offer(&s, "a", 100, 1);
    handover_pump(&s.h, clock_ms());
    setrlimit(RLIMIT_NOFILE, &old);
    is_str(s.trail, "1- ", "where no command can be run the message is refused for now");
    stage_offer(&s, "a", 100, 2);
    stage_await(&s, 2);
    is_str(s.trail, "1- 2+ ", "and taken when it comes again");
    stage_close(&s);
}

int main(void)
{
    if (!mkdtemp(dir))
        abort();
    test_verdicts();
    test_input();
    test_big();
    test_reply();
    test_timeout();
    test_timeout_answer();
    test_jobs();
    test_many();
    test_freeze();
    test_cannot_fork();
    rmdir(dir);
    return done();
}
