/* GET /v1/log: the last lines of the server's log and of its workers', as base/log_tail.h keeps them.
 *
 * Lines tell of the whole plant: they may name files and tenants. So they are for whoever runs it: who comes by its
 * socket, or by the loopback while no key is asked for, or has the role `adm` in the server's own tenant (--tenant), as which
 * the former two count, too.
 */
#include "base/log_tail.h"
#include "http/call_internal.h"
#include "http/page_internal.h"
#include "http/routes_internal.h"

/* A bb_http_handler, for `check`. */
static int only_own_tenant(struct bb_http_call *call, struct bb_error *error) {
    return bb_span_equal(bb_http_tenant(call), call->server->options.tenant)
               ? 0
               : BB_FAIL(error, BB_E_FORBIDDEN,
                         "the server's log is for the tenant that runs it (serve --tenant)");
}

static int put_line(struct bb_http_page *page, const struct bb_log_tail_line *line) {
    bb_buffer_clear(&page->key);
    bb_http_key_number(&page->key, -(int64_t)line->serial); /* the newest first */
    struct bb_json *json = bb_http_page_object_begin(page);
    if (!json)
        return 1;
    bb_json_put_u64(json, "serial", line->serial);
    bb_json_put_i64(json, "process", line->process);
    bb_json_raw_members(json, (struct bb_span){line->members, line->size});
    return bb_http_page_object_end(page);
}

/* A bb_http_page_teller. */
static int tell(struct bb_http_page *page, void *context, struct bb_error *error) {
    struct bb_http_call *call = page->call;
    struct bb_log_tail *tail = call->server->options.logger.tail;
    uint64_t after = (uint64_t)bb_http_number(call, "after");
    enum bb_log_level least = (enum bb_log_level)(BB_LOG_INFO + bb_http_number(call, "level"));
    struct bb_log_tail_line line = {.serial = UINT64_MAX};
    struct bb_span key = page->after;
    int64_t number;

    (void)context;
    (void)error;
    if (bb_http_key_take_number(&key, &number))
        line.serial = (uint64_t)-number;
    uint64_t newest = tail ? bb_log_tail_newest(tail) : 0;
    bool decisions = bb_http_flag(call, "decision");
    while (tail && bb_log_tail_before(tail, line.serial, least, decisions, &line))
        if (line.serial <= after || put_line(page, &line) != 0)
            break;
    bb_json_put_u64(bb_http_page_about(page), "newest", newest);
    return 0;
}

static int list_log(struct bb_http_call *call, struct bb_error *error) {
    return bb_http_page_run(call, NULL, tell, NULL, error);
}

static const struct bb_http_parameter parameters[] = {
    {.name = "level",
     .kind = BB_HTTP_CHOICE,
     .choices = "info|warning|error",
     .initial = "info",
     .help = "lines of this level and above"},
    {.name = "decision",
     .kind = BB_HTTP_FLAG,
     .help = "only what busbar decided by itself: lines with a member `decision`"},
    {.name = "after",
     .kind = BB_HTTP_NUMBER,
     .initial = "0",
     .min = 0,
     .max = INT64_MAX,
     .help = "lines said after the one with this serial: `newest` of an answer before"},
    BB_HTTP_PAGE_PARAMETERS,
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer answers[] = {
    {200, "application/json",
     "a page of lines, the newest first; and the serial of the newest line there is"},
    {0}};

const struct bb_http_route bb_http_route_log = {
    .method = BB_HTTP_GET,
    .path = "/v1/log",
    .right = BB_RIGHT_ADMIN,
    .summary = "the last lines of the log, and what the plant decided by itself",
    .details =
        "Of the tenant that runs the server alone, as lines tell of the whole plant. An item is the line as "
        "--log-format json says it, with its serial (serials begin at 1 with the server) and its process. "
        "The last 256 decisions and the last 256 other lines of the server and the workers it started "
        "are kept, at most 1 KiB of each.",
    .parameters = parameters,
    .answers = answers,
    .quick = true, /* it is asked when the plant cannot be opened */
    .check = only_own_tenant,
    .handle = list_log,
};
