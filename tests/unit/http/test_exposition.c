/* Metrics as text, to the byte, in both formats. */
#include <criterion/criterion.h>

#include "http/exposition_internal.h"

static struct bb_buffer out;
static struct bb_exposition text, open_metrics;

static void set_up(void) {
    bb_buffer_init(&out, 1 << 20);
    text = (struct bb_exposition){.out = &out};
    open_metrics = (struct bb_exposition){.out = &out, .is_open_metrics = true};
}

static void release(void) {
    bb_buffer_release(&out);
}

TestSuite(exposition, .init = set_up, .fini = release);

static void expect_text(const char *wanted) {
    bb_buffer_append_byte(&out, '\0');
    cr_expect_str_eq(out.data, wanted, "\n  is     %s\n  wanted %s", out.data, wanted);
    bb_buffer_clear(&out);
}

Test(exposition, a_counter_is_called_differently) {
    bb_metric_add(BB_METRIC_POST_BYTES, 0, 12);
    bb_exposition_put_counted(&text, BB_METRIC_POST_BYTES);
    expect_text("# HELP busbar_post_body_bytes_total Bodies of posts, as they were sent\n"
                "# TYPE busbar_post_body_bytes_total counter\n"
                "busbar_post_body_bytes_total 12\n");
    bb_exposition_put_counted(&open_metrics, BB_METRIC_POST_BYTES);
    bb_exposition_end(&open_metrics);
    expect_text("# HELP busbar_post_body_bytes Bodies of posts, as they were sent\n"
                "# TYPE busbar_post_body_bytes counter\n"
                "# UNIT busbar_post_body_bytes bytes\n"
                "busbar_post_body_bytes_total 12\n"
                "# EOF\n");
}

Test(exposition, every_value_of_a_label_is_there_from_the_start) {
    bb_metric_add(BB_METRIC_EXCEPTIONS_MOVED, 1, 2);
    bb_exposition_put_counted(&text, BB_METRIC_EXCEPTIONS_MOVED);
    expect_text("# HELP busbar_exceptions_moved_total Exceptions that were opened and closed\n"
                "# TYPE busbar_exceptions_moved_total counter\n"
                "busbar_exceptions_moved_total{change=\"opened\"} 0\n"
                "busbar_exceptions_moved_total{change=\"closed\"} 2\n");
}

Test(exposition, a_gauge_with_a_label) {
    bb_exposition_begin(&text, BB_METRIC_BACKLOG_AGE);
    bb_exposition_put(&text, "stage", "derive", 1.5);
    expect_text("# HELP busbar_backlog_age_seconds How long the oldest of them has waited\n"
                "# TYPE busbar_backlog_age_seconds gauge\n"
                "busbar_backlog_age_seconds{stage=\"derive\"} 1.5\n");
}

Test(exposition, buckets_hold_all_below_them) {
    struct bb_metric_histogram h = {0};

    bb_metric_histogram_add(&h, 500000, 1);
    bb_metric_histogram_add(&h, 4000000, 2);
    bb_metric_histogram_add(&h, INT64_C(7200000000000), 1);
    bb_exposition_begin(&text, BB_METRIC_HTTP);
    bb_buffer_clear(&out);
    bb_exposition_put_histogram(&text, "route=\"/x\"", &h);
    bb_buffer_append_byte(&out, '\0');
    const char *const lines[] = {"_bucket{route=\"/x\",le=\"0.001\"} 1\n",
                                 "_bucket{route=\"/x\",le=\"0.0025\"} 1\n",
                                 "_bucket{route=\"/x\",le=\"0.005\"} 3\n",
                                 "_bucket{route=\"/x\",le=\"3600\"} 3\n",
                                 "_bucket{route=\"/x\",le=\"+Inf\"} 4\n",
                                 "_sum{route=\"/x\"} 7200.0085\n",
                                 "_count{route=\"/x\"} 4\n"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        cr_expect(strstr(out.data, lines[i]), "%s in %s", lines[i], out.data);
}
