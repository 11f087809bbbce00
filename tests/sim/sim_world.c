/* What a simulated plant is told: see sim_world.h. */
#include "sim/sim_world.h"

#include <stdio.h>
#include <stdlib.h>

#include "model/frame.h"
#include "model/rule_version.h"
#include "model/unit.h"
#include "service/archive_order.h"
#include "service/feed.h"
#include "service/tick.h"

/* ---- making it */

static void describe(struct world *w, struct world_channel *channel) {
    bool other = bb_random_below(&w->r, 4) == 0; /* one delivery describes it otherwise */
    size_t odd = bb_random_below(&w->r, WORLD_DELIVERIES);

    for (size_t k = 0; k < WORLD_DELIVERIES; k++) {
        struct bb_series *s = &channel->series[k];
        *s = (struct bb_series){.usage_point = bb_span_of(channel->usage_point),
                                .channel = bb_span_of(channel->channel),
                                .zone = bb_span_of(channel->c.zone_name),
                                .obis = bb_span_of(channel->obis),
                                .interval_s = channel->c.channel.interval_s,
                                .kind = channel->c.channel.kind,
                                .commodity = channel->c.channel.calendar.day_start_s
                                                 ? BB_COMMODITY_GAS
                                                 : BB_COMMODITY_ELECTRICITY,
                                .unit = BB_UNIT_KWH};
        s->hash = bb_series_hash(s->usage_point, s->channel);
        if (other && k == odd) {
            s->zone = bb_random_below(&w->r, 2) ? BB_SPAN("") : BB_SPAN("Asia/Tokyo");
            s->interval_s = 1800;
            s->kind = bb_random_below(&w->r, 2) ? s->kind : (uint8_t)BB_KIND_GAUGE;
        }
    }
}

