/* Error budgets: a rate of 1 uses a budget up at the end of its period. */
#include <criterion/criterion.h>

#include "http/burn_internal.h"
#include "http/measure_internal.h"
#include "http/routes_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

Test(burn, errors_against_what_is_allowed) {
    struct bb_burn_count none = {0, 0}, some = {10, 1000}, more = {25, 2500};

    cr_expect(fabs(bb_burn_rate(0.999, none, some) - 10) < 1e-9);
    cr_expect(fabs(bb_burn_rate(0.99, none, some) - 1) < 1e-9);
    cr_expect(fabs(bb_burn_rate(0.99, some, more) - 1) < 1e-9, "what was before does not count");
    cr_expect_eq(bb_burn_rate(0.999, some, some), 0, "nothing happened");
}

static struct bb_burn burn;

static double told(int64_t now_ms, const char *window) {
    char wanted[16], *at;
    struct bb_buffer out;
    struct bb_json json;

    bb_buffer_init(&out, 1 << 16);
    bb_json_init(&json, &out);
    bb_json_object_begin(&json);
    bb_burn_put(&burn, now_ms, &json);
    bb_json_object_end(&json);
    bb_buffer_append_byte(&out, '\0');
    at = strstr(out.data, "\"name\":\"posts\"");
    cr_assert(at, "%s", out.data);
    snprintf(wanted, sizeof wanted, "\"%s\":", window);
    double value = strtod(strstr(at, wanted) + strlen(wanted), NULL);
    bb_buffer_release(&out);
    return value;
}

Test(burn, a_window_forgets) {
    const struct bb_http_route *posts = &bb_http_route_readings_post;
    const int64_t hour_ms = 3600000;

    bb_burn_init(&burn);
    bb_burn_look(&burn, 1000);
    for (int i = 0; i < 998; i++)
        bb_http_measure(posts, 200, 1000);
    bb_http_measure(posts, 503, 1000);
    bb_http_measure(posts, 429, 1000); /* the sender's to wait: no error */
    bb_http_measure(&bb_http_route_values, 500, 1000);
    cr_expect(fabs(told(2000, "1h") - 1) < 1e-9);
    cr_expect(fabs(told(2000, "6h") - 1) < 1e-9);
    for (int64_t at_ms = 1000; at_ms < 8 * hour_ms; at_ms += 20000)
        bb_burn_look(&burn, at_ms); /* more often than it notes */
    cr_expect_eq(told(8 * hour_ms, "1h"), 0);
    cr_expect_eq(told(8 * hour_ms, "6h"), 0);
    for (int i = 0; i < 100; i++)
        bb_http_measure(posts, 500, 1000);
    cr_expect(fabs(told(8 * hour_ms + 1000, "1h") - 1000) < 1e-6, "all of them are errors");
    bb_burn_release(&burn);
}

Test(burn, notes_reach_over_the_window_and_no_farther) {
    bb_burn_init(&burn);
    bb_burn_look(&burn, 0);
    bb_http_measure(&bb_http_route_readings_post, 500, 1000);
    for (int64_t at_ms = 60000; at_ms <= 5 * 3600000; at_ms += 60000)
        bb_burn_look(&burn, at_ms);
    cr_expect_eq(told(5 * 3600000, "1h"), 0);
    cr_expect_gt(told(5 * 3600000, "6h"), 1, "the beginning is within six hours");
    for (int64_t at_ms = 5 * 3600000 + 60000; at_ms <= 7 * 3600000; at_ms += 60000)
        bb_burn_look(&burn, at_ms);
    cr_expect_eq(told(7 * 3600000, "6h"), 0);
    bb_burn_release(&burn);
}
