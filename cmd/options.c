#include "options.h"

#include "base/log.h"
#include "base/option.h"
#include "status.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { READ_SIZE = 64 << 10 };

static int print(const struct program *program, const char *text)
{
    if (fputs(text, stdout) != EOF && fflush(stdout) != EOF)
        return STATUS_DONE;
    fprintf(stderr, "%s: cannot write to stdout: %s\n", program->name, strerror(errno));
    return STATUS_IO;
}

int program_help(const struct program *program)
{
    return print(program, program->help);
}

int program_version(const struct program *program)
{
    char line[80];
    snprintf(line, sizeof line, "%s (instlink) %s\n", program->name, INSTLINK_VERSION);
    return print(program, line);
}

int program_usage(const struct program *program, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s: ", program->name);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\nTry '%s --help'.\n", program->name);
    va_end(args);
    return STATUS_USAGE;
}

void program_begin(char **argv)
{
    char *slash = argv[0] ? strrchr(argv[0], '/') : NULL;
    if (slash)
        argv[0] = slash + 1;
}

enum option_result program_option(struct program *program, int option, int *status)
{
    switch (option) {
    case 'h':
        *status = program_help(program);
        return OPTION_EXIT;
    case 'V':
        *status = program_version(program);
        return OPTION_EXIT;
    case 'q':
        program->verbosity = -1;
        return OPTION_TAKEN;
    case 'v':
        program->verbosity++;
        return OPTION_TAKEN;
    case '?':
        fprintf(stderr, "Try '%s --help'.\n", program->name);
        *status = STATUS_USAGE;
        return OPTION_EXIT;
    default:
        return OPTION_UNKNOWN;
    }
}

bool option_format(const struct program *program, const char *text, enum view_format *format, int *status)
{
    if (view_parse(text, format))
        return true;
    *status = program_usage(
        program, "unknown output format '%s'; there are message, record, result, tsv, frame, text, raw", text);
    return false;
}

bool option_size(const struct program *program, const char *option, const char *text, size_t *size, int *status)
{
    if (parse_size(text, size) && *size)
        return true;
    *status = program_usage(program, "%s: '%s' is no size (a number, K, M or G behind it)", option, text);
    return false;
}

bool option_count(const struct program *program, const char *option, const char *text, uint64_t *count, int *status)
{
    if (parse_count(text, count))
        return true;
    *status = program_usage(program, "%s: '%s' is no number", option, text);
    return false;
}

bool option_from_1(const struct program *program, const char *option, const char *text, uint64_t *count, int *status)
{
    if (parse_count(text, count) && *count)
        return true;
    *status = program_usage(program, "%s: '%s' is no number from 1 on", option, text);
    return false;
}

bool option_most(const struct program *program, const char *option, const char *text, uint64_t most, uint64_t *count,
                 int *status)
{
    if (!option_count(program, option, text, count, status))
        return false;
    if (*count <= most)
        return true;
    *status = program_usage(program, "%s: %s is too much; %llu is the most", option, text, (unsigned long long)most);
    return false;
}

bool option_1_to(const struct program *program, const char *option, const char *text, uint64_t most, uint64_t *count,
                 int *status)
{
    return option_from_1(program, option, text, count, status) &&
           option_most(program, option, text, most, count, status);
}

bool option_time(const struct program *program, const char *option, const char *text, int64_t *ms, int *status)
{
    if (parse_duration_ms(text, ms))
        return true;
    *status =
        program_usage(program, "%s: '%s' is no time (seconds, or a number with ms, s, m or h behind it)", option, text);
    return false;
}

bool option_log(const struct program *program, const char *text, int *status)
{
    bool json = strcmp(text, "json") == 0;
    log_as_json(json);
    if (json || strcmp(text, "text") == 0)
        return true;
    *status = program_usage(program, "--log: '%s' is neither text nor json", text);
    return false;
}

bool option_charset(const struct program *program, const char *text, struct charset *charset, int *status)
{
    charset_close(charset);
    if (charset_open(charset, text))
        return true;
    *status = program_usage(program, "--charset: '%s' is not known here", text);
    return false;
}

bool option_checksum(const struct program *program, const char *text, enum astm_checksum *checksum, int *status)
{
    if (astm_checksum_parse(text, checksum))
        return true;
    *status = program_usage(program, "--checksum: '%s' is none of std, noterm, stx, xor, none, auto", text);
    return false;
}

bool option_get(const struct program *program, const struct get_names *names, const char *examples, const char *text,
                struct get_paths *paths, int *status)
{
    const char *wrong = get_parse(paths, names, text);
    if (wrong)
        *status = program_usage(program, "--get: '%.*s' is no path like %s, with a name in capitals",
                                (int)strcspn(wrong, ","), wrong, examples);
    return !wrong;
}

bool option_either_view(const struct program *program, bool output, bool get, int *status)
{
    if (output && get)
        *status = program_usage(program, "either --output or --get, not both");
    return !(output && get);
}

bool slurp(int fd, struct bytes *to)
{
    for (;;) {
        if (!bytes_reserve(to, READ_SIZE))
            return false;
        ssize_t n = read(fd, to->data + to->len, to->cap - to->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1);
            continue;
        }
        if (n <= 0)
            return n == 0;
        to->len += (size_t)n;
    }
}
