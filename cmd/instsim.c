#include "astm/reader.h"
#include "astm/record.h"
#include "base/log.h"
#include "base/option.h"
#include "link/connection.h"
#include "listen.h"
#include "sim/profile.h"
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char help[] = "usage: instsim astm [OPTION ...] ENDPOINT [FILE ...]\n"
                           "\n"
                           "Is an ASTM instrument (LIS01/LIS02, E1381/E1394): connects, sends the messages of the\n"
                           "files (framed captures or bare records) or made-up ones, each in a session of its own,\n"
                           "and says on stderr what became of them. What the other side sends is acknowledged and\n"
                           "printed on stdout.\n"
                           "\n"
                           "ENDPOINT is HOST:PORT or dial:HOST:PORT, listen:HOST:PORT, unix:PATH, fd:N, or - to\n"
                           "print the messages instead of sending them.\n"
                           "\n"
                           "      --profile NAME      chemistry, hematology, coagulation, urinalysis, immunoassay,\n"
                           "                          bloodgas or molecular\n"
                           "      --seed S            same seed, same bytes (1)\n"
                           "  -c, --count N           how many messages (1; of files: each once)\n"
                           "      --attempts N        how often a message is tried before it is given up (5)\n"
                           "      --size N            most bytes of text in a frame (240)\n"
                           "      --whole             one run of ETB frames a message, not an ETX frame a record\n"
                           "      --checksum WHICH    std (default), noterm, stx, xor or none\n"
                           "      --role ROLE         instrument (default) or host: who wins a contention\n"
                           "      --timers LIST       reply=15,receive=30,busy=10,contention=20\n"
                           "      --retry MIN,FACTOR,MAX  waits between dials (5,1.5,600)\n"
                           "      --max-retries N     give the dial up after N retries (never)\n"
                           "  -o, --output FORMAT     of what comes back: message (default), record, result, tsv,\n"
                           "                          frame, text or raw\n"
                           "  -n, --name NAME         the link's name in the output (the endpoint as written)\n"
                           "  -R, --ready-fd FD       when all is bound, write a line for each endpoint to FD\n"
                           "  -q, --quiet             errors only\n"
                           "  -v, --verbose           more; twice: every frame\n"
                           "  -h, --help              this text\n"
                           "  -V, --version           the version\n"
                           "\n"
                           "Exit status: 0 all were accepted, 1 some were not, 64 usage, 66 no such input,\n"
                           "69 none was accepted, 71 operating system, 74 output failed,\n"
                           "77 not permitted. See instsim(1).\n";

enum {
    STOP_MS = 3000, /* for the last words once all is sent */
    DEDUP = 1000,
    MAX_CONNECTIONS = 64,
};

/* The messages to send, and how far that has got. */
struct simulation {
    struct program program;
    struct hub_config hub_config;
    struct astm_view_config format;
    struct hub hub;
    struct handover handover;
    const struct sim_profile *profile;
    uint64_t seed, count, attempts;
    const char *name;
    int ready_fd, status;
    struct bytes texts; /* the files' messages, one behind the other */
    struct bytes ends;  /* size_t: where each ends */
    struct bytes text;  /* the message being sent */
    uint64_t index, tries;
    uint64_t accepted, given_up;
    struct connection *current;
};

/* ---- messages ---- */

static size_t files_messages(const struct simulation *s)
{
    return s->ends.len / sizeof(size_t);
}

static size_t end_of(const struct simulation *s, size_t message)
{
    size_t end;
    memcpy(&end, s->ends.data + message * sizeof end, sizeof end);
    return end;
}

/* Appends the header record with another control id (H.3): its own, and the number of the pass behind it. */
static bool fresh_header(struct bytes *out, struct astm_slice header, const struct astm_delimiters *d, uint64_t pass)
{
    struct astm_slice delimiters = astm_field(header, d, 2), id = astm_field(header, d, 3);
    const unsigned char *rest = delimiters.p + delimiters.n, *end = header.p + header.n;
    size_t head = (size_t)(rest - header.p);
    if (rest < end)
        rest += 1 + id.n;
    return bytes_append(out, header.p, head) && bytes_append(out, &d->field, 1) && bytes_append(out, id.p, id.n) &&
           bytes_printf(out, "-%llu", (unsigned long long)pass + 1) && bytes_append(out, rest, (size_t)(end - rest));
}

