/* What people do: see person.h. On the owner's thread of the log. */
#include "service/person.h"

#include "codec/codec.h"
#include "model/frame.h"
#include "model/unit.h"
#include "service/query_internal.h"

enum { AHEAD_MS = 48 * BB_HOUR_MS, FRAME_LIMIT_BYTES = 64 << 20, DENIAL_MS = BB_DAY_MS };

/* A frame of one channel while it is put together. */
struct words {
    struct bb_query_channel *c;
    struct bb_frame_row *rows;
    uint32_t count, capacity;
    struct bb_attribute_set attributes;
    int64_t floor_ms; /* greater than every claim of a person at the times that are told */
};

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for what a person tells");
}

/* What people told before at a time must have the lesser claim, whatever the clock did since. */
static void note_claims(struct words *w, const struct bb_block *block, int64_t end_ms) {
    for (uint32_t i = 0; i < block->count; i++) {
        const struct bb_attribute *a = &block->attributes.items[block->attribute[i]];
        if (block->end_ms[i] != end_ms || bb_quality_rank(&a->quality) != BB_RANK_PERSON)
            continue;
        if (block->received_ms[i] >= w->floor_ms)
            w->floor_ms = block->received_ms[i] + 1;
        if (block->issued_ms[i] >= w->floor_ms)
            w->floor_ms = block->issued_ms[i] + 1;
    }
}

/* Add a row; `raw` and `history` are the blocks of its day. */
static int say(struct words *w, const struct bb_block *raw, const struct bb_block *history,
               int64_t end_ms, int64_t mantissa, const struct bb_attribute *a,
               struct bb_error *error) {
    if (w->count == BB_FRAME_READINGS_MAX)
        return BB_FAIL(error, BB_E_NOTHING_TO_TELL,
                       "the stretch has more than %d readings: too many for one person's word",
                       BB_FRAME_READINGS_MAX);
    if (w->count == w->capacity) {
        uint32_t capacity = w->capacity ? w->capacity * 2 : 64;
        struct bb_frame_row *rows = bb_arena_take(w->c->arena, capacity * sizeof *rows);
        if (!rows)
            return no_memory(error);
        if (w->count)
            memcpy(rows, w->rows, w->count * sizeof *rows);
        w->rows = rows;
        w->capacity = capacity;
    }
    uint32_t attribute = bb_attribute_set_index(&w->attributes, a);
    if (attribute == UINT32_MAX)
        return no_memory(error);
    note_claims(w, raw, end_ms);
    note_claims(w, history, end_ms);
    w->rows[w->count] = (struct bb_frame_row){
        .end_ms = end_ms, .mantissa = mantissa, .line = w->count + 1, .attribute = attribute};
    w->count++;
    return 0;
}

/* A received time of its own, so that it names this source alone. */
static int choose_received(struct words *w, struct bb_clock clock, int64_t *received_ms,
                           struct bb_error *error) {
    struct bb_plant *plant = w->c->plant;
    int64_t ms = bb_clock_now_ms(clock);
    int result = BB_FOUND;

    ms = ms > w->floor_ms ? ms : w->floor_ms;
    while (result == BB_FOUND) {
        struct bb_span value;
        char key[8];
        *received_ms = bb_ledger_receive(&plant->ledger, ms);
        for (int i = 0; i < 8; i++)
            key[i] = (char)((uint64_t)*received_ms >> (8 * (7 - i)));
        result = plant->store->ops->name_get(w->c->view, BB_NAME_SOURCE,
                                             (struct bb_span){key, sizeof key}, &value, error);
    }
    return result < 0 ? result : 0;
}

