#include "listen.h"

#include "base/log.h"
#include "base/option.h"
#include "link/metrics.h"
#include "link/rejects.h"
#include "link/target_exec.h"
#include "link/target_sink.h"
#include "outputs.h"
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INHERITED = 3, INHERITED_MAX = 1024 }; /* the first, and the most */

enum { JOBS_MAX = 1024, WINDOW_MAX = 1 << 16 };

enum {
    GET = 256,
    POSITIONAL,
    MAX_BUFFER,
    MAX_CONNECTIONS,
    DEDUP,
    LOG,
    METRICS,
    REJECTS,
    LINKS,
    PROTOCOL,
    JOBS,
    EXEC_TIMEOUT,
    WINDOW,
    SINK_TIMEOUT,
    KEEP_STDOUT,
    SEND_TIMEOUT,
    ATTEMPTS,
};

/* Options of every listener, of those that receive ASTM, and of the one with a links file. */
static const struct option options[] = {
    {"output", required_argument, NULL, 'o'},
    {"positional", no_argument, NULL, POSITIONAL},
    {"name", required_argument, NULL, 'n'},
    {"count", required_argument, NULL, 'c'},
    {"journal", required_argument, NULL, 'j'},
    {"input", no_argument, NULL, 'i'},
    {"send-timeout", required_argument, NULL, SEND_TIMEOUT},
    {"attempts", required_argument, NULL, ATTEMPTS},
    {"ready-fd", required_argument, NULL, 'R'},
    {"exec", required_argument, NULL, 'x'},
    {"jobs", required_argument, NULL, JOBS},
    {"exec-timeout", required_argument, NULL, EXEC_TIMEOUT},
    {"sink", required_argument, NULL, 's'},
    {"window", required_argument, NULL, WINDOW},
    {"sink-timeout", required_argument, NULL, SINK_TIMEOUT},
    {"stdout", no_argument, NULL, KEEP_STDOUT},
    {"max-buffer", required_argument, NULL, MAX_BUFFER},
    {"max-connections", required_argument, NULL, MAX_CONNECTIONS},
    {"dedup", required_argument, NULL, DEDUP},
    {"log", required_argument, NULL, LOG},
    {"metrics", required_argument, NULL, METRICS},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
};
static const struct option get_option = {"get", required_argument, NULL, GET};
static const struct option rejects_option = {"rejects", required_argument, NULL, REJECTS};
static const struct option links_options[] = {
    {"links", required_argument, NULL, 'f'},
    {"protocol", required_argument, NULL, PROTOCOL},
};

enum { OPTIONS = sizeof options / sizeof *options, OPTIONS_MAX = OPTIONS + 4 + LINK_OPTIONS_MAX };

void listener_init(struct listener *l, const char *name, const char *help, const struct protocol *protocol)
{
    *l = (struct listener){
        .program = {.name = name, .help = help},
        .hub = hub_defaults(),
        .common = {.protocol = protocol},
        .protocols = protocol == &protocol_astm  ? LINK_ASTM
                     : protocol == &protocol_hl7 ? LINK_HL7
                                                 : LINK_ASTM | LINK_HL7,
        .dedup = 1000,
        .jobs = 4,
        .window = 64,
        .exec_ms = 10000,
        .sending = {.attempts = 5, .timeout_ms = 600000, .told = LOG_EVENT},
        .sink_ms = 60000,
        .ready_fd = -1,
    };
    l->links.common = &l->common;
    link_options_init(&l->scratch, protocol, LINK_RECEIVES, ASTM_HOST);
}

/* ---- option values ---- */

bool option_link(const struct program *program, struct link_options *link, const char *name, int *status)
{
    if (link_option_take(link, name, optarg))
        return true;
    *status = link->status;
    if (link->status == STATUS_USAGE)
        program_usage(program, "--%s: %s", name, link->wrong);
    else
        log_line(LOG_ERROR, "--%s: %s", name, link->wrong);
    return false;
}

