/* The table of units: see unit.h.
 *
 * One row per unit: symbol, dimension, the exact factor to the dimension's base (J, var·s as varh,
 * W, V, L, L/h, Pa, ...) and the other ways the world writes it. US gallon, cubic foot and therm
 * by their legal definitions:
 *     gal = 231 in³ = 3.785411784 L, ft³ = 28.316846592 L, ccf = 100 ft³;
 *     therm = 100 000 Btu(IT) = 105 505 585.262 J (the therm of the European Community), not the
 *     US therm of 105 480 400 J, which differs by 0.024 %.
 */
#include "model/unit.h"

enum { ALIASES_MAX = 8, FOLDED_MAX = 16 };

struct unit_row {
    const char *symbol;
    enum bb_dimension dimension;
    int64_t numerator, denominator; /* × this = the base of the dimension */
    /* Lower case, without blanks; the symbol itself so folded first. */
    const char *aliases[ALIASES_MAX];
};

/* clang-format off */
#define ROW(unit, symbol, dimension, numerator, denominator, ...) \
    [BB_UNIT_##unit] = {symbol, BB_DIMENSION_##dimension, numerator, denominator, {__VA_ARGS__}}

static const struct unit_row rows[BB_UNIT_COUNT] = {
    ROW(NONE,       "1",     NONE,               1,            1,          "1", "none", "count", "counts"),
    ROW(WH,         "Wh",    ENERGY,             3600,         1,          "wh"),
    ROW(KWH,        "kWh",   ENERGY,             3600000,      1,          "kwh", "kw.h", "kw·h"),
    ROW(MWH,        "MWh",   ENERGY,             3600000000,   1,          "mwh"),
    ROW(VARH,       "varh",  REACTIVE_ENERGY,    1,            1,          "varh"),
    ROW(KVARH,      "kvarh", REACTIVE_ENERGY,    1000,         1,          "kvarh"),
    ROW(VAH,        "VAh",   APPARENT_ENERGY,    1,            1,          "vah"),
    ROW(KVAH,       "kVAh",  APPARENT_ENERGY,    1000,         1,          "kvah"),
    ROW(W,          "W",     POWER,              1,            1,          "w", "watt", "watts"),
    ROW(KW,         "kW",    POWER,              1000,         1,          "kw"),
    ROW(MW,         "MW",    POWER,              1000000,      1,          "mw"),
    ROW(VAR,        "var",   REACTIVE_POWER,     1,            1,          "var"),
    ROW(KVAR,       "kvar",  REACTIVE_POWER,     1000,         1,          "kvar"),
    ROW(VA,         "VA",    APPARENT_POWER,     1,            1,          "va"),
    ROW(KVA,        "kVA",   APPARENT_POWER,     1000,         1,          "kva"),
    ROW(V,          "V",     VOLTAGE,            1,            1,          "v", "volt", "volts"),
    ROW(KV,         "kV",    VOLTAGE,            1000,         1,          "kv"),
    ROW(A,          "A",     CURRENT,            1,            1,          "a", "amp", "ampere", "amps"),
    ROW(HZ,         "Hz",    FREQUENCY,          1,            1,          "hz", "hertz"),
    ROW(J,          "J",     ENERGY,             1,            1,          "j", "joule", "joules"),
    ROW(KJ,         "kJ",    ENERGY,             1000,         1,          "kj"),
    ROW(MJ,         "MJ",    ENERGY,             1000000,      1,          "mj"),
    ROW(GJ,         "GJ",    ENERGY,             1000000000,   1,          "gj"),
    ROW(L,          "L",     VOLUME,             1,            1,          "l", "litre", "litres", "liter", "liters", "ltr", "dm3", "dm³"),
    ROW(M3,         "m³",    VOLUME,             1000,         1,          "m³", "m3", "cbm", "m^3"),
    ROW(KL,         "kL",    VOLUME,             1000,         1,          "kl"),
    ROW(GAL,        "gal",   VOLUME,             3785411784,   1000000000, "gal", "gals", "gallon", "gallons", "usgal", "usgallon", "usgallons"),
    ROW(FT3,        "ft³",   VOLUME,             28316846592,  1000000000, "ft³", "ft3", "cf", "ft^3", "cuft", "cubicfeet", "cubicfoot"),
    ROW(CCF,        "ccf",   VOLUME,             28316846592,  10000000,   "ccf", "hcf"),
    ROW(CELSIUS,    "°C",    TEMPERATURE,        1,            1,          "°c", "c", "degc", "celsius", "ºc", "℃"),
    ROW(FAHRENHEIT, "°F",    TEMPERATURE,        1,            1,          "°f", "f", "degf", "fahrenheit", "ºf", "℉"),
    ROW(M3_H,       "m³/h",  FLOW,               1000,         1,          "m³/h", "m3/h", "cbm/h", "m^3/h", "m3ph"),
    ROW(L_H,        "L/h",   FLOW,               1,            1,          "l/h", "lph"),
    ROW(L_S,        "L/s",   FLOW,               3600,         1,          "l/s", "lps"),
    ROW(BAR,        "bar",   PRESSURE,           100000,       1,          "bar", "bars"),
    ROW(KPA,        "kPa",   PRESSURE,           1000,         1,          "kpa"),
    ROW(M3K,        "m³·K",  VOLUME_TEMPERATURE, 1,            1,          "m³·k", "m3·k", "m³k", "m3k", "m3*k", "m³*k"),
    ROW(THERM,      "therm", ENERGY,             105505585262, 1000,       "therm", "therms", "thm"),
};

static const enum bb_unit canonical[BB_DIMENSION_COUNT] = {
    [BB_DIMENSION_NONE] = BB_UNIT_NONE,
    [BB_DIMENSION_ENERGY] = BB_UNIT_KWH,
    [BB_DIMENSION_REACTIVE_ENERGY] = BB_UNIT_KVARH,
    [BB_DIMENSION_APPARENT_ENERGY] = BB_UNIT_KVAH,
    [BB_DIMENSION_POWER] = BB_UNIT_KW,
    [BB_DIMENSION_REACTIVE_POWER] = BB_UNIT_KVAR,
    [BB_DIMENSION_APPARENT_POWER] = BB_UNIT_KVA,
    [BB_DIMENSION_VOLTAGE] = BB_UNIT_V,
    [BB_DIMENSION_CURRENT] = BB_UNIT_A,
    [BB_DIMENSION_FREQUENCY] = BB_UNIT_HZ,
    [BB_DIMENSION_VOLUME] = BB_UNIT_M3,
    [BB_DIMENSION_TEMPERATURE] = BB_UNIT_CELSIUS,
    [BB_DIMENSION_FLOW] = BB_UNIT_M3_H,
    [BB_DIMENSION_PRESSURE] = BB_UNIT_BAR,
    [BB_DIMENSION_VOLUME_TEMPERATURE] = BB_UNIT_M3K,
};
/* clang-format on */

static const struct unit_row *row_of(int unit) {
    BB_ASSERT(unit >= 0 && unit < BB_UNIT_COUNT);
    return &rows[unit];
}

int bb_unit_find(struct bb_span text) {
    char folded[FOLDED_MAX];
    size_t size = 0;

    for (size_t i = 0; i < text.size; i++) {
        if (bb_char_is_blank(text.data[i]))
            continue;
        if (size == sizeof folded - 1 || text.data[i] == '\0')
            return -1;
        folded[size++] = bb_char_lower(text.data[i]);
    }
    if (size == 0)
        return -1;
    folded[size] = '\0';
    for (int unit = 0; unit < BB_UNIT_COUNT; unit++)
        for (int i = 0; i < ALIASES_MAX && rows[unit].aliases[i]; i++)
            if (rows[unit].aliases[i][0] == folded[0] && strcmp(rows[unit].aliases[i], folded) == 0)
                return unit;
    return -1;
}

const char *bb_unit_symbol(int unit) {
    return row_of(unit)->symbol;
}

enum bb_dimension bb_unit_dimension(int unit) {
    return row_of(unit)->dimension;
}

const char *bb_dimension_name(enum bb_dimension dimension) {
    static const char *const names[BB_DIMENSION_COUNT] = {
        [BB_DIMENSION_NONE] = "none",
        [BB_DIMENSION_ENERGY] = "energy",
        [BB_DIMENSION_REACTIVE_ENERGY] = "reactive energy",
        [BB_DIMENSION_APPARENT_ENERGY] = "apparent energy",
        [BB_DIMENSION_POWER] = "power",
        [BB_DIMENSION_REACTIVE_POWER] = "reactive power",
        [BB_DIMENSION_APPARENT_POWER] = "apparent power",
        [BB_DIMENSION_VOLTAGE] = "voltage",
        [BB_DIMENSION_CURRENT] = "current",
        [BB_DIMENSION_FREQUENCY] = "frequency",
        [BB_DIMENSION_VOLUME] = "volume",
        [BB_DIMENSION_TEMPERATURE] = "temperature",
        [BB_DIMENSION_FLOW] = "flow",
        [BB_DIMENSION_PRESSURE] = "pressure",
        [BB_DIMENSION_VOLUME_TEMPERATURE] = "volume by temperature"};

    BB_ASSERT((unsigned)dimension < BB_DIMENSION_COUNT);
    return names[dimension];
}

enum bb_unit bb_unit_canonical(enum bb_dimension dimension) {
    BB_ASSERT((unsigned)dimension < BB_DIMENSION_COUNT);
    return canonical[dimension];
}

static bb_wide greatest_common_divisor(bb_wide a, bb_wide b) {
    while (b) {
        bb_wide rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

bool bb_unit_ratio(int from, int to, int64_t *numerator, int64_t *denominator) {
    const struct unit_row *a = row_of(from), *b = row_of(to);

    if (from == to) {
        *numerator = *denominator = 1;
        return true;
    }
    if (a->dimension != b->dimension || a->dimension == BB_DIMENSION_TEMPERATURE)
        return false;

    bb_wide up = (bb_wide)a->numerator * b->denominator;
    bb_wide down = (bb_wide)a->denominator * b->numerator;
    bb_wide shared = greatest_common_divisor(up, down);
    BB_ASSERT(up / shared <= INT64_MAX && down / shared <= INT64_MAX);
    *numerator = (int64_t)(up / shared);
    *denominator = (int64_t)(down / shared);
    return true;
}
