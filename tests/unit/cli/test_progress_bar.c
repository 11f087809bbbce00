/* The progress line: what it says, and that it never wraps. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

#include "cli/human.h"
#include "cli/progress_bar.h"

static void expect_line(struct bb_progress progress, double elapsed_s, size_t columns,
                        const char *wanted) {
    char text[BB_PROGRESS_TEXT_MAX];
    size_t size = bb_progress_format(&progress, NULL, elapsed_s, columns, text);

    cr_expect_str_eq(text, wanted);
    cr_expect_eq(size, strlen(text));
}

Test(progress_bar, says_phase_share_rate_time_left_and_refusals) {
    expect_line(
        (struct bb_progress){.phase = BB_PHASE_READ,
                             .subject = "in/march.csv",
                             .done = 52,
                             .total = 100,
                             .readings = 31200000,
                             .rejected = 1234},
        10, 120,
        "reading march.csv  [##########..........]  52 %  3.12 M/s  9.2 s left  1,234 refused");
}

Test(progress_bar, an_unknown_total_has_a_count_instead_of_a_bar) {
    expect_line(
        (struct bb_progress){.phase = BB_PHASE_READ, .subject = "stdin", .readings = 1234567}, 2,
        80, "reading stdin  1,234,567  617 k/s");
    expect_line((struct bb_progress){.phase = BB_PHASE_READ, .done = 3 << 20}, 2, 80,
                "reading  3.00 MiB");
}

Test(progress_bar, says_nothing_it_cannot_know_yet) {
    expect_line(
        (struct bb_progress){.phase = BB_PHASE_DERIVE, .done = 1, .total = 4, .readings = 10}, 0.01,
        80, "deriving  [#####...............]  25 %");
    expect_line((struct bb_progress){.phase = BB_PHASE_PROJECT, .done = 8, .total = 8}, 1, 80,
                "listing  [####################] 100 %");
}

Test(progress_bar, long_names_keep_their_end) {
    expect_line((struct bb_progress){.phase = BB_PHASE_READ,
                                     .subject = "deliveries/a-very-long-name-of-a-file-2026-03.csv",
                                     .done = 0,
                                     .total = 10},
                0, 80, "reading …me-of-a-file-2026-03.csv  [....................]   0 %");
}

Test(progress_bar, never_exceeds_the_terminal) {
    char text[BB_PROGRESS_TEXT_MAX];
    const struct bb_progress progress = {.phase = BB_PHASE_READ,
                                         .subject = "märz-電力-readings-of-all-meters.csv",
                                         .done = UINT64_MAX / 2,
                                         .total = UINT64_MAX,
                                         .readings = UINT64_MAX,
                                         .rejected = UINT64_MAX};

    for (size_t columns = 0; columns < 200; columns++) {
        size_t size = bb_progress_format(&progress, NULL, 1e6, columns, text);
        cr_expect_leq(bb_text_columns(text, size), columns);
    }
}

Test(progress_bar, draws_nothing_without_a_terminal) {
    int ends[2];
    char byte;
    struct bb_progress_bar bar;

    cr_assert_eq(pipe(ends), 0);
    bb_progress_bar_init(&bar, ends[1], true);
    bb_progress_tell(&bar.watch, &(struct bb_progress){.phase = BB_PHASE_READ, .total = 1});
    bb_progress_bar_clear(&bar);
    close(ends[1]);
    cr_expect_eq(read(ends[0], &byte, 1), 0);
    close(ends[0]);
}

Test(human, numbers_as_people_read_them) {
    char text[BB_HUMAN_MAX];

    cr_expect_str_eq(bb_human_count(0, text), "0");
    cr_expect_str_eq(bb_human_count(999, text), "999");
    cr_expect_str_eq(bb_human_count(1000, text), "1,000");
    cr_expect_str_eq(bb_human_count(UINT64_MAX, text), "18,446,744,073,709,551,615");
    cr_expect_str_eq(bb_human_short(0, text), "0");
    cr_expect_str_eq(bb_human_short(999.4, text), "999");
    cr_expect_str_eq(bb_human_short(999.6, text), "1.00 k");
    cr_expect_str_eq(bb_human_short(99960, text), "100 k");
    cr_expect_str_eq(bb_human_short(3120000, text), "3.12 M");
    cr_expect_str_eq(bb_human_bytes(1023, text), "1023 B");
    cr_expect_str_eq(bb_human_bytes(1536, text), "1.50 KiB");
    cr_expect_str_eq(bb_human_bytes(15ULL << 40, text), "15.0 TiB");
    cr_expect_str_eq(bb_human_seconds(0.84, text), "0.8 s");
    cr_expect_str_eq(bb_human_seconds(59.9, text), "59 s");
    cr_expect_str_eq(bb_human_seconds(185, text), "3 min 05 s");
    cr_expect_str_eq(bb_human_seconds(7800, text), "2 h 10 min");
}
