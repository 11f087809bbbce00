/* The port "store" at length: random commits against a model, and views beside a busy writer.
 *
 * The model is an array of what every key should hold. A value is made from a number, so the model
 * keeps numbers only. A failure names its seed; BUSBAR_SEED=N runs it again, BUSBAR_SOAK=1 runs
 * longer.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/random.h"
#include "contract/store_fixture.h"
#include "support/store_steps.h"

enum {
    LANES = 2,
    SPANS = 50,
    CHANNELS = 1000,
    SLOTS = LANES * SPANS * CHANNELS,
    FIRST_SPAN = -3,
    NAMES = 500,
    VALUE_MAX = 2600, /* beyond what LMDB keeps inside of a page */
};

struct model {
    struct bb_random random;
    uint64_t seed;
    uint32_t blocks[SLOTS]; /* the number whose value is stored; 0: absent */
    uint32_t names[NAMES];
    uint64_t outbox_first, outbox_next;
    uint32_t numbers; /* given so far */
};

static uint64_t seed_of_run(void) {
    const char *given = getenv("BUSBAR_SEED");

    return given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
}

static bool soak(void) {
    const char *given = getenv("BUSBAR_SOAK");

    return given && *given && *given != '0';
}

/* The value that `number` stands for: mostly a day's block, now and then large or tiny. */
static struct bb_span value_of(uint32_t number, char *bytes) {
    uint64_t state = number;
    uint64_t first = bb_random_splitmix(&state);
    size_t size = first % 64 == 0 ? 1 + first / 64 % VALUE_MAX : 1 + first / 64 % 300;

    for (size_t i = 0; i < size; i += sizeof first) {
        first = bb_random_splitmix(&state);
        memcpy(bytes + i, &first, sizeof first);
    }
    return (struct bb_span){bytes, size};
}

static struct bb_block_key key_of(size_t slot) {
    return (struct bb_block_key){.channel = (uint32_t)(slot % CHANNELS),
                                 .span = (int32_t)(slot / CHANNELS % SPANS) + FIRST_SPAN,
                                 .lane = (uint8_t)(slot / CHANNELS / SPANS)};
}

struct change_set {
    struct bb_block_change *blocks;
    struct bb_name_change *names;
    struct bb_span outbox[8];
    size_t block_count, name_count, outbox_count;
    char *bytes, (*name_bytes)[8];
    size_t used;
};

static struct bb_span take_value(struct model *m, struct change_set *set, uint32_t *number,
                                 bool delete) {
    if (delete) {
        *number = 0;
        return (struct bb_span){NULL, 0};
    }
    *number = ++m->numbers;
    struct bb_span value = value_of(*number, set->bytes + set->used);
    set->used += value.size + sizeof(uint64_t);
    return value;
}

/* Random slots of a random stretch, each written or deleted; the model follows at once. */
static void change_blocks(struct model *m, struct change_set *set) {
    size_t length = 1 + bb_random_below(&m->random, bb_random_below(&m->random, 2) ? 100 : SLOTS);
    size_t first = bb_random_below(&m->random, SLOTS - length + 1);
    uint64_t write_in = 1 + bb_random_below(&m->random, 8);
    uint64_t delete_in = 1 + bb_random_below(&m->random, 10);

    for (size_t slot = first; slot < first + length; slot++) {
        if (bb_random_below(&m->random, write_in) != 0)
            continue;
        bool delete = bb_random_below(&m->random, delete_in) == 0;
        const bool is_new = m->blocks[slot] == 0;
        set->blocks[set->block_count++] = (struct bb_block_change){
            .key = key_of(slot),
            .packed = take_value(m, set, &m->blocks[slot], delete),
            .is_new = bb_random_below(&m->random, 20) ? is_new : !is_new}; /* some err */
    }
}

static struct bb_span name_of(size_t i, char bytes[8]) {
    snprintf(bytes, 8, "%03zu", i);
    return (struct bb_span){bytes, 3};
}

static void change_names(struct model *m, struct change_set *set) {
    uint64_t write_in = 1 + bb_random_below(&m->random, 20);

    for (size_t i = 0; i < NAMES; i++) {
        if (bb_random_below(&m->random, write_in) != 0)
            continue;
        bool delete = bb_random_below(&m->random, 3) == 0;
        set->names[set->name_count] = (struct bb_name_change){
            .kind = BB_NAME_COVERAGE,
            .name = name_of(i, set->name_bytes[i]),
            .value = take_value(m, set, &m->names[i], delete)};
        set->name_count++;
    }
}

