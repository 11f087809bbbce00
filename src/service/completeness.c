/* Completeness: see completeness.h. Channel by channel: the bounds of what is expected from coverage
 * and two raw blocks, the days from lane day; lane vee is read only where a day is not whole, and only
 * until the first gap. */
#include "service/completeness.h"
#include "service/completeness_internal.h"
#include "service/query_internal.h"

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}
static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* ---- counting */

static int64_t wall_ms(const struct bb_zone *zone, int64_t t) {
    return t + bb_zone_offset_s(zone, t) * (int64_t)BB_SECOND_MS;
}

/* Of 0, 1, 2 ... times the interval behind the first, how many have come by t. */
static int64_t come_by(int64_t first_ms, int64_t interval_ms, int64_t t) {
    return t < first_ms ? 0 : (t - first_ms) / interval_ms + 1;
}

uint64_t bb_completeness_expected(const struct bb_zone *zone, uint32_t interval_s, int64_t first_ms,
                                  int64_t from_ms, int64_t to_ms) {
    const int64_t interval_ms = interval_s * (int64_t)BB_SECOND_MS;

    if (interval_ms % BB_DAY_MS == 0) {
        first_ms = wall_ms(zone, first_ms);
        from_ms = wall_ms(zone, from_ms);
        to_ms = wall_ms(zone, to_ms);
    }
    int64_t count = come_by(first_ms, interval_ms, to_ms) - come_by(first_ms, interval_ms, from_ms);
    return count > 0 ? (uint64_t)count : 0; /* the clock may have gone back */
}

void bb_completeness_chain_add(struct bb_completeness_chain *chain, int64_t start_ms,
                               int64_t end_ms) {
    if (chain->to_ms != BB_TIME_NONE && start_ms - chain->to_ms > chain->reach_ms)
        chain->is_broken = true;
    if (!chain->is_broken && (chain->to_ms == BB_TIME_NONE || end_ms > chain->to_ms))
        chain->to_ms = end_ms;
}

/* ---- a channel's bounds */

struct bounds {
    int64_t start_ms, first_ms; /* of the first reading: where it begins and ends */
    int64_t until_ms;           /* up to where something is expected */
};

/* The first (or last) row with a value of a raw block; block->count: none. */
static uint32_t find_value(const struct bb_block *block, bool last) {
    for (uint32_t i = 0; i < block->count; i++) {
        uint32_t row = last ? block->count - 1 - i : i;
        const struct bb_attribute *a = &block->attributes.items[block->attribute[row]];
        if (a->quality.state != BB_STATE_MISSING)
            return row;
    }
    return block->count;
}

/* The first (or last) reading with a value. BB_ABSENT: there is none. */
static int find_end(struct bb_query_channel *c, bool last, int64_t *start_ms, int64_t *end_ms,
                    struct bb_error *error) {
    const struct bb_coverage *coverage = &c->coverage;
    int32_t day = coverage->count == 0 ? BB_DAY_NONE
                  : last               ? coverage->runs[coverage->count - 1].last
                                       : coverage->runs[0].first;

    while (day != BB_DAY_NONE) {
        struct bb_block block;
        int result = bb_query_raw_of_day(c, day, &block, error);
        if (result)
            return result;
        uint32_t row = find_value(&block, last);
        if (row < block.count) {
            const struct bb_attribute *a = &block.attributes.items[block.attribute[row]];
            *end_ms = block.end_ms[row];
            *start_ms = *end_ms - a->length_s * (int64_t)BB_SECOND_MS;
            return BB_FOUND;
        }
        day = last ? bb_coverage_before(coverage, day) : bb_coverage_after(coverage, day);
    }
    return BB_ABSENT;
}

static int find_until(struct bb_query_channel *c, int64_t *until_ms, struct bb_error *error) {
    int64_t start_ms;
    int result = find_end(c, true, &start_ms, until_ms, error);

    if (result == BB_FOUND && c->tick_ms > *until_ms)
        *until_ms = earlier(c->tick_ms, *until_ms + BB_TICK_DAYS * (int64_t)BB_DAY_MS);
    return result;
}

static int find_bounds(struct bb_query_channel *c, struct bounds *b, struct bb_error *error) {
    int result = find_end(c, false, &b->start_ms, &b->first_ms, error);

    return result ? result : find_until(c, &b->until_ms, error);
}

