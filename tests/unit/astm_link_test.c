#include "script.h"

/* The configurations that the scripts name. */
enum setup { HOST, INSTRUMENT, SMALL, ANY, AUTO, NOTERM, INTERRUPT, QUICK, IMPATIENT, DEAF, DEAF_INSTRUMENT, SETUPS };

struct test {
    enum setup setup;
    const char *name, *script;
};

static struct astm_link_config configs[SETUPS];

static void configure(void)
{
    for (int i = 0; i < SETUPS; i++)
        configs[i] = astm_link_defaults(i == INSTRUMENT || i == DEAF_INSTRUMENT ? ASTM_INSTRUMENT : ASTM_HOST);
    configs[SMALL].max_message = 40;
    configs[ANY].any_frame_number = true;
    configs[AUTO].checksum = ASTM_CHECKSUM_AUTO;
    configs[NOTERM].checksum = ASTM_CHECKSUM_NOTERM;
    configs[INTERRUPT].interrupt = true;
    configs[QUICK].message_ms = 5000;
    configs[IMPATIENT].reply_ms = 1000;
    configs[DEAF].deaf = configs[DEAF_INSTRUMENT].deaf = true;
}

static void run(const struct test *tests, size_t n)
{
    for (size_t i = 0; i < n; i++)
        plays(&configs[tests[i].setup], tests[i].name, tests[i].script);
}

#define RUN(tests) run(tests, sizeof(tests) / sizeof *(tests))

/* Beginnings that many scripts share. */
#define OPEN "> ENQ < ACK "                              /* a session */
#define ONE OPEN "> 1[H|\\^&/] < ACK "                   /* and H accepted */
#define ASKED ONE "> 2[L|1/] ?H|\\^&/L|1/ waiting "      /* and a verdict awaited */
#define OWED OPEN "> 1[H|\\^&/] < ACK > EOT ?-+H|\\^&/ " /* a message without L, not handed over yet */
#define CUT ONE "> 2[H|\\^&|2/] ?-+H|\\^&/ < ACK "       /* a message without L is owed, the next is open */
#define BID "send:H|\\^&/L|1/ @0 < ENQ "                 /* we have bid */
#define SENT1 BID "> ACK < 1[H|\\^&/] "                  /* and sent a frame */
#define SENT2 SENT1 "> ACK < 2[L|1/] "                   /* and the last one */

/* Every row of the table, by state. */
static const struct test rows[] = {
    {HOST, "neutral, ENQ: ACK", "idle > ENQ < ACK receiving busy > EOT idle"},
    {HOST, "neutral, ENQ with a message overdue: NAK", OWED "> ENQ < NAK told:busy busy settle > ENQ < ACK > EOT idle"},
    {HOST, "neutral, a good frame 1 with H: a session without ENQ, noted",
     "> 1[H|\\^&/] < ACK told:no-enq receiving > 2[L|1/] ?H|\\^&/L|1/ noted:no-enq =accept < ACK > EOT idle"},
    {HOST, "neutral, any other frame: ignored",
     "> 2[H|\\^&/] 1[P|1/] 1[H|\\^&/]! 1[HELLO/] 3[L|1/] told:stray-frame idle untold:bad-checksum"},
    {HOST, "neutral, H and a delimiter outside frames: records without frames", "> 'H|\\^&/' @1 busy"},
    {HOST, "neutral, something to send: ENQ", "send:H|\\^&/L|1/ in:0 @0 < ENQ"},
    {HOST, "neutral, a frame that does not end: forgotten after 30 s",
     "> STX '1H|' busy in:30000 @29999 busy @1 told:no-reply idle"},
    {HOST, "neutral, the connection lost with something to send: unsent",
     "send:H|\\^&/ eof done:connection-lost frames:0 idle send-no:H|/"},

    {HOST, "bidding, ACK: the first frame", BID "> ACK < 1[H|\\^&/]"},
    {HOST, "bidding, NAK: the next bid after 10 s", BID "> NAK told:busy in:10000 @9999 @1 < ENQ"},
    {HOST, "bidding, ENQ: contention, and no answer", BID "> ENQ told:contention busy"},
    {HOST, "bidding, no answer for 15 s: EOT",
     BID "in:15000 @14999 @1 < EOT done:no-reply frames:0 told:no-reply idle"},
    {HOST, "bidding, the connection lost: unsent", BID "eof done:connection-lost frames:0 idle"},
    {HOST, "bidding for a second message: no frame of the first is reported for it",
     SENT2 "> ACK < EOT done:sent frames:2 " BID "@15000 < EOT done:no-reply frames:0 idle"},
    {HOST, "nor where the connection is lost", SENT2 "> ACK < EOT done:sent " BID "eof done:connection-lost frames:0"},

    {HOST, "sending, ACK: the next frame", SENT1 "> ACK < 2[L|1/]"},
    {HOST, "sending, ACK of the last frame: EOT, and sent", SENT2 "> ACK < EOT done:sent frames:2 idle"},
    {HOST, "sending, NAK: the same frame, not the next", SENT1 "> NAK < 1[H|\\^&/] told:refused > ACK < 2[L|1/]"},
    {HOST, "sending, six NAKs of one frame: EOT, and refused",
     SENT1 "> ACK < 2[L|1/] > NAK < 2[L|1/] > NAK < 2[L|1/] > NAK < 2[L|1/] > NAK < 2[L|1/] > NAK < 2[L|1/] "
           "> NAK < EOT done:refused frames:2 idle"},
    {HOST, "sending, EOT: we stop, and leave the line free for 15 s",
     SENT1 "> EOT < EOT done:interrupted told:interrupted idle send:H|\\^&/L|1/ in:15000 @14999 @1 < ENQ"},
    {HOST, "sending, ENQ: the session is over, and we yield",
     SENT1 "> ENQ done:yielded told:contention idle > ENQ < ACK"},
    {HOST, "sending, no answer for 15 s: EOT",
     SENT1 "in:15000 @14999 @1 < EOT done:no-reply frames:1 told:no-reply idle"},
    {HOST, "sending, the connection lost: unsent", SENT1 "eof done:connection-lost frames:1 idle"},

    {HOST, "receiving, ENQ: what is incomplete is dropped, told, and ACK",
     ONE "> ENQ < ACK told:dropped > 1[H|\\^&|2/] 2[L|1/] < ACK ?H|\\^&|2/L|1/ =accept < ACK"},
    {HOST, "receiving, ENQ with a message overdue: NAK", CUT "> ENQ < NAK told:busy told:dropped busy settle idle"},
    {HOST, "receiving, EOT: neutral, and no answer", ONE "> EOT ?-+H|\\^&/ settle idle"},
    {HOST, "receiving, the next frame: taken and acknowledged", ONE "> 2[P|1/] < ACK receiving"},
    {HOST, "receiving, a frame that ends a message: no answer before the verdict", ASKED "@11999 waiting"},
    {HOST, "receiving, a frame that memory is lacking for: no answer for 2 s",
     ONE "allow:3 > 2[P|1/] waiting told:no-memory"},
    {HOST, "receiving, a repeat: ACK, and not stored",
     ONE "> 1[H|\\^&/] < ACK told:repeat > 2[L|1/] ?H|\\^&/L|1/ =accept < ACK"},
    {HOST, "receiving, a frame out of turn: NAK", ONE "> 3[P|1/] < NAK told:wrong-number receiving"},
    {HOST, "receiving, a damaged frame: NAK", ONE "> 2[P|1/]! < NAK told:bad-checksum receiving"},
    {SMALL, "receiving, a message past --max-message: NAK, and refused until the sender begins again",
     ONE "> 2[C|1|I|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/] < NAK told:spoiled told:dropped > 2[L|1/] < NAK"},
    {HOST, "receiving, silence for 30 s: what is incomplete is dropped",
     ONE "in:30000 @29999 receiving @1 told:no-reply told:dropped idle"},
    {HOST, "receiving, the connection lost: what is incomplete is dropped", ONE "eof told:dropped idle"},

    {HOST, "a verdict awaited, handed over: ACK", ASKED "=accept < ACK receiving acked:1-1"},
    {HOST, "a verdict awaited, not handed over and never will be: NAK at once",
     ASKED "=never < NAK receiving told:not-handed-over"},
    {HOST, "a verdict awaited, not handed over for now: NAK after 2 s",
     ASKED "=later waiting in:2000 @1999 @1 < NAK receiving"},
    {HOST, "a verdict awaited for 12 s: NAK", ASKED "in:12000 @11999 waiting @1 < NAK receiving told:not-handed-over"},
    {HOST, "a verdict awaited, ENQ: the sender has started over",
     ASKED "@1 > ENQ < ACK told:not-handed-over receiving =accept > 1[H|\\^&/] < ACK"},
    {HOST, "a verdict awaited, ENQ with a message overdue: NAK",
     CUT "> 3[L|1/] ?H|\\^&|2/L|1/ waiting > ENQ < NAK told:busy busy =accept settle idle"},
    {HOST, "a verdict awaited, EOT after a while: the sender has given up, and gets no answer",
     ASKED "@1000 > EOT told:not-handed-over idle =accept"},
    {HOST, "a verdict awaited, EOT and ENQ with something of another protocol between them: nothing is skipped",
     ASKED "> EOT '%0BMSH|' ENQ left:7 waiting =accept < ACK acked:1-1 ACK told:noise receiving"},
    {HOST, "a verdict awaited, the connection lost: no answer",
     ASKED "eof told:not-handed-over untold:dropped idle =accept"},

    {HOST, "a refusal held back, 2 s after the frame: NAK", ASKED "@500 =later in:1500 @1499 @1 < NAK receiving"},
    {HOST, "a refusal held back, ENQ: the sender has started over",
     ASKED "=later > ENQ < ACK told:not-handed-over receiving"},
    {HOST, "a refusal held back, ENQ with a message overdue: NAK",
     CUT "> 3[L|1/] ?H|\\^&|2/L|1/ =later > ENQ < NAK told:busy busy settle idle"},
    {HOST, "a refusal held back, EOT after a while: the sender has given up",
     ASKED "=later @1500 > EOT told:not-handed-over idle"},
    {HOST, "a refusal held back, the connection lost: no answer", ASKED "=later eof told:not-handed-over idle"},

    {HOST, "a spoiled message, a good frame: NAK",
     ONE "> 3[P|1/] < NAK > 4[O|1/] < NAK told:spoiled told:dropped > 2[L|1/] < NAK > 1[H|\\^&/] < NAK"},
    {HOST, "a spoiled message, a damaged frame: NAK",
     ONE "> 3[P|1/] < NAK > 4[O|1/] < NAK > 2[L|1/]! < NAK told:bad-checksum > 2[L|1/] < NAK"},
    {HOST, "a spoiled message, ENQ: a new session", ONE "> 3[P|1/] < NAK > 4[O|1/] < NAK > ENQ < ACK receiving"},
    {HOST, "a spoiled message, ENQ with a message overdue: NAK",
     CUT "> 4[P|1/] < NAK > 5[O|1/] < NAK > ENQ < NAK busy settle idle"},
    {HOST, "a spoiled message, EOT: neutral", ONE "> 3[P|1/] < NAK > 4[O|1/] < NAK > EOT idle > ENQ < ACK"},
    {HOST, "a spoiled message, silence for 30 s: neutral",
     ONE "> 3[P|1/] < NAK > 4[O|1/] < NAK in:30000 @30000 told:no-reply idle"},
    {HOST, "a spoiled message, the connection lost: neutral", ONE "> 3[P|1/] < NAK > 4[O|1/] < NAK eof idle"},

    {HOST, "records without frames, more of them: taken", "> 'H|\\^&/' @1 > 'P|1/L|1/' ?+.H|\\^&/P|1/L|1/ settle idle"},
    {HOST, "records without frames, a control byte: the message ends",
     "> 'H|\\^&/P|1' EOT ?-+.H|\\^&/P|1/ settle idle"},
    {HOST, "records without frames, silence for 2 s: the message ends",
     "> 'H|\\^&/P|1' in:2000 @1999 busy @1 ?-+.H|\\^&/P|1/ settle idle"},
    {HOST, "records without frames, the connection lost: the message ends",
     "> 'H|\\^&/P|1' eof ?-+.H|\\^&/P|1/ waiting settle idle"},
    {SMALL, "records without frames, past --max-message: dropped, and told",
     "> 'H|\\^&/C|1|I|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' told:spoiled told:lost idle"},
    {HOST, "records without frames, one handed over: neutral", "> 'H|\\^&/L|1/' ?+.H|\\^&/L|1/ waiting settle idle"},
    {HOST, "records without frames, one offered: nothing is read until it is handed over",
     "> 'H|\\^&/L|1/' ENQ ?+.H|\\^&/L|1/ waiting left:1 in:never @100000 settle < ACK"},
};

