/* Groups: sets of usage points that an expression describes (model/expression.h), named ones from master data and
 * such as somebody thinks of.
 *
 *   group "north"                 the entry's expression
 *   group "-"                     all usage points of the tenant
 *   either, with an expression    those of them of which it holds, too
 *
 * Members are what the expressions hold of as master data was recorded at the asked moment; of a usage point that
 * readings alone speak of, its name, commodity and zone are known.
 */
#ifndef BB_SERVICE_GROUP_H
#define BB_SERVICE_GROUP_H

#include "model/expression.h"
#include "service/plant.h"

struct bb_group {
    struct bb_master_group entry;         /* "-" has no expression */
    struct bb_span narrowed;              /* the text that narrows it; empty: none does */
    const struct bb_expression *holds[2]; /* NULL: not one */
    int64_t as_of_ms;                     /* BB_TIME_NONE: now */
};

/* Texts are borrowed or live in the arena. -BB_E_GROUP_UNKNOWN, -BB_E_EXPRESSION. */
int bb_group_find(struct bb_plant *plant, struct bb_span tenant, struct bb_span name,
                  struct bb_span narrowed, int64_t as_of_ms, struct bb_arena *arena,
                  struct bb_group *out, struct bb_error *error) BB_MUST_USE;

/* Its members by name, told as rows of the list of usage points. 0, or negative. */
int bb_group_members(struct bb_plant *plant, const struct bb_group *group,
                     bb_registry_usage_point_visit *visit, void *context, struct bb_error *error)
    BB_MUST_USE;

#endif
