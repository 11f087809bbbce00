/* What applying a registry file would change: see registry_file.h.
 *
 * Both entries are walked along the tables of registry_field.c. Elements of a list are matched by
 * what tells them apart (a channel's name; an installation's device and beginning), so that their
 * order does not matter. A line for people names the thing, the field, the old and the new value:
 *
 *   usage point 8716...5678 zone: Europe/Amsterdam → Europe/Berlin
 *   usage point 8716...5678 installation E0012 from 2025-01-01T00:00:00Z to: (none) → 2026-03-04T...
 */
#include <stdlib.h>

#include "port/store.h"
#include "service/registry_field_internal.h"

enum { LINE_MAX_BYTES = 16 << 10 };

struct comparison {
    struct bb_registry *registry;
    const struct bb_registry_file *file;
    const char *source;
    struct bb_arena *arena;
    struct bb_arena scratch; /* of the registry's entry at hand */
    struct bb_buffer prefix; /* "usage point X installation Y" */
    struct bb_buffer line;
    struct bb_registry_change *change;
    bool full;
    struct bb_error *error;
};

/* ---- lines ----------------------------------------------------------------------------------- */

/* c->line becomes one more line of the change. */
static void end_line(struct comparison *c) {
    struct bb_span copy = bb_arena_copy(c->arena, bb_buffer_span(&c->line));
    void *lines = c->change->lines;
    struct bb_span *line = bb_registry_list_add(c->arena, &lines, &c->change->line_count,
                                                sizeof *line);

    if (!copy.data || !line || c->line.overflow) {
        c->full = true;
        return;
    }
    c->change->lines = lines;
    *line = copy;
}

static void begin_line(struct comparison *c) {
    bb_buffer_clear(&c->line);
    bb_buffer_append_span(&c->line, bb_buffer_span(&c->prefix));
}

/* As people read it: of a long text its size. */
static void put_said(struct comparison *c, const struct bb_registry_field *field,
                     const void *base) {
    const void *member = bb_registry_member(field, base);

    if (field->type->is_long)
        bb_buffer_format(&c->line, "%zu bytes", ((const struct bb_span *)member)->size);
    else
        field->type->format(member, &c->line);
}

/* `base` NULL: there is none. */
static void put_value(struct comparison *c, const struct bb_registry_field *field,
                      const void *base) {
    size_t before = c->line.size;

    if (base)
        put_said(c, field, base);
    if (c->line.size == before)
        bb_buffer_format(&c->line, "(none)");
}

/* "installation E0012 from 2025-...": an element as people call it. */
static void put_element(struct bb_buffer *out, const struct bb_registry_shape *shape,
                        const void *element) {
    bb_buffer_format(out, " %s ", shape->what);
    for (uint32_t i = 0; i < shape->key_fields; i++) {
        if (i > 0)
            bb_buffer_format(out, " %s ", shape->fields[i].key);
        shape->fields[i].type->format(bb_registry_member(&shape->fields[i], element), out);
    }
}

/* ", 2 channels", ", 1 channel". */
static void put_count(struct bb_buffer *out, uint32_t count, const char *things) {
    size_t size = strlen(things);

    if (count == 1 && things[size - 1] == 's')
        size--;
    bb_buffer_format(out, ", %u %.*s", count, (int)size, things);
}

/* ", dials 6": what is said of an element besides its name. */
static void put_details(struct comparison *c, const struct bb_registry_shape *shape,
                        const void *element) {
    for (uint32_t i = shape->key_fields; i < shape->field_count; i++) {
        const struct bb_registry_field *field = &shape->fields[i];
        if (field->form == BB_REGISTRY_SCALAR && bb_registry_field_said(shape, field, element)) {
            bb_buffer_format(&c->line, ", %s ", field->key);
            put_said(c, field, element);
        } else if (field->form != BB_REGISTRY_SCALAR && *bb_registry_count(field, element) > 0) {
            put_count(&c->line, *bb_registry_count(field, element), field->key);
        }
    }
}

/* ---- fields ---------------------------------------------------------------------------------- */

static void compare_struct(struct comparison *c, const struct bb_registry_shape *shape,
                           const void *old, const void *new);

static void compare_scalar(struct comparison *c, const struct bb_registry_field *field,
                           const void *old, const void *new) {
    if (bb_registry_field_equal(field, old, new))
        return;
    begin_line(c);
    bb_buffer_format(&c->line, " %s: ", field->key);
    put_value(c, field, old);
    bb_buffer_format(&c->line, " → ");
    put_value(c, field, new);
    end_line(c);
}

