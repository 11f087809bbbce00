/* Packed blocks of any lane: see packed.h. Pure. */
#include "derive/packed.h"

#include "derive/saying.h"
#include "derive/stat.h"
#include "model/block.h"

int bb_packed_verify(uint8_t lane, struct bb_span packed, struct bb_arena *scratch,
                     struct bb_error *error) {
    struct bb_sayings said;
    struct bb_block block;
    struct bb_stat stat;

    switch (lane) {
    case BB_LANE_STAT: return bb_stat_unpack(packed, scratch, &stat, error);
    case BB_LANE_RULES: return bb_sayings_unpack(packed, scratch, &said, error);
    default: return bb_block_unpack(packed, scratch, &block, error);
    }
}
