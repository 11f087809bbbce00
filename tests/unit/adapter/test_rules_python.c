/* The port "rules" by CPython: what a rule sees, what comes of its answers, and what becomes of rules that fail. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "adapter/rules_python.h"
#include "base/clock.h"
#include "support/seeds.h"

enum { WINDOWS_MAX = 64, POINTS_MAX = 4096, TEXT_MAX = 8192 };

static const char *const debian_paths[] = {"/usr/lib/python3/dist-packages", NULL};
static const struct bb_rules_python_options options = {.python = "/usr/bin/python3",
                                                       .paths = debian_paths,
                                                       .memory_bytes = 256 << 20,
                                                       .deadline_ms = 1000,
                                                       .processor_s = 60,
                                                       .answer_bytes = 1 << 20};

/* What came of a run, put together again. */
struct outcome {
    uint8_t verdict[POINTS_MAX];
    double value[POINTS_MAX];
    int seen[WINDOWS_MAX]; /* times that a window was in a part or a failure */
    bool raised[WINDOWS_MAX];
    int failed[WINDOWS_MAX]; /* 1 + enum bb_rules_failure_kind */
    uint32_t parts, failures;
    char text[TEXT_MAX], told[TEXT_MAX];
};

static int take_part(void *context, const struct bb_rules_part *part, struct bb_error *error) {
    struct outcome *out = context;

    (void)error;
    memcpy(out->verdict + part->first_point, part->verdict, part->points);
    memcpy(out->value + part->first_point, part->value, part->points * sizeof *part->value);
    for (uint32_t i = 0; i < part->windows; i++) {
        out->seen[part->first + i]++;
        out->raised[part->first + i] = part->raised[i] != 0;
    }
    snprintf(out->told, sizeof out->told, "%.*s", BB_SPAN_ARGS(part->told));
    out->parts++;
    return 0;
}

static int take_failure(void *context, const struct bb_rules_failure *failure,
                        struct bb_error *error) {
    struct outcome *out = context;

    (void)error;
    out->seen[failure->window]++;
    out->failed[failure->window] = 1 + (int)failure->kind;
    snprintf(out->text, sizeof out->text, "%.*s%.*s", BB_SPAN_ARGS(failure->text),
             BB_SPAN_ARGS(failure->told));
    out->failures++;
    return 0;
}

static struct bb_rules *rules;
static struct outcome outcome;
static char told_of_load[TEXT_MAX];

static void start(void) {
    struct bb_error error;

    cr_assert_eq(bb_rules_python_open(&options, &rules, &error), 0, "%s", error.text);
}

static void stop(void) {
    rules->ops->close(rules);
}

TestSuite(rules_python, .init = start, .fini = stop, .timeout = 120);

static struct bb_rules_set *load(const char *source) {
    struct bb_rules_set *set;
    struct bb_span told;
    struct bb_error error;
    int result = rules->ops->load(rules, BB_SPAN("rules/test.py"), bb_span_of(source), &set, &told,
                                  &error);

    snprintf(told_of_load, sizeof told_of_load, "%.*s", BB_SPAN_ARGS(told));
    cr_assert_eq(result, 0, "%s: %s", error.text, told_of_load);
    return set;
}

/* `windows` windows of `length` points: window i holds i * 100 + j; the last two points are new. */
static void run(struct bb_rules_set *set, uint32_t windows, uint32_t length,
                const char *parameters) {
    static uint32_t offset[WINDOWS_MAX + 1], judge[WINDOWS_MAX], quality[POINTS_MAX];
    static int64_t interval[WINDOWS_MAX], end[POINTS_MAX];
    static int32_t utc_offset[POINTS_MAX];
    static double value[POINTS_MAX];
    struct bb_error error;

    for (uint32_t i = 0; i < windows; i++) {
        offset[i + 1] = (i + 1) * length;
        judge[i] = length - 2;
        interval[i] = 900000;
        for (uint32_t j = 0; j < length; j++) {
            end[i * length + j] = (j + 1) * INT64_C(900000);
            utc_offset[i * length + j] = 3600;
            value[i * length + j] = i * 100 + j;
            quality[i * length + j] = BB_RULES_MEASURED;
        }
    }
    const struct bb_rules_batch batch = {.windows = windows,
                                         .offset = offset,
                                         .judge = judge,
                                         .interval_ms = interval,
                                         .end_ms = end,
                                         .utc_offset_s = utc_offset,
                                         .value = value,
                                         .quality = quality,
                                         .parameters = bb_span_of(parameters),
                                         .seed = 7};
    const struct bb_rules_sink sink = {take_part, take_failure, &outcome};

    memset(&outcome, 0, sizeof outcome);
    cr_assert_eq(rules->ops->run(set, &batch, &sink, &error), 0, "%s", error.text);
    for (uint32_t i = 0; i < windows; i++)
        cr_assert_eq(outcome.seen[i], 1, "window %u was told %d times", i, outcome.seen[i]);
}

