/* Opens N connections to 127.0.0.1:PORT, has each answer one ENQ, and prints how much memory process PID then holds,
 * and how much of its own it has taken for each: idle PORT N PID. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int dial(int port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd >= 0 && connect(fd, (struct sockaddr *)&in, sizeof in) == 0 ? fd : -1;
}

/* Kilobytes of that kind, as VmRSS; 0 where the system does not tell. */
static long memory(const char *pid, const char *kind)
{
    char path[64], line[256];
    long kilobytes = 0;
    snprintf(path, sizeof path, "/proc/%s/status", pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, kind, strlen(kind)) == 0)
            kilobytes = atol(line + strlen(kind) + 1);
    if (f)
        fclose(f);
    return kilobytes;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 64;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int n = atoi(argv[2]);
    long before = memory(argv[3], "RssAnon");
    for (int i = 0; i < n; i++) {
        char answer = 0;
        int fd = dial(atoi(argv[1]));
        if (fd < 0 || write(fd, "\005", 1) != 1 || read(fd, &answer, 1) != 1 || answer != 6 ||
            write(fd, "\004", 1) != 1) {
            fprintf(stderr, "connection %d is not answered\n", i + 1);
            return 1;
        }
    }
    printf("resident %ld kB, %ld bytes each\n", memory(argv[3], "VmRSS"),
           (memory(argv[3], "RssAnon") - before) * 1024 / (n > 0 ? n : 1));
    return 0;
}