/* An option of which a second one would make the first one nothing. */
static bool option_once(struct listener *l, const char *option, const char **value)
{
    bool first = !*value;
    *value = optarg;
    if (!first)
        l->status = program_usage(&l->program, "%s was given twice", option);
    return first;
}

static bool option_command(struct listener *l, const char *option, const char **command)
{
    if (!option_once(l, option, command))
        return false;
    if (optarg[strspn(optarg, " \t\n")])
        return true;
    l->status = program_usage(&l->program, "%s: '%s' is no command", option, optarg);
    return false;
}

static bool option_connections(struct listener *l)
{
    uint64_t number;
    if (!option_1_to(&l->program, "--max-connections", optarg, 1 << 20, &number, &l->status))
        return false;
    l->hub.max_connections = (size_t)number;
    return true;
}

bool option_ready_fd(const struct program *program, const char *text, int *fd, int *status)
{
    if (!parse_int_range(text, 0, 1 << 20, fd) || fcntl(*fd, F_GETFD) < 0)
        *status = program_usage(program, "--ready-fd: %s is no open descriptor", text);
    else if (*fd == STDOUT_FILENO)
        *status = program_usage(program, "--ready-fd: 1 is stdout, where nothing but data goes");
    else
        return true;
    return false;
}

static bool take_get(struct listener *l)
{
    bool hl7 = l->common.protocol == &protocol_hl7;
    l->common.get = &l->get;
    return option_get(&l->program, hl7 ? &hl7_get_names : &astm_get_names,
                      hl7 ? "PID-3.1 or OBX-5[2].1.1" : "P.6.1 or R.4", optarg, &l->get, &l->status);
}

static bool option_protocol(struct listener *l)
{
    l->common.protocol = link_protocol(optarg);
    if (l->common.protocol)
        return true;
    l->status = program_usage(&l->program, "--protocol: '%s' is none of astm, hl7, auto", optarg);
    return false;
}

/* A time without which nothing can be done. */
static bool option_timeout(struct listener *l, const char *option, int64_t *ms)
{
    if (option_time(&l->program, option, optarg, ms, &l->status) && !*ms)
        l->status = program_usage(&l->program, "%s: '%s' is no time to do anything in", option, optarg);
    return !l->status;
}

/* Takes one option of a listener's own. False: exit with l->status. */
static bool take_option(struct listener *l, int option)
{
    const struct program *p = &l->program;
    struct hub_config *hub = &l->hub;
    switch (option) {
    case 'o':
        l->chosen = true;
        return option_format(p, optarg, &l->common.format, &l->status);
    case GET:
        return take_get(l);
    case POSITIONAL:
        return l->common.positional = true;
    case 'n':
        l->name = optarg;
        return true;
    case 'c':
        return option_from_1(p, "--count", optarg, &l->count, &l->status);
    case 'j':
        return option_once(l, "--journal", &l->journal);
    case 'i':
        return l->reads = true;
    case SEND_TIMEOUT:
        return option_time(p, "--send-timeout", optarg, &l->sending.timeout_ms, &l->status);
    case ATTEMPTS:
        return option_from_1(p, "--attempts", optarg, &l->sending.attempts, &l->status);
    case 'R':
        return option_ready_fd(p, optarg, &l->ready_fd, &l->status);
    case 'x':
        return option_command(l, "--exec", &l->exec);
    case JOBS:
        l->of_exec = "--jobs";
        return option_1_to(p, "--jobs", optarg, JOBS_MAX, &l->jobs, &l->status);
    case EXEC_TIMEOUT:
        l->of_exec = "--exec-timeout";
        return option_timeout(l, "--exec-timeout", &l->exec_ms);
    case 's':
        return option_command(l, "--sink", &l->sink);
    case WINDOW:
        l->of_sink = "--window";
        return option_1_to(p, "--window", optarg, WINDOW_MAX, &l->window, &l->status);
    case SINK_TIMEOUT:
        l->of_sink = "--sink-timeout";
        return option_timeout(l, "--sink-timeout", &l->sink_ms);
    case KEEP_STDOUT:
        return l->keep_stdout = true;
    case MAX_BUFFER:
        return option_size(p, "--max-buffer", optarg, &hub->max_buffer, &l->status);
    case MAX_CONNECTIONS:
        return option_connections(l);
    case DEDUP:
        return option_most(p, "--dedup", optarg, 1 << 20, &l->dedup, &l->status);
    case LOG:
        return option_log(p, optarg, &l->status);
    case METRICS:
        return option_once(l, "--metrics", &hub->metrics);
    case 'f':
        return option_once(l, "--links", &l->links.file);
    case PROTOCOL:
        return option_protocol(l);
    default:
        return option_once(l, "--rejects", &l->rejects);
    }
}

