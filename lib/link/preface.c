#include "link/preface.h"

#include "link/proxy_header.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct preface {
    struct loop_source source;
    struct port *port;
    struct preface *next; /* of the port's */
    struct address address;
    int64_t due;
    size_t len; /* bytes of the header that have been read */
    unsigned char bytes[PROXY_HEADER_MAX];
};

static struct preface *of(const struct loop_source *source)
{
    return (struct preface *)(uintptr_t)source;
}

/* Ends it. The socket, which is returned, goes on. */
static int end(struct preface *f)
{
    struct preface **at = &f->port->prefaces;
    int fd = f->source.fd;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    f->source.fd = -1;
    f->port->hub->prefaces--;
    loop_remove(&f->port->hub->loop, &f->source);
    return fd;
}

static void refuse(struct preface *f, const char *why, int64_t now)
{
    port_refuse(f->port, end(f), &f->address, LOG_ERROR, "proxy-header", why, now);
}

/* The other end is gone. Who has said nothing only looked whether somebody is here. */
static void lost(struct preface *f, int64_t now)
{
    if (f->len)
        refuse(f, "it ends within its PROXY header", now);
    else
        close(end(f));
}

/* ---- the loop's questions ---- */

static short interest(struct loop_source *source)
{
    (void)source;
    return POLLIN;
}

/* Takes from the socket what belongs to the header, and no more. */
static void ready(struct loop_source *source, short revents, int64_t now)
{
    struct preface *f = of(source);
    struct proxy_header header;
    (void)revents;
    ssize_t n = recv(source->fd, f->bytes + f->len, sizeof f->bytes - f->len, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (n <= 0) {
        lost(f, now);
        return;
    }
    enum proxy_header_result result = proxy_header_parse(f->bytes, f->len + (size_t)n, &header);
    if (result == PROXY_HEADER_INVALID) {
        refuse(f, header.why, now);
        return;
    }
    bool more = result == PROXY_HEADER_MORE;
    n = recv(source->fd, f->bytes + f->len, more ? (size_t)n : header.len - f->len, MSG_DONTWAIT);
    if (n > 0)
        f->len += (size_t)n;
    if (!more && f->len == header.len)
        port_admit(f->port, end(f), result == PROXY_HEADER_ADDRESS ? &header.address : &f->address, now);
}

static int64_t deadline(struct loop_source *source)
{
    return of(source)->due;
}

static void tick(struct loop_source *source, int64_t now)
{
    char why[64];
    snprintf(why, sizeof why, "no PROXY header came within %d s", PREFACE_MS / 1000);
    refuse(of(source), why, now);
}

static void removed(struct loop_source *source)
{
    free(of(source));
}

/* ---- from outside ---- */

void preface_open(struct port *port, int fd, const struct address *address, int64_t now)
{
    struct preface *f = malloc(sizeof *f);
    if (!f) {
        port_refuse(port, fd, address, LOG_ERROR, "no-memory", "memory is exhausted", now);
        return;
    }
    f->source = (struct loop_source){
        .fd = fd, .interest = interest, .ready = ready, .deadline = deadline, .tick = tick, .removed = removed};
    f->port = port;
    f->address = *address;
    f->due = now + PREFACE_MS;
    f->len = 0;
    f->next = port->prefaces;
    port->prefaces = f;
    port->hub->prefaces++;
    endpoint_tune(fd, port->endpoint.kind == ENDPOINT_FD);
    loop_add(&port->hub->loop, &f->source);
}

void preface_close_all(struct port *port)
{
    while (port->prefaces)
        close(end(port->prefaces));
}
