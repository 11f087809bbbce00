/* What people told about the readings of a usage point: see person_told.h. */
#include "service/person_told.h"

#include "service/query_internal.h"

enum { DAY_CHUNK_BYTES = 1 << 20, DAY_LIMIT_BYTES = 1 << 29 };

struct listing {
    bb_person_told_visit *visit;
    void *context;
    struct bb_arena day; /* blocks of one day */
    struct bb_error *error;
};

static int source_at(const struct bb_query_channel *c, int64_t received_ms, struct bb_span *out,
                     struct bb_error *error) {
    char key[8];

    for (int i = 0; i < 8; i++)
        key[i] = (char)((uint64_t)received_ms >> (8 * (7 - i)));
    *out = BB_SPAN("");
    return c->plant->store->ops->name_get(c->view, BB_NAME_SOURCE,
                                          (struct bb_span){key, sizeof key}, out, error);
}

static int tell_row(struct listing *listing, const struct bb_query_channel *c,
                    const struct bb_block *block, uint32_t row) {
    const struct bb_attribute *a = &block->attributes.items[block->attribute[row]];
    struct bb_span source;

    if (bb_quality_rank(&a->quality) != BB_RANK_PERSON)
        return 0;
    struct bb_person_told told = {.channel = c->name,
                                  .start_ms = block->end_ms[row] -
                                              a->length_s * (int64_t)BB_SECOND_MS,
                                  .end_ms = block->end_ms[row],
                                  .has_value = a->quality.state != BB_STATE_MISSING,
                                  .value = {block->mantissa[row], a->exponent},
                                  .unit = a->unit,
                                  .recorded_ms = block->recorded_ms[row]};
    int result = source_at(c, told.recorded_ms, &source, listing->error);
    if (result < 0)
        return result;
    told.known = bb_person_source_parse(source, &told.act, &told.person);
    return listing->visit(listing->context, &told);
}

static int tell_day(struct listing *listing, struct bb_query_channel *c, int32_t day) {
    static const uint8_t lanes[] = {BB_LANE_RAW, BB_LANE_HISTORY};
    struct bb_arena *kept = c->arena;
    int result = 0;

    bb_arena_reset(&listing->day);
    c->arena = &listing->day;
    for (size_t i = 0; result == 0 && i < sizeof lanes; i++) {
        struct bb_block block;
        result = bb_query_block(c, lanes[i], day, &block, listing->error);
        for (uint32_t row = 0; result == 0 && row < block.count; row++)
            result = tell_row(listing, c, &block, row);
    }
    c->arena = kept;
    return result;
}

static int tell_channel(struct bb_query_channel *c, void *context, struct bb_error *error) {
    struct listing *listing = context;
    int result = 0;

    (void)error;
    for (uint32_t i = 0; result == 0 && i < c->coverage.count; i++)
        for (int32_t day = c->coverage.runs[i].first;
             result == 0 && day <= c->coverage.runs[i].last; day++)
            result = tell_day(listing, c, day);
    return result;
}

int bb_person_told_list(struct bb_plant *plant, struct bb_span tenant, struct bb_span usage_point,
                        bb_person_told_visit *visit, void *context, struct bb_error *error) {
    struct bb_query query = {.tenant = tenant,
                             .usage_point = usage_point,
                             .from_ms = BB_TIME_NONE,
                             .to_ms = BB_TIME_NONE,
                             .lane = BB_LANE_RAW,
                             .as_of_ms = BB_TIME_NONE};
    struct listing listing = {.visit = visit, .context = context, .error = error};

    bb_arena_init(&listing.day, DAY_CHUNK_BYTES, DAY_LIMIT_BYTES);
    int result = bb_query_every(plant, &query, BB_SPAN(""), tell_channel, &listing, error);
    bb_arena_release(&listing.day);
    return result < 0 ? result : 0;
}
