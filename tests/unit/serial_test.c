#include "link/serial.h"

#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* ---- texts ---- */

static void good(void)
{
    static const struct {
        const char *text, *path;
        struct serial serial;
    } cases[] = {
        {"/dev/ttyS0", "/dev/ttyS0", {9600, 8, 'N', 1, SERIAL_FLOW_NONE}},
        {"a", "a", {9600, 8, 'N', 1, SERIAL_FLOW_NONE}},
        {"/dev/a b", "/dev/a b", {9600, 8, 'N', 1, SERIAL_FLOW_NONE}},
        {"a,300", "a", {300, 8, 'N', 1, SERIAL_FLOW_NONE}},
        {"a,009600", "a", {9600, 8, 'N', 1, SERIAL_FLOW_NONE}},
        {"a,115200", "a", {115200, 8, 'N', 1, SERIAL_FLOW_NONE}},
        {"a,19200,7E1", "a", {19200, 7, 'E', 1, SERIAL_FLOW_NONE}},
        {"a,19200,5o2", "a", {19200, 5, 'O', 2, SERIAL_FLOW_NONE}},
        {"a,1200,6n1", "a", {1200, 6, 'N', 1, SERIAL_FLOW_NONE}},
        {"a,2400,8E2,none", "a", {2400, 8, 'E', 2, SERIAL_FLOW_NONE}},
        {"a,2400,8E2,rtscts", "a", {2400, 8, 'E', 2, SERIAL_FLOW_RTSCTS}},
        {"a,2400,8E2,xonxoff", "a", {2400, 8, 'E', 2, SERIAL_FLOW_XONXOFF}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = exact_copy(cases[i].text, strlen(cases[i].text) + 1), path[16];
        const struct serial *want = &cases[i].serial;
        struct serial got;
        const char *why;
        bool fine = serial_parse(text, path, sizeof path, &got, &why);
        free(text);
        ok(fine && strcmp(path, cases[i].path) == 0, "%s is %s", cases[i].text, cases[i].path);
        ok(fine && got.speed == want->speed && got.bits == want->bits && got.parity == want->parity &&
               got.stop == want->stop && got.flow == want->flow,
           "... and has its settings");
    }
}

static void bad(void)
{
    static const struct {
        const char *text, *why; /* a word of it */
    } cases[] = {
        {"", "path"},
        {",9600", "path"},
        {"/dev/ttyACM00000", "path"},
        {"/dev/ttyACM00000,9600", "path"},
        {"a,", "speed"},
        {"a,0", "speed"},
        {"a,9601", "speed"},
        {"a,+9600", "speed"},
        {"a,-9600", "speed"},
        {"a, 9600", "speed"},
        {"a,9600 ", "speed"},
        {"a,9600baud", "speed"},
        {"a,99999999999999999999999", "speed"},
        {"a,4294976896", "speed"}, /* 9600 in 32 bits */
        {"a,,8N1", "speed"},
        {"a,8N1", "speed"},
        {"a,9600,", "8N1"},
        {"a,9600,8N", "8N1"},
        {"a,9600,8N1 ", "8N1"},
        {"a,9600,8N10", "8N1"},
        {"a,9600,4N1", "8N1"},
        {"a,9600,9N1", "8N1"},
        {"a,9600,8M1", "8N1"},
        {"a,9600,8N0", "8N1"},
        {"a,9600,8N3", "8N1"},
        {"a,9600,N81", "8N1"},
        {"a,9600,8N1,", "flow"},
        {"a,9600,8N1,RTSCTS", "flow"},
        {"a,9600,8N1,rts", "flow"},
        {"a,9600,8N1,xonxoffxonxoffxonxoff", "flow"},
        {"a,9600,8N1,none,", "flow"},
        {"a,9600,8N1,none,more", "flow"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = exact_copy(cases[i].text, strlen(cases[i].text) + 1), path[16];
        struct serial got;
        const char *why = "";
        ok(!serial_parse(text, path, sizeof path, &got, &why) && strstr(why, cases[i].why), "'%s' is wrong: %s",
           cases[i].text, why);
        free(text);
    }
}

/* ---- a pseudo-terminal ---- */

struct pty {
    int master;
    char path[128];
};

static void open_pty(struct pty *p)
{
    p->master = posix_openpt(O_RDWR | O_NOCTTY);
    if (p->master < 0 || grantpt(p->master) != 0 || unlockpt(p->master) != 0)
        abort();
    snprintf(p->path, sizeof p->path, "%s", ptsname(p->master));
}

static bool comes(int fd, const void *want, size_t n)
{
    unsigned char got[64];
    size_t len = 0;
    while (len < n && poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 5000) == 1) {
        ssize_t some = read(fd, got + len, sizeof got - len);
        if (some <= 0)
            break;
        len += (size_t)some;
    }
    return len == n && memcmp(got, want, n) == 0;
}

static void settings(void)
{
    static const struct {
        const char *text; /* behind the path */
        speed_t speed;
        tcflag_t control, input;
    } cases[] = {
        {"", B9600, CS8, 0},
        {",300", B300, CS8, 0},
        {",19200,8N1", B19200, CS8, 0},
        {",38400,8N2", B38400, CS8 | CSTOPB, 0},
        {",115200,8N1,none", B115200, CS8, 0},
        {",1200,8N1,xonxoff", B1200, CS8, IXON | IXOFF},
        {",4800,8N1,rtscts", B4800, CS8 | CRTSCTS, 0},
        {",9600", B9600, CS8, 0}, /* and nothing stays of the settings before */
    };
    struct pty p;
    open_pty(&p);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[160], path[128];
        struct serial serial;
        struct termios t;
        const char *why;
        snprintf(text, sizeof text, "%s%s", p.path, cases[i].text);
        serial_parse(text, path, sizeof path, &serial, &why);
        int fd = serial_open(path, &serial);
        if (!ok(fd >= 0 && tcgetattr(fd, &t) == 0, "'%s' is opened", cases[i].text))
            continue;
        ok(cfgetispeed(&t) == cases[i].speed && cfgetospeed(&t) == cases[i].speed, "... its speed is as asked");
        is_int(t.c_cflag & (CSIZE | CSTOPB | PARENB | PARODD | CREAD | CLOCAL | HUPCL | CRTSCTS),
               cases[i].control | CREAD | CLOCAL, "... its characters too, and modem lines are ignored");
        is_int(t.c_iflag, cases[i].input, "... what comes in is left as it is");
        ok(!t.c_oflag && !t.c_lflag && t.c_cc[VMIN] == 1 && !t.c_cc[VTIME], "... and what goes out");
        ok(fcntl(fd, F_GETFL) & O_NONBLOCK && fcntl(fd, F_GETFD) & FD_CLOEXEC,
           "... it does not block, nor survive exec");
        serial_close(fd);
    }
    close(p.master);
}

