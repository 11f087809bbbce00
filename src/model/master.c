/* Packed master data: see master.h. Pure.
 *
 * One table per struct says which member is which field; one encoder and one decoder walk the
 * tables. The bytes:
 *
 *   u8 version = 1 · u8 kind · field*
 *   field:  varint tag << 1 | 0 · zigzag                 a number
 *           varint tag << 1 | 1 · varint size · bytes     a text, a decimal, days, weights, or one
 *                                                         element of a list (itself field*), in list
 *                                                         order
 *
 * A field that holds its `absent` value is not written; a decoder passes over tags it does not
 * know. Whatever the bytes, a decoder reads each of them at most twice per level (to count, then to
 * fill), goes three levels deep and takes its memory from the caller's bounded arena; what it
 * returns keeps the ranges of the table, so that nobody behind it needs to look again.
 */
#include "model/master.h"

#include "base/varint.h"
#include "model/attribute_pack.h"
#include "model/batch.h"
#include "model/calendar.h"
#include "model/unit.h"

enum { MASTER_VERSION = 1, WIRE_NUMBER = 0, WIRE_BYTES = 1 };

enum field_type { NUMBER, TEXT, DECIMAL, DAYS, WEIGHTS, DAY_WEIGHTS, LIST };
enum number_type { U8, I8, I16, U32, I32, I64 };

struct shape;

struct field {
    uint8_t tag; /* stored: append, never renumber */
    uint8_t type;
    uint8_t number; /* enum number_type */
    uint16_t offset;
    uint16_t count_offset;       /* of the uint32_t beside a list */
    int64_t absent, least, most; /* of a number; absent: the mantissa of a decimal; most: bytes of
                                    a text */
    const struct shape *element; /* of a list */
};

struct shape {
    const struct field *fields;
    uint8_t field_count;
    size_t size;
};

#define AT(type, member)     (uint16_t) offsetof(struct type, member)
#define MEMBER(type, member) (((struct type *)0)->member)
/* clang-format off */
#define NUMBER_TYPE(member)                                                                        \
    _Generic((member), uint8_t: U8, int8_t: I8, int16_t: I16, uint32_t: U32, int32_t: I32,         \
             int64_t: I64)
#define NUMBER_FIELD(tag, type, member, absent, least, most)                                       \
    {(tag), NUMBER, NUMBER_TYPE(MEMBER(type, member)), AT(type, member), 0, (absent), (least),     \
     (most), NULL}
#define TEXT_FIELD(tag, type, member, most)                                                        \
    {(tag), TEXT, 0, AT(type, member), 0, 0, 0, (most), NULL}
#define DECIMAL_FIELD(tag, type, member, absent)                                                   \
    {(tag), DECIMAL, 0, AT(type, member), 0, (absent), 0, 0, NULL}
#define DAYS_FIELD(tag, type, member, count)                                                       \
    {(tag), DAYS, 0, AT(type, member), AT(type, count), 0, 0, 0, NULL}
#define WEIGHTS_FIELD(tag, type, member, count)                                                    \
    {(tag), WEIGHTS, 0, AT(type, member), AT(type, count), 0, 0, 0, NULL}
#define DAY_WEIGHTS_FIELD(tag, type, member, count)                                                \
    {(tag), DAY_WEIGHTS, 0, AT(type, member), AT(type, count), 0, 0, 0, NULL}
#define LIST_FIELD(tag, type, member, count, element)                                              \
    {(tag), LIST, 0, AT(type, member), AT(type, count), 0, 0, 0, (element)}
#define SHAPE(type, fields) {(fields), sizeof(fields) / sizeof *(fields), sizeof(struct type)}
/* clang-format on */

enum {
    TENANT_MAX = BB_MASTER_TENANT_MAX,
    NAME_MAX = BB_NAME_MAX,
    ZONE_MAX = BB_ZONE_NAME_MAX - 1,
    TEXT_MAX = BB_MASTER_TEXT_MAX,
    HASH_MAX = 16
};
#define RULE_WINDOW_MAX_MS (400 * (int64_t)BB_DAY_MS)
/* The years 1 to 9999: what a time's text can hold. */
#define EARLIEST_MS (-62135596800000)
#define LATEST_MS   253402300799999
enum { EARLIEST_DAY = -719162, LATEST_DAY = 2932896 };

