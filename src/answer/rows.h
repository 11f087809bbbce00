/* The rows of lists as records: what `busbar list --json` prints and GET /v1/... answers. One function a
 * list; the record borrows from the row, or lends memory of its own.
 */
#ifndef BB_ANSWER_ROWS_H
#define BB_ANSWER_ROWS_H

#include "answer/record.h"
#include "port/registry.h"
#include "service/completeness.h"
#include "service/file_list.h"
#include "service/findings.h"
#include "service/inventory.h"
#include "service/rules_history.h"

enum bb_list { /* what can be listed */
               BB_LIST_USAGE_POINTS = 0,
               BB_LIST_CHANNELS,
               BB_LIST_COMPLETENESS,
               BB_LIST_EXCEPTIONS,
               BB_LIST_FINDINGS,
               BB_LIST_GROUPS,
               BB_LIST_DEVICES,
               BB_LIST_INSTALLATIONS,
               BB_LIST_CUSTOMERS,
               BB_LIST_RULES,
               BB_LIST_RULE_CHANGES,
               BB_LIST_TENANTS,
               BB_LIST_AUDIT,
               BB_LIST_FILES,
               BB_LIST_DEAD_LETTERS,
               BB_LISTS
};

struct bb_list_row {
    const char *name; /* "usage-points" */
    const struct bb_field_row *fields;
    size_t field_count;
};
extern const struct bb_list_row bb_lists[BB_LISTS];

void bb_record_of_usage_point(const struct bb_registry_usage_point *row, struct bb_record *out);
void bb_record_of_channel(const struct bb_registry_channel *row, struct bb_record *out);
void bb_record_of_completeness(const struct bb_completeness_row *row, struct bb_record *out);
void bb_record_of_exception(const struct bb_registry_exception *row, struct bb_record *out);
void bb_record_of_finding(const struct bb_findings_row *row, struct bb_record *out);
void bb_record_of_rule_change(const struct bb_rules_change *change, struct bb_record *out);
void bb_record_of_rule(const struct bb_master_rules *rules, const struct bb_master_rule *rule,
                       const struct bb_master_rule_version *version, struct bb_record *out);
void bb_record_of_group(const struct bb_master_group *row, struct bb_record *out);
void bb_record_of_device(const struct bb_inventory_device *row, struct bb_record *out);
void bb_record_of_installation(const struct bb_inventory_installation *row, struct bb_record *out);
void bb_record_of_customer(const struct bb_inventory_customer *row, struct bb_record *out);
void bb_record_of_audit(const struct bb_registry_audit *row, struct bb_record *out);
/* Of files and dead letters. `refusals`: bb_ledger_refusals; `gist`: the first of them in a few words. */
void bb_record_of_file(const struct bb_file_row *row, struct bb_span refusals, struct bb_span gist,
                       struct bb_record *out);
void bb_record_of_tenant(struct bb_span name, struct bb_span zone, struct bb_record *out);

#endif
