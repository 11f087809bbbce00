/* Master data as YAML, the way back into a registry file: see registry_file.h.
 *
 * An entry is written along its table: what says nothing is left out, lists of structs get a line
 * per element. Texts are quoted whenever a reader of YAML might take them for something else (a
 * number, true, null, a date), so that other programs read them as the texts they are.
 */
#include <stdlib.h>

#include "base/json_write.h"
#include "service/registry_field_internal.h"

enum { ENTRY_MAX_BYTES = 64 << 20 };

/* ---- scalars --------------------------------------------------------------------------------- */

static bool is_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* A letter first, then letters, digits and what joins them, and no word that YAML knows. */
static bool needs_no_quotes(struct bb_span text) {
    static const char *const words[] = {"true", "false", "yes", "no",  "on",
                                        "off",  "y",     "n",   "null"};
    static const char joins[] = {'_', '-', '.', '/'};

    if (text.size == 0 || !is_letter(text.data[0]))
        return false;
    for (size_t i = 1; i < text.size; i++)
        if (!is_letter(text.data[i]) && !(text.data[i] >= '0' && text.data[i] <= '9') &&
            !memchr(joins, text.data[i], sizeof joins))
            return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (bb_span_equal_nocase(text, bb_span_of(words[i])))
            return false;
    return true;
}

static void put_text(struct bb_span text, struct bb_buffer *out) {
    if (needs_no_quotes(text)) {
        bb_buffer_append_span(out, text);
        return;
    }
    bb_buffer_append_byte(out, '"');
    bb_json_append_text(out, text); /* what JSON quotes, YAML reads */
    bb_buffer_append_byte(out, '"');
}

static void put_value(const struct bb_registry_type *type, const void *member,
                      struct bb_buffer *out) {
    size_t start = out->size;

    type->format(member, out);
    if (type->plain || out->overflow)
        return;
    struct bb_span text = {out->data + start, out->size - start};
    char *copy = malloc(text.size + 1); /* the buffer may move while it is quoted */
    if (!copy) {
        out->overflow = true;
        return;
    }
    memcpy(copy, text.data, text.size);
    out->size = start;
    put_text((struct bb_span){copy, text.size}, out);
    free(copy);
}

/* ---- structs --------------------------------------------------------------------------------- */

static bool says_anything(const struct bb_registry_shape *shape,
                          const struct bb_registry_field *field, const void *base) {
    if (field->form == BB_REGISTRY_SCALAR)
        return field->required || bb_registry_field_said(shape, field, base);
    return *bb_registry_count(field, base) > 0;
}

static void put_flow(const struct bb_registry_shape *shape, const void *base,
                     struct bb_buffer *out);

/* {key: value, key: value} */
static void put_map(const struct bb_registry_field *field, const void *base,
                    struct bb_buffer *out) {
    const struct bb_registry_field *parts = field->element->fields;

    for (uint32_t i = 0; i < *bb_registry_count(field, base); i++) {
        const void *pair = bb_registry_item(field, base, i);
        bb_buffer_format(out, i ? ", " : "{");
        put_value(parts[0].type, bb_registry_member(&parts[0], pair), out);
        bb_buffer_format(out, ": ");
        put_value(parts[1].type, bb_registry_member(&parts[1], pair), out);
    }
    bb_buffer_append_byte(out, '}');
}

static void put_dates(const struct bb_registry_field *field, const void *base,
                      struct bb_buffer *out) {
    const int32_t *dates = *bb_registry_items(field, base);

    for (uint32_t i = 0; i < *bb_registry_count(field, base); i++) {
        bb_buffer_format(out, i ? ", " : "[");
        field->type->format(&dates[i], out);
    }
    bb_buffer_append_byte(out, ']');
}

static void put_numbers(const struct bb_registry_field *field, const void *base,
                        struct bb_buffer *out) {
    const int64_t *numbers = *bb_registry_items(field, base);

    for (uint32_t i = 0; i < *bb_registry_count(field, base); i++) {
        bb_buffer_format(out, i ? ", " : "[");
        field->type->format(&numbers[i], out);
    }
    bb_buffer_append_byte(out, ']');
}

