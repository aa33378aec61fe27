#include "base/log.h"

#include "tap.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/utf8.h"

/* stderr is a pipe; what is in it is read from here. */
static int reader;

static void open_pipe(void)
{
    int ends[2];
    if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
        abort();
    close(ends[1]);
    reader = ends[0];
}

static size_t printed(char *text, size_t size)
{
    ssize_t n = read(reader, text, size - 1);
    text[n > 0 ? n : 0] = 0;
    return n > 0 ? (size_t)n : 0;
}

static void lines(void)
{
    char text[2048];
    log_open("a-program", LOG_EVENT, true);
    log_line(LOG_ERROR, "%s: %d", "wrong", 7);
    printed(text, sizeof text);
    is_str(text, "a-program: wrong: 7\n", "a line says who speaks");
    log_line(LOG_EVENT, "one");
    log_line(LOG_EVENT, "two");
    printed(text, sizeof text);
    is_str(text, "a-program: one\na-program: two\n", "each is a line of its own");
    log_line(LOG_EVENT, "%s", "a\tb\nc\x1B[2J\x7F\r\xC3\xA9");
    printed(text, sizeof text);
    is_str(text, "a-program: a?b?c?[2J??\xC3\xA9\n", "control characters never reach a terminal");
    log_line(LOG_EVENT, "%s", "\xC2\x9B[2J\xC2\x80\xC2\x9F\xC2\xA0\xC2");
    printed(text, sizeof text);
    is_str(text, "a-program: ??[2J????\xC2\xA0\xC2\n", "nor do those that UTF-8 has beside them");
    log_line(LOG_EVENT, "%s", "");
    printed(text, sizeof text);
    is_str(text, "a-program: \n", "an empty line");
}

static void levels(void)
{
    static const enum log_level all[] = {LOG_ERROR, LOG_EVENT, LOG_DETAIL, LOG_WIRE};
    char text[2048];
    for (size_t level = 0; level < 4; level++) {
        unsigned got = 0;
        log_open("p", all[level], true);
        for (size_t i = 0; i < 4; i++) {
            log_line(all[i], "x");
            got |= (unsigned)(printed(text, sizeof text) > 0) << i;
            ok(log_wants(all[i]) == (i <= level), "level %zu %s level %zu", level,
               i <= level ? "wants" : "does not want", i);
        }
        is_int(got, (2u << level) - 1, "and prints what it wants");
    }
}

