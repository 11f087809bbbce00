/* Merge: who wins, what is one version, and that neither order, repetition nor cutting matters. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/random.h"
#include "derive/merge.h"
#include "model/unit.h"
#include "support/seeds.h"

enum { DAY = 20200, TOLD_MAX = 64, ARENA_LIMIT = 256 << 20 };

static const int64_t noon = DAY * (int64_t)BB_DAY_MS + 12 * (int64_t)BB_HOUR_MS;

struct day { /* a stored day, merged into again and again */
    struct bb_arena arena;
    struct bb_attribute_set attributes;
    struct bb_block raw, history;
    bool stored;
    struct bb_merge last;
    int needed_history; /* how often a merge asked for it */
    struct bb_error error;
};

static void day_init(struct day *d) {
    memset(d, 0, sizeof *d);
    bb_arena_init(&d->arena, 1 << 20, ARENA_LIMIT);
    d->raw.lane = BB_LANE_RAW;
    d->history.lane = BB_LANE_HISTORY;
}

static void day_release(struct day *d) {
    bb_attribute_set_release(&d->attributes);
    bb_arena_release(&d->arena);
}

/* What a case says of a reading: the rest is the same for all. */
struct says {
    int64_t mantissa;
    int exponent;
    int64_t received_ms;
    int64_t issued_ms; /* 0: the sender gave none */
    int64_t line;
    uint8_t state;
    uint16_t marks;
    uint8_t unit;   /* 0: kWh */
    int64_t end_ms; /* 0: noon */
};

/* Value, exponent, received, issued, line; then what else is set. */
#define SAYS(m, e, received, issued, line_, ...)                                                   \
    {                                                                                              \
        .mantissa = (m), .exponent = (e), .received_ms = (received), .issued_ms = (issued),        \
        .line = (line_), __VA_ARGS__                                                               \
    }

static struct bb_told told_of(struct day *d, const struct says *s) {
    struct bb_attribute a = {.quality = {.state = s->state, .marks = s->marks},
                             .length_s = 900,
                             .unit = s->unit ? s->unit : BB_UNIT_KWH,
                             .exponent = (int8_t)s->exponent};
    return (struct bb_told){.end_ms = s->end_ms ? s->end_ms : noon,
                            .mantissa = s->mantissa,
                            .received_ms = s->received_ms,
                            .issued_ms = s->issued_ms ? s->issued_ms : s->received_ms,
                            .line = s->line,
                            .attribute = bb_attribute_set_index(&d->attributes, &a)};
}

static int by_end(const void *a, const void *b) {
    const struct bb_told *x = a, *y = b;
    return (x->end_ms > y->end_ms) - (x->end_ms < y->end_ms);
}

/* Merge some readings as the plan does: without the history first. */
static void merge(struct day *d, const struct says *says, size_t count) {
    struct bb_told told[TOLD_MAX];

    for (size_t i = 0; i < count; i++)
        told[i] = told_of(d, &says[i]);
    qsort(told, count, sizeof told[0], by_end);
    int outcome = bb_merge_run(d->stored ? &d->raw : NULL, NULL, told, count, d->attributes.items,
                               &d->arena, &d->last, &d->error);
    if (outcome == BB_MERGE_NEED_HISTORY) {
        d->needed_history++;
        outcome = bb_merge_run(d->stored ? &d->raw : NULL, &d->history, told, count,
                               d->attributes.items, &d->arena, &d->last, &d->error);
    } else {
        cr_assert_not(d->last.history_written, "history is written that was not looked at");
    }
    cr_assert_eq(outcome, BB_MERGE_DONE);
    if (d->last.raw_written)
        d->raw = d->last.raw;
    if (d->last.history_written)
        d->history = d->last.history;
    d->stored = true;
}

