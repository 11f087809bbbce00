/* busbar bench rules: readings a second through a rule in its cage, everything included: columns into shared memory,
 * wake-up, Python, verdicts out, checked. Beside it the same arithmetic in C, and what the same rule costs when each
 * reading is a JSON message over a pipe.
 *
 * The rule: values x 1.02, capped at 1,000, flagged beyond three deviations of their window's mean. */
#include "cli/bench.h"

#include "adapter/rules_python.h"

#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WINDOW = 96, WINDOWS = 1000, POINTS = WINDOW * WINDOWS, BATCHES = 20, MESSAGES = 20000 };

static const char module[] =
    "import numpy as np\n"
    "from busbar import rule\n"
    "@rule(inputs='1-1:1.29.0', batch=True)\n"
    "def many(ws):\n"
    "    value = np.minimum(ws.value * 1.02, 1000.0)\n"
    "    mean, spread = value.mean(axis=1, keepdims=True), value.std(axis=1, keepdims=True)\n"
    "    ws.flag(ws.new & (np.abs(value - mean) > 3 * spread), 'far')\n"
    "@rule(inputs='1-1:1.29.0')\n"
    "def each(w):\n"
    "    value = np.minimum(w.value * 1.02, 1000.0)\n"
    "    w.flag(w.new & (np.abs(value - value.mean()) > 3 * value.std()), 'far')\n";

static char messages[] = "import json, sys\n"
                         "seen = []\n"
                         "for line in sys.stdin:\n"
                         "    reading = json.loads(line)\n"
                         "    seen = (seen + [min(reading['value'] * 1.02, 1000.0)])[-96:]\n"
                         "    mean = sum(seen) / len(seen)\n"
                         "    spread = (sum((v - mean) ** 2 for v in seen) / len(seen)) ** 0.5\n"
                         "    reading['flag'] = abs(seen[-1] - mean) > 3 * spread\n"
                         "    print(json.dumps(reading), flush=True)\n";

struct columns {
    uint32_t offset[WINDOWS + 1], judge[WINDOWS], quality[POINTS];
    int64_t interval_ms[WINDOWS], end_ms[POINTS];
    int32_t utc_offset_s[POINTS];
    double value[POINTS];
    uint8_t flag[POINTS]; /* by C */
    uint64_t flags;       /* by the rule */
};

static void fill(struct columns *c) {
    for (uint32_t w = 0; w < WINDOWS; w++) {
        c->offset[w + 1] = (w + 1) * (uint32_t)WINDOW;
        c->interval_ms[w] = 15 * (int64_t)BB_MINUTE_MS;
        for (uint32_t q = 0; q < WINDOW; q++) {
            uint32_t at = w * WINDOW + q;
            c->end_ms[at] = ((int64_t)1963584 + q + 1) * 15 * BB_MINUTE_MS;
            c->utc_offset_s[at] = 3600;
            c->value[at] = (double)bench_load_value(w, 1963584 + q) / 1000;
            c->quality[at] = BB_RULES_MEASURED;
        }
    }
}

static uint64_t judge_in_c(struct columns *c) {
    uint64_t flags = 0;

    for (uint32_t w = 0; w < WINDOWS; w++) {
        double capped[WINDOW], sum = 0, squares = 0;
        for (uint32_t q = 0; q < WINDOW; q++)
            sum += capped[q] = fmin(c->value[w * WINDOW + q] * 1.02, 1000.0);
        double mean = sum / WINDOW;
        for (uint32_t q = 0; q < WINDOW; q++)
            squares += (capped[q] - mean) * (capped[q] - mean);
        double limit = 3 * sqrt(squares / WINDOW);
        for (uint32_t q = 0; q < WINDOW; q++)
            flags += c->flag[w * WINDOW + q] = fabs(capped[q] - mean) > limit;
    }
    return flags;
}

static int count_part(void *context, const struct bb_rules_part *part, struct bb_error *error) {
    struct columns *c = context;

    (void)error;
    for (size_t i = 0; i < part->points; i++)
        c->flags += part->verdict[i] == BB_RULES_FLAG;
    return 0;
}

static int refuse_failure(void *context, const struct bb_rules_failure *failure,
                          struct bb_error *error) {
    (void)context;
    return BB_FAIL(error, BB_E_RULES_HOST, "the rule of the benchmark failed: %.*s%.*s",
                   BB_SPAN_ARGS(failure->text), BB_SPAN_ARGS(failure->told));
}

static int measure_rule(struct bench *b, struct bb_rules *rules, struct bb_rules_set *set,
                        struct columns *c, uint32_t rule, double *rate, struct bb_error *error) {
    const struct bb_rules_batch batch = {.rule = rule,
                                         .windows = WINDOWS,
                                         .offset = c->offset,
                                         .judge = c->judge,
                                         .interval_ms = c->interval_ms,
                                         .end_ms = c->end_ms,
                                         .utc_offset_s = c->utc_offset_s,
                                         .value = c->value,
                                         .quality = c->quality};
    const struct bb_rules_sink sink = {count_part, refuse_failure, c};
    double rates[BENCH_RUNS_MAX];
    uint64_t expected = judge_in_c(c) * BATCHES;
    int result = 0;

    for (int64_t run = 0; !result && run < b->given->runs; run++) {
        int64_t begin = bb_monotonic_ns();
        c->flags = 0;
        for (int i = 0; !result && i < BATCHES; i++)
            result = rules->ops->run(set, &batch, &sink, error);
        rates[run] = (double)POINTS * BATCHES / bench_seconds_since(begin);
        if (!result && c->flags != expected)
            result = BB_FAIL(error, BB_E_RULES_HOST, "the rule flags %llu values, C %llu",
                             (unsigned long long)c->flags, (unsigned long long)expected);
    }
    *rate = result ? 0 : bench_median(rates, (size_t)b->given->runs);
    return result;
}

