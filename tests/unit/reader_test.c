#include "astm/reader.h"

#include "tap.h"

#include <stdint.h>

/* ---- captures ----
 *
 * are written here as text: / is CR, ~ LF, <ENQ> <EOT> <ACK> <NAK> <STX> <NUL> are those bytes, and @ names a place,
 * the first one @0. A frame is [1text] where ETX ends it, {1text} where ETB does, with checksum, CR and LF; what stands
 * before its number changes it: ! a checksum that is wrong, # one that leaves ETX out, % one without a leading zero, *
 * none, $ neither CR nor LF. */

static const char *const controls[] = {"<NUL>", "<STX>", "<EOT>", "<ENQ>", "<ACK>", "<NAK>"};
static const unsigned char control_bytes[] = {0, 2, 4, 5, 6, 0x15};

static uint64_t places[32];

static unsigned char plain(char c)
{
    return c == '/' ? '\r' : c == '~' ? '\n' : (unsigned char)c;
}

static const char *frame(struct bytes *out, const char *p)
{
    unsigned char end = *p == '[' ? 3 : 0x17, sum = 0, c;
    char digits[4] = "";
    const char *changes = ++p;
    p += strspn(p, "!#%*$");
    size_t n = (size_t)(p - changes);
    bytes_append(out, "\2", 1);
    for (; *p != ']' && *p != '}'; p++) {
        c = plain(*p);
        sum = (unsigned char)(sum + c);
        bytes_append(out, &c, 1);
    }
    bytes_append(out, &end, 1);
    if (!memchr(changes, '#', n))
        sum = (unsigned char)(sum + end);
    if (memchr(changes, '!', n))
        sum ^= 0x55;
    if (!memchr(changes, '*', n))
        snprintf(digits, sizeof digits, memchr(changes, '%', n) ? "%X" : "%02X", sum);
    bytes_puts(out, digits);
    bytes_puts(out, memchr(changes, '$', n) ? "" : "\r\n");
    return p + 1;
}

static void write_capture(struct bytes *out, const char *p)
{
    size_t place = 0;
    bytes_reserve(out, 1);
    while (*p) {
        size_t k = 0;
        while (k < sizeof controls / sizeof *controls && strncmp(p, controls[k], 5) != 0)
            k++;
        if (k < sizeof control_bytes) {
            bytes_append(out, control_bytes + k, 1);
            p += 5;
        } else if (*p == '@') {
            places[place++] = out->len;
            p++;
        } else if (*p == '[' || *p == '{') {
            p = frame(out, p);
        } else {
            unsigned char c = plain(*p++);
            bytes_append(out, &c, 1);
        }
    }
}

/* ---- what comes of them ----
 *
 * is written as lines: `whole @0 framed: text (notes)` or `part …`, and `! @0 defect`. */

struct record {
    struct bytes log, wire;
};

static void on_defect(void *context, uint64_t offset, const char *text)
{
    struct record *r = context;
    bytes_printf(&r->log, "! %llu %s\n", (unsigned long long)offset, text);
}

static void on_wire(void *context, const struct astm_wire *wire)
{
    struct record *r = context;
    bytes_printf(&r->wire, "%s %llu %zu\n", wire->event, (unsigned long long)wire->offset,
                 wire->frame ? wire->frame->len : wire->len);
}

static void on_message(struct record *r, const struct message *m)
{
    bytes_printf(&r->log, "%s %llu %s: ", m->complete ? "whole" : "part", (unsigned long long)m->offset,
                 m->framed ? "framed" : "bare");
    size_t from = r->log.len;
    bytes_append(&r->log, m->text, m->len);
    for (size_t i = from; i < r->log.len; i++)
        r->log.data[i] = r->log.data[i] == '\r' ? '/' : r->log.data[i] ? r->log.data[i] : '_';
    for (size_t i = 0; i < m->notes_len; i += strlen(m->notes + i) + 1)
        bytes_printf(&r->log, " (%s)", m->notes + i);
    bytes_puts(&r->log, "\n");
}

static bool fetch(struct astm_reader *reader, struct record *r)
{
    struct message m;
    bool any = false;
    while (astm_reader_next(reader, &m)) {
        any = true;
        on_message(r, &m);
    }
    return any;
}

