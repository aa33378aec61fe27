/* What a protocol offers to a link: its machine and its views, behind one face. lib/link knows protocols by nothing
 * else; a new one fills in a struct of functions, in a file like protocol_hl7.c. */
#ifndef INSTLINK_PROTOCOL_H
#define INSTLINK_PROTOCOL_H

#include "astm/get.h"
#include "astm/view.h"
#include "base/glimpse.h"
#include "base/log.h"
#include "hl7/view.h"
#include "link/allow.h"
#include "out/encode.h"
#include "out/message.h"

struct protocol;

/* How the link to one instrument, or one kind of instrument, is spoken on. What it points to stays the caller's. */
struct link_config {
    const char *name;                /* the link's name in the output */
    const struct protocol *protocol; /* protocol_auto: what the first bytes say */
    struct astm_link_config astm;
    struct astm_view_config astm_view;
    struct hl7_link_config hl7;
    struct hl7_view_config hl7_view;
    const struct get_paths *get; /* ASTM: --get, with astm_view in VIEW_TEXT; HL7 has it in hl7_view; NULL: none */
    const char *password;        /* ASTM: what H.4 has to be; NULL: anything */
    const char *orders;          /* HL7: the name of the link that takes what follows an answer; NULL: where it came */
    int64_t idle_ms;             /* a connection that says nothing for so long is closed; 0: kept */
    bool deaf;                   /* nothing is received: what comes all the same is refused for now; see astm.deaf */
    bool wire;                   /* wire events go to the hand-over (-o frame) */
    struct allow allow;          /* who may connect */
    bool proxy_protocol;         /* a connection that comes in begins with a PROXY header, and its address counts */
    struct allow proxy_from;     /* with it: who may connect to bring one; empty: the loopback */
    size_t max_per_peer;         /* connections from one address; 0: any number */
    bool replace;                /* a new connection from an address retires those that are there */
    int64_t connect_ms;          /* a dial, the look-up included, takes at most this */
    int64_t retry_min_ms, retry_max_ms;
    double retry_factor;
    uint64_t max_retries; /* in a row; UINT64_MAX: for ever */
};

/* The defaults of the contract. role: who wins a contention, ASTM alone. */
struct link_config link_defaults(const struct protocol *protocol, enum astm_role role);

/* What becomes of a message that was put up for sending. */
enum delivery_result {
    DELIVERY_SENT,
    DELIVERY_LATER,   /* not taken now */
    DELIVERY_NEVER,   /* the other side will never take it */
    DELIVERY_YIELDED, /* the other side went first: to be sent again, and that was no attempt */
};

struct delivery {
    enum delivery_result result;
    const char *outcome;       /* the machine's word for it */
    bool reconnect;            /* an answer may still come, and must not be taken for that to the next message */
    bool uncommitted;          /* HL7: it was accepted without the commit block of MLLP release 2 */
    const char *code;          /* HL7: the acknowledgement code that decided; else empty */
    const unsigned char *text; /* HL7: MSA-3 of that answer, as it came; valid until the machine is called again */
    size_t len;
    struct {
        const unsigned char *p;
        size_t n;
    } answer;               /* HL7: all of that answer, likewise */
    unsigned frame, frames; /* ASTM: the frame that it failed at, or how many there were */
};

/* What a record is to whoever looks for messages in text. */
enum record_role {
    RECORD_INNER,
    RECORD_FIRST,    /* begins a message, and ends the one before */
    RECORD_LAST,     /* ends one */
    RECORD_ENVELOPE, /* of a batch: belongs to no message */
};

enum machine_event_kind { MACHINE_MESSAGE, MACHINE_DELIVERY };

struct machine_event {
    enum machine_event_kind kind;
    /* MESSAGE: valid until it is answered, and not beyond the machine's next call. owed: nobody will send it again; it
     * is answered with VERDICT_ACCEPT once it is kept, and settled when its hand-over has ended. */
    struct message message;
    uint64_t ticket;
    uint64_t session; /* the first ticket of its session */
    bool owed;
    struct delivery delivery;
};

/* Something on the wire: the protocol's own struct. */
struct machine_wire {
    const struct astm_wire *astm;
    const struct hl7_wire *hl7;
};

