/* What changes look like on their way: JSON byte by byte, Avro by its frame and length. */
#include <criterion/criterion.h>

#include "adapter/sink_kafka_internal.h"
#include "codec/avro_write.h"
#include "model/kind.h"
#include "model/unit.h"

static struct bb_buffer out;
static struct bb_attribute now_attribute = {.length_s = 900,
                                            .unit = BB_UNIT_KWH,
                                            .exponent = -3,
                                            .quality = {.state = BB_STATE_ESTIMATED,
                                                        .method = BB_METHOD_LINEAR,
                                                        .checks = 1u << BB_CHECK_GAP}};
static struct bb_attribute before_attribute = {
    .length_s = 900, .unit = BB_UNIT_KWH, .quality = {.state = BB_STATE_MISSING}};
static struct bb_outbox_record record;
static struct bb_value_change change;

static void begin(void) {
    bb_buffer_init(&out, 1 << 16);
    record = (struct bb_outbox_record){.kind = BB_OUTBOX_VALUES,
                                       .tenant = BB_SPAN("demo"),
                                       .usage_point = BB_SPAN("Zähler \"1\""),
                                       .channel = BB_SPAN("1-1:1.29.0"),
                                       .recorded_ms = 1772400000000};
    change = (struct bb_value_change){.lane = BB_LANE_VEE,
                                      .kind = BB_KIND_INTERVAL,
                                      .commodity = BB_COMMODITY_ELECTRICITY,
                                      .zone = BB_SPAN("UTC"),
                                      .source = BB_SPAN("a.csv")};
}

static void end(void) {
    bb_buffer_release(&out);
}

TestSuite(sink_form, .init = begin, .fini = end);

static struct bb_change_item item(void) {
    return (struct bb_change_item){
        .partition = 3,
        .sequence = 17,
        .row = 2,
        .record = &record,
        .change = &change,
        .now = {true,
                1772323200000,
                1772324100000,
                {INT64_C(123456789012345678), -3},
                false,
                &now_attribute},
        .before = {true, 1772323200000, 1772324100000, {0, 0}, true, &before_attribute}};
}

static void expect_json(const struct bb_change_item *i, const char *expected) {
    const struct bb_sink_kafka_options options = {.format = BB_SINK_KAFKA_JSON};

    bb_buffer_clear(&out);
    cr_expect(bb_sink_kafka_form(&options, i, &out));
    bb_buffer_append_byte(&out, '\0');
    cr_expect_str_eq(out.data, expected);
}

Test(sink_form, a_changed_value) {
    struct bb_change_item i = item();

    expect_json(&i, "{\"id\":\"3:17:2\",\"type\":\"value\",\"tenant\":\"demo\",\"usage_point\":"
                    "\"Zähler \\\"1\\\"\",\"channel\":\"1-1:1.29.0\",\"lane\":\"vee\",\"start\":"
                    "\"2026-03-01T00:00:00Z\",\"end\":\"2026-03-01T00:15:00Z\",\"statistic\":"
                    "\"value\",\"value\":123456789012345.678,\"unit\":\"kWh\",\"quality\":"
                    "\"estimated|method:linear|check:gap\",\"before\":{\"value\":null,\"unit\":"
                    "\"kWh\",\"quality\":\"missing\"},\"kind\":\"interval\",\"commodity\":"
                    "\"electricity\",\"zone\":\"UTC\",\"source\":\"a.csv\",\"recorded\":"
                    "\"2026-03-01T21:20:00Z\"}");
}

Test(sink_form, a_value_that_is_no_more) {
    struct bb_change_item i = item();

    i.now.there = false;
    change.zone = change.source = (struct bb_span){NULL, 0};
    expect_json(&i, "{\"id\":\"3:17:2\",\"type\":\"value\",\"tenant\":\"demo\",\"usage_point\":"
                    "\"Zähler \\\"1\\\"\",\"channel\":\"1-1:1.29.0\",\"lane\":\"vee\",\"start\":"
                    "\"2026-03-01T00:00:00Z\",\"end\":\"2026-03-01T00:15:00Z\",\"statistic\":"
                    "\"value\",\"removed\":true,\"before\":{\"value\":null,\"unit\":\"kWh\","
                    "\"quality\":\"missing\"},\"kind\":\"interval\",\"commodity\":\"electricity\","
                    "\"recorded\":\"2026-03-01T21:20:00Z\"}");
}

