/* The closing tables of `demo`: see demo_report.h. */
#include "cli/demo_report.h"

#include "cli/human.h"
#include "cli/query_writer.h"
#include "service/city_score.h"

#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_ARENA_BYTES = 1 << 20, BLOCK_ARENA_LIMIT = 1 << 30, SAMPLE_DAYS = 4 };

struct findings {
    struct bb_city_score score;
    uint64_t open[BB_CHECK_COUNT]; /* exceptions per check */
    uint64_t estimated, suspect;   /* values of the lane vee */
    uint64_t store_bytes, store_file_bytes;
    char sample[256]; /* usage point whose channel is shown, */
    char sample_channel[64];
    struct bb_arena arena; /* of one block */
};

/* ---- gathering ------------------------------------------------------------------------------------*/

static int count_exception(void *context, const struct bb_registry_exception *row) {
    struct findings *findings = context;

    findings->open[row->check]++;
    return 0;
}

/* The first channel of intervals is the sample. */
static int take_sample(void *context, const struct bb_registry_channel *row) {
    struct findings *findings = context;

    if (row->kind != BB_KIND_INTERVAL)
        return 0;
    snprintf(findings->sample, sizeof findings->sample, "%.*s", BB_SPAN_ARGS(row->usage_point));
    snprintf(findings->sample_channel, sizeof findings->sample_channel, "%.*s",
             BB_SPAN_ARGS(row->channel));
    return 1;
}

static int count_block(void *context, const struct bb_block_key *key, struct bb_span packed) {
    struct findings *findings = context;
    struct bb_block block;
    struct bb_error error;

    (void)key;
    bb_arena_reset(&findings->arena);
    int r = bb_block_unpack(packed, &findings->arena, &block, &error);
    for (uint32_t i = 0; r == 0 && i < block.count; i++) {
        const struct bb_quality *quality = &block.attributes.items[block.attribute[i]].quality;
        findings->estimated += quality->state == BB_STATE_ESTIMATED;
        findings->suspect += (quality->marks & BB_MARK_SUSPECT) != 0;
    }
    return r;
}

static int gather_partition(struct bb_store *store, uint32_t partition, struct findings *findings,
                            struct bb_error *error) {
    struct bb_store_view *view;
    uint64_t used, whole;
    int r = store->ops->view_begin(store, partition, &view, error);

    if (r < 0)
        return r;
    r = store->ops->block_scan(view, BB_LANE_VEE, INT32_MIN, INT32_MAX, count_block, findings,
                               error);
    store->ops->view_end(view);
    if (r >= 0)
        r = store->ops->size(store, partition, &used, &whole, error);
    if (r < 0)
        return r;
    findings->store_bytes += used;
    findings->store_file_bytes += whole;
    return 0;
}

static int gather(struct bb_demo *demo, const struct bb_city_options *how,
                  struct findings *findings, struct bb_error *error) {
    struct bb_registry *registry = demo->plant->registry;
    struct bb_span tenant = bb_command_tenant(demo->command);
    int r = bb_city_score_run(demo->plant, tenant, how, demo->ingest->counts.duplicate,
                              &findings->score, error);

    bb_arena_init(&findings->arena, BLOCK_ARENA_BYTES, BLOCK_ARENA_LIMIT);
    for (uint32_t partition = 0; r >= 0 && partition < demo->plant->store->partitions; partition++)
        r = gather_partition(demo->plant->store, partition, findings, error);
    bb_arena_release(&findings->arena);
    if (r >= 0)
        r = registry->ops->exception_list(registry, tenant, true, BB_TIME_NONE, count_exception,
                                          findings, error);
    if (r >= 0)
        r = registry->ops->channel_list(registry, tenant, (struct bb_span){NULL, 0}, take_sample,
                                        findings, error);
    return r < 0 ? r : 0;
}

/* ---- printing -------------------------------------------------------------------------------------*/

static int row_to_writer(void *context, const struct bb_query_row *row) {
    return bb_query_writer_row(context, row) ? 0 : 1;
}