static void length(void)
{
    char text[2048], long_text[1000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    log_open("p", LOG_EVENT, true);
    log_line(LOG_EVENT, "%s", long_text);
    is_int(printed(text, sizeof text), LOG_LINE, "a line is no longer than LOG_LINE");
    is_int(text[LOG_LINE - 1], '\n', "and ends nevertheless");
    log_open(long_text, LOG_EVENT, true);
    log_line(LOG_EVENT, "y");
    size_t n = printed(text, sizeof text);
    ok(n <= LOG_LINE && n && text[n - 1] == '\n', "not even where the program has a long name");
}

/* ---- events ---- */

static void events(void)
{
    char text[2048];
    static const struct {
        struct log_event event;
        const char *line;
    } cases[] = {
        {{"connected", "cobas", "10.0.0.5:49152", NULL, {{0}}}, "p: cobas: 10.0.0.5:49152: a text\n"},
        {{"connected", "cobas", NULL, NULL, {{0}}}, "p: cobas: a text\n"},
        {{"connected", NULL, "10.0.0.5:49152", NULL, {{0}}}, "p: a text\n"},
        {{NULL, NULL, NULL, NULL, {{0}}}, "p: a text\n"},
        {{"retrying", "dial:10.0.0.5:4001", "10.0.0.5:4001", "refused", {{"wait_ms", 5000}}},
         "p: dial:10.0.0.5:4001: a text\n"},
        {{"connected", "10.0.0.5", "10.0.0.5:49152", NULL, {{0}}}, "p: 10.0.0.5: 10.0.0.5:49152: a text\n"},
        {{"connected", "a\nb", "c\x1B[2J", NULL, {{0}}}, "p: a?b: c?[2J: a text\n"},
    };
    log_open("p", LOG_EVENT, true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        log_event(LOG_EVENT, &cases[i].event, "a %s", "text");
        printed(text, sizeof text);
        is_str(text, cases[i].line, "event %zu for people", i);
    }
    log_event(LOG_DETAIL, &cases[0].event, "a text");
    is_int(printed(text, sizeof text), 0, "an event has a level as well");
}

/* ---- JSON ---- */

/* Where the JSON value ends that begins at p; NULL: there is none. Strings are UTF-8 without control characters. */
static const char *value_end(const char *p, const char *end)
{
    const char *start = p + (p < end && *p == '-');
    if (p < end && *p == '"') {
        for (p++; p < end && *p != '"';) {
            uint32_t point;
            size_t step = utf8_decode((const unsigned char *)p, (size_t)(end - p), &point);
            if (*p == '\\')
                step = end - p > 1 && (p[1] == '"' || p[1] == '\\') ? 2 : 0;
            if (!step || (unsigned char)*p < 0x20)
                return NULL;
            p += step;
        }
        return p < end ? p + 1 : NULL;
    }
    for (p = start; p < end && *p >= '0' && *p <= '9';)
        p++;
    return p > start ? p : NULL;
}

/* Whether it is one line, an object of strings and numbers. */
static bool is_object(const char *line, size_t n)
{
    const char *p = line, *end = line + n;
    if (n < 3 || n > LOG_JSON_LINE || *p++ != '{' || end[-1] != '\n' || end[-2] != '}')
        return false;
    for (end -= 2; p;) {
        p = *p == '"' ? value_end(p, end) : NULL;
        p = p && p < end && *p == ':' ? value_end(p + 1, end) : NULL;
        if (!p || p == end)
            return p;
        p = *p == ',' ? p + 1 : NULL;
    }
    return false;
}

/* Puts a T in the place of the time, if it is one. */
static void without_time(char *text)
{
    char *at = strstr(text, "\"time\":\"2");
    if (!at || strlen(at) < 36 || at[18] != 'T' || at[34] != 'Z' || at[35] != '"')
        return;
    at[8] = 'T';
    memmove(at + 9, at + 35, strlen(at + 35) + 1);
}

#define LINE(level, text) "{\"type\":\"log\",\"level\":\"" level "\",\"time\":\"T\",\"text\":\"" text "\"}\n"

static void json_lines(void)
{
    static const struct {
        enum log_level level;
        const char *text, *line;
    } cases[] = {
        {LOG_ERROR, "wrong", LINE("error", "wrong")},
        {LOG_EVENT, "", LINE("event", "")},
        {LOG_DETAIL, "a \"b\" c\\d", LINE("detail", "a \\\"b\\\" c\\\\d")},
        {LOG_WIRE, "a\tb\nc\x1B\x7F",
         LINE("wire", "a?b?c?"
                      "?")},
        {LOG_EVENT, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", LINE("event", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80")},
        {LOG_EVENT, "\xC2\x9B[2J\xC2\x80\xC2\x9F\xC2\xA0", LINE("event", "?[2J??\xC2\xA0")},
        {LOG_EVENT, "a\xFF\xC3(\xE2\x82",
         LINE("event", "a?"
                       "?(?"
                       "?")},
        {LOG_EVENT, "\xC0\x80\xED\xA0\x80", LINE("event", "?????")},
    };
    char text[LOG_JSON_LINE + 100];
    log_open("a-program", LOG_WIRE, true);
    log_as_json(true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        log_line(cases[i].level, "%s", cases[i].text);
        size_t n = printed(text, sizeof text);
        ok(is_object(text, n), "line %zu is an object", i);
        without_time(text);
        is_str(text, cases[i].line, "... this one");
    }
    log_open("a-program", LOG_EVENT, true);
    log_line(LOG_DETAIL, "x");
    is_int(printed(text, sizeof text), 0, "levels are as they were");
    log_as_json(false);
    log_line(LOG_EVENT, "x");
    printed(text, sizeof text);
    is_str(text, "a-program: x\n", "and lines for people, from there on");
}

