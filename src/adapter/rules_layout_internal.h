/* What host and worker share: regions of memory, little-endian. python/busbar/_work.py has the other side.
 *
 *   request   head, then columns: offset u32[w+1], judge u32[w], interval_ms i64[w], end_ms i64[p], utc_offset_s
 *             i32[p], value f64[p], quality u32[p]; if it has a profile: profile f64[p]; if there are other channels,
 *             o of them with q points: offset u32[w*o+1], end_ms i64[q], value f64[q], quality u32[q]; meta.
 *             Of a load: NAME "\n" SOURCE as meta alone
 *   side      head, then columns: points u64[n], names (a zero behind each), and of each series ts_ms i64, value f64
 *   answer    head, then columns: verdict u8[p], reason u16[p], value f64[p], raised u8[w], told. Of a load: told alone
 *
 * Each column begins at a multiple of 64 bytes; meta and told are JSON.
 */
#ifndef BB_ADAPTER_RULES_LAYOUT_INTERNAL_H
#define BB_ADAPTER_RULES_LAYOUT_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#define BB_RULES_MAGIC UINT32_C(0x31524242) /* "BBR1" */
enum { BB_RULES_LOAD = 1, BB_RULES_RUN = 2 };
enum { BB_RULES_DONE = 1, BB_RULES_REFUSED = 2 };
enum { BB_RULES_COLUMNS_AT = 64, BB_RULES_ALIGN = 64, BB_RULES_TOLD_MAX = 1 << 20 };

struct bb_rules_request_head {
    uint32_t magic, operation, rule, windows;
    uint64_t points, meta_bytes, seed;
    uint16_t others, has_profile; /* others: channels */
    uint32_t other_points, abort_at, reserved[3];
};
_Static_assert(sizeof(struct bb_rules_request_head) == 64, "columns begin behind the head");

struct bb_rules_side_head {
    uint32_t magic, series;
    uint64_t names_bytes;
};

struct bb_rules_answer_head {
    uint32_t magic, state, at_window, reserved;
    uint64_t told_bytes;
};

static inline size_t bb_rules_aligned(size_t bytes) {
    return (bytes + BB_RULES_ALIGN - 1) / BB_RULES_ALIGN * BB_RULES_ALIGN;
}

#endif
