/* faults: calls that fail. Preloaded (LD_PRELOAD) into a program, it counts the calls to some functions of libc, and
 * lets those fail that FAULTS names, as in FAULTS=fdatasync:2,ftruncate:1 (the second fdatasync and the first
 * ftruncate), with the errno that such a call is most likely to fail with. `short` is write, which writes half of its
 * bytes; the one after it fails. `nobufs` is send, for which the system has no memory. Each that has failed appends its
 * name to the file FAULTS_FIRED, and how often each was called is in the end in the file FAULTS_CALLS. Writes to stderr
 * are let through, and not counted; nor is anything in the programs that it runs. Needs glibc, and a program that is
 * linked with it dynamically. */
#undef _FILE_OFFSET_BITS /* the names that the programs call then are given below */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
    const char *name;
    int error;
    atomic_ulong calls;
    unsigned long nth; /* 0: none fails */
} faults[] = {
    {"write", ENOSPC, 0, 0}, {"short", ENOSPC, 0, 0},  {"fdatasync", EIO, 0, 0},     {"fsync", EIO, 0, 0},
    {"pread", EIO, 0, 0},    {"ftruncate", EIO, 0, 0}, {"rename", ENOSPC, 0, 0},     {"open", EMFILE, 0, 0},
    {"fork", EAGAIN, 0, 0},  {"pipe", EMFILE, 0, 0},   {"accept", ENFILE, 0, 0},     {"send", ECONNRESET, 0, 0},
    {"flock", ENOLCK, 0, 0}, {"malloc", ENOMEM, 0, 0}, {"socketpair", EMFILE, 0, 0}, {"nobufs", ENOBUFS, 0, 0},
};
enum {
    WRITE,
    SHORT,
    FDATASYNC,
    FSYNC,
    PREAD,
    FTRUNCATE,
    RENAME,
    OPEN,
    FORK,
    PIPE,
    ACCEPT,
    SEND,
    FLOCK,
    MALLOC,
    SOCKETPAIR,
    NOBUFS,
    FAULTS
};

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

/* Not declared otherwise. */
int __open_2(const char *path, int flags);

static bool begun;
static pid_t self;

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("FAULTS");
    while (text && *text) {
        size_t n = strcspn(text, ":,");
        for (int i = 0; i < FAULTS; i++)
            if (strlen(faults[i].name) == n && memcmp(faults[i].name, text, n) == 0 && text[n] == ':')
                faults[i].nth = strtoul(text + n + 1, NULL, 10);
        text += strcspn(text, ",");
        text += *text == ',';
    }
    self = getpid();
    unsetenv("LD_PRELOAD"); /* for what it runs */
    begun = true;
}

/* How often each was called. */
__attribute__((destructor)) static void end(void)
{
    char text[64];
    const char *path = getenv("FAULTS_CALLS");
    int fd = path && getpid() == self ? (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT, 0600) : -1;
    for (int i = 0; fd >= 0 && i < FAULTS; i++) {
        int n = snprintf(text, sizeof text, "%s %lu\n", faults[i].name, (unsigned long)faults[i].calls);
        syscall(SYS_write, fd, text, (size_t)n);
    }
}

/* No function of libc that is counted, nor one that may call such. */
static void tell(const char *name)
{
    const char *path = getenv("FAULTS_FIRED");
    long fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    if (fd < 0)
        return;
    syscall(SYS_write, fd, name, strlen(name));
    syscall(SYS_write, fd, "\n", 1);
    syscall(SYS_close, fd);
}

static bool fails(int which)
{
    if (!begun || ++faults[which].calls != faults[which].nth)
        return false;
    tell(faults[which].name);
    errno = faults[which].error;
    return true;
}

static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

