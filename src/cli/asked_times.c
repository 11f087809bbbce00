/* Times as people give them: see asked_times.h. */
#include "cli/asked_times.h"

#include "model/block.h"

const char *bb_lane_choice(int index) {
    for (int lane = 0; lane < BB_LANE_COUNT; lane++)
        if (bb_lane_is_asked(lane) && index-- == 0)
            return bb_lanes[lane].name;
    return NULL;
}

static int local_zone(struct bb_plant *plant, const struct bb_asked_channels *asked,
                      const char *what, const struct bb_zone **zone, struct bb_error *error) {
    const struct bb_seen_channels *seen = bb_asked_seen(asked);
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
