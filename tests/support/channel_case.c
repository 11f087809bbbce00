/* Random small channels: see channel_case.h. */
#include "support/channel_case.h"

#include <stdio.h>
#include <stdlib.h>

#include "model/unit.h"

const char *const case_kind_names[CASE_KINDS] = {"regular", "irregular", "register",
                                                 "gauge",   "sparse",    "season"};

/* Where and when: around changes of the clock, of the year, and where nothing happens. */
static const struct {
    const char *zone;
    int year, month, day;
    int32_t day_start_s;
} scenes[] = {
    {"Europe/Amsterdam", 2025, 3, 29, 0},
    {"Europe/Amsterdam", 2025, 10, 25, 0},
    {"Europe/Amsterdam", 2025, 3, 29, 6 * 3600}, /* gas */
    {"Europe/Amsterdam", 2025, 10, 25, 6 * 3600},
    {"Europe/Amsterdam", 2024, 12, 30, 0},
    {"UTC", 2024, 12, 30, 0},
    {"UTC", 2025, 1, 1, 0}, /* long intervals reach back into a year without readings */
    {"Europe/Amsterdam", 2025, 1, 2, 0},
    {"UTC", 2025, 6, 10, 0},
    {"Asia/Kolkata", 2025, 6, 10, 0},
    {"Australia/Lord_Howe", 2025, 4, 5, 0},
    {"Australia/Lord_Howe", 2025, 10, 4, 0},
    {"America/St_Johns", 2025, 11, 1, 0},
    {"Pacific/Auckland", 2024, 12, 30, 0},
};
enum { SCENES = sizeof scenes / sizeof scenes[0], DELIVERIES = 6 };

struct maker {
    struct channel_case *c;
    struct bb_random r;
    enum case_kind kind;
    int64_t start_ms; /* of the data */
    int64_t span_ms;
    int64_t received_ms[DELIVERIES];
    int64_t lines[DELIVERIES];
    int exponent;
    int64_t value; /* of the register */
};

static uint64_t below(struct maker *m, uint64_t bound) {
    return bb_random_below(&m->r, bound);
}

static bool chance(struct maker *m, unsigned percent) {
    return below(m, 100) < percent;
}

static void put(struct maker *m, struct telling *t) {
    struct channel_case *c = m->c;
    size_t delivery = below(m, DELIVERIES);

    if (c->count == c->capacity) {
        c->capacity = c->capacity ? c->capacity * 2 : 256;
        c->tellings = realloc(c->tellings, c->capacity * sizeof c->tellings[0]);
        BB_ASSERT(c->tellings);
    }
    t->received_ms = m->received_ms[delivery];
    t->line = chance(m, 3) ? m->lines[delivery] : ++m->lines[delivery];
    t->issued_ms = t->received_ms;
    if (chance(m, 20)) /* a sender's clock; now and then two versions of one moment */
        t->issued_ms = m->received_ms[0] - (int64_t)below(m, 5) * BB_HOUR_MS;
    c->tellings[c->count++] = *t;
}

static void withdraw(struct maker *m, struct telling t) {
    t.mantissa = 0;
    t.attribute.quality = (struct bb_quality){.state = BB_STATE_MISSING,
                                              .marks = BB_MARK_WITHDRAWN};
    put(m, &t);
}

/* Another telling of the same time: what differs is up to the dice. */
static void vary(struct maker *m, struct telling *t) {
    switch (below(m, 14)) {
    case 0:
    case 1: /* the same again */ break;
    case 2: /* the same number with another digit */
        t->mantissa *= 10;
        t->attribute.exponent--;
        break;
    case 3:
    case 4:
    case 5: /* another number */ t->mantissa += (int64_t)below(m, 9) - 4; break;
    case 6: t->attribute.quality.state = BB_STATE_ESTIMATED; break;
    case 7: t->attribute.quality.marks |= BB_MARK_FINAL; break;
    case 8:
        t->attribute.quality.state = chance(m, 50) ? BB_STATE_EDITED : BB_STATE_SUBSTITUTED;
        memcpy(t->attribute.quality.source, "S14", 3);
        break;
    case 9: /* now and then a missing row that is final, so that it wins */
        t->attribute.quality.state = BB_STATE_MISSING;
        t->attribute.quality.marks |= chance(m, 50) ? BB_MARK_FINAL : 0;
        t->mantissa = 0;
        break;
    case 10: t->attribute.unit = chance(m, 70) ? BB_UNIT_WH : BB_UNIT_M3; break;
    case 11: /* a person accepts the value, or says that there is none */
        if (chance(m, 40)) {
            t->attribute.quality = (struct bb_quality){.state = BB_STATE_MISSING};
            t->mantissa = 0;
        }
        t->attribute.quality.marks |= BB_MARK_ACCEPTED;
        break;
    case 12: /* takes it back; what is told then is told by somebody else */ withdraw(m, *t); break;
    default:
        if (t->attribute.length_s > 2)
            t->attribute.length_s = chance(m, 50) ? t->attribute.length_s / 3 * 2
                                                  : t->attribute.length_s * 3;
        break;
    }
}

