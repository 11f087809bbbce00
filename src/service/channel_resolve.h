/* What a channel is: resolved from what its source told and from master data.
 *
 *   zone             usage point, else the source's, else the calendar's, the tenant's, UTC
 *   kind, interval   master data, else the source's
 *   derived unit     of derived lanes: master data, else the canonical unit of what was told first
 *   metered unit     of readings: the derived unit; of gas told as volume whose derived unit is an
 *                    energy, the canonical unit of volume
 *   installations    the usage point's, with the factor of what they count:
 *                    multiplier [x calorific value x state number, kWh per m3]
 *   holidays         the calendar's
 *   profile          the channel's, else the usage point's
 *   capacity         the most the usage point's connection lets through in an hour
 *   rules            those of the tenant's that speak of it
 *
 * A function of facts alone: the worker resolves with the facts of its partition, `query --as-of`
 * with those that were recorded by then.
 */
#ifndef BB_SERVICE_CHANNEL_RESOLVE_H
#define BB_SERVICE_CHANNEL_RESOLVE_H

#include "derive/profile.h"
#include "model/master.h"
#include "model/outbox.h"
#include "service/plant.h"

struct bb_channel_facts { /* the master data that bears on a channel */
    struct bb_master usage_point, tenant, calendar, profile, rules;
    bool has_usage_point, has_tenant, has_calendar, has_profile, has_rules;
};

/* Look up a master entry (of a tenant, `name` is its own); texts and lists live in the arena or
 * longer. BB_FOUND (0) or BB_ABSENT (1). */
typedef int bb_master_lookup(void *context, enum bb_master_kind kind, struct bb_span tenant,
                             struct bb_span name, struct bb_arena *arena, struct bb_master *out,
                             struct bb_error *error);

int bb_channel_facts_find(bb_master_lookup *lookup, void *context, struct bb_span tenant,
                          struct bb_span usage_point, struct bb_span channel,
                          struct bb_arena *arena, struct bb_channel_facts *out,
                          struct bb_error *error) BB_MUST_USE;

/* Fill what a record says beyond its number and what was told. Its spans borrow from the facts, from
 * what was told and from the arena. `name`: the channel's. */
int bb_channel_resolve(struct bb_channel_record *record, struct bb_span usage_point,
                       struct bb_span name, const struct bb_channel_facts *facts,
                       struct bb_arena *arena, struct bb_error *error) BB_MUST_USE;

/* Do two records make the same derived lanes of the same readings? */
bool bb_channel_derives_alike(const struct bb_channel_record *a, const struct bb_channel_record *b);

/* The profile that a record names, made ready in the arena; NULL when it names none. */
int bb_channel_profile_find(bb_master_lookup *lookup, void *context, struct bb_span tenant,
                            const struct bb_channel_record *record, struct bb_arena *arena,
                            const struct bb_profile **out, struct bb_error *error) BB_MUST_USE;

/* The rules that a record knows of, as derive takes them; texts borrow as the looked up entry does, lists live in the
 * arena. */
int bb_channel_rules_find(bb_master_lookup *lookup, void *context, struct bb_span tenant,
                          struct bb_span usage_point, struct bb_span name,
                          const struct bb_channel_record *record, struct bb_arena *arena,
                          struct bb_channel_rule **rules, uint32_t *count, struct bb_error *error)
    BB_MUST_USE;

/* Fill a derive channel from a record: zone loaded, calendar and pipeline set; lists live in the
 * arena. Its profile and its rules are the caller's to set. */
int bb_channel_from_record(struct bb_plant *plant, const struct bb_channel_record *record,
                           struct bb_arena *arena, struct bb_channel *out, struct bb_error *error)
    BB_MUST_USE;

#endif
