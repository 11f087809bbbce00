/* Blocks as items of DynamoDB: see dynamodb_internal.h. What is the same for all rows stands once, what is not in a list beside
 * the values: a usual day of quarter hours takes one unit of write capacity. */
#include "adapter/dynamodb_internal.h"
#include "model/kind.h"

#include <stdio.h>

#include "model/unit.h"

static const char *const statistics[] = {"value", "min", "max"};

uint32_t bb_dynamodb_rows_before(const struct bb_value_change *change) {
    uint32_t rows = change->before.count;

    for (uint32_t i = 0; i < change->now.count; i++)
        rows += change->now.origin[i] == 0;
    return rows;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void put_name(struct bb_buffer *out, struct bb_span name) {
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '#' || name.data[i] == '%')
            bb_buffer_format(out, "%%%02X", (unsigned char)name.data[i]);
        else
            bb_buffer_append_byte(out, (uint8_t)name.data[i]);
    }
}

void bb_dynamodb_key(struct bb_buffer *out, const struct bb_outbox_record *record, uint8_t lane) {
    put_name(out, record->tenant);
    bb_buffer_append_byte(out, '#');
    put_name(out, record->usage_point);
    bb_buffer_format(out, "#%s#", bb_lanes[lane].name);
    put_name(out, record->channel);
}

void bb_dynamodb_sort_key(struct bb_buffer *out, uint8_t lane, int32_t span, uint32_t part) {
    struct bb_civil begin;
    int64_t start_ms, end_ms;

    bb_lane_span_bounds(lane, span, &start_ms, &end_ms);
    bb_civil_from_ms(start_ms, &begin);
    switch (bb_lanes[lane].span) {
    case BB_SPAN_UTC_DAY:
        bb_buffer_format(out, "%04d-%02d-%02d", begin.year, begin.month, begin.day);
        break;
    case BB_SPAN_UTC_MONTH: bb_buffer_format(out, "%04d-%02d", begin.year, begin.month); break;
    case BB_SPAN_UTC_YEAR: bb_buffer_format(out, "%04d", begin.year); break;
    case BB_SPAN_UTC_DECADE: bb_buffer_format(out, "%04ds", begin.year); break;
    }
    if (part > 0)
        bb_buffer_format(out, "#%u", part);
}

/* ---- attributes ------------------------------------------------------------------------------ */

static void put_typed(struct bb_json *json, const char *type, struct bb_span text) {
    bb_json_object_begin(json);
    bb_json_put_text(json, type, text);
    bb_json_object_end(json);
}

static void put_integer(struct bb_json *json, int64_t number) {
    char text[24];
    int size = snprintf(text, sizeof text, "%lld", (long long)number);

    put_typed(json, "N", (struct bb_span){text, (size_t)size});
}

void bb_dynamodb_put_text(struct bb_json *json, const char *name, struct bb_span text) {
    bb_json_key(json, name);
    put_typed(json, "S", text);
}

void bb_dynamodb_put_number(struct bb_json *json, const char *name, int64_t number) {
    bb_json_key(json, name);
    put_integer(json, number);
}

static void list_begin(struct bb_json *json, const char *name) {
    bb_json_key(json, name);
    bb_json_object_begin(json);
    bb_json_key(json, "L");
    bb_json_array_begin(json);
}

static void list_end(struct bb_json *json) {
    bb_json_array_end(json);
    bb_json_object_end(json);
}

/* ---- rows [first, end) of a block ------------------------------------------------------------ */

struct part {
    const struct bb_block *block;
    uint32_t first, end;
};

static const struct bb_attribute *attribute_of(const struct part *p, uint32_t row) {
    return &p->block->attributes.items[p->block->attribute[row]];
}

static int64_t length_of(const struct part *p, uint32_t row) {
    return attribute_of(p, row)->length_s;
}

static int64_t unit_of(const struct part *p, uint32_t row) {
    return attribute_of(p, row)->unit;
}

static int64_t statistic_of(const struct part *p, uint32_t row) {
    return attribute_of(p, row)->statistic;
}

static int64_t quality_of(const struct part *p, uint32_t row) {
    return p->block->attribute[row];
}

static bool all_alike(const struct part *p, int64_t (*of)(const struct part *p, uint32_t row)) {
    for (uint32_t i = p->first + 1; i < p->end; i++)
        if (of(p, i) != of(p, p->first))
            return false;
    return true;
}

static void put_ends(struct bb_json *json, const struct part *p) {
    const int64_t *ends = p->block->end_ms;
    int64_t step = p->end - p->first > 1 ? ends[p->first + 1] - ends[p->first] : 0;
    bool regular = true;

    for (uint32_t i = p->first + 1; i < p->end; i++)
        regular = regular && ends[i] - ends[i - 1] == step;
    if (regular) {
        bb_dynamodb_put_number(json, "first_end", ends[p->first]);
        bb_dynamodb_put_number(json, "step_ms", step);
        return;
    }
    list_begin(json, "ends");
    for (uint32_t i = p->first; i < p->end; i++)
        put_integer(json, ends[i]);
    list_end(json);
}

static void put_lengths(struct bb_json *json, const struct part *p) {
    if (all_alike(p, length_of)) {
        bb_dynamodb_put_number(json, "length_s", length_of(p, p->first));
        return;
    }
    list_begin(json, "lengths_s");
    for (uint32_t i = p->first; i < p->end; i++)
        put_integer(json, length_of(p, i));
    list_end(json);
}

