/* What every store adapter does alike: the keys of its tables, and what it asks of a commit before
 * it touches anything. Pure functions; any thread.
 */
#ifndef BB_ADAPTER_STORE_SHARED_INTERNAL_H
#define BB_ADAPTER_STORE_SHARED_INTERNAL_H

#include "adapter/embedded.h"

/* A number as 8 bytes, big-endian: byte order is number order. */
enum { BB_STORE_KEY_BYTES = 8 };

static inline void bb_store_number_put(uint64_t number, uint8_t bytes[BB_STORE_KEY_BYTES]) {
    uint64_t big = __builtin_bswap64(number); /* x86-64 and arm64 are little-endian */
    memcpy(bytes, &big, sizeof big);
}

static inline uint64_t bb_store_number_get(const void *bytes) {
    uint64_t big;
    memcpy(&big, bytes, sizeof big);
    return __builtin_bswap64(big);
}

/* A block's place in the table of its lane: span (sign flipped, so that 1969 sorts before 1970)
 * and channel, or the other way round. */
static inline uint64_t bb_store_block_number(enum bb_key_order order, int32_t span,
                                             uint32_t channel) {
    uint64_t sortable = (uint32_t)span ^ UINT32_C(0x80000000);

    return order == BB_KEY_SPAN_FIRST ? sortable << 32 | channel
                                      : (uint64_t)channel << 32 | sortable;
}

static inline struct bb_block_key bb_store_block_key(enum bb_key_order order, uint8_t lane,
                                                     uint64_t number) {
    uint32_t high = (uint32_t)(number >> 32), low = (uint32_t)number;
    uint32_t sortable = order == BB_KEY_SPAN_FIRST ? high : low;

    return (struct bb_block_key){.channel = order == BB_KEY_SPAN_FIRST ? low : high,
                                 .span = (int32_t)(sortable ^ UINT32_C(0x80000000)),
                                 .lane = lane};
}

/* The promises of a bb_commit: order is the caller's code (asserted), the length of names is
 * somebody's input (-BB_E_NAME). */
int bb_store_commit_check(const struct bb_commit *commit, struct bb_error *error) BB_MUST_USE;

#endif
