/* Archived files as the store remembers them: see archive_list.h. */
#include "service/archive_list.h"

struct listing {
    uint32_t partition;
    struct bb_span tenant;
    bb_archive_visit *visit;
    void *context;
    bool stopped;
    struct bb_error *error;
};

static int look(void *context, struct bb_span name, struct bb_span value) {
    struct listing *l = context;
    struct bb_archive_head head;
    struct bb_archive_place place;

    if (!bb_archive_key_read(name, &head))
        return BB_FAIL(l->error, BB_E_STORE_CORRUPT,
                       "what the store says of archived files is damaged");
    if (l->tenant.size > 0 && !bb_span_equal(l->tenant, head.tenant))
        return 0;
    head.partition = l->partition;
    int result = bb_archive_place_decode(value, &place, l->error);
    if (!result)
        result = l->visit(l->context, &head, &place, l->error);
    l->stopped = result > 0;
    return result;
}

int bb_archive_list(struct bb_plant *plant, struct bb_span tenant, bb_archive_visit *visit,
                    void *context, struct bb_error *error) {
    const struct bb_store_ops *ops = plant->hot->ops;
    struct listing l = {.tenant = tenant, .visit = visit, .context = context, .error = error};
    int result = 0;

    for (; result >= 0 && !l.stopped && l.partition < plant->log->partitions; l.partition++) {
        struct bb_store_view *view;
        result = ops->view_begin(plant->hot, l.partition, &view, error);
        if (result < 0)
            break;
        result = ops->name_scan(view, BB_NAME_ARCHIVE, BB_SPAN("F"), look, &l, error);
        ops->view_end(view);
    }
    return result < 0 ? result : 0;
}
