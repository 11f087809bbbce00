/* The text formats of metrics: see exposition_internal.h. */
#include "http/exposition_internal.h"

#include "http/promql_json.h"

#include <inttypes.h>
#include <stdio.h>

void bb_exposition_begin(struct bb_exposition *e, enum bb_metric metric) {
    static const char *const types[] = {[BB_METRIC_COUNTER] = "counter",
                                        [BB_METRIC_GAUGE] = "gauge",
                                        [BB_METRIC_HISTOGRAM] = "histogram"};
    const struct bb_metric_row *row = e->row = &bb_metric_rows[metric];
    const char *suffix = row->type == BB_METRIC_COUNTER && !e->is_open_metrics ? "_total" : "";

    bb_buffer_format(e->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", row->name, suffix, row->help,
                     row->name, suffix, types[row->type]);
    if (e->is_open_metrics && row->unit[0])
        bb_buffer_format(e->out, "# UNIT %s %s\n", row->name, row->unit);
}

void bb_exposition_label(struct bb_buffer *labels, const char *name, struct bb_span value) {
    bb_buffer_format(labels, "%s%s=\"", labels->size > 0 ? "," : "", name);
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] == '\\' || value.data[i] == '"')
            bb_buffer_append_byte(labels, '\\');
        if (value.data[i] == '\n')
            bb_buffer_append(labels, "\\n", 2);
        else
            bb_buffer_append(labels, &value.data[i], 1);
    }
    bb_buffer_append_byte(labels, '"');
}

void bb_exposition_put_labelled(struct bb_exposition *e, const char *labels, double number) {
    char text[BB_PROMQL_NUMBER_TEXT_MAX];
    size_t size = bb_promql_number_text(number, text);

    bb_buffer_format(e->out, "%s%s%s%s%s %.*s\n", e->row->name,
                     e->row->type == BB_METRIC_COUNTER ? "_total" : "", labels[0] ? "{" : "",
                     labels, labels[0] ? "}" : "", (int)size, text);
}

void bb_exposition_put(struct bb_exposition *e, const char *label, const char *value,
                       double number) {
    char labels[200] = "";

    if (label)
        snprintf(labels, sizeof labels, "%s=\"%s\"", label, value);
    bb_exposition_put_labelled(e, labels, number);
}

void bb_exposition_put_histogram(struct bb_exposition *e, const char *labels,
                                 const struct bb_metric_histogram *histogram) {
    const char *comma = labels[0] ? "," : "", *open = labels[0] ? "{" : "",
               *close = labels[0] ? "}" : "";
    char text[BB_PROMQL_NUMBER_TEXT_MAX];
    uint64_t count = 0;

    for (int i = 0; i <= BB_METRIC_BOUNDS; i++) {
        count += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
        bb_buffer_format(e->out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", e->row->name, labels,
                         comma, i < BB_METRIC_BOUNDS ? bb_metric_bounds[i] : "+Inf", count);
    }
    uint64_t sum_us = atomic_load_explicit(&histogram->sum_us, memory_order_relaxed);
    size_t size = bb_promql_number_text((double)sum_us / 1e6, text);
    bb_buffer_format(e->out, "%s_sum%s%s%s %.*s\n%s_count%s%s%s %" PRIu64 "\n", e->row->name, open,
                     labels, close, (int)size, text, e->row->name, open, labels, close, count);
}

void bb_exposition_put_counted(struct bb_exposition *e, enum bb_metric metric) {
    const struct bb_metric_row *row = &bb_metric_rows[metric];
    char value[BB_METRIC_VALUE_MAX];

    bb_exposition_begin(e, metric);
    if (row->type == BB_METRIC_HISTOGRAM) {
        bb_exposition_put_histogram(e, "", bb_metric_histogram_of(metric));
        return;
    }
    if (!row->label[0])
        bb_exposition_put(e, NULL, NULL, (double)bb_metric_get(metric, 0));
    for (int i = 0; bb_metric_value_text(metric, i, value); i++)
        bb_exposition_put(e, row->label, value, (double)bb_metric_get(metric, i));
}

void bb_exposition_end(struct bb_exposition *e) {
    if (e->is_open_metrics)
        bb_buffer_format(e->out, "# EOF\n");
}