static int append(struct words *w, struct bb_span source, struct bb_clock clock,
                  struct bb_error *error) {
    const struct bb_query_channel *c = w->c;
    struct bb_log *log = c->plant->log;
    const struct bb_channel_record *r = &c->record;
    struct bb_series series = {.usage_point = c->usage_point,
                               .channel = c->name,
                               .zone = r->told_zone,
                               .obis = r->told_obis,
                               .interval_s = r->told_interval_s,
                               .kind = r->told_kind,
                               .commodity = r->told_commodity,
                               .unit = r->unit};
    struct bb_frame frame = {.tenant = c->query->tenant,
                             .source = source,
                             .series_count = 1,
                             .series = &series,
                             .attributes = w->attributes.items,
                             .attribute_count = w->attributes.count};
    uint32_t partition = (uint32_t)(bb_usage_point_hash(c->usage_point) % log->partitions);
    struct bb_buffer body;

    int result = choose_received(w, clock, &frame.received_ms, error);
    if (result)
        return result;
    for (uint32_t i = 0; i < w->count; i++)
        w->rows[i].issued_ms = frame.received_ms;
    if (!bb_frame_set_rows(&frame, w->rows, w->count, c->arena))
        return no_memory(error);
    frame.issued_ms = NULL;
    bb_buffer_init(&body, FRAME_LIMIT_BYTES);
    result = bb_frame_encode(&frame, c->arena, &body, error);
    if (!result) {
        struct bb_log_record record = {.kind = BB_RECORD_FRAME,
                                       .readings = w->count,
                                       .received_ms = frame.received_ms,
                                       .body = bb_buffer_span(&body)};
        result = log->ops->append(log, partition, &record, error);
    }
    bb_buffer_release(&body);
    return result ? result : log->ops->sync(log, error);
}

/* Both blocks of versions of a UTC day. */
static int day_blocks(struct bb_query_channel *c, int32_t day, struct bb_block *raw,
                      struct bb_block *history, struct bb_error *error) {
    int result = bb_query_block(c, BB_LANE_RAW, day, raw, error);
    return result ? result : bb_query_block(c, BB_LANE_HISTORY, day, history, error);
}

static int32_t day_of(int64_t t) {
    return bb_lane_span_of(BB_LANE_RAW, t);
}

/* ---- one value */

struct edit_work {
    const struct bb_person_edit *edit;
    struct bb_clock clock;
    struct bb_span source;
    struct bb_person_edited *out;
};

/* The row of a block that ends at t; -1: none. */
static int64_t row_at(const struct bb_block *block, int64_t t) {
    for (uint32_t i = 0; i < block->count; i++)
        if (block->end_ms[i] == t)
            return i;
    return -1;
}

static const struct bb_attribute *attribute_of(const struct bb_block *block, int64_t row) {
    return row < 0 ? NULL : &block->attributes.items[block->attribute[row]];
}

static const char *time_text(int64_t ms, char *buffer) {
    buffer[bb_time_format_utc(ms, buffer)] = '\0';
    return buffer;
}

static int refuse_overlap(int64_t end_ms, int64_t from_ms, int64_t to_ms, struct bb_error *error) {
    char end[BB_TIME_TEXT_MAX], from[BB_TIME_TEXT_MAX], to[BB_TIME_TEXT_MAX];

    return BB_FAIL(
        error, BB_E_VALUE_PLACE,
        "an interval that ends at %s would overlap the reading from %s to %s: its end is "
        "the time to tell",
        time_text(end_ms, end), time_text(from_ms, from), time_text(to_ms, to));
}

/* No reading with a value lies across (start, end], but for the one that ends there. Of several that do
 * the last one is told of: it is the one that holds the end, if any does. */
static int check_room(struct bb_query_channel *c, int64_t start_ms, int64_t end_ms,
                      struct bb_error *error) {
    int64_t last_ms = end_ms + c->coverage.longest_s * (int64_t)BB_SECOND_MS;
    int64_t from_ms = 0, to_ms = 0;

    for (int32_t day = day_of(start_ms + 1); day <= day_of(last_ms); day++) {
        struct bb_block raw;
        if (!bb_coverage_has(&c->coverage, day))
            continue;
        int result = bb_query_block(c, BB_LANE_RAW, day, &raw, error);
        if (result)
            return result;
        for (uint32_t i = 0; i < raw.count; i++) {
            const struct bb_attribute *a = attribute_of(&raw, i);
            int64_t begins_ms = raw.end_ms[i] - a->length_s * (int64_t)BB_SECOND_MS;
            if (bb_attribute_usable(&c->channel, a) && begins_ms < end_ms &&
                raw.end_ms[i] > start_ms && raw.end_ms[i] != end_ms) {
                from_ms = begins_ms;
                to_ms = raw.end_ms[i];
            }
        }
    }
    return from_ms < to_ms ? refuse_overlap(end_ms, from_ms, to_ms, error) : 0;
}

