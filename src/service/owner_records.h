/* Records on their way to the log's owner: what a command wants to append while a server has the plant.
 *
 *   command ─► encoded ─► the server's own socket ─► decoded ─► appended by the thread that owns the log
 *
 * Only what people and master data tell goes this way: frames that stand for themselves, master data, ticks.
 * Files are landed by the owner (land.h), as the ledger is his. A frame gets another received time when somebody
 * else got the same one meanwhile: it names one source alone.
 *
 * Each record: u8 kind, varint partition, readings, zigzag received_ms, varint size, the body.
 */
#ifndef BB_SERVICE_OWNER_RECORDS_H
#define BB_SERVICE_OWNER_RECORDS_H

#include "service/plant.h"

/* False: the buffer is full. */
bool bb_owner_records_put(struct bb_buffer *out, uint32_t partition,
                          const struct bb_log_record *record) BB_MUST_USE;

/* Append them all; durable after the next sync. On the owner's thread. -BB_E_PARAMETER: they are damaged, or of a
 * kind that does not go this way; then nothing was appended. */
int bb_owner_records_append(struct bb_plant *plant, struct bb_span records, struct bb_error *error)
    BB_MUST_USE;

#endif
