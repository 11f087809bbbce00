/* A batch: decoded readings in columns, on their way from a codec to the log.
 *
 * `series` says whose values they are; it outlives the batches of one decoder, so that a name is
 * hashed once per line and described once per run. Readings are in the order of their source.
 *
 *   series[i] ─► series table (usage point, channel, kind, ...)
 *   attribute[i] ─► attribute set (unit, exponent, interval length, quality)
 *   end_ms[i], mantissa[i], line[i], issued_ms[i]
 */
#ifndef BB_MODEL_BATCH_H
#define BB_MODEL_BATCH_H

#include "base/arena.h"
#include "base/error.h"
#include "model/attribute.h"
#include "model/kind.h"
#include "model/timestamp.h"

enum {
    BB_NAME_MAX = 200, /* bytes of a usage point's or channel's name */
    BB_BATCH_CAPACITY = 65536
};

/* One channel as a source describes it. Two sources may describe a channel differently. */
struct bb_series {
    struct bb_span usage_point; /* in the table's arena */
    struct bb_span channel;
    struct bb_span zone; /* of its periods, as the source knows it; empty: unknown */
    struct bb_span obis; /* canonical OBIS text where the format knows it; may be empty */
    uint64_t hash;       /* in a table: bb_series_hash of usage point and channel */
    uint32_t interval_s; /* the nominal interval; 0: none */
    uint8_t kind;        /* enum bb_kind, never unknown in a batch that is handed on */
    uint8_t commodity;
    uint8_t unit; /* the unit the source states for it */
};

/* The hash of a channel's name within its tenant; its usage point alone picks the partition. */
uint64_t bb_usage_point_hash(struct bb_span usage_point);
uint64_t bb_series_hash(struct bb_span usage_point, struct bb_span channel);

/* Series by name and description; index = order of first sight. */
struct bb_series_table {
    struct bb_series *items;
    uint32_t count, capacity;
    uint64_t *slots; /* upper 32 bits of the hash, index + 1 */
    uint32_t slot_count;
    struct bb_arena arena;
};
void bb_series_table_init(struct bb_series_table *table, size_t limit_bytes);
void bb_series_table_release(struct bb_series_table *table);
void bb_series_table_clear(struct bb_series_table *table);

/* The index of the first series of that name whose `unit` is the wanted one (`unit` < 0: any), or
 * UINT32_MAX. `hash` = bb_series_hash. The hot call of every text codec. */
uint32_t bb_series_table_find(const struct bb_series_table *table, uint64_t hash,
                              struct bb_span usage_point, struct bb_span channel, int unit);
/* Add a series (names are copied); equal ones are found first. UINT32_MAX when memory is out. */
uint32_t bb_series_table_add(struct bb_series_table *table, const struct bb_series *series);

struct bb_batch {
    const struct bb_series_table *series_table;
    struct bb_attribute_set attributes;
    uint32_t count;
    uint32_t capacity;
    bool has_issued; /* issued_ms is filled for every reading; else it equals received */
    uint32_t *series;
    uint32_t *attribute;
    int64_t *end_ms;
    int64_t *mantissa;  /* 0 where the state is missing */
    int64_t *line;      /* 1-based line (or ordinal of an array's object) in the source */
    int64_t *issued_ms; /* the sender's version time; BB_TIME_NONE: it gave none for this one */
};

int bb_batch_init(struct bb_batch *batch, uint32_t capacity, struct bb_error *error) BB_MUST_USE;
void bb_batch_release(struct bb_batch *batch);
void bb_batch_clear(struct bb_batch *batch);

static inline bool bb_batch_full(const struct bb_batch *batch) {
    return batch->count == batch->capacity;
}

/* Append one reading; the batch must not be full. */
static inline void bb_batch_push(struct bb_batch *batch, uint32_t series, uint32_t attribute,
                                 int64_t end_ms, int64_t mantissa, int64_t line) {
    uint32_t i = batch->count++;
    batch->series[i] = series;
    batch->attribute[i] = attribute;
    batch->end_ms[i] = end_ms;
    batch->mantissa[i] = mantissa;
    batch->line[i] = line;
    if (batch->has_issued)
        batch->issued_ms[i] = BB_TIME_NONE;
}

/* The sender's version time of the reading pushed last. */
static inline void bb_batch_set_issued(struct bb_batch *batch, int64_t issued_ms) {
    if (!batch->has_issued) {
        batch->has_issued = true;
        for (uint32_t i = 0; i < batch->count; i++)
            batch->issued_ms[i] = BB_TIME_NONE;
    }
    batch->issued_ms[batch->count - 1] = issued_ms;
}

#endif