static const struct test timers[] = {
    {HOST, "an answer is awaited for 15 s from when the frame has gone",
     "send:H|\\^&/L|1/ @0 < ENQ block > ACK @5000 unblock < 1[H|\\^&/] in:15000 @15000 < EOT done:no-reply"},
    {HOST, "and from when ENQ has gone",
     "block send:H|\\^&/ @0 @5000 unblock < ENQ in:15000 @15000 < EOT done:no-reply"},
    {HOST, "after no answer the line rests as long again, lest a late one be taken for that to the next ENQ",
     BID "@15000 < EOT done:no-reply send:H|\\^&/ in:15000 > ACK @14999 > ACK @1 < ENQ"},
    {HOST, "the 30 s of silence begin with the last frame",
     ONE "@20000 > 2[P|1/] < ACK in:30000 @30000 told:dropped idle"},
    {HOST, "or with the last byte of one that is open",
     ONE "@20000 > STX '2P|' in:30000 @29999 receiving @1 told:dropped idle"},
    {HOST, "noise outside frames does not prolong them", ONE "@20000 > 'noise' in:10000 @10000 told:dropped idle"},
    {HOST, "nor do they run while we owe an answer", ASKED "@11000 =accept < ACK in:30000"},
    {HOST, "nor while a refusal is held back", ASKED "=later @2000 < NAK in:30000"},
    {QUICK, "a message takes as long as --message-timeout, from its first byte",
     OPEN "> STX in:5000 @2000 > '1' in:3000 @3000 told:spoiled > 'H|\\^&/' ETX 'E5' CR LF < NAK"},
    {QUICK, "and past it is refused until the sender begins again",
     ONE "in:5000 @5000 told:spoiled told:dropped > 2[L|1/] < NAK > EOT > ENQ < ACK > 1[H|\\^&/] 2[L|1/] < ACK "
         "?H|\\^&/L|1/"},
    {QUICK, "time in which we owed an answer is not counted",
     OPEN "> 1[H|\\^&/L|1/H|\\^&|2/] ?H|\\^&/L|1/ @4000 =accept < ACK @4999 > 2[L|1/] ?H|\\^&|2/L|1/ =accept < ACK"},
    {QUICK, "nor in which a refusal was held back",
     OPEN "> 1[H|\\^&/] < ACK @1000 allow:3 > 2[P|1/] @2000 < NAK in:4000 allow:1000 > 2[P|1/] < ACK in:4000"},
    {QUICK, "a message is timed by itself, not with those before it",
     OPEN "> 1[H|\\^&/] < ACK @3000 > 2[L|1/] ?H|\\^&/L|1/ =accept < ACK @3000 > 3[H|\\^&/] < ACK in:5000"},
    {QUICK, "also where it begins in the frame that ends the one before",
     OPEN
     "> 1[H|\\^&/] < ACK @3000 > 2[L|1/H|\\^&|2/] ?H|\\^&/L|1/ =accept < ACK @3000 > 3[P|1/] < ACK untold:spoiled"},
    {QUICK, "a frame that came long ago does not time a message without frames",
     "> 2[P|1/] told:stray-frame @60000 > 'H|\\^&/' @1000 > 'L|1/' ?+.H|\\^&/L|1/ settle untold:spoiled"},
    {QUICK, "a message without frames has that time too, however steadily it comes",
     "> 'H|\\^&/' @1900 > 'P|' @1900 > '1' @1199 untold:lost @1 told:spoiled told:lost idle"},
    {INSTRUMENT, "after a contention the instrument bids again after 1 to 2 s", BID "> ENQ @999 @1001 < ENQ"},
    {HOST, "and the host after 20 s", BID "> ENQ in:20000 @19999 @1 < ENQ"},
    {HOST, "which run on while it receives", BID "> ENQ @1500 > ENQ < ACK @500 > EOT in:18000 @18000 < ENQ"},
    {HOST, "but it bids no sooner than the line is free", BID "> ENQ @1500 > ENQ < ACK @20000 > EOT @0 < ENQ"},
    {HOST, "CR LF may be 200 ms late", ONE "> 2[P|1/]~ in:200 @199 @1 < ACK > CR LF receiving"},
    {HOST, "also after a session without ENQ", "> 1[H|\\^&/]~ @200 < ACK > 2[L|1/]~ @200 ?H|\\^&/L|1/ =accept < ACK"},
    {IMPATIENT, "a short reply time leaves half of it for the verdict", ASKED "in:500 @499 waiting @1 < NAK"},
    {IMPATIENT, "a refusal is never held back for longer than that", ASKED "=later in:500 @500 < NAK"},
    {HOST, "several messages in a frame share the 12 s",
     OPEN "> 1[H|\\^&/L|1/H|\\^&/L|2/] ?H|\\^&/L|1/ @7000 =accept ?H|\\^&/L|2/ in:5000 @5000 < NAK"},
};