static const void *find_element(const struct bb_registry_field *field, const void *base,
                                const void *element) {
    for (uint32_t i = 0; i < *bb_registry_count(field, base); i++)
        if (bb_registry_key_equal(field->element, element, bb_registry_item(field, base, i)))
            return bb_registry_item(field, base, i);
    return NULL;
}

static void tell_element(struct comparison *c, const struct bb_registry_field *field,
                         const void *element, const char *happening) {
    begin_line(c);
    put_element(&c->line, field->element, element);
    bb_buffer_format(&c->line, ": %s", happening);
    put_details(c, field->element, element);
    end_line(c);
}

/* Do those elements of an ordered list that are in both stand in another order? */
static bool is_reordered(const struct bb_registry_field *field, const void *old, const void *new) {
    const void *last = NULL; /* of the old list */

    for (uint32_t i = 0; field->ordered && i < *bb_registry_count(field, new); i++) {
        const void *before = find_element(field, old, bb_registry_item(field, new, i));
        if (before && last && before < last)
            return true;
        last = before ? before : last;
    }
    return false;
}

static void compare_list(struct comparison *c, const struct bb_registry_field *field,
                         const void *old, const void *new) {
    for (uint32_t i = 0; i < *bb_registry_count(field, old); i++) {
        const void *element = bb_registry_item(field, old, i);
        if (!find_element(field, new, element))
            tell_element(c, field, element, "removed");
    }
    for (uint32_t i = 0; i < *bb_registry_count(field, new); i++) {
        const void *element = bb_registry_item(field, new, i);
        const void *before = find_element(field, old, element);
        if (!before) {
            tell_element(c, field, element, "added");
            continue;
        }
        size_t outside = c->prefix.size;
        put_element(&c->prefix, field->element, element);
        compare_struct(c, field->element, before, element);
        c->prefix.size = outside;
    }
    if (is_reordered(field, old, new)) {
        begin_line(c);
        bb_buffer_format(&c->line, " %s: in another order", field->key);
        end_line(c);
    }
}

/* "tags district: north → south", "opening 1.8.0: (none) → 84211.3". */
static void tell_pair(struct comparison *c, const struct bb_registry_field *field, const void *old,
                      const void *new) {
    const struct bb_registry_field *parts = field->element->fields;
    const void *pair = new ? new : old;

    if (old && new &&bb_registry_field_equal(&parts[1], old, new))
        return;
    begin_line(c);
    bb_buffer_format(&c->line, " %s ", field->key);
    parts[0].type->format(bb_registry_member(&parts[0], pair), &c->line);
    bb_buffer_format(&c->line, ": ");
    put_value(c, &parts[1], old);
    bb_buffer_format(&c->line, " → ");
    put_value(c, &parts[1], new);
    end_line(c);
}

static void compare_map(struct comparison *c, const struct bb_registry_field *field,
                        const void *old, const void *new) {
    for (uint32_t i = 0; i < *bb_registry_count(field, old); i++) {
        const void *pair = bb_registry_item(field, old, i);
        if (!find_element(field, new, pair))
            tell_pair(c, field, pair, NULL);
    }
    for (uint32_t i = 0; i < *bb_registry_count(field, new); i++) {
        const void *pair = bb_registry_item(field, new, i);
        tell_pair(c, field, find_element(field, old, pair), pair);
    }
}

static bool has_date(const struct bb_registry_field *field, const void *base, int32_t date) {
    const int32_t *dates = *bb_registry_items(field, base);

    for (uint32_t i = 0; i < *bb_registry_count(field, base); i++)
        if (dates[i] == date)
            return true;
    return false;
}

static void tell_dates(struct comparison *c, const struct bb_registry_field *field,
                       const void *those, const void *others, const char *happening) {
    const int32_t *dates = *bb_registry_items(field, those);

    for (uint32_t i = 0; i < *bb_registry_count(field, those); i++)
        if (!has_date(field, others, dates[i])) {
            begin_line(c);
            bb_buffer_format(&c->line, " %s ", field->key);
            field->type->format(&dates[i], &c->line);
            bb_buffer_format(&c->line, ": %s", happening);
            end_line(c);
        }
}

