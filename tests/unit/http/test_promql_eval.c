/* PromQL: queries with answers known beforehand.
 *
 * The plant of the tables, times in seconds:
 *
 *   A  busbar_value{channel="c",usage_point="A"}  quarter-hours ending 900 1800 ...
 *   B  the same of B, without the one at 2700, the one at 4500 known to be missing
 *   H  busbar_value{channel="h",usage_point="A"}  hours
 *   R  busbar_reading{usage_point="A"}            a register read hourly from 0, replaced at 10800
 *   G  busbar_value{channel="t",usage_point="G"}  a temperature each 600 s
 */
#include <criterion/criterion.h>

#include "http/promql_eval.h"
#include "http/promql_json.h"
#include "http/promql_parse.h"
#include "support/promql_source.h"

#include <math.h>
#include <stdio.h>

static struct promql_memory memory;
static struct bb_arena arena;
static struct bb_buffer text;
static struct bb_error error;
static struct bb_promql_answer answer;
static struct bb_promql_options options;

static void set_up(void) {
    promql_memory_init(&memory);
    promql_memory_add(&memory, "busbar_value{usage_point=\"A\",channel=\"c\"}", BB_KIND_INTERVAL,
                      900, 900, "1 2 3 4 5 6 7 8");
    promql_memory_add(&memory, "busbar_value{usage_point=\"B\",channel=\"c\"}", BB_KIND_INTERVAL,
                      900, 900, "10 10 _ 10 x 10 10 10");
    promql_memory_add(&memory, "busbar_value{usage_point=\"A\",channel=\"h\"}", BB_KIND_INTERVAL,
                      3600, 3600, "40 80");
    promql_memory_add(&memory, "busbar_reading{usage_point=\"A\"}", BB_KIND_REGISTER, 3600, 0,
                      "100 110 125 3 13");
    promql_memory_add(&memory, "busbar_value{usage_point=\"G\",channel=\"t\"}", BB_KIND_GAUGE, 600,
                      0, "20 21 19.5 x 22");
    bb_arena_init(&arena, 64 << 10, 32 << 20);
    bb_buffer_init(&text, 1 << 20);
    options = (struct bb_promql_options){0};
}

static void release(void) {
    bb_buffer_release(&text);
    bb_arena_release(&arena);
    promql_memory_release(&memory);
}

TestSuite(promql_eval, .init = set_up, .fini = release);

static void put_column(const struct bb_promql_column *column) {
    char number[BB_PROMQL_NUMBER_TEXT_MAX];

    if (text.size > 0)
        bb_buffer_format(&text, "; ");
    for (size_t i = 0; i < column->labels.count; i++)
        bb_buffer_format(&text, "%s%.*s", i > 0 ? "," : "",
                         BB_SPAN_ARGS(column->labels.items[i].value));
    for (size_t i = 0; i < column->count; i++) {
        bool has = !column->has || column->has[i];
        if (has)
            bb_promql_number_text(column->value[i], number);
        bb_buffer_format(&text, " %s", has ? number : ".");
        if (column->time_ms)
            bb_buffer_format(&text, "@%lld", (long long)column->time_ms[i] / 1000);
    }
}

/* "VALUES OF LABELS number number . number; ..." or the error's text. `step_s` 0: an instant. */
static const char *ask(const char *query, int64_t start_s, int64_t end_s, int64_t step_s) {
    struct bb_promql_source source = promql_memory_source(&memory);
    const struct bb_promql_node *root;

    bb_arena_reset(&arena);
    bb_buffer_clear(&text);
    error = (struct bb_error){0};
    options.start_ms = start_s * 1000;
    options.end_ms = end_s * 1000;
    options.step_ms = step_s * 1000;
    cr_assert_eq(bb_promql_parse(bb_span_of(query), &arena, &root, &error), 0, "%s: %s", query,
                 error.text);
    int status = bb_promql_eval(root, &source, &options, &arena, &answer, &error);
    cr_assert_eq(status, -(int)error.code);
    if (status < 0)
        bb_buffer_format(&text, "%s", error.text);
    for (size_t i = 0; status == 0 && i < answer.column_count; i++)
        put_column(&answer.columns[i]);
    bb_buffer_append_byte(&text, '\0');
    return text.data;
}

