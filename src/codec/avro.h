/* Avro messages one by one, as a consumer of a queue gets them; files of them are a format like the others
 * (codec.h).
 *
 *   message ─► framing: which schema ─► its program ─► rows ─► batches to the sink
 *
 * A message is a raw datum, one in single-object encoding, one with Confluent's header, or a whole
 * object container file; the map says which, else its first bytes do. It holds one reading or an array
 * of them. One decoder serves many messages of one form: schemas are compiled once, nothing is allocated per message
 * in the long run. One thread.
 */
#ifndef BB_CODEC_AVRO_H
#define BB_CODEC_AVRO_H

#include "codec/codec.h"

struct bb_avro_messages;

/* The options, table and sink are borrowed until it is freed; the table is not cleared meanwhile. */
int bb_avro_messages_new(const struct bb_decode_options *options, struct bb_series_table *table,
                         const struct bb_decode_sink *sink, struct bb_avro_messages **out,
                         struct bb_error *error) BB_MUST_USE;
void bb_avro_messages_free(struct bb_avro_messages *messages);

/* Decode one message. Its readings go to sink->batch in time; `line` is their line. A message that cannot
 * be used goes to sink->reject with a reason, none of its readings anywhere: BB_E_AVRO_SCHEMA_UNKNOWN when
 * nobody knows its schema (it may be parked and come again later), BB_E_AVRO_DATA, BB_E_AVRO_SCHEMA,
 * BB_E_AVRO_RESOLUTION. Negative: the sink's error, or one that is retriable because the registry of schemas
 * does not answer; then nothing of this message was taken. `value` stays until the next settle or finish. */
int bb_avro_messages_put(struct bb_avro_messages *messages, struct bb_span value, uint64_t line,
                         struct bb_error *error) BB_MUST_USE;
/* The messages so far may go. */
int bb_avro_messages_settle(struct bb_avro_messages *messages, struct bb_error *error) BB_MUST_USE;
/* The same, and the last batch is handed on. More messages may come. */
int bb_avro_messages_finish(struct bb_avro_messages *messages, struct bb_error *error) BB_MUST_USE;

#endif
