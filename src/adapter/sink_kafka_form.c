/* A change as the value of a record: see sink_kafka_internal.h.
 *
 * The published schema has a lane's name, but no statistic: minima and maxima of gauges' periods are of lanes of their own,
 * "day:min" and "day:max". A row that is no more has no new value and no quality; one that is missing has the quality
 * "missing". Exceptions have no form in Avro. */
#include "adapter/sink_kafka_internal.h"

#include <stdio.h>

#include "codec/avro_write.h"
#include "model/unit.h"

enum { QUALITY_MAX = 48, QUALITY_BYTES = 4096, LANE_MAX = 24 };

/* "measured|final" as "measured", "final". */
static uint32_t split(struct bb_span text, struct bb_span *out) {
    uint32_t count = 0;

    while (text.size > 0 && count < QUALITY_MAX) {
        const char *bar = memchr(text.data, '|', text.size);
        size_t size = bar ? (size_t)(bar - text.data) : text.size;
        out[count++] = (struct bb_span){text.data, size};
        text.data += bar ? size + 1 : size;
        text.size -= bar ? size + 1 : size;
    }
    return count;
}

static void put_avro(const struct bb_sink_kafka_options *options, const struct bb_change_item *item,
                     struct bb_buffer *out) {
    static const char *const suffixes[] = {"", ":min", ":max"};
    const struct bb_change_side *side = item->now.there ? &item->now : &item->before;
    struct bb_span quality[QUALITY_MAX];
    struct bb_buffer words;
    char lane[LANE_MAX];

    bb_buffer_init(&words, QUALITY_BYTES);
    snprintf(lane, sizeof lane, "%s%s", bb_lanes[item->change->lane].name,
             suffixes[side->attribute->statistic]);
    if (item->now.there)
        bb_quality_format(&item->now.attribute->quality, &words);
    struct bb_avro_change change = {
        .tenant = item->record->tenant,
        .usage_point = item->record->usage_point,
        .channel = item->record->channel,
        .lane = bb_span_of(lane),
        .start_ms = side->start_ms,
        .end_ms = side->end_ms,
        .has_old = item->before.there && !item->before.missing,
        .has_new = item->now.there && !item->now.missing,
        .old_value = item->before.value,
        .new_value = item->now.value,
        .unit = bb_span_of(bb_unit_symbol(side->attribute->unit)),
        .quality = quality,
        .quality_count = split(bb_buffer_span(&words), quality),
        .recorded_ms = item->record->recorded_ms,
        .why = item->change->source,
        .sequence = (int64_t)item->sequence,
    };
    if (options->format == BB_SINK_KAFKA_AVRO)
        bb_avro_write_single(&change, out);
    else
        bb_avro_write_confluent(&change, options->schema_id, out);
    bb_buffer_release(&words);
}

bool bb_sink_kafka_form(const struct bb_sink_kafka_options *options,
                        const struct bb_change_item *item, struct bb_buffer *out) {
    struct bb_json json;

    if (options->format != BB_SINK_KAFKA_JSON) {
        if (item->change)
            put_avro(options, item, out);
        return item->change != NULL;
    }
    bb_json_init(&json, out);
    bb_change_item_json(&json, item);
    return true;
}