static size_t versions_at(const struct day *d, int64_t end_ms) {
    size_t count = 0;
    for (uint32_t i = 0; i < d->raw.count; i++)
        count += d->raw.end_ms[i] == end_ms;
    cr_assert_leq(count, 1, "raw has one value for a time");
    for (uint32_t i = 0; i < d->history.count; i++)
        count += d->history.end_ms[i] == end_ms;
    return count;
}

/* ---- the winner */

struct winner_case {
    const char *what;
    struct says told[4];
    size_t count;
    int64_t wins; /* its mantissa */
    int64_t rivals;
    size_t versions;
};

#define FINAL    BB_MARK_FINAL
#define EDIT     .state = BB_STATE_EDITED
#define ACCEPT   .marks = BB_MARK_ACCEPTED
#define NONE     .state = BB_STATE_MISSING, .marks = BB_MARK_ACCEPTED
#define WITHDRAW .state = BB_STATE_MISSING, .marks = BB_MARK_WITHDRAWN

/* What it shows, the winner's mantissa, its rivals, all versions, and what was told. */
#define CASE(what_, wins_, rivals_, versions_, ...)                                                \
    {                                                                                              \
        .what = (what_), .told = {__VA_ARGS__},                                                    \
        .count = sizeof((const struct says[]){__VA_ARGS__}) / sizeof(struct says),                 \
        .wins = (wins_), .rivals = (rivals_), .versions = (versions_)                              \
    }

