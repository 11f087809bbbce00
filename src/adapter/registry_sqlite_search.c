/* Usage points by words: see port/registry.h.
 *
 *   usage_point      names in which all words stand ──────┐
 *                                                         ├─► one after the other, by name
 *   master_version   entries whose packed bytes have them ┘
 *
 * Nothing is unpacked but what is visited: looking through the bytes of 100,000 entries takes a fraction of reading them
 * into structures, and of any index over parts of words there would be one more place to erase persons from.
 * Both statements are under way at once, so that they see one state.
 */
#include "adapter/registry_sqlite_internal.h"

static const char doing[] = "searching";

enum { BODY_LIMIT_BYTES = 64 << 20, NAME_LIMIT_BYTES = 1 << 20 };

struct search {
    const struct bb_span *words;
    size_t word_count;
    struct registry_sql names, entries;
    bool has_name;  /* `names` is at one in which the words stand */
    bool has_row;   /* `entries` is at a row that nobody looked at */
    bool has_entry; /* the next one found: */
    struct bb_buffer name, body;
    bool is_full; /* there is no memory for it */
};

static bool may_hold(const struct search *s, struct bb_span bytes) {
    return bb_master_may_hold(bytes, s->words, s->word_count);
}

/* Versions come one after the other, and the last one counts: an entry is found once another name comes, or none. */
static void next_entry(struct search *s) {
    s->has_entry = false;
    while (s->has_row && !s->is_full) {
        const struct bb_span name = bb_registry_row_text(&s->entries, 0),
                             body = bb_registry_row_bytes(&s->entries, 1);
        if (s->has_entry && !bb_span_equal(name, bb_buffer_span(&s->name)))
            return;
        s->has_entry = may_hold(s, body);
        if (s->has_entry) {
            bb_buffer_clear(&s->name);
            bb_buffer_clear(&s->body);
            bb_buffer_append_span(&s->name, name);
            bb_buffer_append_span(&s->body, body);
            s->is_full = s->name.overflow || s->body.overflow;
        }
        s->has_row = bb_registry_sql_step(&s->entries);
    }
}

/* Names that have no entry, up to that of the next entry. */
static int visit_names(struct search *s, bb_registry_search_visit *visit, void *context) {
    int answer = 0;

    while (answer == 0 && s->has_name) {
        const struct bb_span name = bb_registry_row_text(&s->names, 0);
        int order = s->has_entry ? bb_span_compare(name, bb_buffer_span(&s->name)) : -1;
        if (order > 0)
            break;
        if (order < 0 && may_hold(s, name))
            answer = visit(context, name, NULL);
        s->has_name = bb_registry_sql_step(&s->names);
    }
    return answer;
}

static int visit_entry(const struct search *s, struct bb_arena *arena,
                       bb_registry_search_visit *visit, void *context, struct bb_error *error) {
    struct bb_master master;

    bb_arena_reset(arena);
    int failed = bb_master_decode(bb_buffer_span(&s->body), arena, &master, error);
    return failed ? failed : visit(context, bb_buffer_span(&s->name), &master.usage_point);
}

static int visit_all(struct search *s, bb_registry_search_visit *visit, void *context,
                     struct bb_error *error) {
    struct bb_arena arena;
    int answer = 0;

    bb_arena_init(&arena, 64 << 10, 64 << 20);
    s->has_name = bb_registry_sql_step(&s->names);
    s->has_row = bb_registry_sql_step(&s->entries);
    do {
        next_entry(s);
        answer = s->is_full ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a usage point")
                            : visit_names(s, visit, context);
        if (answer == 0 && s->has_entry)
            answer = visit_entry(s, &arena, visit, context, error);
    } while (answer == 0 && s->has_entry);
    bb_arena_release(&arena);
    return answer < 0 ? answer : 0;
}

static int end(struct registry_sql *sql, struct bb_error *error) {
    int failed = bb_registry_sql_end(sql, doing, error);

    sqlite3_finalize(sql->statement);
    return failed;
}

int bb_registry_sqlite_usage_point_search(struct bb_registry *registry, struct bb_span tenant,
                                          const struct bb_span *words, size_t word_count,
                                          struct bb_span after, int64_t as_of_ms,
                                          bb_registry_search_visit *visit, void *context,
                                          struct bb_error *error) {
    struct bb_error ignored;
    struct search s = {
        .words = words,
        .word_count = word_count,
        .names = bb_registry_sql_prepare(
            registry, "SELECT name FROM usage_point WHERE tenant = ?1 AND name > ?2 ORDER BY name"),
        .entries = bb_registry_sql_prepare(
            registry, "SELECT name, body FROM master_version WHERE kind = 1 AND tenant = ?1 "
                      "AND name > ?2 AND recorded_ms <= ?3 ORDER BY name, recorded_ms")};

    bb_registry_sql_text(&s.names, tenant);
    bb_registry_sql_text(&s.names, after);
    bb_registry_sql_text(&s.entries, tenant);
    bb_registry_sql_text(&s.entries, after);
    bb_registry_sql_integer(&s.entries, as_of_ms == BB_TIME_NONE ? INT64_MAX : as_of_ms);
    bb_buffer_init(&s.name, NAME_LIMIT_BYTES);
    bb_buffer_init(&s.body, BODY_LIMIT_BYTES);
    int result = visit_all(&s, visit, context, error);
    int first = end(&s.names, result ? &ignored : error);
    int second = end(&s.entries, result || first ? &ignored : error);
    bb_buffer_release(&s.name);
    bb_buffer_release(&s.body);
    return result ? result : first ? first : second;
}
