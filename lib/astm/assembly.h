/* From the text of frames, or bare text, to messages [LIS02-A2 5, 6]: a message runs from its H record to its L record
 * however it was framed. The assembly keeps the message that is being received, as records each ended by CR; LF and
 * CR LF end records too, and an empty record is none. What a frame brought can be taken back until it is committed. */
#ifndef INSTLINK_ASTM_ASSEMBLY_H
#define INSTLINK_ASTM_ASSEMBLY_H

#include "base/bytes.h"
#include "base/notes.h"
#include "out/message.h"

#include <stdint.h>

struct astm_assembly_mark {
    size_t len, record, notes;
    bool after_cr, headed;
};

struct astm_assembly {
    struct bytes text;
    struct notes notes;
    size_t base;       /* where in text the message begins; before it lies what is not committed yet */
    size_t notes_base; /* likewise in notes */
    size_t record;     /* where in text the record begins that is being received */
    bool after_cr;     /* an LF that comes next belongs to the CR before it */
    bool headed;       /* the message begins with H */
    struct astm_assembly_mark mark;
};

enum astm_assembly_result {
    ASTM_ASSEMBLY_MORE,   /* all was taken, the message goes on */
    ASTM_ASSEMBLY_ENDED,  /* its L record has ended */
    ASTM_ASSEMBLY_HEADED, /* another H record has ended: the message before it has no L */
    ASTM_ASSEMBLY_FULL,   /* it would pass the limit */
    ASTM_ASSEMBLY_MEMORY, /* memory is exhausted */
};

/* Remembers the state for astm_assembly_rollback; everything before it is final. */
void astm_assembly_begin(struct astm_assembly *a);

/* Takes text up to the end of a message. limit: the most bytes that one message may have. Returns how many it took;
 * in the case of FULL and MEMORY the rest is not taken. After ENDED or HEADED: astm_assembly_message, then
 * astm_assembly_next, then push the rest. */
size_t astm_assembly_push(struct astm_assembly *a, const unsigned char *text, size_t n, size_t limit,
                          enum astm_assembly_result *result);

/* ETX ends a record that has no CR. */
enum astm_assembly_result astm_assembly_end_record(struct astm_assembly *a);

/* The message that result names: ENDED the whole of it, HEADED what stands before the H record, MORE all there is,
 * taken as incomplete. */
struct message astm_assembly_message(const struct astm_assembly *a, enum astm_assembly_result result);

/* Whether HEADED cut a message that had come in whole before astm_assembly_begin. */
bool astm_assembly_was_before(const struct astm_assembly *a);

/* Begins the message after the one that result named. */
void astm_assembly_next(struct astm_assembly *a, enum astm_assembly_result result);

/* Back to astm_assembly_begin; but a message without L that was whole then is not brought back (keep_cut false). */
void astm_assembly_rollback(struct astm_assembly *a, bool keep_cut);

/* What has been received is final; messages that are over are forgotten. The storage is kept. */
void astm_assembly_commit(struct astm_assembly *a);

/* Whether a message is being received. */
bool astm_assembly_open(const struct astm_assembly *a);

/* Forgets everything and releases the storage. */
void astm_assembly_free(struct astm_assembly *a);

#endif