static void put_units(struct bb_json *json, const struct part *p) {
    if (all_alike(p, unit_of)) {
        bb_dynamodb_put_text(json, "unit", bb_span_of(bb_unit_symbol((int)unit_of(p, p->first))));
        return;
    }
    list_begin(json, "units");
    for (uint32_t i = p->first; i < p->end; i++)
        put_typed(json, "S", bb_span_of(bb_unit_symbol((int)unit_of(p, i))));
    list_end(json);
}

static void put_statistics(struct bb_json *json, const struct part *p) {
    if (all_alike(p, statistic_of) && statistic_of(p, p->first) == BB_STATISTIC_VALUE)
        return;
    list_begin(json, "statistics");
    for (uint32_t i = p->first; i < p->end; i++)
        put_typed(json, "S", bb_span_of(statistics[statistic_of(p, i)]));
    list_end(json);
}

static void put_values(struct bb_json *json, const struct part *p) {
    char text[BB_DECIMAL_TEXT_MAX];

    list_begin(json, "values");
    for (uint32_t i = p->first; i < p->end; i++) {
        const struct bb_attribute *a = attribute_of(p, i);
        if (a->quality.state == BB_STATE_MISSING) {
            bb_json_object_begin(json);
            bb_json_put_bool(json, "NULL", true);
            bb_json_object_end(json);
            continue;
        }
        size_t size = bb_decimal_format((struct bb_decimal){p->block->mantissa[i], a->exponent},
                                        true, text);
        put_typed(json, "N", (struct bb_span){text, size});
    }
    list_end(json);
}

static void put_quality(struct bb_json *json, const struct part *p, uint32_t attribute) {
    struct bb_buffer text;

    bb_buffer_init(&text, 4096);
    bb_quality_format(&p->block->attributes.items[attribute].quality, &text);
    put_typed(json, "S", bb_buffer_span(&text));
    bb_buffer_release(&text);
}

/* One quality for all, or the dictionary of the block and each row's number in it. */
static void put_qualities(struct bb_json *json, const struct part *p) {
    if (all_alike(p, quality_of)) {
        bb_json_key(json, "quality");
        put_quality(json, p, (uint32_t)quality_of(p, p->first));
        return;
    }
    list_begin(json, "qualities");
    for (uint32_t k = 0; k < p->block->attributes.count; k++)
        put_quality(json, p, k);
    list_end(json);
    list_begin(json, "quality_numbers");
    for (uint32_t i = p->first; i < p->end; i++)
        put_integer(json, quality_of(p, i));
    list_end(json);
}

static void put_keys(struct bb_json *json, const struct dynamodb_item *item) {
    struct bb_buffer key;

    bb_buffer_init(&key, 1 << 14);
    bb_dynamodb_key(&key, item->record, item->change->lane);
    bb_dynamodb_put_text(json, "pk", bb_buffer_span(&key));
    bb_buffer_clear(&key);
    bb_dynamodb_sort_key(&key, item->change->lane, item->change->span, item->part);
    bb_dynamodb_put_text(json, "sk", bb_buffer_span(&key));
    bb_buffer_release(&key);
}

static void put_head(struct bb_json *json, const struct dynamodb_item *item, uint32_t count) {
    const struct bb_value_change *change = item->change;
    char time[BB_TIME_TEXT_MAX];
    size_t size = bb_time_format_utc(item->record->recorded_ms, time);

    bb_dynamodb_put_number(json, "version", (int64_t)item->sequence);
    bb_dynamodb_put_number(json, "partition_id", item->partition);
    bb_dynamodb_put_text(json, "tenant", item->record->tenant);
    bb_dynamodb_put_text(json, "usage_point", item->record->usage_point);
    bb_dynamodb_put_text(json, "channel", item->record->channel);
    bb_dynamodb_put_text(json, "lane", bb_span_of(bb_lanes[change->lane].name));
    bb_dynamodb_put_text(json, "kind", bb_span_of(bb_kind_name(change->kind)));
    bb_dynamodb_put_text(json, "commodity", bb_span_of(bb_commodity_name(change->commodity)));
    bb_dynamodb_put_text(json, "recorded", (struct bb_span){time, size});
    bb_dynamodb_put_number(json, "row_count", count);
    if (item->expire_after_s > 0) {
        int64_t start_ms, end_ms;
        bb_lane_span_bounds(change->lane, change->span, &start_ms, &end_ms);
        bb_dynamodb_put_number(json, "expires", end_ms / BB_SECOND_MS + item->expire_after_s);
    }
}

void bb_dynamodb_item(struct bb_json *json, const struct dynamodb_item *item) {
    const struct bb_block *now = &item->change->now;
    uint32_t first = item->part * DYNAMODB_PART_ROWS;
    struct part p = {now, first < now->count ? first : now->count, now->count};

    if (p.end - p.first > DYNAMODB_PART_ROWS)
        p.end = p.first + DYNAMODB_PART_ROWS;
    bb_json_object_begin(json);
    put_keys(json, item);
    put_head(json, item, p.end - p.first);
    if (p.end > p.first) {
        put_ends(json, &p);
        put_lengths(json, &p);
        put_units(json, &p);
        put_statistics(json, &p);
        put_values(json, &p);
        put_qualities(json, &p);
    }
    bb_json_object_end(json);
}
