/* The score of a plant: see city_score.h. */
#include "service/city_score.h"

#include "service/city_internal.h"
#include "service/findings.h"
#include "service/query.h"

#include <math.h>
#include <stdlib.h>

enum { WEEK_READINGS = 7 * CITY_QUARTERS, PLAIN_SIGMA_CENTI = 600, PLAIN_READINGS = 4 };

/* What stands for a kind: a check, and for registers the mark that the reading got. */
struct stand {
    const char *kind;
    uint8_t check;
    uint16_t mark; /* 0: any */
};
static const struct stand stands[] = {
    {"gap", BB_CHECK_GAP, 0},
    {"spike", BB_CHECK_SPIKE, 0},
    {"spike", BB_CHECK_HIGH, 0},
    {"changed_duplicate", BB_CHECK_DUPLICATE, 0},
    {"rollover", BB_CHECK_REGISTER, BB_MARK_ROLLOVER},
    {"exchange", BB_CHECK_REGISTER, BB_MARK_EXCHANGE},
    {"reset", BB_CHECK_REGISTER, BB_MARK_RESET},
    {"reverse", BB_CHECK_REGISTER, BB_MARK_REVERSE},
    {"dip", BB_CHECK_REGISTER, BB_MARK_DIP},
    {"foreign", BB_CHECK_REGISTER, BB_MARK_FOREIGN},
    {"leak", BB_CHECK_LEAK, 0},
    {"clock_shift", BB_CHECK_TIME, 0},
    {"zero_run", BB_CHECK_ZERO, 0},
    {"stuck", BB_CHECK_STUCK, 0},
    {"unit_mixup", BB_CHECK_HIGH, 0},
    {"negative", BB_CHECK_NEGATIVE, 0},
    {"late", BB_CHECK_LATE, 0},
    {"sum_mismatch", BB_CHECK_SUM, 0},
};
enum { STANDS = sizeof stands / sizeof stands[0] };

enum {
    REGISTER_MARKS = BB_MARK_ROLLOVER | BB_MARK_EXCHANGE | BB_MARK_RESET | BB_MARK_REVERSE |
                     BB_MARK_DIP | BB_MARK_FOREIGN
};

struct scoring {
    struct bb_plant *plant;
    struct bb_span tenant;
    struct bb_city *city;
    struct bb_city_score *out;
    bool *found;                  /* by fault */
    const struct city_fault *gap; /* whose estimates are looked at */
    struct city_moment probe;
};

/* ---- alarms --------------------------------------------------------------------------------- */

static bool stands_for(const struct stand *stand, const struct bb_findings_row *row) {
    uint16_t marks = row->quality ? row->quality->marks : 0;

    return stand->check == row->finding->check && (stand->mark == 0 || marks & stand->mark);
}

static bool overlaps(const struct bb_finding *alarm, const struct bb_city_truth *truth) {
    if (alarm->from_ms == alarm->to_ms)
        return alarm->at_ms > truth->from_ms && alarm->at_ms <= truth->to_ms;
    return alarm->from_ms < truth->to_ms && truth->from_ms < alarm->to_ms;
}

/* Does an alarm speak of the fault? A run is told day by day, and may begin before the fault or end
 * behind it. */
static bool is_near(const struct bb_finding *alarm, const struct bb_city_truth *truth) {
    const uint32_t runs = 1u << BB_CHECK_STUCK | 1u << BB_CHECK_ZERO | 1u << BB_CHECK_LEAK |
                          1u << BB_CHECK_PROLONGED;
    int64_t beside_ms = runs >> alarm->check & 1 ? BB_DAY_MS : 0;

    return overlaps(alarm, truth) ||
           (alarm->from_ms < truth->to_ms + beside_ms && truth->from_ms - beside_ms < alarm->to_ms);
}

