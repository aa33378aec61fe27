/* What a line of the journal says of its message, and which of them count when the program starts again. */
#ifndef INSTLINK_JOURNAL_LINE_H
#define INSTLINK_JOURNAL_LINE_H

#include "base/bytes.h"

#include <stdint.h>

enum { JOURNAL_KEY = 16 /* bytes: by what the ledger knows a message */ };

/* A piece of the line, escapes as they are. Empty: the line does not say it. */
struct journal_text {
    const unsigned char *p, *end;
};

struct journal_line {
    unsigned char key[JOURNAL_KEY];
    struct journal_text protocol;
};

/* Reads 32 hexadecimal digits in lower case. */
bool journal_key_read(const struct journal_text *digits, unsigned char key[JOURNAL_KEY]);

/* Reads a journal line, or its beginning (its first n bytes; nothing is read behind them), as far as member `key`,
 * which is 32 hexadecimal digits in lower case and stands behind what else is wanted. False: it is no message line, or
 * a message that need not be known when it comes again, or its beginning does not reach so far. The line says the key
 * itself, for it is made of the bytes that the sender sent: in the line they have become UTF-8, and their escape
 * sequences are resolved. */
bool journal_line_read(const unsigned char *line, size_t n, struct journal_line *l);

/* The lines that a run has left that was killed, seen from the last one back. Zero-initialised is valid.
 *
 * An HL7 message is known for as long as it is remembered. An ASTM message need be known only until it is proven that
 * the acknowledgement has arrived; what is sent again later is sent on purpose, and has to be handed over. So the
 * journal is told which were proven, with the next batch: what a killed run could not tell any more counts as a repeat
 * when it comes again, once. */
struct journal_past {
    struct bytes proven; /* keys whose messages have not been met yet */
};

/* A line says that the acknowledgement of the last message before it with that key has arrived. Of very many only the
 * last are kept: the others count. False when memory is exhausted. */
bool journal_past_prove(struct journal_past *p, const unsigned char key[JOURNAL_KEY]);

/* Whether the next message, or key of a window, counts. */
bool journal_past_counts(struct journal_past *p, const unsigned char key[JOURNAL_KEY]);

void journal_past_free(struct journal_past *p);

#endif
