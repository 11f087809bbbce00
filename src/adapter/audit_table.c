/* The audit log in memory: see audit_table_internal.h. */
#include "adapter/audit_table_internal.h"

#include <stdlib.h>

#include "adapter/registry_row_internal.h"

bool bb_audit_table_add(struct bb_audit_table *table, const struct bb_registry_audit *row,
                        struct bb_arena *texts) {
    struct bb_registry_audit copy;

    if (!bb_registry_audit_copy(row, texts, &copy))
        return false;
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? table->capacity * 2 : 64;
        struct bb_registry_audit *items = reallocarray(table->items, capacity, sizeof *items);
        if (!items)
            return false;
        table->items = items;
        table->capacity = capacity;
    }
    table->items[table->count++] = copy;
    return true;
}

static int ended(int answer) {
    return answer < 0 ? answer : 0;
}

int bb_audit_table_walk(const struct bb_audit_table *table, uint64_t after,
                        bb_registry_audit_visit *visit, void *context) {
    int answer = 0;

    for (size_t i = after; answer == 0 && i < table->count; i++)
        answer = visit(context, &table->items[i]);
    return ended(answer);
}

static bool is_asked(const struct bb_registry_audit *row,
                     const struct bb_registry_audit_question *q) {
    return row->about == 0 && (q->tenant.size == 0 || bb_span_equal(q->tenant, row->tenant)) &&
           (q->from_ms == BB_TIME_NONE || row->at_ms >= q->from_ms) &&
           (q->to_ms == BB_TIME_NONE || row->at_ms < q->to_ms) &&
           (q->before_sequence == 0 || row->sequence < q->before_sequence);
}

static struct bb_registry_audit with_outcome(const struct bb_audit_table *table, size_t at) {
    struct bb_registry_audit row = table->items[at];

    for (size_t i = at + 1; i < table->count; i++)
        if (table->items[i].about == row.sequence) {
            row.outcome = table->items[i].outcome;
            row.code = table->items[i].code;
        }
    return row;
}

int bb_audit_table_list(const struct bb_audit_table *table,
                        const struct bb_registry_audit_question *question,
                        bb_registry_audit_visit *visit, void *context) {
    int answer = 0;

    for (size_t i = table->count; answer == 0 && i-- > 0;)
        if (is_asked(&table->items[i], question)) {
            const struct bb_registry_audit row = with_outcome(table, i);
            answer = visit(context, &row);
        }
    return ended(answer);
}
