/* A row of a group's values as a record: what `busbar query --group` prints and GET /v1/groups/... answers. */
#ifndef BB_ANSWER_GROUP_ROW_H
#define BB_ANSWER_GROUP_ROW_H

#include "answer/record.h"
#include "service/group_values.h"

extern const struct bb_field_row bb_group_row_fields[];
extern const size_t bb_group_row_field_count;

/* `zone` NULL: times in UTC, with Z. Borrows group and row. */
void bb_record_of_group_row(struct bb_span group, const struct bb_group_row *row,
                            const struct bb_zone *zone, struct bb_record *out);

#endif
