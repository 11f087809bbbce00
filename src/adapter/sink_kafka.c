/* The sink "kafka": changes as records of a topic, its position in the same transactions. See sink_kafka_internal.h. */
#include "adapter/sink_kafka_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { BATCH_VALUES = 20000, VALUE_LIMIT_BYTES = 1 << 20 };

struct telling { /* of one apply */
    struct sink_kafka *sink;
    struct sink_kafka_lane *lane;
    bool begun;     /* a transaction is */
    uint32_t count; /* of its records */
    uint64_t whole; /* records up to here stand in it whole */
    struct bb_buffer value;
    struct bb_error *error;
};

static struct sink_kafka *kafka_of(struct bb_sink *sink) {
    return (struct sink_kafka *)sink;
}

static void kafka_close(struct bb_sink *base) {
    struct sink_kafka *k = kafka_of(base);

    if (!k)
        return;
    for (uint32_t i = 0; k->lanes && i <= k->options.feed_partitions; i++)
        bb_sink_kafka_lane_close(&k->lanes[i]);
    free(k->lanes);
    bb_kafka_client_close(&k->reader);
    for (size_t i = 0; k->properties && i < k->options.cluster.property_count; i++) {
        free((char *)k->properties[i].name);
        free((char *)k->properties[i].value);
    }
    free(k->properties);
    free(k);
}

static bool copy_properties(struct sink_kafka *k) {
    const struct bb_kafka_property *from = k->options.cluster.properties;
    size_t count = k->options.cluster.property_count;
    bool done = true;

    k->properties = calloc(count ? count : 1, sizeof k->properties[0]);
    k->options.cluster.properties = k->properties;
    for (size_t i = 0; k->properties && i < count; i++) {
        k->properties[i] = (struct bb_kafka_property){strdup(from[i].name), strdup(from[i].value)};
        done = done && k->properties[i].name && k->properties[i].value;
    }
    return done && k->properties;
}

static int look_at_partition(const struct sink_kafka *k, uint32_t partition,
                             struct bb_error *error) {
    return partition < k->options.feed_partitions
               ? 0
               : BB_FAIL(error, BB_E_SINK_SETTINGS, "%s: there is no partition %u", k->base.label,
                         partition);
}

static struct sink_kafka_lane *letter_lane(const struct sink_kafka *k) {
    return &k->lanes[k->options.feed_partitions];
}

/* Fences nobody: whoever looks may be somebody else than who delivers. What this process committed counts before the brokers
 * have marked it; what another one committed a moment ago may be missing, and then apply, which has that settled, says so. */
static int lane_position(struct sink_kafka *k, const struct sink_kafka_lane *lane,
                         uint64_t *position, struct bb_error *error) {
    int result = bb_sink_kafka_read_position(k, lane, position, error);

    if (!result && lane->is_open && lane->position > *position)
        *position = lane->position;
    return result;
}

static int kafka_position(struct bb_sink *base, uint32_t partition, uint64_t *sequence,
                          struct bb_error *error) {
    struct sink_kafka *k = kafka_of(base);
    int result = look_at_partition(k, partition, error);

    return result ? result : lane_position(k, &k->lanes[partition], sequence, error);
}

static int kafka_letter_position(struct bb_sink *base, uint64_t *offset, struct bb_error *error) {
    return lane_position(kafka_of(base), letter_lane(kafka_of(base)), offset, error);
}

static int begin(struct telling *t) {
    int result = t->begun ? 0 : bb_sink_kafka_begin(t->sink, t->lane, t->error);

    t->begun = !result;
    return result;
}

static int commit(struct telling *t) {
    int result = begin(t);

    if (!result)
        result = bb_sink_kafka_commit(t->sink, t->lane, t->whole, t->error);
    t->begun = t->begun && result != 0;
    t->count = 0;
    return result;
}

static int put_item(void *context, const struct bb_change_item *item) {
    struct telling *t = context;
    int result = begin(t);

    if (result)
        return result;
    bb_buffer_clear(&t->value);
    if (!bb_sink_kafka_form(&t->sink->options, item, &t->value))
        return 0;
    if (t->value.overflow)
        return BB_FAIL(t->error, BB_E_NO_MEMORY, "no memory for a change");
    t->count++;
    return bb_sink_kafka_put(t->sink, t->lane, item, bb_buffer_span(&t->value), t->error);
}

static int put_letter(void *context, const struct bb_letter *letter) {
    struct telling *t = context;
    int result = begin(t);

    t->count++;
    return result ? result : bb_sink_kafka_put_letter(t->sink, t->lane, letter, t->error);
}

static int end_record(void *context, uint64_t sequence) {
    struct telling *t = context;

    t->whole = sequence;
    return t->count >= t->sink->options.batch_values ? commit(t) : 0;
}

