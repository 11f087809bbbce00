/* Answers in the form of Prometheus's HTTP API: see promql_json.h. */
#include "http/promql_json.h"

#include "base/json_write.h"
#include "http/problem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void begin(struct bb_json *json, struct bb_buffer *out) {
    bb_json_init(json, out);
    bb_json_object_begin(json);
    bb_json_put_text(json, "status", BB_SPAN("success"));
    bb_json_key(json, "data");
}

static void put_labels(struct bb_json *json, struct bb_promql_labels labels) {
    bb_json_object_begin(json);
    for (size_t i = 0; i < labels.count; i++) {
        bb_json_key_span(json, labels.items[i].name);
        bb_json_text(json, labels.items[i].value);
    }
    bb_json_object_end(json);
}

/* [seconds, "value"]; milliseconds are written only when they are not zero. */
static void put_point(struct bb_json *json, int64_t ms, double value) {
    char text[64];
    int size = snprintf(text, sizeof text, "%s%" PRId64, ms < 0 && ms > -1000 ? "-" : "",
                        ms / 1000);

    if (ms % 1000 != 0)
        size += snprintf(text + size, sizeof text - (size_t)size, ".%03d", abs((int)(ms % 1000)));
    bb_json_array_begin(json);
    bb_json_raw(json, (struct bb_span){text, (size_t)size});
    size_t length = bb_promql_number_text(value, text);
    bb_json_text(json, (struct bb_span){text, length});
    bb_json_array_end(json);
}

static int64_t time_of(const struct bb_promql_answer *answer, const struct bb_promql_column *column,
                       size_t i) {
    return column->time_ms ? column->time_ms[i] : answer->start_ms + (int64_t)i * answer->step_ms;
}

static void put_matrix(struct bb_json *json, const struct bb_promql_answer *answer) {
    bb_json_array_begin(json);
    for (size_t k = 0; k < answer->column_count; k++) {
        const struct bb_promql_column *column = &answer->columns[k];
        bb_json_object_begin(json);
        bb_json_key(json, "metric");
        put_labels(json, column->labels);
        bb_json_key(json, "values");
        bb_json_array_begin(json);
        for (size_t i = 0; i < column->count && !json->out->overflow; i++)
            if (!column->has || column->has[i])
                put_point(json, time_of(answer, column, i), column->value[i]);
        bb_json_array_end(json);
        bb_json_object_end(json);
    }
    bb_json_array_end(json);
}

static void put_vector(struct bb_json *json, const struct bb_promql_answer *answer) {
    bb_json_array_begin(json);
    for (size_t k = 0; k < answer->column_count && !json->out->overflow; k++) {
        bb_json_object_begin(json);
        bb_json_key(json, "metric");
        put_labels(json, answer->columns[k].labels);
        bb_json_key(json, "value");
        put_point(json, answer->start_ms, answer->columns[k].value[0]);
        bb_json_object_end(json);
    }
    bb_json_array_end(json);
}

static void put_scalar(struct bb_json *json, const struct bb_promql_answer *answer) {
    put_point(json, answer->start_ms, answer->columns[0].value[0]);
}

void bb_promql_json_answer(const struct bb_promql_answer *answer, struct bb_buffer *out) {
    static const struct {
        const char *name;
        void (*put)(struct bb_json *json, const struct bb_promql_answer *answer);
    } rows[] = {[BB_PROMQL_SCALAR] = {"scalar", put_scalar},
                [BB_PROMQL_VECTOR] = {"vector", put_vector},
                [BB_PROMQL_MATRIX] = {"matrix", put_matrix}};
    enum bb_promql_type type = answer->step_ms > 0 ? BB_PROMQL_MATRIX : answer->type;
    struct bb_json json;

    begin(&json, out);
    bb_json_object_begin(&json);
    bb_json_put_text(&json, "resultType", bb_span_of(rows[type].name));
    bb_json_key(&json, "result");
    rows[type].put(&json, answer);
    bb_json_object_end(&json);
    if (answer->warning_count > 0) {
        bb_json_key(&json, "warnings");
        bb_json_array_begin(&json);
        for (size_t i = 0; i < answer->warning_count; i++)
            bb_json_text(&json, bb_span_of(answer->warnings[i]));
        bb_json_array_end(&json);
    }
    bb_json_object_end(&json);
}

/* ---- errors ---- */

/* What Prometheus calls them; clients go by the status. */
static const char *error_type(enum bb_error_code code) {
    static const struct {
        int status;
        const char *type;
    } rows[] = {{401, "unauthorized"},   {403, "forbidden"}, {404, "not_found"},
                {406, "not_acceptable"}, {422, "execution"}, {503, "unavailable"}};
    int status = bb_http_status_of(code);

    if (code == BB_E_PROMQL_TIMEOUT)
        return "timeout";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].status == status)
            return rows[i].type;
    return status < 500 ? "bad_data" : "internal";
}

void bb_promql_json_error(const struct bb_error *error, struct bb_buffer *out) {
    const struct bb_error_row *row = bb_error_row_find((int)error->code);
    bool by_title = bb_http_is_inside(error->code) || !error->text[0];
    struct bb_json json;
    char code[16];

    snprintf(code, sizeof code, "BB-%04d", (int)error->code);
    bb_json_init(&json, out);
    bb_json_object_begin(&json);
    bb_json_put_text(&json, "status", BB_SPAN("error"));
    bb_json_put_text(&json, "errorType", bb_span_of(error_type(error->code)));
    bb_json_put_text(&json, "error",
                     bb_span_of(!by_title ? error->text
                                : row     ? row->title
                                          : "an error"));
    bb_json_put_text(&json, "code", bb_span_of(code));
    bb_json_object_end(&json);
}

/* ---- lists ---- */

static void end(struct bb_json *json, const char *warning) {
    if (warning) {
        bb_json_key(json, "warnings");
        bb_json_array_begin(json);
        bb_json_text(json, bb_span_of(warning));
        bb_json_array_end(json);
    }
    bb_json_object_end(json);
}

void bb_promql_json_texts(const struct bb_span *texts, size_t count, const char *warning,
                          struct bb_buffer *out) {
    struct bb_json json;

    begin(&json, out);
    bb_json_array_begin(&json);
    for (size_t i = 0; i < count; i++)
        bb_json_text(&json, texts[i]);
    bb_json_array_end(&json);
    end(&json, warning);
}

void bb_promql_json_series(const struct bb_promql_labels *series, size_t count, const char *warning,
                           struct bb_buffer *out) {
    struct bb_json json;

    begin(&json, out);
    bb_json_array_begin(&json);
    for (size_t i = 0; i < count; i++)
        put_labels(&json, series[i]);
    bb_json_array_end(&json);
    end(&json, warning);
}

void bb_promql_json_metadata(const struct bb_promql_metric *metrics, size_t count,
                             struct bb_buffer *out) {
    struct bb_json json;

    begin(&json, out);
    bb_json_object_begin(&json);
    for (size_t i = 0; i < count; i++) {
        bb_json_key(&json, metrics[i].name);
        bb_json_array_begin(&json);
        bb_json_object_begin(&json);
        bb_json_put_text(&json, "type", bb_span_of(metrics[i].type));
        bb_json_put_text(&json, "help", bb_span_of(metrics[i].help));
        bb_json_put_text(&json, "unit", bb_span_of(metrics[i].unit));
        bb_json_object_end(&json);
        bb_json_array_end(&json);
    }
    bb_json_object_end(&json);
    bb_json_object_end(&json);
}
