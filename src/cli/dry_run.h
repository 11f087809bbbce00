/* A dry run: a file through a whole plant that lives in memory and is forgotten.
 *
 *   file ─► decode ─┬─► the first rows, as they would be stored
 *                   └─► frames ─► log, store, registry in memory ─► the worker ─► exceptions
 *
 * Master data of the real plant (when there is one) is looked up for the usage points that the file
 * names, so that multipliers, zones and kinds are those that would count. What the real plant has
 * stored already is not looked at.
 */
#ifndef BB_CLI_DRY_RUN_H
#define BB_CLI_DRY_RUN_H

#include "service/land.h"

enum { BB_DRY_READINGS_MAX = 100000, BB_DRY_ROWS = 10, BB_DRY_ERRORS = 20 };

struct bb_dry_row { /* a reading; its series is in the table */
    uint32_t series;
    struct bb_attribute attribute;
    int64_t end_ms, mantissa;
};

struct bb_dry_run {
    struct bb_plant plant; /* in memory; one partition */
    struct bb_plant *real; /* NULL: there is none */
    struct bb_land_options land;
    const struct bb_format_row *format;
    struct bb_series_table table;
    struct bb_dry_row rows[BB_DRY_ROWS];
    uint32_t row_count;
    struct bb_error errors[BB_DRY_ERRORS];
    uint32_t error_count;
    uint64_t readings, rejected;
    struct bb_decode_ignored ignored;
    bool enough;           /* there is more in the file than was looked at */
    uint32_t series_known; /* series whose master data was looked up */
    int64_t received_ms;
    struct bb_arena scratch;
    struct bb_buffer body;
};

/* `real` may be NULL; it and `land` stay the caller's. */
int bb_dry_run_open(struct bb_dry_run *run, struct bb_plant *real, const struct bb_config *config,
                    const struct bb_land_options *land, struct bb_error *error) BB_MUST_USE;
void bb_dry_run_close(struct bb_dry_run *run);
/* Negative: the file as a whole cannot be read (`error` says why), or memory is out. */
int bb_dry_run_file(struct bb_dry_run *run, const char *path, struct bb_error *error) BB_MUST_USE;

#endif
