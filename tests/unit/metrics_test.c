#include "link/metrics.h"

#include "base/log.h"

#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* stderr is a pipe; what is in it is read from here. */
static int reader;

static void open_pipe(void)
{
    int ends[2];
    if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
        abort();
    close(ends[1]);
    reader = ends[0];
}

static const char *printed(void)
{
    static char text[4096];
    ssize_t n = read(reader, text, sizeof text - 1);
    text[n > 0 ? n : 0] = 0;
    return text;
}

static struct link_config config_of(const char *name)
{
    struct link_config config = link_defaults(&protocol_astm, ASTM_HOST);
    config.name = name;
    return config;
}

/* Counters that are all different. */
static struct link busy(const struct link_config *config, struct link *next)
{
    struct link link = {.config = config, .next = next, .connections = 2};
    link.counters = (struct link_counters){
        .connections = 3,
        .refused_connections = 4,
        .messages = 5,
        .records = 6,
        .bytes_received = UINT64_MAX,
        .bytes_sent = 8,
        .repeats = 9,
        .dropped = 13,
        .delivered = 10,
        .undelivered = 11,
        .idle_timeouts = 12,
        .last_message_us = INT64_C(1795224600000042),
    };
    for (size_t i = 0; i < ASTM_NOTICES; i++)
        link.counters.astm_notices[i] = 100 + i;
    for (size_t i = 0; i < HL7_NOTICES; i++)
        link.counters.hl7_notices[i] = 1000 + i;
    return link;
}

#define HEAD(name, type, help) "# HELP instlink_" name " " help "\n# TYPE instlink_" name " " type "\n"
#define REFUSALS HEAD("refusals_total", "counter", "Frames and messages refused or dropped, by reason.")
#define LAST HEAD("last_message_timestamp_seconds", "gauge", "When the last message was handed over.")

static const struct {
    const char *head, *name;
    uint64_t value; /* of a busy link */
} values[] = {
    {HEAD("connections", "gauge", "Connections that are open."), "connections", 2},
    {HEAD("connections_total", "counter", "Connections accepted or made."), "connections_total", 3},
    {HEAD("connections_refused_total", "counter", "Connections refused."), "connections_refused_total", 4},
    {HEAD("messages_total", "counter", "Messages handed over."), "messages_total", 5},
    {HEAD("records_total", "counter", "Records or segments of messages handed over."), "records_total", 6},
    {HEAD("messages_dropped_total", "counter", "Messages that nobody sends again, and that were lost."),
     "messages_dropped_total", 13},
    {HEAD("received_bytes_total", "counter", "Bytes received."), "received_bytes_total", UINT64_MAX},
    {HEAD("sent_bytes_total", "counter", "Bytes sent."), "sent_bytes_total", 8},
    {HEAD("checksum_errors_total", "counter", "Frames refused for their checksum."), "checksum_errors_total",
     100 + ASTM_NOTICE_BAD_CHECKSUM},
    {HEAD("retransmissions_total", "counter", "Frames and messages that came again."), "retransmissions_total",
     100 + ASTM_NOTICE_REPEAT + 9},
    {HEAD("timeouts_total", "counter", "Waits that ended without what was waited for."), "timeouts_total",
     100 + ASTM_NOTICE_NO_REPLY + 1000 + HL7_NOTICE_TOO_SLOW + 1000 + HL7_NOTICE_NO_ANSWER + 12},
    {HEAD("delivered_total", "counter", "Messages of ours that were accepted."), "delivered_total", 10},
    {HEAD("undelivered_total", "counter", "Attempts to send a message that failed."), "undelivered_total", 11},
};

static const struct {
    const char *reason;
    uint64_t value;
} refusals[] = {
    {"bad-checksum", 100 + ASTM_NOTICE_BAD_CHECKSUM},
    {"malformed-frame", 100 + ASTM_NOTICE_MALFORMED},
    {"wrong-number", 100 + ASTM_NOTICE_WRONG_NUMBER},
    {"spoiled", 100 + ASTM_NOTICE_SPOILED},
    {"not-handed-over", 100 + ASTM_NOTICE_NOT_HANDED + 1000 + HL7_NOTICE_NOT_HANDED},
    {"no-memory", 100 + ASTM_NOTICE_NO_MEMORY + 1000 + HL7_NOTICE_NO_MEMORY},
    {"dropped", 100 + ASTM_NOTICE_DROPPED},
    {"lost", 100 + ASTM_NOTICE_LOST},
    {"busy", 100 + ASTM_NOTICE_BUSY},
    {"unreadable", 1000 + HL7_NOTICE_UNREADABLE},
    {"too-long", 1000 + HL7_NOTICE_TOO_LONG},
    {"too-slow", 1000 + HL7_NOTICE_TOO_SLOW},
    {"cut-block", 1000 + HL7_NOTICE_CUT},
};

