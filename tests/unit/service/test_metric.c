/* The table of metrics keeps to its conventions, and counts. */
#include <criterion/criterion.h>

#include "service/metric.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static bool ends_with(const char *text, const char *end) {
    size_t size = strlen(text), end_size = strlen(end);

    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static int values_of(const struct bb_metric_row *row) {
    int count = row->values[0] != '\0';

    for (const char *c = row->values; *c; c++)
        count += *c == '|';
    return count;
}

Test(metric, names_are_prometheus) {
    for (int i = 0; i < BB_METRIC_COUNT; i++) {
        const struct bb_metric_row *row = &bb_metric_rows[i];
        cr_expect(strncmp(row->name, "busbar_", 7) == 0 || strncmp(row->name, "process_", 8) == 0,
                  "%s", row->name);
        cr_expect_not(ends_with(row->name, "_total"), "%s: the page adds _total", row->name);
        cr_expect(!row->unit[0] || ends_with(row->name, row->unit), "%s ends in its unit",
                  row->name);
        cr_expect(strlen(row->help) > 0 && !strpbrk(row->help, "\\\n\""), "%s", row->name);
        cr_expect(row->group[0] != '\0', "%s", row->name);
        cr_expect(row->type != BB_METRIC_HISTOGRAM || strcmp(row->unit, "seconds") == 0, "%s",
                  row->name);
        cr_expect(values_of(row) <= BB_METRIC_VALUES_MAX, "%s", row->name);
        for (int k = 0; k < i; k++)
            cr_expect_str_neq(row->name, bb_metric_rows[k].name);
    }
}

Test(metric, bounds_are_as_written) {
    for (int i = 0; i < BB_METRIC_BOUNDS; i++) {
        struct bb_metric_histogram h = {0};
        double bound_s = strtod(bb_metric_bounds[i], NULL);
        bb_metric_histogram_add(&h, (int64_t)(bound_s * 1e9 + 0.5), 2);
        bb_metric_histogram_add(&h, (int64_t)(bound_s * 1e9 + 0.5) + 1000, 1);
        cr_expect_eq(h.buckets[i], 2, "%s is still in its bucket", bb_metric_bounds[i]);
        cr_expect_eq(h.buckets[i + 1], 1, "and what is more in the next");
    }
}

Test(metric, a_clock_put_back_takes_no_time) {
    struct bb_metric_histogram h = {0};

    bb_metric_histogram_add(&h, -5000000, 1);
    cr_expect_eq(h.buckets[0], 1);
    cr_expect_eq(h.sum_us, 0);
}

Test(metric, what_a_child_counted_outlives_it) {
    char buffer[16];
    int fd = bb_metrics_share(), status;

    cr_assert_geq(fd, 0);
    bb_metric_add(BB_METRIC_READINGS, 1, 3);
    snprintf(buffer, sizeof buffer, "%d", fd);
    pid_t child = fork();
    if (child == 0) {
        bool joined = bb_metrics_join((int)strtol(buffer, NULL, 10));
        bb_metric_add(BB_METRIC_READINGS, 1, 4);
        bb_metric_observe(BB_METRIC_DERIVE_DELAY, 2000000, 10);
        _exit(joined ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
    cr_expect_eq(bb_metric_get(BB_METRIC_READINGS, 1), 7);
    cr_expect_eq(bb_metric_histogram_of(BB_METRIC_DERIVE_DELAY)->buckets[1], 10);
    cr_expect_eq(bb_metric_histogram_of(BB_METRIC_DERIVE_DELAY)->sum_us, 20000);
}

Test(metric, other_memory_is_not_joined) {
    int pair[2];

    cr_assert_eq(pipe(pair), 0);
    cr_expect_not(bb_metrics_join(pair[0]));
    cr_expect_not(bb_metrics_join(-1));
    bb_metric_add(BB_METRIC_READINGS, 0, 1);
    cr_expect_eq(bb_metric_get(BB_METRIC_READINGS, 0), 1);
}

Test(metric, values_of_a_label_have_numbers) {
    char value[BB_METRIC_VALUE_MAX];
    int count = 0;

    while (bb_metric_value_text(BB_METRIC_SINK_AGE, count, value)) {
        cr_assert_eq(bb_metric_value(BB_METRIC_SINK_AGE, value), count, "%s", value);
        count++;
    }
    cr_assert_gt(count, 1);
    cr_assert_eq(bb_metric_value(BB_METRIC_SINK_AGE, "kaf"), -1, "a part of a value is none");
    cr_assert_eq(bb_metric_value(BB_METRIC_SINK_AGE, ""), -1);
    cr_assert_not(bb_metric_value_text(BB_METRIC_BACKLOG, 0, value), "its label is free");
}
