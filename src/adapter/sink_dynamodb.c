/* The sink "dynamodb": each block is an item that is replaced whole, when what is there is older (`version`); the position is
 * an item, too, and moves last. So what is told again changes nothing, and what a process that was thought dead still writes
 * loses against what is newer.
 *
 * Of the records of a call only the last one of each block is written, many blocks at a time. Not in transactions of DynamoDB:
 * they cost twice as much, hold a hundred items, and add nothing to the condition.
 */
#include "adapter/dynamodb_internal.h"
#include "adapter/sorted_table_internal.h"

#include <stdio.h>

enum { PARALLEL = 16, ROUND_ITEMS = 256, ARENA_CHUNK_BYTES = 1 << 20, ARENA_LIMIT_BYTES = 1 << 30 };

struct block { /* that records of the call tell of */
    struct bb_span key;
    size_t last;    /* record that has the last word */
    uint32_t parts; /* items that it had at most before, or has */
};

struct telling { /* of one apply */
    struct dynamodb *sink;
    uint32_t partition;
    uint64_t from;
    const struct bb_outbox_record *records;
    struct sorted_table blocks;
    struct bb_arena keys, scratch;
    struct dynamodb_call *calls; /* [ROUND_ITEMS] */
    size_t call_count;
    struct bb_error *error;
};

static struct dynamodb *dynamodb_of(struct bb_sink *sink) {
    return (struct dynamodb *)sink;
}

static void dynamodb_close(struct bb_sink *base) {
    struct dynamodb *d = dynamodb_of(base);

    if (!d)
        return;
    bb_http_client_free(d->client);
    bb_aws_close(d->aws);
    free(d);
}

/* ---- the position ---------------------------------------------------------------------------- */

static void begin_body(struct bb_json *json, struct dynamodb_call *call, const struct dynamodb *d) {
    bb_json_init(json, &call->body);
    bb_json_object_begin(json);
    bb_json_put_text(json, "TableName", bb_span_of(d->options.table));
}

static void put_position_key(struct bb_json *json, const struct dynamodb *d, uint32_t partition) {
    char pk[256], sk[16];

    snprintf(pk, sizeof pk, "position#%.240s", d->base.label);
    snprintf(sk, sizeof sk, "%06u", partition);
    bb_json_key(json, "Key");
    bb_json_object_begin(json);
    bb_dynamodb_put_text(json, "pk", bb_span_of(pk));
    bb_dynamodb_put_text(json, "sk", bb_span_of(sk));
    bb_json_object_end(json);
}

/* {"Item":{...,"sequence":{"N":"17"},...}} */
static uint64_t sequence_of(struct bb_span answer) {
    struct bb_span name = BB_SPAN("\"sequence\""), number;
    const char *at = answer.size ? memmem(answer.data, answer.size, name.data, name.size) : NULL;
    char text[24];

    if (!at || !bb_aws_json_text((struct bb_span){at, (size_t)(answer.data + answer.size - at)},
                                 "N", &number))
        return 0;
    snprintf(text, sizeof text, "%.*s", BB_SPAN_ARGS(number));
    return strtoull(text, NULL, 10);
}

static int dynamodb_position(struct bb_sink *base, uint32_t partition, uint64_t *sequence,
                             struct bb_error *error) {
    struct dynamodb *d = dynamodb_of(base);
    struct dynamodb_call call;
    struct bb_json json;
    int result = bb_dynamodb_ready(d, error);

    if (result)
        return result;
    bb_dynamodb_call_init(&call, "GetItem");
    begin_body(&json, &call, d);
    put_position_key(&json, d, partition);
    bb_json_put_bool(&json, "ConsistentRead", true);
    bb_json_object_end(&json);
    result = bb_dynamodb_run(d, &call, 1, error);
    *sequence = sequence_of(bb_buffer_span(&call.request.answer));
    bb_dynamodb_call_release(&call);
    return result;
}

