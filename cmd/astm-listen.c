#include "listen.h"

static const char help[] =
    "usage: astm-listen [OPTION ...] ENDPOINT ...\n"
    "\n"
    "Receives from ASTM instruments (LIS01/LIS02, E1381/E1394) and prints what they sent,\n"
    "one JSON object a line. A message is acknowledged only after its line is written;\n"
    "with -j, -x or -s, only after the journal and each CMD have it.\n"
    "\n" LISTENER_ENDPOINT_HELP "\n"
    "  -o, --output FORMAT     message (default), record, result, tsv, frame, text or raw\n"
    "      --get PATHS         chosen fields as a table: P.6.1,R.3.4,R.4\n"
    "      --positional        records as {\"type\",\"fields\"}: every field, escapes as sent\n" LISTENER_HANDOVER_HELP
    "      --charset NAME      the sender's character set; else UTF-8, or ISO-8859-1 where\n"
    "                          a message is not valid UTF-8\n"
    "      --checksum WHICH    std (default), noterm, stx, xor, none, or auto: learned\n"
    "      --frame-numbers WHICH  strict (default), or any: noted, never refused\n"
    "      --role ROLE         host (default) or instrument: who wins a contention\n"
    "      --interrupt         ask a sender to stop when there is something to send to it\n"
    "      --timers LIST       reply=15,receive=30,busy=10,contention=20\n"
    "      --message-timeout T longest time for one message (60 s)\n"
    "      --idle-timeout T    close a connection that says nothing for so long (never)\n"
    "      --max-message SIZE  longest message (10M)\n"
    "      --max-buffer SIZE   most memory for messages over all links (256M)\n"
    "      --max-connections N most connections (1024)\n" LISTENER_PEER_HELP
    "      --dedup N           messages remembered to know repeats by (1000; 0 off)\n"
    "      --rejects FILE      where ASTM messages go that a CMD rejects, which are then\n"
    "                          acknowledged, and those that are acknowledged already and\n"
    "                          could not be handed over when the program ends\n"
    "      --password FILE     refuse messages whose H.4 is not the first line of FILE\n"
    "      --log FORMAT        of what goes to stderr: text (default) or json\n"
    "      --metrics FILE      keep the counters in FILE, for Prometheus\n"
    "  -q, --quiet             errors only\n"
    "  -v, --verbose           more; twice: every frame\n"
    "  -h, --help              this text\n"
    "  -V, --version           the version\n"
    "\n"
    "Exit status: 0 done, 64 usage, 66 no such input, 69 address in use, host unknown or\n"
    "dial given up, 71 operating system, 73 cannot create, 74 output failed, 75 journal\n"
    "in use, 77 not permitted. See astm-listen(1).\n";

int main(int argc, char **argv)
{
    static struct listener listener;
    listener_init(&listener, "astm-listen", help, &protocol_astm);
    if (!listener_options(&listener, argc, argv))
        return listener.status;
    return listener_run(&listener, argv + optind, argc - optind);
}