/* clang-format off */
static const struct winner_case winner_cases[] = {
    CASE("the later arrival", 2, 1, 2,
         SAYS(1, 0, 10, 0, 1), SAYS(2, 0, 20, 0, 1)),
    CASE("the later line of one delivery", 2, 1, 2,
         SAYS(1, 0, 10, 0, 7), SAYS(2, 0, 10, 0, 8)),
    CASE("the sender's newer version, though it came first", 1, 0, 2,
         SAYS(1, 0, 10, 900, 1), SAYS(2, 0, 20, 800, 1)),
    CASE("a version time against none: that of arrival counts", 1, 1, 2,
         SAYS(1, 0, 1000, 0, 1), SAYS(2, 0, 2000, 500, 1)),
    CASE("equal version times: the later arrival", 2, 1, 2,
         SAYS(1, 0, 10, 5, 1), SAYS(2, 0, 20, 5, 1)),
    CASE("measured over estimated, though older", 1, 0, 2,
         SAYS(1, 0, 10, 0, 1), SAYS(2, 0, 20, 0, 1, .state = BB_STATE_ESTIMATED)),
    CASE("measured over missing", 1, 0, 2,
         SAYS(1, 0, 10, 0, 1), SAYS(0, 0, 20, 0, 1, .state = BB_STATE_MISSING)),
    CASE("estimated and missing are of one rank", 0, 1, 2,
         SAYS(1, 0, 10, 0, 1, .state = BB_STATE_ESTIMATED),
         SAYS(0, 0, 20, 0, 1, .state = BB_STATE_MISSING)),
    CASE("substituted is as good as measured", 2, 1, 2,
         SAYS(1, 0, 10, 0, 1), SAYS(2, 0, 20, 0, 1, .state = BB_STATE_SUBSTITUTED)),
    CASE("final over measured, though the sender says it is older", 1, 0, 2,
         SAYS(1, 0, 10, 5, 1, .marks = FINAL), SAYS(2, 0, 20, 900, 1)),
    CASE("final, whatever its state", 1, 0, 2,
         SAYS(1, 0, 10, 0, 1, .state = BB_STATE_ESTIMATED, .marks = FINAL), SAYS(2, 0, 20, 0, 1)),
    CASE("edited over final", 1, 0, 2,
         SAYS(1, 0, 10, 5, 1, .state = BB_STATE_EDITED), SAYS(2, 0, 20, 900, 1, .marks = FINAL)),
    CASE("A, B, A: A, told again later", 1, 1, 2,
         SAYS(1, 0, 10, 0, 1), SAYS(2, 0, 20, 0, 1), SAYS(1, 0, 30, 0, 1)),
    CASE("A, B, A, B", 2, 1, 2,
         SAYS(1, 0, 10, 0, 1), SAYS(2, 0, 20, 0, 1), SAYS(1, 0, 30, 0, 1), SAYS(2, 0, 40, 0, 1)),
    CASE("A, B, then A again with an older version time", 2, 0, 2,
         SAYS(1, 0, 10, 100, 1), SAYS(2, 0, 20, 200, 1), SAYS(1, 0, 30, 150, 1)),
    CASE("equal values join", 5, 0, 1,
         SAYS(5, 0, 10, 0, 1), SAYS(5, 0, 20, 0, 1)),
    CASE("1.50 is 1.5, and the text with more digits stays", 150, 0, 1,
         SAYS(15, -1, 20, 0, 1), SAYS(150, -2, 10, 0, 1)),
    CASE("a difference in quality alone is a change", 5, 0, 2,
         SAYS(5, 0, 10, 0, 1, .state = BB_STATE_ESTIMATED), SAYS(5, 0, 20, 0, 1)),
    CASE("1 kWh is not 1 Wh", 1, 1, 2,
         SAYS(1, 0, 10, 0, 1), SAYS(1, 0, 20, 0, 1, .unit = BB_UNIT_WH)),
    CASE("three values, none said to be newer", 3, 2, 3,
         SAYS(1, 0, 10, 0, 1), SAYS(2, 0, 20, 0, 1), SAYS(3, 0, 30, 0, 1)),
    CASE("a value that a person accepted over a newer one", 1, 0, 3,
         SAYS(1, 0, 10, 0, 1), SAYS(1, 0, 20, 0, 1, ACCEPT), SAYS(2, 0, 30, 900, 1)),
    CASE("the later of two edits, which are no rivals", 2, 0, 2,
         SAYS(1, 0, 10, 0, 1, EDIT), SAYS(2, 0, 20, 0, 1, EDIT)),
    CASE("a withdrawn edit: what was told before, with its rival", 2, 1, 4,
         SAYS(1, 0, 10, 0, 1), SAYS(2, 0, 20, 0, 1), SAYS(7, 0, 30, 0, 1, EDIT),
         SAYS(0, 0, 40, 0, 1, WITHDRAW)),
    CASE("a withdrawal takes back all edits before it", 1, 0, 4,
         SAYS(1, 0, 10, 0, 1), SAYS(7, 0, 20, 0, 1, EDIT), SAYS(1, 0, 30, 0, 1, ACCEPT),
         SAYS(0, 0, 40, 0, 1, WITHDRAW)),
    CASE("what came while an edit stood, newer, stands after it", 3, 0, 4,
         SAYS(1, 0, 10, 100, 1), SAYS(7, 0, 20, 0, 1, EDIT), SAYS(3, 0, 30, 200, 1),
         SAYS(0, 0, 40, 0, 1, WITHDRAW)),
    CASE("what comes after a withdrawal competes as ever", 5, 1, 4,
         SAYS(1, 0, 10, 0, 1), SAYS(7, 0, 20, 0, 1, EDIT), SAYS(0, 0, 30, 0, 1, WITHDRAW),
         SAYS(5, 0, 50, 0, 1)),
    CASE("an edit after a withdrawal", 8, 0, 4,
         SAYS(1, 0, 10, 0, 1), SAYS(7, 0, 20, 0, 1, EDIT), SAYS(0, 0, 30, 0, 1, WITHDRAW),
         SAYS(8, 0, 40, 0, 1, EDIT)),
    CASE("edited, withdrawn, edited alike", 7, 0, 3,
         SAYS(1, 0, 10, 0, 1), SAYS(7, 0, 20, 0, 1, EDIT), SAYS(0, 0, 30, 0, 1, WITHDRAW),
         SAYS(7, 0, 40, 0, 1, EDIT)),
    CASE("withdrawn twice", 1, 0, 3,
         SAYS(1, 0, 10, 0, 1), SAYS(7, 0, 20, 0, 1, EDIT), SAYS(0, 0, 30, 0, 1, WITHDRAW),
         SAYS(0, 0, 40, 0, 1, WITHDRAW)),
    CASE("nothing but edits, withdrawn: there is no value", 0, 0, 2,
         SAYS(7, 0, 20, 0, 1, EDIT), SAYS(0, 0, 30, 0, 1, WITHDRAW)),
    CASE("there is none, says a person: the value is set aside, told again or not", 0, 0, 2,
         SAYS(9, 0, 10, 0, 1), SAYS(0, 0, 20, 0, 1, NONE), SAYS(9, 0, 30, 0, 1)),
    CASE("there is none, until a value comes that nobody had told", 5, 1, 3,
         SAYS(9, 0, 10, 300, 1), SAYS(0, 0, 20, 0, 1, NONE), SAYS(5, 0, 30, 100, 1)),
    CASE("there is none, and a row that says so, too", 0, 0, 2,
         SAYS(0, 0, 20, 0, 1, NONE), SAYS(0, 0, 30, 0, 1, .state = BB_STATE_MISSING)),
    CASE("there is none, withdrawn", 9, 0, 3,
         SAYS(9, 0, 10, 0, 1), SAYS(0, 0, 20, 0, 1, NONE), SAYS(0, 0, 30, 0, 1, WITHDRAW)),
    CASE("two values in one line: not by chance", 7, 1, 2,
         SAYS(7, 0, 10, 0, 1), SAYS(3, 0, 10, 0, 1)),
};
/* clang-format on */

