/* Derivation of one channel: see derivation.h. One worker, one thread; no I/O but through the view. */
#include "service/derivation_internal.h"

#include "derive/estimate.h"

#include "base/list.h"

#include <stdlib.h>

enum { PLAN_GAP_DAYS = 8 /* readings further apart are planned apart */ };

int bb_derivation_fetch(struct bb_derivation_work *w, struct bb_plan_key key,
                        struct bb_span *packed, struct bb_error *error) {
    const struct bb_derivation *d = w->d;
    const size_t beside = key.companion > w->companion_count ? key.companion - w->companion_count
                                                             : 0;
    const struct bb_channel_slot *slot =
        beside          ? &w->channels->slots[w->beside_slots[beside - 1]]
        : key.companion ? &w->channels->slots[w->companion_slots[key.companion - 1]]
                        : w->slot;
    size_t end = key.companion ? slot->output_to : d->output_count;

    for (size_t i = end; i-- > slot->output_from;) {
        const struct bb_output *o = &d->outputs[i];
        if (o->key.lane == key.lane && o->key.span == key.span) {
            *packed = (struct bb_span){d->packed.data + o->offset, o->size};
            /* The buffer may move while the plan writes: borrow a copy. */
            if (o->size > 0)
                *packed = bb_arena_copy(&w->d->plan, *packed);
            return o->size == 0 || packed->data ? 0 : bb_derivation_no_memory(error);
        }
    }
    if (slot->is_new) { /* its number was given in this commit: the store has nothing of it */
        *packed = (struct bb_span){NULL, 0};
        return 0;
    }
    struct bb_block_key block = {slot->record.number, key.span, key.lane};
    int result = d->store->ops->block_get(w->view, &block, packed, error);
    if (result == BB_ABSENT)
        *packed = (struct bb_span){NULL, 0};
    return result < 0 ? result : 0;
}

static int collect_outputs(struct bb_derivation_work *w, const struct bb_plan *plan,
                           struct bb_error *error) {
    struct bb_derivation *d = w->d;

    for (size_t i = 0; i < plan->write_count; i++) {
        const struct bb_plan_write *write = &plan->writes[i];
        if (!bb_list_room(&d->outputs, d->output_count, &d->output_capacity, sizeof d->outputs[0]))
            return bb_derivation_no_memory(error);
        d->outputs[d->output_count] = (struct bb_output){
            {w->slot->record.number, write->key.span, write->key.lane},
            (uint32_t)d->output_count,
            write->offset,
            write->size,
            write->is_new};
        d->output_count++;
    }
    return 0;
}

static int collect_changed(struct bb_derivation_work *w, const struct bb_told *told, size_t count,
                           uint64_t changed, struct bb_error *error) {
    if (changed == 0)
        return 0;
    struct bb_outbox_record record = {.kind = BB_OUTBOX_CHANGED,
                                      .recorded_ms = w->recorded_ms,
                                      .tenant = bb_channel_slot_tenant(w->slot),
                                      .usage_point = bb_channel_slot_usage_point(w->slot),
                                      .channel = bb_channel_slot_channel(w->slot),
                                      .from_ms = told[0].end_ms,
                                      .to_ms = told[count - 1].end_ms,
                                      .a = (int64_t)changed,
                                      .body = BB_SPAN("")};
    return bb_derivation_put_outbox(w->d, &record, error);
}

int bb_derivation_usage_point(struct bb_derivation_work *w, struct bb_master *up,
                              struct bb_error *error) {
    int result = bb_channel_table_master(w->channels, w->view, &w->gather->masters,
                                         BB_MASTER_USAGE_POINT, bb_channel_slot_tenant(w->slot),
                                         bb_channel_slot_usage_point(w->slot), &w->d->plan, up,
                                         error);

    w->usage_point = result == BB_FOUND ? &up->usage_point : NULL;
    return result < 0 ? result : 0;
}