struct row {
    const char *query;
    int64_t start_s, end_s, step_s;
    const char *wanted;
};

static void expect_rows(const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct row *r = &rows[i];
        const char *got = ask(r->query, r->start_s, r->end_s, r->step_s);
        cr_expect_str_eq(got, r->wanted, "%s\n  is     %s\n  wanted %s", r->query, got, r->wanted);
    }
}
#define EXPECT_ROWS(rows) expect_rows(rows, sizeof(rows) / sizeof *(rows))

/* ---- look-back ---- */

Test(promql_eval, a_value_holds_until_the_next_one_is_due) {
    static const struct row rows[] = {
        /* the ends themselves, and all times between them */
        {"busbar_value{usage_point=\"A\",channel=\"c\"}", 0, 2700, 300,
         "busbar_value,c,A . . . 1 1 1 2 2 2 3"},
        /* after the last one: one interval, no longer */
        {"busbar_value{usage_point=\"A\",channel=\"c\"}", 7200, 8400, 300,
         "busbar_value,c,A 8 8 8 . ."},
        /* a missing one is a gap, whether a row says so (4500) or none is there (2700) */
        {"busbar_value{usage_point=\"B\"}", 900, 7200, 900,
         "busbar_value,c,B 10 10 . 10 . 10 10 10"},
        {"busbar_value{usage_point=\"B\"}", 2600, 2800, 50, "busbar_value,c,B 10 10 . . ."},
        /* hours show between their ends, too */
        {"busbar_value{channel=\"h\"}", 1800, 9000, 1800, "busbar_value,h,A . 40 40 80 80"},
        /* registers and gauges are read about then: twice the distance */
        {"busbar_reading", 14400, 22000, 1800, "busbar_reading,A 13 13 13 13 ."},
        {"busbar_value{channel=\"t\"}", 0, 4200, 600, "busbar_value,t,G 20 21 19.5 . 22 22 . ."},
        {"busbar_value{channel=\"c\"} offset 15m", 2700, 2700, 0,
         "busbar_value,c,A 2; busbar_value,c,B 10"},
        {"busbar_value{channel=\"h\"} offset -1h", 0, 3600, 3600, "busbar_value,h,A 40 80"},
        {"busbar_value{channel=\"h\"} @ 3600", 0, 7200, 3600, "busbar_value,h,A 40 40 40"},
        {"busbar_value{channel=\"h\"} @ end()", 0, 7200, 3600, "busbar_value,h,A 80 80 80"},
        {"busbar_value{channel=\"h\"} @ start()", 3600, 7200, 3600, "busbar_value,h,A 40 40"},
        {"nothing", 0, 7200, 3600, ""},
    };
    EXPECT_ROWS(rows);
}

Test(promql_eval, look_back_can_be_said) {
    options.lookback_ms = 60 * 1000;
    cr_expect_str_eq(ask("busbar_value{channel=\"h\"}", 3600, 3720, 60), "busbar_value,h,A 40 . .");
    options.lookback_ms = 7200 * 1000;
    cr_expect_str_eq(ask("busbar_value{channel=\"h\"}", 7200, 18000, 3600),
                     "busbar_value,h,A 80 80 . .");
}

Test(promql_eval, look_back_is_five_minutes_at_least) {
    promql_memory_add(&memory, "m", BB_KIND_INTERVAL, 60, 60, "1");
    cr_expect_str_eq(ask("m", 0, 420, 60), "m . 1 1 1 1 1 . .");
}

/* ---- rate and increase ---- */

