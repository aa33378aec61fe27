#include "base/log.h"
#include "decode.h"
#include "hl7/reader.h"
#include "hl7/view.h"

#include <unistd.h>

static const char help[] = "usage: hl7-decode [OPTION ...] [FILE ...]\n"
                           "\n"
                           "Decodes captured HL7 v2 traffic: MLLP blocks, one direction or both mixed, and bare\n"
                           "messages whose segments end with CR, LF or CR LF. Reads stdin without FILE.\n"
                           "Damaged blocks are named on stderr; the rest is decoded, and the exit status is 1.\n"
                           "\n"
                           "  -o, --output FORMAT   message (default), record, result, tsv, frame, text or raw\n"
                           "      --get PATHS       chosen fields as a table: MSH-10,PID-3.1,OBX-3.1,OBX-5\n"
                           "      --positional      every field, empty ones at the end too; escapes as sent\n"
                           "  -c, --count N         stop after N messages\n"
                           "      --charset NAME    the sender's character set, whatever MSH-18 says\n"
                           "      --segment-end WHICH  what ends a segment: auto (default), cr or lf\n"
                           "      --specimen FIELDS where results have their specimen from, the first that is there\n"
                           "                        (SPM-2.1.1,SPM-2.2.1,SAC-3.1.1,OBR-3.1.1,OBR-2.1.1)\n"
                           "      --max-message SIZE  longest message (10M)\n"
                           "  -q, --quiet           errors only\n"
                           "  -v, --verbose         of each FILE, its bytes, messages and defects\n"
                           "  -h, --help            this text\n"
                           "  -V, --version         the version\n"
                           "\n"
                           "Exit status: 0 done, 1 some of the input was defective, 64 usage, 66 no such input,\n"
                           "71 operating system, 74 input or output failed, 77 not permitted. See\n"
                           "hl7-decode(1).\n";

/* The machine of this decoder. */
struct hl7_decoder {
    struct hl7_reader reader;
    struct hl7_reader_config config;
    struct hl7_view view;
    struct hl7_view_config format;
    bool chosen; /* -o */
    struct charset charset;
    struct get_paths get, specimen_paths;
    struct hl7_specimen specimen;
};

static void on_defect(void *context, uint64_t offset, const char *text)
{
    decode_defect(context, offset, text);
}

static void on_wire(void *context, const struct hl7_wire *wire)
{
    struct decoder *d = context;
    struct envelope envelope = {.source = d->source};
    if (d->stop)
        return;
    if (hl7_wire_line(&d->out, wire, &envelope))
        decode_flush(d, false);
    else
        decode_no_memory(d);
}

static void begin(struct decoder *d)
{
    struct hl7_decoder *h = d->machine;
    hl7_reader_init(&h->reader, &h->config);
}

static size_t push(struct decoder *d, const unsigned char *bytes, size_t n)
{
    struct hl7_decoder *h = d->machine;
    return hl7_reader_push(&h->reader, bytes, n);
}

static void eof(struct decoder *d, const unsigned char *bytes, size_t n)
{
    struct hl7_decoder *h = d->machine;
    hl7_reader_eof(&h->reader, bytes, n);
}

static bool write_message(struct decoder *d, const struct hl7_message *message)
{
    struct hl7_decoder *h = d->machine;
    char id[27];
    ident_next(&d->ident, clock_wall_us(), id);
    struct envelope envelope = {.id = id, .source = d->source, .offset = message->offset};
    if (!hl7_view_begin(&h->view, &h->format, message, &envelope))
        return false;
    enum view_progress progress;
    do {
        progress = hl7_view_more(&h->view, &d->out);
        if (!decode_flush(d, false))
            return true;
    } while (progress == VIEW_GOES_ON);
    return progress == VIEW_DONE;
}

static bool next(struct decoder *d)
{
    struct hl7_decoder *h = d->machine;
    struct hl7_message message;
    if (!hl7_reader_next(&h->reader, &message))
        return false;
    if (!write_message(d, &message))
        decode_no_memory(d);
    d->messages++;
    return true;
}

