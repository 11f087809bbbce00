/* How files are read: see reading_options.h. */
#include "cli/reading_options.h"

#include "codec/map.h"

const char *bb_format_choice(int index) {
    if (index == 0)
        return "auto";
    return (size_t)index <= bb_format_count ? bb_formats[index - 1]->name : NULL;
}

const char *bb_kind_choice(int index) {
    return index + 1 < BB_KIND_COUNT ? bb_kind_name(index + 1) : NULL;
}

int bb_reading_options_apply(const struct bb_reading_options *given, struct bb_land_options *land,
                             struct bb_map **map, struct bb_error *error) {
    *map = NULL;
    if (given->interval_ms % BB_SECOND_MS != 0)
        return BB_FAIL(error, BB_E_USAGE, "--interval is a whole number of seconds");
    land->form.format = given->format > 0 ? bb_formats[given->format - 1] : NULL;
    land->form.kind = given->kind >= 0 ? given->kind + 1 : BB_KIND_UNKNOWN;
    land->form.interval_s = (uint32_t)(given->interval_ms / BB_SECOND_MS);
    land->form.zone = bb_span_of(given->zone);
    land->clock = bb_clock_system();
    if (!given->map)
        return 0;
    int r = bb_map_load(given->map, map, error);
    land->form.map = *map;
    land->map_path = given->map;
    return r;
}