/* Offers what was not taken and the piece behind it, each time in memory of its own. */
static void offer(struct astm_reader *reader, struct record *r, struct bytes *rest, const struct piece *piece)
{
    bool goes_on = true;
    bytes_append(rest, piece->data, piece->len);
    while (rest->len && goes_on) {
        unsigned char *exact = exact_copy(rest->data, rest->len);
        size_t taken = astm_reader_push(reader, exact, rest->len);
        bool any = fetch(reader, r);
        goes_on = taken || any;
        bytes_drop(rest, taken);
        free(exact);
    }
}

struct play {
    const struct astm_reader_config *config;
    struct bytes log, wire; /* of the first time */
    unsigned times, different;
    size_t held; /* the most that was offered again */
};

static void play(void *arg, const struct piece *pieces, size_t count)
{
    struct play *p = arg;
    struct record r = {0};
    struct astm_reader_config config = *p->config;
    struct astm_reader reader;
    struct bytes rest = {0};
    config.wire = on_wire;
    config.defect = on_defect;
    config.context = &r;
    astm_reader_init(&reader, &config);
    for (size_t i = 0; i < count; i++) {
        offer(&reader, &r, &rest, pieces + i);
        p->held = rest.len > p->held ? rest.len : p->held;
    }
    unsigned char *exact = exact_copy(rest.data, rest.len);
    astm_reader_eof(&reader, exact, rest.len);
    fetch(&reader, &r);
    free(exact);
    astm_reader_free(&reader);
    bytes_free(&rest);
    if (!p->times++) {
        p->log = r.log;
        p->wire = r.wire;
        return;
    }
    bool same = r.log.len == p->log.len && (!r.log.len || memcmp(r.log.data, p->log.data, r.log.len) == 0) &&
                r.wire.len == p->wire.len && (!r.wire.len || memcmp(r.wire.data, p->wire.data, r.wire.len) == 0);
    if (!same && !p->different++)
        printf("# cut after %zu of %zu bytes:\n# %.*s\n", pieces[0].len, pieces[0].len + pieces[count - 1].len,
               (int)r.log.len, (const char *)r.log.data);
    bytes_free(&r.log);
    bytes_free(&r.wire);
}

/* With the places filled in. */
static void expect(struct bytes *out, const char *p)
{
    for (; *p; p++) {
        if (*p == '@') {
            size_t place = (size_t)(p[1] - '0');
            bytes_printf(out, "%llu", (unsigned long long)places[place]);
            p++;
        } else {
            bytes_append(out, p, 1);
        }
    }
}

static void reads_as(const char *name, const struct astm_reader_config *config, const char *text, const char *want)
{
    struct play p = {.config = config};
    struct bytes capture = {0}, expected = {0};
    write_capture(&capture, text);
    expect(&expected, want);
    every_split(capture.data, capture.len, play, &p);
    is_bytes(p.log.data, p.log.len, expected.data, expected.len, "%s", name);
    is_int(p.different, 0, "%s: however it is cut", name);
    ok(p.held <= 1, "%s: no more than a byte is offered again", name);
    bytes_free(&capture);
    bytes_free(&expected);
    bytes_free(&p.log);
    bytes_free(&p.wire);
}

static const struct astm_reader_config normal = {.max_message = 1 << 20};

#define UNFRAMED " (unframed the records came without frames)"
#define LF " (lf records end with LF)"
#define CRLF " (crlf records end with CR LF)"

/* ---- frames ---- */

