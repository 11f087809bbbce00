/* Generating a city: its readings to a descriptor, or with registry and truth into a folder.
 *
 *   DIR/readings-0001.EXT ...   to be ingested; EXT is ndjson, csv or nem12
 *   DIR/registry.yaml           to be applied
 *   DIR/truth.json              which faults were put where
 */
#ifndef BB_SERVICE_GENERATE_H
#define BB_SERVICE_GENERATE_H

#include "service/city.h"
#include "service/progress.h"

enum { BB_GENERATE_PART_BYTES = 64 << 20 };

struct bb_generate_report {
    uint32_t files; /* of readings */
    uint32_t faults;
    uint64_t bytes; /* of readings */
};

struct bb_generate_options {
    struct bb_city_options city;
    const char *directory; /* made when absent, its parents are not; NULL: to `fd` */
    int fd;
    bool replace;        /* an earlier city may be in the folder: its readings are removed */
    uint64_t part_bytes; /* of a file of readings, at most; 0: BB_GENERATE_PART_BYTES */
    const struct bb_progress_watch *watch; /* told of bytes; may be NULL */
    struct bb_generate_report *report;     /* may be NULL */
};

/* -BB_E_USAGE: an option is out of range, or the folder is not empty and `replace` is not set;
 * nothing was written then. -BB_E_STORE_IO, -BB_E_DISK_FULL, -BB_E_NO_PERMISSION: it cannot be
 * written; what is there may be incomplete, truth.json is written last. */
int bb_generate_run(const struct bb_generate_options *options, struct bb_error *error) BB_MUST_USE;

#endif