/* Every order and every way of cutting it into batches. */
static void for_every_order(const struct says *told, size_t count,
                            void (*check)(const struct day *d, const void *context,
                                          const char *order),
                            const void *context) {
    size_t orders = 1;

    for (size_t i = 2; i <= count; i++)
        orders *= i;
    for (size_t n = 0; n < orders; n++) {
        struct says order[TOLD_MAX];
        char text[64] = "";
        size_t rest = n;
        memcpy(order, told, count * sizeof *told);
        for (size_t i = 0; i < count; i++) { /* the n-th permutation */
            size_t k = i + rest % (count - i);
            rest /= count - i;
            struct says kept = order[i];
            order[i] = order[k];
            order[k] = kept;
        }
        for (unsigned cuts = 0; cuts < 1u << (count - 1); cuts++) {
            struct day d;
            size_t first = 0;
            day_init(&d);
            for (size_t i = 0; i < count; i++) {
                if (i + 1 < count && !(cuts >> i & 1))
                    continue;
                merge(&d, order + first, i + 1 - first);
                first = i + 1;
            }
            merge(&d, order, count); /* and all of it again */
            snprintf(text, sizeof text, "order %zu cuts %x", n, cuts);
            check(&d, context, text);
            day_release(&d);
        }
    }
}

static void expect_winner(const struct day *d, const void *context, const char *order) {
    const struct winner_case *c = context;

    cr_assert_eq(d->raw.count, 1);
    cr_assert_eq(d->raw.mantissa[0], c->wins, "%s, %s: %" PRId64 " wins, not %" PRId64, c->what,
                 order, d->raw.mantissa[0], c->wins);
    cr_assert_eq(d->raw.rivals[0], c->rivals, "%s, %s: %" PRId64 " rivals, not %" PRId64, c->what,
                 order, d->raw.rivals[0], c->rivals);
    cr_assert_eq(versions_at(d, noon), c->versions, "%s, %s: %zu versions", c->what, order,
                 versions_at(d, noon));
}

