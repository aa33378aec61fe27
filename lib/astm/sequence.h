/* The frames of a capture in their turn [LIS01-A2 6.3.3]: which of them came again, and where one is missing. A
 * receiver refuses what is out of turn; who reads a capture can only say so. */
#ifndef INSTLINK_ASTM_SEQUENCE_H
#define INSTLINK_ASTM_SEQUENCE_H

#include "astm/frame.h"

enum astm_turn {
    ASTM_TURN_NEXT,
    ASTM_TURN_REPEAT, /* number, text and ending of the one before it */
    ASTM_TURN_ODD,    /* not the number that was due, but nothing is missing: senders count like that */
    ASTM_TURN_GAP,    /* something is missing before it */
};

/* What is in it is private, but for expected. */
struct astm_sequence {
    int expected; /* the next frame's number; -1 any */
    int number;   /* of the last frame; -1: there was none in this session */
    unsigned char end;
    struct bytes text;
};

/* A session begins, or a capture; expected: the first frame's number, 1 after ENQ, -1 where it is not known. What the
 * last frame was is forgotten, its storage kept. A sequence that is all zero has to begin. */
void astm_sequence_begin(struct astm_sequence *s, int expected);

/* What this frame is beside the one before it. open: a message is, so that another cannot begin here. */
enum astm_turn astm_sequence_judge(const struct astm_sequence *s, const struct astm_frame *frame, bool open);

/* It was taken. Without memory for its text, a repeat of it will not be known. */
void astm_sequence_take(struct astm_sequence *s, const struct astm_frame *frame);

/* Releases the storage. */
void astm_sequence_free(struct astm_sequence *s);

#endif
