/* GET /v1/groups: groups of usage points, their members, and their members' values added up. */
#include "answer/group_row.h"
#include "answer/rows.h"
#include "http/flow_internal.h"
#include "http/page_internal.h"
#include "http/routes_internal.h"
#include "service/group_values.h"

/* ---- the groups */

struct listing {
    struct bb_http_page *page;
    struct bb_record record;
};

/* They come by name. A bb_registry_master_visit. */
static int take_group(void *context, int64_t recorded_ms, const struct bb_master *master) {
    struct listing *l = context;

    (void)recorded_ms;
    bb_buffer_clear(&l->page->key);
    bb_http_key_text(&l->page->key, master->group.name);
    if (!bb_http_page_wants(l->page))
        return 0;
    bb_record_of_group(&master->group, &l->record);
    return bb_http_page_put(l->page, &l->record);
}

/* A bb_http_page_teller. */
static int tell_groups(struct bb_http_page *page, void *context, struct bb_error *error) {
    struct bb_registry *registry = bb_http_plant(page->call)->registry;
    struct listing *l = context;

    l->page = page;
    return registry->ops->kind_list(registry, bb_http_tenant(page->call), BB_MASTER_GROUP,
                                    bb_http_number(page->call, "as_of"), take_group, l, error);
}

static int list_groups(struct bb_http_call *call, struct bb_error *error) {
    struct listing l;

    return bb_http_page_run(call, &bb_lists[BB_LIST_GROUPS], tell_groups, &l, error);
}

