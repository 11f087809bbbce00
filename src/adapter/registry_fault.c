/* The registry with a fault in it: every call is counted, and the one that the plan names fails,
 * either before it did anything or after it did all of it (the answer that was lost on the way).
 * Owns neither the registry inside nor the plan. */
#include "adapter/embedded.h"
#include "adapter/fault.h"

#include <stdlib.h>

struct registry_fault {
    struct bb_registry base;
    struct bb_registry *inner;
    struct bb_fault_plan *plan;
};

static struct registry_fault *fault_of(struct bb_registry *registry) {
    return (struct registry_fault *)registry;
}

/* `operation` of the registry inside, under the plan. */
#define UNDER_PLAN(operation, ...)                                                                 \
    struct registry_fault *fault = fault_of(base);                                                 \
    BB_FAULT_RETURN(fault->plan, false, #operation, error,                                         \
                    fault->inner->ops->operation(fault->inner, __VA_ARGS__))

static void fault_close(struct bb_registry *base) {
    free(base);
}

static int fault_position(struct bb_registry *base, uint32_t partition, uint64_t *sequence,
                          struct bb_error *error) {
    UNDER_PLAN(position, partition, sequence, error);
}

static int fault_project(struct bb_registry *base, uint32_t partition, uint64_t from,
                         const struct bb_outbox_record *records, size_t count,
                         struct bb_error *error) {
    UNDER_PLAN(project, partition, from, records, count, error);
}

static int fault_bookmark_get(struct bb_registry *base, struct bb_span label, uint32_t partition,
                              uint64_t *sequence, struct bb_error *error) {
    UNDER_PLAN(bookmark_get, label, partition, sequence, error);
}

static int fault_bookmark_move(struct bb_registry *base, struct bb_span label, uint32_t partition,
                               uint64_t from, uint64_t to, struct bb_error *error) {
    UNDER_PLAN(bookmark_move, label, partition, from, to, error);
}

static int fault_master_get(struct bb_registry *base, enum bb_master_kind kind,
                            struct bb_span tenant, struct bb_span name, int64_t as_of_ms,
                            struct bb_arena *arena, struct bb_master *out, struct bb_error *error) {
    UNDER_PLAN(master_get, kind, tenant, name, as_of_ms, arena, out, error);
}

static int fault_master_list(struct bb_registry *base, struct bb_span tenant, int64_t as_of_ms,
                             bb_registry_master_visit *visit, void *context,
                             struct bb_error *error) {
    UNDER_PLAN(master_list, tenant, as_of_ms, visit, context, error);
}

static int fault_kind_list(struct bb_registry *base, struct bb_span tenant,
                           enum bb_master_kind kind, int64_t as_of_ms,
                           bb_registry_master_visit *visit, void *context, struct bb_error *error) {
    UNDER_PLAN(kind_list, tenant, kind, as_of_ms, visit, context, error);
}

static int fault_version_list(struct bb_registry *base, struct bb_span tenant,
                              bb_registry_master_visit *visit, void *context,
                              struct bb_error *error) {
    UNDER_PLAN(version_list, tenant, visit, context, error);
}

static int fault_usage_point_list(struct bb_registry *base, struct bb_span tenant,
                                  struct bb_span usage_point, bb_registry_usage_point_visit *visit,
                                  void *context, struct bb_error *error) {
    UNDER_PLAN(usage_point_list, tenant, usage_point, visit, context, error);
}

static int fault_usage_point_search(struct bb_registry *base, struct bb_span tenant,
                                    const struct bb_span *words, size_t word_count,
                                    struct bb_span after, int64_t as_of_ms,
                                    bb_registry_search_visit *visit, void *context,
                                    struct bb_error *error) {
    UNDER_PLAN(usage_point_search, tenant, words, word_count, after, as_of_ms, visit, context,
               error);
}

static int fault_channel_list(struct bb_registry *base, struct bb_span tenant,
                              struct bb_span usage_point, bb_registry_channel_visit *visit,
                              void *context, struct bb_error *error) {
    UNDER_PLAN(channel_list, tenant, usage_point, visit, context, error);
}

static int fault_exception_list(struct bb_registry *base, struct bb_span tenant, bool open_only,
                                int64_t as_of_ms, bb_registry_exception_visit *visit, void *context,
                                struct bb_error *error) {
    UNDER_PLAN(exception_list, tenant, open_only, as_of_ms, visit, context, error);
}

static int fault_letter_list(struct bb_registry *base, struct bb_span tenant,
                             bb_registry_letter_visit *visit, void *context,
                             struct bb_error *error) {
    UNDER_PLAN(letter_list, tenant, visit, context, error);
}

static int fault_tenant_list(struct bb_registry *base,
                             int (*visit)(void *context, struct bb_span name, struct bb_span zone),
                             void *context, struct bb_error *error) {
    UNDER_PLAN(tenant_list, visit, context, error);
}

static int fault_key_put(struct bb_registry *base, const struct bb_registry_key *key,
                         struct bb_error *error) {
    UNDER_PLAN(key_put, key, error);
}

static int fault_key_list(struct bb_registry *base, bb_registry_key_visit *visit, void *context,
                          struct bb_error *error) {
    UNDER_PLAN(key_list, visit, context, error);
}

static int fault_audit_put(struct bb_registry *base, const struct bb_registry_audit *row,
                           const struct bb_registry_key *key, struct bb_error *error) {
    UNDER_PLAN(audit_put, row, key, error);
}

static int fault_audit_walk(struct bb_registry *base, uint64_t after,
                            bb_registry_audit_visit *visit, void *context, struct bb_error *error) {
    UNDER_PLAN(audit_walk, after, visit, context, error);
}

static int fault_audit_last(struct bb_registry *base, struct bb_arena *arena,
                            struct bb_registry_audit *out, struct bb_error *error) {
    UNDER_PLAN(audit_last, arena, out, error);
}

static int fault_audit_list(struct bb_registry *base,
                            const struct bb_registry_audit_question *question,
                            bb_registry_audit_visit *visit, void *context, struct bb_error *error) {
    UNDER_PLAN(audit_list, question, visit, context, error);
}

static int fault_changes(struct bb_registry *base, uint64_t *number, struct bb_error *error) {
    UNDER_PLAN(changes, number, error);
}

static int fault_copy(struct bb_registry *base, const char *path, struct bb_error *error) {
    UNDER_PLAN(copy, path, error);
}

static const struct bb_registry_ops operations = {
    .name = "fault",
    .close = fault_close,
    .position = fault_position,
    .bookmark_get = fault_bookmark_get,
    .bookmark_move = fault_bookmark_move,
    .project = fault_project,
    .master_get = fault_master_get,
    .master_list = fault_master_list,
    .kind_list = fault_kind_list,
    .version_list = fault_version_list,
    .usage_point_list = fault_usage_point_list,
    .usage_point_search = fault_usage_point_search,
    .channel_list = fault_channel_list,
    .exception_list = fault_exception_list,
    .letter_list = fault_letter_list,
    .tenant_list = fault_tenant_list,
    .key_put = fault_key_put,
    .key_list = fault_key_list,
    .audit_put = fault_audit_put,
    .audit_walk = fault_audit_walk,
    .audit_last = fault_audit_last,
    .audit_list = fault_audit_list,
    .changes = fault_changes,
    .copy = fault_copy,
};

struct bb_registry *bb_registry_fault_wrap(struct bb_registry *inner, struct bb_fault_plan *plan) {
    struct registry_fault *fault = calloc(1, sizeof *fault);

    if (!fault)
        return NULL;
    *fault = (struct registry_fault){{&operations}, inner, plan};
    return &fault->base;
}
