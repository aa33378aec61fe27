/* What a service manager is told over NOTIFY_SOCKET [sd_notify(3)]: a line of NAME=VALUE as a datagram. */
#ifndef INSTLINK_NOTIFY_H
#define INSTLINK_NOTIFY_H

#include <stdint.h>

/* Tells it, where there is one. It never waits, and a failure is no error. */
void notify_service(const char *line);

/* How often WATCHDOG=1 has to be sent, ms: half of what WATCHDOG_USEC says, where it is meant for this process; else 0.
 */
int64_t notify_watchdog_ms(void);

#endif
