#include "base/log.h"
#include "base/scan.h"
#include "decode.h"
#include "hl7/block.h"
#include "hl7/segment.h"

#include <stdio.h>
#include <unistd.h>

static const char help[] = "usage: mllp-frame [-d] [OPTION ...] [FILE ...]\n"
                           "\n"
                           "Puts HL7 v2 messages into MLLP blocks (VT text FS CR), one block a message; a file of\n"
                           "several messages is split where MSH begins. Segments may end with CR, LF or CR LF, and\n"
                           "end with CR in the block. Reads stdin without FILE, and writes to stdout.\n"
                           "\n"
                           "  -d, --decode          take the messages out of their blocks instead\n"
                           "      --mllp RELEASE    of MLLP, 1 or 2: with -d, whether commit blocks (VT ACK FS CR)\n"
                           "                        are defects (1) or left out without a word (2, the default)\n"
                           "  -q, --quiet           errors only\n"
                           "  -v, --verbose         of each FILE, its bytes, messages and defects\n"
                           "  -h, --help            this text\n"
                           "  -V, --version         the version\n"
                           "\n"
                           "Exit status: 0 done, 1 some of the input was defective, 64 usage, 66 no such input,\n"
                           "71 operating system, 74 input or output failed, 77 not permitted. See\n"
                           "mllp-frame(1).\n";

struct framer {
    struct hl7_block_reader blocks;
    struct hl7_token token; /* of a block that is to be written; else NONE */
    bool decode;
    int release;
    bool ended;        /* the file is over, but for what is held */
    struct bytes held; /* the head of a batch: it goes into the block of the first message */
    uint64_t held_at;
    struct bytes text; /* of the block that is being made */
};

static bool is_token(const struct framer *f)
{
    return f->token.kind == HL7_TOKEN_BLOCK;
}

/* ---- text to blocks ---- */

static bool begins_segment(const unsigned char *p, size_t n, unsigned char field)
{
    return hl7_names_segment(p, n, field) || hl7_begins(p, n, "MSH") ||
           (n == 3 && (memcmp(p, "BTS", 3) == 0 || memcmp(p, "FTS", 3) == 0));
}

/* Where the segment ends: at CR; at LF where there is no CR at all, or where a segment follows. */
static size_t segment_end(const unsigned char *p, size_t n, size_t at, bool has_cr, unsigned char field)
{
    for (at += scan_line_end(p + at, n - at); at < n; at += 1 + scan_line_end(p + at + 1, n - at - 1))
        if (p[at] == '\r' || !has_cr || at + 1 == n || begins_segment(p + at + 1, n - at - 1, field))
            break;
    return at;
}

/* Appends segments, each ended by CR, empty ones left out. */
static bool add_segments(struct bytes *out, const unsigned char *p, size_t n)
{
    bool has_cr = memchr(p, '\r', n);
    unsigned char field = hl7_separators_of(p, n).field;
    for (size_t from = 0, at = 0; from < n; from = at) {
        at = segment_end(p, n, at, has_cr, field);
        if (at > from && (!bytes_append(out, p + from, at - from) || !bytes_append(out, "\r", 1)))
            return false;
        at += at + 1 < n && p[at] == '\r' && p[at + 1] == '\n';
        at += at < n;
    }
    return true;
}

/* messages: how many the text has. */
static bool write_block(struct decoder *d, const struct bytes *text, unsigned messages, uint64_t offset)
{
    if (hl7_block_fits(text->data, text->len)) {
        d->messages += messages;
        return hl7_block_build(&d->out, text->data, text->len);
    }
    decode_defect(d, offset, "control-byte a message with a VT or FS in it was left out");
    return true;
}

/* Makes a block of the message, or holds the head of a batch. */
static bool frame(struct decoder *d, struct framer *f)
{
    const struct hl7_token *t = &f->token;
    bool head = hl7_begins(t->text, t->len, "FHS") || hl7_begins(t->text, t->len, "BHS");
    if (head && !f->held.len)
        f->held_at = t->offset;
    if (head)
        return add_segments(&f->held, t->text, t->len);
    f->text.len = 0;
    bool fine = bytes_append(&f->text, f->held.data, f->held.len) && add_segments(&f->text, t->text, t->len);
    f->held.len = 0;
    return fine && write_block(d, &f->text, 1, t->offset);
}

/* ---- blocks to text ---- */

static bool unframe(struct decoder *d, const struct hl7_token *t)
{
    d->messages++;
    bool ended = !t->len || t->text[t->len - 1] == '\r' || t->text[t->len - 1] == '\n';
    return bytes_append(&d->out, t->text, t->len) && (ended || bytes_append(&d->out, "\r", 1));
}

