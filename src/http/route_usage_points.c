/* GET /v1/usage-points, searched, and one of them with its master data. */
#include "answer/master_json.h"
#include "answer/rows.h"
#include "http/page_internal.h"
#include "http/routes_internal.h"
#include "service/known.h"

enum { WORDS_MAX = 16 };

/* ---- words of a question */

struct words {
    struct bb_span items[WORDS_MAX];
    size_t count;
};

static int read_words(struct words *w, struct bb_http_call *call, struct bb_error *error) {
    struct bb_span text = bb_http_text(call, "search");

    for (size_t i = 0; i < text.size;) {
        size_t end = i;
        while (end < text.size && text.data[end] != ' ')
            end++;
        if (end > i && w->count == WORDS_MAX)
            return bb_http_bad_parameter(call, "search", "at most 16 words", error);
        if (end > i)
            w->items[w->count++] = (struct bb_span){text.data + i, end - i};
        i = end + 1;
    }
    return 0;
}

static bool entry_has_word(const struct bb_master_usage_point *up, struct bb_span word) {
    bool has = bb_span_has_nocase(up->name, word) || bb_span_has_nocase(up->customer, word);

    for (uint32_t i = 0; !has && i < up->installation_count; i++)
        has = bb_span_has_nocase(up->installations[i].device, word);
    for (uint32_t i = 0; !has && i < up->tag_count; i++)
        has = bb_span_has_nocase(up->tags[i].key, word) ||
              bb_span_has_nocase(up->tags[i].value, word);
    for (uint32_t i = 0; !has && i < up->channel_count; i++)
        has = bb_span_has_nocase(up->channels[i].alias, word);
    return has;
}

/* ---- the list */

struct listing {
    struct bb_http_page *page;
    struct words words;
    struct bb_plant *plant;
    int64_t as_of_ms;
    struct bb_arena arena; /* of one row */
    struct bb_record record;
    struct bb_error *error;
    int failure;
    bool is_full; /* the page */
};

/* What master data says besides; nothing when there is none. */
static int put_tags(struct listing *l, const struct bb_registry_usage_point *row,
                    struct bb_json *json) {
    struct bb_registry *registry = l->plant->registry;
    struct bb_master_usage_point up;

    bb_arena_reset(&l->arena);
    int found = bb_registry_usage_point(registry, row->tenant, row->name, l->as_of_ms, &l->arena,
                                        &up, l->error);
    bb_json_key(json, "tags");
    bb_json_object_begin(json);
    if (found == BB_FOUND)
        bb_master_put_tags(json, &up);
    bb_json_object_end(json);
    return found < 0 ? found : 0;
}

static bool is_wanted(struct listing *l, struct bb_span name) {
    bb_buffer_clear(&l->page->key);
    bb_http_key_text(&l->page->key, name);
    return bb_http_page_wants(l->page);
}

/* A bb_registry_usage_point_visit. */
static int take_row(void *context, const struct bb_registry_usage_point *row) {
    struct listing *l = context;

    if (!is_wanted(l, row->name))
        return 0;
    bb_record_of_usage_point(row, &l->record);
    if (l->page->form != BB_HTTP_ITEMS)
        return l->is_full = bb_http_page_put(l->page, &l->record);
    struct bb_json *json = bb_http_page_object_begin(l->page);
    if (!json)
        return l->is_full = true;
    bb_record_put_members(&l->record, json);
    l->failure = put_tags(l, row, json);
    return l->is_full = bb_http_page_object_end(l->page) || l->failure;
}

/* A bb_registry_search_visit. */
static int take_match(void *context, struct bb_span name,
                      const struct bb_master_usage_point *entry) {
    const struct bb_master_usage_point unsaid = {.name = name}; /* readings alone speak of it */
    struct listing *l = context;

    for (size_t i = 0; i < l->words.count; i++)
        if (!entry_has_word(entry ? entry : &unsaid, l->words.items[i]))
            return 0;
    int result = bb_known_usage_points(l->plant, bb_http_tenant(l->page->call), name, l->as_of_ms,
                                       take_row, l, l->error);
    return result < 0 ? result : l->is_full;
}

