/* Units: one table of symbols, spellings, dimensions and exact factors (SPEC "Names").
 *
 * A unit's factor to its dimension's base is a rational number; conversion multiplies in 128 bits
 * and divides once, so that it is exact wherever the target has the digits for it.
 */
#ifndef BB_MODEL_UNIT_H
#define BB_MODEL_UNIT_H

#include "model/decimal.h"

/* Ids are stored in blocks and frames: append, never renumber. */
enum bb_unit {
    BB_UNIT_NONE = 0, /* a count, or nothing: "1" */
    BB_UNIT_WH,
    BB_UNIT_KWH,
    BB_UNIT_MWH,
    BB_UNIT_VARH,
    BB_UNIT_KVARH,
    BB_UNIT_VAH,
    BB_UNIT_KVAH,
    BB_UNIT_W,
    BB_UNIT_KW,
    BB_UNIT_MW,
    BB_UNIT_VAR,
    BB_UNIT_KVAR,
    BB_UNIT_VA,
    BB_UNIT_KVA,
    BB_UNIT_V,
    BB_UNIT_KV,
    BB_UNIT_A,
    BB_UNIT_HZ,
    BB_UNIT_J,
    BB_UNIT_KJ,
    BB_UNIT_MJ,
    BB_UNIT_GJ,
    BB_UNIT_L,
    BB_UNIT_M3,
    BB_UNIT_KL,
    BB_UNIT_GAL,
    BB_UNIT_FT3,
    BB_UNIT_CCF,
    BB_UNIT_CELSIUS,
    BB_UNIT_FAHRENHEIT,
    BB_UNIT_M3_H,
    BB_UNIT_L_H,
    BB_UNIT_L_S,
    BB_UNIT_BAR,
    BB_UNIT_KPA,
    BB_UNIT_M3K,
    BB_UNIT_THERM,
    BB_UNIT_COUNT
};

enum bb_dimension {
    BB_DIMENSION_NONE = 0,
    BB_DIMENSION_ENERGY,
    BB_DIMENSION_REACTIVE_ENERGY,
    BB_DIMENSION_APPARENT_ENERGY,
    BB_DIMENSION_POWER,
    BB_DIMENSION_REACTIVE_POWER,
    BB_DIMENSION_APPARENT_POWER,
    BB_DIMENSION_VOLTAGE,
    BB_DIMENSION_CURRENT,
    BB_DIMENSION_FREQUENCY,
    BB_DIMENSION_VOLUME,
    BB_DIMENSION_TEMPERATURE,
    BB_DIMENSION_FLOW,
    BB_DIMENSION_PRESSURE,
    BB_DIMENSION_VOLUME_TEMPERATURE,
    BB_DIMENSION_COUNT
};

/* Find a unit by symbol or alias; case and blanks do not matter ("KWH", "m3", "kvarh").
 * Where case alone tells two symbols apart (mW is none of ours) the table has no clash.
 * Returns -1 when unknown. An empty text is unknown: the caller decides what that means. */
int bb_unit_find(struct bb_span text) BB_MUST_USE;

/* "kWh", "m³"; "1" for BB_UNIT_NONE. */
const char *bb_unit_symbol(int unit);
enum bb_dimension bb_unit_dimension(int unit);
const char *bb_dimension_name(
    enum bb_dimension dimension); /* "energy", "reactive energy", "none" */

/* A therm is 100 000 Btu(IT) = 105.505 585 262 MJ (that of the European Community; the US therm is
 * 0.024 % less). A gallon is the US gallon, ccf are 100 ft³. */

/* The unit in which derived lanes show a dimension when nothing else is configured:
 * kWh, kvarh, kVAh, kW, kvar, kVA, V, A, Hz, m³, °C, m³/h, bar, m³·K, 1. */
enum bb_unit bb_unit_canonical(enum bb_dimension dimension);

/* value (wide, scaled by 10^exponent) from one unit to another of the same dimension as
 * out_numerator / out_denominator × 10^exponent, exactly, temperatures excepted (offset).
 * For temperatures only identity is supported. Returns false across dimensions. */
bool bb_unit_ratio(int from, int to, int64_t *numerator, int64_t *denominator) BB_MUST_USE;

#endif