/* The days around 29 March, when the clocks go forward. */
static int print_days(struct bb_demo *demo, const struct findings *findings,
                      enum bb_query_format format, struct bb_output *out, struct bb_error *error) {
    const struct bb_zone *zone;
    struct bb_query_writer writer;
    struct bb_query query = {.tenant = bb_command_tenant(demo->command),
                             .usage_point = bb_span_of(findings->sample),
                             .channel = bb_span_of(findings->sample_channel),
                             .lane = BB_LANE_DAY,
                             .from_ms = BB_TIME_NONE,
                             .to_ms = BB_TIME_NONE,
                             .as_of_ms = BB_TIME_NONE,
                             .limit = SAMPLE_DAYS};

    int r = bb_zone_set_get(demo->plant->zones, BB_SPAN("Europe/Amsterdam"), &zone, error);
    if (r < 0)
        return r;
    int64_t change_ms = bb_days_from_civil(2026, 3, 27) * BB_DAY_MS;
    if (findings->score.from_ms < change_ms && findings->score.to_ms > change_ms)
        query.from_ms = bb_zone_first_at(zone, change_ms);
    bb_query_writer_begin(&writer, out, format, zone, false);
    if (findings->sample[0])
        r = bb_query_run(demo->plant, &query, row_to_writer, &writer, error);
    bb_query_writer_end(&writer);
    return r;
}

static void put_count(struct bb_table *table, uint64_t count) {
    char text[BB_HUMAN_MAX];

    bb_table_cell(table, bb_span_of(bb_human_count(count, text)));
}

static void print_kinds(struct bb_demo *demo, const struct bb_city_score *score) {
    static const struct bb_table_column columns[] = {
        {"fault", false}, {"put in", true}, {"found", true}, {"false alarms", true}};
    struct bb_table table;

    bb_table_init(&table, demo->command->out, columns, 4);
    for (size_t i = 0; i < score->kind_count; i++) {
        bb_table_cell(&table, bb_span_of(score->kinds[i].name));
        put_count(&table, score->kinds[i].put_in);
        put_count(&table, score->kinds[i].found);
        put_count(&table, score->kinds[i].false_alarms);
    }
    bb_table_finish(&table);
}

/* Checks that opened an exception, or spoke where nothing was wrong. */
static void print_checks(struct bb_demo *demo, const struct findings *findings) {
    static const struct bb_table_column columns[] = {
        {"check", false}, {"open exceptions", true}, {"false alarms", true}};
    struct bb_table table;

    bb_table_init(&table, demo->command->out, columns, 3);
    for (int check = 0; check < BB_CHECK_COUNT; check++) {
        if (findings->open[check] == 0 && findings->score.false_alarms[check] == 0)
            continue;
        bb_table_cell(&table, bb_span_of(bb_check_name(check)));
        put_count(&table, findings->open[check]);
        put_count(&table, findings->score.false_alarms[check]);
    }
    bb_table_finish(&table);
}

/* The mean of a sum, in kWh, "" of none. */
static void put_mean(struct bb_table *table, double sum, uint64_t count) {
    if (count > 0)
        bb_table_cell_format(table, "%.4f", sum / (double)count);
    else
        bb_table_cell(table, bb_span_of(""));
}

static void print_methods(struct bb_demo *demo, const struct bb_city_score *score) {
    static const struct bb_table_column columns[] = {{"estimated by", false},
                                                     {"values", true},
                                                     {"mean value", true},
                                                     {"mean error", true},
                                                     {"the week before", true}};
    struct bb_table table;

    bb_table_init(&table, demo->command->out, columns, 5);
    for (int method = BB_METHOD_NONE + 1; method < BB_METHOD_COUNT; method++) {
        const struct bb_city_score_method *of = &score->methods[method];
        if (of->values == 0)
            continue;
        bb_table_cell(&table, bb_span_of(bb_method_name(method)));
        put_count(&table, of->values);
        put_mean(&table, of->truth, of->values);
        put_mean(&table, of->error, of->values);
        put_mean(&table, of->naive, of->compared);
    }
    bb_table_finish(&table);
}