#define EVENT(members) "{\"type\":\"link\"," members "\"text\":\"a text\"}\n"
#define TIME "\"time\":\"T\","

static void json_events(void)
{
    static const struct {
        struct log_event event;
        const char *line;
    } cases[] = {
        {{"connected", "cobas", "10.0.0.5:49152", NULL, {{0}}},
         EVENT("\"event\":\"connected\"," TIME "\"link\":\"cobas\",\"peer\":\"10.0.0.5:49152\",")},
        {{"connected", "dial:10.0.0.5:1", "10.0.0.5:1", NULL, {{0}}},
         EVENT("\"event\":\"connected\"," TIME "\"link\":\"dial:10.0.0.5:1\",\"peer\":\"10.0.0.5:1\",")},
        {{"retrying", "cobas", NULL, "refused", {{"attempt", 2}, {"wait_ms", -5000}}},
         EVENT("\"event\":\"retrying\"," TIME
               "\"link\":\"cobas\",\"reason\":\"refused\",\"attempt\":2,\"wait_ms\":-5000,")},
        {{"x", NULL, NULL, NULL, {{"a", INT64_MAX}, {"b", INT64_MIN}, {"c", 0}}},
         EVENT("\"event\":\"x\"," TIME "\"a\":9223372036854775807,\"b\":-9223372036854775808,\"c\":0,")},
        {{NULL, NULL, NULL, NULL, {{0}}}, EVENT(TIME)},
        {{"", "", "", "", {{0}}}, EVENT("\"event\":\"\"," TIME "\"link\":\"\",\"peer\":\"\",\"reason\":\"\",")},
        {{"x", "a\"b\\c\n\xFF", "\xC3\xA9", NULL, {{0}}},
         EVENT("\"event\":\"x\"," TIME "\"link\":\"a\\\"b\\\\c?"
               "?\",\"peer\":\"\xC3\xA9\",")},
    };
    char text[LOG_JSON_LINE + 100];
    log_open("a-program", LOG_EVENT, true);
    log_as_json(true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        log_event(LOG_EVENT, &cases[i].event, "a %s", "text");
        size_t n = printed(text, sizeof text);
        ok(is_object(text, n), "event %zu is an object", i);
        without_time(text);
        is_str(text, cases[i].line, "... this one");
    }
    log_as_json(false);
}

