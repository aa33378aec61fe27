/* A links file: one link a line, fstab-like: name, protocol, endpoint, options. Fields are parted by blanks; `#` begins
 * a comment, at the beginning of a line or after a blank; a blank, `#`, `,` or `\` within a field stands behind `\`.
 *
 *     cobas   astm   dial:10.0.0.5:4001        charset=ISO-8859-1,timers=reply=20
 *     sysmex  hl7    listen:*:4002             allow=10.0.0.0/8,idle-timeout=1h
 *     coag    auto   serial:/dev/ttyS0,9600 */
#ifndef INSTLINK_LINKS_H
#define INSTLINK_LINKS_H

#include <stdbool.h>
#include <stddef.h>

enum { LINKS_LINE = 4096, LINKS_OPTIONS = 32 }; /* longest line, with NUL; most options of a link */

/* A line, taken apart. The strings are NUL-terminated and lie in `text`. */
struct links_line {
    char text[LINKS_LINE];
    char *name, *protocol, *endpoint;
    struct {
        char *name, *value; /* value: NULL where there is no `=` */
    } options[LINKS_OPTIONS];
    size_t options_n;
};

enum links_result { LINKS_EMPTY, LINKS_LINK, LINKS_WRONG };

/* Takes one line of n bytes, without its LF, apart. EMPTY: there is no link on it. WRONG: *why says what is wrong. */
enum links_result links_parse(struct links_line *line, const char *text, size_t n, const char **why);

#endif
