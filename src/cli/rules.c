/* busbar rules: customers' own rules in Python: make one, see them, run one over history. */
#include "cli/rules.h"
#include "cli/verbs.h"
#include "model/kind.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT(field) offsetof(struct bb_rules_options, field)

static const struct bb_option options[] = {
    {.name = "rule",
     .kind = BB_OPTION_TEXT,
     .offset = AT(rule),
     .value = "NAME",
     .help = "backtest, diff, deploy: one of a module that has several"},
    {.name = "usage-point",
     .kind = BB_OPTION_TEXT,
     .offset = AT(usage_point),
     .value = "UP",
     .help = "backtest: this one alone (default: all that have the channel)"},
    {.name = "from",
     .kind = BB_OPTION_TEXT,
     .offset = AT(from),
     .value = "TIME",
     .help =
         "backtest: judge what ends after this (default: all there is); diff, deploy: it speaks of what ends after this (default: from now on)"},
    {.name = "to",
     .kind = BB_OPTION_TEXT,
     .offset = AT(to),
     .value = "TIME",
     .help = "backtest: and not after this"},
    {.name = "as-of",
     .kind = BB_OPTION_TEXT,
     .offset = AT(as_of),
     .value = "TIME",
     .help = "backtest: on what was known then; list: what was deployed then"},
    {.name = "zone",
     .kind = BB_OPTION_ZONE,
     .offset = AT(zone),
     .value = "ZONE",
     .help = "of times without offset (default UTC)"},
    {.name = "parameters",
     .kind = BB_OPTION_TEXT,
     .offset = AT(parameters),
     .value = "JSON",
     .help = "backtest, diff, deploy: other values than the rule's own, such as '{\"k\": 8}'"},
    {.name = "rows",
     .kind = BB_OPTION_NUMBER,
     .offset = AT(rows),
     .value = "N",
     .initial = "10",
     .max = 1000000000,
     .help = "backtest, diff, deploy: show so many of the points that it speaks about"},
    {.name = "name",
     .kind = BB_OPTION_TEXT,
     .offset = AT(name),
     .value = "NAME",
     .help =
         "backtest, diff, deploy: what it is called where it is deployed (default: as its function)"},
    {.name = "canary",
     .kind = BB_OPTION_TEXT,
     .offset = AT(canary),
     .value = "SHARE",
     .help = "diff, deploy: on this share of the usage points alone, such as 5%"},
    {.name = "before",
     .kind = BB_OPTION_TEXT,
     .offset = AT(before),
     .value = "RULE",
     .help = "deploy: it stands before this rule (default: where it was, else last)"},
    {.name = "reason",
     .kind = BB_OPTION_TEXT,
     .offset = AT(reason),
     .value = "TEXT",
     .help = "deploy, rollback: kept with the version and in the audit log"},
    {.name = "by",
     .kind = BB_OPTION_TEXT,
     .offset = AT(by),
     .value = "NAME",
     .help = "deploy, rollback: who you are, in the audit log (default $USER)"},
    {.name = "force",
     .kind = BB_OPTION_FLAG,
     .offset = AT(force),
     .help = "deploy: although a case fails"},
    {.name = "yes",
     .kind = BB_OPTION_FLAG,
     .offset = AT(yes),
     .help = "deploy, rollback: do not ask"},
    {.name = "dry-run",
     .kind = BB_OPTION_FLAG,
     .offset = AT(dry_run),
     .help = "deploy, rollback: show what would be done"},
    BB_OPTION_END};

/* ---- modules -------------------------------------------------------------------------------- */

int bb_rules_find_module(struct bb_rules_command *r, const char *name, struct bb_error *error) {
    bool is_file = strchr(name, '/') || bb_span_ends_with(bb_span_of(name), BB_SPAN(".py"));
    int size = is_file ? snprintf(r->path, sizeof r->path, "%s", name)
                       : snprintf(r->path, sizeof r->path, "%s/rules/%s.py",
                                  r->command->globals.data, name);

    return size < (int)sizeof r->path
               ? 0
               : BB_FAIL(error, BB_E_USAGE, "the name of the module is too long");
}

int bb_rules_open_host(struct bb_rules_command *r, struct bb_error *error) {
    const char *warning = bb_rules_cage_warning(&r->plant.config);
    struct bb_rules_python_options python;
    int result = bb_rules_environment_find(&r->plant.config, bb_command_tenant(r->command),
                                           &r->environment, &python, error);

    if (warning)
        bb_command_note(r->command, BB_LOG_WARNING, warning, NULL, 0);
    return result ? result : bb_rules_python_open(&python, &r->host, error);
}

