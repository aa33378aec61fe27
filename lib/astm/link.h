/* The LIS01 link machine [LIS01-A2 6; E1381-95 6]: receiver and sender, instrument and host. It is fed bytes and the
 * time, and answers with events, bytes to send and its next deadline; it knows no sockets and no clock.
 *
 * push takes bytes up to the next event; next gives the event; answer says what the message of that event is worth, and
 * only then does the machine acknowledge it. All times are milliseconds on a monotonic clock that the caller reads. */
#ifndef INSTLINK_ASTM_LINK_H
#define INSTLINK_ASTM_LINK_H

#include "astm/assembly.h"
#include "astm/frame.h"
#include "base/verdict.h"

enum astm_role { ASTM_INSTRUMENT, ASTM_HOST };

struct astm_link_config {
    enum astm_role role;         /* who wins a contention */
    enum astm_checksum checksum; /* how frames are judged, and sent (AUTO sends STD) */
    bool any_frame_number;       /* numbers are noted, never refused */
    bool interrupt;              /* with something to send, EOT instead of ACK for what ends no message */
    bool deaf;                   /* nothing is received: each ENQ is answered with NAK */
    bool whole;                  /* send one run of ETB frames a message, not an ETX frame a record */
    size_t frame_size;           /* most bytes of text in a frame that is sent */
    size_t max_message;          /* most bytes in a message that is received */
    int64_t reply_ms;            /* 15 s: an answer is waited for; a verdict 3 s less */
    int64_t receive_ms;          /* 30 s: the sender is silent */
    int64_t busy_ms;             /* 10 s: after NAK to ENQ */
    int64_t contention_ms;       /* 20 s: the host's wait; the instrument waits 1 to 2 s */
    int64_t message_ms;          /* 60 s: from a message's first byte to its last */
};

/* The values of the standard, an instrument's or a host's. */
struct astm_link_config astm_link_defaults(enum astm_role role);

/* What the machine counts and tells of, each with a stable first token. */
enum astm_notice {
    ASTM_NOTICE_BAD_CHECKSUM, /* a frame refused for its checksum */
    ASTM_NOTICE_MALFORMED,    /* … for its form: no number, too long, no memory */
    ASTM_NOTICE_WRONG_NUMBER, /* … for its number */
    ASTM_NOTICE_SPOILED,      /* all frames of this message are refused until EOT or ENQ */
    ASTM_NOTICE_REPEAT,       /* a frame came again and was not stored: acknowledged, or the verdict on it is awaited */
    ASTM_NOTICE_ODD_NUMBER,   /* a frame taken although its number was not the next */
    ASTM_NOTICE_LEARNED,      /* the checksum convention was learned */
    ASTM_NOTICE_NO_ENQ,       /* a session began without ENQ */
    ASTM_NOTICE_NOISE,        /* bytes outside frames, ignored */
    ASTM_NOTICE_CUT,          /* a frame was begun and not ended */
    ASTM_NOTICE_STRAY_FRAME,  /* a frame outside a session, ignored */
    ASTM_NOTICE_DROPPED,      /* an incomplete message was dropped: the sender will send it again */
    ASTM_NOTICE_LOST, /* what nobody sends again was dropped: an unframed message, or one that could not be kept */
    ASTM_NOTICE_NOT_HANDED, /* the message's last frame refused, or not answered, for want of a hand-over */
    ASTM_NOTICE_BUSY,       /* ENQ answered with NAK, or our ENQ was */
    ASTM_NOTICE_CONTENTION,
    ASTM_NOTICE_NO_REPLY,
    ASTM_NOTICE_REFUSED,     /* a frame of ours was refused */
    ASTM_NOTICE_INTERRUPTED, /* the receiver asked us to stop, or we asked */
    ASTM_NOTICE_NO_MEMORY,   /* a message refused for want of memory */
    ASTM_NOTICES,
};

const char *astm_notice_name(enum astm_notice notice);

/* Something on the wire, for those who watch it. */
struct astm_wire {
    const char *event;              /* ENQ ACK NAK EOT frame cut noise */
    bool sent;                      /* by us */
    uint64_t offset;                /* in the bytes received; for those sent, 0 */
    const struct astm_frame *frame; /* of "frame", else NULL */
    size_t len;                     /* of "noise" and "cut" */
};

