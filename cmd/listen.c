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

enum {
    POSITIONAL = 256, CHARSET, CHECKSUM, FRAME_NUMBERS, ROLE, TIMERS, MESSAGE_TIMEOUT, IDLE_TIMEOUT, MAX_MESSAGE,
    MAX_BUFFER, MAX_CONNECTIONS, CONNECT_TIMEOUT, RETRY, MAX_RETRIES, DEDUP, REJECTS, PASSWORD,
};

static const struct option options[] = {
    {"output", required_argument, NULL, 'o'},
    {"positional", no_argument, NULL, POSITIONAL},
    {"name", required_argument, NULL, 'n'},
    {"count", required_argument, NULL, 'c'},
    {"ready-fd", required_argument, NULL, 'R'},
    {"charset", required_argument, NULL, CHARSET},
    {"checksum", required_argument, NULL, CHECKSUM},
    {"frame-numbers", required_argument, NULL, FRAME_NUMBERS},
    {"role", required_argument, NULL, ROLE},
    {"timers", required_argument, NULL, TIMERS},
    {"message-timeout", required_argument, NULL, MESSAGE_TIMEOUT},
    {"idle-timeout", required_argument, NULL, IDLE_TIMEOUT},
    {"max-message", required_argument, NULL, MAX_MESSAGE},
    {"max-buffer", required_argument, NULL, MAX_BUFFER},
    {"max-connections", required_argument, NULL, MAX_CONNECTIONS},
    {"connect-timeout", required_argument, NULL, CONNECT_TIMEOUT},
    {"retry", required_argument, NULL, RETRY},
    {"max-retries", required_argument, NULL, MAX_RETRIES},
    {"dedup", required_argument, NULL, DEDUP},
    {"rejects", required_argument, NULL, REJECTS},
    {"password", required_argument, NULL, PASSWORD},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

void listener_init(struct listener *l, const char *name, const char *help)
{
    *l = (struct listener){
        .program = {.name = name, .help = help},
        .hub =
            {
                .astm = astm_link_defaults(ASTM_HOST),
                .max_connections = 1024,
                .max_buffer = (size_t)256 << 20,
                .connect_ms = 10000,
                .retry_min_ms = 5000,
                .retry_max_ms = 600000,
                .retry_factor = 1.5,
                .max_retries = UINT64_MAX,
                .grace_ms = 10000,
            },
        .dedup = 1000,
        .ready_fd = -1,
    };
}

/* ---- option values ---- */

/* One `name=value` of a list. The value ends at the comma or the end. */
static bool timer(const char *text, size_t n, const char *name, int64_t *ms)
{
    char value[32];
    size_t name_len = strlen(name);
    if (n <= name_len || n - name_len - 1 >= sizeof value || strncmp(text, name, name_len) != 0 || text[name_len] != '=')
        return false;
    memcpy(value, text + name_len + 1, n - name_len - 1);
    value[n - name_len - 1] = 0;
    return parse_duration_ms(value, ms);
}

bool option_timers(const struct program *program, const char *text, struct astm_link_config *config, int *status)
{
    for (const char *p = text;;) {
        size_t n = strcspn(p, ",");
        if (!timer(p, n, "reply", &config->reply_ms) && !timer(p, n, "receive", &config->receive_ms) &&
            !timer(p, n, "busy", &config->busy_ms) && !timer(p, n, "contention", &config->contention_ms)) {
            *status = program_usage(program, "--timers: '%.*s' is none of reply=, receive=, busy=, contention= and a time",
                                    (int)n, p);
            return false;
        }
        if (!p[n])
            return true;
        p += n + 1;
    }
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

bool option_role(const struct program *program, const char *text, struct astm_link_config *config, int *status)
{
    bool host = strcmp(text, "host") == 0;
    config->role = host ? ASTM_HOST : ASTM_INSTRUMENT;
    if (host || strcmp(text, "instrument") == 0)
        return true;
    *status = program_usage(program, "--role: '%s' is neither host nor instrument", text);
    return false;
}

static bool option_any(struct listener *l, const char *text)
{
    l->hub.astm.any_frame_number = strcmp(text, "any") == 0;
    if (l->hub.astm.any_frame_number || strcmp(text, "strict") == 0)
        return true;
    l->status = program_usage(&l->program, "--frame-numbers: '%s' is neither strict nor any", text);
    return false;
}

static bool option_password(struct listener *l, const char *file)
{
    char text[256];
    FILE *f = fopen(file, "re");
    if (!f || !fgets(text, sizeof text, f)) {
        log_line(LOG_ERROR, "--password: %s: %s", file, f ? "it is empty" : strerror(errno));
        l->status = STATUS_NO_INPUT;
        if (f)
            fclose(f);
        return false;
    }
    fclose(f);
    text[strcspn(text, "\r\n")] = 0;
    free(l->password);
    l->hub.password = l->password = strdup(text);
    return l->password != NULL;
}

static bool option_number(struct listener *l, const char *option, uint64_t max, uint64_t *number)
{
    if (!option_count(&l->program, option, optarg, number, &l->status))
        return false;
    if (*number <= max)
        return true;
    l->status = program_usage(&l->program, "%s: %s is too much; %llu is the most", option, optarg, (unsigned long long)max);
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
    if (parse_int_range(text, 0, 1 << 20, fd) && fcntl(*fd, F_GETFD) >= 0)
        return true;
    *status = program_usage(program, "--ready-fd: %s is no open descriptor", text);
    return false;
}

/* Takes one option of a listener's own. False: exit with l->status. */
static bool take_option(struct listener *l, int option)
{
    const struct program *p = &l->program;
    struct hub_config *hub = &l->hub;
    switch (option) {
    case 'o':
        return option_format(p, optarg, &l->format.format, &l->status);
    case 'n':
        l->name = optarg;
        return true;
    case 'c':
        return option_count(p, "--count", optarg, &l->count, &l->status);
    case 'R':
        return option_ready_fd(p, optarg, &l->ready_fd, &l->status);
    case POSITIONAL:
        return l->format.positional = true;
    case CHARSET:
        l->format.charset = &l->charset;
        return option_charset(p, optarg, &l->charset, &l->status);
    case CHECKSUM:
        return option_checksum(p, optarg, &hub->astm.checksum, &l->status);
    case FRAME_NUMBERS:
        return option_any(l, optarg);
    case ROLE:
        return option_role(p, optarg, &hub->astm, &l->status);
    case TIMERS:
        return option_timers(p, optarg, &hub->astm, &l->status);
    case MESSAGE_TIMEOUT:
        return option_duration(p, "--message-timeout", optarg, &hub->astm.message_ms, &l->status);
    case IDLE_TIMEOUT:
        return option_duration(p, "--idle-timeout", optarg, &hub->idle_ms, &l->status);
    case MAX_MESSAGE:
        return option_size(p, "--max-message", optarg, &hub->astm.max_message, &l->status);
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
    case REJECTS:
        l->rejects = optarg;
        return true;
    default:
        return option_password(l, optarg);
    }
}

bool listener_options(struct listener *l, int argc, char **argv)
{
    int option;
    log_open(l->program.name, LOG_EVENT, false);
    while ((option = getopt_long(argc, argv, "o:n:c:R:qvhV", options, NULL)) != -1) {
        enum option_result result = program_option(&l->program, option, &l->status);
        if (result == OPTION_EXIT || (result == OPTION_UNKNOWN && !take_option(l, option)))
            return false;
    }
    log_open(l->program.name, (enum log_level)(LOG_EVENT + l->program.verbosity), false);
    return true;
}

/* ---- running ---- */

bool add_endpoint(struct hub *hub, const struct program *program, const char *text, const char *name, bool listener,
                  int *status)
{
    static const int statuses[] = {STATUS_DONE, STATUS_USAGE, STATUS_UNREACHABLE, STATUS_NOT_PERMITTED, STATUS_SYSTEM};
    struct endpoint endpoint;
    const char *wrong;
    char why[512];
    if (!endpoint_parse(text, listener, &endpoint, &wrong)) {
        *status = program_usage(program, "'%s' is no endpoint: %s", text, wrong);
        return false;
    }
    enum hub_error error = hub_add(hub, &endpoint, name ? name : text, why, sizeof why);
    if (error == HUB_FINE)
        return true;
    log_line(LOG_ERROR, "%s", why);
    *status = statuses[error];
    return false;
}

int status_of_end(const struct hub *hub, enum hub_end end)
{
    switch (end) {
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

/* How many sockets the service manager has passed, from descriptor 3 on. */
static int inherited_sockets(void)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    uint64_t number;
    int n = 0;
    if (pid && fds && parse_count(pid, &number) && number == (uint64_t)getpid() && !parse_int_range(fds, 1, 1024, &n))
        n = 0;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return n;
}

/* Whether that descriptor is the same as stdout. */
static bool is_stdout(const char *endpoint)
{
    struct stat one, other;
    int fd;
    return strncmp(endpoint, "fd:", 3) == 0 && parse_int_range(endpoint + 3, 0, 1 << 20, &fd) && fstat(fd, &one) == 0 &&
           fstat(STDOUT_FILENO, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

static bool add_all(struct listener *l, struct hub *hub, char **endpoints, int n, int inherited)
{
    static char texts[1024][16];
    for (int i = 0; i < n; i++) {
        if (is_stdout(endpoints[i])) {
            l->status = program_usage(&l->program, "%s is the link and stdout at once: records and answers would mix",
                                      endpoints[i]);
            return false;
        }
        if (!add_endpoint(hub, &l->program, endpoints[i], l->name, true, &l->status))
            return false;
    }
    for (int i = 0; !n && i < inherited; i++) {
        snprintf(texts[i], sizeof texts[i], "fd:%d", 3 + i);
        if (!add_endpoint(hub, &l->program, texts[i], l->name, true, &l->status))
            return false;
    }
    return true;
}

/* Sockets must not come to lie on 0, 1 or 2. False: stdout is closed. */
static bool standard_open(void)
{
    bool out = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
    int fd;
    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
    return out;
}

int listener_run(struct listener *l, char **endpoints, int n)
{
    static struct hub hub;
    static struct handover handover;
    int inherited = inherited_sockets();
    if (!standard_open()) {
        log_line(LOG_ERROR, "stdout is closed");
        return STATUS_IO;
    }
    if (!n && !inherited)
        return program_usage(&l->program, "no endpoint; try a port, as in '%s 4000'", l->program.name);
    if (l->name && n + (n ? 0 : inherited) > 1)
        return program_usage(&l->program, "--name is for one endpoint; there are several");
    hub_raise_limit(l->hub.max_connections);
    handover_open(&handover, &l->format, (uint32_t)l->dedup, l->count);
    handover.rejects = l->rejects;
    l->hub.wire = l->format.format == VIEW_FRAME;
    if (!hub_open(&hub, &l->hub, NULL, &handover)) {
        log_line(LOG_ERROR, "signals: %s", strerror(errno));
        return STATUS_SYSTEM;
    }
    int status;
    if (add_all(l, &hub, endpoints, n, inherited)) {
        if (l->ready_fd >= 0)
            hub_announce(&hub, l->ready_fd);
        status = status_of_end(&hub, hub_run(&hub));
    } else {
        status = l->status;
    }
    hub_close(&hub);
    handover_close(&handover);
    charset_close(&l->charset);
    free(l->password);
    return status;
}
