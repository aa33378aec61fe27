/* Any bytes, a byte more at a time: what is said of some of them is said of them with any others behind, a header is no
 * longer than they are and than PROXY_HEADER_MAX, and what it tells is an address. The first byte chooses how it
 * begins, so that the rest need not guess a signature. */
#include "link/proxy_header.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool is_address(const struct address *a)
{
    char text[64];
    address_text(a, text, sizeof text);
    return a->len && a->len <= sizeof a->storage && text[0] != '?';
}

/* The first n bytes, in an allocation of their size. */
static enum proxy_header_result parse(const unsigned char *bytes, size_t n, struct proxy_header *h)
{
    unsigned char *copy = malloc(n + !n);
    memcpy(copy, bytes, n);
    enum proxy_header_result result = proxy_header_parse(copy, n, h);
    free(copy);
    if ((result == PROXY_HEADER_INVALID) != (h->why != NULL) ||
        (result == PROXY_HEADER_ADDRESS && !is_address(&h->address)))
        abort();
    if (result == PROXY_HEADER_MORE ? n >= PROXY_HEADER_MAX || h->len : h->len > n || h->len > PROXY_HEADER_MAX)
        abort();
    if ((result == PROXY_HEADER_NONE || result == PROXY_HEADER_ADDRESS) && !h->len)
        abort();
    return result;
}

static bool same(const struct proxy_header *a, const struct proxy_header *b)
{
    return a->len == b->len && a->why == b->why && a->address.len == b->address.len &&
           memcmp(&a->address.storage, &b->address.storage, sizeof a->address.storage) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct {
        const char *text;
        size_t n;
    } starts[] = {{"", 0}, {"PROXY ", 6}, {"PROXY TCP4 ", 11}, {"PROXY TCP6 ", 11}, {"\r\n\r\n\0\r\nQUIT\n", 12}};
    unsigned char bytes[2 * PROXY_HEADER_MAX];
    struct proxy_header first, h;
    enum proxy_header_result said = PROXY_HEADER_MORE;
    if (!n)
        return 0;
    size_t which = data[0] % (sizeof starts / sizeof *starts), len = starts[which].n;
    memcpy(bytes, starts[which].text, len);
    for (data++, n--; n && len < sizeof bytes; n--)
        bytes[len++] = *data++;
    for (size_t some = 0; some <= len; some += some < 300 || some + 64 > len ? 1 : 64) {
        enum proxy_header_result result = parse(bytes, some, &h);
        if (said == PROXY_HEADER_MORE) {
            said = result;
            first = h;
        } else if (result != said || !same(&first, &h)) {
            abort();
        }
    }
    return 0;
}
