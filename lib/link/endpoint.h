/* Where a link is: parsing of endpoints, and the sockets that they stand for.
 *
 *     PORT | HOST:PORT            listens in listeners, dials in senders; HOST defaults to 127.0.0.1
 *     listen:HOST:PORT            '*' is every address; [v6]:port
 *     dial:HOST:PORT
 *     unix:PATH                   listens in listeners, connects in senders; listen: or dial: may stand before it
 *     fd:N                        an inherited socket, listening or connected
 *     serial:DEVICE[,9600[,8N1[,rtscts|xonxoff]]] */
#ifndef INSTLINK_ENDPOINT_H
#define INSTLINK_ENDPOINT_H

#include "link/serial.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum endpoint_kind { ENDPOINT_LISTEN, ENDPOINT_DIAL, ENDPOINT_FD, ENDPOINT_SERIAL };

struct endpoint {
    enum endpoint_kind kind;
    bool is_unix;
    const char *text; /* as written; the caller's */
    char host[256];   /* or the path of a unix socket or a device */
    struct serial serial;
    uint16_t port;
    int fd;
};

/* An address as the system wants it. */
struct address {
    struct sockaddr_storage storage;
    socklen_t len;
};

/* Reads an endpoint. listener: what a bare HOST:PORT or unix:PATH means. False: *why says what is wrong with it. */
bool endpoint_parse(const char *text, bool listener, struct endpoint *endpoint, const char **why);

/* Opens a non-blocking listening socket. address: what the host stands for. -1: errno says why. */
int endpoint_listen(const struct endpoint *endpoint, const struct address *address);

/* The address of a unix endpoint. False: the path is too long. */
bool endpoint_unix_address(const struct endpoint *endpoint, struct address *address);

/* Removes a socket file on which nobody answers. */
void endpoint_remove_stale(const struct endpoint *endpoint);

/* Begins to connect; the socket is non-blocking, and writable when that is decided. -1: errno says why. */
int endpoint_connect(const struct address *address);

/* Whether a connected socket is connected to itself. */
bool endpoint_is_itself(int fd);

/* Settings of every connection: no delay, keep-alive, closed on exec; and non-blocking, unless it is inherited: then
 * others may share the description. */
void endpoint_tune(int fd, bool inherited);

/* Writes the address as `10.0.0.5:49152`, `[::1]:49152` or `unix`. */
void address_text(const struct address *address, char *out, size_t n);

/* The length of what address_text wrote, without its port. */
size_t address_host_len(const char *text);

/* Writes what -R prints for a socket: `listen:127.0.0.1:40123`. */
void endpoint_bound_text(const struct endpoint *endpoint, int fd, char *out, size_t n);

#endif
