/* busbar rules: customers' own rules in Python: make one, see them, run one over history. */
#include "cli/asked_times.h"
#include "cli/human.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "model/timestamp.h"
#include "model/unit.h"
#include "service/rules_backtest.h"
#include "service/rules_case.h"
#include "service/rules_environment.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct rules_options {
    const char *rule, *usage_point, *from, *to, *as_of, *zone, *parameters;
    int64_t rows;
};

#define AT(field) offsetof(struct rules_options, field)

static const struct bb_option options[] = {
    {.name = "rule",
     .kind = BB_OPTION_TEXT,
     .offset = AT(rule),
     .value = "NAME",
     .help = "backtest: one of a module that has several"},
    {.name = "usage-point",
     .kind = BB_OPTION_TEXT,
     .offset = AT(usage_point),
     .value = "UP",
     .help = "backtest: this one alone (default: all that have the channel)"},
    {.name = "from",
     .kind = BB_OPTION_TEXT,
     .offset = AT(from),
     .value = "TIME",
     .help = "backtest: judge what ends after this (default: all there is)"},
    {.name = "to",
     .kind = BB_OPTION_TEXT,
     .offset = AT(to),
     .value = "TIME",
     .help = "backtest: and not after this"},
    {.name = "as-of",
     .kind = BB_OPTION_TEXT,
     .offset = AT(as_of),
     .value = "TIME",
     .help = "backtest: on what was known then"},
    {.name = "zone",
     .kind = BB_OPTION_ZONE,
     .offset = AT(zone),
     .value = "ZONE",
     .help = "backtest: of times without offset (default UTC)"},
    {.name = "parameters",
     .kind = BB_OPTION_TEXT,
     .offset = AT(parameters),
     .value = "JSON",
     .help = "backtest: other values than the rule's own, such as '{\"k\": 8}'"},
    {.name = "rows",
     .kind = BB_OPTION_NUMBER,
     .offset = AT(rows),
     .value = "N",
     .initial = "10",
     .max = 1000000000,
     .help = "backtest: show so many of the points that it speaks about"},
    BB_OPTION_END};

struct rules {
    struct bb_command *command;
    const struct rules_options *given;
    struct bb_plant plant;
    struct bb_rules *host;
    struct bb_rules_environment environment;
    char path[PATH_MAX]; /* of the module */
};

/* ---- modules -------------------------------------------------------------------------------- */

/* NAME is DATA/rules/NAME.py; what has a slash or an ending is a file. */
static int find_module(struct rules *r, const char *name, struct bb_error *error) {
    bool is_file = strchr(name, '/') || bb_span_ends_with(bb_span_of(name), BB_SPAN(".py"));
    int size = is_file ? snprintf(r->path, sizeof r->path, "%s", name)
                       : snprintf(r->path, sizeof r->path, "%s/rules/%s.py",
                                  r->command->globals.data, name);

    return size < (int)sizeof r->path
               ? 0
               : BB_FAIL(error, BB_E_USAGE, "the name of the module is too long");
}

static int open_host(struct rules *r, struct bb_error *error) {
    struct bb_rules_python_options python;
    int result = bb_rules_environment_find(&r->plant.config, &r->environment, &python, error);

    return result ? result : bb_rules_python_open(&python, &r->host, error);
}

/* ---- new ------------------------------------------------------------------------------------ */

static const char scaffold[] =
    "from busbar import Number, rule\n"
    "\n"
    "\n"
    "@rule(inputs=\"1-1:1.29.0\", window=\"7d\",\n"
    "      params={\"k\": Number(8, 1, 100, \"how many median deviations are too many\")})\n"
    "def %s(w, k):\n"
    "    \"\"\"Values far from the median of the last seven days.\"\"\"\n"
    "    far = w.deviates_from_median(k)\n"
    "    w.flag(far, \"far_from_median\", deviation=w.deviation())\n";

static const char scaffold_cases[] = "cases:\n"
                                     "  - name: a spike is flagged, what is usual is not\n"
                                     "    past: [[0.1, 300], [0.2, 300]]\n"
                                     "    given: [0.1, 9.0, 0.2, ~]\n"
                                     "    expect: [~, flag, ~, ~]\n";

