/* The Avro decoder: which schema a message has, and its datum to rows. See avro_decoder_internal.h.
 *
 * A datum is read whole before any of it becomes a row: what is cut off or damaged leaves nothing behind,
 * and may be read again when there is more of it. */
#include "codec/avro_decoder_internal.h"

#include "base/hash.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    TEXTS_CHUNK = 64 << 10,
    TEXTS_LIMIT = 128 << 20,
    TEXTS_ENOUGH = 1 << 20, /* then rows that wait are settled */
    ENTRIES_MAX = 256,
    SINGLE_HEADER = 10,
    CONFLUENT_HEADER = 5
};

static const struct bb_avro_form no_form;
/* What a number leaves in a cell is no text: cells are emptied whole. */
static const struct bb_cell no_cell = {.data = "", .type = BB_CELL_ABSENT};

/* ---- life ---- */

int bb_avro_decoder_init(struct bb_avro_decoder *d, const struct bb_decode_options *options,
                         struct bb_series_table *table, const struct bb_decode_sink *sink,
                         struct bb_error *error) {
    *d = (struct bb_avro_decoder){.options = options};
    d->form = bb_map_of(options)->avro ? bb_map_of(options)->avro : &no_form;
    bb_arena_init(&d->texts, TEXTS_CHUNK, TEXTS_LIMIT);
    bb_arena_init(&d->row_texts, TEXTS_CHUNK, TEXTS_LIMIT);
    int failure = bb_binding_init(&d->binding, options, error);
    if (failure == 0)
        failure = bb_row_writer_new(options, table, sink, ',', &d->writer, error);
    if (failure == 0)
        d->group = bb_row_writer_group(d->writer);
    return failure;
}

static void free_entry(struct bb_avro_entry *entry) {
    bb_avro_program_free(entry->program);
    bb_avro_schema_free(entry->own);
    free((char *)entry->text.data);
    free(entry);
}

/* Rows that wait may point into them: settle before. */
static void forget_entries(struct bb_avro_decoder *d) {
    for (uint32_t i = 0; i < d->entry_count; i++)
        free_entry(d->entries[i]);
    d->entry_count = 0;
    d->last = NULL;
    d->current = NULL;
}

void bb_avro_decoder_release(struct bb_avro_decoder *d) {
    bb_row_writer_free(d->writer);
    forget_entries(d);
    free(d->entries);
    free(d->cells);
    bb_binding_release(&d->binding);
    bb_arena_release(&d->texts);
    bb_arena_release(&d->row_texts);
}

/* ---- programs ---- */

static struct bb_avro_entry *find_entry(struct bb_avro_decoder *d, enum bb_avro_key_kind kind,
                                        uint64_t key, struct bb_span text) {
    struct bb_avro_entry *last = d->last;

    if (last && last->kind == kind && last->key == key && bb_span_equal(last->text, text))
        return last;
    for (uint32_t i = 0; i < d->entry_count; i++) {
        struct bb_avro_entry *entry = d->entries[i];
        if (entry->kind == kind && entry->key == key && bb_span_equal(entry->text, text))
            return d->last = entry;
    }
    return NULL;
}

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for an Avro schema");
}

/* `own` becomes the entry's, also after a failure. */
static int add_entry(struct bb_avro_decoder *d, enum bb_avro_key_kind kind, uint64_t key,
                     struct bb_span text, struct bb_avro_schema *own, struct bb_avro_entry **out,
                     struct bb_error *error) {
    struct bb_avro_entry *entry = calloc(1, sizeof *entry);
    int failure = 0;

    if (!entry) {
        bb_avro_schema_free(own);
        return no_memory(error);
    }
    *entry = (struct bb_avro_entry){.kind = kind, .key = key, .own = own};
    if (d->entry_count == ENTRIES_MAX) {
        failure = bb_row_settle(d->writer, error);
        forget_entries(d);
    }
    if (failure == 0 && text.size > 0) {
        char *copy = malloc(text.size);
        entry->text = (struct bb_span){copy, copy ? text.size : 0};
        if (copy)
            memcpy(copy, text.data, text.size);
        failure = copy ? 0 : no_memory(error);
    }
    if (failure == 0 && d->entry_count == d->entry_capacity) {
        uint32_t capacity = d->entry_capacity ? 2 * d->entry_capacity : 8;
        struct bb_avro_entry **grown = realloc(d->entries, capacity * sizeof(void *));
        d->entries = grown ? grown : d->entries;
        d->entry_capacity = grown ? capacity : d->entry_capacity;
        failure = grown ? 0 : no_memory(error);
    }
    if (failure) {
        free_entry(entry);
        return failure;
    }
    *out = d->last = d->entries[d->entry_count++] = entry;
    return 0;
}