/* How long the interval is that ends at the time: as the reading there, as the row of the gap there,
 * else as the channel's are. */
static int find_length(struct bb_query_channel *c, const struct bb_attribute *reading, int64_t t,
                       uint32_t *length_s, struct bb_error *error) {
    struct bb_block vee;
    char text[BB_TIME_TEXT_MAX];

    *length_s = 0;
    if (c->channel.kind != BB_KIND_INTERVAL)
        return 0;
    if (reading && reading->quality.state != BB_STATE_MISSING) {
        *length_s = reading->length_s;
        return 0;
    }
    int result = bb_query_block(c, BB_LANE_VEE, day_of(t), &vee, error);
    if (result)
        return result;
    const struct bb_attribute *row = attribute_of(&vee, row_at(&vee, t));
    if (row && row->quality.checks & 1u << BB_CHECK_GAP)
        *length_s = row->length_s;
    else
        *length_s = c->channel.interval_s;
    if (*length_s == 0)
        return BB_FAIL(error, BB_E_VALUE_PLACE,
                       "nothing says how long an interval that ends at %s is: the channel has no "
                       "interval length of its own",
                       time_text(t, text));
    return check_room(c, t - *length_s * (int64_t)BB_SECOND_MS, t, error);
}

static int find_unit(const struct bb_query_channel *c, const struct bb_person_edit *edit,
                     const struct bb_attribute *reading, uint8_t *unit, struct bb_error *error) {
    int64_t numerator, denominator;

    bool usable = reading && bb_attribute_usable(&c->channel, reading);
    *unit = edit->unit >= 0 ? (uint8_t)edit->unit : usable ? reading->unit : c->record.unit;
    if (bb_unit_ratio(*unit, c->channel.metered_unit, &numerator, &denominator))
        return 0;
    return BB_FAIL(error, BB_E_UNIT_UNKNOWN,
                   "a value in %s cannot be told to a channel that is metered in %s",
                   bb_unit_symbol(*unit), bb_unit_symbol(c->channel.metered_unit));
}

static int check_time(const struct bb_query_channel *c, int64_t at_ms, struct bb_clock clock,
                      struct bb_error *error) {
    char text[BB_TIME_TEXT_MAX];

    if (c->channel.kind == BB_KIND_EVENT)
        return BB_FAIL(error, BB_E_VALUE_PLACE, "a channel of events has no values to edit");
    if (at_ms >= BB_EARLIEST_MS && at_ms <= bb_clock_now_ms(clock) + AHEAD_MS)
        return 0;
    return BB_FAIL(error, BB_E_TIME_RANGE, "%s lies before 1990-01-01 or more than 48 hours ahead",
                   time_text(at_ms, text));
}

static bool stands(const struct bb_block *raw, int64_t row, const struct bb_attribute *a,
                   struct bb_decimal value) {
    const struct bb_attribute *there = attribute_of(raw, row);

    return there && memcmp(&there->quality, &a->quality, sizeof a->quality) == 0 &&
           there->unit == a->unit && there->length_s == a->length_s &&
           bb_decimal_equal((struct bb_decimal){raw->mantissa[row], there->exponent}, value);
}

static int withdrawn_of(const struct bb_attribute *there, int64_t at_ms, struct bb_attribute *a,
                        struct bb_error *error) {
    char text[BB_TIME_TEXT_MAX];

    if (!there || bb_quality_rank(&there->quality) != BB_RANK_PERSON ||
        there->quality.marks & BB_MARK_WITHDRAWN)
        return BB_FAIL(error, BB_E_NOTHING_TO_WITHDRAW,
                       "what stands at %s was not told by a person", time_text(at_ms, text));
    *a = (struct bb_attribute){
        .quality = {.state = BB_STATE_MISSING, .marks = BB_MARK_WITHDRAWN},
        .length_s = there->length_s,
        .unit = there->unit,
    };
    return 0;
}