static int by_number(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The received times of a case, ascending; returns how many. */
static size_t deliveries_of(const struct channel_case *c, int64_t *times) {
    size_t count = 0;

    for (size_t i = 0; i < c->count; i++) {
        size_t k = 0;
        while (k < count && times[k] != c->tellings[i].received_ms)
            k++;
        if (k == count)
            times[count++] = c->tellings[i].received_ms;
    }
    if (count > 0)
        qsort(times, count, sizeof *times, by_number);
    return count;
}

/* All channels share the deliveries: the k-th of each comes with the k-th of all. */
static void add_items(struct world *w, uint32_t channel) {
    const struct channel_case *c = &w->channels[channel].c;
    int64_t times[WORLD_DELIVERIES];
    size_t count = deliveries_of(c, times);

    w->items = realloc(w->items, (w->count + c->count + 1) * sizeof w->items[0]);
    for (size_t i = 0; i < c->count; i++) {
        struct world_item *item = &w->items[w->count++];
        *item = (struct world_item){.channel = channel, .telling = c->tellings[i]};
        while (item->delivery + 1 < count && times[item->delivery] != item->telling.received_ms)
            item->delivery++;
        if (item->telling.issued_ms == item->telling.received_ms)
            item->telling.issued_ms = w->received_ms[item->delivery];
        item->telling.received_ms = w->received_ms[item->delivery];
    }
}

static void add_master(struct world *w, const struct bb_master *master) {
    struct world_master *m = &w->masters[w->master_count];
    struct bb_error error;

    m->received_ms = w->received_ms[0] + 1000 + (int64_t)bb_random_below(&w->r, 5) * BB_HOUR_MS;
    bb_buffer_init(&m->packed, 1 << 16);
    BB_ASSERT(bb_master_encode(master, &m->packed, &error) == 0);
    w->items = realloc(w->items, (w->count + 1) * sizeof w->items[0]);
    w->items[w->count++] = (struct world_item){.channel = UINT32_MAX,
                                               .delivery = w->master_count++};
}

static void make_masters(struct world *w) {
    static const char *const zones[] = {"Asia/Tokyo", "America/St_Johns", "Europe/Amsterdam", ""};
    struct bb_master calendar = {
        .kind = BB_MASTER_CALENDAR,
        .calendar = {.tenant = WORLD_TENANT,
                     .name = BB_SPAN("early"),
                     .zone = BB_SPAN("Asia/Kolkata"),
                     .day_start_s = (int32_t)bb_random_below(&w->r, 8) * 3600}};
    struct bb_master tenant = {.kind = BB_MASTER_TENANT,
                               .tenant = {.name = WORLD_TENANT, .zone = BB_SPAN("Asia/Kathmandu")}};

    add_master(w, &calendar);
    if (bb_random_below(&w->r, 2))
        add_master(w, &tenant);
    for (uint64_t n = 1 + bb_random_below(&w->r, 4); n-- > 0;) {
        struct world_channel *channel = &w->channels[bb_random_below(&w->r, w->channel_count)];
        struct bb_master_channel c = {.name = bb_span_of(channel->channel),
                                      .unit = -1,
                                      .interval_s = bb_random_below(&w->r, 3) ? 0 : 3600,
                                      .kind = bb_random_below(&w->r, 3) ? 0 : BB_KIND_REGISTER,
                                      .one_way = (int8_t)((int)bb_random_below(&w->r, 3) - 1)};
        struct bb_master m = {
            .kind = BB_MASTER_USAGE_POINT,
            .usage_point = {.tenant = WORLD_TENANT,
                            .name = bb_span_of(channel->usage_point),
                            .zone = bb_span_of(zones[bb_random_below(&w->r, 4)]),
                            .calendar = bb_random_below(&w->r, 2) ? BB_SPAN("early") : BB_SPAN(""),
                            .channels = &c,
                            .channel_count = (uint32_t)bb_random_below(&w->r, 2)}};
        add_master(w, &m);
    }
}

/* Two devices, one after the other, from long before the readings on. */
static void make_exchange(struct world *w, const struct world_channel *channel,
                          struct bb_master_reading *readings,
                          struct bb_master_installation installations[2]) {
    static const struct bb_decimal multipliers[] = {{1, 0}, {40, 0}, {25, -1}, {100, -2}};
    const struct channel_case *c = &channel->c;
    int64_t at = c->count ? c->tellings[bb_random_below(&w->r, c->count)].end_ms
                          : w->received_ms[0];

    for (int i = 0; i < 2; i++) {
        readings[i] = (struct bb_master_reading){bb_span_of(channel->channel),
                                                 {(int64_t)bb_random_below(&w->r, 1000), 0}};
        installations[i] = (struct bb_master_installation){
            .device = i ? BB_SPAN("second") : BB_SPAN("first"),
            .from_ms = i ? at : 0,
            .to_ms = i ? BB_TIME_NONE : at,
            .multiplier = multipliers[bb_random_below(&w->r, 4)],
            .dials = (uint8_t)(bb_random_below(&w->r, 2) * 6)};
    }
    installations[0].closing = &readings[0];
    installations[1].opening = &readings[1];
    installations[0].closing_count = installations[1].opening_count = (uint32_t)bb_random_below(
        &w->r, 2);
}

/* A version of the one profile: hours of the working day, and days around the first reading told. */
static void add_profile(struct world *w) {
    int64_t hours[24], saturday[1] = {BB_MASTER_WEIGHT_ONE};
    struct bb_master_shape shape = {.season = {1, 12},
                                    .working = hours,
                                    .working_count = 24,
                                    .saturday = saturday,
                                    .saturday_count = (uint32_t)bb_random_below(&w->r, 2)};
    struct bb_master_day_weight days[40];
    int32_t first = (int32_t)(w->channels[0].c.start_ms / BB_DAY_MS) - 5;
    struct bb_master m = {.kind = BB_MASTER_PROFILE,
                          .profile = {.tenant = WORLD_TENANT,
                                      .name = BB_SPAN("profile"),
                                      .days = days,
                                      .day_count = (uint32_t)bb_random_below(&w->r, 40),
                                      .shapes = &shape,
                                      .shape_count = (uint32_t)bb_random_below(&w->r, 2)}};

    for (int i = 0; i < 24; i++)
        hours[i] = (int64_t)bb_random_below(&w->r, 3) * BB_MASTER_WEIGHT_ONE;
    for (int i = 0; i < 40; i++)
        days[i] = (struct bb_master_day_weight){first + i, (int64_t)bb_random_below(&w->r, 5) *
                                                               BB_MASTER_WEIGHT_ONE};
    add_master(w, &m);
}

/* What the tenant's rules become: one or two, with a version or two; some for half of the usage points. */
static void add_rules(struct world *w) {
    static const char *const names[] = {"ours", "theirs"}, *const codes[] = {"{}", "{\"k\":2}"};
    struct bb_master_rule_version versions[2][2];
    struct bb_master_module module = {.hash = BB_SPAN("0000000000000001"),
                                      .name = BB_SPAN("module"),
                                      .source = BB_SPAN("print()")};
    struct bb_master_rule_other others[2][2];
    char ids[2][2][BB_RULE_ID_SIZE + 1];
    struct bb_master_rule rules[2];
    struct bb_master m = {.kind = BB_MASTER_RULES,
                          .rules = {.tenant = WORLD_TENANT,
                                    .modules = &module,
                                    .module_count = 1,
                                    .rules = rules,
                                    .rule_count = (uint32_t)bb_random_below(&w->r, 3)}};

    for (uint32_t i = 0; i < 2; i++) {
        rules[i] = (struct bb_master_rule){.name = bb_span_of(names[i]),
                                           .raw = bb_random_below(&w->r, 3) == 0,
                                           .versions = versions[i],
                                           .version_count = (uint32_t)bb_random_below(&w->r, 3)};
        for (uint32_t k = 0; k < 2; k++) {
            const uint32_t at = (uint32_t)bb_random_below(&w->r, w->channel_count);
            const struct world_channel *c = &w->channels[at];
            const struct world_channel *o = &w->channels[(at ^ 1) % w->channel_count]; /* beside */
            struct bb_master_rule_version *v = &versions[i][k];
            *v = (struct bb_master_rule_version){
                .module = module.hash,
                .function = BB_SPAN("rule"),
                .parameters = bb_span_of(codes[bb_random_below(&w->r, 2)]),
                .channel = bb_span_of(bb_random_below(&w->r, 2) && *c->obis ? c->obis : c->channel),
                .from_ms = bb_random_below(&w->r, 2)
                               ? BB_TIME_NONE
                               : c->c.start_ms + (int64_t)bb_random_below(&w->r, 96) * BB_HOUR_MS,
                .to_ms = BB_TIME_NONE,
                .deployed_ms = BB_TIME_NONE,
                .window_ms = 1 + (int64_t)bb_random_below(&w->r, 3 * 24) * BB_HOUR_MS,
                .share = bb_random_below(&w->r, 3) ? BB_MASTER_SHARE_ALL : 500};
            others[i][k] = (struct bb_master_rule_other){
                BB_SPAN("other"),
                bb_span_of(bb_random_below(&w->r, 2) && *o->obis ? o->obis : o->channel)};
            v->others = &others[i][k];
            v->other_count = bb_random_below(&w->r, 2);
            if (v->other_count > 0) /* in a plant it is part of the module */
                v->function = o->channel == others[i][k].channel.data ? BB_SPAN("looks_by_name")
                                                                      : BB_SPAN("looks");
            bb_rule_version_id(v, ids[i][k]);
            v->id = bb_span_of(ids[i][k]);
        }
    }
    add_master(w, &m);
}

void world_add_rules(struct world *w) {
    for (uint64_t n = 1 + bb_random_below(&w->r, 3); n-- > 0;)
        add_rules(w);
}

void world_install(struct world *w) {
    int32_t holidays[] = {20000, 20358, 20379};
    struct bb_master calendar = {.kind = BB_MASTER_CALENDAR,
                                 .calendar = {.tenant = WORLD_TENANT,
                                              .name = BB_SPAN("early"),
                                              .zone = BB_SPAN("Europe/Madrid"),
                                              .holidays = holidays,
                                              .holiday_count = 3}};

    add_master(w, &calendar);
    for (uint64_t n = bb_random_below(&w->r, 3); n-- > 0;)
        add_profile(w);
    for (uint64_t n = bb_random_below(&w->r, 4); n-- > 0;)
        add_rules(w);
    for (uint64_t n = 1 + bb_random_below(&w->r, 4); n-- > 0;) {
        struct world_channel *channel = &w->channels[bb_random_below(&w->r, w->channel_count)];
        struct bb_master_installation installations[2];
        struct bb_master_reading readings[2];
        struct bb_master m = {
            .kind = BB_MASTER_USAGE_POINT,
            .usage_point = {.tenant = WORLD_TENANT,
                            .name = bb_span_of(channel->usage_point),
                            .calendar = bb_random_below(&w->r, 2) ? BB_SPAN("early") : BB_SPAN(""),
                            .profile = bb_random_below(&w->r, 2) ? BB_SPAN("profile") : BB_SPAN(""),
                            .installations = installations,
                            .installation_count = 1 + (uint32_t)bb_random_below(&w->r, 2)}};
        if (bb_random_below(&w->r, 2))
            m.usage_point.connection = (struct bb_master_connection){{25, 0}, BB_UNIT_A, 3};
        make_exchange(w, channel, readings, installations);
        add_master(w, &m);
    }
}

void world_make(struct world *w, uint64_t seed, bool with_masters) {
    int64_t times[WORLD_DELIVERIES];

    memset(w, 0, sizeof *w);
    bb_random_seed(&w->r, seed ^ 0x5eed);
    w->channel_count = 2 + (uint32_t)bb_random_below(&w->r, WORLD_CHANNELS_MAX - 1);
    for (uint32_t i = 0; i < w->channel_count; i++) {
        struct world_channel *channel = &w->channels[i];
        channel->kind = (enum case_kind)bb_random_below(&w->r, CASE_KINDS);
        channel->obis = "";
        if (i % 2 == 1 && bb_random_below(&w->r, 2)) { /* a register beside intervals */
            channel[-1].obis = "1-1:1.29.0";
            channel->obis = "1-0:1.8.0";
            channel->kind = CASE_REGISTER;
            describe(w, &channel[-1]);
        }
        channel_case_make_beside(&channel->c, channel->kind, seed * WORLD_CHANNELS_MAX + i,
                                 *channel->obis ? &channel[-1].c : NULL);
        snprintf(channel->usage_point, WORLD_NAME_MAX, "meter-%u", i / 2);
        snprintf(channel->channel, WORLD_NAME_MAX, "channel-%u", i);
        describe(w, channel);
        size_t count = deliveries_of(&channel->c, times);
        for (size_t k = 0; k < count; k++)
            if (times[k] > w->received_ms[k])
                w->received_ms[k] = times[k];
    }
    for (size_t k = 1; k < WORLD_DELIVERIES; k++)
        if (w->received_ms[k] <= w->received_ms[k - 1])
            w->received_ms[k] = w->received_ms[k - 1] + 1;
    for (uint32_t i = 0; i < w->channel_count; i++)
        add_items(w, i);
    if (with_masters)
        make_masters(w);
}

void world_add_ticks(struct world *w) {
    w->items = realloc(w->items, (w->count + WORLD_TICKS) * sizeof w->items[0]);
    for (uint32_t i = 0; i < WORLD_TICKS; i++) {
        const struct world_channel *c = &w->channels[bb_random_below(&w->r, w->channel_count)];
        int64_t days = (int64_t)bb_random_below(&w->r, i ? 90 : 12);
        w->ticks[i] = (struct world_tick){c->c.start_ms + days * BB_DAY_MS,
                                          w->received_ms[i * 3] + 500};
        w->items[w->count++] = (struct world_item){.channel = UINT32_MAX,
                                                   .delivery = WORLD_MASTERS_MAX + i};
    }
}

void world_release(struct world *w) {
    for (uint32_t i = 0; i < w->channel_count; i++)
        channel_case_release(&w->channels[i].c);
    for (uint32_t i = 0; i < w->master_count; i++)
        bb_buffer_release(&w->masters[i].packed);
    free(w->items);
}

void world_shuffle(struct world *w, struct world_item *items, size_t count) {
    for (size_t i = count; i > 1; i--) {
        size_t k = bb_random_below(&w->r, i);
        struct world_item item = items[i - 1];
        items[i - 1] = items[k];
        items[k] = item;
    }
}

/* ---- appending it */

static void append(struct bb_log *log, uint32_t partition, struct bb_log_record *record) {
    struct bb_error error;

    BB_ASSERT(log->ops->append(log, partition, record, &error) == 0);
}

static void append_tick(const struct world *w, struct bb_log *log, uint32_t number) {
    struct bb_buffer body;

    bb_buffer_init(&body, 1 << 10);
    bb_tick_encode(&(struct bb_tick){.tenant = WORLD_TENANT, .at_ms = w->ticks[number].at_ms},
                   &body);
    for (uint32_t p = 0; p < log->partitions; p++) {
        struct bb_log_record record = {.kind = BB_RECORD_TICK,
                                       .received_ms = w->ticks[number].received_ms,
                                       .body = bb_buffer_span(&body)};
        append(log, p, &record);
    }
    bb_buffer_release(&body);
}

void world_append_order(struct world *w, struct bb_log *log) {
    static const uint8_t lanes[] = {BB_LANE_RAW, BB_LANE_RAW,  BB_LANE_VEE,
                                    BB_LANE_DAY, BB_LANE_STAT, BB_LANE_RULES};
    const struct world_channel *c = &w->channels[bb_random_below(&w->r, w->channel_count)];
    uint8_t lane = lanes[bb_random_below(&w->r, sizeof lanes)];
    int32_t month = bb_archive_month_at(c->c.start_ms) + (int32_t)bb_random_below(&w->r, 4);
    struct bb_buffer body;

    if (lane == BB_LANE_DAY) /* years end in December */
        month += 11 - ((month % 12) + 12) % 12;
    bb_buffer_init(&body, 64);
    bb_archive_order_encode(&(struct bb_archive_order){lane, month}, &body);
    for (uint32_t p = 0; p < log->partitions; p++) {
        struct bb_log_record record = {.kind = BB_RECORD_ARCHIVE,
                                       .received_ms = w->received_ms[0],
                                       .body = bb_buffer_span(&body)};
        append(log, p, &record);
    }
    bb_buffer_release(&body);
}

static void append_master(const struct world *w, struct bb_log *log, uint32_t number) {
    const struct world_master *m = &w->masters[number];
    struct bb_arena arena;
    struct bb_master master;
    struct bb_error error;

    bb_arena_init(&arena, 4096, 1 << 20);
    BB_ASSERT(bb_master_decode(bb_buffer_span(&m->packed), &arena, &master, &error) == 0);
    for (uint32_t p = 0; p < log->partitions; p++) {
        struct bb_log_record record = {.kind = BB_RECORD_MASTER,
                                       .received_ms = m->received_ms,
                                       .body = bb_buffer_span(&m->packed)};
        if (master.kind != BB_MASTER_USAGE_POINT ||
            bb_usage_point_hash(master.usage_point.name) % log->partitions == p)
            append(log, p, &record);
    }
    bb_arena_release(&arena);
}

static int by_line(const void *a, const void *b) {
    const struct world_item *x = a, *y = b;

    if (x->telling.line != y->telling.line)
        return x->telling.line < y->telling.line ? -1 : 1;
    return (x->channel > y->channel) - (x->channel < y->channel);
}

/* The items of one delivery as a frame; `value` is added to every mantissa. */
static void encode(const struct world *w, const struct world_item *items, uint32_t count,
                   int64_t value, struct bb_buffer *body) {
    struct bb_attribute_set attributes;
    struct bb_series series[WORLD_CHANNELS_MAX];
    uint32_t index_of[WORLD_CHANNELS_MAX];
    struct bb_arena arena;
    struct bb_error error;
    struct bb_frame f = {.tenant = WORLD_TENANT,
                         .source = BB_SPAN("sim"),
                         .received_ms = w->received_ms[items[0].delivery],
                         .series = series};

    bb_arena_init(&arena, 1 << 16, 1 << 26);
    bb_attribute_set_init(&attributes);
    memset(index_of, 0xff, sizeof index_of);
    struct bb_frame_row *rows = bb_arena_take_array(&arena, count, sizeof *rows);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t channel = items[i].channel;
        const struct telling *t = &items[i].telling;
        if (index_of[channel] == UINT32_MAX) {
            index_of[channel] = f.series_count;
            series[f.series_count++] = w->channels[channel].series[items[i].delivery];
        }
        rows[i] = (struct bb_frame_row){
            .end_ms = t->end_ms,
            .mantissa = t->mantissa + value,
            .line = t->line,
            .issued_ms = t->issued_ms,
            .series = index_of[channel],
            .attribute = bb_attribute_set_index(&attributes, &t->attribute)};
    }
    f.attributes = attributes.items;
    f.attribute_count = attributes.count;
    BB_ASSERT(bb_frame_set_rows(&f, rows, count, &arena));
    BB_ASSERT(bb_frame_encode(&f, &arena, body, &error) == 0);
    bb_attribute_set_release(&attributes);
    bb_arena_release(&arena);
}