/* clang-format off */
static const struct field reading_fields[] = {
    TEXT_FIELD   (1, bb_master_reading, channel, NAME_MAX),
    DECIMAL_FIELD(2, bb_master_reading, value, 0),
};
static const struct shape reading = SHAPE(bb_master_reading, reading_fields);

static const struct field installation_fields[] = {
    TEXT_FIELD   (1, bb_master_installation, device, NAME_MAX),
    NUMBER_FIELD (2, bb_master_installation, from_ms, BB_TIME_NONE, EARLIEST_MS, LATEST_MS),
    NUMBER_FIELD (3, bb_master_installation, to_ms, BB_TIME_NONE, EARLIEST_MS, LATEST_MS),
    DECIMAL_FIELD(4, bb_master_installation, multiplier, 1),
    NUMBER_FIELD (5, bb_master_installation, dials, 0, 0, UINT8_MAX),
    TEXT_FIELD   (6, bb_master_installation, reason, TEXT_MAX),
    LIST_FIELD   (7, bb_master_installation, opening, opening_count, &reading),
    LIST_FIELD   (8, bb_master_installation, closing, closing_count, &reading),
    DECIMAL_FIELD(9, bb_master_installation, calorific_value, 0),
    DECIMAL_FIELD(10, bb_master_installation, state_number, 0),
};
static const struct shape installation = SHAPE(bb_master_installation, installation_fields);

static const struct field channel_fields[] = {
    TEXT_FIELD   (1, bb_master_channel, name, NAME_MAX),
    TEXT_FIELD   (2, bb_master_channel, obis, NAME_MAX),
    TEXT_FIELD   (3, bb_master_channel, alias, NAME_MAX),
    NUMBER_FIELD (4, bb_master_channel, kind, 0, 0, BB_KIND_COUNT - 1),
    NUMBER_FIELD (5, bb_master_channel, commodity, 0, 0, BB_COMMODITY_COUNT - 1),
    NUMBER_FIELD (6, bb_master_channel, unit, -1, -1, BB_UNIT_COUNT - 1),
    NUMBER_FIELD (7, bb_master_channel, interval_s, 0, 0, UINT32_MAX),
    NUMBER_FIELD (8, bb_master_channel, one_way, -1, -1, 1),
    TEXT_FIELD   (9, bb_master_channel, profile, NAME_MAX),
};
static const struct shape channel = SHAPE(bb_master_channel, channel_fields);

static const struct field tag_fields[] = {
    TEXT_FIELD   (1, bb_master_tag, key, NAME_MAX),
    TEXT_FIELD   (2, bb_master_tag, value, TEXT_MAX),
};
static const struct shape tag = SHAPE(bb_master_tag, tag_fields);

static const struct field usage_point_fields[] = {
    TEXT_FIELD   (1, bb_master_usage_point, tenant, TENANT_MAX),
    TEXT_FIELD   (2, bb_master_usage_point, name, NAME_MAX),
    TEXT_FIELD   (3, bb_master_usage_point, zone, ZONE_MAX),
    TEXT_FIELD   (4, bb_master_usage_point, calendar, NAME_MAX),
    TEXT_FIELD   (5, bb_master_usage_point, customer, TEXT_MAX),
    TEXT_FIELD   (6, bb_master_usage_point, grid_area, TEXT_MAX),
    TEXT_FIELD   (7, bb_master_usage_point, tariff, TEXT_MAX),
    NUMBER_FIELD (8, bb_master_usage_point, commodity, 0, 0, BB_COMMODITY_COUNT - 1),
    LIST_FIELD   (9, bb_master_usage_point, tags, tag_count, &tag),
    LIST_FIELD  (10, bb_master_usage_point, installations, installation_count, &installation),
    LIST_FIELD  (11, bb_master_usage_point, channels, channel_count, &channel),
    DECIMAL_FIELD(12, bb_master_usage_point, connection.value, 0),
    NUMBER_FIELD(13, bb_master_usage_point, connection.unit, 0, 0, BB_UNIT_COUNT - 1),
    NUMBER_FIELD(14, bb_master_usage_point, connection.phases, 0, 0, 3),
    TEXT_FIELD  (15, bb_master_usage_point, profile, NAME_MAX),
};

static const struct field tenant_fields[] = {
    TEXT_FIELD   (1, bb_master_tenant, name, TENANT_MAX),
    TEXT_FIELD   (2, bb_master_tenant, zone, ZONE_MAX),
};