/* Who watches: any of these may be NULL. acknowledged: our acknowledgement of the messages with these tickets went out;
 * and again, proven, when it is known to have arrived, for the sender went on within 10 s of it. A message that comes
 * again without that is a repeat. EOT so late that the sender may have waited in vain proves nothing. text is a line
 * for people; it shows no text of a record. */
struct astm_observer {
    void (*wire)(void *context, const struct astm_wire *wire);
    void (*notice)(void *context, enum astm_notice notice, const char *text);
    void (*acknowledged)(void *context, uint64_t first, uint64_t last, bool proven);
    void *context;
};

enum astm_outcome {
    ASTM_SENT,        /* its last frame was acknowledged */
    ASTM_NO_REPLY,    /* no answer in time; the next bid waits as long again, lest a late answer be taken for its own */
    ASTM_REFUSED,     /* one frame refused six times */
    ASTM_INTERRUPTED, /* the receiver wants to send; send it again, the machine keeps the line free meanwhile */
    ASTM_YIELDED,     /* ENQ in the transfer phase; send it again */
    ASTM_UNSENT,      /* the connection was lost, or memory is exhausted */
};

const char *astm_outcome_name(enum astm_outcome outcome);

enum astm_event_kind { ASTM_EVENT_NONE, ASTM_EVENT_MESSAGE, ASTM_EVENT_DONE };

struct astm_event {
    enum astm_event_kind kind;
    /* MESSAGE: valid until it is answered, and not beyond the next call of the machine. owed: its frames have been
     * acknowledged already, or it has none: nobody will send it again. The caller keeps it, answers VERDICT_ACCEPT at
     * once for having done so, hands it over until that succeeds and then calls astm_link_settle; it counts what it
     * keeps in allowance. Any other answer means that it could not be kept; then there is nothing to settle. */
    struct message message;
    uint64_t ticket;
    bool owed;
    /* DONE: what became of the message that was sent, and the number of its frames or of the frame it failed at */
    enum astm_outcome outcome;
    unsigned frame, frames; /* 0 frames: it did not come to that */
};

/* By what a frame is known again. */
struct astm_frame_identity {
    size_t len;
    int number; /* -1: none */
    unsigned char end, digest[16];
};

struct astm_link {
    const struct astm_link_config *config;
    struct astm_observer observer;
    size_t allowance; /* the caller's limit on bytes held now, besides max_message; a message past it is refused */
    struct bytes out; /* bytes to send */
    unsigned char state;
    bool pending; /* event is to be fetched with astm_link_next */
    bool ended;   /* no more bytes will come */
    bool pausing; /* the caller's: push stops wherever it comes to rest, be it before the first byte */
    struct astm_event event;
    int64_t due; /* the state's deadline */

    /* receiving: the session */
    struct astm_framer framer;
    struct astm_assembly assembly;
    int64_t heard;                    /* when the last byte of the session came */
    int64_t began;                    /* when the message's first byte came, less what we owed; 0: none has */
    size_t drip;                      /* bytes since began */
    int expected;                     /* number of the next frame */
    unsigned wrong;                   /* frames in a row with a number that was not expected */
    struct astm_frame_identity last;  /* the last frame accepted */
    int64_t acked;                    /* when our last ACK of a frame went */
    uint64_t unproven_from, unproven; /* the tickets that our last ACK of a message's end was for; 0 none */
    unsigned owed;                    /* messages that must be handed over before ENQ is answered again */
    int nak_number;                   /* of the frame of nak_last; 8: it had none, -1: it had not come so far */
    bool nak_last;                    /* our last answer to a frame was a refusal, or a frame was cut off */
    bool cut_known;                   /* that frame began with H: what the assembly holds is whole, without L */
    bool stopped;                     /* our last answer to a frame was EOT: the sender will stop */