/* Takes an option of all links: tries it, and keeps it for each of them. */
static bool take_link_option(struct listener *l, const char *name)
{
    struct links_common *common = &l->common;
    if (!option_link(&l->program, &l->scratch, name, &l->status))
        return false;
    if (common->given_n == sizeof common->given / sizeof *common->given) {
        l->status = program_usage(&l->program, "there are too many options");
        return false;
    }
    common->given[common->given_n].name = name;
    common->given[common->given_n++].value = optarg;
    return true;
}

static void list_options(const struct listener *l, struct option *list)
{
    size_t n = OPTIONS;
    memcpy(list, options, sizeof options);
    if (l->protocols != (LINK_ASTM | LINK_HL7)) {
        list[n++] = get_option;
    } else {
        list[n++] = links_options[0];
        list[n++] = links_options[1];
    }
    if (l->protocols & LINK_ASTM)
        list[n++] = rejects_option;
    link_options_list(list, n, l->protocols, LINK_RECEIVES);
}

/* Whether nothing is set of what is not there. */
static bool options_fit(struct listener *l)
{
    bool exec = !l->of_exec || l->exec, sink = !l->of_sink || l->sink;
    if (!exec)
        l->status = program_usage(&l->program, "%s is for --exec, which is not given", l->of_exec);
    else if (!sink)
        l->status = program_usage(&l->program, "%s is for --sink, which is not given", l->of_sink);
    return exec && sink;
}

bool listener_options(struct listener *l, int argc, char **argv)
{
    static struct option list[OPTIONS_MAX];
    int option, index;
    list_options(l, list);
    program_begin(argv);
    log_open(l->program.name, LOG_EVENT, false);
    const char *letters = l->protocols == (LINK_ASTM | LINK_HL7) ? "o:n:c:iR:j:x:s:f:qvhV" : "o:n:c:iR:j:x:s:qvhV";
    while ((option = getopt_long(argc, argv, letters, list, &index)) != -1) {
        enum option_result result = program_option(&l->program, option, &l->status);
        bool fine = result == OPTION_TAKEN;
        if (result == OPTION_UNKNOWN)
            fine = option == LINK_OPTION ? take_link_option(l, list[index].name) : take_option(l, option);
        if (!fine)
            return false;
    }
    if (!options_fit(l) || !option_either_view(&l->program, l->chosen, l->common.get, &l->status))
        return false;
    if (l->common.get)
        l->common.format = VIEW_TEXT;
    log_open(l->program.name, (enum log_level)(LOG_EVENT + l->program.verbosity), false);
    return true;
}

/* ---- running ---- */

int run_hub(struct hub *hub, int ready_fd)
{
    if (ready_fd >= 0)
        hub_announce(hub, ready_fd);
    switch (hub_run(hub)) {
    case HUB_GIVEN_UP:
        return STATUS_UNREACHABLE;
    case HUB_UNBOUND:
        log_line(LOG_ERROR, "%s", hub->failure.why);
        return link_status(&hub->failure);
    case HUB_IO:
        return STATUS_IO;
    case HUB_FAILED:
        return STATUS_SYSTEM;
    case HUB_SIGNAL:
        return 128 + hub->signal;
    default:
        return STATUS_DONE;
    }
}

