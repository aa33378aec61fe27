/* The HL7 link machine [HL7 v2.5.1 chapter 2, 2.9; MLLP release 1 and 2]: receiver and sender in one. It is fed bytes
 * and the time, and answers with events, bytes to send and its next deadline; it knows no sockets and no clock.
 *
 * push takes bytes up to the next event; next gives the event; answer says what the message of that event is worth,
 * and only then does the machine acknowledge it, as MSH-15 and MSH-16 ask. While a verdict is awaited nothing is
 * taken, so that messages are answered one at a time and in order. All times are milliseconds on a monotonic clock
 * that the caller reads. */
#ifndef INSTLINK_HL7_LINK_H
#define INSTLINK_HL7_LINK_H

#include "base/verdict.h"
#include "hl7/ack.h"
#include "hl7/block.h"
#include "hl7/split.h"

struct hl7_link_config {
    enum hl7_ack_mode ack;
    enum hl7_segment_end segment_end;
    unsigned release;   /* of MLLP: 2 has commit blocks before any other answer, in both directions */
    bool strict;        /* FS CR alone ends a block */
    size_t max_message; /* most bytes in a message that is received */
    int64_t answer_ms;  /* 30 s: an answer is waited for, from the last byte that went or the answer before */
    int64_t message_ms; /* 60 s: from a block's first byte to its last */
};

/* auto, auto, release 1 and the values above. */
struct hl7_link_config hl7_link_defaults(void);

/* What the machine tells of, each with a stable first token. */
enum hl7_notice {
    HL7_NOTICE_NOISE,      /* bytes outside blocks, ignored; told once per connection */
    HL7_NOTICE_BLANKS,     /* … blanks, CR, LF or NUL; likewise */
    HL7_NOTICE_CUT,        /* a block was begun and not ended */
    HL7_NOTICE_UNREADABLE, /* a block or message refused: its MSH cannot be read */
    HL7_NOTICE_TOO_LONG,   /* a message refused: more than max_message */
    HL7_NOTICE_TOO_SLOW,   /* … more than message_ms */
    HL7_NOTICE_NO_MEMORY,  /* … no memory for it now */
    HL7_NOTICE_NOT_HANDED, /* … not handed over */
    HL7_NOTICE_BATCH,      /* a block holds an envelope; it is left out */
    HL7_NOTICE_COUNT,      /* a batch says another number of messages than have come */
    HL7_NOTICE_CONDITION,  /* MSH-15 or MSH-16 has a value that is none: original mode; told once per connection */
    HL7_NOTICE_OWN_ANSWER, /* what the caller gave is no answer, or not asked for: the plain one is sent; or part of it
                            * cannot be sent */
    HL7_NOTICE_UNMATCHED,  /* an answer that nobody waits for */
    HL7_NOTICE_LATE,       /* … to a message that has been given up */
    HL7_NOTICE_DUPLICATE,  /* … to a message that has been answered */
    HL7_NOTICE_ODD_ANSWER, /* an answer to our message that is not what was asked for */
    HL7_NOTICE_COMMIT,     /* a commit block that nobody waits for */
    HL7_NOTICE_NO_ANSWER,  /* none came in time */
    HL7_NOTICES,
};

const char *hl7_notice_name(enum hl7_notice notice);

/* Something on the wire, for those who watch it. */
struct hl7_wire {
    const char *event;         /* block ACK NAK cut too-long noise */
    bool sent;                 /* by us */
    uint64_t offset;           /* in the bytes received; for those sent, 0 */
    const unsigned char *text; /* of a block, without VT and FS; of noise its first HL7_NOISE_SHOWN bytes */
    size_t len;                /* of the text, or of the noise */
};

/* What an answer of ours needs: NUL-terminated. */
struct hl7_stamp {
    char time[32]; /* MSH-7, as HL7 writes it */
    char id[32];   /* MSH-10, never used before; old versions have at most 20 characters there */
};

/* Who watches, who knows the time, who sends what follows an answer of ours, and who has storage: any of these may be
 * NULL. Without stamp answers have no time, and are numbered. text is a line for people; it shows no text of a message,
 * and of noise and an unmatched MSA-2 what base/glimpse.h shows. */
struct hl7_observer {
    void (*wire)(void *context, const struct hl7_wire *wire);
    void (*notice)(void *context, enum hl7_notice notice, const char *text);
    void (*stamp)(void *context, struct hl7_stamp *stamp);
    void *context;
    struct spares *spares; /* storage that links share; NULL: there is none */
    void (*follow)(void *context, const unsigned char *text, size_t n); /* a message, segments each ended by CR */
};

enum hl7_outcome {
    HL7_SENT,      /* the last answer that it asked for has come, or it asked for none and has gone out */
    HL7_ERROR,     /* AE, CE, or commit NAK: it may be taken later */
    HL7_REJECTED,  /* AR or CR */
    HL7_ODD,       /* answered with a code that is none */
    HL7_NO_ANSWER, /* none in time; connect anew before the next message, lest a late answer be mistaken */
    HL7_UNSENT,    /* the connection was lost, or memory is exhausted */
};

const char *hl7_outcome_name(enum hl7_outcome outcome);

enum hl7_event_kind { HL7_EVENT_NONE, HL7_EVENT_MESSAGE, HL7_EVENT_DONE };

struct hl7_event {
    enum hl7_event_kind kind;
    struct hl7_msa msa; /* of the message or answer, where it has one */
    /* MESSAGE: it lies with the machine until it is answered. answer: it has an MSA segment, and answers nothing that
     * we wait for; it gets no application answer. */
    struct hl7_message *message;
    uint64_t ticket;
    bool answer;
    /* DONE: what became of the message that was sent; the code of the answer that decided, and its text, valid until
     * the machine is called again. uncommitted: release 2, and it was accepted without a commit block before */
    enum hl7_outcome outcome;
    bool uncommitted;
    enum hl7_code code;
    struct hl7_slice text;
};

