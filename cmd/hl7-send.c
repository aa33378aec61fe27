#include "send.h"

static const char help[] =
    "usage: hl7-send [OPTION ...] ENDPOINT [FILE ...]\n"
    "\n"
    "Sends HL7 v2 messages over MLLP and prints what became of each, one JSON object a line.\n"
    "Messages are text, or JSON, an object a line: {\"id\":…,\"text\":…}, or as hl7-decode prints\n"
    "them. Reads stdin without FILE. A message is sent when the last answer has come that its\n"
    "MSH-15 and MSH-16 ask for; the next one waits for that.\n"
    "\n" SENDER_ENDPOINT_HELP "\n"
    "      --parallel N        N connections at once; reports keep the order of the messages (1)\n" SENDER_REPORT_HELP
    "      --charset NAME      input is UTF-8, and sent in this character set\n"
    "      --answer-timeout T  how long an answer is waited for (30 s)\n"
    "      --mllp RELEASE      1 (default), or 2: with commit blocks\n"
    "      --mllp-strict       FS CR alone ends a block\n" SENDER_LINK_HELP
    "  -v, --verbose           more; twice: every block\n"
    "  -h, --help              this text\n"
    "  -V, --version           the version\n"
    "\n" SENDER_STATUS_HELP "hl7-send(1).\n";

int main(int argc, char **argv)
{
    return send_main("hl7-send", help, &protocol_hl7, argc, argv);
}