static const struct test ruling_1[] = {
    {HOST, "a message without L is handed over at EOT, 10 s after our ACK at most",
     ONE "@10000 > EOT ?-+H|\\^&/ busy settle idle"},
    {HOST, "and dropped when EOT comes later", ONE "@10001 > EOT told:dropped idle"},
    {HOST, "and handed over when the next H follows it", CUT "> 3[L|1/] ?H|\\^&|2/L|1/ =accept < ACK settle"},
    {HOST, "also when that H comes after a long time", ONE "@20000 > 2[H|\\^&|2/] ?-+H|\\^&/ < ACK settle"},
    {HOST, "also within one frame, and then it is not owed yet",
     OPEN "> 1[H|\\^&/P|1/H|\\^&|2/L|1/] ?-H|\\^&/P|1/ =accept ?H|\\^&|2/L|1/ =accept < ACK acked:1-2"},
    {HOST, "after our NAK it is dropped at EOT", ONE "> 2[P|1/]! < NAK > EOT told:dropped idle"},
    {HOST, "but not when the refused frame came again and was accepted",
     ONE "> 2[P|1/]! < NAK > 2[P|1/] < ACK > EOT ?-+H|\\^&/P|1/ settle"},
    {HOST, "or was a repeat", ONE "> 3[P|1/] < NAK > 1[H|\\^&/] < ACK > EOT ?-+H|\\^&/ settle"},
    {HOST, "after an ETB frame it is dropped at EOT", OPEN "> 1{H|\\^&/} < ACK > EOT told:dropped idle"},
    {HOST, "after a frame that was cut off it is dropped at EOT",
     ONE "> STX '2P|' EOT told:cut-frame told:dropped idle"},
    {HOST, "or that was only begun", ONE "> STX EOT told:cut-frame told:dropped idle"},
    {HOST, "or when its sender may have waited in vain for an ACK that was late",
     ONE "> 2[L|1/H|\\^&/] ?H|\\^&/L|1/ @11900 =accept < ACK @1600 > EOT told:dropped idle"},
    {HOST, "after 30 s of silence it is dropped", ONE "@30000 told:dropped idle"},
    {HOST, "at a new ENQ it is dropped", ONE "> ENQ < ACK told:dropped"},
    {HOST, "when the connection is lost it is dropped", ONE "eof told:dropped idle"},
    {HOST, "as long as it is not handed over ENQ is answered NAK, again and again",
     OWED "> ENQ < NAK @10000 > ENQ < NAK @10000 settle > ENQ < ACK"},
    {HOST, "and no session begins without ENQ either",
     OWED "> 1[H|\\^&/] told:stray-frame busy settle > 1[H|\\^&/] < ACK"},
    {HOST, "nor records without frames", OWED "> 'H|\\^&/L|1/' busy settle ?+.H|\\^&/L|1/ settle idle"},
    {HOST, "nor do we bid", OWED "send:H|\\^&/ in:never settle in:0 @0 < ENQ"},
    {HOST, "but the session goes on in which the next H came",
     CUT "> 3[L|1/] ?H|\\^&|2/L|1/ =accept < ACK > 4[H|\\^&/] < ACK settle"},
    {HOST, "several may be owed",
     CUT "> 3[H|\\^&|3/] ?-+H|\\^&|2/ < ACK > EOT ?-+H|\\^&|3/ settle settle > ENQ < NAK settle > ENQ < ACK"},
    {HOST, "but where two are, further frames wait, and are refused for now",
     CUT "> 3[H|\\^&|3/] ?-+H|\\^&|2/ < ACK > 4[H|\\^&|4/] @2000 < NAK settle > 4[H|\\^&|4/] ?-+H|\\^&|3/ < ACK"},
    {HOST, "and the last message is not lost over that",
     CUT "> 3[H|\\^&|3/] ?-+H|\\^&|2/ < ACK > 4[H|\\^&|4/] @2000 < NAK > EOT ?-+H|\\^&|3/ settle settle settle idle"},
    {HOST, "the frame with the next H is refused: the message before it is not offered again",
     ONE "> 2[H|\\^&|2/L|1/] ?-+H|\\^&/ ?H|\\^&|2/L|1/ =never < NAK > 2[H|\\^&|2/L|1/] ?H|\\^&|2/L|1/ =accept < ACK "
         "settle"},
    {HOST, "likewise where that H is spread over two frames",
     ONE "> 2{H|\\^} < ACK > 3[&|2/L|1/] ?-+H|\\^&/ ?H|\\^&|2/L|1/ =never < NAK > 3[&|2/L|1/] ?H|\\^&|2/L|1/ =accept < "
         "ACK settle"},
    {HOST,
     "a message without L that could not be kept has the frame with the next H refused, and is offered again with it",
     ONE "unkept > 2[H|\\^&|2/] ?-+H|\\^&/ waiting @2000 < NAK > 2[H|\\^&|2/] ?-+H|\\^&/ @2000 < NAK > ENQ < ACK "
         "told:dropped"},
    {HOST, "one that could not be kept at EOT is told of loudly",
     ONE "unkept > EOT ?-+H|\\^&/ told:lost idle > ENQ < ACK"},
    {HOST, "an H that we had no memory for proves the message before it whole, whenever EOT comes",
     ONE "allow:3 > 2[H|\\^&|2/] @2000 < NAK > 2[H|\\^&|2/] @2000 < NAK @9000 > EOT ?-+H|\\^&/ settle"},
    {HOST, "a damaged H does not", ONE "> 2[H|\\^&|2/]! < NAK > EOT told:dropped idle"},
};

static const struct test ruling_2[] = {
    {HOST, "a verdict that comes too late is none",
     ASKED "@12000 < NAK =accept receiving > 2[L|1/] ?H|\\^&/L|1/ =accept < ACK"},
    {HOST, "nor is one for another ticket", ASKED "@12000 < NAK > 2[L|1/] ?H|\\^&/L|1/ =accept < ACK =later receiving"},
    {HOST, "the same frame again while its verdict is awaited gets no answer of its own",
     ASKED "@5000 > 2[L|1/] waiting left:0 told:repeat @1000 > 2[L|1/] =accept < ACK receiving > EOT idle"},
    {HOST, "nor while a refusal is held back", ASKED "=later @1000 > 2[L|1/] left:0 @1000 < NAK receiving"},
    {HOST, "not even when it is damaged", ASKED "@5000 > 2[L|1/]! left:0 =accept < ACK receiving"},
    {HOST, "EOT behind it still tells that the sender has given up",
     ASKED "@5000 > 2[L|1/] EOT told:not-handed-over idle =accept"},
    {HOST, "EOT at once is from a sender that does not wait: it is taken in its turn",
     ASKED "@999 > EOT waiting left:1 @5000 =accept < ACK idle acked:1-1 proven:1-1"},
    {HOST, "also together with the frame", ONE "> 2[L|1/] EOT ?H|\\^&/L|1/ @11000 =accept < ACK idle"},
    {HOST, "a sender that sends EOT and ENQ has started over",
     ASKED "> EOT ENQ < ACK told:not-handed-over receiving =accept"},
    {HOST, "noise before ENQ does not hide it", ASKED "> NUL CR LF 'x' ACK NAK ENQ < ACK receiving left:0"},
    {HOST, "nor does a frame that ENQ cuts off", ASKED "> STX '2L|1' ENQ < ACK receiving left:0"},
    {HOST, "other frames come from a sender that does not wait: all in its turn, ENQ too",
     ASKED "> 3[H|\\^&|2/] 4[P|1/] ENQ waiting @3000 =accept < ACK ACK ACK ACK told:dropped receiving"},
    {HOST, "and EOT too", ASKED "@2000 > 3[H|\\^&|2/] EOT @1 =accept < ACK ACK ?-+H|\\^&|2/ settle idle"},
    {HOST, "a frame that is not all there waits",
     ASKED "> STX '3H|' left:4 =accept < ACK left:0 > '\\^&/' ETX 'E7' CR LF < ACK"},
};