/* The function of libc behind the one that is being defined. */
#define REAL(name)                                                                                                     \
    static __typeof__(&name) behind;                                                                                   \
    if (!behind)                                                                                                       \
    *(void **)&behind = real(#name)

ssize_t write(int fd, const void *data, size_t n)
{
    static bool rest_fails;
    REAL(write);
    if (fd == STDERR_FILENO)
        return behind(fd, data, n);
    if (rest_fails) {
        rest_fails = false;
        errno = ENOSPC;
        return -1;
    }
    if (fails(WRITE))
        return -1;
    if (n > 1 && fails(SHORT)) {
        rest_fails = true;
        n /= 2;
    }
    return behind(fd, data, n);
}

int fdatasync(int fd)
{
    REAL(fdatasync);
    return fails(FDATASYNC) ? -1 : behind(fd);
}

int fsync(int fd)
{
    REAL(fsync);
    return fails(FSYNC) ? -1 : behind(fd);
}

ssize_t pread(int fd, void *data, size_t n, off_t at)
{
    REAL(pread);
    return fails(PREAD) ? -1 : behind(fd, data, n, at);
}

ssize_t __pread_chk(int fd, void *data, size_t n, off_t at, size_t room);
ssize_t __pread_chk(int fd, void *data, size_t n, off_t at, size_t room)
{
    if (n > room)
        abort();
    return pread(fd, data, n, at);
}

int ftruncate(int fd, off_t size)
{
    REAL(ftruncate);
    return fails(FTRUNCATE) ? -1 : behind(fd, size);
}

int rename(const char *from, const char *to)
{
    REAL(rename);
    return fails(RENAME) ? -1 : behind(from, to);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    REAL(open);
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fails(OPEN) ? -1 : behind(path, flags, mode);
}

int __open_2(const char *path, int flags)
{
    return open(path, flags);
}

int openat(int folder, const char *path, int flags, ...)
{
    va_list args;
    REAL(openat);
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fails(OPEN) ? -1 : behind(folder, path, flags, mode);
}

pid_t fork(void)
{
    REAL(fork);
    return fails(FORK) ? -1 : behind();
}

int pipe(int fds[2])
{
    REAL(pipe);
    return fails(PIPE) ? -1 : behind(fds);
}

int pipe2(int fds[2], int flags)
{
    REAL(pipe2);
    return fails(PIPE) ? -1 : behind(fds, flags);
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
    REAL(socketpair);
    return fails(SOCKETPAIR) ? -1 : behind(domain, type, protocol, fds);
}

/* accept's parameter is a union in glibc's header, so that it cannot be defined by that name. */
int faults_accept(int fd, struct sockaddr *address, socklen_t *len) __asm__("accept");
int faults_accept(int fd, struct sockaddr *address, socklen_t *len)
{
    static int (*behind)(int, struct sockaddr *, socklen_t *);
    if (!behind)
        *(void **)&behind = real("accept");
    return fails(ACCEPT) ? -1 : behind(fd, address, len);
}

int faults_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags) __asm__("accept4");
int faults_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    static int (*behind)(int, struct sockaddr *, socklen_t *, int);
    if (!behind)
        *(void **)&behind = real("accept4");
    return fails(ACCEPT) ? -1 : behind(fd, address, len, flags);
}

ssize_t send(int fd, const void *data, size_t n, int flags)
{
    REAL(send);
    return fails(SEND) || fails(NOBUFS) ? -1 : behind(fd, data, n, flags);
}

int flock(int fd, int operation)
{
    REAL(flock);
    return fails(FLOCK) ? -1 : behind(fd, operation);
}

void *malloc(size_t n)
{
    return fails(MALLOC) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return fails(MALLOC) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return fails(MALLOC) ? NULL : __libc_realloc(p, n);
}

/* The same, by the names of those whose offsets have 64 bits by wish. */
__typeof__(open) faults_open64 __asm__("open64") __attribute__((alias("open")));
__typeof__(__open_2) faults_open64_2 __asm__("__open64_2") __attribute__((alias("__open_2")));
__typeof__(openat) faults_openat64 __asm__("openat64") __attribute__((alias("openat")));
__typeof__(pread) faults_pread64 __asm__("pread64") __attribute__((alias("pread")));
__typeof__(__pread_chk) faults_pread64_chk __asm__("__pread64_chk") __attribute__((alias("__pread_chk")));
int faults_ftruncate64(int fd, off_t size) __asm__("ftruncate64");
int faults_ftruncate64(int fd, off_t size)
{
    return ftruncate(fd, size);
}