static int move_position(struct telling *t, uint64_t to) {
    struct dynamodb *d = t->sink;
    struct dynamodb_call call;
    struct bb_json json;

    bb_dynamodb_call_init(&call, "UpdateItem");
    begin_body(&json, &call, d);
    put_position_key(&json, d, t->partition);
    bb_json_put_text(&json, "UpdateExpression", BB_SPAN("SET #s = :to"));
    bb_json_put_text(&json, "ConditionExpression",
                     t->from == 0 ? BB_SPAN("attribute_not_exists(#s) OR #s = :from")
                                  : BB_SPAN("#s = :from"));
    bb_json_key(&json, "ExpressionAttributeNames");
    bb_json_raw(&json, BB_SPAN("{\"#s\":\"sequence\"}"));
    bb_json_key(&json, "ExpressionAttributeValues");
    bb_json_object_begin(&json);
    bb_dynamodb_put_number(&json, ":from", (int64_t)t->from);
    bb_dynamodb_put_number(&json, ":to", (int64_t)to);
    bb_json_object_end(&json);
    bb_json_object_end(&json);
    int result = bb_dynamodb_run(d, &call, 1, t->error);
    if (!result && call.outcome == DYNAMODB_CONDITION)
        result = BB_SINK_MOVED;
    bb_dynamodb_call_release(&call);
    return result;
}

/* ---- which blocks ---------------------------------------------------------------------------- */

static int compare_blocks(const void *a, const void *b) {
    return bb_span_compare(((const struct block *)a)->key, ((const struct block *)b)->key);
}

static int no_memory(struct telling *t) {
    return BB_FAIL(t->error, BB_E_NO_MEMORY, "no memory for what a sink is told");
}

static int decode(struct telling *t, size_t i, struct bb_value_change *change) {
    char name[64];

    uint64_t sequence = t->from + i + 1;
    bb_arena_reset(&t->scratch);
    int result = bb_value_change_decode(t->records[i].body, &t->scratch, change, t->error);
    if (result) {
        snprintf(name, sizeof name, "record %llu of partition %u", (unsigned long long)sequence,
                 t->partition);
        bb_error_locate(t->error, name, 0);
    }
    return result;
}

static int note_block(struct telling *t, size_t i) {
    struct bb_value_change change;
    struct bb_buffer key;
    int result = decode(t, i, &change);

    if (result || !bb_sink_choice_takes_lane(&t->sink->options.choice, change.lane))
        return result;
    bb_buffer_init(&key, 1 << 14);
    bb_dynamodb_key(&key, &t->records[i], change.lane);
    bb_buffer_append_byte(&key, '\0');
    bb_dynamodb_sort_key(&key, change.lane, change.span, 0);
    uint32_t now = bb_dynamodb_parts(change.now.count);
    uint32_t before = bb_dynamodb_parts(bb_dynamodb_rows_before(&change));
    struct block told = {bb_buffer_span(&key), i, now > before ? now : before};
    struct block *known = sorted_find(&t->blocks, &told);
    if (known) {
        known->last = i;
        known->parts = known->parts > told.parts ? known->parts : told.parts;
    } else {
        told.key = bb_arena_copy(&t->keys, told.key);
        if (!told.key.data || !sorted_insert(&t->blocks, &told))
            result = no_memory(t);
    }
    bb_buffer_release(&key);
    return result;
}

/* ---- items ----------------------------------------------------------------------------------- */

static int flush(struct telling *t) {
    /* One that is there in this version or a later one (DYNAMODB_CONDITION) is as it should be. */
    int result = bb_dynamodb_run(t->sink, t->calls, t->call_count, t->error);

    for (size_t i = 0; !result && i < t->call_count; i++)
        if (t->calls[i].outcome == DYNAMODB_NO_TABLE) {
            t->sink->is_ready = false;
            result = BB_FAIL(t->error, BB_E_SINK_BUSY, "%s: table %s is gone", t->sink->base.label,
                             t->sink->options.table);
            t->error->retriable = true;
        }
    for (size_t i = 0; i < t->call_count; i++)
        bb_dynamodb_call_release(&t->calls[i]);
    t->call_count = 0;
    return result;
}

