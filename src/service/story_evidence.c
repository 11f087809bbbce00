/* What checks found, in words: see story_internal.h. Pure. */
#include "service/story_internal.h"

#include "derive/register.h"
#include "model/unit.h"

#include <inttypes.h>

struct saying { /* of one finding */
    const struct bb_finding *f;
    const struct bb_story_clue *clue;
    const int64_t *parameter; /* of the check's step; NULL: not known */
    struct bb_buffer *out;
};

static void put(const struct saying *s, const char *text) {
    bb_buffer_append_span(s->out, bb_span_of(text));
}

static void put_decimal(const struct saying *s, struct bb_decimal value) {
    char text[BB_DECIMAL_TEXT_MAX];

    bb_buffer_append(s->out, text, bb_decimal_format(value, true, text));
}

static void put_unit(const struct saying *s, int unit) {
    if (unit >= 0 && unit < BB_UNIT_COUNT)
        bb_buffer_format(s->out, " %s", bb_unit_symbol(unit));
}

/* A mantissa of the finding, in the unit of the value as it was sent. */
static void put_sent(const struct saying *s, int64_t mantissa) {
    put_decimal(s, (struct bb_decimal){mantissa, s->f->exponent});
    put_unit(s, s->clue->unit);
}

static void put_number(const struct saying *s, int64_t number) {
    bb_buffer_format(s->out, "%" PRId64, number);
}

static void put_duration(const struct saying *s, int64_t ms) {
    char text[BB_TIME_TEXT_MAX];

    bb_buffer_append(s->out, text, bb_duration_words(ms, text));
}

static void put_time(const struct saying *s, int64_t ms) {
    char text[BB_TIME_TEXT_MAX];

    bb_buffer_append(s->out, text, bb_time_format_utc(ms, text));
}

static int unit_of(const struct saying *s, bool metered) {
    if (!s->clue->channel)
        return -1;
    return metered ? s->clue->channel->metered_unit : s->clue->channel->derived_unit;
}

/* ---- single values */

static void say_gap(const struct saying *s) {
    bool registers = s->clue->channel && s->clue->channel->kind == BB_KIND_REGISTER;

    put_number(s, s->f->a);
    put(s, registers ? " readings are missing, over " : " intervals are missing, ");
    put_duration(s, s->f->b);
}

static void say_overlap(const struct saying *s) {
    put(s, "it begins ");
    put_duration(s, s->f->a);
    put(s, " before the interval before it has ended");
}

static void say_duplicate(const struct saying *s) {
    put(s, "other values told for the same time: ");
    put_number(s, s->f->a);
}

static void say_interval_size(const struct saying *s) {
    put(s, "it is ");
    put_duration(s, s->f->a * BB_SECOND_MS);
    put(s, " long, the channel's are ");
    put_duration(s, s->f->b * BB_SECOND_MS);
}

static void say_unit(const struct saying *s) {
    put(s, "sent in");
    put_unit(s, (int)s->f->a);
    put(s, ", which is no unit of the channel's");
    put_unit(s, (int)s->f->b);
}

static void say_value(const struct saying *s) {
    put(s, "the value ");
    put_sent(s, s->f->a);
}

static void say_time(const struct saying *s) {
    put_duration(s, s->f->a);
    put(s, " ahead of its issue or arrival");
}

static void say_late(const struct saying *s) {
    put(s, "issued ");
    put_duration(s, s->f->a);
    put(s, " behind its time, arrived ");
    put_duration(s, s->f->b);
    put(s, " behind it");
}

static void say_jump(const struct saying *s) {
    say_value(s);
    put(s, " after ");
    put_sent(s, s->f->b);
}

static void say_inactive(const struct saying *s) {
    put(s, "a use of ");
    put_sent(s, s->f->a);
    put(s, " while nothing was installed");
}

/* ---- limits from the past */

static void say_high(const struct saying *s) {
    const struct bb_story_clue *clue = s->clue;
    enum bb_high_source source;

    say_value(s);
    put(s, " is above the limit ");
    put_sent(s, s->f->b);
    if (!s->parameter || !clue->stat)
        return;
    (void)bb_high_limit(clue->channel, s->parameter, clue->stat,
                        bb_lane_span_of(BB_LANE_RAW, s->f->at_ms), clue->length_ms, &source);
    if (source == BB_HIGH_CONNECTION) {
        put(s, ", which the connection carries in ");
        put_duration(s, clue->length_ms);
        return;
    }
    put(s, ", ");
    put_number(s, s->parameter[0] * (source == BB_HIGH_EARLY ? BB_HIGH_EARLY_RATIO : 1));
    bb_buffer_format(s->out, " times what 99.9 %% of the values of %d days before did not exceed",
                     BB_STAT_DAYS);
    if (source == BB_HIGH_EARLY) {
        put(s, ": fewer than ");
        put_number(s, s->parameter[1]);
        put(s, " of these days say what is usual");
    }
}

