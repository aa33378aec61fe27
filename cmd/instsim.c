#include "ask.h"
#include "base/log.h"
#include "base/option.h"
#include "listen.h"
#include "sim/script.h"
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char help[] = "usage: instsim astm|hl7 [OPTION ...] ENDPOINT [FILE ...]\n"
                           "\n"
                           "Is an instrument: connects, sends the messages of the files (captures, or bare records\n"
                           "or segments) or made-up ones, and says on stderr what became of them. ASTM (LIS01/LIS02,\n"
                           "E1381/E1394): each message in a session of its own. HL7 v2 over MLLP: each message\n"
                           "after the answer to the one before has come and been checked: MSA-2, code, time. What\n"
                           "the other side sends is acknowledged and printed on stdout.\n"
                           "\n"
                           "ENDPOINT is PORT, HOST:PORT or dial:HOST:PORT (HOST is 127.0.0.1 unless given),\n"
                           "listen:HOST:PORT, serial:DEVICE,SPEED,8N1, unix:PATH, fd:N, or - to print the messages\n"
                           "instead of sending them.\n"
                           "\n"
                           "      --profile NAME      chemistry, hematology, coagulation, urinalysis, immunoassay,\n"
                           "                          bloodgas or molecular\n"
                           "      --query IDS         ask for the orders of specimens, with commas between them, or\n"
                           "                          of ALL, and wait for the answer\n"
                           "      --query-timeout T   how long it is waited for (60 s)\n"
                           "      --seed S            same seed, same bytes (1)\n"
                           "  -c, --count N           how many messages (1; of files: each once)\n"
                           "      --attempts N        how often a message is tried before it is given up (5)\n"
                           "      --connect-timeout T a dial takes at most so long (10 s)\n"
                           "      --retry MIN,FACTOR,MAX  waits between dials (5,1.5,600)\n"
                           "      --max-retries N     give the dial up after N retries (never)\n"
                           "  -o, --output FORMAT     of what comes back: message (default), record, result, tsv,\n"
                           "                          frame, text or raw\n"
                           "  -n, --name NAME         the link's name in the output (the endpoint as written)\n"
                           "  -R, --ready-fd FD       when all is bound, write a line for each endpoint to FD\n"
                           "  -q, --quiet             errors only\n"
                           "  -v, --verbose           more; twice: every frame or block\n"
                           "  -h, --help              this text\n"
                           "  -V, --version           the version\n"
                           "\n"
                           "ASTM alone:\n"
                           "      --size N            most bytes of text in a frame (240)\n"
                           "      --whole             one run of ETB frames a message, not an ETX frame a record\n"
                           "      --checksum WHICH    std (default), noterm, stx, xor or none\n"
                           "      --role ROLE         instrument (default) or host: who wins a contention\n"
                           "      --timers LIST       reply=15,receive=30,busy=10,contention=20\n"
                           "\n"
                           "HL7 alone:\n"
                           "      --type KIND         of made-up messages: oru-2.5.1 (default), oru-2.3.1,\n"
                           "                          oul-2.5.1, or law (LAB-29); of queries: qbp (default), law\n"
                           "                          (LAB-27) or qry\n"
                           "      --mllp RELEASE      1 (default), or 2: with commit blocks\n"
                           "      --mllp-strict       FS CR alone ends a block\n"
                           "      --answer-timeout T  how long an answer is waited for (30 s)\n"
                           "\n"
                           "Exit status: 0 all were accepted, and queries brought orders, 1 some were not, or\n"
                           "without a commit block, some brought none, or there was no message, 64 usage, 66 no\n"
                           "such input, 69 none was accepted, or a query had no good answer, 71 operating system,\n"
                           "74 input or output failed, 77 not permitted. See instsim(1).\n";

enum {
    STOP_MS = 3000,  /* for the last words once all is sent */
    AGAIN_MS = 1000, /* HL7: before a message is tried again; doubles each time */
    AGAIN_MAX_MS = 30000,
    DEDUP = 1000,
    MAX_CONNECTIONS = 64,
    REASON = 401, /* bytes of an answer's reason, with NUL */
};

/* The messages to send, and how far that has got. */
struct simulation {
    struct program program;
    struct hub_config hub_config;
    struct link_options link;
    struct endpoint endpoint;
    struct hub hub;
    struct handover handover;
    struct loop_source pacer; /* when the message that is due may be sent */
    struct ask ask;
    struct sim_script script;
    uint64_t count, attempts;
    const char *type; /* --type */
    bool timed;       /* --query-timeout */
    int ready_fd, status;
    struct bytes text; /* the message being sent */
    uint64_t index, tries;
    uint64_t accepted, given_up;
    uint64_t uncommitted; /* of those accepted: without a commit block before */
    struct connection *current;
    int64_t due;                /* when the message may be sent; INT64_MAX: it is being sent, or nothing can be */
    int64_t sent_us;            /* when it was */
    int64_t longest_us, all_us; /* until its answer came */
};