static void framed(void)
{
    reads_as("nothing", &normal, "", "");
    reads_as("a session of one message", &normal, "<ENQ>@[1H|\\^&/][2P|1/][3L|1/]<EOT>",
             "whole @0 framed: H|\\^&/P|1/L|1/\n");
    reads_as("both directions", &normal, "<ENQ><ACK>@[1H|\\^&/]<ACK>[2P|1/]<ACK>[3L|1/]<ACK><EOT>",
             "whole @0 framed: H|\\^&/P|1/L|1/\n");
    reads_as("records without CR", &normal, "<ENQ>@[1H|\\^&][2P|1][3L|1]<EOT>", "whole @0 framed: H|\\^&/P|1/L|1/\n");
    reads_as("ETB in the middle of a field", &normal, "<ENQ>@{1H|\\^&/P|1|AB}{2CD/L}[3|1/]<EOT>",
             "whole @0 framed: H|\\^&/P|1|ABCD/L|1/\n");
    reads_as("all records in one frame", &normal, "<ENQ>@[1H|\\^&/P|1/L|1/]<EOT>",
             "whole @0 framed: H|\\^&/P|1/L|1/\n");
    reads_as("numbers that come round", &normal,
             "<ENQ>@[1H|\\^&/][2R|2/][3R|3/][4R|4/][5R|5/][6R|6/][7R|7/][0R|8/][1R|9/][2L|1/]<EOT>",
             "whole @0 framed: H|\\^&/R|2/R|3/R|4/R|5/R|6/R|7/R|8/R|9/L|1/\n");
    reads_as("several messages in a session", &normal, "<ENQ>@[1H|\\^&|1/][2L|1/]@[3H|\\^&|2/][4L|1/]<EOT>",
             "whole @0 framed: H|\\^&|1/L|1/\n"
             "whole @1 framed: H|\\^&|2/L|1/\n");
    reads_as("several sessions", &normal, "<ENQ>@[1H|\\^&|1/L|1/]<EOT><ENQ>@[1H|\\^&|2/L|1/]<EOT>",
             "whole @0 framed: H|\\^&|1/L|1/\nwhole @1 framed: H|\\^&|2/L|1/\n");
    reads_as("several messages in a frame", &normal, "<ENQ>@[1H|\\^&|1/L|1/H|\\^&|2/L|1/H|\\^&|3/L|1/]<EOT>",
             "whole @0 framed: H|\\^&|1/L|1/\nwhole @0 framed: H|\\^&|2/L|1/\nwhole @0 framed: H|\\^&|3/L|1/\n");
    reads_as("a message that begins where another ends", &normal,
             "<ENQ>@[1H|\\^&|1/]@[2L|1/H|\\^&|2/P|1/]@[3L|1/H|\\^&|3/L|1/]<EOT>",
             "whole @0 framed: H|\\^&|1/L|1/\nwhole @1 framed: H|\\^&|2/P|1/L|1/\nwhole @2 framed: H|\\^&|3/L|1/\n");
    reads_as("frames without a session", &normal, "@[3H|\\^&/][4L|1/]", "whole @0 framed: H|\\^&/L|1/\n");
    reads_as("no CR LF behind the checksum", &normal, "<ENQ>@[$1H|\\^&/][$2L|1/]<EOT>",
             "whole @0 framed: H|\\^&/L|1/\n");
    reads_as("nor behind the last", &normal, "<ENQ>@[1H|\\^&/][$2L|1/]", "whole @0 framed: H|\\^&/L|1/\n");
    reads_as("empty frames", &normal, "<ENQ>@[1H|\\^&/][2][3L|1/]<EOT>", "whole @0 framed: H|\\^&/L|1/\n");
    reads_as("CR LF in frames", &normal, "<ENQ>@[1H|\\^&/~][2L|1/~]<EOT>", "whole @0 framed: H|\\^&/L|1/" CRLF "\n");
    reads_as("LF in frames", &normal, "<ENQ>@[1H|\\^&~P|1~][2L|1~]<EOT>", "whole @0 framed: H|\\^&/P|1/L|1/" LF "\n");
    reads_as("other delimiters", &normal, "<ENQ>@[1H!+*&/][2L|1/][3L!1/]<EOT>", "whole @0 framed: H!+*&/L|1/L!1/\n");
    reads_as("noise between frames", &normal, "<ENQ>@[1H|\\^&/]~~/<NUL><NUL>[2L|1/] \t<EOT>/~",
             "whole @0 framed: H|\\^&/L|1/\n");
}

static void repeats(void)
{
    reads_as("NAK and again", &normal, "<ENQ><ACK>@[1H|\\^&/]<NAK>[1H|\\^&/]<ACK>[2L|1/]<ACK><EOT>",
             "whole @0 framed: H|\\^&/L|1/ (repeat a frame came again)\n");
    reads_as("a damaged frame and again", &normal, "<ENQ>@[1H|\\^&/]<ACK>@[!2P|1/]<NAK>[2P|1/]<ACK>[3L|1/]<EOT>",
             "! @1 bad-checksum frame 2: given 6A, computed 3F\n"
             "whole @0 framed: H|\\^&/P|1/L|1/\n");
    reads_as("the last one twice", &normal, "<ENQ>@[1H|\\^&/][2L|1/][2L|1/]<EOT><ENQ>@[1H|\\^&/L|1/]<EOT>",
             "whole @0 framed: H|\\^&/L|1/\nwhole @1 framed: H|\\^&/L|1/\n");
    reads_as("in a new session nothing is a repeat", &normal, "<ENQ>@[1H|\\^&/L|1/]<EOT><ENQ>@[1H|\\^&/L|1/]<EOT>",
             "whole @0 framed: H|\\^&/L|1/\nwhole @1 framed: H|\\^&/L|1/\n");
    reads_as("nor where the ending differs", &normal, "<ENQ>@[1H|\\^&/]{2R|1/}@[2R|1/][3L|1/]<EOT>",
             "! @1 gap frame 2 where 3 was due: something is missing\n"
             "part @0 framed: H|\\^&/R|1/R|1/L|1/ (frame-number frame 2 was taken where 3 was due)\n");
}

