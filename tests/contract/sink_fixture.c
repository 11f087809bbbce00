#include "contract/sink_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "model/unit.h"
#include "support/seeds.h"

/* ---- bookmarks ------------------------------------------------------------------------------- */

static int bookmark_get(void *context, const char *label, uint32_t partition, uint64_t *sequence,
                        struct bb_error *error) {
    struct sink_bookmarks *b = context;

    (void)label;
    (void)error;
    *sequence = b->positions[partition];
    return 0;
}

static int bookmark_move(void *context, const char *label, uint32_t partition, uint64_t from,
                         uint64_t to, struct bb_error *error) {
    struct sink_bookmarks *b = context;
    bool fails = ++b->plan.calls == b->plan.fail_at;

    (void)label;
    if (fails && b->plan.before) {
        int result = BB_FAIL(error, BB_E_REGISTRY_IO, "planned: the bookmark does not move");
        error->retriable = true;
        return result;
    }
    if (b->positions[partition] != from)
        return 1;
    b->positions[partition] = to;
    if (!fails)
        return 0;
    int result = BB_FAIL(error, BB_E_REGISTRY_IO,
                         "planned: the bookmark moves, but nobody says so");
    error->retriable = true;
    return result;
}

struct bb_bookmark sink_bookmark(struct sink_fixture *f) {
    return (struct bb_bookmark){bookmark_get, bookmark_move, &f->bookmarks};
}

struct bb_sink_patience sink_patience(void) {
    return (struct bb_sink_patience){.first_ms = 5, .longest_ms = 50, .total_ms = 5000};
}

/* ---- the fixture ----------------------------------------------------------------------------- */

void sink_reopen(struct sink_fixture *f, size_t i) {
    if (f->sinks[i])
        f->sinks[i]->ops->close(f->sinks[i]);
    f->sinks[i] = NULL;
    cr_assert_eq(f->subject->open(f, &f->sinks[i]), 0, "%s: %s", f->subject->name, f->error.text);
}

void sink_fixture_init(struct sink_fixture *f, const struct sink_subject *subject) {
    *f = (struct sink_fixture){.subject = subject};
    change_world_init(&f->world, seeds_of_run(1, 1).first);
    subject->begin(f);
    sink_reopen(f, 0);
}

void sink_fixture_release(struct sink_fixture *f) {
    for (size_t i = 0; i < SINKS_AT_ONCE; i++)
        if (f->sinks[i])
            f->sinks[i]->ops->close(f->sinks[i]);
    f->subject->end(f);
    change_world_release(&f->world);
    free(f->records);
}

void sink_make(struct sink_fixture *f, size_t n) {
    for (; n > 0; n--) {
        int64_t recorded_ms = 1772400000000 + (int64_t)f->count * 10;
        cr_assert(bb_list_room(&f->records, f->count, &f->capacity, sizeof f->records[0]));
        f->records[f->count++] = bb_random_below(&f->world.random, 8) == 0
                                     ? change_world_other(&f->world, recorded_ms)
                                     : change_world_step(&f->world, recorded_ms);
    }
}

int sink_apply(struct sink_fixture *f, size_t i, uint64_t from, size_t count) {
    cr_assert_leq(from + count, f->count);
    return f->sinks[i]->ops->apply(f->sinks[i], 1, from, f->records + from, count, &f->error);
}

size_t sink_deliver(struct sink_fixture *f, size_t batch) {
    size_t errors = 0, moves = 0;
    uint64_t at = 0;

    while (at < f->count) {
        cr_assert_lt(moves++, 100, "%s: it always stands elsewhere", f->subject->name);
        int result = f->sinks[0]->ops->position(f->sinks[0], 1, &at, &f->error);
        cr_assert_leq(at, f->count, "%s: a position behind the last record", f->subject->name);
        while (!result && at < f->count) {
            size_t n = f->count - at < batch ? f->count - at : batch;
            result = sink_apply(f, 0, at, n);
            at += result ? 0 : n;
            moves = result ? moves : 0;
        }
        if (result >= 0)
            continue;
        cr_assert(f->error.retriable, "%s: %s", f->subject->name, f->error.text);
        cr_assert_lt(++errors, 100, "%s: no end of errors: %s", f->subject->name, f->error.text);
        sink_reopen(f, 0);
    }
    return errors;
}

void sink_expect_position(struct sink_fixture *f, size_t i, uint64_t expected) {
    uint64_t at = UINT64_MAX;

    cr_assert_eq(f->sinks[i]->ops->position(f->sinks[i], 1, &at, &f->error), 0, "%s: %s",
                 f->subject->name, f->error.text);
    cr_assert_eq(at, expected, "%s: stands at %llu, expected %llu", f->subject->name,
                 (unsigned long long)at, (unsigned long long)expected);
}

void sink_expect_world(struct sink_fixture *f, const char *what) {
    struct picture found, expected;

    picture_init(&found);
    picture_init(&expected);
    change_world_picture(&f->world, &expected);
    f->subject->picture(f, &found);
    picture_expect_equal(&found, &expected, f->subject->name, what);
    picture_release(&found);
    picture_release(&expected);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void begin_memory(struct sink_fixture *f) {
    f->other = bb_sink_memory_new();
    cr_assert_not_null(f->other);
}

static void end_memory(struct sink_fixture *f) {
    bb_sink_memory_free(f->other);
}

static int open_memory(struct sink_fixture *f, struct bb_sink **out) {
    return bb_sink_memory_open(f->other, "twin", out, &f->error);
}

static void draw_row(void *context, const struct bb_sink_memory_row *row) {
    static const char *const statistics[] = {"value", "min", "max"};
    char end[BB_TIME_TEXT_MAX], start[BB_TIME_TEXT_MAX], value[BB_DECIMAL_TEXT_MAX];
    struct bb_buffer key, text;

    bb_buffer_init(&key, 1 << 16);
    bb_buffer_init(&text, 1 << 16);
    bb_time_format_utc(row->end_ms, end);
    bb_time_format_utc(row->start_ms, start);
    bb_decimal_format(row->value, true, value);
    picture_key(&key, row->tenant, row->usage_point, row->channel, bb_lanes[row->lane].name, end,
                statistics[row->statistic]);
    bb_buffer_format(&text, "%s %s %s ", start, row->missing ? "-" : value,
                     bb_unit_symbol(row->unit));
    bb_quality_format(&row->quality, &text);
    bb_buffer_append_byte(&text, '\0');
    picture_put(context, key.data, text.data);
    bb_buffer_release(&key);
    bb_buffer_release(&text);
}

static void picture_memory(struct sink_fixture *f, struct picture *out) {
    bb_sink_memory_walk(f->other, draw_row, out);
}

static size_t letters_of_memory(struct sink_fixture *f, uint64_t *ids, size_t most) {
    size_t count;
    const uint64_t *told = bb_sink_memory_letters(f->other, &count);

    cr_assert_leq(count, most);
    if (count > 0)
        memcpy(ids, told, count * sizeof ids[0]);
    return count;
}

const struct sink_subject sink_memory_subject = {
    "memory", begin_memory, end_memory, open_memory, picture_memory, 0, letters_of_memory,
};
