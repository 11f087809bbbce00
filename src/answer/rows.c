/* The rows of lists: see rows.h. */
#include "answer/rows.h"

#include "model/block.h"
#include "model/rule_version.h"
#include "model/unit.h"
#include "service/audit.h"
#include "service/person.h"
#include "service/query.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- the fields -----------------------------------------------------------------------------------*/

static const struct bb_field_row usage_point_fields[] = {
    {.name = "usage_point"}, {.name = "commodity"}, {.name = "zone"},
    {.name = "calendar"},    {.name = "customer"},  {.name = "channels", .is_number = true},
};

static const struct bb_field_row channel_fields[] = {
    {.name = "usage_point"}, {.name = "channel"},   {.name = "kind"}, {.name = "interval"},
    {.name = "unit"},        {.name = "commodity"}, {.name = "obis"}, {.name = "zone"},
};

static const struct bb_field_row completeness_fields[] = {
    {.name = "usage_point"},
    {.name = "channel"},
    {.name = "start"},
    {.name = "end"},
    {.name = "expected", .is_number = true},
    {.name = "present", .is_number = true},
    {.name = "estimated", .is_number = true},
    {.name = "missing", .is_number = true},
    {.name = "measured_share", .is_number = true},
    {.name = "contiguous_to"},
};

static const struct bb_field_row exception_fields[] = {
    {.name = "id", .is_number = true},
    {.name = "usage_point"},
    {.name = "channel"},
    {.name = "check"},
    {.name = "from"},
    {.name = "to"},
    {.name = "state"},
    {.name = "opened"},
    {.name = "closed"},
    {.name = "by"},
    {.name = "reason"},
    {.name = "opened_by", .is_aside = true},
    {.name = "closed_by", .is_aside = true},
};

static const struct bb_field_row finding_fields[] = {
    {.name = "usage_point"},
    {.name = "channel"},
    {.name = "check"},
    {.name = "from"},
    {.name = "to"},
    {.name = "at"},
    {.name = "hard"},
    {.name = "a", .is_number = true},
    {.name = "b", .is_number = true},
    {.name = "exponent", .is_number = true},
    {.name = "quality"},
};

static const struct bb_field_row group_fields[] = {
    {.name = "group"}, {.name = "expression"}, {.name = "description"}};
static const struct bb_field_row device_fields[] = {{.name = "device"},
                                                    {.name = "usage_point"},
                                                    {.name = "from"},
                                                    {.name = "to"},
                                                    {.name = "installations", .is_number = true}};
static const struct bb_field_row installation_fields[] = {{.name = "usage_point"},
                                                          {.name = "device"},
                                                          {.name = "from"},
                                                          {.name = "to"},
                                                          {.name = "multiplier", .is_number = true},
                                                          {.name = "dials", .is_number = true},
                                                          {.name = "reason"}};
static const struct bb_field_row customer_fields[] = {{.name = "customer"},
                                                      {.name = "usage_points", .is_number = true}};
static const struct bb_field_row rule_fields[] = {
    {.name = "rule"},
    {.name = "state"},
    {.name = "lane"},
    {.name = "channel"},
    {.name = "version"},
    {.name = "module"},
    {.name = "content_hash", .is_aside = true},
    {.name = "function", .is_aside = true},
    {.name = "parameters"},
    {.name = "from"},
    {.name = "to", .is_aside = true},
    {.name = "share", .is_number = true},
    {.name = "by"},
    {.name = "reason", .is_aside = true},
    {.name = "deployed"},
};
static const struct bb_field_row rule_change_fields[] = {
    {.name = "at"},
    {.name = "done"},
    {.name = "rule"},
    {.name = "version"},
    {.name = "speaks"},
    {.name = "module"},
    {.name = "function", .is_aside = true},
    {.name = "parameters"},
    {.name = "from"},
    {.name = "share", .is_number = true},
    {.name = "by"},
    {.name = "reason"},
};
static const struct bb_field_row tenant_fields[] = {{.name = "tenant"}, {.name = "zone"}};

static const struct bb_field_row audit_fields[] = {
    {.name = "entry", .is_number = true},
    {.name = "at"},
    {.name = "who"},
    {.name = "credential", .is_aside = true},
    {.name = "origin"},
    {.name = "verb"},
    {.name = "subject"},
    {.name = "reason"},
    {.name = "outcome"},
    {.name = "code"},
    {.name = "request", .is_aside = true},
    {.name = "chain", .is_aside = true},
};

