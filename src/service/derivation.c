/* Derivation: see derivation.h. One worker, one thread; no I/O but through the store's view. */
#include "service/derivation.h"

#include "service/companions.h"

#include <stdlib.h>

enum {
    PLAN_CHUNK_BYTES = 1 << 20,
    PLAN_LIMIT_BYTES = 1 << 30,
    PLAN_GAP_DAYS = 8, /* readings further apart are planned apart */
    OUTBOX_RECORD_LIMIT_BYTES = 1 << 20
};
static const size_t packed_limit_bytes = (size_t)4 << 30;

void bb_derivation_init(struct bb_derivation *d, struct bb_store *store) {
    *d = (struct bb_derivation){.store = store};
    bb_arena_init(&d->plan, PLAN_CHUNK_BYTES, PLAN_LIMIT_BYTES);
    bb_arena_init(&d->arena, PLAN_CHUNK_BYTES, PLAN_LIMIT_BYTES);
    bb_buffer_init(&d->packed, packed_limit_bytes);
}

void bb_derivation_release(struct bb_derivation *d) {
    bb_arena_release(&d->plan);
    bb_arena_release(&d->arena);
    bb_buffer_release(&d->packed);
    free(d->outputs);
    free(d->names);
    free(d->outbox);
    free(d->changes);
    *d = (struct bb_derivation){0};
}

void bb_derivation_clear(struct bb_derivation *d) {
    bb_arena_reset(&d->plan);
    bb_arena_reset(&d->arena);
    bb_buffer_clear(&d->packed);
    d->output_count = d->name_count = d->outbox_count = 0;
    d->counts = (struct bb_merge_counts){0};
    d->opened = d->closed = 0;
}

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the blocks of a commit");
}

/* Room for one more item of a growing list. */
static bool room(void **items, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity)
        return true;
    size_t more = *capacity ? *capacity * 2 : 1024;
    void *grown = realloc(*items, more * size);
    if (!grown)
        return false;
    *items = grown;
    *capacity = more;
    return true;
}

/* Names and values are copied into the arena. */
static int put_name(struct bb_derivation *d, enum bb_name_kind kind, struct bb_span name,
                    struct bb_span value, struct bb_error *error) {
    if (!room((void **)&d->names, d->name_count, &d->name_capacity, sizeof d->names[0]))
        return no_memory(error);
    struct bb_name_change change = {kind, bb_arena_copy(&d->arena, name),
                                    bb_arena_copy(&d->arena, value)};
    if (!change.name.data || !change.value.data)
        return no_memory(error);
    d->names[d->name_count++] = change;
    return 0;
}

static int put_outbox(struct bb_derivation *d, const struct bb_outbox_record *record,
                      struct bb_error *error) {
    struct bb_buffer b;

    bb_buffer_init(&b, OUTBOX_RECORD_LIMIT_BYTES);
    bb_outbox_encode(record, &b);
    struct bb_span copy = b.overflow ? (struct bb_span){NULL, 0}
                                     : bb_arena_copy(&d->arena, bb_buffer_span(&b));
    bb_buffer_release(&b);
    if (!copy.data ||
        !room((void **)&d->outbox, d->outbox_count, &d->outbox_capacity, sizeof d->outbox[0]))
        return no_memory(error);
    d->outbox[d->outbox_count++] = copy;
    return 0;
}

static void big_endian(uint64_t v, size_t size, char *out) {
    for (size_t i = 0; i < size; i++)
        out[i] = (char)(v >> (8 * (size - 1 - i)));
}

/* ---- one channel */

struct channel_work {
    struct bb_derivation *d;
    struct bb_store_view *view;
    struct bb_gather *gather; /* its sources by received time */
    struct bb_channel_table *channels;
    const uint32_t *fresh; /* slots that are new in this commit, by key */
    size_t fresh_count;
    struct bb_siblings siblings;
    /* Of the channel at hand. */
    uint32_t number;
    struct bb_channel_slot *slot; /* valid until the table grows */
    struct bb_coverage coverage;
    bool coverage_changed;
    int64_t recorded_ms;            /* the latest received time among what caused this */
    int64_t judged_from, judged_to; /* what its plans judged, all in all */
    uint32_t companion_slots[BB_METERS_MAX];
    struct bb_coverage companion_coverages[BB_METERS_MAX];
    struct bb_companion companions[BB_METERS_MAX];
    size_t companion_count;
};

