/* GET /v1/audit: who changed what. */
#include "answer/rows.h"
#include "http/page_internal.h"
#include "http/routes_internal.h"
#include "service/audit.h"

struct listing {
    struct bb_http_page *page;
    struct bb_audit_question asked;
    struct bb_record record;
};

/* A bb_registry_audit_visit; the newest comes first. */
static int take_row(void *context, const struct bb_registry_audit *row) {
    struct listing *l = context;

    bb_buffer_clear(&l->page->key);
    bb_http_key_number(&l->page->key, -(int64_t)row->sequence);
    if (!bb_http_page_wants(l->page))
        return 0;
    bb_record_of_audit(row, &l->record);
    return bb_http_page_put(l->page, &l->record);
}

/* A bb_http_page_teller. */
static int tell(struct bb_http_page *page, void *context, struct bb_error *error) {
    struct listing *l = context;
    struct bb_span key = page->after;
    int64_t number;

    l->page = page;
    if (key.size > 0) {
        if (!bb_http_key_take_number(&key, &number))
            return bb_http_bad_parameter(page->call, "cursor", "it is no cursor of this list",
                                         error);
        l->asked.base.before_sequence = (uint64_t)-number;
    }
    return bb_audit_list(bb_http_plant(page->call)->registry, &l->asked, take_row, l, error);
}

static int list_audit(struct bb_http_call *call, struct bb_error *error) {
    struct listing l = {.asked = {.base = {.tenant = bb_http_tenant(call),
                                           .from_ms = bb_http_number(call, "from"),
                                           .to_ms = bb_http_number(call, "to")},
                                  .who = bb_http_text(call, "who"),
                                  .what = bb_http_text(call, "what")}};

    return bb_http_page_run(call, &bb_lists[BB_LIST_AUDIT], tell, &l, error);
}

static const struct bb_http_parameter parameters[] = {
    {.name = "from", .kind = BB_HTTP_TIME, .help = "from this time on"},
    {.name = "to", .kind = BB_HTTP_TIME, .help = "before this time"},
    {.name = "who", .help = "a part of who did it, or of the key or person it was"},
    {.name = "what", .help = "a part of the verb, or of what it was done to"},
    BB_HTTP_PAGE_PARAMETERS,
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer answers[] = {
    {200, "application/json", "a page of entries, the newest first"},
    BB_HTTP_LIST_ANSWERS("busbar list audit"),
    {0}};

const struct bb_http_route bb_http_route_audit = {
    .method = BB_HTTP_GET,
    .path = "/v1/audit",
    .right = BB_RIGHT_ADMIN,
    .summary = "who changed what, when, from where, why, and what came of it",
    .details =
        "outcome: done, failed or refused (with the code of the error), unfinished (under way, or the "
        "process ended in between). The values are in `explain`; readings that came are in `files`.",
    .parameters = parameters,
    .answers = answers,
    .handle = list_audit,
};
