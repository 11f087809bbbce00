/* See text_decode.h. */
#include "support/text_decode.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

/* What the wrapped decoder adds to the options of decode_dump_run; tests run one at a time. */
static struct {
    const struct text_decode *how;
    const struct bb_format_row *format;
    const struct bb_map *map;
    const struct bb_zone *zone;
} current;

static int decode_wrapped(struct bb_input input, const struct bb_decode_options *given,
                          struct bb_series_table *table, const struct bb_decode_sink *sink,
                          struct bb_error *error) {
    struct bb_decode_options options = *given;

    options.map = current.map;
    options.zone = current.zone;
    options.kind = current.how->kind;
    options.interval_s = current.how->interval_s;
    options.resolve = current.how->resolve;
    return current.format->decode(input, &options, table, sink, error);
}

void text_decode(struct decode_dump *dump, const struct text_decode *how, struct bb_span text) {
    static const struct bb_format_row wrapped = {.name = "wrapped", .decode = decode_wrapped};
    struct decode_source source = {text, how->piece};
    struct bb_map *map = NULL;
    struct bb_zone *zone = NULL;
    struct bb_error error;

    if (how->map)
        cr_assert_eq(bb_map_parse(bb_span_of(how->map), "map.yaml", &map, &error), 0, "%s",
                     error.text);
    if (how->zone)
        cr_assert_eq(bb_zone_load(NULL, bb_span_of(how->zone), &zone, &error), 0, "%s", error.text);
    current.how = how;
    current.map = map;
    current.zone = zone;
    current.format = how->format ? how->format : bb_map_format(map);
    decode_dump_run(dump, &wrapped, decode_source_input(&source),
                    how->source ? how->source : "file");
    bb_map_free(map);
    bb_zone_free(zone);
}

const char *text_decode_refusals(const struct decode_dump *dump) {
    static char text[1024];
    size_t used = 0;
    uint64_t line;
    int code;

    text[0] = '\0';
    for (size_t i = 0; i < dump->refusal_count && used < sizeof text - 40; i++)
        if (sscanf(decode_dump_line(&dump->refusals, i), "%" SCNu64 " BB-%d", &line, &code) == 2)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%" PRIu64 ":%d",
                                     used ? " " : "", line, code);
    return text;
}
