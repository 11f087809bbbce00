/* A story as JSON: see story_json.h. */
#include "answer/story_json.h"

#include "derive/check.h"
#include "derive/register.h"
#include "model/unit.h"

struct object {
    const struct bb_story *s;
    const struct bb_zone *zone;
    struct bb_json *json;
};

/* BB_TIME_NONE is null. */
static void put_time(const struct object *o, const char *key, int64_t ms) {
    char text[BB_TIME_TEXT_MAX];

    bb_json_key(o->json, key);
    if (ms == BB_TIME_NONE) {
        bb_json_null(o->json);
        return;
    }
    size_t size = o->zone ? bb_time_format_offset(ms, bb_zone_offset_s(o->zone, ms), text)
                          : bb_time_format_utc(ms, text);
    bb_json_text(o->json, (struct bb_span){text, size});
}

static void put_decimal(const struct object *o, const char *key, bool there,
                        struct bb_decimal value, bool trim) {
    char text[BB_DECIMAL_TEXT_MAX];

    bb_json_key(o->json, key);
    if (there)
        bb_json_raw(o->json, (struct bb_span){text, bb_decimal_format(value, trim, text)});
    else
        bb_json_null(o->json);
}

static void put_quality(const struct object *o, const struct bb_quality *quality) {
    struct bb_buffer text;

    bb_buffer_init(&text, 4096);
    bb_quality_format(quality, &text);
    bb_json_put_text(o->json, "quality", bb_buffer_span(&text));
    bb_buffer_release(&text);
}

static void put_value(const struct object *o, const struct bb_story_value *v, bool trim) {
    put_time(o, "start", v->start_ms);
    put_time(o, "end", v->end_ms);
    put_decimal(o, "value", v->has_value, v->value, trim);
    bb_json_put_text(o->json, "unit", bb_span_of(bb_unit_symbol(v->unit)));
    put_quality(o, &v->quality);
    if (v->has_range) {
        put_decimal(o, "min", true, v->min, true);
        put_decimal(o, "max", true, v->max, true);
    }
}

static void put_version(const struct object *o, const struct bb_story_version *v) {
    bb_json_object_begin(o->json);
    put_value(o, &v->told, false);
    put_time(o, "recorded", v->recorded_ms);
    bb_json_put_text(o->json, "first_source", v->first_source);
    put_time(o, "received", v->received_ms);
    bb_json_put_text(o->json, "source", v->source);
    bb_json_put_i64(o->json, "line", v->line);
    put_time(o, "issued", v->issued_ms);
    if (v->by_person) {
        bb_json_put_text(o->json, "act", bb_span_of(bb_person_act_name((int)v->act)));
        bb_json_put_text(o->json, "by", v->person.name);
        bb_json_put_text(o->json, "reason", v->person.reason);
    }
    bb_json_put_bool(o->json, "stands", v->stands);
    bb_json_put_text(o->json, "why", bb_span_of(v->why));
    bb_json_object_end(o->json);
}

static void put_finding(const struct object *o, const struct bb_story_finding *f) {
    const struct bb_finding *found = &f->found;

    bb_json_object_begin(o->json);
    bb_json_put_text(o->json, "check", bb_span_of(bb_check_name(found->check)));
    bb_json_put_text(o->json, "what", bb_span_of(bb_check_steps[found->check].what));
    bb_json_put_bool(o->json, "hard", found->hard);
    put_time(o, "at", found->at_ms);
    put_time(o, "from", found->from_ms);
    put_time(o, "to", found->to_ms);
    put_decimal(o, "a", true, (struct bb_decimal){found->a, found->exponent}, true);
    put_decimal(o, "b", true, (struct bb_decimal){found->b, found->exponent}, true);
    bb_json_put_text(o->json, "evidence", f->evidence);
    bb_json_object_end(o->json);
}

static void put_saying(const struct object *o, const struct bb_saying *said) {
    bb_json_object_begin(o->json);
    bb_json_put_text(o->json, "rule", said->rule);
    bb_json_put_text(o->json, "version", said->version);
    bb_json_put_text(o->json, "said", bb_span_of(bb_saying_kind_name(said->kind)));
    put_time(o, "at", said->at_ms);
    put_decimal(o, "value", said->kind == BB_SAYING_ESTIMATE || said->kind == BB_SAYING_CORRECT,
                said->value, true);
    bb_json_put_text(o->json, "reason", said->reason);
    bb_json_key(o->json, "evidence");
    if (said->evidence.size > 0 && said->kind != BB_SAYING_TAG)
        bb_json_raw(o->json, said->evidence);
    else if (said->evidence.size > 0)
        bb_json_text(o->json, said->evidence);
    else
        bb_json_null(o->json);
    bb_json_object_end(o->json);
}