static void say_low(const struct saying *s) {
    say_value(s);
    put(s, " is below the limit ");
    put_sent(s, s->f->b);
    if (!s->parameter)
        return;
    put(s, ", ");
    put_number(s, s->parameter[0]);
    bb_buffer_format(s->out, " times the least value of %d days before", BB_STAT_DAYS);
}

static void say_spike(const struct saying *s) {
    say_value(s);
    put(s, " over the third greatest ");
    put_sent(s, s->f->b);
    if (!s->parameter)
        return;
    put(s, " of ");
    put_number(s, s->parameter[1]);
    put(s, " days before and of the values beside it: more than ");
    put_number(s, s->parameter[0]);
    put(s, " times it above it");
}

static void say_outlier(const struct saying *s) {
    say_value(s);
    put(s, "; the median at its hour of the week is ");
    put_sent(s, s->f->b);
    if (!s->parameter)
        return;
    put(s, ", and it lies more than ");
    put_number(s, s->parameter[0]);
    put(s, " median absolute deviations from it");
}

/* ---- runs */

static void say_zero(const struct saying *s) {
    put_number(s, s->f->a);
    put(s, " zeros in a row over ");
    put_duration(s, s->f->b);
    if (!s->parameter)
        return;
    put(s, ", in hours that were used in ");
    put_number(s, s->parameter[2]);
    put(s, " % of the weeks before or more");
}

static void say_stuck(const struct saying *s) {
    put_number(s, s->f->a);
    put(s, " times the same value ");
    put_sent(s, s->f->b);
    if (!s->parameter)
        return;
    put(s, "; a run of ");
    put_number(s, s->parameter[0]);
    put(s, " is odd");
}

static void say_leak(const struct saying *s) {
    put(s, "at least ");
    put_number(s, s->f->a);
    put(s, " mL an hour for ");
    put_duration(s, s->f->b);
}

static void say_prolonged(const struct saying *s) {
    put_number(s, s->f->a);
    put(s, " days without a measured value");
}

/* ---- registers */

static void put_meters(const struct saying *s) {
    for (size_t i = 0; i < s->clue->meter_count; i++) {
        const struct bb_story_meter *m = &s->clue->meters[i];
        bb_buffer_format(s->out, "%s%.*s", i ? ", " : ": ", BB_SPAN_ARGS(m->channel));
        if (!m->has_from || !m->has_to)
            continue;
        put(s, " from ");
        put_decimal(s, m->from);
        put(s, " to ");
        put_decimal(s, m->to);
        put_unit(s, m->unit);
    }
}

static void say_sum(const struct saying *s) {
    int unit = unit_of(s, false);

    put(s, "the intervals sum to ");
    put_decimal(s, (struct bb_decimal){s->f->a, s->f->exponent});
    put_unit(s, unit);
    put(s, ", the registers advanced ");
    put_decimal(s, (struct bb_decimal){s->f->b, s->f->exponent});
    put_unit(s, unit);
    put_meters(s);
}

/* What was made of the reading. */
static void put_verdict(const struct saying *s) {
    static const struct {
        uint16_t mark;
        const char *text;
    } verdicts[] = {{BB_MARK_DIP, "it fell, and one behind it has come back: it is not used"},
                    {BB_MARK_FOREIGN,
                     "it is another meter's, as one behind it goes on from before: it "
                     "is not used"},
                    {BB_MARK_EXCHANGE, "an exchange"},
                    {BB_MARK_ROLLOVER, "a rollover"},
                    {BB_MARK_RESET, "a reset: it began again at 0"},
                    {BB_MARK_REVERSE, "it ran backwards"}};
    const uint16_t aside = BB_MARK_DIP | BB_MARK_FOREIGN;
    uint16_t marks = s->clue->reading.quality.marks;

    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++)
        if (marks & verdicts[i].mark) {
            bb_buffer_format(s->out, "; %s", verdicts[i].text);
            break;
        }
    if (marks & aside)
        return;
    put(s, "; counted since: ");
    put_decimal(s, (struct bb_decimal){s->f->b, s->f->exponent});
    put_unit(s, unit_of(s, true));
}