bool standard_open(bool prints, int *status)
{
    bool out = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
    int fd;
    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
    if (out || !prints)
        return true;
    log_line(LOG_ERROR, "stdout is closed");
    *status = STATUS_IO;
    return false;
}

/* The sockets that were inherited, as endpoints, and what the service manager calls them. */
struct inherited {
    int n;
    const char *why; /* sockets were passed and are not used; NULL: none were */
    char *endpoints[INHERITED_MAX];
    const char *names[INHERITED_MAX]; /* NULL: as the endpoint */
};

static void name_sockets(struct inherited *i, char *names)
{
    static char texts[INHERITED_MAX][16];
    for (int at = 0; at < i->n; at++) {
        snprintf(texts[at], sizeof texts[at], "fd:%d", INHERITED + at);
        i->endpoints[at] = texts[at];
        char *end = names ? names + strcspn(names, ":") : NULL;
        bool more = end && *end;
        if (end)
            *end = 0;
        i->names[at] = names && *names ? names : NULL;
        names = more ? end + 1 : NULL;
    }
}

/* The sockets that the service manager has passed, from descriptor 3 on. */
static void take_inherited(struct inherited *i)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
    static char copy[4096];
    uint64_t number;
    int n;
    i->n = 0;
    if (!fds)
        i->why = NULL;
    else if (!parse_int_range(fds, 1, INHERITED_MAX, &n))
        i->why = "LISTEN_FDS is set, and is no number of sockets";
    else if (!pid || !parse_count(pid, &number))
        i->why = "LISTEN_FDS is set, but LISTEN_PID says not for whom";
    else if (number != (uint64_t)getpid())
        i->why = "LISTEN_FDS is set, but for another process (LISTEN_PID)";
    else
        i->n = n;
    snprintf(copy, sizeof copy, "%s", names ? names : "");
    name_sockets(i, *copy ? copy : NULL);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

/* Whether anything goes to stdout: messages, or what becomes of those for instruments. */
static bool prints(const struct listener *l)
{
    return l->keep_stdout || l->reads || !(l->journal || l->exec || l->sink);
}

/* No file is two things at once. The metrics are written beside their file first. */
static bool files_fit(struct listener *l)
{
    enum { BESIDE = 4096 };
    static char beside[BESIDE];
    const char *metrics = l->hub.metrics, *other;
    const struct output *one,
        files[] = {
            {"--links", l->links.file},
            {"--journal", l->journal},
            {"--rejects", l->rejects},
            {"--metrics", metrics},
            {"--metrics", metrics && (size_t)snprintf(beside, BESIDE, "%s.new", metrics) < BESIDE ? beside : NULL},
        };
    if (!outputs_distinct(files, sizeof files / sizeof *files, &one, &other))
        l->status = program_usage(&l->program, "%s: %s is %s as well", one->what, one->file, other);
    return !l->status;
}

/* The rejects file has to be there when it is needed. */
static bool rejects_open(struct listener *l)
{
    if (!l->rejects || rejects_make(l->rejects))
        return true;
    log_line(LOG_ERROR, "--rejects: %s: %s", l->rejects, strerror(errno));
    l->status = STATUS_CANNOT_CREATE;
    return false;
}

static bool usage_fits(struct listener *l, int n, const struct inherited *inherited)
{
    if (l->ready_fd >= INHERITED && l->ready_fd < INHERITED + inherited->n)
        l->status = program_usage(&l->program, "--ready-fd: %d is a socket that was passed (LISTEN_FDS)", l->ready_fd);
    else if (!n && !l->links.file && inherited->why)
        l->status = program_usage(&l->program, "no endpoint; %s", inherited->why);
    else if (!n && !l->links.file)
        l->status = program_usage(&l->program, "no endpoint; try a port, as in '%s 4000'", l->program.name);
    else if (l->name && n != 1)
        l->status = program_usage(&l->program, "--name is for one endpoint; there are %s", n ? "several" : "none");
    return !l->status;
}

