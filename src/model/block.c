/* Blocks: lanes, spans, packing. See block.h for the layout. Pure. */
#include "model/block.h"

#include "base/seal.h"
#include "model/attribute_pack.h"
#include "model/pack.h"

enum { BLOCK_VERSION = 1, FINDING_PACKED_MIN = 8 };

const struct bb_lane_row bb_lanes[BB_LANE_COUNT] = {
    [BB_LANE_RAW] = {"raw", BB_SPAN_UTC_DAY, false, true, -1},
    [BB_LANE_HISTORY] = {"history", BB_SPAN_UTC_DAY, false, true, -1},
    [BB_LANE_VEE] = {"vee", BB_SPAN_UTC_DAY, true, true, -1},
    [BB_LANE_DAY] = {"day", BB_SPAN_UTC_YEAR, true, true, BB_PERIOD_DAY},
    [BB_LANE_HOUR] = {"hour", BB_SPAN_UTC_MONTH, true, false, BB_PERIOD_HOUR},
    [BB_LANE_MONTH] = {"month", BB_SPAN_UTC_DECADE, true, false, BB_PERIOD_MONTH},
    [BB_LANE_STAT] = {"stat", BB_SPAN_UTC_MONTH, true, true, -1},
    [BB_LANE_RULES] = {"rules", BB_SPAN_UTC_DAY, true, true, -1},
};

int bb_lane_find(struct bb_span name) {
    for (int lane = 0; lane < BB_LANE_COUNT; lane++)
        if (bb_span_equal(name, bb_span_of(bb_lanes[lane].name)))
            return lane;
    return -1;
}