int bb_rules_load_named(struct bb_rules_command *r, const char *what,
                        struct bb_rules_module *module, struct bb_error *error) {
    if (r->command->argument_count != 2)
        return BB_FAIL(error, BB_E_USAGE, "rules %s needs the NAME or FILE of a module", what);
    int result = bb_rules_find_module(r, r->command->arguments[1], error);
    if (!result)
        result = bb_rules_open_host(r, error);
    return result ? result : bb_rules_module_load(r->host, r->path, module, error);
}

int bb_rules_choose(const struct bb_rules_command *r, const struct bb_rules_module *module,
                    const struct bb_rule **rule, struct bb_error *error) {
    const char *name = r->given->rule;

    *rule = bb_rules_module_find(module, bb_span_of(name ? name : ""));
    return *rule ? 0
                 : BB_FAIL(error, BB_E_USAGE,
                           name ? "%s has no rule %s" : "%s has several rules: say --rule NAME%s",
                           r->path, name ? name : "");
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

static int new_module(struct bb_rules_command *r, struct bb_error *error) {
    const char *name = r->command->arguments[1];
    char folder[PATH_MAX];

    if (r->command->argument_count != 2)
        return BB_FAIL(error, BB_E_USAGE, "rules new needs the NAME of a rule");
    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name) ||
        strlen(name) >= BB_RULE_NAME_MAX || !(name[0] >= 'a' && name[0] <= 'z'))
        return BB_FAIL(
            error, BB_E_USAGE,
            "a rule's name is lower case letters, digits and _, beginning with a letter");
    int result = bb_rules_find_module(r, name, error);
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

/* ---- the command ---------------------------------------------------------------------------- */

static const struct action {
    const char *name;
    bool needs_plant, makes; /* makes: unless --dry-run */
    int (*run)(struct bb_rules_command *r, struct bb_error *error);
} actions[] = {{"new", false, false, new_module},
               {"list", true, false, bb_rules_list},
               {"test", true, false, bb_rules_test},
               {"backtest", true, false, bb_rules_backtest},
               {"diff", true, false, bb_rules_diff_shown},
               {"deploy", true, true, bb_rules_deploy_asked},
               {"rollback", true, true, bb_rules_rollback_asked}};

static int run(struct bb_command *command, struct bb_error *error) {
    const struct action *action = NULL;
    struct bb_rules_command *r = calloc(1, sizeof *r);

    if (!r)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for rules");
    r->command = command;
    r->given = command->options;
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(command->arguments[0], actions[i].name) == 0)
            action = &actions[i];
    int result = action ? 0
                        : BB_FAIL(error, BB_E_USAGE,
                                  "rules %s is none: new, list, test, backtest, diff, deploy, "
                                  "rollback",
                                  command->arguments[0]);
    if (!result && action->needs_plant)
        result = bb_command_open_plant(
            command, action->makes && !r->given->dry_run ? BB_PLANT_APPEND : BB_PLANT_READ,
            &r->plant, error);
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
    .summary = "your own rules in Python: make one, test it, run it over history, deploy it",
    .arguments = "new|list|test|backtest|diff|deploy|rollback [NAME|FILE]",
    .arguments_min = 1,
    .arguments_max = 2,
    .options = options,
    .options_size = sizeof(struct bb_rules_options),
    .examples = "busbar rules new far_values\n"
                "busbar rules list\n"
                "busbar rules test far_values\n"
                "busbar rules backtest far_values --from 2026-03-01 --parameters '{\"k\": 12}'\n"
                "busbar rules deploy far_values --canary 5% --reason \"try it\"\n"
                "busbar rules deploy far_values --from 2026-03-01 --dry-run\n"
                "busbar rules rollback far_values --reason \"too eager\" --yes\n",
    .details =
        "A rule is a Python function in DATA/rules/NAME.py that gets windows of values and says which are\n"
        "suspect, wrong or to be estimated. It runs without files, network or clock, and costs the plant\n"
        "nothing when it fails. A test runs the cases of NAME.test.yaml and what every rule has to bear; a\n"
        "back-test changes nothing: it says what would change.\n"
        "To deploy a rule is to let it take part in validation, from now on or --from a date; what is there\n"
        "from that date on is computed anew. A rollback takes away what was deployed last.\n",
    .run = run,
};