/* What the channel's rule says, from whoever runs it. */
static int answer(struct bb_derivation_work *w, struct bb_plan *plan, struct bb_error *error) {
    struct bb_arena *arena = &w->d->plan;
    struct bb_plant *plant = w->channels->plant;
    struct bb_rule_question question = {.tenant = bb_channel_slot_tenant(w->slot),
                                        .usage_point = bb_channel_slot_usage_point(w->slot),
                                        .channel = bb_channel_slot_channel(w->slot),
                                        .ask = &plan->ask};
    struct bb_sayings said;
    struct bb_master up;

    int result = bb_derivation_usage_point(w, &up, error);
    if (result)
        return result;
    question.about = w->usage_point;
    result = plant->judge(plant->judge_context, &question, arena, &said, error);
    return result < 0 ? result : bb_plan_answer(plan, said.items, said.count, error);
}

static int run_plan(struct bb_derivation_work *w, const struct bb_plan_input *input,
                    struct bb_error *error) {
    struct bb_derivation *d = w->d;
    struct bb_plan plan;
    int result;

    bb_plan_begin(&plan, input, &d->plan, &d->packed);
    while ((result = bb_plan_run(&plan, error)) > BB_PLAN_DONE) {
        if (result == BB_PLAN_ASK) {
            result = answer(w, &plan, error);
            if (result)
                return result;
            continue;
        }
        for (size_t i = 0; i < plan.need_count; i++) {
            struct bb_span packed;
            result = bb_derivation_fetch(w, plan.needs[i], &packed, error);
            if (!result)
                result = bb_plan_supply(&plan, plan.needs[i], packed, error);
            if (result)
                return result;
        }
    }
    if (result)
        return result;
    w->plan_count++;
    w->coverage_changed |= plan.coverage_changed;
    if (plan.dirty) {
        w->judged_from = plan.judge_from < w->judged_from ? plan.judge_from : w->judged_from;
        w->judged_to = plan.judge_to > w->judged_to ? plan.judge_to : w->judged_to;
    }
    d->counts.added += plan.counts.added;
    d->counts.duplicate += plan.counts.duplicate;
    d->counts.changed += plan.counts.changed;
    result = collect_outputs(w, &plan, error);
    if (!result)
        result = bb_derivation_note_exceptions(w, input, &plan, error);
    if (!result && input->told_count > 0)
        result = collect_changed(w, input->told, input->told_count, plan.counts.changed, error);
    return result;
}