/* A rule that never ends, of which each window could be tried as long as the deadline. */
Test(rules_python, a_batch_ends_when_its_time_is_over) {
    struct bb_rules_set *set = load("from busbar import rule\n"
                                    "@rule(inputs='1.8.0')\n"
                                    "def spins(w):\n"
                                    "    while w.value[0] > 0: pass\n");
    static const uint32_t offset[] = {0, 1, 2, 3}, judge[] = {0, 0, 0}, quality[] = {1, 1, 1};
    static const int64_t interval[] = {900000, 900000, 900000}, end[] = {900000, 900000, 900000};
    static const int32_t utc_offset[] = {0, 0, 0};
    static const double value[] = {0, 1, 1};
    const struct bb_rules_sink sink = {take_part, take_failure, &outcome};
    const int64_t began_ns = bb_monotonic_ns();
    const struct bb_rules_batch batch = {.windows = 3,
                                         .offset = offset,
                                         .judge = judge,
                                         .interval_ms = interval,
                                         .end_ms = end,
                                         .utc_offset_s = utc_offset,
                                         .value = value,
                                         .quality = quality,
                                         .until_ns = began_ns + INT64_C(150000000)};
    struct bb_error error;

    memset(&outcome, 0, sizeof outcome);
    cr_assert_eq(rules->ops->run(set, &batch, &sink, &error), -BB_E_RULE_SLOW);
    cr_assert_lt(bb_monotonic_ns() - began_ns, INT64_C(2000000000));
    cr_assert_eq(outcome.failures, 0, "that it has no time is not the rule's fault");
    rules->ops->unload(set);
}

static const char doubles[] = "from busbar import rule\n"
                              "@rule(inputs='1.8.0', params={'k': 2.0})\n"
                              "def doubled(w, k):\n"
                              "    w.correct(w.new, w.value * k, 'doubled')\n";

Test(rules_python, a_rule_sees_its_window_and_says_what_is_new) {
    struct bb_rules_set *set = load(doubles);

    cr_assert(strstr(told_of_load, "\"name\": \"doubled\""), "%s", told_of_load);
    run(set, 3, 10, "{\"k\": 3.0}");
    cr_assert_eq(outcome.failures, 0);
    for (uint32_t i = 0; i < 3; i++)
        for (uint32_t j = 0; j < 10; j++) {
            uint32_t at = i * 10 + j;
            cr_assert_eq(outcome.verdict[at], j < 8 ? BB_RULES_NOTHING : BB_RULES_CORRECT);
            if (j >= 8)
                cr_assert_eq(outcome.value[at], 3.0 * (i * 100 + j));
        }
    rules->ops->unload(set);
}

Test(rules_python, a_batch_is_one_array) {
    struct bb_rules_set *set = load("import numpy as np\n"
                                    "from busbar import rule\n"
                                    "@rule(inputs='1.8.0', batch=True)\n"
                                    "def high(ws):\n"
                                    "    assert ws.value.shape == (5, 8)\n"
                                    "    ws.flag(ws.new & (ws.value > 205), 'high')\n");

    run(set, 5, 8, "");
    cr_assert_eq(outcome.failures, 0, "%s", outcome.text);
    for (uint32_t i = 0; i < 5; i++)
        for (uint32_t j = 0; j < 8; j++)
            cr_assert_eq(outcome.verdict[i * 8 + j],
                         j >= 6 && i * 100 + j > 205 ? BB_RULES_FLAG : BB_RULES_NOTHING);
    rules->ops->unload(set);
}

