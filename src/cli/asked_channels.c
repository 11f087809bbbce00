/* The channels that a command asks for: see asked_channels.h. */
#include "cli/asked_channels.h"

#include "model/block.h"

const char *bb_lane_choice(int index) {
    for (int lane = 0; lane < BB_LANE_COUNT; lane++)
        if (bb_lane_is_asked(lane) && index-- == 0)
            return bb_lanes[lane].name;
    return NULL;
}

static bool is_named(const struct bb_asked_channels *asked, const struct bb_registry_channel *row) {
    struct bb_obis code;

    if (!asked->channel || bb_span_equal(row->channel, bb_span_of(asked->channel)))
        return true;
    return asked->is_obis &&
           (bb_obis_parse(row->obis, &code) || bb_obis_parse(row->channel, &code)) &&
           bb_obis_match(&asked->obis, &code);
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

static const struct bb_seen_channels *seen_of(const struct bb_asked_channels *asked) {
    return asked->named.count > 0 ? &asked->named : &asked->every;
}

bool bb_asked_has_gauge(const struct bb_asked_channels *asked) {
    return seen_of(asked)->has_gauge;
}

static int local_zone(struct bb_plant *plant, const struct bb_asked_channels *asked,
                      const char *what, const struct bb_zone **zone, struct bb_error *error) {
    const struct bb_seen_channels *seen = seen_of(asked);
    const char *name = asked->zone ? asked->zone : seen->zone;

    if (!asked->zone && seen->zones_differ)
        return BB_FAIL(
            error, BB_E_USAGE,
            "--%s has no offset and the channels lie in several zones: add one, or --zone", what);
    return bb_zone_set_get(plant->zones, bb_span_of(name), zone, error);
}

int bb_asked_time(struct bb_plant *plant, const struct bb_asked_channels *asked, const char *what,
                  const char *text, int64_t *ms, struct bb_error *error) {
    const struct bb_zone *zone = NULL;
    int r = 0;

    *ms = BB_TIME_NONE;
    if (!text)
        return 0;
    switch (bb_time_parse_rfc3339(bb_span_of(text), ms)) {
    case BB_TIME_OK: break;
    case BB_TIME_SYNTAX:
        return BB_FAIL(error, BB_E_USAGE,
                       "--%s cannot be \"%s\": allowed is a date such as 2026-03-01 or a time such "
                       "as 2026-03-01T00:15:00Z",
                       what, text);
    case BB_TIME_LOCAL:
        r = local_zone(plant, asked, what, &zone, error);
        if (r == 0)
            *ms = bb_zone_first_at(zone, *ms);
        break;
    }
    return r;
}
