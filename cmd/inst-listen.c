#include "listen.h"

static const char help[] = "usage: inst-listen [OPTION ...] [-f FILE] [ENDPOINT ...]\n"
                           "\n"
                           "Receives from many instruments at once, ASTM (LIS01/LIS02) and HL7 v2 over MLLP, and\n"
                           "prints what they sent, one JSON object a line. A message is acknowledged only after\n"
                           "its line is written; with -j, -x or -s, only after the journal and each CMD have it.\n"
                           "\n"
                           "A line of FILE is a link: name, protocol (astm, hl7, auto), endpoint, options, as in\n"
                           "  cobas  astm  dial:10.0.0.5:4001  charset=ISO-8859-1,idle-timeout=1h\n"
                           "SIGHUP reads FILE again; links that did not change keep their connections.\n"
                           "\n" LISTENER_ENDPOINT_HELP "\n"
                           "  -f, --links FILE        links, one a line\n"
                           "      --protocol WHICH    of ENDPOINTs: astm, hl7, or auto (default): what their first\n"
                           "                          bytes say\n"
                           "  -o, --output FORMAT     message (default), record, result, tsv, frame, text or raw\n"
                           "      --positional        every field, escapes as sent\n" LISTENER_HANDOVER_HELP
                           "      --max-buffer SIZE   most memory for messages over all links (256M)\n"
                           "      --max-connections N most connections over all links (1024)\n"
                           "      --dedup N           messages remembered to know repeats by (1000; 0 off)\n"
                           "      --rejects FILE      where ASTM messages go that a CMD rejects, which are then\n"
                           "                          acknowledged, and those that are acknowledged already and\n"
                           "                          could not be handed over when the program ends\n"
                           "      --log FORMAT        of what goes to stderr: text (default) or json\n"
                           "      --metrics FILE      keep the counters in FILE, for Prometheus\n"
                           "  -q, --quiet             errors only\n"
                           "  -v, --verbose           more; twice: every frame or block\n"
                           "  -h, --help              this text\n"
                           "  -V, --version           the version\n"
                           "\n"
                           "For every link, and as options in FILE:\n"
                           "      --charset NAME      the sender's character set\n"
                           "      --message-timeout T longest time for one message (60 s)\n"
                           "      --idle-timeout T    close a connection that says nothing for so long (never)\n"
                           "      --max-message SIZE  longest message (10M)\n" LISTENER_PEER_HELP "ASTM:\n"
                           "      --checksum WHICH    std (default), noterm, stx, xor, none, or auto: learned\n"
                           "      --frame-numbers WHICH  strict (default), or any: noted, never refused\n"
                           "      --role ROLE         host (default) or instrument: who wins a contention\n"
                           "      --interrupt         ask a sender to stop when there is something to send to it\n"
                           "      --timers LIST       reply=15,receive=30,busy=10,contention=20\n"
                           "      --password FILE     refuse messages whose H.4 is not the first line of FILE\n"
                           "HL7:\n"
                           "      --ack MODE          auto (default), original, enhanced, or none\n"
                           "      --mllp RELEASE      1 (default), or 2: with commit blocks\n"
                           "      --mllp-strict       FS CR alone ends a block\n"
                           "      --segment-end WHICH what ends a segment: auto (default), cr or lf\n"
                           "      --specimen FIELDS   where results have their specimen from\n"
                           "      --answer-timeout T  how long an answer to a message of ours is waited for (30 s)\n"
                           "      --orders LINK       the link that takes what follows the answer of -x or -s\n"
                           "\n"
                           "Exit status: 0 done, 64 usage, 66 no such input, 69 address in use, host unknown or\n"
                           "all dials given up, 71 operating system, 73 cannot create, 74 output failed, 75\n"
                           "journal in use, 77 not permitted, 78 FILE is wrong. See inst-listen(1).\n";

int main(int argc, char **argv)
{
    static struct listener listener;
    listener_init(&listener, "inst-listen", help, &protocol_auto);
    if (!listener_options(&listener, argc, argv))
        return listener.status;
    return listener_run(&listener, argv + optind, argc - optind);
}
