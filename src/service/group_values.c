/* Values of a group: see group_values.h. */
#include "service/group_values.h"

#include "service/group_sum.h"
#include "service/query_internal.h"

struct gathering {
    struct bb_plant *plant;
    const struct bb_group_values *asked;
    struct bb_query query; /* of the member at hand */
    struct bb_group_sums sums;
    struct bb_group_seen *seen;
    uint32_t series; /* of the channel at hand */
    struct bb_error *error;
    int failure;
};

/* A bb_query_visit. */
static int take_row(void *context, const struct bb_query_row *row) {
    struct gathering *g = context;
    const struct bb_group_series *series = &g->sums.series[g->series];
    uint32_t own = g->series;

    if (row->unit != series->unit) /* a lane that says it otherwise than its channel */
        g->failure = bb_group_sums_series(&g->sums, series->channel, series->commodity,
                                          series->kind, row->unit, &own, g->error);
    if (!g->failure)
        g->failure = bb_group_sums_add(&g->sums, own, row, g->error);
    return g->failure != 0;
}

/* A bb_query_act. */
static int take_channel(struct bb_query_channel *c, void *context, struct bb_error *error) {
    struct gathering *g = context;
    const uint8_t kind = c->channel.kind;
    bool has_periods = bb_lane_has_periods((int)g->asked->lane);
    uint64_t all = UINT64_MAX;

    if (c->query->as_of_ms != BB_TIME_NONE && c->record.first_received_ms > c->query->as_of_ms)
        return 0; /* nobody had heard of it */
    if (kind == BB_KIND_EVENT || (kind == BB_KIND_REGISTER && !has_periods))
        return 0;
    int unit = kind == BB_KIND_INTERVAL || has_periods ? c->channel.derived_unit
                                                       : c->channel.metered_unit;
    int result = bb_group_sums_series(&g->sums,
                                      g->asked->channel.size > 0 ? g->asked->channel : c->name,
                                      c->channel.commodity, kind, unit, &g->series, error);
    if (result)
        return result;
    g->sums.series[g->series].of++;
    g->seen->channels++;
    c->visit = take_row;
    c->context = g;
    c->left = &all;
    result = bb_query_lane(c, error);
    return g->failure ? g->failure : result < 0 ? result : 0;
}

/* What one member does not have others may. A bb_registry_usage_point_visit. */
static int take_member(void *context, const struct bb_registry_usage_point *row) {
    struct gathering *g = context;

    g->seen->members++;
    if (row->channels == 0)
        return 0;
    g->query.usage_point = row->name;
    int result = bb_query_channels(g->plant, &g->query, take_channel, g, g->error);
    if (result == -BB_E_CHANNEL_UNKNOWN || result == -BB_E_USAGE_POINT_UNKNOWN)
        result = 0;
    g->failure = result < 0 ? result : 0;
    return g->failure != 0;
}

int bb_group_values_run(struct bb_plant *plant, const struct bb_group_values *asked,
                        bb_group_visit *visit, void *context, struct bb_group_seen *seen,
                        struct bb_error *error) {
    const struct bb_group *group = asked->group;
    struct gathering g = {.plant = plant,
                          .asked = asked,
                          .query = {.tenant = group->entry.tenant,
                                    .made = true,
                                    .channel = asked->channel,
                                    .from_ms = asked->from_ms,
                                    .to_ms = asked->to_ms,
                                    .lane = asked->lane,
                                    .as_of_ms = group->as_of_ms},
                          .seen = seen,
                          .error = error};

    BB_ASSERT(asked->lane != BB_LANE_RAW);
    *seen = (struct bb_group_seen){0};
    bb_group_sums_init(&g.sums);
    int result = bb_group_members(plant, group, take_member, &g, error);
    if (g.failure)
        result = g.failure;
    if (!result && asked->channel.size > 0 && seen->members > 0 && seen->channels == 0)
        result = BB_FAIL(error, BB_E_CHANNEL_UNKNOWN,
                         "no member of the group has a channel \"%.*s\" that can be added up",
                         BB_SPAN_ARGS(asked->channel));
    if (!result)
        result = bb_group_sums_tell(&g.sums, asked->lane, visit, context, error);
    bb_group_sums_release(&g.sums);
    return result;
}
