/* Rows of a query in each format: names, quoting, missing values, zones, ranges. */
#include <criterion/criterion.h>

#include "cli/query_writer.h"
#include "model/unit.h"

static struct bb_output out;

static const struct bb_quality measured = {.state = BB_STATE_MEASURED};
static const struct bb_quality missing = {.state = BB_STATE_MISSING, .checks = 1 << BB_CHECK_GAP};

enum { HOUR_MS = 3600 * 1000 };
static const int64_t change_ms = 1774746000000; /* 2026-03-29T01:00:00Z: Amsterdam goes to +02:00 */

static struct bb_query_row row_at(int64_t end_ms, int64_t mantissa) {
    return (struct bb_query_row){.usage_point = BB_SPAN("a,\"b\""),
                                 .channel = BB_SPAN("1.29.0"),
                                 .lane = BB_LANE_RAW,
                                 .start_ms = end_ms - HOUR_MS,
                                 .end_ms = end_ms,
                                 .has_value = true,
                                 .value = {mantissa, -3},
                                 .unit = BB_UNIT_KWH,
                                 .quality = &measured};
}

static void write_three(enum bb_query_format format, const struct bb_zone *zone) {
    struct bb_query_writer writer;
    struct bb_query_row rows[] = {row_at(change_ms, 1250), row_at(change_ms + HOUR_MS, 0),
                                  row_at(change_ms + 2 * HOUR_MS, 1500)};

    rows[1].has_value = false;
    rows[1].quality = &missing;
    rows[2].lane = BB_LANE_VEE;
    bb_output_init(&out, -1);
    bb_query_writer_begin(&writer, &out, format, zone, false);
    for (size_t i = 0; i < 3; i++)
        cr_expect(bb_query_writer_row(&writer, &rows[i]));
    bb_query_writer_end(&writer);
    bb_buffer_append_byte(&out.buffer, '\0');
}

static void expect(const char *wanted) {
    cr_expect_str_eq(out.buffer.data, wanted);
    bb_output_release(&out);
}

Test(query_writer, csv_quotes_and_leaves_missing_values_empty) {
    write_three(BB_QUERY_CSV, NULL);
    expect(
        "usage_point,channel,lane,start,end,value,unit,quality\n"
        "\"a,\"\"b\"\"\",1.29.0,raw,2026-03-29T00:00:00Z,2026-03-29T01:00:00Z,1.250,kWh,measured\n"
        "\"a,\"\"b\"\"\",1.29.0,raw,2026-03-29T01:00:00Z,2026-03-29T02:00:00Z,,kWh,missing|check:gap\n"
        "\"a,\"\"b\"\"\",1.29.0,vee,2026-03-29T02:00:00Z,2026-03-29T03:00:00Z,1.5,kWh,measured\n");
}

Test(query_writer, a_zone_gives_offsets_that_change_with_the_clock) {
    struct bb_zone *zone;
    struct bb_error error;

    cr_assert_eq(bb_zone_load(NULL, BB_SPAN("Europe/Amsterdam"), &zone, &error), 0);
    write_three(BB_QUERY_CSV, zone);
    cr_expect_not_null(
        strstr(out.buffer.data, "2026-03-29T01:00:00+01:00,2026-03-29T03:00:00+02:00,"));
    bb_output_release(&out);
    bb_zone_free(zone);
}

Test(query_writer, ndjson_has_an_object_a_line) {
    write_three(BB_QUERY_NDJSON, NULL);
    expect("{\"usage_point\":\"a,\\\"b\\\"\",\"channel\":\"1.29.0\",\"lane\":\"raw\","
           "\"start\":\"2026-03-29T00:00:00Z\",\"end\":\"2026-03-29T01:00:00Z\",\"value\":1.250,"
           "\"unit\":\"kWh\",\"quality\":\"measured\"}\n"
           "{\"usage_point\":\"a,\\\"b\\\"\",\"channel\":\"1.29.0\",\"lane\":\"raw\","
           "\"start\":\"2026-03-29T01:00:00Z\",\"end\":\"2026-03-29T02:00:00Z\",\"value\":null,"
           "\"unit\":\"kWh\",\"quality\":\"missing|check:gap\"}\n"
           "{\"usage_point\":\"a,\\\"b\\\"\",\"channel\":\"1.29.0\",\"lane\":\"vee\","
           "\"start\":\"2026-03-29T02:00:00Z\",\"end\":\"2026-03-29T03:00:00Z\",\"value\":1.5,"
           "\"unit\":\"kWh\",\"quality\":\"measured\"}\n");
}

