/* A message as lines: message, record, result, tsv, text or raw, all from one parse [LIS02-A2]. The lines are produced
 * piece by piece, so that a message of any size needs little memory beside its text. */
#ifndef INSTLINK_ASTM_VIEW_H
#define INSTLINK_ASTM_VIEW_H

#include "astm/assembly.h"
#include "astm/frame.h"
#include "astm/link.h"
#include "astm/results.h"
#include "astm/value.h"
#include "out/view.h"

struct astm_view_config {
    enum view_format format; /* not VIEW_FRAME: see astm_wire_line */
    bool positional;         /* records as {"type":"R","fields":[…]}, escapes as sent */
    struct charset *charset; /* --charset; NULL: UTF-8 where the message is valid UTF-8, else ISO-8859-1 */
};

/* One message being written. Zero-initialised: astm_view_begin, then astm_view_more until it is done. It may be used
 * for one message after the other. What is in it is private. */
struct astm_view {
    const struct astm_view_config *config;
    const struct envelope *envelope;
    struct message message;
    struct charset *charset; /* the message's own */
    struct charset own_charset;
    const char *charset_note;
    const unsigned char *text; /* the message in UTF-8 */
    size_t len;
    struct bytes converted; /* text, where the message was not UTF-8 */
    struct astm_delimiters delimiters;
    struct special special;
    struct astm_slice header;
    unsigned char stage;       /* what comes when the value that is open is closed */
    unsigned char record_type; /* its letter; 0: none of one letter */
    bool after_record;
    size_t at;               /* in text: where the field begins that comes next */
    size_t field;            /* its number */
    size_t record_end;       /* where its record ends, once looked for; else 0 */
    struct astm_value value; /* the value that is open: one that is not written in one go */
    struct astm_results results;
    struct result result;
    struct astm_slice parts; /* of the result: its value, to be written as value_parts */
    struct bytes scratch;    /* record lines: what each says of its message; results: a piece of value_parts */
    unsigned char digest[16];
};

/* Begins a message. What message, envelope and config point to must stay until the view is done. False when memory is
 * exhausted. */
bool astm_view_begin(struct astm_view *v, const struct astm_view_config *config, const struct message *message,
                     const struct envelope *envelope);

/* Appends about VIEW_PIECE bytes at most. VIEW_NO_MEMORY: nothing was appended; it may be called again. */
enum view_progress astm_view_more(struct astm_view *v, struct bytes *out);

void astm_view_free(struct astm_view *v);

/* The digest of everything after the header record, by which a message that comes again is known. */
void astm_message_digest(const struct message *message, unsigned char digest[16]);

/* The same, with the sender (H.5) and control id (H.3) as they came: the key of a repeat. */
void astm_message_key(const struct message *message, unsigned char key[16]);

/* Appends a wire event as one line of JSON (-o frame). */
bool astm_wire_line(struct bytes *out, const struct astm_wire *wire, const struct envelope *envelope);

#endif
