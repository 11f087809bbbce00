/* GET /v1/files: what came as files, what was refused of them and why.
 *
 *   the ledger, in the memory of the log's owner ─► copies of some, newest first ─► a page
 *   the records behind them in the log           ─► the refusals of those that have some
 *
 * Posts are no files: each was answered by itself.
 */
#include "http/page_internal.h"
#include "http/routes_internal.h"
#include "service/ledger.h"

struct copied {
    struct bb_span source;
    int64_t received_ms;
    bool is_refused;
    uint64_t readings, rejected, bytes, report_offset;
};

struct looking {
    struct bb_span tenant;
    int64_t before_ms; /* older than this; INT64_MAX: all */
    size_t wanted, count;
    struct copied *items;
    struct bb_arena *arena;
};

/* Those that are still being read are not told, nor those that were known already, of which nothing was
 * refused. */
static bool is_told(const struct looking *l, const struct bb_ledger_file *file) {
    bool is_refused = file->state == BB_FILE_ABANDONED && file->rejected > 0;
    bool counts = file->state == BB_FILE_DECIDED || file->state == BB_FILE_DONE;

    return (counts || is_refused) && file->received_ms < l->before_ms &&
           bb_span_equal(file->tenant, l->tenant);
}

/* On the log's owner's thread: the ledger is its own. */
static int look(struct bb_plant *plant, void *context, struct bb_error *error) {
    struct looking *l = context;
    const struct bb_ledger *ledger = &plant->ledger;

    for (size_t i = ledger->count; i-- > 0 && l->count < l->wanted;) {
        const struct bb_ledger_file *file = ledger->files[i];
        if (!is_told(l, file))
            continue;
        struct bb_span source = bb_arena_copy(l->arena, file->name);
        if (!source.data)
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a list of files");
        l->items[l->count++] = (struct copied){.source = source,
                                               .received_ms = file->received_ms,
                                               .is_refused = file->state == BB_FILE_ABANDONED,
                                               .readings = file->readings,
                                               .rejected = file->rejected,
                                               .bytes = file->look.bytes,
                                               .report_offset = file->report_offset};
    }
    return 0;
}

static int put_errors(struct bb_json *json, struct bb_http_call *call, const struct copied *file,
                      struct bb_error *error) {
    struct bb_span refusals;
    int result = bb_ledger_refusals(bb_http_plant(call)->log, file->report_offset,
                                    bb_http_arena(call), &refusals, error);

    bb_json_key(json, "errors");
    bb_json_array_begin(json);
    if (!result && refusals.size > 0)
        bb_json_raw(json, refusals);
    bb_json_array_end(json);
    return result;
}

static int put_file(struct bb_http_page *page, struct bb_http_call *call, const struct copied *file,
                    struct bb_error *error) {
    const char *state = file->is_refused ? "refused" : file->rejected > 0 ? "partial" : "done";
    char received[BB_TIME_TEXT_MAX];

    bb_buffer_clear(&page->key);
    bb_http_key_number(&page->key, -file->received_ms); /* the newest first */
    struct bb_json *json = bb_http_page_object_begin(page);
    if (!json)
        return 0;
    bb_json_put_text(json, "source", file->source);
    bb_json_put_text(json, "received",
                     (struct bb_span){received, bb_time_format_utc(file->received_ms, received)});
    bb_json_put_text(json, "state", bb_span_of(state));
    bb_json_put_u64(json, "readings", file->is_refused ? 0 : file->readings);
    bb_json_put_u64(json, "rejected", file->rejected);
    bb_json_put_u64(json, "bytes", file->bytes);
    int result = put_errors(json, call, file, error);
    (void)bb_http_page_object_end(page);
    return result;
}

static int list_files(struct bb_http_call *call, struct bb_error *error) {
    struct looking l = {.tenant = bb_http_tenant(call),
                        .before_ms = INT64_MAX,
                        .wanted = (size_t)bb_http_number(call, "limit") + 1,
                        .arena = bb_http_arena(call)};
    struct bb_http_page page;

    int result = bb_http_page_begin(&page, call, BB_HTTP_SORTED, error);
    struct bb_span key = result ? BB_SPAN("") : page.after;
    if (bb_http_key_take_number(&key, &l.before_ms))
        l.before_ms = -l.before_ms;
    l.items = bb_arena_take_array(l.arena, l.wanted, sizeof l.items[0]);
    if (!result && !l.items)
        result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a list of files");
    if (!result)
        result = bb_http_on_log(call, look, &l, error);
    for (size_t i = 0; !result && i < l.count; i++)
        result = put_file(&page, call, &l.items[i], error);
    if (!result)
        result = bb_http_page_end(&page, error);
    bb_http_page_release(&page);
    return result;
}

static const struct bb_http_parameter parameters[] = {BB_HTTP_PAGE_PARAMETERS,
                                                      BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer answers[] = {
    {200, "application/json",
     "a page of files, the newest first, with the first lines refused of each"},
    {0}};

const struct bb_http_route bb_http_route_files = {
    .method = BB_HTTP_GET,
    .path = "/v1/files",
    .right = BB_RIGHT_READ,
    .summary = "files that came, and what was refused of them",
    .details = "state: done, partial (the good lines count) or refused (nothing of it counts).",
    .parameters = parameters,
    .answers = answers,
    .handle = list_files,
};
