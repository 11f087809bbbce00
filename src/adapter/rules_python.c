/* The port "rules" by CPython: see rules_python.h. This file cuts batches, checks answers and finds what fails.
 *
 * A batch is tried whole. When that fails it is cut: a worker that died while it went window by window has told which
 * one it was at, which is then tried alone and the others in two parts; else it is halved. So a window that fails costs
 * a few tries, and no other window its verdict. */
#include "adapter/rules_python.h"

#include "adapter/rules_process_internal.h"
#include "adapter/rules_request_internal.h"
#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct host {
    struct bb_rules rules;
    struct bb_rules_python_options options;
    struct bb_zygote zygote;
};

struct bb_rules_set {
    struct host *host;
    struct bb_buffer module; /* NAME "\n" SOURCE */
    struct bb_rules_worker worker;
    uint32_t calls; /* of the worker's life */
    struct bb_buffer meta, told;
    size_t column_bytes; /* of the copies below */
    char *columns;
};

enum { META_MAX = 256 << 20, MODULE_MAX = 4 << 20 };

/* ---- calls ---------------------------------------------------------------------------------- */

static size_t answer_columns_bytes(struct bb_rules_shape s) {
    return bb_rules_aligned(s.points) + bb_rules_aligned(s.points * sizeof(uint16_t)) +
           bb_rules_aligned(s.points * sizeof(double)) + bb_rules_aligned(s.windows);
}

static size_t answer_bytes(const struct bb_rules_set *set, struct bb_rules_shape s) {
    uint64_t told = set->host->options.answer_bytes;

    return BB_RULES_COLUMNS_AT + answer_columns_bytes(s) +
           (told < BB_RULES_TOLD_MAX ? told : BB_RULES_TOLD_MAX);
}

static void put_head(struct bb_rules_set *set, struct bb_rules_request_head head) {
    struct bb_rules_answer_head empty = {0};

    head.magic = BB_RULES_MAGIC;
    memcpy(set->worker.request, &head, sizeof head);
    memcpy(set->worker.answer, &empty, sizeof empty);
}

/* The head once: what is read twice may have changed in between. */
static struct bb_rules_answer_head head_of(const struct bb_rules_set *set) {
    struct bb_rules_answer_head head;

    memcpy(&head, set->worker.answer, sizeof head);
    return head;
}

/* What was told, copied out of its reach. False: there is none where it should be. */
static bool take_told(struct bb_rules_set *set, struct bb_rules_answer_head head, size_t at) {
    bb_buffer_clear(&set->told);
    if (head.magic != BB_RULES_MAGIC || head.told_bytes > BB_RULES_TOLD_MAX ||
        at + head.told_bytes > set->worker.answer_bytes)
        return false;
    bb_buffer_append(&set->told, set->worker.answer + at, head.told_bytes);
    return !set->told.overflow;
}

/* ---- loading -------------------------------------------------------------------------------- */

enum {
    TRIES = 5
}; /* of what may have been ended from outside: what ends by itself does so each time */

/* A zygote that somebody ended is replaced: its workers have ended with it. */
static int start_worker(struct bb_rules_set *set, size_t request, size_t answer,
                        struct bb_error *error) {
    struct bb_zygote *zygote = &set->host->zygote;
    int result = 0;

    for (int i = 0; i < TRIES; i++) {
        result = zygote->pid > 0 ? 0 : bb_zygote_start(zygote, error);
        if (!result)
            result = bb_rules_worker_start(&set->worker, zygote, request, answer, error);
        if (result != -BB_E_RULES_HOST)
            return result;
        bb_zygote_end(zygote);
    }
    return result;
}

