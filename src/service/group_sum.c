/* Sums of a group: see group_sum.h. */
#include "service/group_sum.h"

#include "base/hash.h"
#include "model/kind.h"
#include "model/unit.h"

#include <stdlib.h>

enum {
    ARENA_CHUNK_BYTES = 64 << 10,
    ARENA_LIMIT_BYTES = 4 << 20,
    FIRST_ITEMS = 256,
    FIRST_INDEX = 1024,
    MEAN_DIGITS = 3, /* a mean has more than its sum */
    CONVERTED_DIGITS = 9
};

struct bb_group_sum {
    uint32_t series;
    int64_t start_ms, end_ms;
    struct bb_number sum, min, max;
    uint32_t members, missing, estimated;
    bb_wide measured_ms;
    struct bb_quality quality;
};

/* ---- numbers ------------------------------------------------------------------------------------- */

/* Brought to a lesser exponent; false: it does not fit. */
static bool widen(struct bb_number *number, int exponent) {
    for (; number->exponent > exponent; number->exponent--)
        if (number->mantissa == 0)
            number->exponent = exponent + 1;
        else if (__builtin_mul_overflow(number->mantissa, (bb_wide)10, &number->mantissa))
            return false;
    return true;
}

bool bb_number_add(struct bb_number a, struct bb_number b, struct bb_number *out) {
    int least = a.exponent < b.exponent ? a.exponent : b.exponent;

    if (!widen(&a, least) || !widen(&b, least))
        return false;
    out->exponent = least;
    return !__builtin_add_overflow(a.mantissa, b.mantissa, &out->mantissa);
}

int bb_number_order(struct bb_number a, struct bb_number b) {
    int least = a.exponent < b.exponent ? a.exponent : b.exponent;
    int a_sign = (a.mantissa > 0) - (a.mantissa < 0), b_sign = (b.mantissa > 0) - (b.mantissa < 0);

    if (a_sign != b_sign)
        return a_sign - b_sign;
    /* what does not fit at the other's exponent is the farther from 0 */
    if (!widen(&a, least))
        return a_sign;
    if (!widen(&b, least))
        return -b_sign;
    return (a.mantissa > b.mantissa) - (a.mantissa < b.mantissa);
}

bool bb_number_scale(struct bb_number number, int64_t numerator, int64_t denominator, int more,
                     struct bb_number *out) {
    if (__builtin_mul_overflow(number.mantissa, (bb_wide)numerator, &number.mantissa))
        return false;
    for (; more > 0 && number.mantissa % denominator != 0 &&
           number.exponent > BB_DECIMAL_MIN_EXPONENT;
         more--)
        if (!widen(&number, number.exponent - 1))
            return false;
    out->exponent = number.exponent;
    out->mantissa = bb_wide_divide_round(number.mantissa, denominator);
    return true;
}

/* ---- life ---------------------------------------------------------------------------------------- */

void bb_group_sums_init(struct bb_group_sums *sums) {
    *sums = (struct bb_group_sums){.items = NULL};
    bb_arena_init(&sums->arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
}

void bb_group_sums_release(struct bb_group_sums *sums) {
    free(sums->items);
    free(sums->index);
    bb_arena_release(&sums->arena);
    *sums = (struct bb_group_sums){.items = NULL};
}

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the sums of a group");
}

/* ---- series -------------------------------------------------------------------------------------- */

int bb_group_sums_series(struct bb_group_sums *sums, struct bb_span channel, uint8_t commodity,
                         uint8_t kind, int unit, uint32_t *series, struct bb_error *error) {
    for (*series = 0; *series < sums->series_count; ++*series) {
        const struct bb_group_series *known = &sums->series[*series];
        if (known->unit == unit && known->kind == kind && known->commodity == commodity &&
            bb_span_equal(known->channel, channel))
            return 0;
    }
    if (sums->series_count == BB_GROUP_SERIES_MAX)
        return BB_FAIL(error, BB_E_ANSWER_TOO_LARGE,
                       "the members have more than %d sorts of channels: name one",
                       BB_GROUP_SERIES_MAX);
    if (!sums->series)
        sums->series = bb_arena_take_array(&sums->arena, BB_GROUP_SERIES_MAX, sizeof *sums->series);
    struct bb_span name = bb_arena_copy(&sums->arena, channel);
    if (!sums->series || !name.data)
        return no_memory(error);
    sums->series[sums->series_count++] = (struct bb_group_series){
        .channel = name, .commodity = commodity, .kind = kind, .unit = unit};
    return 0;
}

