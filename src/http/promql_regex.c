/* The patterns of =~ and !~: see promql_regex_internal.h. */
#include "http/promql_regex_internal.h"

#include <stdio.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct bb_promql_regex {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
    struct bb_span pattern; /* for messages */
};

/* PCRE2 allocates in the arena, and what it frees is freed with the arena. */
static void *take(size_t size, void *arena) {
    return bb_arena_take(arena, size);
}
static void forget(void *memory, void *arena) {
    (void)memory;
    (void)arena;
}

static bool say(char *reason, size_t size, const char *text) {
    snprintf(reason, size, "%s", text);
    return false;
}

static bool compile(struct bb_promql_regex *regex, pcre2_general_context *memory, char *reason,
                    size_t reason_size) {
    const uint32_t how = PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY |
                         PCRE2_NEVER_BACKSLASH_C | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
    pcre2_compile_context *context = pcre2_compile_context_create(memory);
    PCRE2_SIZE at;
    int number;

    if (!context)
        return say(reason, reason_size, "it takes more memory than a query may");
    regex->code = pcre2_compile((PCRE2_SPTR)regex->pattern.data, regex->pattern.size, how, &number,
                                &at, context);
    if (regex->code)
        return true;
    char message[160];
    pcre2_get_error_message(number, (PCRE2_UCHAR *)message, sizeof message);
    snprintf(reason, reason_size, "%s, at byte %zu of the pattern", message, (size_t)at);
    return false;
}

bool bb_promql_regex_compile(struct bb_span pattern, struct bb_arena *arena,
                             struct bb_promql_regex **out, char *reason, size_t reason_size) {
    static const char no_room[] = "it takes more memory than a query may";

    if (pattern.size > BB_PROMQL_REGEX_TEXT_MAX)
        return say(reason, reason_size, "it is longer than 32 KiB");
    /* a verb may turn off what the limits and the whole-value rule rest on */
    if (bb_span_starts_with(pattern, BB_SPAN("(*")))
        return say(reason, reason_size, "a pattern does not begin with (*");
    struct bb_promql_regex *regex = bb_arena_take_array(arena, 1, sizeof *regex);
    pcre2_general_context *memory = pcre2_general_context_create(take, forget, arena);
    if (!regex || !memory)
        return say(reason, reason_size, no_room);
    regex->pattern = bb_arena_copy(arena, pattern);
    if (!regex->pattern.data)
        return say(reason, reason_size, no_room);
    if (!compile(regex, memory, reason, reason_size))
        return false;
    regex->data = pcre2_match_data_create(1, memory); /* where groups matched is of no interest */
    regex->limits = pcre2_match_context_create(memory);
    if (!regex->data || !regex->limits)
        return say(reason, reason_size, no_room);
    pcre2_set_match_limit(regex->limits, BB_PROMQL_REGEX_STEPS);
    pcre2_set_depth_limit(regex->limits, BB_PROMQL_REGEX_DEPTH);
    pcre2_set_heap_limit(regex->limits, BB_PROMQL_REGEX_HEAP_KIB);
    *out = regex;
    return true;
}

int bb_promql_regex_matches(struct bb_promql_regex *regex, struct bb_span text, bool *matches,
                            struct bb_error *error) {
    int found = pcre2_match(regex->code, (PCRE2_SPTR)(text.size > 0 ? text.data : ""), text.size, 0,
                            0, regex->data, regex->limits);

    *matches = found >= 0; /* 0: matched, with more groups than there is room for */
    if (found >= 0 || found == PCRE2_ERROR_NOMATCH)
        return 0;
    if (found == PCRE2_ERROR_NOMEMORY)
        return BB_FAIL(error, BB_E_PROMQL_LIMIT, "the query takes more memory than it may");
    int shown = regex->pattern.size < 80 ? (int)regex->pattern.size : 80;
    return BB_FAIL(error, BB_E_PROMQL_LIMIT,
                   "the pattern \"%.*s\" takes too many steps to try; write it with fewer nested "
                   "or neighbouring * and +",
                   shown, regex->pattern.data);
}
