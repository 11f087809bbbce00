/* The schema of map files, as tables of keys. docs/formats.md is the same for people.
 *
 * Each reader takes one value and puts it where the table says; what hangs together across keys is
 * checked afterwards (map.c). */
#include "codec/map_keys_internal.h"

#include "model/kind.h"

#include <stdlib.h>

/* A text to be understood, or ("", 0) when the node is none. */
static struct bb_span text_of(const yaml_node_t *node) {
    struct bb_span text = {"", 0};

    if (!bb_yaml_scalar(node, &text))
        return (struct bb_span){"", 0};
    return text;
}

static int read_format(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    static const struct bb_format_row *const formats[] = {
        &bb_format_csv,         &bb_format_ndjson, &bb_format_lineprotocol,
        &bb_format_remotewrite, &bb_format_avro,   NULL};
    const struct bb_format_row **out = target;

    for (size_t i = 0; formats[i]; i++)
        if (bb_span_equal(text_of(node), bb_span_of(formats[i]->name))) {
            *out = formats[i];
            return 0;
        }
    return bb_yaml_fail(yaml, node,
                        "format: csv, ndjson, avro, lineprotocol or remotewrite is expected here");
}

static int read_delimiter(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    static const struct {
        const char *text;
        char delimiter;
    } rows[] = {{",", ','},     {"comma", ','}, {";", ';'},    {"semicolon", ';'},
                {"\t", '\t'},   {"\\t", '\t'},  {"tab", '\t'}, {" ", ' '},
                {"space", ' '}, {"|", '|'},     {"pipe", '|'}};
    char *out = target;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (bb_span_equal(text_of(node), bb_span_of(rows[i].text))) {
            *out = rows[i].delimiter;
            return 0;
        }
    return bb_yaml_fail(yaml, node,
                        "delimiter: \",\" \";\" \"|\" tab or space is expected here, in quotes");
}

static int read_decimal_point(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    struct bb_span text = text_of(node);
    char *out = target;

    if (text.size != 1 || (*text.data != '.' && *text.data != ','))
        return bb_yaml_fail(yaml, node, "decimal: \".\" or \",\" is expected here, in quotes");
    *out = *text.data;
    return 0;
}

static int read_header(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    enum bb_map_header *out = target;
    bool has;

    int failure = bb_yaml_bool(yaml, node, &has);
    if (failure == 0)
        *out = has ? BB_HEADER_YES : BB_HEADER_NO;
    return failure;
}

static int read_kind(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    int kind = bb_kind_find(text_of(node));
    uint8_t *out = target;

    if (kind <= 0)
        return bb_yaml_fail(yaml, node,
                            "kind: interval, register, gauge or event is expected here");
    *out = (uint8_t)kind;
    return 0;
}

static int read_commodity(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    int commodity = bb_commodity_find(text_of(node));
    uint8_t *out = target;

    if (commodity <= 0)
        return bb_yaml_fail(yaml, node,
                            "commodity: electricity, water, heat, cooling, gas, steam, solar or "
                            "other is expected here");
    *out = (uint8_t)commodity;
    return 0;
}

static int read_unit(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    struct bb_span text = text_of(node);
    int unit = bb_unit_find(text);
    int16_t *out = target;

    if (unit < 0) {
        int failure = bb_yaml_fail(yaml, node,
                                   "the unit \"%.*s\" is unknown; `busbar explain units` lists "
                                   "them, and `units:` translates the source's own spellings",
                                   text.size < 40 ? (int)text.size : 40, text.data);
        yaml->error->code = BB_E_UNIT_UNKNOWN;
        return failure < 0 ? -(int)BB_E_UNIT_UNKNOWN : failure;
    }
    *out = (int16_t)unit;
    return 0;
}

static int read_interval(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    if (!bb_interval_parse(text_of(node), target))
        return bb_yaml_fail(yaml, node,
                            "interval: a length of whole seconds such as 15m, 1h, 24h, 1d, PT15M "
                            "or 900, or day, week, month, year is expected here");
    return 0;
}

