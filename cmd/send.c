#include "send.h"

#include "base/log.h"
#include "link/sender.h"
#include "listen.h"
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum {
    PARALLEL_MAX = 256,
    MAX_CONNECTIONS = 1024, /* on an endpoint that listens */
    CONFIRM_MS = 30000,     /* --send-timeout of a consumer: whoever feeds it does not wait for ever */
};

/* All that a sender's command line says, and how far it has got. */
struct send {
    struct program program;
    struct link_options link;
    struct charset charset; /* --charset */
    bool converts;
    size_t max_message;
    const char *state; /* --state, or NULL */
    uint64_t parallel;
    bool timed; /* --send-timeout was given */
    struct sender_config sending;
    struct hub_config hub_config;
    int ready_fd, status;
    struct endpoint endpoint;
    struct hub hub;
    struct handover handover;
    struct sender sender;
    struct sent sent;
    /* what is read */
    char **files;
    int files_n, file; /* how many, and the next one */
    int fd;            /* the open one, or -1 */
    struct messages messages;
    struct feed feed;
};

/* ---- options ---- */

enum { STATE = 256, CONFIRM, ATTEMPTS, SEND_TIMEOUT, MAX_MESSAGE, CHARSET, LOG, PARALLEL };

static const struct option options[] = {
    {"state", required_argument, NULL, STATE},
    {"confirm", no_argument, NULL, CONFIRM},
    {"attempts", required_argument, NULL, ATTEMPTS},
    {"send-timeout", required_argument, NULL, SEND_TIMEOUT},
    {"max-message", required_argument, NULL, MAX_MESSAGE},
    {"charset", required_argument, NULL, CHARSET},
    {"log", required_argument, NULL, LOG},
    {"count", required_argument, NULL, 'c'},
    {"name", required_argument, NULL, 'n'},
    {"ready-fd", required_argument, NULL, 'R'},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
};
static const struct option parallel_option = {"parallel", required_argument, NULL, PARALLEL};

enum { OPTIONS = sizeof options / sizeof *options };

/* Takes one option of ours. False: exit with s->status. */
static bool take_option(struct send *s, int option)
{
    const struct program *p = &s->program;
    switch (option) {
    case STATE:
        s->state = optarg;
        return true;
    case CONFIRM:
        return s->sending.confirms = true;
    case ATTEMPTS:
        return option_from_1(p, "--attempts", optarg, &s->sending.outbox.attempts, &s->status);
    case SEND_TIMEOUT:
        s->timed = true;
        return option_time(p, "--send-timeout", optarg, &s->sending.outbox.timeout_ms, &s->status);
    case MAX_MESSAGE:
        return option_size(p, "--max-message", optarg, &s->max_message, &s->status);
    case CHARSET:
        s->converts = true;
        return option_charset(p, optarg, &s->charset, &s->status);
    case LOG:
        return option_log(p, optarg, &s->status);
    case PARALLEL:
        return option_1_to(p, "--parallel", optarg, PARALLEL_MAX, &s->parallel, &s->status);
    case 'c':
        return option_from_1(p, "--count", optarg, &s->sending.limit, &s->status);
    case 'n':
        s->link.config.name = optarg;
        return true;
    default:
        return option_ready_fd(p, optarg, &s->ready_fd, &s->status);
    }
}

static bool read_options(struct send *s, int argc, char **argv)
{
    bool hl7 = s->link.config.protocol == &protocol_hl7;
    struct option list[OPTIONS + 2 + LINK_OPTIONS_MAX];
    int option, index;
    memcpy(list, options, sizeof options);
    list[OPTIONS] = parallel_option;
    link_options_list(list, OPTIONS + hl7, hl7 ? LINK_HL7 : LINK_ASTM, LINK_SENDS);
    program_begin(argv);
    log_open(s->program.name, LOG_EVENT, false);
    while ((option = getopt_long(argc, argv, "c:n:R:qvhV", list, &index)) != -1) {
        enum option_result result = program_option(&s->program, option, &s->status);
        bool fine = result == OPTION_TAKEN;
        if (result == OPTION_UNKNOWN)
            fine = option == LINK_OPTION ? option_link(&s->program, &s->link, list[index].name, &s->status)
                                         : take_option(s, option);
        if (!fine)
            return false;
    }
    log_open(s->program.name, (enum log_level)(LOG_EVENT + s->program.verbosity), false);
    if (s->sending.confirms && !s->timed)
        s->sending.outbox.timeout_ms = CONFIRM_MS;
    s->sending.parallel = (size_t)s->parallel;
    return true;
}