Test(rules_python, a_window_that_raises_costs_no_other) {
    struct bb_rules_set *set = load("from busbar import rule\n"
                                    "@rule(inputs='1.8.0')\n"
                                    "def picky(w):\n"
                                    "    w.flag(w.new, 'seen')\n"
                                    "    if w.value[0] == 300: raise KeyError('three')\n");

    run(set, 6, 4, "");
    cr_assert_eq(outcome.parts, 1);
    for (uint32_t i = 0; i < 6; i++) {
        cr_assert_eq(outcome.raised[i], i == 3);
        cr_assert_eq(outcome.verdict[i * 4 + 3], i == 3 ? BB_RULES_NOTHING : BB_RULES_FLAG);
    }
    cr_assert(strstr(outcome.told, "rules/test.py\\\", line 5"), "%s", outcome.told);
    cr_assert(strstr(outcome.told, "KeyError: 'three'"), "%s", outcome.told);
    rules->ops->unload(set);
}

/* ---- what lies beside a window --------------------------------------------------------------- */

enum { BESIDE_WINDOWS = 4, BESIDE_LENGTH = 6, BESIDE_POINTS = BESIDE_WINDOWS * BESIDE_LENGTH };

/* Window i holds i * 100 + j at quarter-hours. Of its two other channels the first has i points (the last i quarter-hours;
 * window 0: no such channel), the second as many as the window; both hold -(i * 100 + j). Weights are j, of odd windows. */
struct beside {
    uint32_t offset[BESIDE_WINDOWS + 1], judge[BESIDE_WINDOWS], quality[BESIDE_POINTS];
    int64_t interval[BESIDE_WINDOWS], end[BESIDE_POINTS];
    int32_t utc_offset[BESIDE_POINTS];
    double value[BESIDE_POINTS], profile[BESIDE_POINTS];
    uint32_t other_offset[2 * BESIDE_WINDOWS + 1], other_quality[2 * BESIDE_POINTS];
    int64_t other_end[2 * BESIDE_POINTS];
    double other_value[2 * BESIDE_POINTS];
};

static struct bb_rules_batch make_beside(struct beside *b) {
    uint32_t at = 0;

    for (uint32_t i = 0; i < BESIDE_WINDOWS; i++) {
        b->offset[i + 1] = (i + 1) * BESIDE_LENGTH;
        for (uint32_t j = 0; j < BESIDE_LENGTH; j++) {
            uint32_t own = i * BESIDE_LENGTH + j;
            b->end[own] = (i * 1000 + j + 1) * INT64_C(900000);
            b->value[own] = i * 100 + j;
            b->quality[own] = BB_RULES_MEASURED;
            b->profile[own] = i % 2 ? (double)j : (double)NAN;
        }
        for (uint32_t k = 0; k < 2; k++) {
            for (uint32_t j = k ? 0 : BESIDE_LENGTH - i; j < BESIDE_LENGTH; j++) {
                b->other_end[at] = b->end[i * BESIDE_LENGTH + j];
                b->other_quality[at] = BB_RULES_ESTIMATED;
                b->other_value[at++] = -b->value[i * BESIDE_LENGTH + j];
            }
            b->other_offset[2 * i + k + 1] = at;
        }
    }
    return (struct bb_rules_batch){.windows = BESIDE_WINDOWS,
                                   .offset = b->offset,
                                   .judge = b->judge,
                                   .interval_ms = b->interval,
                                   .end_ms = b->end,
                                   .utc_offset_s = b->utc_offset,
                                   .value = b->value,
                                   .quality = b->quality,
                                   .others = {.count = 2,
                                              .offset = b->other_offset,
                                              .end_ms = b->other_end,
                                              .value = b->other_value,
                                              .quality = b->other_quality},
                                   .profile = b->profile};
}

static void run_beside(struct bb_rules_set *set, const struct bb_rules_batch *batch) {
    const struct bb_rules_sink sink = {take_part, take_failure, &outcome};
    struct bb_error error;

    memset(&outcome, 0, sizeof outcome);
    cr_assert_eq(rules->ops->run(set, batch, &sink, &error), 0, "%s", error.text);
    for (uint32_t i = 0; i < batch->windows; i++)
        cr_assert_eq(outcome.seen[i], 1, "window %u was told %d times", i, outcome.seen[i]);
}

