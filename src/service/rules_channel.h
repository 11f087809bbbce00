/* Which of a tenant's rules speak of a channel, as derive takes them. A function of facts alone. */
#ifndef BB_SERVICE_RULES_CHANNEL_H
#define BB_SERVICE_RULES_CHANNEL_H

#include "derive/rule.h"
#include "model/outbox.h"
#include "model/rule_version.h"

struct bb_rule_code { /* what a version runs; struct bb_rule_time points here */
    const struct bb_master_module *module;
    struct bb_span function, parameters;
    const struct bb_master_rule_output
        *outputs; /* channels that it makes; of a register it makes none */
    uint32_t output_count;
};

/* The rules of a channel of that name, resolved as in `record`, whose usage point is `up` (NULL: nothing is known of
 * it). Texts borrow from the entry, lists live in the arena. False when memory is out. */
bool bb_rules_of_channel(const struct bb_master_rules *entry, struct bb_span usage_point,
                         const struct bb_master_usage_point *up, struct bb_span name,
                         const struct bb_channel_record *record, struct bb_arena *arena,
                         struct bb_channel_rule **out, uint32_t *count) BB_MUST_USE;

/* All of which what rules say is a function, besides values: the rules, and what they may know of the usage point. 0:
 * there are none. */
uint64_t bb_rules_hash(const struct bb_channel_rule *rules, uint32_t count,
                       const struct bb_master_usage_point *up);

/* What a rule may know of the usage point, as a JSON object: nothing of its customer; and which other channels of it stand
 * beside, by the names that the rule gave them. */
struct bb_rules_other {
    struct bb_span name, channel;
    int unit;
};
void bb_rules_put_about(struct bb_span usage_point, struct bb_span channel, int unit,
                        const struct bb_master_usage_point *up, const struct bb_rules_other *others,
                        uint32_t other_count, struct bb_buffer *out);

/* The unit of what a rule sees of a channel: of validated intervals the derived one, of all else the metered one. */
int bb_rules_unit(const struct bb_channel *channel, bool raw);

#endif