/* ---- what is read ---- */

static const char *file_name(const struct send *s)
{
    const char *name = s->file ? s->files[s->file - 1] : "-";
    return strcmp(name, "-") == 0 ? "stdin" : name;
}

static bool rests(void *context)
{
    const struct send *s = context;
    return sender_rests(&s->sender) || sender_full(&s->sender);
}

static size_t take(void *context, unsigned char *bytes, size_t n, int64_t now)
{
    struct send *s = context;
    struct messages_item item;
    size_t taken = messages_push(&s->messages, bytes, n);
    if (messages_next(&s->messages, &item))
        sender_take(&s->sender, &item, now);
    return taken;
}

static void fail_input(struct send *s, const char *name, int error)
{
    log_line(LOG_ERROR, "%s: %s", name, strerror(error));
    s->status = error == ENOENT || error == ENOTDIR ? STATUS_NO_INPUT
                : error == EACCES                   ? STATUS_NOT_PERMITTED
                                                    : STATUS_IO;
}

static void next_file(struct send *s);

static void end(void *context, int error, int64_t now)
{
    struct send *s = context;
    struct messages_item item;
    if (error)
        fail_input(s, file_name(s), error);
    for (messages_eof(&s->messages); messages_next(&s->messages, &item); messages_eof(&s->messages))
        sender_take(&s->sender, &item, now);
    next_file(s);
}

static void close_file(struct send *s)
{
    messages_free(&s->messages);
    if (s->fd > STDERR_FILENO)
        close(s->fd);
    s->fd = -1;
}

/* Reads the next one that can be read. */
static void next_file(struct send *s)
{
    const struct feed_reader reader = {s, rests, take, end};
    close_file(s);
    while (s->fd < 0 && s->file < s->files_n) {
        const char *name = s->files[s->file++];
        s->fd = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
        if (s->fd < 0)
            fail_input(s, name, errno);
    }
    if (s->fd < 0) {
        s->feed.over = true;
        sender_finish(&s->sender);
        return;
    }
    messages_init(&s->messages, s->link.config.protocol, s->converts ? &s->charset : NULL, s->max_message);
    feed_open(&s->feed, s->fd, &reader);
}

/* ---- the run ---- */

/* Opens the link, with as many connections as messages are on their way at once. */
static bool open_link(struct send *s, const char *text)
{
    struct hub_failure failure = {HUB_USAGE, ""};
    const char *wrong;
    struct link *link = NULL;
    if (!endpoint_parse(text, false, &s->endpoint, &wrong))
        snprintf(failure.why, sizeof failure.why, "'%s' is no endpoint: %s", text, wrong);
    else if (links_same_file(s->endpoint.fd, STDIN_FILENO))
        snprintf(failure.why, sizeof failure.why, "stdin is the link %s", text);
    else
        link = link_open(&s->hub, &s->link.config, &s->endpoint, &failure);
    bool fine = link;
    for (size_t i = 1; fine && i < s->sending.parallel && s->endpoint.kind == ENDPOINT_DIAL; i++)
        fine = hub_add(&s->hub, &s->endpoint, link, &failure);
    if (fine) {
        sender_use(&s->sender, link);
        return true;
    }
    s->status = link_status(&failure);
    if (s->status == STATUS_USAGE)
        program_usage(&s->program, "%s", failure.why);
    else
        log_line(LOG_ERROR, "%s", failure.why);
    return false;
}