static int edit_channel(struct bb_query_channel *c, void *context, struct bb_error *error) {
    const struct edit_work *work = context;
    const struct bb_person_edit *edit = work->edit;
    struct words words = {.c = c};
    struct bb_attribute a = {.quality = {.state = BB_STATE_EDITED},
                             .exponent = edit->value.exponent};
    struct bb_block raw, history;

    int result = check_time(c, edit->at_ms, work->clock, error);
    if (!result)
        result = day_blocks(c, day_of(edit->at_ms), &raw, &history, error);
    if (result)
        return result;
    int64_t row = row_at(&raw, edit->at_ms);
    const struct bb_attribute *there = attribute_of(&raw, row);
    if (edit->withdraw)
        result = withdrawn_of(there, edit->at_ms, &a, error);
    else
        result = find_length(c, there, edit->at_ms, &a.length_s, error);
    if (!result && !edit->withdraw)
        result = find_unit(c, edit, there, &a.unit, error);
    if (result)
        return result;
    *work->out = (struct bb_person_edited){
        .start_ms = edit->at_ms - a.length_s * (int64_t)BB_SECOND_MS,
        .end_ms = edit->at_ms,
        .unit = a.unit,
        .told = edit->withdraw || !stands(&raw, row, &a, edit->value)};
    if (!work->out->told)
        return 0;
    int64_t mantissa = edit->withdraw ? 0 : edit->value.mantissa;
    result = say(&words, &raw, &history, edit->at_ms, mantissa, &a, error);
    if (!result)
        result = append(&words, work->source, work->clock, error);
    bb_attribute_set_release(&words.attributes);
    return result;
}

int bb_person_edit(struct bb_plant *plant, const struct bb_person_edit *edit, struct bb_clock clock,
                   struct bb_person_edited *out, struct bb_error *error) {
    struct bb_query query = {.tenant = edit->tenant,
                             .usage_point = edit->usage_point,
                             .channel = edit->channel,
                             .from_ms = BB_TIME_NONE,
                             .to_ms = BB_TIME_NONE,
                             .as_of_ms = BB_TIME_NONE};
    struct edit_work work = {.edit = edit, .clock = clock, .out = out};
    struct bb_buffer source;

    bb_buffer_init(&source, 4096);
    int result = bb_person_source_format(edit->withdraw ? BB_PERSON_WITHDRAW : BB_PERSON_EDIT,
                                         &edit->person, 0, &source, error);
    work.source = bb_buffer_span(&source);
    if (!result)
        result = bb_query_channels(plant, &query, edit_channel, &work, error);
    bb_buffer_release(&source);
    return result;
}

/* ---- an exception */

struct judge_work {
    const struct bb_registry_exception *exception;
    enum bb_person_act act;
    struct bb_clock clock;
    struct bb_span source;
    size_t *told;
};

static bool within(const struct bb_registry_exception *e, int64_t end_ms) {
    return e->from_ms == e->to_ms ? end_ms == e->from_ms
                                  : end_ms > e->from_ms && end_ms <= e->to_ms;
}

/* What the person says of a reading: it is right, or there is none. False: nothing to say. */
static bool word_on(enum bb_person_act act, const struct bb_attribute *reading,
                    struct bb_attribute *word) {
    if (reading->quality.state == BB_STATE_MISSING ||
        (act == BB_PERSON_ACCEPT && bb_quality_rank(&reading->quality) == BB_RANK_PERSON))
        return false;
    *word = *reading;
    if (act == BB_PERSON_ESTIMATE) {
        word->quality = (struct bb_quality){.state = BB_STATE_MISSING};
        word->exponent = 0;
    }
    word->quality.marks |= BB_MARK_ACCEPTED;
    return true;
}

