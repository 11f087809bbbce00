/* The fields of a reading, as text sources name them: one table for CSV columns, NDJSON keys and
 * the `columns:` of a map. */
#ifndef BB_CODEC_FIELDS_INTERNAL_H
#define BB_CODEC_FIELDS_INTERNAL_H

#include "base/error.h"
#include "base/span.h"

enum bb_field {
    BB_FIELD_USAGE_POINT = 0,
    BB_FIELD_CHANNEL,
    BB_FIELD_TIMESTAMP, /* the moment, or the end of the interval; a date when TIME is there */
    BB_FIELD_START,     /* of the interval */
    BB_FIELD_VALUE,
    BB_FIELD_UNIT,
    BB_FIELD_QUALITY,
    BB_FIELD_KIND,
    BB_FIELD_INTERVAL,
    BB_FIELD_ISSUED,
    BB_FIELD_ZONE,
    BB_FIELD_COMMODITY,
    BB_FIELD_TIME, /* the time of day beside a date; only a map can say so */
    BB_FIELD_COUNT
};
#define BB_FIELD_BIT(field) (1u << (field))

/* The name people know a field by: "usage_point". */
const char *bb_field_name(enum bb_field field);

/* The field that a column or key of the default conventions names, or -1. Case, blanks, '_' and
 * '-' do not matter. *alias tells other spellings ("meter") from the name itself. */
int bb_field_find(struct bb_span name, bool *alias);

/* Equal as names of columns: case, blanks, '_' and '-' do not matter. */
bool bb_column_name_equal(struct bb_span a, struct bb_span b);

/* What the default conventions call a field, for messages: "usage_point (or meter, device, ean,
 * nmi, mpan)". */
const char *bb_field_spellings(enum bb_field field);

#endif
