/* The dead letters of foreign topics as those read them who follow: in the order in which they began to count.
 *
 *   control partition   DEAD_LETTER(r) DEAD_LETTER(r) ... POSTS(r) ─► a batch: the letters of r; it ends behind POSTS(r)
 *
 * A follower's position is an offset of the control partition: all letters that began to count before it have been told. A feed
 * reads the partition once, from its beginning, as a letter may stand far before what makes it count; 16 bytes are
 * held meanwhile for each letter that does not count yet. What the log's retention gave up before it was told is not told.
 *
 * Thread rule: one thread.
 */
#ifndef BB_SERVICE_LETTER_FEED_H
#define BB_SERVICE_LETTER_FEED_H

#include "service/letter_log.h"

struct bb_letter_feed;

int bb_letter_feed_open(struct bb_log *log, struct bb_letter_feed **out, struct bb_error *error)
    BB_MUST_USE;
void bb_letter_feed_close(struct bb_letter_feed *feed);

struct bb_letter_batch {
    const struct bb_letter *letters; /* the feed's, until its next call */
    size_t count;                    /* 0: there are no more now */
    uint64_t to;                     /* the position behind them */
};
/* What began to count at `from` or later, whole rounds, as many as make a batch. */
int bb_letter_feed_next(struct bb_letter_feed *feed, uint64_t from, struct bb_letter_batch *out,
                        struct bb_error *error) BB_MUST_USE;

#endif