static const char adds_what_is_beside[] =
    "import numpy as np\n"
    "from busbar import rule\n"
    "def known(x):\n"
    "    return np.nan_to_num(x)\n"
    "@rule(inputs='a', others={'some': 'b', 'all': 'c'}, side={'t': 't.csv', 'none': 'n.csv'})\n"
    "def each(w):\n"
    "    assert len(w.others['some']) == round(w.value[0] / 100)\n"
    "    assert (w.others['all'].quality == 2).all() and len(w.side['none']) == 0\n"
    "    weight = w.profile if w.profile is not None else 0\n"
    "    w.correct(w.new, known(w.aligned('some')) + 10 * w.aligned('all') + 1000 * weight\n"
    "              + known(w.side['t'].last(w.ts)), 'sum')\n"
    "@rule(inputs='a', others={'some': 'b', 'all': 'c'}, side={'t': 't.csv'}, batch=True)\n"
    "def many(ws):\n"
    "    ws.correct(ws.new, known(ws.aligned('some')) + 10 * ws.aligned('all') + 1000 * known(ws.profile)\n"
    "               + known(ws.side['t'].last(ws.ts)), 'sum')\n"
    "@rule(inputs='a', others={'some': 'b', 'all': 'c'})\n"
    "def poisoned(w):\n"
    "    import os\n"
    "    if w.value[0] == 200: os._exit(0)\n"
    "    w.correct(w.new, w.aligned('all'), 'sum')\n"
    "@rule(inputs='a', others={'b': 'b'})\n"
    "def alone(w):\n"
    "    assert len(w.others['b']) == 0 and w.profile is None\n"
    "    w.flag(w.new, 'alone')\n";

static double beside_sum(const struct beside *b, uint32_t i, uint32_t j, double t) {
    double own = b->value[i * BESIDE_LENGTH + j];

    return (j >= BESIDE_LENGTH - i ? -own : 0) - 10 * own + (i % 2 ? 1000.0 * j : 0) + t;
}

Test(rules_python, other_channels_profile_and_side_inputs_stand_beside) {
    static struct beside b;
    const int64_t ts[] = {3 * 900000, 2000 * INT64_C(900000)};
    const double t[] = {0.25, 0.5};
    const struct bb_rules_side side = {BB_SPAN("t.csv"), ts, t, 2};
    struct bb_rules_set *set = load(adds_what_is_beside);
    struct bb_rules_batch batch = make_beside(&b);
    struct bb_error error;

    for (int given = 0; given < 3; given++) { /* none yet, given, taken away again */
        cr_assert_eq(rules->ops->side(set, &side, given == 1, &error), 0, "%s", error.text);
        for (batch.rule = 0; batch.rule < 2; batch.rule++) {
            run_beside(set, &batch);
            cr_assert_eq(outcome.failures, 0, "%s", outcome.text);
            for (uint32_t i = 0; i < BESIDE_WINDOWS; i++)
                for (uint32_t j = 0; j < BESIDE_LENGTH; j++) {
                    uint32_t at = i * BESIDE_LENGTH + j;
                    double last = given != 1 || b.end[at] < ts[0] ? 0
                                  : b.end[at] < ts[1]             ? t[0]
                                                                  : t[1];
                    cr_assert(!outcome.raised[i], "%s", outcome.told);
                    cr_assert_float_eq(outcome.value[at], beside_sum(&b, i, j, last), 1e-9,
                                       "rule %u, window %u, %u: %g", batch.rule, i, j,
                                       outcome.value[at]);
                }
        }
    }
    rules->ops->unload(set);
}

/* What is tried again in parts has the columns of its own windows. */
Test(rules_python, parts_have_what_lies_beside_them) {
    static struct beside b;
    struct bb_rules_set *set = load(adds_what_is_beside);
    struct bb_rules_batch batch = make_beside(&b);

    batch.rule = 2;
    run_beside(set, &batch);
    cr_assert_eq(outcome.failures, 1);
    cr_assert_eq(outcome.failed[2], 1 + (int)BB_RULES_CRASHED);
    for (uint32_t at = 0; at < BESIDE_POINTS; at++)
        if (at / BESIDE_LENGTH != 2)
            cr_assert_eq(outcome.value[at], -b.value[at]);
    batch.rule = 3; /* who hands over nothing has windows with nothing beside them */
    batch.others = (struct bb_rules_others){.count = 0};
    batch.profile = NULL;
    run_beside(set, &batch);
    for (uint32_t i = 0; i < BESIDE_WINDOWS; i++)
        cr_assert(!outcome.raised[i], "%s", outcome.told);
    rules->ops->unload(set);
}

