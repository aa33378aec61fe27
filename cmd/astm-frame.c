#include "astm/assembly.h"
#include "astm/sequence.h"
#include "base/log.h"
#include "base/scan.h"
#include "decode.h"

#include <stdio.h>
#include <unistd.h>

static const char help[] = "usage: astm-frame [-d] [OPTION ...] [FILE ...]\n"
                           "\n"
                           "Puts ASTM records into LIS01 frames (E1381): each message becomes a session, as an\n"
                           "instrument sends it: ENQ, frames with their numbers and checksums, EOT. Records may end\n"
                           "with CR, LF or CR LF, and end with CR in the frames; a message ends behind its L record,\n"
                           "or where H begins the next one. Reads stdin without FILE, and writes to stdout.\n"
                           "\n"
                           "  -d, --decode          take the text out of its frames instead\n"
                           "      --size N          most bytes of text in a frame (240)\n"
                           "      --per-record      a record in an ETX frame of its own (the default)\n"
                           "      --whole           one run of ETB frames a message\n"
                           "      --session         one session for each FILE, not for each message\n"
                           "      --checksum WHICH  std (default), noterm, stx, xor or none; with -d also auto: what\n"
                           "                        fits\n"
                           "      --max-message SIZE  longest message; with -d longest text of a frame (10M)\n"
                           "  -q, --quiet           errors only\n"
                           "  -v, --verbose         of each FILE, its bytes, messages and defects\n"
                           "  -h, --help            this text\n"
                           "  -V, --version         the version\n"
                           "\n"
                           "Exit status: 0 done, 1 some of the input was defective, 64 usage, 66 no such input,\n"
                           "71 operating system, 74 input or output failed, 77 not permitted. See\n"
                           "astm-frame(1).\n";

/* What the options say. */
struct choice {
    enum astm_checksum checksum;
    size_t size, max_message;
    bool decode, whole, per_record, session;
    const char *making; /* an option that is for making frames alone; NULL: none was given */
};

struct framer {
    struct choice choice;

    /* text to frames */
    struct astm_assembly assembly;
    enum astm_assembly_result result; /* of the message that is to be written; MORE: there is none */
    uint64_t offset;                  /* of the next byte */
    uint64_t began, record_at;        /* where the message and the record begin that are open */
    unsigned number;                  /* the next frame's */
    bool in_session;                  /* ENQ is written, EOT is not */
    bool skipping;                    /* a message that is too long is left out up to the next H */
    bool fresh;                       /* while skipping: a record begins here */
    bool ended;                       /* the file is over */

    /* frames to text */
    struct astm_framer frames;
    struct astm_sequence sequence;
    unsigned char head[2]; /* how the record begins that is open */
    size_t head_len;       /* 0: none is */
    unsigned char field;   /* the field delimiter of the message */
    bool open;             /* a message is: its L record has not come */
    enum { BLANK, COMMENT, NOISE } line;
    uint64_t noise_at;
    size_t noise; /* bytes outside frames since noise_at, not told of yet */
};

static void add(struct decoder *d, const void *bytes, size_t n)
{
    if (!bytes_append(&d->out, bytes, n))
        decode_no_memory(d);
}

/* ---- text to frames ---- */

static void begin_session(struct decoder *d, struct framer *f)
{
    if (f->in_session)
        return;
    add(d, &(unsigned char){ASTM_ENQ}, 1);
    f->in_session = true;
    f->number = 1;
}

static void end_session(struct decoder *d, struct framer *f)
{
    if (f->in_session)
        add(d, &(unsigned char){ASTM_EOT}, 1);
    f->in_session = false;
}

static void add_frames(struct decoder *d, struct framer *f, const struct message *m)
{
    const struct choice *c = &f->choice;
    unsigned char end;
    for (size_t at = 0, n; at < m->len && !d->stop; at += n) {
        n = astm_frame_take(m->text + at, m->len - at, c->size, c->whole, &end);
        if (!astm_frame_build(&d->out, f->number++, m->text + at, n, end, c->checksum))
            decode_no_memory(d);
        decode_flush(d, false);
    }
}