static void compare_dates(struct comparison *c, const struct bb_registry_field *field,
                          const void *old, const void *new) {
    tell_dates(c, field, old, new, "removed");
    tell_dates(c, field, new, old, "added");
}

static uint32_t numbers_that_differ(const struct bb_registry_field *field, const void *old,
                                    const void *new) {
    const int64_t *before = *bb_registry_items(field, old), *now = *bb_registry_items(field, new);
    uint32_t differ = 0;

    for (uint32_t i = 0; i < *bb_registry_count(field, new); i++)
        differ += before[i] != now[i];
    return differ;
}

/* "working: 3 of 96 numbers differ", "months: 0 → 12 numbers". */
static void compare_numbers(struct comparison *c, const struct bb_registry_field *field,
                            const void *old, const void *new) {
    uint32_t before = *bb_registry_count(field, old), now = *bb_registry_count(field, new);
    uint32_t differ = before == now ? numbers_that_differ(field, old, new) : 0;

    if (before == now && differ == 0)
        return;
    begin_line(c);
    if (before == now)
        bb_buffer_format(&c->line, " %s: %u of %u numbers differ", field->key, differ, now);
    else
        bb_buffer_format(&c->line, " %s: %u → %u numbers", field->key, before, now);
    end_line(c);
}

static void (*const form_comparers[])(struct comparison *, const struct bb_registry_field *,
                                      const void *, const void *) = {
    [BB_REGISTRY_SCALAR] = compare_scalar,   [BB_REGISTRY_LIST] = compare_list,
    [BB_REGISTRY_MAP] = compare_map,         [BB_REGISTRY_DATES] = compare_dates,
    [BB_REGISTRY_NUMBERS] = compare_numbers,
};

static void compare_struct(struct comparison *c, const struct bb_registry_shape *shape,
                           const void *old, const void *new) {
    for (uint32_t i = 0; i < shape->field_count; i++)
        form_comparers[shape->fields[i].form](c, &shape->fields[i], old, new);
}

/* ---- entries --------------------------------------------------------------------------------- */

static int current_entry(struct comparison *c, const struct bb_master *wanted,
                         struct bb_master *out) {
    return c->registry->ops->master_get(c->registry, wanted->kind, bb_master_tenant_name(wanted),
                                        bb_master_name(wanted), BB_TIME_NONE, &c->scratch, out,
                                        c->error);
}

static int compare_entry(struct comparison *c, const struct bb_registry_entry *entry) {
    const struct bb_registry_shape *shape = bb_registry_sections[entry->master.kind].shape;
    const void *new = bb_registry_entry_base(&entry->master);
    struct bb_master current;

    bb_arena_reset(&c->scratch);
    *c->change = (struct bb_registry_change){.entry = entry};
    int found = current_entry(c, &entry->master, &current);
    if (found < 0)
        return found;
    bb_buffer_clear(&c->prefix);
    bb_buffer_format(&c->prefix, "%s %.*s", shape->what,
                     BB_SPAN_ARGS(bb_master_name(&entry->master)));
    if (found == BB_FOUND) {
        compare_struct(c, shape, bb_registry_entry_base(&current), new);
        c->change->kind = c->change->line_count ? BB_REGISTRY_CHANGED : BB_REGISTRY_UNCHANGED;
    } else {
        begin_line(c);
        bb_buffer_format(&c->line, ": new");
        put_details(c, shape, new);
        end_line(c);
        c->change->kind = BB_REGISTRY_ADDED;
    }
    if (c->full || c->prefix.overflow)
        return BB_FAIL(c->error, BB_E_NO_MEMORY, "the changes do not fit %zu bytes",
                       c->arena->limit_bytes);
    return 0;
}

/* ---- calendars and profiles that usage points name -------------------------------------------- */

struct entry_name {
    enum bb_master_kind kind;
    struct bb_span tenant, name;
};

static int compare_names(const void *left, const void *right) {
    const struct entry_name *a = left, *b = right;

    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    int order = bb_span_compare(a->tenant, b->tenant);
    return order ? order : bb_span_compare(a->name, b->name);
}

struct known_names { /* of the file's calendars and profiles */
    struct entry_name *items;
    size_t count;
};