static void numbers(void)
{
    reads_as("one for every message", &normal, "<ENQ>@[1H|\\^&|1/L|1/]@[1H|\\^&|2/L|1/]<EOT>",
             "whole @0 framed: H|\\^&|1/L|1/\nwhole @1 framed: H|\\^&|2/L|1/\n");
    reads_as("one for every record", &normal, "<ENQ>@[1H|\\^&/][1P|1/][1L|1/]<EOT>",
             "whole @0 framed: H|\\^&/P|1/L|1/ (frame-number frame 1 was taken where 2 was due)"
             " (frame-number frame 1 was taken where 2 was due)\n");
    reads_as("a gap", &normal, "<ENQ>@[1H|\\^&/][2P|1/]@[4R|1/][5L|1/]<EOT>",
             "! @1 gap frame 4 where 3 was due: something is missing\n"
             "part @0 framed: H|\\^&/P|1/R|1/L|1/ (frame-number frame 4 was taken where 3 was due)\n");
    reads_as("a gap in a run of ETB frames", &normal, "<ENQ>@{1H|\\^&/P|}@{1x/R}[2|1/L|1/]<EOT>",
             "! @1 gap frame 1 where 2 was due: something is missing\n"
             "part @0 framed: H|\\^&/P|x/R|1/L|1/ (frame-number frame 1 was taken where 2 was due)\n");
    reads_as("a damaged frame is a gap", &normal, "<ENQ>@[1H|\\^&/]@[!2P|1/]@[3L|1/]<EOT>",
             "! @1 bad-checksum frame 2: given 6A, computed 3F\n"
             "! @2 gap frame 3 where 2 was due: something is missing\n"
             "part @0 framed: H|\\^&/L|1/ (frame-number frame 3 was taken where 2 was due)\n");
    reads_as("a gap between messages is in none of them", &normal, "<ENQ>@[1H|\\^&|1/L|1/]@[3H|\\^&|2/L|1/]<EOT>",
             "whole @0 framed: H|\\^&|1/L|1/\n"
             "! @1 gap frame 3 where 2 was due: something is missing\n"
             "whole @1 framed: H|\\^&|2/L|1/ (frame-number frame 3 was taken where 2 was due)\n");
    reads_as("but where H is missing", &normal, "<ENQ>@[2P|1/][3L|1/]<EOT>",
             "! @0 gap frame 2 where 1 was due: something is missing\n"
             "part @0 framed: P|1/L|1/ (frame-number frame 2 was taken where 1 was due)\n");
}

static void damage(void)
{
    const struct astm_reader_config ignore = {.max_message = 1 << 20, .ignore_checksum = true};
    const struct astm_reader_config learn = {.max_message = 1 << 20, .checksum = ASTM_CHECKSUM_AUTO};
    const struct astm_reader_config none = {.max_message = 1 << 20, .checksum = ASTM_CHECKSUM_NONE};
    reads_as("a checksum that fits another convention", &normal, "<ENQ>@[#1H|\\^&/L|1/]<EOT>",
             "! @0 bad-checksum frame 1: given E8, computed EB; it would fit --checksum noterm\n");
    reads_as("which can be learned", &learn, "<ENQ>@[#1H|\\^&/][#2L|1/]<EOT>",
             "whole @0 framed: H|\\^&/L|1/ (checksum-learned the convention is noterm, not std)\n");
    reads_as("or left out of account", &none, "<ENQ>@[!1H|\\^&/][*2L|1/]<EOT>", "whole @0 framed: H|\\^&/L|1/\n");
    reads_as("no checksum", &normal, "<ENQ>@[*1H|\\^&/L|1/]<EOT>",
             "! @0 bad-checksum frame 1: none given, computed EB\n");
    reads_as("no frame number", &normal, "<ENQ>@[8H|\\^&/L|1/]<EOT>", "! @0 malformed-frame no frame number\n");
    reads_as("an empty frame without a number", &normal, "<ENQ>@[]<EOT>", "! @0 malformed-frame no frame number\n");
    reads_as("one digit", &normal, "<ENQ>@[1H|\\^&/][%2L|||/]<EOT>",
             "whole @0 framed: H|\\^&/L|||/ (unpadded-checksum a checksum came as one digit)\n");
    reads_as("--ignore-checksum", &ignore, "<ENQ>@[1H|\\^&/]@[!2P|1/][3L|1/]<EOT>",
             "! @1 bad-checksum frame 2: given 6A, computed 3F\n"
             "whole @0 framed: H|\\^&/P|1/L|1/ (bad-checksum frame 2 at offset @1: given 6A, computed 3F)\n");
    reads_as("but a frame without a number is of no use", &ignore, "<ENQ>@[9H|\\^&/]<EOT>",
             "! @0 malformed-frame no frame number\n");
}

