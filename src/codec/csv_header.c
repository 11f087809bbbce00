/* The header of a CSV file: which column is what. Runs once per file. */
#include "codec/csv_header_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { COLUMN_NONE = -1, LISTED_MAX = 300 };

/* Where the cells of each slot stand. */
struct columns {
    int32_t *of_slot;
    int *rank;
    uint32_t count, capacity; /* of slots */
};

static bool reserve_slots(struct columns *columns, uint32_t count) {
    if (count >= columns->capacity) {
        uint32_t capacity = count * 2 + 1;
        int32_t *of_slot = realloc(columns->of_slot, capacity * sizeof *of_slot);
        if (of_slot)
            columns->of_slot = of_slot;
        int *rank = of_slot ? realloc(columns->rank, capacity * sizeof *rank) : NULL;
        if (!rank)
            return false;
        columns->rank = rank;
        columns->capacity = capacity;
    }
    for (; columns->count < count; columns->count++)
        columns->of_slot[columns->count] = COLUMN_NONE;
    return true;
}

static struct bb_span name_of(const struct bb_cell *header, uint32_t column) {
    return bb_span_trim(bb_cell_span(header[column]));
}

static int name_twice(struct bb_span a, struct bb_span b, struct bb_error *error) {
    char first[BB_EXCERPT_MAX], second[BB_EXCERPT_MAX];
    return BB_FAIL(error, BB_E_SYNTAX,
                   "the header has two columns for the same thing, \"%s\" and \"%s\"; a map can "
                   "say which one is meant",
                   bb_row_excerpt(a, first), bb_row_excerpt(b, second));
}

/* Give every column its slot; of two for one slot the field's own name wins. */
static int assign(struct bb_binding *binding, const struct bb_cell *header, uint32_t count,
                  struct columns *columns, struct bb_error *error) {
    for (uint32_t i = 0; i < count; i++) {
        uint32_t hint = 0;
        int rank, slot = bb_binding_slot(binding, name_of(header, i), true, &hint, &rank);
        if (slot == BB_SLOT_NONE)
            continue;
        if (slot == BB_SLOT_FAILED || !reserve_slots(columns, binding->slot_count))
            return BB_FAIL(error, BB_E_NO_MEMORY,
                           "no memory for the header's columns, or more "
                           "than %d",
                           BB_SLOTS_MAX);
        int32_t other = columns->of_slot[slot];
        if (other != COLUMN_NONE && columns->rank[slot] == rank)
            return name_twice(name_of(header, (uint32_t)other), name_of(header, i), error);
        if (other != COLUMN_NONE && columns->rank[slot] < rank)
            continue;
        columns->of_slot[slot] = (int32_t)i;
        columns->rank[slot] = rank;
    }
    return reserve_slots(columns, binding->slot_count)
               ? 0
               : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the header's columns");
}

/* "a, b, c" for messages. */
static const char *list_columns(const struct bb_cell *header, uint32_t count, char *buffer) {
    size_t used = 0;

    buffer[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        char name[BB_EXCERPT_MAX];
        if (used + BB_EXCERPT_MAX + 8 > LISTED_MAX) {
            snprintf(buffer + used, LISTED_MAX - used, ", ...");
            break;
        }
        used += (size_t)snprintf(buffer + used, LISTED_MAX - used, "%s%s", i > 0 ? ", " : "",
                                 bb_row_excerpt(name_of(header, i), name));
    }
    return buffer;
}

static int column_lacks(const char *what, const struct bb_cell *header, uint32_t count,
                        struct bb_error *error) {
    char listed[LISTED_MAX];
    return BB_FAIL(error, BB_E_COLUMN_UNKNOWN,
                   "there is no column %s; the columns are: %s. A map can say which is which", what,
                   list_columns(header, count, listed));
}

static bool is_bound(const struct bb_binding *binding, const struct columns *columns,
                     enum bb_field field) {
    for (uint32_t i = 0; i < binding->shared_count; i++)
        if (binding->shared[i].field == field &&
            columns->of_slot[binding->shared[i].slot] != COLUMN_NONE)
            return true;
    return false;
}

/* A field that every reading needs, and that no channel fixes. */
static bool is_needed(const struct bb_binding *binding, enum bb_field field) {
    for (uint32_t i = 0; i < binding->channel_count; i++) {
        const struct bb_bound_channel *channel = &binding->channels[i];
        if (field == BB_FIELD_USAGE_POINT && channel->usage_point.type == BB_CELL_ABSENT)
            return true;
        if (field == BB_FIELD_CHANNEL && channel->channel.type == BB_CELL_ABSENT)
            return true;
        if (field == BB_FIELD_VALUE && channel->own_count == 0)
            return true;
    }
    return false;
}

static int check_present(const struct bb_binding *binding, const struct columns *columns,
                         const struct bb_cell *header, uint32_t count, struct bb_error *error) {
    static const enum bb_field needed[] = {BB_FIELD_USAGE_POINT, BB_FIELD_CHANNEL, BB_FIELD_VALUE};

    for (uint32_t i = 0; i < binding->name_count; i++) {
        char quoted[BB_EXCERPT_MAX + 2], name[BB_EXCERPT_MAX];
        if (columns->of_slot[binding->names[i].slot] != COLUMN_NONE)
            continue;
        snprintf(quoted, sizeof quoted, "\"%s\"", bb_row_excerpt(binding->names[i].name, name));
        return column_lacks(quoted, header, count, error);
    }
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (is_needed(binding, needed[i]) && !is_bound(binding, columns, needed[i]))
            return column_lacks(bb_field_spellings(needed[i]), header, count, error);
    if (!is_bound(binding, columns, BB_FIELD_TIMESTAMP) &&
        !is_bound(binding, columns, BB_FIELD_START))
        return column_lacks(bb_field_spellings(BB_FIELD_TIMESTAMP), header, count, error);
    if (binding->channel_count == 0)
        return column_lacks("with values", header, count, error);
    return 0;
}

/* From now on the binding's slots are column numbers; fields without a column are dropped. */
static void bind_columns(struct bb_binding *binding, const struct columns *columns) {
    uint32_t kept = 0;

    for (uint32_t i = 0; i < binding->shared_count; i++) {
        struct bb_pair pair = binding->shared[i];
        if (columns->of_slot[pair.slot] == COLUMN_NONE)
            continue;
        pair.slot = (uint32_t)columns->of_slot[pair.slot];
        binding->shared[kept++] = pair;
    }
    binding->shared_count = kept;
    for (uint32_t i = 0; i < binding->channel_count; i++)
        for (uint32_t k = 0; k < binding->channels[i].own_count; k++) {
            struct bb_pair *pair = &binding->channels[i].own[k];
            pair->slot = (uint32_t)columns->of_slot[pair->slot];
        }
}

int bb_csv_bind_header(struct bb_binding *binding, const struct bb_cell *header, uint32_t count,
                       struct bb_error *error) {
    struct columns columns = {0};

    int failure = assign(binding, header, count, &columns, error);
    BB_ASSERT(failure || columns.of_slot);
    if (failure == 0)
        failure = check_present(binding, &columns, header, count, error);
    if (failure == 0)
        bind_columns(binding, &columns);
    free(columns.of_slot);
    free(columns.rank);
    return failure;
}
