/* Channels that rules make, as they are read: see made_channel.h and query_internal.h.
 *
 *   lane rules of the channel that the rule judges ─┐
 *                                                   ├─► rows as if they had been sent ─► lanes, made when asked for
 *   its lane vee: how long each interval is ────────┘
 */
#include "service/query_internal.h"

#include "service/made_channel.h"

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a channel that rules make");
}

/* ---- opened -------------------------------------------------------------------------------------- */

/* No check, no estimate: what a rule made is what it said. */
static const struct bb_pipeline no_steps;

/* Its days may be all those of which the other one has rows. */
static bool cover(const struct bb_query_channel *of, struct bb_coverage *out) {
    const struct bb_coverage *c = &of->coverage;

    *out = (struct bb_coverage){.longest_s = c->longest_s};
    if (c->count == 0)
        return true;
    out->runs = bb_arena_take_array(of->arena, 1, sizeof *out->runs);
    if (!out->runs)
        return false;
    *out->runs = (struct bb_day_run){c->runs[0].first, c->runs[c->count - 1].last +
                                                           (of->tick_ms ? BB_TICK_DAYS + 1 : 0)};
    out->count = out->capacity = 1;
    return true;
}

struct opening {
    struct bb_query_channel *of, *out;
    const struct bb_made_name *name;
};

/* A bb_made_visit; 1: it is this one. */
static int take_unit(void *context, const struct bb_made_name *name, int unit) {
    const struct opening *o = context;

    if (!bb_span_equal(name->rule, o->name->rule) || !bb_span_equal(name->output, o->name->output))
        return 0;
    o->out->channel.derived_unit = o->out->channel.metered_unit = (uint8_t)unit;
    o->out->record.derived_unit = (int16_t)unit;
    o->out->record.unit = o->out->record.metered_unit = (uint8_t)unit;
    return 1;
}

int bb_query_made_open(struct bb_query_channel *of, const struct bb_made_name *name,
                       struct bb_query_channel *out, struct bb_error *error) {
    struct bb_buffer text;

    *out = *of;
    out->of = of;
    out->made = *name;
    out->companions = out->besides = NULL;
    out->companion_count = out->beside_count = 0;
    out->vee_count = out->vee_capacity = out->stretch_count = out->stretch_capacity = 0;
    out->tick_ms = 0;
    out->channel.one_way = false;
    out->channel.installations = NULL;
    out->channel.installation_count = 0;
    out->channel.capacity = 0;
    out->channel.profile = NULL;
    out->channel.pipeline = &no_steps;
    out->channel.rules = NULL;
    out->channel.rule_count = 0;
    out->record.obis = BB_SPAN("");
    out->record.rules_hash = 0;
    struct opening opening = {of, out, name};
    if (bb_made_each(name->channel, of->channel.rules, of->channel.rule_count, take_unit,
                     &opening) == 0)
        return BB_ABSENT;
    bb_buffer_init(&text, 3 * BB_NAME_MAX);
    bb_made_name_format(name, &text);
    out->name = bb_arena_copy(of->arena, bb_buffer_span(&text));
    bb_buffer_release(&text);
    return out->name.data && cover(of, &out->coverage) ? BB_FOUND : no_memory(error);
}

/* ---- its rows ------------------------------------------------------------------------------------ */

/* How long the interval is that ends then; 0: an instant. */
static uint32_t length_at(const struct bb_window *points, int64_t end_ms) {
    size_t at = bb_window_after(points, end_ms - 1);

    return at < points->count && points->points[at].end_ms == end_ms
               ? (uint32_t)((end_ms - points->points[at].start_ms) / BB_SECOND_MS)
               : 0;
}

int bb_query_made_of_day(struct bb_query_channel *c, int32_t day, struct bb_block *out,
                         struct bb_error *error) {
    struct bb_sayings said;
    struct bb_window points;

    *out = (struct bb_block){.lane = BB_LANE_RAW};
    int result = bb_query_said_of_day(c->of, day, &said, error);
    if (result || said.count == 0)
        return result;
    result = bb_query_vee_of_day(c->of, day, &points, error);
    if (result)
        return result;
    struct bb_attribute *attributes = bb_arena_take_array(c->arena, said.count, sizeof *attributes);
    if (!attributes || !bb_block_init(out, BB_LANE_RAW, said.count, c->arena))
        return no_memory(error);
    for (size_t i = 0; i < said.count; i++) {
        const struct bb_saying *s = &said.items[i];
        if (s->kind != BB_SAYING_MAKE || !bb_span_equal(s->rule, c->made.rule) ||
            !bb_span_equal(s->reason, c->made.output))
            continue;
        const uint32_t row = out->count++;
        attributes[row] = (struct bb_attribute){
            .quality = {.state = BB_STATE_ESTIMATED, .method = BB_METHOD_RULE},
            .length_s = length_at(&points, s->at_ms),
            .unit = c->channel.metered_unit,
            .exponent = s->value.exponent};
        out->end_ms[row] = out->recorded_ms[row] = s->at_ms;
        out->received_ms[row] = out->issued_ms[row] = s->at_ms;
        out->origin[row] = out->rivals[row] = 0;
        out->mantissa[row] = s->value.mantissa;
        out->attribute[row] = row;
    }
    out->attributes = (struct bb_attribute_set){.items = attributes,
                                                .count = out->count,
                                                .capacity = (uint32_t)said.count,
                                                .borrowed = true};
    return 0;
}
