/* The world of changing values: see change_world.h. */
#include "support/change_world.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "model/kind.h"
#include "model/master.h"
#include "model/outbox.h"
#include "model/unit.h"

/* ---- pictures -------------------------------------------------------------------------------- */

struct line {
    char *key, *text;
};

static int compare_lines(const void *a, const void *b) {
    return strcmp(((const struct line *)a)->key, ((const struct line *)b)->key);
}

void picture_init(struct picture *picture) {
    picture->lines = (struct sorted_table){.item_size = sizeof(struct line),
                                           .compare = compare_lines};
}

void picture_release(struct picture *picture) {
    for (size_t i = 0; i < picture->lines.count; i++) {
        struct line *line = sorted_at(&picture->lines, i);
        free(line->key);
        free(line->text);
    }
    free(picture->lines.items);
    picture_init(picture);
}

void picture_put(struct picture *picture, const char *key, const char *text) {
    struct line fresh = {strdup(key), strdup(text)};
    struct line *known = sorted_find(&picture->lines, &fresh);

    if (!known) {
        cr_assert_not_null(sorted_insert(&picture->lines, &fresh));
        return;
    }
    free(known->key);
    free(known->text);
    *known = fresh;
}

void picture_remove(struct picture *picture, const char *key) {
    bool found;
    struct line sought = {.key = (char *)(uintptr_t)key};
    size_t at = sorted_search(&picture->lines, &sought, &found);

    if (!found)
        return;
    struct line *line = sorted_at(&picture->lines, at);
    free(line->key);
    free(line->text);
    picture->lines.count--;
    memmove(line, line + 1, (picture->lines.count - at) * sizeof *line);
}

const char *picture_text(const struct picture *picture, const char *key) {
    struct line sought = {.key = (char *)(uintptr_t)key};
    const struct line *line = sorted_find(&picture->lines, &sought);

    return line ? line->text : NULL;
}

void picture_copy(struct picture *out, const struct picture *from) {
    for (size_t i = 0; i < from->lines.count; i++) {
        const struct line *line = sorted_at(&from->lines, i);
        picture_put(out, line->key, line->text);
    }
}

void picture_key(struct bb_buffer *out, struct bb_span tenant, struct bb_span usage_point,
                 struct bb_span channel, const char *lane, const char *end, const char *statistic) {
    bb_buffer_clear(out);
    bb_buffer_format(out, "%.*s|%.*s|%.*s|%s|%s|%s", BB_SPAN_ARGS(tenant),
                     BB_SPAN_ARGS(usage_point), BB_SPAN_ARGS(channel), lane, end, statistic);
    bb_buffer_append_byte(out, '\0');
}

void picture_expect_equal(const struct picture *found, const struct picture *expected,
                          const char *subject, const char *what) {
    size_t i = 0, k = 0;

    while (i < found->lines.count || k < expected->lines.count) {
        const struct line *f = i < found->lines.count ? sorted_at(&found->lines, i) : NULL;
        const struct line *e = k < expected->lines.count ? sorted_at(&expected->lines, k) : NULL;
        int order = !f ? 1 : !e ? -1 : strcmp(f->key, e->key);
        cr_assert(order >= 0, "%s, %s: holds %s = %s, which is no more (%zu rows, expected %zu)",
                  subject, what, f->key, f->text, found->lines.count, expected->lines.count);
        cr_assert(order <= 0, "%s, %s: lacks %s = %s (%zu rows, expected %zu)", subject, what,
                  e->key, e->text, found->lines.count, expected->lines.count);
        cr_assert_str_eq(f->text, e->text, "%s, %s: %s = %s, expected %s", subject, what, f->key,
                         f->text, e->text);
        i++;
        k++;
    }
}

/* ---- the world ------------------------------------------------------------------------------- */

