/* Archive orders: see archive_order.h. */
#include "service/archive_order.h"

#include "base/varint.h"
#include "model/attribute_pack.h"

enum { ORDER_VERSION = 1, BODY_MAX = 32 };

void bb_archive_order_encode(const struct bb_archive_order *order, struct bb_buffer *out) {
    bb_buffer_append_byte(out, ORDER_VERSION);
    bb_buffer_append_byte(out, order->lane);
    bb_put_zigzag(out, order->month);
}

int bb_archive_order_decode(struct bb_span body, struct bb_archive_order *out,
                            struct bb_error *error) {
    struct bb_cursor in = bb_cursor_over(body);
    uint8_t version = bb_cursor_byte(&in), lane = bb_cursor_byte(&in);
    int64_t month = bb_cursor_zigzag(&in);

    if (version != 0 && version != ORDER_VERSION)
        return BB_FAIL_VERSION(error, "an archive order in the log", version, ORDER_VERSION);
    if (in.failed || version == 0 || lane >= BB_LANE_COUNT || !bb_archive_has_lane(lane) ||
        month != (int32_t)month)
        return BB_FAIL(error, BB_E_LOG_CORRUPT, "an archive order in the log is damaged");
    *out = (struct bb_archive_order){lane, (int32_t)month};
    return 0;
}

/* ---- what there is to archive */

static int note_first(void *context, const struct bb_block_key *key, struct bb_span packed) {
    int32_t *month = context;

    (void)packed;
    *month = bb_archive_month_of(key->lane, key->span);
    return 1;
}

/* The first span that ends in `month` or later. */
static int32_t first_span(uint8_t lane, int32_t month) {
    int32_t first, last;

    while (!bb_archive_spans_of(lane, month, &first, &last))
        month++;
    return first;
}

int bb_archive_next_month(struct bb_store *hot, struct bb_store_view *view, uint8_t lane,
                          int32_t *month, struct bb_error *error) {
    static const uint8_t with_raw[] = {BB_LANE_RAW, BB_LANE_HISTORY};
    const uint8_t *lanes = lane == BB_LANE_RAW ? with_raw : &lane;
    int32_t from = *month, found = INT32_MAX;

    for (int i = 0; i < (lane == BB_LANE_RAW ? 2 : 1); i++) {
        int32_t first = INT32_MAX;
        int result = hot->ops->block_scan(view, lanes[i], first_span(lanes[i], from), INT32_MAX,
                                          note_first, &first, error);
        if (result < 0)
            return result;
        found = first < found ? first : found;
    }
    *month = found;
    return found == INT32_MAX ? BB_ABSENT : BB_FOUND;
}

static int append_one(struct bb_plant *plant, uint32_t partition,
                      const struct bb_archive_order *order, int64_t now_ms,
                      struct bb_error *error) {
    struct bb_buffer body;

    bb_buffer_init(&body, BODY_MAX);
    bb_archive_order_encode(order, &body);
    struct bb_log_record record = {
        .kind = BB_RECORD_ARCHIVE, .received_ms = now_ms, .body = bb_buffer_span(&body)};
    int result = plant->log->ops->append(plant->log, partition, &record, error);
    bb_buffer_release(&body);
    return result;
}

/* Days are numbered from 1970 on; what is told of times long before it lies in the first months. */
static const int32_t FIRST_MONTH = -12 * 500;

static int append_partition(struct bb_plant *plant, uint32_t partition, uint8_t lane,
                            int32_t before, int64_t now_ms, uint32_t *appended,
                            struct bb_error *error) {
    const struct bb_store_ops *ops = plant->hot->ops;
    int32_t month = FIRST_MONTH;
    struct bb_store_view *view;
    int result = ops->view_begin(plant->hot, partition, &view, error);

    if (result)
        return result;
    for (;; month++) {
        result = bb_archive_next_month(plant->hot, view, lane, &month, error);
        if (result != BB_FOUND || month >= before)
            break;
        result = append_one(plant, partition, &(struct bb_archive_order){lane, month}, now_ms,
                            error);
        if (result)
            break;
        ++*appended;
    }
    ops->view_end(view);
    return result < 0 ? result : 0;
}

int bb_archive_append(struct bb_plant *plant, uint8_t lane, int32_t before, struct bb_clock clock,
                      uint32_t *appended, struct bb_error *error) {
    int64_t now_ms = bb_clock_now_ms(clock);
    uint32_t count = 0;
    int result = 0;

    if (!plant->blob)
        return BB_FAIL(error, BB_E_ARCHIVE_NONE,
                       "archive.folder or archive.s3.bucket says where old values go");
    for (uint32_t p = 0; !result && p < plant->log->partitions; p++)
        result = append_partition(plant, p, lane, before, now_ms, &count, error);
    if (!result && count > 0)
        result = plant->log->ops->sync(plant->log, error);
    *appended += count;
    return result;
}

int bb_archive_append_due(struct bb_plant *plant, struct bb_clock clock, uint32_t *appended,
                          struct bb_error *error) {
    int result = 0;

    *appended = 0;
    for (int lane = 0; !result && plant->blob && lane < BB_LANE_COUNT; lane++) {
        int64_t age_ms = plant->config.archive_age_ms[lane];
        if (age_ms > 0)
            result = bb_archive_append(plant, (uint8_t)lane,
                                       bb_archive_month_at(bb_clock_now_ms(clock) - age_ms), clock,
                                       appended, error);
    }
    return result;
}