/* A message of the files; after the first pass its control id is a fresh one. */
static bool file_message(struct simulation *s, uint64_t index)
{
    size_t n = files_messages(s), message = (size_t)(index % n);
    size_t from = message ? end_of(s, message - 1) : 0, len = end_of(s, message) - from, at = 0;
    const unsigned char *text = s->texts.data + from;
    uint64_t pass = index / n;
    struct astm_slice header = {text, 0};
    if (pass && astm_is_header(text, len)) {
        struct astm_delimiters d = astm_delimiters_of(text, len);
        astm_record_next(text, len, &at, &header);
        if (!fresh_header(&s->text, header, &d, pass))
            return false;
    }
    return bytes_append(&s->text, text + header.n, len - header.n);
}

/* Puts message `index` into s->text. */
static bool make_message(struct simulation *s, uint64_t index)
{
    s->text.len = 0;
    if (!s->profile)
        return file_message(s, index);
    struct sim_message message;
    sim_generate(s->profile, s->seed, index, &message);
    return sim_message_astm(&message, &s->text);
}

static bool keep_message(struct simulation *s, const struct astm_message *m)
{
    if (!bytes_append(&s->texts, m->text, m->len))
        return false;
    size_t end = s->texts.len;
    return bytes_append(&s->ends, &end, sizeof end);
}

static void on_defect(void *context, uint64_t offset, const char *text)
{
    log_line(LOG_ERROR, "%s: offset %llu: %s", (const char *)context, (unsigned long long)offset, text);
}