static const struct bb_field_row file_fields[] = {
    {.name = "id"},
    {.name = "source"},
    {.name = "received"},
    {.name = "state"},
    {.name = "readings", .is_number = true},
    {.name = "rejected", .is_number = true},
    {.name = "bytes", .is_number = true, .is_aside = true},
    {.name = "replayed"},
    {.name = "errors", .is_aside = true},
    {.name = "first", .is_gist = true},
};

#define FIELDS(table) table, sizeof(table) / sizeof(table)[0]

const struct bb_list_row bb_lists[BB_LISTS] = {
    [BB_LIST_USAGE_POINTS] = {"usage-points", FIELDS(usage_point_fields)},
    [BB_LIST_CHANNELS] = {"channels", FIELDS(channel_fields)},
    [BB_LIST_COMPLETENESS] = {"completeness", FIELDS(completeness_fields)},
    [BB_LIST_EXCEPTIONS] = {"exceptions", FIELDS(exception_fields)},
    [BB_LIST_FINDINGS] = {"findings", FIELDS(finding_fields)},
    [BB_LIST_GROUPS] = {"groups", FIELDS(group_fields)},
    [BB_LIST_DEVICES] = {"devices", FIELDS(device_fields)},
    [BB_LIST_INSTALLATIONS] = {"installations", FIELDS(installation_fields)},
    [BB_LIST_CUSTOMERS] = {"customers", FIELDS(customer_fields)},
    [BB_LIST_RULES] = {"rules", FIELDS(rule_fields)},
    [BB_LIST_RULE_CHANGES] = {"rule-changes", FIELDS(rule_change_fields)},
    [BB_LIST_TENANTS] = {"tenants", FIELDS(tenant_fields)},
    [BB_LIST_AUDIT] = {"audit", FIELDS(audit_fields)},
    [BB_LIST_FILES] = {"files", FIELDS(file_fields)},
    [BB_LIST_DEAD_LETTERS] = {"dead-letters", FIELDS(file_fields)},
};

static void begin(struct bb_record *out, enum bb_list list) {
    bb_record_begin(out, bb_lists[list].fields, bb_lists[list].field_count);
}

/* ---- the rows -------------------------------------------------------------------------------------*/

void bb_record_of_usage_point(const struct bb_registry_usage_point *row, struct bb_record *out) {
    begin(out, BB_LIST_USAGE_POINTS);
    bb_record_text(out, row->name);
    bb_record_name(out, bb_commodity_name(row->commodity));
    bb_record_text(out, row->zone);
    bb_record_text(out, row->calendar);
    bb_record_text(out, row->customer);
    bb_record_number(out, row->channels);
}

void bb_record_of_channel(const struct bb_registry_channel *row, struct bb_record *out) {
    char interval[BB_TIME_TEXT_MAX] = "";

    if (row->interval_s > 0)
        bb_duration_format((int64_t)row->interval_s * BB_SECOND_MS, interval);
    begin(out, BB_LIST_CHANNELS);
    bb_record_text(out, row->usage_point);
    bb_record_text(out, row->channel);
    bb_record_name(out, bb_kind_name(row->kind));
    bb_record_copy(out, bb_span_of(interval));
    bb_record_name(out, bb_unit_symbol(row->unit));
    bb_record_name(out, bb_commodity_name(row->commodity));
    bb_record_text(out, row->obis);
    bb_record_text(out, row->zone);
}

static void put_share(struct bb_record *out, const struct bb_completeness_row *row) {
    char share[24];
    int measured = bb_query_thousandths(row->measured_ms, row->expected_ms);

    snprintf(share, sizeof share, "%d.%03d", measured / 1000, measured % 1000);
    bb_record_digits(out, bb_span_of(share));
}

static void put_count(struct bb_record *out, bool is_known, uint64_t count) {
    if (is_known)
        bb_record_number(out, (int64_t)count);
    else
        bb_record_nothing(out);
}

