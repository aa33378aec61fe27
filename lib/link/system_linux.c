#ifdef __linux__
#include "link/system.h"

#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

void system_notice_dead_peer(int fd)
{
    int idle = 20, between = 10, probes = (SYSTEM_DEAD_AFTER - idle) / between,
        unacknowledged = SYSTEM_DEAD_AFTER * 1000;
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between, sizeof between);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged, sizeof unacknowledged);
}

/* Without the system call (before 5.9) the directory of our own descriptors is read anew until nothing is left. */
void system_close_from(int first)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, (unsigned)first, ~0U, 0) == 0)
        return;
#endif
    for (bool more = true; more;) {
        DIR *dir = opendir("/proc/self/fd");
        struct dirent *entry;
        more = false;
        while (dir && (entry = readdir(dir))) {
            int fd = (int)strtol(entry->d_name, NULL, 10);
            if (fd >= first && fd != dirfd(dir))
                more = close(fd) == 0 || more;
        }
        if (dir)
            closedir(dir);
    }
}
#else
typedef int nothing_here;
#endif
