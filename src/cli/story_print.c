/* A story for people: see story_print.h. */
#include "cli/story_print.h"

#include "derive/check.h"
#include "derive/register.h"
#include "model/unit.h"

#include <inttypes.h>

struct page {
    const struct bb_story *s;
    const struct bb_zone *zone;
    struct bb_buffer *out;
};

static void put(const struct page *p, const char *text) {
    bb_buffer_append_span(p->out, bb_span_of(text));
}

static void put_time(const struct page *p, int64_t ms) {
    char text[BB_TIME_TEXT_MAX];
    size_t size = p->zone ? bb_time_format_offset(ms, bb_zone_offset_s(p->zone, ms), text)
                          : bb_time_format_utc(ms, text);

    bb_buffer_append(p->out, text, size);
}

static void put_stretch(const struct page *p, int64_t start_ms, int64_t end_ms) {
    put_time(p, start_ms);
    if (start_ms == end_ms)
        return;
    put(p, " to ");
    put_time(p, end_ms);
}

static void put_decimal(const struct page *p, struct bb_decimal value, bool trim) {
    char text[BB_DECIMAL_TEXT_MAX];

    bb_buffer_append(p->out, text, bb_decimal_format(value, trim, text));
}

static void put_amount(const struct page *p, struct bb_decimal value) {
    put_decimal(p, value, true);
    bb_buffer_format(p->out, " %s", bb_unit_symbol(p->s->value.unit));
}

/* "0.25 kWh  measured"; `trim`: not as sent. */
static void put_value(const struct page *p, const struct bb_story_value *v, bool trim) {
    if (v->has_value) {
        put_decimal(p, v->value, trim);
        bb_buffer_format(p->out, " %s", bb_unit_symbol(v->unit));
    } else {
        put(p, "no value");
    }
    put(p, "  ");
    bb_quality_format(&v->quality, p->out);
}

static void put_duration(const struct page *p, int64_t ms) {
    char text[BB_TIME_TEXT_MAX];

    bb_buffer_append(p->out, text, bb_duration_words(ms, text));
}

/* ---- the value */

static void put_head(const struct page *p) {
    const struct bb_story *s = p->s;

    bb_buffer_format(p->out, "%.*s  %.*s  lane %s", BB_SPAN_ARGS(s->usage_point),
                     BB_SPAN_ARGS(s->channel), bb_lanes[s->lane].name);
    if (s->as_of_ms != BB_TIME_NONE) {
        put(p, "  as of ");
        put_time(p, s->as_of_ms);
    }
    put(p, "\n");
    put_stretch(p, s->value.start_ms, s->value.end_ms);
    if (s->held != BB_STORY_EXACT) {
        put(p, s->held == BB_STORY_INSIDE ? ", which holds " : ", the reading nearest to ");
        put_time(p, s->asked_ms);
    }
    put(p, "\n  ");
    put_value(p, &s->value, s->lane != BB_LANE_RAW);
    if (s->value.has_range) {
        put(p, "  min ");
        put_amount(p, s->value.min);
        put(p, "  max ");
        put_amount(p, s->value.max);
    }
    put(p, "\n");
    if (s->has_factor && s->lane != BB_LANE_RAW) {
        put(p, "  the installation's factor ");
        put_decimal(p, s->factor, true);
        put(p, " applies to what is told\n");
    }
}

/* ---- versions */

static void put_source(const struct page *p, struct bb_span source) {
    if (source.size > 0)
        bb_buffer_append_span(p->out, source);
    else
        put(p, "a source without a name");
}

static void put_version(const struct page *p, const struct bb_story_version *v) {
    put(p, v->stands ? "  * " : "    ");
    put_value(p, &v->told, false);
    put(p, "\n      told ");
    put_time(p, v->recorded_ms);
    if (v->by_person) {
        bb_buffer_format(p->out, ": %s by %.*s: %.*s", bb_person_act_name((int)v->act),
                         BB_SPAN_ARGS(v->person.name), BB_SPAN_ARGS(v->person.reason));
    } else {
        put(p, " in ");
        put_source(p, v->first_source);
        if (v->line > 0 && v->received_ms == v->recorded_ms)
            bb_buffer_format(p->out, " line %" PRId64, v->line);
    }
    if (v->received_ms != v->recorded_ms) {
        put(p, "\n      again ");
        put_time(p, v->received_ms);
        if (!v->by_person) {
            put(p, " in ");
            put_source(p, v->source);
            if (v->line > 0)
                bb_buffer_format(p->out, " line %" PRId64, v->line);
        }
    }
    if (v->issued_ms != BB_TIME_NONE) {
        put(p, "\n      its sender's version of ");
        put_time(p, v->issued_ms);
    }
    bb_buffer_format(p->out, "\n      %s\n", v->why);
}

