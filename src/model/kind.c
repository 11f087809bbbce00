/* The names of kinds and commodities: see kind.h. */
#include "model/kind.h"

static const char *const kind_names[BB_KIND_COUNT] = {
    [BB_KIND_UNKNOWN] = "unknown", [BB_KIND_INTERVAL] = "interval", [BB_KIND_REGISTER] = "register",
    [BB_KIND_GAUGE] = "gauge",     [BB_KIND_EVENT] = "event",
};

static const char *const commodity_names[BB_COMMODITY_COUNT] = {
    [BB_COMMODITY_UNKNOWN] = "unknown", [BB_COMMODITY_ELECTRICITY] = "electricity",
    [BB_COMMODITY_WATER] = "water",     [BB_COMMODITY_HEAT] = "heat",
    [BB_COMMODITY_COOLING] = "cooling", [BB_COMMODITY_GAS] = "gas",
    [BB_COMMODITY_STEAM] = "steam",     [BB_COMMODITY_SOLAR] = "solar",
    [BB_COMMODITY_OTHER] = "other",
};

/* "unknown", the entry 0, is what there is no other word for: nobody may ask for it by name. */
static int find(const char *const *names, int count, struct bb_span name) {
    for (int i = 1; i < count; i++)
        if (bb_span_equal_nocase(bb_span_of(names[i]), name))
            return i;
    return -1;
}

int bb_kind_find(struct bb_span name) {
    return find(kind_names, BB_KIND_COUNT, name);
}

int bb_commodity_find(struct bb_span name) {
    return find(commodity_names, BB_COMMODITY_COUNT, name);
}

const char *bb_kind_name(int kind) {
    return kind_names[kind >= 0 && kind < BB_KIND_COUNT ? kind : BB_KIND_UNKNOWN];
}

const char *bb_commodity_name(int commodity) {
    return commodity_names[commodity >= 0 && commodity < BB_COMMODITY_COUNT ? commodity
                                                                            : BB_COMMODITY_UNKNOWN];
}
