/* Times two commands in turn, A B A B …, output to /dev/null: ratio RUNS 'A' 'B' (each given to /bin/sh).
 * Prints the median seconds of both, the median of the ratios A/B pair by pair, and A's peak memory in KiB. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RUNS_MAX = 100 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Seconds that the command took; exits where it fails. */
static double run(const char *command, long *peak)
{
    struct rusage usage;
    int status;
    double start = now();
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "failed: %s\n", command);
        exit(1);
    }
    if (usage.ru_maxrss > *peak)
        *peak = usage.ru_maxrss;
    return now() - start;
}

static int order(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, order);
    return values[n / 2];
}

int main(int argc, char **argv)
{
    static double a[RUNS_MAX], b[RUNS_MAX], ratios[RUNS_MAX];
    int runs = argc == 4 ? atoi(argv[1]) : 0;
    long peak = 0, other = 0;
    if (runs < 1 || runs > RUNS_MAX) {
        fprintf(stderr, "usage: ratio RUNS 'A' 'B'\n");
        return 64;
    }
    run(argv[2], &peak);
    run(argv[3], &other);
    for (int i = 0; i < runs; i++) {
        a[i] = run(argv[2], &peak);
        b[i] = run(argv[3], &other);
        ratios[i] = a[i] / b[i];
    }
    printf("%.2f s : %.2f s = %.2f, peak %ld KiB\n", median(a, runs), median(b, runs), median(ratios, runs), peak);
    return 0;
}
