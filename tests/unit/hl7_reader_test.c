#include "hl7/reader.h"

#include "tap.h"

/* `id` of each message, `-` in front where it is not complete, `!offset token` of each defect, `<event>` where asked
 * for. */
struct playing {
    const char *name, *want;
    size_t max_message;
    bool wires;
    int wrong;
    struct bytes got;
};

static void on_defect(void *context, uint64_t offset, const char *text)
{
    struct playing *p = context;
    bytes_printf(&p->got, "!%llu %.*s ", (unsigned long long)offset, (int)strcspn(text, " "), text);
}

static void on_wire(void *context, const struct hl7_wire *wire)
{
    struct playing *p = context;
    bytes_printf(&p->got, "<%s %llu %zu> ", wire->event, (unsigned long long)wire->offset, wire->len);
}

static void fetch(struct hl7_reader *r, struct playing *p)
{
    struct hl7_message m;
    while (hl7_reader_next(r, &m)) {
        struct hl7_slice id = m.header.msh[HL7_CONTROL_ID];
        bytes_printf(&p->got, "%s%.*s@%llu:%zu ", m.complete ? "" : "-", (int)id.n, (const char *)id.p,
                     (unsigned long long)m.offset, m.len);
    }
}

static void play(void *arg, const struct piece *pieces, size_t count)
{
    struct playing *p = arg;
    struct hl7_reader r;
    const struct hl7_reader_config config = {
        .max_message = p->max_message, .defect = on_defect, .wire = p->wires ? on_wire : NULL, .context = p};
    hl7_reader_init(&r, &config);
    p->got.len = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at < pieces[i].len;) {
            at += hl7_reader_push(&r, pieces[i].data + at, pieces[i].len - at);
            fetch(&r, p);
        }
    hl7_reader_eof(&r, NULL, 0);
    fetch(&r, p);
    hl7_reader_free(&r);
    if (p->got.len == strlen(p->want) && (!p->got.len || memcmp(p->got.data, p->want, p->got.len) == 0))
        return;
    if (!p->wrong++)
        printf("# got %.*s\n# want %s\n", (int)p->got.len, (const char *)p->got.data, p->want);
}

static void is_read(const char *name, const void *bytes, size_t n, size_t max_message, bool wires, const char *want)
{
    struct playing p = {.name = name, .want = want, .max_message = max_message, .wires = wires};
    every_split(bytes, n, play, &p);
    is_int(p.wrong, 0, "%s, however it is split", name);
    bytes_free(&p.got);
}

#define READ(name, bytes, want) is_read(name, bytes, sizeof(bytes) - 1, 1000, false, want)

#define HEAD(id) "MSH|^~\\&|||||||ACK|" id /* 19 bytes and the id */
#define ONE HEAD("1") "\r"                 /* 21 bytes */
#define TWO HEAD("2") "\rPID|1\r"          /* 27 bytes */