static int64_t some_value(struct maker *m) {
    if (m->kind == CASE_REGISTER) {
        m->value += (int64_t)below(m, 2000);
        if (chance(m, 3))
            m->value -= (int64_t)below(m, 5000); /* it falls */
        return m->value;
    }
    int64_t value = (int64_t)below(m, 5000);
    return chance(m, 4) ? -value : value;
}

static uint8_t some_unit(struct maker *m) {
    if (!chance(m, 12))
        return BB_UNIT_KWH;
    static const uint8_t units[] = {BB_UNIT_WH, BB_UNIT_MWH, BB_UNIT_MJ, BB_UNIT_L};
    return units[below(m, 4)];
}

static void tell(struct maker *m, int64_t end_ms, uint32_t length_s) {
    struct telling t = {
        .end_ms = end_ms,
        .mantissa = some_value(m),
        .attribute = {.length_s = length_s, .unit = some_unit(m), .exponent = (int8_t)m->exponent}};

    if (chance(m, 6)) {
        t.attribute.quality.state = BB_STATE_MISSING;
        t.mantissa = 0;
    }
    put(m, &t);
    bool far = length_s > 20000; /* reaches other days: let it be corrected more often */
    while (chance(m, far ? 60 : 18)) {
        if (far && chance(m, 50))
            t.attribute.length_s = 60 + (uint32_t)below(m, length_s);
        else
            vary(m, &t);
        put(m, &t);
    }
}

static void make_regular(struct maker *m) {
    uint32_t step_s = m->c->channel.interval_s;
    int64_t drift_ms = chance(m, 30) ? (int64_t)below(m, step_s) * BB_SECOND_MS : 0;
    int64_t skip_until = 0;

    for (int64_t t = m->start_ms + drift_ms; t < m->start_ms + m->span_ms;
         t += step_s * (int64_t)BB_SECOND_MS) {
        if (t >= skip_until && chance(m, 3))
            skip_until = t + (int64_t)below(m, chance(m, 50) ? 10 : 90) * step_s * BB_SECOND_MS;
        if (t < skip_until && !chance(m, 2))
            continue;
        uint32_t length_s = chance(m, 2) ? step_s * (1 + (uint32_t)below(m, 4)) / 2 : step_s;
        tell(m, t, length_s);
    }
}

static void make_irregular(struct maker *m) {
    int64_t t = m->start_ms;

    while (t < m->start_ms + m->span_ms) {
        int64_t step_s = 60 + (int64_t)below(m, chance(m, 10) ? 200000 : 9000);
        uint32_t length_s = (uint32_t)step_s;
        if (chance(m, 10))
            length_s = 1 + (uint32_t)below(m, 2 * (uint64_t)step_s); /* too short or too long */
        if (chance(m, 3))
            length_s = (uint32_t)below(m, 3 * 86400) + 1;
        t += step_s * BB_SECOND_MS + (int64_t)below(m, 1000) * chance(m, 20);
        tell(m, t, length_s);
    }
}

static void make_instants(struct maker *m) {
    for (int64_t t = m->start_ms; t < m->start_ms + m->span_ms;) {
        bool far = chance(m, 6);
        t += (int64_t)below(m, far ? 30 * (uint64_t)BB_HOUR_MS : 5400000) + 1;
        if (chance(m, 20))
            t -= t % BB_HOUR_MS; /* also just at midnight */
        tell(m, t, 0);
    }
}