static bool add_links(struct listener *l, char **endpoints, const char *const *names, int n)
{
    for (int i = 0; i < n; i++)
        if (!links_add(&l->links, l->name ? l->name : names && names[i] ? names[i] : endpoints[i], endpoints[i]))
            return false;
    return !l->links.file || links_read(&l->links);
}

/* stdin is no link where messages are read from it. */
static bool stdin_fits(struct listener *l)
{
    for (const struct links_entry *e = l->links.entries; e && l->reads; e = e->next)
        if (links_same_file(e->endpoint.fd, STDIN_FILENO)) {
            l->status = program_usage(&l->program, "--input: stdin is the link %s", e->endpoint.text);
            return false;
        }
    return true;
}

static void on_reload(void *context, int64_t now)
{
    struct listener *l = context;
    if (l->journal)
        target_journal_reopen(&l->to_journal);
    if (l->links.file)
        links_reload(&l->links, l->running, now);
}

static void on_up(void *context, struct connection *c, int64_t now)
{
    (void)now;
    outbox_up(&((struct listener *)context)->outbox, c);
}

static void on_down(void *context, struct connection *c, int64_t now)
{
    (void)now;
    outbox_down(&((struct listener *)context)->outbox, c);
}

static void on_done(void *context, struct connection *c, const struct delivery *delivery, int64_t now)
{
    outbox_done(&((struct listener *)context)->outbox, c, delivery, now);
}

/* The open link that takes orders for instruments on that one; NULL: there is none now. */
static struct link *orders_link(const struct listener *l, const char *name)
{
    struct link *link = l->running->links;
    while (link && (link->gone || strcmp(link->config->name, name) != 0))
        link = link->next;
    return link;
}

static void on_reply(void *context, struct connection *c, const unsigned char *text, size_t n, int64_t now)
{
    struct listener *l = context;
    const char *name = c->machine.protocol == &protocol_hl7 ? c->link->config->orders : NULL;
    struct link *orders = name ? orders_link(l, name) : c->link;
    if (!orders)
        log_line(LOG_ERROR, "%s: what follows an answer is not sent: the link %s is not open", c->link->config->name,
                 name);
    else if (orders == c->link)
        outbox_reply(&l->outbox, c, text, n, now);
    else
        outbox_pass(&l->outbox, orders, c->peer, text, n, now);
}

static void on_cancelled(void *context, struct connection *c)
{
    outbox_cancel(&((struct listener *)context)->outbox, c);
}

static void on_stopping(void *context, int64_t now)
{
    struct listener *l = context;
    outbox_stop(&l->outbox, "stopping", l->running->stop_by, now);
    if (l->reads)
        input_stop(&l->input, now);
}

static void on_retired(void *context, const struct link_config *config)
{
    links_forget(&((struct listener *)context)->links, config);
}

/* Says what is wrong with a link, and how to exit. */
static void complain(struct listener *l)
{
    l->status = l->links.status;
    if (l->status == STATUS_USAGE)
        program_usage(&l->program, "%s", l->links.wrong);
    else
        log_line(LOG_ERROR, "%s", l->links.wrong);
}

/* Where messages go besides stdout, or instead of it. False: exit with l->status. */
static bool add_consumers(struct listener *l, struct handover *h)
{
    static struct target_exec exec;
    static struct target_sink sink;
    if (l->exec && !target_exec_open(&exec, l->exec, l->jobs, l->exec_ms)) {
        log_line(LOG_ERROR, "cannot begin: %s", strerror(errno));
        l->status = STATUS_SYSTEM;
        return false;
    }
    if (l->exec)
        handover_add(h, &exec.base, l->keep_stdout);
    if (l->sink)
        target_sink_open(&sink, l->sink, l->window, l->sink_ms);
    if (l->sink)
        handover_add(h, &sink.base, l->keep_stdout);
    return true;
}

