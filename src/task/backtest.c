/* The task backtest: a rule over all of stored history, a usage point at a time; nothing is changed.
 *
 *   FOLDER/USAGE POINT.csv    what the rule said, where it said something
 *
 * A usage point is one piece: its file, then the checkpoint with the sums so far, which add up in the order of names. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "answer/record.h"
#include "answer/rules_json.h"
#include "base/list.h"
#include "model/unit.h"
#include "service/rules_environment.h"
#include "task/kind_internal.h"
#include "task/whole_file.h"

enum {
    NAMES_CHUNK_BYTES = 64 << 10,
    NAMES_LIMIT_BYTES = 256 << 20,
    CHECKPOINT_LIMIT_BYTES = 64 << 10,
    FAILURES_TOLD = 5,
    TELL_EVERY_ROWS = 256
};

static const struct bb_task_parameter parameters[] = {
    {"rule", BB_TASK_TEXT, false, "one of a module that has several"},
    {"name", BB_TASK_TEXT, false,
     "what it is called where it is deployed (default: as its function)"},
    {"parameters", BB_TASK_TEXT, false, "other values than the rule's own, as JSON"},
    {"usage-point", BB_TASK_TEXT, false, "this one alone (default: all)"},
    {"from", BB_TASK_TIME, false, "judge what ends after this"},
    {"to", BB_TASK_TIME, false, "and not after this"},
    {"as-of", BB_TASK_TIME, false, "on what was known then"},
    {"to-folder", BB_TASK_PATH, false, "where files of what it says go (default: none)"},
    {NULL}};

struct backtest {
    struct bb_task_run *run;
    struct bb_task_plant plant;
    struct bb_rules_environment environment;
    struct bb_rules *host;
    struct bb_rules_module module;
    struct bb_backtest asked;
    struct bb_arena names;
    struct bb_span *usage_points;
    size_t count, capacity, at;
    struct bb_backtest_sum sum, part; /* so far; of the usage point at hand */
    json_t *failures;                 /* the first ones, in words */
    struct bb_whole_file file;
    bool is_open;
    uint64_t rows;
    int result; /* of what a visitor did */
    struct bb_error *error;
};

/* ---- sums ------------------------------------------------------------------------------------ */

#define COUNT(name, field)                                                                         \
    { name, offsetof(struct bb_backtest_sum, field) }
static const struct {
    const char *name;
    size_t offset;
} counts[] = {COUNT("values", points),
              COUNT("windows", windows),
              COUNT("channels", channels),
              COUNT("touched_channels", touched_channels),
              COUNT("changed", changed),
              COUNT("flag", verdicts[BB_RULES_FLAG]),
              COUNT("estimate", verdicts[BB_RULES_ESTIMATE]),
              COUNT("correct", verdicts[BB_RULES_CORRECT]),
              COUNT("make", verdicts[BB_RULES_MAKE]),
              COUNT("exceptions", exceptions),
              COUNT("tags", tags),
              COUNT("failed_windows", failures)};
enum { COUNTS = sizeof counts / sizeof counts[0] };

static uint64_t *count_of(struct bb_backtest_sum *sum, size_t i) {
    return (uint64_t *)(void *)((char *)sum + counts[i].offset);
}

static void add_reason(struct bb_backtest_sum *sum, const char *name, uint64_t count) {
    for (uint32_t i = 0; i < sum->reason_count; i++)
        if (strcmp(sum->reasons[i].name, name) == 0) {
            sum->reasons[i].count += count;
            return;
        }
    if (sum->reason_count == BB_BACKTEST_REASONS_MAX)
        return;
    snprintf(sum->reasons[sum->reason_count].name, sizeof sum->reasons[0].name, "%s", name);
    sum->reasons[sum->reason_count++].count = count;
}

static void add_failures(struct backtest *b) {
    for (uint64_t i = 0; i < b->part.failures && i < BB_BACKTEST_FAILURES_KEPT; i++) {
        char text[700];
        if (json_array_size(b->failures) == FAILURES_TOLD)
            return;
        snprintf(text, sizeof text, "%s %s: the rule %s: %.500s",
                 b->part.first_failures[i].usage_point, b->part.first_failures[i].channel,
                 bb_rules_failure_name(b->part.first_failures[i].kind),
                 b->part.first_failures[i].text);
        json_array_append_new(b->failures, json_string_nocheck(text));
    }
}

