/* The types of registry fields: texts to values and back. See registry_field_internal.h.
 *
 * A parser takes the whole text or says why not; a formatter writes what the parser would take, or
 * nothing when the value says nothing.
 */
#include "service/registry_field_internal.h"

#include <inttypes.h>
#include <jansson.h>

#include "model/block.h"
#include "model/obis.h"
#include "model/rule_version.h"
#include "model/unit.h"

enum {
    DIALS_MAX = 18,
    INTERVAL_MAX_S = 366 * 24 * 3600,
    DAY_S = 24 * 3600,
    MONTHS = 12,
    WEIGHT_EXPONENT = -6,
    SHARE_EXPONENT = -3
};

#define WINDOW_MAX_MS (400 * (int64_t)BB_DAY_MS)

/* Times that have a text of four digits for their year: 0001 to 9999. */
#define EARLIEST_MS (-62135596800000)
#define LATEST_MS   253402300799999

/* ---- texts ----------------------------------------------------------------------------------- */

/* The length of the UTF-8 character at `at` that is no control character; 0 when there is none. */
static size_t character_size(const uint8_t *at, size_t left) {
    static const struct {
        uint8_t mask, lead;
        uint32_t least;
    } forms[] = {
        {0x80, 0x00, 0x20}, {0xe0, 0xc0, 0xa0}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

    for (size_t size = 1; size <= 4; size++) {
        uint32_t code = at[0] & (uint8_t)~forms[size - 1].mask;
        if ((at[0] & forms[size - 1].mask) != forms[size - 1].lead)
            continue;
        if (size > left)
            return 0;
        for (size_t i = 1; i < size; i++) {
            if ((at[i] & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (at[i] & 0x3f);
        }
        bool surrogate = code >= 0xd800 && code < 0xe000;
        return code >= forms[size - 1].least && code != 0x7f && !surrogate && code < 0x110000 ? size
                                                                                              : 0;
    }
    return 0;
}

/* `blanks`: control characters that are taken all the same. */
static bool is_text_with(struct bb_span text, size_t most, const char *blanks) {
    size_t at = 0;

    if (text.size > most)
        return false;
    while (at < text.size) {
        size_t size = text.data[at] && strchr(blanks, text.data[at])
                          ? 1
                          : character_size((const uint8_t *)text.data + at, text.size - at);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

static bool is_text(struct bb_span text, size_t most) {
    return is_text_with(text, most, "");
}

bool bb_registry_source_fits(struct bb_span source) {
    return source.size > 0 && is_text_with(source, BB_MASTER_SOURCE_MAX, "\n\r\t\f");
}

bool bb_registry_side_fits(struct bb_span text) {
    return is_text_with(text, BB_MASTER_SIDE_MAX, "\n\r\t");
}

static enum bb_registry_parsed keep_text(struct bb_registry_reader *reader, struct bb_span text,
                                         void *member) {
    struct bb_span copy = bb_arena_copy(reader->arena, text);

    memcpy(member, &copy, sizeof copy);
    return copy.data ? BB_REGISTRY_TAKEN : BB_REGISTRY_FULL;
}

static enum bb_registry_parsed parse_name(struct bb_registry_reader *reader, struct bb_span text,
                                          void *member) {
    return text.size > 0 && is_text(text, BB_NAME_MAX) ? keep_text(reader, text, member)
                                                       : BB_REGISTRY_WRONG;
}

static enum bb_registry_parsed parse_tenant(struct bb_registry_reader *reader, struct bb_span text,
                                            void *member) {
    return text.size > 0 && is_text(text, BB_MASTER_TENANT_MAX) ? keep_text(reader, text, member)
                                                                : BB_REGISTRY_WRONG;
}

static enum bb_registry_parsed parse_text(struct bb_registry_reader *reader, struct bb_span text,
                                          void *member) {
    return is_text(text, BB_MASTER_TEXT_MAX) ? keep_text(reader, text, member) : BB_REGISTRY_WRONG;
}

/* "-" stands for all usage points where a group is asked for. */
static enum bb_registry_parsed parse_group(struct bb_registry_reader *reader, struct bb_span text,
                                           void *member) {
    return bb_span_equal(text, BB_SPAN("-")) ? BB_REGISTRY_WRONG : parse_name(reader, text, member);
}

static enum bb_registry_parsed parse_expression(struct bb_registry_reader *reader,
                                                struct bb_span text, void *member) {
    return is_text(text, BB_MASTER_EXPRESSION_MAX) ? keep_text(reader, text, member)
                                                   : BB_REGISTRY_WRONG;
}

static void format_text(const void *member, struct bb_buffer *out) {
    bb_buffer_append_span(out, *(const struct bb_span *)member);
}

static bool equal_texts(const void *a, const void *b) {
    return bb_span_equal(*(const struct bb_span *)a, *(const struct bb_span *)b);
}

/* The zone also becomes that of times without offset which follow. */
static enum bb_registry_parsed parse_zone(struct bb_registry_reader *reader, struct bb_span text,
                                          void *member) {
    struct bb_error error;

    if (bb_zone_set_get(reader->options->zones, text, &reader->zone, &error) != 0) {
        reader->zone = NULL;
        return error.code == BB_E_NO_MEMORY ? BB_REGISTRY_FULL : BB_REGISTRY_NO_ZONE;
    }
    return keep_text(reader, text, member);
}

static enum bb_registry_parsed parse_obis(struct bb_registry_reader *reader, struct bb_span text,
                                          void *member) {
    char canonical[BB_OBIS_TEXT_MAX];
    struct bb_obis code;

    if (!bb_obis_parse(text, &code))
        return BB_REGISTRY_WRONG;
    size_t size = bb_obis_format(&code, canonical);
    return keep_text(reader, (struct bb_span){canonical, size}, member);
}

/* ---- words ----------------------------------------------------------------------------------- */

static enum bb_registry_parsed take_id(int id, void *member) {
    if (id < 0)
        return BB_REGISTRY_WRONG;
    *(uint8_t *)member = (uint8_t)id;
    return BB_REGISTRY_TAKEN;
}

static enum bb_registry_parsed parse_commodity(struct bb_registry_reader *reader,
                                               struct bb_span text, void *member) {
    (void)reader;
    return take_id(bb_commodity_find(text), member);
}

static void format_commodity(const void *member, struct bb_buffer *out) {
    if (*(const uint8_t *)member != BB_COMMODITY_UNKNOWN)
        bb_buffer_append_span(out, bb_span_of(bb_commodity_name(*(const uint8_t *)member)));
}

static enum bb_registry_parsed parse_kind(struct bb_registry_reader *reader, struct bb_span text,
                                          void *member) {
    (void)reader;
    return take_id(bb_kind_find(text), member);
}

static void format_kind(const void *member, struct bb_buffer *out) {
    if (*(const uint8_t *)member != BB_KIND_UNKNOWN)
        bb_buffer_append_span(out, bb_span_of(bb_kind_name(*(const uint8_t *)member)));
}

static enum bb_registry_parsed parse_unit(struct bb_registry_reader *reader, struct bb_span text,
                                          void *member) {
    int unit = bb_unit_find(text);

    (void)reader;
    if (unit < 0)
        return BB_REGISTRY_WRONG;
    *(int16_t *)member = (int16_t)unit;
    return BB_REGISTRY_TAKEN;
}

static void format_unit(const void *member, struct bb_buffer *out) {
    int16_t unit = *(const int16_t *)member;

    if (unit >= 0 && unit < BB_UNIT_COUNT)
        bb_buffer_append_span(out, bb_span_of(bb_unit_symbol(unit)));
}

static enum bb_registry_parsed parse_flag(struct bb_registry_reader *reader, struct bb_span text,
                                          void *member) {
    static const struct {
        const char *word;
        int8_t value;
    } words[] = {{"true", 1}, {"false", 0}, {"yes", 1}, {"no", 0}, {"1", 1}, {"0", 0}};

    (void)reader;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (bb_span_equal_nocase(text, bb_span_of(words[i].word))) {
            *(int8_t *)member = words[i].value;
            return BB_REGISTRY_TAKEN;
        }
    return BB_REGISTRY_WRONG;
}

static void format_flag(const void *member, struct bb_buffer *out) {
    int8_t value = *(const int8_t *)member;

    if (value >= 0)
        bb_buffer_append_span(out, value ? BB_SPAN("true") : BB_SPAN("false"));
}

/* ---- numbers --------------------------------------------------------------------------------- */

static enum bb_registry_parsed parse_decimal(struct bb_registry_reader *reader, struct bb_span text,
                                             void *member) {
    struct bb_decimal value;

    if (bb_decimal_parse(text, '.', &value) != BB_DECIMAL_OK &&
        (!reader->comma || bb_decimal_parse(text, ',', &value) != BB_DECIMAL_OK))
        return BB_REGISTRY_WRONG;
    memcpy(member, &value, sizeof value);
    return BB_REGISTRY_TAKEN;
}

static enum bb_registry_parsed parse_multiplier(struct bb_registry_reader *reader,
                                                struct bb_span text, void *member) {
    struct bb_decimal value;
    enum bb_registry_parsed parsed = parse_decimal(reader, text, &value);

    if (parsed == BB_REGISTRY_TAKEN && value.mantissa <= 0)
        return BB_REGISTRY_WRONG;
    if (parsed == BB_REGISTRY_TAKEN)
        memcpy(member, &value, sizeof value);
    return parsed;
}

/* All digits, and only those that there were: 5 × 10^3 may not become 5000. */
static void format_decimal(const void *member, struct bb_buffer *out) {
    struct bb_decimal value = *(const struct bb_decimal *)member;
    char text[BB_DECIMAL_TEXT_MAX];

    if (value.exponent > 0)
        bb_buffer_format(out, "%" PRId64 "e%d", value.mantissa, value.exponent);
    else
        bb_buffer_append(out, text, bb_decimal_format(value, false, text));
}

static bool equal_decimals(const void *a, const void *b) {
    return bb_decimal_equal(*(const struct bb_decimal *)a, *(const struct bb_decimal *)b);
}

/* Whole millionths, so that nothing is rounded unseen. */
static enum bb_registry_parsed parse_weight(struct bb_registry_reader *reader, struct bb_span text,
                                            void *member) {
    struct bb_decimal value, exact;
    enum bb_registry_parsed parsed = parse_decimal(reader, text, &value);

    if (parsed != BB_REGISTRY_TAKEN)
        return parsed;
    if (!bb_wide_to_decimal(value.mantissa, value.exponent, WEIGHT_EXPONENT, &exact) ||
        exact.mantissa < 0 || exact.mantissa > BB_MASTER_WEIGHT_MAX ||
        !bb_decimal_equal(exact, value))
        return BB_REGISTRY_WRONG;
    memcpy(member, &exact.mantissa, sizeof exact.mantissa);
    return BB_REGISTRY_TAKEN;
}

static void format_weight(const void *member, struct bb_buffer *out) {
    char text[BB_DECIMAL_TEXT_MAX];
    size_t size = bb_decimal_format((struct bb_decimal){*(const int64_t *)member, WEIGHT_EXPONENT},
                                    true, text);

    bb_buffer_append(out, text, size);
}

/* The longest beginning of a text that is a number; 0 when there is none. */
static size_t parse_leading_decimal(struct bb_registry_reader *reader, struct bb_span text,
                                    struct bb_decimal *value) {
    size_t size = text.size < BB_DECIMAL_TEXT_MAX ? text.size : BB_DECIMAL_TEXT_MAX;

    while (size > 0 &&
           parse_decimal(reader, (struct bb_span){text.data, size}, value) != BB_REGISTRY_TAKEN)
        size--;
    return size;
}

/* "17 kW", "2.5 m3/h", "25 A", "3x25 A". */
static enum bb_registry_parsed parse_connection(struct bb_registry_reader *reader,
                                                struct bb_span text, void *member) {
    struct bb_master_connection value = {.phases = 0};
    bool by_phase = text.size > 2 && text.data[0] >= '1' && text.data[0] <= '3' &&
                    (text.data[1] == 'x' || text.data[1] == 'X');

    if (by_phase) {
        value.phases = (uint8_t)(text.data[0] - '0');
        text = bb_span_trim((struct bb_span){text.data + 2, text.size - 2});
    }
    size_t size = parse_leading_decimal(reader, text, &value.value);
    int unit = bb_unit_find((struct bb_span){text.data + size, text.size - size});
    if (size == 0 || value.value.mantissa <= 0 || unit < 0)
        return BB_REGISTRY_WRONG;
    enum bb_dimension dimension = bb_unit_dimension(unit);
    bool current = dimension == BB_DIMENSION_CURRENT;
    if (!current &&
        (by_phase || (dimension != BB_DIMENSION_POWER && dimension != BB_DIMENSION_APPARENT_POWER &&
                      dimension != BB_DIMENSION_FLOW)))
        return BB_REGISTRY_WRONG;
    if (current && !by_phase)
        value.phases = 1;
    value.unit = (uint8_t)unit;
    memcpy(member, &value, sizeof value);
    return BB_REGISTRY_TAKEN;
}

static void format_connection(const void *member, struct bb_buffer *out) {
    const struct bb_master_connection *c = member;

    if (c->value.mantissa == 0)
        return;
    if (c->phases > 1)
        bb_buffer_format(out, "%ux", c->phases);
    format_decimal(&c->value, out);
    bb_buffer_format(out, " %s", bb_unit_symbol(c->unit));
}

static bool equal_connections(const void *left, const void *right) {
    const struct bb_master_connection *a = left, *b = right;

    return a->unit == b->unit && a->phases == b->phases && bb_decimal_equal(a->value, b->value);
}

static enum bb_registry_parsed parse_dials(struct bb_registry_reader *reader, struct bb_span text,
                                           void *member) {
    int value = 0;

    (void)reader;
    if (text.size < 1 || text.size > 2)
        return BB_REGISTRY_WRONG;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return BB_REGISTRY_WRONG;
        value = value * 10 + (text.data[i] - '0');
    }
    return take_id(value <= DIALS_MAX ? value : -1, member);
}

static void format_dials(const void *member, struct bb_buffer *out) {
    if (*(const uint8_t *)member != 0)
        bb_buffer_format(out, "%u", *(const uint8_t *)member);
}

/* ---- times ----------------------------------------------------------------------------------- */

static enum bb_registry_parsed parse_time(struct bb_registry_reader *reader, struct bb_span text,
                                          void *member) {
    int64_t ms, second;

    switch (bb_time_parse_rfc3339(text, &ms)) {
    case BB_TIME_OK: break;
    case BB_TIME_LOCAL:
        if (!reader->zone)
            return BB_REGISTRY_ZONELESS;
        (void)bb_zone_to_utc(reader->zone, ms, &ms, &second); /* of a repeated hour the first */
        break;
    default: return BB_REGISTRY_WRONG;
    }
    if (ms < EARLIEST_MS || ms > LATEST_MS)
        return BB_REGISTRY_WRONG;
    *(int64_t *)member = ms;
    return BB_REGISTRY_TAKEN;
}

static void format_time(const void *member, struct bb_buffer *out) {
    int64_t ms = *(const int64_t *)member;
    char text[BB_TIME_TEXT_MAX];

    if (ms != BB_TIME_NONE)
        bb_buffer_append(out, text, bb_time_format_utc(ms, text));
}

static enum bb_registry_parsed parse_interval(struct bb_registry_reader *reader,
                                              struct bb_span text, void *member) {
    int64_t ms;

    (void)reader;
    if (!bb_duration_parse(text, &ms) || ms < BB_SECOND_MS || ms % BB_SECOND_MS != 0 ||
        ms / BB_SECOND_MS > INTERVAL_MAX_S)
        return BB_REGISTRY_WRONG;
    *(uint32_t *)member = (uint32_t)(ms / BB_SECOND_MS);
    return BB_REGISTRY_TAKEN;
}

static void format_interval(const void *member, struct bb_buffer *out) {
    uint32_t interval_s = *(const uint32_t *)member;
    char text[BB_TIME_TEXT_MAX];

    if (interval_s != 0)
        bb_buffer_append(out, text, bb_duration_format((int64_t)interval_s * BB_SECOND_MS, text));
}

/* The clock on the wall, as the RFC 3339 time of some day. */
static enum bb_registry_parsed parse_day_start(struct bb_registry_reader *reader,
                                               struct bb_span text, void *member) {
    char dated[] = "1970-01-01T00:00:00";
    int64_t ms;

    (void)reader;
    if (text.size != 5 && text.size != 8)
        return BB_REGISTRY_WRONG;
    memcpy(dated + 11, text.data, text.size);
    if (bb_time_parse_rfc3339((struct bb_span){dated, 11 + text.size}, &ms) != BB_TIME_LOCAL ||
        ms >= (int64_t)DAY_S * BB_SECOND_MS)
        return BB_REGISTRY_WRONG;
    *(int32_t *)member = (int32_t)(ms / BB_SECOND_MS);
    return BB_REGISTRY_TAKEN;
}

static void format_day_start(const void *member, struct bb_buffer *out) {
    int32_t s = *(const int32_t *)member;

    if (s == 0)
        return;
    bb_buffer_format(out, "%02d:%02d", s / 3600, s / 60 % 60);
    if (s % 60 != 0)
        bb_buffer_format(out, ":%02d", s % 60);
}

static enum bb_registry_parsed parse_date(struct bb_registry_reader *reader, struct bb_span text,
                                          void *member) {
    int64_t ms;

    (void)reader;
    if (text.size != 10 || bb_time_parse_rfc3339(text, &ms) != BB_TIME_LOCAL || ms < EARLIEST_MS)
        return BB_REGISTRY_WRONG;
    *(int32_t *)member = (int32_t)(ms / BB_DAY_MS);
    return BB_REGISTRY_TAKEN;
}

static void format_date(const void *member, struct bb_buffer *out) {
    struct bb_civil date;

    bb_civil_from_days(*(const int32_t *)member, &date);
    bb_buffer_format(out, "%04d-%02d-%02d", date.year, date.month, date.day);
}

/* The month that a text begins with, which is cut off; 0: none. */
static uint8_t take_month(struct bb_span *text) {
    unsigned month = 0;

    while (text->size > 0 && *text->data >= '0' && *text->data <= '9' && month <= MONTHS) {
        month = month * 10 + (unsigned)(*text->data - '0');
        text->data++;
        text->size--;
    }
    return month <= MONTHS ? (uint8_t)month : 0;
}

/* "5", "11-3". */
static enum bb_registry_parsed parse_season(struct bb_registry_reader *reader, struct bb_span text,
                                            void *member) {
    struct bb_master_season season = {.first = take_month(&text)};

    (void)reader;
    season.last = season.first;
    if (text.size > 1 && *text.data == '-') {
        text.data++;
        text.size--;
        season.last = take_month(&text);
    }
    if (text.size > 0 || season.first == 0 || season.last == 0)
        return BB_REGISTRY_WRONG;
    memcpy(member, &season, sizeof season);
    return BB_REGISTRY_TAKEN;
}

static void format_season(const void *member, struct bb_buffer *out) {
    const struct bb_master_season *season = member;

    bb_buffer_format(out, "%u", season->first);
    if (season->last != season->first)
        bb_buffer_format(out, "-%u", season->last);
}

/* ---- rules ----------------------------------------------------------------------------------- */

static enum bb_registry_parsed parse_hash(struct bb_registry_reader *reader, struct bb_span text,
                                          void *member) {
    bool fine = text.size == BB_RULE_ID_SIZE;

    for (size_t i = 0; fine && i < text.size; i++)
        fine = (text.data[i] >= '0' && text.data[i] <= '9') ||
               (text.data[i] >= 'a' && text.data[i] <= 'f');
    return fine ? keep_text(reader, text, member) : BB_REGISTRY_WRONG;
}

static enum bb_registry_parsed parse_source(struct bb_registry_reader *reader, struct bb_span text,
                                            void *member) {
    return bb_registry_source_fits(text) ? keep_text(reader, text, member) : BB_REGISTRY_WRONG;
}

static enum bb_registry_parsed parse_side(struct bb_registry_reader *reader, struct bb_span text,
                                          void *member) {
    return bb_registry_side_fits(text) ? keep_text(reader, text, member) : BB_REGISTRY_WRONG;
}

static enum bb_registry_parsed parse_parameters(struct bb_registry_reader *reader,
                                                struct bb_span text, void *member) {
    json_t *root = is_text(text, BB_MASTER_PARAMETERS_MAX)
                       ? json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, NULL)
                       : NULL;
    bool fine = json_is_object(root);

    json_decref(root);
    return fine ? keep_text(reader, text, member) : BB_REGISTRY_WRONG;
}

static enum bb_registry_parsed parse_lane(struct bb_registry_reader *reader, struct bb_span text,
                                          void *member) {
    int lane = bb_lane_find(text);

    (void)reader;
    if (lane != BB_LANE_RAW && lane != BB_LANE_VEE)
        return BB_REGISTRY_WRONG;
    *(uint8_t *)member = lane == BB_LANE_RAW;
    return BB_REGISTRY_TAKEN;
}

static void format_lane(const void *member, struct bb_buffer *out) {
    const enum bb_lane lane = *(const uint8_t *)member ? BB_LANE_RAW : BB_LANE_VEE;

    bb_buffer_append_span(out, bb_span_of(bb_lanes[lane].name));
}

static enum bb_registry_parsed parse_window(struct bb_registry_reader *reader, struct bb_span text,
                                            void *member) {
    int64_t ms;

    (void)reader;
    if (!bb_duration_parse(text, &ms) || ms < 0 || ms > WINDOW_MAX_MS)
        return BB_REGISTRY_WRONG;
    *(int64_t *)member = ms;
    return BB_REGISTRY_TAKEN;
}

static void format_window(const void *member, struct bb_buffer *out) {
    char text[BB_TIME_TEXT_MAX];

    if (*(const int64_t *)member != 0)
        bb_buffer_append(out, text, bb_duration_format(*(const int64_t *)member, text));
}

/* Thousandths, written as what they are of one. */
static enum bb_registry_parsed parse_share(struct bb_registry_reader *reader, struct bb_span text,
                                           void *member) {
    struct bb_decimal value, exact;
    enum bb_registry_parsed parsed = parse_decimal(reader, text, &value);

    if (parsed != BB_REGISTRY_TAKEN)
        return parsed;
    if (!bb_wide_to_decimal(value.mantissa, value.exponent, SHARE_EXPONENT, &exact) ||
        exact.mantissa < 0 || exact.mantissa > BB_MASTER_SHARE_ALL ||
        !bb_decimal_equal(exact, value))
        return BB_REGISTRY_WRONG;
    *(uint32_t *)member = (uint32_t)exact.mantissa;
    return BB_REGISTRY_TAKEN;
}

static void format_share(const void *member, struct bb_buffer *out) {
    char text[BB_DECIMAL_TEXT_MAX];
    const struct bb_decimal share = {*(const uint32_t *)member, SHARE_EXPONENT};

    bb_buffer_append(out, text, bb_decimal_format(share, true, text));
}

/* ---- the types ------------------------------------------------------------------------------- */

/* clang-format off */
#define TEXT_TYPE(parse, allowed) \
    {allowed, parse, format_text, equal_texts, sizeof(struct bb_span), false, false}

const struct bb_registry_type
    bb_registry_type_name = TEXT_TYPE(parse_name,
        "1 to 200 bytes of UTF-8 without control characters"),
    bb_registry_type_tenant = TEXT_TYPE(parse_tenant,
        "1 to 64 bytes of UTF-8 without control characters"),
    bb_registry_type_text = TEXT_TYPE(parse_text,
        "up to 1000 bytes of UTF-8 without control characters"),
    bb_registry_type_group = TEXT_TYPE(parse_group,
        "1 to 200 bytes of UTF-8 without control characters, and not \"-\""),
    bb_registry_type_expression = TEXT_TYPE(parse_expression,
        "up to 4000 bytes of UTF-8 without control characters"),
    bb_registry_type_zone = TEXT_TYPE(parse_zone, "an IANA zone such as Europe/Amsterdam"),
    bb_registry_type_obis = TEXT_TYPE(parse_obis, "an OBIS code such as 1-0:1.8.0"),
    bb_registry_type_commodity = {
        "electricity, water, heat, cooling, gas, steam, solar or other",
        parse_commodity, format_commodity, NULL, sizeof(uint8_t), true},
    bb_registry_type_kind = {
        "interval, register, gauge or event",
        parse_kind, format_kind, NULL, sizeof(uint8_t), true},
    bb_registry_type_unit = {
        "a unit such as kWh, m³ or °C (`busbar explain units` lists them)",
        parse_unit, format_unit, NULL, sizeof(int16_t), false},
    bb_registry_type_flag = {
        "true or false",
        parse_flag, format_flag, NULL, sizeof(int8_t), true},
    bb_registry_type_decimal = {
        "a number of at most 18 digits, such as 84211.3",
        parse_decimal, format_decimal, equal_decimals, sizeof(struct bb_decimal), true},
    bb_registry_type_multiplier = {
        "a number greater than 0, of at most 18 digits",
        parse_multiplier, format_decimal, equal_decimals, sizeof(struct bb_decimal), true},
    bb_registry_type_connection = {
        "a power, a flow or the amperes of each phase, such as 17 kW, 2.5 m³/h or 3x25 A",
        parse_connection, format_connection, equal_connections,
        sizeof(struct bb_master_connection), false},
    bb_registry_type_dials = {
        "a whole number from 0 (unknown) to 18",
        parse_dials, format_dials, NULL, sizeof(uint8_t), true},
    bb_registry_type_time = {
        "a time such as 2026-03-04T10:00:00Z, or 2026-03-04 where the usage point has a zone",
        parse_time, format_time, NULL, sizeof(int64_t), true},
    bb_registry_type_interval = {
        "whole seconds up to 366 days, such as 15m, 1h or 1d",
        parse_interval, format_interval, NULL, sizeof(uint32_t), true},
    bb_registry_type_day_start = {
        "a time of day such as 06:00",
        parse_day_start, format_day_start, NULL, sizeof(int32_t), false},
    bb_registry_type_date = {
        "a date such as 2026-04-27",
        parse_date, format_date, NULL, sizeof(int32_t), true},
    bb_registry_type_weight = {
        "a number from 0 to 10000 with at most 6 decimals, such as 12.3",
        parse_weight, format_weight, NULL, sizeof(int64_t), true},
    bb_registry_type_season = {
        "a month from 1 to 12, or the first and the last one of several, such as 11-3",
        parse_season, format_season, NULL, sizeof(struct bb_master_season), true},
    bb_registry_type_hash = TEXT_TYPE(parse_hash, "16 hex digits"),
    bb_registry_type_source = {
        "the text of a Python module, up to 1 MiB of UTF-8",
        parse_source, format_text, equal_texts, sizeof(struct bb_span), false, true},
    bb_registry_type_side = {
        "times and numbers as lines of a CSV file, up to 1 MiB",
        parse_side, format_text, equal_texts, sizeof(struct bb_span), false, true},
    bb_registry_type_parameters = TEXT_TYPE(parse_parameters, "a JSON object such as {\"k\": 8}"),
    bb_registry_type_lane = {
        "raw or vee",
        parse_lane, format_lane, NULL, sizeof(uint8_t), true},
    bb_registry_type_window = {
        "a duration up to 400 days, such as 36h or 7d",
        parse_window, format_window, NULL, sizeof(int64_t), true},
    bb_registry_type_share = {
        "a number from 0 to 1 with at most 3 decimals, such as 0.05",
        parse_share, format_share, NULL, sizeof(uint32_t), true};
/* clang-format on */