static bool slurp(int fd, struct bytes *all)
{
    for (;;) {
        if (!bytes_reserve(all, 64 << 10))
            return false;
        ssize_t n = read(fd, all->data + all->len, all->cap - all->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        all->len += (size_t)n;
    }
}

static bool take_messages(struct simulation *s, struct astm_reader *reader, const struct bytes *all)
{
    struct astm_message message;
    size_t at = 0;
    bool fine = true, more = true;
    while (at < all->len && more) {
        size_t taken = astm_reader_push(reader, all->data + at, all->len - at);
        at += taken;
        more = taken;
        while (astm_reader_next(reader, &message))
            more = fine = fine && keep_message(s, &message);
    }
    astm_reader_eof(reader, at < all->len ? all->data + at : NULL, all->len - at);
    while (astm_reader_next(reader, &message))
        fine = fine && keep_message(s, &message);
    return fine;
}

static bool read_file(struct simulation *s, const char *name)
{
    struct bytes all = {0};
    struct astm_reader reader;
    char *label = strdup(name);
    struct astm_reader_config config = {
        .checksum = ASTM_CHECKSUM_AUTO, .max_message = (size_t)1 << 30, .defect = on_defect, .context = label};
    bool standard = strcmp(name, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || !label || !slurp(fd, &all)) {
        log_line(LOG_ERROR, "%s: %s", name, strerror(errno));
        s->status = fd < 0 && errno != EACCES ? STATUS_NO_INPUT : fd < 0 ? STATUS_NOT_PERMITTED : STATUS_IO;
        free(label);
        return false;
    }
    astm_reader_init(&reader, &config);
    bool fine = take_messages(s, &reader, &all);
    astm_reader_free(&reader);
    bytes_free(&all);
    free(label);
    if (!standard)
        close(fd);
    if (!fine)
        s->status = STATUS_SYSTEM;
    return fine;
}

/* ---- sending ---- */

static void stop(struct simulation *s, int64_t now)
{
    hub_stop(&s->hub, STOP_MS, now);
}

/* Sends the message that is due, not before `when`. */
static void send_message(struct simulation *s, int64_t now, int64_t when)
{
    if (s->index == s->count) {
        stop(s, now);
    } else if (!s->current || s->hub.stopping) {
        return;
    } else if (!make_message(s, s->index)) {
        log_line(LOG_ERROR, "memory is exhausted");
        s->status = STATUS_SYSTEM;
        stop(s, now);
    } else {
        connection_send(s->current, s->text.data, s->text.len, when);
    }
}

static void give_up(struct simulation *s, const struct astm_event *event)
{
    log_line(LOG_ERROR, "message %llu given up after %llu attempts: %s", (unsigned long long)s->index + 1,
             (unsigned long long)s->tries, astm_outcome_name(event->outcome));
    s->given_up++;
    s->index++;
    s->tries = 0;
}

static void on_accepted(struct simulation *s, const struct astm_event *event)
{
    log_line(LOG_EVENT, "message %llu accepted, %u frames", (unsigned long long)s->index + 1, event->frames);
    s->accepted++;
    s->index++;
    s->tries = 0;
}

static void on_failed(struct simulation *s, const struct astm_event *event)
{
    s->tries++;
    log_line(LOG_EVENT, "message %llu not accepted: %s (frame %u, attempt %llu)", (unsigned long long)s->index + 1,
             astm_outcome_name(event->outcome), event->frame, (unsigned long long)s->tries);
    if (s->tries >= s->attempts)
        give_up(s, event);
}

static void on_done(void *context, struct connection *c, const struct astm_event *event, int64_t now)
{
    struct simulation *s = context;
    int64_t when = now;
    if (c != s->current)
        return;
    switch (event->outcome) {
    case ASTM_SENT:
        on_accepted(s, event);
        break;
    case ASTM_INTERRUPTED:
    case ASTM_YIELDED:
        log_line(LOG_EVENT, "message %llu %s: sent again", (unsigned long long)s->index + 1,
                 astm_outcome_name(event->outcome));
        break;
    default:
        on_failed(s, event);
        when += s->hub_config.astm.busy_ms;
    }
    send_message(s, now, when);
}

static void on_up(void *context, struct connection *c, int64_t now)
{
    struct simulation *s = context;
    if (s->current)
        return;
    s->current = c;
    send_message(s, now, now);
}

static void on_down(void *context, struct connection *c, int64_t now)
{
    struct simulation *s = context;
    if (c != s->current)
        return;
    s->current = hub_any(&s->hub);
    if (s->current)
        send_message(s, now, now);
}

static int print_messages(struct simulation *s)
{
    for (uint64_t i = 0; i < s->count; i++) {
        if (!make_message(s, i))
            return STATUS_SYSTEM;
        for (size_t at = 0; at < s->text.len; at++)
            if (s->text.data[at] == '\r')
                s->text.data[at] = '\n';
        if (fwrite(s->text.data, 1, s->text.len, stdout) != s->text.len || putchar('\n') == EOF)
            return STATUS_IO;
    }
    return fflush(stdout) == EOF ? STATUS_IO : STATUS_DONE;
}

/* What became of all messages, as an exit status. status: that of the run. */
static int summary(const struct simulation *s, int status)
{
    uint64_t unsent = s->count - s->accepted - s->given_up;
    log_line(LOG_EVENT, "%llu accepted, %llu given up", (unsigned long long)s->accepted,
             (unsigned long long)s->given_up);
    if (s->status || (status && status != STATUS_UNREACHABLE))
        return s->status ? s->status : status;
    if (s->hub.signals)
        return STATUS_DONE;
    if (!s->accepted)
        return STATUS_UNREACHABLE;
    return unsent || s->given_up ? STATUS_DEFECTIVE : STATUS_DONE;
}

static int run(struct simulation *s, const char *endpoint)
{
    struct hub_hooks hooks = {s, on_up, on_down, on_done};
    handover_open(&s->handover, &s->format, DEDUP, 0);
    s->hub_config.wire = s->format.format == VIEW_FRAME;
    if (!hub_open(&s->hub, &s->hub_config, &hooks, &s->handover)) {
        log_line(LOG_ERROR, "signals: %s", strerror(errno));
        s->status = STATUS_SYSTEM;
    } else if (add_endpoint(&s->hub, &s->program, endpoint, s->name, false, &s->status)) {
        s->status = summary(s, run_hub(&s->hub, s->ready_fd));
    }
    hub_close(&s->hub);
    handover_close(&s->handover);
    return s->status;
}

/* ---- options ---- */

enum { PROFILE = 256, SEED, ATTEMPTS, SIZE, WHOLE, CHECKSUM, ROLE, TIMERS, RETRY, MAX_RETRIES };

static const struct option options[] = {
    {"profile", required_argument, NULL, PROFILE},
    {"seed", required_argument, NULL, SEED},
    {"count", required_argument, NULL, 'c'},
    {"attempts", required_argument, NULL, ATTEMPTS},
    {"size", required_argument, NULL, SIZE},
    {"whole", no_argument, NULL, WHOLE},
    {"checksum", required_argument, NULL, CHECKSUM},
    {"role", required_argument, NULL, ROLE},
    {"timers", required_argument, NULL, TIMERS},
    {"retry", required_argument, NULL, RETRY},
    {"max-retries", required_argument, NULL, MAX_RETRIES},
    {"output", required_argument, NULL, 'o'},
    {"name", required_argument, NULL, 'n'},
    {"ready-fd", required_argument, NULL, 'R'},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

static bool option_profile(struct simulation *s)
{
    s->profile = sim_profile_find(optarg);
    if (s->profile)
        return true;
    s->status = program_usage(&s->program, "--profile: '%s' is none of %s", optarg, sim_profile_names());
    return false;
}

static bool option_frame_size(struct simulation *s)
{
    if (!option_size(&s->program, "--size", optarg, &s->hub_config.astm.frame_size, &s->status))
        return false;
    if (s->hub_config.astm.frame_size <= ASTM_TEXT_LARGE)
        return true;
    s->status = program_usage(&s->program, "--size: a frame has at most %d bytes of text", ASTM_TEXT_LARGE);
    return false;
}

/* Takes one option of ours. False: exit with s->status. */
static bool take_option(struct simulation *s, int option)
{
    const struct program *p = &s->program;
    switch (option) {
    case PROFILE:
        return option_profile(s);
    case SEED:
        return option_count(p, "--seed", optarg, &s->seed, &s->status);
    case 'c':
        return option_count(p, "--count", optarg, &s->count, &s->status);
    case ATTEMPTS:
        return option_count(p, "--attempts", optarg, &s->attempts, &s->status);
    case SIZE:
        return option_frame_size(s);
    case WHOLE:
        return s->hub_config.astm.whole = true;
    case CHECKSUM:
        return option_checksum(p, optarg, &s->hub_config.astm.checksum, &s->status);
    case ROLE:
        return option_role(p, optarg, &s->hub_config.astm, &s->status);
    case TIMERS:
        return option_timers(p, optarg, &s->hub_config.astm, &s->status);
    case RETRY:
        return option_retry(p, optarg, &s->hub_config, &s->status);
    case MAX_RETRIES:
        return option_count(p, "--max-retries", optarg, &s->hub_config.max_retries, &s->status);
    case 'o':
        return option_format(p, optarg, &s->format.format, &s->status);
    case 'n':
        s->name = optarg;
        return true;
    default:
        return option_ready_fd(p, optarg, &s->ready_fd, &s->status);
    }
}

static bool read_options(struct simulation *s, int argc, char **argv)
{
    int option;
    while ((option = getopt_long(argc, argv, "c:o:n:R:qvhV", options, NULL)) != -1) {
        enum option_result result = program_option(&s->program, option, &s->status);
        if (result == OPTION_EXIT || (result == OPTION_UNKNOWN && !take_option(s, option)))
            return false;
    }
    log_open(s->program.name, (enum log_level)(LOG_EVENT + s->program.verbosity), false);
    return true;
}

/* Collects what is to be sent. */
static bool prepare(struct simulation *s, char **files, int n)
{
    bool counted = s->count != 0;
    if (!s->profile == !n) {
        s->status = program_usage(&s->program, n ? "either --profile or files, not both"
                                                 : "nothing to send; try --profile chemistry, or a file");
        return false;
    }
    for (int i = 0; i < n; i++)
        if (!read_file(s, files[i]))
            return false;
    if (!counted)
        s->count = n ? files_messages(s) : 1;
    if (!n || files_messages(s))
        return true;
    log_line(LOG_ERROR, "there is no message in the files");
    s->status = STATUS_DEFECTIVE;
    return false;
}

int main(int argc, char **argv)
{
    static struct simulation s = {
        .program = {.name = "instsim", .help = help}, .seed = 1, .attempts = 5, .ready_fd = -1};
    s.hub_config = hub_defaults(ASTM_INSTRUMENT);
    s.hub_config.max_connections = MAX_CONNECTIONS;
    log_open("instsim", LOG_EVENT, false);
    if (!read_options(&s, argc, argv))
        return s.status;
    if (argc - optind < 1 || strcmp(argv[optind], "astm") != 0)
        return program_usage(&s.program, "which protocol? try 'instsim astm ENDPOINT --profile chemistry'");
    if (argc - optind < 2)
        return program_usage(&s.program, "no endpoint; try 'instsim astm 127.0.0.1:4000 --profile chemistry'");
    const char *endpoint = argv[optind + 1];
    if (standard_open(&s.status) && prepare(&s, argv + optind + 2, argc - optind - 2))
        s.status = strcmp(endpoint, "-") == 0 ? print_messages(&s) : run(&s, endpoint);
    bytes_free(&s.texts);
    bytes_free(&s.ends);
    bytes_free(&s.text);
    return s.status;
}