static const struct field calendar_fields[] = {
    TEXT_FIELD   (1, bb_master_calendar, tenant, TENANT_MAX),
    TEXT_FIELD   (2, bb_master_calendar, name, NAME_MAX),
    TEXT_FIELD   (3, bb_master_calendar, zone, ZONE_MAX),
    NUMBER_FIELD (4, bb_master_calendar, day_start_s, 0, 0, 24 * 3600 - 1),
    DAYS_FIELD   (5, bb_master_calendar, holidays, holiday_count),
};

static const struct field shape_fields[] = {
    NUMBER_FIELD (1, bb_master_shape, season.first, 1, 1, 12),
    NUMBER_FIELD (2, bb_master_shape, season.last, 12, 1, 12),
    WEIGHTS_FIELD(3, bb_master_shape, working, working_count),
    WEIGHTS_FIELD(4, bb_master_shape, saturday, saturday_count),
    WEIGHTS_FIELD(5, bb_master_shape, sunday, sunday_count),
};
static const struct shape day_shape = SHAPE(bb_master_shape, shape_fields);

static const struct field profile_fields[] = {
    TEXT_FIELD   (1, bb_master_profile, tenant, TENANT_MAX),
    TEXT_FIELD   (2, bb_master_profile, name, NAME_MAX),
    DAY_WEIGHTS_FIELD(3, bb_master_profile, days, day_count),
    WEIGHTS_FIELD(4, bb_master_profile, months, month_count),
    LIST_FIELD   (5, bb_master_profile, shapes, shape_count, &day_shape),
};

static const struct field group_fields[] = {
    TEXT_FIELD   (1, bb_master_group, tenant, TENANT_MAX),
    TEXT_FIELD   (2, bb_master_group, name, NAME_MAX),
    TEXT_FIELD   (3, bb_master_group, expression, BB_MASTER_EXPRESSION_MAX),
    TEXT_FIELD   (4, bb_master_group, description, TEXT_MAX),
};

static const struct field side_fields[] = {
    TEXT_FIELD   (1, bb_master_side, name, NAME_MAX),
    TEXT_FIELD   (2, bb_master_side, text, BB_MASTER_SIDE_MAX),
};
static const struct shape side = SHAPE(bb_master_side, side_fields);

static const struct field module_fields[] = {
    TEXT_FIELD   (1, bb_master_module, hash, HASH_MAX),
    TEXT_FIELD   (2, bb_master_module, name, NAME_MAX),
    TEXT_FIELD   (3, bb_master_module, source, BB_MASTER_SOURCE_MAX),
    LIST_FIELD   (4, bb_master_module, sides, side_count, &side),
};
static const struct shape module = SHAPE(bb_master_module, module_fields);

static const struct field rule_other_fields[] = {
    TEXT_FIELD   (1, bb_master_rule_other, name, NAME_MAX),
    TEXT_FIELD   (2, bb_master_rule_other, channel, NAME_MAX),
};
static const struct shape rule_other = SHAPE(bb_master_rule_other, rule_other_fields);

static const struct field rule_output_fields[] = {
    TEXT_FIELD   (1, bb_master_rule_output, name, NAME_MAX),
    NUMBER_FIELD (2, bb_master_rule_output, unit, 0, 0, BB_UNIT_COUNT - 1),
};
static const struct shape rule_output = SHAPE(bb_master_rule_output, rule_output_fields);