static void put_versions(const struct page *p) {
    if (p->s->is_period)
        return;
    put(p, p->s->version_count ? "\nwhat was told\n" : "\nnothing was told for this time\n");
    for (size_t i = 0; i < p->s->version_count; i++)
        put_version(p, &p->s->versions[i]);
}

/* ---- findings */

static void put_finding(const struct page *p, const struct bb_story_finding *f) {
    const struct bb_finding *found = &f->found;

    bb_buffer_format(p->out, "    %s: %s\n      at ", bb_check_name(found->check),
                     bb_check_steps[found->check].what ? bb_check_steps[found->check].what : "");
    if (found->from_ms < found->to_ms)
        put_stretch(p, found->from_ms, found->to_ms);
    else
        put_time(p, found->at_ms);
    bb_buffer_format(p->out, "; %.*s%s\n", BB_SPAN_ARGS(f->evidence),
                     found->hard ? "; an exception" : "");
}

static void put_saying(const struct page *p, const struct bb_saying *said) {
    char value[BB_DECIMAL_TEXT_MAX];

    bb_buffer_format(p->out, "    %.*s, version %.*s: %s", BB_SPAN_ARGS(said->rule),
                     BB_SPAN_ARGS(said->version), bb_saying_kind_name(said->kind));
    if (said->kind == BB_SAYING_ESTIMATE || said->kind == BB_SAYING_CORRECT) {
        bb_decimal_format(said->value, true, value);
        bb_buffer_format(p->out, " %s", value);
    }
    bb_buffer_format(p->out, ", %.*s", BB_SPAN_ARGS(said->reason));
    if (said->evidence.size > 0)
        bb_buffer_format(p->out, " %.*s", BB_SPAN_ARGS(said->evidence));
    put(p, "\n");
}

static void put_said(const struct page *p) {
    if (p->s->said_count > 0)
        put(p, "\nwhat rules said\n");
    for (size_t i = 0; i < p->s->said_count; i++)
        put_saying(p, &p->s->said[i]);
}

static void put_findings(const struct page *p) {
    const struct bb_story *s = p->s;

    if (s->lane == BB_LANE_RAW)
        return;
    put(p, s->finding_count ? "\nwhat checks found\n" : "\nchecks found nothing\n");
    for (size_t i = 0; i < s->finding_count; i++)
        put_finding(p, &s->findings[i]);
    if (s->finding_total > s->finding_count)
        bb_buffer_format(p->out, "    and %zu more\n", s->finding_total - s->finding_count);
}

/* ---- estimates */

static void put_end(const struct page *p, const char *which, const struct bb_story_value *end) {
    if (!end->has_value)
        return;
    bb_buffer_format(p->out, "    %s it ", which);
    put_value(p, end, true);
    put(p, "  ");
    put_stretch(p, end->start_ms, end->end_ms);
    put(p, "\n");
}

static void put_likes(const struct page *p) {
    const struct bb_story_estimate *e = &p->s->estimate;

    for (size_t i = 0; i < e->like_count; i++) {
        put(p, "    like ");
        put_stretch(p, e->like[i].start_ms, e->like[i].end_ms);
        put(p, "  ");
        put_amount(p, e->like[i].value);
        if (e->like[i].is_calmed) {
            put(p, ", with the readings beside it ");
            put_amount(p, e->like[i].calm);
        }
        put(p, e->like[i].used ? "\n" : "  only tells the error\n");
    }
}

/* "registers advanced 10 kWh from .. to ..: 1.8.0 from 100 kWh to 110 kWh" and what follows from it. */
static void put_total(const struct page *p) {
    const struct bb_story_estimate *e = &p->s->estimate;

    if (!e->has_total)
        return;
    put(p, "    registers advanced ");
    put_amount(p, e->advance);
    put(p, " from ");
    put_stretch(p, e->total_from_ms, e->total_to_ms);
    put(p, "\n");
    for (size_t i = 0; i < e->meter_count; i++) {
        const struct bb_story_meter *m = &e->meters[i];
        const char *unit = bb_unit_symbol(m->unit);
        bb_buffer_format(p->out, "      %.*s", BB_SPAN_ARGS(m->channel));
        if (m->has_from && m->has_to) {
            put(p, " from ");
            put_decimal(p, m->from, true);
            bb_buffer_format(p->out, " %s to ", unit);
            put_decimal(p, m->to, true);
            bb_buffer_format(p->out, " %s", unit);
        }
        put(p, "\n");
    }
    put(p, "      told ");
    put_amount(p, e->told);
    put(p, " in ");
    put_duration(p, e->told_ms);
    put(p, ", missing ");
    put_amount(p, e->missing);
    put(p, " in ");
    put_duration(p, e->total_to_ms - e->total_from_ms - e->told_ms);
    put(p, "\n      ");
    put_stretch(p, e->part_from_ms, e->part_to_ms);
    put(p, " is scaled to ");
    put_amount(p, e->total);
    put(p, "\n");
}