static bool open_state(struct send *s)
{
    enum journal_result result = s->state ? sent_open(&s->sent, s->state) : JOURNAL_OK;
    if (result == JOURNAL_OK)
        return true;
    log_line(LOG_ERROR, "--state: %s", s->sent.journal.why);
    s->status = result == JOURNAL_LOCKED   ? STATUS_LATER
                : result == JOURNAL_DENIED ? STATUS_NOT_PERMITTED
                                           : STATUS_CANNOT_CREATE;
    return false;
}

/* What became of all messages, as an exit status. run: that of the hub. */
static int summary(const struct send *s, int run)
{
    const struct sender *r = &s->sender;
    log_line(LOG_EVENT, "%llu sent, %llu not sent, %llu sent before, %llu no messages",
             (unsigned long long)r->delivered, (unsigned long long)r->failed, (unsigned long long)r->known,
             (unsigned long long)r->wrong);
    if (r->cut)
        log_line(LOG_ERROR, "what was still to be read was not: there are no reports on it");
    if (run && run != STATUS_UNREACHABLE)
        return run;
    if (r->forgetful)
        return STATUS_IO;
    if (r->failed && !r->delivered && !r->known)
        return STATUS_UNREACHABLE;
    if (s->status)
        return s->status;
    return run ? run : r->failed || r->wrong || r->cut ? STATUS_DEFECTIVE : STATUS_DONE;
}

static void run(struct send *s, const char *endpoint)
{
    const struct hub_hooks hooks = {
        .context = &s->sender, .up = sender_up, .down = sender_down, .done = sender_done, .stopping = sender_stopping};
    struct link_config *config = &s->link.config;
    handover_open(&s->handover, VIEW_MESSAGE, 0, 0);
    config->deaf = config->astm.deaf = true;
    if (!config->name)
        config->name = endpoint;
    if (!hub_open(&s->hub, &s->hub_config, &hooks, &s->handover)) {
        log_line(LOG_ERROR, "signals: %s", strerror(errno));
        s->status = STATUS_SYSTEM;
    } else {
        sender_open(&s->sender, &s->sending, &s->hub, s->state ? &s->sent : NULL);
        if (open_link(s, endpoint)) {
            next_file(s);
            loop_add(&s->hub.loop, &s->feed.source);
            s->status = summary(s, run_hub(&s->hub, s->ready_fd));
        }
        sender_close(&s->sender);
    }
    hub_close(&s->hub);
    close_file(s);
    handover_close(&s->handover);
}

int send_main(const char *name, const char *help, const struct protocol *protocol, int argc, char **argv)
{
    static struct send s;
    static char standard[] = "-", *only_stdin[] = {standard};
    s.program = (struct program){.name = name, .help = help};
    s.sending = (struct sender_config){.outbox = {.attempts = 5,
                                                  .timeout_ms = 600000,
                                                  .max_held = SIZE_MAX,
                                                  .told = LOG_DETAIL,
                                                  .renews = true,
                                                  .spreads = true}};
    s.parallel = 1;
    s.max_message = (size_t)10 << 20;
    s.ready_fd = s.fd = -1;
    s.feed.source.fd = -1;
    s.hub_config = hub_defaults();
    s.hub_config.max_connections = MAX_CONNECTIONS;
    link_options_init(&s.link, protocol, LINK_SENDS, ASTM_HOST);
    if (!read_options(&s, argc, argv))
        return s.status;
    if (optind == argc)
        return program_usage(&s.program, "no endpoint; try '%s 127.0.0.1:4000 FILE'", name);
    s.files = argc - optind > 1 ? argv + optind + 1 : only_stdin;
    s.files_n = argc - optind > 1 ? argc - optind - 1 : 1;
    if (s.files == only_stdin && fcntl(STDIN_FILENO, F_GETFD) < 0) {
        log_line(LOG_ERROR, "stdin is closed");
        return STATUS_IO;
    }
    if (standard_open(true, &s.status) && open_state(&s)) {
        run(&s, argv[optind]);
        if (s.state)
            sent_close(&s.sent);
    }
    charset_close(&s.charset);
    link_options_free(&s.link);
    return s.status;
}