/* Load the module into a new worker. ENDED: its process did. */
static int load_module(struct bb_rules_set *set, enum bb_rules_call *call, struct bb_error *error) {
    const struct bb_span module = bb_buffer_span(&set->module);

    memcpy(set->worker.request + BB_RULES_COLUMNS_AT, module.data, module.size);
    put_head(set,
             (struct bb_rules_request_head){.operation = BB_RULES_LOAD, .meta_bytes = module.size});
    bb_buffer_clear(&set->told);
    *call = bb_rules_worker_call(&set->worker, set->host->options.deadline_ms);
    if (*call == BB_RULES_LATE)
        return BB_FAIL(error, BB_E_RULE_LOAD, "loading the module takes more than %u ms",
                       set->host->options.deadline_ms);
    if (*call == BB_RULES_ENDED) {
        struct bb_span said = bb_span_trim(bb_zygote_said(&set->host->zygote));
        return BB_FAIL(error, BB_E_RULE_LOAD, "the process ended while the module was loaded%s%.*s",
                       said.size ? ": " : "", BB_SPAN_ARGS(said));
    }
    struct bb_rules_answer_head head = head_of(set);
    bool is_told = take_told(set, head, BB_RULES_COLUMNS_AT);
    if (is_told && head.state == BB_RULES_DONE)
        return 0;
    bb_rules_worker_end(&set->worker); /* nothing can be asked of it */
    return BB_FAIL(error, BB_E_RULE_LOAD,
                   is_told ? "the module does not load"
                           : "the module's description cannot be read");
}

/* A worker with room for a shape, in which the module is loaded. */
static int ready(struct bb_rules_set *set, struct bb_rules_shape s, struct bb_error *error) {
    const size_t load_bytes = BB_RULES_COLUMNS_AT + set->module.size;
    const size_t shape_bytes = bb_rules_request_bytes(s), answer = answer_bytes(set, s);
    const uint32_t recycle = set->host->options.recycle;
    enum bb_rules_call call = BB_RULES_ENDED;
    int result = 0;

    if (set->worker.pid > 0 && set->worker.request_bytes >= shape_bytes &&
        set->worker.answer_bytes >= answer && (recycle == 0 || set->calls < recycle))
        return 0;
    set->calls = 0;
    for (int i = 0; i < TRIES && call == BB_RULES_ENDED; i++) {
        result = start_worker(set, shape_bytes > load_bytes ? shape_bytes : load_bytes, answer,
                              error);
        if (result)
            return result;
        result = load_module(set, &call, error);
    }
    return result;
}

static void unload(struct bb_rules_set *set) {
    bb_rules_worker_release(&set->worker);
    if (set->worker.side_fd >= 0)
        close(set->worker.side_fd);
    bb_buffer_release(&set->module);
    bb_buffer_release(&set->meta);
    bb_buffer_release(&set->told);
    free(set->columns);
    free(set);
}

static int load(struct bb_rules *rules, struct bb_span name, struct bb_span source,
                struct bb_rules_set **out, struct bb_span *told, struct bb_error *error) {
    struct bb_rules_set *set = calloc(1, sizeof *set);

    *out = NULL;
    *told = (struct bb_span){NULL, 0};
    if (!set)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for rules");
    set->host = (struct host *)rules;
    set->worker = (struct bb_rules_worker){.pid_fd = -1,
                                           .wake_fd = -1,
                                           .done_fd = -1,
                                           .request_fd = -1,
                                           .answer_fd = -1,
                                           .side_fd = -1};
    bb_buffer_init(&set->module, MODULE_MAX);
    bb_buffer_init(&set->meta, META_MAX);
    bb_buffer_init(&set->told, BB_RULES_TOLD_MAX);
    bb_buffer_append_span(&set->module, name);
    bb_buffer_append_byte(&set->module, '\n');
    bb_buffer_append_span(&set->module, source);
    int result = set->module.overflow
                     ? BB_FAIL(error, BB_E_RULE_LOAD, "a module has at most %d bytes", MODULE_MAX)
                     : ready(set, (struct bb_rules_shape){0}, error);
    *told = bb_buffer_span(&set->told);
    *out = set; /* also of one that does not load: it holds what was told */
    return result;
}

/* A worker gets them when it is begun: the next run begins another. */
static int side(struct bb_rules_set *set, const struct bb_rules_side *items, size_t count,
                struct bb_error *error) {
    int fd = count ? bb_rules_side_make(items, count) : -1;

    if (count && fd < 0)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the side inputs of rules");
    bb_rules_worker_end(&set->worker);
    if (set->worker.side_fd >= 0)
        close(set->worker.side_fd);
    set->worker.side_fd = fd;
    return 0;
}

