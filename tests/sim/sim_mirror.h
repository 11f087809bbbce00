/* A sink that keeps what the change feed tells, row by row: another system's copy of the values. */
#ifndef BB_TESTS_SIM_MIRROR_H
#define BB_TESTS_SIM_MIRROR_H

#include "model/decimal.h"
#include "port/sink.h"

struct sim_mirror;

struct sim_mirror *sim_mirror_open(uint32_t partitions);
struct bb_sink *sim_mirror_sink(struct sim_mirror *mirror);
void sim_mirror_close(struct sim_mirror *mirror);

/* A row as text: the same of what the feed tells and of what a query does. `value` NULL: missing. */
void sim_mirror_row(struct bb_buffer *out, const struct bb_decimal *value, int unit,
                    int64_t length_ms, const struct bb_quality *quality);
void sim_mirror_key(struct bb_buffer *out, struct bb_span usage_point, struct bb_span channel,
                    uint8_t lane, int64_t end_ms, uint8_t statistic);

/* What it holds as lines "KEY = ROW", in no order; each through `line`. Every telling must have begun with what the one before
 * it left: else the process aborts and says where. */
void sim_mirror_lines(struct sim_mirror *mirror,
                      void (*line)(void *context, const char *key, const char *row), void *context);

#endif
