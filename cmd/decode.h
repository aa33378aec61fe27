/* What the decoders share: files or stdin in, lines out, in constant memory. */
#ifndef INSTLINK_DECODE_H
#define INSTLINK_DECODE_H

#include "base/bytes.h"
#include "base/clock.h"
#include "options.h"

struct decoder;

/* What a protocol brings. */
struct decode_protocol {
    /* Begins a file. */
    void (*begin)(struct decoder *decoder);
    /* Takes bytes up to the end of a message and returns how many; what is not taken is offered again. */
    size_t (*push)(struct decoder *decoder, const unsigned char *bytes, size_t n);
    /* The file has ended; bytes are what push did not take. */
    void (*eof)(struct decoder *decoder, const unsigned char *bytes, size_t n);
    /* Appends what the next message becomes to out, flushing as it grows, and counts it in messages. False when there
     * is none; true also where what comes next becomes nothing. */
    bool (*next)(struct decoder *decoder);
    void (*end)(struct decoder *decoder);
};

struct decoder {
    const struct decode_protocol *protocol;
    const struct program *program;
    void *machine;
    const char *source; /* the name of the file being read */
    uint64_t count;     /* -c; 0: all */
    uint64_t messages;  /* so far, of all files */
    uint64_t defects;   /* likewise */
    uint64_t bytes;     /* likewise */
    struct bytes out;   /* what is not written yet */
    struct ident ident; /* where message ids come from */
    int status;
    bool stop;   /* the count is reached, or going on makes no sense */
    bool broken; /* stdout has failed */
};

/* Decodes each file in turn, `-` being stdin; stdin when there is none. Returns the exit status. */
int decode_files(struct decoder *decoder, char *const *files, int n);

/* Writes what has gathered in out, if it is much, or all of it. False when stdout has failed. */
bool decode_flush(struct decoder *decoder, bool all);

/* Tells of a damaged place. */
void decode_defect(struct decoder *decoder, uint64_t offset, const char *text);

/* Tells that there is no memory for the message, and stops. */
void decode_no_memory(struct decoder *decoder);

#endif