static const struct field rule_version_fields[] = {
    TEXT_FIELD   (1, bb_master_rule_version, id, HASH_MAX),
    TEXT_FIELD   (2, bb_master_rule_version, module, HASH_MAX),
    TEXT_FIELD   (3, bb_master_rule_version, function, NAME_MAX),
    TEXT_FIELD   (4, bb_master_rule_version, parameters, BB_MASTER_PARAMETERS_MAX),
    TEXT_FIELD   (5, bb_master_rule_version, environment, HASH_MAX),
    TEXT_FIELD   (6, bb_master_rule_version, channel, NAME_MAX),
    TEXT_FIELD   (7, bb_master_rule_version, by, TEXT_MAX),
    TEXT_FIELD   (8, bb_master_rule_version, reason, TEXT_MAX),
    NUMBER_FIELD (9, bb_master_rule_version, deployed_ms, BB_TIME_NONE, EARLIEST_MS, LATEST_MS),
    NUMBER_FIELD(10, bb_master_rule_version, from_ms, BB_TIME_NONE, EARLIEST_MS, LATEST_MS),
    NUMBER_FIELD(11, bb_master_rule_version, to_ms, BB_TIME_NONE, EARLIEST_MS, LATEST_MS),
    NUMBER_FIELD(12, bb_master_rule_version, window_ms, 0, 0, RULE_WINDOW_MAX_MS),
    NUMBER_FIELD(13, bb_master_rule_version, share, BB_MASTER_SHARE_ALL, 0, BB_MASTER_SHARE_ALL),
    NUMBER_FIELD(14, bb_master_rule_version, commodity, 0, 0, BB_COMMODITY_COUNT - 1),
    LIST_FIELD  (15, bb_master_rule_version, others, other_count, &rule_other),
    LIST_FIELD  (16, bb_master_rule_version, outputs, output_count, &rule_output),
};
static const struct shape rule_version = SHAPE(bb_master_rule_version, rule_version_fields);

static const struct field rule_fields[] = {
    TEXT_FIELD   (1, bb_master_rule, name, NAME_MAX),
    NUMBER_FIELD (2, bb_master_rule, raw, 0, 0, 1),
    LIST_FIELD   (3, bb_master_rule, versions, version_count, &rule_version),
};
static const struct shape rule = SHAPE(bb_master_rule, rule_fields);

static const struct field rules_fields[] = {
    TEXT_FIELD   (1, bb_master_rules, tenant, TENANT_MAX),
    LIST_FIELD   (2, bb_master_rules, modules, module_count, &module),
    LIST_FIELD   (3, bb_master_rules, rules, rule_count, &rule),
};
/* clang-format on */

/* By enum bb_master_kind; 0 is none. All kinds share the union's address. */
static const struct shape entries[] = {
    [BB_MASTER_USAGE_POINT] = SHAPE(bb_master_usage_point, usage_point_fields),
    [BB_MASTER_TENANT] = SHAPE(bb_master_tenant, tenant_fields),
    [BB_MASTER_CALENDAR] = SHAPE(bb_master_calendar, calendar_fields),
    [BB_MASTER_PROFILE] = SHAPE(bb_master_profile, profile_fields),
    [BB_MASTER_GROUP] = SHAPE(bb_master_group, group_fields),
    [BB_MASTER_RULES] = SHAPE(bb_master_rules, rules_fields),
};
enum { ENTRY_KINDS = sizeof entries / sizeof *entries };

/* ---- members --------------------------------------------------------------------------------- */

static int64_t number_load(const struct field *field, const void *member) {
    switch ((enum number_type)field->number) {
    case U8: return *(const uint8_t *)member;
    case I8: return *(const int8_t *)member;
    case I16: return *(const int16_t *)member;
    case U32: return *(const uint32_t *)member;
    case I32: return *(const int32_t *)member;
    case I64: break;
    }
    return *(const int64_t *)member;
}

/* `value` is within the field's range, and that within its type. */
static void number_store(const struct field *field, void *member, int64_t value) {
    switch ((enum number_type)field->number) {
    case U8: *(uint8_t *)member = (uint8_t)value; return;
    case I8: *(int8_t *)member = (int8_t)value; return;
    case I16: *(int16_t *)member = (int16_t)value; return;
    case U32: *(uint32_t *)member = (uint32_t)value; return;
    case I32: *(int32_t *)member = (int32_t)value; return;
    case I64: *(int64_t *)member = value;
    }
}

static bool number_in_range(const struct field *field, int64_t value) {
    return value == field->absent || (value >= field->least && value <= field->most);
}

static bool decimal_in_range(struct bb_decimal value) {
    return value.exponent >= BB_DECIMAL_MIN_EXPONENT && value.exponent <= BB_DECIMAL_MAX_EXPONENT &&
           value.mantissa > -bb_power_of_ten[BB_DECIMAL_MAX_DIGITS] &&
           value.mantissa < bb_power_of_ten[BB_DECIMAL_MAX_DIGITS];
}

/* What a struct is before its fields are read: everything absent. */
static void shape_clear(const struct shape *shape, void *base) {
    for (const struct field *f = shape->fields; f < shape->fields + shape->field_count; f++) {
        if (f->type == NUMBER)
            number_store(f, (char *)base + f->offset, f->absent);
        else if (f->type == DECIMAL)
            ((struct bb_decimal *)((char *)base + f->offset))->mantissa = f->absent;
    }
}