static int write_new(const char *path, const char *text, const char *name, struct bb_error *error) {
    FILE *file = fopen(path, "wxe");

    if (!file)
        return BB_FAIL_ERRNO(error, errno == EEXIST ? BB_E_USAGE : BB_E_STORE_IO, errno,
                             "cannot make %s", path);
    for (const char *at = text; *at; at++) /* %s stands for the name */
        if (at[0] == '%' && at[1] == 's') {
            fputs(name, file);
            at++;
        } else {
            fputc(*at, file);
        }
    return fclose(file) == 0 ? 0
                             : BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot write %s", path);
}

static int new_module(struct rules *r, struct bb_error *error) {
    const char *name = r->command->arguments[1];
    char folder[PATH_MAX];

    if (r->command->argument_count != 2)
        return BB_FAIL(error, BB_E_USAGE, "rules new needs the NAME of a rule");
    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name) ||
        strlen(name) >= BB_RULE_NAME_MAX || !(name[0] >= 'a' && name[0] <= 'z'))
        return BB_FAIL(
            error, BB_E_USAGE,
            "a rule's name is lower case letters, digits and _, beginning with a letter");
    int result = find_module(r, name, error);
    if (result)
        return result;
    snprintf(folder, sizeof folder, "%.4000s/rules", r->command->globals.data);
    if (mkdir(r->command->globals.data, 0777) < 0 && errno != EEXIST)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot make the folder %s",
                             r->command->globals.data);
    if (mkdir(folder, 0777) < 0 && errno != EEXIST)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot make the folder %s", folder);
    result = write_new(r->path, scaffold, name, error);
    if (!result) {
        snprintf(folder, sizeof folder, "%.3000s/rules/%s.test.yaml", r->command->globals.data,
                 name);
        result = write_new(folder, scaffold_cases, name, error);
    }
    if (result)
        return result;
    if (!r->command->globals.json)
        bb_buffer_format(&r->command->out->buffer,
                         "%s\n\nnext: edit it, then: busbar --data %s rules test %s\n", r->path,
                         r->command->globals.data, name);
    return BB_EXIT_DONE;
}

/* ---- list ----------------------------------------------------------------------------------- */

static const struct bb_table_column list_columns[] = {
    {"module", false}, {"rule", false},    {"channel", false}, {"lane", false},
    {"window", false}, {"version", false}, {"what", false}};

static struct bb_span first_line(struct bb_span text) {
    const char *end = text.size ? memchr(text.data, '\n', text.size) : NULL;

    return end ? (struct bb_span){text.data, (size_t)(end - text.data)} : text;
}