static void put_end(const struct object *o, const char *key, const struct bb_story_value *end) {
    bb_json_key(o->json, key);
    if (!end->has_value) {
        bb_json_null(o->json);
        return;
    }
    bb_json_object_begin(o->json);
    put_value(o, end, true);
    bb_json_object_end(o->json);
}

static void put_likes(const struct object *o) {
    const struct bb_story_estimate *e = &o->s->estimate;

    bb_json_key(o->json, "like_days");
    bb_json_array_begin(o->json);
    for (size_t i = 0; i < e->like_count; i++) {
        bb_json_object_begin(o->json);
        put_time(o, "start", e->like[i].start_ms);
        put_time(o, "end", e->like[i].end_ms);
        put_decimal(o, "value", true, e->like[i].value, true);
        bb_json_put_bool(o->json, "used", e->like[i].used);
        put_decimal(o, "with_neighbours", e->like[i].is_calmed, e->like[i].calm, true);
        bb_json_object_end(o->json);
    }
    bb_json_array_end(o->json);
}

static void put_meter(const struct object *o, const struct bb_story_meter *m) {
    bb_json_object_begin(o->json);
    bb_json_put_text(o->json, "channel", m->channel);
    put_decimal(o, "from_reading", m->has_from, m->from, true);
    put_decimal(o, "to_reading", m->has_to, m->to, true);
    bb_json_put_text(o->json, "unit", bb_span_of(bb_unit_symbol(m->unit)));
    bb_json_object_end(o->json);
}

/* What the registers say; null when the method does not follow them. */
static void put_total(const struct object *o) {
    const struct bb_story_estimate *e = &o->s->estimate;

    bb_json_key(o->json, "registers");
    if (!e->has_total) {
        bb_json_null(o->json);
        return;
    }
    bb_json_object_begin(o->json);
    put_time(o, "from", e->total_from_ms);
    put_time(o, "to", e->total_to_ms);
    bb_json_key(o->json, "meters");
    bb_json_array_begin(o->json);
    for (size_t i = 0; i < e->meter_count; i++)
        put_meter(o, &e->meters[i]);
    bb_json_array_end(o->json);
    put_decimal(o, "advance", true, e->advance, true);
    put_decimal(o, "told", true, e->told, true);
    bb_json_put_i64(o->json, "told_seconds", e->told_ms / BB_SECOND_MS);
    put_decimal(o, "missing", true, e->missing, true);
    put_time(o, "part_from", e->part_from_ms);
    put_time(o, "part_to", e->part_to_ms);
    put_decimal(o, "scaled_to", true, e->total, true);
    bb_json_object_end(o->json);
}

static void put_estimate(const struct object *o) {
    const struct bb_story_estimate *e = &o->s->estimate;
    bool known = e->from_ms < e->to_ms;

    bb_json_key(o->json, "estimate");
    if (!o->s->is_estimate) {
        bb_json_null(o->json);
        return;
    }
    bb_json_object_begin(o->json);
    bb_json_put_text(o->json, "method", bb_span_of(bb_method_name(o->s->value.quality.method)));
    put_time(o, "from", known ? e->from_ms : BB_TIME_NONE);
    put_time(o, "to", known ? e->to_ms : BB_TIME_NONE);
    bb_json_put_i64(o->json, "intervals", e->intervals);
    put_end(o, "before", &e->before);
    put_end(o, "after", &e->after);
    put_decimal(o, "band", e->has_band, e->band, true);
    put_likes(o);
    put_total(o);
    bb_json_object_end(o->json);
}

static void put_end_told(const struct object *o, const char *key, const struct bb_story_part *part,
                         bool out) {
    bb_json_key(o->json, key);
    if (!(part->ends & (out ? BB_PIECE_CLOSES : BB_PIECE_OPENS)))
        bb_json_null(o->json);
    else
        bb_json_text(o->json, bb_span_of(part->end_told[out] ? "told" : "assumed"));
}

static void put_register(const struct object *o, const struct bb_story_part *part) {
    static const char *const events[BB_STORY_EVENTS] = {
        [BB_STORY_ROSE] = "rise",         [BB_STORY_ROLLOVER] = "rollover",
        [BB_STORY_EXCHANGE] = "exchange", [BB_STORY_RESET] = "reset",
        [BB_STORY_REVERSE] = "reverse",   [BB_STORY_FELL] = "fall"};
    bool hole = part->ends & BB_PIECE_HOLE;

    bb_json_put_text(o->json, "event", bb_span_of(events[part->event]));
    bb_json_put_text(o->json, "device", hole ? BB_SPAN("") : part->device);
    put_decimal(o, "from_reading", !hole, part->from, true);
    put_decimal(o, "to_reading", !hole, part->to, true);
    put_decimal(o, "factor", !hole, part->factor, true);
    put_end_told(o, "opening", part, false);
    put_end_told(o, "closing", part, true);
    put_decimal(o, "turned_over_at", part->turn.mantissa != 0, part->turn, true);
    put_decimal(o, "carried", part->carried.mantissa != 0, part->carried, true);
    put_decimal(o, "last_reading", true, part->last, true);
    put_time(o, "last_time", part->last_ms);
}

