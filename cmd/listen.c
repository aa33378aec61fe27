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

enum {
    POSITIONAL = 256,
    CHARSET,
    CHECKSUM,
    FRAME_NUMBERS,
    ROLE,
    TIMERS,
    MESSAGE_TIMEOUT,
    IDLE_TIMEOUT,
    MAX_MESSAGE,
    MAX_BUFFER,
    MAX_CONNECTIONS,
    CONNECT_TIMEOUT,
    RETRY,
    MAX_RETRIES,
    DEDUP,
    REJECTS,
    PASSWORD,
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
        .hub = hub_defaults(ASTM_HOST),
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
    if (n <= name_len || n - name_len - 1 >= sizeof value || strncmp(text, name, name_len) != 0 ||
        text[name_len] != '=')
        return false;
    memcpy(value, text + name_len + 1, n - name_len - 1);
    value[n - name_len - 1] = 0;
    return parse_duration_ms(value, ms) && *ms > 0;
}

bool option_timers(const struct program *program, const char *text, struct astm_link_config *config, int *status)
{
    for (const char *p = text;;) {
        size_t n = strcspn(p, ",");
        if (!timer(p, n, "reply", &config->reply_ms) && !timer(p, n, "receive", &config->receive_ms) &&
            !timer(p, n, "busy", &config->busy_ms) && !timer(p, n, "contention", &config->contention_ms)) {
            *status = program_usage(
                program, "--timers: '%.*s' is none of reply=, receive=, busy=, contention= and a time", (int)n, p);
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
    size_t size = 0;
    FILE *f = fopen(file, "re");
    free(l->password);
    l->password = NULL;
    if (f && getline(&l->password, &size, f) > 0) {
        l->password[strcspn(l->password, "\r\n")] = 0;
        l->hub.password = l->password;
        fclose(f);
        return true;
    }
    bool denied = errno == EACCES;
    log_line(LOG_ERROR, "--password: %s: %s", file, f && !ferror(f) ? "it is empty" : strerror(errno));
    l->status = !f && denied ? STATUS_NOT_PERMITTED : STATUS_NO_INPUT;
    if (f)
        fclose(f);
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

/* Whether that descriptor is the same as stdout. */
static bool is_stdout(int fd)
{
    struct stat one, other;
    return fd >= 0 && fstat(fd, &one) == 0 && fstat(STDOUT_FILENO, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

bool add_endpoint(struct hub *hub, const struct program *program, const char *text, const char *name, bool listener,
                  int *status)
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
    if (hub_add(hub, &endpoint, name ? name : text, &failure))
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

static bool add_all(struct listener *l, struct hub *hub, char **endpoints, int n)
{
    for (int i = 0; i < n; i++)
        if (!add_endpoint(hub, &l->program, endpoints[i], l->name, true, &l->status))
            return false;
    return true;
}

static bool add_inherited(struct listener *l, struct hub *hub, int n)
{
    static char texts[INHERITED_MAX][16];
    for (int i = 0; i < n; i++) {
        snprintf(texts[i], sizeof texts[i], "fd:%d", 3 + i);
        if (!add_endpoint(hub, &l->program, texts[i], l->name, true, &l->status))
            return false;
    }
    return true;
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

static void listen_and_print(struct listener *l, char **endpoints, int n, int inherited)
{
    static struct hub hub;
    static struct handover handover;
    handover_open(&handover, &l->format, (uint32_t)l->dedup, l->count);
    handover.rejects = l->rejects;
    l->hub.wire = l->format.format == VIEW_FRAME;
    if (!hub_open(&hub, &l->hub, NULL, &handover)) {
        log_line(LOG_ERROR, "signals: %s", strerror(errno));
        l->status = STATUS_SYSTEM;
    } else if (n ? add_all(l, &hub, endpoints, n) : add_inherited(l, &hub, inherited)) {
        l->status = run_hub(&hub, l->ready_fd);
    }
    hub_close(&hub);
    handover_close(&handover);
    if (log_dropped())
        log_line(LOG_ERROR, "%llu lines of this log were dropped: nobody read them", (unsigned long long)log_dropped());
}

int listener_run(struct listener *l, char **endpoints, int n)
{
    int inherited = inherited_sockets();
    if (usage_fits(l, n ? n : inherited) && standard_open(&l->status) && rejects_open(l))
        listen_and_print(l, endpoints, n, inherited);
    charset_close(&l->charset);
    free(l->password);
    return l->status;
}