/* A schema that cannot be used is a property of its messages, not of the run. */
static int judge(int failure, const struct bb_error *reason, struct bb_error *error) {
    if (failure == 0 || reason->code == BB_E_AVRO_SCHEMA || reason->code == BB_E_AVRO_RESOLUTION)
        return 0;
    *error = *reason;
    return failure;
}

static bool reserve_cells(struct bb_avro_decoder *d) {
    uint32_t capacity = d->binding.slot_count + 1;

    if (capacity <= d->cell_capacity)
        return true;
    struct bb_cell *cells = realloc(d->cells, (size_t)capacity * 2 * sizeof *cells);
    if (!cells)
        return false;
    memset(cells + d->cell_capacity, 0, (2 * capacity - d->cell_capacity) * sizeof *cells);
    d->cells = cells;
    d->cell_capacity = 2 * capacity;
    return true;
}

static int compile(struct bb_avro_decoder *d, const struct bb_avro_schema *schema,
                   struct bb_avro_entry *entry, struct bb_error *error) {
    int failure = bb_avro_compile(schema, d->form->reader, &d->binding, d->options->precision,
                                  &entry->program, &entry->reason);

    failure = judge(failure, &entry->reason, error);
    return failure == 0 && !reserve_cells(d) ? no_memory(error) : failure;
}

static int give(struct bb_avro_entry *entry, const struct bb_avro_program **out,
                struct bb_error *reason) {
    *out = entry->program;
    if (entry->program)
        return BB_AVRO_READ;
    *reason = entry->reason;
    return BB_AVRO_REFUSED;
}

static int open_schema(struct bb_avro_decoder *d, enum bb_avro_key_kind kind, uint64_t key,
                       const struct bb_avro_schema *schema, const struct bb_avro_program **out,
                       struct bb_error *reason, struct bb_error *error) {
    struct bb_avro_entry *entry = find_entry(d, kind, key, (struct bb_span){"", 0});

    if (!entry) {
        int failure = add_entry(d, kind, key, (struct bb_span){"", 0}, NULL, &entry, error);
        if (failure == 0)
            failure = compile(d, schema, entry, error);
        if (failure)
            return failure;
    }
    return give(entry, out, reason);
}

/* A schema in JSON becomes an entry, whether it can be used or not. */
static int make_entry(struct bb_avro_decoder *d, enum bb_avro_key_kind kind, uint64_t key,
                      struct bb_span json, struct bb_avro_entry **out, struct bb_error *error) {
    struct bb_avro_schema *schema = NULL;
    struct bb_error problem = {0};
    struct bb_span text = kind == BB_AVRO_BY_TEXT ? json : (struct bb_span){"", 0};
    int failure = judge(bb_avro_schema_parse(json, &schema, &problem), &problem, error);

    if (failure == 0)
        failure = add_entry(d, kind, key, text, schema, out, error);
    if (failure)
        return failure;
    (*out)->reason = problem;
    return schema ? compile(d, schema, *out, error) : 0;
}

int bb_avro_open_text(struct bb_avro_decoder *d, struct bb_span json,
                      const struct bb_avro_program **out, struct bb_error *reason,
                      struct bb_error *error) {
    uint64_t key = bb_hash(json);
    struct bb_avro_entry *entry = find_entry(d, BB_AVRO_BY_TEXT, key, json);
    int failure = entry ? 0 : make_entry(d, BB_AVRO_BY_TEXT, key, json, &entry, error);

    return failure ? failure : give(entry, out, reason);
}

/* ---- framing ---- */

enum bb_avro_framing bb_avro_framing_of(const struct bb_avro_decoder *d, struct bb_span bytes) {
    if (d->form->framing != BB_AVRO_FRAMING_AUTO)
        return d->form->framing;
    if (bb_span_starts_with(bytes, BB_SPAN("Obj\x01")))
        return BB_AVRO_FRAMING_CONTAINER;
    if (d->form->writer)
        return BB_AVRO_FRAMING_RAW;
    if (bb_span_starts_with(bytes, BB_SPAN("\xc3\x01")))
        return BB_AVRO_FRAMING_SINGLE;
    if (bytes.size > 0 && bytes.data[0] == 0 && (d->form->schema_count > 0 || d->options->schemas))
        return BB_AVRO_FRAMING_CONFLUENT;
    return BB_AVRO_FRAMING_RAW;
}

static int unknown_raw(struct bb_error *reason) {
    BB_FAIL(reason, BB_E_AVRO_SCHEMA_UNKNOWN,
            "the bytes do not say what their schema is; name it in a map, under `avro: {schema: "
            "...}`");
    return BB_AVRO_REFUSED;
}