Test(merge, the_winner_is_the_same_in_every_order) {
    for (size_t i = 0; i < sizeof winner_cases / sizeof winner_cases[0]; i++)
        for_every_order(winner_cases[i].told, winner_cases[i].count, expect_winner,
                        &winner_cases[i]);
}

/* ---- what a version keeps */

static void expect_keys(const struct day *d, const void *context, const char *order) {
    (void)context;
    cr_assert_eq(d->raw.recorded_ms[0], 10, "%s: recorded %" PRId64, order, d->raw.recorded_ms[0]);
    cr_assert_eq(d->raw.received_ms[0], 30, "%s: received %" PRId64, order, d->raw.received_ms[0]);
    cr_assert_eq(d->raw.issued_ms[0], 700, "%s: issued %" PRId64, order, d->raw.issued_ms[0]);
    cr_assert_eq(d->raw.origin[0], 4, "%s: line %" PRId64, order, d->raw.origin[0]);
}

Test(merge, a_version_keeps_its_first_arrival_and_its_greatest_claim) {
    static const struct says told[] = {SAYS(5, 0, 10, 700, 2), SAYS(5, 0, 20, 600, 9),
                                       SAYS(50, -1, 30, 700, 4), SAYS(5, 0, 30, 700, 3)};

    for_every_order(told, 4, expect_keys, NULL);
}

/* ---- what is written, what is asked for */

Test(merge, what_is_told_again_writes_nothing) {
    static const struct says a = SAYS(5, 0, 10, 0, 1);
    struct day d;

    day_init(&d);
    merge(&d, &a, 1);
    cr_assert(d.last.raw_written && d.last.content_changed);
    cr_assert_eq(d.last.counts.added, 1);
    merge(&d, &a, 1);
    cr_assert(!d.last.raw_written && !d.last.history_written && !d.last.content_changed);
    cr_assert_eq(d.last.counts.duplicate, 1);
    cr_assert_eq(d.last.counts.added + d.last.counts.changed, 0);
    struct says later = a;
    later.received_ms = 20; /* an equal value from another file: its claim grows, nothing else */
    merge(&d, &later, 1);
    cr_assert(d.last.raw_written && !d.last.content_changed);
    cr_assert_eq(d.last.counts.duplicate, 1);
    struct says early = a;
    early.received_ms = 5; /* first told earlier than thought: the check "time" looks at that */
    merge(&d, &early, 1);
    cr_assert(d.last.raw_written && d.last.content_changed);
    cr_assert_eq(d.raw.recorded_ms[0], 5);
    struct says issued = a;
    issued.issued_ms =
        30; /* the sender says when it left: the checks "time" and "late" look at it */
    issued.received_ms = 40;
    merge(&d, &issued, 1);
    cr_assert(d.last.raw_written && d.last.content_changed);
    merge(&d, &issued, 1);
    cr_assert(!d.last.raw_written && !d.last.content_changed);
    day_release(&d);
}

Test(merge, history_is_asked_for_only_when_versions_compete) {
    struct day d;
    struct says a = SAYS(5, 0, 10, 0, 1);

    day_init(&d);
    merge(&d, &a, 1);
    a.end_ms = noon + 900000;
    merge(&d, &a, 1);
    merge(&d, &a, 1);
    cr_assert_eq(d.needed_history, 0, "new and equal readings need no history");
    struct says twice[] = {SAYS(6, 0, 20, 0, 1, .end_ms = noon + 1800000),
                           SAYS(6, 0, 20, 0, 2, .end_ms = noon + 1800000)};
    merge(&d, twice, 2);
    cr_assert_eq(d.needed_history, 0, "nor does a new one that is told twice");
    a.mantissa = 6;
    merge(&d, &a, 1);
    cr_assert_eq(d.needed_history, 1);
    cr_assert_eq(d.last.counts.changed, 1);
    day_release(&d);
}

