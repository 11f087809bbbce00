/* GET /v1/findings: what checks say. */
#include "answer/rows.h"
#include "http/check_names_internal.h"
#include "http/page_internal.h"
#include "http/routes_internal.h"
#include "service/findings.h"

struct listing {
    struct bb_http_page *page;
    struct bb_findings asked;
    struct bb_record record;
};

/* Two findings with one key say the same. A bb_findings_visit. */
static int take_row(void *context, const struct bb_findings_row *row) {
    struct listing *l = context;
    const struct bb_finding *finding = row->finding;
    struct bb_buffer *key = &l->page->key;

    bb_buffer_clear(key);
    bb_http_key_text(key, row->usage_point);
    bb_http_key_text(key, row->channel);
    bb_http_key_number(key, finding->at_ms);
    bb_http_key_number(key, finding->check);
    bb_http_key_number(key, finding->from_ms);
    bb_http_key_number(key, finding->to_ms);
    bb_http_key_number(key, finding->a);
    bb_http_key_number(key, finding->b);
    if (!bb_http_page_wants(l->page))
        return 0;
    bb_record_of_finding(row, &l->record);
    return bb_http_page_put(l->page, &l->record);
}

/* A bb_http_page_teller. */
static int tell(struct bb_http_page *page, void *context, struct bb_error *error) {
    struct listing *l = context;
    struct bb_span key = page->after;

    l->page = page;
    if (key.size > 0 && (!bb_http_key_take_text(&key, &l->asked.first) ||
                         !bb_http_key_take_text(&key, &l->asked.first_channel)))
        return bb_http_bad_parameter(page->call, "cursor", "it is no cursor of this list", error);
    return bb_findings_run(bb_http_plant(page->call), &l->asked, take_row, l, error);
}

static int list_findings(struct bb_http_call *call, struct bb_error *error) {
    struct listing l = {.asked = {.tenant = bb_http_tenant(call),
                                  .usage_point = bb_http_text(call, "usage_point"),
                                  .check = (int)bb_http_number(call, "check"),
                                  .from_ms = bb_http_number(call, "from"),
                                  .to_ms = bb_http_number(call, "to"),
                                  .as_of_ms = bb_http_number(call, "as_of")}};

    return bb_http_page_run(call, &bb_lists[BB_LIST_FINDINGS], tell, &l, error);
}

static const struct bb_http_parameter parameters[] = {
    {.name = "usage_point", .help = "of this one only"},
    {.name = "check",
     .kind = BB_HTTP_CHOICE,
     .choices = BB_HTTP_CHECK_NAMES,
     .help = "of this check only"},
    {.name = "from", .kind = BB_HTTP_TIME, .help = "those that speak at from < at <= to"},
    {.name = "to", .kind = BB_HTTP_TIME, .help = "likewise"},
    BB_HTTP_AS_OF_PARAMETER,
    BB_HTTP_PAGE_PARAMETERS,
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer answers[] = {
    {200, "application/json", "a page of findings, by usage point, channel and time"},
    BB_HTTP_LIST_ANSWERS("busbar list findings"),
    {0}};

const struct bb_http_route bb_http_route_findings = {
    .method = BB_HTTP_GET,
    .path = "/v1/findings",
    .right = BB_RIGHT_READ,
    .summary = "what checks say of readings",
    .parameters = parameters,
    .answers = answers,
    .handle = list_findings,
};
