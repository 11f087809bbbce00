/* GET /v1/devices, /v1/installations, /v1/customers: the inventory by itself. */
#include "http/page_internal.h"
#include "http/routes_internal.h"
#include "service/inventory.h"

struct listing {
    struct bb_http_page *page;
    struct bb_inventory asked;
    struct bb_record record;
};

static struct listing listing_of(struct bb_http_call *call, bool has_places) {
    return (struct listing){
        .asked = {.tenant = bb_http_tenant(call),
                  .usage_point = has_places ? bb_http_text(call, "usage_point") : BB_SPAN(""),
                  .device = has_places ? bb_http_text(call, "device") : BB_SPAN(""),
                  .as_of_ms = bb_http_number(call, "as_of"),
                  .at_ms = has_places ? bb_http_number(call, "at") : BB_TIME_NONE}};
}

#define USAGE_POINT_PARAMETER                                                                      \
    { .name = "usage_point", .help = "at this one only" }
#define DEVICE_PARAMETER                                                                           \
    { .name = "device", .help = "of this one only" }
#define AT_PARAMETER                                                                               \
    { .name = "at", .kind = BB_HTTP_TIME, .help = "what was installed at this time" }

/* ---- devices */

/* They come by name. A bb_inventory_device_visit. */
static int take_device(void *context, const struct bb_inventory_device *row) {
    struct listing *l = context;

    bb_buffer_clear(&l->page->key);
    bb_http_key_text(&l->page->key, row->device);
    if (!bb_http_page_wants(l->page))
        return 0;
    bb_record_of_device(row, &l->record);
    return bb_http_page_put(l->page, &l->record);
}

/* A bb_http_page_teller. */
static int tell_devices(struct bb_http_page *page, void *context, struct bb_error *error) {
    struct listing *l = context;

    l->page = page;
    return bb_inventory_devices(bb_http_plant(page->call), &l->asked, take_device, l, error);
}

static int list_devices(struct bb_http_call *call, struct bb_error *error) {
    struct listing l = listing_of(call, true);

    return bb_http_page_run(call, &bb_lists[BB_LIST_DEVICES], tell_devices, &l, error);
}

static const struct bb_http_parameter place_parameters[] = {
    USAGE_POINT_PARAMETER,   DEVICE_PARAMETER,        AT_PARAMETER,
    BB_HTTP_AS_OF_PARAMETER, BB_HTTP_PAGE_PARAMETERS, BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer device_answers[] = {
    {200, "application/json", "a page of devices, by name"},
    BB_HTTP_LIST_ANSWERS("busbar list devices"),
    {0}};

const struct bb_http_route bb_http_route_devices = {
    .method = BB_HTTP_GET,
    .path = "/v1/devices",
    .right = BB_RIGHT_READ,
    .summary = "devices, and where they are installed",
    .details = "With `at` where each was then; without it where it is, or was last.",
    .parameters = place_parameters,
    .answers = device_answers,
    .handle = list_devices,
};

/* ---- installations */

/* They come by usage point and time. A bb_inventory_installation_visit. */
static int take_installation(void *context, const struct bb_inventory_installation *row) {
    struct listing *l = context;

    bb_buffer_clear(&l->page->key);
    bb_http_key_text(&l->page->key, row->usage_point);
    bb_http_key_number(&l->page->key, row->installation->from_ms);
    if (!bb_http_page_wants(l->page))
        return 0;
    bb_record_of_installation(row, &l->record);
    return bb_http_page_put(l->page, &l->record);
}

/* A bb_http_page_teller. */
static int tell_installations(struct bb_http_page *page, void *context, struct bb_error *error) {
    struct listing *l = context;

    l->page = page;
    return bb_inventory_installations(bb_http_plant(page->call), &l->asked, take_installation, l,
                                      error);
}

static int list_installations(struct bb_http_call *call, struct bb_error *error) {
    struct listing l = listing_of(call, true);

    return bb_http_page_run(call, &bb_lists[BB_LIST_INSTALLATIONS], tell_installations, &l, error);
}

static const struct bb_http_answer installation_answers[] = {
    {200, "application/json", "a page of installations, by usage point and time"},
    BB_HTTP_LIST_ANSWERS("busbar list installations"),
    {0}};

const struct bb_http_route bb_http_route_installations = {
    .method = BB_HTTP_GET,
    .path = "/v1/installations",
    .right = BB_RIGHT_READ,
    .summary = "what is installed where, from when to when",
    .parameters = place_parameters,
    .answers = installation_answers,
    .handle = list_installations,
};

/* ---- customers */

/* They come by name. A bb_inventory_customer_visit. */
static int take_customer(void *context, const struct bb_inventory_customer *row) {
    struct listing *l = context;

    bb_buffer_clear(&l->page->key);
    bb_http_key_text(&l->page->key, row->customer);
    if (!bb_http_page_wants(l->page))
        return 0;
    bb_record_of_customer(row, &l->record);
    return bb_http_page_put(l->page, &l->record);
}

/* A bb_http_page_teller. */
static int tell_customers(struct bb_http_page *page, void *context, struct bb_error *error) {
    struct listing *l = context;

    l->page = page;
    return bb_inventory_customers(bb_http_plant(page->call), &l->asked, take_customer, l, error);
}

static int list_customers(struct bb_http_call *call, struct bb_error *error) {
    struct listing l = listing_of(call, false);

    return bb_http_page_run(call, &bb_lists[BB_LIST_CUSTOMERS], tell_customers, &l, error);
}

static const struct bb_http_parameter customer_parameters[] = {
    BB_HTTP_AS_OF_PARAMETER, BB_HTTP_PAGE_PARAMETERS, BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer customer_answers[] = {
    {200, "application/json", "a page of customers, by name"},
    BB_HTTP_LIST_ANSWERS("busbar list customers"),
    {0}};

const struct bb_http_route bb_http_route_customers = {
    .method = BB_HTTP_GET,
    .path = "/v1/customers",
    .right = BB_RIGHT_ADMIN,
    .summary = "customers, and how many usage points name each",
    .parameters = customer_parameters,
    .answers = customer_answers,
    .handle = list_customers,
};
