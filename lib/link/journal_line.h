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
    struct journal_text protocol, link, peer, received;
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
 * the acknowledgement has arrived; what is sent again later is sent on purpose, or is another message that happens to
 * say the same, and has to be handed over. The journal does not say what was proven. A sender goes on only after an
 * acknowledgement, so what can be unproven is the last message of a connection: for a few seconds, or for good when
 * nothing came behind it. Hence of ASTM messages these count, and no others:
 *   - the last of each connection (link, address and port), where it came in the minute before the last message of all,
 *   - the last of each link and address, however old.
 * Where that is one too many, a message that is sent on purpose is left out that is in the journal already, and once
 * only: then its acknowledgement is proven. Where it is one too few, a message is there twice. */
struct journal_past {
    struct bytes seen; /* digests of connections and addresses */
    unsigned lines;    /* of ASTM messages */
    int64_t last;      /* the time of the last message, in seconds; 0: there was none yet */
};

/* Whether the next line counts; one that does not because memory is exhausted is one too few. */
bool journal_past_counts(struct journal_past *p, const struct journal_line *l);

void journal_past_free(struct journal_past *p);

#endif
