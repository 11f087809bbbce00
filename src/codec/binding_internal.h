/* A binding: how the columns (or keys) of one source become rows.
 *
 * Sources name columns; a binding gives each column that matters a slot. A record is cut into cells
 * by slot, and then
 *
 *   shared pairs     (field, slot)                  the same for every reading of the record
 *   channels         rule, value slot, fixed names  one reading each
 *
 * A long source has one channel, whose name stands in a column; a wide one has a channel per
 * column. CSV replaces slots by column numbers once its header is read. */
#ifndef BB_CODEC_BINDING_INTERNAL_H
#define BB_CODEC_BINDING_INTERNAL_H

#include "codec/row_internal.h"

enum { BB_SLOT_NONE = -1, BB_SLOTS_MAX = 100000 };

struct bb_pair {
    uint32_t field; /* enum bb_field */
    uint32_t slot;
};

struct bb_bound_channel {
    const struct bb_channel_rule *rule;
    struct bb_cell usage_point, channel; /* absent: from a column */
    struct bb_pair own[3];               /* value, and unit and quality when it has its own */
    uint32_t own_count;
};

struct bb_named_slot {
    struct bb_span name;
    int32_t slot;
    int32_t rank;
};

struct bb_binding {
    const struct bb_map *map;
    struct bb_arena arena;
    uint32_t slot_count;
    struct bb_named_slot *names; /* columns that the map names */
    uint32_t name_count, name_capacity;
    struct bb_named_slot *seen; /* columns met so far and what became of them: open addressing */
    uint32_t seen_count, seen_capacity;
    int32_t field_slot[BB_FIELD_COUNT]; /* by its default names; BB_SLOT_NONE: not looked for */
    struct bb_pair shared[BB_FIELD_COUNT];
    uint32_t shared_count;
    struct bb_bound_channel *channels;
    uint32_t channel_count, channel_capacity;
    const struct bb_channel_rule *wildcard; /* takes every other column; NULL: none */
    struct bb_cell usage_point;             /* of the whole source, or absent */
};

/* What the map (of the options) says about a source of this name. */
int bb_binding_init(struct bb_binding *binding, const struct bb_decode_options *options,
                    struct bb_error *error) BB_MUST_USE;
void bb_binding_release(struct bb_binding *binding);

/* The slot of a column, BB_SLOT_NONE when nothing wants it; a wildcard makes a new channel of it.
 * *rank is 0 for a column that the map names or that has the field's own name, 1 for another
 * spelling. BB_SLOT_FAILED: too many columns, or out of memory. Asked again with the same bytes it
 * answers from memory; *hint (0 at first) is where, and makes the next answer quick if that is the
 * same again. `may_be_channel`: it could be one of a wildcard. */
enum { BB_SLOT_FAILED = -2 };
int bb_binding_slot(struct bb_binding *binding, struct bb_span column, bool may_be_channel,
                    uint32_t *hint, int *rank);

/* Does the map name a key inside the object `path`, as in "tags.muid"? */
bool bb_binding_wants_inside(const struct bb_binding *binding, struct bb_span path);

/* Is a record one plain reading, when it has just the cells of `present` (a bit a slot)? */
#define BB_PRESENT_ALL UINT64_MAX
bool bb_binding_plain(const struct bb_binding *binding, uint64_t present,
                      struct bb_plain_slots *plain);

/* The readings of one record, whose cells are given by slot. */
int bb_binding_rows(const struct bb_binding *binding, struct bb_row_writer *writer,
                    struct bb_row_group *group, const struct bb_cell *cells, uint64_t line,
                    struct bb_error *error) BB_MUST_USE;
/* The same for a record that may be one plain reading: the short way first. */
static inline int bb_binding_plain_rows(const struct bb_binding *binding,
                                        const struct bb_plain_slots *plain,
                                        struct bb_row_writer *writer, struct bb_row_group *group,
                                        const struct bb_cell *cells, uint64_t line,
                                        struct bb_error *error) {
    enum bb_plain_outcome outcome = bb_row_plain(writer, plain, cells, line);

    if (outcome == BB_PLAIN_DONE)
        return 0;
    int failure = bb_binding_rows(binding, writer, group, cells, line, error);
    return failure == 0 && outcome == BB_PLAIN_NOT ? bb_row_settle(writer, error) : failure;
}

#endif
