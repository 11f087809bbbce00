/* The story in words: why a version stands, and what a finding says. See story_internal.h. Pure. */
#include "service/story_internal.h"

#include "model/unit.h"

#include <inttypes.h>

/* ---- versions */

static int rank_of(const struct bb_story_version *v) {
    return bb_quality_rank(&v->told.quality);
}

static int64_t issued_of(const struct bb_story_version *v) {
    return v->issued_ms == BB_TIME_NONE ? v->received_ms : v->issued_ms;
}

static int order(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

int bb_story_claim_order(const struct bb_story_version *a, const struct bb_story_version *b) {
    const int orders[] = {rank_of(a) - rank_of(b), order(issued_of(a), issued_of(b)),
                          order(a->received_ms, b->received_ms), order(a->line, b->line)};

    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        if (orders[i])
            return orders[i];
    return 0;
}

/* By the ranks of the two. */
static const char *outranked(int loser, int winner) {
    return winner == BB_RANK_PERSON ? "a person's word stands over what sources tell"
           : winner > 1             ? "gives way to a final value"
           : loser == 0             ? "estimated or missing, it gives way to a measured value"
                                    : "gives way to a value of higher rank";
}

/* Among sources, or among people. */
static const char *claims_less(const struct bb_story_version *loser,
                               const struct bb_story_version *winner) {
    if (rank_of(loser) != rank_of(winner))
        return outranked(rank_of(loser), rank_of(winner));
    if (issued_of(loser) != issued_of(winner) &&
        (loser->issued_ms != BB_TIME_NONE || winner->issued_ms != BB_TIME_NONE))
        return "its sender's version is older";
    return loser->received_ms != winner->received_ms ? "came earlier"
                                                     : "stands earlier in the same delivery";
}

const char *bb_story_why(const struct bb_story_version *versions, size_t count, size_t at,
                         size_t winner) {
    const struct bb_story_version *loser = &versions[at];
    bool withdrawn = false; /* by a word with a greater claim */

    if (loser->told.quality.marks & BB_MARK_WITHDRAWN)
        return "takes back what people told before";
    for (size_t i = 0; i < count; i++)
        withdrawn |= versions[i].told.quality.marks & BB_MARK_WITHDRAWN &&
                     bb_story_claim_order(&versions[i], loser) > 0;
    if (rank_of(loser) == BB_RANK_PERSON && withdrawn)
        return "was withdrawn";
    if (bb_story_claim_order(loser, &versions[winner]) < 0)
        return claims_less(loser, &versions[winner]);
    return rank_of(loser) == BB_RANK_PERSON ? "gave way to a value that nobody had told then"
                                            : "was set aside by a person";
}

/* ---- findings */

static void put_number(struct bb_buffer *out, int64_t mantissa, int exponent) {
    char text[BB_DECIMAL_TEXT_MAX];
    struct bb_decimal value = {mantissa, (int8_t)exponent};

    bb_buffer_append(out, text, bb_decimal_format(value, true, text));
}

static void put_duration(struct bb_buffer *out, int64_t ms) {
    char text[BB_TIME_TEXT_MAX];

    if (ms < 0)
        bb_buffer_append_byte(out, '-');
    bb_buffer_append(out, text, bb_duration_format(ms < 0 ? -ms : ms, text));
}

/* "length in ms" and 2700000: "length 45m". Labels that name no kind of number are plain. */
static void put_evidence(struct bb_buffer *out, struct bb_span label, int64_t number,
                         int exponent) {
    static const struct {
        struct bb_span ending;
        int64_t unit_ms;
    } durations[] = {{BB_SPAN(" in ms"), 1}, {BB_SPAN(" in s"), BB_SECOND_MS}};

    if (out->size > 0)
        bb_buffer_append_span(out, BB_SPAN(", "));
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        struct bb_span ending = durations[i].ending;
        if (!bb_span_ends_with(label, ending))
            continue;
        bb_buffer_format(out, "%.*s ", (int)(label.size - ending.size), label.data);
        put_duration(out, number * durations[i].unit_ms);
        return;
    }
    if (bb_span_starts_with(label, BB_SPAN("ms "))) {
        put_duration(out, number);
        bb_buffer_format(out, " %.*s", (int)(label.size - 3), label.data + 3);
        return;
    }
    bb_buffer_format(out, "%.*s ", BB_SPAN_ARGS(label));
    if (bb_span_starts_with(label, BB_SPAN("unit")) && number >= 0 && number < BB_UNIT_COUNT)
        bb_buffer_format(out, "%s", bb_unit_symbol((int)number));
    else
        put_number(out, number, exponent);
}

/* The label of "a: one thing, b: another"; empty when it is not there. */
static struct bb_span label_of(const char *evidence, const char *name) {
    const char *at = evidence ? strstr(evidence, name) : NULL;

    if (!at)
        return BB_SPAN("");
    at += strlen(name);
    const char *end = strstr(at, ", b: ");
    return (struct bb_span){at, end ? (size_t)(end - at) : strlen(at)};
}

struct bb_span bb_story_evidence(const struct bb_finding *finding, struct bb_arena *arena) {
    const char *evidence = finding->check < BB_CHECK_COUNT ? bb_checks[finding->check].evidence
                                                           : NULL;
    struct bb_span a = label_of(evidence, "a: "), b = label_of(evidence, "b: ");
    struct bb_buffer text;

    bb_buffer_init(&text, 4096);
    if (a.size > 0)
        put_evidence(&text, a, finding->a, finding->exponent);
    if (b.size > 0)
        put_evidence(&text, b, finding->b, finding->exponent);
    struct bb_span copy = bb_arena_copy(arena, bb_buffer_span(&text));
    bb_buffer_release(&text);
    return copy;
}
