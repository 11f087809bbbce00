/* Retention: see retention.h. */
#include "service/retention.h"

#include "service/standing.h"

#include "service/feed.h"

/* Looking for what the worker has still to read takes a pass over it, on the thread that appends. */
static const uint64_t BEHIND_BYTES = 64 << 20;

struct looking {
    struct bb_log *log;
    struct bb_log_reader *reader;
    struct bb_log_end end;
    int64_t before_ms;
    uint64_t most_bytes; /* of the partition; UINT64_MAX: not limited */
    int64_t young_ms;    /* what came later stays, however large the log is */
};

static bool is_too_large(const struct looking *l) {
    return l->end.offset - l->end.first_offset > l->most_bytes;
}

/* Most often the oldest record already says that it is too early. */
static int is_due(struct looking *l, bool *due, struct bb_error *error) {
    struct bb_log_record record;
    int result = l->log->ops->read(l->reader, l->end.first_offset, &record, error);

    *due = result == BB_LOG_RECORD && (record.received_ms < l->before_ms ||
                                       (is_too_large(l) && record.received_ms < l->young_ms));
    return result < 0 ? result : 0;
}

/* Up to where nobody will read again: the position, or where the first file begins that is committed behind it. */
static int find_bound(struct looking *l, uint64_t position, uint64_t *bound,
                      struct bb_error *error) {
    struct bb_log_record record;
    int result = 0;

    *bound = position;
    for (uint64_t at = position; at < l->end.offset; at = record.next_offset) {
        struct bb_file_commit commit;
        result = l->log->ops->read(l->reader, at, &record, error);
        if (result)
            break;
        if (record.kind != BB_RECORD_FILE_COMMIT)
            continue;
        result = bb_file_commit_decode(record.body, &commit, error);
        if (result)
            break;
        if (commit.first_offset < *bound)
            *bound = commit.first_offset;
    }
    return result < 0 ? result : 0;
}

/* Files under way come to count behind the position, and are read from where they began. */
static uint64_t begin_of_landings(const struct bb_ledger *ledger, uint32_t partition) {
    uint64_t first = UINT64_MAX;

    for (size_t i = 0; i < ledger->count; i++)
        if (ledger->files[i]->is_landing && ledger->files[i]->parts[partition].first_offset < first)
            first = ledger->files[i]->parts[partition].first_offset;
    return first;
}

static int trim(struct looking *l, uint32_t partition, uint64_t bound, uint64_t *bytes,
                struct bb_error *error) {
    struct bb_log_end after;
    int result = l->log->ops->trim(l->log, partition, bound, l->before_ms, error);

    if (!result && is_too_large(l)) {
        uint64_t rest = l->end.offset - l->most_bytes;
        result = l->log->ops->trim(l->log, partition, rest < bound ? rest : bound, l->young_ms,
                                   error);
    }
    if (!result)
        result = l->log->ops->end(l->log, partition, &after, error);
    *bytes = result ? 0 : after.first_offset - l->end.first_offset;
    return result;
}

static int trim_passed(struct bb_plant *plant, struct looking *l, uint32_t partition,
                       uint64_t *bytes, struct bb_error *error) {
    struct bb_position position;
    uint64_t bound;
    int result = bb_standing_position(plant, partition, &position, error);

    if (result || position.offset == 0)
        return result;
    if (l->end.offset - position.offset > BEHIND_BYTES)
        return BB_RETENTION_BEHIND;
    result = find_bound(l, position.offset, &bound, error);
    uint64_t landing = begin_of_landings(&plant->ledger, partition);
    return result ? result : trim(l, partition, landing < bound ? landing : bound, bytes, error);
}

static int trim_held(struct bb_plant *plant, struct looking *l, uint32_t partition, uint64_t *bytes,
                     struct bb_error *error) {
    struct bb_store *store = plant->store;
    struct bb_store_hold *hold;
    int result = store->ops->outbox_hold(store, &hold, error);

    if (result)
        return result == -BB_E_LOCKED ? BB_RETENTION_HELD : result;
    result = trim_passed(plant, l, partition, bytes, error);
    store->ops->outbox_release(hold);
    return result;
}

int bb_retention_apply(struct bb_plant *plant, uint32_t partition, struct bb_clock clock,
                       uint64_t *bytes, struct bb_error *error) {
    const struct bb_config *config = &plant->config;
    int64_t now_ms = bb_clock_now_ms(clock);
    struct looking l = {.log = plant->log,
                        .before_ms = now_ms - config->log_retention_ms,
                        .most_bytes = UINT64_MAX,
                        .young_ms = now_ms - BB_HOUR_MS};
    bool due = false;

    if (config->log_size_bytes > 0)
        l.most_bytes = (uint64_t)config->log_size_bytes / plant->log->partitions;

    *bytes = 0;
    int result = l.log->ops->end(l.log, partition, &l.end, error);
    if (!result)
        result = l.log->ops->reader_open(l.log, partition, &l.reader, error);
    if (result)
        return result;
    result = is_due(&l, &due, error);
    if (!result && due)
        result = trim_held(plant, &l, partition, bytes, error);
    l.log->ops->reader_close(l.reader);
    return result;
}

int bb_retention_apply_all(struct bb_plant *plant, struct bb_clock clock, uint64_t *bytes,
                           struct bb_error *error) {
    int result = 0;

    *bytes = 0;
    for (uint32_t p = 0; result >= 0 && result != BB_RETENTION_HELD && p < plant->log->partitions;
         p++) {
        uint64_t given_up;
        result = bb_retention_apply(plant, p, clock, &given_up, error);
        *bytes += given_up;
    }
    return result < 0 ? result : 0;
}