/* ---- the index ----------------------------------------------------------------------------------- */

static uint32_t place_of(const struct bb_group_sums *sums, uint32_t series, int64_t start_ms,
                         int64_t end_ms) {
    uint64_t hash = bb_hash_mix((uint64_t)end_ms ^ bb_hash_mix((uint64_t)start_ms + series));
    uint32_t at = (uint32_t)hash & (sums->index_size - 1);

    for (; sums->index[at]; at = (at + 1) & (sums->index_size - 1)) {
        const struct bb_group_sum *item = &sums->items[sums->index[at] - 1];
        if (item->series == series && item->start_ms == start_ms && item->end_ms == end_ms)
            break;
    }
    return at;
}

static bool grow_index(struct bb_group_sums *sums) {
    uint32_t size = sums->index_size ? sums->index_size * 2 : FIRST_INDEX;
    uint32_t *index = calloc(size, sizeof *index);

    if (!index)
        return false;
    free(sums->index);
    sums->index = index;
    sums->index_size = size;
    for (uint32_t i = 0; i < sums->count; i++) {
        const struct bb_group_sum *item = &sums->items[i];
        index[place_of(sums, item->series, item->start_ms, item->end_ms)] = i + 1;
    }
    return true;
}

static bool grow_items(struct bb_group_sums *sums) {
    uint32_t capacity = sums->capacity ? sums->capacity * 2 : FIRST_ITEMS;
    struct bb_group_sum *items = realloc(sums->items, capacity * sizeof *items);

    if (!items)
        return false;
    sums->items = items;
    sums->capacity = capacity;
    return true;
}

static int find_sum(struct bb_group_sums *sums, uint32_t series, const struct bb_query_row *row,
                    struct bb_group_sum **out, struct bb_error *error) {
    if ((sums->count + 1) * 2 > sums->index_size && !grow_index(sums))
        return no_memory(error);
    uint32_t at = place_of(sums, series, row->start_ms, row->end_ms);
    if (sums->index[at] == 0) {
        if (sums->count == BB_GROUP_PERIODS_MAX)
            return BB_FAIL(error, BB_E_ANSWER_TOO_LARGE,
                           "more than %d periods: ask for a shorter time, a longer period or one "
                           "channel",
                           BB_GROUP_PERIODS_MAX);
        if (sums->count == sums->capacity && !grow_items(sums))
            return no_memory(error);
        sums->items[sums->count] = (struct bb_group_sum){
            .series = series, .start_ms = row->start_ms, .end_ms = row->end_ms};
        sums->index[at] = ++sums->count;
    }
    *out = &sums->items[sums->index[at] - 1];
    return 0;
}

/* ---- adding -------------------------------------------------------------------------------------- */

/* Of a quality its state is kept, and whether it is suspect: what checks say of single members is theirs. */
static void join_quality(struct bb_quality *into, const struct bb_quality *other, bool is_first) {
    uint16_t suspect = (into->marks | other->marks) & BB_MARK_SUSPECT;
    struct bb_quality a = {.state = into->state}, b = {.state = other->state};

    if (is_first || bb_quality_badness(&b) > bb_quality_badness(&a))
        into->state = other->state;
    into->marks = suspect;
}

static bool is_estimated(const struct bb_query_row *row) {
    return row->quality->state == BB_STATE_ESTIMATED || row->estimated > 0 ||
           (row->quality->marks & BB_MARK_ESTIMATED);
}