Test(promql_eval, intervals_are_amounts_spread_over_their_time) {
    static const struct row rows[] = {
        /* 1+2+3+4, 5+6+7+8; what is before the first is nothing */
        {"increase(busbar_value{channel=\"c\",usage_point=\"A\"}[1h])", 1800, 7200, 1800,
         "c,A 3 10 18 26"},
        /* per second: 10 kWh in 3600 s; at 1800 the known half hour */
        {"rate(busbar_value{channel=\"c\",usage_point=\"A\"}[1h]) * 3600", 1800, 7200, 1800,
         "c,A 6 10 18 26"},
        /* edges by their share: a third of the 1, the 2, a third of the 3 */
        {"increase(busbar_value{channel=\"c\",usage_point=\"A\"}[25m])", 2100, 2100, 0,
         "c,A 3.3333333333333335"},
        /* shorter than an interval: the power then, also while the interval is not over */
        {"rate(busbar_value{channel=\"c\",usage_point=\"A\"}[1m]) * 900", 300, 2100, 300,
         "c,A 1 1 1 2 2 2 3"},
        /* a missing interval lowers an increase and leaves a rate */
        {"increase(busbar_value{usage_point=\"B\"}[1h])", 3600, 7200, 1800, "c,B 30 20 30"},
        {"rate(busbar_value{usage_point=\"B\"}[1h]) * 3600", 3600, 7200, 1800, "c,B 40 40 40"},
        {"rate(busbar_value{usage_point=\"B\"}[15m]) * 900", 900, 8100, 900,
         "c,B 10 10 . 10 . 10 10 10 ."},
        {"increase(busbar_value{channel=\"c\",usage_point=\"A\"}[1h] offset 1h)", 7200, 7200, 0,
         "c,A 10"},
        {"increase(busbar_value{channel=\"c\",usage_point=\"A\"}[1h] @ 3600)", 7200, 7200, 0,
         "c,A 10"},
    };
    EXPECT_ROWS(rows);
}

/* Whatever the range, neighbouring increases add up to what there is: 36. */
Test(promql_eval, neighbouring_increases_add_up) {
    for (int64_t range_s = 100; range_s <= 7200; range_s += 100) {
        char query[128];
        double sum = 0;
        snprintf(query, sizeof query,
                 "increase(busbar_value{channel=\"c\",usage_point=\"A\"}[%llds])",
                 (long long)range_s);
        ask(query, range_s, 7200 + range_s, range_s);
        cr_assert_eq(answer.column_count, 1);
        for (size_t i = 0; i < answer.columns[0].count; i++)
            sum += answer.columns[0].has[i] ? answer.columns[0].value[i] : 0;
        cr_expect_float_eq(sum, 36, 1e-9, "%lld: %.17g", (long long)range_s, sum);
    }
}

/* As Prometheus does. Readings at 0 3600 7200 10800 14400: 100 110 125 3 13; windows are open on the
 * left.
 *   (3600, 10800] has 125 and 3: advance 3 over 3600; 3600 to the left end, full; 0 to the right:
 *                 3 * 7200/3600 = 6. The zero limit is far: 3600 * 125/3.
 *   (0, 14400]    has 110 125 3 13: advance 15+3+10 = 28 over 10800; 3600 to the left: * 4/3.
 *   (7200, 14400] has 3 and 13: advance 10 over 3600; left 3600, but zero is 3600*3/10 = 1080 away:
 *                 10 * (3600+1080)/3600 = 13.
 *   (-3600, 3600] has 100 and 110: left 3600 is full: 10 * 7200/3600 = 20.
 *   (0, 9000]     has 110 and 125: left 3600, right 1800: 15 * 9000/3600 = 37.5.
 *   (7200, 18600] has 3 and 13: right end 4200 away, more than 1.1 * 3600: half, 1800; left 1080:
 *                 10 * 6480/3600 = 18.
 *   (3600, 7200]  has one: nothing. */
Test(promql_eval, registers_are_counters_as_in_prometheus) {
    static const struct row rows[] = {
        {"increase(busbar_reading[2h])", 10800, 10800, 0, "A 6"},
        {"increase(busbar_reading[4h])", 14400, 14400, 0, "A 37.33333333333333"},
        {"increase(busbar_reading[2h])", 14400, 14400, 0, "A 13"},
        {"increase(busbar_reading[2h])", 3600, 3600, 0, "A 20"},
        {"increase(busbar_reading[150m])", 9000, 9000, 0, "A 37.5"},
        {"increase(busbar_reading[190m])", 18600, 18600, 0, "A 18"},
        {"increase(busbar_reading[1h])", 7200, 7200, 0, ""},
        {"rate(busbar_reading[2h]) * 7200", 14400, 14400, 0, "A 13"},
    };
    EXPECT_ROWS(rows);
}

