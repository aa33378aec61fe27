#include "out/view.h"

#include "base/digest.h"
#include "out/json.h"

bool view_parse(const char *name, enum view_format *format)
{
    static const char *const names[] = {"message", "record", "result", "tsv", "frame", "text", "raw"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            *format = (enum view_format)i;
            return true;
        }
    return false;
}

bool envelope_write(struct bytes *out, const struct envelope *e)
{
    bool fine = json_member(out, "link", e->link) && json_member(out, "peer", e->peer) &&
                json_member(out, "received", e->received);
    if (e->source)
        fine = fine && json_member(out, "source", e->source) && json_key(out, "offset") && json_number(out, e->offset);
    return fine;
}

bool envelope_write_digest(struct bytes *out, const struct envelope *e, const unsigned char *digest)
{
    char digits[33];
    digest_hex(digest, digits);
    bool fine = bytes_puts(out, ",\"digest\":\"") && bytes_append(out, digits, 32) && bytes_puts(out, "\"");
    if (!e->key)
        return fine;
    digest_hex(e->key, digits);
    return fine && bytes_puts(out, ",\"key\":\"") && bytes_append(out, digits, 32) && bytes_puts(out, "\"");
}
