#include "base/bytes.h"

#include <stdint.h>

#include "tap.h"

static void starts_empty(void)
{
    struct bytes b = {0};
    ok(bytes_reserve(&b, 0), "room for nothing is always there");
    ok(bytes_append(&b, NULL, 0), "appending nothing from nowhere succeeds");
    ok(!b.data && !b.len && !b.cap, "and allocates nothing");
    bytes_drop(&b, 0);
    bytes_free(&b);
    ok(!b.data && !b.len && !b.cap, "an empty buffer may be freed, and is empty again");
}

static void appends(void)
{
    struct bytes b = {0};
    ok(bytes_append(&b, "a\0b", 3) && bytes_puts(&b, "cd") && bytes_puts(&b, ""), "bytes and strings are appended");
    is_bytes(b.data, b.len, "a\0bcd", 5, "NUL bytes are kept, the NUL that ends a string is not");
    bytes_free(&b);
    ok(bytes_puts(&b, "again"), "a freed buffer may be used again");
    is_bytes(b.data, b.len, "again", 5, "and begins anew");
    bytes_free(&b);
}

static void reserves(void)
{
    static const size_t sizes[] = {1, 255, 256, 257, 4096, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct bytes b = {0};
        bool reserved = bytes_puts(&b, "kept") && bytes_reserve(&b, sizes[i]);
        ok(reserved && b.cap - b.len >= sizes[i], "there is room for %zu bytes", sizes[i]);
        is_bytes(b.data, b.len, "kept", 4, "making room for %zu bytes keeps what is there", sizes[i]);
        unsigned char *data = b.data;
        ok(bytes_reserve(&b, sizes[i]) && b.data == data, "asking again for %zu bytes moves nothing", sizes[i]);
        memset(b.data + b.len, 'x', sizes[i]);
        bytes_free(&b);
    }
}

static void refuses_what_memory_lacks(void)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 4, SIZE_MAX / 2, SIZE_MAX / 2 - 4, SIZE_MAX / 4};
    struct bytes b = {0};
    bytes_puts(&b, "kept");
    struct bytes before = b;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ok(!bytes_reserve(&b, sizes[i]), "no room for %zu bytes", sizes[i]);
        ok(b.data == before.data && b.len == before.len && b.cap == before.cap, "and the buffer is as it was");
    }
    is_bytes(b.data, b.len, "kept", 4, "with what is in it");
    bytes_free(&b);
}

static void prints(void)
{
    struct bytes b = {0};
    ok(bytes_printf(&b, "%s=%d;", "n", 7) && bytes_printf(&b, "%c", 'x'), "text is formatted");
    is_bytes(b.data, b.len, "n=7;x", 5, "and appended without a NUL");
    b.len = 0;
    ok(bytes_printf(&b, "%1023d", 1), "1023 characters fit");
    is_int(b.len, 1023, "whole");
    b.len = 0;
    ok(bytes_printf(&b, "%5000d", 1), "longer text is no failure");
    is_int(b.len, 1023, "but cut");
    is_int(b.data[1022], ' ', "at its end");
    bytes_free(&b);
}

static void drops(void)
{
    struct bytes b = {0};
    bytes_puts(&b, "abcdef");
    bytes_drop(&b, 0);
    is_bytes(b.data, b.len, "abcdef", 6, "dropping nothing leaves all");
    bytes_drop(&b, 4);
    is_bytes(b.data, b.len, "ef", 2, "the first bytes go, the others move up");
    bytes_drop(&b, 2);
    is_int(b.len, 0, "dropping all leaves nothing");
    ok(b.cap > 0, "but the storage stays until it is freed");
    bytes_free(&b);
}

struct collected {
    const char *want;
    size_t plays, wrong;
};

static void collect(void *arg, const struct piece *pieces, size_t count)
{
    struct collected *collected = arg;
    struct bytes b = {0};
    bool good = true;
    for (size_t i = 0; i < count; i++)
        good = bytes_append(&b, pieces[i].data, pieces[i].len) && good;
    good = good && b.len == strlen(collected->want) && !memcmp(b.data, collected->want, b.len);
    collected->plays++;
    collected->wrong += !good;
    bytes_free(&b);
}

static void pieces_make_the_whole(void)
{
    struct collected collected = {.want = "H|\\^&|||host\rL|1|N\r"};
    every_split(collected.want, strlen(collected.want), collect, &collected);
    is_int(collected.plays, strlen(collected.want) + 3, "played whole, at every split, and byte by byte");
    is_int(collected.wrong, 0, "pieces appended make the whole, wherever it is cut");
}

static void keeps_spares(void)
{
    static struct spares spares;
    struct bytes b = {0}, other = {0};
    spares_take(&spares, &b);
    ok(!b.cap, "where nothing is kept, nothing is to be had");
    bytes_puts(&b, "text");
    unsigned char *kept = b.data;
    spares_give(&spares, &b);
    ok(!b.data && !b.len && !b.cap && spares.n == 1, "what is given is kept");
    spares_take(&spares, &other);
    ok(other.data == kept && !other.len && other.cap && !spares.n, "and had by the next one, empty");
    spares_take(&spares, &other);
    ok(other.data == kept, "who has storage gets no other");
    bytes_reserve(&other, SPARE_MAX + 1);
    spares_give(&spares, &other);
    ok(!other.data && !spares.n, "what is large is not kept");
    for (int i = 0; i < SPARES + 1; i++) {
        spares_take(&spares, &b);
        bytes_puts(&b, "text");
        spares_give(&spares, &b);
    }
    ok(!b.data && spares.n == 1, "the same storage goes to and fro");
    for (int i = 0; i < SPARES + 1; i++) {
        struct bytes more = {0};
        bytes_puts(&more, "text");
        spares_give(&spares, &more);
    }
    ok(spares.n == SPARES, "so many are kept and no more");
    spares_free(&spares);
    ok(!spares.n, "and released");
    bytes_puts(&b, "text");
    spares_give(NULL, &b);
    spares_take(NULL, &b);
    ok(!b.data, "without a place to keep them they are released at once");
}

int main(void)
{
    starts_empty();
    appends();
    reserves();
    refuses_what_memory_lacks();
    prints();
    drops();
    pieces_make_the_whole();
    keeps_spares();
    return done();
}