static double measure_c(struct bench *b, struct columns *c) {
    double rates[BENCH_RUNS_MAX];

    for (int64_t run = 0; run < b->given->runs; run++) {
        int64_t begin = bb_monotonic_ns();
        for (int i = 0; i < BATCHES; i++) {
            judge_in_c(c);
            __asm__ volatile("" : : "r"(c) : "memory");
        }
        rates[run] = (double)POINTS * BATCHES / bench_seconds_since(begin);
    }
    return bench_median(rates, (size_t)b->given->runs);
}

/* One message out, one back, as a consumer in Python would. */
static int exchange_messages(FILE *to, FILE *from, const struct columns *c,
                             struct bb_error *error) {
    char line[256];

    for (uint32_t i = 0; i < MESSAGES; i++) {
        fprintf(to, "{\"usage_point\": \"%u\", \"end_ms\": %lld, \"value\": %.3f}\n", i / WINDOW,
                (long long)c->end_ms[i], c->value[i]);
        fflush(to);
        if (!fgets(line, sizeof line, from))
            return BB_FAIL(error, BB_E_RULES_HOST, "the consumer of messages ended");
    }
    return 0;
}

static int measure_messages(const struct columns *c, double *rate, struct bb_error *error) {
    char *const arguments[] = {"python3", "-c", messages, NULL};
    char *const environment[] = {"LANG=C.UTF-8", NULL};
    int to[2], from[2];
    posix_spawn_file_actions_t actions;
    pid_t pid;

    if (pipe(to) != 0 || pipe(from) != 0)
        return BB_FAIL_ERRNO(error, BB_E_RULES_HOST, errno, "no pipe to Python");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], 0);
    posix_spawn_file_actions_adddup2(&actions, from[1], 1);
    const int all[] = {to[0], to[1], from[0], from[1]};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        posix_spawn_file_actions_addclose(&actions, all[i]);
    int failure = posix_spawn(&pid, "/usr/bin/python3", &actions, NULL, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]);
    close(from[1]);
    FILE *out = fdopen(to[1], "w"), *in = fdopen(from[0], "r");
    int result = failure || !out || !in
                     ? BB_FAIL_ERRNO(error, BB_E_RULES_HOST, failure, "Python cannot be started")
                     : 0;
    int64_t begin = bb_monotonic_ns();
    if (!result)
        result = exchange_messages(out, in, c, error);
    *rate = MESSAGES / bench_seconds_since(begin);
    if (out)
        fclose(out);
    if (in)
        fclose(in);
    if (!failure)
        waitpid(pid, NULL, 0);
    return result;
}

static void tell(struct bench *b, const char *key, const char *title, double rate, double c_rate) {
    if (b->json) {
        bb_json_key(b->json, key);
        bb_json_object_begin(b->json);
        bb_json_put_double(b->json, "readings_per_second", rate);
        bb_json_put_double(b->json, "ratio_to_c", rate / c_rate);
        bb_json_object_end(b->json);
        return;
    }
    bench_say(b, "%-46s %12.0f readings/s  %8.5f of C", title, rate, rate / c_rate);
}

static int measure(struct bench *b, struct columns *c, struct bb_rules *rules,
                   struct bb_error *error) {
    struct bb_rules_set *set;
    struct bb_span told;
    double many = 0, each = 0, alone = 0, c_rate = measure_c(b, c);
    int result = rules->ops->load(rules, BB_SPAN("bench.py"), bb_span_of(module), &set, &told,
                                  error);

    if (!result)
        result = measure_rule(b, rules, set, c, 0, &many, error);
    if (!result)
        result = measure_rule(b, rules, set, c, 1, &each, error);
    if (!result)
        result = measure_messages(c, &alone, error);
    if (set)
        rules->ops->unload(set);
    if (result)
        return result;
    tell(b, "batch", "a rule over many windows at once", many, c_rate);
    tell(b, "window", "a rule window by window", each, c_rate);
    tell(b, "messages", "baseline: a JSON message for each reading", alone, c_rate);
    tell(b, "c", "baseline: the same in C", c_rate, c_rate);
    return 0;
}

int bench_rules(struct bench *b, struct bb_error *error) {
    static const char *const paths[] = {"/usr/lib/python3/dist-packages", NULL};
    const struct bb_rules_python_options options = {.python = "/usr/bin/python3",
                                                    .paths = paths,
                                                    .memory_bytes = 512 << 20,
                                                    .deadline_ms = 10000,
                                                    .processor_s = 600,
                                                    .answer_bytes = 1 << 20};
    struct columns *c = calloc(1, sizeof *c);
    struct bb_rules *rules;

    if (!c)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for windows");
    fill(c);
    int result = bb_rules_python_open(&options, &rules, error);
    if (!result) {
        result = measure(b, c, rules, error);
        rules->ops->close(rules);
    }
    free(c);
    return result;
}
