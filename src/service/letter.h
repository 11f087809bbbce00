/* Dead letters: messages of foreign topics that could not be used, kept whole with why.
 *
 *   control partition   DEAD_LETTER(r) ... POSTS(r)      they count with their round (post_ledger.h)
 *                       DEAD_LETTER_CLOSED(r or 0)       dropped, or replayed: then with the round that has the readings
 *
 * A letter is known by the offset of its record; one of derive by the record that cannot be derived. What is in it may be large and hostile, and there may be as many as
 * messages: bytes of a letter are bounded (BB_LETTER_VALUE_MAX; the rest is cut, and told), letters of a batch are
 * (BB_LETTERS_OF_BATCH), and so is what letters of a day take of the log (dead_letters.daily). What lies beyond is
 * counted in one more letter that names the offsets: nothing is put aside in silence.
 *
 * Lists read the control partition from its beginning; they are for people.
 */
#ifndef BB_SERVICE_LETTER_H
#define BB_SERVICE_LETTER_H

#include "base/arena.h"
#include "base/varint.h"
#include "port/registry.h"
#include "service/ledger.h"

enum {
    BB_LETTER_VALUE_MAX = 64 << 10,
    BB_LETTER_HEADERS_MAX = 4 << 10,
    BB_LETTER_REASON_MAX = 1 << 10,
    BB_LETTERS_OF_BATCH = 1000,
    BB_LETTER_ID_MAX = 32
};

enum bb_letter_state { BB_LETTER_OPEN = 0, BB_LETTER_REPLAYED = 1, BB_LETTER_DROPPED = 2 };

struct bb_letter {
    uint64_t id;         /* the offset of its record */
    int64_t received_ms; /* when busbar had it */
    struct bb_span tenant;
    struct bb_span source; /* "kafka" */
    struct bb_span topic;
    uint32_t partition;
    uint64_t offset;
    int64_t message_ms; /* as the message says; 0: it does not */
    struct bb_span key, value;
    struct bb_span headers; /* name and value in turn, each as a length-prefixed text */
    uint64_t value_bytes;   /* of the message; more than value.size: the rest was cut */
    uint32_t code;          /* enum bb_error_code */
    struct bb_span reason;
    uint64_t more; /* messages that it stands for besides; of them there is nothing but the count */
    enum bb_letter_state state;
    int64_t closed_ms;
    struct bb_span closed_by;
};

/* What cannot be derived (worker.h) is a dead letter, too: `source` is "derive", `topic` the source that told it, and its bytes
 * are the record of the log itself. It is told by the outbox of the commit that passes over it and listed by the registry. */
#define BB_LETTER_DERIVED (1ULL << 62)
static inline uint64_t bb_letter_derived_id(uint32_t partition, uint64_t offset) {
    return BB_LETTER_DERIVED | (uint64_t)partition << 47 | offset;
}
static inline bool bb_letter_is_derived(uint64_t id) {
    return (id & BB_LETTER_DERIVED) != 0;
}
static inline uint32_t bb_letter_derived_partition(uint64_t id) {
    return (uint32_t)((id & ~BB_LETTER_DERIVED) >> 47);
}
static inline uint64_t bb_letter_derived_offset(uint64_t id) {
    return id & ((1ULL << 47) - 1);
}

/* Encoded and cut to its bounds. */
void bb_letter_encode(const struct bb_letter *letter, struct bb_buffer *out);
/* The same; a length comes first. */
void bb_letter_put(const struct bb_letter *letter, struct bb_buffer *out);
/* A record's body. False: damaged. Spans borrow; id and received_ms are the record's. */
bool bb_letter_decode(struct bb_span body, struct bb_letter *out) BB_MUST_USE;
/* Header by header; false: there is none any more. */
bool bb_letter_header_next(struct bb_cursor *in, struct bb_span *name, struct bb_span *value)
    BB_MUST_USE;

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

/* "d1234", "p3.81920" */
void bb_letter_id_format(uint64_t id, char text[BB_LETTER_ID_MAX]);
bool bb_letter_id_parse(struct bb_span text, uint64_t *id) BB_MUST_USE;
/* "open", "replayed", "dropped" */
const char *bb_letter_state_name(enum bb_letter_state state);

#endif