static void write_message(struct decoder *d, struct framer *f, const struct message *m)
{
    static const char *const names[] = {
        [ASTM_STX] = "STX", [ASTM_ETX] = "ETX", [ASTM_EOT] = "EOT", [ASTM_ENQ] = "ENQ", [ASTM_ETB] = "ETB"};
    char text[80];
    size_t control = scan_frame_control(m->text, m->len);
    if (control < m->len) {
        snprintf(text, sizeof text, "control-byte a message with %s in it was left out", names[m->text[control]]);
        decode_defect(d, f->began, text);
        return;
    }
    begin_session(d, f);
    add_frames(d, f, m);
    if (!f->choice.session)
        end_session(d, f);
    d->messages++;
}

static void begin_framing(struct decoder *d)
{
    struct framer *f = d->machine;
    *f = (struct framer){.choice = f->choice};
}

/* The byte order mark with which editors begin a file in UTF-8. */
static bool is_order_mark(const struct framer *f, unsigned char c)
{
    static const unsigned char mark[] = {0xEF, 0xBB, 0xBF};
    return f->offset < sizeof mark && c == mark[f->offset] && !astm_assembly_open(&f->assembly);
}

/* How much belongs to the message that is left out; 0 where an H that may begin the next one needs another byte. */
static size_t skip(struct framer *f, const unsigned char *p, size_t n)
{
    size_t at = 0;
    while (at < n && f->skipping && !(f->fresh && p[at] == 'H' && at + 1 == n)) {
        f->skipping = !(f->fresh && astm_is_header(p + at, n - at));
        if (!f->skipping)
            break;
        size_t end = at + scan_line_end(p + at, n - at);
        f->fresh = end < n;
        at = end + f->fresh;
    }
    return at;
}

/* Takes up to the end of a line. */
static size_t take_line(struct decoder *d, struct framer *f, const unsigned char *p, size_t n)
{
    struct astm_assembly *a = &f->assembly;
    char text[80];
    size_t end = scan_line_end(p, n);
    if (end && a->text.len == a->record)
        f->record_at = f->offset;
    if (!astm_assembly_open(a))
        f->began = f->record_at;
    size_t taken = astm_assembly_push(a, p, end + (end < n), f->choice.max_message, &f->result);
    if (f->result == ASTM_ASSEMBLY_FULL) {
        snprintf(text, sizeof text, "too-long a message of more than %zu bytes was left out", f->choice.max_message);
        decode_defect(d, f->began, text);
        astm_assembly_free(a);
        f->result = ASTM_ASSEMBLY_MORE;
        f->skipping = true;
        f->fresh = end < n;
    } else if (f->result == ASTM_ASSEMBLY_MEMORY) {
        decode_no_memory(d);
    }
    return taken;
}

/* Takes up to the end of a message. */
static size_t push_text(struct decoder *d, const unsigned char *bytes, size_t n)
{
    struct framer *f = d->machine;
    size_t taken = 0, step = 1;
    while (taken < n && step && f->result == ASTM_ASSEMBLY_MORE && !d->stop) {
        const unsigned char *p = bytes + taken;
        step = f->skipping ? skip(f, p, n - taken) : is_order_mark(f, *p) ? 1 : take_line(d, f, p, n - taken);
        taken += step;
        f->offset += step;
    }
    return taken;
}

static void end_text(struct decoder *d, const unsigned char *bytes, size_t n)
{
    struct framer *f = d->machine;
    (void)bytes, (void)n; /* nothing is offered again but what is skipped */
    f->ended = true;
}

static bool next_message(struct decoder *d)
{
    struct framer *f = d->machine;
    struct astm_assembly *a = &f->assembly;
    if (f->ended && f->result == ASTM_ASSEMBLY_MORE)
        f->result = astm_assembly_end_record(a);
    if (f->result == ASTM_ASSEMBLY_MEMORY)
        decode_no_memory(d);
    if (d->stop || (f->result == ASTM_ASSEMBLY_MORE && !(f->ended && astm_assembly_open(a))))
        return false;
    struct message m = astm_assembly_message(a, f->result);
    write_message(d, f, &m);
    astm_assembly_next(a, f->result);
    astm_assembly_commit(a);
    f->began = f->record_at;
    f->result = ASTM_ASSEMBLY_MORE;
    return true;
}

static void end_framing(struct decoder *d)
{
    struct framer *f = d->machine;
    if (!d->broken)
        end_session(d, f);
    astm_assembly_free(&f->assembly);
}

