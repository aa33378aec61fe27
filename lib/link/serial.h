/* Serial lines: `DEVICE[,9600[,8N1[,rtscts|xonxoff]]]`, and the open device [POSIX termios]. */
#ifndef INSTLINK_SERIAL_H
#define INSTLINK_SERIAL_H

#include <stdbool.h>
#include <stddef.h>

enum serial_flow { SERIAL_FLOW_NONE, SERIAL_FLOW_RTSCTS, SERIAL_FLOW_XONXOFF };

struct serial {
    unsigned long speed; /* bits a second */
    int bits;            /* 5 to 8 in a character */
    char parity;         /* N none, E even, O odd */
    int stop;            /* bits: 1 or 2 */
    enum serial_flow flow;
};

/* Reads what follows `serial:`; the device's path goes to path, of size n. What is left out is 9600,8N1 without flow
 * control. False: *why says what is wrong. */
bool serial_parse(const char *text, char *path, size_t n, struct serial *serial, const char **why);

/* Opens the device for us alone, raw, non-blocking, with these settings, modem lines ignored; what had come before is
 * thrown away. -1: errno says why; EBUSY: another process has it; EINVAL: the device refuses the settings, and has
 * those that it had. */
int serial_open(const char *path, const struct serial *serial);

/* Closes it for others to open. */
void serial_close(int fd);

#endif
