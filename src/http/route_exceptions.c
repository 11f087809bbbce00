/* GET /v1/exceptions, and POST: what people make of them. */
#include "answer/rows.h"
#include "http/change_internal.h"
#include "http/check_names_internal.h"
#include "http/page_internal.h"
#include "http/routes_internal.h"
#include "service/judge.h"

#include <stdio.h>

/* ---- the list */

struct listing {
    struct bb_http_page *page;
    struct bb_span usage_point, channel; /* empty: all */
    int check;                           /* -1: all */
    struct bb_record record;
};

static bool is_asked(const struct listing *l, const struct bb_registry_exception *row) {
    return (l->usage_point.size == 0 || bb_span_equal(l->usage_point, row->usage_point)) &&
           (l->channel.size == 0 || bb_span_equal(l->channel, row->channel)) &&
           (l->check < 0 || l->check == row->check);
}

/* Rows come by usage point, channel, beginning and check. A bb_registry_exception_visit. */
static int take_row(void *context, const struct bb_registry_exception *row) {
    struct listing *l = context;
    struct bb_buffer *key = &l->page->key;

    if (!is_asked(l, row))
        return 0;
    bb_buffer_clear(key);
    bb_http_key_text(key, row->usage_point);
    bb_http_key_text(key, row->channel);
    bb_http_key_number(key, row->from_ms);
    bb_http_key_number(key, row->check);
    if (!bb_http_page_wants(l->page))
        return 0;
    bb_record_of_exception(row, &l->record);
    return bb_http_page_put(l->page, &l->record);
}

/* A bb_http_page_teller. */
static int tell_list(struct bb_http_page *page, void *context, struct bb_error *error) {
    struct bb_http_call *call = page->call;
    struct bb_registry *registry = bb_http_plant(call)->registry;
    struct listing *l = context;

    l->page = page;
    return registry->ops->exception_list(registry, bb_http_tenant(call),
                                         bb_http_number(call, "state") == 0,
                                         bb_http_number(call, "as_of"), take_row, l, error);
}

static int list_exceptions(struct bb_http_call *call, struct bb_error *error) {
    struct listing l = {.usage_point = bb_http_text(call, "usage_point"),
                        .channel = bb_http_text(call, "channel"),
                        .check = (int)bb_http_number(call, "check")};

    return bb_http_page_run(call, &bb_lists[BB_LIST_EXCEPTIONS], tell_list, &l, error);
}

