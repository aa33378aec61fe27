#include "out/get.h"

#include "out/result.h"

/* ---- paths ---- */

struct scan {
    const char *s, *end;
};

static bool take(struct scan *scan, char c)
{
    if (scan->s == scan->end || *scan->s != c)
        return false;
    scan->s++;
    return true;
}

/* A number from 1. */
static bool number(struct scan *scan, size_t *out)
{
    size_t value = 0;
    while (scan->s < scan->end && *scan->s >= '0' && *scan->s <= '9' && value < 1000000)
        value = value * 10 + (size_t)(*scan->s++ - '0');
    *out = value;
    return value > 0 && value < 1000000;
}

static bool name(struct scan *scan, size_t length, char out[GET_NAME])
{
    for (size_t i = 0; i < length; i++, scan->s++) {
        bool good =
            scan->s < scan->end && ((*scan->s >= 'A' && *scan->s <= 'Z') || (i && *scan->s >= '0' && *scan->s <= '9'));
        if (!good)
            return false;
        out[i] = *scan->s;
    }
    return true;
}

bool get_path_parse(struct get_path *path, const struct get_names *names, const char *text, size_t n)
{
    struct scan scan = {text, text + n};
    *path = (struct get_path){0};
    if (!name(&scan, names->length, path->name) || !(take(&scan, '-') || take(&scan, '.')) ||
        !number(&scan, &path->field))
        return false;
    if (take(&scan, '[') && !(number(&scan, &path->repetition) && take(&scan, ']')))
        return false;
    if (take(&scan, '.') && !number(&scan, &path->component))
        return false;
    if (path->component && names->subcomponents && take(&scan, '.') && !number(&scan, &path->subcomponent))
        return false;
    path->depth = names->depth(path->name);
    return scan.s == scan.end;
}

const char *get_parse(struct get_paths *paths, const struct get_names *names, const char *text)
{
    *paths = (struct get_paths){0};
    for (;; text++) {
        size_t n = strcspn(text, ",");
        if (paths->count == GET_PATHS || !get_path_parse(&paths->path[paths->count], names, text, n))
            return text;
        if (paths->path[paths->count].depth >= paths->path[paths->deepest].depth)
            paths->deepest = paths->count;
        paths->count++;
        text += n;
        if (!*text)
            return NULL;
    }
}

/* ---- rows ---- */

void get_begin(struct get_row *row)
{
    memset(row, 0, sizeof *row);
}

static bool is_called(const struct get_path *path, const void *name, size_t len)
{
    return len < GET_NAME && memcmp(path->name, name, len) == 0 && !path->name[len];
}

bool get_take(struct get_row *row, const struct get_paths *paths, const void *name, size_t len,
              struct get_record record)
{
    for (size_t i = 0; i < paths->count; i++)
        if (is_called(&paths->path[i], name, len))
            row->cell[i] = record;
    return is_called(&paths->path[paths->deepest], name, len);
}

void get_forget(struct get_row *row, const struct get_paths *paths, unsigned depth)
{
    for (size_t i = 0; i < paths->count; i++)
        if (paths->path[i].depth > depth)
            row->cell[i] = (struct get_record){NULL, 0};
}

bool get_write(const struct get_row *row, const struct get_paths *paths, get_cell *cell, void *context,
               struct bytes *scratch, struct bytes *out)
{
    size_t before = out->len;
    bool fine = true;
    for (size_t i = 0; i < paths->count && fine; i++) {
        scratch->len = 0;
        fine = !i || bytes_append(out, "\t", 1);
        if (row->cell[i].p)
            fine = fine && cell(context, &paths->path[i], row->cell[i], scratch);
        if (scratch->len)
            fine = fine && tsv_cell(out, scratch->data, scratch->len);
    }
    fine = fine && bytes_append(out, "\n", 1);
    if (!fine)
        out->len = before;
    return fine;
}
