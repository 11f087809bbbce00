/* Versions of customers' rules: which one speaks of a value. Pure.
 *
 * A rule's versions are looked through in their order, the last deployed first: the first one counts whose stretch
 * holds the value's end, and whose share holds the usage point. So a canary stands before the version that goes on
 * for the others, and what is deployed from a date on leaves the values before it to those behind. */
#ifndef BB_MODEL_RULE_VERSION_H
#define BB_MODEL_RULE_VERSION_H

#include "model/master.h"

enum { BB_RULE_ID_SIZE = 16, BB_RULE_STRETCHES_MAX = 64 };

/* Is the usage point among those of a share? By the hash of rule and usage point: the same ones every time, and
 * a greater share holds those of a smaller one. */
bool bb_rule_in_share(struct bb_span rule, struct bb_span usage_point, uint32_t share);

/* What a version is called: 16 hex digits of module, function, parameters and environment. */
void bb_rule_version_id(const struct bb_master_rule_version *version, char id[BB_RULE_ID_SIZE + 1]);

/* A stretch (from, to] of a usage point's time, and the version that speaks of it. */
struct bb_rule_stretch {
    int64_t from_ms, to_ms; /* INT64_MIN, INT64_MAX: no bound */
    const struct bb_master_rule_version *version;
};

/* The stretches of a rule on a usage point, ascending, not overlapping; neighbours of one version are one. Returns how
 * many; with more than BB_RULE_STRETCHES_MAX the oldest versions are left out. */
size_t bb_rule_stretches(const struct bb_master_rule *rule, struct bb_span usage_point,
                         struct bb_rule_stretch out[BB_RULE_STRETCHES_MAX]);

/* What a module is called: 16 hex digits of its source, and of its side inputs if it has any. */
void bb_rule_module_hash(const struct bb_master_module *module, char hash[BB_RULE_ID_SIZE + 1]);

const struct bb_master_module *bb_rules_module_of(const struct bb_master_rules *rules,
                                                  struct bb_span hash);

#endif