static const struct test ruling_3[] = {
    {HOST, "a refusal takes the text back",
     ASKED "=never < NAK > 2[R|1/] < ACK > 3[L|1/] ?H|\\^&/R|1/L|1/ =accept < ACK"},
    {HOST, "and the expected number",
     ASKED "=never < NAK > 3[L|1/] < NAK told:wrong-number > 2[L|1/] ?H|\\^&/L|1/ =accept < ACK"},
    {HOST, "and the last accepted frame",
     ASKED "=never < NAK > 1[H|\\^&/] < ACK told:repeat > 2[L|1/] ?H|\\^&/L|1/ =accept < ACK"},
    {HOST, "and the notes",
     OPEN "> 1[H|\\^&/$] < ACK > 2[P|1$L|1/] ?H|\\^&/P|1/L|1/ noted:lf =never < NAK > 2[L|1/] ?H|\\^&/L|1/ notes:1 "
          "=accept < ACK"},
    {HOST, "and what is remembered of CR",
     OPEN "> 1{H|\\^&/} < ACK > 2[$L|1$] ?H|\\^&/L|1/ notes:2 =never < NAK > 2[$L|1$] ?H|\\^&/L|1/ noted:crlf =accept "
          "< ACK"},
    {HOST, "its retransmission is no repeat", ASKED "=never < NAK > 2[L|1/] untold:repeat ?H|\\^&/L|1/ =never < NAK"},
    {HOST, "one refused of several messages in a frame: NAK, and all are offered again",
     OPEN "> 1[H|\\^&/L|1/H|\\^&/L|2/] ?H|\\^&/L|1/ =accept ?H|\\^&/L|2/ =never < NAK "
          "> 1[H|\\^&/L|1/H|\\^&/L|2/] ?H|\\^&/L|1/ =accept ?H|\\^&/L|2/ =accept < ACK acked:3-4"},
    {HOST, "also when it is the first of them",
     OPEN "> 1[H|\\^&/L|1/H|\\^&/L|2/H|\\^&/L|3/] ?H|\\^&/L|1/ =later ?H|\\^&/L|2/ =accept ?H|\\^&/L|3/ =accept "
          "in:2000 @2000 < NAK"},
    {HOST, "never weighs less than later: the refusal is held back",
     OPEN "> 1[H|\\^&/L|1/H|\\^&/L|2/] ?H|\\^&/L|1/ =never ?H|\\^&/L|2/ =later @1999 @1 < NAK"},
    {HOST, "a message that goes on from an earlier frame comes back as it was",
     ONE "> 2[L|1/H|\\^&/P|1/] ?H|\\^&/L|1/ =never < NAK > 2[L|2/] ?H|\\^&/L|2/ =accept < ACK"},
    {HOST, "what follows the last message in the frame is kept when it is accepted",
     ONE "> 2[L|1/H|\\^&/P|1/] ?H|\\^&/L|1/ =accept < ACK > 3[L|2/] ?H|\\^&/P|1/L|2/ =accept < ACK"},
    {SMALL, "--max-message passed behind a message that was handed over: the frame is refused",
     OPEN "> 1[H|\\^&/L|1/H|\\^&/C|1|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/] ?H|\\^&/L|1/ =accept < NAK told:spoiled "
          "untold:not-handed-over"},
};

static const struct test ruling_5[] = {
    {HOST, "after an ETX frame its number again with other bytes is the next frame, noted",
     ONE "> 1[P|1/] < ACK told:frame-number > 1[L|1/] ?H|\\^&/P|1/L|1/ noted:frame-number =accept < ACK"},
    {HOST, "and so is 1", ONE "> 2[P|1/] < ACK > 1[L|1/] ?H|\\^&/P|1/L|1/ noted:frame-number =accept < ACK"},
    {HOST, "not after an ETB frame",
     OPEN
     "> 1{H|\\^&} < ACK > 1{/P|1/} < NAK > 2{/P|1/} < ACK > 1[L|1/] < NAK > 3[L|1/] ?H|\\^&/P|1/L|1/ =accept < ACK"},
    {HOST, "the number and text of the last frame with the other ending is no repeat",
     OPEN "> 1{H|\\^&} < ACK > 1[H|\\^&] < NAK"},
    {HOST, "after 7 comes 0",
     ONE "> 2[C|2/] 3[C|3/] 4[C|4/] 5[C|5/] 6[C|6/] 7[C|7/] < ACK ACK ACK ACK ACK ACK > 0[C|0/] < ACK > 1[L|1/] "
         "?H|\\^&/C|2/C|3/C|4/C|5/C|6/C|7/C|0/L|1/ notes:0 =accept < ACK"},
    {HOST, "two frames in a row out of turn: refused until EOT",
     ONE "> 3[C|3/] < NAK > 4[C|4/] < NAK told:spoiled > 5[C|5/] 6[C|6/] 7[C|7/] 0[C|0/] 1[C|1/] 2[L|1/] < NAK NAK NAK "
         "NAK NAK NAK > EOT ENQ < ACK"},
    {HOST, "a damaged frame between them does not part them",
     ONE "> 3[C|3/] < NAK > 4[C|4/]! < NAK > 5[C|5/] < NAK told:spoiled"},
    {HOST, "the right one does",
     ONE "> 3[C|3/] < NAK > 2[C|2/] < ACK > 5[C|5/] < NAK untold:spoiled > 3[L|1/] ?H|\\^&/C|2/L|1/ =accept < ACK"},
    {HOST, "so does a repeat", ONE "> 3[C|3/] < NAK > 1[H|\\^&/] < ACK > 4[C|4/] < NAK untold:spoiled"},
    {HOST, "a sender that ignores our NAK of frame 0 does not get its frame 1 accepted",
     ONE "> 2[C|2/] 3[C|3/] 4[C|4/] 5[C|5/] 6[C|6/] 7[C|7/] < ACK ACK ACK ACK ACK ACK > 0[C|0/]! < NAK > 1[C|1/] < NAK "
         "told:wrong-number > 2[C|2/] < NAK told:spoiled"},
    {HOST, "but one that always counts 1 may send the refused frame again",
     ONE "> 1[P|1/]! < NAK > 1[P|1/] < ACK told:frame-number"},
    {HOST, "also when its number was unreadable, at the second attempt",
     ONE "> 9[P|1/] < NAK told:malformed-frame > 1[P|1/] < NAK > 1[P|1/] < ACK untold:spoiled"},
    {HOST, "a stray STX is no frame that it could have been", ONE "> STX 1[P|1/] < ACK told:cut-frame"},
    {HOST, "a sender that begins the next message after our NAK gives the refused one up: it is dropped, not mixed in",
     ONE "> 2[P|1/]! < NAK > 1[H|\\^&|2/] < ACK told:dropped > 2[L|1/] ?H|\\^&|2/L|1/ =accept < ACK"},
    {HOST, "but where the refused frame was that H, the message before it was whole",
     ONE "> 2[H|\\^&|2/]! < NAK > 2[H|\\^&|2/] ?-+H|\\^&/ < ACK untold:dropped settle"},
    {ANY, "with any number nothing is out of turn, and a repeat is still one",
     OPEN "> 4[H|\\^&/] < ACK told:frame-number > 2[P|1/] < ACK > 2[P|1/] < ACK told:repeat > 5[L|1/] ?H|\\^&/P|1/L|1/ "
          "=accept < ACK"},
    {SMALL, "a message that passes --max-message is refused until EOT, what would fit too",
     ONE "> 2[C|1|I|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/] < NAK > 2[L|1/] < NAK > EOT > ENQ < ACK > 1[H|\\^&/L|1/] "
         "?H|\\^&/L|1/ =accept < ACK"},
    {SMALL, "or until ENQ",
     ONE "> 2[C|1|I|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/] < NAK > ENQ < ACK > 1[H|\\^&/L|1/] ?H|\\^&/L|1/ =accept < ACK"},
    {SMALL, "the limit counts per message, not per connection",
     OPEN "> 1[H|\\^&/C|1|I|AAAAAAAAAAAAAAAAAA/L|1/] ?H|\\^&/C|1|I|AAAAAAAAAAAAAAAAAA/L|1/ =accept < ACK "
          "> 2[H|\\^&/C|1|I|AAAAAAAAAAAAAAAAAA/L|2/] ?H|\\^&/C|1|I|AAAAAAAAAAAAAAAAAA/L|2/ =accept < ACK"},
    {SMALL, "nor per frame",
     OPEN "> 1[H|\\^&/C|1|I|AAAAAAAAA/L|1/H|\\^&/C|1|I|AAAAAAAAA/L|2/] ?H|\\^&/C|1|I|AAAAAAAAA/L|1/ =accept "
          "?H|\\^&/C|1|I|AAAAAAAAA/L|2/ =accept < ACK"},
    {SMALL, "a message may be as long as the limit, its last CR included",
     OPEN "> 1[H|\\^&/C|1|I|AAAAAAAAAAAAAAAAAAAAAAA/L|1] ?H|\\^&/C|1|I|AAAAAAAAAAAAAAAAAAAAAAA/L|1/ =accept < ACK"},
    {SMALL, "and not a byte longer", OPEN "> 1[H|\\^&/C|1|I|AAAAAAAAAAAAAAAAAAAAAAAA/L|1] < NAK told:spoiled"},
    {SMALL, "an H does not count for the message before it, which has no L",
     OPEN "> 1[H|\\^&/C|1|I|AAAAAAAAAAAAAAAAAAAAAAAAA/] < ACK > 2[H|\\^&|2/] "
          "?-+H|\\^&/C|1|I|AAAAAAAAAAAAAAAAAAAAAAAAA/ < ACK settle"},
};

