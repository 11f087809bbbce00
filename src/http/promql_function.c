/* The functions of a range: see promql_function.h. */
#include "http/promql_function.h"

#include "base/nearest.h"

static bool last(const struct bb_promql_window *window, double *out) {
    *out = window->value[window->count - 1];
    return true;
}

/* ---- registers ---- */

/* What the counter advanced between its first and last reading; after a fall it began at zero. */
static double advance_of(const struct bb_promql_window *window) {
    struct bb_promql_tally tally = {0};

    for (size_t i = 1; i < window->count; i++) {
        double before = window->value[i - 1], now = window->value[i];
        bb_promql_fold_sum.add(&tally, now < before ? now : now - before);
    }
    return bb_promql_fold_sum.finish(&tally);
}

/* How far an advance may be thought to go on beyond a reading that is `away` ms from the window's
 * end: all the way when the next reading would be about there, else half the usual distance. */
static double reach_of(double away, double usual) {
    return away < usual * 1.1 ? away : usual / 2;
}

static bool register_increase(const struct bb_promql_window *w, double *out) {
    if (w->count < 2)
        return false;
    double known = (double)(w->time_ms[w->count - 1] - w->time_ms[0]);
    double usual = known / (double)(w->count - 1);
    double before = reach_of((double)(w->time_ms[0] - w->from_ms), usual);
    double after = reach_of((double)(w->to_ms - w->time_ms[w->count - 1]), usual);
    double advance = advance_of(w);

    /* a counter was never below zero: not farther back than the advance leads to it */
    if (advance > 0 && w->value[0] >= 0 && known * (w->value[0] / advance) < before)
        before = known * (w->value[0] / advance);
    *out = advance * ((known + before + after) / known);
    return true;
}

static double seconds_of(int64_t ms) {
    return (double)ms / 1000;
}

/* ---- intervals ---- */

/* The amount in the window, and how many ms of it are known; false when none. */
static bool amount_in(const struct bb_promql_window *w, double *amount, int64_t *known_ms) {
    struct bb_promql_tally tally = {0};

    *known_ms = 0;
    for (size_t i = 0; i < w->count; i++) {
        int64_t from = w->start_ms[i] > w->from_ms ? w->start_ms[i] : w->from_ms;
        int64_t to = w->time_ms[i] < w->to_ms ? w->time_ms[i] : w->to_ms;
        int64_t length = w->time_ms[i] - w->start_ms[i];
        if (to <= from)
            continue;
        bool whole = to - from == length; /* then not a digit is lost */
        bb_promql_fold_sum.add(
            &tally, whole ? w->value[i] : w->value[i] * ((double)(to - from) / (double)length));
        *known_ms += to - from;
    }
    *amount = bb_promql_fold_sum.finish(&tally);
    return *known_ms > 0;
}

static bool increase(const struct bb_promql_window *window, double *out) {
    int64_t known_ms;

    if (!window->start_ms)
        return register_increase(window, out);
    return amount_in(window, out, &known_ms);
}

static bool rate(const struct bb_promql_window *window, double *out) {
    double amount;
    int64_t known_ms = window->to_ms - window->from_ms;

    if (window->start_ms ? !amount_in(window, &amount, &known_ms)
                         : !register_increase(window, &amount))
        return false;
    *out = amount / seconds_of(known_ms);
    return true;
}

static const struct bb_promql_function rows[] = {
    {"rate", NULL, rate, .of_amounts = true},
    {"increase", NULL, increase, .of_amounts = true},
    {"sum_over_time", &bb_promql_fold_sum, NULL},
    {"avg_over_time", &bb_promql_fold_avg, NULL},
    {"min_over_time", &bb_promql_fold_min, NULL},
    {"max_over_time", &bb_promql_fold_max, NULL},
    {"count_over_time", &bb_promql_fold_count, NULL},
    {"last_over_time", NULL, last, .keeps_name = true},
};
enum { ROWS = sizeof rows / sizeof *rows };

static const char *const foreign[] = {"abs",
                                      "absent",
                                      "absent_over_time",
                                      "acos",
                                      "acosh",
                                      "asin",
                                      "asinh",
                                      "atan",
                                      "atanh",
                                      "ceil",
                                      "changes",
                                      "clamp",
                                      "clamp_max",
                                      "clamp_min",
                                      "cos",
                                      "cosh",
                                      "day_of_month",
                                      "day_of_week",
                                      "day_of_year",
                                      "days_in_month",
                                      "deg",
                                      "delta",
                                      "deriv",
                                      "double_exponential_smoothing",
                                      "exp",
                                      "first_over_time",
                                      "floor",
                                      "histogram_avg",
                                      "histogram_count",
                                      "histogram_fraction",
                                      "histogram_quantile",
                                      "histogram_stddev",
                                      "histogram_stdvar",
                                      "histogram_sum",
                                      "holt_winters",
                                      "hour",
                                      "idelta",
                                      "info",
                                      "irate",
                                      "label_join",
                                      "label_replace",
                                      "ln",
                                      "log10",
                                      "log2",
                                      "mad_over_time",
                                      "minute",
                                      "month",
                                      "pi",
                                      "predict_linear",
                                      "present_over_time",
                                      "quantile_over_time",
                                      "rad",
                                      "resets",
                                      "round",
                                      "scalar",
                                      "sgn",
                                      "sin",
                                      "sinh",
                                      "sort",
                                      "sort_by_label",
                                      "sort_by_label_desc",
                                      "sort_desc",
                                      "sqrt",
                                      "stddev_over_time",
                                      "stdvar_over_time",
                                      "tan",
                                      "tanh",
                                      "time",
                                      "timestamp",
                                      "ts_of_first_over_time",
                                      "ts_of_last_over_time",
                                      "ts_of_max_over_time",
                                      "ts_of_min_over_time",
                                      "vector",
                                      "year"};

const struct bb_promql_function *bb_promql_function_find(struct bb_span name) {
    for (size_t i = 0; i < ROWS; i++)
        if (bb_span_equal(name, bb_span_of(rows[i].name)))
            return &rows[i];
    return NULL;
}

bool bb_promql_function_is_foreign(struct bb_span name) {
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (bb_span_equal(name, bb_span_of(foreign[i])))
            return true;
    return false;
}

const char *bb_promql_function_nearest(struct bb_span typed) {
    struct bb_nearest nearest;

    bb_nearest_init(&nearest, typed);
    for (size_t i = 0; i < ROWS; i++)
        bb_nearest_offer(&nearest, rows[i].name);
    return nearest.name;
}
