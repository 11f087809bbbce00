/* Changes as Avro, by the schema that deploy/schemas/changes.avsc publishes: for sinks.
 *
 *   single object   C3 01 · CRC-64-AVRO, little endian · datum
 *   Confluent       00 · the schema's id, big endian · datum
 *
 * Pure; any thread.
 */
#ifndef BB_CODEC_AVRO_WRITE_H
#define BB_CODEC_AVRO_WRITE_H

#include "base/buffer.h"
#include "model/decimal.h"

/* A value of a lane that is other than it was. Texts are borrowed. */
struct bb_avro_change {
    struct bb_span tenant, usage_point, channel, lane;
    int64_t start_ms, end_ms; /* of an instant the same */
    bool has_old, has_new;    /* false: there was, or is, no value */
    struct bb_decimal old_value, new_value;
    struct bb_span unit;
    const struct bb_span *quality; /* the state first, then the marks */
    uint32_t quality_count;
    int64_t recorded_ms;
    struct bb_span why;
    int64_t sequence;
};

/* The schema as JSON, for registries, and its fingerprint. */
extern const char bb_avro_change_schema[];
#define BB_AVRO_CHANGE_FINGERPRINT UINT64_C(0xc424e4cb75187a71)

/* Append one message. out->overflow tells that there was no room. */
void bb_avro_write_single(const struct bb_avro_change *change, struct bb_buffer *out);
void bb_avro_write_confluent(const struct bb_avro_change *change, uint32_t schema_id,
                             struct bb_buffer *out);

#endif
