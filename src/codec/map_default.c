/* Busbar's own conventions, said as a map: see map_internal.h and docs/formats.md. */
#include "codec/map_internal.h"

static struct bb_span no_value[] = {{"", 0}};

const struct bb_map bb_map_default = {
    .format = NULL, /* whoever uses it */
    .has_header = true,
    .time_style = BB_TIME_STYLE_RFC3339,
    .missing = no_value,
    .missing_count = 1,
    .defaults = {.unit = -1},
};