/* What is to be written of links with these labels, of which the first n are busy, and nothing has happened on the
 * others. */
static void expected(const char *const *labels, size_t n, size_t busy_ones, struct bytes *out)
{
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        bytes_puts(out, values[i].head);
        for (size_t l = 0; l < n; l++)
            bytes_printf(out, "instlink_%s{link=\"%s\"} %llu\n", values[i].name, labels[l],
                         l < busy_ones ? (unsigned long long)values[i].value : 0ull);
    }
    bytes_puts(out, REFUSALS);
    for (size_t l = 0; l < n; l++)
        for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
            bytes_printf(out, "instlink_refusals_total{link=\"%s\",reason=\"%s\"} %llu\n", labels[l],
                         refusals[i].reason, l < busy_ones ? (unsigned long long)refusals[i].value : 0ull);
    bytes_puts(out, LAST);
    for (size_t l = 0; l < busy_ones; l++)
        bytes_printf(out, "instlink_last_message_timestamp_seconds{link=\"%s\"} 1795224600.000042\n", labels[l]);
}

static void is_text(const struct link *links, const struct bytes *want, const char *name)
{
    struct bytes got = {0};
    ok(metrics_text(links, &got), "%s", name);
    is_bytes(got.data, got.len, want->data, want->len, "... is written so");
    bytes_free(&got);
}

static void texts(void)
{
    static const char *const labels[] = {"cobas", "sysmex"};
    struct link_config cobas = config_of("cobas"), sysmex = config_of("sysmex");
    struct link second = {.config = &sysmex}, first = busy(&cobas, &second);
    struct bytes want = {0};
    expected(NULL, 0, 0, &want);
    is_text(NULL, &want, "no link");
    want.len = 0;
    expected(labels + 1, 1, 0, &want);
    is_text(&second, &want, "a link on which nothing has happened");
    want.len = 0;
    expected(labels, 2, 1, &want);
    is_text(&first, &want, "two links");
    first.next = NULL;
    second.next = &first;
    is_text(&second, &want, "the other way round");
    bytes_free(&want);
}

/* A series may stand there only once. */
static void shared_name(void)
{
    static const char *const labels[] = {"cobas"};
    struct link_config config = config_of("cobas"), again = config_of("cobas");
    struct link second = {.config = &again, .counters.last_message_us = 1}, first = busy(&config, &second);
    struct bytes want = {0};
    expected(labels, 1, 1, &want);
    is_text(&first, &want, "links that share a name, as one");
    second.counters.messages = 1000;
    first.counters.messages -= 1000;
    is_text(&first, &want, "their sum");
    bytes_free(&want);
}

static void names(void)
{
    static const struct {
        const char *name, *label;
    } cases[] = {
        {"a\\b\"c\nd", "a\\\\b\\\"c\\nd"},    {"\\", "\\\\"}, {"", ""}, {"\xC3\xA9\t{}=,", "\xC3\xA9\t{}=,"},
        {"127.0.0.1:4000", "127.0.0.1:4000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *name = exact_copy(cases[i].name, strlen(cases[i].name) + 1);
        struct link_config config = config_of(name);
        struct link link = busy(&config, NULL);
        struct bytes want = {0};
        expected(&cases[i].label, 1, 1, &want);
        is_text(&link, &want, "a name that is escaped, or not");
        bytes_free(&want);
        free(name);
    }
}

/* ---- the file ---- */

static void is_file(const char *path, const struct bytes *want, const char *name)
{
    static char got[64 << 10];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, got, sizeof got);
    is_bytes(got, n < 0 ? 0 : (size_t)n, want->data, want->len, "%s", name);
    close(fd);
}

