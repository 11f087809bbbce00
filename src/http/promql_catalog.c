/* The catalog of series: see promql_catalog.h. One walk over the tenant's channels as the registry lists them; the
 * master data of a usage point is read once, and only when a channel of it has passed what is cheap to ask. */
#include "http/promql_catalog.h"

#include "http/promql_metric.h"
#include "model/unit.h"
#include "service/known.h"

enum { OWN_LABELS = 8, TAGS_MAX = 48, TAGS_CHUNK_BYTES = 16 << 10, TAGS_BYTES = 4 << 20 };

struct walk {
    const struct bb_promql_catalog *catalog;
    const struct bb_promql_search *search;
    bb_promql_catalog_visit *visit;
    void *context;
    struct bb_error *error;
    bool asks_lane, asks_tags; /* the selector has matchers of these */
    struct bb_arena arena;     /* of the usage point at hand: its name and tags */
    struct bb_span usage_point;
    struct bb_promql_label tags[TAGS_MAX];
    size_t tag_count;
    bool has_tags; /* they were read */
    bool stopped;
    int failure;
};

/* ---- tags */

static const struct bb_span tag_prefix = BB_SPAN("tag_");

bool bb_promql_is_tag(struct bb_span label) {
    return label.size > tag_prefix.size &&
           memcmp(label.data, tag_prefix.data, tag_prefix.size) == 0;
}

static struct bb_span tag_label(struct walk *w, struct bb_span name) {
    const size_t prefix = tag_prefix.size;
    char *text = bb_arena_take(&w->arena, prefix + name.size);

    if (!text)
        return (struct bb_span){NULL, 0};
    memcpy(text, tag_prefix.data, prefix);
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        text[prefix + i] = fits ? c : '_';
    }
    return (struct bb_span){text, prefix + name.size};
}

/* Into its place by name; of two that come to be called alike the first one counts. */
static int add_tag(struct walk *w, const struct bb_master_tag *tag) {
    struct bb_promql_label label = {tag_label(w, tag->key), bb_arena_copy(&w->arena, tag->value)};
    size_t at = w->tag_count;

    if (!label.name.data || !label.value.data)
        return BB_FAIL(w->error, BB_E_NO_MEMORY, "no memory for the tags of a usage point");
    for (size_t i = 0; i < w->tag_count; i++)
        if (bb_span_equal(w->tags[i].name, label.name))
            return 0;
    if (tag->value.size == 0 || w->tag_count == TAGS_MAX)
        return 0;
    for (; at > 0 && bb_span_compare(w->tags[at - 1].name, label.name) > 0; at--)
        w->tags[at] = w->tags[at - 1];
    w->tags[at] = label;
    w->tag_count++;
    return 0;
}

static int read_tags(struct walk *w) {
    struct bb_registry *registry = w->catalog->plant->registry;
    struct bb_master_usage_point up;

    if (w->has_tags)
        return 0;
    int result = bb_registry_usage_point(registry, w->catalog->tenant, w->usage_point,
                                         w->catalog->as_of_ms, &w->arena, &up, w->error);
    for (uint32_t i = 0; result == BB_FOUND && i < up.tag_count; i++)
        result = add_tag(w, &up.tags[i]);
    w->has_tags = result >= 0;
    return result < 0 ? result : 0;
}

/* ---- labels */

static void put(struct bb_promql_label *items, size_t *count, struct bb_span name,
                struct bb_span value) {
    if (value.size > 0)
        items[(*count)++] = (struct bb_promql_label){name, value};
}

/* In the order of names. */
static size_t put_labels(const struct walk *w, const struct bb_registry_channel *row,
                         const struct bb_promql_entry *entry, struct bb_span metric,
                         struct bb_promql_label *items) {
    size_t count = 0;

    put(items, &count, BB_PROMQL_NAME, metric);
    put(items, &count, BB_SPAN("channel"), row->channel);
    if (row->commodity != BB_COMMODITY_UNKNOWN)
        put(items, &count, BB_SPAN("commodity"), bb_span_of(bb_commodity_name(row->commodity)));
    put(items, &count, BB_SPAN("kind"), bb_span_of(bb_kind_name(row->kind)));
    put(items, &count, BB_SPAN("lane"), bb_span_of(bb_lanes[entry->lane].name));
    put(items, &count, BB_SPAN("obis"), row->obis);
    for (size_t i = 0; i < w->tag_count; i++)
        items[count++] = w->tags[i];
    put(items, &count, BB_SPAN("unit"), bb_span_of(bb_unit_symbol(entry->unit)));
    put(items, &count, BB_SPAN("usage_point"), row->usage_point);
    return count;
}

/* ---- what a lane of a channel is */

static bool is_amount(const struct bb_registry_channel *row) {
    return row->kind == BB_KIND_INTERVAL || row->kind == BB_KIND_REGISTER;
}

/* Derived lanes are in the derived unit; readings of gas whose derived unit is an energy stay volumes. */
static int unit_of(const struct bb_registry_channel *row, enum bb_lane lane) {
    int derived = row->derived_unit >= 0 ? row->derived_unit : row->unit;
    bool is_reading = lane == BB_LANE_RAW || (lane == BB_LANE_VEE && row->kind != BB_KIND_INTERVAL);
    bool is_gas = bb_unit_dimension(row->unit) == BB_DIMENSION_VOLUME &&
                  bb_unit_dimension(derived) == BB_DIMENSION_ENERGY;

    return is_reading && is_gas ? (int)bb_unit_canonical(BB_DIMENSION_VOLUME) : derived;
}

