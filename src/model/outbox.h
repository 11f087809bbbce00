/* Outbox records: what a commit tells the rest of the house. deliver carries them to the registry's
 * projections and to the sinks.
 *
 * One record is one happening of one channel or usage point. Packed: u8 version = 1, u8 kind,
 * texts and varints in the order of the struct.
 */
#ifndef BB_MODEL_OUTBOX_H
#define BB_MODEL_OUTBOX_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"

/* Stored ids: append only. */
enum bb_outbox_kind {
    BB_OUTBOX_CHANNEL = 1, /* a channel was created or changed: `body` describes it */
    BB_OUTBOX_EXCEPTION_OPENED =
        2, /* a check failed hard over (from, to]: `body` is the name of the
                                       source that caused it; empty: master data, parameters */
    BB_OUTBOX_EXCEPTION_CLOSED = 3, /* it no longer does; likewise */
    BB_OUTBOX_MASTER = 4,           /* master data was applied: `body` is the packed entry */
    BB_OUTBOX_CHANGED = 5,          /* readings that had been there before changed */
    BB_OUTBOX_VALUES = 6, /* values of a block changed: `body` is a model/value_change.h */
    BB_OUTBOX_DEAD_LETTER =
        7 /* a record of the log that cannot be derived was passed over: at a, `body` is a dead letter */
};

struct bb_outbox_record {
    uint8_t kind;
    uint8_t check;       /* exceptions: enum bb_check */
    int8_t exponent;     /* of a and b */
    int64_t recorded_ms; /* received time of the log record that caused it */
    struct bb_span tenant, usage_point, channel;
    int64_t from_ms, to_ms;
    int64_t a, b; /* evidence; CHANGED: number of values, 0 */
    struct bb_span body;
};

void bb_outbox_encode(const struct bb_outbox_record *record, struct bb_buffer *out);
/* Texts borrow from `bytes`. */
int bb_outbox_decode(struct bb_span bytes, struct bb_outbox_record *out, struct bb_error *error)
    BB_MUST_USE;

/* What `body` of BB_OUTBOX_CHANNEL and the store's channel record both hold. */
struct bb_channel_record {
    uint32_t number; /* in the partition's store */
    uint8_t kind, commodity;
    uint8_t unit;         /* of the readings as first told */
    int16_t derived_unit; /* of derived lanes; -1 while unknown */
    uint8_t metered_unit; /* of readings as the device shows them: another one than derived_unit
                             where gas is metered as volume and derived as energy */
    uint32_t interval_s;
    int8_t one_way; /* 1, 0 */
    int32_t day_start_s;
    struct bb_span zone; /* resolved: never empty */
    struct bb_span obis; /* may be empty */
    int64_t capacity;    /* of the connection: 10^-9 of derived_unit in an hour; 0: unknown */
    /* Packed as model/channel_lists.h says; empty: none. */
    struct bb_span installations, holidays;
    /* The name of its profile and bb_profile_hash of what that says, so that a change of it is one of
     * the record; empty and 0: none, or one that is not known yet. */
    struct bb_span profile;
    uint64_t profile_hash;
    uint64_t rules_hash; /* of the rules that speak of it, and what they may know; 0: none */
    /* The reading that described the channel: the least (received, line) ever told. */
    int64_t first_received_ms, first_line;
    /* The same description as the source gave it, before master data. */
    uint8_t told_kind, told_commodity;
    uint32_t told_interval_s;
    struct bb_span told_zone, told_obis;
};
void bb_channel_record_encode(const struct bb_channel_record *record, struct bb_buffer *out);
int bb_channel_record_decode(struct bb_span bytes, struct bb_channel_record *out,
                             struct bb_error *error) BB_MUST_USE;

#endif
