#ifndef __linux__
#include "link/system.h"

#include <unistd.h>

void system_notice_dead_peer(int fd)
{
    (void)fd;
}

void system_close_from(int first)
{
    closefrom(first);
}
#else
typedef int nothing_here;
#endif
