/* Opens N connections to 127.0.0.1:PORT, has each answer one ENQ, and prints what process PID then holds: idle PORT N PID. */
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

static void print_memory(const char *pid)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%s/status", pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "VmRSS:", 6) == 0)
            printf("resident %s", line + 6);
    if (f)
        fclose(f);
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
    for (int i = 0; i < n; i++) {
        char answer = 0;
        int fd = dial(atoi(argv[1]));
        if (fd < 0 || write(fd, "\005", 1) != 1 || read(fd, &answer, 1) != 1 || answer != 6 || write(fd, "\004", 1) != 1) {
            fprintf(stderr, "connection %d is not answered\n", i + 1);
            return 1;
        }
    }
    print_memory(argv[3]);
    return 0;
}
