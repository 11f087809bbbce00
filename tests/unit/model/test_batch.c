/* Dictionaries of attributes, tables of series, batches. */
#include <criterion/criterion.h>

#include <stdio.h>

#include "base/hash.h"
#include "base/random.h"
#include "model/batch.h"
#include "model/unit.h"

/* ---- attributes */

static struct bb_attribute attribute(uint32_t i) {
    struct bb_attribute a = {.quality = {.checks = i % 7, .marks = (uint16_t)(i % 3)},
                             .length_s = i / 2,
                             .unit = BB_UNIT_KWH,
                             .exponent = (int8_t)(i % 2 ? -3 : 0)};
    snprintf(a.quality.source, sizeof a.quality.source, "S%u", i);
    return a;
}

static void expect_dictionary(struct bb_attribute_set *set, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        struct bb_attribute a = attribute(i);
        cr_assert_eq(bb_attribute_set_index(set, &a), i, "entry %u of %u", i, count);
        cr_assert_eq(bb_attribute_set_index(set, &a), i);
    }
    /* and found again, in another order */
    for (uint32_t i = 0; i < count; i++) {
        uint32_t k = (uint32_t)((i * 7919ULL + 3) % count);
        struct bb_attribute a = attribute(k);
        cr_assert_eq(bb_attribute_set_index(set, &a), k, "entry %u of %u, again", k, count);
    }
    cr_assert_eq(set->count, count);
    for (uint32_t i = 0; i < count; i++) {
        struct bb_attribute a = attribute(i);
        cr_assert(memcmp(&set->items[i], &a, sizeof a) == 0, "entry %u has changed", i);
    }
}

Test(batch, dictionaries_of_every_size) {
    struct bb_attribute_set set;

    for (uint32_t count = 1; count <= 40; count++) {
        bb_attribute_set_init(&set);
        expect_dictionary(&set, count);
        bb_attribute_set_release(&set);
    }
    bb_attribute_set_init(&set);
    expect_dictionary(&set, 1000);
    bb_attribute_set_clear(&set);
    cr_assert_eq(set.count, 0);
    expect_dictionary(&set, 5); /* a cleared one has forgotten everything, and its table too */
    bb_attribute_set_clear(&set);
    expect_dictionary(&set, 20000);
    bb_attribute_set_release(&set);
    bb_attribute_set_release(&set); /* zeroed */
    bb_attribute_set_release(NULL);
}

Test(batch, attributes_differ_by_every_field) {
    struct bb_attribute_set set;
    struct bb_attribute base = attribute(1), other[9];

    bb_attribute_set_init(&set);
    for (int i = 0; i < 9; i++)
        other[i] = base;
    other[0].quality.state = BB_STATE_ESTIMATED;
    other[1].quality.method = BB_METHOD_LINEAR;
    other[2].quality.marks ^= BB_MARK_FINAL;
    other[3].quality.checks ^= 1;
    other[4].quality.source[BB_QUALITY_SOURCE_MAX - 1] = 'x';
    other[5].length_s++;
    other[6].unit++;
    other[7].exponent--;
    other[8].statistic = BB_STATISTIC_MAX;
    cr_assert_eq(bb_attribute_set_index(&set, &base), 0);
    for (uint32_t i = 0; i < 9; i++)
        cr_assert_eq(bb_attribute_set_index(&set, &other[i]), i + 1, "field %u makes none", i);
    bb_attribute_set_release(&set);
}

/* ---- series */

struct named {
    char usage_point[24], channel[24];
};

static struct bb_series series(struct named *n, uint32_t i) {
    snprintf(n->usage_point, sizeof n->usage_point, "meter-%u", i / 3);
    snprintf(n->channel, sizeof n->channel, "1.8.%u", i % 3);
    return (struct bb_series){.usage_point = bb_span_of(n->usage_point),
                              .channel = bb_span_of(n->channel),
                              .zone = i % 2 ? BB_SPAN("Europe/Amsterdam") : BB_SPAN(""),
                              .obis = BB_SPAN(""),
                              .interval_s = 900,
                              .kind = BB_KIND_INTERVAL,
                              .unit = BB_UNIT_KWH};
}

