#include "link/child.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000 };

/* Lets a moment pass. False when the test's patience is at its end. */
static bool wait_on(int64_t begin)
{
    poll(NULL, 0, 2);
    return clock_ms() - begin < PATIENCE_MS;
}

/* Waits until it has ended, and reaps it. Returns its status, as of waitpid. */
static int end_of(struct child *c)
{
    int status = -1;
    int64_t begin = clock_ms();
    while (!child_over(c, clock_ms(), &status) && wait_on(begin))
        ;
    return status;
}

/* Reads all that comes from it. */
static const char *read_all(struct child *c, struct bytes *got)
{
    char piece[4096];
    int64_t begin = clock_ms();
    ssize_t n = 1;
    got->len = 0;
    while (n) {
        n = read(c->out, piece, sizeof piece);
        if (n < 0 && (errno != EAGAIN || !wait_on(begin)))
            break;
        if (n > 0 && !bytes_append(got, piece, (size_t)n))
            abort();
    }
    bytes_append(got, "", 1);
    return (const char *)got->data;
}

static int descriptors(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return n;
}

/* Runs it to its end. Returns what it printed. */
static const char *run(const char *command, const struct child_variable *variables, size_t n, int *status)
{
    static struct bytes got;
    struct child c;
    bytes_free(&got);
    if (!child_start(&c, command, variables, n))
        return NULL;
    child_close(&c.in);
    const char *text = read_all(&c, &got);
    *status = end_of(&c);
    return text;
}

static void test_status(void)
{
    int status = -1;
    char text[40];
    is_str(run("echo this; exit 3", NULL, 0, &status), "this\n", "a command is run by the shell");
    is_str(child_status_text(status, text), "ended with status 3", "its status is told");
    run("kill -9 $$", NULL, 0, &status);
    is_str(child_status_text(status, text), "was killed by signal 9", "and so is a signal");
    run("/no/such/program 2>/dev/null", NULL, 0, &status);
    is_int(WEXITSTATUS(status), 127, "what is not there is 127, as the shell says");
}

static void test_pipes(void)
{
    struct child c;
    struct bytes got = {0};
    ok(child_start(&c, "tr a-z A-Z", NULL, 0), "a command that reads");
    ok(write(c.in, "what it reads", 13) == 13, "has a pipe to its stdin");
    ok(fcntl(c.in, F_GETFL) & O_NONBLOCK && fcntl(c.out, F_GETFL) & O_NONBLOCK, "no pipe makes us wait");
    child_close(&c.in);
    is_str(read_all(&c, &got), "WHAT IT READS", "and one from its stdout");
    is_int(end_of(&c), 0, "it ends when its stdin does");
    ok(c.in == -1 && c.out == -1 && !c.pid, "then nothing is left of it");
    bytes_free(&got);
}

static void test_environment(void)
{
    const struct child_variable variables[] = {{"INSTLINK_LINK", "a b"}, {"INSTLINK_ID", "01J"}};
    int status;
    setenv("INSTLINK_ID", "old", 1);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_PID", "1", 1);
    setenv("LISTEN_FDNAMES", "x", 1);
    is_str(run("echo \"$INSTLINK_LINK $INSTLINK_ID ${LISTEN_FDS-no} ${LISTEN_PID-no} ${LISTEN_FDNAMES-no}\"", variables,
               2, &status),
           "a b 01J no no no\n", "variables are added, those of socket activation are gone");
    is_str(getenv("INSTLINK_ID"), "old", "ours stay as they are");
}

/* A shell of /bin/sh cannot be asked what it has, but /proc can. */
static void test_inheritance(void)
{
    int status, kept[40];
    struct rlimit old, raised;
    sigset_t blocked;
    for (size_t i = 0; i < 40; i++)
        kept[i] = open("/dev/null", O_RDONLY); /* a child would get it */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    getrlimit(RLIMIT_NOFILE, &old);
    raised = old;
    old.rlim_cur = 100;
    child_keep_limit(&old);
    setrlimit(RLIMIT_NOFILE, &raised);
    is_str(run("ulimit -n", NULL, 0, &status), "100\n", "the limit on descriptors is the one that was kept");
    if (access("/proc/self/fd", R_OK) == 0) {
        /* what the shell opens itself is another's */
        is_str(run("exec ls /proc/self/fd", NULL, 0, &status), "0\n1\n2\n3\n",
               "no descriptor but 0, 1, 2 (ls opens the directory)");
        /* signals 32 and 33 are the C library's own, which some programs leave ignored for those that they start */
        is_str(run("exec sed -nE 's/^Sig(Blk|Ign):[[:blank:]]*0*(180000000)?$/none/p' /proc/self/status", NULL, 0,
                   &status),
               "none\nnone\n", "no signal is ignored, none is blocked");
    } else {
        skip("descriptors and signals of a child", "there is no /proc");
    }
    sigprocmask(SIG_UNBLOCK, &blocked, NULL);
    for (size_t i = 0; i < 40; i++)
        close(kept[i]);
}

