#include "link/notify.h"

#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A socket as a service manager has one. path: of a file, or `@name`. */
static int manager(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    memcpy(at.sun_path, path, strlen(path));
    if (*path == '@')
        at.sun_path[0] = '\0';
    if (bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))) != 0)
        abort();
    return fd;
}

/* The datagram that has come; `nothing`. */
static const char *told(int fd)
{
    static char text[256];
    ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    text[n > 0 ? n : 0] = '\0';
    return n < 0 ? "nothing" : text;
}

static int free_descriptor(void)
{
    int fd = dup(STDOUT_FILENO);
    close(fd);
    return fd;
}

static void file_socket(const char *dir)
{
    char path[128], longest[sizeof((struct sockaddr_un *)0)->sun_path + 1];
    snprintf(path, sizeof path, "%s/notify", dir);
    int fd = manager(path);
    setenv("NOTIFY_SOCKET", path, 1);
    notify_service("READY=1");
    is_str(told(fd), "READY=1", "the service manager is told");
    notify_service("RELOADING=1\nMONOTONIC_USEC=1");
    notify_service("WATCHDOG=1");
    is_str(told(fd), "RELOADING=1\nMONOTONIC_USEC=1", "of several things at once");
    is_str(told(fd), "WATCHDOG=1", "or one after the other");
    is_str(told(fd), "nothing", "and of nothing else");
    is_int(free_descriptor(), fd + 1, "no descriptor is left open");

    unsetenv("NOTIFY_SOCKET");
    notify_service("READY=1");
    setenv("NOTIFY_SOCKET", "", 1);
    notify_service("READY=1");
    setenv("NOTIFY_SOCKET", path + 1, 1); /* a name in the working directory is none */
    notify_service("READY=1");
    is_str(told(fd), "nothing", "nobody is told where there is no service manager");

    setenv("NOTIFY_SOCKET", path, 1);
    for (int i = 0; i < 5000; i++)
        notify_service("WATCHDOG=1");
    is_str(told(fd), "WATCHDOG=1", "one that does not listen is not waited for");
    close(fd);
    notify_service("READY=1");
    unlink(path);
    notify_service("READY=1");
    is_int(free_descriptor(), fd, "nor one that has gone");

    memset(longest, 'x', sizeof longest);
    memcpy(longest, path, strlen(path));
    longest[sizeof longest - 2] = '\0';
    longest[sizeof longest - 1] = '\0';
    setenv("NOTIFY_SOCKET", longest, 1);
    notify_service("READY=1");
    longest[sizeof longest - 3] = '\0';
    fd = manager(longest);
    setenv("NOTIFY_SOCKET", longest, 1);
    notify_service("READY=1");
    is_str(told(fd), "READY=1", "a path may be as long as the system has them, and a longer one hurts nobody");
    close(fd);
    unlink(longest);
}

#ifdef __linux__
static void abstract_name(void)
{
    char name[64];
    snprintf(name, sizeof name, "@instlink-notify-test-%ld", (long)getpid());
    int fd = manager(name);
    setenv("NOTIFY_SOCKET", name, 1);
    notify_service("STOPPING=1");
    is_str(told(fd), "STOPPING=1", "a name that is no file");
    strcat(name, "x");
    setenv("NOTIFY_SOCKET", name, 1);
    notify_service("STOPPING=1");
    setenv("NOTIFY_SOCKET", "@", 1);
    notify_service("STOPPING=1");
    is_str(told(fd), "nothing", "another name is another's");
    close(fd);
}
#endif

static void watchdog(void)
{
    static const struct {
        const char *us, *pid; /* NULL: not set; `self`, `other` */
        int64_t ms;
    } cases[] = {
        {NULL, NULL, 0},
        {NULL, "self", 0},
        {"", NULL, 0},
        {"0", NULL, 0},
        {"30000000", NULL, 15000},
        {"30000000", "self", 15000},
        {"30000000", "other", 0},
        {"30000000", "", 0},
        {"30000000", "self ", 0},
        {"30000000", "-1", 0},
        {"2000", "self", 1},
        {"3001000", NULL, 1500},
        {"30s", NULL, 0},
        {" 30000000", NULL, 0},
        {"-30000000", NULL, 0},
        {"3e7", NULL, 0},
        {"18446744073709551615", NULL, INT64_C(9223372036854775)},
        {"18446744073709551616", NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *us = cases[i].us, *pid = cases[i].pid;
        char text[32];
        unsetenv("WATCHDOG_USEC");
        unsetenv("WATCHDOG_PID");
        if (us)
            setenv("WATCHDOG_USEC", us, 1);
        if (pid && strncmp(pid, "self", 4) == 0)
            snprintf(text, sizeof text, "%ld%s", (long)getpid(), pid + 4);
        else
            snprintf(text, sizeof text, "%s", pid && strcmp(pid, "other") == 0 ? "1" : pid ? pid : "");
        if (pid)
            setenv("WATCHDOG_PID", text, 1);
        is_int(notify_watchdog_ms(), cases[i].ms, "WATCHDOG_USEC %s, WATCHDOG_PID %s", us ? us : "not set",
               pid ? pid : "not set");
    }
}

int main(void)
{
    char dir[] = "/tmp/notify-test-XXXXXX";
    if (!mkdtemp(dir))
        abort();
    file_socket(dir);
    rmdir(dir);
#ifdef __linux__
    abstract_name();
#endif
    watchdog();
    return done();
}