Test(promql_eval, gauges_have_no_rate_and_the_answer_says_so) {
    cr_expect_str_eq(ask("rate({channel=~\"t|h\"}[1h]) * 3600", 3600, 3600, 0), "h,A 40");
    cr_assert_eq(answer.warning_count, 1);
    cr_expect(strstr(answer.warnings[0], "registers and intervals"));
}

/* ---- functions of a range ---- */

Test(promql_eval, functions_over_time) {
    static const struct row rows[] = {
        {"sum_over_time(busbar_value{channel=\"c\"}[1h])", 3600, 7200, 3600,
         "c,A 10 26; c,B 30 30"},
        {"avg_over_time(busbar_value{channel=\"c\"}[1h])", 3600, 7200, 3600,
         "c,A 2.5 6.5; c,B 10 10"},
        {"min_over_time(busbar_value{channel=\"c\",usage_point=\"A\"}[1h])", 3600, 7200, 3600,
         "c,A 1 5"},
        {"max_over_time(busbar_value{channel=\"c\",usage_point=\"A\"}[1h])", 3600, 7200, 3600,
         "c,A 4 8"},
        {"count_over_time(busbar_value{channel=\"c\"}[1h])", 3600, 7200, 3600, "c,A 4 4; c,B 3 3"},
        {"last_over_time(busbar_value{channel=\"t\"}[20m])", 0, 2400, 600,
         "busbar_value,t,G 20 21 19.5 19.5 22"},
        {"sum_over_time(busbar_value{channel=\"c\",usage_point=\"A\"}[15m])", 1700, 1900, 100,
         "c,A 1 2 2"},
        /* bare ranges are what there is */
        {"busbar_value{channel=\"t\"}[30m]", 2400, 2400, 0, "busbar_value,t,G 19.5@1200 22@2400"},
        {"busbar_value{channel=\"t\"}[10m] offset 10m", 1200, 1200, 0, "busbar_value,t,G 21@600"},
    };
    EXPECT_ROWS(rows);
}

Test(promql_eval, sums_keep_their_digits) {
    promql_memory_add(&memory, "m", BB_KIND_GAUGE, 60, 60, "1e17 1 -1e17 0.1 0.1 0.1");
    cr_expect_str_eq(ask("sum_over_time(m[6m])", 360, 360, 0), " 1.3");
    promql_memory_add(&memory, "n{a=\"1\"}", BB_KIND_GAUGE, 60, 60, "1e17");
    promql_memory_add(&memory, "n{a=\"2\"}", BB_KIND_GAUGE, 60, 60, "1");
    promql_memory_add(&memory, "n{a=\"3\"}", BB_KIND_GAUGE, 60, 60, "-1e17");
    cr_expect_str_eq(ask("sum(n)", 60, 60, 0), " 1");
    cr_expect_str_eq(ask("sum(n / 0)", 60, 60, 0), " NaN");
    cr_expect_str_eq(ask("sum(n{a=~\"1|2\"} / 0)", 60, 60, 0), " +Inf");
    cr_expect_str_eq(ask("min(n * NaN)", 60, 60, 0), " NaN");
}

/* ---- aggregation ---- */

Test(promql_eval, aggregations_group_by_labels) {
    static const struct row rows[] = {
        {"sum(busbar_value{channel=\"c\"})", 900, 4500, 900, " 11 12 3 14 5"},
        {"avg(busbar_value{channel=\"c\"})", 900, 2700, 900, " 5.5 6 3"},
        {"min(busbar_value{channel=\"c\"})", 900, 2700, 900, " 1 2 3"},
        {"max(busbar_value{channel=\"c\"})", 900, 2700, 900, " 10 10 3"},
        {"count(busbar_value{channel=\"c\"})", 900, 2700, 900, " 2 2 1"},
        {"sum by (usage_point) (busbar_value{channel=~\"c|h\"})", 3600, 3600, 0, "A 44; B 10"},
        {"sum without (usage_point) (busbar_value{channel=~\"c|h\"})", 3600, 3600, 0, "c 14; h 40"},
        {"count by (__name__) ({usage_point=\"A\"})", 3600, 3600, 0,
         "busbar_reading 1; busbar_value 2"},
        {"sum by (nothing) (busbar_value{channel=\"c\"})", 3600, 3600, 0, " 14"},
        {"max(sum by (usage_point) (busbar_value{channel=~\"c|h\"}))", 3600, 3600, 0, " 44"},
        {"sum(nothing)", 0, 3600, 900, ""},
        {"sum by (usage_point) (rate(busbar_value{channel=\"c\"}[1h])) * 3600", 3600, 7200, 3600,
         "A 10 26; B 40 40"},
    };
    EXPECT_ROWS(rows);
}