/* One line per element, further in than the key. */
static void put_list(const struct bb_registry_field *field, const void *base,
                     struct bb_buffer *out) {
    for (uint32_t i = 0; i < *bb_registry_count(field, base); i++) {
        bb_buffer_format(out, "\n      - ");
        put_flow(field->element, bb_registry_item(field, base, i), out);
    }
}

/* [{...}, {...}]: a list within an element of another one. */
static void put_flow_list(const struct bb_registry_field *field, const void *base,
                          struct bb_buffer *out) {
    for (uint32_t i = 0; i < *bb_registry_count(field, base); i++) {
        bb_buffer_format(out, i ? ", " : "[");
        put_flow(field->element, bb_registry_item(field, base, i), out);
    }
    bb_buffer_append_byte(out, ']');
}

static void put_scalar(const struct bb_registry_field *field, const void *base,
                       struct bb_buffer *out) {
    put_value(field->type, bb_registry_member(field, base), out);
}

static void (*const form_writers[])(const struct bb_registry_field *, const void *,
                                    struct bb_buffer *) = {
    [BB_REGISTRY_SCALAR] = put_scalar,   [BB_REGISTRY_LIST] = put_list,
    [BB_REGISTRY_MAP] = put_map,         [BB_REGISTRY_DATES] = put_dates,
    [BB_REGISTRY_NUMBERS] = put_numbers,
};

static void put_flow(const struct bb_registry_shape *shape, const void *base,
                     struct bb_buffer *out) {
    const char *before = "{";

    for (uint32_t i = 0; i < shape->field_count; i++) {
        const struct bb_registry_field *field = &shape->fields[i];
        if (!says_anything(shape, field, base))
            continue;
        bb_buffer_format(out, "%s%s: ", before, field->key);
        if (field->form == BB_REGISTRY_LIST)
            put_flow_list(field, base, out);
        else
            form_writers[field->form](field, base, out);
        before = ", ";
    }
    bb_buffer_append_byte(out, '}');
}

void bb_registry_entry_print(const struct bb_master *master, struct bb_buffer *out) {
    const struct bb_registry_shape *shape = bb_registry_sections[master->kind].shape;
    const void *base = bb_registry_entry_base(master);
    const char *before = "  - ";

    for (uint32_t i = 0; i < shape->field_count; i++) {
        const struct bb_registry_field *field = &shape->fields[i];
        if (!says_anything(shape, field, base))
            continue;
        bool list = field->form == BB_REGISTRY_LIST;
        bb_buffer_format(out, "%s%s:%s", before, field->key, list ? "" : " ");
        form_writers[field->form](field, base, out);
        bb_buffer_append_byte(out, '\n');
        before = "    ";
    }
}

/* ---- the registry ---------------------------------------------------------------------------- */

struct export {
    int (*write)(void *context, struct bb_span text);
    void *context;
    struct bb_buffer text; /* of one entry */
    int kind;              /* of the list at hand; 0: none yet */
    struct bb_error *error;
};

/* Entries come by kind, so that each list is opened once. */
static int write_entry(void *context, int64_t recorded_ms, const struct bb_master *master) {
    struct export *export = context;

    (void)recorded_ms;
    bb_buffer_clear(&export->text);
    if ((int)master->kind != export->kind)
        bb_buffer_format(&export->text, "%s:\n", bb_registry_sections[master->kind].key);
    export->kind = (int)master->kind;
    bb_registry_entry_print(master, &export->text);
    if (export->text.overflow)
        return BB_FAIL(export->error, BB_E_NO_MEMORY, "an entry has more than %d bytes of YAML",
                       ENTRY_MAX_BYTES);
    return export->write(export->context, bb_buffer_span(&export->text));
}

int bb_registry_export(struct bb_registry *registry, struct bb_span tenant, int64_t as_of_ms,
                       int (*write)(void *context, struct bb_span text), void *context,
                       struct bb_error *error) {
    struct export export = {.write = write, .context = context, .error = error};

    bb_buffer_init(&export.text, ENTRY_MAX_BYTES);
    int failed = registry->ops->master_list(registry, tenant, as_of_ms, write_entry, &export,
                                            error);
    /* a file of nothing is refused when it is read: an empty list is something */
    if (!failed && export.kind == 0)
        failed = write(context, BB_SPAN("usage_points: []\n"));
    bb_buffer_release(&export.text);
    return failed < 0 ? failed : 0;
}
