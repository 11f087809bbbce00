/* Columns to rows: see binding_internal.h. Made once per source; bb_binding_rows runs per record. */
#include "codec/binding_internal.h"

#include "base/hash.h"
#include "codec/bytes_internal.h"

#include <stdlib.h>

enum { ARENA_CHUNK = 16 << 10, ARENA_LIMIT = 64 << 20, FIRST_SEEN = 64, SEEN_NAME_MAX = 1024 };

static bool grow(void *array, uint32_t count, uint32_t *capacity, size_t size) {
    void **items = array, *grown;

    if (count < *capacity)
        return true;
    uint32_t wanted = *capacity ? *capacity * 2 : 16;
    if (wanted > 4 * BB_SLOTS_MAX || !(grown = realloc(*items, wanted * size)))
        return false;
    *items = grown;
    *capacity = wanted;
    return true;
}

/* The slot of a column that the map names; the same column may serve twice. */
static int named_slot(struct bb_binding *binding, struct bb_span name) {
    for (uint32_t i = 0; i < binding->name_count; i++)
        if (bb_span_equal(binding->names[i].name, name))
            return binding->names[i].slot;
    if (binding->slot_count >= BB_SLOTS_MAX ||
        !grow(&binding->names, binding->name_count, &binding->name_capacity,
              sizeof *binding->names))
        return BB_SLOT_FAILED;
    binding->names[binding->name_count++] = (struct bb_named_slot){name,
                                                                   (int32_t)binding->slot_count, 0};
    return (int)binding->slot_count++;
}

static bool add_own(struct bb_binding *binding, struct bb_bound_channel *channel,
                    enum bb_field field, struct bb_span column) {
    if (column.size == 0)
        return true;
    int slot = named_slot(binding, column);
    channel->own[channel->own_count++] = (struct bb_pair){field, (uint32_t)slot};
    return slot >= 0;
}

/* A channel whose values stand in `column`, which may also be its name or its meter's. */
static struct bb_bound_channel *add_channel(struct bb_binding *binding,
                                            const struct bb_channel_rule *rule,
                                            struct bb_span column) {
    if (!grow(&binding->channels, binding->channel_count, &binding->channel_capacity,
              sizeof *binding->channels))
        return NULL;
    struct bb_bound_channel *channel = &binding->channels[binding->channel_count++];
    *channel = (struct bb_bound_channel){
        .rule = rule,
        .usage_point = rule->usage_point_from_header ? bb_cell_of(column) : binding->usage_point,
        .channel = bb_cell_of(rule->name.size > 0 ? rule->name : column),
    };
    /* The value comes first; a wildcard's has no name that others could share. */
    channel->own[channel->own_count++] = (struct bb_pair){BB_FIELD_VALUE, 0};
    return add_own(binding, channel, BB_FIELD_QUALITY, rule->quality_column) &&
                   add_own(binding, channel, BB_FIELD_UNIT, rule->unit_column)
               ? channel
               : NULL;
}

static bool add_named_channel(struct bb_binding *binding, const struct bb_channel_rule *rule) {
    struct bb_bound_channel *channel = add_channel(binding, rule, rule->column);
    int slot = channel ? named_slot(binding, rule->column) : BB_SLOT_FAILED;

    if (slot < 0)
        return false;
    channel->own[0].slot = (uint32_t)slot;
    return true;
}

static bool add_channels(struct bb_binding *binding) {
    const struct bb_map *map = binding->map;

    if (!map->wide) { /* one channel, all of whose cells are shared */
        if (!grow(&binding->channels, 0, &binding->channel_capacity, sizeof *binding->channels))
            return false;
        struct bb_cell name = {0};
        /* A map that describes one channel, and no column for its name, means that one. */
        if (map->channel_count == 1 && map->columns[BB_FIELD_CHANNEL].size == 0)
            name = bb_cell_of(map->channels[0].name);
        binding->channels[binding->channel_count++] = (struct bb_bound_channel){
            .rule = &map->defaults, .usage_point = binding->usage_point, .channel = name};
        return true;
    }
    for (uint32_t i = 0; i < map->channel_count; i++) {
        const struct bb_channel_rule *rule = &map->channels[i];
        if (bb_span_equal(rule->column, BB_SPAN("*")))
            binding->wildcard = rule;
        else if (!add_named_channel(binding, rule))
            return false;
    }
    return true;
}

