/* Usage points by words: see port/registry.h.
 *
 *   after ──┬── 256 names ──┬── 2048 names ──┬── 16384 ... ──► end
 *           │               │                │
 *           │   master_version   entries in whose packed bytes all words stand ──┐
 *           │                                                                    ├─► one after the other, by name
 *           └── usage_point      names that have no entry by then, likewise ─────┘
 *
 * Where a page begins nobody knows how far it will have to look: what is found often is found at once, and what is rare
 * is looked for in stretches that grow, each as one question. All of them are of one state.
 *
 * The server looks through the column `words`: packed entries with letters made small and bytes beyond ASCII written as
 * \ooo; only what is found travels. There is no index over parts of words: it costs five times what putting the entry
 * costs, and would be one more place to erase persons from.
 */
#include "adapter/registry_postgres_internal.h"

#include <stdio.h>

enum {
    PAGE_ROWS = 64,
    ASKED_WORDS_MAX = 10, /* others are looked for here */
    STRETCH_NAMES = 256,
    STRETCH_GROWS = 8,
    STRETCH_NAMES_MAX = 1 << 20
};

struct search {
    const struct bb_span *words;
    size_t word_count;
    struct bb_span tenant;
    int64_t as_of_ms;
    bb_registry_search_visit *visit;
    void *context;
    bool has_ended;        /* the visitor has enough */
    struct bb_arena arena; /* of one entry */
    struct bb_error *error;
};

/* As encode(body, 'escape') and lower() write it. */
static struct bb_span word_in_bytes(struct bb_span word, struct registry_columns *c) {
    char *out = bb_arena_take(&c->texts, word.size * 4 + 1);
    size_t size = 0;

    if (!out) {
        c->full = true;
        return BB_SPAN("");
    }
    for (size_t i = 0; i < word.size; i++) {
        unsigned char byte = (unsigned char)word.data[i];
        if (byte == 0 || byte >= 0x80) {
            out[size++] = '\\';
            out[size++] = (char)('0' + (byte >> 6));
            out[size++] = (char)('0' + (byte >> 3 & 7));
            out[size++] = (char)('0' + (byte & 7));
        } else if (byte == '\\') {
            out[size++] = '\\';
            out[size++] = '\\';
        } else {
            out[size++] = bb_char_lower((char)byte);
        }
    }
    return (struct bb_span){out, size};
}

static struct bb_span word_in_name(struct bb_span word, struct registry_columns *c) {
    struct bb_span small = bb_arena_copy(&c->texts, word);

    c->full |= !small.data;
    for (size_t i = 0; small.data && i < small.size; i++)
        ((char *)small.data)[i] = bb_char_lower(small.data[i]);
    return small;
}

/* Conditions on `column`, with the parameters behind those that are there. */
static void ask_for(const struct search *s, const char *column,
                    struct bb_span (*write)(struct bb_span, struct registry_columns *),
                    struct registry_columns *c, struct bb_buffer *sql) {
    size_t count = s->word_count < ASKED_WORDS_MAX ? s->word_count : ASKED_WORDS_MAX;

    for (size_t i = 0; i < count; i++) {
        bb_registry_value_text(c, write(s->words[i], c));
        bb_buffer_format(sql, " AND strpos(%s, $%d::text) > 0", column, c->parameters.count);
    }
}

/* tenant, after, as of, until (NULL: the end); then the words. What is looked up per row is a subquery, so that it is
 * looked up only where the words were found. */
static void write_question(const struct search *s, struct registry_columns *c,
                           struct bb_buffer *sql) {
    bb_buffer_format(sql,
                     "SELECT name, body FROM master_version v WHERE kind = 1 AND tenant = $1::text "
                     "AND name > $2::text AND ($4::text IS NULL OR name <= $4::text) "
                     "AND recorded_ms <= $3::bigint");
    ask_for(s, "words", word_in_bytes, c, sql);
    bb_buffer_format(
        sql, " AND recorded_ms = (SELECT recorded_ms FROM master_version l WHERE l.kind = 1 "
             "AND l.tenant = $1::text AND l.name = v.name AND l.recorded_ms <= $3::bigint "
             "ORDER BY l.kind, l.tenant, l.name, l.recorded_ms DESC LIMIT 1) "
             "UNION ALL SELECT name, NULL FROM usage_point u WHERE tenant = $1::text "
             "AND name > $2::text AND ($4::text IS NULL OR name <= $4::text)");
    ask_for(s, "lower(name)", word_in_name, c, sql);
    bb_buffer_format(sql,
                     " AND (SELECT 1 FROM master_version e WHERE e.kind = 1 "
                     "AND e.tenant = $1::text AND e.name = u.name AND e.recorded_ms <= $3::bigint "
                     "LIMIT 1) IS NULL ORDER BY name");
    bb_buffer_append_byte(sql, '\0');
}

