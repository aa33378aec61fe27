#include "listen.h"

static const char help[] =
    "usage: hl7-listen [OPTION ...] ENDPOINT ...\n"
    "\n"
    "Receives HL7 v2 messages over MLLP and prints what they say, one JSON object a line.\n"
    "A message is acknowledged only after its line is written; with -j, -x or -s, only after\n"
    "the journal and each CMD have it.\n"
    "\n" LISTENER_ENDPOINT_HELP "\n"
    "  -o, --output FORMAT     message (default), record, result, tsv, frame, text or raw\n"
    "      --get PATHS         chosen fields as a table: MSH-10,PID-3.1,OBX-3.1,OBX-5\n"
    "      --positional        every field, empty ones at the end too; escapes as sent\n" LISTENER_HANDOVER_HELP
    "      --ack MODE          auto (default: as MSH-15 and MSH-16 ask), original, enhanced,\n"
    "                          or none\n"
    "      --mllp RELEASE      1 (default), or 2: with commit blocks\n"
    "      --mllp-strict       FS CR alone ends a block\n"
    "      --segment-end WHICH what ends a segment: auto (default), cr or lf\n"
    "      --specimen FIELDS   where results have their specimen from, the first that is\n"
    "                          there (SPM-2.1.1,SPM-2.2.1,SAC-3.1.1,OBR-3.1.1,OBR-2.1.1)\n"
    "      --answer-timeout T  how long an answer to a message of ours is waited for (30 s)\n"
    "      --orders LINK       the link that takes what follows the answer of -x or -s\n"
    "      --charset NAME      the sender's character set, whatever MSH-18 says\n"
    "      --message-timeout T longest time for one message (60 s)\n"
    "      --idle-timeout T    close a connection that says nothing for so long (never)\n"
    "      --max-message SIZE  longest message (10M)\n"
    "      --max-buffer SIZE   most memory for messages over all links (256M)\n"
    "      --max-connections N most connections (1024)\n" LISTENER_PEER_HELP
    "      --dedup N           messages remembered to know repeats by (1000; 0 off)\n"
    "      --log FORMAT        of what goes to stderr: text (default) or json\n"
    "      --metrics FILE      keep the counters in FILE, for Prometheus\n"
    "  -q, --quiet             errors only\n"
    "  -v, --verbose           more; twice: every block\n"
    "  -h, --help              this text\n"
    "  -V, --version           the version\n"
    "\n"
    "Exit status: 0 done, 64 usage, 69 address in use, host unknown or dial given up,\n"
    "71 operating system, 73 cannot create, 74 output failed, 75 journal in use, 77 not\n"
    "permitted.\n"
    "See hl7-listen(1).\n";

int main(int argc, char **argv)
{
    static struct listener listener;
    listener_init(&listener, "hl7-listen", help, &protocol_hl7);
    if (!listener_options(&listener, argc, argv))
        return listener.status;
    return listener_run(&listener, argv + optind, argc - optind);
}