static bool every_meter_is_in_the_header(const struct bb_map *map) {
    for (uint32_t i = 0; i < map->channel_count; i++)
        if (!map->channels[i].usage_point_from_header)
            return false;
    return map->wide;
}

/* Is a field looked for under its default names? What the map says itself is not; and of a wide
 * file's columns, which may be called anything, only the meter and the times. */
static bool has_default_names(const struct bb_binding *binding, enum bb_field field) {
    const struct bb_map *map = binding->map;

    switch (field) {
    case BB_FIELD_USAGE_POINT:
        return binding->usage_point.type == BB_CELL_ABSENT && !every_meter_is_in_the_header(map);
    case BB_FIELD_TIMESTAMP:
    case BB_FIELD_START: return !map->times_named;
    case BB_FIELD_CHANNEL: return !map->wide && binding->channels[0].channel.type == BB_CELL_ABSENT;
    case BB_FIELD_TIME: return false;
    default: return !map->wide;
    }
}

static bool add_shared(struct bb_binding *binding) {
    for (enum bb_field field = 0; field < BB_FIELD_COUNT; field++) {
        struct bb_span column = binding->map->columns[field];
        int slot = BB_SLOT_NONE;
        binding->field_slot[field] = BB_SLOT_NONE;
        if (column.size > 0)
            slot = named_slot(binding, column);
        else if (has_default_names(binding, field))
            slot = binding->field_slot[field] = (int)binding->slot_count++;
        if (slot == BB_SLOT_FAILED)
            return false;
        if (slot != BB_SLOT_NONE)
            binding->shared[binding->shared_count++] = (struct bb_pair){(uint32_t)field,
                                                                        (uint32_t)slot};
    }
    return true;
}

static struct bb_span base_name(const char *source) {
    static const struct bb_span suffixes[] = {{".gz", 3}, {".zst", 4}, {".zip", 4}};
    const char *slash = source ? strrchr(source, '/') : NULL;
    struct bb_span name = bb_span_of(slash ? slash + 1 : source ? source : "");

    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (bb_span_ends_with(name, suffixes[i]))
            name.size -= suffixes[i].size;
    return name;
}

/* The usage point that the file's name holds. */
static int match_file(struct bb_binding *binding, const char *source, struct bb_error *error) {
    struct bb_span name = bb_arena_copy(&binding->arena, base_name(source));
    regmatch_t groups[2];

    if (!name.data)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a file name");
    if (regexec(binding->map->usage_point_file, name.data, 2, groups, 0) != 0 ||
        groups[1].rm_so < 0) {
        int failure = BB_FAIL(error, BB_E_FIELD_MISSING,
                              "the file's name \"%.100s\" does not match the map's `usage_point: "
                              "{file: ...}`, so its usage point is not known",
                              name.data);
        bb_error_locate(error, source, 0);
        return failure;
    }
    binding->usage_point = bb_cell_of(
        (struct bb_span){name.data + groups[1].rm_so, (size_t)(groups[1].rm_eo - groups[1].rm_so)});
    return 0;
}

int bb_binding_init(struct bb_binding *binding, const struct bb_decode_options *options,
                    struct bb_error *error) {
    const struct bb_map *map = bb_map_of(options);

    *binding = (struct bb_binding){.map = map};
    bb_arena_init(&binding->arena, ARENA_CHUNK, ARENA_LIMIT);
    if (map->usage_point.size > 0)
        binding->usage_point = bb_cell_of(map->usage_point);
    int failure = map->usage_point_file ? match_file(binding, options->source, error) : 0;
    if (failure == 0 && (!add_channels(binding) || !add_shared(binding)))
        failure = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the map's columns");
    if (failure)
        bb_binding_release(binding);
    return failure;
}

void bb_binding_release(struct bb_binding *binding) {
    if (!binding)
        return;
    free(binding->names);
    free(binding->seen);
    free(binding->channels);
    bb_arena_release(&binding->arena);
    *binding = (struct bb_binding){0};
}

