/* What changed as JSON: see change_feed.h. Values are numbers with all the digits that were sent. */
#include "adapter/change_feed.h"
#include "model/kind.h"

#include <stdio.h>

#include "model/unit.h"

static void put_time(struct bb_json *json, const char *key, int64_t ms) {
    char text[BB_TIME_TEXT_MAX];

    if (ms == BB_TIME_NONE)
        return;
    size_t size = bb_time_format_utc(ms, text);
    bb_json_put_text(json, key, (struct bb_span){text, size});
}

static void put_decimal(struct bb_json *json, const char *key, struct bb_decimal value) {
    char text[BB_DECIMAL_TEXT_MAX];
    size_t size = bb_decimal_format(value, false, text);

    bb_json_key(json, key);
    bb_json_raw(json, (struct bb_span){text, size});
}

static void put_side(struct bb_json *json, const struct bb_change_side *side) {
    struct bb_buffer quality;

    if (side->missing) {
        bb_json_key(json, "value");
        bb_json_null(json);
    } else {
        put_decimal(json, "value", side->value);
    }
    bb_json_put_text(json, "unit", bb_span_of(bb_unit_symbol(side->attribute->unit)));
    bb_buffer_init(&quality, 4096);
    bb_quality_format(&side->attribute->quality, &quality);
    bb_json_put_text(json, "quality", bb_buffer_span(&quality));
    bb_buffer_release(&quality);
}

static void put_text_if_any(struct bb_json *json, const char *key, struct bb_span text) {
    if (text.size > 0)
        bb_json_put_text(json, key, text);
}

static void put_value(struct bb_json *json, const struct bb_change_item *item) {
    static const char *const statistics[] = {"value", "min", "max"};
    const struct bb_value_change *change = item->change;
    const struct bb_change_side *side = item->now.there ? &item->now : &item->before;

    bb_json_put_text(json, "lane", bb_span_of(bb_lanes[change->lane].name));
    put_time(json, "start", side->start_ms);
    put_time(json, "end", side->end_ms);
    bb_json_put_text(json, "statistic", bb_span_of(statistics[side->attribute->statistic]));
    if (item->now.there)
        put_side(json, &item->now);
    else
        bb_json_put_bool(json, "removed", true);
    if (item->before.there) {
        bb_json_key(json, "before");
        bb_json_object_begin(json);
        put_side(json, &item->before);
        bb_json_object_end(json);
    }
    bb_json_put_text(json, "kind", bb_span_of(bb_kind_name(change->kind)));
    bb_json_put_text(json, "commodity", bb_span_of(bb_commodity_name(change->commodity)));
    put_text_if_any(json, "obis", change->obis);
    put_text_if_any(json, "zone", change->zone);
    put_text_if_any(json, "source", change->source);
}

static void put_exception(struct bb_json *json, const struct bb_outbox_record *record) {
    bb_json_put_text(json, "check", bb_span_of(bb_check_name(record->check)));
    put_time(json, "start", record->from_ms);
    put_time(json, "end", record->to_ms);
    put_decimal(json, "a", (struct bb_decimal){record->a, record->exponent});
    put_decimal(json, "b", (struct bb_decimal){record->b, record->exponent});
    put_text_if_any(json, "source", record->body);
}

static const char *type_of(const struct bb_change_item *item) {
    if (item->change)
        return "value";
    return item->record->kind == BB_OUTBOX_EXCEPTION_OPENED ? "exception_opened"
                                                            : "exception_closed";
}

void bb_change_item_json(struct bb_json *json, const struct bb_change_item *item) {
    const struct bb_outbox_record *record = item->record;
    char id[64];

    snprintf(id, sizeof id, "%u:%llu:%u", item->partition, (unsigned long long)item->sequence,
             item->row);
    bb_json_object_begin(json);
    bb_json_put_text(json, "id", bb_span_of(id));
    bb_json_put_text(json, "type", bb_span_of(type_of(item)));
    bb_json_put_text(json, "tenant", record->tenant);
    bb_json_put_text(json, "usage_point", record->usage_point);
    bb_json_put_text(json, "channel", record->channel);
    if (item->change)
        put_value(json, item);
    else
        put_exception(json, record);
    put_time(json, "recorded", record->recorded_ms);
    bb_json_object_end(json);
}