/* A time that is new but contradicts itself, on a day that has a history already. */
Test(merge, two_values_for_a_new_time_keep_the_history_of_other_times) {
    struct day d;
    const int64_t other = noon + 900000;
    struct says first[] = {SAYS(1, 0, 10, 0, 1), SAYS(2, 0, 20, 0, 1)};
    struct says second[] = {SAYS(3, 0, 30, 0, 1, .end_ms = other),
                            SAYS(4, 0, 30, 0, 2, .end_ms = other)};

    day_init(&d);
    merge(&d, first, 2);
    cr_assert_eq(versions_at(&d, noon), 2);
    merge(&d, second, 2);
    cr_assert_eq(versions_at(&d, noon), 2, "the first time lost a version");
    cr_assert_eq(versions_at(&d, other), 2, "the second time lost a version");
    cr_assert_eq(d.raw.rivals[0], 1);
    cr_assert_eq(d.raw.rivals[1], 1);
    day_release(&d);
}

/* The rivals of a time stay known while another time, or the same value again, is merged. */
Test(merge, rivals_stay_when_nothing_new_is_said) {
    struct day d;
    struct says told[] = {SAYS(1, 0, 10, 0, 1), SAYS(2, 0, 20, 0, 1)};
    struct says again[] = {SAYS(2, 0, 20, 0, 1), SAYS(9, 0, 30, 0, 1, .end_ms = noon + 900000)};

    day_init(&d);
    merge(&d, told, 2);
    merge(&d, again, 2);
    cr_assert_eq(d.raw.count, 2);
    cr_assert_eq(d.raw.rivals[0], 1);
    cr_assert_eq(versions_at(&d, noon), 2);
    day_release(&d);
}

Test(merge, the_changed_stretch_holds_old_and_new_winners) {
    struct day d;
    struct says told[] = {SAYS(1, 0, 10, 0, 1), SAYS(2, 0, 20, 0, 1, .end_ms = noon + 3600000)};

    day_init(&d);
    merge(&d, told, 2);
    cr_assert_eq(d.last.changed_from, noon - 900000);
    cr_assert_eq(d.last.changed_to, noon + 3600000);
    struct bb_told longer = told_of(&d, &(struct says)SAYS(1, 0, 30, 0, 1));
    struct bb_attribute a = d.attributes.items[longer.attribute];
    a.length_s = 7200;
    longer.attribute = bb_attribute_set_index(&d.attributes, &a);
    cr_assert_eq(bb_merge_run(&d.raw, &d.history, &longer, 1, d.attributes.items, &d.arena, &d.last,
                              &d.error),
                 0);
    cr_assert_eq(d.last.changed_from, noon - 7200000);
    cr_assert_eq(d.last.changed_to, noon);
    d.raw = d.last.raw;
    d.history = d.last.history;
    struct says shorter = SAYS(1, 0, 40, 0, 1); /* the old winner reached further back */
    merge(&d, &shorter, 1);
    cr_assert_eq(d.last.changed_from, noon - 7200000);
    day_release(&d);
}

Test(merge, without_memory_it_says_so) {
    struct bb_told told[100];
    struct bb_attribute a = {.unit = BB_UNIT_KWH};
    struct bb_arena small;
    struct bb_merge out;
    struct bb_error error;

    for (int i = 0; i < 100; i++)
        told[i] = (struct bb_told){.end_ms = noon + i, .mantissa = i};
    bb_arena_init(&small, 1024, 2048);
    cr_assert_eq(bb_merge_run(NULL, NULL, told, 100, &a, &small, &out, &error), -BB_E_NO_MEMORY);
    bb_arena_release(&small);
}

/* ---- as of a past moment */

/* Values told at most twice, without version times, no two at the same moment; received in [1, 20].
 * Of a version only the first arrival and the greatest claim are kept, so that this is how far the
 * past can be known exactly. */