static void append_frames(struct world *w, struct bb_log *log, uint32_t partition,
                          const struct world_item *items, uint32_t count, bool plain, bool ghost) {
    bool file = ghost || (!plain && bb_random_below(&w->r, 2));
    uint64_t file_id = file ? ++w->files : 0, first_offset = UINT64_MAX, frames = 0;
    struct bb_buffer body;

    bb_buffer_init(&body, 1 << 26);
    for (uint32_t first = 0, n; first < count; first += n, frames++) {
        n = plain ? count : 1 + (uint32_t)bb_random_below(&w->r, count);
        n = n < count - first ? n : count - first;
        bb_buffer_clear(&body);
        encode(w, items + first, n, ghost ? 7777 : 0, &body);
        struct bb_log_record record = {.kind = file ? BB_RECORD_FILE_FRAME : BB_RECORD_FRAME,
                                       .readings = file ? 0 : n,
                                       .file_id = file_id,
                                       .received_ms = w->received_ms[items[0].delivery],
                                       .body = bb_buffer_span(&body)};
        append(log, partition, &record);
        first_offset = first_offset == UINT64_MAX ? record.offset : first_offset;
        if (file && !ghost && bb_random_below(&w->r, 4) == 0)
            world_append_ghost(w, log); /* something stands between */
    }
    if (file && !ghost) {
        struct bb_file_commit commit = {first_offset, frames, count};
        bb_buffer_clear(&body);
        bb_file_commit_encode(&commit, &body);
        struct bb_log_record record = {.kind = BB_RECORD_FILE_COMMIT,
                                       .readings = count,
                                       .file_id = file_id,
                                       .received_ms = w->received_ms[items[0].delivery],
                                       .body = bb_buffer_span(&body)};
        append(log, partition, &record);
    }
    bb_buffer_release(&body);
}