/* A block as this derivation made it, or as the store has it. */
static int fetch(struct channel_work *w, struct bb_plan_key key, struct bb_span *packed,
                 struct bb_error *error) {
    const struct bb_derivation *d = w->d;
    const struct bb_channel_slot *slot =
        key.companion ? &w->channels->slots[w->companion_slots[key.companion - 1]] : w->slot;
    size_t end = key.companion ? slot->output_to : d->output_count;

    for (size_t i = end; i-- > slot->output_from;) {
        const struct bb_output *o = &d->outputs[i];
        if (o->key.lane == key.lane && o->key.span == key.span) {
            *packed = (struct bb_span){d->packed.data + o->offset, o->size};
            /* The buffer may move while the plan writes: borrow a copy. */
            if (o->size > 0)
                *packed = bb_arena_copy(&w->d->plan, *packed);
            return o->size == 0 || packed->data ? 0 : no_memory(error);
        }
    }
    struct bb_block_key block = {slot->record.number, key.span, key.lane};
    int result = d->store->ops->block_get(w->view, &block, packed, error);
    if (result == BB_ABSENT)
        *packed = (struct bb_span){NULL, 0};
    return result < 0 ? result : 0;
}

static int collect_outputs(struct channel_work *w, const struct bb_plan *plan,
                           struct bb_error *error) {
    struct bb_derivation *d = w->d;

    for (size_t i = 0; i < plan->write_count; i++) {
        const struct bb_plan_write *write = &plan->writes[i];
        if (!room((void **)&d->outputs, d->output_count, &d->output_capacity, sizeof d->outputs[0]))
            return no_memory(error);
        d->outputs[d->output_count] = (struct bb_output){
            {w->slot->record.number, write->key.span, write->key.lane},
            (uint32_t)d->output_count,
            write->offset,
            write->size};
        d->output_count++;
    }
    return 0;
}

/* When that was received which a finding about (from, at] comes from, or goes with: the latest of what
 * was told about that stretch, else (a neighbour, master data) of all. */
static int64_t cause_of(const struct channel_work *w, const struct bb_plan_input *input,
                        const struct bb_finding *f) {
    int64_t last_ms = f->to_ms > f->at_ms ? f->to_ms : f->at_ms, cause_ms = 0;
    size_t low = 0, high = input->told_count;

    while (low < high) { /* the first that ends at or behind the beginning */
        size_t middle = low + (high - low) / 2;
        if (input->told[middle].end_ms < f->from_ms)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < input->told_count && input->told[low].end_ms <= last_ms; low++)
        if (input->told[low].received_ms > cause_ms)
            cause_ms = input->told[low].received_ms;
    return cause_ms ? cause_ms : w->recorded_ms;
}

static int by_received(const void *a, const void *b) {
    const struct bb_gather_source *x = a, *y = b;
    return (x->received_ms > y->received_ms) - (x->received_ms < y->received_ms);
}

static struct bb_span source_at(const struct channel_work *w, int64_t received_ms) {
    const struct bb_gather *g = w->gather;
    struct bb_gather_source key = {.received_ms = received_ms};
    const struct bb_gather_source *found = g->source_count
                                               ? bsearch(&key, g->sources, g->source_count,
                                                         sizeof key, by_received)
                                               : NULL;

    return found ? found->name : BB_SPAN("");
}

static int collect_findings(struct channel_work *w, const struct bb_plan_input *input,
                            const struct bb_finding_list *list, enum bb_outbox_kind kind,
                            struct bb_error *error) {
    int result = 0;

    for (size_t i = 0; !result && i < list->count; i++) {
        const struct bb_finding *f = &list->items[i];
        int64_t cause_ms = cause_of(w, input, f);
        struct bb_outbox_record record = {.kind = (uint8_t)kind,
                                          .check = f->check,
                                          .exponent = f->exponent,
                                          .recorded_ms = cause_ms,
                                          .tenant = bb_channel_slot_tenant(w->slot),
                                          .usage_point = bb_channel_slot_usage_point(w->slot),
                                          .channel = bb_channel_slot_channel(w->slot),
                                          .from_ms = f->from_ms,
                                          .to_ms = f->to_ms,
                                          .a = f->a,
                                          .b = f->b,
                                          .body = source_at(w, cause_ms)};
        result = put_outbox(w->d, &record, error);
    }
    return result;
}

