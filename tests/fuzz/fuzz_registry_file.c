/* Registry files from anywhere: they are read or refused; what was read, told to a registry and
 * exported from it, is a file that reads again and changes nothing. The first byte chooses the
 * language. */
#include <stddef.h>
#include <stdint.h>

#include "adapter/embedded.h"
#include "service/registry_file.h"

struct run {
    struct bb_arena arena;
    struct bb_zone_set *zones;
    struct bb_registry *registry;
    struct bb_buffer text;
    struct bb_error error;
};

static int parse(struct run *run, struct bb_span text, enum bb_registry_format format,
                 struct bb_registry_file *file) {
    struct bb_registry_file_options options = {
        .tenant = BB_SPAN("default"), .source = "fuzz", .format = format, .zones = run->zones};
    return bb_registry_file_parse(text, &options, &run->arena, file, &run->error);
}

static int compare(struct run *run, const struct bb_registry_file *file,
                   struct bb_registry_changes *changes) {
    return bb_registry_file_compare(run->registry, file, "fuzz", &run->arena, changes, &run->error);
}

static void tell(struct run *run, const struct bb_registry_file *file) {
    for (uint32_t i = 0; i < file->count; i++) {
        struct bb_buffer body;
        bb_buffer_init(&body, 16 << 20);
        BB_ASSERT(bb_master_encode(&file->entries[i].master, &body, &run->error) == 0);
        struct bb_outbox_record record = {.kind = BB_OUTBOX_MASTER, .body = bb_buffer_span(&body)};
        BB_ASSERT(run->registry->ops->project(run->registry, 0, i, &record, 1, &run->error) == 0);
        bb_buffer_release(&body);
    }
}

static int append(void *context, struct bb_span text) {
    bb_buffer_append_span(context, text);
    return 0;
}

static void check_round_trip(struct run *run, const struct bb_registry_file *file) {
    struct bb_registry_changes changes;
    struct bb_registry_file again;

    if (compare(run, file, &changes) != 0)
        return; /* a calendar that nobody knows, or too much for the arena */
    BB_ASSERT(changes.added == file->count);
    tell(run, file);
    BB_ASSERT(bb_registry_export(run->registry, BB_SPAN(""), BB_TIME_NONE, append, &run->text,
                                 &run->error) == 0);
    int failed = parse(run, bb_buffer_span(&run->text), BB_REGISTRY_YAML, &again);
    if (failed == -BB_E_NO_MEMORY)
        return;
    BB_ASSERT(failed == 0 && again.count == file->count);
    BB_ASSERT(compare(run, &again, &changes) == 0);
    BB_ASSERT(changes.unchanged == file->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bb_registry_file file;
    struct run run;

    if (size == 0)
        return 0;
    bb_arena_init(&run.arena, 64 << 10, 64 << 20);
    bb_buffer_init(&run.text, 64 << 20);
    run.zones = bb_zone_set_new();
    BB_ASSERT(bb_registry_memory_open(&run.registry, &run.error) == 0);
    if (parse(&run, (struct bb_span){(const char *)data + 1, size - 1}, data[0] % 3, &file) == 0)
        check_round_trip(&run, &file);
    run.registry->ops->close(run.registry);
    bb_zone_set_free(run.zones);
    bb_buffer_release(&run.text);
    bb_arena_release(&run.arena);
    return 0;
}
