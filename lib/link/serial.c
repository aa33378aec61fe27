#include "link/serial.h"

#include "base/option.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static const struct {
    unsigned long speed;
    speed_t code;
} speeds[] = {
    {300, B300},       {600, B600},   {1200, B1200},   {2400, B2400},
    {4800, B4800},     {9600, B9600}, {19200, B19200}, {38400, B38400},
#ifdef B57600
    {57600, B57600},
#endif
#ifdef B115200
    {115200, B115200},
#endif
#ifdef B230400
    {230400, B230400},
#endif
#ifdef B460800
    {460800, B460800},
#endif
#ifdef B921600
    {921600, B921600},
#endif
};

enum { SPEEDS = sizeof speeds / sizeof *speeds };

static const speed_t *speed_code(unsigned long speed)
{
    for (size_t i = 0; i < SPEEDS; i++)
        if (speeds[i].speed == speed)
            return &speeds[i].code;
    return NULL;
}

/* The text up to the next comma, as a field of its own in out; *text moves behind it, to NULL at the end. */
static bool field(const char **text, char *out, size_t n)
{
    size_t len = strcspn(*text, ",");
    if (!len || len >= n)
        return false;
    memcpy(out, *text, len);
    out[len] = 0;
    *text = (*text)[len] ? *text + len + 1 : NULL;
    return true;
}

static bool parse_speed(const char *text, struct serial *s)
{
    uint64_t speed;
    if (!parse_count(text, &speed) || speed > 4000000)
        return false;
    s->speed = (unsigned long)speed;
    return speed_code(s->speed) != NULL;
}

/* 8N1 and its like. */
static bool parse_shape(const char *text, struct serial *s)
{
    if (strlen(text) != 3 || !strchr("5678", text[0]) || !strchr("NEOneo", text[1]) || !strchr("12", text[2]))
        return false;
    s->bits = text[0] - '0';
    s->parity = (char)(text[1] & ~0x20);
    s->stop = text[2] - '0';
    return true;
}

static bool parse_flow(const char *text, struct serial *s)
{
    if (strcmp(text, "rtscts") == 0)
        s->flow = SERIAL_FLOW_RTSCTS;
    else if (strcmp(text, "xonxoff") == 0)
        s->flow = SERIAL_FLOW_XONXOFF;
    else
        return strcmp(text, "none") == 0;
    return true;
}

bool serial_parse(const char *text, char *path, size_t n, struct serial *s, const char **why)
{
    char part[16];
    *s = (struct serial){9600, 8, 'N', 1, SERIAL_FLOW_NONE};
    *why = "the device's path is empty or too long";
    if (!field(&text, path, n))
        return false;
    *why = "the speed is none that serial lines have, as in serial:/dev/ttyS0,9600";
    if (text && !(field(&text, part, sizeof part) && parse_speed(part, s)))
        return false;
    *why = "bits, parity and stop bits are written as in 8N1 or 7E1";
    if (text && !(field(&text, part, sizeof part) && parse_shape(part, s)))
        return false;
    *why = "flow control is none, rtscts or xonxoff";
    return !text || (field(&text, part, sizeof part) && parse_flow(part, s) && !text);
}

static void set(struct termios *t, const struct serial *s)
{
    static const tcflag_t sizes[] = {CS5, CS6, CS7, CS8};
    t->c_iflag = s->flow == SERIAL_FLOW_XONXOFF ? IXON | IXOFF : 0;
    t->c_oflag = 0;
    t->c_lflag = 0;
    t->c_cflag = CREAD | CLOCAL | sizes[s->bits - 5];
    if (s->stop == 2)
        t->c_cflag |= CSTOPB;
    if (s->parity != 'N')
        t->c_cflag |= PARENB;
    if (s->parity == 'O')
        t->c_cflag |= PARODD;
    if (s->parity != 'N')
        t->c_iflag |= INPCK;
#ifdef CRTSCTS
    if (s->flow == SERIAL_FLOW_RTSCTS)
        t->c_cflag |= CRTSCTS;
#endif
    t->c_cc[VMIN] = 1;
    t->c_cc[VTIME] = 0;
    cfsetispeed(t, *speed_code(s->speed));
    cfsetospeed(t, *speed_code(s->speed));
}

/* Whether the device took what matters; tcsetattr reports success when it took anything at all. */
static bool took(int fd, const struct serial *s, const struct termios *asked)
{
    const tcflag_t shape = CSIZE | CSTOPB | PARENB | PARODD;
    struct termios t;
    return tcgetattr(fd, &t) == 0 && cfgetospeed(&t) == *speed_code(s->speed) &&
           ((t.c_cflag ^ asked->c_cflag) & shape) == 0;
}

static bool prepare(int fd, const struct serial *s)
{
    struct termios t, before;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        errno = errno == EWOULDBLOCK ? EBUSY : errno;
        return false;
    }
    if (tcgetattr(fd, &t) != 0)
        return false;
    before = t;
    set(&t, s);
    bool fine = tcsetattr(fd, TCSANOW, &t) == 0;
    if (fine && took(fd, s, &t)) {
        ioctl(fd, TIOCEXCL);
        tcflush(fd, TCIOFLUSH);
        return true;
    }
    int error = fine ? EINVAL : errno;
    tcsetattr(fd, TCSANOW, &before);
    errno = error;
    return false;
}

int serial_open(const char *path, const struct serial *s)
{
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || prepare(fd, s))
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

void serial_close(int fd)
{
    ioctl(fd, TIOCNXCL); /* a pseudo-terminal would stay ours for as long as its other end is open */
    close(fd);
}