/* ---- encode ---------------------------------------------------------------------------------- */

static void put_key(struct bb_buffer *out, const struct field *field, unsigned wire) {
    bb_put_varint(out, (uint64_t)field->tag << 1 | wire);
}

/* The bytes from `start` on become a sized field: they move up to let the size stand before them.
 */
static void close_sized(struct bb_buffer *out, size_t start) {
    uint8_t head[BB_VARINT_MAX];
    size_t size = out->size - start, head_size = (size_t)(bb_varint_put(head, size) - head);

    if (out->overflow || !bb_buffer_reserve(out, head_size))
        return;
    memmove(out->data + start + head_size, out->data + start, size);
    memcpy(out->data + start, head, head_size);
    out->size += head_size;
}

static bool encode_shape(const struct shape *shape, const void *base, struct bb_buffer *out);

static bool encode_number(const struct field *field, const char *base, struct bb_buffer *out) {
    int64_t value = number_load(field, base + field->offset);

    if (value == field->absent)
        return true;
    put_key(out, field, WIRE_NUMBER);
    bb_put_zigzag(out, value);
    return number_in_range(field, value);
}

static bool encode_text(const struct field *field, const char *base, struct bb_buffer *out) {
    const struct bb_span *text = (const struct bb_span *)(base + field->offset);

    if (text->size == 0)
        return true;
    put_key(out, field, WIRE_BYTES);
    bb_put_text(out, *text);
    return text->size <= (size_t)field->most;
}

static bool encode_decimal(const struct field *field, const char *base, struct bb_buffer *out) {
    const struct bb_decimal *value = (const struct bb_decimal *)(base + field->offset);

    if (value->mantissa == field->absent && value->exponent == 0)
        return true;
    put_key(out, field, WIRE_BYTES);
    size_t start = out->size;
    bb_put_zigzag(out, value->exponent);
    bb_put_zigzag(out, value->mantissa);
    close_sized(out, start);
    return decimal_in_range(*value);
}

static bool encode_days(const struct field *field, const char *base, struct bb_buffer *out) {
    const int32_t *days = *(int32_t *const *)(base + field->offset);
    uint32_t count = *(const uint32_t *)(base + field->count_offset);
    int64_t before = 0;

    if (count == 0)
        return true;
    put_key(out, field, WIRE_BYTES);
    size_t start = out->size;
    for (uint32_t i = 0; i < count; i++) {
        if (days[i] < EARLIEST_DAY || days[i] > LATEST_DAY)
            return false;
        bb_put_zigzag(out, days[i] - before);
        before = days[i];
    }
    close_sized(out, start);
    return true;
}

static bool is_weight(int64_t weight) {
    return weight >= 0 && weight <= BB_MASTER_WEIGHT_MAX;
}

static bool encode_weights(const struct field *field, const char *base, struct bb_buffer *out) {
    const int64_t *weights = *(int64_t *const *)(base + field->offset);
    uint32_t count = *(const uint32_t *)(base + field->count_offset);

    if (count == 0)
        return true;
    put_key(out, field, WIRE_BYTES);
    size_t start = out->size;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_weight(weights[i]))
            return false;
        bb_put_varint(out, (uint64_t)weights[i]);
    }
    close_sized(out, start);
    return true;
}

static bool encode_day_weights(const struct field *field, const char *base, struct bb_buffer *out) {
    const struct bb_master_day_weight *days = *(
        struct bb_master_day_weight *const *)(base + field->offset);
    uint32_t count = *(const uint32_t *)(base + field->count_offset);
    int64_t before = 0;

    if (count == 0)
        return true;
    put_key(out, field, WIRE_BYTES);
    size_t start = out->size;
    for (uint32_t i = 0; i < count; i++) {
        if (days[i].day < EARLIEST_DAY || days[i].day > LATEST_DAY || !is_weight(days[i].weight))
            return false;
        bb_put_zigzag(out, days[i].day - before);
        bb_put_varint(out, (uint64_t)days[i].weight);
        before = days[i].day;
    }
    close_sized(out, start);
    return true;
}

