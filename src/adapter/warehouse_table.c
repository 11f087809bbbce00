/* The tables of a warehouse: see warehouse_internal.h. A table more is a row more. docs/sinks.md describes them; columns are
 * named so that no SQL has to quote them, and lengths are bytes, as Redshift counts them. */
#include "adapter/warehouse_internal.h"

#define NAMES                                                                                      \
    {"tenant", "VARCHAR(64) NOT NULL"}, {                                                          \
        "usage_point", "VARCHAR(200) NOT NULL"                                                     \
    }
#define CHANNEL                                                                                    \
    NAMES, {                                                                                       \
        "channel", "VARCHAR(200) NOT NULL"                                                         \
    }
/* What told it: unique, and ascending within a partition. */
#define CAUSE                                                                                      \
    {"recorded", "TIMESTAMP"}, {"partition_id", "INTEGER"}, {                                      \
        "sequence", "BIGINT"                                                                       \
    }

const struct warehouse_table warehouse_tables[WAREHOUSE_TABLES] = {
    [FACT_READING] = {.name = "fact_reading",
                      .columns = {CHANNEL,
                                  {"lane", "VARCHAR(16) NOT NULL"},
                                  {"interval_end", "TIMESTAMP NOT NULL"},
                                  {"statistic", "VARCHAR(8) NOT NULL"},
                                  {"interval_start", "TIMESTAMP"},
                                  {"value", "NUMERIC(38,15)"},
                                  {"mantissa", "BIGINT"},
                                  {"exponent", "SMALLINT"},
                                  {"unit", "VARCHAR(16)"},
                                  {"state", "VARCHAR(16)"},
                                  {"quality", "VARCHAR(1000)"},
                                  CAUSE},
                      .key_count = 6,
                      .gone_count = 6,
                      .distribution = "usage_point",
                      .order = "tenant, usage_point, channel, lane, interval_end"},
    [FACT_EXCEPTION] = {.name = "fact_exception",
                        .columns = {{"partition_id", "INTEGER NOT NULL"},
                                    {"sequence", "BIGINT NOT NULL"},
                                    CHANNEL,
                                    {"check_name", "VARCHAR(32)"},
                                    {"happening", "VARCHAR(8)"},
                                    {"interval_start", "TIMESTAMP"},
                                    {"interval_end", "TIMESTAMP"},
                                    {"evidence_a", "NUMERIC(38,15)"},
                                    {"evidence_b", "NUMERIC(38,15)"},
                                    {"source", "VARCHAR(1000)"},
                                    {"recorded", "TIMESTAMP"}},
                        .key_count = 2,
                        .distribution = "usage_point",
                        .order = "recorded"},
    [DIM_TENANT] = {.name = "dim_tenant",
                    .columns = {{"tenant", "VARCHAR(64) NOT NULL"},
                                {"zone", "VARCHAR(64)"},
                                {"recorded", "TIMESTAMP"}},
                    .key_count = 1,
                    .guard = "recorded"},
    [DIM_USAGE_POINT] = {.name = "dim_usage_point",
                         .columns = {NAMES,
                                     {"commodity", "VARCHAR(16)"},
                                     {"zone", "VARCHAR(64)"},
                                     {"calendar", "VARCHAR(1000)"},
                                     {"customer", "VARCHAR(1000)"},
                                     {"grid_area", "VARCHAR(1000)"},
                                     {"tariff", "VARCHAR(1000)"},
                                     {"recorded", "TIMESTAMP"}},
                         .key_count = 2,
                         .guard = "recorded",
                         .distribution = "usage_point",
                         .order = "tenant, usage_point"},
    [DIM_CHANNEL] = {.name = "dim_channel",
                     .columns = {CHANNEL,
                                 {"obis", "VARCHAR(64)"},
                                 {"kind", "VARCHAR(16)"},
                                 {"commodity", "VARCHAR(16)"},
                                 {"unit", "VARCHAR(16)"},
                                 {"interval_s", "BIGINT"},
                                 {"zone", "VARCHAR(64)"},
                                 {"recorded", "TIMESTAMP"}},
                     .key_count = 3,
                     .distribution = "usage_point",
                     .order = "tenant, usage_point, channel"},
    [DIM_INSTALLATION] = {.name = "dim_installation",
                          .columns = {NAMES,
                                      {"valid_from", "TIMESTAMP NOT NULL"},
                                      {"device", "VARCHAR(1000) NOT NULL"},
                                      {"valid_to", "TIMESTAMP"},
                                      {"multiplier", "NUMERIC(38,15)"},
                                      {"dials", "SMALLINT"},
                                      {"reason", "VARCHAR(1000)"},
                                      {"recorded", "TIMESTAMP"}},
                          .key_count = 4,
                          .gone_count = 2, /* a usage point's are replaced together */
                          .distribution = "usage_point",
                          .order = "tenant, usage_point, valid_from"},
};

size_t bb_warehouse_column_count(const struct warehouse_table *table) {
    size_t count = 0;

    while (count < WAREHOUSE_COLUMNS_MAX && table->columns[count].name)
        count++;
    return count;
}
