/* "Did you mean ...?" */
#include <criterion/criterion.h>

#include "base/nearest.h"

static const char *nearest_of(const char *typed, const char *const *names, size_t count) {
    struct bb_nearest nearest;

    bb_nearest_init(&nearest, bb_span_of(typed));
    for (size_t i = 0; i < count; i++)
        bb_nearest_offer(&nearest, names[i]);
    return nearest.name;
}

Test(nearest, distance_counts_single_letters) {
    cr_expect_eq(bb_nearest_distance(BB_SPAN("ingest"), BB_SPAN("ingest")), 0);
    cr_expect_eq(bb_nearest_distance(BB_SPAN("INGEST"), BB_SPAN("ingest")), 0);
    cr_expect_eq(bb_nearest_distance(BB_SPAN("ingst"), BB_SPAN("ingest")), 1);   /* one missing */
    cr_expect_eq(bb_nearest_distance(BB_SPAN("ingeest"), BB_SPAN("ingest")), 1); /* one too many */
    cr_expect_eq(bb_nearest_distance(BB_SPAN("ingezt"), BB_SPAN("ingest")), 1);  /* another one */
    cr_expect_eq(bb_nearest_distance(BB_SPAN("inegst"), BB_SPAN("ingest")), 1);  /* swapped */
    cr_expect_eq(bb_nearest_distance(BB_SPAN(""), BB_SPAN("ingest")), 6);
    cr_expect_eq(bb_nearest_distance(BB_SPAN("kitten"), BB_SPAN("sitting")), 3);
}

Test(nearest, suggests_the_nearest_and_nothing_far) {
    static const char *const verbs[] = {"ingest", "query", "list", "explain"};

    cr_expect_str_eq(nearest_of("ingset", verbs, 4), "ingest");
    cr_expect_str_eq(nearest_of("qery", verbs, 4), "query");
    cr_expect_str_eq(nearest_of("lits", verbs, 4), "list");
    cr_expect_null(nearest_of("deploy", verbs, 4));
    cr_expect_null(nearest_of("x", verbs, 4));
}

Test(nearest, the_first_of_equals_wins) {
    static const char *const names[] = {"day", "dax"};

    cr_expect_str_eq(nearest_of("dav", names, 2), "day");
}

Test(nearest, long_names_are_passed_over) {
    char name[BB_NEAREST_NAME_MAX + 2];

    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    cr_expect_eq(bb_nearest_distance(bb_span_of(name), bb_span_of(name)), SIZE_MAX);
    cr_expect_null(nearest_of(name, (const char *const[]){name}, 1));
}