static bool add_journal(struct listener *l, struct handover *h)
{
    enum journal_result result = l->journal ? target_journal_open(&l->to_journal, l->journal, &h->ledger) : JOURNAL_OK;
    if (result != JOURNAL_OK)
        l->status = result == JOURNAL_LOCKED   ? STATUS_LATER
                    : result == JOURNAL_DENIED ? STATUS_NOT_PERMITTED
                                               : STATUS_CANNOT_CREATE;
    else if (l->journal)
        handover_add(h, &l->to_journal.base, l->keep_stdout);
    return result == JOURNAL_OK;
}

/* Messages go to instruments from stdin. */
static void open_outbox(struct listener *l, struct hub *hub)
{
    const struct outbox_hooks hooks = {&l->input, input_report, input_stalled};
    l->sending.max_held = l->hub.max_buffer / 2;
    outbox_open(&l->outbox, &l->sending, &hooks, &hub->held);
    loop_add(&hub->loop, &l->outbox.source);
    input_open(&l->input, STDIN_FILENO, l->sending.max_held, hub, &l->outbox);
    if (l->reads)
        loop_add(&hub->loop, &l->input.feed.source);
}

/* The file of --metrics has to be one that can be written. */
static bool metrics_begin(struct listener *l, struct hub *hub)
{
    const char *why = l->hub.metrics ? metrics_write(hub->links, l->hub.metrics, &hub->metrics) : NULL;
    if (!why)
        return true;
    log_line(LOG_ERROR, "--metrics: %s: %s", l->hub.metrics, why);
    l->hub.metrics = NULL;
    return false;
}

static void listen_and_print(struct listener *l)
{
    static struct hub hub;
    static struct handover handover;
    const bool sends = l->reads || l->exec || l->sink; /* else no connection costs anything for what is never sent */
    const struct hub_hooks hooks = {.context = l,
                                    .up = sends ? on_up : NULL,
                                    .down = sends ? on_down : NULL,
                                    .done = sends ? on_done : NULL,
                                    .reply = on_reply,
                                    .cancelled = on_cancelled,
                                    .stopping = on_stopping,
                                    .reload = l->links.file || l->journal ? on_reload : NULL,
                                    .retired = on_retired,
                                    .stays = l->links.file};
    handover_open(&handover, l->common.format, (uint32_t)l->dedup, l->count);
    handover.rejects = l->rejects;
    l->running = &hub;
    if (!add_journal(l, &handover) || !add_consumers(l, &handover)) {
        handover_close(&handover);
        return;
    }
    if (!hub_open(&hub, &l->hub, &hooks, &handover)) {
        log_line(LOG_ERROR, "signals: %s", strerror(errno));
        l->status = STATUS_SYSTEM;
    } else if (open_outbox(l, &hub), !links_open(&l->links, &hub)) {
        complain(l);
    } else if (!metrics_begin(l, &hub)) {
        l->status = STATUS_CANNOT_CREATE;
    } else {
        l->status = run_hub(&hub, l->ready_fd);
    }
    hub_close(&hub);
    if (!l->status && l->input.failed)
        l->status = STATUS_IO;
    outbox_close(&l->outbox);
    input_close(&l->input);
    handover_close(&handover);
    if (log_dropped())
        log_line(LOG_ERROR, "%llu lines of this log were dropped: nobody read them", (unsigned long long)log_dropped());
}

int listener_run(struct listener *l, char **endpoints, int n)
{
    static struct inherited inherited;
    const char *const *names = NULL;
    take_inherited(&inherited);
    if (!n && !l->links.file) {
        n = inherited.n;
        endpoints = inherited.endpoints;
        names = inherited.names;
    }
    if (usage_fits(l, n, &inherited) && files_fit(l) && standard_open(prints(l), &l->status) && rejects_open(l)) {
        if (!add_links(l, endpoints, names, n))
            complain(l);
        else if (stdin_fits(l))
            listen_and_print(l);
    }
    links_free(&l->links);
    link_options_free(&l->scratch);
    return l->status;
}
