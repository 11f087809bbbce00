/* The ledger of posts, kept in the log's control partition beside that of files (ledger.h).
 *
 * Posts are small and many, so those that came while a sync was under way count together, as one round:
 *
 *   data partitions   FILE_FRAME(r) FILE_FRAME(r) ...     ┐ one sync      FILE_COMMIT(r) ... ─► next sync
 *   control           POSTS(r): parts, keys and answers   ┘ ─► answered               POSTS_DONE(r) ─► ...
 *
 * POSTS is what makes a round count, and it holds the Idempotency-Keys of its posts: a post and its key are
 * durable together or not at all. It is written before its frames are known to be durable, which saves a
 * sync: it is true only if all of the frames that it names are there. While the log is open that is the sync's
 * answer; whoever opens the log after a crash counts them, and completes the round or abandons it (nobody
 * was told that it counts). Abandoning is made durable before anything else is appended.
 *
 * What came from foreign topics has its offsets in the same record instead of a key (source_place.h), and what of it could not be
 * used stands before it as dead letters of the same round (letter_log.h), which count with it.
 *
 * Keys are remembered for 7 days, some 60 bytes each. Log's owner's thread.
 */
#ifndef BB_SERVICE_POST_LEDGER_H
#define BB_SERVICE_POST_LEDGER_H

#include "base/buffer.h"
#include "port/log.h"
#include "service/source_place.h"

struct bb_ledger;
struct bb_ledger_part;

enum {
    BB_IDEMPOTENCY_KEY_MAX = 255,       /* bytes */
    BB_IDEMPOTENCY_KEYS_MAX = 16 << 20, /* remembered at a time */
    BB_POST_DETAILS_MAX = 64 << 10      /* bytes */
};
#define BB_IDEMPOTENCY_MS (7 * 86400000LL)

/* What is kept of a post that has an Idempotency-Key: enough to answer the same again. */
struct bb_post_note {
    struct bb_span tenant, key;
    struct bb_content_hash body;
    uint32_t status; /* HTTP's */
    uint64_t readings, duplicate, rejected;
    struct bb_span details; /* the answer's own words, opaque here */
};

struct bb_round { /* posts that count together */
    uint64_t file_id;
    int64_t received_ms;
    struct bb_ledger_part *parts; /* log->partitions of them */
    struct bb_buffer notes;       /* encoded */
    struct bb_buffer steps;       /* of foreign sources (source_place.h), encoded */
    uint32_t note_count, step_count;
};
/* A round with an id of its own; nothing is written. NULL: no memory. */
struct bb_round *bb_round_new(struct bb_ledger *ledger, int64_t now_ms);
void bb_round_free(struct bb_round *round);
/* Its id and parts, without its notes. NULL: no memory. */
struct bb_round *bb_round_copy(const struct bb_round *round, uint32_t partitions);
/* Append a frame to a partition of the round. */
int bb_round_append(struct bb_ledger *ledger, struct bb_round *round, uint32_t partition,
                    struct bb_span frame, uint32_t readings, struct bb_error *error) BB_MUST_USE;

struct bb_post_key; /* an entry of the table */
struct bb_pending_round;

/* What dead letters of a day have taken of the log (letter_log.h). */
struct bb_letter_account {
    int64_t day;
    uint64_t bytes;
};

struct bb_post_ledger {
    struct bb_post_key *keys; /* open addressing */
    size_t key_count, key_slots;
    struct bb_log_reader *reader;     /* of the control partition; opened when first asked */
    struct bb_pending_round *pending; /* at open: decided and not done */
    struct bb_source_places places;
    struct bb_letter_account letters;
};

enum bb_post_key_outcome {
    BB_POST_KEY_NEW = 0,
    BB_POST_KEY_SAME = 1,  /* used for this body */
    BB_POST_KEY_OTHER = 2, /* used for another */
    BB_POST_KEYS_FULL = 3  /* too many are remembered already */
};
/* Is the key known? A new one is from now on, as part of `round`; its answer can be read back once the
 * round is durable. */
int bb_post_ledger_note(struct bb_ledger *ledger, struct bb_round *round,
                        const struct bb_post_note *note, int64_t now_ms, struct bb_error *error)
    BB_MUST_USE;
/* What was answered then; spans borrow from `memory`. */
int bb_post_ledger_recall(struct bb_ledger *ledger, struct bb_span tenant, struct bb_span key,
                          struct bb_post_note *out, struct bb_buffer *memory,
                          struct bb_error *error) BB_MUST_USE;

/* The steps of foreign sources as part of `round`: enum bb_source_step_outcome. */
int bb_post_ledger_step(struct bb_ledger *ledger, struct bb_round *round,
                        const struct bb_source_step *steps, uint32_t count, struct bb_error *error)
    BB_MUST_USE;

/* Append the decision. It counts, and its keys can be recalled, after the next sync. */
int bb_post_ledger_decide(struct bb_ledger *ledger, struct bb_round *round, struct bb_error *error)
    BB_MUST_USE;
/* The round failed before it was decided: the keys that came with it are free again. */
void bb_post_ledger_forget(struct bb_ledger *ledger);
/* After that sync: append the marks that make its readings visible. ends[p]: behind the mark in partition p,
 * which is not touched where there is none; NULL: not wanted. */
int bb_post_ledger_mark(struct bb_ledger *ledger, const struct bb_round *round, uint64_t *ends,
                        struct bb_error *error) BB_MUST_USE;
/* After the next one: append that there is nothing left to do. */
int bb_post_ledger_done(struct bb_ledger *ledger, const struct bb_round *round,
                        struct bb_error *error) BB_MUST_USE;

/* ---- for ledger.c: at open */
int bb_post_ledger_apply(struct bb_ledger *ledger, const struct bb_log_record *record,
                         int64_t now_ms, struct bb_error *error) BB_MUST_USE;
int bb_post_ledger_complete(struct bb_ledger *ledger, struct bb_error *error) BB_MUST_USE;
void bb_post_ledger_release(struct bb_post_ledger *posts, struct bb_log *log);

#endif