/* ---- frames to text ---- */

/* A record has ended. */
static void count_record(struct decoder *d, struct framer *f)
{
    bool header = astm_is_header(f->head, f->head_len);
    if (header || !f->open) {
        d->messages++;
        f->field = header ? f->head[1] : '|';
    }
    f->open = !(f->head[0] == 'L' && (f->head_len == 1 || f->head[1] == f->field));
    f->head_len = 0;
}

/* Sees where records begin and end in text that is written. */
static void follow(struct decoder *d, struct framer *f, const unsigned char *p, size_t n)
{
    for (size_t at = 0; at < n; at++) {
        size_t run = scan_line_end(p + at, n - at);
        for (size_t i = 0; i < run && f->head_len < sizeof f->head; i++)
            f->head[f->head_len++] = p[at + i];
        at += run;
        if (at < n && f->head_len)
            count_record(d, f);
    }
}

/* The record that is open, if there is one, ends here. */
static void end_record(struct decoder *d, struct framer *f)
{
    if (!f->head_len)
        return;
    add(d, "\r", 1);
    count_record(d, f);
}

static void on_frame(struct decoder *d, struct framer *f, const struct astm_frame *frame)
{
    char text[120];
    if (!frame->good) {
        astm_frame_damage(frame, text, sizeof text);
        decode_defect(d, frame->offset, text);
        return;
    }
    enum astm_turn turn = astm_sequence_judge(&f->sequence, frame, f->open);
    if (turn == ASTM_TURN_REPEAT)
        return;
    if (turn == ASTM_TURN_GAP) {
        snprintf(text, sizeof text, "gap frame %d where %d was due: something is missing", frame->number,
                 f->sequence.expected);
        decode_defect(d, frame->offset, text);
        end_record(d, f);
    }
    astm_sequence_take(&f->sequence, frame);
    add(d, frame->text, frame->len);
    follow(d, f, frame->text, frame->len);
    if (frame->end == ASTM_ETX)
        end_record(d, f);
}

static void on_control(struct decoder *d, struct framer *f, const struct astm_token *t)
{
    char text[80];
    switch (t->kind) {
    case ASTM_TOKEN_ENQ:
    case ASTM_TOKEN_EOT:
        end_record(d, f);
        f->open = false;
        astm_sequence_begin(&f->sequence, t->kind == ASTM_TOKEN_ENQ ? 1 : -1);
        break;
    case ASTM_TOKEN_CUT:
        snprintf(text, sizeof text, "cut-frame a frame is cut off after %zu bytes", t->len);
        decode_defect(d, t->offset, text);
        break;
    default:
        break;
    }
}

/* Bytes outside frames: blank lines, comments, or noise. */
static void on_text(struct framer *f, const struct astm_token *t)
{
    for (size_t i = 0; i < t->len; i++) {
        unsigned char c = t->text[i];
        if (c == '\r' || c == '\n')
            f->line = BLANK;
        else if (f->line == BLANK && c != ' ' && c != '\t' && c)
            f->line = c == '#' ? COMMENT : NOISE;
        if (f->line == NOISE && !f->noise++)
            f->noise_at = t->offset + i;
    }
}

static void tell_noise(struct decoder *d, struct framer *f)
{
    char text[80];
    if (f->noise) {
        snprintf(text, sizeof text, "noise %zu bytes are in no frame", f->noise);
        decode_defect(d, f->noise_at, text);
    }
    f->noise = 0;
    f->line = BLANK;
}

static void on_token(struct decoder *d, struct framer *f, const struct astm_token *t)
{
    if (t->kind == ASTM_TOKEN_NONE)
        return;
    if (t->kind == ASTM_TOKEN_TEXT) {
        on_text(f, t);
        return;
    }
    tell_noise(d, f);
    if (t->kind == ASTM_TOKEN_FRAME)
        on_frame(d, f, &t->frame);
    else
        on_control(d, f, t);
    decode_flush(d, false);
}

static void begin_unframing(struct decoder *d)
{
    struct framer *f = d->machine;
    *f = (struct framer){.choice = f->choice, .field = '|'};
    astm_framer_init(&f->frames, f->choice.checksum, f->choice.max_message);
    astm_sequence_begin(&f->sequence, -1);
}

