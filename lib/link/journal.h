/* The journal (-j FILE): a file of lines that are on stable storage before anybody is told that they are handed over.
 * Here is what happens to the file; when it happens, and to which messages, is the owner's to say.
 *
 * The file is ours alone among journals (a lock), but not among programs: others may read it, append lines, truncate or
 * delete it. What is promised then:
 *   - Each batch is appended where the file ends at that moment, at the beginning of a line: where somebody left a line
 *     without an end, it is ended first. Other people's lines may come to stand within a batch, never within a line,
 *     unless a write of ours was cut short by the system.
 *   - Of a batch that fails, what was written is cut off again, but only while it is the end of the file: what is not
 *     ours is never cut. Where it is not the end any more, it stays, as lines that were never acknowledged. (Between
 *     looking and cutting lies a moment in which somebody's line can be lost: nothing locks out those who ask for no
 *     lock.)
 *   - JOURNAL_OK says of a batch that the disk has all of it, and that the file had a name when it had. Who truncates
 *     the file throws lines away; who renames it finds them there. */
#ifndef INSTLINK_JOURNAL_H
#define INSTLINK_JOURNAL_H

#include "link/journal_line.h"

#include <sys/types.h>

enum {
    JOURNAL_HEAD = 64 << 10, /* bytes of a line that are looked at */
    JOURNAL_TAIL = 1 << 30,  /* bytes at the end of the file that are looked through for keys */
    JOURNAL_KEPT = 1 << 20,  /* bytes of storage that is kept from batch to batch */
    JOURNAL_WHY = 512,
};

enum journal_result {
    JOURNAL_OK,
    JOURNAL_SAME,     /* journal_reopen: the path still leads to the open file, which is kept */
    JOURNAL_NOT_FILE, /* it is there, and is no regular file, or one that begins with something else than a journal */
    JOURNAL_LOCKED,   /* somebody else has it as a journal */
    JOURNAL_DENIED,   /* no permission */
    JOURNAL_GONE,     /* journal_commit: the file was deleted, and nobody would find the lines: reopen, commit again */
    JOURNAL_FAILED,   /* anything else, such as a full disk */
};

struct journal {
    const char *path; /* the owner's; as long as the journal is open */
    int fd;           /* -1: not open, or it was deleted and let go */
    /* Whole lines, each with its LF, for the next commit. The owner may append to it directly, a line piece by piece,
     * and cut it back to the end of a line. */
    struct bytes batch;
    uint64_t cut;     /* bytes of a torn last line that were cut off when the file was opened; never acknowledged */
    bool ended;       /* a last line without an end was there that is none of ours: it was given one */
    uint64_t damaged; /* lines with NULs in them that journal_tail has met: a power cut, never acknowledged */
    bool unread;      /* journal_tail wanted more, and did not look any further back */
    uint64_t missing; /* bytes that somebody truncated the file by, behind our back; the owner's to reset */
    int error;        /* errno of the last failure, or what comes nearest to it */
    char why[JOURNAL_WHY]; /* the last failure, for people: the path and what is wrong, without LF */
    /* Private. */
    off_t size; /* bytes of the file when it was last known to end with LF, or to be empty; -1: it is not known */
    off_t cool; /* up to there it was told that the file need not stay in memory */
    off_t cut_from, cut_to; /* what a failed batch left between them is to be cut off; the same: nothing */
};

/* Opens the file at path, creating it with mode 0600, and locks it; its name is on stable storage when it was created,
 * and so is all that it holds. A file that does not begin as a line of ours ({"type":"), or as a power cut leaves such
 * a line, is not touched: it was named by mistake. What others have written behind that beginning is theirs. A torn
 * last line, with or without NULs behind it, as a power cut leaves it, is cut off (j->cut); a last line that has no end
 * and is not the beginning of one of ours is given an end instead. For that it is read backwards, in blocks, to the
 * last LF and no further. The lock goes with the open file: a child that does not exec has to close j->fd, or it holds
 * the lock for as long as it lives. All but OK: why and error tell, and the journal is not open. As exit statuses
 * [contract, Exit status] these are 73, for LOCKED 75 and for DENIED 77. */
enum journal_result journal_open(struct journal *j, const char *path);

/* Appends to keys those of the last `most` messages in the file that count (see journal_past), JOURNAL_KEY bytes each,
 * the oldest first. A key may come twice. Messages without a key are passed over, and so are lines of other kinds, and
 * those with NULs in them (j->damaged); a window line is the end of the search, for it holds what was remembered when
 * it was written. Not more than JOURNAL_TAIL bytes are looked through, in blocks, so that of very long messages fewer
 * are known (j->unread). To be called between journal_open and the first commit. False where the file cannot be read or
 * memory is exhausted; keys is as before then. */
bool journal_tail(struct journal *j, size_t most, struct bytes *keys);

/* Appends a window line to the batch: the n keys (JOURNAL_KEY bytes each, the oldest first) are all that is remembered
 * of the messages before it. At an orderly end it makes the next start quick, and lets it know no more than was known.
 * {"type":"window","keys":["32 hexadecimal digits",…]} False when memory is exhausted; the batch is as before then. */
bool journal_append_window(struct journal *j, const unsigned char *keys, size_t n);

/* Whether a line is one of keys, a window line or one of journal_append_proven, and so none that holds a message. */
bool journal_begins_keys(const unsigned char *line, size_t n);

/* Appends a line to the batch that says of the n keys that the acknowledgement of the last message of each has arrived:
 * {"type":"proven","keys":["32 hexadecimal digits",…]} False when memory is exhausted; the batch is as before then. */
bool journal_append_proven(struct journal *j, const unsigned char *keys, size_t n);

/* Writes the batch and waits until the disk has it, and the whole loop waits with it. OK: the batch is empty, and its
 * messages are handed over. Else nothing of it counts: what was written of it is cut off again (see above) before this
 * returns, or, where that fails too, before anything else is written; and the batch stays as it is, to be written again
 * by the next call, whole, or to be dropped. An empty batch is OK and touches nothing. */
enum journal_result journal_commit(struct journal *j);

/* Empties the batch: its messages were refused. */
void journal_drop(struct journal *j);

/* On SIGHUP, or after JOURNAL_GONE. Where the path leads to another file than the open one, or to none, that file is
 * opened or created as journal_open does, the window line of these keys (as above) is appended to it and on stable
 * storage with the file's name, and only then the old one is let go. The batch goes to whichever file is open when it
 * is committed: commit it first. OK: cut and ended are those of the new file. All but OK and SAME: the old one stays,
 * unless it was deleted: nobody would find its lines, and the room it takes may be what is missing, so it is let go
 * first. Without any file journal_commit is GONE. */
enum journal_result journal_reopen(struct journal *j, const unsigned char *keys, size_t n);

/* Lets go of the file. A batch that was not committed is dropped. */
void journal_close(struct journal *j);

#endif