/* A person says that (from, to] has no value, in one row or two; now and then not of all of it. */
static void deny(struct maker *m, int64_t from_ms, int64_t to_ms) {
    int64_t cut_ms = chance(m, 40) ? (int64_t)below(m, (uint64_t)(to_ms - from_ms)) : 0;
    int64_t cut_s = cut_ms / BB_SECOND_MS, whole_s = (to_ms - from_ms) / BB_SECOND_MS;
    struct telling none = {
        .end_ms = to_ms,
        .attribute = {.quality = {.state = BB_STATE_MISSING, .marks = BB_MARK_ACCEPTED},
                      .length_s = (uint32_t)(whole_s - cut_s),
                      .unit = BB_UNIT_KWH}};
    put(m, &none);
    if (cut_s == 0 || chance(m, 30))
        return;
    none.end_ms = from_ms + cut_s * BB_SECOND_MS;
    none.attribute.length_s = (uint32_t)cut_s;
    put(m, &none);
}

/* Clusters of a few readings; between them days or weeks, in which rows may say "missing", and of
 * which a person may say that there is nothing. */
static void make_sparse(struct maker *m) {
    int64_t step_ms = m->c->channel.interval_s * (int64_t)BB_SECOND_MS, t = m->start_ms;

    for (uint64_t cluster = 3 + below(m, 4); cluster-- > 0;) {
        for (uint64_t n = 1 + below(m, 4); n-- > 0; t += step_ms)
            tell(m, t, m->c->channel.interval_s);
        int64_t hole_ms = (int64_t)below(m, chance(m, 50) ? 3 : 20) * BB_DAY_MS +
                          (int64_t)below(m, 96) * step_ms;
        for (int64_t at = t; at < t + hole_ms; at += BB_DAY_MS) {
            struct telling missing = {.end_ms = at,
                                      .attribute = {.quality = {.state = BB_STATE_MISSING},
                                                    .length_s = m->c->channel.interval_s,
                                                    .unit = BB_UNIT_KWH}};
            if (chance(m, 40))
                put(m, &missing);
        }
        if (hole_ms > 0 && chance(m, 40))
            deny(m, t - step_ms, t + hole_ms - step_ms);
        t += hole_ms;
    }
}

/* An hour of a home: a shape of the day, noise, and hours and days that were told wrong. */
static void make_season(struct maker *m) {
    int64_t wrong_until = 0, gap_until = 0, value = 0;
    uint64_t wrong = 0, hours = (20 + below(m, 50)) * 24;
    int64_t offset_ms = chance(m, 20) ? (int64_t)below(m, 4) * 15 * BB_MINUTE_MS : 0;

    m->start_ms -= m->start_ms % BB_HOUR_MS;
    for (uint64_t h = 1; h <= hours; h++) {
        int64_t t = m->start_ms + offset_ms + (int64_t)h * BB_HOUR_MS;
        int64_t shape = h % 24 < 6 ? 100 : h % 24 > 17 ? 600 : 300;
        if (t >= wrong_until && chance(m, 1)) {
            wrong = below(m, 5);
            wrong_until = t + (int64_t)(1 + below(m, wrong == 0   ? 1
                                                     : wrong == 4 ? 300
                                                                  : 40)) *
                                  BB_HOUR_MS;
        }
        if (t >= gap_until && below(m, 200) == 0)
            gap_until = t + (int64_t)below(m, chance(m, 80) ? 4 : 24 * 10) * BB_HOUR_MS;
        bool odd = t < wrong_until;
        value = odd && wrong == 1 ? value : shape + (int64_t)below(m, 200);
        struct telling reading = {
            .end_ms = t,
            .mantissa = !odd         ? value
                        : wrong == 0 ? value * (int64_t)(2 + below(m, 40))
                        : wrong == 2 ? 0
                        : wrong == 3 ? value * 1000
                                     : value,
            .attribute = {.length_s = 3600, .unit = BB_UNIT_KWH, .exponent = -3}};
        if (odd && wrong == 4)
            reading.attribute.quality.state = BB_STATE_ESTIMATED;
        if (t >= gap_until)
            put(m, &reading);
        if (below(m, 300) == 0) {
            vary(m, &reading);
            put(m, &reading);
        }
    }
}

