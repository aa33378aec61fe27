#include "astm/get.h"
#include "astm/reader.h"
#include "astm/view.h"
#include "base/log.h"
#include "decode.h"

#include <unistd.h>

static const char help[] = "usage: astm-decode [OPTION ...] [FILE ...]\n"
                           "\n"
                           "Decodes captured ASTM traffic (LIS01/LIS02, E1381/E1394): raw captures of framed\n"
                           "sessions, one direction or both mixed, and bare records. Reads stdin without FILE.\n"
                           "Damaged frames are named on stderr; the rest is decoded, and the exit status is 1.\n"
                           "\n"
                           "  -o, --output FORMAT   message (default), record, result, tsv, frame, text or raw\n"
                           "      --get PATHS       chosen fields as a table: P.6.1,R.3.4,R.4\n"
                           "      --positional      records as {\"type\",\"fields\"}: every field, escapes as sent\n"
                           "  -c, --count N         stop after N messages\n"
                           "      --checksum WHICH  std (default), noterm, stx, xor, none, or auto: what fits\n"
                           "      --ignore-checksum use frames whose checksum is wrong, noted\n"
                           "      --charset NAME    the sender's character set; else UTF-8, or ISO-8859-1 where\n"
                           "                        a message is not valid UTF-8\n"
                           "      --max-message SIZE  longest message (10M)\n"
                           "  -q, --quiet           errors only\n"
                           "  -v, --verbose         of each FILE, its bytes, messages and defects\n"
                           "  -h, --help            this text\n"
                           "  -V, --version         the version\n"
                           "\n"
                           "Exit status: 0 done, 1 some of the input was defective, 64 usage, 66 no such input,\n"
                           "71 operating system, 74 input or output failed, 77 not permitted. See\n"
                           "astm-decode(1).\n";

/* The machine of this decoder. */
struct astm_decoder {
    struct astm_reader reader;
    struct astm_reader_config config;
    struct astm_view view;
    struct astm_view_config format;
    bool chosen; /* -o */
    struct charset charset;
    struct get_paths paths;
    struct astm_get get;
};

static void on_defect(void *context, uint64_t offset, const char *text)
{
    decode_defect(context, offset, text);
}

static void on_wire(void *context, const struct astm_wire *wire)
{
    struct decoder *d = context;
    struct envelope envelope = {.source = d->source};
    if (d->stop)
        return;
    if (astm_wire_line(&d->out, wire, &envelope))
        decode_flush(d, false);
    else
        decode_no_memory(d);
}

static void begin(struct decoder *d)
{
    struct astm_decoder *a = d->machine;
    astm_reader_init(&a->reader, &a->config);
}

static size_t push(struct decoder *d, const unsigned char *bytes, size_t n)
{
    struct astm_decoder *a = d->machine;
    return astm_reader_push(&a->reader, bytes, n);
}

static void eof(struct decoder *d, const unsigned char *bytes, size_t n)
{
    struct astm_decoder *a = d->machine;
    astm_reader_eof(&a->reader, bytes, n);
}

static bool write_message(struct decoder *d, const struct message *message)
{
    struct astm_decoder *a = d->machine;
    char id[27];
    ident_next(&d->ident, clock_wall_us(), id);
    struct envelope envelope = {.id = id, .source = d->source, .offset = message->offset};
    if (!astm_view_begin(&a->view, &a->format, message, &envelope))
        return false;
    astm_get_begin(&a->get);
    enum view_progress progress;
    do {
        progress = a->get.paths ? astm_get_more(&a->get, &a->view, &d->out) : astm_view_more(&a->view, &d->out);
        if (!decode_flush(d, false))
            return true;
    } while (progress == VIEW_GOES_ON);
    return progress == VIEW_DONE;
}

static bool next(struct decoder *d)
{
    struct astm_decoder *a = d->machine;
    struct message message;
    if (!astm_reader_next(&a->reader, &message))
        return false;
    if (!write_message(d, &message))
        decode_no_memory(d);
    d->messages++;
    return true;
}

static void end(struct decoder *d)
{
    struct astm_decoder *a = d->machine;
    astm_reader_free(&a->reader);
}

enum { GET = 256, POSITIONAL, CHECKSUM, IGNORE_CHECKSUM, CHARSET, MAX_MESSAGE };

static const struct option options[] = {
    {"output", required_argument, NULL, 'o'},
    {"get", required_argument, NULL, GET},
    {"positional", no_argument, NULL, POSITIONAL},
    {"count", required_argument, NULL, 'c'},
    {"checksum", required_argument, NULL, CHECKSUM},
    {"ignore-checksum", no_argument, NULL, IGNORE_CHECKSUM},
    {"charset", required_argument, NULL, CHARSET},
    {"max-message", required_argument, NULL, MAX_MESSAGE},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

/* Takes one option of ours. False: exit with d->status. */
static bool take_option(struct decoder *d, struct astm_decoder *a, int option)
{
    const struct program *p = d->program;
    switch (option) {
    case 'o':
        a->chosen = true;
        return option_format(p, optarg, &a->format.format, &d->status);
    case GET:
        a->get.paths = &a->paths;
        return option_get(p, &astm_get_names, "P.6.1 or R.4", optarg, &a->paths, &d->status);
    case POSITIONAL:
        a->format.positional = true;
        return true;
    case 'c':
        return option_from_1(p, "--count", optarg, &d->count, &d->status);
    case CHECKSUM:
        return option_checksum(p, optarg, &a->config.checksum, &d->status);
    case IGNORE_CHECKSUM:
        a->config.ignore_checksum = true;
        return true;
    case CHARSET:
        a->format.charset = &a->charset;
        return option_charset(p, optarg, &a->charset, &d->status);
    default:
        return option_size(p, "--max-message", optarg, &a->config.max_message, &d->status);
    }
}

int main(int argc, char **argv)
{
    struct program program = {.name = "astm-decode", .help = help};
    struct astm_decoder a = {.config = {.max_message = (size_t)10 << 20, .defect = on_defect}};
    static const struct decode_protocol protocol = {begin, push, eof, next, end};
    struct decoder d = {.protocol = &protocol, .program = &program, .machine = &a};
    int option;
    program_begin(argv);
    while ((option = getopt_long(argc, argv, "o:c:qvhV", options, NULL)) != -1) {
        enum option_result result = program_option(&program, option, &d.status);
        if (result == OPTION_EXIT || (result == OPTION_UNKNOWN && !take_option(&d, &a, option)))
            return d.status;
    }
    if (!option_either_view(&program, a.chosen, a.get.paths, &d.status))
        return d.status;
    log_open(program.name, (enum log_level)(LOG_EVENT + program.verbosity), true);
    a.config.context = &d;
    if (a.get.paths)
        a.format.format = VIEW_TEXT;
    if (a.format.format == VIEW_FRAME)
        a.config.wire = on_wire;
    if (a.format.format == VIEW_TSV && !result_tsv_header(&d.out))
        decode_no_memory(&d);
    int status = decode_files(&d, argv + optind, argc - optind);
    astm_get_free(&a.get);
    astm_view_free(&a.view);
    charset_close(&a.charset);
    return status;
}