static void cuts(void)
{
    reads_as("a frame begun anew", &normal, "<ENQ>@[1H|\\^&/]@<STX>2P|1@[2P|1/][3L|1/]<EOT>",
             "! @1 cut-frame a frame is cut off after 4 bytes\nwhole @0 framed: H|\\^&/P|1/L|1/\n");
    reads_as("STX STX", &normal, "<ENQ>@<STX>@[1H|\\^&/L|1/]<EOT>",
             "! @0 cut-frame a frame is cut off after 0 bytes\nwhole @1 framed: H|\\^&/L|1/\n");
    reads_as("EOT in a frame", &normal, "<ENQ>@[1H|\\^&/]@<STX>2P|1<EOT><ENQ>@[1H|\\^&/L|1/]<EOT>",
             "! @1 cut-frame a frame is cut off after 4 bytes\n! @0 incomplete a message without L record\n"
             "part @0 framed: H|\\^&/\nwhole @2 framed: H|\\^&/L|1/\n");
    reads_as("ENQ in the middle of a message", &normal, "<ENQ>@[1H|\\^&/][2P|1/]<ENQ>@[1H|\\^&/][2L|1/]<EOT>",
             "! @0 incomplete a message without L record\npart @0 framed: H|\\^&/P|1/\n"
             "whole @1 framed: H|\\^&/L|1/\n");
    reads_as("the end in a frame", &normal, "<ENQ>@[1H|\\^&/]@<STX>2P|1",
             "! @1 cut-frame a frame is cut off after 4 bytes\n! @0 incomplete a message without L record\n"
             "part @0 framed: H|\\^&/\n");
    reads_as("the end after a frame", &normal, "<ENQ>@[1H|\\^&/]",
             "! @0 incomplete a message without L record\npart @0 framed: H|\\^&/\n");
    reads_as("the beginning in a frame", &normal, "@P|1<NUL>x@[2L|1/]<EOT>",
             "! @0 incomplete a message without L record\npart @0 bare: P|1_x/" UNFRAMED "\n"
             "! @1 incomplete records without an H record before them\npart @1 framed: L|1/\n");
    reads_as("no L before EOT", &normal, "<ENQ>@[1H|\\^&/][2P|1/]<EOT>",
             "! @0 incomplete a message without L record\npart @0 framed: H|\\^&/P|1/\n");
    reads_as("no L before the next H", &normal, "<ENQ>@[1H|\\^&|1/][2P|1/]@[3H|\\^&|2/][4L|1/]<EOT>",
             "! @0 incomplete a message without L record\npart @0 framed: H|\\^&|1/P|1/\n"
             "whole @1 framed: H|\\^&|2/L|1/\n");
    reads_as("a next H that comes in pieces", &normal, "<ENQ>@[1H|\\^&|1/]@{2H|\\}@{3^&|}[42/L|1/]<EOT>",
             "! @0 incomplete a message without L record\npart @0 framed: H|\\^&|1/\n"
             "whole @1 framed: H|\\^&|2/L|1/\n");
    reads_as("a next H that ends with EOT", &normal, "<ENQ>@[1H|\\^&|1/]@{2H|\\^&}<EOT><ENQ>@[1H|\\^&|3/L/]",
             "! @0 incomplete a message without L record\npart @0 framed: H|\\^&|1/\n"
             "! @1 incomplete a message without L record\npart @1 framed: H|\\^&/\n"
             "whole @2 framed: H|\\^&|3/L/\n");
    reads_as("several messages in the last frame of all", &normal, "<ENQ>@[$1H|\\^&|1/L|1/H|\\^&|2/L|1/H|\\^&|3/]",
             "whole @0 framed: H|\\^&|1/L|1/\nwhole @0 framed: H|\\^&|2/L|1/\n"
             "! @0 incomplete a message without L record\npart @0 framed: H|\\^&|3/\n");
    reads_as("records before H", &normal, "<ENQ>@[1P|1/][2L|1/]<EOT>",
             "! @0 incomplete records without an H record before them\npart @0 framed: P|1/L|1/\n");
    reads_as("an L that ends with EOT", &normal, "<ENQ>@[1H|\\^&/]{2L|1}<EOT>", "whole @0 framed: H|\\^&/L|1/\n");
}

