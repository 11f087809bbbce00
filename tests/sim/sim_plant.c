/* A plant of in-memory twins: see sim_plant.h. */
#include "sim/sim_plant.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapter/store_archive.h"
#include "base/hash.h"
#include "model/frame.h"
#include "model/unit.h"
#include "service/channel_table.h"
#include "service/query.h"
#include "service/rules_channel.h"
#include "support/rule_case.h"

enum { LINES_LIMIT_BYTES = 256 << 20 };

#define EXPECT(call)                                                                               \
    do {                                                                                           \
        if ((call) != 0) {                                                                         \
            fprintf(stderr, "%s: %s\n", #call, error.text);                                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Rules that are a few lines of C: what they say follows from their parameters and from what they may know. */
static uint64_t code_of(const void *code) {
    const struct bb_rule_code *c = code;

    return bb_hash_seeded(c->parameters, bb_hash(c->module->source));
}

static int judge(void *context, const struct bb_rule_question *q, struct bb_arena *arena,
                 struct bb_sayings *out, struct bb_error *error) {
    struct bb_buffer about;

    (void)context;
    (void)error;
    bb_buffer_init(&about, 1 << 20);
    bb_rules_put_about(q->usage_point, q->channel,
                       bb_rules_unit(q->ask->channel, q->ask->rule->raw), q->about, NULL, 0,
                       &about);
    out->items = rule_case_answer(q->ask, code_of, arena, &out->count);
    for (size_t i = 0; i < out->count; i++) /* it knows its usage point */
        if (out->items[i].kind == BB_SAYING_CORRECT || out->items[i].kind == BB_SAYING_ESTIMATE)
            out->items[i].value.mantissa += (int64_t)(bb_hash(bb_buffer_span(&about)) % 1000);
    bb_buffer_release(&about);
    return 0;
}

void sim_plant_open(struct sim_plant *s, uint32_t partitions, bool with_faults) {
    struct bb_error error = {0};

    memset(s, 0, sizeof *s);
    EXPECT(bb_log_memory_open(partitions, &s->log, &error));
    EXPECT(bb_store_memory_open(partitions, &s->store, &error));
    EXPECT(bb_registry_memory_open(&s->registry, &error));
    bb_config_defaults(&s->plant.config);
    s->plant.config.log_partitions = partitions;
    s->plant.log = with_faults ? bb_log_fault_wrap(s->log, &s->log_faults) : s->log;
    s->plant.hot = with_faults ? bb_store_fault_wrap(s->store, &s->store_faults) : s->store;
    EXPECT(bb_blob_memory_open(&s->blob, &error));
    s->plant.blob = with_faults ? bb_blob_fault_wrap(s->blob, &s->blob_faults) : s->blob;
    BB_ASSERT(s->plant.hot && s->plant.blob);
    /* So little is kept that frames are read again and again. */
    EXPECT(bb_store_archive_wrap(s->plant.hot, s->plant.blob, 64 << 10, &s->plant.store, &error));
    EXPECT(bb_store_archive_wrap(s->store, s->blob, 64 << 10, &s->whole, &error));
    s->plant.registry = s->registry;
    s->mirror = sim_mirror_open(partitions);
    s->sink = sim_mirror_sink(s->mirror);
    s->plant.sinks = &s->sink;
    s->plant.sink_count = 1;
    s->plant.config.changes_lanes = 1u << BB_LANE_RAW | 1u << BB_LANE_VEE | 1u << BB_LANE_DAY;
    s->plant.judge = judge;
    s->plant.zones = bb_zone_set_new();
    BB_ASSERT(s->plant.log && s->plant.zones);
}

void sim_plant_close(struct sim_plant *s) {
    if (s->plant.log != s->log)
        s->plant.log->ops->close(s->plant.log);
    s->plant.store->ops->close(s->plant.store);
    s->whole->ops->close(s->whole);
    if (s->plant.hot != s->store)
        s->plant.hot->ops->close(s->plant.hot);
    if (s->plant.blob != s->blob)
        s->plant.blob->ops->close(s->plant.blob);
    s->blob->ops->close(s->blob);
    sim_mirror_close(s->mirror);
    s->registry->ops->close(s->registry);
    s->store->ops->close(s->store);
    s->log->ops->close(s->log);
    bb_zone_set_free(s->plant.zones);
}

void sim_plant_share(const struct sim_plant *s, struct bb_plant *out) {
    *out = s->plant;
    out->zones = bb_zone_set_new();
    BB_ASSERT(out->zones);
}

void sim_plant_unshare(struct bb_plant *plant) {
    bb_zone_set_free(plant->zones);
}

/* ---- records */

void sim_plant_append(struct sim_plant *s, uint32_t partition, const char *usage_point,
                      int64_t received_ms) {
    enum { QUARTER_S = 900 };
    struct bb_series series = {.usage_point = bb_span_of(usage_point),
                               .channel = BB_SPAN("c"),
                               .kind = BB_KIND_INTERVAL,
                               .interval_s = QUARTER_S};
    struct bb_attribute attribute = {.unit = BB_UNIT_KWH, .length_s = QUARTER_S};
    struct bb_frame_row row = {
        .end_ms = 1772323200000LL, .mantissa = 5, .issued_ms = received_ms, .line = 1};
    struct bb_frame frame = {.tenant = SIM_TENANT,
                             .source = BB_SPAN("a file"),
                             .received_ms = received_ms,
                             .series_count = 1,
                             .series = &series,
                             .attributes = &attribute,
                             .attribute_count = 1};
    struct bb_arena arena;
    struct bb_buffer body;
    struct bb_error error;

    bb_arena_init(&arena, 4096, 1 << 20);
    bb_buffer_init(&body, 1 << 16);
    BB_ASSERT(bb_frame_set_rows(&frame, &row, 1, &arena));
    EXPECT(bb_frame_encode(&frame, &arena, &body, &error));
    struct bb_log_record record = {.kind = BB_RECORD_FRAME,
                                   .readings = 1,
                                   .received_ms = received_ms,
                                   .body = bb_buffer_span(&body)};
    EXPECT(s->log->ops->append(s->log, partition, &record, &error));
    EXPECT(s->log->ops->sync(s->log, &error));
    bb_buffer_release(&body);
    bb_arena_release(&arena);
}

/* ---- the mirror */

struct lines {
    char **items;
    size_t count, capacity;
};

static void put_line(struct lines *l, struct bb_buffer *line) {
    bb_buffer_append_byte(line, '\0');
    BB_ASSERT(!line->overflow);
    if (l->count == l->capacity) {
        l->capacity = l->capacity ? l->capacity * 2 : 1024;
        l->items = realloc(l->items, l->capacity * sizeof l->items[0]);
    }
    l->items[l->count++] = strdup(line->data);
    bb_buffer_clear(line);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void join_lines(struct lines *l, struct bb_buffer *out) {
    qsort(l->items, l->count, sizeof l->items[0], by_text);
    bb_buffer_init(out, LINES_LIMIT_BYTES);
    for (size_t i = 0; i < l->count; i++) {
        bb_buffer_format(out, "%s\n", l->items[i]);
        free(l->items[i]);
    }
    BB_ASSERT(!out->overflow);
    free(l->items);
}

struct side { /* of the comparison */
    struct sim_plant *s;
    struct lines lines;
    struct bb_buffer line;
};

static void mirror_line(void *context, const char *key, const char *row) {
    struct side *side = context;

    bb_buffer_format(&side->line, "%s = %s", key, row);
    put_line(&side->lines, &side->line);
}

static void query_line(struct side *side, const struct bb_query_row *row, uint8_t statistic,
                       const struct bb_decimal *value) {
    sim_mirror_key(&side->line, row->usage_point, row->channel, (uint8_t)row->lane, row->end_ms,
                   statistic);
    bb_buffer_format(&side->line, " = ");
    sim_mirror_row(&side->line, row->has_value ? value : NULL, row->unit,
                   row->end_ms - row->start_ms, row->quality);
    put_line(&side->lines, &side->line);
}

static int query_row(void *context, const struct bb_query_row *row) {
    query_line(context, row, BB_STATISTIC_VALUE, &row->value);
    if (row->has_range) {
        query_line(context, row, BB_STATISTIC_MIN, &row->min);
        query_line(context, row, BB_STATISTIC_MAX, &row->max);
    }
    return 0;
}

static int query_usage_point(void *context, const struct bb_registry_usage_point *up) {
    static const enum bb_lane lanes[] = {BB_LANE_RAW, BB_LANE_VEE, BB_LANE_DAY};
    struct side *side = context;
    struct bb_error error = {0};

    for (size_t i = 0; up->channels > 0 && i < 3; i++) {
        const struct bb_query query = {.tenant = up->tenant,
                                       .usage_point = up->name,
                                       .from_ms = BB_TIME_NONE,
                                       .to_ms = BB_TIME_NONE,
                                       .lane = lanes[i],
                                       .as_of_ms = BB_TIME_NONE};
        EXPECT(bb_query_run(&side->s->plant, &query, query_row, side, &error));
    }
    return 0;
}

static void compare_mirror(struct sim_plant *s) {
    struct side told = {.s = s}, asked = {.s = s};
    struct bb_buffer a, b;
    struct bb_error error = {0};

    bb_buffer_init(&told.line, 1 << 20);
    bb_buffer_init(&asked.line, 1 << 20);
    sim_mirror_lines(s->mirror, mirror_line, &told);
    EXPECT(s->registry->ops->usage_point_list(s->registry, BB_SPAN(""), BB_SPAN(""),
                                              query_usage_point, &asked, &error));
    join_lines(&told.lines, &a);
    join_lines(&asked.lines, &b);
    const char *difference = sim_difference(&a, &b);
    if (difference) {
        fprintf(stderr, "the change feed told%s\n", difference);
        abort();
    }
    bb_buffer_release(&a);
    bb_buffer_release(&b);
    bb_buffer_release(&told.line);
    bb_buffer_release(&asked.line);
}

void sim_plant_finish(struct sim_plant *s, struct bb_worker *worker) {
    struct bb_error error = {0};
    struct bb_delivery *delivery;

    EXPECT(bb_worker_drain(worker, false, NULL, &error));
    EXPECT(bb_deliver_registry(&s->plant, NULL, NULL, &error));
    EXPECT(bb_delivery_open(&s->plant, NULL, NULL, NULL, &delivery, &error));
    EXPECT(bb_delivery_run(delivery, &error));
    bb_delivery_close(delivery);
    compare_mirror(s);
}

/* ---- the fingerprint */

struct dump {
    struct sim_plant *s;
    struct bb_store_view *view;
    struct lines lines;
    struct bb_arena arena;
    struct bb_buffer line;
    /* of the channel at hand */
    char key[2 * BB_NAME_KEY_MAX];
    uint32_t number;
    uint8_t lane;
    int64_t as_of_ms;
};

static void end_line(struct dump *d) {
    put_line(&d->lines, &d->line);
}

/* Names hold NUL bytes between their parts. */
static void printable(struct bb_span name, char *out) {
    for (size_t i = 0; i < name.size; i++)
        out[i] = name.data[i] ? name.data[i] : '/';
    out[name.size] = '\0';
}

static int dump_block(void *context, const struct bb_block_key *key, struct bb_span packed) {
    struct dump *d = context;
    struct bb_block block;
    struct bb_error error = {0};

    if (key->channel != d->number)
        return 0;
    bb_arena_reset(&d->arena);
    if (!bb_lane_has_values(d->lane)) {
        bb_buffer_format(&d->line, "block %s %s %d bytes %zu hash %016" PRIx64, d->key,
                         bb_lanes[d->lane].name, key->span, packed.size, bb_hash(packed));
        end_line(d);
        return 0;
    }
    EXPECT(bb_block_unpack(packed, &d->arena, &block, &error));
    bb_buffer_format(&d->line, "block %s %s %d rows %u findings %u bytes %zu hash %016" PRIx64,
                     d->key, bb_lanes[d->lane].name, key->span, block.count, block.finding_count,
                     packed.size, bb_hash(packed));
    end_line(d);
    return 0;
}

static void dump_coverage(struct dump *d) {
    struct bb_error error = {0};
    struct bb_span value;
    char number[4];

    for (int i = 0; i < 4; i++)
        number[i] = (char)(d->number >> (8 * (3 - i)));
    int found = d->s->whole->ops->name_get(d->view, BB_NAME_COVERAGE, (struct bb_span){number, 4},
                                           &value, &error);
    bb_buffer_format(&d->line, "coverage %s %016" PRIx64, d->key,
                     found == BB_FOUND ? bb_hash(value) : 0);
    end_line(d);
}

static int dump_channel(void *context, struct bb_span name, struct bb_span value) {
    struct dump *d = context;
    struct bb_channel_record r;
    struct bb_error error = {0};

    printable(name, d->key);
    EXPECT(bb_channel_record_decode(value, &r, &error));
    d->number = r.number;
    bb_buffer_format(
        &d->line,
        "channel %s kind %u commodity %u unit %u derived %d interval %u one-way %d day "
        "start %d metered %u capacity %" PRId64 " installations %016" PRIx64 " holidays %016" PRIx64
        " profile %.*s %016" PRIx64 " zone %.*s obis %.*s told %" PRId64 ":%" PRId64
        " %u %u %u %.*s %.*s rules %016" PRIx64,
        d->key, r.kind, r.commodity, r.unit, r.derived_unit, r.interval_s, r.one_way, r.day_start_s,
        r.metered_unit, r.capacity, bb_hash(r.installations), bb_hash(r.holidays),
        BB_SPAN_ARGS(r.profile), r.profile_hash, BB_SPAN_ARGS(r.zone), BB_SPAN_ARGS(r.obis),
        r.first_received_ms, r.first_line, r.told_kind, r.told_commodity, r.told_interval_s,
        BB_SPAN_ARGS(r.told_zone), BB_SPAN_ARGS(r.told_obis), r.rules_hash);
    end_line(d);
    dump_coverage(d);
    for (d->lane = 0; d->lane < BB_LANE_COUNT; d->lane++)
        EXPECT(d->s->whole->ops->block_scan(d->view, d->lane, INT32_MIN, INT32_MAX, dump_block, d,
                                            &error));
    return 0;
}

static int dump_master(void *context, struct bb_span name, struct bb_span value) {
    struct dump *d = context;

    printable(name, d->key);
    bb_buffer_format(&d->line, "master %s %016" PRIx64, d->key, bb_hash(value));
    end_line(d);
    return 0;
}

static int dump_exception(void *context, const struct bb_registry_exception *x) {
    struct dump *d = context;

    bb_buffer_format(&d->line, "exception %.*s %.*s %s %" PRId64 "..%" PRId64,
                     BB_SPAN_ARGS(x->usage_point), BB_SPAN_ARGS(x->channel),
                     bb_check_name(x->check), x->from_ms, x->to_ms);
    end_line(d);
    return 0;
}

static int dump_row(void *context, const struct bb_query_row *row) {
    struct dump *d = context;
    char value[BB_DECIMAL_TEXT_MAX] = "-", min[BB_DECIMAL_TEXT_MAX] = "",
         max[BB_DECIMAL_TEXT_MAX] = "";

    if (row->has_value)
        bb_decimal_format(row->value, false, value);
    if (row->has_range) {
        bb_decimal_format(row->min, false, min);
        bb_decimal_format(row->max, false, max);
    }
    bb_buffer_format(
        &d->line, "row as of %" PRId64 " %.*s %.*s %s %" PRId64 "..%" PRId64 " %s %s %s %d ",
        d->as_of_ms, BB_SPAN_ARGS(row->usage_point), BB_SPAN_ARGS(row->channel),
        bb_lanes[row->lane].name, row->start_ms, row->end_ms, value, min, max, row->unit);
    bb_quality_format(row->quality, &d->line);
    bb_buffer_format(&d->line, " recorded %" PRId64 " %s", row->recorded_ms,
                     bb_zone_name(row->zone));
    end_line(d);
    return 0;
}

static int dump_usage_point(void *context, const struct bb_registry_usage_point *up) {
    static const enum bb_lane lanes[] = {BB_LANE_RAW, BB_LANE_VEE, BB_LANE_DAY, BB_LANE_MONTH};
    struct dump *d = context;
    struct bb_error error = {0};

    for (int i = 0; i < 4; i++) {
        struct bb_query query = {.tenant = up->tenant,
                                 .usage_point = up->name,
                                 .from_ms = BB_TIME_NONE,
                                 .to_ms = BB_TIME_NONE,
                                 .lane = lanes[i],
                                 .as_of_ms = d->as_of_ms};
        EXPECT(bb_query_run(&d->s->plant, &query, dump_row, d, &error));
    }
    return 0;
}

static void dump_partition(struct dump *d, uint32_t partition) {
    struct bb_error error = {0};
    const struct bb_store_ops *ops = d->s->whole->ops;

    EXPECT(ops->view_begin(d->s->whole, partition, &d->view, &error));
    EXPECT(ops->name_scan(d->view, BB_NAME_CHANNEL, BB_SPAN(""), dump_channel, d, &error));
    EXPECT(ops->name_scan(d->view, BB_NAME_USAGE_POINT, BB_SPAN(""), dump_master, d, &error));
    EXPECT(ops->name_scan(d->view, BB_NAME_CALENDAR, BB_SPAN(""), dump_master, d, &error));
    EXPECT(ops->name_scan(d->view, BB_NAME_PROFILE, BB_SPAN(""), dump_master, d, &error));
    EXPECT(ops->name_scan(d->view, BB_NAME_RULES, BB_SPAN(""), dump_master, d, &error));
    EXPECT(ops->name_scan(d->view, BB_NAME_TENANT, BB_SPAN(""), dump_master, d, &error));
    ops->view_end(d->view);
}

void sim_plant_fingerprint(struct sim_plant *s, struct bb_span tenant, const int64_t *moments,
                           size_t moment_count, struct bb_buffer *out) {
    struct dump d = {.s = s, .as_of_ms = BB_TIME_NONE};
    struct bb_error error = {0};

    s->log_faults.fail_at = s->store_faults.fail_at = s->blob_faults.fail_at = 0;
    bb_arena_init(&d.arena, 1 << 20, 1 << 28);
    bb_buffer_init(&d.line, 1 << 20);
    for (uint32_t p = 0; p < s->store->partitions; p++)
        dump_partition(&d, p);
    EXPECT(s->registry->ops->exception_list(s->registry, tenant, true, BB_TIME_NONE, dump_exception,
                                            &d, &error));
    for (size_t i = 0; i <= moment_count; i++) {
        d.as_of_ms = i < moment_count ? moments[i] : BB_TIME_NONE;
        EXPECT(s->registry->ops->usage_point_list(s->registry, tenant, BB_SPAN(""),
                                                  dump_usage_point, &d, &error));
    }
    join_lines(&d.lines, out);
    bb_buffer_release(&d.line);
    bb_arena_release(&d.arena);
}

static struct bb_span next_line(struct bb_span *rest) {
    const char *end = rest->size ? memchr(rest->data, '\n', rest->size) : NULL;
    struct bb_span line = {rest->data, end ? (size_t)(end - rest->data) : rest->size};

    rest->data += end ? line.size + 1 : line.size;
    rest->size -= end ? line.size + 1 : line.size;
    return line;
}

const char *sim_difference(const struct bb_buffer *a, const struct bb_buffer *b) {
    static char text[2400];
    struct bb_span x = bb_buffer_span(a), y = bb_buffer_span(b);

    if (bb_span_equal(x, y))
        return NULL;
    while (x.size > 0 || y.size > 0) {
        struct bb_span of_x = next_line(&x), of_y = next_line(&y);
        if (bb_span_equal(of_x, of_y))
            continue;
        snprintf(text, sizeof text, "\n    %.*s\n  and not\n    %.*s", BB_SPAN_ARGS(of_x),
                 BB_SPAN_ARGS(of_y));
        break;
    }
    return text;
}
