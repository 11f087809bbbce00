/* What came of a post, once it has been derived: how many of its readings were new, how many told another
 * value for a time that had one, and how many had been told before.
 *
 * The worker merges readings of many senders and counts them together; but every version of a value keeps the
 * time at which it was received first (model/block.h), and that of a post's readings is known. So it is asked of
 * the blocks:
 *
 *   versions of the reading's time:   one received when the post was?   any received before?
 *                                     yes                               no     ─► added
 *                                     yes                               yes    ─► changed
 *                                     no                                yes    ─► duplicate
 */
#ifndef BB_SERVICE_POST_RESULT_H
#define BB_SERVICE_POST_RESULT_H

#include "service/post.h"

struct bb_post_result {
    uint64_t added, changed, duplicate;
};

/* The plant is open for reading and has derived the post, which was taken. Any thread. */
int bb_post_result_count(struct bb_plant *plant, const struct bb_post *post,
                         struct bb_post_result *out, struct bb_error *error) BB_MUST_USE;

#endif