static const struct test rulings_6_7[] = {
    {HOST, "STX inside a frame begins it anew", OPEN "> STX '1H|\\' 1[H|\\^&/] < ACK told:cut-frame"},
    {HOST, "EOT inside a frame acts at once", ONE "> STX '2P|' EOT told:dropped idle"},
    {HOST, "ENQ inside a frame acts at once", ONE "> STX '2P|' ENQ < ACK told:dropped receiving > 1[H|\\^&/] < ACK"},
    {HOST, "ENQ between ETX and the checksum acts at once, and the frame is cut off",
     ONE "> STX '2P|1/' ETX ENQ < ACK told:dropped"},
    {HOST, "EOT too, and no answer follows it", ONE "> STX '2P|1/' ETX '4' EOT told:dropped idle"},
    {HOST, "behind the checksum they belong to what follows the frame",
     ONE "> 2[P|1/]~ EOT < ACK ?-+H|\\^&/P|1/ settle"},
    {HOST, "a frame without CR LF ends where the next begins", OPEN "> 1[H|\\^&/]~ 2[P|1/]~ < ACK @200 < ACK"},
    {HOST, "a frame outside a session is ignored, also when the last session has just ended",
     OPEN "> 1[H|\\^&/L|1/] ?H|\\^&/L|1/ =accept < ACK > EOT 1[L|1/] 2[P|1/] idle told:stray-frame"},
    {HOST, "the connection lost right behind a checksum: the frame counts",
     ONE "> 2[L|1/]~ eof ?H|\\^&/L|1/ waiting =accept < ACK idle"},
    {HOST, "what follows in that frame is dropped, told",
     ONE "> 2[L|1/H|\\^&/]~ eof ?H|\\^&/L|1/ =accept < ACK told:dropped idle"},
    {HOST, "a frame of no text is a frame", ONE "> 2[] < ACK > 3[L|1/] ?H|\\^&/L|1/ =accept < ACK"},
    {HOST, "lower-case hexadecimal digits will do", OPEN "> 1[H|\\^&/M/L|1]% ?H|\\^&/M/L|1/ =accept < ACK"},
    {AUTO, "auto learns from the first frame that fits, and tells and notes it",
     OPEN "> STX '1H|\\^&/' ETX 'E2' CR LF < ACK told:checksum-learned > STX '2L|1/' ETX '38' CR LF ?H|\\^&/L|1/ "
          "noted:checksum-learned =accept < ACK"},
    {AUTO, "and keeps to it", OPEN "> STX '1H|\\^&/' ETX 'E2' CR LF < ACK > 2[L|1/] < NAK told:bad-checksum"},
    {AUTO, "auto is never none",
     OPEN "> STX '1H|\\^&/' ETX '77' CR LF < NAK > STX '1H|\\^&/' ETX CR LF < NAK > 1[H|\\^&/] < ACK "
          "untold:checksum-learned"},
    {NOTERM, "where the convention is set others are refused",
     OPEN "> 1[H|\\^&/] < NAK told:bad-checksum > STX '1H|\\^&/' ETX 'E2' CR LF < ACK"},
};

static const struct test ruling_8[] = {
    {HOST, "a record goes on over ETB",
     OPEN "> 1{H|\\^} < ACK > 2{&/P} < ACK > 3[|1/L|1/] ?H|\\^&/P|1/L|1/ =accept < ACK"},
    {HOST, "and ends with ETX, CR or not",
     OPEN "> 1[H|\\^&] < ACK > 2[P|1] < ACK > 3[L|1] ?H|\\^&/P|1/L|1/ notes:0 =accept < ACK"},
    {HOST, "a message ends where its L record ends, in an ETB frame too",
     OPEN "> 1{H|\\^&/L|1/} ?H|\\^&/L|1/ =accept < ACK > EOT idle"},
    {HOST, "CR LF ends records too, noted", OPEN "> 1[H|\\^&/$P|1/$L|1/$] ?H|\\^&/P|1/L|1/ noted:crlf =accept < ACK"},
    {HOST, "and LF", OPEN "> 1[H|\\^&$P|1$L|1$] ?H|\\^&/P|1/L|1/ noted:lf =accept < ACK"},
    {HOST, "an empty record is none",
     OPEN "> 1[//H|\\^&////P|1//] < ACK > 2[/] < ACK > 3[L|1/] ?H|\\^&/P|1/L|1/ =accept < ACK"},
    {HOST, "an LF in the next frame belongs to its CR",
     OPEN "> 1{H|\\^&/} < ACK > 2[$L|1/] ?H|\\^&/L|1/ noted:crlf =accept < ACK"},
    {HOST, "records before any H are a message of their own, incomplete",
     OPEN "> 1[P|1/R|1/] < ACK > 2[H|\\^&/] ?-+P|1/R|1/ < ACK settle > 3[L|1/] ?H|\\^&/L|1/ =accept < ACK"},
    {HOST, "also up to an L of their own", OPEN "> 1[P|1/L|1/] ?-P|1/L|1/ =accept < ACK"},
    {HOST, "records without frames: no ENQ, no answer",
     "> 'H|\\^&/P|1/L|1/' ?+.H|\\^&/P|1/L|1/ noted:unframed settle idle"},
    {HOST, "with any delimiter", "> 'H!@^\\/P!1/L!1/' ?+.H!@^\\/P!1/L!1/ settle"},
    {HOST, "two such messages in a row, the second after the first is handed over",
     "> 'H|\\^&/L|1/H|\\^&/L|2/' ?+.H|\\^&/L|1/ waiting left:10 settle ?+.H|\\^&/L|2/ settle idle"},
    {HOST, "they end at a control byte that records never have, and what follows it is noise",
     "> 'H|\\^&/P|1/%0BO|1/%1C/' ?-+.H|\\^&/P|1/ settle told:noise idle"},
    {HOST, "be it in the middle of a record", "> 'H|\\^&/P|1%0CO|1/' ?-+.H|\\^&/P|1/ settle told:noise idle"},
    {HOST, "and another message may begin behind it",
     "> 'H|\\^&/P|1/%01H|\\^&/L|1/' ?-+.H|\\^&/P|1/ settle ?+.H|\\^&/L|1/ settle idle"},
    {HOST, "but not at those that character sets and barcodes are made of",
     "> 'H|\\^&/P|%1BB%1D%09|%0E%0F/L|1/' ?+.H|\\^&/P|%1BB%1D%09|%0E%0F/L|1/ settle idle"},
    {HOST, "without L they end at the next H",
     "> 'H|\\^&/P|1/H|\\^&|2/L|2/' ?-+.H|\\^&/P|1/ settle ?+.H|\\^&|2/L|2/ settle idle"},
    {HOST, "or after 2 s, each of them",
     "> 'H|\\^&/P|1/H|\\^&|2/' ?-+.H|\\^&/P|1/ settle in:2000 @2000 ?-+.H|\\^&|2/ settle idle"},
    {HOST, "or when the connection closes, each of them",
     "> 'H|\\^&/P|1/H|\\^&|2' eof ?-+.H|\\^&/P|1/ settle ?-+.H|\\^&|2/ settle idle"},
    {HOST, "something to send is reported unsent then",
     "> 'H|\\^&/P' send:H|\\^&/ eof ?-+.H|\\^&/P/ settle done:connection-lost idle"},
    {HOST, "noise may stand before them", "> '%FF_' CR LF NUL '_H|\\^&/L|1/' ?+.H|\\^&/L|1/ told:noise settle"},
    {HOST, "but not on the same line", "> 'AH|\\^&/L|1/9H|\\^&/L|1/._H|\\^&/L|1/%C4H|\\^&/L|1/' idle told:noise"},
    {HOST, "nor before blanks that come later", "> 'x|' '_' 'H|\\^&/L|1/' idle told:noise"},
    {HOST, "be it HL7 that an H flags", "> 'OBX|1|NM|K||6.1|||H|||F/L|1/' 'OBX|2|NM|K||6.1|||' 'H' '||/L|1/' idle told:noise"},
    {HOST, "H and a letter are none", "> 'Host:_x/HELLO/H_H/' idle told:noise"},
    {HOST, "H may come alone", "> 'H' left:0 idle @1999 > '|\\^&/L|1/' ?+.H|\\^&/L|1/ settle"},
    {HOST, "but what it begins with is not 2 s late", "> 'H' @2000 > '|\\^&/L|1/' told:noise idle"},
    {HOST, "nor does a control byte come between", "> 'H' ENQ EOT '|\\^&/L|1/' < ACK told:noise idle"},
    {HOST, "two of them are noise", "> 'HH|\\^&/L|1/' told:noise idle"},
    {HOST, "and while an earlier message is not handed over it waits",
     OWED "> 'H' @100 > '|\\^&/L|1/' left:9 @5000 settle ?+.H|\\^&/L|1/ settle"},
    {HOST, "framed, unframed and framed again on one connection",
     "> 'H|\\^&/L|1/' ENQ 1[H|\\^&/L|2/] EOT 'H|\\^&/L|3/' ?+.H|\\^&/L|1/ settle < ACK ?H|\\^&/L|2/ =accept < ACK "
     "?+.H|\\^&/L|3/ settle idle"},
    {HOST, "in a session such text is noise", ONE "> 'H|\\^&/L|1/' told:noise receiving"},
    {SMALL, "of a message past the limit no part is taken for another",
     "> 'H|\\^&/C|1|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA^H|B/C|2|H|/L|1/' told:lost idle > 'H|\\^&/L|2/' "
     "?+.H|\\^&/L|2/ settle"},
    {SMALL, "but the next message is, at the beginning of a line",
     "> 'H|\\^&/C|1|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/C|2/H|\\^&/L|2/' told:lost ?+.H|\\^&/L|2/ settle idle"},
    {SMALL, "or after 2 s",
     "> 'H|\\^&/C|1|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' told:lost @2000 > 'H|\\^&/L|2/' ?+.H|\\^&/L|2/ settle"},
    {SMALL, "or after a control byte",
     "> 'H|\\^&/C|1|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' ACK 'H|\\^&/L|2/' ?+.H|\\^&/L|2/ settle"},
};

