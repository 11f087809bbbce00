/* The text formats of metrics: Prometheus's 0.0.4 and OpenMetrics 1.0, which differ in how a counter's family is
 * called, in units and in the end.
 *
 *   bb_exposition_begin(&e, BB_METRIC_BACKLOG);
 *   bb_exposition_put(&e, "stage", "derive", 12);        busbar_backlog_records{stage="derive"} 12
 */
#ifndef BB_HTTP_EXPOSITION_INTERNAL_H
#define BB_HTTP_EXPOSITION_INTERNAL_H

#include "base/buffer.h"
#include "service/metric.h"

struct bb_exposition {
    struct bb_buffer *out;
    bool is_open_metrics;
    const struct bb_metric_row *row; /* the family at hand */
};

void bb_exposition_begin(struct bb_exposition *e, enum bb_metric metric);
/* A sample; `label` NULL: it has none. Values need no escaping. */
void bb_exposition_put(struct bb_exposition *e, const char *label, const char *value,
                       double number);
/* One label more, as it is written; its value may be any text. */
void bb_exposition_label(struct bb_buffer *labels, const char *name, struct bb_span value);
/* A sample with labels as they are written, "tenant=\"a\",rule=\"b\""; "": it has none. */
void bb_exposition_put_labelled(struct bb_exposition *e, const char *labels, double number);
/* A histogram; `labels`: as they are written, "route=\"/v1/readings\"", or "". */
void bb_exposition_put_histogram(struct bb_exposition *e, const char *labels,
                                 const struct bb_metric_histogram *histogram);
/* A whole family that is counted in service/metric.h. */
void bb_exposition_put_counted(struct bb_exposition *e, enum bb_metric metric);
void bb_exposition_end(struct bb_exposition *e);

#endif