/* ---- without frames ---- */

static void bare(void)
{
    reads_as("CR", &normal, "@H|\\^&/P|1/L|1/", "whole @0 bare: H|\\^&/P|1/L|1/" UNFRAMED "\n");
    reads_as("CR LF", &normal, "@H|\\^&/~P|1/~L|1/~", "whole @0 bare: H|\\^&/P|1/L|1/" UNFRAMED CRLF "\n");
    reads_as("LF", &normal, "@H|\\^&~P|1~L|1~", "whole @0 bare: H|\\^&/P|1/L|1/" UNFRAMED LF "\n");
    reads_as("a last line without an end", &normal, "@H|\\^&/L|1", "whole @0 bare: H|\\^&/L|1/" UNFRAMED "\n");
    reads_as("a last line of one letter", &normal, "@H|\\^&/L", "whole @0 bare: H|\\^&/L/" UNFRAMED "\n");
    reads_as("several messages", &normal, "@H|\\^&|1/L|1/@H|\\^&|2/L|1/",
             "whole @0 bare: H|\\^&|1/L|1/" UNFRAMED "\nwhole @1 bare: H|\\^&|2/L|1/" UNFRAMED "\n");
    reads_as("with LF", &normal, "@H|\\^&|1~L|1~@H|\\^&|2~L|1~",
             "whole @0 bare: H|\\^&|1/L|1/" UNFRAMED LF "\nwhole @1 bare: H|\\^&|2/L|1/" UNFRAMED LF "\n");
    reads_as("blank lines", &normal, "/~/~@H|\\^&/~/~//P|1/~ \t~L|1/~/~@H|\\^&/~L|1",
             "whole @0 bare: H|\\^&/P|1/L|1/" UNFRAMED CRLF LF "\nwhole @1 bare: H|\\^&/L|1/" UNFRAMED CRLF "\n");
    reads_as("blanks before a record", &normal, "  @H|\\^&/  P|1/<NUL>L|1/",
             "whole @0 bare: H|\\^&/P|1/L|1/" UNFRAMED "\n");
    reads_as("comments", &normal, "# of a file~#~@H|\\^&~# H|x~P|1~   # and blanks~L|1~#last",
             "whole @0 bare: H|\\^&/P|1/L|1/" UNFRAMED LF "\n");
    reads_as("a comment is no record that goes on", &normal, "@H|\\^&~#c|d\x0BL|1~R|1~L|1~",
             "whole @0 bare: H|\\^&/R|1/L|1/" UNFRAMED LF "\n");
    reads_as("records that go on with odd lines", &normal, "@H|\\^&/x/^/|/9/h|/L|1/",
             "whole @0 bare: H|\\^&/x/^/|/9/h|/L|1/" UNFRAMED "\n");
    reads_as("other delimiters", &normal, "@H!+*&/P!1/L|1/L!1/", "whole @0 bare: H!+*&/P!1/L|1/L!1/" UNFRAMED "\n");
    reads_as("a next H", &normal, "@H|\\^&|1/P|1/@H|\\^&|2/R|1/L|1/",
             "! @0 incomplete a message without L record\npart @0 bare: H|\\^&|1/P|1/" UNFRAMED "\n"
             "whole @1 bare: H|\\^&|2/R|1/L|1/" UNFRAMED "\n");
    reads_as("a next H behind a blank line", &normal, "@H|\\^&|1/~P|1/~/~@H|\\^&|2/~L|1/~",
             "! @0 incomplete a message without L record\npart @0 bare: H|\\^&|1/P|1/" UNFRAMED CRLF "\n"
             "whole @1 bare: H|\\^&|2/L|1/" UNFRAMED CRLF "\n");
    reads_as("the end without L", &normal, "@H|\\^&/P|1",
             "! @0 incomplete a message without L record\npart @0 bare: H|\\^&/P|1/" UNFRAMED "\n");
    reads_as("records before H", &normal, "@P|1/L|1/@R|1/@H|\\^&/L|1/",
             "! @0 incomplete records without an H record before them\npart @0 bare: P|1/L|1/" UNFRAMED "\n"
             "! @1 incomplete a message without L record\npart @1 bare: R|1/" UNFRAMED "\n"
             "whole @2 bare: H|\\^&/L|1/" UNFRAMED "\n");
    reads_as("records that are no records", &normal, "@GET / HTTP/1.1~Host: x~~9|1~ab|c~h~@H|\\^&~L|1~",
             "! @0 noise 33 bytes are neither frame nor record\nwhole @1 bare: H|\\^&/L|1/" UNFRAMED LF "\n");
    reads_as("one letter", &normal, "@x", "! @0 noise 1 bytes are neither frame nor record\n");
    reads_as("a lone H", &normal, "@H", "! @0 noise 1 bytes are neither frame nor record\n");
    reads_as("a lone H before a frame", &normal, "@H@[1H|\\^&/L|1/]",
             "! @0 noise 1 bytes are neither frame nor record\nwhole @1 framed: H|\\^&/L|1/\n");
}

