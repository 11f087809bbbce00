/* Records as rows of a warehouse: see warehouse_internal.h.
 *
 * A batch may say several things of one key; MERGE wants one. So rows are sorted by (table, key, order of telling), and the
 * last one of each key stays. Installations go by usage point, all of them: what goes is carried out before what is put, and
 * puts from before the going fall away. */
#include "adapter/warehouse_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "model/master.h"
#include "model/unit.h"

enum { FIELD_HEAD_BYTES = 5, VALUE_SCALE = 15, VALUE_DIGITS = 38, FREE_TEXT_MAX = 1000 };

static const char *const statistics[] = {"value", "min", "max"};

void bb_warehouse_batch_init(struct warehouse_batch *batch, size_t limit_bytes) {
    *batch = (struct warehouse_batch){0};
    bb_buffer_init(&batch->bytes, limit_bytes);
}

void bb_warehouse_batch_release(struct warehouse_batch *batch) {
    bb_buffer_release(&batch->bytes);
    free(batch->rows);
    *batch = (struct warehouse_batch){0};
}

void bb_warehouse_batch_clear(struct warehouse_batch *batch) {
    bb_buffer_clear(&batch->bytes);
    batch->count = 0;
}

/* ---- fields ---------------------------------------------------------------------------------- */

static void put_text(struct warehouse_batch *b, struct bb_span text) {
    uint32_t size = (uint32_t)text.size;

    bb_buffer_append_byte(&b->bytes, 1);
    bb_buffer_append(&b->bytes, &size, sizeof size);
    bb_buffer_append_span(&b->bytes, text);
}

static void put_null(struct warehouse_batch *b) {
    static const char nothing[FIELD_HEAD_BYTES];

    bb_buffer_append(&b->bytes, nothing, sizeof nothing);
}

static void put_words(struct warehouse_batch *b, const char *text) {
    put_text(b, bb_span_of(text));
}

static void put_integer(struct warehouse_batch *b, int64_t value) {
    char text[24];
    int size = snprintf(text, sizeof text, "%lld", (long long)value);

    put_text(b, (struct bb_span){text, (size_t)size});
}

/* How many bytes of text begin with a character that may stand in a column: 0 where they are no UTF-8, or a control. */
static size_t character_size(struct bb_span text) {
    const unsigned char *at = (const unsigned char *)text.data;
    size_t size = *at < 0x80 ? 1 : *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : 2;

    if (*at < 0x20 || *at == 0x7f || (*at >= 0x80 && *at < 0xc2) || *at > 0xf4 || size > text.size)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool is_too_long = (*at == 0xe0 && at[1] < 0xa0) || (*at == 0xf0 && at[1] < 0x90);
    bool is_none = (*at == 0xed && at[1] > 0x9f) || (*at == 0xf4 && at[1] > 0x8f);
    return is_too_long || is_none ? 0 : size;
}

/* A text that nobody has looked at, such as the name of a file: what cannot stand in a column becomes "?", and what is longer
 * than the column is cut. */
static void put_free_text(struct warehouse_batch *b, struct bb_span text) {
    char kept[FREE_TEXT_MAX];
    size_t used = 0;

    while (text.size > 0) {
        size_t size = character_size(text);
        if (used + (size ? size : 1) > sizeof kept)
            break;
        if (size > 0)
            memcpy(kept + used, text.data, size);
        else
            kept[used] = '?';
        used += size ? size : 1;
        text.data += size ? size : 1;
        text.size -= size ? size : 1;
    }
    put_text(b, (struct bb_span){kept, used});
}

/* "2026-03-01 00:15:00": UTC, as columns without a zone take it. */
static void put_time(struct warehouse_batch *b, int64_t ms) {
    char text[BB_TIME_TEXT_MAX];

    if (ms == BB_TIME_NONE) {
        put_null(b);
        return;
    }
    size_t size = bb_time_format_utc(ms, text);
    char *t = memchr(text, 'T', size);
    if (t)
        *t = ' ';
    put_text(b, (struct bb_span){text, size - 1});
}

/* NULL where a number has more digits before the point than NUMERIC(38,15) takes; more than 15 behind it are rounded by the
 * warehouse. Of values mantissa and exponent stand beside it, exactly. */
