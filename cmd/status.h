/* Exit status, the same in every program. */
#ifndef INSTLINK_STATUS_H
#define INSTLINK_STATUS_H

enum {
    STATUS_DONE = 0,
    STATUS_DEFECTIVE = 1, /* some of the input was; the good part was processed */
    STATUS_USAGE = 64,
    STATUS_NO_INPUT = 66,
    STATUS_UNREACHABLE = 69, /* could not connect, or every delivery failed */
    STATUS_SYSTEM = 71,
    STATUS_CANNOT_CREATE = 73,
    STATUS_IO = 74,
    STATUS_LATER = 75,
    STATUS_NOT_PERMITTED = 77,
    STATUS_LINKS_FILE = 78,
};

#endif