/* Its process ends where it is told to, once, and nobody sees a difference. */
Test(rules_python, a_batch_resumes_wherever_its_process_ends) {
    static struct beside b;
    static struct outcome undisturbed;
    struct bb_rules_set *set = load(adds_what_is_beside);
    struct bb_rules_batch batch = make_beside(&b);

    for (batch.rule = 0; batch.rule < 2; batch.rule++) {
        batch.abort_at = 0;
        run_beside(set, &batch);
        undisturbed = outcome;
        cr_assert_eq(outcome.parts, 1);
        for (batch.abort_at = 1; batch.abort_at <= BESIDE_WINDOWS; batch.abort_at++) {
            run_beside(set, &batch);
            cr_assert_eq(outcome.failures, 0, "%s", outcome.text);
            cr_assert_gt(outcome.parts, 1, "its process did not end");
            cr_assert_eq(memcmp(outcome.verdict, undisturbed.verdict, sizeof outcome.verdict), 0);
            cr_assert_eq(memcmp(outcome.value, undisturbed.value, sizeof outcome.value), 0);
        }
    }
    rules->ops->unload(set);
}

/* Random numbers are a window's own: in another batch, at another place, it has the same ones. */
Test(rules_python, a_window_draws_the_same_in_whatever_batch) {
    static const struct bb_span about[] = {BB_SPAN("{\"usage_point\": \"A\"}"),
                                           BB_SPAN("{\"usage_point\": \"B\"}"),
                                           BB_SPAN("{\"usage_point\": \"A\", \"channel\": \"x\"}"),
                                           BB_SPAN("{\"usage_point\": \"A\"}")};
    static struct beside b;
    double whole[BESIDE_POINTS];
    struct bb_rules_set *set = load(
        "import random\n"
        "import numpy as np\n"
        "from busbar import rule\n"
        "@rule(inputs='a')\n"
        "def draws(w):\n"
        "    w.correct(w.new, random.random() + np.random.random(len(w)), 'r')\n");
    struct bb_rules_batch batch = make_beside(&b);

    batch.others.count = 0;
    batch.about = about;
    run_beside(set, &batch);
    memcpy(whole, outcome.value, sizeof whole);
    for (uint32_t i = 0; i < BESIDE_WINDOWS; i++)
        for (uint32_t k = 0; k < i; k++)
            cr_assert_neq(whole[i * BESIDE_LENGTH], whole[k * BESIDE_LENGTH], "%u %u", i, k);
    for (uint32_t i = 0; i < BESIDE_WINDOWS; i++) {
        struct bb_rules_batch one = batch;
        one.windows = 1;
        one.end_ms += i * BESIDE_LENGTH;
        one.value += i * BESIDE_LENGTH;
        one.profile = NULL;
        one.about += i;
        run_beside(set, &one);
        cr_assert_eq(
            memcmp(outcome.value, whole + i * BESIDE_LENGTH, BESIDE_LENGTH * sizeof *whole), 0,
            "window %u", i);
    }
    rules->ops->unload(set);
}

/* ---- ended from outside ---------------------------------------------------------------------- */

/* A child of this process, or one of its children; 0: none is there. */
static pid_t some_process_below(pid_t self, unsigned random) {
    pid_t found[64];
    size_t count = 0;
    DIR *dir = opendir("/proc");
    const struct dirent *entry;

    for (int round = 0; dir && round < 2; round++) { /* children, then theirs */
        size_t parents = round == 0 ? 1 : count;
        rewinddir(dir);
        while ((entry = readdir(dir)) != NULL && count < 64) {
            char path[300], text[256];
            int parent = 0;
            snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
            FILE *file = entry->d_name[0] > '0' && entry->d_name[0] <= '9' ? fopen(path, "re")
                                                                           : NULL;
            size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
            if (file)
                fclose(file);
            text[size] = '\0';
            const char *bracket = strrchr(text, ')');
            if (!bracket || sscanf(bracket, ") %*c %d", &parent) != 1)
                continue;
            for (size_t i = 0; i < parents; i++)
                if (parent == (round == 0 ? self : found[i])) {
                    found[count++] = (pid_t)strtol(entry->d_name, NULL, 10);
                    break;
                }
        }
    }
    if (dir)
        closedir(dir);
    return count ? found[random % count] : 0;
}