Test(batch, series_are_found_by_name) {
    struct bb_series_table table;
    struct named n;

    bb_series_table_init(&table, 16 << 20);
    cr_assert_eq(bb_series_table_find(&table, 1, BB_SPAN("a"), BB_SPAN("b"), -1), UINT32_MAX);
    for (uint32_t i = 0; i < 5000; i++) {
        struct bb_series s = series(&n, i);
        cr_assert_eq(bb_series_table_add(&table, &s), i);
        cr_assert_eq(bb_series_table_add(&table, &s), i, "an equal series is found, not added");
        memset(&n, 'x', sizeof n); /* names are copied */
    }
    for (uint32_t i = 0; i < 5000; i++) {
        struct bb_series s = series(&n, i);
        uint64_t hash = bb_series_hash(s.usage_point, s.channel);
        cr_assert_eq(bb_series_table_find(&table, hash, s.usage_point, s.channel, -1), i);
        cr_assert_eq(bb_series_table_find(&table, hash, s.usage_point, s.channel, BB_UNIT_KWH), i);
        cr_assert_eq(bb_series_table_find(&table, hash, s.usage_point, s.channel, BB_UNIT_WH),
                     UINT32_MAX);
        cr_assert_eq(table.items[i].hash, hash);
        cr_assert(bb_span_equal(table.items[i].zone, s.zone));
    }
    bb_series_table_clear(&table);
    struct bb_series s = series(&n, 7);
    cr_assert_eq(bb_series_table_find(&table, bb_series_hash(s.usage_point, s.channel),
                                      s.usage_point, s.channel, -1),
                 UINT32_MAX);
    cr_assert_eq(bb_series_table_add(&table, &s), 0);
    bb_series_table_release(&table);
    bb_series_table_release(NULL);
}

Test(batch, another_description_is_another_series) {
    struct bb_series_table table;
    struct named n;
    struct bb_series s = series(&n, 0), other[6];

    bb_series_table_init(&table, 1 << 20);
    for (int i = 0; i < 6; i++)
        other[i] = s;
    other[0].zone = BB_SPAN("UTC");
    other[1].obis = BB_SPAN("1-0:1.8.0");
    other[2].interval_s = 3600;
    other[3].kind = BB_KIND_REGISTER;
    other[4].commodity = BB_COMMODITY_WATER;
    other[5].unit = BB_UNIT_WH;
    cr_assert_eq(bb_series_table_add(&table, &s), 0);
    for (uint32_t i = 0; i < 6; i++)
        cr_assert_eq(bb_series_table_add(&table, &other[i]), i + 1);
    uint64_t hash = bb_series_hash(s.usage_point, s.channel);
    cr_assert_eq(bb_series_table_find(&table, hash, s.usage_point, s.channel, -1), 0,
                 "the first of that name");
    cr_assert_eq(bb_series_table_find(&table, hash, s.usage_point, s.channel, BB_UNIT_WH), 6);
    bb_series_table_release(&table);
}

Test(batch, names_do_not_run_into_each_other) {
    uint64_t a = bb_series_hash(BB_SPAN("ab"), BB_SPAN("c"));
    uint64_t b = bb_series_hash(BB_SPAN("a"), BB_SPAN("bc"));

    cr_assert_neq(a, b);
}

Test(batch, a_full_table_says_so) {
    struct bb_series_table table;
    struct named n;
    uint32_t i = 0, index = 0;

    bb_series_table_init(&table, 256 << 10); /* one chunk */
    for (; i < 1000000 && index != UINT32_MAX; i++) {
        struct bb_series s = series(&n, i);
        index = bb_series_table_add(&table, &s);
    }
    cr_assert_eq(index, UINT32_MAX);
    struct bb_series s = series(&n, 17);
    cr_assert_eq(bb_series_table_add(&table, &s), 17, "what is there is still found");
    bb_series_table_release(&table);
}

/* ---- batches */

Test(batch, version_times_may_begin_late) {
    struct bb_batch batch;
    struct bb_error error;

    cr_assert_eq(bb_batch_init(&batch, 4, &error), 0);
    bb_batch_push(&batch, 1, 2, 3, 4, 5);
    cr_assert_not(batch.has_issued);
    bb_batch_push(&batch, 1, 2, 6, 4, 6);
    bb_batch_set_issued(&batch, 1000);
    bb_batch_push(&batch, 1, 2, 9, 4, 7);
    cr_assert(batch.has_issued);
    cr_assert_eq(batch.issued_ms[0], BB_TIME_NONE);
    cr_assert_eq(batch.issued_ms[1], 1000);
    cr_assert_eq(batch.issued_ms[2], BB_TIME_NONE);
    cr_assert_not(bb_batch_full(&batch));
    bb_batch_push(&batch, 1, 2, 12, 4, 8);
    cr_assert(bb_batch_full(&batch));
    cr_assert_eq(batch.line[3], 8);
    bb_batch_clear(&batch);
    cr_assert(batch.count == 0 && !batch.has_issued && batch.attributes.count == 0);
    bb_batch_push(&batch, 1, 2, 3, 4, 5);
    cr_assert_not(batch.has_issued);
    bb_batch_release(&batch);
    bb_batch_release(&batch);
    bb_batch_release(NULL);
}
