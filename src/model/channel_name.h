/* What people may call a channel: its name, the name or the alias that master data gives it, or an OBIS code, whose open
 * fields match anything ("1.8.0" any meter's). One answer for questions, rules, readings at exchanges, and whoever else asks. */
#ifndef BB_MODEL_CHANNEL_NAME_H
#define BB_MODEL_CHANNEL_NAME_H

#include "model/master.h"
#include "model/obis.h"

struct bb_channel_name {
    struct bb_span name;                    /* as sent */
    struct bb_span obis;                    /* empty: its name may be a code */
    const struct bb_master_channel *master; /* NULL: nothing is said of it */
};

bool bb_channel_is_called(const struct bb_channel_name *channel, struct bb_span text);
/* By its OBIS code alone. */
bool bb_channel_has_code(const struct bb_channel_name *channel, const struct bb_obis *pattern);

/* What master data says of the channel of that name or alias; NULL: nothing. `up` may be NULL. */
const struct bb_master_channel *bb_channel_master_of(const struct bb_master_usage_point *up,
                                                     struct bb_span name);

#endif