static int collect_changed(struct channel_work *w, const struct bb_told *told, size_t count,
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
    return put_outbox(w->d, &record, error);
}

static int run_plan(struct channel_work *w, const struct bb_plan_input *input,
                    struct bb_error *error) {
    struct bb_derivation *d = w->d;
    struct bb_plan plan;
    int result;

    bb_plan_begin(&plan, input, &d->plan, &d->packed);
    while ((result = bb_plan_run(&plan, error)) == BB_PLAN_NEED) {
        for (size_t i = 0; i < plan.need_count; i++) {
            struct bb_span packed;
            result = fetch(w, plan.needs[i], &packed, error);
            if (!result)
                result = bb_plan_supply(&plan, plan.needs[i], packed, error);
            if (result)
                return result;
        }
    }
    if (result)
        return result;
    w->coverage_changed |= plan.coverage_changed;
    if (plan.dirty) {
        w->judged_from = plan.judge_from < w->judged_from ? plan.judge_from : w->judged_from;
        w->judged_to = plan.judge_to > w->judged_to ? plan.judge_to : w->judged_to;
    }
    d->counts.added += plan.counts.added;
    d->counts.duplicate += plan.counts.duplicate;
    d->counts.changed += plan.counts.changed;
    d->opened += plan.opened.count;
    d->closed += plan.closed.count;
    result = collect_outputs(w, &plan, error);
    if (!result)
        result = collect_findings(w, input, &plan.closed, BB_OUTBOX_EXCEPTION_CLOSED, error);
    if (!result)
        result = collect_findings(w, input, &plan.opened, BB_OUTBOX_EXCEPTION_OPENED, error);
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

static int plan_told(struct channel_work *w, struct bb_told *told, size_t count,
                     struct bb_error *error) {
    int result = 0;

    sort_told(told, count);
    for (size_t at = 0; !result && at < count;) {
        size_t length = plan_length(told + at, count - at);
        struct bb_plan_input input = {.channel = &w->slot->channel,
                                      .coverage = &w->coverage,
                                      .companions = w->companions,
                                      .companion_count = w->companion_count,
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
static int forget_periods(struct channel_work *w, struct bb_error *error) {
    const struct bb_coverage *c = &w->coverage;
    struct bb_derivation *d = w->d;

    if (c->count == 0)
        return 0;
    int32_t first = bb_lane_span_of(BB_LANE_DAY, c->runs[0].first * (int64_t)BB_DAY_MS -
                                                     c->longest_s * (int64_t)BB_SECOND_MS);
    int32_t last = bb_lane_span_of(BB_LANE_DAY,
                                   (c->runs[c->count - 1].last + 3) * (int64_t)BB_DAY_MS);
    for (int32_t year = first; year <= last; year++) {
        struct bb_span packed;
        int result = fetch(w, (struct bb_plan_key){BB_LANE_DAY, 0, year}, &packed, error);
        if (result)
            return result;
        if (packed.size == 0)
            continue;
        if (!room((void **)&d->outputs, d->output_count, &d->output_capacity, sizeof d->outputs[0]))
            return no_memory(error);
        d->outputs[d->output_count] = (struct bb_output){
            {w->slot->record.number, year, BB_LANE_DAY},
            (uint32_t)d->output_count,
            d->packed.size,
            0};
        d->output_count++;
    }
    return 0;
}

static int plan_stretch(struct channel_work *w, int64_t from_ms, int64_t to_ms,
                        struct bb_error *error) {
    struct bb_plan_input input = {.channel = &w->slot->channel,
                                  .coverage = &w->coverage,
                                  .companions = w->companions,
                                  .companion_count = w->companion_count,
                                  .force_from = from_ms,
                                  .force_to = to_ms};
    return run_plan(w, &input, error);
}

/* What the channel is has changed: derive all its days again, a stretch at a time. */
static int plan_again(struct channel_work *w, struct bb_error *error) {
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

/* Registers beside the channel have changed: derive again what their readings hold, as far as the plans
 * for its own readings did not come by. */
static int plan_forced(struct channel_work *w, struct bb_error *error) {
    const int64_t stretch_ms = BB_PLAN_DAYS_MAX * (int64_t)BB_DAY_MS;
    int64_t from = w->slot->force_from, to = w->slot->force_to;
    int result = 0;

    if (from >= to || (w->judged_from <= from && w->judged_to >= to))
        return 0;
    for (uint32_t i = 0; !result && i < w->coverage.count; i++) {
        int64_t run_from = w->coverage.runs[i].first * (int64_t)BB_DAY_MS;
        int64_t run_to = ((int64_t)w->coverage.runs[i].last + 1) * BB_DAY_MS;
        run_from = run_from > from ? run_from : from;
        run_to = run_to < to ? run_to : to;
        for (int64_t t = run_from; !result && t < run_to; t += stretch_ms) {
            int64_t end = t + stretch_ms;
            result = plan_stretch(w, t, end < run_to ? end : run_to, error);
        }
    }
    return result;
}

/* The coverage of a slot's channel as this commit has made it, or as stored. */
static int load_coverage(struct channel_work *w, const struct bb_channel_slot *slot,
                         struct bb_coverage *coverage, struct bb_error *error) {
    char key[4];
    struct bb_span value = slot->coverage, name = {key, sizeof key};
    int result = BB_FOUND;

    *coverage = (struct bb_coverage){0};
    if (value.size == 0 && slot->is_new)
        return 0;
    big_endian(slot->record.number, sizeof key, key);
    if (value.size == 0)
        result = w->d->store->ops->name_get(w->view, BB_NAME_COVERAGE, name, &value, error);
    if (result == BB_FOUND)
        return bb_coverage_unpack(value, &w->d->plan, coverage, error);
    return result < 0 ? result : 0;
}

static int write_channel(struct channel_work *w, struct bb_span number, struct bb_error *error) {
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
    int result = b.overflow ? no_memory(error) : put_outbox(w->d, &record, error);
    if (!result)
        result = put_name(w->d, BB_NAME_CHANNEL, slot->key, bb_buffer_span(&b), error);
    if (!result && slot->is_new)
        result = put_name(w->d, BB_NAME_CHANNEL_ID, number, slot->key, error);
    bb_buffer_release(&b);
    return result;
}

static int plan_runs(struct channel_work *w, const struct bb_gather_run *runs, size_t run_count,
                     struct bb_error *error) {
    size_t count;
    struct bb_told *told = bb_gather_rows(w->gather, runs, run_count, &w->d->plan, &count);

    return told ? plan_told(w, told, count, error) : no_memory(error);
}

static int write_coverage(struct channel_work *w, struct bb_error *error) {
    char key[4];
    struct bb_buffer b;

    if (!w->coverage_changed)
        return 0;
    big_endian(w->slot->record.number, sizeof key, key);
    bb_buffer_init(&b, 1 << 20);
    bb_coverage_pack(&w->coverage, &b);
    int result = b.overflow ? no_memory(error)
                            : put_name(w->d, BB_NAME_COVERAGE, (struct bb_span){key, sizeof key},
                                       bb_buffer_span(&b), error);
    bb_buffer_release(&b);
    if (!result)
        w->slot->coverage = w->d->names[w->d->name_count - 1].value;
    return result;
}

/* ---- registers beside a channel */

static int find_siblings(struct channel_work *w, struct bb_error *error) {
    int result = bb_siblings_find(w->channels, w->view, w->number, w->fresh, w->fresh_count,
                                  &w->siblings, error);

    w->slot = &w->channels->slots[w->number];
    return result;
}

static size_t place_among(const struct bb_siblings *siblings, uint32_t slot) {
    for (size_t i = 0; i < siblings->count; i++)
        if (siblings->items[i].id == slot)
            return i;
    return SIZE_MAX;
}

static size_t pick(const struct bb_siblings *siblings, uint32_t slot, uint32_t ids[BB_METERS_MAX]) {
    size_t at = siblings->too_many ? SIZE_MAX : place_among(siblings, slot);

    return at == SIZE_MAX ? 0 : bb_companions_pick(siblings->items, siblings->count, at, ids);
}

/* The registers beside the channel at hand. */
static int load_companions(struct channel_work *w, struct bb_error *error) {
    int result = 0;

    w->companion_count = 0;
    if (w->slot->record.kind != BB_KIND_INTERVAL || !w->channels->has_registers ||
        w->slot->record.obis.size == 0)
        return 0;
    result = find_siblings(w, error);
    if (result)
        return result;
    w->companion_count = pick(&w->siblings, w->number, w->companion_slots);
    for (size_t i = 0; !result && i < w->companion_count; i++) {
        const struct bb_channel_slot *slot = &w->channels->slots[w->companion_slots[i]];
        w->companions[i] = (struct bb_companion){&slot->channel, &w->companion_coverages[i]};
        result = load_coverage(w, slot, &w->companion_coverages[i], error);
    }
    return result;
}

/* The register at hand has changed: channels that it stands beside must follow. */
static int force_siblings(struct channel_work *w, struct bb_error *error) {
    uint32_t ids[BB_METERS_MAX];

    if (w->slot->record.kind != BB_KIND_REGISTER || w->slot->record.obis.size == 0 ||
        w->judged_from >= w->judged_to)
        return 0;
    int result = find_siblings(w, error);
    for (size_t i = 0; !result && i < w->siblings.count; i++) {
        struct bb_channel_slot *slot = &w->channels->slots[w->siblings.items[i].id];
        size_t count = pick(&w->siblings, w->siblings.items[i].id, ids);
        for (size_t k = 0; k < count; k++) {
            if (ids[k] != w->number)
                continue;
            bool none = slot->force_from >= slot->force_to;
            if (none || w->judged_from < slot->force_from)
                slot->force_from = w->judged_from;
            if (none || w->judged_to > slot->force_to)
                slot->force_to = w->judged_to;
        }
    }
    return result;
}

static int derive_channel(struct channel_work *w, uint32_t number, const struct bb_gather_run *runs,
                          size_t run_count, struct bb_error *error) {
    char key[4];

    bb_arena_reset(&w->d->plan);
    w->number = number;
    w->slot = &w->channels->slots[number];
    w->slot->output_from = w->d->output_count;
    w->coverage_changed = false;
    w->recorded_ms = 0;
    w->judged_from = INT64_MAX;
    w->judged_to = INT64_MIN;
    big_endian(w->slot->record.number, sizeof key, key);
    int result = load_companions(w, error);
    if (!result)
        result = load_coverage(w, w->slot, &w->coverage, error);
    if (!result && run_count > 0)
        result = plan_runs(w, runs, run_count, error);
    if (!result && w->slot->derive_again)
        result = plan_again(w, error);
    else if (!result)
        result = plan_forced(w, error);
    if (!result)
        result = write_channel(w, (struct bb_span){key, sizeof key}, error);
    if (!result)
        result = write_coverage(w, error);
    w->slot->output_to = w->d->output_count;
    return result ? result : force_siblings(w, error);
}

/* ---- master data */

struct touch { /* channels that an entry bears on are met, so that they are resolved */
    struct bb_channel_table *channels;
    struct bb_store_view *view;
    const struct bb_master_list *masters;
    struct bb_error *error;
    int result;
};

static int touch_channel(void *context, struct bb_span name, struct bb_span value) {
    struct touch *t = context;
    struct bb_series series = {0};
    uint32_t slot;

    (void)value;
    const char *first = memchr(name.data, '\0', name.size);
    const char *second = first
                             ? memchr(first + 1, '\0', (size_t)(name.data + name.size - first - 1))
                             : NULL;
    if (!second)
        return 0;
    struct bb_span tenant = {name.data, (size_t)(first - name.data)};
    series.usage_point = (struct bb_span){first + 1, (size_t)(second - first - 1)};
    series.channel = (struct bb_span){second + 1, (size_t)(name.data + name.size - second - 1)};
    series.hash = bb_series_hash(series.usage_point, series.channel);
    t->result = bb_channel_table_find(t->channels, t->view, tenant, &series, &slot, t->error);
    if (!t->result)
        t->result = bb_channel_table_resolve(t->channels, t->view, slot, t->masters, t->error);
    return t->result;
}

/* Every version goes to the outbox; the store keeps the one that counts. */
static int put_master(struct bb_derivation *d, const struct bb_master_version *v,
                      struct bb_store_view *view, struct bb_error *error) {
    const enum bb_name_kind kind = bb_master_name_kinds[v->master.kind];
    char key[BB_NAME_KEY_MAX];
    struct bb_span stored, name = {key, bb_master_key(&v->master, key)};
    struct bb_outbox_record record = {.kind = BB_OUTBOX_MASTER,
                                      .recorded_ms = v->received_ms,
                                      .tenant = BB_SPAN(""),
                                      .usage_point = BB_SPAN(""),
                                      .channel = BB_SPAN(""),
                                      .body = v->packed};

    int result = put_outbox(d, &record, error);
    if (result)
        return result;
    result = d->store->ops->name_get(view, kind, name, &stored, error);
    if (result < 0 || (result == BB_FOUND && bb_span_compare(stored, v->value) >= 0))
        return result < 0 ? result : 0;
    return put_name(d, kind, name, v->value, error);
}

/* Each entry is written, and every channel it may bear on is resolved anew. */
static int apply_masters(struct bb_derivation *d, struct bb_gather *gather,
                         struct bb_channel_table *channels, struct bb_store_view *view,
                         struct bb_error *error) {
    struct touch t = {channels, view, &gather->masters, error, 0};
    char key[BB_NAME_KEY_MAX + 1];
    int result = bb_master_list_index(&gather->masters, &d->arena) ? 0 : no_memory(error);

    for (size_t i = 0; !result && i < gather->masters.count; i++) {
        const struct bb_master *m = &gather->masters.items[i].master;
        struct bb_span none = {NULL, 0};
        size_t size = m->kind == BB_MASTER_CALENDAR || m->kind == BB_MASTER_PROFILE
                          ? bb_channel_key(bb_master_tenant_name(m), none, none, key)
                          : bb_master_key(m, key);
        key[size++] = '\0';
        result = put_master(d, &gather->masters.items[i], view, error);
        if (!result)
            result = d->store->ops->name_scan(view, BB_NAME_CHANNEL, (struct bb_span){key, size},
                                              touch_channel, &t, error);
        if (t.result < 0)
            result = t.result;
        result = result > 0 ? 0 : result;
    }
    /* Channels that are new in this commit were resolved without these entries. */
    for (uint32_t slot = 0; !result && gather->masters.count > 0 && slot < channels->count; slot++)
        if (channels->slots[slot].is_new)
            result = bb_channel_table_resolve(channels, view, slot, &gather->masters, error);
    return result;
}

/* ---- the commit */

static int by_key(const void *a, const void *b) {
    const struct bb_output *x = a, *y = b;
    int order = bb_block_key_compare(&x->key, &y->key);

    return order ? order : (x->order > y->order) - (x->order < y->order);
}

static int by_name(const void *a, const void *b) {
    const struct bb_name_change *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return bb_span_compare(x->name, y->name);
}

static int list_blocks(struct bb_derivation *d, struct bb_commit *out, struct bb_error *error) {
    size_t count = 0;

    if (d->output_count > d->change_capacity) {
        free(d->changes);
        d->changes = malloc(d->output_count * sizeof d->changes[0]);
        d->change_capacity = d->changes ? d->output_count : 0;
        if (!d->changes)
            return no_memory(error);
    }
    if (d->output_count > 0)
        qsort(d->outputs, d->output_count, sizeof d->outputs[0], by_key);
    for (size_t i = 0; i < d->output_count; i++) {
        const struct bb_output *o = &d->outputs[i];
        if (count > 0 && bb_block_key_compare(&d->changes[count - 1].key, &o->key) == 0)
            count--;
        d->changes[count++] = (struct bb_block_change){o->key,
                                                       {d->packed.data + o->offset, o->size}};
    }
    out->blocks = d->changes;
    out->block_count = count;
    return 0;
}

/* Of several values of one name the greatest wins: those of master entries begin with the time they
 * were received. */
static void list_names(struct bb_derivation *d, struct bb_commit *out) {
    size_t count = 0;

    if (d->name_count > 0)
        qsort(d->names, d->name_count, sizeof d->names[0], by_name);
    for (size_t i = 0; i < d->name_count; i++) {
        bool same = count > 0 && d->names[count - 1].kind == d->names[i].kind &&
                    bb_span_equal(d->names[count - 1].name, d->names[i].name);
        if (same && bb_span_compare(d->names[count - 1].value, d->names[i].value) > 0)
            continue;
        d->names[same ? count - 1 : count++] = d->names[i];
    }
    out->names = d->names;
    out->name_count = count;
}

static int put_sources(struct bb_derivation *d, const struct bb_gather *gather,
                       struct bb_error *error) {
    char key[8];
    int result = 0;

    for (size_t i = 0; !result && i < gather->source_count; i++) {
        big_endian((uint64_t)gather->sources[i].received_ms, sizeof key, key);
        result = put_name(d, BB_NAME_SOURCE, (struct bb_span){key, sizeof key},
                          gather->sources[i].name, error);
    }
    return result;
}

/* One round over the slots: first registers, then what they may stand beside, which looks at them. */
static int derive_slots(struct channel_work *w, uint32_t told_slots, bool registers,
                        struct bb_error *error) {
    int result = 0;

    for (uint32_t slot = 0; !result && slot < w->channels->count; slot++) {
        const struct bb_channel_slot *s = &w->channels->slots[slot];
        size_t first = slot < told_slots ? w->gather->starts[slot] : 0;
        size_t count = slot < told_slots ? w->gather->starts[slot + 1] - first : 0;
        if ((s->record.kind == BB_KIND_REGISTER) == registers &&
            (count > 0 || s->changed || s->derive_again || s->force_from < s->force_to))
            result = derive_channel(w, slot, w->gather->sorted + first, count, error);
    }
    return result;
}

static int note_registers(struct channel_work *w, struct bb_error *error) {
    bool found = w->channels->has_registers;

    for (size_t i = 0; !found && i < w->channels->count; i++) {
        const struct bb_channel_slot *s = &w->channels->slots[i];
        found = s->changed && s->record.kind == BB_KIND_REGISTER && s->record.obis.size > 0;
    }
    if (!found || w->channels->has_registers)
        return 0;
    w->channels->has_registers = true;
    return put_name(w->d, BB_NAME_META, BB_SPAN("has_registers"), BB_SPAN("1"), error);
}

int bb_derivation_run(struct bb_derivation *d, struct bb_gather *gather,
                      struct bb_channel_table *channels, struct bb_store_view *view,
                      struct bb_commit *out, struct bb_error *error) {
    /* Slots that are met on the way come behind those that have readings. */
    uint32_t told_slots = channels->count;
    struct channel_work w = {.d = d, .view = view, .gather = gather, .channels = channels};
    char next[4];

    if (gather->source_count > 0)
        qsort(gather->sources, gather->source_count, sizeof gather->sources[0], by_received);
    int result = apply_masters(d, gather, channels, view, error);
    if (!result)
        result = note_registers(&w, error);
    if (!result) {
        w.fresh = bb_siblings_fresh(channels, &d->arena, &w.fresh_count);
        result = w.fresh ? 0 : no_memory(error);
    }
    if (!result)
        result = derive_slots(&w, told_slots, true, error);
    if (!result)
        result = derive_slots(&w, told_slots, false, error);
    if (!result)
        result = put_sources(d, gather, error);
    big_endian(channels->next_number, sizeof next, next);
    if (!result)
        result = put_name(d, BB_NAME_META, BB_SPAN("next_channel"),
                          (struct bb_span){next, sizeof next}, error);
    if (!result)
        result = list_blocks(d, out, error);
    if (result)
        return result;
    list_names(d, out);
    out->outbox = d->outbox;
    out->outbox_count = d->outbox_count;
    return 0;
}
