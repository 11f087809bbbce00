/* A city in a folder: readings*.EXT to be ingested, registry.yaml to be applied, truth.json that says
 * which faults were put where. */
#ifndef BB_CLI_CITY_FOLDER_H
#define BB_CLI_CITY_FOLDER_H

#include "service/city.h"
#include "service/progress.h"

struct bb_city_folder {
    uint32_t parts;    /* files of readings */
    uint64_t lines;    /* in them, headers included */
    uint64_t bytes;
};

/* The folder is made when absent; files of an earlier city with the same names are replaced. */
int bb_city_folder_write(struct bb_city *city, enum bb_city_format format, const char *directory,
                         const struct bb_progress_watch *watch, struct bb_city_folder *out,
                         struct bb_error *error) BB_MUST_USE;

#endif
