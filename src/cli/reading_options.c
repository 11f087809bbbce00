/* How files are read: see reading_options.h. */
#include "cli/reading_options.h"

#include "codec/map.h"

#include <inttypes.h>

const char *bb_format_choice(int index) {
    if (index == 0)
        return "auto";
    return (size_t)index <= bb_format_count ? bb_formats[index - 1]->name : NULL;
}

const char *bb_kind_choice(int index) {
    return index + 1 < BB_KIND_COUNT ? bb_kind_name(index + 1) : NULL;
}

const char *bb_precision_choice(int index) {
    static const char *const choices[] = {"s", "ms", "us", "ns", NULL};

    return choices[index];
}

#define IGNORED_ROW(member, what)                                                                  \
    { #member, what, offsetof(struct bb_decode_ignored, member) }

static const struct ignored_row {
    const char *name, *what;
    size_t offset;
} ignored_rows[] = {
    IGNORED_ROW(fields, "fields without a number"),
    IGNORED_ROW(stale, "stale marks"),
    IGNORED_ROW(histograms, "histograms"),
    IGNORED_ROW(exemplars, "exemplars"),
    IGNORED_ROW(metadata, "metadata"),
};
enum { IGNORED_ROWS = sizeof ignored_rows / sizeof ignored_rows[0] };

static uint64_t ignored_count(const struct bb_decode_ignored *ignored,
                              const struct ignored_row *row) {
    uint64_t count;

    memcpy(&count, (const char *)ignored + row->offset, sizeof count);
    return count;
}

void bb_ignored_line(const struct bb_decode_ignored *ignored, const char *begin,
                     struct bb_buffer *out) {
    const char *before = begin;

    for (size_t i = 0; i < IGNORED_ROWS; i++) {
        uint64_t count = ignored_count(ignored, &ignored_rows[i]);
        if (count == 0)
            continue;
        bb_buffer_format(out, "%s%s %" PRIu64, before, ignored_rows[i].what, count);
        before = ", ";
    }
    if (before != begin)
        bb_buffer_append_byte(out, '\n');
}

void bb_ignored_json(const struct bb_decode_ignored *ignored, struct bb_json *json) {
    bb_json_key(json, "ignored");
    bb_json_object_begin(json);
    for (size_t i = 0; i < IGNORED_ROWS; i++) {
        uint64_t count = ignored_count(ignored, &ignored_rows[i]);
        if (count > 0)
            bb_json_put_u64(json, ignored_rows[i].name, count);
    }
    bb_json_object_end(json);
}

int bb_reading_options_apply(const struct bb_reading_options *given, struct bb_land_options *land,
                             struct bb_map **map, struct bb_error *error) {
    *map = NULL;
    if (given->interval_ms % BB_SECOND_MS != 0)
        return BB_FAIL(error, BB_E_USAGE, "--interval is a whole number of seconds");
    land->form.format = given->format > 0 ? bb_formats[given->format - 1] : NULL;
    land->form.kind = given->kind >= 0 ? given->kind + 1 : BB_KIND_UNKNOWN;
    land->form.interval_s = (uint32_t)(given->interval_ms / BB_SECOND_MS);
    land->form.precision = given->precision >= 0
                               ? (enum bb_precision)(given->precision + (int)BB_PRECISION_S)
                               : BB_PRECISION_OWN;
    land->form.zone = bb_span_of(given->zone);
    land->clock = bb_clock_system();
    if (!given->map)
        return 0;
    int r = bb_map_load(given->map, map, error);
    land->form.map = *map;
    land->map_path = given->map;
    return r;
}
