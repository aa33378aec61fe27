/* Dialogs with one link machine, written as text and played under a made-up clock.
 *
 *   > BYTES      pushed;  < BYTES  exactly these must have come out, and nothing else. BYTES are
 *                  ENQ EOT ACK NAK STX ETX ETB NUL CR LF
 *                  1[text]  a frame with ETX, 1{text} one with ETB; behind it ! wrong checksum, ~ no CR LF, % lower
 * case 'text'   these bytes In a text / is CR, $ is LF, _ is a space and %XX a byte. ?text        a message has been
 * offered: -incomplete, +owed, .unframed =accept =later =never      the verdict on the last one that is not owed; owed
 * ones are accepted at once unkept       from here on owed ones are answered `later` settle       an owed one has been
 * handed over
 *   @500         500 ms pass, with every tick that is due in them
 *   send:text    is put up for sending; send-no:text is refused; done:sent what became of it, and frames:3 of how many
 *   withdraw withdraw-no       it is taken back, or cannot be
 *   acked:1-2 proven:1-2       the acknowledgement of these tickets went out, has arrived
 *   told:TOKEN untold:TOKEN    a notice with that first token was given, was not, since the last `told`
 *   noted:TOKEN  the last message offered has such a note; notes:0 how many notes it has
 *   idle busy waiting receiving held:0   what the machine says of itself
 *   in:15000     its next deadline; in:never
 *   block unblock              what it wants to send does not go, goes
 *   left:3       of what was pushed it has not taken so much
 *   allow:100    the caller's limit on memory
 *   eof
 *
 * Every dialog is played whole, with its input cut in two at each place, and byte by byte; each must come out alike. */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "astm/link.h"

#include <inttypes.h>

#include "tap.h"

enum { QUEUE = 64, SENTENCE = 300, EVER = 100000 };

struct offered {
    struct astm_event event;
    struct bytes text, notes;
};

struct told {
    uint64_t first, last;
    bool proven;
};

struct play {
    struct astm_link link;
    struct astm_link_config config;
    int64_t now;
    struct bytes in;  /* pushed and not taken */
    struct bytes out; /* has come out, not looked at */
    struct offered events[QUEUE];
    size_t fetched, looked;
    struct told tickets[QUEUE];
    size_t told_n, told_looked;
    unsigned notices[ASTM_NOTICES];
    uint64_t asked; /* the ticket that waits for a verdict */
    bool blocked, unkept;
    size_t pushed, cut, single; /* bytes so far; where to cut; single: a byte at a time */
    char wrong[SENTENCE];
};

