/* What a map says, as the codecs use it. Busbar's own conventions are a map as well
 * (bb_map_default), so that no codec asks whether there is one. */
#ifndef BB_CODEC_MAP_INTERNAL_H
#define BB_CODEC_MAP_INTERNAL_H

#include "codec/fields_internal.h"
#include "codec/map.h"
#include "model/unit.h"

#include <regex.h>

/* The length of an interval. Days, months and years are those of a calendar where a zone is known
 * (ISO 8601: P1D is a day, PT24H are 24 hours); elsewhere they are `seconds`. */
enum bb_interval_step { BB_STEP_SECONDS = 0, BB_STEP_DAYS, BB_STEP_MONTHS };
struct bb_interval {
    uint32_t seconds; /* the nominal length; 0: not said */
    uint16_t count;   /* of days or months */
    uint8_t step;     /* enum bb_interval_step */
};
/* "15m", "1h", "PT15M"; "1d", "P1D", "day"; "month", "P1M"; "year", "P1Y". */
bool bb_interval_parse(struct bb_span text, struct bb_interval *out);

/* How the texts of times are written. */
enum bb_time_style {
    BB_TIME_STYLE_RFC3339 = 0,
    BB_TIME_STYLE_FORMAT,  /* directives, see timestamp.h */
    BB_TIME_STYLE_EPOCH_S, /* in the order of enum bb_precision */
    BB_TIME_STYLE_EPOCH_MS,
    BB_TIME_STYLE_EPOCH_US,
    BB_TIME_STYLE_EPOCH_NS
};
static inline enum bb_precision bb_precision_of_style(int style) {
    return style < BB_TIME_STYLE_EPOCH_S
               ? BB_PRECISION_OWN
               : (enum bb_precision)(style - BB_TIME_STYLE_EPOCH_S + (int)BB_PRECISION_S);
}

/* What a map says of one channel, or of all of them. */
struct bb_channel_rule {
    struct bb_span column; /* of its value; "*": every column that nothing else claims */
    struct bb_span name;   /* empty: the column's name, or what the channel column says */
    struct bb_span quality_column, unit_column;
    struct bb_interval interval;
    struct bb_decimal multiplier; /* mantissa 0: none */
    int16_t unit;                 /* enum bb_unit, -1: not said */
    uint8_t kind, commodity;
    bool usage_point_from_header;
};

/* A text of the source and what it stands for. */
struct bb_translation {
    struct bb_span from, to;
};

struct bb_avro_form;

struct bb_map {
    struct bb_arena arena; /* holds all texts and arrays below */
    const struct bb_format_row *format;
    char delimiter; /* 0: found out from the header */
    char decimal;   /* 0: '.', or ',' where that is no delimiter */
    bool has_header;
    uint32_t skip_rows;
    struct bb_span *names; /* of the columns, when there is no header */
    uint32_t name_count;

    struct bb_zone *zone; /* NULL: not said */
    uint8_t time_style;   /* enum bb_time_style */
    struct bb_span time_format;

    struct bb_span columns[BB_FIELD_COUNT]; /* size 0: the default names */
    bool times_named;                       /* the map says where the times are */
    struct bb_span usage_point;             /* one for the whole file */
    regex_t *usage_point_file;              /* its group 1 in the file's name */

    struct bb_span *missing; /* texts that mean "no value" */
    uint32_t missing_count;
    struct bb_translation *units, *qualities;
    uint32_t unit_count, quality_count;

    struct bb_channel_rule defaults;
    struct bb_channel_rule *channels;
    uint32_t channel_count;
    bool wide; /* channels have columns of their own */

    struct bb_avro_form *avro; /* avro_decoder_internal.h; NULL: not said */
};

extern const struct bb_map bb_map_default;

/* The map of these options, never NULL. */
static inline const struct bb_map *bb_map_of(const struct bb_decode_options *options) {
    return options->map ? options->map : &bb_map_default;
}

/* The same map for a format whose times are numbers: unless it says how they are written, they are of the
 * precision of the options, else of `own`. *out borrows from that map: never released. */
static inline void bb_map_with_precision(const struct bb_decode_options *options,
                                         enum bb_precision own, struct bb_map *out) {
    enum bb_precision told = options->precision ? options->precision : own;

    *out = *bb_map_of(options);
    if (!out->times_named)
        out->time_style = (uint8_t)(BB_TIME_STYLE_EPOCH_S + (int)told - (int)BB_PRECISION_S);
}

/* The zone of times without offset; NULL: none is known. A map is closer to the data than a
 * command line. */
static inline const struct bb_zone *bb_map_zone(const struct bb_decode_options *options) {
    return options->map && options->map->zone ? options->map->zone : options->zone;
}

#endif
