/* Usage points by words: see port/registry.h.
 *
 *   master_version   entries in whose packed bytes all words stand ──┐
 *                                                                    ├─► one after the other, by name
 *   usage_point      names that have no entry by then, likewise ─────┘
 *
 * The server looks through the column `words`, packed entries with letters made small and bytes beyond ASCII written as
 * \ooo, in the order of the primary key: so a page begins to come at once, wherever it begins, and only what is found
 * travels. There is no index over parts of words: it costs five times what putting the entry costs, and would be one more
 * place to erase persons from.
 */
#include "adapter/registry_postgres_internal.h"

#include <stdio.h>

enum { PAGE_ROWS = 64, ASKED_WORDS_MAX = 10 /* others are looked for here */ };

/* The planner does not know how soon a visitor has enough, and would rather sort all of them. */
static const char settings[] =
    "SET LOCAL enable_sort = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;"
    "SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off";

struct search {
    const struct bb_span *words;
    size_t word_count;
    bb_registry_search_visit *visit;
    void *context;
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

static void write_question(const struct search *s, struct registry_columns *c,
                           struct bb_buffer *sql) {
    bb_buffer_format(
        sql, "SELECT name, body FROM (SELECT v.name, v.body FROM master_version v WHERE kind = 1 "
             "AND tenant = $1::text AND name > $2::text AND recorded_ms <= $3::bigint");
    ask_for(s, "words", word_in_bytes, c, sql);
    bb_buffer_format(
        sql,
        " AND NOT EXISTS (SELECT 1 FROM master_version l WHERE l.kind = 1 AND l.tenant = $1::text "
        "AND l.name = v.name AND l.recorded_ms > v.recorded_ms AND l.recorded_ms <= $3::bigint) "
        "UNION ALL SELECT u.name, NULL FROM usage_point u WHERE tenant = $1::text "
        "AND name > $2::text");
    ask_for(s, "lower(u.name)", word_in_name, c, sql);
    bb_buffer_format(
        sql, " AND NOT EXISTS (SELECT 1 FROM master_version e WHERE e.kind = 1 "
             "AND e.tenant = $1::text AND e.name = u.name AND e.recorded_ms <= $3::bigint)) "
             "AS found ORDER BY name");
    bb_buffer_append_byte(sql, '\0');
}

/* What the server found may still be a chance: \303 has digits in it. */
static int found_row(const struct registry_row *row, void *context) {
    struct search *s = context;
    const struct bb_span name = bb_registry_result_text(row, 0);
    struct bb_master master;

    if (PQgetisnull(row->result, row->row, 1))
        return bb_master_may_hold(name, s->words, s->word_count) ? s->visit(s->context, name, NULL)
                                                                 : 0;
    const struct bb_span body = bb_registry_result_bytes(row, 1);
    if (!bb_master_may_hold(body, s->words, s->word_count))
        return 0;
    bb_arena_reset(&s->arena);
    int failed = bb_master_decode(body, &s->arena, &master, s->error);
    return failed ? failed : s->visit(s->context, name, &master.usage_point);
}

int bb_registry_postgres_usage_point_search(struct bb_registry *base, struct bb_span tenant,
                                            const struct bb_span *words, size_t word_count,
                                            struct bb_span after, int64_t as_of_ms,
                                            bb_registry_search_visit *visit, void *context,
                                            struct bb_error *error) {
    struct search s = {.words = words,
                       .word_count = word_count,
                       .visit = visit,
                       .context = context,
                       .error = error};
    struct registry_columns columns;
    struct bb_buffer sql;

    bb_registry_columns_init(&columns);
    bb_registry_columns_values(&columns);
    bb_buffer_init(&sql, 1 << 16);
    bb_arena_init(&s.arena, 64 << 10, 64 << 20);
    bb_registry_value_text(&columns, tenant);
    bb_registry_value_text(&columns, after);
    bb_postgres_put_int64(&columns.parameters, as_of_ms == BB_TIME_NONE ? INT64_MAX : as_of_ms);
    write_question(&s, &columns, &sql);
    const struct registry_question question = {.sql = sql.data,
                                               .parameters = &columns.parameters,
                                               .page_rows = PAGE_ROWS,
                                               .settings = settings};
    int result = columns.full || sql.overflow
                     ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory to search")
                     : bb_registry_postgres_walk(registry_postgres_of(base), &question, found_row,
                                                 &s, error);
    bb_arena_release(&s.arena);
    bb_buffer_release(&sql);
    bb_registry_columns_release(&columns);
    return result;
}