/* ---- a channel's days */

struct day {
    struct bb_period_bounds bounds;
    uint32_t present, estimated;
    int64_t measured_ms;
    bool whole; /* its values cover it, or are as many as it expects */
};

struct days { /* of one channel, from its first reading on */
    struct bb_query_channel *c;
    struct bounds bounds;
    struct day *items;
    size_t count, next; /* next: while rows are filled in */
    struct bb_completeness_chain chain;
};

static uint64_t expected_of(const struct days *d, const struct day *day) {
    const struct bb_channel *channel = &d->c->channel;

    return channel->interval_s == 0
               ? 0
               : bb_completeness_expected(channel->calendar.zone, channel->interval_s,
                                          d->bounds.first_ms, day->bounds.start_ms,
                                          earlier(day->bounds.end_ms, d->bounds.until_ms));
}

static int lay_out(struct days *d, struct bb_error *error) {
    const struct bb_calendar *calendar = &d->c->channel.calendar;
    /* An instant at the end of a day is of that day; an interval may begin there. */
    const int64_t until_ms = d->bounds.until_ms;
    int64_t t = earlier(d->bounds.start_ms + 1, d->bounds.first_ms);
    /* Local days have 24 hours but for what the offset changes between the first and the last. */
    size_t capacity = (size_t)((until_ms - t) / BB_DAY_MS) + 6;
    struct bb_day_cache cache = {.zone = NULL};

    d->items = bb_arena_take_array(d->c->arena, capacity, sizeof d->items[0]);
    if (!d->items)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the days of a channel");
    while (t <= until_ms) {
        BB_ASSERT(d->count < capacity);
        d->items[d->count] = (struct day){.bounds = bb_day_cache_find(&cache, calendar, t)};
        t = d->items[d->count++].bounds.end_ms + 1;
    }
    return 0;
}

/* Rows come in the order of days. A bb_query_visit. */
static int take_day(void *context, const struct bb_query_row *row) {
    struct days *d = context;
    const struct bb_quality *q = row->quality;

    while (d->next < d->count && d->items[d->next].bounds.end_ms < row->end_ms)
        d->next++;
    if (d->next == d->count || d->items[d->next].bounds.end_ms != row->end_ms)
        return 0;
    struct day *day = &d->items[d->next];
    day->present = row->present;
    day->estimated = row->estimated;
    day->measured_ms = row->measured_ms;
    if (d->c->channel.kind == BB_KIND_INTERVAL) {
        /* Overlapping intervals cover some of it twice, and may hide a gap. */
        day->whole = row->has_value && q->state != BB_STATE_PARTIAL &&
                     !(q->checks & 1u << BB_CHECK_OVERLAP);
    } else {
        uint64_t expected = expected_of(d, day);
        day->whole = expected > 0 && day->present >= expected;
    }
    return 0;
}

static int read_lane(struct bb_query_channel *c, enum bb_lane lane, int64_t from_ms, int64_t to_ms,
                     bb_query_visit *visit, void *context, struct bb_error *error) {
    const struct bb_query *asked = c->query;
    struct bb_query query = *asked;
    uint64_t left = UINT64_MAX;

    query.lane = lane;
    query.from_ms = from_ms;
    query.to_ms = to_ms;
    c->query = &query;
    c->visit = visit;
    c->context = context;
    c->left = &left;
    int result = bb_query_lane(c, error);
    c->query = asked;
    return result < 0 ? result : 0;
}

/* ---- up to where nothing is missing */

/* A bb_query_visit. */
static int take_value(void *context, const struct bb_query_row *row) {
    struct days *d = context;
    const int64_t start_ms = d->c->channel.kind == BB_KIND_INTERVAL ? row->start_ms : row->end_ms;

    if (row->has_value && row->end_ms >= d->bounds.first_ms &&
        !(row->quality->marks & (BB_MARK_DIP | BB_MARK_FOREIGN)))
        bb_completeness_chain_add(&d->chain, start_ms, row->end_ms);
    return d->chain.is_broken;
}

/* Does the chain run through the whole day, as its row says? The end of instants is that of the last
 * one, which only lane vee knows. */
