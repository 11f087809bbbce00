/* How files are read: the options that `ingest` and `try` share. */
#ifndef BB_CLI_READING_OPTIONS_H
#define BB_CLI_READING_OPTIONS_H

#include "cli/cli.h"
#include "service/land.h"

struct bb_reading_options {
    int format; /* -1 or 0: detect */
    int kind;   /* -1: not said */
    const char *map;
    const char *zone;
    int64_t interval_ms;
    int precision; /* -1: not said */
};

/* Choices of --format ("auto" and the table of formats), of --kind and of --precision. */
const char *bb_format_choice(int index);
const char *bb_kind_choice(int index);
const char *bb_precision_choice(int index);
/* What was ignored: a line of words that begins so, or nothing when it is nothing; and as the member
 * "ignored" of a JSON object. */
void bb_ignored_line(const struct bb_decode_ignored *ignored, const char *begin,
                     struct bb_buffer *out);
void bb_ignored_json(const struct bb_decode_ignored *ignored, struct bb_json *json);

/* The rows for a table of options whose struct holds a bb_reading_options at `base`. */
#define BB_READING_OPTION_ROWS(base)                                                               \
    {.name = "format",                                                                             \
     .kind = BB_OPTION_CHOICE,                                                                     \
     .offset = (base) + offsetof(struct bb_reading_options, format),                               \
     .choice = bb_format_choice,                                                                   \
     .initial = "auto",                                                                            \
     .help = "of the files"},                                                                      \
        {.name = "map",                                                                            \
         .kind = BB_OPTION_TEXT,                                                                   \
         .offset = (base) + offsetof(struct bb_reading_options, map),                              \
         .value = "FILE",                                                                          \
         .help = "YAML file that says how to read other sources"},                                 \
        {.name = "zone",                                                                           \
         .kind = BB_OPTION_ZONE,                                                                   \
         .offset = (base) + offsetof(struct bb_reading_options, zone),                             \
         .value = "ZONE",                                                                          \
         .help = "of times without offset: Europe/Amsterdam"},                                     \
        {.name = "kind",                                                                           \
         .kind = BB_OPTION_CHOICE,                                                                 \
         .offset = (base) + offsetof(struct bb_reading_options, kind),                             \
         .choice = bb_kind_choice,                                                                 \
         .help = "of values whose kind nothing else says"},                                        \
        {.name = "precision",                                                                      \
         .kind = BB_OPTION_CHOICE,                                                                 \
         .offset = (base) + offsetof(struct bb_reading_options, precision),                        \
         .choice = bb_precision_choice,                                                            \
         .help = "of timestamps in line protocol; ns when nothing says it"},                       \
    {                                                                                              \
        .name = "interval", .kind = BB_OPTION_DURATION,                                            \
        .offset = (base) + offsetof(struct bb_reading_options, interval_ms), .value = "15m",       \
        .min = BB_SECOND_MS, .max = 366 * (int64_t)BB_DAY_MS,                                      \
        .help = "length of intervals when nothing else says it"                                    \
    }

/* Land options from what was given; the map (free it) lives as long as they do. */
int bb_reading_options_apply(const struct bb_reading_options *given, struct bb_land_options *land,
                             struct bb_map **map, struct bb_error *error) BB_MUST_USE;

#endif