static void put_estimate(const struct page *p) {
    const struct bb_story_estimate *e = &p->s->estimate;

    if (!p->s->is_estimate)
        return;
    bb_buffer_format(p->out, "\nhow it was estimated\n    method %s",
                     bb_method_name(p->s->value.quality.method));
    if (p->s->value.quality.method == BB_METHOD_PROFILE)
        bb_buffer_format(p->out, " %.*s", BB_SPAN_ARGS(p->s->profile));
    if (e->from_ms < e->to_ms) {
        bb_buffer_format(p->out, ", %" PRId64 " intervals from ", e->intervals);
        put_stretch(p, e->from_ms, e->to_ms);
    }
    put(p, "\n");
    put_end(p, "before", &e->before);
    put_end(p, "behind", &e->after);
    put_likes(p);
    put_total(p);
    if (e->has_band) {
        put(p, "    9 of 10 such estimates were right within ");
        put_amount(p, e->band);
        put(p, "\n");
    }
}

/* ---- periods */

static void put_reading(const struct page *p, struct bb_decimal reading) {
    put_decimal(p, reading, true);
    bb_buffer_format(p->out, " %s", bb_unit_symbol(p->s->period.reading_unit));
}

/* "the device was put in" and what it showed, when something begins or ends with a device. */
static void put_device_end(const struct page *p, const struct bb_story_part *part, bool out) {
    put(p, out ? ", taken out at " : ", put in at ");
    put_reading(p, out ? part->to : part->from);
    if (!part->end_told[out])
        put(p, " (nobody told: taken so that less counts)");
}

/* What a register did: "device E1 from 100 kWh to 118 kWh, taken out at 118 kWh". */
static void put_register(const struct page *p, const struct bb_story_part *part) {
    static const char *const events[BB_STORY_EVENTS] = {
        [BB_STORY_ROSE] = "",
        [BB_STORY_ROLLOVER] = "rollover",
        [BB_STORY_EXCHANGE] = "exchange",
        [BB_STORY_RESET] = "reset: it began again at 0",
        [BB_STORY_REVERSE] = "it ran backwards",
        [BB_STORY_FELL] = "it fell, and nothing says why: it counts nothing"};

    put(p, "\n      ");
    if (part->ends & BB_PIECE_HOLE) {
        put(p, "exchange: no device was there, nothing counts");
        return;
    }
    if (part->event != BB_STORY_ROSE)
        bb_buffer_format(p->out, "%s, ", events[part->event]);
    if (part->device.size > 0)
        bb_buffer_format(p->out, "device %.*s ", BB_SPAN_ARGS(part->device));
    put(p, "from ");
    put_reading(p, part->from);
    put(p, " to ");
    put_reading(p, part->to);
    if (part->ends & BB_PIECE_OPENS)
        put_device_end(p, part, false);
    if (part->ends & BB_PIECE_CLOSES)
        put_device_end(p, part, true);
    if (part->turn.mantissa != 0) {
        put(p, ", over its top at ");
        put_reading(p, part->turn);
    }
    if (part->event == BB_STORY_RESET) {
        put(p, "; it showed ");
        put_reading(p, part->last);
        put(p, " before");
    }
    if (part->factor.mantissa != 1 || part->factor.exponent != 0) {
        put(p, ", times ");
        put_decimal(p, part->factor, true);
    }
    if (part->carried.mantissa != 0) {
        put(p, ", and ");
        put_amount(p, part->carried);
        put(p, " of the device before");
    }
}