static void say_wrong(struct play *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say_wrong(struct play *p, const char *format, ...)
{
    va_list args;
    if (*p->wrong)
        return;
    va_start(args, format);
    vsnprintf(p->wrong, sizeof p->wrong, format, args);
    va_end(args);
}

/* ---- the machine's surroundings ---- */

static void on_notice(void *context, enum astm_notice notice, const char *text)
{
    struct play *p = context;
    p->notices[notice]++;
    if (!*text || strlen(text) > 190)
        say_wrong(p, "a notice of %zu characters", strlen(text));
}

static void on_acknowledged(void *context, uint64_t first, uint64_t last, bool proven)
{
    struct play *p = context;
    if (p->told_n < QUEUE)
        p->tickets[p->told_n++] = (struct told){first, last, proven};
}

static void take_event(struct play *p)
{
    struct astm_event event;
    if (!astm_link_next(&p->link, &event))
        return;
    if (p->fetched == QUEUE) {
        say_wrong(p, "too many events");
        return;
    }
    struct offered *o = &p->events[p->fetched++];
    o->event = event;
    if (event.kind != ASTM_EVENT_MESSAGE)
        return;
    bytes_append(&o->text, event.message.text, event.message.len);
    bytes_append(&o->notes, event.message.notes, event.message.notes_len);
    if (event.owed)
        astm_link_answer(&p->link, event.ticket, p->unkept ? VERDICT_LATER : VERDICT_ACCEPT, p->now);
    else
        p->asked = event.ticket;
}

static void drain(struct play *p)
{
    size_t n;
    const unsigned char *out = astm_link_out(&p->link, &n);
    if (p->blocked || !n)
        return;
    bytes_append(&p->out, out, n);
    astm_link_sent(&p->link, n, p->now);
}

/* As a caller does it: what was not taken is offered again as long as something moves. */
static void pump(struct play *p)
{
    bool moved = true;
    for (unsigned turns = 0; moved; turns++) {
        take_event(p);
        drain(p);
        unsigned char *copy = exact_copy(p->in.data, p->in.len);
        size_t taken = p->in.len ? astm_link_push(&p->link, copy, p->in.len, p->now) : 0;
        free(copy);
        if (taken > p->in.len || turns > EVER) {
            say_wrong(p, "push took %zu of %zu bytes", taken, p->in.len);
            return;
        }
        bytes_drop(&p->in, taken);
        moved = taken || p->link.pending;
    }
    drain(p);
}

static void offer_bytes(struct play *p, const unsigned char *bytes, size_t n)
{
    while (n) {
        size_t piece = n;
        if (p->single)
            piece = 1;
        else if (p->pushed < p->cut && p->cut - p->pushed < n)
            piece = p->cut - p->pushed;
        bytes_append(&p->in, bytes, piece);
        p->pushed += piece;
        bytes += piece;
        n -= piece;
        pump(p);
    }
}

static void pass(struct play *p, int64_t ms)
{
    int64_t end = p->now + ms;
    for (unsigned ticks = 0; astm_link_deadline(&p->link) <= end; ticks++) {
        if (ticks > EVER) {
            say_wrong(p, "ticks without end");
            return;
        }
        if (p->now < astm_link_deadline(&p->link))
            p->now = astm_link_deadline(&p->link);
        astm_link_tick(&p->link, p->now);
        pump(p);
    }
    p->now = end;
    pump(p);
}

/* ---- texts ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Appends a text as the script writes it, up to `end`. Returns where it stopped. */
static const char *append_text(struct bytes *out, const char *s, char end)
{
    for (; *s && *s != end; s++) {
        unsigned char c = *s == '/' ? '\r' : *s == '$' ? '\n' : *s == '_' ? ' ' : (unsigned char)*s;
        if (*s == '%' && hex_digit(s[1]) >= 0 && hex_digit(s[2]) >= 0) {
            c = (unsigned char)(hex_digit(s[1]) << 4 | hex_digit(s[2]));
            s += 2;
        }
        bytes_append(out, &c, 1);
    }
    return s;
}

static void append_frame(struct bytes *out, const char *s)
{
    struct bytes text = {0};
    char open = s[1];
    const char *flags = append_text(&text, s + 2, open == '[' ? ']' : '}');
    size_t start = out->len;
    astm_frame_build(out, 0, text.data, text.len, open == '[' ? ASTM_ETX : ASTM_ETB, ASTM_CHECKSUM_STD);
    unsigned sum = 0;
    out->data[start + 1] = (unsigned char)s[0];
    for (size_t i = start + 1; i < out->len - 4; i++)
        sum += out->data[i];
    bool wrong = strchr(flags, '!');
    char digits[3];
    snprintf(digits, sizeof digits, strchr(flags, '%') ? "%02x" : "%02X", (sum + (wrong ? 0x55 : 0)) & 0xFF);
    memcpy(out->data + out->len - 4, digits, 2);
    if (strchr(flags, '~'))
        out->len -= 2;
    bytes_free(&text);
}

static bool append_bytes(struct bytes *out, const char *word)
{
    static const struct {
        const char *name;
        unsigned char byte;
    } names[] = {{"ENQ", 5}, {"EOT", 4},  {"ACK", 6}, {"NAK", 21}, {"STX", 2},
                 {"ETX", 3}, {"ETB", 23}, {"NUL", 0}, {"CR", 13},  {"LF", 10}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(word, names[i].name) == 0)
            return bytes_append(out, &names[i].byte, 1);
    if (*word == '\'')
        append_text(out, word + 1, '\'');
    else if (word[1] == '[' || word[1] == '{')
        append_frame(out, word);
    else
        return false;
    return true;
}

/* ---- steps ---- */

static void expect_out(struct play *p, const struct bytes *want, const char *word)
{
    if (p->out.len < want->len || memcmp(p->out.data, want->data, want->len) != 0)
        say_wrong(p, "at `< %s`: %zu bytes have come out, the first is %02X", word, p->out.len,
                  p->out.len ? p->out.data[0] : 0U);
    else
        bytes_drop(&p->out, want->len);
}

static void expect_message(struct play *p, const char *word)
{
    bool incomplete = false, owed = false, bare = false;
    const char *s = word + 1;
    for (;; s++) {
        if (*s == '-')
            incomplete = true;
        else if (*s == '+')
            owed = true;
        else if (*s == '.')
            bare = true;
        else
            break;
    }
    struct bytes want = {0};
    append_text(&want, s, 0);
    struct offered *o = &p->events[p->looked];
    if (p->looked == p->fetched || o->event.kind != ASTM_EVENT_MESSAGE)
        say_wrong(p, "at `%s`: no message was offered", word);
    else if (o->text.len != want.len || memcmp(o->text.data, want.data, want.len) != 0)
        say_wrong(p, "at `%s`: offered was `%.*s`", word, (int)o->text.len, (const char *)o->text.data);
    else if (o->event.message.complete == incomplete || o->event.owed != owed || o->event.message.framed == bare)
        say_wrong(p, "at `%s`: complete %d, owed %d, framed %d", word, o->event.message.complete, o->event.owed,
                  o->event.message.framed);
    p->looked += p->looked < p->fetched;
    bytes_free(&want);
}

static void expect_done(struct play *p, const char *word)
{
    const struct astm_event *e = &p->events[p->looked].event;
    if (p->looked == p->fetched || e->kind != ASTM_EVENT_DONE)
        say_wrong(p, "at `%s`: nothing is done", word);
    else if (strcmp(astm_outcome_name(e->outcome), word + 5) != 0)
        say_wrong(p, "at `%s`: %s", word, astm_outcome_name(e->outcome));
    p->looked += p->looked < p->fetched;
}

static void expect_told(struct play *p, const char *word, bool want)
{
    const char *name = strchr(word, ':') + 1;
    for (unsigned i = 0; i < ASTM_NOTICES; i++)
        if (strcmp(astm_notice_name((enum astm_notice)i), name) == 0) {
            if ((p->notices[i] > 0) != want)
                say_wrong(p, "at `%s`: told %u times", word, p->notices[i]);
            p->notices[i] = 0;
            return;
        }
    say_wrong(p, "at `%s`: there is no such notice", word);
}

static void expect_tickets(struct play *p, const char *word)
{
    uint64_t first = 0, last = 0;
    sscanf(strchr(word, ':') + 1, "%" SCNu64 "-%" SCNu64, &first, &last);
    const struct told *t = &p->tickets[p->told_looked];
    if (p->told_looked == p->told_n || t->first != first || t->last != last || t->proven != (*word == 'p'))
        say_wrong(p, "at `%s`: not so", word);
    p->told_looked += p->told_looked < p->told_n;
}

static size_t notes_of(const struct offered *o, const char *token, bool *found)
{
    size_t n = 0, at = 0;
    for (*found = false; at < o->notes.len; n++) {
        const char *note = (const char *)o->notes.data + at;
        *found |= strncmp(note, token, strlen(token)) == 0 && note[strlen(token)] == ' ';
        at += strlen(note) + 1;
    }
    return n;
}

static void expect_notes(struct play *p, const char *word)
{
    bool found = false;
    const char *token = strchr(word, ':') + 1;
    size_t n = p->looked ? notes_of(&p->events[p->looked - 1], token, &found) : 0;
    if (word[4] == 'd' ? !found : n != strtoul(token, NULL, 10))
        say_wrong(p, "at `%s`: there are %zu", word, n);
}

static void expect_number(struct play *p, const char *word, long long got)
{
    const char *want = strchr(word, ':') + 1;
    if (strcmp(want, "never") == 0 ? got < INT64_MAX / 2 : got != strtoll(want, NULL, 10))
        say_wrong(p, "at `%s`: %lld", word, got);
}

static void put_up(struct play *p, const char *word)
{
    struct bytes text = {0};
    append_text(&text, strchr(word, ':') + 1, 0);
    bool taken = astm_link_send(&p->link, text.data, text.len, p->now);
    if (taken == (word[4] == '-'))
        say_wrong(p, "at `%s`: %s", word, taken ? "taken" : "not taken");
    bytes_free(&text);
}

static bool begins(const char *word, const char *with)
{
    return strncmp(word, with, strlen(with)) == 0;
}

static bool look(struct play *p, const char *word)
{
    const struct astm_link *l = &p->link;
    if (*word == '?')
        expect_message(p, word);
    else if (begins(word, "done:"))
        expect_done(p, word);
    else if (begins(word, "frames:"))
        expect_number(p, word, p->looked ? p->events[p->looked - 1].event.frames : 0);
    else if (begins(word, "told:") || begins(word, "untold:"))
        expect_told(p, word, *word == 't');
    else if (begins(word, "acked:") || begins(word, "proven:"))
        expect_tickets(p, word);
    else if (begins(word, "noted:") || begins(word, "notes:"))
        expect_notes(p, word);
    else if (begins(word, "held:"))
        expect_number(p, word, (long long)astm_link_held(l));
    else if (begins(word, "left:"))
        expect_number(p, word, (long long)p->in.len);
    else if (begins(word, "in:"))
        expect_number(p, word, astm_link_deadline(l) - p->now);
    else if (strcmp(word, "idle") == 0 || strcmp(word, "busy") == 0) {
        if (astm_link_idle(l) != (*word == 'i'))
            say_wrong(p, "it is not %s", word);
    } else if (strcmp(word, "waiting") == 0) {
        if (!astm_link_waiting(l))
            say_wrong(p, "it is not waiting");
    } else if (strcmp(word, "receiving") == 0) {
        if (!astm_link_receiving(l) || astm_link_waiting(l))
            say_wrong(p, "it is not receiving");
    } else
        return false;
    return true;
}

static bool act(struct play *p, const char *word)
{
    if (*word == '=')
        astm_link_answer(&p->link, p->asked,
                         word[1] == 'a'   ? VERDICT_ACCEPT
                         : word[1] == 'l' ? VERDICT_LATER
                                          : VERDICT_NEVER,
                         p->now);
    else if (*word == '@')
        pass(p, strtoll(word + 1, NULL, 10));
    else if (begins(word, "send"))
        put_up(p, word);
    else if (strcmp(word, "withdraw") == 0 || strcmp(word, "withdraw-no") == 0) {
        if (astm_link_withdraw(&p->link) != !word[8])
            say_wrong(p, "%s: it is otherwise", word);
    } else if (begins(word, "allow:"))
        p->link.allowance = strtoul(word + 6, NULL, 10);
    else if (strcmp(word, "settle") == 0)
        astm_link_settle(&p->link, p->now);
    else if (strcmp(word, "eof") == 0)
        astm_link_eof(&p->link, p->now);
    else if (strcmp(word, "block") == 0 || strcmp(word, "unblock") == 0)
        p->blocked = *word == 'b';
    else if (strcmp(word, "unkept") == 0)
        p->unkept = true;
    else
        return false;
    return true;
}

/* Plays one word; `input` gathers what is pushed. */
static char step(struct play *p, const char *word, char direction, struct bytes *input)
{
    struct bytes bytes = {0};
    bool is_bytes = direction && append_bytes(&bytes, word);
    bool out = is_bytes && direction == '<';
    if (input->len && (!is_bytes || out)) {
        offer_bytes(p, input->data, input->len);
        bytes_free(input);
    }
    if (out)
        expect_out(p, &bytes, word);
    else if (is_bytes)
        bytes_append(input, bytes.data, bytes.len);
    bytes_free(&bytes);
    if (is_bytes)
        return direction;
    if (strcmp(word, ">") == 0 || strcmp(word, "<") == 0) {
        direction = *word;
    } else if (!look(p, word)) {
        if (p->out.len)
            say_wrong(p, "before `%s`: %zu bytes came out, the first is %02X", word, p->out.len, p->out.data[0]);
        if (!act(p, word))
            say_wrong(p, "`%s` is no step", word);
        pump(p);
    }
    if (*word == '>' && p->out.len)
        say_wrong(p, "before `%s`: %zu bytes came out, the first is %02X", word, p->out.len, p->out.data[0]);
    return direction;
}

static void play_begin(struct play *p, const struct astm_link_config *config)
{
    memset(p, 0, sizeof *p);
    p->config = *config;
    p->now = 1000000;
    struct astm_observer observer = {.notice = on_notice, .acknowledged = on_acknowledged, .context = p};
    astm_link_init(&p->link, &p->config, &observer, 42);
}

static void play_end(struct play *p)
{
    if (p->out.len)
        say_wrong(p, "at the end: %zu bytes came out, the first is %02X", p->out.len, p->out.data[0]);
    if (p->looked < p->fetched)
        say_wrong(p, "at the end: an event was not looked at");
    astm_link_free(&p->link);
    if (astm_link_held(&p->link))
        say_wrong(p, "at the end: something is held");
    for (size_t i = 0; i < QUEUE; i++) {
        bytes_free(&p->events[i].text);
        bytes_free(&p->events[i].notes);
    }
    bytes_free(&p->in);
    bytes_free(&p->out);
}

/* Plays a script with its input cut before byte `cut`, or in single bytes. Returns how many bytes were pushed. */
static size_t play_once(const struct astm_link_config *config, const char *script, size_t cut, bool single, char *wrong)
{
    static struct play p;
    struct bytes input = {0};
    char *text = strdup(script), *rest = NULL, direction = 0;
    play_begin(&p, config);
    p.cut = cut;
    p.single = single;
    for (char *word = strtok_r(text, " \n", &rest); word && !*p.wrong; word = strtok_r(NULL, " \n", &rest))
        direction = step(&p, word, direction, &input);
    if (input.len)
        offer_bytes(&p, input.data, input.len);
    play_end(&p);
    snprintf(wrong, SENTENCE, "%s", p.wrong);
    bytes_free(&input);
    free(text);
    return p.pushed;
}

/* A test: the script passes whole, at every cut, and byte by byte. */
static bool plays(const struct astm_link_config *config, const char *name, const char *script)
{
    char wrong[SENTENCE];
    size_t n = play_once(config, script, 0, false, wrong), cut = 0;
    bool single = false;
    while (!*wrong && ++cut < n)
        play_once(config, script, cut, false, wrong);
    if (!*wrong) {
        single = true;
        play_once(config, script, 0, true, wrong);
    }
    ok(!*wrong, "%s", name);
    if (*wrong && single)
        printf("# byte by byte: %s\n", wrong);
    else if (*wrong)
        printf("# cut before byte %zu: %s\n", cut, wrong);
    return !*wrong;
}

#endif
