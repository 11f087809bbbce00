/* The sinks' twin in memory: a table of values and a position for each partition, both moved at once. What it holds is apart
 * from the sink, so that a test may close one, open another and find what was there, as with another system. */
#include "adapter/change_feed.h"
#include "adapter/sorted_table_internal.h"
#include "base/list.h"

enum { PARTITIONS_MAX = 4096 };

struct row {
    struct bb_sink_memory_row told;
    char *names; /* what told's texts borrow */
};

struct bb_sink_memory {
    struct sorted_table rows;
    uint64_t positions[PARTITIONS_MAX];
    uint64_t records;
    uint64_t letter_position;
    uint64_t *letters; /* their ids, in the order of their telling */
    size_t letter_count, letter_capacity;
};

struct memory_sink {
    struct bb_sink base;
    struct bb_sink_memory *memory;
    struct bb_error *error; /* of the call at hand */
};

static struct memory_sink *memory_of(struct bb_sink *sink) {
    return (struct memory_sink *)sink;
}

static int order(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

static int compare_rows(const void *left, const void *right) {
    const struct bb_sink_memory_row *a = &((const struct row *)left)->told;
    const struct bb_sink_memory_row *b = &((const struct row *)right)->told;
    const int orders[] = {bb_span_compare(a->tenant, b->tenant),
                          bb_span_compare(a->usage_point, b->usage_point),
                          bb_span_compare(a->channel, b->channel), order(a->lane, b->lane),
                          order(a->end_ms, b->end_ms)};

    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        if (orders[i])
            return orders[i];
    return order(a->statistic, b->statistic);
}

struct bb_sink_memory *bb_sink_memory_new(void) {
    struct bb_sink_memory *memory = calloc(1, sizeof *memory);

    if (memory)
        memory->rows = (struct sorted_table){.item_size = sizeof(struct row),
                                             .compare = compare_rows};
    return memory;
}

void bb_sink_memory_free(struct bb_sink_memory *memory) {
    if (!memory)
        return;
    for (size_t i = 0; i < memory->rows.count; i++)
        free(((struct row *)sorted_at(&memory->rows, i))->names);
    free(memory->rows.items);
    free(memory->letters);
    free(memory);
}

void bb_sink_memory_walk(const struct bb_sink_memory *memory, bb_sink_memory_visit *visit,
                         void *context) {
    for (size_t i = 0; i < memory->rows.count; i++)
        visit(context, &((struct row *)sorted_at(&memory->rows, i))->told);
}

uint64_t bb_sink_memory_records(const struct bb_sink_memory *memory) {
    return memory->records;
}

const uint64_t *bb_sink_memory_letters(const struct bb_sink_memory *memory, size_t *count) {
    *count = memory->letter_count;
    return memory->letters;
}

/* ---- changes --------------------------------------------------------------------------------- */

static struct bb_span keep(char **at, struct bb_span text) {
    struct bb_span kept = {*at, text.size};

    memcpy(*at, text.data, text.size);
    *at += text.size;
    return kept;
}

static void remove_row(struct sorted_table *rows, const struct row *key) {
    bool found;
    size_t at = sorted_search(rows, key, &found);

    if (!found)
        return;
    free(((struct row *)sorted_at(rows, at))->names);
    rows->count--;
    memmove(sorted_at(rows, at), sorted_at(rows, at + 1), (rows->count - at) * rows->item_size);
}

static int put_row(struct memory_sink *sink, const struct row *row) {
    struct sorted_table *rows = &sink->memory->rows;
    struct row *known = sorted_find(rows, row), fresh = *row;
    const struct bb_sink_memory_row *told = &row->told;

    if (known) { /* the texts stay */
        fresh.names = known->names;
        fresh.told.tenant = known->told.tenant;
        fresh.told.usage_point = known->told.usage_point;
        fresh.told.channel = known->told.channel;
        *known = fresh;
        return 0;
    }
    char *at = malloc(told->tenant.size + told->usage_point.size + told->channel.size + 1);
    if (!at)
        return BB_FAIL(sink->error, BB_E_NO_MEMORY, "no memory for a row");
    fresh.names = at;
    fresh.told.tenant = keep(&at, told->tenant);
    fresh.told.usage_point = keep(&at, told->usage_point);
    fresh.told.channel = keep(&at, told->channel);
    if (sorted_insert(rows, &fresh))
        return 0;
    free(fresh.names);
    return BB_FAIL(sink->error, BB_E_NO_MEMORY, "no memory for a row");
}

static int take_item(void *context, const struct bb_change_item *item) {
    struct memory_sink *sink = context;
    const struct bb_change_side *side = item->now.there ? &item->now : &item->before;

    if (!item->change)
        return 0;
    struct row row = {.told = {.tenant = item->record->tenant,
                               .usage_point = item->record->usage_point,
                               .channel = item->record->channel,
                               .lane = item->change->lane,
                               .statistic = side->attribute->statistic,
                               .unit = side->attribute->unit,
                               .missing = side->missing,
                               .start_ms = side->start_ms,
                               .end_ms = side->end_ms,
                               .value = side->value,
                               .quality = side->attribute->quality,
                               .sequence = item->sequence}};
    if (item->now.there)
        return put_row(sink, &row);
    remove_row(&sink->memory->rows, &row);
    return 0;
}

static int look_at_item(void *context, const struct bb_change_item *item) {
    (void)context;
    (void)item;
    return 0;
}

/* ---- the port -------------------------------------------------------------------------------- */

static void memory_close(struct bb_sink *base) {
    free(base);
}

static int memory_position(struct bb_sink *base, uint32_t partition, uint64_t *sequence,
                           struct bb_error *error) {
    if (partition >= PARTITIONS_MAX)
        return BB_FAIL(error, BB_E_SINK_REFUSED, "there is no partition %u", partition);
    *sequence = memory_of(base)->memory->positions[partition];
    return 0;
}

/* All records are read before the first one takes effect: one that cannot be read leaves nothing half done. */
static int memory_apply(struct bb_sink *base, uint32_t partition, uint64_t from,
                        const struct bb_outbox_record *records, size_t count,
                        struct bb_error *error) {
    struct memory_sink *sink = memory_of(base);
    const struct bb_sink_choice all = {0};
    const struct bb_change_visit look = {.item = look_at_item, .context = sink};
    const struct bb_change_visit take = {.item = take_item, .context = sink};
    uint64_t at = 0;
    int result = memory_position(base, partition, &at, error);

    sink->error = error;
    if (!result)
        result = at == from ? 0 : BB_SINK_MOVED;
    if (!result)
        result = bb_change_feed_walk(&all, partition, from, records, count, &look, error);
    if (!result)
        result = bb_change_feed_walk(&all, partition, from, records, count, &take, error);
    if (result)
        return result;
    sink->memory->positions[partition] = from + count;
    sink->memory->records += count;
    return 0;
}

static int memory_letter_position(struct bb_sink *base, uint64_t *offset, struct bb_error *error) {
    (void)error;
    *offset = memory_of(base)->memory->letter_position;
    return 0;
}

static int memory_apply_letters(struct bb_sink *base, uint64_t from, uint64_t to,
                                const struct bb_letter *letters, size_t count,
                                struct bb_error *error) {
    struct bb_sink_memory *m = memory_of(base)->memory;
    const size_t before = m->letter_count;

    if (m->letter_position != from)
        return BB_SINK_MOVED;
    for (size_t i = 0; i < count; i++) {
        if (!bb_list_room(&m->letters, m->letter_count, &m->letter_capacity,
                          sizeof m->letters[0])) {
            m->letter_count = before;
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for dead letters");
        }
        m->letters[m->letter_count++] = letters[i].id;
    }
    m->letter_position = to;
    return 0;
}

static int memory_check(struct bb_sink *base, struct bb_error *error) {
    (void)base;
    (void)error;
    return 0;
}

static const struct bb_sink_ops operations = {
    .name = "memory",
    .guarantee = BB_SINK_INSIDE,
    .close = memory_close,
    .position = memory_position,
    .apply = memory_apply,
    .check = memory_check,
    .letter_position = memory_letter_position,
    .apply_letters = memory_apply_letters,
};

int bb_sink_memory_open(struct bb_sink_memory *memory, const char *label, struct bb_sink **out,
                        struct bb_error *error) {
    struct memory_sink *sink = calloc(1, sizeof *sink);

    if (!sink)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a sink");
    *sink = (struct memory_sink){{&operations, label}, memory};
    *out = &sink->base;
    return 0;
}
