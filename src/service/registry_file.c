/* Reading a registry file, whichever its language: see registry_file.h. */
#include "service/registry_file.h"

#include <stdlib.h>

#include "service/registry_field_internal.h"

/* ---- which language -------------------------------------------------------------------------- */

/* A CSV file begins with a header that has a column usage_point; in YAML a line that names it ends
 * in a colon. */
static enum bb_registry_format sniff(struct bb_span text) {
    static const char separators[] = ",;\t \r\"";

    while (text.size > 0 && (bb_char_is_blank(*text.data) || *text.data == '\n')) {
        text.data++;
        text.size--;
    }
    const char *end = memchr(text.data, '\n', text.size);
    struct bb_span line = {text.data, end ? (size_t)(end - text.data) : text.size};
    while (line.size > 0 && *text.data != '#') {
        size_t size = 0;
        while (size < line.size && !strchr(separators, line.data[size]))
            size++;
        if (bb_span_equal_nocase((struct bb_span){line.data, size}, BB_SPAN("usage_point")))
            return BB_REGISTRY_CSV;
        size += size < line.size;
        line.data += size;
        line.size -= size;
    }
    return BB_REGISTRY_YAML;
}

static bool is_blank(struct bb_span text) {
    for (size_t i = 0; i < text.size; i++)
        if (!bb_char_is_blank(text.data[i]) && text.data[i] != '\n')
            return false;
    return true;
}

/* ---- the file as a whole --------------------------------------------------------------------- */

static void fill_tenant(const struct bb_registry_reader *reader, struct bb_master *master) {
    if (master->kind == BB_MASTER_USAGE_POINT && master->usage_point.tenant.size == 0)
        master->usage_point.tenant = reader->tenant;
    if (master->kind == BB_MASTER_CALENDAR && master->calendar.tenant.size == 0)
        master->calendar.tenant = reader->tenant;
    if (master->kind == BB_MASTER_PROFILE && master->profile.tenant.size == 0)
        master->profile.tenant = reader->tenant;
    if (master->kind == BB_MASTER_GROUP && master->group.tenant.size == 0)
        master->group.tenant = reader->tenant;
    if (master->kind == BB_MASTER_RULES && master->rules.tenant.size == 0)
        master->rules.tenant = reader->tenant;
}

static int compare_entries(const struct bb_registry_entry *a, const struct bb_registry_entry *b) {
    if (a->master.kind != b->master.kind)
        return a->master.kind < b->master.kind ? -1 : 1;
    int order = bb_span_compare(bb_master_tenant_name(&a->master),
                                bb_master_tenant_name(&b->master));
    return order ? order : bb_span_compare(bb_master_name(&a->master), bb_master_name(&b->master));
}

/* By name, then by place: of two of a name, the later one is refused. */
static int compare_places(const void *left, const void *right, void *context) {
    const struct bb_registry_entry *entries = context;
    uint32_t i = *(const uint32_t *)left, j = *(const uint32_t *)right;
    int order = compare_entries(&entries[i], &entries[j]);

    return order ? order : (i > j) - (i < j);
}

static int refuse_double(struct bb_registry_reader *reader, const struct bb_registry_entry *before,
                         const struct bb_registry_entry *entry) {
    return bb_registry_refuse(reader, entry->line, BB_E_REGISTRY_INVALID,
                              "%s %s stands here twice, the first time in line %llu",
                              bb_registry_sections[entry->master.kind].shape->what,
                              bb_registry_shown(bb_master_name(&entry->master)).text,
                              (unsigned long long)before->line);
}

static int refuse_doubles(struct bb_registry_reader *reader) {
    const struct bb_registry_entry *entries = reader->entries;
    uint32_t count = reader->entry_count;
    uint32_t *order = calloc(count ? count : 1, sizeof *order);
    int failed = 0;

    if (!order)
        return bb_registry_full(reader);
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    qsort_r(order, count, sizeof *order, compare_places, reader->entries);
    for (uint32_t i = 1; !failed && i < count; i++)
        if (compare_entries(&entries[order[i - 1]], &entries[order[i]]) == 0)
            failed = refuse_double(reader, &entries[order[i - 1]], &entries[order[i]]);
    free(order);
    return failed;
}

static int (*const readers[])(struct bb_registry_reader *, struct bb_span) = {
    [BB_REGISTRY_YAML] = bb_registry_yaml_read,
    [BB_REGISTRY_CSV] = bb_registry_csv_read,
};

int bb_registry_file_parse(struct bb_span text, const struct bb_registry_file_options *options,
                           struct bb_arena *arena, struct bb_registry_file *out,
                           struct bb_error *error) {
    struct bb_registry_reader reader = {
        .options = options, .tenant = options->tenant, .arena = arena, .error = error};
    enum bb_registry_format format = options->format;
    int failed;

    *out = (struct bb_registry_file){NULL, 0};
    if (bb_span_starts_with(text, BB_SPAN("\xef\xbb\xbf"))) {
        text.data += 3;
        text.size -= 3;
    }
    if (is_blank(text))
        return bb_registry_refuse(&reader, 0, BB_E_INPUT_EMPTY, "the registry file is empty");
    if (text.size > BB_REGISTRY_FILE_MAX_BYTES)
        return bb_registry_refuse(&reader, 0, BB_E_REGISTRY_INVALID,
                                  "the registry file has %zu bytes; allowed are %d", text.size,
                                  BB_REGISTRY_FILE_MAX_BYTES);
    if (format == BB_REGISTRY_AUTO)
        format = sniff(text);
    failed = readers[format](&reader, text);
    reader.where[0] = '\0';
    for (uint32_t i = 0; !failed && i < reader.entry_count; i++)
        fill_tenant(&reader, &reader.entries[i].master);
    if (!failed)
        failed = refuse_doubles(&reader);
    if (!failed)
        *out = (struct bb_registry_file){reader.entries, reader.entry_count};
    return failed;
}
