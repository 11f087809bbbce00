/* The grammar of a line of InfluxDB's line protocol, piece by piece, without a tree:
 *
 *   measurement[,tag=value...] field=value[,field=value...] [timestamp]
 *
 * Names may hold what separates them behind a backslash; a backslash before anything else is itself.
 * Source: the line protocol reference of InfluxDB (docs.influxdata.com), 1.x to 3.
 */
#ifndef BB_CODEC_LINEPROTOCOL_INTERNAL_H
#define BB_CODEC_LINEPROTOCOL_INTERNAL_H

#include "codec/row_internal.h"

struct bb_line_scan {
    const char *at, *end;       /* of the line, without what ends it */
    struct bb_arena *unescaped; /* names and texts with a backslash, translated */
    const char *problem;        /* when a function fails: what is wrong at `at` */
};

enum bb_line_value {
    BB_LINE_TEXT = 0, /* in quotes */
    BB_LINE_NUMBER,   /* without its suffix i or u; perhaps no number at all */
    BB_LINE_BOOLEAN
};

/* Blank, or a comment. */
bool bb_line_scan_is_empty(struct bb_line_scan *scan);
bool bb_line_scan_measurement(struct bb_line_scan *scan, struct bb_span *out);
/* 1: a tag was read; 0: there are no more; -1: a problem. */
int bb_line_scan_tag(struct bb_line_scan *scan, struct bb_span *key, struct bb_span *value);
/* The same for fields; `first` asks for the one that has to be there. */
int bb_line_scan_field(struct bb_line_scan *scan, bool first, struct bb_span *key,
                       struct bb_span *value, enum bb_line_value *type);
/* Empty when there is none. Nothing may follow. */
bool bb_line_scan_timestamp(struct bb_line_scan *scan, struct bb_span *out);

#endif
