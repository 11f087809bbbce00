/* The POSIX TZ string in the footer of a TZif file: the rule for all times behind its table.
 *
 * "CET-1CEST,M3.5.0,M10.5.0/3", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
 * "IST-1GMT0,M10.5.0,M3.5.0/1".
 * What POSIX calls daylight time may be the lesser offset (Ireland); nothing here minds.
 */
#ifndef BB_MODEL_ZONE_RULE_INTERNAL_H
#define BB_MODEL_ZONE_RULE_INTERNAL_H

#include "base/span.h"

enum bb_zone_day_form {
    BB_ZONE_DAY_JULIAN,  /* Jn: 1..365, 29 February is never counted */
    BB_ZONE_DAY_ZERO,    /* n: 0..365, 29 February is counted */
    BB_ZONE_DAY_OF_MONTH /* Mm.w.d: weekday d (Sunday 0) of week w (5: the last) of month m */
};

struct bb_zone_change {
    enum bb_zone_day_form form;
    int32_t month, week, day;
    int32_t time_s; /* wall clock of before the change; -167 to 167 hours */
};

struct bb_zone_rule {
    int32_t standard_s, daylight_s; /* east of UTC */
    bool has_daylight;
    struct bb_zone_change to_daylight, to_standard;
};

/* False when `text` is no POSIX TZ string. */
bool bb_zone_rule_parse(struct bb_span text, struct bb_zone_rule *out);

/* The moments (seconds UTC) of the two changes of a year. */
void bb_zone_rule_year(const struct bb_zone_rule *rule, int year, int64_t *to_daylight_s,
                       int64_t *to_standard_s);

#endif