static int wildcard_slot(struct bb_binding *binding, struct bb_span column) {
    struct bb_span name = bb_arena_copy(&binding->arena, column);
    uint32_t slot = binding->slot_count;

    if (!name.data || slot >= BB_SLOTS_MAX)
        return BB_SLOT_FAILED;
    struct bb_bound_channel *channel = add_channel(binding, binding->wildcard, name);
    if (!channel)
        return BB_SLOT_FAILED;
    channel->own[0].slot = slot;
    binding->slot_count++;
    return (int)slot;
}

/* What becomes of a column met for the first time. */
static struct bb_named_slot classify(struct bb_binding *binding, struct bb_span column,
                                     bool may_be_channel) {
    bool alias;

    for (uint32_t i = 0; i < binding->name_count; i++)
        if (bb_span_equal(binding->names[i].name, column))
            return (struct bb_named_slot){column, binding->names[i].slot, 0};
    for (uint32_t i = 0; i < binding->name_count; i++)
        if (bb_column_name_equal(binding->names[i].name, column))
            return (struct bb_named_slot){column, binding->names[i].slot, 1};
    int field = bb_field_find(column, &alias);
    if (field >= 0 && binding->field_slot[field] != BB_SLOT_NONE)
        return (struct bb_named_slot){column, binding->field_slot[field], alias};
    int slot = BB_SLOT_NONE;
    if (binding->wildcard && may_be_channel && column.size > 0)
        slot = wildcard_slot(binding, column);
    return (struct bb_named_slot){column, slot, 0};
}

static struct bb_named_slot *seen_place(const struct bb_binding *binding, struct bb_span column) {
    uint32_t mask = binding->seen_capacity - 1, at = (uint32_t)bb_hash(column) & mask;

    while (binding->seen[at].name.data && !bb_span_equal(binding->seen[at].name, column))
        at = (at + 1) & mask;
    return &binding->seen[at];
}

static bool grow_seen(struct bb_binding *binding) {
    struct bb_binding old = *binding;
    uint32_t capacity = old.seen_capacity ? old.seen_capacity * 2 : FIRST_SEEN;

    binding->seen = calloc(capacity, sizeof *binding->seen);
    if (!binding->seen) {
        binding->seen = old.seen;
        return false;
    }
    binding->seen_capacity = capacity;
    for (uint32_t i = 0; i < old.seen_capacity; i++)
        if (old.seen[i].name.data)
            *seen_place(binding, old.seen[i].name) = old.seen[i];
    free(old.seen);
    return true;
}

/* A column met for the first time: what it is, and a place in the memory of columns. */
static int meet(struct bb_binding *binding, struct bb_span column, bool may_be_channel,
                struct bb_named_slot *place, int *rank) {
    struct bb_named_slot found = classify(binding, column, may_be_channel);

    *rank = found.rank;
    /* A source with endless new keys that nobody wants may not fill the memory; and what is no
     * channel here may be one in the next record. */
    if (found.slot == BB_SLOT_FAILED || binding->seen_count >= 2 * BB_SLOTS_MAX ||
        column.size > SEEN_NAME_MAX || (found.slot == BB_SLOT_NONE && binding->wildcard))
        return found.slot;
    found.name = bb_arena_copy(&binding->arena, column);
    if (!found.name.data)
        return BB_SLOT_FAILED;
    *place = found;
    binding->seen_count++;
    return found.slot;
}

int bb_binding_slot(struct bb_binding *binding, struct bb_span column, bool may_be_channel,
                    uint32_t *hint, int *rank) {
    if (*hint < binding->seen_capacity) {
        const struct bb_named_slot *same = &binding->seen[*hint];
        if (same->name.size == column.size && same->name.data &&
            bb_bytes_equal(same->name.data, column.data, column.size)) {
            *rank = same->rank;
            return same->slot;
        }
    }
    if (binding->seen_count * 2 >= binding->seen_capacity && !grow_seen(binding))
        return BB_SLOT_FAILED;
    struct bb_named_slot *place = seen_place(binding, column);
    if (!place->name.data)
        return meet(binding, column, may_be_channel, place, rank);
    *hint = (uint32_t)(place - binding->seen);
    *rank = place->rank;
    return place->slot;
}

bool bb_binding_wants_inside(const struct bb_binding *binding, struct bb_span path) {
    for (uint32_t i = 0; i < binding->name_count; i++) {
        struct bb_span name = binding->names[i].name;
        if (name.size > path.size + 1 && name.data[path.size] == '.' &&
            memcmp(name.data, path.data, path.size) == 0)
            return true;
    }
    return false;
}