static const struct bb_http_parameter parameters[] = {
    {.name = "usage_point", .help = "of this one only"},
    {.name = "channel", .help = "of the channel of this name only"},
    {.name = "check",
     .kind = BB_HTTP_CHOICE,
     .choices = BB_HTTP_CHECK_NAMES,
     .help = "of this check only"},
    {.name = "state",
     .kind = BB_HTTP_CHOICE,
     .choices = "open|all",
     .initial = "open",
     .help = "all: closed ones, too"},
    BB_HTTP_AS_OF_PARAMETER,
    BB_HTTP_PAGE_PARAMETERS,
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer list_answers[] = {
    {200, "application/json", "a page of exceptions, by usage point, channel and time"},
    BB_HTTP_LIST_ANSWERS("busbar list exceptions"),
    {0}};

const struct bb_http_route bb_http_route_exceptions = {
    .method = BB_HTTP_GET,
    .path = "/v1/exceptions",
    .right = BB_RIGHT_READ,
    .summary = "what checks found that a person should look at",
    .parameters = parameters,
    .answers = list_answers,
    .handle = list_exceptions,
};

/* ---- judging */

enum { IDS_MAX = 1000 };

static const struct bb_http_member members[] = {
    {"action", true}, {"ids", true}, {"reason", true}, {NULL, false}};

static int read_action(const json_t *body, enum bb_person_act *act, struct bb_error *error) {
    static const enum bb_person_act acts[] = {BB_PERSON_ACCEPT, BB_PERSON_ESTIMATE};
    struct bb_span text;
    int result = bb_http_body_text(body, "action", &text, error);

    for (size_t i = 0; !result && i < sizeof acts / sizeof acts[0]; i++)
        if (bb_span_equal(text, bb_span_of(bb_person_act_name((int)acts[i])))) {
            *act = acts[i];
            return 0;
        }
    return result ? result
                  : BB_FAIL(error, BB_E_PARAMETER, "action: allowed are accept and estimate");
}

static int read_ids(struct bb_http_call *call, const json_t *body, struct bb_judging *judging,
                    struct bb_error *error) {
    const json_t *ids = json_object_get(body, "ids");
    size_t count = json_array_size(ids);

    if (!json_is_array(ids) || count == 0 || count > IDS_MAX)
        return BB_FAIL(error, BB_E_PARAMETER, "ids: it has to be an array of 1 to %d numbers",
                       IDS_MAX);
    judging->items = bb_arena_take_array(bb_http_arena(call), count, sizeof judging->items[0]);
    if (!judging->items)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to judge exceptions");
    for (size_t i = 0; i < count; i++) {
        const json_t *id = json_array_get(ids, i);
        if (!json_is_integer(id) || json_integer_value(id) <= 0)
            return BB_FAIL(error, BB_E_PARAMETER, "ids: item %zu is no exception's number", i + 1);
        judging->items[i] = (struct bb_judged){.id = json_integer_value(id)};
    }
    judging->count = count;
    bb_judging_sort(judging);
    return 0;
}

/* On the log's owner's thread. */
static int tell(struct bb_plant *plant, void *context, struct bb_error *error) {
    struct bb_judging *judging = context;
    int result = bb_judging_look_up(judging, plant, error);

    return result ? result : bb_judging_tell(judging, plant, bb_clock_system(), error);
}

static void put_refusals(struct bb_json *json, const struct bb_judging *judging) {
    char code[16];

    bb_json_key(json, "refused");
    bb_json_array_begin(json);
    for (size_t i = 0; i < judging->count; i++) {
        const struct bb_judged *item = &judging->items[i];
        if (item->refusal.code == BB_OK)
            continue;
        snprintf(code, sizeof code, "BB-%04d", (int)item->refusal.code);
        bb_json_object_begin(json);
        bb_json_put_i64(json, "id", item->id);
        bb_json_put_text(json, "code", bb_span_of(code));
        bb_json_put_text(json, "reason", bb_span_of(item->refusal.text));
        bb_json_object_end(json);
    }
    bb_json_array_end(json);
}

static int answer(struct bb_http_call *call, const struct bb_judging *judging, bool counts) {
    struct bb_json json = bb_http_json(call);
    uint64_t values = 0;

    bb_json_object_begin(&json);
    bb_json_key(&json, "done");
    bb_json_array_begin(&json);
    for (size_t i = 0; i < judging->count; i++) {
        if (judging->items[i].refusal.code != BB_OK)
            continue;
        bb_json_i64(&json, judging->items[i].id);
        values += judging->items[i].told;
    }
    bb_json_array_end(&json);
    bb_json_put_u64(&json, "values", values);
    bb_json_put_bool(&json, "derived", counts);
    put_refusals(&json, judging);
    bb_json_object_end(&json);
    return bb_http_answer(call, counts ? 200 : 202, "application/json");
}

static int judge(struct bb_http_call *call, struct bb_judging *judging, struct bb_error *error) {
    bool any = false;
    int result = bb_http_settle_first(call, error);

    if (!result)
        result = bb_http_on_log(call, tell, judging, error);
    if (result)
        return result;
    for (size_t i = 0; i < judging->count; i++)
        any = any || judging->items[i].refusal.code == BB_OK;
    if (!any) { /* nothing was done: the first says why */
        *error = judging->items[0].refusal;
        return -(int)error->code;
    }
    int settled = bb_http_settle(call, error);
    return settled < 0 ? settled : answer(call, judging, settled == BB_HTTP_SETTLED);
}

static int post_exceptions(struct bb_http_call *call, struct bb_error *error) {
    struct bb_judging judging = {.tenant = bb_http_tenant(call), .texts = bb_http_arena(call)};
    json_t *body;
    int result = bb_http_body_object(call, members, &body, error);

    if (result)
        return result;
    result = read_action(body, &judging.act, error);
    if (!result)
        result = read_ids(call, body, &judging, error);
    if (!result)
        result = bb_http_body_person(call, body, &judging.person, error);
    if (!result)
        result = judge(call, &judging, error);
    json_decref(body);
    return result;
}

static const struct bb_http_answer post_answers[] = {
    {200, "application/json",
     "the numbers that are done, how many values that told, and what was refused and why"},
    {202, "application/json", "kept, and not derived yet"},
    {0}};

const struct bb_http_route bb_http_route_exceptions_post = {
    .method = BB_HTTP_POST,
    .path = "/v1/exceptions",
    .right = BB_RIGHT_ADMIN,
    .verb = "exceptions",
    .summary = "accept exceptions, or leave them to estimators",
    .details =
        "{\"action\":\"accept\",\"ids\":[17,18],\"reason\":\"solar panels were installed\"}; as "
        "`busbar exceptions accept` and `estimate`. When all are refused, the answer is the first "
        "one's problem. The caller is kept with them as the person who did it.",
    .body = BB_HTTP_WHOLE,
    .body_types = "application/json",
    .answers = post_answers,
    .handle = post_exceptions,
};