static void make_channel(struct maker *m) {
    static const uint32_t steps[] = {900, 1800, 3600};
    struct bb_channel *channel = &m->c->channel;
    size_t scene = below(m, SCENES);
    struct bb_error error;

    *channel = (struct bb_channel){.kind = m->kind == CASE_REGISTER ? BB_KIND_REGISTER
                                           : m->kind == CASE_GAUGE  ? BB_KIND_GAUGE
                                                                    : BB_KIND_INTERVAL,
                                   .derived_unit = BB_UNIT_KWH,
                                   .metered_unit = BB_UNIT_KWH,
                                   .one_way = chance(m, 50)};
    if (m->kind == CASE_SEASON)
        channel->interval_s = 3600;
    if (m->kind == CASE_REGULAR || m->kind == CASE_SPARSE ||
        (m->kind == CASE_GAUGE && chance(m, 50)))
        channel->interval_s = steps[below(m, 3)];
    bb_pipeline_defaults(&m->c->pipeline);
    if (chance(m, 15))
        m->c->pipeline.estimate[BB_METHOD_LINEAR].parameter[0] = (int64_t)below(m, 9) * BB_HOUR_MS;
    if (chance(m, 5))
        m->c->pipeline.check[below(m, BB_CHECK_COUNT)].on = false;
    channel->pipeline = &m->c->pipeline;
    m->c->zone_name = scenes[scene].zone;
    BB_ASSERT(bb_zone_load(NULL, bb_span_of(m->c->zone_name), &m->c->zone, &error) == 0);
    channel->calendar.zone = m->c->zone;
    channel->calendar.day_start_s = scenes[scene].day_start_s;
    m->start_ms = bb_days_from_civil(scenes[scene].year, scenes[scene].month, scenes[scene].day) *
                      (int64_t)BB_DAY_MS +
                  (int64_t)below(m, 24) * BB_HOUR_MS;
}

void channel_case_make(struct channel_case *c, enum case_kind kind, uint64_t seed) {
    channel_case_make_beside(c, kind, seed, NULL);
}

void channel_case_make_beside(struct channel_case *c, enum case_kind kind, uint64_t seed,
                              const struct channel_case *other) {
    struct maker m = {.c = c, .kind = kind, .value = 1000000};

    memset(c, 0, sizeof *c);
    bb_random_seed(&m.r, seed * CASE_KINDS + (uint64_t)kind);
    make_channel(&m);
    m.start_ms = other ? other->start_ms : m.start_ms;
    c->start_ms = m.start_ms;
    m.span_ms = (int64_t)(1 + below(&m, 4 * 24)) * BB_HOUR_MS;
    if (kind != CASE_REGULAR)
        m.span_ms *= 2;
    m.exponent = -(int)below(&m, 4);
    int64_t received_ms = m.start_ms + m.span_ms;
    for (int i = DELIVERIES - 1; i >= 0; i--) {
        /* the last come after all of the data, the first may come before the end of some */
        m.received_ms[i] = received_ms + (int64_t)below(&m, BB_HOUR_MS);
        received_ms -= (int64_t)below(&m, 12) * BB_HOUR_MS + BB_HOUR_MS;
    }
    switch (kind) {
    case CASE_REGULAR: make_regular(&m); break;
    case CASE_IRREGULAR: make_irregular(&m); break;
    case CASE_SPARSE: make_sparse(&m); break;
    case CASE_SEASON: make_season(&m); break;
    default: make_instants(&m);
    }
}

void channel_case_release(struct channel_case *c) {
    free(c->tellings);
    bb_zone_free(c->zone);
    memset(c, 0, sizeof *c);
}

/* ---- orders */

void tellings_shuffle(struct telling *tellings, size_t count, struct bb_random *r) {
    for (size_t i = count; i > 1; i--) {
        size_t k = bb_random_below(r, i);
        struct telling t = tellings[i - 1];
        tellings[i - 1] = tellings[k];
        tellings[k] = t;
    }
}

static int by_arrival(const void *a, const void *b) {
    const struct telling *x = a, *y = b;

    if (x->received_ms != y->received_ms)
        return x->received_ms < y->received_ms ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

void tellings_in_order(struct telling *tellings, size_t count) {
    if (count > 0)
        qsort(tellings, count, sizeof *tellings, by_arrival);
}

static int by_end(const void *a, const void *b) {
    const struct bb_told *x = a, *y = b;
    return (x->end_ms > y->end_ms) - (x->end_ms < y->end_ms);
}

struct bb_told *tellings_told(const struct telling *tellings, size_t count,
                              struct bb_attribute_set *attributes) {
    struct bb_told *told = malloc(count * sizeof *told + 1);

    BB_ASSERT(told);
    for (size_t i = 0; i < count; i++)
        told[i] = (struct bb_told){
            .end_ms = tellings[i].end_ms,
            .mantissa = tellings[i].mantissa,
            .received_ms = tellings[i].received_ms,
            .issued_ms = tellings[i].issued_ms,
            .line = tellings[i].line,
            .attribute = bb_attribute_set_index(attributes, &tellings[i].attribute)};
    qsort(told, count, sizeof *told, by_end);
    return told;
}
