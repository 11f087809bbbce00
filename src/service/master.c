/* Master data into the log: see master.h. On the owner's thread of the log. */
#include "service/master.h"

#include "model/batch.h"

enum { MASTER_LIMIT_BYTES = 16 << 20 };

/* The partitions [first, until) that have to know an entry. */
static void partitions_of(const struct bb_log *log, const struct bb_master *entry, uint32_t *first,
                          uint32_t *until) {
    *first = 0;
    *until = log->partitions;
    /* what no channel of another partition is resolved by */
    if (entry->kind == BB_MASTER_USAGE_POINT || entry->kind == BB_MASTER_GROUP) {
        *first = (uint32_t)(bb_usage_point_hash(bb_master_name(entry)) % log->partitions);
        *until = *first + 1;
    }
}

static int append_entry(struct bb_log *log, const struct bb_master *entry, int64_t received_ms,
                        struct bb_buffer *body, struct bb_error *error) {
    uint32_t first, until;
    int r;

    bb_buffer_clear(body);
    r = bb_master_encode(entry, body, error);
    partitions_of(log, entry, &first, &until);
    for (uint32_t partition = first; r == 0 && partition < until; partition++) {
        struct bb_log_record record = {
            .kind = BB_RECORD_MASTER, .received_ms = received_ms, .body = bb_buffer_span(body)};
        r = log->ops->append(log, partition, &record, error);
    }
    return r;
}

int bb_master_append(struct bb_plant *plant, const struct bb_master *entries, size_t count,
                     struct bb_clock clock, struct bb_error *error) {
    int64_t received_ms = bb_clock_now_ms(clock);
    struct bb_buffer body;
    int r = 0;

    bb_buffer_init(&body, MASTER_LIMIT_BYTES);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = append_entry(plant->log, &entries[i], received_ms, &body, error);
    bb_buffer_release(&body);
    return r == 0 ? plant->log->ops->sync(plant->log, error) : r;
}