void bb_record_of_completeness(const struct bb_completeness_row *row, struct bb_record *out) {
    begin(out, BB_LIST_COMPLETENESS);
    bb_record_text(out, row->usage_point);
    bb_record_text(out, row->channel);
    bb_record_time(out, row->start_ms);
    bb_record_time(out, row->end_ms);
    put_count(out, row->has_expected, row->expected);
    bb_record_number(out, (int64_t)row->present);
    bb_record_number(out, (int64_t)row->estimated);
    put_count(out, row->has_expected, row->missing);
    if (row->expected_ms > 0)
        put_share(out, row);
    else
        bb_record_nothing(out);
    bb_record_time(out, row->contiguous_to_ms);
}

void bb_record_of_exception(const struct bb_registry_exception *row, struct bb_record *out) {
    struct bb_person who;
    const char *state = bb_person_exception_state(row, &who);

    begin(out, BB_LIST_EXCEPTIONS);
    bb_record_number(out, row->id);
    bb_record_text(out, row->usage_point);
    bb_record_text(out, row->channel);
    bb_record_name(out, bb_check_name(row->check));
    bb_record_time(out, row->from_ms);
    bb_record_time(out, row->to_ms);
    bb_record_name(out, state);
    bb_record_time(out, row->opened_ms);
    bb_record_time(out, row->closed_ms);
    bb_record_text(out, who.name);
    bb_record_text(out, who.reason);
    bb_record_text(out, row->opened_by);
    bb_record_text(out, row->closed_by);
}

void bb_record_of_finding(const struct bb_findings_row *row, struct bb_record *out) {
    const struct bb_finding *finding = row->finding;
    struct bb_buffer quality;

    bb_buffer_init(&quality, BB_RECORD_TEXT_MAX);
    if (row->quality)
        bb_quality_format(row->quality, &quality);
    begin(out, BB_LIST_FINDINGS);
    bb_record_text(out, row->usage_point);
    bb_record_text(out, row->channel);
    bb_record_name(out, bb_check_name(finding->check));
    bb_record_time(out, finding->from_ms);
    bb_record_time(out, finding->to_ms);
    bb_record_time(out, finding->at_ms);
    bb_record_flag(out, finding->hard);
    bb_record_number(out, finding->a);
    bb_record_number(out, finding->b);
    bb_record_number(out, finding->exponent);
    bb_record_copy(out, bb_buffer_span(&quality));
    bb_buffer_release(&quality);
}

void bb_record_of_group(const struct bb_master_group *row, struct bb_record *out) {
    begin(out, BB_LIST_GROUPS);
    bb_record_text(out, row->name);
    bb_record_text(out, row->expression);
    bb_record_text(out, row->description);
}

static void put_thousandths(struct bb_record *out, uint32_t share) {
    char text[BB_DECIMAL_TEXT_MAX];
    size_t size = bb_decimal_format((struct bb_decimal){share, -3}, true, text);

    bb_record_digits(out, (struct bb_span){text, size});
}

void bb_record_of_rule_change(const struct bb_rules_change *change, struct bb_record *out) {
    const struct bb_master_rule_version *version = change->version;
    const struct bb_master_module *module = bb_rules_module_of(change->rules, version->module);

    begin(out, BB_LIST_RULE_CHANGES);
    bb_record_time(out, change->at_ms);
    bb_record_name(out, bb_rules_done_name(change->done));
    bb_record_text(out, change->rule);
    bb_record_text(out, version->id);
    if (change->speaks)
        bb_record_text(out, change->speaks->id);
    else
        bb_record_nothing(out);
    bb_record_text(out, module ? module->name : BB_SPAN(""));
    bb_record_text(out, version->function);
    bb_record_text(out, version->parameters);
    bb_record_time(out, version->from_ms);
    put_thousandths(out, version->share);
    bb_record_text(out, change->by);
    bb_record_text(out, change->reason);
}

