/* The change feed, item by item: see change_feed.h. */
#include "adapter/change_feed.h"

#include <stdio.h>

enum { ARENA_CHUNK_BYTES = 1 << 20, ARENA_LIMIT_BYTES = 1 << 30 };

bool bb_sink_choice_takes(const struct bb_sink_choice *choice,
                          const struct bb_outbox_record *record) {
    return !choice->tenant || !choice->tenant[0] ||
           bb_span_equal(record->tenant, bb_span_of(choice->tenant));
}

struct bb_change_side bb_change_side_of(const struct bb_block *block, int64_t row) {
    if (row < 0)
        return (struct bb_change_side){.there = false};
    const struct bb_attribute *attribute = &block->attributes.items[block->attribute[row]];
    return (struct bb_change_side){.there = true,
                                   .start_ms = block->end_ms[row] -
                                               (int64_t)attribute->length_s * BB_SECOND_MS,
                                   .end_ms = block->end_ms[row],
                                   .value = {block->mantissa[row], attribute->exponent},
                                   .missing = attribute->quality.state == BB_STATE_MISSING,
                                   .attribute = attribute};
}

static int walk_values(const struct bb_sink_choice *choice, struct bb_change_item *item,
                       struct bb_arena *arena, const struct bb_change_visit *visit,
                       struct bb_error *error) {
    struct bb_value_change change;
    struct bb_changed_row row;
    int result = bb_value_change_decode(item->record->body, arena, &change, error);

    if (result || !bb_sink_choice_takes_lane(choice, change.lane))
        return result;
    item->change = &change;
    struct bb_changed_rows rows = bb_changed_rows(&change);
    while (!result && bb_changed_rows_next(&rows, &row)) {
        item->now = bb_change_side_of(&change.now, row.now);
        item->before = bb_change_side_of(&change.before, row.before);
        result = visit->item(visit->context, item);
        item->row++;
    }
    item->change = NULL;
    return result;
}

static int walk_letter(const struct bb_change_item *item, const struct bb_change_visit *visit,
                       struct bb_error *error) {
    struct bb_letter letter;

    if (!bb_letter_decode(item->record->body, &letter))
        return BB_FAIL(error, BB_E_LOG_CORRUPT, "a dead letter is damaged");
    letter.id = bb_letter_derived_id(item->partition, (uint64_t)item->record->a);
    letter.received_ms = item->record->recorded_ms;
    return visit->letter(visit->context, &letter);
}

static int walk_record(const struct bb_sink_choice *choice, struct bb_change_item *item,
                       struct bb_arena *arena, const struct bb_change_visit *visit,
                       struct bb_error *error) {
    uint8_t kind = item->record->kind;
    int result = 0;

    if (!bb_sink_choice_takes(choice, item->record))
        return 0;
    if (kind == BB_OUTBOX_VALUES)
        result = walk_values(choice, item, arena, visit, error);
    else if (kind == BB_OUTBOX_EXCEPTION_OPENED || kind == BB_OUTBOX_EXCEPTION_CLOSED)
        result = visit->item(visit->context, item);
    else if (kind == BB_OUTBOX_DEAD_LETTER && visit->letter)
        result = walk_letter(item, visit, error);
    bb_arena_reset(arena);
    return result;
}

int bb_change_feed_walk(const struct bb_sink_choice *choice, uint32_t partition, uint64_t from,
                        const struct bb_outbox_record *records, size_t count,
                        const struct bb_change_visit *visit, struct bb_error *error) {
    struct bb_arena arena;
    char name[64];
    int result = 0;

    bb_arena_init(&arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
    for (size_t i = 0; !result && i < count; i++) {
        struct bb_change_item item = {
            .partition = partition, .sequence = from + i + 1, .record = &records[i]};
        result = walk_record(choice, &item, &arena, visit, error);
        if (result < 0) {
            snprintf(name, sizeof name, "record %llu of partition %u",
                     (unsigned long long)item.sequence, partition);
            bb_error_locate(error, name, 0);
        }
        if (!result && visit->end)
            result = visit->end(visit->context, item.sequence);
    }
    bb_arena_release(&arena);
    return result;
}