/* ---- operators ---- */

Test(promql_eval, operators) {
    static const struct row rows[] = {
        {"1 + 1", 0, 0, 0, " 2"},
        {"2 ^ 3 ^ 2 - -1 * 3 % 2", 0, 0, 0, " 513"},
        {"-2 ^ 2", 0, 120, 60, " -4 -4 -4"},
        {"1 / 0", 0, 0, 0, " +Inf"},
        {"-1 / 0", 0, 0, 0, " -Inf"},
        {"0 / 0", 0, 0, 0, " NaN"},
        {"7 % 4", 0, 0, 0, " 3"},
        {"1 < bool 2", 0, 0, 0, " 1"},
        {"NaN == bool NaN", 0, 0, 0, " 0"},
        {"NaN != bool NaN", 0, 0, 0, " 1"},
        {"busbar_value{channel=\"c\"} * 4", 900, 2700, 900, "c,A 4 8 12; c,B 40 40 ."},
        {"-busbar_value{channel=\"h\"}", 3600, 3600, 0, "h,A -40"},
        {"+busbar_value{channel=\"h\"}", 3600, 3600, 0, "busbar_value,h,A 40"},
        {"10 - busbar_value{channel=\"c\",usage_point=\"A\"}", 900, 900, 0, "c,A 9"},
        /* comparisons filter, and leave the vector's value on whichever side it stands */
        {"busbar_value{channel=\"c\",usage_point=\"A\"} > 2", 900, 3600, 900,
         "busbar_value,c,A . . 3 4"},
        {"2 < busbar_value{channel=\"c\",usage_point=\"A\"}", 900, 3600, 900,
         "busbar_value,c,A . . 3 4"},
        {"busbar_value{channel=\"c\",usage_point=\"A\"} > bool 2", 900, 3600, 900, "c,A 0 0 1 1"},
        {"busbar_value{channel=\"c\"} == 99", 900, 3600, 900, ""},
    };
    EXPECT_ROWS(rows);
}

Test(promql_eval, vectors_match_one_to_one) {
    static const struct row rows[] = {
        /* all labels but the name agree: A with A, B with B */
        {"busbar_value{channel=\"c\"} - busbar_value", 900, 2700, 900, "c,A 0 0 0; c,B 0 0 ."},
        {"busbar_value{channel=\"h\"} / on (usage_point) busbar_value{channel=\"c\"}", 3600, 3600,
         0, "A 10"},
        {"busbar_value{channel=\"h\"} / ignoring (channel) busbar_value{channel=\"c\"}", 3600, 3600,
         0, "A 10"},
        /* without on the channels differ */
        {"busbar_value{channel=\"h\"} / busbar_value{channel=\"c\"}", 3600, 3600, 0, ""},
        {"sum(busbar_value{channel=\"c\"}) / sum(busbar_value{channel=\"h\"})", 3600, 3600, 0,
         " 0.35"},
        {"busbar_value{channel=\"c\"} > on (usage_point) busbar_value{channel=\"h\"} / 20", 3600,
         7200, 900, "A 4 5 6 7 8"},
        {"busbar_value{channel=\"c\"} >= ignoring (channel) busbar_value{channel=\"h\"} / 10", 3600,
         7200, 900, "busbar_value,A 4 5 6 7 8"},
        {"busbar_value{channel=\"c\"} > bool ignoring (channel) busbar_value{channel=\"h\"} / 8",
         3600, 6300, 900, "A 0 0 1 1"},
    };
    EXPECT_ROWS(rows);
}

/* ---- errors ---- */