/* Each version of a rule is a row: the last deployed one first, as they are looked through. */
void bb_record_of_rule(const struct bb_master_rules *rules, const struct bb_master_rule *rule,
                       const struct bb_master_rule_version *version, struct bb_record *out) {
    const struct bb_master_module *module = bb_rules_module_of(rules, version->module);

    begin(out, BB_LIST_RULES);
    bb_record_text(out, rule->name);
    bb_record_name(out, version->share < BB_MASTER_SHARE_ALL ? "canary" : "deployed");
    bb_record_name(out, bb_lanes[rule->raw ? BB_LANE_RAW : BB_LANE_VEE].name);
    bb_record_text(out, version->channel);
    bb_record_text(out, version->id);
    bb_record_text(out, module ? module->name : BB_SPAN(""));
    bb_record_text(out, version->module);
    bb_record_text(out, version->function);
    bb_record_text(out, version->parameters);
    bb_record_time(out, version->from_ms);
    bb_record_time(out, version->to_ms);
    put_thousandths(out, version->share);
    bb_record_text(out, version->by);
    bb_record_text(out, version->reason);
    bb_record_time(out, version->deployed_ms);
}

void bb_record_of_device(const struct bb_inventory_device *row, struct bb_record *out) {
    begin(out, BB_LIST_DEVICES);
    bb_record_text(out, row->device);
    bb_record_text(out, row->usage_point);
    bb_record_time(out, row->from_ms);
    bb_record_time(out, row->to_ms);
    bb_record_number(out, row->installations);
}

void bb_record_of_installation(const struct bb_inventory_installation *row, struct bb_record *out) {
    const struct bb_master_installation *i = row->installation;
    char multiplier[BB_DECIMAL_TEXT_MAX];
    size_t size = bb_decimal_format(i->multiplier, false, multiplier);

    begin(out, BB_LIST_INSTALLATIONS);
    bb_record_text(out, row->usage_point);
    bb_record_text(out, i->device);
    bb_record_time(out, i->from_ms);
    bb_record_time(out, i->to_ms);
    bb_record_digits(out, (struct bb_span){multiplier, size});
    put_count(out, i->dials > 0, i->dials);
    bb_record_text(out, i->reason);
}

void bb_record_of_customer(const struct bb_inventory_customer *row, struct bb_record *out) {
    begin(out, BB_LIST_CUSTOMERS);
    bb_record_text(out, row->customer);
    bb_record_number(out, row->usage_points);
}

void bb_record_of_tenant(struct bb_span name, struct bb_span zone, struct bb_record *out) {
    begin(out, BB_LIST_TENANTS);
    bb_record_text(out, name);
    bb_record_text(out, zone);
}

/* Enough of the chain's value to write down elsewhere and compare. */
static void put_chain(struct bb_record *out, struct bb_span chain) {
    char hex[2 * 16 + 1] = "";

    for (size_t i = 0; i < 16 && i < chain.size; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned char)chain.data[i]);
    bb_record_copy(out, bb_span_of(hex));
}

void bb_record_of_audit(const struct bb_registry_audit *row, struct bb_record *out) {
    char code[16] = "";

    if (row->code > 0)
        snprintf(code, sizeof code, "BB-%04u", row->code);
    begin(out, BB_LIST_AUDIT);
    bb_record_number(out, (int64_t)row->sequence);
    bb_record_time(out, row->at_ms);
    bb_record_text(out, row->who);
    bb_record_text(out, row->credential);
    bb_record_text(out, row->origin);
    bb_record_text(out, row->verb);
    bb_record_text(out, row->subject);
    bb_record_text(out, row->reason);
    bb_record_name(out, bb_audit_outcome_name(row->outcome));
    if (row->code > 0)
        bb_record_copy(out, bb_span_of(code));
    else
        bb_record_nothing(out);
    bb_record_text(out, row->request);
    put_chain(out, row->chain);
}

void bb_record_of_file(const struct bb_file_row *row, struct bb_span refusals, struct bb_span gist,
                       struct bb_record *out) {
    char id[BB_FILE_ID_DIGITS + 1];

    begin(out, BB_LIST_FILES);
    bb_file_id_format(row->id, id);
    bb_record_copy(out, bb_span_of(id));
    bb_record_text(out, row->source);
    bb_record_time(out, row->received_ms);
    bb_record_name(out, bb_file_state(row));
    bb_record_number(out, row->is_refused ? 0 : (int64_t)row->readings);
    bb_record_number(out, (int64_t)row->rejected);
    bb_record_number(out, (int64_t)row->bytes);
    bb_file_id_format(row->replayed, id);
    if (row->replayed)
        bb_record_copy(out, bb_span_of(id));
    else
        bb_record_nothing(out);
    bb_record_items(out, refusals);
    bb_record_text(out, gist);
}
