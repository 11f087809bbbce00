/* What people may call a channel. */
#include <criterion/criterion.h>

#include "model/channel_name.h"

static const struct bb_master_channel day_rate = {.name = BB_SPAN("Register 1"),
                                                  .alias = BB_SPAN("day rate")};
static const struct bb_master_channel plain = {.name = BB_SPAN("E1")};

Test(channel_name, by_name_alias_or_code) {
    static const struct {
        struct bb_channel_name channel;
        const char *text;
        bool is;
    } cases[] = {
        {{BB_SPAN("E1"), BB_SPAN(""), NULL}, "E1", true},
        {{BB_SPAN("E1"), BB_SPAN(""), NULL}, "E", false},
        {{BB_SPAN("E1"), BB_SPAN(""), NULL}, "e1", false},
        {{BB_SPAN("Register 1"), BB_SPAN(""), &day_rate}, "day rate", true},
        {{BB_SPAN("Register 1"), BB_SPAN(""), &day_rate}, "night rate", false},
        {{BB_SPAN("day rate"), BB_SPAN(""), &day_rate}, "Register 1", true}, /* sent by its alias */
        {{BB_SPAN("E1"), BB_SPAN("1-0:1.8.0"), NULL}, "1-0:1.8.0", true},
        {{BB_SPAN("E1"), BB_SPAN("1-0:1.8.0"), NULL}, "1.8.0", true},
        {{BB_SPAN("E1"), BB_SPAN("1-0:1.8.0"), NULL}, "1-0:1.8.0*255", true},
        {{BB_SPAN("E1"), BB_SPAN("1-0:1.8.0"), NULL}, "1-1:1.8.0", false},
        {{BB_SPAN("E1"), BB_SPAN("1-0:1.8.0"), NULL}, "2.8.0", false},
        {{BB_SPAN("1-0:1.8.0*255"), BB_SPAN(""), NULL}, "1.8.0", true}, /* its name is a code */
        {{BB_SPAN("1-0:2.8.0"), BB_SPAN("1-0:1.8.0"), NULL}, "1.8.0", true}, /* its code counts */
        {{BB_SPAN("1-0:2.8.0"), BB_SPAN("1-0:1.8.0"), NULL}, "1-0:2.8.0", true}, /* as a name */
        {{BB_SPAN("1-0:2.8.0"), BB_SPAN("1-0:1.8.0"), NULL}, "2.8.0", false},
        {{BB_SPAN("E1"), BB_SPAN(""), &plain}, "", false}, /* no alias is not the empty one */
        {{BB_SPAN("E1"), BB_SPAN(""), &plain}, "1.8.0", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(bb_channel_is_called(&cases[i].channel, bb_span_of(cases[i].text)),
                     cases[i].is, "%zu: %s", i, cases[i].text);
}

Test(channel_name, what_master_data_says_of_it) {
    struct bb_master_channel channels[] = {plain, day_rate};
    const struct bb_master_usage_point up = {.channels = channels, .channel_count = 2};

    cr_expect_eq(bb_channel_master_of(&up, BB_SPAN("E1")), &channels[0]);
    cr_expect_eq(bb_channel_master_of(&up, BB_SPAN("Register 1")), &channels[1]);
    cr_expect_eq(bb_channel_master_of(&up, BB_SPAN("day rate")), &channels[1]);
    cr_expect_null(bb_channel_master_of(&up, BB_SPAN("E2")));
    cr_expect_null(bb_channel_master_of(&up, BB_SPAN("")));
    cr_expect_null(bb_channel_master_of(NULL, BB_SPAN("E1")));
}