/* The fault of a usage point, NULL when it has none: its name holds its number. */
static const struct city_fault *fault_of(const struct bb_city *city, struct bb_span name,
                                         uint32_t *index) {
    enum { OWN_DIGITS = 7, CHECK_DIGITS = 1 };
    uint32_t number = 0;

    if (name.size < OWN_DIGITS + CHECK_DIGITS)
        return NULL;
    for (size_t i = name.size - OWN_DIGITS - CHECK_DIGITS; i < name.size - CHECK_DIGITS; i++)
        number = number * 10 + (uint32_t)(name.data[i] - '0') % 10;
    if (number == 0 || number > city->options.meters ||
        !bb_span_equal(name, bb_city_name(city, number - 1)) || !city->meters[number - 1].fault)
        return NULL;
    *index = city->meters[number - 1].fault - 1;
    return &city->faults[*index];
}

/* A person would call it a fault. */
static bool is_plain(const struct city_fault *fault) {
    return fault->sigma_centi >= PLAIN_SIGMA_CENTI ||
           fault->last - fault->first + 1 >= PLAIN_READINGS;
}

/* A register's mark on a plain fault of the same channel that is of another kind. */
static bool is_wrong_mark(const struct bb_findings_row *row, const struct city_fault *fault,
                          const struct bb_city_truth *truth) {
    uint16_t marks = row->quality ? row->quality->marks & REGISTER_MARKS : 0;

    if (row->finding->check != BB_CHECK_REGISTER || marks == 0 || !is_plain(fault) ||
        !bb_span_equal(row->channel, bb_span_of(truth->channel->name)))
        return false;
    for (size_t i = 0; i < STANDS; i++)
        if (stands[i].mark & marks && strcmp(stands[i].kind, truth->kind) == 0)
            return false;
    return true;
}

static void count_false(struct scoring *s, const struct bb_findings_row *row) {
    s->out->false_alarms[row->finding->check]++;
    for (size_t i = 0; i < STANDS; i++)
        for (size_t kind = 0; stands_for(&stands[i], row) && kind < s->out->kind_count; kind++)
            s->out->kinds[kind].false_alarms += strcmp(s->out->kinds[kind].name, stands[i].kind) ==
                                                0;
}

static int score_alarm(void *context, const struct bb_findings_row *row) {
    struct scoring *s = context;
    struct bb_city_truth truth;
    uint32_t index;
    const struct city_fault *fault = fault_of(s->city, row->usage_point, &index);

    if (fault)
        bb_city_fault_truth(s->city, index, &truth);
    if (!fault || !is_near(row->finding, &truth) || is_wrong_mark(row, fault, &truth)) {
        count_false(s, row);
        return 0;
    }
    for (size_t i = 0; i < STANDS; i++)
        if (overlaps(row->finding, &truth) && strcmp(stands[i].kind, truth.kind) == 0 &&
            stands_for(&stands[i], row) &&
            bb_span_equal(row->channel, bb_span_of(truth.channel->name)))
            s->found[index] = true;
    return 0;
}

/* ---- kinds ---------------------------------------------------------------------------------- */

static struct bb_city_score_kind *kind_of(struct bb_city_score *out, const char *name) {
    size_t i = 0;

    while (i < out->kind_count && strcmp(out->kinds[i].name, name) != 0)
        i++;
    BB_ASSERT(i < out->kind_count);
    return &out->kinds[i];
}

static void begin_kinds(struct scoring *s) {
    struct bb_city_score *out = s->out;

    *out = (struct bb_city_score){.kind_count = bb_city_fault_row_count,
                                  .from_ms = s->city->from_ms,
                                  .to_ms = s->city->to_ms};
    BB_ASSERT(out->kind_count <= BB_CITY_SCORE_KINDS_MAX);
    for (size_t i = 0; i < out->kind_count; i++)
        out->kinds[i].name = bb_city_fault_rows[i].name;
}