static void put_plausible(const struct saying *s) {
    static const char *const sources[] = {[BB_DAILY_UNKNOWN] = "",
                                          [BB_DAILY_FLOOR] = "the least bound for its commodity",
                                          [BB_DAILY_CONNECTION] = "what the connection carries",
                                          [BB_DAILY_MEAN] = "times the mean of the days before"};
    const struct bb_story_clue *clue = s->clue;
    bb_wide daily;

    if (!s->parameter || !clue->stat)
        return;
    enum bb_daily_source source = bb_register_daily(
        clue->channel, s->parameter, clue->stat, bb_lane_span_of(BB_LANE_RAW, s->f->at_ms), &daily);
    struct bb_decimal level = {daily > INT64_MAX ? INT64_MAX : (int64_t)daily, BB_LEVEL_EXPONENT};
    if (source == BB_DAILY_UNKNOWN) {
        put(s, "; nothing says what is plausible");
        return;
    }
    put(s, "; plausible are up to ");
    put_decimal(s, level);
    put_unit(s, unit_of(s, true));
    put(s, " a day, ");
    if (source == BB_DAILY_MEAN)
        bb_buffer_format(s->out, "%" PRId64 " ", s->parameter[3]);
    put(s, sources[source]);
}

static void say_register(const struct saying *s) {
    const struct bb_story_clue *clue = s->clue;

    if (clue->has_reading) {
        put(s, "it shows ");
        put_decimal(s, clue->reading.value);
        put_unit(s, clue->reading.unit);
        put(s, ", ");
    }
    put(s, "the last accepted reading ");
    put_decimal(s, (struct bb_decimal){s->f->a, s->f->exponent});
    put_unit(s, unit_of(s, true));
    if (clue->has_last) {
        put(s, " at ");
        put_time(s, clue->last.end_ms);
    }
    put_verdict(s);
    put_plausible(s);
}

/* What it said, its sayings tell. */
static void say_rule(const struct saying *s) {
    static const char *const texts[] = {
        "", "flagged by a rule: ", "a rule asks for a person: ", "a rule failed: "};

    put(s, texts[s->f->a >= 1 && s->f->a <= 3 ? s->f->a : 0]);
    put_number(s, s->f->b);
    put(s, s->f->b == 1 ? " value" : " values");
}

/* ---- the table */

static void (*const sayings[BB_CHECK_COUNT])(const struct saying *s) = {
    [BB_CHECK_GAP] = say_gap,
    [BB_CHECK_OVERLAP] = say_overlap,
    [BB_CHECK_DUPLICATE] = say_duplicate,
    [BB_CHECK_INTERVAL_SIZE] = say_interval_size,
    [BB_CHECK_UNIT] = say_unit,
    [BB_CHECK_NEGATIVE] = say_value,
    [BB_CHECK_TIME] = say_time,
    [BB_CHECK_HIGH] = say_high,
    [BB_CHECK_LOW] = say_low,
    [BB_CHECK_ZERO] = say_zero,
    [BB_CHECK_SPIKE] = say_spike,
    [BB_CHECK_STUCK] = say_stuck,
    [BB_CHECK_SUM] = say_sum,
    [BB_CHECK_OUTLIER] = say_outlier,
    [BB_CHECK_JUMP] = say_jump,
    [BB_CHECK_REGISTER] = say_register,
    [BB_CHECK_LEAK] = say_leak,
    [BB_CHECK_INACTIVE] = say_inactive,
    [BB_CHECK_PROLONGED] = say_prolonged,
    [BB_CHECK_LATE] = say_late,
    [BB_CHECK_RULE] = say_rule,
};

struct bb_span bb_story_evidence(const struct bb_finding *finding, const struct bb_story_clue *clue,
                                 struct bb_arena *arena) {
    struct bb_buffer text;
    struct saying s = {finding, clue, NULL, &text};

    bb_buffer_init(&text, 4096);
    if (finding->check < BB_CHECK_COUNT && sayings[finding->check]) {
        if (clue->channel)
            s.parameter = clue->channel->pipeline->check[finding->check].parameter;
        sayings[finding->check](&s);
    }
    struct bb_span copy = bb_arena_copy(arena, bb_buffer_span(&text));
    bb_buffer_release(&text);
    return copy;
}
