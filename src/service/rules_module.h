/* A rules module: a Python file, loaded, what it says of its rules, and their side inputs from files beside it. */
#ifndef BB_SERVICE_RULES_MODULE_H
#define BB_SERVICE_RULES_MODULE_H

#include "base/arena.h"
#include "model/block.h"
#include "model/kind.h"
#include "model/master.h"
#include "port/rules.h"
#include "service/rules_side.h"

enum {
    BB_RULES_IN_MODULE_MAX = 64,
    BB_MODULE_NAME_MAX = 200,
    BB_RULE_NAME_MAX = 64,
    BB_RULE_CHANNEL_MAX = 128,
    BB_RULE_SERIES_MAX = 8,  /* other channels of a rule, side inputs, outputs */
    BB_RULE_UNIT_MAX = 20,   /* bytes of an output's unit */
    BB_RULES_SIDES_MAX = 16, /* files of a module */
    BB_RULES_SIDE_NAME_MAX = 101
};

struct bb_rule_series {  /* what a rule looks at beside its input, or makes */
    struct bb_span name; /* that the rule calls it by */
    struct bb_span from; /* a channel; of side inputs a file beside the module; of outputs a unit */
};

struct bb_rule {
    struct bb_span name, text, channel; /* what it judges: a name, an OBIS code or an alias */
    enum bb_lane lane;
    int commodity; /* -1: any */
    int64_t window_ms;
    bool batch;
    struct bb_rule_series others[BB_RULE_SERIES_MAX], side[BB_RULE_SERIES_MAX];
    struct bb_rule_series outputs[BB_RULE_SERIES_MAX]; /* channels that it makes, and their units */
    uint32_t other_count, side_count, output_count;
    struct bb_span parameters; /* JSON object: name -> {kind, default, help, ...} */
};

struct bb_rules_module {
    struct bb_rules *rules; /* borrowed */
    struct bb_rules_set *set;
    struct bb_span name; /* of its file, without folder and ending */
    struct bb_span source;
    char hash[17]; /* of its content, and that of its side inputs: the version */
    struct bb_rules_side
        sides[BB_RULES_SIDES_MAX]; /* as the set has them; they borrow from the files */
    struct bb_rules_side_file side_files[BB_RULES_SIDES_MAX];
    uint32_t side_count;
    struct bb_rule items[BB_RULES_IN_MODULE_MAX];
    uint32_t count;
    struct bb_arena arena;
};

/* A module as it is deployed (its hash is not looked at): copied. -BB_E_RULE_LOAD (the text has the traceback),
 * -BB_E_RULE_SIDE: a side input is not among its own, or cannot be read. */
int bb_rules_module_make(struct bb_rules *rules, const struct bb_master_module *deployed,
                         struct bb_rules_module *out, struct bb_error *error) BB_MUST_USE;
/* The module as it would be deployed; it borrows from this one and from `sides`, which has room for
 * BB_RULES_SIDES_MAX. */
struct bb_master_module bb_rules_module_content(const struct bb_rules_module *module,
                                                struct bb_master_side *sides);
/* -BB_E_INPUT_UNREADABLE, -BB_E_RULE_LOAD (the text has the traceback), -BB_E_RULE_SIDE. */
int bb_rules_module_load(struct bb_rules *rules, const char *path, struct bb_rules_module *out,
                         struct bb_error *error) BB_MUST_USE;
void bb_rules_module_release(struct bb_rules_module *module);
/* NULL: the module has none of that name; an empty name finds the only one. */
const struct bb_rule *bb_rules_module_find(const struct bb_rules_module *module,
                                           struct bb_span name);

#endif
