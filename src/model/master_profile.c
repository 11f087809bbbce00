/* What the lists of a profile owe: see master.h. Pure. */
#include "model/master.h"

enum { MONTHS = 12 };

static bool is_slot_count(uint32_t count) {
    return count == 1 || count == 24 || count == 48 || count == 96;
}

static bool is_month(uint8_t month) {
    return month >= 1 && month <= MONTHS;
}

/* The months of a season, a bit each; 0: it is none. */
static uint32_t months_of(struct bb_master_season season) {
    uint32_t months = 0;

    if (!is_month(season.first) || !is_month(season.last))
        return 0;
    for (uint8_t month = season.first; !(months & 1U << month); month = month % MONTHS + 1) {
        months |= 1U << month;
        if (month == season.last)
            break;
    }
    return months;
}

const char *bb_master_profile_fault(const struct bb_master_profile *profile) {
    const uint32_t all = ((1U << MONTHS) - 1) << 1;
    uint32_t seen = 0;

    if (profile->month_count != 0 && profile->month_count != MONTHS)
        return "a profile has 12 numbers in `months`, or none";
    for (uint32_t i = 0; i < profile->shape_count; i++) {
        const struct bb_master_shape *shape = &profile->shapes[i];
        uint32_t months = months_of(shape->season);
        if (months == 0)
            return "a profile's seasons are of months from 1 to 12";
        if (!is_slot_count(shape->working_count) ||
            (shape->saturday_count && !is_slot_count(shape->saturday_count)) ||
            (shape->sunday_count && !is_slot_count(shape->sunday_count)))
            return "a profile's day has 1, 24, 48 or 96 numbers; `working` is needed";
        if (seen & months)
            return "a profile's shapes may not share a month";
        seen |= months;
    }
    return seen == 0 || seen == all ? NULL : "a profile's shapes leave a month out";
}
