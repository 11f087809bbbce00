/* What busbar counts of itself: the table metric.def and its counters.
 *
 *   server ──┐                       ┌── worker
 *            ├─► counters in memory ─┤        one mapping, relaxed atomics: an addition costs a few
 *            └── /metrics reads      └── worker   nanoseconds and never waits
 *
 * A server shares its counters with the workers it starts (bb_metrics_share, bb_metrics_join), so that what a worker
 * counted outlives it. Other commands count into memory of their own that nobody reads. Counters begin at 0 with
 * the server. Any thread.
 */
#ifndef BB_SERVICE_METRIC_H
#define BB_SERVICE_METRIC_H

#include "base/error.h"

#include <stdatomic.h>

enum bb_metric {
#define BB_METRIC(id, name, type, unit, label, values, group, help) BB_METRIC_##id,
#include "service/metric.def"
#undef BB_METRIC
    BB_METRIC_COUNT
};

enum bb_metric_type { BB_METRIC_COUNTER = 0, BB_METRIC_GAUGE, BB_METRIC_HISTOGRAM };

struct bb_metric_row {
    const char *name, *unit, *label, *values, *group, *help;
    enum bb_metric_type type;
};
extern const struct bb_metric_row bb_metric_rows[BB_METRIC_COUNT];

enum { BB_METRIC_VALUES_MAX = 6, BB_METRIC_BOUNDS = 18 };
/* Upper bounds of all histograms' buckets, in seconds, as they are written. */
extern const char *const bb_metric_bounds[BB_METRIC_BOUNDS];

struct bb_metric_histogram {
    _Atomic uint64_t buckets[BB_METRIC_BOUNDS + 1]; /* each alone, the last one above all bounds */
    _Atomic uint64_t sum_us;
};
/* `count` things took `took_ns` each. */
void bb_metric_histogram_add(struct bb_metric_histogram *histogram, int64_t took_ns,
                             uint64_t count);

/* `value`: which of the label's values; 0 without a label. */
void bb_metric_add(enum bb_metric metric, int value, uint64_t count);
void bb_metric_observe(enum bb_metric metric, int64_t took_ns, uint64_t count);

/* Which of the label's values `text` is; -1: none. */
int bb_metric_value(enum bb_metric metric, const char *text);
/* The label's value of that number, written to `out`; false: there are not so many. */
enum { BB_METRIC_VALUE_MAX = 64 };
bool bb_metric_value_text(enum bb_metric metric, int value, char out[BB_METRIC_VALUE_MAX]);

uint64_t bb_metric_get(enum bb_metric metric, int value);
const struct bb_metric_histogram *bb_metric_histogram_of(enum bb_metric metric);

/* Since when a sink (a value of BB_METRIC_SINK_AGE) lacks records of a partition: when the first of them was recorded; 0: it
 * lacks none. Told by whoever delivers the partition. */
enum { BB_METRIC_PARTITIONS = 1024 };
void bb_metric_sink_lacks(int sink, uint32_t partition, int64_t since_ms);
/* Over all partitions. */
int64_t bb_metric_sink_lacks_since(int sink);

/* What one rule of customers cost (rule_cost.h). Names are written once, before `state` says so. */
enum { BB_METRIC_RULES = 256 };
struct bb_metric_rule {
    _Atomic uint32_t state;
    char tenant[68], rule[64]; /* whole names: who has none of this length has no place */
    _Atomic uint64_t windows, points, failures, nanoseconds;
};
/* BB_METRIC_RULES places, and one for all that have none. */
struct bb_metric_rule *bb_metric_rules(void);

/* Move the counters to memory that children can map; a file descriptor for them, or -1: it stays as it is. Once,
 * before anything is counted by another thread. */
int bb_metrics_share(void);
/* Count where the process that gave `fd` does. False: it is no such memory. */
bool bb_metrics_join(int fd);

#endif
