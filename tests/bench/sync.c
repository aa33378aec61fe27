/* What the disk takes: sync FILE SIZE [ROUNDS] appends SIZE bytes to FILE and waits until they are on stable storage,
 * again and again, and prints the median of the times in microseconds. Nothing of lib/ is in it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 500, ROUNDS_MAX = 100000, SIZE_MAX_BYTES = 64 << 20 };

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int fail(const char *what)
{
    perror(what);
    return 1;
}

int main(int argc, char **argv)
{
    static double times[ROUNDS_MAX];
    long size = argc > 2 ? atol(argv[2]) : 0, rounds = argc > 3 ? atol(argv[3]) : ROUNDS;
    if (size < 1 || size > SIZE_MAX_BYTES || rounds < 1 || rounds > ROUNDS_MAX) {
        fputs("usage: sync FILE SIZE [ROUNDS]\n", stderr);
        return 64;
    }
    int fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0600);
    char *data = malloc((size_t)size);
    if (fd < 0 || !data)
        return fail(argv[1]);
    memset(data, 'x', (size_t)size);
    for (long i = 0; i < rounds; i++) {
        double begun = now_us();
        if (write(fd, data, (size_t)size) != size || fdatasync(fd) != 0)
            return fail(argv[1]);
        times[i] = now_us() - begun;
    }
    qsort(times, (size_t)rounds, sizeof *times, compare);
    printf("%.1f\n", times[rounds / 2]);
    free(data);
    return close(fd) == 0 ? 0 : fail(argv[1]);
}