/* ---- files ---- */

static void on_defect(void *context, uint64_t offset, const char *text)
{
    log_line(LOG_ERROR, "%s: offset %llu: %s", (const char *)context, (unsigned long long)offset, text);
}

static bool read_file(struct simulation *s, char *name)
{
    struct bytes all = {0};
    char standard_name[] = "stdin";
    bool standard = strcmp(name, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    bool fine = fd >= 0 && slurp(fd, &all);
    if (!fine) {
        log_line(LOG_ERROR, "%s: %s", standard ? standard_name : name, strerror(errno));
        s->status = fd < 0 && errno != EACCES ? STATUS_NO_INPUT : fd < 0 ? STATUS_NOT_PERMITTED : STATUS_IO;
    } else if (!sim_script_read(&s->script, all.data, all.len, on_defect, standard ? standard_name : name)) {
        log_line(LOG_ERROR, "memory is exhausted");
        s->status = STATUS_SYSTEM;
        fine = false;
    }
    bytes_free(&all);
    if (fd > STDIN_FILENO)
        close(fd);
    return fine;
}

/* ---- sending ---- */

static void stop(struct simulation *s, int64_t now)
{
    s->due = INT64_MAX;
    hub_stop(&s->hub, STOP_MS, now);
}

/* Puts message `index` into s->text. */
static bool make_message(struct simulation *s, uint64_t index)
{
    s->text.len = 0;
    if (s->ask.specimens)
        return ask_make(&s->ask, s->script.profile, s->script.seed, index, &s->text);
    return sim_script_message(&s->script, index, &s->text);
}

/* Sends the message that is due. */
static void send_message(struct simulation *s, int64_t now)
{
    s->due = INT64_MAX;
    if (s->index == s->count) {
        stop(s, now);
    } else if (!s->current || s->hub.stopping || s->ask.waits) {
        return;
    } else if (!make_message(s, s->index)) {
        log_line(LOG_ERROR, "memory is exhausted");
        s->status = STATUS_SYSTEM;
        stop(s, now);
    } else {
        s->sent_us = clock_us();
        connection_send(s->current, s->text.data, s->text.len, now);
    }
}

static int64_t pacer_deadline(struct loop_source *source)
{
    const struct simulation *s = (const struct simulation *)((char *)source - offsetof(struct simulation, pacer));
    if (s->hub.stopping || s->ask.waits)
        return s->hub.stopping ? INT64_MAX : ask_deadline(&s->ask);
    return s->current ? s->due : INT64_MAX;
}

static void pacer_tick(struct loop_source *source, int64_t now)
{
    struct simulation *s = (struct simulation *)((char *)source - offsetof(struct simulation, pacer));
    if (s->ask.waits)
        ask_tick(&s->ask, now);
    else
        send_message(s, now);
}

static short pacer_interest(struct loop_source *source)
{
    (void)source;
    return LOOP_IGNORE;
}

static unsigned long long number(const struct simulation *s)
{
    return s->index + 1;
}

static void on_accepted(struct simulation *s, const struct delivery *d)
{
    int64_t us = clock_us() - s->sent_us;
    if (s->script.hl7)
        log_line(LOG_EVENT, "message %llu accepted: %s after %.1f ms%s", number(s),
                 *d->code ? d->code : "nothing asked for", (double)us / 1000,
                 d->uncommitted ? ", without a commit block" : "");
    else
        log_line(LOG_EVENT, "message %llu accepted, %u frames", number(s), d->frames);
    s->longest_us = us > s->longest_us ? us : s->longest_us;
    s->all_us += us;
    s->accepted++;
    s->uncommitted += d->uncommitted;
    s->tries = 0;
}

/* What the answer says of why it refuses. */
static void tell_reason(const struct simulation *s, const struct delivery *d)
{
    char why[REASON];
    if (log_wants(LOG_DETAIL) && d->answer.n && *hl7_ack_reason(d->answer.p, d->answer.n, why, sizeof why))
        log_line(LOG_DETAIL, "message %llu: the answer says %s", number(s), why);
}

static void on_failed(struct simulation *s, const struct delivery *d)
{
    s->tries++;
    if (s->script.hl7)
        log_line(LOG_EVENT, "message %llu not accepted: %s%s%s (attempt %llu)", number(s), d->outcome,
                 *d->code ? ", " : "", d->code, (unsigned long long)s->tries);
    else
        log_line(LOG_EVENT, "message %llu not accepted: %s (frame %u, attempt %llu)", number(s), d->outcome, d->frame,
                 (unsigned long long)s->tries);
    tell_reason(s, d);
    if (s->tries < s->attempts && d->result != DELIVERY_NEVER)
        return;
    log_line(LOG_ERROR, "message %llu given up after %llu attempt%s: %s", number(s), (unsigned long long)s->tries,
             s->tries == 1 ? "" : "s", d->outcome);
    s->given_up++;
    s->index++;
    s->tries = 0;
}

/* How long to wait after a failure. */
static int64_t again_ms(const struct simulation *s)
{
    if (!s->script.hl7)
        return s->link.config.astm.busy_ms;
    int64_t ms = s->tries ? AGAIN_MS : 0; /* a message that was given up keeps nobody waiting */
    for (uint64_t i = 1; i < s->tries && ms < AGAIN_MAX_MS; i++)
        ms *= 2;
    return ms < AGAIN_MAX_MS ? ms : AGAIN_MAX_MS;
}

/* A query is decided. */
static void on_decided(void *context, int64_t now)
{
    struct simulation *s = context;
    s->index++;
    s->due = now;
    if (s->index == s->count)
        stop(s, now);
}

static void on_done(void *context, struct connection *c, const struct delivery *d, int64_t now)
{
    struct simulation *s = context;
    if (c != s->current)
        return;
    s->due = now;
    if (d->result == DELIVERY_SENT) {
        on_accepted(s, d);
        if (s->ask.specimens)
            ask_sent(&s->ask, c, d, now);
        else
            s->index++;
    } else if (d->result == DELIVERY_YIELDED) {
        log_line(LOG_EVENT, "message %llu %s: sent again", number(s), d->outcome);
    } else {
        on_failed(s, d);
        s->due = s->index == s->count ? now : now + again_ms(s);
    }
    if (d->reconnect)
        connection_leave(c);
    else if (s->due == now)
        send_message(s, now);
}

static void on_up(void *context, struct connection *c, int64_t now)
{
    struct simulation *s = context;
    if (s->current)
        return;
    s->current = c;
    send_message(s, now);
}

static void on_down(void *context, struct connection *c, int64_t now)
{
    struct simulation *s = context;
    if (c != s->current)
        return;
    s->current = hub_any(&s->hub);
    if (s->current)
        send_message(s, now);
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

/* Says how many messages came to what. */
static void tell_numbers(const struct simulation *s, uint64_t unsent)
{
    char left[48] = "", odd[64] = "";
    if (unsent)
        snprintf(left, sizeof left, ", %llu not sent", (unsigned long long)unsent);
    if (s->uncommitted)
        snprintf(odd, sizeof odd, ", %llu without a commit block", (unsigned long long)s->uncommitted);
    log_line(LOG_EVENT, "%llu accepted%s, %llu given up%s", (unsigned long long)s->accepted, odd,
             (unsigned long long)s->given_up, left);
    if (s->script.hl7 && s->accepted)
        log_line(LOG_EVENT, "answered after %.1f ms on average, %.1f ms at the longest",
                 (double)s->all_us / (double)s->accepted / 1000, (double)s->longest_us / 1000);
}

/* What became of all messages, as an exit status. status: that of the run. */
static int summary(const struct simulation *s, int status)
{
    uint64_t unsent = s->count - s->accepted - s->given_up;
    tell_numbers(s, unsent);
    if (s->status || (status && status != STATUS_UNREACHABLE))
        return s->status ? s->status : status;
    if (s->ask.specimens)
        status = ask_status(&s->ask, s->count);
    else if (!s->accepted)
        status = STATUS_UNREACHABLE;
    else
        status = unsent || s->given_up ? STATUS_DEFECTIVE : STATUS_DONE;
    return status == STATUS_DONE && s->uncommitted ? STATUS_DEFECTIVE : status;
}

static bool open_endpoint(struct simulation *s, const char *text)
{
    struct hub_failure failure = {HUB_USAGE, ""};
    const char *wrong;
    if (!endpoint_parse(text, false, &s->endpoint, &wrong))
        snprintf(failure.why, sizeof failure.why, "'%s' is no endpoint: %s", text, wrong);
    else if (link_open(&s->hub, &s->link.config, &s->endpoint, &failure))
        return true;
    s->status = link_status(&failure);
    if (s->status == STATUS_USAGE)
        program_usage(&s->program, "%s", failure.why);
    else
        log_line(LOG_ERROR, "%s", failure.why);
    return false;
}

static int run(struct simulation *s, const char *endpoint)
{
    struct hub_hooks hooks = {.context = s, .up = on_up, .down = on_down, .done = on_done};
    handover_open(&s->handover, s->link.config.astm_view.format, s->ask.specimens ? 0 : DEDUP, 0);
    if (s->script.hl7 || s->ask.specimens) {
        s->ask.context = s;
        s->ask.decided = on_decided;
        ask_open(&s->ask);
        handover_add(&s->handover, &s->ask.target, true);
    }
    s->pacer =
        (struct loop_source){.fd = -1, .interest = pacer_interest, .deadline = pacer_deadline, .tick = pacer_tick};
    if (!s->link.config.name)
        s->link.config.name = endpoint;
    if (!hub_open(&s->hub, &s->hub_config, &hooks, &s->handover)) {
        log_line(LOG_ERROR, "signals: %s", strerror(errno));
        s->status = STATUS_SYSTEM;
    } else if (open_endpoint(s, endpoint)) {
        loop_add(&s->hub.loop, &s->pacer);
        s->status = summary(s, run_hub(&s->hub, s->ready_fd));
    }
    hub_close(&s->hub);
    handover_close(&s->handover);
    return s->status;
}

/* ---- options ---- */

enum { PROFILE = 256, SEED, ATTEMPTS, TYPE, QUERY, QUERY_TIMEOUT };

static const struct option options[] = {
    {"profile", required_argument, NULL, PROFILE},
    {"seed", required_argument, NULL, SEED},
    {"count", required_argument, NULL, 'c'},
    {"attempts", required_argument, NULL, ATTEMPTS},
    {"type", required_argument, NULL, TYPE},
    {"query", required_argument, NULL, QUERY},
    {"query-timeout", required_argument, NULL, QUERY_TIMEOUT},
    {"output", required_argument, NULL, 'o'},
    {"name", required_argument, NULL, 'n'},
    {"ready-fd", required_argument, NULL, 'R'},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
};

enum { OPTIONS = sizeof options / sizeof *options };

static bool option_profile(struct simulation *s)
{
    s->script.profile = sim_profile_find(optarg);
    if (s->script.profile)
        return true;
    s->status = program_usage(&s->program, "--profile: '%s' is none of %s", optarg, sim_profile_names());
    return false;
}

static bool option_query(struct simulation *s)
{
    s->ask.specimens = optarg;
    if (ask_fits(optarg))
        return true;
    s->status = program_usage(&s->program, "--query: '%s' is neither ALL nor ids with commas between them", optarg);
    return false;
}

static bool option_query_timeout(struct simulation *s)
{
    if (parse_duration_ms(optarg, &s->ask.answer_ms) && s->ask.answer_ms > 0)
        return true;
    s->status = program_usage(&s->program, "--query-timeout: '%s' is no time to wait", optarg);
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
        return option_count(p, "--seed", optarg, &s->script.seed, &s->status);
    case 'c':
        return option_from_1(p, "--count", optarg, &s->count, &s->status);
    case ATTEMPTS:
        return option_from_1(p, "--attempts", optarg, &s->attempts, &s->status);
    case TYPE:
        s->type = optarg;
        return true;
    case QUERY:
        return option_query(s);
    case QUERY_TIMEOUT:
        return s->timed = option_query_timeout(s);
    case 'o':
        return option_format(p, optarg, &s->link.config.astm_view.format, &s->status);
    case 'n':
        s->link.config.name = optarg;
        return true;
    default:
        return option_ready_fd(p, optarg, &s->ready_fd, &s->status);
    }
}

/* The options of the link that were given, to be looked at when the protocol is known. */
struct given {
    const char *names[LINK_OPTIONS_MAX];
    size_t n;
};

static bool read_options(struct simulation *s, int argc, char **argv, struct given *given)
{
    struct option list[OPTIONS + LINK_OPTIONS_MAX];
    int option, index;
    memcpy(list, options, sizeof options);
    link_options_list(list, OPTIONS, LINK_ASTM | LINK_HL7, LINK_SENDS);
    program_begin(argv);
    while ((option = getopt_long(argc, argv, "c:o:n:R:qvhV", list, &index)) != -1) {
        enum option_result result = program_option(&s->program, option, &s->status);
        bool fine = result == OPTION_TAKEN;
        if (result == OPTION_UNKNOWN && option == LINK_OPTION) {
            fine = option_link(&s->program, &s->link, list[index].name, &s->status);
            if (given->n < LINK_OPTIONS_MAX)
                given->names[given->n++] = list[index].name;
        } else if (result == OPTION_UNKNOWN) {
            fine = take_option(s, option);
        }
        if (!fine)
            return false;
    }
    log_open(s->program.name, (enum log_level)(LOG_EVENT + s->program.verbosity), false);
    return true;
}

/* What --type says: of messages, or of queries. */
static bool take_type(struct simulation *s)
{
    bool asks = s->ask.specimens;
    s->ask.kind = s->script.hl7 ? SIM_QUERY_QBP : SIM_QUERY_ASTM;
    if (!s->type || (asks ? sim_query_parse(s->type, &s->ask.kind) : sim_hl7_parse(s->type, &s->script.kind)))
        return true;
    s->status = program_usage(&s->program, "--type: '%s' is none of %s", s->type,
                              asks ? "qbp, law, qry" : "oru-2.5.1, oru-2.3.1, oul-2.5.1, law");
    return false;
}

/* Takes the protocol's name; options that are for another one are a mistake. */
static bool take_protocol(struct simulation *s, const char *name, const struct given *given)
{
    struct link_config *link = &s->link.config;
    s->script.hl7 = name && strcmp(name, "hl7") == 0;
    link->protocol = s->script.hl7 ? &protocol_hl7 : &protocol_astm;
    link->hl7_view.format = link->astm_view.format;
    link->wire = link->astm_view.format == VIEW_FRAME;
    const char *odd = s->type && !s->script.hl7 ? "type" : NULL;
    for (size_t i = 0; i < given->n; i++)
        if (!link_option_for(given->names[i], s->script.hl7 ? LINK_HL7 : LINK_ASTM))
            odd = given->names[i];
    if (!name || (!s->script.hl7 && strcmp(name, "astm") != 0))
        s->status = program_usage(&s->program, "which protocol? try 'instsim astm ENDPOINT --profile chemistry'");
    else if (odd)
        s->status = program_usage(&s->program, "--%s is not for %s", odd, name);
    return !s->status && take_type(s);
}

/* Collects what is to be sent. */
static bool prepare(struct simulation *s, char **files, int n)
{
    bool counted = s->count != 0, asks = s->ask.specimens;
    if (asks && !s->script.profile)
        s->script.profile = sim_profile_find("chemistry");
    if (!s->script.profile == !n || (s->timed && !asks)) {
        s->status = program_usage(&s->program, n && asks  ? "either --query or files, not both"
                                               : n        ? "either --profile or files, not both"
                                               : s->timed ? "--query-timeout is for --query"
                                                          : "nothing to send; try --profile chemistry, or a file");
        return false;
    }
    if (asks)
        s->count = ask_count(&s->ask) * (counted ? s->count : 1);
    counted |= asks;
    for (int i = 0; i < n; i++)
        if (!read_file(s, files[i]))
            return false;
    if (!counted)
        s->count = n ? sim_script_count(&s->script) : 1;
    if (!n || sim_script_count(&s->script))
        return true;
    log_line(LOG_ERROR, "there is no message in the files");
    s->status = STATUS_DEFECTIVE;
    return false;
}

int main(int argc, char **argv)
{
    static struct simulation s = {.program = {.name = "instsim", .help = help}, .attempts = 5, .ready_fd = -1};
    s.ask.answer_ms = ASK_ANSWER_MS;
    struct given given = {.n = 0};
    s.script = (struct sim_script){.kind = SIM_HL7_ORU_251, .seed = 1};
    s.due = INT64_MAX;
    s.hub_config = hub_defaults();
    s.hub_config.max_connections = MAX_CONNECTIONS;
    link_options_init(&s.link, NULL, LINK_SENDS, ASTM_INSTRUMENT);
    log_open("instsim", LOG_EVENT, false);
    if (!read_options(&s, argc, argv, &given) || !take_protocol(&s, argv[optind], &given))
        return s.status;
    if (argc - optind < 2)
        return program_usage(&s.program, "no endpoint; try 'instsim %s 127.0.0.1:4000 --profile chemistry'",
                             argv[optind]);
    const char *endpoint = argv[optind + 1];
    if (standard_open(true, &s.status) && prepare(&s, argv + optind + 2, argc - optind - 2))
        s.status = strcmp(endpoint, "-") == 0 ? print_messages(&s) : run(&s, endpoint);
    sim_script_free(&s.script);
    bytes_free(&s.text);
    link_options_free(&s.link);
    return s.status;
}
