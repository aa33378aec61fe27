/* onto: runs a program whose stdout is a socket or a terminal that others share, and copies what it prints.
 *
 * usage: onto socket|terminal PROGRAM [ARG ...]
 *
 * Exit status: that of the program; 99 when it made stdout non-blocking for the others, 98 when something is amiss. */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { AMISS = 98, NON_BLOCKING = 99 };

static int ended[2]; /* a byte comes when the program ends */

static void fail(const char *what)
{
    perror(what);
    exit(AMISS);
}

static void on_child(int number)
{
    int error = errno;
    (void)number;
    if (write(ended[1], "", 1) < 0)
        _exit(AMISS);
    errno = error;
}

static void open_socket(int *ours, int *theirs)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        fail("onto: socketpair");
    *ours = ends[0];
    *theirs = ends[1];
}

static void open_terminal(int *ours, int *theirs)
{
    struct termios raw;
    *ours = posix_openpt(O_RDWR | O_NOCTTY);
    if (*ours < 0 || grantpt(*ours) != 0 || unlockpt(*ours) != 0)
        fail("onto: posix_openpt");
    *theirs = open(ptsname(*ours), O_RDWR | O_NOCTTY);
    if (*theirs < 0 || tcgetattr(*theirs, &raw) != 0)
        fail("onto: terminal");
    raw.c_oflag &= ~(tcflag_t)OPOST;
    tcsetattr(*theirs, TCSANOW, &raw);
}

/* False at the end. */
static bool copy(int from)
{
    char buffer[4096];
    ssize_t n = read(from, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR)
        return true;
    if (n > 0 && write(STDOUT_FILENO, buffer, (size_t)n) != n)
        fail("onto: stdout");
    return n > 0;
}

static void run(char **argv, int theirs)
{
    if (dup2(theirs, STDOUT_FILENO) < 0)
        fail("onto: dup2");
    close(theirs);
    execvp(argv[0], argv);
    perror(argv[0]);
    _exit(AMISS);
}

int main(int argc, char **argv)
{
    int ours, theirs, status;
    bool terminal = argc > 2 && strcmp(argv[1], "terminal") == 0;
    if (argc < 3 || (!terminal && strcmp(argv[1], "socket") != 0)) {
        fputs("usage: onto socket|terminal PROGRAM [ARG ...]\n", stderr);
        return AMISS;
    }
    if (terminal)
        open_terminal(&ours, &theirs);
    else
        open_socket(&ours, &theirs);
    if (pipe(ended) != 0)
        fail("onto: pipe");
    signal(SIGCHLD, on_child);
    pid_t child = fork();
    if (child == 0) {
        close(ours);
        close(ended[0]);
        close(ended[1]);
        run(argv + 2, theirs);
    }
    for (int fd = STDERR_FILENO + 1; fd < 10; fd++) /* those of the test are the program's alone */
        if (fd != ours && fd != theirs && fd != ended[0] && fd != ended[1])
            close(fd);
    struct pollfd set[] = {{.fd = ours, .events = POLLIN}, {.fd = ended[0], .events = POLLIN}};
    bool blocking = true;
    while (!set[1].revents) {
        if (poll(set, 2, -1) > 0 && set[0].revents)
            copy(ours);
        blocking = blocking && !(fcntl(theirs, F_GETFL) & O_NONBLOCK);
    }
    close(theirs);
    while (copy(ours))
        ;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return AMISS;
    return blocking ? WEXITSTATUS(status) : NON_BLOCKING;
}
