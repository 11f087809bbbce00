/* A pipeline: which checks and estimators run on a channel, and with which parameters.
 *
 * Checks and estimators are rows of tables (check.h, estimate.h): name, parameters with unit,
 * default and range, declared reach, function. A pipeline holds their parameters as numbers, in the
 * order of the tables, so that the config can be read and printed without knowing them.
 */
#ifndef BB_DERIVE_PIPELINE_H
#define BB_DERIVE_PIPELINE_H

#include "model/kind.h"
#include "model/quality.h"

enum bb_parameter_unit { BB_PARAMETER_DURATION, BB_PARAMETER_NUMBER };

struct bb_parameter_row {
    const char *name; /* NULL ends a list */
    const char *what; /* for people */
    enum bb_parameter_unit unit;
    int64_t initial, min, max; /* durations in milliseconds */
};

enum { BB_PARAMETERS_MAX = 6 };

struct bb_step { /* a check or an estimator in a pipeline */
    bool on;
    int64_t parameter[BB_PARAMETERS_MAX];
};

struct bb_pipeline {
    struct bb_step check[BB_CHECK_COUNT];
    struct bb_step estimate[BB_METHOD_COUNT]; /* by method */
};

/* Row i describes check i (or method i); name NULL where there is nothing to configure. */
struct bb_step_row {
    const char *name;
    const char *what;
    struct bb_parameter_row parameters[BB_PARAMETERS_MAX + 1];
    bool off; /* unless the config turns it on */
};
extern const struct bb_step_row bb_check_steps[BB_CHECK_COUNT];
extern const struct bb_step_row bb_estimate_steps[BB_METHOD_COUNT];

/* Everything on that is by default (step rows), with its initial parameters. */
void bb_pipeline_defaults(struct bb_pipeline *pipeline);

#endif
