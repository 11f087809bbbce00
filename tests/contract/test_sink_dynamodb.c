/* What items look like, that older ones never win, and that large blocks come in parts. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "contract/sink_dynamodb.h"
#include "model/kind.h"
#include "model/unit.h"

static struct sink_fixture f;
static struct dynamodb_side *side;
static struct bb_arena arena;
static struct bb_attribute_set sets[16]; /* of blocks that were made */
static size_t set_count;

static void begin(void) {
    sink_fixture_init(&f, &sink_dynamodb_subject);
    side = f.other;
    bb_arena_init(&arena, 1 << 20, 1 << 28);
}

static void end(void) {
    while (set_count > 0)
        bb_attribute_set_release(&sets[--set_count]);
    bb_arena_release(&arena);
    sink_fixture_release(&f);
}

TestSuite(dynamodb, .init = begin, .fini = end, .timeout = 60);

static struct bb_block block_of(uint32_t rows, int64_t step_ms, int64_t first_value) {
    struct bb_block block;
    struct bb_attribute attribute = {.length_s = 900, .unit = BB_UNIT_KWH, .exponent = -3};

    cr_assert(bb_block_init(&block, BB_LANE_VEE, rows + 1, &arena));
    for (uint32_t i = 0; i < rows; i++) {
        block.end_ms[i] = 1772323200000 + (int64_t)(i + 1) * step_ms;
        block.mantissa[i] = first_value + i;
        block.attribute[i] = bb_attribute_set_index(&block.attributes, &attribute);
        block.recorded_ms[i] = block.received_ms[i] = block.issued_ms[i] = block.rivals[i] = 0;
        block.origin[i] = 1;
    }
    block.count = rows;
    cr_assert_lt(set_count, sizeof sets / sizeof sets[0]);
    sets[set_count++] = block.attributes;
    return block;
}

/* Of 2026-03-01 in lane vee. */
static struct bb_outbox_record record_of(struct bb_block now, struct bb_block before) {
    struct bb_value_change change = {.lane = BB_LANE_VEE,
                                     .span = bb_lane_span_of(BB_LANE_VEE, 1772323260000),
                                     .kind = BB_KIND_INTERVAL,
                                     .commodity = BB_COMMODITY_ELECTRICITY,
                                     .now = now,
                                     .before = before};
    struct bb_buffer body;

    bb_buffer_init(&body, 1 << 24);
    cr_assert_eq(bb_value_change_encode(&change, &arena, &body, &f.error), 0, "%s", f.error.text);
    struct bb_outbox_record record = {.kind = BB_OUTBOX_VALUES,
                                      .recorded_ms = 1772400000000,
                                      .tenant = BB_SPAN("demo"),
                                      .usage_point = BB_SPAN("a#b%"),
                                      .channel = BB_SPAN("1-1:1.29.0"),
                                      .body = bb_arena_copy(&arena, bb_buffer_span(&body))};
    bb_buffer_release(&body);
    return record;
}

static int tell(size_t sink, uint64_t from, const struct bb_outbox_record *records, size_t count) {
    return f.sinks[sink]->ops->apply(f.sinks[sink], 1, from, records, count, &f.error);
}

/* The item of that day, part by its sort key; JSON null when there is none. */
static json_t *item_of(const char *sort_key, json_t **answer) {
    char body[512];

    snprintf(body, sizeof body,
             "{\"TableName\":\"%s\",\"ConsistentRead\":true,\"Key\":{\"pk\":{\"S\":"
             "\"demo#a%%23b%%25#vee#1-1:1.29.0\"},\"sk\":{\"S\":\"%s\"}}}",
             side->table, sort_key);
    *answer = dynamodb_ask(side, "GetItem", body);
    return json_object_get(*answer, "Item");
}

static void expect_item(const char *sort_key, const char *name, const char *expected) {
    json_t *answer, *item = item_of(sort_key, &answer);
    const char *text = item ? dynamodb_text(item, name) : NULL;

    cr_expect((text == NULL) == (expected == NULL) && (!text || strcmp(text, expected) == 0),
              "%s of %s: %s, expected %s", name, sort_key, text ? text : "none",
              expected ? expected : "none");
    json_decref(answer);
}

Test(dynamodb, a_regular_day_is_one_small_item) {
    struct bb_outbox_record record = record_of(block_of(96, 15 * BB_MINUTE_MS, 1250),
                                               block_of(0, 0, 0));

    cr_assert_eq(tell(0, 0, &record, 1), 0, "%s", f.error.text);
    expect_item("2026-03-01", "version", "1");
    expect_item("2026-03-01", "row_count", "96");
    expect_item("2026-03-01", "first_end", "1772324100000");
    expect_item("2026-03-01", "step_ms", "900000");
    expect_item("2026-03-01", "length_s", "900");
    expect_item("2026-03-01", "unit", "kWh");
    expect_item("2026-03-01", "quality", "measured");
    expect_item("2026-03-01", "recorded", "2026-03-01T21:20:00Z");
    expect_item("2026-03-01", "expires", NULL);
    json_t *answer, *item = item_of("2026-03-01", &answer);
    json_t *values = json_object_get(json_object_get(item, "values"), "L");
    cr_assert_eq(json_array_size(values), 96);
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(values, 0), "N")), "1.25");
    json_decref(answer);
}

