#ifdef __linux__
#include "link/system.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

void system_notice_dead_peer(int fd)
{
    int idle = 20, between = 10, probes = (SYSTEM_DEAD_AFTER - idle) / between,
        unacknowledged = SYSTEM_DEAD_AFTER * 1000;
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between, sizeof between);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged, sizeof unacknowledged);
}
#else
typedef int nothing_here;
#endif
