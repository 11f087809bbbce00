/* Requests: see rules_request_internal.h. */
#include "adapter/rules_request_internal.h"

/* Points of other channels in windows [first, last): from, and how many. */
static uint32_t others_from(const struct bb_rules_batch *b, uint32_t window) {
    return b->others.count ? b->others.offset[(size_t)window * b->others.count] : 0;
}

struct bb_rules_shape bb_rules_shape_of(const struct bb_rules_batch *batch,
                                        struct bb_rules_stretch part, size_t meta_bytes) {
    return (struct bb_rules_shape){.windows = part.last - part.first,
                                   .others = batch->others.count,
                                   .points = batch->offset[part.last] - batch->offset[part.first],
                                   .other_points = others_from(batch, part.last) -
                                                   others_from(batch, part.first),
                                   .meta_bytes = meta_bytes,
                                   .has_profile = batch->profile != NULL};
}

size_t bb_rules_request_bytes(struct bb_rules_shape s) {
    const size_t series = (size_t)s.windows * s.others;
    const size_t columns[] = {(s.windows + 1) * sizeof(uint32_t),
                              s.windows * sizeof(uint32_t),
                              s.windows * sizeof(int64_t),
                              s.points * sizeof(int64_t),
                              s.points * sizeof(int32_t),
                              s.points * sizeof(double),
                              s.points * sizeof(uint32_t),
                              s.has_profile ? s.points * sizeof(double) : 0,
                              s.others ? (series + 1) * sizeof(uint32_t) : 0,
                              s.other_points * sizeof(int64_t),
                              s.other_points * sizeof(double),
                              s.other_points * sizeof(uint32_t),
                              s.meta_bytes};
    size_t bytes = BB_RULES_COLUMNS_AT;

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        bytes += bb_rules_aligned(columns[i]);
    return bytes;
}

void bb_rules_meta_put(const struct bb_rules_batch *batch, struct bb_rules_stretch part,
                       struct bb_buffer *out) {
    bb_buffer_clear(out);
    bb_buffer_append_span(out, BB_SPAN("{\"params\":"));
    bb_buffer_append_span(out, batch->parameters.size ? batch->parameters : BB_SPAN("{}"));
    if (batch->about) {
        bb_buffer_append_span(out, BB_SPAN(",\"windows\":["));
        for (uint32_t i = part.first; i < part.last; i++) {
            if (i > part.first)
                bb_buffer_append_byte(out, ',');
            bb_buffer_append_span(out, batch->about[i]);
        }
        bb_buffer_append_byte(out, ']');
    }
    bb_buffer_append_byte(out, '}');
}

static char *put_column(char *at, const void *data, size_t bytes) {
    if (bytes > 0)
        memcpy(at, data, bytes);
    return at + bb_rules_aligned(bytes);
}

/* Offsets as of the stretch's own beginning. */
static char *put_offsets(char *at, const uint32_t *from, size_t count) {
    uint32_t *offset = (uint32_t *)(void *)at;

    for (size_t i = 0; i < count; i++)
        offset[i] = from[i] - from[0];
    return at + bb_rules_aligned(count * sizeof *offset);
}

static char *put_others(char *at, const struct bb_rules_others *others,
                        struct bb_rules_stretch part, size_t points) {
    const uint32_t *offset = others->offset + (size_t)part.first * others->count;
    const size_t from = offset[0], series = (size_t)(part.last - part.first) * others->count;

    at = put_offsets(at, offset, series + 1);
    if (points == 0)
        return at;
    at = put_column(at, others->end_ms + from, points * sizeof others->end_ms[0]);
    at = put_column(at, others->value + from, points * sizeof others->value[0]);
    return put_column(at, others->quality + from, points * sizeof others->quality[0]);
}

struct bb_rules_request_head bb_rules_request_put(const struct bb_rules_batch *b,
                                                  struct bb_rules_stretch part,
                                                  struct bb_rules_shape s, struct bb_span meta,
                                                  char *region) {
    const uint32_t from = b->offset[part.first];
    char *at = region + BB_RULES_COLUMNS_AT;

    at = put_offsets(at, b->offset + part.first, s.windows + 1);
    at = put_column(at, b->judge + part.first, s.windows * sizeof b->judge[0]);
    at = put_column(at, b->interval_ms + part.first, s.windows * sizeof b->interval_ms[0]);
    at = put_column(at, b->end_ms + from, s.points * sizeof b->end_ms[0]);
    at = put_column(at, b->utc_offset_s + from, s.points * sizeof b->utc_offset_s[0]);
    at = put_column(at, b->value + from, s.points * sizeof b->value[0]);
    at = put_column(at, b->quality + from, s.points * sizeof b->quality[0]);
    if (s.has_profile)
        at = put_column(at, b->profile + from, s.points * sizeof b->profile[0]);
    if (s.others)
        at = put_others(at, &b->others, part, s.other_points);
    put_column(at, meta.data, s.meta_bytes);
    return (struct bb_rules_request_head){.operation = BB_RULES_RUN,
                                          .rule = b->rule,
                                          .windows = s.windows,
                                          .points = s.points,
                                          .meta_bytes = s.meta_bytes,
                                          .seed = b->seed,
                                          .others = (uint16_t)s.others,
                                          .has_profile = s.has_profile,
                                          .other_points = (uint32_t)s.other_points};
}