static void put_part(const struct object *o, const struct bb_story_part *part) {
    bb_json_object_begin(o->json);
    put_time(o, "start", part->start_ms);
    put_time(o, "end", part->end_ms);
    bb_json_put_u64(o->json, "count", part->count);
    put_decimal(o, "amount", part->has_value, part->amount, true);
    put_quality(o, &part->quality);
    bb_json_put_bool(o->json, "estimated", part->estimated);
    put_time(o, "whole_start", part->whole_start_ms);
    put_time(o, "whole_end", part->whole_end_ms);
    put_decimal(o, "whole", part->has_value, part->whole, true);
    if (o->s->kind == BB_KIND_REGISTER)
        put_register(o, part);
    bb_json_object_end(o->json);
}

static void put_share(const struct object *o, const char *key, int64_t part_ms) {
    int64_t length_ms = o->s->period.length_ms;

    bb_json_put_double(o->json, key, length_ms > 0 ? (double)part_ms / (double)length_ms : 0);
}

static void put_period(const struct object *o) {
    const struct bb_story_period *p = &o->s->period;

    bb_json_key(o->json, "period");
    if (!o->s->is_period) {
        bb_json_null(o->json);
        return;
    }
    bb_json_object_begin(o->json);
    bb_json_put_text(o->json, "lane", bb_span_of(bb_lanes[o->s->lane].name));
    bb_json_put_text(o->json, "zone", bb_span_of(p->zone));
    bb_json_put_i64(o->json, "day_start_seconds", p->day_start_s);
    bb_json_put_u64(o->json, "values", p->values);
    put_share(o, "covered_share", p->covered_ms);
    put_share(o, "measured_share", p->measured_ms);
    put_decimal(o, "register_at_start", p->has_start, p->at_start, true);
    put_decimal(o, "register_at_end", p->has_end, p->at_end, true);
    bb_json_key(o->json, "rounded_at_exponent");
    if (p->exponent < BB_DECIMAL_MAX_EXPONENT)
        bb_json_i64(o->json, p->exponent);
    else
        bb_json_null(o->json);
    bb_json_key(o->json, "parts");
    bb_json_array_begin(o->json);
    for (size_t i = 0; i < p->part_count; i++)
        put_part(o, &p->parts[i]);
    bb_json_array_end(o->json);
    bb_json_key(o->json, "set_aside");
    bb_json_array_begin(o->json);
    for (size_t i = 0; i < p->aside_count; i++) {
        bb_json_object_begin(o->json);
        put_value(o, &p->asides[i].reading, true);
        bb_json_put_text(o->json, "why", bb_span_of(p->asides[i].why));
        bb_json_object_end(o->json);
    }
    bb_json_array_end(o->json);
    bb_json_object_end(o->json);
}

void bb_story_put_json(const struct bb_story *s, const struct bb_zone *zone, struct bb_json *json) {
    static const char *const held[] = {
        [BB_STORY_EXACT] = "exact", [BB_STORY_INSIDE] = "inside", [BB_STORY_NEAREST] = "nearest"};
    const struct object o = {s, zone, json};

    bb_json_object_begin(json);
    bb_json_put_text(json, "usage_point", s->usage_point);
    bb_json_put_text(json, "channel", s->channel);
    bb_json_put_text(json, "kind", bb_span_of(bb_kind_name(s->kind)));
    bb_json_put_text(json, "lane", bb_span_of(bb_lanes[s->lane].name));
    put_time(&o, "as_of", s->as_of_ms);
    put_time(&o, "at", s->asked_ms);
    bb_json_put_text(json, "held", bb_span_of(held[s->held]));
    put_value(&o, &s->value, s->lane != BB_LANE_RAW);
    put_decimal(&o, "factor", s->has_factor, s->factor, true);
    if (s->profile.size > 0)
        bb_json_put_text(json, "profile", s->profile);
    bb_json_key(json, "versions");
    bb_json_array_begin(json);
    for (size_t i = 0; i < s->version_count; i++)
        put_version(&o, &s->versions[i]);
    bb_json_array_end(json);
    bb_json_key(json, "findings");
    bb_json_array_begin(json);
    for (size_t i = 0; i < s->finding_count; i++)
        put_finding(&o, &s->findings[i]);
    bb_json_array_end(json);
    bb_json_put_u64(json, "findings_total", s->finding_total);
    bb_json_key(json, "rules");
    bb_json_array_begin(json);
    for (size_t i = 0; i < s->said_count; i++)
        put_saying(&o, &s->said[i]);
    bb_json_array_end(json);
    put_estimate(&o);
    put_period(&o);
    bb_json_object_end(json);
}
