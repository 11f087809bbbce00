/* What a plant knew at a moment: its channels and usage points.
 *
 * The registry's own lists tell what is now. Of a past moment a channel is what its first reading and the
 * master data recorded by then say, and it is there once that reading had come; a usage point is there
 * once master data or a reading spoke of it.
 */
#ifndef BB_SERVICE_KNOWN_H
#define BB_SERVICE_KNOWN_H

#include "service/plant.h"

/* `usage_point` empty: of all; `as_of_ms` BB_TIME_NONE: now. In the registry's order; 0, or negative. */
int bb_known_channels(struct bb_plant *plant, struct bb_span tenant, struct bb_span usage_point,
                      int64_t as_of_ms, bb_registry_channel_visit *visit, void *context,
                      struct bb_error *error) BB_MUST_USE;
int bb_known_usage_points(struct bb_plant *plant, struct bb_span tenant, struct bb_span usage_point,
                          int64_t as_of_ms, bb_registry_usage_point_visit *visit, void *context,
                          struct bb_error *error) BB_MUST_USE;
/* A usage point's master entry, or, when readings alone speak of it, what they say in that form: its channels,
 * the commodity. Everything lives in the arena. -BB_E_USAGE_POINT_UNKNOWN. */
int bb_known_usage_point(struct bb_plant *plant, struct bb_span tenant, struct bb_span name,
                         int64_t as_of_ms, struct bb_arena *arena,
                         struct bb_master_usage_point *out, struct bb_error *error) BB_MUST_USE;

#endif