Test(query_writer, json_is_one_array_also_of_nothing) {
    struct bb_query_writer writer;

    bb_output_init(&out, -1);
    bb_query_writer_begin(&writer, &out, BB_QUERY_JSON, NULL, false);
    bb_query_writer_end(&writer);
    bb_buffer_append_byte(&out.buffer, '\0');
    expect("[]\n");
    write_three(BB_QUERY_JSON, NULL);
    cr_expect_eq(out.buffer.data[0], '[');
    cr_expect_str_eq(out.buffer.data + strlen(out.buffer.data) - 3, "}]\n");
    bb_output_release(&out);
}

Test(query_writer, gauges_of_periods_have_min_and_max) {
    struct bb_query_writer writer;
    struct bb_query_row day = row_at(change_ms, 20500), energy = row_at(change_ms, 5);

    day.lane = energy.lane = BB_LANE_DAY;
    day.has_range = true;
    day.min = (struct bb_decimal){18, 0};
    day.max = (struct bb_decimal){2300, -2};
    bb_output_init(&out, -1);
    bb_query_writer_begin(&writer, &out, BB_QUERY_CSV, NULL, true);
    bb_query_writer_row(&writer, &day);
    bb_query_writer_row(&writer, &energy);
    bb_query_writer_end(&writer);
    bb_buffer_append_byte(&out.buffer, '\0');
    expect(
        "usage_point,channel,lane,start,end,value,unit,quality,min,max\n"
        "\"a,\"\"b\"\"\",1.29.0,day,2026-03-29T00:00:00Z,2026-03-29T01:00:00Z,20.5,kWh,measured,18,23\n"
        "\"a,\"\"b\"\"\",1.29.0,day,2026-03-29T00:00:00Z,2026-03-29T01:00:00Z,0.005,kWh,measured,,\n");
}

Test(query_writer, periods_say_what_they_are_made_of) {
    struct bb_query_writer writer;
    struct bb_query_row day = row_at(change_ms, 5);

    day.lane = BB_LANE_DAY;
    day.present = 3;
    day.estimated = 1;
    day.measured_ms = HOUR_MS - 1; /* rounded down: it is not whole */
    bb_output_init(&out, -1);
    bb_query_writer_begin(&writer, &out, BB_QUERY_NDJSON, NULL, false);
    bb_query_writer_row(&writer, &day);
    day.measured_ms = HOUR_MS;
    bb_query_writer_row(&writer, &day);
    bb_query_writer_end(&writer);
    bb_buffer_append_byte(&out.buffer, '\0');
    cr_expect_not_null(strstr(out.buffer.data,
                              "\"measured\",\"present\":3,\"estimated\":1,\"measured\":0.999}\n"));
    cr_expect_not_null(strstr(out.buffer.data, "\"measured\":1.000}\n"));
    bb_output_release(&out);
}

Test(query_writer, a_vanished_reader_ends_the_rows) {
    struct bb_query_writer writer;
    struct bb_query_row row = row_at(change_ms, 1);
    uint64_t rows = 0;

    bb_output_init(&out, -1); /* every write fails */
    bb_query_writer_begin(&writer, &out, BB_QUERY_CSV, NULL, false);
    while (rows < 1000000 && bb_query_writer_row(&writer, &row))
        rows++;
    bb_query_writer_end(&writer);
    cr_expect_lt(rows, 10000);
    cr_expect(out.closed);
    bb_output_release(&out);
}