    /* receiving: the frame that is being taken */
    struct astm_frame_identity taking;
    int64_t arrived;   /* when it came; when the last one came again */
    struct bytes rest; /* its text behind the message that waits for its verdict, from rest_at */
    size_t rest_at;
    uint64_t ticket;       /* of the last message offered */
    uint64_t session;      /* the first ticket of the session */
    uint64_t first_ticket; /* of those offered from this frame */
    unsigned char result;  /* enum astm_assembly_result of the message that waits */
    bool headed;           /* it begins with H */
    bool refused, later;   /* a message of it was refused; and that may be mended */
    bool cut_owed;         /* a message without L, whole before this frame, is out of our hands */
    bool hasty;            /* its sender went on without waiting for our answer */

    /* receiving: bytes outside frames */
    unsigned char before; /* the last byte that is no blank; 0: one of the framer's, or none */
    bool lone_h;          /* it is an H that an unframed message may begin with */
    bool skipping;        /* it belongs to an unframed message that was dropped */
    bool blocked;         /* an unframed message has begun behind it, and waits for one that is owed */

    /* sending */
    struct bytes sending; /* the message */
    size_t sent_at, piece;
    unsigned send_number, tries;
    int64_t bid_at; /* when we may bid */
    uint64_t seed;
};

/* A neutral link. config and what it points to stay the caller's and must outlive the link. seed: any number, other for
 * each link. Nothing is allocated before bytes come. */
void astm_link_init(struct astm_link *l, const struct astm_link_config *config, const struct astm_observer *observer,
                    uint64_t seed);

/* Takes bytes up to the next event, and returns how many. What it did not take is offered again, with what came after
 * it, when the machine has been answered, settled, or ticked, or its bytes have been sent: while a verdict is awaited
 * it takes only what tells that the sender has gone on without it, and none while too much waits to be sent. */
size_t astm_link_push(struct astm_link *l, const unsigned char *bytes, size_t n, int64_t now);

/* The event that stopped push. False when there is none. */
bool astm_link_next(struct astm_link *l, struct astm_event *event);

/* What the message of that ticket is worth. Ignored when the machine waits for it no longer: the sender will send it
 * again. VERDICT_WAIT is no answer. An event may follow. */
void astm_link_answer(struct astm_link *l, uint64_t ticket, enum verdict verdict, int64_t now);

/* An owed message that was kept has found its end: handed over, or given up. */
void astm_link_settle(struct astm_link *l, int64_t now);

/* Puts a message, records each ended by CR, up for sending; the text is copied. False when one is being sent already,
 * or memory is exhausted. It ends with a DONE event. */
bool astm_link_send(struct astm_link *l, const unsigned char *text, size_t n, int64_t now);

/* Takes the message that was put up for sending back, without an event. False: there is none, or it is under way. */
bool astm_link_withdraw(struct astm_link *l);

/* Bytes to send, and how many of them went. */
const unsigned char *astm_link_out(const struct astm_link *l, size_t *n);
void astm_link_sent(struct astm_link *l, size_t n, int64_t now);

/* When the machine wants astm_link_tick, ms; INT64_MAX: never. */
int64_t astm_link_deadline(const struct astm_link *l);
void astm_link_tick(struct astm_link *l, int64_t now);

/* The connection is lost, or the peer has sent its last byte. Events that were there before have been fetched; others
 * may follow, also after they are answered and settled. Nothing is pushed after it, nor taken for sending. */
void astm_link_eof(struct astm_link *l, int64_t now);

/* Whether the machine does nothing but wait for somebody to begin. */
bool astm_link_idle(const struct astm_link *l);

/* Whether no message, nor a part of one, is in flight; a session may be open, and a message may be up for sending. */
bool astm_link_quiet(const struct astm_link *l);

/* Whether it is between two frames, or in none, and nothing is to be done before the next bytes: those that are no ASTM
 * would be noise. */
bool astm_link_resting(const struct astm_link *l);

/* Whether it waits for a verdict; what is pushed meanwhile it takes as astm_link_push says. */
bool astm_link_waiting(const struct astm_link *l);

/* Whether the frame that this ticket is of still waits for its answer, on this verdict. */
bool astm_link_awaits(const struct astm_link *l, uint64_t ticket);

/* Whether a framed session is open in which we are the receiver. */
bool astm_link_receiving(const struct astm_link *l);

/* Bytes that the link holds for what it receives and sends. */
size_t astm_link_held(const struct astm_link *l);

/* Releases all storage. */
void astm_link_free(struct astm_link *l);

#endif
