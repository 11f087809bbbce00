/* Columns of a channel: arrays of one length, qualities by number. */
#include <criterion/criterion.h>

#include "answer/columns.h"
#include "model/unit.h"

static const struct bb_quality measured = {.state = BB_STATE_MEASURED};
static const struct bb_quality missing = {.state = BB_STATE_MISSING};

static void expect_json(const struct bb_columns *columns, const char *expected) {
    struct bb_buffer out;
    struct bb_json json;

    bb_buffer_init(&out, 1 << 20);
    bb_json_init(&json, &out);
    cr_assert(bb_columns_put_json(columns, &json));
    cr_expect_eq(out.size, strlen(expected));
    cr_expect(bb_span_equal(bb_buffer_span(&out), bb_span_of(expected)), "\n%.*s\n%s",
              (int)out.size, out.data, expected);
    bb_buffer_release(&out);
}

static struct bb_query_row row(int64_t end_ms, int64_t mantissa, const struct bb_quality *quality) {
    return (struct bb_query_row){.usage_point = BB_SPAN("A"),
                                 .channel = BB_SPAN("1.29.0"),
                                 .lane = BB_LANE_VEE,
                                 .kind = BB_KIND_INTERVAL,
                                 .start_ms = end_ms - 1000,
                                 .end_ms = end_ms,
                                 .has_value = quality->state != BB_STATE_MISSING,
                                 .value = {mantissa, -3},
                                 .unit = bb_unit_find(BB_SPAN("kWh")),
                                 .quality = quality};
}

Test(columns, rows) {
    struct bb_columns columns;
    struct bb_query_row rows[] = {row(1000, 250, &measured), row(2000, 0, &missing),
                                  row(3000, 125, &measured)};

    rows[2].has_band = true;
    rows[2].band = (struct bb_decimal){5, -2};
    cr_assert(bb_columns_init(&columns, 1 << 20));
    for (int i = 0; i < 3; i++)
        bb_columns_add(&columns, &rows[i]);
    expect_json(&columns,
                "{\"channel\":\"1.29.0\",\"unit\":\"kWh\",\"kind\":\"interval\",\"zone\":\"\","
                "\"start\":[0,1000,2000],\"end\":[1000,2000,3000],\"value\":[0.25,null,0.125],"
                "\"quality\":[0,1,0],\"band\":[null,null,0.05],"
                "\"qualities\":[\"measured\",\"missing\"]}");
    bb_columns_clear(&columns);
    bb_columns_add(&columns, &rows[1]); /* another channel begins anew */
    expect_json(&columns,
                "{\"channel\":\"1.29.0\",\"unit\":\"kWh\",\"kind\":\"interval\",\"zone\":\"\","
                "\"start\":[1000],\"end\":[2000],\"value\":[null],\"quality\":[0],"
                "\"band\":[null],\"qualities\":[\"missing\"]}");
    bb_columns_release(&columns);
}

Test(columns, points) {
    struct bb_columns columns;
    struct bb_query_row first = row(1000, 250, &measured);
    struct bb_point point = {.start_ms = 0,
                             .end_ms = 5000,
                             .count = 3,
                             .min = {1, -1},
                             .max = {9, -1},
                             .last = {5, -1},
                             .quality = measured};

    cr_assert(bb_columns_init(&columns, 1 << 20));
    bb_columns_name(&columns, &first);
    bb_columns_add_point(&columns, &point);
    expect_json(&columns,
                "{\"channel\":\"1.29.0\",\"unit\":\"kWh\",\"kind\":\"interval\",\"zone\":\"\","
                "\"start\":[0],\"end\":[5000],\"min\":[0.1],\"max\":[0.9],\"last\":[0.5],"
                "\"quality\":[0],\"count\":[3],\"qualities\":[\"measured\"]}");
    bb_columns_release(&columns);
}

Test(columns, more_than_the_limit_is_said) {
    struct bb_columns columns;
    struct bb_query_row one = row(1000, 250, &measured);
    struct bb_buffer out;
    struct bb_json json;

    cr_assert(bb_columns_init(&columns, 100));
    for (int i = 0; i < 100; i++)
        bb_columns_add(&columns, &one);
    bb_buffer_init(&out, 1 << 20);
    bb_json_init(&json, &out);
    cr_expect_not(bb_columns_put_json(&columns, &json));
    bb_buffer_release(&out);
    bb_columns_release(&columns);
}