static const struct bb_http_parameter list_parameters[] = {
    BB_HTTP_AS_OF_PARAMETER, BB_HTTP_PAGE_PARAMETERS, BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer list_answers[] = {
    {200, "application/json", "a page of groups, by name, with the expressions that describe them"},
    BB_HTTP_LIST_ANSWERS("busbar list groups"),
    {0}};

const struct bb_http_route bb_http_route_groups = {
    .method = BB_HTTP_GET,
    .path = "/v1/groups",
    .right = BB_RIGHT_READ,
    .summary = "groups of usage points",
    .parameters = list_parameters,
    .answers = list_answers,
    .handle = list_groups,
};

/* ---- the one that is asked for */

#define GROUP_PARAMETER                                                                            \
    {                                                                                              \
        .name = "group", .place = BB_HTTP_IN_PATH, .required = true,                               \
        .help = "its name; - is all usage points"                                                  \
    }
#define EXPRESSION_PARAMETER                                                                       \
    {                                                                                              \
        .name = "expression", .kind = BB_HTTP_TEXT,                                                \
        .help = "only members of which it holds: district = north AND NOT (commodity = water OR "  \
                "floor_area < 120)"                                                                \
    }

static int find_group(struct bb_http_call *call, struct bb_group *out, struct bb_error *error) {
    return bb_group_find(bb_http_plant(call), bb_http_tenant(call), bb_http_text(call, "group"),
                         bb_http_text(call, "expression"), bb_http_number(call, "as_of"),
                         bb_http_arena(call), out, error);
}

static void put_group(struct bb_json *json, const struct bb_group *group) {
    bb_json_put_text(json, "group", group->entry.name);
    bb_json_put_text(json, "expression", group->entry.expression);
    bb_json_put_text(json, "description", group->entry.description);
    if (group->narrowed.size > 0)
        bb_json_put_text(json, "narrowed_by", group->narrowed);
}

/* ---- its members */

struct member_listing {
    struct bb_http_page *page;
    struct bb_group group;
    struct bb_record record;
    uint64_t members;
    bool is_full;
};

/* Counted to the end. A bb_registry_usage_point_visit. */
static int take_member(void *context, const struct bb_registry_usage_point *row) {
    struct member_listing *l = context;

    l->members++;
    bb_buffer_clear(&l->page->key);
    bb_http_key_text(&l->page->key, row->name);
    if (l->is_full || !bb_http_page_wants(l->page))
        return 0;
    bb_record_of_usage_point(row, &l->record);
    l->is_full = bb_http_page_put(l->page, &l->record);
    return 0;
}

/* A bb_http_page_teller. */
static int tell_members(struct bb_http_page *page, void *context, struct bb_error *error) {
    struct member_listing *l = context;

    l->page = page;
    l->members = 0;
    l->is_full = false;
    int result = bb_group_members(bb_http_plant(page->call), &l->group, take_member, l, error);
    if (!result && page->form == BB_HTTP_ITEMS) {
        struct bb_json *json = bb_http_page_about(page);
        put_group(json, &l->group);
        bb_json_put_u64(json, "members", l->members);
    }
    return result;
}

static int get_group(struct bb_http_call *call, struct bb_error *error) {
    struct member_listing l = {.members = 0};
    int result = find_group(call, &l.group, error);

    return result
               ? result
               : bb_http_page_run(call, &bb_lists[BB_LIST_USAGE_POINTS], tell_members, &l, error);
}

static const struct bb_http_parameter one_parameters[] = {
    GROUP_PARAMETER, EXPRESSION_PARAMETER, BB_HTTP_AS_OF_PARAMETER, BB_HTTP_PAGE_PARAMETERS,
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer one_answers[] = {
    {200, "application/json",
     "its expression, how many members it has, and a page of them, by name"},
    {200, "text/csv", "all members, or with `limit` a page of them"},
    {200, "application/x-ndjson", "likewise, an object a line"},
    {0}};

const struct bb_http_route bb_http_route_group = {
    .method = BB_HTTP_GET,
    .path = "/v1/groups/{group}",
    .right = BB_RIGHT_READ,
    .summary = "a group and its members",
    .parameters = one_parameters,
    .answers = one_answers,
    .handle = get_group,
};

/* ---- its values
 *
 *   members ─► sums (no view of the store is left) ─► rows, sent while they are made
 */

enum form { ITEMS = 0, CSV, NDJSON };
static const char types[] = "application/json|text/csv|application/x-ndjson";
static const char *const content_types[] = {[ITEMS] = "application/json",
                                            [CSV] = "text/csv; charset=utf-8",
                                            [NDJSON] = "application/x-ndjson"};

struct telling {
    struct bb_http_call *call;
    struct bb_http_flow flow;
    enum form form;
    struct bb_group group;
    const struct bb_zone *zone;
    struct bb_json json;
    struct bb_record record;
    uint64_t rows;
    struct bb_error *error;
    int failure;
};

/* A bb_group_visit. */
static int tell_row(void *context, const struct bb_group_row *row) {
    struct telling *t = context;
    struct bb_buffer *out = bb_http_out(t->call);

    bb_record_of_group_row(t->group.entry.name, row, t->zone, &t->record);
    if (t->form == CSV) {
        bb_record_put_csv(&t->record, out);
    } else {
        bb_buffer_append(out, ",\n", t->form == ITEMS && t->rows ? 2 : 0);
        bb_json_init(&t->json, out);
        bb_record_put_json(&t->record, &t->json);
        bb_buffer_append(out, "\n", t->form == NDJSON);
    }
    t->rows++;
    t->failure = bb_http_flow_pass(&t->flow, t->error);
    return t->failure != 0;
}

static int read_question(struct telling *t, struct bb_group_values *asked, struct bb_error *error) {
    struct bb_http_call *call = t->call;
    struct bb_span zone = bb_http_text(call, "zone");
    int accepted = bb_http_accepts(call, types);

    if (accepted < 0)
        return BB_FAIL(error, BB_E_NOT_ACCEPTABLE,
                       "values are told as application/json, text/csv or application/x-ndjson");
    t->form = (enum form)accepted;
    t->flow = (struct bb_http_flow){.call = call, .type = content_types[t->form]};
    if (zone.size > 0 && bb_zone_set_get(bb_http_plant(call)->zones, zone, &t->zone, error) < 0)
        return bb_http_bad_parameter(call, "zone", "no such time zone", error);
    *asked = (struct bb_group_values){
        .group = &t->group,
        .channel = bb_http_text(call, "channel"),
        .from_ms = bb_http_number(call, "from"),
        .to_ms = bb_http_number(call, "to"),
        /* by its text, as the table's index counts other names */
        .lane = (enum bb_lane)bb_lane_find(bb_http_text(call, "lane"))};
    return find_group(call, &t->group, error);
}

static void begin_values(struct telling *t) {
    struct bb_buffer *out = bb_http_out(t->call);

    if (t->form == CSV)
        bb_record_put_csv_titles(bb_group_row_fields, bb_group_row_field_count, out);
    if (t->form == ITEMS)
        bb_buffer_append_span(out, BB_SPAN("{\"items\":["));
}

/* What is known at the end alone stands there. */
static void end_values(struct telling *t, const struct bb_group_seen *seen) {
    struct bb_buffer *out = bb_http_out(t->call);
    struct bb_buffer about;
    struct bb_json json;

    if (t->form != ITEMS)
        return;
    bb_buffer_init(&about, 64 << 10);
    bb_json_init(&json, &about);
    bb_json_object_begin(&json);
    put_group(&json, &t->group);
    bb_json_put_u64(&json, "members", seen->members);
    bb_json_put_u64(&json, "channels", seen->channels);
    bb_json_object_end(&json);
    bb_buffer_append_span(out, BB_SPAN("],"));
    bb_buffer_append(out, about.data + 1, about.size - 1); /* without its { */
    bb_buffer_append_byte(out, '\n');
    bb_buffer_release(&about);
}

static int get_values(struct bb_http_call *call, struct bb_error *error) {
    struct telling t = {.call = call, .error = error};
    struct bb_group_values asked;
    struct bb_group_seen seen;
    int result = read_question(&t, &asked, error);

    if (result)
        return result;
    begin_values(&t);
    result = bb_group_values_run(bb_http_plant(call), &asked, tell_row, &t, &seen, error);
    if (t.failure)
        result = t.failure;
    if (result)
        return result;
    end_values(&t, &seen);
    return bb_http_flow_end(&t.flow, error);
}

static const struct bb_http_parameter value_parameters[] = {
    GROUP_PARAMETER,
    EXPRESSION_PARAMETER,
    {.name = "channel", .help = "a name, an OBIS code or an alias; default: all"},
    {.name = "from",
     .kind = BB_HTTP_TIME,
     .help = "intervals with from < end <= to, instants with from <= end < to"},
    {.name = "to", .kind = BB_HTTP_TIME, .help = "likewise"},
    {.name = "lane",
     .kind = BB_HTTP_CHOICE,
     .choices = "vee|hour|day|month",
     .initial = "day",
     .help = "validated, or by period of the members' own zones"},
    BB_HTTP_AS_OF_PARAMETER,
    {.name = "zone",
     .kind = BB_HTTP_TEXT,
     .help = "print times with their offset there; default: UTC"},
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer value_answers[] = {
    {200, "application/json", "rows by channel, commodity, kind and unit, then time"},
    {200, "text/csv", "as `busbar query --group --format csv`"},
    {200, "application/x-ndjson", "as `busbar query --group --format ndjson`"},
    {0}};

const struct bb_http_route bb_http_route_group_values = {
    .method = BB_HTTP_GET,
    .path = "/v1/groups/{group}/values",
    .right = BB_RIGHT_READ,
    .summary = "values of a group's members, added up",
    .details =
        "Of each period sum, mean, min and max of the members' values, how many `members` have one, "
        "how many have a row that says `missing`, of how many that have such a channel (`of`), how many "
        "hold estimates, the share of their time that was measured, and the worst quality.",
    .parameters = value_parameters,
    .answers = value_answers,
    .handle = get_values,
};