/* Trailing zeros become part of the exponent, so that × 1000 costs no digits. */
static int read_multiplier(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    struct bb_decimal *out = target;

    if (bb_decimal_parse(text_of(node), '.', out) != BB_DECIMAL_OK || out->mantissa == 0)
        return bb_yaml_fail(yaml, node,
                            "multiplier: an exact decimal such as 0.001 or 40, not 0, is expected "
                            "here");
    while (out->mantissa % 10 == 0 && out->exponent < BB_DECIMAL_MAX_EXPONENT) {
        out->mantissa /= 10;
        out->exponent++;
    }
    return 0;
}

static int read_from_header(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    bool *out = target;

    if (!bb_span_equal(text_of(node), BB_SPAN("header")))
        return bb_yaml_fail(yaml, node, "usage_point_from: header is the only value allowed here");
    *out = true;
    return 0;
}

static int read_zone(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    struct bb_zone **out = target;
    struct bb_span text = text_of(node);
    struct bb_error reason;

    if (text.size > 0 && bb_zone_load(NULL, text, out, &reason) == 0)
        return 0;
    return bb_yaml_fail(yaml, node,
                        "zone: \"%.*s\" is no zone; a name such as Europe/Amsterdam "
                        "or UTC is expected here",
                        text.size < 60 ? (int)text.size : 60, text.data);
}

/* ---- lists ---- */

static const yaml_node_item_t *items_of(const yaml_node_t *node, size_t *count) {
    *count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    return node->data.sequence.items.start;
}

static int read_texts(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    struct bb_texts *out = target;
    size_t count;

    if (node->type != YAML_SEQUENCE_NODE)
        return bb_yaml_fail(yaml, node, "a list is expected here: [\"a\", \"b\"]");
    const yaml_node_item_t *items = items_of(node, &count);
    out->items = bb_arena_take_array(yaml->arena, count + 1, sizeof *out->items);
    if (!out->items)
        return bb_yaml_fail(yaml, node, "the list is too long");
    out->given = true;
    for (size_t i = 0; i < count; i++) {
        /* A plain NULL, NA or ~ in a list of texts means its letters. */
        const yaml_node_t *item = bb_yaml_node(yaml, items[i]);
        struct bb_span text;
        if (!bb_yaml_scalar(item, &text) && item->type != YAML_SCALAR_NODE)
            return bb_yaml_fail(yaml, item, "a text is expected here");
        out->items[i] = bb_arena_copy(yaml->arena, text);
        if (!out->items[i].data)
            return bb_yaml_fail(yaml, item, "the list is too long");
    }
    out->count = (uint32_t)count;
    return 0;
}

/* {theirs: ours, ...}; `check` says whether ours is understood. */
static int read_translations(struct bb_yaml *yaml, const yaml_node_t *node, void *target,
                             bool (*check)(struct bb_span), const char *allowed) {
    struct bb_translations *out = target;

    if (node->type != YAML_MAPPING_NODE)
        return bb_yaml_fail(yaml, node, "a mapping {theirs: ours} is expected here");
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    size_t count = (size_t)(node->data.mapping.pairs.top - pair);
    out->items = bb_arena_take_array(yaml->arena, count + 1, sizeof *out->items);
    for (size_t i = 0; i < count && out->items; i++) {
        int failure = bb_yaml_span(yaml, bb_yaml_node(yaml, pair[i].key), &out->items[i].from);
        if (failure == 0)
            failure = bb_yaml_span(yaml, bb_yaml_node(yaml, pair[i].value), &out->items[i].to);
        if (failure)
            return failure;
        if (!check(out->items[i].to))
            return bb_yaml_fail(yaml, bb_yaml_node(yaml, pair[i].value),
                                "\"%.*s\" is not known; allowed are %s",
                                out->items[i].to.size < 40 ? (int)out->items[i].to.size : 40,
                                out->items[i].to.data, allowed);
    }
    out->count = (uint32_t)count;
    return out->items ? 0 : bb_yaml_fail(yaml, node, "the mapping is too long");
}

