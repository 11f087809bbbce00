/* Shared by the files of the sink "dynamodb": items as JSON, and calls. docs/sinks.md describes the items. */
#ifndef BB_ADAPTER_DYNAMODB_INTERNAL_H
#define BB_ADAPTER_DYNAMODB_INTERNAL_H

#include "adapter/aws.h"
#include "adapter/change_feed.h"
#include "adapter/retry.h"

/* ---- items: dynamodb_item.c. Pure. */

enum { DYNAMODB_PART_ROWS = 2000 }; /* of an item: far below the 400 KB that one may have */

/* How many items a block of so many rows takes: at least one, which says so when there is none. */
static inline uint32_t bb_dynamodb_parts(uint32_t rows) {
    return rows == 0 ? 1 : (rows + DYNAMODB_PART_ROWS - 1) / DYNAMODB_PART_ROWS;
}
/* Rows that the block had before the change. */
uint32_t bb_dynamodb_rows_before(const struct bb_value_change *change);
/* "tenant#usage point#lane#channel", with '#' and '%' inside the names as %23 and %25. */
void bb_dynamodb_key(struct bb_buffer *out, const struct bb_outbox_record *record, uint8_t lane);
/* "2026-03-01", "2026-03", "2026" or "2020s": what the block's span is called; part > 0: "2026-03-01#1". */
void bb_dynamodb_sort_key(struct bb_buffer *out, uint8_t lane, int32_t span, uint32_t part);

struct dynamodb_item {
    uint32_t partition, part;
    uint64_t sequence;
    const struct bb_outbox_record *record;
    const struct bb_value_change *change;
    int64_t expire_after_s; /* 0: never */
};
/* {"pk":{"S":...},...}: rows of the part; none where the block has no such part any more. */
void bb_dynamodb_item(struct bb_json *json, const struct dynamodb_item *item);
void bb_dynamodb_put_text(struct bb_json *json, const char *name, struct bb_span text);
void bb_dynamodb_put_number(struct bb_json *json, const char *name, int64_t number);

/* ---- calls: dynamodb_call.c */

struct dynamodb {
    struct bb_sink base;
    struct bb_sink_dynamodb_options options;
    char url[512];
    struct bb_aws *aws;
    struct bb_http_client *client;
    struct bb_retry retry;
    bool is_ready; /* the table is there */
};

enum dynamodb_outcome { DYNAMODB_DONE = 0, DYNAMODB_CONDITION = 1, DYNAMODB_NO_TABLE = 2 };

struct dynamodb_call {
    const char *operation; /* "PutItem" */
    struct bb_buffer body;
    struct bb_http_request request;
    int outcome; /* enum dynamodb_outcome */
    bool is_settled;
};
void bb_dynamodb_call_init(struct dynamodb_call *call, const char *operation);
void bb_dynamodb_call_release(struct dynamodb_call *call);
/* All of them, side by side; those that are throttled or not answered again and again, until patience is over. */
int bb_dynamodb_run(struct dynamodb *d, struct dynamodb_call *calls, size_t count,
                    struct bb_error *error) BB_MUST_USE;
/* The table is there, made if need be. */
int bb_dynamodb_ready(struct dynamodb *d, struct bb_error *error) BB_MUST_USE;

#endif
