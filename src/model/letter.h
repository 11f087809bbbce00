/* A dead letter: a message that could not be used, kept whole with why.
 *
 * What is in it may be large and hostile: its bytes are bounded; the rest is cut, and told.
 */
#ifndef BB_MODEL_LETTER_H
#define BB_MODEL_LETTER_H

#include "base/buffer.h"
#include "base/varint.h"

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

/* What cannot be derived is a dead letter, too: `source` is "derive", `topic` the source that told it, `partition` and `offset` where
 * its record stands in the log. It is told by the outbox of the commit that passes over it and listed by the registry. */
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

/* "d1234", "p3.81920" */
void bb_letter_id_format(uint64_t id, char text[BB_LETTER_ID_MAX]);
bool bb_letter_id_parse(struct bb_span text, uint64_t *id) BB_MUST_USE;
/* "open", "replayed", "dropped" */
const char *bb_letter_state_name(enum bb_letter_state state);

#endif
