/* Round trips over CONNECTIONS to 127.0.0.1:PORT: each sends an ORU^R01 of 1 to 2 kB in an MLLP block, waits for the
 * whole answer, and sends the next one, all of them together COUNT messages: rounds PORT CONNECTIONS COUNT BEFORE.
 * Prints how many a second. Every message has a control id of its own, and its answer holds BEFORE and that id. */
#include "base/clock.h"
#include "hl7/block.h"
#include "sim/hl7.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CONNECTIONS = 1024, ANSWER = 4096, ID = 20, SECONDS = 60 };

static struct peer {
    struct bytes block;
    unsigned char *id; /* in block */
    char expected[64]; /* of its answer */
    unsigned char answer[ANSWER];
    size_t len;
} peers[CONNECTIONS];

static struct pollfd fds[CONNECTIONS];

static int dial(int port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd >= 0 && connect(fd, (struct sockaddr *)&in, sizeof in) == 0 ? fd : -1;
}

static void make_block(struct peer *peer, uint64_t i)
{
    struct sim_message message;
    struct bytes text = {0};
    sim_generate(sim_profile_find("molecular"), 1, i, &message);
    memset(message.control_id, '-', ID);
    message.control_id[ID] = '\0';
    sim_message_hl7(&message, SIM_HL7_ORU_251, &text);
    hl7_block_build(&peer->block, text.data, text.len);
    peer->id = memmem(peer->block.data, peer->block.len, message.control_id, ID);
    bytes_free(&text);
}

/* Sends message `number` of this process. */
static bool ask(struct peer *peer, int fd, const char *before, uint64_t number)
{
    char id[ID + 1];
    snprintf(id, sizeof id, "%0*llu", ID, (unsigned long long)getpid() << 32 | (unsigned long long)number);
    memcpy(peer->id, id, ID);
    snprintf(peer->expected, sizeof peer->expected, "%s%s", before, id);
    peer->len = 0;
    return write(fd, peer->block.data, peer->block.len) == (ssize_t)peer->block.len;
}

/* Reads. Returns whether the answer is whole; false with len 0 where it is none. */
static bool hear(struct peer *peer, int fd)
{
    ssize_t n = read(fd, peer->answer + peer->len, ANSWER - peer->len);
    peer->len = n > 0 ? peer->len + (size_t)n : 0;
    if (n <= 0 || (peer->len < ANSWER && memcmp(peer->answer + peer->len - 2, "\034\r", 2) != 0))
        return false;
    if (memmem(peer->answer, peer->len, peer->expected, strlen(peer->expected)))
        return true;
    peer->len = 0;
    return false;
}

static bool fail(const char *what)
{
    fprintf(stderr, "rounds: %s\n", what);
    return false;
}

/* All connections ask once, and again whenever they are answered. */
static bool run(nfds_t n, uint64_t count, const char *before)
{
    uint64_t asked = 0, answered = 0;
    int64_t end = clock_ms() + SECONDS * 1000;
    for (; asked < n; asked++)
        if (!ask(&peers[asked], fds[asked].fd, before, asked))
            return fail("cannot send");
    while (answered < count) {
        if (poll(fds, n, 1000) < 0 || clock_ms() > end)
            return fail("it takes too long");
        for (nfds_t i = 0; i < n; i++) {
            if (!fds[i].revents)
                continue;
            bool whole = hear(&peers[i], fds[i].fd);
            if (!whole && !peers[i].len)
                return fail("this is not the answer");
            answered += whole;
            if (whole && asked < count && !ask(&peers[i], fds[i].fd, before, asked++))
                return fail("cannot send");
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    uint64_t n = argc == 5 ? strtoull(argv[2], NULL, 10) : 0, count = n ? strtoull(argv[3], NULL, 10) : 0;
    if (!n || n > CONNECTIONS || count < n || count > UINT32_MAX) {
        fprintf(stderr, "usage: rounds PORT CONNECTIONS COUNT BEFORE\n");
        return 64;
    }
    for (uint64_t i = 0; i < n; i++) {
        make_block(&peers[i], i);
        fds[i] = (struct pollfd){.fd = dial(atoi(argv[1])), .events = POLLIN};
        if (fds[i].fd < 0) {
            perror("rounds: connect");
            return 1;
        }
    }
    int64_t start = clock_ms();
    if (!run((nfds_t)n, count, argv[4]))
        return 1;
    printf("%.0f\n", (double)count * 1e3 / (double)(clock_ms() - start + 1));
    return 0;
}
