#include "astm/get.h"

enum { MESSAGE, PATIENT, ORDER, RESULT, OTHER };

/* How deep records stand; L, which ends a message, stands under nothing but H. */
static unsigned depth_of(const char *name)
{
    switch (*name) {
    case 'H':
        return MESSAGE;
    case 'P':
    case 'S':
    case 'L':
        return PATIENT;
    case 'O':
    case 'Q':
        return ORDER;
    case 'R':
        return RESULT;
    default:
        return OTHER;
    }
}

const struct get_names astm_get_names = {1, false, depth_of};

/* What a path names in a record of its name, as it was sent; nothing where it is absent. A field alone is the whole of
 * it; a component without a repeat is of the first one. */
static struct astm_slice slice_of(struct astm_slice record, const struct astm_delimiters *d,
                                  const struct get_path *path)
{
    struct astm_slice text = astm_field(record, d, path->field);
    if (path->field == 2 && *path->name == 'H')
        return text;
    if (path->repetition || path->component)
        text = astm_part(text, d->repeat, path->repetition ? path->repetition - 1 : 0);
    if (path->component)
        text = astm_part(text, d->component, path->component - 1);
    return text;
}

static bool write_cell(void *context, const struct get_path *path, struct get_record record, struct bytes *out)
{
    const struct astm_view *v = context;
    struct astm_slice text = slice_of((struct astm_slice){record.p, record.n}, &v->delimiters, path);
    if (path->field == 2 && *path->name == 'H')
        return bytes_append(out, text.p, text.n);
    return astm_unescape(&v->delimiters, v->charset, text, out);
}

/* Takes a record in. Returns whether a row is due. */
static bool take_record(struct astm_get *g, const struct astm_view *v, struct astm_slice record)
{
    static const char opening[] = "HPOR";
    struct astm_slice name = astm_field(record, &v->delimiters, 1);
    const char text[] = {name.n == 1 ? (char)*name.p : '\0', '\0'};
    if (!*text)
        return false;
    if (strchr(opening, *text))
        get_forget(&g->row, g->paths, depth_of(text));
    return get_take(&g->row, g->paths, name.p, 1, (struct get_record){record.p, record.n});
}

void astm_get_begin(struct astm_get *g)
{
    get_begin(&g->row);
}

enum view_progress astm_get_more(struct astm_get *g, struct astm_view *v, struct bytes *out)
{
    size_t before = out->len, stop = before + VIEW_PIECE;
    struct astm_slice record;
    while (out->len < stop) {
        size_t at = v->at;
        if (!astm_record_next(v->text, v->len, &at, &record))
            return VIEW_DONE;
        if (take_record(g, v, record) && !get_write(&g->row, g->paths, write_cell, v, &g->scratch, out))
            return out->len > before ? VIEW_GOES_ON : VIEW_NO_MEMORY;
        v->at = at;
    }
    return VIEW_GOES_ON;
}

void astm_get_free(struct astm_get *g)
{
    bytes_free(&g->scratch);
}
