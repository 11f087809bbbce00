/* The words for what a channel is: kinds and commodities. Ids are stored: append only. */
#ifndef BB_MODEL_KIND_H
#define BB_MODEL_KIND_H

#include "base/span.h"

enum bb_kind {
    BB_KIND_UNKNOWN = 0,
    BB_KIND_INTERVAL, /* energy or volume in (start, end] */
    BB_KIND_REGISTER, /* a counter, read at an instant */
    BB_KIND_GAUGE,    /* a measured quantity at an instant */
    BB_KIND_EVENT,
    BB_KIND_COUNT
};

enum bb_commodity {
    BB_COMMODITY_UNKNOWN = 0,
    BB_COMMODITY_ELECTRICITY,
    BB_COMMODITY_WATER,
    BB_COMMODITY_HEAT,
    BB_COMMODITY_COOLING,
    BB_COMMODITY_GAS,
    BB_COMMODITY_STEAM,
    BB_COMMODITY_SOLAR,
    BB_COMMODITY_OTHER,
    BB_COMMODITY_COUNT
};

/* By name, case ignored; -1 when unknown. */
int bb_kind_find(struct bb_span name);
const char *bb_kind_name(int kind);
int bb_commodity_find(struct bb_span name);
const char *bb_commodity_name(int commodity);

#endif
