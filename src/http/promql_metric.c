/* Names of metrics: see promql_metric.h. Pure; any thread. */
#include "http/promql_metric.h"

#include "model/unit.h"

#include <stdio.h>

static const char *const names[BB_UNIT_COUNT] = {
    [BB_UNIT_NONE] = "value",
    [BB_UNIT_WH] = "energy_watt_hours",
    [BB_UNIT_KWH] = "energy_kilowatt_hours",
    [BB_UNIT_MWH] = "energy_megawatt_hours",
    [BB_UNIT_VARH] = "reactive_energy_var_hours",
    [BB_UNIT_KVARH] = "reactive_energy_kilovar_hours",
    [BB_UNIT_VAH] = "apparent_energy_voltampere_hours",
    [BB_UNIT_KVAH] = "apparent_energy_kilovoltampere_hours",
    [BB_UNIT_W] = "power_watts",
    [BB_UNIT_KW] = "power_kilowatts",
    [BB_UNIT_MW] = "power_megawatts",
    [BB_UNIT_VAR] = "reactive_power_vars",
    [BB_UNIT_KVAR] = "reactive_power_kilovars",
    [BB_UNIT_VA] = "apparent_power_voltamperes",
    [BB_UNIT_KVA] = "apparent_power_kilovoltamperes",
    [BB_UNIT_V] = "voltage_volts",
    [BB_UNIT_KV] = "voltage_kilovolts",
    [BB_UNIT_A] = "current_amperes",
    [BB_UNIT_HZ] = "frequency_hertz",
    [BB_UNIT_J] = "energy_joules",
    [BB_UNIT_KJ] = "energy_kilojoules",
    [BB_UNIT_MJ] = "energy_megajoules",
    [BB_UNIT_GJ] = "energy_gigajoules",
    [BB_UNIT_L] = "volume_liters",
    [BB_UNIT_M3] = "volume_cubic_meters",
    [BB_UNIT_KL] = "volume_kiloliters",
    [BB_UNIT_GAL] = "volume_us_gallons",
    [BB_UNIT_FT3] = "volume_cubic_feet",
    [BB_UNIT_CCF] = "volume_hundred_cubic_feet",
    [BB_UNIT_CELSIUS] = "temperature_celsius",
    [BB_UNIT_FAHRENHEIT] = "temperature_fahrenheit",
    [BB_UNIT_M3_H] = "flow_cubic_meters_per_hour",
    [BB_UNIT_L_H] = "flow_liters_per_hour",
    [BB_UNIT_L_S] = "flow_liters_per_second",
    [BB_UNIT_BAR] = "pressure_bars",
    [BB_UNIT_KPA] = "pressure_kilopascals",
    [BB_UNIT_M3K] = "volume_temperature_cubic_meter_kelvins",
    [BB_UNIT_THERM] = "energy_therms",
};

static int known(int unit) {
    return unit >= 0 && unit < BB_UNIT_COUNT ? unit : BB_UNIT_NONE;
}

struct bb_span bb_promql_metric_name(int unit, bool is_counter,
                                     char text[BB_PROMQL_METRIC_NAME_MAX]) {
    int size = snprintf(text, BB_PROMQL_METRIC_NAME_MAX, "busbar_%s%s", names[known(unit)],
                        is_counter ? "_total" : "");

    BB_ASSERT(size > 0 && size < BB_PROMQL_METRIC_NAME_MAX);
    return (struct bb_span){text, (size_t)size};
}

const char *bb_promql_metric_help(int unit, bool is_counter) {
    static const char *const amounts[BB_DIMENSION_COUNT] = {
        [BB_DIMENSION_NONE] = "Values without a unit: counts, states",
        [BB_DIMENSION_ENERGY] = "Energy of intervals and periods",
        [BB_DIMENSION_REACTIVE_ENERGY] = "Reactive energy of intervals and periods",
        [BB_DIMENSION_APPARENT_ENERGY] = "Apparent energy of intervals and periods",
        [BB_DIMENSION_POWER] = "Power",
        [BB_DIMENSION_REACTIVE_POWER] = "Reactive power",
        [BB_DIMENSION_APPARENT_POWER] = "Apparent power",
        [BB_DIMENSION_VOLTAGE] = "Voltage",
        [BB_DIMENSION_CURRENT] = "Current",
        [BB_DIMENSION_FREQUENCY] = "Frequency",
        [BB_DIMENSION_VOLUME] = "Volume of intervals and periods",
        [BB_DIMENSION_TEMPERATURE] = "Temperature",
        [BB_DIMENSION_FLOW] = "Flow",
        [BB_DIMENSION_PRESSURE] = "Pressure",
        [BB_DIMENSION_VOLUME_TEMPERATURE] = "Volume times temperature, of heat meters",
    };

    return is_counter ? "Registers, as the meter shows them"
                      : amounts[bb_unit_dimension(known(unit))];
}
