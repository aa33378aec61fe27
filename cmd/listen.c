#include "listen.h"

#include "base/log.h"
#include "base/option.h"
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INHERITED_MAX = 1024 };

enum { GET = 256, POSITIONAL, MAX_BUFFER, MAX_CONNECTIONS, CONNECT_TIMEOUT, RETRY, MAX_RETRIES, DEDUP, REJECTS };

static const struct option options[] = {
    {"output", required_argument, NULL, 'o'},
    {"get", required_argument, NULL, GET},
    {"positional", no_argument, NULL, POSITIONAL},
    {"name", required_argument, NULL, 'n'},
    {"count", required_argument, NULL, 'c'},
    {"ready-fd", required_argument, NULL, 'R'},
    {"max-buffer", required_argument, NULL, MAX_BUFFER},
    {"max-connections", required_argument, NULL, MAX_CONNECTIONS},
    {"connect-timeout", required_argument, NULL, CONNECT_TIMEOUT},
    {"retry", required_argument, NULL, RETRY},
    {"max-retries", required_argument, NULL, MAX_RETRIES},
    {"dedup", required_argument, NULL, DEDUP},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"rejects", required_argument, NULL, REJECTS}, /* the last: for protocols that acknowledge before the hand-over */
};

enum { OPTIONS = sizeof options / sizeof *options };

