/* The catalog of series: what a tenant's channels are called in PromQL.
 *
 *   channel ── lane ──► {__name__="busbar_energy_kilowatt_hours", channel="1-1:1.29.0", commodity="electricity",
 *                        kind="interval", lane="vee", obis="1-1:1.29.0", tag_city="Utrecht", unit="kWh",
 *                        usage_point="871685900012345678"}
 *
 * A label without a value is not there. `tag_` labels are the tags of the usage point's master data, their names
 * with _ for what a label's name may not hold. Lane vee is the one that is meant when a selector says nothing of
 * lanes, as everywhere else: else every sum would count a value once per lane.
 */
#ifndef BB_HTTP_PROMQL_CATALOG_H
#define BB_HTTP_PROMQL_CATALOG_H

#include "http/promql_matcher.h"
#include "model/block.h"
#include "model/kind.h"
#include "service/plant.h"

struct bb_promql_catalog {
    struct bb_plant *plant;
    struct bb_span tenant;
    int64_t as_of_ms; /* what was known then; BB_TIME_NONE: now */
};

/* What is looked for. */
struct bb_promql_search {
    const struct bb_promql_selector *selector; /* NULL: every series */
    bool every_lane; /* all lanes, not vee alone, when the selector says nothing of them */
    bool no_tags;    /* the visitor does without tag_ labels */
};

/* One series. Everything lives until the visitor returns. */
struct bb_promql_entry {
    struct bb_promql_labels labels;
    struct bb_span usage_point, channel;
    enum bb_lane lane;
    enum bb_kind kind;   /* of its samples: periods of registers are amounts */
    int unit;            /* that its name says */
    int64_t interval_ms; /* as struct bb_promql_series has it */
};

/* 0: go on, 1: enough, negative: an error. */
typedef int bb_promql_catalog_visit(void *context, const struct bb_promql_entry *entry,
                                    struct bb_error *error);

/* Does a tag of master data have this label? */
bool bb_promql_is_tag(struct bb_span label);

/* By usage point, channel and lane. 0, 1 when the visitor stopped it. */
int bb_promql_catalog_find(const struct bb_promql_catalog *catalog,
                           const struct bb_promql_search *search, bb_promql_catalog_visit *visit,
                           void *context, struct bb_error *error) BB_MUST_USE;

#endif