static void print_score(struct bb_demo *demo, const struct findings *findings) {
    struct bb_buffer *out = &demo->command->out->buffer;
    char count[BB_HUMAN_MAX];

    print_kinds(demo, &findings->score);
    bb_buffer_append_byte(out, '\n');
    print_checks(demo, findings);
    bb_buffer_format(out, "\nestimates in gaps against what the homes used, kWh a quarter of an "
                          "hour, and the error\nof taking the same time a week before:\n");
    print_methods(demo, &findings->score);
    if (findings->score.not_estimated > 0)
        bb_buffer_format(out, "%s intervals stay missing\n",
                         bb_human_count(findings->score.not_estimated, count));
}

static void print_totals(struct bb_demo *demo, const struct findings *findings) {
    struct bb_buffer *out = &demo->command->out->buffer;
    const struct bb_ingest_run *ingest = demo->ingest;
    char a[BB_HUMAN_MAX], b[BB_HUMAN_MAX], c[BB_HUMAN_MAX];

    bb_buffer_format(out, "\n%s values estimated, %s marked suspect\n",
                     bb_human_count(findings->estimated, a), bb_human_count(findings->suspect, b));
    bb_buffer_format(out, "%s readings in %s: %s readings/s from file to store\n",
                     bb_human_count(ingest->report.readings, a),
                     bb_human_seconds(ingest->seconds, b),
                     bb_human_short(bb_ingest_rate(ingest), c));
    bb_buffer_format(out, "%s accepted, %s duplicates, %s changed values\n",
                     bb_human_count(ingest->counts.added, a),
                     bb_human_count(ingest->counts.duplicate, b),
                     bb_human_count(ingest->counts.changed, c));
    bb_buffer_format(out, "the same files again: %s readings, %s duplicates\n",
                     bb_human_count(ingest->report.readings, a),
                     bb_human_count(demo->again_duplicates, b));
    double per_reading = ingest->report.readings
                             ? (double)findings->store_bytes / (double)ingest->report.readings
                             : 0;
    bb_buffer_format(out, "files %s, store %s: %.1f bytes per reading with all lanes\n",
                     bb_human_bytes(demo->generated.bytes, a),
                     bb_human_bytes(findings->store_bytes, b), per_reading);
    bb_buffer_format(out, "done in %s\n", bb_human_seconds(demo->seconds, a));
}

static int print_to_people(struct bb_demo *demo, const struct findings *findings,
                           struct bb_error *error) {
    struct bb_buffer *out = &demo->command->out->buffer;

    bb_buffer_append_byte(out, '\n');
    print_score(demo, findings);
    bb_buffer_format(out, "\ndays of %s, channel %s (29 March has 23 hours):\n", findings->sample,
                     findings->sample_channel);
    int r = print_days(demo, findings, BB_QUERY_TABLE, demo->command->out, error);
    print_totals(demo, findings);
    bb_buffer_format(out,
                     "\nnext: busbar --data %s list exceptions\n"
                     "      busbar --data %s query --usage-point %s --lane day\n"
                     "      busbar --data %s query --usage-point %s --lane vee --format csv\n",
                     demo->directory, demo->directory, findings->sample, demo->directory,
                     findings->sample);
    return r;
}

/* A number per kind of fault. */
static void put_kinds_json(struct bb_json *json, const char *key, const struct bb_city_score *score,
                           size_t offset) {
    bb_json_key(json, key);
    bb_json_object_begin(json);
    for (size_t i = 0; i < score->kind_count; i++) {
        uint32_t count;
        memcpy(&count, (const char *)&score->kinds[i] + offset, sizeof count);
        bb_json_put_u64(json, score->kinds[i].name, count);
    }
    bb_json_object_end(json);
}

