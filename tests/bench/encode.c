/* encode astm|hl7: reads `message` lines from stdin, and writes the messages that they hold to stdout, each record or
 * segment ended by CR. For a line that is none it says why on stderr, and exits 1 in the end. */
#include "astm/encode.h"
#include "hl7/encode.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    static struct encoder e;
    struct bytes text = {0};
    char *line = NULL;
    size_t cap = 0, number = 0;
    ssize_t n;
    int status = 0;
    if (argc != 2 || (strcmp(argv[1], "astm") != 0 && strcmp(argv[1], "hl7") != 0)) {
        fputs("usage: encode astm|hl7 <LINES >TEXT\n", stderr);
        return 64;
    }
    while ((n = getline(&line, &cap, stdin)) >= 0) {
        unsigned char *p = (unsigned char *)line;
        number++;
        enum encode_result result = *argv[1] == 'a' ? astm_encode(&e, p, (size_t)n, SIZE_MAX / 2, &text)
                                                    : hl7_encode(&e, p, (size_t)n, SIZE_MAX / 2, &text);
        if (result != ENCODE_DONE) {
            fprintf(stderr, "line %zu: %s\n", number, result == ENCODE_WRONG ? e.why : "cannot be encoded");
            status = 1;
        }
        if (text.len > 65536 && fwrite(text.data, 1, text.len, stdout) == text.len)
            text.len = 0;
    }
    if (fwrite(text.data, 1, text.len, stdout) != text.len || fclose(stdout))
        status = 74;
    encode_free(&e);
    bytes_free(&text);
    free(line);
    return status;
}