static bool encode_list(const struct field *field, const char *base, struct bb_buffer *out) {
    const char *element = *(const char *const *)(base + field->offset);
    uint32_t count = *(const uint32_t *)(base + field->count_offset);

    for (uint32_t i = 0; i < count; i++, element += field->element->size) {
        put_key(out, field, WIRE_BYTES);
        size_t start = out->size;
        if (!encode_shape(field->element, element, out))
            return false;
        close_sized(out, start);
    }
    return true;
}

/* ---- decode ---------------------------------------------------------------------------------- */

enum decode_result { DECODE_OK = 0, DECODE_DAMAGED, DECODE_NO_MEMORY };

static enum decode_result decode_shape(const struct shape *shape, struct bb_span bytes,
                                       struct bb_arena *arena, void *base);

static enum decode_result decode_text(const struct field *field, struct bb_span bytes,
                                      struct bb_arena *arena, char *base) {
    (void)arena;
    *(struct bb_span *)(base + field->offset) = bytes;
    return bytes.size <= (size_t)field->most ? DECODE_OK : DECODE_DAMAGED;
}

static enum decode_result decode_decimal(const struct field *field, struct bb_span bytes,
                                         struct bb_arena *arena, char *base) {
    struct bb_decimal *value = (struct bb_decimal *)(base + field->offset);
    struct bb_cursor in = bb_cursor_over(bytes);
    int64_t exponent = bb_cursor_zigzag(&in);

    (void)arena;
    if (exponent < BB_DECIMAL_MIN_EXPONENT || exponent > BB_DECIMAL_MAX_EXPONENT)
        return DECODE_DAMAGED;
    value->exponent = (int8_t)exponent;
    value->mantissa = bb_cursor_zigzag(&in);
    return !in.failed && in.at == in.end && decimal_in_range(*value) ? DECODE_OK : DECODE_DAMAGED;
}

static enum decode_result decode_days(const struct field *field, struct bb_span bytes,
                                      struct bb_arena *arena, char *base) {
    struct bb_cursor in = bb_cursor_over(bytes);
    int32_t *days = bb_arena_take_array(arena, bytes.size, sizeof *days); /* a byte or more each */
    uint32_t count = 0;
    int64_t day = 0;

    if (!days)
        return DECODE_NO_MEMORY;
    while (in.at < in.end) {
        if (__builtin_add_overflow(day, bb_cursor_zigzag(&in), &day) || day < EARLIEST_DAY ||
            day > LATEST_DAY)
            return DECODE_DAMAGED;
        days[count++] = (int32_t)day;
    }
    *(int32_t **)(base + field->offset) = days;
    *(uint32_t *)(base + field->count_offset) = count;
    return in.failed ? DECODE_DAMAGED : DECODE_OK;
}

/* How many varints stand there: each ends in a byte without the upper bit. */
static size_t count_varints(struct bb_span bytes) {
    size_t count = 0;

    for (size_t i = 0; i < bytes.size; i++)
        count += ((uint8_t)bytes.data[i] & 0x80) == 0;
    return count;
}

static int64_t take_weight(struct bb_cursor *in) {
    uint64_t weight = bb_cursor_varint(in);

    in->failed |= weight > (uint64_t)BB_MASTER_WEIGHT_MAX;
    return (int64_t)weight;
}

static enum decode_result decode_weights(const struct field *field, struct bb_span bytes,
                                         struct bb_arena *arena, char *base) {
    struct bb_cursor in = bb_cursor_over(bytes);
    size_t most = count_varints(bytes);
    int64_t *weights = bb_arena_take_array(arena, most, sizeof *weights);
    uint32_t count = 0;

    if (!weights)
        return DECODE_NO_MEMORY;
    while (!in.failed && in.at < in.end && count < most)
        weights[count++] = take_weight(&in);
    *(int64_t **)(base + field->offset) = weights;
    *(uint32_t *)(base + field->count_offset) = count;
    return in.failed || in.at < in.end ? DECODE_DAMAGED : DECODE_OK;
}

