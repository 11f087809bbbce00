/* A copy of the values that follows the change feed: see sim_mirror.h. */
#include "sim/sim_mirror.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct event {
    char *key, *before, *now; /* "": no row */
    size_t number;
};

struct sim_mirror {
    struct bb_sink base; /* first */
    uint64_t *positions;
    struct event *events;
    size_t count, capacity;
    struct bb_arena arena;
};

void sim_mirror_row(struct bb_buffer *out, const struct bb_decimal *value, int unit,
                    int64_t length_ms, const struct bb_quality *quality) {
    char text[BB_DECIMAL_TEXT_MAX] = "-";

    if (value)
        bb_decimal_format(*value, false, text);
    bb_buffer_format(out, "%s unit %d length %" PRId64 " ", text, unit, length_ms);
    bb_quality_format(quality, out);
}

void sim_mirror_key(struct bb_buffer *out, struct bb_span usage_point, struct bb_span channel,
                    uint8_t lane, int64_t end_ms, uint8_t statistic) {
    bb_buffer_format(out, "%.*s %.*s %s %" PRId64 " %u", BB_SPAN_ARGS(usage_point),
                     BB_SPAN_ARGS(channel), bb_lanes[lane].name, end_ms, statistic);
}

static char *text_of(struct bb_buffer *b) {
    char *text;

    bb_buffer_append_byte(b, '\0');
    BB_ASSERT(!b->overflow);
    text = strdup(b->data);
    bb_buffer_clear(b);
    return text;
}

static char *row_text(const struct bb_block *rows, int64_t row, struct bb_buffer *b) {
    if (row >= 0) {
        const struct bb_attribute *a = &rows->attributes.items[rows->attribute[row]];
        const struct bb_decimal value = {rows->mantissa[row], a->exponent};
        sim_mirror_row(b, a->quality.state == BB_STATE_MISSING ? NULL : &value, a->unit,
                       a->length_s * (int64_t)BB_SECOND_MS, &a->quality);
    }
    return text_of(b);
}

static void take(struct sim_mirror *m, const struct bb_outbox_record *record) {
    struct bb_value_change change;
    struct bb_changed_row row;
    struct bb_buffer b;
    struct bb_error error = {0};
    int64_t rows = 0;

    bb_arena_reset(&m->arena);
    BB_ASSERT(bb_value_change_decode(record->body, &m->arena, &change, &error) == 0);
    bb_buffer_init(&b, 1 << 20);
    for (struct bb_changed_rows in = bb_changed_rows(&change); bb_changed_rows_next(&in, &row);
         rows++) {
        const struct bb_block *block = row.now >= 0 ? &change.now : &change.before;
        int64_t at = row.now >= 0 ? row.now : row.before;
        struct event e = {.number = m->count};
        sim_mirror_key(&b, record->usage_point, record->channel, change.lane, block->end_ms[at],
                       block->attributes.items[block->attribute[at]].statistic);
        e.key = text_of(&b);
        e.before = row_text(&change.before, row.before, &b);
        e.now = row_text(&change.now, row.now, &b);
        BB_ASSERT(block->end_ms[at] > record->from_ms || block->end_ms[at] == record->from_ms);
        BB_ASSERT(block->end_ms[at] <= record->to_ms);
        if (m->count == m->capacity) {
            m->capacity = m->capacity ? 2 * m->capacity : 1024;
            m->events = realloc(m->events, m->capacity * sizeof m->events[0]);
        }
        m->events[m->count++] = e;
    }
    BB_ASSERT(rows == record->a && rows > 0);
    bb_buffer_release(&b);
}

static int mirror_position(struct bb_sink *base, uint32_t partition, uint64_t *sequence,
                           struct bb_error *error) {
    (void)error;
    *sequence = ((struct sim_mirror *)base)->positions[partition];
    return 0;
}

static int mirror_apply(struct bb_sink *base, uint32_t partition, uint64_t from,
                        const struct bb_outbox_record *records, size_t count,
                        struct bb_error *error) {
    struct sim_mirror *m = (struct sim_mirror *)base;

    (void)error;
    if (from != m->positions[partition])
        return BB_SINK_MOVED;
    for (size_t i = 0; i < count; i++)
        if (records[i].kind == BB_OUTBOX_VALUES)
            take(m, &records[i]);
    m->positions[partition] += count;
    return BB_SINK_DONE;
}

static const struct bb_sink_ops mirror_ops = {.name = "mirror",
                                              .guarantee = BB_SINK_INSIDE,
                                              .position = mirror_position,
                                              .apply = mirror_apply};

struct sim_mirror *sim_mirror_open(uint32_t partitions) {
    struct sim_mirror *m = calloc(1, sizeof *m);

    BB_ASSERT(m);
    m->base = (struct bb_sink){&mirror_ops, "mirror"};
    m->positions = calloc(partitions, sizeof m->positions[0]);
    bb_arena_init(&m->arena, 1 << 20, 1 << 28);
    return m;
}

struct bb_sink *sim_mirror_sink(struct sim_mirror *m) {
    return &m->base;
}

void sim_mirror_close(struct sim_mirror *m) {
    for (size_t i = 0; i < m->count; i++) {
        free(m->events[i].key);
        free(m->events[i].before);
        free(m->events[i].now);
    }
    free(m->events);
    free(m->positions);
    bb_arena_release(&m->arena);
    free(m);
}

static int by_key(const void *a, const void *b) {
    const struct event *x = a, *y = b;
    int order = strcmp(x->key, y->key);

    return order ? order : (x->number > y->number) - (x->number < y->number);
}

void sim_mirror_lines(struct sim_mirror *m,
                      void (*line)(void *context, const char *key, const char *row),
                      void *context) {
    qsort(m->events, m->count, sizeof m->events[0], by_key);
    for (size_t i = 0; i < m->count; i++) {
        const struct event *e = &m->events[i];
        bool begins = i == 0 || strcmp(e->key, e[-1].key) != 0;
        bool ends = i + 1 == m->count || strcmp(e->key, e[1].key) != 0;
        if (strcmp(e->before, begins ? "" : e[-1].now) != 0) {
            fprintf(stderr, "the change feed tells of %s: before\n    %s\n  but it was\n    %s\n",
                    e->key, e->before, begins ? "" : e[-1].now);
            abort();
        }
        if (ends && e->now[0])
            line(context, e->key, e->now);
    }
}
