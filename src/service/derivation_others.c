/* What a channel looks at beside itself, and who looks at it: registers beside intervals (companions.h), channels at which
 * rules of others look (besides.h). See derivation.h. */
#include "service/derivation_internal.h"

/* ---- what it looks at */

/* All channels of the usage point at hand. */
static int find_siblings(struct bb_derivation_work *w, struct bb_error *error) {
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
static int load_companions(struct bb_derivation_work *w, struct bb_error *error) {
    int result = 0;

    w->companion_count = pick(&w->siblings, w->number, w->companion_slots);
    for (size_t i = 0; !result && i < w->companion_count; i++) {
        const struct bb_channel_slot *slot = &w->channels->slots[w->companion_slots[i]];
        w->companions[i] = (struct bb_companion){&slot->channel, &w->companion_coverages[i]};
        result = bb_derivation_coverage(w, slot, &w->companion_coverages[i], error);
    }
    return result;
}

/* The slot of the channel that a look of siblings[own] means; NULL: there is none. */
static struct bb_channel_slot *looked_at(const struct bb_derivation_work *w, size_t own,
                                         struct bb_span called) {
    size_t at = w->siblings.too_many || own == SIZE_MAX
                    ? SIZE_MAX
                    : bb_beside_pick(w->siblings.items, w->siblings.count, own, called,
                                     w->usage_point);
    struct bb_channel_slot *slot = at == SIZE_MAX ? NULL
                                                  : &w->channels->slots[w->siblings.items[at].id];

    return slot && bb_rules_look(&slot->channel) ? NULL : slot;
}

/* The channels at which the rules of the one at hand look. */
static int load_besides(struct bb_derivation_work *w, struct bb_error *error) {
    struct bb_span called[BB_BESIDES_MAX];
    const size_t count = bb_besides_called(&w->slot->channel, called);
    const size_t own = place_among(&w->siblings, w->number);
    struct bb_master up;
    int result = count ? bb_derivation_usage_point(w, &up, error) : 0;

    for (size_t i = 0; !result && i < count; i++) {
        const struct bb_channel_slot *slot = looked_at(w, own, called[i]);
        if (!slot)
            continue;
        const size_t k = w->beside_count++;
        w->beside_slots[k] = (uint32_t)(slot - w->channels->slots);
        w->besides[k] = (struct bb_beside){called[i], bb_channel_slot_channel(slot), &slot->channel,
                                           &w->beside_coverages[k]};
        result = bb_derivation_coverage(w, slot, &w->beside_coverages[k], error);
    }
    return result;
}

int bb_derivation_load_others(struct bb_derivation_work *w, struct bb_error *error) {
    const bool stands_beside = w->slot->record.kind == BB_KIND_INTERVAL &&
                               w->channels->has_registers && w->slot->record.obis.size > 0;
    const bool looks = bb_rules_look(&w->slot->channel);

    w->companion_count = w->beside_count = 0;
    int result = stands_beside || looks ? find_siblings(w, error) : 0;
    if (!result && stands_beside)
        result = load_companions(w, error);
    return result || !looks ? result : load_besides(w, error);
}

/* ---- who looks at it */

/* Does an interval channel that was there before stand beside other registers than it did, because the
 * channel at hand came to be, or became what it is? Then its totals are others at all times. */
static bool other_companions(const struct bb_derivation_work *w, size_t of) {
    const struct bb_channel_slot *slot = &w->channels->slots[w->siblings.items[of].id];
    size_t place = place_among(&w->siblings, w->number);

    if (!w->slot->changed || slot->is_new || slot->record.kind != BB_KIND_INTERVAL)
        return false;
    return !w->slot->is_new || w->siblings.too_many || place == SIZE_MAX ||
           bb_companions_differ(w->siblings.items, w->siblings.count, of, place);
}

static void force_whole(const struct bb_derivation_work *w, struct bb_channel_slot *slot) {
    bb_derivation_note_cause(slot, w->recorded_ms);
    slot->force_from = INT64_MIN / 2;
    slot->force_to = INT64_MAX / 2;
}

/* The channel at hand was judged there: one that looks at it must follow. */
static void force_judged(const struct bb_derivation_work *w, struct bb_channel_slot *slot) {
    bool none = slot->force_from >= slot->force_to;

    bb_derivation_note_cause(slot, w->recorded_ms);
    if (none || w->judged_from < slot->force_from)
        slot->force_from = w->judged_from;
    if (none || w->judged_to > slot->force_to)
        slot->force_to = w->judged_to;
}

/* The register at hand has changed: channels that it stands beside must follow. */
static int force_siblings(struct bb_derivation_work *w, struct bb_error *error) {
    const bool is_register = w->slot->record.kind == BB_KIND_REGISTER;
    const bool became = w->slot->changed && (is_register || !w->slot->is_new);
    const bool judged = is_register && w->slot->record.obis.size > 0 &&
                        w->judged_from < w->judged_to;
    uint32_t ids[BB_METERS_MAX];

    if (!w->channels->has_registers || w->slot->record.kind == BB_KIND_INTERVAL ||
        (!became && !judged))
        return 0;
    int result = find_siblings(w, error);
    for (size_t i = 0; !result && i < w->siblings.count; i++) {
        struct bb_channel_slot *slot = &w->channels->slots[w->siblings.items[i].id];
        if (other_companions(w, i)) {
            force_whole(w, slot);
            continue;
        }
        size_t count = pick(&w->siblings, w->siblings.items[i].id, ids);
        for (size_t k = 0; k < count; k++)
            if (ids[k] == w->number)
                force_judged(w, slot);
    }
    return result;
}

static bool looks_at(const struct bb_derivation_work *w, size_t sibling) {
    const struct bb_channel_slot *slot = &w->channels->slots[w->siblings.items[sibling].id];
    struct bb_span called[BB_BESIDES_MAX];
    const size_t count = bb_besides_called(&slot->channel, called);

    for (size_t i = 0; i < count; i++)
        if (looked_at(w, sibling, called[i]) == w->slot)
            return true;
    return false;
}

/* The channel at hand was judged: those whose rules look at it must follow. */
static int force_looking(struct bb_derivation_work *w, struct bb_error *error) {
    struct bb_master up;

    if (!w->channels->has_looks || w->judged_from >= w->judged_to ||
        bb_rules_look(&w->slot->channel))
        return 0;
    int result = find_siblings(w, error);
    if (!result)
        result = bb_derivation_usage_point(w, &up, error);
    for (size_t i = 0; !result && i < w->siblings.count; i++) {
        struct bb_channel_slot *slot = &w->channels->slots[w->siblings.items[i].id];
        if (slot != w->slot && looks_at(w, i))
            force_judged(w, slot);
    }
    return result;
}

int bb_derivation_force_others(struct bb_derivation_work *w, struct bb_error *error) {
    int result = force_siblings(w, error);

    return result ? result : force_looking(w, error);
}

/* ---- channels that came to be, or became others */

/* It came to be, or became what it is, with the reading that describes it or with master data. */
static void begin_following(struct bb_derivation_work *w, uint32_t number) {
    w->number = number;
    w->slot = &w->channels->slots[number];
    w->recorded_ms = w->slot->record.first_received_ms;
    if (w->slot->cause_ms > w->recorded_ms)
        w->recorded_ms = w->slot->cause_ms;
}

int bb_derivation_follow_looking(struct bb_derivation_work *w, uint32_t number,
                                 struct bb_error *error) {
    begin_following(w, number);
    if (!w->channels->has_looks || !w->slot->changed)
        return 0;
    int result = find_siblings(w, error);
    for (size_t i = 0; !result && i < w->siblings.count; i++) {
        struct bb_channel_slot *slot = &w->channels->slots[w->siblings.items[i].id];
        if (slot != w->slot && !slot->is_new && bb_rules_look(&slot->channel))
            force_whole(w, slot);
    }
    return result;
}

int bb_derivation_follow_interval(struct bb_derivation_work *w, uint32_t number,
                                  struct bb_error *error) {
    begin_following(w, number);
    if (!w->channels->has_registers || !w->slot->changed ||
        w->slot->record.kind != BB_KIND_INTERVAL)
        return 0;
    int result = find_siblings(w, error);
    for (size_t i = 0; !result && i < w->siblings.count; i++)
        if (w->siblings.items[i].id != number && other_companions(w, i))
            force_whole(w, &w->channels->slots[w->siblings.items[i].id]);
    if (!result && !w->slot->is_new)
        force_whole(w, w->slot);
    return result;
}
