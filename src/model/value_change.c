/* Changes of values: see value_change.h. Pure. */
#include "model/value_change.h"

#include "model/attribute_pack.h"

enum { CHANGE_VERSION = 1 };

static int put_block(const struct bb_block *block, struct bb_arena *scratch, struct bb_buffer *out,
                     struct bb_error *error) {
    struct bb_buffer packed;
    int result = 0;

    bb_buffer_init(&packed, BB_BLOCK_MAX_BYTES);
    if (block->count > 0)
        result = bb_block_pack(block, scratch, &packed, error);
    if (!result)
        bb_put_text(out, bb_buffer_span(&packed));
    bb_buffer_release(&packed);
    return result;
}

int bb_value_change_encode(const struct bb_value_change *c, struct bb_arena *scratch,
                           struct bb_buffer *out, struct bb_error *error) {
    const uint8_t head[] = {CHANGE_VERSION, c->lane, c->kind, c->commodity};

    bb_buffer_append(out, head, sizeof head);
    bb_put_zigzag(out, c->span);
    bb_put_text(out, c->zone);
    bb_put_text(out, c->obis);
    bb_put_text(out, c->source);
    int result = put_block(&c->now, scratch, out, error);
    if (!result)
        result = put_block(&c->before, scratch, out, error);
    if (!result && out->overflow)
        result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a change of values");
    return result;
}

static int take_block(struct bb_span packed, uint8_t lane, struct bb_arena *arena,
                      struct bb_block *out, struct bb_error *error) {
    *out = (struct bb_block){.lane = lane};
    return packed.size == 0 ? 0 : bb_block_unpack(packed, arena, out, error);
}

int bb_value_change_decode(struct bb_span body, struct bb_arena *arena, struct bb_value_change *out,
                           struct bb_error *error) {
    struct bb_cursor in = bb_cursor_over(body);

    memset(out, 0, sizeof *out);
    uint8_t version = bb_cursor_byte(&in);
    if (version != CHANGE_VERSION)
        return version == 0 ? BB_FAIL(error, BB_E_STORE_CORRUPT, "a change of values is damaged")
                            : BB_FAIL_VERSION(error, "a change of values", version, CHANGE_VERSION);
    out->lane = bb_cursor_byte(&in);
    out->kind = bb_cursor_byte(&in);
    out->commodity = bb_cursor_byte(&in);
    out->span = (int32_t)bb_cursor_zigzag(&in);
    out->zone = bb_cursor_text(&in);
    out->obis = bb_cursor_text(&in);
    out->source = bb_cursor_text(&in);
    struct bb_span now = bb_cursor_text(&in), before = bb_cursor_text(&in);
    if (in.failed || out->lane >= BB_LANE_COUNT || bb_cursor_left(&in) > 0)
        return BB_FAIL(error, BB_E_STORE_CORRUPT, "a change of values is damaged");
    int result = take_block(now, out->lane, arena, &out->now, error);
    return result ? result : take_block(before, out->lane, arena, &out->before, error);
}

static int compare_rows(const struct bb_block *a, uint32_t i, const struct bb_block *b,
                        uint32_t k) {
    uint8_t x = a->attributes.items[a->attribute[i]].statistic;
    uint8_t y = b->attributes.items[b->attribute[k]].statistic;

    if (a->end_ms[i] != b->end_ms[k])
        return a->end_ms[i] < b->end_ms[k] ? -1 : 1;
    return (x > y) - (x < y);
}

bool bb_changed_rows_next(struct bb_changed_rows *rows, struct bb_changed_row *out) {
    const struct bb_block *now = &rows->change->now, *before = &rows->change->before;

    while (rows->now < now->count && !now->origin[rows->now])
        rows->now++;
    bool has_now = rows->now < now->count, has_before = rows->before < before->count;
    if (!has_now && !has_before)
        return false;
    int order = !has_now      ? 1
                : !has_before ? -1
                              : compare_rows(now, rows->now, before, rows->before);
    *out = (struct bb_changed_row){order <= 0 ? (int64_t)rows->now : -1,
                                   order >= 0 ? (int64_t)rows->before : -1};
    rows->now += order <= 0;
    rows->before += order >= 0;
    return true;
}
