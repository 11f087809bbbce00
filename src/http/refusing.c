/* While the plant takes nothing: see refusing_internal.h. */
#include "http/refusing_internal.h"

#include "http/call_internal.h"
#include "model/timestamp.h"

enum { RETRY_MOST_S = 600 };

static const struct cause {
    enum bb_error_code code; /* that is answered */
    const char *begin, *begin_decision, *end, *end_decision;
} causes[BB_HTTP_CAUSES] = {
    [BB_HTTP_BEHIND] = {BB_E_BACKLOG, "posts are refused, as readings wait too long to be derived",
                        "backlog-refuse", "posts are taken again", "backlog-take"},
    [BB_HTTP_DISK_FULL] = {BB_E_DISK_FULL, "what comes is refused, as the disk is full",
                           "disk-refuse", "there is room on the disk again", "disk-take"}};

void bb_http_refusing_count(struct bb_http_refusing *r, enum bb_error_code code) {
    if (code == BB_OK && atomic_load_explicit(&r->is_full, memory_order_relaxed))
        atomic_store(&r->is_full, false);
    if (code == BB_E_DISK_FULL)
        atomic_store(&r->is_full, true);
    for (int i = 0; i < BB_HTTP_CAUSES; i++)
        if (code == causes[i].code)
            atomic_fetch_add(&r->spells[i].refused, 1);
}

/* ---- what is said of it */

static void tell_begin(const struct cause *cause, const struct bb_logger *logger) {
    BB_LOG_LINE(logger, BB_LOG_WARNING, cause->begin, bb_field_decision(cause->begin_decision));
}

static void tell_end(const struct cause *cause, const struct bb_http_spell *spell, uint64_t refused,
                     const struct bb_logger *logger) {
    BB_LOG_LINE(logger, BB_LOG_INFO, cause->end, bb_field_decision(cause->end_decision),
                bb_field_number("refused", (int64_t)refused),
                bb_field_number("took_s", (spell->last_ms - spell->since_ms) / BB_SECOND_MS));
}

static void look(struct bb_http_spell *spell, const struct cause *cause, bool refuses,
                 int64_t now_ms, const struct bb_logger *logger) {
    if (refuses)
        spell->last_ms = now_ms;
    if (refuses && !spell->is_told) {
        spell->is_told = true;
        spell->since_ms = now_ms;
        tell_begin(cause, logger);
    } else if (spell->is_told && now_ms - spell->last_ms >= BB_HTTP_CALM_MS) {
        spell->is_told = false;
        tell_end(cause, spell, atomic_exchange(&spell->refused, 0), logger);
    }
}

void bb_http_refusing_look(struct bb_http_refusing *r, int64_t now_ms,
                           const struct bb_logger *logger) {
    const bool refuses[BB_HTTP_CAUSES] = {[BB_HTTP_BEHIND] = atomic_load(&r->age_ms) > r->limit_ms,
                                          [BB_HTTP_DISK_FULL] = atomic_load(&r->is_full)};

    for (int i = 0; i < BB_HTTP_CAUSES; i++)
        look(&r->spells[i], &causes[i], refuses[i], now_ms, logger);
}

/* ---- the backlog */

/* Behind by so much more than it may be: as long will it take at least, as nothing new is taken. */
int bb_http_backlog_check(struct bb_http_call *call, struct bb_error *error) {
    const struct bb_http_refusing *refusing = &call->server->watcher.refusing;
    int64_t age_ms = atomic_load(&refusing->age_ms), limit_ms = refusing->limit_ms;

    if (age_ms <= limit_ms)
        return 0;
    int64_t retry_s = (age_ms - limit_ms) / BB_SECOND_MS + 1;
    bb_http_set_header_u64(call, "Retry-After",
                           (uint64_t)(retry_s < RETRY_MOST_S ? retry_s : RETRY_MOST_S));
    return BB_FAIL(error, BB_E_BACKLOG,
                   "readings have waited %lld s to be derived, %lld s is the most",
                   (long long)(age_ms / BB_SECOND_MS), (long long)(limit_ms / BB_SECOND_MS));
}
