/* What people do with dead letters: read them once more after a fix, or drop them.
 *
 * A replay decodes the letter's message as sources.kafka says now (its map, its schemas, its tenants). What it says is a new
 * post, and the record that makes it count settles the letter: both or neither, so nothing is replayed twice.
 *
 * When is a replayed value told? Now: `recorded` is the moment of the replay, since until then nobody here knew it, and a
 * question as of yesterday must not answer with it. But its place among the versions of its time is that of the letter: its
 * version time (`issued`, unless the message has one of its own) is when the letter came. So a correction that came in
 * meanwhile stays on top, as it would had the letter been read at once.
 *
 * Any thread but the log's owner's.
 */
#ifndef BB_SERVICE_LETTER_ACT_H
#define BB_SERVICE_LETTER_ACT_H

#include "service/committer.h"
#include "service/letter_log.h"

struct bb_letter_actor {
    struct bb_plant *plant; /* open for reading, of this thread alone */
    struct bb_committer *committer;
    struct bb_span tenant; /* whose letters; data NULL: of all */
    struct bb_span by;     /* for the list */
};

struct bb_letter_done {
    struct bb_error refusal; /* code BB_OK: it was done */
    uint64_t readings;       /* that a replay brought */
};

/* Both: letter by letter; *done says what came of each. Negative: the log failed, or the like. */
int bb_letter_replay(const struct bb_letter_actor *actor, const uint64_t *ids, size_t count,
                     struct bb_letter_done *done, struct bb_error *error) BB_MUST_USE;
int bb_letter_drop(const struct bb_letter_actor *actor, const uint64_t *ids, size_t count,
                   struct bb_letter_done *done, struct bb_error *error) BB_MUST_USE;

#endif