static void put_part(const struct page *p, const struct bb_story_part *part) {
    static const char *const nouns[BB_KIND_COUNT] = {[BB_KIND_INTERVAL] = "intervals",
                                                     [BB_KIND_REGISTER] = "stretches",
                                                     [BB_KIND_GAUGE] = "readings"};

    put(p, "    ");
    put_stretch(p, part->start_ms, part->end_ms);
    put(p, "  ");
    if (part->has_value)
        put_amount(p, part->amount);
    else
        put(p, "no value");
    put(p, "  ");
    bb_quality_format(&part->quality, p->out);
    if (part->count > 1)
        bb_buffer_format(p->out, "  %" PRIu64 " %s%s", part->count, nouns[p->s->kind],
                         p->s->kind == BB_KIND_GAUGE ? ", their sum" : "");
    if (part->estimated)
        put(p, "  estimated");
    if (p->s->kind == BB_KIND_REGISTER)
        put_register(p, part);
    put(p, "\n");
    if (part->start_ms == part->whole_start_ms && part->end_ms == part->whole_end_ms)
        return;
    put(p, "      ");
    put_duration(p, part->end_ms - part->start_ms);
    put(p, " of ");
    put_duration(p, part->whole_end_ms - part->whole_start_ms);
    put(p, ", ");
    put_stretch(p, part->whole_start_ms, part->whole_end_ms);
    if (part->has_value) {
        put(p, ", which came to ");
        put_amount(p, part->whole);
    }
    put(p, "\n");
}

static void put_aside(const struct page *p, const struct bb_story_aside *aside) {
    put(p, "    set aside: ");
    put_reading(p, aside->reading.value);
    put(p, " at ");
    put_time(p, aside->reading.end_ms);
    bb_buffer_format(p->out, ": %s\n", aside->why);
}

static void put_share(const struct page *p, int64_t part_ms) {
    int64_t permille = p->s->period.length_ms > 0
                           ? (part_ms * 1000 + p->s->period.length_ms / 2) / p->s->period.length_ms
                           : 0;

    bb_buffer_format(p->out, "%" PRId64 ".%" PRId64 " %%", permille / 10, permille % 10);
}

static void put_ends(const struct page *p) {
    const struct bb_story_period *period = &p->s->period;

    if (period->has_start) {
        put(p, "    the register at its start ");
        put_reading(p, period->at_start);
        put(p, "\n");
    }
    if (period->has_end) {
        put(p, "    the register at its end   ");
        put_reading(p, period->at_end);
        put(p, "\n");
    }
}

static void put_period(const struct page *p) {
    static const char *const names[] = {"hour", "day", "month", "year"};
    const struct bb_story_period *period = &p->s->period;
    struct bb_span like = p->s->kind == BB_KIND_REGISTER ? p->s->profile : BB_SPAN("");

    if (!p->s->is_period)
        return;
    bb_buffer_format(p->out, "\nhow it is made up\n    a local %s of zone %s",
                     names[period->period], period->zone);
    if (period->day_start_s)
        bb_buffer_format(p->out, ", whose days begin at %02d:%02d", period->day_start_s / 3600,
                         period->day_start_s / 60 % 60);
    put(p, ", ");
    put_duration(p, period->length_ms);
    put(p, " long\n");
    for (size_t i = 0; i < period->part_count; i++)
        put_part(p, &period->parts[i]);
    for (size_t i = 0; i < period->aside_count; i++)
        put_aside(p, &period->asides[i]);
    put_ends(p);
    bool one = period->values == 1;
    bb_buffer_format(p->out, "    %" PRIu64 " %s; covered ", period->values,
                     p->s->kind == BB_KIND_INTERVAL
                         ? (one ? "interval" : "intervals, summed exactly")
                     : p->s->kind == BB_KIND_REGISTER
                         ? (one ? "stretch between readings" : "stretches between readings")
                         : (one ? "reading" : "readings, their mean"));
    put_share(p, period->covered_ms);
    put(p, ", measured ");
    put_share(p, period->measured_ms);
    put(p, "\n");
    if (period->exponent < BB_DECIMAL_MAX_EXPONENT)
        bb_buffer_format(p->out,
                         "    what is cut at its ends is cut %s%.*s and rounded half to even at "
                         "10^%d; the parts of a whole sum to it\n",
                         like.size > 0 ? "like profile " : "by time", BB_SPAN_ARGS(like),
                         period->exponent);
}

void bb_story_print(const struct bb_story *story, const struct bb_zone *zone,
                    struct bb_buffer *out) {
    const struct page page = {story, zone, out};

    put_head(&page);
    put_versions(&page);
    put_findings(&page);
    put_said(&page);
    put_estimate(&page);
    put_period(&page);
}
