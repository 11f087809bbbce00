/* The story in words: why a version stands. See story_internal.h. Pure. */
#include "service/story_internal.h"

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
