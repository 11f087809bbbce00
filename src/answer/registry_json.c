/* What a registry file changes: see registry_json.h. */
#include "answer/registry_json.h"

#include "answer/master_json.h"

void bb_registry_put_counts(struct bb_json *json, const struct bb_registry_changes *changes) {
    bb_json_put_u64(json, "added", changes->added);
    bb_json_put_u64(json, "changed", changes->changed);
    bb_json_put_u64(json, "unchanged", changes->unchanged);
}

void bb_registry_put_change(struct bb_json *json, const struct bb_registry_change *change) {
    static const char *const words[] = {[BB_REGISTRY_UNCHANGED] = "unchanged",
                                        [BB_REGISTRY_ADDED] = "added",
                                        [BB_REGISTRY_CHANGED] = "changed"};

    bb_json_object_begin(json);
    bb_json_put_text(json, "entry", bb_span_of(bb_master_kind_name(&change->entry->master)));
    bb_json_put_text(json, "name", bb_master_name(&change->entry->master));
    bb_json_put_text(json, "change", bb_span_of(words[change->kind]));
    bb_json_key(json, "lines");
    bb_json_array_begin(json);
    for (uint32_t line = 0; line < change->line_count; line++)
        bb_json_text(json, change->lines[line]);
    bb_json_array_end(json);
    bb_json_object_end(json);
}
