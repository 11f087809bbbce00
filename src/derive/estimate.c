/* The table of estimators: see estimate.h. */
#include "derive/estimate.h"

#include "derive/stat.h"

const struct bb_estimator_row bb_estimators[] = {
    {BB_METHOD_LINEAR, bb_estimate_linear},
    {BB_METHOD_LIKE_DAY, bb_estimate_like_day},
    {BB_METHOD_PROFILE, bb_estimate_profile},
    {BB_METHOD_FLAT, bb_estimate_flat},
};
const size_t bb_estimator_count = sizeof bb_estimators / sizeof bb_estimators[0];

const struct bb_step_row bb_estimate_steps[BB_METHOD_COUNT] = {
    [BB_METHOD_LINEAR] = {"linear",
                          "a straight line between the ends of a short gap",
                          {{"limit", "longest gap to fill", BB_PARAMETER_DURATION,
                            2 * (int64_t)BB_HOUR_MS, 0, BB_LOOK_AHEAD_DAYS *(int64_t)BB_DAY_MS},
                           {0}}},
    [BB_METHOD_LIKE_DAY] = {"like_day",
                            "the mean of the same times on like days, scaled to the registers",
                            {{"days", "like days that are averaged", BB_PARAMETER_NUMBER,
                              BB_LIKE_DAYS, 1, BB_LIKE_DAYS},
                             {"within", "how far back like days are looked for",
                              BB_PARAMETER_DURATION, 28 * (int64_t)BB_DAY_MS, (int64_t)BB_DAY_MS,
                              BB_STAT_DAYS *(int64_t)BB_DAY_MS},
                             {0}}},
    [BB_METHOD_PROFILE] = {"profile",
                           "the register difference, spread like the channel's profile",
                           {{0}}},
    [BB_METHOD_FLAT] = {"flat", "the register difference, spread evenly", {{0}}},
};

enum bb_method bb_estimate(const struct bb_gap *gap, struct bb_arena *scratch,
                           struct bb_estimate *out) {
    for (size_t i = 0; i < bb_estimator_count; i++) {
        const struct bb_step *step = &gap->channel->pipeline->estimate[bb_estimators[i].method];
        if (!step->on)
            continue;
        enum bb_method method = bb_estimators[i].fill(gap, step->parameter, scratch, out);
        if (method != BB_METHOD_NONE)
            return method;
    }
    return BB_METHOD_NONE;
}
