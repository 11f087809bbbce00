/* The channels that a command asks for, as the registry knows them: what zone times without offset are
 * in, and whether gauges are among them. Shared by verbs that take --usage-point, --channel, --zone. */
#ifndef BB_CLI_ASKED_CHANNELS_H
#define BB_CLI_ASKED_CHANNELS_H

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

/* The time given for the option --WHAT; without offset: in the zone given, else in the one that all
 * channels asked for share. BB_TIME_NONE when `text` is NULL; -BB_E_USAGE. */
int bb_asked_time(struct bb_plant *plant, const struct bb_asked_channels *asked, const char *what,
                  const char *text, int64_t *ms, struct bb_error *error) BB_MUST_USE;

bool bb_asked_has_gauge(const struct bb_asked_channels *asked);

/* Choices of --lane: the lanes that have a name of their own. */
const char *bb_lane_choice(int index);

#endif