static int tell_found(struct listing *l, struct bb_error *error) {
    struct bb_registry *registry = l->plant->registry;
    struct bb_span key = l->page->after, after = BB_SPAN("");

    l->is_full = false;
    (void)bb_http_key_take_text(&key, &after);
    return registry->ops->usage_point_search(registry, bb_http_tenant(l->page->call),
                                             l->words.items, l->words.count, after, l->as_of_ms,
                                             take_match, l, error);
}

/* The list begins at its beginning, a search anywhere: one without words finds all. A bb_http_page_teller. */
static int tell(struct bb_http_page *page, void *context, struct bb_error *error) {
    struct listing *l = context;

    l->page = page;
    int result = l->words.count > 0 || page->after.size > 0
                     ? tell_found(l, error)
                     : bb_known_usage_points(l->plant, bb_http_tenant(page->call), BB_SPAN(""),
                                             l->as_of_ms, take_row, l, error);
    return result >= 0 && l->failure < 0 ? l->failure : result;
}

static int list_usage_points(struct bb_http_call *call, struct bb_error *error) {
    struct listing l = {
        .plant = bb_http_plant(call), .as_of_ms = bb_http_number(call, "as_of"), .error = error};

    bb_arena_init(&l.arena, 16 << 10, 16 << 20);
    int result = read_words(&l.words, call, error);
    if (!result)
        result = bb_http_page_run(call, &bb_lists[BB_LIST_USAGE_POINTS], tell, &l, error);
    bb_arena_release(&l.arena);
    return result;
}

static const struct bb_http_parameter list_parameters[] = {
    {.name = "search",
     .kind = BB_HTTP_TEXT,
     .help =
         "words, all of which have to stand in a name, a device, a customer, a tag or an alias of "
         "a channel; any part of them, case ignored"},
    BB_HTTP_AS_OF_PARAMETER,
    BB_HTTP_PAGE_PARAMETERS,
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer list_answers[] = {
    {200, "application/json", "a page of usage points, by name, with their tags"},
    BB_HTTP_LIST_ANSWERS("busbar list usage-points"),
    {0}};

const struct bb_http_route bb_http_route_usage_points = {
    .method = BB_HTTP_GET,
    .path = "/v1/usage-points",
    .right = BB_RIGHT_READ,
    .summary = "usage points, searched by any part",
    .parameters = list_parameters,
    .answers = list_answers,
    .handle = list_usage_points,
};

/* ---- one of them */

static int get_usage_point(struct bb_http_call *call, struct bb_error *error) {
    struct bb_master entry = {.kind = BB_MASTER_USAGE_POINT};
    int result = bb_known_usage_point(
        bb_http_plant(call), bb_http_tenant(call), bb_http_text(call, "usage_point"),
        bb_http_number(call, "as_of"), bb_http_arena(call), &entry.usage_point, error);

    if (result)
        return result;
    struct bb_json json = bb_http_json(call);
    bb_master_put_json(&json, &entry);
    return bb_http_answer(call, 200, "application/json");
}

static const struct bb_http_parameter one_parameters[] = {
    {.name = "usage_point", .place = BB_HTTP_IN_PATH, .required = true, .help = "its name"},
    BB_HTTP_AS_OF_PARAMETER,
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer one_answers[] = {
    {200, "application/json", "its master data, as `busbar registry show --json`"}, {0}};

const struct bb_http_route bb_http_route_usage_point = {
    .method = BB_HTTP_GET,
    .path = "/v1/usage-points/{usage_point}",
    .right = BB_RIGHT_READ,
    .summary = "a usage point's master data",
    .details = "Of one that readings alone speak of, what they say.",
    .parameters = one_parameters,
    .answers = one_answers,
    .handle = get_usage_point,
};