static void add_energy(struct bb_backtest_sum *sum, double energy, int unit, bool units_differ) {
    if (!unit)
        return;
    sum->units_differ = sum->units_differ || units_differ || (sum->unit && sum->unit != unit);
    sum->unit = sum->unit ? sum->unit : unit;
    sum->energy += energy;
}

static void add_part(struct backtest *b) {
    for (size_t i = 0; i < COUNTS; i++)
        *count_of(&b->sum, i) += *count_of(&b->part, i);
    add_energy(&b->sum, b->part.energy, b->part.unit, b->part.units_differ);
    for (uint32_t i = 0; i < b->part.reason_count; i++)
        add_reason(&b->sum, b->part.reasons[i].name, b->part.reasons[i].count);
    add_failures(b);
}

static void put_sums(struct backtest *b, struct bb_json *json) {
    for (size_t i = 0; i < COUNTS; i++)
        bb_json_put_u64(json, counts[i].name, *count_of(&b->sum, i));
    if (b->sum.unit && !b->sum.units_differ) {
        bb_json_put_double(json, "difference", b->sum.energy);
        bb_json_put_text(json, "unit", bb_span_of(bb_unit_symbol(b->sum.unit)));
    }
    bb_json_key(json, "reasons");
    bb_json_object_begin(json);
    for (uint32_t i = 0; i < b->sum.reason_count; i++)
        bb_json_put_u64(json, b->sum.reasons[i].name, b->sum.reasons[i].count);
    bb_json_object_end(json);
    bb_json_key(json, "failures");
    bb_json_array_begin(json);
    for (size_t i = 0; i < json_array_size(b->failures); i++)
        bb_json_text(json, bb_span_of(json_string_value(json_array_get(b->failures, i))));
    bb_json_array_end(json);
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

static int checkpoint(struct backtest *b, struct bb_error *error) {
    struct bb_buffer text;
    struct bb_json json;

    bb_buffer_init(&text, CHECKPOINT_LIMIT_BYTES);
    bb_json_init(&json, &text);
    bb_json_object_begin(&json);
    bb_json_put_text(&json, "after", b->usage_points[b->at]);
    bb_json_put_bool(&json, "units_differ", b->sum.units_differ);
    put_sums(b, &json);
    bb_json_object_end(&json);
    int result = text.overflow ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a checkpoint")
                               : bb_task_checkpoint(b->run, bb_buffer_span(&text), error);
    bb_buffer_release(&text);
    return result;
}

static void read_sums(struct backtest *b, json_t *state) {
    const char *unit = json_string_value(json_object_get(state, "unit")), *name;
    json_t *value;

    for (size_t i = 0; i < COUNTS; i++)
        *count_of(&b->sum,
                  i) = (uint64_t)json_integer_value(json_object_get(state, counts[i].name));
    b->sum.units_differ = json_is_true(json_object_get(state, "units_differ"));
    if (unit)
        add_energy(&b->sum, json_number_value(json_object_get(state, "difference")),
                   bb_unit_find(bb_span_of(unit)), false);
    json_object_foreach(json_object_get(state, "reasons"), name, value)
        add_reason(&b->sum, name, (uint64_t)json_integer_value(value));
    json_array_extend(b->failures, json_object_get(state, "failures"));
}

static void resume(struct backtest *b) {
    const struct bb_span text = bb_task_of(b->run)->checkpoint;
    json_t *state = text.size > 0 ? json_loadb(text.data, text.size, 0, NULL) : NULL;
    const struct bb_span after = bb_span_of(json_string_value(json_object_get(state, "after")));

    for (size_t i = 0; after.data && i < b->count; i++)
        if (bb_span_equal(b->usage_points[i], after)) {
            b->at = i + 1;
            read_sums(b, state);
        }
    json_decref(state);
}

/* ---- a usage point --------------------------------------------------------------------------- */

static int open_file(struct backtest *b, struct bb_error *error) {
    struct bb_buffer path;

    bb_buffer_init(&path, PATH_MAX);
    bb_buffer_format(&path, "%s/", bb_task_text(b->run, "to-folder"));
    bb_whole_file_put_name(&path, b->usage_points[b->at]);
    bb_buffer_append(&path, ".csv", sizeof ".csv");
    int result = path.overflow
                     ? BB_FAIL(error, BB_E_TASK_ARGUMENT, "the name of a file is too long")
                     : bb_whole_file_begin(&b->file, path.data, bb_task_of(b->run)->epoch, error);
    bb_buffer_release(&path);
    b->is_open = result == 0;
    if (!result)
        bb_buffer_format(&b->file.buffer,
                         "usage_point,channel,end,verdict,reason,before,after,unit\n");
    return result;
}

static void put_number(struct bb_buffer *out, double number) {
    if (number == number)
        bb_buffer_format(out, "%.15g", number);
}

static void put_row(struct bb_buffer *out, const struct bb_backtest_row *row) {
    char text[BB_TIME_TEXT_MAX];

    bb_csv_put_cell(out, row->usage_point);
    bb_buffer_append_byte(out, ',');
    bb_csv_put_cell(out, row->channel);
    bb_buffer_append_byte(out, ',');
    bb_buffer_append(out, text, bb_time_format_utc(row->end_ms, text));
    bb_buffer_format(out, ",%s,", bb_rules_verdict_name(row->verdict));
    bb_csv_put_cell(out, row->reason);
    bb_buffer_append_byte(out, ',');
    put_number(out, row->before);
    bb_buffer_append_byte(out, ',');
    put_number(out, row->after);
    bb_buffer_format(out, ",%s\n", bb_unit_symbol(row->unit));
}

static int tell(struct backtest *b, struct bb_error *error) {
    return bb_task_tell(b->run, b->at, b->count, error, "%.*s",
                        BB_SPAN_ARGS(b->usage_points[b->at]));
}

/* A bb_backtest_visit. */
static int take_row(void *context, const struct bb_backtest_row *row) {
    struct backtest *b = context;

    if (bb_task_text(b->run, "to-folder")) {
        b->result = b->is_open ? 0 : open_file(b, b->error);
        if (!b->result) {
            put_row(&b->file.buffer, row);
            b->result = bb_whole_file_spill(&b->file, b->error);
        }
    }
    if (!b->result && b->rows++ % TELL_EVERY_ROWS == 0)
        b->result = tell(b, b->error);
    return b->result ? 1 : 0;
}

static int test_one(struct backtest *b, struct bb_error *error) {
    int result = tell(b, error);

    b->part = (struct bb_backtest_sum){0};
    b->asked.usage_point = b->usage_points[b->at];
    if (!result)
        result = bb_backtest_run(&b->plant.plant, &b->asked, take_row, b, &b->part, error);
    result = result < 0 ? result : b->result;
    if (!result && b->is_open)
        result = bb_whole_file_commit(&b->file, error);
    if (b->is_open)
        bb_whole_file_release(&b->file);
    b->is_open = false;
    if (result)
        return result;
    add_part(b);
    return checkpoint(b, error);
}

static int test_all(struct backtest *b, struct bb_error *error) {
    struct bb_json json;
    int result = 0;

    for (; b->at < b->count && !result; b->at++)
        result = test_one(b, error);
    if (result)
        return result;
    bb_json_init(&json, bb_task_result(b->run));
    bb_json_object_begin(&json);
    bb_json_put_text(&json, "rule", b->asked.rule->name);
    bb_json_put_text(&json, "version", bb_span_of(b->module.hash));
    bb_json_put_u64(&json, "usage_points", b->count);
    put_sums(b, &json);
    bb_json_object_end(&json);
    return 0;
}

/* ---- what is asked --------------------------------------------------------------------------- */

static int note_usage_point(void *context, const struct bb_registry_usage_point *row) {
    struct backtest *b = context;
    struct bb_span name = bb_arena_copy(&b->names, row->name);

    if (name.data &&
        bb_list_room(&b->usage_points, b->count, &b->capacity, sizeof *b->usage_points)) {
        b->usage_points[b->count++] = name;
        return 0;
    }
    b->result = BB_FAIL(b->error, BB_E_NO_MEMORY, "no memory for the names of usage points");
    return 1;
}

static int find_usage_points(struct backtest *b, struct bb_error *error) {
    struct bb_registry *registry = b->plant.plant.registry;
    const char *one = bb_task_text(b->run, "usage-point");
    int result = registry->ops->usage_point_list(registry, bb_task_of(b->run)->tenant,
                                                 bb_span_of(one ? one : ""), note_usage_point, b,
                                                 error);

    result = result < 0 ? result : b->result;
    if (!result && one && b->count == 0)
        result = BB_FAIL(error, BB_E_USAGE_POINT_UNKNOWN, "there is no usage point %s", one);
    return result;
}

static int load_module(struct backtest *b, struct bb_error *error) {
    const char *what = bb_task_what(b->run, 0);
    struct bb_rules_python_options python;
    char path[PATH_MAX];

    if (strchr(what, '/'))
        snprintf(path, sizeof path, "%s", what);
    else
        snprintf(path, sizeof path, "%.3800s/rules/%.200s.py", b->plant.plant.directory, what);
    int result = bb_rules_environment_find(&b->plant.plant.config, bb_task_of(b->run)->tenant,
                                           &b->environment, &python, error);
    if (!result)
        result = bb_rules_python_open(&python, &b->host, error);
    return result ? result : bb_rules_module_load(b->host, path, &b->module, error);
}

static struct bb_span argument(const struct backtest *b, const char *name) {
    const char *text = bb_task_text(b->run, name);

    return bb_span_of(text ? text : "");
}

static int read_arguments(struct backtest *b, struct bb_error *error) {
    struct bb_backtest *asked = &b->asked;

    *asked = (struct bb_backtest){.tenant = bb_task_of(b->run)->tenant,
                                  .name = argument(b, "name"),
                                  .module = &b->module,
                                  .rule = bb_rules_module_find(&b->module, argument(b, "rule")),
                                  .parameters = argument(b, "parameters"),
                                  .now_ms = bb_task_of(b->run)->created_ms};
    if (!asked->rule)
        return BB_FAIL(error, BB_E_TASK_ARGUMENT, "--rule has to name a rule of the module %.*s",
                       BB_SPAN_ARGS(b->module.name));
    int result = bb_task_time(b->run, "from", &asked->from_ms, error);
    if (!result)
        result = bb_task_time(b->run, "to", &asked->to_ms, error);
    return result ? result : bb_task_time(b->run, "as-of", &asked->as_of_ms, error);
}

static int run_opened(struct backtest *b, struct bb_error *error) {
    int result = load_module(b, error);

    if (!result) {
        result = read_arguments(b, error);
        if (!result)
            result = find_usage_points(b, error);
        if (!result) {
            resume(b);
            result = test_all(b, error);
        }
        bb_rules_module_release(&b->module);
    }
    if (b->host)
        b->host->ops->close(b->host);
    return result;
}

static int run_backtest(struct bb_task_run *run, struct bb_error *error) {
    const struct bb_task_tools *tools = bb_task_tools(run);
    struct backtest *b = calloc(1, sizeof *b);

    if (!b)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a back-test");
    b->run = run;
    b->error = error;
    b->failures = json_array();
    bb_arena_init(&b->names, NAMES_CHUNK_BYTES, NAMES_LIMIT_BYTES);
    int result = tools->open(tools->context, bb_task_of(run)->tenant, BB_PLANT_READ, &b->plant,
                             error);
    if (!result) {
        result = run_opened(b, error);
        tools->close(tools->context, &b->plant);
    }
    json_decref(b->failures);
    bb_arena_release(&b->names);
    free(b->usage_points);
    free(b);
    return result;
}

const struct bb_task_kind bb_task_backtest = {
    .name = "backtest",
    .summary = "what a rule would say of stored history; changes nothing",
    .what = "MODULE|FILE",
    .what_are_modules = true,
    .what_min = 1,
    .what_max = 1,
    .parameters = parameters,
    .run = run_backtest};
