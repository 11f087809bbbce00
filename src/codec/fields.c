/* Names of fields: see fields_internal.h. Called once per header or new key, never per line. */
#include "codec/fields_internal.h"

static const struct field_row {
    const char *names[8]; /* the name itself, then other spellings */
    const char *spellings;
    bool in_map_only;
} rows[BB_FIELD_COUNT] = {
    [BB_FIELD_USAGE_POINT] = {{"usage_point", "meter", "device", "ean", "nmi", "mpan"},
                              "usage_point (or meter, device, ean, nmi, mpan)",
                              false},
    [BB_FIELD_CHANNEL] = {{"channel", "register", "obis"}, "channel (or register, obis)", false},
    [BB_FIELD_TIMESTAMP] = {{"timestamp", "time", "end"},
                            "timestamp (or time, end), or start",
                            false},
    [BB_FIELD_START] = {{"start"}, "start", false},
    [BB_FIELD_VALUE] = {{"value"}, "value", false},
    [BB_FIELD_UNIT] = {{"unit"}, "unit", false},
    [BB_FIELD_QUALITY] = {{"quality"}, "quality", false},
    [BB_FIELD_KIND] = {{"kind"}, "kind", false},
    [BB_FIELD_INTERVAL] = {{"interval"}, "interval", false},
    [BB_FIELD_ISSUED] = {{"issued"}, "issued", false},
    [BB_FIELD_ZONE] = {{"zone"}, "zone", false},
    [BB_FIELD_COMMODITY] = {{"commodity"}, "commodity", false},
    [BB_FIELD_TIME] = {{"time of day"}, "time", true},
};

const char *bb_field_name(enum bb_field field) {
    return rows[field].names[0];
}

const char *bb_field_spellings(enum bb_field field) {
    return rows[field].spellings;
}

static bool is_filler(char c) {
    return c == ' ' || c == '\t' || c == '_' || c == '-';
}

static void skip_filler(struct bb_span *s) {
    while (s->size > 0 && is_filler(*s->data)) {
        s->data++;
        s->size--;
    }
}

bool bb_column_name_equal(struct bb_span a, struct bb_span b) {
    for (;;) {
        skip_filler(&a);
        skip_filler(&b);
        if (a.size == 0 || b.size == 0)
            return a.size == b.size;
        if (bb_char_lower(*a.data) != bb_char_lower(*b.data))
            return false;
        a.data++, a.size--;
        b.data++, b.size--;
    }
}

int bb_field_find(struct bb_span name, bool *alias) {
    for (enum bb_field field = 0; field < BB_FIELD_COUNT; field++) {
        if (rows[field].in_map_only)
            continue;
        for (size_t i = 0; rows[field].names[i]; i++)
            if (bb_column_name_equal(name, bb_span_of(rows[field].names[i]))) {
                *alias = i > 0;
                return (int)field;
            }
    }
    return -1;
}
