/* Sayings: what customers' rules said of a channel's values, kept as the lane `rules`, a UTC day a block.
 *
 * The lane vee shows what came of it (a mark, another value); a saying tells which rule in which version said so, why
 * and with what evidence. It is all that is needed to say the same again without running the rule.
 *
 * Packed layout (integers varint, signed ones zigzag):
 *   u8 version = 1, u8 lane, text count, texts (size, bytes), saying count,
 *   sayings: kind, at_ms - the one before, mantissa, exponent, texts of rule, version, reason, evidence,
 *   u32 CRC32C of all bytes before it, little-endian.
 */
#ifndef BB_DERIVE_SAYING_H
#define BB_DERIVE_SAYING_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "model/decimal.h"

/* Stored ids: append only. */
enum bb_saying_kind {
    BB_SAYING_FLAG = 1,  /* the value is suspect */
    BB_SAYING_ESTIMATE,  /* a value where there was none, or none that can be used */
    BB_SAYING_NO_VALUE,  /* an estimate that there is none */
    BB_SAYING_CORRECT,   /* another value */
    BB_SAYING_EXCEPTION, /* for a person: `reason` is a sentence */
    BB_SAYING_TAG,       /* of the usage point: `reason` its name, `evidence` its value */
    BB_SAYING_FAILURE,   /* the rule said nothing of this window, and this is why */
    BB_SAYING_MAKE,      /* a value of a channel that the rule makes: `reason` is its name */
    BB_SAYING_KINDS
};

/* Of which a value alone can be the subject. */
static inline bool bb_saying_is_of_value(int kind) {
    return kind < BB_SAYING_EXCEPTION;
}

struct bb_saying {
    int64_t at_ms; /* the end of the value; of others, that of the last value that was judged */
    uint8_t kind;  /* enum bb_saying_kind */
    struct bb_decimal value; /* of estimates, corrections and what is made */
    struct bb_span rule, version, reason;
    struct bb_span evidence; /* JSON object, or empty; of a tag its value */
};

struct bb_sayings {
    struct bb_saying *items;
    size_t count;
};

/* The name of a kind, as people read it. */
const char *bb_saying_kind_name(int kind);

/* Append the packed form to `out`; scratch lends memory. At least one saying. */
int bb_sayings_pack(const struct bb_saying *items, size_t count, struct bb_arena *scratch,
                    struct bb_buffer *out, struct bb_error *error) BB_MUST_USE;
/* Texts borrow from `packed`. -BB_E_BLOCK_CORRUPT. */
int bb_sayings_unpack(struct bb_span packed, struct bb_arena *arena, struct bb_sayings *out,
                      struct bb_error *error) BB_MUST_USE;

#endif
