#include "link/child.h"

#include "link/system.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct rlimit limit;
static bool limit_known;

void child_keep_limit(const struct rlimit *descriptors)
{
    limit = *descriptors;
    limit_known = true;
}

void child_close(int *pipe)
{
    if (*pipe >= 0)
        close(*pipe);
    *pipe = -1;
}

/* ---- in the child ---- */

void child_reset_signals(void)
{
    sigset_t none;
    for (int s = 1; s < 65; s++)
        signal(s, SIG_DFL); /* refused for some */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* False when memory is exhausted. */
static bool set_variables(const struct child_variable *variables, size_t n)
{
    static const char *const ours[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        unsetenv(ours[i]);
    for (size_t i = 0; i < n; i++)
        if (setenv(variables[i].name, variables[i].value, 1) != 0)
            return false;
    return true;
}

/* in and out lie above stderr. */
static void become(const char *command, int in, int out, const struct child_variable *variables, size_t n)
{
    setpgid(0, 0);
    child_reset_signals();
    if (!set_variables(variables, n) || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
        _exit(127);
    system_close_from(STDERR_FILENO + 1);
    if (limit_known)
        setrlimit(RLIMIT_NOFILE, &limit);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

/* ---- beginning ---- */

/* A pipe with both ends above stderr, that children do not get by chance; `own` is the end that does not wait. */
static bool open_pipe(int ends[2], int own)
{
    if (pipe(ends) != 0)
        return false;
    for (int i = 0; i < 2; i++) {
        int low = ends[i];
        if (low > STDERR_FILENO) {
            fcntl(low, F_SETFD, FD_CLOEXEC);
            continue;
        }
        ends[i] = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        close(low);
    }
    if (ends[0] >= 0 && ends[1] >= 0 && fcntl(ends[own], F_SETFL, O_NONBLOCK) == 0)
        return true;
    int error = errno;
    child_close(&ends[0]);
    child_close(&ends[1]);
    errno = error;
    return false;
}

bool child_start(struct child *c, const char *command, const struct child_variable *variables, size_t n)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    pid_t pid = -1;
    *c = (struct child){.in = -1, .out = -1};
    if (open_pipe(in, 1) && open_pipe(out, 0))
        pid = fork();
    int error = errno;
    if (pid == 0)
        become(command, in[0], out[1], variables, n);
    child_close(&in[0]);
    child_close(&out[1]);
    if (pid < 0) {
        child_close(&in[1]);
        child_close(&out[0]);
        errno = error;
        return false;
    }
    setpgid(pid, pid); /* whoever of us comes first */
    *c = (struct child){pid, in[1], out[0], 0};
    return true;
}

/* ---- the end ---- */

static int status_of(const siginfo_t *info)
{
    return info->si_code == CLD_EXITED ? (info->si_status & 0xFF) << 8 : info->si_status & 0x7F;
}

bool child_ended(const struct child *c, int *status)
{
    siginfo_t info = {.si_pid = 0};
    if (!c->pid || waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || !info.si_pid)
        return false;
    *status = status_of(&info);
    return true;
}

void child_end(struct child *c, int64_t now)
{
    if (!c->pid || c->kill_at)
        return;
    kill(-c->pid, SIGTERM);
    c->kill_at = now + CHILD_KILL_MS;
}

static void release(struct child *c)
{
    child_close(&c->in);
    child_close(&c->out);
    c->pid = 0;
    c->kill_at = 0;
}

bool child_over(struct child *c, int64_t now, int *status)
{
    bool made = c->kill_at == INT64_MAX;
    if (!c->pid || (now < c->kill_at && !made))
        return false;
    if (c->kill_at && !made) {
        kill(-c->pid, SIGKILL);
        c->kill_at = INT64_MAX;
    }
    if (!c->kill_at) {
        if (!child_ended(c, status))
            return false;
        kill(-c->pid, SIGTERM); /* what it has left; as long as it is a zombie, its group is no other's */
    }
    *status = 0;
    pid_t pid = waitpid(c->pid, status, WNOHANG);
    if (pid == 0 || (pid < 0 && errno == EINTR))
        return false;
    release(c);
    return true;
}

int64_t child_deadline(const struct child *c)
{
    return c->pid && c->kill_at ? c->kill_at : INT64_MAX;
}

void child_kill(struct child *c)
{
    if (!c->pid)
        return;
    kill(-c->pid, SIGKILL);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    release(c);
}

const char *child_status_text(int status, char text[40])
{
    if (WIFSIGNALED(status))
        snprintf(text, 40, "was killed by signal %d", WTERMSIG(status));
    else
        snprintf(text, 40, "ended with status %d", WEXITSTATUS(status));
    return text;
}