static void end(struct decoder *d)
{
    struct hl7_decoder *h = d->machine;
    hl7_reader_free(&h->reader);
}

enum { GET = 256, POSITIONAL, CHARSET, SEGMENT_END, SPECIMEN, MAX_MESSAGE };

static const struct option options[] = {
    {"output", required_argument, NULL, 'o'},
    {"get", required_argument, NULL, GET},
    {"positional", no_argument, NULL, POSITIONAL},
    {"count", required_argument, NULL, 'c'},
    {"charset", required_argument, NULL, CHARSET},
    {"segment-end", required_argument, NULL, SEGMENT_END},
    {"specimen", required_argument, NULL, SPECIMEN},
    {"max-message", required_argument, NULL, MAX_MESSAGE},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

static bool option_segment_end(const struct program *p, struct hl7_decoder *h, int *status)
{
    if (hl7_segment_end_parse(optarg, &h->config.segment_end))
        return true;
    *status = program_usage(p, "--segment-end: '%s' is none of auto, cr, lf", optarg);
    return false;
}

static bool option_specimen(const struct program *p, struct hl7_decoder *h, int *status)
{
    const char *wrong = hl7_specimen_parse(&h->specimen_paths, optarg);
    h->specimen = (struct hl7_specimen){h->specimen_paths.path, h->specimen_paths.count};
    h->format.specimen = &h->specimen;
    if (wrong)
        *status = program_usage(p, "--specimen: '%.*s' is no field of SPM, SAC, OBR, ORC or PID, as in OBR-2.1",
                                (int)strcspn(wrong, ","), wrong);
    return !wrong;
}

/* Takes one option of ours. False: exit with d->status. */
static bool take_option(struct decoder *d, struct hl7_decoder *h, int option)
{
    const struct program *p = d->program;
    switch (option) {
    case 'o':
        h->chosen = true;
        return option_format(p, optarg, &h->format.format, &d->status);
    case GET:
        h->format.get = &h->get;
        return option_get(p, &hl7_get_names, "PID-3.1 or OBX-5[2].1.1", optarg, &h->get, &d->status);
    case POSITIONAL:
        h->format.positional = true;
        return true;
    case 'c':
        return option_from_1(p, "--count", optarg, &d->count, &d->status);
    case CHARSET:
        h->format.charset = &h->charset;
        return option_charset(p, optarg, &h->charset, &d->status);
    case SEGMENT_END:
        return option_segment_end(p, h, &d->status);
    case SPECIMEN:
        return option_specimen(p, h, &d->status);
    default:
        return option_size(p, "--max-message", optarg, &h->config.max_message, &d->status);
    }
}

int main(int argc, char **argv)
{
    struct program program = {.name = "hl7-decode", .help = help};
    struct hl7_decoder h = {.config = {.max_message = (size_t)10 << 20, .defect = on_defect}};
    static const struct decode_protocol protocol = {begin, push, eof, next, end};
    struct decoder d = {.protocol = &protocol, .program = &program, .machine = &h};
    int option;
    program_begin(argv);
    while ((option = getopt_long(argc, argv, "o:c:qvhV", options, NULL)) != -1) {
        enum option_result result = program_option(&program, option, &d.status);
        if (result == OPTION_EXIT || (result == OPTION_UNKNOWN && !take_option(&d, &h, option)))
            return d.status;
    }
    if (!option_either_view(&program, h.chosen, h.format.get, &d.status))
        return d.status;
    log_open(program.name, (enum log_level)(LOG_EVENT + program.verbosity), true);
    h.config.context = &d;
    if (h.format.format == VIEW_FRAME && !h.format.get)
        h.config.wire = on_wire;
    if (h.format.format == VIEW_TSV && !h.format.get && !result_tsv_header(&d.out))
        decode_no_memory(&d);
    int status = decode_files(&d, argv + optind, argc - optind);
    hl7_view_free(&h.view);
    charset_close(&h.charset);
    return status;
}