static enum decode_result decode_day_weights(const struct field *field, struct bb_span bytes,
                                             struct bb_arena *arena, char *base) {
    struct bb_cursor in = bb_cursor_over(bytes);
    size_t most = count_varints(bytes) / 2;
    struct bb_master_day_weight *days = bb_arena_take_array(arena, most, sizeof *days);
    uint32_t count = 0;
    int64_t day = 0;

    if (!days)
        return DECODE_NO_MEMORY;
    while (!in.failed && in.at < in.end && count < most) {
        if (__builtin_add_overflow(day, bb_cursor_zigzag(&in), &day) || day < EARLIEST_DAY ||
            day > LATEST_DAY)
            return DECODE_DAMAGED;
        days[count++] = (struct bb_master_day_weight){(int32_t)day, take_weight(&in)};
    }
    *(struct bb_master_day_weight **)(base + field->offset) = days;
    *(uint32_t *)(base + field->count_offset) = count;
    return in.failed || in.at < in.end ? DECODE_DAMAGED : DECODE_OK;
}

static enum decode_result decode_list(const struct field *field, struct bb_span bytes,
                                      struct bb_arena *arena, char *base) {
    char *elements = *(char **)(base + field->offset);
    uint32_t *count = (uint32_t *)(base + field->count_offset);

    return decode_shape(field->element, bytes, arena, elements + field->element->size * (*count)++);
}

/* How each type goes out and in; a number comes in without bytes of its own. */
static const struct {
    unsigned wire;
    bool (*encode)(const struct field *field, const char *base, struct bb_buffer *out);
    enum decode_result (*decode)(const struct field *field, struct bb_span bytes,
                                 struct bb_arena *arena, char *base);
} types[] = {
    [NUMBER] = {WIRE_NUMBER, encode_number, NULL},
    [TEXT] = {WIRE_BYTES, encode_text, decode_text},
    [DECIMAL] = {WIRE_BYTES, encode_decimal, decode_decimal},
    [DAYS] = {WIRE_BYTES, encode_days, decode_days},
    [WEIGHTS] = {WIRE_BYTES, encode_weights, decode_weights},
    [DAY_WEIGHTS] = {WIRE_BYTES, encode_day_weights, decode_day_weights},
    [LIST] = {WIRE_BYTES, encode_list, decode_list},
};

static bool encode_shape(const struct shape *shape, const void *base, struct bb_buffer *out) {
    for (const struct field *f = shape->fields; f < shape->fields + shape->field_count; f++)
        if (!types[f->type].encode(f, base, out))
            return false;
    return true;
}

/* One field as it stands in the bytes; `field` is NULL when its tag is unknown. */
struct raw_field {
    const struct field *field;
    int64_t number;
    struct bb_span bytes;
};

static bool next_field(struct bb_cursor *in, const struct shape *shape, struct raw_field *out) {
    uint64_t key = bb_cursor_varint(in);
    unsigned wire = (unsigned)(key & 1);

    out->field = NULL;
    for (const struct field *f = shape->fields; f < shape->fields + shape->field_count; f++)
        if (f->tag == key >> 1)
            out->field = f;
    if (wire == WIRE_NUMBER)
        out->number = bb_cursor_zigzag(in);
    else
        out->bytes = bb_cursor_text(in);
    return !in->failed && (!out->field || types[out->field->type].wire == wire);
}

/* Room for each list; decode_list counts up from zero again as it fills them. */
static enum decode_result make_lists(const struct shape *shape, struct bb_span bytes,
                                     struct bb_arena *arena, char *base) {
    struct bb_cursor in = bb_cursor_over(bytes);
    struct raw_field raw;

    while (in.at < in.end) {
        if (!next_field(&in, shape, &raw))
            return DECODE_DAMAGED;
        if (raw.field && raw.field->type == LIST)
            ++*(uint32_t *)(base + raw.field->count_offset);
    }
    for (const struct field *f = shape->fields; f < shape->fields + shape->field_count; f++) {
        if (f->type != LIST)
            continue;
        uint32_t *count = (uint32_t *)(base + f->count_offset);
        if (*count == 0)
            continue;
        void *elements = bb_arena_take_array(arena, *count, f->element->size);
        if (!elements)
            return DECODE_NO_MEMORY;
        *(void **)(base + f->offset) = elements;
        *count = 0;
    }
    return DECODE_OK;
}

/* `base` is zeroed. */
static enum decode_result decode_shape(const struct shape *shape, struct bb_span bytes,
                                       struct bb_arena *arena, void *base) {
    struct bb_cursor in = bb_cursor_over(bytes);
    enum decode_result result = make_lists(shape, bytes, arena, base);
    struct raw_field raw = {0};

    shape_clear(shape, base);
    while (result == DECODE_OK && in.at < in.end) {
        if (!next_field(&in, shape, &raw))
            return DECODE_DAMAGED;
        if (!raw.field)
            continue;
        if (raw.field->type != NUMBER)
            result = types[raw.field->type].decode(raw.field, raw.bytes, arena, base);
        else if (number_in_range(raw.field, raw.number))
            number_store(raw.field, (char *)base + raw.field->offset, raw.number);
        else
            result = DECODE_DAMAGED;
    }
    return result;
}