static void put_checks_json(struct bb_json *json, const char *key,
                            const uint64_t counts[BB_CHECK_COUNT]) {
    bb_json_key(json, key);
    bb_json_object_begin(json);
    for (int check = 0; check < BB_CHECK_COUNT; check++)
        bb_json_put_u64(json, bb_check_name(check), counts[check]);
    bb_json_object_end(json);
}

static void put_mean_json(struct bb_json *json, const char *key, double sum, uint64_t count) {
    if (count > 0)
        bb_json_put_double(json, key, sum / (double)count);
}

static void put_methods_json(struct bb_json *json, const struct bb_city_score *score) {
    bb_json_key(json, "estimates");
    bb_json_object_begin(json);
    for (int method = BB_METHOD_NONE + 1; method < BB_METHOD_COUNT; method++) {
        const struct bb_city_score_method *of = &score->methods[method];
        if (of->values == 0)
            continue;
        bb_json_key(json, bb_method_name(method));
        bb_json_object_begin(json);
        bb_json_put_u64(json, "values", of->values);
        put_mean_json(json, "mean_value", of->truth, of->values);
        put_mean_json(json, "mean_error", of->error, of->values);
        bb_json_put_u64(json, "compared", of->compared);
        put_mean_json(json, "mean_error_compared", of->error_beside_naive, of->compared);
        put_mean_json(json, "mean_error_week_before", of->naive, of->compared);
        bb_json_object_end(json);
    }
    bb_json_object_end(json);
    bb_json_put_u64(json, "not_estimated", score->not_estimated);
}

static void put_score_json(struct bb_json *json, const struct findings *findings) {
    const struct bb_city_score *score = &findings->score;

    put_kinds_json(json, "put_in", score, offsetof(struct bb_city_score_kind, put_in));
    put_kinds_json(json, "found", score, offsetof(struct bb_city_score_kind, found));
    put_kinds_json(json, "false_alarms", score, offsetof(struct bb_city_score_kind, false_alarms));
    put_checks_json(json, "false_alarms_by_check", score->false_alarms);
    put_checks_json(json, "open_exceptions", findings->open);
    put_methods_json(json, score);
}

static int print_as_json(struct bb_demo *demo, const struct findings *findings,
                         struct bb_error *error) {
    struct bb_json json = bb_command_json(demo->command);
    const struct bb_ingest_run *ingest = demo->ingest;
    struct bb_output days;

    bb_json_object_begin(&json);
    put_score_json(&json, findings);
    bb_json_put_u64(&json, "readings", ingest->report.readings);
    bb_json_put_u64(&json, "accepted", ingest->counts.added);
    bb_json_put_u64(&json, "duplicate", ingest->counts.duplicate);
    bb_json_put_u64(&json, "changed", ingest->counts.changed);
    bb_json_put_u64(&json, "duplicate_again", demo->again_duplicates);
    bb_json_put_u64(&json, "estimated", findings->estimated);
    bb_json_put_u64(&json, "suspect", findings->suspect);
    bb_json_put_u64(&json, "file_bytes", demo->generated.bytes);
    bb_json_put_u64(&json, "store_bytes", findings->store_bytes);
    bb_json_put_double(&json, "readings_per_second", bb_ingest_rate(ingest));
    bb_json_put_double(&json, "seconds", demo->seconds);
    bb_output_init(&days, -1);
    int r = print_days(demo, findings, BB_QUERY_JSON, &days, error);
    bb_json_key(&json, "days");
    bb_json_raw(&json, (struct bb_span){days.buffer.data, days.buffer.size - 1});
    bb_output_release(&days);
    bb_json_object_end(&json);
    bb_command_json_end(demo->command);
    return r;
}

int bb_demo_report(struct bb_demo *demo, const struct bb_city_options *how,
                   struct bb_error *error) {
    struct findings *findings = calloc(1, sizeof *findings);

    if (!findings)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the report");
    int r = gather(demo, how, findings, error);
    if (r == 0 && demo->command->globals.json)
        r = print_as_json(demo, findings, error);
    else if (r == 0 && bb_command_talks(demo->command))
        r = print_to_people(demo, findings, error);
    free(findings);
    return r;
}