static int64_t interval_of(const struct bb_registry_channel *row, enum bb_lane lane) {
    static const int64_t longest_ms[BB_LANE_COUNT] = {[BB_LANE_HOUR] = BB_HOUR_MS,
                                                      [BB_LANE_DAY] = 25 * (int64_t)BB_HOUR_MS,
                                                      [BB_LANE_MONTH] = 31 * (int64_t)BB_DAY_MS +
                                                                        BB_HOUR_MS};

    if (!bb_lane_has_periods((int)lane))
        return row->interval_s * (int64_t)BB_SECOND_MS;
    /* Means of periods abut like amounts, while look-back of gauges is twice what is said here. */
    return is_amount(row) ? longest_ms[lane] : longest_ms[lane] / 2;
}

static struct bb_promql_entry entry_of(const struct bb_registry_channel *row, enum bb_lane lane) {
    bool periods = bb_lane_has_periods((int)lane);

    return (struct bb_promql_entry){.usage_point = row->usage_point,
                                    .channel = row->channel,
                                    .lane = lane,
                                    .kind = periods && is_amount(row) ? BB_KIND_INTERVAL
                                                                      : (enum bb_kind)row->kind,
                                    .unit = unit_of(row, lane),
                                    .interval_ms = interval_of(row, lane)};
}

/* ---- the walk */

/* By all matchers but those of tags. */
static int passes(const struct walk *w, struct bb_promql_labels labels, bool of_tags,
                  bool *accepts) {
    const struct bb_promql_selector *s = w->search->selector;

    *accepts = true;
    for (size_t i = 0; s && i < s->matcher_count && *accepts; i++) {
        const struct bb_promql_matcher *m = &s->matchers[i];
        if (bb_promql_is_tag(m->name) != of_tags)
            continue;
        int result = bb_promql_matcher_accepts(m, bb_promql_labels_get(labels, m->name), accepts,
                                               w->error);
        if (result < 0)
            return result;
    }
    return 0;
}

static int take_lane(struct walk *w, const struct bb_registry_channel *row, enum bb_lane lane) {
    struct bb_promql_label items[OWN_LABELS + TAGS_MAX + 1];
    struct bb_promql_entry entry = entry_of(row, lane);
    char name[BB_PROMQL_METRIC_NAME_MAX];
    struct bb_span metric = bb_promql_metric_name(entry.unit, entry.kind == BB_KIND_REGISTER, name);
    bool accepts;

    entry.labels = (struct bb_promql_labels){items, put_labels(w, row, &entry, metric, items)};
    int result = passes(w, entry.labels, false, &accepts);
    if (result || !accepts)
        return result;
    if (w->asks_tags || !w->search->no_tags) {
        result = read_tags(w);
        if (result)
            return result;
        entry.labels.count = put_labels(w, row, &entry, metric, items);
        result = passes(w, entry.labels, true, &accepts);
        if (result || !accepts)
            return result;
    }
    result = w->visit(w->context, &entry, w->error);
    w->stopped = result > 0;
    return result < 0 ? result : 0;
}

static int change_usage_point(struct walk *w, struct bb_span name) {
    bb_arena_reset(&w->arena);
    w->tag_count = 0;
    w->has_tags = false;
    w->usage_point = bb_arena_copy(&w->arena, name);
    return w->usage_point.data
               ? 0
               : BB_FAIL(w->error, BB_E_NO_MEMORY, "no memory for the name of a usage point");
}

/* Channels come by usage point. A bb_registry_channel_visit. */
static int take_channel(void *context, const struct bb_registry_channel *row) {
    static const enum bb_lane lanes[] = {BB_LANE_RAW, BB_LANE_VEE, BB_LANE_HOUR, BB_LANE_DAY,
                                         BB_LANE_MONTH};
    struct walk *w = context;
    bool every_lane = w->asks_lane || w->search->every_lane;

    if (!w->usage_point.data || !bb_span_equal(w->usage_point, row->usage_point))
        w->failure = change_usage_point(w, row->usage_point);
    for (size_t i = 0; !w->failure && !w->stopped && i < sizeof lanes / sizeof lanes[0]; i++)
        if (lanes[i] == BB_LANE_VEE ||
            (every_lane && !(bb_lane_has_periods((int)lanes[i]) && row->kind == BB_KIND_EVENT)))
            w->failure = take_lane(w, row, lanes[i]);
    return w->failure || w->stopped;
}

int bb_promql_catalog_find(const struct bb_promql_catalog *catalog,
                           const struct bb_promql_search *search, bb_promql_catalog_visit *visit,
                           void *context, struct bb_error *error) {
    const struct bb_promql_selector *s = search->selector;
    struct walk w = {
        .catalog = catalog, .search = search, .visit = visit, .context = context, .error = error};
    struct bb_span one = BB_SPAN("");

    for (size_t i = 0; s && i < s->matcher_count; i++) {
        w.asks_lane |= bb_span_equal(s->matchers[i].name, BB_SPAN("lane"));
        w.asks_tags |= bb_promql_is_tag(s->matchers[i].name);
    }
    if (s)
        (void)bb_promql_selector_wants(s, BB_SPAN("usage_point"), &one);
    bb_arena_init(&w.arena, TAGS_CHUNK_BYTES, TAGS_BYTES);
    int result = bb_known_channels(catalog->plant, catalog->tenant, one, catalog->as_of_ms,
                                   take_channel, &w, error);
    bb_arena_release(&w.arena);
    if (w.failure)
        return w.failure;
    return result < 0 ? result : w.stopped;
}