static const struct test ruling_13[] = {
    {HOST, "a sender heeds ACK, NAK, EOT and ENQ only",
     BID "> NUL CR LF 'x%FF%11' ACK < 1[H|\\^&/] > 'ok' 1[H|\\^&/] told:noise > ACK < 2[L|1/]"},
    {HOST, "STX does not hide them",
     BID "> STX 'x' ACK < 1[H|\\^&/] > STX NAK < 1[H|\\^&/] > STX STX ETX ACK < 2[L|1/]"},
    {HOST, "nor does text that looks like a message", BID "> 'H|\\^&/' ACK < 1[H|\\^&/]"},
    {HOST, "ENQ in its transfer phase ends the session; the message may be sent again under the contention rules",
     SENT1 "> ENQ done:yielded send:H|\\^&/L|1/ in:20000 @1000 > ENQ < ACK > EOT @19000 < ENQ"},
    {INSTRUMENT, "the instrument sends it again after 1 to 2 s",
     SENT1 "> ENQ done:yielded send:H|\\^&/L|1/ @999 @1001 < ENQ"},
    {HOST, "what was put up for sending is taken back as long as it is not under way, also from who is always busy",
     "withdraw-no send:H|\\^&/ withdraw idle in:never send:H|\\^&/L|1/ @0 < ENQ withdraw-no > NAK @10000 < ENQ > NAK "
     "withdraw idle @10000 held:0 send:H|\\^&/L|1/ in:0 @0 < ENQ > ACK < 1[H|\\^&/] withdraw-no > ACK < 2[L|1/] > ACK "
     "< EOT done:sent withdraw-no"},
    {HOST, "EOT instead of an answer to ENQ is none", BID "> EOT in:15000"},
    {HOST, "an answer that comes before what it answers has gone is a late one, and ignored",
     SENT1 "block > ACK ACK NAK unblock < 2[L|1/] > ACK < EOT done:sent"},
    {HOST, "EOT before the last frame has gone does not acknowledge it",
     SENT1 "block > ACK EOT unblock < 2[L|1/] EOT done:interrupted"},
    {HOST, "answers while nothing is sent are ignored", "> ACK NAK idle > ENQ < ACK > ACK NAK receiving > EOT idle"},
};

static const struct test rulings_12_14[] = {
    {HOST, "the host does not answer the ENQ it collided with, only the next",
     BID "> ENQ @1500 > ENQ < ACK receiving > 1[H|\\^&/] < ACK"},
    {INSTRUMENT, "nor does the instrument", BID "> ENQ @0 @2000 < ENQ > ACK < 1[H|\\^&/]"},
    {INSTRUMENT, "a host that insists is heard", BID "> ENQ > ENQ < ACK receiving"},
    {HOST, "receiver interrupt is understood: EOT instead of ACK, and the message is to be sent again",
     SENT1 "> EOT < EOT done:interrupted frames:1 > ENQ < ACK receiving"},
    {HOST, "EOT for the last frame acknowledges it", SENT2 "> EOT < EOT done:sent frames:2 send:H|\\^&/ in:15000"},
    {HOST, "but is not sent unless asked for", ONE "send:H|\\^&|o/L|1/ > 2[L|1/] ?H|\\^&/L|1/ =accept < ACK"},
    {INTERRUPT, "asked for, frames are answered EOT while there is something to send",
     ONE "send:H|\\^&|o/L|1/ > 2[P|1/] < EOT told:interrupted > EOT told:dropped in:0 @0 < ENQ > ACK < 1[H|\\^&|o/]"},
    {INTERRUPT, "the one that ends a message is acknowledged, for what is handed over need not come again",
     ONE
     "send:H|\\^&|o/L|1/ > 2[L|1/] ?H|\\^&/L|1/ =accept < ACK untold:interrupted acked:1-1 > EOT proven:1-1 in:0 @0 "
     "< ENQ > ACK < 1[H|\\^&|o/]"},
    {INTERRUPT, "so is the one in which the next begins",
     OPEN "send:H|\\^&|o/L|1/ > 1[H|\\^&/L|1/H|\\^&/] ?H|\\^&/L|1/ =accept < ACK > 2[P|1/] < EOT > EOT told:dropped"},
    {INTERRUPT, "a message that was interrupted will be sent again: what came of it is dropped",
     OPEN "send:H|\\^&|o/L|1/ > 1[H|\\^&/] < EOT > EOT told:dropped @0 < ENQ"},
    {INTERRUPT, "but if its sender goes on it is like any other",
     OPEN "send:H|\\^&|o/L|1/ > 1[H|\\^&/] < EOT > 2[L|1/] ?H|\\^&/L|1/ =accept < ACK > EOT @0 < ENQ"},
    {INTERRUPT, "and only then", ONE "> 2[P|1/] < ACK untold:interrupted"},
    {INTERRUPT, "a refusal stays a refusal",
     ONE "send:H|\\^&|o/L|1/ > 2[L|1/] ?H|\\^&/L|1/ =never < NAK > 2[L|1/]! < NAK"},
    {HOST, "otherwise orders wait for EOT",
     OPEN "send:H|\\^&|o/L|1/ > 1[H|\\^&/L|1/] ?H|\\^&/L|1/ =accept < ACK > EOT @0 < ENQ"},
    {HOST, "only one message is sent at a time",
     "send:H|\\^&/L|1/ send-no:H|\\^&/ @0 < ENQ > ACK < 1[H|\\^&/] send-no:H|\\^&/ > ACK < 2[L|1/] > ACK < EOT "
     "done:sent send:H|\\^&/ @0 < ENQ"},
    {HOST, "an empty one is none", "send-no: idle"},
    {HOST, "what waits to be sent is reported unsent when the connection goes in mid-session",
     ONE "send:H|\\^&/L|1/ eof told:dropped done:connection-lost idle"},
    {HOST, "also while a verdict is awaited", ASKED "send:H|\\^&/L|1/ eof done:connection-lost idle"},
};

/* Nothing is received here. */
static const struct test deaf[] = {
    {DEAF, "ENQ is answered with NAK, and leaves nothing behind",
     "> ENQ < NAK told:busy idle held:0 in:never > ENQ < NAK > ENQ < NAK idle held:0"},
    {DEAF, "what is sent all the same is noise: frames, records, and their ends",
     "> ENQ < NAK > 1[H|\\^&/] 2[L|1/] > EOT idle > 'H|\\^&/L|1/' idle > STX 'x' @30000 idle eof idle held:0"},
    {DEAF, "whoever was refused leaves the line, which is ours at once", "> ENQ < NAK send:H|\\^&/L|1/ @0 < ENQ"},
    {DEAF, "a frame out of nowhere opens nothing, and does not keep us from sending",
     "> 1[H|\\^&/] idle send:H|\\^&/L|1/ @0 < ENQ > ACK < 1[H|\\^&/] > ACK < 2[L|1/] > ACK < EOT done:sent idle"},
    {DEAF, "contention: the host does not answer the ENQ it collided with; the next one is refused, and then it bids",
     BID "> ENQ told:contention @1500 > ENQ < NAK @0 < ENQ > ACK < 1[H|\\^&/]"},
    {DEAF, "again and again",
     BID "> ENQ @1000 > ENQ < NAK @0 < ENQ > ENQ @1000 > ENQ < NAK @0 < ENQ > ACK < 1[H|\\^&/]"},
    {DEAF, "where no ENQ follows, it bids after 20 s", BID "> ENQ in:20000 @19999 @1 < ENQ"},
    {DEAF_INSTRUMENT, "the instrument bids after 1 to 2 s, or when it has refused the next one",
     BID "> ENQ @999 @1001 < ENQ > ENQ > ENQ < NAK @0 < ENQ"},
    {DEAF, "ENQ in the transfer phase: we yield, refuse the next one, and send it again",
     SENT1 "> ENQ done:yielded send:H|\\^&/L|1/ @1000 > ENQ < NAK @0 < ENQ"},
    {DEAF, "a receiver that interrupts is refused too, and then it is our turn",
     SENT1 "> EOT < EOT done:interrupted send:H|\\^&/L|1/ @1000 > ENQ < NAK @0 < ENQ"},
    {DEAF, "NAK to our ENQ, and an ENQ in the busy time: refused, and we need not wait any longer",
     BID "> NAK @3000 > ENQ < NAK @0 < ENQ > ACK < 1[H|\\^&/]"},
};

