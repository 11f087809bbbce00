/* Answers in Prometheus's form, to the byte. */
#include <criterion/criterion.h>

#include "http/problem.h"
#include "http/promql_json.h"

#include "base/random.h"

#include <math.h>
#include <stdlib.h>

static struct bb_buffer out;

static void set_up(void) {
    bb_buffer_init(&out, 1 << 20);
}

static void release(void) {
    bb_buffer_release(&out);
}

TestSuite(promql_json, .init = set_up, .fini = release);

static void expect_text(const char *wanted) {
    bb_buffer_append_byte(&out, '\0');
    cr_assert(!out.overflow);
    cr_expect_str_eq(out.data, wanted, "\n  is     %s\n  wanted %s", out.data, wanted);
    bb_buffer_clear(&out);
}

Test(promql_json, numbers_have_the_fewest_digits) {
    static const struct {
        double number;
        const char *wanted;
    } rows[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {1234.567, "1234.567"},
        {100, "100"},
        {0.000001, "0.000001"},
        {0.0000015, "0.0000015"},
        {0.00000015, "1.5e-7"},
        {1e-7, "1e-7"},
        {123456789012, "123456789012"},
        {1e15, "1000000000000000"},
        {1e20, "100000000000000000000"},
        {1e21, "1e+21"},
        {-1.25e300, "-1.25e+300"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {9007199254740993.0, "9007199254740992"},
        {123456789012345678.0, "123456789012345680"},
        {26.0 / 3600, "0.007222222222222222"},
        {647272521624856.25, "647272521624856.2"},
        {999999999999999.9, "999999999999999.9"},
        {0x1p-10, "0.0009765625"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {100.0 / 3, "33.333333333333336"},
        {0.30000000000000004 / 1000, "0.00030000000000000003"},
        {(double)NAN, "NaN"},
        {HUGE_VAL, "+Inf"},
        {-HUGE_VAL, "-Inf"},
    };
    char text[BB_PROMQL_NUMBER_TEXT_MAX];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t size = bb_promql_number_text(rows[i].number, text);
        cr_expect_str_eq(text, rows[i].wanted, "%s wanted %s", text, rows[i].wanted);
        cr_expect_eq(size, strlen(text));
    }
}

Test(promql_json, any_number_reads_back) {
    struct bb_random random;
    char text[BB_PROMQL_NUMBER_TEXT_MAX];

    bb_random_seed(&random, 20260301);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = bb_random_next(&random);
        double number;
        memcpy(&number, &bits, sizeof number);
        if (i % 2 == 0) /* a reading */
            number = (double)(int64_t)bb_random_below(&random, 1000000000) /
                     pow(10, (double)bb_random_below(&random, 7));
        if (!isfinite(number))
            continue;
        bb_promql_number_text(number, text);
        cr_assert_eq(strtod(text, NULL), number, "%a: %s", number, text);
        cr_assert(i % 2 == 1 || strlen(text) <= 12, "%a: %s", number, text);
    }
}

/* ---- answers ---- */

static double values[] = {1.5, 0, NAN, 2};
static uint8_t has[] = {1, 0, 1, 1};
static const struct bb_promql_label labels[] = {{BB_SPAN("a\"b"), BB_SPAN("c\\d\n")},
                                                {BB_SPAN("usage_point"), BB_SPAN("A")}};

Test(promql_json, a_matrix_leaves_out_holes) {
    struct bb_promql_column columns[] = {{{labels, 2}, 4, NULL, values, has}};
    struct bb_promql_answer answer = {.type = BB_PROMQL_VECTOR,
                                      .columns = columns,
                                      .column_count = 1,
                                      .start_ms = 1709251199500,
                                      .step_ms = 250,
                                      .step_count = 4};

    bb_promql_json_answer(&answer, &out);
    expect_text("{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{"
                "\"metric\":{\"a\\\"b\":\"c\\\\d\\n\",\"usage_point\":\"A\"},\"values\":["
                "[1709251199.500,\"1.5\"],[1709251200,\"NaN\"],[1709251200.250,\"2\"]]}]}}");
}

