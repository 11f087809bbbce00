/* GET /v1/completeness: what is there of what was expected, by channel and local day. */
#include "answer/rows.h"
#include "http/call_internal.h"
#include "http/page_internal.h"
#include "http/routes_internal.h"
#include "service/completeness.h"

struct listing {
    struct bb_http_page *page;
    struct bb_completeness asked;
    struct bb_completeness_sum sum;
    struct bb_record record;
};

/* Rows come by usage point, channel and day. In front of them the key has the moment that ends the days, so
 * that all pages of a question without bounds tell of the same ones. A bb_completeness_visit. */
static int take_row(void *context, const struct bb_completeness_row *row) {
    struct listing *l = context;
    struct bb_buffer *key = &l->page->key;

    bb_buffer_clear(key);
    bb_http_key_number(key, l->sum.latest_ms);
    bb_http_key_text(key, row->usage_point);
    bb_http_key_text(key, row->channel);
    bb_http_key_number(key, row->start_ms);
    if (!bb_http_page_wants(l->page))
        return 0;
    bb_record_of_completeness(row, &l->record);
    return bb_http_page_put(l->page, &l->record);
}

static int read_bound(struct bb_http_call *call, const char *name,
                      struct bb_completeness_bound *bound, struct bb_error *error) {
    struct bb_span text = bb_http_text(call, name);

    *bound = (struct bb_completeness_bound){.ms = BB_TIME_NONE};
    if (text.size == 0 || bb_completeness_bound_parse(text, bound))
        return 0;
    return bb_http_bad_parameter(
        call, name,
        "it has to be a date such as 2026-03-01, or a time with offset such "
        "as 2026-03-01T06:00:00+01:00",
        error);
}

/* Without bounds the days end with the latest moment known of any channel, which takes a walk through all of them
 * to find: the overview's count has found it already, unless something was derived since. */
static void take_latest(struct bb_http_call *call, struct bb_completeness *asked) {
    const struct bb_sums_source source = bb_http_sums_source(call->server, asked->tenant);
    int64_t latest_ms = bb_sums_latest(&source);

    if (asked->latest_ms == 0 && asked->usage_point.size == 0 && asked->as_of_ms == BB_TIME_NONE &&
        latest_ms != BB_TIME_NONE)
        asked->latest_ms = latest_ms;
}

/* A bb_http_page_teller. */
static int tell(struct bb_http_page *page, void *context, struct bb_error *error) {
    struct listing *l = context;
    struct bb_span key = page->after;

    l->page = page;
    if (key.size > 0 && (!bb_http_key_take_number(&key, &l->asked.latest_ms) ||
                         !bb_http_key_take_text(&key, &l->asked.first)))
        return bb_http_bad_parameter(page->call, "cursor", "it is no cursor of this list", error);
    if (key.size == 0)
        take_latest(page->call, &l->asked);
    return bb_completeness_run(bb_http_plant(page->call), &l->asked, take_row, l, &l->sum, error);
}

static int list_completeness(struct bb_http_call *call, struct bb_error *error) {
    struct listing l = {.asked = {.tenant = bb_http_tenant(call),
                                  .usage_point = bb_http_text(call, "usage_point"),
                                  .as_of_ms = bb_http_number(call, "as_of")}};
    int result = read_bound(call, "from", &l.asked.from, error);

    if (!result)
        result = read_bound(call, "to", &l.asked.to, error);
    return result ? result
                  : bb_http_page_run(call, &bb_lists[BB_LIST_COMPLETENESS], tell, &l, error);
}

static const struct bb_http_parameter parameters[] = {
    {.name = "usage_point", .help = "of this one only"},
    {.name = "from", .help = "local days from this date on (2026-03-01), or a time with offset"},
    {.name = "to", .help = "up to where this day begins; default: the last 7 days there are"},
    BB_HTTP_AS_OF_PARAMETER,
    BB_HTTP_LIMIT_PARAMETER("1000", 20000),
    BB_HTTP_CURSOR_PARAMETER,
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer answers[] = {
    {200, "application/json", "a page of local days, by usage point and channel"},
    BB_HTTP_LIST_ANSWERS("busbar list completeness"),
    {0}};

const struct bb_http_route bb_http_route_completeness = {
    .method = BB_HTTP_GET,
    .path = "/v1/completeness",
    .right = BB_RIGHT_READ,
    .summary = "what is there of what was expected",
    .parameters = parameters,
    .answers = answers,
    .handle = list_completeness,
};