static const struct {
    const char *tenant, *usage_point, *channel;
    uint8_t lane, kind, commodity;
    uint32_t length_s;
} series[] = {
    {"demo", "871685900000000001", "1-1:1.29.0", BB_LANE_RAW, BB_KIND_INTERVAL, 1, 900},
    {"demo", "871685900000000001", "1-1:1.29.0", BB_LANE_VEE, BB_KIND_INTERVAL, 1, 900},
    {"demo", "871685900000000001", "1-1:1.29.0", BB_LANE_DAY, BB_KIND_INTERVAL, 1, 86400},
    {"demo", "Zähler \"Süd\" #7 % ✓ \xf0\x9f\x94\x8c", "a\\b'c,d;e{f}", BB_LANE_RAW,
     BB_KIND_INTERVAL, 2, 3600},
    {"demo", "thermometer", "7-0:24.2.0", BB_LANE_DAY, BB_KIND_GAUGE, 4, 86400},
    {"other", "871685900000000001", "1-1:1.29.0", BB_LANE_RAW, BB_KIND_REGISTER, 1, 0},
    {"other", "x#y", "z", BB_LANE_VEE, BB_KIND_INTERVAL, 5, 3600},
    {"other", "x", "y#z", BB_LANE_VEE, BB_KIND_INTERVAL, 5, 3600},
};
enum { SERIES = sizeof series / sizeof series[0], SPANS = WORLD_BLOCKS / SERIES };
static const char *const statistics[WORLD_STATISTICS] = {"value", "min", "max"};

void change_world_init(struct change_world *world, uint64_t seed) {
    memset(world, 0, sizeof *world);
    bb_random_seed(&world->random, seed);
    bb_arena_init(&world->arena, 1 << 20, (size_t)1 << 32);
    for (size_t i = 0; i < WORLD_BLOCKS; i++) {
        size_t s = i / SPANS;
        world->blocks[i] = (struct world_block){
            .tenant = series[s].tenant,
            .usage_point = series[s].usage_point,
            .channel = series[s].channel,
            .lane = series[s].lane,
            .kind = series[s].kind,
            .commodity = series[s].commodity,
            .span = bb_lane_span_of(series[s].lane, 1772323200000 /* 2026-03-01 */) +
                    (int32_t)(i % SPANS)};
    }
}

void change_world_release(struct change_world *world) {
    bb_arena_release(&world->arena);
}

static uint32_t length_of(const struct world_block *block) {
    for (size_t s = 0; s < SERIES; s++)
        if (block->lane == series[s].lane && block->channel == series[s].channel &&
            block->usage_point == series[s].usage_point && block->tenant == series[s].tenant)
            return series[s].length_s;
    return 0;
}

static int64_t end_of(const struct world_block *block, size_t row) {
    int64_t start, end, length_s = length_of(block);

    bb_lane_span_bounds(block->lane, block->span, &start, &end);
    return start + (int64_t)(row + 1) * (length_s ? length_s : 613) * BB_SECOND_MS;
}

static struct world_row random_row(struct change_world *world, const struct world_block *block) {
    static const int8_t exponents[] = {-3, -3, -3, 0, -9, 2};
    struct bb_random *r = &world->random;
    struct world_row row = {.there = true,
                            .length_s = length_of(block),
                            .mantissa = (int64_t)bb_random_below(r, 2000000) - 500,
                            .exponent = exponents[bb_random_below(r, 6)],
                            .unit = bb_random_below(r, 9) ? BB_UNIT_KWH : BB_UNIT_M3};

    if (bb_random_below(r, 12) == 0) { /* as many digits as there may be */
        row.mantissa = INT64_C(123456789012345678) + (int64_t)bb_random_below(r, 1000);
        row.exponent = (int8_t)-bb_random_below(r, 16);
    }
    if (bb_random_below(r, 10) == 0) {
        row.quality.state = BB_STATE_MISSING;
        row.mantissa = row.exponent = 0;
    } else if (bb_random_below(r, 3) == 0) {
        row.quality.state = BB_STATE_ESTIMATED;
        row.quality.method = BB_METHOD_LINEAR;
        row.quality.checks = 1u << BB_CHECK_GAP;
    }
    return row;
}

static struct bb_block block_of(struct change_world *world, const struct world_block *block) {
    struct bb_block out;

    cr_assert(
        bb_block_init(&out, block->lane, (size_t)WORLD_ROWS * WORLD_STATISTICS, &world->arena));
    return out;
}

