/* What every store adapter asks of a commit: see store_shared_internal.h. */
#include "adapter/store_shared_internal.h"

static int name_change_compare(const struct bb_name_change *a, const struct bb_name_change *b) {
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return bb_span_compare(a->name, b->name);
}

int bb_store_commit_check(const struct bb_commit *commit, struct bb_error *error) {
    for (size_t i = 0; i < commit->block_count; i++) {
        BB_ASSERT(commit->blocks[i].key.lane < BB_LANE_COUNT);
        BB_ASSERT(i == 0 ||
                  bb_block_key_compare(&commit->blocks[i - 1].key, &commit->blocks[i].key) < 0);
    }
    for (size_t i = 0; i < commit->name_count; i++) {
        const struct bb_name_change *change = &commit->names[i];
        BB_ASSERT(change->kind < BB_NAME_KIND_COUNT);
        BB_ASSERT(i == 0 || name_change_compare(change - 1, change) < 0);
        if (change->name.size == 0 || change->name.size > BB_NAME_KEY_MAX)
            return BB_FAIL(error, BB_E_NAME,
                           "a name in the store has 1 to %d bytes, and this one has %zu",
                           (int)BB_NAME_KEY_MAX, change->name.size);
    }
    return 0;
}
