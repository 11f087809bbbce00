/* busbar rules test: the cases of a module, and what every rule has to bear. */
#include "cli/rules.h"
#include "service/rules_case.h"

#include <stdio.h>
#include <unistd.h>

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

/* NAME.test.yaml beside NAME.py; 1: there is none. */
static int find_cases(const struct bb_rules_command *r, char path[PATH_MAX],
                      struct bb_error *error) {
    struct bb_span base = bb_span_of(r->path);

    base.size -= bb_span_ends_with(base, BB_SPAN(".py")) ? strlen(".py") : 0;
    if (snprintf(path, PATH_MAX, "%.*s.test.yaml", BB_SPAN_ARGS(base)) >= PATH_MAX)
        return BB_FAIL(error, BB_E_USAGE, "the name of the module is too long");
    return access(path, F_OK) == 0 ? 0 : 1;
}

static int test_cases(struct bb_rules_command *r, const struct bb_rules_module *module,
                      struct tested *t, struct bb_error *error) {
    char path[PATH_MAX];
    const struct bb_rules_cases cases = {.path = path};
    int found = find_cases(r, path, error);

    t->rule = bb_span_of("cases");
    return found ? (found < 0 ? found : 0)
                 : bb_rules_cases_run(module, &cases, tell_case, t, error);
}

int bb_rules_test(struct bb_rules_command *r, struct bb_error *error) {
    struct bb_rules_module module;
    struct tested t = {.command = r->command};

    int result = bb_rules_load_named(r, "test", &module, error);
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

/* A bb_case_visit: those that fail are told, whatever else is printed. */
static void tell_failed(void *context, const struct bb_case_outcome *outcome) {
    struct tested *t = context;
    struct bb_error error;

    t->failed += !outcome->passed;
    if (outcome->passed)
        return;
    (void)!BB_FAIL(&error, BB_E_RULE_CASE_FAILED, "case %s: %s",
                   outcome->name[0] ? outcome->name : "without a name", outcome->reason);
    bb_command_complain(t->command, &error);
}

int bb_rules_allow_cases(struct bb_rules_command *r, const struct bb_rules_module *module,
                         struct bb_error *error) {
    struct tested t = {.command = r->command};
    char path[PATH_MAX];
    const struct bb_rules_cases cases = {.path = path};
    int found = find_cases(r, path, error);

    return found ? (found < 0 ? found : 0)
                 : bb_rules_cases_allow(module, &cases, r->given->force, tell_failed, &t, error);
}