static void list_rule(struct bb_table *table, struct bb_json *json, struct bb_span module,
                      const struct bb_rules_module *m, const struct bb_rule *rule) {
    if (table) {
        bb_table_cell(table, module);
        bb_table_cell(table, rule->name);
        bb_table_cell(table, rule->channel);
        bb_table_cell(table, bb_span_of(bb_lanes[rule->lane].name));
        bb_table_cell_format(table, "%lldh", (long long)(rule->window_ms / BB_HOUR_MS));
        bb_table_cell(table, bb_span_of(m->hash));
        bb_table_cell(table, first_line(rule->text));
        return;
    }
    bb_json_object_begin(json);
    bb_json_put_text(json, "module", module);
    bb_json_put_text(json, "rule", rule->name);
    bb_json_put_text(json, "channel", rule->channel);
    bb_json_put_text(json, "lane", bb_span_of(bb_lanes[rule->lane].name));
    bb_json_put_i64(json, "window_seconds", rule->window_ms / BB_SECOND_MS);
    bb_json_put_bool(json, "batch", rule->batch);
    bb_json_put_text(json, "version", bb_span_of(m->hash));
    bb_json_put_text(json, "text", rule->text);
    bb_json_key(json, "parameters");
    bb_json_raw(json, rule->parameters);
    bb_json_object_end(json);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct files {
    char **names;
    size_t count;
};

static void forget(struct files *files) {
    for (size_t i = 0; i < files->count; i++)
        free(files->names[i]);
    free(files->names);
}

static int find_files(const char *folder, struct files *files, struct bb_error *error) {
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    int result = 0;

    while (dir && !result && (entry = readdir(dir)) != NULL) {
        struct bb_span name = bb_span_of(entry->d_name);
        if (name.data[0] == '.' || name.data[0] == '_' || !bb_span_ends_with(name, BB_SPAN(".py")))
            continue;
        char **names = realloc(files->names, (files->count + 1) * sizeof *names);
        char *copy = names ? strdup(entry->d_name) : NULL;
        files->names = names ? names : files->names;
        if (copy)
            files->names[files->count++] = copy;
        else
            result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory to list rules");
    }
    if (dir)
        closedir(dir);
    if (files->count > 1)
        qsort(files->names, files->count, sizeof files->names[0], by_text);
    return result;
}

/* A module that does not load is told, and the others are listed all the same. */
static int list(struct rules *r, struct bb_error *error) {
    struct bb_command *command = r->command;
    struct files files = {NULL, 0};
    struct bb_table table;
    struct bb_json json;
    bool refused = false, as_json = command->globals.json;
    char folder[PATH_MAX];

    snprintf(folder, sizeof folder, "%.4000s/rules", command->globals.data);
    int result = find_files(folder, &files, error);
    if (!result && files.count > 0)
        result = open_host(r, error);
    if (result) {
        forget(&files);
        return result;
    }
    if (as_json) {
        json = bb_command_json(command);
        bb_json_array_begin(&json);
    } else {
        bb_table_init(&table, command->out, list_columns,
                      sizeof list_columns / sizeof list_columns[0]);
    }
    for (size_t i = 0; i < files.count; i++) {
        struct bb_rules_module module;
        struct bb_error reason;
        snprintf(r->path, sizeof r->path, "%.3000s/%.1000s", folder, files.names[i]);
        struct bb_span name = {files.names[i], strlen(files.names[i]) - strlen(".py")};
        if (bb_rules_module_load(r->host, r->path, &module, &reason)) {
            bb_command_complain(command, &reason);
            refused = true;
        } else {
            for (uint32_t k = 0; k < module.count; k++)
                list_rule(as_json ? NULL : &table, &json, name, &module, &module.items[k]);
            bb_rules_module_release(&module);
        }
    }
    forget(&files);
    if (as_json) {
        bb_json_array_end(&json);
        bb_command_json_end(command);
    } else {
        bb_table_finish(&table);
    }
    return refused ? BB_EXIT_REFUSED : BB_EXIT_DONE;
}

/* ---- backtest ------------------------------------------------------------------------------- */

static const struct bb_table_column row_columns[] = {
    {"usage_point", false}, {"channel", false}, {"end", false},  {"verdict", false},
    {"reason", false},      {"before", true},   {"after", true}, {"unit", false}};
static const char *const verdict_names[BB_RULES_VERDICTS] = {"nothing", "flag", "estimate",
                                                             "correct"};
static const char *const failure_names[] = {"raised", "ended its process", "took too long",
                                            "answered with garbage"};

struct shown {
    struct rules *r;
    struct bb_table table;
    struct bb_json json;
    int64_t left;
};

static void put_number(struct bb_json *json, const char *key, double value) {
    bb_json_key(json, key);
    if (isfinite(value))
        bb_json_double(json, value);
    else
        bb_json_null(json);
}

static void show_json(struct bb_json *json, const struct bb_backtest_row *row, struct bb_span end) {
    bb_json_object_begin(json);
    bb_json_put_text(json, "usage_point", row->usage_point);
    bb_json_put_text(json, "channel", row->channel);
    bb_json_put_text(json, "end", end);
    bb_json_put_text(json, "verdict", bb_span_of(verdict_names[row->verdict]));
    bb_json_put_text(json, "reason", row->reason);
    put_number(json, "before", row->before);
    put_number(json, "after", row->after);
    bb_json_put_text(json, "unit", bb_span_of(bb_unit_symbol(row->unit)));
    bb_json_object_end(json);
}

/* A bb_backtest_visit. */
static int show_row(void *context, const struct bb_backtest_row *row) {
    struct shown *shown = context;
    char text[BB_TIME_TEXT_MAX];
    struct bb_span end = {text, bb_time_format_utc(row->end_ms, text)};

    if (shown->left-- <= 0)
        return 0; /* the sums go on */
    if (shown->r->command->globals.json) {
        show_json(&shown->json, row, end);
        return 0;
    }
    bb_table_cell(&shown->table, row->usage_point);
    bb_table_cell(&shown->table, row->channel);
    bb_table_cell(&shown->table, end);
    bb_table_cell(&shown->table, bb_span_of(verdict_names[row->verdict]));
    bb_table_cell(&shown->table, row->reason);
    bb_table_cell_format(&shown->table, "%.15g", row->before);
    bb_table_cell_format(&shown->table, "%.15g", row->after);
    bb_table_cell(&shown->table, bb_span_of(bb_unit_symbol(row->unit)));
    return 0;
}

static void report_json(struct bb_json *json, const struct bb_backtest_sum *sum, double seconds) {
    bb_json_put_u64(json, "values", sum->points);
    bb_json_put_u64(json, "channels", sum->channels);
    bb_json_put_u64(json, "touched_channels", sum->touched_channels);
    bb_json_put_u64(json, "changed", sum->changed);
    for (int v = BB_RULES_FLAG; v < BB_RULES_VERDICTS; v++)
        bb_json_put_u64(json, verdict_names[v], sum->verdicts[v]);
    bb_json_put_u64(json, "exceptions", sum->exceptions);
    bb_json_put_u64(json, "tags", sum->tags);
    if (sum->unit && !sum->units_differ) {
        bb_json_put_double(json, "difference", sum->energy);
        bb_json_put_text(json, "unit", bb_span_of(bb_unit_symbol(sum->unit)));
    }
    bb_json_key(json, "reasons");
    bb_json_object_begin(json);
    for (uint32_t i = 0; i < sum->reason_count; i++)
        bb_json_put_u64(json, sum->reasons[i].name, sum->reasons[i].count);
    bb_json_object_end(json);
    bb_json_put_u64(json, "failed_windows", sum->failures);
    bb_json_key(json, "failures");
    bb_json_array_begin(json);
    for (uint64_t i = 0; i < sum->failures && i < BB_BACKTEST_FAILURES_KEPT; i++) {
        bb_json_object_begin(json);
        bb_json_put_text(json, "usage_point", bb_span_of(sum->first_failures[i].usage_point));
        bb_json_put_text(json, "channel", bb_span_of(sum->first_failures[i].channel));
        bb_json_put_text(json, "how", bb_span_of(failure_names[sum->first_failures[i].kind]));
        bb_json_put_text(json, "text", bb_span_of(sum->first_failures[i].text));
        bb_json_object_end(json);
    }
    bb_json_array_end(json);
    bb_json_put_double(json, "seconds", seconds);
    bb_json_put_double(json, "rule_seconds", (double)sum->nanoseconds / 1e9);
}

static void report_text(struct bb_buffer *out, const struct bb_backtest_sum *sum, double seconds) {
    char a[BB_HUMAN_MAX], b[BB_HUMAN_MAX], c[BB_HUMAN_MAX], d[BB_HUMAN_MAX];

    bb_buffer_format(out, "\n%s of %s values change", bb_human_count(sum->changed, a),
                     bb_human_count(sum->points, b));
    if (sum->unit && !sum->units_differ)
        bb_buffer_format(out, ", %+.6g %s", sum->energy, bb_unit_symbol(sum->unit));
    bb_buffer_format(out, "; %s are flagged; %s of %s channels are touched\n",
                     bb_human_count(sum->verdicts[BB_RULES_FLAG], a),
                     bb_human_count(sum->touched_channels, b), bb_human_count(sum->channels, c));
    for (uint32_t i = 0; i < sum->reason_count; i++)
        bb_buffer_format(out, "  %-24s %s\n", sum->reasons[i].name,
                         bb_human_count(sum->reasons[i].count, a));
    if (sum->exceptions + sum->tags > 0)
        bb_buffer_format(out, "%s exceptions, %s tags\n", bb_human_count(sum->exceptions, a),
                         bb_human_count(sum->tags, b));
    bb_buffer_format(out, "%s windows in %s, %s of it in the rule\n",
                     bb_human_count(sum->windows, b), bb_human_seconds(seconds, c),
                     bb_human_seconds((double)sum->nanoseconds / 1e9, d));
    if (sum->failures > 0)
        bb_buffer_format(out, "%s windows FAILED, and nothing was said of them; the first:\n",
                         bb_human_count(sum->failures, a));
    for (uint64_t i = 0; i < sum->failures && i < 3; i++)
        bb_buffer_format(out, "  %s %s: the rule %s\n%s\n", sum->first_failures[i].usage_point,
                         sum->first_failures[i].channel, failure_names[sum->first_failures[i].kind],
                         sum->first_failures[i].text);
}

static int ask_times(struct rules *r, struct bb_backtest *asked, struct bb_error *error) {
    const struct rules_options *given = r->given;
    const struct bb_asked_channels every = {.zone = given->zone ? given->zone : "UTC"};
    int result = bb_asked_time(&r->plant, &every, "from", given->from, &asked->from_ms, error);

    if (!result)
        result = bb_asked_time(&r->plant, &every, "to", given->to, &asked->to_ms, error);
    return result
               ? result
               : bb_asked_time(&r->plant, &every, "as-of", given->as_of, &asked->as_of_ms, error);
}

static int run_backtest(struct rules *r, const struct bb_rules_module *module,
                        struct bb_error *error) {
    struct bb_command *command = r->command;
    const struct rules_options *given = r->given;
    struct bb_backtest asked = {
        .tenant = bb_command_tenant(command),
        .usage_point = bb_span_of(given->usage_point ? given->usage_point : ""),
        .module = module,
        .rule = bb_rules_module_find(module, bb_span_of(given->rule ? given->rule : "")),
        .parameters = bb_span_of(given->parameters ? given->parameters : ""),
        .now_ms = bb_clock_now_ms(bb_clock_system())};
    struct shown shown = {.r = r, .left = given->rows};
    struct bb_backtest_sum *sum = calloc(1, sizeof *sum);
    const bool as_json = command->globals.json;
    int64_t begin = bb_monotonic_ns();

    if (!sum)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a back-test");
    if (!asked.rule) {
        free(sum);
        return BB_FAIL(error, BB_E_USAGE,
                       given->rule ? "%s has no rule %s"
                                   : "%s has several rules: say --rule NAME%s",
                       r->path, given->rule ? given->rule : "");
    }
    int result = ask_times(r, &asked, error);
    if (!result && as_json) {
        shown.json = bb_command_json(command);
        bb_json_object_begin(&shown.json);
        bb_json_put_text(&shown.json, "rule", asked.rule->name);
        bb_json_put_text(&shown.json, "version", bb_span_of(module->hash));
        bb_json_key(&shown.json, "rows");
        bb_json_array_begin(&shown.json);
    } else if (!result) {
        bb_table_init(&shown.table, command->out, row_columns,
                      sizeof row_columns / sizeof row_columns[0]);
    }
    if (!result) {
        result = bb_backtest_run(&r->plant, &asked, show_row, &shown, sum, error);
        double seconds = (double)(bb_monotonic_ns() - begin) / 1e9;
        if (as_json) {
            bb_json_array_end(&shown.json);
            report_json(&shown.json, sum, seconds);
            bb_json_object_end(&shown.json);
            bb_command_json_end(command);
        } else {
            bb_table_finish(&shown.table);
            report_text(&command->out->buffer, sum, seconds);
        }
    }
    bool failed = sum->failures > 0;
    free(sum);
    return result ? result : failed ? BB_EXIT_REFUSED : BB_EXIT_DONE;
}

static int backtest(struct rules *r, struct bb_error *error) {
    struct bb_rules_module module;

    if (r->command->argument_count != 2)
        return BB_FAIL(error, BB_E_USAGE, "rules backtest needs the NAME or FILE of a module");
    int result = find_module(r, r->command->arguments[1], error);
    if (!result)
        result = open_host(r, error);
    if (!result)
        result = bb_rules_module_load(r->host, r->path, &module, error);
    if (result)
        return result;
    result = run_backtest(r, &module, error);
    bb_rules_module_release(&module);
    return result;
}

/* ---- test ----------------------------------------------------------------------------------- */

struct tested {
    struct bb_command *command;
    struct bb_json json;
    struct bb_span rule;
    uint64_t passed, failed;
};

/* A bb_case_visit. */
static void tell_case(void *context, const struct bb_case_outcome *outcome) {
    struct tested *t = context;

    t->passed += outcome->passed;
    t->failed += !outcome->passed;
    if (t->command->globals.json) {
        bb_json_object_begin(&t->json);
        bb_json_put_text(&t->json, "rule", t->rule);
        bb_json_put_text(&t->json, "case", bb_span_of(outcome->name));
        bb_json_put_bool(&t->json, "passed", outcome->passed);
        bb_json_put_text(&t->json, "reason", bb_span_of(outcome->reason));
        bb_json_object_end(&t->json);
    } else if (!outcome->passed || bb_command_talks(t->command)) {
        bb_buffer_format(&t->command->out->buffer, "%s  %.*s: %s%s%s\n",
                         outcome->passed ? "ok    " : "FAILED", BB_SPAN_ARGS(t->rule),
                         outcome->name[0] ? outcome->name : "(a case without a name)",
                         outcome->reason[0] ? "\n        " : "", outcome->reason);
    }
}

/* NAME.test.yaml beside NAME.py, where there is one. */
static int test_cases(struct rules *r, const struct bb_rules_module *module, struct tested *t,
                      struct bb_error *error) {
    char path[PATH_MAX];
    struct bb_span base = bb_span_of(r->path);

    base.size -= bb_span_ends_with(base, BB_SPAN(".py")) ? strlen(".py") : 0;
    if (snprintf(path, sizeof path, "%.*s.test.yaml", BB_SPAN_ARGS(base)) >= (int)sizeof path)
        return BB_FAIL(error, BB_E_USAGE, "the name of the module is too long");
    t->rule = bb_span_of("cases");
    return access(path, F_OK) == 0 ? bb_rules_cases_run(module, path, tell_case, t, error) : 0;
}

static int test(struct rules *r, struct bb_error *error) {
    struct bb_rules_module module;
    struct tested t = {.command = r->command};

    if (r->command->argument_count != 2)
        return BB_FAIL(error, BB_E_USAGE, "rules test needs the NAME or FILE of a module");
    int result = find_module(r, r->command->arguments[1], error);
    if (!result)
        result = open_host(r, error);
    if (!result)
        result = bb_rules_module_load(r->host, r->path, &module, error);
    if (result)
        return result;
    if (r->command->globals.json) {
        t.json = bb_command_json(r->command);
        bb_json_array_begin(&t.json);
    }
    result = test_cases(r, &module, &t, error);
    for (uint32_t i = 0; !result && i < module.count; i++) {
        t.rule = module.items[i].name;
        result = bb_rules_bears(&module, &module.items[i], tell_case, &t, error);
    }
    if (r->command->globals.json) {
        bb_json_array_end(&t.json);
        bb_command_json_end(r->command);
    } else {
        bb_buffer_format(&r->command->out->buffer, "%llu passed, %llu failed\n",
                         (unsigned long long)t.passed, (unsigned long long)t.failed);
    }
    bb_rules_module_release(&module);
    return result ? result : t.failed ? BB_EXIT_REFUSED : BB_EXIT_DONE;
}

/* ---- the command ---------------------------------------------------------------------------- */

static const struct action {
    const char *name;
    bool needs_plant;
    int (*run)(struct rules *rules, struct bb_error *error);
} actions[] = {{"new", false, new_module},
               {"list", true, list},
               {"test", true, test},
               {"backtest", true, backtest}};

static int run(struct bb_command *command, struct bb_error *error) {
    const struct action *action = NULL;
    struct rules *r = calloc(1, sizeof *r);

    if (!r)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for rules");
    r->command = command;
    r->given = command->options;
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(command->arguments[0], actions[i].name) == 0)
            action = &actions[i];
    int result = action ? 0
                        : BB_FAIL(error, BB_E_USAGE, "rules %s is none: new, list, test, backtest",
                                  command->arguments[0]);
    if (!result && action->needs_plant)
        result = bb_command_open_plant(command, BB_PLANT_READ, &r->plant, error);
    if (!result) {
        result = action->run(r, error);
        if (r->host)
            r->host->ops->close(r->host);
        if (action->needs_plant)
            bb_plant_close(&r->plant);
    }
    free(r);
    return result;
}

const struct bb_verb bb_verb_rules = {
    .name = "rules",
    .summary = "your own rules in Python: make one, test it, run it over history",
    .arguments = "new|list|test|backtest [NAME|FILE]",
    .arguments_min = 1,
    .arguments_max = 2,
    .options = options,
    .options_size = sizeof(struct rules_options),
    .examples = "busbar rules new far_values\n"
                "busbar rules list\n"
                "busbar rules test far_values\n"
                "busbar rules backtest far_values --from 2026-03-01 --parameters '{\"k\": 12}'\n",
    .details =
        "A rule is a Python function in DATA/rules/NAME.py that gets windows of values and says which are\n"
        "suspect, wrong or to be estimated. It runs without files, network or clock, and costs the plant\n"
        "nothing when it fails. A test runs the cases of NAME.test.yaml and what every rule has to bear; a\n"
        "back-test changes nothing: it says what would change.\n",
    .run = run,
};