static bool is_unit(struct bb_span text) {
    return bb_unit_find(text) >= 0;
}

static bool is_quality(struct bb_span text) {
    struct bb_quality quality;
    return bb_quality_parse(text, &quality);
}

static int read_units(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    return read_translations(yaml, node, target, is_unit, "the units of `busbar explain units`");
}

static int read_qualities(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    return read_translations(yaml, node, target, is_quality,
                             "measured, estimated, edited, substituted, missing, with |final or "
                             "|suspect");
}

/* ---- mappings ---- */

#define COUNT(keys) (sizeof(keys) / sizeof(keys)[0])

static int read_timestamp(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    static const struct bb_yaml_key keys[] = {
        {"column", bb_yaml_name, offsetof(struct bb_map_times, column)},
        {"format", bb_yaml_name, offsetof(struct bb_map_times, format)},
        {"label", bb_yaml_name, offsetof(struct bb_map_times, label)},
        {"date", bb_yaml_name, offsetof(struct bb_map_times, date)},
        {"time", bb_yaml_name, offsetof(struct bb_map_times, time)},
        {"epoch_s", bb_yaml_name, offsetof(struct bb_map_times, epoch[0])},
        {"epoch_ms", bb_yaml_name, offsetof(struct bb_map_times, epoch[1])},
        {"epoch_us", bb_yaml_name, offsetof(struct bb_map_times, epoch[2])},
        {"epoch_ns", bb_yaml_name, offsetof(struct bb_map_times, epoch[3])},
        {"start", bb_yaml_name, offsetof(struct bb_map_times, start)},
        {"end", bb_yaml_name, offsetof(struct bb_map_times, end)},
    };
    struct bb_map_times *times = target;

    times->node = node;
    return bb_yaml_mapping(yaml, node, "timestamp", keys, COUNT(keys), times);
}

static int read_usage_point(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    static const struct bb_yaml_key keys[] = {
        {"column", bb_yaml_name, offsetof(struct bb_map_usage_point, column)},
        {"value", bb_yaml_name, offsetof(struct bb_map_usage_point, value)},
        {"file", bb_yaml_name, offsetof(struct bb_map_usage_point, file)},
    };
    struct bb_map_usage_point *usage_point = target;

    usage_point->node = node;
    return bb_yaml_mapping(yaml, node, "usage_point", keys, COUNT(keys), usage_point);
}

static int read_columns(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    static const struct bb_yaml_key keys[] = {
#define FIELD(name, field) {name, bb_yaml_name, (field) * sizeof(struct bb_span)}
        FIELD("usage_point", BB_FIELD_USAGE_POINT),
        FIELD("channel", BB_FIELD_CHANNEL),
        FIELD("value", BB_FIELD_VALUE),
        FIELD("unit", BB_FIELD_UNIT),
        FIELD("quality", BB_FIELD_QUALITY),
        FIELD("kind", BB_FIELD_KIND),
        FIELD("interval", BB_FIELD_INTERVAL),
        FIELD("issued", BB_FIELD_ISSUED),
        FIELD("zone", BB_FIELD_ZONE),
        FIELD("commodity", BB_FIELD_COMMODITY),
#undef FIELD
    };
    return bb_yaml_mapping(yaml, node, "columns", keys, COUNT(keys), target);
}