/* Strings of any length, of characters that need escaping, and of such that may be cut. */
static void long_events(void)
{
    static const char *const fillings[] = {
        "x", "\"", "\\", "\n", "\xC3\xA9", "\xF0\x9F\x98\x80", "\xFF", "a\"\xE2\x82\xAC"};
    static const size_t lengths[] = {0, 1, 2, 99, 100, 101, 299, 300, 301, 399, 400, 401, 511, 512, 3000};
    enum { FILLINGS = sizeof fillings / sizeof *fillings, LENGTHS = sizeof lengths / sizeof *lengths };
    char text[LOG_JSON_LINE + 100];
    size_t wrong = 0, longest = 0;
    log_open("p", LOG_EVENT, true);
    log_as_json(true);
    for (size_t i = 0; i < FILLINGS * LENGTHS * 64; i++) {
        size_t length = lengths[i / FILLINGS % LENGTHS], unit = strlen(fillings[i % FILLINGS]);
        char *filled = malloc(length + 1);
        for (size_t at = 0; at < length; at++)
            filled[at] = fillings[i % FILLINGS][at % unit];
        filled[length] = '\0';
        unsigned which = (unsigned)(i / FILLINGS / LENGTHS);
        struct log_event event = {"event", "link", "peer", "reason", {{"one", INT64_MIN}, {"two", 2}, {"three", 3}}};
        event.event = which & 1 ? filled : event.event;
        event.link = which & 2 ? filled : event.link;
        event.peer = which & 4 ? filled : event.peer;
        event.reason = which & 8 ? filled : event.reason;
        event.numbers[1].name = which & 16 ? filled : event.numbers[1].name;
        log_event(LOG_EVENT, &event, "%s", which & 32 ? filled : "text");
        size_t n = printed(text, sizeof text);
        longest = n > longest ? n : longest;
        wrong += !is_object(text, n);
        free(filled);
    }
    is_int(wrong, 0, "however long its strings are, an event is an object of at most LOG_JSON_LINE bytes");
    ok(longest > 1800, "the longest is long");
    for (size_t i = 0; i < FILLINGS; i++) {
        char line[3000] = "";
        while (strlen(line) < 2900)
            strcat(line, fillings[i]);
        log_line(LOG_ERROR, "%s", line);
        ok(is_object(text, printed(text, sizeof text)), "nor a line of text");
    }
    log_as_json(false);
    wrong = 0;
    for (size_t length = 0; length < 700; length += 7) {
        char *filled = malloc(length + 1);
        memset(filled, 'x', length);
        filled[length] = '\0';
        log_event(LOG_EVENT, &(struct log_event){.link = filled, .peer = filled + length / 2}, "%s", filled);
        size_t n = printed(text, sizeof text);
        wrong += n > LOG_LINE || text[n - 1] != '\n' || strchr(text, '\n') != text + n - 1;
        free(filled);
    }
    is_int(wrong, 0, "for people too it is one line, of at most LOG_LINE bytes");
}

/* A stderr that nobody reads. */
static void dropped(void)
{
    char text[2048];
    size_t lines = 0;
    log_open("p", LOG_EVENT, false);
    uint64_t before = log_dropped();
    for (int i = 0; i < 100000 && log_dropped() == before; i++)
        log_line(LOG_EVENT, "line %d, which is of some length so that the pipe is full before long", i);
    is_int(log_dropped(), before + 1, "where nobody reads, a line is dropped and counted");
    log_line(LOG_EVENT, "another");
    is_int(log_dropped(), before + 2, "and so is the next");
    for (size_t n; (n = printed(text, sizeof text)) > 0;)
        for (size_t i = 0; i < n; i++)
            lines += text[i] == '\n';
    ok(lines > 100, "what was printed before is whole");
    log_line(LOG_EVENT, "again");
    printed(text, sizeof text);
    is_str(text, "p: again\n", "and once there is room, lines are printed again");
    close(reader);
}

/* Something that fails each second. */
static void faults(void)
{
    struct log_fault f = {0};
    char times[64];
    uint64_t n, lines = 0, all = 0;
    ok(!log_fault_ends(&f), "what has not begun does not end");
    is_int(log_fault_happens(&f, 0), 1, "a fault is told when it begins");
    for (int64_t now = 1000; now < 60000; now += 1000)
        lines += log_fault_happens(&f, now) != 0;
    is_int(lines, 0, "and not each time");
    is_int(n = log_fault_happens(&f, 60000), 60, "but after a minute, with how often");
    is_str(log_fault_times(n, times), "; 60 times in the last minute", "... in words");
    is_str(log_fault_times(1, times), "", "once goes without");
    ok(log_fault_ends(&f), "and its end is");
    ok(!log_fault_ends(&f), "... once");
    for (int64_t now = 61000; now < 361000; now += 500) { /* it comes and goes */
        n = log_fault_happens(&f, now);
        all += n;
        lines += (n != 0) + log_fault_ends(&f);
    }
    ok(lines <= 10, "one that comes and goes is told no more often (%llu lines)", (unsigned long long)lines);
    ok(all >= 400, "and none of it is left out");
    is_int(log_fault_happens(&f, 10000000) != 0, 1, "a later one begins anew");
}

int main(void)
{
    open_pipe();
    lines();
    faults();
    levels();
    length();
    events();
    json_lines();
    json_events();
    long_events();
    dropped();
    return done();
}