static size_t some_tellings(struct bb_random *r, struct says *told) {
    size_t count = 0;

    for (int64_t time = 0; time < 3; time++) {
        uint64_t values = bb_random_below(r, 4);
        for (uint64_t v = 0; v < values; v++) {
            struct says s = {.mantissa = (int64_t)v + 1,
                             .line = 1 + (int64_t)v,
                             .state = bb_random_below(r, 4) == 0 ? BB_STATE_ESTIMATED : 0,
                             .marks = bb_random_below(r, 6) == 0 ? BB_MARK_ACCEPTED : 0,
                             .end_ms = noon + time * 900000};
            /* One of each at most: alike, several would be one version, told more than twice. */
            if (v == 0 && bb_random_below(r, 4) == 0)
                s = (struct says){.line = s.line, .end_ms = s.end_ms, WITHDRAW};
            if (v == 1 && bb_random_below(r, 4) == 0)
                s = (struct says){.line = s.line, .end_ms = s.end_ms, NONE};
            for (uint64_t n = 1 + bb_random_below(r, 2); n-- > 0;) {
                s.received_ms = 1 + (int64_t)(bb_random_below(r, 6) * 3 + v);
                told[count++] = s;
            }
        }
    }
    return count;
}

Test(merge, an_edit_and_its_withdrawal_each_stand_in_their_time) {
    static const struct says told[] = {SAYS(1, 0, 10, 0, 1), SAYS(7, 0, 20, 0, 1, EDIT),
                                       SAYS(3, 0, 30, 0, 1), SAYS(0, 0, 40, 0, 1, WITHDRAW)};
    static const struct {
        int64_t as_of_ms, stands;
    } moments[] = {{10, 1}, {19, 1}, {20, 7}, {30, 7}, {39, 7}, {40, 3}, {99, 3}};
    struct bb_block block;
    struct day d;

    day_init(&d);
    merge(&d, told, 4);
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        cr_assert_eq(
            bb_merge_as_of(&d.raw, &d.history, moments[i].as_of_ms, &d.arena, &block, &d.error), 0);
        cr_assert_eq(block.count, 1);
        cr_assert_eq(block.mantissa[0], moments[i].stands, "as of %" PRId64 ": %" PRId64,
                     moments[i].as_of_ms, block.mantissa[0]);
    }
    day_release(&d);
}

Test(merge, as_of_is_what_a_merge_of_that_time_would_say) {
    struct seeds seeds = seeds_of_run(200, 5000);

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct says told[TOLD_MAX], then[TOLD_MAX];
        struct bb_random r;
        struct day all;
        bb_random_seed(&r, seed);
        size_t count = some_tellings(&r, told);
        day_init(&all);
        merge(&all, told, count);
        for (int64_t moment = 0; moment <= 21; moment++) {
            struct day past;
            struct bb_block block;
            size_t known = 0;
            for (size_t i = 0; i < count; i++)
                if (told[i].received_ms <= moment)
                    then[known++] = told[i];
            day_init(&past);
            merge(&past, then, known);
            cr_assert_eq(
                bb_merge_as_of(&all.raw, &all.history, moment, &all.arena, &block, &all.error), 0);
            cr_assert_eq(block.count, past.raw.count,
                         "as of %" PRId64 ": %u times, not %u" SEED_LINE("unit_derive", "merge/*"),
                         moment, block.count, past.raw.count, SEED_ARG(seed));
            for (uint32_t i = 0; i < block.count; i++)
                cr_assert(block.end_ms[i] == past.raw.end_ms[i] &&
                              block.mantissa[i] == past.raw.mantissa[i] &&
                              block.recorded_ms[i] == past.raw.recorded_ms[i] &&
                              block.rivals[i] == past.raw.rivals[i],
                          "as of %" PRId64 ": value %" PRId64
                          ", not %" PRId64 SEED_LINE("unit_derive", "merge/*"),
                          moment, block.mantissa[i], past.raw.mantissa[i], SEED_ARG(seed));
            day_release(&past);
        }
        day_release(&all);
    }
}