static bool is_there(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static void file(const char *dir)
{
    char path[128], beside[140];
    struct link_config config = config_of("cobas");
    struct link link = busy(&config, NULL);
    struct bytes last = {0}, text = {0}, foreign = {0};
    struct stat status;
    snprintf(path, sizeof path, "%s/metrics", dir);
    snprintf(beside, sizeof beside, "%s.new", path);
    umask(022);
    metrics_text(&link, &text);
    bytes_puts(&foreign, "foreign\n");

    metrics_write(&link, path, &last);
    is_file(path, &text, "they are written to a file");
    is_bytes(last.data, last.len, text.data, text.len, "and remembered");
    ok(stat(path, &status) == 0 && (status.st_mode & 0777) == 0644, "everybody may read it");
    ok(!is_there(beside), "nothing is left beside it");

    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    ok(write(fd, foreign.data, foreign.len) == (ssize_t)foreign.len, "somebody else writes to it");
    close(fd);
    metrics_write(&link, path, &last);
    is_file(path, &foreign, "as long as nothing changes, it is not written again");

    fd = open(path, O_RDONLY | O_CLOEXEC);
    link.counters.messages++;
    text.len = 0;
    metrics_text(&link, &text);
    metrics_write(&link, path, &last);
    is_file(path, &text, "then it is");
    char old[16];
    ok(read(fd, old, sizeof old) == (ssize_t)foreign.len && memcmp(old, foreign.data, foreign.len) == 0,
       "who reads the old one reads it to its end");
    close(fd);

    bytes_puts(&foreign, "longer than what is to be written");
    fd = open(beside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (int i = 0; i < 1000; i++)
        if (write(fd, foreign.data, foreign.len) != (ssize_t)foreign.len)
            abort();
    close(fd);
    bytes_free(&last);
    metrics_write(&link, path, &last);
    is_file(path, &text, "what a run before has left beside it does no harm");
    ok(!is_there(beside), "and goes");
    is_str(printed(), "", "of all that nothing is said");
    unlink(path);
    bytes_free(&last);
    bytes_free(&text);
    bytes_free(&foreign);
}

/* What may not be replaced, and what may not be written through. */
static void in_the_way(const char *dir)
{
    char path[128], beside[140], victim[140];
    struct link_config config = config_of("cobas");
    struct link link = busy(&config, NULL);
    struct bytes last = {0}, foreign = {0};
    struct stat status;
    snprintf(path, sizeof path, "%s/metrics", dir);
    snprintf(beside, sizeof beside, "%s.new", path);
    snprintf(victim, sizeof victim, "%s/victim", dir);
    bytes_puts(&foreign, "foreign\n");
    int fd = open(victim, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ok(write(fd, foreign.data, foreign.len) == (ssize_t)foreign.len, "somebody has a file");
    close(fd);

    if (symlink(victim, beside) != 0)
        abort();
    is_str(metrics_write(&link, path, &last), "what is called so with .new behind it is not ours",
           "a link that lies where the file is made");
    is_file(victim, &foreign, "... is not written through");
    ok(!is_there(path) && lstat(beside, &status) == 0, "... and stays");
    unlink(beside);

    if (symlink(victim, path) != 0)
        abort();
    is_str(metrics_write(&link, path, &last), "it is no regular file", "a link that lies where the file is to be");
    ok(lstat(path, &status) == 0 && S_ISLNK(status.st_mode), "... stays");
    unlink(path);
    if (mkfifo(path, 0600) != 0)
        abort();
    is_str(metrics_write(&link, path, &last), "it is no regular file", "nor is a FIFO replaced");
    ok(lstat(path, &status) == 0 && S_ISFIFO(status.st_mode), "... nor opened");
    unlink(path);
    if (mkdir(path, 0755) != 0)
        abort();
    is_str(metrics_write(&link, path, &last), "it is no regular file", "a folder is no file");
    ok(!is_there(beside), "and nothing is left beside it");
    rmdir(path);
    unlink(victim);
    bytes_free(&last);
    bytes_free(&foreign);
}

/* A journal, empty as it is, that somebody holds: in the place of the file, and beside it. */
static void journal(const char *dir)
{
    struct link_config config = config_of("cobas");
    struct link link = busy(&config, NULL);
    struct bytes last = {0};
    char path[128], held[140];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/metrics", dir);
        snprintf(held, sizeof held, "%s%s", path, i ? ".new" : "");
        struct stat before, after;
        int fd = open(held, O_RDWR | O_CREAT, 0600);
        if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &before) != 0)
            abort();
        ok(metrics_write(&link, path, &last) != NULL, i ? "nor what lies beside it" : "a journal is not replaced");
        ok(stat(held, &after) == 0 && after.st_ino == before.st_ino, "... it stays");
        close(fd);
        ok(!metrics_write(&link, path, &last), "a file that nobody holds is");
        unlink(path);
        bytes_free(&last);
    }
}

