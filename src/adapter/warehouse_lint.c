/* What Redshift lacks of PostgreSQL's SQL: see warehouse_internal.h. The rows are from Redshift's Database Developer Guide,
 * "Unsupported PostgreSQL features", "... data types", "... functions", MERGE, COPY, TRUNCATE and "Reserved words".
 *
 * A statement is looked at word by word, literals and quoted names left out; a row holds of it when its words stand in it one
 * after the other. "(" and "[" are words. */
#include "adapter/warehouse_internal.h"

#include <ctype.h>

enum { WORD_MAX = 32, WORDS_MAX = 4096, PATTERN_MAX = 4 };

static const struct {
    const char *words[PATTERN_MAX];
    const char *why;
} lacks[] = {
    {{"ON", "CONFLICT"}, "no ON CONFLICT: MERGE from a staging table"},
    {{"RETURNING"}, "no RETURNING"},
    {{"SKIP", "LOCKED"}, "no row locks"},
    {{"FOR", "UPDATE"}, "no row locks"},
    {{"FOR", "SHARE"}, "no row locks"},
    {{"CREATE", "INDEX"}, "no indexes: DISTKEY and SORTKEY"},
    {{"CREATE", "UNIQUE", "INDEX"}, "no indexes: DISTKEY and SORTKEY"},
    {{"CREATE", "SEQUENCE"}, "no sequences"},
    {{"NEXTVAL"}, "no sequences"},
    {{"CREATE", "TRIGGER"}, "no triggers"},
    {{"CREATE", "RULE"}, "no rules"},
    {{"CREATE", "TYPE"}, "no types of one's own"},
    {{"CREATE", "DOMAIN"}, "no types of one's own"},
    {{"CREATE", "EXTENSION"}, "no extensions"},
    {{"INHERITS"}, "no inheritance"},
    {{"PARTITION", "OF"}, "no partitioned tables"},
    {{"PARTITION", "BY", "RANGE"}, "no partitioned tables"},
    {{"PARTITION", "BY", "LIST"}, "no partitioned tables"},
    {{"PARTITION", "BY", "HASH"}, "no partitioned tables"},
    {{"TABLESPACE"}, "no tablespaces"},
    {{"UNLOGGED"}, "no unlogged tables"},
    {{"CHECK", "("}, "no check constraints"},
    {{"EXCLUDE", "USING"}, "no exclusion constraints"},
    {{"GENERATED", "ALWAYS"}, "no generated columns"},
    {{"ON", "COMMIT"}, "no ON COMMIT for temporary tables"},
    {{"TRUNCATE"}, "TRUNCATE ends the transaction: DELETE FROM"},
    {{"FROM", "STDIN"}, "COPY reads from S3, not from the client"},
    {{"TO", "STDOUT"}, "no COPY to the client: UNLOAD"},
    {{"LATERAL"}, "no LATERAL"},
    {{"FROM", "(", "VALUES"}, "VALUES is no table"},
    {{"DISTINCT", "ON"}, "no DISTINCT ON"},
    {{"FILTER", "("}, "no FILTER: CASE inside the aggregate"},
    {{"NULLS", "FIRST"}, "no NULLS FIRST in windows"},
    {{"ARRAY"}, "no arrays"},
    {{"["}, "no arrays, no subscripts"},
    {{"UNNEST"}, "no arrays"},
    {{"ARRAY_AGG"}, "no arrays"},
    {{"STRING_AGG"}, "no string_agg: LISTAGG"},
    {{"GENERATE_SERIES"}, "generate_series runs on the leader node alone"},
    {{"NOW", "("}, "now() runs on the leader node alone: GETDATE()"},
    {{"SERIAL"}, "no serial: IDENTITY"},
    {{"BIGSERIAL"}, "no serial: IDENTITY"},
    {{"SMALLSERIAL"}, "no serial: IDENTITY"},
    {{"TEXT"}, "TEXT is VARCHAR(256) there: say the length"},
    {{"BYTEA"}, "no BYTEA: VARBYTE"},
    {{"JSON"}, "no JSON: SUPER"},
    {{"JSONB"}, "no JSON: SUPER"},
    {{"UUID"}, "no UUID"},
    {{"XML"}, "no XML"},
    {{"HSTORE"}, "no HSTORE"},
    {{"MONEY"}, "no MONEY"},
    {{"ENUM"}, "no enumerated types"},
    {{"INET"}, "no network addresses"},
    {{"TSVECTOR"}, "no text search"},
    {{"TSQUERY"}, "no text search"},
    {{"TO_TSVECTOR"}, "no text search"},
    {{"TSRANGE"}, "no ranges"},
    {{"TSTZRANGE"}, "no ranges"},
    {{"NUMRANGE"}, "no ranges"},
    {{"WHEN", "MATCHED", "AND"}, "no conditions in MERGE but ON"},
    {{"NOT", "MATCHED", "AND"}, "no conditions in MERGE but ON"},
    {{"DO", "NOTHING"}, "no DO NOTHING"},
};