static bool join_value(struct bb_group_sum *into, struct bb_number value) {
    bool is_first = into->members == 0;

    if (is_first || bb_number_order(value, into->min) < 0)
        into->min = value;
    if (is_first || bb_number_order(value, into->max) > 0)
        into->max = value;
    into->members++;
    if (is_first) {
        into->sum = value;
        return true;
    }
    return bb_number_add(into->sum, value, &into->sum);
}

static int too_long(struct bb_error *error) {
    return BB_FAIL(error, BB_E_ANSWER_TOO_LARGE, "a sum of the group has more than 38 digits");
}

int bb_group_sums_add(struct bb_group_sums *sums, uint32_t series, const struct bb_query_row *row,
                      struct bb_error *error) {
    struct bb_group_sum *sum = NULL;
    int result = find_sum(sums, series, row, &sum, error);

    if (result)
        return result;
    join_quality(&sum->quality, row->quality, sum->members + sum->missing == 0);
    sum->measured_ms += row->measured_ms;
    if (!row->has_value) {
        sum->missing++;
        return 0;
    }
    sum->estimated += is_estimated(row);
    struct bb_number value = {row->value.mantissa, row->value.exponent};
    return join_value(sum, value) ? 0 : too_long(error);
}

/* ---- one unit ------------------------------------------------------------------------------------ */

/* Series that differ in nothing but units of one dimension. */
static bool are_alike(const struct bb_group_series *a, const struct bb_group_series *b) {
    return a->kind == b->kind && a->commodity == b->commodity &&
           bb_unit_dimension(a->unit) == bb_unit_dimension(b->unit) &&
           bb_span_equal(a->channel, b->channel);
}

/* The unit that all of a series' like can be told in: their own when it is one, else the usual one; that of the
 * series when there is no way from each to it (temperatures). */
static int common_unit(const struct bb_group_sums *sums, const struct bb_group_series *series) {
    int usual = (int)bb_unit_canonical(bb_unit_dimension(series->unit));
    bool differ = false;
    int64_t numerator, denominator;

    for (uint32_t i = 0; i < sums->series_count; i++) {
        if (!are_alike(&sums->series[i], series))
            continue;
        differ |= sums->series[i].unit != series->unit;
        if (!bb_unit_ratio(sums->series[i].unit, usual, &numerator, &denominator))
            return series->unit;
    }
    return differ ? usual : series->unit;
}

static bool convert(struct bb_group_sum *sum, int from, int to) {
    struct bb_number *const numbers[] = {&sum->sum, &sum->min, &sum->max};
    int64_t numerator, denominator;

    if (from == to || sum->members == 0)
        return true;
    if (!bb_unit_ratio(from, to, &numerator, &denominator))
        return false;
    for (int i = 0; i < 3; i++)
        if (!bb_number_scale(*numbers[i], numerator, denominator, CONVERTED_DIGITS, numbers[i]))
            return false;
    return true;
}

/* ---- telling ------------------------------------------------------------------------------------- */

/* What rows are told by: the first series of those that become one. */
struct family {
    uint32_t first;
    uint32_t of;
    int unit;
};

static bool join_sums(struct bb_group_sum *into, const struct bb_group_sum *other) {
    join_quality(&into->quality, &other->quality, into->members + into->missing == 0);
    into->missing += other->missing;
    into->estimated += other->estimated;
    into->measured_ms += other->measured_ms;
    if (other->members == 0)
        return true;
    if (into->members == 0) {
        into->sum = other->sum;
        into->min = other->min;
        into->max = other->max;
        into->members = other->members;
        return true;
    }
    if (bb_number_order(other->min, into->min) < 0)
        into->min = other->min;
    if (bb_number_order(other->max, into->max) > 0)
        into->max = other->max;
    into->members += other->members;
    return bb_number_add(into->sum, other->sum, &into->sum);
}

static int compare_series(const struct bb_group_series *a, const struct bb_group_series *b) {
    int order = bb_span_compare(a->channel, b->channel);

    if (order == 0)
        order = a->commodity - b->commodity;
    if (order == 0)
        order = a->kind - b->kind;
    if (order == 0)
        order = (int)bb_unit_dimension(a->unit) - (int)bb_unit_dimension(b->unit);
    return order ? order : a->unit - b->unit;
}