static void mixed(void)
{
    reads_as("frames behind bare records", &normal, "@H|\\^&|1/L|1/~<ENQ>@[1H|\\^&|2/L|1/]<EOT>",
             "whole @0 bare: H|\\^&|1/L|1/" UNFRAMED "\nwhole @1 framed: H|\\^&|2/L|1/\n");
    reads_as("frames end a bare message", &normal, "@H|\\^&|1/P|1@[1H|\\^&|2/L|1/]",
             "! @0 incomplete a message without L record\npart @0 bare: H|\\^&|1/P|1/" UNFRAMED "\n"
             "whole @1 framed: H|\\^&|2/L|1/\n");
    reads_as("a bare H that a frame ends", &normal, "@H|\\^&|1/@H|\\^&|2@[1H|\\^&|3/L|1/]",
             "! @0 incomplete a message without L record\npart @0 bare: H|\\^&|1/" UNFRAMED "\n"
             "! @1 incomplete a message without L record\npart @1 bare: H|\\^&|2/" UNFRAMED "\n"
             "whole @2 framed: H|\\^&|3/L|1/\n");
    reads_as("bare records end a framed message", &normal, "<ENQ>@[1H|\\^&|1/][2P|1/]@H|\\^&|2/L|1/",
             "! @0 incomplete a message without L record\npart @0 framed: H|\\^&|1/P|1/\n"
             "whole @1 bare: H|\\^&|2/L|1/" UNFRAMED "\n");
    reads_as("text between frames is noise", &normal, "<ENQ>@[1H|\\^&/]@R|9|noise~more<ACK>@x[2L|1/]<EOT>",
             "! @1 noise 14 bytes are neither frame nor record\n! @2 noise 1 bytes are neither frame nor record\n"
             "whole @0 framed: H|\\^&/L|1/\n");
    reads_as("a frame that has lost its beginning", &normal, "@1H|\\^&/@P|1/@[2L|1/]<EOT>",
             "! @0 noise 7 bytes are neither frame nor record\n! @1 incomplete a message without L record\n"
             "part @1 bare: P|1/" UNFRAMED "\n"
             "! @2 incomplete records without an H record before them\npart @2 framed: L|1/\n");
}

/* ---- limits ---- */

static void limits(void)
{
    const struct astm_reader_config small = {.max_message = 30};
    reads_as("a message that is too long is left out", &small,
             "@H|\\^&|1/P|1|0123456789012345678901234567890123456789/H/L|1/@H|\\^&|2/L|1/",
             "! @0 too-long a message of more than 30 bytes was left out\nwhole @1 bare: H|\\^&|2/L|1/" UNFRAMED "\n");
    reads_as("one that is just long enough is not", &small, "@H|\\^&|1/P|1|012345678901/L|1/",
             "whole @0 bare: H|\\^&|1/P|1|012345678901/L|1/" UNFRAMED "\n");
    reads_as("nothing but a line that is too long", &small, "@H|\\^&0123456789012345678901234567890123456789",
             "! @0 too-long a message of more than 30 bytes was left out\n");
    reads_as("in frames", &small,
             "<ENQ>@[1H|\\^&|1/][2P|1|0123456789/][3R|0123456789/][4R|2/][5L|1/]@[6H|\\^&|2/][7L|1/]<EOT>",
             "! @0 too-long a message of more than 30 bytes was left out\nwhole @1 framed: H|\\^&|2/L|1/\n");
    reads_as("that end with another message", &small,
             "<ENQ>@[1H|\\^&|1/][2P|1|0123456789/][3R|0123456789/]@[4R|2/L|1/H|\\^&|2/][5L|1/]<EOT>",
             "! @0 too-long a message of more than 30 bytes was left out\nwhole @1 framed: H|\\^&|2/L|1/\n");
    reads_as("a frame that is too long", &small, "<ENQ>@[1H|\\^&|1/P|1|0123456789012345678901234567890/L|1/]<EOT>",
             "! @0 malformed-frame more text than a message may have\n");
    reads_as("a session that ends it", &small,
             "<ENQ>@[1H|\\^&|1/][2P|1|0123456789/][3R|0123456789/]<EOT><ENQ>@[1P|1/][2L|1/]<EOT>",
             "! @0 too-long a message of more than 30 bytes was left out\n"
             "! @1 incomplete records without an H record before them\npart @1 framed: P|1/L|1/\n");
}