static int by_time(const void *a, const void *b) {
    const struct bb_told *x = a, *y = b;

    if (x->end_ms != y->end_ms)
        return x->end_ms < y->end_ms ? -1 : 1;
    if (x->received_ms != y->received_ms)
        return x->received_ms < y->received_ms ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

static void sort_told(struct bb_told *told, size_t count) {
    for (size_t i = 1; i < count; i++) {
        if (told[i].end_ms < told[i - 1].end_ms) {
            qsort(told, count, sizeof *told, by_time);
            return;
        }
    }
}

static int32_t day_of(int64_t t) {
    return bb_lane_span_of(BB_LANE_RAW, t);
}

/* How many of told[0..count) one plan takes: days without a long hole, and not too many. */
static size_t plan_length(const struct bb_told *told, size_t count) {
    int32_t first = day_of(told[0].end_ms), previous = first;

    for (size_t i = 1; i < count; i++) {
        if (told[i].end_ms <= ((int64_t)previous + 1) * BB_DAY_MS)
            continue;
        int32_t day = day_of(told[i].end_ms);
        if (day - previous > PLAN_GAP_DAYS || day - first >= BB_PLAN_DAYS_MAX)
            return i;
        previous = day;
    }
    return count;
}

static int plan_told(struct bb_derivation_work *w, struct bb_told *told, size_t count,
                     struct bb_error *error) {
    int result = 0;

    sort_told(told, count);
    for (size_t at = 0; !result && at < count;) {
        size_t length = plan_length(told + at, count - at);
        struct bb_plan_input input = {.channel = &w->slot->channel,
                                      .coverage = &w->coverage,
                                      .companions = w->companions,
                                      .companion_count = w->companion_count,
                                      .besides = w->besides,
                                      .beside_count = w->beside_count,
                                      .tick_ms = w->tick_ms,
                                      .told = told + at,
                                      .told_count = length,
                                      .attributes = w->gather->attributes.items};
        for (size_t i = 0; i < length; i++)
            if (told[at + i].received_ms > w->recorded_ms)
                w->recorded_ms = told[at + i].received_ms;
        result = run_plan(w, &input, error);
        at += length;
    }
    return result;
}

/* Periods of another calendar end at other moments, a few of them in years without readings: forget
 * all period values before they are made anew. */
static int forget_periods(struct bb_derivation_work *w, struct bb_error *error) {
    const struct bb_coverage *c = &w->coverage;
    struct bb_derivation *d = w->d;

    if (c->count == 0)
        return 0;
    int32_t first = bb_lane_span_of(BB_LANE_DAY, c->runs[0].first * (int64_t)BB_DAY_MS -
                                                     c->longest_s * (int64_t)BB_SECOND_MS);
    int32_t last = bb_lane_span_of(BB_LANE_DAY, (c->runs[c->count - 1].last + BB_TICK_DAYS + 3) *
                                                    (int64_t)BB_DAY_MS);
    for (int32_t year = first; year <= last; year++) {
        struct bb_span packed;
        int result = bb_derivation_fetch(w, (struct bb_plan_key){BB_LANE_DAY, 0, year}, &packed,
                                         error);
        if (result)
            return result;
        if (packed.size == 0)
            continue;
        if (!bb_list_room(&d->outputs, d->output_count, &d->output_capacity, sizeof d->outputs[0]))
            return bb_derivation_no_memory(error);
        d->outputs[d->output_count] = (struct bb_output){
            {w->slot->record.number, year, BB_LANE_DAY},
            (uint32_t)d->output_count,
            d->packed.size,
            0,
            false};
        d->output_count++;
    }
    return 0;
}

static int plan_stretch(struct bb_derivation_work *w, int64_t from_ms, int64_t to_ms,
                        struct bb_error *error) {
    struct bb_plan_input input = {.channel = &w->slot->channel,
                                  .coverage = &w->coverage,
                                  .companions = w->companions,
                                  .companion_count = w->companion_count,
                                  .besides = w->besides,
                                  .beside_count = w->beside_count,
                                  .tick_ms = w->tick_ms,
                                  .force_from = from_ms,
                                  .force_to = to_ms};
    return run_plan(w, &input, error);
}

/* What the channel is has changed: derive all its days again, a stretch at a time. */
static int plan_again(struct bb_derivation_work *w, struct bb_error *error) {
    int result = forget_periods(w, error);

    for (uint32_t i = 0; !result && i < w->coverage.count; i++) {
        struct bb_day_run run = w->coverage.runs[i];
        for (int32_t day = run.first; !result && day <= run.last; day += BB_PLAN_DAYS_MAX) {
            int32_t end = day + BB_PLAN_DAYS_MAX - 1 < run.last ? day + BB_PLAN_DAYS_MAX - 1
                                                                : run.last;
            result = plan_stretch(w, day * (int64_t)BB_DAY_MS, (end + 1) * (int64_t)BB_DAY_MS,
                                  error);
        }
    }
    return result;
}

/* As much of (from, to] as lies in (of_from, of_to]. */
static int plan_within(struct bb_derivation_work *w, int64_t from, int64_t to, int64_t of_from,
                       int64_t of_to, struct bb_error *error) {
    const int64_t stretch_ms = BB_PLAN_DAYS_MAX * (int64_t)BB_DAY_MS;
    int result = 0;

    from = from > of_from ? from : of_from;
    to = to < of_to ? to : of_to;
    for (int64_t t = from; !result && t < to; t += stretch_ms)
        result = plan_stretch(w, t, t + stretch_ms < to ? t + stretch_ms : to, error);
    return result;
}

/* What the channel looks at has changed: registers beside it, other channels. Derive again what that bears on, as far as
 * the plans for its own readings did not come by; in gaps, too, where rows stand on days without readings. */
static int plan_forced(struct bb_derivation_work *w, struct bb_error *error) {
    const int64_t rows_ms = (BB_GAP_ROWS_DAYS + 2) * (int64_t)BB_DAY_MS;
    const int64_t from = w->slot->force_from, to = w->slot->force_to;
    int result = 0;

    if (from >= to || (w->plan_count == 1 && w->judged_from <= from && w->judged_to >= to))
        return 0;
    for (uint32_t i = 0; !result && i < w->coverage.count; i++) {
        int64_t begin = w->coverage.runs[i].first * (int64_t)BB_DAY_MS;
        int64_t end = ((int64_t)w->coverage.runs[i].last + 1) * BB_DAY_MS;
        int64_t next = i + 1 < w->coverage.count
                           ? w->coverage.runs[i + 1].first * (int64_t)BB_DAY_MS
                           : w->tick_ms;
        result = plan_within(w, from, to, begin, end, error);
        if (!result)
            result = plan_within(w, from, to, end, next < end + rows_ms ? next : end + rows_ms,
                                 error);
    }
    return result;
}

/* Was anything read on a day that counts? What is told may be that nothing is known. */
static int any_usable(struct bb_derivation_work *w, int32_t day, bool *any,
                      struct bb_error *error) {
    struct bb_block block;
    struct bb_span packed;
    int result = bb_derivation_fetch(w, (struct bb_plan_key){BB_LANE_RAW, 0, day}, &packed, error);

    *any = false;
    if (result || packed.size == 0)
        return result;
    result = bb_block_unpack(packed, &w->d->plan, &block, error);
    for (uint32_t row = 0; !result && row < block.count; row++)
        *any |= bb_attribute_usable(&w->slot->channel,
                                    &block.attributes.items[block.attribute[row]]);
    return result;
}

/* Time has come further: what is behind the last reading follows, if somebody still waits for more. */
static int plan_ticked(struct bb_derivation_work *w, struct bb_error *error) {
    const struct bb_coverage *c = &w->coverage;

    if (!w->slot->ticked || c->count == 0 || w->slot->record.kind != BB_KIND_INTERVAL)
        return 0;
    int32_t last_day = c->runs[c->count - 1].last;
    int64_t last_day_ms = last_day * (int64_t)BB_DAY_MS;
    bool since = false;
    if (w->stored_tick_ms > last_day_ms + (BB_TICK_DAYS + 1) * (int64_t)BB_DAY_MS)
        return 0; /* nobody waits any longer */
    if (w->tick_ms <= last_day_ms) {
        int result = any_usable(w, last_day, &since, error);
        if (result || since)
            return result; /* readings have come since */
    }
    return plan_stretch(w, last_day_ms, last_day_ms + BB_DAY_MS, error);
}

int bb_derivation_coverage(struct bb_derivation_work *w, const struct bb_channel_slot *slot,
                           struct bb_coverage *coverage, struct bb_error *error) {
    char key[4];
    struct bb_span value = slot->coverage, name = {key, sizeof key};
    int result = BB_FOUND;

    *coverage = (struct bb_coverage){0};
    if (value.size == 0 && slot->is_new)
        return 0;
    bb_big_endian(slot->record.number, sizeof key, key);
    if (value.size == 0)
        result = w->d->store->ops->name_get(w->view, BB_NAME_COVERAGE, name, &value, error);
    if (result == BB_FOUND)
        return bb_coverage_unpack(value, &w->d->plan, coverage, error);
    return result < 0 ? result : 0;
}

static int write_channel(struct bb_derivation_work *w, struct bb_span number,
                         struct bb_error *error) {
    struct bb_channel_slot *slot = w->slot;
    struct bb_buffer b;

    if (!slot->changed)
        return 0;
    bb_buffer_init(&b, 64 << 10);
    bb_channel_record_encode(&slot->record, &b);
    struct bb_outbox_record record = {.kind = BB_OUTBOX_CHANNEL,
                                      .recorded_ms = w->recorded_ms,
                                      .tenant = bb_channel_slot_tenant(slot),
                                      .usage_point = bb_channel_slot_usage_point(slot),
                                      .channel = bb_channel_slot_channel(slot),
                                      .body = bb_buffer_span(&b)};
    int result = b.overflow ? bb_derivation_no_memory(error)
                            : bb_derivation_put_outbox(w->d, &record, error);
    if (!result)
        result = bb_derivation_put_name(w->d, BB_NAME_CHANNEL, slot->key, bb_buffer_span(&b),
                                        error);
    if (!result && slot->is_new)
        result = bb_derivation_put_name(w->d, BB_NAME_CHANNEL_ID, number, slot->key, error);
    bb_buffer_release(&b);
    return result;
}

static int plan_pieces(struct bb_derivation_work *w, const struct bb_gather_piece *pieces,
                       size_t piece_count, struct bb_error *error) {
    size_t count;
    struct bb_told *told = bb_gather_told(w->gather, pieces, piece_count, &w->d->plan, &count);

    return told ? plan_told(w, told, count, error) : bb_derivation_no_memory(error);
}

static int write_coverage(struct bb_derivation_work *w, struct bb_error *error) {
    char key[4];
    struct bb_buffer b;

    if (!w->coverage_changed)
        return 0;
    bb_big_endian(w->slot->record.number, sizeof key, key);
    bb_buffer_init(&b, 1 << 20);
    bb_coverage_pack(&w->coverage, &b);
    int result = b.overflow ? bb_derivation_no_memory(error)
                            : bb_derivation_put_name(w->d, BB_NAME_COVERAGE,
                                                     (struct bb_span){key, sizeof key},
                                                     bb_buffer_span(&b), error);
    bb_buffer_release(&b);
    if (!result)
        w->slot->coverage = w->d->names[w->d->name_count - 1].value;
    return result;
}

int bb_derivation_channel(struct bb_derivation_work *w, uint32_t number,
                          const struct bb_gather_piece *pieces, size_t piece_count,
                          struct bb_error *error) {
    char key[4];

    bb_arena_reset(&w->d->plan);
    w->number = number;
    w->slot = &w->channels->slots[number];
    w->slot->output_from = w->d->output_count;
    w->coverage_changed = false;
    w->recorded_ms = w->slot->cause_ms;
    w->judged_from = INT64_MAX;
    w->judged_to = INT64_MIN;
    w->plan_count = 0;
    bb_big_endian(w->slot->record.number, sizeof key, key);
    int result = bb_derivation_tick_of(w, bb_channel_slot_tenant(w->slot), &w->tick_ms, error);
    if (!result)
        result = bb_derivation_load_others(w, error);
    if (!result)
        result = bb_derivation_coverage(w, w->slot, &w->coverage, error);
    if (!result && piece_count > 0)
        result = plan_pieces(w, pieces, piece_count, error);
    if (!result && w->slot->derive_again)
        result = plan_again(w, error);
    else if (!result)
        result = plan_forced(w, error);
    if (!result)
        result = plan_ticked(w, error);
    if (!result)
        result = bb_derivation_tell_exceptions(w, error);
    if (!result)
        result = bb_derivation_tell_values(w, error);
    if (!result)
        result = write_channel(w, (struct bb_span){key, sizeof key}, error);
    if (!result)
        result = write_coverage(w, error);
    w->slot->output_to = w->d->output_count;
    return result ? result : bb_derivation_force_others(w, error);
}