static bool runs_through(const struct days *d, size_t i) {
    if (d->c->channel.kind == BB_KIND_INTERVAL)
        return d->items[i].whole && d->chain.to_ms >= d->items[i].bounds.start_ms;
    return d->items[i].whole && i + 1 < d->count;
}

/* Read lane vee of days that are not whole. Instants go on from the last one of the day before. */
static int walk(struct days *d, size_t first, size_t behind, struct bb_error *error) {
    int64_t from_ms = d->items[first].bounds.start_ms;

    if (d->c->channel.kind != BB_KIND_INTERVAL && first > 0 && d->items[first - 1].whole) {
        from_ms = d->items[first - 1].bounds.start_ms;
        d->chain.to_ms = BB_TIME_NONE;
    }
    return read_lane(d->c, BB_LANE_VEE, from_ms, d->items[behind - 1].bounds.end_ms + 1, take_value,
                     d, error);
}

static int find_contiguous(struct days *d, struct bb_error *error) {
    const struct bb_channel *channel = &d->c->channel;
    const bool intervals = channel->kind == BB_KIND_INTERVAL;
    int result = 0;

    d->chain.to_ms = BB_TIME_NONE;
    if (channel->interval_s == 0)
        return 0;
    d->chain.to_ms = intervals ? d->bounds.start_ms : d->bounds.first_ms;
    d->chain.reach_ms = intervals ? 0 : channel->interval_s * (int64_t)BB_SECOND_MS * 3 / 2;
    for (size_t i = 0; !result && i < d->count && !d->chain.is_broken;) {
        if (runs_through(d, i)) {
            d->chain.to_ms = d->items[i++].bounds.end_ms;
            continue;
        }
        size_t behind = i + 1;
        while (behind < d->count && !d->items[behind].whole)
            behind++;
        /* The instant behind those that lack is that of a whole day. */
        behind += !intervals && behind < d->count;
        result = walk(d, i, behind, error);
        i = behind;
    }
    return result;
}

/* ---- rows */

struct run {
    const struct bb_completeness *asked;
    struct bb_completeness_sum *sum;
    bb_completeness_visit *visit;
    void *context;
    int64_t latest_ms; /* known of any channel; BB_TIME_NONE: not looked for */
    bool stopped;
};

static int64_t bound_ms(const struct bb_calendar *calendar, struct bb_completeness_bound bound,
                        int64_t open_ms) {
    if (bound.ms == BB_TIME_NONE)
        return open_ms;
    return bound.is_local ? bb_zone_first_at(calendar->zone, bound.ms + calendar->day_start_s *
                                                                            (int64_t)BB_SECOND_MS)
                          : bound.ms;
}

/* The days with from < end <= to. */
static struct bb_period_bounds range_of(const struct run *run, const struct bb_calendar *calendar) {
    struct bb_period_bounds range = {bound_ms(calendar, run->asked->from, INT64_MIN),
                                     bound_ms(calendar, run->asked->to, INT64_MAX)};

    if (run->latest_ms == BB_TIME_NONE)
        return range;
    range.start_ms = bb_calendar_period(calendar, BB_PERIOD_DAY, run->latest_ms).start_ms;
    for (int i = 1; i < BB_COMPLETENESS_DAYS; i++)
        range.start_ms = bb_calendar_period(calendar, BB_PERIOD_DAY, range.start_ms).start_ms;
    return range;
}

static struct bb_completeness_row row_of(const struct days *d, const struct day *day) {
    int64_t from_ms = later(day->bounds.start_ms, d->bounds.start_ms);
    int64_t to_ms = earlier(day->bounds.end_ms, d->bounds.until_ms);
    struct bb_completeness_row row = {.usage_point = d->c->usage_point,
                                      .channel = d->c->name,
                                      .start_ms = day->bounds.start_ms,
                                      .end_ms = day->bounds.end_ms,
                                      .has_expected = d->c->channel.interval_s > 0,
                                      .present = day->present,
                                      .estimated = day->estimated,
                                      .expected = expected_of(d, day),
                                      .expected_ms = later(to_ms - from_ms, 0),
                                      .contiguous_to_ms = d->chain.to_ms};
    uint64_t there = row.present + row.estimated;

    row.measured_ms = earlier(day->measured_ms, row.expected_ms);
    row.missing = day->whole || row.expected <= there ? 0 : row.expected - there;
    return row;
}