/* What the server found may still be a chance: \303 has digits in it. */
static int found_row(const struct registry_row *row, void *context) {
    struct search *s = context;
    const struct bb_span name = bb_registry_result_text(row, 0);
    const bool is_entry = !PQgetisnull(row->result, row->row, 1);
    const struct bb_span body = is_entry ? bb_registry_result_bytes(row, 1) : name;
    struct bb_master master;

    if (!bb_master_may_hold(body, s->words, s->word_count))
        return 0;
    bb_arena_reset(&s->arena);
    int failed = is_entry ? bb_master_decode(body, &s->arena, &master, s->error) : 0;
    if (failed)
        return failed;
    int answer = s->visit(s->context, name, is_entry ? &master.usage_point : NULL);
    s->has_ended = answer != 0;
    return answer;
}

struct stretch { /* ( after, until ] */
    struct bb_buffer after, until;
    size_t names;
    bool is_last;
};

static int until_row(const struct registry_row *row, void *context) {
    struct stretch *stretch = context;

    stretch->is_last = false;
    bb_buffer_append_span(&stretch->until, bb_registry_result_text(row, 0));
    return 0;
}

static int find_until(struct registry_postgres *registry, const struct search *s,
                      struct stretch *stretch, struct registry_columns *c) {
    bb_registry_columns_values(c);
    bb_registry_value_text(c, s->tenant);
    bb_registry_value_text(c, bb_buffer_span(&stretch->after));
    bb_postgres_put_int64(&c->parameters, (int64_t)stretch->names);
    const struct registry_question question = {
        .sql = "SELECT name FROM usage_point WHERE tenant = $1::text AND name > $2::text "
               "ORDER BY name OFFSET $3::bigint LIMIT 1",
        .parameters = &c->parameters,
        .page_rows = 1};
    stretch->is_last = true;
    bb_buffer_clear(&stretch->until);
    int failed = bb_registry_postgres_walk(registry, &question, until_row, stretch, s->error);
    if (!failed && (c->full || stretch->until.overflow))
        failed = BB_FAIL(s->error, BB_E_NO_MEMORY, "no memory to search");
    return failed;
}

static int search_stretch(struct registry_postgres *registry, struct search *s,
                          struct stretch *stretch, struct registry_columns *c) {
    struct bb_buffer sql;
    int failed = find_until(registry, s, stretch, c);

    if (failed)
        return failed;
    bb_buffer_init(&sql, 1 << 16);
    bb_registry_columns_values(c);
    bb_registry_value_text(c, s->tenant);
    bb_registry_value_text(c, bb_buffer_span(&stretch->after));
    bb_postgres_put_int64(&c->parameters, s->as_of_ms == BB_TIME_NONE ? INT64_MAX : s->as_of_ms);
    if (stretch->is_last)
        bb_postgres_put_null(&c->parameters);
    else
        bb_registry_value_text(c, bb_buffer_span(&stretch->until));
    write_question(s, c, &sql);
    const struct registry_question question = {
        .sql = sql.data, .parameters = &c->parameters, .page_rows = PAGE_ROWS};
    failed = c->full || sql.overflow
                 ? BB_FAIL(s->error, BB_E_NO_MEMORY, "no memory to search")
                 : bb_registry_postgres_walk(registry, &question, found_row, s, s->error);
    bb_buffer_release(&sql);
    return failed;
}

static int search_all(struct registry_postgres *registry, struct search *s, struct bb_span after) {
    struct stretch stretch = {.names = STRETCH_NAMES};
    struct registry_columns columns;
    int failed = 0;

    bb_registry_columns_init(&columns);
    bb_buffer_init(&stretch.after, 1 << 20);
    bb_buffer_init(&stretch.until, 1 << 20);
    bb_buffer_append_span(&stretch.after, after);
    while (!failed && !stretch.is_last && !s->has_ended) {
        failed = search_stretch(registry, s, &stretch, &columns);
        const struct bb_buffer next = stretch.until;
        stretch.until = stretch.after;
        stretch.after = next;
        if (stretch.names < STRETCH_NAMES_MAX)
            stretch.names *= STRETCH_GROWS;
    }
    bb_buffer_release(&stretch.after);
    bb_buffer_release(&stretch.until);
    bb_registry_columns_release(&columns);
    return failed;
}

int bb_registry_postgres_usage_point_search(struct bb_registry *base, struct bb_span tenant,
                                            const struct bb_span *words, size_t word_count,
                                            struct bb_span after, int64_t as_of_ms,
                                            bb_registry_search_visit *visit, void *context,
                                            struct bb_error *error) {
    struct registry_postgres *registry = registry_postgres_of(base);
    struct search s = {.words = words,
                       .word_count = word_count,
                       .tenant = tenant,
                       .as_of_ms = as_of_ms,
                       .visit = visit,
                       .context = context,
                       .error = error};

    bb_arena_init(&s.arena, 64 << 10, 64 << 20);
    int failed = bb_registry_postgres_hold(registry, error);
    if (!failed)
        failed = search_all(registry, &s, after);
    bb_registry_postgres_let_go(registry);
    bb_arena_release(&s.arena);
    return failed;
}