static int64_t floor_divide(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

/* Periods are (start, end]: the moment of midnight belongs to the day that it ends. */
int32_t bb_lane_span_of(enum bb_lane lane, int64_t t) {
    int64_t day = floor_divide(t - 1, BB_DAY_MS);

    if (bb_lanes[lane].span == BB_SPAN_UTC_DAY)
        return (int32_t)day;
    struct bb_civil civil;
    bb_civil_from_days(day, &civil);
    switch (bb_lanes[lane].span) {
    case BB_SPAN_UTC_MONTH: return (civil.year - 1970) * 12 + civil.month - 1;
    case BB_SPAN_UTC_YEAR: return civil.year;
    default: return (int32_t)floor_divide(civil.year, 10);
    }
}

void bb_lane_span_bounds(enum bb_lane lane, int32_t span, int64_t *start_ms, int64_t *end_ms) {
    int64_t first = span, next = (int64_t)span + 1; /* days since 1970 */

    switch (bb_lanes[lane].span) {
    case BB_SPAN_UTC_DAY: break;
    case BB_SPAN_UTC_MONTH:
        first = bb_days_from_civil(1970 + (int)floor_divide(span, 12),
                                   1 + (int)(span - floor_divide(span, 12) * 12), 1);
        next = bb_days_from_civil(1970 + (int)floor_divide(span + 1, 12),
                                  1 + (int)(span + 1 - floor_divide(span + 1, 12) * 12), 1);
        break;
    case BB_SPAN_UTC_YEAR:
        first = bb_days_from_civil(span, 1, 1);
        next = bb_days_from_civil(span + 1, 1, 1);
        break;
    case BB_SPAN_UTC_DECADE:
        first = bb_days_from_civil(span * 10, 1, 1);
        next = bb_days_from_civil(span * 10 + 10, 1, 1);
        break;
    }
    *start_ms = first * BB_DAY_MS;
    *end_ms = next * BB_DAY_MS;
}

bool bb_block_init(struct bb_block *block, uint8_t lane, size_t capacity, struct bb_arena *arena) {
    enum { COLUMNS = 8 };
    int64_t *columns = bb_arena_take(arena, capacity * COLUMNS * sizeof *columns);

    memset(block, 0, sizeof *block);
    block->lane = lane;
    if (!columns)
        return false;
    block->end_ms = columns;
    block->mantissa = columns + capacity;
    block->attribute = columns + 2 * capacity;
    block->recorded_ms = columns + 3 * capacity;
    block->received_ms = columns + 4 * capacity;
    block->issued_ms = columns + 5 * capacity;
    block->origin = columns + 6 * capacity;
    block->rivals = columns + 7 * capacity;
    return true;
}

/* column - base, which is nearly always constant. */
static bool pack_relative(const int64_t *column, const int64_t *base, size_t count,
                          struct bb_arena *scratch, struct bb_buffer *out) {
    int64_t *relative = bb_arena_take(scratch, count * sizeof *relative);

    if (!relative)
        return false;
    for (size_t i = 0; i < count; i++)
        relative[i] = (int64_t)((uint64_t)column[i] - (uint64_t)base[i]);
    return bb_pack_i64(relative, count, scratch, out);
}

static void add_relative(int64_t *column, const int64_t *base, size_t count) {
    for (size_t i = 0; i < count; i++)
        column[i] = (int64_t)((uint64_t)column[i] + (uint64_t)base[i]);
}

static bool pack_findings(const struct bb_block *block, struct bb_buffer *out) {
    bb_put_varint(out, block->finding_count);
    for (uint32_t i = 0; i < block->finding_count; i++) {
        const struct bb_finding *f = &block->findings[i];
        bb_buffer_append_byte(out, f->check);
        bb_buffer_append_byte(out, f->hard);
        bb_put_zigzag(out, f->at_ms);
        bb_put_zigzag(out, (int64_t)((uint64_t)f->at_ms - (uint64_t)f->from_ms));
        bb_put_zigzag(out, (int64_t)((uint64_t)f->at_ms - (uint64_t)f->to_ms));
        bb_put_zigzag(out, f->a);
        bb_put_zigzag(out, f->b);
        bb_buffer_append_byte(out, (uint8_t)f->exponent);
    }
    return !out->overflow;
}

int bb_block_pack(const struct bb_block *block, struct bb_arena *scratch, struct bb_buffer *out,
                  struct bb_error *error) {
    size_t begin = out->size, n = block->count;

    bb_buffer_append_byte(out, BLOCK_VERSION);
    bb_buffer_append_byte(out, block->lane);
    bb_put_varint(out, n);
    bool done = bb_attributes_pack(block->attributes.items, block->attributes.count, out) &&
                bb_pack_i64(block->end_ms, n, scratch, out) &&
                bb_pack_i64(block->mantissa, n, scratch, out) &&
                bb_pack_i64(block->attribute, n, scratch, out) &&
                bb_pack_i64(block->recorded_ms, n, scratch, out) &&
                pack_relative(block->received_ms, block->recorded_ms, n, scratch, out) &&
                pack_relative(block->issued_ms, block->received_ms, n, scratch, out) &&
                bb_pack_i64(block->origin, n, scratch, out) &&
                bb_pack_i64(block->rivals, n, scratch, out) && pack_findings(block, out);
    bb_seal(out, begin);
    if (!done || out->overflow)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to pack a block of %zu values", n);
    return 0;
}

static bool unpack_findings(struct bb_cursor *in, struct bb_arena *arena, struct bb_block *block) {
    uint64_t count = bb_cursor_varint(in);

    if (in->failed || count > bb_cursor_left(in) / FINDING_PACKED_MIN)
        return false;
    block->finding_count = (uint32_t)count;
    block->findings = bb_arena_take(arena, (size_t)count * sizeof *block->findings);
    for (uint64_t i = 0; block->findings && i < count; i++) {
        struct bb_finding *f = &block->findings[i];
        memset(f, 0, sizeof *f);
        f->check = bb_cursor_byte(in);
        f->hard = bb_cursor_byte(in) != 0;
        f->at_ms = bb_cursor_zigzag(in);
        f->from_ms = (int64_t)((uint64_t)f->at_ms - (uint64_t)bb_cursor_zigzag(in));
        f->to_ms = (int64_t)((uint64_t)f->at_ms - (uint64_t)bb_cursor_zigzag(in));
        f->a = bb_cursor_zigzag(in);
        f->b = bb_cursor_zigzag(in);
        f->exponent = (int8_t)bb_cursor_byte(in);
    }
    return block->findings != NULL && !in->failed;
}

static bool unpack_columns(struct bb_cursor *in, struct bb_arena *arena, struct bb_block *block) {
    size_t n = block->count;
    int64_t *columns[] = {block->end_ms,      block->mantissa,    block->attribute,
                          block->recorded_ms, block->received_ms, block->issued_ms,
                          block->origin,      block->rivals};

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        if (!bb_unpack_i64(in, n, columns[i], arena))
            return false;
    add_relative(block->received_ms, block->recorded_ms, n);
    add_relative(block->issued_ms, block->received_ms, n);
    uint64_t wrong = 0;
    for (size_t i = 0; i < n; i++)
        wrong |= (uint64_t)block->attribute[i] >= block->attributes.count;
    return !wrong;
}

int bb_block_unpack(struct bb_span packed, struct bb_arena *arena, struct bb_block *out,
                    struct bb_error *error) {
    if (packed.size < BB_SEAL_BYTES + 2)
        return BB_FAIL(error, BB_E_BLOCK_CORRUPT, "a block of %zu bytes is too short", packed.size);
    if (!bb_unseal(&packed))
        return BB_FAIL(error, BB_E_BLOCK_CORRUPT, "a block fails its checksum");
    struct bb_cursor in = bb_cursor_over(packed);
    uint8_t version = bb_cursor_byte(&in), lane = bb_cursor_byte(&in);
    uint64_t count = bb_cursor_varint(&in);
    if (version != BLOCK_VERSION)
        return BB_FAIL_VERSION(error, "a block", version, BLOCK_VERSION);
    if (lane >= BB_LANE_COUNT || count > BB_BLOCK_MAX_COUNT)
        return BB_FAIL(error, BB_E_BLOCK_CORRUPT, "a block has lane %u and %llu values", lane,
                       (unsigned long long)count);
    struct bb_attribute_set attributes = {.borrowed = true};
    attributes.items = bb_attributes_unpack(&in, arena, &attributes.count);
    if (!attributes.items)
        return BB_FAIL(error, BB_E_BLOCK_CORRUPT, "a block's attributes are damaged");
    if (!bb_block_init(out, lane, (size_t)count, arena))
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a block of %llu values",
                       (unsigned long long)count);
    out->attributes = attributes;
    out->count = (uint32_t)count;
    if (!unpack_columns(&in, arena, out) || !unpack_findings(&in, arena, out) ||
        bb_cursor_left(&in) != 0)
        return BB_FAIL(error, BB_E_BLOCK_CORRUPT, "a block's columns are damaged");
    return 0;
}