static void count(struct bb_completeness_sum *sum, const struct bb_completeness_row *row) {
    sum->days++;
    if (!row->has_expected) {
        sum->unknown++;
    } else if (row->missing == 0) {
        sum->complete++;
        sum->estimated += row->estimated > 0;
    }
}

static int tell_days(struct run *run, const struct days *d) {
    const struct bb_period_bounds range = range_of(run, &d->c->channel.calendar);
    uint64_t before = run->sum->days;

    for (size_t i = 0; i < d->count && !run->stopped; i++) {
        const struct day *day = &d->items[i];
        if (day->bounds.end_ms <= range.start_ms || day->bounds.end_ms > range.end_ms)
            continue;
        struct bb_completeness_row row = row_of(d, day);
        count(run->sum, &row);
        run->stopped = run->visit(run->context, &row) != 0;
    }
    if (run->sum->days > before)
        run->sum->channels++;
    else
        run->sum->silent++;
    return run->stopped;
}

/* ---- the channels. Each is a bb_query_act. */

static int tell_channel(struct bb_query_channel *c, void *context, struct bb_error *error) {
    struct days d = {.c = c};

    if (c->channel.kind == BB_KIND_EVENT)
        return 0;
    int result = find_bounds(c, &d.bounds, error);
    if (result)
        return result < 0 ? result : 0;
    result = lay_out(&d, error);
    if (!result)
        result = read_lane(c, BB_LANE_DAY, BB_TIME_NONE, BB_TIME_NONE, take_day, &d, error);
    /* A register's first reading alone makes no value of its day, which then has no row. */
    if (d.count > 0 && c->channel.kind == BB_KIND_REGISTER && d.items[0].present == 0)
        d.items[0].present = 1;
    if (!result)
        result = find_contiguous(&d, error);
    return result ? result : tell_days(context, &d);
}

static int find_latest(struct bb_query_channel *c, void *context, struct bb_error *error) {
    struct run *run = context;
    int64_t until_ms;

    if (c->channel.kind == BB_KIND_EVENT)
        return 0;
    int result = find_until(c, &until_ms, error);
    if (result == BB_FOUND && (run->latest_ms == BB_TIME_NONE || until_ms > run->latest_ms))
        run->latest_ms = until_ms;
    return result < 0 ? result : 0;
}

/* One that is asked for by name has to be known; of all, those without channels have no days. */
static int each_channel(struct bb_plant *plant, struct run *run, struct bb_span first,
                        bb_query_act *act, struct bb_error *error) {
    const struct bb_query query = {.tenant = run->asked->tenant,
                                   .usage_point = run->asked->usage_point,
                                   .lane = BB_LANE_DAY,
                                   .from_ms = BB_TIME_NONE,
                                   .to_ms = BB_TIME_NONE,
                                   .as_of_ms = run->asked->as_of_ms};

    return query.usage_point.size > 0 ? bb_query_channels(plant, &query, act, run, error)
                                      : bb_query_every(plant, &query, first, act, run, error);
}

bool bb_completeness_bound_parse(struct bb_span text, struct bb_completeness_bound *out) {
    enum { DATE_SIZE = 10 };
    enum bb_time_outcome outcome = bb_time_parse_rfc3339(text, &out->ms);

    out->is_local = outcome == BB_TIME_LOCAL;
    return outcome == BB_TIME_OK || (out->is_local && text.size == DATE_SIZE);
}

int bb_completeness_run(struct bb_plant *plant, const struct bb_completeness *asked,
                        bb_completeness_visit *visit, void *context,
                        struct bb_completeness_sum *sum, struct bb_error *error) {
    struct run run = {
        .asked = asked, .sum = sum, .visit = visit, .context = context, .latest_ms = BB_TIME_NONE};
    int result = 0;

    *sum = (struct bb_completeness_sum){0};
    if (asked->from.ms == BB_TIME_NONE && asked->to.ms == BB_TIME_NONE) {
        if (asked->latest_ms)
            run.latest_ms = asked->latest_ms;
        else
            result = each_channel(plant, &run, BB_SPAN(""), find_latest, error);
    }
    sum->latest_ms = run.latest_ms;
    if (!result)
        result = each_channel(plant, &run, asked->first, tell_channel, error);
    return result ? result : run.stopped;
}
