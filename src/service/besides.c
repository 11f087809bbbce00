/* Besides: see besides.h. Pure. */
#include "service/besides.h"

#include "model/channel_name.h"

static size_t by_name(const struct bb_sibling *siblings, size_t count, struct bb_span name) {
    for (size_t i = 0; i < count; i++)
        if (bb_span_equal(siblings[i].name, name))
            return i;
    return SIZE_MAX;
}

static size_t by_alias(const struct bb_sibling *siblings, size_t count, struct bb_span alias,
                       const struct bb_master_usage_point *up) {
    const struct bb_master_channel *master = bb_channel_master_of(up, alias);

    return master ? by_name(siblings, count, master->name) : SIZE_MAX;
}

static size_t by_obis(const struct bb_sibling *siblings, size_t count, struct bb_span text) {
    struct bb_obis pattern;
    size_t found = SIZE_MAX;

    if (!bb_obis_parse(text, &pattern))
        return SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        const struct bb_channel_name called = {siblings[i].name, siblings[i].obis, NULL};
        if (!bb_channel_has_code(&called, &pattern))
            continue;
        if (found != SIZE_MAX)
            return SIZE_MAX;
        found = i;
    }
    return found;
}

size_t bb_beside_pick(const struct bb_sibling *siblings, size_t count, size_t own,
                      struct bb_span called, const struct bb_master_usage_point *up) {
    size_t found = by_name(siblings, count, called);

    found = found == SIZE_MAX ? by_alias(siblings, count, called, up) : found;
    found = found == SIZE_MAX ? by_obis(siblings, count, called) : found;
    return found == own ? SIZE_MAX : found;
}

static bool has(const struct bb_span *items, size_t count, struct bb_span text) {
    for (size_t i = 0; i < count; i++)
        if (bb_span_equal(items[i], text))
            return true;
    return false;
}

size_t bb_besides_called(const struct bb_channel *channel, struct bb_span out[BB_BESIDES_MAX]) {
    size_t count = 0;

    for (uint32_t i = 0; i < channel->rule_count; i++)
        for (uint32_t k = 0; k < channel->rules[i].time_count; k++) {
            const struct bb_rule_time *time = &channel->rules[i].times[k];
            for (uint32_t n = 0; n < time->look_count && count < BB_BESIDES_MAX; n++)
                if (!has(out, count, time->looks[n].channel))
                    out[count++] = time->looks[n].channel;
        }
    return count;
}