static const struct test ruling_28[] = {
    {HOST, "the next frame proves that our ACK has arrived",
     ASKED "=accept < ACK acked:1-1 > 3[H|\\^&/] < ACK proven:1-1"},
    {HOST, "and so does EOT, within 10 s", ASKED "=accept < ACK acked:1-1 @10000 > EOT proven:1-1"},
    {HOST, "later it does not",
     ASKED "=accept < ACK acked:1-1 @10001 > EOT ENQ < ACK > 1[H|\\^&/L|1/] ?H|\\^&/L|1/ =accept < ACK acked:2-2"},
    {HOST, "nor does it as soon as the sender may have waited in vain for an ACK that was late",
     ASKED
     "@11900 =accept < ACK acked:1-1 @1600 > EOT ENQ < ACK > 1[H|\\^&/L|1/] ?H|\\^&/L|1/ =accept < ACK acked:2-2"},
    {HOST, "but before that it does", ASKED "@11900 =accept < ACK acked:1-1 @1599 > EOT proven:1-1"},
    {HOST, "nor does what came before our ACK has gone",
     ASKED
     "block =accept > EOT unblock < ACK acked:1-1 > ENQ < ACK > 1[H|\\^&/L|1/] ?H|\\^&/L|1/ =accept < ACK acked:2-2"},
    {HOST, "nor does ENQ",
     ASKED "=accept < ACK acked:1-1 > ENQ < ACK > 1[H|\\^&/L|1/] ?H|\\^&/L|1/ =accept < ACK acked:2-2"},
    {HOST, "a repeat starts the 10 s anew",
     ASKED "=accept < ACK acked:1-1 @9000 > 2[L|1/] < ACK @9000 > EOT proven:1-1"},
    {HOST, "several messages of a frame are proven together",
     OPEN "> 1[H|\\^&/L|1/H|\\^&/L|2/] ?H|\\^&/L|1/ =accept ?H|\\^&/L|2/ =accept < ACK acked:1-2 > EOT proven:1-2"},
    {HOST, "a refused frame is not acknowledged, nor proven",
     ASKED "=never < NAK > 2[L|1/] ?H|\\^&/L|1/ =accept < ACK acked:2-2 > EOT proven:2-2"},
};

/* What others have got wrong. */
static const struct test faults[] = {
    {HOST, "ENQ is welcome in the second session, and in the third",
     ASKED "=accept < ACK > EOT ENQ < ACK > EOT ENQ < ACK > 1[H|\\^&/L|1/] ?H|\\^&/L|1/ =accept < ACK > EOT idle"},
    {HOST, "the checksum of an ETB frame is looked at", OPEN "> 1{H|\\^&/}! < NAK told:bad-checksum"},
    {HOST, "and is computed with ETB, not ETX",
     OPEN "> STX '1H|\\^&/' ETB 'E5' CR LF < NAK > STX '1H|\\^&/' ETB 'F9' CR LF < ACK"},
    {HOST, "a duplicate is not stored twice, nor refused for ever",
     ONE "> 2[R|1/] 2[R|1/] 2[R|1/] < ACK ACK ACK > 3[L|1/] ?H|\\^&/R|1/L|1/ =accept < ACK > 3[L|1/] < ACK > EOT idle"},
    {HOST, "ENQ and a frame in one read: the frame is not lost",
     "> ENQ 1[H|\\^&/] < ACK ACK > 2[L|1/] ?H|\\^&/L|1/ =accept < ACK"},
    {HOST, "a whole session in one read", "> ENQ 1[H|\\^&/] 2[L|1/] EOT ?H|\\^&/L|1/ < ACK ACK =accept < ACK idle"},
    {HOST, "nothing is written at EOT", ASKED "=accept < ACK > EOT idle > EOT EOT idle"},
    {HOST, "no ACK follows EOT in an empty session", "> ENQ EOT < ACK idle > EOT idle"},
    {HOST, "a Latin-1 letter is a byte like any other",
     OPEN "> 1[H|\\^&||M%FCller/L|1/] ?H|\\^&||M%FCller/L|1/ =accept < ACK"},
    {HOST, "and so is any byte in UTF-8 or GB18030",
     OPEN "> 1[H|\\^&||%C3%BC%81%30%81%30%FE%80/L|1/] ?H|\\^&||%C3%BC%81%30%81%30%FE%80/L|1/ =accept < ACK"},
    {HOST, "after NAK the same frame is sent, not the next",
     SENT1 "> NAK < 1[H|\\^&/] > ACK < 2[L|1/] > NAK < 2[L|1/]"},
    {HOST, "ENQ twice before our ACK has arrived: each is acknowledged", "> ENQ ENQ < ACK ACK > 1[H|\\^&/] < ACK"},
    {HOST, "NUL, CR and LF between frames are never refused",
     OPEN "> NUL NUL CR LF 1[H|\\^&/] NUL CR LF < ACK > LF 2[P|1/] < ACK told:noise"},
    {HOST, "a frame of 8 is none", OPEN "> 8[H|\\^&/] < NAK told:malformed-frame > 1[H|\\^&/] < ACK"},
};

/* Long ones, to be cut everywhere. */
static const struct test dialogs[] = {
    {HOST, "a day at the analyzer comes out the same wherever the input is cut",
     "> NUL ENQ EOT ENQ < ACK ACK > 1[H|\\^&|||a^1/] 2{P|1||4711||M%FCller^J} 3[an/O|1|S-1/] < ACK ACK ACK > "
     "4[R|1|^^^GLU|5.4/]! < NAK "
     "> 4[R|1|^^^GLU|5.4/] 4[R|1|^^^GLU|5.4/] < ACK ACK > 5[L|1|N/] "
     "?H|\\^&|||a^1/P|1||4711||M%FCller^Jan/O|1|S-1/R|1|^^^GLU|5.4/L|1|N/ "
     "@500 =later @1500 < NAK > 5[L|1|N/] ?H|\\^&|||a^1/P|1||4711||M%FCller^Jan/O|1|S-1/R|1|^^^GLU|5.4/L|1|N/ =accept "
     "< ACK "
     "> 6[H|\\^&|||b/L|1/H|\\^&|||c/L|1/] EOT ?H|\\^&|||b/L|1/ =accept ?H|\\^&|||c/L|1/ =accept < ACK idle "
     "> ENQ < ACK > 1[H|\\^&|||d/] EOT 'H|\\^&|||e/$P|1/$L|1/$' < ACK ?-+H|\\^&|||d/ settle ?+.H|\\^&|||e/P|1/L|1/ "
     "settle idle "
     "send:H|\\^&|||o/L|1/ @0 < ENQ > 'x' ACK < 1[H|\\^&|||o/] > STX NAK < 1[H|\\^&|||o/] > ACK < 2[L|1/] > ACK ENQ < "
     "EOT ACK done:sent > EOT idle"},
    {SMALL, "and so does a bad one",
     "> STX STX '1H' ENQ < ACK > ETX '00' 1[H|\\^&/]~ 1[H|\\^&/]~ 2[P|1/] < ACK ACK ACK > 4[O/] 5[R/] 3[L|1/] < NAK "
     "NAK NAK > EOT "
     "'H|\\^&/C|1|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA|H|/L|1/' 'H|\\^&/L|2/' ?+.H|\\^&/L|2/ told:lost settle "
     "> ENQ 1[H|\\^&/C|1|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/] 1[H|\\^&/L|1/] < ACK NAK NAK > STX '1H' ETX ENQ < "
     "ACK "
     "> 1{H|\\^&/P} 2{|1/L} 3{|1/H|\\^&} 4[|2/] 5[P|1/] EOT < ACK ACK ?H|\\^&/P|1/L|1/ =accept < ACK ACK ACK "
     "?-+H|\\^&|2/P|1/ settle idle"},
    {AUTO, "and one that has to be learned",
     "> ENQ STX '1H|\\^&/' ETX '77' CR LF STX '1H|\\^&/' ETX 'E2' CR LF < ACK NAK ACK > 2[L|1/] < NAK > STX '2L|1/' "
     "ETX '38' EOT "
     "?H|\\^&/L|1/ =accept < ACK idle"},
};

/* ---- what is too long to write down ---- */

struct bench {
    struct astm_link link;
    int64_t now;
    unsigned char number;
    unsigned answers[256]; /* how often each byte came out */
    struct bytes wire;
};

