#include "link/detect.h"

#include "tap.h"

#include <stdlib.h>
#include <string.h>

/* Offers bytes in pieces as a connection does: what is undecided comes again with the next piece. Returns what was
 * found, and in *rest how many bytes there were from where it begins on. */
static enum detect offer(const char *text, size_t n, size_t piece, size_t *rest)
{
    unsigned char held[64];
    size_t len = 0;
    bool line = true;
    const char *sign;
    enum detect found = DETECT_MORE;
    for (size_t at = 0; at < n; at += piece) {
        size_t some = n - at < piece ? n - at : piece;
        unsigned char *exact;
        memcpy(held + len, text + at, some);
        len += some;
        exact = malloc(len);
        memcpy(exact, held, len);
        found = detect_protocol(exact, len, line, rest, &sign);
        line = detect_line(exact, len - *rest, line);
        free(exact);
        memmove(held, held + len - *rest, *rest);
        len = *rest;
        if (found) {
            *rest += n - at - some;
            break;
        }
    }
    return found;
}

int main(void)
{
#define CASE(text, found, from)                                                                                        \
    {                                                                                                                  \
        "" text, sizeof text - 1, found, from                                                                          \
    }
    static const struct {
        const char *text;
        size_t n;
        enum detect found;
        size_t from; /* where it begins; else where it is undecided from */
    } cases[] = {
        CASE("\x05", DETECT_ASTM, 0),
        CASE("\0\0\r\n \x05", DETECT_ASTM, 5),
        CASE("\x02"
             "1H|\\^&",
             DETECT_ASTM, 0),
        CASE("\x02\x02"
             "1H|",
             DETECT_ASTM, 1),
        CASE("\x02"
             "9",
             DETECT_MORE, 2),
        CASE("\x02", DETECT_MORE, 0),
        CASE("H|\\^&\r", DETECT_ASTM, 0),
        CASE("\n\nH@!~$", DETECT_ASTM, 2),
        CASE("HELLO\r", DETECT_MORE, 6),
        CASE("SMITH^JANE|F\r", DETECT_MORE, 13),
        CASE("JONES^ROBERT H^^\r", DETECT_MORE, 17),
        CASE("OH-1 ready\r\n# H/W\r\n", DETECT_MORE, 19),
        CASE("SSH-2.0-x\r\n", DETECT_MORE, 11),
        CASE("|H|", DETECT_MORE, 3),
        CASE("\xDCH^", DETECT_MORE, 3),
        CASE("HH|", DETECT_MORE, 3),
        CASE("xH", DETECT_MORE, 2),
        CASE("x\rH", DETECT_MORE, 2),
        CASE("x\rH|", DETECT_ASTM, 2),
        CASE("x\n\t H|", DETECT_ASTM, 4),
        CASE("x\0H|", DETECT_ASTM, 2),
        CASE("\x03H|", DETECT_ASTM, 1),
        CASE("\x7FH|", DETECT_ASTM, 1),
        CASE("  H|", DETECT_ASTM, 2),
        CASE("x  H|", DETECT_MORE, 5),
        CASE("H", DETECT_MORE, 0),
        CASE("\x0BMSH|^~\\&", DETECT_HL7, 0),
        CASE("\x0B\x06\x1C\r", DETECT_HL7, 0),
        CASE("\x0B", DETECT_MORE, 0),
        CASE("\x0B\x0B"
             "FHS|",
             DETECT_HL7, 1),
        CASE("\x0B"
             "1",
             DETECT_MORE, 2),
        CASE("MSH|^~\\&", DETECT_HL7, 0),
        CASE("\0MSH$", DETECT_HL7, 1),
        CASE("BHS|", DETECT_HL7, 0),
        CASE("MS", DETECT_MORE, 0),
        CASE("MSH", DETECT_MORE, 0),
        CASE("MSHA", DETECT_MORE, 4),
        CASE("MMSH|", DETECT_HL7, 1),
        CASE("MSMSH|", DETECT_HL7, 2),
        CASE("\x06\x15\x04", DETECT_MORE, 3),
        CASE("GET / HTTP/1.0\r\n\r\n", DETECT_MORE, 18),
        CASE("", DETECT_MORE, 0),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t piece = 1; piece <= (cases[i].n ? cases[i].n : 1); piece++) {
            size_t rest = 0;
            enum detect found = offer(cases[i].text, cases[i].n, piece, &rest);
            ok(found == cases[i].found && rest == cases[i].n - cases[i].from, "case %zu in pieces of %zu: %d, %zu left",
               i, piece, (int)found, rest);
        }
    return done();
}
