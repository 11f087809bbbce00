/* What people may call a channel: see channel_name.h. */
#include "model/channel_name.h"

static bool is_said(const struct bb_master_channel *master, struct bb_span text) {
    return bb_span_equal(master->name, text) || bb_span_equal(master->alias, text);
}

bool bb_channel_has_code(const struct bb_channel_name *channel, const struct bb_obis *pattern) {
    struct bb_obis code;

    return (bb_obis_parse(channel->obis, &code) || bb_obis_parse(channel->name, &code)) &&
           bb_obis_match(pattern, &code);
}

bool bb_channel_is_called(const struct bb_channel_name *channel, struct bb_span text) {
    struct bb_obis pattern;

    if (text.size == 0)
        return false;
    return bb_span_equal(channel->name, text) ||
           (channel->master && is_said(channel->master, text)) ||
           (bb_obis_parse(text, &pattern) && bb_channel_has_code(channel, &pattern));
}

const struct bb_master_channel *bb_channel_master_of(const struct bb_master_usage_point *up,
                                                     struct bb_span name) {
    for (uint32_t i = 0; up && name.size > 0 && i < up->channel_count; i++)
        if (is_said(&up->channels[i], name))
            return &up->channels[i];
    return NULL;
}
