/* A page of a list: see page_internal.h. */
#include "http/page_internal.h"

#include "base/crc.h"
#include "http/call_internal.h"

#include <stdlib.h>

struct bb_http_kept {
    struct bb_span key, object; /* in one piece of memory, `key` first */
};

uint32_t bb_http_question(const struct bb_http_call *call) {
    const struct bb_http_parameter *table = call->match.route->parameters;
    uint32_t crc = bb_crc32c(0, call->match.route->path, strlen(call->match.route->path));

    crc = bb_crc32c(crc, call->access.tenant, strlen(call->access.tenant) + 1);
    for (size_t i = 0; table && table[i].name; i++) {
        struct bb_span text = call->values.items[i].text;
        if (strcmp(table[i].name, "limit") == 0 || strcmp(table[i].name, "cursor") == 0)
            continue;
        crc = bb_crc32c(crc, table[i].name, strlen(table[i].name) + 1);
        crc = bb_crc32c(crc, text.data ? text.data : "", text.size);
    }
    return crc;
}

int bb_http_page_begin(struct bb_http_page *page, struct bb_http_call *call,
                       enum bb_http_order order, struct bb_error *error) {
    struct bb_span cursor = bb_http_text(call, "cursor");

    *page = (struct bb_http_page){.call = call,
                                  .order = order,
                                  .limit = (size_t)bb_http_number(call, "limit"),
                                  .question = bb_http_question(call),
                                  .json = bb_http_json(call)};
    bb_buffer_init(&page->key, BB_HTTP_CURSOR_KEY_MAX);
    bb_buffer_init(&page->last, BB_HTTP_CURSOR_KEY_MAX);
    if (cursor.size > 0 &&
        !bb_http_cursor_parse(page->question, cursor, bb_http_arena(call), &page->after))
        return bb_http_bad_parameter(call, "cursor",
                                     "it is not the `next` of a page of this same question", error);
    if (order == BB_HTTP_UNSORTED) {
        page->kept = calloc(page->limit + 2, sizeof page->kept[0]);
        if (!page->kept)
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a page");
    }
    bb_json_object_begin(&page->json);
    bb_json_key(&page->json, "items");
    bb_json_array_begin(&page->json);
    return 0;
}

void bb_http_page_release(struct bb_http_page *page) {
    for (size_t i = 0; page->kept && i < page->count; i++)
        free((char *)(uintptr_t)page->kept[i].key.data);
    free(page->kept);
    page->kept = NULL;
    bb_buffer_release(&page->key);
    bb_buffer_release(&page->last);
}

bool bb_http_page_wants(struct bb_http_page *page) {
    struct bb_span key = bb_buffer_span(&page->key);

    if (page->after.size > 0 && bb_span_compare(key, page->after) <= 0)
        return false;
    return page->order == BB_HTTP_SORTED || page->count <= page->limit ||
           bb_span_compare(key, page->kept[page->limit].key) < 0;
}

/* ---- rows that come in order */

struct bb_json *bb_http_page_object_begin(struct bb_http_page *page) {
    BB_ASSERT(page->order == BB_HTTP_SORTED);
    page->has_more = page->count == page->limit;
    if (page->has_more)
        return NULL;
    bb_json_object_begin(&page->json);
    return &page->json;
}

int bb_http_page_object_end(struct bb_http_page *page) {
    bb_json_object_end(&page->json);
    page->count++;
    bb_buffer_clear(&page->last);
    bb_buffer_append_span(&page->last, bb_buffer_span(&page->key));
    return bb_http_out(page->call)->overflow; /* too large already */
}

/* ---- rows that come anyhow */

/* Behind those of the same key. */
static size_t place_of(const struct bb_http_page *page, struct bb_span key) {
    size_t low = 0, high = page->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bb_span_compare(page->kept[middle].key, key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool make_kept(const struct bb_http_page *page, const struct bb_record *record,
                      struct bb_http_kept *out) {
    struct bb_buffer object;
    struct bb_json json;
    size_t key_size = page->key.size;

    bb_buffer_init(&object, 1 << 20);
    bb_json_init(&json, &object);
    bb_record_put_json(record, &json);
    char *memory = object.overflow ? NULL : malloc(key_size + object.size);
    if (memory) {
        memcpy(memory, page->key.data, key_size);
        memcpy(memory + key_size, object.data, object.size);
        *out = (struct bb_http_kept){{memory, key_size}, {memory + key_size, object.size}};
    }
    bb_buffer_release(&object);
    return memory != NULL;
}

static int keep(struct bb_http_page *page, const struct bb_record *record) {
    struct bb_http_kept made;

    if (!make_kept(page, record, &made)) {
        page->no_memory = true;
        return 1;
    }
    size_t at = place_of(page, made.key);
    memmove(&page->kept[at + 1], &page->kept[at], (page->count - at) * sizeof page->kept[0]);
    page->kept[at] = made;
    if (++page->count > page->limit + 1)
        free((char *)(uintptr_t)page->kept[--page->count].key.data);
    return 0;
}

static void put_kept(struct bb_http_page *page) {
    page->has_more = page->count > page->limit;
    size_t shown = page->has_more ? page->limit : page->count;

    for (size_t i = 0; i < shown; i++)
        bb_json_raw(&page->json, page->kept[i].object);
    if (shown > 0)
        bb_buffer_append_span(&page->last, page->kept[shown - 1].key);
}

/* ---- both */

int bb_http_page_put(struct bb_http_page *page, const struct bb_record *record) {
    if (page->order == BB_HTTP_UNSORTED)
        return keep(page, record);
    struct bb_json *json = bb_http_page_object_begin(page);
    if (!json)
        return 1;
    bb_record_put_members(record, json);
    return bb_http_page_object_end(page);
}

static void put_next(struct bb_http_page *page) {
    struct bb_buffer text;

    bb_json_key(&page->json, "next");
    if (!page->has_more) {
        bb_json_null(&page->json);
        return;
    }
    bb_buffer_init(&text, 2 * BB_HTTP_CURSOR_KEY_MAX);
    bb_http_cursor_format(page->question, bb_buffer_span(&page->last), &text);
    bb_json_text(&page->json, bb_buffer_span(&text));
    bb_buffer_release(&text);
}

struct bb_json *bb_http_page_about(struct bb_http_page *page) {
    if (!page->rows_ended) {
        if (page->order == BB_HTTP_UNSORTED)
            put_kept(page);
        bb_json_array_end(&page->json);
    }
    page->rows_ended = true;
    return &page->json;
}

int bb_http_page_end(struct bb_http_page *page, struct bb_error *error) {
    if (page->no_memory)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a page");
    (void)bb_http_page_about(page);
    put_next(page);
    bb_json_object_end(&page->json);
    return bb_http_answer(page->call, 200, "application/json");
}