/* ---- a part --------------------------------------------------------------------------------- */

struct running {
    struct bb_rules_set *set;
    const struct bb_rules_batch *batch;
    const struct bb_rules_sink *sink;
    bool again;        /* the window at hand is tried a second time */
    uint32_t abort_at; /* of the first try */
};

static bool all_right(const struct bb_rules_part *part) {
    bool right = true;

    for (size_t i = 0; i < part->points; i++)
        right &= part->verdict[i] < BB_RULES_VERDICTS &&
                 (part->verdict[i] < BB_RULES_CORRECT || isfinite(part->value[i]));
    for (uint32_t i = 0; i < part->windows; i++)
        right &= part->raised[i] <= 1;
    return right;
}

/* Also of tries that came to nothing. */
static uint64_t take_spent(struct bb_rules_set *set) {
    uint64_t spent_ns = set->worker.spent_ns;

    set->worker.spent_ns = 0;
    return spent_ns;
}

/* Copy the answer out and check the copy. False: it breaks the layout. */
static bool take_part(struct bb_rules_set *set, struct bb_rules_shape s, struct bb_rules_stretch at,
                      size_t first_point, struct bb_rules_part *out) {
    const size_t bytes = answer_columns_bytes(s);
    struct bb_rules_answer_head head = head_of(set);

    if (head.state != BB_RULES_DONE || !take_told(set, head, BB_RULES_COLUMNS_AT + bytes))
        return false;
    memcpy(set->columns, set->worker.answer + BB_RULES_COLUMNS_AT, bytes);
    const char *column = set->columns;
    *out = (struct bb_rules_part){.first = at.first,
                                  .windows = s.windows,
                                  .first_point = first_point,
                                  .points = s.points,
                                  .told = bb_buffer_span(&set->told),
                                  .nanoseconds = take_spent(set)};
    out->verdict = (const uint8_t *)column;
    column += bb_rules_aligned(s.points);
    out->reason = (const uint16_t *)(const void *)column;
    column += bb_rules_aligned(s.points * sizeof(uint16_t));
    out->value = (const double *)(const void *)column;
    column += bb_rules_aligned(s.points * sizeof(double));
    out->raised = (const uint8_t *)column;
    return all_right(out);
}

static bool has_columns(struct bb_rules_set *set, size_t bytes) {
    if (set->column_bytes >= bytes)
        return true;
    free(set->columns);
    set->columns = aligned_alloc(BB_RULES_ALIGN, bytes);
    set->column_bytes = set->columns ? bytes : 0;
    return set->columns != NULL;
}

/* ---- running -------------------------------------------------------------------------------- */

static int run_part(struct running *r, struct bb_rules_stretch at, struct bb_error *error);

static int fail_window(struct running *r, uint32_t window, enum bb_rules_failure_kind kind,
                       struct bb_error *error) {
    struct bb_rules_failure failure = {
        .window = window, .kind = kind, .nanoseconds = take_spent(r->set)};

    if (kind == BB_RULES_RAISED)
        failure.told = bb_buffer_span(&r->set->told);
    else
        failure.text = bb_span_trim(bb_zygote_said(&r->set->host->zygote));
    return r->sink->failure(r->sink->context, &failure, error);
}

/* The window that a worker says it was at, if the stretch has it; else none. */
static int cut(struct running *r, struct bb_rules_stretch at, bool knows, uint32_t suspect,
               struct bb_error *error) {
    uint32_t middle = at.first + (at.last - at.first) / 2;
    struct bb_rules_stretch parts[3] = {{at.first, middle}, {middle, at.last}, {at.last, at.last}};
    int result = 0;

    if (knows && suspect < at.last - at.first) {
        uint32_t one = at.first + suspect;
        parts[0] = (struct bb_rules_stretch){at.first, one};
        parts[1] = (struct bb_rules_stretch){one, one + 1};
        parts[2] = (struct bb_rules_stretch){one + 1, at.last};
    }
    for (size_t i = 0; !result && i < 3; i++)
        if (parts[i].first < parts[i].last)
            result = run_part(r, parts[i], error);
    return result;
}

