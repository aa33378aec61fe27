#include "astm/assembly.h"

#include "astm/frame.h"
#include "base/scan.h"

void astm_assembly_begin(struct astm_assembly *a)
{
    a->mark = (struct astm_assembly_mark){a->text.len, a->record, a->notes.text.len, a->after_cr, a->headed};
}

bool astm_assembly_open(const struct astm_assembly *a)
{
    return a->text.len > a->base;
}

static unsigned char field_delimiter(const struct astm_assembly *a)
{
    return a->headed ? a->text.data[a->base + 1] : '|';
}

/* A record has ended at text.len, without its CR. */
static enum astm_assembly_result record_ended(struct astm_assembly *a)
{
    size_t n = a->text.len - a->record;
    if (!bytes_append(&a->text, "\r", 1))
        return ASTM_ASSEMBLY_MEMORY;
    const unsigned char *p = a->text.data + a->record;
    if (*p == 'H' && astm_is_header(p, n)) {
        if (a->record > a->base)
            return ASTM_ASSEMBLY_HEADED;
        a->headed = true;
    }
    a->record = a->text.len;
    bool last = *p == 'L' && (n == 1 || p[1] == field_delimiter(a));
    return last ? ASTM_ASSEMBLY_ENDED : ASTM_ASSEMBLY_MORE;
}

/* Takes up to the end of a line. True when a record ended there. */
static bool take_line(struct astm_assembly *a, const unsigned char *text, size_t n, size_t *taken)
{
    size_t run = scan_line_end(text, n);
    *taken = run;
    if (run && !bytes_append(&a->text, text, run)) {
        *taken = 0;
        return false;
    }
    if (run == n) {
        a->after_cr = a->after_cr && !run;
        return false;
    }
    *taken = run + 1;
    bool lf = text[run] == '\n';
    if (lf && a->text.len > a->base)
        notes_once(&a->notes, a->notes_base,
                   a->after_cr && !run ? "crlf records end with CR LF" : "lf records end with LF");
    a->after_cr = !lf;
    return a->text.len > a->record;
}

/* Bytes of the message that is open, with the CR that its last record will have at least. A header, or what may become
 * one, counts for the message that it begins. */
static size_t size_of(const struct astm_assembly *a)
{
    size_t n = a->text.len - a->record;
    if (!n)
        return a->text.len - a->base;
    const unsigned char *p = a->text.data + a->record;
    bool header = *p == 'H' && (n == 1 || astm_is_header(p, n));
    return a->text.len - (header ? a->record : a->base) + 1;
}

size_t astm_assembly_push(struct astm_assembly *a, const unsigned char *text, size_t n, size_t limit,
                          enum astm_assembly_result *result)
{
    size_t i = 0;
    *result = ASTM_ASSEMBLY_MORE;
    while (i < n && *result == ASTM_ASSEMBLY_MORE) {
        size_t step;
        bool ended = take_line(a, text + i, n - i, &step);
        if (!step) {
            *result = ASTM_ASSEMBLY_MEMORY;
            break;
        }
        i += step;
        if (size_of(a) > limit)
            *result = ASTM_ASSEMBLY_FULL;
        else if (ended)
            *result = record_ended(a);
    }
    return i;
}

enum astm_assembly_result astm_assembly_end_record(struct astm_assembly *a)
{
    a->after_cr = false;
    return a->text.len > a->record ? record_ended(a) : ASTM_ASSEMBLY_MORE;
}

struct message astm_assembly_message(const struct astm_assembly *a, enum astm_assembly_result result)
{
    size_t end = result == ASTM_ASSEMBLY_HEADED ? a->record : a->text.len;
    return (struct message){
        .text = a->text.data ? a->text.data + a->base : (const unsigned char *)"",
        .len = end - a->base,
        .notes = a->notes.text.data ? (const char *)a->notes.text.data + a->notes_base : "",
        .notes_len = a->notes.text.len - a->notes_base,
        .complete = result == ASTM_ASSEMBLY_ENDED && a->headed,
        .framed = true,
    };
}

bool astm_assembly_was_before(const struct astm_assembly *a)
{
    return a->record <= a->mark.len;
}

void astm_assembly_next(struct astm_assembly *a, enum astm_assembly_result result)
{
    bool headed = result == ASTM_ASSEMBLY_HEADED;
    a->base = headed ? a->record : a->text.len;
    a->record = a->text.len;
    a->notes_base = a->notes.text.len;
    a->headed = headed;
}

void astm_assembly_rollback(struct astm_assembly *a, bool keep_cut)
{
    size_t drop = 0, drop_notes = 0;
    if (!keep_cut) {
        /* the message without L is out of the assembly's hands; a part of the next header may stand behind it */
        drop = a->mark.record;
        drop_notes = a->mark.notes;
        a->mark.headed = false;
    }
    a->text.len = a->mark.len;
    a->notes.text.len = a->mark.notes;
    a->record = a->mark.record - drop;
    bytes_drop(&a->text, drop);
    bytes_drop(&a->notes.text, drop_notes);
    a->base = a->notes_base = 0;
    a->headed = a->mark.headed;
    a->after_cr = a->mark.after_cr;
}

void astm_assembly_commit(struct astm_assembly *a)
{
    bytes_drop(&a->text, a->base);
    bytes_drop(&a->notes.text, a->notes_base);
    a->record -= a->base;
    a->base = a->notes_base = 0;
}

void astm_assembly_free(struct astm_assembly *a)
{
    bytes_free(&a->text);
    notes_free(&a->notes);
    *a = (struct astm_assembly){0};
}
