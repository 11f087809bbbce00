/* GET /v1/channels */
#include "answer/rows.h"
#include "http/page_internal.h"
#include "http/routes_internal.h"
#include "service/known.h"

struct listing {
    struct bb_http_page *page;
    struct bb_record record;
};

/* Rows come by usage point and name. A bb_registry_channel_visit. */
static int take_row(void *context, const struct bb_registry_channel *row) {
    struct listing *l = context;

    bb_buffer_clear(&l->page->key);
    bb_http_key_text(&l->page->key, row->usage_point);
    bb_http_key_text(&l->page->key, row->channel);
    if (!bb_http_page_wants(l->page))
        return 0;
    bb_record_of_channel(row, &l->record);
    return bb_http_page_put(l->page, &l->record);
}

/* A bb_http_page_teller. */
static int tell(struct bb_http_page *page, void *context, struct bb_error *error) {
    struct bb_http_call *call = page->call;
    struct listing *l = context;

    l->page = page;
    return bb_known_channels(bb_http_plant(call), bb_http_tenant(call),
                             bb_http_text(call, "usage_point"), bb_http_number(call, "as_of"),
                             take_row, l, error);
}

static int list_channels(struct bb_http_call *call, struct bb_error *error) {
    struct listing l;

    return bb_http_page_run(call, &bb_lists[BB_LIST_CHANNELS], tell, &l, error);
}

static const struct bb_http_parameter parameters[] = {
    {.name = "usage_point", .help = "channels of this one only"},
    BB_HTTP_AS_OF_PARAMETER,
    BB_HTTP_PAGE_PARAMETERS,
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer answers[] = {
    {200, "application/json", "a page of channels, by usage point and name"},
    BB_HTTP_LIST_ANSWERS("busbar list channels"),
    {0}};

const struct bb_http_route bb_http_route_channels = {
    .method = BB_HTTP_GET,
    .path = "/v1/channels",
    .right = BB_RIGHT_READ,
    .summary = "channels with what they measure",
    .parameters = parameters,
    .answers = answers,
    .handle = list_channels,
};