struct telling {
    const struct bb_group_sums *sums;
    struct family *families; /* by series */
};

static int compare_sums(const void *left, const void *right, void *context) {
    const struct bb_group_sum *a = left, *b = right;
    const struct telling *t = context;
    uint32_t i = t->families[a->series].first, j = t->families[b->series].first;

    if (i != j)
        return compare_series(&t->sums->series[i], &t->sums->series[j]);
    if (a->end_ms != b->end_ms)
        return a->end_ms < b->end_ms ? -1 : 1;
    if (a->start_ms != b->start_ms)
        return a->start_ms < b->start_ms ? -1 : 1;
    return (a->series > b->series) - (a->series < b->series);
}

static void find_families(struct telling *t) {
    const struct bb_group_sums *sums = t->sums;

    for (uint32_t i = 0; i < sums->series_count; i++) {
        struct family *family = &t->families[i];
        *family = (struct family){.first = i, .unit = common_unit(sums, &sums->series[i])};
        for (uint32_t j = 0; j < sums->series_count; j++) {
            if (!are_alike(&sums->series[j], &sums->series[i]) ||
                common_unit(sums, &sums->series[j]) != family->unit)
                continue;
            family->first = j < family->first ? j : family->first;
            family->of += sums->series[j].of;
        }
    }
}

static int tell_row(const struct telling *t, const struct bb_group_sum *sum, enum bb_lane lane,
                    bb_group_visit *visit, void *context, struct bb_error *error) {
    const struct bb_group_series *series = &t->sums->series[sum->series];
    const struct family *family = &t->families[sum->series];
    bb_wide whole_ms = (bb_wide)(sum->end_ms - sum->start_ms) * family->of;
    struct bb_group_row row = {.channel = series->channel,
                               .commodity = series->commodity,
                               .kind = series->kind,
                               .unit = family->unit,
                               .lane = lane,
                               .start_ms = sum->start_ms,
                               .end_ms = sum->end_ms,
                               .sum = sum->sum,
                               .min = sum->min,
                               .max = sum->max,
                               .members = sum->members,
                               .missing = sum->missing,
                               .of = family->of,
                               .estimated = sum->estimated,
                               .measured = -1,
                               .quality = sum->quality};

    if (bb_lane_has_periods((int)lane) && whole_ms > 0)
        row.measured = sum->measured_ms >= whole_ms ? 1000
                                                    : (int)(sum->measured_ms * 1000 / whole_ms);
    if (sum->members > 0 && !bb_number_scale(sum->sum, 1, sum->members, MEAN_DIGITS, &row.mean))
        return too_long(error);
    return visit(context, &row);
}

int bb_group_sums_tell(struct bb_group_sums *sums, enum bb_lane lane, bb_group_visit *visit,
                       void *context, struct bb_error *error) {
    struct telling t = {
        sums, bb_arena_take_array(&sums->arena, sums->series_count + 1, sizeof *t.families)};
    int result = 0;

    if (!t.families)
        return no_memory(error);
    find_families(&t);
    if (sums->count > 0)
        qsort_r(sums->items, sums->count, sizeof *sums->items, compare_sums, &t);
    for (uint32_t i = 0; !result && i < sums->count;) {
        struct bb_group_sum *sum = &sums->items[i];
        bool fits = convert(sum, sums->series[sum->series].unit, t.families[sum->series].unit);
        for (i++; fits && i < sums->count; i++) {
            struct bb_group_sum *next = &sums->items[i];
            if (t.families[next->series].first != t.families[sum->series].first ||
                next->start_ms != sum->start_ms || next->end_ms != sum->end_ms)
                break;
            fits = convert(next, sums->series[next->series].unit, t.families[next->series].unit) &&
                   join_sums(sum, next);
        }
        result = fits ? tell_row(&t, sum, lane, visit, context, error) : too_long(error);
    }
    return result < 0 ? result : 0;
}