/* ---- the face -------------------------------------------------------------------------------- */

struct bb_span bb_master_tenant_name(const struct bb_master *master) {
    switch (master->kind) {
    case BB_MASTER_TENANT: return master->tenant.name;
    case BB_MASTER_CALENDAR: return master->calendar.tenant;
    case BB_MASTER_PROFILE: return master->profile.tenant;
    case BB_MASTER_GROUP: return master->group.tenant;
    case BB_MASTER_RULES: return master->rules.tenant;
    default: return master->usage_point.tenant;
    }
}

struct bb_span bb_master_name(const struct bb_master *master) {
    switch (master->kind) {
    case BB_MASTER_TENANT: return master->tenant.name;
    case BB_MASTER_CALENDAR: return master->calendar.name;
    case BB_MASTER_PROFILE: return master->profile.name;
    case BB_MASTER_GROUP: return master->group.name;
    case BB_MASTER_RULES: return master->rules.tenant;
    default: return master->usage_point.name;
    }
}

int bb_master_encode(const struct bb_master *master, struct bb_buffer *out,
                     struct bb_error *error) {
    struct bb_span name = bb_master_name(master);
    uint8_t head[2] = {MASTER_VERSION, (uint8_t)master->kind};

    BB_ASSERT(head[1] > 0 && head[1] < ENTRY_KINDS);
    bb_buffer_append(out, head, sizeof head);
    const char *fault = master->kind == BB_MASTER_PROFILE
                            ? bb_master_profile_fault(&master->profile)
                            : NULL;
    if (fault)
        return BB_FAIL(error, BB_E_REGISTRY_INVALID, "the profile '%.*s' is none: %s",
                       BB_SPAN_ARGS(name), fault);
    if (!encode_shape(&entries[master->kind], &master->usage_point, out))
        return BB_FAIL(error, BB_E_REGISTRY_INVALID,
                       "master data of '%.*s' holds a text that is too long or a number out of "
                       "range",
                       BB_SPAN_ARGS(name));
    if (out->overflow)
        return BB_FAIL(error, BB_E_NO_MEMORY, "master data of '%.*s' does not fit %zu bytes",
                       BB_SPAN_ARGS(name), out->limit_bytes);
    return 0;
}

int bb_master_decode(struct bb_span bytes, struct bb_arena *arena, struct bb_master *out,
                     struct bb_error *error) {
    struct bb_cursor in = bb_cursor_over(bytes);
    uint8_t version = bb_cursor_byte(&in), kind = bb_cursor_byte(&in);

    memset(out, 0, sizeof *out);
    if (in.failed || kind == 0)
        return BB_FAIL(error, BB_E_STORE_CORRUPT, "a master data record is damaged");
    if (version != MASTER_VERSION || kind >= ENTRY_KINDS)
        return BB_FAIL(error, BB_E_VERSION,
                       "a master data record has version %u and kind %u; this busbar reads version "
                       "%d and kinds 1 to %d",
                       version, kind, MASTER_VERSION, ENTRY_KINDS - 1);
    out->kind = kind;
    struct bb_span rest = {(const char *)in.at, bb_cursor_left(&in)};
    enum decode_result result = decode_shape(&entries[kind], rest, arena, &out->usage_point);
    if (result == DECODE_NO_MEMORY)
        return BB_FAIL(error, BB_E_NO_MEMORY,
                       "a master data record of %zu bytes does not fit the batch's memory",
                       bytes.size);
    if (result != DECODE_OK || bb_master_name(out).size == 0 ||
        (kind == BB_MASTER_PROFILE && bb_master_profile_fault(&out->profile)))
        return BB_FAIL(error, BB_E_STORE_CORRUPT, "a master data record is damaged");
    return 0;
}

/* Texts lie in it as they are. */
bool bb_master_may_hold(struct bb_span bytes, const struct bb_span *words, size_t count) {
    size_t held = 0;

    while (held < count && bb_span_has_nocase(bytes, words[held]))
        held++;
    return held == count;
}