static void test_group(void)
{
    struct child c;
    struct bytes got = {0};
    int status;
    child_start(&c, "sleep 1000 & sleep 1000 & echo ready; wait", NULL, 0);
    child_close(&c.in);
    is_int(getpgid(c.pid), c.pid, "a command has a process group of its own");
    char byte;
    int64_t begin = clock_ms();
    while (read(c.out, &byte, 1) != 1 && wait_on(begin))
        ;
    ok(!child_ended(&c, &status), "it has not ended");
    is_int(child_deadline(&c), INT64_MAX, "nothing is due");
    child_end(&c, clock_ms());
    ok(child_deadline(&c) < INT64_MAX, "told to end, it has a second");
    read_all(&c, &got); /* to the end: nobody holds the pipe any more */
    ok(got.len >= 1, "the whole group ends");
    end_of(&c);
    is_int(child_deadline(&c), INT64_MAX, "nothing is due any more");

    child_start(&c, "trap '' TERM; echo ready; while :; do sleep 0.1; done", NULL, 0);
    begin = clock_ms();
    while (read(c.out, &byte, 1) != 1 && wait_on(begin))
        ;
    child_end(&c, clock_ms());
    status = end_of(&c);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "one that does not heed it is made to");
    bytes_free(&got);
}

/* Whether a process is there, other than as a zombie that somebody else has to reap. */
static bool is_there(pid_t pid)
{
    char path[40], stat[200];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, stat, sizeof stat - 1) : 0;
    if (fd >= 0)
        close(fd);
    stat[n > 0 ? n : 0] = '\0';
    const char *state = strrchr(stat, ')');
    return kill(pid, 0) == 0 && !(state && state[1] == ' ' && state[2] == 'Z');
}

/* What a command that has ended well has left in the background. */
static void test_left(void)
{
    int status;
    int64_t begin = clock_ms();
    const char *text = run("sleep 1000 >/dev/null & echo $!; exit 0", NULL, 0, &status);
    pid_t pid = (pid_t)strtol(text, NULL, 10);
    is_int(status, 0, "a command ends well and leaves something behind");
    while (is_there(pid) && wait_on(begin))
        ;
    ok(pid > 1 && !is_there(pid), "which is told to end");
    if (access("/usr/bin/setsid", X_OK) != 0 && access("/bin/setsid", X_OK) != 0) {
        skip("what leaves the group stays", "setsid is missing");
        return;
    }
    text = run("setsid sh -c 'sleep 1000 >/dev/null & echo $!'", NULL, 0, &status);
    pid = (pid_t)strtol(text, NULL, 10);
    ok(pid > 1 && is_there(pid), "what leaves the group stays");
    if (pid > 1)
        kill(pid, SIGKILL);
}

static void test_ended(void)
{
    struct child c;
    int status = -1;
    int64_t begin = clock_ms();
    child_start(&c, "exit 7", NULL, 0);
    while (!child_ended(&c, &status) && wait_on(begin))
        ;
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 7, "that it has ended can be seen");
    ok(kill(c.pid, 0) == 0, "before it is reaped");
    is_int(WEXITSTATUS(end_of(&c)), 7, "which says the same");
    ok(!child_ended(&c, &status) && !child_over(&c, 0, &status), "then there is none");
    child_end(&c, 0);
    child_kill(&c);
    ok(child_deadline(&c) == INT64_MAX, "and nothing to be ended");
    child_start(&c, "sleep 1000", NULL, 0);
    pid_t pid = c.pid;
    child_kill(&c);
    ok(kill(pid, 0) != 0 && errno == ESRCH, "one can be killed and reaped at once");
}

static void test_no_leak(void)
{
    struct rlimit old, few;
    struct child c;
    int status, before = descriptors();
    for (int i = 0; i < 50; i++)
        run("cat", NULL, 0, &status);
    is_int(descriptors(), before, "fifty commands leave no descriptor");
    getrlimit(RLIMIT_NOFILE, &old);
    few = old;
    few.rlim_cur = 6;
    setrlimit(RLIMIT_NOFILE, &few);
    bool started = child_start(&c, "true", NULL, 0);
    int error = errno;
    setrlimit(RLIMIT_NOFILE, &old);
    ok(!started && error == EMFILE && !c.pid, "without descriptors none is started");
    is_int(descriptors(), before, "and none is left");
    ok(waitpid(-1, &status, WNOHANG) < 0 && errno == ECHILD, "no child is left either");
}

/* 0, 1 and 2 may be what a pipe gets. */
static void test_low_descriptors(void)
{
    struct child c;
    struct bytes got = {0};
    int in = dup(STDIN_FILENO);
    close(STDIN_FILENO);
    bool started = child_start(&c, "cat", NULL, 0);
    ok(started && c.in > 2 && c.out > 2, "a pipe does not come to lie where stdin was");
    ok(write(c.in, "through", 7) == 7, "and works");
    child_close(&c.in);
    is_str(read_all(&c, &got), "through", "both ways");
    end_of(&c);
    if (in >= 0)
        dup2(in, STDIN_FILENO);
    close(in);
    bytes_free(&got);
}

int main(void)
{
    signal(SIGCHLD, SIG_DFL);
    test_status();
    test_pipes();
    test_environment();
    test_inheritance();
    test_group();
    test_left();
    test_ended();
    test_no_leak();
    test_low_descriptors();
    return done();
}