static int judge_readings(struct words *w, const struct judge_work *work, struct bb_error *error) {
    const struct bb_registry_exception *e = work->exception;
    int32_t last = day_of(e->to_ms);
    int result = 0;

    for (int32_t day = day_of(e->from_ms); !result && day <= last; day++) {
        struct bb_block raw, history;
        if (!bb_coverage_has(&w->c->coverage, day))
            continue;
        result = day_blocks(w->c, day, &raw, &history, error);
        for (uint32_t i = 0; !result && i < raw.count; i++) {
            struct bb_attribute word;
            if (!within(e, raw.end_ms[i]) || !word_on(work->act, attribute_of(&raw, i), &word))
                continue;
            int64_t mantissa = work->act == BB_PERSON_ACCEPT ? raw.mantissa[i] : 0;
            result = say(w, &raw, &history, raw.end_ms[i], mantissa, &word, error);
        }
    }
    return result;
}

/* There is nothing between two readings: rows over all of it, none longer than a day, as how far back
 * a row may reach is what every later look at the channel has to reckon with. */
static int deny_gap(struct words *w, const struct judge_work *work, struct bb_error *error) {
    const struct bb_registry_exception *e = work->exception;
    int result = 0;

    for (int64_t t = e->from_ms; !result && t < e->to_ms;) {
        int64_t end_ms = e->to_ms - t > DENIAL_MS ? t + DENIAL_MS : e->to_ms;
        struct bb_attribute none = {
            .quality = {.state = BB_STATE_MISSING, .marks = BB_MARK_ACCEPTED},
            .length_s = (uint32_t)((end_ms - t + BB_SECOND_MS - 1) / BB_SECOND_MS),
            .unit = w->c->record.unit,
        };
        struct bb_block raw, history;
        result = day_blocks(w->c, day_of(end_ms), &raw, &history, error);
        if (!result)
            result = say(w, &raw, &history, end_ms, 0, &none, error);
        t = end_ms;
    }
    return result;
}

static int judge_channel(struct bb_query_channel *c, void *context, struct bb_error *error) {
    const struct judge_work *work = context;
    struct words words = {.c = c};
    bool gap = work->exception->check == BB_CHECK_GAP;

    int result = gap && work->act == BB_PERSON_ACCEPT ? deny_gap(&words, work, error)
                                                      : judge_readings(&words, work, error);
    if (!result && words.count == 0)
        result = gap ? BB_FAIL(error, BB_E_NOTHING_TO_TELL,
                               "there is nothing to set aside in a gap: what estimators fill, they "
                               "have filled; edit the values, or accept the gap")
                     : BB_FAIL(error, BB_E_NOTHING_TO_TELL,
                               "no reading there is left to %s: a person has told them all",
                               bb_person_act_name((int)work->act));
    if (!result)
        result = append(&words, work->source, work->clock, error);
    *work->told = words.count;
    bb_attribute_set_release(&words.attributes);
    return result;
}

int bb_person_judge(struct bb_plant *plant, const struct bb_registry_exception *exception,
                    enum bb_person_act act, const struct bb_person *person, struct bb_clock clock,
                    size_t *told, struct bb_error *error) {
    struct bb_query query = {.tenant = exception->tenant,
                             .usage_point = exception->usage_point,
                             .channel = exception->channel,
                             .from_ms = BB_TIME_NONE,
                             .to_ms = BB_TIME_NONE,
                             .as_of_ms = BB_TIME_NONE};
    struct judge_work work = {.exception = exception, .act = act, .clock = clock, .told = told};
    struct bb_buffer source;

    *told = 0;
    if (exception->closed_ms != BB_TIME_NONE)
        return BB_FAIL(error, BB_E_EXCEPTION_CLOSED, "exception %lld is closed",
                       (long long)exception->id);
    bb_buffer_init(&source, 4096);
    int result = bb_person_source_format(act, person, exception->id, &source, error);
    work.source = bb_buffer_span(&source);
    if (!result)
        result = bb_query_channels(plant, &query, judge_channel, &work, error);
    bb_buffer_release(&source);
    return result;
}
