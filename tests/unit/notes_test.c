#include "base/notes.h"

#include "tap.h"

static size_t count(const struct notes *notes, size_t base, const char *beginning)
{
    size_t n = 0;
    for (size_t at = base; at < notes->text.len; at += strlen((const char *)notes->text.data + at) + 1)
        n += strncmp((const char *)notes->text.data + at, beginning, strlen(beginning)) == 0;
    return n;
}

static void adds(void)
{
    struct notes notes = {0};
    notes_add(&notes, 0, "odd frame %d where %d was due", 3, 2);
    notes_add(&notes, 0, "odd frame %d where %d was due", 4, 3);
    is_bytes(notes.text.data, notes.text.len, "odd frame 3 where 2 was due\0odd frame 4 where 3 was due", 56,
             "notes stand one behind the other, each ended by NUL");
    notes_add(&notes, 0, "%s", "");
    is_int(notes.text.len, 56, "an empty one is none");
    notes_free(&notes);
    ok(!notes.text.data, "freed, they hold nothing");
}

static void cuts_long_ones(void)
{
    struct notes notes = {0};
    notes_add(&notes, 0, "long %0300d", 7);
    is_int(notes.text.len, 256, "of a long note 255 bytes are kept");
    is_int(notes.text.data[255], 0, "and its NUL");
    notes_free(&notes);
}

static void once(void)
{
    struct notes notes = {0};
    notes_once(&notes, 0, "lf records end with LF");
    notes_once(&notes, 0, "lf again");
    is_bytes(notes.text.data, notes.text.len, "lf records end with LF", 23, "a token is noted once");
    notes_once(&notes, 0, "l is another");
    notes_once(&notes, 0, "lfx is another");
    notes_once(&notes, 0, "x");
    notes_once(&notes, 0, "x");
    notes_once(&notes, 0, "x with words");
    is_int(count(&notes, 0, ""), 4, "a token that begins like another is another, with words behind it or none");
    size_t base = notes.text.len;
    notes_once(&notes, base, "lf records end with LF");
    is_int(count(&notes, base, "lf "), 1, "behind `base` begins another message with its own notes");
    notes_free(&notes);
}

static void is_bounded(void)
{
    struct notes notes = {0};
    notes_once(&notes, 0, "before another message's note");
    size_t base = notes.text.len;
    for (int i = 0; i < 10000; i++)
        notes_add(&notes, base, "many note %d", i);
    ok(notes.text.len - base <= NOTES_MAX && notes.text.len - base > NOTES_MAX - 100, "notes are bounded");
    is_int(count(&notes, base, "more-notes "), 1, "and the last says, once, that there were more");
    is_int(count(&notes, base, "many note 0"), 1, "the first ones are kept");
    size_t second = notes.text.len;
    for (int i = 0; i < 10000; i++)
        notes_add(&notes, second, "many note %d", i);
    is_int(count(&notes, second, "more-notes "), 1, "each message has its own bound");
    notes_free(&notes);
}

int main(void)
{
    adds();
    cuts_long_ones();
    once();
    is_bounded();
    return done();
}
