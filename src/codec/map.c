/* Map files: see map.h. Read key by key (map_keys.c), then checked as a whole and turned into what
 * the codecs use. Loaded once per command; immutable afterwards. */
#include "codec/avro_decoder_internal.h"
#include "codec/map_keys_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_LIMIT = 4 << 20, ARENA_CHUNK = 16 << 10, ARENA_LIMIT = 64 << 20 };

/* ---- what hangs together ---- */

static int set_format(struct bb_map *map, const struct bb_map_file *file, struct bb_yaml *yaml,
                      const yaml_node_t *root) {
    map->format = file->format ? file->format : &bb_format_csv;
    map->delimiter = file->delimiter;
    map->decimal = file->decimal;
    map->skip_rows = file->skip_rows;
    map->names = file->names.items;
    map->name_count = file->names.count;
    map->has_header = file->header != BB_HEADER_NO;
    if (map->format != &bb_format_csv &&
        (file->delimiter || file->header || file->names.given || file->skip_rows))
        return bb_yaml_fail(yaml, root,
                            "delimiter, header, names and skip_rows belong to format: csv");
    if (file->avro.node && map->format != &bb_format_avro)
        return bb_yaml_fail(yaml, file->avro.node, "avro belongs to format: avro");
    if (file->names.given && file->names.count == 0)
        return bb_yaml_fail(yaml, root, "names: at least one column is expected");
    if (file->decimal && file->decimal == file->delimiter)
        return bb_yaml_fail(yaml, root, "the decimal point and the delimiter are the same, '%c'",
                            file->decimal);
    if (map->name_count > 0) { /* a header that is there is replaced */
        map->skip_rows += file->header == BB_HEADER_YES;
        map->has_header = false;
    }
    return 0;
}

static int set_missing(struct bb_map *map, const struct bb_map_file *file) {
    map->missing = file->missing.given ? file->missing.items : bb_map_default.missing;
    map->missing_count = file->missing.given ? file->missing.count : bb_map_default.missing_count;
    return 0;
}

/* The style that a format names, or directives. */
static bool set_style(struct bb_map *map, struct bb_span format) {
    static const char *const epochs[] = {"epoch_s", "epoch_ms", "epoch_us", "epoch_ns"};

    if (format.size == 0 || bb_span_equal_nocase(format, BB_SPAN("rfc3339")))
        map->time_style = BB_TIME_STYLE_RFC3339;
    else
        map->time_style = BB_TIME_STYLE_FORMAT;
    for (size_t i = 0; i < sizeof epochs / sizeof *epochs; i++)
        if (bb_span_equal_nocase(format, bb_span_of(epochs[i])))
            map->time_style = (uint8_t)(BB_TIME_STYLE_EPOCH_S + i);
    map->time_format = format;
    return map->time_style != BB_TIME_STYLE_FORMAT || bb_time_format_valid(format);
}

static int set_times(struct bb_map *map, const struct bb_map_times *times, struct bb_yaml *yaml) {
    const bool has_ends = times->start.size > 0 || times->end.size > 0;
    const struct bb_span *single = times->column.size > 0 ? &times->column : &times->date;
    int ways = (times->column.size > 0) + (times->date.size > 0) + has_ends, epoch = -1;

    for (int i = 0; i < (int)(sizeof times->epoch / sizeof *times->epoch); i++)
        if (times->epoch[i].size > 0) {
            ways++;
            epoch = i;
            single = &times->epoch[i];
        }

    if (!times->node)
        return 0;
    map->times_named = true;
    if (ways != 1)
        return bb_yaml_fail(yaml, times->node,
                            "timestamp: exactly one of column, date (with time), epoch_s, "
                            "epoch_ms, epoch_us, epoch_ns, or start and end is expected");
    if ((times->time.size > 0) != (times->date.size > 0))
        return bb_yaml_fail(yaml, times->node, "timestamp: date and time go together");
    if (epoch >= 0 && times->format.size > 0)
        return bb_yaml_fail(yaml, times->node,
                            "timestamp: epoch_s, epoch_ms, epoch_us and epoch_ns take no format");
    if (!set_style(map, times->format))
        return bb_yaml_fail(yaml, times->node,
                            "timestamp: the format \"%.*s\" has a directive that is not known; %%Y "
                            "%%m %%d %%H %%M %%S %%f %%z %%b %%j and the like are, or epoch_s, "
                            "epoch_ms, epoch_us, epoch_ns",
                            times->format.size < 80 ? (int)times->format.size : 80,
                            times->format.data);
    if (epoch >= 0)
        map->time_style = (uint8_t)(BB_TIME_STYLE_EPOCH_S + epoch);
    bool at_start = bb_span_equal(times->label, BB_SPAN("start"));
    if (times->label.size > 0 && !at_start && !bb_span_equal(times->label, BB_SPAN("end")))
        return bb_yaml_fail(yaml, times->node, "timestamp: label: start or end is expected");
    if (times->label.size > 0 && has_ends)
        return bb_yaml_fail(yaml, times->node, "timestamp: start and end take no label");
    map->columns[BB_FIELD_START] = has_ends ? times->start : map->columns[BB_FIELD_START];
    map->columns[BB_FIELD_TIMESTAMP] = times->end;
    if (!has_ends)
        map->columns[at_start ? BB_FIELD_START : BB_FIELD_TIMESTAMP] = *single;
    map->columns[BB_FIELD_TIME] = times->time;
    return 0;
}

