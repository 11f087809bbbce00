/* A row of a group's values: see group_row.h. */
#include "answer/group_row.h"

#include "model/kind.h"
#include "model/unit.h"

#include <stdio.h>

const struct bb_field_row bb_group_row_fields[] = {
    {.name = "group"},
    {.name = "channel"},
    {.name = "commodity", .is_aside = true},
    {.name = "quantity", .is_aside = true},
    {.name = "kind", .is_aside = true},
    {.name = "lane", .is_aside = true},
    {.name = "start"},
    {.name = "end"},
    {.name = "sum", .is_number = true},
    {.name = "mean", .is_number = true},
    {.name = "min", .is_number = true},
    {.name = "max", .is_number = true},
    {.name = "unit"},
    {.name = "members", .is_number = true},
    {.name = "missing", .is_number = true},
    {.name = "of", .is_number = true},
    {.name = "estimated", .is_number = true},
    {.name = "measured", .is_number = true},
    {.name = "quality"},
};
const size_t bb_group_row_field_count = sizeof bb_group_row_fields / sizeof bb_group_row_fields[0];

static void put_time(struct bb_record *out, const struct bb_zone *zone, int64_t ms) {
    char text[BB_TIME_TEXT_MAX];

    if (zone)
        bb_record_copy(
            out, (struct bb_span){
                     text, bb_time_format_offset(ms, bb_zone_stretch_at(zone, ms).offset_s, text)});
    else
        bb_record_time(out, ms);
}

static void put_number(struct bb_record *out, bool there, struct bb_number number) {
    char text[BB_WIDE_TEXT_MAX];

    if (there)
        bb_record_digits(
            out, (struct bb_span){text, bb_wide_format(number.mantissa, number.exponent, text)});
    else
        bb_record_nothing(out);
}

static void put_measured(struct bb_record *out, int thousandths) {
    char text[16];

    if (thousandths < 0) {
        bb_record_nothing(out);
        return;
    }
    snprintf(text, sizeof text, "%d.%03d", thousandths / 1000, thousandths % 1000);
    bb_record_digits(out, bb_span_of(text));
}

void bb_record_of_group_row(struct bb_span group, const struct bb_group_row *row,
                            const struct bb_zone *zone, struct bb_record *out) {
    const bool has_value = row->members > 0;
    struct bb_buffer quality;

    bb_record_begin(out, bb_group_row_fields, bb_group_row_field_count);
    bb_record_text(out, group);
    bb_record_text(out, row->channel);
    bb_record_name(out, bb_commodity_name(row->commodity));
    bb_record_name(out, bb_dimension_name(bb_unit_dimension(row->unit)));
    bb_record_name(out, bb_kind_name(row->kind));
    bb_record_name(out, bb_lanes[row->lane].name);
    put_time(out, zone, row->start_ms);
    put_time(out, zone, row->end_ms);
    put_number(out, has_value, row->sum);
    put_number(out, has_value, row->mean);
    put_number(out, has_value, row->min);
    put_number(out, has_value, row->max);
    bb_record_name(out, bb_unit_symbol(row->unit));
    bb_record_number(out, row->members);
    bb_record_number(out, row->missing);
    bb_record_number(out, row->of);
    bb_record_number(out, row->estimated);
    put_measured(out, row->measured);
    bb_buffer_init(&quality, 256);
    bb_quality_format(&row->quality, &quality);
    bb_record_copy(out, bb_buffer_span(&quality));
    bb_buffer_release(&quality);
}
