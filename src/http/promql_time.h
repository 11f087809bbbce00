/* Durations and times as PromQL and its HTTP parameters write them. Pure; all in milliseconds. */
#ifndef BB_HTTP_PROMQL_TIME_H
#define BB_HTTP_PROMQL_TIME_H

#include "base/span.h"

/* 5m, 1h30m, 1m0s, 250ms: whole numbers with y w d h m s ms, greater units first, each once. A year
 * has 365 days, a day 24 hours. False: no such text, or more than BB_PROMQL_DURATION_MAX_MS. */
bool bb_promql_duration_parse(struct bb_span text, int64_t *ms);

/* A duration, or seconds as a number (15, 0.5): the parameters step, timeout and lookback_delta.
 * More than 0. */
bool bb_promql_step_parse(struct bb_span text, int64_t *ms);

/* Seconds since 1970 as a number (1709251200.123), or RFC 3339: the parameters time, start, end. */
bool bb_promql_time_parse(struct bb_span text, int64_t *ms);

/* A number of seconds, to whole milliseconds; false when it is none or farther than `limit_ms`. */
bool bb_promql_seconds_to_ms(double seconds, int64_t limit_ms, int64_t *ms);

/* Decimal, with exponent, 0x..., Inf and NaN in any case; the whole text or false. */
bool bb_promql_number_parse(struct bb_span text, double *number);

#endif