static void put_decimal(struct warehouse_batch *b, struct bb_decimal value) {
    char text[BB_DECIMAL_TEXT_MAX];
    size_t size = bb_decimal_format(value, false, text);
    const char *point = memchr(text, '.', size);
    size_t before = point ? (size_t)(point - text) : size;

    if (before - (text[0] == '-') > VALUE_DIGITS - VALUE_SCALE)
        put_null(b);
    else
        put_text(b, (struct bb_span){text, size});
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void row_begin(struct warehouse_batch *b) {
    b->row_begin = b->bytes.size;
}

/* Behind `count` fields. */
static size_t behind(const struct warehouse_batch *b, size_t at, size_t count) {
    for (; count > 0; count--) {
        uint32_t size;
        memcpy(&size, b->bytes.data + at + 1, sizeof size);
        at += FIELD_HEAD_BYTES + size;
    }
    return at;
}

static int row_end(struct warehouse_batch *b, enum warehouse_table_id table, bool gone,
                   struct bb_error *error) {
    const struct warehouse_table *t = &warehouse_tables[table];

    if (b->bytes.overflow || !bb_list_room(&b->rows, b->count, &b->capacity, sizeof b->rows[0]))
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for rows of a warehouse");
    size_t key_end = behind(b, b->row_begin, gone ? t->gone_count : t->key_count);
    b->rows[b->count] = (struct warehouse_row){.begin = b->row_begin,
                                               .end = b->bytes.size,
                                               .key_end = key_end,
                                               .order = b->count,
                                               .table = (uint8_t)table,
                                               .gone = gone};
    b->count++;
    return 0;
}

static void put_names(struct warehouse_batch *b, const struct bb_outbox_record *record) {
    put_text(b, record->tenant);
    put_text(b, record->usage_point);
    put_text(b, record->channel);
}

struct adding {
    struct warehouse_batch *batch;
    struct bb_error *error;
};

static int add_exception(struct adding *a, const struct bb_change_item *item) {
    const struct bb_outbox_record *record = item->record;
    struct warehouse_batch *b = a->batch;

    row_begin(b);
    put_integer(b, item->partition);
    put_integer(b, (int64_t)item->sequence);
    put_names(b, record);
    put_words(b, bb_check_name(record->check));
    put_words(b, record->kind == BB_OUTBOX_EXCEPTION_OPENED ? "opened" : "closed");
    put_time(b, record->from_ms);
    put_time(b, record->to_ms);
    put_decimal(b, (struct bb_decimal){record->a, record->exponent});
    put_decimal(b, (struct bb_decimal){record->b, record->exponent});
    put_free_text(b, record->body);
    put_time(b, record->recorded_ms);
    return row_end(b, FACT_EXCEPTION, false, a->error);
}

static void put_reading(struct warehouse_batch *b, const struct bb_change_item *item) {
    const struct bb_change_side *side = &item->now;
    const struct bb_quality *quality = &side->attribute->quality;
    struct bb_buffer words;

    put_time(b, side->start_ms);
    if (side->missing) {
        put_null(b);
        put_null(b);
        put_null(b);
    } else {
        put_decimal(b, side->value);
        put_integer(b, side->value.mantissa);
        put_integer(b, side->value.exponent);
    }
    put_words(b, bb_unit_symbol(side->attribute->unit));
    put_words(b, bb_state_name(quality->state));
    bb_buffer_init(&words, 4096);
    bb_quality_format(quality, &words);
    put_text(b, bb_buffer_span(&words));
    bb_buffer_release(&words);
    put_time(b, item->record->recorded_ms);
    put_integer(b, item->partition);
    put_integer(b, (int64_t)item->sequence);
}

static int add_item(void *context, const struct bb_change_item *item) {
    struct adding *a = context;
    const struct bb_change_side *side = item->now.there ? &item->now : &item->before;

    if (!item->change)
        return add_exception(a, item);
    row_begin(a->batch);
    put_names(a->batch, item->record);
    put_words(a->batch, bb_lanes[item->change->lane].name);
    put_time(a->batch, side->end_ms);
    put_words(a->batch, statistics[side->attribute->statistic]);
    if (item->now.there)
        put_reading(a->batch, item);
    return row_end(a->batch, FACT_READING, !item->now.there, a->error);
}

/* ---- master data ----------------------------------------------------------------------------- */

static int add_channel(struct adding *a, const struct bb_outbox_record *record) {
    struct warehouse_batch *b = a->batch;
    struct bb_channel_record channel;
    int result = bb_channel_record_decode(record->body, &channel, a->error);

    if (result)
        return result;
    row_begin(b);
    put_names(b, record);
    put_text(b, channel.obis);
    put_words(b, bb_kind_name(channel.kind));
    put_words(b, bb_commodity_name(channel.commodity));
    put_words(b, bb_unit_symbol(channel.derived_unit >= 0 ? channel.derived_unit : channel.unit));
    put_integer(b, channel.interval_s);
    put_text(b, channel.zone);
    put_time(b, record->recorded_ms);
    return row_end(b, DIM_CHANNEL, false, a->error);
}

static int add_tenant(struct adding *a, const struct bb_master_tenant *tenant,
                      const struct bb_outbox_record *record) {
    row_begin(a->batch);
    put_text(a->batch, tenant->name);
    put_text(a->batch, tenant->zone);
    put_time(a->batch, record->recorded_ms);
    return row_end(a->batch, DIM_TENANT, false, a->error);
}

static int add_installations(struct adding *a, const struct bb_master_usage_point *up,
                             const struct bb_outbox_record *record) {
    struct warehouse_batch *b = a->batch;

    row_begin(b);
    put_text(b, up->tenant);
    put_text(b, up->name);
    int result = row_end(b, DIM_INSTALLATION, true, a->error);
    for (uint32_t i = 0; !result && i < up->installation_count; i++) {
        const struct bb_master_installation *item = &up->installations[i];
        row_begin(b);
        put_text(b, up->tenant);
        put_text(b, up->name);
        put_time(b, item->from_ms);
        put_text(b, item->device);
        put_time(b, item->to_ms);
        put_decimal(b, item->multiplier);
        put_integer(b, item->dials);
        put_text(b, item->reason);
        put_time(b, record->recorded_ms);
        result = row_end(b, DIM_INSTALLATION, false, a->error);
    }
    return result;
}

static int add_usage_point(struct adding *a, const struct bb_master_usage_point *up,
                           const struct bb_outbox_record *record) {
    struct warehouse_batch *b = a->batch;

    row_begin(b);
    put_text(b, up->tenant);
    put_text(b, up->name);
    put_words(b, bb_commodity_name(up->commodity));
    put_text(b, up->zone);
    put_text(b, up->calendar);
    put_text(b, up->customer);
    put_text(b, up->grid_area);
    put_text(b, up->tariff);
    put_time(b, record->recorded_ms);
    int result = row_end(b, DIM_USAGE_POINT, false, a->error);
    return result ? result : add_installations(a, up, record);
}

static int add_master(struct adding *a, const struct bb_outbox_record *record) {
    struct bb_arena arena;
    struct bb_master master;

    bb_arena_init(&arena, 1 << 16, 1 << 28);
    int result = bb_master_decode(record->body, &arena, &master, a->error);
    if (!result && master.kind == BB_MASTER_USAGE_POINT)
        result = add_usage_point(a, &master.usage_point, record);
    else if (!result && master.kind == BB_MASTER_TENANT)
        result = add_tenant(a, &master.tenant, record);
    bb_arena_release(&arena);
    return result;
}

static int name_record(int result, uint32_t partition, uint64_t sequence, struct bb_error *error) {
    char name[64];

    if (result < 0) {
        snprintf(name, sizeof name, "record %llu of partition %u", (unsigned long long)sequence,
                 partition);
        bb_error_locate(error, name, 0);
    }
    return result;
}

int bb_warehouse_batch_add(struct warehouse_batch *batch, const struct bb_sink_choice *choice,
                           uint32_t partition, uint64_t sequence,
                           const struct bb_outbox_record *record, struct bb_error *error) {
    struct adding a = {batch, error};
    const struct bb_change_visit visit = {.item = add_item, .context = &a};
    bool takes = bb_sink_choice_takes(choice, record);

    if (record->kind == BB_OUTBOX_CHANNEL)
        return takes ? name_record(add_channel(&a, record), partition, sequence, error) : 0;
    if (record->kind == BB_OUTBOX_MASTER)
        return takes ? name_record(add_master(&a, record), partition, sequence, error) : 0;
    return bb_change_feed_walk(choice, partition, sequence - 1, record, 1, &visit, error);
}

/* ---- the last word --------------------------------------------------------------------------- */

static int compare_keys(const void *left, const void *right, void *context) {
    const struct warehouse_row *a = left, *b = right;
    const char *bytes = context;

    if (a->table != b->table)
        return a->table < b->table ? -1 : 1;
    int order = bb_span_compare((struct bb_span){bytes + a->begin, a->key_end - a->begin},
                                (struct bb_span){bytes + b->begin, b->key_end - b->begin});
    return order ? order : (a->order > b->order) - (a->order < b->order);
}

static bool is_under(const char *bytes, const struct warehouse_row *row,
                     const struct warehouse_row *prefix) {
    return bb_span_starts_with(
        (struct bb_span){bytes + row->begin, row->key_end - row->begin},
        (struct bb_span){bytes + prefix->begin, prefix->key_end - prefix->begin});
}

/* Sorted, those that go by a part of their key stand before all that they take with them. */
static void drop_under(struct warehouse_batch *b, size_t prefix) {
    struct warehouse_row *gone = &b->rows[prefix];

    for (size_t i = prefix + 1; i < b->count && b->rows[i].table == gone->table &&
                                is_under(b->bytes.data, &b->rows[i], gone);
         i++)
        if (!b->rows[i].gone && b->rows[i].order < gone->order)
            b->rows[i].dropped = true;
}

void bb_warehouse_batch_settle(struct warehouse_batch *b) {
    size_t left = 0;

    if (b->count == 0)
        return;
    qsort_r(b->rows, b->count, sizeof b->rows[0], compare_keys, b->bytes.data);
    for (size_t i = 0; i < b->count; i++) {
        struct warehouse_row *row = &b->rows[i];
        const struct warehouse_table *t = &warehouse_tables[row->table];
        bool in_part = row->gone && t->gone_count < t->key_count;
        const struct warehouse_row *next = row + 1;
        if (next < b->rows + b->count && next->table == row->table &&
            next->key_end - next->begin == row->key_end - row->begin &&
            is_under(b->bytes.data, next, row))
            row->dropped = true;
        else if (in_part)
            drop_under(b, i);
    }
    for (size_t i = 0; i < b->count; i++)
        if (!b->rows[i].dropped)
            b->rows[left++] = b->rows[i];
    b->count = left;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_escaped(struct bb_buffer *out, struct bb_span text, const char *of,
                          const char *const *with) {
    size_t begin = 0;

    for (size_t i = 0; i < text.size; i++) {
        const char *found = strchr(of, text.data[i]);
        if (!found || !text.data[i])
            continue;
        bb_buffer_append(out, text.data + begin, i - begin);
        bb_buffer_append(out, with[found - of], strlen(with[found - of]));
        begin = i + 1;
    }
    bb_buffer_append(out, text.data + begin, text.size - begin);
}

static void write_field(struct bb_buffer *out, enum warehouse_form form, bool is_null,
                        struct bb_span text) {
    static const char *const of_copy[] = {"\\\\", "\\t", "\\n", "\\r"};
    static const char *const of_literal[] = {"''"}, *const of_csv[] = {"\"\""};

    if (is_null) {
        bb_buffer_append_span(out, form == WAREHOUSE_VALUES ? BB_SPAN("NULL") : BB_SPAN("\\N"));
    } else if (form == WAREHOUSE_TEXT) {
        write_escaped(out, text, "\\\t\n\r", of_copy);
    } else {
        char quote = form == WAREHOUSE_CSV ? '"' : '\'';
        bb_buffer_append_byte(out, (uint8_t)quote);
        write_escaped(out, text, form == WAREHOUSE_CSV ? "\"" : "'",
                      form == WAREHOUSE_CSV ? of_csv : of_literal);
        bb_buffer_append_byte(out, (uint8_t)quote);
    }
}

static void write_row(const struct warehouse_batch *b, const struct warehouse_row *row,
                      enum warehouse_form form, struct bb_buffer *out) {
    bool first = true;

    if (form == WAREHOUSE_VALUES)
        bb_buffer_append_byte(out, '(');
    for (size_t at = row->begin; at < row->end; first = false) {
        uint32_t size;
        memcpy(&size, b->bytes.data + at + 1, sizeof size);
        if (!first)
            bb_buffer_append_byte(out, form == WAREHOUSE_TEXT ? '\t' : ',');
        write_field(out, form, b->bytes.data[at] == 0,
                    (struct bb_span){b->bytes.data + at + FIELD_HEAD_BYTES, size});
        at += FIELD_HEAD_BYTES + size;
    }
    bb_buffer_append_byte(out, form == WAREHOUSE_VALUES ? ')' : '\n');
}

size_t bb_warehouse_rows_write(const struct warehouse_batch *batch, enum warehouse_table_id table,
                               bool gone, enum warehouse_form form, size_t limit_bytes, size_t *at,
                               struct bb_buffer *out) {
    size_t count = 0;

    for (; *at < batch->count && out->size < limit_bytes; ++*at) {
        const struct warehouse_row *row = &batch->rows[*at];
        if (row->table != table || row->gone != gone)
            continue;
        if (count > 0 && form == WAREHOUSE_VALUES)
            bb_buffer_append_byte(out, ',');
        write_row(batch, row, form, out);
        count++;
    }
    return count;
}
