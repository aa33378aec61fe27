/* What senders share: options, where messages come from, the run and its exit status. */
#ifndef INSTLINK_SEND_H
#define INSTLINK_SEND_H

#include "link/protocol.h"

/* Help that both have in common: where messages come from and what becomes of them. */
#define SENDER_ENDPOINT_HELP                                                                                           \
    "ENDPOINT is PORT, HOST:PORT or dial:HOST:PORT (HOST is 127.0.0.1 unless given),\n"                                \
    "listen:HOST:PORT (then it is the other side that connects),\n"                                                    \
    "serial:DEVICE[,9600[,8N1[,rtscts|xonxoff]]], unix:PATH, or fd:N.\n"
#define SENDER_REPORT_HELP                                                                                             \
    "      --state FILE        remember in FILE what was sent, and do not send it again\n"                             \
    "      --confirm           be a consumer (-s of the listeners): answer each message with a\n"                      \
    "                          line, ok, retry WHY or reject WHY, in place of reports\n"                               \
    "      --attempts N        how often a message is tried (5)\n"                                                     \
    "      --send-timeout T    and for how long, the wait for a connection included (10 m;\n"                          \
    "                          with --confirm 30 s)\n"                                                                 \
    "  -c, --count N           stop after N messages\n"                                                                \
    "      --max-message SIZE  longest message (10M)\n"
#define SENDER_LINK_HELP                                                                                               \
    "      --connect-timeout T a dial takes at most so long (10 s)\n"                                                  \
    "      --retry MIN,FACTOR,MAX  waits between dials (5,1.5,600)\n"                                                  \
    "      --max-retries N     give the dial up after N retries (never)\n"                                             \
    "  -n, --name NAME         the link's name in reports (the endpoint as written)\n"                                 \
    "  -R, --ready-fd FD       when all is bound, write a line for each endpoint to FD\n"                              \
    "      --log FORMAT        of what goes to stderr: text (default) or json\n"                                       \
    "  -q, --quiet             errors only\n"
#define SENDER_STATUS_HELP                                                                                             \
    "Exit status: 0 all were sent, 1 some were not, or were no messages, 64 usage, 66 no such\n"                       \
    "input, 69 could not connect, or none was sent, 71 operating system, 73 cannot create, 74\n"                       \
    "input or output failed, 75 the state file is in use, 77 not permitted. See "

/* A sender's main. */
int send_main(const char *name, const char *help, const struct protocol *protocol, int argc, char **argv);

#endif