static void bench_wire(void *context, const struct astm_wire *wire)
{
    struct bench *b = context;
    bytes_printf(&b->wire, "%c%s@%d", wire->sent ? '>' : '<', wire->event, (int)wire->offset);
    if (wire->frame)
        bytes_printf(&b->wire, ":%d/%zu", wire->frame->number, wire->frame->len);
    else if (wire->len)
        bytes_printf(&b->wire, ":%zu", wire->len);
    bytes_puts(&b->wire, " ");
}

static void bench_begin(struct bench *b, const struct astm_link_config *config)
{
    *b = (struct bench){.now = 5000};
    astm_link_init(&b->link, config, NULL, 1);
}

static void bench_drain(struct bench *b)
{
    size_t n;
    const unsigned char *out = astm_link_out(&b->link, &n);
    for (size_t i = 0; i < n; i++)
        b->answers[out[i]]++;
    astm_link_sent(&b->link, n, b->now);
}

/* Pushes a frame of n bytes of text, the next by number, and says whether the answer is ACK. */
static bool bench_frame(struct bench *b, const char *head, size_t n, unsigned char end)
{
    struct bytes text = {0}, frame = {0};
    bytes_puts(&text, head);
    while (text.len < n)
        bytes_puts(&text, "x");
    astm_frame_build(&frame, ++b->number, text.data, text.len, end, ASTM_CHECKSUM_STD);
    unsigned acks = b->answers[ASTM_ACK];
    size_t taken = astm_link_push(&b->link, frame.data, frame.len, b->now);
    bench_drain(b);
    bool acknowledged = taken == frame.len && b->answers[ASTM_ACK] == acks + 1;
    bytes_free(&text);
    bytes_free(&frame);
    return acknowledged;
}

static void bench_pass(struct bench *b, int64_t ms)
{
    for (b->now += ms; astm_link_deadline(&b->link) <= b->now;)
        astm_link_tick(&b->link, b->now);
    bench_drain(b);
}

/* How many seconds a message goes on that comes in frames of `each` bytes on the wire, one every `ms`. */
static int64_t drips(size_t each, int64_t ms)
{
    struct bench b;
    bench_begin(&b, &configs[HOST]);
    astm_link_push(&b.link, (const unsigned char *)"\005", 1, b.now);
    bench_drain(&b);
    int64_t began = b.now;
    bool goes_on = bench_frame(&b, "H|\\^&\rC|1|", each - 7, ASTM_ETB);
    while (goes_on && b.now - began < 3600 * 1000) {
        bench_pass(&b, ms);
        goes_on = bench_frame(&b, "", each - 7, ASTM_ETB);
    }
    int64_t lasted = b.now - began;
    astm_link_free(&b.link);
    return lasted / 1000;
}

static void slow_lines(void)
{
    is_int(drips(245, 5000), 60, "a message that averages 49 bytes a second is refused after 60 s");
    is_int(drips(260, 5000), 30 * 60, "one that averages 52 goes on for half an hour, and no longer");
    is_int(drips(960, 1000), 30 * 60, "nor at 9600 baud");
    is_int(drips(20, 1000), 60, "20 bytes a second are too few");
}

static void bounds(void)
{
    unsigned char enqs[1000];
    struct bench b;
    memset(enqs, ASTM_ENQ, sizeof enqs);
    bench_begin(&b, &configs[HOST]);
    size_t total = 0, taken = 1;
    while (taken && total < (10 << 20))
        total += taken = astm_link_push(&b.link, enqs, sizeof enqs, b.now);
    ok(total < (1 << 20), "a peer that does not read our answers is not read from for ever");
    ok(astm_link_held(&b.link) <= 512 << 10, "and what is held for it is bounded");
    bench_drain(&b);
    is_int(b.answers[ASTM_ACK], total, "each ENQ that was taken has its answer");
    ok(astm_link_push(&b.link, enqs, 1, b.now) == 1, "and when they are gone it is read from again");
    astm_link_free(&b.link);

    struct astm_link_config config = configs[HOST];
    config.max_message = 1 << 20;
    bench_begin(&b, &config);
    astm_link_push(&b.link, enqs, 1, b.now);
    bench_drain(&b);
    size_t most = 0, accepted = 0;
    bool goes_on = bench_frame(&b, "H|\\^&\rC|1|", 63993, ASTM_ETB);
    for (; goes_on && accepted < 100; accepted++) {
        goes_on = bench_frame(&b, "", 63993, ASTM_ETB);
        most = astm_link_held(&b.link) > most ? astm_link_held(&b.link) : most;
    }
    is_int(accepted, 16, "a record without end is refused at --max-message");
    ok(most <= 3 << 20, "and never much more than that is held");
    is_int(b.answers[ASTM_NAK], 1, "the refusal is one NAK");
    ok(astm_link_held(&b.link) < 128 << 10, "and what had come of it is let go");
    astm_link_free(&b.link);
}

static void nothing_is_held_when_idle(void)
{
    plays(&configs[HOST], "a link holds nothing before bytes come, and nothing after a session",
          "held:0 " ASKED "=accept < ACK > EOT held:0 " BID
          "> ACK < 1[H|\\^&/] > ACK < 2[L|1/] > ACK < EOT done:sent held:0 "
          "> 'H|\\^&/L|1/' ?+.H|\\^&/L|1/ settle held:0 > ENQ < ACK > 1[H|\\^&/] < ACK > EOT ?-+H|\\^&/ held:0 settle "
          "> STX 'x' EOT held:0");
}

static void two_links(void)
{
    static const unsigned char first[] = "\005\0021H|\\^&\r\003E5\r\n", second[] = "\0022L|1\r\0033B\r\n";
    struct astm_event event;
    struct bench a, b;
    bench_begin(&a, &configs[HOST]);
    bench_begin(&b, &configs[HOST]);
    astm_link_push(&a.link, first, sizeof first - 1, a.now);
    astm_link_push(&b.link, first, sizeof first - 1, b.now);
    astm_link_push(&a.link, second, sizeof second - 1, a.now);
    ok(astm_link_next(&a.link, &event) && !astm_link_next(&b.link, &event), "two links know nothing of each other");
    bench_drain(&a);
    bench_drain(&b);
    ok(a.answers[ASTM_ACK] == 2 && b.answers[ASTM_ACK] == 2, "each answers what came over it");
    ok(astm_link_waiting(&a.link) && !astm_link_waiting(&b.link), "and waits for its own verdict alone");
    astm_link_free(&a.link);
    astm_link_free(&b.link);
}

/* A caller need not push again before the machine says that it may take it. */
static void held_up(void)
{
    static const unsigned char bytes[] = "H|\\^&\rL|1\r";
    struct astm_event event;
    struct bench b;
    bench_begin(&b, &configs[HOST]);
    b.link.owed = 1; /* on another connection */
    is_int((int)astm_link_push(&b.link, bytes, 1, 1000), 1, "while a message is owed, H is taken");
    is_int((int)astm_link_push(&b.link, bytes + 1, sizeof bytes - 2, 1000), 0, "and what shows it a message waits");
    astm_link_settle(&b.link, 9000);
    is_int((int)astm_link_push(&b.link, bytes + 1, sizeof bytes - 2, 9000), sizeof bytes - 2, "it is taken afterwards");
    ok(astm_link_next(&b.link, &event) && event.message.len == sizeof bytes - 1, "whole, however long that was");
    astm_link_free(&b.link);
}

static void wire_events(void)
{
    static const unsigned char bytes[] = "x\005\0021H|\\^&\r\003E5\r\n\0022L\0022L|1\r\0033B\r\n";
    static const char want[] = "<noise@0:1 <ENQ@1 >ACK@0 <frame@2:1/6 >ACK@0 <cut@15:2 <frame@18:2/4 ";
    struct bench b;
    bench_begin(&b, &configs[HOST]);
    struct astm_observer observer = {.wire = bench_wire, .context = &b};
    astm_link_init(&b.link, &configs[HOST], &observer, 1);
    astm_link_push(&b.link, bytes, sizeof bytes - 1, b.now);
    is_bytes(b.wire.data, b.wire.len, want, sizeof want - 1, "whoever watches the wire sees everything, with offsets");
    astm_link_free(&b.link);
    bytes_free(&b.wire);
}

static void names(void)
{
    for (unsigned i = 0; i < ASTM_NOTICES; i++)
        ok(strcspn(astm_notice_name((enum astm_notice)i), " ") > 1, "notice %u has a name of one word", i);
    is_str(astm_outcome_name(ASTM_UNSENT), "connection-lost", "outcomes have names");
}

int main(void)
{
    configure();
    RUN(rows);
    RUN(timers);
    RUN(ruling_1);
    RUN(ruling_2);
    RUN(ruling_3);
    RUN(ruling_5);
    RUN(rulings_6_7);
    RUN(ruling_8);
    RUN(ruling_13);
    RUN(rulings_12_14);
    RUN(deaf);
    RUN(ruling_28);
    RUN(faults);
    RUN(dialogs);
    slow_lines();
    bounds();
    nothing_is_held_when_idle();
    two_links();
    held_up();
    wire_events();
    names();
    return done();
}
