#ifndef __linux__
#include "link/system.h"

void system_notice_dead_peer(int fd)
{
    (void)fd;
}
#else
typedef int nothing_here;
#endif
