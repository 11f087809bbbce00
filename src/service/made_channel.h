/* Channels that rules make: of a channel and what one of its rules says beside it (outputs, docs/rules.md).
 *
 *   1-1:1.29.0#net.surplus      of channel 1-1:1.29.0, what rule net calls surplus
 *
 * Such a channel is stored nowhere: its values are what the lane `rules` of the other one keeps, and its derived lanes are
 * made of these when they are asked for. It is there as long as a rule that makes it speaks of the other channel. */
#ifndef BB_SERVICE_MADE_CHANNEL_H
#define BB_SERVICE_MADE_CHANNEL_H

#include "service/rules_channel.h"

struct bb_made_name {
    struct bb_span channel, rule, output;
};

/* False: it is the name of no such channel. */
bool bb_made_name_parse(struct bb_span name, struct bb_made_name *out);
void bb_made_name_format(const struct bb_made_name *name, struct bb_buffer *out);

/* Each channel that a channel's rules make, once, in their order. Return 0 to go on. */
typedef int bb_made_visit(void *context, const struct bb_made_name *name, int unit);
int bb_made_each(struct bb_span channel, const struct bb_channel_rule *rules, uint32_t rule_count,
                 bb_made_visit *visit, void *context);

#endif