Test(dynamodb, expires_when_it_is_told_to) {
    struct bb_outbox_record record = record_of(block_of(4, 15 * BB_MINUTE_MS, 1),
                                               block_of(0, 0, 0));

    side->expire_after_s = 86400;
    sink_reopen(&f, 0);
    cr_assert_eq(tell(0, 0, &record, 1), 0, "%s", f.error.text);
    expect_item("2026-03-01", "expires", "1772496000"); /* a day behind the end of 2026-03-01 */
}

Test(dynamodb, a_block_that_is_empty_says_so) {
    struct bb_outbox_record records[] = {
        record_of(block_of(4, 15 * BB_MINUTE_MS, 1), block_of(0, 0, 0)),
        record_of(block_of(0, 0, 0), block_of(4, 15 * BB_MINUTE_MS, 1))};

    cr_assert_eq(tell(0, 0, records, 1), 0, "%s", f.error.text);
    cr_assert_eq(tell(0, 1, records + 1, 1), 0, "%s", f.error.text);
    expect_item("2026-03-01", "row_count", "0");
    expect_item("2026-03-01", "version", "2");
}

Test(dynamodb, large_blocks_come_in_parts_that_go_again) {
    struct bb_block large = block_of(4500, 10 * BB_SECOND_MS, 1), none = block_of(0, 0, 0);
    struct bb_outbox_record records[] = {
        record_of(large, none), record_of(block_of(2500, 10 * BB_SECOND_MS, 9), large),
        record_of(block_of(10, 10 * BB_SECOND_MS, 9), block_of(2500, 10 * BB_SECOND_MS, 9))};

    cr_assert_eq(tell(0, 0, records, 1), 0, "%s", f.error.text);
    expect_item("2026-03-01", "row_count", "2000");
    expect_item("2026-03-01#1", "row_count", "2000");
    expect_item("2026-03-01#2", "row_count", "500");
    /* two at once: the parts of what was between are emptied, too */
    cr_assert_eq(tell(0, 1, records + 1, 2), 0, "%s", f.error.text);
    expect_item("2026-03-01", "row_count", "10");
    expect_item("2026-03-01#1", "row_count", "0");
    expect_item("2026-03-01#2", "row_count", "0");
    expect_item("2026-03-01#2", "version", "3");
}

/* One that was stopped between its look at the position and its writing comes back when others have gone on. */
Test(dynamodb, an_older_version_never_wins) {
    struct bb_outbox_record records[] = {
        record_of(block_of(4, 15 * BB_MINUTE_MS, 1), block_of(0, 0, 0)),
        record_of(block_of(5, 15 * BB_MINUTE_MS, 1), block_of(0, 0, 0))};
    char body[256];

    cr_assert_eq(tell(0, 0, records, 2), 0, "%s", f.error.text);
    expect_item("2026-03-01", "version", "2");
    /* as if it stood there still: what it writes is refused by the condition, item by item */
    snprintf(body, sizeof body,
             "{\"TableName\":\"%s\",\"Key\":{\"pk\":{\"S\":\"position#items\"},\"sk\":{\"S\":"
             "\"000001\"}}}",
             side->table);
    json_decref(dynamodb_ask(side, "DeleteItem", body));
    sink_reopen(&f, 1);
    cr_assert_eq(tell(1, 0, records, 1), 0, "%s", f.error.text);
    expect_item("2026-03-01", "version", "2");
    expect_item("2026-03-01", "row_count", "5");
    cr_assert_eq(tell(1, 1, records + 1, 1), 0, "%s", f.error.text);
    expect_item("2026-03-01", "row_count", "5");
}

Test(dynamodb, waits_for_what_is_down_and_says_so_in_the_end) {
    struct bb_outbox_record record = record_of(block_of(4, 15 * BB_MINUTE_MS, 1),
                                               block_of(0, 0, 0));
    struct bb_sink_dynamodb_options options = {
        .table = side->table,
        .endpoint = "http://127.0.0.1:9", /* nobody listens */
        .aws = {.region = "local", .key_id = "k", .secret = "s"},
        .patience = {.first_ms = 5, .longest_ms = 20, .total_ms = 100}};

    cr_assert_eq(bb_sink_dynamodb_open(&options, "items", &f.sinks[1], &f.error), 0);
    cr_expect_eq(tell(1, 0, &record, 1), -BB_E_SINK_AWAY);
    cr_expect(f.error.retriable, "%s", f.error.text);
}