static void captures(void)
{
    READ("nothing", "", "");
    READ("blanks", "\r\n \t\0\n", "");
    READ("a block", "\v" ONE "\x1C\r", "1@1:21 ");
    READ("two blocks", "\v" ONE "\x1C\r\v" TWO "\x1C\r", "1@1:21 2@25:27 ");
    READ("both directions", "\v" TWO "\x1C\r\v" HEAD("A") "\rMSA|AA|2\r\x1C\r\v" ONE "\x1C\r",
         "2@1:27 A@31:30 1@64:21 ");
    READ("no CR behind FS, LF behind it, blanks between", "\v" ONE "\x1C\v" ONE "\x1C\n\n \v" ONE "\x1C\r\r\n",
         "1@1:21 1@24:21 1@50:21 ");
    READ("commit blocks", "\v" ONE "\x1C\r\v\x06\x1C\r\v\x15\x1C\r\v" TWO "\x1C\r", "1@1:21 2@33:27 ");
    READ("a bare message", TWO, "2@0:27 ");
    READ("its last CR missing", HEAD("1"), "1@0:21 ");
    READ("with LF", HEAD("1") "\nPID|1\n", "1@0:27 ");
    READ("with CR LF", HEAD("1") "\r\nPID|1\r\n", "1@0:27 ");
    READ("with all of them, and empty lines", HEAD("1") "\r\n\r\nPID|1\nPV1|1\r\r", "1@0:33 ");
    READ("several bare messages", ONE TWO ONE, "1@0:21 2@21:27 1@48:21 ");
    READ("several, with LF and empty lines", "\n" HEAD("1") "\n\n" HEAD("2") "\nPID|1\n\n", "1@1:21 2@23:27 ");
    READ("bare and framed", ONE "\v" TWO "\x1C\r" ONE, "1@0:21 2@22:27 1@51:21 ");
    READ("several messages in a block", "\v" ONE TWO "\x1C\r", "1@1:21 2@22:27 ");
    READ("a batch", "FHS|^~\\&|A\rBHS|^~\\&|A\r" ONE TWO "BTS|2\rFTS|1\r", "1@22:21 2@43:27 ");
    READ("a batch in a block", "\vFHS|^~\\&|A\rBHS|^~\\&|A\r" ONE TWO "BTS|2\rFTS|1\r\x1C\r", "1@23:21 2@44:27 ");
    READ("a byte order mark", "\xEF\xBB\xBF" ONE, "1@3:21 ");
    READ("a comment", "# recorded on a Friday\n" ONE, "1@23:21 ");
    READ("UTF-16",
         "\v\xFF\xFEM\0S\0H\0|\0^\0~\0\\\0&\0|\0|\0|\0|\0|\0|\0|\0A\0|\0"
         "1\0\r\0\x1C\r",
         "1@1:19 ");
}

static void damages(void)
{
    READ("noise between blocks", "\v" ONE "\x1C\rgarbage\v" TWO "\x1C\r", "1@1:21 !24 noise 2@32:27 ");
    READ("noise alone", "no message at all\n", "!0 noise ");
    READ("noise before a bare message", "log: " TWO, "!0 noise 2@5:27 ");
    READ("a block cut off by the next", "\v" HEAD("1") "\rPI\v" TWO "\x1C\r", "!0 cut-block 2@25:27 ");
    READ("a block cut off by the end", "\v" ONE "\x1C\r\v" HEAD("2") "\rPID", "1@1:21 !24 cut-block ");
    READ("an empty block", "\v\x1C\r\v" ONE "\x1C\r", "!1 unreadable 1@4:21 ");
    READ("a block without MSH", "\vPID|1\r\x1C\r\v" ONE "\x1C\r", "!1 unreadable -@1:6 1@10:21 ");
    READ("an MSH cut short", "\vMSH|^~\\&|A|B\r\x1C\r\v" ONE "\x1C\r", "!1 unreadable -@1:13 1@17:21 ");
    READ("FS and VT as data",
         "\v" HEAD("1") "\rNTE|a\x1C"
                        "b\vc\r\x1C\r",
         "1@1:31 ");
    READ("a batch of which a message is missing", "BHS|^~\\&|A\r" ONE TWO "BTS|3\r\v" ONE "\x1C\r",
         "1@11:21 2@32:27 !59 batch-count 1@66:21 ");
    is_read("a message that is too long", "\v" ONE "\x1C\r\v" HEAD("2") "|0123456789\r\x1C\r\v" ONE "\x1C\r", 83, 24,
            false, "1@1:21 !24 too-long 1@60:21 ");
    is_read("a bare one", ONE HEAD("2") "|0123456789\r" ONE, 74, 24, false, "1@0:21 !21 too-long 1@53:21 ");
}

static void wires(void)
{
    static const char bytes[] = "\v" ONE "\x1C\r\v\x06\x1C\r\v\x15\x1C\rx\v" HEAD("2") "\v" ONE "\x1C\r\n";
    is_read("events", bytes, sizeof bytes - 1, 1000, true,
            "<block 0 21> 1@1:21 <ACK 24 0> <NAK 28 0> <noise 32 1> !32 noise <cut 33 20> !33 cut-block <block 54 21> "
            "1@55:21 ");
}

int main(void)
{
    captures();
    damages();
    wires();
    return done();
}
