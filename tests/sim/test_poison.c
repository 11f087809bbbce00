/* A record that cannot be derived: it alone is passed over, told by a dead letter, and counts once its fault is gone. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "service/letter_act.h"
#include "service/query.h"
#include "sim/sim_plant.h"

enum { FRAMES = 40, PARTITIONS = 2, POISONED = 23 };
#define RECEIVED_MS 1772400000000LL

/* ---- a store that cannot answer for usage points whose names say so */

static struct bb_store_ops poisoned;
static int (*name_get)(struct bb_store_view *view, enum bb_name_kind kind, struct bb_span name,
                       struct bb_span *value, struct bb_error *error);
static bool is_cured;
static uint32_t refusals;

static int poisoned_name_get(struct bb_store_view *view, enum bb_name_kind kind,
                             struct bb_span name, struct bb_span *value, struct bb_error *error) {
    for (size_t i = 0; !is_cured && i + 6 <= name.size; i++)
        if (memcmp(name.data + i, "POISON", 6) == 0) {
            refusals++;
            return BB_FAIL(error, BB_E_CHANNEL_REFUSED, "this usage point is poison");
        }
    return name_get(view, kind, name, value, error);
}

static void poison_store(struct sim_plant *s) {
    poisoned = *s->store->ops;
    name_get = poisoned.name_get;
    poisoned.name_get = poisoned_name_get;
    s->store->ops = &poisoned;
    is_cured = false;
    refusals = 0;
}

/* ---- frames */

static void name_of(int i, bool is_poison, char name[24]) {
    snprintf(name, 24, "%s%d", is_poison ? "POISON" : "U", i);
}

static uint32_t partition_of(const char *name) {
    return (uint32_t)(bb_usage_point_hash(bb_span_of(name)) % PARTITIONS);
}

static int count_row(void *context, const struct bb_query_row *row) {
    *(int *)context += row->has_value;
    return 0;
}

static int count_values(struct sim_plant *s, const char *usage_point) {
    const struct bb_query query = {.tenant = SIM_TENANT,
                                   .usage_point = bb_span_of(usage_point),
                                   .from_ms = BB_TIME_NONE,
                                   .to_ms = BB_TIME_NONE,
                                   .lane = BB_LANE_RAW,
                                   .as_of_ms = BB_TIME_NONE};
    struct bb_error error;
    int count = 0;

    (void)!bb_query_run(&s->plant, &query, count_row, &count, &error); /* unknown: none */
    return count;
}

/* ---- letters */

struct letters {
    int count;
    uint64_t id;
    enum bb_letter_state state;
};

static int take_letter(void *context, const struct bb_letter *letter) {
    struct letters *l = context;

    cr_expect_eq(letter->code, BB_E_CHANNEL_REFUSED);
    cr_expect(bb_span_equal(letter->reason, BB_SPAN("this usage point is poison")));
    cr_expect(bb_span_equal(letter->topic, BB_SPAN("a file")));
    cr_expect(bb_span_equal(letter->tenant, SIM_TENANT));
    l->count++;
    l->id = letter->id;
    l->state = letter->state;
    return 0;
}

static struct letters look(struct sim_plant *s) {
    const struct bb_letter_question asked = {
        .tenant = SIM_TENANT, .since_ms = INT64_MIN, .before = UINT64_MAX, .with_closed = true};
    struct letters letters = {0};
    struct bb_error error;

    cr_assert_eq(
        bb_letter_list(s->plant.log, s->plant.registry, &asked, take_letter, &letters, &error), 0,
        "%s", error.text);
    return letters;
}

static void drain(struct sim_plant *s, uint64_t passed) {
    struct bb_worker *worker;
    struct bb_error error;

    cr_assert_eq(bb_worker_open(&s->plant, &worker, &error), 0);
    cr_assert_eq(bb_worker_drain(worker, false, NULL, &error), 0, "%s", error.text);
    cr_expect_eq(bb_worker_counts(worker)->passed, passed);
    bb_worker_close(worker);
    cr_assert_eq(bb_deliver_registry(&s->plant, NULL, NULL, &error), 0, "%s", error.text);
}

static void replay(struct sim_plant *s, uint64_t id) {
    const struct bb_letter_actor actor = {
        .plant = &s->plant, .tenant = SIM_TENANT, .by = BB_SPAN("Kim")};
    struct bb_letter_actor with_committer = actor;
    struct bb_committer *committer;
    struct bb_letter_done done;
    struct bb_error error;

    cr_assert_eq(bb_ledger_open(&s->plant.ledger, s->plant.log, &error), 0);
    cr_assert_eq(bb_committer_start(&s->plant, &committer, &error), 0);
    with_committer.committer = committer;
    cr_assert_eq(bb_letter_replay(&with_committer, &id, 1, &done, &error), 0, "%s", error.text);
    cr_expect_eq(done.refusal.code, BB_OK, "%s", done.refusal.text);
    cr_expect_eq(done.readings, 1);
    cr_assert_eq(bb_letter_replay(&with_committer, &id, 1, &done, &error), 0);
    cr_expect_eq(done.refusal.code, BB_E_LETTER_CLOSED);
    bb_committer_stop(committer);
    bb_ledger_close(&s->plant.ledger);
}

Test(poison, one_record_is_passed_over_and_the_others_count) {
    struct sim_plant s;
    char name[24];

    sim_plant_open(&s, PARTITIONS, false);
    poison_store(&s);
    for (int i = 0; i < FRAMES; i++) {
        name_of(i, i == POISONED, name);
        sim_plant_append(&s, partition_of(name), name, RECEIVED_MS + i);
    }
    drain(&s, 1);
    for (int i = 0; i < FRAMES; i++) {
        name_of(i, i == POISONED, name);
        cr_expect_eq(count_values(&s, name), i != POISONED, "%s", name);
    }
    struct letters letters = look(&s);
    cr_assert_eq(letters.count, 1);
    cr_expect_eq(letters.state, BB_LETTER_OPEN);
    cr_expect_leq(refusals, 16, "found by halves: %u", refusals);

    drain(&s, 0); /* nothing is told twice */
    cr_expect_eq(look(&s).count, 1);

    is_cured = true;
    replay(&s, letters.id);
    drain(&s, 0);
    name_of(POISONED, true, name);
    cr_expect_eq(count_values(&s, name), 1);
    cr_expect_eq(look(&s).state, BB_LETTER_REPLAYED);
    sim_plant_close(&s);
}

Test(poison, several_beside_each_other) {
    struct sim_plant s;
    char name[24];

    sim_plant_open(&s, PARTITIONS, false);
    poison_store(&s);
    for (int i = 0; i < FRAMES; i++) {
        name_of(i, i % 8 < 2, name);
        sim_plant_append(&s, 0, name, RECEIVED_MS + i);
    }
    sim_plant_append(&s, 1, "U1000", RECEIVED_MS);
    drain(&s, FRAMES / 4);
    cr_expect_eq(look(&s).count, FRAMES / 4);
    name_of(FRAMES - 1, false, name);
    sim_plant_close(&s);
}
