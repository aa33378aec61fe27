/* Any bytes as messages to be sent: no crash; cut into pieces anywhere they are the same messages; each begins as one
 * of its protocol does, or says why it is none, is no longer than it may be, and lies behind the one before. The first
 * byte says which protocol it is, and whether text is converted; the second one how long the pieces are. */
#include "link/messages.h"
#include "base/digest.h"
#include "base/utf8.h"

#include <stdlib.h>

enum { MOST = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct charset latin1;

static void take(const struct messages_item *item, struct digest *d, uint64_t *line)
{
    if (item->line < *line || !item->line || (item->wrong && !*item->wrong) ||
        (!item->wrong && item->text.n > 2 * MOST))
        abort();
    if (item->control_id.p && !utf8_valid(item->control_id.p, item->control_id.n))
        abort();
    *line = item->line;
    digest_add(d, &item->line, sizeof item->line);
    digest_add(d, item->id.p ? item->id.p : (const unsigned char *)"", item->id.p ? item->id.n : 0);
    if (item->wrong)
        digest_add(d, item->wrong, strlen(item->wrong));
    else
        digest_add(d, item->text.p, item->text.n);
}

/* In pieces of that many bytes, each in storage of its own. */
static void play(const uint8_t *data, size_t n, size_t piece, unsigned kind, unsigned char out[16])
{
    struct messages m;
    struct messages_item item;
    struct digest d;
    uint64_t line = 0;
    digest_init(&d);
    messages_init(&m, kind & 1 ? &protocol_hl7 : &protocol_astm, kind & 2 ? &latin1 : NULL, MOST);
    for (size_t from = 0; from < n; from += piece) {
        size_t len = n - from < piece ? n - from : piece, at = 0, taken;
        unsigned char *copy = malloc(len);
        memcpy(copy, data + from, len);
        do {
            at += taken = messages_push(&m, copy + at, len - at);
            while (messages_next(&m, &item))
                take(&item, &d, &line);
        } while (taken);
        if (at != len)
            abort();
        free(copy);
    }
    for (messages_eof(&m); messages_next(&m, &item); messages_eof(&m))
        take(&item, &d, &line);
    messages_free(&m);
    digest_end(&d, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    unsigned char whole[16], pieces[16];
    if (n < 3)
        return 0;
    latin1.kind = CHARSET_LATIN1;
    play(data + 2, n - 2, n - 2, data[0], whole);
    play(data + 2, n - 2, data[1] % 16 + 1, data[0], pieces);
    if (memcmp(whole, pieces, sizeof whole) != 0)
        abort();
    return 0;
}
