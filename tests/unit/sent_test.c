/* What was sent, remembered over starts. */
#include "link/sent.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

static char path[] = "/tmp/sent-test.XXXXXX";
static struct sent sent;

static void open_it(void)
{
    if (sent_open(&sent, path) != JOURNAL_OK) {
        printf("# %s\n", sent.journal.why);
        abort();
    }
}

static void again(void)
{
    sent_close(&sent);
    open_it();
}

static void afresh(void)
{
    if (truncate(path, 0) != 0)
        abort();
    open_it();
}

static void put(const char *text, size_t n)
{
    int fd = open(path, O_WRONLY | O_APPEND);
    if (fd < 0 || write(fd, text, n) != (ssize_t)n)
        abort();
    close(fd);
}

/* Whether the next message of that id (NULL: none) and text is known; unless it is, it is sent. */
static bool comes(const void *id, size_t id_len, const char *text, bool send)
{
    struct sent_key key;
    bool known = false;
    if (!sent_look(&sent, id, id_len, (const unsigned char *)text, strlen(text), &key, &known))
        abort();
    if (!known && send && (!sent_add(&sent, &key) || sent_sync(&sent) != JOURNAL_OK))
        abort();
    return known;
}

static bool id_comes(const char *id, bool send)
{
    return comes(id, strlen(id), "text", send);
}

static bool text_comes(const char *text, bool send)
{
    return comes(NULL, 0, text, send);
}

static void ids(void)
{
    static const char odd[][8] = {
        "\"", "\\", "\n", "\x01", "\xC3\xA9", "a\tb", "{}", "0",
    };
    enum { ODD = sizeof odd / sizeof *odd };
    int right = 0;
    afresh();
    ok(!id_comes("o-1", true) && !id_comes("o-2", false), "ids that nothing is known of");
    ok(!comes("nul\0one", 7, "", true) && !comes("nul\0two", 7, "", true), "ids may hold NUL");
    for (size_t i = 0; i < ODD; i++)
        right += !id_comes(odd[i], true);
    is_int(right, ODD, "none of the odd ones is taken for another");
    again();
    ok(id_comes("o-1", false) && !id_comes("o-2", true) && !id_comes("o-3", false),
       "the next start knows those that were sent");
    ok(comes("nul\0one", 7, "", false) && !comes("nul\0tri", 7, "", false), "those with NUL too");
    right = 0;
    for (size_t i = 0; i < ODD; i++)
        right += id_comes(odd[i], false);
    is_int(right, ODD, "and the odd ones");
    ok(!text_comes("o-1", false), "an id is no text");
    again();
    ok(comes("o-1", 3, "changed", false) && id_comes("o-2", false), "and the start after it, whatever the text");
    sent_close(&sent);
}

static bool x_comes(const char *text, bool send)
{
    return comes("x", 1, text, send);
}

/* Several messages with one id. */
static void shared_ids(void)
{
    afresh();
    ok(!x_comes("1", true) && !x_comes("2", false) && !x_comes("3", true) && !x_comes("3", true),
       "each of the same id is another one, and the second fails");
    again();
    ok(x_comes("1", false) && !x_comes("2", false) && x_comes("3", false) && x_comes("3", false),
       "it alone is not known");
    again();
    ok(!x_comes("2", false) && x_comes("3", false) && x_comes("1", false), "in any order");
    again();
    ok(!x_comes("2", true), "nor when it comes alone");
    again();
    ok(x_comes("1", false) && x_comes("2", false) && x_comes("3", false) && x_comes("3", false) && !x_comes("3", false),
       "until it is sent");
    sent_close(&sent);
    afresh();
    ok(!x_comes("1", false) && !x_comes("2", true), "the first of two fails");
    again();
    ok(!x_comes("1", false) && x_comes("2", false), "it alone is not known");
    again();
    ok(x_comes("2", false) && !x_comes("1", false), "in either order");
    sent_close(&sent);
}

/* The second comes while the first is on its way. */
static void shared_late(void)
{
    struct sent_key one, two;
    bool known;
    afresh();
    ok(sent_look(&sent, (const unsigned char *)"x", 1, (const unsigned char *)"1", 1, &one, &known) && !known &&
           sent_look(&sent, (const unsigned char *)"x", 1, (const unsigned char *)"2", 1, &two, &known) && !known &&
           !sent_unsaved(&sent),
       "two of one id");
    ok(sent_add(&sent, &one) && sent_unsaved(&sent) && sent_sync(&sent) == JOURNAL_OK && !sent_unsaved(&sent),
       "the first is sent, and its line is written");
    again();
    ok(!x_comes("2", false), "the second is not known, and comes alone");
    ok(x_comes("1", false), "the first is");
    sent_close(&sent);
}

