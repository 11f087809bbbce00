/* Answers in the form of Prometheus's HTTP API.
 *
 *   {"status":"success","data":{"resultType":"matrix","result":[
 *      {"metric":{"usage_point":"A"},"values":[[1709251200,"1.5"],[1709251260.5,"NaN"]]}]}}
 *   {"status":"error","errorType":"bad_data","error":"parse error at 1:5: ...","code":"BB-6101"}
 *
 * Values are texts with the fewest digits that read back as the same number. Writers append to a
 * buffer whose overflow is sticky: the caller checks it once, and answers BB_E_PROMQL_LIMIT. */
#ifndef BB_HTTP_PROMQL_JSON_H
#define BB_HTTP_PROMQL_JSON_H

#include "base/buffer.h"
#include "http/promql_eval.h"

/* A query's answer: matrix over steps, else what its type says. */
void bb_promql_json_answer(const struct bb_promql_answer *answer, struct bb_buffer *out);

/* Any error of busbar, with its stable code besides; its status is bb_http_status_of's. What went wrong
 * inside is told by the title of its code alone, since its text may name a file. */
void bb_promql_json_error(const struct bb_error *error, struct bb_buffer *out);

/* data of /labels and /label/NAME/values: texts as they are given. `warning`: NULL: none. */
void bb_promql_json_texts(const struct bb_span *texts, size_t count, const char *warning,
                          struct bb_buffer *out);

/* data of /series. */
void bb_promql_json_series(const struct bb_promql_labels *series, size_t count, const char *warning,
                           struct bb_buffer *out);

/* data of /metadata: one row per metric. */
struct bb_promql_metric {
    const char *name, *type, *help, *unit; /* type: gauge, counter or unknown; unit may be "" */
};
void bb_promql_json_metadata(const struct bb_promql_metric *metrics, size_t count,
                             struct bb_buffer *out);

enum { BB_PROMQL_NUMBER_TEXT_MAX = 32 };
/* 0.1, 1e+21, NaN, +Inf, -Inf. Returns the length; `text` has BB_PROMQL_NUMBER_TEXT_MAX bytes. */
size_t bb_promql_number_text(double number, char *text);

#endif