static void add_row(struct bb_block *out, const struct world_block *block, size_t i, size_t k,
                    const struct world_row *row, bool changed) {
    struct bb_attribute attribute = {.quality = row->quality,
                                     .length_s = row->length_s,
                                     .unit = row->unit,
                                     .exponent = row->exponent,
                                     .statistic = (uint8_t)k};
    uint32_t n = out->count++;

    out->end_ms[n] = end_of(block, i);
    out->mantissa[n] = row->mantissa;
    out->attribute[n] = bb_attribute_set_index(&out->attributes, &attribute);
    out->recorded_ms[n] = out->received_ms[n] = out->issued_ms[n] = out->rivals[n] = 0;
    out->origin[n] = changed;
}

static bool rows_equal(const struct world_row *a, const struct world_row *b) {
    return a->there == b->there && a->mantissa == b->mantissa && a->exponent == b->exponent &&
           a->unit == b->unit && memcmp(&a->quality, &b->quality, sizeof a->quality) == 0;
}

static struct bb_outbox_record record_of(struct change_world *world, const struct world_block *was,
                                         const struct world_block *is, int64_t recorded_ms) {
    struct bb_value_change change = {.lane = is->lane,
                                     .span = is->span,
                                     .kind = is->kind,
                                     .commodity = is->commodity,
                                     .zone = BB_SPAN("Europe/Amsterdam"),
                                     .source = BB_SPAN("märz.csv"),
                                     .now = block_of(world, is),
                                     .before = block_of(world, is)};
    struct bb_buffer body;
    struct bb_error error = {0};

    for (size_t i = 0; i < WORLD_ROWS; i++)
        for (size_t k = 0; k < WORLD_STATISTICS; k++) {
            const struct world_row *a = &was->rows[i][k], *b = &is->rows[i][k];
            if (b->there)
                add_row(&change.now, is, i, k, b, !rows_equal(a, b));
            if (a->there && !rows_equal(a, b))
                add_row(&change.before, is, i, k, a, false);
        }
    bb_buffer_init(&body, 1 << 20);
    cr_assert_eq(bb_value_change_encode(&change, &world->arena, &body, &error), 0, "%s",
                 error.text);
    struct bb_outbox_record record = {.kind = BB_OUTBOX_VALUES,
                                      .recorded_ms = recorded_ms,
                                      .tenant = bb_span_of(is->tenant),
                                      .usage_point = bb_span_of(is->usage_point),
                                      .channel = bb_span_of(is->channel),
                                      .body = bb_arena_copy(&world->arena, bb_buffer_span(&body))};
    cr_assert_not_null(record.body.data);
    bb_buffer_release(&body);
    bb_attribute_set_release(&change.now.attributes);
    bb_attribute_set_release(&change.before.attributes);
    return record;
}

struct bb_outbox_record change_world_step(struct change_world *world, int64_t recorded_ms) {
    struct bb_random *r = &world->random;
    struct world_block *block = &world->blocks[bb_random_below(r, WORLD_BLOCKS)], was = *block;
    size_t statistics_told = block->kind == BB_KIND_GAUGE ? WORLD_STATISTICS : 1;
    bool clears = bb_random_below(r, 15) == 0;

    for (size_t n = clears ? WORLD_ROWS : 1 + bb_random_below(r, 5); n > 0; n--) {
        size_t i = clears ? n - 1 : bb_random_below(r, WORLD_ROWS);
        bool goes = clears || bb_random_below(r, 5) == 0;
        for (size_t k = 0; k < statistics_told; k++)
            block->rows[i][k] = goes ? (struct world_row){.there = false}
                                     : random_row(world, block);
    }
    return record_of(world, &was, block, recorded_ms);
}

/* ---- records of other kinds ------------------------------------------------------------------ */

static struct bb_span channel_body(struct change_world *world) {
    struct bb_channel_record channel = {.number = (uint32_t)bb_random_below(&world->random, 99),
                                        .kind = BB_KIND_INTERVAL,
                                        .commodity = BB_COMMODITY_ELECTRICITY,
                                        .unit = BB_UNIT_KWH,
                                        .derived_unit = BB_UNIT_KWH,
                                        .interval_s = 900,
                                        .zone = BB_SPAN("Europe/Amsterdam"),
                                        .obis = BB_SPAN("1-1:1.29.0"),
                                        .told_zone = BB_SPAN("UTC")};
    struct bb_buffer body;

    bb_buffer_init(&body, 1 << 16);
    bb_channel_record_encode(&channel, &body);
    struct bb_span kept = bb_arena_copy(&world->arena, bb_buffer_span(&body));
    bb_buffer_release(&body);
    return kept;
}

