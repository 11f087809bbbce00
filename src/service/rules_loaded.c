/* Interpreters and modules at hand: see rules_loaded.h. */
#include "service/rules_loaded.h"

#include "model/master.h"
#include "service/rules_environment.h"

#include <stdio.h>
#include <stdlib.h>

enum { INTERPRETERS_MAX = 16, MODULES_MAX = 32, FAULT_MAX = 2000 };

struct module {
    const struct interpreter *of; /* NULL: the place is free */
    char hash[17];
    struct bb_rules_module module;
    char *fault; /* it does not load: why; then there is no module */
    uint64_t used;
};

struct interpreter {
    char tenant[BB_MASTER_TENANT_MAX + 1];
    struct bb_rules_environment environment;
    struct bb_rules *rules; /* NULL: the place is free */
    uint64_t used;
};

struct bb_rules_loaded {
    const struct bb_config *config;
    struct interpreter interpreters[INTERPRETERS_MAX];
    struct module modules[MODULES_MAX];
    uint64_t uses;
};

struct bb_rules_loaded *bb_rules_loaded_open(const struct bb_config *config) {
    struct bb_rules_loaded *loaded = calloc(1, sizeof *loaded);

    if (loaded)
        loaded->config = config;
    return loaded;
}

static void unload(struct module *m) {
    if (m->of && !m->fault)
        bb_rules_module_release(&m->module);
    free(m->fault);
    m->fault = NULL;
    m->of = NULL;
}

/* With the modules that it has. */
static void stop(struct bb_rules_loaded *loaded, struct interpreter *i) {
    for (size_t k = 0; k < MODULES_MAX; k++)
        if (loaded->modules[k].of == i)
            unload(&loaded->modules[k]);
    if (i->rules)
        i->rules->ops->close(i->rules);
    i->rules = NULL;
}

void bb_rules_loaded_close(struct bb_rules_loaded *loaded) {
    if (!loaded)
        return;
    for (size_t i = 0; i < INTERPRETERS_MAX; i++)
        stop(loaded, &loaded->interpreters[i]);
    free(loaded);
}

/* ---- interpreters -------------------------------------------------------------------------------- */

static int start(struct bb_rules_loaded *loaded, struct interpreter *i, struct bb_span tenant,
                 struct bb_error *error) {
    struct bb_rules_python_options options;

    snprintf(i->tenant, sizeof i->tenant, "%.*s", BB_SPAN_ARGS(tenant));
    int result = bb_rules_environment_find(loaded->config, tenant, &i->environment, &options,
                                           error);
    return result ? result : bb_rules_python_open(&options, &i->rules, error);
}

static int find_interpreter(struct bb_rules_loaded *loaded, struct bb_span tenant,
                            struct interpreter **out, struct bb_error *error) {
    struct interpreter *place = &loaded->interpreters[0];
    int result = 0;

    for (size_t i = 0; i < INTERPRETERS_MAX; i++) {
        struct interpreter *this = &loaded->interpreters[i];
        if (this->rules && bb_span_equal(bb_span_of(this->tenant), tenant)) {
            this->used = ++loaded->uses;
            *out = this;
            return 0;
        }
        if (place->rules && (!this->rules || this->used < place->used))
            place = this;
    }
    stop(loaded, place);
    result = start(loaded, place, tenant, error);
    place->used = ++loaded->uses;
    *out = place;
    return result;
}

/* ---- modules ------------------------------------------------------------------------------------- */

static int load(const struct interpreter *of, const struct bb_rule_code *code, struct module *out,
                struct bb_error *error) {
    struct bb_rules_module module;
    int result = bb_rules_module_make(of->rules, code->module, &module, error);

    if (result && error->code != BB_E_RULE_LOAD && error->code != BB_E_RULE_SIDE)
        return result;
    char *fault = result ? strndup(error->text, FAULT_MAX) : NULL;
    if (result && !fault)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a rules module");
    unload(out);
    *out = (struct module){.of = of, .module = module, .fault = fault};
    snprintf(out->hash, sizeof out->hash, "%.*s", BB_SPAN_ARGS(code->module->hash));
    return 0;
}

static bool is_it(const struct module *m, const struct interpreter *of, struct bb_span hash) {
    return m->of == of && bb_span_equal(bb_span_of(m->hash), hash);
}

int bb_rules_loaded_find(struct bb_rules_loaded *loaded, struct bb_span tenant,
                         const struct bb_rule_code *code, struct bb_rules_found *out,
                         struct bb_error *error) {
    struct interpreter *of;
    int result = find_interpreter(loaded, tenant, &of, error);
    struct module *found = &loaded->modules[0];

    if (result)
        return result;
    for (size_t i = 0; i < MODULES_MAX && !is_it(found, of, code->module->hash); i++) {
        struct module *this = &loaded->modules[i];
        if (is_it(this, of, code->module->hash) ||
            (found->of && (!this->of || this->used < found->used)))
            found = this;
    }
    if (!is_it(found, of, code->module->hash))
        result = load(of, code, found, error);
    if (result)
        return result;
    found->used = ++loaded->uses;
    *out = (struct bb_rules_found){&found->module, found->fault};
    return 0;
}