static int open_fingerprint(struct bb_avro_decoder *d, uint64_t fingerprint,
                            const struct bb_avro_program **out, struct bb_error *reason,
                            struct bb_error *error) {
    const struct bb_avro_form *form = d->form;

    if (form->writer && form->writer->fingerprint == fingerprint)
        return open_schema(d, BB_AVRO_BY_FINGERPRINT, fingerprint, form->writer, out, reason,
                           error);
    for (uint32_t i = 0; i < form->schema_count; i++)
        if (form->schemas[i].schema->fingerprint == fingerprint)
            return open_schema(d, BB_AVRO_BY_FINGERPRINT, fingerprint, form->schemas[i].schema, out,
                               reason, error);
    BB_FAIL(reason, BB_E_AVRO_SCHEMA_UNKNOWN,
            "no schema of the map has the fingerprint %016" PRIx64 " (CRC-64-AVRO)", fingerprint);
    return BB_AVRO_REFUSED;
}

static int open_id(struct bb_avro_decoder *d, uint32_t id, const struct bb_avro_program **out,
                   struct bb_error *reason, struct bb_error *error) {
    const struct bb_avro_form *form = d->form;
    struct bb_avro_entry *entry = find_entry(d, BB_AVRO_BY_ID, id, (struct bb_span){"", 0});
    struct bb_span json;

    if (entry)
        return give(entry, out, reason);
    for (uint32_t i = 0; i < form->schema_count; i++)
        if (form->schemas[i].has_id && form->schemas[i].id == id)
            return open_schema(d, BB_AVRO_BY_ID, id, form->schemas[i].schema, out, reason, error);
    int found = d->options->schemas
                    ? d->options->schemas->find(d->options->schemas->context, id, &json, error)
                    : BB_SCHEMA_UNKNOWN;
    if (found < 0)
        return found;
    if (found == BB_SCHEMA_UNKNOWN) {
        BB_FAIL(
            reason, BB_E_AVRO_SCHEMA_UNKNOWN,
            "the schema id %u is not known: neither a file of the map's folder nor its registry "
            "has it",
            id);
        return BB_AVRO_REFUSED;
    }
    int failure = make_entry(d, BB_AVRO_BY_ID, id, json, &entry, error);
    return failure ? failure : give(entry, out, reason);
}

static int short_header(struct bb_error *reason, const char *what) {
    BB_FAIL(reason, BB_E_AVRO_DATA, "the bytes end inside the header of %s", what);
    return BB_AVRO_SHORT;
}

static int wrong_header(struct bb_error *reason, const char *what) {
    BB_FAIL(reason, BB_E_AVRO_DATA, "the bytes do not begin like %s", what);
    return BB_AVRO_REFUSED;
}

int bb_avro_open_message(struct bb_avro_decoder *d, enum bb_avro_framing framing, const char **at,
                         const char *end, const struct bb_avro_program **out,
                         struct bb_error *reason, struct bb_error *error) {
    const unsigned char *bytes = (const unsigned char *)*at;
    const size_t size = (size_t)(end - *at);
    uint64_t key = 0;

    switch (framing) {
    case BB_AVRO_FRAMING_SINGLE:
        if (size < SINGLE_HEADER)
            return short_header(reason, "a single-object message");
        if (bytes[0] != 0xc3 || bytes[1] != 1)
            return wrong_header(reason, "a single-object message (C3 01)");
        for (int i = 0; i < 8; i++)
            key |= (uint64_t)bytes[2 + i] << (8 * i);
        *at += SINGLE_HEADER;
        return open_fingerprint(d, key, out, reason, error);
    case BB_AVRO_FRAMING_CONFLUENT:
        if (size < CONFLUENT_HEADER)
            return short_header(reason, "a message with a schema's id");
        if (bytes[0] != 0)
            return wrong_header(reason, "a message with a schema's id (00)");
        key = (uint64_t)bytes[1] << 24 | (uint64_t)bytes[2] << 16 | (uint64_t)bytes[3] << 8 |
              bytes[4];
        *at += CONFLUENT_HEADER;
        return open_id(d, (uint32_t)key, out, reason, error);
    default:
        return d->form->writer
                   ? open_schema(d, BB_AVRO_BY_MAP, 0, d->form->writer, out, reason, error)
                   : unknown_raw(reason);
    }
}

/* ---- a datum ---- */

static void prepare_cells(struct bb_avro_decoder *d, const struct bb_avro_program *program) {
    if (d->current != program) {
        for (uint32_t i = 0; i < d->cell_capacity; i++)
            d->cells[i] = no_cell;
        for (uint32_t i = 0; i < program->constant_count; i++)
            d->cells[program->constants[i].slot] = program->constants[i].cell;
        d->current = program;
    }
    for (uint32_t i = 0; i < program->reset_count; i++)
        d->cells[program->reset[i]] = no_cell;
}

