#include "link/detect.h"

#include <string.h>

enum { ENQ = 0x05, ACK = 0x06, NAK = 0x15, STX = 0x02, VT = 0x0B };

/* A printable byte that is neither letter nor digit. */
static bool is_delimiter(unsigned char c)
{
    bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'), digit = c >= '0' && c <= '9';
    return c > ' ' && c < 0x7F && !letter && !digit;
}

/* What begins with the n bytes at p. MORE with *enough false: that depends on what follows. */
static enum detect look(const unsigned char *p, size_t n, bool line, bool *enough, const char **sign)
{
    static const char *const headers[] = {"MSH", "FHS", "BHS"};
    *enough = true;
    if (*p == ENQ) {
        *sign = "ENQ";
        return DETECT_ASTM;
    }
    *enough = n > 1;
    if (*p == STX && n > 1 && p[1] >= '0' && p[1] <= '7') {
        *sign = "a frame";
        return DETECT_ASTM;
    }
    if (*p == VT && n > 1 && ((p[1] >= 'A' && p[1] <= 'Z') || p[1] == ACK || p[1] == NAK)) {
        *sign = "VT";
        return DETECT_HL7;
    }
    if (*p == 'H' && line && n > 1 && is_delimiter(p[1])) {
        *sign = "an H record";
        return DETECT_ASTM;
    }
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        size_t known = n < 3 ? n : 3;
        if (memcmp(p, headers[i], known) != 0)
            continue;
        *enough = n > 3;
        if (n > 3 && is_delimiter(p[3])) {
            *sign = headers[i];
            return DETECT_HL7;
        }
        return DETECT_MORE;
    }
    *enough = *enough || !(*p == STX || *p == VT || (*p == 'H' && line));
    return DETECT_MORE;
}

/* Whether a line begins behind the byte c. */
static bool begins_line(unsigned char c, bool line)
{
    return c == ' ' || c == '\t' ? line : c < ' ' || c == 0x7F;
}

enum detect detect_protocol(const unsigned char *bytes, size_t n, bool line, size_t *undecided, const char **sign)
{
    for (size_t at = 0; at < n; line = begins_line(bytes[at++], line)) {
        bool enough;
        enum detect found = look(bytes + at, n - at, line, &enough, sign);
        *undecided = n - at;
        if (found || !enough)
            return found;
    }
    *undecided = 0;
    return DETECT_MORE;
}

bool detect_line(const unsigned char *bytes, size_t n, bool line)
{
    size_t at = n;
    while (at && (bytes[at - 1] == ' ' || bytes[at - 1] == '\t'))
        at--;
    return at ? begins_line(bytes[at - 1], false) : line;
}
