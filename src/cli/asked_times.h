/* Times as people give them to verbs that take --usage-point, --channel, --zone. */
#ifndef BB_CLI_ASKED_TIMES_H
#define BB_CLI_ASKED_TIMES_H

#include "service/asked_channels.h"

/* The time given for the option --WHAT; without offset: in the zone given, else in the one that all
 * channels asked for share. BB_TIME_NONE when `text` is NULL; -BB_E_USAGE. */
int bb_asked_time(struct bb_plant *plant, const struct bb_asked_channels *asked, const char *what,
                  const char *text, int64_t *ms, struct bb_error *error) BB_MUST_USE;

/* Choices of --lane: the lanes that have a name of their own. */
const char *bb_lane_choice(int index);

#endif
