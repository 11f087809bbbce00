/* The words of quality: see quality.h. */
#include "model/quality.h"

/* clang-format off */
/* A name for every stored id: one that is missing, or one too many, does not compile. */
#define NAMES(table, count)                                                                        \
    _Static_assert(sizeof(table) / sizeof(table)[0] == (count), "a name for every id")

static const char *const state_names[] = {
    [BB_STATE_MEASURED] = "measured",       [BB_STATE_ESTIMATED] = "estimated",
    [BB_STATE_EDITED] = "edited",           [BB_STATE_SUBSTITUTED] = "substituted",
    [BB_STATE_MISSING] = "missing",         [BB_STATE_PARTIAL] = "partial",
};
NAMES(state_names, BB_STATE_COUNT);

static const char *const mark_names[] = {
    /* by bit */
    "final", "suspect",        "rollover", "exchange",     "reset",     "reverse", "dip", "duplicate",
    "late",  "ambiguous_time", "rounded",  "unit_assumed", "estimated", "foreign", "accepted", "withdrawn",
};
NAMES(mark_names, BB_MARK_COUNT);

static const char *const check_names[] = {
    [BB_CHECK_GAP] = "gap",
    [BB_CHECK_OVERLAP] = "overlap",
    [BB_CHECK_DUPLICATE] = "duplicate",
    [BB_CHECK_INTERVAL_SIZE] = "interval_size",
    [BB_CHECK_UNIT] = "unit",
    [BB_CHECK_NEGATIVE] = "negative",
    [BB_CHECK_TIME] = "time",
    [BB_CHECK_HIGH] = "high",
    [BB_CHECK_LOW] = "low",
    [BB_CHECK_ZERO] = "zero",
    [BB_CHECK_SPIKE] = "spike",
    [BB_CHECK_STUCK] = "stuck",
    [BB_CHECK_SUM] = "sum",
    [BB_CHECK_OUTLIER] = "outlier",
    [BB_CHECK_JUMP] = "jump",
    [BB_CHECK_REGISTER] = "register",
    [BB_CHECK_LEAK] = "leak",
    [BB_CHECK_INACTIVE] = "inactive",
    [BB_CHECK_PROLONGED] = "prolonged",
    [BB_CHECK_LATE] = "late",
    [BB_CHECK_RULE] = "rule",
};
NAMES(check_names, BB_CHECK_COUNT);

static const char *const method_names[] = {
    [BB_METHOD_NONE] = "none",
    [BB_METHOD_LINEAR] = "linear",
    [BB_METHOD_INTERPOLATED] = "interpolated",
    [BB_METHOD_LIKE_DAY] = "like_day",
    [BB_METHOD_AVERAGE_LIKE_DAY] = "average_like_day",
    [BB_METHOD_PROFILE] = "profile",
    [BB_METHOD_FLAT] = "flat",
    [BB_METHOD_LIKE_DAY_SCALED] = "like_day_scaled",
    [BB_METHOD_AVERAGE_LIKE_DAY_SCALED] = "average_like_day_scaled",
    [BB_METHOD_RULE] = "rule",
};
NAMES(method_names, BB_METHOD_COUNT);
/* clang-format on */

static const char *name_of(const char *const *names, int count, int id) {
    return id >= 0 && id < count ? names[id] : "unknown";
}

static int find(const char *const *names, int count, struct bb_span name) {
    for (int i = 0; i < count; i++)
        if (bb_span_equal_nocase(bb_span_of(names[i]), name))
            return i;
    return -1;
}

const char *bb_state_name(int state) {
    return name_of(state_names, BB_STATE_COUNT, state);
}

const char *bb_check_name(int check) {
    return name_of(check_names, BB_CHECK_COUNT, check);
}

const char *bb_method_name(int method) {
    return name_of(method_names, BB_METHOD_COUNT, method);
}

int bb_check_find(struct bb_span name) {
    return find(check_names, BB_CHECK_COUNT, name);
}

int bb_quality_rank(const struct bb_quality *quality) {
    if (quality->state == BB_STATE_EDITED ||
        quality->marks & (BB_MARK_ACCEPTED | BB_MARK_WITHDRAWN))
        return BB_RANK_PERSON;
    if (quality->marks & BB_MARK_FINAL)
        return 2;
    return quality->state == BB_STATE_MEASURED || quality->state == BB_STATE_SUBSTITUTED;
}

static void append_name(struct bb_buffer *out, const char *prefix, struct bb_span name) {
    bb_buffer_append(out, "|", 1);
    bb_buffer_append_span(out, bb_span_of(prefix));
    bb_buffer_append_span(out, name);
}

void bb_quality_format(const struct bb_quality *quality, struct bb_buffer *out) {
    bb_buffer_append_span(out, bb_span_of(bb_state_name(quality->state)));
    for (int i = 0; i < BB_MARK_COUNT; i++)
        if (quality->marks >> i & 1)
            append_name(out, "", bb_span_of(mark_names[i]));
    if (quality->method != BB_METHOD_NONE)
        append_name(out, "method:", bb_span_of(bb_method_name(quality->method)));
    for (int i = 0; i < BB_CHECK_COUNT; i++)
        if (quality->checks >> i & 1)
            append_name(out, "check:", bb_span_of(check_names[i]));
    if (quality->source[0])
        append_name(
            out, "source:",
            (struct bb_span){quality->source, strnlen(quality->source, sizeof quality->source)});
}

bool bb_quality_parse(struct bb_span text, struct bb_quality *out) {
    struct bb_quality result = {0};
    bool has_state = false;

    text = bb_span_trim(text);
    while (text.size > 0) {
        size_t size = 0;
        while (size < text.size && text.data[size] != '|' && text.data[size] != ',')
            size++;
        struct bb_span word = bb_span_trim((struct bb_span){text.data, size});
        int state = find(state_names, BB_STATE_COUNT, word);

        if (bb_span_equal_nocase(word, BB_SPAN("final"))) {
            result.marks |= BB_MARK_FINAL;
        } else if (bb_span_equal_nocase(word, BB_SPAN("suspect"))) {
            result.marks |= BB_MARK_SUSPECT;
        } else if (state >= 0 && state != BB_STATE_PARTIAL && !has_state) {
            result.state = (uint8_t)state;
            has_state = true;
        } else {
            return false;
        }
        if (size + 1 == text.size)
            return false; /* nothing behind the last separator */
        text = size < text.size ? (struct bb_span){text.data + size + 1, text.size - size - 1}
                                : (struct bb_span){NULL, 0};
    }
    *out = result;
    return true;
}

int bb_quality_badness(const struct bb_quality *quality) {
    static const uint8_t states[BB_STATE_COUNT] = {
        [BB_STATE_MEASURED] = 0, [BB_STATE_EDITED] = 1,    [BB_STATE_SUBSTITUTED] = 2,
        [BB_STATE_PARTIAL] = 3,  [BB_STATE_ESTIMATED] = 4, [BB_STATE_MISSING] = 6};
    int badness = states[quality->state];

    return quality->marks & BB_MARK_SUSPECT && badness < 5 ? 5 : badness;
}