static void no_file(const char *dir)
{
    char path[128], beside[140];
    struct link_config config = config_of("cobas");
    struct link link = busy(&config, NULL);
    struct bytes last = {0};
    struct rlimit limit, small;
    snprintf(path, sizeof path, "%s/none/metrics", dir);
    is_str(metrics_write(&link, path, &last), "No such file or directory", "a folder that is not there");

    snprintf(path, sizeof path, "%s/metrics", dir);
    snprintf(beside, sizeof beside, "%s.new", path);
    signal(SIGXFSZ, SIG_IGN);
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0)
        abort();
    small = limit;
    small.rlim_cur = 100;
    setrlimit(RLIMIT_FSIZE, &small);
    const char *why = metrics_write(&link, path, &last);
    setrlimit(RLIMIT_FSIZE, &limit);
    ok(why != NULL, "no room for all of it");
    ok(!is_there(path) && !is_there(beside), "leaves nothing that is cut off");
    is_str(printed(), "", "of all that the caller speaks");
    bytes_free(&last);
}

/* A path of more than 1 KiB. */
static void long_path(const char *dir)
{
    enum { PARTS = 5, PART = 200 };
    struct link_config config = config_of("cobas");
    struct link link = busy(&config, NULL);
    struct bytes last = {0}, text = {0};
    char path[1200] = "";
    size_t len = strlen(dir), ends[PARTS];
    memcpy(path, dir, len);
    for (size_t i = 0; i < PARTS; i++) { /* the folder's own path is as long as can be had of a printf with 1 KiB */
        size_t part = i + 1 < PARTS ? PART : 1023 - len;
        ends[i] = len;
        memset(path + len, 'x', part);
        path[len] = '/';
        len += part;
        if (mkdir(path, 0755) != 0)
            abort();
    }
    memcpy(path + len, "/metrics", 9);
    metrics_text(&link, &text);
    metrics_write(&link, path, &last);
    is_file(path, &text, "a long path is one like others");
    is_str(printed(), "", "and nothing is said of it");
    unlink(path);
    path[len] = '\0';
    for (size_t i = PARTS; i-- > 0; path[ends[i]] = '\0')
        rmdir(path);
    bytes_free(&text);
    bytes_free(&last);
}

/* ---- for people ---- */

static void people(void)
{
    struct link_config cobas = config_of("cobas"), sysmex = config_of("sysmex");
    struct link second = {.config = &sysmex}, first = busy(&cobas, &second);
    uint64_t sum = 0;
    char want[1024];
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        sum += refusals[i].value;
    snprintf(want, sizeof want,
             "metrics-test: cobas: connections 2 of 3, messages 5, records 6, bytes 18446744073709551615 received 8 "
             "sent, refusals %llu, dropped 13, checksum errors %d, retransmissions %d, timeouts %d\n"
             "metrics-test: sysmex: connections 0 of 0, messages 0, records 0, bytes 0 received 0 sent, refusals 0, "
             "dropped 0, checksum errors 0, retransmissions 0, timeouts 0\n",
             (unsigned long long)sum, 100 + ASTM_NOTICE_BAD_CHECKSUM, 109 + ASTM_NOTICE_REPEAT,
             2112 + ASTM_NOTICE_NO_REPLY + HL7_NOTICE_TOO_SLOW + HL7_NOTICE_NO_ANSWER);
    metrics_print(&first);
    is_str(printed(), want, "a line for each link");
    metrics_print(NULL);
    is_str(printed(), "", "no link, no line");
}

int main(void)
{
    char dir[] = "/tmp/metrics-test-XXXXXX";
    if (!mkdtemp(dir))
        abort();
    open_pipe();
    log_open("metrics-test", LOG_EVENT, true);
    texts();
    shared_name();
    names();
    file(dir);
    in_the_way(dir);
    journal(dir);
    no_file(dir);
    long_path(dir);
    people();
    rmdir(dir);
    return done();
}