static size_t push_frames(struct decoder *d, const unsigned char *bytes, size_t n)
{
    struct framer *f = d->machine;
    struct astm_token token;
    size_t taken = 0;
    while (taken < n && !d->stop) {
        taken += astm_framer_push(&f->frames, bytes + taken, n - taken, 0, &token);
        on_token(d, f, &token);
    }
    return taken;
}

static void end_frames(struct decoder *d, const unsigned char *bytes, size_t n)
{
    struct framer *f = d->machine;
    struct astm_token token;
    push_frames(d, bytes, n);
    astm_framer_eof(&f->frames, &token);
    on_token(d, f, &token);
    tell_noise(d, f);
    end_record(d, f);
}

/* Text is written as soon as its frame has come. */
static bool next_text(struct decoder *d)
{
    (void)d;
    return false;
}

static void end_unframing(struct decoder *d)
{
    struct framer *f = d->machine;
    astm_framer_free(&f->frames);
    astm_sequence_free(&f->sequence);
}

/* ---- options ---- */

enum { SIZE = 256, PER_RECORD, WHOLE, SESSION, CHECKSUM, MAX_MESSAGE };

static const struct option options[] = {
    {"decode", no_argument, NULL, 'd'},
    {"size", required_argument, NULL, SIZE},
    {"per-record", no_argument, NULL, PER_RECORD},
    {"whole", no_argument, NULL, WHOLE},
    {"session", no_argument, NULL, SESSION},
    {"checksum", required_argument, NULL, CHECKSUM},
    {"max-message", required_argument, NULL, MAX_MESSAGE},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

static bool option_frame_size(struct decoder *d, size_t *size)
{
    if (!option_size(d->program, "--size", optarg, size, &d->status))
        return false;
    if (*size > ASTM_TEXT_LARGE)
        d->status = program_usage(d->program, "--size: a frame has at most %d bytes of text", ASTM_TEXT_LARGE);
    return *size <= ASTM_TEXT_LARGE;
}

/* Takes one option of ours. False: exit with d->status. */
static bool take_option(struct decoder *d, struct choice *c, int option)
{
    switch (option) {
    case 'd':
        return c->decode = true;
    case CHECKSUM:
        return option_checksum(d->program, optarg, &c->checksum, &d->status);
    case MAX_MESSAGE:
        return option_size(d->program, "--max-message", optarg, &c->max_message, &d->status);
    case SIZE:
        c->making = "--size";
        return option_frame_size(d, &c->size);
    case SESSION:
        c->making = "--session";
        return c->session = true;
    default:
        c->making = option == WHOLE ? "--whole" : "--per-record";
        *(option == WHOLE ? &c->whole : &c->per_record) = true;
        return true;
    }
}

/* Whether the options go together. False: exit with d->status. */
static bool check_options(struct decoder *d, const struct choice *c)
{
    if (c->decode && c->making)
        d->status = program_usage(d->program, "%s is for making frames, not for -d", c->making);
    else if (c->whole && c->per_record)
        d->status = program_usage(d->program, "--whole and --per-record exclude each other");
    else if (!c->decode && c->checksum == ASTM_CHECKSUM_AUTO)
        d->status = program_usage(d->program, "--checksum auto is for -d");
    return !d->status;
}

int main(int argc, char **argv)
{
    static const struct decode_protocol framing = {begin_framing, push_text, end_text, next_message, end_framing};
    static const struct decode_protocol unframing = {begin_unframing, push_frames, end_frames, next_text,
                                                     end_unframing};
    struct program program = {.name = "astm-frame", .help = help};
    struct framer f = {.choice = {.size = ASTM_TEXT_SMALL, .max_message = (size_t)10 << 20}};
    struct decoder d = {.program = &program, .machine = &f};
    int option;
    program_begin(argv);
    while ((option = getopt_long(argc, argv, "dqvhV", options, NULL)) != -1) {
        enum option_result result = program_option(&program, option, &d.status);
        if (result == OPTION_EXIT || (result == OPTION_UNKNOWN && !take_option(&d, &f.choice, option)))
            return d.status;
    }
    if (!check_options(&d, &f.choice))
        return d.status;
    log_open(program.name, (enum log_level)(LOG_EVENT + program.verbosity), true);
    d.protocol = f.choice.decode ? &unframing : &framing;
    return decode_files(&d, argv + optind, argc - optind);
}