static void raw(void)
{
    static const unsigned char bytes[] = {0x00, 0x02, 0x03, 0x04, 0x05, 0x0A, 0x0D, 0x11, 0x13,
                                          0x15, 0x1A, 0x1C, 0x7F, 0x80, 0xC3, 0xA9, 0xFF};
    const struct serial serial = {9600, 8, 'N', 1, SERIAL_FLOW_NONE};
    struct pty p;
    struct termios t;
    unsigned char none;
    open_pty(&p);
    int early = open(p.path, O_RDWR | O_NOCTTY);
    if (early < 0 || tcgetattr(early, &t) != 0)
        abort();
    t.c_lflag &= (tcflag_t)~ECHO;
    ok(tcsetattr(early, TCSANOW, &t) == 0 && write(p.master, "old\n", 4) == 4 &&
           poll(&(struct pollfd){.fd = early, .events = POLLIN}, 1, 5000) == 1,
       "something comes before it is opened");
    int fd = serial_open(p.path, &serial);
    ok(fd >= 0 && read(fd, &none, 1) < 0 && errno == EAGAIN, "and is thrown away");
    ok(write(p.master, bytes, sizeof bytes) == sizeof bytes && comes(fd, bytes, sizeof bytes),
       "every byte comes in as it is");
    ok(write(fd, bytes, sizeof bytes) == sizeof bytes && comes(p.master, bytes, sizeof bytes), "and goes out as it is");
    ok(read(fd, &none, 1) < 0 && errno == EAGAIN, "nothing is echoed");
    close(early);
    serial_close(fd);
    close(p.master);
}

static void exclusive(void)
{
    const struct serial serial = {9600, 8, 'N', 1, SERIAL_FLOW_NONE}, other = {1200, 8, 'N', 1, SERIAL_FLOW_NONE};
    struct termios t;
    struct pty p, q;
    open_pty(&p);
    open_pty(&q);
    int fd = serial_open(p.path, &serial);
    ok(fd >= 0, "a device is opened");
    errno = 0;
    ok(serial_open(p.path, &other) < 0 && errno == EBUSY, "by one at a time");
    ok(tcgetattr(fd, &t) == 0 && cfgetospeed(&t) == B9600, "the second one changes nothing");
    int elsewhere = serial_open(q.path, &serial);
    ok(elsewhere >= 0, "another device is another matter");
    serial_close(elsewhere);
    serial_close(fd);
    fd = serial_open(p.path, &serial);
    ok(fd >= 0, "once it is closed, the next may have it");
    serial_close(fd);
    close(p.master);
    close(q.master);
}

/* A pseudo-terminal has 8N1 alone, and takes all else without a word. */
static void refused(void)
{
    const struct serial serial = {9600, 7, 'E', 1, SERIAL_FLOW_NONE};
    struct termios t = {0}, before, after;
    struct pty p;
    open_pty(&p);
    int line = open(p.path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (line < 0 || tcgetattr(line, &before) != 0)
        abort();
    int fd = serial_open(p.path, &serial), why = errno;
    if (fd >= 0)
        tcgetattr(fd, &t);
    ok(fd >= 0 ? (t.c_cflag & (CSIZE | PARENB)) == (CS7 | PARENB) : why == EINVAL,
       "a device has the settings that were asked for, or is not opened");
    ok(fd >= 0 || (tcgetattr(line, &after) == 0 && after.c_cflag == before.c_cflag && after.c_lflag == before.c_lflag &&
                   after.c_iflag == before.c_iflag && after.c_oflag == before.c_oflag),
       "... and is left as it was");
    if (fd >= 0)
        serial_close(fd);
    close(line);
    close(p.master);
}

static void no_device(void)
{
    const struct serial serial = {9600, 8, 'N', 1, SERIAL_FLOW_NONE};
    char dir[] = "/tmp/serial-test-XXXXXX", path[64];
    if (!mkdtemp(dir))
        abort();
    snprintf(path, sizeof path, "%s/file", dir);
    ok(serial_open(path, &serial) < 0 && errno == ENOENT, "a device that is not there");
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    ok(write(fd, "text", 4) == 4 && serial_open(path, &serial) < 0 && errno == ENOTTY, "a file is no serial line");
    is_int(lseek(fd, 0, SEEK_END), 4, "and is left as it was");
    ok(serial_open(dir, &serial) < 0 && errno == EISDIR, "nor is a folder");
    ok(serial_open("/dev/null", &serial) < 0 && errno == ENOTTY, "nor any device");
    close(fd);
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    good();
    bad();
    settings();
    raw();
    exclusive();
    refused();
    no_device();
    return done();
}