static struct bb_span master_body(struct change_world *world, const char *usage_point) {
    struct bb_master_installation installation = {
        .device = BB_SPAN("Gerät 1"), .from_ms = 0, .to_ms = BB_TIME_NONE, .multiplier = {20, 0}};
    struct bb_master master = {.kind = BB_MASTER_USAGE_POINT,
                               .usage_point = {.tenant = BB_SPAN("demo"),
                                               .name = bb_span_of(usage_point),
                                               .zone = BB_SPAN("Europe/Amsterdam"),
                                               .customer = bb_random_below(&world->random, 2)
                                                               ? BB_SPAN("Ä & Söhne")
                                                               : BB_SPAN("B"),
                                               .commodity = BB_COMMODITY_ELECTRICITY,
                                               .installations = &installation,
                                               .installation_count = 1}};
    struct bb_buffer body;
    struct bb_error error = {0};

    bb_buffer_init(&body, 1 << 16);
    cr_assert_eq(bb_master_encode(&master, &body, &error), 0, "%s", error.text);
    struct bb_span kept = bb_arena_copy(&world->arena, bb_buffer_span(&body));
    bb_buffer_release(&body);
    return kept;
}

struct bb_outbox_record change_world_other(struct change_world *world, int64_t recorded_ms) {
    const char *usage_point = bb_random_below(&world->random, 2) ? "871685900000000001" : "x";
    struct bb_outbox_record record = {.recorded_ms = recorded_ms,
                                      .tenant = BB_SPAN("demo"),
                                      .usage_point = bb_span_of(usage_point),
                                      .channel = BB_SPAN("1-1:1.29.0")};

    switch (bb_random_below(&world->random, 5)) {
    case 0:
        record.kind = BB_OUTBOX_CHANNEL;
        record.body = channel_body(world);
        break;
    case 1:
        record.kind = BB_OUTBOX_MASTER;
        record.channel = (struct bb_span){NULL, 0};
        record.body = master_body(world, usage_point);
        break;
    case 2:
        record.kind = BB_OUTBOX_CHANGED;
        record.a = 7;
        break;
    default:
        record.kind = bb_random_below(&world->random, 2) ? BB_OUTBOX_EXCEPTION_OPENED
                                                         : BB_OUTBOX_EXCEPTION_CLOSED;
        record.check = BB_CHECK_HIGH;
        record.from_ms = 1772323200000;
        record.to_ms = 1772326800000 + (int64_t)bb_random_below(&world->random, 2) * 900000;
        record.a = 1234;
        record.b = 5;
        record.exponent = -3;
        record.body = BB_SPAN("märz.csv");
    }
    return record;
}

void change_world_picture(const struct change_world *world, struct picture *out) {
    char end[BB_TIME_TEXT_MAX], start[BB_TIME_TEXT_MAX], value[BB_DECIMAL_TEXT_MAX];
    struct bb_buffer key, text;

    bb_buffer_init(&key, 1 << 16);
    bb_buffer_init(&text, 1 << 16);
    for (const struct world_block *b = world->blocks; b < world->blocks + WORLD_BLOCKS; b++)
        for (size_t i = 0; i < WORLD_ROWS; i++)
            for (size_t k = 0; k < WORLD_STATISTICS; k++) {
                const struct world_row *row = &b->rows[i][k];
                if (!row->there)
                    continue;
                bb_time_format_utc(end_of(b, i), end);
                bb_time_format_utc(end_of(b, i) - (int64_t)row->length_s * BB_SECOND_MS, start);
                picture_key(&key, bb_span_of(b->tenant), bb_span_of(b->usage_point),
                            bb_span_of(b->channel), bb_lanes[b->lane].name, end, statistics[k]);
                bb_decimal_format((struct bb_decimal){row->mantissa, row->exponent}, true, value);
                bb_buffer_clear(&text);
                bb_buffer_format(&text, "%s %s %s ", start,
                                 row->quality.state == BB_STATE_MISSING ? "-" : value,
                                 bb_unit_symbol(row->unit));
                bb_quality_format(&row->quality, &text);
                bb_buffer_append_byte(&text, '\0');
                picture_put(out, key.data, text.data);
            }
    bb_buffer_release(&key);
    bb_buffer_release(&text);
}