/* Without blanks; empty cells are absent, but a value may be empty. */
static inline void put_cell(struct bb_row *row, enum bb_field field, struct bb_cell cell) {
    if (bb_cell_is_binary(cell)) {
        row->cell[field] = cell;
        row->present |= BB_FIELD_BIT(field);
        return;
    }
    while (cell.size > 0 && bb_char_is_blank(cell.data[0])) {
        cell.data++;
        cell.size--;
    }
    while (cell.size > 0 && bb_char_is_blank(cell.data[cell.size - 1]))
        cell.size--;
    row->cell[field] = cell;
    if (cell.type == BB_CELL_OTHER)
        row->present |= BB_ROW_HAS_OTHER;
    if (cell.type != BB_CELL_ABSENT &&
        (field == BB_FIELD_VALUE || (cell.size > 0 && cell.type != BB_CELL_NULL)))
        row->present |= BB_FIELD_BIT(field);
}

static inline void put_pairs(struct bb_row *row, const struct bb_pair *pairs, uint32_t count,
                             const struct bb_cell *cells) {
    for (uint32_t i = 0; i < count; i++)
        put_cell(row, pairs[i].field, cells[pairs[i].slot]);
}

/* The same for a cell that the record's other readings have as well. */
static void put_fixed(struct bb_row *row, enum bb_field field, struct bb_cell cell) {
    if (cell.type == BB_CELL_ABSENT)
        return;
    row->cell[field] = cell;
    row->present |= BB_FIELD_BIT(field);
}

bool bb_binding_plain(const struct bb_binding *binding, uint64_t present,
                      struct bb_plain_slots *plain) {
    uint32_t slots[BB_FIELD_COUNT], count = 0;

    for (enum bb_field field = 0; field < BB_FIELD_COUNT; field++)
        slots[field] = BB_PLAIN_NONE;
    for (uint32_t i = 0; i < binding->shared_count; i++) {
        struct bb_pair pair = binding->shared[i];
        if (present == BB_PRESENT_ALL || (pair.slot < 64 && present >> pair.slot & 1)) {
            slots[pair.field] = pair.slot;
            count++;
        }
    }
    const bool from_start = slots[BB_FIELD_TIMESTAMP] == BB_PLAIN_NONE;
    *plain = (struct bb_plain_slots){
        .usage_point = slots[BB_FIELD_USAGE_POINT],
        .channel = slots[BB_FIELD_CHANNEL],
        .time = slots[from_start ? BB_FIELD_START : BB_FIELD_TIMESTAMP],
        .value = slots[BB_FIELD_VALUE],
        .unit = slots[BB_FIELD_UNIT],
        .quality = slots[BB_FIELD_QUALITY],
        .from_start = from_start,
    };
    count -= (uint32_t)(plain->unit != BB_PLAIN_NONE) + (plain->quality != BB_PLAIN_NONE);
    return count == 4 && plain->usage_point != BB_PLAIN_NONE && plain->channel != BB_PLAIN_NONE &&
           plain->time != BB_PLAIN_NONE && plain->value != BB_PLAIN_NONE;
}

int bb_binding_rows(const struct bb_binding *binding, struct bb_row_writer *writer,
                    struct bb_row_group *group, const struct bb_cell *cells, uint64_t line,
                    struct bb_error *error) {
    for (uint32_t i = 0; i < binding->channel_count; i++) {
        const struct bb_bound_channel *channel = &binding->channels[i];
        /* A wide object may lack some channels: that is no reading, not a bad one. */
        if (channel->own_count > 0 && cells[channel->own[0].slot].type == BB_CELL_ABSENT)
            continue;
        struct bb_row *row = &group->rows[group->count++];
        row->line = line;
        row->rule = channel->rule;
        row->present = 0;
        put_pairs(row, binding->shared, binding->shared_count, cells);
        put_pairs(row, channel->own, channel->own_count, cells);
        put_fixed(row, BB_FIELD_USAGE_POINT, channel->usage_point);
        put_fixed(row, BB_FIELD_CHANNEL, channel->channel);
        if (group->count == BB_ROW_GROUP) {
            int failure = bb_row_settle(writer, error);
            if (failure)
                return failure;
        }
    }
    return 0;
}
