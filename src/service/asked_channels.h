/* The channels that a question is about, as the registry knows them: what zone times without offset are
 * in, and whether gauges are among them (periods of gauges have a range). */
#ifndef BB_SERVICE_ASKED_CHANNELS_H
#define BB_SERVICE_ASKED_CHANNELS_H

#include "model/obis.h"
#include "service/plant.h"

struct bb_seen_channels {
    uint64_t count;
    bool has_gauge, zones_differ;
    char zone[BB_ZONE_NAME_MAX]; /* of the first one; empty: none was seen */
};

struct bb_asked_channels {
    const char *channel, *zone; /* as given; NULL: not */
    struct bb_obis obis;        /* of the channel */
    bool is_obis;
    struct bb_seen_channels named; /* those that are called so, by name or OBIS code */
    struct bb_seen_channels every; /* all of the usage point: those that an alias may mean */
};

int bb_asked_look(struct bb_plant *plant, struct bb_span tenant, struct bb_span usage_point,
                  const char *channel, const char *zone, struct bb_asked_channels *out,
                  struct bb_error *error) BB_MUST_USE;

/* Those that are named, or, when an alias may be meant, every one. */
const struct bb_seen_channels *bb_asked_seen(const struct bb_asked_channels *asked);

#endif