static int put_part(struct telling *t, const struct dynamodb_item *item) {
    struct dynamodb_call *call = &t->calls[t->call_count++];
    struct bb_json json;

    bb_dynamodb_call_init(call, "PutItem");
    begin_body(&json, call, t->sink);
    bb_json_key(&json, "Item");
    bb_dynamodb_item(&json, item);
    bb_json_put_text(&json, "ConditionExpression", BB_SPAN("attribute_not_exists(pk) OR #v < :v"));
    bb_json_key(&json, "ExpressionAttributeNames");
    bb_json_raw(&json, BB_SPAN("{\"#v\":\"version\"}"));
    bb_json_key(&json, "ExpressionAttributeValues");
    bb_json_object_begin(&json);
    bb_dynamodb_put_number(&json, ":v", (int64_t)item->sequence);
    bb_json_object_end(&json);
    bb_json_object_end(&json);
    return t->call_count == ROUND_ITEMS ? flush(t) : 0;
}

static int put_block(struct telling *t, const struct block *block) {
    struct bb_value_change change;
    struct dynamodb_item item = {.partition = t->partition,
                                 .sequence = t->from + block->last + 1,
                                 .record = &t->records[block->last],
                                 .change = &change,
                                 .expire_after_s = t->sink->options.expire_after_s};
    int result = decode(t, block->last, &change);

    for (item.part = 0; !result && item.part < block->parts; item.part++)
        result = put_part(t, &item);
    return result;
}

static int tell(struct telling *t, size_t count) {
    int result = 0;

    for (size_t i = 0; !result && i < count; i++)
        if (t->records[i].kind == BB_OUTBOX_VALUES &&
            bb_sink_choice_takes(&t->sink->options.choice, &t->records[i]))
            result = note_block(t, i);
    for (size_t i = 0; !result && i < t->blocks.count; i++)
        result = put_block(t, sorted_at(&t->blocks, i));
    if (!result)
        result = flush(t);
    for (size_t i = 0; i < t->call_count; i++)
        bb_dynamodb_call_release(&t->calls[i]);
    return result ? result : move_position(t, t->from + count);
}

static int dynamodb_apply(struct bb_sink *base, uint32_t partition, uint64_t from,
                          const struct bb_outbox_record *records, size_t count,
                          struct bb_error *error) {
    struct telling t = {.sink = dynamodb_of(base),
                        .partition = partition,
                        .from = from,
                        .records = records,
                        .blocks = {.item_size = sizeof(struct block), .compare = compare_blocks},
                        .error = error};
    uint64_t at = 0;
    int result = dynamodb_position(base, partition, &at, error);

    if (result || at != from)
        return result ? result : BB_SINK_MOVED;
    bb_arena_init(&t.keys, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
    bb_arena_init(&t.scratch, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
    t.calls = calloc(ROUND_ITEMS, sizeof t.calls[0]);
    result = t.calls ? tell(&t, count) : no_memory(&t);
    free(t.calls);
    free(t.blocks.items);
    bb_arena_release(&t.keys);
    bb_arena_release(&t.scratch);
    return result;
}

static int dynamodb_check(struct bb_sink *base, struct bb_error *error) {
    return bb_dynamodb_ready(dynamodb_of(base), error);
}

static const struct bb_sink_ops operations = {
    .name = "dynamodb",
    .guarantee = BB_SINK_IDEMPOTENT,
    .close = dynamodb_close,
    .position = dynamodb_position,
    .apply = dynamodb_apply,
    .check = dynamodb_check,
};

int bb_sink_dynamodb_open(const struct bb_sink_dynamodb_options *options, const char *label,
                          struct bb_sink **out, struct bb_error *error) {
    struct dynamodb *d = calloc(1, sizeof *d);

    if (!d)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a sink");
    d->base = (struct bb_sink){&operations, label};
    d->options = *options;
    if (!d->options.table)
        d->options.table = "busbar";
    bb_retry_init(&d->retry, &options->patience);
    int result = bb_aws_open(&options->aws, label, &d->aws, error);
    if (!result) {
        if (options->endpoint)
            snprintf(d->url, sizeof d->url, "%s/", options->endpoint);
        else
            snprintf(d->url, sizeof d->url, "https://dynamodb.%s.amazonaws.com/",
                     bb_aws_region(d->aws));
        d->client = bb_http_client_new(&(struct bb_http_client_options){
            .parallel = options->parallel ? options->parallel : PARALLEL,
            .stop = options->patience.stop});
        if (!d->client)
            result = BB_FAIL(error, BB_E_NO_MEMORY, "%s: libcurl does not start", label);
    }
    if (result) {
        dynamodb_close(&d->base);
        return result;
    }
    *out = &d->base;
    return 0;
}