static void shared_after_a_start(void)
{
    static const char line[] = "{\"type\":\"sent\",\"id\":\"x\"}\n";
    afresh();
    put(line, sizeof line - 1);
    again();
    ok(x_comes("1", false), "an id alone stands for the first that comes");
    ok(!x_comes("2", false), "and for no second");
    ok(sent_unsaved(&sent) && sent_sync(&sent) == JOURNAL_OK, "that the first was sent is written by its text");
    again();
    ok(!x_comes("2", false) && x_comes("1", false), "which the next start knows it by");
    sent_close(&sent);
}

static void empty_ids(void)
{
    static const char line[] = "{\"type\":\"sent\",\"id\":\"\"}\n";
    afresh();
    put(line, sizeof line - 1);
    again();
    ok(!comes("", 0, "1", true) && !comes("", 0, "2", false) && !comes("", 0, "3", true), "an empty id is none");
    again();
    ok(comes("", 0, "1", false) && !comes("", 0, "2", false) && text_comes("3", false), "texts are known instead");
    sent_close(&sent);
}

static void texts(void)
{
    afresh();
    ok(!text_comes("a", true) && !text_comes("a", true) && !text_comes("b", true),
       "each of the same text is another one");
    again();
    ok(text_comes("a", true) && text_comes("a", true) && !text_comes("a", true), "the next start counts them again");
    ok(text_comes("b", true), "whatever comes between");
    again();
    ok(text_comes("a", true) && text_comes("b", true) && text_comes("a", true) && text_comes("a", true), "and again");
    ok(!id_comes("a", true), "a text is no id");
    sent_close(&sent);
}

/* Text that was not sent, for it failed: its count stands for it, and those behind it are known all the same. */
static void gaps(void)
{
    afresh();
    ok(!text_comes("a", true) && !text_comes("a", false) && !text_comes("a", true), "the second of three fails");
    again();
    ok(text_comes("a", true) && !text_comes("a", true) && text_comes("a", true), "it alone is not known");
    sent_close(&sent);
}

static void odd_files(void)
{
    static const char other[] = "{\"type\":\"message\",\"id\":\"no\"}\nnonsense\n{\"type\":\"sent\"}\n"
                                "{\"type\":\"sent\",\"digest\":\"00\",\"count\":1}\n"
                                "{\"type\":\"sent\",\"digest\":\"00000000000000000000000000000000\",\"count\":0}\n"
                                "{\"type\":\"sent\",\"digest\":\"00000000000000000000000000000000\",\"count\":-1}\n"
                                "{\"type\":\"sent\",\"id\":\"yes\"}\n\n{\"type\":\"sent\",\"id\":\"to";
    struct stat status;
    afresh();
    sent_close(&sent);
    put(other, sizeof other - 1);
    open_it();
    ok(id_comes("yes", false), "a line of ours among others is known");
    ok(!id_comes("no", false) && !id_comes("to", false), "no other line, nor one that was cut off, is one");
    ok(!id_comes("torn", true), "what was cut off is sent again");
    again();
    ok(id_comes("torn", false) && id_comes("yes", false), "and written on a line of its own");
    ok(stat(path, &status) == 0 && (status.st_mode & 0077) == 0, "the file is nobody else's");
    struct sent second;
    is_int(sent_open(&second, path), JOURNAL_LOCKED, "nor is it another process's or sender's");
    sent_close(&sent);
    is_int(sent_open(&sent, "/"), JOURNAL_NOT_FILE, "a folder is none");
}

static void many(void)
{
    enum { MANY = 20000 };
    char id[16];
    struct sent_key key;
    bool known;
    int wrong = 0;
    afresh();
    for (int i = 0; i < MANY; i++) {
        int n = snprintf(id, sizeof id, "%d", i);
        wrong += !sent_look(&sent, (unsigned char *)id, (size_t)n, (const unsigned char *)"", 0, &key, &known) ||
                 known || !sent_add(&sent, &key);
    }
    wrong += sent_sync(&sent) != JOURNAL_OK;
    is_int(wrong, 0, "thousands are added");
    again();
    for (int i = 0; i < 2 * MANY; i++) {
        int n = snprintf(id, sizeof id, "%d", i);
        wrong += !sent_look(&sent, (unsigned char *)id, (size_t)n, (const unsigned char *)"", 0, &key, &known) ||
                 known != (i < MANY);
    }
    is_int(wrong, 0, "and known, and no others");
    sent_close(&sent);
}

int main(void)
{
    int fd = mkstemp(path);
    if (fd < 0)
        abort();
    close(fd);
    ids();
    shared_ids();
    shared_late();
    shared_after_a_start();
    empty_ids();
    texts();
    gaps();
    odd_files();
    many();
    unlink(path);
    return done();
}
