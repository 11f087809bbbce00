/* GET /v1/usage-points, searched, and one of them with its master data. */
#include "answer/master_json.h"
#include "answer/rows.h"
#include "http/page_internal.h"
#include "http/routes_internal.h"
#include "service/known.h"

enum { WORDS_MAX = 16 };

/* ---- the search
 *
 *   words of the question ─► master entries in which all of them stand ─► their names, in order
 *                        └─► beside them the names and customers of the list itself
 *
 * Both lists come by name, so that one walk along the other is enough.
 */

struct search {
    struct bb_span words[WORDS_MAX];
    size_t word_count;
    struct bb_span *names; /* of entries that match, ascending */
    size_t count, capacity, next;
    struct bb_arena *arena;
};

static bool has_word(struct bb_span text, struct bb_span word) {
    for (size_t i = 0; i + word.size <= text.size; i++)
        if (bb_span_equal_nocase((struct bb_span){text.data + i, word.size}, word))
            return true;
    return false;
}

static bool entry_has_word(const struct bb_master_usage_point *up, struct bb_span word) {
    bool has = has_word(up->name, word) || has_word(up->customer, word);

    for (uint32_t i = 0; !has && i < up->installation_count; i++)
        has = has_word(up->installations[i].device, word);
    for (uint32_t i = 0; !has && i < up->tag_count; i++)
        has = has_word(up->tags[i].key, word) || has_word(up->tags[i].value, word);
    for (uint32_t i = 0; !has && i < up->channel_count; i++)
        has = has_word(up->channels[i].alias, word);
    return has;
}

/* A bb_registry_master_visit. */
static int take_match(void *context, int64_t recorded_ms, const struct bb_master *master) {
    struct search *s = context;

    (void)recorded_ms;
    if (master->kind != BB_MASTER_USAGE_POINT)
        return 0;
    for (size_t i = 0; i < s->word_count; i++)
        if (!entry_has_word(&master->usage_point, s->words[i]))
            return 0;
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? s->capacity * 2 : 256;
        struct bb_span *names = bb_arena_take_array(s->arena, capacity, sizeof *names);
        if (!names)
            return -BB_E_NO_MEMORY;
        if (s->count)
            memcpy(names, s->names, s->count * sizeof *names);
        s->names = names;
        s->capacity = capacity;
    }
    s->names[s->count] = bb_arena_copy(s->arena, master->usage_point.name);
    return s->names[s->count++].data ? 0 : -BB_E_NO_MEMORY;
}

static int read_words(struct search *s, struct bb_http_call *call, struct bb_error *error) {
    struct bb_span text = bb_http_text(call, "search");

    for (size_t i = 0; i < text.size;) {
        size_t end = i;
        while (end < text.size && text.data[end] != ' ')
            end++;
        if (end > i && s->word_count == WORDS_MAX)
            return bb_http_bad_parameter(call, "search", "at most 16 words", error);
        if (end > i)
            s->words[s->word_count++] = (struct bb_span){text.data + i, end - i};
        i = end + 1;
    }
    return 0;
}

static int search(struct search *s, struct bb_http_call *call, struct bb_error *error) {
    struct bb_registry *registry = bb_http_plant(call)->registry;

    s->arena = bb_http_arena(call);
    int result = read_words(s, call, error);
    if (result || s->word_count == 0)
        return result;
    result = registry->ops->master_list(registry, bb_http_tenant(call),
                                        bb_http_number(call, "as_of"), take_match, s, error);
    if (result == -BB_E_NO_MEMORY)
        return BB_FAIL(error, BB_E_NO_MEMORY, "too many usage points are found: add a word");
    return result < 0 ? result : 0;
}

/* Rows come by name. */
static bool is_found(struct search *s, const struct bb_registry_usage_point *row) {
    bool has_all = true;

    for (size_t i = 0; i < s->word_count; i++)
        has_all = has_all &&
                  (has_word(row->name, s->words[i]) || has_word(row->customer, s->words[i]));
    while (s->next < s->count && bb_span_compare(s->names[s->next], row->name) < 0)
        s->next++;
    return has_all || (s->next < s->count && bb_span_equal(s->names[s->next], row->name));
}

/* ---- the list */

struct listing {
    struct bb_http_page *page;
    struct search search;
    struct bb_plant *plant;
    int64_t as_of_ms;
    struct bb_arena arena; /* of one row */
    struct bb_record record;
    struct bb_error *error;
    int failure;
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

/* A bb_registry_usage_point_visit. */
static int take_row(void *context, const struct bb_registry_usage_point *row) {
    struct listing *l = context;

    if (!is_found(&l->search, row))
        return 0;
    bb_buffer_clear(&l->page->key);
    bb_http_key_text(&l->page->key, row->name);
    if (!bb_http_page_wants(l->page))
        return 0;
    bb_record_of_usage_point(row, &l->record);
    if (l->page->form != BB_HTTP_ITEMS)
        return bb_http_page_put(l->page, &l->record);
    struct bb_json *json = bb_http_page_object_begin(l->page);
    if (!json)
        return 1;
    bb_record_put_members(&l->record, json);
    l->failure = put_tags(l, row, json);
    return bb_http_page_object_end(l->page) || l->failure;
}

/* A bb_http_page_teller. */
static int tell(struct bb_http_page *page, void *context, struct bb_error *error) {
    struct listing *l = context;

    l->page = page;
    l->search.next = 0;
    int result = bb_known_usage_points(l->plant, bb_http_tenant(page->call), l->as_of_ms, take_row,
                                       l, error);
    return result >= 0 && l->failure < 0 ? l->failure : result;
}

static int list_usage_points(struct bb_http_call *call, struct bb_error *error) {
    struct listing l = {
        .plant = bb_http_plant(call), .as_of_ms = bb_http_number(call, "as_of"), .error = error};

    bb_arena_init(&l.arena, 16 << 10, 16 << 20);
    int result = search(&l.search, call, error);
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
