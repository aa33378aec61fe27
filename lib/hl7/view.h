/* A message as lines: message, record, result, tsv, text or raw, or chosen fields, all from one parse. The lines are
 * produced piece by piece, so that a message of any size needs little memory beside its text.
 *
 * A segment is an array in which index n is field n; MSH-1 and MSH-2 are there as they stand. Empty fields at its end
 * are left out. */
#ifndef INSTLINK_HL7_VIEW_H
#define INSTLINK_HL7_VIEW_H

#include "hl7/link.h"
#include "hl7/results.h"
#include "hl7/value.h"
#include "out/view.h"

struct hl7_view_config {
    enum view_format format;             /* not VIEW_FRAME: see hl7_wire_line */
    bool positional;                     /* every field, empty ones at the end too, and escapes as sent */
    struct charset *charset;             /* --charset; NULL: what MSH-18 says, as far as it can be */
    const struct hl7_specimen *specimen; /* where results have their specimen from; NULL: hl7_specimen_default */
    const struct get_paths *get;         /* --get: rows of chosen fields, whatever the format is; NULL: none */
};

/* One message being written. Zero-initialised: hl7_view_begin, then hl7_view_more until it is done. It may be used for
 * one message after the other. What is in it is private. */
struct hl7_view {
    const struct hl7_view_config *config;
    const struct envelope *envelope;
    struct hl7_message message;
    struct hl7_charset charset;
    const unsigned char *text; /* the message in UTF-8 */
    size_t len;
    struct bytes converted; /* text, where the message was not UTF-8 */
    struct hl7_separators separators;
    struct special special;
    struct hl7_slice msh; /* the first segment; empty where it is no MSH */
    unsigned char stage;  /* what comes when the value that is open is closed */
    bool after_segment;
    size_t at;              /* in text: where the field begins that comes next */
    size_t empty;           /* fields before it that are not written, all of them empty */
    size_t segment_end;     /* where its segment ends, once looked for; else 0 */
    struct hl7_value value; /* the value that is open: one that is not written in one go */
    struct hl7_results results;
    struct result result;
    struct hl7_slice parts; /* of the result: its value, to be written as value_parts */
    struct get_row row;
    struct bytes
        scratch; /* record lines: what each says of its message; results: a piece of value_parts; rows: a cell */
};

/* Begins a message. What message, envelope and config point to must stay until the view is done. False when memory is
 * exhausted. */
bool hl7_view_begin(struct hl7_view *v, const struct hl7_view_config *config, const struct hl7_message *message,
                    const struct envelope *envelope);

/* Appends about VIEW_PIECE bytes at most; a row of chosen fields whole, however long. VIEW_NO_MEMORY: nothing was
 * appended; it may be called again. */
enum view_progress hl7_view_more(struct hl7_view *v, struct bytes *out);

void hl7_view_free(struct hl7_view *v);

/* Appends a wire event as one line of JSON (-o frame). */
bool hl7_wire_line(struct bytes *out, const struct hl7_wire *wire, const struct envelope *envelope);

#endif
