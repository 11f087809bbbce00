/* Besides: the channels of a usage point at which the rules of another one look (derive/rule.h).
 *
 *   "export" ─► by name, else by its alias in master data, else the only one with such an OBIS code
 *
 * As people name channels in questions. Where several are meant, and where the channel meant looks at others itself,
 * there is none. */
#ifndef BB_SERVICE_BESIDES_H
#define BB_SERVICE_BESIDES_H

#include "derive/plan.h"
#include "model/master.h"
#include "service/companions.h"

/* The place of the sibling that is called so; SIZE_MAX: none. `up` NULL: nothing is known of the usage point. */
size_t bb_beside_pick(const struct bb_sibling *siblings, size_t count, size_t own,
                      struct bb_span called, const struct bb_master_usage_point *up);

/* What a channel's rules call the channels that they look at, each once; returns how many. */
size_t bb_besides_called(const struct bb_channel *channel, struct bb_span out[BB_BESIDES_MAX]);

#endif
