/* The folder in which a file has its name: a file that was just made is there after a loss of power only if its folder
 * was synced too. */
#ifndef INSTLINK_FOLDER_H
#define INSTLINK_FOLDER_H

#include <stdbool.h>

/* Syncs the folder of the file, which is there. True also where the file system knows of no such thing. False: errno
 * says why. */
bool folder_sync(const char *file);

#endif