static void change_outbox(struct model *m, struct change_set *set) {
    set->outbox_count = bb_random_below(&m->random, 8);
    for (size_t i = 0; i < set->outbox_count; i++) {
        set->outbox[i] = value_of((uint32_t)(m->outbox_next + i), set->bytes + set->used);
        set->used += set->outbox[i].size + sizeof(uint64_t);
    }
    m->outbox_next += set->outbox_count;
}

static void commit_at_random(struct store_fixture *f, struct model *m, struct change_set *set) {
    set->block_count = set->name_count = set->outbox_count = set->used = 0;
    change_blocks(m, set);
    change_names(m, set);
    change_outbox(m, set);
    cr_assert_eq(store_commit(f, 0,
                              (struct bb_commit){.blocks = set->blocks,
                                                 .block_count = set->block_count,
                                                 .names = set->names,
                                                 .name_count = set->name_count,
                                                 .outbox = set->outbox,
                                                 .outbox_count = set->outbox_count}),
                 BB_COMMIT_DONE, "%s seed %lu: %s", f->adapter, m->seed, f->error.text);
    if (bb_random_below(&m->random, 4) == 0) {
        uint64_t upto = m->outbox_first + bb_random_below(&m->random, 6);
        cr_assert_eq(f->store->ops->outbox_trim(f->store, 0, upto, &f->error), 0);
        m->outbox_first = upto + 1 < m->outbox_next ? upto + 1 : m->outbox_next;
    }
}

/* ---- the comparison -------------------------------------------------------------------------- */

struct comparing {
    struct store_fixture *f;
    struct model *m;
    size_t slot, end; /* the next slot that the scan has to show */
    uint64_t sequence;
    char bytes[VALUE_MAX + 16];
};

static int compare_block(void *context, const struct bb_block_key *key, struct bb_span packed) {
    struct comparing *c = context;

    while (c->slot < c->end && c->m->blocks[c->slot] == 0)
        c->slot++;
    cr_assert_lt(c->slot, c->end, "%s seed %lu: a block too many: %d/%u", c->f->adapter, c->m->seed,
                 key->span, key->channel);
    struct bb_block_key expected = key_of(c->slot);
    cr_assert_eq(bb_block_key_compare(key, &expected), 0, "%s seed %lu: %d/%u instead of %d/%u",
                 c->f->adapter, c->m->seed, key->span, key->channel, expected.span,
                 expected.channel);
    cr_assert(bb_span_equal(packed, value_of(c->m->blocks[c->slot], c->bytes)),
              "%s seed %lu: another value of %d/%u", c->f->adapter, c->m->seed, key->span,
              key->channel);
    c->slot++;
    return 0;
}

static int compare_outbox(void *context, uint64_t sequence, struct bb_span record) {
    struct comparing *c = context;

    cr_assert_eq(sequence, c->sequence, "%s seed %lu", c->f->adapter, c->m->seed);
    cr_assert(bb_span_equal(record, value_of((uint32_t)c->sequence, c->bytes)));
    c->sequence++;
    return 0;
}

static void compare_gets(struct comparing *c, struct bb_store_view *view) {
    const struct bb_store_ops *ops = c->f->store->ops;

    for (int i = 0; i < 5000; i++) {
        size_t slot = bb_random_below(&c->m->random, SLOTS);
        size_t run = bb_random_below(&c->m->random, 5); /* neighbours, as derive asks for them */
        for (size_t at = slot; at < SLOTS && at <= slot + run; at++) {
            struct bb_block_key key = key_of(at);
            struct bb_span packed;
            int found = ops->block_get(view, &key, &packed, &c->f->error);
            cr_assert_eq(found, c->m->blocks[at] ? BB_FOUND : BB_ABSENT, "%s seed %lu: %d/%u",
                         c->f->adapter, c->m->seed, key.span, key.channel);
            if (found == BB_FOUND)
                cr_assert(bb_span_equal(packed, value_of(c->m->blocks[at], c->bytes)));
        }
    }
    for (size_t i = 0; i < NAMES; i++) {
        char name[8];
        struct bb_span value;
        int found = ops->name_get(view, BB_NAME_COVERAGE, name_of(i, name), &value, &c->f->error);
        cr_assert_eq(found, c->m->names[i] ? BB_FOUND : BB_ABSENT);
        if (found == BB_FOUND)
            cr_assert(bb_span_equal(value, value_of(c->m->names[i], c->bytes)));
    }
}

