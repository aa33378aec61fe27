/* What the programs' command lines have in common. */
#ifndef INSTLINK_OPTIONS_H
#define INSTLINK_OPTIONS_H

#include "out/get.h"
#include "out/view.h"

#include <getopt.h>
#include <stdint.h>

#include "astm/view.h"

/* A program's name, its help, and what the common options said so far. */
struct program {
    const char *name;
    const char *help; /* all that --help prints */
    int verbosity;    /* -q is -1, each -v one more */
};

/* Prints the help or the version to stdout and returns the exit status: 0, or 74 where stdout fails. */
int program_help(const struct program *program);
int program_version(const struct program *program);

/* Complains on stderr, printf-like, points to --help and returns 64. */
int program_usage(const struct program *program, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The result of reading one option. */
enum option_result { OPTION_TAKEN, OPTION_UNKNOWN, OPTION_EXIT };

/* Before the options are read: has getopt name the program as everything else does, without its folder. */
void program_begin(char **argv);

/* Takes -h, -V, -q, -v and what getopt found wrong. OPTION_EXIT: *status says how to exit. */
enum option_result program_option(struct program *program, int option, int *status);

/* Option values; each complains by itself. False: *status is 64. */
bool option_format(const struct program *program, const char *text, enum view_format *format, int *status);
bool option_size(const struct program *program, const char *option, const char *text, size_t *size, int *status);
bool option_count(const struct program *program, const char *option, const char *text, uint64_t *count, int *status);
bool option_from_1(const struct program *program, const char *option, const char *text, uint64_t *count, int *status);
bool option_most(const struct program *program, const char *option, const char *text, uint64_t most, uint64_t *count,
                 int *status);
bool option_1_to(const struct program *program, const char *option, const char *text, uint64_t most, uint64_t *count,
                 int *status);
bool option_time(const struct program *program, const char *option, const char *text, int64_t *ms, int *status);
bool option_charset(const struct program *program, const char *text, struct charset *charset, int *status);
bool option_checksum(const struct program *program, const char *text, enum astm_checksum *checksum, int *status);

/* --log: how stderr speaks from now on. */
bool option_log(const struct program *program, const char *text, int *status);

/* --get: examples are paths of that protocol, for people. */
bool option_get(const struct program *program, const struct get_names *names, const char *examples, const char *text,
                struct get_paths *paths, int *status);

/* Whether not both of --output and --get were given. */
bool option_either_view(const struct program *program, bool output, bool get, int *status);

/* Appends all that comes from the descriptor, until its end. False: errno says why not. */
bool slurp(int fd, struct bytes *to);

#endif