/* Of a try. */
static uint32_t deadline_of(const struct running *r) {
    const uint32_t usual_ms = r->set->host->options.deadline_ms;
    const int64_t left_ms = (r->batch->until_ns - bb_monotonic_ns()) / 1000000;

    if (r->batch->until_ns <= 0 || left_ms >= (int64_t)usual_ms)
        return usual_ms;
    return left_ms > 0 ? (uint32_t)left_ms : 0;
}

static bool is_over(const struct running *r) {
    return r->batch->until_ns > 0 && bb_monotonic_ns() >= r->batch->until_ns;
}

static int run_part(struct running *r, struct bb_rules_stretch at, struct bb_error *error) {
    struct bb_rules_set *set = r->set;
    const struct bb_rules_batch *b = r->batch;
    struct bb_rules_part part;

    bb_rules_meta_put(b, at, &set->meta);
    const struct bb_rules_shape s = bb_rules_shape_of(b, at, set->meta.size);
    if (set->meta.overflow || !has_columns(set, answer_columns_bytes(s)))
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a batch of windows");
    int result = ready(set, s, error);
    if (result)
        return result;
    struct bb_rules_request_head head = bb_rules_request_put(b, at, s, bb_buffer_span(&set->meta),
                                                             set->worker.request);
    head.abort_at = r->abort_at;
    r->abort_at = 0;
    put_head(set, head);
    set->calls++;
    enum bb_rules_call call = bb_rules_worker_call(&set->worker, deadline_of(r));
    if (call == BB_RULES_LATE && is_over(r))
        return BB_FAIL(error, BB_E_RULE_SLOW, "the rule was not done in time");
    if (call == BB_RULES_ANSWERED && take_part(set, s, at, b->offset[at.first], &part))
        return r->sink->part(r->sink->context, &part, error);

    struct bb_rules_answer_head answer = head_of(set);
    bool raised = call == BB_RULES_ANSWERED && answer.state == BB_RULES_REFUSED &&
                  take_told(set, answer, BB_RULES_COLUMNS_AT + answer_columns_bytes(s));
    if (!raised && call == BB_RULES_ANSWERED)
        bb_rules_worker_end(&set->worker); /* it lies: nothing more is asked of it */
    if (call == BB_RULES_ENDED && !r->again && s.windows == 1) {
        r->again = true; /* somebody else may have ended it: a window that does so does so again */
        result = run_part(r, at, error);
        r->again = false;
        return result;
    }
    if (s.windows > 1)
        return cut(r, at, call != BB_RULES_ANSWERED, answer.at_window, error);
    return fail_window(r, at.first,
                       raised                   ? BB_RULES_RAISED
                       : call == BB_RULES_LATE  ? BB_RULES_TOO_SLOW
                       : call == BB_RULES_ENDED ? BB_RULES_CRASHED
                                                : BB_RULES_GARBAGE,
                       error);
}

static int run(struct bb_rules_set *set, const struct bb_rules_batch *batch,
               const struct bb_rules_sink *sink, struct bb_error *error) {
    struct running r = {set, batch, sink, false, batch->abort_at};

    return run_part(&r, (struct bb_rules_stretch){0, batch->windows}, error);
}

/* ---- the host ------------------------------------------------------------------------------- */

static void close_host(struct bb_rules *rules) {
    struct host *host = (struct host *)rules;

    bb_zygote_end(&host->zygote);
    free(host);
}

static const struct bb_rules_ops ops = {load, run, unload, close_host, side};

int bb_rules_python_open(const struct bb_rules_python_options *options, struct bb_rules **out,
                         struct bb_error *error) {
    struct host *host = calloc(1, sizeof *host);

    if (!host)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for rules");
    host->rules.ops = &ops;
    host->options = *options;
    host->zygote.options = &host->options;
    int result = bb_zygote_start(&host->zygote, error);
    if (result) {
        free(host);
        return result;
    }
    *out = &host->rules;
    return 0;
}