Test(promql_eval, what_cannot_be_told_apart_is_refused) {
    static const struct {
        const char *query, *wanted;
    } rows[] = {
        {"rate({usage_point=\"A\",channel=\"\"}[2h]) + on () busbar_value{channel=\"c\"}",
         "the right side has more than one series for the labels {}; name more labels with on, or "
         "aggregate first"},
        {"busbar_value{channel=\"c\"} + on () busbar_value{channel=\"h\"}",
         "the left side has more than one series for the labels {}; name more labels with on, or "
         "aggregate first"},
        {"-{__name__=~\"same|alike\"}",
         "two series would have the same labels {a=\"1\"}; aggregate them, or select one metric"},
        {"last_over_time({a=\"1\"}[1h]) * 2",
         "two series would have the same labels {a=\"1\"}; aggregate them, or select one metric"},
    };
    promql_memory_add(&memory, "same{a=\"1\"}", BB_KIND_GAUGE, 60, 3600, "1");
    promql_memory_add(&memory, "alike{a=\"1\"}", BB_KIND_GAUGE, 60, 3600, "1");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_expect_str_eq(ask(rows[i].query, 3600, 3600, 0), rows[i].wanted, "%s: %s", rows[i].query,
                         text.data);
        cr_expect_eq(error.code, BB_E_PROMQL_MATCH);
    }
}

Test(promql_eval, parameters_are_checked) {
    static const struct row rows[] = {
        {"1", 10, 0, 5, "end lies before start"},
        {"1", 0, 10, 0, "step is not more than 0"},
        {"1", 0, 11001, 1,
         "the answer would have more than 11000 steps; ask for a greater step or a shorter time"},
        {"busbar_value[5m]", 0, 60, 60,
         "a range vector has no value at a step; put a function such as rate or avg_over_time "
         "around it"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        cr_expect_str_eq(ask(r->query, r->start_s, r->end_s, r->step_s), r->wanted, "%s",
                         text.data);
        cr_expect_eq(error.code, BB_E_PROMQL_PARAMETER);
    }
    ask("1", 0, 11000, 1);
    cr_expect_eq(error.code, BB_OK, "as many as Prometheus takes");
    ask("1", INT64_C(1) << 50, INT64_C(1) << 50, 0);
    cr_expect_eq(error.code, BB_E_PROMQL_PARAMETER);
}

Test(promql_eval, samples_memory_and_time_are_bounded) {
    options.samples_max = 100;
    cr_expect(strstr(ask("busbar_value", 0, 7200, 60), "more than 100 samples"), "%s", text.data);
    cr_expect_eq(error.code, BB_E_PROMQL_LIMIT);
    options.samples_max = 0;

    /* each of the 11,000 windows looks at the same 8 values again and again */
    options.samples_max = 40000;
    ask("sum_over_time(busbar_value{channel=\"c\",usage_point=\"A\"}[2h])", 7200, 18199, 1);
    cr_expect_eq(error.code, BB_E_PROMQL_LIMIT);
    options.samples_max = 0;
    ask("sum_over_time(busbar_value{channel=\"c\",usage_point=\"A\"}[2h])", 7200, 18199, 1);
    cr_expect_eq(error.code, BB_OK, "%s", error.text);

    memory.over_after = 3;
    ask("sum(busbar_value)", 0, 7200, 60);
    cr_expect_eq(error.code, BB_E_PROMQL_TIMEOUT);
    memory.over_after = 0;

    memory.fail = BB_E_STORE_IO;
    ask("sum(busbar_value)", 0, 7200, 60);
    cr_expect_eq(error.code, BB_E_STORE_IO);
    memory.fail = 0;

    bb_arena_release(&arena);
    for (size_t limit = 64 << 10; limit < (1 << 20); limit += 8 << 10) {
        bb_arena_init(&arena, 4096, limit);
        ask("sum by (a) (rate({usage_point=~\".+\"}[1h])) / 2", 0, 7200, 60);
        cr_expect(error.code == BB_OK || error.code == BB_E_PROMQL_LIMIT, "%s", error.text);
        bb_arena_release(&arena);
    }
    bb_arena_init(&arena, 64 << 10, 32 << 20);
}