static uint32_t partition_of(const struct world *w, const struct bb_log *log, uint32_t channel) {
    return (uint32_t)(bb_usage_point_hash(bb_span_of(w->channels[channel].usage_point)) %
                      log->partitions);
}

void world_append(struct world *w, struct bb_log *log, const struct world_item *items, size_t count,
                  bool plain) {
    struct world_item *group = malloc((count + 1) * sizeof *group);
    struct bb_error error;

    for (size_t i = 0; i < count; i++)
        if (items[i].channel == UINT32_MAX && items[i].delivery >= WORLD_MASTERS_MAX)
            append_tick(w, log, items[i].delivery - WORLD_MASTERS_MAX);
        else if (items[i].channel == UINT32_MAX)
            append_master(w, log, items[i].delivery);
    for (uint32_t p = 0; p < log->partitions; p++) {
        for (uint32_t delivery = 0; delivery < WORLD_DELIVERIES; delivery++) {
            uint32_t n = 0;
            for (size_t i = 0; i < count; i++)
                if (items[i].channel != UINT32_MAX && items[i].delivery == delivery &&
                    partition_of(w, log, items[i].channel) == p)
                    group[n++] = items[i];
            if (n == 0)
                continue;
            qsort(group, n, sizeof *group, by_line);
            append_frames(w, log, p, group, n, plain, false);
        }
    }
    free(group);
    BB_ASSERT(log->ops->sync(log, &error) == 0);
}

void world_append_ghost(struct world *w, struct bb_log *log) {
    const struct world_item *item = &w->items[bb_random_below(&w->r, w->count)];

    if (item->channel != UINT32_MAX)
        append_frames(w, log, partition_of(w, log, item->channel), item, 1, true, true);
}