/* Of the list of reserved words, those that somebody might call a column. */
static const char *const reserved[] = {
    "all",         "analyze", "and",         "any",       "array",    "as",       "asc",
    "both",        "case",    "cast",        "check",     "collate",  "column",   "create",
    "cross",       "default", "delta",       "desc",      "distinct", "do",       "else",
    "emptyasnull", "end",     "except",      "false",     "for",      "foreign",  "freeze",
    "from",        "full",    "grant",       "group",     "having",   "identity", "ignore",
    "in",          "inner",   "interval",    "into",      "is",       "join",     "language",
    "leading",     "left",    "like",        "limit",     "minus",    "natural",  "new",
    "not",         "null",    "off",         "offline",   "offset",   "oid",      "old",
    "on",          "only",    "open",        "or",        "order",    "outer",    "parallel",
    "partition",   "percent", "permissions", "primary",   "raw",      "recover",  "references",
    "respect",     "restore", "right",       "select",    "snapshot", "some",     "system",
    "table",       "tag",     "then",        "timestamp", "to",       "top",      "trailing",
    "true",        "union",   "unique",      "user",      "using",    "verbose",  "wallet",
    "when",        "where",   "with",        "without",
};

struct words {
    char items[WORDS_MAX][WORD_MAX];
    size_t count;
};

/* Behind a literal or a quoted name that begins at i. */
static size_t behind_quotes(struct bb_span sql, size_t i) {
    char quote = sql.data[i];

    for (i++; i < sql.size; i++) {
        if (sql.data[i] != quote)
            continue;
        if (i + 1 < sql.size && sql.data[i + 1] == quote)
            i++;
        else
            return i + 1;
    }
    return sql.size;
}

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

static size_t take_word(struct bb_span sql, size_t i, char *out) {
    size_t size = 0;

    for (; i < sql.size && is_word(sql.data[i]); i++)
        if (size + 1 < WORD_MAX)
            out[size++] = (char)toupper((unsigned char)sql.data[i]);
    out[size] = '\0';
    return i;
}

static void split(struct bb_span sql, struct words *words) {
    words->count = 0;
    for (size_t i = 0; i < sql.size && words->count < WORDS_MAX;) {
        char c = sql.data[i];
        if (c == '\'' || c == '"') {
            i = behind_quotes(sql, i);
            words->items[words->count++][0] = '\0'; /* stands between what is around it */
        } else if (is_word(c)) {
            i = take_word(sql, i, words->items[words->count++]);
        } else {
            if (c == '(' || c == '[')
                memcpy(words->items[words->count++], (char[]){c, '\0'}, 2);
            i++;
        }
    }
}

static bool stands_at(const struct words *words, size_t at, const char *const *pattern) {
    for (size_t k = 0; k < PATTERN_MAX && pattern[k]; k++)
        if (at + k >= words->count || strcmp(words->items[at + k], pattern[k]) != 0)
            return false;
    return true;
}

/* MERGE's own shape: one WHEN MATCHED, behind it one WHEN NOT MATCHED, a table as source. */
static const char *look_at_merge(const struct words *words) {
    static const char *const matched[PATTERN_MAX] = {"WHEN", "MATCHED"};
    static const char *const not_matched[PATTERN_MAX] = {"WHEN", "NOT", "MATCHED"};
    static const char *const query[PATTERN_MAX] = {"USING", "("};
    size_t matched_count = 0, not_matched_count = 0;

    for (size_t i = 0; i < words->count; i++) {
        if (stands_at(words, i, query))
            return "the source of MERGE is a table, not a query";
        matched_count += stands_at(words, i, matched);
        not_matched_count += stands_at(words, i, not_matched);
        if (not_matched_count > matched_count)
            return "WHEN MATCHED stands before WHEN NOT MATCHED";
    }
    return matched_count == 1 && not_matched_count == 1
               ? NULL
               : "MERGE has one WHEN MATCHED and one WHEN NOT MATCHED";
}

const char *bb_warehouse_lint(struct bb_span sql) {
    static _Thread_local struct words words;

    split(sql, &words);
    for (size_t i = 0; i < words.count; i++)
        for (size_t k = 0; k < sizeof lacks / sizeof lacks[0]; k++)
            if (stands_at(&words, i, lacks[k].words))
                return lacks[k].why;
    return words.count > 0 && strcmp(words.items[0], "MERGE") == 0 ? look_at_merge(&words) : NULL;
}

bool bb_warehouse_is_reserved(const char *word) {
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (bb_span_equal_nocase(bb_span_of(word), bb_span_of(reserved[i])))
            return true;
    return false;
}