static int read_channel(struct bb_yaml *yaml, const yaml_node_t *node,
                        struct bb_channel_rule *rule) {
    static const struct bb_yaml_key keys[] = {
        {"column", bb_yaml_name, offsetof(struct bb_channel_rule, column)},
        {"name", bb_yaml_name, offsetof(struct bb_channel_rule, name)},
        {"kind", read_kind, offsetof(struct bb_channel_rule, kind)},
        {"unit", read_unit, offsetof(struct bb_channel_rule, unit)},
        {"interval", read_interval, offsetof(struct bb_channel_rule, interval)},
        {"commodity", read_commodity, offsetof(struct bb_channel_rule, commodity)},
        {"multiplier", read_multiplier, offsetof(struct bb_channel_rule, multiplier)},
        {"quality_column", bb_yaml_name, offsetof(struct bb_channel_rule, quality_column)},
        {"unit_column", bb_yaml_name, offsetof(struct bb_channel_rule, unit_column)},
        {"usage_point_from", read_from_header,
         offsetof(struct bb_channel_rule, usage_point_from_header)},
    };
    int failure = bb_yaml_mapping(yaml, node, "a channel", keys, COUNT(keys), rule);
    if (failure == 0 && rule->column.size == 0 && rule->name.size == 0)
        return bb_yaml_fail(yaml, node,
                            "a channel needs a `column:`, or a `name:` that the rows "
                            "use");
    return failure;
}

/* The defaults may stand behind the list: each rule is completed when the whole map is read. */
static int read_channels(struct bb_yaml *yaml, const yaml_node_t *node, void *target) {
    struct bb_map_channels *out = target;
    size_t count;

    if (node->type != YAML_SEQUENCE_NODE)
        return bb_yaml_fail(yaml, node, "channels: a list is expected here, of `- {column: ...}`");
    const yaml_node_item_t *items = items_of(node, &count);
    out->node = node;
    out->items = bb_arena_take_array(yaml->arena, count + 1, sizeof *out->items);
    if (!out->items)
        return bb_yaml_fail(yaml, node, "the list is too long");
    for (size_t i = 0; i < count; i++) {
        out->items[i].unit = -1;
        int failure = read_channel(yaml, bb_yaml_node(yaml, items[i]), &out->items[i]);
        if (failure)
            return failure;
    }
    out->count = (uint32_t)count;
    return 0;
}

int bb_map_read_keys(struct bb_yaml *yaml, const yaml_node_t *root, struct bb_map_file *file) {
    static const struct bb_yaml_key keys[] = {
        {"format", read_format, offsetof(struct bb_map_file, format)},
        {"delimiter", read_delimiter, offsetof(struct bb_map_file, delimiter)},
        {"decimal", read_decimal_point, offsetof(struct bb_map_file, decimal)},
        {"header", read_header, offsetof(struct bb_map_file, header)},
        {"names", read_texts, offsetof(struct bb_map_file, names)},
        {"skip_rows", bb_yaml_count, offsetof(struct bb_map_file, skip_rows)},
        {"zone", read_zone, offsetof(struct bb_map_file, zone)},
        {"timestamp", read_timestamp, offsetof(struct bb_map_file, times)},
        {"usage_point", read_usage_point, offsetof(struct bb_map_file, usage_point)},
        {"columns", read_columns, offsetof(struct bb_map_file, columns)},
        {"missing", read_texts, offsetof(struct bb_map_file, missing)},
        {"units", read_units, offsetof(struct bb_map_file, units)},
        {"qualities", read_qualities, offsetof(struct bb_map_file, qualities)},
        {"kind", read_kind, offsetof(struct bb_map_file, defaults.kind)},
        {"interval", read_interval, offsetof(struct bb_map_file, defaults.interval)},
        {"unit", read_unit, offsetof(struct bb_map_file, defaults.unit)},
        {"commodity", read_commodity, offsetof(struct bb_map_file, defaults.commodity)},
        {"multiplier", read_multiplier, offsetof(struct bb_map_file, defaults.multiplier)},
        {"channels", read_channels, offsetof(struct bb_map_file, channels)},
        {"avro", bb_map_read_avro, offsetof(struct bb_map_file, avro)},
    };
    return bb_yaml_mapping(yaml, root, "a map file", keys, COUNT(keys), file);
}
