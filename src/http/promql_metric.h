/* What values are called in PromQL: a metric per unit, so that nobody adds kilowatt-hours to litres.
 *
 *   busbar_energy_kilowatt_hours         amounts of intervals and periods
 *   busbar_energy_kilowatt_hours_total   registers: they only grow, which is what Prometheus calls a counter
 *   busbar_temperature_celsius           gauges
 *
 * As Prometheus' rules for names have it: a prefix, the quantity, the unit in plural, `_total` for counters.
 */
#ifndef BB_HTTP_PROMQL_METRIC_H
#define BB_HTTP_PROMQL_METRIC_H

#include "base/span.h"

enum { BB_PROMQL_METRIC_NAME_MAX = 64 };

/* A unit past the last counts as none. */
struct bb_span bb_promql_metric_name(int unit, bool is_counter,
                                     char text[BB_PROMQL_METRIC_NAME_MAX]);
/* One sentence about it. */
const char *bb_promql_metric_help(int unit, bool is_counter);

#endif