/* Values that were sent twice are found when they were all counted. */
static void count_kinds(struct scoring *s, uint64_t duplicates) {
    uint64_t resent = 0;

    for (uint32_t i = 0; i < s->city->fault_count; i++) {
        struct bb_city_truth truth;
        bb_city_fault_truth(s->city, i, &truth);
        struct bb_city_score_kind *kind = kind_of(s->out, truth.kind);
        kind->put_in++;
        kind->found += s->found[i];
        resent += strcmp(truth.kind, "duplicate") == 0 ? truth.readings : 0;
    }
    struct bb_city_score_kind *kind = kind_of(s->out, "duplicate");
    if (duplicates >= resent) {
        kind->found = kind->put_in;
        kind->false_alarms = (uint32_t)(duplicates - resent);
    }
}

/* ---- estimates ------------------------------------------------------------------------------ */

static double true_value(struct scoring *s, int32_t number) {
    const struct city_fault *gap = s->gap;
    int64_t used = bb_city_used(s->city, &s->city->meters[gap->meter], gap->channel, number,
                                &s->probe);

    return bb_decimal_to_double((struct bb_decimal){used, bb_city_channels[gap->channel].exponent});
}

static int score_value(void *context, const struct bb_query_row *row) {
    struct scoring *s = context;
    int32_t number = (int32_t)((row->end_ms - s->city->from_ms) / CITY_QUARTER_MS);

    if (number < s->gap->first || number > s->gap->last)
        return 0;
    if (!row->has_value || row->quality->method == BB_METHOD_NONE) {
        s->out->not_estimated += !row->has_value;
        return 0;
    }
    struct bb_city_score_method *of = &s->out->methods[row->quality->method];
    double truth = true_value(s, number);
    double error = fabs(bb_decimal_to_double(row->value) - truth);
    of->values++;
    of->error += error;
    of->truth += truth;
    if (number > WEEK_READINGS) {
        of->compared++;
        of->error_beside_naive += error;
        of->naive += fabs(true_value(s, number - WEEK_READINGS) - truth);
    }
    return 0;
}

/* Gaps of interval channels; those of registers have no values of their own. */
static int score_estimates(struct scoring *s, struct bb_error *error) {
    int result = 0;

    for (uint32_t i = 0; result >= 0 && i < s->city->fault_count; i++) {
        struct bb_city_truth truth;
        bb_city_fault_truth(s->city, i, &truth);
        if (strcmp(truth.kind, "gap") != 0 || truth.channel->kind != BB_KIND_INTERVAL)
            continue;
        struct bb_query query = {.tenant = s->tenant,
                                 .usage_point = bb_city_name(s->city, truth.meter),
                                 .channel = bb_span_of(truth.channel->name),
                                 .from_ms = truth.from_ms,
                                 .to_ms = truth.to_ms,
                                 .lane = BB_LANE_VEE,
                                 .as_of_ms = BB_TIME_NONE};
        s->gap = &s->city->faults[i];
        result = bb_query_run(s->plant, &query, score_value, s, error);
    }
    return result;
}

/* ---- all ------------------------------------------------------------------------------------ */

static int score(struct scoring *s, uint64_t duplicates, struct bb_error *error) {
    const struct bb_findings all = {.tenant = s->tenant,
                                    .check = -1,
                                    .from_ms = BB_TIME_NONE,
                                    .to_ms = BB_TIME_NONE,
                                    .as_of_ms = BB_TIME_NONE};

    s->found = calloc((size_t)s->city->fault_count + 1, sizeof *s->found);
    if (!s->found)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the score");
    begin_kinds(s);
    bb_city_moment_init(&s->probe);
    int result = bb_findings_run(s->plant, &all, score_alarm, s, error);
    if (result >= 0)
        result = score_estimates(s, error);
    if (result >= 0)
        count_kinds(s, duplicates);
    return result < 0 ? result : 0;
}

int bb_city_score_run(struct bb_plant *plant, struct bb_span tenant,
                      const struct bb_city_options *options, uint64_t duplicates,
                      struct bb_city_score *out, struct bb_error *error) {
    struct scoring s = {.plant = plant, .tenant = tenant, .out = out};
    int result = bb_city_new(options, &s.city, error);

    if (result < 0)
        return result;
    result = score(&s, duplicates, error);
    free(s.found);
    bb_city_free(s.city);
    return result;
}