struct hl7_link {
    const struct hl7_link_config *config;
    struct hl7_observer observer;
    size_t allowance; /* the caller's limit on bytes of a block now; a block past it is refused as later */
    struct hl7_block_reader reader;
    struct bytes text;      /* of the block whose messages are being dealt with */
    struct hl7_split split; /* of text */
    bool open;              /* there is such a block */
    bool over;              /* there was; text is released when nobody looks at it any more */
    unsigned char refusing; /* why all messages of the block are refused, enum hl7_notice; HL7_NOTICES: they are not */
    bool refused;           /* a message of the block was */
    int64_t now;            /* when the machine was called last */
    uint64_t ticket;        /* of the last message offered */
    bool waiting;           /* for the verdict on it */
    bool pending, done_pending; /* event, done are to be fetched */
    bool ended, drained;        /* the peer sends nothing more; and the reader knows */
    bool pausing;               /* the caller's: push stops wherever a block ends, be it before the first byte */
    bool noise_told, blank_told, condition_told;
    uint64_t noise;     /* bytes outside blocks so far */
    struct bytes offer; /* struct hl7_offer: the message that is offered */
    struct {
        enum hl7_outcome outcome;
        bool uncommitted;
        enum hl7_code code;
        struct hl7_msa msa;
        struct hl7_slice text; /* of the answer */
    } done;
    struct bytes out;     /* answers to send */
    struct bytes replies; /* release 2: answers that wait for the commit block */
    uint64_t answers;     /* how many there were, for want of a stamp */

    struct bytes sending; /* the block to send */
    size_t sent_at;
    struct bytes id; /* MSH-10 of the message being sent */
    bool busy;       /* its outcome is open */
    bool asked;      /* it asks for an answer */
    bool enhanced, wants_commit, wants_accept, wants_application, wants_refusal;
    bool uncommitted;   /* an answer that accepts it came without a commit block */
    int64_t due;        /* the answer's deadline … */
    int64_t due_stands; /* … put off by the time since then, if a verdict has been awaited */
    struct {
        bool known, answered;
        bool asked;               /* it asked for an answer, or had one */
        bool nameless;            /* it was refused without MSA-2 */
        unsigned char digest[16]; /* of its MSH-10 */
    } last;                       /* the message before */
};

/* A link on which nothing has happened. config and what it points to stay the caller's and must outlive the link.
 * Nothing is allocated before bytes come. */
void hl7_link_init(struct hl7_link *l, const struct hl7_link_config *config, const struct hl7_observer *observer);

/* Takes bytes up to the next event, or none while an event is to be fetched, a verdict is awaited, or too much is
 * waiting to be sent. Returns how many it took; what it did not take is offered again, with what came after it. */
size_t hl7_link_push(struct hl7_link *l, const unsigned char *bytes, size_t n, int64_t now);

/* The next event: the one that stopped push, or one of a further message in the same block. False when there is none.
 * There may be bytes to send after it, as after every call. */
bool hl7_link_next(struct hl7_link *l, struct hl7_event *event);

/* What the message of that ticket is worth, however late. reply may be NULL. Its text may hold several messages, with
 * CR, LF or CR LF: the one whose MSA-2 is the control id is sent as the application answer, and those without an MSA
 * segment (and deferred responses to this message) are given to observer.follow, in their order, unless the reply is
 * repeated. Without the one none of them counts. Ignored when the machine does not wait for it. VERDICT_WAIT is no
 * answer. */
void hl7_link_answer(struct hl7_link *l, uint64_t ticket, enum verdict verdict, const struct reply *reply, int64_t now);

/* Puts one message up for sending, as it is; the text is copied. False when one is being sent already or its DONE event
 * is not fetched yet, the peer sends nothing more, the text has no readable MSH or holds VT or FS, or memory is
 * exhausted. Else it ends with a DONE event. */
bool hl7_link_send(struct hl7_link *l, const unsigned char *text, size_t n, int64_t now);

/* Whether hl7_link_send would be refused whatever the text. */
bool hl7_link_sending(const struct hl7_link *l);

/* Whether a late answer to the message that was sent before could be taken for that to this one: both have the same
 * MSH-10, be it empty, or the one before was refused without MSA-2. */
bool hl7_link_confusable(const struct hl7_link *l, const unsigned char *text, size_t n);

/* Bytes to send, and how many of these went. */
const unsigned char *hl7_link_out(const struct hl7_link *l, size_t *n);
void hl7_link_sent(struct hl7_link *l, size_t n, int64_t now);

/* When the machine wants hl7_link_tick, ms; INT64_MAX: never. */
int64_t hl7_link_deadline(const struct hl7_link *l);
void hl7_link_tick(struct hl7_link *l, int64_t now);

/* The peer has sent its last byte, and all were taken or are lost. Events may follow; answers still go out. */
void hl7_link_eof(struct hl7_link *l, int64_t now);

/* Whether the machine does nothing but wait for somebody to begin. There may be bytes to send. */
bool hl7_link_idle(const struct hl7_link *l);

/* Whether it waits for a verdict; it takes no bytes meanwhile. */
bool hl7_link_waiting(const struct hl7_link *l);

/* Bytes that the link holds for what it receives and sends. */
size_t hl7_link_held(const struct hl7_link *l);

/* Releases all storage. */
void hl7_link_free(struct hl7_link *l);

#endif
