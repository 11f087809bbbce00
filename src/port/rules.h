/* The port "rules": customers' code, run over windows of readings.
 *
 *   host ── load ──► set (the rules of one module, in a process of their own)
 *                     └── run(batch) ──► parts: verdicts about points, and what was told
 *                                        failures: windows whose rule raised, crashed, hung or lied
 *
 * What an adapter owes:
 *  - The code reaches nothing but its batch: no file, network, process, clock. Without that it does not start.
 *  - Every window of a batch is in exactly one part or one failure; a window that fails costs no other one.
 *  - A call ends: `deadline_ms` a try, and as many tries as it takes to find the windows that fail.
 *  - What comes back is checked: verdicts and states are those below, corrected and made values are finite. `told` is JSON
 *    by its word only: whoever parses it takes it for hostile.
 *  - The same batch has the same answer, whatever ran before.
 */
#ifndef BB_PORT_RULES_H
#define BB_PORT_RULES_H

#include "base/error.h"
#include "base/span.h"

/* Columns of other channels of the windows' usage points. Series k of window i, number n = i * count + k, is the points
 * [offset[n], offset[n + 1]); offset[0] is 0. An empty one: there is no such channel, or it has nothing there. */
struct bb_rules_others {
    uint32_t
        count; /* channels, in the order in which the rule names them; 0: none, and nothing else is looked at */
    const uint32_t *offset; /* windows * count + 1 */
    const int64_t *end_ms;
    const double *value;     /* NaN: none */
    const uint32_t *quality; /* enum bb_rules_quality */
};

/* A side input: a series of no usage point, such as the weather. */
struct bb_rules_side {
    struct bb_span name;  /* what the module calls it by: its file */
    const int64_t *ts_ms; /* ascending */
    const double *value;  /* NaN: none */
    size_t count;
};

/* Windows as columns: window i is the points [offset[i], offset[i + 1]), of which those from judge[i] on are new.
 * At least one window, at least one point in each; offset[0] is 0. */
struct bb_rules_batch {
    uint32_t rule; /* index in the set */
    uint32_t windows;
    const uint32_t *offset;     /* windows + 1 */
    const uint32_t *judge;      /* within the window; its length: nothing is new */
    const int64_t *interval_ms; /* of each window; 0: irregular */
    const int64_t *end_ms;
    const int32_t *utc_offset_s;
    const double *value;         /* NaN: none */
    const uint32_t *quality;     /* enum bb_rules_quality */
    struct bb_span parameters;   /* JSON object */
    const struct bb_span *about; /* of each window: JSON object; NULL: nothing is told */
    uint64_t seed; /* of random numbers, together with whose window it is and when it ends */
    struct bb_rules_others others;
    const double
        *profile; /* of each point: what its interval weighs; NaN: no profile; NULL: of nobody */
    int64_t
        until_ns; /* monotonic; 0: no matter. A run that is not done by then ends with -BB_E_RULE_SLOW, and windows are
                       * left over that are in no part and no failure */
    uint32_t
        abort_at; /* for tests: its process ends once, when it has judged this many windows; 0: it does not */
};

enum bb_rules_quality {
    BB_RULES_MEASURED = 1,
    BB_RULES_ESTIMATED = 2,
    BB_RULES_EDITED = 4,
    BB_RULES_MISSING = 8,
    BB_RULES_SUSPECT = 16
};

enum bb_rules_verdict {
    BB_RULES_NOTHING = 0,
    BB_RULES_FLAG,
    BB_RULES_ESTIMATE,
    BB_RULES_CORRECT,
    BB_RULES_MAKE, /* a value of a channel that the rule makes: the reason is its name */
    BB_RULES_VERDICTS
};

/* Windows [first, first + windows) of the batch; arrays are of their points and the set's until the next call. */
struct bb_rules_part {
    uint32_t first, windows;
    size_t first_point, points;
    const uint8_t *verdict; /* enum bb_rules_verdict */
    const uint16_t *reason; /* an index of `reasons` in told */
    const double *value;    /* but of flags; NaN: an estimate that there is none */
    const uint8_t *raised;  /* of each window: its rule raised, and said nothing */
    struct bb_span told;  /* JSON object: reasons, evidence, exceptions, tags, failures, printed */
    uint64_t nanoseconds; /* of processors, that the rule took, with tries before */
};

enum bb_rules_failure_kind {
    BB_RULES_RAISED = 0, /* told has the traceback */
    BB_RULES_CRASHED,    /* its process ended; `text` is what it last said */
    BB_RULES_TOO_SLOW,
    BB_RULES_GARBAGE /* its answer breaks the layout */
};

struct bb_rules_failure {
    uint32_t window;
    enum bb_rules_failure_kind kind;
    struct bb_span told; /* JSON object, or empty */
    struct bb_span text;
    uint64_t nanoseconds; /* as of a part */
};

struct bb_rules_sink {
    int (*part)(void *context, const struct bb_rules_part *part, struct bb_error *error);
    int (*failure)(void *context, const struct bb_rules_failure *failure, struct bb_error *error);
    void *context;
};

struct bb_rules;
struct bb_rules_set;

struct bb_rules_ops {
    /* Load a module. `told` describes its rules (JSON) until the next call of the set. -BB_E_RULE_LOAD says why it
     * does not load, with the traceback in `told` or the text of the error. */
    int (*load)(struct bb_rules *rules, struct bb_span name, struct bb_span source,
                struct bb_rules_set **out, struct bb_span *told, struct bb_error *error);
    /* Negative: the sink's, or the rules cannot be run at all (-BB_E_RULES_HOST). */
    int (*run)(struct bb_rules_set *set, const struct bb_rules_batch *batch,
               const struct bb_rules_sink *sink, struct bb_error *error);
    void (*unload)(struct bb_rules_set *set);
    void (*close)(struct bb_rules *rules);
    /* Give the set its side inputs, in place of those that it had: copied, seen by all windows from the next run on.
     * One that is not given is empty. */
    int (*side)(struct bb_rules_set *set, const struct bb_rules_side *items, size_t count,
                struct bb_error *error);
};

struct bb_rules {
    const struct bb_rules_ops *ops;
};

#endif
