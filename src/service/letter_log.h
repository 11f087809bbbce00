/* Dead letters (model/letter.h) of foreign topics in the log.
 *
 *   control partition   DEAD_LETTER(r) ... POSTS(r)      they count with their round (post_ledger.h)
 *                       DEAD_LETTER_CLOSED(r or 0)       dropped, or replayed: then with the round that has the readings
 *
 * A letter is known by the offset of its record. There may be as many as messages: letters of a batch are bounded
 * (BB_LETTERS_OF_BATCH), and so is what letters of a day take of the log (dead_letters.daily). What lies beyond is
 * counted in one more letter that names the offsets: nothing is put aside in silence.
 *
 * Lists read the control partition from its beginning; they are for people.
 */
#ifndef BB_SERVICE_LETTER_LOG_H
#define BB_SERVICE_LETTER_LOG_H

#include "base/arena.h"
#include "model/letter.h"
#include "port/registry.h"
#include "service/ledger.h"

/* ---- the log's owner's thread */

/* What bb_letter_put has put, as part of the round. *left_out: how many were not kept, as `daily_bytes` are used up. */
int bb_letters_append(struct bb_ledger *ledger, const struct bb_round *round,
                      struct bb_span letters, uint64_t daily_bytes, uint64_t *left_out,
                      struct bb_error *error) BB_MUST_USE;
/* round NULL: at once. */
int bb_letters_close(struct bb_ledger *ledger, const struct bb_round *round, const uint64_t *ids,
                     size_t count, enum bb_letter_state state, struct bb_span by, int64_t now_ms,
                     struct bb_error *error) BB_MUST_USE;
/* For ledger.c, at open. */
void bb_letter_apply(struct bb_ledger *ledger, const struct bb_log_record *record);

/* ---- any thread with a log to read */

struct bb_letter_question {
    struct bb_span tenant; /* empty data: of all */
    struct bb_span topic;  /* empty: any */
    uint32_t code;         /* 0: any */
    int64_t since_ms;
    uint64_t before;  /* ids below; UINT64_MAX: all */
    bool with_closed; /* replayed and dropped ones, too */
};

/* 0: go on. Anything else ends the list and is what it returns; the letter is borrowed until it returns. */
typedef int bb_letter_visit(void *context, const struct bb_letter *letter);
/* Those of derive, then the others, the greatest id first. `registry` NULL: the others alone. */
int bb_letter_list(struct bb_log *log, struct bb_registry *registry,
                   const struct bb_letter_question *asked, bb_letter_visit *visit, void *context,
                   struct bb_error *error) BB_MUST_USE;

enum bb_letter_find_outcome { BB_LETTER_FOUND = 0, BB_LETTER_UNKNOWN = 1 };
/* In the arena. `tenant` as in a question. */
int bb_letter_find(struct bb_log *log, struct bb_registry *registry, struct bb_span tenant,
                   uint64_t id, struct bb_arena *arena, struct bb_letter *out,
                   struct bb_error *error) BB_MUST_USE;

#endif
