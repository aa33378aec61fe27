/* What systems do each in their own way; a file a system. */
#ifndef INSTLINK_SYSTEM_H
#define INSTLINK_SYSTEM_H

enum { SYSTEM_DEAD_AFTER = 50 }; /* seconds: a peer that has not answered for so long is gone */

/* Has the system find out, on a connected socket, that its peer is gone: within SYSTEM_DEAD_AFTER where it can be told
 * so, else when its own keep-alive does. */
void system_notice_dead_peer(int fd);

/* Closes all descriptors from that one on. */
void system_close_from(int first);

#endif