struct killer {
    atomic_bool stop;
    atomic_uint kills, runs;
    unsigned seed;
};

/* Once a run, and every fourth time once again while what was killed is being replaced. */
static void *kill_at_random(void *context) {
    struct killer *killer = context;
    unsigned runs = 0;
    bool again = false;

    while (!atomic_load(&killer->stop)) {
        if (!again && atomic_load(&killer->runs) == runs) {
            usleep(500);
            continue;
        }
        runs = atomic_load(&killer->runs);
        usleep((useconds_t)rand_r(&killer->seed) % (again ? 200000 : 20000));
        pid_t pid = some_process_below(getpid(), (unsigned)rand_r(&killer->seed));
        if (pid > 0 && !atomic_load(&killer->stop) && kill(pid, SIGKILL) == 0)
            atomic_fetch_add(&killer->kills, 1);
        again = !again && rand_r(&killer->seed) % 4 == 0;
    }
    return NULL;
}

/* Zygote and worker are killed at any moment: each run says what an undisturbed one says. */
Test(rules_python, killed_at_random_the_answer_is_the_same) {
    const struct seeds seeds = seeds_of_run(
        20, 200); /* so many kills; their moments are the machine's */
    const unsigned wanted = seeds.end - seeds.first > 1 ? (unsigned)(seeds.end - seeds.first) : 20;
    struct killer killer = {.seed = (unsigned)seeds.first};
    static struct outcome undisturbed;
    pthread_t thread;
    struct bb_rules_set *set = load("from busbar import rule\n"
                                    "@rule(inputs='1.8.0')\n"
                                    "def noisy(w):\n"
                                    "    import random\n"
                                    "    for i in range(300): random.random()\n"
                                    "    w.correct(w.new, w.value + random.random(), 'noise')\n");

    run(set, 40, 24, "");
    undisturbed = outcome;
    cr_assert_eq(pthread_create(&thread, NULL, kill_at_random, &killer), 0);
    while (atomic_load(&killer.kills) < wanted) {
        run(set, 40, 24, "");
        atomic_fetch_add(&killer.runs, 1);
        cr_assert_eq(outcome.failures, 0, "%s", outcome.text);
        cr_assert_eq(memcmp(outcome.verdict, undisturbed.verdict, sizeof outcome.verdict), 0);
        cr_assert_eq(memcmp(outcome.value, undisturbed.value, sizeof outcome.value), 0);
    }
    atomic_store(&killer.stop, true);
    pthread_join(thread, NULL);
    rules->ops->unload(set);
}

/* How a window may fail, and what comes of it: the others are judged all the same. */
static const struct {
    const char *name, *does;
    enum bb_rules_failure_kind kind;
} poisons[] = {
    {"exit", "os._exit(0)", BB_RULES_CRASHED},
    {"segfault", "import ctypes; ctypes.string_at(0)", BB_RULES_CRASHED},
    {"spin", "while True: pass", BB_RULES_TOO_SLOW},
};

Test(rules_python, a_window_that_ends_its_process_is_found) {
    char source[1024];

    for (size_t p = 0; p < sizeof poisons / sizeof poisons[0]; p++)
        for (int batch = 0; batch <= 1; batch++) {
            snprintf(source, sizeof source,
                     "import os\nimport numpy as np\nfrom busbar import rule\n"
                     "@rule(inputs='1.8.0', batch=%s)\n"
                     "def poison(w):\n"
                     "    w.flag(w.new, 'seen')\n"
                     "    if (w.value == 301).any():\n"
                     "        %s\n",
                     batch ? "True" : "False", poisons[p].does);
            struct bb_rules_set *set = load(source);
            run(set, 6, 4, "");
            cr_expect_eq(outcome.failures, 1, "%s", poisons[p].name);
            cr_expect_eq(outcome.failed[3], 1 + (int)poisons[p].kind, "%s: %d %s", poisons[p].name,
                         outcome.failed[3], outcome.text);
            for (uint32_t i = 0; i < 6; i++)
                if (i != 3)
                    cr_expect_eq(outcome.verdict[i * 4 + 3], BB_RULES_FLAG, "%s", poisons[p].name);
            rules->ops->unload(set);
        }
}