Test(sink_form, an_exception) {
    struct bb_change_item i = {.partition = 3, .sequence = 18, .record = &record};

    record.kind = BB_OUTBOX_EXCEPTION_OPENED;
    record.check = BB_CHECK_HIGH;
    record.from_ms = 1772323200000;
    record.to_ms = 1772324100000;
    record.a = 1234;
    record.b = -5;
    record.exponent = -3;
    record.body = BB_SPAN("a.csv");
    expect_json(&i, "{\"id\":\"3:18:0\",\"type\":\"exception_opened\",\"tenant\":\"demo\","
                    "\"usage_point\":\"Zähler \\\"1\\\"\",\"channel\":\"1-1:1.29.0\",\"check\":"
                    "\"high\",\"start\":\"2026-03-01T00:00:00Z\",\"end\":\"2026-03-01T00:15:00Z\","
                    "\"a\":1.234,\"b\":-0.005,\"source\":\"a.csv\",\"recorded\":"
                    "\"2026-03-01T21:20:00Z\"}");
}

/* The datum as the codec writes it by itself: the tests of the codec say that it is right. */
static void expect_avro(const struct bb_change_item *i, const struct bb_avro_change *expected) {
    struct bb_sink_kafka_options options = {.format = BB_SINK_KAFKA_AVRO, .schema_id = 77};
    struct bb_buffer same;

    bb_buffer_init(&same, 1 << 16);
    for (int confluent = 0; confluent < 2; confluent++) {
        bb_buffer_clear(&out);
        bb_buffer_clear(&same);
        cr_expect(bb_sink_kafka_form(&options, i, &out));
        if (confluent)
            bb_avro_write_confluent(expected, 77, &same);
        else
            bb_avro_write_single(expected, &same);
        cr_expect(bb_span_equal(bb_buffer_span(&out), bb_buffer_span(&same)));
        options.format = BB_SINK_KAFKA_AVRO_CONFLUENT;
    }
    bb_buffer_release(&same);
}

Test(sink_form, avro_tells_old_and_new) {
    const struct bb_span quality[] = {BB_SPAN("estimated"), BB_SPAN("method:linear"),
                                      BB_SPAN("check:gap")};
    struct bb_change_item i = item();
    struct bb_avro_change expected = {.tenant = record.tenant,
                                      .usage_point = record.usage_point,
                                      .channel = record.channel,
                                      .lane = BB_SPAN("vee"),
                                      .start_ms = 1772323200000,
                                      .end_ms = 1772324100000,
                                      .has_new = true,
                                      .new_value = {INT64_C(123456789012345678), -3},
                                      .unit = BB_SPAN("kWh"),
                                      .quality = quality,
                                      .quality_count = 3,
                                      .recorded_ms = 1772400000000,
                                      .why = BB_SPAN("a.csv"),
                                      .sequence = 17};

    expect_avro(&i, &expected);
    i.now.there = false; /* taken away: no value, and no quality */
    expected.has_new = false;
    expected.quality_count = 0;
    expect_avro(&i, &expected);
    before_attribute.statistic = BB_STATISTIC_MAX;
    expected.lane = BB_SPAN("vee:max");
    expect_avro(&i, &expected);
    before_attribute.statistic = BB_STATISTIC_VALUE;
}

Test(sink_form, exceptions_have_no_form_in_avro) {
    const struct bb_sink_kafka_options options = {.format = BB_SINK_KAFKA_AVRO};
    struct bb_change_item i = {.record = &record};

    record.kind = BB_OUTBOX_EXCEPTION_OPENED;
    cr_expect_not(bb_sink_kafka_form(&options, &i, &out));
    cr_expect_eq(out.size, 0);
}