/* ---- tokens ---- */

static void on_token(struct decoder *d, struct framer *f)
{
    const struct hl7_token *t = &f->token;
    char text[80];
    switch (t->kind) {
    case HL7_TOKEN_CUT:
        snprintf(text, sizeof text, "cut-block a block was cut off after %zu bytes, and left out", t->len);
        break;
    case HL7_TOKEN_TOO_LONG:
        snprintf(text, sizeof text, "too-long a message was left out: memory is exhausted");
        break;
    case HL7_TOKEN_NOISE:
        snprintf(text, sizeof text, "noise %zu bytes are neither block nor message", t->len);
        break;
    default:
        snprintf(text, sizeof text, "commit-block a block of MLLP release 2 was left out");
        break;
    }
    bool commit = t->kind == HL7_TOKEN_COMMIT_ACK || t->kind == HL7_TOKEN_COMMIT_NAK;
    if (t->kind != HL7_TOKEN_NONE && t->kind != HL7_TOKEN_BLOCK && !(t->kind == HL7_TOKEN_NOISE && t->blank) &&
        !(commit && f->release == 2))
        decode_defect(d, t->offset, text);
}

static void begin(struct decoder *d)
{
    struct framer *f = d->machine;
    hl7_block_init(&f->blocks, SIZE_MAX, false);
    f->ended = false;
}

static size_t push(struct decoder *d, const unsigned char *bytes, size_t n)
{
    static const unsigned char mark[] = {0xEF, 0xBB, 0xBF}; /* the byte-order mark of UTF-8, at the beginning */
    struct framer *f = d->machine;
    size_t taken = 0;
    if (!f->blocks.offset && n >= sizeof mark && memcmp(bytes, mark, sizeof mark) == 0) {
        f->blocks.offset = sizeof mark;
        return sizeof mark;
    }
    while (taken < n && !is_token(f)) {
        taken += hl7_block_push(&f->blocks, bytes + taken, n - taken, 0, &f->token);
        on_token(d, f);
    }
    return taken;
}

static void eof(struct decoder *d, const unsigned char *bytes, size_t n)
{
    struct framer *f = d->machine;
    push(d, bytes, n);
    f->ended = true;
}

/* The last token of the file, or what is held at its end. */
static bool finish(struct decoder *d, struct framer *f)
{
    bool fine = true;
    do {
        hl7_block_eof(&f->blocks, &f->token);
        on_token(d, f);
        if (is_token(f))
            return true;
    } while (f->token.kind != HL7_TOKEN_NONE);
    f->ended = false;
    if (f->held.len)
        fine = write_block(d, &f->held, 0, f->held_at);
    f->held.len = 0;
    return fine;
}

static bool next(struct decoder *d)
{
    struct framer *f = d->machine;
    bool fine = true;
    if (!is_token(f) && f->ended)
        fine = finish(d, f);
    bool found = is_token(f);
    if (found)
        fine = f->decode ? unframe(d, &f->token) : frame(d, f);
    f->token.kind = HL7_TOKEN_NONE;
    if (!fine)
        decode_no_memory(d);
    return found && fine;
}

static void end(struct decoder *d)
{
    struct framer *f = d->machine;
    hl7_block_free(&f->blocks);
}

enum { MLLP = 256 };

static const struct option options[] = {
    {"decode", no_argument, NULL, 'd'},
    {"mllp", required_argument, NULL, MLLP},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

/* Takes one option of ours. False: exit with d->status. */
static bool take_option(struct decoder *d, struct framer *f, int option)
{
    if (option == 'd') {
        f->decode = true;
        return true;
    }
    f->release = *optarg - '0';
    if ((f->release == 1 || f->release == 2) && !optarg[1])
        return true;
    d->status = program_usage(d->program, "--mllp: '%s' is neither 1 nor 2", optarg);
    return false;
}

int main(int argc, char **argv)
{
    struct program program = {.name = "mllp-frame", .help = help};
    struct framer f = {.release = 2};
    static const struct decode_protocol protocol = {begin, push, eof, next, end};
    struct decoder d = {.protocol = &protocol, .program = &program, .machine = &f};
    int option;
    program_begin(argv);
    while ((option = getopt_long(argc, argv, "dqvhV", options, NULL)) != -1) {
        enum option_result result = program_option(&program, option, &d.status);
        if (result == OPTION_EXIT || (result == OPTION_UNKNOWN && !take_option(&d, &f, option)))
            return d.status;
    }
    log_open(program.name, (enum log_level)(LOG_EVENT + program.verbosity), true);
    int status = decode_files(&d, argv + optind, argc - optind);
    bytes_free(&f.held);
    bytes_free(&f.text);
    return status;
}