static struct bb_avro_scan scan_of(struct bb_avro_decoder *d, const struct bb_avro_program *program,
                                   const struct bb_avro_datum *datum) {
    return (struct bb_avro_scan){.program = program,
                                 .schema = program->schema,
                                 .end = datum->limit,
                                 .padding = datum->padding,
                                 .cells = d->cells,
                                 .texts = &d->texts};
}

/* Texts of rows that wait stay; when they have become too many, the rows need not wait. */
static int make_room(struct bb_avro_decoder *d, struct bb_error *error) {
    int failure = 0;

    if (d->texts.total_bytes > TEXTS_ENOUGH || d->row_texts.total_bytes > TEXTS_ENOUGH)
        failure = bb_row_settle(d->writer, error);
    if (d->group->count == 0) {
        bb_arena_reset(&d->texts);
        bb_arena_reset(&d->row_texts);
    }
    return failure;
}

int bb_avro_read_datum(struct bb_avro_decoder *d, const struct bb_avro_program *program,
                       struct bb_avro_datum *datum, struct bb_error *reason,
                       struct bb_error *error) {
    int failure = make_room(d, error);

    if (failure)
        return failure;
    prepare_cells(d, program);
    struct bb_avro_scan scan = scan_of(d, program, datum);
    const char *end = bb_avro_run(&scan, 0, datum->begin);
    if (!end && !scan.problem)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the texts of an Avro message");
    if (!end) {
        BB_FAIL(reason, scan.unresolved ? BB_E_AVRO_RESOLUTION : BB_E_AVRO_DATA, "%s",
                scan.problem);
        return scan.truncated ? BB_AVRO_SHORT : BB_AVRO_REFUSED;
    }
    datum->end = end;
    datum->rows = scan.rows;
    return BB_AVRO_READ;
}

/* A wide reading that has none of the map's channels is told, as one of NDJSON is. */
static bool has_channel(const struct bb_avro_decoder *d) {
    for (uint32_t i = 0; i < d->binding.channel_count; i++) {
        const struct bb_bound_channel *channel = &d->binding.channels[i];
        if (channel->own_count == 0 || d->cells[channel->own[0].slot].type != BB_CELL_ABSENT)
            return true;
    }
    return false;
}

static int put_row(struct bb_avro_decoder *d, const struct bb_avro_program *program, uint64_t line,
                   struct bb_error *error) {
    struct bb_error reason = {0};

    if (program->is_plain)
        return bb_binding_plain_rows(&d->binding, &program->plain, d->writer, d->group, d->cells,
                                     line, error);
    if (has_channel(d))
        return bb_binding_rows(&d->binding, d->writer, d->group, d->cells, line, error);
    BB_FAIL(&reason, BB_E_FIELD_MISSING, "the reading has none of the channels that the map names");
    return bb_row_reject(d->writer, line, &reason, error);
}

/* The items of the array, as readings, or only looked at: `put` false. A positive outcome has its reason. */
static int walk_rows(struct bb_avro_decoder *d, const struct bb_avro_program *program,
                     const struct bb_avro_datum *datum, uint64_t line, bool put,
                     struct bb_error *reason, struct bb_error *error) {
    struct bb_avro_items items = {.at = datum->rows};
    struct bb_avro_scan scan = scan_of(d, program, datum);
    int failure = 0;

    scan.end = datum->end;
    scan.texts = &d->row_texts;
    while (failure == 0 && bb_avro_items_next(&scan, &items)) {
        if (d->group->count == 0)
            bb_arena_reset(&d->row_texts);
        for (uint32_t i = 0; i < program->row_reset_count; i++)
            d->cells[program->row_reset[i]] = no_cell;
        items.at = bb_avro_run(&scan, program->rows_step, items.at);
        if (!items.at)
            break;
        failure = put ? put_row(d, program, line, error) : 0;
    }
    if (failure || items.ended)
        return failure;
    if (!scan.problem)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the texts of an Avro message");
    BB_FAIL(reason, scan.unresolved ? BB_E_AVRO_RESOLUTION : BB_E_AVRO_DATA,
            "%s, in the array of readings", scan.problem);
    return BB_AVRO_REFUSED;
}

/* All are looked at first where one may turn out damaged, so that a message counts whole or not at all. */
int bb_avro_put_rows(struct bb_avro_decoder *d, const struct bb_avro_program *program,
                     const struct bb_avro_datum *datum, uint64_t line, struct bb_error *error) {
    struct bb_error reason = {0};
    int outcome = BB_AVRO_READ;

    if (!program->has_rows)
        return put_row(d, program, line, error);
    if (!datum->rows)
        return 0;
    if (program->row_may_fail)
        outcome = walk_rows(d, program, datum, line, false, &reason, error);
    if (outcome == BB_AVRO_READ)
        outcome = walk_rows(d, program, datum, line, true, &reason, error);
    return outcome > 0 ? bb_row_reject(d->writer, line, &reason, error) : outcome;
}