static void compare(struct store_fixture *f, struct model *m) {
    struct bb_store_view *view = store_view(f, 0);
    struct comparing c = {.f = f, .m = m};

    for (size_t lane = 0; lane < LANES; lane++) {
        int32_t from = FIRST_SPAN + (int32_t)bb_random_below(&m->random, SPANS);
        c.slot = (lane * SPANS + (size_t)(from - FIRST_SPAN)) * CHANNELS;
        c.end = (lane + 1) * SPANS * CHANNELS;
        cr_assert_eq(f->store->ops->block_scan(view, (uint8_t)lane, from, INT32_MAX, compare_block,
                                               &c, &f->error),
                     0);
        while (c.slot < c.end && m->blocks[c.slot] == 0)
            c.slot++;
        cr_assert_eq(c.slot, c.end, "%s seed %lu: a block is missing", f->adapter, m->seed);
    }
    compare_gets(&c, view);
    c.sequence = m->outbox_first;
    cr_assert_eq(f->store->ops->outbox_scan(view, 0, compare_outbox, &c, &f->error), 0);
    cr_assert_eq(c.sequence, m->outbox_next, "%s seed %lu", f->adapter, m->seed);
    f->store->ops->view_end(view);
}

static void agrees_with_a_model(struct store_fixture *f) {
    struct model *m = calloc(1, sizeof *m);
    struct change_set set = {
        .blocks = malloc(SLOTS * sizeof *set.blocks),
        .names = malloc(NAMES * sizeof *set.names),
        .name_bytes = malloc(NAMES * sizeof *set.name_bytes),
        .bytes = malloc((size_t)SLOTS * 400 + (size_t)NAMES * VALUE_MAX),
    };
    /* A server takes some ten times as long for a row as memory of our own. */
    bool is_server = strcmp(f->adapter, "postgres") == 0;
    int rounds = soak() ? 2000 : is_server ? 20 : 60;

    m->seed = seed_of_run();
    m->outbox_first = m->outbox_next = 1;
    bb_random_seed(&m->random, m->seed);
    printf("store against a model: %s, BUSBAR_SEED=%lu\n", f->adapter, m->seed);
    store_claim(f, 0);
    for (int round = 1; round <= rounds; round++) {
        commit_at_random(f, m, &set);
        if (round % 10 == 0)
            compare(f, m);
    }
    free(set.bytes);
    free(set.name_bytes);
    free(set.names);
    free(set.blocks);
    free(m);
}

STORE_PROMISE(store_model, agrees_with_a_model)

/* ---- views beside a writer ------------------------------------------------------------------- */

struct writing {
    struct store_fixture *f;
    atomic_bool stop;
    atomic_int commits;
};

static void *write_on(void *context) {
    struct writing *w = context;
    int outcome = BB_COMMIT_DONE;

    while (outcome == BB_COMMIT_DONE && !atomic_load(&w->stop)) {
        outcome = store_step(w->f->store, 0, &w->f->claims[0], &w->f->error);
        atomic_fetch_add(&w->commits, 1);
    }
    atomic_store(&w->stop, true);
    return outcome == BB_COMMIT_DONE ? NULL : "a commit failed";
}

static void views_are_whole_beside_commits(struct store_fixture *f) {
    struct writing writing = {.f = f};
    int commits = soak() ? 5000 : 100;
    uint64_t last = 0, number = 0;
    pthread_t writer;
    void *failure;

    store_claim(f, 0);
    cr_assert_eq(pthread_create(&writer, NULL, write_on, &writing), 0);
    while (!atomic_load(&writing.stop)) {
        const char *wrong = store_steps_look(f->store, 0, &number);
        cr_assert_null(wrong, "%s at %lu: %s", f->adapter, number, wrong);
        cr_assert_geq(number, last, "%s goes back in time", f->adapter);
        last = number;
        if (atomic_load(&writing.commits) >= commits)
            atomic_store(&writing.stop, true);
    }
    cr_assert_eq(pthread_join(writer, &failure), 0);
    cr_assert_null(failure, "%s: %s: %s", f->adapter, (char *)failure, f->error.text);
}

STORE_PROMISE(store_model, views_are_whole_beside_commits)