void listener_init(struct listener *l, const char *name, const char *help, const struct protocol *protocol)
{
    *l = (struct listener){
        .program = {.name = name, .help = help},
        .hub = hub_defaults(),
        .dedup = 1000,
        .ready_fd = -1,
    };
    link_options_init(&l->link, protocol, LINK_RECEIVES, ASTM_HOST);
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

bool option_retry(const struct program *program, const char *text, struct hub_config *config, int *status)
{
    char copy[96], *factor, *max;
    int64_t thousandths;
    snprintf(copy, sizeof copy, "%s", text);
    factor = strchr(copy, ',');
    max = factor ? strchr(factor + 1, ',') : NULL;
    if (max) {
        *factor++ = 0;
        *max++ = 0;
        /* the factor is a decimal number, which a time in seconds is as well */
        if (parse_duration_ms(copy, &config->retry_min_ms) && parse_duration_ms(factor, &thousandths) &&
            thousandths >= 1000 && parse_duration_ms(max, &config->retry_max_ms) && config->retry_min_ms > 0 &&
            config->retry_max_ms >= config->retry_min_ms) {
            config->retry_factor = (double)thousandths / 1000;
            return true;
        }
    }
    *status = program_usage(program, "--retry: '%s' is not MIN,FACTOR,MAX, as in 5,1.5,600", text);
    return false;
}

static bool option_number(struct listener *l, const char *option, uint64_t max, uint64_t *number)
{
    if (!option_count(&l->program, option, optarg, number, &l->status))
        return false;
    if (*number <= max)
        return true;
    l->status =
        program_usage(&l->program, "%s: %s is too much; %llu is the most", option, optarg, (unsigned long long)max);
    return false;
}

static bool option_connections(struct listener *l)
{
    uint64_t number;
    if (!option_number(l, "--max-connections", 1 << 20, &number))
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

static bool option_get(struct listener *l)
{
    const struct protocol *protocol = l->link.config.protocol;
    const char *wrong = get_parse(&l->get, protocol == &protocol_hl7 ? &hl7_get_names : &astm_get_names, optarg);
    l->get_text = optarg;
    if (wrong)
        l->status = program_usage(&l->program, "--get: '%.*s' is no path like %s", (int)strcspn(wrong, ","), wrong,
                                  protocol == &protocol_hl7 ? "PID-3.1 or OBX-5[2].1.1" : "P.6.1 or R.4");
    return !wrong;
}

/* Takes one option of a listener's own. False: exit with l->status. */
static bool take_option(struct listener *l, int option)
{
    const struct program *p = &l->program;
    struct hub_config *hub = &l->hub;
    switch (option) {
    case 'o':
        return option_format(p, optarg, &l->format, &l->status);
    case GET:
        return option_get(l);
    case POSITIONAL:
        return l->link.config.astm_view.positional = l->link.config.hl7_view.positional = true;
    case 'n':
        l->name = optarg;
        return true;
    case 'c':
        return option_from_1(p, "--count", optarg, &l->count, &l->status);
    case 'R':
        return option_ready_fd(p, optarg, &l->ready_fd, &l->status);
    case MAX_BUFFER:
        return option_size(p, "--max-buffer", optarg, &hub->max_buffer, &l->status);
    case MAX_CONNECTIONS:
        return option_connections(l);
    case CONNECT_TIMEOUT:
        return option_duration(p, "--connect-timeout", optarg, &hub->connect_ms, &l->status);
    case RETRY:
        return option_retry(p, optarg, hub, &l->status);
    case MAX_RETRIES:
        return option_count(p, "--max-retries", optarg, &hub->max_retries, &l->status);
    case DEDUP:
        return option_number(l, "--dedup", 1 << 20, &l->dedup);
    default:
        l->rejects = optarg;
        return true;
    }
}

/* Chosen fields come instead of the format. */
static void settle_format(struct listener *l)
{
    struct link_config *link = &l->link.config;
    if (l->get_text) {
        l->format = VIEW_TEXT;
        link->get = link->hl7_view.get = &l->get;
    }
    link->astm_view.format = link->hl7_view.format = l->format;
    link->wire = l->format == VIEW_FRAME;
}

bool listener_options(struct listener *l, int argc, char **argv)
{
    struct option list[OPTIONS + LINK_OPTIONS_MAX];
    unsigned protocol = l->link.config.protocol == &protocol_hl7 ? LINK_HL7 : LINK_ASTM;
    int option, index;
    memcpy(list, options, sizeof options);
    link_options_list(list, protocol == LINK_ASTM ? OPTIONS : OPTIONS - 1, protocol, LINK_RECEIVES);
    log_open(l->program.name, LOG_EVENT, false);
    while ((option = getopt_long(argc, argv, "o:n:c:R:qvhV", list, &index)) != -1) {
        enum option_result result = program_option(&l->program, option, &l->status);
        bool fine = result == OPTION_TAKEN;
        if (result == OPTION_UNKNOWN)
            fine = option == LINK_OPTION ? option_link(&l->program, &l->link, list[index].name, &l->status)
                                         : take_option(l, option);
        if (!fine)
            return false;
    }
    settle_format(l);
    log_open(l->program.name, (enum log_level)(LOG_EVENT + l->program.verbosity), false);
    return true;
}

/* ---- running ---- */

/* Whether that descriptor is the same as stdout. */
static bool is_stdout(int fd)
{
    struct stat one, other;
    return fd >= 0 && fstat(fd, &one) == 0 && fstat(STDOUT_FILENO, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

bool add_endpoint(struct hub *hub, const struct program *program, const char *text, const struct link_config *link,
                  bool listener, int *status)
{
    static const int statuses[] = {
        [HUB_USAGE] = STATUS_USAGE,
        [HUB_UNREACHABLE] = STATUS_UNREACHABLE,
        [HUB_NO_SUCH_ADDRESS] = STATUS_UNREACHABLE,
        [HUB_NOT_PERMITTED] = STATUS_NOT_PERMITTED,
        [HUB_SYSTEM] = STATUS_SYSTEM,
    };
    struct endpoint endpoint;
    struct hub_failure failure;
    const char *wrong;
    if (!endpoint_parse(text, listener, &endpoint, &wrong)) {
        *status = program_usage(program, "'%s' is no endpoint: %s", text, wrong);
        return false;
    }
    if (is_stdout(endpoint.fd)) {
        *status = program_usage(program, "%s is the link and stdout at once: records and answers would mix", text);
        return false;
    }
    if (hub_add(hub, &endpoint, link, &failure))
        return true;
    log_line(LOG_ERROR, "%s", failure.why);
    *status = statuses[failure.error];
    return false;
}

int run_hub(struct hub *hub, int ready_fd)
{
    if (ready_fd >= 0)
        hub_announce(hub, ready_fd);
    switch (hub_run(hub)) {
    case HUB_GIVEN_UP:
        return STATUS_UNREACHABLE;
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

bool standard_open(int *status)
{
    bool out = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
    int fd;
    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
    if (out)
        return true;
    log_line(LOG_ERROR, "stdout is closed");
    *status = STATUS_IO;
    return false;
}

/* How many sockets the service manager has passed, from descriptor 3 on. */
static int inherited_sockets(void)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    uint64_t number;
    int n = 0;
    if (pid && fds && parse_count(pid, &number) && number == (uint64_t)getpid() &&
        !parse_int_range(fds, 1, INHERITED_MAX, &n))
        n = 0;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return n;
}

/* A link for each endpoint; it is called after that unless -n says otherwise. */
static bool add_all(struct listener *l, struct hub *hub, struct link_config *links, char **endpoints, int n)
{
    for (int i = 0; i < n; i++) {
        links[i] = l->link.config;
        links[i].name = l->name ? l->name : endpoints[i];
        if (!add_endpoint(hub, &l->program, endpoints[i], &links[i], true, &l->status))
            return false;
    }
    return true;
}

/* The endpoints that stand for inherited sockets. */
static void name_inherited(char **endpoints, int n)
{
    static char texts[INHERITED_MAX][16];
    for (int i = 0; i < n; i++) {
        snprintf(texts[i], sizeof texts[i], "fd:%d", 3 + i);
        endpoints[i] = texts[i];
    }
}

/* The rejects file has to be there when it is needed. */
static bool rejects_open(struct listener *l)
{
    int fd = l->rejects ? open(l->rejects, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd >= 0)
        close(fd);
    if (fd >= 0 || !l->rejects)
        return true;
    log_line(LOG_ERROR, "--rejects: %s: %s", l->rejects, strerror(errno));
    l->status = STATUS_CANNOT_CREATE;
    return false;
}

static bool usage_fits(struct listener *l, int n)
{
    if (!n)
        l->status = program_usage(&l->program, "no endpoint; try a port, as in '%s 4000'", l->program.name);
    else if (l->name && n > 1)
        l->status = program_usage(&l->program, "--name is for one endpoint; there are several");
    return n && (!l->name || n == 1);
}

static void listen_and_print(struct listener *l, char **endpoints, int n)
{
    static struct hub hub;
    static struct handover handover;
    struct link_config *links = calloc((size_t)n, sizeof *links);
    handover_open(&handover, l->format, (uint32_t)l->dedup, l->count);
    handover.rejects = l->rejects;
    if (!links || !hub_open(&hub, &l->hub, NULL, &handover)) {
        log_line(LOG_ERROR, "signals: %s", strerror(errno));
        l->status = STATUS_SYSTEM;
    } else if (add_all(l, &hub, links, endpoints, n)) {
        l->status = run_hub(&hub, l->ready_fd);
    }
    hub_close(&hub);
    handover_close(&handover);
    free(links);
    if (log_dropped())
        log_line(LOG_ERROR, "%llu lines of this log were dropped: nobody read them", (unsigned long long)log_dropped());
}

int listener_run(struct listener *l, char **endpoints, int n)
{
    static char *inherited[INHERITED_MAX];
    int sockets = inherited_sockets();
    if (!n) {
        n = sockets;
        endpoints = inherited;
        name_inherited(inherited, n);
    }
    if (usage_fits(l, n) && standard_open(&l->status) && rejects_open(l))
        listen_and_print(l, endpoints, n);
    link_options_free(&l->link);
    return l->status;
}
