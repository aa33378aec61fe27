#include "send.h"

static const char help[] = "usage: astm-send [OPTION ...] ENDPOINT [FILE ...]\n"
                           "\n"
                           "Sends ASTM messages (LIS01/LIS02, E1381/E1394) and prints what became of each, one JSON\n"
                           "object a line. Messages are text, or JSON, an object a line: {\"id\":…,\"text\":…}, or as\n"
                           "astm-decode prints them. Reads stdin without FILE. The next message waits for the one\n"
                           "before; what the other side wants to send meanwhile is refused.\n"
                           "\n" SENDER_ENDPOINT_HELP "\n" SENDER_REPORT_HELP
                           "      --charset NAME      input is UTF-8, and sent in this character set\n"
                           "      --size N            most bytes of text in a frame (240)\n"
                           "      --whole             one run of ETB frames a message, not an ETX frame a record\n"
                           "      --checksum WHICH    std (default), noterm, stx, xor or none\n"
                           "      --role ROLE         host (default) or instrument: who wins a contention\n"
                           "      --timers LIST       reply=15,receive=30,busy=10,contention=20\n" SENDER_LINK_HELP
                           "  -v, --verbose           more; twice: every frame\n"
                           "  -h, --help              this text\n"
                           "  -V, --version           the version\n"
                           "\n" SENDER_STATUS_HELP "astm-send(1).\n";

int main(int argc, char **argv)
{
    return send_main("astm-send", help, &protocol_astm, argc, argv);
}
