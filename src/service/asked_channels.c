/* The channels that a question is about: see asked_channels.h. */
#include "service/asked_channels.h"

#include "model/channel_name.h"

static bool is_named(const struct bb_asked_channels *asked, const struct bb_registry_channel *row) {
    const struct bb_channel_name called = {row->channel, row->obis, NULL};

    return !asked->channel || bb_span_equal(row->channel, bb_span_of(asked->channel)) ||
           (asked->is_obis && bb_channel_has_code(&called, &asked->obis));
}

static void see(struct bb_seen_channels *seen, const struct bb_registry_channel *row) {
    bool fits = row->zone.size < sizeof seen->zone;

    seen->has_gauge = seen->has_gauge || row->kind == BB_KIND_GAUGE;
    if (seen->count++ == 0 && fits)
        memcpy(seen->zone, row->zone.data, row->zone.size);
    else if (!bb_span_equal(row->zone, bb_span_of(seen->zone)))
        seen->zones_differ = true;
}

static int look_at_channel(void *context, const struct bb_registry_channel *row) {
    struct bb_asked_channels *asked = context;

    see(&asked->every, row);
    if (is_named(asked, row))
        see(&asked->named, row);
    return 0;
}

int bb_asked_look(struct bb_plant *plant, struct bb_span tenant, struct bb_span usage_point,
                  const char *channel, const char *zone, struct bb_asked_channels *out,
                  struct bb_error *error) {
    *out = (struct bb_asked_channels){.channel = channel, .zone = zone};
    out->is_obis = bb_obis_parse(bb_span_of(channel), &out->obis);
    int r = plant->registry->ops->channel_list(plant->registry, tenant, usage_point,
                                               look_at_channel, out, error);
    return r < 0 ? r : 0;
}

const struct bb_seen_channels *bb_asked_seen(const struct bb_asked_channels *asked) {
    return asked->named.count > 0 ? &asked->named : &asked->every;
}