/* What a machine tells of. */
struct machine_notice {
    const struct protocol *protocol; /* whose number it is */
    unsigned number;                 /* enum astm_notice or hl7_notice; for protocol_auto 0 */
    enum log_level level;
    const char *name, *text;
};

/* Who watches machines. acknowledged: as in astm_observer. */
struct machine_observer {
    void (*wire)(void *context, const struct machine_wire *wire); /* NULL: nobody */
    void (*notice)(void *context, const struct machine_notice *notice);
    void (*acknowledged)(void *context, uint64_t first, uint64_t last, bool proven);
    void (*stamp)(void *context, struct hl7_stamp *stamp);
    void (*follow)(void *context, const unsigned char *text, size_t n); /* as in hl7_observer */
};

/* To whom a machine belongs. */
struct machine_owner {
    const struct machine_observer *observer;
    void *context;         /* of the observer */
    struct spares *spares; /* storage that machines share; NULL: there is none */
};

/* Which protocol the bytes speak, as far as they have been looked at. */
struct machine_signs {
    const struct protocol *other; /* on a link that detects: begins with the next byte */
    const char *sign;             /* what that, or the foreign one, was told by */
    size_t clear;                 /* so many of the next bytes begin no other protocol */
    bool midline;                 /* the byte before was none that ends a line */
    bool noise_told, blanks_told; /* what noise there was has been told */
    bool looking;                 /* on any other link no more once a message has come, or another protocol */
    bool rested;                  /* the last push stopped for having come to rest */
    /* on any other link */
    const struct protocol *foreign; /* another one has begun, and nobody knows of it yet … */
    int64_t due;                    /* … to be told then, if no message comes meanwhile; else INT64_MAX */
    size_t tail_len;                /* the last bytes that were taken, if a sign may begin with them */
    unsigned char tail[3];
};

/* Bytes of which nobody knows what they are. */
struct machine_noise {
    uint64_t offset; /* of the next byte */
    size_t len;
    bool blank; /* they say nothing */
    unsigned char head[GLIMPSE];
    int64_t heard; /* when the last of them came */
};

/* A machine of either protocol, or of none as long as nobody knows which. It must not be moved. */
struct machine {
    const struct protocol *protocol;
    const struct link_config *config;
    uint64_t seed;
    struct machine_owner owner;
    struct machine_signs signs;
    union {
        struct astm_link astm;
        struct hl7_link hl7;
        struct machine_noise noise;
    };
};

/* The views of all protocols; zero-initialised is valid. */
struct views {
    struct astm_view_config astm_line; /* where a view is to be a line all the same */
    struct hl7_view_config hl7_line;
    struct astm_view astm;
    struct astm_get get;
    struct hl7_view hl7;
};

/* A machine's functions are those of astm/link.h and hl7/link.h; here is what differs. */
struct protocol {
    const char *name;
    /* Each message has an answer of its own, at once: also what comes too late can still be refused. Else the sender
     * finds out by itself. */
    bool answers_each;
    /* The machine tells when its acknowledgements went out and arrived; only until then is a message a repeat. */
    bool tells_acknowledged;
    int farewell; /* a byte after which nothing more is to be expected, or -1 */