Test(promql_json, instants_are_vectors_scalars_and_samples) {
    static const int64_t times[] = {-500, 0, 1001, 2000};
    struct bb_promql_column columns[] = {{{labels + 1, 1}, 1, NULL, values, has}};
    struct bb_promql_answer answer = {.type = BB_PROMQL_VECTOR,
                                      .columns = columns,
                                      .column_count = 1,
                                      .start_ms = 60000,
                                      .step_count = 1,
                                      .warnings = {"look out"},
                                      .warning_count = 1};

    bb_promql_json_answer(&answer, &out);
    expect_text("{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{"
                "\"metric\":{\"usage_point\":\"A\"},\"value\":[60,\"1.5\"]}]},"
                "\"warnings\":[\"look out\"]}");
    answer.column_count = 0;
    answer.warning_count = 0;
    bb_promql_json_answer(&answer, &out);
    expect_text("{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}");
    answer.type = BB_PROMQL_SCALAR;
    bb_promql_json_answer(&answer, &out);
    expect_text(
        "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[60,\"1.5\"]}}");
    columns[0] = (struct bb_promql_column){{NULL, 0}, 4, times, values, NULL};
    answer.type = BB_PROMQL_MATRIX;
    answer.column_count = 1;
    bb_promql_json_answer(&answer, &out);
    expect_text("{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{"
                "\"metric\":{},\"values\":[[-0.500,\"1.5\"],[0,\"0\"],[1.001,\"NaN\"],"
                "[2,\"2\"]]}]}}");
}

Test(promql_json, errors_have_type_and_status) {
    static const struct {
        enum bb_error_code code;
        int status;
        const char *wanted;
    } rows[] = {
        {BB_E_PROMQL_SYNTAX, 400,
         "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"say \\\"x\\\"\",\"code\":\"BB-6101\"}"},
        {BB_E_PROMQL_UNSUPPORTED, 400,
         "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"say \\\"x\\\"\",\"code\":\"BB-6102\"}"},
        {BB_E_PROMQL_PARAMETER, 400,
         "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"say \\\"x\\\"\",\"code\":\"BB-6104\"}"},
        {BB_E_PROMQL_LIMIT, 422,
         "{\"status\":\"error\",\"errorType\":\"execution\",\"error\":\"say \\\"x\\\"\",\"code\":\"BB-6103\"}"},
        {BB_E_PROMQL_MATCH, 422,
         "{\"status\":\"error\",\"errorType\":\"execution\",\"error\":\"say \\\"x\\\"\",\"code\":\"BB-6105\"}"},
        {BB_E_PROMQL_TIMEOUT, 503,
         "{\"status\":\"error\",\"errorType\":\"timeout\",\"error\":\"say \\\"x\\\"\",\"code\":\"BB-6106\"}"},
        /* what a fault says may name a file: its title alone leaves the house */
        {BB_E_STORE_IO, 500,
         "{\"status\":\"error\",\"errorType\":\"internal\",\"error\":\"The store cannot be read or "
         "written\",\"code\":\"BB-3005\"}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bb_error error;
        (void)BB_FAIL(&error, rows[i].code, "say \"x\"");
        bb_promql_json_error(&error, &out);
        expect_text(rows[i].wanted);
        cr_expect_eq(bb_http_status_of(error.code), rows[i].status);
    }
}

Test(promql_json, lists) {
    const struct bb_span texts[] = {BB_SPAN("__name__"), BB_SPAN("usage_point")};
    const struct bb_promql_labels series[] = {{labels + 1, 1}, {NULL, 0}};
    const struct bb_promql_metric metrics[] = {{"busbar_value", "gauge", "amounts", ""}};

    bb_promql_json_texts(texts, 2, NULL, &out);
    expect_text("{\"status\":\"success\",\"data\":[\"__name__\",\"usage_point\"]}");
    bb_promql_json_texts(NULL, 0, NULL, &out);
    expect_text("{\"status\":\"success\",\"data\":[]}");
    bb_promql_json_series(series, 2, NULL, &out);
    expect_text("{\"status\":\"success\",\"data\":[{\"usage_point\":\"A\"},{}]}");
    bb_promql_json_metadata(metrics, 1, &out);
    expect_text("{\"status\":\"success\",\"data\":{\"busbar_value\":[{\"type\":\"gauge\","
                "\"help\":\"amounts\",\"unit\":\"\"}]}}");
}

Test(promql_json, a_buffer_that_is_full_says_so) {
    static double many[10000];
    struct bb_promql_column columns[] = {{{labels, 2}, 10000, NULL, many, NULL}};
    struct bb_promql_answer answer = {.type = BB_PROMQL_VECTOR,
                                      .columns = columns,
                                      .column_count = 1,
                                      .step_ms = 1000,
                                      .step_count = 10000};
    struct bb_buffer small;

    bb_buffer_init(&small, 1000);
    bb_promql_json_answer(&answer, &small);
    cr_expect(small.overflow);
    bb_buffer_release(&small);
}
