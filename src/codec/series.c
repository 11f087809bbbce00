/* What every codec checks and completes: see codec.h. */
#include "codec/codec.h"
#include "model/obis.h"

enum text_outcome { TEXT_OK = 0, TEXT_CONTROL, TEXT_INVALID };

static bool is_continuation(unsigned char c) {
    return (c & 0xc0) == 0x80;
}

/* The length of the UTF-8 sequence at `at`, 0 when it is none (overlong, a surrogate, cut off). */
static size_t sequence_size(const unsigned char *at, size_t left) {
    if (at[0] < 0x80)
        return 1;
    if (at[0] >= 0xc2 && at[0] < 0xe0)
        return left >= 2 && is_continuation(at[1]) ? 2 : 0;
    if (at[0] >= 0xe0 && at[0] < 0xf0) {
        if (left < 3 || !is_continuation(at[1]) || !is_continuation(at[2]))
            return 0;
        if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] >= 0xa0))
            return 0;
        return 3;
    }
    if (at[0] < 0xf0 || at[0] > 0xf4 || left < 4 || !is_continuation(at[1]) ||
        !is_continuation(at[2]) || !is_continuation(at[3]))
        return 0;
    if ((at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] >= 0x90))
        return 0;
    return 4;
}

/* NUL counts as invalid: it is the sign of another encoding, not of a careless name. */
static enum text_outcome check_text(struct bb_span s) {
    const unsigned char *at = (const unsigned char *)s.data, *end = at + s.size;
    enum text_outcome outcome = TEXT_OK;

    while (at < end) {
        size_t size = sequence_size(at, (size_t)(end - at));
        if (size == 0 || *at == 0)
            return TEXT_INVALID;
        if (*at < 0x20 || *at == 0x7f || (at[0] == 0xc2 && size == 2 && at[1] < 0xa0))
            outcome = TEXT_CONTROL;
        at += size;
    }
    return outcome;
}

int bb_name_check(struct bb_span name, const char *what, struct bb_error *error) {
    if (name.size == 0)
        return BB_FAIL(error, BB_E_NAME, "the %s is empty; it has 1 to %d bytes", what,
                       BB_NAME_MAX);
    switch (check_text(name)) {
    case TEXT_INVALID:
        return BB_FAIL(error, BB_E_ENCODING,
                       "the %s is no UTF-8 text (or holds a NUL byte); convert the file: "
                       "iconv -f LATIN1 -t UTF-8",
                       what);
    case TEXT_CONTROL: return BB_FAIL(error, BB_E_NAME, "the %s holds a control character", what);
    case TEXT_OK: break;
    }
    if (name.size > BB_NAME_MAX)
        return BB_FAIL(error, BB_E_NAME, "the %s has %zu bytes; it has 1 to %d", what, name.size,
                       BB_NAME_MAX);
    return 0;
}

int bb_time_check(const struct bb_decode_options *options, int64_t end_ms, struct bb_error *error) {
    const int64_t ahead_ms = (int64_t)BB_FUTURE_LIMIT_H * BB_HOUR_MS;
    char text[BB_TIME_TEXT_MAX];

    if (end_ms >= BB_EARLIEST_MS && end_ms <= options->received_ms + ahead_ms)
        return 0;
    bb_time_format_utc(end_ms, text);
    if (end_ms < BB_EARLIEST_MS)
        return BB_FAIL(error, BB_E_TIME_RANGE,
                       "the time %s lies before 1990-01-01, the earliest that is accepted", text);
    return BB_FAIL(error, BB_E_TIME_RANGE,
                   "the time %s lies more than %d h ahead of the moment it was received", text,
                   BB_FUTURE_LIMIT_H);
}

/* What a series is must be known before its readings are taken; the registry is asked for that where its source leaves it open,
 * and for nothing else, as the answer may be far away. What else master data says of a channel counts when it is derived. */
static void ask_registry(const struct bb_decode_options *options, struct bb_series *series) {
    bool open = series->kind == BB_KIND_UNKNOWN || series->unit == BB_UNIT_NONE ||
                (series->kind == BB_KIND_INTERVAL && series->interval_s == 0);

    if (!options->resolve || !open)
        return;
    struct bb_series answer = *series;
    options->resolve(options->resolve_context, &answer);
    if (series->kind == BB_KIND_UNKNOWN)
        series->kind = answer.kind;
    if (series->interval_s == 0)
        series->interval_s = answer.interval_s;
    if (series->unit == BB_UNIT_NONE)
        series->unit = answer.unit;
    if (series->commodity == BB_COMMODITY_UNKNOWN)
        series->commodity = answer.commodity;
}

/* The canonical code is written into memory of this thread: it lives until the next call, which is
 * as long as a series lives before it is added to its table. */
static void ask_obis(struct bb_series *series) {
    static _Thread_local char text[BB_OBIS_TEXT_MAX];
    struct bb_obis code;

    if (!bb_obis_parse(series->obis.size > 0 ? series->obis : series->channel, &code))
        return;
    if (series->obis.size == 0)
        series->obis = (struct bb_span){text, bb_obis_format(&code, text)};
    if (series->kind == BB_KIND_UNKNOWN)
        series->kind = (uint8_t)bb_obis_kind(&code);
    if (series->commodity == BB_COMMODITY_UNKNOWN)
        series->commodity = (uint8_t)bb_obis_commodity(&code);
}

int bb_series_complete(const struct bb_decode_options *options, struct bb_series *series,
                       struct bb_error *error) {
    if (series->kind == BB_KIND_UNKNOWN)
        series->kind = (uint8_t)options->kind;
    if (series->interval_s == 0)
        series->interval_s = options->interval_s;
    ask_registry(options, series);
    ask_obis(series);
    if (series->kind == BB_KIND_UNKNOWN)
        return BB_FAIL(error, BB_E_KIND_UNKNOWN,
                       "is channel \"%.*s\" of \"%.*s\" the use of a period (interval), a counter "
                       "(register) or a momentary value (gauge)? Answer with --kind register "
                       "(?kind=register), or `kind: register` in a map; or --kind interval "
                       "--interval 15m",
                       BB_SPAN_ARGS(series->channel), BB_SPAN_ARGS(series->usage_point));
    if (series->kind == BB_KIND_INTERVAL && series->interval_s == 0)
        return BB_FAIL(error, BB_E_INTERVAL_UNKNOWN,
                       "how long are the intervals of channel \"%.*s\" of \"%.*s\"? Answer with "
                       "--interval 15m (?interval=15m), or `interval: 15m` in a map",
                       BB_SPAN_ARGS(series->channel), BB_SPAN_ARGS(series->usage_point));
    return 0;
}
