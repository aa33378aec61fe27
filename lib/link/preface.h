/* An accepted connection whose PROXY header has not come yet (--proxy-protocol). It is none of an instrument: nothing
 * that it sends goes anywhere, and no counter of connections knows it. When the header is whole, its port takes the
 * connection in, with the address of the header, and this is gone; what stands behind the header is still unread. */
#ifndef INSTLINK_PREFACE_H
#define INSTLINK_PREFACE_H

#include "link/port.h"

enum { PREFACE_MS = 3000 }; /* from accepting to the end of the header */

/* Waits for the header of a socket, which it owns from now on. address: of the socket's other end. */
void preface_open(struct port *port, int fd, const struct address *address, int64_t now);

/* Closes all that the port waits for. */
void preface_close_all(struct port *port);

#endif