static int compile_file_pattern(struct bb_map *map, const struct bb_map_usage_point *from,
                                struct bb_yaml *yaml) {
    char problem[200];

    map->usage_point_file = calloc(1, sizeof *map->usage_point_file);
    if (!map->usage_point_file)
        return BB_FAIL(yaml->error, BB_E_NO_MEMORY, "no memory for a pattern");
    /* bb_arena_copy ends texts in a NUL. */
    int outcome = regcomp(map->usage_point_file, from->file.data, REG_EXTENDED);
    if (outcome != 0) {
        regerror(outcome, map->usage_point_file, problem, sizeof problem);
        free(map->usage_point_file);
        map->usage_point_file = NULL;
        return bb_yaml_fail(yaml, from->node,
                            "usage_point: file is no extended regular expression: %s", problem);
    }
    if (map->usage_point_file->re_nsub != 1)
        return bb_yaml_fail(yaml, from->node,
                            "usage_point: file has exactly one group ( ), around the usage point, "
                            "as in \"^meter_(.*)\\.csv$\"");
    return 0;
}

static int set_usage_point(struct bb_map *map, const struct bb_map_usage_point *from,
                           struct bb_yaml *yaml) {
    int ways = (from->column.size > 0) + (from->value.size > 0) + (from->file.size > 0);

    if (!from->node)
        return 0;
    if (ways != 1)
        return bb_yaml_fail(yaml, from->node,
                            "usage_point: exactly one of column, value or file is expected");
    if (map->columns[BB_FIELD_USAGE_POINT].size > 0)
        return bb_yaml_fail(yaml, from->node,
                            "the usage point stands under `usage_point:` and under `columns:`");
    if (from->value.size > 0 && bb_name_check(from->value, "usage point", yaml->error) != 0) {
        bb_error_locate(yaml->error, yaml->name, from->node->start_mark.line + 1);
        return -(int)yaml->error->code;
    }
    map->columns[BB_FIELD_USAGE_POINT] = from->column;
    map->usage_point = from->value;
    return from->file.size > 0 ? compile_file_pattern(map, from, yaml) : 0;
}

/* What a channel leaves open, the map's own keys say. */
static void complete_rule(struct bb_channel_rule *rule, const struct bb_channel_rule *defaults) {
    if (rule->kind == BB_KIND_UNKNOWN)
        rule->kind = defaults->kind;
    if (rule->commodity == BB_COMMODITY_UNKNOWN)
        rule->commodity = defaults->commodity;
    if (rule->unit < 0)
        rule->unit = defaults->unit;
    if (rule->interval.seconds == 0)
        rule->interval = defaults->interval;
    if (rule->multiplier.mantissa == 0)
        rule->multiplier = defaults->multiplier;
}

/* Wide: every channel has its column; long: none has, and the rows name them. */
static int set_channels(struct bb_map *map, const struct bb_map_file *file, struct bb_yaml *yaml) {
    const struct bb_map_channels *channels = &file->channels;
    uint32_t with_column = 0, wildcards = 0;

    map->defaults = file->defaults;
    map->channels = channels->items;
    map->channel_count = channels->count;
    for (uint32_t i = 0; i < channels->count; i++) {
        struct bb_channel_rule *rule = &channels->items[i];
        complete_rule(rule, &map->defaults);
        with_column += rule->column.size > 0;
        wildcards += bb_span_equal(rule->column, BB_SPAN("*"));
        if (rule->column.size == 0 && (rule->quality_column.size > 0 ||
                                       rule->unit_column.size > 0 || rule->usage_point_from_header))
            return bb_yaml_fail(
                yaml, channels->node,
                "quality_column, unit_column and usage_point_from need a `column:`");
        if (rule->usage_point_from_header && rule->name.size == 0)
            return bb_yaml_fail(yaml, channels->node,
                                "usage_point_from: header needs a `name:` for the channel");
    }
    map->wide = with_column > 0;
    if (with_column > 0 && with_column < channels->count)
        return bb_yaml_fail(yaml, channels->node,
                            "either every channel has a `column:` (a wide file) or none has");
    if (wildcards > 1)
        return bb_yaml_fail(yaml, channels->node, "only one channel can have the column \"*\"");
    if (map->wide &&
        (map->columns[BB_FIELD_VALUE].size > 0 || map->columns[BB_FIELD_CHANNEL].size > 0))
        return bb_yaml_fail(yaml, channels->node,
                            "channels with columns of their own leave nothing for `columns: "
                            "{channel, value}`");
    return 0;
}