    void (*init)(struct machine *m);
    size_t (*push)(struct machine *m, const unsigned char *bytes, size_t n, int64_t now);
    bool (*next)(struct machine *m, struct machine_event *event);
    /* reply may be NULL. Where each message has an answer of its own, what it says is part of it. */
    void (*answer)(struct machine *m, uint64_t ticket, enum verdict verdict, const struct reply *reply, int64_t now);
    /* Whether the sender still waits for the answer to that ticket: it was not refused meanwhile, nor has it given up.
     * NULL: always. */
    bool (*awaits)(const struct machine *m, uint64_t ticket);
    void (*settle)(struct machine *m, int64_t now);
    /* A message that waits for its verdict is refused now. */
    void (*refuse)(struct machine *m, int64_t now);
    bool (*send)(struct machine *m, const unsigned char *text, size_t n, int64_t now);
    /* Whether a late answer to the message before could be taken for that to this one. NULL: never. */
    bool (*confusable)(const struct machine *m, const unsigned char *text, size_t n);
    /* Takes back what was put up for sending, where that may wait for longer than anybody wants. False: there is
     * nothing, or it is under way. NULL: it is on its way at once. */
    bool (*withdraw)(struct machine *m);
    /* Why such a text, records each ended by CR, can never be sent; NULL: it can. */
    const char *(*unsendable)(const unsigned char *text, size_t n);
    const unsigned char *(*out)(const struct machine *m, size_t *n);
    void (*sent)(struct machine *m, size_t n, int64_t now);
    int64_t (*deadline)(const struct machine *m);
    void (*tick)(struct machine *m, int64_t now);
    void (*eof)(struct machine *m, int64_t now);
    /* Nobody has begun anything; no message is in flight. */
    bool (*idle)(const struct machine *m);
    bool (*quiet)(const struct machine *m);
    /* It is in the middle of nothing that other bytes could be part of: those of another protocol would be noise. push
     * stops wherever it becomes so, be it before the first byte. */
    bool (*resting)(const struct machine *m);
    bool (*waiting)(const struct machine *m);
    /* It waits for the verdict on a message that has no acknowledgement: nothing more is read before it. */
    bool (*mute)(const struct machine *m);
    /* A message is owed: what is not taken meanwhile is when that is settled. */
    bool (*indebted)(const struct machine *m);
    size_t (*held)(const struct machine *m);
    void (*free)(struct machine *m);
    /* What the machine cannot know: how many bytes more it may hold; and that so many messages more (or less) are owed
     * that came over other connections. */
    void (*inform)(struct machine *m, size_t room, int debts);

    /* A record of text, not empty and without its end; and the control id of a message, records each ended by CR: *len
     * bytes of it, 0 where it has none. */
    enum record_role (*role)(const unsigned char *record, size_t n);
    void (*control_id)(const unsigned char *text, size_t n, const unsigned char **id, size_t *len);
    /* As astm_encode and hl7_encode. */
    enum encode_result (*encode)(struct encoder *e, unsigned char *line, size_t n, size_t max, struct bytes *text);
    /* Why the link refuses such a message for good, for people; NULL: it does not. */
    const char *(*refusal)(const struct link_config *config, const struct message *message);
    /* By what the message is known when it comes again. False: it is never a repeat. *query: it is one only until it is
     * acknowledged. */
    bool (*key)(const struct message *message, unsigned char key[16], bool *query);
    /* Whether a query takes back the one before. NULL: none does. */
    bool (*cancels)(const struct message *message);
    /* line: one `message` line, whatever the configuration says of the output. */
    bool (*view_begin)(struct views *v, const struct link_config *config, bool line, const struct message *message,
                       const struct envelope *envelope);
    enum view_progress (*view_more)(struct views *v, struct bytes *out);
    bool (*wire_line)(struct bytes *out, const struct machine_wire *wire, const struct envelope *envelope);
    /* The wire event for people: `< frame 1 ETX, 60 bytes`. */
    void (*wire_text)(const struct machine_wire *wire, char *out, size_t n);
};

extern const struct protocol protocol_astm, protocol_hl7, protocol_auto;

/* Begins the machine of the configured protocol. owner: what it points to must outlive the machine. */
void machine_init(struct machine *m, const struct link_config *config, const struct machine_owner *owner,
                  uint64_t seed);

/* Looks at bytes that come while the machine rests. Returns how many of them it may have now; the others are to be
 * offered again, with what follows them. 0 on a link that detects: they may be the beginning of another protocol, or
 * are, and then machine_changes says so. On any other link that is told of, once; but not where a message comes before
 * it, or soon after. */
size_t machine_look(struct machine *m, const unsigned char *bytes, size_t n, int64_t now);

/* Whether the machine is to become one of another protocol: when what it has to send has gone, it is told that no more
 * comes, and its last events are taken; then comes machine_change. */
bool machine_changes(const struct machine *m);
void machine_change(struct machine *m);

/* The protocol's push, next, deadline, tick and eof, and what detection has to know of it. */
size_t machine_push(struct machine *m, const unsigned char *bytes, size_t n, int64_t now);
bool machine_next(struct machine *m, struct machine_event *event);
int64_t machine_deadline(const struct machine *m);
void machine_tick(struct machine *m, int64_t now);
void machine_eof(struct machine *m, int64_t now);

/* Whether the text holds a character that only the link itself may send: STX, ETX, EOT, ENQ, VT, ETB or FS. Says which
 * one; NULL: it does not. */
const char *protocol_restricted(const unsigned char *text, size_t n);

void views_free(struct views *v);

#endif