/* The lane is this process's, and stands there. BB_SINK_MOVED: elsewhere. */
static int stand_at(struct telling *t, uint64_t from) {
    int result = bb_sink_kafka_lane_open(t->sink, t->lane, t->error);

    if (result)
        return result;
    if (t->lane->position < from) /* since it was opened another one was there, and went */
        bb_sink_kafka_lane_close(t->lane);
    return t->lane->is_open && t->lane->position == from ? 0 : BB_SINK_MOVED;
}

static void finish(struct telling *t, int result) {
    if (result && t->begun)
        bb_sink_kafka_abort(t->sink, t->lane);
    if (result > 0)
        bb_sink_kafka_lane_close(t->lane);
}

static int kafka_apply(struct bb_sink *base, uint32_t partition, uint64_t from,
                       const struct bb_outbox_record *records, size_t count,
                       struct bb_error *error) {
    struct sink_kafka *k = kafka_of(base);
    struct telling t = {.sink = k, .whole = from, .error = error};
    const struct bb_change_visit visit = {.item = put_item,
                                          .letter = k->options.letters ? put_letter : NULL,
                                          .end = end_record,
                                          .context = &t};
    int result = look_at_partition(k, partition, error);

    if (result)
        return result;
    t.lane = &k->lanes[partition];
    result = stand_at(&t, from);
    if (result)
        return result;
    bb_buffer_init(&t.value, VALUE_LIMIT_BYTES);
    result = bb_change_feed_walk(&k->options.choice, partition, from, records, count, &visit,
                                 error);
    if (!result && t.lane->position < t.whole)
        result = commit(&t);
    finish(&t, result);
    bb_buffer_release(&t.value);
    return result;
}

static bool is_chosen(const struct sink_kafka *k, const struct bb_letter *letter) {
    const char *tenant = k->options.choice.tenant;

    return !tenant || !tenant[0] || bb_span_equal(letter->tenant, bb_span_of(tenant));
}

/* One transaction: what is told at a time is bounded by who tells it. */
static int kafka_apply_letters(struct bb_sink *base, uint64_t from, uint64_t to,
                               const struct bb_letter *letters, size_t count,
                               struct bb_error *error) {
    struct sink_kafka *k = kafka_of(base);
    struct telling t = {.sink = k, .lane = letter_lane(k), .whole = to, .error = error};
    int result = stand_at(&t, from);

    if (result)
        return result;
    for (size_t i = 0; !result && i < count; i++)
        result = is_chosen(k, &letters[i]) ? put_letter(&t, &letters[i]) : 0;
    if (!result)
        result = commit(&t);
    finish(&t, result);
    return result;
}

static int kafka_check(struct bb_sink *base, struct bb_error *error) {
    uint64_t sequence;

    return kafka_position(base, 0, &sequence, error);
}

static const struct bb_sink_ops operations = {
    .name = "kafka",
    .guarantee = BB_SINK_INSIDE,
    .close = kafka_close,
    .position = kafka_position,
    .apply = kafka_apply,
    .check = kafka_check,
    .letter_position = kafka_letter_position,
    .apply_letters = kafka_apply_letters,
};

static void name_lanes(struct sink_kafka *k) {
    for (uint32_t p = 0; p < k->options.feed_partitions; p++)
        k->lanes[p] = (struct sink_kafka_lane){
            .topic = k->changes, .positions = k->positions, .partition = p};
    *letter_lane(k) = (struct sink_kafka_lane){.topic = k->letters,
                                               .positions = k->letter_positions};
}

int bb_sink_kafka_open(const struct bb_sink_kafka_options *options, const char *label,
                       struct bb_sink **out, struct bb_error *error) {
    const char *prefix = options->prefix ? options->prefix : "busbar";

    if (!options->cluster.brokers || !options->cluster.brokers[0])
        return BB_FAIL(error, BB_E_SINK_SETTINGS, "%s: brokers is missing", label);
    struct sink_kafka *k = calloc(1, sizeof *k);
    if (k)
        k->lanes = calloc((size_t)options->feed_partitions + 1, sizeof k->lanes[0]);
    if (!k || !k->lanes) {
        free(k);
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a sink");
    }
    k->ops = operations;
    if (!options->letters) {
        k->ops.letter_position = NULL;
        k->ops.apply_letters = NULL;
    }
    k->base = (struct bb_sink){&k->ops, label};
    k->options = *options;
    if (k->options.batch_values == 0)
        k->options.batch_values = BATCH_VALUES;
    snprintf(k->changes, sizeof k->changes, "%.240s.changes", prefix);
    snprintf(k->positions, sizeof k->positions, "%.240s.changes.position", prefix);
    snprintf(k->letters, sizeof k->letters, "%.230s.dead-letters", prefix);
    snprintf(k->letter_positions, sizeof k->letter_positions, "%.230s.dead-letters.position",
             prefix);
    name_lanes(k);
    if (!copy_properties(k)) {
        kafka_close(&k->base);
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a sink");
    }
    *out = &k->base;
    return 0;
}