/* ---- events ---- */

static void events(void)
{
    struct play p = {.config = &normal};
    struct bytes capture = {0}, expected = {0};
    write_capture(&capture, "@<ENQ>@<ACK>@[1H|\\^&/]@<NAK>@[!1H|\\^&/]@x~y@<STX>2P@[2L|1/]@<EOT>");
    expect(&expected,
           "ENQ @0 0\nACK @1 0\nframe @2 6\nNAK @3 0\nframe @4 6\nnoise @5 3\ncut @6 2\nframe @7 4\nEOT @8 0\n");
    every_split(capture.data, capture.len, play, &p);
    is_bytes(p.wire.data, p.wire.len, expected.data, expected.len, "what is seen on the wire");
    is_int(p.different, 0, "however it is cut");
    bytes_free(&capture);
    bytes_free(&expected);
    bytes_free(&p.log);
    bytes_free(&p.wire);
}

/* ---- chance ---- */

static uint64_t seed = 20261121;

static unsigned draw(unsigned below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % below;
}

static void chance(void)
{
    static const char *const pieces[] = {
        "<ENQ>",
        "<EOT>",
        "<ACK>",
        "<NAK>",
        "<STX>",
        "<NUL>",
        "/",
        "~",
        "/~",
        "#",
        "H",
        "L",
        "|",
        "H|\\^&/",
        "P|1/",
        "R|1|x/~",
        "L|1/",
        "L/",
        "x",
        " ",
        "\x03",
        "\x17",
        "9",
        "A",
        "[1H|\\^&/]",
        "[2P|1/]",
        "{2P|1}",
        "[3L|1/]",
        "[1L]",
        "{1H|}",
        "[!2P]",
        "[$2L|1/]",
        "[*2]",
        "{2H|\\^&}",
        "[1H|\\^&/L|1/H|\\^&|2/L|1/]",
        "[1P|0123456789012345678901234567890/]",
        "[2L|1/H|\\^&/P|1/]",
    };
    unsigned different = 0, held = 0;
    for (unsigned round = 0; round < 3000; round++) {
        const struct astm_reader_config config = {.max_message = draw(3) ? 1 << 20 : 20,
                                                  .ignore_checksum = draw(2),
                                                  .checksum = draw(4) ? ASTM_CHECKSUM_STD : ASTM_CHECKSUM_AUTO};
        struct bytes text = {0}, capture = {0};
        for (unsigned k = draw(20); k > 0; k--)
            bytes_puts(&text, pieces[draw(sizeof pieces / sizeof *pieces)]);
        bytes_append(&text, "", 1);
        write_capture(&capture, (const char *)text.data);
        struct play p = {.config = &config};
        every_split(capture.data, capture.len, play, &p);
        if (p.different)
            printf("# round %u: %s\n# whole:\n# %.*s\n", round, (char *)text.data, (int)p.log.len, (char *)p.log.data);
        different += p.different;
        held += p.held > 1;
        bytes_free(&p.log);
        bytes_free(&p.wire);
        bytes_free(&text);
        bytes_free(&capture);
    }
    is_int(different, 0, "however 3 000 random captures are cut, the same comes of them");
    is_int(held, 0, "and no more than a byte of them is offered again");
}

int main(void)
{
    framed();
    repeats();
    numbers();
    damage();
    cuts();
    bare();
    mixed();
    limits();
    events();
    chance();
    return done();
}