static int check_name(struct comparison *c, const struct bb_registry_entry *entry,
                      enum bb_master_kind kind, struct bb_span name,
                      const struct known_names *known) {
    const struct bb_master_usage_point *up = &entry->master.usage_point;
    struct entry_name wanted = {kind, up->tenant, name};
    struct bb_master stored, asked = {.kind = kind};

    if (name.size == 0 ||
        bsearch(&wanted, known->items, known->count, sizeof *known->items, compare_names))
        return 0;
    if (kind == BB_MASTER_CALENDAR)
        asked.calendar = (struct bb_master_calendar){.tenant = up->tenant, .name = name};
    else
        asked.profile = (struct bb_master_profile){.tenant = up->tenant, .name = name};
    bb_arena_reset(&c->scratch);
    int found = current_entry(c, &asked, &stored);
    if (found <= 0)
        return found;
    int failed = BB_FAIL(c->error, BB_E_REGISTRY_INVALID,
                         "usage point %s: the %s '%s' is neither in this file nor in the "
                         "registry of tenant %s",
                         bb_registry_shown(up->name).text, bb_registry_sections[kind].shape->what,
                         bb_registry_shown(name).text, bb_registry_shown(up->tenant).text);
    bb_error_locate(c->error, c->source, entry->line);
    return failed;
}

static int check_names_of(struct comparison *c, const struct bb_registry_entry *entry,
                          const struct known_names *known) {
    const struct bb_master_usage_point *up = &entry->master.usage_point;
    int failed = check_name(c, entry, BB_MASTER_CALENDAR, up->calendar, known);

    if (!failed)
        failed = check_name(c, entry, BB_MASTER_PROFILE, up->profile, known);
    for (uint32_t i = 0; !failed && i < up->channel_count; i++)
        failed = check_name(c, entry, BB_MASTER_PROFILE, up->channels[i].profile, known);
    return failed;
}

static int check_names(struct comparison *c) {
    const struct bb_registry_file *file = c->file;
    struct known_names known = {calloc((size_t)file->count + 1, sizeof *known.items), 0};
    int failed = 0;

    if (!known.items)
        return BB_FAIL(c->error, BB_E_NO_MEMORY, "no memory for %u entries", file->count);
    for (uint32_t i = 0; i < file->count; i++) {
        const struct bb_master *master = &file->entries[i].master;
        if (master->kind == BB_MASTER_CALENDAR || master->kind == BB_MASTER_PROFILE)
            known.items[known.count++] = (struct entry_name){
                master->kind, bb_master_tenant_name(master), bb_master_name(master)};
    }
    qsort(known.items, known.count, sizeof *known.items, compare_names);
    for (uint32_t i = 0; !failed && i < file->count; i++)
        if (file->entries[i].master.kind == BB_MASTER_USAGE_POINT)
            failed = check_names_of(c, &file->entries[i], &known);
    free(known.items);
    return failed;
}

/* ---- the file -------------------------------------------------------------------------------- */

static int compare_all(struct comparison *c, struct bb_registry_changes *out) {
    uint32_t *const counters[] = {[BB_REGISTRY_UNCHANGED] = &out->unchanged,
                                  [BB_REGISTRY_ADDED] = &out->added,
                                  [BB_REGISTRY_CHANGED] = &out->changed};

    out->items = bb_arena_take_array(c->arena, c->file->count, sizeof *out->items);
    if (!out->items)
        return BB_FAIL(c->error, BB_E_NO_MEMORY, "the changes do not fit %zu bytes",
                       c->arena->limit_bytes);
    for (; out->count < c->file->count; out->count++) {
        c->change = &out->items[out->count];
        int failed = compare_entry(c, &c->file->entries[out->count]);
        if (failed)
            return failed;
        ++*counters[c->change->kind];
    }
    return 0;
}

int bb_registry_file_compare(struct bb_registry *registry, const struct bb_registry_file *file,
                             const char *source, struct bb_arena *arena,
                             struct bb_registry_changes *out, struct bb_error *error) {
    struct comparison c = {
        .registry = registry, .file = file, .source = source, .arena = arena, .error = error};

    *out = (struct bb_registry_changes){0};
    bb_arena_init(&c.scratch, 64 << 10, 64 << 20);
    bb_buffer_init(&c.prefix, LINE_MAX_BYTES);
    bb_buffer_init(&c.line, LINE_MAX_BYTES);
    int failed = check_names(&c);
    if (!failed)
        failed = compare_all(&c, out);
    bb_buffer_release(&c.line);
    bb_buffer_release(&c.prefix);
    bb_arena_release(&c.scratch);
    return failed;
}
