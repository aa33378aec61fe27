#include "out/view.h"

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
                json_member(out, "received", e->received) && json_member(out, "key", e->key);
    if (e->source)
        fine = fine && json_member(out, "source", e->source) && json_key(out, "offset") && json_number(out, e->offset);
    return fine;
}
