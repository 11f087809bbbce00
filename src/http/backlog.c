/* Refusing posts while readings wait too long: see backlog_internal.h. */
#include "http/backlog_internal.h"

#include "http/call_internal.h"
#include "model/timestamp.h"

enum { RETRY_MOST_S = 600 };

static void tell_begin(const struct bb_http_backlog *backlog, int64_t age_ms,
                       const struct bb_logger *logger) {
    BB_LOG_LINE(logger, BB_LOG_WARNING, "posts are refused, as readings wait too long",
                bb_field_decision("backlog-refuse"),
                bb_field_number("waited_s", age_ms / BB_SECOND_MS),
                bb_field_number("limit_s", backlog->limit_ms / BB_SECOND_MS));
}

static void tell_end(const struct bb_http_backlog *backlog, const struct bb_logger *logger) {
    BB_LOG_LINE(logger, BB_LOG_INFO, "posts are taken again", bb_field_decision("backlog-take"),
                bb_field_number("refused", (int64_t)atomic_load(&backlog->refused)),
                bb_field_number("took_s", (backlog->last_ms - backlog->since_ms) / BB_SECOND_MS));
}

void bb_http_backlog_note(struct bb_http_backlog *backlog, int64_t age_ms, int64_t now_ms,
                          const struct bb_logger *logger) {
    bool refuses = age_ms > backlog->limit_ms;

    atomic_store(&backlog->age_ms, age_ms);
    if (refuses)
        backlog->last_ms = now_ms;
    if (refuses && !backlog->is_told) {
        backlog->is_told = true;
        backlog->since_ms = now_ms;
        atomic_store(&backlog->refused, 0);
        tell_begin(backlog, age_ms, logger);
    } else if (backlog->is_told && now_ms - backlog->last_ms >= BB_HTTP_BACKLOG_CALM_MS) {
        backlog->is_told = false;
        tell_end(backlog, logger);
    }
}

/* Behind by so much more than it may be: as long will it take at least, as nothing new is taken. */
int bb_http_backlog_check(struct bb_http_call *call, struct bb_error *error) {
    struct bb_http_backlog *backlog = &call->server->watcher.backlog;
    int64_t age_ms = atomic_load(&backlog->age_ms), limit_ms = backlog->limit_ms;

    if (age_ms <= limit_ms)
        return 0;
    int64_t retry_s = (age_ms - limit_ms) / BB_SECOND_MS + 1;
    bb_http_set_header_u64(call, "Retry-After",
                           (uint64_t)(retry_s < RETRY_MOST_S ? retry_s : RETRY_MOST_S));
    atomic_fetch_add(&backlog->refused, 1);
    return BB_FAIL(error, BB_E_BACKLOG,
                   "readings have waited %lld s to be derived, %lld s is the most",
                   (long long)(age_ms / BB_SECOND_MS), (long long)(limit_ms / BB_SECOND_MS));
}