static int finish(struct bb_map *map, const struct bb_map_file *file, struct bb_yaml *yaml,
                  const yaml_node_t *root) {
    memcpy(map->columns, file->columns, sizeof map->columns);
    map->units = file->units.items;
    map->unit_count = file->units.count;
    map->qualities = file->qualities.items;
    map->quality_count = file->qualities.count;
    int failure = set_format(map, file, yaml, root);
    if (failure == 0)
        failure = set_missing(map, file);
    if (failure == 0)
        failure = set_times(map, &file->times, yaml);
    if (failure == 0)
        failure = set_usage_point(map, &file->usage_point, yaml);
    if (failure == 0)
        failure = set_channels(map, file, yaml);
    return failure ? failure : bb_map_load_avro(yaml, &file->avro, &map->avro);
}

/* ---- the public face ---- */

static int parse(struct bb_span text, const char *name, bool is_file, struct bb_map **out,
                 struct bb_error *error) {
    struct bb_map *map = calloc(1, sizeof *map);
    struct bb_map_file file = {.defaults = {.unit = -1}};
    struct bb_yaml yaml = {.name = name, .is_file = is_file, .error = error};
    const yaml_node_t *root;

    if (!map)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a map");
    bb_arena_init(&map->arena, ARENA_CHUNK, ARENA_LIMIT);
    yaml.arena = &map->arena;
    int failure = bb_yaml_parse(&yaml, text, &root);
    if (failure == 0) {
        failure = bb_map_read_keys(&yaml, root, &file);
        map->zone = file.zone;
        if (failure == 0)
            failure = finish(map, &file, &yaml, root);
        yaml_document_delete(&yaml.document);
    }
    if (failure) {
        bb_map_free(map);
        return failure;
    }
    *out = map;
    return 0;
}

int bb_map_parse(struct bb_span text, const char *name, struct bb_map **out,
                 struct bb_error *error) {
    return parse(text, name, false, out, error);
}

int bb_map_read_file(const char *path, size_t limit, const char *what, struct bb_buffer *text,
                     struct bb_error *error) {
    FILE *file = fopen(path, "rbe");
    size_t got;

    if (!file)
        return BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "%s cannot be opened", what);
    do {
        got = bb_buffer_reserve(text, 16384) ? fread(text->data + text->size, 1, 16384, file) : 0;
        text->size += got;
    } while (got > 0);
    int failure = 0;
    if (ferror(file))
        failure = BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "%s cannot be read", what);
    else if (text->overflow)
        failure = BB_FAIL(error, BB_E_MAP_INVALID, "%s has more than %zu MiB", what, limit >> 20);
    fclose(file);
    return failure;
}

int bb_map_load(const char *path, struct bb_map **out, struct bb_error *error) {
    struct bb_buffer text;

    bb_buffer_init(&text, FILE_LIMIT);
    int failure = bb_map_read_file(path, FILE_LIMIT, "the map file", &text, error);
    if (failure)
        bb_error_locate(error, path, 0);
    else
        failure = parse(bb_buffer_span(&text), path, true, out, error);
    bb_buffer_release(&text);
    return failure;
}

void bb_map_free(struct bb_map *map) {
    if (!map)
        return;
    if (map->usage_point_file) {
        regfree(map->usage_point_file);
        free(map->usage_point_file);
    }
    bb_avro_form_release(map->avro);
    bb_zone_free(map->zone);
    bb_arena_release(&map->arena);
    free(map);
}

bool bb_map_has_header(const struct bb_map *map) {
    return map->has_header;
}

const struct bb_format_row *bb_map_format(const struct bb_map *map) {
    return map->format;
}

bool bb_map_registry(const struct bb_map *map, struct bb_map_registry *out) {
    if (!map || !map->avro || map->avro->registry.size == 0)
        return false;
    *out = (struct bb_map_registry){
        .address = map->avro->registry.data,
        .user = map->avro->user.data ? map->avro->user.data : "",
        .password_file = map->avro->password_file.data ? map->avro->password_file.data : "",
    };
    return true;
}
